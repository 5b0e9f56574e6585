-- ---- type profile ----

CREATE TYPE profile;
COMMENT ON TYPE profile IS 'one pprof profile, or the sum of many';

CREATE FUNCTION profile_in(cstring) RETURNS profile
	AS 'MODULE_PATHNAME', 'profile_in'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_in(cstring) IS
	'I/O';

CREATE FUNCTION profile_out(profile) RETURNS cstring
	AS 'MODULE_PATHNAME', 'profile_out'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_out(profile) IS
	'I/O';

CREATE FUNCTION profile_recv(internal) RETURNS profile
	AS 'MODULE_PATHNAME', 'profile_recv'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_recv(internal) IS
	'I/O';

CREATE FUNCTION profile_send(profile) RETURNS bytea
	AS 'MODULE_PATHNAME', 'profile_to_pprof'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_send(profile) IS
	'I/O';

CREATE FUNCTION profile_typanalyze(internal) RETURNS bool
	AS 'MODULE_PATHNAME', 'profile_typanalyze'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION profile_typanalyze(internal) IS
	'ANALYZE';

-- Stored out of line as it is: the value compresses itself, and a part of an
-- uncompressed external value can be fetched alone.
CREATE TYPE profile (
	INPUT = profile_in,
	OUTPUT = profile_out,
	RECEIVE = profile_recv,
	SEND = profile_send,
	ANALYZE = profile_typanalyze,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = external
);

-- ---- profile: from and to other formats ----

CREATE FUNCTION profile_from_pprof(bytea) RETURNS profile
	AS 'MODULE_PATHNAME', 'profile_from_pprof'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_from_pprof(bytea) IS
	'profile from pprof bytes: gzip, zstd or plain';

CREATE FUNCTION profile_to_pprof(profile) RETURNS bytea
	AS 'MODULE_PATHNAME', 'profile_to_pprof'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_to_pprof(profile) IS
	'canonical gzip of the pprof bytes of a profile';

CREATE FUNCTION profile_from_folded(stacks text, sample_type text DEFAULT 'samples', unit text DEFAULT 'count') RETURNS profile
	AS 'MODULE_PATHNAME', 'profile_from_folded'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_from_folded(text, text, text) IS
	'profile from lines of "root;caller;leaf count"';

CREATE CAST (bytea AS profile) WITH FUNCTION profile_from_pprof(bytea) AS ASSIGNMENT;
COMMENT ON CAST (bytea AS profile) IS 'profile from pprof bytes';

CREATE CAST (profile AS bytea) WITH FUNCTION profile_to_pprof(profile);
COMMENT ON CAST (profile AS bytea) IS 'gzip of the pprof bytes of a profile';

-- ---- profile: what it says ----

CREATE FUNCTION profile_sample_types(profile) RETURNS text[]
	AS 'MODULE_PATHNAME', 'profile_sample_types'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION profile_sample_types(profile) IS
	'sample types as type/unit, in order';

CREATE FUNCTION profile_default_sample_type(profile) RETURNS text
	AS 'MODULE_PATHNAME', 'profile_default_sample_type'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION profile_default_sample_type(profile) IS
	'default sample type as type/unit';

CREATE FUNCTION profile_total(profile, sample_type text DEFAULT NULL) RETURNS bigint
	AS 'MODULE_PATHNAME', 'profile_total'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION profile_total(profile, text) IS
	'sum of the values of a sample type';

CREATE FUNCTION profile_sample_count(profile) RETURNS int
	AS 'MODULE_PATHNAME', 'profile_sample_count'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION profile_sample_count(profile) IS
	'number of samples stored';

CREATE FUNCTION profile_time(profile) RETURNS timestamptz
	AS 'MODULE_PATHNAME', 'profile_time'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION profile_time(profile) IS
	'when the profile was taken';

CREATE FUNCTION profile_duration(profile) RETURNS interval
	AS 'MODULE_PATHNAME', 'profile_duration'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION profile_duration(profile) IS
	'how long the profile was taken';

