/*
 * test_flame_transforms.c
 *	  Transforms of call trees, against slow ones that work on lists of stacks.
 */
#include "postgres_fe.h"

#include "flame/flame_diff_top.h"
#include "flame/flame_filter.h"
#include "flame/flame_flat.h"
#include "flame/flame_sandwich.h"
#include "flame/flame_top.h"
#include "flame/flame_transform.h"

#include "unit.h"

#define MAX_DEPTH	14
#define MAX_STACKS	200
#define MAX_NAMES	10

/* Root first; names are numbers of fn0, fn1, ... */
typedef struct Stack
{
	uint32		depth;
	uint32		frame[MAX_DEPTH];
	int64		value;
} Stack;

typedef struct StackList
{
	uint32		n;
	Stack		stack[MAX_STACKS];
} StackList;

static UnitRandom random_state;

static uint32
random_below(uint32 n)
{
	return unit_below(&random_state, n);
}

/* ---- trees of stacks ---- */

static const FlameHeader plain_header = {
	.is_typed = true,.type = {"samples", 7},.unit = {"count", 5},.nprofiles = 1
};

static uint32
add_frame(CallTree *tree, uint32 parent, const char *name)
{
	PyroError	error;
	uint32		id;
	uint32		child;

	if (!call_tree_intern(tree, string_ref_literal(name), &id, &error) ||
		!call_tree_child(tree, parent, id, &child, &error))
		abort();
	return child;
}

/* The tree's arrays move as it grows: first the node, then its value. */
static void
set_self(CallTree *tree, uint32 node, int64 value)
{
	tree->self[node] = value;
}

static void
add_stack(CallTree *tree, const Stack *stack)
{
	uint32		node = 0;
	PyroError	error;

	for (uint32 i = 0; i < stack->depth; i++)
	{
		char		name[16];

		snprintf(name, sizeof(name), "fn%u", stack->frame[i]);
		node = add_frame(tree, node, name);
	}
	if (!call_tree_add_self(tree, node, stack->value, &error))
		abort();
}

static CallTree *
new_tree(UnitMemory *memory)
{
	CallTree   *tree = memory->allocator.allocate(memory, sizeof(CallTree));
	PyroError	error;

	if (!call_tree_init(tree, &memory->allocator, random_below(1000), &error))
		abort();
	return tree;
}

static CallTree *
tree_of(UnitMemory *memory, const StackList *list)
{
	CallTree   *tree = new_tree(memory);

	for (uint32 i = 0; i < list->n; i++)
		add_stack(tree, &list->stack[i]);
	return tree;
}

static TextBuffer
flatten(UnitMemory *memory, const CallTree *tree)
{
	TextBuffer	flat;
	PyroError	error;

	text_buffer_init(&flat, &memory->allocator, FLAME_FLAT_MAX_SIZE);
	text_append(&flat, "\0\0\0", 4);
	if (!flame_flat_write(tree, &plain_header, &flat, &error))
	{
		unit_note("%s", error.message);
		abort();
	}
	return flat;
}

static FlameTree
flame_of(UnitMemory *memory, const CallTree *tree)
{
	TextBuffer	flat = flatten(memory, tree);
	FlameTree	flame;
	PyroError	error;

	if (!flame_flat_open((uint8 *) flat.data + 4, flat.length - 4, &flame,
						 &error))
		abort();
	return flame;
}

static bool
same_tree(UnitMemory *memory, const CallTree *a, const CallTree *b)
{
	TextBuffer	flat_a = flatten(memory, a);
	TextBuffer	flat_b = flatten(memory, b);

	return flat_a.length == flat_b.length &&
		memcmp(flat_a.data, flat_b.data, flat_a.length) == 0;
}

