/*
 * flame_flat.c
 *	  The stored form of a `flamegraph`.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "flame/flame_flat.h"
#include "stack/sequence_entry.h"
#include "stack/string_symbol.h"
#include "stack/subtree_sums.h"

/* ---- writing ---- */

#define NO_NODE		PG_UINT32_MAX

/*
 * What a node and a byte of its name may take in a dump, as text in which
 * backslashes are doubled: that has to fit into a value, too.
 */
#define MAX_NODE_TEXT	48
#define MAX_BYTE_TEXT	5

typedef struct FlatBuilder
{
	const CallTree *tree;
	const Allocator *allocator;
	PyroError  *error;
	uint32		nkept;			/* nodes that stay */
	bool	   *kept;
	uint32		nnames;			/* names that stay */
	uint32	   *name_rank;		/* of a tree's name; sorted bytewise */
	uint32	   *name_order;		/* names by rank */
	uint64		name_bytes;
	uint32	   *first_child;	/* of a kept node: its smallest by name */
	uint32	   *next_sibling;
} FlatBuilder;

static void *
new_array(FlatBuilder *b, size_t n, size_t element_size)
{
	return allocate_or_fail(b->allocator, n, element_size, b->error);
}

/* What is 0 and has nothing below it goes; children stand behind parents. */
static bool
choose_nodes(FlatBuilder *b)
{
	const CallTree *tree = b->tree;

	b->kept = new_array(b, tree->nnodes, sizeof(bool));
	if (b->kept == NULL)
		return false;
	memset(b->kept, 0, tree->nnodes * sizeof(bool));
	for (uint32 node = tree->nnodes; node-- > 0;)
	{
		allocator_poll(b->allocator, node);
		if (tree->self[node] != 0 || node == 0)
			b->kept[node] = true;
		if (!b->kept[node])
			continue;
		b->nkept++;
		b->kept[tree->parent[node]] = true;
	}
	return true;
}

#define SEQUENCE_SORT sort_names
#define SEQUENCE_CONTEXT const CallTree *
#define SEQUENCE_SYMBOL(context, item, position) \
	string_symbol((context)->names[item], position)
#define SEQUENCE_LAST(context, item, position) \
	string_symbol_is_last((context)->names[item], position)
#include "stack/sequence_sort.h"

/* Sort the names that kept nodes have. */
static bool
choose_names(FlatBuilder *b)
{
	const CallTree *tree = b->tree;
	SequenceEntry *entries;
	bool	   *same;

	b->name_rank = new_array(b, tree->nnames, sizeof(uint32));
	b->name_order = new_array(b, tree->nnames, sizeof(uint32));
	entries = new_array(b, 2 * (size_t) tree->nnames, sizeof(SequenceEntry));
	same = new_array(b, tree->nnames, sizeof(bool));
	if (b->name_rank == NULL || b->name_order == NULL || entries == NULL ||
		same == NULL)
		return false;
	memset(b->name_rank, 0, tree->nnames * sizeof(uint32));
	for (uint32 node = 1; node < tree->nnodes; node++)
		if (b->kept[node])
			b->name_rank[tree->name[node]] = 1;
	for (uint32 name = 0; name < tree->nnames; name++)
		if (b->name_rank[name] != 0)
		{
			b->name_order[b->nnames++] = name;
			b->name_bytes += tree->names[name].length;
		}
	sort_names(tree, entries, b->name_order, same, b->nnames);
	for (uint32 rank = 0; rank < b->nnames; rank++)
		b->name_rank[b->name_order[rank]] = rank;
	return true;
}

/*
 * Link each node's children in order of their names, without comparing: sort
 * all nodes by name rank (counting sort), then hang them on their parents
 * from the last to the first.
 */
