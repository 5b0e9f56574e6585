/*
 * stack_heads.h
 *	  The heads of a block's profiles: everything but stacks and samples.
 *
 * Most of a head is the same in all profiles of one kind: its shape.
 */
#ifndef PYRO_STACK_HEADS_H
#define PYRO_STACK_HEADS_H

#include "block/hash_index.h"
#include "block/sample_rows.h"
#include "profile/profile.h"
#include "stack/columns.h"

/* What profiles of one kind have in common. */
typedef struct StackShape
{
	ProfileHeader header;		/* types, texts; nothing of a single profile */
	uint32		nmappings;
	uint32	   *mappings;		/* of the dictionary, in its order */
	uint32		main_mapping;	/* place in mappings + 1, or 0 */
	uint32		ncomments;
	uint32	   *comments;		/* strings of the dictionary */
	uint32		group;			/* of equal sample types; see sample_rows.h */
	uint64		hash;			/* of all but the group */
} StackShape;

/* What a profile has for itself. */
typedef struct StackHead
{
	uint32		shape;
	uint32		nsamples;
	uint32		size;			/* bytes of the profile as a value of its own */
	int64		time_nanos;
	int64		duration_nanos;
	int64		period;
} StackHead;

/* Shapes and the groups that follow from them. */
typedef struct ShapeList
{
	const Allocator *allocator;
	uint32		nshapes;
	size_t		capacity;
	StackShape *shapes;
	HashIndex	index;			/* of shapes; no slots before the first search */
	uint32		ngroups;
	size_t		group_capacity;
	SampleGroup *groups;
	HashIndex	group_index;	/* of groups, by their types */
	uint32	   *group_shape;	/* the first shape of each group */
	size_t		group_shape_capacity;
} ShapeList;

extern bool shapes_find_or_add(ShapeList *list, const StackShape *wanted,
							   uint32 *shape, PyroError *error);
extern bool heads_write(const ShapeList *list, const StackHead *heads,
						uint32 nrows, const Allocator *scratch,
						TextBuffer *out, PyroError *error);
extern bool heads_read(ColumnReader *reader, uint32 nrows, ShapeList *list,
					   StackHead **heads);

#endif							/* PYRO_STACK_HEADS_H */
