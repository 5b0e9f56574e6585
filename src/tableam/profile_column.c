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
#include "profile/expanded_profile.h"
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
	MemoryContext context;		/* of the column */
	AttrNumber	attnum;
	int			nvalues;
	const BlockLayout *layout;
	StackBlock *stacks;			/* NULL until a profile is asked for */
	Allocator	allocator;
};

/* Read a part and uncompress it, in the current context. */
static ByteRange
read_part(const ProfileColumn *column, StackPart part, Relation rel, const BlockEntry *entry,
		  DecodeCounters *counters)
{
	const BlockStream *stream = block_layout_find_part(column->layout, column->attnum, part);
	struct varlena *stored;
	const char *bytes;

	if (stream == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("block " INT64_FORMAT " of storage " INT64_FORMAT " lacks part %d of column %d",
						entry->first_vpage, entry->storage_id, part, column->attnum)));
	stored = payload_read(rel, entry, stream->offset, stream->stored);
	bytes = block_stream_open(stream, VARDATA(stored), CurrentMemoryContext);
	pfree(stored);
	count_decoded(counters, stream);
	return byte_range(bytes, stream->raw);
}

/* Open the name tree of a column that is open. */
static void
open_names(ProfileColumn *column, Relation rel, const BlockEntry *entry, DecodeCounters *counters)
{
	ByteRange	tree = read_part(column, STACK_TREE, rel, entry, counters);
	PyroError	error;

	pyro_check(stack_block_open_names(column->stacks, tree, MaxAllocSize, &error), &error);
	pfree((char *) tree.bytes);
}

struct ProfileValue
{
	ExpandedProfile expanded;

	/* the profile; the column is NULL where there is none any more */
	ProfileColumn *column;
	int			index;

	/* with which the column is opened, if it has to be */
	Relation	rel;
	const BlockEntry *entry;
	DecodeCounters *counters;
};

/* The stacks of the value's column, which are opened for that. */
static StackBlock *
value_stacks(ProfileValue *value)
{
	if (value->column == NULL)
		elog(ERROR, "a profile was used after its row");
	profile_column_open(value->column, value->rel, value->entry, value->counters);
	return value->column->stacks;
}

static Profile *
open_profile(ExpandedProfile *expanded)
{
	ProfileValue *value = (ProfileValue *) expanded;
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	Profile    *profile = palloc(sizeof(Profile));
	PyroError	error;

	pyro_check(stack_block_read(value_stacks(value), value->index, &allocator, profile, &error),
			   &error);
	return profile;
}

static ProfileHeader *
open_header(ExpandedProfile *expanded, bool totals)
{
	ProfileValue *value = (ProfileValue *) expanded;
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	ProfileHeader *header = palloc(sizeof(ProfileHeader));
	PyroError	error;

	pyro_check(stack_block_header(value_stacks(value), value->index, totals, &allocator, header,
								  &error), &error);
	return header;
}

static ProfileView
open_view(ExpandedProfile *expanded, int type, bool by_name)
{
	ProfileValue *value = (ProfileValue *) expanded;
	StackBlock *stacks = value_stacks(value);
	ProfileView view;
	PyroError	error;

	if (by_name && !stack_block_has_names(stacks))
		open_names(value->column, value->rel, value->entry, value->counters);
	pyro_check(stack_block_view(stacks, value->index, type, by_name, &view, &error), &error);
	return view;
}

static bool
has_function(ExpandedProfile *expanded, StringRef question, StackNameTest test, void *arg)
{
	ProfileValue *value = (ProfileValue *) expanded;
	bool		found;
	PyroError	error;

	pyro_check(stack_block_has_function(value_stacks(value), value->index, question, test, arg,
										&found, &error), &error);
	return found;
}

static const ExpandedProfileRoutine value_routine = {
	.open = open_profile,
	.open_header = open_header,
	.view = open_view,
	.has_function = has_function
};

/* The value that a datum is, if it is of a block, or NULL. */
static ProfileValue *
value_of_datum(Datum datum)
{
	ExpandedProfile *expanded = expanded_profile_of_datum(datum);

	return expanded != NULL && expanded->routine == &value_routine ?
		(ProfileValue *) expanded : NULL;
}

StackBlock *
profile_value_stacks(Datum datum, int *index)
{
	ProfileValue *value = value_of_datum(datum);

	if (value == NULL)
		return NULL;
	*index = value->index;
	return value_stacks(value);
}

