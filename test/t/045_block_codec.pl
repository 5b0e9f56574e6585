# The block codec by itself: rows of all kinds of types come back as they
# were, zones are those that SQL finds, and a damaged block gives an error or
# values, never anything else.
#
# It is built as a module of its own (test/codec), with UBSan, and decodes into
# memory that ends at a page nobody may touch.
use strict;
use warnings;

use Cwd;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = getcwd();
my $folder = "$top/build/codec";
system_or_bail('mkdir', '-p', $folder);
command_ok(
	[ 'make', '-s', '-C', $folder, '-f', "$top/test/codec/Makefile", 'PG_CONFIG=pg_config' ],
	'the codec compiles as a module of its own');

my $node = PostgreSQL::Test::Cluster->new('codec');
# letters beyond ASCII, wherever the tests run
$node->init(extra => [ '--encoding=UTF8', '--no-locale' ], force_initdb => 1);
$node->start;

# Types that are stored in odd ways, rows with all types, and few of these for
# what takes many tries.
$node->safe_psql(
	'postgres', qq{
	CREATE EXTENSION pyro_ext;
	CREATE FUNCTION codec_round_trip(regclass, int, int) RETURNS int LANGUAGE C AS '$folder/codec_test';
	CREATE FUNCTION codec_zones(regclass, OUT name name, OUT nulls bool, OUT all_null bool, OUT min text, OUT max text)
		RETURNS SETOF record LANGUAGE C AS '$folder/codec_test';
	CREATE FUNCTION codec_maybe(regclass, name, text, text[], text[] DEFAULT '{}') RETURNS int LANGUAGE C AS '$folder/codec_test';
	CREATE FUNCTION codec_times(regclass, int) RETURNS text LANGUAGE C AS '$folder/codec_test';
	CREATE FUNCTION codec_damage(regclass, int, int) RETURNS text LANGUAGE C AS '$folder/codec_test';
} . q{
	-- six bytes, aligned as for eight
	CREATE TYPE wide_mac;
	CREATE FUNCTION wide_mac_in(cstring) RETURNS wide_mac IMMUTABLE STRICT LANGUAGE internal AS 'macaddr_in';
	CREATE FUNCTION wide_mac_out(wide_mac) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'macaddr_out';
	CREATE TYPE wide_mac (INPUT = wide_mac_in, OUTPUT = wide_mac_out, INTERNALLENGTH = 6, ALIGNMENT = double);
	-- up to a zero byte
	CREATE TYPE ended;
	CREATE FUNCTION ended_in(cstring) RETURNS ended IMMUTABLE STRICT LANGUAGE internal AS 'cstring_in';
	CREATE FUNCTION ended_out(ended) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'cstring_out';
	CREATE TYPE ended (INPUT = ended_in, OUTPUT = ended_out, LIKE = cstring);

	CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
	ALTER TYPE mood ADD VALUE 'sadder' BEFORE 'sad';
	CREATE TYPE pair AS (n int, t text, a int8[]);
	CREATE DOMAIN even AS int CHECK (VALUE % 2 = 0);
	CREATE DOMAIN word AS text CHECK (VALUE !~ ' ');

	CREATE FUNCTION fill(rows int) RETURNS TABLE (
		bo bool, ch "char", gone_1 int, i2 int2, i4 int4, i8 int8, o oid, f4 float4, f8 float8, d date, ts timestamp,
		tz timestamptz, ti time, ttz timetz, iv interval, u uuid, na name, td tid, m6 macaddr, m8 macaddr8, ip inet, po point,
		bx box, nu numeric, te text, vc varchar(10), bc char(5), by bytea, js json, jb jsonb, ia int[], ta text[], da float8[],
		co pair, ev even, wo word, mo mood, ra int4range, mr int8multirange, tv tsvector, bi varbit, iv2 int2vector,
		ov oidvector, re regclass, mn money, xi xid, xi8 xid8, ls pg_lsn, wm wide_mac, en ended,
		pr profile, fl flamegraph, gone_2 text, nothing int, nothing_t text)
	LANGUAGE sql AS $$
		SELECT n % 3 = 0, chr(32 + n % 90)::"char", n, (n * 7919 % 65536 - 32768)::int2, hashint4(n), hashint8extended(n, 0),
			n::oid, (sin(n) * 1e30)::float4, CASE n % 7 WHEN 0 THEN 'NaN' WHEN 1 THEN '-Infinity' ELSE cos(n) * 1e300 END,
			date '2000-01-01' + hashint4(n) % 100000, timestamp '2020-01-01' + n * interval '1.000001 s',
			timestamptz '2020-01-01 00:00+00' + hashint4(n) * interval '1 min',
			time '00:00' + n * interval '1.7 s', (time '00:00' + n * interval '1 s')::timetz, n * interval '1 day 1 s',
			md5(n::text)::uuid, 'name' || n, format('(%s,%s)', n, n % 100 + 1)::tid,
			substr(md5(n::text), 1, 12)::macaddr, substr(md5(n::text), 1, 16)::macaddr8,
			format('10.%s.%s.1/24', n % 256, n % 7)::inet, point(n, -n), box(point(n, 0), point(0, n)),
			CASE n % 5 WHEN 0 THEN 'NaN' ELSE n::numeric ^ (n % 40) / 7 END,
			CASE n % 4 WHEN 0 THEN '' WHEN 1 THEN repeat('x', n % 300) WHEN 2 THEN 'é' || n ELSE md5(n::text) END,
			left(md5(n::text), n % 11), left(md5(n::text), n % 6), decode(repeat('00', n % 200), 'hex'),
			json_build_object('n', n), jsonb_build_object('n', n, 't', repeat('y', n % 150)),
			array_fill(n, ARRAY[n % 40]), ARRAY[[md5(n::text), NULL], ['', n::text]], ARRAY[n, NULL, 0.5]::float8[],
			ROW(n, repeat('z', n % 200), ARRAY[n, n])::pair, n / 2 * 2, md5(n::text), (enum_range(NULL::mood))[n % 4 + 1],
			int4range(n, n + n % 9), int8multirange(int8range(n, n + 2), int8range(n + 5, NULL)),
			to_tsvector('simple', 'w' || n || ' of words'), n::bit(32)::varbit(20), (n || ' 2 3')::int2vector,
			(n || ' 17')::oidvector, 'pg_class'::regclass, n::money, n::text::xid, n::text::xid8, '0/0'::pg_lsn + n,
			substr(md5(n::text), 1, 12)::wide_mac, left(md5(n::text), n % 33)::ended,
			('main;f' || n || ' 1')::profile, ('main;g' || n % 9 || ' 1')::flamegraph, 'gone', NULL::int, NULL::text
		FROM generate_series(1, $1) n $$;
	CREATE TABLE whole AS SELECT * FROM fill(3000);
	-- each value is NULL in every fifth row or so, another row for each column
	DO $$ BEGIN
		EXECUTE (SELECT 'CREATE TABLE holes AS SELECT ' || string_agg(
			format('CASE WHEN hashint4extended((row_number() OVER ())::int, %s) %% 5 <> 0 THEN %I END AS %2$I', attnum, attname), ', ' ORDER BY attnum)
			FROM pg_attribute WHERE attrelid = 'whole'::regclass AND attnum > 0) || ' FROM whole';
		EXECUTE 'ALTER TABLE holes ' || (SELECT string_agg(format('ALTER %I TYPE %s', attname, format_type(atttypid, atttypmod)), ', ')
			FROM pg_attribute WHERE attrelid = 'whole'::regclass AND attname IN ('vc', 'bc'));
	END $$;
	CREATE TABLE few AS SELECT * FROM fill(9);
	CREATE TABLE few_holes AS SELECT * FROM holes LIMIT 12;
	CREATE TABLE dropped AS SELECT * FROM holes;
	ALTER TABLE dropped DROP gone_1, DROP gone_2, ADD younger int8, ADD defaulted int DEFAULT 7,
		ADD doubled int GENERATED ALWAYS AS (i2 * 2) STORED;
	UPDATE dropped SET younger = i4, defaulted = NULL WHERE i4 % 2 = 0;

	CREATE TABLE nothing ();
	INSERT INTO nothing DEFAULT VALUES;
	INSERT INTO nothing DEFAULT VALUES;
	CREATE TABLE empty AS SELECT * FROM whole LIMIT 0;

	-- 65,536 rows, with more than one xmin
	CREATE TABLE many (id int8, t text, k int);
	INSERT INTO many SELECT n, CASE WHEN n % 50 > 0 THEN 'text ' || n % 1000 END, n % 97 FROM generate_series(1, 65000) n;
	INSERT INTO many SELECT n, 'more', n FROM generate_series(65001, 65535) n;
	INSERT INTO many VALUES (0, '', 0);

	-- compressed in the row, external plain and compressed, plain storage
	CREATE TABLE toasted (n int, squeezed text, outside text, twice text, plain text, a int[]);
	ALTER TABLE toasted ALTER squeezed SET STORAGE MAIN, ALTER outside SET STORAGE EXTERNAL, ALTER plain SET STORAGE PLAIN;
	INSERT INTO toasted
		SELECT n, repeat('squeeze', 400), (SELECT string_agg(md5((n * 1000 + i)::text), '') FROM generate_series(1, 200) i),
			repeat((SELECT string_agg(md5((n * 1000 + i)::text), '') FROM generate_series(1, 100) i), 10), left(md5(n::text), n % 32),
			array_fill(n, ARRAY[5000])
		FROM generate_series(1, 100) n;
	CREATE TABLE huge (n int, t text);
	ALTER TABLE huge ALTER t SET STORAGE EXTERNAL;
	INSERT INTO huge SELECT 1, repeat((SELECT string_agg(md5(i::text), '') FROM generate_series(1, 32768) i), 100);
	INSERT INTO huge VALUES (2, NULL), (3, 'small');
});

