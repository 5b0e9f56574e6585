/*
 * turn.c
 *	  A table's turn: its duties, a portion at a time.
 *
 * Each portion is a transaction or two of its own, until all duties are done or
 * the turn's time is over.  What fails is noted in pyro.run and ends its duty
 * for this round; the others are done all the same, since one damaged block
 * should not keep dead rows from being removed.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/lock.h"
#include "utils/backend_status.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "tableam/block_cache.h"
#include "tableam/disk_limit.h"
#include "tableam/maintain.h"
#include "tableam/policy.h"
#include "tableam/progress.h"
#include "tableam/run_state.h"
#include "worker/turn.h"
#include "worker/vacuum.h"

/* A turn begins no further portion after this time. */
#define TURN_TIME		(2 * USECS_PER_SEC)

static MemoryContext turn_context;	/* emptied after each turn */
static char task_name[NAMEDATALEN]; /* of the table whose turn it is */

void
turn_init(void)
{
	turn_context = AllocSetContextCreate(TopMemoryContext, "pyro turn", ALLOCSET_DEFAULT_SIZES);
}

void
turn_begin_transaction(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
}

/* ---- errors ---- */

/* Did somebody else only have what we wanted, or want what we had? */
static bool
is_conflict(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
		error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
		error->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE ||
		error->sqlerrcode == ERRCODE_OBJECT_IN_USE;
}

ErrorData *
turn_recover(void)
{
	ErrorData  *error;

	HOLD_INTERRUPTS();
	disable_all_timeouts(false);
	QueryCancelPending = false;
	MemoryContextSwitchTo(turn_context);
	error = CopyErrorData();
	FlushErrorState();
	AbortOutOfAnyTransaction();
	LockReleaseAll(USER_LOCKMETHOD, true);
	MemoryContextSwitchTo(turn_context);
	PortalContext = NULL;
	RESUME_INTERRUPTS();
	return error;
}

/* Note in pyro.run that a duty failed. */
static void
write_error(Oid relid, const char *message)
{
	PG_TRY();
	{
		turn_begin_transaction();
		run_state_error(relid, message);
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		ErrorData  *error = turn_recover();

		ereport(LOG,
				(errmsg("could not note that a duty of pyro_ext failed: %s", error->message)));
	}
	PG_END_TRY();
}

/* A duty of a table failed: say so, in the log and to those who ask. */
static void
report_failure(TableTask *task, const char *duty, const ErrorData *error)
{
	bool		first = !task->failed;
	const char *message = error->sqlerrcode == ERRCODE_QUERY_CANCELED ?
	"cancelled, perhaps for somebody who waits for the table" : error->message;

	task->failed = true;
	if (!is_conflict(error))
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("pyro worker: duty \"%s\" failed for table \"%s\": %s", duty,
						task_name, error->message),
				 error->detail ? errdetail_internal("%s", error->detail) : 0,
				 error->context ? errcontext("%s", error->context) : 0));
	if (first)
		write_error(task->relid, psprintf("%s: %s", duty, message));
}

/* ---- steps of a round ---- */

/*
 * The duties in their order, and VACUUM where they need it: before settling,
 * which uses the space that it frees, and after, to cut the tail.
 */
typedef enum StepKind
{
	STEP_DUTY,
	STEP_VACUUM,
	STEP_VACUUM_TAIL
} StepKind;

typedef struct Step
{
	StepKind	kind;
	Duty		duty;
} Step;

static const Step steps[] = {
	{STEP_DUTY, DUTY_PARTITIONS},
	{STEP_DUTY, DUTY_RETENTION},
	{STEP_DUTY, DUTY_RULES},
	{STEP_DUTY, DUTY_COMPACT},
	{STEP_DUTY, DUTY_MERGE},
	{STEP_DUTY, DUTY_CLEAN},
	{STEP_VACUUM, DUTY_END},
	{STEP_DUTY, DUTY_SETTLE},
	{STEP_VACUUM_TAIL, DUTY_END},
};

