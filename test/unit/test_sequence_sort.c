/*
 * test_sequence_sort.c
 *	  The sort template orders as qsort does, and no input makes it slow.
 */
#include "postgres_fe.h"

#include "stack/sequence_entry.h"

#include "unit.h"

/* Sequences of symbols, one behind the other, each ended by its length. */
typedef struct Sequences
{
	uint64	   *symbols;
	uint32	   *start;			/* of each, and one behind the last */
	uint32		n;
	uint64		nreads;			/* symbols asked for */
} Sequences;

/* The symbol with a bit that says whether more follow. */
static inline uint64
get_symbol(Sequences *sequences, uint32 item, uint32 position)
{
	uint32		at = sequences->start[item] + position;

	sequences->nreads++;
	if (at >= sequences->start[item + 1])
		return 0;
	return sequences->symbols[at];
}

#define SEQUENCE_SORT sort_sequences
#define SEQUENCE_CONTEXT Sequences *
#define SEQUENCE_SYMBOL(context, item, position) \
	get_symbol(context, item, position)
#define SEQUENCE_LAST(context, item, position) \
	((context)->start[item] + (position) >= (context)->start[(item) + 1])
#include "stack/sequence_sort.h"

static const Sequences *compared;

static int
compare_items(const void *a, const void *b)
{
	uint32		item_a = *(const uint32 *) a;
	uint32		item_b = *(const uint32 *) b;
	uint32		at_a = compared->start[item_a];
	uint32		at_b = compared->start[item_b];
	uint32		end_a = compared->start[item_a + 1];
	uint32		end_b = compared->start[item_b + 1];

	for (; at_a < end_a && at_b < end_b; at_a++, at_b++)
		if (compared->symbols[at_a] != compared->symbols[at_b])
			return compared->symbols[at_a] < compared->symbols[at_b] ? -1 : 1;
	return (at_a < end_a) - (at_b < end_b);
}

/* Sort both ways; test the order, the flags and that no item is lost. */
static void
check_sort(const char *name, Sequences *sequences)
{
	uint32		n = sequences->n;
	uint32	   *items = malloc((n + 1) * sizeof(uint32));
	uint32	   *expected = malloc((n + 1) * sizeof(uint32));
	SequenceEntry *entries = malloc((2 * n + 1) * sizeof(SequenceEntry));
	bool	   *same = malloc((n + 1) * sizeof(bool));
	bool	   *seen = calloc(n + 1, sizeof(bool));
	uint32		nwrong = 0;
	double		started;
	double		seconds;

	for (uint32 i = 0; i < n; i++)
		items[i] = expected[i] = i;
	compared = sequences;
	qsort(expected, n, sizeof(uint32), compare_items);
	memset(same, 0x55, n);
	sequences->nreads = 0;
	started = unit_seconds();
	sort_sequences(sequences, entries, items, same, n);
	seconds = unit_seconds() - started;
	for (uint32 i = 0; i < n; i++)
	{
		bool		equal = i > 0 && compare_items(&items[i - 1], &items[i]) == 0;

		if (items[i] >= n || seen[items[i]] ||
			compare_items(&items[i], &expected[i]) != 0 || same[i] != equal)
			nwrong++;
		if (items[i] < n)
			seen[items[i]] = true;
	}
	unit_ok(nwrong == 0, "%s: %u items in order", name, n);
	if (n >= 1000)
	{
		unit_ok(seconds < 10, "%s: in time", name);
		unit_note("%.3f s, %.1f symbols an item", seconds,
				  (double) sequences->nreads / n);
	}
	free(items);
	free(expected);
	free(entries);
	free(same);
	free(seen);
}

static Sequences
new_sequences(uint32 n, uint32 nsymbols)
{
	Sequences	sequences = {
		.symbols = malloc((nsymbols + 1) * sizeof(uint64)),
		.start = malloc((n + 1) * sizeof(uint32)),
		.n = n
	};

	sequences.start[0] = 0;
	return sequences;
}

static void
free_sequences(Sequences *sequences)
{
	free(sequences->symbols);
	free(sequences->start);
}

