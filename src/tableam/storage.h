/*
 * storage.h
 *	  pyro.storage: which blocks belong to which file.
 *
 * Blocks and marks hang on a storage id, which hangs on the table's file, as
 * pg_class names it: (reltablespace, relfilenode).  So whatever gives a table
 * another file (TRUNCATE, rewrites) leaves its blocks behind, and whatever
 * copies a database takes them along.  A table gets its row at its first
 * compaction; one without has no blocks.
 *
 * The row is written only under ShareUpdateExclusiveLock on the table.
 */
#ifndef PYRO_STORAGE_H
#define PYRO_STORAGE_H

#include "access/transam.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#define NO_STORAGE		((int64) 0)

typedef struct Storage
{
	int64		id;
	Oid			relid;			/* the table when the row was written */
	int64		next_vpage;		/* the first that no block has had */
	int64		blocks;			/* totals, for the planner and the views */
	int64		rows;			/* in blocks, marked ones included */
	int64		bytes;			/* of payload */
	int64		dropped_rows;	/* of blocks that are gone: they have index
								 * entries */

	/*
	 * If valid: the transaction that copied these blocks from another file. A
	 * snapshot that does not see it would miss them.
	 */
	FullTransactionId rewritten;

	ItemPointerData tid;		/* of the row itself */
} Storage;

/*
 * The id of a table's storage, or NO_STORAGE.
 *
 * An error (serialization failure) if the snapshot, unless NULL, is older than
 * a rewrite of the blocks: it could see neither the old nor the new ones.
 */
int64		storage_id(Relation rel, Snapshot snapshot);

/* Read the storage row of a table; false if it has none. */
bool		storage_read(Relation rel, Storage *storage);

/* The same by the file's name in pg_class. */
bool		storage_read_file(Oid reltablespace, Oid relfilenumber, Storage *storage);

/* Insert a row for a table's file and give it a new id. */
void		storage_create(Relation rel, Oid relid, Oid reltablespace, Oid relfilenumber,
						   Storage *storage);

/*
 * Replace the row by one with other contents, and perhaps for another file.
 *
 * The command counter is incremented.
 */
void		storage_replace(Storage *storage, Oid reltablespace, Oid relfilenumber);
void		storage_update(Relation rel, Storage *storage);

/*
 * Delete the row with all blocks and marks that hang on it.
 *
 * Their payload is left alone: it goes with the file.
 */
void		storage_delete(Storage *storage);

/* Delete what hangs on a file, if anything does. */
void		storage_delete_file(Oid reltablespace, Oid relfilenumber);

#endif							/* PYRO_STORAGE_H */
