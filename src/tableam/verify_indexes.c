/*
 * verify_indexes.c
 *	  pyro.verify: do the indexes lead to the rows, and to them alone?
 *
 * All entries of an index are listed as CREATE INDEX CONCURRENTLY does, by a
 * bulk deletion that deletes nothing, and held against the rows that the
 * snapshot sees.  What is committed before a snapshot has its entries before
 * it, so a missing one is damage.  More entries than rows are normal: of dead
 * rows, of blocks that were merged, of compactions that were rolled back.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/heapam.h"
#include "catalog/index.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/tuplesort.h"

#include "compat.h"
#include "tableam/block_tid.h"
#include "tableam/heap_forward.h"
#include "tableam/verify.h"

/* of each kind, for each index */
#define MAX_REPORTS		5

typedef struct IndexCheck
{
	Verification *verification;
	Relation	index;
	Tuplesortstate *entries;	/* TIDs, encoded as int8 */
	bool		every_row;		/* must each row have an entry? */
	BlockNumber pages;			/* of the head */
	int64		missing;
	int64		repeated;
	int64		astray;
} IndexCheck;

static Tuplesortstate *
begin_tid_sort(int options)
{
	return tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid, false, work_mem, NULL,
								 options);
}

static void
put_tid(Tuplesortstate *sort, const ItemPointerData *tid)
{
	tuplesort_putdatum(sort, Int64GetDatum(itemptr_encode((ItemPointer) tid)), false);
}

static bool
next_tid(Tuplesortstate *sort, int64 *tid)
{
	Datum		value;
	bool		null;

	if (!COMPAT_TUPLESORT_GETDATUM(sort, &value, &null))
		return false;
	*tid = DatumGetInt64(value);
	return true;
}

/* ---- the rows ---- */

/*
 * Add the TIDs that indexes have for the head's rows: those of the roots of
 * their chains.
 */
static void
add_head_rows(Verification *verification, Tuplesortstate *rows)
{
	Relation	rel = verification->rel;
	TableScanDesc scan = heap_routine()->scan_begin(rel, verification->snapshot, 0, NULL, NULL,
													SO_TYPE_SEQSCAN | SO_ALLOW_STRAT |
													SO_ALLOW_PAGEMODE);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel),
													&TTSOpsBufferHeapTuple);
	OffsetNumber roots[MaxHeapTuplesPerPage];
	BlockNumber page = InvalidBlockNumber;

	while (heap_getnextslot(scan, ForwardScanDirection, slot))
	{
		Buffer		buffer = ((BufferHeapTupleTableSlot *) slot)->buffer;
		OffsetNumber offset = ItemPointerGetOffsetNumber(&slot->tts_tid);
		ItemPointerData tid;

		CHECK_FOR_INTERRUPTS();
		if (page != ItemPointerGetBlockNumber(&slot->tts_tid))
		{
			page = ItemPointerGetBlockNumber(&slot->tts_tid);
			LockBuffer(buffer, BUFFER_LOCK_SHARE);
			heap_get_root_tuples(BufferGetPage(buffer), roots);
			LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		}
		if (!OffsetNumberIsValid(roots[offset - 1]))
		{
			verify_report(verification, "table \"%s\": row (%u,%u) of the head has no parent",
						  RelationGetRelationName(rel), page, offset);
			continue;
		}
		ItemPointerSet(&tid, page, roots[offset - 1]);
		put_tid(rows, &tid);
	}
	ExecDropSingleTupleTableSlot(slot);
	heap_endscan(scan);
}

static void
add_block_rows(Verification *verification, Tuplesortstate *rows)
{
	for (int i = 0; i < verification->block_count; i++)
		for (int row = 0; row < verification->blocks[i].rows; row++)
		{
			ItemPointerData tid;

			CHECK_FOR_INTERRUPTS();
			set_block_row_tid(&tid, verification->blocks[i].first_vpage, row);
			if (marks_find(verification->marks, &tid) == NULL)
				put_tid(rows, &tid);
		}
}

/* ---- an index ---- */

static bool
collect_entry(ItemPointer tid, void *state)
{
	put_tid(((IndexCheck *) state)->entries, tid);
	return false;				/* stays */
}

static void
collect_entries(IndexCheck *check)
{
	IndexVacuumInfo info = {0};

	info.index = check->index;
	COMPAT_SET_HEAPREL(info, check->verification->rel);
	info.estimated_count = true;
	info.message_level = DEBUG2;
	info.num_heap_tuples = check->verification->rel->rd_rel->reltuples;
	check->entries = begin_tid_sort(TUPLESORT_NONE);
	index_bulk_delete(&info, NULL, collect_entry, check);
	tuplesort_performsort(check->entries);
	check->pages = RelationGetNumberOfBlocks(check->verification->rel);
}

