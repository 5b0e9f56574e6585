/*
 * profile_column.c
 *	  The column of type `profile` of a block: all its profiles over one
 *	  dictionary.
 *
 * A profile of a block is handed out as an expanded object, which says where
 * it is.  Whoever wants the datum flattens it, and only then is it rebuilt;
 * another block takes the samples over without that.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "utils/expandeddatum.h"
#include "utils/memutils.h"

#include "compat.h"
#include "profile/context_allocator.h"
#include "profile/profile_type.h"
#include "tableam/block_stream.h"
#include "tableam/payload.h"
#include "tableam/profile_column.h"

/* ---- building ---- */

struct ProfileColumnBuilder
{
	Allocator	allocator;
	Allocator	scratch;		/* reset after each profile */
	MemoryContext scratch_context;
	StackBuilder *stacks;
};

ProfileColumnBuilder *
profile_column_builder_create(void)
{
	ProfileColumnBuilder *builder = palloc(sizeof(ProfileColumnBuilder));
	PyroError	error;

	builder->scratch_context = AllocSetContextCreate(CurrentMemoryContext, "profile to add",
													 ALLOCSET_DEFAULT_SIZES);
	builder->allocator = context_allocator(CurrentMemoryContext);
	builder->scratch = context_allocator(builder->scratch_context);
	builder->stacks = stack_builder_create(&builder->allocator, &error);
	pyro_check(builder->stacks != NULL, &error);
	return builder;
}

uint64
profile_column_builder_samples(const ProfileColumnBuilder *builder)
{
	return stack_builder_samples(builder->stacks);
}

Size
profile_column_builder_size(const ProfileColumnBuilder *builder)
{
	return stack_builder_size(builder->stacks);
}

void
profile_column_finish(ProfileColumnBuilder *builder, const uint32 *order,
					  const StackRuns *runs, TextBuffer *parts)
{
	PyroError	error;

	pyro_check(stack_builder_finish(builder->stacks, order, runs, parts, &error), &error);
	MemoryContextDelete(builder->scratch_context);
}

const StackDictionary *
profile_column_dictionary(const ProfileColumnBuilder *builder)
{
	return stack_builder_dictionary(builder->stacks);
}

/* ---- reading ---- */

struct ProfileColumn
{
	ExpandedObjectHeader header;	/* of the profile that was asked for */
	StackBlock *stacks;
	Allocator	allocator;		/* of the column */
	int			index;			/* of the profile */
	MemoryContext flat_context;
	struct varlena *flat;		/* it, once it was rebuilt, or NULL */
};

static Size
get_flat_size(ExpandedObjectHeader *object)
{
	ProfileColumn *column = (ProfileColumn *) object;

	if (column->flat == NULL)
	{
		MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "profile to rebuild",
													  ALLOCSET_DEFAULT_SIZES);
		MemoryContext before = MemoryContextSwitchTo(scratch);
		Allocator	allocator = context_allocator(scratch);
		struct varlena *flat;
		Profile		profile;
		PyroError	error;

		pyro_check(stack_block_read(column->stacks, column->index, &allocator, &profile, &error),
				   &error);
		flat = (struct varlena *) DatumGetPointer(profile_to_transient_datum(&profile));
		column->flat = MemoryContextAllocHuge(column->flat_context, VARSIZE(flat));
		memcpy(column->flat, flat, VARSIZE(flat));
		MemoryContextSwitchTo(before);
		MemoryContextDelete(scratch);
	}
	return VARSIZE(column->flat);
}

static void
flatten_into(ExpandedObjectHeader *object, void *result, Size size)
{
	ProfileColumn *column = (ProfileColumn *) object;

	Assert(column->flat != NULL && size == VARSIZE(column->flat));
	memcpy(result, column->flat, size);
}

static const ExpandedObjectMethods profile_methods = {get_flat_size, flatten_into};

