/*
 * merge.c
 *	  Rewriting blocks: several small ones into one, and those of which many
 *	  rows are marked.
 *
 * The new block's rows name the old ones as where they came from, as rows of a
 * first block name those of the head.  Index entries of the old rows stay
 * behind: they lead to virtual pages that nobody has, nor ever will.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "block/stack_block.h"
#include "compat.h"
#include "tableam/block_order.h"
#include "tableam/block_row.h"
#include "tableam/block_tid.h"
#include "tableam/compaction.h"
#include "tableam/payload.h"

/*
 * Blocks are merged when so many neighbours of about one size have gathered, or
 * when they fill a block: so each merge makes a row's block several times
 * larger, and a row is written a few times only.
 */
#define MERGE_COUNT		4
#define MERGE_FULL		0.75
#define MERGE_LARGEST	(1.0 / 3)	/* what one may be of the new block */

/* A block that takes so much of the limits is large enough to be left alone. */
#define MERGE_SMALL		0.125
#define MERGE_MEMORY	0.75	/* of the memory: the dictionary counts, too */

/* A block is rewritten when so many of its rows are marked. */
#define REWRITE_MARKED	0.25

/* Bytes of samples in a builder, by those in a block; about so. */
#define SAMPLES_UNPACKED	2.5

#define COMPRESSION_LEVEL	9

/* Neighbours in the directory that are to become one block. */
typedef struct Group
{
	int			first;			/* index in the list */
	int			count;
} Group;

/* ---- what to merge ---- */

/*
 * About the memory that a block adds to a builder.  Of a column of profiles it
 * is that of samples, which the builder has less packed: the dictionary will
 * mostly be there already.
 */
static double
memory_to_merge(const BlockLayout *layout)
{
	double		size = 0;

	for (int i = 0; i < layout->nstreams; i++)
	{
		const BlockStream *stream = &layout->streams[i];

		if (stream->part == 0)
			size += stream->raw;
		else if (stream->part == STACK_KEYS || stream->part == STACK_VALUES)
			size += (double) stream->raw * SAMPLES_UNPACKED;
	}
	return size;
}

/*
 * How much of a block's limits a block takes, its marked rows left out.  One
 * that had most of the memory is large enough, whatever its dictionary might
 * have in common with others.
 */
static double
fullness(const BlockEntry *entry, int marked)
{
	BlockLayout *layout = block_layout_from_bytea(entry->streams, entry->payload_size);
	double		live = 1.0 - (double) marked / entry->rows;
	double		result = live * Max((double) entry->rows / compaction_block_rows(),
									memory_to_merge(layout) / compaction_block_size());

	if (layout->memory >= compaction_block_size() * MERGE_MEMORY)
		result = Max(result, MERGE_SMALL);
	pfree(layout);
	return result;
}

/* The number of marks on each block of a list. */
static int *
count_marks(const BlockList *list, const MarkSet *marks)
{
	int		   *counts = palloc0(Max(list->count, 1) * sizeof(int));
	int			block = 0;

	for (int i = 0; i < marks->count; i++)
	{
		int64		vpage = tid_vpage(&marks->marks[i].row_tid);

		while (block < list->count && vpage >= list->entries[block]->first_vpage +
			   block_vpages(list->entries[block]->rows))
			block++;
		if (block < list->count && vpage >= list->entries[block]->first_vpage)
			counts[block]++;
	}
	return counts;
}

/* The neighbours from a block on that fit into one, if it pays to merge them. */
static bool
find_group(const BlockList *list, const int *marked, int first, Group *group)
{
	double		sum = 0,
				largest = 0;
	int			i;

	for (i = first; i < list->count; i++)
	{
		double		size = fullness(list->entries[i], marked[i]);

		if (size >= MERGE_SMALL || sum + size > 1)
			break;
		sum += size;
		largest = Max(largest, size);
	}
	group->first = first;
	group->count = i - first;
	if (group->count >= 2 && largest <= sum * MERGE_LARGEST &&
		(group->count >= MERGE_COUNT || sum >= MERGE_FULL))
		return true;

	/* alone, if it has lost enough rows */
	group->count = 1;
	return marked[first] >= REWRITE_MARKED * list->entries[first]->rows;
}

/* The next group from a virtual page on; false if there is none. */
static bool
next_group(Compaction *compaction, int64 from_vpage, BlockList **list, Group *group)
{
	MarkSet    *marks;
	int		   *marked;

	*list = directory_read(compaction->storage.id, NULL);
	marks = marks_read_all(compaction->storage.id, NULL);
	marked = count_marks(*list, marks);
	for (int i = 0; i < (*list)->count; i++)
		if ((*list)->entries[i]->first_vpage >= from_vpage &&
			find_group(*list, marked, i, group))
			return true;
	return false;
}

/* ---- merging ---- */

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

