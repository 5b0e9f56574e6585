# The Grafana dashboards: every query of every panel and variable is expanded
# as Grafana and its PostgreSQL data source do, and run; its columns must be
# what the panel reads.

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @files = sort glob 'scripts/grafana/*.json';
cmp_ok(scalar @files, '>=', 5, 'there are dashboards');

my $node = PostgreSQL::Test::Cluster->new('dashboards');
$node->init;
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pyro_ext;
	CALL pyro.create_profiles_table('profiles');
	INSERT INTO profiles (ts, service, name, labels, profile)
		SELECT '2024-05-01 12:00:00+00'::timestamptz + m * interval '1 minute', service, name, jsonb_build_object('pod', service || '-1'),
			profile_from_folded(format(E'main;work %s\nmain;runtime.mallocgc 30', 1000 + 10 * m), type, unit)
		FROM generate_series(0, 59) m, unnest('{checkout,"it''s \"odd\"|x"}'::text[]) service,
			(VALUES ('process_cpu', 'cpu', 'nanoseconds'), ('memory', 'inuse_space', 'bytes'), ('goroutine', 'goroutine', 'count')) t (name, type, unit);
	CREATE TABLE canary AS SELECT 1 AS alive;
	CREATE ROLE viewer LOGIN;
	GRANT SELECT ON profiles TO viewer;});

my ($from, $to) = ('2024-05-01T12:00:00Z', '2024-05-01T13:00:00Z');

# ${name:sqlstring} as Grafana writes it: each value in quotes, with its
# quotes doubled.  Any other use of a variable in SQL is unsafe.
sub interpolate
{
	my ($sql, $values) = @_;
	$sql =~ s{\$\{(\w+):sqlstring\}}{
		my $value = $values->{$1};
		die "no variable $1" unless defined $value;
		join ',', map { my $v = $_; $v =~ s/'/''/g; "'$v'" } ref $value ? @$value : $value;
	}ge;
	return $sql;
}

# The macros, which the data source's backend replaces afterwards.
sub expand
{
	my ($sql) = @_;
	$sql =~ s/\$__interval_ms/60000/g;
	$sql =~ s/\$__interval/1m/g;
	$sql =~ s/\$__timeFrom\(\)/'$from'/g;
	$sql =~ s/\$__timeTo\(\)/'$to'/g;
	$sql =~ s/\$__timeFilter\(([^)]*)\)/$1 BETWEEN '$from' AND '$to'/g;
	return $sql;
}

sub dashboard
{
	my ($file) = @_;
	return JSON::PP->new->utf8->decode(slurp_file($file));
}

# All queries of a dashboard: [where, kind of panel, format, SQL].
sub queries
{
	my ($dashboard) = @_;
	my @queries;
	foreach my $variable (@{ $dashboard->{templating}{list} })
	{
		push @queries, [ "variable $variable->{name}", 'variable', 'table', $variable->{query} ]
		  if $variable->{type} eq 'query';
	}
	foreach my $panel (@{ $dashboard->{panels} })
	{
		my @targets = @{ $panel->{targets} };
		# the flame graph panel draws the first frame only
		is(scalar @targets, 1, "$dashboard->{title}, $panel->{title}: one query");
		push @queries, [ $panel->{title}, $panel->{type}, $_->{format}, $_->{rawSql} ] foreach @targets;
	}
	return @queries;
}

# Columns of a query as name => type, and its rows.
sub describe
{
	my ($sql) = @_;
	my ($status, $stdout, $stderr) = $node->psql('postgres', "$sql \\gdesc", connstr => $node->connstr('postgres') . ' user=viewer');
	my ($ran, $rows, $error) = $node->psql('postgres', $sql, connstr => $node->connstr('postgres') . ' user=viewer');
	return ($status || $ran, "$stderr$error", { map { split /\|/, $_, 2 } split /\n/, $stdout }, [ split /\n/, $rows ]);
}

# What psql reports of some statements, with a mark before each.
sub errors_of
{
	my (@statements) = @_;
	return '' if !@statements;
	my $script = join '', map { "\\warn BEGIN\n$_\n;\n" } @statements;
	my ($status, $stdout, $stderr) = $node->psql('postgres', $script, on_error_stop => 0,
		connstr => $node->connstr('postgres') . ' user=viewer');
	return $stderr;
}

my $number = qr/^(?:smallint|integer|bigint|real|double precision|numeric)$/;

