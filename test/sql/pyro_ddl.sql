-- Blocks follow their table through all that gives it other files, and go with
-- it; beside a heap to which the same is done.
\set previous_database :DBNAME
SET client_min_messages = warning;
SET pyro.block_rows = 100;

CREATE FUNCTION fill(t text, first int, last int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO %I (id, b, c) SELECT n, repeat(md5(n::text), 5), ''2024-01-01Z''::timestamptz
		+ n * interval ''1 min'' FROM generate_series(%s, %s) n', t, first, last);
END $$;
-- Is the content that of the heap?  All rows, by sequential and by index scans.
CREATE FUNCTION same(t text DEFAULT 'p', twin text DEFAULT 'h') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n int;
	differences int;
	by_index int := 0;
BEGIN
	EXECUTE format('SELECT count(*) FROM %I', t) INTO n;
	EXECUTE format('SELECT count(*) FROM ((TABLE %1$I EXCEPT ALL TABLE %2$I) UNION ALL (TABLE %2$I EXCEPT ALL TABLE %1$I)) d',
		t, twin) INTO differences;
	IF EXISTS (SELECT FROM pg_index WHERE indrelid = t::regclass AND indisprimary) THEN
		SET LOCAL enable_seqscan = off;
		EXECUTE format('SELECT count(*) FROM %I x WHERE NOT EXISTS (SELECT FROM %I y WHERE x.id = y.id AND x::text = y::text)',
			twin, t) INTO by_index;
		SET LOCAL enable_seqscan = on;
	END IF;
	RETURN concat(n, ' rows, ', CASE differences + by_index WHEN 0 THEN 'the same' ELSE 'DIFFERENT' END, coalesce(
		(SELECT string_agg(problem, '; ') FROM pyro.verify(t::regclass) problem WHERE EXISTS
			(SELECT FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.oid = t::regclass AND a.amname = 'pyro')), ''));
END $$;
CREATE VIEW blocks AS SELECT relation, blocks, rows, deleted_rows FROM pyro.tables WHERE blocks > 0 ORDER BY relation::text;
-- What hangs on nothing.
CREATE VIEW orphans AS
	SELECT 'storage' AS what, count(*) FROM pyro.storage s WHERE NOT EXISTS (SELECT FROM pg_class c
		WHERE c.reltablespace = s.reltablespace AND c.relfilenode = s.relfilenumber AND c.oid = s.relid) HAVING count(*) > 0
	UNION ALL SELECT 'block', count(*) FROM pyro.block WHERE storage_id NOT IN (SELECT storage_id FROM pyro.storage) HAVING count(*) > 0
	UNION ALL SELECT 'mark', count(*) FROM pyro.block_delete WHERE storage_id NOT IN (SELECT storage_id FROM pyro.storage) HAVING count(*) > 0;

CREATE TABLE p (id int PRIMARY KEY, b text, c timestamptz NOT NULL, gone int DEFAULT 3, at int4range DEFAULT '[1,5)') USING pyro;
CREATE TABLE h (LIKE p INCLUDING ALL) USING heap;
CREATE INDEX p_at ON p USING gist (at);
SELECT fill(t, 1, 1000) FROM unnest('{h,p}'::text[]) t;
CALL pyro.compact('p');
SELECT fill(t, 1001, 1100) FROM unnest('{h,p}'::text[]) t;
SELECT same();
TABLE blocks;

-- VACUUM FULL: marked rows go, columns that came and went are made whole.
DELETE FROM h WHERE id % 10 = 0 OR id BETWEEN 201 AND 300; DELETE FROM p WHERE id % 10 = 0 OR id BETWEEN 201 AND 300;
UPDATE h SET b = 'new' WHERE id % 100 = 7; UPDATE p SET b = 'new' WHERE id % 100 = 7;
TABLE blocks;
VACUUM FULL p;
SELECT same();
TABLE blocks;
SELECT relid = 'p'::regclass AS of_the_table, rewritten IS NOT NULL AS rewritten FROM pyro.storage;
ALTER TABLE h DROP gone, ADD came int DEFAULT 8, ADD later text; ALTER TABLE p DROP gone, ADD came int DEFAULT 8, ADD later text;
SELECT same();
VACUUM FULL p;
SELECT count(*), sum(came) FROM p;
SELECT same();
SELECT count(*) FROM pg_attribute WHERE attrelid = 'p'::regclass AND atthasmissing;
SELECT reltuples FROM pg_class WHERE oid = 'p'::regclass;
TABLE orphans;

-- CLUSTER, by a btree and by an index that has no order.
CLUSTER p USING p_pkey;
SELECT same();
SELECT relpages > 0 AS pages, reltuples FROM pg_class WHERE oid = 'p'::regclass;
CLUSTER p USING p_at;
SELECT same();
BEGIN;
CLUSTER p USING p_pkey;
SELECT count(*) FROM p;
ROLLBACK;
SELECT same();
TABLE blocks;
TABLE orphans;
-- An empty head stays a page, so that ANALYZE comes along.
CALL pyro.compact('p');
VACUUM FULL p;
SELECT pg_relation_size('p');
SELECT same();
-- A new row does not take a TID that there was.
SELECT fill(t, 2001, 2200) FROM unnest('{h,p}'::text[]) t;
CALL pyro.compact('p');
SELECT same();
TABLE blocks;
-- All rows of all blocks.
BEGIN;
DELETE FROM p;
CLUSTER p USING p_pkey;
TABLE blocks;
SELECT count(*) FROM p;
ROLLBACK;
SELECT same();

-- TRUNCATE, taken back in whole and in part; in the transaction of the rewrite
-- it empties the file at once.
BEGIN; TRUNCATE p; SELECT count(*) FROM p; TABLE blocks; ROLLBACK;
SELECT same();
BEGIN; SAVEPOINT a; TRUNCATE p; ROLLBACK TO a; SELECT count(*) FROM p; COMMIT;
SELECT same();
BEGIN; CLUSTER p USING p_pkey; TRUNCATE p; TABLE blocks; SELECT count(*) FROM p; ROLLBACK;
SELECT same();
BEGIN; SAVEPOINT a; CLUSTER p USING p_pkey; SELECT count(*) FROM p; ROLLBACK TO a; SELECT count(*) FROM p; TRUNCATE p; COMMIT;
TRUNCATE h;
SELECT same();
TABLE blocks;
TABLE orphans;
SELECT fill(t, 1, 1000) FROM unnest('{h,p}'::text[]) t;
CALL pyro.compact('p');
SELECT same();
BEGIN; CREATE TABLE young (id int PRIMARY KEY, b text, c timestamptz) USING pyro; SELECT fill('young', 1, 10); TRUNCATE young; SELECT fill('young', 1, 5); COMMIT;
CALL pyro.compact('young');
SELECT count(*) FROM young;
TABLE blocks;
DROP TABLE young;
TABLE blocks;

-- Tablespaces, there and back.
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE regress_pyro LOCATION '';
BEGIN; ALTER TABLE p SET TABLESPACE regress_pyro; SELECT count(*) FROM p; TABLE blocks; ROLLBACK;
SELECT same();
ALTER TABLE p SET TABLESPACE regress_pyro;
SELECT same();
SELECT reltablespace <> 0 AS elsewhere FROM pyro.storage WHERE relid = 'p'::regclass;
DELETE FROM h WHERE id > 990; DELETE FROM p WHERE id > 990;
VACUUM FULL p;
SELECT same();
ALTER TABLE p SET TABLESPACE pg_default;
SELECT same();
SELECT reltablespace <> 0 AS elsewhere FROM pyro.storage WHERE relid = 'p'::regclass;
CREATE TABLE elsewhere (id int, b text, c timestamptz) USING pyro TABLESPACE regress_pyro;
SELECT fill('elsewhere', 1, 10);
CALL pyro.compact('elsewhere');
TABLE blocks;
TRUNCATE elsewhere;
TABLE blocks;
DROP TABLE elsewhere;
DROP TABLESPACE regress_pyro;
TABLE orphans;

-- Another access method, there and back; from heap without a TOAST table, too.
BEGIN; ALTER TABLE p SET ACCESS METHOD heap; SELECT same(); TABLE blocks; ROLLBACK;
SELECT same();
ALTER TABLE p SET ACCESS METHOD heap;
SELECT same();
TABLE blocks;
ALTER TABLE p SET ACCESS METHOD pyro;
SELECT same();
CALL pyro.compact('p');
SELECT same();
TABLE blocks;
CREATE TABLE narrow (id int) USING heap;
INSERT INTO narrow SELECT generate_series(1, 250);
ALTER TABLE narrow SET ACCESS METHOD pyro;
CALL pyro.compact('narrow');
TABLE blocks;
SELECT count(*), sum(id) FROM narrow;
DROP TABLE narrow;

-- Rewrites of all rows: they come back into the head.
BEGIN; ALTER TABLE p ALTER b TYPE bytea USING convert_to(b, 'UTF8'); SELECT count(*), sum(length(b)) FROM p; TABLE blocks; ROLLBACK;
SELECT same();
ALTER TABLE p ALTER b TYPE bytea USING convert_to(b, 'UTF8'); ALTER TABLE h ALTER b TYPE bytea USING convert_to(b, 'UTF8');
SELECT same();
CALL pyro.compact('p');
ALTER TABLE p ALTER came TYPE bigint; ALTER TABLE h ALTER came TYPE bigint;
SELECT same();
CALL pyro.compact('p');
ALTER TABLE p ADD r float8 DEFAULT random() NOT NULL;
SELECT count(DISTINCT r) = count(*) AS volatile, count(*) FROM p;
TABLE blocks;
ALTER TABLE p DROP r;
SELECT same();
CALL pyro.compact('p');
ALTER TABLE p ALTER came SET NOT NULL, ADD CHECK (id > 0); ALTER TABLE h ALTER came SET NOT NULL, ADD CHECK (id > 0);
ALTER TABLE p ADD CHECK (id < 900);
SELECT same();
-- Unlogged tables have no blocks.
ALTER TABLE p SET UNLOGGED;
TABLE blocks;
SELECT same();
CALL pyro.compact('p');
ALTER TABLE p SET LOGGED;
CALL pyro.compact('p');
SELECT same();
TABLE blocks;
CREATE UNLOGGED TABLE narrow (id int) USING pyro;
INSERT INTO narrow SELECT generate_series(1, 250);
ALTER TABLE narrow SET LOGGED;
CALL pyro.compact('narrow');
SELECT count(*), sum(id) FROM narrow;
TABLE blocks;
DROP TABLE narrow;
TABLE orphans;

-- Materialized views.
CREATE MATERIALIZED VIEW m USING pyro AS SELECT id, b FROM p;
CREATE UNIQUE INDEX ON m (id);
CALL pyro.compact('m');
TABLE blocks;
BEGIN; REFRESH MATERIALIZED VIEW m; TABLE blocks; ROLLBACK;
TABLE blocks;
DELETE FROM p WHERE id < 100; DELETE FROM h WHERE id < 100;
REFRESH MATERIALIZED VIEW CONCURRENTLY m;
SELECT count(*), count(*) FILTER (WHERE m.id = p.id AND m.b = p.b) FROM m JOIN p USING (id);
REFRESH MATERIALIZED VIEW m;
SELECT count(*), count(*) FILTER (WHERE m.id = p.id AND m.b = p.b) FROM m JOIN p USING (id);
TABLE blocks;
CALL pyro.compact('m');
REFRESH MATERIALIZED VIEW m WITH NO DATA;
TABLE blocks;
DROP MATERIALIZED VIEW m;
TABLE orphans;
SELECT same();

-- Drops of all kinds, and their rollback.
BEGIN; DROP TABLE p; TABLE blocks; ROLLBACK;
SELECT same();
BEGIN; SAVEPOINT a; DROP TABLE p; ROLLBACK TO a; COMMIT;
SELECT same();
CREATE SCHEMA apart;
CREATE TABLE apart.t (id int, b text, c timestamptz) USING pyro;
INSERT INTO apart.t SELECT generate_series(1, 150);
CALL pyro.compact('apart.t');
TABLE blocks;
BEGIN; DROP SCHEMA apart CASCADE; TABLE blocks; ROLLBACK;
TABLE blocks;
DROP SCHEMA apart CASCADE;
TABLE blocks;
CREATE ROLE regress_pyro_owner;
GRANT CREATE ON SCHEMA public TO regress_pyro_owner;
SET ROLE regress_pyro_owner;
CREATE TABLE owned (id int) USING pyro;
INSERT INTO owned SELECT generate_series(1, 150);
CALL pyro.compact('owned');
RESET ROLE;
TABLE blocks;
DROP OWNED BY regress_pyro_owner;
DROP ROLE regress_pyro_owner;
TABLE blocks;
-- Partitions come, stand alone, and go.
CREATE TABLE whole (id int, b text, c timestamptz) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF whole FOR VALUES FROM (1) TO (201) USING pyro;
CREATE TABLE part_2 PARTITION OF whole FOR VALUES FROM (201) TO (401) USING pyro;
SELECT fill('whole', 1, 400);
CALL pyro.compact('part_1');
CALL pyro.compact('part_2');
TABLE blocks;
ALTER TABLE whole DETACH PARTITION part_1;
SELECT count(*), min(id) FROM whole;
ALTER TABLE whole ATTACH PARTITION part_1 FOR VALUES FROM (1) TO (201);
SELECT count(*), min(id) FROM whole;
BEGIN; DROP TABLE part_1; SELECT count(*) FROM whole; ROLLBACK;
SELECT count(*) FROM whole;
DROP TABLE part_1;
TABLE blocks;
TRUNCATE whole;
TABLE blocks;
DROP TABLE whole;
TABLE orphans;
-- A temporary table's file can have any permanent one's name: it has no blocks.
CREATE TEMP TABLE passing (id int) USING pyro ON COMMIT DELETE ROWS;
BEGIN; INSERT INTO passing VALUES (1); TABLE passing; COMMIT;
TABLE passing;
CALL pyro.compact('passing');
DROP TABLE passing;
CREATE TEMP TABLE left_behind (id int) USING pyro;
\c -
SET client_min_messages = warning;
SET pyro.block_rows = 100;
SELECT same();

-- What nobody noticed is swept up by the next compaction.
-- As tables they let themselves be changed.
UPDATE pg_class SET relkind = 'r', relhasrules = false WHERE relnamespace = 'pyro'::regnamespace AND relkind = 'm';
INSERT INTO pyro.storage (storage_id, relid, reltablespace, relfilenumber, next_vpage, blocks, rows, bytes, dropped_rows) VALUES (nextval('pyro.storage_storage_id_seq'), 1, 0, 4294967295, 0, 0, 0, 0, 0);
TABLE orphans;
CALL pyro.compact('p');
TABLE orphans;
-- The trigger does so too, in a session that met the library late.
INSERT INTO pyro.storage (storage_id, relid, reltablespace, relfilenumber, next_vpage, blocks, rows, bytes, dropped_rows) VALUES (nextval('pyro.storage_storage_id_seq'), 1, 0, 4294967295, 0, 0, 0, 0, 0);
\c -
SET client_min_messages = warning;
CREATE TABLE plain (id int) USING heap;
DROP TABLE plain;
TABLE orphans;
SELECT pyro.forget_dropped();
SELECT same();
DROP TABLE p, h;
TABLE blocks;
TABLE orphans;
SELECT count(*) FROM pyro.block;

-- The extension with its tables.
CREATE DATABASE regress_pyro_ddl TEMPLATE template0;
\c regress_pyro_ddl
CREATE EXTENSION pyro_ext;
CREATE TABLE t (id int) USING pyro;
INSERT INTO t SELECT generate_series(1, 150);
CALL pyro.compact('t');
DROP EXTENSION pyro_ext;
DROP ACCESS METHOD pyro;
\set VERBOSITY terse
BEGIN; DROP EXTENSION pyro_ext CASCADE; ROLLBACK;
SELECT count(*) FROM t;
DROP EXTENSION pyro_ext CASCADE;
SELECT count(*) FROM pg_class WHERE relname = 't';
CREATE EXTENSION pyro_ext;
CREATE TABLE t (id int) USING pyro;
INSERT INTO t SELECT generate_series(1, 150);
CALL pyro.compact('t');
SELECT count(*), sum(id) FROM t;
\c :previous_database
DROP DATABASE regress_pyro_ddl;
DROP VIEW blocks, orphans;
DROP FUNCTION fill, same;

-- materialized views again
UPDATE pg_class SET relkind = 'm', relhasrules = true WHERE relnamespace = 'pyro'::regnamespace AND relname IN ('storage', 'block', 'block_delete', 'run');
