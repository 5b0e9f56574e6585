-- One flame graph of another: filters, sandwiches, differences.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/build.sql'
\i :include
\set include :abs_srcdir '/sql/include/views.sql'
\i :include

-- What google/pprof shows of the profiles of test/data: filters, tops, peeks,
-- sandwiches and differences, granularities, source lines and sums, as digests
-- of all that a view shows.
SELECT count(*) AS files, max(views.load(file, :'abs_srcdir' || '/data/' || file)) AS error
FROM pg_ls_dir(:'abs_srcdir' || '/data') file WHERE file ~ '\.pb(\.gz)?$';
\set expected :abs_srcdir '/data/VIEWS.tsv'
COPY views.expected FROM :'expected';
CREATE TEMP TABLE found AS SELECT * FROM views.found;
SELECT view, count(DISTINCT file) AS profiles, count(*) AS views, count(*) FILTER (WHERE found <> digest) AS differ
FROM found WHERE view <> 'tagfocus' GROUP BY view ORDER BY view COLLATE "C";
SELECT count(*) FILTER (WHERE found <> digest) AS differ FROM found WHERE view = 'tagfocus';

-- The filters show things apart, so that agreeing means something.
SELECT count(DISTINCT digest) > count(*) / 2 AS varied FROM views.expected;

-- pprof's example of show_from and prune_from: A calls B calls C calls B, and
-- with it D calls B calls E, and a stack of A alone.
CREATE TEMP TABLE tree AS
	SELECT flamegraph(p) AS f FROM (VALUES (E'A;B;C;B 5\nD;B;E 2\nA 1'::profile)) v (p);
CREATE FUNCTION pg_temp.folded(f flamegraph) RETURNS text
	LANGUAGE sql RETURN replace(rtrim(flamegraph_folded(f), E'\n'), E'\n', ', ');
SELECT function, pg_temp.folded(flamegraph_show_from(f, function)) AS show_from,
	   pg_temp.folded(flamegraph_prune_from(f, function)) AS prune_from
FROM tree, unnest('{A,B,C,D,E,F}'::text[]) function;
SELECT regex, pg_temp.folded(flamegraph_focus(f, regex)) AS focus,
	   pg_temp.folded(flamegraph_ignore(f, regex)) AS ignore,
	   pg_temp.folded(flamegraph_hide(f, regex)) AS hide,
	   pg_temp.folded(flamegraph_show(f, regex)) AS show
FROM tree, unnest('{A,B,[CE],.,F}'::text[]) regex;

-- Both halves of a sandwich count each stack once, from the outermost call.
SELECT function, pg_temp.folded(flamegraph_callers(f, function)) AS callers,
	   pg_temp.folded(flamegraph_callees(f, function)) AS callees,
	   flamegraph_total(flamegraph_callers(f, function)) = total AND
	   flamegraph_total(flamegraph_callees(f, function)) = total AS total
FROM tree, flamegraph_top(f) ORDER BY function COLLATE "C";
SELECT pg_temp.folded(flamegraph_callers(f, 'a')) AS not_a_regex, pg_temp.folded(flamegraph_callees(f, '.')) AS nor_here
FROM tree;

-- Inverted twice it is itself; a prefix is undone by showing what is below.
SELECT pg_temp.folded(flamegraph_invert(f)) AS inverted, flamegraph_invert(flamegraph_invert(f)) = f AS back FROM tree;
SELECT pg_temp.folded(flamegraph_prefix(f, 'my service; "x"')) AS prefixed,
	   flamegraph_hide(flamegraph_prefix(f, 'my service'), '^my service$') = f AS back FROM tree;

-- A stack without frames is the root's own value.  As in pprof, all filters
-- but prune_from drop it, whatever they look for.
SELECT view, views.lines(NULL, f, NULL, view, 'x') AS lines
FROM (VALUES (E'flamegraph 1 samples/count profiles=1 duration=0\n0\t7\n1\t1\tA\n'::flamegraph)) v (f),
	 unnest('{focus,ignore,hide,show,show_from,prune_from,invert,prefix}'::text[]) view;

