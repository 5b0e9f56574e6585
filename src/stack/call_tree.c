/*
 * call_tree.c
 *	  A growing call tree by function name.
 *
 * Adding a profile walks its stack trie once, in pre-order, with one probe a
 * trie node: a trie has a tenth of the frames of its stacks.  Memory comes in
 * a few arrays that double, so that a small tree stays small and many of them
 * can share one memory context.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "common/int.h"

#include "stack/call_tree.h"
#include "stack/hash.h"

#define INITIAL_NODES		16
#define INITIAL_SLOTS		32
#define INITIAL_NAMES		16
#define NAME_CHUNK_SIZE		1024

static void
release(CallTree *tree, void *pointer)
{
	if (pointer != NULL)
		tree->allocator->release(tree->allocator->owner, pointer);
}

/*
 * Make an empty tree of one node, the root.
 *
 * All memory comes from the allocator, which the tree keeps.  seed: unknown to
 * whoever chooses the names, so that they cannot make the tables slow.
 */
bool
call_tree_init(CallTree *tree, const Allocator *allocator, uint64 seed,
			   PyroError *error)
{
	memset(tree, 0, sizeof(*tree));
	tree->allocator = allocator;
	tree->seed = seed;
	tree->node_capacity = INITIAL_NODES;
	tree->parent = allocate_array(allocator, INITIAL_NODES, sizeof(uint32));
	tree->name = allocate_array(allocator, INITIAL_NODES, sizeof(uint32));
	tree->self = allocate_array(allocator, INITIAL_NODES, sizeof(int64));
	tree->slots = allocate_array(allocator, INITIAL_SLOTS,
								 sizeof(CallTreeSlot));
	tree->name_slots = allocate_array(allocator, INITIAL_SLOTS,
									  sizeof(uint32));
	if (tree->parent == NULL || tree->name == NULL || tree->self == NULL ||
		tree->slots == NULL || tree->name_slots == NULL)
		return pyro_fail_memory(error);
	memset(tree->slots, 0, INITIAL_SLOTS * sizeof(CallTreeSlot));
	memset(tree->name_slots, 0, INITIAL_SLOTS * sizeof(uint32));
	tree->slot_mask = tree->name_slot_mask = INITIAL_SLOTS - 1;
	tree->parent[0] = tree->name[0] = 0;
	tree->self[0] = 0;
	tree->nnodes = 1;
	return true;
}

/* ---- names ---- */

/* Twice the slots, filled from the names. */
static bool
grow_name_slots(CallTree *tree, PyroError *error)
{
	size_t		nslots = ((size_t) tree->name_slot_mask + 1) * 2;
	uint32	   *slots = allocate_array(tree->allocator, nslots,
									   sizeof(uint32));

	if (slots == NULL)
		return pyro_fail_memory(error);
	memset(slots, 0, nslots * sizeof(uint32));
	for (uint32 i = 0; i < tree->nnames; i++)
	{
		uint32		at = tree->name_hash[i] & (nslots - 1);

		while (slots[at] != 0)
			at = (at + 1) & (nslots - 1);
		slots[at] = i + 1;
	}
	release(tree, tree->name_slots);
	tree->name_slots = slots;
	tree->name_slot_mask = nslots - 1;
	return true;
}

/* A copy of the bytes that lives as long as the tree. */
static bool
keep_name(CallTree *tree, StringRef name, StringRef *kept, PyroError *error)
{
	if (name.length > tree->name_bytes_left)
	{
		size_t		size = Max(NAME_CHUNK_SIZE, name.length);

		/* chunks grow with the tree, so that they stay few */
		size = Max(size, (size_t) tree->nnames * 16);
		tree->name_bytes = allocate_array(tree->allocator, size, 1);
		if (tree->name_bytes == NULL)
		{
			tree->name_bytes_left = 0;
			return pyro_fail_memory(error);
		}
		tree->name_bytes_left = size;
	}
	*kept = string_ref(tree->name_bytes, name.length);
	if (name.length > 0)
		memcpy(tree->name_bytes, name.data, name.length);
	tree->name_bytes += name.length;
	tree->name_bytes_left -= name.length;
	return true;
}

static bool
add_name(CallTree *tree, StringRef name, uint32 hash, PyroError *error)
{
	size_t		capacity = tree->name_capacity;

	if (!grow_array(tree->allocator, (void **) &tree->names, tree->nnames,
					&capacity, tree->nnames + 1, sizeof(StringRef)) ||
		!grow_array(tree->allocator, (void **) &tree->name_hash, tree->nnames,
					&tree->name_capacity, tree->nnames + 1, sizeof(uint32)))
		return pyro_fail_memory(error);
	if (!keep_name(tree, name, &tree->names[tree->nnames], error))
		return false;
	tree->name_hash[tree->nnames++] = hash;
	return true;
}

