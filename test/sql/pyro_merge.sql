-- Merging by windows of time: levels, and several blocks out of one merge.  All
-- that is read is compared with a heap table.
SET timezone = 'UTC';
CREATE EXTENSION IF NOT EXISTS pyro_ext;
CREATE VIEW block_list AS
	SELECT s.relid::regclass AS t, b.first_vpage, b.rows, b.level, b.samples
	FROM pyro.block b JOIN pyro.storage s USING (storage_id);
CREATE FUNCTION differences(t regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN
	RETURN QUERY EXECUTE format('(SELECT ''lost: '' || x FROM (SELECT h::text FROM h EXCEPT ALL SELECT t::text FROM %s t) x (x))
		UNION ALL (SELECT ''more: '' || x FROM (SELECT t::text FROM %1$s t EXCEPT ALL SELECT h::text FROM h) x (x))', t);
	RETURN QUERY SELECT * FROM pyro.verify(t);
END $$;
CREATE TABLE h (ts timestamptz NOT NULL, id int, service text, pod text, p profile, q profile);
INSERT INTO h SELECT '2024-03-01 00:00'::timestamptz + i * interval '30 s', i, 'service ' || i % 6, CASE WHEN i % 7 > 0 THEN 'pod ' || i % 2 END,
	CASE WHEN i % 10 > 0 THEN (format(E'main;f%s;g%s %s\nmain;h%s 1', i % 40, i % 6, i, i % 6))::profile END,
	CASE WHEN i % 3 = 0 THEN ('other;' || i || ' 2')::profile END
	FROM generate_series(0, 4319) i;

-- An hour at a time, as a worker would do: each hour is merged when the next
-- one has begun, each day once the next one has.
CREATE TABLE t (LIKE h) USING pyro;
CREATE INDEX t_id ON t (id);
SELECT pyro.set_policy('t', block_rows => 100);
INSERT INTO t SELECT * FROM h WHERE ts < '2024-03-01 01:00';
CALL pyro.compact('t');
SELECT level, count(*), sum(rows) FROM block_list WHERE t = 't'::regclass GROUP BY level ORDER BY level;
INSERT INTO t SELECT * FROM h WHERE ts >= '2024-03-01 01:00' AND ts < '2024-03-01 01:10';
CALL pyro.compact('t');
SELECT level, count(*), sum(rows) FROM block_list WHERE t = 't'::regclass GROUP BY level ORDER BY level;
INSERT INTO t SELECT * FROM h WHERE ts >= '2024-03-01 01:10' AND ts < '2024-03-02 01:00';
CALL pyro.compact('t');
SELECT level, count(*), sum(rows) FROM block_list WHERE t = 't'::regclass GROUP BY level ORDER BY level;
-- sorted over all blocks of the first day, by kind and then by time
SELECT count(*) FROM (SELECT (pod, service, ts) < lag((pod, service, ts)) OVER () AS less FROM t WHERE ts < '2024-03-02' AND pod IS NOT NULL) x WHERE less;
-- at rest, the last windows are merged as well if they have several blocks
INSERT INTO t SELECT * FROM h WHERE ts >= '2024-03-02 01:00';
CALL pyro.compact('t');
CALL pyro.compact('t');
SELECT level, count(*) > 1 AS several, sum(rows) FROM block_list WHERE t = 't'::regclass GROUP BY level ORDER BY level;
SELECT * FROM differences('t');
SET enable_seqscan = off;
SELECT count(*), sum(t.id), sum(profile_total(t.p)) = sum(profile_total(h.p)) AS equal FROM h JOIN t ON t.id = h.id AND t.ts = h.ts;
RESET enable_seqscan;

-- A second call finds nothing to do.
SELECT array_agg(first_vpage ORDER BY first_vpage) AS before FROM block_list WHERE t = 't'::regclass \gset
CALL pyro.compact('t');
SELECT array_agg(first_vpage ORDER BY first_vpage) = :'before' AS unchanged FROM block_list WHERE t = 't'::regclass;

-- Late rows do not rewrite a day, but go with others that were late.
SELECT max(first_vpage) AS newest FROM block_list WHERE t = 't'::regclass \gset
CREATE FUNCTION late(n int, at timestamptz) RETURNS void LANGUAGE sql AS $$
	WITH r AS (INSERT INTO h SELECT at, i, 'late', 'pod', 'late;f 1', NULL FROM generate_series(n, n + 9) i RETURNING *) INSERT INTO t TABLE r $$;
SELECT late(10000, '2024-03-01 05:00');
CALL pyro.compact('t');
SELECT late(10010, '2024-03-03 05:00');
CALL pyro.compact('t');
SELECT late(10020, '2024-03-01 07:00');
CALL pyro.compact('t');
SELECT late(10030, '2024-03-03 06:00');
CALL pyro.compact('t');
SELECT rows, level FROM block_list WHERE t = 't'::regclass AND first_vpage > :newest ORDER BY first_vpage;
SELECT * FROM differences('t');

-- Marked rows leave on the way; levels stay.
DELETE FROM t WHERE service = 'service 3';
DELETE FROM h WHERE service = 'service 3';
UPDATE t SET pod = 'new' WHERE id % 50 = 1;
UPDATE h SET pod = 'new' WHERE id % 50 = 1;
CALL pyro.compact('t');
CALL pyro.compact('t');
SELECT * FROM differences('t');
CREATE TEMP TABLE levels AS SELECT level, count(*), sum(rows) FROM block_list WHERE t = 't'::regclass GROUP BY level;
ALTER TABLE t ADD late text DEFAULT 'x';
VACUUM FULL t;
SELECT level, l.count = count(b.rows) AS same FROM levels l JOIN block_list b USING (level) WHERE t = 't'::regclass GROUP BY level, l.count ORDER BY level;
ALTER TABLE t DROP late;
SELECT * FROM differences('t');

-- A merge of blocks from before a column came.
CREATE TABLE u (ts timestamptz NOT NULL, k int) USING pyro;
SELECT pyro.set_policy('u', block_rows => 50, order_by => '{k,ts}', merge_windows => '{}');
INSERT INTO u SELECT '2024-03-01'::timestamptz + i * interval '1 min', i % 3 FROM generate_series(1, 200) i;
CALL pyro.compact('u');
ALTER TABLE u ADD v text DEFAULT 'was', ADD w profile, DROP k, ADD k int DEFAULT 7;
INSERT INTO u SELECT '2024-03-01'::timestamptz + i * interval '1 min', 'is', 'f 1', i % 3 FROM generate_series(1, 200) i;
SELECT pyro.set_policy('u', order_by => '{k,v,ts}', merge_windows => '{1 week}');
CALL pyro.compact('u');
CALL pyro.compact('u');
SELECT rows, level, samples FROM block_list WHERE t = 'u'::regclass ORDER BY first_vpage;
SELECT k, v, count(*), count(w), min(ts), max(ts) FROM u GROUP BY k, v ORDER BY k, v;
SELECT count(*) FROM (SELECT (k, v, ts) < lag((k, v, ts)) OVER () AS less FROM u) x WHERE less;
SELECT * FROM pyro.verify('u');

-- Limits: samples, and memory, of which dictionaries take most here.
CREATE TABLE l (ts timestamptz NOT NULL, k text NOT NULL, p profile) USING pyro;
CREATE TABLE lh (LIKE l);
SELECT pyro.set_policy('l', block_samples => 1000);
INSERT INTO lh SELECT '2024-03-01'::timestamptz + i * interval '1 min', 'k' || i % 4,
	(SELECT string_agg(format('main;f%s;g%s 1', md5(i % 4 || ' ' || j), md5(i || ' ' || j)), E'\n') FROM generate_series(1, 100) j)::profile
	FROM generate_series(1, 100) i;
INSERT INTO l TABLE lh ORDER BY ts;
CALL pyro.compact('l');
SELECT level, rows, samples FROM block_list WHERE t = 'l'::regclass ORDER BY first_vpage;
CALL pyro.compact('l');
SELECT level, rows, samples FROM block_list WHERE t = 'l'::regclass ORDER BY first_vpage;
TABLE l EXCEPT ALL TABLE lh;
SELECT * FROM pyro.verify('l');
TRUNCATE l;
SELECT pyro.clear_policy('l', 'block_samples');
SELECT pyro.set_policy('l', block_size => 128 * 1024, merge_windows => '{1 day}');
INSERT INTO l TABLE lh ORDER BY ts;
CALL pyro.compact('l');
CALL pyro.compact('l');
SELECT level, count(*) > 10 AS many, max(rows) < 10 AS small, sum(samples) FROM block_list WHERE t = 'l'::regclass GROUP BY level;
TABLE l EXCEPT ALL TABLE lh;
TABLE lh EXCEPT ALL TABLE l;
SELECT * FROM pyro.verify('l');

-- Times that have no window: infinite ones, and those before the year 2000.
CREATE TABLE far (ts timestamptz NOT NULL, id int) USING pyro;
SELECT pyro.set_policy('far', block_rows => 10);
INSERT INTO far SELECT '-infinity', i FROM generate_series(1, 60) i;
INSERT INTO far SELECT 'infinity', i FROM generate_series(1, 60) i;
INSERT INTO far SELECT '4700-01-01 BC'::timestamptz + i * interval '1 min', i FROM generate_series(1, 60) i;
INSERT INTO far SELECT '1999-12-31 23:30'::timestamptz + i * interval '1 min', i FROM generate_series(1, 60) i;
INSERT INTO far SELECT '294276-12-31 00:00'::timestamptz + i * interval '1 min', i FROM generate_series(1, 60) i;
CALL pyro.compact('far');
CALL pyro.compact('far');
SELECT count(*), count(DISTINCT (ts, id)) FROM far;
SELECT level, sum(rows) FROM block_list WHERE t = 'far'::regclass GROUP BY level ORDER BY level;
SELECT * FROM pyro.verify('far');

-- Limits that are so much smaller than they were that the merge would make
-- tens of thousands of blocks: it makes fewer, that are larger.
CREATE TABLE small (ts timestamptz NOT NULL, id int) USING pyro;
SELECT pyro.set_policy('small', block_rows => 65536, order_by => '{id}', merge_windows => '{}');
INSERT INTO small SELECT '2024-03-01'::timestamptz + i * interval '1 ms', i FROM generate_series(1, 45000) i;
CALL pyro.compact('small');
INSERT INTO small SELECT '2024-03-01'::timestamptz + i * interval '1 ms', i FROM generate_series(45001, 90000) i;
CALL pyro.compact('small');
INSERT INTO small VALUES ('2024-03-03', 0);
SELECT pyro.set_policy('small', block_rows => 1, merge_windows => '{1 day}');
CALL pyro.compact('small');
SELECT level, count(*) > 2000 AS many, count(*) <= 4096 AS not_too_many, max(rows) < 100 AS small, sum(rows) FROM block_list WHERE t = 'small'::regclass GROUP BY level ORDER BY level;
SELECT count(*), count(DISTINCT id) FROM small;
SELECT * FROM pyro.verify('small');

DROP TABLE t, u, l, far, h, lh, small;
DROP FUNCTION differences, late;
DROP VIEW block_list;
