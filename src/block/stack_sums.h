/*
 * stack_sums.h
 *	  Sums of a block's samples by name: of each run of rows, and of each
 *	  leading key.
 *
 * Rows of a run are equal in all columns that the block is sorted by, but the
 * time; runs of a leading key are equal in the first of them.  So what most
 * questions ask has been added up already.  A list has the self values of the
 * rows of one group (sample_rows.h) in a set of rows, by node of the name tree.
 *
 *	runs, leading keys of more than one run, lists, nodes and values of all
 *	lists, multiples	how many there are (varints)
 *	runs			number of rows
 *	leading keys	runs between the one before and this, runs of this less 2
 *	sets			number of lists; sets are the runs, and behind the last run of
 *					a leading key of several runs that leading key
 *	lists			group; number of nodes
 *	columns			[list][type]: 0: the values follow, 1: they are not there,
 *					i + 2: those of type i times a number
 *	multiples		these numbers
 *	nodes			each less the one before in its list, less 1
 *	values
 *
 * The last two are in the form that zstd makes the smaller one: a byte, 0 for
 * a packed array, 1 for bit blocks (of values: of the low halves, then a byte
 * that says whether there are high halves, and these).  The others are packed
 * arrays.  Multiples are zigzag coded, and so are values if one is negative,
 * which their form says by 2 more.
 */
#ifndef PYRO_STACK_SUMS_H
#define PYRO_STACK_SUMS_H

#include "block/sample_rows.h"

/* Rows of a block that belong together. */
typedef struct StackRuns
{
	uint32		nruns;
	const uint32 *run_end;		/* [run]: the row behind its last one */
	const bool *ends_leading;	/* [run]: the next one has another leading key */
} StackRuns;

/* ---- writing ---- */

typedef struct StackSumsWriter StackSumsWriter;

extern StackSumsWriter *stack_sums_begin(uint32 nnodes, uint32 nkeys,
										 const uint32 *key_node,
										 uint32 ngroups,
										 const SampleGroup *groups,
										 const Allocator *allocator,
										 PyroError *error);
extern bool stack_sums_add(StackSumsWriter *writer, uint32 group,
						   uint32 nsamples, const uint32 *keys,
						   int64 *const *values, PyroError *error);
extern bool stack_sums_end_run(StackSumsWriter *writer, bool ends_leading,
							   PyroError *error);
extern bool stack_sums_finish(StackSumsWriter *writer, TextBuffer *out,
							  PyroError *error);

/* ---- reading ---- */

typedef struct StackSumsList
{
	uint32		group;
	uint32		nnodes;
	const uint32 *nodes;		/* of the name tree, ascending */
	int64	  **values;			/* [type][place]; [type] NULL: not known */
} StackSumsList;

/* Rows that have been added up together. */
typedef struct StackSumsSet
{
	uint32		first_row;
	uint32		row_count;
	uint32		first_run;
	uint32		run_count;
	uint32		nlists;			/* groups of which there are rows */
	StackSumsList *lists;		/* ascending by group */
} StackSumsSet;

typedef struct StackSums
{
	uint32		nruns;
	StackSumsSet *runs;
	uint32		nleading;
	StackSumsSet *leading;		/* only those of more than one run */
} StackSums;

extern bool stack_sums_open(ByteRange bytes, uint32 nrows, uint32 nnodes,
							uint32 ngroups, const SampleGroup *groups,
							size_t max_memory, const Allocator *allocator,
							StackSums *sums, PyroError *error);

#endif							/* PYRO_STACK_SUMS_H */
