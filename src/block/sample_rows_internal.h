/*
 * sample_rows_internal.h
 *	  The stored form of the samples of many profiles, for those who write and
 *	  read it.
 *
 * The rows of a group are cut into chunks, which decode alone; where a chunk
 * ends follows from the rows' numbers of samples (chunk_is_full).  Chunks
 * stand group by group.
 *
 *	keys		bytes of each chunk (packed array), then the chunks: differences
 *				within a row, the first key of a row as it is, in bit blocks
 *	values		for each group: for each column the heads of its chunks (packed
 *				arrays of flags, base, unit, bytes); then for each column its
 *				chunks
 *
 * A column is a sample type's, or, behind those, the raw counts of a pair of
 * types from Go's heap profiles.  The chunk of a type is
 *
 *	plain		its values
 *	multiple	per row the number, less the period (packed array, zigzag);
 *				then what the values are more than that many times those of
 *				another type, which is plain in this chunk
 *	Go heap		what the values are more than comes out of the raw counts with
 *				the period of the chunk's first row
 */
#ifndef PYRO_SAMPLE_ROWS_INTERNAL_H
#define PYRO_SAMPLE_ROWS_INTERNAL_H

#include "block/sample_rows.h"
#include "block/value_column.h"

typedef enum ValueSource
{
	SOURCE_PLAIN,
	SOURCE_MULTIPLE,
	SOURCE_GO_HEAP
} ValueSource;

#define VALUE_SOURCES	3

/* How a column's chunk is made and stored: its flags are packed of these. */
typedef struct ColumnHead
{
	ValueSource source;
	uint32		multiple_of;	/* type */
	ValueHead	values;
} ColumnHead;

static inline uint32
column_head_flags(const ColumnHead *head)
{
	return head->source | (uint32) head->values.form << 2 |
		(uint32) head->values.is_repeated << 5 | head->multiple_of << 6;
}

static inline bool
column_head_from_flags(uint32 flags, uint32 ntypes, ColumnHead *head)
{
	head->source = flags & 3;
	head->values.form = flags >> 2 & 7;
	head->values.is_repeated = flags >> 5 & 1;
	head->multiple_of = flags >> 6;
	return head->source < VALUE_SOURCES && head->values.form < VALUE_FORMS &&
		(head->multiple_of == 0 || head->multiple_of < ntypes);
}

/* No column, or no type. */
#define NO_COLUMN	PG_UINT32_MAX

/* The columns of a group: one for each type, and then the raw counts. */
typedef struct GroupColumns
{
	uint32		ntypes;
	uint32		ncolumns;
	uint32	   *objects_type;	/* [type]: whose bytes it is, or NO_COLUMN */
	uint32	   *count_column;	/* [type]: of its pair's counts, or NO_COLUMN */
} GroupColumns;

extern bool group_columns_init(GroupColumns *columns,
							   const SampleGroup *group,
							   const Allocator *allocator, PyroError *error);

/*
 * Does a chunk end here?  Long enough that its heads do not matter, short
 * enough that going through all of it for one repeated value does not either.
 */
static inline bool
chunk_is_full(uint32 nrows, size_t nsamples)
{
	return nsamples >= 65536 || nrows >= 1024 ||
		(nrows >= 64 && nsamples >= 4096);
}

#endif							/* PYRO_SAMPLE_ROWS_INTERNAL_H */
