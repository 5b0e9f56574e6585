-- ---- tables on compressed blocks: the access method pyro ----

CREATE FUNCTION pyro_tableam_handler(internal) RETURNS table_am_handler
	LANGUAGE C STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION pyro_tableam_handler(internal) IS 'handler of the access method pyro';

CREATE ACCESS METHOD pyro TYPE TABLE HANDLER pyro_tableam_handler;
COMMENT ON ACCESS METHOD pyro IS 'fresh rows in a heap, settled rows in compressed blocks';

-- The directory: written by the access method alone, never by SQL, and never
-- published.  Publications FOR ALL TABLES leave out materialized views only, so
-- that is what these are; whoever refreshes them is refused
-- (src/tableam/README.md).

CREATE FUNCTION pyro.directory_is_empty() RETURNS boolean
	PARALLEL RESTRICTED
	LANGUAGE C AS 'MODULE_PATHNAME', 'pyro_directory_is_empty';
COMMENT ON FUNCTION pyro.directory_is_empty() IS 'true while the extension is made, else an error';

CREATE SEQUENCE pyro.storage_storage_id_seq;
REVOKE ALL ON SEQUENCE pyro.storage_storage_id_seq FROM PUBLIC;
COMMENT ON SEQUENCE pyro.storage_storage_id_seq IS 'ids of storages';

CREATE MATERIALIZED VIEW pyro.storage USING heap WITH (autovacuum_vacuum_scale_factor = 0.02) AS
	SELECT NULL::pg_catalog.int8 AS storage_id,
		NULL::pg_catalog.oid AS relid,
		NULL::pg_catalog.oid AS reltablespace,
		NULL::pg_catalog.oid AS relfilenumber,
		NULL::pg_catalog.int8 AS next_vpage,
		NULL::pg_catalog.int8 AS blocks,
		NULL::pg_catalog.int8 AS rows,
		NULL::pg_catalog.int8 AS bytes,
		NULL::pg_catalog.int8 AS dropped_rows,
		NULL::pg_catalog.xid8 AS rewritten
	WHERE NOT pyro.directory_is_empty();
CREATE UNIQUE INDEX ON pyro.storage (storage_id);
CREATE UNIQUE INDEX ON pyro.storage (reltablespace, relfilenumber);
REVOKE ALL ON pyro.storage FROM PUBLIC;
COMMENT ON MATERIALIZED VIEW pyro.storage IS 'files of tables that have blocks';
COMMENT ON COLUMN pyro.storage.storage_id IS 'on which blocks and marks hang';
COMMENT ON COLUMN pyro.storage.relid IS 'the table';
COMMENT ON COLUMN pyro.storage.reltablespace IS 'as in pg_class';
COMMENT ON COLUMN pyro.storage.relfilenumber IS 'pg_class.relfilenode';
COMMENT ON COLUMN pyro.storage.next_vpage IS 'the first virtual page that no block has had';
COMMENT ON COLUMN pyro.storage.blocks IS 'number of blocks';
COMMENT ON COLUMN pyro.storage.rows IS 'rows in blocks, marked ones included';
COMMENT ON COLUMN pyro.storage.bytes IS 'bytes of payload';
COMMENT ON COLUMN pyro.storage.dropped_rows IS 'rows of dropped blocks, left in the indexes';
COMMENT ON COLUMN pyro.storage.rewritten IS 'who copied the blocks from another file';

CREATE MATERIALIZED VIEW pyro.block USING heap WITH (autovacuum_vacuum_scale_factor = 0.02) AS
	SELECT NULL::pg_catalog.int8 AS storage_id,
		NULL::pg_catalog.int8 AS first_vpage,
		NULL::pg_catalog.int4 AS rows,
		NULL::pg_catalog.int2 AS format,
		NULL::pg_catalog.int2 AS level,
		NULL::pg_catalog.xid8 AS created,
		NULL::pg_catalog.oid AS payload,
		NULL::pg_catalog.int8 AS payload_size,
		NULL::pg_catalog.int8 AS raw_size,
		NULL::pg_catalog.int8 AS samples,
		NULL::pg_catalog.bytea AS streams,
		NULL::pg_catalog.bytea AS zones
	WHERE NOT pyro.directory_is_empty();
