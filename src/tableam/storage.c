/*
 * storage.c
 *	  pyro.storage: which blocks belong to which file.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/sequence.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "compat.h"
#include "tableam/directory.h"
#include "tableam/marks.h"
#include "tableam/relation_rows.h"
#include "tableam/storage.h"

/* the columns of pyro.storage */
enum
{
	COLUMN_STORAGE_ID = 1,
	COLUMN_RELID,
	COLUMN_RELTABLESPACE,
	COLUMN_RELFILENUMBER,
	COLUMN_NEXT_VPAGE,
	COLUMN_BLOCKS,
	COLUMN_ROWS,
	COLUMN_BYTES,
	COLUMN_DROPPED_ROWS,
	COLUMN_REWRITTEN,
	COLUMN_COUNT = COLUMN_REWRITTEN
};

/*
 * What a relcache entry remembers: never that there is no storage, since the
 * first compaction can come at any time.
 */
typedef struct StorageCache
{
	int64		id;
	FullTransactionId rewritten;
} StorageCache;

/* ---- reading ---- */

static void
storage_from_tuple(HeapTuple tuple, TupleDesc desc, Storage *storage)
{
	Datum		values[COLUMN_COUNT];
	bool		nulls[COLUMN_COUNT];

	heap_deform_tuple(tuple, desc, values, nulls);
	storage->id = DatumGetInt64(values[COLUMN_STORAGE_ID - 1]);
	storage->relid = DatumGetObjectId(values[COLUMN_RELID - 1]);
	storage->next_vpage = DatumGetInt64(values[COLUMN_NEXT_VPAGE - 1]);
	storage->blocks = DatumGetInt64(values[COLUMN_BLOCKS - 1]);
	storage->rows = DatumGetInt64(values[COLUMN_ROWS - 1]);
	storage->bytes = DatumGetInt64(values[COLUMN_BYTES - 1]);
	storage->dropped_rows = DatumGetInt64(values[COLUMN_DROPPED_ROWS - 1]);
	storage->rewritten = nulls[COLUMN_REWRITTEN - 1] ? InvalidFullTransactionId :
		DatumGetFullTransactionId(values[COLUMN_REWRITTEN - 1]);
	storage->tid = tuple->t_self;
}

bool
storage_read_file(Oid reltablespace, Oid relfilenumber, Storage *storage)
{
	ScanKeyData keys[2];
	OwnScan		scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], COLUMN_RELTABLESPACE, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(reltablespace));
	ScanKeyInit(&keys[1], COLUMN_RELFILENUMBER, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relfilenumber));
	if (!own_scan_begin(&scan, OWN_STORAGE, true, NULL, lengthof(keys), keys))
		return false;
	tuple = own_scan_next(&scan, ForwardScanDirection);
	if (tuple != NULL)
		storage_from_tuple(tuple, RelationGetDescr(scan.table), storage);
	own_scan_end(&scan);
	return tuple != NULL;
}

bool
storage_read(Relation rel, Storage *storage)
{
	return storage_read_file(rel->rd_rel->reltablespace, rel->rd_rel->relfilenode, storage);
}

/*
 * Is this committed transaction one that the snapshot takes for running?  A
 * transaction a billion ago is not, and its xid cannot be compared any more.
 */
static bool
is_running_for(FullTransactionId full_xid, Snapshot snapshot)
{
	TransactionId xid = XidFromFullTransactionId(full_xid);

	return FullTransactionIdIsValid(full_xid) &&
		U64FromFullTransactionId(ReadNextFullTransactionId()) -
		U64FromFullTransactionId(full_xid) < 1000000000 &&
		!TransactionIdIsCurrentTransactionId(xid) &&
		XidInMVCCSnapshot(xid, snapshot);
}

