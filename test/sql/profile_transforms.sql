-- Profiles made from profiles: difference, scaling, labels, symbols; and the
-- cost of source lines.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/build.sql'
\i :include
CREATE TABLE given AS
	SELECT file, pg_read_binary_file(:'abs_srcdir' || '/data/' || file)::profile AS p
	FROM pg_ls_dir(:'abs_srcdir' || '/data') AS file
	WHERE file LIKE '%.pb' OR file LIKE '%.pb.gz';

-- A difference is signed and keeps every stack; its header is the left one's.
SELECT stack, value FROM profile_samples(E'a;b 5\na 3\nd 1'::profile - E'a;b 2\nc 1\nd 1'::profile);
SELECT count(*) AS profiles, count(*) FILTER (WHERE profile_total(p - p) = 0) AS nothing_left,
	   count(*) FILTER (WHERE profile_time(p - p) IS NOT DISTINCT FROM profile_time(p)
		AND profile_duration(p - p) IS NOT DISTINCT FROM profile_duration(p)) AS same_header,
	   count(*) FILTER (WHERE flamegraph_total(flamegraph) = 0 AND frames = 1) AS empty_tree
FROM given, LATERAL (SELECT flamegraph(d), (SELECT count(*) FROM flamegraph_frames(flamegraph(d))) AS frames
	FROM (VALUES (p - p)) v(d)) f;
SELECT count(*) AS pairs, count(*) FILTER (WHERE
	(a.p + b.p) - b.p <> a.p IS NOT NULL AND profile_total((a.p + b.p) - b.p, type) = profile_total(a.p, type)) AS undone
FROM given a, given b, unnest(profile_sample_types(a.p)) type WHERE a.file LIKE 'go-cpu%' AND b.file LIKE 'go-cpu%';
SELECT build.error($$SELECT 'a 1'::profile - 'a -9223372036854775808'::profile$$) AS overflow,
	   profile_total('a -1'::profile - 'b 9223372036854775807'::profile) AS lowest;
SELECT ('a 1'::profile - NULL) IS NULL AND (NULL - 'a 1'::profile) IS NULL AND (NULL::profile * 2) IS NULL AS null_is_null;

-- Scaling rounds once: totals are those of exact arithmetic, for every type.
SELECT f AS factor, count(*) AS totals, count(*) FILTER (WHERE
	profile_total(p * f, type) = (profile_total(p, type) * f)::bigint) AS exact,
	count(*) FILTER (WHERE profile_sample_count(p * f) = profile_sample_count(p)) AS same_samples
FROM given, unnest(profile_sample_types(p)) type, (VALUES (0.5::float8), (1), (-1), (3), (0)) v(f) GROUP BY 1 ORDER BY 1;
SELECT stack, value FROM profile_samples(E'a 1\nb 1\nc 1\nd 1\ne 1'::profile * 0.4);
SELECT f AS factor, build.error(format('SELECT ''a 9223372036854775807''::profile * %L::float8', f))
FROM unnest('{1,1.1,-1.1,NaN,Infinity,-Infinity}'::text[]) f;
SELECT bool_and(p * 1 = p) AS one_is_neutral, bool_and(doubled = tree * 2) AS like_a_tree
FROM (SELECT p, flamegraph(p) AS tree, flamegraph(p * 2) AS doubled FROM given GROUP BY p) f;

-- Differences are exact whatever the sums on the way, and keep the left one's
-- default; scaled samples of one stack stand in their canonical order.
WITH x AS (SELECT string_agg('a' || i || ' 4611686018427387904', E'\n') || E'\nb1 1\nb2 1\nb3 1\n' ||
	string_agg('c' || i || ' -4611686018427387904', E'\n') AS t FROM generate_series(1, 8) i)
