/*
 * drop_rows.h
 *	  Dropping old rows: whole blocks at once where it can be, else by DELETE.
 *
 * It is the owner's business and runs as the owner: row security of others
 * does not apply, and where it is forced on the owner the DELETE fails rather
 * than leave rows out silently.  Where a deleted row concerns anybody else
 * (triggers, foreign keys, rules, subscribers, serializable transactions), all
 * rows go by DELETE.
 */
#ifndef PYRO_DROP_ROWS_H
#define PYRO_DROP_ROWS_H

#include "datatype/timestamp.h"
#include "storage/block.h"
#include "utils/rel.h"

/* What is to be dropped from a table, and how far that is. */
typedef struct RowDrop
{
	Oid			relid;
	const char *column;			/* tells the age; of a selector it is ts */
	const char *selector;		/* NULL: rows of all kinds */
	TimestampTz before;			/* rows older than this */
	bool		bounded;		/* a transaction does not do more than a
								 * portion */
	bool		nowait;			/* rather do nothing than wait for the table */
	bool		whole_blocks_only;	/* where a block has other rows, too,
									 * leave it for another time */

	/*
	 * Blocks of this storage before this page had all rows deleted if they
	 * are older than that.
	 */
	int64		storage_id;
	int64		done_vpage;
	TimestampTz done_before;

	/* Set by drop_rows_portion. */
	bool		lock_failed;
	int64		next_vpage;		/* of the next block to delete rows in */
	BlockNumber next_page;		/* of the head, likewise */
	int64		first_end_vpage;	/* behind the blocks that there were at
									 * first */
	int64		rows;			/* dropped */
	int64		blocks;			/* dropped as a whole */
} RowDrop;

/* What happened to a block that was to be dropped. */
typedef struct DroppedBlocks
{
	int64		blocks;
	int64		rows;
	int64		bytes;			/* of payload */
} DroppedBlocks;

/*
 * Drop a portion, or, unless it is bounded, all of it, in the open transaction,
 * in which no snapshot need be active; true if there is more to do.
 */
extern bool drop_rows_portion(RowDrop *drop);

/*
 * Drop the blocks with these first pages, as far as they are still there and
 * nobody has locked rows of them; false if the table's lock cannot be had
 * without waiting and we do not wait.  is_gone: which were not there any more.
 */
extern bool drop_blocks(Oid relid, bool nowait, const int64 *first_vpages, int count,
						DroppedBlocks *dropped, bool *is_gone);

/* Would somebody miss a DELETE of each row? */
extern bool must_delete_rows(Relation rel);

#endif							/* PYRO_DROP_ROWS_H */
