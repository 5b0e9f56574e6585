/*
 * test_block_dictionary.c
 *	  Profiles come out of a block's dictionary as they went in.
 *
 * Blocks are made of random profiles and of real ones.  What sealing makes is
 * compared with the sum that profile_merge() makes of the same profiles, which
 * goes another way to the same canonical order.
 */
#include "postgres_fe.h"

#include "block/open_dictionary.h"

#include "block_dictionary_check.h"

/* ---- tests ---- */

static Profile *
random_row(uint64 seed, UnitMemory *memory)
{
	UnitRandom	random = unit_random_seed(seed);
	Bytes		bytes = {0};
	PyroError	error = {0};
	Profile    *profile = unit_allocate(memory, sizeof(Profile));
	uint8	   *kept;

	random_profile(&random, &bytes);
	kept = unit_allocate(memory, bytes.size + 1);
	memcpy(kept, bytes.data, bytes.size);
	if (!pprof_read(kept, bytes.size, &wide_limits, &memory->allocator,
					profile, &error))
	{
		printf("Bail out! %s\n", error.message);
		exit(1);
	}
	bytes_free(&bytes);
	return profile;
}

typedef struct Tally
{
	uint32		nblocks;
	uint32		nrows;
	uint32		nflawed;
	uint32		ndamaged;
	uint32		nwrong_sizes;
	uint32		nunlike;		/* merged, unlike made at once */
} Tally;

/* Blocks a and b of rows, both added to a third, which is like one of all. */
static void
check_merge(Block *a, Block *b, UnitMemory *memory, Tally *tally)
{
	PyroError	error = {0};
	Block		merged;
	Block		at_once;
	Profile		profile_merged;
	Profile		profile_at_once;
	bool		done = begin_block(&merged, memory, &memory->allocator, &error) &&
	add_block(&merged, a, 0, &error) && add_block(&merged, b, 0, &error) &&
	seal_block(&merged, &error) &&
	begin_block(&at_once, memory, &memory->allocator, &error);

	for (uint32 r = 0; done && r < merged.nrows; r++)
		done = add_profile(&at_once, merged.rows[r].profile, &error);
	if (!done || !seal_block(&at_once, &error))
	{
		unit_note("%s", error.message);
		tally->nflawed++;
		return;
	}
	tally->nflawed += find_block_flaw(&merged, &error) != NULL;
	tally->ndamaged += count_damaged_rows(&merged, &error);
	profile_of_block(&merged, &profile_merged);
	profile_of_block(&at_once, &profile_at_once);
	tally->nunlike += !same_content(&profile_merged, &profile_at_once, memory,
									&error) ||
		merged.sealed.nkeys != at_once.sealed.nkeys ||
		memcmp(merged.sealed.key_node, at_once.sealed.key_node,
			   merged.sealed.nkeys * sizeof(uint32)) != 0 ||
		memcmp(merged.sealed.key_label_set, at_once.sealed.key_label_set,
			   merged.sealed.nkeys * sizeof(uint32)) != 0;
}

/* Without some rows nothing of them is left. */
static void
check_dropped(Block *a, UnitMemory *memory, uint64 dropped, Tally *tally)
{
	PyroError	error = {0};
	Block		fewer;
	Block		fresh;
	bool		done = begin_block(&fewer, memory, &memory->allocator, &error) &&
	add_block(&fewer, a, dropped, &error) && seal_block(&fewer, &error) &&
	begin_block(&fresh, memory, &memory->allocator, &error);
	const StackDictionary *left;
	const StackDictionary *wanted;

	for (uint32 r = 0; done && r < fewer.nrows; r++)
		done = add_profile(&fresh, fewer.rows[r].profile, &error);
	if (!done || !seal_block(&fresh, &error))
	{
		unit_note("%s", error.message);
		tally->nflawed++;
		return;
	}
	left = &fewer.sealed.stacks;
	wanted = &fresh.sealed.stacks;
	tally->ndamaged += count_damaged_rows(&fewer, &error);
	tally->nunlike += left->nfunctions != wanted->nfunctions ||
		left->nlocations != wanted->nlocations ||
		left->nlines != wanted->nlines || left->nnodes != wanted->nnodes ||
		left->nmappings != wanted->nmappings ||
		left->nstrings != wanted->nstrings ||
		fewer.sealed.nkeys != fresh.sealed.nkeys ||
		fewer.sealed.label_sets.nsets != fresh.sealed.label_sets.nsets;
}

