-- Twins: the table "heap_twin" of access method heap and "pyro_twin" of access
-- method pyro, to which the same happens.  In statements, twins stands for the
-- name of either.

-- up to version 17 scans that are not allowed cost so much that plans are compiled
SET jit = off;

-- Run a statement on both.
CREATE PROCEDURE on_both(statement text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE replace(statement, 'twins', 'heap_twin');
	EXECUTE replace(statement, 'twins', 'pyro_twin');
END $$;

-- Compare the results of a query on both, without regard to order, and how it
-- is done on the pyro table with how it should be done.
CREATE FUNCTION compare(node text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan text := '';
	line text;
	heap_rows bigint;
	pyro_rows bigint;
	heap_sum text;
	pyro_sum text;
	summary text := 'SELECT count(*), md5(string_agg(r::text, E''\n'' ORDER BY r::text)) FROM (%s) r';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || replace(query, 'twins', 'pyro_twin') LOOP
		plan := plan || line || E'\n';
	END LOOP;
	EXECUTE format(summary, replace(query, 'twins', 'heap_twin')) INTO heap_rows, heap_sum;
	EXECUTE format(summary, replace(query, 'twins', 'pyro_twin')) INTO pyro_rows, pyro_sum;
	RETURN CASE
		WHEN position(node IN plan) = 0 THEN format('not by %s but by %s', node, plan)
		WHEN heap_rows <> pyro_rows THEN format('%s rows instead of %s', pyro_rows, heap_rows)
		WHEN heap_sum IS DISTINCT FROM pyro_sum THEN format('other %s rows', pyro_rows)
		ELSE format('%s: the same %s rows', node, pyro_rows) END;
END $$;

-- Allow scans of these kinds only; blockscan is what the pyro table has in place of
-- seqscan.
CREATE PROCEDURE scan_by(VARIADIC kinds text[]) LANGUAGE plpgsql AS $$
DECLARE
	kind text;
BEGIN
	FOREACH kind IN ARRAY ARRAY['seqscan', 'indexscan', 'indexonlyscan', 'bitmapscan', 'tidscan'] LOOP
		PERFORM set_config('enable_' || kind, (kind = ANY (kinds))::text, false);
	END LOOP;
	IF 'blockscan' = ANY (kinds) THEN
		SET enable_seqscan = on;
	END IF;
	PERFORM set_config('pyro.enable_blockscan', ('blockscan' = ANY (kinds))::text, false);
END $$;
