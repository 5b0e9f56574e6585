/*
 * go_heap.c
 *	  Values of Go's heap profiles from what its runtime had counted.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/go_heap.h"

/* ln(2) in two parts: products of the first with small integers are exact. */
#define LN2_HIGH		0x1.62e42fee00000p-1
#define LN2_LOW			0x1.a39ef35793c76p-33
#define LOG2_E			0x1.71547652b82fep+0

/* exp(-x) is nothing beside 1 from here on. */
#define LARGEST_EXPONENT	40.0

/* Terms of the series behind 1; |r| <= ln(2) / 2 makes the next 4e-18. */
#define SERIES_TERMS	13

/*
 * 1 - exp(-x) for x > 0, to about the last bit of exp(-x).
 *
 * exp(-x) = exp(r) / 2^k with |r| <= ln(2) / 2, and exp(r) by its Taylor
 * series.  Go computes it as one less exp(-x), and so do we: where x is tiny,
 * the result must be as coarse as Go's.
 *
 * Every product goes through a volatile, so that no compiler fuses it with
 * the addition behind it, which would round differently.
 */
static double
one_less_exp(double x)
{
	volatile double product;
	double		rest;
	double		sum = 1.0;
	int			k;

	if (x > LARGEST_EXPONENT)
		return 1.0;
	product = x * LOG2_E;
	k = (int) (product + 0.5);
	product = k * LN2_HIGH;
	rest = product - x;
	product = k * LN2_LOW;
	rest = rest + product;
	for (int term = SERIES_TERMS; term > 0; term--)
	{
		product = sum * rest;
		product = product / term;
		sum = 1.0 + product;
	}
	return 1.0 - sum / (double) (UINT64CONST(1) << k);
}

/*
 * What Go's runtime multiplies counts of allocations of that size with; 1
 * where each was counted (rate <= 1).  size > 0.
 */
double
go_heap_scale(int64 size, int64 rate)
{
	if (rate <= 1)
		return 1.0;
	return 1.0 / one_less_exp((double) size / (double) rate);
}

/* The nearest integer; 0 where it is not a count that a program can have. */
static int64
nearest(double number)
{
	const double limit = (double) (INT64CONST(1) << 52);

	if (!(number > -limit && number < limit))
		return 0;
	return (int64) (number < 0 ? number - 0.5 : number + 0.5);
}

/*
 * The count that objects and bytes most likely come from.  It need not be
 * the right one: whoever asks compares what comes of it.  size > 0.
 */
int64
go_heap_count(double scale, int64 size, int64 objects, int64 bytes)
{
	if (bytes != 0)
		return nearest((double) bytes / ((double) size * scale));
	return nearest((double) objects / scale);
}
