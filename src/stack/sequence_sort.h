/*
 * sequence_sort.h
 *	  Template: sort items by sequences of 64-bit symbols.
 *
 * Strings, functions, locations, label sets and stacks all have to stand in
 * one canonical order.  Each is a sequence of symbols: a string of chunks of
 * bytes, a stack of locations from the root, and so on.  Multikey quicksort
 * (Bentley & Sedgewick, "Fast algorithms for sorting and searching strings",
 * 1997) looks at every symbol of a common prefix once per item instead of
 * once per comparison; the present symbol of an item stands beside it.
 *
 * Parameters, undefined again at the end:
 *
 * SEQUENCE_SORT		name of the function to define
 * SEQUENCE_CONTEXT		type of the first argument of the two below
 * SEQUENCE_SYMBOL(context, item, position)
 *		the symbol at a position, 0 upward
 * SEQUENCE_LAST(context, item, position)
 *		true when that symbol ends the sequence.  Of two items whose symbols
 *		agree up to a position, either both or none end there.
 *
 * The function sorts items[0..n) and sets same[i] where items[i] equals
 * items[i - 1] as a whole.  entries is scratch for 2 * n elements.
 *
 * Where the first symbols differ in few bytes, as ranks do, a radix sort
 * comes first, which has no branches to mispredict.
 *
 * Time: O(all symbols + n log n) on ordinary input.  Partitions that go badly
 * too often are finished by heap sort, so that no input makes it quadratic;
 * recursion takes the smaller partitions only, so its depth is at most
 * log2(n).
 */

#include "stack/sequence_entry.h"

#define SEQUENCE_JOIN2(a, b) a##_##b
#define SEQUENCE_JOIN(a, b) SEQUENCE_JOIN2(a, b)
#define SEQUENCE_COMPARE SEQUENCE_JOIN(SEQUENCE_SORT, compare)
#define SEQUENCE_RANGE SEQUENCE_JOIN(SEQUENCE_SORT, range)
#define SEQUENCE_LEVEL SEQUENCE_JOIN(SEQUENCE_SORT, level)
#define SEQUENCE_RUNS SEQUENCE_JOIN(SEQUENCE_SORT, runs)

/* Compare two items that agree on their present symbol at a position. */
static int
SEQUENCE_COMPARE(SEQUENCE_CONTEXT context, uint32 a, uint32 b,
				 uint32 position)
{
	while (!SEQUENCE_LAST(context, a, position))
	{
		uint64		symbol_a;
		uint64		symbol_b;

		position++;
		symbol_a = SEQUENCE_SYMBOL(context, a, position);
		symbol_b = SEQUENCE_SYMBOL(context, b, position);
		if (symbol_a != symbol_b)
			return symbol_a < symbol_b ? -1 : 1;
	}
	return 0;
}

/* Insertion sort of a small range whose symbols at a position are loaded. */
static void
SEQUENCE_LEVEL(SEQUENCE_CONTEXT context, SequenceEntry *entries, bool *same,
			   size_t n, uint32 position)
{
	for (size_t i = 1; i < n; i++)
	{
		SequenceEntry moved = entries[i];
		size_t		j = i;

		for (; j > 0; j--)
		{
			SequenceEntry *before = &entries[j - 1];

			if (before->symbol < moved.symbol)
				break;
			if (before->symbol == moved.symbol &&
				SEQUENCE_COMPARE(context, before->item, moved.item,
								 position) <= 0)
				break;
			entries[j] = *before;
		}
		entries[j] = moved;
	}
	for (size_t i = 1; i < n; i++)
		same[i] = entries[i - 1].symbol == entries[i].symbol &&
			SEQUENCE_COMPARE(context, entries[i - 1].item, entries[i].item,
							 position) == 0;
}

/*
 * Sort a range whose symbols at a position are loaded.  same[0] belongs to
 * the range before and stays false.
 */
