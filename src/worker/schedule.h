/*
 * schedule.h
 *	  Which table a worker looks after next, and when.
 *
 * A table is due a while after its rows changed, and once in a while in any
 * case; one whose round failed is left alone for longer each time.  Of those
 * that are due the one whose last turn is longest ago comes first, and a turn
 * is short, so no table keeps another waiting for long.
 */
#ifndef PYRO_SCHEDULE_H
#define PYRO_SCHEDULE_H

#include "datatype/timestamp.h"

#include "tableam/maintain.h"

/* A table with duties.  A round of them may take many turns. */
typedef struct TableTask
{
	Oid			relid;			/* hash key; must be first */
	TimestampTz due;
	TimestampTz served;			/* the beginning of its last turn; 0: none */
	int64		changes;		/* of its rows, when the last round began */
	int			failures;		/* rounds in a row in which a duty failed */
	bool		listed;			/* in the catalog when last looked at */

	/* the round */
	bool		has_begun;
	bool		failed;			/* a duty of it did */
	int			step;			/* the worker's to tell */
	int64		new_changes;	/* when this round began */
	int64		patience;		/* how long rows may stay in the head */
	Maintenance maintenance;
} TableTask;

/* Within a transaction: see which tables there are, and which have changed. */
void		schedule_refresh(void);

/* Make all tables due, but for those that failed. */
void		schedule_hurry(void);

/* The table whose turn it is; NULL if none is due.  It holds until the next refresh. */
TableTask  *schedule_next(TimestampTz now);

/* When the next table will be due, but not later than this. */
TimestampTz schedule_next_due(TimestampTz latest);

/* A turn begins, and perhaps a round; the latter needs a transaction. */
void		schedule_begin(TableTask *task);

/* The round is over: when will the next one be? */
void		schedule_end(TableTask *task);

#endif							/* PYRO_SCHEDULE_H */
