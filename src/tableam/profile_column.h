/*
 * profile_column.h
 *	  The column of type `profile` of a block: all its profiles over one
 *	  dictionary.
 */
#ifndef PYRO_PROFILE_COLUMN_H
#define PYRO_PROFILE_COLUMN_H

#include "utils/rel.h"

#include "block/stack_block.h"
#include "block/stack_signature.h"
#include "tableam/block_layout.h"
#include "tableam/directory.h"

typedef struct ProfileColumnBuilder ProfileColumnBuilder;
typedef struct ProfileColumn ProfileColumn;
typedef struct ProfileValue ProfileValue;

/* A builder in the current memory context. */
ProfileColumnBuilder *profile_column_builder_create(void);

/*
 * Add a profile: a datum of any form.  One that profile_value_set made is
 * taken from its block as it is there; as long as the rows of one block come
 * together its dictionary is taken over once.
 *
 * Returns the bytes that the profile has, or had, as a value of its own.
 */
Size		profile_column_add(ProfileColumnBuilder *builder, Datum profile);

/*
 * Say which profiles of an opened column are going to be added, by their places
 * among those that are not NULL, ascending, and no others of it before those of
 * another block: so only what they use of its dictionary is taken over.
 */
void		profile_column_expect(ProfileColumnBuilder *builder, ProfileColumn *source,
								  const uint32 *indexes, uint32 count);

/* The samples of all profiles that were added. */
uint64		profile_column_builder_samples(const ProfileColumnBuilder *builder);

/* The bytes that the builder holds. */
Size		profile_column_builder_size(const ProfileColumnBuilder *builder);

/*
 * Make the parts, by StackPart, in the builder's memory; order and runs are as
 * for stack_builder_finish.
 */
void		profile_column_finish(ProfileColumnBuilder *builder, const uint32 *order,
								  const StackRuns *runs, TextBuffer *parts);

/* The dictionary of all profiles, after that. */
const StackDictionary *profile_column_dictionary(const ProfileColumnBuilder *builder);

/* Does the block have the column in this form? */
bool		profile_column_is_stored(const BlockLayout *layout, AttrNumber attnum);

/*
 * The column: nvalues profiles, those that are not NULL.  Nothing of it is read
 * before it is opened.  layout must live as long.
 */
ProfileColumn *profile_column_create(const BlockLayout *layout, AttrNumber attnum, int nvalues,
									 MemoryContext context);

/*
 * Open it, if it is not open: what is read comes into the column's context.
 *
 * ERRCODE_DATA_CORRUPTED where it is damaged.
 */
void		profile_column_open(ProfileColumn *column, Relation rel, const BlockEntry *entry,
								DecodeCounters *counters);

/* The number of samples of a profile of an opened column, by its place. */
uint32		profile_column_samples(const ProfileColumn *column, int index);

/* Add its stacks to a signature. */
void		profile_column_sign(ProfileColumn *column, int index, StackSignature *signature);

/*
 * Check an opened or unopened column: do the parts that follow from others,
 * the name tree and the sums, say what these do?  ERRCODE_DATA_CORRUPTED if not.
 */
void		profile_column_check(ProfileColumn *column, Relation rel, const BlockEntry *entry);

/*
 * What a reader hands out in place of a profile: an expanded datum, read only,
 * that says where the profile is.  The column is opened when somebody looks
 * into it, and the profile rebuilt when somebody flattens the datum.
 *
 * Each reader has its own, in the current memory context.
 */
ProfileValue *profile_value_create(void);

/*
 * Let it be a profile of a column, by its place among those that are not NULL.
 *
 * The datum is good until this is called again, or profile_value_forget, which
 * must be before the column goes.
 */
Datum		profile_value_set(ProfileValue *value, ProfileColumn *column, int index, Relation rel,
							  const BlockEntry *entry, DecodeCounters *counters);
void		profile_value_forget(ProfileValue *value);

/*
 * The stacks of the block of which a datum is a profile, and its place there:
 * for who can do without rebuilding it.  NULL if it is any other datum.
 */
StackBlock *profile_value_stacks(Datum datum, int *index);

#endif							/* PYRO_PROFILE_COLUMN_H */
