/*
 * stack_block_write.c
 *	  The profiles of a block, one after another, and then the parts of their
 *	  column.
 *
 * While rows come in they share an open dictionary; their samples lie packed,
 * by the keys of that, since a block has millions of them.  Only when all are
 * there are the dictionary sealed and the samples written by its keys.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/block_dictionary.h"
#include "block/name_tree.h"
#include "block/stack_block.h"
#include "block/stack_block_internal.h"
#include "block/stack_heads.h"
#include "profile/label_codec.h"
#include "stack/dictionary_codec.h"
#include "stack/sequence_entry.h"

struct StackBuilder
{
	const Allocator *allocator;
	OpenDictionary *dictionary;
	ShapeList	shapes;			/* mappings and comments of the dictionary */
	uint32		nrows;
	uint64		nsamples;		/* of all rows */
	size_t		heads_capacity;
	StackHead  *heads;
	size_t		offsets_capacity;
	size_t	   *offsets;		/* [row]: of its samples */
	TextBuffer	samples;		/* of each: key less that before, and values */
	size_t		counts_capacity;
	uint32	   *key_count;		/* [key]: samples that have it */
	uint32		nkeys;

	/* the source whose dictionary was added last, and where it is in this */
	uint64		source;			/* its serial, or 0 */
	DictionaryMap source_map;

	SealedDictionary sealed;	/* once it is finished */
};

/*
 * Begin a block.  Everything is in the allocator's memory, NULL with the
 * error set where there is none.
 */
StackBuilder *
stack_builder_create(const Allocator *allocator, PyroError *error)
{
	StackBuilder *builder = allocate_or_fail(allocator, 1, sizeof(StackBuilder),
											 error);

	if (builder == NULL)
		return NULL;
	memset(builder, 0, sizeof(*builder));
	builder->allocator = allocator;
	builder->shapes.allocator = allocator;
	text_buffer_init(&builder->samples, allocator, PYRO_MAX_ALLOCATION);
	builder->dictionary = open_dictionary_create(allocator, error);
	return builder->dictionary == NULL ? NULL : builder;
}

/*
 * The bytes that the builder holds, which is about what sealing needs again.
 */
size_t
stack_builder_size(const StackBuilder *builder)
{
	return open_dictionary_size(builder->dictionary) + builder->samples.capacity +
		builder->heads_capacity * sizeof(StackHead) +
		builder->counts_capacity * sizeof(uint32);
}

/*
 * The samples of all rows that were added.
 */
uint64
stack_builder_samples(const StackBuilder *builder)
{
	return builder->nsamples;
}

/* ---- adding rows ---- */

static void
append_varint64(TextBuffer *out, uint64 number)
{
	char		bytes[10];
	int			n = 0;

	for (; number >= 0x80; number >>= 7)
		bytes[n++] = (char) (number | 0x80);
	bytes[n++] = (char) number;
	text_append(out, bytes, n);
}

static uint64
take_varint64(const uint8 **position)
{
	uint64		number = 0;

	for (int shift = 0;; shift += 7)
	{
		uint8		byte = *(*position)++;

		number |= (uint64) (byte & 0x7F) << shift;
		if (byte < 0x80)
			return number;
	}
}

/* Room for one more row and for keys up to nkeys. */
static bool
reserve_row(StackBuilder *builder, PyroError *error)
{
	if (builder->nrows == PG_UINT32_MAX)
		return pyro_fail(error, PYRO_LIMIT, "a block cannot have more profiles");
	if (!grow_array(builder->allocator, (void **) &builder->heads, builder->nrows,
					&builder->heads_capacity, (size_t) builder->nrows + 1,
					sizeof(StackHead)) ||
		!grow_array(builder->allocator, (void **) &builder->offsets, builder->nrows,
					&builder->offsets_capacity, (size_t) builder->nrows + 1,
					sizeof(size_t)))
		return pyro_fail_memory(error);
	return true;
}

static bool
count_key(StackBuilder *builder, uint32 key, PyroError *error)
{
	if (key >= builder->nkeys)
	{
		if (!grow_array(builder->allocator, (void **) &builder->key_count,
						builder->nkeys, &builder->counts_capacity,
						(size_t) key + 1, sizeof(uint32)))
			return pyro_fail_memory(error);
		memset(builder->key_count + builder->nkeys, 0,
			   (key + 1 - builder->nkeys) * sizeof(uint32));
		builder->nkeys = key + 1;
	}
	if (builder->key_count[key] < PG_UINT32_MAX)
		builder->key_count[key]++;
	return true;
}

