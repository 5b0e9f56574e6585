-- Operators of profile: equality of content in all that uses it, and what a
-- profile contains.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/sql/include/build.sql'
\i :include

-- Equal is what says the same, whatever the bytes.
SELECT a = b AS equal, a <> b AS differs, a < b AS less, a <= b AS less_equal, a > b AS greater,
	a >= b AS greater_equal,
	   profile_cmp(a, b) = 0 AS compare, profile_hash(a) = profile_hash(b) AS hash
FROM (VALUES ('main;work 10'::profile, build.named('work', 10)::profile)) v (a, b);

-- Everything that pprof can say makes a difference; what nothing refers to,
-- ids and order do not.
CREATE TEMP TABLE variants AS
	SELECT what, (build.strings('cpu', 'ns', 'main', 'file', 'other', 'key') || build.sample_type(1, 2) ||
		bytes)::profile AS p
	FROM (VALUES
		('one', build.sample('{1}', '{1}') || build.location(1, build.line(1)) || build.function(1, 3)),
		('other id', build.sample('{7}', '{1}') || build.location(7, build.line(9)) || build.function(9, 3)),
		('unused function', build.sample('{1}', '{1}') || build.location(1, build.line(1)) || build.function(1, 3) ||
			build.function(2, 5)),
		('unused location', build.sample('{1}', '{1}') || build.location(1, build.line(1)) || build.location(2,
			build.line(1, 5)) || build.function(1, 3)),
		('value', build.sample('{1}', '{2}') || build.location(1, build.line(1)) || build.function(1, 3)),
		('another sample', build.sample('{1}', '{1}') || build.sample('{1}', '{1}') || build.location(1,
			build.line(1)) || build.function(1, 3)),
		('stack', build.sample('{1,1}', '{1}') || build.location(1, build.line(1)) || build.function(1, 3)),
		('line', build.sample('{1}', '{1}') || build.location(1, build.line(1, 4)) || build.function(1, 3)),
		('address', build.sample('{1}', '{1}') || build.location(1, build.line(1), 4) || build.function(1, 3)),
		('function', build.sample('{1}', '{1}') || build.location(1, build.line(1)) || build.function(1, 5)),
		('system name', build.sample('{1}', '{1}') || build.location(1, build.line(1)) || build.function(1, 3, 3)),
		('file', build.sample('{1}', '{1}') || build.location(1, build.line(1)) || build.function(1, 3, 0, 4)),
		('start line', build.sample('{1}', '{1}') || build.location(1, build.line(1)) || build.function(1, 3, 0, 0,
			1)),
		('mapping', build.sample('{1}', '{1}') || build.location(1, build.line(1)) || build.function(1, 3) ||
			build.mapping(1, 0, 0, 4)),
		('label', build.sample('{1}', '{1}', build.label(6, 5)) || build.location(1, build.line(1)) ||
			build.function(1, 3)),
		('number label', build.sample('{1}', '{1}', build.number_label(6, 5)) || build.location(1, build.line(1)) ||
			build.function(1, 3)),
		('label unit', build.sample('{1}', '{1}', build.number_label(6, 5, 2)) || build.location(1, build.line(1)) ||
			build.function(1, 3)),
		('comment', build.sample('{1}', '{1}') || build.location(1, build.line(1)) || build.function(1, 3) ||
			build.packed(13, '{5}')),
		('time', build.sample('{1}', '{1}') || build.location(1, build.line(1)) || build.function(1, 3) ||
			build.number(9, 1)),
		('duration', build.sample('{1}', '{1}') || build.location(1, build.line(1)) || build.function(1, 3) ||
			build.number(10, 1)),
		('period', build.sample('{1}', '{1}') || build.location(1, build.line(1)) || build.function(1, 3) ||
			build.number(12, 1)),
		('default type', build.sample('{1}', '{1}') || build.location(1, build.line(1)) || build.function(1, 3) ||
			build.number(14, 1)),
		('doc url', build.sample('{1}', '{1}') || build.location(1, build.line(1)) || build.function(1, 3) ||
			build.number(15, 4)),
		('drop frames', build.sample('{1}', '{1}') || build.location(1, build.line(1)) || build.function(1, 3) ||
			build.number(7, 4)),
		('keep frames', build.sample('{1}', '{1}') || build.location(1, build.line(1)) || build.function(1, 3) ||
			build.number(8, 4)),
		('inlined', build.sample('{1}', '{1}') || build.location(1, build.line(1) || build.line(1)) ||
			build.function(1, 3))
	) v (what, bytes);
SELECT a.what FROM variants a, variants b WHERE b.what = 'one' AND a.p = b.p ORDER BY 1;
SELECT count(*) AS variants, count(DISTINCT p) AS different, count(DISTINCT profile_hash(p)) AS hashes,
	   count(*) FILTER (WHERE p::bytea::profile = p) AS round_trips
FROM variants;

