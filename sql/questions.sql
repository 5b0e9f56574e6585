-- ---- schema pyro: questions to any table of profiles ----

CREATE SCHEMA pyro;
COMMENT ON SCHEMA pyro IS 'questions to tables of profiles, and looking after tables';
GRANT USAGE ON SCHEMA pyro TO PUBLIC;

-- ---- selectors ----

CREATE FUNCTION pyro.matches(service text, name text, labels jsonb, selector text) RETURNS bool
	AS 'MODULE_PATHNAME', 'pyro_matches'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION pyro.matches(text, text, jsonb, text) IS
	'does a row meet a selector';

CREATE FUNCTION pyro.selector_values(selector text, label text) RETURNS text[]
	AS 'MODULE_PATHNAME', 'pyro_selector_values'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION pyro.selector_values(text, text) IS
	'values that a selector leaves to a label; NULL if they cannot be listed';

CREATE FUNCTION pyro.selector_part(selector text, labels text[], among bool DEFAULT true) RETURNS text
	AS 'MODULE_PATHNAME', 'pyro_selector_part'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION pyro.selector_part(text, text[], bool) IS
	'matchers of a selector whose label is, or is not, among some';

CREATE FUNCTION pyro.selector_add(selector text, label text, allowed text[]) RETURNS text
	AS 'MODULE_PATHNAME', 'pyro_selector_add'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION pyro.selector_add(text, text, text[]) IS
	'selector and one matcher more: the label is one of these';

CREATE FUNCTION pyro.label_set(service text, name text, labels jsonb, wanted text[]) RETURNS jsonb
	LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 100
	RETURN (SELECT coalesce(jsonb_object_agg(w.label, v.value), '{}')
			FROM unnest(wanted) AS w(label)
			CROSS JOIN LATERAL (SELECT CASE w.label WHEN 'service_name' THEN service
											WHEN '__name__' THEN name
											ELSE labels ->> w.label END) AS v(value)
			WHERE v.value <> '');
COMMENT ON FUNCTION pyro.label_set(text, text, jsonb, text[]) IS
	'these labels of a row, those that are missing left out';

-- ---- profile types ----

CREATE FUNCTION pyro.type_ids(name text, profile profile, selector text DEFAULT '{}') RETURNS text[]
	AS 'MODULE_PATHNAME', 'pyro_type_ids'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION pyro.type_ids(text, profile, text) IS
	'ids of the profile types of a row that a selector accepts';

CREATE FUNCTION pyro.has_type(name text, profile profile, type text) RETURNS bool
	AS 'MODULE_PATHNAME', 'pyro_has_type'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION pyro.has_type(text, profile, text) IS
	'has a row this profile type';

CREATE FUNCTION pyro.type_labels(type text) RETURNS jsonb
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN jsonb_build_object('__profile_type__', type,
							  '__type__', split_part(type, ':', 2),
							  '__unit__', split_part(type, ':', 3),
							  '__period_type__', split_part(type, ':', 4),
							  '__period_unit__', split_part(type, ':', 5));
COMMENT ON FUNCTION pyro.type_labels(text) IS
	'labels that every series of a profile type has';

-- What is there at one time, not what happened since: to add it up over time
-- means nothing.  Node.js calls the live heap's types objects and space.
CREATE FUNCTION pyro.type_is_instant(type text) RETURNS bool
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN split_part(type, ':', 2) IN ('goroutine', 'goroutines', 'inuse_objects', 'inuse_space')
		OR (split_part(type, ':', 1) = 'memory' AND split_part(type, ':', 2) IN ('live', 'objects', 'space'));
COMMENT ON FUNCTION pyro.type_is_instant(text) IS
	'is a profile type averaged over time, not added up';

-- ---- how the questions read a table ----

