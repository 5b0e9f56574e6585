/*
 * retention.h
 *	  Retention: which rows are kept for how long, and dropping those that are
 *	  older.
 */
#ifndef PYRO_RETENTION_H
#define PYRO_RETENTION_H

#include "nodes/pg_list.h"

#include "tableam/drop_rows.h"
#include "tableam/run_state.h"

/* What one table has to drop: by its policy, or by its rules. */
typedef struct Retention
{
	List	   *jobs;
	int			job;			/* the one that is being done */
	RowDrop		drop;
	TimestampTz now;			/* when they began */
	WorkDone   *done;			/* where it is added up */
} Retention;

/*
 * Find out what there is to drop from a table, in the open transaction; false
 * if nothing, or nothing yet.  What a worker did a while ago is not due again.
 * Of what is found memory is in the current context.
 */
extern bool retention_begin(Retention *retention, Oid relid, bool by_rules, bool by_worker,
							bool *lock_failed);

/* Drop a portion, each in a transaction of its own; false if that was the last one. */
extern bool retention_portion(Retention *retention);

/*
 * May rows be dropped for their age?  Not for an hour after the clock jumped
 * ahead by more than that while this process ran: somebody may still set it
 * right.
 */
extern bool retention_trusts_clock(void);

#endif							/* PYRO_RETENTION_H */
