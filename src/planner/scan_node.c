/*
 * scan_node.c
 *	  How a PyroScan is run.
 *
 * The node has two slots: rows of the head come in one of the table's own kind,
 * as do those that EvalPlanQual has in store, and rows of blocks in a virtual
 * one.  ss_ScanTupleSlot is the one that holds the row on which the scan is, for
 * those who look at it from outside (WHERE CURRENT OF).  So expressions are
 * compiled for slots of any kind.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/relscan.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/dsm.h"
#include "utils/rel.h"

#include "compat.h"
#include "planner/pyro_scan.h"

/* ---- what the access method asks ---- */

static bool
may_have(void *arg, const BlockEntry *entry)
{
	PyroScanState *state = arg;
	SkipReason	reason;

	if (!state->filter_prepared)
	{
		block_filter_prepare(state->filter, state->css.ss.ps.ps_ExprContext);
		state->filter_prepared = true;
	}
	if (block_filter_may_have(state->filter, entry, &reason))
		return true;
	if (reason == SKIP_BY_FILTER)
		state->skipped_by_filter++;
	return false;
}

static bool
may_be_wanted(void *arg, BlockPin *pin, const BlockEntry *entry, int row, RowRange *range)
{
	PyroScanState *state = arg;

	return row_runs_may_be_wanted(state->runs, pin, entry, row, range);
}

/* ---- begin and end ---- */

/* The executor has compiled the expressions for virtual slots alone: once more. */
static void
compile_expressions(PyroScanState *state)
{
	ScanState  *ss = &state->css.ss;

	ss->ps.subPlan = NIL;
	ss->ps.scanops = &TTSOpsVirtual;
	ss->ps.scanopsfixed = false;
	ss->ps.scanopsset = true;
	ExecAssignScanProjectionInfo(ss);
	ss->ps.qual = ExecInitQual(ss->ps.plan->qual, &ss->ps);
}

static void
begin_scan(CustomScanState *css, EState *estate, int eflags)
{
	PyroScanState *state = (PyroScanState *) css;
	CustomScan *plan = (CustomScan *) css->ss.ps.plan;
	Relation	relation = css->ss.ss_currentRelation;
	Index		varno = plan->scan.scanrelid;
	List	   *early = pyro_scan_early_quals(plan);

	state->scan.slot = css->ss.ss_ScanTupleSlot;
	state->head_slot = ExecAllocTableSlot(&estate->es_tupleTable, RelationGetDescr(relation),
										  table_slot_callbacks(relation));
	css->ss.ss_ScanTupleSlot = state->head_slot;
	compile_expressions(state);

	if (!pyro_scan_columns(list_concat_copy(plan->scan.plan.targetlist, plan->scan.plan.qual),
						   varno, &state->scan.columns))
		elog(ERROR, "rows of blocks have no such system column");
	state->filter = block_filter_create(relation, varno, early, &css->ss.ps);
	state->runs = row_runs_create(relation, varno, plan->scan.plan.qual, early, &css->ss.ps);
	state->scan.may_have = state->filter != NULL ? may_have : NULL;
	state->scan.may_be_wanted = state->runs != NULL ? may_be_wanted : NULL;
	state->scan.arg = state;
}

static void
clear_slots(PyroScanState *state)
{
	ExecClearTuple(state->head_slot);
	ExecClearTuple(state->scan.slot);
	state->css.ss.ss_ScanTupleSlot = state->head_slot;
}

static void
end_scan(CustomScanState *css)
{
	PyroScanState *state = (PyroScanState *) css;

	if (state->is_worker)
		pyro_scan_share_counts(state);
	clear_slots(state);
	if (css->ss.ss_currentScanDesc != NULL)
		table_endscan(css->ss.ss_currentScanDesc);
	css->ss.ss_currentScanDesc = NULL;
}

/* ---- rows ---- */

static TupleTableSlot *
next_row(ScanState *ss)
{
	PyroScanState *state = (PyroScanState *) ss;
	EState	   *estate = ss->ps.state;
	TupleTableSlot *slot;

	if (ss->ss_currentScanDesc == NULL)
	{
		/* not parallel, or a parallel plan that is run by one process */
		ss->ss_currentScanDesc = table_beginscan(ss->ss_currentRelation, estate->es_snapshot, 0,
												 NULL);
		block_scan_attach(ss->ss_currentScanDesc, &state->scan);
	}
	slot = block_scan_next(ss->ss_currentScanDesc, estate->es_direction, state->head_slot);
	ss->ss_ScanTupleSlot = slot != NULL ? slot : state->head_slot;
	return slot;
}

