/*
 * rewrite.h
 *	  Blocks when the table gets other files.
 */
#ifndef PYRO_REWRITE_H
#define PYRO_REWRITE_H

#include "utils/rel.h"

/*
 * Copy the blocks of a table that is being rewritten (CLUSTER, VACUUM FULL)
 * into the file and the TOAST relation of its new self, without marked rows,
 * and forget the old ones.
 *
 * Adds up the rows that came along and those that did not.
 */
void		blocks_copy(Relation old_rel, Relation new_rel, double *rows, double *removed_rows);

/*
 * Give a table that may have blocks the TOAST relation that it lacks if it was
 * unlogged, or of another access method, when it was made.
 *
 * Takes AccessExclusiveLock if there is none; false if it would have to wait for
 * that and was asked not to.
 */
bool		ensure_toast_relation(Oid relid, bool nowait);

#endif							/* PYRO_REWRITE_H */
