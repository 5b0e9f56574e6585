/*
 * index_entries.h
 *	  Index entries for the rows of a new block.
 */
#ifndef PYRO_INDEX_ENTRIES_H
#define PYRO_INDEX_ENTRIES_H

#include "tableam/directory.h"

/*
 * Insert the entries of all rows of a block into all indexes that take them.
 *
 * The directory row must be visible to the current command: whoever meets an
 * entry in a unique check looks the block up.  Expressions and predicates are
 * evaluated as whoever the caller has become.  Uniqueness is not checked, since
 * the rows are not new.
 */
void		index_entries_insert(Relation rel, const BlockEntry *entry);

/* The attribute numbers that a table's indexes read, or NULL for a whole row. */
struct IndexInfo;
Bitmapset  *index_columns(struct IndexInfo **infos, int count);

#endif							/* PYRO_INDEX_ENTRIES_H */
