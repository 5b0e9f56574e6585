/*
 * scan_pages.c
 *	  Scans that take the table page by page: of bitmaps and of samples.
 */
#include "postgres.h"

#include "tableam/callbacks.h"
#include "tableam/heap_forward.h"
#include "tableam/scan_pages.h"

void
scan_pages_reset(PyroScan *scan)
{
}

void
scan_pages_end(PyroScan *scan)
{
}

#if BITMAP_SCAN_ITERATES
bool
pyro_scan_bitmap_next_tuple(TableScanDesc base, TupleTableSlot *slot, bool *recheck,
							uint64 *lossy_pages, uint64 *exact_pages)
{
	PyroScan   *scan = (PyroScan *) base;

	scan->head->st.rs_tbmiterator = base->st.rs_tbmiterator;
	return heap_routine()->scan_bitmap_next_tuple(scan->head, slot, recheck, lossy_pages,
												  exact_pages);
}
#else
bool
pyro_scan_bitmap_next_block(TableScanDesc base, struct TBMIterateResult *tbmres)
{
	PyroScan   *scan = (PyroScan *) base;

	/* a parallel scan's snapshot comes late, and to the outer scan only */
	scan->head->rs_snapshot = base->rs_snapshot;
	return heap_routine()->scan_bitmap_next_block(scan->head, tbmres);
}

bool
pyro_scan_bitmap_next_tuple(TableScanDesc base, struct TBMIterateResult *tbmres,
							TupleTableSlot *slot)
{
	return heap_routine()->scan_bitmap_next_tuple(((PyroScan *) base)->head, tbmres, slot);
}
#endif

bool
pyro_scan_sample_next_block(TableScanDesc base, struct SampleScanState *state)
{
	return heap_routine()->scan_sample_next_block(((PyroScan *) base)->head, state);
}

bool
pyro_scan_sample_next_tuple(TableScanDesc base, struct SampleScanState *state,
							TupleTableSlot *slot)
{
	return heap_routine()->scan_sample_next_tuple(((PyroScan *) base)->head, state, slot);
}
