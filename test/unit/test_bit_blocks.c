/*
 * test_bit_blocks.c
 *	  Bit-packed blocks come back as they were, and damaged ones are refused.
 */
#include "postgres_fe.h"

#include "stack/bit_blocks.h"

#include "unit.h"

static UnitMemory memory;

#define MOST	1500

/* Numbers of up to `bits` bits, of which some have up to `high_bits`. */
static void
make_numbers(UnitRandom *random, uint32 *numbers, size_t n, int bits,
			 int high_bits, uint32 percent)
{
	for (size_t i = 0; i < n; i++)
	{
		int			length = unit_chance(random, percent) ? high_bits : bits;

		numbers[i] = length == 0 ? 0 :
			(uint32) (unit_random(random) >> (64 - length));
	}
}

/* The bytes in memory of just that size, so that reading over it shows. */
static uint8 *
exact_copy(const TextBuffer *out)
{
	uint8	   *bytes = unit_allocate(&memory, out->length);

	if (out->length > 0)
		memcpy(bytes, out->data, out->length);
	return bytes;
}

static bool
comes_back(UnitRandom *random, const uint32 *numbers, size_t n)
{
	TextBuffer	out;
	PackedReader in;
	BitBlocks	blocks;
	PyroError	error = {0};
	uint32		back[MOST];
	bool		right;

	text_buffer_init(&out, &memory.allocator, 1 << 20);
	bit_blocks_write(&out, numbers, n);
	in.position = exact_copy(&out);
	in.end = in.position + out.length;
	right = !out.failed && out.length == bit_blocks_size(numbers, n) &&
		bit_blocks_open(&in, n, &memory.allocator, &blocks, &error) &&
		in.position == in.end;
	if (right)
	{
		bit_blocks_read(&blocks, 0, n, back);
		right = n == 0 || memcmp(back, numbers, n * sizeof(uint32)) == 0;
		for (int i = 0; i < 20 && n > 0; i++)
		{
			size_t		start = unit_below(random, n);
			size_t		count = unit_below(random, n - start + 1);

			bit_blocks_read(&blocks, start, count, back);
			right = right &&
				memcmp(back, numbers + start, count * sizeof(uint32)) == 0;
		}
	}
	unit_memory_free(&memory);
	return right;
}

static void
test_round_trips(void)
{
	UnitRandom	random = unit_random_seed(1);
	uint32		numbers[MOST];
	uint32		nwrong = 0;

	for (int bits = 0; bits <= 32; bits++)
		for (int high_bits = bits; high_bits <= 32; high_bits++)
			for (uint32 percent = 0; percent <= 60; percent += 15)
			{
				size_t		n = unit_below(&random, 400);

				make_numbers(&random, numbers, n, bits, high_bits, percent);
				nwrong += !comes_back(&random, numbers, n);
			}
	unit_ok(nwrong == 0, "numbers of any widths with any exceptions come back");
	nwrong = 0;
	for (size_t n = 0; n <= 260; n++)
	{
		make_numbers(&random, numbers, n, 3, 11, 8);
		nwrong += !comes_back(&random, numbers, n);
	}
	unit_ok(nwrong == 0, "and so do arrays of any length");
	make_numbers(&random, numbers, MOST, 32, 32, 0);
	unit_ok(comes_back(&random, numbers, MOST), "and numbers of all bits");
}

/* A block of small numbers with a few large ones takes few bytes. */
static void
test_sizes(void)
{
	uint32		numbers[2 * BIT_BLOCK_SIZE] = {0};

	unit_ok(bit_blocks_size(numbers, 256) == 4,
			"blocks of zeros are heads only");
	numbers[7] = 200;
	numbers[99] = 3;
	unit_ok(bit_blocks_size(numbers, 256) == 4 + 2 + 2,
			"an exception takes its place and its bits");
	for (int i = 0; i < 256; i++)
		numbers[i] = i % 32;
	unit_ok(bit_blocks_size(numbers, 256) == 4 + 2 * 80,
			"numbers of one width take that width");
}

/* What opens can be read, whatever it is. */
static bool
is_survived(const uint8 *bytes, size_t size, size_t n)
{
	uint8	   *copy = malloc(Max(size, 1));
	uint32		back[MOST];
	PackedReader in = {copy, copy + size};
	BitBlocks	blocks;
	PyroError	error = {0};
	bool		right = true;

	memcpy(copy, bytes, size);
	if (bit_blocks_open(&in, n, &memory.allocator, &blocks, &error))
		bit_blocks_read(&blocks, 0, n, back);
	else
		right = error.kind == PYRO_CORRUPT;
	free(copy);
	return right;
}

static void
test_damage(void)
{
	UnitRandom	random = unit_random_seed(2);
	uint32		numbers[MOST];
	TextBuffer	out;
	uint32		nwrong = 0;
	uint32		nopened = 0;

	make_numbers(&random, numbers, 300, 4, 20, 10);
	text_buffer_init(&out, &memory.allocator, 1 << 20);
	bit_blocks_write(&out, numbers, 300);
	for (size_t i = 0; i < out.length; i++)
		for (int change = 1; change < 256; change++)
		{
			out.data[i] ^= change;
			nwrong += !is_survived((uint8 *) out.data, out.length, 300);
			out.data[i] ^= change;
		}
	unit_ok(nwrong == 0, "any byte changed is an error or other numbers");
	for (size_t size = 0; size < out.length; size++)
	{
		uint8	   *copy = malloc(Max(size, 1));
		PackedReader in = {copy, copy + size};
		BitBlocks	blocks;
		PyroError	error = {0};

		memcpy(copy, out.data, size);
		nopened += bit_blocks_open(&in, 300, &memory.allocator, &blocks, &error);
		nwrong += error.kind != PYRO_CORRUPT;
		free(copy);
	}
	unit_ok(nopened == 0 && nwrong == 0, "what is cut off is refused");
	for (int i = 0; i < 20000; i++)
	{
		uint8		bytes[400];
		size_t		size = unit_below(&random, sizeof(bytes));

		for (size_t k = 0; k < size; k++)
			bytes[k] = (uint8) (unit_random(&random) >> (k < 6 ? 58 : 56));
		nwrong += !is_survived(bytes, size, unit_below(&random, MOST));
	}
	unit_ok(nwrong == 0, "random bytes are an error or numbers");
	unit_ok(is_survived((uint8 *) out.data, out.length, MOST),
			"so is an array of another length");
	unit_memory_free(&memory);
}

int
main(void)
{
	unit_memory_init(&memory);
	test_round_trips();
	test_sizes();
	test_damage();
	return unit_finish();
}