CREATE FUNCTION profile_period(profile) RETURNS bigint
	AS 'MODULE_PATHNAME', 'profile_period'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION profile_period(profile) IS
	'events between two samples';

CREATE FUNCTION profile_period_type(profile) RETURNS text
	AS 'MODULE_PATHNAME', 'profile_period_type'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION profile_period_type(profile) IS
	'what the period counts, as type/unit';

CREATE FUNCTION profile_samples(profile, sample_type text DEFAULT NULL,
	OUT stack text[], OUT value bigint, OUT labels jsonb) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'profile_samples'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 500;
COMMENT ON FUNCTION profile_samples(profile, text) IS
	'samples with their stacks, root first';

CREATE FUNCTION profile_locations(profile,
	OUT id int, OUT address text, OUT function text, OUT system_name text,
	OUT file text, OUT line bigint, OUT inlined bool, OUT mapping text,
	OUT build_id text) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'profile_locations'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 1000;
COMMENT ON FUNCTION profile_locations(profile) IS
	'locations, a row for each frame, outermost first';

CREATE FUNCTION profile_functions(profile) RETURNS SETOF text
	AS 'MODULE_PATHNAME', 'profile_functions'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 500;
COMMENT ON FUNCTION profile_functions(profile) IS
	'names of all functions, each once';

-- ---- profile: sums ----

CREATE FUNCTION profile_add(profile, profile) RETURNS profile
	AS 'MODULE_PATHNAME', 'profile_add'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_add(profile, profile) IS
	'sum of two profiles';

CREATE OPERATOR + (
	LEFTARG = profile, RIGHTARG = profile, FUNCTION = profile_add,
	COMMUTATOR = +
);
COMMENT ON OPERATOR + (profile, profile) IS 'sum of two profiles';

CREATE FUNCTION profile_merge_accum(profile, profile) RETURNS profile
	AS 'MODULE_PATHNAME', 'profile_merge_accum'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_merge_accum(profile, profile) IS
	'transition function of profile_merge';

CREATE FUNCTION profile_merge_final(profile) RETURNS profile
	AS 'MODULE_PATHNAME', 'profile_merge_final'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_merge_final(profile) IS
	'final function of profile_merge';

