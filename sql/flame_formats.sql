-- ---- flamegraph: formats of other tools ----

CREATE FUNCTION flamegraph_flamebearer(flamegraph, max_nodes int DEFAULT 16384) RETURNS jsonb
	AS 'MODULE_PATHNAME', 'flamegraph_flamebearer'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_flamebearer(flamegraph, int) IS
	'call tree in Pyroscope''s flamebearer format';

CREATE FUNCTION flamegraph_flamebearer(base flamegraph, comparison flamegraph,
	max_nodes int DEFAULT 16384) RETURNS jsonb
	AS 'MODULE_PATHNAME', 'flamegraph_diff_flamebearer'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_flamebearer(flamegraph, flamegraph, int) IS
	'two call trees in Pyroscope''s flamebearer format';

CREATE FUNCTION flamegraph_speedscope(flamegraph) RETURNS jsonb
	AS 'MODULE_PATHNAME', 'flamegraph_speedscope'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_speedscope(flamegraph) IS
	'call tree as a speedscope file';

CREATE FUNCTION flamegraph_pprof(flamegraph) RETURNS bytea
	AS 'MODULE_PATHNAME', 'flamegraph_pprof'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_pprof(flamegraph) IS
	'canonical gzip of pprof bytes that name functions only';

