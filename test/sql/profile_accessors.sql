-- What a profile says of itself, against what the Go package
-- github.com/google/pprof/profile counted in the same files.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/build.sql'
\i :include
SET TimeZone = 'UTC';
SET IntervalStyle = 'postgres';

-- In a table, so that the values are read from where they are stored.
CREATE TABLE accessed AS
	SELECT file, CASE WHEN file LIKE '%.folded'
				 THEN pg_read_file(:'abs_srcdir' || '/data/' || file)::profile
				 ELSE pg_read_binary_file(:'abs_srcdir' || '/data/' || file)::profile END AS profile
	FROM pg_ls_dir(:'abs_srcdir' || '/data') AS file
	WHERE file LIKE '%.pb' OR file LIKE '%.pb.gz' OR file LIKE '%.folded';

-- Samples, types and totals are the same in every file, and so are locations
-- and functions, except that what no sample refers to is not kept: three
-- locations of one file.
CREATE TEMP TABLE counted (file text, format text, sample_types text, samples int,
	unique_stacks int, locations int, functions int, total bigint);
\set counts :abs_srcdir '/data/COUNTS.tsv'
COPY counted FROM :'counts' (FORMAT csv, DELIMITER E'\t', HEADER);
SELECT count(*) AS files,
	   count(*) FILTER (WHERE profile_sample_count(profile) = samples) AS samples,
	   count(*) FILTER (WHERE array_to_string(profile_sample_types(profile), ',') = sample_types) AS types,
	   count(*) FILTER (WHERE profile_total(profile) = total) AS totals
FROM accessed FULL JOIN counted USING (file);
SELECT file, locations, our_locations, functions, our_functions
FROM counted JOIN accessed USING (file),
	 LATERAL (SELECT count(DISTINCT id) AS our_locations,
					 count(DISTINCT (function, system_name, file)) AS our_functions
			  FROM profile_locations(profile)) l
WHERE (locations, functions) IS DISTINCT FROM (our_locations, our_functions);

-- The rest of what was counted: totals of all types, period, duration, time,
-- stacks by function names, the deepest, locations with inlined frames.
CREATE TEMP TABLE detailed (file text, types text[], totals bigint[], period bigint, period_type text,
	duration bigint, time bigint, stacks int, deepest int, inlining int);
INSERT INTO detailed VALUES
	('go-allocs.pb.gz', '{alloc_objects/count,alloc_space/bytes,inuse_objects/count,inuse_space/bytes}',
		'{22286573,1978669563,97526,5900068}', 32768, 'space/bytes', 0, 1795365702236114946, 216, 31, 117),
	('go-block.pb.gz', '{contentions/count,delay/nanoseconds}', '{29733,142779847438}', 1, 'contentions/count', 0,
		1795365703437215345, 24, 12, 10),
	('go-cpu-after.pb.gz', '{samples/count,cpu/nanoseconds}', '{313,3130000000}', 10000000, 'cpu/nanoseconds',
		10004585443, 1795365679374946170, 190, 38, 83),
	('go-cpu-before.pb.gz', '{samples/count,cpu/nanoseconds}', '{848,8480000000}', 10000000, 'cpu/nanoseconds',
		9999879584, 1795365669356104082, 522, 39, 165),
	('go-cpu-labels.pb.gz', '{samples/count,cpu/nanoseconds}', '{655,6550000000}', 10000000, 'cpu/nanoseconds',
		8008548301, 1795365689396943654, 430, 44, 169),
	('go-goroutine.pb.gz', '{goroutine/count}', '{45}', 1, 'goroutine/count', 0, 1795365702227080125, 11, 12, 4),
	('go-heap.pb.gz', '{alloc_objects/count,alloc_space/bytes,inuse_objects/count,inuse_space/bytes}',
		'{22187148,1969419214,162537,10248722}', 32768, 'space/bytes', 0, 1795365702229218590, 207, 31, 114),
	('go-mutex.pb.gz', '{contentions/count,delay/nanoseconds}', '{5532,4009991043}', 1, 'contentions/count', 0,
		1795365703432344196, 153, 37, 57),
	('java-alloc.pb.gz', '{allocations/bytes}', '{17534812160}', 0, NULL, 6042179000, 1795365745453431000, 274, 45,
		0),
	('java-cpu.pb.gz', '{cpu/count}', '{190}', 0, NULL, 6042179000, 1795365745453431000, 129, 57, 0),
	('node-heap.pb.gz', '{inuse_objects/count,inuse_space/bytes}', '{305469,22641692}', 16384, 'inuse_space/bytes', 0,
		1795365745284999936, 122, 39, 0),
	('node-wall.pb.gz', '{sample/count,wall/nanoseconds}', '{4238,9187984000}', 2168000, 'wall/nanoseconds',
		10009961000, 1795365745281999872, 219, 16, 0),
	('python-cpu.pb.gz', '{sample/count,CPU/nanoseconds}', '{613,6130000000}', 10000000, 'CPU/nanoseconds',
		6000000000, 0, 142, 24, 0),
	('python-wall.pb.gz', '{sample/count,wall/nanoseconds}', '{800,8000000000}', 10000000, 'wall/nanoseconds',
		8000000000, 0, 79, 20, 0),
	('rust-cpu.pb', '{samples/count,cpu/nanoseconds}', '{1336,13494949427}', 10101010, 'cpu/nanoseconds', 8006803671,
		1795365703808958304, 216, 52, 0);
