/*
 * stack_sums_write.c
 *	  Add up the samples of runs and of leading keys.
 *
 * A group has an array of sums by node for the run at hand, and one for its
 * leading key; bits tell which of them are in use.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "common/int.h"
#include "port/pg_bitutils.h"

#include "block/stack_sums.h"
#include "block/stack_sums_internal.h"
#include "stack/bit_blocks.h"

/* Sums that would take more memory than this are left out. */
#define MAX_MEMORY		((size_t) 64 << 20)

/* The samples of a single row say as much as their sums. */
#define MIN_ROWS		2

/* Types are compared with so many of those before. */
#define MAX_COMPARED	8

/* Level of zstd to compare forms by. */
#define TRIAL_LEVEL		3

/* Sums of rows of one group. */
typedef struct SumsOfGroup
{
	uint32		nrows;
	uint64	   *used;			/* [node / 64]: bits */
	int64	  **sums;			/* [type][node], 0 where not used */
	bool	   *unknown;		/* [type]: they have left int64 */
} SumsOfGroup;

struct StackSumsWriter
{
	const Allocator *allocator;
	uint32		nnodes;
	uint32		nkeys;
	const uint32 *key_node;
	uint32		ngroups;
	const SampleGroup *groups;
	size_t		memory_left;
	SumsOfGroup *run;			/* [group] */
	SumsOfGroup *leading;
	uint32		run_rows;
	uint32		leading_runs;	/* that have rows */
	uint32		last_leading_end;	/* runs up to the last leading key's end */
	uint32		nruns;
	uint32		nleading;

	/* arrays of uint32, or of uint64 */
	TextBuffer	run_rows_list;
	TextBuffer	leading_gaps;
	TextBuffer	leading_counts;
	TextBuffer	set_lists;
	TextBuffer	list_group;
	TextBuffer	list_nodes;
	TextBuffer	columns;
	TextBuffer	multiples;
	TextBuffer	nodes;
	TextBuffer	values;
};

static inline void
append32(TextBuffer *array, uint32 number)
{
	text_append(array, (char *) &number, sizeof(number));
}

static inline void
append64(TextBuffer *array, uint64 number)
{
	text_append(array, (char *) &number, sizeof(number));
}

static inline size_t
bitmap_words(uint32 nnodes)
{
	return ((size_t) nnodes + 63) / 64;
}

/*
 * Start to add up samples whose keys are below nkeys.
 *
 * key_node: [key] the node of the name tree that a key's stack ends in.  It
 * and the groups must live as long as the writer; all memory is the
 * allocator's.  Returns NULL with PYRO_NO_MEMORY.
 */
StackSumsWriter *
stack_sums_begin(uint32 nnodes, uint32 nkeys, const uint32 *key_node,
				 uint32 ngroups, const SampleGroup *groups,
				 const Allocator *allocator, PyroError *error)
{
	StackSumsWriter *writer = allocate_or_fail(allocator, 1,
											   sizeof(StackSumsWriter), error);
	TextBuffer *buffers[10];

	if (writer == NULL)
		return NULL;
	memset(writer, 0, sizeof(*writer));
	writer->allocator = allocator;
	writer->nnodes = nnodes;
	writer->nkeys = nkeys;
	writer->key_node = key_node;
	writer->ngroups = ngroups;
	writer->groups = groups;
	writer->memory_left = MAX_MEMORY;
	writer->run = allocate_or_fail(allocator, ngroups, sizeof(SumsOfGroup), error);
	writer->leading = allocate_or_fail(allocator, ngroups, sizeof(SumsOfGroup), error);
	if (writer->run == NULL || writer->leading == NULL)
		return NULL;
	memset(writer->run, 0, ngroups * sizeof(SumsOfGroup));
	memset(writer->leading, 0, ngroups * sizeof(SumsOfGroup));
	buffers[0] = &writer->run_rows_list;
	buffers[1] = &writer->leading_gaps;
	buffers[2] = &writer->leading_counts;
	buffers[3] = &writer->set_lists;
	buffers[4] = &writer->list_group;
	buffers[5] = &writer->list_nodes;
	buffers[6] = &writer->columns;
	buffers[7] = &writer->multiples;
	buffers[8] = &writer->nodes;
	buffers[9] = &writer->values;
	for (int i = 0; i < lengthof(buffers); i++)
		text_buffer_init(buffers[i], allocator, PYRO_MAX_ALLOCATION);
	return writer;
}

/* ---- sums ---- */

