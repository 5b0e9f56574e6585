/*
 * blocks_copy.c
 *	  The blocks of a table that is being rewritten as it is: CLUSTER and
 *	  VACUUM FULL.
 *
 * The blocks keep their order, after which their virtual pages are numbered
 * anew, since the indexes are, too.  A block whose rows and columns are all
 * wanted is copied as it is; another one is encoded again.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "tableam/block_order.h"
#include "tableam/block_row.h"
#include "tableam/block_tid.h"
#include "tableam/payload.h"
#include "tableam/rewrite.h"
#include "tableam/storage.h"

#define COMPRESSION_LEVEL	6

typedef struct BlocksCopy
{
	Relation	old_rel;
	Relation	new_rel;
	Storage		storage;		/* the new one */
	MarkSet    *marks;			/* of the old one */
} BlocksCopy;

static int
count_marks(const BlocksCopy *copy, const BlockEntry *entry)
{
	int			count = 0;

	for (int row = 0; copy->marks->count > 0 && row < entry->rows; row++)
	{
		ItemPointerData tid;

		set_block_row_tid(&tid, entry->first_vpage, row);
		if (marks_find(copy->marks, &tid) != NULL)
			count++;
	}
	return count;
}

/*
 * Do the block's streams fit the table as it will be?
 *
 * It will have no memory of the defaults of columns that were added later, so
 * blocks that are older need them as streams.
 */
static bool
has_right_columns(const BlocksCopy *copy, const BlockEntry *entry)
{
	TupleDesc	desc = RelationGetDescr(copy->old_rel);
	BlockLayout *layout = block_layout_from_bytea(entry->streams, entry->payload_size);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		bool		has_stream = block_layout_find(layout, attribute->attnum) != NULL;

		if (attribute->attisdropped ? has_stream : !has_stream && attribute->atthasmissing)
			return false;
	}
	return true;
}

/* Encode the rows that are not marked; their number. */
static void
encode_rows(const BlocksCopy *copy, const BlockEntry *old, BlockEntry *entry,
			struct varlena **payload)
{
	Relation	rel = copy->old_rel;
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsVirtual);
	BlockBuilder *builder = block_builder_create(RelationGetDescr(rel), CurrentMemoryContext,
												 COMPRESSION_LEVEL);
	BlockPin   *pin = block_pin_create();
	BuiltBlock	built;

	block_builder_set_order(builder, block_order_of_table(rel));
	block_pin_set(pin, old);
	for (int row = 0; row < old->rows; row++)
	{
		CHECK_FOR_INTERRUPTS();
		block_row_store_columns(pin, rel, old, row, NULL, slot);
		if (marks_find(copy->marks, &slot->tts_tid) != NULL)
			continue;
		block_builder_add(builder, slot->tts_values, slot->tts_isnull,
						  (ItemPointer) &block_prior_tids(pin, rel, old)[row],
						  block_xmins(pin, rel, old)[row]);
	}
	block_pin_release(pin);
	ExecDropSingleTupleTableSlot(slot);

	entry->rows = block_builder_rows(builder);
	entry->raw_size = block_builder_raw_size(builder);
	entry->samples = block_builder_samples(builder);
	built = block_builder_finish(builder);
	entry->payload_size = VARSIZE(built.payload) - VARHDRSZ;
	entry->streams = block_layout_to_bytea(built.layout);
	entry->zones = built.zones;
	*payload = built.payload;
	block_builder_free(builder);
}

static void
copy_block(BlocksCopy *copy, const BlockEntry *old, double *rows, double *removed_rows)
{
	int			marked = count_marks(copy, old);
	BlockEntry	entry = *old;
	struct varlena *payload;

	*removed_rows += marked;
	if (marked == old->rows)
		return;
	if (marked > 0 || !has_right_columns(copy, old))
		encode_rows(copy, old, &entry, &payload);
	else
		payload = payload_read(copy->old_rel, old, 0, (uint32) old->payload_size);

	entry.storage_id = copy->storage.id;
	entry.first_vpage = copy->storage.next_vpage;
	entry.payload = payload_save(copy->new_rel, payload);
	directory_insert(&entry);
	copy->storage.next_vpage += block_vpages(entry.rows);
	copy->storage.blocks++;
	copy->storage.rows += entry.rows;
	copy->storage.bytes += entry.payload_size;
	*rows += entry.rows;
}

void
blocks_copy(Relation old_rel, Relation new_rel, double *rows, double *removed_rows)
{
	BlocksCopy	copy = {.old_rel = old_rel,.new_rel = new_rel};
	Storage		old;
	BlockList  *list;
	MemoryContext block_context;

	if (!storage_read(old_rel, &old))
		return;
	list = directory_read(old.id, NULL);
	copy.marks = marks_read_all(old.id, NULL);

	/* even without blocks: old snapshots may see some of the old file's */
	storage_create(new_rel, RelationGetRelid(old_rel), new_rel->rd_rel->reltablespace,
				   new_rel->rd_rel->relfilenode, &copy.storage);
	block_context = AllocSetContextCreate(CurrentMemoryContext, "pyro copy of a block",
										  ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < list->count; i++)
	{
		MemoryContext before = MemoryContextSwitchTo(block_context);

		CHECK_FOR_INTERRUPTS();
		copy_block(&copy, list->entries[i], rows, removed_rows);
		MemoryContextSwitchTo(before);
		MemoryContextReset(block_context);
	}
	MemoryContextDelete(block_context);
	copy.storage.rewritten = GetTopFullTransactionId();
	storage_update(new_rel, &copy.storage);
	storage_delete(&old);
}
