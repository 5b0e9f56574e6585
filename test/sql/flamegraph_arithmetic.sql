-- Multiplying and averaging call trees.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/build.sql'
\i :include

-- Sums are rounded, not nodes: ten functions of 1 times 0.4 are 4 together,
-- and every subtree is within 1 of the exact value.
CREATE TABLE trees AS
SELECT flamegraph(p) AS tree
FROM (SELECT profile_from_folded(string_agg(format('main;f%s;g 1', lpad(i::text, 2, '0')), E'\n')) AS p
	  FROM generate_series(1, 10) i) q;
SELECT f.factor, flamegraph_total(tree * f.factor) AS total,
	   (SELECT max(abs(after.value - before.value * f.factor))
		FROM flamegraph_frames(tree) before
		JOIN flamegraph_frames(tree * f.factor) after USING (level, label)
		WHERE before.level > 0) <= 1 AS close
FROM trees, (VALUES (0.4::float8), (1), (2.5), (-0.4), (0.04), (0)) f(factor);
SELECT ('flamegraph 1 cpu/nanoseconds profiles=3 duration=7
0	1
1	4	a'::flamegraph * -2.5)::text;
SELECT flamegraph_total('a 9223372036854775807'::flamegraph * 1) AS exact,
	   flamegraph_total('a -9223372036854775808'::flamegraph * 1) AS lowest;
SELECT f AS factor, build.error(format('SELECT ''a 9223372036854775807''::flamegraph * %L::float8', f))
FROM unnest('{1.1,-1.1,NaN,Infinity,-Infinity}'::text[]) f;
SELECT (NULL::flamegraph * 2) IS NULL AND ('a 1'::flamegraph * NULL) IS NULL AS null_is_null;

-- norm_by scales by the same rule
SELECT n AS norm_by, count(*), max(value) AS base, sum(self) AS base_self, max("valueRight") AS comparison
FROM trees, (VALUES ('none'), ('0.4'), ('.5'), ('1e-1'), ('total')) n(n),
	 flamegraph_diff(tree, 'main;f01;g 4', n)
GROUP BY 1 ORDER BY 1;
SELECT n AS norm_by, build.error(format('SELECT flamegraph_diff(''a 1'', ''b 2'', %L)', n))
FROM unnest('{0x1p1," 1","1 ",+1,.,1.,1e,1e+,e5,5,0,0.0,1e-400}'::text[]) n;
SELECT build.error($$SELECT flamegraph_diff('a -5', 'b 2', 'total')$$) AS opposite;
SELECT * FROM flamegraph_diff('a -5', 'b -10', 'total');

-- Functions of a diff's base are scaled once each, however many nodes they have.
WITH t AS (SELECT string_agg(format(E'p%s;x 6\np%s;y 4', n, n), E'\n')::flamegraph AS base,
				  string_agg(format(E'p%s;x 3\np%s;y 2', n, n), E'\n')::flamegraph AS comparison
		   FROM (SELECT lpad(i::text, 4, '0') AS n FROM generate_series(1, 1000) i) z)
SELECT function, base_self, base_total, comparison_total, delta, delta_pct FROM t, flamegraph_diff_top(base, comparison, '0.2')
WHERE function IN ('x', 'y');

-- The mean over the rows that are not NULL, as if no tree were rounded on its
-- way; counts are of all that went in.
SELECT flamegraph_avg(p, 'samples')::text
FROM (VALUES ('a;b 5' || E'\n' || 'a;c 1'), ('a;b 2' || E'\n' || 'a 1'), (NULL)) v(t), LATERAL (SELECT t::profile) w(p);
SELECT flamegraph_avg(NULL::profile, 'cpu')::text AS nothing;
SELECT flamegraph_avg('a 1'::profile, NULL) = flamegraph('a 1'::profile) AS default_type;
CREATE TABLE instants AS
SELECT i, profile_from_folded(format(E'main;work %s\nmain;idle %s', i % 7, i % 5), 'goroutine', 'count') AS p
FROM generate_series(1, 2000) i;
ANALYZE instants;
SELECT flamegraph_total(flamegraph_avg(p, 'goroutine')) AS mean,
	   (sum(i % 7 + i % 5) / 2000.0)::numeric(10, 3) AS expected,
	   flamegraph_profiles(flamegraph_avg(p, 'goroutine')) AS profiles
FROM instants;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET max_parallel_workers_per_gather = 2;
CREATE TABLE parallel_mean AS SELECT flamegraph_avg(p, 'goroutine') AS tree FROM instants;
SET max_parallel_workers_per_gather = 0;
SELECT flamegraph_avg(p, 'goroutine') = (SELECT tree FROM parallel_mean) AS same FROM instants;
RESET ALL;

-- A sample type without names is one, too; only a tree without a type fits
-- everything.
SELECT t, build.error(format('SELECT flamegraph_profiles(%L::flamegraph + ''a 1'')', t))
FROM unnest(ARRAY[E'flamegraph 1 / profiles=2 duration=0\n0\t0',
				  E'flamegraph 1 / profiles=2 duration=0 typed\n0\t0']) t;
SELECT flamegraph_sample_type(E'flamegraph 1 / profiles=2 duration=0 typed\n0\t5');
SELECT (E'flamegraph 1 / profiles=2 duration=0 typed\n0\t5'::flamegraph)::text;
SELECT build.error(E'SELECT ''flamegraph 1 / profiles=2 duration=0\n0\t5''::flamegraph') AS no_type;
SELECT 'flamegraph 1 2'::flamegraph::text AS folded;
WITH empty_type AS (SELECT profile_from_folded('a 1', '', '') AS p)
SELECT flamegraph_sample_type(flamegraph(p)), flamegraph(p)::text = flamegraph(p)::text::flamegraph::text AS again FROM empty_type;
SELECT build.error($$SELECT flamegraph(p) FROM (VALUES (profile_from_folded('a 1', '', '')), ('a 1')) v(p)$$) AS mixed,
	   build.error($$SELECT flamegraph(profile_from_folded('a 1', '', '')) + 'a 1'$$) AS added;

DROP TABLE trees, instants, parallel_mean;
