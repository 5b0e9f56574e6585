/*
 * seal_keys.c
 *	  The stack trie in pre-order, and keys by how frequent they are.
 *
 * Both take time in proportion to what there is: numbers that are sorted are
 * ranks already, so that counting sorts do.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "port/pg_bitutils.h"

#include "block/counting_sort.h"
#include "block/seal_dictionary.h"

/* ---- nodes ---- */

/* The tree as lists of children, while it is put in order; 0 ends a list. */
typedef struct ChildLists
{
	uint32	   *first;			/* child of each node */
	uint32	   *next;			/* sibling */
	uint32	   *by_location;	/* first node of each location, 0: none */
	uint32	   *same_location;	/* next node of the same one */
} ChildLists;

static bool
allocate_child_lists(Sealer *s, ChildLists *lists)
{
	uint32		nnodes = s->open->nodes.n;
	uint32		nlocations = s->sealed->stacks.nlocations;

	lists->first = seal_array(s, nnodes, sizeof(uint32));
	lists->next = seal_array(s, nnodes, sizeof(uint32));
	lists->same_location = seal_array(s, nnodes, sizeof(uint32));
	lists->by_location = seal_array(s, nlocations, sizeof(uint32));
	if (lists->first == NULL || lists->next == NULL ||
		lists->same_location == NULL || lists->by_location == NULL)
		return false;
	memset(lists->first, 0, (size_t) nnodes * sizeof(uint32));
	lists->next[0] = 0;
	memset(lists->by_location, 0, (size_t) nlocations * sizeof(uint32));
	return true;
}

/*
 * Hand nodes to their parents from the last location to the first, each put
 * before its siblings.  Returns how many nodes are needed.
 */
static uint32
list_children(Sealer *s, ChildLists *lists)
{
	const OpenNode *nodes = s->open->nodes.items;
	uint32		n = 1;

	for (uint32 i = 1; i < s->open->nodes.n; i++)
	{
		uint32		location;

		allocator_poll(s->allocator, i);
		if (s->map->node[i] == UNUSED)
			continue;
		location = s->map->location[nodes[i].location];
		lists->same_location[i] = lists->by_location[location];
		lists->by_location[location] = i;
		n++;
	}
	for (uint32 location = s->sealed->stacks.nlocations; location-- > 0;)
		for (uint32 i = lists->by_location[location]; i != 0;
			 i = lists->same_location[i])
		{
			lists->next[i] = lists->first[nodes[i].parent];
			lists->first[nodes[i].parent] = i;
		}
	return n;
}

/* Walk the tree and number its nodes as they are met. */
static void
number_nodes(Sealer *s, const ChildLists *lists)
{
	const OpenNode *nodes = s->open->nodes.items;
	StackDictionary *stacks = &s->sealed->stacks;
	uint32		node = 0;
	uint32		depth = 0;

	stacks->node_parent[0] = stacks->node_depth[0] = 0;
	stacks->node_location[0] = 0;
	for (uint32 place = 1; place < stacks->nnodes; place++)
	{
		allocator_poll(s->allocator, place);
		if (lists->first[node] != 0)
		{
			node = lists->first[node];
			depth++;
		}
		else
		{
			for (; lists->next[node] == 0; depth--)
				node = nodes[node].parent;
			node = lists->next[node];
		}
		s->map->node[node] = place;
		stacks->node_parent[place] = s->map->node[nodes[node].parent];
		stacks->node_depth[place] = depth;
		stacks->node_location[place] = s->map->location[nodes[node].location];
	}
}

bool
seal_nodes(Sealer *s)
{
	StackDictionary *stacks = &s->sealed->stacks;
	ChildLists	lists;

	if (!allocate_child_lists(s, &lists))
		return false;
	stacks->nnodes = list_children(s, &lists);
	stacks->node_parent = seal_array(s, stacks->nnodes, sizeof(uint32));
	stacks->node_depth = seal_array(s, stacks->nnodes, sizeof(uint32));
	stacks->node_location = seal_array(s, stacks->nnodes, sizeof(uint32));
	if (stacks->node_parent == NULL || stacks->node_depth == NULL ||
		stacks->node_location == NULL)
		return false;
	number_nodes(s, &lists);
	seal_release(s, lists.first);
	seal_release(s, lists.next);
	seal_release(s, lists.same_location);
	seal_release(s, lists.by_location);
	return true;
}

/* ---- keys ---- */

/* Arrays by key of the open dictionary, and scratch to sort them by. */
typedef struct KeyOrder
{
	uint32	   *keys;
	uint32	   *sorted;
	uint32	   *number;			/* what they are sorted by */
	uint32	   *start;
} KeyOrder;

static bool
allocate_key_order(Sealer *s, KeyOrder *order)
{
	uint32		nkeys = s->open->keys.n;
	uint32		nbuckets = Max(Max(s->sealed->stacks.nnodes,
								   s->sealed->label_sets.nsets), 32);

	order->keys = seal_array(s, nkeys, sizeof(uint32));
	order->sorted = seal_array(s, nkeys, sizeof(uint32));
	order->number = seal_array(s, nkeys, sizeof(uint32));
	order->start = seal_array(s, nbuckets, sizeof(uint32));
	return order->keys != NULL && order->sorted != NULL &&
		order->number != NULL && order->start != NULL;
}

/* The keys that are used into order->sorted; returns how many. */
static uint32
sort_keys(Sealer *s, KeyOrder *order)
{
	const OpenKey *keys = s->open->keys.items;
	uint32		n = 0;

	for (uint32 i = 0; i < s->open->keys.n; i++)
		if (s->key_count[i] > 0)
			order->keys[n++] = i;
	/* the least significant number first */
	for (uint32 i = 0; i < n; i++)
		order->number[order->keys[i]] =
			s->map->label_set[keys[order->keys[i]].label_set];
	counting_sort(order->keys, n, order->number, order->start,
				  s->sealed->label_sets.nsets, order->sorted);
	for (uint32 i = 0; i < n; i++)
		order->number[order->keys[i]] =
			s->map->node[keys[order->keys[i]].node];
	counting_sort(order->sorted, n, order->number, order->start,
				  s->sealed->stacks.nnodes, order->keys);
	for (uint32 i = 0; i < n; i++)
		order->number[order->keys[i]] =
			31 - pg_leftmost_one_pos32(s->key_count[order->keys[i]]);
	counting_sort(order->keys, n, order->number, order->start, 32,
				  order->sorted);
	return n;
}

bool
seal_keys(Sealer *s)
{
	SealedDictionary *sealed = s->sealed;
	KeyOrder	order;

	if (!allocate_key_order(s, &order))
		return false;
	sealed->nkeys = sort_keys(s, &order);
	sealed->key_node = seal_array(s, sealed->nkeys, sizeof(uint32));
	sealed->key_label_set = seal_array(s, sealed->nkeys, sizeof(uint32));
	if (sealed->key_node == NULL || sealed->key_label_set == NULL)
		return false;
	for (uint32 i = 0; i < sealed->nkeys; i++)
	{
		const OpenKey *key = &s->open->keys.items[order.sorted[i]];

		s->key_map[order.sorted[i]] = i;
		sealed->key_node[i] = s->map->node[key->node];
		sealed->key_label_set[i] = s->map->label_set[key->label_set];
	}
	seal_release(s, order.keys);
	seal_release(s, order.sorted);
	seal_release(s, order.number);
	seal_release(s, order.start);
	return true;
}
