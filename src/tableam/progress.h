/*
 * progress.h
 *	  pyro.progress: which duty of which table is being done, and how far it is.
 *
 * Every backend has a place in shared memory, if the library is preloaded;
 * without, all of this does nothing.
 */
#ifndef PYRO_PROGRESS_H
#define PYRO_PROGRESS_H

#include "postgres_ext.h"

/* What is done to a table. */
typedef enum Duty
{
	DUTY_NONE,
	DUTY_COMPACT,				/* rows of the head move into blocks */
	DUTY_MERGE,					/* blocks become larger ones */
	DUTY_CLEAN,					/* index entries of dropped blocks go */
	DUTY_SETTLE,				/* payload moves out of the file's tail */
	DUTY_RETENTION,				/* old rows go */
	DUTY_PARTITIONS,			/* partitions are made and dropped */
	DUTY_VACUUM
} Duty;

/* Have the memory set up, while the library is preloaded. */
void		progress_init(void);

/* The name of a duty, as users see it. */
const char *progress_duty_name(Duty duty);

/*
 * Say what this backend does from now on, until it says something else or its
 * transaction is rolled back.
 */
void		progress_begin(Oid relid, Duty duty);
void		progress_end(void);

/* Count rows that the duty has dealt with, and blocks that it has made or removed. */
void		progress_count(int64 rows, int64 blocks);

#endif							/* PYRO_PROGRESS_H */
