/*
 * merge_rows.h
 *	  The rows of blocks that are merged: in their order, and cut into blocks.
 */
#ifndef PYRO_MERGE_ROWS_H
#define PYRO_MERGE_ROWS_H

#include "tableam/block_order.h"
#include "tableam/block_row.h"
#include "tableam/marks.h"
#include "tableam/policy.h"

/* A block that is merged. */
typedef struct MergeInput
{
	BlockEntry *entry;
	MarkSet    *marks;
	uint32		first;			/* number of its first row, all inputs'
								 * counted */
} MergeInput;

typedef struct MergeRows
{
	Relation	rel;
	const TablePolicy *limits;
	int			ninputs;
	MergeInput *inputs;
	BlockOrder	order;			/* of all blocks that are made */
	uint32		nrows;			/* that have no mark */
	uint32	   *row;			/* [place]: number of the row */
	uint64	   *samples;		/* [place]: of all rows before; one more place */
	uint8	   *change;			/* [place]: the first column of the order in
								 * which it differs from the row before */
	bool	   *cuts;			/* [place]: does a block rather begin there,
								 * since its stacks are other ones? NULL:
								 * nowhere */

	/* memory in a builder, about: */
	double		row_size;		/* of a row but for its samples */
	double		sample_size;
	double		dictionary;		/* by how much the real one is larger */
} MergeRows;

/*
 * Read what the rows without marks are sorted by, and sort them.
 *
 * cuts: find out, too, where their stacks change (merge_cuts.h).  Raises errors
 * as reading a block does.  Memory is the current context's.
 */
extern MergeRows *merge_rows_sort(Relation rel, const TablePolicy *limits, MergeInput *inputs,
								  int ninputs, bool cuts);

/* How much of a block's limits rows take. */
extern double merge_rows_fullness(const MergeRows *rows, uint32 start, uint32 end);

/*
 * Where rows from a place on are more than the limits of a block: after one row
 * at least, within so much of the limits otherwise.  So many parts as are needed come out
 * about equal, but rows with the same leading value stay together where that is
 * possible.  No part ends behind `limit`.
 */
extern uint32 merge_rows_cut(const MergeRows *rows, uint32 start, uint32 limit,
							 double part);

/* Where the first block of such a part ends: at the next of the cuts, if any. */
extern uint32 merge_rows_next_cut(const MergeRows *rows, uint32 start, uint32 end);

/* The bytes of memory that rows should take, by merge_rows_cut's reckoning. */
extern double merge_rows_memory(const MergeRows *rows, uint32 start, uint32 end);

#endif							/* PYRO_MERGE_ROWS_H */
