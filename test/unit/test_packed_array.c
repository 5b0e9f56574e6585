/*
 * test_packed_array.c
 *	  Packed arrays come back as they were, and damaged ones are refused.
 */
#include "postgres_fe.h"

#include "stack/packed_array.h"

#include "unit.h"

static UnitMemory memory;

/* The largest number whose width is that, and one more. */
static const uint64 edges[] = {0, 1, 0xFE, 0xFF, 0x100, 0xFFFF, 0x10000,
0xFFFFFFFF, UINT64CONST(0x100000000), PG_UINT64_MAX};
static const size_t widths[] = {0, 1, 1, 1, 2, 2, 4, 4, 8, 8};

/* Pack n numbers with the edge at a place; all must come back. */
static bool
round_trips(size_t n, size_t place, uint64 edge, size_t width)
{
	TextBuffer	out;
	uint32		numbers32[40] = {0};
	uint64		numbers64[40] = {0};
	uint32		back32[40];
	uint64		back64[40];
	PackedReader in;
	bool		right = true;

	numbers64[place] = edge;
	numbers32[place] = (uint32) edge;
	text_buffer_init(&out, &memory.allocator, 10000);
	pack_numbers64(&out, numbers64, n);
	in.position = (uint8 *) out.data;
	in.end = in.position + out.length;
	right = out.length == 1 + width * n &&
		unpack_numbers64(&in, back64, n) && in.position == in.end &&
		memcmp(numbers64, back64, n * sizeof(uint64)) == 0;
	if (edge <= PG_UINT32_MAX)
	{
		out.length = 0;
		pack_numbers32(&out, numbers32, n);
		in.position = (uint8 *) out.data;
		in.end = in.position + out.length;
		right = right && out.length == 1 + width * n &&
			unpack_numbers32(&in, back32, n) && in.position == in.end &&
			memcmp(numbers32, back32, n * sizeof(uint32)) == 0;
	}
	unit_memory_free(&memory);
	return right;
}

static void
test_round_trips(void)
{
	uint32		nwrong = 0;

	for (size_t i = 0; i < lengthof(edges); i++)
		for (size_t n = 1; n <= 40; n++)
			for (size_t place = 0; place < n; place++)
				nwrong += !round_trips(n, place, edges[i], widths[i]);
	nwrong += !round_trips(0, 0, 5, 0);
	unit_ok(nwrong == 0, "arrays of each width and length come back");
}

/* Arrays as bytes: each width byte, each number of bytes behind it. */
static void
test_damage(void)
{
	uint32		nwrong = 0;

	for (uint32 width = 0; width < 256; width++)
		for (size_t size = 0; size <= 40; size++)
			for (size_t n = 0; n <= 6; n++)
			{
				uint8	   *bytes = malloc(size + 1);
				uint32		numbers32[6];
				uint64		numbers64[6];
				bool		sound = width == 0 || width == 1 || width == 2 ||
				width == 4 || width == 8;
				PackedReader in = {bytes, bytes + size + 1};

				memset(bytes, 0xA5, size + 1);
				bytes[0] = width;
				nwrong += unpack_numbers64(&in, numbers64, n) !=
					(sound && width * n <= size);
				in.position = bytes;
				nwrong += unpack_numbers32(&in, numbers32, n) !=
					(sound && width <= 4 && width * n <= size);
				free(bytes);
			}
	unit_ok(nwrong == 0, "arrays that are cut off or of no known width are refused");
	{
		uint8		empty;
		PackedReader in = {&empty, &empty};
		uint8		wide = 8;
		PackedReader large = {&wide, &wide + 1};

		unit_ok(!unpack_numbers32(&in, NULL, 0) &&
				!unpack_numbers64(&large, NULL, SIZE_MAX / 4),
				"so are none at all, and more elements than memory");
	}
}

static void
test_zigzag(void)
{
	static const int64 numbers[] = {0, -1, 1, -2, 2, PG_INT64_MAX,
	PG_INT64_MIN, PG_INT64_MIN + 1};
	uint32		nwrong = 0;

	for (size_t i = 0; i < lengthof(numbers); i++)
		nwrong += zigzag_decode(zigzag_encode(numbers[i])) != numbers[i];
	unit_ok(nwrong == 0 && zigzag_encode(-1) == 1 && zigzag_encode(1) == 2 &&
			zigzag_encode(PG_INT64_MIN) == PG_UINT64_MAX,
			"zigzag coding comes back, and small numbers are small");
}

static void
test_failed_buffer(void)
{
	TextBuffer	out;
	uint64		numbers[10] = {PG_UINT64_MAX};

	text_buffer_init(&out, &memory.allocator, 40);
	pack_numbers64(&out, numbers, 10);
	unit_ok(out.failed, "an array over the buffer's limit fails");
	pack_numbers64(&out, numbers, 1);
	pack_numbers32(&out, (uint32 *) numbers, 1);
	unit_ok(out.failed, "and stays so");
	unit_memory_free(&memory);
}

int
main(void)
{
	unit_memory_init(&memory);
	test_round_trips();
	test_damage();
	test_zigzag();
	test_failed_buffer();
	return unit_finish();
}
