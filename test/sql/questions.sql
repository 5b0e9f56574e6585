-- Questions to a table of profiles: schema pyro.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/build.sql'
\i :include
SET timezone = 'UTC';
\pset null '(null)'

CREATE SCHEMA asked;
SET search_path = asked, public;
CALL pyro.create_profiles_table('profiles');
\d profiles
SELECT obj_description('profiles'::regclass), retention, compact_after, partition_by FROM pyro.policy WHERE relation = 'profiles'::regclass;

-- ---- pyro.matches ----

-- By the rules of Prometheus: a missing label is empty, regular expressions
-- match the whole value.  The second column is the truth for each row of the
-- first, worked out by hand.
CREATE TABLE cases (selector text, expected text);
INSERT INTO cases VALUES
	('', 'tttt'), ('{}', 'tttt'),
	('{service_name="checkout"}', 'ttff'), ('{service_name!="checkout"}', 'fftt'),
	('{service_name=~"check.*"}', 'ttff'), ('{service_name=~"check"}', 'ffff'), ('{service_name!~"check"}', 'tttt'),
	('{service_name=~"checkout|cart"}', 'tttf'), ('{service_name!~"checkout|cart"}', 'ffft'),
	('{service_name=~"(checkout|cart)"}', 'tttf'), ('{service_name=~"check(out|in)|c.rt"}', 'tttf'),
	('{service_name=~"a|b)|(.*"}', 'error'),
	('{__name__="process_cpu"}', 'tfft'), ('process_cpu', 'tfft'), ('process_cpu{env="prod"}', 'tfff'),
	('{env="prod"}', 'tfff'), ('{env!="prod"}', 'fttt'), ('{env=""}', 'ffft'), ('{env!=""}', 'tttf'),
	('{env=~".*"}', 'tttt'), ('{env=~".+"}', 'tttf'), ('{env!~".+"}', 'ffft'), ('{env=~""}', 'ffft'),
	('{env=~"prod|"}', 'tfft'), ('{env=~"p|stage"}', 'ftff'), ('{env!~"prod|"}', 'fttf'),
	('{env=~"PROD"}', 'ffff'), ('{env=~"(?i)PROD"}', 'tfff'), ('{env=~"(?i)(?s)P.*"}', 'tfff'),
	('{env=~"^prod$"}', 'tfff'), ('{env=~"pro?d?"}', 'tfff'), ('{env=~`pr\wd`}', 'tfff'), ('{env=~"pr\\wd"}', 'tfff'),
	('{env="prod",service_name="cart"}', 'ffff'), ('{env="prod",env!="stage"}', 'tfff'),
	('{env=~".+",service_name=~".+",x=""}', 'tttf'),
	('{n="5"}', 'ftff'), ('{n="5.50"}', 'fftf'), ('{b="true"}', 'ftff'), ('{z=""}', 'tttt'), ('{z="null"}', 'ffff'),
	('{o="[1, 2]"}', 'ftff'), ('{"a label"=~"x\ny"}', 'fftf'), ('{"a label"=~"x.y"}', 'fftf'),
	('{service_name="",__name__!=""}', 'ffff'), ('{service_name="é€"}', 'ffft'), ('{service_name=~".."}', 'ffft'),
	('{service_name=~"[é].*"}', 'ffft'), ('{service_name="\u00e9\u20ac"}', 'ffft'),
	('{service="checkout"}', 'ffff'), ('{name="process_cpu"}', 'ffff'),
	('{env=~"(?P<x>a)"}', 'error'), ('{env=~"\\pL"}', 'error'), ('{env=~"\\Qa\\E"}', 'error'),
	('{env=~"\\bprod"}', 'error'), ('{env=~"\\\\b"}', 'ffff'), ('{env=~"\\yprod\\y"}', 'tfff'),
	('{env=~"(?U)a"}', 'error'), ('{env=~"(?x)a"}', 'error'), ('{env=~"(?i)(?q)a"}', 'error'),
	('{env=~"(?i:prod)"}', 'error'), ('{env=~"***=a"}', 'error'), ('{env=~"***:prod"}', 'error'),
	('{env=~"[[:^alpha:]]"}', 'error'), ('{env=~"\\x{41}"}', 'error'), ('{env=~"a**"}', 'error'),
	('{env=~"("}', 'error'), ('{env=~"a{1,1001}"}', 'error'), ('{env=~"\\z"}', 'error'),
	('{env=~"*"}', 'error'), ('{env=~"[b-a]"}', 'error'), ('{env!~"("}', 'error');
CREATE TABLE labelled (n int, service text, name text, labels jsonb);
INSERT INTO labelled VALUES
	(1, 'checkout', 'process_cpu', '{"env": "prod", "z": null}'),
	(2, 'checkout', 'memory', '{"env": "stage", "n": 5, "b": true, "o": [1, 2]}'),
	(3, 'cart', 'memory', '{"env": "dev", "n": 5.50, "a label": "x\ny"}'),
	(4, 'é€', 'process_cpu', '["env", "prod"]');