static bool
init_sums(StackSumsWriter *writer, uint32 ntypes, SumsOfGroup *group,
		  PyroError *error)
{
	size_t		nwords = bitmap_words(writer->nnodes);

	group->used = allocate_or_fail(writer->allocator, nwords, sizeof(uint64), error);
	group->sums = allocate_or_fail(writer->allocator, ntypes, sizeof(int64 *), error);
	group->unknown = allocate_or_fail(writer->allocator, ntypes, sizeof(bool), error);
	if (group->used == NULL || group->sums == NULL || group->unknown == NULL)
		return false;
	memset(group->used, 0, nwords * sizeof(uint64));
	memset(group->unknown, false, ntypes * sizeof(bool));
	for (uint32 t = 0; t < ntypes; t++)
	{
		group->sums[t] = allocate_or_fail(writer->allocator, writer->nnodes,
										  sizeof(int64), error);
		if (group->sums[t] == NULL)
			return false;
		memset(group->sums[t], 0, writer->nnodes * sizeof(int64));
	}
	return true;
}

/* Get ready for a group; it stays without sums where they would be too large. */
static bool
reserve_group(StackSumsWriter *writer, uint32 group, PyroError *error)
{
	uint32		ntypes = writer->groups[group].ntypes;
	size_t		size = 2 * (bitmap_words(writer->nnodes) * sizeof(uint64) +
							(size_t) ntypes * (writer->nnodes * sizeof(int64) + 16));

	if (writer->run[group].used != NULL || size > writer->memory_left)
		return true;
	writer->memory_left -= size;
	return init_sums(writer, ntypes, &writer->run[group], error) &&
		init_sums(writer, ntypes, &writer->leading[group], error);
}

/*
 * Add the next row; arguments are as for sample_rows_add().
 */
bool
stack_sums_add(StackSumsWriter *writer, uint32 group, uint32 nsamples,
			   const uint32 *keys, int64 *const *values, PyroError *error)
{
	SumsOfGroup *sums = &writer->run[group];

	if (!reserve_group(writer, group, error))
		return false;
	writer->run_rows++;
	sums->nrows++;
	if (sums->used == NULL)
		return true;
	for (uint32 i = 0; i < nsamples; i++)
	{
		uint32		node = writer->key_node[keys[i]];

		sums->used[node / 64] |= UINT64CONST(1) << node % 64;
	}
	for (uint32 t = 0; t < writer->groups[group].ntypes; t++)
	{
		int64	   *sum = sums->sums[t];
		bool		left = false;

		for (uint32 i = 0; i < nsamples; i++)
		{
			int64	   *at = &sum[writer->key_node[keys[i]]];

			left |= pg_add_s64_overflow(*at, values[t][i], at);
		}
		sums->unknown[t] |= left;
	}
	return true;
}

/* ---- lists ---- */

/* The next node in use from one on, or nnodes. */
static inline uint32
next_node(const StackSumsWriter *writer, const SumsOfGroup *group, uint32 from)
{
	size_t		nwords = bitmap_words(writer->nnodes);
	size_t		word = from / 64;
	uint64		bits;

	if (from >= writer->nnodes)
		return writer->nnodes;
	bits = group->used[word] & (~UINT64CONST(0) << from % 64);
	while (bits == 0)
	{
		if (++word == nwords)
			return writer->nnodes;
		bits = group->used[word];
	}
	return word * 64 + pg_rightmost_one_pos64(bits);
}

#define FOR_EACH_NODE(writer, group, node) \
	for (uint32 node = next_node(writer, group, 0); node < (writer)->nnodes; \
		 node = next_node(writer, group, node + 1))

/* Are all sums of a type those of another one times a number? */
static bool
is_multiple(const StackSumsWriter *writer, const SumsOfGroup *group,
			const int64 *sums, const int64 *of, int64 *multiple)
{
	bool		known = false;

	*multiple = 0;
	FOR_EACH_NODE(writer, group, node)
	{
		int64		product;

		if (!known && of[node] != 0)
		{
			if (of[node] == -1 && sums[node] == PG_INT64_MIN)
				return false;
			*multiple = sums[node] / of[node];
			known = true;
		}
		if (pg_mul_s64_overflow(of[node], *multiple, &product) || product != sums[node])
			return false;
	}
	return true;
}

/* Write one type's column of a list, as briefly as can be. */
static void
write_column(StackSumsWriter *writer, const SumsOfGroup *group, uint32 type)
{
	int64		multiple;

	if (group->unknown[type])
	{
		append32(&writer->columns, SUMS_UNKNOWN);
		return;
	}
	for (uint32 of = 0; of < Min(type, MAX_COMPARED); of++)
		if (!group->unknown[of] &&
			is_multiple(writer, group, group->sums[type], group->sums[of], &multiple))
		{
			append32(&writer->columns, SUMS_MULTIPLE + of);
			append64(&writer->multiples, zigzag_encode(multiple));
			return;
		}
	append32(&writer->columns, SUMS_PLAIN);
	FOR_EACH_NODE(writer, group, node)
		append64(&writer->values, (uint64) group->sums[type][node]);
}

