/*
 * counting_sort.h
 *	  Sort by small numbers, in time linear in their count and their range.
 */
#ifndef PYRO_COUNTING_SORT_H
#define PYRO_COUNTING_SORT_H

/*
 * Order items by number[item], which is below nbuckets; those of one number
 * stay as they came.  start: scratch for nbuckets elements.
 */
static inline void
counting_sort(const uint32 *items, uint32 n, const uint32 *number,
			  uint32 *start, uint32 nbuckets, uint32 *sorted)
{
	uint32		sum = 0;

	memset(start, 0, (size_t) nbuckets * sizeof(uint32));
	for (uint32 i = 0; i < n; i++)
		start[number[items[i]]]++;
	for (uint32 b = 0; b < nbuckets; b++)
	{
		uint32		count = start[b];

		start[b] = sum;
		sum += count;
	}
	for (uint32 i = 0; i < n; i++)
		sorted[start[number[items[i]]]++] = items[i];
}

#endif							/* PYRO_COUNTING_SORT_H */
