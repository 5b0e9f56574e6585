# Random tables with blocks of many shapes, and random conditions on them.
#
# Each column has a pool of values, some of which no row has.  A block draws few
# of them, so that the zones of blocks differ, and all, some or none of its
# values are NULL.
package RandomQuals;

use strict;
use warnings;

# Columns: type, pool of literals (NULL is drawn besides), and what is asked.
my %columns = (
	i2 => [ 'int2', [ -32768, -5 .. 5, 100, 32767 ], 'order' ],
	i4 => [ 'int4', [ -2147483648, -5 .. 5, 1000, 2147483647 ], 'order' ],
	i8 => [ 'int8', [ '-9223372036854775808', -5 .. 5, '9223372036854775807' ], 'order' ],
	f4 => [ 'float4', [ -1.5, 0, '-0', 0.1, 3, 'NaN', 'Infinity', '-Infinity' ], 'order' ],
	f8 => [ 'float8', [ -1.5, 0, '-0', 0.1, 3, 'NaN', 'Infinity', '-Infinity' ], 'order' ],
	nu => [ 'numeric', [ -1.50, '-1.5', 0, '1.000', 1, 3, 'NaN', 'Infinity', '1' . '0' x 100 ], 'order' ],
	o => [ 'oid', [ 0, 1, 2147483648, 4294967295 ], 'order' ],
	b => [ 'bool', [qw(t f)], 'bool' ],
	d => [ 'date', [qw(2024-01-01 2024-03-30 2024-03-31 2024-04-01 2024-10-27 infinity -infinity)], 'order' ],
	ts => [ 'timestamp', [ '2024-03-31 01:30', '2024-03-31 02:30', '2024-03-31 03:00', '2024-10-27 02:30', '2024-10-27 03:00', '2024-01-01', 'infinity' ], 'order' ],
	tz => [ 'timestamptz', [ '2024-03-31 00:30+00', '2024-03-31 01:00+00', '2024-03-31 01:30+00', '2024-10-27 00:30+00', '2024-10-27 01:30+00', '2024-01-01', 'infinity' ], 'order' ],
	ti => [ 'time', [qw(00:00 12:00 24:00)], 'order' ],
	tt => [ 'timetz', [qw(00:00+00 12:00+02 10:00+00)], 'order' ],
	iv => [ 'interval', [ '1 mon', '30 days', '1 h', '0', '-1 day' ], 'order' ],
	t => [ 'text', [ '', ' ', 'a', 'A', 'b', 'B', 'é', 'ab', 'a' x 63, 'a' x 64, 'a' x 65, 'a' x 65 . 'b', 'z' x 100, "\xef\xbf\xbf" ], 'text' ],
	tc => [ 'text COLLATE "C"', [ '', ' ', 'a', 'A', 'b', 'B', 'é', 'ab', 'a' x 64, 'a' x 65, 'z' x 100 ], 'text' ],
	tn => [ 'text COLLATE caseless', [ '', 'a', 'A', 'b', 'B', 'é', 'É', "e\xcc\x81" ], 'text' ],
	v => [ 'varchar(200)', [ '', ' ', 'a', 'A', 'b', 'a' x 65 ], 'text' ],
	c => [ 'char(70)', [ '', 'a', 'a' x 65, 'A', "a\x01", 'b' ], 'text' ],
	nm => [ 'name', [ '', 'a', 'A', 'b', 'a' x 63 ], 'text' ],
	dom => [ 'word', [ '', 'a', 'A', 'b' ], 'text' ],
	by => [ 'bytea', [ '\x', '\x00', '\xff', '\x' . 'ff' x 65, '\x61', '\x' . '61' x 65 ], 'order' ],
	u => [ 'uuid', [ map { ($_ x 8) . '-0000-0000-0000-000000000000' } qw(0 7 8 f) ], 'order' ],
	ip => [ 'inet', [qw(10.0.0.0/8 10.0.0.0 10.0.0.1 ::1 192.168.0.0/16)], 'order' ],
	ci => [ 'cidr', [qw(10.0.0.0/8 10.1.0.0/16 192.168.0.0/16)], 'order' ],
	bits => [ 'varbit', [ '', 0, 1, '00', '1010' ], 'order' ],
	e => [ 'mood', [qw(low mid high)], 'order' ],
	lsn => [ 'pg_lsn', [qw(0/0 0/FF FF/0)], 'order' ],
	arr => [ 'int[]', [ '{}', '{1}', '{1,2}', '{NULL}' ], 'order' ],
	service => [ 'text', [ 'web', 'db', 'a"b', 'x|y', '', 'W', 'cart' ], 'text' ],
	name => [ 'varchar', [ 'cpu', 'mem', '', 'cpu.x' ], 'text' ],
	labels => [
		'jsonb',
		[
			'{}', '{"env": "prod"}', '{"env": "dev", "pod": "p1"}', '{"env": "prod", "pod": "p2", "n": 1}', '{"env": null}', '{"env": ""}',
			'{"n": 1.0, "env": true}', '{"n": "1"}', '{"n": 0.50, "env": {"a": 1}}', '{"env": [1, "prod"]}', '{"env": {}}', '{"": ""}',
			'["env", "prod"]', '[]', '"env"', '1', 'null', '[{"env": "prod"}]', '[["env"]]', '["n", 1]', '{"é": "ü"}', '{"n": -1e5}'
		],
		'labels'
	],
	dl => [ 'label_domain', [ '{}', '{"env": "prod"}', '{"env": "dev"}', '["env"]' ], 'labels' ],
	p => [ 'profile', [ 'main;f 1', 'main;g 2', 'main;g;h 3', 'x 1', '', 'a\x5cx41;b 1' ], 'profile' ],
	young => [ 'int', [ 1 .. 3 ], 'order' ],
	younger => [ 'text', [qw(d a z)], 'text' ]);
