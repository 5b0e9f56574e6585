/*
 * merge_plan.h
 *	  Which blocks of a table are to be merged.
 */
#ifndef PYRO_MERGE_PLAN_H
#define PYRO_MERGE_PLAN_H

#include "nodes/pg_list.h"
#include "utils/hsearch.h"

#include "tableam/compaction.h"
#include "tableam/directory.h"

/* Blocks, and what is to become of them. */
typedef struct MergeGroup
{
	int64		storage_id;
	int			level;			/* of what comes out */
	bool		only_level;		/* they get it, but stay as they are */
	bool		cuts;			/* they are cut where stacks change */
	int			count;
	int64	   *first_vpages;	/* ascending */
	int64		rows;			/* of all of them */
	int64		vpages;
} MergeGroup;

/*
 * What is to be done to the blocks of a table, palloc'd in the current context.
 *
 * tried: a hash table by first page of blocks that are to be left alone, into
 * which all blocks of the result are put; so whoever makes plans until there is
 * nothing to do comes to an end, whatever he could not do.  Within a step.
 */
extern List *merge_plan(Compaction *compaction, HTAB *tried);

/* An empty table of blocks that were tried, in the current context. */
extern HTAB *merge_plan_start(void);

/*
 * The memory that a block's rows take in a builder, in bytes, about: that of
 * columns other than profiles, and that of samples; and all that its own builder
 * had, with the dictionaries.
 */
extern void merge_memory(const BlockEntry *entry, double *columns, double *samples,
						 uint64 *with_dictionary);

#endif							/* PYRO_MERGE_PLAN_H */
