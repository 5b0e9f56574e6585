/*
 * open_dictionary.c
 *	  The dictionary of a block that is still being filled.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/open_dictionary.h"
#include "stack/hash.h"

#define STRING_CHUNK	((size_t) 64 * 1024)

/* One call of open_dictionary_add(). */
typedef struct Adding
{
	OpenDictionary *to;
	const StackDictionary *stacks;
	const LabelSets *label_sets;
	const Allocator *scratch;
	DictionaryMap *map;
	PyroError  *error;
} Adding;

/*
 * Where the index and what it leads to are not in the processor's cache, a
 * search waits for memory several times.  So elements are looked for in
 * batches: each step is taken for all of them before the next one, and what
 * the next one will read is asked for ahead of time.
 */
#define BATCH	64

#define FOR_BATCHES(a, n) \
	for (uint32 start = 0, end = Min(BATCH, n); start < end && poll_batch(a, start); \
		 start = end, end += Min(BATCH, (n) - end))

#define FOR_BATCH(i) \
	for (uint32 i = start; i < end; i++)

static inline bool
poll_batch(const Adding *a, uint32 start)
{
	allocator_poll(a->scratch, start);
	return true;
}

/* Go on with a hash over two more words. */
static inline uint64
hash_words(const OpenDictionary *d, uint64 hash, uint64 a, uint64 b)
{
	return hash_fold(a ^ d->seed ^ HASH_CONSTANT_2, b ^ hash);
}

/* The 32 bits that an index keeps. */
static inline uint32
hash_end(uint64 hash)
{
	return (uint32) hash_fold(hash ^ HASH_CONSTANT_1, HASH_CONSTANT_2);
}

static bool
make_room(OpenDictionary *d, void **items, size_t n, size_t *capacity,
		  size_t count, size_t element_size, HashIndex *index,
		  PyroError *error)
{
	if (count > d->max_elements || n > d->max_elements - count)
		return pyro_fail(error, PYRO_LIMIT,
						 "dictionary of a block would have more than %u elements of a kind",
						 d->max_elements);
	if (!grow_array(d->allocator, items, n, capacity, n + count,
					element_size) ||
		(index != NULL && !hash_index_reserve(index, d->allocator)))
		return pyro_fail_memory(error);
	return true;
}

/* Room for `count` more elements of an array without an index. */
#define ROOM_FOR(d, array, count, error) \
	make_room(d, (void **) &(array).items, (array).n, &(array).capacity, \
			  count, sizeof(*(array).items), NULL, error)

/* Room for one more element, in the array and in its index. */
#define ROOM_FOR_ONE(d, array, error) \
	make_room(d, (void **) &(array).items, (array).n, &(array).capacity, \
			  1, sizeof(*(array).items), &(array).index, error)

/* ---- strings ---- */

/* Copy a string's bytes; NULL when there is no memory. */
static const char *
keep_bytes(OpenDictionary *d, StringRef text)
{
	char	   *kept;

	if (text.length == 0)
		return "";
	if (text.length > d->chunk_left)
	{
		size_t		size = Max(STRING_CHUNK, text.length);
		char	   *chunk = allocate_array(d->allocator, size, 1);

		if (chunk == NULL)
			return NULL;
		d->string_bytes += size;
		/* a long one has a chunk of its own, and the last one goes on */
		if (size - text.length < d->chunk_left)
			return memcpy(chunk, text.data, text.length);
		d->chunk = chunk;
		d->chunk_left = size;
	}
	kept = memcpy(d->chunk, text.data, text.length);
	d->chunk += text.length;
	d->chunk_left -= text.length;
	return kept;
}

static inline uint32
hash_string(const OpenDictionary *d, StringRef string)
{
	return (uint32) hash_bytes64(string.data, string.length, d->seed);
}

