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

/* Have the memory set up, while the library is preloaded. */
void		progress_init(void);

/*
 * Say what this backend does from now on, until it says something else or its
 * transaction is rolled back.  Saying the same again changes nothing.
 */
void		progress_begin(Oid relid, const char *duty);
void		progress_end(void);

/* Count rows that the duty has dealt with, and blocks that it has made or removed. */
void		progress_count(int64 rows, int64 blocks);

#endif							/* PYRO_PROGRESS_H */