CREATE UNIQUE INDEX ON pyro.block (storage_id, first_vpage);
ALTER MATERIALIZED VIEW pyro.block ALTER streams SET STORAGE MAIN, ALTER zones SET STORAGE MAIN;
REVOKE ALL ON pyro.block FROM PUBLIC;
COMMENT ON MATERIALIZED VIEW pyro.block IS 'blocks, each with the streams of its payload';
COMMENT ON COLUMN pyro.block.storage_id IS 'whose it is';
COMMENT ON COLUMN pyro.block.first_vpage IS 'where its TIDs begin';
COMMENT ON COLUMN pyro.block.rows IS 'number of rows, marked ones included';
COMMENT ON COLUMN pyro.block.format IS 'version of the payload''s format';
COMMENT ON COLUMN pyro.block.level IS 'the merge window that made it, from 1; 0: none yet';
COMMENT ON COLUMN pyro.block.created IS 'the transaction that moved the rows here';
COMMENT ON COLUMN pyro.block.payload IS 'id of the TOAST value';
COMMENT ON COLUMN pyro.block.payload_size IS 'its bytes';
COMMENT ON COLUMN pyro.block.raw_size IS 'bytes of the rows before encoding';
COMMENT ON COLUMN pyro.block.samples IS 'samples of all profiles';
COMMENT ON COLUMN pyro.block.streams IS 'where the streams lie in the payload';
COMMENT ON COLUMN pyro.block.zones IS 'ranges of columns, and filters of their values, labels and functions';

CREATE MATERIALIZED VIEW pyro.block_delete USING heap WITH (autovacuum_vacuum_scale_factor = 0.02) AS
	SELECT NULL::pg_catalog.int8 AS storage_id,
		NULL::pg_catalog.tid AS row_tid,
		NULL::pg_catalog.tid AS new_tid
	WHERE NOT pyro.directory_is_empty();
CREATE UNIQUE INDEX ON pyro.block_delete (storage_id, row_tid);
REVOKE ALL ON pyro.block_delete FROM PUBLIC;
COMMENT ON MATERIALIZED VIEW pyro.block_delete IS 'rows of blocks that were deleted or updated';
COMMENT ON COLUMN pyro.block_delete.storage_id IS 'whose it is';
COMMENT ON COLUMN pyro.block_delete.row_tid IS 'the row';
COMMENT ON COLUMN pyro.block_delete.new_tid IS 'its new version in the head; NULL if deleted';

CREATE MATERIALIZED VIEW pyro.run USING heap WITH (autovacuum_vacuum_scale_factor = 0.02) AS
	SELECT NULL::pg_catalog.oid AS relid,
		NULL::pg_catalog.timestamptz AS last_compaction,
		NULL::pg_catalog.timestamptz AS last_retention,
		NULL::pg_catalog.timestamptz AS last_success,
		NULL::pg_catalog.timestamptz AS last_error_at,
		NULL::pg_catalog.text AS last_error,
		NULL::pg_catalog.int4 AS failures,
		NULL::pg_catalog.int8 AS rows_compacted,
		NULL::pg_catalog.int8 AS blocks_merged,
		NULL::pg_catalog.int8 AS rows_dropped,
		NULL::pg_catalog.int8 AS blocks_dropped,
		NULL::pg_catalog.int8 AS partitions_made,
		NULL::pg_catalog.int8 AS partitions_dropped
	WHERE NOT pyro.directory_is_empty();
