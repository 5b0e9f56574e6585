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
DROP FUNCTION check_memory, statement_is_small;
