/*
 * profile_column.h
 *	  The column of type `profile` of a block: all its profiles over one
 *	  dictionary.
 */
#ifndef PYRO_PROFILE_COLUMN_H
#define PYRO_PROFILE_COLUMN_H

#include "utils/rel.h"

#include "block/stack_block.h"
#include "tableam/block_layout.h"
#include "tableam/directory.h"

typedef struct ProfileColumnBuilder ProfileColumnBuilder;
typedef struct ProfileColumn ProfileColumn;

/* A builder in the current memory context. */
ProfileColumnBuilder *profile_column_builder_create(void);

/*
 * Add a profile: a datum of any form.  One that profile_column_value made is
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
 * Open the column: nvalues profiles, those that are not NULL.
 *
 * All of it is in the context.  ERRCODE_DATA_CORRUPTED where it is damaged.
 */
ProfileColumn *profile_column_open(Relation rel, const BlockEntry *entry,
								   const BlockLayout *layout, AttrNumber attnum, int nvalues,
								   MemoryContext context);

/* The number of samples of a profile, by its place as above. */
uint32		profile_column_samples(const ProfileColumn *column, int index);

/*
 * A profile by its place among those that are not NULL: an expanded datum,
 * which is read only and stays as it is until the next one is asked for.
 */
Datum		profile_column_value(ProfileColumn *column, int index);

#endif							/* PYRO_PROFILE_COLUMN_H */
