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

#include "tableam/block_codec.h"
#include "tableam/storage.h"

/* A step at work on a table. */
typedef struct Compaction
{
	Oid			relid;
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
 * table, become its owner.  False if the table is gone or no longer ours.
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

/* The duties, in their order (compact_head.c, merge.c, settle.c, clean.c). */
void		compact_head(Compaction *compaction);
void		compact_blocks(Compaction *compaction);
void		settle_payload(Compaction *compaction);
void		clean_indexes(Compaction *compaction);

#endif							/* PYRO_COMPACTION_H */
