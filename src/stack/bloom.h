/*
 * bloom.h
 *	  A set of hashes that is small, and may say yes to what is not in it.
 *
 * Burton H. Bloom, Space/Time Trade-offs in Hash Coding with Allowable Errors,
 * CACM 13(7), 1970, with double hashing as in Kirsch and Mitzenmacher, Less
 * Hashing, Same Performance, ESA 2006.  With ten bits for each hash and seven
 * of them set, one of 120 others is taken for one that is there.
 *
 * On disk a filter is its bits, those of a byte from the lowest on; an empty
 * set has none.  Hashes are on disk by that, too: bloom_hash() never changes.
 */
#ifndef PYRO_BLOOM_H
#define PYRO_BLOOM_H

#include "stack/allocator.h"
#include "stack/hash.h"
#include "stack/string_ref.h"

/* Larger ones are not made. */
#define BLOOM_MAX_SIZE		((size_t) 64 * 1024)

#define BLOOM_BITS_PER_HASH	10
#define BLOOM_MAX_HASHES	(BLOOM_MAX_SIZE * 8 / BLOOM_BITS_PER_HASH)

/* The different hashes that a filter is to have. */
typedef struct BloomSet
{
	const Allocator *allocator;
	uint64		seed;			/* of their places in the table */
	uint32		most;			/* more of them are too many */
	uint32		n;
	uint32		mask;			/* size of the table less 1 */
	uint64	   *table;			/* 0 where there is none */
	bool		has_zero;		/* which the table cannot say */
} BloomSet;

/* The hash of bytes; `seed` tells kinds of them apart. */
static inline uint64
bloom_hash(StringRef bytes, uint64 seed)
{
	return hash_bytes64(bytes.data, bytes.length, seed);
}

extern bool bloom_set_init(BloomSet *set, uint32 most,
						   const Allocator *allocator, PyroError *error);
extern bool bloom_set_add(BloomSet *set, uint64 hash, PyroError *error);
extern bool bloom_set_is_full(const BloomSet *set);
extern size_t bloom_size(const BloomSet *set);
extern void bloom_write(const BloomSet *set, uint8 *filter);
extern bool bloom_may_have(const uint8 *filter, size_t size, uint64 hash);

#endif							/* PYRO_BLOOM_H */
