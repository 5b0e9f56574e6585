-- What is said of tables, and that it is done: retention, rules, partitions,
-- the limit of disk space; by hand, as the worker does it.
SET client_min_messages = warning;
SET timezone = 'America/New_York';
SET datestyle = 'German, DMY';

-- Settings come and go one by one.
CREATE TABLE t (at timestamptz NOT NULL, k text) USING pyro;
SELECT pyro.set_policy('t', compact_after => '0', retention => '1 mon 2 days', block_rows => 10), pyro.set_policy('t', archive_after => '1 week', order_by => '{k}', block_samples => 100);
SELECT pyro.set_policy('t', block_size => 65536, merge_windows => '{10 min,1 h,1 week}');
\x
SELECT * FROM pyro.policy;
SELECT pyro.set_policy('t', NULL, NULL, NULL, NULL, 20), pyro.clear_policy('t', 'order_by', 'block_size', 'order_by'), pyro.clear_policy('t', VARIADIC '{merge_windows}');
SELECT * FROM pyro.policy;
\x
SELECT pyro.set_policy('t'), (SELECT count(*) FROM pyro.policy), pyro.clear_policy('t'), pyro.clear_policy('t', 'retention');
TABLE pyro.policy;

-- What cannot be.
SELECT pyro.set_policy('t', retention => '0');
SELECT pyro.set_policy('t', retention => '1 day -1 h');
SELECT pyro.set_policy('t', compact_after => '-1 s');
SELECT pyro.set_policy('t', block_rows => 0);
SELECT pyro.set_policy('t', block_rows => 1000000000);
SELECT pyro.set_policy('t', block_samples => -1);
SELECT pyro.set_policy('t', block_size => 1);
SELECT pyro.set_policy('t', block_size => 1::int8 << 62);
SELECT pyro.set_policy('t', merge_windows => '{1 mon}');
SELECT pyro.set_policy('t', merge_windows => '{0}');
SELECT pyro.set_policy('t', merge_windows => '{1 day,1 h}');
SELECT pyro.set_policy('t', merge_windows => '{1 h,90 min}');
SELECT pyro.set_policy('t', merge_windows => '{1 h,NULL}');
SELECT pyro.set_policy('t', merge_windows => '{{1 h}}'::interval[]), pyro.set_policy('t', merge_windows => '{{1 h},{2 h}}');
SELECT pyro.set_policy('t', merge_windows => array_agg(n * interval '1 h') FILTER (WHERE n IN (1, 2, 4, 8, 16, 32, 64, 128, 256))) FROM generate_series(1, 256) n;
SELECT pyro.set_policy('t', partition_by => '1 day');
SELECT pyro.clear_policy('t', 'nothing');
SELECT pyro.clear_policy('t', NULL);
SELECT pyro.clear_policy(NULL);
CREATE TABLE ageless (k text, at timestamptz) USING pyro;
SELECT pyro.set_policy('ageless', retention => '1 day');
CREATE TABLE by_key (at timestamptz NOT NULL, k text) PARTITION BY LIST (k);
SELECT pyro.set_policy('by_key', partition_by => '1 day');
CREATE TABLE by_time (at timestamptz NOT NULL, k text) PARTITION BY RANGE (at);
SELECT pyro.set_policy('by_time', partition_by => '59 min');
SELECT pyro.set_policy('by_time', partition_by => '1 mon');
BEGIN READ ONLY;
SELECT pyro.clear_policy('t');
ROLLBACK;
BEGIN READ ONLY;
SELECT pyro.set_retention('t', '{}', '1 h');
ROLLBACK;
BEGIN; CALL pyro.maintain('t'); ROLLBACK;
CALL pyro.maintain(NULL);
CALL pyro.maintain('pg_class');
BEGIN; CALL pyro.enforce_disk_limit(); ROLLBACK;
SELECT count(*) FROM pyro.policy;

-- The server's settings.
SHOW pyro.merge_windows;
SET pyro.merge_windows = '1 hour, 90 min';
SET pyro.merge_windows = '1 hour,, 1 day';
SET pyro.merge_windows = 'hour';
SET pyro.merge_windows = '1 mon';
SET pyro.merge_windows = '1 h, 2 h, 4 h, 8 h, 16 h, 32 h, 64 h, 128 h, 256 h';
SET pyro.merge_windows = '  ';
SET pyro.merge_windows = '30 min,1 day, 7 days';
RESET pyro.merge_windows;
SELECT name, setting, unit, context FROM pg_settings WHERE name IN ('pyro.compact_after', 'pyro.disk_limit', 'pyro.block_samples') ORDER BY name;

