/*
 * compat.h
 *	  Differences between PostgreSQL versions; the only file that knows them.
 *
 * Each shim has the name that the newest version gives the thing.
 */
#ifndef PYRO_COMPAT_H
#define PYRO_COMPAT_H

#include "fmgr.h"

/* 16: input functions may report bad input without throwing */
#if PG_VERSION_NUM < 160000
#define ereturn(context, dummy_value, ...) \
	do { \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
		return dummy_value; \
	} while (0)
#endif

/* 16: varatt.h came out of postgres.h */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 18: before a declaration, instead of pg_attribute_noreturn() in it */
#if PG_VERSION_NUM < 180000
#define pg_noreturn _Noreturn
#endif

#endif							/* PYRO_COMPAT_H */
