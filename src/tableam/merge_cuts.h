/*
 * merge_cuts.h
 *	  Where sorted rows are cut into blocks because their stacks have little in
 *	  common.
 */
#ifndef PYRO_MERGE_CUTS_H
#define PYRO_MERGE_CUTS_H

#include "block/stack_signature.h"
#include "tableam/policy.h"

/* More cuts than this are not made. */
#define MAX_SOFT_CUTS	2000

/* Rows in their order. */
typedef struct CutRows
{
	uint32		nrows;
	const uint64 *samples;		/* [place]: of all rows before; one more place */
	const uint8 *change;		/* [place]: the first column in which it
								 * differs from the row before */
	uint8		max_change;		/* cuts are where a column up to this changes */
	const StackSignature *const *signature; /* [place]; NULL: not known */
} CutRows;

/*
 * Have rows enough to be a block of their own, if stacks of others are not
 * theirs?
 */
extern bool merge_cuts_are_enough(const TablePolicy *limits, double rows, double samples);

/*
 * Find the cuts: flags by place, true where a block is to begin, palloc'd; or
 * NULL if there are none.
 *
 * A block of a service has what its replicas share, so cuts are only where
 * stacks change, and none are made where those of many rows come again later.
 */
extern bool *merge_cuts_find(const CutRows *rows, const TablePolicy *limits);

#endif							/* PYRO_MERGE_CUTS_H */
