/*
 * call_tree.c
 *	  A growing call tree by the names of frames.
 *
 * Adding a profile walks its stack trie once, with one probe a trie node: a
 * trie has a tenth of the frames of its stacks.  Memory comes in
 * a few arrays that double, so that a small tree stays small and many of them
 * can share one memory context.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

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
	text_buffer_init(&tree->made_name, allocator, PYRO_MAX_ALLOCATION);
	tree->node_capacity = INITIAL_NODES;
	tree->parent = allocate_array(allocator, INITIAL_NODES, sizeof(uint32));
	tree->name = allocate_array(allocator, INITIAL_NODES, sizeof(uint32));
	tree->self = allocate_array(allocator, INITIAL_NODES, sizeof(int64));
	tree->slots = allocate_array(allocator, INITIAL_SLOTS,
								 sizeof(CallTreeSlot));
	tree->name_slots = allocate_array(allocator, INITIAL_SLOTS,
									  sizeof(CallTreeNameSlot));
	if (tree->parent == NULL || tree->name == NULL || tree->self == NULL ||
		tree->slots == NULL || tree->name_slots == NULL)
		return pyro_fail_memory(error);
	memset(tree->slots, 0, INITIAL_SLOTS * sizeof(CallTreeSlot));
	memset(tree->name_slots, 0, INITIAL_SLOTS * sizeof(CallTreeNameSlot));
	tree->slot_mask = tree->name_slot_mask = INITIAL_SLOTS - 1;
	tree->parent[0] = tree->name[0] = 0;
	tree->self[0] = 0;
	tree->nnodes = 1;
	return true;
}

/* ---- names ---- */

/* Tables double when they are three quarters full. */
static inline bool
is_crowded(uint32 used, uint32 mask)
{
	return (uint64) used * 4 > (uint64) mask * 3;
}

