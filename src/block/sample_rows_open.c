/*
 * sample_rows_open.c
 *	  Find the chunks in the stored samples of many profiles.
 *
 * Opening reads the heads only.  A chunk is opened when the first of its rows
 * is asked for, and checked then.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/sample_rows_chunks.h"

/*
 * Find out which columns a group has.  Returns false with PYRO_NO_MEMORY, or
 * PYRO_INVALID where space_of is no other type of the group.
 */
bool
group_columns_init(GroupColumns *columns, const SampleGroup *group,
				   const Allocator *allocator, PyroError *error)
{
	uint32		n = group->ntypes;

	columns->ntypes = n;
	columns->ncolumns = n;
	columns->objects_type = allocate_or_fail(allocator, n, sizeof(uint32),
											 error);
	columns->count_column = allocate_or_fail(allocator, n, sizeof(uint32),
											 error);
	if (columns->objects_type == NULL || columns->count_column == NULL)
		return false;
	memset(columns->objects_type, 0xFF, n * sizeof(uint32));
	memset(columns->count_column, 0xFF, n * sizeof(uint32));
	for (uint32 t = 0; t < n; t++)
	{
		int			objects = group->space_of == NULL ? -1 : group->space_of[t];

		if (objects < -1 || objects == (int) t || objects >= (int) n)
			return pyro_fail(error, PYRO_INVALID,
							 "objects of sample type %u cannot be type %d",
							 t, objects);
		/* one pair for each type: what others there are is plain */
		if (objects < 0 || columns->count_column[t] != NO_COLUMN ||
			columns->count_column[objects] != NO_COLUMN)
			continue;
		columns->objects_type[t] = objects;
		columns->count_column[t] = columns->ncolumns;
		columns->count_column[objects] = columns->ncolumns;
		columns->ncolumns++;
	}
	return true;
}

bool
sample_rows_corrupt(PyroError *error, const char *what)
{
	return pyro_fail(error, PYRO_CORRUPT,
					 "samples of the block are damaged: %s", what);
}

/* Put the rows into their groups, in the order of rows. */
static bool
place_rows(SampleRows *rows, PyroError *error)
{
	for (uint32 r = 0; r < rows->nrows; r++)
	{
		if (rows->row_group[r] >= rows->ngroups)
			return sample_rows_corrupt(error, "group of a row");
		rows->groups[rows->row_group[r]].nrows++;
	}
	for (uint32 g = 0; g < rows->ngroups; g++)
	{
		GroupRows  *group = &rows->groups[g];

		group->rows = allocate_or_fail(rows->allocator, group->nrows,
									   sizeof(uint32), error);
		group->row_chunk = allocate_or_fail(rows->allocator, group->nrows,
											sizeof(uint32), error);
		group->row_start = allocate_or_fail(rows->allocator, group->nrows,
											sizeof(size_t), error);
		if (group->rows == NULL || group->row_chunk == NULL ||
			group->row_start == NULL)
			return false;
		group->nrows = 0;
	}
	for (uint32 r = 0; r < rows->nrows; r++)
	{
		GroupRows  *group = &rows->groups[rows->row_group[r]];

		rows->row_slot[r] = group->nrows;
		group->rows[group->nrows++] = r;
	}
	return true;
}

/* Cut a group's rows into chunks, as the writer did. */
static bool
cut_chunks(SampleRows *rows, GroupRows *group, PyroError *error)
{
	RowChunk	chunk = {0};
	size_t		capacity = 0;

	for (uint32 slot = 0; slot < group->nrows; slot++)
	{
		group->row_chunk[slot] = group->nchunks;
		group->row_start[slot] = chunk.nsamples;
		chunk.nrows++;
		chunk.nsamples += rows->row_nsamples[group->rows[slot]];
		if (!chunk_is_full(chunk.nrows, chunk.nsamples) &&
			slot + 1 < group->nrows)
			continue;
		if (!grow_array(rows->allocator, (void **) &group->chunks,
						group->nchunks, &capacity, group->nchunks + 1,
						sizeof(RowChunk)))
			return pyro_fail_memory(error);
		group->chunks[group->nchunks++] = chunk;
		chunk = (RowChunk)
		{
			.first_slot = slot + 1
		};
	}
	return true;
}

/* The next `size` bytes; false where there are fewer. */
static bool
take_bytes(PackedReader *in, size_t size, ByteRange *bytes)
{
	if (size > (size_t) (in->end - in->position))
		return false;
	*bytes = byte_range(in->position, size);
	in->position += size;
	return true;
}

