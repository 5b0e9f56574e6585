/*
 * scan.c
 *	  Sequential scans of a pyro table, in both directions, by TID range and
 *	  in parallel: heap's scan of the head, and one of the blocks.
 *
 * With an MVCC snapshot blocks come first, since their rows are older: a table
 * that only grows is read in the order in which it was written.  Other
 * snapshots see changes during the scan, so they read the head first and the
 * directory after it: a row that is being moved may come twice, but is never
 * missed.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/relscan.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "storage/predicate.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "tableam/block_tid.h"
#include "tableam/heap_forward.h"
#include "tableam/redirect.h"
#include "tableam/scan.h"
#include "tableam/scan_pages.h"
#include "tableam/storage.h"

/* What the processes of a parallel scan share: heap's part, then ours. */
typedef struct ParallelPyroScan
{
	ParallelBlockTableScanDescData head;
	pg_atomic_uint32 next_block;	/* index of the next block to be taken */
} ParallelPyroScan;

/* ---- begin and end ---- */

TableScanDesc
pyro_scan_begin(Relation rel, Snapshot snapshot, int key_count, struct ScanKeyData *keys,
				ParallelTableScanDesc parallel, uint32 flags)
{
	PyroScan   *scan = palloc0(sizeof(PyroScan));

	scan->base.rs_rd = rel;
	scan->base.rs_snapshot = snapshot;
	scan->base.rs_nkeys = key_count;
	scan->base.rs_key = keys;
	scan->base.rs_flags = flags;
	scan->base.rs_parallel = parallel;
	scan->context = CurrentMemoryContext;
	scan->part = SCAN_BEFORE;
	scan->block = -1;
	scan->blocks_first = snapshot != NULL && IsMVCCSnapshot(snapshot);

	/*
	 * A bitmap has only what the index knows, which an older snapshot than
	 * its making must not rely on; other scans ask when they come to the
	 * blocks.
	 */
	if ((flags & SO_TYPE_BITMAPSCAN) != 0)
		storage_id(rel, snapshot);
	/* the snapshot is given back once, by the outer scan */
	scan->head = heap_routine()->scan_begin(rel, snapshot, key_count, keys, parallel,
											flags & ~SO_TEMP_SNAPSHOT);
	return &scan->base;
}

void
pyro_scan_end(TableScanDesc base)
{
	PyroScan   *scan = (PyroScan *) base;

	heap_routine()->scan_end(scan->head);
	scan_pages_end(scan);
	if (scan->pin)
		block_pin_release(scan->pin);
	if (scan->list_context)
		MemoryContextDelete(scan->list_context);
	if (base->rs_flags & SO_TEMP_SNAPSHOT)
		UnregisterSnapshot(base->rs_snapshot);
	pfree(scan);
}

void
pyro_scan_rescan(TableScanDesc base, struct ScanKeyData *keys, bool set_params,
				 bool allow_strat, bool allow_sync, bool allow_pagemode)
{
	PyroScan   *scan = (PyroScan *) base;

	heap_routine()->scan_rescan(scan->head, keys, set_params, allow_strat, allow_sync,
								allow_pagemode);
	if (keys)
		base->rs_key = keys;
	scan_pages_reset(scan);
	if (scan->pin)
		block_pin_release(scan->pin);
	scan->started = false;
	scan->part = SCAN_BEFORE;
	scan->block = -1;
	if (!scan->blocks_first && scan->blocks != NULL)
	{
		/* to be read again, after the head */
		scan->blocks = NULL;
		scan->marks = NULL;
		MemoryContextReset(scan->list_context);
	}
}

void
scan_load_blocks(PyroScan *scan)
{
	MemoryContext before;
	int64		id;
	ItemPointerData first,
				last;

	if (scan->blocks != NULL)
		return;
	if (scan->list_context == NULL)
		scan->list_context = AllocSetContextCreate(scan->context, "pyro scan",
												   ALLOCSET_SMALL_SIZES);
	before = MemoryContextSwitchTo(scan->list_context);
	id = storage_id(scan->base.rs_rd, scan->base.rs_snapshot);
	scan->blocks = directory_read(id, scan->base.rs_snapshot);
	set_block_row_tid(&first, 0, 0);
	set_block_row_tid(&last, MAX_VPAGES - 1, BLOCK_PAGE_ROWS - 1);

	/*
	 * Rows of the head, too, may have been moved and then marked in blocks
	 * that this snapshot does not see.  The lock comes before marks are read:
	 * who marks rows later will find it.
	 */
	if (id != NO_STORAGE)
		PredicateLockRelation(scan->base.rs_rd, scan->base.rs_snapshot);
	block_rows_check_conflicts(scan->base.rs_rd, id, &first, &last, scan->base.rs_snapshot);
	if (scan->blocks->count > 0)
	{
		scan->marks = marks_read(id, &first, &last, scan->base.rs_snapshot);
	}
	MemoryContextSwitchTo(scan->context);
	if (scan->pin == NULL)
		scan->pin = block_pin_create();
	if (scan->wanted != NULL)
		scan->pin->counters = &scan->wanted->decoded;
	MemoryContextSwitchTo(before);
}

