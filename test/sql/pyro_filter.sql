-- Which blocks a scan leaves out, where a mistake would lose rows.
SET client_min_messages = warning;
SET pyro.block_rows = 10;
SET pyro.merge_windows = '';
SET timezone = 'Europe/Berlin';
SET max_parallel_workers_per_gather = 0;
CREATE DOMAIN flag AS bool;
CREATE TABLE t (id int, n int, b flag, ts timestamp, tz timestamptz, t text, c char(6), nm name, labels jsonb, service text, name varchar, p profile) USING pyro;
INSERT INTO t SELECT i, i / 10, i < 10, '2024-01-01'::timestamp + i * interval '1 h', '2024-01-01'::timestamptz + i * interval '1 h', 't' || i / 10, 'c' || i / 10, 'n' || i / 10,
	jsonb_build_object('block', i / 10, 'env', CASE WHEN i < 20 THEN 'prod' ELSE 'dev' END), 's' || i / 10, CASE WHEN i < 30 THEN 'cpu' END, ('main;f' || i / 10 || ' 1')::profile
	FROM generate_series(0, 39) i;
CALL pyro.compact('t');
INSERT INTO t (id) SELECT i FROM generate_series(40, 49) i;
CALL pyro.compact('t');
INSERT INTO t (id, n) VALUES (50, 0);
SELECT count(*) FROM pyro.blocks WHERE relation = 't'::regclass;

-- Rows found, and blocks left out, of five: by range, by filter; the rows are
-- as many as without such scans.
CREATE FUNCTION asked(condition text, OUT rows int, OUT by_range int, OUT by_filter int, OUT block_filter text) LANGUAGE plpgsql AS $$
DECLARE
	plan json;
	again int;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) SELECT * FROM t WHERE ' || condition INTO plan;
	plan := plan -> 0 -> 'Plan';
	rows := round((plan ->> 'Actual Rows')::numeric);	-- with decimals since 18
	by_range := plan ->> 'Blocks Skipped by Range';
	by_filter := plan ->> 'Blocks Skipped by Filter';
	block_filter := regexp_replace(plan ->> 'Block Filter', '\(InitPlan (\d+)\).col1', '$0');	-- as before 17
	SET LOCAL pyro.enable_blockscan = off;
	EXECUTE 'SELECT count(*) FROM t WHERE ' || condition INTO again;
	RESET pyro.enable_blockscan;
	IF rows IS DISTINCT FROM again THEN
		RAISE '% rows instead of %', rows, again;
	END IF;
