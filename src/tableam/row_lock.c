/*
 * row_lock.c
 *	  Locks on block rows.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "tableam/block_tid.h"
#include "tableam/marks.h"
#include "tableam/moved_rows.h"
#include "tableam/row_lock.h"
#include "tableam/storage.h"

/* As tupleLockExtraInfo in heapam.c, and what goes with it on the block. */
static const struct
{
	LOCKMODE	row;
	LOCKMODE	block;
	LOCKMODE	whole_block;
}			modes[] = {
	[LockTupleKeyShare] = {AccessShareLock, AccessShareLock, ShareLock},
	[LockTupleShare] = {RowShareLock, AccessShareLock, ShareLock},
	[LockTupleNoKeyExclusive] = {ExclusiveLock, RowExclusiveLock, AccessExclusiveLock},
	[LockTupleExclusive] = {AccessExclusiveLock, RowExclusiveLock, AccessExclusiveLock},
};

/*
 * When to lock more at once.  It is tried without waiting at first; only many
 * times as many locks are worth waiting for others.
 */
#define ROWS_OF_BLOCK	64
#define ROWS_OF_ALL		1024	/* then every further block is locked whole */
#define BLOCKS_OF_ALL	1024	/* then the table is */
#define PATIENCE		8

/* ---- how much is locked ---- */

/*
 * Counts are a heuristic: they say when to lock a block as a whole, but the
 * locks are taken again each time, since a subtransaction's end may have
 * released them.
 */
typedef struct BlockKey
{
	Oid			relid;
	BlockNumber page;
} BlockKey;

typedef struct BlockCount
{
	BlockKey	key;
	int			rows;
	LOCKMODE	whole;			/* the strongest lock on all of it, or NoLock */
} BlockCount;

static HTAB *block_counts = NULL;	/* of the transaction */
static int	row_count = 0;

static void
forget_counts(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE ||
		event == XACT_EVENT_PARALLEL_PRE_COMMIT)
		return;
	block_counts = NULL;		/* goes with the transaction's memory */
	row_count = 0;
}

