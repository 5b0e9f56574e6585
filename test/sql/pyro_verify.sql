-- pyro.verify finds nothing in sound tables, and every damage that can be done
-- by SQL; pyro.drop_before drops what is older, no more and no less.
SET client_min_messages = warning;
SET pyro.block_rows = 100;
CREATE EXTENSION IF NOT EXISTS bloom;

CREATE TABLE t (id int PRIMARY KEY, b text, c timestamptz NOT NULL, j int[], r int4range, n int) USING pyro;
INSERT INTO t SELECT n, md5(n::text), '2024-01-01Z'::timestamptz + n * interval '1 min', ARRAY[n, n % 7], int4range(n, n + 1), nullif(n % 5, 0)
	FROM generate_series(1, 500) n;
CREATE INDEX t_gist ON t USING gist (r);
CREATE INDEX t_spgist ON t USING spgist (b);
CREATE INDEX t_gin ON t USING gin (j);
CREATE INDEX t_hash ON t USING hash (id);
CREATE INDEX t_hash_nulls ON t USING hash (n);
CREATE INDEX t_bloom ON t USING bloom (id);
CREATE INDEX t_partial ON t (c) WHERE id > 250;
CREATE INDEX t_expression ON t (lower(b), n);
SELECT * FROM pyro.verify('t');
CALL pyro.compact('t');
SELECT * FROM pyro.verify('t');
-- With rows in the head, in all states.
INSERT INTO t SELECT n, md5(n::text), '2024-01-01Z'::timestamptz + n * interval '1 min', ARRAY[n], int4range(n, n + 1) FROM generate_series(501, 700) n;
UPDATE t SET b = b || 'x' WHERE id % 10 = 0;
UPDATE t SET j = j || 1 WHERE id BETWEEN 590 AND 610;
DELETE FROM t WHERE id % 10 = 1;
BEGIN; INSERT INTO t VALUES (0, 'rolled back', now()); UPDATE t SET b = 'rolled back'; ROLLBACK;
SELECT * FROM pyro.verify('t');
BEGIN; UPDATE t SET n = 1; SELECT * FROM pyro.verify('t'); ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t; SELECT * FROM pyro.verify('t'); COMMIT;
VACUUM t;
SELECT * FROM pyro.verify('t');
-- It takes a snapshot of its own, for which there must be no parallel workers.
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT count(*), (SELECT count(*) FROM pyro.verify('t')) AS problems FROM t;
COMMIT;
REINDEX TABLE t;
SELECT * FROM pyro.verify('t');
CALL pyro.compact('t');
SELECT * FROM pyro.verify('t');
SELECT count(*) FROM t;

