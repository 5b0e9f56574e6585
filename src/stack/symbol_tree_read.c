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

/*
 * A symbol below another, with where its own followers begin: so the symbol
 * of a node is one load away from that of its parent.
 */
typedef struct Follower
{
	uint32		symbol;
	uint32		start;
	uint32		count;
} Follower;

/* The last node at some depth, and the followers of its symbol. */
typedef struct Place
{
	uint32		node;
	uint32		start;
	uint32		count;
} Place;

/* The followers of all symbols; *root is as one that has the root's. */
static Follower *
read_followers(ColumnReader *reader, uint32 nnodes, uint32 nsymbols,
			   Follower *root)
{
	PackedReader *in = &reader->in;
	uint32	   *start = columns_array(reader, (size_t) nsymbols + 2,
									  sizeof(uint32));
	Follower   *followers;
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
	followers = columns_array(reader, npairs, sizeof(Follower));
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
			followers[k] = (Follower)
			{
				symbol, start[symbol], start[symbol + 1] - start[symbol]
			};
		}
	}
	*root = (Follower)
	{
		0, start[nsymbols], sum - start[nsymbols]
	};
	return followers;
}

/* The rest of a half of a byte that was full; more than fits is corrupt. */
static inline bool
read_escape(PackedReader *in, uint32 *number)
{
	uint32		rest;

	if (!read_varint(in, &rest) || rest > PG_INT32_MAX)
		return false;
	*number += rest;
	return true;
}

/*
 * Read a tree that symbol_tree_write() wrote with the same numbers of nodes
 * and symbols.
 *
 * parent, depth and symbol have room for nnodes numbers each; the root's are
 * 0.  Scratch counts against the reader's cap.  Returns false with
 * PYRO_CORRUPT or PYRO_NO_MEMORY.
 */
bool
symbol_tree_read(ColumnReader *reader, uint32 nnodes, uint32 nsymbols,
				 uint32 *parent, uint32 *depth, uint32 *symbol)
{
	PackedReader *in = &reader->in;
	const uint8 *codes;
	const Follower *followers;
	Follower	root;
	Place	   *path;			/* the last node at each depth */
	uint32		level = 0;

	if (nnodes == 0)
		return columns_corrupt(reader, "tree");
	path = columns_array(reader, nnodes, sizeof(Place));
	if (path == NULL)
		return false;
	followers = read_followers(reader, nnodes, nsymbols, &root);
	if (followers == NULL)
		return false;
	if (nnodes - 1 > in->end - in->position)
		return columns_corrupt(reader, "tree");
	codes = in->position - 1;	/* of node 1 on */
	in->position += nnodes - 1;
	parent[0] = depth[0] = symbol[0] = 0;
	path[0] = (Place)
	{
		0, root.start, root.count
	};
	for (uint32 i = 1; i < nnodes; i++)
	{
		uint32		up = codes[i] >> 4;
		uint32		rank = codes[i] & 15;
		const Place *above;
		const Follower *follower;

		allocator_poll(reader->allocator, i);
		if ((unlikely(up == 15) && !read_escape(in, &up)) ||
			(unlikely(rank == 15) && !read_escape(in, &rank)) ||
			up > level)
			return columns_corrupt(reader, "tree");
		level -= up;
		above = &path[level++];
		if (rank >= above->count)
			return columns_corrupt(reader, "tree");
		follower = &followers[above->start + rank];
		parent[i] = above->node;
		depth[i] = level;
		symbol[i] = follower->symbol;
		path[level] = (Place)
		{
			i, follower->start, follower->count
		};
	}
	return true;
}