/*
 * The number of a name, which is copied when it is new.
 */
bool
call_tree_intern(CallTree *tree, StringRef name, uint32 *id,
				 PyroError *error)
{
	uint32		hash = (uint32) hash_bytes64(name.data, name.length,
											 tree->seed);
	uint32		at = hash & tree->name_slot_mask;

	while (tree->name_slots[at] != 0)
	{
		*id = tree->name_slots[at] - 1;
		if (tree->name_hash[*id] == hash &&
			string_ref_equal(tree->names[*id], name))
			return true;
		at = (at + 1) & tree->name_slot_mask;
	}
	*id = tree->nnames;
	if (!add_name(tree, name, hash, error))
		return false;
	tree->name_slots[at] = *id + 1;
	if ((uint64) tree->nnames * 2 > tree->name_slot_mask)
		return grow_name_slots(tree, error);
	return true;
}

/* ---- nodes ---- */

static bool
grow_slots(CallTree *tree, PyroError *error)
{
	size_t		nslots = ((size_t) tree->slot_mask + 1) * 2;
	CallTreeSlot *slots = allocate_array(tree->allocator, nslots,
										 sizeof(CallTreeSlot));

	if (slots == NULL)
		return pyro_fail_memory(error);
	memset(slots, 0, nslots * sizeof(CallTreeSlot));
	for (uint32 node = 1; node < tree->nnodes; node++)
	{
		uint32		at = hash_numbers(tree->parent[node], tree->name[node],
									  tree->seed) & (nslots - 1);

		while (slots[at].node != 0)
			at = (at + 1) & (nslots - 1);
		slots[at] = (CallTreeSlot)
		{
			tree->parent[node], tree->name[node], node
		};
	}
	release(tree, tree->slots);
	tree->slots = slots;
	tree->slot_mask = nslots - 1;
	return true;
}

static bool
grow_nodes(CallTree *tree, PyroError *error)
{
	size_t		capacity = tree->node_capacity;

	if (tree->nnodes >= CALL_TREE_MAX_NODES)
		return pyro_fail(error, PYRO_LIMIT,
						 "call tree has more than %u nodes",
						 CALL_TREE_MAX_NODES);
	if (!grow_array(tree->allocator, (void **) &tree->parent, tree->nnodes,
					&capacity, tree->nnodes + 1, sizeof(uint32)))
		return pyro_fail_memory(error);
	capacity = tree->node_capacity;
	if (!grow_array(tree->allocator, (void **) &tree->name, tree->nnodes,
					&capacity, tree->nnodes + 1, sizeof(uint32)))
		return pyro_fail_memory(error);
	if (!grow_array(tree->allocator, (void **) &tree->self, tree->nnodes,
					&tree->node_capacity, tree->nnodes + 1, sizeof(int64)))
		return pyro_fail_memory(error);
	return true;
}

static pg_noinline bool
add_child(CallTree *tree, uint32 parent, uint32 name, uint32 at,
		  uint32 *child, PyroError *error)
{
	if (tree->nnodes == tree->node_capacity && !grow_nodes(tree, error))
		return false;
	*child = tree->nnodes++;
	tree->parent[*child] = parent;
	tree->name[*child] = name;
	tree->self[*child] = 0;
	tree->slots[at] = (CallTreeSlot)
	{
		parent, name, *child
	};
	if ((uint64) tree->nnodes * 2 > tree->slot_mask)
		return grow_slots(tree, error);
	return true;
}

/*
 * The child of a node with a name, made when it is new.
 */
bool
call_tree_child(CallTree *tree, uint32 parent, uint32 name, uint32 *child,
				PyroError *error)
{
	uint32		at = hash_numbers(parent, name, tree->seed) & tree->slot_mask;

	for (;;)
	{
		const CallTreeSlot *slot = &tree->slots[at];

		if (slot->node == 0)
			return add_child(tree, parent, name, at, child, error);
		if (slot->parent == parent && slot->name == name)
		{
			*child = slot->node;
			return true;
		}
		at = (at + 1) & tree->slot_mask;
	}
}

/*
 * Add to the self value of a node; PYRO_OVERFLOW where that leaves int64.
 */
