/*
 * analyze.c
 *	  What the planner is told: samples, sizes; and VACUUM.
 *
 * ANALYZE chooses pages of the head, and takes all their rows for a sample of
 * the table from which it draws again.  For it to be fair the rows of blocks
 * must come with the same chance as those of the head, and the numbers of
 * rows must be as if the blocks lay in the pages of the head.
 */
#include "postgres.h"

#include <math.h>

#include "access/heapam.h"
#include "access/genam.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xloginsert.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_statistic_ext.h"
#include "commands/progress.h"
#include "commands/vacuum.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "optimizer/plancat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/backend_progress.h"
#include "utils/backend_status.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/sampling.h"
#include "utils/syscache.h"

#include "compat.h"
#include "profile/profile_type.h"
#include "tableam/analyze.h"
#include "tableam/block_tid.h"
#include "tableam/callbacks.h"
#include "tableam/heap_forward.h"
#include "tableam/scan.h"
#include "tableam/storage.h"

/*
 * How much of the blocks is decoded at most: so many blocks, with so many bytes
 * once decoded; and so many bytes of rows are kept for the sample.
 */
#define SAMPLE_BLOCKS		300
#define SAMPLE_BLOCK_BYTES	((double) 2 * 1024 * 1024 * 1024)
#define SAMPLE_ROW_BYTES	((double) 256 * 1024 * 1024)

/* From how many pages of the head on its density counts. */
#define LEAST_KNOWN_PAGES	10

/* ANALYZE wants 300 rows for each bucket of a histogram. */
#define ROWS_PER_TARGET		300
#define LEAST_TARGET		1000

/* Where ANALYZE is within the blocks. */
typedef struct AnalyzeScan
{
	bool		done;			/* with the blocks */
	bool		page_pending;	/* ANALYZE's page was not given to heap yet */
#if ANALYZE_READS_AHEAD
	ReadStream *stream;
#else
	BlockNumber page;
	BufferAccessStrategy strategy;
#endif

	BlockList  *blocks;
	MarkSet    *marks;
	BlockSamplerData sampler;	/* of blocks */
	BlockPin   *pin;
	const BlockEntry *entry;	/* NULL before the first and after the last */
	int			row;
	double		row_chance;		/* of a row of a chosen block */
	double		head_chance;	/* of a row of a chosen page */
	double		live_rows;		/* to be reported for all blocks */

	/* profiles of the present block, by column, or NULL */
	Datum	   *stand_ins;
	bool	   *stands_in;		/* may there be one? */
	MemoryContext stand_in_context;
} AnalyzeScan;

/* ---- the sample ---- */

/*
 * The share of the head's pages that ANALYZE reads.
 *
 * It tells nobody but those who watch its progress.  Where that is turned off,
 * take what it does without settings for columns.
 */
static double
share_of_pages(Relation rel)
{
	BlockNumber pages = RelationGetNumberOfBlocks(rel);
	double		chosen = (double) ROWS_PER_TARGET * default_statistics_target;

	if (pages == 0)
		return 1;
	if (pgstat_track_activities && MyBEEntry != NULL &&
		MyBEEntry->st_progress_command == PROGRESS_COMMAND_ANALYZE)
		chosen = MyBEEntry->st_progress_param[PROGRESS_ANALYZE_BLOCKS_TOTAL];
	return Min(1, Max(chosen, 1) / pages);
}

/*
 * Choose blocks, and the chances of rows within them and within the head's
 * pages, so that all rows of the table have the same.
 */
