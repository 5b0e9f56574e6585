/*
 * index_build.c
 *	  Building indexes over head and blocks.
 */
#include "postgres.h"

#include "catalog/index.h"

#include "tableam/callbacks.h"
#include "tableam/heap_forward.h"
#include "tableam/scan.h"

double
pyro_index_build_range_scan(Relation rel, Relation index, struct IndexInfo *info, bool allow_sync,
							bool any_visible, bool progress, BlockNumber start_page,
							BlockNumber page_count, IndexBuildCallback callback,
							void *callback_state, TableScanDesc scan)
{
	double		tuples = 0;

	AS_HEAP(rel,
			tuples = heap_routine()->index_build_range_scan(rel, index, info, allow_sync,
															any_visible, progress, start_page,
															page_count, callback, callback_state,
															scan ? ((PyroScan *) scan)->head : NULL));
	return tuples;
}

void
pyro_index_validate_scan(Relation rel, Relation index, struct IndexInfo *info, Snapshot snapshot,
						 struct ValidateIndexState *state)
{
	AS_HEAP(rel, heap_routine()->index_validate_scan(rel, index, info, snapshot, state));
}
