/*
 * running_scale.c
 *	  Many values times one number.
 *
 * Rounding each value by itself would lose what many small ones have together:
 * ten functions of value 1 times 0.4 would all become 0.  So the running sum
 * is scaled and rounded, and each value gets what that sum grew by.  Any sum
 * over neighbours, such as a subtree in pre-order, is then within 1 of the
 * exact one, and the sum of all is the exact one, rounded.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include <math.h>

#include "stack/running_scale.h"

/*
 * n values times numerator / denominator, both finite and the second one not
 * 0, into scaled[n].  Returns false with PYRO_OVERFLOW.
 */
bool
scale_running_sums(const int64 *values, uint32 n, long double numerator,
				   long double denominator, int64 *scaled, PyroError *error)
{
	const long double limit = 9223372036854775808.0L;
	__int128	sum = 0;		/* 2^32 values of 2^63 have room in it */
	long double before = 0;

	for (uint32 i = 0; i < n; i++)
	{
		long double after;

		sum += values[i];
		after = rintl((long double) sum * numerator / denominator);
		if (!(after - before >= -limit && after - before < limit))
			return pyro_fail(error, PYRO_OVERFLOW,
							 "scaled value is out of range");
		scaled[i] = (int64) (after - before);
		before = after;
	}
	return true;
}
