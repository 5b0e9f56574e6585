/*
 * allocator.h
 *	  Memory for pure code: an allocator that can fail.
 *
 * The same code runs in a backend, where memory belongs to a memory context,
 * and in a program with a thousand connections, which must not exit when one
 * of them asks for too much.  So pure code never calls palloc: it asks an
 * Allocator, and passes a failure up as a status.
 *
 * Whoever makes an Allocator owns all of its memory and frees it in one go;
 * pure code releases early only what a growing array leaves behind.
 */
#ifndef PYRO_ALLOCATOR_H
#define PYRO_ALLOCATOR_H

#include "stack/pyro_error.h"

typedef struct Allocator
{
	/* size bytes aligned for any type, or NULL when there is no memory */
	void	   *(*allocate) (void *owner, size_t size);
	void		(*release) (void *owner, void *pointer);
	void	   *owner;

	/*
	 * Called now and then by loops that may run for long; it may leave them
	 * by a long jump, since all memory is the owner's.  NULL: nobody minds.
	 */
	void		(*poll) (void *owner);
} Allocator;

/* No array of ours is longer than this, so that size sums cannot wrap. */
#define PYRO_MAX_ALLOCATION	((size_t) 1 << 40)

/*
 * Allocate an array of count elements.
 *
 * Returns NULL when there is no memory or the size is beyond reason.  The
 * elements are not initialised; an empty array is a valid pointer.
 */
static inline void *
allocate_array(const Allocator *allocator, size_t count, size_t element_size)
{
	if (count > PYRO_MAX_ALLOCATION / element_size)
		return NULL;
	return allocator->allocate(allocator->owner,
							   count > 0 ? count * element_size : 1);
}

/*
 * The same for those who pass failures up: NULL comes with PYRO_NO_MEMORY.
 */
static inline void *
allocate_or_fail(const Allocator *allocator, size_t count,
				 size_t element_size, PyroError *error)
{
	void	   *array = allocate_array(allocator, count, element_size);

	if (array == NULL)
		pyro_fail_memory(error);
	return array;
}

/*
 * To be called in each round of a loop that may run for long: every few
 * thousand rounds the owner gets a chance to stop it.
 */
static inline void
allocator_poll(const Allocator *allocator, size_t round)
{
	if (round % 4096 == 0 && allocator->poll != NULL)
		allocator->poll(allocator->owner);
}

/*
 * Make room for at least `needed` elements in a growing array.
 *
 * *array (NULL at first) holds `used` elements and has room for *capacity;
 * it moves when it grows.  Returns false when there is no memory, leaving
 * the array as it was.
 */
static inline bool
grow_array(const Allocator *allocator, void **array, size_t used,
		   size_t *capacity, size_t needed, size_t element_size)
{
	size_t		wanted = *capacity < 8 ? 16 : *capacity * 2;
	void	   *bigger;

	if (needed <= *capacity)
		return true;
	if (wanted < needed)
		wanted = needed;
	bigger = allocate_array(allocator, wanted, element_size);
	if (bigger == NULL)
		return false;
	if (used > 0)
		memcpy(bigger, *array, used * element_size);
	if (*array != NULL)
		allocator->release(allocator->owner, *array);
	*array = bigger;
	*capacity = wanted;
	return true;
}

#endif							/* PYRO_ALLOCATOR_H */