static const char *
step_name(const Step *step)
{
	return step->kind == STEP_DUTY ? duty_name(step->duty) : "vacuum";
}

/* A duty, or as much of it as there is time for; true if there is more to do. */
static bool
do_duty(TableTask *task, Duty duty, TimestampTz until)
{
	DutyResult	result;

	maintain_connect(turn_context);
	do
		result = maintain_portion(&task->maintenance, duty);
	while (result == DUTY_MORE && GetCurrentTimestamp() < until);
	maintain_disconnect();
	if (result == DUTY_LOCKED)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("table \"%s\" is locked by somebody else", task_name)));
	return result == DUTY_MORE;
}

static void
do_vacuum(TableTask *task, bool tail)
{
	bool		due;

	/* statistics are to know what this turn has done */
	(void) pgstat_report_stat(true);
	turn_begin_transaction();
	due = tail ? task->maintenance.compaction.settled : vacuum_is_due(task->relid);
	CommitTransactionCommand();
	if (!due)
		return;
	PortalContext = turn_context;
	turn_begin_transaction();
	vacuum_table(task->relid, tail);
	CommitTransactionCommand();
	PortalContext = NULL;
	task->maintenance.compaction.settled = false;
}

static bool
do_step(TableTask *task, TimestampTz until)
{
	const Step *step = &steps[task->step];

	if (step->kind == STEP_DUTY)
		return do_duty(task, step->duty, until);
	do_vacuum(task, step->kind == STEP_VACUUM_TAIL);
	return false;
}

/* The same, but an error is noted, and ends the step. */
static bool
try_step(TableTask *task, TimestampTz until)
{
	MemoryContext before = CurrentMemoryContext;
	const char *name = step_name(&steps[task->step]);
	char		activity[2 * NAMEDATALEN + 64];
	bool		more = false;

	snprintf(activity, sizeof(activity), "pyro worker: %s %s", name, task_name);
	pgstat_report_activity(STATE_RUNNING, activity);
	PG_TRY();
	{
		more = do_step(task, until);
	}
	PG_CATCH();
	{
		ErrorData  *error = turn_recover();

		if (!ShutdownRequestPending)
			report_failure(task, name, error);

		/* whoever wants the table now shall have it for a while */
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			task->step = lengthof(steps) - 1;
		task->maintenance.has_begun = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(before);
	return more;
}

/* ---- turns and rounds ---- */

void
turn_enforce_disk_limit(void)
{
	if (policy_disk_limit() == 0)
		return;
	pgstat_report_activity(STATE_RUNNING, "pyro worker: disk limit");
	maintain_connect(turn_context);
	disk_limit_enforce(true);
	maintain_disconnect();
	MemoryContextSwitchTo(TopMemoryContext);
	MemoryContextReset(turn_context);
}

/* All steps are done. */
static void
end_round(TableTask *task)
{
	if (!task->failed)
	{
		PG_TRY();
		{
			maintain_connect(turn_context);
			maintain_end(&task->maintenance);
			maintain_disconnect();
		}
		PG_CATCH();
		{
			report_failure(task, "run state", turn_recover());
		}
		PG_END_TRY();
	}
	schedule_end(task);
}

void
turn_serve(TableTask *task)
{
	TimestampTz until = GetCurrentTimestamp() + TURN_TIME;
	char	   *name;

	turn_begin_transaction();
	schedule_begin(task);
	name = get_rel_name(task->relid);
	strlcpy(task_name, name ? name : "", sizeof(task_name));
	CommitTransactionCommand();

	MemoryContextSwitchTo(turn_context);
	while (task->step < lengthof(steps) && !ShutdownRequestPending &&
		   GetCurrentTimestamp() < until)
	{
		if (!try_step(task, until))
			task->step++;
	}
	progress_end();
	if (task->step >= lengthof(steps))
		end_round(task);

	MemoryContextSwitchTo(TopMemoryContext);
	block_cache_clear();
	MemoryContextReset(turn_context);
	pgstat_report_activity(STATE_IDLE, NULL);
	(void) pgstat_report_stat(true);
}
