-- Reading flame graphs: rows for panels, tops, diffs, numbers, pictures.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/build.sql'
\i :include

-- A row per node in pre-order, the root first, named "total".
CREATE TEMP TABLE tree AS SELECT E'main;work;deep 30\nmain;work 10\nmain;rest 5\nmain 1\nidle 54'::flamegraph AS f;
SELECT r.* FROM tree, flamegraph_frames(f) r;

-- An empty tree has its root.
SELECT * FROM flamegraph_frames('');
SELECT * FROM flamegraph_frames((SELECT flamegraph(NULL::profile)), 1);
SELECT count(*) FROM flamegraph_frames(NULL);
SELECT count(*) FROM flamegraph_frames('a 1', NULL);

-- max_nodes counts all rows.  The heaviest nodes stay; what is cut from a node
-- stands in one row "other" behind its children, so that the self values
-- always add up to the total, even of one row.
SELECT n AS max_nodes, ord, level, value, self, label
FROM tree, generate_series(1, 7) n, flamegraph_frames(f, n) ORDER BY n, ord;
SELECT build.error($$SELECT flamegraph_frames('a 1', 0)$$) AS zero,
	build.error($$SELECT flamegraph_frames('a 1', -1)$$) AS negative;

-- Ties are decided by path: the earlier in bytewise order stays.
SELECT label, value FROM flamegraph_frames(E'd 1\nb 1\nc 1\na 1', 4);

-- A function named as the rows that we add stays what it is.
SELECT * FROM flamegraph_frames(E'other;total 3\nother 2\ntotal;other 4');
SELECT * FROM flamegraph_frames(E'other;total 3\nother 2\ntotal;other 4', 4);

-- Over real profiles and every size: never more rows than asked for, all
-- levels reachable, values that add up, and more rows with more room.
CREATE TABLE read AS
	SELECT file, flamegraph(pg_read_binary_file(:'abs_srcdir' || '/data/' || file)::profile) AS f
	FROM pg_ls_dir(:'abs_srcdir' || '/data') AS file
	WHERE file LIKE '%.pb' OR file LIKE '%.pb.gz' GROUP BY file;
WITH cut AS (
	SELECT file, f, n, r.*, lag(level) OVER w AS before,
		   (SELECT sum(value) FROM flamegraph_frames(f, n) c WHERE c.level = 1) AS below
	FROM read, unnest(ARRAY[1, 2, 3, 5, 10, 100, 1000, 16384]) n, flamegraph_frames(f, n) r
	WINDOW w AS (PARTITION BY file, n ORDER BY ord)),
sums AS (
	SELECT file, n, count(*) AS rows, sum(self) AS self, max(value) FILTER (WHERE level = 0) AS total,
		   bool_and(level <= before + 1 AND level > 0) FILTER (WHERE ord > 1) AS is_tree,
			count(*) FILTER (WHERE level = 0) AS roots,
		   max(flamegraph_total(f)) AS expected
	FROM cut GROUP BY file, n)
SELECT n AS max_nodes, count(*) AS trees, count(*) FILTER (WHERE rows <= n) AS fitting,
	count(*) FILTER (WHERE self = expected) AS self_adds_up,
	   count(*) FILTER (WHERE total = expected AND roots = 1) AS one_root,
		count(*) FILTER (WHERE is_tree OR n = 1) AS trees
FROM sums GROUP BY n ORDER BY n;

