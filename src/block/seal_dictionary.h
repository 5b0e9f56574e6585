/*
 * seal_dictionary.h
 *	  What the parts of sealing share; nobody else includes it.
 */
#ifndef PYRO_SEAL_DICTIONARY_H
#define PYRO_SEAL_DICTIONARY_H

#include "block/open_dictionary.h"
#include "stack/sequence_entry.h"

/* What nothing needs. */
#define UNUSED		PG_UINT32_MAX

typedef struct Sealer
{
	const OpenDictionary *open;
	const uint32 *key_count;
	SealedDictionary *sealed;
	DictionaryMap *map;			/* UNUSED, or once sorted the rank */
	uint32	   *key_map;
	const Allocator *allocator;
	PyroError  *error;
} Sealer;

/* seal_dictionary.c */
extern void *seal_array(Sealer *s, size_t n, size_t element_size);
extern void seal_release(Sealer *s, void *array);
extern bool seal_collect(Sealer *s, SequenceScratch *scratch,
						 const uint32 *rank, size_t n, uint32 *nitems);
extern void seal_rank(Sealer *s, SequenceScratch *scratch, uint32 *rank,
					  uint32 nitems);

/* seal_elements.c */
extern bool seal_strings(Sealer *s);
extern bool seal_mappings(Sealer *s);
extern bool seal_functions(Sealer *s);
extern bool seal_locations(Sealer *s);
extern bool seal_label_sets(Sealer *s);

/* seal_keys.c */
extern bool seal_nodes(Sealer *s);
extern bool seal_keys(Sealer *s);

#endif							/* PYRO_SEAL_DICTIONARY_H */