/* The number of a string of this hash, which is copied when it is new. */
static bool
find_string(OpenDictionary *d, StringRef string, uint32 hash, uint32 *number,
			PyroError *error)
{
	const char *bytes;

	HASH_INDEX_FIND(&d->strings.index, hash, *number,
					string_ref_equal(d->strings.items[*number].text, string));
	if (*number != PG_UINT32_MAX)
		return true;
	if (!ROOM_FOR_ONE(d, d->strings, error))
		return false;
	bytes = keep_bytes(d, string);
	if (bytes == NULL)
		return pyro_fail_memory(error);
	*number = d->strings.n++;
	d->strings.items[*number] = (OpenString)
	{
		.text = string_ref(bytes, string.length)
	};
	hash_index_put(&d->strings.index, hash, *number);
	return true;
}

/*
 * The number of a string in the open dictionary, into which it is copied when
 * it is new.  Returns false with PYRO_LIMIT or PYRO_NO_MEMORY.
 */
bool
open_dictionary_string(OpenDictionary *dictionary, StringRef string,
					   uint32 *number, PyroError *error)
{
	return find_string(dictionary, string, hash_string(dictionary, string),
					   number, error);
}

/* Sealing keeps this string even where nothing of the dictionary needs it. */
void
open_dictionary_keep_string(OpenDictionary *dictionary, uint32 string)
{
	dictionary->strings.items[string].is_kept = true;
}

/* The same of a mapping. */
void
open_dictionary_keep_mapping(OpenDictionary *dictionary, uint32 mapping)
{
	dictionary->mappings.items[mapping].is_kept = true;
}

static bool
add_strings(Adding *a)
{
	OpenDictionary *d = a->to;
	const StringRef *strings = a->stacks->strings;
	uint32	   *map = a->map->string;
	uint32		hashes[BATCH];

	FOR_BATCHES(a, a->stacks->nstrings)
	{
		FOR_BATCH(i)
		{
			hashes[i - start] = hash_string(d, strings[i]);
			hash_index_prefetch(&d->strings.index, hashes[i - start]);
		}
		FOR_BATCH(i)
		{
			map[i] = hash_index_peek(&d->strings.index, hashes[i - start]);
			__builtin_prefetch(&d->strings.items[map[i]]);
		}
		FOR_BATCH(i)
			__builtin_prefetch(d->strings.items[map[i]].text.data);
		FOR_BATCH(i)
			if (!find_string(d, strings[i], hashes[i - start], &map[i], a->error))
			return false;
	}
	return true;
}

/* ---- mappings ---- */

static inline bool
same_mapping(const StackMapping *a, const StackMapping *b)
{
	return a->memory_start == b->memory_start &&
		a->memory_limit == b->memory_limit &&
		a->file_offset == b->file_offset && a->filename == b->filename &&
		a->build_id == b->build_id && a->flags == b->flags;
}

static bool
add_mappings(Adding *a)
{
	OpenDictionary *d = a->to;

	for (uint32 i = 0; i < a->stacks->nmappings; i++)
	{
		StackMapping mapping = a->stacks->mappings[i];
		uint64		hash = d->seed;
		uint32		found;

		allocator_poll(a->scratch, i);
		mapping.filename = a->map->string[mapping.filename];
		mapping.build_id = a->map->string[mapping.build_id];
		hash = hash_words(d, hash, mapping.memory_start, mapping.memory_limit);
		hash = hash_words(d, hash, mapping.file_offset, mapping.flags);
		hash = hash_words(d, hash, mapping.filename, mapping.build_id);
		hash = hash_end(hash);
		HASH_INDEX_FIND(&d->mappings.index, (uint32) hash, found,
						same_mapping(&d->mappings.items[found].mapping, &mapping));
		if (found == PG_UINT32_MAX)
		{
			if (!ROOM_FOR_ONE(d, d->mappings, a->error))
				return false;
			found = d->mappings.n++;
			d->mappings.items[found] = (OpenMapping)
			{
				.mapping = mapping
			};
			hash_index_put(&d->mappings.index, hash, found);
		}
		a->map->mapping[i] = found;
	}
	return true;
}

/* ---- functions ---- */

static inline bool
same_function(const StackFunction *a, const StackFunction *b)
{
	return a->name == b->name && a->system_name == b->system_name &&
		a->filename == b->filename && a->start_line == b->start_line;
}

static inline uint32
hash_function(const OpenDictionary *d, const StackFunction *function)
{
	uint64		hash = hash_words(d, d->seed, function->name,
								  function->system_name);

	return hash_end(hash_words(d, hash, function->filename,
							   (uint64) function->start_line));
}

