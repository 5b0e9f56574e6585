/*
 * fuzz_sample_rows.c
 *	  Bytes as stored samples: what opens can be read, and keys stay in bounds.
 *
 * The first bytes say how many rows, keys and samples there shall be, the
 * second half of the others is the values.  What could be read is written
 * again and must come back.
 */
#include "postgres_fe.h"

#include "sample_rows_model.h"

#define NROWS	7
#define NKEYS	50

int			LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size);

/* Read all rows into the model; false where they are damaged. */
static bool
fill_model(Model *model, SampleRows *rows, UnitMemory *memory)
{
	PyroError	error = {0};

	for (uint32 r = 0; r < model->nrows; r++)
	{
		ModelRow   *row = &model->rows[r];
		uint32		ntypes = model->groups[row->group].ntypes;

		row->keys = allocate_array(&memory->allocator, row->nsamples,
								   sizeof(uint32));
		if (!sample_rows_read_keys(rows, r, row->keys, &error))
			return false;
		for (uint32 i = 0; i < row->nsamples; i++)
			if (row->keys[i] >= model->nkeys)
				abort();
		for (uint32 t = 0; t < ntypes; t++)
		{
			row->values[t] = allocate_array(&memory->allocator, row->nsamples,
											sizeof(int64));
			if (!sample_rows_read_values(rows, r, t, row->values[t], &error))
				return false;
		}
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size)
{
	int			space_of[2][3] = {{-1, 0, -1}, {-1, -1, -1}};
	SampleGroup groups[2] = {{3, space_of[0]}, {2, space_of[1]}};
	int64		key_size[NKEYS];
	ModelRow	model_rows[NROWS] = {{0}};
	Model		model = {NKEYS, key_size, 2, groups, NROWS, model_rows};
	uint32		row_nsamples[NROWS];
	uint32		row_group[NROWS];
	int64		row_period[NROWS];
	StoredRows	stored = {{0}, {0}, row_nsamples, row_group, row_period};
	UnitMemory	memory;
	PyroError	error = {0};
	SampleRows *rows;
	bool		is_same = true;

	if (size < NROWS)
		return 0;
	for (uint32 k = 0; k < NKEYS; k++)
		key_size[k] = k % 5 == 0 ? 0 : k * 48;
	for (uint32 r = 0; r < NROWS; r++)
	{
		row_nsamples[r] = model_rows[r].nsamples = (bytes[r] & 63) * 5;
		row_group[r] = model_rows[r].group = bytes[r] >> 6 & 1;
		row_period[r] = model_rows[r].period = bytes[r] >> 7 ? 524288 : 10000000;
	}
	unit_memory_init(&memory);
	bytes += NROWS;
	size -= NROWS;
	stored.keys = model_exact_copy((const char *) bytes, size / 2,
								   &memory.allocator, &error);
	stored.values = model_exact_copy((const char *) bytes + size / 2,
									 size - size / 2, &memory.allocator, &error);
	rows = model_open(&model, &stored, &memory.allocator, &error);
	if (rows == NULL)
	{
		if (error.kind != PYRO_CORRUPT)
			abort();
	}
	else if (fill_model(&model, rows, &memory))
	{
		StoredRows	again;

		if (!model_read_all(&model, rows, &is_same, &error) || !is_same ||
			!model_write(&model, &memory.allocator, &again, &error) ||
			(rows = model_open(&model, &again, &memory.allocator, &error)) == NULL ||
			!model_read_all(&model, rows, &is_same, &error) || !is_same)
			abort();
	}
	unit_memory_free(&memory);
	return 0;
}