CREATE UNIQUE INDEX ON pyro.run (relid);
REVOKE ALL ON pyro.run FROM PUBLIC;
COMMENT ON MATERIALIZED VIEW pyro.run IS 'when duties of tables last ran, and how they ended';
COMMENT ON COLUMN pyro.run.relid IS 'the table';
COMMENT ON COLUMN pyro.run.last_compaction IS 'when rows were last moved into blocks';
COMMENT ON COLUMN pyro.run.last_retention IS 'when rows were last looked for that are too old';
COMMENT ON COLUMN pyro.run.last_success IS 'when all duties last came to their end; to a few minutes where there was nothing to do';
COMMENT ON COLUMN pyro.run.last_error_at IS 'when a duty last failed';
COMMENT ON COLUMN pyro.run.last_error IS 'why it did';
COMMENT ON COLUMN pyro.run.failures IS 'how often a duty failed since the last success';
COMMENT ON COLUMN pyro.run.rows_compacted IS 'rows moved from the head into blocks';
COMMENT ON COLUMN pyro.run.blocks_merged IS 'blocks rewritten into others';
COMMENT ON COLUMN pyro.run.rows_dropped IS 'rows dropped by retention or for disk space';
COMMENT ON COLUMN pyro.run.blocks_dropped IS 'blocks dropped as a whole with these rows';
COMMENT ON COLUMN pyro.run.partitions_made IS 'partitions made ahead';
COMMENT ON COLUMN pyro.run.partitions_dropped IS 'partitions dropped by retention or for disk space';

CREATE PROCEDURE pyro.compact(t pg_catalog.regclass)
	LANGUAGE C AS 'MODULE_PATHNAME', 'pyro_compact';
COMMENT ON PROCEDURE pyro.compact(regclass) IS
	'moves settled rows of a table into blocks, and tidies its blocks';

-- The library notices tables being dropped; where it is not loaded before
-- the first DROP, the event trigger does.

CREATE FUNCTION pyro.forget_dropped() RETURNS event_trigger
	LANGUAGE C PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'pyro_forget_dropped';
COMMENT ON FUNCTION pyro.forget_dropped() IS 'forgets the blocks of tables that were dropped';
CREATE EVENT TRIGGER pyro_forget_dropped ON sql_drop EXECUTE FUNCTION pyro.forget_dropped();
COMMENT ON EVENT TRIGGER pyro_forget_dropped IS 'forgets the blocks of tables that were dropped';

-- ---- looking after tables ----

CREATE FUNCTION pyro.verify(t pg_catalog.regclass) RETURNS SETOF pg_catalog.text
	LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE COST 100000 ROWS 10
	AS 'MODULE_PATHNAME', 'pyro_verify';
COMMENT ON FUNCTION pyro.verify(regclass) IS
	'problems of a table''s blocks and indexes; none if it is sound';

CREATE PROCEDURE pyro.drop_before(t pg_catalog.regclass, before pg_catalog.timestamptz)
	LANGUAGE C AS 'MODULE_PATHNAME', 'pyro_drop_before';
COMMENT ON PROCEDURE pyro.drop_before(regclass, timestamptz) IS
	'deletes rows that are older than a time, whole blocks at once where it can';

-- The directory says much about a table's contents, so everybody sees that of
-- tables which they may read.

CREATE FUNCTION pyro.head_oldest(t pg_catalog.regclass) RETURNS pg_catalog.timestamptz
	LANGUAGE C STRICT STABLE PARALLEL RESTRICTED COST 100000
	AS 'MODULE_PATHNAME', 'pyro_head_oldest';
COMMENT ON FUNCTION pyro.head_oldest(regclass) IS
	'least time in the head of a table';

CREATE FUNCTION pyro.block_times(t pg_catalog.regclass, zones pg_catalog.bytea,
	OUT oldest pg_catalog.timestamptz, OUT newest pg_catalog.timestamptz)
	RETURNS pg_catalog.record
	LANGUAGE C STRICT STABLE PARALLEL RESTRICTED COST 100
	AS 'MODULE_PATHNAME', 'pyro_block_times';
COMMENT ON FUNCTION pyro.block_times(regclass, bytea) IS
	'what a row of pyro.block says of the times of its rows';

CREATE VIEW pyro.tables WITH (security_barrier) AS
SELECT c.oid::pg_catalog.regclass AS relation,
	CASE WHEN c.reltuples >= 0 AND c.relkind <> 'p' THEN
		greatest(c.reltuples::pg_catalog.int8 - coalesce(s.rows - d.deleted_rows, 0), 0) END AS head_rows,
	pg_catalog.pg_relation_size(c.oid) AS head_bytes,
	coalesce(s.blocks, 0) AS blocks,
	coalesce(s.rows, 0) AS rows,
	coalesce(d.deleted_rows, 0) AS deleted_rows,
	coalesce(b.raw_bytes, 0) AS raw_bytes,
	coalesce(s.bytes, 0) AS stored_bytes,
	pg_catalog.round(b.raw_bytes::pg_catalog.numeric / nullif(s.bytes, 0), 2) AS ratio,
	pyro.head_oldest(c.oid) AS head_oldest,
	coalesce(b.samples, 0) AS samples,
	0::pg_catalog.int8 AS archived_bytes,
	r.last_compaction,
	r.last_success,
	r.last_error,
	r.last_error_at,
	coalesce(r.failures, 0) AS failures
