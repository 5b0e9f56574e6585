/*
 * row_runs.h
 *	  Quals that are tried once for rows that follow each other in a block and
 *	  have the same values in the quals' columns.
 *
 * A run that does not meet a qual is skipped as a whole.  Blocks are sorted, so
 * that runs of the leading columns are long.
 */
#ifndef PYRO_ROW_RUNS_H
#define PYRO_ROW_RUNS_H

#include "nodes/execnodes.h"
#include "utils/rel.h"

#include "tableam/block_scan.h"

typedef struct RowRuns RowRuns;

/*
 * Find among the quals of a plan those that can be tried so: whose only columns
 * are those of the table that are neither profiles nor system columns, and that
 * have no subplans.  NULL if there are none.
 *
 * A qual that may raise an error is tried only where the scan would come to it:
 * for a row that meets all quals before it.
 *
 * early: those of quals that are allowed before all others and not volatile.
 * varno: the table's number in them.  Everything lives in the current context,
 * the parent's.
 */
extern RowRuns *row_runs_create(Relation relation, Index varno, List *quals, List *early,
								PlanState *parent);

/* Forget all answers, as parameters have changed or other blocks are read. */
extern void row_runs_forget(RowRuns *runs);

/* As may_be_wanted of BlockScan. */
extern bool row_runs_may_be_wanted(RowRuns *runs, BlockPin *pin, const BlockEntry *entry, int row,
								   RowRange *range);

/* How many runs met their qual, and how many did not. */
extern void row_runs_counts(const RowRuns *runs, uint64 *read, uint64 *skipped);

#endif							/* PYRO_ROW_RUNS_H */