/* Sequences of up to max_length symbols below `below`. */
static void
check_random(const char *name, uint64 seed, uint32 n, uint32 max_length,
			 uint32 below)
{
	UnitRandom	random = unit_random_seed(seed);
	Sequences	sequences = new_sequences(n, n * max_length);
	uint32		at = 0;

	for (uint32 i = 0; i < n; i++)
	{
		for (uint32 k = unit_below(&random, max_length + 1); k > 0; k--)
			sequences.symbols[at++] = below == 0 ? unit_random(&random) | 1 :
				1 + unit_below(&random, below);
		sequences.start[i + 1] = at;
	}
	check_sort(name, &sequences);
	free_sequences(&sequences);
}

/* One symbol an item, as a function of its place. */
static void
check_pattern(const char *name, uint32 n,
			  uint64 (*symbol) (uint32 i, uint32 n))
{
	Sequences	sequences = new_sequences(n, n);

	for (uint32 i = 0; i < n; i++)
	{
		sequences.symbols[i] = symbol(i, n);
		sequences.start[i + 1] = i + 1;
	}
	check_sort(name, &sequences);
	free_sequences(&sequences);
}

static uint64
ascending(uint32 i, uint32 n)
{
	return i + 1;
}

static uint64
descending(uint32 i, uint32 n)
{
	return n - i;
}

static uint64
all_equal(uint32 i, uint32 n)
{
	return 5;
}

static uint64
two_values(uint32 i, uint32 n)
{
	return 1 + i % 2;
}

static uint64
organ_pipe(uint32 i, uint32 n)
{
	return 1 + (i < n / 2 ? i : n - i);
}

static uint64
saw(uint32 i, uint32 n)
{
	return 1 + i % 1000;
}

static uint64
one_odd(uint32 i, uint32 n)
{
	return i == n / 3 ? 1 : PG_UINT64_MAX;
}

/*
 * Musser's sequence, bad for a median of the first, middle and last: the
 * small ones stand at the middle, so that each partition takes off two.
 */
static uint64
median_killer(uint32 i, uint32 n)
{
	uint32		half = n / 2;

	if (i < half)
		return i % 2 == 0 ? i + 1 : half + i + (half % 2 == 0 ? 0 : 1);
	return 2 * (i - half + 1);
}

/*
 * The order that makes this very quicksort slow (after McIlroy, "A killer
 * adversary for quicksort", 1999): replay its partitions over items whose
 * symbols are undecided, and make two candidates for the pivot the smallest
 * that are left, so that a partition takes off no more than those.
 *
 * nrounds partitions are spoiled; each costs time in proportion to n.
 */
static void
make_adversary(uint64 *symbols, uint32 n, uint32 nrounds)
{
	uint32	   *order = malloc(n * sizeof(uint32));
	uint32	   *range = order;
	uint64		next = 1;

	for (uint32 i = 0; i < n; i++)
	{
		order[i] = i;
		symbols[i] = PG_UINT64_MAX;
	}
	for (uint32 rest = n; rest > 12 && nrounds > 0; nrounds--)
	{
		uint32		greater = rest;
		uint32		less = 0;
		uint32		i = 0;
		uint64		pivot;

		symbols[range[0]] = next++;
		pivot = symbols[range[rest / 2]] = next++;
		while (i < greater)
		{
			uint32		held = range[i];
			uint32		other = symbols[held] < pivot ? less++ :
			symbols[held] > pivot ? --greater : i;

			i += symbols[held] <= pivot;
			if (other != i)
			{
				range[symbols[held] > pivot ? i : i - 1] = range[other];
				range[other] = held;
			}
		}
		range += greater;
		rest -= greater;
	}
	for (uint32 i = 0; i < n; i++)
		if (symbols[order[i]] == PG_UINT64_MAX)
			symbols[order[i]] = next++;
	free(order);
}

static void
check_adversary(uint32 n, uint32 nrounds)
{
	Sequences	sequences = new_sequences(n, n);

	make_adversary(sequences.symbols, n, nrounds);
	for (uint32 i = 0; i < n; i++)
		sequences.start[i + 1] = i + 1;
	check_sort("an order made against this quicksort", &sequences);
	free_sequences(&sequences);
}

