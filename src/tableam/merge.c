/*
 * merge.c
 *	  Rewriting blocks: several into few, sorted, and those of which many rows
 *	  are marked.
 *
 * The new blocks' rows name the old ones as where they came from, as rows of a
 * first block name those of the head.  Index entries of the old rows stay
 * behind: they lead to virtual pages that nobody has, nor ever will.
 *
 * The rows of all inputs are sorted by numbers (merge_rows.c) and cut into
 * blocks, which are made one after another.  For each the inputs that have rows
 * of it are opened one by one, so what is in memory at a time is one block
 * being made and one being read.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "profile/profile_type.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "compat.h"
#include "tableam/block_row.h"
#include "tableam/block_tid.h"
#include "tableam/compaction.h"
#include "tableam/merge_plan.h"
#include "tableam/merge_rows.h"
#include "tableam/payload.h"
#include "tableam/profile_column.h"

#define COMPRESSION_LEVEL	9

/*
 * Blocks that come out may have unfilled last pages, each one.  No merge makes
 * many more blocks than this, since even a few hundred would not be worth it:
 * where the limits are so much smaller than they were that it would, blocks
 * are larger.
 */
#define MAX_OUTPUTS			4096

/*
 * So many blocks are made at the same time, if they are small.  Each has a map
 * of the dictionary of the block that is read.
 */
#define MAX_TOGETHER		32

/* ---- inputs ---- */

/*
 * Keep everybody from the block's rows, if nobody has one locked or marked; a
 * transaction that has holds a lock on the block to its end.
 */
static bool
lock_block(Relation rel, const BlockEntry *entry)
{
	return ConditionalLockPage(rel, FIRST_VIRTUAL_PAGE + (BlockNumber) entry->first_vpage,
							   AccessExclusiveLock);
}

/*
 * Take the blocks of a group that are still there.  Those that somebody else
 * has locked are passed over.
 */
static int
take_blocks(Compaction *compaction, const MergeGroup *group, MergeInput *inputs)
{
	int			taken = 0;

	for (int i = 0; i < group->count; i++)
	{
		BlockEntry *entry = directory_find(compaction->storage.id, group->first_vpages[i], NULL);
		ItemPointerData first,
					last;

		CHECK_FOR_INTERRUPTS();
		if (entry == NULL || entry->first_vpage != group->first_vpages[i] ||
			!lock_block(compaction->rel, entry))
			continue;
		/* read after the lock, so that no mark can be missed */
		set_block_row_tid(&first, entry->first_vpage, 0);
		set_block_row_tid(&last, entry->first_vpage, entry->rows - 1);
		inputs[taken].entry = entry;
		inputs[taken++].marks = marks_read(compaction->storage.id, &first, &last, NULL);
	}
	return taken;
}

/* Take a block with its marks out of the directory. */
static void
drop_block(Compaction *compaction, const MergeInput *input)
{
	const BlockEntry *entry = input->entry;

	directory_delete(entry);
	marks_delete(input->marks);
	compaction->storage.blocks--;
	compaction->storage.rows -= entry->rows;
	compaction->storage.bytes -= entry->payload_size;
	compaction->storage.dropped_rows += entry->rows;
}

/* Give a block its level, without anything else. */
static void
set_level(BlockEntry *entry, int level)
{
	if (entry->level >= level)
		return;
	directory_delete(entry);
	CommandCounterIncrement();
	entry->level = level;
	directory_insert(entry);
}

/* ---- outputs ---- */

static int
compare_numbers(const void *a, const void *b)
{
	uint32		first = *(const uint32 *) a;
	uint32		second = *(const uint32 *) b;

	return first < second ? -1 : first > second;
}

/* Tell the builder which rows of an opened block come. */
static void
expect_rows(Relation rel, const BlockEntry *entry, BlockPin *pin, const uint32 *rows, int count,
			BlockBuilder *builder)
{
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		const BlockColumn *column;

		if (attribute->attisdropped || !profile_is_type(attribute->atttypid))
			continue;
		column = block_column(pin, rel, entry, attribute);
		if (column == NULL || column->profiles == NULL)
			continue;
		profile_column_open(column->profiles, rel, entry, NULL);
		block_builder_expect_rows(builder, attribute->attnum, column, rows, count);
	}
}

