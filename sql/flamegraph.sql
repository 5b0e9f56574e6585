-- ---- type flamegraph ----

CREATE TYPE flamegraph;
COMMENT ON TYPE flamegraph IS 'call tree by function name, with one sample type';

CREATE FUNCTION flamegraph_in(cstring) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_in'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_in(cstring) IS
	'I/O';

CREATE FUNCTION flamegraph_out(flamegraph) RETURNS cstring
	AS 'MODULE_PATHNAME', 'flamegraph_out'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_out(flamegraph) IS
	'I/O';

CREATE FUNCTION flamegraph_recv(internal) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_recv'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_recv(internal) IS
	'I/O';

CREATE FUNCTION flamegraph_send(flamegraph) RETURNS bytea
	AS 'MODULE_PATHNAME', 'flamegraph_send'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_send(flamegraph) IS
	'I/O';

-- Aligned for the 64-bit arrays in it, which are read where they lie.
CREATE TYPE flamegraph (
	INPUT = flamegraph_in,
	OUTPUT = flamegraph_out,
	RECEIVE = flamegraph_recv,
	SEND = flamegraph_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = extended
);

-- ---- flamegraph: aggregates and sums ----

CREATE FUNCTION flamegraph_accum(flamegraph, profile) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_accum(flamegraph, profile) IS
	'transition function of flamegraph';

CREATE FUNCTION flamegraph_accum(flamegraph, profile, text) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_accum(flamegraph, profile, text) IS
	'transition function of flamegraph';

CREATE FUNCTION flamegraph_accum(flamegraph, profile, text, text) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_accum(flamegraph, profile, text, text) IS
	'transition function of flamegraph';

CREATE FUNCTION flamegraph_combine(flamegraph, flamegraph) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_combine'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_combine(flamegraph, flamegraph) IS
	'sum of two states, which may be NULL';

CREATE FUNCTION flamegraph_final(flamegraph) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_final'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_final(flamegraph) IS
	'final function of the flamegraph aggregates';

