/*
 * worker_slots.c
 *	  What launcher and workers know of each other, in shared memory.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "pyro_ext.h"
#include "worker/worker_slots.h"

#define MAX_WISHES	32

typedef struct WorkerMemory
{
	LWLock	   *lock;
	PGPROC	   *launcher;		/* or NULL */
	int			wishes;			/* more than there are places: all databases */
	Oid			wished[MAX_WISHES];
	PGPROC	   *workers[WORKER_SLOTS];	/* of running ones */
	WorkerSlot	slots[WORKER_SLOTS];
} WorkerMemory;

static WorkerMemory *memory = NULL;

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void
request_memory(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(sizeof(WorkerMemory));
	RequestNamedLWLockTranche("pyro_worker", 1);
}

static void
start_memory(void)
{
	bool		found;

	if (previous_startup_hook)
		previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	memory = ShmemInitStruct("pyro_worker", sizeof(WorkerMemory), &found);
	if (!found)
	{
		memset(memory, 0, sizeof(WorkerMemory));
		memory->lock = &GetNamedLWLockTranche("pyro_worker")->lock;
	}
	LWLockRelease(AddinShmemInitLock);
}

void
worker_slots_init(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = start_memory;
}

/* Under the lock. */
static void
wake_launcher(void)
{
	if (memory->launcher != NULL)
		SetLatch(&memory->launcher->procLatch);
}

/* ---- the launcher's ---- */

static void
detach_launcher(int code, Datum arg)
{
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	memory->launcher = NULL;
	LWLockRelease(memory->lock);
}

void
worker_slots_attach_launcher(void)
{
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	memory->launcher = MyProc;
	LWLockRelease(memory->lock);
	before_shmem_exit(detach_launcher, (Datum) 0);
}

WorkerSlot
worker_slot_read(int number)
{
	WorkerSlot	slot;

	LWLockAcquire(memory->lock, LW_SHARED);
	slot = memory->slots[number];
	LWLockRelease(memory->lock);
	return slot;
}

int
worker_slot_take(Oid database, uint32 *generation)
{
	int			number = 0;

	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	while (number < WORKER_SLOTS && memory->slots[number].state != WORKER_FREE)
		number++;
	if (number < WORKER_SLOTS)
	{
		WorkerSlot *slot = &memory->slots[number];

		slot->state = WORKER_STARTING;
		slot->outcome = OUTCOME_ENDED;
		*generation = ++slot->generation;
		slot->database = database;
		slot->pid = 0;
		slot->since = GetCurrentTimestamp();
		slot->leave = slot->woken = false;
	}
	LWLockRelease(memory->lock);
	return number < WORKER_SLOTS ? number : -1;
}

void
worker_slot_free(int number, uint32 generation)
{
	WorkerSlot *slot = &memory->slots[number];

	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	if (slot->generation == generation && slot->state != WORKER_RUNNING)
		slot->state = WORKER_FREE;
	LWLockRelease(memory->lock);
}

void
worker_slot_ask_to_leave(int number, uint32 generation)
{
	WorkerSlot *slot = &memory->slots[number];

	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	if (slot->generation == generation && slot->state == WORKER_RUNNING && !slot->leave)
	{
		slot->leave = true;
		SetLatch(&memory->workers[number]->procLatch);
	}
	LWLockRelease(memory->lock);
}

bool
worker_wishes_next(Oid *database)
{
	bool		found;

	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	found = memory->wishes > 0;
	if (memory->wishes > MAX_WISHES)
	{
		*database = InvalidOid;
		memory->wishes = 0;
	}
	else if (found)
		*database = memory->wished[--memory->wishes];
	LWLockRelease(memory->lock);
	return found;
}

/* ---- the worker's ---- */

static void
detach_worker(int code, Datum arg)
{
	int			number = DatumGetInt32(arg);

	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	memory->slots[number].state = WORKER_FINISHED;
	memory->slots[number].pid = 0;
	memory->workers[number] = NULL;
	wake_launcher();
	LWLockRelease(memory->lock);
}

bool
worker_slot_attach(int number, uint32 generation)
{
	WorkerSlot *slot = &memory->slots[number];
	bool		mine;

	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	mine = slot->state == WORKER_STARTING && slot->generation == generation;
	if (mine)
	{
		slot->state = WORKER_RUNNING;
		slot->pid = MyProcPid;
		memory->workers[number] = MyProc;
	}
	LWLockRelease(memory->lock);
	if (mine)
		before_shmem_exit(detach_worker, Int32GetDatum(number));
	return mine;
}

void
worker_slot_set_outcome(int number, WorkerOutcome outcome)
{
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	memory->slots[number].outcome = outcome;
	LWLockRelease(memory->lock);
}

bool
worker_slot_must_leave(int number)
{
	return worker_slot_read(number).leave;
}

bool
worker_slot_take_wake(int number)
{
	bool		woken;

	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	woken = memory->slots[number].woken;
	memory->slots[number].woken = false;
	LWLockRelease(memory->lock);
	return woken;
}

/* ---- waking, pyro.wake_worker ---- */

/* Under the lock: note that a worker is wanted for a database. */
static void
add_wish(Oid database)
{
	for (int i = 0; i < Min(memory->wishes, MAX_WISHES); i++)
		if (memory->wished[i] == database)
			return;
	if (memory->wishes < MAX_WISHES)
		memory->wished[memory->wishes++] = database;
	else
		memory->wishes = MAX_WISHES + 1;
}

/* Wake the worker of this database, or have it started. */
static void
wake_worker(void)
{
	LWLockAcquire(memory->lock, LW_EXCLUSIVE);
	for (int i = 0; i < WORKER_SLOTS; i++)
		if (memory->slots[i].state == WORKER_RUNNING &&
			memory->slots[i].database == MyDatabaseId)
		{
			memory->slots[i].woken = true;
			SetLatch(&memory->workers[i]->procLatch);
		}

	/* the running one may be about to go, so the launcher hears of it anyway */
	add_wish(MyDatabaseId);
	wake_launcher();
	LWLockRelease(memory->lock);
}

static bool wake_at_commit = false;

static void
on_transaction_end(XactEvent event, void *arg)
{
	if (!wake_at_commit || event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE)
		return;
	wake_at_commit = false;
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		wake_worker();
}

/*
 * The worker sees what this transaction did, so it is woken at its end.  The
 * extension's script does this for its database.
 */
PYRO_FUNCTION(pyro_wake_worker);
Datum
pyro_wake_worker(PG_FUNCTION_ARGS)
{
	static bool registered = false;
	bool		has_launcher = false;

	if (memory != NULL)
	{
		LWLockAcquire(memory->lock, LW_SHARED);
		has_launcher = memory->launcher != NULL;
		LWLockRelease(memory->lock);
		if (!registered)
			RegisterXactCallback(on_transaction_end, NULL);
		registered = wake_at_commit = true;
	}
	PG_RETURN_BOOL(has_launcher);
}
