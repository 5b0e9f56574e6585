/*
 * flame_bearer.c
 *	  The flamebearer format: how Pyroscope hands out flame graphs.
 *
 * A flat array of numbers for each level of the tree, left to right: four
 * numbers a node (offset, total, self, name), seven in a comparison (offset,
 * total, self of the left tree, those of the right one, name).  An offset
 * counts from the end of the node before on that level; children begin behind
 * their parent's self value.  Names are numbered in the order in which a
 * traversal meets them that takes the last child first.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "common/int.h"

#include "flame/flame_bearer.h"
#include "stack/call_tree.h"
#include "stack/hash.h"
#include "stack/json_text.h"

/* Offsets of one side. */
typedef struct BearerSide
{
	int64	   *offset;			/* by row: from the end of the one before */
	int64	   *next;			/* by level: where the next node begins */
	int64	   *end;			/* by level: where the last node ended */
} BearerSide;

typedef struct BearerWriter
{
	const FlameBearerInput *input;
	TextBuffer *out;
	const Allocator *allocator;
	PyroError  *error;
	uint32		nlevels;
	BearerSide	left;
	BearerSide	right;
	CallTree	names;			/* interns */
	uint32	   *name;			/* by row */
} BearerWriter;

static void *
new_array(BearerWriter *w, size_t n, size_t element_size)
{
	return allocate_or_fail(w->allocator, n, element_size, w->error);
}

/* Negative values have no place on the screen, and none in this format. */
static bool
check_values(BearerWriter *w)
{
	const FlameBearerInput *input = w->input;

	for (uint32 i = 0; i < input->nrows; i++)
	{
		const FlameRow *row = &input->rows[i];
		int64		lowest = Min(Min(row->self, row->value),
								 Min(row->self_right, row->value_right));

		if (lowest < 0)
			return pyro_fail(w->error, PYRO_INVALID,
							 "flamebearer cannot show the negative value " INT64_FORMAT,
							 lowest);
	}
	return true;
}

static bool
init_side(BearerWriter *w, BearerSide *side)
{
	size_t		size = ((size_t) w->nlevels + 1) * sizeof(int64);

	side->offset = new_array(w, w->input->nrows, sizeof(int64));
	side->next = new_array(w, (size_t) w->nlevels + 1, sizeof(int64));
	side->end = new_array(w, (size_t) w->nlevels + 1, sizeof(int64));
	if (side->offset == NULL || side->next == NULL || side->end == NULL)
		return false;
	memset(side->next, 0, size);
	memset(side->end, 0, size);
	return true;
}

/* Place the next row in pre-order; no sum here is above the root's total. */
static void
place_row(BearerSide *side, uint32 row, uint32 level, int64 value, int64 self)
{
	int64		start = side->next[level];

	side->offset[row] = start - side->end[level];
	side->next[level] = side->end[level] = start + value;
	side->next[level + 1] = start + self;
}

static bool
place_rows(BearerWriter *w)
{
	const FlameBearerInput *input = w->input;

	for (uint32 i = 0; i < input->nrows; i++)
		w->nlevels = Max(w->nlevels, input->rows[i].level + 1);
	if (!init_side(w, &w->left) || !init_side(w, &w->right))
		return false;
	for (uint32 i = 0; i < input->nrows; i++)
	{
		const FlameRow *row = &input->rows[i];

		place_row(&w->left, i, row->level, row->value, row->self);
		place_row(&w->right, i, row->level, row->value_right,
				  row->self_right);
	}
	return true;
}

/*
 * Number the names.  To take the last child first is to take post-order from
 * its end; a row without a name is called as the root is.
 */
static bool
number_names(BearerWriter *w)
{
	const FlameRow *rows = w->input->rows;
	uint32		nrows = w->input->nrows;
	uint32	   *order = new_array(w, nrows, sizeof(uint32));
	uint32	   *open = new_array(w, (size_t) w->nlevels + 1, sizeof(uint32));
	uint32		depth = 0;
	uint32		n = 0;

	w->name = new_array(w, nrows, sizeof(uint32));
	if (order == NULL || open == NULL || w->name == NULL ||
		!call_tree_init(&w->names, w->allocator, hash_seed_of(w), w->error))
		return false;
	for (uint32 i = 0; i < nrows; i++)
	{
		while (depth > rows[i].level)
			order[n++] = open[--depth];
		open[depth++] = i;
	}
	while (depth > 0)
		order[n++] = open[--depth];
	while (n-- > 0)
	{
		StringRef	label = rows[order[n]].label;

		if (label.length == 0)
			label = rows[0].label;
		if (!call_tree_intern(&w->names, label, &w->name[order[n]], w->error))
			return false;
	}
	return true;
}

static void
append_names(BearerWriter *w)
{
	text_append_string(w->out, "\"names\":[");
	for (uint32 i = 0; i < w->names.nnames; i++)
	{
		if (i > 0)
			text_append_char(w->out, ',');
		json_append_string(w->out, w->names.names[i], w->input->ascii_only);
	}
	text_append_char(w->out, ']');
}

