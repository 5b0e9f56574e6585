/*
 * fetch.c
 *	  Rows by TID: for index scans, and for the executor's own lookups.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/relscan.h"

#include "tableam/block_row.h"
#include "tableam/block_tid.h"
#include "tableam/callbacks.h"
#include "tableam/heap_forward.h"
#include "tableam/redirect.h"
#include "tableam/scan.h"

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
	if (fetch->reader)
		block_reader_reset(fetch->reader);
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
	TransactionId result = InvalidTransactionId;

	for (int i = 0; i < all_count; i++)
	{
		TM_IndexDelete entry = delstate->deltids[i];

		if (!tid_is_block_row(&entry.tid))
			delstate->deltids[head_count++] = entry;
		else if (!delstate->bottomup)
			block_rows[block_count++] = entry;
	}
	delstate->ndeltids = head_count;
	if (head_count > 0)
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
	BlockReader *reader = block_reader_create(rel);
	bool		found = block_reader_fetch(reader, tid, snapshot, slot, NULL);

	block_reader_free(reader);
	return found;
}

bool
pyro_tuple_fetch_row_version(Relation rel, ItemPointer tid, Snapshot snapshot,
							 TupleTableSlot *slot)
{
	ItemPointerData copy = *tid;	/* may be the slot's own */

	if (tid_is_block_row(&copy))
		return fetch_block_row(rel, &copy, snapshot, slot);
	return heap_routine()->tuple_fetch_row_version(rel, tid, snapshot, slot) &&
		!redirect_hides(rel, &slot->tts_tid, snapshot);
}

void
pyro_tuple_get_latest_tid(TableScanDesc base, ItemPointer tid)
{
	/* a block row is its own last version: a later one is another row's */
	if (!tid_is_block_row(tid))
		heap_routine()->tuple_get_latest_tid(((PyroScan *) base)->head, tid);
}

bool
pyro_tuple_tid_valid(TableScanDesc base, ItemPointer tid)
{
	if (tid_is_block_row(tid))
		return ItemPointerIsValid(tid) && ItemPointerGetOffsetNumber(tid) <= BLOCK_PAGE_ROWS;
	return heap_routine()->tuple_tid_valid(((PyroScan *) base)->head, tid);
}

bool
pyro_tuple_satisfies_snapshot(Relation rel, TupleTableSlot *slot, Snapshot snapshot)
{
	if (tid_is_block_row(&slot->tts_tid))
		return fetch_block_row(rel, &slot->tts_tid, snapshot, NULL);
	return heap_routine()->tuple_satisfies_snapshot(rel, slot, snapshot);
}