static bool
add_shape(StackBuilder *builder, const Profile *profile,
		  const DictionaryMap *map, const Allocator *scratch, uint32 *shape,
		  PyroError *error)
{
	StackShape	wanted = {
		.header = profile->header,
		.nmappings = profile->stacks->nmappings,
		.main_mapping = profile->main_mapping,
		.ncomments = profile->ncomments
	};

	wanted.mappings = map->mapping;
	wanted.comments = allocate_or_fail(scratch, profile->ncomments,
									   sizeof(uint32), error);
	if (wanted.comments == NULL)
		return false;
	for (uint32 i = 0; i < profile->ncomments; i++)
	{
		wanted.comments[i] = map->string[profile->comments[i]];
		open_dictionary_keep_string(builder->dictionary, wanted.comments[i]);
	}
	return shapes_find_or_add(&builder->shapes, &wanted, shape, error);
}

/* Samples of a profile, by the nodes and label sets that a map gives. */
static bool
add_samples(StackBuilder *builder, const Profile *profile,
			const DictionaryMap *map, PyroError *error)
{
	uint32		before = 0;

	for (uint32 i = 0; i < profile->header.nsamples; i++)
	{
		uint32		key;

		allocator_poll(builder->allocator, i);
		if (!open_dictionary_key(builder->dictionary,
								 map->node[profile->sample_node[i]],
								 map->label_set[profile->sample_label_set[i]],
								 &key, error) ||
			!count_key(builder, key, error))
			return false;
		append_varint64(&builder->samples, zigzag_encode((int64) key - before));
		before = key;
		for (uint32 t = 0; t < profile->header.nsample_types; t++)
			append_varint64(&builder->samples, zigzag_encode(profile->values[t][i]));
	}
	return !builder->samples.failed || pyro_fail_memory(error);
}

/* The row's head, once its samples are there. */
static void
finish_row(StackBuilder *builder, const ProfileHeader *header, uint32 shape,
		   uint32 size, size_t offset)
{
	builder->nsamples += header->nsamples;
	builder->offsets[builder->nrows] = offset;
	builder->heads[builder->nrows++] = (StackHead)
	{
		.shape = shape,
			.nsamples = header->nsamples,
			.size = size,
			.time_nanos = header->time_nanos,
			.duration_nanos = header->duration_nanos,
			.period = header->period
	};
}

/*
 * Add a profile as the next row.  size: its bytes as a value of its own, which
 * are only remembered.
 *
 * The profile need not outlive the call, nor need what comes from scratch.
 * Returns false with PYRO_LIMIT or PYRO_NO_MEMORY; after that the builder is
 * of no use.
 */
bool
stack_builder_add(StackBuilder *builder, const Profile *profile, uint32 size,
				  const Allocator *scratch, PyroError *error)
{
	LabelSets	label_sets = {profile->nlabel_sets, profile->label_set_end, profile->labels};
	size_t		offset = builder->samples.length;
	DictionaryMap map;
	uint32		shape;

	if (!reserve_row(builder, error) ||
		!open_dictionary_add(builder->dictionary, profile->stacks, &label_sets,
							 scratch, &map, error) ||
		!add_shape(builder, profile, &map, scratch, &shape, error) ||
		!add_samples(builder, profile, &map, error))
		return false;
	finish_row(builder, &profile->header, shape, size, offset);
	return true;
}

static void
release_array(const Allocator *allocator, uint32 **array)
{
	if (*array != NULL)
		allocator->release(allocator->owner, *array);
	*array = NULL;
}

/* Forget the source that was used last. */
static void
forget_source(StackBuilder *builder)
{
	DictionaryMap *map = &builder->source_map;

	builder->source = 0;
	release_array(builder->allocator, &map->string);
	release_array(builder->allocator, &map->mapping);
	release_array(builder->allocator, &map->function);
	release_array(builder->allocator, &map->location);
	release_array(builder->allocator, &map->node);
	release_array(builder->allocator, &map->label_set);
}

