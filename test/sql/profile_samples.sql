-- Samples, locations and functions: what stands in a profile, row by row.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/build.sql'
\i :include

-- One profile with all that pprof can say of a stack: a C program whose "leaf"
-- was inlined into "middle", a library without symbols, labels of both kinds.
-- Strings: 1 samples 2 count 3 cpu 4 nanoseconds 5 main 6 middle 7 leaf 8 _main
-- 9 main.c 10 /bin/program 11 abc123 12 /lib/libz.so.1 13 thread 14 worker-1
-- 15 size 16 bytes 17 user
CREATE TEMP TABLE one AS
	SELECT (build.strings('samples', 'count', 'cpu', 'nanoseconds', 'main', 'middle', 'leaf', '_main', 'main.c',
						  '/bin/program', 'abc123', '/lib/libz.so.1', 'thread', 'worker-1', 'size', 'bytes',
							'user') ||
			build.sample_type(1, 2) || build.sample_type(3, 4) ||
			build.mapping(1, 4194304, 8388608, 10, 11) || build.mapping(2, 16777216, 33554432, 12) ||
			build.function(1, 5, 8, 9, 10) || build.function(2, 6, 6, 9, 20) || build.function(3, 7, 7, 9, 30) ||
			build.location(10, build.line(1, 12), 4194310, 1) ||
			build.location(20, build.line(3, 33) || build.line(2, 22), 4194500, 1) ||
			build.location(30, '', 16777300, 2) ||
			build.location(40, '', 255, 0) ||
			build.sample('{20,10}', '{3,30}', build.label(13, 14)) ||
			build.sample('{30,20,10}', '{2,20}', build.number_label(15, 512, 16)) ||
			build.sample('{40,10}', '{1,10}') ||
			build.sample('{}', '{0,5}'))::profile AS p;

-- The stack is root first.  pprof writes the leaf first, and in a location the
-- innermost inlined frame first; what has no symbols is shown as pprof does.
SELECT stack, value, labels FROM one, profile_samples(p);
SELECT stack, value FROM one, profile_samples(p, 'samples') ORDER BY value DESC;
SELECT stack, value FROM one, profile_samples(p, sample_type => 'cpu/nanoseconds') ORDER BY value DESC LIMIT 1;

-- Locations: a row for each frame, the outermost first, then what is inlined
-- into it.
SELECT id, address, function, system_name, file, line, inlined, mapping, build_id FROM one, profile_locations(p);
SELECT function FROM one, profile_functions(p) AS function;

-- Labels: text, numbers, several values of one key as an array, texts and
-- numbers under one key; a key may be empty.
-- Strings: 1 samples 2 count 3 key 4 one 5 two 6 other 7 bytes
CREATE TEMP TABLE labelled AS
	SELECT n, (build.strings('samples', 'count', 'key', 'one', 'two', 'other', 'bytes') || build.sample_type(1, 2) ||
			   build.sample('{}', '{1}', labels))::profile AS p
	FROM (VALUES (1, build.label(3, 4)),
				 (2, build.label(3, 4) || build.label(3, 5)),
				 (3, build.label(3, 5) || build.label(3, 4)),
				 (4, build.label(3, 4) || build.label(6, 5)),
				 (5, build.number_label(3, 9223372036854775807, 7)),
				 (6, build.number_label(3, -1) || build.number_label(3, 0, 7)),
				 (7, build.number_label(3, 7) || build.label(3, 4)),
				 (8, build.label(0, 4)),
				 (9, build.label(3, 4) || build.label(3, 4)),
				 (10, ''::bytea)) v (n, labels);
SELECT n, labels, p::bytea::profile = p AS round_trip FROM labelled, profile_samples(p) ORDER BY n;

-- The order of keys says nothing, the order of one key's values does.
SELECT (SELECT p FROM labelled WHERE n = 2) = (SELECT p FROM labelled WHERE n = 3) AS other_values,
	   (build.strings('s', 'c', 'a', 'b') || build.sample_type(1, 2) ||
		build.sample('{}', '{1}', build.label(3, 4) || build.label(4, 3)))::profile =
	   (build.strings('s', 'c', 'a', 'b') || build.sample_type(1, 2) ||
		build.sample('{}', '{1}', build.label(4, 3) || build.label(3, 4)))::profile AS other_keys;

-- Samples that are alike stay apart: a profile is kept as it came.
SELECT stack, value, labels FROM profile_samples(
	(build.strings('samples', 'count', 'main', 'key') || build.sample_type(1, 2) ||
	 build.location(1, build.line(1)) || build.function(1, 3) ||
	 build.sample('{1}', '{5}') || build.sample('{1}', '{5}') || build.sample('{1}', '{0}') ||
	 build.sample('{1}', '{5}', build.label(4, 4)))::profile);

-- Real labels: each value of the program's five endpoints and three tenants.
\set file :abs_srcdir '/data/go-cpu-labels.pb.gz'
CREATE TEMP TABLE real AS SELECT pg_read_binary_file(:'file')::profile AS p;
SELECT key, count(DISTINCT label) AS "values", count(*) AS samples
FROM real, profile_samples(p), jsonb_each_text(labels) l (key, label) GROUP BY key ORDER BY key;
SELECT count(*) FILTER (WHERE labels = '{}') AS without, count(*) AS samples,
	   sum(value) = profile_total(p) AS whole
FROM real, profile_samples(p) GROUP BY p;
\set file :abs_srcdir '/data/go-heap.pb.gz'
SELECT jsonb_typeof(labels->'bytes') AS bytes, count(*)
FROM profile_samples(pg_read_binary_file(:'file')::profile) GROUP BY 1 ORDER BY 1;

-- Recursion is written out, and stacks may be deep.
SELECT stack FROM profile_samples('a;b;a;b;a 1');
SELECT cardinality(stack), stack[1], stack[10000]
FROM profile_samples((repeat('f;', 9999) || 'leaf 1')::profile);

-- Names that are no text: bytes that are not UTF-8 are shown as \xNN, and so
-- is a zero byte; every other character stays what it is.
SELECT stack[2] AS name, p::bytea::profile = p AS round_trip
FROM (VALUES ('\xff'::bytea), ('\x610062'), ('\xc3'), ('\xc3a9'), ('\xeda080'), ('\xf4908080'), ('\xc080'),
			 ('\x5c786666'), ('\x01096109'), ('<script>alert(1)</script>'), (' @0;x ')) v (name),
	 LATERAL (SELECT build.named(name)::profile) n (p), profile_samples(p);

-- So are labels, files and mappings, and jsonb takes them all.
SELECT s.labels, l.file, l.mapping, l.build_id, l.system_name
FROM (SELECT (build.strings('samples', 'count', 'f') || build.string('\x00ff') || build.string('\x22') ||
			  build.sample_type(1, 2) || build.mapping(1, 0, 0, 4, 4) || build.function(1, 3, 4, 4) ||
			  build.location(1, build.line(1), 0, 1) ||
			  build.sample('{1}', '{1}', build.label(4, 5) || build.label(5, 4)))::profile) o (p),
	 profile_samples(p) s, profile_locations(p) l;

-- In FROM with LATERAL, in the select list, and rescanned.
SELECT n, (profile_samples(p)).value FROM labelled WHERE n < 3 ORDER BY n;
SELECT n, (SELECT count(*) FROM profile_samples(p) WHERE labels ? 'key') FROM labelled WHERE n < 4 ORDER BY n;
SELECT address FROM one, profile_locations(p) LIMIT 1;