/* n sequences with a common prefix; what differs stands at the end. */
static void
check_prefix(const char *name, uint32 n, uint32 prefix, bool differ)
{
	Sequences	sequences = new_sequences(n, n * (prefix + 1));
	uint32		at = 0;

	for (uint32 i = 0; i < n; i++)
	{
		for (uint32 k = 0; k < prefix; k++)
			sequences.symbols[at++] = 7;
		if (differ)
			sequences.symbols[at++] = 1 + (i * 2654435761U) % n;
		sequences.start[i + 1] = at;
	}
	check_sort(name, &sequences);
	free_sequences(&sequences);
}

/* Sequence i is i symbols long: each is a prefix of the next. */
static void
check_staircase(uint32 n)
{
	Sequences	sequences = new_sequences(n, n * n);
	uint32		at = 0;

	for (uint32 i = 0; i < n; i++)
	{
		for (uint32 k = 0; k < (i * 7919) % n; k++)
			sequences.symbols[at++] = 3;
		sequences.start[i + 1] = at;
	}
	check_sort("prefixes of each other", &sequences);
	free_sequences(&sequences);
}

/* Every arrangement of few items of few values. */
static void
check_all_small(void)
{
	uint32		nwrong = 0;

	for (uint32 n = 0; n <= 6; n++)
	{
		uint32		ncases = 1;

		for (uint32 i = 0; i < n; i++)
			ncases *= 4;
		for (uint32 code = 0; code < ncases; code++)
		{
			uint64		symbols[12];
			uint32		start[7] = {0};
			uint32		items[6];
			SequenceEntry entries[12];
			bool		same[6];
			uint32		rest = code;
			Sequences	sequences = {.symbols = symbols,.start = start,.n = n};
			uint32		at = 0;

			for (uint32 i = 0; i < n; i++, rest /= 4)
			{
				/* the sequences (), (1), (2) and (1, 1) */
				for (uint32 k = 0; k < (rest % 4 == 3 ? 2 : rest % 4 > 0); k++)
					symbols[at++] = rest % 4 == 2 ? 2 : 1;
				start[i + 1] = at;
				items[i] = i;
			}
			sort_sequences(&sequences, entries, items, same, n);
			compared = &sequences;
			for (uint32 i = 1; i < n; i++)
			{
				int			order = compare_items(&items[i - 1], &items[i]);

				if (order > 0 || same[i] != (order == 0))
					nwrong++;
			}
			if (n > 0 && same[0])
				nwrong++;
		}
	}
	unit_ok(nwrong == 0, "all arrangements of up to 6 short sequences");
}

int
main(void)
{
	check_all_small();
	for (uint32 seed = 1; seed <= 200; seed++)
	{
		UnitRandom	random = unit_random_seed(seed);

		check_random("random sequences", seed, unit_below(&random, 300),
					 1 + unit_below(&random, 6), 1 + unit_below(&random, 4));
	}
	for (uint32 n = 60; n < 70; n++)
	{
		check_random("around the least for radix sort", n, n, 4, 300);
		check_random("around the least for radix sort", n, n, 3, 0);
		check_random("around the least for radix sort", n, n, 2, 70000);
	}
	check_random("many short ones", 1, 200000, 4, 3);
	check_random("many ranks", 4, 200000, 3, 100000);
	check_random("many different ones", 2, 200000, 3, 0);
	check_random("few long ones", 3, 50, 20000, 2);
	check_pattern("ascending", 300000, ascending);
	check_pattern("descending", 300000, descending);
	check_pattern("all equal", 300000, all_equal);
	check_pattern("two values", 300000, two_values);
	check_pattern("organ pipe", 300000, organ_pipe);
	check_pattern("saw", 300000, saw);
	check_pattern("one odd", 300000, one_odd);
	check_pattern("median killer", 300000, median_killer);
	check_adversary(300000, 200);
	check_adversary(10000, 10000);
	check_prefix("a long common prefix", 2000, 2000, true);
	check_prefix("long and all equal", 2000, 2000, false);
	check_prefix("twelve very long ones", 12, 1000000, true);
	check_staircase(1500);
	return unit_finish();
}
