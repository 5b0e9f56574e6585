/*
 * test_flame.c
 *	  Call trees: adding profiles of own and of shared dictionaries, the
 *	  stored form, text, rows, tops and diffs, against plain and slow code.
 */
#include "postgres_fe.h"

#include "flame/flame_transform.h"
#include "flame/flame_accumulate.h"
#include "flame/flame_diff.h"
#include "flame/flame_flat.h"
#include "flame/flame_rows.h"
#include "flame/flame_text.h"
#include "flame/flame_top.h"
#include "profile/folded.h"
#include "profile/pprof.h"

#include "unit.h"

static const ProfileLimits limits = {
	.max_size = (size_t) 64 << 20,
	.max_samples = 1000000,
	.max_stack_depth = 100000
};

static UnitRandom random_state;

static uint32
random_below(uint32 n)
{
	return unit_below(&random_state, n);
}

/* Folded stacks with few names, so that recursion and sharing are common. */
static char *
random_folded(uint32 nlines)
{
	char	   *text = malloc((size_t) nlines * 400 + 1);
	char	   *at = text;

	for (uint32 i = 0; i < nlines; i++)
	{
		uint32		depth = 1 + random_below(20);

		for (uint32 k = 0; k < depth; k++)
			at += sprintf(at, "%sfn%u", k > 0 ? ";" : "", random_below(12));
		at += sprintf(at, " %d\n", (int) random_below(5) - (int) (i % 7 == 0) * 4);
	}
	return text;
}

static void
read_profile(UnitMemory *memory, const char *text, Profile *profile)
{
	PyroError	error;

	if (!folded_read(string_ref_literal(text),
					 (SampleType)
					 {
					  string_ref_literal("samples"),
					  string_ref_literal("count")
					  },
					 &limits, &memory->allocator, profile, &error))
	{
		unit_note("%s", error.message);
		abort();
	}
}

static const FlameHeader plain_header = {
	.is_typed = true,.type = {"samples", 7},.unit = {"count", 5},
	.nprofiles = 1,.duration_nanos = 0
};

/* The flat form of a tree, aligned as behind a varlena header. */
static bool
flatten(UnitMemory *memory, const CallTree *tree, TextBuffer *flat,
		PyroError *error)
{
	text_buffer_init(flat, &memory->allocator, FLAME_FLAT_MAX_SIZE);
	text_append(flat, "\0\0\0", 4);
	return flame_flat_write(tree, &plain_header, flat, error);
}

static bool
open_flat(const TextBuffer *flat, FlameTree *tree)
{
	PyroError	error;

	return flame_flat_open((uint8 *) flat->data + 4, flat->length - 4, tree,
						   &error);
}

/* Add stacks line by line, which is slow and evident. */
static void
add_folded_slowly(CallTree *tree, const char *text)
{
	FoldedReader reader = {text, text + strlen(text), 0};
	FoldedLine	line;
	PyroError	error;

	while (folded_next_line(&reader, &line, &error))
	{
		StringRef	frame;
		uint32		node = 0;
		uint32		name;

		while (folded_next_frame(&line.stack, &frame))
		{
			call_tree_intern(tree, frame, &name, &error);
			call_tree_child(tree, node, name, &node, &error);
		}
		call_tree_add_self(tree, node, line.value, &error);
	}
}

static bool
same_flat(const TextBuffer *a, const TextBuffer *b)
{
	return a->length == b->length && memcmp(a->data, b->data, a->length) == 0;
}

