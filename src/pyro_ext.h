/*
 * pyro_ext.h
 *	  How an SQL function of the extension is declared.
 */
#ifndef PYRO_EXT_H
#define PYRO_EXT_H

#include "fmgr.h"

/* PostgreSQL 16 hides a module's symbols by itself; on 15 the Makefile does */
#define PYRO_FUNCTION(name) \
	PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(name)

#endif							/* PYRO_EXT_H */
