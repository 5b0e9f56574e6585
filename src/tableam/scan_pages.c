/*
 * scan_pages.c
 *	  Scans that take the table page by page: of bitmaps and of samples.
 *
 * Pages of the head are read here in the same way for all versions, as heap
 * does it; a virtual page is a stretch of a block's rows.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/relscan.h"
#include "access/tsmapi.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/tidbitmap.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/memutils.h"

#include "compat.h"
#include "tableam/block_tid.h"
#include "tableam/callbacks.h"
#include "tableam/heap_forward.h"
#include "tableam/redirect.h"
#include "tableam/scan_pages.h"

/* The rows of one page that the scan is to return. */
typedef struct PageScan
{
	bool		loaded;			/* is there a page at all? */
	BlockNumber page;			/* virtual ones from FIRST_VIRTUAL_PAGE */
	int			count;			/* of its visible rows */
	int			next;
	OffsetNumber max_offset;	/* of any row, visible or not */
	OffsetNumber visible[MaxHeapTuplesPerPage];

	/* a page of the head */
	Buffer		buffer;			/* pinned, or invalid */
	HeapTupleData tuple;

	/* a virtual page */
	BlockEntry *entry;

	/* samples: pages have numbers of their own */
	BlockNumber next_number;	/* if the method does not choose */
	int64	   *first_numbers;	/* of each block, and then of the head */
} PageScan;

static PageScan *
page_scan(PyroScan *scan)
{
	if (scan->pages == NULL)
	{
		scan->pages = MemoryContextAllocZero(scan->context, sizeof(PageScan));
		scan->pages->buffer = InvalidBuffer;
	}
	return scan->pages;
}

static void
release_page(PageScan *pages)
{
	if (BufferIsValid(pages->buffer))
		ReleaseBuffer(pages->buffer);
	pages->buffer = InvalidBuffer;
	pages->loaded = false;
	pages->entry = NULL;
	pages->count = 0;
	pages->next = 0;
	pages->max_offset = InvalidOffsetNumber;
}

void
scan_pages_reset(PyroScan *scan)
{
	if (scan->pages == NULL)
		return;
	release_page(scan->pages);
	scan->pages->next_number = 0;
	/* a scan that is not MVCC reads the directory anew */
	if (scan->pages->first_numbers)
		pfree(scan->pages->first_numbers);
	scan->pages->first_numbers = NULL;
}

void
scan_pages_end(PyroScan *scan)
{
	scan_pages_reset(scan);
}

/* ---- pages of the head ---- */

/* Take the rows at some offsets, or what has become of them in their chains. */
static void
take_chains(PyroScan *scan, PageScan *pages, const OffsetNumber *offsets, int count)
{
	for (int i = 0; i < count; i++)
	{
		ItemPointerData tid;
		HeapTupleData tuple;

		ItemPointerSet(&tid, pages->page, offsets[i]);
		if (heap_hot_search_buffer(&tid, scan->base.rs_rd, pages->buffer,
								   scan->base.rs_snapshot, &tuple, NULL, true))
			pages->visible[pages->count++] = ItemPointerGetOffsetNumber(&tid);
	}
}

/* Take all rows of the page; chains come by themselves. */
static void
take_all(PyroScan *scan, PageScan *pages)
{
	Relation	rel = scan->base.rs_rd;
	Snapshot	snapshot = scan->base.rs_snapshot;
	Page		page = BufferGetPage(pages->buffer);

	for (OffsetNumber offset = FirstOffsetNumber; offset <= pages->max_offset; offset++)
	{
		ItemId		item = PageGetItemId(page, offset);
		HeapTupleData tuple;
		bool		visible;

		if (!ItemIdIsNormal(item))
			continue;
		tuple.t_data = (HeapTupleHeader) PageGetItem(page, item);
		tuple.t_len = ItemIdGetLength(item);
		tuple.t_tableOid = RelationGetRelid(rel);
		ItemPointerSet(&tuple.t_self, pages->page, offset);
		visible = HeapTupleSatisfiesVisibility(&tuple, snapshot, pages->buffer);
		if (visible)
		{
			pages->visible[pages->count++] = offset;
			PredicateLockTID(rel, &tuple.t_self, snapshot, HeapTupleHeaderGetXmin(tuple.t_data));
		}
		HeapCheckForSerializableConflictOut(visible, rel, &tuple, pages->buffer, snapshot);
	}
}

/*
 * Load the visible rows of a page of the head: those at the offsets, or all if
 * the count is negative.
 *
 * What was found visible stays good as long as the page is pinned.
 */
