/*
 * maintain.c
 *	  The duties of a table, in portions; CALL pyro.maintain.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "pyro_ext.h"
#include "tableam/maintain.h"
#include "tableam/partitions.h"
#include "tableam/policy.h"
#include "tableam/progress.h"
#include "tableam/rewrite.h"
#include "tableam/storage.h"
#include "tableam/tableam.h"

/* Rows that may stay in the head longer than this are compacted in portions of it. */
#define MAX_COMPACT_INTERVAL	USECS_PER_HOUR

static const char *const duty_names[] = {
	[DUTY_PARTITIONS] = "partitions",
	[DUTY_RETENTION] = "retention",
	[DUTY_RULES] = "retention rules",
	[DUTY_COMPACT] = "compact",
	[DUTY_MERGE] = "merge",
	[DUTY_CLEAN] = "clean indexes",
	[DUTY_SETTLE] = "settle",
};

const char *
duty_name(Duty duty)
{
	return duty_names[duty];
}

/* ---- connections ---- */

void
maintain_connect(MemoryContext context)
{
	/* where a procedure's connection has its memory */
	PortalContext = context;
	StartTransactionCommand();
	SPI_connect_ext(SPI_OPT_NONATOMIC);
}

void
maintain_disconnect(void)
{
	SPI_finish();
	CommitTransactionCommand();
	PortalContext = NULL;
}

/* ---- compaction ---- */

/*
 * Find out whether the head is to be compacted now, and up to which age; this
 * is in a transaction of its own.
 *
 * A worker waits until a portion has gathered: as much as comes in the time for
 * which rows stay.
 */
static bool
head_is_due(Maintenance *maintenance)
{
	Compaction *compaction = &maintenance->compaction;
	TimestampTz now = GetCurrentTimestamp();
	Interval	wait = {.time = maintenance->by_worker ? policy_default_compact_after() : 0};
	TablePolicy *policy;
	RunState	state;
	TimestampTz due;

	if (!compaction_begin_step(compaction))
		return false;
	policy = table_policy(compaction->rel);
	if (policy->compact_after != NULL)
		wait = *policy->compact_after;
	compaction->before = wait.month == 0 && wait.day == 0 && wait.time == 0 ? 0 :
		time_before(now, &wait);
	run_state_read(compaction->relid, &state);
	compaction_end_step(compaction);

	/* a time in the future is of a clock that was wrong */
	due = time_before(now, &wait);
	due = Max(due, now - MAX_COMPACT_INTERVAL);
	return !maintenance->by_worker || state.last_compaction <= due || state.last_compaction > now;
}

static DutyResult
more_if(bool more)
{
	return more ? DUTY_MORE : DUTY_DONE;
}

static DutyResult
compact_portion(Maintenance *maintenance)
{
	Compaction *compaction = &maintenance->compaction;

	if (!maintenance->has_begun)
	{
		if (!head_is_due(maintenance))
			return DUTY_DONE;
		compaction->head_page = 0;
		compaction_begin_transaction();
		if (!ensure_toast_relation(compaction->relid, compaction->nowait))
			return DUTY_LOCKED;
	}
	return more_if(compact_head_portion(compaction));
}

static DutyResult
merge_portion(Maintenance *maintenance)
{
	Compaction *compaction = &maintenance->compaction;

	if (!maintenance->has_begun)
	{
		compaction->merge_context = NULL;
		compaction->groups = NIL;
	}
	return more_if(compact_blocks_portion(compaction));
}

/* ---- retention ---- */

static DutyResult
retention_duty(Maintenance *maintenance, bool by_rules)
{
	Compaction *compaction = &maintenance->compaction;
	Retention  *retention = &maintenance->retention;
	bool		more;

	if (!maintenance->has_begun)
	{
		MemoryContext before;
		bool		due;

		compaction_begin_transaction();
		before = MemoryContextSwitchTo(maintenance->memory);
		due = retention_begin(retention, compaction->relid, by_rules, maintenance->by_worker,
							  &compaction->lock_failed);
		MemoryContextSwitchTo(before);
		if (!due)
			return DUTY_DONE;
		retention->done = &compaction->done;
	}
	more = retention_portion(retention);
	compaction->lock_failed = retention->drop.lock_failed;
	if (!more && !compaction->lock_failed)
		maintenance->retention_at = retention->now;
	return more_if(more);
}

/* ---- duties ---- */

/* An error may have left something. */
static void
release_memory(Maintenance *maintenance)
{
	if (maintenance->memory != NULL)
		MemoryContextDelete(maintenance->memory);
	maintenance->memory = NULL;
}

/* A worker keeps it from connection to connection. */
static void
begin_duty(Maintenance *maintenance)
{
	release_memory(maintenance);
	maintenance->memory =
		AllocSetContextCreate(maintenance->by_worker ? TopMemoryContext : CurrentMemoryContext,
							  "pyro duty", ALLOCSET_SMALL_SIZES);
	maintenance->compaction.memory = maintenance->memory;
}

