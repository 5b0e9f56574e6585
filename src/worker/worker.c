/*
 * worker.c
 *	  The process that looks after the tables of one database.
 *
 * It goes round the tables that are due (schedule.c) and gives each a turn: its
 * duties, portion by portion, each a transaction of its own, until they are
 * done or the turn's time is over.  What fails ends the turn, is noted in
 * pyro.run, and has the table wait.
 *
 * To others it looks like a worker of autovacuum: whoever waits for a lock that
 * it holds cancels what it does after deadlock_timeout, and who needs the
 * database for himself has it terminated.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "executor/spi.h"
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
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "tableam/block_cache.h"
#include "tableam/maintain.h"
#include "tableam/progress.h"
#include "tableam/run_state.h"
#include "worker/schedule.h"
#include "worker/vacuum.h"
#include "worker/worker_internal.h"
#include "worker/worker_slots.h"

/* A turn begins no further portion after this time. */
#define TURN_TIME		(2 * USECS_PER_SEC)

/* A new worker takes this one's place after so long, or with so much memory. */
#define WORKER_TIME		USECS_PER_HOUR
#define WORKER_MEMORY	((Size) 64 * 1024 * 1024)

/*
 * Wait for others' locks no longer than this: less than deadlock_timeout, so
 * that if anybody is to fail by a deadlock, it is the worker.
 */
#define LOCK_TIMEOUT	"500ms"

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
	set_option("row_security", "on");
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

/* ---- transactions ---- */

static void
begin_transaction(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
}

/*
 * After an error: have it, without the transaction in which it happened.  It is
 * allocated in the turn's memory.
 */
static ErrorData *
recover(MemoryContext context)
{
	ErrorData  *error;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	AbortCurrentTransaction();
	LockReleaseAll(USER_LOCKMETHOD, true);
	MemoryContextSwitchTo(context);
	QueryCancelPending = false;
	RESUME_INTERRUPTS();
	return error;
}
