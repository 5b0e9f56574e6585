/*
 * block_dictionary.h
 *	  One dictionary for the profiles of a block.
 *
 * While rows come in, strings, mappings, functions, locations, stacks, label
 * sets and keys are numbered as they arrive and found again by hashes.
 * Sealing puts them into the canonical order of stack_dictionary.h, so that
 * the part of the dictionary that one profile uses is in canonical order, too.
 *
 * A key is a stack with a label set: what tells the samples of a row apart.
 */
#ifndef PYRO_BLOCK_DICTIONARY_H
#define PYRO_BLOCK_DICTIONARY_H

#include "profile/profile.h"

/* Label sets in canonical order, as those of a Profile; set 0 is empty. */
typedef struct LabelSets
{
	uint32		nsets;
	uint32	   *set_end;
	ProfileLabel *labels;
} LabelSets;

/*
 * Where the parts of one dictionary are in another: by index here the index
 * there, PG_UINT32_MAX where it has been left out.
 */
typedef struct DictionaryMap
{
	uint32	   *string;
	uint32	   *mapping;
	uint32	   *function;
	uint32	   *location;
	uint32	   *node;
	uint32	   *label_set;
} DictionaryMap;

typedef struct OpenDictionary OpenDictionary;

/* What sealing leaves. */
typedef struct SealedDictionary
{
	StackDictionary stacks;
	LabelSets	label_sets;
	uint32		nkeys;
	uint32	   *key_node;		/* [key] */
	uint32	   *key_label_set;
} SealedDictionary;

/* What a row needs of a sealed dictionary. */
typedef struct SubsetRequest
{
	uint32		nkeys;
	const uint32 *keys;			/* one a sample, in any order */
	uint32		nmappings;
	const uint32 *mappings;		/* all that the profile has */
	uint32		nstrings;
	const uint32 *strings;		/* needed besides: its comments */
} SubsetRequest;

/* The dictionary of one row, and its samples in terms of that. */
typedef struct RowDictionary
{
	StackDictionary stacks;
	LabelSets	label_sets;

	/* by place among the samples in canonical order */
	uint32	   *sample_node;
	uint32	   *sample_label_set;
	uint32	   *sample_index;	/* of the request's keys */

	uint32	   *mapping;		/* by place in the request */
	uint32	   *string;
} RowDictionary;

typedef struct DictionarySubset DictionarySubset;

/* open_dictionary.c */
extern OpenDictionary *open_dictionary_create(const Allocator *allocator,
											  PyroError *error);
extern bool open_dictionary_add(OpenDictionary *dictionary,
								const StackDictionary *stacks,
								const LabelSets *label_sets,
								const Allocator *scratch, DictionaryMap *map,
								PyroError *error);
extern bool open_dictionary_key(OpenDictionary *dictionary, uint32 node,
								uint32 label_set, uint32 *key,
								PyroError *error);
extern bool open_dictionary_string(OpenDictionary *dictionary,
								   StringRef string, uint32 *number,
								   PyroError *error);
extern void open_dictionary_keep_string(OpenDictionary *dictionary,
										uint32 string);
extern void open_dictionary_keep_mapping(OpenDictionary *dictionary,
										 uint32 mapping);
extern uint32 open_dictionary_nkeys(const OpenDictionary *dictionary);
extern size_t open_dictionary_size(const OpenDictionary *dictionary);

/* seal_dictionary.c */
extern bool open_dictionary_seal(OpenDictionary *dictionary,
								 const uint32 *key_count,
								 const Allocator *allocator,
								 SealedDictionary *sealed,
								 DictionaryMap *map, uint32 **key_map,
								 PyroError *error);

/* dictionary_subset.c */
extern DictionarySubset *dictionary_subset_create(const SealedDictionary *sealed,
												  const Allocator *allocator,
												  PyroError *error);
extern bool dictionary_subset_row(DictionarySubset *subset,
								  const SubsetRequest *request,
								  const Allocator *allocator,
								  RowDictionary *row, PyroError *error);

#endif							/* PYRO_BLOCK_DICTIONARY_H */
