/*
 * context_allocator.c
 *	  Pure code in a backend: memory from a memory context.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "profile/context_allocator.h"

static void *
allocate_in_context(void *owner, size_t size)
{
	/*
	 * Pure code holds nothing that must be given back, and asks for memory at
	 * every step of its way.
	 */
	CHECK_FOR_INTERRUPTS();

	/* a request beyond any limit is "no memory", not an internal error */
	if (!AllocHugeSizeIsValid(size))
		return NULL;
	return MemoryContextAllocExtended((MemoryContext) owner, size,
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
}

static void
release_in_context(void *owner, void *pointer)
{
	pfree(pointer);
}

static void
poll_in_context(void *owner)
{
	CHECK_FOR_INTERRUPTS();
}

/*
 * An allocator whose memory belongs to a memory context.
 */
Allocator
context_allocator(MemoryContext context)
{
	return (Allocator)
	{
		allocate_in_context, release_in_context, context, poll_in_context
	};
}
