/*
 * redirect.h
 *	  Statements that meet a row which compaction has moved meanwhile.
 *
 * A row moves from the head into a block, or from a block into a merged one.
 * Who waited for it, or reads with an older snapshot, has the old TID and is led
 * to the new one.
 *
 * Once a transaction was led so, it keeps the snapshot until its end: so what
 * lies at the old TID stays there.
 */
#ifndef PYRO_REDIRECT_H
#define PYRO_REDIRECT_H

#include "access/tableam.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "tableam/marks.h"

/*
 * Where did a row go that a callback found moved?  False if not by a
 * compaction, or if the transaction must not follow: above READ COMMITTED a
 * row that changed is a serialization failure.
 *
 * moved_to may be the TID itself.
 */
bool		redirect_find(Relation rel, const ItemPointerData *tid, TM_Result result,
						  const TM_FailureData *tmfd, Snapshot snapshot, ItemPointer moved_to);

/*
 * Remember that a row which a snapshot of this transaction may see at one TID
 * is now at another.
 */
void		redirect_note(Relation rel, const ItemPointerData *from, const ItemPointerData *to,
						  Snapshot snapshot);

/*
 * A row is changed as of a command: hide it where it was before it moved here.
 * The transaction's later commands may have snapshots too old to know of the
 * move, and would see it there.
 */
void		redirect_hide(Relation rel, int64 storage_id, const ItemPointerData *tid,
						  CommandId cid);

/* Is the row of the head hidden from a snapshot? */
bool		redirect_hides(Relation rel, const ItemPointerData *tid, Snapshot snapshot);

/* Add to a set of marks the block rows that are hidden from its snapshot. */
void		redirect_add_marks(int64 storage_id, const ItemPointerData *first,
							   const ItemPointerData *last, Snapshot snapshot, MarkSet *set);

/*
 * For a serializable reader of a row that has moved: note conflicts with those
 * who changed it where it is now.
 */
void		redirect_check_conflicts(Relation rel, const ItemPointerData *tid,
									 TransactionId mover, Snapshot snapshot);

#endif							/* PYRO_REDIRECT_H */
