/*
 * call_tree.h
 *	  A growing call tree by the names of frames: where stacks are added up.
 *
 * Node 0 is the root; a node is known by its parent and its name.  Every node
 * keeps its own self value, inner ones too, so that trees can be added again.
 */
#ifndef PYRO_CALL_TREE_H
#define PYRO_CALL_TREE_H

#include "common/int.h"

#include "stack/allocator.h"
#include "stack/frame_name.h"
#include "stack/pyro_error.h"
#include "stack/stack_dictionary.h"

typedef struct CallTreeSlot
{
	uint32		parent;
	uint32		name;
	uint32		node;			/* 0: free */
} CallTreeSlot;

typedef struct CallTreeNameSlot
{
	uint32		hash;
	uint32		name;			/* + 1; 0: free */
} CallTreeNameSlot;

typedef struct CallTree
{
	const Allocator *allocator;
	uint64		seed;			/* of its hash tables */

	uint32		nnodes;
	size_t		node_capacity;
	uint32	   *parent;			/* before the node itself */
	uint32	   *name;
	int64	   *self;
	CallTreeSlot *slots;		/* children by parent and name */
	uint32		slot_mask;

	uint32		nnames;
	size_t		name_capacity;
	StringRef  *names;			/* bytes are ours */
	CallTreeNameSlot *name_slots;
	uint32		name_slot_mask;
	FrameGranularity granularity;	/* of the frames of stacks */
	TextBuffer	made_name;		/* of a frame, where no string is its name */
	size_t		total_name_bytes;
	char	   *name_bytes;		/* the chunk that new names go into */
	size_t		name_bytes_left;
} CallTree;

/* Names of a dictionary's frames in a tree. */
typedef struct FrameNames
{
	uint32	   *of_location;	/* per location: its outermost frame's */
	uint32	   *of_line;		/* per line of a location, but the outermost */
} FrameNames;

/* More nodes or names than this make no tree that a datum could hold. */
#define CALL_TREE_MAX_NODES			((uint32) 1 << 24)
#define CALL_TREE_MAX_NAME_BYTES	((size_t) 1 << 28)

extern bool call_tree_init(CallTree *tree, const Allocator *allocator,
						   uint64 seed, PyroError *error);
extern bool call_tree_intern(CallTree *tree, StringRef name, uint32 *id,
							 PyroError *error);
extern bool call_tree_child(CallTree *tree, uint32 parent, uint32 name,
							uint32 *child, PyroError *error);
extern bool call_tree_name_frames(CallTree *tree,
								  const StackDictionary *stacks,
								  const uint32 *nodes, uint32 nnodes,
								  const Allocator *scratch,
								  FrameNames *names, PyroError *error);
extern bool call_tree_map_nodes(CallTree *tree,
								const StackDictionary *stacks,
								const FrameNames *names,
								const uint32 *nodes, uint32 nnodes,
								uint32 *target, PyroError *error);

/* Add to the self value of a node; PYRO_OVERFLOW where that leaves int64. */
static inline bool
call_tree_add_self(CallTree *tree, uint32 node, int64 value,
				   PyroError *error)
{
	if (unlikely(pg_add_s64_overflow(tree->self[node], value,
									 &tree->self[node])))
		return pyro_fail(error, PYRO_OVERFLOW,
						 "sum of the values of a call tree is out of range");
	return true;
}

#endif							/* PYRO_CALL_TREE_H */
