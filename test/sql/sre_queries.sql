-- Queries that people who run services ask of their profiles, over a small
-- fleet whose numbers can be said beforehand.  Tables beside the profiles
-- (owners, deploys, spans, prices, ...) are such as a company has.
\getenv abs_srcdir PG_ABS_SRCDIR
SET timezone = 'UTC';
CREATE SCHEMA fleet;
SET search_path = fleet, public;
CALL pyro.create_profiles_table('profiles');
\set now 'timestamptz \'2024-05-08 12:00:00+00\''
\set cpu '\'process_cpu:cpu:nanoseconds\''

-- Ten days, a CPU profile an hour and service.  checkout: version v2 came six
-- hours ago on track canary; since then Marshal takes 300, not 100, of 1000.
INSERT INTO profiles
	SELECT :now - h * interval '1 hour', 'shop', 'checkout', 'process_cpu',
		jsonb_build_object('version', CASE WHEN h <= 6 THEN 'v2' ELSE 'v1' END, 'customer', CASE WHEN h % 2 = 0 THEN 'acme' ELSE 'bolt' END,
			'instance_type', 'm5', 'route', CASE WHEN h % 2 = 0 THEN '/pay' ELSE '/cart' END, 'pod', 'checkout-1'),
		profile_from_folded(format(E'main;http.Serve;pay;encoding/json.Marshal %s\nmain;http.Serve;pay;encoding/json.Marshal;runtime.mallocgc 100\nmain;http.Serve;pay;sync.Mutex.Lock 50\nmain;idle %s',
			CASE WHEN h <= 6 THEN 300 ELSE 100 END, CASE WHEN h <= 6 THEN 550 ELSE 750 END), 'cpu', 'nanoseconds')
	FROM generate_series(1, 240) h;
INSERT INTO profiles
	SELECT :now - h * interval '1 hour', 'shop', 'cart', 'process_cpu', '{"version": "v7", "instance_type": "c5", "pod": "cart-1"}',
		profile_from_folded(E'main;http.Serve;add;sync.Mutex.Lock 30\nmain;gc;sync.Mutex.Lock 10\nmain;http.Serve;add;runtime.mallocgc 60', 'cpu', 'nanoseconds')
	FROM generate_series(1, 240) h;
-- one odd hour: something ran that never ran before or since
INSERT INTO profiles VALUES (:now - interval '150 minutes', 'shop', 'cart', 'process_cpu', '{"version": "v7", "pod": "cart-1"}',
	profile_from_folded('main;http.Serve;retry.storm;dial 5', 'cpu', 'nanoseconds'));
-- two tracks beside each other, with number of samples as values
INSERT INTO profiles
	SELECT :now - m * interval '5 minutes', 'shop', 'search', 'process_cpu', jsonb_build_object('track', track, 'version', 'v3', 'pod', 'search-' || track),
		profile_from_folded(format(E'main;query;rank %s\nmain;query;fetch %s', CASE track WHEN 'canary' THEN 60 ELSE 40 END, CASE track WHEN 'canary' THEN 40 ELSE 60 END), 'samples', 'count')
	FROM generate_series(1, 10) m, unnest('{canary,stable}'::text[]) track;
-- goroutines: ten more each five minutes wait in one place
INSERT INTO profiles
	SELECT :now - m * interval '5 minutes', 'shop', 'cart', 'goroutine', '{"pod": "cart-1"}',
		profile_from_folded(format(E'main;serve;chan.recv %s\nmain;gc 3', 200 - 10 * m), 'goroutine', 'count')
	FROM generate_series(0, 11) m;
-- memory in use: 1 kB more an hour at one place
INSERT INTO profiles
	SELECT :now - h * interval '1 hour', 'shop', 'checkout', 'memory', '{"version": "v1", "pod": "checkout-1"}',
		profile_from_folded(format(E'main;cache.Put %s\nmain;buffers 500', 100000 - 1000 * h), 'inuse_space', 'bytes')
	FROM generate_series(0, 11) h;
