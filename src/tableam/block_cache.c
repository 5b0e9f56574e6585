/*
 * block_cache.c
 *	  Opened blocks of this backend, least recently used ones dropped first.
 */
#include "postgres.h"

#include <limits.h>

#include "lib/ilist.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "tableam/block_cache.h"
#include "tableam/payload.h"
#include "tableam/profile_column.h"

/*
 * Runs of fewer rows than this, on average, are not worth being tried before
 * their rows are.
 */
#define MIN_RUN_ROWS	4

/* attribute numbers from 1, and two streams that are not columns */
struct OpenBlock
{
	dlist_node	node;			/* in the list of all, most recently used
								 * first */
	int64		storage_id;
	int64		first_vpage;
	int			pins;
	Size		size;			/* of its context when last looked at */
	MemoryContext context;		/* everything of the block, itself included */
	BlockLayout *layout;
	int			column_count;	/* of the array */
	const BlockColumn **columns;	/* by attribute number - 1, decoded ones */
	const ValueRuns **runs;		/* the same */
	ItemPointerData *prior_tids;
	TransactionId *xmins;
};

static int	block_cache_size_kb = 64 * 1024;

static dlist_head blocks = DLIST_STATIC_INIT(blocks);
static Size blocks_size = 0;

void
block_cache_init(void)
{
	DefineCustomIntVariable("pyro.block_cache_size",
							"Sets how much memory a session keeps for blocks that it has opened.",
							"Blocks that are being read are kept in any case.",
							&block_cache_size_kb,
							64 * 1024, 0, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
}

Size
block_cache_size(void)
{
	return (Size) block_cache_size_kb * 1024;
}

/* ---- the list ---- */

static void
drop_block(OpenBlock *block)
{
	dlist_delete(&block->node);
	blocks_size -= block->size;
	MemoryContextDelete(block->context);
}

/* Drop the least recently used blocks that nobody reads while there is more than this. */
static void
shrink_to(Size size)
{
	dlist_node *node = dlist_is_empty(&blocks) ? NULL : dlist_tail_node(&blocks);

	while (node != NULL && blocks_size > size)
	{
		OpenBlock  *block = dlist_container(OpenBlock, node, node);

		node = dlist_has_prev(&blocks, node) ? dlist_prev_node(&blocks, node) : NULL;
		if (block->pins == 0)
			drop_block(block);
	}
}

static void
shrink(void)
{
	shrink_to((Size) block_cache_size_kb * 1024);
}

void
block_cache_clear(void)
{
	shrink_to(0);
}

static void
account(OpenBlock *block)
{
	Size		size = MemoryContextMemAllocated(block->context, true);

	blocks_size += size - block->size;
	block->size = size;
}

static OpenBlock *
find_block(const BlockEntry *entry)
{
	dlist_iter	iter;

	dlist_foreach(iter, &blocks)
	{
		OpenBlock  *block = dlist_container(OpenBlock, node, iter.cur);

		if (block->storage_id == entry->storage_id && block->first_vpage == entry->first_vpage)
		{
			dlist_move_head(&blocks, iter.cur);
			return block;
		}
	}
	return NULL;
}

/* The largest attribute number that has a stream; streams are in its order. */
static int
last_column(const BlockLayout *layout)
{
	return layout->nstreams == 0 ? 0 : Max(layout->streams[layout->nstreams - 1].attnum, 0);
}

static OpenBlock *
open_block(const BlockEntry *entry)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pyro block",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	OpenBlock  *block = palloc0(sizeof(OpenBlock));

	block->storage_id = entry->storage_id;
	block->first_vpage = entry->first_vpage;
	block->context = context;
	block->layout = block_layout_from_bytea(entry->streams, entry->payload_size);
	if (block->layout->rows != entry->rows)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("block " INT64_FORMAT " of storage " INT64_FORMAT " has %d rows, but streams of %d",
						entry->first_vpage, entry->storage_id, entry->rows,
						block->layout->rows)));
	block->column_count = last_column(block->layout);
	block->columns = palloc0(block->column_count * sizeof(BlockColumn *));
	block->runs = palloc0(block->column_count * sizeof(ValueRuns *));
	MemoryContextSwitchTo(before);

	/* nothing can fail from here on */
	MemoryContextSetParent(context, TopMemoryContext);
	dlist_push_head(&blocks, &block->node);
	account(block);
	return block;
}

/* ---- pins ---- */

