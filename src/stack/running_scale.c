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

#include "common/int.h"

#include "stack/running_scale.h"

static bool
fail_overflow(PyroError *error)
{
	return pyro_fail(error, PYRO_OVERFLOW, "scaled value is out of range");
}

/*
 * n values times numerator / denominator, both finite and the second one not
 * 0, into scaled[n].  Returns false with PYRO_OVERFLOW, also where a running
 * sum leaves int64.
 */
bool
scale_running_sums(const int64 *values, uint32 n, long double numerator,
				   long double denominator, int64 *scaled, PyroError *error)
{
	const long double limit = 9223372036854775808.0L;
	int64		sum = 0;
	int64		before = 0;

	if (numerator == denominator)
	{
		memcpy(scaled, values, n * sizeof(int64));
		return true;
	}
	for (uint32 i = 0; i < n; i++)
	{
		long double after;

		/* beyond int64 a long double would not hold every whole number */
		if (pg_add_s64_overflow(sum, values[i], &sum))
			return fail_overflow(error);
		after = rintl((long double) sum * numerator / denominator);
		if (!(after >= -limit && after < limit) ||
			pg_sub_s64_overflow((int64) after, before, &scaled[i]))
			return fail_overflow(error);
		before = (int64) after;
	}
	return true;
}
