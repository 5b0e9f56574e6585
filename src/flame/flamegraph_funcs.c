/*
 * flamegraph_funcs.c
 *	  SQL functions that read a `flamegraph`: rows, tops, diffs, pictures.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "flame/flame_diff.h"
#include "flame/flame_rows.h"
#include "flame/flame_svg.h"
#include "flame/flame_text.h"
#include "flame/flame_top.h"
#include "flame/flamegraph_type.h"
#include "profile/context_allocator.h"
#include "profile/sql_text.h"
#include "pyro_ext.h"

/* What a picture shows at most. */
#define SVG_MAX_ROWS	16384

/* ---- rows ---- */

/* The max_nodes argument: rows at most, the root's included. */
static uint32
max_nodes_argument(FunctionCallInfo fcinfo, int argument)
{
	int32		max_nodes = PG_GETARG_INT32(argument);

	if (max_nodes < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_nodes must be at least 1, not %d", max_nodes)));
	return max_nodes;
}

/* Put rows as (ord, level, value, self, label[, valueRight, selfRight]). */
static void
put_rows(ReturnSetInfo *rsinfo, const FlameRow *rows, uint32 nrows)
{
	for (uint32 i = 0; i < nrows; i++)
	{
		const FlameRow *row = &rows[i];
		Datum		values[7];
		bool		nulls[7] = {false};

		CHECK_FOR_INTERRUPTS();
		values[0] = Int32GetDatum(i + 1);
		values[1] = Int32GetDatum(row->level);
		values[2] = Int64GetDatum(row->value);
		values[3] = Int64GetDatum(row->self);
		values[4] = PointerGetDatum(sql_text_readable(row->label));
		values[5] = Int64GetDatum(row->value_right);
		values[6] = Int64GetDatum(row->self_right);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		pfree(DatumGetPointer(values[4]));
	}
}

PYRO_FUNCTION(flamegraph_frames);
/*
 * The rows of a flame graph panel, in pre-order.
 */
Datum
flamegraph_frames(PG_FUNCTION_ARGS)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	FlameTree  *tree = flamegraph_open(PG_GETARG_DATUM(0));
	uint32		max_nodes = max_nodes_argument(fcinfo, 1);
	FlameRow   *rows;
	uint32		nrows;
	PyroError	error;

	InitMaterializedSRF(fcinfo, 0);
	pyro_check(flame_rows(tree, NULL, NULL, max_nodes, &allocator, &rows,
						  &nrows, &error), &error);
	put_rows((ReturnSetInfo *) fcinfo->resultinfo, rows, nrows);
	return (Datum) 0;
}

static double
percent(int64 value, int64 total)
{
	return total == 0 ? 0 : 100.0 * (double) value / (double) total;
}

PYRO_FUNCTION(flamegraph_top);
/*
 * All functions as (function, self, total, self_pct, total_pct).
 */
Datum
flamegraph_top(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	FlameTree  *tree = flamegraph_open(PG_GETARG_DATUM(0));
	FlameFunction *functions;
	PyroError	error;

	InitMaterializedSRF(fcinfo, 0);
	pyro_check(flame_top(tree, &allocator, &functions, &error), &error);
	for (uint32 i = 0; i < tree->nnames; i++)
	{
		const FlameFunction *function = &functions[i];
		StringRef	name = flame_name(tree, function->name);
		Datum		values[5];
		bool		nulls[5] = {false};

		CHECK_FOR_INTERRUPTS();
		values[0] = PointerGetDatum(sql_text_readable(name));
		values[1] = Int64GetDatum(function->self);
		values[2] = Int64GetDatum(function->total);
		values[3] = Float8GetDatum(percent(function->self, tree->total[0]));
		values[4] = Float8GetDatum(percent(function->total, tree->total[0]));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		pfree(DatumGetPointer(values[0]));
	}
	return (Datum) 0;
}

/* Two flame graphs side by side; its arrays are in the current context. */
static void
make_diff(Datum base, Datum comparison, StringRef norm_by, FlameDiff *diff)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	PyroError	error;

	pyro_check(flame_diff(flamegraph_open(base), flamegraph_open(comparison),
						  norm_by, &allocator, diff, &error), &error);
}

PYRO_FUNCTION(flamegraph_diff);
/*
 * The rows of a diff panel: value and self are the base's, the right ones the
 * comparison's.
 */
Datum
flamegraph_diff(PG_FUNCTION_ARGS)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	uint32		max_nodes = max_nodes_argument(fcinfo, 3);
	FlameDiff	diff;
	FlameRow   *rows;
	uint32		nrows;
	PyroError	error;

	InitMaterializedSRF(fcinfo, 0);
	make_diff(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1),
			  sql_text_to_ref(PG_GETARG_TEXT_PP(2)), &diff);
	pyro_check(flame_rows(&diff.tree, diff.right_total, diff.right_self,
						  max_nodes, &allocator, &rows, &nrows, &error),
			   &error);
	put_rows((ReturnSetInfo *) fcinfo->resultinfo, rows, nrows);
	return (Datum) 0;
}

/* ---- numbers ---- */

PYRO_FUNCTION(flamegraph_total);
Datum
flamegraph_total(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(flamegraph_open(PG_GETARG_DATUM(0))->total[0]);
}

