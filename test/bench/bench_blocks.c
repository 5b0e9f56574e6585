/*
 * bench_blocks.c
 *	  What a series of profiles takes as blocks, part by part, and how fast
 *	  blocks are made and read.
 *
 *	bench_blocks LIST [PORTION] [LEVEL]
 *
 * LIST names pprof files, one a line, in the order of time; behind a tab there
 * may be a key, by which the last block is sorted, so that the profiles of each
 * key are a run.  They are put into blocks of PORTION profiles (0, as it is by default: into one), which are
 * merged into one then.  LEVEL is zstd's for the last block.
 *
 * Prints lines "name TAB figure TAB unit", for parts also "TAB bytes".  Times
 * are processor time; reading is the best of some rounds, in memory that the
 * process has had before.  Every 50th profile is rebuilt and must be, byte for
 * byte, the one that went in.
 */
#include "postgres_fe.h"

#include "block/name_tree.h"
#include "block/sample_rows.h"
#include "block/stack_block.h"
#include "block/stack_block_internal.h"
#include "stack/dictionary_codec.h"

#include <malloc.h>

#include "bench.h"

#define MAX_FILES		20000
#define MAX_MEMORY		((size_t) 1 << 36)
#define FRESH_LEVEL		3
#define ROUNDS			40
#define CHECK_EVERY		50

static const char *const part_names[STACK_PART_END] = {
	[STACK_HEADS] = "heads",
	[STACK_NAMES] = "names",
	[STACK_TRIE] = "trie",
	[STACK_DETAILS] = "details",
	[STACK_KEYS] = "keys",
	[STACK_VALUES] = "values",
	[STACK_TREE] = "tree",
	[STACK_SUMS] = "sums",
};

static StringRef flats[MAX_FILES];
static char *keys[MAX_FILES];
static uint32 order[MAX_FILES];
static uint32 run_end[MAX_FILES];
static bool ends_leading[MAX_FILES];
static StackRuns runs = {.run_end = run_end,.ends_leading = ends_leading};
static uint32 nfiles = 0;
static uint64 nsamples = 0;
static uint64 gzip_bytes = 0;

/* Seconds that were spent on making blocks. */
static struct
{
	double		open;			/* stored profiles */
	double		add;
	double		finish;
	double		merge;
	double		compress;
}			spent;

static void
print(const char *name, double figure, const char *unit)
{
	printf(unit[0] == '\0' ? "%s\t%.0f\t%s\n" : "%s\t%.4g\t%s\n", name, figure, unit);
}

static void
load(const char *list)
{
	FILE	   *file = fopen(list, "r");
	char		path[4096];

	if (file == NULL)
		bench_fail("cannot read \"%s\"", list);
	while (fgets(path, sizeof(path), file) != NULL && nfiles < MAX_FILES)
	{
		UnitMemory	memory;
		Profile		profile;
		TextBuffer	flat;
		PyroError	error = {0};
		uint8	   *bytes;
		size_t		size;
		char	   *copy;

		path[strcspn(path, "\n")] = '\0';
		keys[nfiles] = strdup(path + strcspn(path, "\t"));
		path[strcspn(path, "\t")] = '\0';
		bytes = read_whole_file(path, &size);
		if (bytes == NULL)
			bench_fail("cannot read \"%s\"", path);
		unit_memory_init(&memory);
		if (!pprof_read(bytes, size, &wide_limits, &memory.allocator, &profile, &error) ||
			!write_flat(&profile, false, &memory, &flat, &error))
			bench_fail("%s: %s", path, error.message);
		copy = bench_allocate(flat.length, 1);
		memcpy(copy, flat.data, flat.length);
		flats[nfiles++] = string_ref(copy, flat.length);
		nsamples += profile.header.nsamples;
		gzip_bytes += size;
		unit_memory_free(&memory);
		free(bytes);
	}
	fclose(file);
}

static int
compare_files(const void *a, const void *b)
{
	uint32		first = *(const uint32 *) a;
	uint32		second = *(const uint32 *) b;
	int			difference = strcmp(keys[first], keys[second]);

	return difference != 0 ? difference : first < second ? -1 : 1;
}

/* Order and runs of all profiles; one leading key is before their keys. */
static void
sort_files(void)
{
	for (uint32 i = 0; i < nfiles; i++)
		order[i] = i;
	qsort(order, nfiles, sizeof(uint32), compare_files);
	for (uint32 i = 1; i <= nfiles; i++)
		if (i == nfiles || strcmp(keys[order[i - 1]], keys[order[i]]) != 0)
		{
			ends_leading[runs.nruns] = i == nfiles;
			run_end[runs.nruns++] = i;
		}
}

