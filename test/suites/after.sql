-- What the tests left: how many tables of each access method, how many with
-- blocks, and a warning for each index that does not agree with its table.
SELECT format('tables of %s: %s', a.amname, count(*))
FROM pg_class c JOIN pg_am a ON a.oid = c.relam
WHERE c.relkind IN ('r', 'm') AND c.oid >= 16384
GROUP BY a.amname ORDER BY 1;

SELECT 'blocks: ' || count(*) FROM pyro.storage WHERE blocks > 0;

CREATE EXTENSION amcheck SCHEMA pg_catalog;

DO $$
DECLARE
    index regclass;
BEGIN
    FOR index IN
        SELECT i.indexrelid
        FROM pg_index i
            JOIN pg_class c ON c.oid = i.indexrelid
            JOIN pg_class t ON t.oid = i.indrelid
            JOIN pg_am a ON a.oid = c.relam
        WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relpersistence <> 't'
            AND i.indisready AND i.indisvalid AND c.oid >= 16384
        ORDER BY 1
    LOOP
        BEGIN
            PERFORM bt_index_check(index, heapallindexed => true);
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING '%: %', index, sqlerrm;
        END;
    END LOOP;
END
$$;
