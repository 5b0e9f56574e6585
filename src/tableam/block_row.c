/*
 * block_row.c
 *	  Rows of blocks, one at a time: found by TID under any snapshot, and
 *	  handed out as heap tuples.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/subtrans.h"
#include "access/transam.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/predicate.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "tableam/block_row.h"
#include "tableam/block_tid.h"
#include "tableam/redirect.h"
#include "tableam/row_context.h"
#include "tableam/storage.h"

/* A reader reads a block's marks when it has fetched so many of its rows. */
#define SINGLE_LOOKUPS	8

/* What a reader remembers at most, more or less. */
#define READER_MEMORY	((Size) 8 * 1024 * 1024)

/* ---- a row as a tuple ---- */

/* Get the value of one column, where that is neither there nor NULL yet. */
static inline void
get_value(BlockPin *pin, Relation rel, const BlockEntry *entry, int row, TupleDesc desc, int i,
		  Datum *values, bool *nulls)
{
	Form_pg_attribute attribute = TupleDescAttr(desc, i);
	const BlockColumn *column;

	if (attribute->attisdropped)
		return;
	column = block_column(pin, rel, entry, attribute);
	if (column == NULL)
		values[i] = getmissingattr(desc, i + 1, &nulls[i]);
	else if (column->isnull == NULL || !column->isnull[row])
	{
		values[i] = block_value(pin, rel, entry, attribute->attnum, column, row);
		nulls[i] = false;
	}
}

/* Get a row's values for columns of a descriptor: those in the set, or all. */
static void
get_values(BlockPin *pin, Relation rel, const BlockEntry *entry, int row,
		   const Bitmapset *columns, TupleDesc desc, Datum *values, bool *nulls)
{
	memset(values, 0, desc->natts * sizeof(Datum));
	memset(nulls, true, desc->natts * sizeof(bool));
	if (columns == NULL)
	{
		for (int i = 0; i < desc->natts; i++)
			get_value(pin, rel, entry, row, desc, i, values, nulls);
	}
	else
	{
		int			attnum = 0;

		while ((attnum = bms_next_member(columns, attnum)) > 0)
			get_value(pin, rel, entry, row, desc, attnum - 1, values, nulls);
	}
}

void
block_row_store(BlockPin *pin, Relation rel, const BlockEntry *entry, int row, TupleTableSlot *slot)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;
	Datum	   *values = slot->tts_values;
	bool	   *nulls = slot->tts_isnull;
	MemoryContext before;
	HeapTuple	tuple;
	TransactionId xmin = block_xmins(pin, rel, entry)[row];

	/* the slot's own arrays are scratch until the tuple is in it */
	ExecClearTuple(slot);
	get_values(pin, rel, entry, row, NULL, desc, values, nulls);
	before = MemoryContextSwitchTo(slot->tts_mcxt);
	tuple = heap_form_tuple(desc, values, nulls);
	MemoryContextSwitchTo(before);

	tuple->t_tableOid = RelationGetRelid(rel);
	set_block_row_tid(&tuple->t_self, entry->first_vpage, row);
	tuple->t_data->t_ctid = tuple->t_self;
	tuple->t_data->t_infomask &= ~(HEAP_XACT_MASK | HEAP_COMBOCID);
	tuple->t_data->t_infomask |= HEAP_XMIN_COMMITTED | HEAP_XMAX_INVALID;
	HeapTupleHeaderSetXmin(tuple->t_data, xmin);
	HeapTupleHeaderSetXmax(tuple->t_data, InvalidTransactionId);
	HeapTupleHeaderSetCmin(tuple->t_data, FirstCommandId);

	if (TTS_IS_BUFFERTUPLE(slot))
	{
		BufferHeapTupleTableSlot *buffer_slot = (BufferHeapTupleTableSlot *) slot;

		/* what ExecForceStoreHeapTuple would do, without another copy */
		buffer_slot->base.tuple = tuple;
		slot->tts_flags &= ~TTS_FLAG_EMPTY;
		slot->tts_flags |= TTS_FLAG_SHOULDFREE;
		slot->tts_nvalid = 0;
		slot->tts_tid = tuple->t_self;
	}
	else
		ExecForceStoreHeapTuple(tuple, slot, true);
	slot->tts_tableOid = RelationGetRelid(rel);
}

void
block_row_store_columns(BlockPin *pin, Relation rel, const BlockEntry *entry, int row,
						const Bitmapset *columns, TupleTableSlot *slot)
{
	ExecClearTuple(slot);
	get_values(pin, rel, entry, row, columns, slot->tts_tupleDescriptor, slot->tts_values,
			   slot->tts_isnull);
	ExecStoreVirtualTuple(slot);
	set_block_row_tid(&slot->tts_tid, entry->first_vpage, row);
	slot->tts_tableOid = RelationGetRelid(rel);
}

