/*
 * worker_internal.h
 *	  What the launcher and the workers share: settings and names.
 */
#ifndef PYRO_WORKER_INTERNAL_H
#define PYRO_WORKER_INTERNAL_H

#include "datatype/timestamp.h"
#include "fmgr.h"

/* the settings */
extern bool worker_enabled;
extern int	worker_naptime;		/* seconds */
extern int	max_workers;

/* What a process does while it waits, for pg_stat_activity. */
typedef enum WorkerWait
{
	WAIT_LAUNCHER,
	WAIT_WORKER
} WorkerWait;

/* The wait event; it is made at its first use where versions allow that. */
uint32		worker_wait_event(WorkerWait wait);

/*
 * Sleep until the latch is set, the time has come, or the server is gone, which
 * ends the process; then take in a changed configuration.
 */
void		worker_sleep(WorkerWait wait, TimestampTz until);

/* Take in a changed configuration. */
void		worker_reload(void);

/* The delay after so many failures in a row, from a first one on: microseconds. */
int64		worker_backoff(int failures, int64 first);

/* Entry points of the processes, which the postmaster finds by their names. */
PGDLLEXPORT void pyro_launcher_main(Datum arg);
PGDLLEXPORT void pyro_worker_main(Datum arg);

#endif							/* PYRO_WORKER_INTERNAL_H */
