-- Flame graphs as text and as bytes, in and out.
\getenv abs_srcdir PG_ABS_SRCDIR
\getenv abs_builddir PG_ABS_BUILDDIR
\set include :abs_srcdir '/sql/include/build.sql'
\i :include

-- Text is a header, then a line per node: level, self value, name.  A name
-- that came before is written as its number.
SELECT flamegraph(p) FROM (VALUES (profile_from_folded(E'main;work;main;work 3\nmain;idle 4\nmain 5', 'cpu',
	'nanoseconds') +
								   (build.string('') || build.number(10, 1500))::profile)) v (p);

-- By hand, all that is needed are type, levels, values and names.  Counts may
-- be left out, lines may come in any order below their parents and twice.
CREATE FUNCTION build.text(VARIADIC lines text[]) RETURNS text LANGUAGE sql IMMUTABLE RETURN
	replace(array_to_string(lines, E'\n'), ' | ', E'\t');
SELECT build.text('flamegraph 1 cpu/nanoseconds', '0 | 0', '1 | 2 | main', '2 | 3 | work')::flamegraph;
SELECT build.text('flamegraph 1 cpu/nanoseconds profiles=7', '1 | 2 | main')::flamegraph;
SELECT build.text('flamegraph 1 cpu/nanoseconds profiles=7 duration=1000')::flamegraph;
SELECT flamegraph_folded(build.text('flamegraph 1 cpu/nanoseconds', '1 | 2 | b', '2 | 30 | c', '1 | 10 | a',
	'1 | 100 | b', '2 | 1 | c', '2 | 7 | a')::flamegraph);
SELECT build.text(E'flamegraph 1 cpu/nanoseconds\r', E'0 | 0\r', '', E'1 | 2 | main\r', '')::flamegraph =
	   build.text('flamegraph 1 cpu/nanoseconds', '1 | 2 | main')::flamegraph AS line_ends;

-- Names are numbered as they come, from 0, and @1 is the second of them; an @
-- that begins a name is escaped.
SELECT flamegraph_folded(build.text('flamegraph 1 a/b', '1 | 0 | f', '2 | 1 | g', '3 | 2 | @0', '4 | 3 | @1',
	'2 | 4 | @0')::flamegraph);
SELECT flamegraph_folded(build.text('flamegraph 1 a/b', '1 | 1 | \x40', '1 | 2 | \x400', '1 | 3 | a@0')::flamegraph);

-- \xNN is a byte; a tab in a name ends nothing, since the name is the rest.
SELECT label FROM flamegraph_frames(build.text('flamegraph 1 a/b', '1 | 1 | \x5c\x78', '1 | 2 | \x41\x4a\x4A',
	'1 | 3 | \xff', '1 | 4 | \xc3\xa9', '1 | 5 | a | b', '1 | 6 | ')::flamegraph);

-- Type and unit may hold what divides the header, and both may be empty.
SELECT flamegraph_sample_type(f), f::text::flamegraph = f AS again, split_part(f::text, E'\n', 1) AS header
FROM (VALUES ('flamegraph 1 a\x2fb\x20c/d\x2fe\x20f\x5c'::flamegraph), ('flamegraph 1 /'), ('flamegraph 1 a/'),
	('flamegraph 1 /b'), ('flamegraph 1 \xff/\x00'), ('flamegraph 1 ä/µs')) v (f);

-- The smallest form is kept: nodes without value below which there is nothing
-- go, and so do names that nothing has.
SELECT build.text('flamegraph 1 a/b', '1 | 0 | gone', '2 | 0 | gone too', '1 | 0 | kept', '2 | -1 | negative',
	'2 | 0 | zero')::flamegraph;

-- Folded text is read, too, as samples/count.
SELECT E'main;work 10\nmain 5\n\n  main;work 1 \r\n'::flamegraph;
SELECT ''::flamegraph = E'\n \n'::flamegraph AS blank, 'flamegraph 2'::flamegraph AS a_function;

