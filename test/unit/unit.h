/*
 * unit.h
 *	  What unit tests share: TAP lines, and an allocator that watches.
 *
 * Each test program includes this once, after postgres_fe.h.  It prints
 * "ok N - name" or "not ok N - name" as it goes and the plan at the end.
 */
#ifndef PYRO_UNIT_H
#define PYRO_UNIT_H

#include <time.h>

#include "stack/allocator.h"

static int	unit_count = 0;
static int	unit_failures = 0;

/* Report one test; `name` is a format. */
static inline bool
pg_attribute_printf(2, 3)
unit_ok(bool passed, const char *name,...)
{
	va_list		arguments;

	unit_count++;
	if (!passed)
		unit_failures++;
	printf("%s %d - ", passed ? "ok" : "not ok", unit_count);
	va_start(arguments, name);
	vprintf(name, arguments);
	va_end(arguments);
	printf("\n");
	fflush(stdout);
	return passed;
}

/* Explain a failure. */
static inline void
pg_attribute_printf(1, 2)
unit_note(const char *text,...)
{
	va_list		arguments;

	printf("# ");
	va_start(arguments, text);
	vprintf(text, arguments);
	va_end(arguments);
	printf("\n");
	fflush(stdout);
}

static inline void
unit_skip(const char *name, const char *reason)
{
	unit_count++;
	printf("ok %d - %s # skip %s\n", unit_count, name, reason);
	fflush(stdout);
}

/* Print the plan; the result is the exit status of the program. */
static inline int
unit_finish(void)
{
	printf("1..%d\n", unit_count);
	return unit_failures > 0;
}

/* Processor time of this process in seconds, for bounds on hostile input. */
static inline double
unit_seconds(void)
{
	return (double) clock() / CLOCKS_PER_SEC;
}

/* ---- memory ---- */

typedef struct UnitBlock
{
	struct UnitBlock *next;
	struct UnitBlock *previous;
	size_t		size;
	uint64		guard;			/* keeps the block behind it aligned to 16 */
} UnitBlock;

#define UNIT_BLOCK_GUARD	UINT64CONST(0x5AFEB10C5AFEB10C)

/*
 * Memory of one test.  It does not move: the allocator points to it.  Each
 * block is malloc'd by itself, so that AddressSanitizer sees every overrun.
 */
typedef struct UnitMemory
{
	Allocator	allocator;
	UnitBlock	blocks;			/* ring of what is not released */
	uint64		nallocations;
	uint64		fail_at;		/* this allocation fails, and all behind it;
								 * 0: none */
	uint64		nfailures;
	size_t		live_bytes;
	size_t		peak_bytes;
	size_t		max_bytes;		/* more at a time than this fails; 0: none */
} UnitMemory;

static inline void *
unit_allocate(void *owner, size_t size)
{
	UnitMemory *memory = owner;
	UnitBlock  *block = NULL;

	memory->nallocations++;
	if ((memory->fail_at == 0 || memory->nallocations < memory->fail_at) &&
		(memory->max_bytes == 0 ||
		 size <= memory->max_bytes - Min(memory->live_bytes, memory->max_bytes)))
		block = malloc(sizeof(UnitBlock) + size);
	if (block == NULL)
	{
		memory->nfailures++;
		return NULL;
	}
	block->size = size;
	block->guard = UNIT_BLOCK_GUARD;
	block->next = memory->blocks.next;
	block->previous = &memory->blocks;
	block->next->previous = block;
	memory->blocks.next = block;
	memory->live_bytes += size;
	memory->peak_bytes = Max(memory->peak_bytes, memory->live_bytes);
	return block + 1;
}

static inline void
unit_release(void *owner, void *pointer)
{
	UnitMemory *memory = owner;
	UnitBlock  *block = (UnitBlock *) pointer - 1;

	if (block->guard != UNIT_BLOCK_GUARD)
	{
		fprintf(stderr, "release of a block that is not ours, or its head is overwritten\n");
		abort();
	}
	block->guard = 0;
	block->previous->next = block->next;
	block->next->previous = block->previous;
	memory->live_bytes -= block->size;
	free(block);
}

static inline void
unit_memory_init(UnitMemory *memory)
{
	memset(memory, 0, sizeof(*memory));
	memory->allocator = (Allocator)
	{
		unit_allocate, unit_release, memory, NULL
	};
	memory->blocks.next = memory->blocks.previous = &memory->blocks;
}

/* Free all blocks and count from zero again. */
static inline void
unit_memory_free(UnitMemory *memory)
{
	while (memory->blocks.next != &memory->blocks)
		unit_release(memory, memory->blocks.next + 1);
	unit_memory_init(memory);
}

/* ---- random numbers ---- */

/* xorshift64*, so that a seed gives the same numbers everywhere. */
typedef struct UnitRandom
{
	uint64		state;
} UnitRandom;

static inline uint64
unit_random(UnitRandom *random)
{
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return random->state * UINT64CONST(0x2545F4914F6CDD1D);
}

static inline UnitRandom
unit_random_seed(uint64 seed)
{
	UnitRandom	random = {seed * UINT64CONST(0x9E3779B97F4A7C15) + 1};

	for (int i = 0; i < 8; i++)
		unit_random(&random);
	return random;
}

/* 0 <= result < n */
static inline uint32
unit_below(UnitRandom *random, uint32 n)
{
	return (uint32) ((unit_random(random) >> 32) * n >> 32);
}

static inline bool
unit_chance(UnitRandom *random, uint32 percent)
{
	return unit_below(random, 100) < percent;
}

#endif							/* PYRO_UNIT_H */