SELECT count(*) AS files,
	   count(*) FILTER (WHERE profile_sample_types(profile) = types) AS types,
	   count(*) FILTER (WHERE ARRAY(SELECT profile_total(profile, t) FROM unnest(types) t) = totals) AS totals,
	   count(*) FILTER (WHERE ARRAY(SELECT profile_total(profile, split_part(t, '/', 1))
		FROM unnest(types) t) = totals) AS by_name,
	   count(*) FILTER (WHERE ARRAY(SELECT (SELECT sum(value)::bigint FROM profile_samples(profile, t))
		FROM unnest(types) t) = totals) AS by_sample,
	   count(*) FILTER (WHERE profile_period(profile) = period) AS periods,
	   count(*) FILTER (WHERE profile_period_type(profile) IS NOT DISTINCT FROM period_type) AS period_types
FROM detailed JOIN accessed USING (file);
SELECT count(*) FILTER (WHERE profile_duration(profile) IS NOT DISTINCT FROM
							  nullif(duration / 1000, 0) * interval '1 microsecond') AS durations,
	   count(*) FILTER (WHERE profile_time(profile) IS NOT DISTINCT FROM
							  'epoch'::timestamptz + nullif(time / 1000, 0) * interval '1 microsecond') AS times,
	   count(*) FILTER (WHERE (SELECT count(DISTINCT stack) FROM profile_samples(profile)) = stacks) AS stacks,
	   count(*) FILTER (WHERE (SELECT max(cardinality(stack)) FROM profile_samples(profile)) = deepest) AS deepest,
	   count(*) FILTER (WHERE (SELECT count(DISTINCT id) FROM profile_locations(profile)
		WHERE inlined) = inlining) AS inlining
FROM detailed JOIN accessed USING (file);

-- Functions: each name once, in bytewise order, all that locations have and
-- no other.
SELECT count(*) AS files,
	   count(*) FILTER (WHERE ARRAY(SELECT profile_functions(profile)) =
		   ARRAY(SELECT DISTINCT function COLLATE "C" FROM profile_locations(profile)
				 WHERE function IS NOT NULL ORDER BY 1)) AS equal
FROM accessed;

-- One of them in full, to look at.
SELECT profile_sample_types(profile), profile_default_sample_type(profile), profile_total(profile),
	   profile_sample_count(profile)
FROM accessed WHERE file = 'go-allocs.pb.gz';
SELECT profile_time(profile), profile_duration(profile), profile_period(profile), profile_period_type(profile)
FROM accessed WHERE file = 'go-cpu-before.pb.gz';

-- The default type is the profile's own, else the last one, as in pprof; a
-- name that is no type of the profile does not count.
CREATE TEMP TABLE typed AS
	SELECT name, build.strings('alloc', 'bytes', 'inuse', 'main', 'nothing') ||
				 build.sample_type(1, 2) || build.sample_type(3, 2) ||
				 build.sample('{1}', '{700,60}') || build.sample('{1}', '{-1,2}') ||
				 build.location(1, build.line(1)) || build.function(1, 4) || extra AS bytes
	FROM (VALUES ('none', ''), ('first', build.number(14, 1)), ('last', build.number(14, 3)),
				 ('unknown', build.number(14, 5))) v (name, extra);
SELECT name, profile_default_sample_type(bytes::profile), profile_total(bytes::profile),
	   (SELECT sum(value) FROM profile_samples(bytes::profile)),
	   profile_total(bytes::profile::bytea::profile) AS total_again
FROM typed;

-- A type is named by type or by type/unit, NULL names the default; all else
-- is an error that lists what there is.
SELECT profile_total(bytes::profile, 'alloc') AS alloc, profile_total(bytes::profile, 'alloc/bytes') AS alloc_bytes,
	   profile_total(bytes::profile, sample_type => 'inuse') AS inuse,
		profile_total(bytes::profile, NULL) AS by_default
FROM typed WHERE name = 'none';
SELECT t AS sample_type, build.error(format('SELECT profile_total(bytes::profile, %L) FROM typed LIMIT 1',
	t)) AS total,
	   build.error(format('SELECT s FROM typed, profile_samples(bytes::profile, %L) s', t)) =
	   build.error(format('SELECT profile_total(bytes::profile, %L) FROM typed', t)) AS samples_say_the_same
