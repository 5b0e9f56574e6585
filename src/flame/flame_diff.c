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

#include "common/int.h"

#include "flame/flame_diff.h"
#include "stack/preorder.h"

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
} DiffBuilder;

static void *
new_array(DiffBuilder *d, size_t n, size_t element_size)
{
	void	   *array = allocate_array(d->allocator, n, element_size);

	if (array == NULL)
		pyro_fail_memory(d->error);
	return array;
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

/* Self values of one side by node of the diff, scaled. */
static int64 *
place_self(DiffBuilder *d, const FlameTree *side, const uint32 *node,
		   double factor)
{
	uint32		n = d->diff->tree.nnodes;
	int64	   *self = new_array(d, n, sizeof(int64));

	if (self == NULL)
		return NULL;
	memset(self, 0, n * sizeof(int64));
	for (uint32 i = 0; i < side->nnodes; i++)
	{
		double		scaled = rint((double) side->self[i] * factor);

		if (factor == 1)
			self[node[i]] = side->self[i];
		else if (scaled >= -9223372036854775808.0 &&
				 scaled < 9223372036854775808.0)
			self[node[i]] = (int64) scaled;
		else
		{
			pyro_fail(d->error, PYRO_OVERFLOW,
					  "scaled value of a call tree is out of range");
			return NULL;
		}
	}
	return self;
}

/* Totals from self values, over the diff's tree. */
static int64 *
sum_totals(DiffBuilder *d, const int64 *self)
{
	const FlameTree *tree = &d->diff->tree;
	int64	   *total = new_array(d, tree->nnodes, sizeof(int64));
	int64	   *open;			/* by level: what stands below it so far */
	uint32		deepest;

	deepest = flame_deepest_level(tree);
	open = new_array(d, (size_t) deepest + 2, sizeof(int64));
	if (total == NULL || open == NULL)
		return NULL;
	memset(open, 0, ((size_t) deepest + 2) * sizeof(int64));
	for (uint32 i = tree->nnodes; i-- > 0;)
	{
		uint32		level = tree->level[i];

		if (pg_add_s64_overflow(self[i], open[level + 1], &total[i]) ||
			pg_add_s64_overflow(open[level], total[i], &open[level]))
		{
			pyro_fail(d->error, PYRO_OVERFLOW,
					  "total of a call tree is out of range");
			return NULL;
		}
		open[level + 1] = 0;
	}
	return total;
}

/* A whole decimal number, such as 2, 0.5 or 1e-3, above zero. */
static bool
parse_factor(StringRef text, double *factor)
{
	char		copy[64];
	char	   *end;

	if (text.length == 0 || text.length >= sizeof(copy))
		return false;
	memcpy(copy, text.data, text.length);
	copy[text.length] = '\0';
	*factor = strtod(copy, &end);
	return *end == '\0' && isfinite(*factor) && *factor > 0;
}

static bool
find_factor(DiffBuilder *d, StringRef norm_by)
{
	double	   *factor = &d->diff->factor;
	double		base;
	double		comparison;

	*factor = 1;
	if (string_ref_equal(norm_by, string_ref_literal("none")))
		return true;
	if (string_ref_equal(norm_by, string_ref_literal("total")))
	{
		base = d->base->total[0];
		comparison = d->comparison->total[0];
	}
	else if (string_ref_equal(norm_by, string_ref_literal("time")))
	{
		base = d->base->duration_nanos;
		comparison = d->comparison->duration_nanos;
	}
	else
		return parse_factor(norm_by, factor) ||
			pyro_fail(d->error, PYRO_INVALID,
					  "norm_by must be none, total, time or a number above 0");

	/* an empty side gives nothing to measure the other by */
	if (base != 0 && comparison != 0)
		*factor = comparison / base;
	return true;
}

/*
 * Put two trees side by side.
 *
 * norm_by scales the base: "none", "total" (to the comparison's total),
 * "time" (to its duration), or a number as text.  Values are rounded once, by
 * node; totals are the sums of the rounded ones.  An empty tree fits any
 * unit, others must have the same one.  Memory comes from the allocator.
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
	bool		base_is_typed = base->unit.length > 0 ||
	base->type.length > 0;
	const FlameTree *typed = base_is_typed ? base : comparison;

	memset(diff, 0, sizeof(*diff));
	if (base_is_typed &&
		(comparison->unit.length > 0 || comparison->type.length > 0) &&
		!string_ref_equal(base->unit, comparison->unit))
		return pyro_fail(error, PYRO_INVALID,
						 "cannot compare flame graphs of different units: \"%.*s\" and \"%.*s\"",
						 (int) Min(base->unit.length, 60), base->unit.data,
						 (int) Min(comparison->unit.length, 60),
						 comparison->unit.data);
	if (!find_factor(&d, norm_by) || !merge_names(&d) || !merge_nodes(&d))
		return false;
	diff->tree.type = typed->type;
	diff->tree.unit = typed->unit;
	diff->tree.nprofiles = base->nprofiles;
	diff->tree.duration_nanos = base->duration_nanos;
	diff->right_self = place_self(&d, comparison, d.node_b, 1);
	diff->tree.self = place_self(&d, base, d.node_a, diff->factor);
	if (diff->right_self == NULL || diff->tree.self == NULL)
		return false;
	diff->right_total = sum_totals(&d, diff->right_self);
	diff->tree.total = sum_totals(&d, diff->tree.self);
	return diff->right_total != NULL && diff->tree.total != NULL;
}