/*
 * Add rows of a block, by number within it; how many, since the builder may be
 * full.  It has room for one in any case.
 */
static int
add_rows(Relation rel, const BlockEntry *entry, const uint32 *rows, int count, Size max_memory,
		 BlockPin *pin, TupleTableSlot *slot, BlockBuilder *builder)
{
	int			added = 0;

	block_pin_set(pin, entry);
	expect_rows(rel, entry, pin, rows, count, builder);
	while (added < count &&
		   (block_builder_rows(builder) == 0 || block_builder_memory(builder) <= max_memory))
	{
		block_row_store_columns(pin, rel, entry, rows[added], NULL, slot);
		block_builder_add(builder, slot->tts_values, slot->tts_isnull, &slot->tts_tid,
						  block_xmins(pin, rel, entry)[rows[added]]);
		added++;
	}
	return added;
}

/* A block that is being made. */
typedef struct Output
{
	BlockBuilder *builder;
	uint32		start;			/* places */
	uint32		end;
	uint32	   *numbers;		/* of the rows, sorted */
	uint32		done;			/* of them */
} Output;

/* Those that are made at the same time. */
typedef struct Outputs
{
	int			count;
	Output		outputs[MAX_TOGETHER];
} Outputs;

static uint64
memory_of(const Outputs *all)
{
	uint64		memory = 0;

	for (int i = 0; i < all->count; i++)
		memory += block_builder_memory(all->outputs[i].builder);
	return memory;
}

/*
 * Add the rows of an input to the blocks that they belong to; false if there is
 * no room for all.  *expected: of how many they have the dictionary.
 */
static bool
add_input(const MergeRows *rows, const MergeInput *input, Size max_memory, BlockPin *pin,
		  TupleTableSlot *slot, Outputs *all, uint32 *expected)
{
	uint64		memory = memory_of(all);

	for (int k = 0; k < all->count; k++)
	{
		Output	   *output = &all->outputs[k];
		uint32	   *of_input = output->numbers + output->done;
		uint64		before = block_builder_memory(output->builder);
		Size		room = max_memory - Min(memory - before, max_memory);
		int			n = 0;
		int			added;

		CHECK_FOR_INTERRUPTS();
		for (; output->done + n < output->end - output->start &&
			 of_input[n] < input->first + input->entry->rows; n++)
			of_input[n] -= input->first;
		if (n == 0)
			continue;
		added = add_rows(rows->rel, input->entry, of_input, n, room, pin, slot, output->builder);
		output->done += added;
		*expected += n;
		if (added < n)
			return false;
		memory += block_builder_memory(output->builder) - before;
	}
	return true;
}

/*
 * Add the rows of some blocks to their builders, in order of inputs; false if
 * there was no room for all.  *expected: of how many they have the dictionary.
 */
static bool
fill_builders(const MergeRows *rows, Size max_memory, Outputs *all, uint32 *expected)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rows->rel),
													&TTSOpsVirtual);
	BlockPin   *pin = block_pin_create();
	bool		fits = true;

	*expected = 0;
	for (int i = 0; i < rows->ninputs && fits; i++)
	{
		CHECK_FOR_INTERRUPTS();
		fits = add_input(rows, &rows->inputs[i], max_memory, pin, slot, all, expected);
	}
	block_pin_release(pin);
	ExecDropSingleTupleTableSlot(slot);
	return fits;
}

/* Begin a block of some rows. */
static void
begin_output(const MergeRows *rows, uint32 start, uint32 end, Output *output)
{
	uint32		count = end - start;

	*output = (Output)
	{
		.start = start,.end = end
	};
	output->builder = block_builder_create(RelationGetDescr(rows->rel), CurrentMemoryContext,
										   COMPRESSION_LEVEL);
	block_builder_set_order(output->builder, &rows->order);
	output->numbers = palloc_extended(count * sizeof(uint32), MCXT_ALLOC_HUGE);
	memcpy(output->numbers, rows->row + start, count * sizeof(uint32));
	qsort(output->numbers, count, sizeof(uint32), compare_numbers);
}

