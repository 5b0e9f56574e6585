/*
 * launcher.c
 *	  The process that starts a worker for each database which needs one.
 *
 * It is connected to no database, so it cannot see which of them have the
 * extension: a worker finds out, and goes if its database has not.  It is
 * started there again when somebody creates the extension, and once in a while.
 */
#include "postgres.h"

#include <signal.h>

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "worker/worker.h"
#include "worker/worker_internal.h"
#include "worker/worker_slots.h"

/* When a database without the extension is looked at again. */
#define RECHECK_TIME	(USECS_PER_HOUR)

/* How long a worker may take from being asked for to being there. */
#define START_TIME		(60 * USECS_PER_SEC)

/* A worker that stands in the way of others goes after so long. */
#define SHARE_TIME		(60 * USECS_PER_SEC)

/* A worker that was there for so long has not failed to start. */
#define LONG_LIFE		(5 * USECS_PER_MINUTE)

/* The postmaster starts a launcher that has failed after so many seconds. */
#define RESTART_SECONDS	10

bool		worker_enabled = true;
int			worker_naptime = 10;
int			max_workers = 4;

/* What the launcher knows of a database. */
typedef struct Database
{
	Oid			id;				/* hash key; must be first */
	TimestampTz next_start;		/* of a worker, not before then */
	int			failures;		/* in a row, of its workers */
	bool		wished;			/* somebody wants a worker started */
	bool		listed;			/* in pg_database when last looked at */
	bool		works;			/* has a worker, that is, a slot */
} Database;

static HTAB *databases;
static BackgroundWorkerHandle *handles[WORKER_SLOTS];	/* of workers we started */
static bool start_has_failed = false;	/* and has been logged */

/* ---- the settings ---- */

