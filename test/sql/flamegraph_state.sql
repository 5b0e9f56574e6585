-- What the executor does to the state of an aggregate: it is copied, shared,
-- flattened, sent between processes, finished more than once and spilled.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/build.sql'
\i :include
SET max_parallel_workers_per_gather = 0;

-- 2,400 profiles of 8 services in 20 buckets, in a table and in partitions.
CREATE TABLE state_rows (n int, service text, bucket int, profile profile) WITH (parallel_workers = 2);
INSERT INTO state_rows
	SELECT n, 'service ' || n % 8, n / 8 % 20,
		   profile_from_folded(format(E'main;s%s;f%s %s\nmain;s%s;g%s;h%s %s\nmain 1', n % 8, n % 50, n, n % 8, n % 7,
			n % 11, n % 13), 'cpu', 'nanoseconds')
	FROM generate_series(1, 2400) n;
CREATE TABLE state_parts (LIKE state_rows) PARTITION BY LIST (service);
CREATE TABLE state_parts_0 PARTITION OF state_parts FOR VALUES IN ('service 0', 'service 1', 'service 2',
	'service 3');
CREATE TABLE state_parts_1 PARTITION OF state_parts DEFAULT;
INSERT INTO state_parts SELECT * FROM state_rows;
ANALYZE state_rows, state_parts;

-- The state is the SQL type itself, which needs no functions to serialise it;
-- transition, combine and final function take NULL; the final one changes
-- nothing; the size of a state is stated.
SELECT a.aggfnoid::regprocedure, a.aggtranstype::regtype, a.aggserialfn, a.aggdeserialfn, a.aggfinalmodify,
	a.aggmfinalmodify, a.aggtransspace,
	   p.proparallel, p.provolatile, t.proisstrict OR c.proisstrict OR f.proisstrict AS any_strict
FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid JOIN pg_proc t ON t.oid = a.aggtransfn
	 JOIN pg_proc c ON c.oid = a.aggcombinefn JOIN pg_proc f ON f.oid = a.aggfinalfn
WHERE a.aggtranstype IN ('profile'::regtype, 'flamegraph'::regtype) ORDER BY a.aggfnoid::regprocedure::text;

-- The plain aggregates, to compare all others with.
CREATE TABLE state_whole AS
	SELECT flamegraph(profile) AS flame, profile_merge(profile) AS merged, flamegraph_merge(f) AS trees
	FROM state_rows, LATERAL (SELECT flamegraph(p) AS f FROM (VALUES (profile)) v (p)) t;
CREATE TABLE state_groups AS
	SELECT service, bucket, flamegraph(profile) AS flame, profile_merge(profile) AS merged, count(*) AS rows
	FROM state_rows GROUP BY service, bucket;
SELECT flame = trees AS same, flamegraph_total(flame) = profile_total(merged) AS total,
	flamegraph_profiles(flame) AS profiles FROM state_whole;
SELECT count(*), sum(rows), count(*) FILTER (WHERE flamegraph_total(flame) = profile_total(merged)
	AND flamegraph_profiles(flame) = rows) AS sound FROM state_groups;
SELECT (SELECT flamegraph_merge(flame) FROM state_groups) = flame AS flames,
	(SELECT profile_merge(merged) FROM state_groups) = merged AS profiles FROM state_whole;

-- Parallel: the partial states come from other processes, flattened by
-- themselves, and the result is the same byte for byte.
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT flamegraph(profile), profile_merge(profile) FROM state_rows;
SELECT flamegraph(profile) = flame AS flames,
	flamegraph_send(flamegraph(profile)) = flamegraph_send(flame) AS flame_bytes,
	   profile_merge(profile) = merged AS profiles,
		profile_send(profile_merge(profile)) = profile_send(merged) AS profile_bytes
FROM state_rows, state_whole GROUP BY flame, merged;
SET parallel_leader_participation = off;
SELECT (SELECT flamegraph(profile) FROM state_rows) = flame AS flames,
	(SELECT profile_merge(profile) FROM state_rows) = merged AS profiles FROM state_whole;
RESET parallel_leader_participation;

-- In parallel by group, where workers have groups that others do not.
EXPLAIN (COSTS OFF) SELECT service, flamegraph(profile), profile_merge(profile) FROM state_rows GROUP BY service;
SELECT count(*) AS groups, count(*) FILTER (WHERE p.flame = s.flame) AS flames,
	count(*) FILTER (WHERE p.merged = s.merged) AS profiles
