/*
 * row_runs.c
 *	  Quals that are tried once for rows that follow each other in a block and
 *	  have the same values in the quals' columns.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"

#include "compat.h"
#include "planner/row_runs.h"
#include "profile/profile_type.h"
#include "tableam/block_row.h"

/* A qual, and what it says of the run on which the scan is. */
typedef struct RunQual
{
	ExprState  *qual;
	Bitmapset  *columns;
	bool		usable;			/* in this block: not, where runs are short */
	RowRange	range;			/* of the run; empty before the first */
	bool		is_met;
} RunQual;

struct RowRuns
{
	Relation	relation;
	TupleTableSlot *slot;		/* with the columns of one qual */
	ExprContext *econtext;
	const BlockEntry *entry;	/* the block for which `usable` was found */
	uint64		read;
	uint64		skipped;
	int			count;
	RunQual		quals[FLEXIBLE_ARRAY_MEMBER];
};

/* ---- which quals ---- */

static bool
has_subplan(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubPlan) || IsA(node, AlternativeSubPlan))
		return true;
	return expression_tree_walker(node, has_subplan, context);
}

/* The columns of a qual that can be tried for runs; NULL if it cannot. */
static Bitmapset *
columns_of_qual(Relation relation, Index varno, Node *qual)
{
	TupleDesc	desc = RelationGetDescr(relation);
	Bitmapset  *numbers = NULL;
	Bitmapset  *columns = NULL;
	int			number = -1;

	if (has_subplan(qual, NULL))
		return NULL;
	pull_varattnos(qual, varno, &numbers);
	while ((number = bms_next_member(numbers, number)) >= 0)
	{
		AttrNumber	attnum = number + FirstLowInvalidHeapAttributeNumber;

		/* neither system columns nor whole rows */
		if (attnum <= 0 || profile_is_type(TupleDescAttr(desc, attnum - 1)->atttypid))
			return NULL;
		columns = bms_add_member(columns, attnum);
	}
	return columns;
}

RowRuns *
row_runs_create(Relation relation, Index varno, List *quals, PlanState *parent)
{
	EState	   *estate = parent->state;
	RowRuns    *runs = palloc0(offsetof(RowRuns, quals) + list_length(quals) * sizeof(RunQual));
	ListCell   *cell;

	runs->relation = relation;
	foreach(cell, quals)
	{
		Bitmapset  *columns = columns_of_qual(relation, varno, lfirst(cell));
		RunQual    *qual = &runs->quals[runs->count];

		if (columns == NULL)
			continue;
		qual->columns = columns;
		qual->qual = ExecInitQual(list_make1(lfirst(cell)), parent);
		runs->count++;
	}
	if (runs->count == 0)
	{
		pfree(runs);
		return NULL;
	}
	runs->slot = ExecAllocTableSlot(&estate->es_tupleTable, RelationGetDescr(relation),
									&TTSOpsVirtual);
	runs->econtext = CreateExprContext(estate);
	row_runs_forget(runs);
	return runs;
}

void
row_runs_forget(RowRuns *runs)
{
	runs->entry = NULL;
	ExecClearTuple(runs->slot);
}

void
row_runs_counts(const RowRuns *runs, uint64 *read, uint64 *skipped)
{
	*read = runs->read;
	*skipped = runs->skipped;
}

/* ---- the runs of a block ---- */

/* Are the runs of a qual's columns long enough to be tried before their rows? */
static bool
has_long_runs(RowRuns *runs, const RunQual *qual, BlockPin *pin, const BlockEntry *entry)
{
	TupleDesc	desc = RelationGetDescr(runs->relation);
	int			attnum = -1;

	while ((attnum = bms_next_member(qual->columns, attnum)) > 0)
	{
		const ValueRuns *values = block_runs(pin, runs->relation, entry,
											 TupleDescAttr(desc, attnum - 1));

		if (values != NULL && values->count == 0)
			return false;
	}
	return true;
}

static void
enter_block(RowRuns *runs, BlockPin *pin, const BlockEntry *entry)
{
	for (int i = 0; i < runs->count; i++)
	{
		RunQual    *qual = &runs->quals[i];

		qual->usable = has_long_runs(runs, qual, pin, entry);
		qual->range = (RowRange) {0, -1};
	}
	runs->entry = entry;
}

/* Narrow a range that has the row to the run of a column's value. */
static void
narrow(RowRange *range, const ValueRuns *values, int row)
{
	int			low = 0,
				high = values->count;

	/* the last run that begins at or before the row */
	while (high - low > 1)
	{
		int			middle = low + (high - low) / 2;

		if (values->starts[middle] <= row)
			low = middle;
		else
			high = middle;
	}
	range->first = Max(range->first, values->starts[low]);
	if (low + 1 < values->count)
		range->last = Min(range->last, values->starts[low + 1] - 1);
}

/* Go to the run of a row, and try the qual for it. */
static void
try_qual(RowRuns *runs, RunQual *qual, BlockPin *pin, const BlockEntry *entry, int row)
{
	TupleDesc	desc = RelationGetDescr(runs->relation);
	int			attnum = -1;

	/* nothing of the run before is believed if this one fails */
	qual->range = (RowRange) {0, -1};
	ResetExprContext(runs->econtext);
	block_row_store_columns(pin, runs->relation, entry, row, qual->columns, runs->slot);
	runs->econtext->ecxt_scantuple = runs->slot;
	qual->is_met = ExecQual(qual->qual, runs->econtext);
	if (qual->is_met)
		runs->read++;
	else
		runs->skipped++;

	qual->range = (RowRange) {0, entry->rows - 1};
	while ((attnum = bms_next_member(qual->columns, attnum)) > 0)
	{
		const ValueRuns *values = block_runs(pin, runs->relation, entry,
											 TupleDescAttr(desc, attnum - 1));

		if (values != NULL)
			narrow(&qual->range, values, row);
	}
}

bool
row_runs_may_be_wanted(RowRuns *runs, BlockPin *pin, const BlockEntry *entry, int row,
					   RowRange *range)
{
	if (runs->entry != entry)
		enter_block(runs, pin, entry);
	for (int i = 0; i < runs->count; i++)
	{
		RunQual    *qual = &runs->quals[i];

		if (!qual->usable)
			continue;
		if (row < qual->range.first || row > qual->range.last)
			try_qual(runs, qual, pin, entry, row);
		if (!qual->is_met)
		{
			*range = qual->range;
			return false;
		}
	}
	return true;
}
