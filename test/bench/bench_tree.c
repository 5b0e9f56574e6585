/*
 * bench_tree.c
 *	  Times adding one large opened profile to an empty call tree.
 *
 *	bench_tree FILE [STACKS [MEAN_DEPTH]]
 *
 * From the profile it keeps STACKS (20,000) samples of different stacks, far
 * apart in the file, leaving out the shallowest stacks so that the mean depth
 * is MEAN_DEPTH (25) or, where it has not so many deep ones, as near as it
 * comes.  The first line of output says what came of that: stacks, nodes of
 * their trie, frames (of all stacks, written out), nodes of the tree.  Each
 * other line is a round: milliseconds of call_tree_add_view, and of a bare
 * walk.
 *
 * The bare walk is the least that there is to do: it goes through the trie
 * once and looks each frame's name, a number it is given, up in a hash table
 * that is already large enough.
 */
#include "postgres_fe.h"

#include "flame/flame_accumulate.h"
#include "profile/compression.h"
#include "profile/pprof.h"

#include "bench.h"

#define ROUNDS	15

/* ---- a profile of the wanted size ---- */

static int
compare_depths(const void *a, const void *b)
{
	uint32		depth_a = *(const uint32 *) a;
	uint32		depth_b = *(const uint32 *) b;

	return (depth_a < depth_b) - (depth_a > depth_b);
}

/* The least depth to take, so that `wanted` stacks have this mean depth. */
static uint32
choose_least_depth(const PprofMessage *message, uint32 wanted, double mean)
{
	size_t		n = message->samples.n;
	uint32	   *depths = bench_allocate(n, sizeof(uint32));
	double		sum = 0;
	uint32		least = 0;

	for (size_t i = 0; i < n; i++)
		depths[i] = message->samples.items[i].nlocations;
	qsort(depths, n, sizeof(uint32), compare_depths);
	for (size_t i = 0; i < n; i++)
	{
		sum += depths[i];
		if (i + 1 >= wanted && sum / (i + 1) <= mean)
		{
			least = depths[i];
			break;
		}
	}
	free(depths);
	return least;
}

static void
keep_samples(PprofMessage *message, uint32 wanted, double mean)
{
	uint32		least = choose_least_depth(message, wanted, mean);
	PprofSample *samples = message->samples.items;
	size_t		n = 0;
	size_t		kept = 0;

	for (size_t i = 0; i < message->samples.n; i++)
		if (samples[i].nlocations >= least)
			samples[n++] = samples[i];
	if (n > wanted)
	{
		for (; kept < wanted; kept++)
			samples[kept] = samples[(size_t) ((double) kept * n / wanted)];
		n = wanted;
	}
	for (size_t i = 0; i < n; i++)
		samples[i].nlabels = 0;
	message->samples.n = n;
}

/* ---- the bare walk ---- */

typedef struct WalkSlot
{
	uint32		parent;
	uint32		name;
	uint32		node;			/* 0: free */
} WalkSlot;

typedef struct Walk
{
	uint32	   *first_name;		/* per location, in names */
	uint32	   *names;			/* of its frames, outermost first */
	WalkSlot   *slots;
	uint32		mask;
	uint32	   *target;			/* per node of the trie */
	int64	   *self;			/* per node of the tree */
	uint32		nnodes;
} Walk;

static void
walk_init(Walk *walk, const StackDictionary *stacks)
{
	uint32		n = 0;
	size_t		most = stacks->nlines;

	walk->first_name = bench_allocate(stacks->nlocations + 1, sizeof(uint32));
	walk->names = bench_allocate(stacks->nlines + stacks->nlocations,
								 sizeof(uint32));
	for (uint32 i = 0; i < stacks->nlocations; i++)
	{
		const StackLocation *location = &stacks->locations[i];

		walk->first_name[i] = n;
		if (location->nlines == 0)
			walk->names[n++] = stacks->nstrings + i;
		for (uint32 k = 0; k < location->nlines; k++)
		{
			uint32		function = stacks->lines[location->line_start + k].function;

			walk->names[n++] = function == 0 ? 0 :
				stacks->functions[function - 1].name;
		}
	}
	walk->first_name[stacks->nlocations] = n;

	most = 1;
	for (uint32 i = 1; i < stacks->nnodes; i++)
		most += stack_location_frames(&stacks->locations[stacks->node_location[i]]);
	walk->mask = 1;
	while (walk->mask < most * 2)
		walk->mask = walk->mask * 2 + 1;
	walk->slots = bench_allocate((size_t) walk->mask + 1, sizeof(WalkSlot));
	walk->target = bench_allocate(stacks->nnodes, sizeof(uint32));
	walk->self = bench_allocate(most, sizeof(int64));
}

