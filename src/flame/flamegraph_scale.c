/*
 * flamegraph_scale.c
 *	  A `flamegraph` times a number: operator * and aggregate flamegraph_avg.
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "flame/flamegraph_type.h"
#include "profile/context_allocator.h"
#include "pyro_ext.h"
#include "stack/running_scale.h"

/* The tree times numerator / denominator; it keeps its counts. */
static struct varlena *
scale(const FlameTree *tree, long double numerator, long double denominator)
{
	FlameTree	scaled = *tree;
	int64	   *self = MemoryContextAllocHuge(CurrentMemoryContext,
											  tree->nnodes * sizeof(int64));
	PyroError	error;

	pyro_check(scale_running_sums(tree->self, tree->nnodes, numerator,
								  denominator, self, &error), &error);
	scaled.self = self;
	return flamegraph_make_copy(&scaled);
}

PYRO_FUNCTION(flamegraph_multiply);
/*
 * All values times a finite number.
 */
Datum
flamegraph_multiply(PG_FUNCTION_ARGS)
{
	FlameTree  *tree = flamegraph_open(PG_GETARG_DATUM(0));
	float8		factor = PG_GETARG_FLOAT8(1);

	if (!isfinite(factor))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot multiply a flame graph by %g", factor)));
	PG_RETURN_POINTER(scale(tree, factor, 1));
}

PYRO_FUNCTION(flamegraph_avg_final);
/*
 * The mean over the profiles that went in, as many as it says, and of their
 * durations; an empty tree where none went in.
 */
Datum
flamegraph_avg_final(PG_FUNCTION_ARGS)
{
	FlameTree  *tree;
	int64		n;

	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(flamegraph_make_empty());
	tree = flamegraph_open(PG_GETARG_DATUM(0));
	n = Max(tree->nprofiles, 1);
	tree->duration_nanos /= n;
	PG_RETURN_POINTER(scale(tree, 1, n));
}
