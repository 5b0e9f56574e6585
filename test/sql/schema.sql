-- Where the extension lives: in a schema of its own, found without a search
-- path, beside tables that have its types' names, and gone without a trace.
\getenv abs_srcdir PG_ABS_SRCDIR
\set previous_database :DBNAME
CREATE DATABASE regress_pyro_schema TEMPLATE template0;
\c regress_pyro_schema
CREATE SCHEMA flames;
CREATE EXTENSION pyro_ext SCHEMA flames;

-- Everything is in that schema, but for the questions and what they need.
SELECT extname, extnamespace::regnamespace, extrelocatable FROM pg_extension WHERE extname = 'pyro_ext';
SELECT classid::regclass, coalesce(p.pronamespace, t.typnamespace, o.oprnamespace, c.opcnamespace,
	f.opfnamespace)::regnamespace AS namespace
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
	AND e.extname = 'pyro_ext'
	 LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid LEFT
	JOIN pg_type t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid
	 LEFT JOIN pg_operator o ON d.classid = 'pg_operator'::regclass AND o.oid = d.objid LEFT
	JOIN pg_opclass c ON d.classid = 'pg_opclass'::regclass AND c.oid = d.objid
	 LEFT JOIN pg_opfamily f ON d.classid = 'pg_opfamily'::regclass AND f.oid = d.objid
WHERE d.deptype = 'e' AND d.classid <> 'pg_cast'::regclass
	-- types of rows are members of their own from 17 on
	AND t.typnamespace IS DISTINCT FROM 'pyro'::regnamespace GROUP BY 1, 2 ORDER BY 1::text, 2::text;

-- Without the schema in the search path all works by its full name: functions
-- that take and give rows, casts, operators, aggregates and index support.
SHOW search_path;
SELECT 'main 1'::profile;
SELECT flames.profile_total('main;work 10'::flames.profile) AS total,
	flames.flamegraph_folded(flames.flamegraph('main;work 10'::flames.profile)) AS folded;
SELECT 'a 1'::flames.profile OPERATOR(flames.+) 'a 2'::flames.profile OPERATOR(flames.=) 'a 3'::flames.profile AS sum,
	'a 1'::flames.profile OPERATOR(flames.@>) 'a' AS contains;
SELECT * FROM flames.profile_samples('main;work 10');
SELECT * FROM flames.flamegraph_frames('main;work 10');
SELECT function, self FROM flames.flamegraph_top('main;work 10');
\set file :abs_srcdir '/data/go-cpu-before.pb.gz'
SELECT flames.profile_total(pg_read_binary_file(:'file')::flames.profile);
SELECT flames.flamegraph_total(flames.flamegraph_merge(f))
FROM (SELECT flames.flamegraph(p, 'samples') AS f FROM (VALUES ('a 1'::flames.profile), ('a 2')) v (p)) t;
-- The questions find the types there, too.
CALL pyro.create_profiles_table('asked');
INSERT INTO asked (ts, service, name, profile)
	SELECT '2024-05-01 12:00:00+00'::timestamptz + n * interval '1 min', 's', name, flames.profile_from_folded(E'a;b 1\na 2', type, 'count')
	FROM generate_series(1, 4) n, (VALUES ('cpu', 'samples'), ('goroutine', 'goroutine')) t (name, type);
SELECT type, flames.flamegraph_folded(pyro.flamegraph('asked', type, '{service_name="s"}', '2024-05-01', '2024-05-02')),
	(SELECT sum(value) FROM pyro.series('asked', type, '', '2024-05-01', '2024-05-02', '1 day')),
	(SELECT total FROM pyro.top('asked', type, '', '2024-05-01', '2024-05-02') t WHERE t.function = 'b'),
	(SELECT total FROM pyro.function_series('asked', type, '', 'b', '2024-05-01', '2024-05-02', '1 day')),
	(SELECT "valueRight" FROM pyro.diff('asked', type, '', '2024-05-01', '2024-05-02', '', '2024-05-01', '2024-05-02') WHERE ord = 1)