static BlockCount *
find_count(Oid relid, BlockNumber page)
{
	static bool registered = false;
	BlockKey	key = {.relid = relid,.page = page};
	BlockCount *count;
	bool		found;

	if (!registered)
		RegisterXactCallback(forget_counts, NULL);
	registered = true;
	if (block_counts == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(BlockKey),.entrysize = sizeof(BlockCount),
		.hcxt = TopTransactionContext};

		block_counts = hash_create("pyro locked blocks", 64, &control,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	count = hash_search(block_counts, &key, HASH_ENTER, &found);
	if (!found)
	{
		count->rows = 0;
		count->whole = NoLock;
	}
	return count;
}

/* ---- locking ---- */

static bool
lock_page(Relation rel, BlockNumber page, LOCKMODE mode, bool wait)
{
	if (!wait)
		return ConditionalLockPage(rel, page, mode);
	LockPage(rel, page, mode);
	return true;
}

/*
 * The lock of a row.  It is not that of a tuple, which the server expects to be
 * held for moments only, and not for the rest of the transaction.
 */
static LOCKTAG
row_tag(Relation rel, const ItemPointerData *tid)
{
	LOCKTAG		tag = {
		.locktag_field1 = rel->rd_lockInfo.lockRelId.dbId,
		.locktag_field2 = rel->rd_lockInfo.lockRelId.relId,
		.locktag_field3 = ItemPointerGetBlockNumberNoCheck(tid),
		.locktag_field4 = ItemPointerGetOffsetNumberNoCheck(tid),
		.locktag_type = LOCKTAG_USERLOCK,
		.locktag_lockmethodid = DEFAULT_LOCKMETHOD,
	};

	return tag;
}

typedef struct RowContext
{
	Relation	rel;
	const ItemPointerData *tid;
} RowContext;

/* Say of a deadlock, or of a long wait, which row it is about. */
static void
add_row_context(void *arg)
{
	RowContext *context = arg;

	errcontext("while locking row (%u,%u) in relation \"%s\"",
			   ItemPointerGetBlockNumberNoCheck(context->tid),
			   ItemPointerGetOffsetNumberNoCheck(context->tid),
			   RelationGetRelationName(context->rel));
}

static bool
lock_row(Relation rel, const ItemPointerData *tid, LOCKMODE mode, bool wait)
{
	LOCKTAG		tag = row_tag(rel, tid);
	RowContext	context = {.rel = rel,.tid = tid};
	ErrorContextCallback callback = {.previous = error_context_stack,
	.callback = add_row_context,.arg = &context};
	bool		locked;

	error_context_stack = &callback;
	locked = LockAcquire(&tag, mode, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
	error_context_stack = callback.previous;
	return locked;
}

/*
 * Lock the whole table if so much of it is locked; false if it was not worth it
 * or others are there.
 */
static bool
lock_table(Relation rel, bool wait)
{
	long		blocks = block_counts == NULL ? 0 : hash_get_num_entries(block_counts);

	if (blocks < BLOCKS_OF_ALL)
		return false;
	if (wait && blocks >= PATIENCE * BLOCKS_OF_ALL)
		LockRelation(rel, ExclusiveLock);
	else if (!ConditionalLockRelation(rel, ExclusiveLock))
		return false;
	return true;
}

/* The same for a block. */
static bool
lock_whole_block(Relation rel, BlockCount *count, LOCKMODE mode, bool wait)
{
	bool		wanted = count->whole >= mode;
	bool		patient = false;

	if (!wanted && row_count >= ROWS_OF_ALL)
	{
		wanted = true;
		patient = row_count >= PATIENCE * ROWS_OF_ALL;
	}
	if (!wanted && count->rows >= ROWS_OF_BLOCK && count->rows % ROWS_OF_BLOCK == 0)
	{
		wanted = true;
		patient = count->rows >= PATIENCE * ROWS_OF_BLOCK;
	}
	if (!wanted || !lock_page(rel, count->key.page, mode, wait && patient))
		return false;
	count->whole = Max(count->whole, mode);
	return true;
}

/* What was locked, to be given back if the row turns out to be gone. */
typedef struct HeldLock
{
	BlockNumber page;
	LOCKMODE	page_mode;		/* NoLock if the table is locked */
	LOCKMODE	row_mode;		/* NoLock if more than the row is locked */
} HeldLock;

static void
release(Relation rel, const ItemPointerData *tid, const HeldLock *held)
{
	LOCKTAG		tag = row_tag(rel, tid);

	if (held->row_mode != NoLock)
		LockRelease(&tag, held->row_mode, false);
	if (held->page_mode != NoLock)
		UnlockPage(rel, held->page, held->page_mode);
}

static bool
lock_block_and_row(Relation rel, const ItemPointerData *tid, BlockNumber page,
				   LockTupleMode mode, bool wait, HeldLock *held)
{
	BlockCount *count;

	held->page = page;
	held->page_mode = NoLock;
	held->row_mode = NoLock;
	if (lock_table(rel, wait))
		return true;
	count = find_count(RelationGetRelid(rel), page);
	if (lock_whole_block(rel, count, modes[mode].whole_block, wait))
	{
		held->page_mode = modes[mode].whole_block;
		return true;
	}
	if (!lock_page(rel, page, modes[mode].block, wait))
		return false;
	held->page_mode = modes[mode].block;
	if (!lock_row(rel, tid, modes[mode].row, wait))
	{
		release(rel, tid, held);
		return false;
	}
	held->row_mode = modes[mode].row;
	count->rows++;
	row_count++;
	return true;
}

/* ---- what has become of the row ---- */

static TM_Result
fail(TM_FailureData *tmfd, TM_Result result, const ItemPointerData *ctid, TransactionId xmax,
	 CommandId cmax)
{
	tmfd->ctid = *ctid;
	tmfd->xmax = xmax;
	tmfd->cmax = cmax;
	return result;
}

static TM_Result
fail_as_marked(const Mark *mark, CommandId cid, TM_FailureData *tmfd)
{
	bool		updated = ItemPointerIsValid(&mark->new_tid);
	const ItemPointerData *ctid = updated ? &mark->new_tid : &mark->row_tid;

	if (!TransactionIdIsCurrentTransactionId(mark->xmin))
		return fail(tmfd, updated ? TM_Updated : TM_Deleted, ctid, mark->xmin,
					InvalidCommandId);
	return fail(tmfd, mark->cmin >= cid ? TM_SelfModified : TM_Invisible, ctid, mark->xmin,
				mark->cmin);
}

/*
 * The block is gone.  Either a merge moved the row, or it was marked before the
 * block was rewritten, or the block was dropped.
 */
static TM_Result
fail_as_gone(Relation rel, int64 id, const ItemPointerData *tid, CommandId cid,
			 TM_FailureData *tmfd)
{
	BlockList  *versions = directory_find_all(id, tid_vpage(tid));
	MarkSet    *marks = marks_read(id, tid, tid, SnapshotAny);
	TransactionId remover = InvalidTransactionId;
	ItemPointerData moved;

	for (int i = 0; i < versions->count; i++)
	{
		TransactionId xmax = versions->entries[i]->xmax;

		if (!TransactionIdIsValid(xmax) ||
			!(TransactionIdIsCurrentTransactionId(xmax) || TransactionIdDidCommit(xmax)))
			continue;
		remover = xmax;
		if (!moved_row_find(rel, tid, xmax, &moved))
			continue;
		ItemPointerSetMovedPartitions(&moved);
		return fail(tmfd, TM_Updated, &moved, xmax, InvalidCommandId);
	}
	for (int i = 0; i < marks->count; i++)
		if (TransactionIdIsCurrentTransactionId(marks->marks[i].xmin) ||
			TransactionIdDidCommit(marks->marks[i].xmin))
			return fail_as_marked(&marks->marks[i], cid, tmfd);
	return fail(tmfd, TM_Deleted, tid, remover, InvalidCommandId);
}

static TM_Result
look(Relation rel, int64 id, const ItemPointerData *tid, CommandId cid, BlockEntry **entry,
	 TM_FailureData *tmfd)
{
	Mark		mark;

	*entry = directory_find(id, tid_vpage(tid), NULL);
	if (*entry == NULL)
		return fail_as_gone(rel, id, tid, cid, tmfd);
	if (mark_read(id, tid, SnapshotSelf, &mark))
		return fail_as_marked(&mark, cid, tmfd);
	return TM_Ok;
}

TM_Result
block_row_lock(Relation rel, const ItemPointerData *tid, CommandId cid, LockTupleMode mode,
			   LockWaitPolicy wait_policy, BlockEntry **entry, TM_FailureData *tmfd)
{
	int64		id = storage_id(rel, NULL);
	BlockEntry *any = directory_find(id, tid_vpage(tid), SnapshotAny);
	HeldLock	held;
	TM_Result	result;

	*entry = NULL;
	if (any == NULL || tid_block_row(tid, any->first_vpage) >= any->rows)
		return fail(tmfd, TM_Deleted, tid, InvalidTransactionId, InvalidCommandId);

	/* a lock is held by a transaction id, as heap's are */
	(void) GetCurrentTransactionId();
	if (!lock_block_and_row(rel, tid, FIRST_VIRTUAL_PAGE + (BlockNumber) any->first_vpage, mode,
							wait_policy == LockWaitBlock, &held))
	{
		if (wait_policy == LockWaitError)
			ereport(ERROR,
					(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					 errmsg("could not obtain lock on row in relation \"%s\"",
							RelationGetRelationName(rel))));
		return fail(tmfd, TM_WouldBlock, tid, InvalidTransactionId, InvalidCommandId);
	}
	result = look(rel, id, tid, cid, entry, tmfd);
	if (result != TM_Ok)
		release(rel, tid, &held);
	return result;
}
