/*
 * flame_scale.c
 *	  The values of a call tree times a number.
 *
 * Rounding each node by itself would lose what many small nodes have together:
 * ten functions of value 1 times 0.4 would all become 0.  So the running sum
 * in pre-order is scaled and rounded, and a node gets what that sum grew by.
 * Every total is then within 1 of the exact one, and the root's is the exact
 * one rounded.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include <math.h>

#include "flame/flame_scale.h"

/*
 * Self values of a tree times numerator / denominator, both finite and the
 * second one not 0, into scaled[tree->nnodes].  Returns false with
 * PYRO_OVERFLOW.
 */
bool
flame_scale(const FlameTree *tree, long double numerator,
			long double denominator, int64 *scaled, PyroError *error)
{
	const long double limit = 9223372036854775808.0L;
	__int128	sum = 0;		/* 2^32 values of 2^63 have room in it */
	long double before = 0;

	for (uint32 i = 0; i < tree->nnodes; i++)
	{
		long double after;

		sum += tree->self[i];
		after = rintl((long double) sum * numerator / denominator);
		if (!(after - before >= -limit && after - before < limit))
			return pyro_fail(error, PYRO_OVERFLOW,
							 "scaled value of a call tree is out of range");
		scaled[i] = (int64) (after - before);
		before = after;
	}
	return true;
}
