/*
 * merge_rows.c
 *	  The rows of blocks that are merged: in their order, and cut into blocks.
 *
 * Inputs are opened one after another, and of each only the columns that the
 * order may depend on and the numbers of samples.  A row is then a number, in
 * order of inputs.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "profile/profile_type.h"
#include "tableam/block_tid.h"
#include "tableam/merge_cuts.h"
#include "tableam/merge_plan.h"
#include "tableam/merge_rows.h"
#include "tableam/profile_column.h"
#include "utils/memutils.h"

/* Nothing tells rows apart in columns of the order beyond these. */
#define MAX_CHANGE		PG_UINT8_MAX

/* So many rows have a signature of their stacks at most; of more only each nth. */
#define MAX_SIGNATURES	((int64) 1 << 18)

/* A column that rows may be sorted by. */
typedef struct SortColumn
{
	Form_pg_attribute attribute;
	OrderRanker *ranker;
} SortColumn;

/* Rows while they are being read. */
typedef struct Reading
{
	MergeRows  *rows;
	MemoryContext result;		/* for what outlives the sorting */
	bool		by_default;
	int			ncolumns;
	SortColumn *columns;
	uint32	   *samples;		/* [row without mark] */
	StackSignature *signatures; /* [row without mark / stride]; NULL: no need */
	uint32		stride;
} Reading;

/* ---- reading ---- */

static void
add_column(Reading *reading, AttrNumber attnum, uint32 max_distinct)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(reading->rows->rel),
												attnum - 1);
	OrderColumn column = {
		.type = attribute->atttypid,.attlen = attribute->attlen,.attbyval = attribute->attbyval
	};
	SortColumn *added = &reading->columns[reading->ncolumns++];

	added->attribute = attribute;
	added->ranker = order_ranker_create(&column, true, max_distinct);
}

/* The columns of the order, or those that the default order may be of. */
static void
choose_columns(Reading *reading, const BlockOrder *order, int64 nrows)
{
	TupleDesc	desc = RelationGetDescr(reading->rows->rel);
	bool		has_profiles = false,
				has_time = false;

	reading->by_default = order->by_default;
	reading->columns = palloc0((Max(desc->natts, order->count) + 1) * sizeof(SortColumn));
	for (int k = 0; k < order->count && !order->by_default; k++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, order->columns[k] - 1);

		if (!attribute->attisdropped && !profile_is_type(attribute->atttypid))
			add_column(reading, attribute->attnum, PG_UINT32_MAX);
	}
	for (int i = 0; i < desc->natts; i++)
		has_profiles |= !TupleDescAttr(desc, i)->attisdropped &&
			profile_is_type(TupleDescAttr(desc, i)->atttypid);
	for (int i = 0; i < desc->natts && order->by_default && has_profiles; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		bool		is_time = attribute->atttypid == TIMESTAMPTZOID && !has_time;

		if (attribute->attisdropped)
			continue;
		if (is_time || order_is_by_few_values(attribute->atttypid))
			add_column(reading, i + 1, is_time ? PG_UINT32_MAX : nrows / FEW_VALUES_ROWS);
		has_time |= is_time;
	}
}

/* Add what a block's rows without marks have in a column. */
static void
read_column(const Reading *reading, const MergeInput *input, BlockPin *pin,
			const bool *is_marked, SortColumn *sort_column)
{
	Relation	rel = reading->rows->rel;
	const BlockColumn *column = block_column(pin, rel, input->entry, sort_column->attribute);
	bool		isnull = true;
	Datum		missing = (Datum) 0;

	if (column == NULL)
		missing = getmissingattr(RelationGetDescr(rel), sort_column->attribute->attnum, &isnull);
	for (int row = 0; row < input->entry->rows; row++)
	{
		if (is_marked[row])
			continue;
		if (column == NULL)
			order_ranker_add(sort_column->ranker, missing, isnull);
		else
			order_ranker_add(sort_column->ranker, column->values[row],
							 column->isnull != NULL && column->isnull[row]);
	}
}

/* Add up the samples of a row, and what tells its stacks. */
static void
read_profile(Reading *reading, ProfileColumn *profiles, int index, uint32 place)
{
	reading->samples[place] += profile_column_samples(profiles, index);
	if (reading->signatures != NULL && place % reading->stride == 0)
		profile_column_sign(profiles, index, &reading->signatures[place / reading->stride]);
}

/* Add up the samples of a block's rows without marks. */
static void
read_samples(Reading *reading, const MergeInput *input, BlockPin *pin, const bool *is_marked,
			 uint32 first)
{
	Relation	rel = reading->rows->rel;
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		const BlockColumn *column;
		uint32		place = first;

		if (attribute->attisdropped || !profile_is_type(attribute->atttypid))
			continue;
		column = block_column(pin, rel, input->entry, attribute);
		if (column == NULL || column->profiles == NULL)
			continue;
		profile_column_open(column->profiles, rel, input->entry, NULL);
		for (int row = 0; row < input->entry->rows; row++)
		{
			if (row % 256 == 0)
				CHECK_FOR_INTERRUPTS();
			if (is_marked[row])
				continue;
			if (column->isnull == NULL || !column->isnull[row])
				read_profile(reading, column->profiles, column->profile_index == NULL ?
							 row : column->profile_index[row], place);
			place++;
		}
	}
}

