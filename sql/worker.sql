-- ---- the background worker ----

CREATE FUNCTION pyro.wake_worker() RETURNS pg_catalog.bool
	LANGUAGE C VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'pyro_wake_worker';
REVOKE ALL ON FUNCTION pyro.wake_worker() FROM PUBLIC;
COMMENT ON FUNCTION pyro.wake_worker() IS
	'has the worker look at all tables after commit; false if there is none';

CREATE FUNCTION pyro.progress_rows(OUT pid pg_catalog.int4, OUT relid pg_catalog.oid,
	OUT duty pg_catalog.text, OUT started pg_catalog.timestamptz,
	OUT rows pg_catalog.int8, OUT blocks pg_catalog.int8)
	RETURNS SETOF pg_catalog.record
	LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 5
	AS 'MODULE_PATHNAME', 'pyro_progress_rows';
COMMENT ON FUNCTION pyro.progress_rows() IS 'what pyro.progress shows';

CREATE VIEW pyro.progress AS
SELECT p.pid,
	a.backend_type,
	p.relid::pg_catalog.regclass AS relation,
	p.duty,
	p.started,
	p.rows,
	p.blocks
FROM pyro.progress_rows() p
LEFT JOIN pg_catalog.pg_stat_get_activity(p.pid) a ON true;
GRANT SELECT ON pyro.progress TO PUBLIC;
COMMENT ON VIEW pyro.progress IS
	'what workers and CALLs do for tables; empty unless the library is preloaded';
COMMENT ON COLUMN pyro.progress.pid IS 'the process, as in pg_stat_activity';
COMMENT ON COLUMN pyro.progress.backend_type IS 'pyro worker, or client backend if done by hand';
COMMENT ON COLUMN pyro.progress.relation IS 'the table';
COMMENT ON COLUMN pyro.progress.duty IS
	'partitions, retention, retention rules, compact, merge, clean indexes, settle or vacuum';
COMMENT ON COLUMN pyro.progress.started IS 'when the duty began';
COMMENT ON COLUMN pyro.progress.rows IS 'rows dealt with so far';
COMMENT ON COLUMN pyro.progress.blocks IS 'blocks dealt with so far';

-- A database that has the extension now needs a worker.
SELECT pyro.wake_worker();