/* The different keys of some rows of a block. */
static bool
collect_keys(StackBlock *source, const uint32 *rows, uint32 nrows,
			 const Allocator *scratch, uint32 **keys, uint32 *nkeys, PyroError *error)
{
	uint32		longest = 0;
	uint8	   *seen = allocate_or_fail(scratch, source->dictionary.nkeys, 1, error);
	uint32	   *of_row;

	for (uint32 i = 0; i < nrows; i++)
		longest = Max(longest, source->heads[rows[i]].nsamples);
	of_row = allocate_or_fail(scratch, longest, sizeof(uint32), error);
	*keys = allocate_or_fail(scratch, source->dictionary.nkeys, sizeof(uint32), error);
	*nkeys = 0;
	if (seen == NULL || of_row == NULL || *keys == NULL)
		return false;
	memset(seen, 0, source->dictionary.nkeys);
	for (uint32 i = 0; i < nrows; i++)
	{
		allocator_poll(scratch, i % 64 == 0 ? 0 : 1);
		if (!sample_rows_read_keys(source->samples, rows[i], of_row, error))
			return false;
		for (uint32 k = 0; k < source->heads[rows[i]].nsamples; k++)
			if (!seen[of_row[k]])
			{
				seen[of_row[k]] = 1;
				(*keys)[(*nkeys)++] = of_row[k];
			}
	}
	return true;
}

/* The mappings and comments that the shapes of some rows have. */
static bool
collect_of_shapes(const StackBlock *source, const uint32 *rows, uint32 nrows,
				  const Allocator *scratch, SubsetRequest *request, PyroError *error)
{
	const ShapeList *list = &source->shapes;
	uint8	   *seen = allocate_or_fail(scratch, list->nshapes, 1, error);
	uint32	   *mappings,
			   *strings;

	if (seen == NULL)
		return false;
	memset(seen, 0, list->nshapes);
	for (uint32 i = 0; i < nrows; i++)
	{
		uint32		shape = source->heads[rows[i]].shape;

		if (seen[shape])
			continue;
		seen[shape] = 1;
		request->nmappings += list->shapes[shape].nmappings;
		request->nstrings += list->shapes[shape].ncomments;
	}
	mappings = allocate_or_fail(scratch, request->nmappings, sizeof(uint32), error);
	strings = allocate_or_fail(scratch, request->nstrings, sizeof(uint32), error);
	if (mappings == NULL || strings == NULL)
		return false;
	request->mappings = mappings;
	request->strings = strings;
	for (uint32 i = 0; i < list->nshapes; i++)
	{
		const StackShape *shape = &list->shapes[i];

		if (!seen[i])
			continue;
		for (uint32 k = 0; k < shape->nmappings; k++)
			*mappings++ = shape->mappings[k];
		for (uint32 k = 0; k < shape->ncomments; k++)
			*strings++ = shape->comments[k];
	}
	return true;
}

/* The source's map for what the request names, by way of its subset. */
static bool
map_subset(StackBuilder *builder, const StackBlock *source, const SubsetRequest *request,
		   const RowDictionary *subset, const DictionaryMap *of_subset, PyroError *error)
{
	const SealedDictionary *from = &source->dictionary;
	DictionaryMap *map = &builder->source_map;

	map->string = allocate_or_fail(builder->allocator, from->stacks.nstrings,
								   sizeof(uint32), error);
	map->mapping = allocate_or_fail(builder->allocator, from->stacks.nmappings,
									sizeof(uint32), error);
	map->node = allocate_or_fail(builder->allocator, from->stacks.nnodes,
								 sizeof(uint32), error);
	map->label_set = allocate_or_fail(builder->allocator, from->label_sets.nsets,
									  sizeof(uint32), error);
	if (map->string == NULL || map->mapping == NULL || map->node == NULL ||
		map->label_set == NULL)
		return false;
	for (uint32 i = 0; i < request->nkeys; i++)
	{
		uint32		key = request->keys[subset->sample_index[i]];

		map->node[from->key_node[key]] = of_subset->node[subset->sample_node[i]];
		map->label_set[from->key_label_set[key]] =
			of_subset->label_set[subset->sample_label_set[i]];
	}
	for (uint32 i = 0; i < request->nmappings; i++)
		map->mapping[request->mappings[i]] = of_subset->mapping[subset->mapping[i]];
	for (uint32 i = 0; i < request->nstrings; i++)
		map->string[request->strings[i]] = of_subset->string[subset->string[i]];
	return true;
}

