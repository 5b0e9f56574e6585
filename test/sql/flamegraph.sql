-- The aggregates that make flame graphs, and what a flame graph knows.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/build.sql'
\i :include
SET IntervalStyle = 'postgres';

-- Samples become a call tree by function name; children are in bytewise order.
SELECT flamegraph(p) FROM (VALUES ('main;work 10'::profile), ('main;rest 2'), (E'main 1\nmain;work;deep 3'),
	('Main;work 5')) v (p);

-- Names are compared as bytes: capitals first, no letter is folded.
SELECT label FROM flamegraph_frames((SELECT flamegraph(p)
	FROM (VALUES (E'b 1\nB 1\na 1\nab 1\na.b 1\nä 1\nz 1\n_ 1\nA 1'::profile)) v (p)));

-- It knows its type, how many profiles went in and how long they took.
CREATE TABLE flamed AS
	SELECT file, pg_read_binary_file(:'abs_srcdir' || '/data/' || file)::profile AS profile
	FROM pg_ls_dir(:'abs_srcdir' || '/data') AS file
	WHERE file LIKE '%.pb' OR file LIKE '%.pb.gz';
SELECT flamegraph_sample_type(f), flamegraph_profiles(f), flamegraph_duration(f), flamegraph_total(f)
FROM (SELECT flamegraph(profile) AS f FROM flamed WHERE file LIKE 'go-cpu%') g;
SELECT 9999879584 + 10004585443 + 8008548301 AS nanoseconds, 3130000000 + 8480000000 + 6550000000 AS total;

-- Type by type the tree has the total of the profile, and its self values are
-- those of the stacks: nothing is lost on the way.
SELECT count(*) AS types,
	   count(*) FILTER (WHERE flamegraph_sample_type(f) = type) AS type,
	   count(*) FILTER (WHERE flamegraph_total(f) = profile_total(profile, type)) AS total,
	   count(*) FILTER (WHERE flamegraph_profiles(f) = 1) AS one_profile,
	   count(*) FILTER (WHERE flamegraph_duration(f) = coalesce(profile_duration(profile), '0')) AS duration
FROM flamed, unnest(profile_sample_types(profile)) type,
	 LATERAL (SELECT flamegraph(p, type) AS f FROM (VALUES (profile)) v (p)) g;
CREATE FUNCTION build.stacks(f flamegraph) RETURNS TABLE (stack text[], value bigint)
	LANGUAGE plpgsql AS $$
DECLARE
	frame record;
BEGIN
	stack := '{}';
	FOR frame IN SELECT * FROM flamegraph_frames(f, 2147483647) ORDER BY ord LOOP
		IF frame.level > 0 THEN
			stack := stack[:frame.level - 1] || frame.label;
		END IF;
		value := frame.self;
		IF value <> 0 THEN
			RETURN NEXT;
		END IF;
	END LOOP;
END $$;
SELECT count(*) AS files, count(*) FILTER (WHERE NOT EXISTS (
		(SELECT stack, sum(value)::bigint AS value
			FROM profile_samples(profile) GROUP BY stack HAVING sum(value) <> 0)
		EXCEPT ALL SELECT * FROM build.stacks(f))) AS all_there,
	count(*) FILTER (WHERE NOT EXISTS (SELECT * FROM build.stacks(f) EXCEPT ALL
		SELECT stack, sum(value)::bigint
		FROM profile_samples(profile) GROUP BY stack HAVING sum(value) <> 0)) AS no_more
FROM (SELECT profile, flamegraph(profile) AS f FROM flamed GROUP BY profile) g;

-- A sample type by name, by type/unit, from the row, or NULL for the default.
SELECT flamegraph_sample_type(flamegraph(profile, 'samples')) AS by_type,
	   flamegraph_sample_type(flamegraph(profile, 'samples/count')) AS by_unit,
	   flamegraph_sample_type(flamegraph(profile, NULL)) AS by_default,
	   flamegraph(profile, NULL) = flamegraph(profile) AS same_as_without,
	   flamegraph(profile, 'cpu') = flamegraph(profile, 'cpu/nanoseconds') AS same
FROM flamed WHERE file LIKE 'go-cpu%';
SELECT flamegraph_sample_type(flamegraph(profile, type)), flamegraph_total(flamegraph(profile, type))
FROM flamed, unnest(profile_sample_types(profile)) type WHERE file = 'go-heap.pb.gz' GROUP BY type ORDER BY 1;

-- No rows give an empty tree, not NULL, and so do only NULLs; NULL rows are
-- skipped and not counted.
SELECT flamegraph(profile) AS no_rows, flamegraph(profile) IS NULL AS is_null FROM flamed WHERE false;
SELECT flamegraph(NULL::profile) = flamegraph(NULL::profile, 'cpu') AS same_for_nulls FROM flamed;
SELECT flamegraph(p) = (SELECT flamegraph(q) FROM (VALUES ('main;work 10'::profile)) w (q)) AS skipped,
	flamegraph_profiles(flamegraph(p))
