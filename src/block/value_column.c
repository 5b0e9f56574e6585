/*
 * value_column.c
 *	  Columns of 64-bit values, each chunk of them in the form of the fewest
 *	  bytes.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/value_column.h"

/*
 * Make a table of last values for keys below nkeys.  Returns false with
 * PYRO_NO_MEMORY.
 */
bool
last_values_init(LastValues *last, uint32 nkeys, const Allocator *allocator,
				 PyroError *error)
{
	last->of = allocate_or_fail(allocator, nkeys, sizeof(LastValue), error);
	if (last->of == NULL)
		return false;
	memset(last->of, 0, nkeys * sizeof(LastValue));
	last->chunk = 1;
	return true;
}

/* The key's last value, 0 at first, to be replaced by the present one. */
static inline uint64 *
last_value(LastValues *last, uint32 key)
{
	LastValue  *entry = &last->of[key];

	if (entry->chunk != last->chunk)
	{
		entry->chunk = last->chunk;
		entry->value = 0;
	}
	return &entry->value;
}

static void
take_differences(ValueChunk *chunk, const uint64 *values)
{
	chunk->last.chunk++;
	for (size_t i = 0; i < chunk->n; i++)
	{
		uint64	   *before = last_value(&chunk->last, chunk->keys[i]);

		chunk->differences[i] = values[i] - *before;
		*before = values[i];
	}
}

