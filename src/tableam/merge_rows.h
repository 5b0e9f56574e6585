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

	/* memory in a builder, about: */
	double		row_size;		/* of a row but for its samples */
	double		sample_size;
	double		dictionary;		/* by how much the real one is larger */
} MergeRows;

/*
 * Read what the rows without marks are sorted by, and sort them.
 *
 * Raises errors as reading a block does.  Memory is the current context's.
 */
extern MergeRows *merge_rows_sort(Relation rel, const TablePolicy *limits, MergeInput *inputs,
								  int ninputs);

/* How much of a block's limits rows take. */
extern double merge_rows_fullness(const MergeRows *rows, uint32 start, uint32 end);

/*
 * Where the block ends that begins at a place: after one row at least, within
 * so much of the limits otherwise.  So many blocks as are needed come out about
 * equal, but rows with the same leading value stay together where that is
 * possible.
 */
extern uint32 merge_rows_cut(const MergeRows *rows, uint32 start, double part);

/* The bytes of memory that rows should take, by merge_rows_cut's reckoning. */
extern double merge_rows_memory(const MergeRows *rows, uint32 start, uint32 end);

#endif							/* PYRO_MERGE_ROWS_H */