bool
call_tree_add_self(CallTree *tree, uint32 node, int64 value,
				   PyroError *error)
{
	if (unlikely(pg_add_s64_overflow(tree->self[node], value,
									 &tree->self[node])))
		return pyro_fail(error, PYRO_OVERFLOW,
						 "sum of the values of a call tree is out of range");
	return true;
}

/* ---- stacks ---- */

/* Names of a dictionary's frames in a tree: number + 1, 0: not yet known. */
typedef struct FrameNames
{
	uint32	   *of_line;		/* per line */
	uint32	   *of_function;	/* per function */
	uint32	   *of_location;	/* per location without lines */
} FrameNames;

/*
 * The name of a frame without a function, as pprof writes it
 * (NodeInfo.NameComponents): the mapped file in brackets, or <unknown>.
 */
static bool
intern_unsymbolised(CallTree *tree, StringRef file, uint32 *id,
					PyroError *error)
{
	char		bracketed[256];

	if (file.length == 0)
		return call_tree_intern(tree, string_ref_literal("<unknown>"), id,
								error);
	file.length = Min(file.length, sizeof(bracketed) - 2);
	bracketed[0] = '[';
	memcpy(bracketed + 1, file.data, file.length);
	bracketed[file.length + 1] = ']';
	return call_tree_intern(tree, string_ref(bracketed, file.length + 2), id,
							error);
}

/* Find the name of one frame of a location and note it in *known. */
static pg_noinline bool
intern_frame(CallTree *tree, const StackDictionary *stacks,
			 const StackLocation *location, uint32 frame, FrameNames *names,
			 uint32 *known, PyroError *error)
{
	StringRef	name = stack_frame_name(stacks, location, frame);
	uint32		id;

	if (name.length == 0)
	{
		name = stack_unsymbolised_name(stacks, location);
		if (!intern_unsymbolised(tree, name, &id, error))
			return false;
		*known = id + 1;
	}
	else
	{
		uint32		function = stacks->lines[location->line_start + frame].function - 1;

		if (names->of_function[function] == 0)
		{
			if (!call_tree_intern(tree, name, &id, error))
				return false;
			names->of_function[function] = id + 1;
		}
		*known = names->of_function[function];
	}
	return true;
}

static bool
init_frame_names(FrameNames *names, const StackDictionary *stacks,
				 const Allocator *scratch, PyroError *error)
{
	size_t		n = (size_t) stacks->nlines + stacks->nfunctions +
		stacks->nlocations;
	uint32	   *all = allocate_array(scratch, n, sizeof(uint32));

	if (all == NULL)
		return pyro_fail_memory(error);
	memset(all, 0, n * sizeof(uint32));
	names->of_line = all;
	names->of_function = all + stacks->nlines;
	names->of_location = names->of_function + stacks->nfunctions;
	return true;
}

/*
 * Make the path of every needed node of a stack trie.
 *
 * needed[node]: whether the node is; a node's ancestors then are, too.
 * target[node] becomes the node of the tree that the trie node's innermost
 * frame stands at; those not needed are left as they are, and so are those
 * that have a target already (anything but CALL_TREE_UNMAPPED).  Both have
 * stacks->nnodes elements.  scratch: memory that is not needed afterwards.
 *
 * Returns false with PYRO_LIMIT (too many nodes) or PYRO_NO_MEMORY.
 */
bool
call_tree_map_stacks(CallTree *tree, const StackDictionary *stacks,
					 const bool *needed, uint32 *target,
					 const Allocator *scratch, PyroError *error)
{
	FrameNames	names;

	if (!init_frame_names(&names, stacks, scratch, error))
		return false;
	target[0] = 0;
	for (uint32 node = 1; node < stacks->nnodes; node++)
	{
		uint32		index = stacks->node_location[node];
		const StackLocation *location = &stacks->locations[index];
		uint32		nframes = stack_location_frames(location);
		uint32	   *known = location->nlines > 0 ?
			&names.of_line[location->line_start] : &names.of_location[index];
		uint32		at;

		if (!needed[node] || target[node] != CALL_TREE_UNMAPPED)
			continue;
		at = target[stacks->node_parent[node]];
		for (uint32 frame = 0; frame < nframes; frame++)
		{
			if (unlikely(known[frame] == 0) &&
				!intern_frame(tree, stacks, location, frame, &names,
							  &known[frame], error))
				return false;
			if (!call_tree_child(tree, at, known[frame] - 1, &at, error))
				return false;
		}
		target[node] = at;
	}
	return true;
}
