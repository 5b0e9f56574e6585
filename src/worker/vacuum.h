/*
 * vacuum.h
 *	  VACUUM by the worker, where compaction has left dead rows.
 *
 * Autovacuum goes by the number of all rows, most of which are in blocks, so it
 * would come later and later; and settling needs a VACUUM before and after it.
 */
#ifndef PYRO_VACUUM_H
#define PYRO_VACUUM_H

#include "postgres_ext.h"

/* Within a transaction: does VACUUM of a table pay? */
bool		vacuum_is_due(Oid relid);

/*
 * VACUUM a table, but not if somebody has it locked.
 *
 * To be called at the beginning of a transaction, without a snapshot; it
 * commits, and returns within another.  tail: also remove the few dead rows
 * that keep the file's tail from being cut.
 */
void		vacuum_table(Oid relid, bool tail);

#endif							/* PYRO_VACUUM_H */
