-- ---- profile: from formats of other tools ----

CREATE FUNCTION profile_from_speedscope(jsonb) RETURNS profile
	AS 'MODULE_PATHNAME', 'profile_from_speedscope'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_from_speedscope(jsonb) IS
	'profile from a speedscope file';