static bool
link_children(FlatBuilder *b)
{
	const CallTree *tree = b->tree;
	uint32	   *start = new_array(b, (size_t) b->nnames + 1, sizeof(uint32));
	uint32	   *by_name = new_array(b, b->nkept, sizeof(uint32));
	uint32		sum = 0;

	b->first_child = new_array(b, tree->nnodes, sizeof(uint32));
	b->next_sibling = new_array(b, tree->nnodes, sizeof(uint32));
	if (start == NULL || by_name == NULL || b->first_child == NULL ||
		b->next_sibling == NULL)
		return false;
	memset(start, 0, ((size_t) b->nnames + 1) * sizeof(uint32));
	memset(b->first_child, 0xFF, tree->nnodes * sizeof(uint32));
	for (uint32 node = 1; node < tree->nnodes; node++)
		if (b->kept[node])
			start[b->name_rank[tree->name[node]]]++;
	for (uint32 rank = 0; rank < b->nnames; rank++)
	{
		uint32		count = start[rank];

		start[rank] = sum;
		sum += count;
	}
	for (uint32 node = 1; node < tree->nnodes; node++)
		if (b->kept[node])
			by_name[start[b->name_rank[tree->name[node]]]++] = node;
	for (uint32 i = sum; i-- > 0;)
	{
		uint32		node = by_name[i];
		uint32		parent = tree->parent[node];

		b->next_sibling[node] = b->first_child[parent];
		b->first_child[parent] = node;
	}
	b->next_sibling[0] = NO_NODE;
	return true;
}

/* The arrays of a flat form being written. */
typedef struct FlatArrays
{
	int64	   *self;
	int64	   *total;
	uint32	   *level;
	uint32	   *name;
	uint32	   *name_end;
} FlatArrays;

/* Nodes in pre-order; parent[] is by place, for the totals. */
static bool
write_nodes(FlatBuilder *b, FlatArrays *to)
{
	const CallTree *tree = b->tree;
	uint32	   *parent = new_array(b, b->nkept, sizeof(uint32));
	uint32	   *place = new_array(b, tree->nnodes, sizeof(uint32));
	uint32		node = 0;
	uint32		level = 0;

	if (parent == NULL || place == NULL)
		return false;
	for (uint32 i = 0; i < b->nkept; i++)
	{
		place[node] = i;
		parent[i] = place[tree->parent[node]];
		allocator_poll(b->allocator, i);
		to->self[i] = tree->self[node];
		to->level[i] = level;
		to->name[i] = node == 0 ? FLAME_NO_NAME :
			b->name_rank[tree->name[node]];
		if (b->first_child[node] != NO_NODE)
		{
			node = b->first_child[node];
			level++;
			continue;
		}
		while (node != 0 && b->next_sibling[node] == NO_NODE)
		{
			node = tree->parent[node];
			level--;
		}
		node = b->next_sibling[node];
	}
	return sum_subtrees(parent, to->self, b->nkept, to->total, b->allocator,
						b->error);
}

static void
place_arrays(FlatArrays *arrays, char *bytes, uint32 nnodes)
{
	arrays->self = (int64 *) bytes;
	arrays->total = arrays->self + nnodes;
	arrays->level = (uint32 *) (arrays->total + nnodes);
	arrays->name = arrays->level + nnodes;
	arrays->name_end = arrays->name + nnodes;
}

static bool
write_flat(FlatBuilder *b, const FlameHeader *header, TextBuffer *out)
{
	FlameFlatHead head = {.version = FLAME_FLAT_VERSION,
		.is_typed = header->is_typed,
		.nnodes = b->nkept,.nnames = b->nnames,
		.type_length = header->type.length,
		.unit_length = header->unit.length
	};
	size_t		array_bytes = (size_t) b->nkept * 24 + (size_t) b->nnames * 4;
	FlatArrays	to;
	uint32		end = 0;

	if ((size_t) b->nkept * MAX_NODE_TEXT + b->name_bytes * MAX_BYTE_TEXT >
		FLAME_FLAT_MAX_SIZE)
		return pyro_fail(b->error, PYRO_LIMIT,
						 "call tree of %u nodes with " UINT64_FORMAT " bytes of names is too large to be stored",
						 b->nkept, b->name_bytes);
	head.name_bytes = b->name_bytes;
	memcpy(head.nprofiles, &header->nprofiles, sizeof(int64));
	memcpy(head.duration_nanos, &header->duration_nanos, sizeof(int64));
	text_append(out, (char *) &head, sizeof(head));
	if (!text_buffer_reserve(out, array_bytes + head.type_length +
							 head.unit_length + b->name_bytes))
		return pyro_fail_memory(b->error);
	place_arrays(&to, out->data + out->length, b->nkept);
	if (!write_nodes(b, &to))
		return false;
	for (uint32 rank = 0; rank < b->nnames; rank++)
		to.name_end[rank] = end += b->tree->names[b->name_order[rank]].length;
	out->length += array_bytes;
	text_append_ref(out, header->type);
	text_append_ref(out, header->unit);
	for (uint32 rank = 0; rank < b->nnames; rank++)
		text_append_ref(out, b->tree->names[b->name_order[rank]]);
	return true;
}