# Blocks of whole tables, at levels of zstd that there are and are not.
my %tables = (
	whole => 3000,
	holes => 3000,
	few => 9,
	few_holes => 12,
	dropped => 3000,
	nothing => 2,
	empty => 0,
	many => 65536,
	toasted => 100,
	huge => 3,
	pg_class => undef,
	pg_proc => undef,
	pg_statistic => undef);
foreach my $table (sort keys %tables)
{
	my $rows = $tables{$table}
	  // $node->safe_psql('postgres', "SELECT count(*) FROM $table");

	is( $node->safe_psql(
			'postgres', "SELECT codec_round_trip('$table', 1000000, 1)"),
		$rows,
		"$table: all rows come back");
}
is( $node->safe_psql(
		'postgres',
		q{SELECT DISTINCT codec_round_trip('holes', rows, level)
		FROM unnest(ARRAY[-1000, -1, 0, 3, 19, 1000]) level, unnest(ARRAY[1, 7, 8, 9, 64]) rows ORDER BY 1}
	),
	"1\n7\n8\n9\n64",
	'few rows at other levels');
is( $node->safe_psql(
		'postgres',
		'SELECT sum(codec_round_trip(oid, 1, 1)) FROM pg_class WHERE oid IN (1247, 1249, 1255, 1259)'
	),
	'4',
	'one row');