CREATE FUNCTION truth(selector text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT string_agg(CASE WHEN pyro.matches(l.service, l.name, l.labels, truth.selector) THEN 't' ELSE 'f' END,
			'' ORDER BY n) FROM labelled l);
EXCEPTION WHEN invalid_regular_expression THEN
	RETURN 'error';
END $$;
SELECT count(*) AS cases FROM cases;
SELECT selector, expected, truth(selector) FROM cases WHERE truth(selector) <> expected;

-- NULL: nothing is known of a NULL selector, anything else is as if missing.
SELECT pyro.matches('a', 'b', '{}', NULL) AS selector, pyro.matches(NULL, NULL, NULL, '{a="",service_name="",__name__=""}') AS row;
-- One call site, many selectors.
SELECT string_agg(CASE WHEN pyro.matches('a' || n % 3, '', '{}', format('{service_name=~"a[%s]"}', n % 2)) THEN 't' ELSE 'f' END,
	'' ORDER BY n) FROM generate_series(0, 11) n;

-- Errors say where.
SELECT s AS selector, build.error(format('SELECT pyro.matches(%L, %L, %L, %L)', 'a', 'b', '{}', s))
FROM unnest(ARRAY['{', '{a}', '{a=b}', '{a="b}', '{a="b" c="d"}', '{a="b",,}', '{a="b"}x', '{9="b"}', '{a="\d"}', 'a="b"',
	'{a="é",b=~"("}', '{a=~"\\b"}', '{a=~"(?m)x"}', '{a="\xff"}']) s;
SELECT build.error(format('SELECT pyro.matches(%L, %L, %L, %L)', 'a', 'b', '{}', repeat(' ', 1 << 21))) AS too_long;

-- ---- selectors taken apart and put together ----

SELECT s AS selector, pyro.selector_values(s, 'a')
FROM unnest(ARRAY['', '{b="c"}', '{a="b"}', '{a=~"c|b|c"}', '{a=~"b|c",a!="b"}', '{a=~"b|c|bb",a=~"b.?"}', '{a="b",a="c"}',
	'{a=""}', '{a=~"b|"}', '{a=~"b|",a!=""}', '{a!="b"}', '{a=~"b.*"}', '{a!~"b"}']) s;
SELECT pyro.selector_part('{a="1",b=~"2",a!~"3",c!="4"}', '{a,c}'), pyro.selector_part('{a="1",b=~"2",a!~"3",c!="4"}', '{a,c}', false),
	pyro.selector_part('', '{a}'), pyro.selector_part('{"x y"="\n\"\\"}', '{}', false);
SELECT pyro.selector_add('', 'a', '{b}'), pyro.selector_add('{c!="d"}', 'a', '{b,c.d}'), pyro.selector_add('{}', 'a b', '{"\"} or {"}'),
	pyro.selector_add('{}', 'a', '{}');
SELECT pyro.selector_values(pyro.selector_add('{}', 'a', v), 'a'), pyro.selector_values(pyro.selector_add('{}', 'a', v), 'a') = v AS same
FROM (VALUES (ARRAY['.*']), (ARRAY['"},{', '|', E'x\n', 'é\', $$it's$$, '~'])) t (v0), LATERAL (SELECT array_agg(e ORDER BY e COLLATE "C") AS v FROM unnest(v0) e) s;
SELECT pyro.selector_values(pyro.selector_add('{}', 'a', '{}'), 'a') AS none_of_none;
SELECT build.error($$SELECT pyro.selector_add('{}', 'a', ARRAY[NULL])$$), build.error($$SELECT pyro.selector_add('{}', '', '{a}')$$);

-- ---- the table that is asked ----

-- Made profiles of three pods, one each minute, whose sums are easily said,
-- and real ones.
INSERT INTO profiles
	SELECT timestamptz '2024-05-01 12:00:00+00' + m * interval '1 minute', 'acme', 'checkout', 'process_cpu',
		jsonb_build_object('pod', 'checkout-' || pod, 'env', CASE pod WHEN 1 THEN 'prod' ELSE 'stage' END),
		profile_from_folded(format(E'main;pay %s\nmain;idle %s', 10 * pod, m), 'cpu', 'nanoseconds')
	FROM generate_series(0, 9) m, generate_series(1, 2) pod;
INSERT INTO profiles
	SELECT timestamptz '2024-05-01 12:00:00+00' + m * interval '1 minute', 'acme', 'checkout', 'goroutine',
		jsonb_build_object('pod', 'checkout-' || pod, 'env', CASE pod WHEN 1 THEN 'prod' ELSE 'stage' END),
		profile_from_folded(CASE WHEN m % 2 = 0 THEN format(E'main;wait %s\nmain;leak %s', 4 * pod, m) ELSE format('main;wait %s', 4 * pod) END,
			'goroutine', 'count')
	FROM generate_series(0, 9) m, generate_series(1, 2) pod;
