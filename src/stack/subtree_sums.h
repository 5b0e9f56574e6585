/*
 * subtree_sums.h
 *	  Totals of a tree from the values of its nodes.
 */
#ifndef PYRO_SUBTREE_SUMS_H
#define PYRO_SUBTREE_SUMS_H

#include "stack/allocator.h"

extern bool sum_subtrees(const uint32 *parent, const int64 *self,
						 uint32 nnodes, int64 *total,
						 const Allocator *scratch, PyroError *error);

#endif							/* PYRO_SUBTREE_SUMS_H */