-- The parts of a query of the rows p of a table, with the parameters
--	$1 from, $2 until, $3 rest, $4 services, $5 names, $6 tenants, $7 the
--	profile type, $8 types.
-- What the selector says about service, name and tenant becomes plain
-- comparisons where the values can be listed, so that indexes serve; the rest
-- goes through pyro.matches.  Matchers of the labels of profile types are
-- asked of each of a row's types.  type is NULL where a question has none.
CREATE FUNCTION pyro.selection(t regclass, type text, selector text,
	OUT condition text,		-- of the row p
	OUT series text,		-- columns that tell series of one name apart
	OUT labels text,		-- all labels but service and name
	OUT rest text, OUT services text[], OUT names text[], OUT tenants text[],
	OUT types text,
	OUT sample_type text, OUT instant bool)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	of_types CONSTANT text[] := '{__profile_type__,__type__,__unit__,__period_type__,__period_unit__}';
	has_tenant bool;
	covered text[] := of_types;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t) THEN
		RAISE undefined_table USING MESSAGE = 'relation with OID ' || t::oid || ' does not exist';
	END IF;
	IF type !~ '^([^:]*:){2}[^:]*$|^([^:]*:){4}[^:]*$' THEN
		RAISE invalid_parameter_value USING
			MESSAGE = 'profile type "' || left(type, 200) || '" is not name:type:unit:period_type:period_unit';
	END IF;
	PERFORM pyro.matches('', '', '{}', selector);	-- is it a selector at all
	has_tenant := EXISTS (SELECT FROM pg_attribute a
						  WHERE a.attrelid = t AND a.attname = 'tenant' AND a.attnum > 0 AND NOT a.attisdropped);
	sample_type := split_part(type, ':', 2) || '/' || split_part(type, ':', 3);
	instant := pyro.type_is_instant(type);
	-- any of these columns may be of another type that means the same
	series := 'p.service, p.labels::jsonb' || CASE WHEN has_tenant THEN ', p.tenant' ELSE '' END;
	labels := 'CASE jsonb_typeof(p.labels::jsonb) WHEN ''object'' THEN p.labels::jsonb ELSE ''{}'' END'
		|| CASE WHEN has_tenant THEN ' || jsonb_build_object(''tenant'', p.tenant::text)' ELSE '' END;

	services := pyro.selector_values(selector, 'service_name');
	names := pyro.selector_values(selector, '__name__');
	types := pyro.selector_part(selector, of_types);

	condition := 'p.ts >= $1 AND p.ts < $2';
	IF services IS NOT NULL THEN
		covered := covered || 'service_name'::text;
		condition := condition || CASE cardinality(services) WHEN 1 THEN ' AND p.service = ($4)[1]'
									   ELSE ' AND p.service = ANY ($4)' END;
	END IF;
	IF names IS NOT NULL THEN
		covered := covered || '__name__'::text;
		condition := condition || CASE cardinality(names) WHEN 1 THEN ' AND p.name = ($5)[1]'
									   ELSE ' AND p.name = ANY ($5)' END;
	END IF;
	IF has_tenant THEN
		tenants := pyro.selector_values(selector, 'tenant');
		IF tenants IS NOT NULL THEN
			covered := covered || 'tenant'::text;
			condition := condition || CASE cardinality(tenants) WHEN 1 THEN ' AND p.tenant::text = ($6)[1]'
										   ELSE ' AND p.tenant::text = ANY ($6)' END;
		END IF;
	END IF;
	rest := pyro.selector_part(selector, covered, false);
	IF rest <> '{}' THEN
		condition := condition || ' AND pyro.matches(p.service, p.name, '
			|| CASE WHEN pyro.selector_part(rest, '{tenant}') <> '{}' THEN labels ELSE 'p.labels::jsonb' END || ', $3)';
	END IF;
	IF type IS NOT NULL THEN
		condition := condition || ' AND p.name = split_part($7, '':'', 1) AND pyro.has_type(p.name, p.profile, $7)';
	END IF;
	IF types = '{}' THEN
		NULL;
	ELSIF type IS NULL THEN
		condition := condition || ' AND pyro.type_ids(p.name, p.profile, $8) <> ''{}''';
	ELSE
		condition := condition || ' AND EXISTS (SELECT FROM unnest(pyro.type_ids(p.name, p.profile, $8)) AS i(id)'
			|| ' WHERE i.id = $7 OR starts_with(i.id, $7 || '':''))';
	END IF;
