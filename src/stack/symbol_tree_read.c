/*
 * symbol_tree_read.c
 *	  Read a tree of symbols.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "stack/symbol_tree.h"

/* The followers of all symbols; *root is as one that has the root's. */
static SymbolFollower *
read_followers(ColumnReader *reader, uint32 nnodes, uint32 nsymbols,
			   SymbolPlace *root)
{
	PackedReader *in = &reader->in;
	uint32	   *start = columns_array(reader, (size_t) nsymbols + 2,
									  sizeof(uint32));
	SymbolFollower *followers;
	uint32		npairs;
	uint32		sum = 0;
	bool		sound;

	if (start == NULL)
		return NULL;
	sound = read_varint(in, &npairs) && npairs < nnodes;
	for (uint32 i = 0; i <= nsymbols && sound; i++)
	{
		uint32		count;

		allocator_poll(reader->allocator, i);
		start[i] = sum;
		sound = read_varint(in, &count) && count <= npairs - sum;
		sum += sound ? count : 0;
	}
	if (!sound || sum != npairs)
	{
		columns_corrupt(reader, "tree");
		return NULL;
	}
	start[nsymbols + 1] = sum;
	followers = columns_array(reader, npairs, sizeof(SymbolFollower));
	if (followers == NULL)
		return NULL;
	for (uint32 i = 0; i <= nsymbols; i++)
	{
		uint32		symbol = i;

		allocator_poll(reader->allocator, i);
		for (uint32 k = start[i]; k < start[i + 1]; k++)
		{
			uint32		difference;

			if (!read_varint(in, &difference))
				difference = PG_UINT32_MAX;
			symbol = apply_difference(difference, symbol);
			if (symbol >= nsymbols)
			{
				columns_corrupt(reader, "tree");
				return NULL;
			}
			followers[k] = (SymbolFollower)
			{
				symbol, start[symbol], start[symbol + 1] - start[symbol]
			};
		}
	}
	*root = (SymbolPlace)
	{
		0, start[nsymbols], sum - start[nsymbols]
	};
	columns_release(reader, start);
	return followers;
}

/*
 * Begin to read a tree, node by node; symbol_tree_next() goes on.
 *
 * ndepths: one more than the greatest depth.  After the last node the reader
 * stands behind the tree.  Scratch counts against its cap.  Returns false with
 * PYRO_CORRUPT or PYRO_NO_MEMORY.
 */
bool
symbol_tree_open(ColumnReader *reader, uint32 nnodes, uint32 nsymbols,
				 uint32 ndepths, SymbolTreeCursor *cursor)
{
	PackedReader *in = &reader->in;

	if (nnodes == 0 || ndepths == 0)
		return columns_corrupt(reader, "tree");
	cursor->path = columns_array(reader, ndepths, sizeof(SymbolPlace));
	if (cursor->path == NULL)
		return false;
	cursor->followers = read_followers(reader, nnodes, nsymbols,
									   &cursor->path[0]);
	if (cursor->followers == NULL)
		return false;
	if (nnodes - 1 > in->end - in->position)
		return columns_corrupt(reader, "tree");
	cursor->code = in->position;
	in->position += nnodes - 1;
	cursor->in = in;
	cursor->ndepths = ndepths;
	cursor->depth = 0;
	return true;
}

/*
 * Give back what the cursor has, after the last node.
 */
void
symbol_tree_close(ColumnReader *reader, SymbolTreeCursor *cursor)
{
	columns_release(reader, cursor->path);
	columns_release(reader, (void *) cursor->followers);
}

/*
 * Read a tree that symbol_tree_write() wrote with the same numbers of nodes
 * and symbols.
 *
 * parent, depth and symbol have room for nnodes numbers each; the root's are
 * 0.  Scratch and errors as above.
 */
bool
symbol_tree_read(ColumnReader *reader, uint32 nnodes, uint32 nsymbols,
				 uint32 *parent, uint32 *depth, uint32 *symbol)
{
	SymbolTreeCursor cursor;

	if (!symbol_tree_open(reader, nnodes, nsymbols, nnodes, &cursor))
		return false;
	parent[0] = depth[0] = symbol[0] = 0;
	for (uint32 i = 1; i < nnodes; i++)
	{
		allocator_poll(reader->allocator, i);
		if (!symbol_tree_next(&cursor, &symbol[i]))
			return columns_corrupt(reader, "tree");
		depth[i] = cursor.depth;
		parent[i] = cursor.path[cursor.depth - 1].node;
		cursor.path[cursor.depth].node = i;
	}
	symbol_tree_close(reader, &cursor);
	return true;
}
