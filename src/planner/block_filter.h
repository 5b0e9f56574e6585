/*
 * block_filter.h
 *	  Which blocks a scan may leave out, by what their zones say.
 *
 * A filter is made of a scan's quals.  It answers of a block: false, no row of
 * it can meet all quals, and true, some may.  The quals stay the truth: rows of
 * blocks that are read, and those of the head, are to be tested by them.
 *
 * The life of a filter: block_filter_usable_clauses() while planning, kept with
 * the plan (custom_exprs, so that parameters are replaced in them);
 * block_filter_create() when the node begins; block_filter_prepare() when it
 * begins and at each rescan; block_filter_may_have() of each block.
 */
#ifndef PYRO_BLOCK_FILTER_H
#define PYRO_BLOCK_FILTER_H

#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "utils/rel.h"

#include "tableam/directory.h"

typedef struct BlockFilter BlockFilter;

/* Why a block is left out. */
typedef enum SkipReason
{
	SKIP_NOT,
	SKIP_BY_RANGE,				/* least and greatest values, NULLs */
	SKIP_BY_FILTER				/* the same and Bloom filters */
} SkipReason;

/*
 * The clauses of these RestrictInfos that may be evaluated before all others,
 * in their order, without the RestrictInfos.
 *
 * Those are the ones that row security and views with a barrier allow before
 * their own quals: of the lowest security level of the relation, or leakproof.
 * Pseudoconstants and volatile ones are left out.  Clauses may have parameters
 * and, of a parameterized path, columns of other relations.
 */
extern List *block_filter_usable_clauses(RelOptInfo *rel, List *restrictinfos);

/*
 * Of usable clauses those that zones of blocks can say something about.
 *
 * relation: the table, open; varno: its number in the clauses.
 */
extern List *block_filter_select(Relation relation, Index varno, List *clauses);

/*
 * Make a filter of clauses, of which it takes those that zones can say
 * something about; NULL if there are none.
 *
 * Made in the current context, which must live as long as the parent node.
 * clauses: as in the plan, AND is between them, with no columns but those of
 * varno (the plan's, after setrefs).  They are not changed and must stay.
 */
extern BlockFilter *block_filter_create(Relation relation, Index varno, List *clauses,
										PlanState *parent);

/*
 * Forget what parameters and functions gave before, as they may now give
 * something else.
 *
 * econtext: of the node.  Expressions are evaluated with it, in its memory per
 * query, when the first block is asked for; it must stay until the next call.
 */
extern void block_filter_prepare(BlockFilter *filter, ExprContext *econtext);

/*
 * May a row of this block meet the quals?
 *
 * The directory's row must be there still (directory_zones).  reason, unless
 * NULL, is why not, or SKIP_NOT.  Leaves no memory behind in the current
 * context.  Raises ERRCODE_DATA_CORRUPTED where zones are damaged, and what
 * comparands raise.
 */
extern bool block_filter_may_have(BlockFilter *filter, const BlockEntry *entry,
								  SkipReason *reason);

/*
 * The clauses that the filter uses, for EXPLAIN: a list of the caller's nodes.
 */
extern List *block_filter_clauses(const BlockFilter *filter);

#endif							/* PYRO_BLOCK_FILTER_H */