void
block_pin_release(BlockPin *pin)
{
	if (pin->block == NULL)
		return;
	for (int i = 0; i < pin->profile_count; i++)
		if (pin->profiles[i] != NULL)
			profile_value_forget(pin->profiles[i]);
	account(pin->block);		/* it may have grown while it was read */
	pin->block->pins--;
	pin->block = NULL;
	shrink();
}

/* The memory in which the pin is goes, and what hangs on the pin is gone. */
static void
release_callback(void *arg)
{
	BlockPin   *pin = arg;

	pin->profile_count = 0;
	block_pin_release(pin);
}

BlockPin *
block_pin_create(void)
{
	BlockPin   *pin = palloc0(sizeof(BlockPin));

	pin->context = CurrentMemoryContext;
	pin->callback.func = release_callback;
	pin->callback.arg = pin;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &pin->callback);
	return pin;
}

void
block_pin_set(BlockPin *pin, const BlockEntry *entry)
{
	OpenBlock  *block = pin->block;

	if (block != NULL && block->storage_id == entry->storage_id &&
		block->first_vpage == entry->first_vpage)
		return;
	block_pin_release(pin);
	block = find_block(entry);
	if (block == NULL)
		block = open_block(entry);
	block->pins++;
	pin->block = block;
	shrink();
}

/* ---- decoded parts ---- */

/* What is being decoded, for the context of errors. */
typedef struct StreamContext
{
	ErrorContextCallback callback;
	Relation	rel;
	const BlockEntry *entry;
	AttrNumber	attnum;
	MemoryContext memory;		/* for what is decoded; the block's in the end */
} StreamContext;

static void
add_stream_context(void *arg)
{
	StreamContext *context = arg;
	const char *table = RelationGetRelationName(context->rel);
	int64		block = context->entry->first_vpage;

	if (context->attnum == BLOCK_PRIOR_TIDS)
		errcontext("decoding the prior TIDs of block " INT64_FORMAT " of table \"%s\"", block, table);
	else if (context->attnum == BLOCK_XMINS)
		errcontext("decoding the xmins of block " INT64_FORMAT " of table \"%s\"", block, table);
	else
		errcontext("decoding column %d of block " INT64_FORMAT " of table \"%s\"",
				   context->attnum, block, table);
}

/*
 * Begin to decode a stream: read it.  Gives its stored bytes, as VARDATA, which
 * end_stream frees.  Whatever fails in between leaves nothing in the block.
 */
static struct varlena *
begin_stream(StreamContext *context, BlockPin *pin, Relation rel, const BlockEntry *entry,
			 const BlockStream *stream)
{
	context->callback.callback = add_stream_context;
	context->callback.arg = context;
	context->callback.previous = error_context_stack;
	context->rel = rel;
	context->entry = entry;
	context->attnum = stream->attnum;
	error_context_stack = &context->callback;
	context->memory = AllocSetContextCreate(CurrentMemoryContext, "column of a block",
											ALLOCSET_SMALL_SIZES);
	count_decoded(pin->counters, stream);
	return payload_read(rel, entry, stream->offset, stream->stored);
}

static void
end_stream(StreamContext *context, OpenBlock *block, struct varlena *stored)
{
	pfree(stored);
	error_context_stack = context->callback.previous;
	MemoryContextSetParent(context->memory, block->context);
	account(block);
}

static const BlockColumn *
find_profiles(const BlockLayout *layout, const StreamContext *context, const BlockStream *stream,
			  const char *stored)
{
	BlockColumn *column = block_presence_decode(stream, stored, context->entry->rows,
												context->memory);

	column->profiles = profile_column_create(layout, stream->attnum, column->nprofiles,
											 context->memory);
	return column;
}

const BlockColumn *
block_column(BlockPin *pin, Relation rel, const BlockEntry *entry, Form_pg_attribute attribute)
{
	OpenBlock  *block = pin->block;
	const BlockStream *stream;
	const BlockColumn *column;
	struct varlena *stored;
	StreamContext context;

	if (attribute->attnum > block->column_count)
		return NULL;
	if (block->columns[attribute->attnum - 1] != NULL)
		return block->columns[attribute->attnum - 1];
	stream = block_layout_find(block->layout, attribute->attnum);
	if (stream == NULL)
		return NULL;
	stored = begin_stream(&context, pin, rel, entry, stream);
	column = profile_column_is_stored(block->layout, attribute->attnum) ?
		find_profiles(block->layout, &context, stream, VARDATA(stored)) :
		block_column_decode(stream, VARDATA(stored), attribute, entry->rows, context.memory);
	end_stream(&context, block, stored);
	block->columns[attribute->attnum - 1] = column;
	return column;
}

