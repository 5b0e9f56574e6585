/*
 * stack_sums.h
 */
#ifndef PYRO_STACK_SUMS_H
#define PYRO_STACK_SUMS_H

#include "profile/compression.h"
#include "stack/text_buffer.h"

/* Rows of a block that belong together. */
typedef struct StackRuns
{
	uint32		nruns;
	const uint32 *run_end;		/* [run]: the row behind its last one */
	const bool *ends_leading;	/* [run]: the next one has another leading key */
} StackRuns;

#endif							/* PYRO_STACK_SUMS_H */
