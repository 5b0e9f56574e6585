/*
 * hash_index.h
 *	  Numbers of elements, found by hashes of what the elements hold.
 *
 * Open addressing with linear probing.  A slot keeps 32 bits of its element's
 * hash: most probes that meet another element end without looking at it, and
 * growing needs no element at all.
 */
#ifndef PYRO_HASH_INDEX_H
#define PYRO_HASH_INDEX_H

#include "stack/allocator.h"

typedef struct HashSlot
{
	uint32		hash;
	uint32		number;			/* + 1; 0: free */
} HashSlot;

typedef struct HashIndex
{
	HashSlot   *slots;
	uint32		mask;			/* slots - 1; a power of two of them */
	uint32		nused;
} HashIndex;

/* Sizes that an index grows to fit 32 bits up to this number of elements. */
#define HASH_INDEX_MAX_USED		((uint32) 1 << 29)

#define HASH_INDEX_MIN_SLOTS	64

static inline size_t
hash_index_size(const HashIndex *index)
{
	return ((size_t) index->mask + 1) * sizeof(HashSlot);
}

/* An empty index; false when there is no memory. */
static inline bool
hash_index_init(HashIndex *index, const Allocator *allocator)
{
	index->slots = allocate_array(allocator, HASH_INDEX_MIN_SLOTS,
								  sizeof(HashSlot));
	index->mask = HASH_INDEX_MIN_SLOTS - 1;
	index->nused = 0;
	if (index->slots == NULL)
		return false;
	memset(index->slots, 0, HASH_INDEX_MIN_SLOTS * sizeof(HashSlot));
	return true;
}

/* Put an element that is not there; there must be room. */
static inline void
hash_index_put(HashIndex *index, uint32 hash, uint32 number)
{
	uint32		at = hash & index->mask;

	while (index->slots[at].number != 0)
		at = (at + 1) & index->mask;
	index->slots[at] = (HashSlot)
	{
		hash, number + 1
	};
	index->nused++;
}

/*
 * Make room for one more element, at most two thirds of the slots being used.
 * Returns false, leaving the index as it was, when there is no memory.
 */
static inline bool
hash_index_reserve(HashIndex *index, const Allocator *allocator)
{
	size_t		nslots = (size_t) index->mask + 1;
	HashIndex	bigger = {0};

	if (((size_t) index->nused + 1) * 3 <= nslots * 2)
		return true;
	nslots *= 2;
	bigger.slots = allocate_array(allocator, nslots, sizeof(HashSlot));
	if (bigger.slots == NULL)
		return false;
	memset(bigger.slots, 0, nslots * sizeof(HashSlot));
	bigger.mask = nslots - 1;
	for (size_t i = 0; i <= index->mask; i++)
		if (index->slots[i].number != 0)
			hash_index_put(&bigger, index->slots[i].hash,
						   index->slots[i].number - 1);
	allocator->release(allocator->owner, index->slots);
	*index = bigger;
	return true;
}

/* Ask for the slots of a hash, to be looked at soon. */
static inline void
hash_index_prefetch(const HashIndex *index, uint32 hash)
{
	__builtin_prefetch(&index->slots[hash & index->mask]);
}

/* The element that a search for this hash is likely to end at, or 0. */
static inline uint32
hash_index_peek(const HashIndex *index, uint32 hash)
{
	uint32		at = hash & index->mask;

	while (index->slots[at].number != 0 && index->slots[at].hash != hash)
		at = (at + 1) & index->mask;
	return index->slots[at].number == 0 ? 0 : index->slots[at].number - 1;
}

/*
 * Set `found` (a uint32 variable) to the number of an element of this hash
 * for which is_equal, an expression in `found`, holds; else to PG_UINT32_MAX.
 */
#define HASH_INDEX_FIND(index, wanted, found, is_equal) \
	do { \
		const HashSlot *slots_ = (index)->slots; \
		uint32		mask_ = (index)->mask; \
		uint32		at_ = (wanted) & mask_; \
		\
		(found) = PG_UINT32_MAX; \
		while (slots_[at_].number != 0) \
		{ \
			if (slots_[at_].hash == (wanted)) \
			{ \
				(found) = slots_[at_].number - 1; \
				if (is_equal) \
					break; \
				(found) = PG_UINT32_MAX; \
			} \
			at_ = (at_ + 1) & mask_; \
		} \
	} while (0)

#endif							/* PYRO_HASH_INDEX_H */
