-- Indexes of all kinds, built over head and blocks and used on them.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/twins.sql'
CREATE SCHEMA test_index;
SET search_path = test_index, public;
\i :include
SET max_parallel_workers_per_gather = 0;
SET max_parallel_maintenance_workers = 0;
CREATE EXTENSION amcheck;
CREATE EXTENSION btree_gist;

CREATE TABLE heap_twin (id int, k int, s text, p point, a int[], r int4range, j jsonb) USING heap;
CREATE TABLE pyro_twin (LIKE heap_twin) USING pyro;
CREATE FUNCTION twin_rows(first int, last int)
	RETURNS TABLE (id int, k int, s text, p point, a int[], r int4range, j jsonb) LANGUAGE SQL AS $$
	SELECT i, NULLIF(i * 7919 % 1000, 13), 'row ' || i % 5000, point(i, i % 77), ARRAY[i % 10, i % 13, i % 1017],
		   int4range(i * 10, i * 10 + 5), jsonb_build_object('service', 's' || i % 20, 'n', i)
	FROM generate_series(first, last) i $$;
CALL on_both('INSERT INTO twins (id, k, s, p, a, r, j) SELECT * FROM twin_rows(1, 12000)');
SET pyro.block_rows = 2500;
CALL pyro.compact('pyro_twin');
CALL on_both('INSERT INTO twins (id, k, s, p, a, r, j) SELECT * FROM twin_rows(12001, 14000)');
CALL on_both('DELETE FROM twins WHERE id % 23 = 0');
CALL on_both('UPDATE twins SET k = k + 1 WHERE id % 29 = 0');
CALL on_both($$ ALTER TABLE twins ADD late text DEFAULT 'late' $$);

-- Are all rows in their b-trees, and nothing wrong with these?
CREATE FUNCTION check_btrees() RETURNS SETOF name LANGUAGE plpgsql AS $$
DECLARE
	index record;
BEGIN
	FOR index IN SELECT oid, relname FROM pg_class WHERE relam = (SELECT oid FROM pg_am WHERE amname = 'btree')
		AND oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'pyro_twin'::regclass) ORDER BY relname LOOP
		PERFORM bt_index_check(index.oid, true);
		PERFORM bt_index_parent_check(index.oid, true, true);
		RETURN NEXT index.relname;
	END LOOP;
END $$;
-- The queries that the indexes below should answer.
CREATE FUNCTION compare_all() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN NEXT compare('twin_k', 'SELECT * FROM twins WHERE k = 77 OR k > 990');
	RETURN NEXT compare('twin_id', 'SELECT * FROM twins WHERE id BETWEEN 11900 AND 12100');
	RETURN NEXT compare('twin_hash', 'SELECT * FROM twins WHERE s = ''row 77''');
	RETURN NEXT compare('twin_gist', 'SELECT * FROM twins WHERE r && int4range(119900, 120100)');
	RETURN NEXT compare('twin_spgist', 'SELECT * FROM twins WHERE p <@ box(point(100, 10), point(13000, 20))');
	RETURN NEXT compare('twin_gin', 'SELECT * FROM twins WHERE a @> ARRAY[3, 5]');
	RETURN NEXT compare('twin_json', 'SELECT * FROM twins WHERE j @> ''{"service": "s7"}''');
	RETURN NEXT compare('twin_expression', 'SELECT * FROM twins WHERE id % 100 = 7 AND k < 500');
	RETURN NEXT compare('twin_late', 'SELECT count(*) FROM twins WHERE late = ''late''');
	RETURN NEXT compare('twin_cover', 'SELECT s, id FROM twins WHERE s BETWEEN ''row 77'' AND ''row 779''');
END $$;

---- BRIN is refused, with rows or without

CREATE INDEX twin_brin ON pyro_twin USING brin (id);
CREATE TABLE pyro_empty (id int) USING pyro;
CREATE INDEX ON pyro_empty USING brin (id);
-- what remains, as of any concurrent build that fails, is in nobody's way
CREATE INDEX CONCURRENTLY empty_brin ON pyro_empty USING brin (id);
INSERT INTO pyro_empty SELECT generate_series(1, 1000);
CALL pyro.compact('pyro_empty');
UPDATE pyro_empty SET id = -id WHERE id <= 10;
VACUUM ANALYZE pyro_empty;
REINDEX INDEX empty_brin;
SELECT count(*), sum(id), (SELECT indisready FROM pg_index WHERE indexrelid = 'empty_brin'::regclass) AS ready
FROM pyro_empty;
DROP TABLE pyro_empty;
CREATE TEMPORARY TABLE pyro_temporary (id int) USING pyro;
CREATE INDEX ON pyro_temporary USING brin (id);
DROP TABLE pyro_temporary;
CREATE INDEX twin_brin ON heap_twin USING brin (id);
DROP INDEX twin_brin;

