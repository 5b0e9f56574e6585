-- The sum of profiles: operator + and aggregate profile_merge.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/build.sql'
\i :include
SET TimeZone = 'UTC';

-- Equal stacks become one sample, all others stay.
SELECT stack, value FROM profile_samples('main;work 10' + 'main;work 5'::profile);
SELECT stack, value FROM profile_samples('main;work 10'::profile + E'main 1\nmain;rest 2\nmain;work;deep 3');
SELECT stack, value FROM profile_samples((SELECT profile_merge(p) FROM (VALUES
	('a;b 1'::profile), ('a;c 10'), ('a;b 100'), ('a 1000'), (NULL)) v (p)));

-- So they do within one profile, even if it is the only one or is added to
-- nothing; what a sum holds is summed.
SELECT stack, value FROM profile_samples((SELECT profile_merge(p)
	FROM (VALUES (E'a;b 1\na;b 2\na 3'::profile)) v (p)));
SELECT stack, value FROM profile_samples(E'a;b 1\na;b 2\na 3'::profile + '');
SELECT profile_merge(p) = 'a 3'::profile AS one FROM (VALUES (E'a 1\na 2'::profile)) v (p);

-- Values that cancel out leave a sample of 0: a sum loses nothing.
SELECT stack, value FROM profile_samples('a;b 7'::profile + 'a;b -7');

-- NULL: no rows and only NULLs give NULL, other NULLs are skipped; + with NULL
-- is NULL.
SELECT profile_merge(p) IS NULL AS no_rows FROM (VALUES ('a 1'::profile)) v (p) WHERE false;
SELECT profile_merge(p) IS NULL AS only_nulls FROM (VALUES (NULL::profile), (NULL)) v (p);
SELECT profile_merge(p) = 'a 3'::profile AS skipped
FROM (VALUES (NULL), ('a 1'::profile), (NULL), ('a 2'), (NULL)) v (p);
SELECT ('a 1'::profile + NULL) IS NULL AS right_null, (NULL + 'a 1'::profile) IS NULL AS left_null;

-- Real profiles, pairwise and in groups.
CREATE TABLE merged AS
	SELECT row_number() OVER (ORDER BY file COLLATE "C")::int AS n, file,
		   pg_read_binary_file(:'abs_srcdir' || '/data/' || file)::profile AS profile
	FROM pg_ls_dir(:'abs_srcdir' || '/data') AS file
	WHERE file LIKE '%.pb' OR file LIKE '%.pb.gz';

-- Addition is commutative, over all pairs.
SELECT count(*) AS pairs, count(*) FILTER (WHERE a.profile + b.profile = b.profile + a.profile) AS commutative
FROM merged a, merged b;

-- It is associative, and the aggregate gives the same in any order.
SELECT count(*) AS triples,
	   count(*) FILTER (WHERE (a.profile + b.profile) + c.profile = a.profile + (b.profile + c.profile)) AS associative
FROM merged a JOIN merged b ON b.n = a.n % 15 + 1 JOIN merged c ON c.n = (b.n + 4) % 15 + 1;
SELECT (SELECT profile_merge(profile ORDER BY n) FROM merged) = (SELECT profile_merge(profile ORDER BY n DESC)
	FROM merged) AS backwards,
	   (SELECT profile_merge(profile ORDER BY n) FROM merged) =
	   (SELECT profile_merge(p ORDER BY k)
		FROM (SELECT n % 4 AS k, profile_merge(profile) AS p FROM merged GROUP BY n % 4) g) AS in_groups,
	   (SELECT profile_merge(profile ORDER BY n) FROM merged) =
	   (SELECT ((((a.profile + b.profile) + c.profile) + r.p)) FROM merged a, merged b, merged c,
			   (SELECT profile_merge(profile) AS p FROM merged WHERE n > 3) r
		WHERE (a.n, b.n, c.n) = (1, 2, 3)) AS by_operator;

-- Totals add up, type by type: nothing is lost, whoever else has the type.
SELECT count(*) AS types, count(*) FILTER (WHERE t.total = profile_total(s.p, t.type)) AS equal
FROM (SELECT profile_merge(profile) AS p FROM merged) s,
	 (SELECT type, sum(profile_total(profile, type)) AS total
	  FROM merged, unnest(profile_sample_types(profile)) type GROUP BY type) t;
SELECT (SELECT count(DISTINCT type) FROM merged, unnest(profile_sample_types(profile)) type) =
	   cardinality(profile_sample_types(profile_merge(profile))) AS every_type
FROM merged;

-- A sum has the stacks and labels that its parts have, and no others.
WITH sum AS (SELECT DISTINCT stack, labels FROM profile_samples((SELECT profile_merge(profile) FROM merged))),
	 parts AS (SELECT DISTINCT stack, labels FROM merged, profile_samples(profile))