END $$;
COMMENT ON FUNCTION pyro.selection(regclass, text, text) IS
	'parts of a query of the rows that a question is about';

-- ---- questions: what is there ----

CREATE FUNCTION pyro.services(t regclass, "from" timestamptz, until timestamptz)
	RETURNS TABLE (service text, profiles bigint, first timestamptz, last timestamptz)
	LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED COST 1000 ROWS 100
	SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	s record;
BEGIN
	SELECT * INTO s FROM pyro.selection(t, NULL, '{}');
	RETURN QUERY EXECUTE
		'SELECT p.service::text, count(*), min(p.ts)::timestamptz, max(p.ts)::timestamptz FROM ' || t::text || ' AS p'
		|| ' WHERE ' || s.condition
		|| ' GROUP BY 1 ORDER BY p.service::text COLLATE "C"'
		USING "from", until;
END $$;
COMMENT ON FUNCTION pyro.services(regclass, timestamptz, timestamptz) IS
	'services with their number of profiles, first and last';

CREATE FUNCTION pyro.label_sets(t regclass, "from" timestamptz, until timestamptz, selector text, labels text[])
	RETURNS SETOF jsonb
	LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED COST 1000 ROWS 100
	SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	s record;
	wants_types bool := labels && '{__profile_type__,__type__,__unit__,__period_type__,__period_unit__}'::text[];
BEGIN
	SELECT * INTO s FROM pyro.selection(t, NULL, selector);
	RETURN QUERY EXECUTE
		'SELECT r.found FROM (SELECT DISTINCT pyro.label_set(q.service, q.name, q.labels'
		|| CASE WHEN wants_types THEN ' || pyro.type_labels(i.id)' ELSE '' END || ', $9) AS found'
		|| ' FROM (SELECT DISTINCT p.service, p.name, ' || s.labels || ' AS labels'
		|| CASE WHEN wants_types THEN ', pyro.type_ids(p.name, p.profile, $8) AS ids' ELSE '' END
		|| ' FROM ' || t::text || ' AS p WHERE ' || s.condition || ') AS q'
		|| CASE WHEN wants_types THEN ' CROSS JOIN unnest(q.ids) AS i(id)' ELSE '' END
		|| ') AS r ORDER BY r.found::text COLLATE "C"'
		USING "from", until, s.rest, s.services, s.names, s.tenants, NULL::text, s.types, labels;
END $$;
COMMENT ON FUNCTION pyro.label_sets(regclass, timestamptz, timestamptz, text, text[]) IS
	'distinct combinations of labels';

CREATE FUNCTION pyro.label_values(t regclass, label text, "from" timestamptz, until timestamptz,
	selector text DEFAULT '{}')
	RETURNS SETOF text
	LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED COST 1000 ROWS 100
	BEGIN ATOMIC
		SELECT l ->> label FROM pyro.label_sets(t, "from", until, selector, ARRAY[label]) AS s(l)
		WHERE l ->> label IS NOT NULL
		ORDER BY (l ->> label) COLLATE "C";
	END;
COMMENT ON FUNCTION pyro.label_values(regclass, text, timestamptz, timestamptz, text) IS
	'values of a label';

CREATE FUNCTION pyro.label_names(t regclass, "from" timestamptz, until timestamptz, selector text DEFAULT '{}')
	RETURNS SETOF text
	LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED COST 1000 ROWS 100
	SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	s record;