---- all other kinds

CREATE INDEX twin_k ON pyro_twin (k);
CREATE UNIQUE INDEX twin_id ON pyro_twin (id);
CREATE INDEX twin_hash ON pyro_twin USING hash (s);
CREATE INDEX twin_gist ON pyro_twin USING gist (r);
CREATE INDEX twin_spgist ON pyro_twin USING spgist (p);
CREATE INDEX twin_gin ON pyro_twin USING gin (a);
CREATE INDEX twin_json ON pyro_twin USING gin (j jsonb_path_ops);
CREATE INDEX twin_expression ON pyro_twin ((id % 100)) WHERE k < 500;
CREATE INDEX twin_late ON pyro_twin (late);
CREATE INDEX twin_cover ON pyro_twin (s, k) INCLUDE (id);
CREATE INDEX twin_row ON pyro_twin ((pyro_twin IS NULL));
SELECT relname, reltuples FROM pg_class c JOIN pg_index ON indexrelid = oid WHERE indrelid = 'pyro_twin'::regclass
ORDER BY 1;
SELECT reltuples = (SELECT count(*) FROM pyro_twin) AS counted FROM pg_class WHERE relname = 'pyro_twin';
ANALYZE heap_twin, pyro_twin;
SET enable_seqscan = off;
VACUUM heap_twin, pyro_twin;
SELECT compare_all();
SELECT check_btrees();
REINDEX TABLE pyro_twin;
SELECT compare_all();
SELECT check_btrees();
-- after changes of all kinds
CALL on_both('DELETE FROM twins WHERE id % 31 = 0');
CALL on_both('UPDATE twins SET a = a || 5, r = int4range(lower(r) + 1, upper(r)) WHERE id % 37 = 0');
CALL on_both('INSERT INTO twins (id, k, s, p, a, r, j) SELECT * FROM twin_rows(14001, 15000)');
SELECT compare_all();
CALL pyro.compact('pyro_twin');
VACUUM pyro_twin;
SELECT compare_all();
SELECT check_btrees();

---- concurrently

REINDEX TABLE CONCURRENTLY pyro_twin;
SELECT compare_all();
DROP INDEX twin_k, twin_expression, twin_gin;
CREATE INDEX CONCURRENTLY twin_k ON pyro_twin (k);
CREATE INDEX CONCURRENTLY twin_expression ON pyro_twin ((id % 100)) WHERE k < 500;
CREATE INDEX CONCURRENTLY twin_gin ON pyro_twin USING gin (a);
SELECT compare_all();
SELECT check_btrees();
SELECT count(*) FROM pg_index WHERE indrelid = 'pyro_twin'::regclass AND NOT indisvalid;

---- parallel

DROP INDEX twin_k;
SET max_parallel_maintenance_workers = 2;
SET min_parallel_table_scan_size = 0;
ALTER TABLE pyro_twin SET (parallel_workers = 2);
CREATE INDEX twin_k ON pyro_twin (k);
REINDEX INDEX twin_gin;
CREATE INDEX CONCURRENTLY twin_both ON pyro_twin ((k + id));
REINDEX INDEX CONCURRENTLY twin_id;
SELECT compare_all();
SELECT check_btrees();
DROP INDEX twin_both;
SET max_parallel_maintenance_workers = 0;

---- uniqueness over both, rows that are no more, and constraints