FROM (VALUES (NULL::profile), ('main;work 10'), (NULL)) v (p);
SELECT file, flamegraph_total(f), flamegraph_sample_type(f), flamegraph_profiles(f), flamegraph_duration(f)
FROM (SELECT 'none' AS file, flamegraph(profile, 'no type at all') AS f FROM flamed WHERE false) g;

-- A profile without samples counts as a profile, and so does one without
-- sample types, which cannot have samples.
SELECT flamegraph(p) FROM (VALUES (''::profile)) v (p);
SELECT flamegraph_profiles(flamegraph(p)) FROM (VALUES (''::profile), ('main 1')) v (p);
SELECT flamegraph(build.string('')::profile);

-- Rows of different types do not add up: the error names both, and the hint
-- what to do.
SELECT build.error($$SELECT flamegraph(p) FROM (VALUES ('main 1'::profile), (profile_from_folded('main 1', 'cpu', 'nanoseconds'))) v (p)$$) AS types;
SELECT build.error($$SELECT flamegraph(p, 'cpu') FROM (VALUES (profile_from_folded('main 1', 'cpu', 'count')), (profile_from_folded('main 1', 'cpu', 'nanoseconds'))) v (p)$$) AS units;
SELECT build.error($$SELECT flamegraph(profile) FROM flamed$$) LIKE '22023 cannot add values of different sample types: "%/%" and "%/%" | %' AS files;
SELECT build.error($$SELECT flamegraph(p) FROM (VALUES (profile_from_folded('main 1', E'\x01<b>', '"')), ('main 1')) v (p)$$) AS odd_names;

-- An unknown type is an error that lists what the profile has.
SELECT build.error($$SELECT flamegraph(profile, 'wall') FROM flamed WHERE file = 'go-heap.pb.gz'$$) AS unknown;
SELECT build.error($$SELECT flamegraph(p, '') FROM (VALUES ('main 1'::profile)) v (p)$$) AS empty;

-- Values of 0 leave no trace, and values that cancel out neither; negative
-- ones are kept.
SELECT flamegraph(p) FROM (VALUES (E'a;b 0\na;c 5\nd;e 7\nd;e -7\nf;g -2\nf;g;h 2'::profile)) v (p);

-- Inner nodes keep their own values through merges.
SELECT flamegraph_merge(f) = flamegraph(p) AS same, flamegraph_folded(flamegraph_merge(f))
FROM (SELECT p, flamegraph(p) AS f FROM (VALUES (E'a 1\na;b 2\na;b;c 3'::profile),
	(E'a 10\na;b 20\na;b;c;d 30')) v (p) GROUP BY p) g;

-- A sum is the same in whatever order and brackets, serial and by groups.
WITH trees AS (SELECT row_number() OVER () AS n, flamegraph(profile, 'cpu') AS f FROM flamed
	WHERE file LIKE 'go-cpu%' GROUP BY file)
SELECT (a.f + b.f) + c.f = a.f + (b.f + c.f) AS associative, a.f + b.f = b.f + a.f AS commutative,
	   (a.f + b.f) + c.f = (SELECT flamegraph(profile) FROM flamed WHERE file LIKE 'go-cpu%') AS of_profiles,
	   (SELECT flamegraph_merge(f ORDER BY n DESC) FROM trees) = (a.f + b.f) + c.f AS aggregate
FROM trees a, trees b, trees c WHERE (a.n, b.n, c.n) = (1, 2, 3);

-- An empty tree is the zero of +; NULL stays NULL, but in the aggregate it is
-- skipped, and no rows are an empty tree there, too.
WITH e (e) AS (SELECT flamegraph(NULL::profile)), f (f) AS (SELECT flamegraph('a;b 1'::profile))
SELECT e + f = f AS left_zero, f + e = f AS right_zero, e + e = e AS zero, f + NULL IS NULL AS right_null,
	NULL + f IS NULL AS left_null
FROM e, f;
SELECT flamegraph_merge(f) = flamegraph(NULL::profile) AS empty FROM (VALUES (NULL::flamegraph)) v (f);
SELECT flamegraph_merge(f) AS no_rows FROM (VALUES ('a 1'::flamegraph)) v (f) WHERE false;
SELECT flamegraph_folded(flamegraph_merge(f)) FROM (VALUES ('a 1'::flamegraph), (NULL), ('a 2')) v (f);

-- Trees of different units never add.
SELECT build.error($$SELECT flamegraph(profile_from_folded('a 1', 'cpu', 'nanoseconds')) + 'a 1'::flamegraph$$) AS plus;
SELECT build.error($$SELECT flamegraph_merge(f) FROM (VALUES (E'flamegraph 1 cpu/count\n0\t1'::flamegraph), (E'flamegraph 1 cpu/bytes\n0\t1')) v (f)$$) AS merge;