static bool
find_function(OpenDictionary *d, const StackFunction *function, uint32 hash,
			  uint32 *number, PyroError *error)
{
	HASH_INDEX_FIND(&d->functions.index, hash, *number,
					same_function(&d->functions.items[*number], function));
	if (*number != PG_UINT32_MAX)
		return true;
	if (!ROOM_FOR_ONE(d, d->functions, error))
		return false;
	*number = d->functions.n++;
	d->functions.items[*number] = *function;
	hash_index_put(&d->functions.index, hash, *number);
	return true;
}

static bool
add_functions(Adding *a)
{
	OpenDictionary *d = a->to;
	const uint32 *string = a->map->string;
	StackFunction functions[BATCH];
	uint32		hashes[BATCH];

	FOR_BATCHES(a, a->stacks->nfunctions)
	{
		FOR_BATCH(i)
		{
			functions[i - start] = a->stacks->functions[i];
			functions[i - start].name = string[functions[i - start].name];
			functions[i - start].system_name = string[functions[i - start].system_name];
			functions[i - start].filename = string[functions[i - start].filename];
			hashes[i - start] = hash_function(d, &functions[i - start]);
			hash_index_prefetch(&d->functions.index, hashes[i - start]);
		}
		FOR_BATCH(i)
			__builtin_prefetch(&d->functions.items[hash_index_peek(&d->functions.index, hashes[i - start])]);
		FOR_BATCH(i)
			if (!find_function(d, &functions[i - start], hashes[i - start],
							   &a->map->function[i], a->error))
			return false;
	}
	return true;
}

/* ---- locations ---- */

/* A reference as index + 1, or 0 for none, in the open dictionary. */
static inline uint32
map_reference(const uint32 *map, uint32 reference)
{
	return reference == 0 ? 0 : map[reference - 1] + 1;
}

/* Is an open location the source's one, whose mapping is already mapped? */
static inline bool
same_location(const Adding *a, const StackLocation *open,
			  const StackLocation *location)
{
	const StackLine *lines = a->stacks->lines + location->line_start;
	const StackLine *open_lines = a->to->lines.items + open->line_start;

	if (open->address != location->address ||
		open->nlines != location->nlines ||
		open->mapping != location->mapping ||
		open->is_folded != location->is_folded)
		return false;
	for (uint32 k = 0; k < location->nlines; k++)
		if (open_lines[k].function !=
			map_reference(a->map->function, lines[k].function) ||
			open_lines[k].line != lines[k].line ||
			open_lines[k].column != lines[k].column)
			return false;
	return true;
}

static uint32
hash_location(const Adding *a, const StackLocation *location)
{
	const OpenDictionary *d = a->to;
	uint64		hash = hash_words(d, d->seed, location->address,
								  (uint64) location->mapping << 1 |
								  location->is_folded);

	for (uint32 k = 0; k < location->nlines; k++)
	{
		const StackLine *line = &a->stacks->lines[location->line_start + k];

		hash = hash_words(d, hash, (uint64) line->line,
						  map_reference(a->map->function, line->function));
		if (line->column != 0)
			hash = hash_words(d, hash, (uint64) line->column, k);
	}
	return hash_end(hash);
}

static bool
find_location(Adding *a, const StackLocation *location, uint32 hash,
			  uint32 *number)
{
	OpenDictionary *d = a->to;
	StackLocation *made;

	HASH_INDEX_FIND(&d->locations.index, hash, *number,
					same_location(a, &d->locations.items[*number], location));
	if (*number != PG_UINT32_MAX)
		return true;
	if (!ROOM_FOR_ONE(d, d->locations, a->error) ||
		!ROOM_FOR(d, d->lines, location->nlines, a->error))
		return false;
	*number = d->locations.n++;
	made = &d->locations.items[*number];
	*made = *location;
	made->line_start = d->lines.n;
	for (uint32 k = 0; k < location->nlines; k++)
	{
		StackLine	line = a->stacks->lines[location->line_start + k];

		line.function = map_reference(a->map->function, line.function);
		d->lines.items[d->lines.n++] = line;
	}
	hash_index_put(&d->locations.index, hash, *number);
	return true;
}

