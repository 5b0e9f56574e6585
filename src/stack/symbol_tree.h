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

/*
 * A symbol below another, with where its own followers begin: so the symbol
 * of a node is one load away from that of its parent.
 */
typedef struct SymbolFollower
{
	uint32		symbol;
	uint32		start;
	uint32		count;
} SymbolFollower;

/* The last node at some depth, and the followers of its symbol. */
typedef struct SymbolPlace
{
	uint32		node;			/* as the reader of the tree numbers it */
	uint32		start;
	uint32		count;
} SymbolPlace;

/* Where in a tree a reader is; see symbol_tree_next(). */
typedef struct SymbolTreeCursor
{
	const uint8 *code;			/* of the next node */
	PackedReader *in;			/* escapes */
	const SymbolFollower *followers;
	SymbolPlace *path;			/* [depth]; the root's node is 0 */
	uint32		ndepths;
	uint32		depth;			/* of the node before */
} SymbolTreeCursor;

extern bool symbol_tree_write(const uint32 *depth, const uint32 *symbol,
							  uint32 nnodes, uint32 nsymbols,
							  const Allocator *scratch, TextBuffer *out,
							  PyroError *error);
extern void symbol_tree_close(ColumnReader *reader, SymbolTreeCursor *cursor);
extern bool symbol_tree_read(ColumnReader *reader, uint32 nnodes,
							 uint32 nsymbols, uint32 *parent, uint32 *depth,
							 uint32 *symbol);
extern bool symbol_tree_open(ColumnReader *reader, uint32 nnodes,
							 uint32 nsymbols, uint32 ndepths,
							 SymbolTreeCursor *cursor);

/* The rest of a half of a byte that was full; more than fits is corrupt. */
static inline bool
symbol_tree_escape(PackedReader *in, uint32 *number)
{
	uint32		rest;

	if (!read_varint(in, &rest) || rest > PG_INT32_MAX)
		return false;
	*number += rest;
	return true;
}

/*
 * The next node, as many times as the tree has nodes but the root.
 *
 * Its depth becomes cursor->depth, its parent is path[depth - 1].node; the
 * caller sets path[depth].node, which depends on nothing here.  Returns false where the bytes are damaged.
 */
static inline bool
symbol_tree_next(SymbolTreeCursor *cursor, uint32 *symbol)
{
	uint8		code = *cursor->code++;
	uint32		up = code >> 4;
	uint32		rank = code & 15;
	const SymbolPlace *above;
	const SymbolFollower *follower;
	SymbolPlace *place;

	if ((unlikely(up == 15) && !symbol_tree_escape(cursor->in, &up)) ||
		(unlikely(rank == 15) && !symbol_tree_escape(cursor->in, &rank)) ||
		up > cursor->depth)
		return false;
	cursor->depth -= up;
	above = &cursor->path[cursor->depth++];
	if (rank >= above->count || cursor->depth >= cursor->ndepths)
		return false;
	follower = &cursor->followers[above->start + rank];
	*symbol = follower->symbol;
	place = &cursor->path[cursor->depth];
	place->start = follower->start;
	place->count = follower->count;
	return true;
}

#endif							/* PYRO_SYMBOL_TREE_H */