-- Sums that leave bigint are an error, in a node as well as in the total; only
-- durations stay at its end, since some profilers give the time since 1970.
SELECT flamegraph_total(flamegraph(p)) FROM (VALUES ('a 9223372036854775806'::profile), ('a 1')) v (p);
SELECT build.error($$SELECT flamegraph(p) FROM (VALUES ('a 9223372036854775807'::profile), ('a 1')) v (p)$$) AS node;
SELECT build.error($$SELECT flamegraph(p) FROM (VALUES ('a 9223372036854775807'::profile), ('b 1')) v (p)$$) AS total;
SELECT build.error($$SELECT 'a -9223372036854775808'::flamegraph + 'a -1'$$) AS plus;
SELECT build.error($$SELECT flamegraph(p) FROM (VALUES (profile_from_folded('', 'a', 'b') + (build.string('') || build.number(10, 9223372036854775807))::profile), (profile_from_folded('', 'a', 'b') + (build.string('') || build.number(10, 1))::profile)) v (p)$$) AS duration;

-- Inlined frames are frames of the tree; what has no symbols is named as pprof
-- names it, so that stacks and tree speak of the same.
SELECT flamegraph_folded(flamegraph(p))
FROM (VALUES ((build.strings('cpu', 'ns', 'main', 'inlined', '/lib/libc.so.6') ||
	build.sample_type(1, 2) || build.mapping(1, 0, 0, 5) || build.function(1, 3) || build.function(2, 4) ||
		build.function(3, 0) ||
	build.location(1, build.line(2) || build.line(1)) || build.location(2, '', 7, 1) || build.location(3, '', 8, 1) ||
		build.location(4) ||
	build.location(5, build.line(3), 9, 1) || build.location(6, build.line(0, 4), 10, 1) ||
	build.sample('{2,1}', '{1}') || build.sample('{3,1}', '{10}') || build.sample('{4,1}', '{100}') ||
		build.sample('{5,1}', '{1000}') ||
	build.sample('{6,1}', '{10000}'))::profile)) v (p);

-- Samples without a stack are the root's own.
SELECT flamegraph(p), flamegraph_total(flamegraph(p))
FROM (VALUES ((build.strings('cpu', 'ns') || build.sample_type(1, 2) || build.sample('{}', '{5}'))::profile)) v (p);

-- Equality of trees, in all that uses it.
SELECT count(*) AS trees, count(DISTINCT f) AS different, count(DISTINCT flamegraph_hash(f)) AS hashes,
	   count(*) FILTER (WHERE flamegraph_hash_extended(f,
		0) & 4294967295 = flamegraph_hash(f)::bigint & 4294967295) AS low_half,
	   count(*) FILTER (WHERE flamegraph_hash_extended(f, 1) <> flamegraph_hash_extended(f, 0)) AS seeded
FROM (SELECT n, flamegraph(profile) AS f FROM flamed, generate_series(1, 2) n GROUP BY file, n) g;
SELECT a = b AS equal, a <> b AS differs, a < b AS less, a <= b AS less_equal, a > b AS greater,
	a >= b AS greater_equal, flamegraph_cmp(a, b) AS compare
FROM (VALUES (E'a;b 1\na;c 2'::flamegraph, E'a;c 2\na;b 1'::flamegraph)) v (a, b);
SELECT count(*) AS pairs, count(*) FILTER (WHERE (a < b)::int + (a = b)::int + (a > b)::int = 1
	AND (a <= b) = NOT (a > b)
	AND (a >= b) = NOT (a < b) AND (a <> b) = NOT (a = b)
		AND sign(flamegraph_cmp(a, b)) = (a > b)::int - (a < b)::int) AS agree
FROM unnest('{"a 1", "a 2", "b 1", "a;b 1", "", "a 1\nb 1", "a -1"}'::flamegraph[]) a,
	unnest('{"a 1", "a 2", "b 1", "a;b 1", "", "a 1\nb 1", "a -1"}'::flamegraph[]) b;

DROP TABLE flamed;

-- Mapped files with long names that differ only at their ends stay apart.
SELECT label LIKE '[aaaa%b]' OR label LIKE '[aaaa%c]' AS file, length(label), self
FROM flamegraph_frames((SELECT flamegraph((build.strings('samples', 'count', repeat('a', 300) || 'b', repeat('a', 300) || 'c') ||
	build.sample_type(1, 2) || build.mapping(1, 1, 2, 3) || build.mapping(2, 3, 4, 4) ||
	build.location(1, '', 1, 1) || build.location(2, '', 3, 2) ||
	build.sample('{1}', '{5}') || build.sample('{2}', '{7}'))::profile))) WHERE level = 1;