static void
choose_blocks(AnalyzeScan *analyze, double page_share)
{
	double		all_rows = 0,
				all_bytes = 0,
				wanted_rows,
				block_share,
				chance;
	int			count = analyze->blocks->count;

	for (int i = 0; i < count; i++)
	{
		all_rows += analyze->blocks->entries[i]->rows;
		all_bytes += analyze->blocks->entries[i]->raw_size;
	}
	all_bytes = Max(all_bytes, 1);
	count = Min(count, SAMPLE_BLOCKS);
	count = Min(count, SAMPLE_BLOCK_BYTES / all_bytes * analyze->blocks->count);
	count = Max(count, 1);
	BlockSampler_Init(&analyze->sampler, analyze->blocks->count, count,
					  pg_prng_uint32(&pg_global_prng_state));

	block_share = (double) count / analyze->blocks->count;
	wanted_rows = (double) ROWS_PER_TARGET * Max(default_statistics_target, LEAST_TARGET);
	wanted_rows = Min(wanted_rows, SAMPLE_ROW_BYTES / all_bytes * all_rows);
	chance = Min(block_share, wanted_rows / all_rows);
	chance = Min(chance, page_share);
	analyze->row_chance = chance / block_share;
	analyze->head_chance = chance / page_share;
	analyze->live_rows = (all_rows - analyze->marks->count) * page_share;
}

/* ---- profiles in the sample ---- */

static bool
has_extended_statistics(Oid relid)
{
	Relation	catalog = table_open(StatisticExtRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	bool		result;

	ScanKeyInit(&key, Anum_pg_statistic_ext_stxrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(catalog, StatisticExtRelidIndexId, true, NULL, 1, &key);
	result = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return result;
}

/*
 * Does anybody but the type itself look at columns of a sample?  It may also be
 * part of one of the tables above.
 */
static bool
has_expressions(Relation rel)
{
	List	   *indexes = RelationGetIndexList(rel);
	bool		result = has_extended_statistics(RelationGetRelid(rel));
	ListCell   *cell;

	if (rel->rd_rel->relispartition)
	{
		foreach(cell, get_partition_ancestors(RelationGetRelid(rel)))
			result |= has_extended_statistics(lfirst_oid(cell));
	}
	else
		result |= has_superclass(RelationGetRelid(rel));
	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		result |= !heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, NULL) ||
			!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return result;
}

/*
 * Of profiles ANALYZE wants to know nothing but how large they are, and each
 * has to be rebuilt for that.  So the first one of a block stands in for all of
 * that block.
 */
static void
begin_stand_ins(AnalyzeScan *analyze, Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);

	if (has_expressions(rel))
		return;
	analyze->stand_ins = palloc0(desc->natts * sizeof(Datum));
	analyze->stands_in = palloc0(desc->natts * sizeof(bool));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		analyze->stands_in[i] = !attribute->attisdropped && attribute->attlen == -1 &&
			profile_is_type(attribute->atttypid);
	}
	analyze->stand_in_context = AllocSetContextCreate(CurrentMemoryContext, "pyro stand-ins",
													  ALLOCSET_DEFAULT_SIZES);
}

static void
forget_stand_ins(AnalyzeScan *analyze, Relation rel)
{
	if (analyze->stand_ins == NULL)
		return;
	memset(analyze->stand_ins, 0, RelationGetDescr(rel)->natts * sizeof(Datum));
	MemoryContextReset(analyze->stand_in_context);
}

/* Take over the profiles of a row where there are none yet. */
static void
take_stand_ins(AnalyzeScan *analyze, TupleTableSlot *slot)
{
	MemoryContext before = MemoryContextSwitchTo(analyze->stand_in_context);

	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		bool		isnull;
		Datum		value;

		if (!analyze->stands_in[i] || DatumGetPointer(analyze->stand_ins[i]) != NULL)
			continue;
		value = slot_getattr(slot, i + 1, &isnull);
		if (!isnull)
			analyze->stand_ins[i] = datumCopy(value, false, -1);
	}
	MemoryContextSwitchTo(before);
}

static void
store_sampled_row(AnalyzeScan *analyze, Relation rel, TupleTableSlot *slot)
{
	if (analyze->stand_ins == NULL)
	{
		block_row_store(analyze->pin, rel, analyze->entry, analyze->row, slot);
		return;
	}
	block_row_store_with(analyze->pin, rel, analyze->entry, analyze->row, analyze->stand_ins,
						 slot);
	take_stand_ins(analyze, slot);
}

