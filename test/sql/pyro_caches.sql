-- Nothing is held over an invalidation of the relation cache, which can come with
-- any look into a catalog.  Here it comes with each one if the server was built
-- with assertions; in other builds there is no way to ask for it.
SET client_min_messages = warning;
SET pyro.block_rows = 40;
CREATE FUNCTION discard_caches(wanted bool) RETURNS void LANGUAGE sql AS $$
	SELECT set_config('debug_discard_caches', least(max_val::int, wanted::int)::text, false)
	FROM pg_settings WHERE name = 'debug_discard_caches' $$;

-- VACUUM takes the rows of pages that it skips from the relation cache.
CREATE TABLE counted (id int, v text) USING pyro WITH (autovacuum_enabled = off);
CREATE TABLE recounted (LIKE counted) USING pyro WITH (autovacuum_enabled = off);
CREATE INDEX ON counted (id);
CREATE INDEX ON recounted (id);
INSERT INTO counted SELECT n, '' FROM generate_series(1, 400) n;
INSERT INTO recounted TABLE counted;
CALL pyro.compact('counted');
CALL pyro.compact('recounted');
INSERT INTO counted SELECT n, repeat('x', 200) FROM generate_series(401, 4000) n;
INSERT INTO recounted TABLE counted OFFSET 400;
VACUUM counted, recounted;
DELETE FROM counted WHERE id = 401;
DELETE FROM recounted WHERE id = 401;
VACUUM (TRUNCATE off) counted;
SELECT discard_caches(true);
VACUUM (TRUNCATE off) recounted;
SELECT discard_caches(false);
SELECT a.reltuples - b.reltuples AS difference, b.reltuples BETWEEN 3900 AND 4000 AS near
FROM pg_class a, pg_class b WHERE a.relname = 'counted' AND b.relname = 'recounted';
DROP TABLE counted, recounted;

-- A table's life.
CREATE TABLE t (id int PRIMARY KEY, v int DEFAULT 0, w text) USING pyro WITH (autovacuum_enabled = off);
CREATE INDEX t_w ON t (lower(w)) WHERE id % 3 > 0;
INSERT INTO t SELECT n, n, 'w' || n FROM generate_series(1, 70) n;
SELECT discard_caches(true);
CALL pyro.compact('t');
INSERT INTO t SELECT n, n, 'w' || n FROM generate_series(71, 80) n;
BEGIN;
UPDATE t SET v = -v WHERE id IN (3, 33, 73);
SAVEPOINT s;
DELETE FROM t WHERE id IN (4, 44, 74);
ROLLBACK TO s;
SELECT count(*) FROM (SELECT FROM t WHERE id IN (5, 55, 75) FOR UPDATE) x;
COMMIT;
DELETE FROM t WHERE id BETWEEN 8 AND 21;
ALTER TABLE t ADD late text DEFAULT 'late', DROP v;
CREATE UNIQUE INDEX t_unique ON t (id, late);
CREATE INDEX CONCURRENTLY t_late ON t (late);
CALL pyro.compact('t');
ANALYZE t;
VACUUM t;
SELECT * FROM pyro.verify('t');
CLUSTER t USING t_pkey;
SELECT * FROM pyro.verify('t');
VACUUM FULL t;
ALTER TABLE t ALTER id TYPE bigint;
CALL pyro.compact('t');
SELECT * FROM pyro.verify('t');
SELECT discard_caches(false);
SELECT count(*), sum(id), min(late), count(DISTINCT w) FROM t;
SET enable_seqscan = off;
SELECT id, w FROM t WHERE id % 3 > 0 AND lower(w) IN ('w7', 'w8', 'w22', 'w71') ORDER BY id;
DROP TABLE t;
DROP FUNCTION discard_caches;
