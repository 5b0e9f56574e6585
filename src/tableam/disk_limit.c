/*
 * disk_limit.c
 *	  pyro.disk_limit: the oldest data goes when tables take too much together.
 *
 * Counted is what lives: blocks, heads, indexes and what heads have in TOAST.
 * Space that is free inside files counts for nothing, since it is where the
 * next data goes, or VACUUM gives it back; else the space of what was just
 * dropped would make us drop more.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/heapam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type_d.h"
#include "catalog/partition.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "pyro_ext.h"
#include "tableam/block_tid.h"
#include "tableam/block_zones.h"
#include "tableam/directory.h"
#include "tableam/disk_limit.h"
#include "tableam/drop_rows.h"
#include "tableam/heap_forward.h"
#include "tableam/maintain.h"
#include "tableam/marks.h"
#include "tableam/partitions.h"
#include "tableam/policy.h"
#include "tableam/storage.h"
#include "tableam/subtransaction.h"
#include "tableam/tableam.h"

/* Drop down to this part of the limit, so that it is not for each new block. */
#define LIMIT_PART	0.98

/* What pages and item headers of TOAST add to a value. */
#define TOAST_OVERHEAD	1.03

/* Blocks of a table that are dropped in one transaction. */
#define DROP_COUNT	256

/* What may be dropped: a block, or a partition with all that it has. */
typedef struct Candidate
{
	Oid			relid;
	Oid			parent;			/* of a partition, or InvalidOid */
	int64		first_vpage;	/* of a block */
	TimestampTz oldest;
	TimestampTz newest;
	int64		bytes;
} Candidate;

typedef struct Usage
{
	int64		bytes;			/* of all tables */
	int			count;
	int			capacity;
	Candidate  *candidates;
} Usage;

/* ---- how much there is ---- */

static int64
size_of(Datum (*size) (PG_FUNCTION_ARGS), Oid relid)
{
	return DatumGetInt64(DirectFunctionCall1(size, ObjectIdGetDatum(relid)));
}

/* Bytes of the database's tables as files; cheap to tell, and never less than what lives. */
static int64
file_bytes(List *tables)
{
	int64		bytes = 0;
	ListCell   *cell;

	foreach(cell, tables)
	{
		Oid			relid = lfirst_oid(cell);

		CHECK_FOR_INTERRUPTS();
		if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE ||
			!ConditionalLockRelationOid(relid, AccessShareLock))
			continue;
		if (get_rel_relkind(relid) != '\0')
			bytes += size_of(pg_total_relation_size, relid);
		UnlockRelationOid(relid, AccessShareLock);
	}
	return bytes;
}

/* What the rows of the head have in TOAST. */
static int64
head_toast_bytes(Relation rel)
{
	TableScanDesc scan = heap_routine()->scan_begin(rel, GetActiveSnapshot(), 0, NULL, NULL,
													SO_TYPE_SEQSCAN | SO_ALLOW_STRAT | SO_ALLOW_PAGEMODE);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsBufferHeapTuple);
	TupleDesc	desc = RelationGetDescr(rel);
	int64		bytes = 0;

	while (heap_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (!HeapTupleHasExternal(((BufferHeapTupleTableSlot *) slot)->base.tuple))
			continue;
		slot_getallattrs(slot);
		for (int i = 0; i < desc->natts; i++)
			if (!slot->tts_isnull[i] && TupleDescAttr(desc, i)->attlen == -1 &&
				VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(slot->tts_values[i])))
				bytes += toast_datum_size(slot->tts_values[i]);
	}
	ExecDropSingleTupleTableSlot(slot);
	heap_endscan(scan);
	return bytes;
}

/* ---- what may go ---- */

static void
add_candidate(Usage *usage, const Candidate *candidate)
{
	if (usage->count == usage->capacity)
	{
		usage->capacity = Max(usage->capacity * 2, 256);
		usage->candidates = usage->candidates == NULL ?
			palloc(usage->capacity * sizeof(Candidate)) :
			repalloc_huge(usage->candidates, usage->capacity * sizeof(Candidate));
	}
	usage->candidates[usage->count++] = *candidate;
}