-- SSPACE: without it the planner believes that a state takes 32 bytes; a state
-- is a tree of some hundreds of nodes.  Much more would keep it from hashing.
-- Version 18 rounds it up to a power of two after adding 16 bytes.
CREATE AGGREGATE profile_merge(profile) (
	SFUNC = profile_merge_accum, STYPE = profile, SSPACE = 32752,
	COMBINEFUNC = profile_merge_accum,
	FINALFUNC = profile_merge_final, FINALFUNC_MODIFY = READ_ONLY,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE profile_merge(profile) IS 'sum of profiles, nothing lost';

-- ---- profile: equality of content ----

CREATE FUNCTION profile_eq(profile, profile) RETURNS bool
	AS 'MODULE_PATHNAME', 'profile_eq'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION profile_eq(profile, profile) IS
	'implementation of =';

CREATE FUNCTION profile_ne(profile, profile) RETURNS bool
	AS 'MODULE_PATHNAME', 'profile_ne'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION profile_ne(profile, profile) IS
	'implementation of <>';

CREATE FUNCTION profile_lt(profile, profile) RETURNS bool
	AS 'MODULE_PATHNAME', 'profile_lt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION profile_lt(profile, profile) IS
	'implementation of <';

CREATE FUNCTION profile_le(profile, profile) RETURNS bool
	AS 'MODULE_PATHNAME', 'profile_le'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION profile_le(profile, profile) IS
	'implementation of <=';

CREATE FUNCTION profile_gt(profile, profile) RETURNS bool
	AS 'MODULE_PATHNAME', 'profile_gt'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION profile_gt(profile, profile) IS
	'implementation of >';

CREATE FUNCTION profile_ge(profile, profile) RETURNS bool
	AS 'MODULE_PATHNAME', 'profile_ge'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION profile_ge(profile, profile) IS
	'implementation of >=';

CREATE FUNCTION profile_cmp(profile, profile) RETURNS int
	AS 'MODULE_PATHNAME', 'profile_cmp'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION profile_cmp(profile, profile) IS
	'btree comparison';

CREATE FUNCTION profile_hash(profile) RETURNS int
	AS 'MODULE_PATHNAME', 'profile_hash'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION profile_hash(profile) IS
	'hash';

CREATE FUNCTION profile_hash_extended(profile, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'profile_hash_extended'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION profile_hash_extended(profile, bigint) IS
	'hash with a seed';

CREATE OPERATOR = (
	LEFTARG = profile, RIGHTARG = profile, FUNCTION = profile_eq,
	COMMUTATOR = =, NEGATOR = <>,
	RESTRICT = eqsel, JOIN = eqjoinsel,
	HASHES, MERGES
);
COMMENT ON OPERATOR = (profile, profile) IS 'equal, by content';

CREATE OPERATOR <> (
	LEFTARG = profile, RIGHTARG = profile, FUNCTION = profile_ne,
	COMMUTATOR = <>, NEGATOR = =,
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (profile, profile) IS 'not equal, by content';

CREATE OPERATOR < (
	LEFTARG = profile, RIGHTARG = profile, FUNCTION = profile_lt,
	COMMUTATOR = >, NEGATOR = >=,
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (profile, profile) IS 'less than, by content';

CREATE OPERATOR <= (
	LEFTARG = profile, RIGHTARG = profile, FUNCTION = profile_le,
	COMMUTATOR = >=, NEGATOR = >,
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (profile, profile) IS 'less than or equal, by content';

CREATE OPERATOR > (
	LEFTARG = profile, RIGHTARG = profile, FUNCTION = profile_gt,
	COMMUTATOR = <, NEGATOR = <=,
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (profile, profile) IS 'greater than, by content';

CREATE OPERATOR >= (
	LEFTARG = profile, RIGHTARG = profile, FUNCTION = profile_ge,
	COMMUTATOR = <=, NEGATOR = <,
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (profile, profile) IS 'greater than or equal, by content';

CREATE OPERATOR CLASS profile_ops DEFAULT FOR TYPE profile USING btree AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
	FUNCTION 1 profile_cmp(profile, profile);
COMMENT ON OPERATOR CLASS profile_ops USING btree IS 'equality of content';
COMMENT ON OPERATOR FAMILY profile_ops USING btree IS 'equality of content';

CREATE OPERATOR CLASS profile_ops DEFAULT FOR TYPE profile USING hash AS
	OPERATOR 1 =,
	FUNCTION 1 profile_hash(profile),
	FUNCTION 2 profile_hash_extended(profile, bigint);
COMMENT ON OPERATOR CLASS profile_ops USING hash IS 'equality of content';
COMMENT ON OPERATOR FAMILY profile_ops USING hash IS 'equality of content';

-- ---- profile: functions that it contains ----

CREATE FUNCTION profile_contains(profile, text) RETURNS bool
	AS 'MODULE_PATHNAME', 'profile_contains'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_contains(profile, text) IS
	'implementation of @>';

CREATE FUNCTION profile_matches(profile, text) RETURNS bool
	AS 'MODULE_PATHNAME', 'profile_matches'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_matches(profile, text) IS
	'implementation of ~';

CREATE OPERATOR @> (
	LEFTARG = profile, RIGHTARG = text, FUNCTION = profile_contains,
	RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @> (profile, text) IS 'contains a function of exactly this name';

CREATE OPERATOR ~ (
	LEFTARG = profile, RIGHTARG = text, FUNCTION = profile_matches,
	RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR ~ (profile, text) IS 'contains a function that matches this regular expression';
