/*
 * stack_sums_read.c
 *	  Sums of runs and of leading keys, from their part.
 *
 * Nothing in the bytes is believed: counts are held against a cap of memory
 * before any is asked for, and against each other.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "common/int.h"

#include "block/stack_sums.h"
#include "block/stack_sums_internal.h"
#include "stack/bit_blocks.h"
#include "stack/columns.h"

typedef struct SumsReader
{
	ColumnReader columns;
	StackSums  *sums;
	uint32		nrows;
	uint32		nnodes;			/* of the tree */
	uint32		ngroups;
	const SampleGroup *groups;

	/* how many there are */
	uint32		nlists;
	uint32		nlist_nodes;
	uint32		nvalues;
	uint32		nmultiples;
	uint32		ncolumns;

	/* what there is, and how far it has been used */
	uint32	   *nodes;
	int64	   *values;
	int64	   *multiples;
	uint32	   *column;
	uint32		next_value;
	uint32		next_multiple;
	uint32		next_column;
} SumsReader;

static bool
corrupt(SumsReader *r, const char *what)
{
	return columns_corrupt(&r->columns, what);
}

static bool
read_counts(SumsReader *r)
{
	PackedReader *in = &r->columns.in;
	StackSums  *sums = r->sums;

	if (!read_varint(in, &sums->nruns) || !read_varint(in, &sums->nleading) ||
		!read_varint(in, &r->nlists) || !read_varint(in, &r->nlist_nodes) ||
		!read_varint(in, &r->nvalues) || !read_varint(in, &r->nmultiples))
		return corrupt(r, "it is cut off");
	if (sums->nruns > r->nrows || (r->nrows > 0 && sums->nruns == 0) ||
		sums->nleading > sums->nruns / 2 ||
		r->nlists > ((uint64) sums->nruns + sums->nleading) * r->ngroups)
		return corrupt(r, "numbers of runs");
	return true;
}

/* The rows of the runs, and the runs of the leading keys. */
static bool
read_runs(SumsReader *r)
{
	StackSums  *sums = r->sums;
	const uint32 *numbers = r->columns.scratch.numbers32;
	uint64		next = 0;

	sums->runs = columns_array(&r->columns, sums->nruns, sizeof(StackSumsSet));
	sums->leading = columns_array(&r->columns, sums->nleading, sizeof(StackSumsSet));
	if (sums->runs == NULL || sums->leading == NULL ||
		!read_column32(&r->columns, sums->nruns, "rows of runs"))
		return false;
	for (uint32 i = 0; i < sums->nruns; i++)
	{
		if (numbers[i] == 0 || numbers[i] > r->nrows - next)
			return corrupt(r, "rows of runs");
		sums->runs[i] = (StackSumsSet)
		{
			.first_row = next,.row_count = numbers[i],.first_run = i,.run_count = 1
		};
		next += numbers[i];
	}
	if (next != r->nrows)
		return corrupt(r, "rows of runs");

	if (!read_column32(&r->columns, sums->nleading, "leading keys"))
		return false;
	for (uint32 i = 0; i < sums->nleading; i++)
		sums->leading[i] = (StackSumsSet)
	{
		.first_run = numbers[i]
	};
	if (!read_column32(&r->columns, sums->nleading, "leading keys"))
		return false;
	next = 0;
	for (uint32 i = 0; i < sums->nleading; i++)
	{
		StackSumsSet *leading = &sums->leading[i];
		uint64		first = next + leading->first_run;
		const StackSumsSet *last;

		next = first + numbers[i] + 2;
		if (next > sums->nruns)
			return corrupt(r, "leading keys");
		last = &sums->runs[next - 1];
		leading->first_run = first;
		leading->run_count = next - first;
		leading->first_row = sums->runs[first].first_row;
		leading->row_count = last->first_row + last->row_count - leading->first_row;
	}
	return true;
}

/* The set behind this one: a run, or the leading key that ends with it. */
static StackSumsSet *
next_set(const SumsReader *r, uint32 *run, uint32 *leading)
{
	const StackSums *sums = r->sums;

	if (*leading < sums->nleading &&
		sums->leading[*leading].first_run + sums->leading[*leading].run_count == *run)
		return &sums->leading[(*leading)++];
	return *run < sums->nruns ? &sums->runs[(*run)++] : NULL;
}

