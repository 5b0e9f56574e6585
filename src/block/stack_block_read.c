/*
 * stack_block_read.c
 *	  The profiles of a block, from the parts of their column.
 *
 * Nothing in the bytes is believed: every count is bounded before memory is
 * asked for it, and every index is checked once, when the block is opened.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/stack_block_internal.h"
#include "profile/label_codec.h"
#include "stack/dictionary_codec.h"

/* Of the block opened last; blocks are opened by one thread. */
static uint64 last_serial = 0;

/* ---- opening ---- */

typedef struct BlockOpener
{
	StackBlock *block;
	const ByteRange *parts;
	DictionaryReader dictionary;
} BlockOpener;

static void
start_part(BlockOpener *o, StackPart part)
{
	columns_start(&o->dictionary.columns, o->parts[part].bytes,
				  o->parts[part].size);
}

/* Take a struct of counts. */
static bool
take_counts(ColumnReader *columns, void *counts, size_t size)
{
	if (size > (size_t) (columns->in.end - columns->in.position))
		return columns_corrupt(columns, "it is cut off");
	memcpy(counts, columns->in.position, size);
	columns->in.position += size;
	return true;
}

/* A scratch for columns of n numbers, if the one there is shorter. */
static bool
reserve(ColumnReader *columns, size_t n)
{
	if (columns->scratch.numbers32 != NULL && n <= columns->scratch.capacity)
		return true;
	columns_release(columns, columns->scratch.numbers32);
	columns_release(columns, columns->scratch.numbers64);
	return columns_reserve(columns, n);
}

static bool
open_heads(BlockOpener *o)
{
	ColumnReader *columns = &o->dictionary.columns;
	StackBlock *block = o->block;

	start_part(o, STACK_HEADS);
	return reserve(columns, block->nrows) &&
		heads_read(columns, block->nrows, &block->shapes, &block->heads) &&
		columns_finish(columns);
}

static bool
open_names_and_trie(BlockOpener *o)
{
	ColumnReader *columns = &o->dictionary.columns;

	start_part(o, STACK_NAMES);
	if (!take_counts(columns, &o->dictionary.counts, sizeof(DictionaryCounts)) ||
		!reserve(columns, dictionary_longest_column(&o->dictionary.counts)) ||
		!dictionary_read_names(&o->dictionary) || !columns_finish(columns))
		return false;
	start_part(o, STACK_TRIE);
	return dictionary_read_trie_by_context(&o->dictionary) && columns_finish(columns);
}

/* Node and label set of each key. */
static bool
read_keys(BlockOpener *o, uint32 nkeys)
{
	ColumnReader *columns = &o->dictionary.columns;
	SealedDictionary *dictionary = &o->block->dictionary;
	uint32		node = 0;
	uint32		label_set = 0;

	dictionary->nkeys = nkeys;
	dictionary->key_node = columns_array(columns, nkeys, sizeof(uint32));
	dictionary->key_label_set = columns_array(columns, nkeys, sizeof(uint32));
	if (dictionary->key_node == NULL || dictionary->key_label_set == NULL ||
		!read_column32(columns, nkeys, "stacks of keys"))
		return false;
	for (uint32 i = 0; i < nkeys; i++)
	{
		node = apply_difference(columns->scratch.numbers32[i], node);
		if (node >= dictionary->stacks.nnodes)
			return columns_corrupt(columns, "stacks of keys");
		dictionary->key_node[i] = node;
	}
	if (!read_column32(columns, nkeys, "label sets of keys"))
		return false;
	for (uint32 i = 0; i < nkeys; i++)
	{
		label_set = apply_difference(columns->scratch.numbers32[i], label_set);
		if (label_set >= dictionary->label_sets.nsets)
			return columns_corrupt(columns, "label sets of keys");
		dictionary->key_label_set[i] = label_set;
	}
	return true;
}

static bool
open_details(BlockOpener *o)
{
	ColumnReader *columns = &o->dictionary.columns;
	LabelSets  *sets = &o->block->dictionary.label_sets;
	LabelCounts counts;

	start_part(o, STACK_DETAILS);
	if (!dictionary_read_details(&o->dictionary) ||
		!take_counts(columns, &counts, sizeof(counts)) ||
		!reserve(columns, Max(counts.nkeys, Max(counts.nsets, counts.nlabels))))
		return false;
	sets->nsets = counts.nsets;
	return label_sets_read(columns, o->dictionary.counts.nstrings, counts.nsets,
						   counts.nlabels, &sets->set_end, &sets->labels) &&
		read_keys(o, counts.nkeys) && columns_finish(columns);
}