/* Few names, so that recursion is common; some stacks are empty. */
static void
random_list(StackList *list, uint32 nnames)
{
	list->n = random_below(MAX_STACKS);
	for (uint32 i = 0; i < list->n; i++)
	{
		Stack	   *stack = &list->stack[i];

		stack->depth = random_below(10) == 0 ? 0 : random_below(MAX_DEPTH + 1);
		for (uint32 k = 0; k < stack->depth; k++)
			stack->frame[k] = random_below(nnames);
		stack->value = (int64) random_below(20) - (i % 5 == 0) * 12;
	}
}

/* Which names of a tree are in a set of the numbers behind "fn". */
static bool *
matches_of(UnitMemory *memory, const FlameTree *tree, uint32 set)
{
	bool	   *matches = memory->allocator.allocate(memory, tree->nnames + 1);

	for (uint32 i = 0; i < tree->nnames; i++)
	{
		StringRef	name = flame_name(tree, i);

		matches[i] = (set >> (name.data[2] - '0') & 1) != 0;
	}
	return matches;
}

/* ---- the slow ones ---- */

static bool
frame_matches(const Stack *stack, uint32 frame, uint32 set)
{
	return (set >> stack->frame[frame] & 1) != 0;
}

/* The first frame that matches from one of the ends, or the depth. */
static uint32
find_match(const Stack *stack, uint32 set, bool from_the_leaf)
{
	for (uint32 i = 0; i < stack->depth; i++)
	{
		uint32		frame = from_the_leaf ? stack->depth - 1 - i : i;

		if (frame_matches(stack, frame, set))
			return frame;
	}
	return stack->depth;
}

/* The frames from start to end, backwards where end is before start. */
static Stack
part_of(const Stack *stack, uint32 start, uint32 end, bool backwards)
{
	Stack		part = {.depth = end - start,.value = stack->value};

	for (uint32 i = 0; i < part.depth; i++)
		part.frame[i] = stack->frame[backwards ? end - 1 - i : start + i];
	return part;
}

/* What a filter leaves of a stack; false when it goes. */
static bool
filter_stack(const Stack *stack, FlameFilter filter, uint32 set, Stack *left)
{
	uint32		outermost = find_match(stack, set, false);
	bool		matched = outermost < stack->depth;

	*left = *stack;
	switch (filter)
	{
		case FLAME_FOCUS:
			return matched;
		case FLAME_IGNORE:
			return !matched && stack->depth > 0;
		case FLAME_HIDE:
		case FLAME_SHOW:
			left->depth = 0;
			for (uint32 i = 0; i < stack->depth; i++)
				if (frame_matches(stack, i, set) == (filter == FLAME_SHOW))
					left->frame[left->depth++] = stack->frame[i];
			return left->depth > 0;
		case FLAME_SHOW_FROM:
			*left = part_of(stack, outermost, stack->depth, false);
			return matched;
		case FLAME_PRUNE_FROM:
			if (matched)
				left->depth = find_match(stack, set, true) + 1;
			return true;
	}
	return false;
}

static const char *const filter_names[] = {
	"focus", "ignore", "hide", "show", "show_from", "prune_from"
};

#define ROUNDS	300

static void
test_filters(void)
{
	for (FlameFilter filter = FLAME_FOCUS; filter <= FLAME_PRUNE_FROM; filter++)
	{
		bool		equal = true;
		uint64		changed = 0;

		for (uint32 round = 0; round < ROUNDS; round++)
		{
			UnitMemory	memory;
			StackList	list;
			uint32		nnames = 1 + random_below(MAX_NAMES);
			uint32		set = random_below(1 << nnames);
			FlameTree	flame;
			CallTree   *expected;
			CallTree   *found;
			PyroError	error;

			unit_memory_init(&memory);
			random_list(&list, nnames);
			flame = flame_of(&memory, tree_of(&memory, &list));
			expected = new_tree(&memory);
			for (uint32 i = 0; i < list.n; i++)
			{
				Stack		left;

				if (filter_stack(&list.stack[i], filter, set, &left))
					add_stack(expected, &left);
			}
			found = new_tree(&memory);
			equal &= flame_filter(filter, &flame,
								  matches_of(&memory, &flame, set), found,
								  &memory.allocator, &error) &&
				same_tree(&memory, expected, found);
			changed += !same_tree(&memory, found, tree_of(&memory, &list));
			unit_memory_free(&memory);
		}
		unit_ok(equal && changed > ROUNDS / 2,
				"%s agrees with the slow one (%lu of %d trees changed)",
				filter_names[filter], (unsigned long) changed, ROUNDS);
	}
}

