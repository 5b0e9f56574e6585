/*
 * compact_head.c
 *	  Moving settled rows from the head into new blocks, a portion at a time.
 *
 * A row is deleted from the head and becomes part of a block in one
 * transaction, so every snapshot sees it exactly once.  The deleted row says
 * "moved to another partition", which makes a statement that waited for it ask
 * where it went (redirect.c) rather than believe that it was deleted.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "tableam/block_order.h"
#include "tableam/block_tid.h"
#include "tableam/compaction.h"
#include "tableam/heap_forward.h"
#include "tableam/policy.h"

/* A wider row stays in the head: encoding needs it several times in memory. */
#define MAX_ROW_SIZE	((Size) 256 * 1024 * 1024)

#define COMPRESSION_LEVEL	3

/*
 * A block that takes less of the limits than this has no sums: it will be
 * merged.  Memory is mostly that of the dictionary, which is shared then.
 */
#define SUMS_FULLNESS		0.125
#define SUMS_MEMORY			0.5

/* Begin heap's scan of the head at a page; NULL if there are no more pages. */
static TableScanDesc
begin_head_scan(Relation rel, BlockNumber first_page)
{
	BlockNumber pages = RelationGetNumberOfBlocks(rel);
	TableScanDesc scan;

	if (first_page >= pages)
		return NULL;
	scan = heap_routine()->scan_begin(rel, GetActiveSnapshot(), 0, NULL, NULL,
									  SO_TYPE_SEQSCAN | SO_ALLOW_STRAT | SO_ALLOW_PAGEMODE);
	pages = ((HeapScanDesc) scan)->rs_nblocks;
	heap_setscanlimits(scan, first_page, pages - first_page);
	return scan;
}

/* The size of a row with all its values fetched. */
static Size
row_size(TupleTableSlot *slot)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;
	Size		size = 0;

	slot_getallattrs(slot);
	for (int i = 0; i < desc->natts; i++)
		if (!slot->tts_isnull[i] && TupleDescAttr(desc, i)->attlen == -1)
			size += toast_raw_datum_size(slot->tts_values[i]);
	return size;
}

/*
 * Delete a row from the head as moved; false if somebody else has it.
 *
 * It must not be published.  The mask holds for this call alone: anything that
 * reads catalogs may take it off.
 */
static bool
delete_row(Relation rel, ItemPointer tid, CommandId cid)
{
	char		identity = rel->rd_rel->relreplident;
	TM_FailureData tmfd;
	TM_Result	result;

	rel->rd_rel->relreplident = REPLICA_IDENTITY_NOTHING;
	PG_TRY();
	{
		result = heap_delete(rel, tid, cid, InvalidSnapshot, false, &tmfd, true);
	}
	PG_FINALLY();
	{
		rel->rd_rel->relreplident = identity;
	}
	PG_END_TRY();

	/* for statistics it is an update: the table has as many rows as before */
	if (result == TM_Ok && pgstat_should_count_relation(rel))
	{
		rel->pgstat_info->trans->tuples_deleted--;
		count_heap_update(rel);
	}
	return result == TM_Ok;
}

/* Is the row old enough?  All rows are where nothing tells their age. */
static bool
is_due(const Compaction *compaction, AttrNumber age_column, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		age;

	if (compaction->before == 0 || age_column == InvalidAttrNumber)
		return true;
	age = slot_getattr(slot, age_column, &isnull);
	return isnull || DatumGetTimestampTz(age) < compaction->before;
}

/* Is there a row that could be compacted, from this page on? */
static bool
has_rows(Compaction *compaction)
{
	Relation	rel = compaction->rel;
	AttrNumber	age_column = time_column(rel);
	TableScanDesc scan = begin_head_scan(rel, compaction->head_page);
	TupleTableSlot *slot;
	bool		found = false;

	if (scan == NULL)
		return false;
	slot = table_slot_create(rel, NULL);
	while (!found && heap_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		found = is_due(compaction, age_column, slot) && row_size(slot) <= MAX_ROW_SIZE;
		compaction->head_page = ItemPointerGetBlockNumber(&slot->tts_tid);
	}
	ExecDropSingleTupleTableSlot(slot);
	heap_endscan(scan);
	return found;
}

