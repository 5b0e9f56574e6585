/*
 * bitmap_prefetch.c
 *	  Bitmap scans of our tables must not read ahead by themselves.
 *
 * Up to PostgreSQL 17 the executor's node prefetches pages of the main fork,
 * where virtual pages do not exist; prefetching one is an error.  So when a
 * plan has been started, reading ahead is turned off in its nodes over our
 * tables.  From 18 on the access method reads by itself.
 *
 * One kind of node comes later: when a row has changed under an UPDATE, DELETE
 * or FOR UPDATE, the plan's subplans are started once more to check the new
 * version.  A statement that may come to that runs without reading ahead at all
 * if a subplan of it has a bitmap scan of one of our tables.
 */
#include "postgres.h"

#include "compat.h"
#include "tableam/bitmap_prefetch.h"

#if !BITMAP_SCAN_ITERATES

#include "access/tableam.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "utils/guc.h"

#include "tableam/callbacks.h"

static ExecutorStart_hook_type previous_start;
static ExecutorRun_hook_type previous_run;

/* The bitmap scan of one of our tables, or NULL. */
static BitmapHeapScanState *
own_bitmap_scan(PlanState *node)
{
	Relation	rel;

	if (!IsA(node, BitmapHeapScanState))
		return NULL;
	rel = ((BitmapHeapScanState *) node)->ss.ss_currentRelation;
	return rel->rd_tableam->scan_bitmap_next_block == pyro_scan_bitmap_next_block ?
		(BitmapHeapScanState *) node : NULL;
}

static bool
stop_prefetch(PlanState *node, void *context)
{
	BitmapHeapScanState *scan;

	if (node == NULL)
		return false;
	scan = own_bitmap_scan(node);
	if (scan)
		scan->prefetch_maximum = 0;
	return planstate_tree_walker(node, stop_prefetch, context);
}

static bool
has_own_bitmap_scan(PlanState *node, void *context)
{
	if (node == NULL)
		return false;
	return own_bitmap_scan(node) != NULL ||
		planstate_tree_walker(node, has_own_bitmap_scan, context);
}

static void
pyro_executor_start(QueryDesc *query, int flags)
{
	ListCell   *cell;

	if (previous_start)
		previous_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
	stop_prefetch(query->planstate, NULL);
	/* not all of these hang on a node */
	foreach(cell, query->estate->es_subplanstates)
		stop_prefetch(lfirst(cell), NULL);
}

/* May subplans be started again, with bitmap scans of our tables? */
static bool
may_restart_bitmap_scans(QueryDesc *query)
{
	ListCell   *cell;

	if (query->operation == CMD_SELECT && query->plannedstmt->rowMarks == NIL &&
		!query->plannedstmt->hasModifyingCTE)
		return false;
	foreach(cell, query->estate->es_subplanstates)
		if (has_own_bitmap_scan(lfirst(cell), NULL))
		return true;
	return false;
}

static void
run(QueryDesc *query, ScanDirection direction, uint64 count, bool execute_once)
{
	if (previous_run)
		previous_run(query, direction, count, execute_once);
	else
		standard_ExecutorRun(query, direction, count, execute_once);
}

static void
pyro_executor_run(QueryDesc *query, ScanDirection direction, uint64 count, bool execute_once)
{
	int			level;

	if (!may_restart_bitmap_scans(query))
	{
		run(query, direction, count, execute_once);
		return;
	}
	/* as a function's SET clause does it; an error takes it back, too */
	level = NewGUCNestLevel();
	(void) set_config_option("effective_io_concurrency", "0", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	run(query, direction, count, execute_once);
	AtEOXact_GUC(true, level);
}

void
bitmap_prefetch_init(void)
{
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = pyro_executor_start;
	previous_run = ExecutorRun_hook;
	ExecutorRun_hook = pyro_executor_run;
}

#else

void
bitmap_prefetch_init(void)
{
}

#endif