-- Damage to the directory.
-- As tables they let themselves be changed.
UPDATE pg_class SET relkind = 'r', relhasrules = false WHERE relnamespace = 'pyro'::regnamespace AND relkind = 'm';
SELECT block, rows, deleted_rows FROM pyro.blocks WHERE relation = 't'::regclass;
BEGIN; UPDATE pyro.storage SET relid = 1, blocks = 2, rows = 3; SELECT regexp_replace(verify, '\d+ bytes|\d+$', 'N', 'g') FROM pyro.verify('t'); ROLLBACK;
BEGIN; UPDATE pyro.block SET rows = rows - 50 WHERE first_vpage = 1; SELECT * FROM pyro.verify('t') v WHERE v ~ 'block|"t_pkey"'; ROLLBACK;
BEGIN; UPDATE pyro.block SET rows = 300 WHERE first_vpage = 1; SELECT * FROM pyro.verify('t') v WHERE v ~ 'block 2|"t_p|"t_hash"|"t_hash_nulls"|"t_bloom"|"t_gin"'; ROLLBACK;
BEGIN; UPDATE pyro.block SET rows = 0 WHERE first_vpage = 1; SELECT regexp_replace(verify, 'storage \d+', 'storage N') AS verify FROM pyro.verify('t'); ROLLBACK;
BEGIN; UPDATE pyro.storage SET next_vpage = (SELECT max(first_vpage) FROM pyro.block); SELECT * FROM pyro.verify('t') v WHERE v ~ 'block|"t_pkey"'; ROLLBACK;
BEGIN; UPDATE pyro.block SET format = 77 WHERE first_vpage = 1; SELECT regexp_replace(verify, 'storage \d+', 'storage N') AS verify FROM pyro.verify('t'); ROLLBACK;
BEGIN; UPDATE pyro.block SET zones = (SELECT zones FROM pyro.block WHERE first_vpage = 0) WHERE first_vpage = 1; SELECT * FROM pyro.verify('t'); ROLLBACK;
BEGIN; UPDATE pyro.block SET zones = substr(zones, 1, 5) WHERE first_vpage = 1; SELECT * FROM pyro.verify('t'); ROLLBACK;
BEGIN; UPDATE pyro.block SET streams = substr(streams, 1, 40) WHERE first_vpage = 1; SELECT * FROM pyro.verify('t'); ROLLBACK;
BEGIN; UPDATE pyro.block SET payload_size = payload_size + 1 WHERE first_vpage = 1; SELECT regexp_replace(verify, '\d+ bytes|\d+$', 'N', 'g') AS verify FROM pyro.verify('t'); ROLLBACK;
-- The checksum of a stream; other columns and blocks can be read.
CREATE TABLE saved AS SELECT storage_id, first_vpage, streams FROM pyro.block;
UPDATE pyro.block SET streams = set_byte(streams, 16 + 3 * 24 + 12, 255 - get_byte(streams, 16 + 3 * 24 + 12)) WHERE first_vpage = 1;
\c -
SET client_min_messages = warning;
SET pyro.block_rows = 100;
SELECT * FROM pyro.verify('t');
SELECT count(b) FROM t;
SELECT b FROM t WHERE ctid = '(2147483649,5)';
SET enable_seqscan = off;
SELECT count(b) FROM t WHERE ctid < '(2147483649,0)';
SELECT count(b) FROM t WHERE ctid >= '(2147483650,0)';
UPDATE pyro.block b SET streams = s.streams FROM saved s WHERE s.first_vpage = b.first_vpage AND s.storage_id = b.storage_id;
\c -
SET client_min_messages = warning;
SET pyro.block_rows = 100;
SELECT count(*), count(b) FROM t;
SELECT * FROM pyro.verify('t');
-- Marks.
BEGIN;
INSERT INTO pyro.block_delete SELECT storage_id, '(2147483648,150)' FROM pyro.storage;
INSERT INTO pyro.block_delete SELECT storage_id, '(2147484648,1)' FROM pyro.storage;
INSERT INTO pyro.block_delete SELECT storage_id, '(5,1)' FROM pyro.storage;
INSERT INTO pyro.block_delete SELECT storage_id, '(2147483648,7)', '(2147483648,8)' FROM pyro.storage;
SELECT * FROM pyro.verify('t');
ROLLBACK;
-- Indexes: one that has another one's entries, and one that gets those of two.
CREATE TABLE u (id int PRIMARY KEY) USING pyro;
CREATE INDEX u_second ON u (id);
INSERT INTO u SELECT generate_series(1, 7);
CREATE TABLE files AS SELECT oid, relname, relfilenode FROM pg_class WHERE relname IN ('t_pkey', 'u_pkey', 'u_second');
SET allow_system_table_mods = on;
UPDATE pg_class SET relfilenode = (SELECT relfilenode FROM files WHERE relname = 't_pkey') WHERE relname = 'u_pkey';
SELECT v FROM pyro.verify('u') v WHERE v !~ 'cannot exist';
SELECT count(*) FROM pyro.verify('u') v WHERE v ~ 'cannot exist';
UPDATE pg_class SET relfilenode = (SELECT relfilenode FROM files WHERE relname = 'u_pkey') WHERE relname IN ('u_pkey', 'u_second');
INSERT INTO u VALUES (8), (9);
SELECT * FROM pyro.verify('u');
UPDATE pg_class SET relfilenode = (SELECT relfilenode FROM files WHERE relname = 'u_second') WHERE relname = 'u_second';
SELECT * FROM pyro.verify('u');
RESET allow_system_table_mods;
REINDEX TABLE u;
SELECT * FROM pyro.verify('u');
DROP TABLE u, files, saved;