-- a real profile whose samples have labels: endpoint, span_id, tenant
\set file :abs_srcdir '/data/go-cpu-labels.pb.gz'
INSERT INTO profiles VALUES (:now - interval '10 minutes', 'shop', 'orders', 'process_cpu', '{"pod": "orders-1"}', pg_read_binary_file(:'file'));

-- What a company has beside its profiles.
CREATE TABLE service_owners AS SELECT * FROM (VALUES ('checkout', 'pay'), ('cart', 'shop'), ('search', 'find'), ('orders', 'pay')) v (service, team);
CREATE TABLE deploys AS SELECT 1 AS id, 'checkout' AS service, 'v2' AS version, :now - interval '6 hours' AS at;
CREATE TABLE billing AS SELECT * FROM (VALUES ('acme', date '2024-05-01', 100.0), ('bolt', date '2024-05-01', 10.0), ('none', date '2024-05-01', 0.0)) v (customer, month, revenue_usd);
CREATE TABLE node_prices AS SELECT * FROM (VALUES ('m5', 0.048), ('c5', 0.040)) v (instance_type, usd_per_core_hour);
CREATE TABLE requests_1m AS SELECT route, version, :now - h * interval '1 hour' AS minute, 'checkout' AS service, n
	FROM (VALUES ('/pay', 'v1', 20), ('/cart', 'v1', 20), ('/pay', 'v2', 10), ('/cart', 'v2', 10)) v (route, version, n), generate_series(1, 24) h
	WHERE (version = 'v2') = (h <= 6) AND (route = '/pay') = (h % 2 = 0);
CREATE TABLE vulnerable_functions AS SELECT 'CVE-2024-0001' AS cve, 'encoding/json.Marshal' AS function UNION ALL SELECT 'CVE-2024-0002', 'never.called';
CREATE TABLE commit_lines AS SELECT 'c0ffee' AS sha, 'ada' AS author, 'orders' AS service, 'shop/orders_before.go' AS file, 1 AS line_from, 100000 AS line_to;
CREATE TABLE alerts (rule text, detail jsonb);

-- The hourly roll-up by function; what 1, 2, 8, 14, 15 and 16 read.
CREATE TABLE functions_1h AS
	SELECT g.service, g.bucket, :cpu::text AS type, f.function, f.self, f.total
	FROM (SELECT service, date_trunc('hour', ts) AS bucket, flamegraph(profile, 'cpu') AS tree FROM profiles
		  WHERE pyro.has_type(name, profile, :cpu) AND service IN ('checkout', 'cart') GROUP BY 1, 2) g, flamegraph_top(g.tree) f;

\echo 1. top functions by team, this week against the same part of last week
WITH w AS (SELECT date_trunc('week', :now) AS w0, :now - date_trunc('week', :now) AS elapsed)
SELECT o.team, f.function, sum(f.self) FILTER (WHERE f.bucket >= w0) AS now, sum(f.self) FILTER (WHERE f.bucket < w0) AS last,
	round(100.0 * sum(f.self) FILTER (WHERE f.bucket >= w0) / nullif(sum(f.self) FILTER (WHERE f.bucket < w0), 0) - 100, 1) AS change_pct,
	rank() OVER (PARTITION BY o.team ORDER BY sum(f.self) FILTER (WHERE f.bucket >= w0) DESC NULLS LAST) AS rnk
FROM w, functions_1h f JOIN service_owners o USING (service)
WHERE f.type = :cpu AND f.self > 0
	AND (f.bucket >= w0 OR (f.bucket >= w0 - interval '7 days' AND f.bucket < w0 - interval '7 days' + elapsed))
GROUP BY o.team, f.function ORDER BY o.team, rnk, f.function;

\echo 2. functions that got worse after each deploy, share of the service, 4 hours either side
WITH win AS (
	SELECT d.id, d.service, d.version, f.function, f.bucket >= d.at AS after, sum(f.self) AS self
	FROM deploys d JOIN functions_1h f ON f.service = d.service AND f.bucket >= d.at - interval '4 hours' AND f.bucket < d.at + interval '4 hours'
	WHERE d.at > :now - interval '1 day' AND f.type = :cpu GROUP BY 1, 2, 3, 4, 5),