BEGIN
	SELECT * INTO s FROM pyro.selection(t, NULL, selector);
	RETURN QUERY EXECUTE
		'SELECT k.name FROM (SELECT DISTINCT ' || s.labels || ' AS labels FROM ' || t::text || ' AS p'
		|| ' WHERE ' || s.condition || ') AS q'
		|| ' CROSS JOIN LATERAL (SELECT e.key FROM jsonb_each_text(CASE jsonb_typeof(q.labels) WHEN ''object'''
		|| ' THEN q.labels ELSE ''{}'' END) AS e WHERE e.value <> '''''
		|| ' UNION ALL SELECT unnest(''{service_name,__name__,__profile_type__,__type__,__unit__,__period_type__,'
		|| '__period_unit__}''::text[])) AS k(name)'
		|| ' GROUP BY 1 ORDER BY k.name COLLATE "C"'
		USING "from", until, s.rest, s.services, s.names, s.tenants, NULL::text, s.types;
END $$;
COMMENT ON FUNCTION pyro.label_names(regclass, timestamptz, timestamptz, text) IS
	'names of the labels';

CREATE FUNCTION pyro.profile_types(t regclass, "from" timestamptz, until timestamptz, selector text DEFAULT '{}')
	RETURNS TABLE (id text, name text, sample_type text, sample_unit text, period_type text, period_unit text,
		aggregation text)
	LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED COST 1000 ROWS 20
	SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	s record;
BEGIN
	SELECT * INTO s FROM pyro.selection(t, NULL, selector);
	RETURN QUERY EXECUTE
		'SELECT DISTINCT i.id COLLATE "C", split_part(i.id, '':'', 1), split_part(i.id, '':'', 2),'
		|| ' split_part(i.id, '':'', 3), split_part(i.id, '':'', 4), split_part(i.id, '':'', 5),'
		|| ' CASE WHEN pyro.type_is_instant(i.id) THEN ''avg'' ELSE ''sum'' END'
		|| ' FROM (SELECT DISTINCT pyro.type_ids(p.name, p.profile, $8) AS ids FROM ' || t::text || ' AS p'
		|| ' WHERE ' || s.condition || ') AS q CROSS JOIN unnest(q.ids) AS i(id) ORDER BY 1'
		USING "from", until, s.rest, s.services, s.names, s.tenants, NULL::text, s.types;
END $$;
COMMENT ON FUNCTION pyro.profile_types(regclass, timestamptz, timestamptz, text) IS
	'profile types, and how each is added up over time';

-- ---- questions: how much ----

-- Checked before there are rows, so that a wrong step is always an error.
CREATE FUNCTION pyro.bucket_origin("from" timestamptz, step interval) RETURNS timestamptz
	LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF step <= interval '0' OR date_part('month', step) <> 0 OR date_part('year', step) <> 0 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'step must be above 0, in weeks or shorter units: ' || step::text;
	END IF;
	RETURN CASE WHEN isfinite("from") THEN "from" ELSE to_timestamp(0) END;
END $$;
COMMENT ON FUNCTION pyro.bucket_origin(timestamptz, interval) IS
	'where the buckets of a range begin';

CREATE FUNCTION pyro.series(t regclass, type text, selector text, "from" timestamptz, until timestamptz,
	step interval, group_by text[] DEFAULT '{}')
	RETURNS TABLE (bucket timestamptz, labels jsonb, value float8)
	LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED COST 10000 ROWS 1000
	SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	s record;
BEGIN
	SELECT * INTO s FROM pyro.selection(t, type, selector);
	RETURN QUERY EXECUTE
		'SELECT r.bucket, r.labels, r.value FROM (SELECT q.bucket,'
		|| ' pyro.label_set(q.service, q.name, q.labels || pyro.type_labels($7), $11) AS labels,'
		|| ' sum(q.value)::float8 AS value'
		|| ' FROM (SELECT date_bin($10, p.ts::timestamptz, pyro.bucket_origin($1, $10)) AS bucket, p.service, p.name, ' || s.labels || ' AS labels,'
		|| CASE WHEN s.instant THEN ' avg' ELSE ' sum' END || '(@extschema@.profile_total(p.profile, $9)) AS value'
		|| ' FROM ' || t::text || ' AS p WHERE ' || s.condition || ' GROUP BY 1, 2, 3, 4) AS q'
		|| ' GROUP BY 1, 2) AS r ORDER BY r.bucket, r.labels::text COLLATE "C"'
		USING "from", until, s.rest, s.services, s.names, s.tenants, type, s.types, s.sample_type, step, group_by;
END $$;
COMMENT ON FUNCTION pyro.series(regclass, text, text, timestamptz, timestamptz, interval, text[]) IS
	'totals over time; a time without profiles has no row';

CREATE FUNCTION pyro.flamegraph(t regclass, type text, selector text, "from" timestamptz, until timestamptz)
	RETURNS flamegraph
	LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED COST 10000
	SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	s record;
	result @extschema@.flamegraph;
BEGIN
	SELECT * INTO s FROM pyro.selection(t, type, selector);
	EXECUTE CASE WHEN s.instant THEN
		'SELECT @extschema@.flamegraph_merge(q.mean) FROM (SELECT @extschema@.flamegraph_avg(p.profile, $9) AS mean'
		|| ' FROM ' || t::text || ' AS p WHERE ' || s.condition || ' GROUP BY ' || s.series || ') AS q'
	ELSE
		'SELECT @extschema@.flamegraph(p.profile, $9) FROM ' || t::text || ' AS p WHERE ' || s.condition
	END
		INTO result
		USING "from", until, s.rest, s.services, s.names, s.tenants, type, s.types, s.sample_type;
	RETURN result;
END $$;
COMMENT ON FUNCTION pyro.flamegraph(regclass, text, text, timestamptz, timestamptz) IS
	'call tree of a profile type';

CREATE FUNCTION pyro.merge(t regclass, type text, selector text, "from" timestamptz, until timestamptz)
	RETURNS profile
	LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED COST 10000
	SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	s record;
	result @extschema@.profile;
BEGIN
	SELECT * INTO s FROM pyro.selection(t, type, selector);
	EXECUTE CASE WHEN s.instant THEN
		'SELECT @extschema@.profile_merge(q.mean) FROM (SELECT @extschema@.profile_merge(p.profile)'
		|| ' OPERATOR(@extschema@.*) (1.0::float8 / count(*)) AS mean'
		|| ' FROM ' || t::text || ' AS p WHERE ' || s.condition || ' GROUP BY ' || s.series || ') AS q'
	ELSE
		'SELECT @extschema@.profile_merge(p.profile) FROM ' || t::text || ' AS p WHERE ' || s.condition
	END
		INTO result
		USING "from", until, s.rest, s.services, s.names, s.tenants, type, s.types, s.sample_type;
	RETURN result;
END $$;
COMMENT ON FUNCTION pyro.merge(regclass, text, text, timestamptz, timestamptz) IS
	'merge of the profiles that have a profile type';

CREATE FUNCTION pyro.top(t regclass, type text, selector text, "from" timestamptz, until timestamptz,
	OUT function text, OUT self bigint, OUT total bigint,
	OUT self_pct float8, OUT total_pct float8) RETURNS SETOF record
	LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED COST 10000 ROWS 500
	BEGIN ATOMIC
		SELECT * FROM flamegraph_top(pyro.flamegraph(t, type, selector, "from", until));
	END;
COMMENT ON FUNCTION pyro.top(regclass, text, text, timestamptz, timestamptz) IS
	'functions by self value';

CREATE FUNCTION pyro.diff(t regclass, type text,
	selector_a text, from_a timestamptz, until_a timestamptz,
	selector_b text, from_b timestamptz, until_b timestamptz,
	norm_by text DEFAULT 'none', max_nodes int DEFAULT 16384,
	OUT ord int, OUT level int, OUT value bigint, OUT self bigint,
	OUT label text, OUT "valueRight" bigint, OUT "selfRight" bigint) RETURNS SETOF record
	LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED COST 10000 ROWS 1000
	BEGIN ATOMIC
		SELECT * FROM flamegraph_diff(pyro.flamegraph(t, type, selector_a, from_a, until_a),
									  pyro.flamegraph(t, type, selector_b, from_b, until_b),
									  norm_by, max_nodes);
	END;
COMMENT ON FUNCTION pyro.diff(regclass, text, text, timestamptz, timestamptz, text, timestamptz, timestamptz, text,
	int) IS
	'rows of a diff flame graph panel of two selections';

-- ---- questions: one function ----

-- Frames without symbols are called after their mapped file.
CREATE FUNCTION pyro.may_have_frame(profile profile, name text) RETURNS bool
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 1000
	RETURN profile @> name OR name ~ '^(\[.*\]|<unknown>)$';
COMMENT ON FUNCTION pyro.may_have_frame(profile, text) IS
	'may the call tree of a profile have a frame of this name';

-- Trees only of the profiles that have the function: a total of its stacks is
-- linear in the profiles, so that the others count only in the divisor.
CREATE FUNCTION pyro.function_series(t regclass, type text, selector text, function text,
	"from" timestamptz, until timestamptz, step interval)
	RETURNS TABLE (bucket timestamptz, self float8, total float8, share float8)
	LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED COST 10000 ROWS 1000
	SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	s record;
BEGIN
	SELECT * INTO s FROM pyro.selection(t, type, selector);
	RETURN QUERY EXECUTE
		'SELECT q.bucket, sum(q.self / q.n), sum(q.total / q.n), sum(q.total / q.n) / nullif(sum(q.whole / q.n), 0)'
		|| ' FROM (SELECT g.bucket, g.n, g.whole, @extschema@.flamegraph_self(g.tree, $11)::float8 AS self,'
		|| ' coalesce((SELECT f.total FROM @extschema@.flamegraph_top(g.tree) AS f WHERE f.function = $11), 0)::float8'
		|| ' AS total FROM (SELECT date_bin($10, p.ts::timestamptz, pyro.bucket_origin($1, $10)) AS bucket,'
		|| ' @extschema@.flamegraph(p.profile, $9) FILTER (WHERE pyro.may_have_frame(p.profile, $11)) AS tree,'
		|| ' sum(@extschema@.profile_total(p.profile, $9))::float8 AS whole,'
		|| CASE WHEN s.instant THEN ' count(*)' ELSE ' 1' END || '::float8 AS n'
		|| ' FROM ' || t::text || ' AS p WHERE ' || s.condition
		|| ' GROUP BY 1' || CASE WHEN s.instant THEN ', ' || s.series ELSE '' END || ') AS g) AS q'
		|| ' GROUP BY 1 ORDER BY 1'
		USING "from", until, s.rest, s.services, s.names, s.tenants, type, s.types, s.sample_type, step, function;
END $$;
COMMENT ON FUNCTION pyro.function_series(regclass, text, text, text, timestamptz, timestamptz, interval) IS
	'self, total and share of a function over time';

-- In each profile's default sample type, where that has values of the function.
-- The mean of an instant type is over
-- all profiles of the series, also over those without the function.
CREATE FUNCTION pyro.services_calling(t regclass, function text, "from" timestamptz, until timestamptz)
	RETURNS TABLE (service text, name text, total float8, last timestamptz, sample_type text)
	LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED COST 10000 ROWS 100
	SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	s record;
BEGIN
	SELECT * INTO s FROM pyro.selection(t, NULL, '{}');
	RETURN QUERY EXECUTE
		'SELECT q.service::text, q.name::text, sum(q.total / q.n), max(q.last)::timestamptz, q.type'
		|| ' FROM (SELECT g.service, g.name, g.last, g.type, f.total::float8 AS total,'
		|| ' CASE WHEN pyro.type_is_instant(g.name || '':'' || replace(g.type, ''/'', '':'')) THEN g.n ELSE 1 END::float8 AS n'
		|| ' FROM (SELECT p.service, p.name, @extschema@.profile_default_sample_type(p.profile) AS type, count(*) AS n,'
		|| ' @extschema@.flamegraph(p.profile) FILTER (WHERE pyro.may_have_frame(p.profile, $3)) AS tree,'
		|| ' max(p.ts) FILTER (WHERE pyro.may_have_frame(p.profile, $3)) AS last'
		|| ' FROM ' || t::text || ' AS p WHERE ' || s.condition
		|| ' GROUP BY p.name, @extschema@.profile_default_sample_type(p.profile), ' || s.series || ') AS g'
		|| ' CROSS JOIN LATERAL @extschema@.flamegraph_top(g.tree) AS f WHERE f.function = $3) AS q'
		|| ' GROUP BY q.service, q.name, q.type'
		|| ' ORDER BY q.service::text COLLATE "C", q.name::text COLLATE "C", q.type COLLATE "C"'
		USING "from", until, function;
END $$;
COMMENT ON FUNCTION pyro.services_calling(regclass, text, timestamptz, timestamptz) IS
	'services whose profiles have a function, with its total';

-- ---- tables of profiles ----

-- Not as the session would show it: some DateStyles name zones that mean
-- another time when they are read.
CREATE FUNCTION pyro.utc_literal(timestamptz) RETURNS text
	LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED
	RETURN quote_literal(to_char(timezone('UTC', $1), 'YYYY-MM-DD HH24:MI:SS.US') || '+00');
COMMENT ON FUNCTION pyro.utc_literal(timestamptz) IS
	'quoted literal of a time, whatever the settings of the session';

-- The new table goes where CREATE TABLE would put it, so this runs under the
-- caller's search path: each operator and function is named in full.
CREATE PROCEDURE pyro.create_profiles_table(name text, retention interval DEFAULT interval '7 days',
	partition_by interval DEFAULT NULL)
	LANGUAGE plpgsql AS $$
DECLARE
	path pg_catalog.text[] := pg_catalog.parse_ident(name);
	bare pg_catalog.text := path[pg_catalog.cardinality(path)];	-- without its schema
	schema_dot pg_catalog.text;		-- quoted, with the dot
	place pg_catalog.text;			-- the table, quoted
	part pg_catalog.text;
	width pg_catalog.interval;
	start pg_catalog.timestamptz;
	-- without the parameter VACUUM leaves the tail of the payload standing
	storage CONSTANT pg_catalog.text := ' USING pyro WITH (toast.vacuum_index_cleanup = on)';
BEGIN
	IF path IS NULL OR pg_catalog.cardinality(path) OPERATOR(pg_catalog.>) 2 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a table of profiles is named as table or schema.table';
	END IF;
	IF retention OPERATOR(pg_catalog.<=) pg_catalog.make_interval() THEN
		RAISE invalid_parameter_value USING MESSAGE = 'retention must be positive';
	END IF;
	IF partition_by OPERATOR(pg_catalog.<) pg_catalog.make_interval(hours => 1)
		OR pg_catalog.date_part('month', partition_by) OPERATOR(pg_catalog.<>) 0
		OR pg_catalog.date_part('year', partition_by) OPERATOR(pg_catalog.<>) 0 THEN
		RAISE invalid_parameter_value USING
			MESSAGE = 'partition_by must be an hour or longer, in hours, days or weeks';
	END IF;
	schema_dot := pg_catalog.concat(pg_catalog.quote_ident(CASE WHEN pg_catalog.cardinality(path)
		OPERATOR(pg_catalog.=) 2 THEN path[1] ELSE pg_catalog.current_schema()::pg_catalog.text END), '.');
	IF schema_dot OPERATOR(pg_catalog.=) '.' THEN
		RAISE invalid_schema_name USING MESSAGE = 'no schema has been selected to create in';
	END IF;
	place := pg_catalog.concat(schema_dot, pg_catalog.quote_ident(bare));

	EXECUTE pg_catalog.concat('CREATE TABLE ', place, ' (',
		'ts pg_catalog.timestamptz NOT NULL, ',
		'tenant pg_catalog.text NOT NULL DEFAULT ''anonymous'', ',
		'service pg_catalog.text NOT NULL, ',
		'name pg_catalog.text NOT NULL, ',
		'labels pg_catalog.jsonb NOT NULL DEFAULT ''{}'', ',
		'profile @extschema@.profile NOT NULL)',
		CASE WHEN partition_by IS NOT NULL THEN ' PARTITION BY RANGE (ts)' ELSE storage END);
	EXECUTE pg_catalog.concat('CREATE INDEX ON ', place, ' (ts)');
	EXECUTE pg_catalog.concat('CREATE INDEX ON ', place, ' (service, name, ts)');
	EXECUTE pg_catalog.concat('COMMENT ON TABLE ', place, ' IS ''profiles, one a row''');
	EXECUTE pg_catalog.concat('COMMENT ON COLUMN ', place, '.ts IS ''when the profile was taken''');
	EXECUTE pg_catalog.concat('COMMENT ON COLUMN ', place, '.tenant IS ''whose it is''');
	EXECUTE pg_catalog.concat('COMMENT ON COLUMN ', place, '.service IS ''label service_name''');
	EXECUTE pg_catalog.concat('COMMENT ON COLUMN ', place, '.name IS ''kind of profile: process_cpu, memory, ...''');
	EXECUTE pg_catalog.concat('COMMENT ON COLUMN ', place, '.labels IS ''all other labels''');
	EXECUTE pg_catalog.concat('COMMENT ON COLUMN ', place, '.profile IS ''with all its sample types''');
	PERFORM pyro.set_policy(place::pg_catalog.regclass, compact_after => pg_catalog.make_interval(mins => 5),
		retention => retention, partition_by => partition_by);
	IF partition_by IS NULL THEN
		RETURN;
	END IF;

	-- in UTC, weeks from Monday: one partition behind, the present one, six
	-- ahead, and one for all other times, so that no profile is refused
	width := pg_catalog.make_interval(secs => pg_catalog.date_part('epoch', partition_by));
	start := pg_catalog.date_bin(width, pg_catalog.now(), pg_catalog.to_timestamp(1704067200))
		OPERATOR(pg_catalog.-) width;
	FOR i IN 1..9 LOOP
		part := pg_catalog.concat(bare, CASE WHEN i OPERATOR(pg_catalog.=) 9 THEN '_default'
			ELSE pg_catalog.to_char(pg_catalog.timezone('UTC', start), '_YYYYMMDD_HH24MI') END);
		IF pg_catalog.octet_length(part) OPERATOR(pg_catalog.>) 63 THEN
			RAISE invalid_parameter_value USING
				MESSAGE = pg_catalog.concat('the name "', bare, '" is too long for partitions');
		END IF;
		EXECUTE pg_catalog.concat('CREATE TABLE ', schema_dot, pg_catalog.quote_ident(part), ' PARTITION OF ', place,
			CASE WHEN i OPERATOR(pg_catalog.=) 9 THEN ' DEFAULT' ELSE pg_catalog.concat(
				' FOR VALUES FROM (', pyro.utc_literal(start), ') TO (',
				pyro.utc_literal(start OPERATOR(pg_catalog.+) width), ')') END, storage);
		start := start OPERATOR(pg_catalog.+) width;
	END LOOP;
END $$;
COMMENT ON PROCEDURE pyro.create_profiles_table(text, interval, interval) IS
	'makes a table of profiles with its indexes and its policy';