static void
read_input(Reading *reading, const MergeInput *input)
{
	MergeRows  *rows = reading->rows;
	const BlockEntry *entry = input->entry;
	BlockPin   *pin = block_pin_create();
	bool	   *is_marked = palloc0(entry->rows * sizeof(bool));
	uint32		first = rows->nrows;

	CHECK_FOR_INTERRUPTS();
	block_pin_set(pin, entry);
	for (int row = 0; row < entry->rows; row++)
	{
		ItemPointerData tid;

		set_block_row_tid(&tid, entry->first_vpage, row);
		is_marked[row] = marks_find(input->marks, &tid) != NULL;
		if (!is_marked[row])
			rows->row[rows->nrows++] = input->first + row;
	}
	for (int i = 0; i < reading->ncolumns; i++)
		read_column(reading, input, pin, is_marked, &reading->columns[i]);
	if (entry->samples > 0)
		read_samples(reading, input, pin, is_marked, first);
	block_pin_release(pin);
	pfree(is_marked);
}

/* ---- sorting ---- */

/* What to sort by: the ranks of the columns that were read. */
static int
finish_keys(Reading *reading, OrderKey *keys)
{
	int			count = 0;
	OrderKey	time;
	bool		has_time = false;

	for (int i = 0; i < reading->ncolumns; i++)
	{
		SortColumn *column = &reading->columns[i];
		OrderKey	key = {.attnum = column->attribute->attnum};

		if (!order_ranker_finish(column->ranker, &key))
			continue;
		if (reading->by_default && key.is_time)
		{
			time = key;
			has_time = true;
		}
		else
			keys[count++] = key;
	}
	if (reading->by_default)
		order_sort_keys(keys, count);
	if (has_time)
		keys[count++] = time;
	return count;
}

/*
 * Find out where the stacks change: where a column of the order does, but for a
 * time and what comes behind it.
 */
