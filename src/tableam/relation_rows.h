/*
 * relation_rows.h
 *	  The extension's own tables in schema pyro, and how their rows are written.
 *
 * But for the policies and rules, which users set and dumps keep, they are materialized
 * views in name, since only these are left out of
 * publications FOR ALL TABLES, whose subscribers would copy the rows; nothing
 * else about them is.  Rows are written with HEAP_INSERT_NO_LOGICAL.  A changed
 * row is a deleted and an inserted one, since an update would be decoded.
 */
#ifndef PYRO_RELATION_ROWS_H
#define PYRO_RELATION_ROWS_H

#include "access/genam.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

typedef enum OwnTable
{
	OWN_STORAGE,
	OWN_BLOCK,
	OWN_BLOCK_DELETE,
	OWN_POLICY,
	OWN_RETENTION_RULE,
	OWN_RUN
} OwnTable;

/*
 * Open one of the extension's tables.
 *
 * NULL if it does not exist: while the extension is being made or dropped, and
 * during a binary upgrade, when nothing may touch it.
 */
Relation	own_table_open(OwnTable table, LOCKMODE lockmode);

/*
 * Are all of them there, with their indexes?  While the extension is being
 * dropped some may be gone already.
 */
bool		own_tables_complete(void);

typedef struct OwnScan
{
	Relation	table;
	Relation	index;
	SysScanDesc scan;
	Snapshot	snapshot;		/* to be asked of each row; or NULL */
} OwnScan;

/* The key of a storage's rows: the first column of each table. */
void		own_storage_key(ScanKey key, int64 storage_id);

/*
 * Begin an ordered scan by the key that begins with the first column, or by the
 * other unique key.
 *
 * The keys' attribute numbers are those of the table's columns.  A NULL
 * snapshot means a fresh one.  False, and nothing to end, if the table does not
 * exist.  End it with own_scan_end.
 */
bool		own_scan_begin(OwnScan *scan, OwnTable table, bool by_other_key, Snapshot snapshot,
						   int key_count, ScanKey keys);
HeapTuple	own_scan_next(OwnScan *scan, ScanDirection direction);
void		own_scan_end(OwnScan *scan);

/* Of a table whose first column is a table's OID: the OIDs of tables that are gone. */
List	   *own_rows_of_gone_tables(OwnTable table);

/*
 * Insert a row of an own table with its index entries, as of a command.
 *
 * The caller increments the command counter before it looks for the row.
 */
void		own_row_insert(Relation table, Datum *values, bool *nulls, CommandId cid);

/* Delete a row of an own table; an error if somebody else changed it. */
void		own_row_delete(Relation table, ItemPointer tid);

/* The same, but false if somebody else has deleted it. */
bool		own_row_try_delete(Relation table, ItemPointer tid);

#endif							/* PYRO_RELATION_ROWS_H */