static void
add_profile(StackBuilder *builder, uint32 i)
{
	UnitMemory	scratch;
	Profile		profile;
	PyroError	error = {0};
	double		start = bench_seconds();

	unit_memory_init(&scratch);
	if (!profile_flat_open((uint8 *) flats[i].data, flats[i].length, MAX_MEMORY,
						   &scratch.allocator, &profile, &error))
		bench_fail("%s", error.message);
	spent.open += bench_seconds() - start;
	start = bench_seconds();
	if (!stack_builder_add(builder, &profile, flats[i].length, &scratch.allocator, &error))
		bench_fail("%s", error.message);
	spent.add += bench_seconds() - start;
	unit_memory_free(&scratch);
}

static StackBlock *
open_block(const TextBuffer *parts, uint32 nrows, UnitMemory *memory)
{
	ByteRange	ranges[STACK_PART_END] = {{0}};
	PyroError	error = {0};
	StackBlock *block;

	for (int i = STACK_HEADS; i < STACK_PART_END; i++)
		ranges[i] = byte_range(parts[i].data, parts[i].length);
	block = stack_block_open(nrows, ranges, MAX_MEMORY, &memory->allocator, &error);
	if (block == NULL)
		bench_fail("%s", error.message);
	return block;
}

/* What zstd makes of a part. */
static size_t
stored_size(const TextBuffer *part, StackPart number, int level)
{
	size_t		bound = zstd_bound(part->length);
	uint8	   *to = bench_allocate(bound, 1);
	double		start = bench_seconds();
	size_t		size = part->length;

	if (number != STACK_KEYS && part->length >= 100)
	{
		size_t		compressed = compress_zstd_level(byte_range(part->data, part->length),
													 to, bound, level);

		if (compressed > 0 && compressed < size)
			size = compressed;
	}
	spent.compress += bench_seconds() - start;
	free(to);
	return size;
}

static void
print_parts(const TextBuffer *parts, int level)
{
	size_t		sum = 0;

	for (int i = STACK_HEADS; i < STACK_PART_END; i++)
	{
		size_t		size = stored_size(&parts[i], i, level);

		printf("%s\t%.4g\tbytes a sample\t%zu\n", part_names[i],
			   (double) size / nsamples, size);
		sum += size;
	}
	printf("block\t%.4g\tbytes a sample\t%zu\n", (double) sum / nsamples, sum);
	print("times smaller", (double) gzip_bytes / sum, "than gzip");
}

/* ---- making blocks ---- */

/* Profiles from first to last into the parts of a block. */
static void
build(uint32 first, uint32 last, UnitMemory *memory, TextBuffer *parts)
{
	PyroError	error = {0};
	StackBuilder *builder = stack_builder_create(&memory->allocator, &error);
	double		start;

	if (builder == NULL)
		bench_fail("%s", error.message);
	for (uint32 i = first; i < last; i++)
		add_profile(builder, i);
	start = bench_seconds();
	if (!stack_builder_finish(builder, last - first == nfiles ? order : NULL,
							  last - first == nfiles ? &runs : NULL, parts, &error))
		bench_fail("%s", error.message);
	spent.finish += bench_seconds() - start;
}

/* The rows of a block to those of others. */
static void
add_block(StackBuilder *builder, const TextBuffer *parts, uint32 nrows)
{
	UnitMemory	memory;
	PyroError	error = {0};
	StackBlock *block;

	unit_memory_init(&memory);
	block = open_block(parts, nrows, &memory);
	for (uint32 row = 0; row < nrows; row++)
	{
		UnitMemory	scratch;

		unit_memory_init(&scratch);
		if (!stack_builder_add_row(builder, block, row, &scratch.allocator, &error))
			bench_fail("%s", error.message);
		unit_memory_free(&scratch);
	}
	unit_memory_free(&memory);
}

static void
build_portions(uint32 portion, UnitMemory *memory, TextBuffer *parts)
{
	PyroError	error = {0};
	StackBuilder *builder = stack_builder_create(&memory->allocator, &error);
	double		start;
	double		making;
	size_t		fresh = 0;
	size_t		peak = 0;

	if (builder == NULL)
		bench_fail("%s", error.message);
	for (uint32 first = 0; first < nfiles; first += portion)
	{
		uint32		last = Min(first + portion, nfiles);
		UnitMemory	own;
		TextBuffer	own_parts[STACK_PART_END];

		unit_memory_init(&own);
		build(first, last, &own, own_parts);
		for (int i = STACK_HEADS; i < STACK_PART_END; i++)
			fresh += stored_size(&own_parts[i], i, FRESH_LEVEL);
		start = bench_seconds();
		add_block(builder, own_parts, last - first);
		spent.merge += bench_seconds() - start;
		peak = Max(peak, own.peak_bytes);
		unit_memory_free(&own);
	}
	making = spent.add + spent.finish + spent.compress;
	start = bench_seconds();
	if (!stack_builder_finish(builder, order, &runs, parts, &error))
		bench_fail("%s", error.message);
	spent.merge += bench_seconds() - start;
	print("portions, times smaller", (double) gzip_bytes / fresh, "than gzip");
	print("portions, making", nsamples / making / 1e6, "million samples/s");
	print("portions, peak memory", peak / 1e6, "MB");
}

