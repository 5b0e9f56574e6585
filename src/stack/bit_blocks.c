/*
 * bit_blocks.c
 *	  Arrays of small integers in blocks of 128, patched and bit-packed.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "port/pg_bitutils.h"

#include "stack/bit_blocks.h"

#define LANES		4

typedef uint32 Lanes __attribute__ ((vector_size(16)));

/* More exceptions than this are not worth it, or too many for the head. */
#define MAX_EXCEPTIONS	63

/* Bits of a high part, by their code in the head; they may be more than needed. */
static const uint8 high_widths[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 24, 32};

/* How a block is packed. */
typedef struct BlockPlan
{
	int			width;			/* bits of a low part */
	int			high_code;		/* of an exception's high part */
	uint32		nexceptions;
	size_t		size;			/* of the body */
} BlockPlan;

static inline int
bit_length(uint32 number)
{
	return number == 0 ? 0 : pg_leftmost_one_pos32(number) + 1;
}

static inline size_t
packed_size(size_t n, int width)
{
	return (n * width + 7) / 8;
}

static int
high_code_for(int bits)
{
	int			code = 0;

	while (high_widths[code] < bits)
		code++;
	return code;
}

static inline size_t
body_size(size_t n, int width, uint32 nexceptions, int high_code)
{
	return packed_size(n, width) + nexceptions +
		packed_size(nexceptions, high_widths[high_code]);
}

/* The plan of the fewest bytes; of equal ones that of the fewest patches. */
static BlockPlan
plan_block(const uint32 *numbers, uint32 n)
{
	uint32		count[33] = {0};
	uint32		nexceptions = 0;
	int			longest = 32;
	BlockPlan	best;

	for (uint32 i = 0; i < n; i++)
		count[bit_length(numbers[i])]++;
	while (longest > 0 && count[longest] == 0)
		longest--;
	best = (BlockPlan)
	{
		longest, 0, 0, packed_size(n, longest)
	};
	for (int width = longest - 1; width >= 0; width--)
	{
		int			high_code = high_code_for(longest - width);
		size_t		size;

		nexceptions += count[width + 1];
		if (nexceptions > MAX_EXCEPTIONS)
			break;
		size = body_size(n, width, nexceptions, high_code);
		if (size < best.size)
			best = (BlockPlan)
		{
			width, high_code, nexceptions, size
		};
	}
	return best;
}

/*
 * The bytes that bit_blocks_write() takes for n numbers.
 */
size_t
bit_blocks_size(const uint32 *numbers, size_t n)
{
	size_t		size = 0;

	for (size_t i = 0; i < n; i += BIT_BLOCK_SIZE)
		size += 2 + plan_block(numbers + i, Min(n - i, BIT_BLOCK_SIZE)).size;
	return size;
}

static inline uint32
low_bits(uint32 number, int width)
{
	return width == 32 ? number : number & ((1U << width) - 1);
}

static void
pack_full(const uint32 *numbers, int width, uint8 *packed)
{
	uint32		words[32 * LANES] = {0};

	for (int i = 0; i < BIT_BLOCK_SIZE; i++)
	{
		int			bit = i / LANES * width;
		uint32	   *word = &words[bit / 32 * LANES + i % LANES];
		uint64		value = (uint64) low_bits(numbers[i], width) << bit % 32;

		*word |= (uint32) value;
		if (bit % 32 + width > 32)
			word[LANES] |= (uint32) (value >> 32);
	}
	memcpy(packed, words, width * LANES * sizeof(uint32));
}

static void
pack_rest(const uint32 *numbers, uint32 n, int width, uint8 *packed)
{
	uint64		bits = 0;
	int			nbits = 0;

	for (uint32 i = 0; i < n; i++)
	{
		bits |= (uint64) low_bits(numbers[i], width) << nbits;
		for (nbits += width; nbits >= 8; nbits -= 8, bits >>= 8)
			*packed++ = (uint8) bits;
	}
	if (nbits > 0)
		*packed = (uint8) bits;
}

/* Places and high parts of the numbers that are too long. */
static void
write_exceptions(const uint32 *numbers, uint32 n, const BlockPlan *plan,
				 uint8 *place)
{
	uint32		high[MAX_EXCEPTIONS];
	uint32		nexceptions = 0;

	for (uint32 i = 0; i < n; i++)
		if (bit_length(numbers[i]) > plan->width)
		{
			*place++ = (uint8) i;
			high[nexceptions++] = numbers[i] >> plan->width;
		}
	Assert(nexceptions == plan->nexceptions);
	pack_rest(high, nexceptions, high_widths[plan->high_code], place);
}

static void
write_body(const uint32 *numbers, uint32 n, const BlockPlan *plan,
		   uint8 *body)
{
	if (n == BIT_BLOCK_SIZE)
		pack_full(numbers, plan->width, body);
	else
		pack_rest(numbers, n, plan->width, body);
	if (plan->nexceptions > 0)
		write_exceptions(numbers, n, plan, body + packed_size(n, plan->width));
}

/*
 * Append an array of n numbers.
 */
