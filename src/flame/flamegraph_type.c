/*
 * flamegraph_type.c
 *	  The SQL type `flamegraph`: input, output, equality.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "comparison.h"
#include "compat.h"
#include "flame/flame_text.h"
#include "flame/flame_transform.h"
#include "flame/flamegraph_type.h"
#include "profile/context_allocator.h"
#include "profile/sql_text.h"
#include "pyro_ext.h"
#include "stack/hash.h"

/* ---- datums ---- */

/*
 * Open a flamegraph datum, which may be flat, short, toasted or expanded.  The
 * result is palloc'd in the current context and may point into the datum.
 */
FlameTree *
flamegraph_open(Datum datum)
{
	struct varlena *flat = PG_DETOAST_DATUM(datum);
	FlameTree  *tree = palloc(sizeof(FlameTree));
	PyroError	error;

	/* arrays are read in place: an inline value may lie at any address */
	if ((uintptr_t) flat != MAXALIGN((uintptr_t) flat))
		flat = (struct varlena *) DatumGetPointer(datumCopy(PointerGetDatum(flat), false, -1));
	if (!flame_flat_open((uint8 *) VARDATA(flat), VARSIZE(flat) - VARHDRSZ,
						 tree, &error))
		pyro_raise(&error, ERRCODE_DATA_CORRUPTED,
				   "stored flame graph is damaged", NULL);
	return tree;
}

/*
 * The flat datum of a call tree, palloc'd in the current context; scratch is
 * freed.
 */
struct varlena *
flamegraph_make(const CallTree *tree, const FlameHeader *header)
{
	MemoryContext result_context = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "pyro flamegraph flattening",
												  ALLOCSET_DEFAULT_SIZES);
	Allocator	allocator = context_allocator(scratch);
	TextBuffer	buffer;
	struct varlena *flat;
	PyroError	error;

	text_buffer_init(&buffer, &allocator, MaxAllocSize);
	text_append(&buffer, "\0\0\0", VARHDRSZ);
	pyro_check(flame_flat_write(tree, header, &buffer, &error), &error);
	flat = palloc(buffer.length);
	memcpy(flat, buffer.data, buffer.length);
	SET_VARSIZE(flat, buffer.length);
	MemoryContextSwitchTo(result_context);
	MemoryContextDelete(scratch);
	return flat;
}

/*
 * The flat datum of what a tree says, in canonical form whatever its nodes,
 * palloc'd in the current context.
 */
struct varlena *
flamegraph_make_copy(const FlameTree *tree)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	FlameHeader header = flame_tree_header(tree);
	CallTree	copy;
	PyroError	error;

	pyro_check(call_tree_init(&copy, &allocator, hash_seed_of(&copy),
							  &error) &&
			   call_tree_add_flame(&copy, tree, &allocator, &error),
			   &error);
	return flamegraph_make(&copy, &header);
}

/*
 * The tree that nothing went into: its root alone, without a sample type.
 */
struct varlena *
flamegraph_make_empty(void)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	FlameHeader header = {.type = {"", 0},.unit = {"", 0}};
	CallTree	tree;
	PyroError	error;

	pyro_check(call_tree_init(&tree, &allocator, hash_seed_of(&tree),
							  &error), &error);
	return flamegraph_make(&tree, &header);
}

/* ---- input and output ---- */

PYRO_FUNCTION(flamegraph_in);
Datum
flamegraph_in(PG_FUNCTION_ARGS)
{
	char	   *input = PG_GETARG_CSTRING(0);
	StringRef	text = sql_text_to_ref(cstring_to_text(input));
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	FlameHeader header;
	CallTree	tree;
	PyroError	error;

	pyro_check(call_tree_init(&tree, &allocator, hash_seed_of(&tree),
							  &error), &error);
	if (!flame_text_read(text, &tree, &header, &allocator, &error))
	{
		pyro_raise(&error, ERRCODE_INVALID_TEXT_REPRESENTATION,
				   "invalid flame graph", fcinfo->context);
		return (Datum) 0;
	}
	PG_RETURN_POINTER(flamegraph_make(&tree, &header));
}

PYRO_FUNCTION(flamegraph_out);
Datum
flamegraph_out(PG_FUNCTION_ARGS)
{
	FlameTree  *tree = flamegraph_open(PG_GETARG_DATUM(0));
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	TextBuffer	buffer;
	PyroError	error;

	text_buffer_init(&buffer, &allocator, MaxAllocSize - 1);
	pyro_check(flame_text_append(&buffer, tree, sql_text_is_ascii_only(),
								 &error), &error);
	text_append_char(&buffer, '\0');
	if (buffer.failed)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("text of the flame graph is too long for a value")));
	PG_RETURN_CSTRING(buffer.data);
}

PYRO_FUNCTION(flamegraph_recv);
/*
 * Binary is the flat form, which begins with a version byte.  It may come
 * from anybody, so it is checked and brought into canonical order.
 */
Datum
flamegraph_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			size = message->len - message->cursor;
	char	   *copy = palloc(VARHDRSZ + size);
	FlameTree	flame;
	PyroError	error;

	memcpy(copy + VARHDRSZ, pq_getmsgbytes(message, size), size);
	if (!flame_flat_open((uint8 *) copy + VARHDRSZ, size, &flame, &error))
		pyro_raise(&error, ERRCODE_INVALID_BINARY_REPRESENTATION,
				   "invalid flame graph", NULL);
	PG_RETURN_POINTER(flamegraph_make_copy(&flame));
}

PYRO_FUNCTION(flamegraph_send);
Datum
flamegraph_send(PG_FUNCTION_ARGS)
{
	struct varlena *flat = PG_DETOAST_DATUM(PG_GETARG_DATUM(0));

	/* the flat form is its own binary form */
	PG_RETURN_BYTEA_P((bytea *) flat);
}

/* ---- equality ---- */

/*
 * The flat form of a tree is unique, so bytes decide.  Frees what it detoasts,
 * since sorting calls it often.
 */
static int
compare_flat(Datum a, Datum b)
{
	struct varlena *flat_a = PG_DETOAST_DATUM_PACKED(a);
	struct varlena *flat_b = PG_DETOAST_DATUM_PACKED(b);
	int			order;

	order = string_ref_compare(string_ref(VARDATA_ANY(flat_a),
										  VARSIZE_ANY_EXHDR(flat_a)),
							   string_ref(VARDATA_ANY(flat_b),
										  VARSIZE_ANY_EXHDR(flat_b)));
	if ((Pointer) flat_a != DatumGetPointer(a))
		pfree(flat_a);
	if ((Pointer) flat_b != DatumGetPointer(b))
		pfree(flat_b);
	return order;
}

PYRO_COMPARISONS(flamegraph, compare_flat)

PYRO_FUNCTION(flamegraph_hash);
Datum
flamegraph_hash(PG_FUNCTION_ARGS)
{
	struct varlena *flat = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	Datum		hash = hash_any((unsigned char *) VARDATA_ANY(flat),
								VARSIZE_ANY_EXHDR(flat));

	PG_FREE_IF_COPY(flat, 0);
	PG_RETURN_DATUM(hash);
}

PYRO_FUNCTION(flamegraph_hash_extended);
Datum
flamegraph_hash_extended(PG_FUNCTION_ARGS)
{
	struct varlena *flat = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	Datum		hash = hash_any_extended((unsigned char *) VARDATA_ANY(flat),
										 VARSIZE_ANY_EXHDR(flat),
										 PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(flat, 0);
	PG_RETURN_DATUM(hash);
}