static void
load_head_page(PyroScan *scan, BlockNumber page, const OffsetNumber *offsets, int count)
{
	PageScan   *pages = scan->pages;
	Relation	rel = scan->base.rs_rd;

	/*
	 * The table may have grown since the scan began.  Serializable
	 * transactions must look at those rows too, since they conflict.
	 */
	if (!IsolationIsSerializable() && page >= ((HeapScanDesc) scan->head)->rs_nblocks)
		return;
	pages->buffer = ReadBufferExtended(rel, MAIN_FORKNUM, page, RBM_NORMAL,
									   ((HeapScanDesc) scan->head)->rs_strategy);
	pages->page = page;
	heap_page_prune_opt(rel, pages->buffer);

	LockBuffer(pages->buffer, BUFFER_LOCK_SHARE);
	pages->max_offset = PageGetMaxOffsetNumber(BufferGetPage(pages->buffer));
	if (count >= 0)
		take_chains(scan, pages, offsets, count);
	else
		take_all(scan, pages);
	LockBuffer(pages->buffer, BUFFER_LOCK_UNLOCK);
	pages->loaded = true;
}

/* Store the row at an offset; false if it is hidden from this transaction. */
static bool
store_head_row(PyroScan *scan, OffsetNumber offset, TupleTableSlot *slot)
{
	PageScan   *pages = scan->pages;
	Page		page = BufferGetPage(pages->buffer);
	ItemId		item = PageGetItemId(page, offset);

	ItemPointerSet(&pages->tuple.t_self, pages->page, offset);
	if (redirect_hides(scan->base.rs_rd, &pages->tuple.t_self, scan->base.rs_snapshot))
		return false;
	pages->tuple.t_data = (HeapTupleHeader) PageGetItem(page, item);
	pages->tuple.t_len = ItemIdGetLength(item);
	pages->tuple.t_tableOid = RelationGetRelid(scan->base.rs_rd);
	ExecStoreBufferHeapTuple(&pages->tuple, slot, pages->buffer);
	return true;
}

/* ---- virtual pages ---- */

/*
 * The same for a virtual page: rows without a mark.
 *
 * The predicate lock on the whole table was taken with the directory.
 */
static void
load_virtual_page(PyroScan *scan, BlockNumber page, const OffsetNumber *offsets, int count)
{
	PageScan   *pages = scan->pages;
	int64		vpage = (int64) page - FIRST_VIRTUAL_PAGE;
	int			first_row;
	bool		all = count < 0;

	scan_load_blocks(scan);
	pages->entry = directory_list_find(scan->blocks, vpage);
	if (pages->entry == NULL)
		return;
	pages->page = page;
	first_row = (int) (vpage - pages->entry->first_vpage) * BLOCK_PAGE_ROWS;
	pages->max_offset = Min(BLOCK_PAGE_ROWS, pages->entry->rows - first_row);
	if (all)
		count = pages->max_offset;
	for (int i = 0; i < count; i++)
	{
		OffsetNumber offset = all ? FirstOffsetNumber + i : offsets[i];
		ItemPointerData tid;

		if (offset < FirstOffsetNumber || offset > pages->max_offset)
			continue;
		ItemPointerSet(&tid, page, offset);
		if (marks_find(scan->marks, &tid) == NULL)
			pages->visible[pages->count++] = offset;
	}
	pages->loaded = true;
}

static void
store_block_row(PyroScan *scan, OffsetNumber offset, TupleTableSlot *slot)
{
	PageScan   *pages = scan->pages;
	ItemPointerData tid;

	ItemPointerSet(&tid, pages->page, offset);
	block_pin_set(scan->pin, pages->entry);
	block_row_store(scan->pin, scan->base.rs_rd, pages->entry,
					tid_block_row(&tid, pages->entry->first_vpage), slot);
}

/* ---- either ---- */

static void
load_page(PyroScan *scan, BlockNumber page, const OffsetNumber *offsets, int count)
{
	PageScan   *pages = page_scan(scan);

	release_page(pages);
	if (page >= FIRST_VIRTUAL_PAGE)
		load_virtual_page(scan, page, offsets, count);
	else
		load_head_page(scan, page, offsets, count);
}

static bool
store_row(PyroScan *scan, OffsetNumber offset, TupleTableSlot *slot)
{
	if (scan->pages->entry == NULL)
		return store_head_row(scan, offset, slot);
	store_block_row(scan, offset, slot);
	return true;
}

/* ---- bitmap scans ---- */

static bool
next_bitmap_row(PyroScan *scan, TupleTableSlot *slot)
{
	PageScan   *pages = scan->pages;

	while (pages->next < pages->count)
	{
		if (!store_row(scan, pages->visible[pages->next++], slot))
			continue;
		pgstat_count_heap_fetch(scan->base.rs_rd);
		return true;
	}
	return false;
}