/* Give the sets their lists, with group and number of nodes. */
static bool
read_lists(SumsReader *r)
{
	const uint32 *numbers = r->columns.scratch.numbers32;
	StackSumsList *lists = columns_array(&r->columns, r->nlists, sizeof(StackSumsList));
	uint32		nsets = r->sums->nruns + r->sums->nleading;
	uint32		run = 0;
	uint32		leading = 0;
	uint64		next = 0;
	uint64		ncolumns = 0;
	uint64		nnodes = 0;

	if (lists == NULL || !read_column32(&r->columns, nsets, "numbers of lists"))
		return false;
	for (uint32 i = 0; i < nsets; i++)
	{
		StackSumsSet *set = next_set(r, &run, &leading);

		if (numbers[i] == 0 || numbers[i] > r->nlists - next)
			return corrupt(r, "numbers of lists");
		set->nlists = numbers[i];
		set->lists = lists + next;
		next += numbers[i];
	}
	if (next != r->nlists)
		return corrupt(r, "numbers of lists");
	READ_INDEXES(&r->columns, r->nlists, r->ngroups, lists[i].group, "groups of lists");
	if (!read_column32(&r->columns, r->nlists, "nodes of lists"))
		return false;
	for (uint32 i = 0; i < r->nlists; i++)
	{
		lists[i].nnodes = numbers[i];
		nnodes += numbers[i];
		ncolumns += r->groups[lists[i].group].ntypes;
	}
	if (nnodes != r->nlist_nodes || ncolumns > PG_UINT32_MAX)
		return corrupt(r, "nodes of lists");
	r->ncolumns = ncolumns;
	return true;
}

/* ---- numbers in one of two forms ---- */

static bool
read_form(SumsReader *r, uint8 largest, uint8 *form)
{
	PackedReader *in = &r->columns.in;

	if (in->position == in->end)
		return corrupt(r, "it is cut off");
	*form = *in->position++;
	return *form <= largest || corrupt(r, "form of numbers");
}

static bool
read_blocks(SumsReader *r, size_t n, uint32 *numbers)
{
	BitBlocks	blocks;

	if (n > r->columns.memory_left / sizeof(uint32))
		return corrupt(r, "it claims more elements than it can have");
	if (!bit_blocks_open(&r->columns.in, n, r->columns.allocator, &blocks, r->columns.error))
		return false;
	bit_blocks_read(&blocks, 0, n, numbers);
	return true;
}

static bool
read_node_differences(SumsReader *r)
{
	uint8		form = SUMS_PACKED;

	r->nodes = columns_array(&r->columns, r->nlist_nodes, sizeof(uint32));
	if (r->nodes == NULL || !read_form(r, SUMS_BLOCKS, &form))
		return false;
	if (form == SUMS_BLOCKS)
		return read_blocks(r, r->nlist_nodes, r->nodes);
	return unpack_numbers32(&r->columns.in, r->nodes, r->nlist_nodes) ||
		corrupt(r, "nodes of lists");
}

static bool
read_value_blocks(SumsReader *r, uint64 *values)
{
	uint32	   *half = columns_array(&r->columns, r->nvalues, sizeof(uint32));
	uint8		has_high = 0;

	if (half == NULL || !read_blocks(r, r->nvalues, half))
		return false;
	for (uint32 i = 0; i < r->nvalues; i++)
		values[i] = half[i];
	if (!read_form(r, 1, &has_high))
		return false;
	if (has_high && !read_blocks(r, r->nvalues, half))
		return false;
	for (uint32 i = 0; has_high && i < r->nvalues; i++)
		values[i] |= (uint64) half[i] << 32;
	return true;
}

static bool
read_values(SumsReader *r)
{
	uint64	   *coded = columns_array(&r->columns, r->nvalues, sizeof(uint64));
	uint8		form = SUMS_PACKED;

	if (coded == NULL || !read_form(r, SUMS_BLOCKS | SUMS_SIGNED, &form))
		return false;
	if (form & SUMS_BLOCKS ? !read_value_blocks(r, coded) :
		!unpack_numbers64(&r->columns.in, coded, r->nvalues) && !corrupt(r, "values"))
		return false;
	r->values = (int64 *) coded;
	for (uint32 i = 0; form & SUMS_SIGNED && i < r->nvalues; i++)
		r->values[i] = zigzag_decode(coded[i]);
	return true;
}

/* ---- lists ---- */

/* Turn a list's differences into nodes. */
static bool
add_up_nodes(SumsReader *r, StackSumsList *list, uint32 *nodes)
{
	uint64		next = 0;

	for (uint32 i = 0; i < list->nnodes; i++)
	{
		next += nodes[i];
		if (next >= r->nnodes)
			return corrupt(r, "nodes of lists");
		nodes[i] = next++;
	}
	list->nodes = nodes;
	return true;
}