FROM pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam
LEFT JOIN pyro.run r ON r.relid = c.oid
LEFT JOIN pyro.storage s ON c.relpersistence = 'p'
	AND s.reltablespace = c.reltablespace AND s.relfilenumber = c.relfilenode
LEFT JOIN LATERAL (SELECT pg_catalog.sum(raw_size)::pg_catalog.int8 AS raw_bytes,
		pg_catalog.sum(block.samples)::pg_catalog.int8 AS samples
	FROM pyro.block WHERE block.storage_id = s.storage_id) b ON true
LEFT JOIN LATERAL (SELECT pg_catalog.count(*) AS deleted_rows
	FROM pyro.block_delete WHERE block_delete.storage_id = s.storage_id) d ON true
WHERE (c.relkind IN ('r', 'm') AND a.amname = 'pyro' OR c.relkind = 'p' AND r.relid IS NOT NULL)
	AND pg_catalog.has_table_privilege(c.oid, 'SELECT');
GRANT SELECT ON pyro.tables TO PUBLIC;
COMMENT ON VIEW pyro.tables IS
	'tables with the access method pyro, and partitioned ones with duties';
COMMENT ON COLUMN pyro.tables.relation IS 'the table';
COMMENT ON COLUMN pyro.tables.head_rows IS 'rows in the head as of the last VACUUM or ANALYZE; NULL before the first';
COMMENT ON COLUMN pyro.tables.head_bytes IS 'size of the head, without what is in TOAST';
COMMENT ON COLUMN pyro.tables.blocks IS 'number of blocks';
COMMENT ON COLUMN pyro.tables.rows IS 'rows in blocks, deleted ones included';
COMMENT ON COLUMN pyro.tables.deleted_rows IS 'rows in blocks that were deleted or updated since';
COMMENT ON COLUMN pyro.tables.raw_bytes IS 'bytes of the rows in blocks before encoding';
COMMENT ON COLUMN pyro.tables.stored_bytes IS 'bytes of the blocks';
COMMENT ON COLUMN pyro.tables.ratio IS 'raw by stored bytes';
COMMENT ON COLUMN pyro.tables.head_oldest IS 'least time of a row in the head';
COMMENT ON COLUMN pyro.tables.samples IS 'samples of all profiles in blocks';
COMMENT ON COLUMN pyro.tables.archived_bytes IS 'bytes of blocks in an archive; 0, as there is none yet';
COMMENT ON COLUMN pyro.tables.last_compaction IS 'when rows were last moved into blocks';
COMMENT ON COLUMN pyro.tables.last_success IS 'when all duties last came to their end; to a few minutes where there was nothing to do';
COMMENT ON COLUMN pyro.tables.last_error IS 'why a duty last failed';
COMMENT ON COLUMN pyro.tables.last_error_at IS 'when that was';
COMMENT ON COLUMN pyro.tables.failures IS 'how often a duty failed since the last success';

CREATE VIEW pyro.blocks WITH (security_barrier) AS
SELECT c.oid::pg_catalog.regclass AS relation,
	b.first_vpage AS block,
	b.rows,
	(SELECT pg_catalog.count(*) FROM pyro.block_delete d WHERE d.storage_id = b.storage_id
		AND d.row_tid >= pg_catalog.concat('(', 2147483648 + b.first_vpage, ',0)')::pg_catalog.tid
		AND d.row_tid < pg_catalog.concat('(', 2147483648 + b.first_vpage + (b.rows + 255) / 256, ',0)')::pg_catalog.tid
		) AS deleted_rows,
	b.raw_size AS raw_bytes,
	b.payload_size AS stored_bytes,
	pg_catalog.round(b.raw_size::pg_catalog.numeric / nullif(b.payload_size, 0), 2) AS ratio,
	b.level,
	(pyro.block_times(c.oid, b.zones)).oldest AS oldest,
	(pyro.block_times(c.oid, b.zones)).newest AS newest,
	b.samples,
	'local'::pg_catalog.text AS location
