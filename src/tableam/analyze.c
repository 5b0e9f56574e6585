/*
 * analyze.c
 *	  What the planner is told: samples, sizes; and VACUUM.
 */
#include "postgres.h"

#include "tableam/callbacks.h"
#include "tableam/heap_forward.h"
#include "tableam/scan.h"

bool
pyro_scan_analyze_next_block(TableScanDesc base, ANALYZE_BLOCK_ARGS)
{
	return heap_routine()->scan_analyze_next_block(((PyroScan *) base)->head,
												   ANALYZE_BLOCK_PASS);
}

bool
pyro_scan_analyze_next_tuple(TableScanDesc base, TransactionId oldest_xmin, double *live_rows,
							 double *dead_rows, TupleTableSlot *slot)
{
	return heap_routine()->scan_analyze_next_tuple(((PyroScan *) base)->head, oldest_xmin,
												   live_rows, dead_rows, slot);
}

void
pyro_relation_estimate_size(Relation rel, int32 *attr_widths, BlockNumber *pages, double *tuples,
							double *allvisfrac)
{
	heap_routine()->relation_estimate_size(rel, attr_widths, pages, tuples, allvisfrac);
}

void
pyro_relation_vacuum(Relation rel, struct VacuumParams *params, BufferAccessStrategy strategy)
{
	heap_routine()->relation_vacuum(rel, params, strategy);
}
