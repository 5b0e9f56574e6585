-- Objects of the extension without a comment, or with one that is not a short
-- phrase.  No row is the good answer.
SELECT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) AS object,
       coalesce(c.comment, '(none)') AS comment
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_extension e ON d.refobjid = e.oid
JOIN pg_catalog.pg_class k ON k.oid = d.classid
CROSS JOIN LATERAL
     (SELECT pg_catalog.obj_description(d.objid, k.relname) AS comment) c
WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
  AND d.deptype = 'e'
  AND e.extname = 'pyro_ext'
  -- array types and row types of tables come by themselves, and are members
  -- since PostgreSQL 17
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_type t
                  LEFT JOIN pg_catalog.pg_class r ON r.oid = t.typrelid
                  WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
                    AND (t.typarray = d.objid OR t.oid = d.objid AND r.relkind <> 'c'))
  AND (c.comment IS NULL OR length(c.comment) > 80 OR c.comment ~ '\.$')
ORDER BY 1;