static void
place_cuts(const Reading *reading, const OrderKey *keys, int nkeys, const RowOrder *order)
{
	MergeRows  *rows = reading->rows;
	const StackSignature **signature = palloc_extended(Max(rows->nrows, 1) * sizeof(*signature),
													   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	CutRows		cut_rows = {
		.nrows = rows->nrows,.samples = rows->samples,.change = rows->change,
		.signature = signature
	};
	int			ncolumns = 0;
	MemoryContext before;

	while (ncolumns < nkeys && ncolumns < MAX_CHANGE && !keys[ncolumns].is_time)
		ncolumns++;
	if (ncolumns == 0)
		return;
	cut_rows.max_change = ncolumns - 1;
	for (uint32 place = 0; place < rows->nrows; place++)
	{
		uint32		row = order->row == NULL ? place : order->row[place];

		if (row % reading->stride == 0)
			signature[place] = &reading->signatures[row / reading->stride];
	}
	before = MemoryContextSwitchTo(reading->result);
	rows->cuts = merge_cuts_find(&cut_rows, rows->limits);
	MemoryContextSwitchTo(before);
}

/* Put rows and samples into their order, and note where a new run begins. */
static void
place_rows(Reading *reading, const OrderKey *keys, int nkeys)
{
	MergeRows  *rows = reading->rows;
	RowOrder	order = order_rows(keys, nkeys, rows->nrows);
	uint32	   *number = rows->row;
	int			nchanges = nkeys > 0 && keys[nkeys - 1].is_time ? nkeys - 1 : nkeys;

	rows->row = MemoryContextAllocHuge(reading->result, Max(rows->nrows, 1) * sizeof(uint32));
	rows->samples = MemoryContextAllocHuge(reading->result,
										   ((Size) rows->nrows + 1) * sizeof(uint64));
	rows->change = MemoryContextAllocHuge(reading->result, Max(rows->nrows, 1));
	rows->samples[0] = 0;
	for (uint32 place = 0; place < rows->nrows; place++)
	{
		uint32		row = order.row == NULL ? place : order.row[place];
		uint32		before = place == 0 ? 0 : order.row == NULL ? place - 1 : order.row[place - 1];
		int			change = place == 0 ? 0 : order_first_difference(keys, nchanges, before, row);

		rows->row[place] = number[row];
		rows->samples[place + 1] = rows->samples[place] + reading->samples[row];
		rows->change[place] = change == nchanges ? MAX_CHANGE : Min(change, MAX_CHANGE - 1);
	}
	if (reading->signatures != NULL)
		place_cuts(reading, keys, nkeys, &order);
}

/* What rows and samples take in memory, as their blocks tell. */
static void
measure(MergeRows *rows)
{
	double		columns = 0,
				samples = 0;
	int64		nrows = 0,
				nsamples = 0;

	for (int i = 0; i < rows->ninputs; i++)
	{
		const BlockEntry *entry = rows->inputs[i].entry;
		double		of_columns,
					of_samples;
		uint64		with_dictionary;

		merge_memory(entry, &of_columns, &of_samples, &with_dictionary);
		columns += of_columns;
		samples += of_samples;
		nrows += entry->rows;
		nsamples += entry->samples;
	}
	rows->row_size = columns / nrows + sizeof(ItemPointerData) + sizeof(TransactionId);
	rows->sample_size = nsamples == 0 ? 0 : samples / nsamples;
	rows->dictionary = 1;
}

MergeRows *
merge_rows_sort(Relation rel, const TablePolicy *limits, MergeInput *inputs, int ninputs,
				bool cuts)
{
	MergeRows  *rows = palloc0(sizeof(MergeRows));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "rows to sort",
												  ALLOCSET_DEFAULT_SIZES);
	Reading		reading = {.rows = rows,.result = CurrentMemoryContext};
	MemoryContext before;
	OrderKey   *keys;
	int64		all = 0;
	int			nkeys;

	rows->rel = rel;
	rows->limits = limits;
	rows->ninputs = ninputs;
	rows->inputs = inputs;
	for (int i = 0; i < ninputs; i++)
	{
		inputs[i].first = (uint32) all;
		all += inputs[i].entry->rows;
	}
	Assert(all <= PG_INT32_MAX);
	measure(rows);

	before = MemoryContextSwitchTo(context);
	rows->row = palloc_extended(Max(all, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	choose_columns(&reading, block_order_of_table(rel), all);
	reading.samples = palloc_extended(Max(all, 1) * sizeof(uint32),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	reading.stride = all / MAX_SIGNATURES + 1;
	if (cuts)
		reading.signatures = palloc_extended((all / reading.stride + 1) * sizeof(StackSignature),
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < ninputs; i++)
		read_input(&reading, &inputs[i]);
	keys = palloc0((reading.ncolumns + 1) * sizeof(OrderKey));
	nkeys = finish_keys(&reading, keys);
	place_rows(&reading, keys, nkeys);
	MemoryContextSwitchTo(before);

	rows->order.count = nkeys;
	rows->order.columns = palloc((nkeys + 1) * sizeof(AttrNumber));
	for (int k = 0; k < nkeys; k++)
		rows->order.columns[k] = keys[k].attnum;
	MemoryContextDelete(context);
	return rows;
}

/* ---- cutting ---- */

double
merge_rows_memory(const MergeRows *rows, uint32 start, uint32 end)
{
	return (end - start) * rows->row_size +
		(rows->samples[end] - rows->samples[start]) * rows->sample_size;
}

double
merge_rows_fullness(const MergeRows *rows, uint32 start, uint32 end)
{
	const TablePolicy *limits = rows->limits;
	double		result = (double) (end - start) / limits->block_rows;

	result = Max(result, (double) (rows->samples[end] - rows->samples[start]) /
				 limits->block_samples);
	return Max(result, merge_rows_memory(rows, start, end) * rows->dictionary /
			   limits->block_size);
}

/* The last place up to which rows take no more than so much. */
static uint32
fill(const MergeRows *rows, uint32 start, double part)
{
	uint32		low = start,
				high = rows->nrows;

	while (low < high)
	{
		uint32		middle = high - (high - low) / 2;

		if (merge_rows_fullness(rows, start, middle) <= part)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/* The last cut up to a place, or the start where there is none behind it. */
static uint32
last_cut(const MergeRows *rows, uint32 start, uint32 place)
{
	if (rows->cuts == NULL)
		return start;
	while (place > start && !rows->cuts[place])
		place--;
	return place;
}

uint32
merge_rows_cut(const MergeRows *rows, uint32 start, uint32 limit, double part)
{
	uint32		last = Min(Max(fill(rows, start, part), start + 1), limit);
	uint32		target;
	double		left;

	if (last >= rows->nrows)
		return rows->nrows;
	target = last_cut(rows, start, last);
	if (target > start)
		return target;

	/* what belongs together is too much for a block */
	left = merge_rows_fullness(rows, start, merge_rows_next_cut(rows, start, rows->nrows)) / part;
	target = Min(Max(fill(rows, start, part * left / ceil(left)), start + 1), last);

	/* the nearest change of the leading column, or of later ones near by */
	for (uint32 columns = 0, reach = (target - start) / 2; columns < 4 && reach > 0;
		 columns++, reach /= 2)
		for (uint32 distance = 0; distance <= reach; distance++)
		{
			if (target + distance <= last && rows->change[target + distance] <= columns)
				return target + distance;
			if (rows->change[target - distance] <= columns)
				return target - distance;
		}
	return target;
}

uint32
merge_rows_next_cut(const MergeRows *rows, uint32 start, uint32 end)
{
	uint32		place = start + 1;

	if (rows->cuts == NULL)
		return end;
	while (place < end && !rows->cuts[place])
		place++;
	return place;
}