static bool
add_locations(Adding *a)
{
	OpenDictionary *d = a->to;
	uint32	   *map = a->map->location;
	StackLocation locations[BATCH];
	uint32		hashes[BATCH];

	FOR_BATCHES(a, a->stacks->nlocations)
	{
		FOR_BATCH(i)
		{
			locations[i - start] = a->stacks->locations[i];
			locations[i - start].mapping = map_reference(a->map->mapping,
														 locations[i - start].mapping);
			hashes[i - start] = hash_location(a, &locations[i - start]);
			hash_index_prefetch(&d->locations.index, hashes[i - start]);
		}
		FOR_BATCH(i)
		{
			map[i] = hash_index_peek(&d->locations.index, hashes[i - start]);
			__builtin_prefetch(&d->locations.items[map[i]]);
		}
		FOR_BATCH(i)
			if (map[i] < d->locations.n)
			__builtin_prefetch(&d->lines.items[d->locations.items[map[i]].line_start]);
		FOR_BATCH(i)
			if (!find_location(a, &locations[i - start], hashes[i - start], &map[i]))
			return false;
	}
	return true;
}

/* ---- stacks ---- */

static bool
find_node(OpenDictionary *d, uint32 parent, uint32 location, uint32 hash,
		  uint32 *number, PyroError *error)
{
	HASH_INDEX_FIND(&d->nodes.index, hash, *number,
					d->nodes.items[*number].parent == parent &&
					d->nodes.items[*number].location == location);
	if (*number != PG_UINT32_MAX)
		return true;
	if (!ROOM_FOR_ONE(d, d->nodes, error))
		return false;
	*number = d->nodes.n++;
	d->nodes.items[*number] = (OpenNode)
	{
		parent, location, 0
	};
	hash_index_put(&d->nodes.index, hash, *number);
	return true;
}

/*
 * A node's hash is that of the locations from the root, not of its parent's
 * number: so it is known before the parent has been found, and many nodes are
 * looked for at once.
 */
static bool
add_nodes(Adding *a)
{
	OpenDictionary *d = a->to;
	const uint32 *parent = a->stacks->node_parent;
	const uint32 *location = a->stacks->node_location;
	uint32	   *map = a->map->node;
	uint64	   *hashes = allocate_or_fail(a->scratch, a->stacks->nnodes,
										  sizeof(uint64), a->error);

	if (hashes == NULL)
		return false;
	hashes[0] = d->seed;
	FOR_BATCHES(a, a->stacks->nnodes)
	{
		FOR_BATCH(i)
		{
			if (i > 0)
				hashes[i] = hash_words(d, hashes[parent[i]],
									   a->map->location[location[i]], 0);
			hash_index_prefetch(&d->nodes.index, (uint32) hashes[i]);
		}
		FOR_BATCH(i)
			__builtin_prefetch(&d->nodes.items[hash_index_peek(&d->nodes.index, (uint32) hashes[i])]);
		FOR_BATCH(i)
			if (i == 0)
			map[i] = 0;
		else if (!find_node(d, map[parent[i]],
							a->map->location[location[i]],
							(uint32) hashes[i], &map[i], a->error))
			return false;
	}
	a->scratch->release(a->scratch->owner, hashes);
	return true;
}

/* ---- label sets ---- */

static ProfileLabel
map_label(const Adding *a, const ProfileLabel *label)
{
	ProfileLabel mapped = *label;

	mapped.key = a->map->string[label->key];
	mapped.string = a->map->string[label->string];
	mapped.unit = a->map->string[label->unit];
	return mapped;
}

static inline bool
same_label(const ProfileLabel *a, const ProfileLabel *b)
{
	return a->key == b->key && a->is_number == b->is_number &&
		a->string == b->string && a->unit == b->unit && a->number == b->number;
}

