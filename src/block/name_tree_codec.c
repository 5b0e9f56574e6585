/*
 * name_tree_codec.c
 *	  Write and read a name tree.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/name_tree.h"
#include "stack/dictionary_codec.h"
#include "stack/symbol_tree.h"

/* ---- writing ---- */

/* Where each node is in pre-order, and what depth it has. */
static void
place_preorder(const NameTree *tree, uint32 *place, uint32 *depth)
{
	uint32	   *size = depth;	/* nodes below a node and itself */

	for (uint32 i = 0; i < tree->nnodes; i++)
		size[i] = 1;
	for (uint32 i = tree->nnodes; i-- > 1;)
		size[tree->node_parent[i]] += size[i];
	place[0] = 0;
	for (uint32 i = 0; i < tree->nnodes; i++)
	{
		uint32		next = place[i] + 1;

		for (uint32 k = tree->first_child[i]; k < tree->first_child[i + 1]; k++)
		{
			place[k] = next;
			next += size[k];
		}
	}
	depth[0] = 0;
	for (uint32 i = 1; i < tree->nnodes; i++)
		depth[i] = depth[tree->node_parent[i]] + 1;
}

/* Append the number of depths, and of nodes of each. */
static void
write_depths(const uint32 *depth, uint32 nnodes, TextBuffer *out)
{
	uint32		first = 0;

	/* breadth-first: the last node is one of the deepest */
	append_varint(out, depth[nnodes - 1] + 1);
	for (uint32 i = 1; i <= nnodes; i++)
		if (i == nnodes || depth[i] != depth[first])
		{
			append_varint(out, i - first);
			first = i;
		}
}

/*
 * Append a name tree to out; where stacks are is not written.
 *
 * Returns false with PYRO_LIMIT (names of 4 GB) or PYRO_NO_MEMORY; out has
 * its own failures.
 */
bool
name_tree_write(const NameTree *tree, const Allocator *scratch,
				TextBuffer *out, PyroError *error)
{
	uint32		n = tree->nnodes;
	uint32	   *place = allocate_array(scratch, n, sizeof(uint32));
	uint32	   *depth = allocate_array(scratch, n, sizeof(uint32));
	uint32	   *depths = allocate_array(scratch, n, sizeof(uint32));
	uint32	   *names = allocate_array(scratch, n, sizeof(uint32));
	ColumnScratch columns;
	uint64		name_bytes = 0;

	if (place == NULL || depth == NULL || depths == NULL || names == NULL)
		return pyro_fail_memory(error);
	if (!column_scratch_init(&columns, tree->nnames, scratch, error))
		return false;
	for (uint32 i = 0; i < tree->nnames; i++)
		name_bytes += tree->names[i].length;
	if (name_bytes > PG_UINT32_MAX)
		return pyro_fail(error, PYRO_LIMIT,
						 "names of a tree take " UINT64_FORMAT " bytes, more than %u",
						 name_bytes, PG_UINT32_MAX);
	append_varint(out, tree->nnames);
	append_varint(out, (uint32) name_bytes);
	append_varint(out, n);
	strings_write(tree->names, tree->nnames, &columns, out);
	place_preorder(tree, place, depth);
	write_depths(depth, n, out);
	for (uint32 i = 0; i < n; i++)
	{
		depths[place[i]] = depth[i];
		names[place[i]] = tree->node_name[i];
	}
	return symbol_tree_write(depths, names, n, tree->nnames, scratch, out,
							 error);
}

/* ---- reading ---- */

/* Where nodes of each depth begin, in breadth-first order; ndepths + 1. */
static uint32 *
read_depths(ColumnReader *reader, uint32 nnodes, uint32 *ndepths)
{
	uint32	   *start;
	uint32		sum = 0;
	bool		sound = read_varint(&reader->in, ndepths) && *ndepths > 0 &&
	*ndepths <= nnodes;

	if (!sound)
	{
		columns_corrupt(reader, "depths");
		return NULL;
	}
	start = columns_array(reader, (size_t) *ndepths + 1, sizeof(uint32));
	if (start == NULL)
		return NULL;
	for (uint32 depth = 0; depth < *ndepths && sound; depth++)
	{
		uint32		count;

		start[depth] = sum;
		sound = read_varint(&reader->in, &count) && count <= nnodes - sum &&
			(depth > 0 || count == 1);
		sum += sound ? count : 0;
	}
	if (!sound || sum != nnodes)
	{
		columns_corrupt(reader, "depths");
		return NULL;
	}
	start[*ndepths] = nnodes;
	return start;
}

