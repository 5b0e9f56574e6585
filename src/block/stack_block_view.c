/*
 * stack_block_view.c
 *	  What sums and accessors need of a row, without its profile being rebuilt.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/stack_block_internal.h"

/*
 * Make room for so many samples in view_nodes and view_values.
 */
bool
stack_block_reserve_samples(StackBlock *block, uint32 n, PyroError *error)
{
	if (!grow_array(block->allocator, (void **) &block->view_nodes, 0, &block->nodes_capacity,
					n, sizeof(uint32)) ||
		!grow_array(block->allocator, (void **) &block->view_values, 0,
					&block->values_capacity, n, sizeof(int64)))
		return pyro_fail_memory(error);
	return true;
}

/* The sum of the values of a row's samples of one type. */
static bool
sum_values(StackBlock *block, uint32 row, uint32 type, ProfileHeader *header,
		   PyroError *error)
{
	__int128	total = 0;

	if (!sample_rows_read_values(block->samples, row, type, block->view_values, error))
		return false;
	for (uint32 i = 0; i < header->nsamples; i++)
		total += block->view_values[i];
	header->total_overflows[type] = total != (int64) total;
	header->totals[type] = header->total_overflows[type] ? 0 : (int64) total;
	return true;
}

/*
 * The header of a row's profile; totals, only if they are asked for, are from
 * the allocator, all else is the block's.
 */
bool
stack_block_header(StackBlock *block, uint32 row, bool totals,
				   const Allocator *allocator, ProfileHeader *header,
				   PyroError *error)
{
	const StackHead *head = &block->heads[row];

	*header = block->shapes.shapes[head->shape].header;
	header->nsamples = head->nsamples;
	header->time_nanos = head->time_nanos;
	header->duration_nanos = head->duration_nanos;
	header->period = head->period;
	if (!totals)
		return true;
	header->totals = allocate_or_fail(allocator, header->nsample_types, sizeof(int64), error);
	header->total_overflows = allocate_or_fail(allocator, header->nsample_types, sizeof(bool),
											   error);
	if (header->totals == NULL || header->total_overflows == NULL ||
		!stack_block_reserve_samples(block, header->nsamples, error))
		return false;
	for (uint32 t = 0; t < header->nsample_types; t++)
		if (!sum_values(block, row, t, header, error))
			return false;
	return true;
}

/*
 * The samples of a row by their stacks, with the values of one sample type, in
 * the order of keys.
 *
 * The dictionary and the scratch are the block's; the arrays are, too, and stay
 * until the block is looked at again.
 */
bool
stack_block_view(StackBlock *block, uint32 row, uint32 type, ProfileView *view,
				 PyroError *error)
{
	const uint32 *key_node = block->dictionary.key_node;
	uint32		n = block->heads[row].nsamples;

	if (block->scratch.target == NULL &&
		!stack_scratch_init(&block->scratch, &block->dictionary.stacks, block->allocator,
							error))
		return false;
	if (!stack_block_reserve_samples(block, n, error) ||
		!sample_rows_read_keys(block->samples, row, block->view_nodes, error) ||
		!sample_rows_read_values(block->samples, row, type, block->view_values, error))
		return false;
	for (uint32 i = 0; i < n; i++)
		block->view_nodes[i] = key_node[block->view_nodes[i]];
	view->stacks = &block->dictionary.stacks;
	view->scratch = &block->scratch;
	view->nsamples = n;
	view->sample_node = block->view_nodes;
	view->values = block->view_values;
	return true;
}
