/*
 * symbol_tree_write.c
 *	  Write a tree of symbols.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "stack/counting_sort.h"
#include "stack/preorder.h"
#include "stack/symbol_tree.h"

typedef struct TreeWriter
{
	uint32		n;				/* nodes but the root; item i is node i + 1 */
	const uint32 *symbol;		/* [item] */
	uint32	   *context;		/* [item]: its parent's symbol */
	uint32		ncontexts;		/* symbols, and last the root's */
	uint32	   *rank;			/* [item] */
	uint32	   *start;			/* of a sort */
	uint32	   *lists[2];

	/* pairs, at first in order of context and symbol */
	uint32		npairs;
	uint32	   *pair;			/* [item] */
	uint32	   *pair_context;
	uint32	   *pair_symbol;
	uint32	   *pair_rarity;	/* items less its own */
	uint32	   *pair_rank;
} TreeWriter;

static bool
make_writer(TreeWriter *w, const uint32 *depth, const uint32 *symbol,
			uint32 nnodes, uint32 nsymbols, const Allocator *scratch,
			PyroError *error)
{
	uint32		n = nnodes - 1;
	uint32	   *parent = preorder_parents(depth, nnodes, scratch, error);
	uint32	  **arrays[] = {
		&w->context, &w->rank, &w->lists[0], &w->lists[1], &w->pair,
		&w->pair_context, &w->pair_symbol, &w->pair_rarity, &w->pair_rank
	};

	if (parent == NULL)
		return false;
	memset(w, 0, sizeof(*w));
	w->n = n;
	w->ncontexts = nsymbols + 1;
	w->symbol = symbol + 1;
	for (size_t i = 0; i < lengthof(arrays); i++)
	{
		*arrays[i] = allocate_or_fail(scratch, n, sizeof(uint32), error);
		if (*arrays[i] == NULL)
			return false;
	}
	w->start = allocate_or_fail(scratch, (size_t) Max(nnodes, nsymbols) + 2,
								sizeof(uint32), error);
	if (w->start == NULL)
		return false;
	for (uint32 i = 0; i < n; i++)
		w->context[i] = parent[i + 1] == 0 ? nsymbols : symbol[parent[i + 1]];
	return true;
}

/* Find the pairs, and which is each item's. */
static void
number_pairs(TreeWriter *w)
{
	const uint32 *list = w->lists[1];
	uint32		pair = 0;

	counting_sort(w->symbol, w->ncontexts, NULL, w->n, w->start, w->lists[0]);
	counting_sort(w->context, w->ncontexts, w->lists[0], w->n, w->start,
				  w->lists[1]);
	for (uint32 i = 0; i < w->n; i++)
	{
		uint32		item = list[i];

		if (i == 0 || w->context[item] != w->pair_context[pair - 1] ||
			w->symbol[item] != w->pair_symbol[pair - 1])
		{
			w->pair_context[pair] = w->context[item];
			w->pair_symbol[pair] = w->symbol[item];
			w->pair_rarity[pair++] = w->n;
		}
		w->pair_rarity[pair - 1]--;
		w->pair[item] = pair - 1;
	}
	w->npairs = pair;
}

/*
 * Order the pairs of each context by frequency and write them.
 */
static void
write_pairs(TreeWriter *w, TextBuffer *out)
{
	const uint32 *list = w->lists[1];

	counting_sort(w->pair_rarity, w->n, NULL, w->npairs, w->start,
				  w->lists[0]);
	counting_sort(w->pair_context, w->ncontexts, w->lists[0], w->npairs,
				  w->start, w->lists[1]);
	append_varint(out, w->npairs);
	for (uint32 context = 0; context < w->ncontexts; context++)
		append_varint(out, w->start[context + 1] - w->start[context]);
	for (uint32 context = 0; context < w->ncontexts; context++)
	{
		uint32		before = context;

		for (uint32 i = w->start[context]; i < w->start[context + 1]; i++)
		{
			uint32		symbol = w->pair_symbol[list[i]];

			w->pair_rank[list[i]] = i - w->start[context];
			append_varint(out, index_difference(symbol, before));
			before = symbol;
		}
	}
}

/* Levels up and ranks of all nodes. */
static void
write_nodes(const TreeWriter *w, const uint32 *depth, TextBuffer *out)
{
	if (!text_buffer_reserve(out, w->n))
		return;
	for (uint32 i = 0; i < w->n; i++)
	{
		uint32		up = depth[i] + 1 - depth[i + 1];
		uint32		rank = w->pair_rank[w->pair[i]];

		out->data[out->length + i] = (char) (Min(up, 15) << 4 | Min(rank, 15));
	}
	out->length += w->n;
	for (uint32 i = 0; i < w->n; i++)
	{
		uint32		up = depth[i] + 1 - depth[i + 1];
		uint32		rank = w->pair_rank[w->pair[i]];

		if (up >= 15)
			append_varint(out, up - 15);
		if (rank >= 15)
			append_varint(out, rank - 15);
	}
}

/*
 * Append a tree: in pre-order, node 0 the root, the only one of depth 0,
 * whose symbol is not looked at.  Other symbols are below nsymbols.
 *
 * Takes 44 bytes a node from scratch.  Returns false with PYRO_NO_MEMORY; out
 * has its own failures.
 */
bool
symbol_tree_write(const uint32 *depth, const uint32 *symbol, uint32 nnodes,
				  uint32 nsymbols, const Allocator *scratch, TextBuffer *out,
				  PyroError *error)
{
	TreeWriter	w;

	if (!make_writer(&w, depth, symbol, nnodes, nsymbols, scratch, error))
		return false;
	number_pairs(&w);
	write_pairs(&w, out);
	write_nodes(&w, depth, out);
	return true;
}
