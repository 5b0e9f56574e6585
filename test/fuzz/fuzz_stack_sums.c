/*
 * fuzz_stack_sums.c
 *	  Bytes as the sums of a block: they are refused, or what they say is
 *	  sound to follow: sets cover the rows, nodes are of the tree.
 */
#include "postgres_fe.h"

#include "stack_sums_input.h"
#include "unit.h"

/* more would only make the runs slow */
#define MAX_MEMORY		((size_t) 4 << 20)

int			LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size);

/* What a reader might add up, so that the sanitizers see all of it. */
static volatile uint64 touched;

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static void
check_list(const StackSumsList *list, const SampleGroup *groups, uint32 ngroups, uint32 nnodes)
{
	check(list->group < ngroups);
	check(list->nnodes <= nnodes);
	for (uint32 i = 0; i < list->nnodes; i++)
	{
		check(list->nodes[i] < nnodes);
		check(i == 0 || list->nodes[i] > list->nodes[i - 1]);
	}
	for (uint32 t = 0; t < groups[list->group].ntypes; t++)
		for (uint32 i = 0; list->values[t] != NULL && i < list->nnodes; i++)
			touched += (uint64) list->values[t][i];
}

static void
check_set(const StackSumsSet *set, const SampleGroup *groups, const uint8 *head, uint32 nruns)
{
	check(set->row_count > 0 && set->run_count > 0);
	check(set->first_row + set->row_count <= head[SUMS_ROWS]);
	check(set->first_run + set->run_count <= nruns);
	for (uint32 i = 0; i < set->nlists; i++)
	{
		check_list(&set->lists[i], groups, head[SUMS_GROUPS] % (SUMS_MAX_GROUPS + 1),
				   head[SUMS_NODES]);
		check(i == 0 || set->lists[i].group > set->lists[i - 1].group);
	}
}

static void
check_sums(const StackSums *sums, const SampleGroup *groups, const uint8 *head)
{
	uint32		row = 0;
	uint32		run = 0;

	for (uint32 i = 0; i < sums->nruns; i++)
	{
		check_set(&sums->runs[i], groups, head, sums->nruns);
		check(sums->runs[i].first_row == row && sums->runs[i].first_run == i);
		check(sums->runs[i].run_count == 1);
		row += sums->runs[i].row_count;
	}
	check(row == head[SUMS_ROWS]);
	for (uint32 i = 0; i < sums->nleading; i++)
	{
		const StackSumsSet *set = &sums->leading[i];

		check_set(set, groups, head, sums->nruns);
		check(set->run_count > 1 && set->first_run >= run);
		check(set->first_row == sums->runs[set->first_run].first_row);
		run = set->first_run + set->run_count;
		check(set->first_row + set->row_count ==
			  sums->runs[run - 1].first_row + sums->runs[run - 1].row_count);
	}
}

int
LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size)
{
	UnitMemory	memory;
	SampleGroup groups[SUMS_MAX_GROUPS];
	StackSums	sums;
	PyroError	error = {0};
	uint8	   *copy;

	if (size < SUMS_HEAD)
		return 0;
	stack_sums_groups(groups);
	unit_memory_init(&memory);
	copy = unit_allocate(&memory, size - SUMS_HEAD);
	if (size > SUMS_HEAD)
		memcpy(copy, bytes + SUMS_HEAD, size - SUMS_HEAD);
	memory.max_bytes = 16 * MAX_MEMORY;
	if (stack_sums_open(byte_range(copy, size - SUMS_HEAD), bytes[SUMS_ROWS], bytes[SUMS_NODES],
						bytes[SUMS_GROUPS] % (SUMS_MAX_GROUPS + 1), groups, MAX_MEMORY,
						&memory.allocator, &sums, &error))
		check_sums(&sums, groups, bytes);
	else if (error.kind != PYRO_CORRUPT && memory.nfailures == 0)
		abort();
	unit_memory_free(&memory);
	return 0;
}