INSERT INTO profiles
	SELECT timestamptz '2024-05-01 12:00:00+00' + m * interval '1 minute', 'bolt', 'cart', 'process_cpu', '{"pod": "cart-1"}',
		profile_from_folded('main;pay 7', 'cpu', 'nanoseconds')
	FROM generate_series(0, 4) m;
\set file :abs_srcdir '/data/go-heap.pb.gz'
INSERT INTO profiles VALUES ('2024-05-01 12:00:30+00', 'acme', 'heap', 'memory', '{}', pg_read_binary_file(:'file'));
\set file :abs_srcdir '/data/go-cpu-before.pb.gz'
INSERT INTO profiles VALUES ('2024-05-01 12:00:30+00', 'acme', 'shop', 'process_cpu', '{"version": "before"}', pg_read_binary_file(:'file'));
\set file :abs_srcdir '/data/go-cpu-after.pb.gz'
INSERT INTO profiles VALUES ('2024-05-01 12:10:30+00', 'acme', 'shop', 'process_cpu', '{"version": "after"}', pg_read_binary_file(:'file'));
\set noon '\'2024-05-01 12:00:00+00\''
\set later '\'2024-05-01 13:00:00+00\''
\set cpu '\'process_cpu:cpu:nanoseconds::\''
\set goroutine '\'goroutine:goroutine:count::\''

-- What is there.
SELECT * FROM pyro.services('profiles', :noon, :later);
SELECT * FROM pyro.services('profiles', :noon, timestamptz :noon + interval '1 minute');
SELECT * FROM pyro.services('profiles', :later, :noon);
SELECT * FROM pyro.profile_types('profiles', :noon, :later);
SELECT id FROM pyro.profile_types('profiles', :noon, :later, '{service_name="heap"}');
SELECT id FROM pyro.profile_types('profiles', :noon, :later, '{__type__=~"inuse.*"}');
SELECT id FROM pyro.profile_types('profiles', :noon, :later, '{__profile_type__="memory:inuse_space:bytes:space:bytes"}');
SELECT id FROM pyro.profile_types('profiles', :noon, :later, 'memory:inuse_space:bytes:space:bytes{}');
SELECT id FROM pyro.profile_types('profiles', :noon, :later, '{__profile_type__!~".*:cpu:.*",__unit__="count"}');
SELECT string_agg(l, ' ') FROM pyro.label_names('profiles', :noon, :later) l;
SELECT string_agg(l, ' ') FROM pyro.label_names('profiles', :noon, :later, '{service_name="cart"}') l;
SELECT string_agg(l, ' ') FROM pyro.label_names('profiles', :later, :later) l;
SELECT l, (SELECT array_agg(v) FROM pyro.label_values('profiles', l, :noon, :later) v)
FROM unnest('{service_name,__name__,tenant,pod,version,missing,__type__,__period_unit__}'::text[]) l;
SELECT array_agg(v) FROM pyro.label_values('profiles', 'pod', :noon, :later, '{env!="prod"}') v;
SELECT array_agg(v) FROM pyro.label_values('profiles', 'service_name', :noon, :later, '{__profile_type__=~"goroutine.*"}') v;
SELECT * FROM pyro.label_sets('profiles', :noon, :later, '{}', '{service_name,env}');
SELECT * FROM pyro.label_sets('profiles', :noon, :later, '{service_name=~"cart|heap"}', '{service_name,__profile_type__}');
SELECT * FROM pyro.label_sets('profiles', :noon, :later, '{}', '{}');

-- Tenants, service names and names are labels as all others.
SELECT service FROM (SELECT jsonb_array_elements_text(jsonb_agg(l -> 'service_name')) AS service
	FROM pyro.label_sets('profiles', :noon, :later, '{tenant="bolt"}', '{service_name}') l) s;
SELECT array_agg(v) FROM pyro.label_values('profiles', 'tenant', :noon, :later, '{tenant=~"a.*"}') v;
SELECT array_agg(v) FROM pyro.label_values('profiles', 'service_name', :noon, :later, '{tenant!="acme"}') v;
SELECT array_agg(v) FROM pyro.label_values('profiles', 'service_name', :noon, :later, '{tenant=""}') v;

-- How much: the flame graph is the sum of the rows, time half open.
SELECT flamegraph_folded(pyro.flamegraph('profiles', :cpu, '{service_name="checkout"}', :noon, :later));
SELECT flamegraph_total(pyro.flamegraph('profiles', :cpu, '{service_name="checkout"}', :noon, timestamptz :noon + interval '3 minutes')) AS three,
	(SELECT sum(profile_total(profile)) FROM profiles WHERE service = 'checkout' AND name = 'process_cpu' AND ts < timestamptz :noon + interval '3 minutes') AS same;