-- The order is total, and its parts agree with each other.
SELECT count(*) AS pairs,
	   count(*) FILTER (WHERE (a.p < b.p)::int + (a.p = b.p)::int + (a.p > b.p)::int = 1) AS exclusive,
	   count(*) FILTER (WHERE (a.p <= b.p) = (a.p < b.p OR a.p = b.p) AND (a.p >= b.p) = (b.p <= a.p)
						AND (a.p <> b.p) = NOT (a.p = b.p)) AS agree,
	   count(*) FILTER (WHERE sign(profile_cmp(a.p, b.p)) = (a.p > b.p)::int - (a.p < b.p)::int) AS compare
FROM variants a, variants b;
SELECT count(*) AS violations FROM variants a, variants b, variants c WHERE a.p < b.p AND b.p < c.p AND NOT a.p < c.p;

-- The hash with seed 0 is the other's low half, others differ from it.
SELECT count(*) FILTER (WHERE profile_hash_extended(p,
	0) & 4294967295 = profile_hash(p)::bigint & 4294967295) AS low_half,
	   count(*) FILTER (WHERE profile_hash_extended(p, 1) <> profile_hash_extended(p, 0)) AS seeded,
	   count(DISTINCT profile_hash_extended(p, 42)) AS different
FROM variants;

-- NULL compares to NULL.
SELECT 'a 1'::profile = NULL AS equal, 'a 1'::profile IS DISTINCT FROM NULL AS distinct_from;

-- Real profiles, each twice.
CREATE TABLE doubled AS
	SELECT file, n, pg_read_binary_file(:'abs_srcdir' || '/data/' || file)::profile AS profile
	FROM pg_ls_dir(:'abs_srcdir' || '/data') AS file, generate_series(1, 2) n
	WHERE file LIKE '%.pb' OR file LIKE '%.pb.gz';
ANALYZE doubled;

-- DISTINCT, GROUP BY and set operations, by hashing and by sorting.
SET enable_sort = off;
SET enable_hashagg = on;
EXPLAIN (COSTS OFF) SELECT count(*) FROM doubled GROUP BY profile;
SELECT count(*) AS groups, min(n) AS smallest, max(n) AS largest
FROM (SELECT count(*) AS n FROM doubled GROUP BY profile) g;
SELECT count(*) FROM (SELECT DISTINCT profile FROM doubled) d;
SELECT count(*) FROM (SELECT profile FROM doubled EXCEPT SELECT profile FROM doubled WHERE file LIKE 'go%') e;
SELECT count(*) FROM (SELECT profile FROM doubled INTERSECT SELECT profile FROM doubled WHERE file LIKE 'go%') i;
SET enable_hashagg = off;
SET enable_sort = on;
EXPLAIN (COSTS OFF) SELECT count(*) FROM doubled GROUP BY profile;
SELECT count(*) AS groups, min(n) AS smallest, max(n) AS largest
FROM (SELECT count(*) AS n FROM doubled GROUP BY profile) g;
SELECT count(*) FROM (SELECT DISTINCT profile FROM doubled) d;
SELECT count(*) FROM (SELECT profile FROM doubled EXCEPT SELECT profile FROM doubled WHERE file LIKE 'go%') e;
SELECT count(*) FROM (SELECT profile FROM doubled INTERSECT SELECT profile FROM doubled WHERE file LIKE 'go%') i;
RESET enable_hashagg;
SELECT count(DISTINCT profile) FROM doubled;

-- Joins by all three methods.
SET enable_nestloop = off;
SET enable_mergejoin = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM doubled a JOIN doubled b USING (profile);
SELECT count(*) FROM doubled a JOIN doubled b USING (profile);
SET enable_mergejoin = on;
SET enable_hashjoin = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM doubled a JOIN doubled b USING (profile);
SELECT count(*) FROM doubled a JOIN doubled b USING (profile);
SET enable_mergejoin = off;
SET enable_nestloop = on;
SELECT count(*) FROM doubled a JOIN doubled b USING (profile);
RESET enable_mergejoin;
RESET enable_hashjoin;