/* The pin's own value for a column of profiles. */
static ProfileValue *
profile_value(BlockPin *pin, AttrNumber attnum)
{
	MemoryContext before;

	if (attnum <= pin->profile_count && pin->profiles[attnum - 1] != NULL)
		return pin->profiles[attnum - 1];
	before = MemoryContextSwitchTo(pin->context);
	if (attnum > pin->profile_count)
	{
		ProfileValue **profiles = palloc0(attnum * sizeof(ProfileValue *));

		if (pin->profile_count > 0)
		{
			memcpy(profiles, pin->profiles, pin->profile_count * sizeof(ProfileValue *));
			pfree(pin->profiles);
		}
		pin->profiles = profiles;
		pin->profile_count = attnum;
	}
	pin->profiles[attnum - 1] = profile_value_create();
	MemoryContextSwitchTo(before);
	return pin->profiles[attnum - 1];
}

Datum
block_value(BlockPin *pin, Relation rel, const BlockEntry *entry, AttrNumber attnum,
			const BlockColumn *column, int row)
{
	if (column->profiles == NULL)
		return column->values[row];
	return profile_value_set(profile_value(pin, attnum), column->profiles,
							 block_column_profile(column, row), rel, entry, pin->counters);
}

/* ---- runs ---- */

static bool
is_same(const BlockColumn *column, Form_pg_attribute attribute, int row, int other)
{
	bool		isnull = column->isnull != NULL && column->isnull[row];

	if (isnull != (column->isnull != NULL && column->isnull[other]))
		return false;
	return isnull || datumIsEqual(column->values[row], column->values[other], attribute->attbyval,
								  attribute->attlen);
}

const ValueRuns *
block_runs(BlockPin *pin, Relation rel, const BlockEntry *entry, Form_pg_attribute attribute)
{
	OpenBlock  *block = pin->block;
	const BlockColumn *column = block_column(pin, rel, entry, attribute);
	ValueRuns  *runs;
	int		   *starts;
	int			limit = entry->rows / MIN_RUN_ROWS;
	int			count = 0;

	if (column == NULL)
		return NULL;
	Assert(column->profiles == NULL);
	if (block->runs[attribute->attnum - 1] != NULL)
		return block->runs[attribute->attnum - 1];
	starts = palloc((limit + 1) * sizeof(int));
	for (int row = 0; row < entry->rows && count <= limit; row++)
	{
		if (row % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
		if (row == 0 || !is_same(column, attribute, row, row - 1))
			starts[count++] = row;
	}
	runs = MemoryContextAllocZero(block->context, sizeof(ValueRuns));
	if (count <= limit)
	{
		runs->starts = MemoryContextAlloc(block->context, count * sizeof(int));
		memcpy(runs->starts, starts, count * sizeof(int));
		runs->count = count;
	}
	pfree(starts);
	account(block);
	block->runs[attribute->attnum - 1] = runs;
	return runs;
}

/* A stream that every block has. */
static const BlockStream *
system_stream(OpenBlock *block, AttrNumber number)
{
	const BlockStream *stream = block_layout_find(block->layout, number);

	if (stream == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("block " INT64_FORMAT " of storage " INT64_FORMAT " lacks stream %d",
						block->first_vpage, block->storage_id, number)));
	return stream;
}

const ItemPointerData *
block_prior_tids(BlockPin *pin, Relation rel, const BlockEntry *entry)
{
	OpenBlock  *block = pin->block;

	if (block->prior_tids == NULL)
	{
		const BlockStream *stream = system_stream(block, BLOCK_PRIOR_TIDS);
		StreamContext context;
		struct varlena *stored = begin_stream(&context, pin, rel, entry, stream);
		ItemPointerData *tids = block_prior_tids_decode(stream, VARDATA(stored), entry->rows,
														context.memory);

		end_stream(&context, block, stored);
		block->prior_tids = tids;
	}
	return block->prior_tids;
}

const TransactionId *
block_xmins(BlockPin *pin, Relation rel, const BlockEntry *entry)
{
	OpenBlock  *block = pin->block;

	if (block->xmins == NULL)
	{
		const BlockStream *stream = system_stream(block, BLOCK_XMINS);
		StreamContext context;
		struct varlena *stored = begin_stream(&context, pin, rel, entry, stream);
		TransactionId *xmins = block_xmins_decode(stream, VARDATA(stored), entry->rows,
												  context.memory);

		end_stream(&context, block, stored);
		block->xmins = xmins;
	}
	return block->xmins;
}