void
block_row_detach(TupleTableSlot *slot)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;

	for (int i = 0; i < slot->tts_nvalid; i++)
		if (!slot->tts_isnull[i] && TupleDescAttr(desc, i)->attlen == -1 &&
			VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(slot->tts_values[i])))
			slot->tts_values[i] = PointerGetDatum(PG_DETOAST_DATUM(slot->tts_values[i]));
}

/* ---- finding a row ---- */

BlockReader *
block_reader_create(Relation rel)
{
	MemoryContext own_context = AllocSetContextCreate(CurrentMemoryContext, "pyro block reader",
													  ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(own_context);
	BlockReader *reader = palloc0(sizeof(BlockReader));

	reader->rel = rel;
	reader->own_context = own_context;
	reader->context = AllocSetContextCreate(own_context, "pyro block reader's block",
											ALLOCSET_SMALL_SIZES);
	reader->pin = block_pin_create();
	MemoryContextSwitchTo(before);
	return reader;
}

void
block_reader_release(BlockReader *reader)
{
	block_pin_release(reader->pin);
}

void
block_reader_reset(BlockReader *reader)
{
	block_reader_release(reader);
	MemoryContextReset(reader->context);
	reader->snapshot = NULL;
	reader->known = NULL;
	reader->known_count = 0;
	reader->known_space = 0;
	reader->entry = NULL;
	reader->block = NULL;
}

void
block_reader_free(BlockReader *reader)
{
	MemoryContextDelete(reader->own_context);
}

static bool
entry_has_row(const BlockEntry *entry, const ItemPointerData *tid)
{
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(tid);
	int64		vpage = tid_vpage(tid);

	return entry != NULL && offset >= 1 && offset <= BLOCK_PAGE_ROWS &&
		vpage >= entry->first_vpage &&
		vpage < entry->first_vpage + block_vpages(entry->rows) &&
		tid_block_row(tid, entry->first_vpage) < entry->rows;
}

/* The number of known blocks that begin at or before a virtual page. */
static int
known_up_to(const BlockReader *reader, int64 vpage)
{
	int			low = 0,
				high = reader->known_count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (reader->known[middle].entry->first_vpage <= vpage)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Remember a block at its place among those that are known. */
static KnownBlock *
remember(BlockReader *reader, BlockEntry *entry)
{
	int			at = known_up_to(reader, entry->first_vpage);

	if (reader->known_count == reader->known_space)
	{
		reader->known_space = Max(reader->known_space * 2, 4);
		reader->known = reader->known == NULL ?
			palloc(reader->known_space * sizeof(KnownBlock)) :
			repalloc_huge(reader->known, reader->known_space * sizeof(KnownBlock));
	}
	memmove(&reader->known[at + 1], &reader->known[at],
			(reader->known_count - at) * sizeof(KnownBlock));
	reader->known_count++;
	reader->known[at] = (KnownBlock) {.entry = entry};
	return &reader->known[at];
}

/*
 * Find the block of a row.  What an MVCC snapshot sees of blocks and marks
 * stays the same, so it is kept, up to some memory.
 */
static void
find_block(BlockReader *reader, const ItemPointerData *tid, Snapshot snapshot)
{
	bool		mvcc = IsMVCCSnapshot(snapshot);
	int64		id = storage_id(reader->rel, snapshot);
	MemoryContext before;
	BlockEntry *entry;
	int			at;

	if (!mvcc || reader->snapshot != snapshot || reader->curcid != snapshot->curcid ||
		MemoryContextMemAllocated(reader->context, false) > READER_MEMORY)
		block_reader_reset(reader);
	reader->entry = NULL;
	reader->block = NULL;
	at = known_up_to(reader, tid_vpage(tid));
	if (at > 0 && entry_has_row(reader->known[at - 1].entry, tid))
	{
		reader->block = &reader->known[at - 1];
		reader->entry = reader->block->entry;
		return;
	}
	before = MemoryContextSwitchTo(reader->context);
	entry = directory_find(id, tid_vpage(tid), snapshot);
	if (entry_has_row(entry, tid))
	{
		reader->entry = entry;
		if (mvcc)
		{
			reader->block = remember(reader, entry);
			reader->snapshot = snapshot;
			reader->curcid = snapshot->curcid;
		}
	}
	MemoryContextSwitchTo(before);
}

/*
 * Does an MVCC snapshot see a mark on the row?
 *
 * A block may have thousands of marks: they are worth reading only for a
 * reader that comes back.
 */
static bool
sees_mark(BlockReader *reader, const ItemPointerData *tid, Snapshot snapshot)
{
	KnownBlock *block = reader->block;
	BlockEntry *entry = reader->entry;
	MemoryContext before;
	ItemPointerData first,
				last;

	if (block->marks == NULL && block->lookups++ < SINGLE_LOOKUPS)
	{
		MarkSet    *marks = marks_read(entry->storage_id, tid, tid, snapshot);
		bool		found = marks->count > 0;

		if (marks->marks)
			pfree(marks->marks);
		pfree(marks);
		return found;
	}
	if (block->marks == NULL)
	{
		before = MemoryContextSwitchTo(reader->context);
		set_block_row_tid(&first, entry->first_vpage, 0);
		set_block_row_tid(&last, entry->first_vpage, entry->rows - 1);
		block->marks = marks_read(entry->storage_id, &first, &last, snapshot);
		MemoryContextSwitchTo(before);
	}
	return marks_find(block->marks, tid) != NULL;
}

/*
 * Does a mark hide the row from a snapshot?
 *
 * To a dirty snapshot a mark whose maker is still running does not, but it is
 * told, as heap tells of a running deleter.
 */
static bool
is_marked(BlockReader *reader, const ItemPointerData *tid, Snapshot snapshot)
{
	int64		id = reader->entry->storage_id;
	Mark		mark;

	switch (snapshot->snapshot_type)
	{
		case SNAPSHOT_MVCC:
		case SNAPSHOT_HISTORIC_MVCC:
			return sees_mark(reader, tid, snapshot);
		case SNAPSHOT_SELF:
			return mark_read(id, tid, snapshot, &mark);
		case SNAPSHOT_DIRTY:
			{
				SnapshotData dirty;

				InitDirtySnapshot(dirty);
				if (!mark_read(id, tid, &dirty, &mark))
					return false;
				if (!TransactionIdIsValid(dirty.xmin))
					return true;
				snapshot->xmax = dirty.xmin;
				return false;
			}
		case SNAPSHOT_ANY:
		case SNAPSHOT_TOAST:
		case SNAPSHOT_NON_VACUUMABLE:
			return false;
	}
	return false;
}

void
block_rows_check_conflicts(Relation rel, int64 storage_id, const ItemPointerData *first,
						   const ItemPointerData *last, Snapshot snapshot)
{
	MarkSet    *marks;
	MemoryContext before;

	if (storage_id == NO_STORAGE || !CheckForSerializableConflictOutNeeded(rel, snapshot))
		return;
	before = row_context_begin();
	marks = marks_read(storage_id, first, last, SnapshotAny);
	for (int i = 0; i < marks->count; i++)
	{
		TransactionId xid = marks->marks[i].xmin;

		if (!TransactionIdIsNormal(xid) || TransactionIdPrecedes(xid, TransactionXmin) ||
			!XidInMVCCSnapshot(xid, snapshot) || TransactionIdDidAbort(xid))
			continue;
		xid = SubTransGetTopmostTransaction(xid);
		if (!TransactionIdPrecedes(xid, TransactionXmin))
			CheckForSerializableConflictOut(rel, xid, snapshot);
	}
	row_context_end(before);
}

bool
block_reader_fetch(BlockReader *reader, const ItemPointerData *tid, Snapshot snapshot,
				   TupleTableSlot *slot, bool *all_dead)
{
	if (all_dead)
		*all_dead = false;
	if (slot)
		ExecClearTuple(slot);
	find_block(reader, tid, snapshot);
	if (reader->entry == NULL)
	{
		if (all_dead)
		{
			MemoryContext before = MemoryContextSwitchTo(reader->context);

			/* vpages are never used again: what nobody sees, nobody will see */
			*all_dead = !entry_has_row(directory_find(storage_id(reader->rel, SnapshotAny),
													  tid_vpage(tid), SnapshotAny), tid);
			MemoryContextSwitchTo(before);
		}
		return false;
	}

	/*
	 * locked before marks are read: who marks the row later will find the
	 * lock
	 */
	PredicateLockTID(reader->rel, (ItemPointer) tid, snapshot, InvalidTransactionId);
	block_rows_check_conflicts(reader->rel, reader->entry->storage_id, tid, tid, snapshot);
	if (TransactionIdIsValid(reader->entry->xmax) &&
		CheckForSerializableConflictOutNeeded(reader->rel, snapshot))
		redirect_check_conflicts(reader->rel, tid, reader->entry->xmax, snapshot);
	if (is_marked(reader, tid, snapshot))
		return false;
	if (slot)
	{
		block_pin_set(reader->pin, reader->entry);
		block_row_store(reader->pin, reader->rel, reader->entry,
						tid_block_row(tid, reader->entry->first_vpage), slot);
	}
	return true;
}
