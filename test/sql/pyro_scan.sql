-- All kinds of scans over head and blocks, beside the same ones of a heap.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/twins.sql'
CREATE SCHEMA test_scan;
SET search_path = test_scan, public;
\i :include
SET max_parallel_workers_per_gather = 0;

CREATE TABLE heap_twin (id int, k int, s text, dropped text, pad text) USING heap;
CREATE TABLE pyro_twin (LIKE heap_twin) USING pyro;
-- rows of the same width, so that a heap keeps their order
CALL on_both($$ INSERT INTO twins SELECT i, i * 7919 % 1000, CASE WHEN i % 11 <> 0 THEN 'row ' || 10000 + i END,
	'gone', repeat('x', CASE WHEN i % 11 <> 0 THEN 20 ELSE 30 END) FROM generate_series(1, 20000) i $$);
CALL on_both('CREATE INDEX ON twins (id)');
CALL on_both('CREATE INDEX ON twins (k)');
SET pyro.block_rows = 3000;
CALL pyro.compact('pyro_twin');
CALL on_both('ALTER TABLE twins DROP dropped');
CALL on_both($$ ALTER TABLE twins ADD added text DEFAULT 'constant', ADD nothing int $$);
CALL on_both($$ INSERT INTO twins SELECT i, i * 7919 % 1000, 'row ' || 10000 + i, repeat('x', 20), 'own', i
	FROM generate_series(20001, 23000) i $$);
CALL on_both('DELETE FROM twins WHERE id % 17 = 0');
CALL on_both($$ UPDATE twins SET s = 'updated', nothing = 1 WHERE id % 19 = 0 $$);
CALL on_both('ANALYZE twins');
SELECT blocks > 5 AS many_blocks, rows FROM pyro.storage WHERE relid = 'pyro_twin'::regclass;

---- sequential

CALL scan_by('seqscan');
SELECT compare('Seq Scan', 'SELECT * FROM twins');
SELECT compare('Seq Scan', 'SELECT t FROM twins t WHERE k < 10');
SELECT compare('Seq Scan', 'SELECT count(*), sum(id), count(s), min(added), max(nothing) FROM twins');
-- rows of blocks come first, in the order that they had in the head
SELECT compare('Seq Scan', 'SELECT array_agg(id) FROM twins WHERE id <= 20000 AND s IS DISTINCT FROM ''updated''');
SELECT min(n) FILTER (WHERE NOT of_block) > max(n) FILTER (WHERE of_block) AS blocks_first
FROM (SELECT row_number() OVER () AS n, ctid >= '(2147483648,0)' AS of_block FROM pyro_twin) r;
-- the same by the node that reads only what is needed
CALL scan_by('blockscan');
SELECT compare('Custom Scan (PyroScan)', 'SELECT * FROM twins');
SELECT compare('Custom Scan (PyroScan)', 'SELECT t FROM twins t WHERE k < 10');
SELECT compare('Custom Scan (PyroScan)', 'SELECT count(*), sum(id), count(s), min(added), max(nothing) FROM twins');
SELECT compare('Custom Scan (PyroScan)', 'SELECT array_agg(id) FROM twins WHERE id <= 20000 AND s IS DISTINCT FROM ''updated''');
SELECT min(n) FILTER (WHERE NOT of_block) > max(n) FILTER (WHERE of_block) AS blocks_first
FROM (SELECT row_number() OVER () AS n, ctid >= '(2147483648,0)' AS of_block FROM pyro_twin) r;

---- index, index-only

CALL scan_by('indexscan');
SELECT compare('Index Scan', 'SELECT * FROM twins WHERE id BETWEEN 100 AND 300');
SELECT compare('Index Scan', 'SELECT * FROM twins WHERE k IN (1, 500, 999)');
SELECT compare('Index Scan Backward', 'SELECT * FROM twins WHERE id > 19900 ORDER BY id DESC');
CALL scan_by('indexonlyscan', 'indexscan');
VACUUM heap_twin, pyro_twin;
SELECT compare('Index Only Scan', 'SELECT id FROM twins WHERE id BETWEEN 19000 AND 22000');
SELECT compare('Index Only Scan', 'SELECT k, count(*) FROM twins GROUP BY k');

---- bitmap

