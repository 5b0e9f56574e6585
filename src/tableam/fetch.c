/*
 * fetch.c
 *	  Rows by TID: for index scans, and for the executor's own lookups.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/relscan.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/snapmgr.h"

#include "tableam/block_row.h"
#include "tableam/block_tid.h"
#include "tableam/callbacks.h"
#include "tableam/fetch.h"
#include "tableam/heap_forward.h"
#include "tableam/moved_rows.h"
#include "tableam/redirect.h"
#include "tableam/row_context.h"
#include "tableam/scan.h"
#include "tableam/storage.h"

/* ---- index scans ---- */

typedef struct PyroIndexFetch
{
	IndexFetchTableData base;
	IndexFetchTableData *head;
	BlockReader *reader;		/* made for the first block row */
	MemoryContext context;
} PyroIndexFetch;

IndexFetchTableData *
pyro_index_fetch_begin(Relation rel)
{
	PyroIndexFetch *fetch = palloc0(sizeof(PyroIndexFetch));

	/* an index that was made anew lacks rows that an older snapshot sees */
	if (ActiveSnapshotSet())
		storage_id(rel, GetActiveSnapshot());

	fetch->base.rel = rel;
	fetch->head = heap_routine()->index_fetch_begin(rel);
	fetch->context = CurrentMemoryContext;
	return &fetch->base;
}

void
pyro_index_fetch_reset(IndexFetchTableData *base)
{
	PyroIndexFetch *fetch = (PyroIndexFetch *) base;

	heap_routine()->index_fetch_reset(fetch->head);

	/*
	 * what it has learned holds for the scan's snapshot, and so for the next
	 * keys
	 */
	if (fetch->reader)
		block_reader_release(fetch->reader);
}

void
pyro_index_fetch_end(IndexFetchTableData *base)
{
	PyroIndexFetch *fetch = (PyroIndexFetch *) base;

	heap_routine()->index_fetch_end(fetch->head);
	if (fetch->reader)
		block_reader_free(fetch->reader);
	pfree(fetch);
}

/*
 * Heap tells a serializable reader of those who changed a row of the head; here
 * it may have been moved first and changed then.
 */
static void
check_moved_conflicts(Relation rel, TupleTableSlot *slot, Snapshot snapshot)
{
	HeapTupleHeader header = ((BufferHeapTupleTableSlot *) slot)->base.tuple->t_data;

	if (HeapTupleHeaderIndicatesMovedPartitions(header) &&
		CheckForSerializableConflictOutNeeded(rel, snapshot))
		redirect_check_conflicts(rel, &slot->tts_tid, HeapTupleHeaderGetUpdateXid(header),
								 snapshot);
}

bool
pyro_index_fetch_tuple(IndexFetchTableData *base, ItemPointer tid, Snapshot snapshot,
					   TupleTableSlot *slot, bool *call_again, bool *all_dead)
{
	PyroIndexFetch *fetch = (PyroIndexFetch *) base;

	if (!tid_is_block_row(tid))
	{
		/* a chain may have a hidden version and another one behind it */
		while (heap_routine()->index_fetch_tuple(fetch->head, tid, snapshot, slot, call_again,
												 all_dead))
		{
			check_moved_conflicts(base->rel, slot, snapshot);
			if (!redirect_hides(base->rel, &slot->tts_tid, snapshot))
				return true;
			if (!*call_again)
				break;
		}
		return false;
	}
	if (fetch->reader == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(fetch->context);

		fetch->reader = block_reader_create(base->rel);
		MemoryContextSwitchTo(before);
	}
	*call_again = false;
	return block_reader_fetch(fetch->reader, tid, snapshot, slot, all_dead);
}

/*
 * Which of these entries may an index forget?  Heap looks up the head's; those
 * of block rows stay as the index knows them.
 */
TransactionId
pyro_index_delete_tuples(Relation rel, TM_IndexDeleteOp *delstate)
{
	int			head_count = 0;
	int			all_count = delstate->ndeltids;
	TM_IndexDelete *block_rows = palloc(Max(all_count, 1) * sizeof(TM_IndexDelete));
	int			block_count = 0;
	bool		head_wanted = delstate->bottomup;
	TransactionId result = InvalidTransactionId;

	for (int i = 0; i < all_count; i++)
	{
		TM_IndexDelete entry = delstate->deltids[i];

		if (!tid_is_block_row(&entry.tid))
		{
			delstate->deltids[head_count++] = entry;
			head_wanted |= delstate->status[entry.id].knowndeletable;
		}
		else if (!delstate->bottomup)
			block_rows[block_count++] = entry;
	}

	/* where none is known to be deletable, heap expects bottom-up deletion */
	delstate->ndeltids = head_wanted ? head_count : 0;
	if (delstate->ndeltids > 0)
		result = heap_routine()->index_delete_tuples(rel, delstate);

	/*
	 * What is known to be deletable was found dead to everybody; the rest is
	 * left out of the answer, as it may be.
	 */
	for (int i = 0; i < block_count; i++)
		if (delstate->status[block_rows[i].id].knowndeletable)
			delstate->deltids[delstate->ndeltids++] = block_rows[i];
	pfree(block_rows);
	return result;
}

/* ---- other lookups ---- */