SELECT flamegraph_total(pyro.flamegraph('profiles', type, '{service_name="shop"}', :noon, :later)), type
FROM unnest('{process_cpu:cpu:nanoseconds:cpu:nanoseconds,process_cpu:samples:count:cpu:nanoseconds,process_cpu:cpu:nanoseconds,process_cpu:cpu:nanoseconds::,process_cpu:cpu:count:cpu:nanoseconds,shop:cpu:nanoseconds:cpu:nanoseconds}'::text[]) type;
SELECT flamegraph_total(pyro.flamegraph('profiles', 'process_cpu:cpu:nanoseconds', '{service_name="shop"}', :noon, :later)) = 8480000000 + 3130000000 AS as_counted;
-- Matchers of the type are asked of the type in question.
SELECT s AS selector, flamegraph_total(pyro.flamegraph('profiles', 'memory:inuse_space:bytes:space:bytes', s, :noon, :later))
FROM unnest(ARRAY['{}', '{__type__="inuse_space"}', '{__type__="alloc_space"}', '{__profile_type__="memory:inuse_space:bytes:space:bytes"}',
	'{__name__="memory",__unit__!="count"}', '{__name__="process_cpu"}', '{__period_unit__=~"b.*",tenant="acme"}']) s;

-- The mean of an instant type, for each series, then the sum over series: 4 + 8
-- waiting, and leaks of 0, 2, 4, 6, 8 in each second of ten profiles.
SELECT flamegraph_folded(pyro.flamegraph('profiles', :goroutine, '{service_name="checkout"}', :noon, :later));
SELECT flamegraph_total(pyro.flamegraph('profiles', :goroutine, '{pod="checkout-2"}', :noon, :later));
SELECT bucket, labels, value FROM pyro.series('profiles', :goroutine, '{}', :noon, :later, '5 minutes', '{service_name}');
SELECT bucket, labels, value FROM pyro.series('profiles', :goroutine, '{}', :noon, :later, '5 minutes', '{pod,tenant,missing,__type__,__name__}');
SELECT bucket, labels, value FROM pyro.series('profiles', :cpu, '{}', :noon, :later, '5 minutes');
SELECT bucket, value FROM pyro.series('profiles', 'process_cpu:cpu:nanoseconds', '{service_name=~"shop|cart"}', timestamptz :noon - interval '1 minute', :later, '5 minutes');
SELECT type, pyro.type_is_instant(type) FROM unnest('{goroutine:goroutine:count:goroutine:count,goroutines:goroutine:count:goroutine:count,memory:inuse_space:bytes:space:bytes,heap:inuse_objects:count:cpu:nanoseconds,memory:live:count:objects:count,memory:alloc_space:bytes:space:bytes,process_cpu:cpu:nanoseconds:cpu:nanoseconds,mutex:delay:nanoseconds:contentions:count,block:contentions:count:contentions:count}'::text[]) type;

SELECT function, self, total, round(self_pct::numeric, 1) AS self_pct FROM pyro.top('profiles', :cpu, '{service_name="checkout"}', :noon, :later);
SELECT * FROM pyro.diff('profiles', :cpu, '{env="prod"}', :noon, :later, '{env="stage"}', :noon, :later);
SELECT * FROM pyro.diff('profiles', :cpu, '{env="prod"}', :noon, :later, '{env="stage"}', :later, :later, 'none', 2);
SELECT count(*) > 100 AS rows, max(level) > 10 AS deep FROM pyro.diff('profiles', 'process_cpu:cpu:nanoseconds:cpu:nanoseconds',
	'{service_name="shop",version="before"}', :noon, :later, '{service_name="shop",version="after"}', :noon, :later, 'total');
SELECT profile_total(pyro.merge('profiles', :cpu, '{service_name="checkout"}', :noon, :later)),
	profile_sample_types(pyro.merge('profiles', 'memory:alloc_space:bytes:space:bytes', '{}', :noon, :later));

-- A merge of an instant type is the mean of each series, too; and so it is in
-- all of the profile's types, of which only the one asked for means something.
SELECT flamegraph_folded(flamegraph(pyro.merge('profiles', :goroutine, '{service_name="checkout"}', :noon, :later), 'goroutine'));
SELECT profile_total(m, 'inuse_space') AS inuse_space, profile_sample_types(m) FROM pyro.merge('profiles', 'memory:inuse_space:bytes', '{}', :noon, :later) m;

