/*
 * test_stack_sums.c
 *	  Sums of runs and of leading keys are what adding up their rows gives, or
 *	  are known not to be there; damaged ones are an error.
 */
#include "postgres_fe.h"

#include "block/stack_sums.h"

#include "unit.h"

#define MAX_TYPES		4
#define MAX_GROUPS		4
#define MAX_ROWS		60
#define MAX_SAMPLES		40
#define MAX_MEMORY		((size_t) 64 << 20)

typedef struct Row
{
	uint32		group;
	uint32		nsamples;
	uint32		keys[MAX_SAMPLES];
	int64		values[MAX_TYPES][MAX_SAMPLES];
} Row;

typedef struct Model
{
	uint32		nnodes;
	uint32		nkeys;
	uint32	   *key_node;
	uint32		ngroups;
	SampleGroup groups[MAX_GROUPS];
	uint32		nrows;
	Row			rows[MAX_ROWS];

	/* some of the runs are empty */
	StackRuns	runs;
	uint32		run_end[2 * MAX_ROWS];
	bool		ends_leading[2 * MAX_ROWS];
} Model;

static Model model;

/* What adding up gives. */
typedef struct Sum
{
	uint32		nrows;
	bool	   *used;			/* [node] */
	int128	   *sums[MAX_TYPES];
	bool		left[MAX_TYPES];	/* has one left int64 on the way? */
} Sum;

static int64
random_value(UnitRandom *random, uint32 kind)
{
	switch (kind)
	{
		case 0:
			return 1 + unit_below(random, 3);
		case 1:
			return (int64) unit_below(random, 2001) - 1000;
		case 2:
			return (int64) unit_below(random, 1000000) << 20;
		case 3:
			return (int64) unit_random(random) >> unit_below(random, 6);
		default:
			return 0;
	}
}

static void
random_rows(UnitRandom *random)
{
	uint32		kinds[MAX_GROUPS][MAX_TYPES];

	for (uint32 g = 0; g < MAX_GROUPS; g++)
		for (uint32 t = 0; t < MAX_TYPES; t++)
			kinds[g][t] = unit_below(random, 6);
	for (uint32 i = 0; i < model.nrows; i++)
	{
		Row		   *row = &model.rows[i];

		row->group = unit_below(random, model.ngroups);
		row->nsamples = unit_chance(random, 10) ? 0 : unit_below(random, MAX_SAMPLES + 1);
		for (uint32 k = 0; k < row->nsamples; k++)
		{
			row->keys[k] = unit_below(random, model.nkeys);
			for (uint32 t = 0; t < MAX_TYPES; t++)
				row->values[t][k] = t > 0 && kinds[row->group][t] == 5 ?
					(int64) ((uint64) row->values[0][k] * 10000000) :
					random_value(random, kinds[row->group][t]);
		}
	}
}

static void
random_runs(UnitRandom *random)
{
	uint32		row = 0;
	uint32		n = 0;
	uint32		percent = unit_below(random, 101);
	uint32		longest = 1 + unit_below(random, MAX_ROWS);

	while (row < model.nrows || (n < MAX_ROWS / 2 && unit_chance(random, 30)))
	{
		uint32		next = row + 1 + unit_below(random, longest);

		if (row < model.nrows && (n >= MAX_ROWS - 1 || !unit_chance(random, 10)))
			row = Min(next, model.nrows);
		model.run_end[n] = row;
		model.ends_leading[n++] = unit_chance(random, percent);
	}
	model.runs = (StackRuns)
	{
		n, model.run_end, model.ends_leading
	};
}

static void
random_model(UnitRandom *random, UnitMemory *memory)
{
	model.nnodes = 1 + unit_below(random, unit_chance(random, 50) ? 10 : 300);
	model.nkeys = 1 + unit_below(random, 500);
	model.key_node = allocate_array(&memory->allocator, model.nkeys, sizeof(uint32));
	for (uint32 i = 0; i < model.nkeys; i++)
		model.key_node[i] = unit_below(random, model.nnodes);
	model.ngroups = 1 + unit_below(random, MAX_GROUPS);
	for (uint32 g = 0; g < model.ngroups; g++)
		model.groups[g] = (SampleGroup)
	{
		.ntypes = unit_below(random, MAX_TYPES + 1)
	};
	model.nrows = unit_below(random, MAX_ROWS + 1);
	random_rows(random);
	random_runs(random);
}

