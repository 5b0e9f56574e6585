/*
 * value_column.h
 *	  Columns of 64-bit values, each chunk of them in the form of the fewest
 *	  bytes.
 *
 * Values may first be replaced by what they differ from the value that the
 * same key had before in the chunk (repeated), and are then stored as
 * (value - base) / unit, or zigzag coded, in one or two arrays of bit blocks.
 * All arithmetic is modulo 2^64.
 */
#ifndef PYRO_VALUE_COLUMN_H
#define PYRO_VALUE_COLUMN_H

#include "stack/bit_blocks.h"

/* How the numbers of a chunk are stored. */
typedef enum ValueForm
{
	VALUES_CONSTANT,			/* all are the base; no bytes */
	VALUES_SCALED,				/* base + unit * number, numbers of 32 bits */
	VALUES_SCALED_WIDE,			/* the same of 64: low halves, high halves */
	VALUES_ZIGZAG,				/* zigzag coded, 32 bits */
	VALUES_ZIGZAG_WIDE			/* the same of 64 */
} ValueForm;

#define VALUE_FORMS		5

/* What is kept of a chunk beside its bytes. */
typedef struct ValueHead
{
	ValueForm	form;
	bool		is_repeated;
	uint64		base;
	uint64		unit;
} ValueHead;

/* The value each key had last; what another chunk left does not count. */
typedef struct LastValue
{
	uint64		value;
	uint64		chunk;
} LastValue;

typedef struct LastValues
{
	LastValue  *of;				/* [key] */
	uint64		chunk;			/* counts chunks, from 1 */
} LastValues;

/* A chunk that is open for reading. */
typedef struct ValueColumn
{
	ValueHead	head;
	BitBlocks	low;
	BitBlocks	high;
} ValueColumn;

/* A chunk to be written, and scratch memory for it. */
typedef struct ValueChunk
{
	size_t		n;
	const uint32 *keys;
	bool		may_repeat;		/* it has more than one row */
	uint64	   *differences;	/* n, as the next two */
	uint32	   *low;
	uint32	   *high;
	LastValues	last;
} ValueChunk;

extern bool last_values_init(LastValues *last, uint32 nkeys,
							 const Allocator *allocator, PyroError *error);
extern size_t value_column_plan(ValueChunk *chunk, const uint64 *values,
								ValueHead *head);
extern void value_column_write(ValueChunk *chunk, const uint64 *values,
							   const ValueHead *head, TextBuffer *out);
extern bool value_column_open(PackedReader *in, size_t n,
							  const ValueHead *head,
							  const Allocator *allocator, ValueColumn *column,
							  PyroError *error);
extern void value_column_read(const ValueColumn *column, size_t start,
							  uint32 count, const uint32 *keys,
							  LastValues *last, uint64 *values);

/* Values that are read at a time. */
#define VALUE_WINDOW	1024

#endif							/* PYRO_VALUE_COLUMN_H */