static void
report_entry(IndexCheck *check, int64 *count, int64 encoded, const char *problem)
{
	ItemPointerData tid;

	if ((*count)++ >= MAX_REPORTS)
		return;
	itemptr_decode(&tid, encoded);
	verify_report(check->verification, "index \"%s\": row (%u,%u) %s",
				  RelationGetRelationName(check->index),
				  ItemPointerGetBlockNumberNoCheck(&tid),
				  ItemPointerGetOffsetNumberNoCheck(&tid), problem);
}

static void
report_rest(IndexCheck *check, int64 count, const char *problem)
{
	if (count > MAX_REPORTS)
		verify_report(check->verification, "index \"%s\": " INT64_FORMAT " more rows %s",
					  RelationGetRelationName(check->index), count - MAX_REPORTS, problem);
}

/* Can an entry lead here, if perhaps to a row that is no more? */
static bool
is_possible_target(IndexCheck *check, int64 encoded)
{
	Verification *verification = check->verification;
	const KnownBlock *block;
	ItemPointerData tid;

	itemptr_decode(&tid, encoded);
	if (ItemPointerGetOffsetNumberNoCheck(&tid) < 1)
		return false;
	if (!tid_is_block_row(&tid))
		return ItemPointerGetBlockNumberNoCheck(&tid) < check->pages;
	if (ItemPointerGetOffsetNumberNoCheck(&tid) > BLOCK_PAGE_ROWS ||
		tid_vpage(&tid) >= verification->storage.next_vpage)
		return false;
	block = verify_find_block(verification, tid_vpage(&tid));
	return block == NULL || tid_block_row(&tid, block->first_vpage) < block->rows;
}

/* Walk through entries and rows side by side. */
static void
compare_with_rows(IndexCheck *check, Tuplesortstate *rows)
{
	int64		row = 0,
				entry = 0,
				last = 0;
	bool		has_row = next_tid(rows, &row);
	bool		has_entry = next_tid(check->entries, &entry);

	while (has_row || has_entry)
	{
		CHECK_FOR_INTERRUPTS();
		if (has_row && (!has_entry || row < entry))
		{
			/* TIDs are never 0, so that last is not one at first */
			if (row != last && check->every_row)
				report_entry(check, &check->missing, row, "is missing");
			has_row = next_tid(rows, &row);
			continue;
		}
		if (entry == last)
			check->repeated++;
		else if (!is_possible_target(check, entry))
			report_entry(check, &check->astray, entry, "cannot exist");
		last = entry;
		has_entry = next_tid(check->entries, &entry);
	}
	tuplesort_end(check->entries);
}

/* Must each row have an entry? */
static bool
takes_every_row(Relation rel, Relation index)
{
	Form_pg_index form = index->rd_index;

	if (RelationGetIndexPredicate(index) != NIL)
		return false;
	if (index->rd_indam->amsearchnulls)
		return true;

	/* then rows with NULLs may have none */
	for (int i = 0; i < form->indnkeyatts; i++)
		if (form->indkey.values[i] <= 0 ||
			!TupleDescAttr(RelationGetDescr(rel), form->indkey.values[i] - 1)->attnotnull)
			return false;
	return true;
}

/*
 * Report rows with more entries than one, while nobody writes: pages that
 * others split while they are being read are seen twice.
 */
static void
report_repeated(IndexCheck *check)
{
	int64		entry,
				last = 0;

	LockRelation(check->verification->rel, ShareLock);
	collect_entries(check);
	UnlockRelation(check->verification->rel, ShareLock);
	check->repeated = 0;
	while (next_tid(check->entries, &entry))
	{
		CHECK_FOR_INTERRUPTS();
		if (entry == last)
			report_entry(check, &check->repeated, entry, "has several entries");
		last = entry;
	}
	tuplesort_end(check->entries);
	report_rest(check, check->repeated, "have several entries");
}

static void
check_index(Verification *verification, Relation index, Tuplesortstate *rows)
{
	IndexCheck	check = {.verification = verification,.index = index};
	Oid			access_method = index->rd_rel->relam;

	check.every_row = takes_every_row(verification->rel, index);
	collect_entries(&check);
	tuplesort_rescan(rows);
	compare_with_rows(&check, rows);
	report_rest(&check, check.missing, "are missing");
	report_rest(&check, check.astray, "cannot exist");

	/* other access methods may list a row more than once */
	if (check.repeated > 0 &&
		(access_method == BTREE_AM_OID || access_method == GIST_AM_OID))
		report_repeated(&check);
}

void
verify_indexes(Verification *verification)
{
	List	   *oids = RelationGetIndexList(verification->rel);
	Tuplesortstate *rows;
	ListCell   *cell;

	if (oids == NIL)
		return;
	rows = begin_tid_sort(TUPLESORT_RANDOMACCESS);
	add_head_rows(verification, rows);
	add_block_rows(verification, rows);
	tuplesort_performsort(rows);
	foreach(cell, oids)
	{
		Relation	index = index_open(lfirst_oid(cell), RowExclusiveLock);

		/* one that is being built, or was left behind by that, is not used */
		if (index->rd_index->indisvalid)
			check_index(verification, index, rows);
		index_close(index, RowExclusiveLock);
	}
	tuplesort_end(rows);
}
