/*
 * pyro_error.h
 *	  How pure code reports a failure: a kind and a sentence.
 */
#ifndef PYRO_ERROR_H
#define PYRO_ERROR_H

typedef enum PyroErrorKind
{
	PYRO_OK = 0,
	PYRO_MALFORMED,				/* bytes or text from outside are wrong */
	PYRO_LIMIT,					/* more than a limit allows */
	PYRO_OVERFLOW,				/* a sum left int64 */
	PYRO_CORRUPT,				/* bytes that we wrote ourselves are wrong */
	PYRO_INVALID,				/* an argument does not fit */
	PYRO_NO_MEMORY
} PyroErrorKind;

typedef struct PyroError
{
	PyroErrorKind kind;
	char		message[240];	/* no full stop, no capital: part of a line */
} PyroError;

extern bool pyro_fail(PyroError *error, PyroErrorKind kind,
					  const char *format,...) pg_attribute_printf(3, 4);
extern bool pyro_fail_memory(PyroError *error);

#endif							/* PYRO_ERROR_H */