my ($status, $out, $err) = $node->psql(
	'postgres', q{
	\set VERBOSITY sqlstate
	CREATE TABLE too_many ();
	DO $$ BEGIN EXECUTE 'INSERT INTO too_many SELECT FROM generate_series(1, 1048577)'; END $$;
	SELECT codec_round_trip('too_many', 1048576, 1);
	SELECT codec_round_trip('too_many', 1048577, 1)});
is($out, '1048576', 'as many rows as a block can have');
like($err, qr/ERROR:  54000$/, 'and one more');

# Zones against SQL's own min and max, or what comes first by ORDER BY; texts
# bytewise, and long bytes cut.
$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION cut_min(b bytea) RETURNS bytea LANGUAGE sql AS 'SELECT substr(b, 1, 64)';
	CREATE FUNCTION cut_max(b bytea) RETURNS bytea LANGUAGE sql AS
		'SELECT CASE WHEN length(b) > 64 THEN set_byte(substr(b, 1, 64), 63, get_byte(b, 63) + 1) ELSE b END';
	CREATE VIEW ranges AS SELECT attrelid, attnum, attname, attbyval, base, CASE WHEN attbyval THEN '%I' ELSE CASE base
			WHEN 'text'::regtype THEN '%I::text COLLATE "C"' WHEN 'varchar'::regtype THEN '%I::text COLLATE "C"'
			WHEN 'bpchar'::regtype THEN '%I::text COLLATE "C"' ELSE '%I' END END AS value
		FROM (SELECT *, coalesce(nullif(typbasetype, 0), t.oid)::regtype AS base
			FROM pg_attribute JOIN pg_type t ON atttypid = t.oid WHERE attnum > 0 AND NOT attisdropped) a
		WHERE attbyval AND base <> 'xid'::regtype OR base IN ('text'::regtype, 'varchar', 'bpchar', 'name', 'uuid', 'bytea', 'numeric',
			'interval', 'timetz', 'inet', 'cidr', 'macaddr', 'macaddr8', 'bit', 'varbit', 'tid')});