/* ---- the blocks ---- */

int
scan_take_block(PyroScan *scan)
{
	if (scan->base.rs_parallel != NULL)
	{
		ParallelPyroScan *shared = (ParallelPyroScan *) scan->base.rs_parallel;

		scan->block = (int) pg_atomic_fetch_add_u32(&shared->next_block, 1);
	}
	else
		scan->block++;
	return scan->block;
}

/* Go to the next block of this process; false if there is none. */
static bool
next_block(PyroScan *scan, ScanDirection direction)
{
	if (scan->base.rs_parallel != NULL)
		scan_take_block(scan);
	else
		scan->block += ScanDirectionIsForward(direction) ? 1 : -1;
	if (scan->block < 0 || scan->block >= scan->blocks->count)
		return false;
	scan->row = ScanDirectionIsForward(direction) ? -1 : scan->blocks->entries[scan->block]->rows;
	return true;
}

/* Stand before the first block, or after the last one. */
static void
enter_blocks(PyroScan *scan, ScanDirection direction)
{
	scan_load_blocks(scan);
	if (ScanDirectionIsForward(direction))
	{
		scan->block = 0;
		scan->row = -1;
	}
	else
	{
		scan->block = scan->blocks->count - 1;
		scan->row = scan->block < 0 ? 0 : scan->blocks->entries[scan->block]->rows;
	}
	if (scan->base.rs_parallel != NULL)
		next_block(scan, direction);
}

static bool
satisfies_keys(PyroScan *scan, TupleTableSlot *slot)
{
	for (int i = 0; i < scan->base.rs_nkeys; i++)
	{
		ScanKey		key = &scan->base.rs_key[i];
		bool		isnull;
		Datum		value;

		if (key->sk_flags & SK_ISNULL)
			return false;
		value = slot_getattr(slot, key->sk_attno, &isnull);
		if (isnull || !DatumGetBool(FunctionCall2Coll(&key->sk_func, key->sk_collation,
													  value, key->sk_argument)))
			return false;
	}
	return true;
}

/* May a block, to which the scan has come, have rows of it? */
static bool
has_wanted(PyroScan *scan, const BlockEntry *entry)
{
	ItemPointerData first,
				last;
	BlockScan  *wanted = scan->wanted;

	if (wanted != NULL)
	{
		bool		may = wanted->may_have == NULL || wanted->may_have(wanted->arg, entry);

		if (may)
			wanted->blocks_read++;
		else
			wanted->blocks_skipped++;
		return may;
	}
	if (!scan->by_tid_range)
		return true;
	set_block_row_tid(&first, entry->first_vpage, 0);
	set_block_row_tid(&last, entry->first_vpage, entry->rows - 1);
	return ItemPointerCompare(&last, &scan->min_tid) >= 0 &&
		ItemPointerCompare(&first, &scan->max_tid) <= 0;
}

/* Is the row one of the scan's? */
static bool
is_wanted(PyroScan *scan, const ItemPointerData *tid)
{
	if (scan->by_tid_range &&
		(ItemPointerCompare((ItemPointer) tid, &scan->min_tid) < 0 ||
		 ItemPointerCompare((ItemPointer) tid, &scan->max_tid) > 0))
		return false;
	return scan->marks->count == 0 || marks_find(scan->marks, tid) == NULL;
}

/*
 * Store the row on which the scan is; false, with the scan on the last of the
 * rows that may be skipped with it, if it is not wanted.
 */
static bool
store_block_row(PyroScan *scan, const BlockEntry *entry, ScanDirection direction,
				TupleTableSlot *slot)
{
	BlockScan  *wanted = scan->wanted;
	RowRange	range;

	block_pin_set(scan->pin, entry);
	if (wanted == NULL)
	{
		block_row_store(scan->pin, scan->base.rs_rd, entry, scan->row, slot);
		return scan->base.rs_nkeys == 0 || satisfies_keys(scan, slot);
	}
	if (wanted->may_be_wanted != NULL &&
		!wanted->may_be_wanted(wanted->arg, scan->pin, entry, scan->row, &range))
	{
		scan->row = ScanDirectionIsForward(direction) ? range.last : range.first;
		return false;
	}
	block_row_store_columns(scan->pin, scan->base.rs_rd, entry, scan->row, wanted->columns,
							wanted->slot);
	return true;
}