FROM unnest('{cpu:samples:count,goroutine:goroutine:count}'::text[]) type;
SELECT flames.profile_total(pyro.merge('asked', 'cpu:samples:count', '', '2024-05-01', '2024-05-02'));
SELECT id FROM pyro.profile_types('asked', '2024-05-01', '2024-05-02');
SELECT service, total FROM pyro.services_calling('asked', 'b', '2024-05-01', '2024-05-02');
DROP TABLE asked;

CREATE TABLE stored (profile flames.profile UNIQUE, flame flames.flamegraph);
INSERT INTO stored VALUES ('main 1', 'main 1'), ('main 2', NULL);
SELECT count(DISTINCT profile) FROM stored;
SELECT count(*) FROM stored WHERE profile OPERATOR(flames.=) 'main 1';

-- Tables, columns and functions may have the names of the types.
CREATE TABLE profile (profile text, flamegraph int);
CREATE TABLE flamegraph (id int);
CREATE FUNCTION flamegraph_total(int) RETURNS int LANGUAGE sql RETURN $1;
INSERT INTO profile VALUES ('a 1', 7);
SELECT profile, flamegraph, flamegraph_total(flamegraph), flames.profile_total(profile::flames.profile) FROM profile;
SET search_path = flames, public;
SELECT profile_total('main 1'), profile_sample_types('main 1'::profile), flamegraph_total('main 1'::flamegraph)
FROM public.profile;
SET search_path = public, flames;
SELECT profile_total('main 1'), 'main;work 1'::flames.profile @> 'work' AS contains FROM profile;
RESET search_path;

-- A hostile search path changes nothing that they do.
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.equal(flames.profile,
	flames.profile) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''called''; END';
CREATE OPERATOR hostile.= (LEFTARG = flames.profile, RIGHTARG = flames.profile, FUNCTION = hostile.equal);
SET search_path = hostile, flames, public;
SELECT count(DISTINCT profile), count(*) FROM public.stored;
SELECT flamegraph_total(flamegraph(profile)) FROM public.stored;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA hostile CASCADE;
RESET client_min_messages;

-- It stays where it was made.
ALTER EXTENSION pyro_ext SET SCHEMA public;

-- What a tool that dumps sees of a table.
\d stored
SELECT pg_get_indexdef('stored_profile_key'::regclass);

-- Without CASCADE it does not go while something needs it, with it nothing
-- stays: no type, function, operator, cast, nor a column.
\set VERBOSITY terse
DROP EXTENSION pyro_ext;
\set VERBOSITY default
SET client_min_messages = warning;
DROP EXTENSION pyro_ext CASCADE;
RESET client_min_messages;
\d stored
SELECT count(*) FROM pg_type WHERE typname IN ('profile', 'flamegraph') AND typtype = 'b' AND typelem = 0;
SELECT count(*) FROM pg_proc WHERE proname ~ '^(profile|flamegraph)_' AND prolang <> (SELECT oid FROM pg_language
	WHERE lanname = 'sql');
SELECT count(*) FROM pg_operator o WHERE oid >= 16384;
SELECT count(*) FROM pg_opclass WHERE oid >= 16384;
DROP SCHEMA flames;

-- And it can come again, in another place.
CREATE SCHEMA "Other Place";
CREATE EXTENSION pyro_ext SCHEMA "Other Place";
SELECT "Other Place".profile_total('main 1'::"Other Place".profile);
SELECT count(*) FROM profile;

-- Who is not a superuser uses it, but sets no limits and installs nothing.
CREATE ROLE regress_pyro_user;
GRANT USAGE ON SCHEMA "Other Place" TO regress_pyro_user;
SET ROLE regress_pyro_user;
SELECT "Other Place".flamegraph_total("Other Place".flamegraph('main 1'::"Other Place".profile));
SHOW pyro.max_samples;
SET pyro.max_samples = 7;
DROP EXTENSION pyro_ext;
RESET ROLE;

-- A limit that he set before the library was there does not hold.
\c -
SET SESSION AUTHORIZATION regress_pyro_user;
SET pyro.max_samples = 100000000;
SELECT "Other Place".profile_total('main 1');
SHOW pyro.max_samples;
RESET SESSION AUTHORIZATION;
REVOKE USAGE ON SCHEMA "Other Place" FROM regress_pyro_user;
DROP ROLE regress_pyro_user;

\c :previous_database
DROP DATABASE regress_pyro_schema;
