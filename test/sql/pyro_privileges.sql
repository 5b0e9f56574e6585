-- Who may see, check, compact and empty tables; and that the directory is
-- nobody's.
SET client_min_messages = warning;
CREATE ROLE regress_pyro_owner;
CREATE ROLE regress_pyro_reader;
CREATE ROLE regress_pyro_stranger;
GRANT CREATE ON SCHEMA public TO regress_pyro_owner;
SET pyro.block_rows = 100;

SET ROLE regress_pyro_owner;
CREATE TABLE t (id int, c timestamptz NOT NULL DEFAULT '2024-01-01Z') USING pyro;
INSERT INTO t SELECT generate_series(1, 250);
CALL pyro.compact('t');
GRANT SELECT ON t TO regress_pyro_reader;
CREATE TABLE private (id int) USING pyro;
INSERT INTO private SELECT generate_series(1, 10);
CALL pyro.compact('private');
ANALYZE t;

-- the directory itself
TABLE pyro.storage;
TABLE pyro.block;
TABLE pyro.block_delete;
SELECT nextval('pyro.storage_storage_id_seq');
DELETE FROM pyro.block;

-- views: tables that one may read
SELECT relation, head_rows, blocks, rows, deleted_rows, raw_bytes > stored_bytes AS smaller, ratio > 1 AS ratio FROM pyro.tables ORDER BY relation::text;
SELECT relation, count(*), sum(rows) AS rows FROM pyro.blocks GROUP BY relation ORDER BY relation::text;
SET ROLE regress_pyro_reader;
SELECT relation, blocks FROM pyro.tables ORDER BY relation::text;
SELECT relation, count(*), sum(rows) AS rows FROM pyro.blocks GROUP BY relation ORDER BY relation::text;
SET ROLE regress_pyro_stranger;
SELECT relation, blocks FROM pyro.tables;
SELECT relation, rows FROM pyro.blocks;
-- a function of the caller's does not see the others either
CREATE FUNCTION pg_temp.leak(text) RETURNS bool LANGUAGE plpgsql COST 0.0001 AS
	'BEGIN RAISE WARNING ''leaked %'', $1; RETURN true; END';
SELECT relation, rows FROM pyro.tables WHERE pg_temp.leak(relation::text);
SELECT relation, rows FROM pyro.blocks WHERE pg_temp.leak(rows::text);

-- verify: who may read the table
SELECT * FROM pyro.verify('t');
SET ROLE regress_pyro_reader;
SELECT * FROM pyro.verify('t');
SELECT * FROM pyro.verify('private');

-- compact and drop_before: the owner
CALL pyro.compact('t');
CALL pyro.drop_before('t', 'infinity');
SET ROLE regress_pyro_stranger;
CALL pyro.compact('t');
CALL pyro.drop_before('t', 'infinity');
SELECT pyro.forget_dropped();
RESET ROLE;
GRANT regress_pyro_owner TO regress_pyro_stranger;
SET ROLE regress_pyro_stranger;
CALL pyro.compact('t');
BEGIN; CALL pyro.drop_before('t', 'infinity'); SELECT count(*) FROM t; ROLLBACK;
RESET ROLE;
REVOKE regress_pyro_owner FROM regress_pyro_stranger;

-- MAINTAIN, from 17 on, lets nobody delete rows: neither at once nor by a policy.
CREATE FUNCTION grant_maintain() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('server_version_num')::int >= 170000 THEN
		EXECUTE 'GRANT MAINTAIN ON t TO regress_pyro_stranger';
	END IF;
END $$;
SELECT grant_maintain();
SET ROLE regress_pyro_stranger;
CALL pyro.drop_before('t', 'infinity');
SELECT pyro.set_policy('t', retention => '1 day');
SELECT pyro.clear_policy('t');
SELECT pyro.set_retention('t', '{}', '1 day');
RESET ROLE;
DROP FUNCTION grant_maintain;

-- What the owner's code finds and may do does not depend on the caller: index
-- expressions and triggers run as the owner, with a safe search path.
SET ROLE regress_pyro_owner;
CREATE TABLE log (id int, who name, path text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.log VALUES (OLD.id, current_user, current_setting('search_path'));
	RETURN OLD;
END $$;
CREATE TRIGGER note BEFORE DELETE ON t FOR EACH ROW WHEN (OLD.id = 7) EXECUTE FUNCTION note();
RESET ROLE;
BEGIN; CALL pyro.drop_before('t', 'infinity'); TABLE log; SELECT current_user <> 'regress_pyro_owner' AS itself, current_setting('search_path') AS path; ROLLBACK;
SET ROLE regress_pyro_owner;
CREATE FUNCTION climb() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN SET SESSION AUTHORIZATION DEFAULT; RETURN OLD; END';
CREATE TRIGGER climb BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION climb();
RESET ROLE;
CALL pyro.drop_before('t', 'infinity');
SELECT count(*) FROM t;

-- Row security: it hides nothing from drop_before, nor blocks from the views.
SET ROLE regress_pyro_owner;
DROP TRIGGER climb ON t;
DROP TRIGGER note ON t;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON t USING (id < 10);
SET ROLE regress_pyro_reader;
SELECT count(*) FROM t;
SELECT * FROM pyro.verify('t');
SET ROLE regress_pyro_owner;
CALL pyro.drop_before('t', '2024-01-02Z');
SELECT count(*) FROM t;

RESET ROLE;
DROP TABLE t, private, log;
DROP FUNCTION note, climb;
DROP OWNED BY regress_pyro_stranger;
REVOKE ALL ON SCHEMA public FROM regress_pyro_owner;
DROP ROLE regress_pyro_owner, regress_pyro_reader, regress_pyro_stranger;
