-- ---- what users say of tables, which a dump keeps ----

-- Subscribers of all tables may copy it once, but are not told of changes: what
-- is said of their tables is theirs to say.

CREATE TABLE pyro.policy (
	relation pg_catalog.regclass PRIMARY KEY,
	compact_after pg_catalog.interval,
	retention pg_catalog.interval,
	archive_after pg_catalog.interval,
	order_by pg_catalog.text[],
	block_rows pg_catalog.int4,
	block_samples pg_catalog.int8,
	block_size pg_catalog.int8,
	merge_windows pg_catalog.interval[],
	partition_by pg_catalog.interval
) USING heap;
SELECT pg_catalog.pg_extension_config_dump('pyro.policy', '');
ALTER TABLE pyro.policy REPLICA IDENTITY NOTHING;
GRANT SELECT ON pyro.policy TO PUBLIC;
COMMENT ON TABLE pyro.policy IS 'what pyro.set_policy says of tables; NULL: nothing';
COMMENT ON COLUMN pyro.policy.relation IS 'the table; what a partitioned one has holds for its partitions';
COMMENT ON COLUMN pyro.policy.compact_after IS 'age from which rows are compacted';
COMMENT ON COLUMN pyro.policy.retention IS 'age from which rows are dropped';
COMMENT ON COLUMN pyro.policy.archive_after IS 'age from which blocks are to be archived; kept, but nothing archives yet';
COMMENT ON COLUMN pyro.policy.order_by IS 'columns by which rows of a block are sorted; NULL: by default';
COMMENT ON COLUMN pyro.policy.block_rows IS 'most rows of a block';
COMMENT ON COLUMN pyro.policy.block_samples IS 'most samples of a block';
COMMENT ON COLUMN pyro.policy.block_size IS 'most bytes of a block before compression';
COMMENT ON COLUMN pyro.policy.merge_windows IS 'times whose blocks are merged, level by level';
COMMENT ON COLUMN pyro.policy.partition_by IS 'width of the partitions that are made ahead';

CREATE TABLE pyro.retention_rule (
	relation pg_catalog.regclass,
	selector pg_catalog.text COLLATE "C",
	age pg_catalog.interval NOT NULL,
	PRIMARY KEY (relation, selector)
) USING heap;
SELECT pg_catalog.pg_extension_config_dump('pyro.retention_rule', '');
ALTER TABLE pyro.retention_rule REPLICA IDENTITY NOTHING;
GRANT SELECT ON pyro.retention_rule TO PUBLIC;
COMMENT ON TABLE pyro.retention_rule IS 'rows that are kept for a shorter time than the rest of their table';
COMMENT ON COLUMN pyro.retention_rule.relation IS 'the table; what a partitioned one has holds for its partitions, too';
COMMENT ON COLUMN pyro.retention_rule.selector IS 'which rows';
COMMENT ON COLUMN pyro.retention_rule.age IS 'age from which they are dropped';

CREATE FUNCTION pyro.set_policy(t pg_catalog.regclass,
	compact_after pg_catalog.interval DEFAULT NULL,
	retention pg_catalog.interval DEFAULT NULL,
	archive_after pg_catalog.interval DEFAULT NULL,
	order_by pg_catalog.text[] DEFAULT NULL,
	block_rows pg_catalog.int4 DEFAULT NULL,
	block_samples pg_catalog.int8 DEFAULT NULL,
	block_size pg_catalog.int8 DEFAULT NULL,
	merge_windows pg_catalog.interval[] DEFAULT NULL,
	partition_by pg_catalog.interval DEFAULT NULL) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'pyro_set_policy';
COMMENT ON FUNCTION pyro.set_policy(regclass, interval, interval, interval, text[], int4, int8, int8, interval[], interval) IS
	'says how a table is kept; NULL leaves a setting as it is';

CREATE FUNCTION pyro.clear_policy(t pg_catalog.regclass, VARIADIC settings pg_catalog.text[] DEFAULT '{}') RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'pyro_clear_policy';
COMMENT ON FUNCTION pyro.clear_policy(regclass, text[]) IS
	'removes what was said of a table, or the settings that are named';

CREATE PROCEDURE pyro.maintain(t pg_catalog.regclass)
	LANGUAGE C AS 'MODULE_PATHNAME', 'pyro_maintain';
COMMENT ON PROCEDURE pyro.maintain(regclass) IS
	'does for a table all that the background worker does';

CREATE FUNCTION pyro.set_retention(t pg_catalog.regclass, selector pg_catalog.text, age pg_catalog.interval)
	RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'pyro_set_retention';
COMMENT ON FUNCTION pyro.set_retention(regclass, text, interval) IS
	'drops rows that meet a selector from this age on; NULL removes the rule';

-- It drops what belongs to others, as the server's administrator wants it.

CREATE PROCEDURE pyro.enforce_disk_limit()
	LANGUAGE C AS 'MODULE_PATHNAME', 'pyro_enforce_disk_limit';
REVOKE ALL ON PROCEDURE pyro.enforce_disk_limit() FROM PUBLIC;
COMMENT ON PROCEDURE pyro.enforce_disk_limit() IS
	'drops the oldest blocks and partitions of the database beyond pyro.disk_limit';