SELECT (SELECT count(*) FROM parts) AS stacks,
	   (SELECT count(*) FROM (SELECT * FROM sum EXCEPT SELECT * FROM parts) d) AS added,
	   (SELECT count(*) FROM (SELECT * FROM parts EXCEPT SELECT * FROM sum) d) AS lost;

-- The flame graph of a sum is the flame graph of its parts, but for the number
-- of profiles that went in.
SELECT count(*) AS pairs,
	   count(*) FILTER (WHERE flamegraph_folded(s.tree) = flamegraph_folded(t.tree) AND
							  flamegraph_duration(s.tree) = flamegraph_duration(t.tree)) AS same_tree,
	   count(*) FILTER (WHERE (flamegraph_profiles(s.tree), flamegraph_profiles(t.tree)) = (1, 2)) AS counted
FROM merged a JOIN merged b ON profile_sample_types(a.profile) = profile_sample_types(b.profile),
	 unnest(profile_sample_types(a.profile)) type,
	 LATERAL (SELECT flamegraph(p, type) AS tree FROM (VALUES (a.profile + b.profile)) v (p)) s,
	 LATERAL (SELECT flamegraph(p, type) AS tree FROM (VALUES (a.profile), (b.profile)) v (p)) t;

-- Sample types are matched by type and unit: equal lists keep their order,
-- what only one side has is 0 on the other.
CREATE TEMP TABLE typed AS
	SELECT name, (build.strings('cpu', 'nanoseconds', 'samples', 'count', 'main') || types ||
				  build.sample('{1}', "values") || build.location(1, build.line(1)) || build.function(1,
					5))::profile AS p
	FROM (VALUES
		('samples, cpu', build.sample_type(3, 4) || build.sample_type(1, 2), '{3,30}'::numeric[]),
		('cpu, samples', build.sample_type(1, 2) || build.sample_type(3, 4), '{500,50}'),
		('cpu', build.sample_type(1, 2), '{7000}'),
		('samples', build.sample_type(3, 4), '{90000}'),
		('cpu/count', build.sample_type(1, 4), '{1}'),
		('cpu, cpu', build.sample_type(1, 2) || build.sample_type(1, 2), '{100000,200000}')) v (name, types,
			"values");
SELECT a.name, b.name AS plus, profile_sample_types(a.p + b.p) AS types,
	profile_default_sample_type(a.p + b.p) AS default_type,
	   ARRAY(SELECT profile_total(a.p + b.p, t) FROM unnest(profile_sample_types(a.p + b.p)) t) AS totals
FROM typed a JOIN typed b ON a.name <= b.name COLLATE "C" ORDER BY a.name COLLATE "C", b.name COLLATE "C";
SELECT count(*) AS triples,
	   count(*) FILTER (WHERE (a.p + b.p) + c.p = a.p + (b.p + c.p)) AS associative,
	   count(*) FILTER (WHERE a.p + b.p = b.p + a.p) AS commutative
FROM typed a, typed b, typed c;

-- Sample types that differ in unit only are not added.
SELECT profile_sample_types(p), profile_total(p, 'cpu/count') AS count,
	profile_total(p, 'cpu/nanoseconds') AS nanoseconds
FROM (SELECT profile_merge(p) AS p FROM typed WHERE name IN ('cpu', 'cpu/count')) m;

-- The rest of a profile: earliest time, summed duration, largest period,
-- united comments, mappings and the like.  None of it depends on the order.
CREATE TEMP TABLE headed AS
	SELECT n, (build.strings('cpu', 'nanoseconds', 'b comment', 'a comment', '/bin/a', '/bin/b', 'wall', 'main') ||
			   build.sample_type(1, 2) || extra)::profile AS p
	FROM (VALUES
		(1, build.number(9, 2000000000) || build.number(10, 5000000000) || build.number(12, 10) ||
			build.bytes(11, build.number(1, 1) || build.number(2, 2)) || build.mapping(1, 0, 0, 6)),
		(2, build.number(9, 1000000000) || build.number(10, 1000000000) || build.number(12, 30) ||
			build.bytes(11, build.number(1, 1) || build.number(2, 2)) || build.mapping(1, 0, 0, 5)),
		(3, build.packed(13, '{3,4}') || build.number(14, 1)),
		(4, build.packed(13, '{3,4}')),
		(5, build.packed(13, '{4}') || build.number(12, 77) || build.number(7, 3)),
		(6, build.bytes(11, build.number(1, 7) || build.number(2, 2)) || build.number(12, 99) || build.number(7, 4)),
		(7, build.number(14, 7) || build.number(15, 8)),
		(8, ''::bytea)) v (n, extra);