/* Twice the slots, filled from the old ones. */
static bool
grow_name_slots(CallTree *tree, PyroError *error)
{
	size_t		nslots = ((size_t) tree->name_slot_mask + 1) * 2;
	CallTreeNameSlot *slots = allocate_array(tree->allocator, nslots,
											 sizeof(CallTreeNameSlot));

	if (slots == NULL)
		return pyro_fail_memory(error);
	memset(slots, 0, nslots * sizeof(CallTreeNameSlot));
	for (uint32 i = 0; i <= tree->name_slot_mask; i++)
	{
		CallTreeNameSlot *slot = &tree->name_slots[i];
		uint32		at = slot->hash & (nslots - 1);

		if (slot->name == 0)
			continue;
		while (slots[at].name != 0)
			at = (at + 1) & (nslots - 1);
		slots[at] = *slot;
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
	tree->total_name_bytes += name.length;
	if (tree->total_name_bytes > CALL_TREE_MAX_NAME_BYTES)
		return pyro_fail(error, PYRO_LIMIT,
						 "names of a call tree have more than %zu bytes",
						 CALL_TREE_MAX_NAME_BYTES);
	if (name.length > tree->name_bytes_left || tree->name_bytes == NULL)
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
	memcpy(tree->name_bytes, name.data, name.length);
	tree->name_bytes += name.length;
	tree->name_bytes_left -= name.length;
	return true;
}

static pg_noinline bool
add_name(CallTree *tree, StringRef name, uint32 hash, uint32 at,
		 PyroError *error)
{
	if (!grow_array(tree->allocator, (void **) &tree->names, tree->nnames,
					&tree->name_capacity, tree->nnames + 1,
					sizeof(StringRef)))
		return pyro_fail_memory(error);
	if (!keep_name(tree, name, &tree->names[tree->nnames], error))
		return false;
	tree->name_slots[at] = (CallTreeNameSlot)
	{
		hash, ++tree->nnames
	};
	if (is_crowded(tree->nnames, tree->name_slot_mask))
		return grow_name_slots(tree, error);
	return true;
}

static inline uint32
hash_name(const CallTree *tree, StringRef name)
{
	return (uint32) hash_bytes64(name.data, name.length, tree->seed);
}

/* The number of a name whose hash is known. */
static inline bool
intern_hashed(CallTree *tree, StringRef name, uint32 hash, uint32 *id,
			  PyroError *error)
{
	uint32		at = hash & tree->name_slot_mask;

	for (;;)
	{
		const CallTreeNameSlot *slot = &tree->name_slots[at];

		if (slot->name == 0)
		{
			*id = tree->nnames;
			return add_name(tree, name, hash, at, error);
		}
		if (slot->hash == hash &&
			string_ref_equal(tree->names[slot->name - 1], name))
		{
			*id = slot->name - 1;
			return true;
		}
		at = (at + 1) & tree->name_slot_mask;
	}
}

/*
 * The number of a name, which is copied when it is new.
 */
bool
call_tree_intern(CallTree *tree, StringRef name, uint32 *id,
				 PyroError *error)
{
	return intern_hashed(tree, name, hash_name(tree, name), id, error);
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
	if (is_crowded(tree->nnodes, tree->slot_mask))
		return grow_slots(tree, error);
	return true;
}

static inline bool
find_child(CallTree *tree, uint32 parent, uint32 name, uint32 *child,
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
 * The child of a node with a name, made when it is new.
 */
bool
call_tree_child(CallTree *tree, uint32 parent, uint32 name, uint32 *child,
				PyroError *error)
{
	return find_child(tree, parent, name, child, error);
}

/* ---- stacks ---- */

/* The number of the name of one frame of a location. */
static bool
intern_frame(CallTree *tree, const StackDictionary *stacks,
			 const StackLocation *location, uint32 frame, uint32 *id,
			 PyroError *error)
{
	StringRef	name = stack_frame_name(stacks, location, frame);
	TextBuffer *made = &tree->made_name;

	if (tree->granularity == FRAME_FUNCTION && name.length > 0)
		return call_tree_intern(tree, name, id, error);
	made->length = 0;
	frame_name_append(made, tree->granularity, stacks, location, frame);
	return made->failed ? pyro_fail_memory(error) :
		call_tree_intern(tree, string_ref(made->data, made->length), id,
						 error);
}

/* Which locations and, through them, functions some nodes stand for. */
static void
mark_used(const StackDictionary *stacks, const uint32 *nodes, uint32 nnodes,
		  bool *location_used, bool *function_used)
{
	memset(location_used, 0, stacks->nlocations * sizeof(bool));
	memset(function_used, 0, (stacks->nfunctions + 1) * sizeof(bool));
	for (uint32 i = 0; i < nnodes; i++)
		location_used[stacks->node_location[nodes[i]]] = true;
	for (uint32 i = 0; i < stacks->nlocations; i++)
	{
		const StackLine *line = &stacks->lines[stacks->locations[i].line_start];

		if (location_used[i])
			for (uint32 k = 0; k < stacks->locations[i].nlines; k++)
				function_used[line[k].function] = true;
	}
}

/* What frames of a function are called, if that depends on nothing else. */
static inline StringRef
function_frame_name(const CallTree *tree, const StackDictionary *stacks,
					uint32 function)
{
	StringRef	name = stacks->strings[stacks->functions[function].name];

	return tree->granularity == FRAME_PACKAGE ? frame_package(name) : name;
}

/*
 * Look up the names that functions give their frames; *of_function is NULL
 * where these depend on more.
 */
static bool
name_functions(CallTree *tree, const StackDictionary *stacks,
			   const bool *used, const Allocator *scratch,
			   uint32 **of_function, PyroError *error)
{
	uint32	   *ids;

	*of_function = NULL;
	if (tree->granularity != FRAME_FUNCTION &&
		tree->granularity != FRAME_PACKAGE)
		return true;
	ids = *of_function = allocate_or_fail(scratch, stacks->nfunctions,
										  sizeof(uint32), error);
	if (ids == NULL)
		return false;
	for (uint32 i = 0; i < stacks->nfunctions; i++)
		if (used[i + 1])
		{
			ids[i] = hash_name(tree, function_frame_name(tree, stacks, i));
			__builtin_prefetch(&tree->name_slots[ids[i] & tree->name_slot_mask]);
		}
	for (uint32 i = 0; i < stacks->nfunctions; i++)
		if (used[i + 1] &&
			!intern_hashed(tree, function_frame_name(tree, stacks, i), ids[i],
						   &ids[i], error))
			return false;
	return true;
}

/*
 * Look up the names of all frames that some nodes of a trie stand for.
 *
 * In loops of their own, over functions in order of their names: first all
 * hashes, then all slots, so that the processor can work on many lookups at
 * once.  names: its arrays come from scratch.
 */
bool
call_tree_name_frames(CallTree *tree, const StackDictionary *stacks,
					  const uint32 *nodes, uint32 nnodes,
					  const Allocator *scratch, FrameNames *names,
					  PyroError *error)
{
	bool	   *location_used = allocate_array(scratch, stacks->nlocations,
											   sizeof(bool));
	bool	   *function_used = allocate_array(scratch,
											   (size_t) stacks->nfunctions + 1,
											   sizeof(bool));
	uint32	   *of_function;

	names->of_location = allocate_array(scratch, stacks->nlocations,
										sizeof(uint32));
	names->of_line = allocate_array(scratch, stacks->nlines, sizeof(uint32));
	names->of_function = NULL;
	if (location_used == NULL || function_used == NULL ||
		names->of_location == NULL || names->of_line == NULL)
		return pyro_fail_memory(error);
	if (nnodes + 1 < stacks->nnodes)
		mark_used(stacks, nodes, nnodes, location_used, function_used);
	else
	{
		/* a dictionary has only what its nodes need */
		memset(location_used, true, stacks->nlocations * sizeof(bool));
		memset(function_used, true, (size_t) stacks->nfunctions + 1);
	}
	if (!name_functions(tree, stacks, function_used, scratch, &of_function,
						error))
		return false;
	for (uint32 i = 0; i < stacks->nlocations; i++)
	{
		const StackLocation *location = &stacks->locations[i];
		uint32		nframes = stack_location_frames(location);

		for (uint32 frame = 0; location_used[i] && frame < nframes; frame++)
		{
			uint32		line = location->line_start + frame;
			uint32		function = location->nlines == 0 ? 0 :
			stacks->lines[line].function;
			uint32	   *id = frame == 0 ? &names->of_location[i] :
			&names->of_line[line];

			/* names may be long, and each be made for its frame */
			allocator_poll(scratch, tree->made_name.length > 4096 ? 0 : line);

			if (of_function != NULL && function != 0 &&
				stacks->functions[function - 1].name != 0)
				*id = of_function[function - 1];
			else if (!intern_frame(tree, stacks, location, frame, id, error))
				return false;
		}
	}
	return true;
}

/* The number of a frame's name, by its function where that has been met before. */
static bool
intern_known_frame(CallTree *tree, const StackDictionary *stacks, const StackLocation *location,
				   uint32 frame, FrameNames *names, uint32 *id, PyroError *error)
{
	uint32		function = location->nlines == 0 ? 0 :
	stacks->lines[location->line_start + frame].function;
	bool		by_function = function != 0 && stacks->functions[function - 1].name != 0 &&
	(tree->granularity == FRAME_FUNCTION || tree->granularity == FRAME_PACKAGE);

	if (by_function && names->of_function[function - 1] != UNKNOWN_NAME)
	{
		*id = names->of_function[function - 1];
		return true;
	}
	if (!intern_frame(tree, stacks, location, frame, id, error))
		return false;
	if (by_function)
		names->of_function[function - 1] = *id;
	return true;
}

/*
 * Look up the names of all frames of one location, by its index; names has room
 * for all locations, lines and functions.
 */
bool
call_tree_name_location(CallTree *tree, const StackDictionary *stacks, uint32 index,
						FrameNames *names, PyroError *error)
{
	const StackLocation *location = &stacks->locations[index];

	for (uint32 frame = 0; frame < stack_location_frames(location); frame++)
		if (!intern_known_frame(tree, stacks, location, frame, names,
								frame == 0 ? &names->of_location[index] :
								&names->of_line[location->line_start + frame], error))
			return false;
	return true;
}

/* Nodes between asking for a slot and looking into it. */
#define PREFETCH_DISTANCE	24

/* Ask for the slot that a node's outermost frame will be looked up in. */
static inline void
prefetch_slot(const CallTree *tree, const StackDictionary *stacks,
			  const FrameNames *names, const uint32 *target, uint32 node)
{
	uint32		parent = target[stacks->node_parent[node]];
	uint32		name = names->of_location[stacks->node_location[node]];
	uint32		at = hash_numbers(parent, name, tree->seed) & tree->slot_mask;

	__builtin_prefetch(&tree->slots[at]);
}

/*
 * Make the paths of some nodes of a stack trie.
 *
 * nodes: nnodes of them, each behind its parent or with a parent that has a
 * target.  target[node] becomes the node of the tree at which the trie node's
 * innermost frame stands.  names: of these nodes' frames.
 *
 * Best in order of depth: then neighbours do not depend on each other, and
 * what they will need can be fetched ahead.
 *
 * Returns false with PYRO_LIMIT (too many nodes) or PYRO_NO_MEMORY.
 */
bool
call_tree_map_nodes(CallTree *tree, const StackDictionary *stacks,
					const FrameNames *names, const uint32 *nodes,
					uint32 nnodes, uint32 *target, PyroError *error)
{
	for (uint32 i = 0; i < nnodes; i++)
	{
		uint32		node = nodes[i];
		uint32		index = stacks->node_location[node];
		const StackLocation *location = &stacks->locations[index];
		uint32		at = target[stacks->node_parent[node]];

		allocator_poll(tree->allocator, i);
		if (i + PREFETCH_DISTANCE < nnodes)
			prefetch_slot(tree, stacks, names, target,
						  nodes[i + PREFETCH_DISTANCE]);
		if (!find_child(tree, at, names->of_location[index], &at, error))
			return false;
		for (uint32 frame = 1; frame < location->nlines; frame++)
			if (!find_child(tree, at, names->of_line[location->line_start + frame], &at, error))
				return false;
		target[node] = at;
	}
	return true;
}
