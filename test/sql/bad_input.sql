-- Bad input: an error with a code for each, and nothing left behind.
\getenv abs_srcdir PG_ABS_SRCDIR
\getenv abs_builddir PG_ABS_BUILDDIR
\set include :abs_srcdir '/sql/include/build.sql'
\i :include

-- One sound profile, and bytes that make it bad when they are added or put in
-- place of a part.
CREATE TEMP TABLE part AS SELECT
	build.strings('samples', 'count', 'main', 'work') AS strings, build.sample_type(1, 2) AS types,
	build.location(1, build.line(1)) || build.location(2, build.line(2)) AS locations,
		build.function(1, 3) || build.function(2, 4) AS functions,
	build.sample('{2,1}', '{5}') AS samples;
SELECT profile_total((strings || types || locations || functions || samples)::profile) FROM part;

-- References that lead nowhere, or to two things.
SELECT what, build.error_of(bytes) FROM part, LATERAL (VALUES
	('no location', strings || types || functions || samples),
	('another location', strings || types || locations || functions || build.sample('{3}', '{1}')),
	('location 0', strings || types || locations || functions || build.sample('{0}', '{1}')),
	('location of id 0', strings || types || locations || functions || build.location(0)),
	('location of no id', strings || types || locations || functions || build.bytes(4, build.number(3, 7))),
	('no function', strings || types || locations || samples),
	('function of id 0', strings || types || locations || functions || samples || build.function(0, 3)),
	('no mapping', strings || types || functions || build.location(1, build.line(1), 1, 7)),
	('mapping of id 0', strings || types || build.mapping(0, 1, 2, 3)),
	('two locations', strings || types || locations || functions || samples || build.location(2)),
	('two functions', strings || types || locations || functions || samples || build.function(1, 4)),
	('two mappings', strings || types || build.mapping(5, 1, 2, 3) || build.mapping(5, 1, 2, 4)),
	('unused location bad', strings || types || locations || functions || samples || build.location(3, build.line(9)))
	) v (what, bytes);

-- Strings that are not in the table: in each place that names one.
SELECT what, build.error_of(bytes) FROM part, LATERAL (VALUES
	('type', strings || build.sample_type(5, 2)), ('unit', strings || build.sample_type(1, 5)),
	('largest', strings || build.sample_type(1, 2147483647)),
	('negative', strings || build.bytes(1, build.number(1, -1))),
	('2^32', strings || build.bytes(1, build.number(1, 4294967296))),
	('function name', strings || types || build.function(1, 5)),
	('system name', strings || types || build.function(1, 3, 5)),
	('file', strings || types || build.function(1, 3, 3, 5)),
	('mapping file', strings || types || build.mapping(1, 0, 0, 5)),
	('build id', strings || types || build.mapping(1, 0, 0, 1, 5)),
	('label key', strings || types || build.sample('{}', '{1}', build.label(5, 1))),
	('label value', strings || types || build.sample('{}', '{1}', build.label(1, 5))),
	('label unit', strings || types || build.sample('{}', '{1}', build.number_label(1, 1, 5))),
	('comment', strings || types || build.packed(13, '{5}')),
	('period type', strings || types || build.bytes(11, build.number(1, 5))),
	('period unit', strings || types || build.bytes(11, build.number(2, 5))),
	('default type', strings || types || build.number(14, 5)),
	('drop frames', strings || types || build.number(7, 5)), ('keep frames', strings || types || build.number(8, 5)),
	('doc url', strings || types || build.number(15, 5)),
	('no table', types), ('first not empty', build.string('samples') || types), ('nothing', '')) v (what, bytes);

-- Samples whose values do not match their types; times before 1970.
SELECT what, build.error_of(bytes) FROM part, LATERAL (VALUES
	('no value', strings || types || build.sample('{}', '{}')),
	('two values', strings || types || build.sample('{}', '{1,2}')),
	('no types', strings || build.sample('{}', '{}')), ('no types, one value', strings || build.sample('{}', '{1}')),
	('one of many', strings || types || build.sample('{}', '{1}') || build.sample('{}', '{}') || build.sample('{}',
		'{1}')),
	('time', strings || types || build.number(9, -1)),
	('earliest time', strings || types || build.number(9, 9223372036854775808))) v (what, bytes);