static void
test_callers_and_callees(void)
{
	bool		callers = true;
	bool		callees = true;
	bool		totals = true;

	for (uint32 round = 0; round < ROUNDS; round++)
	{
		UnitMemory	memory;
		StackList	list;
		uint32		nnames = 1 + random_below(MAX_NAMES);
		uint32		function = random_below(nnames);
		FlameTree	flame;
		FlameTree	half;
		CallTree   *expected_callers;
		CallTree   *expected_callees;
		CallTree   *found;
		FlameFunction *functions;
		bool	   *matches;
		int64		total = 0;
		PyroError	error;

		unit_memory_init(&memory);
		random_list(&list, nnames);
		flame = flame_of(&memory, tree_of(&memory, &list));
		matches = matches_of(&memory, &flame, 1U << function);
		expected_callers = new_tree(&memory);
		expected_callees = new_tree(&memory);
		for (uint32 i = 0; i < list.n; i++)
		{
			const Stack *stack = &list.stack[i];
			uint32		outermost = find_match(stack, 1U << function, false);
			Stack		half_stack;

			if (outermost == stack->depth)
				continue;
			half_stack = part_of(stack, 0, outermost + 1, true);
			add_stack(expected_callers, &half_stack);
			half_stack = part_of(stack, outermost, stack->depth, false);
			add_stack(expected_callees, &half_stack);
		}
		found = new_tree(&memory);
		callers &= flame_callers(&flame, matches, found, &memory.allocator,
								 &error) &&
			same_tree(&memory, expected_callers, found);
		half = flame_of(&memory, found);
		totals &= flame_count_functions(&flame, &memory.allocator, &functions,
										&error);
		for (uint32 i = 0; i < flame.nnames; i++)
			if (matches[i])
				total = functions[i].total;
		totals &= half.total[0] == total;
		found = new_tree(&memory);
		callees &= flame_filter(FLAME_SHOW_FROM, &flame, matches, found,
								&memory.allocator, &error) &&
			same_tree(&memory, expected_callees, found);
		unit_memory_free(&memory);
	}
	unit_ok(callers, "callers agree with the slow ones");
	unit_ok(callees, "callees agree with the slow ones");
	unit_ok(totals, "callers have the function's total");
}

static void
test_whole_trees(void)
{
	bool		invert = true;
	bool		twice = true;
	bool		prefix = true;
	bool		difference = true;

	for (uint32 round = 0; round < ROUNDS; round++)
	{
		UnitMemory	memory;
		StackList	list;
		StackList	other;
		CallTree   *tree;
		CallTree   *expected;
		CallTree   *found;
		CallTree   *back;
		FlameTree	flame;
		FlameTree	found_flame;
		PyroError	error;

		unit_memory_init(&memory);
		random_list(&list, 1 + random_below(MAX_NAMES));
		random_list(&other, 1 + random_below(MAX_NAMES));
		tree = tree_of(&memory, &list);
		flame = flame_of(&memory, tree);

		expected = new_tree(&memory);
		for (uint32 i = 0; i < list.n; i++)
		{
			Stack		reversed = part_of(&list.stack[i], 0,
										   list.stack[i].depth, true);

			add_stack(expected, &reversed);
		}
		found = new_tree(&memory);
		invert &= flame_invert(&flame, found, &memory.allocator, &error) &&
			same_tree(&memory, expected, found);
		found_flame = flame_of(&memory, found);
		back = new_tree(&memory);
		twice &= flame_invert(&found_flame, back, &memory.allocator, &error) &&
			same_tree(&memory, tree, back);

		expected = new_tree(&memory);
		for (uint32 i = 0; i < list.n; i++)
		{
			const Stack *stack = &list.stack[i];
			uint32		node = add_frame(expected, 0, "the root");

			for (uint32 k = 0; k < stack->depth; k++)
			{
				char		name[16];

				snprintf(name, sizeof(name), "fn%u", stack->frame[k]);
				node = add_frame(expected, node, name);
			}
			expected->self[node] += stack->value;
		}
		found = new_tree(&memory);
		prefix &= flame_prefix(&flame, string_ref_literal("the root"), found,
							   &memory.allocator, &error) &&
			same_tree(&memory, expected, found);

		expected = tree_of(&memory, &list);
		for (uint32 i = 0; i < other.n; i++)
		{
			Stack		negative = other.stack[i];

			negative.value = -negative.value;
			add_stack(expected, &negative);
		}
		found = tree_of(&memory, &list);
		flame = flame_of(&memory, tree_of(&memory, &other));
		difference &= flame_subtract(&flame, found, &memory.allocator,
									 &error) &&
			same_tree(&memory, expected, found);
		unit_memory_free(&memory);
	}
	unit_ok(invert, "invert agrees with the slow one");
	unit_ok(twice, "a tree inverted twice is itself");
	unit_ok(prefix, "prefix agrees with the slow one");
	unit_ok(difference, "the difference agrees with the slow one");
}

