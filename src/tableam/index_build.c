/*
 * index_build.c
 *	  Building indexes over head and blocks.
 *
 * Heap's own build cannot be lent: it wants the relation to look like heap for
 * its whole duration, while index expressions and predicates may rebuild the
 * relation's cache entry at any row.  So this goes over the rows of the head
 * as heapam_handler.c does, and then over those of the blocks.
 *
 * Compaction is kept out by the locks of all kinds of builds.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_am_d.h"
#include "commands/progress.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"

#include "compat.h"
#include "tableam/block_tid.h"
#include "tableam/callbacks.h"
#include "tableam/heap_forward.h"
#include "tableam/index_entries.h"
#include "tableam/scan.h"
#include "tableam/storage.h"

/* What is to be done with a row. */
typedef enum RowFate
{
	ROW_SKIP,
	ROW_INDEX_DEAD,				/* for older snapshots, and not unique */
	ROW_INDEX,
	ROW_WAIT					/* for the transaction that is at it */
} RowFate;

typedef struct IndexBuild
{
	Relation	rel;
	Relation	index;
	struct IndexInfo *info;
	PyroScan   *scan;
	HeapScanDesc head;
	bool		any_visible;
	bool		progress;

	/* whose rows nobody needs; invalid if an MVCC snapshot tells */
	TransactionId oldest_xmin;

	/* evaluation */
	EState	   *estate;
	ExprContext *econtext;
	ExprState  *predicate;
	TupleTableSlot *head_slot;
	TupleTableSlot *block_slot;
	Bitmapset  *columns;		/* those that are read */

	/* where chains of heap-only tuples begin on the current page */
	BlockNumber root_page;
	OffsetNumber root_offsets[MaxHeapTuplesPerPage];

	/* the blocks */
	int64		storage_id;
	BlockList  *blocks;
	MarkSet    *marks;
	BlockPin   *pin;
	int64		vpages;

	/* results */
	IndexBuildCallback callback;
	void	   *callback_state;
	double		rows;
} IndexBuild;

static bool
uses_mvcc(const IndexBuild *build)
{
	return !TransactionIdIsValid(build->oldest_xmin);
}

/* ---- begin and end ---- */

/*
 * BRIN summarizes all ranges of pages up to the last one, so to speak all
 * virtual pages that there could be.
 */
static void
refuse_brin(Relation rel, Relation index)
{
	if (index->rd_rel->relam == BRIN_AM_OID)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("access method \"brin\" does not support table \"%s\"",
						RelationGetRelationName(rel)),
				 errdetail("The table uses access method \"pyro\"."),
				 errhint("Blocks have the smallest and largest values of their columns themselves.")));
}

/* Read the directory: blocks that are live now, or to the scan's snapshot. */
static void
load_blocks(IndexBuild *build)
{
	if (uses_mvcc(build))
	{
		scan_load_blocks(build->scan);
		build->blocks = build->scan->blocks;
		build->marks = build->scan->marks;
	}
	else
	{
		build->storage_id = storage_id(build->rel, NULL);
		build->blocks = directory_read(build->storage_id, NULL);
		if (build->blocks->count > 0)
			build->marks = marks_read_all(build->storage_id, NULL);
	}
	build->pin = block_pin_create();
	for (int i = 0; i < build->blocks->count; i++)
		build->vpages += block_vpages(build->blocks->entries[i]->rows);
}

static void
begin_build(IndexBuild *build, Relation rel, Relation index, struct IndexInfo *info,
			TableScanDesc scan)
{
	build->rel = rel;
	build->index = index;
	build->info = info;
	build->scan = (PyroScan *) scan;
	build->head = (HeapScanDesc) build->scan->head;
	build->root_page = InvalidBlockNumber;
	build->estate = CreateExecutorState();
	build->econtext = GetPerTupleExprContext(build->estate);
	build->predicate = ExecPrepareQual(info->ii_Predicate, build->estate);
	build->head_slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsBufferHeapTuple);
	build->block_slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsVirtual);
	build->columns = index_columns(&info, 1);
	load_blocks(build);
}