static void
print_speeds(size_t peak)
{
	double		making = spent.add + spent.finish + spent.compress;

	if (spent.merge > 0)
		print("merging alone", nsamples / spent.merge / 1e6, "million samples/s");
	print("all making", nsamples / (making + spent.merge) / 1e6, "million samples/s");
	print("opening stored profiles", spent.open * 1e9 / nsamples, "ns a sample");
	print("adding", spent.add * 1e9 / nsamples, "ns a sample");
	print("finishing", spent.finish * 1e9 / nsamples, "ns a sample");
	print("merging", spent.merge * 1e9 / nsamples, "ns a sample");
	print("compressing", spent.compress * 1e9 / nsamples, "ns a sample");
	print("peak memory", peak / 1e6, "MB");
}

/* ---- reading ---- */

/* The best time of each step of opening. */
typedef enum Step
{
	STEP_NAMES,
	STEP_TRIE,
	STEP_DETAILS,
	STEP_NAME_TREE,
	STEP_FIND_STACKS,
	STEP_ALL,					/* heads, names, trie, details, keys, samples */
	STEPS
} Step;

static double best[STEPS];

/* Note what a step took, and begin the next one. */
static void
end_step(Step step, double *start)
{
	best[step] = Min(best[step], bench_seconds() - *start);
	*start = bench_seconds();
}

/* Names, trie and details as stack_block_open() takes them. */
static void
open_dictionary_parts(const TextBuffer *parts, UnitMemory *memory, StackDictionary *stacks)
{
	PyroError	error = {0};
	DictionaryReader reader = {.stacks = stacks};
	ColumnReader *columns = &reader.columns;
	size_t		head = sizeof(DictionaryCounts);
	double		start = bench_seconds();

	columns->allocator = &memory->allocator;
	columns->memory_left = MAX_MEMORY;
	columns->subject = "block";
	columns->error = &error;
	memcpy(&reader.counts, parts[STACK_NAMES].data, head);
	columns_start(columns, (uint8 *) parts[STACK_NAMES].data + head,
				  parts[STACK_NAMES].length - head);
	if (!columns_reserve(columns, dictionary_longest_column(&reader.counts)) ||
		!dictionary_read_names(&reader))
		bench_fail("%s", error.message);
	end_step(STEP_NAMES, &start);
	columns_start(columns, (uint8 *) parts[STACK_TRIE].data, parts[STACK_TRIE].length);
	if (!dictionary_read_trie_by_context(&reader))
		bench_fail("%s", error.message);
	end_step(STEP_TRIE, &start);
	columns_start(columns, (uint8 *) parts[STACK_DETAILS].data, parts[STACK_DETAILS].length);
	if (!dictionary_read_details(&reader))
		bench_fail("%s", error.message);
	end_step(STEP_DETAILS, &start);
}

static void
open_tree(const TextBuffer *part, const StackDictionary *stacks, UnitMemory *memory,
		  NameTree *tree)
{
	PyroError	error = {0};
	double		start = bench_seconds();

	if (!name_tree_read(byte_range(part->data, part->length), MAX_MEMORY,
						&memory->allocator, tree, &error))
		bench_fail("%s", error.message);
	end_step(STEP_NAME_TREE, &start);
	if (!name_tree_find_stacks(tree, stacks, &memory->allocator, &error))
		bench_fail("%s", error.message);
	end_step(STEP_FIND_STACKS, &start);
}

