/*
 * worker.c
 *	  The process that looks after the tables of one database.
 *
 * It goes round the tables that are due (schedule.c), gives each a turn
 * (turn.c), and sleeps when there are none.
 *
 * To others it looks like a worker of autovacuum: whoever waits for a lock that
 * it holds cancels what it does after deadlock_timeout, and who needs the
 * database for himself has it terminated.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/syncrep.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "tableam/policy.h"
#include "tableam/run_state.h"
#include "tableam/storage.h"
#include "worker/schedule.h"
#include "worker/turn.h"
#include "worker/worker_internal.h"
#include "worker/worker_slots.h"

/* A new worker takes this one's place after so long, or with so much memory. */
#define WORKER_TIME		USECS_PER_HOUR
#define WORKER_MEMORY	((Size) 64 * 1024 * 1024)

/*
 * Wait for others' locks no longer than this: less than deadlock_timeout, so
 * that if anybody is to fail by a deadlock, it is the worker.
 */
#define LOCK_TIMEOUT	"500ms"

/* Look for what dropped tables left behind, so often. */
#define SWEEP_TIME		(10 * USECS_PER_MINUTE)

static int	slot_number;

/* ---- signals and settings ---- */

/* Stop what is being done, and then go. */
static void
on_sigterm(SIGNAL_ARGS)
{
	int			save_errno = errno;

	ShutdownRequestPending = true;
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
	errno = save_errno;
}

static void
set_option(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

/* As autovacuum's workers do, and for the same reasons. */
static void
set_options(void)
{
	set_option("application_name", MyBgworkerEntry->bgw_name);
	set_option("search_path", "");
	set_option("zero_damaged_pages", "false");
	set_option("statement_timeout", "0");
	set_option("idle_in_transaction_session_timeout", "0");
	if (HAS_TRANSACTION_TIMEOUT)
		set_option("transaction_timeout", "0");
	set_option("lock_timeout", LOCK_TIMEOUT);
	set_option("default_transaction_isolation", "read committed");
	set_option("default_transaction_read_only", "false");
	set_option("default_transaction_deferrable", "false");
	set_option("stats_fetch_consistency", "none");
	set_option("jit", "off");
	set_option("session_replication_role", "origin");
	if (synchronous_commit > SYNCHRONOUS_COMMIT_LOCAL_FLUSH)
		set_option("synchronous_commit", "local");
}

/* VACUUM is to take as much of the disks as autovacuum may. */
static void
set_vacuum_delay(void)
{
	const char *delay = GetConfigOption("autovacuum_vacuum_cost_delay", false, false);
	const char *limit = GetConfigOption("autovacuum_vacuum_cost_limit", false, false);

	if (atof(delay) >= 0)
		set_option("vacuum_cost_delay", delay);
	if (atoi(limit) > 0)
		set_option("vacuum_cost_limit", limit);
}

static void
look_like_autovacuum(void)
{
	LWLockAcquire(ProcArrayLock, LW_EXCLUSIVE);
	MyProc->statusFlags |= PROC_IS_AUTOVACUUM;
	ProcGlobal->statusFlags[MyProc->pgxactoff] = MyProc->statusFlags;
	LWLockRelease(ProcArrayLock);
}

/* ---- rounds ---- */

/* See which tables there are; false if the database does not have the extension. */
static bool
look_at_tables(void)
{
	static TimestampTz swept = 0;
	TimestampTz now = GetCurrentTimestamp();
	bool		found;

	turn_begin_transaction();
	PushActiveSnapshot(GetTransactionSnapshot());
	found = OidIsValid(get_extension_oid("pyro_ext", true));
	if (found)
	{
		if (now - swept >= SWEEP_TIME)
		{
			storage_sweep();
			policy_sweep();
			run_state_sweep();
			swept = now;
		}
		schedule_refresh();
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	return found;
}

/* Is the process to end, now or between two turns? */
static bool
must_leave(void)
{
	return ShutdownRequestPending || worker_slot_must_leave(slot_number);
}

/*
 * Serve tables that are due, for a naptime at most.  False if there is nothing
 * to be done here; failures are errors in a row of this itself.
 */
static bool
go_round(int *failures)
{
	TimestampTz until = GetCurrentTimestamp() + worker_naptime * USECS_PER_SEC;
	bool		found = true;
	volatile bool failed = false;

	PG_TRY();
	{
		TableTask  *task;

		if (worker_slot_take_wake(slot_number))
			schedule_hurry();
		found = look_at_tables();
		while (found && !must_leave() && GetCurrentTimestamp() < until &&
			   (task = schedule_next(GetCurrentTimestamp())) != NULL)
		{
			turn_serve(task);
			worker_reload();
			set_vacuum_delay();
		}
		if (found && !must_leave())
			turn_enforce_disk_limit();
	}
	PG_CATCH();
	{
		ErrorData  *error = turn_recover();

		if (!ShutdownRequestPending)
			ereport(WARNING,
					(errcode(error->sqlerrcode),
					 errmsg("pyro worker could not look at the tables: %s", error->message)));
		failed = true;
	}
	PG_END_TRY();
	*failures = failed ? *failures + 1 : 0;
	return found;
}

/* Sleep until there is something to do. */
static void
sleep_between_rounds(int failures)
{
	int64		nap = worker_naptime * USECS_PER_SEC;
	TimestampTz now = GetCurrentTimestamp();

	pgstat_report_activity(STATE_IDLE, NULL);
	worker_sleep(WAIT_WORKER, failures > 0 ? now + worker_backoff(failures, nap) :
				 schedule_next_due(now + nap));
	set_vacuum_delay();
}

/* Has this process become old, or large?  Caches of many tables are never given back. */
static bool
is_worn_out(TimestampTz started)
{
	return GetCurrentTimestamp() - started >= WORKER_TIME ||
		MemoryContextMemAllocated(TopMemoryContext, true) >= WORKER_MEMORY;
}

void
pyro_worker_main(Datum arg)
{
	TimestampTz started = GetCurrentTimestamp();
	uint32		generation;
	Oid			database;
	WorkerOutcome outcome = OUTCOME_LEFT;
	int			failures = 0;

	slot_number = DatumGetInt32(arg);
	memcpy(&generation, MyBgworkerEntry->bgw_extra, sizeof(generation));
	memcpy(&database, MyBgworkerEntry->bgw_extra + sizeof(generation), sizeof(Oid));
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, on_sigterm);
	BackgroundWorkerUnblockSignals();
	if (!worker_slot_attach(slot_number, generation))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	look_like_autovacuum();
	set_options();
	set_vacuum_delay();
	turn_init();

	for (;;)
	{
		if (!go_round(&failures))
			outcome = OUTCOME_NOTHING_TO_DO;
		if (outcome == OUTCOME_NOTHING_TO_DO || must_leave())
			break;
		sleep_between_rounds(failures);
		if (must_leave() || is_worn_out(started))
			break;
	}
	if (!ShutdownRequestPending || worker_slot_must_leave(slot_number))
		worker_slot_set_outcome(slot_number, outcome);
	proc_exit(0);
}