/* Is an open label set the one whose labels are at the end of the array? */
static bool
same_label_set(const OpenDictionary *d, uint32 set, uint32 nlabels)
{
	uint32		start = open_label_set_start(d, set);
	const ProfileLabel *labels = d->labels.items + start;
	const ProfileLabel *wanted = d->labels.items + d->labels.n;

	if (d->set_ends.items[set] - start != nlabels)
		return false;
	for (uint32 k = 0; k < nlabels; k++)
		if (!same_label(&labels[k], &wanted[k]))
			return false;
	return true;
}

/* One label set: labels[0..nlabels), not empty. */
static bool
find_label_set(Adding *a, const ProfileLabel *labels, uint32 nlabels,
			   uint32 *number)
{
	OpenDictionary *d = a->to;
	uint64		words = d->seed;
	uint32		hash;

	/* behind the others, where they stay if the set is new */
	if (!ROOM_FOR(d, d->labels, nlabels, a->error))
		return false;
	for (uint32 k = 0; k < nlabels; k++)
	{
		ProfileLabel label = map_label(a, &labels[k]);

		words = hash_words(d, words, (uint64) label.key << 1 | label.is_number,
						   (uint64) label.string << 32 | label.unit);
		words = hash_words(d, words, (uint64) label.number, k);
		d->labels.items[d->labels.n + k] = label;
	}
	hash = hash_end(words);
	HASH_INDEX_FIND(&d->set_ends.index, hash, *number,
					same_label_set(d, *number, nlabels));
	if (*number != PG_UINT32_MAX)
		return true;
	if (!ROOM_FOR_ONE(d, d->set_ends, a->error))
		return false;
	d->labels.n += nlabels;
	*number = d->set_ends.n++;
	d->set_ends.items[*number] = d->labels.n;
	hash_index_put(&d->set_ends.index, hash, *number);
	return true;
}

static bool
add_label_sets(Adding *a)
{
	const LabelSets *from = a->label_sets;

	a->map->label_set[0] = 0;
	for (uint32 i = 1; i < from->nsets; i++)
	{
		uint32		start = from->set_end[i - 1];

		allocator_poll(a->scratch, i);
		if (!find_label_set(a, from->labels + start, from->set_end[i] - start,
							&a->map->label_set[i]))
			return false;
	}
	return true;
}

/* ---- the whole ---- */

/*
 * An empty dictionary; its memory comes from the allocator, which must
 * outlive it.  Returns NULL with PYRO_NO_MEMORY.
 */
OpenDictionary *
open_dictionary_create(const Allocator *allocator, PyroError *error)
{
	OpenDictionary *d = allocate_or_fail(allocator, 1, sizeof(OpenDictionary),
										 error);
	uint32		empty;

	if (d == NULL)
		return NULL;
	memset(d, 0, sizeof(*d));
	d->allocator = allocator;
	d->seed = hash_seed_of(d);
	d->max_elements = HASH_INDEX_MAX_USED;
	if (!hash_index_init(&d->strings.index, allocator) ||
		!hash_index_init(&d->mappings.index, allocator) ||
		!hash_index_init(&d->functions.index, allocator) ||
		!hash_index_init(&d->locations.index, allocator) ||
		!hash_index_init(&d->nodes.index, allocator) ||
		!hash_index_init(&d->set_ends.index, allocator) ||
		!hash_index_init(&d->keys.index, allocator))
	{
		pyro_fail_memory(error);
		return NULL;
	}
	if (!open_dictionary_string(d, string_ref("", 0), &empty, error) ||
		!ROOM_FOR(d, d->nodes, 1, error) ||
		!ROOM_FOR(d, d->set_ends, 1, error))
		return NULL;
	/* places in them are computed before it is known that they have any */
	if (!ROOM_FOR(d, d->functions, 1, error) ||
		!ROOM_FOR(d, d->lines, 1, error) ||
		!ROOM_FOR(d, d->locations, 1, error) ||
		!ROOM_FOR(d, d->labels, 1, error))
		return NULL;
	d->nodes.items[d->nodes.n++] = (OpenNode)
	{
		0, PG_UINT32_MAX, 0
	};
	d->set_ends.items[d->set_ends.n++] = 0;
	return d;
}