/* Will the block be merged, rather than be left alone? */
static bool
is_small(const BlockBuilder *builder, const TablePolicy *limits)
{
	return block_builder_rows(builder) < limits->block_rows * SUMS_FULLNESS &&
		block_builder_samples(builder) < limits->block_samples * SUMS_FULLNESS &&
		block_builder_memory(builder) < limits->block_size * SUMS_MEMORY;
}

/*
 * Move rows into the builder until it has enough; returns the page on which the
 * next portion begins.
 */
static BlockNumber
move_rows(Compaction *compaction, const TablePolicy *limits, BlockBuilder *builder)
{
	Relation	rel = compaction->rel;
	AttrNumber	age_column = time_column(rel);
	BlockNumber page = compaction->head_page;
	TableScanDesc scan = begin_head_scan(rel, page);
	TupleTableSlot *slot;
	CommandId	cid = GetCurrentCommandId(true);
	bool		full = false;

	if (scan == NULL)
		return InvalidBlockNumber;
	slot = table_slot_create(rel, NULL);
	while (!full && heap_getnextslot(scan, ForwardScanDirection, slot))
	{
		HeapTuple	tuple = ((BufferHeapTupleTableSlot *) slot)->base.tuple;
		Size		size;

		CHECK_FOR_INTERRUPTS();
		page = ItemPointerGetBlockNumber(&slot->tts_tid);
		if (!is_due(compaction, age_column, slot))
			continue;
		size = row_size(slot);
		if (size > MAX_ROW_SIZE)
			continue;
		if (block_builder_rows(builder) > 0 &&
			block_builder_memory(builder) + size > limits->block_size)
			break;
		if (!delete_row(rel, &slot->tts_tid, cid))
			continue;
		block_builder_add(builder, slot->tts_values, slot->tts_isnull, &slot->tts_tid,
						  HeapTupleHeaderGetRawXmin(tuple->t_data));
		full = block_builder_rows(builder) >= limits->block_rows ||
			block_builder_samples(builder) >= limits->block_samples;
	}
	if (!full && TTS_EMPTY(slot))
		page = InvalidBlockNumber;	/* the scan came to its end */
	ExecDropSingleTupleTableSlot(slot);
	heap_endscan(scan);
	return page;
}

bool
compact_head_portion(Compaction *compaction)
{
	bool		found;

	if (!compaction_begin_step(compaction))
		return false;
	found = has_rows(compaction);
	if (found)
		compaction_reserve(compaction, MAX_BLOCK_VPAGES);
	compaction_end_step(compaction);
	if (!found || !compaction_begin_step(compaction))
		return false;
	if (compaction_has_reserved(compaction))
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pyro compaction",
													  ALLOCSET_DEFAULT_SIZES);
		MemoryContext before = MemoryContextSwitchTo(context);
		BlockBuilder *builder = block_builder_create(RelationGetDescr(compaction->rel), context,
													 COMPRESSION_LEVEL);
		TablePolicy *limits = table_policy(compaction->rel);

		block_builder_set_order(builder, block_order_of_table(compaction->rel));
		compaction->head_page = move_rows(compaction, limits, builder);
		if (is_small(builder, limits))
			block_builder_leave_out_sums(builder);
		if (block_builder_rows(builder) > 0)
		{
			if (compaction->fresh_from == 0)
				compaction->fresh_from = compaction->first_vpage + 1;
			compaction->done.rows_compacted += block_builder_rows(builder);
			compaction_add_block(compaction, builder, 0);
		}
		compaction_finish_blocks(compaction);
		MemoryContextSwitchTo(before);
		MemoryContextDelete(context);
	}
	compaction_end_step(compaction);
	return compaction->head_page != InvalidBlockNumber;
}
