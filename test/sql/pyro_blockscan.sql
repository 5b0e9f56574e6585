-- Sequential scans that read only what they need of blocks: beside the same ones that
-- rebuild whole rows, and those of a heap.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/twins.sql'
CREATE SCHEMA test_blockscan;
SET search_path = test_blockscan, public;
\i :include
SET max_parallel_workers_per_gather = 0;
-- blocks are opened for each scan anew
SET pyro.block_cache_size = 0;

-- The same query by PyroScan, without it, and on a heap.
CREATE FUNCTION thrice(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	without text;
BEGIN
	SET LOCAL pyro.enable_blockscan = on;
	result := compare('Custom Scan (PyroScan)', query);
	SET LOCAL pyro.enable_blockscan = off;
	without := compare('', query);
	RETURN substring(result FROM '(?:PyroScan.: )?(.*)') || CASE WHEN without LIKE ': the same%' THEN ''
		ELSE ', but without it' || without END;
END $$;

-- How a query is run: the lines of its scans of blocks.
CREATE FUNCTION shown(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) ' || query LOOP
		IF line ~ 'Scan|Filter|Columns|Blocks|Runs|Streams' AND line !~ 'Rows Removed' THEN
			line := regexp_replace(line, ' \(actual.*', '');
			RETURN NEXT regexp_replace(line, 'stored .*', CASE WHEN line ~ 'stored 0kB, decoded 0kB' THEN 'nothing'
				ELSE 'so many bytes' END);
		END IF;
	END LOOP;
END $$;

---- tables of 2,400 rows, of services in turn, three quarters of which are in blocks

CREATE TABLE heap_twin (id int, gone int, ts timestamptz NOT NULL, service text, pod text, labels jsonb,
	profile profile, twice int GENERATED ALWAYS AS (id * 2) STORED, price numeric) USING heap;
CREATE TABLE pyro_twin (LIKE heap_twin INCLUDING GENERATED) USING pyro;
CREATE FUNCTION fill(first int, last int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	CALL on_both(format($q$ INSERT INTO twins (id, ts, service, pod, labels, profile, price)
		SELECT i, '2026-01-01'::timestamptz + i * interval '1 s',
			CASE WHEN i %% 400 >= 350 THEN NULL ELSE 'service ' || i / 100 %% 6 END, 'pod ' || i %% 3,
			jsonb_build_object('version', (i / 50)::text, 'zone', chr(97 + i %% 2)),
			CASE WHEN i %% 13 > 0 THEN format(E'main;f%%s;g %%s\nmain;h %%s', i %% 7, i %% 5 + 1, i + 1)::profile END,
			i / 3.0
		FROM generate_series(%s, %s) i $q$, first, last));
END $$;
SELECT fill(0, 1799);
EXPLAIN (COSTS OFF) SELECT id FROM pyro_twin WHERE ts > '2026-01-02';
PREPARE counting AS SELECT count(id) FROM pyro_twin WHERE service = 'service 1';
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE counting;
SELECT pyro.set_policy('pyro_twin', order_by => ARRAY['service', 'ts']);
SET pyro.block_rows = 600;
CALL pyro.compact('pyro_twin');
-- a plan that was made when there were no blocks is made anew
EXPLAIN (COSTS OFF) EXECUTE counting;
EXECUTE counting;
RESET plan_cache_mode;
CALL on_both('ALTER TABLE twins DROP gone');
CALL on_both($$ ALTER TABLE twins ADD added text DEFAULT 'constant', ADD nothing int $$);
SELECT fill(1800, 2399);
CALL on_both('DELETE FROM twins WHERE id % 17 = 3');
CALL on_both($$ UPDATE twins SET price = -1, added = 'own' WHERE id % 19 = 0 $$);
CALL on_both('ANALYZE twins');
SELECT count(*), sum(rows), sum(deleted_rows) FROM pyro.blocks WHERE relation = 'pyro_twin'::regclass;

---- what is read

-- nothing, for rows alone; none of the profiles, where they are not wanted
SELECT shown('SELECT count(*) FROM pyro_twin');
SELECT shown('SELECT service, count(*), max(ts) FROM pyro_twin GROUP BY service');
-- which profiles are NULL is known without them
SELECT shown('SELECT profile IS NULL FROM pyro_twin');
-- seven streams in each of three blocks
SELECT shown('SELECT length(profile::text) FROM pyro_twin');
-- they are opened only in blocks where a profile is looked into
SELECT shown('SELECT CASE WHEN id = 701 THEN length(profile::text) END FROM pyro_twin');
SELECT shown('SELECT profile FROM pyro_twin WHERE id = 1500');
-- whole rows need all columns
SELECT shown('SELECT t FROM pyro_twin t WHERE id = 1500');
-- a block of other ids is not opened, nor is one without the label
SELECT shown('SELECT ts FROM pyro_twin WHERE id < 500');
SELECT shown($$ SELECT ts FROM pyro_twin WHERE labels ->> 'version' = '3' $$);
SELECT shown($$ SELECT ts FROM pyro_twin WHERE ts > '2026-01-03' $$);
-- runs of a service are tried once: six in each block, and the NULLs
SELECT shown($$ SELECT id FROM pyro_twin WHERE service LIKE '%5' $$);
SELECT shown('SELECT id FROM pyro_twin WHERE service IS NULL');
-- ids make no runs
SELECT shown('SELECT ts FROM pyro_twin WHERE id % 5 = 0');
-- what may fail is tried only for rows that meet what stands before it
CREATE TABLE mixed (id int, kind text, value text) USING pyro;
INSERT INTO mixed SELECT i, CASE WHEN i > 40 THEN 'number ' ELSE 'text ' END || i % 2, CASE WHEN i > 40 THEN '5' ELSE 'abc' END
	FROM generate_series(1, 80) i;
CALL pyro.compact('mixed');
SELECT count(*) FROM mixed WHERE kind LIKE 'number%' AND value::int = 5;
SELECT count(*) FROM mixed WHERE kind LIKE 'number 1' AND value::int <> 5;
SELECT shown('SELECT id FROM mixed WHERE kind LIKE ''text%'' AND value LIKE ''5%''');
SELECT count(*) FROM mixed WHERE value::int = 5;
DROP TABLE mixed;
-- nothing of it without blocks, or where rows of blocks lack what is asked for
SET pyro.enable_blockscan = off;
SELECT shown('SELECT ts FROM pyro_twin WHERE id < 500');
RESET pyro.enable_blockscan;
SELECT shown('SELECT ts FROM pyro_twin WHERE xmin = 2');
SELECT shown('SELECT xmax FROM pyro_twin WHERE id = 3');
SELECT shown('SELECT ts FROM pyro_twin TABLESAMPLE SYSTEM (0)');
CREATE TABLE empty (LIKE pyro_twin) USING pyro;
EXPLAIN (COSTS OFF) SELECT * FROM empty;
-- other formats
CREATE FUNCTION shown_as_json(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF, FORMAT JSON) ' || query INTO plan;
	RETURN plan -> 0 -> 'Plan';
END $$;
SELECT plan - ARRAY['Actual Rows', 'Actual Loops', 'Async Capable', 'Disabled', 'Stream Bytes Stored',
	'Stream Bytes Decoded', 'Rows Removed by Filter'] AS plan, (plan ->> 'Stream Bytes Stored')::int > 0 AS stored,
	(plan ->> 'Stream Bytes Decoded')::int > 0 AS decoded
FROM shown_as_json('SELECT ts FROM pyro_twin WHERE id < 500') plan;
EXPLAIN (VERBOSE, COSTS OFF) SELECT count(*) FROM pyro_twin t WHERE service = 'a' OR service = 'b';

---- the same rows

SELECT thrice('SELECT * FROM twins');
SELECT thrice('SELECT t FROM twins t WHERE service = ''service 2''');
SELECT thrice('SELECT profile FROM twins');
SELECT thrice('SELECT id, added, nothing, twice, tableoid = ''twins''::regclass FROM twins WHERE price > 500');
SELECT thrice('SELECT count(*) FROM twins');
SELECT thrice('SELECT service, count(*), sum(price), count(profile) FROM twins GROUP BY service');
SELECT thrice('SELECT id FROM twins WHERE service IS NULL AND nothing IS NULL AND added = ''constant''');
SELECT thrice('SELECT id FROM twins WHERE service < ''service 3'' AND pod = ''pod 1'' AND id % 2 = 0');
SELECT thrice('SELECT id FROM twins WHERE labels @> ''{"version": "7"}'' OR id < 3');
SELECT thrice('SELECT id FROM twins WHERE (service, id) > (''service 3'', 900) AND coalesce(service, pod) <> ''pod 1''');
SELECT thrice('SELECT id FROM twins WHERE profile @> ''f3''');
SELECT thrice('SELECT id FROM twins t WHERE t.service = ''service 1'' AND t.profile IS NOT NULL AND t IS NOT NULL');
SELECT thrice('SELECT id FROM twins WHERE service = (SELECT NULL)');
-- every row, in order, at its TID
SELECT count(*), bool_and(EXISTS (SELECT FROM pyro_twin b WHERE b.ctid = a.ctid AND b.id = a.id)) FROM pyro_twin a;
SELECT min(n) FILTER (WHERE NOT of_block) > max(n) FILTER (WHERE of_block) AS blocks_first
FROM (SELECT row_number() OVER () AS n, ctid >= '(2147483648,0)' AS of_block FROM pyro_twin) r;

---- profiles of one scan, while another reads the same block

SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SET enable_memoize = off;
SELECT thrice('SELECT a.id, b.id, a.profile, b.profile FROM twins a JOIN twins b ON b.id BETWEEN a.id + 4 AND a.id + 5
	WHERE a.id BETWEEN 590 AND 605');
SELECT thrice('SELECT a.id, (SELECT b.profile FROM twins b WHERE b.id = a.id - 1), a.profile FROM twins a
	WHERE a.id BETWEEN 100 AND 120');
SELECT thrice('SELECT a.id, l.* FROM twins a, LATERAL (SELECT b.id, a.profile, b.profile FROM twins b
	WHERE b.service = a.service AND b.id < a.id OFFSET 0) l WHERE a.id BETWEEN 640 AND 645');
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
RESET enable_memoize;
SELECT thrice('SELECT a.profile, b.profile FROM twins a JOIN twins b USING (id) WHERE a.id % 20 = 0');
SELECT thrice('SELECT id, lag(profile) OVER (ORDER BY id) = profile, lead(profile, 2) OVER (ORDER BY id) FROM twins
	WHERE id % 9 = 0');
SELECT thrice('SELECT array_agg(profile ORDER BY id DESC) FROM twins WHERE id % 40 = 0');
SELECT thrice('SELECT id, ROW(profile, id), ARRAY[profile] FROM twins WHERE id % 40 = 0');
SELECT thrice('SELECT DISTINCT profile FROM twins');
SELECT thrice('SELECT profile FROM twins WHERE id < 100 UNION SELECT profile FROM twins WHERE id BETWEEN 50 AND 150');
SELECT thrice('SELECT id, profile FROM twins ORDER BY profile_sample_count(profile), id LIMIT 50');
SELECT thrice('WITH w AS MATERIALIZED (SELECT * FROM twins) SELECT a.id, b.profile FROM w a JOIN w b ON a.id = b.id + 1');
CREATE TABLE copied AS SELECT id, profile FROM pyro_twin;
SELECT count(*) FROM (TABLE copied EXCEPT SELECT id, profile FROM heap_twin) d;
CREATE FUNCTION kept(p profile) RETURNS profile LANGUAGE plpgsql AS $$
DECLARE
	held profile := p;
BEGIN
	PERFORM count(*) FROM pyro_twin WHERE profile IS NOT NULL AND profile <> p;
	RETURN held;
END $$;
SELECT thrice('SELECT id, kept(profile) FROM twins WHERE id BETWEEN 300 AND 305');

---- parameters

SELECT thrice('SELECT v, t.id FROM generate_series(3, 6) v LEFT JOIN LATERAL (SELECT * FROM twins t
	WHERE t.service = ''service '' || v AND t.id < v * 400 OFFSET 0) t ON true');
SELECT thrice('SELECT v, (SELECT count(*) FROM twins t WHERE t.pod = ''pod '' || v AND t.service = ''service 1'')
	FROM generate_series(0, 3) v');
SELECT thrice('SELECT id FROM twins WHERE service = (SELECT max(service) FROM twins) AND id > (SELECT 600)');
SELECT thrice('SELECT id FROM twins WHERE service = ANY (ARRAY(SELECT ''service '' || v FROM generate_series(2, 3) v))');
SELECT thrice('SELECT id FROM twins WHERE service IN (SELECT ''service '' || v FROM generate_series(2, 3) v)');
SELECT thrice('SELECT id FROM twins t WHERE EXISTS (SELECT FROM twins u WHERE u.id = t.id + 1 AND u.service <> t.service)');
PREPARE by_service(text, int) AS SELECT count(*), sum(id) FROM pyro_twin WHERE service = $1 AND id > $2;
SET plan_cache_mode = force_generic_plan;
EXECUTE by_service('service 1', 500);
SELECT count(*), sum(id) FROM heap_twin WHERE service = 'service 1' AND id > 500;
EXECUTE by_service('service 2', 1900);
SELECT count(*), sum(id) FROM heap_twin WHERE service = 'service 2' AND id > 1900;
EXECUTE by_service(NULL, 1);
SELECT shown($$ EXECUTE by_service('service 2', 1900) $$);
RESET plan_cache_mode;
-- which blocks are of use may be known only while the query runs
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT shown('SELECT v.id, t.ts FROM (VALUES (10), (1900)) v (id) LEFT JOIN pyro_twin t ON t.id = v.id');
SELECT thrice('SELECT v.id, t.ts FROM (VALUES (10), (1900), (700), (NULL)) v (id) LEFT JOIN twins t ON t.id = v.id');
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;

---- cursors

BEGIN;
DECLARE wanderer SCROLL CURSOR FOR SELECT id, profile_total(profile) FROM pyro_twin WHERE service = 'service 2' AND id % 10 = 0;
FETCH 2 FROM wanderer;
FETCH BACKWARD 1 FROM wanderer;
MOVE FORWARD ALL FROM wanderer;
FETCH BACKWARD 2 FROM wanderer;
MOVE ABSOLUTE 20 FROM wanderer;
FETCH 1 FROM wanderer;
FETCH RELATIVE -1 FROM wanderer;
MOVE BACKWARD ALL FROM wanderer;
FETCH 1 FROM wanderer;
COMMIT;
-- profiles of a cursor outlive their scan
BEGIN;
DECLARE held SCROLL CURSOR WITH HOLD FOR SELECT id, profile FROM pyro_twin WHERE id IN (27, 1900);
FETCH 1 FROM held \gset
SELECT :id AS id, profile_total(:'profile');
COMMIT;
FETCH 1 FROM held \gset
SELECT :id AS id, profile_total(:'profile');
FETCH BACKWARD 1 FROM held \gset
SELECT :id AS id, profile_total(:'profile');
CLOSE held;
-- each row on which a cursor stands, of a block and of the head
BEGIN;
DECLARE here CURSOR FOR SELECT id FROM pyro_twin WHERE service = 'service 4' AND id IN (405, 1005, 2205);
FETCH 1 FROM here;
UPDATE pyro_twin SET price = -2 WHERE CURRENT OF here RETURNING id;
FETCH 2 FROM here;
DELETE FROM pyro_twin WHERE CURRENT OF here RETURNING id;
FETCH 1 FROM here;
DELETE FROM pyro_twin WHERE CURRENT OF here;
ROLLBACK;

---- changes

CREATE TEMP TABLE changed (name text, id int, price numeric, profile profile);
CREATE PROCEDURE on_both_returning(statement text) LANGUAGE plpgsql AS $$
BEGIN
	CALL on_both(format('WITH c AS (%s RETURNING twins.*) INSERT INTO changed SELECT ''twins'', id, price, profile FROM c',
		statement));
END $$;
CALL on_both_returning('UPDATE twins SET price = price + 1 WHERE service = ''service 3'' AND id % 3 = 0');
CALL on_both_returning('UPDATE twins SET profile = o.profile FROM twins o WHERE o.id = twins.id + 1 AND twins.id % 50 = 7');
CALL on_both_returning('DELETE FROM twins WHERE labels ->> ''version'' = ''9''');
CALL on_both_returning('DELETE FROM twins USING twins o WHERE o.id = twins.id + 1 AND o.profile IS NULL AND twins.id < 800');
CALL on_both('MERGE INTO twins t USING generate_series(0, 2500, 100) v ON t.id = v
	WHEN MATCHED AND v % 300 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET pod = ''merged''
	WHEN NOT MATCHED THEN INSERT (id, ts) VALUES (v, ''2026-02-01'')');
SELECT name, count(*), sum(id), sum(price) FROM changed GROUP BY name ORDER BY name;
SELECT count(*) FROM (SELECT id, price, profile FROM changed WHERE name = 'heap_twin'
	EXCEPT ALL SELECT id, price, profile FROM changed WHERE name = 'pyro_twin') d;
SELECT thrice('SELECT * FROM twins');
SELECT thrice('SELECT id FROM twins WHERE service = ''service 3''');
BEGIN;
SELECT id, price FROM pyro_twin WHERE service = 'service 5' AND id BETWEEN 540 AND 545 ORDER BY id FOR UPDATE;
SELECT a.id, b.id FROM pyro_twin a JOIN pyro_twin b ON b.id = a.id + 1 WHERE a.id = 541 FOR UPDATE OF a;
ROLLBACK;
-- what a transaction has changed itself
BEGIN;
CALL on_both('DELETE FROM twins WHERE service = ''service 0''');
SAVEPOINT a;
CALL on_both('UPDATE twins SET service = ''service 0'' WHERE service = ''service 1''');
SELECT thrice('SELECT * FROM twins WHERE service = ''service 0''');
ROLLBACK TO a;
SELECT thrice('SELECT * FROM twins WHERE service = ''service 0''');
ROLLBACK;
SELECT thrice('SELECT * FROM twins WHERE service = ''service 0''');

---- errors leave no block open

CREATE FUNCTION fail_at(at int, id int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF id = at THEN RAISE 'row %', id; END IF;
	RETURN true;
END $$;
SELECT count(profile) FROM pyro_twin WHERE profile IS NOT NULL AND fail_at(704, id);
SELECT count(*) FROM pyro_twin WHERE length(profile::text) > 0 AND fail_at(704, id);
DO $$
BEGIN
	PERFORM length(profile::text) FROM pyro_twin WHERE fail_at(705, id);
EXCEPTION WHEN raise_exception THEN
	NULL;
END $$;
BEGIN;
SAVEPOINT a;
DECLARE left_open CURSOR FOR SELECT id, profile FROM pyro_twin;
FETCH 1 FROM left_open \gset
ROLLBACK TO a;
SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'pyro block';
COMMIT;

---- parallel

SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
CALL on_both('ALTER TABLE twins SET (parallel_workers = 2)');
SELECT thrice('SELECT * FROM twins');
SELECT thrice('SELECT service, count(*), sum(id), count(profile) FROM twins GROUP BY service');
EXPLAIN (COSTS OFF) SELECT id, length(profile::text) FROM pyro_twin WHERE service = 'service 2' AND id < 1500;
SELECT thrice('SELECT id, length(profile::text) FROM twins WHERE service = ''service 2'' AND id < 1500');
SELECT thrice('SELECT a.id, b.profile FROM twins a JOIN twins b USING (id) WHERE a.pod = ''pod 2''');
-- all blocks are counted once, whoever reads them
SELECT DISTINCT plan ->> 'Node Type' AS node, scan ->> 'Custom Plan Provider' AS provider, scan ->> 'Blocks Read' AS read,
	scan ->> 'Blocks Skipped by Range' AS skipped, scan ->> 'Streams Decoded' AS streams
FROM shown_as_json('SELECT ts FROM pyro_twin WHERE id < 1100') plan, jsonb_path_query(plan, '$.**{0 to last} ?
	(@."Custom Plan Provider" == "PyroScan")') scan;
SELECT thrice('SELECT v, n FROM generate_series(1, 3) v, LATERAL (SELECT count(*) AS n FROM twins
	WHERE service = ''service '' || v) c');
SET max_parallel_workers_per_gather = 0;

---- partitions

CREATE TABLE parts (id int, ts timestamptz NOT NULL, service text, profile profile) PARTITION BY RANGE (ts);
CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-01-02') USING pyro;
CREATE TABLE part2 PARTITION OF parts FOR VALUES FROM ('2026-01-02') TO ('2026-01-03') USING pyro;
-- columns in another order
CREATE TABLE part3 (profile profile, gone int, service text, ts timestamptz NOT NULL, id int) USING pyro;
ALTER TABLE part3 DROP gone;
ALTER TABLE parts ATTACH PARTITION part3 FOR VALUES FROM ('2026-01-03') TO ('2026-01-04');
CREATE TABLE part4 PARTITION OF parts FOR VALUES FROM ('2026-01-04') TO ('2026-01-05') USING heap;
INSERT INTO parts SELECT i, '2026-01-01'::timestamptz + i * interval '10 min', 'service ' || i % 3,
	format('main;f%s %s', i % 4, i + 1)::profile FROM generate_series(0, 575) i;
CREATE TABLE all_parts AS TABLE parts;
CALL pyro.compact('part1');
CALL pyro.compact('part3');
INSERT INTO parts SELECT 1000 + i, ts, service, profile FROM all_parts, LATERAL (SELECT id AS i) l WHERE id % 10 = 0;
INSERT INTO all_parts SELECT 1000 + i, ts, service, profile FROM all_parts, LATERAL (SELECT id AS i) l WHERE id % 10 = 0;
ANALYZE parts;
EXPLAIN (COSTS OFF) SELECT id FROM parts WHERE service = 'service 1' AND ts < '2026-01-03 12:00';
SELECT count(*) FROM (TABLE parts EXCEPT TABLE all_parts) d;
SELECT count(*) FROM (TABLE all_parts EXCEPT TABLE parts) d;
SELECT count(*), sum(id) FROM parts WHERE service = 'service 1' AND ts < '2026-01-03 12:00';
SELECT count(*), sum(id) FROM all_parts WHERE service = 'service 1' AND ts < '2026-01-03 12:00';
SELECT tableoid::regclass, count(*), count(p) FROM parts p GROUP BY tableoid ORDER BY 1;
WITH changed AS (UPDATE parts SET service = 'changed' WHERE id % 100 = 5 RETURNING tableoid::regclass, id, service)
SELECT * FROM changed ORDER BY id;
WITH changed AS (UPDATE parts SET ts = ts + interval '1 day' WHERE id IN (3, 293)
	RETURNING tableoid::regclass, id, profile_sample_count(profile))
SELECT * FROM changed ORDER BY id;
SELECT * FROM parts p JOIN all_parts a USING (id) WHERE p.profile <> a.profile;
SET enable_partitionwise_join = on;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT count(*), count(a.profile), count(b.profile) FROM parts a JOIN parts b USING (ts, id) WHERE a.service = 'service 2';
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_partitionwise_join;
-- inheritance: the parent is a child of its own
CREATE TABLE parent (id int, s text) USING pyro;
CREATE TABLE child (more int) INHERITS (parent) USING pyro;
INSERT INTO parent SELECT i, 'parent' FROM generate_series(1, 10) i;
INSERT INTO child SELECT i, 'child', -i FROM generate_series(11, 20) i;
CALL pyro.compact('parent');
CALL pyro.compact('child');
EXPLAIN (COSTS OFF) SELECT s FROM parent;
SELECT s, count(*), sum(id) FROM parent GROUP BY s ORDER BY s;
SELECT s, count(*) FROM ONLY parent GROUP BY s;
UPDATE parent SET s = s || '!' WHERE id % 9 = 0 RETURNING tableoid::regclass, *;

---- rows that a user must not know of

CREATE TABLE secrets (id int, owner text, secret text) USING pyro;
INSERT INTO secrets SELECT i, CASE WHEN i <= 500 THEN 'other' ELSE 'regress_blockscan' END, 'secret ' || i / 100
	FROM generate_series(1, 1000) i;
SELECT pyro.set_policy('secrets', order_by => ARRAY['owner', 'secret']);
CALL pyro.compact('secrets');
ANALYZE secrets;
CREATE FUNCTION leaks(t text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$
BEGIN
	RAISE NOTICE 'seen: %', t;
	RETURN t <> 'secret 7';
END $$;
CREATE ROLE regress_blockscan;
GRANT USAGE ON SCHEMA test_blockscan TO regress_blockscan;
GRANT SELECT ON secrets TO regress_blockscan;
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON secrets USING (owner = current_user AND id % 100 = 1);
SET ROLE regress_blockscan;
EXPLAIN (COSTS OFF) SELECT count(*) FROM secrets WHERE leaks(secret);
SELECT count(*) FROM secrets WHERE leaks(secret);
RESET ROLE;
CREATE VIEW barrier WITH (security_barrier) AS SELECT * FROM secrets WHERE secret = 'secret 5' AND id % 50 = 1;
SELECT id FROM barrier WHERE leaks(secret);
DROP VIEW barrier;
DROP OWNED BY regress_blockscan;
DROP ROLE regress_blockscan;

---- other relations

CREATE MATERIALIZED VIEW seen USING pyro AS SELECT id, service, profile FROM heap_twin;
CALL pyro.compact('seen');
SELECT shown('SELECT count(service) FROM seen');
SELECT count(*) FROM (TABLE seen EXCEPT SELECT id, service, profile FROM heap_twin) d;
-- after a rewrite
VACUUM FULL pyro_twin;
SELECT thrice('SELECT * FROM twins');
CALL on_both('ALTER TABLE twins ALTER price TYPE float8');
SELECT compare('Seq Scan', 'SELECT * FROM twins WHERE id < 300');
CALL pyro.compact('pyro_twin');
SELECT thrice('SELECT * FROM twins WHERE id < 300');
CALL on_both('TRUNCATE twins');
EXPLAIN (COSTS OFF) SELECT * FROM pyro_twin;

RESET pyro.block_cache_size;
SET client_min_messages = warning;
DROP SCHEMA test_blockscan CASCADE;
