/*
 * dml.c
 *	  Changes of rows.
 *
 * A block row that is deleted gets a mark; one that is updated gets a mark that
 * names its new version, which is a row of the head.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/sysattr.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "profile/profile_type.h"
#include "tableam/block_row.h"
#include "tableam/block_tid.h"
#include "tableam/callbacks.h"
#include "tableam/fetch.h"
#include "tableam/heap_forward.h"
#include "tableam/moved_rows.h"
#include "tableam/publish.h"
#include "tableam/redirect.h"
#include "tableam/row_context.h"
#include "tableam/row_lock.h"
#include "tableam/storage.h"

/* ---- profiles that come from blocks ---- */

/* Is it a profile that was rebuilt, and so is not compressed? */
static bool
is_plain_profile(Form_pg_attribute attribute, Datum value)
{
	if (attribute->attisdropped || attribute->attlen != -1)
		return false;
	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(value)))
		return profile_is_type(attribute->atttypid);
	return profile_is_plain(value) && profile_is_type(attribute->atttypid);
}

/*
 * Compress profiles that are going to be stored in the head: those out of
 * blocks have been rebuilt for reading, and left as they are.
 */
static void
pack_profiles(Relation rel, TupleTableSlot *slot)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Datum	   *values = NULL;
	MemoryContext context = NULL;
	MemoryContext before = CurrentMemoryContext;
	HeapTuple	tuple;

	slot_getallattrs(slot);
	for (int i = 0; i < desc->natts; i++)
	{
		Datum		value = slot->tts_values[i];

		if (slot->tts_isnull[i] || !is_plain_profile(TupleDescAttr(desc, i), value))
			continue;
		if (values == NULL)
		{
			context = AllocSetContextCreate(before, "profiles to store", ALLOCSET_DEFAULT_SIZES);
			MemoryContextSwitchTo(context);
			values = palloc(desc->natts * sizeof(Datum));
			memcpy(values, slot->tts_values, desc->natts * sizeof(Datum));
		}
		value = PointerGetDatum(PG_DETOAST_DATUM(value));
		values[i] = profile_is_plain(value) ? profile_pack(value) : value;
	}
	if (values == NULL)
		return;
	MemoryContextSwitchTo(slot->tts_mcxt);
	tuple = heap_form_tuple(desc, values, slot->tts_isnull);
	MemoryContextSwitchTo(before);
	tuple->t_tableOid = RelationGetRelid(rel);
	ExecForceStoreHeapTuple(tuple, slot, true);
	slot->tts_tableOid = RelationGetRelid(rel);
	MemoryContextDelete(context);
}

/* ---- inserting ---- */

void
pyro_tuple_insert(Relation rel, TupleTableSlot *slot, CommandId cid, int options,
				  struct BulkInsertStateData *bistate)
{
	pack_profiles(rel, slot);
	heap_routine()->tuple_insert(rel, slot, cid, options, bistate);
}

/* ---- block rows ---- */

/* Lock a row that is to be changed; its visibility is judged as heap's is. */
static TM_Result
lock_for_change(Relation rel, const ItemPointerData *tid, CommandId cid, Snapshot crosscheck,
				bool wait, BlockEntry **entry, TM_FailureData *tmfd, const char *change)
{
	TM_Result	result = block_row_lock(rel, tid, cid, LockTupleExclusive,
										wait ? LockWaitBlock : LockWaitSkip, entry, tmfd);

	if (result == TM_Invisible)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("attempted to %s invisible tuple", change)));
	if (result == TM_WouldBlock)
		return TM_BeingModified;
	if (result == TM_Ok && crosscheck != InvalidSnapshot &&
		!block_row_satisfies_snapshot(rel, tid, crosscheck))
	{
		tmfd->ctid = *tid;
		tmfd->xmax = InvalidTransactionId;
		tmfd->cmax = InvalidCommandId;
		return TM_Updated;
	}
	return result;
}

/*
 * Above READ COMMITTED the transaction's snapshot may see the row only where it
 * was before it was moved; note that, so that it will be hidden there.
 */
static void
note_origins(Relation rel, int64 storage_id, const ItemPointerData *tid)
{
	ItemPointerData at = *tid,
				from;
	Snapshot	snapshot;

	if (!IsolationUsesXactSnapshot())
		return;
	snapshot = GetTransactionSnapshot();
	while (tid_is_block_row(&at) &&
		   directory_find(storage_id, tid_vpage(&at), snapshot) == NULL &&
		   moved_row_origin(rel, &at, &from))
	{
		redirect_note(rel, &from, &at, snapshot);
		at = from;
	}
}

/*
 * Note conflicts with serializable transactions that have read the row, here or
 * where it was before.
 *
 * Comes after the mark: who locks the row for reading later will find that.
 */
static void
check_conflicts(Relation rel, const ItemPointerData *tid)
{
	ItemPointerData at = *tid;

	if (!IsolationIsSerializable())
		return;
	do
		CheckForSerializableConflictIn(rel, &at, ItemPointerGetBlockNumberNoCheck(&at));
	while (tid_is_block_row(&at) && moved_row_origin(rel, &at, &at));
}

static void
mark_row(Relation rel, const BlockEntry *entry, const ItemPointerData *tid,
		 const ItemPointerData *new_tid, CommandId cid)
{
	note_origins(rel, entry->storage_id, tid);
	mark_insert(entry->storage_id, tid, new_tid, cid);
	check_conflicts(rel, tid);
	redirect_hide(rel, entry->storage_id, tid, cid);
}

