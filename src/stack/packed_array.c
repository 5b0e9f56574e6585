/*
 * packed_array.c
 *	  Arrays of integers in as many bytes each as the largest needs.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "stack/packed_array.h"

#ifdef WORDS_BIGENDIAN
#error "pyro_ext stores little-endian arrays and needs a little-endian machine"
#endif

static size_t
width_of(uint64 all_bits)
{
	if (all_bits == 0)
		return 0;
	if (all_bits <= 0xFF)
		return 1;
	if (all_bits <= 0xFFFF)
		return 2;
	return all_bits <= PG_UINT32_MAX ? 4 : 8;
}

/* Write the width and make room; NULL where nothing is left to write. */
static uint8 *
start_array(TextBuffer *out, size_t width, size_t n)
{
	uint8	   *elements;

	text_append_char(out, (char) width);
	if (width == 0 || n == 0 || !text_buffer_reserve(out, width * n))
		return NULL;
	elements = (uint8 *) out->data + out->length;
	out->length += width * n;
	return elements;
}

#define PACK(type) \
	for (size_t i = 0; i < n; i++) \
	{ \
		type		narrow = (type) numbers[i]; \
		memcpy(to + i * sizeof(type), &narrow, sizeof(type)); \
	}

#define UNPACK(type) \
	for (size_t i = 0; i < n; i++) \
	{ \
		type		narrow; \
		memcpy(&narrow, from + i * sizeof(type), sizeof(type)); \
		numbers[i] = narrow; \
	}

/*
 * Append an array of n numbers.
 */
void
pack_numbers32(TextBuffer *out, const uint32 *numbers, size_t n)
{
	uint32		all_bits = 0;
	size_t		width;
	uint8	   *to;

	for (size_t i = 0; i < n; i++)
		all_bits |= numbers[i];
	width = width_of(all_bits);
	to = start_array(out, width, n);
	if (to == NULL)
		return;
	switch (width)
	{
		case 1:
			PACK(uint8);
			break;
		case 2:
			PACK(uint16);
			break;
		default:
			PACK(uint32);
	}
}

void
pack_numbers64(TextBuffer *out, const uint64 *numbers, size_t n)
{
	uint64		all_bits = 0;
	size_t		width;
	uint8	   *to;

	for (size_t i = 0; i < n; i++)
		all_bits |= numbers[i];
	width = width_of(all_bits);
	to = start_array(out, width, n);
	if (to == NULL)
		return;
	switch (width)
	{
		case 1:
			PACK(uint8);
			break;
		case 2:
			PACK(uint16);
			break;
		case 4:
			PACK(uint32);
			break;
		default:
			PACK(uint64);
	}
}

/* Check that the array is there; gives its width and elements. */
static bool
open_array(PackedReader *in, size_t n, size_t max_width, size_t *width,
		   const uint8 **elements)
{
	if (in->position == in->end)
		return false;
	*width = *in->position++;
	if (*width > max_width || (*width & (*width - 1)) != 0 ||
		(*width > 0 && n > (size_t) (in->end - in->position) / *width))
		return false;
	*elements = in->position;
	in->position += *width * n;
	return true;
}

/*
 * Read an array of n numbers, for which there is room.  Returns false where
 * the bytes do not hold one.
 */
bool
unpack_numbers32(PackedReader *in, uint32 *numbers, size_t n)
{
	size_t		width;
	const uint8 *from;

	if (!open_array(in, n, 4, &width, &from))
		return false;
	switch (width)
	{
		case 0:
			memset(numbers, 0, n * sizeof(uint32));
			break;
		case 1:
			UNPACK(uint8);
			break;
		case 2:
			UNPACK(uint16);
			break;
		default:
			UNPACK(uint32);
	}
	return true;
}

bool
unpack_numbers64(PackedReader *in, uint64 *numbers, size_t n)
{
	size_t		width;
	const uint8 *from;

	if (!open_array(in, n, 8, &width, &from))
		return false;
	switch (width)
	{
		case 0:
			memset(numbers, 0, n * sizeof(uint64));
			break;
		case 1:
			UNPACK(uint8);
			break;
		case 2:
			UNPACK(uint16);
			break;
		case 4:
			UNPACK(uint32);
			break;
		default:
			UNPACK(uint64);
	}
	return true;
}

/*
 * Pass over an array of n numbers.  Returns false as above.
 */
bool
skip_numbers(PackedReader *in, size_t n)
{
	size_t		width;
	const uint8 *from;

	return open_array(in, n, 8, &width, &from);
}
