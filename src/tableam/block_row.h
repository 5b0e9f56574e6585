/*
 * block_row.h
 *	  Rows of blocks, one at a time: found by TID under any snapshot, and
 *	  handed out as heap tuples.
 */
#ifndef PYRO_BLOCK_ROW_H
#define PYRO_BLOCK_ROW_H

#include "executor/tuptable.h"
#include "nodes/bitmapset.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "tableam/block_cache.h"
#include "tableam/directory.h"
#include "tableam/marks.h"

/*
 * Put a row of the pinned block into a slot, as a heap tuple of the slot's own:
 * its t_self is the block TID, its xmin the one that the row had in the head.
 *
 * Columns are decoded by the slot's descriptor, which during a rewrite is not
 * the relation's.
 */
void		block_row_store(BlockPin *pin, Relation rel, const BlockEntry *entry, int row,
							TupleTableSlot *slot);

/*
 * Put some columns of a row, by attribute number, into a virtual slot; NULL for
 * the set means all, and 0, which is no column, may be in it.  The values point
 * into the pinned block; the others are NULL.
 */
void		block_row_store_columns(BlockPin *pin, Relation rel, const BlockEntry *entry, int row,
									const Bitmapset *columns, TupleTableSlot *slot);

/*
 * Make values of such a slot that change when another row of the block is
 * read, as profiles do, into ones that do not, in the current memory context:
 * for expressions, which may read the table themselves.
 */
void		block_row_detach(TupleTableSlot *slot);

/* A block that a reader has met. */
typedef struct KnownBlock
{
	BlockEntry *entry;
	int			lookups;		/* of rows, up to when the marks were read */
	MarkSet    *marks;			/* of all rows; NULL as long as few were asked
								 * for */
} KnownBlock;

/*
 * Fetches block rows by TID.  It remembers the blocks that it has met, and the
 * marks of those of which it has fetched several rows, while the snapshot stays
 * the same.
 */
typedef struct BlockReader
{
	Relation	rel;
	MemoryContext own_context;	/* of all that follows */
	MemoryContext context;		/* of all that is remembered */
	BlockPin   *pin;
	Snapshot	snapshot;		/* for which it was read; NULL if nothing was */
	CommandId	curcid;
	KnownBlock *known;			/* in order of vpages */
	int			known_count;
	int			known_space;
	BlockEntry *entry;			/* of the row now fetched, or NULL */
	KnownBlock *block;			/* the same, with an MVCC snapshot */
} BlockReader;

/* A reader in the current memory context, with which it goes. */
BlockReader *block_reader_create(Relation rel);

/* Let go of the block that is being read. */
void		block_reader_release(BlockReader *reader);

/* Forget everything. */
void		block_reader_reset(BlockReader *reader);

/* Forget everything and free the reader. */
void		block_reader_free(BlockReader *reader);

/*
 * Fetch a block row into a slot (or only test it, if that is NULL); false if
 * the snapshot does not see it.
 *
 * Snapshots of all kinds are served as heap serves them; a dirty one learns
 * who is still adding or removing the row.  *all_dead, unless NULL, is set if
 * no snapshot can ever see the row again.
 */
bool		block_reader_fetch(BlockReader *reader, const ItemPointerData *tid, Snapshot snapshot,
							   TupleTableSlot *slot, bool *all_dead);

/*
 * For a serializable reader: note conflicts with those who marked rows from
 * first to last and whom the snapshot does not see.
 */
void		block_rows_check_conflicts(Relation rel, int64 storage_id, const ItemPointerData *first,
									   const ItemPointerData *last, Snapshot snapshot);

#endif							/* PYRO_BLOCK_ROW_H */