CALL scan_by('bitmapscan');
SELECT compare('Bitmap Heap Scan', 'SELECT * FROM twins WHERE k BETWEEN 100 AND 300');
SELECT compare('BitmapAnd', 'SELECT * FROM twins WHERE k BETWEEN 100 AND 110 AND id BETWEEN 5000 AND 6000');
SELECT compare('BitmapOr', 'SELECT * FROM twins WHERE k = 100 OR id BETWEEN 18000 AND 22000');
SELECT compare('Bitmap Heap Scan', 'SELECT count(*) FROM twins WHERE k < 300');
-- reading ahead
SET effective_io_concurrency = 16;
SELECT compare('Bitmap Heap Scan', 'SELECT * FROM twins WHERE k BETWEEN 100 AND 300');
SELECT compare('SubPlan', 'SELECT id, (SELECT count(*) FROM twins b WHERE b.k = a.k AND b.id < a.id) FROM (VALUES
	(20000, 5), (22000, 700)) a (id, k)');
SELECT compare('Append', 'SELECT * FROM twins WHERE k BETWEEN 1 AND 9 UNION ALL SELECT * FROM twins WHERE k = 77');
SELECT compare('InitPlan', 'SELECT (SELECT max(s) FROM twins WHERE k BETWEEN 5 AND 20)');

---- by TID

CALL scan_by('tidscan');
SELECT compare('Tid Scan', 'SELECT * FROM twins WHERE ctid = (SELECT ctid FROM twins WHERE id = 500 LIMIT 1)');
SELECT compare('Tid Scan', 'SELECT * FROM twins WHERE ctid = ANY (ARRAY(SELECT ctid FROM twins
	WHERE id IN (1, 2999, 3001, 3333, 22222)))');
SELECT compare('Tid Scan', $$ SELECT * FROM twins WHERE ctid IN ('(4294967294,1)', '(4294967294,291)', '(2147483647,1)',
	'(4000000000,256)') $$);
SELECT compare('Tid Scan', 'SELECT * FROM twins WHERE ctid = (SELECT ctid FROM twins WHERE id = 18000)');
SELECT compare('Tid Range Scan', 'SELECT * FROM twins WHERE ctid >= (SELECT ctid FROM twins WHERE id = 2900)
	AND ctid < (SELECT ctid FROM twins WHERE id = 7001) AND s IS DISTINCT FROM ''updated''');
SELECT compare('Tid Range Scan', $$ SELECT * FROM twins WHERE ctid >= '(0,0)' $$);
SELECT compare('Tid Range Scan', $$ SELECT * FROM twins WHERE ctid > '(4294967290,0)' $$);
SELECT count(*), min(id), max(id) FROM pyro_twin WHERE ctid < '(2147483648,0)' AND s IS DISTINCT FROM 'updated';
SELECT count(*), min(id), max(id) FROM pyro_twin WHERE ctid >= '(2147483648,0)' AND ctid <= '(2147483648,300)';
SELECT count(*), min(id), max(id) FROM pyro_twin WHERE ctid > '(2147483648,255)' AND ctid < '(2147483649,3)';
SELECT id, currtid2('pyro_twin', ctid) = ctid AS its_own FROM pyro_twin WHERE id IN (500, 22500) ORDER BY id;

---- cursors that turn about, in blocks, in the head and where they meet

CALL scan_by('seqscan');
CREATE FUNCTION wander(name text) RETURNS TABLE (step text, ids text) LANGUAGE plpgsql AS $$
DECLARE
	steps text[] := ARRAY['FORWARD 3', 'BACKWARD 2', 'FORWARD 4', 'BACKWARD ALL', 'FORWARD 2', 'FORWARD 2990',
		'FORWARD 3', 'BACKWARD 5', 'FORWARD 14000', 'FORWARD 2000', 'FORWARD 3', 'BACKWARD 900', 'BACKWARD 2',
		'FORWARD ALL', 'FORWARD 1', 'BACKWARD 3', 'FORWARD 10', 'BACKWARD 20000', 'BACKWARD 1', 'FORWARD 1'];
	wanderer refcursor := 'wanderer';
	id int;
	last int[];
BEGIN
	EXECUTE format('DECLARE wanderer SCROLL CURSOR FOR SELECT id FROM %I WHERE s IS DISTINCT FROM ''updated''', name);
	FOREACH step IN ARRAY steps LOOP
		last := '{}';
		IF step LIKE '%ALL' OR right(step, 3)::text ~ '^\d{3}$' THEN
			EXECUTE 'MOVE ' || step || ' FROM wanderer';
			ids := '';
		ELSE
			FOR i IN 1 .. split_part(step, ' ', 2)::int LOOP
				EXECUTE 'FETCH ' || split_part(step, ' ', 1) || ' FROM wanderer' INTO id;
				last := last || id;
			END LOOP;
			ids := last::text;
		END IF;
		RETURN NEXT;
	END LOOP;
	CLOSE wanderer;
