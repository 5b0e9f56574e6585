/*
 * bench_blocks.c
 *	  What a series of profiles takes as blocks, part by part, and how fast
 *	  blocks are made and read.
 *
 *	bench_blocks LIST [PORTION] [LEVEL]
 *
 * LIST names gzip'd pprof files, one a line, in the order of time; behind a tab
 * there may be a key, by which the last block is sorted, so that the profiles of
 * each key are a run.  They are
 * put into blocks of PORTION profiles (0, as it is by default: into one), which
 * are merged into one then.  LEVEL is zstd's for the merged block.
 *
 * Prints lines "name TAB figure TAB unit".
 */
#include "postgres_fe.h"

#include "block/name_tree.h"
#include "block/sample_rows.h"
#include "block/stack_block.h"
#include "block/stack_block_internal.h"

#include "bench.h"

#define MAX_FILES		20000
#define MAX_MEMORY		((size_t) 1 << 36)
#define FRESH_LEVEL		3

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

static void
print(const char *name, double figure, const char *unit)
{
	printf("%s\t%.4g\t%s\n", name, figure, unit);
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
add_profile(StackBuilder *builder, uint32 i, double *seconds)
{
	UnitMemory	scratch;
	Profile		profile;
	PyroError	error = {0};
	double		start;

	unit_memory_init(&scratch);
	if (!profile_flat_open((uint8 *) flats[i].data, flats[i].length, MAX_MEMORY,
						   &scratch.allocator, &profile, &error))
		bench_fail("%s", error.message);
	start = bench_seconds();
	if (!stack_builder_add(builder, &profile, flats[i].length, &scratch.allocator, &error))
		bench_fail("%s", error.message);
	*seconds += bench_seconds() - start;
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
stored_size(const TextBuffer *part, StackPart number, int level, double *seconds)
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
	*seconds += bench_seconds() - start;
	free(to);
	return size;
}

static size_t
print_parts(const TextBuffer *parts, int level, const char *what, double *seconds)
{
	size_t		sum = 0;

	for (int i = STACK_HEADS; i < STACK_PART_END; i++)
	{
		char		name[100];
		size_t		size = stored_size(&parts[i], i, level, seconds);

		snprintf(name, sizeof(name), "%s, %s", what, part_names[i]);
		print(name, (double) size / nsamples, "bytes a sample");
		sum += size;
	}
	return sum;
}

/* Profiles from first to last into the parts of a block. */
static void
build(uint32 first, uint32 last, UnitMemory *memory, TextBuffer *parts, double *add,
	  double *finish)
{
	PyroError	error = {0};
	StackBuilder *builder = stack_builder_create(&memory->allocator, &error);
	double		start;

	if (builder == NULL)
		bench_fail("%s", error.message);
	for (uint32 i = first; i < last; i++)
		add_profile(builder, i, add);
	start = bench_seconds();
	if (!stack_builder_finish(builder, last - first == nfiles ? order : NULL,
							  last - first == nfiles ? &runs : NULL, parts, &error))
		bench_fail("%s", error.message);
	*finish += bench_seconds() - start;
}

static void
merge(uint32 portion, UnitMemory *memory, TextBuffer *parts)
{
	PyroError	error = {0};
	StackBuilder *builder = stack_builder_create(&memory->allocator, &error);
	double		add = 0;
	double		finish = 0;
	double		compress = 0;
	double		merging = 0;
	double		start;
	size_t		fresh = 0;

	for (uint32 first = 0; first < nfiles; first += portion)
	{
		uint32		last = Min(first + portion, nfiles);
		UnitMemory	own;
		TextBuffer	portion_parts[STACK_PART_END];
		StackBlock *block;

		unit_memory_init(&own);
		build(first, last, &own, portion_parts, &add, &finish);
		for (int i = STACK_HEADS; i < STACK_PART_END; i++)
			fresh += stored_size(&portion_parts[i], i, FRESH_LEVEL, &compress);
		start = bench_seconds();
		block = open_block(portion_parts, last - first, &own);
		for (uint32 row = 0; row < last - first; row++)
		{
			UnitMemory	scratch;

			unit_memory_init(&scratch);
			if (!stack_builder_add_row(builder, block, row, &scratch.allocator, &error))
				bench_fail("%s", error.message);
			unit_memory_free(&scratch);
		}
		merging += bench_seconds() - start;
		unit_memory_free(&own);
	}
	start = bench_seconds();
	if (!stack_builder_finish(builder, order, &runs, parts, &error))
		bench_fail("%s", error.message);
	merging += bench_seconds() - start;
	print("portions, live bytes", (double) gzip_bytes / fresh, "times smaller than gzip");
	print("portions, encoding", nsamples / (add + finish + compress) / 1e6, "million samples/s");
	print("merging alone", nsamples / merging / 1e6, "million samples/s");
}

/* ---- reading ---- */

static void
measure_sums(const TextBuffer *parts, const StackBlock *block, const NameTree *tree,
			 UnitMemory *memory)
{
	double		start = bench_seconds();
	StackSums	sums;
	PyroError	error = {0};
	uint64		nnodes = 0;

	if (!stack_sums_open(byte_range(parts[STACK_SUMS].data, parts[STACK_SUMS].length), nfiles,
						 tree->nnodes, block->shapes.ngroups, block->shapes.groups, MAX_MEMORY,
						 &memory->allocator, &sums, &error))
		bench_fail("%s", error.message);
	for (uint32 i = 0; i < sums.nruns; i++)
		for (uint32 k = 0; k < sums.runs[i].nlists; k++)
			nnodes += sums.runs[i].lists[k].nnodes;
	for (uint32 i = 0; i < sums.nleading; i++)
		for (uint32 k = 0; k < sums.leading[i].nlists; k++)
			nnodes += sums.leading[i].lists[k].nnodes;
	print("opening the sums", (bench_seconds() - start) * 1e9 / Max(nnodes, 1), "ns a node of a list");
	print("runs", sums.nruns, "");
	print("nodes of lists of sums", nnodes, "");
	print("sums, before compression", (double) parts[STACK_SUMS].length / nsamples, "bytes a sample");
}

static void
measure_reading(const TextBuffer *parts, UnitMemory *memory)
{
	double		start = bench_seconds();
	StackBlock *block = open_block(parts, nfiles, memory);
	double		open = bench_seconds() - start;
	int64	   *sums = bench_allocate(block->dictionary.nkeys, sizeof(int64));
	PyroError	error = {0};
	NameTree	tree;
	double		best = 1e9;

	print("opening", open * 1e9 / block->dictionary.stacks.nnodes, "ns a node of the trie");
	for (int round = 0; round < 7; round++)
	{
		start = bench_seconds();
		if (!sample_rows_accumulate(block->samples, 0, nfiles, 0, 0, sums, &error))
			bench_fail("%s", error.message);
		best = Min(best, bench_seconds() - start);
	}
	print("decoding and summing up", best * 1e9 / nsamples, "ns a sample");
	start = bench_seconds();
	if (!name_tree_read(byte_range(parts[STACK_TREE].data, parts[STACK_TREE].length),
						MAX_MEMORY, &memory->allocator, &tree, &error))
		bench_fail("%s", error.message);
	print("opening the name tree", (bench_seconds() - start) * 1e9 / tree.nnodes, "ns a node");
	measure_sums(parts, block, &tree, memory);
	print("stacks", block->dictionary.nkeys, "");
	print("nodes of the trie", block->dictionary.stacks.nnodes, "");
	print("nodes of the name tree", tree.nnodes, "");
	print("locations", block->dictionary.stacks.nlocations, "");

	/* profiles rebuilt, each a sample of them */
	start = bench_seconds();
	for (uint32 row = 0; row < nfiles; row += Max(nfiles / 200, 1))
	{
		UnitMemory	scratch;
		Profile		profile;

		unit_memory_init(&scratch);
		if (!stack_block_read(block, row, &scratch.allocator, &profile, &error))
			bench_fail("%s", error.message);
		unit_memory_free(&scratch);
	}
	print("rebuilding", (bench_seconds() - start) * 1e6 /
		  ((nfiles + Max(nfiles / 200, 1) - 1) / Max(nfiles / 200, 1)), "us a profile");
	free(sums);
}

int
main(int argc, char **argv)
{
	UnitMemory	memory;
	TextBuffer	parts[STACK_PART_END];
	uint32		portion = argc > 2 ? atoi(argv[2]) : 0;
	int			level = argc > 3 ? atoi(argv[3]) : 9;
	double		add = 0;
	double		finish = 0;
	double		compress = 0;
	size_t		sum;

	if (argc < 2)
		bench_fail("usage: bench_blocks LIST [PORTION] [LEVEL]");
	load(argv[1]);
	sort_files();
	print("profiles", nfiles, "");
	print("samples", nsamples, "");
	print("gzip", (double) gzip_bytes / nsamples, "bytes a sample");
	unit_memory_init(&memory);
	if (portion > 0)
		merge(portion, &memory, parts);
	else
	{
		build(0, nfiles, &memory, parts, &add, &finish);
		print("adding", add * 1e6 / nfiles, "us a profile");
		print("finishing", finish * 1e6 / nfiles, "us a profile");
		print("peak memory", memory.peak_bytes / 1e6, "MB");
	}
	sum = print_parts(parts, level, "block", &compress);
	print("block", (double) sum / nsamples, "bytes a sample");
	print("block, live bytes", (double) gzip_bytes / sum, "times smaller than gzip");
	if (portion == 0)
		print("encoding", nsamples / (add + finish + compress) / 1e6, "million samples/s");
	measure_reading(parts, &memory);
	unit_memory_free(&memory);
	return 0;
}