void
maintain_begin(Maintenance *maintenance, Oid relid, bool by_worker)
{
	release_memory(maintenance);
	memset(maintenance, 0, sizeof(*maintenance));
	maintenance->by_worker = by_worker;
	maintenance->retention_at = DT_NOBEGIN;
	maintenance->compaction.relid = relid;
	maintenance->compaction.nowait = by_worker;
}

DutyResult
maintain_portion(Maintenance *maintenance, Duty duty)
{
	DutyResult	result = DUTY_DONE;

	CHECK_FOR_INTERRUPTS();
	if (!maintenance->has_begun)
		begin_duty(maintenance);
	maintenance->compaction.lock_failed = false;
	progress_begin(maintenance->compaction.relid, duty_name(duty));
	switch (duty)
	{
		case DUTY_PARTITIONS:
			if (!maintenance->has_begun)
			{
				maintenance->compaction.partitions_until = DT_NOBEGIN;
				maintenance->compaction.partition_error = NULL;
			}
			result = more_if(partitions_portion(&maintenance->compaction,
												!maintenance->by_worker ||
												retention_trusts_clock()));
			break;
		case DUTY_RETENTION:
		case DUTY_RULES:
			result = retention_duty(maintenance, duty == DUTY_RULES);
			break;
		case DUTY_COMPACT:
			result = compact_portion(maintenance);
			break;
		case DUTY_MERGE:
			result = merge_portion(maintenance);
			break;
		case DUTY_CLEAN:
			clean_indexes(&maintenance->compaction);
			break;
		case DUTY_SETTLE:
			result = more_if(settle_portion(&maintenance->compaction));
			break;
		default:
			break;
	}
	if (maintenance->compaction.lock_failed)
		result = DUTY_LOCKED;
	maintenance->has_begun = result == DUTY_MORE;
	if (!maintenance->has_begun)
	{
		release_memory(maintenance);
		progress_end();
	}
	return result;
}

void
maintain_end(Maintenance *maintenance)
{
	compaction_begin_transaction();
	run_state_success(maintenance->compaction.relid, &maintenance->compaction.done,
					  maintenance->retention_at);
	memset(&maintenance->compaction.done, 0, sizeof(WorkDone));
	maintenance->retention_at = DT_NOBEGIN;
}

/* ---- tables ---- */

static bool
has_duties(Form_pg_class form, Oid access_method)
{
	if (form->relpersistence != RELPERSISTENCE_PERMANENT)
		return false;
	if (form->relkind == RELKIND_PARTITIONED_TABLE)
	{
		PolicyRow	row;

		return policy_read(form->oid, &row) && !row.nulls[POLICY_PARTITION_BY - 1];
	}
	return form->relam == access_method &&
		(form->relkind == RELKIND_RELATION || form->relkind == RELKIND_MATVIEW);
}

List *
maintain_tables(void)
{
	Oid			access_method = get_am_oid("pyro", true);
	Relation	pg_class = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(pg_class, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	List	   *partitioned = NIL;
	List	   *plain = NIL;

	while (OidIsValid(access_method) && (tuple = systable_getnext(scan)) != NULL)
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		if (!has_duties(form, access_method))
			continue;
		if (form->relkind == RELKIND_PARTITIONED_TABLE)
			partitioned = lappend_oid(partitioned, form->oid);
		else
			plain = lappend_oid(plain, form->oid);
	}
	systable_endscan(scan);
	table_close(pg_class, AccessShareLock);
	list_sort(partitioned, list_oid_cmp);
	list_sort(plain, list_oid_cmp);
	return list_concat(partitioned, plain);
}

/* ---- the procedure ---- */

/* The table and what hangs on it; an error for callers who may not. */
static List *
tables_to_maintain(Oid relid)
{
	Relation	rel = policy_open_table(relid, true);
	bool		partitioned = rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;

	table_close(rel, AccessShareLock);
	return partitioned ? find_all_inheritors(relid, NoLock, NULL) : list_make1_oid(relid);
}

PYRO_FUNCTION(pyro_maintain);
Datum
pyro_maintain(PG_FUNCTION_ARGS)
{
	List	   *tables;
	ListCell   *cell;

	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("pyro.maintain cannot run inside a transaction block"),
				 errdetail("It commits after each portion.")));
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("pyro.maintain needs a table")));
	PreventCommandIfReadOnly("CALL pyro.maintain");
	PreventCommandDuringRecovery("CALL pyro.maintain");

	/* its memory outlives the transactions */
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	storage_sweep();
	policy_sweep();
	run_state_sweep();
	compaction_begin_transaction();
	tables = tables_to_maintain(PG_GETARG_OID(0));
	foreach(cell, tables)
	{
		Maintenance maintenance = {0};

		maintain_begin(&maintenance, lfirst_oid(cell), false);
		for (Duty duty = 0; duty < DUTY_END; duty++)
			while (maintain_portion(&maintenance, duty) == DUTY_MORE)
				CHECK_FOR_INTERRUPTS();
		maintain_end(&maintenance);
	}
	SPI_finish();
	PG_RETURN_VOID();
}
