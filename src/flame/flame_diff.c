/*
 * flame_diff.c
 *	  Two call trees side by side.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include <math.h>

#include "flame/flame_diff.h"
#include "stack/preorder.h"
#include "stack/running_scale.h"
#include "stack/subtree_sums.h"

typedef struct DiffBuilder
{
	const FlameTree *base;
	const FlameTree *comparison;
	const Allocator *allocator;
	FlameDiff  *diff;
	PyroError  *error;
	uint32	   *name_a;			/* where names and nodes of both sides are */
	uint32	   *name_b;
	uint32	   *node_a;
	uint32	   *node_b;
	long double numerator;		/* the base is scaled by their ratio */
	long double denominator;
} DiffBuilder;

static void *
new_array(DiffBuilder *d, size_t n, size_t element_size)
{
	return allocate_or_fail(d->allocator, n, element_size, d->error);
}

/* Both name tables are sorted: merge them. */
static bool
merge_names(DiffBuilder *d)
{
	const FlameTree *a = d->base;
	const FlameTree *b = d->comparison;
	size_t		bytes = (a->nnames > 0 ? a->name_end[a->nnames - 1] : 0) +
	(size_t) (b->nnames > 0 ? b->name_end[b->nnames - 1] : 0);
	uint32	   *name_end = new_array(d, (size_t) a->nnames + b->nnames,
									 sizeof(uint32));
	char	   *name_bytes = new_array(d, bytes, 1);
	uint32		i = 0;
	uint32		j = 0;
	uint32		n = 0;
	uint32		end = 0;

	d->name_a = new_array(d, a->nnames, sizeof(uint32));
	d->name_b = new_array(d, b->nnames, sizeof(uint32));
	if (name_end == NULL || name_bytes == NULL || d->name_a == NULL ||
		d->name_b == NULL)
		return false;
	while (i < a->nnames || j < b->nnames)
	{
		int			order = i == a->nnames ? 1 : j == b->nnames ? -1 :
		string_ref_compare(flame_name(a, i), flame_name(b, j));
		StringRef	name = order <= 0 ? flame_name(a, i) : flame_name(b, j);

		if (name.length > 0)
			memcpy(name_bytes + end, name.data, name.length);
		name_end[n] = end += name.length;
		if (order <= 0)
			d->name_a[i++] = n;
		if (order >= 0)
			d->name_b[j++] = n;
		n++;
	}
	d->diff->tree.nnames = n;
	d->diff->tree.name_end = name_end;
	d->diff->tree.name_bytes = name_bytes;
	return true;
}

static bool
merge_nodes(DiffBuilder *d)
{
	const FlameTree *a = d->base;
	const FlameTree *b = d->comparison;
	PreorderTree tree_a = {a->nnodes, a->level, a->name};
	PreorderTree tree_b = {b->nnodes, b->level, b->name};
	size_t		most = (size_t) a->nnodes + b->nnodes;
	uint32	   *level = new_array(d, most, sizeof(uint32));
	uint32	   *name = new_array(d, most, sizeof(uint32));

	d->node_a = new_array(d, a->nnodes, sizeof(uint32));
	d->node_b = new_array(d, b->nnodes, sizeof(uint32));
	if (level == NULL || name == NULL || d->node_a == NULL ||
		d->node_b == NULL)
		return false;
	d->diff->tree.nnodes =
		preorder_merge(tree_a, d->name_a, tree_b, d->name_b,
					   d->node_a, d->node_b, level, name);
	name[0] = FLAME_NO_NAME;
	d->diff->tree.level = level;
	d->diff->tree.name = name;
	return true;
}

/* Self values of one side, by its own nodes, by node of the diff. */
static int64 *
place_self(DiffBuilder *d, const int64 *self, uint32 nnodes,
		   const uint32 *node)
{
	uint32		n = d->diff->tree.nnodes;
	int64	   *placed = new_array(d, n, sizeof(int64));

	if (placed == NULL)
		return NULL;
	memset(placed, 0, n * sizeof(int64));
	for (uint32 i = 0; i < nnodes; i++)
		placed[node[i]] = self[i];
	return placed;
}

/* The base's self values, as they are and scaled. */
static bool
place_base(DiffBuilder *d)
{
	const FlameTree *base = d->base;
	FlameDiff  *diff = d->diff;
	int64	   *scaled;

	diff->exact_self = place_self(d, base->self, base->nnodes, d->node_a);
	diff->tree.self = diff->exact_self;
	if (diff->exact_self == NULL || d->numerator == d->denominator)
		return diff->exact_self != NULL;
	scaled = new_array(d, base->nnodes, sizeof(int64));
	if (scaled == NULL ||
		!scale_running_sums(base->self, base->nnodes, d->numerator,
							d->denominator, scaled, d->error))
		return false;
	diff->tree.self = place_self(d, scaled, base->nnodes, d->node_a);
	return diff->tree.self != NULL;
}

/* Totals from self values, over the diff's tree. */
static int64 *
sum_totals(DiffBuilder *d, const int64 *self)
{
	uint32		nnodes = d->diff->tree.nnodes;
	int64	   *total = new_array(d, nnodes, sizeof(int64));

	if (total == NULL || !sum_subtrees(d->diff->parent, self, nnodes, total,
									   d->allocator, d->error))
		return NULL;
	return total;
}

