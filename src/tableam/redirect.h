/*
 * redirect.h
 *	  Statements that meet a row which compaction has moved meanwhile.
 */
#ifndef PYRO_REDIRECT_H
#define PYRO_REDIRECT_H

#include "access/tableam.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

/*
 * Where did a row go that a callback found moved?  False if not by a
 * compaction, or if the transaction must not follow.
 */
bool		redirect_find(Relation rel, const ItemPointerData *tid, TM_Result result,
						  const TM_FailureData *tmfd, ItemPointer moved_to);

/*
 * Hide a row of the head from this transaction's later commands: their snapshots
 * may be too old to know that it was moved, and then changed by us.
 */
void		redirect_hide(Relation rel, const ItemPointerData *tid, CommandId cid);

/* Is the row of the head hidden from a snapshot? */
bool		redirect_hides(Relation rel, const ItemPointerData *tid, Snapshot snapshot);

#endif							/* PYRO_REDIRECT_H */
