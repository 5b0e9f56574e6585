/*
 * directory.c
 *	  pyro.block: one MVCC row for each block of a storage.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/procarray.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "compat.h"
#include "tableam/block_tid.h"
#include "tableam/directory.h"
#include "tableam/relation_rows.h"
#include "tableam/storage.h"

/* the columns of pyro.block */
enum
{
	COLUMN_STORAGE_ID = 1,
	COLUMN_FIRST_VPAGE,
	COLUMN_ROWS,
	COLUMN_FORMAT,
	COLUMN_LEVEL,
	COLUMN_CREATED,
	COLUMN_PAYLOAD,
	COLUMN_PAYLOAD_SIZE,
	COLUMN_RAW_SIZE,
	COLUMN_SAMPLES,
	COLUMN_STREAMS,
	COLUMN_ZONES,
	COLUMN_COUNT = COLUMN_ZONES
};

/* ---- reading ---- */

/* Copies the tuple, into which the entry's pointers then point. */
static BlockEntry *
entry_from_tuple(HeapTuple tuple, TupleDesc desc)
{
	BlockEntry *entry = palloc(sizeof(BlockEntry));
	Datum		values[COLUMN_COUNT];
	bool		nulls[COLUMN_COUNT];

	heap_deform_tuple(heap_copytuple(tuple), desc, values, nulls);
	entry->storage_id = DatumGetInt64(values[COLUMN_STORAGE_ID - 1]);
	entry->first_vpage = DatumGetInt64(values[COLUMN_FIRST_VPAGE - 1]);
	entry->rows = DatumGetInt32(values[COLUMN_ROWS - 1]);
	entry->format = DatumGetInt16(values[COLUMN_FORMAT - 1]);
	entry->level = DatumGetInt16(values[COLUMN_LEVEL - 1]);
	entry->created = DatumGetFullTransactionId(values[COLUMN_CREATED - 1]);
	entry->payload = DatumGetObjectId(values[COLUMN_PAYLOAD - 1]);
	entry->payload_size = DatumGetInt64(values[COLUMN_PAYLOAD_SIZE - 1]);
	entry->raw_size = DatumGetInt64(values[COLUMN_RAW_SIZE - 1]);
	entry->samples = DatumGetInt64(values[COLUMN_SAMPLES - 1]);
	entry->streams = PG_DETOAST_DATUM(values[COLUMN_STREAMS - 1]);
	entry->zones = (struct varlena *) DatumGetPointer(values[COLUMN_ZONES - 1]);
	entry->xmin = HeapTupleHeaderGetRawXmin(tuple->t_data);
	entry->xmax = (tuple->t_data->t_infomask & HEAP_XMAX_INVALID) ? InvalidTransactionId :
		HeapTupleHeaderGetUpdateXid(tuple->t_data);
	entry->tid = tuple->t_self;
	if (entry->format != BLOCK_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("block " INT64_FORMAT " of storage " INT64_FORMAT " has format %d, which this version cannot read",
						entry->first_vpage, entry->storage_id, entry->format),
				 errhint("Install the version of pyro_ext that wrote it, or a newer one.")));
	if (entry->rows < 1 || entry->rows > MAX_BLOCK_ROWS || entry->first_vpage < 0 ||
		entry->first_vpage + block_vpages(entry->rows) > MAX_VPAGES)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("directory row of block " INT64_FORMAT " of storage " INT64_FORMAT " is damaged: %d rows",
						entry->first_vpage, entry->storage_id, entry->rows)));
	return entry;
}

bytea *
directory_zones(const BlockEntry *entry)
{
	return DatumGetByteaPP(PointerGetDatum(entry->zones));
}

/*
 * Does the row exist for somebody?  SnapshotAny also sees those of transactions
 * that failed, whose payload may be gone.
 */
static bool
is_real(HeapTuple tuple)
{
	TransactionId xmin = HeapTupleHeaderGetXmin(tuple->t_data);

	return TransactionIdIsCurrentTransactionId(xmin) || TransactionIdIsInProgress(xmin) ||
		TransactionIdDidCommit(xmin);
}

static void
append_entry(BlockList *list, int *allocated, BlockEntry *entry)
{
	if (list->count == *allocated)
	{
		*allocated *= 2;
		list->entries = repalloc_huge(list->entries, *allocated * sizeof(BlockEntry *));
	}
	list->entries[list->count++] = entry;
}