static TM_Result
delete_block_row(Relation rel, const ItemPointerData *tid, CommandId cid, Snapshot crosscheck,
				 bool wait, TM_FailureData *tmfd, bool changing_part)
{
	BlockEntry *entry;
	ItemPointerData moved;
	TM_Result	result = lock_for_change(rel, tid, cid, crosscheck, wait, &entry, tmfd,
										 "delete");

	if (result != TM_Ok)
		return result;
	publish_delete(rel, entry, tid_block_row(tid, entry->first_vpage), cid);
	ItemPointerSetMovedPartitions(&moved);
	mark_row(rel, entry, tid, changing_part ? &moved : NULL, cid);
	pgstat_count_heap_delete(rel);
	return TM_Ok;
}

/*
 * Which lock would heap take for an update?  The weaker one if no column of a
 * unique key changes.
 */
static LockTupleMode
update_lock_mode(Relation rel, const BlockEntry *entry, int row, TupleTableSlot *new_row)
{
	Bitmapset  *keys = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_KEY);
	Bitmapset  *columns = NULL;
	TupleTableSlot *old_row;
	BlockPin   *pin;
	LockTupleMode mode = LockTupleNoKeyExclusive;
	int			member = -1;

	if (bms_is_empty(keys))
		return mode;
	while ((member = bms_next_member(keys, member)) >= 0)
		columns = bms_add_member(columns, Max(member + FirstLowInvalidHeapAttributeNumber, 0));
	if (bms_is_member(0, columns))
		return LockTupleExclusive;	/* a system column or the whole row */

	old_row = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsVirtual);
	pin = block_pin_create();
	block_pin_set(pin, entry);
	block_row_store_columns(pin, rel, entry, row, columns, old_row);
	slot_getallattrs(new_row);
	member = -1;
	while ((member = bms_next_member(columns, member)) >= 0)
	{
		int			i = member - 1;
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(rel), i);

		if (old_row->tts_isnull[i] != new_row->tts_isnull[i] ||
			(!old_row->tts_isnull[i] &&
			 !datum_image_eq(old_row->tts_values[i], new_row->tts_values[i],
							 attribute->attbyval, attribute->attlen)))
			mode = LockTupleExclusive;
	}
	ExecDropSingleTupleTableSlot(old_row);
	block_pin_release(pin);
	bms_free(keys);
	bms_free(columns);
	return mode;
}

static TM_Result
update_block_row(Relation rel, const ItemPointerData *tid, TupleTableSlot *slot, CommandId cid,
				 Snapshot crosscheck, bool wait, TM_FailureData *tmfd,
				 LockTupleMode *lockmode, TU_UpdateIndexes * update_indexes)
{
	BlockEntry *entry = directory_find(storage_id(rel, NULL), tid_vpage(tid), NULL);
	TM_Result	result;
	int			row;

	*update_indexes = TU_None;
	*lockmode = LockTupleExclusive;
	if (entry != NULL)
		*lockmode = update_lock_mode(rel, entry, tid_block_row(tid, entry->first_vpage), slot);
	result = lock_for_change(rel, tid, cid, crosscheck, wait, &entry, tmfd, "update");
	if (result != TM_Ok)
		return result;

	row = tid_block_row(tid, entry->first_vpage);
	heap_routine()->tuple_insert(rel, slot, cid, publish_update(rel, entry, row, cid), NULL);
	mark_row(rel, entry, tid, &slot->tts_tid, cid);
	*update_indexes = TU_All;

	/* it was an update, not an insert */
	pgstat_count_heap_insert(rel, -1);
	count_heap_update(rel);
	return TM_Ok;
}

/* ---- rows of both kinds ---- */

TM_Result
pyro_tuple_delete(Relation rel, ItemPointer tid, CommandId cid, Snapshot snapshot,
				  Snapshot crosscheck, bool wait, TM_FailureData *tmfd, bool changing_part)
{
	ItemPointerData at = *tid;
	TM_Result	result;

	do
	{
		if (tid_is_block_row(&at))
		{
			MemoryContext before = row_context_begin();

			result = delete_block_row(rel, &at, cid, crosscheck, wait, tmfd, changing_part);
			row_context_end(before);
		}
		else
			result = heap_routine()->tuple_delete(rel, &at, cid, snapshot, crosscheck, wait,
												  tmfd, changing_part);
	} while (redirect_find(rel, &at, result, tmfd, snapshot, &at));
	return result;
}

TM_Result
pyro_tuple_update(Relation rel, ItemPointer tid, TupleTableSlot *slot, CommandId cid,
				  Snapshot snapshot, Snapshot crosscheck, bool wait, TM_FailureData *tmfd,
				  LockTupleMode *lockmode, TU_UpdateIndexes * update_indexes)
{
	ItemPointerData at = *tid;	/* it may be the slot's own */
	TM_Result	result;

	pack_profiles(rel, slot);

	do
	{
		if (tid_is_block_row(&at))
		{
			MemoryContext before = row_context_begin();

			result = update_block_row(rel, &at, slot, cid, crosscheck, wait, tmfd, lockmode,
									  update_indexes);
			row_context_end(before);
		}
		else
			result = heap_routine()->tuple_update(rel, &at, slot, cid, snapshot, crosscheck,
												  wait, tmfd, lockmode, update_indexes);
	} while (redirect_find(rel, &at, result, tmfd, snapshot, &at));
	return result;
}
