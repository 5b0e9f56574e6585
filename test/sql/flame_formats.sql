-- Flame graphs in the formats of other tools, and profiles from speedscope.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/build.sql'
\i :include

-- ---- Grafana's panel reads columns by these names ----
SELECT p.oid::regprocedure, n AS name, t::regtype AS type
FROM pg_proc p, unnest(p.proargnames, p.proallargtypes, p.proargmodes) WITH ORDINALITY u(n, t, mode, o)
WHERE p.proname IN ('flamegraph_frames', 'flamegraph_diff') AND mode = 'o' ORDER BY p.proname, o;

-- The tree of one profile, where an aggregate may not stand.
CREATE FUNCTION build.tree(p profile, type text DEFAULT NULL) RETURNS flamegraph LANGUAGE sql AS 'SELECT flamegraph(p, type)';

-- ---- flamebearer ----

-- Levels from the root down, four numbers a node: how far behind the node
-- before it begins, total, self, name.  Children begin behind their parent's
-- self value; names are numbered last child first.
CREATE TEMP TABLE tree AS SELECT E'main;work;deep 30\nmain;work 10\nmain;rest 5\nmain 1\nidle 54'::flamegraph AS f;
SELECT jsonb_pretty(flamegraph_flamebearer(f) - 'flamebearer') AS single, flamegraph_flamebearer(f)->'flamebearer' AS f
FROM tree;

-- Two trees: seven numbers a node.
SELECT jsonb_pretty(d - 'flamebearer') AS double, d->'flamebearer' AS f
FROM flamegraph_flamebearer(E'a;b 3\nc 2'::flamegraph, E'a;b 1\na;d 4'::flamegraph) d;

-- Empty trees have their root.
SELECT flamegraph_flamebearer(flamegraph(NULL::profile));
SELECT flamegraph_flamebearer(''::flamegraph, ''::flamegraph);
SELECT flamegraph_flamebearer('a 1'::flamegraph, flamegraph(NULL::profile))->'flamebearer'->'levels' AS base_only,
	flamegraph_flamebearer(flamegraph(NULL::profile), 'a 1'::flamegraph)->'flamebearer'->'levels' AS comparison_only;
SELECT flamegraph_flamebearer(NULL::flamegraph) IS NULL AS single, flamegraph_flamebearer('a 1'::flamegraph, NULL) IS NULL AS double;

-- max_nodes as in flamegraph_frames: all rows count, what is cut is "other".
SELECT n AS max_nodes, flamegraph_flamebearer(f, n)->'flamebearer'->'names' AS names,
	flamegraph_flamebearer(f, n)->'flamebearer'->'levels' AS levels
FROM tree, generate_series(1, 6) n;

-- What Pyroscope says of units and rates.
SELECT t AS type, d->>'name' AS name, d->>'units' AS units, d->>'sampleRate' AS rate
FROM unnest(ARRAY['cpu/nanoseconds', 'inuse_objects/count', 'alloc_objects/count', 'goroutine/count', 'samples/count',
	'inuse_space/bytes', 'contentions/count', 'delay/nanoseconds']) t,
	LATERAL (SELECT flamegraph_flamebearer(('flamegraph 1 ' || t || E'\n1\t1\ta')::flamegraph)->'metadata' AS d) m;

-- Values to the end of bigint are exact; what cannot be shown is an error.
SELECT flamegraph_flamebearer(E'a 9223372036854775800\nb 7')->'flamebearer' AS f;
SELECT build.error($$SELECT flamegraph_flamebearer('a 9223372036854775807'::flamegraph, 'a 1'::flamegraph)$$);
SELECT build.error($$SELECT flamegraph_flamebearer(E'a;b -3\na 5')$$) AS self,
	build.error($$SELECT flamegraph_flamebearer('a 1'::flamegraph, E'a;b -3\na 5'::flamegraph)$$) AS compared;