static BlockList *
new_list(int *allocated)
{
	BlockList  *list = palloc(sizeof(BlockList));

	*allocated = 16;
	list->count = 0;
	list->entries = palloc(*allocated * sizeof(BlockEntry *));
	return list;
}

/* The next row of a backward scan that exists for somebody, or NULL. */
static BlockEntry *
next_real(OwnScan *scan)
{
	HeapTuple	tuple;

	do
	{
		CHECK_FOR_INTERRUPTS();
		tuple = own_scan_next(scan, BackwardScanDirection);
	} while (tuple != NULL && !is_real(tuple));
	return tuple == NULL ? NULL : entry_from_tuple(tuple, RelationGetDescr(scan->table));
}

/* Begin a scan of all rows of a storage. */
static bool
begin_all(OwnScan *scan, int64 storage_id, Snapshot snapshot)
{
	ScanKeyData key;

	own_storage_key(&key, storage_id);
	return storage_id != NO_STORAGE &&
		own_scan_begin(scan, OWN_BLOCK, false, snapshot, 1, &key);
}

BlockList *
directory_read(int64 storage_id, Snapshot snapshot)
{
	int			allocated;
	BlockList  *list = new_list(&allocated);
	OwnScan		scan;
	HeapTuple	tuple;

	if (!begin_all(&scan, storage_id, snapshot))
		return list;
	while ((tuple = own_scan_next(&scan, ForwardScanDirection)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		append_entry(list, &allocated, entry_from_tuple(tuple, RelationGetDescr(scan.table)));
	}
	own_scan_end(&scan);
	return list;
}

int64 *
directory_first_vpages(int64 storage_id, Snapshot snapshot, int *count)
{
	int			allocated = 64;
	int64	   *result = palloc(allocated * sizeof(int64));
	OwnScan		scan;
	HeapTuple	tuple;

	*count = 0;
	if (!begin_all(&scan, storage_id, snapshot))
		return result;
	while ((tuple = own_scan_next(&scan, ForwardScanDirection)) != NULL)
	{
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		if (*count == allocated)
		{
			allocated *= 2;
			result = repalloc_huge(result, allocated * sizeof(int64));
		}
		result[(*count)++] = DatumGetInt64(heap_getattr(tuple, COLUMN_FIRST_VPAGE,
														RelationGetDescr(scan.table), &isnull));
	}
	own_scan_end(&scan);
	return result;
}

BlockEntry *
directory_list_find(const BlockList *list, int64 vpage)
{
	int			low = 0,
				high = list->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		BlockEntry *entry = list->entries[middle];

		if (vpage < entry->first_vpage)
			high = middle;
		else if (vpage >= entry->first_vpage + block_vpages(entry->rows))
			low = middle + 1;
		else
			return entry;
	}
	return NULL;
}

/* Begin a backward scan of the rows that may have a virtual page. */
static bool
begin_find(OwnScan *scan, int64 storage_id, int64 vpage, Snapshot snapshot)
{
	ScanKeyData keys[3];

	own_storage_key(&keys[0], storage_id);
	ScanKeyInit(&keys[1], COLUMN_FIRST_VPAGE, BTLessEqualStrategyNumber, F_INT8LE,
				Int64GetDatum(vpage));
	ScanKeyInit(&keys[2], COLUMN_FIRST_VPAGE, BTGreaterStrategyNumber, F_INT8GT,
				Int64GetDatum(vpage - MAX_BLOCK_VPAGES));
	return storage_id != NO_STORAGE &&
		own_scan_begin(scan, OWN_BLOCK, false, snapshot, lengthof(keys), keys);
}

/*
 * Is this version of a block's row to be preferred to another one?
 *
 * The payload of a dead version may be gone before the version itself is, so
 * take one that lives, or else died last.
 */
static bool
outlives(const BlockEntry *entry, const BlockEntry *other)
{
	TransactionId xmax = other->xmax;

	if (!TransactionIdIsValid(xmax) ||
		!(TransactionIdIsCurrentTransactionId(xmax) || TransactionIdDidCommit(xmax)))
		return false;
	return !TransactionIdIsValid(entry->xmax) || TransactionIdFollows(entry->xmax, xmax);
}

/* directory_find for SnapshotAny. */
static BlockEntry *
find_any(int64 storage_id, int64 vpage)
{
	OwnScan		scan;
	BlockEntry *entry;
	BlockEntry *found = NULL;

	if (!begin_find(&scan, storage_id, vpage, SnapshotAny))
		return NULL;
	while ((entry = next_real(&scan)) != NULL)
	{
		if (found != NULL && entry->first_vpage != found->first_vpage)
			break;				/* no other block has had the page */
		if (vpage < entry->first_vpage + block_vpages(entry->rows) &&
			(found == NULL || outlives(entry, found)))
			found = entry;
	}
	own_scan_end(&scan);
	return found;
}

