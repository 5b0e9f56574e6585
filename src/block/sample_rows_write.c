/*
 * sample_rows_write.c
 *	  Write the samples of many profiles, row by row.
 *
 * Each group gathers rows until they fill a chunk.  The chunk is then stored
 * column by column, each in what was found to take the fewest bytes, and
 * forgotten: memory holds what is stored and the chunks that are not full.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/go_heap.h"
#include "block/sample_rows_internal.h"

/* A column's chunks that are stored already. */
typedef struct WrittenColumn
{
	TextBuffer	bytes;
	size_t		nchunks;
	size_t		capacity;
	struct WrittenChunk
	{
		ColumnHead	head;
		uint32		size;
	}		   *chunks;
} WrittenColumn;

/* A group: what is stored, and the rows of the chunk at hand. */
typedef struct WriterGroup
{
	GroupColumns columns;
	WrittenColumn *written;		/* [column] */
	TextBuffer	keys;
	size_t		nchunks;
	size_t		chunk_capacity;
	uint32	   *key_sizes;		/* [chunk] */

	uint32		nrows;
	size_t		row_capacity;
	struct PendingRow
	{
		uint32		nsamples;
		int64		period;
	}		   *rows;
	size_t		nsamples;
	size_t		sample_capacity;
	uint32	   *pending_keys;
	uint64	  **pending;		/* [type][sample] */
} WriterGroup;

/* Scratch memory of one chunk. */
typedef struct WriterScratch
{
	size_t		capacity;
	ValueChunk	chunk;
	uint64	   *counts;
	uint64	   *first;			/* residuals of one column, or of objects */
	uint64	   *second;			/* of bytes */
	size_t		row_capacity;
	uint64	   *multiples;
} WriterScratch;

struct SampleRowsWriter
{
	const Allocator *allocator;
	uint32		nkeys;
	const int64 *key_size;
	uint32		ngroups;
	WriterGroup *groups;
	WriterScratch scratch;
};

#define STREAM_LIMIT	((size_t) PG_UINT32_MAX)

static bool
init_group(SampleRowsWriter *writer, WriterGroup *group,
		   const SampleGroup *description, PyroError *error)
{
	const Allocator *allocator = writer->allocator;

	memset(group, 0, sizeof(*group));
	if (!group_columns_init(&group->columns, description, allocator, error))
		return false;
	group->written = allocate_or_fail(allocator, group->columns.ncolumns,
									  sizeof(WrittenColumn), error);
	group->pending = allocate_or_fail(allocator, description->ntypes,
									  sizeof(uint64 *), error);
	if (group->written == NULL || group->pending == NULL)
		return false;
	text_buffer_init(&group->keys, allocator, STREAM_LIMIT);
	for (uint32 c = 0; c < group->columns.ncolumns; c++)
	{
		memset(&group->written[c], 0, sizeof(WrittenColumn));
		text_buffer_init(&group->written[c].bytes, allocator, STREAM_LIMIT);
	}
	memset(group->pending, 0, description->ntypes * sizeof(uint64 *));
	return true;
}

/*
 * Start to write samples whose keys are below nkeys.
 *
 * key_size: [key] what an allocation of the key is in bytes, 0 if unknown;
 * NULL where no key has one.  It must live as long as the writer; groups are
 * copied.  All memory is the allocator's.  Returns NULL with PYRO_NO_MEMORY,
 * or PYRO_INVALID where a group's space_of is no other type of it.
 */
SampleRowsWriter *
sample_rows_begin(uint32 nkeys, const int64 *key_size, uint32 ngroups,
				  const SampleGroup *groups, const Allocator *allocator,
				  PyroError *error)
{
	SampleRowsWriter *writer = allocate_or_fail(allocator, 1,
												sizeof(SampleRowsWriter),
												error);

	if (writer == NULL)
		return NULL;
	memset(writer, 0, sizeof(*writer));
	writer->allocator = allocator;
	writer->nkeys = nkeys;
	writer->key_size = key_size;
	writer->ngroups = ngroups;
	writer->groups = allocate_or_fail(allocator, ngroups, sizeof(WriterGroup),
									  error);
	if (writer->groups == NULL ||
		!last_values_init(&writer->scratch.chunk.last, nkeys, allocator, error))
		return NULL;
	for (uint32 g = 0; g < ngroups; g++)
		if (!init_group(writer, &writer->groups[g], &groups[g], error))
			return NULL;
	return writer;
}

