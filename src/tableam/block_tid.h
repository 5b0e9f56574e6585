/*
 * block_tid.h
 *	  TIDs of block rows.
 *
 * Rows of the head have pages below 2^31.  A block takes consecutive virtual
 * pages (vpages) of BLOCK_PAGE_ROWS rows each; its row r has the page
 * 2^31 + first vpage + r / BLOCK_PAGE_ROWS and the offset
 * 1 + r % BLOCK_PAGE_ROWS.  Offsets stay below what tidbitmap.c accepts.
 * Virtual pages are never used twice, so a TID names one row for ever.
 */
#ifndef PYRO_BLOCK_TID_H
#define PYRO_BLOCK_TID_H

#include "access/htup_details.h"
#include "storage/itemptr.h"

#define FIRST_VIRTUAL_PAGE		((BlockNumber) 0x80000000)

/* one less than there are: the last block number means "invalid" */
#define MAX_VPAGES				((int64) 0x7fffffff)

#define BLOCK_PAGE_ROWS			256
#define MAX_BLOCK_VPAGES		256
#define MAX_BLOCK_ROWS			(BLOCK_PAGE_ROWS * MAX_BLOCK_VPAGES)

StaticAssertDecl(BLOCK_PAGE_ROWS <= MaxHeapTuplesPerPage,
				 "a virtual page must not have more rows than tidbitmap.c expects");

/* The number of virtual pages of a block of so many rows. */
static inline int64
block_vpages(int rows)
{
	return (rows + BLOCK_PAGE_ROWS - 1) / BLOCK_PAGE_ROWS;
}

static inline bool
tid_is_block_row(const ItemPointerData *tid)
{
	return ItemPointerGetBlockNumberNoCheck(tid) >= FIRST_VIRTUAL_PAGE;
}

static inline int64
tid_vpage(const ItemPointerData *tid)
{
	return (int64) ItemPointerGetBlockNumberNoCheck(tid) - FIRST_VIRTUAL_PAGE;
}

/* The row's number within a block that begins at first_vpage. */
static inline int
tid_block_row(const ItemPointerData *tid, int64 first_vpage)
{
	return (int) (tid_vpage(tid) - first_vpage) * BLOCK_PAGE_ROWS +
		ItemPointerGetOffsetNumberNoCheck(tid) - 1;
}

static inline void
set_block_row_tid(ItemPointerData *tid, int64 first_vpage, int row)
{
	ItemPointerSet(tid,
				   FIRST_VIRTUAL_PAGE + (BlockNumber) (first_vpage + row / BLOCK_PAGE_ROWS),
				   1 + row % BLOCK_PAGE_ROWS);
}

#endif							/* PYRO_BLOCK_TID_H */
