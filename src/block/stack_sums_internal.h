/*
 * stack_sums_internal.h
 *	  What the writer and the reader of stack_sums.h share; nobody else
 *	  includes it.
 */
#ifndef PYRO_STACK_SUMS_INTERNAL_H
#define PYRO_STACK_SUMS_INTERNAL_H

/* What a list has of a type; on disk. */
#define SUMS_PLAIN		0
#define SUMS_UNKNOWN	1
#define SUMS_MULTIPLE	2		/* of the type so many more */

/* Forms of nodes and values; on disk. */
#define SUMS_PACKED		0
#define SUMS_BLOCKS		1
#define SUMS_SIGNED		2		/* or it: values are zigzag coded */

#endif							/* PYRO_STACK_SUMS_INTERNAL_H */