static void
check_random_block(uint64 seed, Tally *tally)
{
	UnitMemory	memory[2];
	UnitMemory	open_memory[2];
	Block		blocks[2];
	UnitRandom	random = unit_random_seed(seed);
	PyroError	error = {0};

	for (int b = 0; b < 2; b++)
	{
		Block	   *block = &blocks[b];
		uint32		nrows = 1 + unit_below(&random, 12);
		bool		done;
		const char *flaw = NULL;

		unit_memory_init(&memory[b]);
		unit_memory_init(&open_memory[b]);
		done = begin_block(block, &memory[b], &open_memory[b].allocator,
						   &error);
		for (uint32 r = 0; done && r < nrows; r++)
			done = add_profile(block, random_row(seed + unit_below(&random, 20),
												 &memory[b]), &error);
		done = done && seal_block(block, &error);
		if (!done || (flaw = find_block_flaw(block, &error)) != NULL)
		{
			unit_note("seed " UINT64_FORMAT ": %s %s", seed,
					  flaw == NULL ? "" : flaw, error.message);
			tally->nflawed++;
		}
		tally->nblocks++;
		tally->nrows += block->nrows;
		tally->nwrong_sizes += open_dictionary_size(block->open) !=
			open_memory[b].live_bytes;
		tally->ndamaged += count_damaged_rows(block, &error);
	}
	check_merge(&blocks[0], &blocks[1], &memory[0], tally);
	check_dropped(&blocks[0], &memory[0], unit_random(&random), tally);
	for (int b = 0; b < 2; b++)
	{
		unit_memory_free(&memory[b]);
		unit_memory_free(&open_memory[b]);
	}
}

static void
report(const Tally *tally, const char *what)
{
	unit_ok(tally->nblocks > 0 && tally->nflawed == 0,
			"%u blocks of %u %s are in order, %u are not", tally->nblocks,
			tally->nrows, what, tally->nflawed);
	unit_ok(tally->ndamaged == 0, "all rows come back, %u do not",
			tally->ndamaged);
	unit_ok(tally->nwrong_sizes == 0,
			"blocks know their size in memory, %u do not", tally->nwrong_sizes);
	unit_ok(tally->nunlike == 0,
			"merged blocks are as if made at once, %u are not", tally->nunlike);
}

static void
test_random_blocks(void)
{
	Tally		tally = {0};

	for (uint64 seed = 1; seed <= 300; seed++)
		check_random_block(seed * 100, &tally);
	report(&tally, "random profiles");
}

/* ---- real profiles ---- */

static struct
{
	UnitMemory	memory;
	UnitMemory	open_memory;
	Block		blocks[2];
	size_t		nbytes;
	Tally		tally;
}			real;

static void
finish_real_blocks(void)
{
	PyroError	error = {0};

	for (int b = 0; b < 2; b++)
	{
		Block	   *block = &real.blocks[b];
		const char *flaw = NULL;

		if (!seal_block(block, &error) ||
			(block->nrows > 0 &&
			 (flaw = find_block_flaw(block, &error)) != NULL))
		{
			unit_note("%s", flaw == NULL ? error.message : flaw);
			real.tally.nflawed++;
		}
		real.tally.nblocks++;
		real.tally.nrows += block->nrows;
		real.tally.ndamaged += count_damaged_rows(block, &error);
	}
	if (real.blocks[0].nrows > 0 && real.blocks[1].nrows > 0)
	{
		check_merge(&real.blocks[0], &real.blocks[1], &real.memory,
					&real.tally);
		check_dropped(&real.blocks[0], &real.memory, 0x5555, &real.tally);
	}
	real.tally.nwrong_sizes += open_dictionary_size(real.blocks[0].open) +
		open_dictionary_size(real.blocks[1].open) !=
		real.open_memory.live_bytes;
	unit_memory_free(&real.memory);
	unit_memory_free(&real.open_memory);
	real.nbytes = 0;
}

/* The file into one of two blocks, by turns, until these are large. */
static void
add_real_file(const char *path, const char *format, const uint8 *bytes,
			  size_t size)
{
	PyroError	error = {0};
	Profile    *profile;
	Block	   *block;
	uint8	   *kept;

	if (real.nbytes == 0)
	{
		unit_memory_init(&real.memory);
		unit_memory_init(&real.open_memory);
		for (int b = 0; b < 2; b++)
			if (!begin_block(&real.blocks[b], &real.memory,
							 &real.open_memory.allocator, &error))
				exit(1);
	}
	kept = unit_allocate(&real.memory, size + 1);
	memcpy(kept, bytes, size);
	profile = unit_allocate(&real.memory, sizeof(Profile));
	real.nbytes += size + 1;
	if (!pprof_read(kept, size, &wide_limits, &real.memory.allocator, profile,
					&error))
		return;
	block = &real.blocks[real.blocks[0].nrows > real.blocks[1].nrows];
	if (!add_profile(block, profile, &error))
	{
		unit_note("%s: %s", path, error.message);
		real.tally.nflawed++;
	}
	if (real.nbytes > 1000000 || block->nrows == MAX_ROWS / 2)
		finish_real_blocks();
}