share AS (SELECT *, self / sum(self) OVER (PARTITION BY id, after) AS s FROM win)
SELECT id AS deploy, service, version, function, round(100 * coalesce(max(s) FILTER (WHERE NOT after), 0), 2) AS pct_before,
	round(100 * coalesce(max(s) FILTER (WHERE after), 0), 2) AS pct_after
FROM share GROUP BY 1, 2, 3, 4
HAVING coalesce(max(s) FILTER (WHERE after), 0) - coalesce(max(s) FILTER (WHERE NOT after), 0) > 0.005
ORDER BY coalesce(max(s) FILTER (WHERE after), 0) - coalesce(max(s) FILTER (WHERE NOT after), 0) DESC, function;

\echo 3. which services and versions call a function, what they spend below it, and when last seen
SELECT service, labels ->> 'version' AS version, sum(f.total) AS cpu_ns, max(ts) AS last_seen
FROM (SELECT service, labels, ts, profile FROM profiles
	  WHERE profile @> 'encoding/json.Marshal' AND pyro.has_type(name, profile, :cpu) AND ts > :now - interval '7 days') p,
	LATERAL (SELECT flamegraph(v.profile, 'cpu') AS tree FROM (VALUES (p.profile)) v (profile)) g, LATERAL flamegraph_top(g.tree) f
WHERE f.function = 'encoding/json.Marshal' GROUP BY 1, 2 ORDER BY cpu_ns DESC, version;
SELECT service, name, total, last FROM pyro.services_calling('profiles', 'sync.Mutex.Lock', :now - interval '1 day', :now);

\echo 4. CPU cost per customer against what the customer pays
SELECT b.customer, b.revenue_usd, round(sum(profile_total(s.profile, 'cpu')) / 3.6e12 * max(p.usd_per_core_hour) * 1e9, 6) AS cpu_nano_usd,
	round(100 * sum(profile_total(s.profile, 'cpu')) / 3.6e12 * max(p.usd_per_core_hour) * 1e9 / nullif(b.revenue_usd, 0), 6) AS nano_pct_of_revenue
FROM billing b LEFT JOIN profiles s ON b.customer = s.labels ->> 'customer' AND b.month = date_trunc('month', s.ts)::date AND pyro.has_type(s.name, s.profile, :cpu)
	LEFT JOIN node_prices p ON p.instance_type = s.labels ->> 'instance_type'
GROUP BY b.customer, b.revenue_usd ORDER BY cpu_nano_usd DESC NULLS LAST;

\echo 5. flame graph of only the requests slower than the p99 of their route
CREATE TABLE spans AS
	SELECT DISTINCT 'orders' AS service, s.labels ->> 'span_id' AS span_id, s.labels ->> 'endpoint' AS route,
		dense_rank() OVER (ORDER BY s.labels ->> 'span_id') AS duration_ms, :now - interval '10 minutes' AS started_at
	FROM profiles p, profile_samples(p.profile) s WHERE p.service = 'orders' AND s.labels ? 'span_id';
WITH lim AS (SELECT route, percentile_cont(0.99) WITHIN GROUP (ORDER BY duration_ms) AS p99 FROM spans
			 WHERE service = 'orders' AND started_at > :now - interval '6 hours' GROUP BY route),
slow AS (SELECT array_agg(span_id) AS ids FROM spans JOIN lim USING (route)
		 WHERE service = 'orders' AND started_at > :now - interval '6 hours' AND duration_ms >= p99),
q AS (SELECT flamegraph(profile_filter_labels(profile, 'span_id', ids), 'cpu') AS f, max(cardinality(ids)) AS spans FROM profiles, slow
	  WHERE service = 'orders' AND pyro.has_type(name, profile, :cpu) AND ts > :now - interval '6 hours')
SELECT r.level, r.label, r.value, r.self, q.spans, (SELECT sum(s.value) FROM slow, profiles p, profile_samples(p.profile, 'cpu') s
	WHERE p.service = 'orders' AND s.labels ->> 'span_id' = ANY (ids)) AS by_samples
FROM q, flamegraph_frames(q.f, max_nodes => 2000) r ORDER BY r.ord LIMIT 3;

