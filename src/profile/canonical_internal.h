/*
 * canonical_internal.h
 *	  What the parts of pprof_canonicalise() share; nobody else includes it.
 */
#ifndef PYRO_CANONICAL_INTERNAL_H
#define PYRO_CANONICAL_INTERNAL_H

#include "profile/pprof.h"
#include "stack/sequence_entry.h"

/* the rank of what no sample refers to */
#define UNUSED		PG_UINT32_MAX

typedef struct Canonicaliser
{
	PprofMessage *in;
	const ProfileLimits *limits;
	const Allocator *allocator;
	Profile    *out;
	StackDictionary *stacks;
	PyroError  *error;

	/* from the file's index to the canonical one; UNUSED where not needed */
	uint32	   *string_rank;
	uint32	   *mapping_rank;
	uint32	   *function_rank;
	uint32	   *location_rank;
	uint32	   *sample_label_set;	/* of the file's samples */

	/* the file's references as indexes + 1, 0 for none */
	uint32	   *line_function;	/* of in->lines */
	uint32	   *location_mapping;	/* of in->locations */
	uint32	   *sample_locations;	/* of in->location_ids: index, no + 1 */

	/* scratch for sorting */
	SequenceEntry *entries;
	uint32	   *items;
	bool	   *same;
	size_t		capacity;
} Canonicaliser;

/* canonical_internal.c */
extern void *canonical_array(Canonicaliser *c, size_t n, size_t element_size);
extern uint32 *canonical_ranks(Canonicaliser *c, size_t n);
extern bool canonical_reserve(Canonicaliser *c, size_t n);
extern size_t canonical_collect(Canonicaliser *c, const uint32 *rank,
								size_t n);
extern uint32 canonical_rank(Canonicaliser *c, uint32 *rank, size_t nitems);

/* canonical_stacks.c */
extern bool canonicalise_strings(Canonicaliser *c);
extern bool canonicalise_mappings(Canonicaliser *c);
extern bool canonicalise_functions(Canonicaliser *c);
extern bool canonicalise_locations(Canonicaliser *c);

/* canonical_samples.c */
extern bool canonicalise_label_sets(Canonicaliser *c);
extern bool canonicalise_samples(Canonicaliser *c);

/*
 * A label is a number where it refers to string 0; one that refers to another
 * empty string is a text.  So the Go decoder has it (encode.go, postDecode).
 */
static inline bool
label_is_number(const PprofLabel *label)
{
	return label->string == 0;
}

/* A signed number as a symbol of the same order. */
static inline uint64
signed_symbol(int64 value)
{
	return (uint64) value ^ ((uint64) 1 << 63);
}

#endif							/* PYRO_CANONICAL_INTERNAL_H */
