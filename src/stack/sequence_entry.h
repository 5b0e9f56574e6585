/*
 * sequence_entry.h
 *	  What every instance of the template in sequence_sort.h shares.
 */
#ifndef PYRO_SEQUENCE_ENTRY_H
#define PYRO_SEQUENCE_ENTRY_H

#include "stack/allocator.h"

typedef struct SequenceEntry
{
	uint64		symbol;
	uint32		item;
} SequenceEntry;

/* What sorting n items needs. */
typedef struct SequenceScratch
{
	SequenceEntry *entries;		/* 2 * n */
	uint32	   *items;			/* 0 to n - 1 at first */
	bool	   *same;
} SequenceScratch;

/* Returns false with PYRO_NO_MEMORY. */
static inline bool
sequence_scratch_init(SequenceScratch *scratch, uint32 n,
					  const Allocator *allocator, PyroError *error)
{
	scratch->entries = allocate_array(allocator, 2 * (size_t) n,
									  sizeof(SequenceEntry));
	scratch->items = allocate_array(allocator, n, sizeof(uint32));
	scratch->same = allocate_array(allocator, n, sizeof(bool));
	if (scratch->entries == NULL || scratch->items == NULL ||
		scratch->same == NULL)
		return pyro_fail_memory(error);
	for (uint32 i = 0; i < n; i++)
		scratch->items[i] = i;
	return true;
}

/* Sort by the present symbol alone, in O(n log n) whatever the input. */
static inline void
sequence_heap_sort(SequenceEntry *entries, size_t n)
{
	for (size_t phase = n / 2 + n; phase-- > 1;)
	{
		size_t		end = phase < n ? phase : n;
		size_t		parent = phase < n ? 0 : phase - n;
		SequenceEntry moved;

		if (phase < n)
		{
			moved = entries[phase];
			entries[phase] = entries[0];
		}
		else
			moved = entries[parent];
		for (;;)
		{
			size_t		child = 2 * parent + 1;

			if (child >= end)
				break;
			if (child + 1 < end &&
				entries[child + 1].symbol > entries[child].symbol)
				child++;
			if (entries[child].symbol <= moved.symbol)
				break;
			entries[parent] = entries[child];
			parent = child;
		}
		entries[parent] = moved;
	}
}

/* Radix sort pays up to this many bytes that differ, from this many items. */
#define SEQUENCE_RADIX_MAX_BYTES	5
#define SEQUENCE_RADIX_MIN_ITEMS	64

/*
 * Sort by the present symbol with a radix sort over the bytes that differ,
 * the lowest first.  scratch is for n elements.  Returns false, with nothing
 * done, where that would not pay.
 */
static inline bool
sequence_radix_sort(SequenceEntry *entries, SequenceEntry *scratch, size_t n)
{
	SequenceEntry *from = entries;
	SequenceEntry *to = scratch;
	uint64		different = 0;
	int			nbytes = 0;

	if (n < SEQUENCE_RADIX_MIN_ITEMS)
		return false;
	for (size_t i = 1; i < n; i++)
		different |= entries[i].symbol ^ entries[0].symbol;
	for (int shift = 0; shift < 64; shift += 8)
		nbytes += ((different >> shift) & 0xFF) != 0;
	if (nbytes > SEQUENCE_RADIX_MAX_BYTES)
		return false;
	for (int shift = 0; shift < 64; shift += 8)
	{
		uint32		start[256] = {0};
		uint32		sum = 0;
		SequenceEntry *held = from;

		if (((different >> shift) & 0xFF) == 0)
			continue;
		for (size_t i = 0; i < n; i++)
			start[(from[i].symbol >> shift) & 0xFF]++;
		for (int i = 0; i < 256; i++)
		{
			uint32		count = start[i];

			start[i] = sum;
			sum += count;
		}
		for (size_t i = 0; i < n; i++)
			to[start[(from[i].symbol >> shift) & 0xFF]++] = from[i];
		from = to;
		to = held;
	}
	if (from != entries)
		memcpy(entries, from, n * sizeof(SequenceEntry));
	return true;
}

static inline void
sequence_swap(SequenceEntry *a, SequenceEntry *b)
{
	SequenceEntry held = *a;

	*a = *b;
	*b = held;
}

static inline uint64
sequence_median(uint64 a, uint64 b, uint64 c)
{
	if (a < b)
		return b < c ? b : (a < c ? c : a);
	return a < c ? a : (b < c ? c : b);
}

#endif							/* PYRO_SEQUENCE_ENTRY_H */