static void
end_build(IndexBuild *build)
{
	block_pin_release(build->pin);
	ExecDropSingleTupleTableSlot(build->head_slot);
	ExecDropSingleTupleTableSlot(build->block_slot);
	FreeExecutorState(build->estate);
	/* these may have been of the estate that is gone */
	build->info->ii_ExpressionsState = NIL;
	build->info->ii_PredicateState = NULL;
	table_endscan(&build->scan->base);
}

/* ---- progress ---- */

static BlockNumber
head_pages(const IndexBuild *build)
{
	return build->head->rs_base.rs_parallel != NULL ?
		((ParallelBlockTableScanDesc) build->head->rs_base.rs_parallel)->phs_nblocks :
		build->head->rs_nblocks;
}

/* Pages of the head that were read, which need not begin with the first. */
static BlockNumber
head_pages_done(const IndexBuild *build)
{
	BlockNumber start = build->head->rs_base.rs_parallel != NULL ?
	((ParallelBlockTableScanDesc) build->head->rs_base.rs_parallel)->phs_startblock :
	build->head->rs_startblock;

	return build->head->rs_cblock >= start ? build->head->rs_cblock - start :
		head_pages(build) - start + build->head->rs_cblock;
}

static void
report_total(const IndexBuild *build)
{
	if (build->progress)
		pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL,
									 head_pages(build) + build->vpages);
}

static void
report_done(const IndexBuild *build, int64 pages)
{
	if (build->progress)
		pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, pages);
}

/* ---- rows ---- */

/* Compute a row's index entry; false if it has none. */
static bool
form_entry(IndexBuild *build, TupleTableSlot *slot, Datum *values, bool *nulls)
{
	MemoryContext before;

	MemoryContextReset(build->econtext->ecxt_per_tuple_memory);
	if (slot == build->block_slot)
	{
		before = MemoryContextSwitchTo(build->econtext->ecxt_per_tuple_memory);
		block_row_detach(slot);
		MemoryContextSwitchTo(before);
	}
	build->econtext->ecxt_scantuple = slot;
	if (build->predicate != NULL && !ExecQual(build->predicate, build->econtext))
		return false;
	FormIndexDatum(build->info, slot, build->estate, values, nulls);
	return true;
}

static void
add_row(IndexBuild *build, TupleTableSlot *slot, ItemPointer tid, bool is_alive)
{
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];

	if (form_entry(build, slot, values, nulls))
		build->callback(build->index, tid, values, nulls, is_alive, build->callback_state);
}

/* ---- the head ---- */

static void
find_roots(IndexBuild *build)
{
	LockBuffer(build->head->rs_cbuf, BUFFER_LOCK_SHARE);
	heap_get_root_tuples(BufferGetPage(build->head->rs_cbuf), build->root_offsets);
	LockBuffer(build->head->rs_cbuf, BUFFER_LOCK_UNLOCK);
	build->root_page = build->head->rs_cblock;
}

/* The TID under which a row of the head is indexed: its chain's first one. */
static ItemPointerData
root_tid(IndexBuild *build, HeapTuple tuple)
{
	ItemPointerData tid = tuple->t_self;
	OffsetNumber offset = ItemPointerGetOffsetNumber(&tid);

	if (!HeapTupleIsHeapOnly(tuple))
		return tid;
	/* a chain may have begun since, if others may write */
	if (!OffsetNumberIsValid(build->root_offsets[offset - 1]))
		find_roots(build);
	if (!OffsetNumberIsValid(build->root_offsets[offset - 1]))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg_internal("failed to find parent tuple for heap-only tuple at (%u,%u) in table \"%s\"",
								 ItemPointerGetBlockNumber(&tid), offset,
								 RelationGetRelationName(build->rel))));
	ItemPointerSetOffsetNumber(&tid, build->root_offsets[offset - 1]);
	return tid;
}

/*
 * A row that somebody else is inserting or deleting, which the lock on the
 * table should prevent.
 */
static RowFate
contended_row_fate(IndexBuild *build, const char *action, bool must_know, RowFate otherwise)
{
	elog(WARNING, "concurrent %s in progress within table \"%s\"", action,
		 RelationGetRelationName(build->rel));
	return must_know || build->info->ii_Unique || build->info->ii_ExclusionOps != NULL ?
		ROW_WAIT : otherwise;
}

/*
 * What to do with a row of the head in a build that sees all of them; the
 * same as heapam_index_build_range_scan, where the reasons are.
 *
 * *xid is whom to wait for.  Live rows are counted as ANALYZE does.
 */