static uint64
common_divisor(uint64 a, uint64 b)
{
	while (b != 0)
	{
		uint64		rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* The least value as base, and what all others are whole steps above it. */
static void
find_scale(const uint64 *values, size_t n, ValueHead *head, uint64 *largest)
{
	int64		least = (int64) values[0];
	int64		greatest = least;
	uint64		unit = 0;

	for (size_t i = 1; i < n; i++)
	{
		least = Min(least, (int64) values[i]);
		greatest = Max(greatest, (int64) values[i]);
	}
	for (size_t i = 0; i < n && unit != 1; i++)
	{
		uint64		above = values[i] - (uint64) least;

		if (unit == 0 || above % unit != 0)
			unit = common_divisor(above, unit);
	}
	head->base = (uint64) least;
	head->unit = Max(unit, 1);
	*largest = ((uint64) greatest - (uint64) least) / head->unit;
}

/* The numbers to be stored, in halves. */
static void
split_numbers(ValueChunk *chunk, const uint64 *values, const ValueHead *head)
{
	if (head->form == VALUES_ZIGZAG || head->form == VALUES_ZIGZAG_WIDE)
		for (size_t i = 0; i < chunk->n; i++)
		{
			uint64		number = zigzag_encode((int64) values[i]);

			chunk->low[i] = (uint32) number;
			chunk->high[i] = (uint32) (number >> 32);
		}
	else if (head->unit == 1)
		for (size_t i = 0; i < chunk->n; i++)
		{
			uint64		number = values[i] - head->base;

			chunk->low[i] = (uint32) number;
			chunk->high[i] = (uint32) (number >> 32);
		}
	else
		for (size_t i = 0; i < chunk->n; i++)
		{
			uint64		number = (values[i] - head->base) / head->unit;

			chunk->low[i] = (uint32) number;
			chunk->high[i] = (uint32) (number >> 32);
		}
}

static size_t
form_size(ValueChunk *chunk, const uint64 *values, const ValueHead *head)
{
	size_t		size;

	split_numbers(chunk, values, head);
	size = bit_blocks_size(chunk->low, chunk->n);
	if (head->form == VALUES_SCALED_WIDE || head->form == VALUES_ZIGZAG_WIDE)
		size += bit_blocks_size(chunk->high, chunk->n);
	return size;
}

/* The better of both ways to store values as they are; its bytes. */
static size_t
plan_form(ValueChunk *chunk, const uint64 *values, ValueHead *head)
{
	ValueHead	zigzag = {VALUES_ZIGZAG, head->is_repeated, 0, 1};
	uint64		largest;
	uint64		all_bits = 0;
	size_t		scaled_size;
	size_t		zigzag_size;

	find_scale(values, chunk->n, head, &largest);
	head->form = largest == 0 ? VALUES_CONSTANT :
		largest <= PG_UINT32_MAX ? VALUES_SCALED : VALUES_SCALED_WIDE;
	if (head->form == VALUES_CONSTANT)
		return 0;
	scaled_size = form_size(chunk, values, head);
	/* without negative values zigzag coding only makes numbers longer */
	if ((int64) head->base >= 0)
		return scaled_size;
	for (size_t i = 0; i < chunk->n; i++)
		all_bits |= zigzag_encode((int64) values[i]);
	if (all_bits > PG_UINT32_MAX)
		zigzag.form = VALUES_ZIGZAG_WIDE;
	zigzag_size = form_size(chunk, values, &zigzag);
	if (zigzag_size < scaled_size)
		*head = zigzag;
	return Min(scaled_size, zigzag_size);
}

/*
 * Choose how to store the chunk's values.  Returns the bytes that
 * value_column_write() takes then.
 */
size_t
value_column_plan(ValueChunk *chunk, const uint64 *values, ValueHead *head)
{
	ValueHead	repeated = {VALUES_CONSTANT, true, 0, 1};
	size_t		size;
	size_t		repeated_size;

	*head = (ValueHead)
	{
		VALUES_CONSTANT, false, 0, 1
	};
	if (chunk->n == 0)
		return 0;
	size = plan_form(chunk, values, head);
	if (size == 0 || !chunk->may_repeat)
		return size;
	take_differences(chunk, values);
	repeated_size = plan_form(chunk, chunk->differences, &repeated);
	/* it takes longer to read, so it must be worth it */
	if (repeated_size < size - size / 8)
	{
		*head = repeated;
		return repeated_size;
	}
	return size;
}

/*
 * Append the chunk's values as planned.
 */
void
value_column_write(ValueChunk *chunk, const uint64 *values,
				   const ValueHead *head, TextBuffer *out)
{
	if (head->form == VALUES_CONSTANT)
		return;
	if (head->is_repeated)
	{
		take_differences(chunk, values);
		values = chunk->differences;
	}
	split_numbers(chunk, values, head);
	bit_blocks_write(out, chunk->low, chunk->n);
	if (head->form == VALUES_SCALED_WIDE || head->form == VALUES_ZIGZAG_WIDE)
		bit_blocks_write(out, chunk->high, chunk->n);
}

/*
 * Open a chunk of n values.  As bit_blocks_open(); the head is believed.
 */
bool
value_column_open(PackedReader *in, size_t n, const ValueHead *head,
				  const Allocator *allocator, ValueColumn *column,
				  PyroError *error)
{
	memset(column, 0, sizeof(*column));
	column->head = *head;
	if (head->form == VALUES_CONSTANT)
		return true;
	if (!bit_blocks_open(in, n, allocator, &column->low, error))
		return false;
	if (head->form == VALUES_SCALED_WIDE || head->form == VALUES_ZIGZAG_WIDE)
		return bit_blocks_open(in, n, allocator, &column->high, error);
	return true;
}

/* Numbers as they are stored, one by one made to values. */
#define READ_VALUES(number, value) \
	for (uint32 i = 0; i < count; i++) \
	{ \
		uint64		n = (number); \
		values[i] = (value); \
	}

#define WIDE_NUMBER		((uint64) high[i] << 32 | low[i])

/* Values as they are, or differences if they are repeated. */
static void
read_stored(const ValueColumn *column, size_t start, uint32 count,
			uint64 *values)
{
	const uint64 base = column->head.base;
	const uint64 unit = column->head.unit;
	uint32		low[VALUE_WINDOW];
	uint32		high[VALUE_WINDOW];

	switch (column->head.form)
	{
		case VALUES_CONSTANT:
			READ_VALUES(base, n);
			return;
		case VALUES_SCALED:
			bit_blocks_read(&column->low, start, count, low);
			READ_VALUES(low[i], base + unit * n);
			return;
		case VALUES_ZIGZAG:
			bit_blocks_read(&column->low, start, count, low);
			READ_VALUES(low[i], (uint64) zigzag_decode(n));
			return;
		default:
			break;
	}
	bit_blocks_read(&column->low, start, count, low);
	bit_blocks_read(&column->high, start, count, high);
	if (column->head.form == VALUES_ZIGZAG_WIDE)
	{
		READ_VALUES(WIDE_NUMBER, (uint64) zigzag_decode(n));
	}
	else
	{
		READ_VALUES(WIDE_NUMBER, base + unit * n);
	}
}

/*
 * Read at most VALUE_WINDOW values of a chunk, from the start'th on.
 *
 * Where values are repeated, those before start must have been read with the
 * same `last` before, and the keys are needed; else both may be NULL.
 */
void
value_column_read(const ValueColumn *column, size_t start, uint32 count,
				  const uint32 *keys, LastValues *last, uint64 *values)
{
	Assert(count <= VALUE_WINDOW);
	read_stored(column, start, count, values);
	if (!column->head.is_repeated)
		return;
	for (uint32 i = 0; i < count; i++)
	{
		uint64	   *value = last_value(last, keys[i]);

		values[i] += *value;
		*value = values[i];
	}
}