static void
test_own_dictionary(void)
{
	bool		equal = true;

	for (uint32 round = 0; round < 30; round++)
	{
		UnitMemory	memory;
		char	   *text = random_folded(1 + random_below(200));
		Profile		profile;
		CallTree	fast;
		CallTree	slow;
		TextBuffer	flat_fast;
		TextBuffer	flat_slow;
		PyroError	error;

		unit_memory_init(&memory);
		read_profile(&memory, text, &profile);
		call_tree_init(&fast, &memory.allocator, round, &error);
		call_tree_init(&slow, &memory.allocator, 7, &error);
		{
			ProfileView view = {.stacks = profile.stacks,
				.nsamples = profile.header.nsamples,
				.sample_node = profile.sample_node,
				.values = profile.values[0]
			};

			equal &= call_tree_add_view(&fast, 1, &view, &memory.allocator, &error);
		}
		add_folded_slowly(&slow, text);
		equal &= flatten(&memory, &fast, &flat_fast, &error);
		equal &= flatten(&memory, &slow, &flat_slow, &error);
		equal &= same_flat(&flat_fast, &flat_slow);
		free(text);
		unit_memory_free(&memory);
	}
	unit_ok(equal, "a profile adds up as its stacks do one by one");
}

/*
 * Many profiles over one dictionary, several trees in turn: the trees must be
 * what separate dictionaries give, whoever owns the scratch when.
 */
static void
test_shared_dictionary(void)
{
	enum
	{
		NTREES = 5, NROUNDS = 400
	};
	UnitMemory	memory;
	char	   *text = random_folded(3000);
	Profile		profile;
	StackScratch scratch;
	CallTree	shared[NTREES];
	CallTree	own[NTREES];
	PyroError	error;
	bool		equal = true;

	unit_memory_init(&memory);
	read_profile(&memory, text, &profile);
	stack_scratch_init(&scratch, profile.stacks, &memory.allocator, &error);
	for (uint32 i = 0; i < NTREES; i++)
	{
		call_tree_init(&shared[i], &memory.allocator, i, &error);
		call_tree_init(&own[i], &memory.allocator, i + 99, &error);
	}
	for (uint32 round = 0; round < NROUNDS; round++)
	{
		uint32		tree = random_below(NTREES);
		uint32		n = 1 + random_below(40);
		uint32		nodes[40];
		int64		values[40];
		ProfileView view = {.stacks = profile.stacks,.scratch = &scratch,
			.nsamples = n,.sample_node = nodes,.values = values
		};

		for (uint32 i = 0; i < n; i++)
		{
			nodes[i] = random_below(profile.stacks->nnodes);
			values[i] = (int64) random_below(9) - 3;
		}
		equal &= call_tree_add_view(&shared[tree], tree + 1, &view,
									&memory.allocator, &error);
		view.scratch = NULL;
		equal &= call_tree_add_view(&own[tree], tree + 1, &view,
									&memory.allocator, &error);
	}
	for (uint32 i = 0; i < NTREES; i++)
	{
		TextBuffer	flat_shared;
		TextBuffer	flat_own;

		equal &= flatten(&memory, &shared[i], &flat_shared, &error);
		equal &= flatten(&memory, &own[i], &flat_own, &error);
		equal &= same_flat(&flat_shared, &flat_own);
	}
	unit_ok(equal, "trees that share a dictionary's scratch do not mix");
	free(text);
	unit_memory_free(&memory);
}