-- A partition has what its nearest ancestor has, setting by setting.
CREATE TABLE p (at timestamptz NOT NULL, n int) PARTITION BY LIST (n);
CREATE TABLE p_1 PARTITION OF p FOR VALUES IN (1) USING pyro;
CREATE TABLE p_2 PARTITION OF p FOR VALUES IN (2) PARTITION BY LIST (n);
CREATE TABLE p_2_2 PARTITION OF p_2 FOR VALUES IN (2) USING pyro;
CREATE TABLE p_2_rest (n int, at timestamptz NOT NULL) USING pyro;
ALTER TABLE p_2 ATTACH PARTITION p_2_rest DEFAULT;
CREATE TABLE p_rest PARTITION OF p DEFAULT USING heap;
SELECT pyro.set_policy('p', retention => '10 days', block_rows => 5), pyro.set_policy('p_2', retention => '20 days'), pyro.set_policy('p_2_2', block_rows => 10);
INSERT INTO p SELECT now() - age * interval '1 day' - interval '1 h', n FROM generate_series(0, 29) age, generate_series(1, 3) n;
CALL pyro.maintain('p');
SELECT tableoid::regclass AS partition, count(*), extract(day FROM max(now() - at)) AS days FROM p GROUP BY 1 ORDER BY 1;
SELECT relation, min(rows) AS min, max(rows) AS max FROM pyro.blocks WHERE relation::text ~ '^p_' GROUP BY 1 ORDER BY 1;
DROP TABLE p;

-- Retention: no more and no less, from blocks of all kinds and from the head.
CREATE TABLE h (LIKE t);
CREATE FUNCTION same_rows() RETURNS text LANGUAGE sql AS $$
	SELECT concat((SELECT count(*) FROM t), ' rows, ', (SELECT count(*) FROM (TABLE t EXCEPT ALL TABLE h) d), ' too many, ', (SELECT count(*) FROM (TABLE h EXCEPT ALL TABLE t) d), ' too few') $$;
SELECT pyro.set_policy('t', block_rows => 100, order_by => '{}', merge_windows => '{}');
INSERT INTO t SELECT now() - n * interval '1 h', n FROM generate_series(1, 1000) n;
INSERT INTO t VALUES ('-infinity', 'always'), ('infinity', 'never'), (now() + interval '1000 years', 'later');
CALL pyro.compact('t');
INSERT INTO t SELECT now() - n * interval '1 h', n FROM generate_series(1, 1000, 10) n;
INSERT INTO h TABLE t;
CALL pyro.maintain('t');
SELECT same_rows();
SELECT pyro.set_policy('t', retention => '20 days');
CALL pyro.maintain('t'); DELETE FROM h WHERE at < now() - interval '480 h';
SELECT same_rows();
SELECT rows_dropped, blocks_dropped, last_retention > now() - interval '1 min' AS retention, last_compaction <= last_success AS success, failures FROM pyro.run WHERE relid = 't'::regclass;
-- once more there is nothing
CALL pyro.maintain('t');
SELECT same_rows(), (SELECT rows_dropped FROM pyro.run WHERE relid = 't'::regclass);
SELECT * FROM pyro.verify('t');
-- a longer time than there is
SELECT pyro.set_policy('t', retention => '178000000 years');
CALL pyro.maintain('t');
SELECT same_rows();
-- triggers see each row
CREATE TABLE seen (k text);
CREATE FUNCTION see_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.seen VALUES (OLD.k); RETURN OLD; END';
CREATE TRIGGER see BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION see_row();
SELECT pyro.set_policy('t', retention => '5 days');
CALL pyro.maintain('t'); DELETE FROM h WHERE at < now() - interval '120 h';
SELECT same_rows(), count(*) AS seen FROM seen;
CALL pyro.maintain('t');
SELECT same_rows(), count(*) AS seen FROM seen;
DROP TRIGGER see ON t;
-- a column that is gone
ALTER TABLE t RENAME at TO "At ""x""";
CALL pyro.maintain('t');
ALTER TABLE t ALTER "At ""x""" DROP NOT NULL;
CALL pyro.maintain('t');
DROP TABLE t, h, seen;
TABLE pyro.policy;
SELECT relid::regclass FROM pyro.run;