FROM (SELECT service, flamegraph(profile) AS flame, profile_merge(profile) AS merged
	FROM state_rows GROUP BY service) p
	 JOIN (SELECT service, flamegraph_merge(flame) AS flame, profile_merge(merged) AS merged
		FROM state_groups GROUP BY service) s USING (service);

-- In parallel without a row, without a row in some workers, and with NULLs.
SELECT flamegraph(profile) = flamegraph(NULL::profile) AS no_rows, profile_merge(profile) IS NULL AS no_profile
FROM state_rows WHERE n < 0;
SELECT flamegraph_profiles(flamegraph(profile)) AS one, flamegraph_profiles(flamegraph(profile, 'cpu')) AS typed
FROM state_rows WHERE n = 77;
SELECT flamegraph_profiles(flamegraph(CASE WHEN n % 2 = 0 THEN profile END)) AS half,
	flamegraph(CASE WHEN n < 0 THEN profile END) = flamegraph(NULL::profile) AS nulls
FROM state_rows;

-- An error in a worker is the error of the query.
SELECT flamegraph(profile, 'wall') FROM state_rows;

-- Partitions, aggregated apart and put together.
SET enable_partitionwise_aggregate = on;
EXPLAIN (COSTS OFF) SELECT flamegraph(profile) FROM state_parts;
SELECT flamegraph(profile) = (SELECT flame FROM state_whole) AS flames,
	profile_merge(profile) = (SELECT merged FROM state_whole) AS profiles FROM state_parts;
SET max_parallel_workers_per_gather = 0;
EXPLAIN (COSTS OFF) SELECT bucket, flamegraph(profile) FROM state_parts GROUP BY bucket;
SELECT count(*) AS groups, count(*) FILTER (WHERE p.flame = s.flame) AS flames,
	count(*) FILTER (WHERE p.merged = s.merged) AS profiles
FROM (SELECT bucket, flamegraph(profile) AS flame, profile_merge(profile) AS merged
	FROM state_parts GROUP BY bucket) p
	 JOIN (SELECT bucket, flamegraph_merge(flame) AS flame, profile_merge(merged) AS merged
		FROM state_groups GROUP BY bucket) s USING (bucket);
RESET enable_partitionwise_aggregate;

-- Groups by service and bucket are hashed: sorting would flatten and sort whole
-- profiles.  The planner knows the size of a state.
EXPLAIN (COSTS OFF) SELECT service, bucket, flamegraph(profile) FROM state_rows GROUP BY service, bucket;
EXPLAIN (COSTS OFF) SELECT service, bucket, profile_merge(profile) FROM state_rows GROUP BY service, bucket;
EXPLAIN (COSTS OFF) SELECT bucket, flamegraph_merge(flame) FROM state_groups GROUP BY bucket;

-- Sorted groups give the same.
SET enable_hashagg = off;
EXPLAIN (COSTS OFF) SELECT service, bucket, flamegraph(profile) FROM state_rows GROUP BY service, bucket;
SELECT count(*) AS groups, count(*) FILTER (WHERE p.flame = s.flame) AS flames,
	count(*) FILTER (WHERE p.merged = s.merged) AS profiles
FROM (SELECT service, bucket, flamegraph(profile) AS flame, profile_merge(profile) AS merged
	FROM state_rows GROUP BY service, bucket) p
	 JOIN state_groups s USING (service, bucket);
RESET enable_hashagg;

-- A hash table that is larger than work_mem spills rows, with profiles in
-- them, and reads them again.
CREATE FUNCTION build.plan_has(query text, key text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, FORMAT json) ' || query INTO plan;
	RETURN QUERY SELECT v #>> '{}' FROM jsonb_path_query(plan, ('$.**."' || key || '"')::jsonpath) v;
END $$;
SET work_mem = '64kB';
SET enable_sort = off;
SELECT bool_or(batches::int > 1) AS spilled
FROM build.plan_has('SELECT service, bucket, flamegraph(profile), profile_merge(profile) FROM state_rows GROUP BY service, bucket',
	'HashAgg Batches') batches;
SELECT count(*) AS groups, count(*) FILTER (WHERE p.flame = s.flame) AS flames,
	count(*) FILTER (WHERE p.merged = s.merged) AS profiles
FROM (SELECT service, bucket, flamegraph(profile) AS flame, profile_merge(profile) AS merged
	FROM state_rows GROUP BY service, bucket OFFSET 0) p
	 JOIN state_groups s USING (service, bucket);
RESET enable_sort;
RESET work_mem;