static bool
write_model(const Allocator *allocator, TextBuffer *out, PyroError *error)
{
	StackSumsWriter *writer = stack_sums_begin(model.nnodes, model.nkeys, model.key_node,
											   model.ngroups, model.groups, allocator, error);
	uint32		row = 0;

	text_buffer_init(out, allocator, PYRO_MAX_ALLOCATION);
	if (writer == NULL)
		return false;
	for (uint32 run = 0; run < model.runs.nruns; run++)
	{
		for (; row < model.run_end[run]; row++)
		{
			Row		   *from = &model.rows[row];
			int64	   *values[MAX_TYPES];

			for (uint32 t = 0; t < MAX_TYPES; t++)
				values[t] = from->values[t];
			if (!stack_sums_add(writer, from->group, from->nsamples, from->keys, values, error))
				return false;
		}
		if (!stack_sums_end_run(writer, model.ends_leading[run], error))
			return false;
	}
	if (!stack_sums_finish(writer, out, error))
		return false;
	return !out->failed || pyro_fail_memory(error);
}

static bool
open_sums(const TextBuffer *bytes, const Allocator *allocator, StackSums *sums, PyroError *error)
{
	return stack_sums_open(byte_range(bytes->data, bytes->length), model.nrows, model.nnodes,
						   model.ngroups, model.groups, MAX_MEMORY, allocator, sums, error);
}

/* ---- the oracle ---- */

static void
start_sum(Sum *sum, UnitMemory *memory)
{
	memset(sum, 0, sizeof(*sum));
	sum->used = allocate_array(&memory->allocator, model.nnodes, sizeof(bool));
	memset(sum->used, 0, model.nnodes * sizeof(bool));
	for (uint32 t = 0; t < MAX_TYPES; t++)
	{
		sum->sums[t] = allocate_array(&memory->allocator, model.nnodes, sizeof(int128));
		memset(sum->sums[t], 0, model.nnodes * sizeof(int128));
	}
}

static void
add_number(Sum *sum, uint32 type, uint32 node, int128 number)
{
	sum->sums[type][node] += number;
	sum->left[type] |= sum->sums[type][node] > PG_INT64_MAX ||
		sum->sums[type][node] < PG_INT64_MIN;
}

/* Rows of a group, from first to last. */
static void
add_rows(Sum *sum, uint32 group, uint32 first, uint32 last)
{
	for (uint32 i = first; i < last; i++)
	{
		const Row  *row = &model.rows[i];

		if (row->group != group)
			continue;
		sum->nrows++;
		for (uint32 k = 0; k < row->nsamples; k++)
		{
			uint32		node = model.key_node[row->keys[k]];

			sum->used[node] = true;
			for (uint32 t = 0; t < model.groups[group].ntypes; t++)
				add_number(sum, t, node, row->values[t][k]);
		}
	}
}

/* Runs are added up first, and then they. */
static void
add_set(Sum *sum, uint32 group, const StackSums *sums, const StackSumsSet *set)
{
	for (uint32 r = 0; r < set->run_count; r++)
	{
		const StackSumsSet *run = &sums->runs[set->first_run + r];
		UnitMemory	memory;
		Sum			one;

		unit_memory_init(&memory);
		start_sum(&one, &memory);
		add_rows(&one, group, run->first_row, run->first_row + run->row_count);
		sum->nrows += one.nrows;
		for (uint32 node = 0; node < model.nnodes; node++)
		{
			sum->used[node] |= one.used[node];
			for (uint32 t = 0; t < model.groups[group].ntypes; t++)
				add_number(sum, t, node, one.sums[t][node]);
		}
		for (uint32 t = 0; t < MAX_TYPES; t++)
			sum->left[t] |= one.left[t];
		unit_memory_free(&memory);
	}
}

/* ---- comparing ---- */

static uint64 nknown = 0;
static uint64 nleft = 0;

static const char *
check_list(const StackSumsList *list, const Sum *sum)
{
	uint32		n = 0;

	if (sum->nrows < 2)
	{
		for (uint32 t = 0; t < model.groups[list->group].ntypes; t++)
			if (list->values[t] != NULL)
				return "a single row has sums";
		return NULL;
	}
	for (uint32 node = 0; node < model.nnodes; node++)
	{
		if (!sum->used[node])
			continue;
		if (n == list->nnodes || list->nodes[n] != node)
			return "it has other nodes";
		for (uint32 t = 0; t < model.groups[list->group].ntypes; t++)
		{
			if ((list->values[t] == NULL) != sum->left[t])
				return "it does not know what it should";
			if (sum->left[t])
				nleft++;
			else if (list->values[t][n] != sum->sums[t][node])
				return "it has another sum";
			nknown++;
		}
		n++;
	}
	return n == list->nnodes ? NULL : "it has more nodes";
}