/* Is it a partition that may go as a whole, since its time is over?  Then add it. */
static bool
add_partition(Usage *usage, Relation rel, int64 bytes)
{
	Candidate	candidate = {.relid = RelationGetRelid(rel),.bytes = bytes};
	Relation	parent;
	TablePolicy *policy;
	TimePartition *partitions = NULL;
	int			count = 0;
	bool		found = false;

	if (!rel->rd_rel->relispartition || must_delete_rows(rel))
		return false;
	candidate.parent = get_partition_parent(RelationGetRelid(rel), true);
	if (!ConditionalLockRelationOid(candidate.parent, AccessShareLock))
		return false;
	parent = try_relation_open(candidate.parent, NoLock);
	if (parent == NULL)
		return false;
	policy = table_policy(parent);
	if (policy->partition_by != NULL && partitions_are_by_time(parent))
		partitions = partitions_of_table(parent, &count);
	for (int i = 0; i < count && !found; i++)
		if (partitions[i].relid == candidate.relid &&
			!TIMESTAMP_NOT_FINITE(partitions[i].upper) &&
			partitions[i].upper <= GetCurrentTimestamp())
		{
			candidate.oldest = partitions[i].lower;
			candidate.newest = partitions[i].upper;
			add_candidate(usage, &candidate);
			found = true;
		}
	relation_close(parent, AccessShareLock);
	return found;
}

/* The rows of a block that are not marked. */
static int
live_rows(const BlockEntry *entry)
{
	ItemPointerData first,
				last;

	set_block_row_tid(&first, entry->first_vpage, 0);
	set_block_row_tid(&last, entry->first_vpage, entry->rows - 1);
	return entry->rows - marks_read(entry->storage_id, &first, &last, NULL)->count;
}

/*
 * Add the blocks of a table whose age is known.  Returns the bytes of those that
 * are only there to be written again, without rows.
 */
static int64
add_blocks(Usage *usage, Relation rel, const Storage *storage)
{
	AttrNumber	attnum = time_column(rel);
	BlockList  *list = directory_read(storage->id, NULL);
	bool		by_delete = must_delete_rows(rel);
	int64		empty = 0;

	for (int i = 0; i < list->count; i++)
	{
		BlockEntry *entry = list->entries[i];
		Candidate	candidate = {
			.relid = RelationGetRelid(rel),.first_vpage = entry->first_vpage,
			.bytes = (int64) (entry->payload_size * TOAST_OVERHEAD)
		};
		BlockZone	zone;

		CHECK_FOR_INTERRUPTS();
		if (by_delete && live_rows(entry) == 0)
			empty += candidate.bytes;
		else if (attnum != InvalidAttrNumber &&
				 block_zones_find(directory_zones(entry), attnum, TIMESTAMPTZOID, &zone) &&
				 (zone.flags & BLOCK_ZONE_HAS_RANGE) != 0)
		{
			candidate.oldest = DatumGetTimestampTz(zone.min);
			candidate.newest = DatumGetTimestampTz(zone.max);
			add_candidate(usage, &candidate);
		}
	}
	return empty;
}

/* A table whose usage is being found out. */
typedef struct TableUsage
{
	Usage	   *usage;
	Oid			relid;
} TableUsage;

/* Count what lives of a table, and what of it may go. */
static void
count_table(void *arg)
{
	Usage	   *usage = ((TableUsage *) arg)->usage;
	Oid			relid = ((TableUsage *) arg)->relid;
	Relation	rel = try_relation_open(relid, AccessShareLock);
	Storage		storage;
	int64		bytes;
	int64		empty = 0;

	if (rel == NULL)
		return;
	if (is_pyro_relation(rel))
	{
		bytes = size_of(pg_indexes_size, relid) + (int64) head_toast_bytes(rel) * TOAST_OVERHEAD +
			(int64) RelationGetNumberOfBlocks(rel) * BLCKSZ;
		if (rel->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT && storage_read(rel, &storage))
			bytes += (int64) (storage.bytes * TOAST_OVERHEAD);
		else
			storage.id = NO_STORAGE;
		if (!add_partition(usage, rel, bytes) && storage.id != NO_STORAGE)
			empty = add_blocks(usage, rel, &storage);
		usage->bytes += bytes - empty;
	}
	relation_close(rel, AccessShareLock);
}

