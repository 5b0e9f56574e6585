/*
 * open_dictionary.h
 *	  What filling and sealing a dictionary share; nobody else includes it.
 */
#ifndef PYRO_OPEN_DICTIONARY_H
#define PYRO_OPEN_DICTIONARY_H

#include "block/block_dictionary.h"
#include "block/hash_index.h"

/* Elements in the order of their arrival. */
#define OPEN_ARRAY(type) \
	struct { type *items; size_t n; size_t capacity; HashIndex index; }

typedef struct OpenString
{
	StringRef	text;
	bool		is_kept;		/* whatever refers to it */
} OpenString;

typedef struct OpenMapping
{
	StackMapping mapping;
	bool		is_kept;
} OpenMapping;

typedef struct OpenNode
{
	uint32		parent;
	uint32		location;
	uint32		key;			/* with the empty label set, + 1; 0: none */
} OpenNode;

typedef struct OpenKey
{
	uint32		node;
	uint32		label_set;
} OpenKey;

struct OpenDictionary
{
	const Allocator *allocator;
	uint64		seed;
	uint32		max_elements;	/* of a kind */
	size_t		string_bytes;	/* chunks that hold strings */
	char	   *chunk;			/* rest of the last one */
	size_t		chunk_left;

				OPEN_ARRAY(OpenString) strings;
				OPEN_ARRAY(OpenMapping) mappings;
				OPEN_ARRAY(StackFunction) functions;
				OPEN_ARRAY(StackLine) lines;	/* of locations; no index */
				OPEN_ARRAY(StackLocation) locations;
				OPEN_ARRAY(OpenNode) nodes; /* parents first; 0: the root */
				OPEN_ARRAY(ProfileLabel) labels;	/* of sets; no index */
				OPEN_ARRAY(uint32) set_ends;	/* in labels; 0: empty set */
				OPEN_ARRAY(OpenKey) keys;	/* indexed if they have labels */
};

static inline uint32
open_label_set_start(const OpenDictionary *dictionary, uint32 set)
{
	return set == 0 ? 0 : dictionary->set_ends.items[set - 1];
}

#endif							/* PYRO_OPEN_DICTIONARY_H */