static void
test_real_blocks(void)
{
	for_all_files(add_real_file);
	if (real.nbytes > 0)
		finish_real_blocks();
	report(&real.tally, "real profiles");
}

/* ---- failures ---- */

/* All ways of a small block. */
static bool
run_all(UnitMemory *memory, const Profile *const *profiles, uint32 nprofiles,
		PyroError *error)
{
	Block		block;
	DictionarySubset *subset;
	RowDictionary part;
	Profile		profile;

	if (!begin_block(&block, memory, &memory->allocator, error))
		return false;
	for (uint32 i = 0; i < nprofiles; i++)
		if (!add_profile(&block, profiles[i], error))
			return false;
	if (!seal_block(&block, error))
		return false;
	subset = dictionary_subset_create(&block.sealed, &memory->allocator,
									  error);
	if (subset == NULL)
		return false;
	for (uint32 r = 0; r < block.nrows; r++)
		if (!rebuild(&block, &block.rows[r], subset, true, &part, &profile,
					 error))
			return false;
	return true;
}

static void
test_no_memory(void)
{
	UnitMemory	inputs;
	UnitMemory	memory;
	const Profile *profiles[6];
	PyroError	error = {0};
	uint64		nallocations;
	uint32		nodd = 0;

	unit_memory_init(&inputs);
	unit_memory_init(&memory);
	for (uint32 i = 0; i < lengthof(profiles); i++)
		profiles[i] = random_row(40 + i, &inputs);
	unit_ok(run_all(&memory, profiles, lengthof(profiles), &error),
			"a block goes all ways");
	nallocations = memory.nallocations;
	unit_memory_free(&memory);
	for (uint64 k = 1; k <= nallocations; k++)
	{
		memset(&error, 0, sizeof(error));
		memory.fail_at = k;
		nodd += run_all(&memory, profiles, lengthof(profiles), &error) ||
			error.kind != PYRO_NO_MEMORY;
		unit_memory_free(&memory);
	}
	unit_ok(nodd == 0, "it fails cleanly at each of " UINT64_FORMAT
			" allocations, %u times not", nallocations, nodd);
	unit_memory_free(&inputs);
}

/* Let the next call succeed for k allocations, and none of its kind fail. */
static bool
retry_add(Block *block, UnitMemory *memory, const Profile *profile,
		  uint64 *nfailures)
{
	PyroError	error = {0};

	for (uint64 k = 1;; k++)
	{
		memory->fail_at = memory->nallocations + k;
		if (add_profile(block, profile, &error))
			break;
		if (error.kind != PYRO_NO_MEMORY)
			return false;
		++*nfailures;
	}
	memory->fail_at = 0;
	return true;
}

/* A block that ran out of memory goes on when there is some again. */
static void
test_going_on(void)
{
	UnitMemory	inputs;
	UnitMemory	memory;
	Block		block;
	PyroError	error = {0};
	uint64		nfailures = 0;
	bool		done;
	const char *flaw;

	unit_memory_init(&inputs);
	unit_memory_init(&memory);
	done = begin_block(&block, &inputs, &memory.allocator, &error);
	for (uint32 i = 0; done && i < 8; i++)
		done = retry_add(&block, &memory, random_row(60 + i, &inputs),
						 &nfailures);
	done = done && seal_block(&block, &error);
	flaw = done ? find_block_flaw(&block, &error) : error.message;
	unit_ok(flaw == NULL && nfailures > 5 &&
			count_damaged_rows(&block, &error) == 0,
			"a block goes on after " UINT64_FORMAT " failures", nfailures);
	if (flaw != NULL)
		unit_note("%s", flaw);
	unit_memory_free(&inputs);
	unit_memory_free(&memory);
}