-- The wire: varints that overrun or do not end, lengths past the end, wire
-- types that do not exist or do not belong there.
SELECT what, build.error_of(bytes) FROM part, LATERAL (VALUES
	('tag only', strings || '\x4a'), ('varint not ended', strings || '\x4880'),
	('varint of 11 bytes', strings || '\x48ffffffffffffffffffff01'),
	('length past end', strings || '\x0a7f0801'), ('length 2^63', strings || '\x0affffffffffffffff7f'),
	('length 2^64 - 1', strings || '\x0affffffffffffffffff01'),
	('field 0', strings || '\x0000'), ('field 0 of bytes', strings || '\x0200'),
	('field above 2^29', strings || '\x808080801000'),
	('group', strings || '\x0b0c'), ('end of group', strings || '\x0c'), ('wire type 6', strings || '\x0e'),
	('wire type 7', strings || '\x4f'),
	('unknown group', strings || '\xa306a406'), ('unknown fixed64 cut off', strings || '\xa10601020304050607'),
	('unknown fixed32 cut off', strings || '\xa506010203'),
	('unknown bytes cut off', strings || '\xa2060501'), ('string as number', '\x3000'),
	('time as bytes', strings || build.bytes(9, '\x01')),
	('type as number', strings || '\x0801'), ('cut off in a sample', strings || types || build.bytes(2, '\x0a05')),
	('cut off in a packed list', strings || types || build.bytes(2, build.bytes(1, '\x80'))),
	('cut off in a label', strings || types || build.bytes(2, build.bytes(3, '\x08'))),
	('fixed values', strings || types || build.bytes(2, '\x110100000000000000')),
	('cut off in a location', strings || types || build.bytes(4, '\x08')),
	('cut off in a line', strings || types || build.bytes(4, build.bytes(4, '\x10'))),
	('cut off in a function', strings || types || build.bytes(5, '\x18')),
	('cut off in a mapping', strings || types || build.bytes(3, '\x28'))) v (what, bytes);

-- What is no profile at all.
SELECT what, build.error_of(bytes) FROM (VALUES
	('empty', ''::bytea), ('zeros', '\x00000000'), ('text', 'goroutine profile: total 7'),
	('html', '<html><body>404</body></html>'),
	('json', '{"error": "not found"}'), ('png', '\x89504e470d0a1a0a0000000d49484452'),
	('ones', '\xffffffffffffffffffffffff')) v (what, bytes);

-- Compressed: cut off, damaged, followed by something else, empty, twice
-- compressed.
SELECT what, regexp_replace(build.error_of(packed), '(zstd data is damaged: ).*', '\1...') AS error
FROM part, LATERAL (SELECT build.gzip(strings || types || locations || functions || samples),
	build.zstd(strings || types || locations || functions || samples)) b (gz, zst), LATERAL (VALUES
	('gzip header', '\x1f8b'::bytea), ('gzip cut off', substr(gz, 1, length(gz) - 20)),
	('gzip without size', substr(gz, 1, length(gz) - 4)), ('gzip crc', set_byte(gz, length(gz) - 5, 0) || ''),
	('gzip size', set_byte(gz, length(gz) - 1, 7)), ('gzip and more', gz || 'more'),
	('gzip and half a gzip', gz || substr(gz, 1, 30)), ('gzip of nothing', build.gzip('')),
	('gzip of gzip', build.gzip(gz)), ('gzip method', set_byte(gz, 2, 7)), ('gzip damaged', set_byte(gz, 11, 7)),
	('zstd magic', '\x28b52ffd'), ('zstd cut off', substr(zst, 1, length(zst) - 5)), ('zstd and more', zst || 'more'),
	('zstd damaged', set_byte(zst, 4, 255)), ('zstd of nothing', build.zstd(''))) v (what, packed);

