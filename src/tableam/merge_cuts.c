/*
 * merge_cuts.c
 *	  Where sorted rows are cut into blocks because their stacks have little in
 *	  common.
 *
 * Services share hardly any stacks: blocks of one service each are hardly
 * larger than one of all, and a question about one leaves the others alone.
 * The replicas of a service share nearly all of theirs, and must not be cut
 * apart.  Nobody tells which columns of a table are what, but the stacks do.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "tableam/merge_cuts.h"

/*
 * The least part of a block's limits, by rows or by samples, that is worth a
 * block of its own, and how little that may be where limits are low.
 */
#define SOFT_PART			256
#define SOFT_MIN_ROWS		16
#define SOFT_MIN_SAMPLES	4096

/* Stacks that are less alike than this are those of something else. */
#define SOFT_LIKENESS		0.4

/* What is compared at a place: so many rows at most, so many samples at least. */
#define COMPARED_ROWS		64
#define COMPARED_SAMPLES	200

/* No cuts are made where so many of the rows are like those of an earlier block. */
#define SOFT_REPEATED		0.25

typedef struct Cutter
{
	const CutRows *rows;
	double		min_rows;
	double		min_samples;
	bool	   *cuts;
	uint32		nblocks;
	StackSignatureSum *blocks;	/* [block] */
	uint32	   *block_rows;
} Cutter;

static double
soft_rows(const TablePolicy *limits)
{
	return Max((double) limits->block_rows / SOFT_PART, SOFT_MIN_ROWS);
}

static double
soft_samples(const TablePolicy *limits)
{
	return Max((double) limits->block_samples / SOFT_PART, SOFT_MIN_SAMPLES);
}

bool
merge_cuts_are_enough(const TablePolicy *limits, double rows, double samples)
{
	return rows >= soft_rows(limits) || samples >= soft_samples(limits);
}

static bool
are_enough(const Cutter *cutter, uint32 start, uint32 end)
{
	const uint64 *samples = cutter->rows->samples;

	return end - start >= cutter->min_rows ||
		samples[end] - samples[start] >= cutter->min_samples;
}

static void
add_row(const CutRows *rows, uint32 place, StackSignatureSum *sum)
{
	if (rows->signature[place] != NULL)
		stack_signature_add(sum, rows->signature[place]);
}

/*
 * The first rows from a place that are of one run, or more where these are
 * hardly any samples; how many.
 */
static uint32
sum_next(const CutRows *rows, uint32 place, StackSignatureSum *sum)
{
	uint32		end = place;

	while (end < rows->nrows && end - place < COMPARED_ROWS &&
		   (end == place || rows->change[end] > rows->change[place] ||
			rows->samples[end] - rows->samples[place] < COMPARED_SAMPLES))
		add_row(rows, end++, sum);
	return end - place;
}

/*
 * Are the rows from a place on of other stacks than those before?  They are
 * compared with the whole block, and with as many as they are just before: the
 * block may have several small runs.
 */
static bool
is_other(const CutRows *rows, uint32 start, uint32 place, const StackSignatureSum *block)
{
	StackSignatureSum next = {{0}};
	StackSignatureSum last = {{0}};
	uint32		count = sum_next(rows, place, &next);

	if (stack_signature_likeness(block, &next) >= SOFT_LIKENESS)
		return false;
	for (uint32 i = place; i > start && place - i < COMPARED_ROWS &&
		 (place - i < count || rows->samples[place] - rows->samples[i] < COMPARED_SAMPLES);)
		add_row(rows, --i, &last);
	return stack_signature_likeness(&last, &next) < SOFT_LIKENESS;
}

static void
end_block(Cutter *cutter, uint32 count, StackSignatureSum *block)
{
	cutter->block_rows[cutter->nblocks] = count;
	cutter->blocks[cutter->nblocks++] = *block;
	memset(block, 0, sizeof(*block));
}

static void
find_cuts(Cutter *cutter)
{
	const CutRows *rows = cutter->rows;
	StackSignatureSum block = {{0}};
	uint32		start = 0;

	for (uint32 place = 0; place < rows->nrows; place++)
	{
		if (place % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (place > start && rows->change[place] <= rows->max_change &&
			cutter->nblocks < MAX_SOFT_CUTS &&
			are_enough(cutter, start, place) && are_enough(cutter, place, rows->nrows) &&
			is_other(rows, start, place, &block))
		{
			cutter->cuts[place] = true;
			end_block(cutter, place - start, &block);
			start = place;
		}
		add_row(rows, place, &block);
	}
	end_block(cutter, rows->nrows - start, &block);
}

/*
 * Do stacks come again after other ones?  Then the order does not keep together
 * what belongs together, and cuts would store its stacks several times.
 */
static bool
is_repeated(const Cutter *cutter)
{
	uint64		repeated = 0;

	for (uint32 i = 1; i < cutter->nblocks; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (uint32 k = 0; k < i; k++)
			if (stack_signature_likeness(&cutter->blocks[i], &cutter->blocks[k]) >=
				SOFT_LIKENESS * 2)
			{
				repeated += cutter->block_rows[i];
				break;
			}
	}
	return repeated > cutter->rows->nrows * SOFT_REPEATED;
}

bool *
merge_cuts_find(const CutRows *rows, const TablePolicy *limits)
{
	Cutter		cutter = {.rows = rows};
	bool		are_found;

	cutter.min_rows = Max(soft_rows(limits), 2.0 * rows->nrows / MAX_SOFT_CUTS);
	cutter.min_samples = Max(soft_samples(limits),
							 2.0 * rows->samples[rows->nrows] / MAX_SOFT_CUTS);
	cutter.cuts = palloc_extended(Max(rows->nrows, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	cutter.blocks = palloc((MAX_SOFT_CUTS + 1) * sizeof(StackSignatureSum));
	cutter.block_rows = palloc((MAX_SOFT_CUTS + 1) * sizeof(uint32));
	find_cuts(&cutter);
	are_found = cutter.nblocks > 1 && !is_repeated(&cutter);
	pfree(cutter.blocks);
	pfree(cutter.block_rows);
	if (are_found)
		return cutter.cuts;
	pfree(cutter.cuts);
	return NULL;
}
