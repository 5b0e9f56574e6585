/*
 * moved_rows.h
 *	  From a row's old TID to its new one, for rows that compaction or a merge
 *	  has moved.
 *
 * Each block has a stream with the TIDs from which its rows came.
 */
#ifndef PYRO_MOVED_ROWS_H
#define PYRO_MOVED_ROWS_H

#include "utils/rel.h"

/*
 * Where did this transaction move the row?  False if it did not, or has not
 * committed.
 *
 * The answer may come from blocks that are dead by now: the caller has a
 * snapshot that does not see the move, and so keeps them.
 */
bool		moved_row_find(Relation rel, const ItemPointerData *tid, TransactionId mover,
						   ItemPointer moved_to);

/*
 * Where did a block row come from?  False if its block is not known any more.
 */
bool		moved_row_origin(Relation rel, const ItemPointerData *tid, ItemPointer origin);

#endif							/* PYRO_MOVED_ROWS_H */