/*
 * Where blocks end that begin at a place and together take no more than one may,
 * and the memory that they may take; no row behind `limit` is theirs.  If there
 * are no outputs left it is as many rows as a block can have.
 */
static uint32
cut_blocks(const MergeRows *rows, uint32 start, uint32 limit, int outputs_left, Size *max_memory)
{
	double		part;

	limit = Min(limit, start + MAX_BLOCK_ROWS);
	*max_memory = SIZE_MAX;
	if (outputs_left <= 0)
		return limit;
	part = Max(1, merge_rows_fullness(rows, start, rows->nrows) / outputs_left);
	*max_memory = (Size) Min(rows->limits->block_size * part, (double) (SIZE_MAX / 2));
	return merge_rows_cut(rows, start, limit, part);
}

/*
 * Begin the blocks of rows up to a place, with a block each up to the next cut;
 * of many cuts the rest comes later.  Without `by_cuts` it is one block.
 */
static void
begin_outputs(const MergeRows *rows, uint32 start, uint32 end, bool by_cuts, Outputs *all)
{
	all->count = 0;
	while (start < end && all->count < MAX_TOGETHER)
	{
		uint32		next = by_cuts ? merge_rows_next_cut(rows, start, end) : end;

		begin_output(rows, start, next, &all->outputs[all->count++]);
		start = next;
	}
}

static void
free_outputs(Outputs *all)
{
	for (int i = 0; i < all->count; i++)
	{
		block_builder_free(all->outputs[i].builder);
		pfree(all->outputs[i].numbers);
	}
}

/*
 * Make one block, or several that are cut where stacks change and together take
 * no more than one may; where the next one begins.  So inputs are opened as
 * often as without cuts.
 *
 * How large dictionaries become is known only when they are there.  Where there
 * is no room for all rows, it is known better, and fewer are taken.
 */
static uint32
make_some(Compaction *compaction, MergeRows *rows, uint32 start, int *made, int level)
{
	int			outputs_left = MAX_OUTPUTS - *made;
	bool		by_cuts = outputs_left > MAX_OUTPUTS / 2;
	Size		max_memory;
	uint32		end = cut_blocks(rows, start, rows->nrows, outputs_left, &max_memory);
	uint32		expected;
	Outputs    *all = palloc(sizeof(Outputs));

	begin_outputs(rows, start, end, by_cuts, all);
	while (!fill_builders(rows, max_memory, all, &expected))
	{
		uint32		fewer;

		end = all->outputs[all->count - 1].end;
		fewer = start + Max((end - start) * 3 / 4, 1);
		rows->dictionary = memory_of(all) / merge_rows_memory(rows, 0, expected);
		end = cut_blocks(rows, start, fewer, outputs_left, &max_memory);
		free_outputs(all);
		begin_outputs(rows, start, end, by_cuts, all);
	}
	end = all->outputs[all->count - 1].end;
	rows->dictionary = Max(1, memory_of(all) / merge_rows_memory(rows, start, end));
	for (int i = 0; i < all->count; i++)
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "block of a merge",
													  ALLOCSET_DEFAULT_SIZES);
		MemoryContext before = MemoryContextSwitchTo(context);

		compaction_add_block(compaction, all->outputs[i].builder, level);
		MemoryContextSwitchTo(before);
		MemoryContextDelete(context);
	}
	*made += all->count;
	return end;
}

static void
make_blocks(Compaction *compaction, MergeRows *rows, int level)
{
	uint32		start = 0;

	for (int made = 0; start < rows->nrows;)
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "blocks of a merge",
													  ALLOCSET_DEFAULT_SIZES);
		MemoryContext before = MemoryContextSwitchTo(context);

		start = make_some(compaction, rows, start, &made, level);
		MemoryContextSwitchTo(before);
		MemoryContextDelete(context);
	}
}

/* ---- the whole ---- */