/* Self and total of a function over a list, recursion counted once. */
static void
count_function(const StackList *list, uint32 function, int64 *self,
			   int64 *total)
{
	*self = *total = 0;
	for (uint32 i = 0; i < list->n; i++)
	{
		const Stack *stack = &list->stack[i];

		if (find_match(stack, 1U << function, false) < stack->depth)
			*total += stack->value;
		if (stack->depth > 0 && stack->frame[stack->depth - 1] == function)
			*self += stack->value;
	}
}

static void
test_diff_top(void)
{
	bool		values = true;
	bool		order = true;
	bool		complete = true;

	for (uint32 round = 0; round < ROUNDS; round++)
	{
		UnitMemory	memory;
		StackList	base;
		StackList	comparison;
		FlameTree	flame_a;
		FlameTree	flame_b;
		FlameDiff	diff;
		FlameChange *changes;
		uint32		seen = 0;
		uint32		in_trees = 0;
		PyroError	error;

		unit_memory_init(&memory);
		random_list(&base, MAX_NAMES);
		random_list(&comparison, MAX_NAMES);
		flame_a = flame_of(&memory, tree_of(&memory, &base));
		flame_b = flame_of(&memory, tree_of(&memory, &comparison));
		if (!flame_diff(&flame_a, &flame_b, string_ref_literal("none"),
						&memory.allocator, &diff, &error) ||
			!flame_diff_top(&diff, &memory.allocator, &changes, &error))
			abort();
		for (uint32 i = 0; i < diff.tree.nnames; i++)
		{
			const FlameChange *change = &changes[i];
			uint32		function = flame_name(&diff.tree, change->name).data[2] - '0';
			int64		self;
			int64		total;

			seen |= 1U << function;
			count_function(&base, function, &self, &total);
			values &= change->base_self == self && change->base_total == total;
			count_function(&comparison, function, &self, &total);
			values &= change->comparison_self == self &&
				change->comparison_total == total;
			values &= change->delta == change->comparison_total - change->base_total;
			if (i > 0)
				order &= llabs(change[-1].delta) > llabs(change->delta) ||
					(llabs(change[-1].delta) == llabs(change->delta) &&
					 change[-1].name < change->name);
		}
		for (uint32 i = 0; i < flame_a.nnames; i++)
			in_trees |= 1U << (flame_name(&flame_a, i).data[2] - '0');
		for (uint32 i = 0; i < flame_b.nnames; i++)
			in_trees |= 1U << (flame_name(&flame_b, i).data[2] - '0');
		complete &= seen == in_trees;
		unit_memory_free(&memory);
	}
	unit_ok(values, "both sides of a function agree with the slow ones");
	unit_ok(order, "the largest changes come first");
	unit_ok(complete, "functions of either tree are there");
}