/* Make an array longer, without keeping what is in it. */
static bool
renew(const Allocator *allocator, void *pointer, size_t n,
	  size_t element_size, PyroError *error)
{
	void	  **array = pointer;

	if (*array != NULL)
		allocator->release(allocator->owner, *array);
	*array = allocate_or_fail(allocator, n, element_size, error);
	return *array != NULL;
}

static bool
reserve_scratch(SampleRowsWriter *writer, size_t nsamples, uint32 nrows,
				PyroError *error)
{
	WriterScratch *scratch = &writer->scratch;
	ValueChunk *chunk = &scratch->chunk;
	const Allocator *allocator = writer->allocator;

	if (scratch->multiples == NULL || nrows > scratch->row_capacity)
	{
		scratch->row_capacity = Max(nrows, 1024);
		if (!renew(allocator, &scratch->multiples, scratch->row_capacity,
				   sizeof(uint64), error))
			return false;
	}
	if (scratch->second != NULL && nsamples <= scratch->capacity)
		return true;
	scratch->capacity = nsamples + nsamples / 4;
	return renew(allocator, &chunk->low, scratch->capacity, sizeof(uint32), error) &&
		renew(allocator, &chunk->high, scratch->capacity, sizeof(uint32), error) &&
		renew(allocator, &chunk->differences, scratch->capacity, sizeof(uint64), error) &&
		renew(allocator, &scratch->counts, scratch->capacity, sizeof(uint64), error) &&
		renew(allocator, &scratch->first, scratch->capacity, sizeof(uint64), error) &&
		renew(allocator, &scratch->second, scratch->capacity, sizeof(uint64), error);
}

/* Note what was appended to a column since `start` as its next chunk. */
static bool
end_column_chunk(SampleRowsWriter *writer, WrittenColumn *column,
				 const ColumnHead *head, size_t start, PyroError *error)
{
	if (column->bytes.failed ||
		!grow_array(writer->allocator, (void **) &column->chunks,
					column->nchunks, &column->capacity, column->nchunks + 1,
					sizeof(*column->chunks)))
		return pyro_fail(error, PYRO_LIMIT,
						 "samples of a block are too large, or out of memory");
	column->chunks[column->nchunks].head = *head;
	column->chunks[column->nchunks].size = column->bytes.length - start;
	column->nchunks++;
	return true;
}

static bool
write_column(SampleRowsWriter *writer, WrittenColumn *column,
			 const ColumnHead *head, const uint64 *values, PyroError *error)
{
	size_t		start = column->bytes.length;

	value_column_write(&writer->scratch.chunk, values, &head->values,
					   &column->bytes);
	return end_column_chunk(writer, column, head, start, error);
}

/* The chunk of a column that nothing needs. */
static bool
skip_column(SampleRowsWriter *writer, WrittenColumn *column, PyroError *error)
{
	ColumnHead	head = {.source = SOURCE_PLAIN,.values = {.unit = 1}};

	return end_column_chunk(writer, column, &head, column->bytes.length,
							error);
}

static bool
write_keys(SampleRowsWriter *writer, WriterGroup *group, PyroError *error)
{
	uint32	   *differences = writer->scratch.chunk.low;
	size_t		start = group->keys.length;
	size_t		i = 0;

	for (uint32 r = 0; r < group->nrows; r++)
	{
		uint32		before = 0;

		for (uint32 k = 0; k < group->rows[r].nsamples; k++, i++)
		{
			differences[i] = group->pending_keys[i] - before;
			before = group->pending_keys[i];
		}
	}
	bit_blocks_write(&group->keys, differences, group->nsamples);
	if (group->keys.failed ||
		!grow_array(writer->allocator, (void **) &group->key_sizes,
					group->nchunks, &group->chunk_capacity,
					group->nchunks + 1, sizeof(uint32)))
		return pyro_fail(error, PYRO_LIMIT,
						 "keys of a block are too large, or out of memory");
	group->key_sizes[group->nchunks++] = group->keys.length - start;
	return true;
}

