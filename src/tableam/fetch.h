/*
 * fetch.h
 *	  Rows by TID, for other parts of the access method.
 */
#ifndef PYRO_FETCH_H
#define PYRO_FETCH_H

#include "utils/rel.h"
#include "utils/snapshot.h"

/*
 * Does a snapshot see a block row, here or where it was before it was moved?
 *
 * A snapshot older than the move sees it there, and keeps it from VACUUM.
 */
bool		block_row_satisfies_snapshot(Relation rel, const ItemPointerData *tid,
										 Snapshot snapshot);

#endif							/* PYRO_FETCH_H */
