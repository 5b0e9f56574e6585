/*
 * columns.h
 *	  Columns of numbers, one behind the other, as packed arrays
 *	  (packed_array.h).
 *
 * A column passes through a scratch array, so that a loop over structures
 * gathers or scatters it, and the packing is a loop over numbers alone.
 *
 * What is read is not believed: memory is counted against a cap before it is
 * asked for, and a failure says which column it was.
 */
#ifndef PYRO_COLUMNS_H
#define PYRO_COLUMNS_H

#include "stack/packed_array.h"

/* Room for one column at a time. */
typedef struct ColumnScratch
{
	uint32	   *numbers32;
	uint64	   *numbers64;
	size_t		capacity;
} ColumnScratch;

typedef struct ColumnReader
{
	PackedReader in;
	ColumnScratch scratch;
	const Allocator *allocator;
	size_t		memory_left;	/* no more is asked for */
	const char *subject;		/* what is damaged, e.g. stored profile */
	PyroError  *error;
} ColumnReader;

extern bool column_scratch_init(ColumnScratch *scratch, size_t capacity,
								const Allocator *allocator, PyroError *error);
extern bool columns_corrupt(ColumnReader *reader, const char *what);
extern void *columns_array(ColumnReader *reader, size_t n,
						   size_t element_size);
extern void columns_release(ColumnReader *reader, void *array);
extern bool columns_reserve(ColumnReader *reader, size_t capacity);
extern void columns_start(ColumnReader *reader, const void *bytes,
						  size_t size);
extern bool columns_finish(ColumnReader *reader);

/* ---- writing ---- */

/* Pack a column of n numbers that an expression gives for index i. */
#define WRITE_COLUMN32(scratch, out, n, expression) \
	do { \
		Assert((n) <= (scratch)->capacity); \
		for (uint32 i = 0; i < (n); i++) \
			(scratch)->numbers32[i] = (expression); \
		pack_numbers32(out, (scratch)->numbers32, n); \
	} while (0)

#define WRITE_COLUMN64(scratch, out, n, expression) \
	do { \
		Assert((n) <= (scratch)->capacity); \
		for (uint32 i = 0; i < (n); i++) \
			(scratch)->numbers64[i] = (expression); \
		pack_numbers64(out, (scratch)->numbers64, n); \
	} while (0)

/* Difference of two indexes, zigzag coded into 32 bits (mod 2^32). */
static inline uint32
index_difference(uint32 value, uint32 base)
{
	int32		difference = (int32) (value - base);

	return ((uint32) difference << 1) ^ (uint32) (difference >> 31);
}

/* ---- reading ---- */

/* The next column into the scratch, or the error set. */
static inline bool
read_column32(ColumnReader *reader, size_t n, const char *what)
{
	Assert(n <= reader->scratch.capacity);
	return unpack_numbers32(&reader->in, reader->scratch.numbers32, n) ||
		columns_corrupt(reader, what);
}

static inline bool
read_column64(ColumnReader *reader, size_t n, const char *what)
{
	Assert(n <= reader->scratch.capacity);
	return unpack_numbers64(&reader->in, reader->scratch.numbers64, n) ||
		columns_corrupt(reader, what);
}

/*
 * The next column into elements' fields: 32-bit numbers below a bound.  The
 * target is an expression for index i.  Returns from the caller on failure.
 */
#define READ_INDEXES(reader, n, bound, target, what) \
	do { \
		uint32		largest = 0; \
		if (!read_column32(reader, n, what)) \
			return false; \
		for (uint32 i = 0; i < (n); i++) \
		{ \
			largest = Max(largest, (reader)->scratch.numbers32[i]); \
			target = (reader)->scratch.numbers32[i]; \
		} \
		if ((n) > 0 && largest >= (bound)) \
			return columns_corrupt(reader, what); \
	} while (0)

/* The same of 64-bit numbers, each through a function or macro. */
#define READ_NUMBERS64(reader, n, target, decode, what) \
	do { \
		if (!read_column64(reader, n, what)) \
			return false; \
		for (uint32 i = 0; i < (n); i++) \
			target = decode((reader)->scratch.numbers64[i]); \
	} while (0)

#define AS_IT_IS(number) (number)

/* The index that index_difference() coded. */
static inline uint32
apply_difference(uint32 coded, uint32 base)
{
	return base + ((coded >> 1) ^ (0 - (coded & 1)));
}

#endif							/* PYRO_COLUMNS_H */
