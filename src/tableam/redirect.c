/*
 * redirect.c
 *	  Statements that meet a row which compaction has moved meanwhile.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "tableam/block_row.h"
#include "tableam/block_tid.h"
#include "tableam/moved_rows.h"
#include "tableam/redirect.h"
#include "tableam/storage.h"

/*
 * A row by its storage rather than its table: where the transaction itself gives
 * the table another file, other rows have the TIDs.
 */
typedef struct RowKey
{
	int64		storage_id;
	ItemPointerData tid;
	uint16		padding;		/* is hashed too: always 0 */
} RowKey;

StaticAssertDecl(sizeof(RowKey) == 16, "RowKey has padding of its own");

/* Where a row was before it came to its TID. */
typedef struct Move
{
	RowKey		to;				/* the key */
	ItemPointerData from;
} Move;

/* A row that is hidden where it was. */
typedef struct HiddenRow
{
	RowKey		at;				/* the key */
	CommandId	cid;			/* of the command that changed it */
	SubTransactionId subxact;	/* to which the change belongs */
} HiddenRow;

/* All of it lives as long as the transaction; NULL until something is noted. */
static HTAB *moves = NULL;
static HTAB *hidden_rows = NULL;
static List *hidden_relids = NIL;	/* tables that have some */
static SubTransactionId last_hider = InvalidSubTransactionId;	/* the last that has
																 * hidden any */
static Snapshot held_snapshot = NULL;

static ExecutorRun_hook_type previous_executor_run = NULL;

/* ---- the transaction's end ---- */

static void
forget_all(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			if (held_snapshot)
				UnregisterSnapshotFromOwner(held_snapshot, TopTransactionResourceOwner);
			held_snapshot = NULL;
			break;
		default:

			/*
			 * the memory goes with the transaction, the snapshot with its
			 * owner
			 */
			moves = NULL;
			hidden_rows = NULL;
			hidden_relids = NIL;
			last_hider = InvalidSubTransactionId;
			held_snapshot = NULL;
	}
}

/* Changes of a subtransaction become its parent's, or never happened. */
static void
end_subtransaction(SubXactEvent event, SubTransactionId subxact, SubTransactionId parent,
				   void *arg)
{
	HASH_SEQ_STATUS status;
	HiddenRow  *row;

	/*
	 * most, as of loops that catch errors, begin after the last row was
	 * hidden
	 */
	if (hidden_rows == NULL || subxact > last_hider ||
		(event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB))
		return;
	hash_seq_init(&status, hidden_rows);
	while ((row = hash_seq_search(&status)) != NULL)
	{
		if (row->subxact != subxact)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			row->subxact = parent;
		else
			hash_search(hidden_rows, &row->at, HASH_REMOVE, NULL);
	}
}

/* ---- what the transaction knows ---- */

/*
 * Parallel workers do not know what is hidden, so a transaction that hides rows
 * starts none: plans with workers are run by the leader alone.
 */
static void
run_executor(EXECUTOR_RUN_ARGS)
{
	if (hidden_rows != NULL && hash_get_num_entries(hidden_rows) > 0)
		executor_run_serially(query, once);
	if (previous_executor_run)
		previous_executor_run(EXECUTOR_RUN_PASS);
	else
		standard_ExecutorRun(EXECUTOR_RUN_PASS);
}

