/*
 * directory.h
 *	  pyro.block: one MVCC row for each block of a storage.
 *
 * A block exists for a snapshot that sees its row.
 */
#ifndef PYRO_DIRECTORY_H
#define PYRO_DIRECTORY_H

#include "access/transam.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#define BLOCK_FORMAT	1

typedef struct BlockEntry
{
	int64		storage_id;
	int64		first_vpage;
	int32		rows;
	int16		format;
	int16		level;			/* of the merge window that made it; 0: none */
	FullTransactionId created;	/* who moved the rows here */
	Oid			payload;		/* the TOAST value */
	int64		payload_size;	/* in bytes */
	int64		raw_size;		/* of the rows before encoding */
	int64		samples;		/* of all profiles */
	struct varlena *streams;	/* serialised BlockLayout */
	struct varlena *zones;		/* serialised, maybe TOASTed:
								 * directory_zones() */
	TransactionId xmin;			/* of the directory row */
	TransactionId xmax;			/* who deleted it, or tries to */
	ItemPointerData tid;		/* of the directory row */
} BlockEntry;

typedef struct BlockList
{
	int			count;
	BlockEntry **entries;		/* by first_vpage */
} BlockList;

/*
 * All blocks of a storage that a snapshot sees, in order of vpages.
 *
 * They are palloc'd in the current context.  The snapshot may be of any kind;
 * NULL means a fresh one.
 */
BlockList  *directory_read(int64 storage_id, Snapshot snapshot);

/*
 * Where the blocks of a storage begin that a snapshot sees, in order, palloc'd.
 *
 * Unlike directory_read it looks at nothing else in the rows.
 */
int64	   *directory_first_vpages(int64 storage_id, Snapshot snapshot, int *count);

/* The block of a list that has a virtual page, or NULL. */
BlockEntry *directory_list_find(const BlockList *list, int64 vpage);

/*
 * The block that has a virtual page, or NULL if the snapshot sees none.
 *
 * A dirty snapshot gets the block's xmin or xmax, as from a row of heap.
 */
BlockEntry *directory_find(int64 storage_id, int64 vpage, Snapshot snapshot);

/*
 * All versions of the row of the block that has a virtual page, dead ones
 * included.
 */
BlockList  *directory_find_all(int64 storage_id, int64 vpage);

/*
 * The blocks that a transaction created, the newest vpages first, dead ones
 * included; of each the version whose payload is there longest.
 */
BlockList  *directory_created_by(int64 storage_id, FullTransactionId xid);

/*
 * The zones of an entry, for block_zones_find(): palloc'd, or in the entry.
 *
 * The row must still be there, seen by somebody, since filters may make zones
 * so large that they are TOASTed.
 */
bytea	   *directory_zones(const BlockEntry *entry);

/* Insert a block's row as of the current command. */
void		directory_insert(const BlockEntry *entry);

/* Delete a block's row; the payload is the caller's to delete. */
void		directory_delete(const BlockEntry *entry);

/* Delete all rows of a storage. */
void		directory_delete_all(int64 storage_id);

#endif							/* PYRO_DIRECTORY_H */
