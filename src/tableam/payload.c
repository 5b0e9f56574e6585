/*
 * payload.c
 *	  A block's bytes: one value in the table's own TOAST relation.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/hio.h"
#include "access/table.h"
#include "access/toast_internals.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/freespace.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "tableam/payload.h"

/* ---- writing ---- */

Oid
payload_save(Relation rel, struct varlena *bytes)
{
	struct varatt_external pointer;
	Datum		saved;

	if (!OidIsValid(rel->rd_rel->reltoastrelid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has no TOAST table to keep blocks in",
						RelationGetRelationName(rel))));
	saved = toast_save_datum(rel, PointerGetDatum(bytes), NULL, HEAP_INSERT_NO_LOGICAL);
	VARATT_EXTERNAL_GET_POINTER(pointer, (struct varlena *) DatumGetPointer(saved));
	return pointer.va_valueid;
}

/* Chunks of a value on their way into the TOAST relation, low pages first. */
typedef struct LowWriter
{
	Relation	toast;
	Relation   *indexes;
	int			index_count;
	Oid			value;
	int32		next_chunk;
	BlockNumber page;			/* the page now filled */
	BlockNumber page_limit;
} LowWriter;

/*
 * Make the page on which the next tuple goes the first one that has room for it;
 * the free space map may be wrong, and is mended where it is.
 */
static void
choose_page(LowWriter *writer, Size tuple_size)
{
	Relation	toast = writer->toast;
	Size		need = MAXALIGN(tuple_size) + sizeof(ItemIdData);

	for (; writer->page < writer->page_limit; writer->page++)
	{
		Buffer		buffer;
		Size		space;

		if (GetRecordedFreeSpace(toast, writer->page) < need)
			continue;
		buffer = ReadBuffer(toast, writer->page);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		space = PageIsNew(BufferGetPage(buffer)) ? BLCKSZ / 2 :
			PageGetHeapFreeSpace(BufferGetPage(buffer));
		UnlockReleaseBuffer(buffer);
		if (space >= need)
		{
			RelationSetTargetBlock(toast, writer->page);
			return;
		}
		RecordPageWithFreeSpace(toast, writer->page, space);
	}
}

static void
write_chunk(LowWriter *writer, const char *data, Size size)
{
	union
	{
		struct varlena header;
		char		data[TOAST_MAX_CHUNK_SIZE + VARHDRSZ];
		int32		align_it;
	}			chunk;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};
	HeapTuple	tuple;

	SET_VARSIZE(&chunk, size + VARHDRSZ);
	memcpy(VARDATA(&chunk), data, size);
	values[0] = ObjectIdGetDatum(writer->value);
	values[1] = Int32GetDatum(writer->next_chunk++);
	values[2] = PointerGetDatum(&chunk);
	tuple = heap_form_tuple(RelationGetDescr(writer->toast), values, nulls);
	choose_page(writer, tuple->t_len);
	heap_insert(writer->toast, tuple, GetCurrentCommandId(true), HEAP_INSERT_NO_LOGICAL, NULL);
	for (int i = 0; i < writer->index_count; i++)
		if (writer->indexes[i]->rd_index->indisready)
			index_insert(writer->indexes[i], values, nulls, &tuple->t_self, writer->toast,
						 writer->indexes[i]->rd_index->indisunique ?
						 UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, NULL);
	heap_freetuple(tuple);
}

Oid
payload_save_low(Relation rel, struct varlena *bytes, BlockNumber page_limit)
{
	LowWriter	writer = {.page_limit = page_limit};
	const char *data = VARDATA(bytes);
	Size		left = VARSIZE(bytes) - VARHDRSZ;
	int			valid;

	writer.toast = table_open(rel->rd_rel->reltoastrelid, RowExclusiveLock);
	writer.page_limit = Min(page_limit, RelationGetNumberOfBlocks(writer.toast));
	valid = toast_open_indexes(writer.toast, RowExclusiveLock, &writer.indexes,
							   &writer.index_count);
	writer.value = GetNewOidWithIndex(writer.toast, RelationGetRelid(writer.indexes[valid]),
									  (AttrNumber) 1);
	while (left > 0)
	{
		Size		size = Min(left, TOAST_MAX_CHUNK_SIZE);

		CHECK_FOR_INTERRUPTS();
		write_chunk(&writer, data, size);
		data += size;
		left -= size;
	}
	toast_close_indexes(writer.indexes, writer.index_count, NoLock);
	table_close(writer.toast, NoLock);
	return writer.value;
}