/*
 * Go heap pairs
 */

static bool
has_one_period(const WriterGroup *group)
{
	for (uint32 r = 1; r < group->nrows; r++)
		if (group->rows[r].period != group->rows[0].period)
			return false;
	return true;
}

/* Raw counts, and what they do not explain of both values. */
static void
take_counts(SampleRowsWriter *writer, const WriterGroup *group,
			const uint64 *objects, const uint64 *bytes)
{
	WriterScratch *scratch = &writer->scratch;
	int64		rate = group->rows[0].period;
	int64		size = 0;
	double		scale = 1.0;

	for (size_t i = 0; i < group->nsamples; i++)
	{
		int64		key_size = writer->key_size[group->pending_keys[i]];
		int64		count = 0;

		scratch->first[i] = objects[i];
		scratch->second[i] = bytes[i];
		if (key_size > 0 && (objects[i] != 0 || bytes[i] != 0))
		{
			if (key_size != size)
				scale = go_heap_scale(key_size, rate);
			size = key_size;
			count = go_heap_count(scale, size, (int64) objects[i],
								  (int64) bytes[i]);
			scratch->first[i] -= (uint64) go_heap_objects(scale, count);
			scratch->second[i] -= (uint64) go_heap_bytes(scale, size, count);
		}
		scratch->counts[i] = (uint64) count;
	}
}

/*
 * Write both columns of a pair from raw counts, if that takes fewer bytes
 * than each by itself.
 */
static bool
write_go_heap(SampleRowsWriter *writer, WriterGroup *group, uint32 bytes_type,
			  bool *written, PyroError *error)
{
	WriterScratch *scratch = &writer->scratch;
	ValueChunk *chunk = &scratch->chunk;
	const GroupColumns *columns = &group->columns;
	uint32		objects_type = columns->objects_type[bytes_type];
	const uint64 *objects = group->pending[objects_type];
	const uint64 *bytes = group->pending[bytes_type];
	ColumnHead	counts = {SOURCE_PLAIN, 0, {0}};
	ColumnHead	first = {SOURCE_GO_HEAP, 0, {0}};
	ColumnHead	second = {SOURCE_GO_HEAP, 0, {0}};
	ValueHead	plain;
	size_t		residue_size;
	size_t		size;

	*written = false;
	if (writer->key_size == NULL || !has_one_period(group))
		return true;
	take_counts(writer, group, objects, bytes);
	residue_size = value_column_plan(chunk, scratch->first, &first.values) +
		value_column_plan(chunk, scratch->second, &second.values);
	size = residue_size + value_column_plan(chunk, scratch->counts,
											&counts.values);
	/* counts alone are never longer than what was made of them */
	if (residue_size > 0 &&
		size >= value_column_plan(chunk, objects, &plain) +
		value_column_plan(chunk, bytes, &plain))
		return true;
	*written = true;
	return write_column(writer, &group->written[objects_type], &first,
						scratch->first, error) &&
		write_column(writer, &group->written[bytes_type], &second,
					 scratch->second, error) &&
		write_column(writer,
					 &group->written[columns->count_column[bytes_type]],
					 &counts, scratch->counts, error);
}

/*
 * Multiples
 */

/*
 * The number that makes a row's values out of another column's; the period
 * where all are zero.  Returns false where there is none.
 */