-- prune_from looks at names as pprof simplifies them.
SELECT function, pg_temp.folded(flamegraph_prune_from(f, regex)) AS pruned
FROM (VALUES ('runtime.(*mheap).alloc', 'mheap'), ('runtime.(*mheap).alloc', '^runtime\.$'), ('.main', '^main$'),
			 ('f(int)', 'int'), ('f(int)', '^f$'), ('(anonymous namespace)::f(int)', 'anonymous.*f$'),
			 ('a::operator()(int)', '\(\)$')) v (function, regex),
	 LATERAL (SELECT flamegraph(p) AS f FROM (VALUES (profile_from_folded('main;' || function || ';leaf 1'))) v (p)) g;

-- The result is of the same type, from the same profiles.
CREATE TEMP TABLE known AS
	SELECT flamegraph(NULL::profile) AS nothing,
		   E'flamegraph 1 cpu/nanoseconds profiles=3 duration=5000000000\n0\t0\n1\t1\tA\n2\t2\tB\n'::flamegraph AS f;
SELECT count(*), count(*) FILTER (WHERE flamegraph_sample_type(g) = 'cpu/nanoseconds' AND flamegraph_profiles(g) = 3
								  AND flamegraph_duration(g) = '5 s')
FROM known, unnest(ARRAY[flamegraph_focus(f, 'x'), flamegraph_ignore(f, 'A'), flamegraph_hide(f, '.'),
	flamegraph_show(f, 'B'), flamegraph_show_from(f, 'B'), flamegraph_prune_from(f, 'A'), flamegraph_callers(f, 'B'),
	flamegraph_callees(f, 'no'), flamegraph_invert(f), flamegraph_prefix(f, 'x'), f - f, f - nothing, nothing - f + f]) g;

-- Differences: less is negative, equal is gone.  A tree that nothing went into
-- fits any other.
SELECT pg_temp.folded(flamegraph_focus(f, 'B') - flamegraph_focus(f, 'C')) AS fewer,
	   flamegraph_focus(f, 'C') - flamegraph_focus(f, 'B') AS negative,
	   pg_temp.folded(f - f) AS nothing
FROM tree;
SELECT f - nothing = f AS less_nothing, nothing - f AS nothing_less FROM known;
SELECT flamegraph_folded((f - g) + g) = flamegraph_folded(f) AS back FROM tree, flamegraph_focus(f, 'C') g;
SELECT flamegraph_total(f) - flamegraph_total(g) = flamegraph_total(f - g) FROM tree, flamegraph_hide(f, 'B') g;
SELECT build.error(command) FROM (VALUES
	($$SELECT f - 'a 1' FROM known$$),
	($$SELECT 'a 1'::flamegraph - f FROM known$$),
	($$SELECT 'a 9223372036854775807'::flamegraph - 'a -1'::flamegraph$$)) c (command);

-- Functions of two flame graphs, the largest change first.
SELECT d.* FROM tree, flamegraph_diff_top(flamegraph_focus(f, 'C'), f, 'none') d;
SELECT d.* FROM tree, flamegraph_diff_top(flamegraph_focus(f, 'C'), f) d;
SELECT d.* FROM tree, flamegraph_diff_top(f, f) d WHERE delta <> 0 OR delta_pct <> 0 OR factor <> 1;
SELECT d.* FROM tree, flamegraph_diff_top(f, '', '2') d;
SELECT d.* FROM tree, flamegraph_diff_top('', f) d;
SELECT * FROM flamegraph_diff_top('', '');
SELECT function, base_self, comparison_self, base_total, comparison_total, delta, round(delta_pct::numeric, 2) AS pct
FROM views.profile a, views.profile b, flamegraph_diff_top(a.f, b.f, 'none')
WHERE a.file = 'go-cpu-before.pb.gz' AND b.file = 'go-cpu-after.pb.gz' AND function LIKE 'main.%' LIMIT 5;
SELECT left(build.error(command), 5) FROM (VALUES
	($$SELECT * FROM known, flamegraph_diff_top(f, 'a 1')$$),
	($$SELECT * FROM flamegraph_diff_top('a 1', 'a 1', 'mean')$$),
	($$SELECT * FROM flamegraph_diff_top('a -9223372036854775807', 'a 2', 'none')$$)) c (command);

