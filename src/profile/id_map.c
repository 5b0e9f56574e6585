/*
 * id_map.c
 *	  From the ids of a pprof file to indexes.
 *
 * Ids may be any 64-bit numbers and come from outside, so sparse ones are
 * sorted by a heap sort and searched: no choice of ids makes that slow, as it
 * would a hash table or a quicksort.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "profile/id_map.h"

/*
 * Build the map of an array of items that each begin with a uint64 id.
 *
 * items: n elements of item_size bytes.  The map's memory comes from the
 * allocator.  On ID_MAP_REPEATED *offending is an id that stands twice.
 */
IdMapResult
id_map_build(IdMap *map, const Allocator *allocator, const void *items,
			 size_t n, size_t item_size, uint64 *offending)
{
	const char *item = items;
	uint64		max_id = 0;

	memset(map, 0, sizeof(*map));
	for (size_t i = 0; i < n; i++)
	{
		uint64		id = *(const uint64 *) (item + i * item_size);

		if (id == 0)
			return ID_MAP_ZERO;
		max_id = Max(max_id, id);
	}
	map->max_id = max_id;
	if (max_id <= 4 * (uint64) n + 1024)
	{
		map->table = allocate_array(allocator, max_id + 1, sizeof(uint32));
		if (map->table == NULL)
			return ID_MAP_NO_MEMORY;
		memset(map->table, 0, (max_id + 1) * sizeof(uint32));
		for (size_t i = 0; i < n; i++)
		{
			*offending = *(const uint64 *) (item + i * item_size);
			if (map->table[*offending] != 0)
				return ID_MAP_REPEATED;
			map->table[*offending] = i + 1;
		}
		return ID_MAP_OK;
	}
	map->entries = allocate_array(allocator, n, sizeof(SequenceEntry));
	if (map->entries == NULL)
		return ID_MAP_NO_MEMORY;
	map->nentries = n;
	for (size_t i = 0; i < n; i++)
	{
		map->entries[i].symbol = *(const uint64 *) (item + i * item_size);
		map->entries[i].item = i;
	}
	sequence_heap_sort(map->entries, n);
	for (size_t i = 1; i < n; i++)
	{
		*offending = map->entries[i].symbol;
		if (map->entries[i - 1].symbol == *offending)
			return ID_MAP_REPEATED;
	}
	return ID_MAP_OK;
}

/*
 * Binary search in a sparse map: index + 1, or 0.
 */
uint32
id_map_find_sparse(const IdMap *map, uint64 id)
{
	size_t		low = 0;
	size_t		high = map->nentries;

	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;

		if (map->entries[middle].symbol < id)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < map->nentries && map->entries[low].symbol == id)
		return map->entries[low].item + 1;
	return 0;
}