/*
 * The same; of a table that is damaged, of which its duties complain, count the
 * files.
 */
static void
add_table(Usage *usage, Oid relid)
{
	TableUsage	table = {.usage = usage,.relid = relid};
	int			count = usage->count;

	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE ||
		!ConditionalLockRelationOid(relid, AccessShareLock))
		return;
	if (subtransaction_try(count_table, &table) != NULL)
	{
		usage->count = count;
		if (get_rel_relkind(relid) != '\0')
			usage->bytes += size_of(pg_total_relation_size, relid);
	}
	UnlockRelationOid(relid, AccessShareLock);
}

static int
compare_candidates(const void *a, const void *b)
{
	const Candidate *left = a;
	const Candidate *right = b;

	if (left->newest != right->newest)
		return left->newest < right->newest ? -1 : 1;
	if (left->relid != right->relid)
		return left->relid < right->relid ? -1 : 1;
	return left->first_vpage < right->first_vpage ? -1 : left->first_vpage > right->first_vpage;
}

/* ---- dropping ---- */

static char *
kilobytes(int64 bytes)
{
	return psprintf(INT64_FORMAT " kB", bytes / 1024);
}

/* Blocks of one table that are to be dropped. */
typedef struct BlockDrop
{
	Oid			relid;
	bool		nowait;
	const char *why;
	int			count;
	int64		first_vpages[DROP_COUNT];
	bool		is_gone[DROP_COUNT];
	TimestampTz oldest;
	TimestampTz newest;
	bool		had_lock;
	int64		bytes;			/* dropped */
} BlockDrop;

static void
drop_table_blocks(void *arg)
{
	BlockDrop  *drop = arg;
	DroppedBlocks dropped;
	WorkDone	done = {0};

	drop->had_lock = drop_blocks(drop->relid, drop->nowait, drop->first_vpages, drop->count,
								 &dropped, drop->is_gone);
	if (!drop->had_lock || dropped.blocks == 0)
		return;
	done.rows_dropped = dropped.rows;
	done.blocks_dropped = dropped.blocks;
	run_state_success(drop->relid, &done, DT_NOBEGIN);
	ereport(LOG,
			(errmsg("dropped " INT64_FORMAT " blocks of table \"%s\" with " INT64_FORMAT " rows and %s: %s",
					dropped.blocks, get_rel_name(drop->relid), dropped.rows,
					kilobytes(dropped.bytes), drop->why),
			 errdetail("The rows are from %s to %s.",
					   pstrdup(timestamptz_to_str(drop->oldest)),
					   pstrdup(timestamptz_to_str(drop->newest)))));
	drop->bytes = (int64) (dropped.bytes * TOAST_OVERHEAD);
}

/* Something cannot be dropped; other things are dropped instead. */
static void
report_failure(Oid relid, const char *name, const ErrorData *error)
{
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("could not drop from table \"%s\" for pyro.disk_limit: %s", name,
					error->message),
			 error->detail ? errdetail_internal("%s", error->detail) : 0));
	run_state_error(relid, psprintf("disk limit: %s", error->message));
}

/*
 * Drop blocks of one table that are in the list; what is locked is passed over.
 * Returns how many bytes are less, also by others who came first.
 */
static int64
drop_listed(const Candidate *candidates, const int *listed, int count, const char *why, bool nowait)
{
	BlockDrop  *drop = palloc0(sizeof(BlockDrop));
	ErrorData  *error;
	int64		bytes;

	drop->relid = candidates[listed[0]].relid;
	drop->nowait = nowait;
	drop->why = why;
	drop->count = count;
	drop->oldest = DT_NOEND;
	drop->newest = DT_NOBEGIN;
	for (int i = 0; i < count; i++)
	{
		const Candidate *candidate = &candidates[listed[i]];

		drop->first_vpages[i] = candidate->first_vpage;
		drop->oldest = Min(drop->oldest, candidate->oldest);
		drop->newest = Max(drop->newest, candidate->newest);
	}
	compaction_begin_transaction();
	error = subtransaction_try(drop_table_blocks, drop);
	if (error != NULL)
	{
		char	   *name = get_rel_name(drop->relid);

		report_failure(drop->relid, name ? name : "", error);
		return 0;
	}
	bytes = drop->bytes;
	for (int i = 0; i < count && drop->had_lock; i++)
		if (drop->is_gone[i])
			bytes += candidates[listed[i]].bytes;
	pfree(drop);
	return bytes;
}