\echo 6. goroutine leaks: stacks whose count climbs in a straight line inside one process
SELECT service, pod, array_to_string(stack, ';') AS parked_in, count(*) AS points,
	regr_slope(n, extract(epoch FROM b)) * 3600 AS goroutines_per_hour, round(regr_r2(n, extract(epoch FROM b))::numeric, 6) AS r2
FROM (SELECT p.service, p.labels ->> 'pod' AS pod, s.stack, date_bin('5 min', p.ts, 'epoch') AS b, avg(s.value)::float8 AS n
	  FROM profiles p, profile_samples(p.profile, 'goroutine') s
	  WHERE p.name = 'goroutine' AND p.ts > :now - interval '6 hours' GROUP BY 1, 2, 3, 4) x
GROUP BY service, pod, stack
HAVING count(*) >= 3 AND regr_slope(n, extract(epoch FROM b)) > 0 AND regr_r2(n, extract(epoch FROM b)) > 0.9
ORDER BY goroutines_per_hour DESC LIMIT 20;

\echo 7. differential flame graph, the last hour against the same hour yesterday, scaled to equal totals
SELECT level, label, value, self, "valueRight", "selfRight"
FROM pyro.diff('profiles', :cpu, '{service_name="checkout"}', :now - interval '25 hours', :now - interval '24 hours',
	'{service_name="checkout"}', :now - interval '1 hour', :now, 'total') ORDER BY ord;

\echo 8. one function as a time series, in percent of the service, by version
SELECT date_bin('4 hours', f.bucket, :now) AS time, r.labels ->> 'version' AS version,
	round(100.0 * sum(f.total) FILTER (WHERE f.function = 'encoding/json.Marshal') / nullif(sum(f.self), 0), 1) AS pct
FROM functions_1h f JOIN profiles r ON r.service = f.service AND date_trunc('hour', r.ts) = f.bucket AND r.name = 'process_cpu'
WHERE f.service = 'checkout' AND f.type = :cpu AND f.bucket >= :now - interval '12 hours' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT bucket, round(100 * share::numeric, 1) AS pct FROM pyro.function_series('profiles', :cpu, '{service_name="checkout"}', 'encoding/json.Marshal',
	:now - interval '12 hours', :now, '6 hours');

\echo 9 and 10. who calls the lock, with shares; and what is below a handler
WITH q AS (SELECT flamegraph(profile, 'cpu') AS tree FROM profiles
	WHERE service = 'cart' AND name = 'process_cpu' AND ts > :now - interval '1 day')
SELECT 'caller' AS side, c.label AS fn, c.value, round((100.0 * c.value / flamegraph_total(callers))::numeric, 1) AS pct
FROM q, flamegraph_callers(tree, 'sync.Mutex.Lock') AS callers, flamegraph_frames(callers) c WHERE c.level = 2
UNION ALL
SELECT 'callee', c.label, c.value, round((100.0 * c.value / flamegraph_total(callees))::numeric, 1)
FROM q, flamegraph_callees(tree, 'http.Serve') AS callees, flamegraph_frames(callees) c WHERE c.level = 2
ORDER BY 1, 3 DESC, 2;

\echo 11. canary against stable with a two-proportion z score
WITH g AS (SELECT labels ->> 'track' AS track, flamegraph(profile, 'samples') AS tree FROM profiles
		   WHERE service = 'search' AND ts > :now - interval '1 day' GROUP BY 1),
h AS (SELECT g.track, f.function AS fn, f.total::float8 AS h, flamegraph_total(g.tree)::float8 AS n FROM g, flamegraph_top(g.tree) f),
p AS (SELECT fn, max(h) FILTER (WHERE track = 'canary') AS hc, max(n) FILTER (WHERE track = 'canary') AS nc,
			 max(h) FILTER (WHERE track = 'stable') AS hs, max(n) FILTER (WHERE track = 'stable') AS ns FROM h GROUP BY fn)
SELECT fn, hc / nc AS canary, hs / ns AS stable,
	round(((hc / nc - hs / ns) / nullif(sqrt(((hc + hs) / (nc + ns)) * (1 - (hc + hs) / (nc + ns)) * (1 / nc + 1 / ns)), 0))::numeric, 3) AS z