SELECT build.error($$SELECT flamegraph_flamebearer('a 1', 0)$$) AS zero,
	build.error($$SELECT flamegraph_flamebearer('a 1'::flamegraph, 'a 1'::flamegraph, -1)$$) AS negative;
SELECT build.error(format('SELECT flamegraph_flamebearer(%L::flamegraph, %L::flamegraph)',
	E'flamegraph 1 cpu/nanoseconds\n1\t1\ta', E'flamegraph 1 space/bytes\n1\t1\ta'));

-- Names: JSON's own signs, control characters, any script, and bytes that are
-- no text.  One that is empty is called as the root is.
CREATE TEMP TABLE names AS
	SELECT o, build.tree(build.named(name)::profile) AS f
	FROM unnest(ARRAY[convert_to('"quoted" \back\', 'UTF8'), '\x0a090d1f7f', convert_to('größe 火焰 🔥', 'UTF8'), '\xff00c3', 'a/b;c d', ''])
		WITH ORDINALITY u(name, o);
SELECT flamegraph_flamebearer(f)->'flamebearer'->'names' AS flamebearer, flamegraph_speedscope(f)->'shared'->'frames' AS speedscope
FROM names ORDER BY o;
SELECT flamegraph_flamebearer(E'flamegraph 1 samples/count\n1\t2\t\n2\t3\ttotal\n2\t4\tb')->'flamebearer' AS f;

-- A reader of the format, written from its description alone: offsets from
-- the left, then a node's place in pre-order is where it begins, its level
-- behind that.  A node that ends behind its parent is reported as level -1.
CREATE FUNCTION build.read_flamebearer(document jsonb)
	RETURNS TABLE (ord bigint, level int, label text, "values" numeric[]) LANGUAGE plpgsql AS $$
DECLARE
	names jsonb := document->'flamebearer'->'names';
	width int := CASE document->'metadata'->>'format' WHEN 'single' THEN 4 WHEN 'double' THEN 7 END;
	numbers numeric[];
	stops numeric[] := '{}';	-- of the nodes from the root to the last one
	node record;
	"left" numeric;
	"right" numeric;
	depth int := 0;
	line jsonb;
BEGIN
	CREATE TEMP TABLE IF NOT EXISTS decoded (start numeric, stop numeric, level int, label text, "values" numeric[]);
	TRUNCATE decoded;
	FOR line IN SELECT l FROM jsonb_array_elements(document->'flamebearer'->'levels') WITH ORDINALITY u(l, o) ORDER BY o LOOP
		SELECT array_agg(v::numeric ORDER BY o) INTO numbers FROM jsonb_array_elements_text(line) WITH ORDINALITY u(v, o);
		"left" := 0;
		"right" := 0;
		FOR i IN 0 .. array_length(numbers, 1) / width - 1 LOOP
			"left" := "left" + numbers[i * width + 1];
			IF width = 7 THEN
				"right" := "right" + numbers[i * width + 4];
				INSERT INTO decoded VALUES ("left" + "right", "left" + "right" + numbers[i * width + 2] + numbers[i * width + 5],
					depth, names->>(numbers[i * width + 7]::int),
					ARRAY[numbers[i * width + 2], numbers[i * width + 3], numbers[i * width + 5], numbers[i * width + 6]]);
				"right" := "right" + numbers[i * width + 5];
			ELSE
				INSERT INTO decoded VALUES ("left", "left" + numbers[i * width + 2], depth, names->>(numbers[i * width + 4]::int),
					numbers[i * width + 2 : i * width + 3]);
			END IF;
			"left" := "left" + numbers[i * width + 2];
		END LOOP;
		depth := depth + 1;
	END LOOP;
	ord := 0;
	FOR node IN SELECT * FROM decoded d ORDER BY d.start, d.level LOOP
		ord := ord + 1;
		level := CASE WHEN node.level = 0 OR node.stop <= stops[node.level] THEN node.level ELSE -1 END;
		stops := stops[:node.level] || node.stop;
		label := node.label;
		"values" := node.values;
		RETURN NEXT;
	END LOOP;
END $$;
CREATE FUNCTION build.wrong_single(f flamegraph, max_nodes int) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM build.read_flamebearer(flamegraph_flamebearer(f, max_nodes)) d
		FULL JOIN flamegraph_frames(f, max_nodes) r USING (ord)
	WHERE (d.level, d.label, d.values) IS DISTINCT FROM (r.level, r.label, ARRAY[r.value, r.self]::numeric[]) $$;
CREATE FUNCTION build.wrong_double(a flamegraph, b flamegraph, max_nodes int) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM build.read_flamebearer(flamegraph_flamebearer(a, b, max_nodes)) d
		FULL JOIN flamegraph_diff(a, b, 'none', max_nodes) r USING (ord)
	WHERE (d.level, d.label, d.values) IS DISTINCT FROM
		  (r.level, r.label, ARRAY[r.value, r.self, r."valueRight", r."selfRight"]::numeric[]) $$;

-- It gives back the frames of real profiles, of each sample type, and of
-- random trees, at each size, alone and compared.
SET client_min_messages = warning;
CREATE TABLE formats_read AS
	SELECT file, p, t AS type, flamegraph(p, t) AS f
	FROM (SELECT file, pg_read_binary_file(:'abs_srcdir' || '/data/' || file)::profile AS p
		  FROM pg_ls_dir(:'abs_srcdir' || '/data') AS file WHERE file LIKE '%.pb' OR file LIKE '%.pb.gz') q,
		unnest(profile_sample_types(p)) t
	GROUP BY file, p, t;
SELECT setseed(0.5);
CREATE TABLE formats_random AS
	SELECT tree, string_agg(line, E'\n')::flamegraph AS f
	FROM (SELECT tree, (SELECT string_agg('fn' || floor(random() * 6), ';') FROM generate_series(0, (random() * 8 + 0 * l)::int)) ||
				 ' ' || floor(random() * 4) AS line
		  FROM generate_series(1, 40) tree, generate_series(1, 60) l) lines
	GROUP BY tree;
SELECT count(*) AS trees, count(*) FILTER (WHERE flamegraph_total(f) > 0) AS not_empty FROM formats_random;
SELECT n AS max_nodes, count(*) AS trees, sum(build.wrong_single(f, n)) AS wrong
FROM (SELECT f FROM formats_read UNION ALL SELECT f FROM formats_random) f, unnest(ARRAY[1, 2, 3, 10, 100, 1000, 16384]) n
GROUP BY n ORDER BY n;
SELECT n AS max_nodes, count(*) AS pairs, sum(build.wrong_double(a.f, b.f, n)) AS wrong
FROM formats_random a JOIN formats_random b ON b.tree = a.tree % 40 + 1, unnest(ARRAY[1, 2, 3, 10, 100, 16384]) n
GROUP BY n ORDER BY n;
SELECT n AS max_nodes, count(*) AS pairs, sum(build.wrong_double(a.f, b.f, n)) AS wrong
FROM formats_read a JOIN formats_read b ON split_part(a.type, '/', 2) = split_part(b.type, '/', 2) AND
	(a.file, a.type) < (b.file, b.type) AND hashtext(a.file || a.type || b.file || b.type) % 8 = 0, unnest(ARRAY[50, 16384]) n
GROUP BY n ORDER BY n;

-- The sums, and the metadata of a double.
SELECT count(*) AS trees, count(*) FILTER (WHERE (b->>'numTicks')::bigint = flamegraph_total(f)) AS total,
	count(*) FILTER (WHERE (b->>'maxSelf')::bigint = (SELECT max(self) FROM flamegraph_frames(f))) AS max_self,
	count(*) FILTER (WHERE b->'names'->>0 = 'total') AS root_first
FROM formats_read, LATERAL (SELECT flamegraph_flamebearer(f)->'flamebearer' AS b) q;

-- ---- pprof ----

-- It is canonical, and read again gives the same nodes and sample type; of one
-- profile the same tree to the last byte, with its duration.
CREATE FUNCTION build.nodes(f flamegraph) RETURNS text LANGUAGE sql RETURN
	flamegraph_sample_type(f) || regexp_replace(f::text, '^[^\n]*', '');
SELECT count(*) AS trees,
	count(*) FILTER (WHERE profile_to_pprof(profile_from_pprof(b)) = b) AS canonical,
	count(*) FILTER (WHERE build.nodes(build.tree(profile_from_pprof(b), type)) = build.nodes(f)) AS same,
	count(*) FILTER (WHERE flamegraph_profiles(f) = 1) AS of_one_profile,
	count(*) FILTER (WHERE build.tree(profile_from_pprof(b), type) = f) AS equal
FROM (SELECT f, coalesce(type, 'samples') AS type, flamegraph_pprof(f) AS b
	  FROM (SELECT f, type FROM formats_read UNION ALL SELECT f, NULL FROM formats_random) u) q;

-- Functions are all that it knows.
SELECT p.function, p.system_name, p.file, p.line, p.address FROM tree, profile_locations(flamegraph_pprof(f)::profile) p;
SELECT s.stack, s.value FROM tree, profile_samples(flamegraph_pprof(f)::profile) s;

-- Negative values, those of the root and any names stay.  An empty name does
-- not: a profile shows it as unknown; nor does the number of profiles.
SELECT flamegraph(flamegraph_pprof(E'flamegraph 1 cpu/nanoseconds profiles=3 duration=5\n0\t7\n1\t-3\tb\n1\t0\t\n2\t1\tc')::profile);
SELECT o, build.tree(flamegraph_pprof(f)::profile) = f AS same, build.tree(profile_from_speedscope(flamegraph_speedscope(f))) = f AS speedscope
FROM names ORDER BY o;
SELECT profile_sample_types(p) AS types, build.tree(p) AS tree FROM (SELECT flamegraph_pprof(flamegraph(NULL::profile))::profile AS p) q;
SELECT flamegraph_pprof(NULL) IS NULL AS pprof, flamegraph_speedscope(NULL) IS NULL AS speedscope,
	profile_from_speedscope(NULL) IS NULL AS profile;

-- ---- speedscope, out ----
SELECT jsonb_pretty(flamegraph_speedscope(f) - 'exporter') FROM tree;
SELECT flamegraph_speedscope('')->'profiles' AS empty, flamegraph_speedscope('')->>'exporter' ~ '^pyro_ext [0-9.]+$' AS exporter;
SELECT build.error($$SELECT flamegraph_speedscope(E'a;b -3\na 5')$$);

-- Too many frames in all stacks is an error: a jsonb could not hold them.
SELECT build.error(format('SELECT flamegraph_speedscope(%L)',
	'flamegraph 1 samples/count' || (SELECT string_agg(format(E'\n%s\t1\tf', i), '' ORDER BY i) FROM generate_series(1, 5000) i)));

-- Read again it gives the same nodes and sample type.
SELECT count(*) AS trees, count(*) FILTER (WHERE build.nodes(build.tree(profile_from_speedscope(flamegraph_speedscope(f)))) =
	build.nodes(f)) AS same
FROM (SELECT f FROM formats_read UNION ALL SELECT f FROM formats_random UNION ALL
	  SELECT E'flamegraph 1 a/b/microseconds\n0\t7\n1\t2\tx\n2\t9223372036854775798\ty') q;

-- ---- speedscope, in ----
CREATE FUNCTION build.speedscope(profiles text, frames text DEFAULT '[{"name": "a"}, {"name": "b"}, {"name": "c"}]')
	RETURNS jsonb LANGUAGE sql RETURN format(
	'{"$schema": "https://www.speedscope.app/file-format-schema.json", "shared": {"frames": %s}, "profiles": [%s]}', frames, profiles)::jsonb;
CREATE FUNCTION build.sampled(unit text, samples text, weights text, name text DEFAULT '') RETURNS text LANGUAGE sql RETURN
	format('{"type": "sampled", "name": %s, "unit": "%s", "startValue": 0, "endValue": 1, "samples": %s, "weights": %s}',
		to_json(name), unit, samples, weights);
CREATE FUNCTION build.evented(unit text, events text, name text DEFAULT '') RETURNS text LANGUAGE sql AS $$
	SELECT format('{"type": "evented", "name": %s, "unit": "%s", "startValue": 0, "endValue": 1, "events": [%s]}', to_json(name), unit,
		(SELECT string_agg(format('{"type": "%s", "frame": %s, "at": %s}', e[1], e[2], e[3]), ',' ORDER BY o)
		 FROM regexp_matches(events, '(\w)(-?[0-9.]+)@(-?[0-9.e]+)', 'g') WITH ORDINALITY u(e, o))) $$;
CREATE FUNCTION build.read(file jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(t || E'\n' || (SELECT coalesce(string_agg(format('%s %s%s', array_to_string(stack, ';'), value,
		nullif(' ' || labels::text, ' {}')), E'\n') FILTER (WHERE value <> 0), 'nothing') FROM profile_samples(p, t)), E'\n')
	FROM profile_from_speedscope(file) p, unnest(profile_sample_types(p)) t $$;

-- Equal stacks of a sampled profile add up; a stack may be empty.
SELECT build.read(build.speedscope(build.sampled('none', '[[0, 1], [], [0, 1, 2], [0, 1]]', '[1, 5, 2, 3]')));
-- Calls of an evented profile: what is innermost gets the time; when nothing
-- runs, nothing is counted; time may begin anywhere.
SELECT build.read(build.speedscope(build.evented('none', 'O0@-5 O1@-3 C1@0 C0@1 O0@10 O0@11 C0@13 C0@13 O2@13 C2@13')));
-- Units of time become nanoseconds, as the clock on the wall.
SELECT u AS unit, build.read(build.speedscope(build.sampled(u, '[[0]]', '[2.5]')))
FROM unnest(ARRAY['none', 'nanoseconds', 'microseconds', 'milliseconds', 'seconds', 'bytes']) u;
-- What is rounded off is not lost: ten times 0.3 are 3, and a trace of short
-- calls has its length.
SELECT build.read(build.speedscope(build.sampled('none', '[[0],[0],[0],[0],[0],[0],[0],[0],[0],[0]]',
	'[0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3]')));
SELECT build.read(build.speedscope(build.evented('nanoseconds', 'O0@0.4 O1@0.8 C1@1.2 O2@1.6 C2@2.0 C0@2.4')));
SELECT build.read(build.speedscope(build.sampled('seconds', '[[0], [1]]', '[1e-9, 123.000000001000000000001]')));
-- Several profiles: their names are labels; units that differ are sample types.
SELECT build.read(build.speedscope(concat_ws(',', build.sampled('none', '[[0]]', '[1]', 'main thread'),
	build.evented('seconds', 'O0@0 C0@1', 'i/o'), build.sampled('none', '[[0]]', '[2]', 'main thread'), build.sampled('bytes', '[[1]]', '[9]'))));
-- Frames with files and lines; what is unknown stays so.
SELECT l.* FROM profile_locations(profile_from_speedscope(build.speedscope(build.sampled('none', '[[0, 1, 2, 3]]', '[1]'),
	'[{"name": "f", "file": "f.c", "line": 10, "col": 3}, {"name": "f", "file": "f.c", "line": 20}, {"name": "f", "file": null}, {"name": ""}]'))) l;
SELECT build.read(build.speedscope('')) AS empty, build.read(build.speedscope(build.sampled('none', '[]', '[]'), '[]')) AS no_samples;
SELECT build.read(build.speedscope(build.sampled('none', '[[0]]', '[9223372036854775807]'))) AS largest;

-- Everything that a file may get wrong is an error that says what and where.
SELECT o, build.error(format('SELECT profile_from_speedscope(%L)', file)) FROM unnest(ARRAY[
	'1', '[]', '"x"', '{}', '{"$schema": 1}', '{"$schema": "https://example.org/"}',
	'{"$schema": "https://www.speedscope.app/file-format-schema.json"}',
	'{"$schema": "https://www.speedscope.app/file-format-schema.json", "shared": []}',
	'{"$schema": "https://www.speedscope.app/file-format-schema.json", "shared": {"frames": {}}}',
	'{"$schema": "https://www.speedscope.app/file-format-schema.json", "shared": {"frames": []}, "profiles": 1}',
	'{"$schema": "https://www.speedscope.app/file-format-schema.json", "shared": {"frames": []}, "exporter": {}, "profiles": []}']) WITH ORDINALITY u(file, o)
ORDER BY o;
SELECT o, build.error(format('SELECT profile_from_speedscope(%L)', build.speedscope('', frames))) FROM unnest(ARRAY[
	'[1]', '[[]]', '[{}]', '[{"name": 1}]', '[{"name": "a", "file": []}]', '[{"name": "a", "line": "1"}]', '[{"name": "a", "line": -1}]',
	'[{"name": "a", "col": 1e30}]', '[{"name": "a", "line": 9223372036854775808}]']) WITH ORDINALITY u(frames, o) ORDER BY o;
SELECT o, build.error(format('SELECT profile_from_speedscope(%L)', build.speedscope(profile))) FROM unnest(ARRAY[
	'1', '{}', '{"unit": "none"}', '{"unit": "none", "type": "other"}', '{"unit": "hours", "type": "sampled"}', '{"unit": 1}',
	'{"unit": "none", "name": {}}', '{"unit": "none", "type": "sampled"}', '{"unit": "none", "type": "sampled", "samples": []}',
	'{"unit": "none", "type": "evented"}', '{"unit": "none", "type": "evented", "events": [1]}',
	'{"unit": "none", "type": "evented", "events": [{}]}', '{"unit": "none", "type": "evented", "events": [{"type": "O", "frame": 0}]}',
	'{"unit": "none", "type": "evented", "events": [{"type": "O", "at": 0}]}',
	'{"unit": "none", "type": "evented", "events": [{"type": "X", "frame": 0, "at": 0}]}',
	build.sampled('none', '[[0]]', '[]'), build.sampled('none', '[]', '[1]'), build.sampled('none', '[0]', '[1]'),
	build.sampled('none', '[{}]', '[1]'), build.sampled('none', '[["0"]]', '[1]'), build.sampled('none', '[[[0]]]', '[1]'),
	build.sampled('none', '[[3]]', '[1]'), build.sampled('none', '[[-1]]', '[1]'), build.sampled('none', '[[0.5]]', '[1]'),
	build.sampled('none', '[[1e30]]', '[1]'), build.sampled('none', '[[4294967296]]', '[1]'), build.sampled('none', '[[0]]', '["1"]'),
	build.sampled('none', '[[0]]', '[null]'), build.sampled('none', '[[0]]', '[-1]'), build.sampled('none', '[[0]]', '[-0.001]'),
	build.sampled('none', '[[0]]', '[9223372036854775808]'), build.sampled('seconds', '[[0]]', '[9223372037]'),
	build.sampled('none', '[[0], [1]]', '[9223372036854775807, 1]'), build.sampled('none', '[[0]]', '[1e1000]'),
	build.evented('none', 'O0@0'), build.evented('none', 'C0@0'), build.evented('none', 'O0@0 C1@1'), build.evented('none', 'O0@1 C0@0'),
	build.evented('none', 'O3@0 C3@1'), build.evented('none', 'O0@0 O1@1 C0@2 C1@3'),
	build.evented('none', 'O0@-9223372036854775807 C0@9223372036854775807')]) WITH ORDINALITY u(profile, o) ORDER BY o;
-- Numbers of any length are read, and no more of them than counts.
SELECT build.read(build.speedscope(build.sampled('none', '[[0]]', '[1.' || repeat('0', 10000) || '1]'))) AS long,
	build.read(build.speedscope(build.sampled('none', '[[0.000]]', '[1e-16000]'))) AS tiny;

-- Limits.
SET pyro.max_stack_depth = 2;
SELECT build.read(build.speedscope(build.sampled('none', '[[0, 1]]', '[1]'))) AS fits,
	build.error(format('SELECT profile_from_speedscope(%L)', build.speedscope(build.sampled('none', '[[0, 1, 2]]', '[1]')))) AS sampled,
	build.error(format('SELECT profile_from_speedscope(%L)', build.speedscope(build.evented('none', 'O0@0 O0@0 O0@0 C0@0 C0@0 C0@1')))) AS evented;
RESET pyro.max_stack_depth;
SET pyro.max_samples = 2;
SELECT build.read(build.speedscope(build.sampled('none', '[[0], [1], [0], [1]]', '[1, 1, 1, 1]'))) AS fits,
	build.error(format('SELECT profile_from_speedscope(%L)', build.speedscope(build.sampled('none', '[[0], [1], [2]]', '[1, 1, 1]')))) AS over;
RESET pyro.max_samples;
SET pyro.max_profile_size = '100kB';
SELECT build.error(format('SELECT profile_from_speedscope(%L)',
	build.speedscope(build.sampled('none', '[[0]]', '[1]', repeat('x', 110000))))) AS size,
	-- few events, but many frames in the stacks that they pass through
	build.error(format('SELECT profile_from_speedscope(%L)', build.speedscope(build.evented('none',
		(SELECT string_agg(format('O0@%s', i), ' ' ORDER BY i) FROM generate_series(1, 600) i) || ' ' ||
		(SELECT string_agg(format('C0@%s', i), ' ' ORDER BY i) FROM generate_series(601, 1200) i))))) AS frames;
RESET pyro.max_profile_size;

-- More sample types than a profile may have.
SELECT build.error(format('SELECT profile_from_speedscope(%L)', build.speedscope((SELECT string_agg(build.sampled('none', '[[0]]', '[1]',
	't' || i || '/count'), ',') FROM generate_series(1, 65) i)) || '{"exporter": "pyro_ext 1"}'));

-- ---- a database of another encoding ----
DROP TABLE formats_read, formats_random;
RESET client_min_messages;
\set previous_database :DBNAME
CREATE DATABASE regress_pyro_formats TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C';
\c regress_pyro_formats
SET client_min_messages = warning;
CREATE EXTENSION pyro_ext;
SET client_encoding = 'UTF8';
CREATE TEMP TABLE f AS SELECT flamegraph(profile_from_folded('größe;a 1')) AS f;
SELECT flamegraph_flamebearer(f)->'flamebearer'->'names' AS flamebearer, flamegraph_speedscope(f)->'shared' AS speedscope FROM f;
SELECT flamegraph(flamegraph_pprof(f)::profile)::text = min(f::text) AS same FROM f;
SELECT s.* FROM profile_from_speedscope('{"$schema": "https://www.speedscope.app/file-format-schema.json",
	"shared": {"frames": [{"name": "größe"}]}, "profiles": [{"type": "sampled", "name": "ä", "unit": "none", "samples": [[0]],
	"weights": [1]}]}') p, profile_samples(p) s;
\c :previous_database
DROP DATABASE regress_pyro_formats;
