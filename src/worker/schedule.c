/*
 * schedule.c
 *	  Which table a worker looks after next, and when.
 */
#include "postgres.h"

#include "access/relation.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#include "tableam/policy.h"
#include "worker/schedule.h"
#include "worker/worker_internal.h"

/*
 * A table is looked at so often though nothing was written: rows grow old, time
 * windows end, snapshots go that kept VACUUM from dead rows.
 */
#define QUIET_TIME		(10 * USECS_PER_MINUTE)

static HTAB *tasks = NULL;

/* ---- which tables there are ---- */

static int64
count_of(PGFunction counter, Oid relid)
{
	return DatumGetInt64(DirectFunctionCall1(counter, ObjectIdGetDatum(relid)));
}

/* How often its rows were changed, as statistics know. */
static int64
count_changes(Oid relid)
{
	return count_of(pg_stat_get_tuples_inserted, relid) +
		count_of(pg_stat_get_tuples_updated, relid) + count_of(pg_stat_get_tuples_deleted, relid);
}

static int64
failure_delay(int failures)
{
	return worker_backoff(failures, worker_naptime * USECS_PER_SEC);
}

/* A table that this worker meets for the first time; another may have failed at it. */
static void
begin_task(TableTask *task)
{
	TimestampTz now = GetCurrentTimestamp();
	RunState	state;

	memset((char *) task + sizeof(Oid), 0, sizeof(TableTask) - sizeof(Oid));
	task->due = now;
	task->changes = -1;
	if (!run_state_read(task->relid, &state))
		return;

	/* a worker that was not there for long left off where others are next */
	if (state.last_success <= now)
		task->served = Max(state.last_success, 0);
	if (state.failures > 0 && state.last_error_at <= now)
	{
		task->failures = state.failures;
		task->due = Max(now, state.last_error_at + failure_delay(state.failures));
	}
}

void
schedule_refresh(void)
{
	List	   *tables = maintain_tables();
	HASH_SEQ_STATUS all;
	TableTask  *task;
	ListCell   *cell;

	if (tasks == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(TableTask)};

		tasks = hash_create("pyro tables", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	hash_seq_init(&all, tasks);
	while ((task = hash_seq_search(&all)) != NULL)
		task->listed = false;
	foreach(cell, tables)
	{
		Oid			relid = lfirst_oid(cell);

		CHECK_FOR_INTERRUPTS();
		task = hash_search(tasks, &relid, HASH_FIND, NULL);
		if (task == NULL)
		{
			task = hash_search(tasks, &relid, HASH_ENTER, NULL);
			task->due = DT_NOEND;	/* should the rest fail */
			begin_task(task);
		}
		task->listed = true;

		/* it was quiet, and is no more */
		if (!task->has_begun && task->failures == 0 &&
			task->due > task->served + task->patience &&
			count_changes(relid) != task->changes)
			task->due = task->served + task->patience;
	}
	hash_seq_init(&all, tasks);
	while ((task = hash_seq_search(&all)) != NULL)
		if (!task->listed)
		{
			/* lets go of the round's memory */
			maintain_begin(&task->maintenance, task->relid, true);
			hash_search(tasks, &task->relid, HASH_REMOVE, NULL);
		}
	list_free(tables);
}

/* ---- which is next ---- */

void
schedule_hurry(void)
{
	TimestampTz now = GetCurrentTimestamp();
	HASH_SEQ_STATUS all;
	TableTask  *task;

	/* before the first look at the tables all are due anyway */
	if (tasks == NULL)
		return;
	hash_seq_init(&all, tasks);
	while ((task = hash_seq_search(&all)) != NULL)
		if (task->failures == 0)
			task->due = Min(task->due, now);
}

TableTask *
schedule_next(TimestampTz now)
{
	TableTask  *next = NULL;
	HASH_SEQ_STATUS all;
	TableTask  *task;

	hash_seq_init(&all, tasks);
	while ((task = hash_seq_search(&all)) != NULL)
		if (task->due <= now && (next == NULL || task->served < next->served))
			next = task;
	return next;
}

TimestampTz
schedule_next_due(TimestampTz latest)
{
	HASH_SEQ_STATUS all;
	TableTask  *task;

	hash_seq_init(&all, tasks);
	while ((task = hash_seq_search(&all)) != NULL)
		latest = Min(latest, task->due);
	return latest;
}

/* ---- turns ---- */

/* How long a table's rows stay in the head, as users wish, within reason. */
static int64
read_patience(Oid relid)
{
	int64		patience = policy_default_compact_after();
	Relation	rel = NULL;

	/* of a table that somebody has locked the duties will tell */
	if (ConditionalLockRelationOid(relid, AccessShareLock))
		rel = try_relation_open(relid, NoLock);
	if (rel != NULL)
	{
		TablePolicy *policy = table_policy(rel);
		int64		usecs;

		if (policy->compact_after != NULL)
			patience = interval_is_fixed(policy->compact_after, &usecs) ? usecs : QUIET_TIME;
		relation_close(rel, NoLock);
	}
	return Min(Max(patience, worker_naptime * USECS_PER_SEC), QUIET_TIME);
}

void
schedule_begin(TableTask *task)
{
	WorkDone	done = task->maintenance.compaction.done;

	task->served = GetCurrentTimestamp();
	if (task->has_begun)
		return;
	task->has_begun = true;
	task->failed = false;
	task->step = 0;
	task->new_changes = count_changes(task->relid);
	task->patience = read_patience(task->relid);
	maintain_begin(&task->maintenance, task->relid, true);

	/* what rounds did that failed is still to be counted */
	task->maintenance.compaction.done = done;
}

void
schedule_end(TableTask *task)
{
	bool		changed = task->new_changes != task->changes;
	TimestampTz now = GetCurrentTimestamp();

	task->has_begun = false;
	task->changes = task->new_changes;
	if (task->failed)
	{
		task->failures++;
		task->due = now + failure_delay(task->failures);
		return;
	}
	task->failures = 0;
	task->due = now + (changed ? task->patience : QUIET_TIME);
}