-- Text: digits that are none, bytes that are no profile, folded lines that are
-- none.
SELECT t AS text, build.error(format('SELECT %L::profile', t))
FROM unnest(ARRAY['\x', '\x1', '\x0g', '\x00 00', '\x3200', '\xff', '\X3200', 'main', 'main;work', 'main ten', '10',
	' 10',
	'main 1.5', 'main 1e3', 'main 0x10', 'main +5', 'main;work 9223372036854775808', 'main -9223372036854775809',
		'main;work10', E'main 1\nwork', '"main" "1"']) t;
SELECT build.error($$SELECT profile_from_folded(E'main 1\nmain 2\n\nwork\nmain 4')$$) AS line,
	build.error($$SELECT profile_from_folded('main', 'cpu', 'ns')$$) AS typed;
SELECT profile_total('main -9223372036854775808') AS smallest, profile_total('main 9223372036854775807') AS largest;
SELECT build.error(format('SELECT profile_from_folded(%L)', convert_from('\x6d61696e2031', 'UTF8'))) AS sound;

-- Limits, each with its name and value.  A superuser sets them; one less is
-- refused, the exact number is not.
SHOW pyro.max_profile_size;
SHOW pyro.max_samples;
SHOW pyro.max_stack_depth;
SELECT name, setting, unit, context, min_val, max_val FROM pg_settings WHERE name LIKE 'pyro.%' ORDER BY name;
SET pyro.max_samples = 3;
SELECT profile_sample_count(E'a 1\nb 1\nc 1') AS folded,
	build.error($$SELECT E'a 1\nb 1\nc 1\nd 1'::profile$$) AS folded_more;
SELECT profile_sample_count((strings || types || build.sample('{}', '{1}') || build.sample('{}', '{1}') ||
	build.sample('{}', '{1}'))::profile) AS pprof,
	   build.error_of(strings || types || build.sample('{}', '{1}') || build.sample('{}', '{1}') || build.sample('{}',
		'{1}') || build.sample('{}', '{1}')) AS pprof_more FROM part;
RESET pyro.max_samples;
SET pyro.max_stack_depth = 3;
SELECT profile_sample_count('a;b;c 1') AS folded, build.error($$SELECT 'a;b;c;d 1'::profile$$) AS folded_more;
SELECT build.error_of(strings || types || locations || functions || build.sample('{1,2,1}', '{1}')) AS pprof,
	   build.error_of(strings || types || locations || functions || build.sample('{1,2,1,2}', '{1}')) AS pprof_more,
	   build.error_of(strings || types || functions || build.location(1, build.line(1) || build.line(2)) ||
		build.sample('{1,1}', '{1}')) AS inlined FROM part;
RESET pyro.max_stack_depth;
SET pyro.max_profile_size = '1kB';
SELECT build.error(format('SELECT %L::profile', 'main;' || repeat('f', 900) || ' 1')) AS folded,
	build.error(format('SELECT %L::profile', 'main;' || repeat('f', 1018) || ' 1')) AS folded_more;
SELECT build.error_of(build.string('') || build.bytes(99, decode(repeat('00', 1018), 'hex'))) AS plain,
	build.error_of(build.string('') || build.bytes(99, decode(repeat('00', 1019), 'hex'))) AS plain_more;
RESET pyro.max_profile_size;
SELECT build.error('SET pyro.max_samples = 0') AS none, build.error('SET pyro.max_stack_depth = -1') AS negative,
	build.error($$SET pyro.max_profile_size = '1GB'$$) AS too_large,
	   build.error('SET pyro.max_profiles = 1') AS unknown;

-- They hold for what is made, not for what is there: whatever is stored can
-- be dumped and restored under the same limits, sums included.
CREATE TEMP TABLE before AS SELECT E'a;b;c;d 1\ne 2'::profile AS p;
SET pyro.max_samples = 2;
SELECT profile_sample_count(p + p) AS exact, build.error('SELECT p + ''f 1''::profile FROM before') AS sum,
	build.error('SELECT profile_merge(q) FROM before, LATERAL (VALUES (p), (''f 1'')) v(q)') AS merged FROM before;
