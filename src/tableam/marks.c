/*
 * marks.c
 *	  pyro.block_delete: one MVCC row for each block row that was deleted or
 *	  updated.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"

#include "tableam/block_tid.h"
#include "tableam/marks.h"
#include "tableam/redirect.h"
#include "tableam/relation_rows.h"
#include "tableam/storage.h"

/* the columns of pyro.block_delete */
enum
{
	COLUMN_STORAGE_ID = 1,
	COLUMN_ROW_TID,
	COLUMN_NEW_TID,
	COLUMN_COUNT = COLUMN_NEW_TID
};

/* ---- reading ---- */

static void
mark_from_tuple(HeapTuple tuple, TupleDesc desc, Mark *mark)
{
	Datum		values[COLUMN_COUNT];
	bool		nulls[COLUMN_COUNT];

	heap_deform_tuple(tuple, desc, values, nulls);
	mark->row_tid = *(ItemPointer) DatumGetPointer(values[COLUMN_ROW_TID - 1]);
	if (nulls[COLUMN_NEW_TID - 1])
		ItemPointerSetInvalid(&mark->new_tid);
	else
		mark->new_tid = *(ItemPointer) DatumGetPointer(values[COLUMN_NEW_TID - 1]);
	mark->xmin = HeapTupleHeaderGetXmin(tuple->t_data);
	mark->cmin = TransactionIdIsCurrentTransactionId(mark->xmin) ?
		HeapTupleHeaderGetCmin(tuple->t_data) : InvalidCommandId;
	mark->tid = tuple->t_self;
}

static MarkSet *
read_marks(int key_count, ScanKey keys, Snapshot snapshot)
{
	MarkSet    *set = palloc(sizeof(MarkSet));
	int			allocated = 16;
	OwnScan		scan;
	HeapTuple	tuple;

	set->count = 0;
	set->marks = NULL;
	if (!own_scan_begin(&scan, OWN_BLOCK_DELETE, false, snapshot, key_count, keys))
		return set;
	while ((tuple = own_scan_next(&scan, ForwardScanDirection)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (set->marks == NULL)
			set->marks = palloc(allocated * sizeof(Mark));
		else if (set->count == allocated)
		{
			allocated *= 2;
			set->marks = repalloc_huge(set->marks, allocated * sizeof(Mark));
		}
		mark_from_tuple(tuple, RelationGetDescr(scan.table), &set->marks[set->count++]);
	}
	own_scan_end(&scan);
	return set;
}

MarkSet *
marks_read(int64 storage_id, const ItemPointerData *first, const ItemPointerData *last,
		   Snapshot snapshot)
{
	MarkSet    *set;
	ScanKeyData keys[3];

	own_storage_key(&keys[0], storage_id);
	ScanKeyInit(&keys[1], COLUMN_ROW_TID, BTGreaterEqualStrategyNumber, F_TIDGE,
				PointerGetDatum(first));
	ScanKeyInit(&keys[2], COLUMN_ROW_TID, BTLessEqualStrategyNumber, F_TIDLE,
				PointerGetDatum(last));
	set = read_marks(lengthof(keys), keys, snapshot);
	redirect_add_marks(storage_id, first, last, snapshot, set);
	return set;
}

MarkSet *
marks_read_all(int64 storage_id, Snapshot snapshot)
{
	ScanKeyData key;

	own_storage_key(&key, storage_id);
	return read_marks(1, &key, snapshot);
}

const Mark *
marks_find(const MarkSet *set, const ItemPointerData *row_tid)
{
	int			low = 0,
				high = set->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		int32		order = ItemPointerCompare((ItemPointer) row_tid,
											   &set->marks[middle].row_tid);

		if (order == 0)
			return &set->marks[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

bool
mark_read(int64 storage_id, const ItemPointerData *row_tid, Snapshot snapshot, Mark *mark)
{
	ScanKeyData keys[2];
	OwnScan		scan;
	HeapTuple	tuple;

	own_storage_key(&keys[0], storage_id);
	ScanKeyInit(&keys[1], COLUMN_ROW_TID, BTEqualStrategyNumber, F_TIDEQ,
				PointerGetDatum(row_tid));
	if (!own_scan_begin(&scan, OWN_BLOCK_DELETE, false, snapshot, lengthof(keys), keys))
		return false;
	tuple = own_scan_next(&scan, ForwardScanDirection);
	if (tuple != NULL)
		mark_from_tuple(tuple, RelationGetDescr(scan.table), mark);
	own_scan_end(&scan);
	return tuple != NULL;
}

/* ---- writing ---- */

void
mark_insert(int64 storage_id, const ItemPointerData *row_tid, const ItemPointerData *new_tid,
			CommandId cid)
{
	Relation	table = own_table_open(OWN_BLOCK_DELETE, RowExclusiveLock);
	Datum		values[COLUMN_COUNT];
	bool		nulls[COLUMN_COUNT] = {0};

	values[COLUMN_STORAGE_ID - 1] = Int64GetDatum(storage_id);
	values[COLUMN_ROW_TID - 1] = PointerGetDatum(row_tid);
	values[COLUMN_NEW_TID - 1] = PointerGetDatum(new_tid);
	nulls[COLUMN_NEW_TID - 1] = new_tid == NULL;
	own_row_insert(table, values, nulls, cid);
	table_close(table, RowExclusiveLock);
}

void
marks_delete(const MarkSet *set)
{
	Relation	table;

	if (set->count == 0)
		return;
	table = own_table_open(OWN_BLOCK_DELETE, RowExclusiveLock);
	for (int i = 0; i < set->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		own_row_delete(table, &set->marks[i].tid);
	}
	table_close(table, RowExclusiveLock);
}

void
marks_delete_all(int64 storage_id)
{
	marks_delete(marks_read_all(storage_id, NULL));
}