static bool
allocate_map(Adding *a)
{
	const StackDictionary *stacks = a->stacks;
	DictionaryMap *map = a->map;

	map->string = allocate_array(a->scratch, stacks->nstrings, sizeof(uint32));
	map->mapping = allocate_array(a->scratch, stacks->nmappings,
								  sizeof(uint32));
	map->function = allocate_array(a->scratch, stacks->nfunctions,
								   sizeof(uint32));
	map->location = allocate_array(a->scratch, stacks->nlocations,
								   sizeof(uint32));
	map->node = allocate_array(a->scratch, stacks->nnodes, sizeof(uint32));
	map->label_set = allocate_array(a->scratch, a->label_sets->nsets,
									sizeof(uint32));
	if (map->string == NULL || map->mapping == NULL || map->function == NULL ||
		map->location == NULL || map->node == NULL || map->label_set == NULL)
		return pyro_fail_memory(a->error);
	return true;
}

/*
 * Add all parts of a dictionary, those of one profile or of a whole block.
 *
 * *map tells where they are; its arrays come from scratch.  Nothing of the
 * source is needed afterwards; its references are believed, and its string 0,
 * node 0 and label set 0 are the empty ones, as everywhere.
 *
 * Returns false with PYRO_LIMIT or PYRO_NO_MEMORY; the open dictionary is then
 * still sound and may hold a part of the source, which sealing drops again but
 * for mappings.
 */
bool
open_dictionary_add(OpenDictionary *dictionary, const StackDictionary *stacks,
					const LabelSets *label_sets, const Allocator *scratch,
					DictionaryMap *map, PyroError *error)
{
	Adding		a = {
		.to = dictionary,.stacks = stacks,.label_sets = label_sets,
		.scratch = scratch,.map = map,.error = error
	};

	return allocate_map(&a) && add_strings(&a) && add_mappings(&a) &&
		add_functions(&a) && add_locations(&a) && add_nodes(&a) &&
		add_label_sets(&a);
}

/*
 * The number of the key of a node and a label set of the open dictionary;
 * keys are counted from 0 as they come.
 *
 * Returns false with PYRO_LIMIT or PYRO_NO_MEMORY.
 */
bool
open_dictionary_key(OpenDictionary *dictionary, uint32 node, uint32 label_set,
					uint32 *key, PyroError *error)
{
	OpenDictionary *d = dictionary;
	uint32		hash = 0;

	if (label_set == 0)
		*key = d->nodes.items[node].key - 1;
	else
	{
		hash = (uint32) hash_numbers(node, label_set, d->seed);
		HASH_INDEX_FIND(&d->keys.index, hash, *key,
						d->keys.items[*key].node == node &&
						d->keys.items[*key].label_set == label_set);
	}
	if (*key != PG_UINT32_MAX)
		return true;
	if (label_set == 0 ? !ROOM_FOR(d, d->keys, 1, error) :
		!ROOM_FOR_ONE(d, d->keys, error))
		return false;
	*key = d->keys.n++;
	d->keys.items[*key] = (OpenKey)
	{
		node, label_set
	};
	if (label_set == 0)
		d->nodes.items[node].key = *key + 1;
	else
		hash_index_put(&d->keys.index, hash, *key);
	return true;
}

/* How many keys there are: those below have been handed out. */
uint32
open_dictionary_nkeys(const OpenDictionary *dictionary)
{
	return dictionary->keys.n;
}

#define ARRAY_SIZE(array) ((array).capacity * sizeof(*(array).items))
#define INDEXED_SIZE(array) \
	(ARRAY_SIZE(array) + hash_index_size(&(array).index))

/* Bytes that the dictionary holds. */
size_t
open_dictionary_size(const OpenDictionary *dictionary)
{
	const OpenDictionary *d = dictionary;

	return sizeof(OpenDictionary) + d->string_bytes +
		INDEXED_SIZE(d->strings) + INDEXED_SIZE(d->mappings) +
		INDEXED_SIZE(d->functions) + INDEXED_SIZE(d->locations) +
		ARRAY_SIZE(d->lines) + INDEXED_SIZE(d->nodes) +
		INDEXED_SIZE(d->set_ends) + ARRAY_SIZE(d->labels) +
		INDEXED_SIZE(d->keys);
}
