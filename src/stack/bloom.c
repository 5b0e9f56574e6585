/*
 * bloom.c
 *	  A set of hashes that is small, and may say yes to what is not in it.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "stack/bloom.h"

#define BITS_PER_LOOKUP		7
#define FIRST_TABLE_SIZE	64

/*
 * Begin with no hash.
 *
 * most: so many different ones at most (up to BLOOM_MAX_HASHES) are worth a
 * filter.  Memory is at most 32 bytes for each.
 */
bool
bloom_set_init(BloomSet *set, uint32 most, const Allocator *allocator,
			   PyroError *error)
{
	memset(set, 0, sizeof(*set));
	set->allocator = allocator;
	set->seed = hash_seed_of(set);
	set->most = Min(most, BLOOM_MAX_HASHES);
	set->mask = FIRST_TABLE_SIZE - 1;
	set->table = allocate_or_fail(allocator, FIRST_TABLE_SIZE, sizeof(uint64), error);
	if (set->table == NULL)
		return false;
	memset(set->table, 0, FIRST_TABLE_SIZE * sizeof(uint64));
	return true;
}

/* Where a hash is in the table, or the free place where it is to be. */
static uint64 *
find_place(uint64 *table, uint32 mask, uint64 seed, uint64 hash)
{
	uint32		at = (uint32) hash_numbers((uint32) (hash >> 32), (uint32) hash, seed) & mask;

	while (table[at] != 0 && table[at] != hash)
		at = (at + 1) & mask;
	return &table[at];
}

static bool
grow_table(BloomSet *set, PyroError *error)
{
	size_t		size = ((size_t) set->mask + 1) * 2;
	uint64	   *table = allocate_or_fail(set->allocator, size, sizeof(uint64), error);

	if (table == NULL)
		return false;
	memset(table, 0, size * sizeof(uint64));
	for (size_t i = 0; i <= set->mask; i++)
		if (set->table[i] != 0)
			*find_place(table, (uint32) size - 1, set->seed, set->table[i]) = set->table[i];
	set->allocator->release(set->allocator->owner, set->table);
	set->table = table;
	set->mask = (uint32) size - 1;
	return true;
}

/*
 * Add a hash.  Where that makes too many the set is full, and stays so.
 */
bool
bloom_set_add(BloomSet *set, uint64 hash, PyroError *error)
{
	uint64	   *place;

	if (bloom_set_is_full(set))
		return true;
	if (hash == 0)
	{
		set->n += !set->has_zero;
		set->has_zero = true;
		return true;
	}
	place = find_place(set->table, set->mask, set->seed, hash);
	if (*place != 0)
		return true;
	*place = hash;
	set->n++;
	return set->n <= set->mask / 2 || grow_table(set, error);
}

/*
 * Were there too many hashes for a filter?
 */
bool
bloom_set_is_full(const BloomSet *set)
{
	return set->n > set->most;
}

/*
 * The bytes of the filter of a set that is not full.
 */
size_t
bloom_size(const BloomSet *set)
{
	return ((size_t) set->n * BLOOM_BITS_PER_HASH + 7) / 8;
}

/*
 * The bits of a hash, one after another.  The number of bits used is odd, so
 * that steps seldom have a divisor in common with it.
 */
typedef struct BitWalk
{
	uint32		nbits;
	uint32		at;
	uint32		step;
} BitWalk;

static BitWalk
start_walk(size_t size, uint64 hash)
{
	uint32		nbits = (uint32) (size * 8 - 1);

	return (BitWalk) {nbits, (uint32) hash % nbits, 1 + (uint32) (hash >> 32) % (nbits - 1)};
}

static void
next_bit(BitWalk *walk)
{
	walk->at += walk->step;
	if (walk->at >= walk->nbits)
		walk->at -= walk->nbits;
}

/*
 * Write the filter of a set that is not full: bloom_size() bytes.
 */
void
bloom_write(const BloomSet *set, uint8 *filter)
{
	size_t		size = bloom_size(set);

	memset(filter, 0, size);
	for (size_t i = 0; i <= set->mask + (size_t) set->has_zero; i++)
	{
		uint64		hash = i <= set->mask ? set->table[i] : 0;
		BitWalk		walk;

		if (hash == 0 && i <= set->mask)
			continue;
		walk = start_walk(size, hash);
		for (int k = 0; k < BITS_PER_LOOKUP; k++, next_bit(&walk))
			filter[walk.at / 8] |= 1 << walk.at % 8;
	}
}

/*
 * May the set have had this hash?  false is sure.
 *
 * size: of the filter, at most BLOOM_MAX_SIZE.
 */
bool
bloom_may_have(const uint8 *filter, size_t size, uint64 hash)
{
	BitWalk		walk;

	if (size == 0)
		return false;
	walk = start_walk(size, hash);
	for (int k = 0; k < BITS_PER_LOOKUP; k++, next_bit(&walk))
		if ((filter[walk.at / 8] >> walk.at % 8 & 1) == 0)
			return false;
	return true;
}
