-- Type profile: every way in and every way out.
\getenv abs_srcdir PG_ABS_SRCDIR
\getenv abs_builddir PG_ABS_BUILDDIR
\set include :abs_srcdir '/sql/include/build.sql'
\i :include

-- Real profiles of five languages.
CREATE TEMP TABLE raw AS
	SELECT file, pg_read_binary_file(:'abs_srcdir' || '/data/' || file) AS bytes
	FROM pg_ls_dir(:'abs_srcdir' || '/data') AS file
	WHERE file LIKE '%.pb' OR file LIKE '%.pb.gz';
SELECT count(*) FROM raw;

-- The same bytes give the same profile by function, by cast and as text.
CREATE TABLE profiles_io AS
	SELECT file, profile_from_pprof(bytes) AS profile FROM raw;
SELECT count(*) AS profiles,
	   count(*) FILTER (WHERE bytes::profile = profile) AS by_cast,
	   count(*) FILTER (WHERE ('\x' || encode(bytes, 'hex'))::profile = profile) AS by_text,
	   count(*) FILTER (WHERE ('\x' || upper(encode(bytes, 'hex')))::profile = profile) AS by_upper_text
FROM raw JOIN profiles_io USING (file);

-- What goes out reads back equal, as bytes and as text, and both are gzip.
SELECT count(*) FILTER (WHERE profile_to_pprof(profile)::profile = profile) AS by_function,
	   count(*) FILTER (WHERE profile::bytea::profile = profile) AS by_cast,
	   count(*) FILTER (WHERE profile::text::profile = profile) AS by_text,
	   count(*) FILTER (WHERE profile::text = '\x' || encode(profile::bytea, 'hex')) AS text_is_hex,
	   count(*) FILTER (WHERE substr(profile::bytea, 1, 2) = '\x1f8b') AS gzip,
	   count(*) FILTER (WHERE profile_send(profile) = profile::bytea) AS sent
FROM profiles_io;

-- Output is canonical: the order and the ids in a file leave no trace.
WITH spellings (bytes) AS (VALUES
	(build.strings('cpu', 'nanoseconds', 'main', 'work') || build.sample_type(1, 2) ||
	 build.sample('{2,1}', '{30}') || build.sample('{1}', '{12}') ||
	 build.location(1, build.line(1)) || build.location(2, build.line(2)) ||
	 build.function(1, 3) || build.function(2, 4)),
	(build.function(700, 1) || build.function(900, 2) ||
	 build.location(18446744073709551615, build.line(900)) || build.location(4294967296, build.line(700)) ||
	 build.sample('{18446744073709551615}', '{12}') ||
	 build.sample('{4294967296,18446744073709551615}', '{30}') || build.sample_type(4, 3) ||
	 build.strings('work', 'main', 'nanoseconds', 'cpu')))
SELECT count(*) AS spellings, count(DISTINCT bytes) AS different_in,
	   count(DISTINCT bytes::profile::bytea) AS different_out
FROM spellings;

-- Plain, gzip, gzip of several members and zstd are told apart by their first
-- bytes.
WITH plain (bytes) AS (SELECT build.named('work'))
SELECT how, packed::profile = bytes::profile AS same
FROM plain, LATERAL (VALUES
	('plain', bytes),
	('gzip', build.gzip(bytes)),
	('two gzip members', build.gzip(substr(bytes, 1, 20)) || build.gzip(substr(bytes, 21))),
	('empty gzip member', build.gzip(bytes) || build.gzip('')),
	('zstd', build.zstd(bytes)),
	('two zstd frames', build.zstd(substr(bytes, 1, 20)) || build.zstd(substr(bytes, 21))),
	('again', bytes::profile::bytea)) AS forms (how, packed);

-- Fields that nobody knows yet are passed over, of whatever wire type.
SELECT (build.named('work') || build.number(90, 7) || build.bytes(91, 'future') ||
		build.varint(92 * 8 + 1) || '\x0102030405060708' ||
		build.varint(93 * 8 + 5) || '\x01020304')::profile = build.named('work')::profile AS same;

-- Numbers of a sample need not be packed.
SELECT (build.strings('samples', 'count', 'main', 'work') || build.sample_type(1, 2) ||
		build.bytes(2, build.number(1, 2) || build.number(1, 1) || build.number(2, 1)) ||
		build.location(1, build.line(1)) || build.location(2, build.line(2)) ||
		build.function(1, 3) || build.function(2, 4))::profile = build.named('work')::profile AS same;

-- A cast from bytea happens in assignments, but nowhere unasked, and none to
-- bytea does: a profile is never mistaken for bytes.
CREATE TEMP TABLE assigned (profile profile, bytes bytea);
INSERT INTO assigned (profile) SELECT bytes FROM raw;
UPDATE assigned SET profile = build.named('work') WHERE profile IS NOT NULL;
SELECT count(*) FROM assigned WHERE profile = build.named('work')::profile;
SELECT profile_total(bytes) FROM raw;
INSERT INTO assigned (bytes) SELECT profile FROM profiles_io;
SELECT castsource::regtype, casttarget::regtype, castcontext
FROM pg_cast WHERE 'profile'::regtype IN (castsource, casttarget) ORDER BY 1;

