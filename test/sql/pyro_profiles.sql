-- Profiles in blocks: what comes out is what went in, byte for byte, through
-- compaction, merging, rewriting and all ways to get at a row.
\getenv abs_srcdir PG_ABS_SRCDIR
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE DOMAIN cpu_profile AS profile CHECK (profile_sample_count(VALUE) > 0);
CREATE TABLE files AS
SELECT row_number() OVER (ORDER BY file COLLATE "C") AS n, file, pg_read_binary_file(:'abs_srcdir' || '/data/' || file)::profile AS p
FROM pg_ls_dir(:'abs_srcdir' || '/data') AS file WHERE file LIKE '%.pb' OR file LIKE '%.pb.gz';
INSERT INTO files VALUES
	(101, 'empty', ''), (102, 'one', 'main 1'), (103, 'the same', 'main 1'), (104, 'extremes', E'a;b 9223372036854775807\nc -9223372036854775808'),
	(105, 'none', NULL), (106, 'same stack', E'a;b 1\na;b 2\na -3');
SELECT count(*) AS files FROM files;

CREATE TABLE stored (n int PRIMARY KEY, file text, p profile, other profile) USING pyro;
CREATE INDEX stored_p ON stored USING hash (p);
CREATE INDEX stored_total ON stored (profile_total(p)) WHERE n < 104;
\set different 'SELECT n, f.file FROM files f FULL JOIN stored s USING (n) WHERE s.p IS DISTINCT FROM f.p OR md5(profile_send(s.p)) IS DISTINCT FROM md5(profile_send(f.p)) OR s.other <> f.p'
INSERT INTO stored SELECT n, file, p, CASE WHEN n % 2 = 0 THEN p END FROM files ORDER BY n;
CALL pyro.compact('stored');
SELECT count(*), count(*) FILTER (WHERE ctid >= '(2147483648,1)') AS in_blocks FROM stored;
:different;
SELECT * FROM pyro.verify('stored');
SELECT "column", part, encoding IN ('raw', 'zstd') AS known, stored_bytes > 0 AS stored FROM pyro.block_parts WHERE relation = 'stored'::regclass;
SELECT sum(stored_bytes) = (SELECT stored_bytes FROM pyro.blocks WHERE relation = 'stored'::regclass) AS all_bytes
FROM pyro.block_parts WHERE relation = 'stored'::regclass;

-- by each way
SET enable_seqscan = off;
SELECT n FROM stored WHERE p = (SELECT p FROM files WHERE n = 104);
SELECT s.n FROM stored s JOIN files f ON f.n = s.n WHERE s.n < 104 AND profile_total(s.p) = 1 ORDER BY 1;
SELECT count(*) FROM files f JOIN stored s USING (n) WHERE s.p = f.p AND s.n BETWEEN 1 AND 100;
RESET enable_seqscan;
BEGIN;
DECLARE c CURSOR FOR SELECT n, p, other FROM stored ORDER BY n;
FETCH 2 FROM c \g /dev/null
CLOSE c;
COMMIT;
SELECT count(*) FROM stored a JOIN stored b USING (p) WHERE a.n < b.n;

-- changed rows, blocks merged
UPDATE stored SET other = p WHERE n % 3 = 0;
DELETE FROM stored WHERE n = 102;
INSERT INTO stored SELECT n, file, p FROM files WHERE n = 102;
:different;
CALL pyro.compact('stored');
INSERT INTO stored SELECT n + 1000, file, p, other FROM stored;
INSERT INTO files SELECT n + 1000, file, p FROM files;
CALL pyro.compact('stored');
INSERT INTO stored SELECT n + 2000, file, p, other FROM stored WHERE n < 1000;
INSERT INTO files SELECT n + 2000, file, p FROM files WHERE n < 1000;
SET pyro.block_rows = 5;
CALL pyro.compact('stored');
RESET pyro.block_rows;
CALL pyro.compact('stored');
CALL pyro.compact('stored');
SELECT count(*) FILTER (WHERE ctid >= '(2147483648,1)') = count(*) AS all_in_blocks FROM stored;
:different;
SELECT * FROM pyro.verify('stored');

-- rewritten
ALTER TABLE stored ADD added int DEFAULT 5, ALTER file TYPE varchar(100);
:different;
ALTER TABLE stored ALTER p TYPE cpu_profile;
DELETE FROM stored WHERE n % 1000 = 101;
DELETE FROM files WHERE n % 1000 = 101;
ALTER TABLE stored ALTER p TYPE cpu_profile;
VACUUM FULL stored;
:different;
CLUSTER stored USING stored_pkey;
ALTER TABLE stored DROP other;
CALL pyro.compact('stored');
SELECT "column", count(DISTINCT part) AS parts FROM pyro.block_parts WHERE relation = 'stored'::regclass GROUP BY 1 ORDER BY 1;
ALTER TABLE stored ADD other profile;
:different;
ALTER TABLE stored SET ACCESS METHOD heap;
:different;
ALTER TABLE stored SET ACCESS METHOD pyro;
CALL pyro.compact('stored');
:different;
SELECT * FROM pyro.verify('stored');

-- an index whose function reads the table: rows are not mixed up
CREATE TABLE peeked (n int, p profile) USING pyro;
INSERT INTO peeked SELECT n, p FROM files WHERE p IS NOT NULL;
CALL pyro.compact('peeked');
CREATE FUNCTION peek(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
	$$ BEGIN PERFORM public.profile_total(p) FROM public.peeked WHERE n = 1 + i % 7; RETURN i; END $$;
CREATE INDEX ON peeked (peek(n), profile_total(p));
SET enable_seqscan = off;
SELECT count(*) AS missed FROM files f WHERE f.p IS NOT NULL AND NOT EXISTS (
	SELECT FROM peeked s WHERE peek(s.n) = f.n AND profile_total(s.p) = profile_total(f.p));
RESET enable_seqscan;
DROP TABLE peeked;

-- a block alone is not merged again and again
SET pyro.block_size = '64kB';
INSERT INTO stored SELECT 5000 + n, 'own', string_agg(format('%s;f%s_%s %s', n, n, i, i), E'\n')::profile
FROM generate_series(1, 200) n, generate_series(1, 20) i GROUP BY n ORDER BY n;
CALL pyro.compact('stored');
CALL pyro.compact('stored');
CALL pyro.compact('stored');
CREATE TEMP TABLE blocks_before AS SELECT block FROM pyro.blocks WHERE relation = 'stored'::regclass;
CALL pyro.compact('stored');
SELECT count(*) > 4 AS blocks, count(b.block) = count(*) AS all_as_before FROM blocks_before FULL JOIN
	(SELECT block FROM pyro.blocks WHERE relation = 'stored'::regclass) b USING (block);
RESET pyro.block_size;
SELECT count(*) FROM stored WHERE n > 5000 AND profile_total(p) = 210;

-- damage is an error, of the row's block only
SELECT pyro.block_streams('\x', 0);
SELECT pyro.block_streams('\x02000000000000000000000000000000', 5);
DROP TABLE stored, files CASCADE;
DROP DOMAIN cpu_profile;
