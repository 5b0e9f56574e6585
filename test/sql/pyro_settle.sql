-- Blocks whose payload was moved: a directory row that is dead may outlive its
-- payload, and must not be taken for the live one, wherever both lie.
SET client_min_messages = warning;
SET pyro.block_rows = 50;
CREATE TABLE before (id int) USING pyro;
CREATE TABLE settled (id int PRIMARY KEY, b bytea) USING pyro WITH (autovacuum_enabled = off, toast.autovacuum_enabled = off);
ALTER TABLE settled ALTER b SET STORAGE EXTERNAL;
INSERT INTO before SELECT generate_series(1, 4000);
CALL pyro.compact('before');
INSERT INTO settled SELECT n, string_agg(sha256((1000 * n + i)::text::bytea), '')
FROM generate_series(1, 200) n, generate_series(1, 300) i GROUP BY n ORDER BY n;
CALL pyro.compact('settled');
CREATE TABLE payload AS SELECT first_vpage, payload FROM pyro.block
JOIN pyro.storage USING (storage_id) WHERE relid = 'settled'::regclass;

-- room for payload, and for new directory rows before the present ones
VACUUM settled;
DROP TABLE before;
VACUUM pyro.block;
\c -
SET client_min_messages = warning;
SET pyro.block_rows = 50;
CALL pyro.compact('settled');
SELECT count(*) AS moved FROM payload JOIN pyro.block USING (first_vpage)
JOIN pyro.storage USING (storage_id) WHERE relid = 'settled'::regclass AND block.payload <> payload.payload;
VACUUM settled;
\c -
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE settled SET b = '' WHERE id = 77;
DELETE FROM settled WHERE id = 177;
COMMIT;
SELECT count(*), count(*) FILTER (WHERE b = '') AS empty, min(length(b)), max(length(b)) FROM settled;
SELECT * FROM pyro.verify('settled');
DROP TABLE settled, payload;