/* The column of a block that a datum is of, or NULL. */
static ProfileColumn *
column_of_datum(Datum datum)
{
	ExpandedObjectHeader *object;

	if (!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		return NULL;
	object = DatumGetEOHP(datum);
	return object->eoh_methods == &profile_methods ? (ProfileColumn *) object : NULL;
}

Size
profile_column_add(ProfileColumnBuilder *builder, Datum profile)
{
	ProfileColumn *source = column_of_datum(profile);
	MemoryContext before = MemoryContextSwitchTo(builder->scratch_context);
	Size		size;
	PyroError	error;

	if (source != NULL)
	{
		size = stack_block_profile_size(source->stacks, source->index);
		pyro_check(stack_builder_add_row(builder->stacks, source->stacks, source->index,
										 &builder->scratch, &error), &error);
	}
	else
	{
		size = toast_raw_datum_size(profile);
		pyro_check(stack_builder_add(builder->stacks, profile_open(profile), size,
									 &builder->scratch, &error), &error);
	}
	MemoryContextSwitchTo(before);
	MemoryContextReset(builder->scratch_context);
	return size;
}

void
profile_column_expect(ProfileColumnBuilder *builder, ProfileColumn *source,
					  const uint32 *indexes, uint32 count)
{
	MemoryContext before = MemoryContextSwitchTo(builder->scratch_context);
	PyroError	error;

	pyro_check(stack_builder_expect_rows(builder->stacks, source->stacks, indexes, count,
										 &builder->scratch, &error), &error);
	MemoryContextSwitchTo(before);
	MemoryContextReset(builder->scratch_context);
}

uint32
profile_column_samples(const ProfileColumn *column, int index)
{
	return stack_block_profile_samples(column->stacks, index);
}

Datum
profile_column_value(ProfileColumn *column, int index)
{
	if (column->index != index)
	{
		MemoryContextReset(column->flat_context);
		column->flat = NULL;
		column->index = index;
	}
	return EOHPGetRODatum(&column->header);
}

bool
profile_column_is_stored(const BlockLayout *layout, AttrNumber attnum)
{
	return block_layout_find_part(layout, attnum, STACK_HEADS) != NULL;
}

ProfileColumn *
profile_column_open(Relation rel, const BlockEntry *entry, const BlockLayout *layout,
					AttrNumber attnum, int nvalues, MemoryContext context)
{
	MemoryContext own_context = AllocSetContextCreate(context, "profiles of a block",
													  ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(own_context);
	ProfileColumn *column = palloc0(sizeof(ProfileColumn));
	ByteRange	parts[STACK_PART_END] = {{0}};
	PyroError	error;

	EOH_init_header(&column->header, &profile_methods, own_context);
	column->allocator = context_allocator(own_context);
	column->index = -1;
	column->flat_context = AllocSetContextCreate(own_context, "profile of a block",
												 ALLOCSET_DEFAULT_SIZES);
	for (int part = STACK_HEADS; part < STACK_EXACT_PARTS_END; part++)
	{
		const BlockStream *stream = block_layout_find_part(layout, attnum, part);
		struct varlena *stored;

		if (stream == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("block " INT64_FORMAT " of storage " INT64_FORMAT " lacks part %d of column %d",
							entry->first_vpage, entry->storage_id, part, attnum)));
		stored = payload_read(rel, entry, stream->offset, stream->stored);
		parts[part] = byte_range(block_stream_open(stream, VARDATA(stored), own_context),
								 stream->raw);
		pfree(stored);
	}
	column->stacks = stack_block_open(nvalues, parts, MaxAllocSize, &column->allocator,
									  &error);
	pyro_check(column->stacks != NULL, &error);
	for (int part = STACK_HEADS; part < STACK_EXACT_PARTS_END; part++)
		if (part != STACK_KEYS && part != STACK_VALUES)
			pfree((char *) parts[part].bytes);
	MemoryContextSwitchTo(before);
	return column;
}