/* Every way out and back in gives the same bytes. */
static void
test_round_trips(void)
{
	bool		text_equal = true;
	bool		flat_equal = true;

	for (uint32 round = 0; round < 40; round++)
	{
		UnitMemory	memory;
		char	   *folded = random_folded(random_below(100));
		CallTree	tree;
		CallTree	again;
		CallTree	added;
		FlameTree	flame;
		FlameHeader header;
		TextBuffer	flat;
		TextBuffer	flat_again;
		TextBuffer	text;
		PyroError	error;

		unit_memory_init(&memory);
		call_tree_init(&tree, &memory.allocator, 1, &error);
		add_folded_slowly(&tree, folded);
		if (round % 3 == 0)
		{
			static const char odd[] = "@at\\back;\xff\xfe\001 \t\n";
			uint32		name;
			uint32		node;

			call_tree_intern(&tree, string_ref(odd, sizeof(odd)), &name, &error);
			call_tree_child(&tree, 0, name, &node, &error);
			call_tree_add_self(&tree, node, -5, &error);
			call_tree_intern(&tree, string_ref("", 0), &name, &error);
			call_tree_child(&tree, node, name, &node, &error);
			call_tree_add_self(&tree, node, 1, &error);
			call_tree_add_self(&tree, 0, 17, &error);
		}
		flatten(&memory, &tree, &flat, &error);
		text_equal &= open_flat(&flat, &flame);
		text_buffer_init(&text, &memory.allocator, FLAME_FLAT_MAX_SIZE);
		text_equal &= flame_text_append(&text, &flame, round % 2 == 0, &error);
		call_tree_init(&again, &memory.allocator, 2, &error);
		text_equal &= flame_text_read(string_ref(text.data, text.length), &again,
									  &header, &memory.allocator, &error);
		text_equal &= flatten(&memory, &again, &flat_again, &error);
		text_equal &= same_flat(&flat, &flat_again) &&
			string_ref_equal(header.type, plain_header.type) &&
			string_ref_equal(header.unit, plain_header.unit) &&
			header.nprofiles == 1;

		call_tree_init(&added, &memory.allocator, 3, &error);
		flat_equal &= call_tree_add_flame(&added, &flame, &memory.allocator, &error);
		flat_equal &= flatten(&memory, &added, &flat_again, &error);
		flat_equal &= same_flat(&flat, &flat_again);
		free(folded);
		unit_memory_free(&memory);
	}
	unit_ok(text_equal, "text gives back the same tree, odd names included");
	unit_ok(flat_equal, "a tree added to nothing is the same tree");
}

/* Whatever max_rows is: no more rows, and no value lost. */
static void
test_rows(void)
{
	bool		bounded = true;
	bool		complete = true;
	bool		shaped = true;

	for (uint32 round = 0; round < 60; round++)
	{
		UnitMemory	memory;
		char	   *folded = random_folded(50);
		CallTree	tree;
		FlameTree	flame;
		TextBuffer	flat;
		PyroError	error;
		uint32		max_rows = 1 + random_below(40);
		FlameRow   *rows;
		uint32		nrows;
		int64		self = 0;

		unit_memory_init(&memory);
		call_tree_init(&tree, &memory.allocator, 1, &error);
		add_folded_slowly(&tree, folded);
		flatten(&memory, &tree, &flat, &error);
		open_flat(&flat, &flame);
		bounded &= flame_rows(&flame, NULL, NULL, max_rows, &memory.allocator,
							  &rows, &nrows, &error);
		bounded &= nrows <= max_rows && nrows >= 1;
		for (uint32 i = 0; i < nrows; i++)
		{
			self += rows[i].self;
			shaped &= i == 0 ? rows[i].level == 0 :
				rows[i].level >= 1 && rows[i].level <= rows[i - 1].level + 1;
		}
		/* a single row cannot say what stands below it */
		complete &= max_rows == 1 || self == flame.total[0];
		complete &= rows[0].value == flame.total[0];
		free(folded);
		unit_memory_free(&memory);
	}
	unit_ok(bounded, "there are never more rows than asked for");
	unit_ok(complete, "self values of the rows add up to the total");
	unit_ok(shaped, "levels are those of a pre-order");
}

/* Totals of functions by looking at every stack for itself. */
static void
test_top(void)
{
	UnitMemory	memory;
	char	   *folded = random_folded(300);
	CallTree	tree;
	FlameTree	flame;
	TextBuffer	flat;
	FlameFunction *functions;
	PyroError	error;
	bool		equal = true;

	unit_memory_init(&memory);
	call_tree_init(&tree, &memory.allocator, 1, &error);
	add_folded_slowly(&tree, folded);
	flatten(&memory, &tree, &flat, &error);
	open_flat(&flat, &flame);
	flame_top(&flame, &memory.allocator, &functions, &error);
	for (uint32 i = 0; i < flame.nnames; i++)
	{
		StringRef	wanted = flame_name(&flame, functions[i].name);
		FoldedReader reader = {folded, folded + strlen(folded), 0};
		FoldedLine	line;
		int64		self = 0;
		int64		total = 0;

		while (folded_next_line(&reader, &line, &error))
		{
			StringRef	frame = {NULL, 0};
			bool		through = false;

			while (folded_next_frame(&line.stack, &frame))
				through |= string_ref_equal(frame, wanted);
			if (string_ref_equal(frame, wanted))
				self += line.value;
			total += through ? line.value : 0;
		}
		equal &= self == functions[i].self && total == functions[i].total;
		equal &= i == 0 || functions[i - 1].self >= functions[i].self;
	}
	unit_ok(equal, "self and total of functions, recursion counted once");
	free(folded);
	unit_memory_free(&memory);
}

