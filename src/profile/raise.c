/*
 * raise.c
 *	  Pure code in a backend: failures to errors.
 */
#include "postgres.h"

#include "compat.h"
#include "profile/context_allocator.h"
#include "profile/sql_text.h"

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