FROM p WHERE hc IS NOT NULL AND hs IS NOT NULL ORDER BY z DESC NULLS LAST, fn;

\echo 12. CPU nanoseconds per request by route: more traffic, or slower code
SELECT r.route, r.version, round(c.cpu_ns / r.n, 2) AS ns_per_request
FROM (SELECT route, version, sum(n) AS n FROM requests_1m WHERE minute >= :now - interval '1 day' AND service = 'checkout' GROUP BY 1, 2) r
	JOIN (SELECT labels ->> 'route' AS route, labels ->> 'version' AS version, sum(profile_total(profile, 'cpu')) AS cpu_ns FROM profiles
		  WHERE service = 'checkout' AND pyro.has_type(name, profile, :cpu) AND ts >= :now - interval '1 day' GROUP BY 1, 2) c USING (route, version)
ORDER BY 1, 2;

\echo 13. which running services really execute a vulnerable function
SELECT v.cve, s.service, s.labels ->> 'version' AS version, count(DISTINCT s.labels ->> 'pod') AS pods, max(s.ts) AS last_executed
FROM vulnerable_functions v JOIN profiles s ON s.profile @> v.function
WHERE s.ts > :now - interval '30 days' GROUP BY 1, 2, 3 ORDER BY 1, pods DESC, version;

\echo 14. the tax of each package over the fleet in dollars a month
SELECT regexp_replace(f.function, '^((?:[^/]*/)*[^./]*)\..*$', '\1') AS package, count(DISTINCT service) AS services,
	round(sum(f.self) / 3.6e12 * 0.048 * 720 / 24 * 1e9, 3) AS nano_usd_per_month
FROM functions_1h f WHERE f.type = :cpu AND f.bucket > :now - interval '1 day' AND f.self > 0
GROUP BY 1 ORDER BY 3 DESC, 1;

\echo 15. alert rule: a function leaves its own 7-day band
INSERT INTO alerts (rule, detail)
SELECT 'function_cpu_band', jsonb_build_object('service', service, 'function', function, 'share', round(cur, 3), 'mean', round(mu, 3))
FROM (SELECT service, function,
		avg(share) FILTER (WHERE bucket < :now - interval '6 hours') AS mu,
		stddev_samp(share) FILTER (WHERE bucket < :now - interval '6 hours') AS sd,
		max(share) FILTER (WHERE bucket >= :now - interval '6 hours') AS cur
	  FROM (SELECT service, function, bucket, self / sum(self) OVER (PARTITION BY service, bucket) AS share
			FROM functions_1h WHERE type = :cpu AND bucket > :now - interval '7 days') a GROUP BY 1, 2) b
WHERE cur > mu + 3 * sd AND cur > 0.01;
SELECT * FROM alerts ORDER BY detail::text;

\echo 16. when did it start: the strongest single step of each function
WITH t AS (SELECT service, function, bucket, self / sum(self) OVER (PARTITION BY service, bucket) AS y
		   FROM functions_1h WHERE type = :cpu AND service = 'checkout' AND bucket > :now - interval '3 days'),
c AS (SELECT *, avg(y) OVER b AS before, avg(y) OVER a AS after, count(*) OVER b AS nb, count(*) OVER a AS na
	  FROM t WINDOW b AS (PARTITION BY service, function ORDER BY bucket ROWS BETWEEN 24 PRECEDING AND 1 PRECEDING),
					a AS (PARTITION BY service, function ORDER BY bucket ROWS BETWEEN CURRENT ROW AND 23 FOLLOWING)),
d AS (SELECT DISTINCT ON (service, function) service, function, bucket AS started_at, before, after
	  FROM c WHERE nb >= 6 AND na >= 3 ORDER BY service, function, abs(after - before) DESC)
SELECT service, function, started_at, round(before, 3) AS before, round(after, 3) AS after FROM d
WHERE abs(after - before) > 0.01 ORDER BY function;

\echo 17. heat map: CPU by hour and five minutes
SELECT date_trunc('hour', ts) AS hour, extract(minute FROM ts)::int / 5 * 5 AS minute, sum(profile_total(profile, 'samples')) AS samples
FROM profiles WHERE service = 'search' AND name = 'process_cpu' AND ts > :now - interval '1 hour' GROUP BY 1, 2 ORDER BY 1, 2;