Size
profile_column_add(ProfileColumnBuilder *builder, Datum profile)
{
	int			index;
	StackBlock *source = profile_value_stacks(profile, &index);
	MemoryContext before = MemoryContextSwitchTo(builder->scratch_context);
	Size		size;
	PyroError	error;

	if (source != NULL)
	{
		size = stack_block_profile_size(source, index);
		pyro_check(stack_builder_add_row(builder->stacks, source, index, &builder->scratch,
										 &error), &error);
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

void
profile_column_sign(ProfileColumn *column, int index, StackSignature *signature)
{
	PyroError	error;

	pyro_check(stack_block_sign(column->stacks, index, signature, &error), &error);
}

ProfileValue *
profile_value_create(void)
{
	ProfileValue *value = palloc0(sizeof(ProfileValue));

	expanded_profile_init(&value->expanded, &value_routine, CurrentMemoryContext);
	return value;
}

void
profile_value_forget(ProfileValue *value)
{
	value->column = NULL;
	expanded_profile_forget(&value->expanded);
}

Datum
profile_value_set(ProfileValue *value, ProfileColumn *column, int index, Relation rel,
				  const BlockEntry *entry, DecodeCounters *counters)
{
	if (value->column != column || value->index != index)
		profile_value_forget(value);
	value->column = column;
	value->index = index;
	value->rel = rel;
	value->entry = entry;
	value->counters = counters;
	return EOHPGetRODatum(&value->expanded.header);
}

bool
profile_column_is_stored(const BlockLayout *layout, AttrNumber attnum)
{
	return block_layout_find_part(layout, attnum, STACK_HEADS) != NULL;
}

ProfileColumn *
profile_column_create(const BlockLayout *layout, AttrNumber attnum, int nvalues,
					  MemoryContext context)
{
	ProfileColumn *column = MemoryContextAllocZero(context, sizeof(ProfileColumn));

	column->context = context;
	column->attnum = attnum;
	column->nvalues = nvalues;
	column->layout = layout;
	return column;
}

static void
add_open_context(void *arg)
{
	ProfileValue *opening = arg;

	errcontext("decoding column %d of block " INT64_FORMAT " of table \"%s\"",
			   opening->column->attnum, opening->entry->first_vpage,
			   RelationGetRelationName(opening->rel));
}

/* Open the stacks, with everything in the current context. */
static void
open_stacks(ProfileColumn *column, Relation rel, const BlockEntry *entry, Allocator *allocator,
			DecodeCounters *counters)
{
	ByteRange	parts[STACK_PART_END] = {{0}};
	PyroError	error;

	for (int part = STACK_HEADS; part < STACK_EXACT_PARTS_END; part++)
		parts[part] = read_part(column, part, rel, entry, counters);
	column->stacks = stack_block_open(column->nvalues, parts, MaxAllocSize, allocator, &error);
	pyro_check(column->stacks != NULL, &error);
	for (int part = STACK_HEADS; part < STACK_EXACT_PARTS_END; part++)
		if (part != STACK_KEYS && part != STACK_VALUES)
			pfree((char *) parts[part].bytes);
}

void
profile_column_open(ProfileColumn *column, Relation rel, const BlockEntry *entry,
					DecodeCounters *counters)
{
	ProfileValue opening = {.column = column,.rel = rel,.entry = entry};
	ErrorContextCallback callback = {error_context_stack, add_open_context, &opening};
	MemoryContext own_context;
	MemoryContext before;

	if (column->stacks != NULL)
		return;
	error_context_stack = &callback;
	/* whatever fails leaves nothing in the block, but a try */
	own_context = AllocSetContextCreate(CurrentMemoryContext, "profiles of a block",
										ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(own_context);
	column->allocator = context_allocator(own_context);
	open_stacks(column, rel, entry, &column->allocator, counters);
	MemoryContextSwitchTo(before);
	MemoryContextSetParent(own_context, column->context);
	error_context_stack = callback.previous;
}

void
profile_column_check(ProfileColumn *column, Relation rel, const BlockEntry *entry)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	ByteRange	tree,
				sums;
	PyroError	error;

	profile_column_open(column, rel, entry, NULL);
	tree = read_part(column, STACK_TREE, rel, entry, NULL);
	sums = read_part(column, STACK_SUMS, rel, entry, NULL);
	pyro_check(stack_block_check(column->stacks, tree, sums, MaxAllocSize, &allocator, &error),
			   &error);
}