FROM unnest(ARRAY['cpu', 'alloc/count', 'alloc/', 'bytes', '', 'ALLOC']) t;

-- Two types of one name are told apart by unit; the name alone is the first.
WITH p (p) AS (SELECT (build.strings('cpu', 'count', 'nanoseconds') ||
					   build.sample_type(1, 2) || build.sample_type(1, 3) ||
					   build.sample('{}', '{4,40000}'))::profile)
SELECT profile_sample_types(p), profile_total(p), profile_total(p, 'cpu'), profile_total(p, 'cpu/count'),
	   profile_total(p, 'cpu/nanoseconds')
FROM p;

-- Types are named as they are listed, even if a name is no text.
SELECT t AS type, build.error(format('SELECT profile_total(%L, %L)', p, t)) AS total
FROM (SELECT (build.string('') || build.string('\xff') || build.string('a/b') || build.string('c') ||
	build.sample_type(1, 2) || build.sample_type(2, 1) ||
			  build.sample_type(2, 3))::profile) v (p), unnest(profile_sample_types(p)) t;

-- NULL gives NULL, and no rows.
SELECT profile_sample_types(NULL) IS NULL AS types, profile_default_sample_type(NULL) IS NULL AS default_type,
	   profile_total(NULL) IS NULL AS total, profile_total(NULL, 'cpu') IS NULL AS total_of,
	   profile_sample_count(NULL) IS NULL AS count, profile_time(NULL) IS NULL AS time,
	   profile_duration(NULL) IS NULL AS duration, profile_period(NULL) IS NULL AS period,
	   profile_period_type(NULL) IS NULL AS period_type;
SELECT (SELECT count(*) FROM profile_samples(NULL)) AS samples,
	   (SELECT count(*) FROM profile_samples(NULL, 'cpu')) AS samples_of,
	   (SELECT count(*) FROM profile_locations(NULL)) AS locations,
	   (SELECT count(*) FROM profile_functions(NULL)) AS functions;

-- A profile without samples is a profile: its totals are 0, and what it does
-- not know is NULL.
WITH p (how, p) AS (VALUES ('folded', ''::profile),
	('pprof', (build.strings('samples', 'count') || build.sample_type(1, 2))::profile),
	('no types', build.string('')::profile), ('no types', '\x3200'::profile))
SELECT how, profile_sample_types(p) AS types, profile_default_sample_type(p) AS default_type,
	   CASE WHEN how <> 'no types' THEN profile_total(p) END AS total, profile_sample_count(p) AS count,
	   profile_time(p) AS time, profile_duration(p) AS duration, profile_period(p) AS period,
	   profile_period_type(p) AS period_type, profile_to_pprof(p)::profile = p AS round_trip
FROM p;
SELECT (SELECT count(*) FROM profile_samples('')) AS samples,
	(SELECT count(*) FROM profile_locations('')) AS locations,
	   (SELECT count(*) FROM profile_functions('')) AS functions;
SELECT build.error($$SELECT profile_total(build.string('')::profile)$$) AS without_types,
	   build.error($$SELECT profile_total(build.string('')::profile, 'cpu')$$) AS without_this_type;

-- A total that leaves bigint is an error of that total; the rest of the
-- profile stays readable, and values at the limits are exact.
CREATE TEMP TABLE large AS
	SELECT (build.strings('fits', 'count', 'does', 'falls') || build.sample_type(1, 2) || build.sample_type(3, 2) ||
			build.sample_type(4, 2) || build.sample('{}',
				'{9223372036854775806,9223372036854775807,-9223372036854775808}') ||
			build.sample('{}', '{1,1,-1}'))::profile AS p;
SELECT profile_total(p, 'fits') FROM large;
SELECT profile_total(p, 'does') FROM large;
SELECT profile_total(p, 'falls') FROM large;
SELECT profile_sample_count(p), profile_to_pprof(p)::profile = p AS round_trip,
	   ARRAY(SELECT value FROM profile_samples(p, 'does')) AS does,
	   ARRAY(SELECT value FROM profile_samples(p, 'falls')) AS falls
FROM large;

-- Times to the microsecond below; a duration may be negative if its clock was.
SELECT profile_time(p), profile_duration(p), profile_period(p), profile_period_type(p)
FROM (VALUES ((build.strings('cpu', 'nanoseconds') || build.number(9, 1700000000123456789) ||
			   build.number(10, 90061000002999) || build.number(12, -5) ||
			   build.bytes(11, build.number(1, 1) || build.number(2, 2)))::profile),
			 ((build.string('') || build.number(9, 1) || build.number(10, -1500000))::profile),
			 ((build.string('') || build.number(9, 9223372036854775807))::profile)) v (p);

DROP TABLE accessed;
