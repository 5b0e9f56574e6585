-- The order of rows in a block: by default, by pyro.set_policy, and that
-- everything that leads to a row still does.
SET client_min_messages = warning;
SET pyro.block_rows = 1000;

CREATE TABLE s (id int PRIMARY KEY, pod text, kind varchar, at timestamptz, labels jsonb, note text, p profile) USING pyro;
CREATE FUNCTION fill(first int, last int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO s SELECT n, CASE WHEN n % 3 > 0 THEN 'pod' || n % 3 END, 'k' || n % 2, '2024-01-01Z'::timestamptz + (61 - n) * interval '1 s',
	jsonb_build_object('x', n % 4), repeat('x', n * 10), CASE WHEN n % 5 > 0 THEN ('main;f' || n || ' ' || n)::profile END FROM generate_series(first, last) n $$;
SELECT fill(1, 20);
SELECT fill(21, 25);
SELECT fill(26, 60);
CREATE TABLE h AS TABLE s;
CREATE TABLE xmins AS SELECT id, xmin::text AS was FROM s;
CREATE FUNCTION differences() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM ((SELECT id, pod, kind, at, labels, note, p::text FROM s EXCEPT ALL SELECT id, pod, kind, at, labels, note, p::text FROM h)
		UNION ALL (SELECT id, pod, kind, at, labels, note, p::text FROM h EXCEPT ALL SELECT id, pod, kind, at, labels, note, p::text FROM s)) d $$;

-- By default: kind has 2 values, pod 3 with NULL, labels 4, and then the time.
CALL pyro.compact('s');
SELECT id, kind, pod, labels, at - '2024-01-01Z' AS at FROM s;
SELECT differences();
SELECT count(*) FROM s JOIN xmins USING (id) WHERE s.xmin::text = was;
SELECT count(DISTINCT was) FROM xmins;
SELECT * FROM pyro.verify('s');
SET enable_seqscan = off;
SELECT count(*) FROM generate_series(1, 60) n, LATERAL (SELECT h.* FROM h WHERE h.id = n) h, LATERAL (SELECT s.* FROM s WHERE s.id = n) s
	WHERE h.note = s.note AND h.p::text IS NOT DISTINCT FROM s.p::text AND h.at = s.at;
RESET enable_seqscan;
SELECT count(DISTINCT ctid) FROM s;

-- Rows are found where they went, by those who changed them as well.
INSERT INTO s (id) VALUES (17);
INSERT INTO s (id, note) VALUES (17, 'new') ON CONFLICT (id) DO UPDATE SET note = excluded.note RETURNING id, pod, kind, note;
INSERT INTO s (id) VALUES (18) ON CONFLICT DO NOTHING;
UPDATE s SET kind = 'k9' WHERE id IN (1, 30, 60) RETURNING id, kind, profile_total(p);
DELETE FROM s WHERE id % 10 = 4 RETURNING id;
UPDATE h SET note = 'new' WHERE id = 17;
UPDATE h SET kind = 'k9' WHERE id IN (1, 30, 60);
DELETE FROM h WHERE id % 10 = 4;
SELECT differences();
CALL pyro.compact('s');
SELECT differences();
SELECT * FROM pyro.verify('s');
SELECT id, kind FROM s WHERE kind = 'k9' OR id = 17 ORDER BY id;

-- Merged blocks are sorted anew, VACUUM FULL keeps them, and sorts what it encodes.
SET pyro.block_rows = 8;
TRUNCATE s;
INSERT INTO s SELECT * FROM h;
CALL pyro.compact('s');
SELECT blocks, rows FROM pyro.tables WHERE relation = 's'::regclass;
SET pyro.block_rows = 1000;
CALL pyro.compact('s');
SELECT blocks, rows FROM pyro.tables WHERE relation = 's'::regclass;
SELECT differences();
SELECT * FROM pyro.verify('s');
SELECT string_agg(kind || coalesce(pod, '-'), ' ') FROM (SELECT kind, pod, count(*) FROM (SELECT kind, pod, row_number() OVER () - row_number() OVER (PARTITION BY kind, pod) AS run FROM s) d
	GROUP BY kind, pod, run ORDER BY min(run), kind, pod) d;
DELETE FROM s WHERE id % 10 = 5;
DELETE FROM h WHERE id % 10 = 5;
VACUUM FULL s;
SELECT differences();
SELECT * FROM pyro.verify('s');

-- As it was asked for: text by its bytes, NULLs last, ties as they came.
CREATE TABLE t (n int, a text, b float8, c int4range) USING pyro;
INSERT INTO t SELECT n, (ARRAY['b', 'B', NULL, 'a', 'Z'])[n % 5 + 1], CASE n % 3 WHEN 1 THEN 'NaN'::float8 WHEN 2 THEN -n END, int4range(n % 2, 5) FROM generate_series(1, 12) n;
CREATE TABLE t_was AS TABLE t;
CALL pyro.compact('t');
SELECT string_agg(n::text, ' ') AS "as they came" FROM t;
SELECT pyro.set_policy('t', order_by => '{a}');
CREATE FUNCTION again() RETURNS void LANGUAGE sql AS 'TRUNCATE t; INSERT INTO t SELECT * FROM t_was';
SELECT again();
CALL pyro.compact('t');
SELECT a, n FROM t;
SELECT pyro.set_policy('t', order_by => ARRAY['c', 'b']), again();
CALL pyro.compact('t');
SELECT c, b, n FROM t;
SELECT relation, order_by FROM pyro.policy ORDER BY relation::text;
-- a column that is gone, or has another name
ALTER TABLE t RENAME b TO bb;
SELECT again();
CALL pyro.compact('t');
SELECT c, n FROM t;
ALTER TABLE t DROP c; ALTER TABLE t_was DROP c;
SELECT again();
CALL pyro.compact('t');
SELECT string_agg(n::text, ' ') FROM t;
SELECT * FROM pyro.verify('t');

-- Arrival, and the default again.
SELECT pyro.set_policy('s', order_by => '{}');
TRUNCATE s;
INSERT INTO s SELECT * FROM h ORDER BY id;
CALL pyro.compact('s');
SELECT count(*) FROM (SELECT id < lag(id) OVER () AS less FROM s) d WHERE less;
SELECT pyro.clear_policy('s');
SELECT relation, order_by FROM pyro.policy ORDER BY relation::text;
TRUNCATE s;
INSERT INTO s SELECT * FROM h ORDER BY id;
CALL pyro.compact('s');
SELECT count(*) > 0 FROM (SELECT id < lag(id) OVER () AS less FROM s) d WHERE less;

-- No profiles at all, one row, a column that has no value.
CREATE TABLE few (k text, p profile) USING pyro;
INSERT INTO few VALUES (NULL, NULL);
CALL pyro.compact('few');
INSERT INTO few SELECT 'k' || n % 2, CASE WHEN n > 20 THEN 'main 1'::profile END FROM generate_series(1, 40) n;
-- a block that is full has sums; small ones wait for being merged
SET pyro.block_rows = 40;
CALL pyro.compact('few');
SET pyro.block_rows = 1000;
SELECT k, count(p), min(profile_total(p)) FROM few GROUP BY k ORDER BY k;
SELECT * FROM pyro.verify('few');
SELECT part, raw_bytes > 0 AS stored FROM pyro.block_parts WHERE relation = 'few'::regclass AND part = 'sums';

-- What a partitioned table says holds for its partitions, but for their own.
CREATE TABLE parted (n int, k text) PARTITION BY RANGE (n);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10) USING pyro;
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20) USING pyro;
SELECT pyro.set_policy('parted', order_by => '{k}'), pyro.set_policy('parted_2', order_by => '{}');
INSERT INTO parted SELECT n, n * 7 % 10 FROM generate_series(0, 19) n;
CALL pyro.compact('parted');
SELECT tableoid::regclass AS partition, string_agg(k, ' ') FROM parted GROUP BY 1 ORDER BY 1;