foreach my $table (qw(whole holes many dropped empty))
{
	my $expected = $node->safe_psql(
		'postgres', qq{
		SELECT string_agg(format('SELECT %s, %L, count(*) > count(%I), count(%3\$I) = 0, %s FROM $table', a.attnum, a.attname, a.attname,
			CASE WHEN value IS NULL THEN 'NULL, NULL' WHEN base = 'bytea'::regtype THEN format(
					'(SELECT cut_min((array_agg(%1\$I ORDER BY %1\$I))[1])::text FROM $table WHERE %1\$I IS NOT NULL), '
					'(SELECT cut_max((array_agg(%1\$I ORDER BY %1\$I DESC))[1])::text FROM $table WHERE %1\$I IS NOT NULL)', a.attname)
				ELSE format('(SELECT format(''%%s'', (array_agg(%1\$s ORDER BY %1\$s))[1]) FROM $table WHERE %2\$I IS NOT NULL), '
					'(SELECT format(''%%s'', (array_agg(%1\$s ORDER BY %1\$s DESC))[1]) FROM $table WHERE %2\$I IS NOT NULL)',
					format(value, a.attname), a.attname) END), ' UNION ALL ') || ' ORDER BY 1'
		FROM pg_attribute a LEFT JOIN ranges r USING (attrelid, attnum)
		WHERE a.attrelid = '$table'::regclass AND a.attnum > 0 AND NOT a.attisdropped});
	is( $node->safe_psql(
			'postgres', qq{
			SELECT attnum, z.* FROM codec_zones('$table') z
			JOIN pg_attribute ON attrelid = '$table'::regclass AND attname = name ORDER BY 1}),
		$node->safe_psql('postgres', $expected),
		"$table: zones are what SQL finds");
}
like(
	$node->safe_psql('postgres', q{SELECT * FROM codec_zones('whole') WHERE name IN ('mo', 'f8', 'ev')}),
	qr/^f8\|f\|f\|-Infinity\|NaN\nev\|f\|f\|0\|3000\nmo\|f\|f\|sadder\|happy$/,
	'zones of enums, domains, and numbers that are none');

