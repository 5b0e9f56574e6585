/*
 * moved_rows.c
 *	  From a row's old TID to its new one, for rows that compaction or a merge
 *	  has moved.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "tableam/block_cache.h"
#include "tableam/block_tid.h"
#include "tableam/directory.h"
#include "tableam/moved_rows.h"
#include "tableam/storage.h"

typedef struct MovedRow
{
	ItemPointerData from;
	ItemPointerData to;
} MovedRow;

/*
 * What one transaction moved, by old TID.  The last such map is kept, since
 * statements meet many rows of one compaction.
 */
typedef struct MoveMap
{
	int64		storage_id;
	FullTransactionId mover;
	int			count;
	MovedRow   *rows;
} MoveMap;

static MemoryContext map_context = NULL;
static MoveMap *map = NULL;

static int
compare_rows(const void *a, const void *b)
{
	return ItemPointerCompare(&((MovedRow *) a)->from, &((MovedRow *) b)->from);
}

/* A recent transaction's full id. */
static FullTransactionId
full_xid(TransactionId xid)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint32		epoch = EpochFromFullTransactionId(next);

	if (xid > XidFromFullTransactionId(next))
		epoch--;
	return FullTransactionIdFromEpochAndXid(epoch, xid);
}

/*
 * May a block's payload be gone already?  That of one that was dropped is kept
 * while a snapshot of this transaction may see the block.
 */
static bool
may_be_vacuumed(const BlockEntry *entry)
{
	return TransactionIdIsNormal(entry->xmax) &&
		TransactionIdPrecedes(entry->xmax, TransactionXmin) &&
		TransactionIdDidCommit(entry->xmax);
}

static void
add_block(MoveMap *result, Relation rel, const BlockEntry *entry, BlockPin *pin)
{
	const ItemPointerData *priors;

	if (may_be_vacuumed(entry))
		return;
	block_pin_set(pin, entry);
	priors = block_prior_tids(pin, rel, entry);
	result->rows = result->rows == NULL ?
		palloc_extended((Size) entry->rows * sizeof(MovedRow), MCXT_ALLOC_HUGE) :
		repalloc_huge(result->rows,
					  ((Size) result->count + entry->rows) * sizeof(MovedRow));
	for (int row = 0; row < entry->rows; row++)
	{
		MovedRow   *moved = &result->rows[result->count++];

		moved->from = priors[row];
		set_block_row_tid(&moved->to, entry->first_vpage, row);
	}
}

/* Read what a transaction moved. */
static void
read_map(Relation rel, int64 id, FullTransactionId mover)
{
	BlockPin   *pin = block_pin_create();
	MemoryContext before;
	BlockList  *list;
	MoveMap    *result;

	map = NULL;
	if (map_context == NULL)
		map_context = AllocSetContextCreate(TopMemoryContext, "pyro moved rows",
											ALLOCSET_SMALL_SIZES);
	MemoryContextReset(map_context);
	before = MemoryContextSwitchTo(map_context);
	result = palloc0(sizeof(MoveMap));
	result->storage_id = id;
	result->mover = mover;
	list = directory_created_by(id, mover);
	for (int i = 0; i < list->count; i++)
		add_block(result, rel, list->entries[i], pin);
	block_pin_release(pin);
	if (result->count > 0)
		qsort(result->rows, result->count, sizeof(MovedRow), compare_rows);
	MemoryContextSwitchTo(before);
	map = result;
}

bool
moved_row_find(Relation rel, const ItemPointerData *tid, TransactionId mover,
			   ItemPointer moved_to)
{
	int64		id = storage_id(rel, NULL);
	MovedRow	key,
			   *found;

	if (id == NO_STORAGE || !TransactionIdIsNormal(mover) ||
		TransactionIdIsCurrentTransactionId(mover) || !TransactionIdDidCommit(mover))
		return false;
	if (map == NULL || map->storage_id != id ||
		!FullTransactionIdEquals(map->mover, full_xid(mover)))
		read_map(rel, id, full_xid(mover));
	if (map->count == 0)
		return false;
	key.from = *tid;
	found = bsearch(&key, map->rows, map->count, sizeof(MovedRow), compare_rows);
	if (found != NULL)
		*moved_to = found->to;
	return found != NULL;
}

bool
moved_row_origin(Relation rel, const ItemPointerData *tid, ItemPointer origin)
{
	BlockEntry *entry = directory_find(storage_id(rel, NULL), tid_vpage(tid), SnapshotAny);
	BlockPin   *pin;

	if (entry == NULL || tid_block_row(tid, entry->first_vpage) >= entry->rows ||
		may_be_vacuumed(entry))
		return false;
	pin = block_pin_create();
	block_pin_set(pin, entry);
	*origin = block_prior_tids(pin, rel, entry)[tid_block_row(tid, entry->first_vpage)];
	block_pin_release(pin);
	return true;
}
