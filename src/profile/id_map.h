/*
 * id_map.h
 *	  From the ids of a pprof file to indexes.
 */
#ifndef PYRO_ID_MAP_H
#define PYRO_ID_MAP_H

#include "stack/allocator.h"
#include "stack/sequence_entry.h"

/* Ids are usually 1..n: a table then, else a sorted list. */
typedef struct IdMap
{
	uint32	   *table;			/* [id]: index + 1, or 0; NULL when sparse */
	uint64		max_id;
	SequenceEntry *entries;		/* ids as symbols, indexes as items; sorted */
	size_t		nentries;
} IdMap;

typedef enum IdMapResult
{
	ID_MAP_OK,
	ID_MAP_ZERO,				/* an id is 0 */
	ID_MAP_REPEATED,			/* two have the same id */
	ID_MAP_NO_MEMORY
} IdMapResult;

extern IdMapResult id_map_build(IdMap *map, const Allocator *allocator,
								const void *items, size_t n,
								size_t item_size, uint64 *offending);
extern uint32 id_map_find_sparse(const IdMap *map, uint64 id);

/* The index + 1 of an id, or 0 when there is no such id. */
static inline uint32
id_map_find(const IdMap *map, uint64 id)
{
	if (likely(map->table != NULL))
		return id <= map->max_id ? map->table[id] : 0;
	return id_map_find_sparse(map, id);
}

#endif							/* PYRO_ID_MAP_H */
