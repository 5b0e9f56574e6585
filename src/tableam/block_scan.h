/*
 * block_scan.h
 *	  A sequential scan by somebody who knows what is wanted of it: which
 *	  columns, which blocks, which rows.
 *
 * Rows of blocks come in a virtual slot with these columns alone, and profiles
 * in it are not rebuilt before somebody looks into them (profile_column.h).
 * Rows of the head, and their order, are those of any other scan.
 */
#ifndef PYRO_BLOCK_SCAN_H
#define PYRO_BLOCK_SCAN_H

#include "access/tableam.h"
#include "executor/tuptable.h"
#include "nodes/bitmapset.h"

#include "tableam/block_cache.h"

/* Rows of a block, both ends included. */
typedef struct RowRange
{
	int			first;
	int			last;
} RowRange;

typedef struct BlockScan
{
	/*
	 * The columns that are wanted, by attribute number, the only ones that
	 * are decoded; NULL for all.  For none it has a 0 in it.
	 */
	Bitmapset  *columns;

	/* for rows of blocks: a virtual one with the table's descriptor */
	TupleTableSlot *slot;

	/*
	 * May the block have rows that are wanted?  NULL: all may.  It is asked
	 * each time that the scan comes to a block, which is not opened if not.
	 */
	bool		(*may_have) (void *arg, const BlockEntry *entry);

	/*
	 * May the row be wanted?  NULL: all may.  It is asked of rows that the
	 * snapshot sees.  If not, range says which rows are not, this one among
	 * them.  The pin is on the block.
	 */
	bool		(*may_be_wanted) (void *arg, BlockPin *pin, const BlockEntry *entry, int row,
								  RowRange *range);
	void	   *arg;

	/* filled by the scan */
	uint64		blocks_read;
	uint64		blocks_skipped;
	DecodeCounters decoded;
} BlockScan;

/*
 * Make a scan, which has just begun, one of these; block_scan must live as long
 * as the scan.
 */
void		block_scan_attach(TableScanDesc scan, BlockScan *block_scan);

/*
 * The next row: in the block scan's slot, or in head_slot, one of the table's
 * own kind.  NULL, with both empty, after the last one.
 */
TupleTableSlot *block_scan_next(TableScanDesc scan, ScanDirection direction,
								TupleTableSlot *head_slot);

#endif							/* PYRO_BLOCK_SCAN_H */