/* ---- the rows of blocks ---- */

/*
 * Whatever is written to the directory is kept out by ANALYZE's lock, so that
 * it need not be read by one snapshot.
 */
static AnalyzeScan *
begin_analyze(PyroScan *scan)
{
	Relation	rel = scan->base.rs_rd;
	MemoryContext before = MemoryContextSwitchTo(scan->context);
	AnalyzeScan *analyze = palloc0(sizeof(AnalyzeScan));
	int64		id = storage_id(rel, NULL);

	analyze->blocks = directory_read(id, NULL);
	analyze->head_chance = 1;
	analyze->done = analyze->blocks->count == 0;
	if (!analyze->done)
	{
		analyze->marks = marks_read_all(id, NULL);
		analyze->pin = block_pin_create();
		choose_blocks(analyze, share_of_pages(rel));
		begin_stand_ins(analyze, rel);
	}
	MemoryContextSwitchTo(before);
	return analyze;
}

/*
 * The sample is sorted by TIDs in the end, to see how columns follow the order
 * of rows.  That order is the blocks' and then the head's, so in the sample
 * their TIDs change sides.
 */
static void
change_sides(TupleTableSlot *slot)
{
	HeapTuple	tuple = ((BufferHeapTupleTableSlot *) slot)->base.tuple;

	ItemPointerSetBlockNumber(&tuple->t_self,
							  ItemPointerGetBlockNumber(&tuple->t_self) ^ FIRST_VIRTUAL_PAGE);
	slot->tts_tid = tuple->t_self;
}

static bool
is_lucky(double chance)
{
	return chance >= 1 || pg_prng_double(&pg_global_prng_state) < chance;
}

static bool
next_sampled_block_row(PyroScan *scan, TupleTableSlot *slot)
{
	AnalyzeScan *analyze = scan->analyze;

	for (;;)
	{
		ItemPointerData tid;

		CHECK_FOR_INTERRUPTS();
		if (analyze->entry == NULL || ++analyze->row >= analyze->entry->rows)
		{
			analyze->entry = NULL;
			if (!BlockSampler_HasMore(&analyze->sampler))
				break;
			analyze->entry = analyze->blocks->entries[BlockSampler_Next(&analyze->sampler)];
			analyze->row = -1;
			block_pin_set(analyze->pin, analyze->entry);
			forget_stand_ins(analyze, scan->base.rs_rd);
			COMPAT_VACUUM_DELAY_POINT(true);
			continue;
		}
		if (!is_lucky(analyze->row_chance))
			continue;
		set_block_row_tid(&tid, analyze->entry->first_vpage, analyze->row);
		if (marks_find(analyze->marks, &tid) != NULL)
			continue;
		store_sampled_row(analyze, scan->base.rs_rd, slot);
		change_sides(slot);
		return true;
	}
	block_pin_release(analyze->pin);
	ExecClearTuple(slot);
	return false;
}

/* ---- the callbacks of ANALYZE ---- */

/* Have heap read the page that ANALYZE chose; false if there is none. */
static bool
read_head_page(PyroScan *scan)
{
	AnalyzeScan *analyze = scan->analyze;

	analyze->page_pending = false;
#if ANALYZE_READS_AHEAD
	return heap_routine()->scan_analyze_next_block(scan->head, analyze->stream);
#else
	return heap_routine()->scan_analyze_next_block(scan->head, analyze->page,
												   analyze->strategy);
#endif
}

/*
 * Heap locks the page that it reads, until its last row was taken.  So the
 * rows of blocks come before the first page is read.
 */
bool
pyro_scan_analyze_next_block(TableScanDesc base, ANALYZE_BLOCK_ARGS)
{
	PyroScan   *scan = (PyroScan *) base;

	if (scan->analyze == NULL)
		scan->analyze = begin_analyze(scan);
#if ANALYZE_READS_AHEAD
	scan->analyze->stream = stream;
#else
	scan->analyze->page = page;
	scan->analyze->strategy = strategy;
#endif
	if (scan->analyze->done)
		return read_head_page(scan);
	scan->analyze->page_pending = true;
	return true;
}