BlockNumber
payload_pages(int64 bytes)
{
	return (BlockNumber) (bytes / (TOAST_MAX_CHUNK_SIZE * EXTERN_TUPLES_PER_PAGE) + 1);
}

/* ---- reading ---- */

typedef struct ReadContext
{
	Relation	rel;
	const BlockEntry *entry;
} ReadContext;

/* Make the TOAST pointer that the directory row stands for. */
static struct varlena *
payload_pointer(Relation rel, const BlockEntry *entry)
{
	struct varlena *result = palloc(TOAST_POINTER_SIZE);
	struct varatt_external pointer;

	pointer.va_rawsize = (int32) entry->payload_size + VARHDRSZ;
	pointer.va_extinfo = (uint32) entry->payload_size;
	pointer.va_valueid = entry->payload;
	pointer.va_toastrelid = rel->rd_rel->reltoastrelid;
	SET_VARTAG_EXTERNAL(result, VARTAG_ONDISK);
	memcpy(VARDATA_EXTERNAL(result), &pointer, sizeof(pointer));
	return result;
}

static void
add_context(void *arg)
{
	ReadContext *context = arg;

	errcontext("reading the payload of block " INT64_FORMAT " of table \"%s\"",
			   context->entry->first_vpage, RelationGetRelationName(context->rel));
}

struct varlena *
payload_read(Relation rel, const BlockEntry *entry, uint32 offset, uint32 size)
{
	ReadContext context = {rel, entry};
	ErrorContextCallback callback = {error_context_stack, add_context, &context};
	struct varlena *pointer;
	struct varlena *slice;

	error_context_stack = &callback;
	if (entry->payload_size < 0 || entry->payload_size > MaxAllocSize - VARHDRSZ ||
		(uint64) offset + size > (uint64) entry->payload_size)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("bytes %u to " UINT64_FORMAT " lie outside a payload of " INT64_FORMAT " bytes",
						offset, (uint64) offset + size, entry->payload_size)));
	pointer = payload_pointer(rel, entry);
	slice = detoast_attr_slice(pointer, (int32) offset, (int32) size);
	pfree(pointer);
	if (VARSIZE(slice) - VARHDRSZ != size)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("found %u of %u bytes of a payload",
						(uint32) (VARSIZE(slice) - VARHDRSZ), size)));
	error_context_stack = callback.previous;
	return slice;
}

void
payload_delete(Relation rel, const BlockEntry *entry)
{
	toast_delete_datum(rel, PointerGetDatum(payload_pointer(rel, entry)), false);
}

BlockNumber
payload_last_page(Relation rel, const BlockEntry *entry)
{
	Relation	toast = table_open(rel->rd_rel->reltoastrelid, AccessShareLock);
	BlockNumber last = 0;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Relation   *indexes;
	int			index_count;
	int			valid = toast_open_indexes(toast, AccessShareLock, &indexes, &index_count);

	ScanKeyInit(&key, (AttrNumber) 1, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(entry->payload));
	scan = systable_beginscan_ordered(toast, indexes[valid], GetActiveSnapshot(), 1, &key);
	while ((tuple = systable_getnext_ordered(scan, ForwardScanDirection)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		last = Max(last, ItemPointerGetBlockNumber(&tuple->t_self));
	}
	systable_endscan_ordered(scan);
	toast_close_indexes(indexes, index_count, AccessShareLock);
	table_close(toast, AccessShareLock);
	return last;
}
