-- ---- profile: profiles made from profiles ----

CREATE FUNCTION profile_subtract(profile, profile) RETURNS profile
	AS 'MODULE_PATHNAME', 'profile_subtract_operator'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_subtract(profile, profile) IS
	'signed difference of two profiles';

CREATE OPERATOR - (
	LEFTARG = profile, RIGHTARG = profile, FUNCTION = profile_subtract
);
COMMENT ON OPERATOR - (profile, profile) IS 'signed difference of two profiles';

CREATE FUNCTION profile_multiply(profile, float8) RETURNS profile
	AS 'MODULE_PATHNAME', 'profile_multiply'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_multiply(profile, float8) IS
	'profile with all values multiplied';

CREATE OPERATOR * (
	LEFTARG = profile, RIGHTARG = float8, FUNCTION = profile_multiply
);
COMMENT ON OPERATOR * (profile, float8) IS 'profile with all values multiplied';

CREATE FUNCTION profile_filter_labels(profile, labels jsonb) RETURNS profile
	AS 'MODULE_PATHNAME', 'profile_filter_labels'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_filter_labels(profile, jsonb) IS
	'samples that have all these labels';

CREATE FUNCTION profile_filter_labels(profile, key text, "values" text[]) RETURNS profile
	AS 'MODULE_PATHNAME', 'profile_filter_label_values'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_filter_labels(profile, text, text[]) IS
	'samples whose label has one of these values';

CREATE FUNCTION profile_normalize_symbols(profile) RETURNS profile
	AS 'MODULE_PATHNAME', 'profile_normalize_symbols'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION profile_normalize_symbols(profile) IS
	'profile whose frames are the same in every process';

CREATE FUNCTION profile_source(profile, function_regex text, sample_type text DEFAULT NULL,
	OUT function text, OUT file text, OUT line bigint, OUT self bigint,
	OUT total bigint) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'profile_source'
	LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 100;
COMMENT ON FUNCTION profile_source(profile, text, text) IS
	'what the source lines of matching functions cost';