my @later = qw(young younger);
my %comparable = (
	i2 => [qw(int2 int4 int8 numeric float8)],
	i4 => [qw(int2 int4 int8 numeric float8)],
	i8 => [qw(int2 int4 int8 numeric)],
	f4 => [qw(float4 float8)],
	f8 => [qw(float4 float8)],
	d => [qw(date timestamp timestamptz)],
	ts => [qw(date timestamp timestamptz)],
	tz => [qw(date timestamp timestamptz)],
	nm => [qw(name text)],
	t => [qw(text name varchar)],
	tc => [qw(text name)],
	c => [qw(char(70) text)],
	ci => [qw(cidr inet)]);
my @types = qw(order bool text labels profile);

# What is random is so by this, so that a seed gives the same test anywhere.
my $state = 1;

sub seed { $state = $_[0] + 1; return; }

sub rnd
{
	$state = ($state * 1103515245 + 12345) % 2147483648;
	return int($state / 65536) % $_[0];
}

sub pick { return $_[ rnd(scalar @_) ]; }

sub quote
{
	my ($value) = @_;
	$value =~ s/'/''/g;
	return "'$value'";
}

# The definition of the table's columns; those of the second list are added
# when there are blocks.
sub definition
{
	return join ', ', 'id int8', map { "$_ $columns{$_}[0]" } grep { !/^young/ } sort keys %columns;
}

# The rows of a block, as VALUES.
sub rows
{
	my ($first, $count, $with_later) = @_;
	my @names = grep { $with_later || !/^young/ } sort keys %columns;
	my %pool;
	for my $name (@names)
	{
		my $nulls = pick(0, 0, 0, 1, 3, 10);
		my @values = map { pick(@{ $columns{$name}[1] }) } 0 .. pick(0, 0, 1, 2, 5);
		$pool{$name} = sub { return rnd(10) < $nulls ? 'NULL' : quote(pick(@values)); };
	}
	my @rows = map { '(' . join(', ', $first + $_, map { $pool{$_}->() } @names) . ')' } 0 .. $count - 1;
	return '(' . join(', ', 'id', @names) . ') VALUES ' . join ",\n", @rows;
}

# A value as an expression: a literal, or something that is known only when the
# query runs.  %P% is where a parameter may stand.
sub value
{
	my ($literal, $type) = @_;
	my $text = defined $literal ? quote($literal) : 'NULL';
	return pick(
		"$text\::$type", "$text\::$type", "$text\::$type",
		"(SELECT $text\::$type)", "(same($text)::$type)", "(later($text)::$type)",
		"(CASE WHEN now() IS NULL THEN NULL ELSE $text END)::$type");
}

sub some_value
{
	my ($name) = @_;
	my $type = exists $comparable{$name} ? pick(@{ $comparable{$name} }) : $columns{$name}[0] =~ s/ COLLATE.*//r;
	my $base = $columns{$name}[0] =~ s/ COLLATE.*//r;
	my $literal = rnd(15) == 0 ? undef : pick(@{ $columns{$name}[1] });

	return 'NULL::' . $type if !defined $literal;
	if ($type ne $base && $type =~ /int|numeric|float/)
	{
		return value($literal, $type) if $type ne 'int2' && $literal =~ /^-?\d{1,9}$/;
		return value(pick(-5 .. 5), $type);
	}
	return value($literal, $type);
}

