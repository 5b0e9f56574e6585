/*
 * sample_rows.h
 *	  The samples of many profiles: for each row its keys and their values.
 *
 * A key stands for a stack and a label set (block_dictionary.h); a row is one
 * profile.  Rows of the same sample types form a group, in which each type's
 * values are a column of their own.
 *
 * Keys are stored as differences within a row, in patched bit-packed blocks
 * (stack/bit_blocks.h) and not compressed further.  Values are what is left
 * when what can be computed has been taken away; the encoding of a column is
 * the one that takes the fewest bytes, and each is exact:
 *
 *	plain		the values less a base
 *	multiple	those of an earlier column times a number that the row has, as
 *				CPU time is the count times the period
 *	Go heap		two columns (objects, space) from one raw count and the key's
 *				allocation size, which Go's runtime scaled by
 *				1 / (1 - exp(-size / period)); what does not come out exactly is
 *				an exception
 *	repeated	any of these, less the value that the key had before in the chunk
 *
 * Rows of a group are stored in chunks of some 65,000 samples, each with
 * encodings of its own, which decode alone; reading is quickest in the order
 * of rows.  Opening looks at the heads only: damage to a chunk is found when
 * it is read, and keys are below nkeys and numbers of samples bounded by the
 * bytes whatever is damaged.
 */
#ifndef PYRO_SAMPLE_ROWS_H
#define PYRO_SAMPLE_ROWS_H

#include "profile/compression.h"
#include "stack/text_buffer.h"

/* What the columns of a group mean, as far as an encoding needs it. */
typedef struct SampleGroup
{
	uint32		ntypes;

	/*
	 * [type]: index of the type whose objects this one's bytes are, or -1;
	 * NULL: there is no such type
	 */
	const int  *space_of;
} SampleGroup;

typedef struct SampleRowsWriter SampleRowsWriter;
typedef struct SampleRows SampleRows;

extern SampleRowsWriter *sample_rows_begin(uint32 nkeys, const int64 *key_size,
										   uint32 ngroups,
										   const SampleGroup *groups,
										   const Allocator *allocator,
										   PyroError *error);
extern bool sample_rows_add(SampleRowsWriter *writer, uint32 group,
							int64 period, uint32 nsamples, const uint32 *keys,
							int64 *const *values, PyroError *error);
extern bool sample_rows_finish(SampleRowsWriter *writer, TextBuffer *keys,
							   TextBuffer *values, PyroError *error);

extern SampleRows *sample_rows_open(uint32 nrows, const uint32 *row_nsamples,
									const uint32 *row_group,
									const int64 *row_period, uint32 nkeys,
									const int64 *key_size, uint32 ngroups,
									const SampleGroup *groups,
									ByteRange keys, ByteRange values,
									const Allocator *allocator,
									PyroError *error);
extern bool sample_rows_read_keys(SampleRows *rows, uint32 row, uint32 *keys,
								  PyroError *error);
extern bool sample_rows_read_values(SampleRows *rows, uint32 row, uint32 type,
									int64 *values, PyroError *error);
extern bool sample_rows_accumulate(SampleRows *rows, uint32 first_row,
								   uint32 row_count, uint32 group,
								   uint32 type, int64 *sums,
								   PyroError *error);

#endif							/* PYRO_SAMPLE_ROWS_H */
