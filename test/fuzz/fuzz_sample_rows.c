/*
 * fuzz_sample_rows.c
 *	  Bytes as stored samples: what opens can be read, and keys stay in bounds.
 *
 * What could be read is written again and must come back.
 */
#include "postgres_fe.h"

#include "sample_rows_input.h"

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
	SampleRowsInput input;
	Model	   *model = &input.model;
	StoredRows	stored = {{0}, {0}, input.row_nsamples, input.row_group,
	input.row_period};
	UnitMemory	memory;
	PyroError	error = {0};
	SampleRows *rows;
	bool		is_same = true;
	size_t		keys_size;

	if (size < INPUT_HEAD)
		return 0;
	sample_rows_input_init(&input, bytes);
	unit_memory_init(&memory);
	keys_size = bytes[INPUT_ROWS] | bytes[INPUT_ROWS + 1] << 8;
	bytes += INPUT_HEAD;
	size -= INPUT_HEAD;
	keys_size = Min(keys_size, size);
	stored.keys = model_exact_copy((const char *) bytes, keys_size,
								   &memory.allocator, &error);
	stored.values = model_exact_copy((const char *) bytes + keys_size,
									 size - keys_size, &memory.allocator,
									 &error);
	rows = model_open(model, &stored, &memory.allocator, &error);
	if (rows == NULL)
	{
		if (error.kind != PYRO_CORRUPT)
			abort();
	}
	else if (fill_model(model, rows, &memory))
	{
		StoredRows	again;

		if (!model_read_all(model, rows, &is_same, &error) || !is_same ||
			!model_write(model, &memory.allocator, &again, &error) ||
			(rows = model_open(model, &again, &memory.allocator, &error)) == NULL ||
			!model_read_all(model, rows, &is_same, &error) || !is_same)
			abort();
	}
	unit_memory_free(&memory);
	return 0;
}