-- One function.
SELECT * FROM pyro.function_series('profiles', :cpu, '{service_name="checkout"}', 'pay', :noon, :later, '5 minutes');
SELECT * FROM pyro.function_series('profiles', :cpu, '{service_name="checkout"}', 'main', :noon, :later, '5 minutes');
SELECT bucket, self, total, round(share::numeric, 6) AS share FROM pyro.function_series('profiles', :goroutine, '{service_name="checkout"}', 'leak', :noon, :later, '5 minutes');
SELECT * FROM pyro.function_series('profiles', :goroutine, '{service_name="checkout"}', 'no such', :noon, :later, '1 hour');
SELECT * FROM pyro.services_calling('profiles', 'pay', :noon, :later);
SELECT * FROM pyro.services_calling('profiles', 'leak', :noon, :later);
SELECT * FROM pyro.services_calling('profiles', 'no such', :noon, :later);
SELECT service, name, sample_type, total = (SELECT f.total FROM (SELECT flamegraph(profile) AS tree FROM profiles WHERE service = 'heap') g,
	flamegraph_top(tree) f WHERE f.function = 'main.main') AS as_in_its_top
FROM pyro.services_calling('profiles', 'main.main', :noon, :later);

-- Nothing there: an empty tree, no rows.
SELECT flamegraph_total(pyro.flamegraph('profiles', :cpu, '{}', :later, :later)), pyro.merge('profiles', :cpu, '{}', :later, :later);
SELECT * FROM flamegraph_frames(pyro.flamegraph('profiles', :goroutine, '{service_name="no such"}', :noon, :later));
SELECT * FROM pyro.series('profiles', :cpu, '{}', :later, :noon, '1 minute');
SELECT * FROM pyro.top('profiles', :cpu, '{service_name="a",service_name="b"}', :noon, :later);
SELECT pyro.flamegraph('profiles', :cpu, NULL, :noon, :later), pyro.flamegraph('profiles', :cpu, '{}', NULL, :later);
SELECT * FROM pyro.series('profiles', :cpu, '{}', :noon, :later, NULL);

-- What is wrong is said, also where the table is empty.
CREATE TABLE nothing (LIKE profiles);
SELECT q AS query, build.error(q) FROM unnest(ARRAY[
	$$SELECT pyro.flamegraph('nothing', 'cpu', '{}', now(), now())$$,
	$$SELECT pyro.flamegraph('nothing', 'a:b:c:d', '{}', now(), now())$$,
	$$SELECT pyro.flamegraph('nothing', 'a:b:c:d:e:f', '{}', now(), now())$$,
	$$SELECT pyro.flamegraph('nothing', 'a:b:c', '{x}', now(), now())$$,
	$$SELECT * FROM pyro.label_names('nothing', now(), now(), '{x=~"("}')$$,
	$$SELECT * FROM pyro.series('profiles', 'process_cpu:cpu:nanoseconds', '{}', '2024-05-01', '2024-05-02', '0 s')$$,
	$$SELECT * FROM pyro.series('profiles', 'process_cpu:cpu:nanoseconds', '{}', '2024-05-01', '2024-05-02', '1 month')$$,
	$$SELECT * FROM pyro.services('pg_class', now(), now())$$,
	$$SELECT * FROM pyro.services('no_such', now(), now())$$,
	$$SELECT * FROM pyro.services(12345678, now(), now())$$,
	$$SELECT * FROM pyro.diff('profiles', 'process_cpu:cpu:nanoseconds', '{}', now(), now(), '{}', now(), now(), 'some')$$]) q;

-- ---- tables of all kinds ----

-- Without tenant, a view, partitions, a name that must be quoted; the same
-- answers from all.
CREATE TABLE "My ""profiles""" (profile profile, labels jsonb, name varchar(20), service varchar(20), ts timestamptz);
INSERT INTO "My ""profiles""" SELECT profile, labels, name, service, ts FROM profiles;
CREATE VIEW seen AS SELECT * FROM profiles;
CALL pyro.create_profiles_table('asked.parted', partition_by => '1 day');
INSERT INTO parted SELECT * FROM profiles;
SELECT count(*) AS partitions, count(*) FILTER (WHERE r.relid = 'parted_default'::regclass) AS default_one FROM pg_partition_tree('parted') r WHERE isleaf;
CREATE TEMP TABLE passing AS SELECT * FROM profiles;
SELECT t, count(DISTINCT s) AS services, flamegraph_total(pyro.flamegraph(t, :goroutine, '{}', :noon, :later)) AS goroutines,
	flamegraph_total(pyro.flamegraph(t, :cpu, '{tenant="bolt"}', :noon, :later)) AS bolt,
	flamegraph_total(pyro.flamegraph(t, :cpu, '{tenant=""}', :noon, :later)) AS without
FROM unnest(ARRAY['profiles', '"My ""profiles"""', 'seen', 'parted', 'passing']::regclass[]) t,
	LATERAL pyro.services(t, :noon, :later) s GROUP BY t;
SELECT array_agg(v) FROM pyro.label_names('"My ""profiles"""', :noon, :later) v;
SELECT * FROM pyro.services_calling('"My ""profiles"""', 'leak', :noon, :later);
UPDATE "My ""profiles""" SET labels = NULL;
SELECT * FROM pyro.services_calling('"My ""profiles"""', 'leak', :noon, :later);
SELECT value FROM pyro.series('"My ""profiles"""', :goroutine, '{pod=""}', :noon, :later, '1 hour');
SELECT count(*) FROM pyro.label_names('"My ""profiles"""', :noon, :later);

