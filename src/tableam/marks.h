/*
 * marks.h
 *	  pyro.block_delete: one MVCC row for each block row that was deleted or
 *	  updated.
 */
#ifndef PYRO_MARKS_H
#define PYRO_MARKS_H

#include "access/xact.h"
#include "storage/itemptr.h"
#include "utils/snapshot.h"

typedef struct Mark
{
	ItemPointerData row_tid;	/* the block row */
	ItemPointerData new_tid;	/* its new version in the head; invalid if
								 * deleted */
	TransactionId xmin;			/* who marked it */
	CommandId	cmin;			/* its command, if xmin is this transaction */
	ItemPointerData tid;		/* of the mark itself */
} Mark;

/* The marks of a range of block rows, in order of TIDs. */
typedef struct MarkSet
{
	int			count;
	Mark	   *marks;
} MarkSet;

/*
 * The marks that a snapshot sees on the rows from first to last, palloc'd.
 *
 * NULL for the snapshot means a fresh one.
 */
MarkSet    *marks_read(int64 storage_id, const ItemPointerData *first,
					   const ItemPointerData *last, Snapshot snapshot);

/* The same for all rows of a storage. */
MarkSet    *marks_read_all(int64 storage_id, Snapshot snapshot);

/* The mark on a row in a set, or NULL. */
const Mark *marks_find(const MarkSet *set, const ItemPointerData *row_tid);

/*
 * The mark on one row; false if the snapshot sees none.
 *
 * A dirty snapshot gets the marker's xid in its xmin if that is in progress.
 */
bool		mark_read(int64 storage_id, const ItemPointerData *row_tid, Snapshot snapshot, Mark *mark);

/* Mark a row, as of a command. */
void		mark_insert(int64 storage_id, const ItemPointerData *row_tid,
						const ItemPointerData *new_tid, CommandId cid);

/* Delete marks: of a set, or of a whole storage. */
void		marks_delete(const MarkSet *set);
void		marks_delete_all(int64 storage_id);

#endif							/* PYRO_MARKS_H */