-- A hash index finds profiles of any size, and keeps them unique with an
-- exclusion constraint; a btree takes what fits into a page.
CREATE TABLE indexed (n serial, profile profile);
INSERT INTO indexed (profile) SELECT DISTINCT profile FROM doubled;
CREATE INDEX indexed_hash ON indexed USING hash (profile);
SET enable_seqscan = off;
SET plan_cache_mode = force_generic_plan;
PREPARE find (profile) AS SELECT n FROM indexed WHERE profile = $1;
EXPLAIN (COSTS OFF) EXECUTE find ('main 1');
SELECT count(*) FROM doubled d WHERE EXISTS (SELECT FROM indexed i WHERE i.profile = d.profile);
INSERT INTO indexed (profile) VALUES ('main 1');
EXECUTE find ('main 1');
DEALLOCATE find;
DROP INDEX indexed_hash;
ALTER TABLE indexed ADD CONSTRAINT indexed_once EXCLUDE USING hash (profile WITH =);
\set VERBOSITY sqlstate
INSERT INTO indexed (profile) VALUES ('main 1');
\set VERBOSITY default
INSERT INTO indexed (profile) VALUES ('main 2');
CREATE TABLE small (n int, profile profile UNIQUE);
INSERT INTO small SELECT n, ('main;f' || n || ' 1')::profile FROM generate_series(1, 500) n;
PREPARE find (profile) AS SELECT n FROM small WHERE profile = $1;
EXPLAIN (COSTS OFF) EXECUTE find ('main;f77 1');
EXECUTE find ('main;f77 1');
DEALLOCATE find;
SELECT count(*) FROM small a JOIN small b ON a.profile < b.profile;
SELECT array_agg(n) = (SELECT array_agg(n ORDER BY profile) FROM (SELECT * FROM small OFFSET 0) u) AS in_order
FROM (SELECT n FROM small ORDER BY profile) o;
INSERT INTO small VALUES (501, 'main;f77 1') ON CONFLICT (profile) DO UPDATE SET n = excluded.n RETURNING n;
\set VERBOSITY sqlstate
INSERT INTO small VALUES (502, 'main;f77 1');
\set VERBOSITY default
RESET enable_seqscan;
RESET plan_cache_mode;
SELECT amname, opcname, opcdefault FROM pg_opclass c JOIN pg_am m ON m.oid = c.opcmethod
WHERE opcintype IN ('profile'::regtype, 'flamegraph'::regtype) ORDER BY 2, 1;

-- Partitions by hash work, as they do for all types with hash support.
CREATE TABLE parted (profile profile) PARTITION BY HASH (profile);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT profile FROM small;
SELECT count(*) AS rows, count(DISTINCT tableoid) AS partitions FROM parted;
SELECT count(*) FROM parted WHERE profile = 'main;f77 1'::profile;

-- @> knows functions by their exact name: no part of it, no file, no label, no
-- name that stands only in an unused function.
SELECT n, p @> n AS contains
FROM (SELECT (build.strings('cpu', 'ns', 'main', 'file.c', 'unused', 'key', 'inlined', '/bin/program') ||
	build.sample_type(1, 2) ||
			  build.mapping(1, 0, 0, 8) || build.function(1, 3, 0, 4) || build.function(2, 5) || build.function(3,
				7) ||
			  build.location(1, build.line(3) || build.line(1), 0, 1) || build.location(2, '', 0, 1) ||
			  build.sample('{2,1}', '{1}', build.label(6, 6)))::profile) v (p),
	 unnest(ARRAY['main', 'inlined', 'mai', 'MAIN', 'file.c', 'unused', 'key', 'cpu', '', '[program]',
		'/bin/program']) n;
SELECT count(*) AS files, count(*) FILTER (WHERE EXISTS (SELECT FROM profile_functions(profile) f
	WHERE f = 'main.main')) AS by_list
FROM doubled WHERE profile @> 'main.main' AND n = 1;
SELECT bool_and(profile @> f) AS all_functions, bool_and(NOT profile @> (f || ' ')) AS no_others
FROM doubled, profile_functions(profile) f WHERE n = 1 AND file LIKE 'go-%';

-- ~ is a regular expression over the names, case matters, as in PostgreSQL.
SELECT r, p ~ r AS matches
FROM (VALUES (E'main;net/http.(*conn).serve 1\nmain;Änderung 2'::profile)) v (p),
	 unnest(ARRAY['main', '^main$', 'MAIN', '(?i)MAIN', 'serve$', '^serve', 'http\.\(\*conn\)', '^net/.*serve$',
		'nothing',
				  '', '^$', 'main;net', '^\w+$', 'Ä', '^.nderung$', '[[:upper:]]', '\mmain\M', '(a)(i)n', 'a{1}']) r;
SELECT count(*) FROM doubled WHERE profile ~ '^(runtime|main)\.' AND n = 1;
SELECT 'main 1'::profile ~ '(';
SELECT ''::profile ~ '[';
SELECT ('main 1'::profile @> NULL) IS NULL AS contains, ('main 1'::profile ~ NULL) IS NULL AS matches,
	   (NULL::profile @> 'main') IS NULL AS null_contains, (NULL::profile ~ 'main') IS NULL AS null_matches;

-- Names that are not UTF-8 are found as they are shown.
SELECT p @> '\xff' AS contains, p @> 'a\x00b' AS contains_null, p ~ '^\\xff$' AS matches
FROM (SELECT build.named('\xff')::profile + build.named('\x610062')::profile) v (p);

-- Operators stand in the catalogs with what the planner needs of them.
SELECT oprname, oprleft::regtype, oprright::regtype, oprcom::regoperator, oprnegate::regoperator, oprcanmerge,
	oprcanhash,
	   oprrest, oprjoin
FROM pg_operator WHERE oprleft IN ('profile'::regtype, 'flamegraph'::regtype) ORDER BY oprleft::regtype::text,
	oprname;

DROP TABLE doubled, indexed, small, parted;
