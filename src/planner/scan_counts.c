/*
 * scan_counts.c
 *	  What a PyroScan has counted, and EXPLAIN, which shows it.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "storage/dsm.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "compat.h"
#include EXPLAIN_FORMAT_HEADER
#include EXPLAIN_STATE_HEADER
#include "planner/pyro_scan.h"

/* ---- counting ---- */

/* What this process has counted. */
static ScanCounts
own_counts(const PyroScanState *state)
{
	const BlockScan *scan = &state->scan;
	ScanCounts	counts = {
		.blocks_read = scan->blocks_read,
		.skipped_by_range = scan->blocks_skipped - state->skipped_by_filter,
		.skipped_by_filter = state->skipped_by_filter,
		.streams = scan->decoded.streams,
		.stored = scan->decoded.stored,
		.raw = scan->decoded.raw,
	};

	if (state->runs != NULL)
		row_runs_counts(state->runs, &counts.runs_read, &counts.runs_skipped);
	return counts;
}

void
pyro_scan_share_counts(PyroScanState *state)
{
	ScanCounts	counts = own_counts(state);
	const uint64 *count = (const uint64 *) &counts;

	for (int i = 0; i < SCAN_COUNTS; i++)
		pg_atomic_fetch_add_u64(&state->shared->counts[i], count[i]);
}

/* The leader lets go of the shared memory; all workers have ended. */
static void
take_counts(struct dsm_segment *segment, Datum arg)
{
	PyroScanState *state = (PyroScanState *) DatumGetPointer(arg);
	uint64	   *count = (uint64 *) &state->workers;

	for (int i = 0; i < SCAN_COUNTS; i++)
		count[i] += pg_atomic_read_u64(&state->shared->counts[i]);
	state->shared = NULL;
	state->segment = NULL;
}

static void
forget_segment(void *arg)
{
	PyroScanState *state = arg;

	if (state->segment != NULL)
		cancel_on_dsm_detach(state->segment, take_counts, PointerGetDatum(state));
}

void
pyro_scan_collect_counts(PyroScanState *state, struct dsm_segment *segment)
{
	/* without workers there may be none */
	if (segment == NULL)
		return;
	if (state->callback.func == NULL)
	{
		state->callback.func = forget_segment;
		state->callback.arg = state;
		MemoryContextRegisterResetCallback(state->css.ss.ps.state->es_query_cxt,
										   &state->callback);
	}
	state->segment = segment;
	on_dsm_detach(segment, take_counts, PointerGetDatum(state));
}

/* ---- EXPLAIN ---- */

static void
show_filter(PyroScanState *state, List *ancestors, ExplainState *es)
{
	List	   *context;
	List	   *clauses;

	if (state->filter == NULL)
		return;
	clauses = block_filter_clauses(state->filter);
	context = set_deparse_context_plan(es->deparse_cxt, state->css.ss.ps.plan, ancestors);
	ExplainPropertyText("Block Filter",
						deparse_expression((Node *) make_ands_explicit(clauses), context,
										   es->verbose, false), es);
}

static void
show_columns(PyroScanState *state, ExplainState *es)
{
	TupleDesc	desc = RelationGetDescr(state->css.ss.ss_currentRelation);
	const Bitmapset *columns = state->scan.columns;
	List	   *names = NIL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped && (columns == NULL || bms_is_member(i + 1, columns)))
			names = lappend(names, (char *) quote_identifier(NameStr(attribute->attname)));
	}
	if (names == NIL && es->format == EXPLAIN_FORMAT_TEXT)
		ExplainPropertyText("Columns", "(none)", es);
	else
		ExplainPropertyList("Columns", names, es);
}

static void
show_counts_as_text(const PyroScanState *state, const ScanCounts *counts, ExplainState *es)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "read=" UINT64_FORMAT " skipped=" UINT64_FORMAT, counts->blocks_read,
					 counts->skipped_by_range + counts->skipped_by_filter);
	if (counts->skipped_by_range + counts->skipped_by_filter > 0)
		appendStringInfo(&text, " (by range " UINT64_FORMAT ", by filter " UINT64_FORMAT ")",
						 counts->skipped_by_range, counts->skipped_by_filter);
	ExplainPropertyText("Blocks", text.data, es);
	if (state->runs != NULL)
	{
		resetStringInfo(&text);
		appendStringInfo(&text, "read=" UINT64_FORMAT " skipped=" UINT64_FORMAT,
						 counts->runs_read, counts->runs_skipped);
		ExplainPropertyText("Runs", text.data, es);
	}
	resetStringInfo(&text);
	appendStringInfo(&text, UINT64_FORMAT " decoded, stored " UINT64_FORMAT "kB, decoded " UINT64_FORMAT "kB",
					 counts->streams, (counts->stored + 1023) / 1024, (counts->raw + 1023) / 1024);
	ExplainPropertyText("Streams", text.data, es);
	pfree(text.data);
}

static void
show_counts(const PyroScanState *state, ExplainState *es)
{
	ScanCounts	counts = own_counts(state);
	uint64	   *count = (uint64 *) &counts;
	const uint64 *more = (const uint64 *) &state->workers;

	for (int i = 0; i < SCAN_COUNTS; i++)
		count[i] += more[i];
	if (es->format == EXPLAIN_FORMAT_TEXT)
	{
		show_counts_as_text(state, &counts, es);
		return;
	}
	ExplainPropertyUInteger("Blocks Read", NULL, counts.blocks_read, es);
	ExplainPropertyUInteger("Blocks Skipped by Range", NULL, counts.skipped_by_range, es);
	ExplainPropertyUInteger("Blocks Skipped by Filter", NULL, counts.skipped_by_filter, es);
	ExplainPropertyUInteger("Runs Read", NULL, counts.runs_read, es);
	ExplainPropertyUInteger("Runs Skipped", NULL, counts.runs_skipped, es);
	ExplainPropertyUInteger("Streams Decoded", NULL, counts.streams, es);
	ExplainPropertyUInteger("Stream Bytes Stored", "B", counts.stored, es);
	ExplainPropertyUInteger("Stream Bytes Decoded", "B", counts.raw, es);
}

void
pyro_scan_explain(CustomScanState *css, List *ancestors, ExplainState *es)
{
	PyroScanState *state = (PyroScanState *) css;

	show_filter(state, ancestors, es);
	show_columns(state, es);
	if (es->analyze)
		show_counts(state, es);
}