static void
append_row(BearerWriter *w, uint32 row)
{
	const FlameRow *r = &w->input->rows[row];
	int64		numbers[7] = {
		w->left.offset[row], r->value, r->self,
		w->right.offset[row], r->value_right, r->self_right
	};

	for (uint32 i = 0; i < (w->input->is_double ? 6 : 3); i++)
	{
		text_append_int(w->out, numbers[i]);
		text_append_char(w->out, ',');
	}
	text_append_int(w->out, w->name[row]);
}

/* The rows by level, each level from left to right. */
static bool
append_levels(BearerWriter *w)
{
	const FlameRow *rows = w->input->rows;
	uint32		nrows = w->input->nrows;
	uint32	   *order = new_array(w, nrows, sizeof(uint32));
	uint32	   *end = new_array(w, (size_t) w->nlevels + 1, sizeof(uint32));

	if (order == NULL || end == NULL)
		return false;
	memset(end, 0, ((size_t) w->nlevels + 1) * sizeof(uint32));
	for (uint32 i = 0; i < nrows; i++)
		end[rows[i].level + 1]++;
	for (uint32 level = 0; level < w->nlevels; level++)
		end[level + 1] += end[level];
	for (uint32 i = 0; i < nrows; i++)
		order[end[rows[i].level]++] = i;

	text_append_string(w->out, "\"levels\":[");
	for (uint32 i = 0; i < nrows; i++)
	{
		bool		begins = i == 0 ||
		rows[order[i]].level != rows[order[i - 1]].level;

		text_append_string(w->out, i == 0 ? "[" : begins ? "],[" : ",");
		append_row(w, order[i]);
	}
	text_append_string(w->out, "]]");
	return true;
}

/* Ticks, and the largest self value of either side. */
static bool
append_sums(BearerWriter *w)
{
	const FlameRow *rows = w->input->rows;
	int64		max_self = 0;
	int64		total;

	if (pg_add_s64_overflow(rows[0].value, rows[0].value_right, &total))
		return pyro_fail(w->error, PYRO_OVERFLOW,
						 "sum of the totals of both call trees is out of range");
	for (uint32 i = 0; i < w->input->nrows; i++)
		max_self = Max(max_self, Max(rows[i].self, rows[i].self_right));
	text_append_string(w->out, "\"numTicks\":");
	text_append_int(w->out, total);
	text_append_string(w->out, ",\"maxSelf\":");
	text_append_int(w->out, max_self);
	return true;
}

/* Units and rates as Pyroscope's HTTP API gives them for a sample type. */
static void
append_metadata(BearerWriter *w)
{
	static const char *const objects[] = {
		"inuse_objects", "alloc_objects", "goroutine", "samples"
	};
	StringRef	type = w->input->type;
	StringRef	units = w->input->unit;
	bool		is_cpu = string_ref_equal(type, string_ref_literal("cpu"));

	if (is_cpu)
		units = string_ref_literal("samples");
	for (int i = 0; i < lengthof(objects); i++)
		if (string_ref_equal(type, string_ref_literal(objects[i])))
			units = string_ref_literal("objects");
	text_append_string(w->out, ",\"metadata\":{\"format\":");
	text_append_string(w->out, w->input->is_double ? "\"double\"" : "\"single\"");
	text_append_string(w->out, ",\"spyName\":\"\",\"sampleRate\":");
	text_append_int(w->out, is_cpu ? 1000000000 : 100);
	text_append_string(w->out, ",\"units\":");
	json_append_string(w->out, units, w->input->ascii_only);
	text_append_string(w->out, ",\"name\":");
	json_append_string(w->out, type, w->input->ascii_only);
	text_append_char(w->out, '}');
}

/*
 * Append rows as a flamebearer document, version 1: names, levels, sums and
 * metadata, in a comparison also both totals ("leftTicks", "rightTicks").
 *
 * out->failed says whether it was too long.  Returns false with PYRO_INVALID
 * where a value is negative, PYRO_OVERFLOW where the totals of two trees have
 * no sum, or PYRO_NO_MEMORY.
 */
bool
flame_bearer_append(TextBuffer *out, const FlameBearerInput *input,
					const Allocator *allocator, PyroError *error)
{
	BearerWriter w = {.input = input,.out = out,.allocator = allocator,
		.error = error
	};

	if (!check_values(&w) || !place_rows(&w) || !number_names(&w))
		return false;
	text_append_string(out, "{\"version\":1,\"flamebearer\":{");
	append_names(&w);
	text_append_char(out, ',');
	if (!append_levels(&w))
		return false;
	text_append_char(out, ',');
	if (!append_sums(&w))
		return false;
	text_append_char(out, '}');
	append_metadata(&w);
	if (input->is_double)
	{
		text_append_string(out, ",\"leftTicks\":");
		text_append_int(out, input->rows[0].value);
		text_append_string(out, ",\"rightTicks\":");
		text_append_int(out, input->rows[0].value_right);
	}
	text_append_char(out, '}');
	return true;
}