SET pyro.max_samples = 1;
SET pyro.max_stack_depth = 1;
SET pyro.max_profile_size = '1kB';
SELECT profile_total(p), profile_sample_count(p), flamegraph_total(flamegraph(p)) FROM before GROUP BY p;
RESET pyro.max_samples;
SELECT build.error(format('SELECT %L::profile + %L::profile', repeat('f', 400) || ' 1', repeat('g', 400) || ' 1')) AS fits,
	build.error(format('SELECT %L::profile + %L::profile', repeat('f', 600) || ' 1', repeat('g', 600) || ' 1')) AS sum;
RESET ALL;
SET client_min_messages = warning;

-- Bombs: a small file that would be large, a million samples, a stack of a
-- million frames.  Each is refused by its limit, in bounded time and memory.
SET statement_timeout = '60s';
CREATE FUNCTION build.bomb(bytes int) RETURNS bytea LANGUAGE sql RETURN profile_to_pprof(profile_from_folded(repeat('a',
	bytes) || ' 1'));
SELECT length(bomb) < 100000 AS small, build.error_of(bomb) AS below_limit FROM build.bomb(60 * 1024 * 1024) AS bomb;
SET pyro.max_profile_size = '80MB';
CREATE TEMP TABLE bombs AS SELECT build.bomb(79 * 1024 * 1024) AS bomb;
RESET pyro.max_profile_size;
SELECT length(bomb) < 200000 AS small, build.error_of(bomb) AS above_limit FROM bombs;
SELECT build.error_of(strings || types || decode(repeat('1203120101', 1000001), 'hex')) AS samples FROM part;
SELECT profile_sample_count((strings || types || decode(repeat('1203120101', 1000000), 'hex'))::profile) AS a_million
FROM part;
SELECT build.error_of(strings || types || locations || functions || build.bytes(2,
	build.bytes(1, decode(repeat('01', 1000000), 'hex')) || build.packed(2, '{1}'))) AS depth FROM part;
SELECT build.error_of(strings || types || functions || build.sample(ARRAY(SELECT 1 FROM generate_series(1, 100)),
	'{1}') ||
	build.location(1, (SELECT string_agg(build.line(1), '') FROM generate_series(1, 200)))) AS inlined FROM part;
SELECT build.error(format('SELECT %L::profile', repeat('f;', 1000000) || 'f 1')) AS folded_depth;
SELECT build.error_of(strings || (SELECT string_agg(build.sample_type(1, 2), '')
	FROM generate_series(1, 65))) AS types FROM part;
SELECT build.error_of(strings || types || build.sample('{}', '{1}',
	(SELECT string_agg(build.label(1, 2), '') FROM generate_series(1, 1001)))) AS labels FROM part;
RESET statement_timeout;

-- An INSERT of 100 profiles with one that is bad fails whole.
CREATE TABLE inserted (n int, profile profile);
INSERT INTO inserted SELECT n, CASE WHEN n = 77 THEN '\x0aff' ELSE build.named('work', n) END::profile
FROM generate_series(1, 100) n;
SELECT count(*) FROM inserted;

-- COPY says in which row the bad one is, and loads none.
\set file :abs_builddir '/results/bad_input.copy'
COPY (SELECT n, CASE WHEN n = 42 THEN '\x0aff' ELSE build.named('work', n) END
	FROM generate_series(1, 100) n) TO :'file';
COPY inserted FROM :'file';
COPY (SELECT n, CASE WHEN n = 99 THEN 'main' ELSE 'main ' || n END
	FROM generate_series(1, 100) n) TO :'file' (FORMAT csv);
COPY inserted FROM :'file' (FORMAT csv);
COPY (SELECT n, CASE WHEN n = 13 THEN '\x0aff' ELSE build.named('work', n) END
	FROM generate_series(1, 100) n) TO :'file' (FORMAT binary);