void
worker_init(void)
{
	BackgroundWorker launcher = {0};

	DefineCustomBoolVariable("pyro.worker",
							 "Lets background workers compact and maintain tables.",
							 NULL,
							 &worker_enabled,
							 true, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("pyro.worker_naptime",
							"Sets how long a worker sleeps between two looks at the tables.",
							NULL,
							&worker_naptime,
							10, 1, SECS_PER_HOUR, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("pyro.max_workers",
							"Sets how many databases are worked on at the same time.",
							"Each takes one of max_worker_processes; more databases take turns.",
							&max_workers,
							4, 1, WORKER_SLOTS, PGC_SIGHUP, 0, NULL, NULL, NULL);
	if (!process_shared_preload_libraries_in_progress)
		return;
	worker_slots_init();
	if (IsBinaryUpgrade)
		return;

	launcher.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	launcher.bgw_start_time = BgWorkerStart_RecoveryFinished;
	launcher.bgw_restart_time = RESTART_SECONDS;
	strlcpy(launcher.bgw_library_name, "pyro_ext", BGW_MAXLEN);
	strlcpy(launcher.bgw_function_name, "pyro_launcher_main", BGW_MAXLEN);
	strlcpy(launcher.bgw_name, "pyro launcher", BGW_MAXLEN);
	strlcpy(launcher.bgw_type, "pyro launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&launcher);
}

/* ---- what launcher and workers have in common ---- */

uint32
worker_wait_event(WorkerWait wait)
{
	static uint32 events[WAIT_WORKER + 1];
	static const char *const names[] = {"PyroLauncherMain", "PyroWorkerMain"};

	if (events[wait] == 0)
		events[wait] = COMPAT_WAIT_EVENT(names[wait]);
	return events[wait];
}

void
worker_sleep(WorkerWait wait, TimestampTz until)
{
	long		milliseconds = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 milliseconds, worker_wait_event(wait));
	ResetLatch(MyLatch);

	/* there is nothing to cancel */
	QueryCancelPending = false;
	CHECK_FOR_INTERRUPTS();
	worker_reload();
}

void
worker_reload(void)
{
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

int64
worker_backoff(int failures, int64 first)
{
	int64		longest = 10 * USECS_PER_MINUTE;

	for (int i = 1; i < failures && first < longest; i++)
		first *= 2;
	return Min(first, longest);
}

/* ---- databases ---- */

static Database *
find_database(Oid id)
{
	bool		found;
	Database   *database = hash_search(databases, &id, HASH_ENTER, &found);

	if (!found)
		memset((char *) database + sizeof(Oid), 0, sizeof(Database) - sizeof(Oid));
	return database;
}

/*
 * May it have a worker?  Templates are left alone: nobody should be in them
 * while they are copied.
 */
static bool
wants_worker(Form_pg_database form)
{
	return form->datallowconn && !form->datistemplate && form->datconnlimit != DATCONNLIMIT_INVALID_DB;
}

/* Bring the list up to date with pg_database. */
static void
list_databases(void)
{
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;
	HASH_SEQ_STATUS all;
	Database   *database;

	hash_seq_init(&all, databases);
	while ((database = hash_seq_search(&all)) != NULL)
		database->listed = false;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);

		if (wants_worker(form))
			find_database(form->oid)->listed = true;
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();

	hash_seq_init(&all, databases);
	while ((database = hash_seq_search(&all)) != NULL)
		if (!database->listed)
			hash_search(databases, &database->id, HASH_REMOVE, NULL);
}

/* Note which databases somebody wants to be worked on at once. */
static void
take_wishes(void)
{
	Oid			wished;

	while (worker_wishes_next(&wished))
	{
		HASH_SEQ_STATUS all;
		Database   *database;

		hash_seq_init(&all, databases);
		while ((database = hash_seq_search(&all)) != NULL)
			if (!OidIsValid(wished) || database->id == wished)
				database->wished = true;
	}
}

/* ---- workers ---- */

/* When a database is to have its next worker, after what the last one found. */
static void
plan_next_start(Database *database, const WorkerSlot *slot)
{
	TimestampTz now = GetCurrentTimestamp();

	if (slot->outcome != OUTCOME_ENDED || now - slot->since >= LONG_LIFE)
		database->failures = 0;
	switch (slot->outcome)
	{
		case OUTCOME_LEFT:
			database->next_start = now;
			break;
		case OUTCOME_NOTHING_TO_DO:
			database->next_start = now + RECHECK_TIME;
			break;
		case OUTCOME_ENDED:
			database->failures++;
			database->next_start = now + worker_backoff(database->failures,
														worker_naptime * USECS_PER_SEC);
			break;
	}
}

/* Has the postmaster given up a worker that it was asked for? */
static bool
has_not_started(int number, const WorkerSlot *slot)
{
	pid_t		pid;

	if (handles[number] != NULL)
		return GetBackgroundWorkerPid(handles[number], &pid) == BGWH_STOPPED;

	/* a launcher before us asked for it */
	return GetCurrentTimestamp() - slot->since > START_TIME;
}

static void
free_slot(int number, const WorkerSlot *slot)
{
	worker_slot_free(number, slot->generation);
	if (handles[number] != NULL)
		pfree(handles[number]);
	handles[number] = NULL;
}

/* See who has gone; returns how many are there. */
static int
look_at_workers(void)
{
	HASH_SEQ_STATUS all;
	Database   *database;
	int			count = 0;

	hash_seq_init(&all, databases);
	while ((database = hash_seq_search(&all)) != NULL)
		database->works = false;
	for (int i = 0; i < WORKER_SLOTS; i++)
	{
		WorkerSlot	slot = worker_slot_read(i);

		if (slot.state == WORKER_FREE)
			continue;

		/* the order matters: it may start, work and finish in between */
		if (slot.state == WORKER_STARTING && has_not_started(i, &slot))
			slot = worker_slot_read(i);
		database = hash_search(databases, &slot.database, HASH_FIND, NULL);
		if (slot.state == WORKER_FINISHED ||
			(slot.state == WORKER_STARTING && has_not_started(i, &slot)))
		{
			if (database != NULL)
				plan_next_start(database, &slot);
			free_slot(i, &slot);
			continue;
		}
		count++;
		if (database != NULL)
			database->works = true;
		if (!worker_enabled && slot.state == WORKER_RUNNING)
		{
			/* now, not between two turns: VACUUM may take long */
			worker_slot_ask_to_leave(i, slot.generation);
			kill(slot.pid, SIGTERM);
		}
	}
	return count;
}

/*
 * Ask the postmaster for a worker; false if it has no place for one, which is
 * logged when it begins.
 */
static bool
start_worker(Database *database)
{
	BackgroundWorker worker = {0};
	uint32		generation;
	int			number = worker_slot_take(database->id, &generation);
	MemoryContext before;
	bool		started;

	if (number < 0)
		return false;
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "pyro_ext", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "pyro_worker_main", BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "pyro worker for database %u", database->id);
	strlcpy(worker.bgw_type, "pyro worker", BGW_MAXLEN);
	worker.bgw_main_arg = Int32GetDatum(number);
	memcpy(worker.bgw_extra, &generation, sizeof(generation));
	memcpy(worker.bgw_extra + sizeof(generation), &database->id, sizeof(Oid));
	worker.bgw_notify_pid = MyProcPid;

	before = MemoryContextSwitchTo(TopMemoryContext);
	started = RegisterDynamicBackgroundWorker(&worker, &handles[number]);
	MemoryContextSwitchTo(before);
	if (started)
	{
		database->works = true;
		database->wished = false;
	}
	else
	{
		handles[number] = NULL;
		worker_slot_free(number, generation);
		if (!start_has_failed)
			ereport(LOG,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("no place for a worker of pyro_ext"),
					 errhint("Consider increasing max_worker_processes; until then databases take turns.")));
	}
	start_has_failed = !started;
	return started;
}

