-- ---- tables on compressed blocks: the access method pyro ----

CREATE FUNCTION pyro_tableam_handler(internal) RETURNS table_am_handler
	LANGUAGE C STRICT AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION pyro_tableam_handler(internal) IS 'handler of the access method pyro';

CREATE ACCESS METHOD pyro TYPE TABLE HANDLER pyro_tableam_handler;
COMMENT ON ACCESS METHOD pyro IS 'fresh rows in a heap, settled rows in compressed blocks';

-- The directory: written by the access method alone, never by SQL, and never
-- published (src/tableam/README.md).

CREATE TABLE pyro.storage (
	storage_id	pg_catalog.int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	relid		pg_catalog.oid NOT NULL,
	reltablespace pg_catalog.oid NOT NULL,
	relfilenumber pg_catalog.oid NOT NULL,
	next_vpage	pg_catalog.int8 NOT NULL,
	blocks		pg_catalog.int8 NOT NULL,
	rows		pg_catalog.int8 NOT NULL,
	bytes		pg_catalog.int8 NOT NULL,
	dropped_rows pg_catalog.int8 NOT NULL,
	rewritten	pg_catalog.xid8,
	UNIQUE (reltablespace, relfilenumber)
) USING heap WITH (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE pyro.storage REPLICA IDENTITY NOTHING;
REVOKE ALL ON pyro.storage FROM PUBLIC;
COMMENT ON TABLE pyro.storage IS 'files of tables that have blocks';
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

CREATE TABLE pyro.block (
	storage_id	pg_catalog.int8 NOT NULL,
	first_vpage	pg_catalog.int8 NOT NULL,
	rows		pg_catalog.int4 NOT NULL,
	format		pg_catalog.int2 NOT NULL,
	created		pg_catalog.xid8 NOT NULL,
	payload		pg_catalog.oid NOT NULL,
	payload_size pg_catalog.int8 NOT NULL,
	raw_size	pg_catalog.int8 NOT NULL,
	streams		pg_catalog.bytea NOT NULL,
	zones		pg_catalog.bytea NOT NULL,
	PRIMARY KEY (storage_id, first_vpage)
) USING heap WITH (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE pyro.block REPLICA IDENTITY NOTHING;
ALTER TABLE pyro.block ALTER streams SET STORAGE MAIN, ALTER zones SET STORAGE MAIN;
REVOKE ALL ON pyro.block FROM PUBLIC;
COMMENT ON TABLE pyro.block IS 'blocks, each with the streams of its payload';
COMMENT ON COLUMN pyro.block.storage_id IS 'whose it is';
COMMENT ON COLUMN pyro.block.first_vpage IS 'where its TIDs begin';
COMMENT ON COLUMN pyro.block.rows IS 'number of rows, marked ones included';
COMMENT ON COLUMN pyro.block.format IS 'version of the payload''s format';
COMMENT ON COLUMN pyro.block.created IS 'the transaction that moved the rows here';
COMMENT ON COLUMN pyro.block.payload IS 'id of the TOAST value';
COMMENT ON COLUMN pyro.block.payload_size IS 'its bytes';
COMMENT ON COLUMN pyro.block.raw_size IS 'bytes of the rows before encoding';
COMMENT ON COLUMN pyro.block.streams IS 'where the streams lie in the payload';
COMMENT ON COLUMN pyro.block.zones IS 'smallest and largest values of columns';

CREATE TABLE pyro.block_delete (
	storage_id	pg_catalog.int8 NOT NULL,
	row_tid		pg_catalog.tid NOT NULL,
	new_tid		pg_catalog.tid,
	PRIMARY KEY (storage_id, row_tid)
) USING heap WITH (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE pyro.block_delete REPLICA IDENTITY NOTHING;
REVOKE ALL ON pyro.block_delete FROM PUBLIC;
COMMENT ON TABLE pyro.block_delete IS 'rows of blocks that were deleted or updated';
COMMENT ON COLUMN pyro.block_delete.storage_id IS 'whose it is';
COMMENT ON COLUMN pyro.block_delete.row_tid IS 'the row';
COMMENT ON COLUMN pyro.block_delete.new_tid IS 'its new version in the head; NULL if deleted';

CREATE PROCEDURE pyro.compact(t pg_catalog.regclass)
	LANGUAGE C AS 'MODULE_PATHNAME', 'pyro_compact';
COMMENT ON PROCEDURE pyro.compact(regclass) IS
	'moves settled rows of a table into blocks, and tidies its blocks';