/* Take the dictionary of a block whose rows are going to be added. */
static bool
use_source(StackBuilder *builder, const StackBlock *source, PyroError *error)
{
	if (builder->source == source->serial)
		return true;
	forget_source(builder);
	if (!open_dictionary_add(builder->dictionary, &source->dictionary.stacks,
							 &source->dictionary.label_sets, builder->allocator,
							 &builder->source_map, error))
		return false;
	builder->source = source->serial;
	return true;
}

/*
 * Say which rows of another block are going to be added, ascending, so that of
 * its dictionary only what they use is taken over.
 *
 * Rows of that block that were not named must not be added until rows of yet
 * another one come between.  Returns as stack_builder_add_row().
 */
bool
stack_builder_expect_rows(StackBuilder *builder, StackBlock *source, const uint32 *rows,
						  uint32 nrows, const Allocator *scratch, PyroError *error)
{
	SubsetRequest request = {0};
	RowDictionary subset;
	DictionaryMap of_subset;
	uint32	   *keys;

	forget_source(builder);
	if (nrows == source->nrows)
		return use_source(builder, source, error);
	if (!collect_keys(source, rows, nrows, scratch, &keys, &request.nkeys, error) ||
		!collect_of_shapes(source, rows, nrows, scratch, &request, error))
		return false;
	request.keys = keys;
	if (!dictionary_subset_row(source->subset, &request, scratch, &subset, error) ||
		!open_dictionary_add(builder->dictionary, &subset.stacks, &subset.label_sets,
							 scratch, &of_subset, error) ||
		!map_subset(builder, source, &request, &subset, &of_subset, error))
		return false;
	builder->source = source->serial;
	return true;
}

/* The shape of another block's row. */
static bool
add_source_shape(StackBuilder *builder, const StackShape *from,
				 const Allocator *scratch, uint32 *shape, PyroError *error)
{
	const DictionaryMap *map = &builder->source_map;
	StackShape	wanted = *from;

	wanted.mappings = allocate_or_fail(scratch, from->nmappings, sizeof(uint32), error);
	wanted.comments = allocate_or_fail(scratch, from->ncomments, sizeof(uint32), error);
	if (wanted.mappings == NULL || wanted.comments == NULL)
		return false;
	for (uint32 i = 0; i < from->nmappings; i++)
		wanted.mappings[i] = map->mapping[from->mappings[i]];
	for (uint32 i = 0; i < from->ncomments; i++)
	{
		wanted.comments[i] = map->string[from->comments[i]];
		open_dictionary_keep_string(builder->dictionary, wanted.comments[i]);
	}
	return shapes_find_or_add(&builder->shapes, &wanted, shape, error);
}

/*
 * Add a row of another block, without making a profile of it.
 *
 * The source's dictionary is taken over once, as long as rows of no other
 * source come between.  As stack_builder_add(), and PYRO_CORRUPT where the
 * source is damaged.
 */
bool
stack_builder_add_row(StackBuilder *builder, StackBlock *source, uint32 row,
					  const Allocator *scratch, PyroError *error)
{
	const StackHead *head = &source->heads[row];
	const StackShape *from = &source->shapes.shapes[head->shape];
	size_t		offset = builder->samples.length;
	Profile		samples = {.header = from->header};
	uint32		shape;
	uint32	   *keys;

	samples.header.nsamples = head->nsamples;
	samples.header.time_nanos = head->time_nanos;
	samples.header.duration_nanos = head->duration_nanos;
	samples.header.period = head->period;
	if (!reserve_row(builder, error) || !use_source(builder, source, error) ||
		!add_source_shape(builder, from, scratch, &shape, error) ||
		!stack_block_samples(source, row, scratch, &keys, &samples.values, error))
		return false;
	samples.sample_node = allocate_or_fail(scratch, head->nsamples, sizeof(uint32), error);
	samples.sample_label_set = allocate_or_fail(scratch, head->nsamples, sizeof(uint32), error);
	if (samples.sample_node == NULL || samples.sample_label_set == NULL)
		return false;
	for (uint32 i = 0; i < head->nsamples; i++)
	{
		samples.sample_node[i] = source->dictionary.key_node[keys[i]];
		samples.sample_label_set[i] = source->dictionary.key_label_set[keys[i]];
	}
	if (!add_samples(builder, &samples, &builder->source_map, error))
		return false;
	finish_row(builder, &samples.header, shape, head->size, offset);
	return true;
}