sub check_columns
{
	my ($where, $kind, $format, $columns, $rows) = @_;
	if ($kind eq 'flamegraph')
	{
		is($columns->{label}, 'text', "$where: label is text");
		my @numbers = qw(level value self);
		push @numbers, qw(valueRight selfRight) if grep { /right/i } keys %$columns;
		like($columns->{$_} // 'absent', $number, "$where: $_ is a number") foreach @numbers;
		like($rows->[0], qr/^0\|\d+\|\d+\|total\b/, "$where: the root comes first");
		is(scalar(grep { /^0\|/ } @$rows), 1, "$where: there is one root");
		cmp_ok(scalar @$rows, '>', 1, "$where: and more than that");
	}
	elsif ($format eq 'time_series')
	{
		is($columns->{time}, 'timestamp with time zone', "$where: time is a time");
		my @rest = map { $columns->{$_} } grep { $_ ne 'time' } keys %$columns;
		is(scalar(grep { $_ !~ $number && $_ ne 'text' } @rest), 0, "$where: the others are numbers or names");
		cmp_ok(scalar(grep { $_ =~ $number } @rest), '>=', 1, "$where: there is a value");
		my @times = map { (split /\|/, $_)[0] } @$rows;
		is_deeply(\@times, [ sort @times ], "$where: times ascend");
		cmp_ok(scalar @times, '>=', 60, "$where: each minute has a value");
	}
	elsif ($kind eq 'bargauge')
	{
		is(scalar(grep { $_ =~ $number } values %$columns), 1, "$where: one number");
		is(scalar(grep { $_ eq 'text' } values %$columns), 1, "$where: one name");
	}
	elsif ($kind eq 'variable')
	{
		is_deeply([ values %$columns ], ['text'], "$where: one column of text");
	}
	cmp_ok(scalar @$rows, '>=', 1, "$where: has rows");
	is(scalar(grep { $_ !~ $number && $_ !~ /^(?:text|timestamp with time zone)$/ } values %$columns),
		0, "$where: types that the data source knows");
	return;
}

my %usual = (
	table => 'profiles',
	service => [ 'checkout', q{it's "odd"|x} ],
	selector => '{}',
	selector_b => '{pod=~".+"}',
	type => 'process_cpu:cpu:nanoseconds::',
	function => 'runtime.mallocgc',
	max_nodes => '1024',
	shift => '10 minutes',
	norm_by => 'total');

my $run = 0;
foreach my $file (@files)
{
	my $dashboard = dashboard($file);
	my %defined = map { $_->{name} => 1 } @{ $dashboard->{templating}{list} };
	foreach my $query (queries($dashboard))
	{
		my ($where, $kind, $format, $sql) = @$query;
		$where = "$dashboard->{title}, $where";
		$run++;

		# safe by form: variables only as ${x:sqlstring}, all of them defined,
		# and no parentheses in the arguments of macros
		(my $rest = $sql) =~ s/\$\{(\w+):sqlstring\}//g;
		$rest =~ s/\$__(?:interval_ms|timeFrom\(\)|timeTo\(\))//g;
		unlike($rest, qr/\$/, "$where: no other variables or macros");
		is(join(' ', grep { !$defined{$_} } $sql =~ /\$\{(\w+):/g), '', "$where: variables are defined");

		my ($failed, $error, $columns, $rows) = describe(expand(interpolate($sql, \%usual)));
		is($failed, 0, "$where: runs") or diag($error);
		check_columns($where, $kind, $format, $columns, $rows) unless $failed;

		# nothing selected, or nothing there: no error either
		($failed, $error, $columns, $rows) = describe(expand(interpolate($sql, { %usual, service => [] })));
		is($failed, 0, "$where: runs without a service") or diag($error);
		is($rows->[0], '0|0|0|total' . ($sql =~ /valueRight/ ? '|0|0' : ''), "$where: an empty graph has its root")
		  if $kind eq 'flamegraph';
	}
}
cmp_ok($run, '>=', 20, "$run queries");

# Whatever stands in a variable stays a value.
my @hostile = (
	"'; DROP TABLE canary; --",
	"') ; DROP TABLE canary; --",
	"\\'; DROP TABLE canary; --",
	"''; DROP TABLE canary; --",
	'$$; DROP TABLE canary; $$',
	'*/ DROP TABLE canary; /*',
	'"},x=~".*"' . "'",
	'"', '{', '}', '${service:sqlstring}', ':x \g |', "line\nbreak", '.*', '');
foreach my $file (@files)
{
	my $dashboard = dashboard($file);
	foreach my $query (queries($dashboard))
	{
		my ($where, $kind, $format, $sql) = @$query;

		# as a service or function any text is fine, and matches nothing
		my @values = map { { %usual, service => [ $_, $_ ], function => $_ } } @hostile;
		my $errors = errors_of(map { expand(interpolate($sql, $_)) } @values);
		is($errors, join("\n", ('BEGIN') x @values), "$file, $where: hostile values of services and functions stay values");

		# the text of a macro is replaced inside a string, too: an error at
		# worst, never a statement
		$errors = errors_of(
			map { expand(interpolate($sql, { %usual, service => [$_], selector => $_, function => $_ })) }
			  '$__timeFrom()', q{$__timeFilter('; DROP TABLE canary; --)}, q{'$__timeFrom(); DROP TABLE canary; --},
			q{$__timeTo()'; DROP TABLE canary; --});
		unlike($errors, qr/owner of table/, "$file, $where: macros in values run nothing");

		# elsewhere they may be refused, but not as SQL
		my @others = grep { $sql =~ /\$\{$_:/ } qw(selector selector_b type table shift max_nodes norm_by);
		@values = map { my $name = $_; map { { %usual, $name => $_ } } @hostile } @others;
		$errors = errors_of(map { expand(interpolate($sql, $_)) } @values);
		unlike($errors, qr/ERROR:.*(?:syntax error at|unterminated quoted|owner of table)/, "$file, $where: nor are others read as SQL");
		is(scalar(() = $errors =~ /^BEGIN$/mg), scalar @values, "$file, $where: each statement was one");
	}
}
like(errors_of('DROP TABLE canary'), qr/owner of table/, 'a statement that came from a variable would be seen');
is($node->safe_psql('postgres', 'SELECT alive FROM canary'), '1', 'nothing was run that came from a variable');

foreach my $file (glob 'scripts/grafana/provisioning/*/*.yaml')
{
	my $yaml = slurp_file($file);
	like($yaml, qr/^apiVersion: 1$/m, "$file has a version");
	unlike($yaml, qr/\t/, "$file has no tabs");
}

$node->stop;
done_testing();
