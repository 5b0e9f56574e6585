/*
 * worker_slots.h
 *	  What launcher and workers know of each other, in shared memory.
 *
 * A slot is the launcher's while it is free, starting or finished, and the
 * worker's in between.  All fields are read and written under one lock.  A
 * launcher that was started again finds the workers of the one before.
 */
#ifndef PYRO_WORKER_SLOTS_H
#define PYRO_WORKER_SLOTS_H

#include "datatype/timestamp.h"

#define WORKER_SLOTS	64

typedef enum WorkerState
{
	WORKER_FREE,
	WORKER_STARTING,			/* asked of the postmaster */
	WORKER_RUNNING,
	WORKER_FINISHED				/* has gone, and left its outcome */
} WorkerState;

/* Why a worker has gone. */
typedef enum WorkerOutcome
{
	OUTCOME_ENDED,				/* unexpectedly, perhaps by an error */
	OUTCOME_LEFT,				/* by its own will, or as it was asked to */
	OUTCOME_NOTHING_TO_DO,		/* its database does not have the extension */
} WorkerOutcome;

typedef struct WorkerSlot
{
	WorkerState state;
	WorkerOutcome outcome;
	uint32		generation;		/* tells the slot's uses apart */
	Oid			database;
	int			pid;			/* of a running worker */
	TimestampTz since;			/* when it was started */
	bool		leave;			/* is asked to go, between two turns */
	bool		woken;			/* is asked to look at all tables */
} WorkerSlot;

/* Ask for the memory and have it set up, while the library is preloaded. */
void		worker_slots_init(void);

/* ---- the launcher's ---- */

/* Become the launcher, who is woken by changes. */
void		worker_slots_attach_launcher(void);

/* A copy of a slot. */
WorkerSlot	worker_slot_read(int number);

/* Take a free slot for a database's worker to be; -1 if there is none. */
int			worker_slot_take(Oid database, uint32 *generation);

/* Free a slot that is starting in vain, or finished. */
void		worker_slot_free(int number, uint32 generation);

/* Ask a worker to go. */
void		worker_slot_ask_to_leave(int number, uint32 generation);

/*
 * Take the next database whose worker somebody wants to be started at once.
 *
 * False if there is none; InvalidOid means all, as there were too many.
 */
bool		worker_wishes_next(Oid *database);

/* ---- the worker's ---- */

/*
 * Become the running worker of a slot, to the end of the process; false if it
 * has been given away.
 */
bool		worker_slot_attach(int number, uint32 generation);

/* The outcome that the slot is to have when the process ends. */
void		worker_slot_set_outcome(int number, WorkerOutcome outcome);

/* Has the launcher asked this worker to go? */
bool		worker_slot_must_leave(int number);

/* Has somebody woken this worker since it was last asked? */
bool		worker_slot_take_wake(int number);

#endif							/* PYRO_WORKER_SLOTS_H */
