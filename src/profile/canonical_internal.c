/*
 * canonical_internal.c
 *	  Memory and numbering for the parts of pprof_canonicalise().
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "profile/canonical_internal.h"

/* Array of n elements from the allocator, or NULL with the error set. */
void *
canonical_array(Canonicaliser *c, size_t n, size_t element_size)
{
	return allocate_or_fail(c->allocator, n, element_size, c->error);
}

/* An array of n numbers that all say UNUSED. */
uint32 *
canonical_ranks(Canonicaliser *c, size_t n)
{
	uint32	   *ranks = canonical_array(c, n, sizeof(uint32));

	if (ranks != NULL)
		memset(ranks, 0xFF, n * sizeof(uint32));
	return ranks;
}

/* Scratch for sorting n items; what is in it is lost. */
bool
canonical_reserve(Canonicaliser *c, size_t n)
{
	if (n <= c->capacity)
		return true;
	if (c->capacity > 0)
	{
		c->allocator->release(c->allocator->owner, c->entries);
		c->allocator->release(c->allocator->owner, c->items);
		c->allocator->release(c->allocator->owner, c->same);
		c->capacity = 0;
	}
	c->entries = canonical_array(c, 2 * n, sizeof(SequenceEntry));
	c->items = canonical_array(c, n, sizeof(uint32));
	c->same = canonical_array(c, n, sizeof(bool));
	if (c->entries == NULL || c->items == NULL || c->same == NULL)
		return false;
	c->capacity = n;
	return true;
}

/* Items whose rank is not UNUSED into the scratch; returns how many. */
size_t
canonical_collect(Canonicaliser *c, const uint32 *rank, size_t n)
{
	size_t		nitems = 0;

	for (size_t i = 0; i < n; i++)
		if (rank[i] != UNUSED)
			c->items[nitems++] = i;
	return nitems;
}

/* Number sorted items, equal ones alike; returns the count of numbers. */
uint32
canonical_rank(Canonicaliser *c, uint32 *rank, size_t nitems)
{
	uint32		n = 0;

	for (size_t i = 0; i < nitems; i++)
		rank[c->items[i]] = c->same[i] ? n - 1 : n++;
	return n;
}