/*
 * Put nodes from pre-order into breadth-first order: those of one depth stay
 * in their order.
 */
static bool
read_nodes(ColumnReader *reader, NameTree *tree)
{
	uint32		n = tree->nnodes;
	uint32	   *parent = columns_array(reader, n, sizeof(uint32));
	uint32	   *name = columns_array(reader, n, sizeof(uint32));
	uint32	   *first_child = columns_array(reader, (size_t) n + 1,
											sizeof(uint32));
	SymbolTreeCursor cursor;
	uint32		ndepths;
	uint32	   *next;			/* [depth]: where its next node goes */
	uint32	   *end;			/* [depth] */

	if (parent == NULL || name == NULL || first_child == NULL)
		return false;
	tree->node_parent = parent;
	tree->node_name = name;
	tree->first_child = first_child;
	end = read_depths(reader, n, &ndepths);
	next = end == NULL ? NULL :
		columns_array(reader, (size_t) ndepths + 1, sizeof(uint32));
	if (next == NULL ||
		!symbol_tree_open(reader, n, tree->nnames, ndepths, &cursor))
		return false;
	memcpy(next, end, ((size_t) ndepths + 1) * sizeof(uint32));
	end++;
	cursor.path[0].node = 0;
	parent[0] = name[0] = 0;
	first_child[0] = next[0] = 1;
	for (uint32 i = 1; i < n; i++)
	{
		uint32		symbol;
		uint32		above;
		uint32		at;

		allocator_poll(reader->allocator, i);
		if (!symbol_tree_next(&cursor, &symbol))
			return columns_corrupt(reader, "tree");
		above = cursor.path[cursor.depth - 1].node;
		at = next[cursor.depth];
		if (at >= end[cursor.depth])
			return columns_corrupt(reader, "depths");
		next[cursor.depth]++;
		cursor.path[cursor.depth].node = at;
		parent[at] = above;
		name[at] = symbol;
		/* its children will be the next of the depth below */
		first_child[at] = next[cursor.depth + 1];
	}
	symbol_tree_close(reader, &cursor);
	columns_release(reader, next);
	first_child[n] = n;
	return true;
}

/* Searching needs names in order, of the tree and of siblings. */
static bool
check_order(ColumnReader *reader, const NameTree *tree)
{
	const uint32 *parent = tree->node_parent;
	const uint32 *name = tree->node_name;
	uint32		unordered = 0;

	for (uint32 i = 2; i < tree->nnodes; i++)
		unordered |= (parent[i - 1] == parent[i]) & (name[i - 1] >= name[i]);
	if (unordered != 0)
		return columns_corrupt(reader, "order of nodes");
	for (uint32 i = 1; i < tree->nnames; i++)
		if (string_ref_compare(tree->names[i - 1], tree->names[i]) >= 0)
			return columns_corrupt(reader, "names");
	return true;
}

/*
 * Read a name tree from bytes of which it is all; where stacks are remains to
 * be found.
 *
 * Memory comes from the allocator, at most max_memory bytes of it.  Returns
 * false with PYRO_CORRUPT or PYRO_NO_MEMORY.
 */
bool
name_tree_read(ByteRange bytes, size_t max_memory, const Allocator *allocator,
			   NameTree *tree, PyroError *error)
{
	ColumnReader reader = {
		.allocator = allocator,.memory_left = max_memory,
		.subject = "name tree",.error = error
	};
	uint32		name_bytes;

	memset(tree, 0, sizeof(*tree));
	columns_start(&reader, bytes.bytes, bytes.size);
	if (!read_varint(&reader.in, &tree->nnames) ||
		!read_varint(&reader.in, &name_bytes) ||
		!read_varint(&reader.in, &tree->nnodes))
		return columns_corrupt(&reader, "it is cut off");
	if (tree->nnodes == 0)
		return columns_corrupt(&reader, "it has no root");
	return columns_reserve(&reader, tree->nnames) &&
		strings_read(&reader, tree->nnames, name_bytes, &tree->names) &&
		read_nodes(&reader, tree) && columns_finish(&reader) &&
		check_order(&reader, tree);
}