sub some_array
{
	my ($name) = @_;
	my $base = $columns{$name}[0] =~ s/ COLLATE.*//r;
	my $n = pick(0, 1, 2, 3, 8);
	my @elements = map { rnd(12) == 0 ? 'NULL' : quote(pick(@{ $columns{$name}[1] })) } 1 .. $n;
	my $type = exists $comparable{$name} && rnd(3) == 0 ? pick(@{ $comparable{$name} }) : $base;
	@elements = map { $_ eq 'NULL' ? $_ : "'" . pick(-5 .. 5) . "'" } @elements if $type ne $base && $type =~ /int|numeric|float/;
	$type = 'bpchar' if $type =~ /^char/;
	my $array = 'ARRAY[' . join(', ', @elements) . "]::$type\[]";
	return pick("(SELECT $array)::$type\[]", "NULL::$type\[]") if rnd(4) == 0;
	return $array;
}

sub collated
{
	my ($name) = @_;
	return $name if $name eq 'nm' || rnd(4) > 0;
	return "$name COLLATE " . pick('"C"', 'caseless', '"default"', '"POSIX"');
}

sub order_qual
{
	my ($name) = @_;
	my $column = $columns{$name}[2] eq 'text' ? collated($name) : $name;
	my $op = pick('=', '=', '=', '<', '<=', '>', '>=', '<>');
	my $kind = rnd(12);

	return "$column IS NULL" if $kind == 0;
	return "$column IS NOT NULL" if $kind == 1;
	return "$column IS DISTINCT FROM " . some_value($name) if $kind == 2;
	return "$column IS NOT DISTINCT FROM " . some_value($name) if $kind == 3;
	return "$column BETWEEN " . some_value($name) . ' AND ' . some_value($name) if $kind == 4;
	return some_value($name) . " $op $column" if $kind == 5;
	if ($kind < 9 && $name ne 'arr' && $name ne 'dom')
	{
		return "$column = ANY (" . some_array($name) . ')' if $kind == 6;
		return "$column <> ALL (" . some_array($name) . ')' if $kind == 7;
		return "$column $op " . pick('ANY', 'ALL') . ' (' . some_array($name) . ')';
	}
	return "$column $op " . some_value($name);
}

sub bool_qual
{
	my ($name) = @_;
	return pick(
		$name, "NOT $name", "$name IS TRUE", "$name IS FALSE", "$name IS NOT TRUE", "$name IS NOT FALSE", "$name IS UNKNOWN",
		"$name IS NOT UNKNOWN", "$name = " . some_value($name), "$name <> " . some_value($name), "($name IS NULL) = false", "$name IS NULL");
}

my @keys = ('env', 'pod', 'n', '', 'é', 'none', 'prod', 'service_name', '__name__');
my @texts = ('prod', 'dev', 'p1', '1', '1.0', '0.50', '0.5', '', 'true', '{"a": 1}', '[1, "prod"]', '{}', '-100000', 'none', 'ü', 'null');

sub labels_qual
{
	my ($name) = @_;
	my $key = value(pick(@keys), 'text');
	my $text = rnd(15) == 0 ? 'NULL::text' : value(pick(@texts), 'text');
	my $json = value(pick(@{ $columns{labels}[1] }), 'jsonb');
	my $scalar = value(pick('"prod"', '1', '1.00', 'true', 'null', '{}', '{"a": 1}', '[1, "prod"]', '""', '"1"'), 'jsonb');
	my $keys = 'ARRAY[' . join(', ', map { rnd(10) ? quote(pick(@keys)) : 'NULL' } 1 .. rnd(4)) . ']::text[]';
	my $texts = 'ARRAY[' . join(', ', map { rnd(10) ? quote(pick(@texts)) : 'NULL' } 1 .. rnd(4)) . ']::text[]';

	return pick(
		"$name \@> $json", "$name \@> $json", "$json <\@ $name", "$name <\@ $json", "$name ? $key", "$name ? $key", "$name ?| $keys", "$name ?& $keys",
		"$name = $json", "$name <> $json", "$name ->> $key = $text", "$name ->> $key = $text", "$text = $name ->> $key", "$name ->> $key <> $text",
		"($name ->> $key) COLLATE caseless = $text", "$name ->> $key IS NOT NULL", "$name ->> $key IS NULL", "$name -> $key IS NOT NULL",
		"$name -> $key = $scalar", "$name -> $key <> $scalar", "$name -> $key \@> $scalar", "$name ->> $key LIKE '%o%'", "$name ->> $key ~ '^p'",
		"length($name ->> $key) > 0", "coalesce($name ->> $key, '') = $text", "$name ->> $key = ANY ($texts)", "$name ->> $key <> ALL ($texts)",
		"lower($name ->> $key) = ANY ($texts)", "($name ->> $key = ANY ($texts)) IS NOT NULL",
		"$name\['env'] = $scalar", "($name -> $key) ? 'a'", "$name #>> ARRAY['env'] = $text", "jsonb_typeof($name) = 'array'", "$name ->> 0 = 'env'",
		"($name ->> $key)::name = 'prod'::name", "$name ->> $key = 'prod'::name", "$name IS NULL", "$name IS NOT NULL", "$name ->> $key > $text",
		"($name ->> $key = $text) IS NOT TRUE", "NOT ($name ? $key)", "NOT $name \@> $json");
}

