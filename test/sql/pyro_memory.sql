-- A statement keeps in memory what it needs for one row at a time, however many
-- rows of blocks it reads, changes or locks.
SET client_min_messages = warning;
CREATE TABLE long_statement (id int PRIMARY KEY, a int, b text) USING pyro;
INSERT INTO long_statement SELECT n, n, 'row ' || n FROM generate_series(1, 20000) n;
CALL pyro.compact('long_statement');

-- what the running statement has, in the context that lives as long as it does
CREATE FUNCTION statement_is_small() RETURNS boolean LANGUAGE sql AS $$
	SELECT max(total_bytes) < 500000 FROM pg_backend_memory_contexts WHERE name = 'ExecutorState' $$;
CREATE FUNCTION check_memory() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE WARNING '% is small: %', TG_OP, statement_is_small();
	RETURN NULL;
END $$;
CREATE TRIGGER memory AFTER UPDATE OR DELETE ON long_statement FOR EACH STATEMENT EXECUTE FUNCTION check_memory();

BEGIN;
UPDATE long_statement SET a = a + 1;
ROLLBACK;
BEGIN;
DELETE FROM long_statement;
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE long_statement SET a = a + 1;
ROLLBACK;
BEGIN;
DECLARE locked CURSOR FOR SELECT id FROM long_statement FOR UPDATE;
MOVE 19999 IN locked;
SELECT statement_is_small();
ROLLBACK;
SELECT count(*), sum(a - id) FROM long_statement;
DROP TABLE long_statement;

-- a scan of many blocks that do not compress
CREATE TABLE long_scan (id int, b bytea) USING pyro;
ALTER TABLE long_scan ALTER b SET STORAGE EXTERNAL;
INSERT INTO long_scan SELECT n, string_agg(sha256((1000 * n + i)::text::bytea), '')
FROM generate_series(1, 300) n, generate_series(1, 300) i GROUP BY n ORDER BY n;
SET pyro.block_rows = 20;
CALL pyro.compact('long_scan');
SET pyro.block_cache_size = 0;
BEGIN;
DECLARE scanned CURSOR FOR SELECT id, b FROM long_scan;
MOVE 299 IN scanned;
SELECT statement_is_small();
ROLLBACK;
DROP TABLE long_scan;

-- a scan of many partitions, each of which lets go of its block when it is at its end
CREATE TABLE parts (id int, profile profile) PARTITION BY RANGE (id);
SELECT format('CREATE TABLE part%s PARTITION OF parts FOR VALUES FROM (%s) TO (%s) USING pyro', n, n * 10, n * 10 + 10)
FROM generate_series(0, 4) n \gexec
INSERT INTO parts SELECT n, format('main;f%s 1', n)::profile FROM generate_series(0, 49) n;
SELECT format('CALL pyro.compact(%L)', 'part' || n) FROM generate_series(0, 4) n \gexec
CREATE FUNCTION blocks_in_memory() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'pyro block' $$;
BEGIN;
DECLARE scanned CURSOR FOR SELECT id, profile_total(profile) FROM parts;
MOVE 45 IN scanned;
SELECT blocks_in_memory();
MOVE ALL IN scanned;
SELECT blocks_in_memory();
ROLLBACK;
BEGIN;
SET LOCAL pyro.enable_blockscan = off;
DECLARE scanned SCROLL CURSOR FOR SELECT id, profile_total(profile) FROM parts;
MOVE 45 IN scanned;
SELECT blocks_in_memory();
MOVE BACKWARD 40 IN scanned;
SELECT blocks_in_memory();
FETCH 1 FROM scanned;
ROLLBACK;
BEGIN;
DECLARE scanned CURSOR FOR SELECT id FROM parts TABLESAMPLE SYSTEM (100);
MOVE 45 IN scanned;
SELECT blocks_in_memory();
ROLLBACK;
DROP TABLE parts;
DROP FUNCTION blocks_in_memory;
DROP FUNCTION check_memory, statement_is_small;