FROM pg_catalog.pg_class c
JOIN pyro.storage s ON s.reltablespace = c.reltablespace AND s.relfilenumber = c.relfilenode
JOIN pyro.block b ON b.storage_id = s.storage_id
WHERE c.relpersistence = 'p' AND pg_catalog.has_table_privilege(c.oid, 'SELECT');
GRANT SELECT ON pyro.blocks TO PUBLIC;
COMMENT ON VIEW pyro.blocks IS 'blocks of tables with the access method pyro';
COMMENT ON COLUMN pyro.blocks.relation IS 'the table';
COMMENT ON COLUMN pyro.blocks.block IS 'the first of its virtual pages, by which errors name it';
COMMENT ON COLUMN pyro.blocks.rows IS 'its rows, deleted ones included';
COMMENT ON COLUMN pyro.blocks.deleted_rows IS 'rows that were deleted or updated since';
COMMENT ON COLUMN pyro.blocks.raw_bytes IS 'bytes of the rows before encoding';
COMMENT ON COLUMN pyro.blocks.stored_bytes IS 'bytes of the block';
COMMENT ON COLUMN pyro.blocks.ratio IS 'raw by stored bytes';
COMMENT ON COLUMN pyro.blocks.level IS 'the merge window that made it, from 1; 0: none yet';
COMMENT ON COLUMN pyro.blocks.oldest IS 'least time of its rows';
COMMENT ON COLUMN pyro.blocks.newest IS 'greatest time of its rows';
COMMENT ON COLUMN pyro.blocks.samples IS 'samples of all its profiles';
COMMENT ON COLUMN pyro.blocks.location IS 'where its payload is: local, in the table''s TOAST relation';

CREATE FUNCTION pyro.block_streams(streams pg_catalog.bytea, payload_size pg_catalog.int8,
	OUT attnum pg_catalog.int2, OUT part pg_catalog.text, OUT encoding pg_catalog.text,
	OUT raw_bytes pg_catalog.int8, OUT stored_bytes pg_catalog.int8)
	RETURNS SETOF pg_catalog.record
	LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE ROWS 20
	AS 'MODULE_PATHNAME', 'pyro_block_streams';
COMMENT ON FUNCTION pyro.block_streams(bytea, int8) IS
	'what a row of pyro.block says of its streams';

CREATE VIEW pyro.block_parts WITH (security_barrier) AS
SELECT c.oid::pg_catalog.regclass AS relation,
	b.first_vpage AS block,
	a.attname AS "column",
	s.part,
	s.encoding,
	s.raw_bytes,
	s.stored_bytes
FROM pg_catalog.pg_class c
JOIN pyro.storage t ON t.reltablespace = c.reltablespace AND t.relfilenumber = c.relfilenode
JOIN pyro.block b ON b.storage_id = t.storage_id
CROSS JOIN LATERAL pyro.block_streams(b.streams, b.payload_size) s
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = s.attnum
WHERE c.relpersistence = 'p' AND pg_catalog.has_table_privilege(c.oid, 'SELECT');
GRANT SELECT ON pyro.block_parts TO PUBLIC;
COMMENT ON VIEW pyro.block_parts IS
	'what blocks of tables with the access method pyro are made of';
COMMENT ON COLUMN pyro.block_parts.relation IS 'the table';
COMMENT ON COLUMN pyro.block_parts.block IS 'the first of its virtual pages, as in pyro.blocks';
COMMENT ON COLUMN pyro.block_parts."column" IS 'the column; xmin and ctid: those that the rows had before';
COMMENT ON COLUMN pyro.block_parts.part IS
	'values, xmins, prior_tids, or of a column of profiles: presence, heads, names, trie, details, keys, values, tree, sums';
COMMENT ON COLUMN pyro.block_parts.encoding IS 'raw or zstd';
COMMENT ON COLUMN pyro.block_parts.raw_bytes IS 'bytes before compression';
COMMENT ON COLUMN pyro.block_parts.stored_bytes IS 'bytes in the block';
