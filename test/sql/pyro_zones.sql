-- Zones of blocks against the rows: no query may miss a row for them.
SET client_min_messages = warning;
SET pyro.block_rows = 100;

-- A column of each type that has an order, and of some that have none: each
-- literal that a type takes, twice, and NULLs.
CREATE TABLE literals (literal text);
INSERT INTO literals VALUES ('0'), ('1'), ('7'), ('-1'), ('x'), (''), ('t'), ('f'), ('NaN'), ('Infinity'), ('-Infinity'), ('1e100'),
	('2024-02-29'), ('infinity'), ('4713-01-01 BC'), ('2024-01-01 12:00+14'), ('12:34:56.789'), ('12:34:56-08'), ('24:00'), ('1 year -3 days'),
	('10.0.0.0/8'), ('::1'), ('fe80::/10'), ('08:00:2b:01:02:03'), ('ff:ff:ff:ff:ff:ff:ff:ff'), ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
	('ffffffff-ffff-ffff-ffff-ffffffffffff'), ('(0,1)'), ('(4294967295,65535)'), ('10101'), (repeat('1', 700)), (repeat('z', 700)), ('\xff'),
	('\x' || repeat('ff', 100)), ('{}'), ('{1,2}'), ('{"a": [1, {"b": 2}], "c": null}'), ('[1, "x"]'), ('"x"'), ('null'), ('[1,3)'), ('empty'),
	('{[1,3),[5,7)}'), ('12:10:12,14:16'), ('12:10:'), ('0/0'), ('FFFFFFFF/FFFFFFFF'), ('18446744073709551615'), ('9223372036854775807'),
	('-9223372036854775808'), ('32767'), ('1 2 3'), ('a & b'), ('$1,000.00'), (repeat('é', 40)), ('1' || repeat('0', 300)), ('0.' || repeat('0', 300) || '1'),
	('main;f 1'), ('[2024-01-01,2024-02-01)'), ('{[2024-01-01,2024-02-01)}'), ('("a","b")'), ('public.literals'), ('C');
CREATE TYPE mood AS ENUM ('x', 't', 'f');
ALTER TYPE mood ADD VALUE '1' BEFORE 't';
CREATE DOMAIN word AS varchar(1000);
CREATE DOMAIN words AS word;
CREATE DOMAIN amount AS numeric;
CREATE TABLE types (type oid PRIMARY KEY, name text, tried int);
INSERT INTO types SELECT DISTINCT t.oid, 'c' || t.oid FROM pg_type t
	LEFT JOIN pg_opclass c ON opcintype = t.oid AND opcdefault AND opcmethod = (SELECT oid FROM pg_am WHERE amname = 'btree')
	WHERE typtype <> 'p' AND (c.oid IS NOT NULL OR typname IN ('varchar', 'bpchar', 'name', 'cidr', 'mood', 'word', 'words', 'amount', 'json', 'xml', 'point',
		'xid', '_text', '_int4', '_numeric', 'int4range', 'nummultirange', 'regclass', 'regtype', 'flamegraph') OR t.oid::regtype::text ~ '^oid')
		AND NOT typname = ANY ('{record,refcursor}') AND typcategory <> 'C';
DO $$
DECLARE
	t record;
	l text;
	n int;
BEGIN
	EXECUTE (SELECT 'CREATE TABLE every (row serial, ' || string_agg(format('%I %s', name, format_type(type, NULL)), ', ') || ') USING pyro' FROM types);
	FOR t IN SELECT * FROM types ORDER BY type LOOP
		n := 0;
		FOR l IN SELECT literal FROM literals LOOP
			BEGIN
				EXECUTE format('INSERT INTO every (%I) VALUES (%L), (%2$L)', t.name, l);
				n := n + 1;
			EXCEPTION WHEN OTHERS THEN
			END;
		END LOOP;
		UPDATE types SET tried = n WHERE type = t.type;
	END LOOP;