PYRO_FUNCTION(flamegraph_self);
/*
 * The self value of a function by its exact name, 0 where it is not there.
 */
Datum
flamegraph_self(PG_FUNCTION_ARGS)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	FlameTree  *tree = flamegraph_open(PG_GETARG_DATUM(0));
	StringRef	wanted = sql_text_to_ref(PG_GETARG_TEXT_PP(1));
	FlameFunction *functions;
	PyroError	error;

	pyro_check(flame_top(tree, &allocator, &functions, &error), &error);
	for (uint32 i = 0; i < tree->nnames; i++)
	{
		StringRef	name = flame_name(tree, functions[i].name);

		CHECK_FOR_INTERRUPTS();
		if (sql_text_is(name, wanted))
			PG_RETURN_INT64(functions[i].self);
	}
	PG_RETURN_INT64(0);
}

PYRO_FUNCTION(flamegraph_share);
/*
 * The share of the total in stacks through a function that matches, 0 to 1.
 */
Datum
flamegraph_share(PG_FUNCTION_ARGS)
{
	FlameTree  *tree = flamegraph_open(PG_GETARG_DATUM(0));
	text	   *regex = PG_GETARG_TEXT_PP(1);
	bool	   *matches = palloc(Max(tree->nnames, 1) * sizeof(bool));
	int64		through;
	PyroError	error;

	/* even where there is nothing to match, a malformed one is an error */
	sql_text_matches(regex, string_ref("", 0));
	for (uint32 i = 0; i < tree->nnames; i++)
	{
		CHECK_FOR_INTERRUPTS();
		matches[i] = sql_text_matches(regex, flame_name(tree, i));
	}
	pyro_check(flame_total_through(tree, matches, &through, &error), &error);
	PG_RETURN_FLOAT8(percent(through, tree->total[0]) / 100);
}

PYRO_FUNCTION(flamegraph_sample_type);
/*
 * "type/unit"; NULL of a tree that nothing went into.
 */
Datum
flamegraph_sample_type(PG_FUNCTION_ARGS)
{
	FlameTree  *tree = flamegraph_open(PG_GETARG_DATUM(0));

	if (!tree->is_typed)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s/%s",
											  sql_cstring_readable(tree->type),
											  sql_cstring_readable(tree->unit))));
}

PYRO_FUNCTION(flamegraph_profiles);
Datum
flamegraph_profiles(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(flamegraph_open(PG_GETARG_DATUM(0))->nprofiles);
}

PYRO_FUNCTION(flamegraph_duration);
Datum
flamegraph_duration(PG_FUNCTION_ARGS)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = flamegraph_open(PG_GETARG_DATUM(0))->duration_nanos / 1000;
	PG_RETURN_POINTER(interval);
}

/* ---- text and pictures ---- */

static text *
buffer_to_text(const TextBuffer *buffer)
{
	if (buffer->failed)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("text of the flame graph is too long for a value")));
	return cstring_to_text_with_len(buffer->data, buffer->length);
}

PYRO_FUNCTION(flamegraph_folded);
Datum
flamegraph_folded(PG_FUNCTION_ARGS)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	FlameTree  *tree = flamegraph_open(PG_GETARG_DATUM(0));
	TextBuffer	buffer;
	PyroError	error;

	text_buffer_init(&buffer, &allocator, MaxAllocSize - VARHDRSZ);
	pyro_check(flame_folded_append(&buffer, tree, sql_text_is_ascii_only(),
								   &error), &error);
	PG_RETURN_TEXT_P(buffer_to_text(&buffer));
}

PYRO_FUNCTION(flamegraph_svg);
Datum
flamegraph_svg(PG_FUNCTION_ARGS)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	FlameTree  *tree = flamegraph_open(PG_GETARG_DATUM(0));
	StringRef	title = sql_text_to_ref(PG_GETARG_TEXT_PP(1));
	FlameRow   *rows;
	uint32		nrows;
	TextBuffer	buffer;
	PyroError	error;

	pyro_check(flame_rows(tree, NULL, NULL, SVG_MAX_ROWS, &allocator, &rows,
						  &nrows, &error), &error);
	text_buffer_init(&buffer, &allocator, MaxAllocSize - VARHDRSZ);
	flame_svg_append(&buffer, rows, nrows, tree->type, tree->unit, title);
	PG_RETURN_TEXT_P(buffer_to_text(&buffer));
}

PYRO_FUNCTION(flamegraph_diff_svg);
Datum
flamegraph_diff_svg(PG_FUNCTION_ARGS)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	FlameDiff	diff;
	StringRef	title = sql_text_to_ref(PG_GETARG_TEXT_PP(2));
	FlameRow   *rows;
	uint32		nrows;
	TextBuffer	buffer;
	PyroError	error;

	make_diff(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1),
			  string_ref_literal("none"), &diff);
	pyro_check(flame_rows(&diff.tree, diff.right_total, diff.right_self,
						  SVG_MAX_ROWS, &allocator, &rows, &nrows, &error),
			   &error);
	text_buffer_init(&buffer, &allocator, MaxAllocSize - VARHDRSZ);
	flame_diff_svg_append(&buffer, rows, nrows, diff.tree.type,
						  diff.tree.unit, title);
	PG_RETURN_TEXT_P(buffer_to_text(&buffer));
}