/* A row that fails does not disturb the next one. */
static void
test_failing_rows(void)
{
	UnitMemory	inputs;
	UnitMemory	memory;
	Block		block;
	PyroError	error = {0};
	DictionarySubset *subset;
	RowDictionary part;
	Profile		profile;
	uint32		nodd = 0;
	uint32		wrong[] = {0, 1000000};
	SubsetRequest bad_key = {.nkeys = 2,.keys = wrong};
	SubsetRequest bad_mapping = {.nmappings = 2,.mappings = wrong};
	SubsetRequest bad_string = {.nstrings = 2,.strings = wrong};
	SubsetRequest *bad[] = {&bad_key, &bad_mapping, &bad_string};

	unit_memory_init(&inputs);
	unit_memory_init(&memory);
	if (!begin_block(&block, &inputs, &inputs.allocator, &error))
		exit(1);
	for (uint32 i = 0; i < 8; i++)
		if (!add_profile(&block, random_row(80 + i, &inputs), &error))
			exit(1);
	if (!seal_block(&block, &error))
		exit(1);
	subset = dictionary_subset_create(&block.sealed, &inputs.allocator, &error);
	block.memory = &memory;
	for (uint32 r = 0; r < block.nrows; r++)
	{
		for (uint64 k = 1;; k++)
		{
			memory.fail_at = k;
			if (rebuild(&block, &block.rows[r], subset, true, &part, &profile,
						&error))
				break;
			nodd += error.kind != PYRO_NO_MEMORY;
			unit_memory_free(&memory);
		}
		memory.fail_at = 0;
		nodd += !same_content(block.rows[r].profile, &profile, &memory, &error);
		unit_memory_free(&memory);
	}
	unit_ok(nodd == 0, "a row that fails leaves nothing behind");
	nodd = 0;
	for (int i = 0; i < lengthof(bad); i++)
		nodd += dictionary_subset_row(subset, bad[i], &memory.allocator, &part,
									  &error) || error.kind != PYRO_CORRUPT;
	unit_ok(nodd == 0, "what is not in the dictionary is not given");
	unit_memory_free(&inputs);
	unit_memory_free(&memory);
}

/* A block that is full says so, and what is in it stays good. */
static void
test_limit(void)
{
	UnitMemory	memory;
	uint32		nodd = 0;
	uint32		nlimits = 0;

	unit_memory_init(&memory);
	for (uint32 most = 2; most < 200; most++)
	{
		Block		block;
		PyroError	error = {0};

		if (!begin_block(&block, &memory, &memory.allocator, &error))
			exit(1);
		block.open->max_elements = most;
		for (uint32 i = 0; i < 10; i++)
			if (!add_profile(&block, random_row(100 + i, &memory), &error))
			{
				nodd += error.kind != PYRO_LIMIT;
				nlimits++;
			}
		nodd += !seal_block(&block, &error) ||
			count_damaged_rows(&block, &error) > 0 ||
			block.sealed.stacks.nstrings > most ||
			block.sealed.stacks.nnodes > most ||
			block.sealed.stacks.nlines > most || block.sealed.nkeys > most;
		unit_memory_free(&memory);
	}
	unit_ok(nodd == 0 && nlimits > 100, "%u times full, %u times wrong",
			nlimits, nodd);
}

static void
test_strings(void)
{
	UnitMemory	memory;
	PyroError	error = {0};
	Block		block;
	uint32		kept;
	uint32		dropped;
	uint32		again;
	char	   *large = malloc(200000);
	uint32		large_number;

	unit_memory_init(&memory);
	memset(large, 'x', 200000);
	unit_ok(begin_block(&block, &memory, &memory.allocator, &error) &&
			open_dictionary_string(block.open, string_ref_literal("kept"),
								   &kept, &error) &&
			open_dictionary_string(block.open, string_ref_literal("dropped"),
								   &dropped, &error) &&
			open_dictionary_string(block.open, string_ref(large, 200000),
								   &large_number, &error) &&
			open_dictionary_string(block.open, string_ref_literal("kept"),
								   &again, &error) &&
			kept == again && kept != dropped, "strings are numbered once");
	memset(large, 'y', 200000);
	open_dictionary_keep_string(block.open, kept);
	open_dictionary_keep_string(block.open, large_number);
	unit_ok(seal_block(&block, &error) && block.sealed.stacks.nstrings == 3 &&
			block.map.string[0] == 0 && block.map.string[kept] == 1 &&
			block.map.string[large_number] == 2 &&
			block.map.string[dropped] == PG_UINT32_MAX &&
			block.sealed.stacks.strings[2].length == 200000 &&
			block.sealed.stacks.strings[2].data[199999] == 'x' &&
			block.sealed.stacks.nnodes == 1 && block.sealed.nkeys == 0 &&
			block.sealed.label_sets.nsets == 1,
			"an empty block has only the strings that were kept");
	free(large);
	unit_memory_free(&memory);
}

int
main(void)
{
	test_random_blocks();
	test_real_blocks();
	test_no_memory();
	test_going_on();
	test_failing_rows();
	test_limit();
	test_strings();
	return unit_finish();
}