bool
pyro_scan_analyze_next_tuple(TableScanDesc base, TransactionId oldest_xmin, double *live_rows,
							 double *dead_rows, TupleTableSlot *slot)
{
	PyroScan   *scan = (PyroScan *) base;
	AnalyzeScan *analyze = scan->analyze;

	if (!analyze->done)
	{
		if (next_sampled_block_row(scan, slot))
			return true;
		analyze->done = true;
		*live_rows += analyze->live_rows;
	}
	if (analyze->page_pending && !read_head_page(scan))
		return false;
	do
	{
		if (!heap_routine()->scan_analyze_next_tuple(scan->head, oldest_xmin, live_rows,
													 dead_rows, slot))
			return false;
	} while (!is_lucky(analyze->head_chance));
	change_sides(slot);
	return true;
}

/* ---- the planner ---- */

/* Rows on a full page of the head, by the widths of columns. */
static double
rows_per_page(Relation rel, int32 *attr_widths)
{
	int32		width = get_rel_data_width(rel, attr_widths) +
	MAXALIGN(SizeofHeapTupleHeader) + sizeof(ItemIdData);

	return Max((BLCKSZ - SizeOfPageHeaderData) / width, 1);
}

/*
 * Estimate the rows of the head.
 *
 * pg_class has its pages, but the rows of the whole table.  What was moved
 * into blocks since then has not changed these.  A head of a few pages says
 * little about those that come.
 */
static double
estimate_head_rows(Relation rel, int32 *attr_widths, double block_rows)
{
	double		pages = RelationGetNumberOfBlocks(rel);
	double		known_pages = rel->rd_rel->relpages;
	double		known_rows = Max(rel->rd_rel->reltuples - block_rows, 0);
	double		density;

	if (rel->rd_rel->reltuples < 0 || known_pages <= 0)
		return rint(rows_per_page(rel, attr_widths) * pages);
	if (pages <= known_pages)
		return rint(known_rows * pages / known_pages);
	density = known_pages < LEAST_KNOWN_PAGES || known_rows == 0 ?
		rows_per_page(rel, attr_widths) : known_rows / known_pages;
	return rint(known_rows + (pages - known_pages) * density);
}

void
pyro_relation_estimate_size(Relation rel, int32 *attr_widths, BlockNumber *pages, double *tuples,
							double *allvisfrac)
{
	Storage		storage;
	double		head_rows,
				block_pages;

	heap_routine()->relation_estimate_size(rel, attr_widths, pages, tuples, allvisfrac);
	if (rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT ||
		!storage_read(rel, &storage) || storage.blocks == 0)
		return;
	head_rows = estimate_head_rows(rel, attr_widths, storage.rows);
	block_pages = ceil((double) storage.bytes / BLCKSZ);
	*tuples = head_rows + storage.rows;
	*pages = (BlockNumber) Min(RelationGetNumberOfBlocks(rel) + block_pages, MaxBlockNumber);
	/* rows of blocks are always fetched */
	*allvisfrac *= *tuples > 0 ? head_rows / *tuples : 0;
}

/* ---- VACUUM ---- */

void
head_keep_page(Relation rel)
{
	Storage		storage;
	Buffer		buffer;

	if (RelationGetNumberOfBlocks(rel) > 0 ||
		rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT ||
		!storage_read(rel, &storage) || storage.blocks == 0)
		return;
	LockRelationForExtension(rel, ExclusiveLock);
	if (RelationGetNumberOfBlocks(rel) == 0)
	{
		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, P_NEW, RBM_ZERO_AND_LOCK, NULL);
		START_CRIT_SECTION();
		PageInit(BufferGetPage(buffer), BufferGetPageSize(buffer), 0);
		MarkBufferDirty(buffer);
		if (RelationNeedsWAL(rel))
			log_newpage_buffer(buffer, true);
		END_CRIT_SECTION();
		UnlockReleaseBuffer(buffer);
	}
	UnlockRelationForExtension(rel, ExclusiveLock);
}

