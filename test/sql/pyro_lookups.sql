--
-- What lookups of block rows by an index cost: deleted rows of a block are
-- not read anew for each row, in whatever order rows come and however often a
-- scan begins again.
--
CREATE TABLE looked_up (id int PRIMARY KEY, k int) USING pyro;
SET pyro.block_rows = 1000;
INSERT INTO looked_up SELECT i, i % 1000 * 10 + i / 1000 FROM generate_series(0, 3999) AS i;
CREATE INDEX ON looked_up (k);
CALL pyro.compact('looked_up');
DELETE FROM looked_up WHERE id % 10 = 1;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SET enable_sort = off;
SET max_parallel_workers_per_gather = 0;
SET jit = off;

-- the deleted rows that were read; within a transaction it only grows
CREATE FUNCTION marks_read() RETURNS bigint LANGUAGE sql AS
$$SELECT sum(pg_stat_get_xact_tuples_fetched(indexrelid))::bigint
  FROM pg_index WHERE indrelid = 'pyro.block_delete'::regclass$$;

-- each row is of another block than the one before
BEGIN;
SELECT marks_read() AS before \gset
SELECT count(*), sum(id) FROM (SELECT id FROM looked_up ORDER BY k LIMIT 1000) AS first_ones;
SELECT marks_read() - :before BETWEEN 1 AND 1000 AS few;
COMMIT;

-- each row is a scan of its own
BEGIN;
SELECT marks_read() AS before \gset
SELECT count(*), sum(found.id)
FROM generate_series(0, 999) AS i, LATERAL (SELECT id FROM looked_up WHERE id = i * 7 % 4000) AS found;
SELECT marks_read() - :before BETWEEN 1 AND 1000 AS few;
COMMIT;

-- one row is not worth reading all marks of its block
BEGIN;
SELECT marks_read() AS before \gset
SELECT id FROM looked_up WHERE id = 2000;
SELECT id FROM looked_up WHERE id = 2001;
SELECT marks_read() - :before AS marks;
COMMIT;

-- what a later command of the same transaction changed is seen
BEGIN;
DECLARE rows CURSOR FOR SELECT id FROM looked_up ORDER BY k;
FETCH 2 FROM rows;
DELETE FROM looked_up WHERE id IN (2000, 3000);
FETCH 2 FROM rows;
SELECT id FROM looked_up WHERE id IN (1000, 2000, 3000) ORDER BY id;
ROLLBACK;
SELECT count(*) FROM looked_up WHERE id IN (1000, 2000, 3000);

-- ranges of TIDs, from within a block, over gaps and to the head, both ways
INSERT INTO looked_up SELECT i, i FROM generate_series(4000, 4009) AS i;
CREATE FUNCTION tids_differ(first tid, last tid) RETURNS boolean LANGUAGE sql AS $$
SELECT array(SELECT id FROM looked_up WHERE ctid >= first AND ctid <= last) IS DISTINCT FROM
  array(SELECT id FROM looked_up WHERE (ctid >= first AND ctid <= last) IS TRUE ORDER BY ctid < '(2147483648,0)', ctid)
$$;
SET enable_sort = on;
SELECT count(*), count(*) FILTER (WHERE tids_differ(least(a.ctid, b.ctid), greatest(a.ctid, b.ctid)))
FROM (SELECT ctid FROM looked_up WHERE id % 401 = 0) AS a, (SELECT ctid FROM looked_up WHERE id % 503 = 0) AS b;
BEGIN;
DECLARE rows SCROLL CURSOR FOR
  SELECT id FROM looked_up WHERE ctid >= (SELECT ctid FROM looked_up WHERE id = 998)
    AND ctid <= (SELECT ctid FROM looked_up WHERE id = 1000);
FETCH ALL FROM rows;
FETCH BACKWARD ALL FROM rows;
FETCH 1 FROM rows;
FETCH LAST FROM rows;
COMMIT;
DROP FUNCTION tids_differ(tid, tid);
DROP FUNCTION marks_read();
DROP TABLE looked_up;