# Filters: what is there is never denied, what is not nearly always.
sub maybe
{
	my ($table, $column, $question, $keys, $values) = @_;
	return $node->safe_psql('postgres', "SELECT codec_maybe('$table', '$column', '$question', $keys, " . ($values // "'{}'") . ')');
}
$node->safe_psql(
	'postgres', q{
	CREATE TABLE labels AS SELECT jsonb_build_object('service', 's' || n % 100, 'n', n % 10, 'zero', 0.00, 'half', 0.50, 'b', true,
		'nothing', NULL, 'text', '5', 'deep', '{"inner": 1}'::jsonb, 'list', '["a", 1]'::jsonb, '', 'empty', 'é', 'ü') AS j FROM generate_series(1, 500) n;
	INSERT INTO labels VALUES (NULL), ('{}'), ('[]'), ('["element", {"no": 1}, ["no"]]'), ('"scalar"'), ('7'), ('null'), (jsonb_build_object('long', repeat('x', 100000))), ('{"huge": 1e300, "small": -1e-300}');
	CREATE TABLE names AS SELECT ('name' || n % 100)::name AS n, ('c' || n % 100)::char(10) AS c, CASE WHEN n % 2 = 0 THEN 'a' || repeat('x', 100) END AS same
		FROM generate_series(1, 500) n});
my $texts = "ARRAY(SELECT 'text ' || n FROM generate_series(0, 999) n WHERE n % 50 > 0) || ''::text || 'more'::text";
is(maybe('many', 't', 'text', $texts), '982', 'all texts that are there');
cmp_ok(maybe('many', 't', 'text', "ARRAY(SELECT 'text ' || n || '.' FROM generate_series(0, 999) n)"), '<', 30, 'few that are not there');
is(maybe('many', 't', 'text', "ARRAY['textual', 'z', 'LESS']"), '0', 'none out of the range');
is(maybe('names', 'n', 'text', "ARRAY(SELECT 'name' || n FROM generate_series(0, 99) n)"), '100', 'names');
cmp_ok(maybe('names', 'n', 'text', "ARRAY(SELECT 'name5' || n FROM generate_series(10, 99) n)"), '<', 8, 'and no names');
is(maybe('names', 'c', 'text', "ARRAY(SELECT 'c' || n || repeat(' ', n) FROM generate_series(0, 99) n)"), '100', 'padded texts');
cmp_ok(maybe('names', 'c', 'text', "ARRAY(SELECT 'c' || n || '0' FROM generate_series(10, 99) n)"), '<', 8, 'and no such');
is(maybe('names', 'same', 'text', "ARRAY['a' || repeat('x', 100)]"), '1', 'a text that is longer than bounds of ranges');
is(maybe('names', 'same', 'text', "ARRAY['a' || repeat('x', 101), 'a', '']"), '0', 'and no other one');
is(maybe('labels', 'j', 'key', "ARRAY['service', 'n', 'zero', 'half', 'b', 'nothing', 'text', 'deep', 'list', '', 'é', 'element', 'scalar', 'long', 'huge']"), '15', 'keys, and strings in arrays');
is(maybe('labels', 'j', 'key', "ARRAY['inner', 'a', 'no', 'null', 's1']"), '0', 'no keys within');
is(maybe('labels', 'j', 'value', "ARRAY['service', 'n', 'n', 'zero', 'zero', 'half', 'b', 'nothing', 'text', 'deep', 'list', '', 'é', 'huge', 'small']",
		q{ARRAY['"s99"', '9', '9.000', '0', '-0.0', '5e-1', 'true', 'null', '"5"', '{"inner": 1}', '["a", 1]', '"empty"', '"\u00fc"', '10e299', '-0.1e-299']}),
	'15', 'keys with values, in other words');
is(maybe('labels', 'j', 'value', "ARRAY['service', 'service', 'n', 'n', 'zero', 'b', 'b', 'nothing', 'nothing', 'text', 'deep', 'inner', 'none', 'none']",
		q{ARRAY['"s100"', '99', '10', '"1"', '0.1', 'false', '"true"', '"null"', '0', '5', '1', '1', '1', '{}']}),
	'0', 'and no other values');
is(maybe('labels', 'j', 'shown', "ARRAY['service', 'n', 'zero', 'half', 'b', 'text', 'deep', 'list', '']",
		q{ARRAY['s99', '9', '0.00', '0.50', 'true', '5', '{"inner": 1}', '["a", 1]', 'empty']}),
	'9', 'values as they are shown');
is(maybe('labels', 'j', 'shown', "ARRAY['service', 'n', 'b', 'text', 'none', 'n', 'n', 'n', 'n']", q{ARRAY['s100', '10', 'false', '6', '{}', '-', '1.2.3', '', '.5']}),
	'0', 'and others');
is(maybe('labels', 'j', 'text', "ARRAY['s1']"), '1', 'a question that the zone does not know: maybe');

# Damage: nothing but data_corrupted is raised, and no value leaves its stream.
my $times = $ENV{PYRO_TEST_FULL} ? 5000 : 100;
foreach my $table (qw(few few_holes nothing empty))
{
	foreach my $level (1)
	{
		my $result = $node->safe_psql('postgres',
			"SELECT codec_damage('$table', $level, $times)");
		my ($tries, $errors) = split / /, $result;

		cmp_ok($errors, '>', $tries / 20, "$table: $errors of $tries damaged blocks are refused");
		cmp_ok($errors, '<', $tries, 'and the others read');
	}
}

note $node->safe_psql('postgres', q{SELECT replace(codec_times('many', 1), '; ', E'\n')});

$node->stop;
done_testing();
