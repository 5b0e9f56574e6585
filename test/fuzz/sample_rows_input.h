/*
 * sample_rows_input.h
 *	  What the bytes given to fuzz_sample_rows are samples of.
 *
 * One byte for each row (samples / 5, group, period), two for the length of
 * the keys' stream, then both streams.
 */
#ifndef PYRO_SAMPLE_ROWS_INPUT_H
#define PYRO_SAMPLE_ROWS_INPUT_H

#include "sample_rows_model.h"

#define INPUT_ROWS	7
#define INPUT_KEYS	50
#define INPUT_HEAD	(INPUT_ROWS + 2)

typedef struct SampleRowsInput
{
	int			space_of[2][3];
	SampleGroup groups[2];
	int64		key_size[INPUT_KEYS];
	ModelRow	rows[INPUT_ROWS];
	uint32		row_nsamples[INPUT_ROWS];
	uint32		row_group[INPUT_ROWS];
	int64		row_period[INPUT_ROWS];
	Model		model;
} SampleRowsInput;

static inline void
sample_rows_input_init(SampleRowsInput *input, const uint8 *row_bytes)
{
	memset(input, 0, sizeof(*input));
	memset(input->space_of, 0xFF, sizeof(input->space_of));
	input->space_of[0][1] = 0;
	input->groups[0] = (SampleGroup)
	{
		3, input->space_of[0]
	};
	input->groups[1] = (SampleGroup)
	{
		2, input->space_of[1]
	};
	for (uint32 k = 0; k < INPUT_KEYS; k++)
		input->key_size[k] = k % 5 == 0 ? 0 : k * 48;
	for (uint32 r = 0; r < INPUT_ROWS; r++)
	{
		ModelRow   *row = &input->rows[r];

		row->nsamples = (row_bytes[r] & 63) * 5;
		row->group = row_bytes[r] >> 6 & 1;
		row->period = row_bytes[r] >> 7 ? 524288 : 10000000;
		input->row_nsamples[r] = row->nsamples;
		input->row_group[r] = row->group;
		input->row_period[r] = row->period;
	}
	input->model = (Model)
	{
		INPUT_KEYS, input->key_size, 2, input->groups, INPUT_ROWS, input->rows
	};
}

#endif							/* PYRO_SAMPLE_ROWS_INPUT_H */