/* ---- finishing ---- */

typedef struct Finisher
{
	StackBuilder *builder;
	const Allocator *allocator;
	SealedDictionary sealed;
	DictionaryMap map;
	uint32	   *key_map;
	const uint32 *order;		/* of rows, or NULL */
	const StackRuns *runs;		/* or NULL: one */
	NameTree	tree;
	uint32	   *key_name_node;	/* [key]: where its stack is in the tree */
	TextBuffer *parts;
	PyroError  *error;
} Finisher;

static uint32
ordered_row(const Finisher *f, uint32 i)
{
	return f->order == NULL ? i : f->order[i];
}

/* All mappings of a profile stay, used or not. */
static void
keep_mappings(StackBuilder *builder)
{
	for (uint32 i = 0; i < builder->shapes.nshapes; i++)
		for (uint32 k = 0; k < builder->shapes.shapes[i].nmappings; k++)
			open_dictionary_keep_mapping(builder->dictionary,
										 builder->shapes.shapes[i].mappings[k]);
}

/*
 * Name mappings and comments of the shapes as the sealed dictionary does.
 *
 * Rows of a damaged block may have one mapping twice, or mappings in another
 * order; nobody could read a block of such rows.
 */
static bool
renumber_shapes(Finisher *f)
{
	ShapeList  *list = &f->builder->shapes;

	for (uint32 i = 0; i < list->nshapes; i++)
	{
		StackShape *shape = &list->shapes[i];

		for (uint32 k = 0; k < shape->nmappings; k++)
		{
			shape->mappings[k] = f->map.mapping[shape->mappings[k]];
			if (k > 0 && shape->mappings[k] <= shape->mappings[k - 1])
				return pyro_fail(f->error, PYRO_CORRUPT,
								 "mappings of a profile are out of order");
		}
		for (uint32 k = 0; k < shape->ncomments; k++)
			shape->comments[k] = f->map.string[shape->comments[k]];
	}
	return true;
}

static bool
write_heads(Finisher *f)
{
	uint32		n = f->builder->nrows;
	StackHead  *heads = allocate_or_fail(f->allocator, n, sizeof(StackHead), f->error);

	if (heads == NULL)
		return false;
	for (uint32 i = 0; i < n; i++)
		heads[i] = f->builder->heads[ordered_row(f, i)];
	return heads_write(&f->builder->shapes, heads, n, f->allocator,
					   &f->parts[STACK_HEADS], f->error);
}

/* Keys of a class ascend, so that differences are small. */
static void
write_dictionary_keys(const SealedDictionary *sealed, ColumnScratch *scratch,
					  TextBuffer *out)
{
	const uint32 *node = sealed->key_node;
	const uint32 *label_set = sealed->key_label_set;
	uint32		n = sealed->nkeys;

	WRITE_COLUMN32(scratch, out, n, index_difference(node[i], i == 0 ? 0 : node[i - 1]));
	WRITE_COLUMN32(scratch, out, n,
				   index_difference(label_set[i], i == 0 ? 0 : label_set[i - 1]));
}

static bool
write_dictionary(Finisher *f)
{
	const StackDictionary *stacks = &f->sealed.stacks;
	const LabelSets *sets = &f->sealed.label_sets;
	TextBuffer *details = &f->parts[STACK_DETAILS];
	DictionaryCounts counts;
	LabelCounts labels = {sets->nsets, sets->set_end[sets->nsets - 1], f->sealed.nkeys};
	ColumnScratch scratch;
	size_t		longest;

	if (!dictionary_count(stacks, STACK_PART_MAX_SIZE, &counts, f->error))
		return false;
	longest = Max(dictionary_longest_column(&counts), labels.nkeys);
	longest = Max(longest, Max(labels.nsets, labels.nlabels));
	if (!column_scratch_init(&scratch, longest, f->allocator, f->error))
		return false;
	text_append(&f->parts[STACK_NAMES], (char *) &counts, sizeof(counts));
	dictionary_write_names(stacks, &scratch, &f->parts[STACK_NAMES]);
	if (!dictionary_write_trie_by_context(stacks, f->allocator, &f->parts[STACK_TRIE], f->error))
		return false;
	dictionary_write_details(stacks, &scratch, details);
	text_append(details, (char *) &labels, sizeof(labels));
	label_sets_write(sets->set_end, sets->nsets, sets->labels, &scratch, details);
	write_dictionary_keys(&f->sealed, &scratch, details);
	return true;
}