SELECT profile_time(p), profile_duration(p), profile_period(p), profile_period_type(p)
FROM (SELECT profile_merge(p) AS p FROM headed WHERE n < 3) m;
SELECT count(*) AS pairs, count(*) FILTER (WHERE a.p + b.p = b.p + a.p) AS commutative FROM headed a, headed b;
SELECT count(*) AS triples, count(*) FILTER (WHERE (a.p + b.p) + c.p = a.p + (b.p + c.p)) AS associative
FROM headed a, headed b, headed c;

-- A profile without sample types changes no values, and the order does not
-- matter for it either.
CREATE TEMP TABLE untyped AS
	SELECT n, (build.strings('cpu', 'wall') || extra)::profile AS p
	FROM (VALUES (1, ''::bytea), (2, build.number(14, 1)), (3, build.number(14, 2))) v (n, extra)
	UNION ALL SELECT 4, 'main 5';
SELECT count(*) AS pairs, count(*) FILTER (WHERE a.p + b.p = b.p + a.p) AS commutative FROM untyped a, untyped b;
SELECT count(*) AS triples, count(*) FILTER (WHERE (a.p + b.p) + c.p = a.p + (b.p + c.p)) AS associative
FROM untyped a, untyped b, untyped c;
SELECT profile_sample_types(a.p + b.p), profile_total(a.p + b.p) FROM untyped a, untyped b WHERE (a.n, b.n) = (1, 4);

-- Labels keep samples apart and are matched whole.
SELECT stack, value, labels FROM profile_samples((SELECT profile_merge(
	(build.strings('samples', 'count', 'main', 'key', 'one', 'two') || build.sample_type(1, 2) ||
	 build.location(1, build.line(1)) || build.function(1, 3) || build.sample('{1}', ARRAY[value], labels))::profile)
	FROM (VALUES (1, build.label(4, 5)), (10, build.label(4, 6)), (100, build.label(4, 5)), (1000, ''::bytea),
				 (10000, build.label(4, 5) || build.label(4, 6))) v (value, labels)));

-- Locations are matched by what they are, not by their ids: the same function
-- at another line is another location, the same stack text, another sample.
SELECT l.line, s.value FROM (SELECT profile_merge(
	(build.strings('samples', 'count', 'main') || build.sample_type(1, 2) || build.function(9 - n, 3) ||
	 build.location(n, build.line(9 - n, line)) || build.sample(ARRAY[n], '{1}'))::profile) AS p
	FROM (VALUES (1, 11), (2, 22), (3, 11)) v (n, line)) m,
	LATERAL (SELECT row_number() OVER () AS n, line FROM profile_locations(p)) l
	JOIN LATERAL (SELECT row_number() OVER () AS n, value FROM profile_samples(p)) s USING (n);

-- Sums that leave bigint are an error that names the type, those that reach
-- its ends are not.  Durations stay at its end.
SELECT value FROM profile_samples('a 9223372036854775806'::profile + 'a 1');
SELECT value FROM profile_samples('a -9223372036854775807'::profile + 'a -1');
SELECT 'a 9223372036854775807'::profile + 'a 1';
SELECT 'a -9223372036854775808'::profile + 'a -1';
SELECT profile_merge(p) FROM (VALUES ('a 9223372036854775807'::profile), ('a 1')) v (p);
SELECT profile_merge(p) FROM (VALUES (E'a 9223372036854775807\na 1'::profile)) v (p);
SELECT build.error($$SELECT (build.string('') || build.number(10, 9223372036854775807))::profile + (build.string('') || build.number(10, 1))::profile$$) AS durations;

-- The total of a sum may leave bigint although no sample does.
SELECT profile_sample_count('a 9223372036854775807'::profile + 'b 1') AS samples,
	   build.error($$SELECT profile_total('a 9223372036854775807'::profile + 'b 1')$$) AS total;

-- Many: the thousandth profile counts as much as the first, and adding the
-- same a thousand times multiplies its values.
SELECT profile_total(s.p) = 1000 * profile_total(m.profile) AS total,
	   profile_sample_count(s.p) = (SELECT profile_sample_count(profile_merge(profile)) FROM merged
		WHERE n = m.n) AS samples
FROM merged m, LATERAL (SELECT profile_merge(p) AS p FROM (SELECT m.profile AS p FROM generate_series(1, 1000)) v) s
WHERE file = 'go-goroutine.pb.gz';
SELECT profile_total(p), profile_sample_count(p) FROM
	(SELECT profile_merge(profile_from_folded('main;f' || i % 100 || ' ' || i)) AS p
		FROM generate_series(1, 10000) i) m;

DROP TABLE merged;