static int64
drop_partition(const Candidate *candidate, const char *why, bool nowait)
{
	Compaction	compaction = {.relid = candidate->parent,.nowait = nowait};
	ErrorData  *error;

	if (partition_drop(&compaction, candidate->relid, false, why, &error))
		run_state_success(candidate->parent, &compaction.done, DT_NOBEGIN);
	else if (error != NULL)
	{
		char	   *name = get_rel_name(candidate->parent);

		report_failure(candidate->parent, name ? name : "", error);
		return 0;
	}
	else if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(candidate->relid)))
		return 0;				/* else somebody else has dropped it */
	return candidate->bytes;
}

/* Drop the oldest until so many bytes are gone; returns how many are. */
static int64
drop_oldest(const Usage *usage, int64 bytes, const char *why, bool nowait)
{
	bool	   *is_done = palloc0(Max(usage->count, 1) * sizeof(bool));
	int		   *listed = palloc(DROP_COUNT * sizeof(int));
	int64		dropped = 0;

	for (int i = 0; i < usage->count && dropped < bytes; i++)
	{
		const Candidate *first = &usage->candidates[i];
		int64		planned = dropped;
		int			count = 0;

		if (is_done[i])
			continue;
		if (OidIsValid(first->parent))
		{
			dropped += drop_partition(first, why, nowait);
			continue;
		}

		/*
		 * with it the other blocks of the table, as far as their turn will
		 * come
		 */
		for (int k = i; k < usage->count && planned < bytes && count < DROP_COUNT; k++)
		{
			const Candidate *candidate = &usage->candidates[k];

			if (is_done[k])
				continue;
			planned += candidate->bytes;
			if (candidate->relid == first->relid)
			{
				listed[count++] = k;
				is_done[k] = true;
			}
		}
		dropped += drop_listed(usage->candidates, listed, count, why, nowait);
	}
	return dropped;
}

void
disk_limit_enforce(bool nowait)
{
	int64		limit = policy_disk_limit();
	Usage		usage = {0};
	List	   *tables;
	ListCell   *cell;
	int64		excess;
	const char *why;

	if (limit == 0)
		return;
	compaction_begin_transaction();
	PushActiveSnapshot(GetTransactionSnapshot());
	tables = maintain_tables();
	if (file_bytes(tables) > limit)
		foreach(cell, tables)
			add_table(&usage, lfirst_oid(cell));
	PopActiveSnapshot();
	if (usage.bytes <= limit)
		return;
	qsort(usage.candidates, usage.count, sizeof(Candidate), compare_candidates);
	excess = usage.bytes - (int64) (limit * LIMIT_PART);
	why = psprintf("tables take %s of pyro.disk_limit's %s",
				   kilobytes(usage.bytes), kilobytes(limit));
	excess -= drop_oldest(&usage, excess, why, nowait);
	if (excess > limit * (1 - LIMIT_PART))
		ereport(LOG,
				(errmsg("tables with access method pyro take more than pyro.disk_limit: %s remain of %s",
						kilobytes(excess + (int64) (limit * LIMIT_PART)), kilobytes(limit)),
				 errdetail("No more blocks or partitions may be dropped now.")));
}

/* CALL pyro.enforce_disk_limit() */
PYRO_FUNCTION(pyro_enforce_disk_limit);
Datum
pyro_enforce_disk_limit(PG_FUNCTION_ARGS)
{
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("pyro.enforce_disk_limit cannot run inside a transaction block"),
				 errdetail("It commits after each portion.")));
	PreventCommandIfReadOnly("CALL pyro.enforce_disk_limit");
	PreventCommandDuringRecovery("CALL pyro.enforce_disk_limit");
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	disk_limit_enforce(false);
	SPI_finish();
	PG_RETURN_VOID();
}
