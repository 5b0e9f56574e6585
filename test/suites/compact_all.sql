-- Compacts every permanent table of the access method pyro once, each in
-- transactions of its own.  Left out are tables whose test prints all locks
-- that anyone has or waits for, and those of the tests of BRIN, which compare
-- the ctids that two statements found.
SELECT format('CALL pyro.compact(%s::oid::regclass)', c.oid)
FROM pg_class c JOIN pg_am a ON a.oid = c.relam
WHERE a.amname = 'pyro' AND c.relkind IN ('r', 'm') AND c.relpersistence = 'p'
    AND c.relname NOT LIKE 'part\_drop\_index\_locking%' AND c.relname NOT LIKE 'brintest%'
ORDER BY random()
\gexec
