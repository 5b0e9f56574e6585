/*
 * tuple_lock.c
 *	  Locks of rows, and the way from a row's old version to its last one.
 *
 * The way may lead from a block row by its mark to a row of the head, on by
 * heap's ctid, and by compaction into a block again.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "tableam/block_row.h"
#include "tableam/block_tid.h"
#include "tableam/callbacks.h"
#include "tableam/heap_forward.h"
#include "tableam/redirect.h"
#include "tableam/row_context.h"
#include "tableam/row_lock.h"

/* What tuple_lock is asked. */
typedef struct LockRequest
{
	Relation	rel;
	Snapshot	snapshot;
	CommandId	cid;
	LockTupleMode mode;
	LockWaitPolicy wait_policy;
	uint8		flags;
} LockRequest;

/* ---- one version ---- */

static TM_Result
lock_block_row(const LockRequest *request, const ItemPointerData *tid, TupleTableSlot *slot,
			   TM_FailureData *tmfd)
{
	BlockEntry *entry;
	BlockPin   *pin;
	TM_Result	result = block_row_lock(request->rel, tid, request->cid, request->mode,
										request->wait_policy, &entry, tmfd);

	if (entry == NULL)
	{
		ExecClearTuple(slot);
		return result;
	}
	pin = block_pin_create();
	block_pin_set(pin, entry);
	block_row_store(pin, request->rel, entry, tid_block_row(tid, entry->first_vpage), slot);
	block_pin_release(pin);
	return result;
}

static TM_Result
lock_version(const LockRequest *request, ItemPointer tid, TupleTableSlot *slot,
			 TM_FailureData *tmfd)
{
	if (tid_is_block_row(tid))
	{
		MemoryContext before = row_context_begin();
		TM_Result	result = lock_block_row(request, tid, slot, tmfd);

		row_context_end(before);
		return result;
	}
	return heap_routine()->tuple_lock(request->rel, tid, request->snapshot, slot, request->cid,
									  request->mode, request->wait_policy,
									  request->flags & ~TUPLE_LOCK_FLAG_FIND_LAST_VERSION, tmfd);
}

/* ---- the next version ---- */

/* Wait for a transaction as the caller wishes; false if it must not wait. */
static bool
wait_for(const LockRequest *request, TransactionId xid, ItemPointer tid)
{
	if (request->wait_policy == LockWaitBlock)
	{
		XactLockTableWait(xid, request->rel, tid, XLTW_FetchUpdated);
		return true;
	}
	if (conditional_wait_for(xid))
		return true;
	if (request->wait_policy == LockWaitError)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("could not obtain lock on row in relation \"%s\"",
						RelationGetRelationName(request->rel))));
	return false;
}

/* What a look at a version of the head said. */
typedef enum VersionState
{
	VERSION_LIVE,
	VERSION_UPDATED,
	VERSION_GONE,				/* deleted, or not the next version at all */
	VERSION_BUSY,				/* somebody is changing it */
	VERSION_SELF_INSERTED		/* by this command or a later one */
} VersionState;

/*
 * Look at the row that prior_xmax put at a TID of the head.
 *
 * tmfd gets ctid and xmax of one that was updated, xmax of one that is busy,
 * and xmax and cmax as heap's tuple_lock would say of our own.  As there, what
 * is read here needs no lock on the buffer: it no longer changes.
 */
