/*
 * clean.c
 *	  Removing the index entries of blocks that are gone.
 *
 * They do no harm, since virtual pages are never used again, but take space
 * and a look into the directory each time they are met.  VACUUM of the table
 * does not know them.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "tableam/block_tid.h"
#include "tableam/compaction.h"
#include "tableam/directory.h"

/* Clean when this part of the entries, and so many, are of no use. */
#define CLEAN_PART	0.2
#define CLEAN_ROWS	1000

/*
 * Does an index entry lead to a block that nobody can see?  The list has all
 * blocks that still have a directory row, dead ones included.
 */
static bool
is_dangling(ItemPointer tid, void *arg)
{
	return tid_is_block_row(tid) && directory_list_find(arg, tid_vpage(tid)) == NULL;
}

static void
clean_index(Relation rel, Relation index, BlockList *list)
{
	IndexVacuumInfo info = {0};
	IndexBulkDeleteResult *result;

	info.index = index;
	COMPAT_SET_HEAPREL(info, rel);
	info.estimated_count = true;
	info.message_level = DEBUG2;
	info.num_heap_tuples = rel->rd_rel->reltuples;
	info.strategy = GetAccessStrategy(BAS_VACUUM);
	result = index_bulk_delete(&info, NULL, is_dangling, list);
	index_vacuum_cleanup(&info, result);
	FreeAccessStrategy(info.strategy);
}

/* Clean all indexes, under the lock that keeps VACUUM away. */
static void
clean_all(Compaction *compaction)
{
	BlockList  *list = directory_read(compaction->storage.id, SnapshotAny);
	List	   *oids = RelationGetIndexList(compaction->rel);
	ListCell   *cell;

	foreach(cell, oids)
	{
		Relation	index = index_open(lfirst_oid(cell), RowExclusiveLock);

		CHECK_FOR_INTERRUPTS();
		if (index->rd_index->indisready)
			clean_index(compaction->rel, index, list);
		index_close(index, RowExclusiveLock);
	}
	compaction->storage.dropped_rows = 0;
	storage_update(compaction->rel, &compaction->storage);
}

void
clean_indexes(Compaction *compaction)
{
	if (!compaction_begin_step(compaction))
		return;
	if (compaction->storage.id != NO_STORAGE &&
		compaction->storage.dropped_rows >= CLEAN_ROWS &&
		compaction->storage.dropped_rows >= CLEAN_PART * compaction->storage.rows)
		clean_all(compaction);
	compaction_end_step(compaction);
}