/* A row's samples, unpacked and sorted by key. */
typedef struct RowScratch
{
	size_t		capacity;
	SequenceEntry *entries;		/* twice as many: half is scratch */
	uint32	   *keys;
	uint32		nvalues;		/* columns */
	int64	  **values;			/* sorted */
	int64	  **unsorted;
} RowScratch;

static bool
row_scratch_init(Finisher *f, RowScratch *scratch)
{
	const ShapeList *list = &f->builder->shapes;
	size_t		longest = 1;

	memset(scratch, 0, sizeof(*scratch));
	for (uint32 i = 0; i < f->builder->nrows; i++)
		longest = Max(longest, f->builder->heads[i].nsamples);
	for (uint32 i = 0; i < list->ngroups; i++)
		scratch->nvalues = Max(scratch->nvalues, list->groups[i].ntypes);
	scratch->entries = allocate_or_fail(f->allocator, 2 * longest,
										sizeof(SequenceEntry), f->error);
	scratch->keys = allocate_or_fail(f->allocator, longest, sizeof(uint32), f->error);
	scratch->values = allocate_or_fail(f->allocator, scratch->nvalues,
									   sizeof(int64 *), f->error);
	scratch->unsorted = allocate_or_fail(f->allocator, scratch->nvalues,
										 sizeof(int64 *), f->error);
	if (scratch->entries == NULL || scratch->keys == NULL ||
		scratch->values == NULL || scratch->unsorted == NULL)
		return false;
	for (uint32 t = 0; t < scratch->nvalues; t++)
	{
		scratch->values[t] = allocate_or_fail(f->allocator, longest, sizeof(int64), f->error);
		scratch->unsorted[t] = allocate_or_fail(f->allocator, longest, sizeof(int64), f->error);
		if (scratch->values[t] == NULL || scratch->unsorted[t] == NULL)
			return false;
	}
	return true;
}

static void
unpack_row(Finisher *f, uint32 row, uint32 ntypes, RowScratch *scratch)
{
	uint32		n = f->builder->heads[row].nsamples;
	const uint8 *position;
	int64		key = 0;

	if (n == 0)
		return;
	position = (uint8 *) f->builder->samples.data + f->builder->offsets[row];
	for (uint32 i = 0; i < n; i++)
	{
		key += zigzag_decode(take_varint64(&position));
		scratch->entries[i].symbol = f->key_map[key];
		scratch->entries[i].item = i;
		for (uint32 t = 0; t < ntypes; t++)
			scratch->unsorted[t][i] = zigzag_decode(take_varint64(&position));
	}
	stack_sort_samples(scratch->entries, n);
	for (uint32 i = 0; i < n; i++)
		scratch->keys[i] = (uint32) scratch->entries[i].symbol;
	for (uint32 t = 0; t < ntypes; t++)
		for (uint32 i = 0; i < n; i++)
			scratch->values[t][i] = scratch->unsorted[t][scratch->entries[i].item];
}

/* Where the stacks of keys end in the name tree. */
static bool
find_keys(Finisher *f)
{
	if (!name_tree_find_stacks(&f->tree, &f->sealed.stacks, f->allocator, f->error))
		return false;
	f->key_name_node = allocate_or_fail(f->allocator, f->sealed.nkeys, sizeof(uint32), f->error);
	if (f->key_name_node == NULL)
		return false;
	for (uint32 i = 0; i < f->sealed.nkeys; i++)
		f->key_name_node[i] = f->tree.stack_node[f->sealed.key_node[i]];
	return true;
}