/* The row of pg_class as it is now, even if we have just changed it in place. */
static HeapTuple
current_class_row(Oid relid)
{
	HeapTuple	tuple;

	SysCacheInvalidate(RELOID, GetSysCacheHashValue1(RELOID, ObjectIdGetDatum(relid)));
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	return tuple;
}

/*
 * Set reltuples of a table or index in place, and leave the rest, but for a
 * page that head_keep_page added.
 */
static void
set_reltuples(Relation rel, double tuples)
{
	HeapTuple	tuple = current_class_row(RelationGetRelid(rel));
	FormData_pg_class class = *(Form_pg_class) GETSTRUCT(tuple);

	ReleaseSysCache(tuple);
	class.relpages = Max(class.relpages, 1);
	COMPAT_VAC_UPDATE_RELSTATS(rel, &class, tuples);
}

/*
 * What share of the table's rows each index has: all, but for partial ones.
 *
 * Heap's VACUUM caps the number of an index's entries by the number of rows of
 * the head, so this is to be asked before.
 */
typedef struct IndexShares
{
	List	   *oids;
	double	   *shares;			/* negative if unknown */
} IndexShares;

static IndexShares
index_shares(Relation rel)
{
	IndexShares result;
	double		rows = rel->rd_rel->reltuples;
	ListCell   *cell;

	result.oids = RelationGetIndexList(rel);
	result.shares = palloc(Max(list_length(result.oids), 1) * sizeof(double));
	foreach(cell, result.oids)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		double		share = 1;

		if (!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL))
			share = rows > 0 && index->rd_rel->reltuples >= 0 ?
				Min(index->rd_rel->reltuples / rows, 1) : -1;
		result.shares[foreach_current_index(cell)] = share;
		index_close(index, AccessShareLock);
	}
	return result;
}

static void
set_index_reltuples(const IndexShares *shares, double rows)
{
	ListCell   *cell;

	foreach(cell, shares->oids)
	{
		double		share = shares->shares[foreach_current_index(cell)];
		Relation	index;

		if (share < 0)
			continue;
		index = index_open(lfirst_oid(cell), RowExclusiveLock);
		set_reltuples(index, rint(share * rows));
		index_close(index, RowExclusiveLock);
	}
}

/*
 * Vacuum the head.  No row may be written in here, since others do not wait
 * for a transaction that vacuums.
 */
void
pyro_relation_vacuum(Relation rel, struct VacuumParams *params, BufferAccessStrategy strategy)
{
	VacuumParams own_params = *params;
	Storage		storage;
	HeapTuple	tuple;
	IndexShares shares;
	double		old_rows = rel->rd_rel->reltuples;
	double		block_rows,
				rows;

	if (rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT ||
		!storage_read(rel, &storage) || storage.blocks == 0)
	{
		heap_routine()->relation_vacuum(rel, params, strategy);
		return;
	}
	block_rows = storage.rows - marks_read_all(storage.id, NULL)->count;
	shares = index_shares(rel);
	/* the last page would come back at once */
	if (RelationGetNumberOfBlocks(rel) <= 1)
		own_params.truncate = VACOPTVALUE_DISABLED;

	/* from reltuples heap takes the number of rows on pages that it skips */
	AS_HEAP(rel, old_rows < 0 ? old_rows : Max(old_rows - block_rows, 0),
			heap_routine()->relation_vacuum(rel, &own_params, strategy));

	head_keep_page(rel);
	tuple = current_class_row(RelationGetRelid(rel));
	rows = block_rows + Max(((Form_pg_class) GETSTRUCT(tuple))->reltuples, 0);
	ReleaseSysCache(tuple);
	rel->rd_rel->reltuples = rows;
	set_reltuples(rel, rows);
	set_index_reltuples(&shares, rows);
}
