/*
 * publish.h
 *	  Logical replication of changes of block rows.
 *
 * Marks are not published.  A row that is deleted from a block is published by
 * a stub: a row of the head that has the columns of the replica identity, is
 * inserted unpublished and without index entries, and is deleted at once.  No
 * snapshot ever sees it, not even one of its own transaction.
 *
 * An update is published as DELETE and INSERT.
 */
#ifndef PYRO_PUBLISH_H
#define PYRO_PUBLISH_H

#include "utils/rel.h"

#include "tableam/directory.h"

/* Publish that a row is deleted, as of a command, if the table is published. */
void		publish_delete(Relation rel, const BlockEntry *entry, int row, CommandId cid);

/*
 * The same of the old version of a row that is updated; returns the options to
 * insert the new one with.  Without a replica identity no update is published.
 */
int			publish_update(Relation rel, const BlockEntry *entry, int row, CommandId cid);

#endif							/* PYRO_PUBLISH_H */
