/*
 * flame_rows.h
 *	  The rows of a flame graph: a tree cut to what can be shown.
 */
#ifndef PYRO_FLAME_ROWS_H
#define PYRO_FLAME_ROWS_H

#include "flame/flame_tree.h"
#include "stack/allocator.h"
#include "stack/pyro_error.h"

/*
 * One row, in pre-order; the first is the root at level 0, labelled "total".
 * The children that were cut from one parent stand together as one last
 * child labelled "other", whose value and self are their summed total.
 */
typedef struct FlameRow
{
	uint32		level;
	StringRef	label;			/* bytes, perhaps not valid UTF-8 */
	int64		value;			/* total: self and all descendants' */
	int64		self;
	int64		value_right;	/* of the comparison, in a diff; else 0 */
	int64		self_right;
} FlameRow;

extern bool flame_rows(const FlameTree *tree, const int64 *right_total,
					   const int64 *right_self, uint32 max_rows,
					   const Allocator *allocator, FlameRow **rows,
					   uint32 *nrows, PyroError *error);

#endif							/* PYRO_FLAME_ROWS_H */