-- Plain comparisons reach the index.
SELECT format('PREPARE asking (timestamptz, timestamptz, text, text[], text[]) AS SELECT 1 FROM profiles AS p WHERE %s', condition)
FROM pyro.selection('profiles', NULL, '{service_name=~"checkout|cart",service_name!="cart",__name__="goroutine",pod=~"a.*"}') \gexec
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) EXECUTE asking('2024-05-01', '2024-05-02', '{pod=~"a.*"}', '{checkout}', '{goroutine}');
RESET enable_seqscan;
RESET enable_bitmapscan;
DEALLOCATE asking;
SELECT condition, rest, services, names, tenants, types
FROM pyro.selection('profiles', 'memory:inuse_space:bytes', '{service_name="a",tenant=~"b|c",tenant!="c",__name__=~"m.*",env="x",__type__="y"}');

-- ---- rights ----

CREATE ROLE regress_pyro_pay;
CREATE ROLE regress_pyro_cart;
GRANT USAGE ON SCHEMA asked, build TO regress_pyro_pay, regress_pyro_cart;
GRANT SELECT ON profiles TO regress_pyro_pay, regress_pyro_cart;
ALTER TABLE profiles ENABLE ROW LEVEL SECURITY;
CREATE POLICY checkout ON profiles TO regress_pyro_pay USING (service = 'checkout');
CREATE POLICY cart ON profiles TO regress_pyro_cart USING (tenant = 'bolt');
SET ROLE regress_pyro_pay;
SELECT service, profiles FROM pyro.services('profiles', :noon, :later);
SELECT flamegraph_total(pyro.flamegraph('profiles', :cpu, '{}', :noon, :later)),
	flamegraph_total(pyro.flamegraph('profiles', :cpu, '{service_name="cart"}', :noon, :later));
SET ROLE regress_pyro_cart;
SELECT service, profiles FROM pyro.services('profiles', :noon, :later);
SELECT service, total FROM pyro.services_calling('profiles', 'pay', :noon, :later);
SELECT value FROM pyro.series('profiles', :cpu, '{}', :noon, :later, '1 hour');
SELECT count(*) FROM pyro.label_values('profiles', 'pod', :noon, :later);
SELECT build.error($$SELECT * FROM pyro.services('asked.nothing', now(), now())$$);
RESET ROLE;
ALTER TABLE profiles DISABLE ROW LEVEL SECURITY;

-- What stands before pg_catalog and ours in the search path is not called.
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.caught() RETURNS bool LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'called'; END$$;
CREATE FUNCTION hostile.compare(timestamptz, timestamptz) RETURNS bool LANGUAGE sql RETURN hostile.caught();
CREATE FUNCTION hostile.compare(text, text) RETURNS bool LANGUAGE sql RETURN hostile.caught();
CREATE FUNCTION hostile.compare(interval, interval) RETURNS bool LANGUAGE sql RETURN hostile.caught();
CREATE FUNCTION hostile.compare(int, int) RETURNS bool LANGUAGE sql RETURN hostile.caught();
CREATE OPERATOR hostile.>= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = hostile.compare);
CREATE OPERATOR hostile.< (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = hostile.compare);
CREATE OPERATOR hostile.< (LEFTARG = interval, RIGHTARG = interval, FUNCTION = hostile.compare);
CREATE OPERATOR hostile.<= (LEFTARG = interval, RIGHTARG = interval, FUNCTION = hostile.compare);
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.compare);
CREATE OPERATOR hostile.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.compare);
CREATE OPERATOR hostile.= (LEFTARG = int, RIGHTARG = int, FUNCTION = hostile.compare);
CREATE OPERATOR hostile.> (LEFTARG = int, RIGHTARG = int, FUNCTION = hostile.compare);
CREATE FUNCTION hostile.replace(text, text, text) RETURNS text LANGUAGE sql RETURN hostile.caught()::text;
CREATE FUNCTION hostile.split_part(text, text, int) RETURNS text LANGUAGE sql RETURN hostile.caught()::text;
CREATE FUNCTION hostile.cardinality(anyarray) RETURNS int LANGUAGE sql AS 'SELECT hostile.caught()::int';
CREATE FUNCTION hostile.concat(VARIADIC text[]) RETURNS text LANGUAGE sql RETURN hostile.caught()::text;
CREATE FUNCTION hostile.quote_ident(text) RETURNS text LANGUAGE sql RETURN hostile.caught()::text;
CREATE FUNCTION hostile.parse_ident(text) RETURNS text[] LANGUAGE sql RETURN hostile.caught()::text::text[];
CREATE FUNCTION hostile.flamegraph_top(flamegraph) RETURNS SETOF text LANGUAGE sql RETURN hostile.caught()::text;
SET search_path = hostile, pg_catalog, asked, public;
SELECT 'a' = 'b'::text;
SELECT service FROM pyro.services('profiles', :noon, :later);
SELECT flamegraph_total(pyro.flamegraph('profiles', :goroutine, '{service_name="checkout",env=~".+"}', :noon, :later));
SELECT function, total FROM pyro.top('profiles', :cpu, '{service_name=~"cart|x"}', :noon, :later);
SELECT value FROM pyro.series('profiles', :cpu, '{tenant="bolt"}', :noon, :later, '1 hour', '{pod,__type__}');
SELECT total FROM pyro.function_series('profiles', :cpu, '{}', 'pay', :noon, :later, '1 hour');
SELECT count(*) FROM pyro.services_calling('profiles', 'leak', :noon, :later);
SELECT count(*) FROM pyro.profile_types('profiles', :noon, :later, '{__type__=~"c.*"}');
SELECT count(*) FROM pyro.label_values('profiles', '__profile_type__', :noon, :later, '{tenant=~".*"}');
SELECT count(*) FROM pyro.label_names('profiles', :noon, :later);
SELECT count(*) FROM pyro.diff('profiles', :cpu, '{}', :noon, :later, '{}', :noon, :later);
CALL pyro.create_profiles_table('made', partition_by => '1 week');
CALL pyro.create_profiles_table('hostile.made_plain', NULL);
SET search_path = asked, public;
SELECT relnamespace::regnamespace, relname, relkind, obj_description(oid) FROM pg_class WHERE relname IN ('made', 'made_plain') ORDER BY 2;
SET client_min_messages = warning;
DROP SCHEMA hostile CASCADE;
RESET client_min_messages;

