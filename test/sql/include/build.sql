\set ECHO none
-- Helpers of the tests: pprof bytes built message by message, and errors as
-- values.  In a schema of their own, made anew by each test.
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS build CASCADE;
CREATE SCHEMA build;

-- The wire format: a varint, and fields that hold a number or bytes.
CREATE FUNCTION build.varint(n numeric) RETURNS bytea
	LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	rest numeric := CASE WHEN n < 0 THEN n + 18446744073709551616 ELSE n END;
	bytes bytea := '';
BEGIN
	LOOP
		bytes := bytes || set_byte('\x00', 0, (rest % 128)::int +
			CASE WHEN rest >= 128 THEN 128 ELSE 0 END);
		rest := div(rest, 128);
		EXIT WHEN rest = 0;
	END LOOP;
	RETURN bytes;
END $$;

CREATE FUNCTION build.number(field int, value numeric) RETURNS bytea
	LANGUAGE sql IMMUTABLE RETURN
	build.varint(field * 8) || build.varint(value);

CREATE FUNCTION build.bytes(field int, value bytea) RETURNS bytea
	LANGUAGE sql IMMUTABLE RETURN
	build.varint(field * 8 + 2) || build.varint(length(value)) || value;

CREATE FUNCTION build.packed(field int, numbers numeric[]) RETURNS bytea
	LANGUAGE sql IMMUTABLE RETURN
	(SELECT build.bytes(field, coalesce(string_agg(build.varint(v), ''::bytea ORDER BY o), ''))
	 FROM unnest(numbers) WITH ORDINALITY u(v, o));

-- pprof's messages.  Strings are named by their number; 0 is the empty one.
CREATE FUNCTION build.sample_type(type int, unit int) RETURNS bytea
	LANGUAGE sql IMMUTABLE RETURN
	build.bytes(1, build.number(1, type) || build.number(2, unit));

CREATE FUNCTION build.sample(locations numeric[], "values" numeric[], labels bytea DEFAULT '')
	RETURNS bytea LANGUAGE sql IMMUTABLE RETURN
	build.bytes(2, build.packed(1, locations) || build.packed(2, "values") || labels);

CREATE FUNCTION build.label(key int, string int) RETURNS bytea
	LANGUAGE sql IMMUTABLE RETURN
	build.bytes(3, build.number(1, key) || build.number(2, string));

CREATE FUNCTION build.number_label(key int, number numeric, unit int DEFAULT 0) RETURNS bytea
	LANGUAGE sql IMMUTABLE RETURN
	build.bytes(3, build.number(1, key) || build.number(3, number) || build.number(4, unit));

CREATE FUNCTION build.mapping(id numeric, start numeric, "limit" numeric, file int, build_id int DEFAULT 0)
	RETURNS bytea LANGUAGE sql IMMUTABLE RETURN
	build.bytes(3, build.number(1, id) || build.number(2, start) || build.number(3, "limit") ||
		build.number(5, file) || build.number(6, build_id));

CREATE FUNCTION build.line(function numeric, line numeric DEFAULT 0) RETURNS bytea
	LANGUAGE sql IMMUTABLE RETURN
	build.bytes(4, build.number(1, function) || build.number(2, line));

CREATE FUNCTION build.location(id numeric, lines bytea DEFAULT '', address numeric DEFAULT 0,
	mapping numeric DEFAULT 0)
	RETURNS bytea LANGUAGE sql IMMUTABLE RETURN
	build.bytes(4, build.number(1, id) || build.number(2, mapping) || build.number(3, address) || lines);

CREATE FUNCTION build.function(id numeric, name int, system_name int DEFAULT 0, file int DEFAULT 0,
	start_line numeric DEFAULT 0)
	RETURNS bytea LANGUAGE sql IMMUTABLE RETURN
	build.bytes(5, build.number(1, id) || build.number(2, name) || build.number(3, system_name) ||
		build.number(4, file) || build.number(5, start_line));

CREATE FUNCTION build.string(string bytea) RETURNS bytea
	LANGUAGE sql IMMUTABLE RETURN build.bytes(6, string);

-- A string table: the empty string, then these.
CREATE FUNCTION build.strings(VARIADIC strings text[]) RETURNS bytea
	LANGUAGE sql IMMUTABLE RETURN
	build.string('') ||
	(SELECT string_agg(build.string(convert_to(s, 'UTF8')), ''::bytea ORDER BY o)
	 FROM unnest(strings) WITH ORDINALITY u(s, o));

-- A whole profile of samples/count: main calls a function with this name,
-- which may be any bytes.
CREATE FUNCTION build.named(name bytea, value numeric DEFAULT 1) RETURNS bytea
	LANGUAGE sql IMMUTABLE RETURN
	build.strings('samples', 'count', 'main') || build.string(name) ||
	build.sample_type(1, 2) || build.sample('{2,1}', ARRAY[value]) ||
	build.location(1, build.line(1)) || build.location(2, build.line(2)) ||
	build.function(1, 3) || build.function(2, 4);

-- gzip and zstd that store what they are given (zstd: less than 256 bytes).
CREATE FUNCTION build.little_endian(number bigint, nbytes int) RETURNS bytea
	LANGUAGE sql IMMUTABLE RETURN
	(SELECT string_agg(set_byte('\x00', 0, (number >> (8 * i) & 255)::int), ''::bytea ORDER BY i)
	 FROM generate_series(0, nbytes - 1) i);

CREATE FUNCTION build.crc32(bytes bytea) RETURNS bigint
	LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	crc bigint := 4294967295;
BEGIN
	FOR i IN 0 .. length(bytes) - 1 LOOP
		crc := crc # get_byte(bytes, i);
		FOR bit IN 1 .. 8 LOOP
			crc := crc >> 1 # CASE WHEN crc & 1 = 1 THEN 3988292384 ELSE 0 END;
		END LOOP;
	END LOOP;
	RETURN crc # 4294967295;
END $$;

CREATE FUNCTION build.gzip(bytes bytea) RETURNS bytea
	LANGUAGE sql IMMUTABLE RETURN
	'\x1f8b080000000000000301'::bytea || build.little_endian(length(bytes), 2) ||
	build.little_endian(65535 - length(bytes), 2) || bytes ||
	build.little_endian(build.crc32(bytes), 4) || build.little_endian(length(bytes), 4);

CREATE FUNCTION build.zstd(bytes bytea) RETURNS bytea
	LANGUAGE sql IMMUTABLE RETURN
	'\x28b52ffd20'::bytea || build.little_endian(length(bytes), 1) ||
	build.little_endian(length(bytes) * 8 + 1, 3) || bytes;

-- What an SQL command fails with: SQLSTATE, message, detail and hint.
CREATE FUNCTION build.error(command text) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE command;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE || ' ' || message,
		nullif(detail, ''), nullif(hint, ''));
END $$;

-- What pprof bytes are refused with.
CREATE FUNCTION build.error_of(bytes bytea) RETURNS text
	LANGUAGE sql RETURN
	build.error(format('SELECT profile_from_pprof(%L)', bytes));
RESET client_min_messages;
\set ECHO all