static void
SEQUENCE_RANGE(SEQUENCE_CONTEXT context, SequenceEntry *entries, bool *same,
			   size_t n, uint32 position)
{
	int			budget = 0;

	for (size_t rest = n; rest > 0; rest >>= 1)
		budget += 2;
	while (n > 1)
	{
		size_t		less = 0;	/* [0, less) below the pivot */
		size_t		greater = n;	/* [greater, n) above it */
		size_t		i = 0;
		uint64		pivot;

		if (n <= 12)
		{
			SEQUENCE_LEVEL(context, entries, same, n, position);
			return;
		}
		if (budget-- <= 0)
			sequence_heap_sort(entries, n);
		pivot = sequence_median(entries[0].symbol, entries[n / 2].symbol,
								entries[n - 1].symbol);
		while (i < greater)
		{
			if (entries[i].symbol < pivot)
				sequence_swap(&entries[less++], &entries[i++]);
			else if (entries[i].symbol > pivot)
				sequence_swap(&entries[i], &entries[--greater]);
			else
				i++;
		}

		/* recurse into the two smaller parts, go on with the largest */
		{
			size_t		equal = greater - less;
			size_t		above = n - greater;
			bool		ended = SEQUENCE_LAST(context, entries[less].item,
											  position);

			if (ended)
				for (i = less + 1; i < greater; i++)
					same[i] = true;
			else
				for (i = less; i < greater; i++)
					entries[i].symbol = SEQUENCE_SYMBOL(context,
														entries[i].item,
														position + 1);
			if (!ended && equal >= less && equal >= above)
			{
				SEQUENCE_RANGE(context, entries, same, less, position);
				SEQUENCE_RANGE(context, entries + greater, same + greater,
							   above, position);
				entries += less;
				same += less;
				n = equal;
				position++;
				budget = 0;
				for (size_t rest = n; rest > 0; rest >>= 1)
					budget += 2;
				continue;
			}
			if (!ended)
				SEQUENCE_RANGE(context, entries + less, same + less, equal,
							   position + 1);
			if (less >= above)
			{
				SEQUENCE_RANGE(context, entries + greater, same + greater,
							   above, position);
				n = less;
			}
			else
			{
				SEQUENCE_RANGE(context, entries, same, less, position);
				entries += greater;
				same += greater;
				n = above;
			}
		}
	}
}

/* Sort the runs of equal first symbols by what follows. */
static void
SEQUENCE_RUNS(SEQUENCE_CONTEXT context, SequenceEntry *entries, bool *same,
			  size_t n)
{
	size_t		end;

	for (size_t start = 0; start < n; start = end)
	{
		uint64		symbol = entries[start].symbol;

		for (end = start + 1; end < n && entries[end].symbol == symbol; end++)
			;
		if (end - start == 1)
			continue;
		if (SEQUENCE_LAST(context, entries[start].item, 0))
		{
			memset(same + start + 1, true, (end - start - 1) * sizeof(bool));
			continue;
		}
		for (size_t i = start; i < end; i++)
			entries[i].symbol = SEQUENCE_SYMBOL(context, entries[i].item, 1);
		SEQUENCE_RANGE(context, entries + start, same + start, end - start, 1);
	}
}

static void
SEQUENCE_SORT(SEQUENCE_CONTEXT context, SequenceEntry *entries, uint32 *items,
			  bool *same, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		entries[i].item = items[i];
		entries[i].symbol = SEQUENCE_SYMBOL(context, items[i], 0);
	}
	memset(same, 0, n * sizeof(bool));
	if (sequence_radix_sort(entries, entries + n, n))
		SEQUENCE_RUNS(context, entries, same, n);
	else
		SEQUENCE_RANGE(context, entries, same, n, 0);
	for (size_t i = 0; i < n; i++)
		items[i] = entries[i].item;
}

#undef SEQUENCE_JOIN2
#undef SEQUENCE_JOIN
#undef SEQUENCE_COMPARE
#undef SEQUENCE_RANGE
#undef SEQUENCE_LEVEL
#undef SEQUENCE_RUNS
#undef SEQUENCE_SORT
#undef SEQUENCE_CONTEXT
#undef SEQUENCE_SYMBOL
#undef SEQUENCE_LAST