/*
 * Append the stored form of a tree to out, which holds the 4 bytes of a
 * varlena header.
 *
 * Nodes without value below which there is nothing are left out.  Scratch
 * comes from out's allocator.  Returns false with PYRO_OVERFLOW (a total left
 * int64), PYRO_LIMIT or PYRO_NO_MEMORY.
 */
bool
flame_flat_write(const CallTree *tree, const FlameHeader *header,
				 TextBuffer *out, PyroError *error)
{
	FlatBuilder b = {.tree = tree,.allocator = out->allocator,.error = error};

	return choose_nodes(&b) && choose_names(&b) && link_children(&b) &&
		write_flat(&b, header, out);
}

/* ---- reading ---- */

/* Check what readers rely on: levels, name numbers and name ends. */
static bool
check_nodes(const FlameTree *tree, uint32 name_bytes, PyroError *error)
{
	uint32		wrong = tree->level[0] != 0 ||
	tree->name[0] != FLAME_NO_NAME;
	uint32		end = 0;

	for (uint32 i = 1; i < tree->nnodes; i++)
		wrong |= tree->level[i] == 0 ||
			tree->level[i] > tree->level[i - 1] + 1 ||
			tree->name[i] >= tree->nnames;
	if (wrong)
		return pyro_fail(error, PYRO_MALFORMED, "its nodes are not a tree");
	for (uint32 i = 0; i < tree->nnames; i++)
	{
		wrong |= tree->name_end[i] < end;
		end = tree->name_end[i];
	}
	if (wrong || end != name_bytes)
		return pyro_fail(error, PYRO_MALFORMED, "its names do not end where their bytes end");
	return true;
}

/*
 * Open a stored tree where it lies.
 *
 * bytes: without varlena header, 4 bytes behind an 8-byte boundary; the tree
 * points into them.  Returns false with PYRO_MALFORMED and what is wrong.
 */
bool
flame_flat_open(const uint8 *bytes, size_t size, FlameTree *tree,
				PyroError *error)
{
	FlameFlatHead head;
	FlatArrays	arrays;
	const char *strings;
	uint64		expected;

	if (size < sizeof(head))
		return pyro_fail(error, PYRO_MALFORMED, "it is cut off");
	memcpy(&head, bytes, sizeof(head));
	if (head.version != FLAME_FLAT_VERSION)
		return pyro_fail(error, PYRO_MALFORMED,
						 "it has format version %u, this program knows %u",
						 head.version, FLAME_FLAT_VERSION);
	expected = sizeof(head) + (uint64) head.nnodes * 24 +
		(uint64) head.nnames * 4 + head.type_length +
		(uint64) head.unit_length + head.name_bytes;
	if (expected != size || head.nnodes == 0)
		return pyro_fail(error, PYRO_MALFORMED, "its size does not follow from its head");
	place_arrays(&arrays, (char *) bytes + sizeof(head), head.nnodes);
	strings = (const char *) (arrays.name_end + head.nnames);
	*tree = (FlameTree)
	{
		.is_typed = head.is_typed,
			.type = string_ref(strings, head.type_length),
			.unit = string_ref(strings + head.type_length, head.unit_length),
			.nnodes = head.nnodes,
			.level = arrays.level,.name = arrays.name,
			.self = arrays.self,.total = arrays.total,
			.nnames = head.nnames,.name_end = arrays.name_end,
			.name_bytes = strings + head.type_length + head.unit_length
	};
	memcpy(&tree->nprofiles, head.nprofiles, sizeof(int64));
	memcpy(&tree->duration_nanos, head.duration_nanos, sizeof(int64));
	if (head.is_typed > 1 || tree->nprofiles < 0 || tree->duration_nanos < 0 ||
		(!tree->is_typed &&
		 (tree->type.length > 0 || tree->unit.length > 0 ||
		  tree->nnodes > 1 || tree->self[0] != 0)))
		return pyro_fail(error, PYRO_MALFORMED, "its head contradicts itself");
	return check_nodes(tree, head.name_bytes, error);
}
