/*
 * seal_dictionary.c
 *	  From the order of arrival to the canonical one.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/seal_dictionary.h"

/* Array of n elements from the allocator, or NULL with the error set. */
void *
seal_array(Sealer *s, size_t n, size_t element_size)
{
	return allocate_or_fail(s->allocator, n, element_size, s->error);
}

void
seal_release(Sealer *s, void *array)
{
	s->allocator->release(s->allocator->owner, array);
}

/*
 * Scratch for sorting, with the elements that are needed as its items: those
 * of n whose rank is not UNUSED.
 */
bool
seal_collect(Sealer *s, SequenceScratch *scratch, const uint32 *rank,
			 size_t n, uint32 *nitems)
{
	uint32		needed = 0;
	uint32		place = 0;

	for (size_t i = 0; i < n; i++)
		needed += rank[i] != UNUSED;
	if (!sequence_scratch_init(scratch, needed, s->allocator, s->error))
		return false;
	for (size_t i = 0; i < n; i++)
		if (rank[i] != UNUSED)
			scratch->items[place++] = i;
	*nitems = needed;
	return true;
}

/* Number the sorted items, which all differ, and let the scratch go. */
void
seal_rank(Sealer *s, SequenceScratch *scratch, uint32 *rank, uint32 nitems)
{
	for (uint32 i = 0; i < nitems; i++)
		rank[scratch->items[i]] = i;
	seal_release(s, scratch->entries);
	seal_release(s, scratch->items);
	seal_release(s, scratch->same);
}

static uint32 *
unused_ranks(Sealer *s, size_t n)
{
	uint32	   *rank = seal_array(s, n, sizeof(uint32));

	if (rank != NULL)
		memset(rank, 0xFF, n * sizeof(uint32));
	return rank;
}

static bool
allocate_ranks(Sealer *s)
{
	const OpenDictionary *open = s->open;

	s->map->string = unused_ranks(s, open->strings.n);
	s->map->mapping = unused_ranks(s, open->mappings.n);
	s->map->function = unused_ranks(s, open->functions.n);
	s->map->location = unused_ranks(s, open->locations.n);
	s->map->node = unused_ranks(s, open->nodes.n);
	s->map->label_set = unused_ranks(s, open->set_ends.n);
	s->key_map = unused_ranks(s, open->keys.n);
	return s->map->string != NULL && s->map->mapping != NULL &&
		s->map->function != NULL && s->map->location != NULL &&
		s->map->node != NULL && s->map->label_set != NULL &&
		s->key_map != NULL;
}

/* ---- what needs what ---- */

/* Keys that rows use need nodes up to the root, and label sets. */
static void
mark_from_keys(Sealer *s)
{
	const OpenDictionary *open = s->open;

	s->map->node[0] = 0;
	s->map->label_set[0] = 0;
	for (size_t i = 0; i < open->keys.n; i++)
	{
		const OpenKey *key = &open->keys.items[i];

		allocator_poll(s->allocator, i);
		if (s->key_count[i] == 0)
			continue;
		s->map->label_set[key->label_set] = 0;
		for (uint32 node = key->node; s->map->node[node] == UNUSED;
			 node = open->nodes.items[node].parent)
			s->map->node[node] = 0;
	}
}

static void
mark_frames(Sealer *s)
{
	const OpenDictionary *open = s->open;

	for (size_t i = 1; i < open->nodes.n; i++)
		if (s->map->node[i] != UNUSED)
			s->map->location[open->nodes.items[i].location] = 0;
	for (size_t i = 0; i < open->locations.n; i++)
	{
		const StackLocation *location = &open->locations.items[i];

		if (s->map->location[i] == UNUSED)
			continue;
		if (location->mapping != 0)
			s->map->mapping[location->mapping - 1] = 0;
		for (uint32 k = 0; k < location->nlines; k++)
		{
			uint32		function = open->lines.items[location->line_start + k].function;

			if (function != 0)
				s->map->function[function - 1] = 0;
		}
	}
}

static void
mark_strings(Sealer *s)
{
	const OpenDictionary *open = s->open;
	uint32	   *string = s->map->string;

	string[0] = 0;
	for (size_t i = 0; i < open->strings.n; i++)
		if (open->strings.items[i].is_kept)
			string[i] = 0;
	for (size_t i = 0; i < open->mappings.n; i++)
		if (open->mappings.items[i].is_kept || s->map->mapping[i] != UNUSED)
		{
			s->map->mapping[i] = 0;
			string[open->mappings.items[i].mapping.filename] = 0;
			string[open->mappings.items[i].mapping.build_id] = 0;
		}
	for (size_t i = 0; i < open->functions.n; i++)
		if (s->map->function[i] != UNUSED)
		{
			string[open->functions.items[i].name] = 0;
			string[open->functions.items[i].system_name] = 0;
			string[open->functions.items[i].filename] = 0;
		}
	for (size_t i = 1; i < open->set_ends.n; i++)
		for (uint32 k = open_label_set_start(open, i);
			 s->map->label_set[i] != UNUSED && k < open->set_ends.items[i];
			 k++)
		{
			string[open->labels.items[k].key] = 0;
			string[open->labels.items[k].string] = 0;
			string[open->labels.items[k].unit] = 0;
		}
}

/*
 * Put what has come in into canonical order.
 *
 * key_count: how often rows use each key.  Keys that none uses are left out,
 * and so is all that only they need; strings and mappings that were kept
 * stay.  The others are numbered so that frequent ones are small: by
 * floor(log2(count)) descending, then by node and label set.
 *
 * *map and *key_map tell where the elements are, PG_UINT32_MAX where they
 * were left out.  All arrays come from the allocator; the strings' bytes stay
 * those of the open dictionary, which must outlive them and is not changed.
 * Returns false with PYRO_NO_MEMORY.
 */
bool
open_dictionary_seal(OpenDictionary *dictionary, const uint32 *key_count,
					 const Allocator *allocator, SealedDictionary *sealed,
					 DictionaryMap *map, uint32 **key_map, PyroError *error)
{
	Sealer		s = {
		.open = dictionary,.key_count = key_count,.sealed = sealed,
		.map = map,.allocator = allocator,.error = error
	};

	memset(sealed, 0, sizeof(*sealed));
	if (!allocate_ranks(&s))
		return false;
	*key_map = s.key_map;
	mark_from_keys(&s);
	mark_frames(&s);
	mark_strings(&s);
	return seal_strings(&s) && seal_mappings(&s) && seal_functions(&s) &&
		seal_locations(&s) && seal_label_sets(&s) && seal_nodes(&s) &&
		seal_keys(&s);
}