COPY inserted FROM :'file' (FORMAT binary);
SELECT count(*) FROM inserted;

-- After each of them the session works, and a savepoint brings back what was.
BEGIN;
INSERT INTO inserted VALUES (1, 'main 1');
SAVEPOINT sound;
INSERT INTO inserted VALUES (2, 'main');
ROLLBACK TO sound;
INSERT INTO inserted VALUES (3, 'main 3');
COMMIT;
SELECT n, profile_total(profile) FROM inserted ORDER BY n;

-- Thousands of errors leave no memory behind: neither ours nor that of the
-- libraries that uncompress.
CREATE FUNCTION build.fail(times int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	good bytea := build.named('work');
	bad bytea[] := ARRAY['\x0aff', build.gzip(build.string('') || '\x0aff'), build.zstd(build.string('') || '\x0aff'), substr(build.gzip(good), 1, 60),
		good || build.function(2, 4), build.sample_type(1, 2), build.string('') || decode(repeat('1200', 10000), 'hex')];
	failures int := 0;
	p profile;
	f flamegraph;
BEGIN
	FOR i IN 1 .. times LOOP
		BEGIN
			p := bad[i % 7 + 1]::profile;
		EXCEPTION WHEN OTHERS THEN
			failures := failures + 1;
		END;
		BEGIN
			f := E'flamegraph 1 a/b\n2\t1\tx';
		EXCEPTION WHEN OTHERS THEN
			failures := failures + 1;
		END;
	END LOOP;
	RETURN failures;
END $$;
CREATE FUNCTION build.context_bytes() RETURNS bigint LANGUAGE sql RETURN (SELECT sum(total_bytes)
	FROM pg_backend_memory_contexts);
CREATE TEMP TABLE memory AS SELECT build.fail(200) AS failures, 0::bigint AS bytes;
UPDATE memory SET bytes = build.context_bytes();
SELECT build.fail(2000) AS failures;
SELECT build.context_bytes() - bytes < 1024 * 1024 AS bounded FROM memory;

-- Errors while aggregating leave nothing, either: the next is right.
SELECT build.error($$SELECT flamegraph(p, t) FROM (SELECT 'main 1'::profile, CASE WHEN i < 1000 THEN 'samples' ELSE 'cpu' END FROM generate_series(1, 1000) i) v (p, t)$$) AS unknown;
SELECT build.error($$SELECT flamegraph(p) OVER (ORDER BY i) FROM (SELECT i, CASE WHEN i < 900 THEN 'main 1'::profile ELSE profile_from_folded('main 1', 'cpu', 'ns') END FROM generate_series(1, 1000) i) v (i, p)$$) AS types;
SELECT build.error($$SELECT profile_merge(p) FROM (SELECT ('main ' || 9223372036854775807 / 500)::profile FROM generate_series(1, 1000) i) v (p)$$) AS overflow;
SELECT flamegraph_total(flamegraph(p)), profile_total(profile_merge(p))
FROM (SELECT 'main 1'::profile FROM generate_series(1, 1000)) v (p);

-- A statement that is cancelled in the middle ends soon and leaves a session
-- that works.
CREATE TEMP TABLE long AS SELECT profile_from_folded(string_agg(format('f%s;g%s %s', i, j, i), E'\n')) AS p,
	clock_timestamp() AS started
	FROM generate_series(1, 300) i, generate_series(1, 100) j;
UPDATE long SET started = clock_timestamp();
SET statement_timeout = '200ms';
\set VERBOSITY sqlstate
SELECT profile_total(profile_merge(p)) FROM long, generate_series(1, 10000);
SELECT flamegraph_total(flamegraph(p)) FROM long, generate_series(1, 100000);
SELECT count(stack) FROM (SELECT (profile_samples(p)).stack FROM long, generate_series(1, 10000)) s;
\set VERBOSITY default
RESET statement_timeout;
SELECT clock_timestamp() - started < interval '20 seconds' AS soon, profile_total(p + p) FROM long;

DROP TABLE inserted;