/* The database that has been due for the longest time; NULL if none is. */
static Database *
next_due(TimestampTz now)
{
	Database   *result = NULL;
	HASH_SEQ_STATUS all;
	Database   *database;

	hash_seq_init(&all, databases);
	while ((database = hash_seq_search(&all)) != NULL)
	{
		if (database->works)
			continue;
		if (database->wished)
			database->next_start = Min(database->next_start, now);
		if (database->next_start <= now &&
			(result == NULL || database->next_start < result->next_start))
			result = database;
	}
	return result;
}

/* Databases wait: the worker that has been there for the longest time goes. */
static void
make_room(TimestampTz now)
{
	int			oldest = -1;
	WorkerSlot	oldest_slot = {0};

	for (int i = 0; i < WORKER_SLOTS; i++)
	{
		WorkerSlot	slot = worker_slot_read(i);

		if (slot.state != WORKER_RUNNING)
			continue;
		if (slot.leave)
			return;				/* one is going already */
		if (now - slot.since >= SHARE_TIME && (oldest < 0 || slot.since < oldest_slot.since))
		{
			oldest = i;
			oldest_slot = slot;
		}
	}
	if (oldest >= 0)
		worker_slot_ask_to_leave(oldest, oldest_slot.generation);
}

/* Start what is due; returns when to look again. */
static TimestampTz
start_workers(int count)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz until = now + worker_naptime * USECS_PER_SEC;
	HASH_SEQ_STATUS all;
	Database   *database;

	while ((database = next_due(now)) != NULL)
	{
		if (count >= max_workers || !start_worker(database))
		{
			make_room(now);
			return until;
		}
		count++;
	}
	hash_seq_init(&all, databases);
	while ((database = hash_seq_search(&all)) != NULL)
		if (!database->works)
			until = Min(until, Max(database->next_start, now + USECS_PER_SEC));
	return until;
}

/* ---- the process ---- */

void
pyro_launcher_main(Datum arg)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(Database)};

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	worker_slots_attach_launcher();
	databases = hash_create("pyro databases", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	ereport(DEBUG1, (errmsg_internal("pyro launcher started")));

	while (!ShutdownRequestPending)
	{
		TimestampTz until = GetCurrentTimestamp() + worker_naptime * USECS_PER_SEC;
		int			count;

		list_databases();
		count = look_at_workers();
		take_wishes();
		if (worker_enabled)
			until = start_workers(count);
		worker_sleep(WAIT_LAUNCHER, until);
	}

	/* after 0 the postmaster would never start it again */
	proc_exit(1);
}