-- ---- making tables ----

CALL pyro.create_profiles_table('"Odd ""name"""', retention => '1 month', partition_by => '1 hour');
SELECT count(*) FROM pg_partition_tree('"Odd ""name"""') WHERE isleaf;
INSERT INTO "Odd ""name""" (ts, service, name, profile) SELECT now() + h * interval '1 hour', 's', 'n', 'a 1' FROM generate_series(-9, 9) h;
SELECT tableoid = '"Odd ""name""_default"'::regclass AS default_one, count(*) FROM "Odd ""name""" GROUP BY 1 ORDER BY 1;
SELECT tenant, labels, count(*) FROM "Odd ""name""" GROUP BY 1, 2;
SELECT q AS query, build.error(q) FROM unnest(ARRAY[
	$$CALL pyro.create_profiles_table(NULL)$$,
	$$CALL pyro.create_profiles_table('')$$,
	$$CALL pyro.create_profiles_table('a.b.c')$$,
	$$CALL pyro.create_profiles_table('profiles')$$,
	$$CALL pyro.create_profiles_table('no_such.profiles')$$,
	$$CALL pyro.create_profiles_table('x; DROP TABLE profiles')$$,
	$$CALL pyro.create_profiles_table('x', retention => '-1 day')$$,
	$$CALL pyro.create_profiles_table('x', partition_by => '1 month')$$,
	$$CALL pyro.create_profiles_table('x', partition_by => '1 minute')$$,
	format('CALL pyro.create_profiles_table(%L, partition_by => %L)', repeat('x', 60), '1 day')]) q;

-- Bounds are midnights of UTC whatever the session's settings: read as they
-- are shown, times of some zones mean others (IST).
SET timezone = 'Asia/Kolkata';
SET datestyle = 'SQL, DMY';
CALL pyro.create_profiles_table('daily', partition_by => '1 day');
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT count(*) AS bounds, count(*) FILTER (WHERE pg_get_expr(c.relpartbound, c.oid) ~ 'FROM \(''[^'']* 00:00:00\+00''\)') AS midnights
FROM pg_class c JOIN pg_inherits ON inhrelid = c.oid WHERE inhparent = 'daily'::regclass AND c.relname !~ 'default';

-- ---- frames without symbols, means and their durations, odd columns ----

CREATE TABLE odd (ts timestamp, service varchar, name text, labels json, profile public.profile, tenant int, sample_type text);
INSERT INTO odd SELECT '2024-05-01 12:00', 'bare', 'process_cpu', labels::json, (build.strings('cpu', 'nanoseconds', '/lib/libc.so') || build.sample_type(1, 2) ||
	build.mapping(1, 1, 2, 3) || build.location(1, '', 1, 1) || build.location(2, '', 9) || build.sample('{1}', '{12}') || build.sample('{2}', '{5}'))::public.profile,
	7, 'x' FROM unnest(ARRAY[NULL, '{"a": "b"}', '[1]', '5']) labels;
