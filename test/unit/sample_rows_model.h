/*
 * sample_rows_model.h
 *	  Samples of many rows in plain arrays, and what sample_rows makes of them.
 */
#ifndef PYRO_SAMPLE_ROWS_MODEL_H
#define PYRO_SAMPLE_ROWS_MODEL_H

#include "block/sample_rows.h"

#include "unit.h"

#define MODEL_TYPES		6

typedef struct ModelRow
{
	uint32		group;
	int64		period;
	uint32		nsamples;
	uint32	   *keys;
	int64	   *values[MODEL_TYPES];
} ModelRow;

typedef struct Model
{
	uint32		nkeys;
	int64	   *key_size;		/* or NULL */
	uint32		ngroups;
	SampleGroup *groups;
	uint32		nrows;
	ModelRow   *rows;
} Model;

/* The stored form of a model, in memory of just its size. */
typedef struct StoredRows
{
	ByteRange	keys;
	ByteRange	values;
	uint32	   *row_nsamples;
	uint32	   *row_group;
	int64	   *row_period;
} StoredRows;

static inline ByteRange
model_exact_copy(const char *data, size_t size, const Allocator *allocator,
				 PyroError *error)
{
	uint8	   *copy = allocate_or_fail(allocator, size, 1, error);

	if (copy != NULL && size > 0)
		memcpy(copy, data, size);
	return byte_range(copy, size);
}

static inline bool
model_write(const Model *model, const Allocator *allocator,
			StoredRows *stored, PyroError *error)
{
	TextBuffer	keys;
	TextBuffer	values;
	SampleRowsWriter *writer = sample_rows_begin(model->nkeys,
												 model->key_size,
												 model->ngroups, model->groups,
												 allocator, error);

	if (writer == NULL)
		return false;
	text_buffer_init(&keys, allocator, (size_t) 1 << 30);
	text_buffer_init(&values, allocator, (size_t) 1 << 30);
	for (uint32 r = 0; r < model->nrows; r++)
	{
		const ModelRow *row = &model->rows[r];

		if (!sample_rows_add(writer, row->group, row->period, row->nsamples,
							 row->keys, row->values, error))
			return false;
	}
	if (!sample_rows_finish(writer, &keys, &values, error))
		return false;
	stored->keys = model_exact_copy(keys.data, keys.length, allocator, error);
	stored->values = model_exact_copy(values.data, values.length, allocator,
									  error);
	stored->row_nsamples = allocate_or_fail(allocator, model->nrows,
											sizeof(uint32), error);
	stored->row_group = allocate_or_fail(allocator, model->nrows,
										 sizeof(uint32), error);
	stored->row_period = allocate_or_fail(allocator, model->nrows,
										  sizeof(int64), error);
	if (stored->keys.bytes == NULL || stored->values.bytes == NULL ||
		stored->row_nsamples == NULL || stored->row_group == NULL ||
		stored->row_period == NULL)
		return false;
	for (uint32 r = 0; r < model->nrows; r++)
	{
		stored->row_nsamples[r] = model->rows[r].nsamples;
		stored->row_group[r] = model->rows[r].group;
		stored->row_period[r] = model->rows[r].period;
	}
	return true;
}

static inline SampleRows *
model_open(const Model *model, const StoredRows *stored,
		   const Allocator *allocator, PyroError *error)
{
	return sample_rows_open(model->nrows, stored->row_nsamples,
							stored->row_group, stored->row_period,
							model->nkeys, model->key_size, model->ngroups,
							model->groups, stored->keys, stored->values,
							allocator, error);
}

/* Read a row; every key is below nkeys in what is read, damaged or not. */
static inline bool
model_read_row(const Model *model, SampleRows *rows, uint32 r,
			   bool *is_same, PyroError *error)
{
	const ModelRow *row = &model->rows[r];
	size_t		size = Max(row->nsamples, 1) * sizeof(int64);
	uint32	   *keys = malloc(size);
	int64	   *values = malloc(size);
	bool		done = sample_rows_read_keys(rows, r, keys, error);

	for (uint32 i = 0; i < row->nsamples && done; i++)
	{
		if (keys[i] >= model->nkeys)
			abort();
		*is_same = *is_same && keys[i] == row->keys[i];
	}
	for (uint32 t = 0; t < model->groups[row->group].ntypes && done; t++)
	{
		done = sample_rows_read_values(rows, r, t, values, error);
		for (uint32 i = 0; i < row->nsamples && done; i++)
			*is_same = *is_same && values[i] == row->values[t][i];
	}
	free(keys);
	free(values);
	return done;
}

/* Sum up some rows, and compare with the plain arrays. */
static inline bool
model_accumulate(const Model *model, SampleRows *rows, uint32 first,
				 uint32 count, uint32 group, uint32 type, bool *is_same,
				 PyroError *error)
{
	size_t		size = Max(model->nkeys, 1) * sizeof(int64);
	int64	   *sums = calloc(1, size);
	uint64	   *expected = calloc(1, size);
	bool		done = sample_rows_accumulate(rows, first, count, group, type,
											  sums, error);

	for (uint32 r = first; r < first + count; r++)
		for (uint32 i = 0; i < model->rows[r].nsamples; i++)
			if (model->rows[r].group == group)
				expected[model->rows[r].keys[i]] +=
					(uint64) model->rows[r].values[type][i];
	*is_same = *is_same && memcmp(sums, expected, size) == 0;
	free(sums);
	free(expected);
	return done;
}

/* All rows, in order and summed up. */
static inline bool
model_read_all(const Model *model, SampleRows *rows, bool *is_same,
			   PyroError *error)
{
	bool		done = true;

	for (uint32 r = 0; r < model->nrows; r++)
		done = model_read_row(model, rows, r, is_same, error) && done;
	for (uint32 g = 0; g < model->ngroups; g++)
		for (uint32 t = 0; t < model->groups[g].ntypes; t++)
			done = model_accumulate(model, rows, 0, model->nrows, g, t,
									is_same, error) && done;
	return done;
}

#endif							/* PYRO_SAMPLE_ROWS_MODEL_H */