int64
storage_id(Relation rel, Snapshot snapshot)
{
	StorageCache *cache = rel->rd_amcache;

	if (cache == NULL)
	{
		Storage		storage;

		if (rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT ||
			!storage_read(rel, &storage))
			return NO_STORAGE;
		cache = MemoryContextAlloc(CacheMemoryContext, sizeof(StorageCache));
		cache->id = storage.id;
		cache->rewritten = storage.rewritten;
		/* reading may have rebuilt the entry, but only to NULL */
		if (rel->rd_amcache != NULL)
			pfree(rel->rd_amcache);
		rel->rd_amcache = cache;
	}
	if (snapshot != NULL && IsMVCCSnapshot(snapshot) &&
		is_running_for(cache->rewritten, snapshot))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not read table \"%s\": it was rewritten after the snapshot was taken",
						RelationGetRelationName(rel)),
				 errhint("The transaction might succeed if retried.")));
	return cache->id;
}

/* ---- writing ---- */

static int64
next_storage_id(void)
{
	Oid			schema = get_namespace_oid("pyro", false);

	return nextval_internal(get_relname_relid("storage_storage_id_seq", schema), false);
}

static void
insert_row(Storage *storage, Oid reltablespace, Oid relfilenumber)
{
	Relation	table = own_table_open(OWN_STORAGE, RowExclusiveLock);
	Datum		values[COLUMN_COUNT];
	bool		nulls[COLUMN_COUNT] = {0};

	values[COLUMN_STORAGE_ID - 1] = Int64GetDatum(storage->id);
	values[COLUMN_RELID - 1] = ObjectIdGetDatum(storage->relid);
	values[COLUMN_RELTABLESPACE - 1] = ObjectIdGetDatum(reltablespace);
	values[COLUMN_RELFILENUMBER - 1] = ObjectIdGetDatum(relfilenumber);
	values[COLUMN_NEXT_VPAGE - 1] = Int64GetDatum(storage->next_vpage);
	values[COLUMN_BLOCKS - 1] = Int64GetDatum(storage->blocks);
	values[COLUMN_ROWS - 1] = Int64GetDatum(storage->rows);
	values[COLUMN_BYTES - 1] = Int64GetDatum(storage->bytes);
	values[COLUMN_DROPPED_ROWS - 1] = Int64GetDatum(storage->dropped_rows);
	values[COLUMN_REWRITTEN - 1] = FullTransactionIdGetDatum(storage->rewritten);
	nulls[COLUMN_REWRITTEN - 1] = !FullTransactionIdIsValid(storage->rewritten);
	own_row_insert(table, values, nulls, GetCurrentCommandId(true));
	table_close(table, RowExclusiveLock);
	CommandCounterIncrement();
}

void
storage_create(Relation rel, Oid relid, Oid reltablespace, Oid relfilenumber, Storage *storage)
{
	memset(storage, 0, sizeof(*storage));
	storage->id = next_storage_id();
	storage->relid = relid;
	insert_row(storage, reltablespace, relfilenumber);
	if (!storage_read_file(reltablespace, relfilenumber, storage))
		elog(ERROR, "storage " INT64_FORMAT " of table \"%s\" is not visible",
			 storage->id, RelationGetRelationName(rel));
}

void
storage_replace(Storage *storage, Oid reltablespace, Oid relfilenumber)
{
	Relation	table = own_table_open(OWN_STORAGE, RowExclusiveLock);

	own_row_delete(table, &storage->tid);
	table_close(table, RowExclusiveLock);
	CommandCounterIncrement();
	insert_row(storage, reltablespace, relfilenumber);
	storage_read_file(reltablespace, relfilenumber, storage);
}

void
storage_update(Relation rel, Storage *storage)
{
	storage_replace(storage, rel->rd_rel->reltablespace, rel->rd_rel->relfilenode);
}

void
storage_delete(Storage *storage)
{
	Relation	table = own_table_open(OWN_STORAGE, RowExclusiveLock);

	own_row_delete(table, &storage->tid);
	table_close(table, RowExclusiveLock);
	directory_delete_all(storage->id);
	marks_delete_all(storage->id);
	CommandCounterIncrement();
}

void
storage_delete_file(Oid reltablespace, Oid relfilenumber)
{
	Storage		storage;

	if (storage_read_file(reltablespace, relfilenumber, &storage))
		storage_delete(&storage);
}
