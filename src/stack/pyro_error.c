/*
 * pyro_error.c
 *	  How pure code reports a failure.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "stack/pyro_error.h"

/*
 * Record a failure; the caller owns *error.
 *
 * Returns false always, so that a function can end with
 * "return pyro_fail(...)".  A message longer than the buffer is cut.
 */
bool
pyro_fail(PyroError *error, PyroErrorKind kind, const char *format,...)
{
	va_list		arguments;

	error->kind = kind;
	va_start(arguments, format);
	vsnprintf(error->message, sizeof(error->message), format, arguments);
	va_end(arguments);
	return false;
}

/*
 * Record that there is no memory.  Returns false always.
 */
bool
pyro_fail_memory(PyroError *error)
{
	return pyro_fail(error, PYRO_NO_MEMORY, "out of memory");
}