/* Do the shapes name only mappings and strings that the dictionary has? */
static bool
check_shapes(BlockOpener *o)
{
	const StackBlock *block = o->block;
	const StackDictionary *stacks = &block->dictionary.stacks;

	for (uint32 i = 0; i < block->shapes.nshapes; i++)
	{
		const StackShape *shape = &block->shapes.shapes[i];

		for (uint32 k = 0; k < shape->nmappings; k++)
			if (shape->mappings[k] >= stacks->nmappings ||
				(k > 0 && shape->mappings[k] <= shape->mappings[k - 1]))
				return columns_corrupt(&o->dictionary.columns, "mappings of a shape");
		for (uint32 k = 0; k < shape->ncomments; k++)
			if (shape->comments[k] >= stacks->nstrings)
				return columns_corrupt(&o->dictionary.columns, "comments of a shape");
	}
	return true;
}

static bool
open_samples(BlockOpener *o, PyroError *error)
{
	ColumnReader *columns = &o->dictionary.columns;
	StackBlock *block = o->block;
	uint32		n = block->nrows;
	uint32	   *nsamples = columns_array(columns, n, sizeof(uint32));
	uint32	   *group = columns_array(columns, n, sizeof(uint32));
	int64	   *period = columns_array(columns, n, sizeof(int64));
	int64	   *key_size;

	if (nsamples == NULL || group == NULL || period == NULL)
		return false;
	for (uint32 i = 0; i < n; i++)
	{
		nsamples[i] = block->heads[i].nsamples;
		group[i] = block->shapes.shapes[block->heads[i].shape].group;
		period[i] = block->heads[i].period;
	}
	key_size = stack_key_sizes(&block->dictionary, block->allocator, error);
	if (key_size == NULL)
		return false;
	block->samples = sample_rows_open(n, nsamples, group, period,
									  block->dictionary.nkeys, key_size,
									  block->shapes.ngroups, block->shapes.groups,
									  o->parts[STACK_KEYS], o->parts[STACK_VALUES],
									  block->allocator, error);
	return block->samples != NULL;
}

/*
 * Open a column of profiles.
 *
 * nrows: those that are not NULL.  parts: by StackPart, the exact ones at
 * least; keys and values must outlive the block, which is in the allocator's
 * memory, at most max_memory bytes of it for what the bytes claim.  NULL with
 * PYRO_CORRUPT or PYRO_NO_MEMORY.
 */
StackBlock *
stack_block_open(uint32 nrows, const ByteRange parts[STACK_PART_END],
				 size_t max_memory, const Allocator *allocator,
				 PyroError *error)
{
	StackBlock *block = allocate_or_fail(allocator, 1, sizeof(StackBlock), error);
	BlockOpener o = {.block = block,.parts = parts};

	if (block == NULL)
		return NULL;
	memset(block, 0, sizeof(*block));
	block->allocator = allocator;
	block->serial = ++last_serial;
	block->nrows = nrows;
	block->shapes.allocator = allocator;
	o.dictionary.stacks = &block->dictionary.stacks;
	o.dictionary.columns.allocator = allocator;
	o.dictionary.columns.memory_left = max_memory;
	o.dictionary.columns.subject = "block of profiles";
	o.dictionary.columns.error = error;
	if (!open_heads(&o) || !open_names_and_trie(&o) || !open_details(&o) ||
		!check_shapes(&o) || !open_samples(&o, error))
		return NULL;
	columns_release(&o.dictionary.columns, o.dictionary.columns.scratch.numbers32);
	columns_release(&o.dictionary.columns, o.dictionary.columns.scratch.numbers64);
	block->subset = dictionary_subset_create(&block->dictionary, allocator, error);
	return block->subset == NULL ? NULL : block;
}

/* ---- samples ---- */

/*
 * Sort the samples of a row by key, those of one key as they came.
 *
 * symbol: the key, below 2^32; item: the sample.  entries: 2 * n, of which the
 * second half is scratch.
 */
void
stack_sort_samples(SequenceEntry *entries, uint32 n)
{
	if (sequence_radix_sort(entries, entries + n, n))
		return;
	for (uint32 i = 1; i < n; i++)
	{
		SequenceEntry moved = entries[i];
		uint32		k = i;

		for (; k > 0 && entries[k - 1].symbol > moved.symbol; k--)
			entries[k] = entries[k - 1];
		entries[k] = moved;
	}
}

/*
 * The allocation size that each key's labels tell: Go's heap profiles have it
 * as the number `bytes`; 0 where there is none.
 */