static void
install(void)
{
	static bool installed = false;

	if (installed)
		return;
	RegisterXactCallback(forget_all, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
	previous_executor_run = ExecutorRun_hook;
	ExecutorRun_hook = run_executor;
	installed = true;
}

static HTAB *
create_table(const char *name, Size entry_size)
{
	HASHCTL		control = {.keysize = sizeof(RowKey),.entrysize = entry_size,
	.hcxt = TopTransactionContext};

	install();
	return hash_create(name, 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static RowKey
row_key(int64 storage_id, const ItemPointerData *tid)
{
	RowKey		key = {.storage_id = storage_id,.tid = *tid};

	return key;
}

/* Keep what this snapshot sees from being vacuumed and its TIDs from reuse. */
static void
hold_snapshot(Snapshot snapshot)
{
	Snapshot	old = held_snapshot;

	if (snapshot == NULL || !IsMVCCSnapshot(snapshot))
		snapshot = ActiveSnapshotSet() ? GetActiveSnapshot() : GetTransactionSnapshot();
	if (old != NULL && !TransactionIdPrecedes(snapshot->xmin, old->xmin))
		return;
	/* a copy, as the active one may still be given another command */
	PushCopiedSnapshot(snapshot);
	held_snapshot = RegisterSnapshotOnOwner(GetActiveSnapshot(), TopTransactionResourceOwner);
	PopActiveSnapshot();
	if (old != NULL)
		UnregisterSnapshotFromOwner(old, TopTransactionResourceOwner);
}

void
redirect_note(Relation rel, const ItemPointerData *from, const ItemPointerData *to,
			  Snapshot snapshot)
{
	RowKey		key = row_key(storage_id(rel, NULL), to);
	Move	   *move;

	if (moves == NULL)
		moves = create_table("pyro moved rows", sizeof(Move));
	hold_snapshot(snapshot);
	move = hash_search(moves, &key, HASH_ENTER, NULL);
	move->from = *from;
}

bool
redirect_find(Relation rel, const ItemPointerData *tid, TM_Result result,
			  const TM_FailureData *tmfd, Snapshot snapshot, ItemPointer moved_to)
{
	ItemPointerData from = *tid;

	if (result != TM_Updated || !ItemPointerIndicatesMovedPartitions(&tmfd->ctid) ||
		IsolationUsesXactSnapshot() ||
		!moved_row_find(rel, &from, tmfd->xmax, moved_to))
		return false;
	redirect_note(rel, &from, moved_to, snapshot);
	return true;
}

/* ---- hiding ---- */

void
redirect_hide(Relation rel, int64 storage_id, const ItemPointerData *tid, CommandId cid)
{
	RowKey		key = row_key(storage_id, tid);
	MemoryContext before;
	Move	   *move;

	if (moves == NULL)
		return;
	while ((move = hash_search(moves, &key, HASH_FIND, NULL)) != NULL)
	{
		HiddenRow  *row;

		key.tid = move->from;
		if (hidden_rows == NULL)
			hidden_rows = create_table("pyro hidden rows", sizeof(HiddenRow));
		row = hash_search(hidden_rows, &key, HASH_ENTER, NULL);
		row->cid = cid;
		row->subxact = GetCurrentSubTransactionId();
		last_hider = Max(last_hider, row->subxact);
		before = MemoryContextSwitchTo(TopTransactionContext);
		hidden_relids = list_append_unique_oid(hidden_relids, RelationGetRelid(rel));
		MemoryContextSwitchTo(before);
	}
}

static bool
is_hidden_from(const HiddenRow *row, Snapshot snapshot)
{
	return row->cid < snapshot->curcid;
}

bool
redirect_hides(Relation rel, const ItemPointerData *tid, Snapshot snapshot)
{
	RowKey		key;
	HiddenRow  *row;

	if (hidden_rows == NULL || !IsMVCCSnapshot(snapshot) ||
		!list_member_oid(hidden_relids, RelationGetRelid(rel)))
		return false;
	key = row_key(storage_id(rel, NULL), tid);
	row = hash_search(hidden_rows, &key, HASH_FIND, NULL);
	return row != NULL && is_hidden_from(row, snapshot);
}

static int
compare_marks(const void *a, const void *b)
{
	return ItemPointerCompare(&((Mark *) a)->row_tid, &((Mark *) b)->row_tid);
}

void
redirect_add_marks(int64 storage_id, const ItemPointerData *first, const ItemPointerData *last,
				   Snapshot snapshot, MarkSet *set)
{
	int			count = set->count;
	HASH_SEQ_STATUS status;
	HiddenRow  *row;

	if (hidden_rows == NULL || snapshot == NULL || !IsMVCCSnapshot(snapshot))
		return;
	hash_seq_init(&status, hidden_rows);
	while ((row = hash_seq_search(&status)) != NULL)
	{
		Mark	   *mark;

		if (row->at.storage_id != storage_id || !is_hidden_from(row, snapshot) ||
			ItemPointerCompare(&row->at.tid, (ItemPointer) first) < 0 ||
			ItemPointerCompare(&row->at.tid, (ItemPointer) last) > 0)
			continue;
		if (set->marks == NULL)
			set->marks = palloc(sizeof(Mark));
		else
			set->marks = repalloc_huge(set->marks, (set->count + 1) * sizeof(Mark));
		mark = &set->marks[set->count++];
		memset(mark, 0, sizeof(*mark));
		mark->row_tid = row->at.tid;
		mark->xmin = GetTopTransactionIdIfAny();
		mark->cmin = row->cid;
	}
	if (set->count > count)
		qsort(set->marks, set->count, sizeof(Mark), compare_marks);
}

/* ---- serializable readers ---- */

void
redirect_check_conflicts(Relation rel, const ItemPointerData *tid, TransactionId mover,
						 Snapshot snapshot)
{
	ItemPointerData at = *tid;
	bool		more = true;

	while (more && moved_row_find(rel, &at, mover, &at))
	{
		int64		id = storage_id(rel, NULL);
		BlockList  *versions = directory_find_all(id, tid_vpage(&at));

		block_rows_check_conflicts(rel, id, &at, &at, snapshot);
		more = false;
		for (int i = 0; i < versions->count && !more; i++)
		{
			ItemPointerData next;

			mover = versions->entries[i]->xmax;
			more = moved_row_find(rel, &at, mover, &next);
		}
	}
}
