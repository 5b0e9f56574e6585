/*
 * flame_rows.c
 *	  The rows of a flame graph: a tree cut to what can be shown.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include <math.h>

#include "common/int.h"

#include "flame/flame_rows.h"
#include "stack/preorder.h"
#include "stack/sequence_entry.h"

typedef struct RowCutter
{
	const FlameTree *tree;
	const int64 *right_total;	/* NULL where there is no comparison */
	const int64 *right_self;
	uint32		max_rows;
	const Allocator *allocator;
	PyroError  *error;
	uint32	   *parent;
	double	   *weight;			/* most important first; no child above its
								 * parent */
	bool	   *kept;
	uint32		nrows;
} RowCutter;

static void *
new_array(RowCutter *c, size_t n, size_t element_size)
{
	return allocate_or_fail(c->allocator, n, element_size, c->error);
}

/*
 * How much a node matters: its total, on both sides of a diff.  Where values
 * cancel out, a node matters as much as what is below it.
 */
static bool
weigh_nodes(RowCutter *c)
{
	const FlameTree *tree = c->tree;

	c->weight = new_array(c, tree->nnodes, sizeof(double));
	if (c->weight == NULL)
		return false;
	for (uint32 i = 0; i < tree->nnodes; i++)
	{
		c->weight[i] = fabs((double) tree->total[i]);
		if (c->right_total != NULL)
			c->weight[i] += fabs((double) c->right_total[i]);
	}
	for (uint32 i = tree->nnodes; i-- > 1;)
		c->weight[c->parent[i]] = Max(c->weight[c->parent[i]], c->weight[i]);
	return true;
}

/*
 * The heaviest node comes first, then the earlier.  Bits of doubles that are
 * not negative are in the order of their values.
 */
static inline uint64
candidate_symbol(const double *weights, uint32 node, uint32 position)
{
	uint64		bits;

	if (position == 1)
		return node;
	memcpy(&bits, &weights[node], sizeof(bits));
	return ~bits;
}

/* Values come from outside: no choice of them may make sorting slow. */
#define SEQUENCE_SORT sort_candidates
#define SEQUENCE_CONTEXT const double *
#define SEQUENCE_SYMBOL(context, item, position) \
	candidate_symbol(context, item, position)
#define SEQUENCE_LAST(context, item, position) ((position) == 1)
#include "stack/sequence_sort.h"

/*
 * Keep the heaviest nodes, as long as they and the "other" rows of what is
 * cut from them are not more than max_rows.
 *
 * Parents come before their children, since they weigh as much at least and
 * stand before them.  A kept node adds its row, and one for "other" until its
 * last child is kept as well; so the count never falls from one node to the
 * next, and the longest sound prefix is taken.
 */
static bool
choose_nodes(RowCutter *c)
{
	uint32		n = c->tree->nnodes;
	SequenceScratch scratch;
	uint32	   *hidden = new_array(c, n, sizeof(uint32));
	uint32		nrows = 1;

	c->kept = new_array(c, n, sizeof(bool));
	if (hidden == NULL || c->kept == NULL ||
		!sequence_scratch_init(&scratch, n, c->allocator, c->error))
		return false;
	memset(c->kept, n <= c->max_rows, n * sizeof(bool));
	c->nrows = n;
	if (n <= c->max_rows)
		return true;
	memset(hidden, 0, n * sizeof(uint32));
	for (uint32 i = 1; i < n; i++)
		hidden[c->parent[i]]++;
	sort_candidates(c->weight, scratch.entries, scratch.items + 1,
					scratch.same, n - 1);
	c->kept[0] = true;
	nrows += hidden[0] > 0;
	c->nrows = nrows;
	for (uint32 i = 1; i < n; i++)
	{
		uint32		node = scratch.items[i];

		nrows++;
		nrows -= --hidden[c->parent[node]] == 0;
		nrows += hidden[node] > 0;
		if (nrows > c->max_rows)
			break;
		c->kept[node] = true;
		c->nrows = nrows;
	}
	return true;
}