-- 50,000 groups in one hash table: each is right, memory is bounded by
-- work_mem, and ten times the groups take no hundred times as long.
CREATE TABLE state_many AS
	SELECT n, n % 50000 AS g, profile_from_folded(format('main;f%s;g%s %s', n % 10, n % 7, n)) AS profile
	FROM generate_series(0, 99999) n;
ALTER TABLE state_many ALTER g SET (n_distinct = 50000);
ANALYZE state_many;
SET work_mem = '1GB';
EXPLAIN (COSTS OFF) SELECT g, flamegraph(profile) FROM state_many GROUP BY g;
SELECT count(*) AS groups, count(*) FILTER (WHERE flamegraph_total(f) = 2 * g + 50000
	AND flamegraph_profiles(f) = 2) AS right,
	   count(*) FILTER (WHERE flamegraph_folded(f) = folded) AS exact
FROM (SELECT g, flamegraph(profile) AS f FROM state_many GROUP BY g) a,
	 LATERAL (SELECT string_agg(format('main;f%s;g%s %s', m % 10, m % 7, m), E'\n' ORDER BY m % 7) AS folded
		FROM (VALUES (g), (g + 50000)) v (m)
			  WHERE m > 0) e;
SELECT count(*) AS groups, count(*) FILTER (WHERE profile_total(p) = 2 * g + 50000) AS right
FROM (SELECT g, profile_merge(profile) AS p FROM state_many GROUP BY g) a;
CREATE FUNCTION build.seconds(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz := clock_timestamp();
BEGIN
	EXECUTE query;
	RETURN extract(epoch FROM clock_timestamp() - started);
END $$;
SELECT build.seconds('SELECT count(f) FROM (SELECT flamegraph(profile) AS f FROM state_many GROUP BY g) a') <
	   50 * build.seconds('SELECT count(f) FROM (SELECT flamegraph(profile) AS f FROM state_many WHERE g < 5000 GROUP BY g) a') AS not_quadratic;
SET work_mem = '16MB';
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT g, flamegraph(profile) FROM state_many GROUP BY g;
SELECT max(peak::int) < 64 * 1024 AS bounded
FROM build.plan_has('SELECT g, flamegraph(profile) FROM state_many GROUP BY g', 'Peak Memory Usage') peak;
RESET enable_sort;
RESET work_mem;

-- Many rows in one state keep what the tree needs, no more.
CREATE FUNCTION build.context_bytes() RETURNS bigint LANGUAGE sql RETURN (SELECT sum(total_bytes)
	FROM pg_backend_memory_contexts);
SELECT max(bytes) - min(bytes) < 16 * 1024 * 1024 AS bounded FROM (
	SELECT CASE WHEN n % 20000 = 0 THEN build.context_bytes() END AS bytes, flamegraph(profile) OVER (ORDER BY n) AS f
	FROM (SELECT n, profile FROM state_many OFFSET 0) s) w;

-- Windows: the final function is called for each row on the one state; frames
-- that move begin anew.
SELECT count(*) AS rows, count(*) FILTER (WHERE f = expected) AS flames,
	count(*) FILTER (WHERE m = expected_m) AS profiles
FROM (SELECT n, flamegraph(profile) OVER w AS f, profile_merge(profile) OVER w AS m FROM state_rows
	WHERE n <= 60 WINDOW w AS (ORDER BY n)) g,
	 LATERAL (SELECT flamegraph(profile) AS expected, profile_merge(profile) AS expected_m FROM state_rows r
		WHERE r.n <= g.n) e;
SELECT count(*) AS rows, count(*) FILTER (WHERE f = expected) AS flames,
	count(*) FILTER (WHERE m = expected_m) AS profiles
FROM (SELECT n, flamegraph(profile) OVER w AS f, profile_merge(profile) OVER w AS m FROM state_rows WHERE n <= 60
	  WINDOW w AS (ORDER BY n ROWS BETWEEN 3 PRECEDING AND 2 FOLLOWING)) g,
	 LATERAL (SELECT flamegraph(profile) AS expected, profile_merge(profile) AS expected_m FROM state_rows r
		WHERE r.n BETWEEN g.n - 3 AND least(g.n + 2, 60)) e;
SELECT count(*) AS rows, count(*) FILTER (WHERE f = expected) AS flames,
	count(*) FILTER (WHERE flamegraph_profiles(f) = 0) AS empty
FROM (SELECT n, service, flamegraph(profile) FILTER (WHERE n % 3 = 0) OVER w AS f FROM state_rows WHERE n <= 80
	  WINDOW w AS (PARTITION BY service ORDER BY n ROWS BETWEEN 2 FOLLOWING AND 4 FOLLOWING EXCLUDE TIES)) g,
	 LATERAL (SELECT flamegraph(profile) AS expected FROM state_rows r
		WHERE r.service = g.service AND n % 3 = 0 AND r.n <= 80 AND r.n BETWEEN g.n + 16 AND g.n + 32) e;

-- FILTER, ORDER BY and DISTINCT inside; DISTINCT is by content.
SELECT flamegraph(profile) FILTER (WHERE n <= 10) = (SELECT flamegraph(profile) FROM state_rows
	WHERE n <= 10) AS filtered,
	   flamegraph(profile) FILTER (WHERE false) = flamegraph(NULL::profile) AS nothing,
	   flamegraph(profile ORDER BY n DESC) = flamegraph(profile) AS ordered,
	   profile_merge(profile ORDER BY bucket, service) = profile_merge(profile) AS ordered_profiles
FROM state_rows;
SELECT flamegraph_profiles(flamegraph(DISTINCT p)) AS distinct_profiles,
	flamegraph_profiles(flamegraph(p)) AS profiles,
	   profile_total(profile_merge(DISTINCT p)) AS distinct_total, profile_total(profile_merge(p)) AS total,
	   flamegraph_profiles(flamegraph(DISTINCT p, 'samples')) AS distinct_pairs
FROM (VALUES ('a 1'::profile), ('b 2'),
	((build.strings('samples', 'count', 'a') || build.sample_type(1, 2) || build.sample('{1}', '{1}') ||
	  build.location(1, build.line(1)) || build.function(1, 3))::profile), ('b 2')) v (p);

-- Two aggregates share one state, and finish it twice; one that has no final
-- function gets the live state.
CREATE AGGREGATE build.bare(profile) (SFUNC = flamegraph_accum, STYPE = flamegraph, COMBINEFUNC = flamegraph_combine,
	PARALLEL = SAFE);
CREATE AGGREGATE build.bare_merge(profile) (SFUNC = profile_merge_accum, STYPE = profile,
	COMBINEFUNC = profile_merge_accum, PARALLEL = SAFE);
CREATE FUNCTION build.finish(flamegraph) RETURNS bigint LANGUAGE sql IMMUTABLE RETURN flamegraph_total($1);
CREATE AGGREGATE build.total(profile) (SFUNC = flamegraph_accum, STYPE = flamegraph, FINALFUNC = build.finish,
	FINALFUNC_MODIFY = READ_ONLY);
SELECT flamegraph(profile) = build.bare(profile) AS bare, flamegraph(profile) = flame AS same,
	build.total(profile) = flamegraph_total(flame) AS total,
	   build.bare_merge(profile) = merged AS bare_merge
FROM state_rows, state_whole GROUP BY flame, merged;
SELECT count(*) AS rows, count(*) FILTER (WHERE a = b) AS bare,
	count(*) FILTER (WHERE t = flamegraph_total(a)) AS total,
	count(*) FILTER (WHERE flamegraph_profiles(b) = n) AS counted
FROM (SELECT n, flamegraph(profile) OVER w AS a, build.bare(profile) OVER w AS b, build.total(profile) OVER w AS t
	FROM state_rows WHERE n <= 50 WINDOW w AS (ORDER BY n)) g;
SELECT count(*) AS groups, count(*) FILTER (WHERE flame = f) AS bare
FROM (SELECT service, bucket, build.bare(profile) AS f FROM state_rows GROUP BY service, bucket) g
JOIN state_groups USING (service, bucket);

-- Strict functions of others around ours: the first value becomes the state as
-- it is, flat; a function in SQL calls ours outside of the aggregate.
CREATE AGGREGATE build.strict_sum(flamegraph) (SFUNC = flamegraph_add, STYPE = flamegraph,
	COMBINEFUNC = flamegraph_add, PARALLEL = SAFE);
CREATE AGGREGATE build.strict_profiles(profile) (SFUNC = profile_add, STYPE = profile, COMBINEFUNC = profile_add,
	PARALLEL = SAFE);
CREATE FUNCTION build.accumulate(flamegraph,
	profile) RETURNS flamegraph LANGUAGE sql IMMUTABLE RETURN flamegraph_accum($1, $2);
CREATE AGGREGATE build.wrapped(profile) (SFUNC = build.accumulate, STYPE = flamegraph, INITCOND = 'flamegraph 1 /');
CREATE AGGREGATE build.from_flat(profile) (SFUNC = flamegraph_accum, STYPE = flamegraph,
	INITCOND = E'flamegraph 1 cpu/nanoseconds\n1\t1000\tbegin');
SELECT (SELECT build.strict_sum(flame) FROM state_groups) = flame AS strict_sum,
	(SELECT build.strict_profiles(merged) FROM state_groups) = merged AS strict_profiles,
	   (SELECT build.wrapped(profile) FROM state_rows WHERE n <= 50) = (SELECT flamegraph(profile) FROM state_rows
		WHERE n <= 50) AS wrapped,
	   (SELECT build.from_flat(profile)
		FROM state_rows) = flame + E'flamegraph 1 cpu/nanoseconds\n1\t1000\tbegin'::flamegraph AS from_flat
FROM state_whole;
SET max_parallel_workers_per_gather = 2;
SELECT (SELECT build.strict_profiles(profile) FROM state_rows) = merged AS strict_profiles,
	(SELECT build.bare(profile) FROM state_rows) = flame AS bare FROM state_whole;
SET max_parallel_workers_per_gather = 0;

-- Called by hand, outside of any aggregate, none of them changes its
-- arguments.
DO $$
DECLARE
	f flamegraph := 'a;b 1';
	g flamegraph;
	p profile := 'a;b 1';
	q profile;
BEGIN
	FOR i IN 1 .. 3 LOOP
		g := flamegraph_accum(f, 'c 10');
		g := flamegraph_accum(f, 'c 10'::profile, 'samples');
		g := flamegraph_combine(f, 'c 10');
		g := flamegraph_combine(f, f);
		g := flamegraph_final(f);
		q := profile_merge_accum(p, 'c 10');
		q := profile_merge_accum(p, p);
		q := profile_merge_final(p);
	END LOOP;
	RAISE NOTICE 'f = %, p = %', flamegraph_folded(f), profile_total(p);
END $$;
SELECT flamegraph_folded(flamegraph_accum('a;b 1', 'c 10')) AS accum,
	flamegraph_folded(flamegraph_accum(NULL, 'c 10')) AS accum_null,
	   flamegraph_folded(flamegraph_accum('a;b 1', NULL::profile)) AS accum_nothing,
		flamegraph_accum(NULL, NULL::profile) IS NULL AS accum_nulls,
	   flamegraph_folded(flamegraph_combine('a;b 1', 'a;b 2')) AS combine,
		flamegraph_folded(flamegraph_combine(NULL, 'a 1')) AS combine_null,
	   flamegraph_folded(flamegraph_combine('a 1', NULL)) AS combine_nothing,
		flamegraph_combine(NULL, NULL) IS NULL AS combine_nulls,
	   flamegraph_total(flamegraph_final(NULL)) AS final_null, flamegraph_folded(flamegraph_final('a 1')) AS final;
SELECT profile_merge_accum('a 1', 'a 2') = 'a 3'::profile AS accum,
	profile_merge_accum(NULL, 'a 2') = 'a 2'::profile AS accum_null,
	   profile_merge_accum('a 1', NULL) = 'a 1'::profile AS accum_nothing,
		profile_merge_accum(NULL, NULL) IS NULL AS accum_nulls,
	   profile_merge_final(NULL) IS NULL AS final_null, profile_merge_final(E'a 1\na 2') = 'a 3'::profile AS final;
SELECT flamegraph_folded(f) AS f, flamegraph_folded(flamegraph_accum(f, 'c 10')) AS g,
	flamegraph_folded(flamegraph_combine(f, f)) AS h, flamegraph_folded(f) AS f_again
FROM (SELECT flamegraph(p) AS f FROM (VALUES ('a 1'::profile)) v (p) OFFSET 0) s;

-- Grouping sets keep several states at a time, sorted and hashed.
SELECT count(*) AS sets, count(*) FILTER (WHERE g.f = e.f AND g.m = e.m) AS right
FROM (SELECT service, bucket, flamegraph(profile) AS f, profile_merge(profile) AS m
	FROM state_rows GROUP BY ROLLUP (service, bucket)) g,
	 LATERAL (SELECT flamegraph_merge(flame) AS f, profile_merge(merged) AS m FROM state_groups s
			  WHERE (g.service IS NULL OR s.service = g.service) AND (g.bucket IS NULL OR s.bucket = g.bucket)) e;
SET enable_hashagg = off;
SELECT count(*) AS sets, count(*) FILTER (WHERE g.f = e.f AND g.m = e.m) AS right
FROM (SELECT service, bucket, flamegraph(profile) AS f, profile_merge(profile) AS m
	FROM state_rows GROUP BY CUBE (service, bucket)) g,
	 LATERAL (SELECT flamegraph_merge(flame) AS f, profile_merge(merged) AS m FROM state_groups s
			  WHERE (g.service IS NULL OR s.service = g.service) AND (g.bucket IS NULL OR s.bucket = g.bucket)) e;
RESET enable_hashagg;

-- Rescans begin anew: correlated subqueries, LATERAL, and a nested loop over an
-- aggregate.
SELECT count(*) AS groups, count(*) FILTER (WHERE (SELECT flamegraph(profile) FROM state_rows r
	WHERE r.service = s.service AND r.bucket = s.bucket) = flame) AS correlated,
	   count(*) FILTER (WHERE l.m = merged) AS lateral
FROM state_groups s, LATERAL (SELECT profile_merge(profile) AS m FROM state_rows r
	WHERE r.service = s.service AND r.bucket = s.bucket) l WHERE bucket < 3;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT count(*) AS groups, count(*) FILTER (WHERE g.f = s.flame) AS flames
FROM state_groups s JOIN (SELECT service, bucket, flamegraph(profile) AS f FROM state_rows
	WHERE bucket < 2 GROUP BY service, bucket) g USING (service, bucket);
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;

-- Results outlive their query: held cursors, variables, materialised CTEs,
-- views and tables.
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT service, flamegraph_profiles(flamegraph(profile)), flamegraph(profile) AS f
FROM state_rows WHERE n <= 16 GROUP BY service ORDER BY service;
FETCH 2 FROM held;
COMMIT;
FETCH 2 FROM held;
CLOSE held;
BEGIN;
DECLARE scrolled SCROLL CURSOR FOR SELECT service, flamegraph_total(flamegraph(profile))
FROM state_rows GROUP BY service ORDER BY service;
FETCH LAST FROM scrolled;
FETCH FIRST FROM scrolled;
COMMIT;
DO $$
DECLARE
	f flamegraph;
	whole flamegraph;
	p profile;
BEGIN
	FOR f, p IN SELECT flame, merged FROM state_groups LOOP
		whole := flamegraph_combine(whole, f);
	END LOOP;
	SELECT flamegraph(profile) INTO f FROM state_rows;
	RAISE NOTICE 'same: %', f = whole AND whole = (SELECT flame FROM state_whole);
END $$;
WITH g AS MATERIALIZED (SELECT service, flamegraph(profile) AS f FROM state_rows GROUP BY service)
SELECT count(*) AS pairs, count(*) FILTER (WHERE a.f + b.f = b.f + a.f) AS commutative,
	(SELECT flamegraph_merge(f) FROM g) = (SELECT flame FROM state_whole) AS whole
FROM g a, g b;
WITH RECURSIVE growing (n, f) AS (
	SELECT 0, flamegraph(NULL::profile) UNION ALL
	SELECT g.n + 1, g.f + (SELECT flamegraph(profile) FROM state_rows r WHERE r.n = g.n + 1) FROM growing g
	WHERE g.n < 20)
SELECT f = (SELECT flamegraph(profile) FROM state_rows r WHERE r.n <= 20) AS same FROM growing WHERE n = 20;
CREATE MATERIALIZED VIEW state_view AS SELECT service, flamegraph(profile) AS f FROM state_rows GROUP BY service;
REFRESH MATERIALIZED VIEW state_view;
SELECT flamegraph_merge(f) = (SELECT flame FROM state_whole) AS view FROM state_view;

-- Straight from the aggregate into a function that reads it.
SELECT count(*), sum(self) = (SELECT flamegraph_total(flame) FROM state_whole) AS total
FROM flamegraph_frames((SELECT flamegraph(profile) FROM state_rows), 50);
SELECT service, (flamegraph_top(flamegraph(profile))).function FROM state_rows
WHERE n < 3 GROUP BY service ORDER BY 1, 2;
SELECT flamegraph_total(flamegraph(profile)) > 0 AS total, length(flamegraph_svg(flamegraph(profile))) > 0 AS svg
FROM state_rows HAVING flamegraph_profiles(flamegraph(profile)) = 2400;

DROP MATERIALIZED VIEW state_view;
DROP TABLE state_rows, state_parts, state_whole, state_groups, state_many;