INSERT INTO pyro_twin (id) VALUES (5);
INSERT INTO pyro_twin (id) VALUES (14999);
INSERT INTO pyro_twin (id) VALUES (23), (31) RETURNING id;
INSERT INTO pyro_twin (id) VALUES (23);
DROP INDEX twin_id;
INSERT INTO pyro_twin (id) VALUES (5);
CREATE UNIQUE INDEX twin_id ON pyro_twin (id);
CREATE UNIQUE INDEX CONCURRENTLY twin_id ON pyro_twin (id);
SELECT indisvalid FROM pg_index WHERE indexrelid = 'twin_id'::regclass;
DROP INDEX twin_id;
DELETE FROM pyro_twin WHERE id = 5 AND k IS NOT NULL;
CREATE UNIQUE INDEX twin_id ON pyro_twin (id);
ALTER TABLE pyro_twin ADD CONSTRAINT twin_key PRIMARY KEY USING INDEX twin_id;
INSERT INTO pyro_twin (id) VALUES (5), (6);
INSERT INTO pyro_twin (id) VALUES (5), (100001) ON CONFLICT DO NOTHING RETURNING id;
ALTER TABLE pyro_twin ADD CONSTRAINT twin_exclude EXCLUDE USING gist (r WITH &&);
INSERT INTO pyro_twin (id, r) VALUES (100002, '[1023,1024)');
INSERT INTO pyro_twin (id, r) VALUES (100002, '[1027,1028)');
INSERT INTO pyro_twin (id, r) VALUES (100003, '[1027,1028)');
ALTER TABLE pyro_twin ADD CONSTRAINT twin_narrow EXCLUDE USING gist (r WITH &&, k WITH =) WHERE (id < 100000);
ALTER TABLE pyro_twin ADD CONSTRAINT twin_wide EXCLUDE USING gist ((id % 1000) WITH =);
DROP TABLE pyro_twin;

---- expressions that change the cache entry of the table that is being indexed

CREATE TABLE pyro_noisy (id int, k int) USING pyro;
INSERT INTO pyro_noisy SELECT i, i % 1000 FROM generate_series(1, 9000) i;
CALL pyro.compact('pyro_noisy');
INSERT INTO pyro_noisy SELECT i, i % 1000 FROM generate_series(9001, 12000) i;
CREATE FUNCTION make_noise(i int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF i % 500 = 0 THEN
		GRANT SELECT ON test_index.pyro_noisy TO PUBLIC;
		REVOKE SELECT ON test_index.pyro_noisy FROM PUBLIC;
	END IF;
	RETURN i;
END $$;
CREATE FUNCTION noisy(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN test_index.make_noise(i); END';
CREATE INDEX noisy_index ON pyro_noisy (noisy(id)) WHERE noisy(k + 1) > 900;
SELECT bt_index_parent_check('noisy_index', true);
REINDEX INDEX noisy_index;
REINDEX INDEX CONCURRENTLY noisy_index;
CREATE INDEX CONCURRENTLY noisy_too ON pyro_noisy (noisy(k)) WHERE noisy(id + 1) % 500 = 1;
SELECT bt_index_check('noisy_index', true), bt_index_check('noisy_too', true);
CREATE INDEX ON pyro_noisy ((1 / (id - 500))) WHERE id <> 500;
CREATE INDEX ON pyro_noisy ((1 / (id - 500)));
DROP TABLE pyro_noisy;

---- partitions, inheritance, rewrites

CREATE TABLE parted (id int, k int) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000) USING pyro;
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (1000) TO (2000) USING heap;
INSERT INTO parted SELECT i, i % 100 FROM generate_series(0, 1999) i;
CALL pyro.compact('parted_1');
CREATE INDEX parted_k ON parted (k);
ALTER TABLE parted ADD PRIMARY KEY (id);
CREATE INDEX ON parted USING brin (id);
SELECT count(*), sum(id) FROM parted WHERE k = 5;
EXPLAIN (COSTS OFF) SELECT * FROM parted WHERE id = 500;
INSERT INTO parted VALUES (500);
CLUSTER parted_1 USING parted_1_k_idx;
SELECT count(*), sum(id) FROM parted WHERE k = 5;
SELECT bt_index_parent_check('parted_1_k_idx', true), bt_index_parent_check('parted_1_pkey', true);
VACUUM FULL parted_1;
SELECT count(*), sum(id) FROM parted WHERE k = 5;
SELECT bt_index_parent_check('parted_1_k_idx', true), bt_index_parent_check('parted_1_pkey', true);
ALTER TABLE parted ALTER k TYPE int8;
SELECT count(*), sum(id) FROM parted WHERE k = 5;
SELECT bt_index_parent_check('parted_1_k_idx', true), bt_index_parent_check('parted_1_pkey', true);
CREATE TABLE changed (id int) USING heap;
INSERT INTO changed SELECT generate_series(1, 10);
CREATE INDEX ON changed USING brin (id);
ALTER TABLE changed SET ACCESS METHOD pyro;

SET client_min_messages = warning;
DROP SCHEMA test_index CASCADE;
