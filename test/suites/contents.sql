-- A line for each table that the tests left: its rows, and a sum over them that
-- does not depend on their order.  Of tables with random values, times, process
-- numbers in them only the rows are counted.  Left out is what an event trigger
-- wrote down of dropped objects, which has TOAST relations in it.
SET datestyle = 'ISO';
SET extra_float_digits = 1;

CREATE FUNCTION pg_temp.contents(relation regclass, name name) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT count(*) || '' rows'' || %s FROM ONLY %s AS t',
                   CASE WHEN name NOT IN ('d4_pid', 'gtest20a', 'random_tbl', 'tab_core_types')
                        THEN $sum$', sum ' || coalesce(sum(hashtextextended(t::text, 0)), 0)$sum$
                        ELSE quote_literal('') END,
                   relation) INTO result;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || sqlerrm;
END
$$;

SELECT c.oid::regclass || ': ' || pg_temp.contents(c.oid, c.relname)
FROM pg_class c JOIN pg_am a ON a.oid = c.relam
WHERE a.amname IN ('heap', 'pyro') AND c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
    AND c.oid >= 16384 AND c.relname <> 'dropped_objects' AND NOT EXISTS (
        SELECT FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.oid::regclass::text COLLATE "C";