static uint32
count_digits(StringRef text, uint32 at)
{
	uint32		n = 0;

	while (at + n < text.length && text.data[at + n] >= '0' &&
		   text.data[at + n] <= '9')
		n++;
	return n;
}

/* Is it a decimal number without a sign, such as 2, 0.5, .5 or 1e-3? */
static bool
is_decimal(StringRef text)
{
	uint32		at = count_digits(text, 0);
	uint32		ndigits = at;

	if (at < text.length && text.data[at] == '.')
	{
		uint32		fraction = count_digits(text, at + 1);

		ndigits += fraction;
		at += 1 + fraction;
	}
	if (ndigits > 0 && at < text.length && (text.data[at] | 0x20) == 'e')
	{
		uint32		exponent;

		at++;
		if (at < text.length && (text.data[at] == '-' || text.data[at] == '+'))
			at++;
		exponent = count_digits(text, at);
		if (exponent == 0)
			return false;
		at += exponent;
	}
	return ndigits > 0 && at == text.length;
}

/* A decimal number above zero. */
static bool
parse_factor(StringRef text, long double *factor)
{
	char		copy[64];

	if (text.length >= sizeof(copy) || !is_decimal(text))
		return false;
	memcpy(copy, text.data, text.length);
	copy[text.length] = '\0';
	*factor = strtod(copy, NULL);
	return isfinite(*factor) && *factor > 0;
}

static bool
find_factor(DiffBuilder *d, StringRef norm_by)
{
	d->numerator = d->denominator = d->diff->factor = 1;
	if (string_ref_equal(norm_by, string_ref_literal("none")))
		return true;
	if (string_ref_equal(norm_by, string_ref_literal("total")))
	{
		d->numerator = d->comparison->total[0];
		d->denominator = d->base->total[0];
	}
	else if (string_ref_equal(norm_by, string_ref_literal("time")))
	{
		d->numerator = d->comparison->duration_nanos;
		d->denominator = d->base->duration_nanos;
	}
	else if (!parse_factor(norm_by, &d->numerator))
		return pyro_fail(d->error, PYRO_INVALID,
						 "norm_by must be none, total, time or a number above 0, not \"%.*s\"",
						 (int) Min(norm_by.length, 60), norm_by.data);

	/* an empty side gives nothing to measure the other by */
	if (d->numerator == 0 || d->denominator == 0)
		d->numerator = d->denominator = 1;
	if ((d->numerator < 0) != (d->denominator < 0))
		return pyro_fail(d->error, PYRO_INVALID,
						 "cannot scale a total of " INT64_FORMAT " to one of " INT64_FORMAT,
						 (int64) d->denominator, (int64) d->numerator);
	d->diff->factor = (double) (d->numerator / d->denominator);
	return true;
}

/*
 * Put two trees side by side.
 *
 * norm_by scales the base: "none", "total" (to the comparison's total),
 * "time" (to its duration), or a number as text; running_scale.c says how
 * values are rounded.  A tree without a sample type fits any unit, others must have
 * the same one.  Memory comes from the allocator.
 *
 * Returns false with PYRO_INVALID, PYRO_OVERFLOW or PYRO_NO_MEMORY.
 */
bool
flame_diff(const FlameTree *base, const FlameTree *comparison,
		   StringRef norm_by, const Allocator *allocator, FlameDiff *diff,
		   PyroError *error)
{
	DiffBuilder d = {.base = base,.comparison = comparison,
		.allocator = allocator,.diff = diff,.error = error
	};
	const FlameTree *typed = base->is_typed ? base : comparison;

	memset(diff, 0, sizeof(*diff));
	if (base->is_typed && comparison->is_typed &&
		!string_ref_equal(base->unit, comparison->unit))
		return pyro_fail(error, PYRO_INVALID,
						 "cannot compare flame graphs of different units: \"%.*s\" and \"%.*s\"",
						 (int) Min(base->unit.length, 60), base->unit.data,
						 (int) Min(comparison->unit.length, 60),
						 comparison->unit.data);
	if (!find_factor(&d, norm_by) || !merge_names(&d) || !merge_nodes(&d))
		return false;
	diff->parent = preorder_parents(diff->tree.level, diff->tree.nnodes,
									allocator, error);
	if (diff->parent == NULL)
		return false;
	diff->numerator = d.numerator;
	diff->denominator = d.denominator;
	diff->tree.is_typed = typed->is_typed;
	diff->tree.type = typed->type;
	diff->tree.unit = typed->unit;
	diff->tree.nprofiles = base->nprofiles;
	diff->tree.duration_nanos = base->duration_nanos;
	diff->right_self = place_self(&d, comparison->self, comparison->nnodes,
								  d.node_b);
	if (diff->right_self == NULL || !place_base(&d))
		return false;
	diff->right_total = sum_totals(&d, diff->right_self);
	diff->tree.total = sum_totals(&d, diff->tree.self);
	return diff->right_total != NULL && diff->tree.total != NULL;
}