static bool
multiply_column(SumsReader *r, StackSumsList *list, uint32 type, uint32 of)
{
	int64	   *values = columns_array(&r->columns, list->nnodes, sizeof(int64));

	if (values == NULL)
		return false;
	if (of >= type || list->values[of] == NULL || r->next_multiple == r->nmultiples)
		return corrupt(r, "values that are a multiple");
	for (uint32 i = 0; i < list->nnodes; i++)
		if (pg_mul_s64_overflow(list->values[of][i], r->multiples[r->next_multiple],
								&values[i]))
			return corrupt(r, "values that are a multiple");
	r->next_multiple++;
	list->values[type] = values;
	return true;
}

static bool
fill_columns(SumsReader *r, StackSumsList *list)
{
	uint32		ntypes = r->groups[list->group].ntypes;

	list->values = columns_array(&r->columns, ntypes, sizeof(int64 *));
	if (list->values == NULL)
		return false;
	for (uint32 t = 0; t < ntypes; t++)
	{
		uint32		column = r->column[r->next_column++];

		list->values[t] = NULL;
		if (column >= SUMS_MULTIPLE)
		{
			if (!multiply_column(r, list, t, column - SUMS_MULTIPLE))
				return false;
		}
		else if (column == SUMS_PLAIN)
		{
			if (list->nnodes > r->nvalues - r->next_value)
				return corrupt(r, "values of lists");
			list->values[t] = r->values + r->next_value;
			r->next_value += list->nnodes;
		}
	}
	return true;
}

/* Nodes and values of all lists, in the order in which they are stored. */
static bool
fill_lists(SumsReader *r)
{
	uint32		next_node = 0;
	uint32		run = 0;
	uint32		leading = 0;
	StackSumsSet *set;

	while ((set = next_set(r, &run, &leading)) != NULL)
	{
		allocator_poll(r->columns.allocator, run);
		for (uint32 i = 0; i < set->nlists; i++)
		{
			StackSumsList *list = &set->lists[i];

			if (i > 0 && list->group <= list[-1].group)
				return corrupt(r, "groups of lists");
			if (!add_up_nodes(r, list, r->nodes + next_node) || !fill_columns(r, list))
				return false;
			next_node += list->nnodes;
		}
	}
	if (r->next_value != r->nvalues || r->next_multiple != r->nmultiples)
		return corrupt(r, "values of lists");
	return true;
}

static bool
read_columns(SumsReader *r)
{
	ColumnReader *columns = &r->columns;

	r->column = columns_array(columns, r->ncolumns, sizeof(uint32));
	r->multiples = columns_array(columns, r->nmultiples, sizeof(int64));
	if (r->column == NULL || r->multiples == NULL)
		return false;
	if (!unpack_numbers32(&columns->in, r->column, r->ncolumns))
		return corrupt(r, "types of lists");
	if (!unpack_numbers64(&columns->in, (uint64 *) r->multiples, r->nmultiples))
		return corrupt(r, "multiples");
	for (uint32 i = 0; i < r->nmultiples; i++)
		r->multiples[i] = zigzag_decode(r->multiples[i]);
	return true;
}

/*
 * Open the part.
 *
 * nrows: of the column of profiles.  nnodes: of the name tree.  Everything is
 * in the allocator's memory, at most about max_memory bytes of it; the bytes
 * are not needed afterwards.  Returns false with PYRO_CORRUPT or
 * PYRO_NO_MEMORY.
 */
bool
stack_sums_open(ByteRange bytes, uint32 nrows, uint32 nnodes, uint32 ngroups,
				const SampleGroup *groups, size_t max_memory,
				const Allocator *allocator, StackSums *sums, PyroError *error)
{
	SumsReader	r = {
		.sums = sums,.nrows = nrows,.nnodes = nnodes,.ngroups = ngroups,.groups = groups
	};

	memset(sums, 0, sizeof(*sums));
	r.columns.allocator = allocator;
	r.columns.memory_left = max_memory;
	r.columns.subject = "sums of a block";
	r.columns.error = error;
	columns_start(&r.columns, bytes.bytes, bytes.size);
	return read_counts(&r) &&
		columns_reserve(&r.columns, Max((size_t) sums->nruns + sums->nleading, r.nlists)) &&
		read_runs(&r) && read_lists(&r) && read_columns(&r) &&
		read_node_differences(&r) && read_values(&r) &&
		columns_finish(&r.columns) && fill_lists(&r);
}
