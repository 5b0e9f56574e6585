/*
 * scan_cost.h
 *	  What reading blocks costs.
 *
 * All is estimated from the totals of a storage and from statistics: planning
 * never reads the directory.
 */
#ifndef PYRO_SCAN_COST_H
#define PYRO_SCAN_COST_H

#include "nodes/bitmapset.h"
#include "nodes/pathnodes.h"
#include "utils/rel.h"

#include "tableam/storage.h"

/* What is known of a table while a query is planned. */
typedef struct ScanCostInfo
{
	Relation	relation;		/* the table, open */
	const Storage *storage;		/* its totals; with blocks > 0 */
	Bitmapset  *columns;		/* attribute numbers that the scan decodes */
	bool		whole_row;		/* all of them */
} ScanCostInfo;

/*
 * Set rows, startup_cost and total_cost of a path that scans the blocks, less
 * those that these clauses let it skip, and the head.  enable_seqscan turns it
 * off, too.
 *
 * path: with parent, param_info, pathtarget and parallel_workers set.
 * filter_clauses: of block_filter_select(); NIL if none.
 */
extern void cost_pyro_scan(Path *path, PlannerInfo *root, const ScanCostInfo *info,
						   List *filter_clauses);

/*
 * Raise the costs of the relation's index and bitmap paths by what opening and
 * decoding blocks costs, where the index's order is not the blocks'.
 *
 * To be called once, in set_rel_pathlist_hook, before paths are added.
 */
extern void cost_index_paths_over_blocks(PlannerInfo *root, RelOptInfo *rel,
										 const ScanCostInfo *info);

#endif							/* PYRO_SCAN_COST_H */