-- Each way to be malformed has its error, which says the line.
SELECT replace(t, E'\t', ' | ') AS text, build.error(format('SELECT %L::flamegraph', t))
FROM (VALUES
	(build.text('flamegraph 1 ')), (build.text('flamegraph 1 cpu')), (build.text('flamegraph 1 cpu/ns count=1')),
	(build.text('flamegraph 1 cpu/ns profiles=x')), (build.text('flamegraph 1 cpu/ns profiles=-1')),
	(build.text('flamegraph 1 cpu/ns profiles=1 duration=')),
	(build.text('flamegraph 1 cpu/ns duration=1')), (build.text('flamegraph 1 cpu/ns profiles=1 duration=1 more=1')),
	(build.text('flamegraph 1 cpu/ns profiles=9223372036854775808')), (build.text('flamegraph 1 cpu/ns\x')),
	(build.text('flamegraph 1 cpu/ns', '')),
	(build.text('flamegraph 1 cpu/ns', 'main 5')), (build.text('flamegraph 1 cpu/ns', '1')),
	(build.text('flamegraph 1 cpu/ns', '1 | x | main')),
	(build.text('flamegraph 1 cpu/ns', 'x | 1 | main')), (build.text('flamegraph 1 cpu/ns', '-1 | 1 | main')),
	(build.text('flamegraph 1 cpu/ns', '1 |  | main')),
	(build.text('flamegraph 1 cpu/ns', '1 | 1.5 | main')),
	(build.text('flamegraph 1 cpu/ns', '1 | 9223372036854775808 | main')),
	(build.text('flamegraph 1 cpu/ns', '18446744073709551617 | 1 | main')),
	(build.text('flamegraph 1 cpu/ns', '2 | 1 | main')),
	(build.text('flamegraph 1 cpu/ns', '0 | 0', '1 | 1 | main', '3 | 1 | work')),
	(build.text('flamegraph 1 cpu/ns', '1 | 1 | @0')), (build.text('flamegraph 1 cpu/ns', '1 | 1 | a', '1 | 1 | @1')),
	(build.text('flamegraph 1 cpu/ns', '1 | 1 | @')),
	(build.text('flamegraph 1 cpu/ns', '1 | 1 | a', '1 | 1 | @-1')),
	(build.text('flamegraph 1 cpu/ns', '1 | 1 | a', '1 | 1 | @0x')),
	(build.text('flamegraph 1 cpu/ns', '1 | 1 | \')), (build.text('flamegraph 1 cpu/ns', '1 | 1 | \n')),
	(build.text('flamegraph 1 cpu/ns', '1 | 1 | \x4')), (build.text('flamegraph 1 cpu/ns', '1 | 1 | \xgg')),
	(build.text('flamegraph 2 cpu/ns', '0 | 0')), ('main'), ('main;work ten'), ('10'), (' 10'),
	('main 9223372036854775808'), ('main 1.5')) v (t);
SELECT build.error($$SELECT build.text('flamegraph 1 a/b', '1 | 9223372036854775807 | a', '1 | 1 | a')::flamegraph$$) AS node,
	   build.error($$SELECT build.text('flamegraph 1 a/b', '1 | 9223372036854775807 | a', '1 | 1 | b')::flamegraph$$) AS total;

-- Real trees, through text, bytes and COPY.
CREATE TABLE flame_io AS
	SELECT file, type, flamegraph(profile, type) AS f
	FROM (SELECT file, pg_read_binary_file(:'abs_srcdir' || '/data/' || file)::profile AS profile
		  FROM pg_ls_dir(:'abs_srcdir' || '/data') AS file
		  WHERE file LIKE '%.pb' OR file LIKE '%.pb.gz') p, unnest(profile_sample_types(profile)) type
	GROUP BY file, type;
SELECT count(*) AS trees, count(*) FILTER (WHERE f::text::flamegraph = f) AS text,
	count(*) FILTER (WHERE f::text::flamegraph::text = f::text) AS canonical
FROM flame_io;
CREATE TEMP TABLE copied (LIKE flame_io);
\set file :abs_builddir '/results/flamegraph_io.copy'
COPY flame_io TO :'file' (FORMAT binary);
COPY copied FROM :'file' (FORMAT binary);
COPY flame_io TO :'file';
COPY copied FROM :'file';
COPY flame_io TO :'file' (FORMAT csv);
COPY copied FROM :'file' (FORMAT csv);
SELECT count(*) AS copied, count(*) FILTER (WHERE c.f = i.f) AS equal FROM copied c
JOIN flame_io i USING (file, type);

-- Stored compressed, uncompressed, inline and out of line.
CREATE TABLE stored (how text, file text, type text, f flamegraph);
INSERT INTO stored SELECT 'extended', * FROM flame_io;
ALTER TABLE stored ALTER f SET STORAGE external;
INSERT INTO stored SELECT 'external', * FROM flame_io;
ALTER TABLE stored ALTER f SET STORAGE main;
INSERT INTO stored SELECT 'main', * FROM flame_io;
ALTER TABLE stored ALTER f SET STORAGE plain;
INSERT INTO stored SELECT 'plain', '', '', 'a;b 1';
INSERT INTO stored SELECT 'plain', 'x', 'yy', 'a;b 1';
SELECT how, count(*), count(*) FILTER (WHERE s.f = i.f) AS equal,
	count(*) FILTER (WHERE flamegraph_total(s.f) = flamegraph_total(i.f)) AS same_total
FROM stored s JOIN flame_io i USING (file, type) GROUP BY how ORDER BY how;
SELECT flamegraph_folded(f), flamegraph_total(f) FROM stored WHERE how = 'plain';
SELECT typstorage, typalign FROM pg_type WHERE oid = 'flamegraph'::regtype;

-- Bytes from outside are checked and brought into canonical form; all that is
-- not a tree is refused.  A damaged byte never gives anything but a tree or an
-- error.
CREATE FUNCTION build.recv(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	f flamegraph;
	path text := current_setting('build.file');
BEGIN
	CREATE TEMP TABLE received (f flamegraph);
	CREATE TEMP TABLE raw (bytes bytea);
	INSERT INTO raw VALUES (bytes);
	EXECUTE format('COPY raw TO %L (FORMAT binary)', path);
	EXECUTE format('COPY received FROM %L (FORMAT binary)', path);
	SELECT * INTO f FROM received;
	DROP TABLE received, raw;
	RETURN f::text;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT set_config('build.file', :'file', false) IS NOT NULL AS set;
SELECT build.recv(flamegraph_send('main;work 10'));
SELECT what, build.recv(bytes) FROM (VALUES
	('nothing', ''::bytea), ('zeros', decode(repeat('00', 100), 'hex')), ('text', 'flamegraph 1 cpu/ns'),
	('version', set_byte(flamegraph_send('main;work 10'), 0, 2)),
	('cut off', substr(flamegraph_send('main;work 10'), 1, 130)),
	('too long', flamegraph_send('main;work 10') || '\x00'),
	('nodes', set_byte(flamegraph_send('main;work 10'), 4, 200)),
	('names', set_byte(flamegraph_send('main;work 10'), 11, 255))) v (what, bytes);
SELECT bool_or(result LIKE '22P03 invalid flame graph: %') AS some_refused,
	bool_or(result LIKE 'flamegraph 1 %') AS some_read,
	   count(*) FILTER (WHERE result !~ '^(22P03 invalid flame graph: |22003 |flamegraph 1 )') AS others,
	   count(*) FILTER (WHERE result LIKE 'flamegraph 1 %' AND result::flamegraph::text <> result) AS not_canonical
FROM (SELECT build.recv(set_byte(bytes, i, get_byte(bytes, i) # mask)) AS result
	  FROM (SELECT flamegraph_send(E'main;work 10\nidle 3')) b (bytes), generate_series(0, length(bytes) - 1) i,
		unnest('{1,128,255}'::int[]) mask) d;

-- A tree of 100,000 nodes passes through all of it, and through a partial
-- aggregate as a shard would send it: as text.
CREATE TABLE large AS
	SELECT flamegraph(profile_from_folded(folded, 'cpu', 'nanoseconds')) AS f
	FROM (SELECT string_agg(format('f%s;g%s;h%s %s', i / 1000, i / 10, i, i), E'\n') AS folded
		FROM generate_series(1, 91000) i) l;
SELECT count(*) AS nodes FROM large, flamegraph_frames(f, 2147483647);
SELECT f::text::flamegraph = f AS text, length(f::text) < 2 * 1000 * 1000 AS text_is_small, flamegraph_total(f)
FROM large;
CREATE TEMP TABLE large_copied (LIKE large);
COPY large TO :'file' (FORMAT binary);
COPY large_copied FROM :'file' (FORMAT binary);
COPY large TO :'file';
COPY large_copied FROM :'file';
SELECT count(*) FILTER (WHERE l.f = c.f) AS equal FROM large l, large_copied c;
SELECT flamegraph_merge(f) = (SELECT f + f FROM large) AS merged FROM large_copied;
SELECT flamegraph_final(flamegraph_combine(flamegraph_combine(NULL, f::text::flamegraph),
	f::text::flamegraph)) = f + f AS partial FROM large;
CREATE TABLE large_rows (f flamegraph) WITH (parallel_workers = 2);
INSERT INTO large_rows SELECT f FROM large, generate_series(1, 8);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
EXPLAIN (COSTS OFF) SELECT flamegraph_merge(f) FROM large_rows;
SELECT flamegraph_merge(f) = (SELECT ((f + f) + (f + f)) + ((f + f) + (f + f)) FROM large) AS parallel
FROM large_rows;

-- Deep ones do, too: 100,000 levels.
WITH deep (f) AS (SELECT ('flamegraph 1 a/b' || E'\n' ||
	string_agg(i || E'\t' || i % 2 || E'\t' || CASE WHEN i < 3 THEN 'f' || i ELSE '@' || i % 2 END,
	E'\n'))::flamegraph
				  FROM generate_series(1, 100000) i)
SELECT f::text::flamegraph = f AS text, flamegraph_total(f),
	(SELECT max(level) FROM flamegraph_frames(f, 2147483647)) AS level,
	   (SELECT count(*) FROM flamegraph_frames(f, 5)) AS rows, (SELECT max(total) FROM flamegraph_top(f)) AS largest
FROM deep;

DROP TABLE flame_io, stored, large, large_rows;