void
bit_blocks_write(TextBuffer *out, const uint32 *numbers, size_t n)
{
	size_t		nblocks = n / BIT_BLOCK_SIZE + (n % BIT_BLOCK_SIZE != 0);
	size_t		heads = out->length;

	if (nblocks == 0 || !text_buffer_reserve(out, 2 * nblocks))
		return;
	out->length += 2 * nblocks;
	for (size_t b = 0; b < nblocks; b++)
	{
		const uint32 *block = numbers + b * BIT_BLOCK_SIZE;
		uint32		length = Min(n - b * BIT_BLOCK_SIZE, BIT_BLOCK_SIZE);
		BlockPlan	plan = plan_block(block, length);

		if (!text_buffer_reserve(out, plan.size))
			return;
		out->data[heads + b] = (char) (plan.width | (plan.high_code & 3) << 6);
		out->data[heads + nblocks + b] = (char) (plan.nexceptions |
												 plan.high_code >> 2 << 6);
		write_body(block, length, &plan, (uint8 *) out->data + out->length);
		out->length += plan.size;
	}
}

static void
read_rest(const uint8 *body, uint32 n, int width, uint32 *numbers)
{
	uint64		bits = 0;
	int			nbits = 0;

	for (uint32 i = 0; i < n; i++)
	{
		for (; nbits < width; nbits += 8)
			bits |= (uint64) *body++ << nbits;
		numbers[i] = low_bits((uint32) bits, width);
		bits >>= width;
		nbits -= width;
	}
}

static inline int
block_width(const BitBlocks *blocks, size_t b)
{
	return blocks->widths[b] & 63;
}

static inline uint32
block_exceptions(const BitBlocks *blocks, size_t b)
{
	return blocks->exceptions[b] & 63;
}

static inline int
block_high_code(const BitBlocks *blocks, size_t b)
{
	return blocks->widths[b] >> 6 | blocks->exceptions[b] >> 6 << 2;
}

/*
 * Add the high parts of a block's exceptions.  They are read eight bytes at a
 * time, from a copy where the array ends too soon for that.
 */
static inline void
patch(const BitBlocks *blocks, size_t b, const uint8 *place, uint32 *numbers)
{
	int			width = block_width(blocks, b);
	uint32		nexceptions = block_exceptions(blocks, b);
	int			high_width = high_widths[block_high_code(blocks, b)];
	uint64		mask = PG_UINT32_MAX >> (32 - high_width);
	const uint8 *high = place + nexceptions;
	size_t		size = packed_size(nexceptions, high_width);
	uint8		copy[MAX_EXCEPTIONS * sizeof(uint32) + sizeof(uint64)];

	if (unlikely((size_t) (blocks->end - high) < size + sizeof(uint64)))
	{
		memset(copy, 0, sizeof(copy));
		memcpy(copy, high, size);
		high = copy;
	}
	for (uint32 i = 0, bit = 0; i < nexceptions; i++, bit += high_width)
	{
		uint64		bits;

		memcpy(&bits, high + bit / 8, sizeof(bits));
		numbers[place[i]] |= (uint32) (bits >> bit % 8 & mask) << width;
	}
}

/* Do the places of a block's exceptions lie in it? */
static bool
places_fit(const uint8 *place, uint32 nexceptions, uint32 n)
{
	uint8		largest = 0;

	for (uint32 i = 0; i < nexceptions; i++)
		largest = Max(largest, place[i]);
	return nexceptions == 0 || largest < n;
}

/* Check one block at *in and pass over it. */
static bool
open_block(BitBlocks *blocks, size_t b, PackedReader *in)
{
	uint32		n = Min(blocks->n - b * BIT_BLOCK_SIZE, BIT_BLOCK_SIZE);
	int			width = block_width(blocks, b);
	uint32		nexceptions = block_exceptions(blocks, b);
	const uint8 *body = in->position;
	const uint8 *place;
	size_t		size;

	if (width > 32 || nexceptions > n || (width == 32 && nexceptions > 0))
		return false;
	size = body_size(n, width, nexceptions, block_high_code(blocks, b));
	if (size > (size_t) (in->end - body))
		return false;
	place = body + packed_size(n, width);
	if (!places_fit(place, nexceptions, n))
		return false;
	if (n == BIT_BLOCK_SIZE)
		blocks->body_start[b] = body - blocks->bodies;
	else
	{
		read_rest(body, n, width, blocks->rest);
		patch(blocks, b, place, blocks->rest);
	}
	in->position += size;
	return true;
}

/*
 * Open an array of n numbers.
 *
 * *blocks points into the bytes, which must outlive it, and to a little
 * memory of the allocator.  All that bit_blocks_read() relies on is checked
 * here.  Returns false with PYRO_CORRUPT where the bytes do not hold such an
 * array, or with PYRO_NO_MEMORY.
 */
