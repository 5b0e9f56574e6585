/*
 * pyro_scan.h
 *	  The plan node PyroScan: a sequential scan of a table with blocks.
 *
 * It stands in for SeqScan.  Of blocks it reads only the columns that the query
 * needs, leaves out those blocks that cannot have a row for it, and tries
 * quals once for rows that follow each other with the same values.
 *
 *	scan_path.c		when it is considered, and the plan
 *	scan_node.c		how it is run
 *	row_runs.c		quals that are tried once for a run of rows
 *	scan_counts.c	what is counted, and EXPLAIN
 */
#ifndef PYRO_PYRO_SCAN_H
#define PYRO_PYRO_SCAN_H

#include "nodes/execnodes.h"
#include "nodes/extensible.h"
#include "port/atomics.h"

#include "planner/block_filter.h"
#include "planner/row_runs.h"
#include "tableam/block_scan.h"

/* What a scan has counted. */
typedef struct ScanCounts
{
	uint64		blocks_read;
	uint64		skipped_by_range;
	uint64		skipped_by_filter;
	uint64		runs_read;
	uint64		runs_skipped;
	uint64		streams;
	uint64		stored;			/* bytes */
	uint64		raw;
} ScanCounts;

#define SCAN_COUNTS		(sizeof(ScanCounts) / sizeof(uint64))

/* What the processes of a parallel scan share; the table's part follows. */
typedef struct SharedScan
{
	pg_atomic_uint64 counts[SCAN_COUNTS];	/* of workers that have ended */
} SharedScan;

typedef struct PyroScanState
{
	CustomScanState css;
	TupleTableSlot *head_slot;	/* rows of the head, and of EvalPlanQual */
	BlockScan	scan;			/* with the slot for rows of blocks */
	BlockFilter *filter;		/* or NULL */
	bool		filter_prepared;
	RowRuns    *runs;			/* or NULL */
	uint64		skipped_by_filter;	/* of the blocks skipped; the others were
									 * by range */

	/* of a parallel scan */
	SharedScan *shared;			/* NULL where there is none */
	bool		is_worker;
	struct dsm_segment *segment;	/* of the leader, as long as it is there */
	MemoryContextCallback callback; /* for when the leader's state goes first */
	ScanCounts	workers;		/* what they have counted, in the end */
} PyroScanState;

/* Install the hook and the node; to be called when the library is loaded. */
extern void pyro_scan_init(void);

/* The plan's methods, by which scan_path.c makes nodes. */
extern const CustomScanMethods pyro_scan_methods;

/*
 * The columns that a scan has to decode for these expressions, as BlockScan has
 * them; whole rows are all of them.
 *
 * False if system columns are among them that only rows of the head have.
 */
extern bool pyro_scan_columns(List *expressions, Index varno, Bitmapset **columns);

/* The quals of a plan that may be tried before all others. */
extern List *pyro_scan_early_quals(CustomScan *plan);

/*
 * What a parallel scan has counted: a worker adds its part to what is shared,
 * and the leader takes the sum when the shared memory goes.
 */
extern void pyro_scan_share_counts(PyroScanState *state);
extern void pyro_scan_collect_counts(PyroScanState *state, struct dsm_segment *segment);

/* The callback of EXPLAIN. */
extern void pyro_scan_explain(CustomScanState *css, List *ancestors, struct ExplainState *es);

#endif							/* PYRO_PYRO_SCAN_H */
