/*
 * settle.c
 *	  Letting the TOAST relation shrink after a time in which it was larger.
 *
 * Payload that lies in the file's tail keeps VACUUM from cutting it.  Once
 * VACUUM has recorded free space below, that payload is saved again there, and
 * the next VACUUM gives the tail back.  README.md tells by which experiments
 * the rules below were found.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/freespace.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "tableam/compaction.h"
#include "tableam/payload.h"
#include "tableam/progress.h"

/* Settle only if more than this part of the file is free, and some pages. */
#define SETTLE_FREE_PART	0.25
#define SETTLE_FREE_PAGES	64

/* Bytes that one transaction moves. */
#define SETTLE_STEP_SIZE	((int64) 64 * 1024 * 1024)

typedef struct FreeSpace
{
	BlockNumber pages;			/* of the file */
	BlockNumber free_pages;		/* of these, wholly free */
	int64		low_bytes;		/* free below the limit */
} FreeSpace;

/* What the free space map knows of the TOAST relation. */
static FreeSpace
read_free_space(Relation rel, BlockNumber page_limit)
{
	Relation	toast = table_open(rel->rd_rel->reltoastrelid, AccessShareLock);
	FreeSpace	result = {.pages = RelationGetNumberOfBlocks(toast)};

	/* a file so small, or so full, needs no look at each page */
	if (result.pages > page_limit + SETTLE_FREE_PAGES)
		for (BlockNumber page = 0; page < result.pages; page++)
		{
			Size		space = GetRecordedFreeSpace(toast, page);

			CHECK_FOR_INTERRUPTS();
			if (space > BLCKSZ - BLCKSZ / 16)
				result.free_pages++;
			if (page < page_limit)
				result.low_bytes += space;
		}
	table_close(toast, AccessShareLock);
	return result;
}

/* Save a block's payload again, below the limit. */
static void
move_payload(Compaction *compaction, BlockEntry *entry, BlockNumber page_limit)
{
	Relation	rel = compaction->rel;
	struct varlena *bytes = payload_read(rel, entry, 0, (uint32) entry->payload_size);
	BlockEntry	moved = *entry;

	moved.payload = payload_save_low(rel, bytes, page_limit);
	pfree(bytes);
	directory_delete(entry);
	payload_delete(rel, entry);
	CommandCounterIncrement();
	directory_insert(&moved);
}

/* Move payload in one transaction; false if there is nothing to move, or no room. */
static bool
settle_step(Compaction *compaction)
{
	BlockNumber page_limit = payload_pages(compaction->storage.bytes +
										   compaction->storage.bytes / 16);
	FreeSpace	space = read_free_space(compaction->rel, page_limit);
	BlockList  *list;
	int64		moved = 0;

	if (space.free_pages < SETTLE_FREE_PAGES ||
		space.free_pages < SETTLE_FREE_PART * space.pages)
		return false;
	list = directory_read(compaction->storage.id, NULL);
	for (int i = 0; i < list->count && moved < SETTLE_STEP_SIZE; i++)
	{
		BlockEntry *entry = list->entries[i];

		CHECK_FOR_INTERRUPTS();
		if (moved + entry->payload_size > space.low_bytes ||
			payload_last_page(compaction->rel, entry) < page_limit)
			continue;
		move_payload(compaction, entry, page_limit);
		moved += entry->payload_size;
		progress_count(entry->rows, 1);
	}
	CommandCounterIncrement();
	compaction->settled |= moved > 0;
	return moved >= SETTLE_STEP_SIZE;
}

bool
settle_portion(Compaction *compaction)
{
	bool		more;

	if (!compaction_begin_step(compaction))
		return false;
	more = compaction->storage.id != NO_STORAGE && settle_step(compaction);
	compaction_end_step(compaction);
	return more;
}