static void
write_list(StackSumsWriter *writer, uint32 number, const SumsOfGroup *group)
{
	uint32		ntypes = writer->groups[number].ntypes;
	uint32		nnodes = 0;
	uint32		expected = 0;

	append32(&writer->list_group, number);
	if (group->used == NULL || group->nrows < MIN_ROWS)
	{
		append32(&writer->list_nodes, 0);
		for (uint32 t = 0; t < ntypes; t++)
			append32(&writer->columns, SUMS_UNKNOWN);
		return;
	}
	FOR_EACH_NODE(writer, group, node)
	{
		append32(&writer->nodes, node - expected);
		expected = node + 1;
		nnodes++;
	}
	append32(&writer->list_nodes, nnodes);
	for (uint32 t = 0; t < ntypes; t++)
		write_column(writer, group, t);
}

/* Write the lists of a set. */
static void
write_set(StackSumsWriter *writer, const SumsOfGroup *groups)
{
	uint32		nlists = 0;

	for (uint32 g = 0; g < writer->ngroups; g++)
		if (groups[g].nrows > 0)
		{
			write_list(writer, g, &groups[g]);
			nlists++;
		}
	append32(&writer->set_lists, nlists);
}

static void
clear_sums(const StackSumsWriter *writer, uint32 ntypes, SumsOfGroup *group)
{
	group->nrows = 0;
	if (group->used == NULL)
		return;
	for (uint32 t = 0; t < ntypes; t++)
	{
		FOR_EACH_NODE(writer, group, node)
			group->sums[t][node] = 0;
	}
	memset(group->used, 0, bitmap_words(writer->nnodes) * sizeof(uint64));
	memset(group->unknown, false, ntypes * sizeof(bool));
}

/* Add a run's sums to those of its leading key. */
static void
add_to_leading(StackSumsWriter *writer, uint32 number)
{
	const SumsOfGroup *run = &writer->run[number];
	SumsOfGroup *leading = &writer->leading[number];

	leading->nrows += run->nrows;
	if (run->used == NULL)
		return;
	for (size_t i = 0; i < bitmap_words(writer->nnodes); i++)
		leading->used[i] |= run->used[i];
	for (uint32 t = 0; t < writer->groups[number].ntypes; t++)
	{
		leading->unknown[t] |= run->unknown[t];
		FOR_EACH_NODE(writer, run, node)
			if (pg_add_s64_overflow(leading->sums[t][node], run->sums[t][node],
									&leading->sums[t][node]))
			leading->unknown[t] = true;
	}
}

static void
end_leading(StackSumsWriter *writer)
{
	if (writer->leading_runs > 1)
	{
		append32(&writer->leading_gaps,
				 writer->nruns - writer->leading_runs - writer->last_leading_end);
		append32(&writer->leading_counts, writer->leading_runs - 2);
		writer->last_leading_end = writer->nruns;
		writer->nleading++;
		write_set(writer, writer->leading);
	}
	writer->leading_runs = 0;
	for (uint32 g = 0; g < writer->ngroups; g++)
		if (writer->leading[g].nrows > 0)
			clear_sums(writer, writer->groups[g].ntypes, &writer->leading[g]);
}

/*
 * End a run, which counts if it has rows; ends_leading: and its leading key.
 */
bool
stack_sums_end_run(StackSumsWriter *writer, bool ends_leading, PyroError *error)
{
	allocator_poll(writer->allocator, 0);
	if (writer->run_rows > 0)
	{
		append32(&writer->run_rows_list, writer->run_rows);
		write_set(writer, writer->run);
		for (uint32 g = 0; g < writer->ngroups; g++)
			if (writer->run[g].nrows > 0)
			{
				add_to_leading(writer, g);
				clear_sums(writer, writer->groups[g].ntypes, &writer->run[g]);
			}
		writer->nruns++;
		writer->leading_runs++;
		writer->run_rows = 0;
	}
	if (ends_leading)
		end_leading(writer);
	if (writer->nodes.failed || writer->values.failed || writer->columns.failed ||
		writer->set_lists.failed || writer->list_nodes.failed)
		return pyro_fail_memory(error);
	return true;
}

/* ---- finishing ---- */

static inline size_t
length32(const TextBuffer *array)
{
	return array->length / sizeof(uint32);
}

static inline size_t
length64(const TextBuffer *array)
{
	return array->length / sizeof(uint64);
}

/* What zstd makes of bytes, or SIZE_MAX where they cannot be had. */
static size_t
trial_size(const TextBuffer *bytes, const Allocator *allocator)
{
	size_t		bound = zstd_bound(bytes->length);
	uint8	   *to;
	size_t		size;

	if (bytes->failed)
		return SIZE_MAX;
	to = allocate_array(allocator, bound, 1);
	if (to == NULL)
		return SIZE_MAX;
	size = compress_zstd_level(byte_range(bytes->data, bytes->length), to, bound,
							   TRIAL_LEVEL);
	allocator->release(allocator->owner, to);
	return size == 0 ? bytes->length : Min(size, bytes->length);
}

