/*
 * compaction.c
 *	  CALL pyro.compact, and what its steps have in common.
 */
#include "postgres.h"

#include <limits.h>

#include "access/heapam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "storage/predicate.h"
#include "utils/acl.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "pyro_ext.h"
#include "tableam/block_tid.h"
#include "tableam/compaction.h"
#include "tableam/index_entries.h"
#include "tableam/payload.h"
#include "tableam/policy.h"
#include "tableam/progress.h"
#include "tableam/rewrite.h"
#include "tableam/tableam.h"

static int	block_rows = 16384;
static int	block_size_kb = 64 * 1024;
static int	debug_compact_lock = 0;

void
compaction_init(void)
{
	DefineCustomIntVariable("pyro.block_rows",
							"Sets the largest number of rows in a block.",
							NULL,
							&block_rows,
							16384, 1, MAX_BLOCK_ROWS,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("pyro.block_size",
							"Sets how many bytes of rows a block takes before it is compressed.",
							"A row that is larger gets a block of its own.",
							&block_size_kb,
							64 * 1024, 64, 256 * 1024,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("pyro.debug_compact_lock",
							"Makes compaction take this advisory lock before each commit; 0 means none.",
							"It lets tests hold a compaction in its middle.",
							&debug_compact_lock,
							0, 0, INT_MAX,
							PGC_SUSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
}

int
compaction_block_rows(void)
{
	return block_rows;
}

Size
compaction_block_size(void)
{
	return (Size) block_size_kb * 1024;
}

/* ---- steps ---- */

/* An old snapshot would miss rows. */
void
compaction_begin_transaction(void)
{
	SPI_commit();
	XactIsoLevel = XACT_READ_COMMITTED;
	XactReadOnly = false;
}

void
compaction_become_owner(Compaction *compaction)
{
	GetUserIdAndSecContext(&compaction->save_user, &compaction->save_context);
	SetUserIdAndSecContext(compaction->rel->rd_rel->relowner,
						   compaction->save_context | SECURITY_RESTRICTED_OPERATION);
	compaction->guc_level = NewGUCNestLevel();
	RestrictSearchPath();
}

void
compaction_leave_owner(Compaction *compaction)
{
	AtEOXact_GUC(false, compaction->guc_level);
	SetUserIdAndSecContext(compaction->save_user, compaction->save_context);
}

bool
compaction_begin_step(Compaction *compaction)
{
	Relation	rel;

	compaction_begin_transaction();
	CHECK_FOR_INTERRUPTS();
	if (compaction->nowait &&
		!ConditionalLockRelationOid(compaction->relid, ShareUpdateExclusiveLock))
	{
		compaction->lock_failed = true;
		return false;
	}
	rel = try_relation_open(compaction->relid,
							compaction->nowait ? NoLock : ShareUpdateExclusiveLock);
	if (rel == NULL)
		return false;
	if (!is_pyro_relation(rel) || rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
	{
		relation_close(rel, ShareUpdateExclusiveLock);
		return false;
	}
	compaction->rel = rel;
	PushActiveSnapshot(GetTransactionSnapshot());
	if (!storage_read(rel, &compaction->storage))
		compaction->storage.id = NO_STORAGE;

	/* expressions of indexes run as the table's owner, and nothing worse */
	compaction_become_owner(compaction);
	return true;
}

void
compaction_end_step(Compaction *compaction)
{
	compaction_leave_owner(compaction);
	relation_close(compaction->rel, NoLock);
	compaction->rel = NULL;
	PopActiveSnapshot();
}

void
compaction_reserve(Compaction *compaction, int64 vpages)
{
	Relation	rel = compaction->rel;

	if (compaction->storage.id == NO_STORAGE)
		storage_create(rel, RelationGetRelid(rel), rel->rd_rel->reltablespace,
					   rel->rd_rel->relfilenode, &compaction->storage);
	if (compaction->storage.next_vpage + vpages > MAX_VPAGES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("table \"%s\" has used up its virtual pages",
						RelationGetRelationName(rel)),
				 errhint("VACUUM FULL numbers them anew.")));
	compaction->first_vpage = compaction->storage.next_vpage;
	compaction->end_vpage = compaction->storage.next_vpage += vpages;
	compaction->reserved_in = compaction->storage.id;
	storage_update(rel, &compaction->storage);
}

bool
compaction_has_reserved(Compaction *compaction)
{
	return compaction->storage.id != NO_STORAGE &&
		compaction->storage.id == compaction->reserved_in;
}

void
compaction_add_block(Compaction *compaction, BlockBuilder *builder, int level)
{
	Relation	rel = compaction->rel;
	BlockEntry	entry = {0};
	BuiltBlock	built;

	entry.storage_id = compaction->storage.id;
	entry.first_vpage = compaction->first_vpage;
	entry.rows = block_builder_rows(builder);
	entry.format = BLOCK_FORMAT;
	entry.level = level;
	entry.created = GetTopFullTransactionId();
	entry.raw_size = block_builder_raw_size(builder);
	entry.samples = block_builder_samples(builder);
	built = block_builder_finish(builder);
	entry.payload_size = VARSIZE(built.payload) - VARHDRSZ;
	entry.payload = payload_save(rel, built.payload);
	entry.streams = block_layout_to_bytea(built.layout);
	entry.zones = built.zones;
	Assert(entry.first_vpage + block_vpages(entry.rows) <= compaction->end_vpage);
	directory_insert(&entry);
	progress_count(entry.rows, 1);
	compaction->first_vpage += block_vpages(entry.rows);

	/* plans that were made while there were no blocks are to be made anew */
	if (compaction->storage.blocks++ == 0)
		CacheInvalidateRelcache(rel);
	compaction->storage.rows += entry.rows;
	compaction->storage.bytes += entry.payload_size;
	compaction->has_added = true;

	/* the directory row comes before the index entries that lead to it */
	CommandCounterIncrement();
	index_entries_insert(rel, &entry);
}

void
compaction_finish_blocks(Compaction *compaction)
{
	/* nobody may have reserved pages behind ours, to give the rest back */
	if (compaction->storage.next_vpage == compaction->end_vpage)
		compaction->storage.next_vpage = compaction->first_vpage;
	storage_update(compaction->rel, &compaction->storage);
	if (!compaction->has_added)
		return;
	compaction->has_added = false;

	/* serializable readers locked rows where these no longer are */
	TransferPredicateLocksToHeapRelation(compaction->rel);
	if (debug_compact_lock != 0)
		DirectFunctionCall1(pg_advisory_xact_lock_int8, Int64GetDatum(debug_compact_lock));
}

/* ---- the procedure ---- */

/*
 * The tables to work on: the table itself, or the leaves of a partitioned one
 * that have blocks.  An error for what cannot be compacted, and for callers who
 * may not.
 */
static List *
tables_to_compact(Oid relid)
{
	Relation	rel = try_table_open(relid, AccessShareLock);
	List	   *tables = list_make1_oid(relid);

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table with OID %u does not exist", relid)));
	check_may_maintain(rel);
	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		tables = find_all_inheritors(relid, NoLock, NULL);
	else if (!is_pyro_relation(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" does not have access method pyro",
						RelationGetRelationName(rel))));
	else if (rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("table \"%s\" is not compacted, since it is unlogged or temporary",
						RelationGetRelationName(rel))));
	table_close(rel, AccessShareLock);
	return tables;
}

PYRO_FUNCTION(pyro_compact);
Datum
pyro_compact(PG_FUNCTION_ARGS)
{
	List	   *tables;
	ListCell   *cell;

	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("pyro.compact cannot run inside a transaction block"),
				 errdetail("It commits after each portion.")));
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("pyro.compact needs a table")));
	PreventCommandIfReadOnly("CALL pyro.compact");
	PreventCommandDuringRecovery("CALL pyro.compact");

	/* its memory outlives the transactions */
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	storage_sweep();
	policy_sweep();
	run_state_sweep();

	/* no snapshot, for whose end the holder of a lock on the table may wait */
	compaction_begin_transaction();
	tables = tables_to_compact(PG_GETARG_OID(0));
	foreach(cell, tables)
	{
		Compaction	compaction = {.relid = lfirst_oid(cell),.memory = CurrentMemoryContext};

		(void) ensure_toast_relation(compaction.relid, false);
		progress_begin(compaction.relid, "compact");
		while (compact_head_portion(&compaction))
			CHECK_FOR_INTERRUPTS();
		progress_begin(compaction.relid, "merge");
		while (compact_blocks_portion(&compaction))
			CHECK_FOR_INTERRUPTS();
		progress_begin(compaction.relid, "clean indexes");
		clean_indexes(&compaction);
		progress_begin(compaction.relid, "settle");
		while (settle_portion(&compaction))
			CHECK_FOR_INTERRUPTS();
		progress_end();
		compaction_begin_transaction();
		run_state_success(compaction.relid, &compaction.done, DT_NOBEGIN);
	}
	SPI_finish();
	PG_RETURN_VOID();
}
