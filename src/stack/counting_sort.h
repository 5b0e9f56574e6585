/*
 * counting_sort.h
 *	  Sort items by small numbers.
 */
#ifndef PYRO_COUNTING_SORT_H
#define PYRO_COUNTING_SORT_H

/*
 * List n items by a number below nnumbers that each has, those of equal
 * number in the order of `from` (NULL: 0 upward).
 *
 * Items of number k become list[start[k]] to list[start[k + 1]]; start has
 * nnumbers + 1 elements.
 */
static inline void
counting_sort(const uint32 *number, uint32 nnumbers, const uint32 *from,
			  uint32 n, uint32 *start, uint32 *list)
{
	uint32		sum = 0;

	memset(start, 0, ((size_t) nnumbers + 1) * sizeof(uint32));
	for (uint32 item = 0; item < n; item++)
		start[number[from != NULL ? from[item] : item]]++;
	for (uint32 k = 0; k < nnumbers; k++)
	{
		uint32		count = start[k];

		start[k] = sum;
		sum += count;
	}
	for (uint32 i = 0; i < n; i++)
	{
		uint32		item = from != NULL ? from[i] : i;

		list[start[number[item]]++] = item;
	}
	/* each is now where the next one begins */
	memmove(start + 1, start, (size_t) nnumbers * sizeof(uint32));
	start[0] = 0;
}

#endif							/* PYRO_COUNTING_SORT_H */