static RowFate
head_row_fate(IndexBuild *build, HeapTuple tuple, TransactionId *xid)
{
	bool		hot_updated = HeapTupleIsHotUpdated(tuple);
	bool		never_seen = false;
	HTSV_Result state;

	LockBuffer(build->head->rs_cbuf, BUFFER_LOCK_SHARE);
	state = HeapTupleSatisfiesVacuum(tuple, build->oldest_xmin, build->head->rs_cbuf);
	if (state == HEAPTUPLE_INSERT_IN_PROGRESS)
		*xid = HeapTupleHeaderGetXmin(tuple->t_data);
	else if (state == HEAPTUPLE_DELETE_IN_PROGRESS || state == HEAPTUPLE_RECENTLY_DEAD)
	{
		*xid = HeapTupleHeaderGetUpdateXid(tuple->t_data);
		never_seen = !hot_updated && *xid == HeapTupleHeaderGetXmin(tuple->t_data);
	}
	LockBuffer(build->head->rs_cbuf, BUFFER_LOCK_UNLOCK);

	switch (state)
	{
		case HEAPTUPLE_DEAD:
			return ROW_SKIP;
		case HEAPTUPLE_LIVE:
			build->rows++;
			return ROW_INDEX;
		case HEAPTUPLE_INSERT_IN_PROGRESS:
			if (!build->any_visible && !TransactionIdIsCurrentTransactionId(*xid))
				return contended_row_fate(build, "insert", false, ROW_INDEX);
			build->rows++;
			return ROW_INDEX;
		case HEAPTUPLE_DELETE_IN_PROGRESS:
			if (build->any_visible || !TransactionIdIsCurrentTransactionId(*xid))
			{
				RowFate		fate = build->any_visible ? ROW_INDEX_DEAD :
				contended_row_fate(build, "delete", hot_updated, ROW_INDEX_DEAD);

				if (fate == ROW_INDEX_DEAD)
					build->rows++;
				return fate;
			}
			/* FALLTHROUGH */
		case HEAPTUPLE_RECENTLY_DEAD:
			/* as the rows are that only tell logical decoding of a delete */
			if (never_seen)
				return ROW_SKIP;
			if (!hot_updated)
				return ROW_INDEX_DEAD;
			/* its chain is indexed by its live row: wrong for old snapshots */
			build->info->ii_BrokenHotChain = true;
			return ROW_SKIP;
	}
	elog(ERROR, "unexpected HeapTupleSatisfiesVacuum result");
}

static void
add_head_row(IndexBuild *build, HeapTuple tuple)
{
	RowFate		fate = ROW_INDEX;
	ItemPointerData tid;

	if (uses_mvcc(build))
		build->rows++;
	else
	{
		TransactionId xid = InvalidTransactionId;

		while ((fate = head_row_fate(build, tuple, &xid)) == ROW_WAIT)
		{
			XactLockTableWait(xid, build->rel, &tuple->t_self, XLTW_InsertIndexUnique);
			CHECK_FOR_INTERRUPTS();
		}
	}
	if (fate == ROW_SKIP)
		return;
	tid = root_tid(build, tuple);
	add_row(build, build->head_slot, &tid, fate == ROW_INDEX);
}

/* The next row of the head, in its slot; NULL after the last. */
static HeapTuple
next_head_row(IndexBuild *build)
{
	CHECK_FOR_INTERRUPTS();
	if (!heap_getnextslot(&build->head->rs_base, ForwardScanDirection, build->head_slot))
		return NULL;
	if (build->head->rs_cblock != build->root_page)
	{
		report_done(build, head_pages_done(build));
		find_roots(build);
	}
	return ((BufferHeapTupleTableSlot *) build->head_slot)->base.tuple;
}

static void
build_head(IndexBuild *build)
{
	HeapTuple	tuple;

	while ((tuple = next_head_row(build)) != NULL)
		add_head_row(build, tuple);
	report_done(build, head_pages(build));
}

/* ---- the blocks ---- */

/*
 * A marked row is indexed for snapshots that are older than its mark.
 */