int64 *
stack_key_sizes(const SealedDictionary *dictionary, const Allocator *allocator,
				PyroError *error)
{
	const LabelSets *sets = &dictionary->label_sets;
	int64	   *set_size = allocate_or_fail(allocator, sets->nsets, sizeof(int64), error);
	int64	   *key_size = allocate_or_fail(allocator, dictionary->nkeys, sizeof(int64), error);
	uint32		bytes;

	if (set_size == NULL || key_size == NULL)
		return NULL;
	if (!stack_find_string(&dictionary->stacks, string_ref_literal("bytes"), &bytes))
		bytes = PG_UINT32_MAX;
	for (uint32 i = 0; i < sets->nsets; i++)
	{
		set_size[i] = 0;
		for (uint32 k = i == 0 ? 0 : sets->set_end[i - 1]; k < sets->set_end[i]; k++)
			if (sets->labels[k].key == bytes && sets->labels[k].is_number)
				set_size[i] = sets->labels[k].number;
	}
	for (uint32 i = 0; i < dictionary->nkeys; i++)
		key_size[i] = set_size[dictionary->key_label_set[i]];
	return key_size;
}

/*
 * A row's samples: keys in ascending order and the values of each sample type,
 * all from the allocator.
 */
bool
stack_block_samples(StackBlock *block, uint32 row, const Allocator *allocator,
					uint32 **keys, int64 ***values, PyroError *error)
{
	const StackHead *head = &block->heads[row];
	uint32		ntypes = block->shapes.shapes[head->shape].header.nsample_types;

	*keys = allocate_or_fail(allocator, head->nsamples, sizeof(uint32), error);
	*values = allocate_or_fail(allocator, ntypes, sizeof(int64 *), error);
	if (*keys == NULL || *values == NULL ||
		!sample_rows_read_keys(block->samples, row, *keys, error))
		return false;
	for (uint32 t = 0; t < ntypes; t++)
	{
		(*values)[t] = allocate_or_fail(allocator, head->nsamples, sizeof(int64), error);
		if ((*values)[t] == NULL ||
			!sample_rows_read_values(block->samples, row, t, (*values)[t], error))
			return false;
	}
	return true;
}

/* ---- profiles ---- */

/*
 * The bytes that a profile had as a value of its own.
 */
uint32
stack_block_profile_size(const StackBlock *block, uint32 row)
{
	return block->heads[row].size;
}

/*
 * The number of samples that a profile has.
 */
uint32
stack_block_profile_samples(const StackBlock *block, uint32 row)
{
	return block->heads[row].nsamples;
}

/* The samples of a row in canonical order. */
static bool
set_samples(Profile *profile, const RowDictionary *dictionary, int64 **by_key,
			const Allocator *allocator, PyroError *error)
{
	uint32		n = profile->header.nsamples;
	uint32		ntypes = profile->header.nsample_types;

	profile->sample_node = dictionary->sample_node;
	profile->sample_label_set = dictionary->sample_label_set;
	profile->values = allocate_or_fail(allocator, ntypes, sizeof(int64 *), error);
	if (profile->values == NULL)
		return false;
	for (uint32 t = 0; t < ntypes; t++)
	{
		profile->values[t] = allocate_or_fail(allocator, n, sizeof(int64), error);
		if (profile->values[t] == NULL)
			return false;
		for (uint32 i = 0; i < n; i++)
			profile->values[t][i] = by_key[t][dictionary->sample_index[i]];
	}
	return profile_sum_values(profile, allocator, error);
}

/*
 * The profile of a row, with a dictionary of its own: the same that went in.
 *
 * Memory comes from the allocator; strings point into the block, which must
 * outlive the profile.  Returns false with PYRO_CORRUPT or PYRO_NO_MEMORY.
 */
bool
stack_block_read(StackBlock *block, uint32 row, const Allocator *allocator,
				 Profile *profile, PyroError *error)
{
	const StackHead *head = &block->heads[row];
	const StackShape *shape = &block->shapes.shapes[head->shape];
	RowDictionary *dictionary = allocate_or_fail(allocator, 1, sizeof(RowDictionary), error);
	SubsetRequest request = {
		.nkeys = head->nsamples,
		.nmappings = shape->nmappings,.mappings = shape->mappings,
		.nstrings = shape->ncomments,.strings = shape->comments
	};
	uint32	   *keys;
	int64	  **values;

	memset(profile, 0, sizeof(*profile));
	if (dictionary == NULL ||
		!stack_block_samples(block, row, allocator, &keys, &values, error))
		return false;
	request.keys = keys;
	if (!dictionary_subset_row(block->subset, &request, allocator, dictionary, error))
		return false;
	profile->header = shape->header;
	profile->header.nsamples = head->nsamples;
	profile->header.time_nanos = head->time_nanos;
	profile->header.duration_nanos = head->duration_nanos;
	profile->header.period = head->period;
	profile->stacks = &dictionary->stacks;
	profile->main_mapping = shape->main_mapping;
	profile->ncomments = shape->ncomments;
	profile->comments = dictionary->string;
	profile->nlabel_sets = dictionary->label_sets.nsets;
	profile->label_set_end = dictionary->label_sets.set_end;
	profile->labels = dictionary->label_sets.labels;
	return set_samples(profile, dictionary, values, allocator, error);
}