static bool
row_multiple(const uint64 *from, const uint64 *values, uint32 n,
			 uint64 *multiple)
{
	uint32		i = 0;

	while (i < n && from[i] == 0)
		i++;
	if (i < n)
	{
		bool		is_negative = (int64) from[i] < 0;
		int64		divisor = (int64) (is_negative ? 0 - from[i] : from[i]);
		uint64		dividend = is_negative ? 0 - values[i] : values[i];

		/* only INT64_MIN is its own negative */
		if (divisor < 0)
			return false;
		*multiple = (uint64) ((int64) dividend / divisor);
	}
	for (i = 0; i < n; i++)
		if (values[i] != from[i] * *multiple)
			return false;
	return true;
}

/* Residuals of a column as a multiple; false where most rows do not fit. */
static bool
take_multiples(SampleRowsWriter *writer, const WriterGroup *group,
			   const uint64 *from, const uint64 *values)
{
	WriterScratch *scratch = &writer->scratch;
	uint32		nmisfits = 0;
	size_t		start = 0;

	for (uint32 r = 0; r < group->nrows; r++)
	{
		uint32		n = group->rows[r].nsamples;
		uint64		period = (uint64) group->rows[r].period;
		uint64		multiple = period;

		if (!row_multiple(from + start, values + start, n, &multiple))
		{
			if (++nmisfits > group->nrows / 2)
				return false;
			multiple = 0;
		}
		for (uint32 i = 0; i < n; i++)
			scratch->first[start + i] = values[start + i] -
				from[start + i] * multiple;
		scratch->multiples[r] = zigzag_encode((int64) (multiple - period));
		start += n;
	}
	return true;
}

/* Of an earlier plain column that fits: the residuals, and which it is. */
static bool
find_multiple(SampleRowsWriter *writer, const WriterGroup *group, uint32 type,
			  ColumnHead *head)
{
	for (uint32 t = 0; t < type; t++)
	{
		const WrittenColumn *written = &group->written[t];

		/* a later pair's column has no chunk yet */
		if (written->nchunks < group->nchunks ||
			written->chunks[written->nchunks - 1].head.source != SOURCE_PLAIN)
			continue;
		head->source = SOURCE_MULTIPLE;
		head->multiple_of = t;
		if (take_multiples(writer, group, group->pending[t],
						   group->pending[type]))
			return true;
	}
	return false;
}

/* The bytes of the rows' numbers, as a packed array. */
static size_t
multiples_size(const WriterScratch *scratch, uint32 nrows)
{
	for (uint32 r = 0; r < nrows; r++)
		if (scratch->multiples[r] != 0)
			return 1 + nrows * sizeof(uint64);
	return 1;
}

static bool
is_constant(const uint64 *values, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (values[i] != values[0])
			return false;
	return true;
}

/* Write a type's chunk, as a multiple or plain. */
static bool
write_type(SampleRowsWriter *writer, WriterGroup *group, uint32 type,
		   PyroError *error)
{
	WriterScratch *scratch = &writer->scratch;
	WrittenColumn *written = &group->written[type];
	const uint64 *values = group->pending[type];
	ColumnHead	plain = {SOURCE_PLAIN, 0, {0}};
	ColumnHead	multiple;
	size_t		start = written->bytes.length;
	bool		fits = !is_constant(values, group->nsamples) &&
	find_multiple(writer, group, type, &multiple);

	if (fits)
	{
		size_t		rows_size = multiples_size(scratch, group->nrows);
		size_t		size = value_column_plan(&scratch->chunk, scratch->first,
											 &multiple.values);

		/* what is wholly explained needs no comparison */
		if (size > 0 || rows_size > 1)
			fits = size + rows_size <
				value_column_plan(&scratch->chunk, values, &plain.values);
	}
	if (!fits)
	{
		value_column_plan(&scratch->chunk, values, &plain.values);
		return write_column(writer, written, &plain, values, error);
	}
	pack_numbers64(&written->bytes, scratch->multiples, group->nrows);
	value_column_write(&scratch->chunk, scratch->first, &multiple.values,
					   &written->bytes);
	return end_column_chunk(writer, written, &multiple, start, error);
}

