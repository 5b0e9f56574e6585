/*
 * comparison.h
 *	  The comparison functions of a type, from one that tells the order.
 */
#ifndef PYRO_COMPARISON_H
#define PYRO_COMPARISON_H

#include "pyro_ext.h"

#define PYRO_COMPARISON(name, compare, operator) \
	PYRO_FUNCTION(name); \
	Datum \
	name(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_BOOL(compare(PG_GETARG_DATUM(0), \
							   PG_GETARG_DATUM(1)) operator 0); \
	}

/*
 * Define type_eq, _ne, _lt, _le, _gt, _ge and _cmp.
 *
 * int compare(Datum a, Datum b): <0, 0 or >0.
 */
#define PYRO_COMPARISONS(type, compare) \
	PYRO_COMPARISON(type##_eq, compare, ==) \
	PYRO_COMPARISON(type##_ne, compare, !=) \
	PYRO_COMPARISON(type##_lt, compare, <) \
	PYRO_COMPARISON(type##_le, compare, <=) \
	PYRO_COMPARISON(type##_gt, compare, >) \
	PYRO_COMPARISON(type##_ge, compare, >=) \
	PYRO_FUNCTION(type##_cmp); \
	Datum \
	type##_cmp(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_INT32(compare(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1))); \
	}

#endif							/* PYRO_COMPARISON_H */
