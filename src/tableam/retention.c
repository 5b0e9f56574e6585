/*
 * retention.c
 *	  Retention: which rows are kept for how long, and dropping those that are
 *	  older.
 *
 * A block all of whose rows are to go is dropped as soon as that is so.  Rows
 * in other blocks have to be deleted one by one, and the block is written again
 * sooner or later.  By hand that is done at once; a worker does it for a block
 * a few times in its life only, so that rows may stay for an eighth of their
 * time longer.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation_d.h"
#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "pyro_ext.h"
#include "tableam/compaction.h"
#include "tableam/policy.h"
#include "tableam/retention.h"

/* the columns of pyro.retention_rule */
enum
{
	COLUMN_RELATION = 1,
	COLUMN_SELECTOR,
	COLUMN_AGE,
	COLUMN_COUNT = COLUMN_AGE
};

/* A worker deletes in mixed blocks once in this part of the rows' time. */
#define MIXED_PART			8

/* And looks for old rows at all once in this part of it, within limits. */
#define LOOK_PART			64
#define MIN_LOOK_INTERVAL	(10 * USECS_PER_SEC)
#define MAX_LOOK_INTERVAL	(15 * USECS_PER_MINUTE)

/* Rows of one kind that have their time. */
typedef struct RetentionJob
{
	char	   *selector;		/* NULL: all rows */
	char	   *column;			/* that tells their age */
	TimestampTz before;
} RetentionJob;

/* ---- what this process has done ---- */

/*
 * Blocks never change, so one in which all old rows were deleted need not be
 * searched again.  Who does not know does it again, and finds nothing.
 */
typedef struct ProgressKey
{
	Oid			relid;
	uint32		selector;		/* hashed; 0: all rows */
} ProgressKey;

typedef struct Progress
{
	ProgressKey key;
	int64		storage_id;
	int64		done_vpage;
	TimestampTz done_before;
	TimestampTz mixed_at;		/* when mixed blocks were last searched */
} Progress;

#define MAX_PROGRESS	10000

static HTAB *progress_table = NULL;

static Progress *
find_progress(Oid relid, const char *selector, HASHACTION action)
{
	ProgressKey key;

	memset(&key, 0, sizeof(key));
	key.relid = relid;
	if (selector != NULL)
		key.selector = DatumGetUInt32(hash_any((const unsigned char *) selector,
											   strlen(selector))) | 1;
	if (progress_table != NULL && hash_get_num_entries(progress_table) > MAX_PROGRESS)
	{
		hash_destroy(progress_table);
		progress_table = NULL;
	}
	if (progress_table == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(ProgressKey),.entrysize = sizeof(Progress)};

		progress_table = hash_create("pyro retention", 64, &control, HASH_ELEM | HASH_BLOBS);
	}
	return hash_search(progress_table, &key, action, NULL);
}

/* ---- the clock ---- */

#define CLOCK_JUMP	USECS_PER_HOUR

bool
retention_trusts_clock(void)
{
	static bool has_begun = false;
	static int64 was_ahead;		/* of a clock that nobody sets */
	static int64 distrusted_until;	/* by that clock */
	instr_time	instr;
	int64		steady;
	int64		ahead;

	INSTR_TIME_SET_CURRENT(instr);
	steady = INSTR_TIME_GET_MICROSEC(instr);
	ahead = GetCurrentTimestamp() - steady;
	if (!has_begun)
	{
		has_begun = true;
		was_ahead = ahead;
		distrusted_until = steady;
	}
	if (ahead - was_ahead > CLOCK_JUMP)
	{
		ereport(WARNING,
				(errmsg("the system clock jumped ahead by " INT64_FORMAT " seconds",
						(ahead - was_ahead) / USECS_PER_SEC),
				 errdetail("Nothing is dropped for its age for an hour.")));
		distrusted_until = steady + CLOCK_JUMP;
	}
	was_ahead = ahead;
	return steady >= distrusted_until;
}

/* ---- what is due ---- */

static void
add_job(Retention *retention, const char *selector, const char *column, const Interval *age)
{
	RetentionJob *job = palloc0(sizeof(RetentionJob));

	job->selector = selector == NULL ? NULL : pstrdup(selector);
	job->column = pstrdup(column);
	job->before = time_before(retention->now, age);
	retention->jobs = lappend(retention->jobs, job);
}

