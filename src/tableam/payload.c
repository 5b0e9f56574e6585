/*
 * payload.c
 *	  A block's bytes: one value in the table's own TOAST relation.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/heapam.h"
#include "access/toast_internals.h"
#include "utils/memutils.h"

#include "compat.h"
#include "tableam/payload.h"

typedef struct ReadContext
{
	Relation	rel;
	const BlockEntry *entry;
} ReadContext;

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
