-- Merges cut blocks where stacks have little in common: a service has blocks of
-- its own, which its pods share.  All that is read is compared with a heap table.
SET timezone = 'UTC';
CREATE EXTENSION IF NOT EXISTS pyro_ext;
CREATE FUNCTION differences(t regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN
	RETURN QUERY EXECUTE format('(SELECT ''lost: '' || x FROM (SELECT h::text FROM h EXCEPT ALL SELECT t::text FROM %s t) x (x))
		UNION ALL (SELECT ''more: '' || x FROM (SELECT t::text FROM %1$s t EXCEPT ALL SELECT h::text FROM h) x (x))', t);
	RETURN QUERY SELECT * FROM pyro.verify(t);
END $$;
-- the block of a row, by its virtual page
CREATE FUNCTION blocks_of(t regclass, condition text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(DISTINCT b.first_vpage) FROM %s t, pyro.storage s JOIN pyro.block b USING (storage_id)
		WHERE s.relid = %s AND %s AND (t.ctid::text::point)[0] - 2147483648 >= b.first_vpage
			AND (t.ctid::text::point)[0] - 2147483648 < b.first_vpage + (b.rows + 255) / 256', t, t::oid, condition) INTO n;
	RETURN n;
END $$;
-- the bytes of profiles that a query decodes
CREATE FUNCTION decoded(query text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	line text;
	kb numeric;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		kb := coalesce(substring(line FROM 'Streams: .* decoded (\d+)kB')::numeric, kb);
	END LOOP;
	RETURN kb;
END $$;

-- 40 services of 4 pods, a day of 72 profiles each; a fifth of the stacks is in
-- a runtime that all have.
CREATE TABLE h (ts timestamptz NOT NULL, service text NOT NULL, labels jsonb, p profile);
INSERT INTO h SELECT '2024-03-01'::timestamptz + i * interval '20 min' + s * interval '1 s', 'service ' || s,
	jsonb_build_object('pod', format('%s-%s', s, i % 4)),
	(SELECT string_agg(CASE WHEN j % 5 = 0 THEN format('main;runtime.f%s;runtime.g%s 1', (i + j) % 7, (i * j) % 13)
		ELSE format('main;s%s.f%s;s%1$s.g%3$s;s%1$s.h%4$s %5$s', s, (i + j) % 5, (i * j) % 11, (i + j * j) % 17, j) END, E'\n')
		FROM generate_series(1, 40) j)::profile
	FROM generate_series(0, 71) i, generate_series(1, 40) s ORDER BY 1;

-- a bulk load, which is one fresh block: it is cut once
CREATE TABLE bulk (LIKE h) USING pyro;
INSERT INTO bulk TABLE h;
CALL pyro.compact('bulk');
SELECT level, count(*), sum(rows) FROM pyro.blocks WHERE relation = 'bulk'::regclass GROUP BY level;
CALL pyro.compact('bulk');
SELECT level, count(*) BETWEEN 36 AND 40 AS many, sum(rows), min(rows) FROM pyro.blocks WHERE relation = 'bulk'::regclass GROUP BY level;
SELECT count(*) AS services, max(blocks_of('bulk', format('service = %L', service))) FROM (SELECT DISTINCT service FROM h) x;
SELECT * FROM differences('bulk');

-- loads in portions
CREATE TABLE portions (LIKE h) USING pyro;
DO $$ BEGIN
	FOR i IN 0..11 LOOP
		INSERT INTO portions SELECT * FROM h WHERE ts >= '2024-03-01'::timestamptz + i * interval '2 h' AND ts < '2024-03-01'::timestamptz + (i + 1) * interval '2 h';
		COMMIT;
		CALL pyro.compact('portions');
	END LOOP;
END $$;
CALL pyro.compact('portions');
SELECT level, count(*) BETWEEN 36 AND 40 AS many, sum(rows), min(rows) FROM pyro.blocks WHERE relation = 'portions'::regclass GROUP BY level;
SELECT count(*) AS services, max(blocks_of('portions', format('service = %L', service))) FROM (SELECT DISTINCT service FROM h) x;
SELECT * FROM differences('portions');

-- one of 40 services: hardly more than a fortieth is read
SET enable_indexscan = off;
SET max_parallel_workers_per_gather = 0;
SELECT t, decoded(format('SELECT flamegraph(p) FROM %s', t)) > 20 * decoded(format('SELECT flamegraph(p) FROM %s WHERE service = ''service 7'' AND ts < ''2024-03-01 01:00''', t)) AS is_little
	FROM (VALUES ('bulk'), ('portions')) x (t);

-- at rest
CREATE VIEW block_list AS
	SELECT relid::regclass AS t, first_vpage FROM pyro.block JOIN pyro.storage USING (storage_id);
CREATE TEMP TABLE before AS SELECT * FROM block_list WHERE t IN ('bulk'::regclass, 'portions'::regclass);
CALL pyro.compact('bulk');
CALL pyro.compact('portions');
CALL pyro.compact('portions');
SELECT count(*) AS lost FROM (TABLE before EXCEPT TABLE block_list) x;

-- Late rows of many services neither rewrite the day nor others' blocks, and
-- rows of other days have blocks of their own; a table that has lost rows comes to
-- rest, too.
CREATE FUNCTION load(t regclass, i int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
	EXECUTE format('WITH r AS (INSERT INTO h SELECT ts + interval ''1 s'' * %s, service, labels, p FROM h WHERE ts < ''2024-03-01 00:20'' RETURNING *) INSERT INTO %s TABLE r', i, t);
END $$;
SELECT load('portions', 100000);
CALL pyro.compact('portions');
SELECT load('portions', 300);
CALL pyro.compact('portions');
SELECT load('portions', 200000);
CALL pyro.compact('portions');
CALL pyro.compact('portions');
SELECT count(*) AS lost FROM (SELECT * FROM before WHERE t = 'portions'::regclass EXCEPT TABLE block_list) x;
SELECT sum(rows), max(level) FROM pyro.blocks WHERE relation = 'portions'::regclass;
SELECT * FROM differences('portions');
DELETE FROM bulk WHERE service IN ('service 3', 'service 4') OR ts > '2024-03-01 12:00' AND service < 'service 2';
CALL pyro.compact('bulk');
CALL pyro.compact('bulk');
CREATE TEMP TABLE rest AS SELECT * FROM block_list WHERE t IN ('bulk'::regclass, 'portions'::regclass);
SELECT pg_current_wal_insert_lsn() AS lsn \gset
CALL pyro.compact('bulk');
CALL pyro.compact('portions');
SELECT count(*) AS lost FROM (TABLE rest EXCEPT TABLE block_list) x;
SELECT pg_current_wal_insert_lsn() - :'lsn'::pg_lsn < 20000 AS hardly_any_wal;
SELECT * FROM pyro.verify('bulk');

-- One service: its block gets the level without being written.
CREATE TABLE one (LIKE h) USING pyro;
INSERT INTO one SELECT ts, 'service', labels, p FROM h WHERE service = 'service 5';
INSERT INTO one SELECT ts + interval '10 s', 'service', labels, p FROM one;
INSERT INTO one SELECT ts + interval '15 s', 'service', labels, p FROM one;
CALL pyro.compact('one');
SELECT level, count(*), sum(rows) FROM pyro.blocks WHERE relation = 'one'::regclass GROUP BY level;
SELECT first_vpage FROM block_list WHERE t = 'one'::regclass \gset
INSERT INTO one SELECT ts + interval '3 days', service, labels, p FROM one;
CALL pyro.compact('one');
CALL pyro.compact('one');
SELECT level, first_vpage = :first_vpage AS is_first FROM pyro.block JOIN pyro.storage USING (storage_id) WHERE relid = 'one'::regclass ORDER BY first_vpage;

-- Days of two services, each of one block for each: at rest, four days of one
-- service are merged, but not those of different ones.
CREATE TABLE days (LIKE h) USING pyro;
SELECT pyro.set_policy('days', block_rows => 4096);
DO $$ BEGIN
	FOR i IN 0..9 LOOP
		INSERT INTO days SELECT ts + i * interval '1 day', service, labels, p FROM h WHERE ts < '2024-03-02' AND service IN ('service 8', 'service 9');
		COMMIT;
		CALL pyro.compact('days');
	END LOOP;
END $$;
CALL pyro.compact('days');
CALL pyro.compact('days');
SELECT b.rows, b.level, min(t.service) = max(t.service) AS of_one, count(*) AS rows FROM pyro.block b JOIN pyro.storage s USING (storage_id) JOIN days t
	ON (t.ctid::text::point)[0] - 2147483648 >= b.first_vpage AND (t.ctid::text::point)[0] - 2147483648 < b.first_vpage + (b.rows + 255) / 256
	WHERE s.relid = 'days'::regclass GROUP BY b.first_vpage, b.rows, b.level ORDER BY 1 DESC, min(t.service), min(t.ts);
SELECT count(*), count(DISTINCT (ts, service)), sum(profile_total(p)) = 10 * (SELECT sum(profile_total(p)) FROM h WHERE ts < '2024-03-02' AND service IN ('service 8', 'service 9')) AS equal FROM days;
CREATE TEMP TABLE rest_of_days AS SELECT * FROM block_list WHERE t = 'days'::regclass;
CALL pyro.compact('days');
SELECT count(*) AS lost FROM (TABLE rest_of_days EXCEPT TABLE block_list) x;

-- Replicas as a column of texts, whose stacks are the same: nothing is cut, nor
-- written.  Where the order has each service several times nothing is, either.
CREATE TABLE pods (ts timestamptz NOT NULL, pod text, p profile) USING pyro;
INSERT INTO pods SELECT ts + s * interval '1 s', 'pod ' || s, p FROM h, generate_series(1, 3) s WHERE service = 'service 6';
CREATE TABLE regions (ts timestamptz NOT NULL, region text, service text, p profile) USING pyro;
INSERT INTO regions SELECT ts + s * interval '1 s', 'region ' || s, service, p FROM h, generate_series(1, 2) s WHERE service < 'service 2';
CALL pyro.compact('pods');
CALL pyro.compact('regions');
SELECT * FROM block_list WHERE t IN ('pods'::regclass, 'regions'::regclass) ORDER BY t;
CALL pyro.compact('pods');
CALL pyro.compact('regions');
SELECT relid::regclass AS t, first_vpage AS page, level FROM pyro.block JOIN pyro.storage USING (storage_id) WHERE relid IN ('pods'::regclass, 'regions'::regclass) ORDER BY relid;

DROP TABLE bulk, portions, one, days, pods, regions, h;
DROP FUNCTION differences, blocks_of, decoded, load;
DROP VIEW block_list;
