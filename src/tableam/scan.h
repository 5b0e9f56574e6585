/*
 * scan.h
 *	  A scan of a pyro table: heap's scan of the head, and one of the blocks.
 */
#ifndef PYRO_SCAN_H
#define PYRO_SCAN_H

#include "access/tableam.h"

#include "tableam/block_row.h"
#include "tableam/block_scan.h"

/* How far a scan is in its two parts. */
typedef enum ScanPart
{
	SCAN_BEFORE = -1,
	SCAN_FIRST = 0,
	SCAN_SECOND = 1,
	SCAN_AFTER = 2
} ScanPart;

struct PageScan;				/* scan_pages.c */
struct AnalyzeScan;				/* analyze.c */

typedef struct PyroScan
{
	TableScanDescData base;
	TableScanDesc head;			/* heap's scan of the main fork */
	MemoryContext context;		/* of the scan */
	bool		started;
	bool		blocks_first;	/* with MVCC snapshots; else the head is */
	ScanPart	part;

	/* the blocks, read when the scan comes to them */
	MemoryContext list_context; /* of the two lists */
	BlockList  *blocks;
	MarkSet    *marks;
	int			block;			/* index in blocks; -1 before the first */
	int			row;			/* the row last returned */
	BlockPin   *pin;

	BlockScan  *wanted;			/* what is wanted; or NULL: all */

	/* of a TID range scan */
	bool		by_tid_range;
	ItemPointerData min_tid;
	ItemPointerData max_tid;

	struct PageScan *pages;		/* of a bitmap or sample scan */
	struct AnalyzeScan *analyze;
} PyroScan;

/* Read the directory for a scan, once, with its snapshot. */
void		scan_load_blocks(PyroScan *scan);

/*
 * The index of the next block that is this process's to do: in a parallel scan
 * each block is given to one.
 */
int			scan_take_block(PyroScan *scan);

/* The callbacks of tableam.c. */
TableScanDesc pyro_scan_begin(Relation rel, Snapshot snapshot, int key_count,
							  struct ScanKeyData *keys, ParallelTableScanDesc parallel,
							  uint32 flags);
void		pyro_scan_end(TableScanDesc base);
void		pyro_scan_rescan(TableScanDesc base, struct ScanKeyData *keys, bool set_params,
							 bool allow_strat, bool allow_sync, bool allow_pagemode);
bool		pyro_scan_getnextslot(TableScanDesc base, ScanDirection direction,
								  TupleTableSlot *slot);
void		pyro_scan_set_tidrange(TableScanDesc base, ItemPointer min_tid, ItemPointer max_tid);
bool		pyro_scan_getnextslot_tidrange(TableScanDesc base, ScanDirection direction,
										   TupleTableSlot *slot);
Size		pyro_parallelscan_estimate(Relation rel);
Size		pyro_parallelscan_initialize(Relation rel, ParallelTableScanDesc parallel);
void		pyro_parallelscan_reinitialize(Relation rel, ParallelTableScanDesc parallel);

#endif							/* PYRO_SCAN_H */