/* All conditions are quals of the plan, which are tested anyway. */
static bool
recheck_row(ScanState *ss, TupleTableSlot *slot)
{
	return true;
}

static TupleTableSlot *
exec_scan(CustomScanState *css)
{
	PyroScanState *state = (PyroScanState *) css;

	/* EvalPlanQual fetches rows into this */
	if (css->ss.ps.state->es_epq_active != NULL)
		css->ss.ss_ScanTupleSlot = state->head_slot;
	return ExecScan(&css->ss, next_row, recheck_row);
}

static void
rescan(CustomScanState *css)
{
	PyroScanState *state = (PyroScanState *) css;

	clear_slots(state);
	if (css->ss.ss_currentScanDesc != NULL)
		table_rescan(css->ss.ss_currentScanDesc, NULL);
	state->filter_prepared = false;
	if (state->runs != NULL)
		row_runs_forget(state->runs);
	ExecScanReScan(&css->ss);
}

/* ---- parallel scans ---- */

/* Where the table's part of the shared memory begins. */
static ParallelTableScanDesc
shared_table_scan(void *coordinate)
{
	return (ParallelTableScanDesc) ((char *) coordinate + MAXALIGN(sizeof(SharedScan)));
}

static Size
estimate_shared(CustomScanState *css, ParallelContext *context)
{
	return add_size(MAXALIGN(sizeof(SharedScan)),
					table_parallelscan_estimate(css->ss.ss_currentRelation,
												css->ss.ps.state->es_snapshot));
}

static void
begin_parallel_scan(PyroScanState *state, void *coordinate)
{
	ScanState  *ss = &state->css.ss;

	state->shared = coordinate;
	/* of the workers before, where a Gather that has ended begins again */
	if (ss->ss_currentScanDesc != NULL)
		table_endscan(ss->ss_currentScanDesc);
	ss->ss_currentScanDesc = table_beginscan_parallel(ss->ss_currentRelation,
													  shared_table_scan(coordinate));
	block_scan_attach(ss->ss_currentScanDesc, &state->scan);
}

static void
initialize_shared(CustomScanState *css, ParallelContext *context, void *coordinate)
{
	PyroScanState *state = (PyroScanState *) css;
	SharedScan *shared = coordinate;

	for (int i = 0; i < SCAN_COUNTS; i++)
		pg_atomic_init_u64(&shared->counts[i], 0);
	table_parallelscan_initialize(css->ss.ss_currentRelation, shared_table_scan(coordinate),
								  css->ss.ps.state->es_snapshot);
	begin_parallel_scan(state, coordinate);
	pyro_scan_collect_counts(state, context->seg);
}

static void
reinitialize_shared(CustomScanState *css, ParallelContext *context, void *coordinate)
{
	table_parallelscan_reinitialize(css->ss.ss_currentRelation, shared_table_scan(coordinate));
}

static void
initialize_worker(CustomScanState *css, shm_toc *toc, void *coordinate)
{
	PyroScanState *state = (PyroScanState *) css;

	state->is_worker = true;
	begin_parallel_scan(state, coordinate);
}

/* ---- the methods ---- */

static const CustomExecMethods exec_methods = {
	.CustomName = "PyroScan",
	.BeginCustomScan = begin_scan,
	.ExecCustomScan = exec_scan,
	.EndCustomScan = end_scan,
	.ReScanCustomScan = rescan,
	.EstimateDSMCustomScan = estimate_shared,
	.InitializeDSMCustomScan = initialize_shared,
	.ReInitializeDSMCustomScan = reinitialize_shared,
	.InitializeWorkerCustomScan = initialize_worker,
	.ExplainCustomScan = pyro_scan_explain,
};

static Node *
create_state(CustomScan *plan)
{
	PyroScanState *state = palloc0(sizeof(PyroScanState));

	NodeSetTag(state, T_CustomScanState);
	state->css.methods = &exec_methods;
	return (Node *) state;
}

const CustomScanMethods pyro_scan_methods = {
	.CustomName = "PyroScan",
	.CreateCustomScanState = create_state,
};
