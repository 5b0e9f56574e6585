/*
 * test_id_map.c
 *	  Ids of any kind are found again, and no choice of them makes that slow.
 */
#include "postgres_fe.h"

#include "profile/id_map.h"

#include "unit.h"

static UnitMemory memory;

static void
check_ids(const char *name, const uint64 *ids, uint32 n)
{
	IdMap		map;
	uint64		offending = 0;
	uint32		nwrong = 0;
	double		started = unit_seconds();
	IdMapResult result = id_map_build(&map, &memory.allocator, ids, n,
									  sizeof(uint64), &offending);
	double		seconds = unit_seconds() - started;

	unit_ok(result == ID_MAP_OK, "%s: a map of %u ids is built", name, n);
	if (result == ID_MAP_OK)
		for (uint32 i = 0; i < n; i++)
			nwrong += id_map_find(&map, ids[i]) != i + 1;
	nwrong += id_map_find(&map, 0) != 0;
	nwrong += id_map_find(&map, PG_UINT64_MAX) != 0 &&
		ids[id_map_find(&map, PG_UINT64_MAX) - 1] != PG_UINT64_MAX;
	nwrong += id_map_find(&map, 999999999) != 0;
	unit_ok(nwrong == 0, "%s: ids are found", name);
	if (n > 1000)
	{
		unit_ok(seconds < 0.3, "%s: the map is built in time", name);
		unit_note("%.3f s", seconds);
	}
	unit_memory_free(&memory);
}

static void
check_refused(const char *name, const uint64 *ids, uint32 n,
			  IdMapResult expected, uint64 expected_id)
{
	IdMap		map;
	uint64		offending = 0;

	unit_ok(id_map_build(&map, &memory.allocator, ids, n, sizeof(uint64),
						 &offending) == expected &&
			(expected_id == 0 || offending == expected_id), "%s", name);
	unit_memory_free(&memory);
}

/*
 * McIlroy's adversary ("A killer adversary for quicksort", 1999): the
 * comparison decides late which item is larger, so that every pivot turns out
 * to be one of the smallest.
 */
static uint64 *adversary_value;
static uint64 adversary_gas;
static uint64 adversary_next;
static uint32 adversary_candidate;

static int
adversary_compare(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	if (adversary_value[x] == adversary_gas &&
		adversary_value[y] == adversary_gas)
	{
		/* neighbours in order would end in the check for sorted input */
		if (x == adversary_candidate &&
			(const uint32 *) b != (const uint32 *) a + 1)
			adversary_value[x] = adversary_next++;
		else
			adversary_value[y] = adversary_next++;
	}
	if (adversary_value[x] == adversary_gas)
		adversary_candidate = x;
	else if (adversary_value[y] == adversary_gas)
		adversary_candidate = y;
	return adversary_value[x] < adversary_value[y] ? -1 :
		adversary_value[x] > adversary_value[y];
}

/* Sparse ids in the worst order for the qsort of this program. */
static void
check_adversary(uint32 n)
{
	uint32	   *items = malloc(n * sizeof(uint32));

	adversary_value = malloc(n * sizeof(uint64));
	adversary_gas = n;
	adversary_next = 1;
	adversary_candidate = PG_UINT32_MAX;
	for (uint32 i = 0; i < n; i++)
	{
		items[i] = i;
		adversary_value[i] = adversary_gas;
	}
	qsort(items, n, sizeof(uint32), adversary_compare);
	for (uint32 i = 0; i < n; i++)
		adversary_value[i] = (adversary_value[i] + 1) << 20;
	/* those left undecided are equal */
	for (uint32 i = 0; i < n; i++)
		if (adversary_value[i] == (adversary_gas + 1) << 20)
			adversary_value[i] += i;
	check_ids("the worst order for qsort", adversary_value, n);
	free(adversary_value);
	free(items);
}

int
main(void)
{
	static const uint64 steps[] = {1, 2, 4, 5, 1000, (uint64) 1 << 32,
	UINT64CONST(0x9E3779B97F4A7C15)};
	const uint32 n = 50000;
	uint64	   *ids = calloc(n, sizeof(uint64));

	unit_memory_init(&memory);
	check_ids("no ids", ids, 0);
	ids[0] = 1;
	check_ids("one", ids, 1);
	ids[0] = PG_UINT64_MAX;
	check_ids("the largest", ids, 1);
	ids[0] = 1028;				/* 4 * n + 1024: the last that is dense */
	check_ids("on the edge of dense", ids, 1);
	ids[0] = 1029;
	check_ids("on the edge of sparse", ids, 1);
	for (size_t k = 0; k < lengthof(steps); k++)
	{
		for (uint32 i = 0; i < n; i++)
			ids[i] = (i + 1) * steps[k];
		check_ids("ascending ids", ids, n);
		for (uint32 i = 0; i < n; i++)
			ids[i] = (n - i) * steps[k];
		check_ids("descending ids", ids, n);
	}
	check_adversary(n);
	check_refused("id 0 is refused", (uint64[]) {3, 0}, 2, ID_MAP_ZERO, 0);
	check_refused("a dense id twice is refused", (uint64[]) {3, 1, 3}, 3,
				  ID_MAP_REPEATED, 3);
	check_refused("a sparse id twice is refused",
				  (uint64[]) {PG_UINT64_MAX, 1, PG_UINT64_MAX}, 3,
				  ID_MAP_REPEATED, PG_UINT64_MAX);
	memory.fail_at = 1;
	check_refused("no memory is a failure", (uint64[]) {3, 1}, 2,
				  ID_MAP_NO_MEMORY, 0);
	free(ids);
	return unit_finish();
}