static uint32
walk_child(Walk *walk, uint32 parent, uint32 name)
{
	uint32		slot = hash_numbers(parent, name, 1) & walk->mask;

	while (walk->slots[slot].node != 0)
	{
		if (walk->slots[slot].parent == parent &&
			walk->slots[slot].name == name)
			return walk->slots[slot].node;
		slot = (slot + 1) & walk->mask;
	}
	walk->slots[slot] = (WalkSlot)
	{
		parent, name, walk->nnodes
	};
	walk->self[walk->nnodes] = 0;
	return walk->nnodes++;
}

static void
walk_add(Walk *walk, const ProfileView *view)
{
	const StackDictionary *stacks = view->stacks;

	memset(walk->slots, 0, ((size_t) walk->mask + 1) * sizeof(WalkSlot));
	walk->nnodes = 1;
	walk->target[0] = 0;
	walk->self[0] = 0;
	for (uint32 i = 1; i < stacks->nnodes; i++)
	{
		uint32		location = stacks->node_location[i];
		uint32		at = walk->target[stacks->node_parent[i]];

		for (uint32 k = walk->first_name[location];
			 k < walk->first_name[location + 1]; k++)
			at = walk_child(walk, at, walk->names[k]);
		walk->target[i] = at;
	}
	for (uint32 i = 0; i < view->nsamples; i++)
		walk->self[walk->target[view->sample_node[i]]] += view->values[i];
}

/* ---- rounds ---- */

static double
time_walk(Walk *walk, const ProfileView *view)
{
	double		from = bench_seconds();

	walk_add(walk, view);
	return bench_seconds() - from;
}

static double
time_call_tree(const ProfileView *view, uint32 *nnodes)
{
	UnitMemory	memory;
	PyroError	error = {0};
	CallTree	tree;
	double		from;
	double		seconds;

	unit_memory_init(&memory);
	from = bench_seconds();
	if (!call_tree_init(&tree, &memory.allocator, 77, &error) ||
		!call_tree_add_view(&tree, 1, view, &memory.allocator, &error))
		bench_fail("%s", error.message);
	seconds = bench_seconds() - from;
	*nnodes = tree.nnodes;
	unit_memory_free(&memory);
	return seconds;
}

/* Frames of all stacks, written out. */
static uint64
count_frames(const ProfileView *view)
{
	const StackDictionary *stacks = view->stacks;
	uint32	   *frames = bench_allocate(stacks->nnodes, sizeof(uint32));
	uint64		sum = 0;

	for (uint32 i = 1; i < stacks->nnodes; i++)
		frames[i] = frames[stacks->node_parent[i]] +
			stack_location_frames(&stacks->locations[stacks->node_location[i]]);
	for (uint32 i = 0; i < view->nsamples; i++)
		sum += frames[view->sample_node[i]];
	free(frames);
	return sum;
}

int
main(int argc, char **argv)
{
	uint32		wanted = argc > 2 ? strtoul(argv[2], NULL, 10) : 20000;
	double		mean = argc > 3 ? strtod(argv[3], NULL) : 25;
	UnitMemory	memory;
	PyroError	error = {0};
	ByteRange	file;
	ByteRange	plain;
	PprofMessage message;
	Profile		profile;
	Profile		opened;
	TextBuffer	flat;
	ProfileView view;
	Walk		walk = {0};
	uint32		nnodes;

	if (argc < 2)
		bench_fail("usage: bench_tree FILE [STACKS [MEAN_DEPTH]]");
	unit_memory_init(&memory);
	file.bytes = read_whole_file(argv[1], &file.size);
	if (file.bytes == NULL)
		bench_fail("could not read %s", argv[1]);
	if (!decompress_any(file, wide_limits.max_size, &memory.allocator, &plain,
						&error) ||
		!pprof_decode(plain.bytes, plain.size, &wide_limits,
					  &memory.allocator, &message, &error))
		bench_fail("%s: %s", argv[1], error.message);
	keep_samples(&message, wanted, mean);
	if (!pprof_canonicalise(&message, &wide_limits, &memory.allocator,
							&profile, &error) ||
		!write_flat(&profile, true, &memory, &flat, &error) ||
		!profile_flat_open((uint8 *) flat.data, flat.length, CHECK_MEMORY,
						   &memory.allocator, &opened, &error))
		bench_fail("%s: %s", argv[1], error.message);

	view = (ProfileView)
	{
		.stacks = opened.stacks,
			.nsamples = opened.header.nsamples,
			.sample_node = opened.sample_node,
			.values = opened.values[0]
	};
	walk_init(&walk, view.stacks);
	time_walk(&walk, &view);
	time_call_tree(&view, &nnodes);
	if (nnodes != walk.nnodes)
		bench_fail("the walk made %u nodes, the call tree %u", walk.nnodes,
				   nnodes);
	printf("%u %u " UINT64_FORMAT " %u\n", view.nsamples,
		   view.stacks->nnodes, count_frames(&view), nnodes);
	for (int round = 0; round < ROUNDS; round++)
	{
		double		add = time_call_tree(&view, &nnodes);

		printf("%.3f %.3f\n", add * 1e3, time_walk(&walk, &view) * 1e3);
	}
	return 0;
}
