/*
 * run_state.h
 *	  pyro.run: when duties of a table last ran, and how they ended.
 *
 * One row for each table; it goes with the table.  It is written in whatever
 * transaction is open, by the worker and by CALLs alike.
 */
#ifndef PYRO_RUN_STATE_H
#define PYRO_RUN_STATE_H

#include "datatype/timestamp.h"
#include "postgres_ext.h"

/* What was done for a table; in pyro.run added up. */
typedef struct WorkDone
{
	int64		rows_compacted; /* moved from the head into blocks */
	int64		blocks_merged;	/* rewritten into others */
	int64		rows_dropped;	/* by retention or for disk space */
	int64		blocks_dropped; /* as a whole, of these rows */
	int64		partitions_made;
	int64		partitions_dropped;
} WorkDone;

/* A time that never was is DT_NOBEGIN. */
typedef struct RunState
{
	TimestampTz last_compaction;	/* that moved rows */
	TimestampTz last_retention; /* that looked for old rows, or had none to */
	TimestampTz last_success;
	TimestampTz last_error_at;
	int			failures;		/* since the last success */
	char	   *last_error;		/* palloc'd; NULL: none ever */
	WorkDone	done;
} RunState;

/* Read a table's state; false, and all of it empty, if nothing was written. */
extern bool run_state_read(Oid relid, RunState *state);

/*
 * A round of duties came to its end: add up what was done.  retention_at: when
 * old rows were last looked for, DT_NOBEGIN if not in this round.  Where nothing
 * was done a row is not written more often than every few minutes.
 */
extern void run_state_success(Oid relid, const WorkDone *done, TimestampTz retention_at);

/* A duty failed, in a transaction that is over by now. */
extern void run_state_error(Oid relid, const char *message);

/* Delete a table's state, if it has one; and of all tables that are gone. */
extern void run_state_delete(Oid relid);
extern void run_state_sweep(void);

#endif							/* PYRO_RUN_STATE_H */