/* ---- at the limits ---- */

/* A chain of frames, the same name over and over, under each a leaf. */
static FlameTree
recursive_tree(UnitMemory *memory, uint32 depth)
{
	CallTree   *tree = new_tree(memory);
	uint32		node = 0;

	for (uint32 i = 0; i < depth; i++)
	{
		node = add_frame(tree, node, "fn0");
		set_self(tree, add_frame(tree, node, "fn1"), i + 1);
	}
	return flame_of(memory, tree);
}

static void
test_deep(void)
{
	const uint32 depth = 3000;
	UnitMemory	memory;
	FlameTree	flame;
	CallTree   *found;
	CallTree   *back;
	PyroError	error;
	bool		passed;

	unit_memory_init(&memory);
	flame = recursive_tree(&memory, depth);
	found = new_tree(&memory);
	passed = flame_callers(&flame, matches_of(&memory, &flame, 2), found,
						   &memory.allocator, &error);
	unit_ok(passed && found->nnodes == depth + 2 &&
			found->self[found->nnodes - 1] == depth,
			"callers of a function under %u levels of recursion share their nodes",
			depth);

	found = new_tree(&memory);
	passed = flame_callers(&flame, matches_of(&memory, &flame, 1), found,
						   &memory.allocator, &error);
	unit_ok(passed && found->nnodes == 2 &&
			found->self[1] == (int64) depth * (depth + 1) / 2,
			"the outermost of %u recursive calls has all values", depth);

	found = new_tree(&memory);
	back = new_tree(&memory);
	passed = flame_invert(&flame, found, &memory.allocator, &error);
	flame = flame_of(&memory, found);
	unit_ok(passed && flame_invert(&flame, back, &memory.allocator, &error) &&
			back->nnodes == 2 * depth + 1,
			"a deep tree is inverted and inverted back");
	unit_memory_free(&memory);
}

/* A chain of distinct frames that all have values: n(n+1)/2 nodes reversed. */
static void
test_quadratic(void)
{
	UnitMemory	memory;
	CallTree   *tree;
	CallTree   *found;
	FlameTree	flame;
	PyroError	error = {PYRO_OK};
	uint32		node = 0;
	bool		passed;

	unit_memory_init(&memory);
	tree = new_tree(&memory);
	for (uint32 i = 0; i < 15000; i++)
	{
		char		name[16];

		snprintf(name, sizeof(name), "f%u", i);
		node = add_frame(tree, node, name);
		tree->self[node] = 1;
	}
	flame = flame_of(&memory, tree);
	found = new_tree(&memory);
	memory.max_bytes = memory.live_bytes + ((size_t) 64 << 20);
	passed = flame_invert(&flame, found, &memory.allocator, &error);
	unit_ok(!passed && error.kind == PYRO_NO_MEMORY,
			"a tree whose inversion is far larger is refused: %s", error.message);
	unit_memory_free(&memory);
}

static void
test_overflow(void)
{
	UnitMemory	memory;
	CallTree   *tree;
	CallTree   *found;
	FlameTree	flame;
	bool	   *matches;
	PyroError	error = {PYRO_OK};
	bool		passed;

	unit_memory_init(&memory);
	tree = new_tree(&memory);
	set_self(tree, add_frame(tree, add_frame(tree, 0, "fn0"), "fn9"), PG_INT64_MAX);
	set_self(tree, add_frame(tree, add_frame(tree, 0, "fn1"), "fn9"), PG_INT64_MAX);
	set_self(tree, add_frame(tree, add_frame(tree, 0, "fn2"), "fn8"), -PG_INT64_MAX);
	flame = flame_of(&memory, tree);
	matches = matches_of(&memory, &flame, 7);
	found = new_tree(&memory);
	passed = flame_filter(FLAME_HIDE, &flame, matches, found,
						  &memory.allocator, &error);
	unit_ok(!passed && error.kind == PYRO_OVERFLOW,
			"merged values that leave int64 are refused: %s", error.message);

	error.kind = PYRO_OK;
	found = new_tree(&memory);
	found->self[0] = 0;
	tree = new_tree(&memory);
	tree->self[0] = PG_INT64_MIN;
	flame = flame_of(&memory, tree);
	passed = flame_subtract(&flame, found, &memory.allocator, &error);
	unit_ok(!passed && error.kind == PYRO_OVERFLOW,
			"so is a difference: %s", error.message);

	error.kind = PYRO_OK;
	found->self[0] = -1;
	passed = flame_subtract(&flame, found, &memory.allocator, &error);
	unit_ok(passed && found->self[0] == PG_INT64_MAX,
			"the largest difference is not");
	unit_memory_free(&memory);
}