-- Folded stacks are text input, too: the stack, a space, a number.
SELECT stack, value FROM profile_samples('main;work 10');
SELECT stack, value
FROM profile_samples(E'  main;work 10\r\n\r\nmain\t7\n\nmain;read file;[kernel] -3  \nmain;work 32');
SELECT profile_sample_types('main 1'), profile_sample_count(''), profile_sample_types('');
SELECT 'main;work 10'::profile = profile_from_folded('main;work 10') AS same,
	   'main;work 10'::profile = build.named('work', 10)::profile AS same_as_pprof;

-- Folded stacks of another type; NULL for any argument gives NULL.
SELECT profile_sample_types(profile_from_folded('main 5', 'cpu', 'nanoseconds')),
	   profile_sample_types(profile_from_folded('main 5', unit => 'seconds')),
	   profile_from_folded(NULL) IS NULL AS no_stacks,
	   profile_from_folded('main 5', NULL) IS NULL AS no_type,
	   profile_from_folded('main 5', 'cpu', NULL) IS NULL AS no_unit;
SELECT profile_from_pprof(NULL) IS NULL AS no_bytes, profile_to_pprof(NULL) IS NULL AS no_profile,
	   NULL::bytea::profile IS NULL AS no_cast;

-- Folded files of real profilers.
SELECT profile_total(pg_read_file(:'abs_srcdir' || '/data/java-cpu.folded')::profile) AS java,
	   profile_total(pg_read_file(:'abs_srcdir' || '/data/python-cpu.folded')::profile) AS python;

-- COPY in its three formats, and back.
CREATE TEMP TABLE copied (LIKE profiles_io);
\set file :abs_builddir '/results/profile_io.copy'
COPY profiles_io TO :'file' (FORMAT binary);
COPY copied FROM :'file' (FORMAT binary);
COPY profiles_io TO :'file';
COPY copied FROM :'file';
COPY profiles_io TO :'file' (FORMAT csv);
COPY copied FROM :'file' (FORMAT csv);
SELECT count(*) AS copied, count(*) FILTER (WHERE c.profile = p.profile) AS equal
FROM copied c JOIN profiles_io p USING (file);

-- COPY BINARY takes pprof as it is: what it sends are the bytes of the file.
COPY (SELECT bytes FROM raw) TO :'file' (FORMAT binary);
COPY assigned (profile) FROM :'file' (FORMAT binary);
SELECT count(*) FROM assigned a JOIN raw r ON a.profile = r.bytes::profile;

-- Stored values stay whole, whatever the storage of the column.
CREATE TABLE stored (how text, file text, profile profile);
INSERT INTO stored SELECT 'external', * FROM profiles_io;
ALTER TABLE stored ALTER profile SET STORAGE extended;
INSERT INTO stored SELECT 'extended', * FROM profiles_io;
ALTER TABLE stored ALTER profile SET STORAGE main;
INSERT INTO stored SELECT 'main', * FROM profiles_io;
ALTER TABLE stored ALTER profile SET STORAGE plain;
INSERT INTO stored SELECT 'plain', 'small', build.named('work');
UPDATE stored SET file = file || '' WHERE how = 'extended';
SELECT how, count(*), count(*) FILTER (WHERE s.profile = p.profile) AS equal,
	   count(*) FILTER (WHERE profile_total(s.profile) = profile_total(p.profile)) AS same_total
FROM stored s JOIN profiles_io p USING (file) GROUP BY how ORDER BY how;
SELECT how, profile_total(profile), profile = build.named('work')::profile AS equal
FROM stored WHERE how = 'plain';

-- A value's own storage keeps it from being compressed a second time.
SELECT typstorage, typalign FROM pg_type WHERE oid = 'profile'::regtype;

-- In arrays, rows, subqueries, parameters and variables it is a value as any.
SELECT (array_agg(profile ORDER BY file))[2] =
	(SELECT profile FROM profiles_io ORDER BY file LIMIT 1 OFFSET 1) AS array_element
FROM profiles_io;
SELECT (p).profile = profile AS field FROM profiles_io p LIMIT 1;
SELECT ARRAY['a 1', 'b 2']::profile[] = ARRAY['a 1', 'b 2']::profile[] AS equal_arrays;
PREPARE total (profile) AS SELECT profile_total($1);
EXECUTE total ('main;work 10');
DEALLOCATE total;
DO $$
DECLARE
	p profile := 'main;work 10';
BEGIN
	p := p + p;
	RAISE NOTICE 'total %', profile_total(p);
END $$;

DROP TABLE profiles_io, stored;