/* The rules of one table, or of one of which it is a partition. */
static void
add_rules(Retention *retention, Oid relid)
{
	ScanKeyData key;
	OwnScan		scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, COLUMN_RELATION, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	if (!own_scan_begin(&scan, OWN_RETENTION_RULE, false, NULL, 1, &key))
		return;
	while ((tuple = own_scan_next(&scan, ForwardScanDirection)) != NULL)
	{
		Datum		values[COLUMN_COUNT];
		bool		nulls[COLUMN_COUNT];

		heap_deform_tuple(tuple, RelationGetDescr(scan.table), values, nulls);
		add_job(retention, TextDatumGetCString(values[COLUMN_SELECTOR - 1]), "ts",
				DatumGetIntervalP(values[COLUMN_AGE - 1]));
	}
	own_scan_end(&scan);
}

static void
find_jobs(Retention *retention, Relation rel, bool by_rules)
{
	if (by_rules)
	{
		List	   *ancestors = rel->rd_rel->relispartition ?
		get_partition_ancestors(RelationGetRelid(rel)) : NIL;
		ListCell   *cell;

		add_rules(retention, RelationGetRelid(rel));
		foreach(cell, ancestors)
			add_rules(retention, lfirst_oid(cell));
	}
	else
	{
		TablePolicy *policy = table_policy(rel);

		if (policy->retention != NULL)
			add_job(retention, NULL,
					get_attname(RelationGetRelid(rel), require_time_column(rel), false),
					policy->retention);
	}
}

/* Is it long enough ago that a worker looked for rows that are too old? */
static bool
is_due(const Retention *retention, Oid relid)
{
	int64		interval = MAX_LOOK_INTERVAL;
	RunState	state;
	ListCell   *cell;

	foreach(cell, retention->jobs)
	{
		RetentionJob *job = lfirst(cell);

		if (job->before != DT_NOBEGIN)
			interval = Min(interval, (retention->now - job->before) / LOOK_PART);
	}
	run_state_read(relid, &state);
	/* a time in the future is of a clock that was wrong */
	return state.last_retention == DT_NOBEGIN || state.last_retention > retention->now ||
		retention->now - state.last_retention >= Max(interval, MIN_LOOK_INTERVAL);
}

static void
start_job(Retention *retention)
{
	RetentionJob *job = list_nth(retention->jobs, retention->job);
	RowDrop    *drop = &retention->drop;
	Progress   *progress = find_progress(drop->relid, job->selector, HASH_FIND);
	Oid			relid = drop->relid;
	bool		nowait = drop->nowait;

	memset(drop, 0, sizeof(*drop));
	drop->relid = relid;
	drop->nowait = nowait;
	drop->bounded = true;
	drop->column = job->column;
	drop->selector = job->selector;
	drop->before = job->before;
	if (progress != NULL)
	{
		drop->storage_id = progress->storage_id;
		drop->done_vpage = progress->done_vpage;
		drop->done_before = progress->done_before;
		drop->whole_blocks_only = nowait && progress->mixed_at <= retention->now &&
			retention->now - progress->mixed_at <
			(retention->now - job->before) / MIXED_PART;
	}
}

bool
retention_begin(Retention *retention, Oid relid, bool by_rules, bool by_worker,
				bool *lock_failed)
{
	Relation	rel;
	bool		due;

	memset(retention, 0, sizeof(*retention));
	retention->drop.relid = relid;
	retention->drop.nowait = by_worker;
	*lock_failed = by_worker && !ConditionalLockRelationOid(relid, AccessShareLock);
	if (*lock_failed)
		return false;
	rel = try_relation_open(relid, by_worker ? NoLock : AccessShareLock);
	if (rel == NULL)
		return false;
	retention->now = GetCurrentTimestamp();
	if (rel->rd_rel->relkind == RELKIND_RELATION)
		find_jobs(retention, rel, by_rules);
	due = retention->jobs != NIL &&
		(!by_worker || (retention_trusts_clock() && is_due(retention, relid)));
	if (due)
		start_job(retention);
	relation_close(rel, NoLock);
	return due;
}

/* Remember a job that is committed, and take up the next one. */
static bool
finish_job(Retention *retention)
{
	RowDrop    *drop = &retention->drop;
	Progress   *progress = find_progress(drop->relid, drop->selector, HASH_ENTER);

	if (drop->storage_id != NO_STORAGE && !drop->whole_blocks_only && !drop->lock_failed)
	{
		progress->storage_id = drop->storage_id;
		progress->done_vpage = drop->first_end_vpage;
		progress->done_before = drop->before;
		progress->mixed_at = retention->now;
	}
	if (++retention->job >= list_length(retention->jobs))
		return false;
	start_job(retention);
	return true;
}