-- compact_after: by hand nothing waits, unless it is said; the young stay.
CREATE TABLE t (at timestamptz NOT NULL, k text) USING pyro;
INSERT INTO t SELECT now() - n * interval '1 h', n FROM generate_series(0, 99) n;
SELECT pyro.set_policy('t', compact_after => '10 h');
CALL pyro.maintain('t');
SELECT count(*) FILTER (WHERE ctid < '(2147483648,0)') AS head, min(now() - at) FILTER (WHERE ctid >= '(2147483648,0)') >= '10 h' AS old, count(*) FROM t;
SELECT now() - head_oldest < '10 h' AS young, rows, level >= 0 AS level, newest > oldest AS times, blocks.samples, location, archived_bytes, failures, last_error FROM pyro.tables JOIN pyro.blocks USING (relation, rows) WHERE relation = 't'::regclass;
SELECT pyro.clear_policy('t', 'compact_after');
CALL pyro.maintain('t');
SELECT count(*) FILTER (WHERE ctid < '(2147483648,0)') AS head, count(*) FROM t;
SELECT head_oldest FROM pyro.tables WHERE relation = 't'::regclass;
INSERT INTO ageless SELECT 'x' FROM generate_series(1, 10);
SELECT pyro.set_policy('ageless', compact_after => '1 h');
CALL pyro.maintain('ageless');
SELECT rows, head_oldest, samples FROM pyro.tables WHERE relation = 'ageless'::regclass;
SELECT oldest, newest FROM pyro.blocks WHERE relation = 'ageless'::regclass;

-- Row security hides times, too.
CREATE ROLE regress_pyro_reader;
GRANT SELECT ON t TO regress_pyro_reader;
INSERT INTO t VALUES (now(), 'new');
SET ROLE regress_pyro_reader;
SELECT head_oldest IS NULL AS head_hidden, oldest IS NULL AS block_hidden FROM pyro.tables JOIN pyro.blocks USING (relation);
RESET ROLE;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
SET ROLE regress_pyro_reader;
SELECT head_oldest IS NULL AS head_hidden, oldest IS NULL AS block_hidden FROM pyro.tables JOIN pyro.blocks USING (relation);
SELECT pyro.head_oldest('ageless');
-- nor may readers do or say anything
SELECT pyro.set_policy('t', retention => '1 s');
SELECT pyro.clear_policy('t');
SELECT pyro.set_retention('t', '{}', '1 s');
CALL pyro.maintain('t');
CALL pyro.enforce_disk_limit();
SET pyro.disk_limit = '1 MB';
SELECT FROM pyro.run;
DELETE FROM pyro.retention_rule;
RESET ROLE;
DROP TABLE t, ageless;
DROP ROLE regress_pyro_reader;

