/*
 * compaction.h
 *	  The steps of CALL pyro.compact: each is a transaction of its own.
 *
 * A step holds ShareUpdateExclusiveLock on the table, which keeps VACUUM,
 * CREATE INDEX CONCURRENTLY and other compactions away, and takes its snapshot
 * after the lock.
 */
#ifndef PYRO_COMPACTION_H
#define PYRO_COMPACTION_H

#include "nodes/pg_list.h"
#include "storage/block.h"
#include "utils/hsearch.h"
#include "utils/palloc.h"

#include "tableam/block_codec.h"
#include "tableam/run_state.h"
#include "tableam/storage.h"

/* A step at work on a table. */
typedef struct Compaction
{
	Oid			relid;
	bool		nowait;			/* rather not begin a step than wait for the
								 * table's lock */
	bool		lock_failed;	/* a step was not begun for that reason */
	TimestampTz before;			/* the head's rows from this time on stay; 0:
								 * none do */
	BlockNumber head_page;		/* where the next portion of the head begins */
	bool		settled;		/* settling has moved payload */
	TimestampTz partitions_until;	/* of older partitions all were dropped,
									 * as far as they can be */
	ErrorData  *partition_error;	/* one could not; or NULL */
	MemoryContext memory;		/* what lives from portion to portion */
	MemoryContext merge_context;	/* in it, while merges are on: */
	HTAB	   *tried;			/* blocks that need not be tried again */
	MemoryContext plan_context;
	List	   *groups;			/* of the plan, what is still to be done */
	WorkDone	done;			/* in all steps */
	Relation	rel;			/* while a step is on */
	Storage		storage;		/* valid in a step if there is one */
	int64		first_vpage;	/* reserved for the next block */
	int64		end_vpage;		/* behind the reserved ones */
	int64		reserved_in;	/* the storage id in which they are */
	bool		has_added;		/* blocks in this step */
	int64		fresh_from;		/* the first page of blocks made from the head
								 * so far, + 1; 0: there are none */
	Oid			save_user;
	int			save_context;
	int			guc_level;
} Compaction;

/* Define the settings. */
void		compaction_init(void);

int			compaction_block_rows(void);
Size		compaction_block_size(void);

/*
 * Begin a step: commit what was before, begin a transaction, lock and open the
 * table, become its owner.  False if the table is gone or no longer ours, or if
 * somebody has locked it and we do not wait.
 */
bool		compaction_begin_step(Compaction *compaction);

/* End a step; the next one, or the end of the procedure, commits it. */
void		compaction_end_step(Compaction *compaction);

/*
 * Within a step: reserve virtual pages for blocks, MAX_BLOCK_VPAGES for one.
 * They must be committed before they are used, so that an aborted step's index
 * entries never lead to another block's rows.
 */
void		compaction_reserve(Compaction *compaction, int64 vpages);

/* Within a later step: are the reserved pages still this table's? */
bool		compaction_has_reserved(Compaction *compaction);

/*
 * Within that step: finish a block from what the builder has, save it, list it
 * in the directory with a level, and index it, on the first of the pages.
 */
void		compaction_add_block(Compaction *compaction, BlockBuilder *builder, int level);

/*
 * Within that step, once all blocks are there, if any: count them, and give the
 * rest of the reserved pages back.
 */
void		compaction_finish_blocks(Compaction *compaction);

/*
 * The duties, in their order (compact_head.c, merge.c, clean.c, settle.c), a
 * portion of one or two transactions each.  True: there may be more to do.
 */
bool		compact_head_portion(Compaction *compaction);
bool		compact_blocks_portion(Compaction *compaction);
void		clean_indexes(Compaction *compaction);
bool		settle_portion(Compaction *compaction);

/* Commit what was before, and begin a transaction as duties need it. */
void		compaction_begin_transaction(void);

/*
 * Become a relation's owner, who may do nothing worse than the duties do, under
 * a safe search path; and the one that was before again.
 */
void		compaction_become_owner(Compaction *compaction);
void		compaction_leave_owner(Compaction *compaction);

#endif							/* PYRO_COMPACTION_H */