static bool
find_keys(SampleRows *rows, ByteRange keys, PyroError *error)
{
	PackedReader in = {keys.bytes, keys.bytes + keys.size};
	size_t		nchunks = 0;
	uint32	   *sizes;

	for (uint32 g = 0; g < rows->ngroups; g++)
		nchunks += rows->groups[g].nchunks;
	sizes = allocate_or_fail(rows->allocator, nchunks, sizeof(uint32), error);
	if (sizes == NULL)
		return false;
	if (!unpack_numbers32(&in, sizes, nchunks))
		return sample_rows_corrupt(error, "bytes of keys");
	nchunks = 0;
	for (uint32 g = 0; g < rows->ngroups; g++)
		for (uint32 c = 0; c < rows->groups[g].nchunks; c++)
		{
			RowChunk   *chunk = &rows->groups[g].chunks[c];

			if (!take_bytes(&in, sizes[nchunks++], &chunk->key_bytes))
				return sample_rows_corrupt(error, "keys are cut off");
			/* whoever asks for a row can believe its number of samples */
			if (chunk->nsamples / BIT_BLOCK_SIZE > chunk->key_bytes.size / 2)
				return sample_rows_corrupt(error, "numbers of samples");
		}
	if (in.position != in.end)
		return sample_rows_corrupt(error, "bytes behind the keys");
	rows->allocator->release(rows->allocator->owner, sizes);
	return true;
}

/* Heads of a column's chunks; their sizes stay in numbers32. */
static bool
read_column_heads(PackedReader *in, GroupRows *group, uint32 column,
				  uint32 *numbers32, uint64 *numbers64)
{
	uint32		n = group->nchunks;

	if (!unpack_numbers32(in, numbers32, n))
		return false;
	for (uint32 c = 0; c < n; c++)
	{
		ColumnHead *head = &group->chunks[c].columns[column].head;

		if (!column_head_from_flags(numbers32[c], group->columns.ntypes, head) ||
			(column >= group->columns.ntypes && head->source != SOURCE_PLAIN))
			return false;
	}
	if (!unpack_numbers64(in, numbers64, n))
		return false;
	for (uint32 c = 0; c < n; c++)
		group->chunks[c].columns[column].head.values.base =
			(uint64) zigzag_decode(numbers64[c]);
	if (!unpack_numbers64(in, numbers64, n))
		return false;
	for (uint32 c = 0; c < n; c++)
		group->chunks[c].columns[column].head.values.unit = numbers64[c];
	if (!unpack_numbers32(in, numbers32, n))
		return false;
	for (uint32 c = 0; c < n; c++)
		group->chunks[c].columns[column].bytes.size = numbers32[c];
	return true;
}

/* Is what a type's values come from there, in each chunk? */
static bool
sources_exist(const SampleRows *rows, const GroupRows *group)
{
	for (uint32 c = 0; c < group->nchunks; c++)
		for (uint32 t = 0; t < group->columns.ntypes; t++)
		{
			const ColumnChunk *columns = group->chunks[c].columns;
			const ColumnHead *head = &columns[t].head;

			if (head->source == SOURCE_MULTIPLE &&
				columns[head->multiple_of].head.source != SOURCE_PLAIN)
				return false;
			if (head->source == SOURCE_GO_HEAP &&
				(rows->key_size == NULL ||
				 group->columns.count_column[t] == NO_COLUMN))
				return false;
		}
	return true;
}

static bool
find_group_values(SampleRows *rows, GroupRows *group, PackedReader *in,
				  PyroError *error)
{
	const Allocator *allocator = rows->allocator;
	uint32		n = group->nchunks;
	uint32		ncolumns = group->columns.ncolumns;
	uint32	   *numbers32 = allocate_or_fail(allocator, n, sizeof(uint32), error);
	uint64	   *numbers64 = allocate_or_fail(allocator, n, sizeof(uint64), error);

	if (numbers32 == NULL || numbers64 == NULL)
		return false;
	for (uint32 c = 0; c < n; c++)
	{
		group->chunks[c].columns = allocate_or_fail(allocator, ncolumns,
													sizeof(ColumnChunk), error);
		if (group->chunks[c].columns == NULL)
			return false;
		memset(group->chunks[c].columns, 0, ncolumns * sizeof(ColumnChunk));
	}
	for (uint32 column = 0; column < ncolumns; column++)
		if (!read_column_heads(in, group, column, numbers32, numbers64))
			return sample_rows_corrupt(error, "heads of values");
	if (!sources_exist(rows, group))
		return sample_rows_corrupt(error, "source of values");
	for (uint32 column = 0; column < ncolumns; column++)
		for (uint32 c = 0; c < n; c++)
		{
			ByteRange  *bytes = &group->chunks[c].columns[column].bytes;

			if (!take_bytes(in, bytes->size, bytes))
				return sample_rows_corrupt(error, "values are cut off");
		}
	allocator->release(allocator->owner, numbers32);
	allocator->release(allocator->owner, numbers64);
	return true;
}