-- Rules: a selector and an age.
CALL pyro.create_profiles_table('rules', retention => NULL);
SELECT * FROM pyro.policy;
SELECT pyro.clear_policy('rules', 'compact_after'), pyro.set_policy('rules', block_rows => 100, order_by => '{service}', merge_windows => '{}');
CREATE FUNCTION fill_rules(first int, last int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO rules (ts, tenant, service, name, labels, profile) SELECT now() - n * interval '1 h' - interval '30 min', 't' || n % 2, 's' || n / 100 % 3, CASE n % 5 WHEN 0 THEN 'cpu' ELSE 'memory' END,
		CASE WHEN n % 7 > 0 THEN jsonb_build_object('env', CASE n % 3 WHEN 0 THEN 'dev' ELSE 'prod' END) ELSE '{}' END, 'main 1' FROM generate_series(first, last) n $$;
-- one block is of s1 alone
SELECT fill_rules(400, 499);
CALL pyro.compact('rules');
SELECT fill_rules(0, 999);
CALL pyro.compact('rules');
SELECT fill_rules(0, 999);
CREATE TABLE twin AS SELECT ts, tenant, service, name, labels FROM rules;
CREATE FUNCTION rules_differ() RETURNS text LANGUAGE sql AS $$
	SELECT concat((SELECT count(*) FROM rules), ' rows, ', (SELECT count(*) FROM (SELECT ts, tenant, service, name, labels FROM rules EXCEPT ALL TABLE twin) d), ' too many, ', (SELECT count(*) FROM (TABLE twin EXCEPT ALL SELECT ts, tenant, service, name, labels FROM rules) d), ' too few') $$;
-- whole blocks of a service go without being read
SELECT pyro.set_retention('rules', '{service_name="s1"}', '10 days');
CALL pyro.maintain('rules');
DELETE FROM twin WHERE service = 's1' AND ts < now() - interval '240 h';
SELECT rules_differ(), blocks_dropped > 0 AS blocks FROM pyro.run WHERE relid = 'rules'::regclass;
SELECT pyro.set_retention('rules', '{service_name=~"s0|s2", env="dev"}', '5 days'), pyro.set_retention('rules', '{tenant="t1", __name__="cpu"}', '7 days'), pyro.set_retention('rules', '{env=""}', '8 days');
CALL pyro.maintain('rules');
DELETE FROM twin WHERE (labels ->> 'env' = 'dev' AND service IN ('s0', 's2') AND ts < now() - interval '120 h') OR (tenant = 't1' AND name = 'cpu' AND ts < now() - interval '168 h')
	OR (NOT labels ? 'env' AND ts < now() - interval '192 h');
SELECT rules_differ();
SELECT rows_dropped AS before FROM pyro.run WHERE relid = 'rules'::regclass \gset
CALL pyro.maintain('rules');
SELECT rules_differ(), rows_dropped - :before AS more FROM pyro.run WHERE relid = 'rules'::regclass;
SELECT * FROM pyro.verify('rules');
SELECT pyro.set_retention('rules', '{env=""}', '2 days'), pyro.set_retention('rules', '{__profile_type__="memory:samples:count::"}', '20 days');
CALL pyro.maintain('rules');
DELETE FROM twin WHERE (NOT labels ? 'env' AND ts < now() - interval '48 h') OR (name = 'memory' AND ts < now() - interval '480 h');
SELECT rules_differ();
SELECT * FROM pyro.retention_rule ORDER BY selector;
SELECT pyro.set_retention('rules', '{env=""}', NULL);
SELECT pyro.set_retention('rules', '{env=""}', NULL);
SELECT pyro.set_retention('rules', '{env="', '1 h');
SELECT pyro.set_retention('rules', '{}', '0');
SELECT pyro.set_retention('rules', NULL, '1 h');
SELECT pyro.set_retention(NULL, '{}', '1 h');
SELECT pyro.set_retention('by_time', '{}', '1 h');
SELECT pyro.set_retention('twin', '{}', '1 h');
-- rows without a ts have no age, and stay
CREATE TABLE timeless (at timestamptz NOT NULL, ts timestamptz, service text, name text, labels jsonb) USING pyro;
SELECT pyro.set_policy('timeless', block_rows => 50, order_by => '{}', merge_windows => '{}'), pyro.set_retention('timeless', '{service_name="a"}', '1 day');
INSERT INTO timeless SELECT now(), CASE WHEN n <= 50 OR n % 10 > 0 THEN now() - interval '10 days' END, 'a', 'cpu', '{}' FROM generate_series(1, 100) n;
CALL pyro.compact('timeless');
CALL pyro.maintain('timeless');
SELECT count(*), count(ts), (SELECT blocks_dropped FROM pyro.run WHERE relid = 'timeless'::regclass) FROM timeless;
DROP TABLE timeless;
-- rules of a partitioned table
SELECT count(*) FROM pyro.retention_rule;
DROP TABLE rules, twin;
SELECT count(*) FROM pyro.retention_rule;
CALL pyro.create_profiles_table('rules', partition_by => '1 day');
INSERT INTO rules (ts, service, name, profile) SELECT now() - n * interval '1 h' - interval '30 min', 's' || n % 3, 'cpu', 'main 1' FROM generate_series(0, 99) n;
SELECT pyro.set_retention('rules', '{service_name!="s1"}', '1 day');
CALL pyro.maintain('rules');
SELECT service, count(*) FROM rules GROUP BY 1 ORDER BY 1;
DROP TABLE rules;
SELECT count(*) FROM pyro.retention_rule;

-- Partitions: the present one and two ahead, beside what there is, in UTC.
CREATE SCHEMA "Sch'ma ""x""";
SET search_path = "Sch'ma ""x""", public;
CALL pyro.create_profiles_table('"Pro ''f"', retention => '3 days', partition_by => '1 day');
CALL pyro.maintain('"Pro ''f"');
CREATE VIEW bounds AS SELECT c.oid::regclass AS partition, (regexp_match(pg_get_expr(relpartbound, c.oid), 'FROM \(''([^'']*)''\) TO'))[1]::timestamptz AS lower,
	(regexp_match(pg_get_expr(relpartbound, c.oid), 'TO \(''([^'']*)''\)'))[1]::timestamptz AS upper, amname
	FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid LEFT JOIN pg_am a ON a.oid = relam WHERE inhparent = '"Pro ''f"'::regclass;
SELECT count(*), count(lower), min(upper - lower), max(upper - lower) FROM bounds;
CREATE FUNCTION drop_from(timestamptz, int, int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE partition text;
BEGIN
	FOR partition IN SELECT b.partition FROM bounds b WHERE lower > $1 ORDER BY lower OFFSET $2 LIMIT $3 LOOP EXECUTE 'DROP TABLE ' || partition; END LOOP;
END $$;
SELECT drop_from('-infinity', 0, 100);
-- the default partition's rows are in the way: they move, and no others
INSERT INTO "Pro 'f" (ts, service, name, profile) SELECT date_trunc('day', now(), 'UTC') + n * interval '1 h', n, 'cpu', 'main 1' FROM generate_series(-48, 95) n;
INSERT INTO "Pro 'f" (ts, service, name, profile) VALUES ('infinity', 'x', 'cpu', 'main 1'), ('-infinity', 'x', 'cpu', 'main 1');
CALL pyro.compact('"Pro ''f"');
SELECT pyro.clear_policy('"Pro ''f"', 'retention');
CALL pyro.maintain('"Pro ''f"');
SELECT min(lower) = date_trunc('day', now(), 'UTC') AS today, count(lower), min(upper - lower), max(upper - lower), max(upper) = date_trunc('day', now(), 'UTC') + interval '72 h' AS ahead FROM bounds;
SELECT partition::text = format('"Pro ''f_%s_0000"', to_char(lower AT TIME ZONE 'UTC', 'YYYYMMDD')) AS named, amname, count(service), min(ts) = lower AS first
	FROM bounds LEFT JOIN "Pro 'f" p ON p.tableoid = partition GROUP BY partition, lower, amname ORDER BY lower;
SELECT partitions_made, partitions_dropped FROM pyro.run WHERE relid = '"Pro ''f"'::regclass;
-- indexes came along, and nothing is to be done any more
SELECT count(*) FROM pg_index JOIN bounds ON indrelid = partition WHERE lower IS NOT NULL;
CALL pyro.maintain('"Pro ''f"');
SELECT partitions_made, partitions_dropped, failures FROM pyro.run WHERE relid = '"Pro ''f"'::regclass;
-- another width: what is left beside the others
SELECT drop_from('-infinity', 1, 2);
SELECT pyro.set_policy('"Pro ''f"', partition_by => '1 h');
CALL pyro.maintain('"Pro ''f"');
SELECT pyro.set_policy('"Pro ''f"', partition_by => '1 week');
CALL pyro.maintain('"Pro ''f"');
SELECT count(*) FILTER (WHERE upper <> next) AS gaps, max(upper) - min(upper) > '10 days' AS weeks FROM (SELECT upper, lead(lower) OVER (ORDER BY lower) AS next FROM bounds WHERE lower IS NOT NULL) b;
-- those that are old go, the others stay
DELETE FROM "Pro 'f" WHERE ts = '-infinity';
CREATE TABLE old_1 PARTITION OF "Pro 'f" FOR VALUES FROM ('2001-01-01Z') TO ('2001-01-02Z') USING pyro;
CREATE TABLE old_2 PARTITION OF "Pro 'f" FOR VALUES FROM ('2001-01-02Z') TO ('2001-01-03Z') PARTITION BY LIST (service);
CREATE TABLE old_2_2 PARTITION OF old_2 DEFAULT USING pyro;
CREATE TABLE old_3 PARTITION OF "Pro 'f" FOR VALUES FROM ('2001-01-04Z') TO ('2001-01-05Z') USING heap;
CREATE TABLE old_4 PARTITION OF "Pro 'f" FOR VALUES FROM (MINVALUE) TO ('2000-01-05Z') USING pyro;
INSERT INTO "Pro 'f" (ts, service, name, profile) SELECT '2001-01-01Z'::timestamptz + n * interval '1 h', n, 'cpu', 'main 1' FROM generate_series(0, 95) n;
CREATE FUNCTION see_2() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
CREATE TRIGGER see BEFORE DELETE ON old_1 FOR EACH ROW EXECUTE FUNCTION see_2();
SELECT pyro.set_policy('"Pro ''f"', retention => '100 days'), pyro.set_policy('old_4', retention => '1000 years');
CALL pyro.maintain('"Pro ''f"');
SELECT count(*) FROM "Pro 'f" WHERE ts < '2002-01-01';
SELECT partition FROM bounds WHERE partition::text ~ 'old' ORDER BY 1;
-- the trigger's rows went one by one; now that they are gone the partition is, too
CALL pyro.maintain('"Pro ''f"');
SELECT partition FROM bounds WHERE partition::text ~ 'old' ORDER BY 1;
SELECT partitions_dropped FROM pyro.run WHERE relid = '"Pro ''f"'::regclass;
SELECT relation, failures FROM pyro.tables WHERE relation = '"Pro ''f"'::regclass;
-- whoever watches the default partition would take moved rows for deleted
SELECT drop_from('2002-01-01', 0, 100);
INSERT INTO "Pro 'f" (ts, service, name, profile) VALUES (now(), 'x', 'cpu', 'main 1');
CREATE TRIGGER see BEFORE DELETE ON "Pro 'f_default" FOR EACH ROW EXECUTE FUNCTION see_2();
\set VERBOSITY sqlstate
CALL pyro.maintain('"Pro ''f"');
\set VERBOSITY default
DROP TRIGGER see ON "Pro 'f_default";
CALL pyro.maintain('"Pro ''f"');
SELECT count(*) FROM bounds WHERE lower > '2002-01-01';
DROP SCHEMA "Sch'ma ""x""" CASCADE;
RESET search_path;

-- A partition that cannot be dropped does not keep others; nor does one go
-- where a partition of its own has more time, or where another column tells
-- the age.
CREATE TABLE kept (at timestamptz NOT NULL, k text) PARTITION BY RANGE (at);
CREATE TABLE kept_1 PARTITION OF kept FOR VALUES FROM (MINVALUE) TO ('2001-01-02Z') USING pyro;
CREATE TABLE kept_2 PARTITION OF kept FOR VALUES FROM ('2001-01-02Z') TO ('2001-01-03Z') USING pyro;
CREATE TABLE kept_3 PARTITION OF kept FOR VALUES FROM ('2001-01-03Z') TO ('2001-01-04Z') PARTITION BY LIST (k);
CREATE TABLE kept_3_a PARTITION OF kept_3 FOR VALUES IN ('a') USING pyro;
CREATE TABLE kept_3_b PARTITION OF kept_3 FOR VALUES IN ('b') USING pyro;
CREATE TABLE kept_4 PARTITION OF kept FOR VALUES FROM ('2001-01-04Z') TO ('2001-01-05Z') USING pyro;
INSERT INTO kept SELECT '2001-01-01Z'::timestamptz + n * interval '8 h', CASE n % 2 WHEN 0 THEN 'a' ELSE 'b' END FROM generate_series(0, 11) n;
CREATE VIEW watches_1 AS TABLE kept_1;
CREATE VIEW watches_2 AS TABLE kept_2;
SELECT pyro.set_policy('kept', partition_by => '1 day', retention => '1 day'), pyro.set_policy('kept_3_a', retention => '1000 years');
CALL pyro.maintain('kept');
SELECT tableoid::regclass, k, count(*) FROM kept GROUP BY 1, 2 ORDER BY 1, 2;
SELECT to_regclass('kept_4');
DROP VIEW watches_1, watches_2;
CALL pyro.maintain('kept');
SELECT tableoid::regclass, k, count(*) FROM kept GROUP BY 1, 2 ORDER BY 1, 2;
CREATE TABLE by_other (received timestamptz NOT NULL, at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE by_other_1 PARTITION OF by_other FOR VALUES FROM ('2001-01-01Z') TO ('2001-01-02Z') USING pyro;
SELECT pyro.set_policy('by_other', partition_by => '1 day', retention => '1 day');
INSERT INTO by_other VALUES (now(), '2001-01-01 10:00Z'), ('2002-01-01', '2001-01-01 10:00Z');
CALL pyro.maintain('by_other');
SELECT count(*), count(*) FILTER (WHERE received < '2003-01-01') AS old FROM by_other;
DELETE FROM by_other;
CALL pyro.maintain('by_other');
SELECT to_regclass('by_other_1');
DROP TABLE kept, by_other;

-- Keys: one to the table, generated and identity columns, a name that is long.
CREATE TABLE long_name_long_name_long_name_long_name_long_name_long_name_xx (at timestamptz NOT NULL, id int GENERATED ALWAYS AS IDENTITY, "select" int DEFAULT 7 CHECK ("select" > 0),
	double int GENERATED ALWAYS AS ("select" * 2) STORED, gone int, k text COLLATE "C", PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
ALTER TABLE long_name_long_name_long_name_long_name_long_name_long_name_xx DROP gone;
CREATE TABLE rest PARTITION OF long_name_long_name_long_name_long_name_long_name_long_name_xx DEFAULT USING pyro;
INSERT INTO long_name_long_name_long_name_long_name_long_name_long_name_xx (at, k) SELECT now(), n FROM generate_series(1, 5) n;
SELECT pyro.set_policy('long_name_long_name_long_name_long_name_long_name_long_name_xx', partition_by => '6 h', retention => '1 day');
CALL pyro.maintain('long_name_long_name_long_name_long_name_long_name_long_name_xx');
INSERT INTO long_name_long_name_long_name_long_name_long_name_long_name_xx (at, k) VALUES (now(), 'y'), (now() + interval '6 h', 'z');
SELECT tableoid::regclass = 'rest'::regclass AS rest, id, "select", double, k FROM long_name_long_name_long_name_long_name_long_name_long_name_xx ORDER BY id;
SELECT count(*), max(length(inhrelid::regclass::text)) FROM pg_inherits WHERE inhparent = 'long_name_long_name_long_name_long_name_long_name_long_name_xx'::regclass;
CREATE TABLE old PARTITION OF long_name_long_name_long_name_long_name_long_name_long_name_xx FOR VALUES FROM ('2001-01-01Z') TO ('2001-01-02Z') USING pyro;
CREATE TABLE referencing (at timestamptz, id int, FOREIGN KEY (at, id) REFERENCES long_name_long_name_long_name_long_name_long_name_long_name_xx ON DELETE CASCADE);
INSERT INTO long_name_long_name_long_name_long_name_long_name_long_name_xx (at, k) VALUES ('2001-01-01 10:00Z', 'old'), (now(), 'young');
INSERT INTO referencing SELECT at, id FROM long_name_long_name_long_name_long_name_long_name_long_name_xx WHERE k IN ('old', 'young');
CALL pyro.maintain('long_name_long_name_long_name_long_name_long_name_long_name_xx');
CALL pyro.maintain('long_name_long_name_long_name_long_name_long_name_long_name_xx');
SELECT to_regclass('old'), (SELECT count(*) FROM referencing);
DROP TABLE referencing, long_name_long_name_long_name_long_name_long_name_long_name_xx, by_key, by_time;

-- The limit of disk space: the oldest first, of all tables.
CALL pyro.create_profiles_table('a');
CALL pyro.create_profiles_table('b', partition_by => '1 day');
CREATE TABLE c (at timestamptz NOT NULL, junk text) USING pyro;
CREATE TABLE ageless (junk text) USING pyro;
CREATE FUNCTION junk(n int) RETURNS profile LANGUAGE sql AS $$
	SELECT profile_from_folded(string_agg('main;' || md5(concat(n, i)) || ';' || md5(concat(i, n, 'x')) || ' ' || i, E'\n')) FROM generate_series(1, 50) i $$;
SET pyro.block_rows = 100;
INSERT INTO a (ts, service, name, profile) SELECT date_trunc('day', now(), 'UTC') - n * interval '10 min' - interval '1 min', 'a', 'cpu', junk(n) FROM generate_series(0, 999) n;
INSERT INTO b (ts, service, name, profile) SELECT date_trunc('day', now(), 'UTC') - n * interval '1 min' - interval '1 min', 'a', 'cpu', junk(n) FROM generate_series(0, 499) n;
INSERT INTO c SELECT date_trunc('day', now(), 'UTC') - interval '10 min', md5(n::text) FROM generate_series(1, 100) n;
INSERT INTO ageless SELECT md5(n::text) FROM generate_series(1, 100) n;
SELECT pyro.set_policy('a', merge_windows => '{}', order_by => '{}');
CALL pyro.compact('a'); CALL pyro.compact('b'); CALL pyro.compact('c'); CALL pyro.compact('ageless');
SET pyro.disk_limit = '1 GB';
CALL pyro.enforce_disk_limit();
SELECT count(*) FROM pyro.run WHERE rows_dropped > 0;
SET pyro.disk_limit = '6 MB';
CALL pyro.enforce_disk_limit();
-- of a the oldest; b's partition is of yesterday and younger than what of a had to go
SELECT (SELECT min(ts) FROM a) > date_trunc('day', now(), 'UTC') - interval '7 days' AS a, (SELECT max(ts) FROM a) = date_trunc('day', now(), 'UTC') - interval '1 min' AS young, (SELECT count(*) FROM b) AS b, (SELECT count(*) FROM c) AS c, (SELECT count(*) FROM ageless) AS ageless;
SELECT rows AS rows_of_a FROM pyro.tables WHERE relation = 'a'::regclass \gset
CALL pyro.enforce_disk_limit();
SELECT rows = :rows_of_a AS stays FROM pyro.tables WHERE relation = 'a'::regclass;
SET pyro.disk_limit = '2 MB';
CALL pyro.enforce_disk_limit();
SELECT (SELECT count(*) FROM a) < 300 AS a, (SELECT count(*) FROM b) AS b, (SELECT count(*) FROM ageless) AS ageless;
SELECT relid::regclass, partitions_dropped FROM pyro.run WHERE partitions_dropped > 0;
SELECT * FROM pyro.verify('a');
SET pyro.disk_limit = '1 MB';
CALL pyro.enforce_disk_limit();
SELECT (SELECT count(*) FROM a) AS a, (SELECT count(*) FROM ageless) AS ageless;
DROP TABLE a, b, c, ageless;
-- what cannot be dropped does not keep anything else
CREATE TABLE kept (at timestamptz NOT NULL, junk text) PARTITION BY RANGE (at);
CREATE TABLE kept_1 PARTITION OF kept FOR VALUES FROM ('2001-01-01Z') TO ('2001-01-02Z') USING pyro;
CREATE TABLE kept_2 PARTITION OF kept FOR VALUES FROM ('2001-01-02Z') TO ('2001-01-03Z') USING pyro;
SELECT pyro.set_policy('kept', partition_by => '1 day');
CREATE VIEW watches AS TABLE kept_1;
CREATE TABLE refuses (at timestamptz NOT NULL, junk text) USING pyro;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''nobody deletes''; END';
CREATE TRIGGER refuse BEFORE DELETE ON refuses EXECUTE FUNCTION refuse();
INSERT INTO kept SELECT '2001-01-01Z'::timestamptz + n * interval '12 h', md5(n::text) FROM generate_series(0, 3) n;
INSERT INTO refuses SELECT '2001-01-01Z', md5(n::text) FROM generate_series(1, 10) n;
CREATE TABLE goes (at timestamptz NOT NULL, junk text) USING pyro;
INSERT INTO goes SELECT '2001-01-05Z', (SELECT string_agg(md5(concat(n, i)), '') FROM generate_series(1, 100) i) FROM generate_series(1, 1000) n;
CALL pyro.compact('refuses'); CALL pyro.compact('goes');
VACUUM goes;
CALL pyro.enforce_disk_limit();
SELECT (SELECT count(*) FROM kept) AS kept, to_regclass('kept_2'), (SELECT count(*) FROM refuses) AS refuses, (SELECT count(*) FROM goes) < 1000 AS goes;
SELECT relid::regclass, last_error FROM pyro.run WHERE last_error IS NOT NULL ORDER BY last_error;
DROP TABLE kept, refuses, goes CASCADE;
DROP FUNCTION refuse;
SELECT count(*) FROM pyro.run;
SELECT count(*) FROM pyro.policy;
DROP FUNCTION same_rows, see_row, fill_rules, rules_differ, junk;