static RowFate
block_row_fate(IndexBuild *build, const ItemPointerData *tid)
{
	const Mark *mark = marks_find(build->marks, tid);

	if (mark == NULL)
		return ROW_INDEX;
	if (uses_mvcc(build) || !TransactionIdIsNormal(mark->xmin) ||
		TransactionIdPrecedes(mark->xmin, build->oldest_xmin))
		return ROW_SKIP;
	return ROW_INDEX_DEAD;
}

static void
build_block(IndexBuild *build, const BlockEntry *entry, bool is_live)
{
	block_pin_set(build->pin, entry);
	for (int row = 0; row < entry->rows; row++)
	{
		RowFate		fate = ROW_INDEX_DEAD;
		ItemPointerData tid;

		CHECK_FOR_INTERRUPTS();
		set_block_row_tid(&tid, entry->first_vpage, row);
		if (is_live)
			fate = block_row_fate(build, &tid);
		if (fate == ROW_SKIP)
			continue;
		if (fate == ROW_INDEX)
			build->rows++;
		block_row_store_columns(build->pin, build->rel, entry, row, build->columns,
								build->block_slot);
		add_row(build, build->block_slot, &tid, fate == ROW_INDEX);
	}
}

static bool
is_live_block(const IndexBuild *build, int64 first_vpage)
{
	for (int i = 0; i < build->blocks->count; i++)
		if (build->blocks->entries[i]->first_vpage == first_vpage)
			return true;
	return false;
}

/*
 * Index blocks that were dropped or merged, but not for all snapshots: they are
 * as rows of heap that died recently.
 *
 * One whose payload was moved before is in the directory once more for each
 * time, and its rows are to be indexed once; the list has its entries together.
 */
static void
build_dead_blocks(IndexBuild *build)
{
	SnapshotData snapshot;
	BlockList  *list;
	int64		previous = -1;

	InitNonVacuumableSnapshot(snapshot, GlobalVisTestFor(build->rel));
	list = directory_read(build->storage_id, &snapshot);
	for (int i = 0; i < list->count; i++)
	{
		int64		first_vpage = list->entries[i]->first_vpage;
		BlockEntry *entry;

		/* live if only its payload was moved */
		if (first_vpage == previous || is_live_block(build, first_vpage))
			continue;
		previous = first_vpage;
		/* it may have died for all meanwhile, and its payload with it */
		entry = directory_find(build->storage_id, first_vpage, &snapshot);
		if (entry != NULL)
			build_block(build, entry, false);
	}
}

/* In a parallel build each process takes some of them. */
static void
build_blocks(IndexBuild *build)
{
	int			next = scan_take_block(build->scan);

	if (next == 0 && !uses_mvcc(build))
		build_dead_blocks(build);
	for (; next < build->blocks->count; next = scan_take_block(build->scan))
	{
		build_block(build, build->blocks->entries[next], true);
		report_done(build, head_pages(build) +
					build->vpages * (next + 1) / build->blocks->count);
	}
	report_done(build, head_pages(build) + build->vpages);
}

double
pyro_index_build_range_scan(Relation rel, Relation index, struct IndexInfo *info, bool allow_sync,
							bool any_visible, bool progress, BlockNumber start_page,
							BlockNumber page_count, IndexBuildCallback callback,
							void *callback_state, TableScanDesc scan)
{
	IndexBuild	build = {0};
	Snapshot	registered = NULL;

	refuse_brin(rel, index);
	if (!IsBootstrapProcessingMode() && !info->ii_Concurrent)
		build.oldest_xmin = GetOldestNonRemovableTransactionId(rel);
	if (scan == NULL)
	{
		if (uses_mvcc(&build))
			registered = RegisterSnapshot(GetTransactionSnapshot());
		scan = table_beginscan_strat(rel, registered ? registered : SnapshotAny, 0, NULL, true,
									 allow_sync);
	}
	build.callback = callback;
	build.callback_state = callback_state;
	build.any_visible = any_visible;
	build.progress = progress;
	begin_build(&build, rel, index, info, scan);
	if (!allow_sync)
		heap_setscanlimits(&build.head->rs_base, start_page, page_count);

	report_total(&build);
	build_head(&build);
	if (page_count == InvalidBlockNumber)
		build_blocks(&build);

	end_build(&build);
	if (registered)
		UnregisterSnapshot(registered);
	return build.rows;
}

/* ---- the second scan of a concurrent build ---- */

