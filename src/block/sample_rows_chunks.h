/*
 * sample_rows_chunks.h
 *	  Stored samples that are open for reading.
 */
#ifndef PYRO_SAMPLE_ROWS_CHUNKS_H
#define PYRO_SAMPLE_ROWS_CHUNKS_H

#include "block/sample_rows_internal.h"

/* One column of one chunk. */
typedef struct ColumnChunk
{
	ColumnHead	head;
	ByteRange	bytes;
	bool		is_open;
	uint64	   *multiples;		/* [row of the chunk], less the period, zigzag */
	ValueColumn values;
} ColumnChunk;

typedef struct RowChunk
{
	uint32		first_slot;		/* in its group's rows */
	uint32		nrows;
	size_t		nsamples;
	ByteRange	key_bytes;
	bool		keys_are_open;
	BitBlocks	keys;
	ColumnChunk *columns;
} RowChunk;

/* How far repeated values of a type have been read. */
typedef struct TypeState
{
	LastValues	source;			/* of counts, or of what it is a multiple of */
	LastValues	own;
	const RowChunk *chunk;
	uint32		next_slot;
} TypeState;

typedef struct GroupRows
{
	GroupColumns columns;
	uint32		nrows;
	uint32	   *rows;			/* [slot]: row */
	uint32	   *row_chunk;		/* [slot] */
	size_t	   *row_start;		/* [slot]: its first sample in the chunk */
	uint32		nchunks;
	RowChunk   *chunks;
	TypeState  *types;			/* [type] */
} GroupRows;

/* What a key's values are scaled with, for the period at hand. */
typedef struct KeyScale
{
	double		scale;
	uint64		period_number;
} KeyScale;

struct SampleRows
{
	const Allocator *allocator;
	uint32		nrows;
	const uint32 *row_nsamples;
	const uint32 *row_group;
	const int64 *row_period;
	uint32	   *row_slot;
	uint32		nkeys;
	const int64 *key_size;
	uint32		ngroups;
	GroupRows  *groups;

	KeyScale   *key_scale;		/* [key]; NULL until needed */
	int64		scale_period;
	uint64		scale_period_number;

	/* one window of samples */
	uint32		window_keys[VALUE_WINDOW];
	uint32		window_numbers[VALUE_WINDOW];
	uint64		window_values[VALUE_WINDOW];
	uint64		window_source[VALUE_WINDOW];
};

extern bool sample_rows_corrupt(PyroError *error, const char *what);
extern bool open_chunk_keys(SampleRows *rows, RowChunk *chunk,
							PyroError *error);
extern bool open_chunk_column(SampleRows *rows, RowChunk *chunk,
							  uint32 column, PyroError *error);

#endif							/* PYRO_SAMPLE_ROWS_CHUNKS_H */
