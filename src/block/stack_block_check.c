/*
 * stack_block_check.c
 *	  Are the parts that follow from others what these say?
 *
 * The name tree follows from the stacks, and the sums from the samples.  They
 * are made anew and compared by what they mean, not by their bytes, so that
 * another writer may encode them otherwise.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/stack_block_internal.h"

typedef struct Checker
{
	StackBlock *block;
	NameTree	tree;
	StackSums	sums;
	int64	   *node_sum;		/* [node]: of the rows of a set; else 0 */
	bool	   *is_touched;		/* [node] */
	uint32	   *touched;
	uint32		ntouched;
	PyroError  *error;
} Checker;

static bool
wrong(Checker *c, const char *what)
{
	return pyro_fail(c->error, PYRO_CORRUPT, "block of profiles has a wrong %s", what);
}

/* ---- the name tree ---- */

static bool
check_tree(Checker *c, ByteRange bytes, size_t max_memory, const Allocator *allocator)
{
	const StackDictionary *stacks = &c->block->dictionary.stacks;
	NameTree	made;

	if (!name_tree_build(stacks, allocator, &made, c->error) ||
		!name_tree_read(bytes, max_memory, allocator, &c->tree, c->error) ||
		!name_tree_find_stacks(&c->tree, stacks, allocator, c->error))
		return false;
	if (c->tree.nnames != made.nnames || c->tree.nnodes != made.nnodes)
		return wrong(c, "name tree");
	for (uint32 i = 0; i < made.nnames; i++)
		if (!string_ref_equal(c->tree.names[i], made.names[i]))
			return wrong(c, "name tree");
	for (uint32 i = 1; i < made.nnodes; i++)
		if (c->tree.node_parent[i] != made.node_parent[i] ||
			c->tree.node_name[i] != made.node_name[i])
			return wrong(c, "name tree");
	return true;
}

/* ---- sums ---- */

/* Add up the samples of a set's rows of a group, modulo 2^64. */
static bool
add_rows(Checker *c, const StackSumsSet *set, uint32 group, uint32 type)
{
	StackBlock *block = c->block;

	for (uint32 row = set->first_row; row < set->first_row + set->row_count; row++)
	{
		ProfileView view;

		allocator_poll(block->allocator, 0);
		if (block->shapes.shapes[block->heads[row].shape].group != group)
			continue;
		if (!stack_block_view(block, row, type, false, &view, c->error))
			return false;
		for (uint32 i = 0; i < view.nsamples; i++)
		{
			uint32		node = c->tree.stack_node[view.sample_node[i]];

			if (!c->is_touched[node])
				c->touched[c->ntouched++] = node;
			c->is_touched[node] = true;
			c->node_sum[node] = (int64) ((uint64) c->node_sum[node] + (uint64) view.values[i]);
		}
	}
	return true;
}

/* Take a list's sums away again; true if nothing is left. */
static bool
take_away(Checker *c, const StackSumsList *list, uint32 type)
{
	bool		is_right = true;

	for (uint32 i = 0; i < list->nnodes; i++)
	{
		int64	   *sum = &c->node_sum[list->nodes[i]];

		*sum = (int64) ((uint64) *sum - (uint64) list->values[type][i]);
		is_right &= *sum == 0;
	}
	for (uint32 i = 0; i < c->ntouched; i++)
	{
		is_right &= c->node_sum[c->touched[i]] == 0;
		c->node_sum[c->touched[i]] = 0;
		c->is_touched[c->touched[i]] = false;
	}
	c->ntouched = 0;
	return is_right;
}

static bool
check_set(Checker *c, const StackSumsSet *set)
{
	for (uint32 i = 0; i < set->nlists; i++)
	{
		const StackSumsList *list = &set->lists[i];
		uint32		ntypes = c->block->shapes.groups[list->group].ntypes;

		for (uint32 t = 0; t < ntypes; t++)
		{
			/* sums that left int64 on their way are not there */
			if (list->values[t] == NULL)
				continue;
			if (!add_rows(c, set, list->group, t))
				return false;
			if (!take_away(c, list, t))
				return wrong(c, "sum of samples");
		}
	}
	return true;
}

static bool
check_sums(Checker *c, ByteRange bytes, size_t max_memory, const Allocator *allocator)
{
	uint32		nnodes = c->tree.nnodes;

	if (!stack_sums_open(bytes, c->block->nrows, nnodes, c->block->shapes.ngroups,
						 c->block->shapes.groups, max_memory, allocator, &c->sums, c->error))
		return false;
	c->node_sum = allocate_or_fail(allocator, nnodes, sizeof(int64), c->error);
	c->is_touched = allocate_or_fail(allocator, nnodes, sizeof(bool), c->error);
	c->touched = allocate_or_fail(allocator, nnodes, sizeof(uint32), c->error);
	if (c->node_sum == NULL || c->is_touched == NULL || c->touched == NULL)
		return false;
	memset(c->node_sum, 0, nnodes * sizeof(int64));
	memset(c->is_touched, 0, nnodes * sizeof(bool));
	for (uint32 i = 0; i < c->sums.nruns; i++)
		if (!check_set(c, &c->sums.runs[i]))
			return false;
	for (uint32 i = 0; i < c->sums.nleading; i++)
		if (!check_set(c, &c->sums.leading[i]))
			return false;
	return true;
}

/*
 * Compare a block's name tree and sums, where there are any, with its stacks and
 * samples.
 *
 * Reads all samples; memory, at most about max_memory besides what the parts
 * claim, comes from the allocator and is not needed afterwards.  Returns false
 * with PYRO_CORRUPT where something does not fit, or PYRO_NO_MEMORY.
 */
bool
stack_block_check(StackBlock *block, ByteRange tree, ByteRange sums, size_t max_memory,
				  const Allocator *allocator, PyroError *error)
{
	Checker		c = {.block = block,.error = error};

	return check_tree(&c, tree, max_memory, allocator) &&
		(sums.size == 0 || check_sums(&c, sums, max_memory, allocator));
}
