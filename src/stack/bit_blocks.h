/*
 * bit_blocks.h
 *	  Arrays of small integers in blocks of 128, patched and bit-packed.
 *
 * Each block has a width of its own, that which takes the fewest bytes: the
 * low bits of all its numbers are packed at that width, and of those that
 * need more (the exceptions) the place and the high bits stand behind.
 *
 * A block is packed in four lanes of 32 bits, number i in lane i % 4, so that
 * a vector of 128 bits unpacks four at a time (after "Decoding billions of
 * integers per second through vectorization", D. Lemire and L. Boytsov, 2012;
 * patching as in "Super-scalar RAM-CPU cache compression", M. Zukowski et
 * al., 2006).  What is over full blocks is packed bit behind bit.
 *
 *	widths		[block] uint8: bits of a low part, and above them two bits of the
 *				code for the bits of a high part
 *	exceptions	[block] uint8: how many, and the other two bits of that code
 *	bodies		[block]: low parts, places (uint8), high parts (bit behind bit)
 */
#ifndef PYRO_BIT_BLOCKS_H
#define PYRO_BIT_BLOCKS_H

#include "stack/packed_array.h"

#define BIT_BLOCK_SIZE	128

typedef struct BitBlocks
{
	size_t		n;
	const uint8 *widths;
	const uint8 *exceptions;
	const uint8 *bodies;
	const uint8 *end;			/* of the readable bytes */
	uint32	   *body_start;		/* [full block], in bodies */
	uint32	   *rest;			/* the numbers over full blocks */
} BitBlocks;

extern size_t bit_blocks_size(const uint32 *numbers, size_t n);
extern void bit_blocks_write(TextBuffer *out, const uint32 *numbers,
							 size_t n);
extern bool bit_blocks_open(PackedReader *in, size_t n,
							const Allocator *allocator, BitBlocks *blocks,
							PyroError *error);
extern void bit_blocks_read(const BitBlocks *blocks, size_t start,
							size_t count, uint32 *numbers);

#endif							/* PYRO_BIT_BLOCKS_H */
