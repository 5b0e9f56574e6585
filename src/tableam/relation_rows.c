/*
 * relation_rows.c
 *	  The extension's own tables in schema pyro, and how their rows are written.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "pyro_ext.h"
#include "tableam/relation_rows.h"

static const char *const table_names[] = {
	[OWN_STORAGE] = "storage",
	[OWN_BLOCK] = "block",
	[OWN_BLOCK_DELETE] = "block_delete",
	[OWN_POLICY] = "policy",
	[OWN_RETENTION_RULE] = "retention_rule",
	[OWN_RUN] = "run",
};

Relation
own_table_open(OwnTable table, LOCKMODE lockmode)
{
	Oid			schema,
				relid;

	if (IsBinaryUpgrade)
		return NULL;
	schema = get_namespace_oid("pyro", true);
	if (!OidIsValid(schema))
		return NULL;
	relid = get_relname_relid(table_names[table], schema);
	if (!OidIsValid(relid))
		return NULL;
	return table_open(relid, lockmode);
}

bool
own_tables_complete(void)
{
	for (int i = 0; i < lengthof(table_names); i++)
	{
		Relation	table = own_table_open(i, AccessShareLock);
		int			index_count;

		if (table == NULL)
			return false;
		index_count = list_length(RelationGetIndexList(table));
		table_close(table, AccessShareLock);
		if (index_count < (i == OWN_STORAGE ? 2 : 1))
			return false;
	}
	return true;
}

/* Open the index that begins with the first column, or else the other one. */
static Relation
key_index_open(Relation table, bool other)
{
	List	   *indexes = RelationGetIndexList(table);
	ListCell   *cell;
	Relation	found = NULL;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		if (found == NULL && (index->rd_index->indkey.values[0] != 1) == other)
			found = index;
		else
			index_close(index, AccessShareLock);
	}
	list_free(indexes);
	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"pyro.%s\" has lost an index",
						RelationGetRelationName(table))));
	return found;
}

/*
 * Serializable transactions conflict over the table's rows, not over ours, which
 * are neighbours by chance.  No row is locked for reading where the scan looks at
 * all of them and the snapshot is asked afterwards.
 */
static bool
checks_afterwards(Snapshot snapshot)
{
	return IsolationIsSerializable() && (snapshot == NULL || IsMVCCSnapshot(snapshot));
}

void
own_storage_key(ScanKey key, int64 storage_id)
{
	ScanKeyInit(key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(storage_id));
}

bool
own_scan_begin(OwnScan *scan, OwnTable table, bool by_other_key, Snapshot snapshot,
			   int key_count, ScanKey keys)
{
	scan->table = own_table_open(table, AccessShareLock);
	if (scan->table == NULL)
		return false;
	scan->index = key_index_open(scan->table, by_other_key);
	scan->snapshot = NULL;
	if (checks_afterwards(snapshot))
	{
		/* the newest one, which parallel queries, too, can take */
		if (snapshot == NULL)
			snapshot = GetCatalogSnapshot(RelationGetRelid(scan->table));
		scan->snapshot = RegisterSnapshot(snapshot);
		snapshot = SnapshotAny;
	}
	scan->scan = systable_beginscan_ordered(scan->table, scan->index, snapshot, key_count, keys);

	/*
	 * What is dead to all here may still be seen on a standby, which hears of
	 * it when the row is vacuumed, so until then SnapshotAny sees it.
	 */
	if (snapshot == SnapshotAny)
		scan->scan->iscan->ignore_killed_tuples = false;
	return true;
}

HeapTuple
own_scan_next(OwnScan *scan, ScanDirection direction)
{
	HeapTuple	tuple;

	do
		tuple = systable_getnext_ordered(scan->scan, direction);
	while (tuple != NULL && scan->snapshot != NULL &&
		   !table_tuple_satisfies_snapshot(scan->table, scan->scan->slot, scan->snapshot));
	return tuple;
}

void
own_scan_end(OwnScan *scan)
{
	systable_endscan_ordered(scan->scan);
	if (scan->snapshot != NULL)
		UnregisterSnapshot(scan->snapshot);
	index_close(scan->index, AccessShareLock);
	table_close(scan->table, AccessShareLock);
}

List *
own_rows_of_gone_tables(OwnTable table)
{
	OwnScan		scan;
	HeapTuple	tuple;
	List	   *gone = NIL;

	if (!own_scan_begin(&scan, table, false, NULL, 0, NULL))
		return NIL;
	while ((tuple = own_scan_next(&scan, ForwardScanDirection)) != NULL)
	{
		bool		isnull;
		Oid			relid = DatumGetObjectId(heap_getattr(tuple, 1, RelationGetDescr(scan.table),
														  &isnull));

		CHECK_FOR_INTERRUPTS();
		if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
			gone = list_append_unique_oid(gone, relid);
	}
	own_scan_end(&scan);
	return gone;
}

/* Make the row's entries in the indexes of plain columns that own tables have. */
static void
insert_index_entries(Relation table, HeapTuple tuple, Datum *values, bool *nulls)
{
	List	   *indexes = RelationGetIndexList(table);
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), RowExclusiveLock);
		IndexInfo  *info = BuildIndexInfo(index);
		Datum		index_values[INDEX_MAX_KEYS];
		bool		index_nulls[INDEX_MAX_KEYS];

		for (int i = 0; i < info->ii_NumIndexAttrs; i++)
		{
			int			column = info->ii_IndexAttrNumbers[i] - 1;

			index_values[i] = values[column];
			index_nulls[i] = nulls[column];
		}
		index_insert(index, index_values, index_nulls, &tuple->t_self, table,
					 info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, info);
		index_close(index, RowExclusiveLock);
	}
	list_free(indexes);
}

void
own_row_insert(Relation table, Datum *values, bool *nulls, CommandId cid)
{
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(table), values, nulls);

	heap_insert(table, tuple, cid, HEAP_INSERT_NO_LOGICAL, NULL);
	insert_index_entries(table, tuple, values, nulls);
	heap_freetuple(tuple);
}

void
own_row_delete(Relation table, ItemPointer tid)
{
	simple_heap_delete(table, tid);
}

bool
own_row_try_delete(Relation table, ItemPointer tid)
{
	TM_FailureData tmfd;

	return heap_delete(table, tid, GetCurrentCommandId(true), InvalidSnapshot, true, &tmfd,
					   false) == TM_Ok;
}

/* ---- how the tables come to be ---- */

PYRO_FUNCTION(pyro_directory_is_empty);
Datum
pyro_directory_is_empty(PG_FUNCTION_ARGS)
{
	if (!creating_extension)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the directory of blocks cannot be refreshed"),
				 errdetail("The materialized views of schema pyro hold what the access method wrote there.")));
	PG_RETURN_BOOL(true);
}