-- What is no table of ours, and what is no longer there.
SELECT * FROM pyro.verify('pg_class');
SELECT * FROM pyro.verify(1::regclass);
SELECT * FROM pyro.verify(NULL);
CREATE TEMP TABLE passing (id int PRIMARY KEY) USING pyro;
INSERT INTO passing VALUES (1);
SELECT * FROM pyro.verify('passing');
DROP TABLE passing, t;

-- drop_before, beside a heap.
CREATE TABLE p (id int, free timestamptz, c timestamptz NOT NULL, d timestamptz NOT NULL DEFAULT 'infinity') USING pyro;
CREATE TABLE h (LIKE p) USING heap;
INSERT INTO p SELECT n, NULL, '2024-01-01Z'::timestamptz + n * interval '1 min' FROM generate_series(1, 500) n;
CALL pyro.compact('p');
INSERT INTO p SELECT n, NULL, '2024-01-01Z'::timestamptz + n % 200 * interval '1 min' FROM generate_series(501, 700) n;
INSERT INTO p VALUES (701, NULL, '-infinity'), (702, NULL, 'infinity');
INSERT INTO h TABLE p;
CREATE FUNCTION same() RETURNS text LANGUAGE sql AS $$
	SELECT concat((SELECT count(*) FROM p), ' rows, ', CASE WHEN EXISTS ((TABLE p EXCEPT ALL TABLE h) UNION ALL (TABLE h EXCEPT ALL TABLE p))
		THEN 'DIFFERENT' ELSE 'the same' END, (SELECT string_agg(v, ';') FROM pyro.verify('p') v))