BlockEntry *
directory_find(int64 storage_id, int64 vpage, Snapshot snapshot)
{
	OwnScan		scan;
	HeapTuple	tuple;
	BlockEntry *entry = NULL;

	if (snapshot == SnapshotAny)
		return find_any(storage_id, vpage);
	if (!begin_find(&scan, storage_id, vpage, snapshot))
		return NULL;
	while (entry == NULL && (tuple = own_scan_next(&scan, BackwardScanDirection)) != NULL)
	{
		entry = entry_from_tuple(tuple, RelationGetDescr(scan.table));
		if (vpage >= entry->first_vpage + block_vpages(entry->rows))
			entry = NULL;		/* of an aborted or dropped block before it */
	}
	own_scan_end(&scan);
	return entry;
}

BlockList *
directory_find_all(int64 storage_id, int64 vpage)
{
	int			allocated;
	BlockList  *list = new_list(&allocated);
	OwnScan		scan;
	BlockEntry *entry;

	if (!begin_find(&scan, storage_id, vpage, SnapshotAny))
		return list;
	while ((entry = next_real(&scan)) != NULL)
	{
		if (vpage < entry->first_vpage + block_vpages(entry->rows))
			append_entry(list, &allocated, entry);
	}
	own_scan_end(&scan);
	return list;
}

BlockList *
directory_created_by(int64 storage_id, FullTransactionId xid)
{
	int			allocated;
	BlockList  *list = new_list(&allocated);
	OwnScan		scan;
	BlockEntry *entry;

	if (!begin_all(&scan, storage_id, SnapshotAny))
		return list;
	while ((entry = next_real(&scan)) != NULL)
	{
		BlockEntry **last = list->count > 0 ? &list->entries[list->count - 1] : NULL;

		if (FullTransactionIdEquals(entry->created, xid))
		{
			if (last == NULL || (*last)->first_vpage != entry->first_vpage)
				append_entry(list, &allocated, entry);
			else if (outlives(entry, *last))
				*last = entry;
		}
		else if (last != NULL)
			break;				/* a transaction's vpages are neighbours */
	}
	own_scan_end(&scan);
	return list;
}

/* ---- writing ---- */

void
directory_insert(const BlockEntry *entry)
{
	Relation	table = own_table_open(OWN_BLOCK, RowExclusiveLock);
	Datum		values[COLUMN_COUNT];
	bool		nulls[COLUMN_COUNT] = {0};

	values[COLUMN_STORAGE_ID - 1] = Int64GetDatum(entry->storage_id);
	values[COLUMN_FIRST_VPAGE - 1] = Int64GetDatum(entry->first_vpage);
	values[COLUMN_ROWS - 1] = Int32GetDatum(entry->rows);
	values[COLUMN_FORMAT - 1] = Int16GetDatum(entry->format);
	values[COLUMN_LEVEL - 1] = Int16GetDatum(entry->level);
	values[COLUMN_CREATED - 1] = FullTransactionIdGetDatum(entry->created);
	values[COLUMN_PAYLOAD - 1] = ObjectIdGetDatum(entry->payload);
	values[COLUMN_PAYLOAD_SIZE - 1] = Int64GetDatum(entry->payload_size);
	values[COLUMN_RAW_SIZE - 1] = Int64GetDatum(entry->raw_size);
	values[COLUMN_SAMPLES - 1] = Int64GetDatum(entry->samples);
	values[COLUMN_STREAMS - 1] = PointerGetDatum(entry->streams);
	values[COLUMN_ZONES - 1] = PointerGetDatum(entry->zones);
	own_row_insert(table, values, nulls, GetCurrentCommandId(true));
	table_close(table, RowExclusiveLock);
}

void
directory_delete(const BlockEntry *entry)
{
	Relation	table = own_table_open(OWN_BLOCK, RowExclusiveLock);
	ItemPointerData tid = entry->tid;

	own_row_delete(table, &tid);
	table_close(table, RowExclusiveLock);
}

void
directory_delete_all(int64 storage_id)
{
	BlockList  *list = directory_read(storage_id, NULL);

	for (int i = 0; i < list->count; i++)
		directory_delete(list->entries[i]);
}
