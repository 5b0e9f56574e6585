/*
 * context_allocator.c
 *	  Pure code in a backend: memory from a memory context, failures to
 *	  errors.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "profile/context_allocator.h"
#include "profile/sql_text.h"

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

static int
error_code(PyroErrorKind kind, int malformed_code)
{
	switch (kind)
	{
		case PYRO_MALFORMED:
			return malformed_code != 0 ? malformed_code : ERRCODE_DATA_CORRUPTED;
		case PYRO_LIMIT:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		case PYRO_OVERFLOW:
			return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
		case PYRO_CORRUPT:
			return ERRCODE_DATA_CORRUPTED;
		case PYRO_INVALID:
			return ERRCODE_INVALID_PARAMETER_VALUE;
		case PYRO_NO_MEMORY:
			return ERRCODE_OUT_OF_MEMORY;
		case PYRO_OK:
			break;
	}
	return ERRCODE_INTERNAL_ERROR;
}

/*
 * Raise the failure of pure code as an error.
 *
 * malformed_code: the SQLSTATE of PYRO_MALFORMED, which depends on whether
 * bytes or text came in.  what: what was being read, as in "invalid pprof
 * profile"; NULL where the message stands alone.  escontext: where an input
 * function may report softly, or NULL; only then does this return.
 */
void
pyro_raise(const PyroError *error, int malformed_code, const char *what,
		   Node *escontext)
{
	int			code = error_code(error->kind, malformed_code);
	char	   *message;

	/* it may hold names from the profile */
	message = sql_cstring_readable(string_ref_literal(error->message));
	if (what != NULL && error->kind == PYRO_MALFORMED)
		ereturn(escontext,, (errcode(code),
							 errmsg("%s: %s", what, message)));
	ereturn(escontext,, (errcode(code), errmsg_internal("%s", message)));
}