-- SSPACE: without it the planner believes that a state takes 32 bytes; a state
-- is a tree of some hundreds of nodes.  Much more would keep it from hashing.
-- Version 18 rounds it up to a power of two after adding 16 bytes.
CREATE AGGREGATE flamegraph(profile) (
	SFUNC = flamegraph_accum, STYPE = flamegraph, SSPACE = 32752,
	COMBINEFUNC = flamegraph_combine,
	FINALFUNC = flamegraph_final, FINALFUNC_MODIFY = READ_ONLY,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE flamegraph(profile) IS 'call tree of the default sample type of profiles';

CREATE AGGREGATE flamegraph(profile, sample_type text) (
	SFUNC = flamegraph_accum, STYPE = flamegraph, SSPACE = 32752,
	COMBINEFUNC = flamegraph_combine,
	FINALFUNC = flamegraph_final, FINALFUNC_MODIFY = READ_ONLY,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE flamegraph(profile, text) IS 'call tree of one sample type of profiles';

CREATE AGGREGATE flamegraph(profile, sample_type text, granularity text) (
	SFUNC = flamegraph_accum, STYPE = flamegraph, SSPACE = 32752,
	COMBINEFUNC = flamegraph_combine,
	FINALFUNC = flamegraph_final, FINALFUNC_MODIFY = READ_ONLY,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE flamegraph(profile, text, text) IS 'call tree by function, line, file, package or address';

CREATE FUNCTION flamegraph_avg_final(flamegraph) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_avg_final'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_avg_final(flamegraph) IS
	'final function of flamegraph_avg';

CREATE AGGREGATE flamegraph_avg(profile, sample_type text) (
	SFUNC = flamegraph_accum, STYPE = flamegraph, SSPACE = 32752,
	COMBINEFUNC = flamegraph_combine,
	FINALFUNC = flamegraph_avg_final, FINALFUNC_MODIFY = READ_ONLY,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE flamegraph_avg(profile, text) IS 'mean call tree of one sample type of profiles';

CREATE AGGREGATE flamegraph_merge(flamegraph) (
	SFUNC = flamegraph_combine, STYPE = flamegraph, SSPACE = 32752,
	COMBINEFUNC = flamegraph_combine,
	FINALFUNC = flamegraph_final, FINALFUNC_MODIFY = READ_ONLY,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE flamegraph_merge(flamegraph) IS 'sum of call trees';

CREATE FUNCTION flamegraph_add(flamegraph, flamegraph) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_combine'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_add(flamegraph, flamegraph) IS
	'sum of two call trees';

CREATE OPERATOR + (
	LEFTARG = flamegraph, RIGHTARG = flamegraph, FUNCTION = flamegraph_add,
	COMMUTATOR = +
);
COMMENT ON OPERATOR + (flamegraph, flamegraph) IS 'sum of two call trees';

CREATE FUNCTION flamegraph_multiply(flamegraph, float8) RETURNS flamegraph
	AS 'MODULE_PATHNAME', 'flamegraph_multiply'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_multiply(flamegraph, float8) IS
	'call tree with all values multiplied';

CREATE OPERATOR * (
	LEFTARG = flamegraph, RIGHTARG = float8, FUNCTION = flamegraph_multiply
);
COMMENT ON OPERATOR * (flamegraph, float8) IS 'call tree with all values multiplied';

-- ---- flamegraph: what it says ----

CREATE FUNCTION flamegraph_frames(flamegraph, max_nodes int DEFAULT 16384,
	OUT ord int, OUT level int, OUT value bigint, OUT self bigint,
	OUT label text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'flamegraph_frames'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 1000;
COMMENT ON FUNCTION flamegraph_frames(flamegraph, int) IS
	'rows of a flame graph panel, in pre-order';

CREATE FUNCTION flamegraph_top(flamegraph,
	OUT function text, OUT self bigint, OUT total bigint,
	OUT self_pct float8, OUT total_pct float8) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'flamegraph_top'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 500;
COMMENT ON FUNCTION flamegraph_top(flamegraph) IS
	'functions by self value; recursion counts once';

CREATE FUNCTION flamegraph_diff(base flamegraph, comparison flamegraph,
	norm_by text DEFAULT 'none', max_nodes int DEFAULT 16384,
	OUT ord int, OUT level int, OUT value bigint, OUT self bigint,
	OUT label text, OUT "valueRight" bigint, OUT "selfRight" bigint) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'flamegraph_diff'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 1000;
COMMENT ON FUNCTION flamegraph_diff(flamegraph, flamegraph, text, int) IS
	'rows of a diff flame graph panel, in pre-order';

CREATE FUNCTION flamegraph_total(flamegraph) RETURNS bigint
	AS 'MODULE_PATHNAME', 'flamegraph_total'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION flamegraph_total(flamegraph) IS
	'sum of all values';

CREATE FUNCTION flamegraph_self(flamegraph, function text) RETURNS bigint
	AS 'MODULE_PATHNAME', 'flamegraph_self'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_self(flamegraph, text) IS
	'self value of a function';

CREATE FUNCTION flamegraph_share(flamegraph, regex text) RETURNS float8
	AS 'MODULE_PATHNAME', 'flamegraph_share'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_share(flamegraph, text) IS
	'share of the total in stacks through a matching function, 0 to 1';

CREATE FUNCTION flamegraph_sample_type(flamegraph) RETURNS text
	AS 'MODULE_PATHNAME', 'flamegraph_sample_type'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION flamegraph_sample_type(flamegraph) IS
	'sample type as type/unit';

CREATE FUNCTION flamegraph_profiles(flamegraph) RETURNS bigint
	AS 'MODULE_PATHNAME', 'flamegraph_profiles'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION flamegraph_profiles(flamegraph) IS
	'number of profiles that went in';

CREATE FUNCTION flamegraph_duration(flamegraph) RETURNS interval
	AS 'MODULE_PATHNAME', 'flamegraph_duration'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION flamegraph_duration(flamegraph) IS
	'summed duration of the profiles that went in';

-- ---- flamegraph: text and pictures ----

CREATE FUNCTION flamegraph_folded(flamegraph) RETURNS text
	AS 'MODULE_PATHNAME', 'flamegraph_folded'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_folded(flamegraph) IS
	'lines of "root;caller;leaf value"';

CREATE FUNCTION flamegraph_svg(flamegraph, title text DEFAULT '') RETURNS text
	AS 'MODULE_PATHNAME', 'flamegraph_svg'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_svg(flamegraph, text) IS
	'interactive flame graph in one SVG file';

CREATE FUNCTION flamegraph_diff_svg(base flamegraph, comparison flamegraph, title text DEFAULT '') RETURNS text
	AS 'MODULE_PATHNAME', 'flamegraph_diff_svg'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION flamegraph_diff_svg(flamegraph, flamegraph, text) IS
	'interactive diff flame graph in one SVG file';

-- ---- flamegraph: equality of content ----

CREATE FUNCTION flamegraph_eq(flamegraph, flamegraph) RETURNS bool
	AS 'MODULE_PATHNAME', 'flamegraph_eq'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION flamegraph_eq(flamegraph, flamegraph) IS
	'implementation of =';

CREATE FUNCTION flamegraph_ne(flamegraph, flamegraph) RETURNS bool
	AS 'MODULE_PATHNAME', 'flamegraph_ne'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION flamegraph_ne(flamegraph, flamegraph) IS
	'implementation of <>';

CREATE FUNCTION flamegraph_lt(flamegraph, flamegraph) RETURNS bool
	AS 'MODULE_PATHNAME', 'flamegraph_lt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION flamegraph_lt(flamegraph, flamegraph) IS
	'implementation of <';

CREATE FUNCTION flamegraph_le(flamegraph, flamegraph) RETURNS bool
	AS 'MODULE_PATHNAME', 'flamegraph_le'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION flamegraph_le(flamegraph, flamegraph) IS
	'implementation of <=';

CREATE FUNCTION flamegraph_gt(flamegraph, flamegraph) RETURNS bool
	AS 'MODULE_PATHNAME', 'flamegraph_gt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION flamegraph_gt(flamegraph, flamegraph) IS
	'implementation of >';

CREATE FUNCTION flamegraph_ge(flamegraph, flamegraph) RETURNS bool
	AS 'MODULE_PATHNAME', 'flamegraph_ge'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION flamegraph_ge(flamegraph, flamegraph) IS
	'implementation of >=';

CREATE FUNCTION flamegraph_cmp(flamegraph, flamegraph) RETURNS int
	AS 'MODULE_PATHNAME', 'flamegraph_cmp'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION flamegraph_cmp(flamegraph, flamegraph) IS
	'btree comparison';

CREATE FUNCTION flamegraph_hash(flamegraph) RETURNS int
	AS 'MODULE_PATHNAME', 'flamegraph_hash'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION flamegraph_hash(flamegraph) IS
	'hash';

CREATE FUNCTION flamegraph_hash_extended(flamegraph, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'flamegraph_hash_extended'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION flamegraph_hash_extended(flamegraph, bigint) IS
	'hash with a seed';

CREATE OPERATOR = (
	LEFTARG = flamegraph, RIGHTARG = flamegraph, FUNCTION = flamegraph_eq,
	COMMUTATOR = =, NEGATOR = <>,
	RESTRICT = eqsel, JOIN = eqjoinsel,
	HASHES, MERGES
);
COMMENT ON OPERATOR = (flamegraph, flamegraph) IS 'equal, by content';

CREATE OPERATOR <> (
	LEFTARG = flamegraph, RIGHTARG = flamegraph, FUNCTION = flamegraph_ne,
	COMMUTATOR = <>, NEGATOR = =,
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (flamegraph, flamegraph) IS 'not equal, by content';

CREATE OPERATOR < (
	LEFTARG = flamegraph, RIGHTARG = flamegraph, FUNCTION = flamegraph_lt,
	COMMUTATOR = >, NEGATOR = >=,
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (flamegraph, flamegraph) IS 'less than, by content';

CREATE OPERATOR <= (
	LEFTARG = flamegraph, RIGHTARG = flamegraph, FUNCTION = flamegraph_le,
	COMMUTATOR = >=, NEGATOR = >,
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (flamegraph, flamegraph) IS 'less than or equal, by content';

CREATE OPERATOR > (
	LEFTARG = flamegraph, RIGHTARG = flamegraph, FUNCTION = flamegraph_gt,
	COMMUTATOR = <, NEGATOR = <=,
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (flamegraph, flamegraph) IS 'greater than, by content';

CREATE OPERATOR >= (
	LEFTARG = flamegraph, RIGHTARG = flamegraph, FUNCTION = flamegraph_ge,
	COMMUTATOR = <=, NEGATOR = <,
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (flamegraph, flamegraph) IS 'greater than or equal, by content';

CREATE OPERATOR CLASS flamegraph_ops DEFAULT FOR TYPE flamegraph USING btree AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
	FUNCTION 1 flamegraph_cmp(flamegraph, flamegraph);
COMMENT ON OPERATOR CLASS flamegraph_ops USING btree IS 'equality of content';
COMMENT ON OPERATOR FAMILY flamegraph_ops USING btree IS 'equality of content';

CREATE OPERATOR CLASS flamegraph_ops DEFAULT FOR TYPE flamegraph USING hash AS
	OPERATOR 1 =,
	FUNCTION 1 flamegraph_hash(flamegraph),
	FUNCTION 2 flamegraph_hash_extended(flamegraph, bigint);
COMMENT ON OPERATOR CLASS flamegraph_ops USING hash IS 'equality of content';
COMMENT ON OPERATOR FAMILY flamegraph_ops USING hash IS 'equality of content';