/* Sort the rows of blocks into new ones. */
static void
rewrite_blocks(Compaction *compaction, const MergeGroup *group, MergeInput *inputs, int count)
{
	MergeRows  *rows = merge_rows_sort(compaction->rel, table_policy(compaction->rel), inputs,
									   count, group->cuts);

	/* a block alone stays where it is, unless it is cut or rows leave it */
	if (count == 1 && inputs[0].marks->count == 0 && rows->cuts == NULL)
	{
		set_level(inputs[0].entry, group->level);
		return;
	}
	for (int i = 0; i < count; i++)
		drop_block(compaction, &inputs[i]);
	compaction->done.blocks_merged += count;
	CommandCounterIncrement();
	make_blocks(compaction, rows, group->level);
	for (int i = 0; i < count; i++)
		payload_delete(compaction->rel, inputs[i].entry);
}

/* Merge the blocks of a group, as far as they are still there. */
static void
merge_blocks(Compaction *compaction, const MergeGroup *group)
{
	MergeInput *inputs = palloc(group->count * sizeof(MergeInput));
	int			taken = take_blocks(compaction, group, inputs);

	if (taken == 1 && inputs[0].marks->count == 0 && !group->cuts)
		set_level(inputs[0].entry, group->level);
	else if (taken > 0)
		rewrite_blocks(compaction, group, inputs, taken);
	compaction_finish_blocks(compaction);
}

/* Give the blocks of a group their level. */
static void
set_levels(Compaction *compaction, const MergeGroup *group)
{
	for (int i = 0; i < group->count; i++)
	{
		BlockEntry *entry = directory_find(compaction->storage.id, group->first_vpages[i], NULL);

		CHECK_FOR_INTERRUPTS();
		if (entry != NULL && entry->first_vpage == group->first_vpages[i])
			set_level(entry, group->level);
	}
}

/* Do what was planned for a group, in a step of its own. */
static bool
work_on_group(Compaction *compaction, const MergeGroup *group)
{
	MemoryContext context;
	MemoryContext before;

	if (!group->only_level)
	{
		/* the pages must be ours before they are used */
		if (!compaction_begin_step(compaction))
			return false;
		if (compaction->storage.id == group->storage_id)
			compaction_reserve(compaction,
							   Min(group->rows, group->vpages + MAX_OUTPUTS +
								   group->rows / MAX_BLOCK_ROWS + 1));
		compaction_end_step(compaction);
	}
	if (!compaction_begin_step(compaction))
		return false;
	context = AllocSetContextCreate(CurrentMemoryContext, "pyro merge", ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(context);
	/* else the table has another file by now */
	if (compaction->storage.id == group->storage_id)
	{
		if (group->only_level)
			set_levels(compaction, group);
		else if (compaction_has_reserved(compaction))
			merge_blocks(compaction, group);
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
	compaction_end_step(compaction);
	return true;
}

/* Plan what is to be merged; false if nothing is, or the table cannot be had. */
static bool
plan_merges(Compaction *compaction)
{
	MemoryContext before;

	if (compaction->merge_context == NULL)
	{
		compaction->merge_context = AllocSetContextCreate(compaction->memory, "pyro merges",
														  ALLOCSET_DEFAULT_SIZES);
		before = MemoryContextSwitchTo(compaction->merge_context);
		compaction->tried = merge_plan_start();
		MemoryContextSwitchTo(before);
		compaction->plan_context = AllocSetContextCreate(compaction->merge_context,
														 "pyro plan of merges",
														 ALLOCSET_DEFAULT_SIZES);
	}
	MemoryContextReset(compaction->plan_context);
	compaction->groups = NIL;
	if (!compaction_begin_step(compaction))
		return false;
	before = MemoryContextSwitchTo(compaction->plan_context);
	if (compaction->storage.id != NO_STORAGE)
		compaction->groups = merge_plan(compaction, compaction->tried);
	MemoryContextSwitchTo(before);
	compaction_end_step(compaction);
	return compaction->groups != NIL;
}

bool
compact_blocks_portion(Compaction *compaction)
{
	MergeGroup *group;

	if (compaction->groups == NIL && !plan_merges(compaction))
	{
		if (compaction->merge_context != NULL)
			MemoryContextDelete(compaction->merge_context);
		compaction->merge_context = NULL;
		return false;
	}
	group = linitial(compaction->groups);
	compaction->groups = list_delete_first(compaction->groups);
	(void) work_on_group(compaction, group);
	return !compaction->lock_failed;
}
