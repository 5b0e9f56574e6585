/*
 * stack_block_input.h
 *	  Bytes as a block of profiles: how many rows, the parts' lengths, the
 *	  parts.
 */
#ifndef PYRO_STACK_BLOCK_INPUT_H
#define PYRO_STACK_BLOCK_INPUT_H

#include "block/stack_block.h"

/* One byte for the rows, two for the length of each part, little-endian. */
#define INPUT_PARTS			(STACK_PART_END - STACK_HEADS)
#define STACK_BLOCK_HEAD	(1 + 2 * INPUT_PARTS)

#endif							/* PYRO_STACK_BLOCK_INPUT_H */
