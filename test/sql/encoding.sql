-- Databases of other encodings.  The strings of a profile are UTF-8; where the
-- database is not, what leaves a profile as text is ASCII, with \xNN for every
-- other byte, and what comes in as text is converted.
\getenv abs_srcdir PG_ABS_SRCDIR
\getenv abs_builddir PG_ABS_BUILDDIR
\set include :abs_srcdir '/sql/include/build.sql'
\set previous_database :DBNAME
\encoding UTF8

-- What UTF-8 has, to be read by the others.
\set file :abs_builddir '/results/encoding.copy'
CREATE TEMP TABLE utf8 AS SELECT n, p::profile AS p, flamegraph(p::profile) AS f
	FROM (VALUES (1, 'café;Straße 1'), (2, 'main;日本語 2'), (3, 'main;🔥 3')) v (n, p) GROUP BY n, p;
SELECT stack, value, p @> 'Straße' AS contains, p ~ '^caf.$' AS matches, flamegraph_folded(f)
FROM utf8, profile_samples(p) ORDER BY n;
COPY utf8 TO :'file' (FORMAT binary);

CREATE DATABASE regress_pyro_latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\c regress_pyro_latin1
\encoding UTF8
CREATE EXTENSION pyro_ext;
\i :include
CREATE TABLE utf8 (n int, p profile, f flamegraph);
COPY utf8 FROM :'file' (FORMAT binary);

-- Everything is readable, and round trips are exact: nothing was lost that
-- this encoding does not have.
SELECT n, stack, flamegraph_folded(f) FROM utf8, profile_samples(p) ORDER BY n;
SELECT n, f FROM utf8 ORDER BY n;
SELECT count(*) AS rows, count(*) FILTER (WHERE p::bytea::profile = p AND p::text::profile = p) AS profiles,
	count(*) FILTER (WHERE f::text::flamegraph = f) AS flames,
	   count(*) FILTER (WHERE (SELECT flamegraph(q) FROM (VALUES (p)) v (q)) = f) AS drawn,
		count(*) FILTER (WHERE xml_is_well_formed_document(flamegraph_svg(f))) AS svgs FROM utf8;
SELECT label FROM utf8, flamegraph_frames(f) WHERE n = 1;
SELECT function FROM utf8, flamegraph_top(f) WHERE n = 1 ORDER BY 1;
SELECT function FROM utf8, profile_functions(p) function WHERE n = 2;

-- Text that comes in is converted: the same name is the same in all encodings.
SELECT 'café;Straße 1'::profile = p AS profile,
	'café;Straße 1'::flamegraph = (E'flamegraph 1 samples/count\n1\t0\tcaf\\xc3\\xa9\n2\t1\tStra\\xc3\\x9fe')::flamegraph AS flamegraph
FROM utf8 WHERE n = 1;
SELECT p @> 'café' AS name, p @> 'caf\xc3\xa9' AS shown_name, flamegraph_self(f, 'Straße') AS self,
	flamegraph_self(f, 'Stra\xc3\x9fe') AS shown_self FROM utf8 WHERE n = 1;
SELECT p ~ '^caf\\xc3\\xa9$' AS shown, p ~ '^Stra' AS begin, flamegraph_share(f, 'Stra') AS share FROM utf8
WHERE n = 1;
SELECT type, profile_total(profile_from_folded('a 1', 'Zähler', 'µs'), 'Zähler') AS total
FROM unnest(profile_sample_types(profile_from_folded('a 1', 'Zähler', 'µs'))) type;
SELECT build.error($$SELECT profile_total('a 1', 'Zähler')$$) AS error;
SELECT xml_is_well_formed_document(flamegraph_svg('café 1', 'Titel: größer')) AS title,
	flamegraph_svg('a 1', 'größer') ~ 'gr&#xf6;&#xdf;er' AS as_utf8;

-- What is not UTF-8, either, is shown as everywhere.
SELECT stack FROM profile_samples(build.named('\xe9')::profile);

-- SQL_ASCII knows no encoding: text is bytes, and what is UTF-8 in it is taken
-- as that.
CREATE DATABASE regress_pyro_ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\c regress_pyro_ascii
\encoding SQL_ASCII
CREATE EXTENSION pyro_ext;
\i :include
CREATE TABLE utf8 (n int, p profile, f flamegraph);
COPY utf8 FROM :'file' (FORMAT binary);
SELECT n, stack, flamegraph_folded(f) FROM utf8, profile_samples(p) ORDER BY n;
SELECT n, f FROM utf8 ORDER BY n;
SELECT count(*) AS rows, count(*) FILTER (WHERE p::bytea::profile = p AND p::text::profile = p) AS profiles,
	count(*) FILTER (WHERE f::text::flamegraph = f) AS flames FROM utf8;
SELECT 'café;Straße 1'::profile = p AS profile, p @> 'café' AS name, p @> 'caf\xc3\xa9' AS shown_name,
	flamegraph_self(f, 'Straße') AS self FROM utf8 WHERE n = 1;

-- Bytes in text that are not UTF-8 are refused, not stored as something else.
SELECT left(build.error(format('SELECT profile_from_folded(%L)', convert_from('\x63e92031', 'SQL_ASCII'))),
	5) AS profile,
	   left(build.error(format('SELECT %L::flamegraph', convert_from('\x63e92031', 'SQL_ASCII'))), 5) AS flamegraph;

\c :previous_database
DROP DATABASE regress_pyro_latin1;
DROP DATABASE regress_pyro_ascii;