static bool
write_values(SampleRowsWriter *writer, WriterGroup *group, PyroError *error)
{
	const GroupColumns *columns = &group->columns;

	for (uint32 t = 0; t < columns->ntypes; t++)
	{
		bool		written = false;

		if (columns->objects_type[t] == NO_COLUMN)
			continue;
		if (!write_go_heap(writer, group, t, &written, error))
			return false;
		if (!written && !skip_column(writer,
									 &group->written[columns->count_column[t]],
									 error))
			return false;
	}
	for (uint32 t = 0; t < columns->ntypes; t++)
		if (group->written[t].nchunks < group->nchunks &&
			!write_type(writer, group, t, error))
			return false;
	return true;
}

/* Store the rows at hand. */
static bool
write_chunk(SampleRowsWriter *writer, WriterGroup *group, PyroError *error)
{
	ValueChunk *chunk = &writer->scratch.chunk;

	if (!reserve_scratch(writer, group->nsamples, group->nrows, error))
		return false;
	chunk->n = group->nsamples;
	chunk->keys = group->pending_keys;
	chunk->may_repeat = group->nrows > 1;
	if (!write_keys(writer, group, error) ||
		!write_values(writer, group, error))
		return false;
	group->nrows = 0;
	group->nsamples = 0;
	return true;
}

/* Room for one more row in the chunk at hand. */
static bool
reserve_row(SampleRowsWriter *writer, WriterGroup *group, uint32 nsamples,
			PyroError *error)
{
	const Allocator *allocator = writer->allocator;
	size_t		needed = group->nsamples + nsamples;
	size_t		capacity = 0;

	if (!grow_array(allocator, (void **) &group->rows, group->nrows,
					&group->row_capacity, group->nrows + 1,
					sizeof(*group->rows)))
		return pyro_fail_memory(error);
	if (group->pending_keys != NULL && needed <= group->sample_capacity)
		return true;
	for (uint32 t = 0; t < group->columns.ntypes; t++)
	{
		capacity = group->sample_capacity;
		if (!grow_array(allocator, (void **) &group->pending[t],
						group->nsamples, &capacity, needed, sizeof(uint64)))
			return pyro_fail_memory(error);
	}
	capacity = group->sample_capacity;
	if (!grow_array(allocator, (void **) &group->pending_keys,
					group->nsamples, &capacity, needed, sizeof(uint32)))
		return pyro_fail_memory(error);
	group->sample_capacity = capacity;
	return true;
}

/*
 * Add the next row, which is of that group.
 *
 * period: the profile's, which values may be a multiple of.  keys: of each
 * sample, ascending, where one may stand more than once.  values: [type]
 * [sample].  Nothing of them is kept.  Returns false with PYRO_INVALID where
 * keys do not ascend or are too large, PYRO_LIMIT or PYRO_NO_MEMORY; the
 * writer is of no use then.
 */
bool
sample_rows_add(SampleRowsWriter *writer, uint32 group_number, int64 period,
				uint32 nsamples, const uint32 *keys, int64 *const *values,
				PyroError *error)
{
	WriterGroup *group;

	if (group_number >= writer->ngroups)
		return pyro_fail(error, PYRO_INVALID, "there is no group %u of samples",
						 group_number);
	for (uint32 i = 0; i < nsamples; i++)
		if (keys[i] >= writer->nkeys || (i > 0 && keys[i] < keys[i - 1]))
			return pyro_fail(error, PYRO_INVALID,
							 "key %u of sample %u is too large or out of order",
							 keys[i], i);
	group = &writer->groups[group_number];
	if (!reserve_row(writer, group, nsamples, error))
		return false;
	if (nsamples > 0)
		memcpy(group->pending_keys + group->nsamples, keys,
			   nsamples * sizeof(uint32));
	for (uint32 t = 0; t < group->columns.ntypes && nsamples > 0; t++)
		memcpy(group->pending[t] + group->nsamples, values[t],
			   nsamples * sizeof(uint64));
	group->rows[group->nrows].nsamples = nsamples;
	group->rows[group->nrows].period = period;
	group->nrows++;
	group->nsamples += nsamples;
	if (chunk_is_full(group->nrows, group->nsamples))
		return write_chunk(writer, group, error);
	return true;
}

