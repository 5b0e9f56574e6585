/*
 * stack_signature.h
 *	  A few numbers that tell how much the stacks of rows have in common.
 *
 * They are a count sketch (Charikar, Chen, Farach-Colton, 2002) of the callers
 * and callees that samples end in: each pair adds 1 or -1 to one of the counts,
 * so that the cosine of two signatures is about that of how often each pair
 * occurs.  Pairs that are frequent decide; how many rows there are does not
 * matter, nor do pairs that occur once.
 */
#ifndef PYRO_STACK_SIGNATURE_H
#define PYRO_STACK_SIGNATURE_H

#include "block/stack_block.h"

#define STACK_SIGNATURE_COUNTS	64

/* Of one row; what does not fit is cut off. */
typedef struct StackSignature
{
	int16		counts[STACK_SIGNATURE_COUNTS];
} StackSignature;

/* Of many. */
typedef struct StackSignatureSum
{
	int64		counts[STACK_SIGNATURE_COUNTS];
} StackSignatureSum;

/*
 * Add the samples of a row of a block.
 *
 * Returns false with PYRO_CORRUPT or PYRO_NO_MEMORY.
 */
extern bool stack_block_sign(StackBlock *block, uint32 row, StackSignature *signature,
							 PyroError *error);

extern void stack_signature_add(StackSignatureSum *sum, const StackSignature *signature);

/*
 * How much rows have in common, from 0 (or a little less) to 1; 1 where there
 * are none.
 */
extern double stack_signature_likeness(const StackSignatureSum *a, const StackSignatureSum *b);

#endif							/* PYRO_STACK_SIGNATURE_H */
