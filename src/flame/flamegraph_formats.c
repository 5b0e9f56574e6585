/*
 * flamegraph_formats.c
 *	  SQL functions that give a `flamegraph` in the formats of other tools.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "compat.h"
#include "flame/flame_bearer.h"
#include "flame/flame_diff.h"
#include "flame/flame_pprof.h"
#include "flame/flame_speedscope.h"
#include "flame/flamegraph_type.h"
#include "profile/context_allocator.h"
#include "profile/profile_type.h"
#include "profile/sql_text.h"
#include "pyro_ext.h"

/* The text of a JSON document as jsonb. */
static Datum
buffer_to_jsonb(TextBuffer *buffer)
{
	text_append_char(buffer, '\0');
	if (buffer->failed)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("JSON of the flame graph is too long for a value")));
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(buffer->data));
}

/* A flamebearer of rows, which may compare two trees. */
static Datum
make_flamebearer(const FlameTree *tree, const int64 *right_total,
				 const int64 *right_self, int32 max_nodes)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	FlameBearerInput input = {
		.is_double = right_total != NULL,
		.type = tree->type,.unit = tree->unit,
		.ascii_only = sql_text_is_ascii_only()
	};
	FlameRow   *rows;
	TextBuffer	buffer;
	PyroError	error;

	if (max_nodes < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_nodes must be at least 1, not %d", max_nodes)));
	pyro_check(flame_rows(tree, right_total, right_self, max_nodes, &allocator,
						  &rows, &input.nrows, &error), &error);
	input.rows = rows;
	text_buffer_init(&buffer, &allocator, MaxAllocSize - 1);
	pyro_check(flame_bearer_append(&buffer, &input, &allocator, &error),
			   &error);
	return buffer_to_jsonb(&buffer);
}

PYRO_FUNCTION(flamegraph_flamebearer);
/*
 * A flamebearer document, format "single".
 */
Datum
flamegraph_flamebearer(PG_FUNCTION_ARGS)
{
	return make_flamebearer(flamegraph_open(PG_GETARG_DATUM(0)), NULL, NULL,
							PG_GETARG_INT32(1));
}

PYRO_FUNCTION(flamegraph_diff_flamebearer);
/*
 * A flamebearer document, format "double": the base on the left.
 */
Datum
flamegraph_diff_flamebearer(PG_FUNCTION_ARGS)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	FlameDiff	diff;
	PyroError	error;

	pyro_check(flame_diff(flamegraph_open(PG_GETARG_DATUM(0)),
						  flamegraph_open(PG_GETARG_DATUM(1)),
						  string_ref_literal("none"), &allocator, &diff,
						  &error), &error);
	return make_flamebearer(&diff.tree, diff.right_total, diff.right_self,
							PG_GETARG_INT32(2));
}

PYRO_FUNCTION(flamegraph_speedscope);
/*
 * A speedscope file.
 */
Datum
flamegraph_speedscope(PG_FUNCTION_ARGS)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	FlameTree  *tree = flamegraph_open(PG_GETARG_DATUM(0));
	TextBuffer	buffer;
	PyroError	error;

	text_buffer_init(&buffer, &allocator, MaxAllocSize - 1);
	pyro_check(flame_speedscope_append(&buffer, tree, sql_text_is_ascii_only(),
									   &allocator, &error), &error);
	return buffer_to_jsonb(&buffer);
}

PYRO_FUNCTION(flamegraph_pprof);
/*
 * Canonical gzip'd pprof of function names.
 */
Datum
flamegraph_pprof(PG_FUNCTION_ARGS)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	FlameTree  *tree = flamegraph_open(PG_GETARG_DATUM(0));
	Profile		profile;
	PyroError	error;

	pyro_check(flame_to_profile(tree, &allocator, &profile, &error), &error);
	PG_RETURN_BYTEA_P(profile_to_gzip(&profile));
}
