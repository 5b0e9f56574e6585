-- ---- flamegraph: filters, with pprof's meanings ----

CREATE FUNCTION flamegraph_focus(flamegraph, regex text) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_focus'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_focus(flamegraph, text) IS
	'stacks through a matching function';

CREATE FUNCTION flamegraph_ignore(flamegraph, regex text) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_ignore'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_ignore(flamegraph, text) IS
	'stacks through no matching function';

CREATE FUNCTION flamegraph_hide(flamegraph, regex text) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_hide'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_hide(flamegraph, text) IS
	'stacks without their matching frames';

CREATE FUNCTION flamegraph_show(flamegraph, regex text) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_show'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_show(flamegraph, text) IS
	'stacks with only their matching frames';

CREATE FUNCTION flamegraph_show_from(flamegraph, regex text) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_show_from'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_show_from(flamegraph, text) IS
	'stacks from their outermost matching frame';

CREATE FUNCTION flamegraph_prune_from(flamegraph, regex text) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_prune_from'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_prune_from(flamegraph, text) IS
	'stacks up to their innermost matching frame';

-- ---- flamegraph: seen from a function, from the leaves, under a root ----

CREATE FUNCTION flamegraph_callers(flamegraph, function text) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_callers'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_callers(flamegraph, text) IS
	'upper half of a sandwich: from a function to the roots';

CREATE FUNCTION flamegraph_callees(flamegraph, function text) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_callees'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_callees(flamegraph, text) IS
	'lower half of a sandwich: from a function to the leaves';

CREATE FUNCTION flamegraph_invert(flamegraph) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_invert'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_invert(flamegraph) IS
	'call tree with the leaves at the root';

CREATE FUNCTION flamegraph_prefix(flamegraph, root text) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_prefix'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_prefix(flamegraph, text) IS
	'call tree with one more frame at the root';

-- ---- flamegraph: differences ----

CREATE FUNCTION flamegraph_subtract(flamegraph, flamegraph) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_subtract'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_subtract(flamegraph, flamegraph) IS
	'implementation of -';

CREATE OPERATOR - (
	LEFTARG = flamegraph, RIGHTARG = flamegraph, FUNCTION = flamegraph_subtract
);
COMMENT ON OPERATOR - (flamegraph, flamegraph) IS 'signed difference of two call trees';

CREATE FUNCTION flamegraph_diff_top(base flamegraph, comparison flamegraph,
	norm_by text DEFAULT 'total',
	OUT function text, OUT base_self bigint, OUT comparison_self bigint,
	OUT base_total bigint, OUT comparison_total bigint,
	OUT delta bigint, OUT delta_pct float8, OUT factor float8) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'flamegraph_diff_top'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 500;
COMMENT ON FUNCTION flamegraph_diff_top(flamegraph, flamegraph, text) IS
	'functions of two call trees, the largest change first';