/* Each allocation fails once: an error each time, and nothing is lost. */
static void
test_no_memory(void)
{
	StackList	list;
	bool		reported = true;
	uint32		nfailures = 0;

	random_list(&list, MAX_NAMES);
	list.n = Max(list.n, 50);
	for (uint32 which = 0; which < 9; which++)
		for (uint64 fail = 1;; fail++)
		{
			UnitMemory	memory;
			UnitMemory	scratch;
			FlameTree	flame;
			FlameDiff	diff;
			FlameChange *changes;
			CallTree   *found;
			bool	   *matches;
			PyroError	error = {PYRO_OK};
			bool		passed;

			unit_memory_init(&memory);
			unit_memory_init(&scratch);
			flame = flame_of(&memory, tree_of(&memory, &list));
			matches = matches_of(&memory, &flame, 5);
			found = new_tree(&memory);
			scratch.fail_at = fail;
			if (which <= FLAME_PRUNE_FROM)
				passed = flame_filter(which, &flame, matches, found,
									  &scratch.allocator, &error);
			else if (which == 6)
				passed = flame_callers(&flame, matches, found,
									   &scratch.allocator, &error);
			else if (which == 7)
				passed = flame_invert(&flame, found, &scratch.allocator,
									  &error);
			else
				passed = flame_diff(&flame, &flame,
									string_ref_literal("none"),
									&memory.allocator, &diff, &error) &&
					flame_diff_top(&diff, &scratch.allocator, &changes,
								   &error);
			reported &= passed || error.kind == PYRO_NO_MEMORY;
			nfailures += !passed;
			unit_memory_free(&memory);
			unit_memory_free(&scratch);
			if (passed)
				break;
		}
	unit_ok(reported && nfailures >= 18, "every failed allocation is reported (%u)",
			nfailures);
}

static void
test_simplified_names(void)
{
	static const char *const names[][2] = {
		{"", ""},
		{"main", "main"},
		{".main", "main"},
		{"..main", ".main"},
		{"f(int)", "f"},
		{"(f)", ""},
		{"runtime.(*mheap).alloc", "runtime."},
		{"(anonymous namespace)::f(int)", "(anonymous namespace)::f"},
		{"(anonymous namespace)", "(anonymous namespace)"},
		{"(anonymous namespace", ""},
		{"a::operator()(int) const", "a::operator()"},
		{"operator()", "operator()"},
		{"operator(", "operator"},
		{"operator()operator()(", "operator()operator()"},
		{".(anonymous namespace)::operator()<T>(x)", "(anonymous namespace)::operator()<T>"}
	};

	for (uint32 i = 0; i < lengthof(names); i++)
		unit_ok(string_ref_equal(flame_simplified_name(string_ref_literal(names[i][0])),
								 string_ref_literal(names[i][1])),
				"\"%s\" is simplified to \"%s\"", names[i][0], names[i][1]);
}

int
main(void)
{
	random_state = unit_random_seed(20261122);
	test_filters();
	test_callers_and_callees();
	test_whole_trees();
	test_diff_top();
	test_deep();
	test_quadratic();
	test_overflow();
	test_no_memory();
	test_simplified_names();
	return unit_finish();
}