static VersionState
look_at_version(const LockRequest *request, const ItemPointerData *tid, TransactionId prior_xmax,
				TM_FailureData *tmfd)
{
	HeapTupleData tuple = {.t_self = *tid};
	SnapshotData dirty;
	Buffer		buffer;
	bool		live;
	VersionState state;

	InitDirtySnapshot(dirty);
	live = heap_fetch(request->rel, &dirty, &tuple, &buffer, true);
	if (tuple.t_data == NULL)
		return VERSION_GONE;
	if (!TransactionIdEquals(HeapTupleHeaderGetXmin(tuple.t_data), prior_xmax))
		state = VERSION_GONE;
	else if (live && TransactionIdIsValid(dirty.xmin))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg_internal("t_xmin %u is uncommitted in tuple (%u,%u) to be updated in table \"%s\"",
								 dirty.xmin, ItemPointerGetBlockNumber(tid),
								 ItemPointerGetOffsetNumber(tid),
								 RelationGetRelationName(request->rel))));
	else if (live && TransactionIdIsValid(dirty.xmax))
	{
		tmfd->xmax = dirty.xmax;
		state = VERSION_BUSY;
	}
	else if (live && TransactionIdIsCurrentTransactionId(prior_xmax) &&
			 HeapTupleHeaderGetCmin(tuple.t_data) >= request->cid)
	{
		tmfd->xmax = prior_xmax;
		tmfd->cmax = HeapTupleHeaderGetCmin(tuple.t_data);
		state = VERSION_SELF_INSERTED;
	}
	else if (live)
		state = VERSION_LIVE;
	else if (ItemPointerEquals(&tuple.t_self, &tuple.t_data->t_ctid))
		state = VERSION_GONE;
	else
	{
		tmfd->ctid = tuple.t_data->t_ctid;
		tmfd->xmax = HeapTupleHeaderGetUpdateXid(tuple.t_data);
		state = VERSION_UPDATED;
	}
	ReleaseBuffer(buffer);
	return state;
}

/*
 * Go from a version that was updated, as tmfd says, to one that can be locked:
 * TM_Ok if there is one.
 */
static TM_Result
find_next_version(const LockRequest *request, ItemPointer tid, TM_FailureData *tmfd)
{
	for (;;)
	{
		TransactionId prior_xmax = tmfd->xmax;

		if (ItemPointerEquals(&tmfd->ctid, tid))
			return TM_Deleted;
		if (redirect_find(request->rel, tid, TM_Updated, tmfd, request->snapshot, tid))
			return TM_Ok;
		if (ItemPointerIndicatesMovedPartitions(&tmfd->ctid))
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("tuple to be locked was already moved to another partition due to concurrent update")));
		*tid = tmfd->ctid;
		for (bool busy = true; busy;)
		{
			CHECK_FOR_INTERRUPTS();
			busy = false;
			switch (look_at_version(request, tid, prior_xmax, tmfd))
			{
				case VERSION_LIVE:
					return TM_Ok;
				case VERSION_GONE:
					return TM_Deleted;
				case VERSION_SELF_INSERTED:
					return TM_SelfModified;
				case VERSION_UPDATED:
					break;
				case VERSION_BUSY:
					if (!wait_for(request, tmfd->xmax, tid))
						return TM_WouldBlock;
					busy = true;
					break;
			}
		}
	}
}

/* ---- the callback ---- */

TM_Result
pyro_tuple_lock(Relation rel, ItemPointer tid, Snapshot snapshot, TupleTableSlot *slot,
				CommandId cid, LockTupleMode mode, LockWaitPolicy wait_policy, uint8 flags,
				TM_FailureData *tmfd)
{
	LockRequest request = {rel, snapshot, cid, mode, wait_policy, flags};
	ItemPointerData at = *tid;	/* it may be the slot's own */
	bool		traversed = false;
	TM_Result	result;

	/*
	 * ExecCopySlot forgets the TID of a row that is not in a buffer, but its
	 * tuple has it: logical replication asks so for rows that it found by a
	 * sequential scan.
	 */
	if (!ItemPointerIsValid(&at) && !TTS_EMPTY(slot) && TTS_IS_BUFFERTUPLE(slot) &&
		((BufferHeapTupleTableSlot *) slot)->base.tuple != NULL)
		at = ((BufferHeapTupleTableSlot *) slot)->base.tuple->t_self;

	for (;;)
	{
		result = lock_version(&request, &at, slot, tmfd);
		if (!redirect_find(rel, &at, result, tmfd, snapshot, &at))
		{
			/* after a move, what this transaction did to the row counts, too */
			bool		updated = result == TM_Updated ||
			(result == TM_SelfModified && traversed && tid_is_block_row(&at) &&
			 !ItemPointerEquals(&tmfd->ctid, &at));

			if (!updated || !(flags & TUPLE_LOCK_FLAG_FIND_LAST_VERSION))
				break;
			ExecClearTuple(slot);
			if (ItemPointerEquals(&tmfd->ctid, &at))
			{
				result = TM_Deleted;
				break;
			}
			result = find_next_version(&request, &at, tmfd);
			if (result != TM_Ok)
			{
				traversed = true;
				break;
			}
		}
		traversed = true;
	}
	*tid = at;
	tmfd->traversed = traversed;
	return result;
}