sub matcher
{
	my $label = pick('service_name', 'service_name', '__name__', '__name__', 'env', 'env', 'pod', 'n', 'none');
	my $value = pick('web', 'db', 'cpu', 'cpu.x', 'prod', 'dev', '1', '1.0', '', 'true', 'none', 'web|db', 'prod|dev|', 'w.*', '.*', '.+', 'x\\\\|y', 'cpu.x|mem', '(?i)w');
	return "$label" . pick('=', '!=', '=~', '!~') . "\"$value\"";
}

sub selector_qual
{
	my $selector = '{' . join(', ', map { matcher() } 1 .. pick(1, 1, 2, 3)) . '}';
	my $service = pick('service', 'service', 'service', "'web'::text", 'name', 'v', 'c::text', 'NULL', 'nm::text');
	my $name = pick('name', 'name', 'name', "'cpu'::text", 'tn', 'dom');
	my $labels = pick('labels', 'labels', 'labels', 'dl', "'{\"env\": \"prod\"}'::jsonb", 'labels || \'{}\'', 'NULL');
	my $call = "pyro.matches($service, $name, $labels, " . (rnd(20) ? value($selector, 'text') : 'NULL::text') . ')';
	return pick($call, $call, $call, "NOT $call", "$call IS NOT TRUE", "$call IS TRUE");
}

sub profile_qual
{
	my ($name) = @_;
	my $function = value(pick('main', 'f', 'g', 'h', 'x', 'none', '', 'aA', 'a\\x41', '\\x'), 'text');
	return pick(
		"$name \@> $function", "$name \@> $function", "NOT ($name \@> $function)", "$name IS NULL", "$name IS NOT NULL", "$name ~ $function",
		"pyro.may_have_frame($name, $function)", "$name = 'main;f 1'::profile");
}

my %makers = (order => \&order_qual, text => \&order_qual, bool => \&bool_qual, labels => \&labels_qual, profile => \&profile_qual);

sub leaf
{
	my $kind = rnd(20);
	return selector_qual() if $kind < 3;
	return pick('true', 'false', 'NULL', "same('x') = 'x'", "(SELECT false)", "later('1')::int = 2", 'random() >= 0', 'id % 2 = 0', 'id IS NOT NULL',
		'i4 < i8', 't = v', 'ROW(i2, i4) < ROW(1, 2)', 'exists(SELECT 1 FROM pg_class c WHERE c.oid = o)', 'CASE WHEN b THEN i4 = 1 ELSE i4 = 2 END',
		't LIKE \'a%\'', 'i4::int8 + 1 = 3', 'i4::int8 = 2', 'i4::oid = 3', 't::bpchar = \'a\'', 'v::name = \'a\'', 'young IS NULL', 'c::text = \'a\'',
		'coalesce(i4, 1) = 1', 'i4 IN (1, 2, i2)', 'e::text = \'low\'', 'greatest(i4, 3) = 3', 'id >= 0')
		if $kind == 3;
	my @of_kind = sort keys %columns;
	@of_kind = qw(labels dl) if $kind < 7;
	my $name = pick(@of_kind);
	return $makers{ $columns{$name}[2] }->($name);
}

# What is asked of a condition that may hold where it is false or NULL.
my @verdicts = (
	'IS NULL', 'IS NOT NULL', 'IS TRUE', 'IS NOT TRUE', 'IS FALSE', 'IS NOT FALSE', 'IS UNKNOWN', 'IS NOT UNKNOWN', '= b', '<> b', '<= b',
	'IS DISTINCT FROM b', '= (id < 0)', "::text = 'false'", '::int = 0', 'IN (b, false)', 'IS NOT DISTINCT FROM false');

# A condition.
sub qual
{
	my ($depth) = @_;
	my $kind = $depth > 0 ? rnd(9) : 0;
	return leaf() if $kind < 3;
	return 'NOT (' . qual($depth - 1) . ')' if $kind == 3;
	return '((' . qual($depth - 1) . ') ' . pick(@verdicts) . ')' if $kind == 8;
	return '(' . join($kind == 4 ? ' OR ' : ' AND ', map { qual($depth - 1) } 0 .. pick(1, 1, 2)) . ')';
}

1;