static void
test_diff(void)
{
	UnitMemory	memory;
	CallTree	trees[2];
	FlameTree	flames[2];
	TextBuffer	flats[2];
	FlameDiff	diff;
	PyroError	error;
	bool		equal = true;

	unit_memory_init(&memory);
	for (int i = 0; i < 2; i++)
	{
		char	   *folded = random_folded(100);

		call_tree_init(&trees[i], &memory.allocator, i, &error);
		add_folded_slowly(&trees[i], folded);
		flatten(&memory, &trees[i], &flats[i], &error);
		open_flat(&flats[i], &flames[i]);
		free(folded);
	}
	equal &= flame_diff(&flames[0], &flames[1], string_ref_literal("none"),
						&memory.allocator, &diff, &error);
	/* either side taken alone is the tree that it came from */
	for (int i = 0; i < 2; i++)
	{
		FlameTree	side = diff.tree;
		CallTree	again;
		TextBuffer	flat;

		if (i == 1)
			side.self = diff.right_self;
		call_tree_init(&again, &memory.allocator, 5, &error);
		equal &= call_tree_add_flame(&again, &side, &memory.allocator, &error);
		equal &= flatten(&memory, &again, &flat, &error);
		equal &= same_flat(&flat, &flats[i]);
	}
	equal &= diff.tree.total[0] == flames[0].total[0] &&
		diff.right_total[0] == flames[1].total[0];
	unit_ok(equal, "both sides of a diff are the trees that went in");
	unit_ok(!flame_diff(&flames[0], &flames[1], string_ref_literal("-1"),
						&memory.allocator, &diff, &error) &&
			error.kind == PYRO_INVALID,
			"a factor must be above zero");
	unit_memory_free(&memory);
}

/* Every allocation may fail; nothing may crash or leak. */
static void
test_no_memory(void)
{
	char	   *folded = random_folded(60);
	bool		clean = true;
	uint64		fail_at = 1;

	for (;; fail_at++)
	{
		UnitMemory	memory;
		Profile		profile;
		CallTree	tree;
		TextBuffer	flat;
		PyroError	error = {0};
		bool		done;
		uint64		failures;

		unit_memory_init(&memory);
		memory.fail_at = fail_at;
		done = folded_read(string_ref_literal(folded),
						   (SampleType)
						   {
							string_ref_literal("a"), string_ref_literal("b")
							},
						   &limits, &memory.allocator, &profile, &error) &&
			call_tree_init(&tree, &memory.allocator, 0, &error);
		if (done)
		{
			ProfileView view = {.stacks = profile.stacks,
				.nsamples = profile.header.nsamples,
				.sample_node = profile.sample_node,
				.values = profile.values[0]
			};

			done = call_tree_add_view(&tree, 1, &view, &memory.allocator, &error) &&
				flatten(&memory, &tree, &flat, &error);
		}
		failures = memory.nfailures;
		unit_memory_free(&memory);
		clean &= done == (failures == 0);
		clean &= done || error.kind == PYRO_NO_MEMORY;
		if (failures == 0)
			break;
	}
	unit_ok(clean && fail_at > 50, "every failed allocation is reported");
	free(folded);
}

int
main(void)
{
	random_state = unit_random_seed(42);
	test_own_dictionary();
	test_shared_dictionary();
	test_round_trips();
	test_rows();
	test_top();
	test_diff();
	test_no_memory();
	return unit_finish();
}
