/*
 * sequence_entry.h
 *	  What every instance of the template in sequence_sort.h shares.
 */
#ifndef PYRO_SEQUENCE_ENTRY_H
#define PYRO_SEQUENCE_ENTRY_H

typedef struct SequenceEntry
{
	uint64		symbol;
	uint32		item;
} SequenceEntry;

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