/* Append the smaller form, with its number before it. */
static bool
append_smaller(TextBuffer *out, TextBuffer *packed, TextBuffer *blocks, int flags,
			   const Allocator *allocator, PyroError *error)
{
	size_t		packed_size = trial_size(packed, allocator);
	size_t		blocks_size = trial_size(blocks, allocator);
	TextBuffer *smaller = blocks_size < packed_size ? blocks : packed;

	if (smaller->failed)
		return pyro_fail_memory(error);
	text_append_char(out, (smaller == packed ? SUMS_PACKED : SUMS_BLOCKS) | flags);
	text_append(out, smaller->data, smaller->length);
	if (packed->data != NULL)
		allocator->release(allocator->owner, packed->data);
	if (blocks->data != NULL)
		allocator->release(allocator->owner, blocks->data);
	return true;
}

static bool
write_nodes(StackSumsWriter *writer, TextBuffer *out, PyroError *error)
{
	const uint32 *numbers = (uint32 *) writer->nodes.data;
	size_t		n = length32(&writer->nodes);
	TextBuffer	packed,
				blocks;

	text_buffer_init(&packed, writer->allocator, PYRO_MAX_ALLOCATION);
	text_buffer_init(&blocks, writer->allocator, PYRO_MAX_ALLOCATION);
	pack_numbers32(&packed, numbers, n);
	bit_blocks_write(&blocks, numbers, n);
	return append_smaller(out, &packed, &blocks, 0, writer->allocator, error);
}

static bool
write_values(StackSumsWriter *writer, TextBuffer *out, PyroError *error)
{
	uint64	   *numbers = (uint64 *) writer->values.data;
	size_t		n = length64(&writer->values);
	uint32	   *half = allocate_or_fail(writer->allocator, n, sizeof(uint32), error);
	uint32		all_high = 0;
	bool		is_signed = false;
	TextBuffer	packed,
				blocks;

	if (half == NULL)
		return false;
	text_buffer_init(&packed, writer->allocator, PYRO_MAX_ALLOCATION);
	text_buffer_init(&blocks, writer->allocator, PYRO_MAX_ALLOCATION);
	for (size_t i = 0; i < n; i++)
		is_signed |= (int64) numbers[i] < 0;
	for (size_t i = 0; is_signed && i < n; i++)
		numbers[i] = zigzag_encode((int64) numbers[i]);
	pack_numbers64(&packed, numbers, n);
	for (size_t i = 0; i < n; i++)
		half[i] = (uint32) numbers[i];
	bit_blocks_write(&blocks, half, n);
	for (size_t i = 0; i < n; i++)
		all_high |= half[i] = (uint32) (numbers[i] >> 32);
	text_append_char(&blocks, all_high != 0);
	if (all_high != 0)
		bit_blocks_write(&blocks, half, n);
	writer->allocator->release(writer->allocator->owner, half);
	return append_smaller(out, &packed, &blocks, is_signed ? SUMS_SIGNED : 0, writer->allocator,
						  error);
}

/*
 * Write the part, once all rows have been added and their runs ended.
 *
 * The writer is of no use afterwards.  Returns false with PYRO_LIMIT or
 * PYRO_NO_MEMORY.
 */
bool
stack_sums_finish(StackSumsWriter *writer, TextBuffer *out, PyroError *error)
{
	const TextBuffer *arrays[] = {&writer->run_rows_list, &writer->leading_gaps,
		&writer->leading_counts, &writer->set_lists, &writer->list_group,
	&writer->list_nodes, &writer->columns};

	Assert(writer->run_rows == 0);
	end_leading(writer);
	if (length32(&writer->nodes) > PG_UINT32_MAX || length64(&writer->values) > PG_UINT32_MAX ||
		length32(&writer->columns) > PG_UINT32_MAX)
		return pyro_fail(error, PYRO_LIMIT, "sums of a block are too large");
	append_varint(out, writer->nruns);
	append_varint(out, writer->nleading);
	append_varint(out, length32(&writer->list_group));
	append_varint(out, length32(&writer->nodes));
	append_varint(out, length64(&writer->values));
	append_varint(out, length64(&writer->multiples));
	for (int i = 0; i < lengthof(arrays); i++)
	{
		if (arrays[i]->failed)
			return pyro_fail_memory(error);
		pack_numbers32(out, (uint32 *) arrays[i]->data, length32(arrays[i]));
	}
	if (writer->multiples.failed)
		return pyro_fail_memory(error);
	pack_numbers64(out, (uint64 *) writer->multiples.data, length64(&writer->multiples));
	return write_nodes(writer, out, error) && write_values(writer, out, error);
}