\echo 18. whose commit got hot: lines of a commit joined with lines of the profile
SELECT c.sha, c.author, regexp_replace(l.file, '^.*/', '') AS file, l.line, round(sum(l.self) / 1e9, 2) AS cpu_s, round(sum(l.total) / 1e9, 2) AS total_s
FROM (SELECT service, profile_merge(profile) AS profile FROM profiles WHERE service = 'orders' GROUP BY service) p,
	profile_source(p.profile, '^main\.', 'cpu') l JOIN commit_lines c ON c.file = l.file AND l.line BETWEEN c.line_from AND c.line_to
WHERE c.service = p.service GROUP BY 1, 2, 3, 4 ORDER BY total_s DESC, line LIMIT 5;

\echo 19. one flame graph with a label as the root, without the idle noise, then as a table
SELECT t.function, t.self, t.total
FROM (SELECT flamegraph_ignore(flamegraph_merge(flamegraph_prefix(r.tree, r.route)), 'Mutex|idle') AS tree
	  FROM (SELECT labels->>'route' AS route, flamegraph(profile, 'cpu') AS tree FROM profiles
			WHERE service = 'checkout' AND name = 'process_cpu' AND ts > :now - interval '1 day' GROUP BY 1) r) q, flamegraph_top(q.tree) t
ORDER BY t.self DESC, t.function LIMIT 10;

\echo 20. a merged production profile for any pprof tool, one per service
SELECT service, profile_total(merged, 'cpu') AS total, profile_from_pprof(profile_to_pprof(merged)) = merged AS round_trip
FROM (SELECT service, profile_merge(profile) AS merged FROM profiles WHERE name = 'process_cpu' AND service IN ('checkout', 'cart') GROUP BY service) m ORDER BY 1;

\echo 21. memory growth by allocation site, per version
SELECT service, p.labels ->> 'version' AS version, stack[cardinality(stack)] AS site,
	regr_slope(value, extract(epoch FROM ts)) * 3600 AS bytes_per_hour, regr_r2(value, extract(epoch FROM ts)) AS r2
FROM profiles p, profile_samples(profile, 'inuse_space') WHERE name = 'memory' GROUP BY 1, 2, stack HAVING count(*) > 10 ORDER BY bytes_per_hour DESC LIMIT 10;

\echo 22. what ran during the incident and never before or since
SELECT fn FROM profiles, profile_functions(profile) fn WHERE ts BETWEEN :now - interval '3 hours' AND :now - interval '2 hours'
EXCEPT SELECT fn FROM profiles, profile_functions(profile) fn WHERE ts < :now - interval '3 hours' OR ts > :now - interval '2 hours' ORDER BY 1;

\echo 23. sliding flame graphs: a window aggregate
SELECT b, flamegraph_total(flamegraph_merge(f) OVER (ORDER BY b ROWS BETWEEN 5 PRECEDING AND CURRENT ROW)) AS v
FROM (SELECT date_bin('1 hour', ts, 'epoch') AS b, flamegraph(profile, 'cpu') AS f FROM profiles
	  WHERE service = 'cart' AND name = 'process_cpu' AND ts >= :now - interval '8 hours' GROUP BY 1) x ORDER BY 1 DESC LIMIT 3;

\echo 24. tenancy: a team sees only its own services
CREATE ROLE regress_pyro_team_pay;
GRANT USAGE ON SCHEMA fleet TO regress_pyro_team_pay;
GRANT SELECT ON profiles, service_owners TO regress_pyro_team_pay;
ALTER TABLE profiles ENABLE ROW LEVEL SECURITY;
CREATE POLICY team_rows ON profiles FOR SELECT
	USING (EXISTS (SELECT FROM service_owners o WHERE o.service = profiles.service AND 'regress_pyro_team_' || o.team = current_user));
SET ROLE regress_pyro_team_pay;
SELECT service, profiles FROM pyro.services('profiles', :now - interval '30 days', :now + interval '1 second');
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA fleet CASCADE;
RESET client_min_messages;
DROP ROLE regress_pyro_team_pay;