-- A value is the self value and the values of the children, cut or not.
CREATE FUNCTION build.wrong_values(f flamegraph, max_nodes int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	frame record;
	wrong bigint := 0;
	sums bigint[] := '{}';
BEGIN
	FOR frame IN SELECT * FROM flamegraph_frames(f, max_nodes) ORDER BY ord DESC LOOP
		IF frame.value <> frame.self + coalesce(sums[frame.level + 2], 0) THEN
			wrong := wrong + 1;
		END IF;
		sums[frame.level + 2] := 0;
		sums[frame.level + 1] := coalesce(sums[frame.level + 1], 0) + frame.value;
	END LOOP;
	RETURN wrong;
END $$;
SELECT n AS max_nodes, sum(build.wrong_values(f, n)) AS wrong
FROM read, unnest(ARRAY[1, 2, 3, 5, 10, 100, 1000, 16384]) n GROUP BY n ORDER BY n;

-- The nodes that stay are the heaviest: none that was cut had more than one
-- that stayed.
SELECT count(*) AS trees, count(*) FILTER (WHERE lightest >= heaviest) AS sound
FROM (SELECT file, (SELECT min(value) FROM flamegraph_frames(f, 50) WHERE label <> 'other' AND level > 0) AS lightest,
			 (SELECT max(value) FROM ((SELECT value FROM flamegraph_frames(f)) EXCEPT ALL
									  (SELECT value FROM flamegraph_frames(f, 50)
										WHERE label <> 'other')) c) AS heaviest
	  FROM read) g;

-- Values that cancel out do not hide what is below them.
SELECT * FROM flamegraph_frames(E'a;b 100\na;c -100\nd 1', 4);
SELECT * FROM flamegraph_frames(E'a;b 100\na;c -100\nd 1', 6);

-- A sum of what was cut that leaves bigint is an error as any.
SELECT left(build.error($$SELECT flamegraph_frames(E'a 5534023222112865484\nb -6456360425798343065\nc 5534023222112865484'::flamegraph, 3)$$),
	5) AS other;

-- The top is exact and whole, by self descending; recursion counts once in a
-- total, however deep.
SELECT * FROM flamegraph_top(E'a;b;a;b;a 4\na;c 4\nb;c 8\nc;a 16\nd;d;d 32');
SELECT * FROM flamegraph_top('');
SELECT count(*) FROM flamegraph_top(NULL);
SELECT * FROM flamegraph_top(E'a 1\nb;a 1\nc;b 1\nd;c 3');
SELECT * FROM flamegraph_top(E'a 5\nb -5');
SELECT count(*) AS trees, count(*) FILTER (WHERE self + root_self = flamegraph_total(f)) AS self_adds_up,
	count(*) FILTER (WHERE round(pct + 100 * root_self / flamegraph_total(f)) = 100) AS percent,
	   count(*) FILTER (WHERE functions = names) AS all_functions, count(*) FILTER (WHERE sound) AS sound
FROM read, LATERAL (SELECT sum(self) AS self, sum(self_pct) AS pct, count(*) AS functions,
	count(DISTINCT function) AS names,
						   bool_and(self <= total AND total <= flamegraph_total(f)
							AND self_pct = 100::float8 * self / flamegraph_total(f)
									AND total_pct = 100::float8 * total / flamegraph_total(f)) AS sound
										FROM flamegraph_top(f)) t,
	 LATERAL (SELECT self AS root_self FROM flamegraph_frames(f) WHERE level = 0) r;
SELECT count(*) AS functions, count(*) FILTER (WHERE t.self = s.self AND t.total = s.total) AS equal
FROM read r, flamegraph_top(f) t LEFT JOIN LATERAL (
	SELECT sum(value * (stack[cardinality(stack)] = t.function)::int) AS self,
		sum(value * (t.function = ANY (stack))::int) AS total
	FROM profile_samples(pg_read_binary_file(:'abs_srcdir' || '/data/go-goroutine.pb.gz')::profile)) s ON true
WHERE file = 'go-goroutine.pb.gz';

-- Self value of a function, wherever it is called; 0 where it is not.
SELECT n AS function, flamegraph_self(E'a;b;a 4\na;b 3\nb 2\nb;a 1\n', n)
FROM unnest(ARRAY['a', 'b', 'c', '', 'A', 'total']) n;
SELECT flamegraph_self(NULL, 'a') IS NULL AS no_tree, flamegraph_self('a 1', NULL) IS NULL AS no_name;

-- Share of the total in stacks through a matching function, each once.
SELECT r AS regex, flamegraph_share(E'main;work;deep 30\nmain;work 10\nmain;rest 5\nmain 1\nidle 54', r)
FROM unnest(ARRAY['work', '^work$', 'main|deep', 'i', '^(rest|idle)$', 'nothing', '', 'WORK', '(?i)WORK', 'total']) r;
SELECT flamegraph_share('', 'a') AS empty, flamegraph_share(E'a 1\nb -1', 'a') AS zero_total;
SELECT flamegraph_share('a 1', '(');
SELECT flamegraph_share('', '*');
SELECT flamegraph_share(NULL, 'a') IS NULL AS no_tree, flamegraph_share('a 1', NULL) IS NULL AS no_regex;
SELECT flamegraph_total(''), flamegraph_total(NULL) IS NULL AS no_tree, flamegraph_total(f) FROM tree;

-- A diff has the paths of both sides, with values of both.
SELECT * FROM flamegraph_diff(E'a;b 10\na;c 20\nd 5', E'a;b 15\na;e 7\na 1');
SELECT * FROM flamegraph_diff(E'a;b 10\na;c 20\nd 5', E'a;b 15\na;e 7\na 1', max_nodes => 4);
SELECT n AS max_nodes, count(*) AS rows, sum(self) AS base, sum("selfRight") AS comparison
FROM generate_series(1, 8) n, flamegraph_diff(E'a;b 10\na;c 20\nd 5', E'a;b 15\na;e 7\na 1', 'none', n) GROUP BY n
ORDER BY n;
SELECT count(*) FROM flamegraph_diff('a 1', 'a 1', max_nodes => 0);
SELECT (SELECT count(*) FROM flamegraph_diff(NULL, 'a 1')) AS no_base,
	(SELECT count(*) FROM flamegraph_diff('a 1', NULL)) AS no_comparison,
	   (SELECT count(*) FROM flamegraph_diff('a 1', 'a 1', NULL)) AS no_norm;

-- norm_by scales the base: to the comparison's total, to its duration, or by a
-- number.  Values are rounded once, and totals are the sums of these.
CREATE TEMP TABLE sides AS SELECT E'flamegraph 1 cpu/nanoseconds profiles=1 duration=10\n0\t0\n1\t1\ta\n2\t3\tb\n1\t5\tc'::flamegraph AS base,
	E'flamegraph 1 cpu/nanoseconds profiles=3 duration=25\n0\t0\n1\t0\ta\n2\t27\tb'::flamegraph AS comparison;
SELECT norm_by, ord, level, value, self, label, "valueRight", "selfRight"
FROM sides, unnest(ARRAY['none', 'total', 'time', '2', '0.5', '1e1', '1']) norm_by,
	flamegraph_diff(base, comparison, norm_by) ORDER BY norm_by COLLATE "C", ord;
SELECT n AS norm_by, build.error(format('SELECT flamegraph_diff(base, comparison, %L) FROM sides', n))
FROM unnest(ARRAY['', 'nothing', 'Total', '0', '-1', 'NaN', 'inf', '1x', '2 3', '1e999']) n;
SELECT build.error($$SELECT flamegraph_diff('a 9223372036854775807', 'a 1', '2')$$) AS overflow;
SELECT value, self, label FROM flamegraph_diff(E'a 9007199254740993\nb 1', 'a 1', '1e0');

-- Against an empty tree everything came or went, and scaling has no measure.
SELECT * FROM flamegraph_diff('a;b 10', '');
SELECT norm_by, ord, value, self, label, "valueRight", "selfRight"
FROM unnest(ARRAY['none', 'total', 'time', '3']) norm_by,
	flamegraph_diff((SELECT flamegraph(NULL::profile)), 'a;b 10', norm_by) ORDER BY norm_by, ord;
SELECT norm_by, ord, value, self, label, "valueRight", "selfRight"
FROM unnest(ARRAY['total', 'time']) norm_by,
	flamegraph_diff('a;b 10', (SELECT flamegraph(NULL::profile)), norm_by) ORDER BY norm_by, ord;
SELECT * FROM flamegraph_diff('', '', 'total');

-- Units never mix, in diffs neither.
SELECT build.error($$SELECT flamegraph_diff('a 1', E'flamegraph 1 cpu/nanoseconds\n0\t1')$$) AS rows;
SELECT build.error($$SELECT flamegraph_diff_svg('a 1', E'flamegraph 1 cpu/nanoseconds\n0\t1')$$) AS svg;

-- Real ones: the optimised program lost main.match and all below it.
SELECT b.function, b.total AS before, a.total AS after
FROM read rb, flamegraph_top(rb.f) b
	 LEFT JOIN (SELECT t.* FROM read ra, flamegraph_top(ra.f) t WHERE file = 'go-cpu-after.pb.gz') a USING (function)
WHERE file = 'go-cpu-before.pb.gz' AND function ~ '^main\.(match|.*handleOrders$)' ORDER BY function COLLATE "C";
SELECT bool_and(value >= "valueRight") AS lost, sum("selfRight") FILTER (WHERE label = 'main.match') AS left_of_it
FROM flamegraph_diff((SELECT f FROM read WHERE file = 'go-cpu-before.pb.gz'),
	(SELECT f FROM read WHERE file = 'go-cpu-after.pb.gz'))
WHERE label = 'main.match';
SELECT sum(self) AS base, sum("selfRight") AS comparison
FROM flamegraph_diff((SELECT f FROM read WHERE file = 'go-cpu-before.pb.gz'),
	(SELECT f FROM read WHERE file = 'go-cpu-after.pb.gz'), max_nodes => 100);
SELECT abs(sum(self) - sum("selfRight")) <= count(*) AS scaled_to_total
FROM flamegraph_diff((SELECT f FROM read WHERE file = 'go-cpu-before.pb.gz'),
	(SELECT f FROM read WHERE file = 'go-cpu-after.pb.gz'), 'total');

-- Folded text reads back into the same tree, but for what it cannot say: a
-- name with a semicolon (in three files), and values without a stack (in one).
SELECT flamegraph_folded(f) FROM tree;
SELECT flamegraph_folded('') AS empty, flamegraph_folded(E'flamegraph 1 a/b\n0\t5') AS root;
SELECT count(*) AS trees,
	count(*) FILTER (WHERE flamegraph_folded(flamegraph_folded(f)::flamegraph) = flamegraph_folded(f)) AS again,
	   count(*) FILTER (WHERE flamegraph_total(flamegraph_folded(f)::flamegraph) = flamegraph_total(f)) AS same_total,
	   count(*) FILTER (WHERE (SELECT array_agg((level, self, value, label) ORDER BY ord)
		FROM flamegraph_frames(flamegraph_folded(f)::flamegraph)) =
							  (SELECT array_agg((level, self, value, label) ORDER BY ord)
								FROM flamegraph_frames(f))) AS same_frames
FROM read;

-- The SVG is one well-formed document, in ASCII, without anything from
-- outside; so is that of a diff, and of an empty tree.
CREATE TEMP TABLE svgs AS
	SELECT file, flamegraph_svg(f, file) AS svg FROM read UNION ALL
	SELECT 'diff', flamegraph_diff_svg((SELECT f FROM read WHERE file = 'go-cpu-before.pb.gz'),
		(SELECT f FROM read WHERE file = 'go-cpu-after.pb.gz'), 'before and after') UNION ALL
	SELECT 'empty', flamegraph_svg('') UNION ALL SELECT 'empty diff', flamegraph_diff_svg('', '') UNION ALL
	SELECT 'no value', flamegraph_svg(E'a 1\nb -1') UNION ALL SELECT 'negative',
		flamegraph_svg(E'a;b -1\na;c 5\n d -7');
SELECT count(*) AS svgs, count(*) FILTER (WHERE xml_is_well_formed_document(svg)) AS well_formed,
	   count(*) FILTER (WHERE svg !~ '[^\x01-\x7f]') AS ascii,
	   count(*) FILTER (WHERE (xpath('namespace-uri(/*)', svg::xml))[1]::text = 'http://www.w3.org/2000/svg') AS svg,
	   count(*) FILTER (WHERE cardinality(xpath('//@*[local-name() = "href" or local-name() = "src"]', svg::xml)) = 0
						AND svg !~* 'url\(|@import|fetch\(|XMLHttpRequest') AS self_contained
FROM svgs;
SELECT flamegraph_svg(NULL) IS NULL AS no_tree, flamegraph_svg('a 1', NULL) IS NULL AS no_title,
	flamegraph_diff_svg('a 1', NULL) IS NULL AS no_comparison;

-- Names may hold anything: markup, control and zero bytes, what is not UTF-8,
-- and whatever text and folded text divide by.  No output is harmed.
CREATE TEMP TABLE hostile AS
	SELECT n, name, build.named(name, (2 ^ n)::int) AS bytes FROM (VALUES
		(1, '<script>alert(1)</script>'::bytea), (2, ']]></style><script>alert(2)</script>'),
			(3, '"><svg onload=alert(3)>'''), (4, '&amp;&lt;&#60;'),
		(5, '\x00'), (6, '\x0a0d'), (7, '\x096109'), (8, '\x1b5b33316d'), (9, '\xff'), (10, '\xc0af'),
			(11, '\xeda0bd'), (12, 'a;b'),
		(13, ' '), (14, 'a b '), (15, '@0'), (16, '\\x41'), (17, '\x5c'), (18, '-->'), (19, '\xe280ae'),
			(20, '\xf09f94a5'), (21, '\xefbfbf')) v (n, name);
CREATE TEMP TABLE named AS SELECT n, name, bytes::profile AS p, flamegraph(bytes::profile) AS f
FROM hostile GROUP BY n, name, bytes;
SELECT n, label, flamegraph_folded(f), split_part(f::text, E'\n', 4) AS text FROM named, flamegraph_frames(f)
WHERE level = 2 AND n < 19 ORDER BY n;
SELECT count(*) AS names,
	   count(*) FILTER (WHERE p::bytea::profile = p AND p::text::profile = p) AS profiles,
	   count(*) FILTER (WHERE f::text::flamegraph = f) AS text,
	   count(*) FILTER (WHERE flamegraph_total(flamegraph_folded(f)::flamegraph) = flamegraph_total(f)) AS folded,
	   count(*) FILTER (WHERE xml_is_well_formed_document(flamegraph_svg(f))
		AND xml_is_well_formed_document(flamegraph_svg(f,
		convert_from(regexp_replace(encode(name, 'escape'), '\\\d\d\d', '?', 'g')::bytea, 'UTF8')))) AS svg,
	   count(*) FILTER (WHERE flamegraph_svg(f) !~* '<script>alert|onload=alert\(3\)>|<style>.*<script>alert') AS harmless,
	   count(*) FILTER (WHERE flamegraph_self(f, label) = flamegraph_total(f) AND p @> label) AS found
FROM named, LATERAL (SELECT label FROM flamegraph_frames(f) WHERE level = 2) l;
WITH svg (svg) AS (SELECT flamegraph_svg(flamegraph_merge(f), '</title><script>alert(4)</script>') FROM named)
SELECT xml_is_well_formed_document(svg) AS well_formed,
	cardinality(xpath('//*[local-name() = "script"]', svg::xml)) AS scripts,
	   svg ~* '<script>alert' AS unescaped,
		cardinality(xpath('//@*[starts-with(local-name(), "on")]', svg::xml)) AS handlers
FROM svg;
WITH svg (svg) AS (SELECT flamegraph_diff_svg((SELECT flamegraph_merge(f) FROM named),
	(SELECT flamegraph_merge(f) FROM named WHERE n < 5), '</title><script>alert(4)</script>'))
SELECT xml_is_well_formed_document(svg) AS well_formed,
	cardinality(xpath('//*[local-name() = "script"]', svg::xml)) AS scripts,
	   svg ~* '<script>alert' AS unescaped
FROM svg;

-- Together in one tree they stay apart, through every form.
SELECT count(*) AS names, flamegraph_merge(f)::text::flamegraph = flamegraph_merge(f) AS text,
	   (SELECT count(DISTINCT label) FROM flamegraph_frames(flamegraph_merge(f)) WHERE level = 2) AS labels,
	   flamegraph_total(flamegraph_folded(flamegraph_merge(f))::flamegraph) = flamegraph_total(flamegraph_merge(f)) AS folded
FROM named;

DROP TABLE read;