static FlameRow
node_row(const RowCutter *c, uint32 node)
{
	FlameRow	row = {
		.level = c->tree->level[node],
		.label = flame_node_name(c->tree, node),
		.value = c->tree->total[node],
		.self = c->tree->self[node]
	};

	if (c->right_total != NULL)
	{
		row.value_right = c->right_total[node];
		row.self_right = c->right_self[node];
	}
	return row;
}

/* Add what is cut from a node to its "other" row. */
static bool
add_to_other(RowCutter *c, FlameRow *other, uint32 node)
{
	other->label = string_ref("other", 5);
	if (pg_add_s64_overflow(other->value, c->tree->total[node],
							&other->value) ||
		(c->right_total != NULL &&
		 pg_add_s64_overflow(other->value_right, c->right_total[node],
							 &other->value_right)))
		return pyro_fail(c->error, PYRO_OVERFLOW,
						 "sum of the rows in \"other\" is out of range");
	return true;
}

/*
 * Write the rows; what is cut from a node is summed up in "other", which
 * comes after the last of its kept children and their subtrees.
 */
static bool
write_rows(RowCutter *c, FlameRow *rows, uint32 *nrows, FlameRow *others)
{
	const FlameTree *tree = c->tree;
	uint32		depth = 0;		/* others[0..depth) are of open nodes */
	uint32		n = 0;

	for (uint32 i = 0; i <= tree->nnodes; i++)
	{
		uint32		level = i < tree->nnodes ? tree->level[i] : 0;

		if (i < tree->nnodes && !c->kept[i])
		{
			if (c->kept[c->parent[i]] &&
				!add_to_other(c, &others[tree->level[c->parent[i]]], i))
				return false;
			continue;
		}
		/* close the nodes that this one does not stand below */
		while (depth > level)
		{
			FlameRow   *other = &others[--depth];

			if (other->label.length == 0)
				continue;
			other->self = other->value;
			other->self_right = other->value_right;
			rows[n++] = *other;
		}
		if (i == tree->nnodes)
			break;
		rows[n++] = node_row(c, i);
		memset(&others[level], 0, sizeof(FlameRow));
		others[level].level = level + 1;
		depth = level + 1;
	}
	*nrows = n;
	return true;
}

/*
 * The rows of a tree, at most max_rows of them, the root's and "other"
 * included; max_rows 0 means all.
 *
 * right_total, right_self: the values of a comparison, by node of the tree,
 * or NULL.  The rows come from the allocator and point into the tree; their
 * self values add up to the total.  Returns false with PYRO_OVERFLOW or
 * PYRO_NO_MEMORY.
 */
bool
flame_rows(const FlameTree *tree, const int64 *right_total,
		   const int64 *right_self, uint32 max_rows,
		   const Allocator *allocator, FlameRow **rows, uint32 *nrows,
		   PyroError *error)
{
	RowCutter	c = {.tree = tree,.right_total = right_total,
		.right_self = right_self,
		.max_rows = max_rows == 0 ? PG_UINT32_MAX : max_rows,
		.allocator = allocator,.error = error
	};
	FlameRow   *others;
	uint32		deepest;

	c.parent = preorder_parents(tree->level, tree->nnodes, allocator, error);
	if (c.parent == NULL || !weigh_nodes(&c) || !choose_nodes(&c))
		return false;
	deepest = flame_deepest_level(tree);
	others = new_array(&c, (size_t) deepest + 1, sizeof(FlameRow));
	*rows = new_array(&c, (size_t) c.nrows + 1, sizeof(FlameRow));
	if (others == NULL || *rows == NULL)
		return false;
	if (c.max_rows == 1)
	{
		/* the root alone stands for everything */
		(*rows)[0] = node_row(&c, 0);
		(*rows)[0].self = (*rows)[0].value;
		(*rows)[0].self_right = (*rows)[0].value_right;
		*nrows = 1;
		return true;
	}
	return write_rows(&c, *rows, nrows, others);
}