END $$;
SELECT count(*) > 40 AS many, min(tried) > 0 AS each FROM types;
SELECT format_type(type, NULL) FROM types WHERE tried < 1;
CALL pyro.compact('every');
SELECT * FROM pyro.verify('every');
-- One block of all, so that each column has values with its NULLs.
SET pyro.block_rows = 65536;
CREATE TABLE every_one (LIKE every) USING pyro;
INSERT INTO every_one TABLE every;
CALL pyro.compact('every_one');
SELECT count(*) FROM pyro.blocks WHERE relation = 'every_one'::regclass;
SELECT * FROM pyro.verify('every_one');
RESET pyro.block_rows;
DROP TABLE every, every_one;

-- A zone that is of other rows is found out, by its range or by its filter.
UPDATE pg_class SET relkind = 'r', relhasrules = false WHERE relnamespace = 'pyro'::regnamespace AND relkind = 'm';
SET pyro.block_rows = 100;
CREATE TABLE t (n int, b boolean, "char" "char", i2 int2, i8 int8, o oid, f4 float4, f8 float8, d date, ts timestamp, ti time, u uuid, name name, te text, de text COLLATE "C",
	v varchar(20), c char(12), bytes bytea, nu numeric, iv interval, ip inet, bits bit varying, labels jsonb, pr profile, words words, many text, ta text[]) USING pyro;
INSERT INTO t SELECT n, n > 100, chr(40 + n / 100)::"char", n, n, n, n, n, date '2024-01-01' + n, timestamp '2024-01-01' + n * interval '1 h', time '00:00' + n * interval '1 s',
	lpad(n::text, 32, '0')::uuid, 'name' || n / 100, 't' || n / 100, 'd' || n / 100, 'v' || n / 100, 'c' || n / 100, lpad(n::text, 200, '0')::bytea, n / 7.0, n * interval '1 h',
	'10.0.0.0'::inet + n, n::bit(32), jsonb_build_object('n', n, 'half', n / 100), ('main;f' || n / 100 || ' 1')::profile, 'w' || n / 100,
	'same' || n % 10 || CASE WHEN n % 20 < 10 THEN 'x' ELSE '' END || n / 100, ARRAY[n::text]
	FROM generate_series(1, 199) n WHERE n <> 100;
CALL pyro.compact('t');
SELECT block, rows FROM pyro.blocks WHERE relation = 't'::regclass;
SELECT * FROM pyro.verify('t');
BEGIN;
UPDATE pyro.block b SET zones = (SELECT zones FROM pyro.block o WHERE o.storage_id = b.storage_id AND o.first_vpage <> b.first_vpage)
	WHERE storage_id = (SELECT storage_id FROM pyro.storage WHERE relid = 't'::regclass);