/* Fetch a block row, without a scan that would remember its block. */
static bool
fetch_block_row(Relation rel, const ItemPointerData *tid, Snapshot snapshot, TupleTableSlot *slot)
{
	MemoryContext before = row_context_begin();
	bool		found = block_reader_fetch(block_reader_create(rel), tid, snapshot, slot, NULL);

	row_context_end(before);
	return found;
}

bool
pyro_tuple_fetch_row_version(Relation rel, ItemPointer tid, Snapshot snapshot,
							 TupleTableSlot *slot)
{
	ItemPointerData copy = *tid;	/* may be the slot's own */

	if (tid_is_block_row(&copy))
		return fetch_block_row(rel, &copy, snapshot, slot);
	if (!heap_routine()->tuple_fetch_row_version(rel, tid, snapshot, slot))
		return false;
	check_moved_conflicts(rel, slot, snapshot);
	return !redirect_hides(rel, &slot->tts_tid, snapshot);
}

/* Who moved a row of the head away; no valid id if nobody did. */
static TransactionId
head_row_mover(Relation rel, const ItemPointerData *tid)
{
	HeapTupleData tuple = {.t_self = *tid};
	Buffer		buffer;
	TransactionId mover = InvalidTransactionId;

	if (ItemPointerGetBlockNumberNoCheck(tid) >= RelationGetNumberOfBlocks(rel))
		return mover;
	if (heap_fetch(rel, SnapshotAny, &tuple, &buffer, false))
	{
		if (HeapTupleHeaderIndicatesMovedPartitions(tuple.t_data))
			mover = HeapTupleHeaderGetUpdateXid(tuple.t_data);
		ReleaseBuffer(buffer);
	}
	return mover;
}

static bool
head_row_satisfies(Relation rel, const ItemPointerData *tid, Snapshot snapshot)
{
	HeapTupleData tuple = {.t_self = *tid};
	Buffer		buffer;

	if (!heap_fetch(rel, snapshot, &tuple, &buffer, false))
		return false;
	ReleaseBuffer(buffer);
	return true;
}

/* Where a block row is now: the later version that its mark names, if any. */
static bool
follow_mark(Relation rel, ItemPointer tid, Snapshot snapshot)
{
	Mark		mark;

	if (!mark_read(storage_id(rel, snapshot), tid, snapshot, &mark) ||
		!ItemPointerIsValid(&mark.new_tid) ||
		ItemPointerIndicatesMovedPartitions(&mark.new_tid))
		return false;
	*tid = mark.new_tid;
	return true;
}

/* The row's new TID if a merge that the snapshot sees has moved it. */
static bool
follow_merge(Relation rel, ItemPointer tid, Snapshot snapshot)
{
	int64		id = storage_id(rel, snapshot);
	BlockList  *versions;

	if (directory_find(id, tid_vpage(tid), snapshot) != NULL)
		return false;
	versions = directory_find_all(id, tid_vpage(tid));
	for (int i = 0; i < versions->count; i++)
	{
		TransactionId xmax = versions->entries[i]->xmax;

		if (TransactionIdIsValid(xmax) && !XidInMVCCSnapshot(xmax, snapshot) &&
			moved_row_find(rel, tid, xmax, tid))
			return true;
	}
	return false;
}

/* This is how WHERE CURRENT OF finds the row on which a cursor stands. */
void
pyro_tuple_get_latest_tid(TableScanDesc base, ItemPointer tid)
{
	Relation	rel = base->rs_rd;
	Snapshot	snapshot = base->rs_snapshot;
	bool		more = true;

	while (more)
	{
		CHECK_FOR_INTERRUPTS();
		if (tid_is_block_row(tid))
			more = IsMVCCSnapshot(snapshot) &&
				(follow_mark(rel, tid, snapshot) || follow_merge(rel, tid, snapshot));
		else
		{
			TransactionId mover;

			heap_routine()->tuple_get_latest_tid(((PyroScan *) base)->head, tid);
			mover = head_row_mover(rel, tid);
			more = TransactionIdIsValid(mover) && IsMVCCSnapshot(snapshot) &&
				!XidInMVCCSnapshot(mover, snapshot) && moved_row_find(rel, tid, mover, tid);
		}
	}
}

bool
pyro_tuple_tid_valid(TableScanDesc base, ItemPointer tid)
{
	if (tid_is_block_row(tid))
		return ItemPointerIsValid(tid) && ItemPointerGetOffsetNumber(tid) <= BLOCK_PAGE_ROWS;
	return heap_routine()->tuple_tid_valid(((PyroScan *) base)->head, tid);
}

bool
block_row_satisfies_snapshot(Relation rel, const ItemPointerData *tid, Snapshot snapshot)
{
	ItemPointerData at = *tid;
	int64		id = storage_id(rel, snapshot);

	while (tid_is_block_row(&at))
	{
		if (!IsMVCCSnapshot(snapshot) || directory_find(id, tid_vpage(&at), snapshot) != NULL)
			return fetch_block_row(rel, &at, snapshot, NULL);
		if (!moved_row_origin(rel, &at, &at))
			return false;
	}
	return !redirect_hides(rel, &at, snapshot) && head_row_satisfies(rel, &at, snapshot);
}

bool
pyro_tuple_satisfies_snapshot(Relation rel, TupleTableSlot *slot, Snapshot snapshot)
{
	if (tid_is_block_row(&slot->tts_tid))
		return block_row_satisfies_snapshot(rel, &slot->tts_tid, snapshot);
	return heap_routine()->tuple_satisfies_snapshot(rel, slot, snapshot);
}