SELECT stack, value FROM x, profile_samples('z 5'::profile - t::profile) WHERE stack[1] LIKE 'b%';
SELECT stack, value FROM profile_samples('a -1'::profile - 'a -9223372036854775808'::profile);
SELECT profile_default_sample_type(profile_from_folded('f 3', 'z', '1') - profile_from_folded('f 2', 'a', '2'));
SELECT f AS factor, (p * f)::text::profile = p * f AS canonical, profile_sample_count(p * f) AS samples
FROM (SELECT E'f 3\nf 1\nf 2\ng 1'::profile AS p) x, unnest('{-1,0.3,1,0}'::float8[]) f;
-- whether a total leaves 64 bits does not depend on names
SELECT flamegraph_total(t::flamegraph) AS tree, (SELECT sum(total) FROM profile_source(t::profile, '.')) AS lines
FROM unnest(ARRAY[E'a -1\nb 1\nc 9223372036854775807', E'c -1\nb 1\na 9223372036854775807']) t;

-- Filters by labels keep what SQL over the samples keeps, and nothing else:
-- no string, function or mapping that only the others had.
CREATE TABLE labelled AS SELECT p FROM given WHERE file = 'go-cpu-labels.pb.gz';
CREATE VIEW kept AS
SELECT f.labels AS filter, s.*
FROM labelled, (SELECT DISTINCT labels FROM labelled, profile_samples(p)
	UNION VALUES ('{"tenant": "south"}'::jsonb), ('{"tenant": "none"}'), ('{"TENANT": "south"}'), ('{"span_id": ""}')) f,
	profile_samples(profile_filter_labels(p, f.labels)) s;
CREATE VIEW expected AS
SELECT f.labels AS filter, s.*
FROM labelled, (SELECT DISTINCT labels FROM labelled, profile_samples(p)
	UNION VALUES ('{"tenant": "south"}'::jsonb), ('{"tenant": "none"}'), ('{"TENANT": "south"}'), ('{"span_id": ""}')) f,
	profile_samples(p) s WHERE s.labels @> f.labels;
SELECT (SELECT count(*) FROM kept) AS kept, (SELECT count(*) FROM expected) AS expected,
	   (SELECT count(*) FROM (SELECT * FROM kept EXCEPT ALL SELECT * FROM expected) x) AS differ;
SELECT profile_filter_labels(p, '{}') = p AS all_stay FROM labelled;
SELECT count(*) AS spans, sum(value) = (SELECT sum(value) FROM labelled, profile_samples(p)
	WHERE labels->>'span_id' = ANY (span_ids)) AS same
FROM (SELECT array_agg(span) AS span_ids FROM (SELECT DISTINCT labels->>'span_id' AS span FROM labelled, profile_samples(p)
	ORDER BY 1 LIMIT 20) t) i, labelled, profile_samples(profile_filter_labels(p, 'span_id', span_ids || NULL::text))
GROUP BY span_ids;
SELECT profile_sample_count(profile_filter_labels(p, 'span_id', '{}')) AS none,
	   (SELECT count(*) FROM profile_functions(profile_filter_labels(p, 'span_id', '{none}'))) AS functions,
	   profile_sample_types(profile_filter_labels(p, 'span_id', '{none}')) = profile_sample_types(p) AS types FROM labelled;
SELECT bool_and(f::text::profile = f) AS canonical, bool_and(profile_from_pprof(profile_to_pprof(f)) = f) AS again
FROM labelled, LATERAL (VALUES (profile_filter_labels(p, '{"tenant": "south"}'))) v(f);
CREATE TABLE odd AS SELECT (build.strings('samples', 'count', 'key', 'a', 'b', 'bytes') || build.sample_type(1, 2) ||
	build.sample('{}', '{1}', build.label(3, 4) || build.label(3, 5)) ||
	build.sample('{}', '{2}', build.label(3, 4)) ||
	build.sample('{}', '{4}', build.number_label(6, 512)) ||
	build.sample('{}', '{8}', build.label(6, 4)))::profile AS p;
SELECT filter, profile_total(profile_filter_labels(p, filter::jsonb)) AS total
FROM odd, unnest(ARRAY['{"key": "a"}', '{"key": "b"}', '{"bytes": 512}', '{"bytes": "a"}', '{"bytes": "512"}',
	'{"key": "a", "bytes": 512}', '{}']) filter;
SELECT filter, build.error(format('SELECT profile_filter_labels(p, %L) FROM odd', filter))
FROM unnest(ARRAY['[]', '1', '"key"', 'null', '{"key": null}', '{"key": ["a"]}', '{"key": {"a": 1}}', '{"key": true}',
	'{"bytes": 1e30}', '{"bytes": 512.5}']) filter;