SELECT * FROM pyro.verify('t');
ROLLBACK;
-- Each byte of the zones, in each of several ways: nothing but an error.
CREATE FUNCTION damaged(byte int, value int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	BEGIN
		UPDATE pyro.block b SET zones = set_byte(zones, byte, get_byte(zones, byte) # value)
			WHERE first_vpage = 0 AND storage_id = (SELECT storage_id FROM pyro.storage WHERE relid = 't'::regclass);
		SELECT DISTINCT regexp_replace(v, '^block 0 of table "t", stream of column "\w+": ', '') INTO found FROM pyro.verify('t') v LIMIT 1;
		RAISE EXCEPTION USING errcode = 'UTEST', message = coalesce(found, 'nothing');
	EXCEPTION WHEN SQLSTATE 'UTEST' THEN
		RETURN SQLERRM;
	END;
END $$;
SELECT DISTINCT damaged(n, value) FROM generate_series(0, 60) n, (VALUES (1), (128), (255)) v (value) ORDER BY 1;
SELECT DISTINCT damaged(n, 4) FROM generate_series(100, 1200, 19) n ORDER BY 1;
BEGIN; UPDATE pyro.block SET zones = substr(zones, 1, length(zones) - 1); SELECT * FROM pyro.verify('t'); ROLLBACK;
BEGIN; UPDATE pyro.block SET zones = '\x'; SELECT DISTINCT substring(v from 'zones.*') FROM pyro.verify('t') v; ROLLBACK;

-- Types that change without the rows: what the zone says is about other values.
ALTER TABLE t ALTER v TYPE text, ALTER te TYPE varchar, ALTER o TYPE int, ALTER words TYPE text, ALTER de TYPE text COLLATE "POSIX";
SELECT * FROM pyro.verify('t');
ALTER TABLE t ALTER v TYPE varchar, ALTER te TYPE bpchar, ALTER o TYPE oid,
	ALTER i8 TYPE int8;
UPDATE t SET te = te || ' ' WHERE n = 1;
SELECT * FROM pyro.verify('t');
SELECT block, rows, deleted_rows FROM pyro.blocks WHERE relation = 't'::regclass;
DROP TABLE t;
DROP FUNCTION damaged;

-- NULLs, empty texts, nested and large jsonb; so many different ones that no
-- filter is worth it; zones that are large enough to be TOASTed.
CREATE TABLE odd (n int, j jsonb, t text, p profile) USING pyro;
INSERT INTO odd SELECT n, CASE n % 8 WHEN 0 THEN NULL WHEN 1 THEN '{}' WHEN 2 THEN '[]' WHEN 3 THEN '"text"'
	WHEN 4 THEN jsonb_build_object('deep', jsonb_build_object('deep', jsonb_build_array(n, NULL, '{"x": {}}'::jsonb)), '', '', 'é', 1.50)
	WHEN 5 THEN jsonb_build_object('big', repeat('x', 10000), 'number', ('1' || repeat('0', 10000))::numeric, 'more', true)
	WHEN 6 THEN '[{"a": 1}, "b", ["c"], 1.00]' ELSE (SELECT jsonb_object_agg('key' || i, i) FROM generate_series(n, n + 300) i) END,
	CASE n % 4 WHEN 0 THEN '' WHEN 1 THEN ' ' WHEN 2 THEN repeat('é', 100) END, CASE WHEN n % 3 = 0 THEN '' ELSE 'main;' || repeat('f', n) || ' 1' END::profile
	FROM generate_series(1, 200) n;
CALL pyro.compact('odd');
SELECT * FROM pyro.verify('odd');
SELECT block, rows FROM pyro.blocks WHERE relation = 'odd'::regclass;
SET pyro.block_rows = 60000;
CREATE TABLE large (n int, j jsonb, k jsonb, t text) USING pyro;
INSERT INTO large SELECT n, jsonb_build_object('n', n), jsonb_build_object('n', n % 20000), 't' || n % 20000 FROM generate_series(1, 60000) n;
CALL pyro.compact('large');
SELECT b.rows, length(zones) FROM pyro.block b JOIN pyro.storage USING (storage_id) WHERE relid = 'large'::regclass;
SELECT * FROM pyro.verify('large');
CREATE INDEX ON large (n);
SELECT count(*), sum(n) FROM large;
SET enable_seqscan = off;
SELECT * FROM large WHERE n IN (7, 59999);
RESET enable_seqscan;
DELETE FROM large WHERE n % 2 = 0;
VACUUM FULL large;
SELECT * FROM pyro.verify('large');
UPDATE large SET n = -n WHERE n < 100;
CALL pyro.compact('large');
VACUUM large;
SELECT * FROM pyro.verify('large');
TRUNCATE large;
VACUUM pyro.block;
SELECT count(*) FROM pyro.block JOIN pyro.storage USING (storage_id) WHERE relid = 'large'::regclass;
DROP TABLE odd, large, literals, types;
DROP DOMAIN words, word, amount;
DROP TYPE mood;
UPDATE pg_class SET relkind = 'm', relhasrules = true WHERE relnamespace = 'pyro'::regnamespace AND relname IN ('storage', 'block', 'block_delete', 'run');