bool
retention_portion(Retention *retention)
{
	RowDrop    *drop = &retention->drop;
	int64		rows = drop->rows;
	int64		blocks = drop->blocks;
	bool		more;

	compaction_begin_transaction();
	CHECK_FOR_INTERRUPTS();
	more = drop_rows_portion(drop);
	retention->done->rows_dropped += drop->rows - rows;
	retention->done->blocks_dropped += drop->blocks - blocks;
	if (more || drop->lock_failed)
		return more;
	compaction_begin_transaction();
	return finish_job(retention);
}

/* ---- the function ---- */

/* An error if the selector is none, or if the table lacks what it asks about. */
static void
check_selector(Relation rel, const char *selector)
{
	static const Oid types[] = {
		TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
		TEXTOID, TEXTOID
	};
	Oid			select_types[] = {REGCLASSOID, TEXTOID};
	Datum		values[] = {
		ObjectIdGetDatum(RelationGetRelid(rel)), CStringGetTextDatum(selector)
	};
	char	   *condition;

	SPI_connect();
	if (SPI_execute_with_args("SELECT condition FROM pyro.selection($1, NULL, $2)",
							  lengthof(select_types), select_types, values, NULL, true, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read selector \"%s\"", selector);
	condition = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (SPI_prepare(psprintf("SELECT FROM ONLY %s AS p WHERE %s",
							 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
														RelationGetRelationName(rel)),
							 condition),
					lengthof(types), (Oid *) types) == NULL)
		elog(ERROR, "could not prepare selector \"%s\"", selector);
	SPI_finish();
}

/* Where a table has a rule for a selector; false if nowhere. */
static bool
find_rule(Oid relid, Datum selector, ItemPointer tid)
{
	ScanKeyData keys[2];
	OwnScan		scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], COLUMN_RELATION, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	ScanKeyEntryInitialize(&keys[1], 0, COLUMN_SELECTOR, BTEqualStrategyNumber, InvalidOid,
						   C_COLLATION_OID, F_TEXTEQ, selector);
	if (!own_scan_begin(&scan, OWN_RETENTION_RULE, false, NULL, lengthof(keys), keys))
		return false;
	tuple = own_scan_next(&scan, ForwardScanDirection);
	if (tuple != NULL)
		*tid = tuple->t_self;
	own_scan_end(&scan);
	return tuple != NULL;
}

/* pyro.set_retention(t, selector, age): NULL for the age removes the rule. */
PYRO_FUNCTION(pyro_set_retention);
Datum
pyro_set_retention(PG_FUNCTION_ARGS)
{
	Datum		values[COLUMN_COUNT];
	bool		nulls[COLUMN_COUNT] = {0};
	Relation	rel;
	Relation	table;
	ItemPointerData tid;
	bool		found;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("pyro.set_retention needs a table and a selector")));
	PreventCommandIfReadOnly("pyro.set_retention()");
	rel = policy_open_table(PG_GETARG_OID(0), false);
	values[COLUMN_RELATION - 1] = ObjectIdGetDatum(RelationGetRelid(rel));
	values[COLUMN_SELECTOR - 1] = PointerGetDatum(PG_GETARG_TEXT_PP(1));
	if (!PG_ARGISNULL(2))
	{
		policy_check_age(PG_GETARG_INTERVAL_P(2), "age", false);
		check_selector(rel, TextDatumGetCString(values[COLUMN_SELECTOR - 1]));
		values[COLUMN_AGE - 1] = PG_GETARG_DATUM(2);
	}
	table = policy_lock(OWN_RETENTION_RULE);
	found = find_rule(RelationGetRelid(rel), values[COLUMN_SELECTOR - 1], &tid);
	if (found)
	{
		own_row_delete(table, &tid);
		CommandCounterIncrement();
	}
	if (!PG_ARGISNULL(2))
	{
		own_row_insert(table, values, nulls, GetCurrentCommandId(true));
		CommandCounterIncrement();
	}
	else if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table \"%s\" has no retention rule for selector \"%s\"",
						RelationGetRelationName(rel),
						TextDatumGetCString(values[COLUMN_SELECTOR - 1]))));
	table_close(table, NoLock);
	table_close(rel, NoLock);
	PG_RETURN_VOID();
}