-- Symbols as they are in every process: equal frames merge, whatever their
-- addresses; what has no symbols keeps them.
CREATE FUNCTION build.process(base numeric, name text) RETURNS profile LANGUAGE sql RETURN
	(build.strings('samples', 'count', '/bin/app', name, 'file.go') || build.sample_type(1, 2) ||
	 build.mapping(1, base, base + 4096, 3) || build.function(1, 4, 4, 5) ||
	 build.location(1, build.line(1, 10), base + 16, 1) || build.location(2, build.line(1, 10), base + 24, 1) ||
	 build.sample('{1}', '{1}') || build.sample('{2}', '{2}'))::profile;
SELECT profile_sample_count(p) AS before, profile_sample_count(n) AS after, profile_total(n) AS total,
	   profile_sample_count(p + q) AS sum_before, profile_sample_count(n + profile_normalize_symbols(q)) AS sum_after
FROM (VALUES (build.process(65536, 'main.work'), build.process(131072, 'main.work'))) v(p, q),
	 LATERAL (SELECT profile_normalize_symbols(p)) w(n);
SELECT address, function, file, line, mapping FROM profile_locations(profile_normalize_symbols(build.process(65536, 'f')));
SELECT address, function, mapping FROM profile_locations(profile_normalize_symbols((build.strings('samples', 'count', '/bin/app') ||
	build.sample_type(1, 2) || build.mapping(1, 4096, 8192, 3) || build.location(1, '', 4100, 1) || build.sample('{1}', '{1}'))::profile));
SELECT name, profile_functions(profile_normalize_symbols(build.process(1, name))) AS normalised
FROM unnest(ARRAY['main.Map[go.shape.int]', 'main.Map[go.shape.int,go.shape.string].func1',
	'slices.SortFunc[go.shape.[]uint8,go.shape.struct { A [4]int }]', 'main.F[...]', 'main.F[int]', '[go.shape.', 'a[go.shape.int',
	'x[go.shape.int]y[go.shape.int]z', '[go.shape.int]', 'plain']) name;
SELECT count(*) AS profiles, count(*) FILTER (WHERE profile_total(n) = profile_total(p)) AS same_total,
	   count(*) FILTER (WHERE profile_normalize_symbols(n) = n) AS twice_is_once,
	   count(*) FILTER (WHERE n::text::profile = n) AS canonical,
	   count(*) FILTER (WHERE profile_sample_count(n) <= profile_sample_count(p)) AS no_more_samples
FROM given, LATERAL (SELECT profile_normalize_symbols(p)) v(n);

-- Source lines: a line counts once per stack in total, however often it is in
-- it; the innermost inlined frame has the self value.
CREATE TABLE listed AS SELECT (build.strings('samples', 'count', 'main', 'work', 'a.go', 'b.go') || build.sample_type(1, 2) ||
	build.function(1, 3, 0, 5) || build.function(2, 4, 0, 6) ||
	build.location(1, build.line(1, 10)) || build.location(2, build.line(2, 20)) || build.location(3, build.line(2, 21)) ||
	build.location(4, build.line(2, 22) || build.line(1, 11)) ||
	build.sample('{2,1}', '{1}') ||		-- main:10 work:20
	build.sample('{2,2,1}', '{2}') ||	-- main:10 work:20 work:20
	build.sample('{3,2,1}', '{4}') ||	-- main:10 work:20 work:21
	build.sample('{4,1}', '{8}') ||		-- main:10 main:11 work:22, the last one inlined
	build.sample('{1}', '{16}'))::profile AS p;
SELECT s.* FROM listed, profile_source(p, '.') s;
SELECT s.* FROM listed, profile_source(p, '^wo', 'samples') s;
SELECT count(*) AS none FROM listed, profile_source(p, 'nothing');
SELECT build.error('SELECT profile_source(p, ''('') FROM listed') AS malformed,
	   build.error('SELECT profile_source(p, ''.'', ''cpu'') FROM listed') AS no_type;