$$;
BEGIN; CALL pyro.drop_before('p', '2024-01-01 01:40Z'); ROLLBACK;
SELECT same();
CALL pyro.drop_before('p', '-infinity');
SELECT same();
-- in the middle of a block, at its first row, behind its last row
CALL pyro.drop_before('p', '2024-01-01 01:15Z'); DELETE FROM h WHERE c < '2024-01-01 01:15Z';
SELECT same();
SELECT block, rows, deleted_rows FROM pyro.blocks WHERE relation = 'p'::regclass;
CALL pyro.drop_before('p', '2024-01-01 01:41Z'); DELETE FROM h WHERE c < '2024-01-01 01:41Z';
SELECT same();
SELECT block, rows, deleted_rows FROM pyro.blocks WHERE relation = 'p'::regclass;
CALL pyro.drop_before('p', '2024-01-01 03:21Z'); DELETE FROM h WHERE c < '2024-01-01 03:21Z';
SELECT same();
SELECT block, rows, deleted_rows FROM pyro.blocks WHERE relation = 'p'::regclass;
-- A block of which our own transaction has changed rows.
BEGIN;
UPDATE p SET id = -id WHERE id = 250; UPDATE h SET id = -id WHERE id = 250;
CALL pyro.drop_before('p', '2024-01-01 05:10Z'); DELETE FROM h WHERE c < '2024-01-01 05:10Z';
SELECT same();
ROLLBACK;
SELECT same();
-- Triggers see every row, and may keep it; so do rules and foreign keys.
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN CASE WHEN OLD.id % 2 = 0 THEN OLD END; END';
CREATE TRIGGER keep BEFORE DELETE ON p FOR EACH ROW EXECUTE FUNCTION keep();
CREATE TRIGGER keep BEFORE DELETE ON h FOR EACH ROW EXECUTE FUNCTION keep();
CALL pyro.drop_before('p', '2024-01-01 05:10Z'); DELETE FROM h WHERE c < '2024-01-01 05:10Z';
SELECT same();
DROP TRIGGER keep ON p;
DROP TRIGGER keep ON h;
ALTER TABLE p ADD PRIMARY KEY (id);
CREATE TABLE referencing (id int REFERENCES p ON DELETE CASCADE);
INSERT INTO referencing SELECT id FROM p;
BEGIN ISOLATION LEVEL SERIALIZABLE;
CALL pyro.drop_before('p', '2024-01-01 06:50Z');
COMMIT;
DELETE FROM h WHERE c < '2024-01-01 06:50Z';
SELECT same();
SELECT count(*) FROM referencing;
DROP TABLE referencing;
ALTER TABLE p DROP CONSTRAINT p_pkey;
CALL pyro.drop_before('p', 'infinity'); DELETE FROM h WHERE c < 'infinity';
SELECT same();
SELECT blocks, rows FROM pyro.tables WHERE relation = 'p'::regclass;
-- A column that is younger than the blocks.
TRUNCATE p, h;
INSERT INTO p SELECT n, NULL, now() FROM generate_series(1, 200) n;
CALL pyro.compact('p');
INSERT INTO h TABLE p;
ALTER TABLE p DROP c, DROP d, ADD e timestamptz NOT NULL DEFAULT '2024-01-01Z';
ALTER TABLE h DROP c, DROP d, ADD e timestamptz NOT NULL DEFAULT '2024-01-01Z';
CALL pyro.drop_before('p', '2023-01-01');
SELECT same();
CALL pyro.drop_before('p', '2025-01-01'); DELETE FROM h;
SELECT same();
-- Partitions, of whatever kind.
CREATE TABLE whole (id int, c timestamptz NOT NULL) PARTITION BY LIST (id);
CREATE TABLE part_1 PARTITION OF whole FOR VALUES IN (1) USING pyro;
CREATE TABLE part_2 (c timestamptz NOT NULL, id int) USING heap;
ALTER TABLE whole ATTACH PARTITION part_2 FOR VALUES IN (2);
CREATE TABLE part_3 PARTITION OF whole DEFAULT PARTITION BY LIST (id);
CREATE TABLE part_4 PARTITION OF part_3 DEFAULT USING pyro;
INSERT INTO whole SELECT i, '2024-01-01Z'::timestamptz + n * interval '1 min' FROM generate_series(1, 3) i, generate_series(1, 300) n;
CALL pyro.compact('whole');
CALL pyro.drop_before('whole', '2024-01-01 02:30Z');
SELECT tableoid::regclass, count(*), min(c) AT TIME ZONE 'UTC' AS min FROM whole GROUP BY tableoid ORDER BY tableoid::regclass::text;
SELECT blocks, rows, deleted_rows FROM pyro.tables WHERE relation::text ~ '^part' ORDER BY relation::text;
SELECT * FROM pyro.verify('part_1') UNION ALL SELECT * FROM pyro.verify('part_4');
DROP TABLE whole;
-- Row security that is forced on the owner.
ALTER TABLE p ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE ROLE regress_pyro_owner;
GRANT ALL ON SCHEMA public TO regress_pyro_owner;
ALTER TABLE p OWNER TO regress_pyro_owner;
CALL pyro.drop_before('p', 'infinity');
ALTER TABLE p NO FORCE ROW LEVEL SECURITY;
CALL pyro.drop_before('p', 'infinity');
-- What cannot be.
CALL pyro.compact(NULL);
CALL pyro.drop_before('pg_class', now());
CALL pyro.drop_before('p', NULL);
CALL pyro.drop_before(NULL, now());
ALTER TABLE p DROP e;
CALL pyro.drop_before('p', now());
BEGIN READ ONLY; CALL pyro.drop_before('p', now()); ROLLBACK;
DROP TABLE p, h;
REVOKE ALL ON SCHEMA public FROM regress_pyro_owner;
DROP ROLE regress_pyro_owner;
DROP FUNCTION same, keep;
SELECT count(*) FROM pyro.block;

-- materialized views again
UPDATE pg_class SET relkind = 'm', relhasrules = true WHERE relnamespace = 'pyro'::regnamespace AND relname IN ('storage', 'block', 'block_delete', 'run');
