/*
 * packed_array.h
 *	  Arrays of integers in as many bytes each as the largest needs.
 *
 * An array is one byte, its width (0, 1, 2, 4 or 8), and behind it the
 * elements, little-endian, without padding.  Width 0 means that all are zero
 * and takes no room.  Widening is a loop that the compiler vectorises.
 */
#ifndef PYRO_PACKED_ARRAY_H
#define PYRO_PACKED_ARRAY_H

#include "stack/text_buffer.h"

/* The bytes that are not read yet. */
typedef struct PackedReader
{
	const uint8 *position;
	const uint8 *end;
} PackedReader;

extern void pack_numbers32(TextBuffer *out, const uint32 *numbers, size_t n);
extern void pack_numbers64(TextBuffer *out, const uint64 *numbers, size_t n);
extern bool unpack_numbers32(PackedReader *in, uint32 *numbers, size_t n);
extern bool unpack_numbers64(PackedReader *in, uint64 *numbers, size_t n);
extern bool skip_numbers(PackedReader *in, size_t n);

/* Small absolute values become small numbers: 0, -1, 1, -2, ... */
static inline uint64
zigzag_encode(int64 value)
{
	return ((uint64) value << 1) ^ (uint64) (value >> 63);
}

static inline int64
zigzag_decode(uint64 value)
{
	return (int64) (value >> 1) ^ -(int64) (value & 1);
}

/*
 * Numbers one by one, seven bits a byte, the lowest first; the last byte is
 * below 128.
 */
static inline void
append_varint(TextBuffer *out, uint32 number)
{
	for (; number >= 128; number >>= 7)
		text_append_char(out, (char) (number | 128));
	text_append_char(out, (char) number);
}

/* Returns false where the bytes end, or hold more than 32 bits. */
static inline bool
read_varint(PackedReader *in, uint32 *number)
{
	uint64		sum = 0;

	for (int shift = 0; shift < 35 && in->position < in->end; shift += 7)
	{
		uint8		byte = *in->position++;

		sum |= (uint64) (byte & 127) << shift;
		if (byte < 128)
		{
			*number = (uint32) sum;
			return sum <= PG_UINT32_MAX;
		}
	}
	return false;
}

#endif							/* PYRO_PACKED_ARRAY_H */