static bool
next_block_row(PyroScan *scan, ScanDirection direction, TupleTableSlot *slot)
{
	int			step = ScanDirectionIsForward(direction) ? 1 : -1;

	for (;;)
	{
		BlockEntry *entry;
		ItemPointerData tid;

		CHECK_FOR_INTERRUPTS();
		if (scan->block < 0 || scan->block >= scan->blocks->count)
			return false;
		entry = scan->blocks->entries[scan->block];
		if ((scan->row < 0 || scan->row >= entry->rows) && !has_wanted(scan, entry))
		{
			next_block(scan, direction);
			continue;
		}
		scan->row += step;
		if (scan->row < 0 || scan->row >= entry->rows)
		{
			next_block(scan, direction);
			continue;
		}
		set_block_row_tid(&tid, entry->first_vpage, scan->row);
		if (!is_wanted(scan, &tid) || !store_block_row(scan, entry, direction, slot))
			continue;
		pgstat_count_heap_getnext(scan->base.rs_rd);
		return true;
	}
}

/* ---- both parts ---- */

static bool
next_head_row(PyroScan *scan, ScanDirection direction, TupleTableSlot *slot)
{
	do
	{
		if (scan->by_tid_range ?
			!heap_getnextslot_tidrange(scan->head, direction, slot) :
			!heap_getnextslot(scan->head, direction, slot))
			return false;
	} while (redirect_hides(scan->base.rs_rd, &slot->tts_tid, scan->base.rs_snapshot));
	return true;
}

static bool
next_row(PyroScan *scan, ScanDirection direction, TupleTableSlot *slot)
{
	bool		forward = ScanDirectionIsForward(direction);

	if (!scan->started)
	{
		scan->started = true;
		scan->part = forward ? SCAN_BEFORE : SCAN_AFTER;
	}
	for (;;)
	{
		if (scan->part == SCAN_FIRST || scan->part == SCAN_SECOND)
		{
			bool		blocks = (scan->part == SCAN_FIRST) == scan->blocks_first;

			if (blocks ? next_block_row(scan, direction, slot) :
				next_head_row(scan, direction, slot))
				return true;
			/* others may read for long before this scan ends */
			if (blocks)
				block_pin_release(scan->pin);
		}
		if (scan->part == (forward ? SCAN_AFTER : SCAN_BEFORE))
			break;
		scan->part += forward ? 1 : -1;
		if (scan->part == (scan->blocks_first ? SCAN_FIRST : SCAN_SECOND))
			enter_blocks(scan, direction);
	}
	ExecClearTuple(slot);
	return false;
}

bool
pyro_scan_getnextslot(TableScanDesc base, ScanDirection direction, TupleTableSlot *slot)
{
	return next_row((PyroScan *) base, direction, slot);
}

void
pyro_scan_set_tidrange(TableScanDesc base, ItemPointer min_tid, ItemPointer max_tid)
{
	PyroScan   *scan = (PyroScan *) base;

	scan->by_tid_range = true;
	scan->min_tid = *min_tid;
	scan->max_tid = *max_tid;
	heap_routine()->scan_set_tidrange(scan->head, min_tid, max_tid);
}

bool
pyro_scan_getnextslot_tidrange(TableScanDesc base, ScanDirection direction, TupleTableSlot *slot)
{
	return next_row((PyroScan *) base, direction, slot);
}

/* ---- scans that know what they want ---- */

void
block_scan_attach(TableScanDesc base, BlockScan *block_scan)
{
	PyroScan   *scan = (PyroScan *) base;

	Assert(!scan->started && scan->base.rs_nkeys == 0);
	scan->wanted = block_scan;
}

TupleTableSlot *
block_scan_next(TableScanDesc base, ScanDirection direction, TupleTableSlot *head_slot)
{
	PyroScan   *scan = (PyroScan *) base;
	TupleTableSlot *block_slot = scan->wanted->slot;
	bool		found = next_row(scan, direction, head_slot);

	if (found && (scan->part == SCAN_FIRST) == scan->blocks_first)
	{
		if (!TTS_EMPTY(head_slot))
			ExecClearTuple(head_slot);
		return block_slot;
	}
	if (!TTS_EMPTY(block_slot))
		ExecClearTuple(block_slot);
	return found ? head_slot : NULL;
}

/* ---- parallel scans ---- */

Size
pyro_parallelscan_estimate(Relation rel)
{
	return sizeof(ParallelPyroScan);
}

Size
pyro_parallelscan_initialize(Relation rel, ParallelTableScanDesc parallel)
{
	ParallelPyroScan *shared = (ParallelPyroScan *) parallel;

	table_block_parallelscan_initialize(rel, parallel);
	pg_atomic_init_u32(&shared->next_block, 0);
	return sizeof(ParallelPyroScan);
}

void
pyro_parallelscan_reinitialize(Relation rel, ParallelTableScanDesc parallel)
{
	ParallelPyroScan *shared = (ParallelPyroScan *) parallel;

	table_block_parallelscan_reinitialize(rel, parallel);
	pg_atomic_write_u32(&shared->next_block, 0);
}
