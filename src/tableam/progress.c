/*
 * progress.c
 *	  pyro.progress: which duty of which table is being done, and how far it is.
 *
 * Only its owner writes a place, without a lock: the counter is odd while it
 * does, and readers try again until it was even and the same before and after.
 */
#include "postgres.h"

#include "access/xact.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "pyro_ext.h"
#include "tableam/progress.h"

typedef struct Progress
{
	int			pid;			/* 0: does nothing */
	Oid			database;
	Oid			relid;
	char		duty[32];
	TimestampTz started;
	int64		rows;
	int64		blocks;
} Progress;

typedef struct Place
{
	uint32		changes;		/* odd while the owner writes */
	Progress	progress;
} Place;

static Place *places = NULL;
static Place *my_place = NULL;

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

/* ---- memory ---- */

static Size
memory_size(void)
{
	return mul_size(MaxBackends, sizeof(Place));
}

static void
request_memory(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(memory_size());
}

static void
start_memory(void)
{
	bool		found;

	if (previous_startup_hook)
		previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	places = ShmemInitStruct("pyro_progress", memory_size(), &found);
	if (!found)
		memset(places, 0, memory_size());
	LWLockRelease(AddinShmemInitLock);
}

void
progress_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = start_memory;
}

/* ---- writing ---- */

static void
write_place(const Progress *progress)
{
	my_place->changes++;
	pg_write_barrier();
	my_place->progress = *progress;
	pg_write_barrier();
	my_place->changes++;
}

void
progress_end(void)
{
	static const Progress nothing = {0};

	if (my_place != NULL && my_place->progress.pid != 0)
		write_place(&nothing);
}

static void
on_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		progress_end();
}

static void
leave_place(int code, Datum arg)
{
	progress_end();
	my_place = NULL;
	places = NULL;
}

/* Take this backend's place when it is first needed. */
static bool
has_place(void)
{
	if (my_place == NULL && places != NULL)
	{
		RegisterXactCallback(on_transaction_end, NULL);
		before_shmem_exit(leave_place, (Datum) 0);
		my_place = &places[MY_BACKEND_INDEX];
	}
	return my_place != NULL;
}

void
progress_begin(Oid relid, const char *duty)
{
	Progress	progress = {
		.pid = MyProcPid,
		.database = MyDatabaseId,
		.relid = relid
	};

	if (!has_place() ||
		(my_place->progress.pid != 0 && my_place->progress.relid == relid &&
		 strcmp(my_place->progress.duty, duty) == 0))
		return;
	strlcpy(progress.duty, duty, sizeof(progress.duty));
	progress.started = GetCurrentTimestamp();
	write_place(&progress);
}

void
progress_count(int64 rows, int64 blocks)
{
	Progress	progress;

	if (my_place == NULL || my_place->progress.pid == 0)
		return;
	progress = my_place->progress;
	progress.rows += rows;
	progress.blocks += blocks;
	write_place(&progress);
}

/* ---- reading ---- */

static Progress
read_place(const volatile Place *place)
{
	for (;;)
	{
		uint32		before = place->changes;
		Progress	progress;

		pg_read_barrier();
		progress = *(const Progress *) &place->progress;
		pg_read_barrier();
		if (before == place->changes && before % 2 == 0)
			return progress;
		CHECK_FOR_INTERRUPTS();
	}
}

/* Users see what is done for tables that they may read. */
static bool
may_see(Oid relid)
{
	bool		missing = false;

	return pg_class_aclcheck_ext(relid, GetUserId(), ACL_SELECT, &missing) == ACLCHECK_OK &&
		!missing;
}

PYRO_FUNCTION(pyro_progress_rows);
Datum
pyro_progress_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; places != NULL && i < MaxBackends; i++)
	{
		Progress	progress = read_place(&places[i]);
		Datum		values[6];
		bool		nulls[6] = {0};

		if (progress.pid == 0 || progress.database != MyDatabaseId || !may_see(progress.relid))
			continue;
		values[0] = Int32GetDatum(progress.pid);
		values[1] = ObjectIdGetDatum(progress.relid);
		values[2] = CStringGetTextDatum(progress.duty);
		values[3] = TimestampTzGetDatum(progress.started);
		values[4] = Int64GetDatum(progress.rows);
		values[5] = Int64GetDatum(progress.blocks);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