static const char *
check_set(const StackSums *sums, const StackSumsSet *set)
{
	uint32		next = 0;

	for (uint32 g = 0; g < model.ngroups; g++)
	{
		UnitMemory	memory;
		Sum			sum;
		const char *flaw = NULL;

		unit_memory_init(&memory);
		start_sum(&sum, &memory);
		add_set(&sum, g, sums, set);
		if (sum.nrows > 0)
		{
			if (next == set->nlists || set->lists[next].group != g)
				flaw = "it lacks a list";
			else
				flaw = check_list(&set->lists[next++], &sum);
		}
		unit_memory_free(&memory);
		if (flaw != NULL)
			return flaw;
	}
	return next == set->nlists ? NULL : "it has more lists";
}

/* Are runs and leading keys those of the model, without empty ones? */
static const char *
check_runs(const StackSums *sums)
{
	uint32		n = 0;
	uint32		first = 0;
	uint32		leading_first = 0;
	uint32		leading = 0;

	for (uint32 run = 0; run < model.runs.nruns; run++)
	{
		if (model.run_end[run] > first)
		{
			if (n == sums->nruns || sums->runs[n].first_row != first ||
				sums->runs[n].row_count != model.run_end[run] - first)
				return "runs";
			n++;
			first = model.run_end[run];
		}
		if (!model.ends_leading[run] && run + 1 < model.runs.nruns)
			continue;
		if (n - leading_first > 1)
		{
			if (leading == sums->nleading || sums->leading[leading].first_run != leading_first ||
				sums->leading[leading].run_count != n - leading_first)
				return "leading keys";
			leading++;
		}
		leading_first = n;
	}
	return n == sums->nruns && leading == sums->nleading ? NULL : "more runs";
}

static const char *
check_sums(const StackSums *sums)
{
	const char *flaw = check_runs(sums);

	for (uint32 i = 0; i < sums->nruns && flaw == NULL; i++)
		flaw = check_set(sums, &sums->runs[i]);
	for (uint32 i = 0; i < sums->nleading && flaw == NULL; i++)
		flaw = check_set(sums, &sums->leading[i]);
	return flaw;
}

static void
check_random(uint32 nmodels)
{
	uint32		nwrong = 0;

	for (uint32 seed = 1; seed <= nmodels; seed++)
	{
		UnitRandom	random = unit_random_seed(seed);
		UnitMemory	memory;
		PyroError	error = {0};
		TextBuffer	bytes;
		StackSums	sums;
		const char *flaw;

		unit_memory_init(&memory);
		random_model(&random, &memory);
		if (!write_model(&memory.allocator, &bytes, &error) ||
			!open_sums(&bytes, &memory.allocator, &sums, &error))
			flaw = error.message;
		else
			flaw = check_sums(&sums);
		if (flaw != NULL && nwrong++ < 5)
			unit_note("seed %u: %s", seed, flaw);
		unit_memory_free(&memory);
	}
	unit_ok(nwrong == 0, "sums of %u random blocks are right", nmodels);
	unit_ok(nknown > 10000 && nleft > 100, "among them " UINT64_FORMAT " sums, and " UINT64_FORMAT
			" that leave int64", nknown, nleft);
}

/* A tree that is too large to add up by. */
static void
check_large_tree(void)
{
	UnitRandom	random = unit_random_seed(1);
	UnitMemory	memory;
	PyroError	error = {0};
	TextBuffer	bytes;
	StackSums	sums;
	bool		done;

	unit_memory_init(&memory);
	random_model(&random, &memory);
	model.nnodes = 100000000;
	model.ngroups = 1;
	model.groups[0].ntypes = 1;
	model.nrows = 2;
	model.rows[0].group = model.rows[1].group = 0;
	model.runs.nruns = 1;
	model.run_end[0] = 2;
	done = write_model(&memory.allocator, &bytes, &error) &&
		open_sums(&bytes, &memory.allocator, &sums, &error);
	unit_ok(done && memory.peak_bytes < 1000000 && sums.nruns == 1 && sums.runs[0].nlists == 1 &&
			sums.runs[0].lists[0].values[0] == NULL, "a tree can be too large for sums");
	unit_memory_free(&memory);
}