/* End the runs that end before a row. */
static bool
end_runs(Finisher *f, StackSumsWriter *sums, uint32 row, uint32 *run)
{
	const StackRuns *runs = f->runs;

	for (; *run < runs->nruns && runs->run_end[*run] == row; ++*run)
		if (!stack_sums_end_run(sums, runs->ends_leading[*run], f->error))
			return false;
	return true;
}

static bool
write_samples(Finisher *f)
{
	StackBuilder *builder = f->builder;
	const ShapeList *list = &builder->shapes;
	int64	   *key_size = stack_key_sizes(&f->sealed, f->allocator, f->error);
	SampleRowsWriter *writer;
	StackSumsWriter *sums = NULL;
	RowScratch	scratch;
	uint32		run = 0;

	if (key_size == NULL || !row_scratch_init(f, &scratch) || !find_keys(f))
		return false;
	writer = sample_rows_begin(f->sealed.nkeys, key_size, list->ngroups,
							   list->groups, f->allocator, f->error);
	if (writer == NULL)
		return false;
	if (f->runs != NULL)
	{
		sums = stack_sums_begin(f->tree.nnodes, f->sealed.nkeys, f->key_name_node,
								list->ngroups, list->groups, f->allocator, f->error);
		if (sums == NULL)
			return false;
	}
	for (uint32 i = 0; i < builder->nrows; i++)
	{
		uint32		row = ordered_row(f, i);
		const StackHead *head = &builder->heads[row];
		uint32		group = list->shapes[head->shape].group;

		allocator_poll(f->allocator, i % 64 == 0 ? 0 : 1);
		unpack_row(f, row, list->groups[group].ntypes, &scratch);
		if (!sample_rows_add(writer, group, head->period, head->nsamples,
							 scratch.keys, scratch.values, f->error))
			return false;
		if (sums != NULL &&
			(!end_runs(f, sums, i, &run) ||
			 !stack_sums_add(sums, group, head->nsamples, scratch.keys, scratch.values,
							 f->error)))
			return false;
	}
	if (sums != NULL &&
		(!end_runs(f, sums, builder->nrows, &run) ||
		 !stack_sums_finish(sums, &f->parts[STACK_SUMS], f->error)))
		return false;
	return sample_rows_finish(writer, &f->parts[STACK_KEYS],
							  &f->parts[STACK_VALUES], f->error);
}

static bool
write_name_tree(Finisher *f)
{
	return name_tree_build(&f->sealed.stacks, f->allocator, &f->tree, f->error) &&
		name_tree_write(&f->tree, f->allocator, &f->parts[STACK_TREE], f->error);
}

/*
 * Write the parts of the column.
 *
 * order: the rows in the order in which they are to be, or NULL as they came.
 * runs: of the rows in that order; NULL: sums are not made, their part is empty.
 * parts: by StackPart; they are initialised here and in the builder's memory.
 * Afterwards the builder only has its dictionary.  Returns false with PYRO_LIMIT,
 * PYRO_NO_MEMORY, or PYRO_CORRUPT where rows of a damaged block were added.
 */
bool
stack_builder_finish(StackBuilder *builder, const uint32 *order,
					 const StackRuns *runs, TextBuffer parts[STACK_PART_END], PyroError *error)
{
	Finisher	f = {
		.builder = builder,.allocator = builder->allocator,.order = order,.runs = runs,
		.parts = parts,.error = error
	};

	for (int part = 0; part < STACK_PART_END; part++)
		text_buffer_init(&parts[part], builder->allocator, STACK_PART_MAX_SIZE);
	keep_mappings(builder);
	if (!open_dictionary_seal(builder->dictionary, builder->key_count,
							  builder->allocator, &f.sealed, &f.map,
							  &f.key_map, error))
		return false;
	builder->sealed = f.sealed;
	if (!renumber_shapes(&f) || !write_heads(&f) || !write_dictionary(&f) ||
		!write_name_tree(&f) || !write_samples(&f))
		return false;
	for (int part = 0; part < STACK_PART_END; part++)
		if (parts[part].failed)
			return pyro_fail(error, PYRO_LIMIT,
							 "profiles of a block are too large, or out of memory");
	return true;
}

/*
 * The dictionary of all rows of a finished builder, in its memory.
 */
const StackDictionary *
stack_builder_dictionary(const StackBuilder *builder)
{
	return &builder->sealed.stacks;
}
