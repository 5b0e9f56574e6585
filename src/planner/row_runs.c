/*
 * row_runs.c
 *	  Quals that are tried once for rows that follow each other in a block and
 *	  have the same values in the quals' columns.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"

#include "compat.h"
#include "planner/row_runs.h"
#include "profile/profile_type.h"
#include "tableam/block_row.h"

/*
 * A qual, and what it says of the run on which the scan is; or one that is only
 * tried for single rows, before those behind it that may fail.
 */
typedef struct RunQual
{
	ExprState  *qual;
	Bitmapset  *columns;		/* and 0, so that it is never empty */
	bool		by_runs;
	bool		may_fail;		/* with an error, for some value */
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

/*
 * Find the columns of a qual; false if it cannot be tried before the row is
 * stored.  by_runs: has it columns, and none of profiles?
 */
static bool
columns_of_qual(Relation relation, Index varno, Node *qual, Bitmapset **columns, bool *by_runs)
{
	TupleDesc	desc = RelationGetDescr(relation);
	Bitmapset  *numbers = NULL;
	int			number = -1;

	if (has_subplan(qual, NULL))
		return false;
	pull_varattnos(qual, varno, &numbers);
	*columns = bms_make_singleton(0);
	*by_runs = !bms_is_empty(numbers);
	while ((number = bms_next_member(numbers, number)) >= 0)
	{
		AttrNumber	attnum = number + FirstLowInvalidHeapAttributeNumber;

		/* neither system columns nor whole rows */
		if (attnum <= 0)
			return false;
		if (profile_is_type(TupleDescAttr(desc, attnum - 1)->atttypid))
			*by_runs = false;
		*columns = bms_add_member(*columns, attnum);
	}
	return true;
}

/* Collect the quals, in their order; returns how many there are to be tried for runs. */
static int
collect_quals(RowRuns *runs, Index varno, List *quals, List *early, PlanState *parent)
{
	bool		behind_others = false;
	int			by_runs = 0;
	ListCell   *cell;

	foreach(cell, quals)
	{
		RunQual    *qual = &runs->quals[runs->count];

		if (!list_member_ptr(early, lfirst(cell)) ||
			!columns_of_qual(runs->relation, varno, lfirst(cell), &qual->columns, &qual->by_runs))
		{
			behind_others = true;
			continue;
		}
		qual->may_fail = contain_leaked_vars(lfirst(cell));
		if (behind_others && (qual->may_fail || !qual->by_runs))
			continue;
		qual->qual = ExecInitQual(list_make1(lfirst(cell)), parent);
		by_runs += qual->by_runs;
		runs->count++;
	}
	return by_runs;
}

RowRuns *
row_runs_create(Relation relation, Index varno, List *quals, List *early, PlanState *parent)
{
	EState	   *estate = parent->state;
	RowRuns    *runs = palloc0(offsetof(RowRuns, quals) + list_length(quals) * sizeof(RunQual));

	runs->relation = relation;
	if (collect_quals(runs, varno, quals, early, parent) == 0)
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
	int			attnum = 0;

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

		qual->usable = qual->by_runs && has_long_runs(runs, qual, pin, entry);
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

/* Does the row meet a qual? */
static bool
is_met(RowRuns *runs, const RunQual *qual, BlockPin *pin, const BlockEntry *entry, int row)
{
	ResetExprContext(runs->econtext);
	block_row_store_columns(pin, runs->relation, entry, row, qual->columns, runs->slot);
	runs->econtext->ecxt_scantuple = runs->slot;
	return ExecQual(qual->qual, runs->econtext);
}

/* Go to the run of a row, and try the qual for it. */
static void
try_qual(RowRuns *runs, RunQual *qual, BlockPin *pin, const BlockEntry *entry, int row)
{
	TupleDesc	desc = RelationGetDescr(runs->relation);
	int			attnum = 0;

	/* nothing of the run before is believed if this one fails */
	qual->range = (RowRange) {0, -1};
	qual->is_met = is_met(runs, qual, pin, entry, row);
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

/*
 * Does the row meet the quals before one, from the first on that was not asked
 * yet?  Those of runs are known.
 */
static bool
meets_quals_before(RowRuns *runs, int end, int *asked, BlockPin *pin, const BlockEntry *entry,
				   int row)
{
	for (; *asked < end; (*asked)++)
	{
		const RunQual *qual = &runs->quals[*asked];

		if (!qual->usable && !is_met(runs, qual, pin, entry, row))
			return false;
	}
	return true;
}

bool
row_runs_may_be_wanted(RowRuns *runs, BlockPin *pin, const BlockEntry *entry, int row,
					   RowRange *range)
{
	int			asked = 0;

	if (runs->entry != entry)
		enter_block(runs, pin, entry);
	for (int i = 0; i < runs->count; i++)
	{
		RunQual    *qual = &runs->quals[i];

		if (!qual->usable)
			continue;
		if (row < qual->range.first || row > qual->range.last)
		{
			if (qual->may_fail && !meets_quals_before(runs, i, &asked, pin, entry, row))
			{
				*range = (RowRange) {row, row};
				return false;
			}
			try_qual(runs, qual, pin, entry, row);
		}
		if (!qual->is_met)
		{
			*range = qual->range;
			return false;
		}
	}
	return true;
}