END $$;
SELECT p.step, p.ids, p.ids IS NOT DISTINCT FROM h.ids AS same
FROM (SELECT row_number() OVER (), * FROM wander('pyro_twin')) p
	 JOIN (SELECT row_number() OVER (), * FROM wander('heap_twin')) h USING (row_number) ORDER BY row_number;
CALL scan_by('blockscan');
SELECT count(*), bool_and(p.ids IS NOT DISTINCT FROM h.ids) AS same
FROM (SELECT row_number() OVER (), * FROM wander('pyro_twin')) p
	 JOIN (SELECT row_number() OVER (), * FROM wander('heap_twin')) h USING (row_number);
CALL scan_by('seqscan');

---- rescans

SET enable_material = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_memoize = off;
SELECT compare('Nested Loop', 'SELECT v, t.id, t.s FROM generate_series(3, 6) v LEFT JOIN twins t
	ON t.k = v * 50 AND t.id % v = 0');
CALL scan_by('blockscan');
SELECT compare('Custom Scan (PyroScan)', 'SELECT v, t.id, t.s FROM generate_series(3, 6) v LEFT JOIN twins t
	ON t.k = v * 50 AND t.id % v = 0');
CALL scan_by('bitmapscan');
SELECT compare('Bitmap Heap Scan', 'SELECT v, t.id, t.s FROM generate_series(3, 60) v LEFT JOIN twins t
	ON t.k = v * 50 AND t.id % v = 0');
CALL scan_by('indexscan');
SELECT compare('Index Scan', 'SELECT v, t.id, t.s FROM generate_series(3, 60) v LEFT JOIN twins t
	ON t.id = v * 371');
CALL scan_by('tidscan');
SELECT compare('Tid Scan', 'SELECT t.id, t.s FROM (SELECT ctid FROM twins WHERE id % 300 = 1) v
	JOIN twins t ON t.ctid = v.ctid');
SELECT compare('Tid Range Scan', 'SELECT v.id, count(*) FROM (SELECT ctid, id FROM twins WHERE id IN (4, 2999, 3010)) v,
	LATERAL (SELECT FROM twins t WHERE t.ctid < v.ctid AND t.ctid >= (SELECT ctid FROM twins WHERE id = 1)
	AND s IS DISTINCT FROM ''updated'') r
	GROUP BY v.id');
RESET enable_material;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_memoize;

---- parallel

SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
CALL on_both('ALTER TABLE twins SET (parallel_workers = 2)');
CALL scan_by('seqscan');
SELECT compare('Parallel Seq Scan', 'SELECT * FROM twins WHERE k < 900');
SELECT compare('Parallel Seq Scan', 'SELECT count(*), sum(id), sum(length(pad)) FROM twins');
CALL scan_by('blockscan');
SELECT compare('Parallel Custom Scan (PyroScan)', 'SELECT * FROM twins WHERE k < 900');
SELECT compare('Parallel Custom Scan (PyroScan)', 'SELECT count(*), sum(id), sum(length(pad)) FROM twins');
CALL scan_by('bitmapscan');
SELECT compare('Parallel Bitmap Heap Scan', 'SELECT * FROM twins WHERE k BETWEEN 100 AND 800');
SELECT compare('Parallel Bitmap Heap Scan', 'SELECT count(*), sum(id) FROM twins WHERE k BETWEEN 100 AND 800');
CALL scan_by('indexscan');
SELECT compare('Parallel Index Scan', 'SELECT count(*), sum(id), count(s) FROM twins WHERE id BETWEEN 100 AND 22000');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT compare('Parallel Index Scan', 'SELECT count(*), sum(id), count(s) FROM twins WHERE id BETWEEN 100 AND 22000');
CALL scan_by('bitmapscan');
SELECT compare('Parallel Bitmap Heap Scan', 'SELECT count(*), sum(id) FROM twins WHERE k BETWEEN 100 AND 800');
CALL scan_by('seqscan');
SELECT compare('Parallel Seq Scan', 'SELECT count(*), sum(id) FROM twins WHERE k BETWEEN 100 AND 800');
CALL scan_by('blockscan');
SELECT compare('Parallel Custom Scan (PyroScan)', 'SELECT count(*), sum(id) FROM twins WHERE k BETWEEN 100 AND 800');
COMMIT;
SET max_parallel_workers_per_gather = 0;

---- lossy bitmaps: blocks of 10 rows have a virtual page each

CREATE TABLE lossy_pyro (id int, k int) USING pyro;
INSERT INTO lossy_pyro SELECT i, i % 100 FROM generate_series(1, 30000) i;
SET pyro.block_rows = 10;
CALL pyro.compact('lossy_pyro');
RESET pyro.block_rows;
INSERT INTO lossy_pyro SELECT i, i % 100 FROM generate_series(30001, 32000) i;
DELETE FROM lossy_pyro WHERE id % 50 = 0;
CREATE INDEX ON lossy_pyro (k);
ANALYZE lossy_pyro;
CALL scan_by('bitmapscan');
SET work_mem = '64kB';
CREATE FUNCTION lossy_pages(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		IF line ~ 'Heap Blocks: .*lossy=[1-9]' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;
SELECT lossy_pages('SELECT * FROM lossy_pyro WHERE k > 10');
SELECT count(*), sum(id) FROM lossy_pyro WHERE k > 10;
SELECT count(*), sum(i) FROM generate_series(1, 32000) i WHERE i % 100 > 10 AND i % 50 <> 0;
RESET work_mem;
SELECT lossy_pages('SELECT * FROM lossy_pyro WHERE k > 10');
SELECT count(*), sum(id) FROM lossy_pyro WHERE k > 10;

---- samples

CALL scan_by('seqscan');
CREATE TABLE counts AS SELECT count(*)::numeric AS n FROM pyro_twin;
SELECT count(*) = (SELECT n FROM counts) AS all_rows FROM pyro_twin TABLESAMPLE SYSTEM (100);
SELECT count(*) = (SELECT n FROM counts) AS all_rows FROM pyro_twin TABLESAMPLE BERNOULLI (100);
SELECT count(*) FROM pyro_twin TABLESAMPLE SYSTEM (0);
SELECT count(*) FROM pyro_twin TABLESAMPLE BERNOULLI (0);
-- 50 samples of 10 in 100: at most 6 standard deviations off (one page is about 200 rows)
SELECT abs(sum(n) / 5 - (SELECT n FROM counts)) < 6 * sqrt(0.9 * (SELECT n FROM counts) / 5) AS bernoulli_is_fair
FROM generate_series(1, 50) seed, LATERAL (SELECT count(*) AS n FROM pyro_twin TABLESAMPLE BERNOULLI (10)
	REPEATABLE (seed)) s;
SELECT abs(sum(n) / 5 - (SELECT n FROM counts)) < 6 * sqrt(250 * 0.9 * (SELECT n FROM counts) / 5) AS system_is_fair
FROM generate_series(1, 50) seed, LATERAL (SELECT count(*) AS n FROM pyro_twin TABLESAMPLE SYSTEM (10)
	REPEATABLE (seed)) s;
-- rows of both are among them
SELECT count(*) FILTER (WHERE ctid < '(2147483648,0)') > 0 AS of_head, count(*) FILTER
	(WHERE ctid >= '(2147483648,0)') > 0 AS of_blocks
FROM pyro_twin TABLESAMPLE BERNOULLI (10) REPEATABLE (1);
-- the same once more, and another one
CREATE TABLE sample AS SELECT * FROM pyro_twin TABLESAMPLE BERNOULLI (5) REPEATABLE (7);
SELECT count(*) > 500 FROM sample;
SELECT count(*) FROM (TABLE sample EXCEPT SELECT * FROM pyro_twin TABLESAMPLE BERNOULLI (5) REPEATABLE (7)) d;
SELECT count(*) > 0 FROM (TABLE sample EXCEPT SELECT * FROM pyro_twin TABLESAMPLE BERNOULLI (5) REPEATABLE (8)) d;
CREATE TABLE pages AS SELECT * FROM pyro_twin TABLESAMPLE SYSTEM (50) REPEATABLE (7);
SELECT count(*) > 500 FROM pages;
SELECT count(*) FROM (TABLE pages EXCEPT SELECT * FROM pyro_twin TABLESAMPLE SYSTEM (50) REPEATABLE (7)) d;
-- a sample that is read again for each row outside
SELECT min(n) = max(n) AS stable, min(n) > 0 AS any FROM generate_series(1, 3) v,
	LATERAL (SELECT count(*) + 0 * v AS n FROM pyro_twin TABLESAMPLE SYSTEM (20) REPEATABLE (1)) s;
CREATE EXTENSION tsm_system_rows;
SELECT count(*), count(DISTINCT id) FROM pyro_twin TABLESAMPLE system_rows(1000);
SELECT count(*) = (SELECT n FROM counts) AS all_rows FROM pyro_twin TABLESAMPLE system_rows(1000000);
-- only blocks, only a head, nothing
CREATE TABLE small_pyro (id int) USING pyro;
SELECT count(*) FROM small_pyro TABLESAMPLE SYSTEM (100);
INSERT INTO small_pyro SELECT generate_series(1, 1000);
SELECT count(*) FROM small_pyro TABLESAMPLE SYSTEM (100);
CALL pyro.compact('small_pyro');
VACUUM small_pyro;
SELECT count(*) FROM small_pyro TABLESAMPLE SYSTEM (100);
SELECT count(*) FROM small_pyro TABLESAMPLE BERNOULLI (100);

---- ANALYZE, VACUUM and estimates

RESET enable_seqscan;
-- all rows of these fit into the sample, so results are the same
CALL on_both('DROP TABLE IF EXISTS twins');
CREATE TABLE heap_twin (id int, k int, half int, s text) USING heap WITH (autovacuum_enabled = off);
CREATE TABLE pyro_twin (LIKE heap_twin) USING pyro WITH (autovacuum_enabled = off);
CALL on_both($$ INSERT INTO twins SELECT i, i % 100, CASE WHEN i % 2 = 0 THEN i % 10 END, 's' || i % 1000
	FROM generate_series(1, 12000) i $$);
CALL pyro.compact('pyro_twin');
CALL on_both($$ INSERT INTO twins SELECT i, i % 100, CASE WHEN i % 2 = 0 THEN i % 10 END, 's' || i % 1000
	FROM generate_series(12001, 14000) i $$);
CALL on_both('DELETE FROM twins WHERE id BETWEEN 3001 AND 4000 OR id > 13900');
CALL on_both('ANALYZE twins');
SELECT relname, reltuples FROM pg_class WHERE relname IN ('heap_twin', 'pyro_twin') ORDER BY 1;
SELECT attname, h.n_distinct, p.n_distinct = h.n_distinct AS distinct, p.null_frac = h.null_frac AS nulls,
	p.avg_width = h.avg_width AS width, p.histogram_bounds::text IS NOT DISTINCT FROM h.histogram_bounds::text AS bounds,
	p.correlation IS NOT DISTINCT FROM h.correlation AS correlation
FROM pg_stats h JOIN pg_stats p USING (attname) WHERE h.tablename = 'heap_twin' AND p.tablename = 'pyro_twin'
ORDER BY attname;
-- a head of few rows, of an empty page, of many pages of which few are sampled
CREATE FUNCTION estimated_rows(query text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;
CREATE INDEX ON pyro_twin (id);
CREATE INDEX pyro_part ON pyro_twin (id) WHERE k < 50;
CALL pyro.compact('pyro_twin');
VACUUM pyro_twin;
SELECT pg_relation_size('pyro_twin') / 8192 AS pages, relpages, reltuples FROM pg_class WHERE relname = 'pyro_twin';
SELECT relname, reltuples FROM pg_class c JOIN pg_index ON indexrelid = oid WHERE indrelid = 'pyro_twin'::regclass
ORDER BY 1;
SELECT estimated_rows('SELECT FROM pyro_twin') BETWEEN 12900 AND 13900;
ANALYZE pyro_twin;
SELECT relpages, reltuples FROM pg_class WHERE relname = 'pyro_twin';
-- again: the page stays, and the numbers
VACUUM pyro_twin;
VACUUM ANALYZE pyro_twin;
SELECT pg_relation_size('pyro_twin') / 8192 AS pages, relpages, reltuples FROM pg_class WHERE relname = 'pyro_twin';
INSERT INTO pyro_twin SELECT i, i % 100, 1, 's' FROM generate_series(14001, 14010) i;
ANALYZE pyro_twin;
SELECT relpages, reltuples FROM pg_class WHERE relname = 'pyro_twin';
SET default_statistics_target = 1;
INSERT INTO pyro_twin SELECT i, i % 100, 1, 's' || i % 1000 FROM generate_series(14011, 90000) i;
SELECT abs(estimated_rows('SELECT FROM pyro_twin') / (SELECT count(*) FROM pyro_twin) - 1) < 0.2 AS near;
ANALYZE pyro_twin;
-- 300 of some 450 pages, all with the same number of rows
SELECT relpages > 350 AS many_pages, abs(reltuples / (SELECT count(*) FROM pyro_twin) - 1) < 0.01 AS near
FROM pg_class WHERE relname = 'pyro_twin';
-- rows of the sample are of the head as often as those of the table: mean of 300
SELECT abs(null_frac - (SELECT avg((half IS NULL)::int) FROM pyro_twin)) < 0.12 AS fair
FROM pg_stats WHERE tablename = 'pyro_twin' AND attname = 'half';
-- the planner's tuples stay right when rows move
VACUUM pyro_twin;
SELECT abs(estimated_rows('SELECT FROM pyro_twin') / (SELECT count(*) FROM pyro_twin) - 1) < 0.05 AS near;
CALL pyro.compact('pyro_twin');
SELECT abs(estimated_rows('SELECT FROM pyro_twin') / (SELECT count(*) FROM pyro_twin) - 1) < 0.05 AS near;
VACUUM pyro_twin;
SELECT abs(estimated_rows('SELECT FROM pyro_twin') / (SELECT count(*) FROM pyro_twin) - 1) < 0.05 AS near,
	pg_relation_size('pyro_twin') / 8192 AS pages, relallvisible <= relpages AS sane
FROM pg_class WHERE relname = 'pyro_twin';
RESET default_statistics_target;
-- progress is not tracked, a table without rows, only in the head
SET track_activities = off;
ANALYZE pyro_twin;
RESET track_activities;
SELECT reltuples = (SELECT count(*) FROM pyro_twin) AS exact FROM pg_class WHERE relname = 'pyro_twin';
TRUNCATE pyro_twin;
ANALYZE pyro_twin;
SELECT relpages, reltuples FROM pg_class WHERE relname = 'pyro_twin';

---- many columns, and values of all sizes

DO $$
DECLARE
	types text[] := ARRAY['int', 'text', 'float8', 'bool', 'numeric', 'int8[]'];
BEGIN
	EXECUTE format('CREATE TABLE heap_wide (%s) USING heap',
		(SELECT string_agg(format('c%s %s', i, types[1 + i % 6]), ', ') FROM generate_series(1, 1500) i));
	CREATE TABLE pyro_wide (LIKE heap_wide) USING pyro;
	FOR n IN 2 .. 9 LOOP
		EXECUTE format('INSERT INTO heap_wide (c%s, c1, c7, c10, c1500) SELECT i, ''t'' || i, repeat(''x'', i * 10),
			1.5 * i, i FROM generate_series(%s, %s) i', 6 * n, n * 20, n * 20 + 19);
	END LOOP;
END $$;
INSERT INTO pyro_wide SELECT * FROM heap_wide;
CALL pyro.compact('pyro_wide');
SELECT count(*) FROM (TABLE heap_wide EXCEPT ALL TABLE pyro_wide) d;
SELECT count(*) FROM (TABLE pyro_wide EXCEPT ALL TABLE heap_wide) d;
SELECT count(*) FROM pyro_wide TABLESAMPLE SYSTEM (100);
ANALYZE pyro_wide;

SET client_min_messages = warning;
DROP SCHEMA test_scan CASCADE;