/* Add a block's rows that have no mark. */
static void
add_rows(Relation rel, const BlockEntry *entry, const MarkSet *marks, BlockBuilder *builder)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsVirtual);
	BlockPin   *pin = block_pin_create();

	block_pin_set(pin, entry);
	for (int row = 0; row < entry->rows; row++)
	{
		CHECK_FOR_INTERRUPTS();
		block_row_store_columns(pin, rel, entry, row, NULL, slot);
		if (marks_find(marks, &slot->tts_tid) == NULL)
			block_builder_add(builder, slot->tts_values, slot->tts_isnull, &slot->tts_tid,
							  block_xmins(pin, rel, entry)[row]);
	}
	block_pin_release(pin);
	ExecDropSingleTupleTableSlot(slot);
}

/* Take a block with its marks out of the directory. */
static void
drop_block(Compaction *compaction, const BlockEntry *entry, const MarkSet *marks)
{
	directory_delete(entry);
	payload_delete(compaction->rel, entry);
	marks_delete(marks);
	compaction->storage.blocks--;
	compaction->storage.rows -= entry->rows;
	compaction->storage.bytes -= entry->payload_size;
	compaction->storage.dropped_rows += entry->rows;
}

/* A block whose rows are in the builder. */
typedef struct MergedBlock
{
	BlockEntry *entry;
	MarkSet    *marks;
} MergedBlock;

/* Does the builder have room for the block? */
static bool
has_room(const BlockBuilder *builder, const BlockEntry *entry)
{
	BlockLayout *layout = block_layout_from_bytea(entry->streams, entry->payload_size);
	double		size = block_builder_memory(builder) + memory_to_merge(layout);

	pfree(layout);
	return size <= compaction_block_size();
}

/*
 * Take blocks into the builder as long as it has room: dictionaries may have
 * less in common than was hoped for.  Blocks that are gone, or that somebody
 * else has locked, are passed over.
 */
static int
take_blocks(Compaction *compaction, const int64 *first_vpages, int count, BlockBuilder *builder,
			MergedBlock *merged)
{
	int			taken = 0;

	for (int i = 0; i < count; i++)
	{
		BlockEntry *entry = directory_find(compaction->storage.id, first_vpages[i], NULL);
		ItemPointerData first,
					last;

		if (entry == NULL || entry->first_vpage != first_vpages[i])
			continue;
		if (taken > 0 && !has_room(builder, entry))
			break;
		if (!lock_block(compaction->rel, entry))
			continue;
		/* read after the lock, so that no mark can be missed */
		set_block_row_tid(&first, entry->first_vpage, 0);
		set_block_row_tid(&last, entry->first_vpage, entry->rows - 1);
		merged[taken].entry = entry;
		merged[taken].marks = marks_read(compaction->storage.id, &first, &last, NULL);
		add_rows(compaction->rel, entry, merged[taken].marks, builder);
		taken++;
	}
	return taken;
}

/* Merge the blocks with these first pages, as far as they are still there. */
static void
merge_blocks(Compaction *compaction, const int64 *first_vpages, int count)
{
	BlockBuilder *builder = block_builder_create(RelationGetDescr(compaction->rel),
												 CurrentMemoryContext, COMPRESSION_LEVEL);
	MergedBlock *merged = palloc(count * sizeof(MergedBlock));
	int			taken;

	block_builder_set_order(builder, block_order_of_table(compaction->rel));
	taken = take_blocks(compaction, first_vpages, count, builder, merged);

	/* a block alone stays where it is, unless rows are taken out of it */
	if (taken == 0 || (taken == 1 && merged[0].marks->count == 0))
	{
		compaction_give_back(compaction);
		return;
	}
	for (int i = 0; i < taken; i++)
		drop_block(compaction, merged[i].entry, merged[i].marks);
	compaction->done.blocks_merged += taken;
	CommandCounterIncrement();
	if (block_builder_rows(builder) > 0)
		compaction_add_block(compaction, builder);
	else
		compaction_give_back(compaction);
}

/* Do a merge, unless there is none to do. */
bool
compact_blocks_portion(Compaction *compaction)
{
	BlockList  *list;
	Group		group;
	int64		first_vpages[MAX_BLOCK_ROWS / 256];
	int			count = 0;
	bool		found;

	if (!compaction_begin_step(compaction))
		return false;
	found = compaction->storage.id != NO_STORAGE &&
		next_group(compaction, compaction->merge_from, &list, &group);
	if (found)
	{
		count = Min(group.count, lengthof(first_vpages));
		for (int i = 0; i < count; i++)
			first_vpages[i] = list->entries[group.first + i]->first_vpage;
		compaction->merge_from = first_vpages[count - 1] + 1;
		compaction_reserve(compaction);
	}
	compaction_end_step(compaction);
	if (!found || !compaction_begin_step(compaction))
		return false;
	if (compaction_has_reserved(compaction))
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pyro merge",
													  ALLOCSET_DEFAULT_SIZES);
		MemoryContext before = MemoryContextSwitchTo(context);

		merge_blocks(compaction, first_vpages, count);
		MemoryContextSwitchTo(before);
		MemoryContextDelete(context);
	}
	compaction_end_step(compaction);
	return true;
}