SELECT top.function, top.total, s.total AS series_total, c.total AS calling_total
FROM pyro.top('odd', 'process_cpu:cpu:nanoseconds', '{}', '2024-05-01', '2024-05-02') top
	LEFT JOIN LATERAL pyro.function_series('odd', 'process_cpu:cpu:nanoseconds', '{}', top.function, '2024-05-01', '2024-05-02', '1 day') s ON true
	LEFT JOIN LATERAL pyro.services_calling('odd', top.function, '2024-05-01', '2024-05-02') c ON true ORDER BY 1;
SELECT * FROM pyro.services('odd', '2024-05-01', '2024-05-02');
SELECT * FROM pyro.label_names('odd', '2024-05-01', '2024-05-02') WHERE label_names !~ '^__';
SELECT selector, (SELECT sum(value) FROM pyro.series('odd', 'process_cpu:cpu:nanoseconds', selector, '2024-05-01', '2024-05-02', '1 day', '{tenant,a}')) AS total,
	   (SELECT jsonb_agg(labels ORDER BY labels::text) FROM pyro.series('odd', 'process_cpu:cpu:nanoseconds', selector, '2024-05-01', '2024-05-02', '1 day', '{tenant,a}')) AS labels
FROM unnest(ARRAY['{}', '{tenant="7"}', '{tenant=~"7|8"}', '{tenant=~"7.*"}', '{a="b"}', '{a=""}']) selector;
SELECT count(*) FROM pyro.label_sets('odd', '2024-05-01', '2024-05-02', '{}', '{__profile_type__,tenant}');
-- a mean has the mean duration, so that comparing by time compares means
CREATE TABLE parked AS
SELECT timestamptz '2024-05-01 00:00+00' + i * interval '1 hour' + CASE WHEN i > 10 THEN interval '1 day' ELSE '0' END AS ts, 'api'::text AS service, 'goroutine'::text AS name, '{}'::jsonb AS labels,
	(build.strings('goroutine', 'count', 'main') || build.sample_type(1, 2) || build.function(1, 3) || build.location(1, build.line(1)) ||
	 build.sample('{1}', '{6}') || build.number(10, 10000000000))::public.profile AS profile FROM generate_series(1, 12) i;
SELECT label, value, "valueRight" FROM pyro.diff('parked', 'goroutine:goroutine:count', '{}', '2024-05-01', '2024-05-02', '{}', '2024-05-02', '2024-05-03', 'time');
SELECT flamegraph_duration(flamegraph_avg(profile, 'goroutine')), flamegraph_profiles(flamegraph_avg(profile, 'goroutine')) FROM parked;

-- a range without a beginning has buckets from 1970 on; a wrong step is an
-- error whether there are rows or not
SELECT bucket, value FROM pyro.series('parked', 'goroutine:goroutine:count', '{}', '-infinity', 'infinity', '1 day');
SELECT bucket, total FROM pyro.function_series('parked', 'goroutine:goroutine:count', '{}', 'main', '-infinity', '2024-05-02', '1 week');
SELECT step, build.error(format('SELECT * FROM pyro.series(''parked'', ''a:b:c'', ''{}'', now(), now(), %L)', step)) AS series,
	build.error(format('SELECT * FROM pyro.function_series(''parked'', ''a:b:c'', ''{}'', ''f'', now(), now(), %L)', step)) = build.error(format('SELECT * FROM pyro.series(''parked'', ''a:b:c'', ''{}'', now(), now(), %L)', step)) AS same
FROM unnest('{0,-1 hour,1 month,1 year}'::text[]) step;

-- ---- selectors that would cost too much ----

SELECT build.error(format('SELECT pyro.matches(''a'', ''b'', ''{}'', %L)', '{' || string_agg(format('x%s!="1"', i), ',') || '}')) AS matchers FROM generate_series(1, 101) i;
SELECT build.error(format('SELECT pyro.matches(''a'', ''b'', ''{}'', %L)', '{' || string_agg(format('x!~"%s.*y"', i), ',') || '}')) AS expressions FROM generate_series(1, 31) i;
SELECT pyro.matches('a', 'b', '{}', '{' || string_agg(format('x!~"%s.*y"', i), ',') || '}') AS thirty FROM generate_series(1, 30) i;
SELECT build.error($$SELECT pyro.matches('a', 'b', '{}', '{x=~"\\x61a.*"}')$$) AS digits, pyro.matches('a', 'b', '{"x": "aa"}', '{x=~"\\x61[a]"}') AS two_digits;
SELECT length(build.error(format('SELECT pyro.matches(''a'', ''b'', ''{}'', %L)', '{x=~"(' || repeat('é', 100000) || '"}'))) < 1000 AS short_message;
SELECT build.error($$SELECT * FROM pyro.series('parked', 'a:b:c', '{x=~"("}', now(), now(), '1 day')$$) AS checked_without_rows;

SET client_min_messages = warning;
DROP SCHEMA asked CASCADE;
RESET client_min_messages;
DROP TABLE passing;
DROP OWNED BY regress_pyro_pay, regress_pyro_cart;
DROP ROLE regress_pyro_pay, regress_pyro_cart;