/* The TIDs that the index has, in order, beside the rows that it should have. */
typedef struct IndexedTids
{
	Tuplesortstate *sort;
	bool		at_end;
	ItemPointerData tid;		/* the current one, if valid */

	/*
	 * Heap-only rows do not come in the order of their chains' first ones:
	 * what was passed on the current page of the head
	 */
	BlockNumber page;
	bool		passed[MaxHeapTuplesPerPage];
} IndexedTids;

static void
advance_tids(IndexedTids *tids)
{
	Datum		value;
	bool		isnull;

	if (ItemPointerIsValid(&tids->tid) && ItemPointerGetBlockNumber(&tids->tid) == tids->page)
		tids->passed[ItemPointerGetOffsetNumber(&tids->tid) - 1] = true;
	tids->at_end = !COMPAT_TUPLESORT_GETDATUM(tids->sort, &value, &isnull);
	if (!tids->at_end)
		itemptr_decode(&tids->tid, DatumGetInt64(value));
}

/* Does the index have it?  Pages must be asked in ascending order. */
static bool
is_indexed(IndexedTids *tids, const ItemPointerData *tid)
{
	if (tid_is_block_row(tid))
		tids->page = InvalidBlockNumber;
	else if (ItemPointerGetBlockNumber(tid) != tids->page)
	{
		memset(tids->passed, 0, sizeof(tids->passed));
		tids->page = ItemPointerGetBlockNumber(tid);
	}
	while (!tids->at_end &&
		   (!ItemPointerIsValid(&tids->tid) ||
			ItemPointerCompare(&tids->tid, (ItemPointer) tid) < 0))
		advance_tids(tids);
	if (!tids->at_end && ItemPointerEquals(&tids->tid, (ItemPointer) tid))
		return true;
	return BlockNumberIsValid(tids->page) && tids->passed[ItemPointerGetOffsetNumber(tid) - 1];
}

static void
insert_missing(IndexBuild *build, TupleTableSlot *slot, ItemPointer tid,
			   struct ValidateIndexState *state)
{
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];

	if (!form_entry(build, slot, values, nulls))
		return;
	index_insert(build->index, values, nulls, tid, build->rel,
				 build->info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false,
				 build->info);
	state->tups_inserted += 1;
}

static void
validate_head(IndexBuild *build, IndexedTids *tids, struct ValidateIndexState *state)
{
	HeapTuple	tuple;

	while ((tuple = next_head_row(build)) != NULL)
	{
		ItemPointerData tid = root_tid(build, tuple);

		state->htups += 1;
		if (!is_indexed(tids, &tid))
			insert_missing(build, build->head_slot, &tid, state);
	}
	report_done(build, head_pages(build));
}

static void
validate_block(IndexBuild *build, const BlockEntry *entry, IndexedTids *tids,
			   struct ValidateIndexState *state)
{
	block_pin_set(build->pin, entry);
	for (int row = 0; row < entry->rows; row++)
	{
		ItemPointerData tid;

		CHECK_FOR_INTERRUPTS();
		set_block_row_tid(&tid, entry->first_vpage, row);
		if (block_row_fate(build, &tid) == ROW_SKIP)
			continue;
		state->htups += 1;
		if (is_indexed(tids, &tid))
			continue;
		block_row_store_columns(build->pin, build->rel, entry, row, build->columns,
								build->block_slot);
		insert_missing(build, build->block_slot, &tid, state);
	}
}

void
pyro_index_validate_scan(Relation rel, Relation index, struct IndexInfo *info, Snapshot snapshot,
						 struct ValidateIndexState *state)
{
	IndexBuild	build = {0};
	IndexedTids tids = {0};
	int64		vpages = 0;

	tids.sort = state->tuplesort;
	tids.page = InvalidBlockNumber;
	ItemPointerSetInvalid(&tids.tid);
	build.progress = true;
	begin_build(&build, rel, index, info,
				table_beginscan_strat(rel, snapshot, 0, NULL, true, false));

	/* in the order of TIDs: pages of the head come first */
	report_total(&build);
	validate_head(&build, &tids, state);
	for (int i = 0; i < build.blocks->count; i++)
	{
		validate_block(&build, build.blocks->entries[i], &tids, state);
		vpages += block_vpages(build.blocks->entries[i]->rows);
		report_done(&build, head_pages(&build) + vpages);
	}
	end_build(&build);
}
