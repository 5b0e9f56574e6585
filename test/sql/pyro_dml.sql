-- Changes of compacted rows, beside a heap on which the same is done: each
-- statement must give the same rows, counts and errors on both.

\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA as_heap;
CREATE SCHEMA as_pyro;

-- Run a statement; what it gave.
CREATE FUNCTION run(name text, statement text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	result text[] := '{}';
	row_ record;
	n bigint;
BEGIN
	PERFORM set_config('search_path', name || ',public', true);
	IF statement ~* '\mRETURNING\M|^SELECT|^FETCH' THEN
		FOR row_ IN EXECUTE statement LOOP
			result := result || row_::text;
		END LOOP;
	ELSE
		EXECUTE statement;
		GET DIAGNOSTICS n = ROW_COUNT;
		result := ARRAY[n || ' rows'];
	END IF;
	PERFORM set_config('search_path', 'public', true);
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	PERFORM set_config('search_path', 'public', true);
	RETURN ARRAY[SQLSTATE || ' ' || SQLERRM];
END $$;

CREATE FUNCTION sorted(rows text[]) RETURNS text[] RETURN (SELECT array_agg(r ORDER BY r) FROM unnest(rows) r);

-- Run it on both; what it gave, if that is the same.  Changed rows come in any order.
CREATE FUNCTION twin(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	on_heap text[] := run('as_heap', statement);
	on_pyro text[] := run('as_pyro', statement);
BEGIN
	IF statement ~* '\mRETURNING\M' AND sorted(on_heap) = sorted(on_pyro) THEN
		RETURN array_to_string(on_heap, ' ');
	END IF;
	IF on_heap IS DISTINCT FROM on_pyro THEN
		RETURN 'DIFFERENT: ' || array_to_string(on_heap, ' ') || ' AND ' || array_to_string(on_pyro, ' ');
	END IF;
	RETURN array_to_string(on_heap, ' ');
END $$;

-- The rows, if they are the same on both by all kinds of scans.
CREATE FUNCTION contents() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	seq text;
	idx text;
	bitmap text;
BEGIN
	SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = on;
	seq := twin('SELECT * FROM t ORDER BY id');
	SET LOCAL enable_indexscan = on; SET LOCAL enable_seqscan = off;
	idx := twin('SELECT * FROM t WHERE id IS NOT NULL ORDER BY id');
	SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = on;
	bitmap := twin('SELECT * FROM t WHERE id IS NOT NULL ORDER BY id');
	IF seq IS DISTINCT FROM idx OR seq IS DISTINCT FROM bitmap THEN
		RETURN 'DIFFERENT: ' || seq || ' AND ' || idx || ' AND ' || bitmap;
	END IF;
	RETURN seq;
END $$;

CREATE TABLE as_heap.t (id int PRIMARY KEY, k int UNIQUE, v text, big text, gone int,
	twice int GENERATED ALWAYS AS (k * 2) STORED) USING heap;
CREATE TABLE as_pyro.t (id int PRIMARY KEY, k int UNIQUE, v text, big text, gone int,
	twice int GENERATED ALWAYS AS (k * 2) STORED) USING pyro;
SELECT twin($$INSERT INTO t (id, k, v) SELECT i, i * 10, 'row ' || i FROM generate_series(1, 12) i$$);
SELECT twin($$UPDATE t SET big = repeat('large ', 2000) WHERE id IN (1, 2)$$);
ALTER TABLE as_heap.t ALTER big SET STORAGE EXTERNAL;
ALTER TABLE as_pyro.t ALTER big SET STORAGE EXTERNAL;
SELECT twin($$UPDATE t SET big = md5(id::text) || repeat('external ', 2000) WHERE id = 3$$);
CALL pyro.compact('as_pyro.t');
ALTER TABLE as_heap.t DROP gone, ADD added text DEFAULT 'new';
ALTER TABLE as_pyro.t DROP gone, ADD added text DEFAULT 'new';
SELECT count(*) AS in_blocks FROM as_pyro.t WHERE ctid >= '(2147483648,1)';

-- ---- statements ----

SELECT twin($$UPDATE t SET v = 'updated' WHERE id = 1 RETURNING id, k, v, md5(big), twice, added$$);
SELECT twin($$UPDATE t SET v = 'updated again' WHERE id = 1 RETURNING id, k, v, length(big)$$);
SELECT twin($$UPDATE t SET id = 100, k = k + 1 WHERE id = 4 RETURNING *$$);
SELECT twin($$DELETE FROM t WHERE id = 5 RETURNING *$$);
SELECT twin($$DELETE FROM t WHERE id = 5 RETURNING *$$);
SELECT twin($$UPDATE t SET k = 10 WHERE id = 6$$);
SELECT twin($$UPDATE t SET id = 5 WHERE id = 6 RETURNING *$$);
SELECT twin($$INSERT INTO t (id, k) VALUES (7, 7000)$$);
SELECT twin($$INSERT INTO t (id, k) VALUES (6, 6000) RETURNING *$$);
SELECT twin($$INSERT INTO t (id, k) VALUES (7, 7000) ON CONFLICT DO NOTHING RETURNING *$$);
SELECT twin($$INSERT INTO t (id, k) VALUES (7, 7000) ON CONFLICT (id) DO UPDATE SET v = t.v || excluded.k RETURNING *$$);
SELECT twin($$INSERT INTO t (id, k) VALUES (8, 1), (8, 2) ON CONFLICT (id) DO UPDATE SET v = 'twice'$$);
SELECT twin($$INSERT INTO t (id, k) VALUES (8, 8000) ON CONFLICT (id) DO UPDATE SET v = 'not' WHERE t.k = 1 RETURNING *$$);
SELECT twin($$MERGE INTO t USING (VALUES (9, 'merged'), (10, NULL), (11, 'same'), (900, 'inserted')) AS s (id, v) ON t.id = s.id
	WHEN MATCHED AND s.v IS NULL THEN DELETE
	WHEN MATCHED AND s.v = 'same' THEN DO NOTHING
	WHEN MATCHED THEN UPDATE SET v = s.v
	WHEN NOT MATCHED THEN INSERT (id, k, v) VALUES (s.id, s.id, s.v)$$);
SELECT twin($$UPDATE t SET v = t.v || o.v FROM t o WHERE o.id = t.id + 1 AND t.id IN (7, 8) RETURNING t.id, t.v$$);
SELECT twin($$UPDATE t SET v = 'joined ' || n FROM generate_series(1, 3) n WHERE id = 12 AND n = 2 RETURNING id, v$$);
SELECT twin($$SELECT id, k, v, md5(big) FROM t ORDER BY id FOR UPDATE$$);
SELECT twin($$SELECT id FROM t WHERE id = 2 FOR KEY SHARE$$);
-- a row that is met twice by one statement is changed once
SELECT twin($$UPDATE t SET v = v || '+' FROM generate_series(1, 3) n WHERE id = 2$$);
SELECT twin($$WITH d AS (DELETE FROM t WHERE id = 3 RETURNING id) UPDATE t SET v = 'too late' FROM d WHERE t.id = 3 RETURNING t.id$$);
SELECT contents() LIKE 'DIFFERENT%' AS different;

-- system columns are a heap's
SELECT twin($$SELECT xmin::text::bigint > 0, xmax, tableoid = 't'::regclass FROM t WHERE id = 2$$);

-- ---- savepoints ----

SELECT twin($$SELECT count(*) FROM t$$) AS before
\gset
BEGIN;
SAVEPOINT a;
SELECT twin($$DELETE FROM t WHERE id IN (7, 8) RETURNING id$$);
SAVEPOINT b;
SELECT twin($$UPDATE t SET v = 'b' WHERE id = 12 RETURNING id$$);
RELEASE b;
SELECT twin($$SELECT id, v FROM t WHERE id IN (7, 8, 12)$$);
ROLLBACK TO a;
SELECT twin($$SELECT id, v FROM t WHERE id IN (7, 8, 12) ORDER BY id$$);
SELECT twin($$DELETE FROM t WHERE id IN (7, 8) RETURNING id$$);
SELECT twin($$SELECT id, v FROM t WHERE id IN (7, 8, 12) ORDER BY id$$);
ROLLBACK;
SELECT twin($$SELECT count(*) FROM t$$) = :'before' AS unchanged;

-- ---- cursors ----

BEGIN;
DECLARE heap_cursor CURSOR FOR SELECT id, v FROM as_heap.t WHERE id IN (7, 8, 11) ORDER BY id FOR UPDATE;
DECLARE pyro_cursor CURSOR FOR SELECT id, v FROM as_pyro.t WHERE id IN (7, 8, 11) ORDER BY id FOR UPDATE;
FETCH heap_cursor;
FETCH pyro_cursor;
UPDATE as_heap.t SET v = 'by cursor' WHERE CURRENT OF heap_cursor;
UPDATE as_pyro.t SET v = 'by cursor' WHERE CURRENT OF pyro_cursor;
-- the row that this made is the cursor's still
UPDATE as_heap.t SET v = v || ' twice' WHERE CURRENT OF heap_cursor RETURNING id, v;
UPDATE as_pyro.t SET v = v || ' twice' WHERE CURRENT OF pyro_cursor RETURNING id, v;
FETCH heap_cursor;
FETCH pyro_cursor;
DELETE FROM as_heap.t WHERE CURRENT OF heap_cursor;
DELETE FROM as_pyro.t WHERE CURRENT OF pyro_cursor;
DELETE FROM as_heap.t WHERE CURRENT OF heap_cursor;
DELETE FROM as_pyro.t WHERE CURRENT OF pyro_cursor;
COMMIT;
-- a cursor reads what was there when it was opened
BEGIN;
DECLARE heap_cursor CURSOR FOR SELECT id, v FROM as_heap.t ORDER BY id;
DECLARE pyro_cursor CURSOR FOR SELECT id, v FROM as_pyro.t ORDER BY id;
SELECT twin($$UPDATE t SET v = 'later'$$);
SELECT twin($$DELETE FROM t$$);
FETCH 3 heap_cursor;
FETCH 3 pyro_cursor;
ROLLBACK;
SELECT contents() LIKE 'DIFFERENT%' AS different;

-- ---- triggers ----

CREATE TABLE as_heap.log (n serial, what text);
CREATE TABLE as_pyro.log (n serial, what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO log (what) VALUES (concat_ws(' ', TG_WHEN, TG_OP, old.id, old.v, old.k, new.id, new.v, new.k));
	IF TG_WHEN = 'BEFORE' AND TG_OP = 'UPDATE' THEN
		IF new.v = 'no' THEN RETURN NULL; END IF;
		new.v := new.v || ' by trigger';
	ELSIF TG_OP = 'DELETE' THEN
		RETURN old;
	END IF;
	RETURN new;
END $$;
DO $$
DECLARE
	s text;
BEGIN
	FOREACH s IN ARRAY ARRAY['as_heap', 'as_pyro'] LOOP
		EXECUTE format('CREATE TRIGGER b BEFORE UPDATE OR DELETE ON %I.t FOR EACH ROW EXECUTE FUNCTION note()', s);
		EXECUTE format('CREATE CONSTRAINT TRIGGER d AFTER UPDATE OR DELETE ON %I.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note()', s);
	END LOOP;
END $$;
CREATE FUNCTION count_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO %I.log (what) SELECT ''changed '' || string_agg(o.v || ''>'' || n.v, '','' ORDER BY o.id) FROM old_rows o JOIN new_rows n USING (id)', TG_TABLE_SCHEMA);
	RETURN NULL;
END $$;
CREATE TRIGGER s AFTER UPDATE ON as_heap.t REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION count_changed();
CREATE TRIGGER s AFTER UPDATE ON as_pyro.t REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION count_changed();
CALL pyro.compact('as_pyro.t');
SELECT count(*) AS in_head FROM as_pyro.t WHERE ctid < '(2147483648,1)';
-- deferred ones come when the search path is back, so it is the session's here
BEGIN;
SET LOCAL search_path = as_heap, public;
UPDATE t SET v = 'a' WHERE id = 11 RETURNING id, v;
UPDATE t SET v = 'no' WHERE id = 12 RETURNING id, v;
UPDATE t SET v = 'b' WHERE id = 11 RETURNING id, v;
DELETE FROM t WHERE id = 9 RETURNING id, v;
COMMIT;
BEGIN;
SET LOCAL search_path = as_pyro, public;
UPDATE t SET v = 'a' WHERE id = 11 RETURNING id, v;
UPDATE t SET v = 'no' WHERE id = 12 RETURNING id, v;
UPDATE t SET v = 'b' WHERE id = 11 RETURNING id, v;
DELETE FROM t WHERE id = 9 RETURNING id, v;
COMMIT;
SELECT twin($$SELECT what FROM log ORDER BY n$$);
-- a row that its own trigger changes
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('UPDATE %I.t SET v = ''meddled'' WHERE id = %s', TG_TABLE_SCHEMA, old.id);
	RETURN CASE TG_OP WHEN 'DELETE' THEN old ELSE new END;
END $$;
CREATE TRIGGER m BEFORE DELETE ON as_heap.t FOR EACH ROW EXECUTE FUNCTION meddle();
CREATE TRIGGER m BEFORE DELETE ON as_pyro.t FOR EACH ROW EXECUTE FUNCTION meddle();
SELECT twin($$DELETE FROM t WHERE id = 7$$);
SELECT contents() LIKE 'DIFFERENT%' AS different;
DROP TRIGGER m ON as_heap.t;
DROP TRIGGER m ON as_pyro.t;
DROP TRIGGER d ON as_heap.t;
DROP TRIGGER d ON as_pyro.t;
DROP TRIGGER b ON as_heap.t;
DROP TRIGGER b ON as_pyro.t;
DROP TRIGGER s ON as_heap.t;
DROP TRIGGER s ON as_pyro.t;

-- ---- foreign keys ----

CREATE TABLE as_heap.child (id int PRIMARY KEY, t_id int REFERENCES as_heap.t ON DELETE CASCADE ON UPDATE CASCADE,
	strict_id int REFERENCES as_heap.t DEFERRABLE INITIALLY DEFERRED) USING heap;
CREATE TABLE as_pyro.child (id int PRIMARY KEY, t_id int REFERENCES as_pyro.t ON DELETE CASCADE ON UPDATE CASCADE,
	strict_id int REFERENCES as_pyro.t DEFERRABLE INITIALLY DEFERRED) USING pyro;
CALL pyro.compact('as_pyro.t');
SELECT twin($$INSERT INTO child VALUES (1, 2, 11), (2, 7, 12), (3, 12, NULL) RETURNING *$$);
SELECT twin($$INSERT INTO child VALUES (4, 5000, NULL)$$);
CALL pyro.compact('as_pyro.child');
SELECT twin($$UPDATE t SET id = 700 WHERE id = 7 RETURNING id$$);
SELECT twin($$DELETE FROM t WHERE id = 2 RETURNING id$$);
SELECT twin($$SELECT * FROM child ORDER BY id$$);
SET CONSTRAINTS ALL IMMEDIATE;
DELETE FROM as_heap.t WHERE id = 12;
DELETE FROM as_pyro.t WHERE id = 12;
SELECT twin($$UPDATE child SET t_id = 3000 WHERE id = 3$$);
SELECT twin($$UPDATE child SET t_id = 11 WHERE id = 3 RETURNING *$$);
SELECT contents() LIKE 'DIFFERENT%' AS different;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT twin($$UPDATE t SET id = 1100 WHERE id = 11 RETURNING id$$);
SELECT twin($$SELECT * FROM child ORDER BY id$$);
ROLLBACK;
DROP TABLE as_heap.child, as_pyro.child;

-- ---- partitions ----

CREATE TABLE as_heap.parted (id int, part int, v text) PARTITION BY LIST (part);
CREATE TABLE as_pyro.parted (id int, part int, v text) PARTITION BY LIST (part);
CREATE TABLE as_heap.parted1 PARTITION OF as_heap.parted FOR VALUES IN (1) USING heap;
CREATE TABLE as_heap.parted2 PARTITION OF as_heap.parted FOR VALUES IN (2) USING heap;
CREATE TABLE as_pyro.parted1 PARTITION OF as_pyro.parted FOR VALUES IN (1) USING pyro;
CREATE TABLE as_pyro.parted2 PARTITION OF as_pyro.parted FOR VALUES IN (2) USING pyro;
SELECT twin($$INSERT INTO parted SELECT i, 1 + i % 2, 'row ' || i FROM generate_series(1, 6) i$$);
CALL pyro.compact('as_pyro.parted');
SELECT twin($$UPDATE parted SET part = 2 WHERE id = 2 RETURNING *$$);
SELECT twin($$UPDATE parted SET part = 3 - part WHERE id IN (3, 4) RETURNING *$$);
SELECT twin($$SELECT tableoid::regclass::text ~ 'parted1$', * FROM parted ORDER BY id$$);

-- ---- rules, whose actions share a snapshot, and TIDs ----

CREATE TABLE as_heap.ruled (id int, v text) USING heap;
CREATE TABLE as_pyro.ruled (id int, v text) USING pyro;
SELECT twin($$INSERT INTO ruled VALUES (1, 'one'), (2, 'two')$$);
CALL pyro.compact('as_pyro.ruled');
SELECT twin($$UPDATE ruled SET v = v || '!' WHERE ctid = (SELECT min(ctid) FROM ruled) RETURNING *$$);
SELECT twin($$DELETE FROM ruled WHERE ctid = (SELECT max(ctid) FROM ruled WHERE id = 2) RETURNING *$$);

-- ---- many rows: locks of rows become locks of blocks, and of the table ----

CREATE TABLE many (id int PRIMARY KEY, v int) USING pyro;
INSERT INTO many SELECT i, i FROM generate_series(1, 5000) i;
SET pyro.block_rows = 256;
CALL pyro.compact('many');
RESET pyro.block_rows;
-- what was counted before does not count here
SELECT pg_stat_force_next_flush();
BEGIN;
SELECT count(*) FROM (SELECT FROM many FOR SHARE) x;
SELECT mode, locktype, count(*) < 1100 FROM pg_locks WHERE coalesce(relation, classid) = 'many'::regclass GROUP BY 1, 2 ORDER BY 1, 2;
UPDATE many SET v = v + 1;
SELECT sum(v) FROM many;
DELETE FROM many WHERE id % 2 = 0;
SELECT sum(v) FROM many;
SELECT n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_xact_user_tables WHERE relname = 'many';
COMMIT;
SELECT count(*), sum(v) FROM many;

RESET search_path;
DROP SCHEMA as_heap, as_pyro CASCADE;
DROP TABLE many;
DROP FUNCTION run, twin, contents, note, count_changed, meddle;