SELECT count(*) AS nulls FROM listed, profile_source(NULL, '.') a, profile_source(p, NULL) b;
-- It agrees with the tree by lines, which is made by other code.
SELECT file, count(*) AS lines, count(*) FILTER (WHERE s.self = t.self AND s.total = t.total) AS equal
FROM (SELECT file, p, flamegraph(p, NULL, 'line') AS tree FROM given WHERE file LIKE 'go-cpu%' GROUP BY 1, 2) f,
	LATERAL (SELECT s.self, s.total, t.self AS tree_self, t.total AS tree_total
		FROM (SELECT function || ' ' || file || CASE WHEN line <> 0 THEN ':' || line ELSE '' END AS name, self, total
			  FROM profile_source(p, '')) s FULL JOIN flamegraph_top(tree) t ON t.function = s.name) j,
	LATERAL (VALUES (self, total)) s(self, total), LATERAL (VALUES (tree_self, tree_total)) t(self, total)
GROUP BY 1 ORDER BY 1;

-- Granularities: what frames must share to be one; totals never change.
SELECT g AS granularity, t.function AS name, t.self, t.total
FROM (SELECT g, flamegraph(p, 'samples', g) AS tree FROM listed, unnest('{function,line,file,package,address}'::text[]) g GROUP BY g) f,
	flamegraph_top(tree) t ORDER BY g, name;
SELECT g AS granularity, count(*) AS profiles, count(*) FILTER (WHERE flamegraph_total(tree) = profile_total(p)) AS total
FROM (SELECT file, g, flamegraph(p, NULL, g) AS tree FROM given, unnest('{function,line,file,package,address}'::text[]) g GROUP BY 1, 2) f
	JOIN given USING (file) GROUP BY 1 ORDER BY 1;
-- A file that is written in two ways is one file; a line belongs to a function.
CREATE TABLE unclean AS SELECT (build.strings('samples', 'count', 'f', 'g', '/src/a.c', '/src/x/..//a.c', './/b.c', '//', 'lib//a.so/') ||
	build.sample_type(1, 2) || build.function(1, 3, 0, 5) || build.function(2, 3, 0, 6) || build.function(3, 4, 0, 7) ||
	build.mapping(1, 4096, 8192, 8) || build.mapping(2, 8192, 12288, 9) ||
	build.location(1, build.line(1, 10)) || build.location(2, build.line(2, 10)) || build.location(3, build.line(3)) ||
	build.location(4, '', 4100, 1) || build.location(5, build.line(0, 7), 8200, 2) ||
	build.sample('{2,1}', '{1}') || build.sample('{3,1}', '{2}') || build.sample('{4}', '{4}') || build.sample('{5}', '{8}'))::profile AS p;
SELECT g AS granularity, t.function AS name, t.self, t.total
FROM (SELECT g, flamegraph(p, 'samples', g) AS tree FROM unclean, unnest('{line,file,address}'::text[]) g GROUP BY g) f,
	flamegraph_top(tree) t ORDER BY g, t.function COLLATE "C";
SELECT s.* FROM unclean, profile_source(p, '') s;
SELECT bool_and(a = b AND a = c) AS function_is_default
FROM (SELECT flamegraph(p) AS a, flamegraph(p, NULL, 'function') AS b, flamegraph(p, NULL, NULL) AS c FROM given GROUP BY file) f;
SELECT g, build.error(format('SELECT flamegraph(p, NULL, %L) FROM listed', g)) FROM unnest('{"",lines,Function,addresses}'::text[]) g;
SELECT name, label AS package FROM unnest(ARRAY['compress/flate.(*compressor).deflate', 'main.work', 'runtime.mallocgc',
	'java/math/BigDecimal.valueOf', 'org.postgresql.Driver.connect', 'std::vector<int>::push_back', 'App\Http\Kernel::handle',
	'malloc', '::operator new', '/', '(anonymous namespace)::work', 'do_syscall_64_[k]', 'github.com/a/b.(*T).F.func1']) name,
	LATERAL (SELECT flamegraph(p, NULL, 'package') AS tree FROM (VALUES (profile_from_folded(name || ' 1'))) v(p)) f,
	flamegraph_frames(tree) WHERE level = 1;

DROP VIEW kept, expected;
DROP TABLE given, labelled, odd, listed, unclean;