/* Append and forget. */
static void
move_buffer(TextBuffer *from, TextBuffer *to)
{
	text_append(to, from->data, from->length);
	if (from->data != NULL)
		from->allocator->release(from->allocator->owner, from->data);
	text_buffer_init(from, from->allocator, from->limit);
}

static bool
finish_keys(SampleRowsWriter *writer, TextBuffer *out, PyroError *error)
{
	size_t		nchunks = 0;
	uint32	   *sizes;

	for (uint32 g = 0; g < writer->ngroups; g++)
		nchunks += writer->groups[g].nchunks;
	sizes = allocate_or_fail(writer->allocator, nchunks, sizeof(uint32),
							 error);
	if (sizes == NULL)
		return false;
	nchunks = 0;
	for (uint32 g = 0; g < writer->ngroups; g++)
		for (size_t c = 0; c < writer->groups[g].nchunks; c++)
			sizes[nchunks++] = writer->groups[g].key_sizes[c];
	pack_numbers32(out, sizes, nchunks);
	for (uint32 g = 0; g < writer->ngroups; g++)
		move_buffer(&writer->groups[g].keys, out);
	return true;
}

static bool
finish_column_heads(SampleRowsWriter *writer, const WrittenColumn *column,
					TextBuffer *out, PyroError *error)
{
	size_t		n = column->nchunks;
	const struct WrittenChunk *chunks = column->chunks;
	uint32	   *numbers32 = allocate_or_fail(writer->allocator, n,
											 sizeof(uint32), error);
	uint64	   *numbers64 = allocate_or_fail(writer->allocator, n,
											 sizeof(uint64), error);

	if (numbers32 == NULL || numbers64 == NULL)
		return false;
	for (size_t c = 0; c < n; c++)
		numbers32[c] = column_head_flags(&chunks[c].head);
	pack_numbers32(out, numbers32, n);
	for (size_t c = 0; c < n; c++)
		numbers64[c] = zigzag_encode((int64) chunks[c].head.values.base);
	pack_numbers64(out, numbers64, n);
	for (size_t c = 0; c < n; c++)
		numbers64[c] = chunks[c].head.values.unit;
	pack_numbers64(out, numbers64, n);
	for (size_t c = 0; c < n; c++)
		numbers32[c] = chunks[c].size;
	pack_numbers32(out, numbers32, n);
	writer->allocator->release(writer->allocator->owner, numbers32);
	writer->allocator->release(writer->allocator->owner, numbers64);
	return true;
}

/*
 * Append the stored form of all rows that were added to two buffers, and end
 * the writer.  `values` is laid out to be compressed, `keys` not.  Returns
 * false with PYRO_LIMIT where a buffer has failed, or PYRO_NO_MEMORY.
 */
bool
sample_rows_finish(SampleRowsWriter *writer, TextBuffer *keys,
				   TextBuffer *values, PyroError *error)
{
	for (uint32 g = 0; g < writer->ngroups; g++)
		if (writer->groups[g].nrows > 0 &&
			!write_chunk(writer, &writer->groups[g], error))
			return false;
	if (!finish_keys(writer, keys, error))
		return false;
	for (uint32 g = 0; g < writer->ngroups; g++)
	{
		WriterGroup *group = &writer->groups[g];

		for (uint32 c = 0; c < group->columns.ncolumns; c++)
			if (!finish_column_heads(writer, &group->written[c], values, error))
				return false;
		for (uint32 c = 0; c < group->columns.ncolumns; c++)
			move_buffer(&group->written[c].bytes, values);
	}
	if (keys->failed || values->failed)
		return pyro_fail(error, PYRO_LIMIT,
						 "samples of a block are too large, or out of memory");
	return true;
}
