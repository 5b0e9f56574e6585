/*
 * publish.c
 *	  Logical replication of changes of block rows.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "executor/tuptable.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "compat.h"
#include "tableam/block_row.h"
#include "tableam/publish.h"

/* The table's replica identity, by attribute number; false if it has none. */
static bool
identity_columns(Relation rel, Bitmapset **columns)
{
	Bitmapset  *members;
	int			member = -1;

	*columns = NULL;			/* all */
	if (rel->rd_rel->relreplident == REPLICA_IDENTITY_FULL)
		return true;
	if (rel->rd_rel->relreplident == REPLICA_IDENTITY_NOTHING)
		return false;
	members = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_IDENTITY_KEY);
	while ((member = bms_next_member(members, member)) >= 0)
		*columns = bms_add_member(*columns, member + FirstLowInvalidHeapAttributeNumber);
	return *columns != NULL;
}

/*
 * Make a row deleted by its own transaction one that no snapshot sees: deleted
 * by the command that inserted it.
 *
 * Only the transaction itself ever looks at command ids, so WAL need not have
 * this.
 */
static void
make_invisible(Relation rel, ItemPointer tid, CommandId cid)
{
	Buffer		buffer = ReadBuffer(rel, ItemPointerGetBlockNumber(tid));
	Page		page;
	HeapTupleHeader header;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	page = BufferGetPage(buffer);
	header = (HeapTupleHeader) PageGetItem(page,
										   PageGetItemId(page, ItemPointerGetOffsetNumber(tid)));
	HeapTupleHeaderSetCmax(header, cid, false);
	MarkBufferDirtyHint(buffer, true);
	UnlockReleaseBuffer(buffer);
}

static void
insert_and_delete(Relation rel, HeapTuple tuple, CommandId cid)
{
	TM_FailureData tmfd;
	TM_Result	result;

	heap_insert(rel, tuple, cid, HEAP_INSERT_NO_LOGICAL, NULL);

	/* its TOAST values are of the current command, and deleted by it as well */
	if (tuple->t_len > TOAST_TUPLE_THRESHOLD)
		CommandCounterIncrement();

	/* heap deletes only what an earlier command inserted */
	result = heap_delete(rel, &tuple->t_self, cid + 1, InvalidSnapshot, true, &tmfd, false);
	if (result != TM_Ok)
		elog(ERROR, "could not publish a deleted row of table \"%s\": result %d",
			 RelationGetRelationName(rel), result);
	make_invisible(rel, &tuple->t_self, cid);

	/* it was no row of the table */
	if (pgstat_should_count_relation(rel))
	{
		rel->pgstat_info->trans->tuples_inserted--;
		rel->pgstat_info->trans->tuples_deleted--;
	}
}

/* Publish a row's end; false if the table has no replica identity. */
static bool
publish(Relation rel, const BlockEntry *entry, int row, CommandId cid)
{
	Bitmapset  *columns;
	TupleTableSlot *slot;
	BlockPin   *pin;
	HeapTuple	stub;

	if (!identity_columns(rel, &columns))
		return false;
	slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsVirtual);
	pin = block_pin_create();
	block_pin_set(pin, entry);
	block_row_store_columns(pin, rel, entry, row, columns, slot);
	stub = heap_form_tuple(RelationGetDescr(rel), slot->tts_values, slot->tts_isnull);
	block_pin_release(pin);
	ExecDropSingleTupleTableSlot(slot);
	insert_and_delete(rel, stub, cid);
	heap_freetuple(stub);
	bms_free(columns);
	return true;
}

void
publish_delete(Relation rel, const BlockEntry *entry, int row, CommandId cid)
{
	if (RelationIsLogicallyLogged(rel))
		publish(rel, entry, row, cid);
}

int
publish_update(Relation rel, const BlockEntry *entry, int row, CommandId cid)
{
	if (RelationIsLogicallyLogged(rel) && !publish(rel, entry, row, cid))
		return HEAP_INSERT_NO_LOGICAL;
	return 0;
}