END $$;
CREATE FUNCTION known_late(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION any_moment(int) RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN $1; END';

SELECT q, a.* FROM (VALUES
	-- comparisons, both ways round, of several types
	('n = 2'), ('2 = n'), ('n = 2::bigint'), ('n < 2'), ('2 > n'), ('n BETWEEN 1 AND 2'), ('n <> 0'), ('n = NULL'), ('n = known_late(3)'), ('n = any_moment(3)'),
	('n = (SELECT 3)'), ('n = (SELECT id FROM t WHERE false)'), ('n + 0 = 3'), ('n = id'), ('n::oid = 3'), ('n::text = ''3'''),
	('n IN (1, 3)'), ('n = ANY (''{1,NULL}'')'), ('n = ANY (''{}'')'), ('n = ANY (NULL)'), ('n <> ALL (''{0,1}'')'), ('n <> ALL (''{}'')'), ('n <> ALL (''{0,NULL}'')'),
	('n > ALL (''{1,2}'')'), ('n < ANY (''{1,2}'')'),
	-- NULLs
	('n IS NULL'), ('n IS NOT NULL'), ('n IS DISTINCT FROM 1'), ('n IS NOT DISTINCT FROM 1'), ('n IS NOT DISTINCT FROM NULL'), ('NOT n = 1'), ('(n = 1) IS NOT TRUE'), ('(n = 1) IS TRUE'),
	('b'), ('NOT b'), ('b IS NOT TRUE'), ('b IS NOT FALSE'), ('b IS UNKNOWN'),
	-- trees
	('n = 1 OR t = ''t3'''), ('n = 1 OR id % 2 = 0'), ('n = 1 AND id % 2 = 0'), ('(n = 1 AND id % 2 = 0) OR (n = 2 AND b)'), ('known_late(1) = 1 OR n = 1'), ('known_late(1) = 2 OR n = 1')
	) v (q), asked(q) a;

-- Clocks are put back, and skip: local times are not in the order of the times.
INSERT INTO t (id, ts, tz) VALUES (60, '2024-03-31 01:30', '2024-03-31 01:30+01'), (61, '2024-03-31 02:30', '2024-03-31 03:15+02'), (62, '2024-03-31 03:00', '2024-03-31 03:20+02');
CALL pyro.compact('t');
SELECT q, a.rows FROM (VALUES
	('ts > ''2024-03-31 03:15+02''::timestamptz'), ('ts > ''2024-03-31 03:15''::timestamp'), ('tz = ANY (''{2024-03-31 02:15,2024-03-31 03:00}''::timestamp[])'),
	('tz = ''2024-03-31 02:15''::timestamp'), ('tz >= ''2024-03-31''::date AND tz < ''2024-04-01''::date')
	) v (q), asked(q) a;

-- Texts: equality has no order, and is not always of bytes.
SELECT q, a.* FROM (VALUES
	('t = ''t2'''), ('t < ''t2'' COLLATE "C"'), ('c = ''c2'''), ('c = ''c2   '''), ('c = ANY (''{c2,c3      }''::char(8)[])'), ('c::text = ''c2'''), ('t::char(8) = ''t2'''), ('nm = ''n2'''), ('nm = ''n2''::text'),
	('t = ''n2''::name'), ('t IN (''t2'', ''none'')'), ('name = ''cpu'''), ('name IS NULL'), ('t <> ''t2'''), ('t LIKE ''t2%''')
	) v (q), asked(q) a;
DO $$
DECLARE
	found int;
	q text;
BEGIN
	IF EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i') THEN
		CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
		FOREACH q IN ARRAY ARRAY['t = ''T2'' COLLATE caseless', 't COLLATE caseless IN (''T2'', ''x'')', 't COLLATE caseless IS NOT DISTINCT FROM ''T2''', 'service = ''S2'' COLLATE caseless'] LOOP
			SELECT a.rows INTO found FROM asked(q) a;
			IF found IS DISTINCT FROM 10 THEN
				RAISE '%: % rows', q, found;
			END IF;
		END LOOP;
		SELECT a.rows INTO found FROM asked('t COLLATE caseless <> ALL (''{T0,T1,T2}'')') a;
		IF found IS DISTINCT FROM 10 THEN
			RAISE '% rows differ', found;
		END IF;
		SELECT a.rows INTO found FROM asked('labels ->> ''env'' = ''PROD'' COLLATE caseless') a;
		IF found IS DISTINCT FROM 20 THEN
			RAISE '% rows of labels', found;
		END IF;
		DROP COLLATION caseless;
	END IF;
END $$;

-- A bound that was cut is still one, where char(n) forgets spaces.
CREATE TABLE padded (c char(70) COLLATE "C") USING pyro;
INSERT INTO padded VALUES (repeat('a', 63) || E'\x1f' || 'zz');
CALL pyro.compact('padded');
SELECT count(*) FROM padded WHERE c >= (repeat('a', 63) || E'\x1f')::bpchar;
SELECT * FROM pyro.verify('padded');
DROP TABLE padded;

-- Labels: of objects; arrays, scalars and NULLs have none.
INSERT INTO t (id, labels) VALUES (70, '["env", "prod"]'), (71, '"env"'), (72, '{}'), (73, '{"env": null}'), (74, '{"env": {"deep": 1}}'), (75, '{"env": 1.50}');
CALL pyro.compact('t');
SELECT q, a.* FROM (VALUES
	('labels @> ''{"block": 2}'''), ('labels @> ''{"block": 2.0}'''), ('''{"block": 2}'' <@ labels'), ('labels @> ''{"env": "prod", "block": 1}'''), ('labels @> ''{"env": "none"}'''), ('labels @> ''{}'''), ('labels @> ''[]'''),
	('labels @> ''["prod"]'''), ('labels @> ''"env"'''), ('labels @> ''{"env": {}}'''), ('labels @> ''{"env": {"deep": 2}}'''), ('labels @> ''{"env": null}'''), ('labels <@ ''{"env": null}'''), ('labels = ''{}'''), ('labels = ''{"env": 1.5}'''),
	('labels ? ''block'''), ('labels ? ''prod'''), ('labels ?| ''{none,block}'''), ('labels ?& ''{env,block}'''), ('labels ?| ''{}'''), ('labels ?& ''{}'''),
	('labels ->> ''env'' = ''prod'''), ('labels ->> ''env'' = ''1.50'''), ('labels ->> ''env'' = ''1.5'''), ('labels ->> ''env'' = ''{"deep": 1}'''), ('labels ->> ''block'' IN (''1'', ''3'')'), ('labels ->> ''env'' <> ''prod'''),
	('labels ->> ''env'' IS NULL'), ('labels ->> ''block'' IS NOT NULL'), ('(labels ->> ''block'')::int > 2'), ('labels -> ''env'' = ''1.5'''), ('labels -> ''env'' = ''null'''), ('labels ->> NULL = ''x'''), ('NOT labels ? ''block'''),
	('labels[''env''] = ''"prod"''')
	) v (q), asked(q) a;
-- a label that is missing is not among none, which is not unknown
SELECT q, a.* FROM (VALUES
	('labels ->> ''block'' = ANY (''{}'')'), ('upper(labels ->> ''block'') = ANY (''{1,2}'')'), ('(labels ->> ''block'' = ANY (''{}'')) IS NOT NULL'), ('(labels ->> ''block'' = ANY (''{}'')) IS NOT UNKNOWN'),
	('(labels ->> ''block'' = ANY (''{}''::text[])) = (id < 0)')
	) v (q), asked(q) a;

-- Selectors: a label that is missing is empty.
SELECT q, a.rows, a.by_range, a.by_filter FROM (VALUES
	('{service_name="s1"}'), ('{service_name!="s1"}'), ('{service_name=~"s1|s2"}'), ('{service_name=~"s[12]"}'), ('{service_name!~"s[12]"}'), ('{service_name=""}'), ('{service_name!=""}'), ('{service_name=~".*"}'), ('{service_name=~".+"}'),
	('{__name__="cpu"}'), ('{__name__!="cpu"}'), ('{__name__=~"cpu|"}'), ('{env="prod"}'), ('{env!="prod"}'), ('{env=~"prod|"}'), ('{env=~"prod|dev"}'), ('{env!=""}'), ('{env=""}'), ('{env="1.50"}'), ('{block="2", env="dev"}'), ('{none="x"}'), ('{none!="x"}'), ('{none!~".+"}')
	) v (q), asked(format('pyro.matches(service, name, labels, %L)', q)) a;
SELECT q, a.* FROM (VALUES ('pyro.matches(name, service, labels, ''{service_name="s1"}'')'), ('pyro.matches(NULL, name, NULL, ''{service_name!="s1"}'')'), ('NOT pyro.matches(service, name, labels, ''{env="prod"}'')'),
	('pyro.matches(service, name, labels, NULL)'), ('p @> ''f2'''), ('p @> ''none'''), ('NOT p @> ''f2'''), ('pyro.may_have_frame(p, ''f2'')'), ('pyro.may_have_frame(p, ''[unknown]'')'), ('p IS NULL')) v (q), asked(q) a;

-- A column that is younger than blocks has its default there.
ALTER TABLE t ADD young int DEFAULT 7, ADD younger int;
SELECT q, a.* FROM (VALUES ('young = 7'), ('young = 8'), ('young IS NULL'), ('younger IS NULL'), ('younger IS NOT NULL')) v (q), asked(q) a;

-- A condition is not tried before those of row security that may not be told.
CREATE VIEW few WITH (security_barrier) AS SELECT * FROM t WHERE service = 's2';
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		IF line ~ 'Block Filter|Blocks:' THEN
			RETURN NEXT trim(line);
		END IF;
	END LOOP;
END $$;
SELECT plan_of($$SELECT * FROM few WHERE labels @> '{"block": 1}'$$);
SELECT plan_of($$SELECT * FROM few WHERE n = 1$$);
SELECT plan_of($$SELECT * FROM t WHERE labels @> '{"block": 1}'$$);

-- Parameters: of a nested loop, and of one plan for all values.
SELECT plan_of('SELECT * FROM (VALUES (1), (3), (NULL), (9)) v (x), LATERAL (SELECT * FROM t WHERE n = x OFFSET 0) l');
SELECT x, count(id) FROM (VALUES (1), (3), (NULL), (9)) v (x) LEFT JOIN LATERAL (SELECT * FROM t WHERE n = x OFFSET 0) l ON true GROUP BY x ORDER BY x;
SET plan_cache_mode = force_generic_plan;
PREPARE by_time (text) AS SELECT count(*) FROM t WHERE ($1 = '' OR tz >= $1::timestamptz);
EXECUTE by_time ('');
EXECUTE by_time ('2024-01-02 00:00');
EXECUTE by_time (NULL);
PREPARE by_list (text[]) AS SELECT count(*) FROM t WHERE service = ANY ($1);
EXECUTE by_list ('{s1,none}');
EXECUTE by_list ('{}');
EXECUTE by_list (NULL);
SELECT plan_of('EXECUTE by_list (''{s1,s3}'')');
RESET plan_cache_mode;
-- Thousands of values.
SELECT a.rows, by_range, by_filter FROM asked('n = ANY (ARRAY(SELECT i FROM generate_series(3, 9999) i))') a;
SELECT a.rows, by_range, by_filter FROM asked('service = ANY (ARRAY(SELECT ''s'' || i FROM generate_series(3, 9999) i))') a;
SELECT a.rows, by_range, by_filter FROM asked('service = ANY (ARRAY(SELECT ''x'' || i FROM generate_series(3, 9999) i))') a;

-- Damage is said.
UPDATE pg_class SET relkind = 'r', relhasrules = false WHERE relnamespace = 'pyro'::regnamespace AND relname = 'block';
BEGIN;
UPDATE pyro.block SET zones = '\x' WHERE storage_id = (SELECT storage_id FROM pyro.storage WHERE relid = 't'::regclass);
SELECT * FROM t WHERE n = 2;
ROLLBACK;
UPDATE pg_class SET relkind = 'm', relhasrules = true WHERE relnamespace = 'pyro'::regnamespace AND relname = 'block';

-- Statistics are those of a heap table with the same rows: in the head, in
-- blocks, in both.
SET pyro.block_rows = 500;
CREATE FUNCTION statistics_differ(a text, b text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format('%s: %s', x.attname, concat_ws(', ',
		CASE WHEN abs(x.null_frac - y.null_frac) > 0.02 THEN format('null_frac %s, %s', x.null_frac, y.null_frac) END,
		CASE WHEN abs(x.avg_width - y.avg_width) > 2 + y.avg_width / 10 THEN format('avg_width %s, %s', x.avg_width, y.avg_width) END,
		CASE WHEN abs(x.n_distinct - y.n_distinct) > 0.05 * abs(y.n_distinct) + 0.02 THEN format('n_distinct %s, %s', x.n_distinct, y.n_distinct) END,
		CASE WHEN abs(abs(x.correlation) - abs(y.correlation)) > 0.1 AND x.attname IN ('ts', 'n') THEN format('correlation %s, %s', x.correlation, y.correlation) END,
		CASE WHEN (x.most_common_vals IS NULL) <> (y.most_common_vals IS NULL) THEN 'most_common_vals' END,
		CASE WHEN (x.histogram_bounds IS NULL) <> (y.histogram_bounds IS NULL) THEN 'histogram' END,
		CASE WHEN x.attname = 'n' THEN CASE WHEN abs((x.histogram_bounds::text::text[])[51]::float8 - (y.histogram_bounds::text::text[])[51]::float8) > 300 THEN 'middle' END END))
	FROM pg_stats x JOIN pg_stats y USING (attname)
	WHERE x.tablename = a AND y.tablename = b AND attname <> 'p' ORDER BY 1
$$;
CREATE TABLE heap_twin (ts timestamptz NOT NULL, n int, few int, service text, nullable float8, p profile);
INSERT INTO heap_twin SELECT '2024-01-01'::timestamptz + i * interval '1 min', i, i % 5, 's' || i % 7, CASE WHEN i % 4 > 0 THEN i * 1.5 END, ('main;f' || i || ' 1')::profile FROM generate_series(1, 10000) i;
ANALYZE heap_twin;
CREATE TABLE twin (LIKE heap_twin) USING pyro;
INSERT INTO twin SELECT * FROM heap_twin WHERE n <= 3000 ORDER BY n;
ANALYZE twin;
CALL pyro.compact('twin');
INSERT INTO twin SELECT * FROM heap_twin WHERE n > 3000 ORDER BY n;
ANALYZE twin;
SELECT reltuples BETWEEN 9900 AND 10100 AS rows FROM pg_class WHERE relname = 'twin';
SELECT d FROM statistics_differ('twin', 'heap_twin') d WHERE d !~ ': $';
CALL pyro.compact('twin');
VACUUM twin;
ANALYZE twin;
SELECT reltuples BETWEEN 9900 AND 10100 AS rows FROM pg_class WHERE relname = 'twin';
SELECT d FROM statistics_differ('twin', 'heap_twin') d WHERE d !~ ': $';
SELECT attname, null_frac, n_distinct, histogram_bounds IS NULL AS no_histogram, avg_width BETWEEN 50 AND 500 AS width FROM pg_stats WHERE tablename = 'twin' AND attname = 'p';
-- Profiles that somebody looks into are the rows' own.
CREATE INDEX ON twin ((profile_total(p)));
CREATE STATISTICS twin_names ON (p::text) FROM twin;
ANALYZE twin;
SELECT n_distinct FROM pg_stats_ext_exprs WHERE statistics_name = 'twin_names';
CREATE TABLE whole (n int, p profile) PARTITION BY RANGE (n);
CREATE TABLE part PARTITION OF whole FOR VALUES FROM (0) TO (10000) USING pyro;
INSERT INTO whole SELECT n, p FROM heap_twin WHERE n < 600;
CALL pyro.compact('part');
CREATE STATISTICS whole_names ON (p::text) FROM whole;
ANALYZE whole;
SELECT n_distinct FROM pg_stats_ext_exprs WHERE statistics_name = 'whole_names';
DROP TABLE whole;

-- Costs: columns that are read, blocks that are left, the order of an index.
CREATE FUNCTION cost_of(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan #>> '{0,Plan,Total Cost}';
END $$;
SELECT cost_of('SELECT n FROM twin') < cost_of('SELECT n, service, few FROM twin') AS columns, cost_of('SELECT n, service, few FROM twin') < cost_of('SELECT * FROM twin') AS profiles,
	cost_of('SELECT n FROM twin WHERE ts < ''2024-01-02''') < cost_of('SELECT n FROM twin') / 3 AS blocks;
CREATE INDEX twin_n ON twin (n);
CREATE INDEX twin_hash ON twin (hashint4(n));
ANALYZE twin;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET pyro.block_cache_size = 0;
SELECT cost_of('SELECT n FROM twin WHERE n < 2000') < cost_of('SELECT n FROM twin WHERE hashint4(n) < -1288490189') / 5 AS ordered;
SELECT cost_of('SELECT n FROM twin WHERE hashint4(n) < -1288490189') AS without_cache INTO TEMP costs;
SET pyro.block_cache_size = '100MB';
SELECT cost_of('SELECT n FROM twin WHERE hashint4(n) < -1288490189') < without_cache / 3 AS cached FROM costs;
RESET pyro.block_cache_size;
RESET enable_seqscan;
RESET enable_bitmapscan;

DROP VIEW few;
DROP TABLE t, heap_twin, twin, costs;
DROP FUNCTION asked, known_late, any_moment, plan_of, statistics_differ, cost_of;
DROP DOMAIN flag;