/* ---- damage ---- */

/* What is read of damaged bytes must at least be readable. */
static bool
read_all(const StackSums *sums)
{
	uint64		all = 0;

	for (uint32 i = 0; i < sums->nruns + sums->nleading; i++)
	{
		const StackSumsSet *set = i < sums->nruns ? &sums->runs[i] :
		&sums->leading[i - sums->nruns];

		if (set->first_row + set->row_count > model.nrows ||
			set->first_run + set->run_count > sums->nruns)
			return false;
		for (uint32 k = 0; k < set->nlists; k++)
		{
			const StackSumsList *list = &set->lists[k];

			if (list->group >= model.ngroups)
				return false;
			for (uint32 n = 0; n < list->nnodes; n++)
				if (list->nodes[n] >= model.nnodes)
					return false;
			for (uint32 t = 0; t < model.groups[list->group].ntypes; t++)
				for (uint32 n = 0; list->values[t] != NULL && n < list->nnodes; n++)
					all += list->values[t][n];
		}
	}
	return all != 4711;
}

static bool
try_damaged(const TextBuffer *bytes, uint32 *nrefused)
{
	UnitMemory	memory;
	PyroError	error = {0};
	StackSums	sums;
	uint8	   *copy = malloc(Max(bytes->length, 1));
	TextBuffer	exact = *bytes;
	bool		sound = true;

	memcpy(copy, bytes->data, bytes->length);
	exact.data = (char *) copy;
	unit_memory_init(&memory);
	memory.max_bytes = MAX_MEMORY;
	if (open_sums(&exact, &memory.allocator, &sums, &error))
		sound = read_all(&sums);
	else
		++*nrefused;
	unit_memory_free(&memory);
	free(copy);
	return sound;
}

static void
check_damage(uint32 nmodels)
{
	uint32		ntried = 0;
	uint32		nrefused = 0;
	bool		sound = true;

	for (uint32 seed = 1; seed <= nmodels; seed++)
	{
		UnitRandom	random = unit_random_seed(seed);
		UnitMemory	memory;
		PyroError	error = {0};
		TextBuffer	bytes;

		unit_memory_init(&memory);
		random_model(&random, &memory);
		if (!write_model(&memory.allocator, &bytes, &error))
			sound = false;
		for (size_t i = 0; i < bytes.length && sound; i++)
		{
			char		byte = bytes.data[i];
			size_t		length = bytes.length;

			for (int bit = 0; bit < 8; bit++, ntried++)
			{
				bytes.data[i] = byte ^ (1 << bit);
				sound &= try_damaged(&bytes, &nrefused);
			}
			bytes.data[i] = (char) unit_random(&random);
			sound &= try_damaged(&bytes, &nrefused);
			bytes.data[i] = byte;
			bytes.length = i;
			sound &= try_damaged(&bytes, &nrefused);
			bytes.length = length;
			ntried += 2;
		}
		unit_memory_free(&memory);
	}
	unit_ok(sound && nrefused > 0, "%u damaged parts do no harm, %u are refused", ntried, nrefused);
}

static void
check_no_memory(void)
{
	uint32		nfailed = 0;
	bool		sound = true;
	bool		done = false;

	while (!done)
	{
		UnitRandom	random = unit_random_seed(3);
		UnitMemory	memory;
		UnitMemory	of_model;
		PyroError	error = {0};
		TextBuffer	bytes;
		StackSums	sums;

		unit_memory_init(&of_model);
		random_model(&random, &of_model);
		unit_memory_init(&memory);
		memory.fail_at = nfailed + 1;
		done = write_model(&memory.allocator, &bytes, &error) &&
			open_sums(&bytes, &memory.allocator, &sums, &error);
		if (!done)
			sound &= error.kind == PYRO_NO_MEMORY;
		nfailed++;
		unit_memory_free(&memory);
		unit_memory_free(&of_model);
	}
	unit_ok(sound && nfailed > 20, "%u failed allocations are reported", nfailed - 1);
}

int
main(void)
{
	check_random(3000);
	check_large_tree();
	check_damage(40);
	check_no_memory();
	return unit_finish();
}
