\set ECHO none
-- Views of profiles as digests, made as test/oracle/views makes them of what
-- google/pprof shows.  In a schema of their own, made anew by each test.
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS views CASCADE;
CREATE SCHEMA views;

-- The nodes of a call tree.
CREATE FUNCTION views.nodes(tree flamegraph) RETURNS text LANGUAGE sql RETURN (
	SELECT string_agg(concat_ws(E'\t', level, value, self, label), E'\n' ORDER BY ord)
	FROM flamegraph_frames(tree, 2147483647));

-- The call tree of a profile at a granularity.
CREATE FUNCTION views.tree_by(profile, granularity text) RETURNS flamegraph LANGUAGE sql RETURN (
	SELECT flamegraph(p, profile_default_sample_type(p), granularity) FROM (VALUES ($1)) v (p));

-- What the samples of a profile add up to, of all sample types, without zeros.
CREATE FUNCTION views.samples(profile) RETURNS text LANGUAGE sql RETURN (
	SELECT coalesce(string_agg(line, E'\n' ORDER BY line COLLATE "C"), '')
	FROM (SELECT type, sum(value) AS value, label, array_to_string(stack, ';') AS stack
		  FROM unnest(profile_sample_types($1)) type, profile_samples($1, type) s,
			LATERAL (SELECT coalesce(string_agg(key || '=' || l.value, ',' ORDER BY key || '=' || l.value COLLATE "C"), '') AS label
					 FROM jsonb_each_text(s.labels) l) l
		  GROUP BY type, label, stack) s, concat_ws(E'\t', type, value, label, stack) line
	WHERE value <> 0);

-- The call trees of all sample types by source lines.
CREATE FUNCTION views.all_lines(p profile) RETURNS text LANGUAGE sql RETURN (
	SELECT string_agg(type || E'\n' || views.nodes((SELECT flamegraph(v, type, 'line') FROM (VALUES (p)) t (v))),
					  E'\n' ORDER BY number)
	FROM unnest(profile_sample_types(p)) WITH ORDINALITY t (type, number));

-- The lines of a view.  f: the call tree of the profile; other: of the other
-- one of a pair.  NULL where the server has no such view.
CREATE FUNCTION views.lines(profile profile, f flamegraph, other flamegraph, view text, argument text,
							other_profile profile DEFAULT NULL)
	RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	tree flamegraph;
	lines text;
BEGIN
	IF view IN ('top', 'base_top', 'granularity_top') THEN
		tree := CASE view WHEN 'top' THEN f WHEN 'base_top' THEN f - other ELSE views.tree_by(profile, argument) END;
		SELECT coalesce(string_agg(concat_ws(E'\t', function, self, total), E'\n'
								   ORDER BY concat_ws(E'\t', function, self, total) COLLATE "C"), '') INTO lines
		FROM flamegraph_top(tree)
		WHERE self <> 0 OR total <> 0;
		RETURN lines;
	ELSIF view = 'source' THEN
		SELECT coalesce(string_agg(row, E'\n' ORDER BY row COLLATE "C"), '') INTO lines
		FROM profile_source(profile, argument) s,
			concat_ws(E'\t', function, coalesce(file, ''), line, self, total) row
		WHERE self <> 0 OR total <> 0;
		RETURN lines;
	ELSIF view = 'scale' THEN
		RETURN views.samples(profile * argument::float8);
	ELSIF view = 'merge' THEN
		RETURN views.samples(profile + other_profile);
	ELSIF view = 'merge_lines' THEN
		RETURN views.all_lines((SELECT profile_merge(p) FROM unnest(ARRAY[profile, other_profile, profile]) p));
	ELSIF view = 'subtract' THEN
		RETURN views.samples(profile - other_profile);
	ELSIF view = 'subtract_lines' THEN
		RETURN views.all_lines(profile - other_profile);
	ELSIF view = 'diff_top' THEN
		SELECT coalesce(string_agg(line, E'\n' ORDER BY line COLLATE "C"), '') INTO lines
		FROM flamegraph_diff_top(other, f, 'none') t,
			concat_ws(E'\t', function, base_self, comparison_self, base_total, comparison_total) line
		WHERE (base_self, comparison_self, base_total, comparison_total) <> (0, 0, 0, 0);
		RETURN lines;
	ELSIF view = 'peek' THEN
		SELECT coalesce(string_agg(line, E'\n' ORDER BY line COLLATE "C"), '') INTO lines
		FROM (SELECT 'in' AS side, r.* FROM flamegraph_frames(flamegraph_callers(f, argument), 2147483647) r
			  UNION ALL
			  SELECT 'out', r.* FROM flamegraph_frames(flamegraph_callees(f, argument), 2147483647) r) edges,
			concat_ws(E'\t', side, label, value) line
		WHERE level = 2 AND value <> 0;
		RETURN lines;
	ELSIF view = 'tagfocus' THEN
		IF to_regprocedure('profile_filter_labels(profile, text, text[])') IS NULL THEN
			RETURN NULL;
		END IF;
		EXECUTE 'SELECT flamegraph(profile_filter_labels($1, $2, $3), $4)' INTO tree
		USING profile, split_part(argument, '=', 1), ARRAY[substr(argument, strpos(argument, '=') + 1)],
			profile_default_sample_type(profile);
	ELSIF view = 'granularity' THEN
		RETURN views.nodes(views.tree_by(profile, argument));
	ELSE
		tree := CASE view
			WHEN 'tree' THEN f
			WHEN 'focus' THEN flamegraph_focus(f, argument)
			WHEN 'ignore' THEN flamegraph_ignore(f, argument)
			WHEN 'hide' THEN flamegraph_hide(f, argument)
			WHEN 'show' THEN flamegraph_show(f, argument)
			WHEN 'show_from' THEN flamegraph_show_from(f, argument)
			WHEN 'prune_from' THEN flamegraph_prune_from(f, argument)
			WHEN 'callers' THEN flamegraph_callers(f, argument)
			WHEN 'callees' THEN flamegraph_callees(f, argument)
			WHEN 'invert' THEN flamegraph_invert(f)
			WHEN 'prefix' THEN flamegraph_prefix(f, argument)
			WHEN 'base' THEN f - other
		END;
	END IF;
	RETURN views.nodes(tree);
END $$;

-- The digest of a view, or its error.
CREATE FUNCTION views.digest(profile profile, f flamegraph, other flamegraph, view text, argument text,
							 other_profile profile)
	RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN md5(views.lines(profile, f, other, view, argument, other_profile));
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- Rows of "oracle/views cases".
CREATE TABLE views.expected (file text, view text, argument text, other text, digest text, as_is text);

-- The profiles that they are about, by file name.
CREATE TABLE views.profile (file text PRIMARY KEY, profile profile, f flamegraph);

CREATE FUNCTION views.load(file text, path text) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	p profile;
BEGIN
	p := profile_from_pprof(pg_read_binary_file(path));
	INSERT INTO views.profile SELECT $1, p, flamegraph(q) FROM (VALUES (p)) v (q);
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

CREATE VIEW views.found AS
	SELECT e.*, views.digest(p.profile, p.f, o.f, e.view, e.argument, o.profile) AS found
	FROM views.expected e JOIN views.profile p USING (file) LEFT JOIN views.profile o ON o.file = e.other
	WHERE e.other = '' OR o.file IS NOT NULL;
RESET client_min_messages;
\set ECHO all