-- Errors.
SELECT pyro.set_policy(NULL, order_by => '{n}');
SELECT pyro.set_policy('h', order_by => '{id}');
SELECT pyro.set_policy('pg_class', order_by => '{oid}');
SELECT pyro.set_policy(4711::regclass, order_by => '{n}');
SELECT pyro.set_policy('s', order_by => '{nothing}');
SELECT pyro.set_policy('s', order_by => '{xmin}');
SELECT pyro.set_policy('s', order_by => '{p}');
SELECT pyro.set_policy('s', order_by => '{pod,kind,pod}');
SELECT pyro.set_policy('s', order_by => '{pod,NULL}');
SELECT pyro.set_policy('s', order_by => '{{pod},{kind}}');
CREATE TABLE points (id int, at point) USING pyro;
SELECT pyro.set_policy('points', order_by => '{at}');
CREATE TEMP TABLE temporary (id int) USING pyro;
SELECT pyro.set_policy('temporary', order_by => '{id}');
BEGIN READ ONLY;
SELECT pyro.set_policy('s', order_by => '{pod}');
ROLLBACK;
SELECT count(*) FROM pyro.policy WHERE relation = 's'::regclass;

-- Whose it is.
CREATE ROLE regress_pyro_policy;
SET ROLE regress_pyro_policy;
SELECT pyro.set_policy('s', order_by => '{pod}');
DELETE FROM pyro.policy;
SELECT count(*) FROM pyro.policy;
RESET ROLE;
DROP ROLE regress_pyro_policy;

-- It goes with the table, if that goes.
SELECT pyro.set_policy('s', order_by => '{pod}');
BEGIN;
DROP TABLE s;
SELECT relation FROM pyro.policy ORDER BY relation::text;
ROLLBACK;
SELECT relation, order_by FROM pyro.policy ORDER BY relation::text;
DROP TABLE s, t, parted;
SELECT relation, order_by FROM pyro.policy ORDER BY relation::text;
DROP TABLE h, t_was, few, points, xmins;