#if BITMAP_SCAN_ITERATES
bool
pyro_scan_bitmap_next_tuple(TableScanDesc base, TupleTableSlot *slot, bool *recheck,
							uint64 *lossy_pages, uint64 *exact_pages)
{
	PyroScan   *scan = (PyroScan *) base;
	TBMIterateResult result;
	OffsetNumber offsets[TBM_MAX_TUPLES_PER_PAGE];

	page_scan(scan);
	while (!next_bitmap_row(scan, slot))
	{
		int			count = -1;

		CHECK_FOR_INTERRUPTS();
		if (!tbm_iterate(&base->st.rs_tbmiterator, &result))
		{
			release_page(scan->pages);
			if (scan->pin != NULL)
				block_pin_release(scan->pin);
			ExecClearTuple(slot);
			return false;
		}
		if (!result.lossy)
			count = tbm_extract_page_tuple(&result, offsets, lengthof(offsets));
		load_page(scan, result.blockno, offsets, count);
		*recheck = result.recheck;
		if (scan->pages->loaded)
			(*(result.lossy ? lossy_pages : exact_pages))++;
	}
	return true;
}
#else
bool
pyro_scan_bitmap_next_block(TableScanDesc base, struct TBMIterateResult *tbmres)
{
	PyroScan   *scan = (PyroScan *) base;

	load_page(scan, tbmres->blockno, tbmres->offsets, tbmres->ntuples);
	return scan->pages->count > 0;
}

bool
pyro_scan_bitmap_next_tuple(TableScanDesc base, struct TBMIterateResult *tbmres,
							TupleTableSlot *slot)
{
	return next_bitmap_row((PyroScan *) base, slot);
}
#endif

/* ---- samples ---- */

/*
 * Pages are numbered for a sample as a sequential scan meets them: those of the
 * blocks without the gaps between them, then those of the head.
 */
static void
number_pages(PyroScan *scan)
{
	PageScan   *pages = scan->pages;
	int64		number = 0;

	scan_load_blocks(scan);
	if (pages->first_numbers != NULL)
		return;
	pages->first_numbers =
		MemoryContextAllocHuge(scan->context, (scan->blocks->count + 1) * sizeof(int64));
	for (int i = 0; i < scan->blocks->count; i++)
	{
		pages->first_numbers[i] = number;
		number += block_vpages(scan->blocks->entries[i]->rows);
	}
	pages->first_numbers[scan->blocks->count] = number;
}

/* The page that has a number. */
static BlockNumber
numbered_page(PyroScan *scan, int64 number)
{
	const int64 *first = scan->pages->first_numbers;
	int			low = 0,
				high = scan->blocks->count;

	if (number >= first[high])
		return (BlockNumber) (number - first[high]);
	while (high - low > 1)
	{
		int			middle = low + (high - low) / 2;

		if (number < first[middle])
			high = middle;
		else
			low = middle;
	}
	return FIRST_VIRTUAL_PAGE +
		(BlockNumber) (scan->blocks->entries[low]->first_vpage + number - first[low]);
}

bool
pyro_scan_sample_next_block(TableScanDesc base, struct SampleScanState *state)
{
	PyroScan   *scan = (PyroScan *) base;
	PageScan   *pages = page_scan(scan);
	TsmRoutine *method = state->tsmroutine;
	BlockNumber head_pages = ((HeapScanDesc) scan->head)->rs_nblocks;
	BlockNumber total,
				number;

	number_pages(scan);
	total = (BlockNumber) Min(pages->first_numbers[scan->blocks->count] + head_pages,
							  MaxBlockNumber);
	do
	{
		release_page(pages);
		CHECK_FOR_INTERRUPTS();
		if (total == 0)
			return false;
		if (method->NextSampleBlock)
			number = method->NextSampleBlock(state, total);
		else
			number = pages->next_number < total ? pages->next_number++ : InvalidBlockNumber;
		if (!BlockNumberIsValid(number))
		{
			block_pin_release(scan->pin);
			pages->next_number = 0;
			return false;
		}
		load_page(scan, numbered_page(scan, number), NULL, -1);
	} while (!pages->loaded);
	return true;
}

/* The visible rows of a whole page are in order. */
static bool
is_visible(const PageScan *pages, OffsetNumber offset)
{
	int			low = 0,
				high = pages->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (pages->visible[middle] == offset)
			return true;
		if (pages->visible[middle] < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool
pyro_scan_sample_next_tuple(TableScanDesc base, struct SampleScanState *state,
							TupleTableSlot *slot)
{
	PyroScan   *scan = (PyroScan *) base;
	PageScan   *pages = scan->pages;

	for (;;)
	{
		OffsetNumber offset;

		CHECK_FOR_INTERRUPTS();
		offset = state->tsmroutine->NextSampleTuple(state, pages->page, pages->max_offset);
		if (!OffsetNumberIsValid(offset))
			break;
		if (is_visible(pages, offset) && store_row(scan, offset, slot))
		{
			pgstat_count_heap_getnext(base->rs_rd);
			return true;
		}
	}
	ExecClearTuple(slot);
	return false;
}