static bool
init_groups(SampleRows *rows, const SampleGroup *groups, PyroError *error)
{
	const Allocator *allocator = rows->allocator;

	rows->row_slot = allocate_or_fail(allocator, rows->nrows, sizeof(uint32),
									  error);
	rows->groups = allocate_or_fail(allocator, rows->ngroups,
									sizeof(GroupRows), error);
	if (rows->row_slot == NULL || rows->groups == NULL)
		return false;
	memset(rows->groups, 0, rows->ngroups * sizeof(GroupRows));
	for (uint32 g = 0; g < rows->ngroups; g++)
	{
		GroupRows  *group = &rows->groups[g];

		if (!group_columns_init(&group->columns, &groups[g], allocator, error))
			return false;
		group->types = allocate_or_fail(allocator, group->columns.ntypes,
										sizeof(TypeState), error);
		if (group->types == NULL)
			return false;
		memset(group->types, 0, group->columns.ntypes * sizeof(TypeState));
	}
	if (!place_rows(rows, error))
		return false;
	for (uint32 g = 0; g < rows->ngroups; g++)
		if (!cut_chunks(rows, &rows->groups[g], error))
			return false;
	return true;
}

/*
 * Open the stored form of samples.
 *
 * row_nsamples, row_group, row_period: [row], as they were written.  key_size
 * and groups: as for sample_rows_begin().  Arrays of rows, key_size and both
 * streams must live as long as the result; groups are copied.  Memory is the
 * allocator's, beside this a little for each chunk that is read later, and 16
 * bytes for each key and type whose values are repeated.
 *
 * Returns NULL with PYRO_CORRUPT where the bytes are not such a form,
 * PYRO_INVALID for groups as sample_rows_begin(), or PYRO_NO_MEMORY.
 */
SampleRows *
sample_rows_open(uint32 nrows, const uint32 *row_nsamples,
				 const uint32 *row_group, const int64 *row_period,
				 uint32 nkeys, const int64 *key_size, uint32 ngroups,
				 const SampleGroup *groups, ByteRange keys, ByteRange values,
				 const Allocator *allocator, PyroError *error)
{
	PackedReader in = {0};
	SampleRows *rows = allocate_or_fail(allocator, 1, sizeof(SampleRows),
										error);

	if (rows == NULL)
		return NULL;
	if (values.size > 0)		/* no rows have no values, and no memory */
	{
		in.position = values.bytes;
		in.end = values.bytes + values.size;
	}
	memset(rows, 0, sizeof(*rows));
	rows->allocator = allocator;
	rows->nrows = nrows;
	rows->row_nsamples = row_nsamples;
	rows->row_group = row_group;
	rows->row_period = row_period;
	rows->nkeys = nkeys;
	rows->key_size = key_size;
	rows->ngroups = ngroups;
	if (!init_groups(rows, groups, error) || !find_keys(rows, keys, error))
		return NULL;
	for (uint32 g = 0; g < ngroups; g++)
		if (!find_group_values(rows, &rows->groups[g], &in, error))
			return NULL;
	if (in.position != in.end)
	{
		sample_rows_corrupt(error, "bytes behind the values");
		return NULL;
	}
	return rows;
}

/*
 * Open a chunk's keys, if they are not yet.
 */
bool
open_chunk_keys(SampleRows *rows, RowChunk *chunk, PyroError *error)
{
	PackedReader in = {chunk->key_bytes.bytes,
	chunk->key_bytes.bytes + chunk->key_bytes.size};

	if (chunk->keys_are_open)
		return true;
	if (!bit_blocks_open(&in, chunk->nsamples, rows->allocator, &chunk->keys,
						 error))
		return false;
	if (in.position != in.end)
		return sample_rows_corrupt(error, "bytes of keys");
	chunk->keys_are_open = true;
	return true;
}

/*
 * Open a column of a chunk, if it is not yet.
 */
bool
open_chunk_column(SampleRows *rows, RowChunk *chunk, uint32 column,
				  PyroError *error)
{
	ColumnChunk *opened = &chunk->columns[column];
	PackedReader in = {opened->bytes.bytes,
	opened->bytes.bytes + opened->bytes.size};

	if (opened->is_open)
		return true;
	if (opened->head.source == SOURCE_MULTIPLE)
	{
		opened->multiples = allocate_or_fail(rows->allocator, chunk->nrows,
											 sizeof(uint64), error);
		if (opened->multiples == NULL)
			return false;
		if (!unpack_numbers64(&in, opened->multiples, chunk->nrows))
			return sample_rows_corrupt(error, "multiples of rows");
	}
	if (!value_column_open(&in, chunk->nsamples, &opened->head.values,
						   rows->allocator, &opened->values, error))
		return false;
	if (in.position != in.end)
		return sample_rows_corrupt(error, "bytes of values");
	opened->is_open = true;
	return true;
}
