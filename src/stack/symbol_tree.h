/*
 * symbol_tree.h
 *	  A tree in pre-order whose nodes have a symbol each, in few bytes.
 *
 * A function calls few others: a node's symbol is stored as its rank among
 * the symbols that stand below its parent's symbol anywhere in the tree, the
 * most frequent first (a context model of order 1).  Nearly all of these
 * ranks, and of the levels between a node and the one before, are so small
 * that a byte holds both, which zstd then squeezes.
 *
 *	pairs		number of all pairs of a symbol and one below it
 *	counts		per symbol, and last for the root: number of its followers
 *	followers	per symbol: each minus the one before, the first minus the
 *				symbol itself, zigzag coded
 *	nodes		per node but the root a byte: levels up from the node before
 *				(0: its first child) in the upper half, rank in the lower one
 *	escapes		of a half that is 15: what is beyond
 *
 * All but the nodes are varints (packed_array.h).
 */
#ifndef PYRO_SYMBOL_TREE_H
#define PYRO_SYMBOL_TREE_H

#include "stack/columns.h"

extern bool symbol_tree_write(const uint32 *depth, const uint32 *symbol,
							  uint32 nnodes, uint32 nsymbols,
							  const Allocator *scratch, TextBuffer *out,
							  PyroError *error);
extern bool symbol_tree_read(ColumnReader *reader, uint32 nnodes,
							 uint32 nsymbols, uint32 *parent, uint32 *depth,
							 uint32 *symbol);

#endif							/* PYRO_SYMBOL_TREE_H */