-- Names that are not text are known by how they are shown; what is quoted,
-- broken or wide is a name like others.
CREATE TEMP TABLE odd AS SELECT flamegraph(profile_from_pprof(build.named(name))) AS f, name
	FROM (VALUES ('\xff41'::bytea), ('a''b"c'), (E'a\nb'), ('a;b'), (convert_to('naïve 火', 'UTF8')), ('\x5c786666'))
	v (name) GROUP BY name;
SELECT shown, count(*) FILTER (WHERE flamegraph_total(flamegraph_callers(f, shown)) = 1) AS callers,
	   count(*) FILTER (WHERE flamegraph_total(flamegraph_callees(f, shown)) = 1) AS callees,
	   count(*) FILTER (WHERE flamegraph_total(flamegraph_focus(f, '***=' || shown)) = 1) AS focus,
	   count(*) FILTER (WHERE flamegraph_folded(flamegraph_show(f, '***=' || shown)) <> '') AS show
FROM odd, LATERAL (SELECT function AS shown FROM flamegraph_top(f) WHERE function <> 'main') t
GROUP BY shown ORDER BY shown COLLATE "C";

-- A malformed regular expression is an error even where nothing is matched.
SELECT build.error(format('SELECT flamegraph_%s(%L, %L)', filter, tree, '(')) AS error, count(*)
FROM unnest('{focus,ignore,hide,show,show_from,prune_from}'::text[]) filter, unnest('{"",a 1}'::text[]) tree GROUP BY 1;

-- NULL gives NULL, and no rows; of an empty tree everything is empty.
SELECT num_nonnulls(flamegraph_focus(NULL, 'a'), flamegraph_focus('a 1', NULL), flamegraph_prune_from(NULL, 'a'),
	flamegraph_callers(NULL, 'a'), flamegraph_callees('a 1', NULL), flamegraph_invert(NULL),
	flamegraph_prefix('a 1', NULL), NULL - 'a 1'::flamegraph, 'a 1'::flamegraph - NULL);
SELECT count(*) FROM flamegraph_diff_top(NULL, 'a 1');
SELECT count(*) FILTER (WHERE g = '') AS empty, count(*) FROM unnest(ARRAY[flamegraph_focus('', 'a'),
	flamegraph_ignore('', 'a'), flamegraph_hide('', 'a'), flamegraph_show('', 'a'), flamegraph_show_from('', 'a'),
	flamegraph_prune_from('', 'a'), flamegraph_callers('', 'a'), flamegraph_callees('', 'a'), flamegraph_invert(''),
	flamegraph_prefix('', 'a'), '' - ''::flamegraph]) g;

-- Values merge where frames go, and leave int64 then.
SELECT build.error($$SELECT flamegraph_hide(E'a;x 9223372036854775807\nb;x 9223372036854775807\nc;y -9223372036854775807', '[abc]')$$);

-- A long chain with values all along is far larger the other way round.
SELECT nodes, nodes = 1000 * 1001 / 2 + 1 AS triangle FROM (
	SELECT count(*) AS nodes FROM flamegraph_frames(flamegraph_invert(
		(SELECT E'flamegraph 1 samples/count profiles=1 duration=0\n0\t0\n' ||
				string_agg(format(E'%s\t1\tf%s\n', i, i), '' ORDER BY i) FROM generate_series(1, 1000) i)::flamegraph),
	2147483647)) n;

-- All of them are IMMUTABLE, STRICT and PARALLEL SAFE.
SELECT proname FROM pg_proc WHERE proname ~ '^flamegraph_(focus|ignore|hide|show|show_from|prune_from|callers|callees|invert|prefix|subtract|diff_top)$'
	AND (provolatile <> 'i' OR proparallel <> 's' OR NOT proisstrict);
SET client_min_messages = warning;
DROP SCHEMA views CASCADE;