static void
measure_opening(const TextBuffer *parts)
{
	StackDictionary stacks = {0};
	NameTree	tree = {0};
	uint32		nlocations = 1;
	uint32		nnodes = 1;
	uint32		tree_nodes = 1;

	for (int step = 0; step < STEPS; step++)
		best[step] = 1e9;
	for (int round = 0; round < ROUNDS; round++)
	{
		UnitMemory	memory;
		double		start;

		unit_memory_init(&memory);
		open_dictionary_parts(parts, &memory, &stacks);
		open_tree(&parts[STACK_TREE], &stacks, &memory, &tree);
		nlocations = stacks.nlocations;
		nnodes = stacks.nnodes;
		tree_nodes = tree.nnodes;
		unit_memory_free(&memory);
		start = bench_seconds();
		open_block(parts, nfiles, &memory);
		end_step(STEP_ALL, &start);
		if (round == 0)
			print("open block", memory.live_bytes / 1e6, "MB");
		unit_memory_free(&memory);
	}
	print("nodes of the trie", nnodes, "");
	print("nodes of the name tree", tree_nodes, "");
	print("locations", nlocations, "");
	print("opening the trie", best[STEP_TRIE] * 1e9 / nnodes, "ns a node");
	print("opening the name tree", best[STEP_NAME_TREE] * 1e9 / tree_nodes, "ns a node");
	print("finding stacks in it", best[STEP_FIND_STACKS] * 1e9 / nnodes, "ns a node of the trie");
	print("opening names", best[STEP_NAMES] * 1e9 / nlocations, "ns a location");
	print("opening details", best[STEP_DETAILS] * 1e9 / nlocations, "ns a location");
	print("opening all", best[STEP_ALL] * 1e3, "ms");
}

/* A profile as it is rebuilt, against what went in. */
static void
check_row(StackBlock *block, uint32 row, double *seconds)
{
	UnitMemory	memory;
	Profile		profile;
	TextBuffer	flat;
	PyroError	error = {0};
	double		start = bench_seconds();

	unit_memory_init(&memory);
	if (!stack_block_read(block, row, &memory.allocator, &profile, &error))
		bench_fail("%s", error.message);
	*seconds += bench_seconds() - start;
	if (!write_flat(&profile, false, &memory, &flat, &error))
		bench_fail("%s", error.message);
	if (flat.length != flats[order[row]].length ||
		memcmp(flat.data, flats[order[row]].data, flat.length) != 0)
		bench_fail("profile %u does not come back as it went in", order[row]);
	unit_memory_free(&memory);
}

static void
measure_reading(const TextBuffer *parts)
{
	UnitMemory	memory;
	StackBlock *block;
	PyroError	error = {0};
	int64	   *sums;
	double		fastest = 1e9;
	double		seconds = 0;
	uint64		summed = 0;
	uint32		nchecked = 0;

	unit_memory_init(&memory);
	block = open_block(parts, nfiles, &memory);
	print("different keys", block->dictionary.nkeys, "");
	sums = bench_allocate(block->dictionary.nkeys, sizeof(int64));
	for (uint32 row = 0; row < nfiles; row++)
		if (block->shapes.shapes[block->heads[row].shape].group == 0)
			summed += block->heads[row].nsamples;
	for (int round = 0; round < ROUNDS && summed > 0; round++)
	{
		double		start = bench_seconds();

		if (!sample_rows_accumulate(block->samples, 0, nfiles, 0, 0, sums, &error))
			bench_fail("%s", error.message);
		fastest = Min(fastest, bench_seconds() - start);
	}
	if (summed > 0)
		print("decoding and summing up", fastest * 1e9 / summed, "ns a sample");
	for (uint32 row = 0; row < nfiles; row += CHECK_EVERY, nchecked++)
		check_row(block, row, &seconds);
	print("rebuilding", seconds * 1e6 / nchecked, "us a profile");
	print("profiles that came back as they were", nchecked, "");
	free(sums);
	unit_memory_free(&memory);
}

int
main(int argc, char **argv)
{
	UnitMemory	memory;
	TextBuffer	parts[STACK_PART_END];
	uint32		portion = argc > 2 ? atoi(argv[2]) : 0;
	int			level = argc > 3 ? atoi(argv[3]) : 9;

	if (argc < 2)
		bench_fail("usage: bench_blocks LIST [PORTION] [LEVEL]");
	/* memory that is freed stays, so that rounds do not wait for the kernel */
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	load(argv[1]);
	if (nsamples == 0)
		bench_fail("\"%s\" names no samples", argv[1]);
	sort_files();
	print("profiles", nfiles, "");
	print("samples", nsamples, "");
	printf("gzip\t%.4g\tbytes a sample\t" UINT64_FORMAT "\n",
		   (double) gzip_bytes / nsamples, gzip_bytes);
	unit_memory_init(&memory);
	if (portion > 0)
		build_portions(portion, &memory, parts);
	else
		build(0, nfiles, &memory, parts);
	print_parts(parts, level);
	print_speeds(memory.peak_bytes);
	measure_opening(parts);
	measure_reading(parts);
	unit_memory_free(&memory);
	return 0;
}