bool
bit_blocks_open(PackedReader *in, size_t n, const Allocator *allocator,
				BitBlocks *blocks, PyroError *error)
{
	size_t		nfull = n / BIT_BLOCK_SIZE;
	uint32		nrest = n % BIT_BLOCK_SIZE;
	size_t		nblocks = nfull + (nrest > 0);

	memset(blocks, 0, sizeof(*blocks));
	if (nblocks > (size_t) (in->end - in->position) / 2)
		return pyro_fail(error, PYRO_CORRUPT, "bit-packed array is cut off");
	blocks->n = n;
	blocks->widths = in->position;
	blocks->exceptions = in->position + nblocks;
	blocks->bodies = in->position + 2 * nblocks;
	blocks->end = in->end;
	in->position += 2 * nblocks;
	if ((size_t) (in->end - in->position) > PG_UINT32_MAX)
		return pyro_fail(error, PYRO_CORRUPT, "bit-packed array is too large");
	blocks->body_start = allocate_or_fail(allocator, nfull, sizeof(uint32),
										  error);
	blocks->rest = allocate_or_fail(allocator, nrest, sizeof(uint32), error);
	if (blocks->body_start == NULL || blocks->rest == NULL)
		return false;
	for (size_t b = 0; b < nblocks; b++)
	{
		allocator_poll(allocator, b);
		if (!open_block(blocks, b, in))
			return pyro_fail(error, PYRO_CORRUPT,
							 "block %zu of a bit-packed array is damaged", b);
	}
	return true;
}

static inline Lanes
load_lanes(const uint8 *from)
{
	Lanes		lanes;

	memcpy(&lanes, from, sizeof(lanes));
	return lanes;
}

/*
 * Row i of a block: its bits begin in one word of each lane and may end in
 * the next.  All but the data is known to the compiler.
 */
static pg_attribute_always_inline void
unpack_row(const uint8 *packed, uint32 *numbers, const int width, const int i)
{
	const int	bit = i * width % 32;
	const int	word = i * width / 32;
	const uint32 mask = width == 32 ? PG_UINT32_MAX : (1U << width % 32) - 1;
	Lanes		lanes = load_lanes(packed + word * sizeof(Lanes)) >> bit;

	if (bit + width > 32)
		lanes |= load_lanes(packed + (word + 1) * sizeof(Lanes)) << (32 - bit) % 32;
	lanes &= mask;
	memcpy(numbers + i * LANES, &lanes, sizeof(lanes));
}

#define UNPACK_4(i) \
	unpack_row(packed, numbers, width, i); \
	unpack_row(packed, numbers, width, (i) + 1); \
	unpack_row(packed, numbers, width, (i) + 2); \
	unpack_row(packed, numbers, width, (i) + 3)

static pg_attribute_always_inline void
unpack_width(const uint8 *packed, uint32 *numbers, const int width)
{
	UNPACK_4(0);
	UNPACK_4(4);
	UNPACK_4(8);
	UNPACK_4(12);
	UNPACK_4(16);
	UNPACK_4(20);
	UNPACK_4(24);
	UNPACK_4(28);
}

#define WIDTH_CASE(width) \
	case width: \
		unpack_width(packed, numbers, width); \
		break

#define WIDTH_CASES_8(width) \
	WIDTH_CASE(width); \
	WIDTH_CASE((width) + 1); \
	WIDTH_CASE((width) + 2); \
	WIDTH_CASE((width) + 3); \
	WIDTH_CASE((width) + 4); \
	WIDTH_CASE((width) + 5); \
	WIDTH_CASE((width) + 6); \
	WIDTH_CASE((width) + 7)

/* Straight code for each width: the shifts are constants. */
static void
unpack_full(const uint8 *packed, int width, uint32 *numbers)
{
	switch (width)
	{
			WIDTH_CASES_8(1);
			WIDTH_CASES_8(9);
			WIDTH_CASES_8(17);
			WIDTH_CASES_8(25);
		default:
			memset(numbers, 0, BIT_BLOCK_SIZE * sizeof(uint32));
	}
}

static inline void
read_full(const BitBlocks *blocks, size_t b, uint32 *numbers)
{
	const uint8 *body = blocks->bodies + blocks->body_start[b];
	int			width = block_width(blocks, b);

	unpack_full(body, width, numbers);
	if (block_exceptions(blocks, b) > 0)
		patch(blocks, b, body + width * sizeof(Lanes), numbers);
}

/*
 * Read `count` numbers from the start'th on; there must be as many.
 */
void
bit_blocks_read(const BitBlocks *blocks, size_t start, size_t count,
				uint32 *numbers)
{
	uint32		part[BIT_BLOCK_SIZE];

	Assert(start <= blocks->n && count <= blocks->n - start);
	while (count > 0)
	{
		size_t		b = start / BIT_BLOCK_SIZE;
		size_t		offset = start % BIT_BLOCK_SIZE;
		size_t		length = Min(count, BIT_BLOCK_SIZE - offset);

		if (b == blocks->n / BIT_BLOCK_SIZE)
			memcpy(numbers, blocks->rest + offset, length * sizeof(uint32));
		else if (length == BIT_BLOCK_SIZE)
			read_full(blocks, b, numbers);
		else
		{
			read_full(blocks, b, part);
			memcpy(numbers, part + offset, length * sizeof(uint32));
		}
		start += length;
		count -= length;
		numbers += length;
	}
}
