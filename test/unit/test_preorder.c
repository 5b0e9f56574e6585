/*
 * test_preorder.c
 *	  Merged trees have the paths of both, each once, in order.
 */
#include "postgres_fe.h"

#include "stack/preorder.h"

#include "unit.h"

#define MAX_NODES	200
#define MAX_DEPTH	12

/* A tree as its paths, and as the arrays under test. */
typedef struct TestTree
{
	uint32		nnodes;
	uint32		depth[2 * MAX_NODES];
	uint32		symbol[2 * MAX_NODES];
} TestTree;

/* A random tree in pre-order; siblings have ascending symbols. */
static void
make_tree(UnitRandom *random, TestTree *tree)
{
	uint32		last[MAX_DEPTH + 1] = {0};	/* symbol at each depth */
	uint32		n = 1 + unit_below(random, MAX_NODES - 1);

	tree->depth[0] = tree->symbol[0] = 0;
	tree->nnodes = 1;
	while (tree->nnodes < n)
	{
		uint32		before = tree->depth[tree->nnodes - 1];
		uint32		depth = 1 + unit_below(random, Min(before + 1, MAX_DEPTH));
		uint32		symbol;

		if (unit_chance(random, 50) && before + 1 <= MAX_DEPTH)
			depth = before + 1;
		symbol = depth > before ? unit_below(random, 3) :
			last[depth] + 1 + unit_below(random, 2);
		last[depth] = symbol;
		tree->depth[tree->nnodes] = depth;
		tree->symbol[tree->nnodes++] = symbol;
	}
}

/* Follow a path of symbols; the node, or UINT32_MAX. */
static uint32
find_path(const TestTree *tree, const uint32 *path, uint32 length)
{
	uint32		node = 0;

	for (uint32 level = 1; level <= length; level++)
	{
		uint32		next = node + 1;

		while (next < tree->nnodes && tree->depth[next] > level - 1 &&
			   !(tree->depth[next] == level &&
				 tree->symbol[next] == path[level - 1]))
			next++;
		if (next >= tree->nnodes || tree->depth[next] < level)
			return PG_UINT32_MAX;
		node = next;
	}
	return node;
}

/* Does each node of a part stand in the sum where the map says? */
static uint32
count_misplaced(const TestTree *part, const TestTree *sum, const uint32 *map,
				const uint32 *symbol_map)
{
	uint32		path[MAX_DEPTH];
	uint32		nwrong = 0;

	for (uint32 i = 1; i < part->nnodes; i++)
	{
		path[part->depth[i] - 1] = symbol_map != NULL ?
			symbol_map[part->symbol[i]] : part->symbol[i];
		nwrong += find_path(sum, path, part->depth[i]) != map[i];
	}
	return nwrong;
}

/* Nodes whose place in pre-order or among its siblings is wrong. */
static uint32
count_disorder(const TestTree *tree)
{
	uint32		last[MAX_DEPTH + 2] = {0};
	uint32		nwrong = 0;

	for (uint32 i = 1; i < tree->nnodes; i++)
	{
		uint32		depth = tree->depth[i];

		if (depth == 0 || depth > tree->depth[i - 1] + 1)
			return 1 + nwrong;
		if (depth <= tree->depth[i - 1] && tree->symbol[i] <= last[depth])
			nwrong++;
		last[depth] = tree->symbol[i];
	}
	return nwrong;
}

static void
check_merge(UnitRandom *random, bool mapped, uint32 *nwrong)
{
	TestTree	a;
	TestTree	b;
	TestTree	sum;
	uint32		map_a[MAX_NODES];
	uint32		map_b[MAX_NODES];
	uint32		symbol_map[2][3 * MAX_NODES];
	bool		used[2 * MAX_NODES] = {false};

	make_tree(random, &a);
	make_tree(random, &b);
	for (int side = 0; side < 2; side++)
		for (uint32 i = 0, next = 0; i < lengthof(symbol_map[0]); i++)
			symbol_map[side][i] = next += 1 + unit_below(random, 2);
	sum.nnodes = preorder_merge((PreorderTree)
								{
								 a.nnodes, a.depth, a.symbol
								 }, mapped ? symbol_map[0] : NULL,
								(PreorderTree)
								{
								 b.nnodes, b.depth, b.symbol
								 }, mapped ? symbol_map[1] : NULL,
								map_a, map_b, sum.depth, sum.symbol);
	if (sum.nnodes > a.nnodes + b.nnodes - 1)
		(*nwrong)++;
	*nwrong += count_disorder(&sum) +
		count_misplaced(&a, &sum, map_a, mapped ? symbol_map[0] : NULL) +
		count_misplaced(&b, &sum, map_b, mapped ? symbol_map[1] : NULL);
	for (uint32 i = 0; i < a.nnodes; i++)
		used[map_a[i]] = true;
	for (uint32 i = 0; i < b.nnodes; i++)
		used[map_b[i]] = true;
	for (uint32 i = 0; i < sum.nnodes; i++)
		*nwrong += !used[i];
}

int
main(void)
{
	UnitRandom	random = unit_random_seed(11);
	uint32		nwrong = 0;
	uint32		one = 0;
	uint32		map[2] = {9, 9};
	uint32		depth;
	uint32		symbol;
	PreorderTree root = {1, &one, &one};

	unit_ok(preorder_merge(root, NULL, root, NULL, &map[0], &map[1],
						   &depth, &symbol) == 1 &&
			map[0] == 0 && map[1] == 0 && depth == 0, "two roots are one");
	for (int i = 0; i < 3000; i++)
		check_merge(&random, false, &nwrong);
	unit_ok(nwrong == 0, "3000 pairs of random trees");
	nwrong = 0;
	for (int i = 0; i < 3000; i++)
		check_merge(&random, true, &nwrong);
	unit_ok(nwrong == 0, "3000 pairs whose symbols are translated");
	return unit_finish();
}
