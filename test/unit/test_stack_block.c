/*
 * test_stack_block.c
 *	  Profiles come back from a block as they went in: byte for byte, in any
 *	  order, and once more after blocks were merged; sums of runs are those of
 *	  their rows; a damaged block is an error.
 *
 * Over test/data, the corpora where these are, and random profiles with odd
 * features.
 */
#include "postgres_fe.h"

#include <setjmp.h>

#include "block/name_tree.h"
#include "block/stack_block.h"
#include "block/stack_block_internal.h"
#include "flame/flame_accumulate.h"

#include "profile_check.h"

#define MAX_PROFILES	1000
#define MAX_MEMORY		((size_t) 1 << 33)

/* What is in a block: stored forms, malloc'd. */
typedef struct Expected
{
	uint32		n;
	StringRef	flat[MAX_PROFILES];
	char	   *label[MAX_PROFILES];
} Expected;

static Expected all;

static void
expect(Expected *list, const Profile *profile, const char *label,
	   UnitMemory *memory)
{
	PyroError	error = {0};
	TextBuffer	flat;
	char	   *copy;

	if (list->n == MAX_PROFILES)
		return;
	if (!write_flat(profile, false, memory, &flat, &error))
	{
		unit_ok(false, "%s is stored", label);
		return;
	}
	copy = malloc(flat.length);
	memcpy(copy, flat.data, flat.length);
	list->flat[list->n] = string_ref(copy, flat.length);
	list->label[list->n++] = strdup(label);
}

static void
forget(Expected *list)
{
	for (uint32 i = 0; i < list->n; i++)
	{
		free((char *) list->flat[i].data);
		free(list->label[i]);
	}
	list->n = 0;
}

/* Keep the first few, and have them again and again, up to n. */
static void
repeat(Expected *list, uint32 few, uint32 n)
{
	static Expected kept;

	kept = *list;
	list->n = 0;
	for (uint32 i = 0; i < n; i++)
	{
		StringRef	flat = kept.flat[i % few];
		char	   *copy = malloc(flat.length);

		memcpy(copy, flat.data, flat.length);
		list->flat[list->n] = string_ref(copy, flat.length);
		list->label[list->n++] = strdup(kept.label[i % few]);
	}
	forget(&kept);
}

/* A block of the expected profiles from first to last, as parts. */
static bool
build(const Expected *list, uint32 first, uint32 last, const uint32 *order,
	  const StackRuns *runs, UnitMemory *memory, TextBuffer *parts, PyroError *error)
{
	StackBuilder *builder = stack_builder_create(&memory->allocator, error);

	if (builder == NULL)
		return false;
	for (uint32 i = first; i < last; i++)
	{
		Profile		profile;
		UnitMemory	scratch;
		bool		added;

		unit_memory_init(&scratch);
		added = profile_flat_open((uint8 *) list->flat[i].data, list->flat[i].length,
								  MAX_MEMORY, &scratch.allocator, &profile, error) &&
			stack_builder_add(builder, &profile, list->flat[i].length, &scratch.allocator, error);
		unit_memory_free(&scratch);
		if (!added)
			return false;
	}
	return stack_builder_finish(builder, order, runs, parts, error);
}

static StackBlock *
open_parts(uint32 nrows, const TextBuffer *parts, UnitMemory *memory,
		   PyroError *error)
{
	ByteRange	ranges[STACK_PART_END] = {{0}};

	for (int i = STACK_HEADS; i < STACK_PART_END; i++)
		ranges[i] = byte_range(parts[i].data, parts[i].length);
	return stack_block_open(nrows, ranges, MAX_MEMORY, &memory->allocator, error);
}

/* NULL, or what is wrong with a row. */
static const char *
check_row(StackBlock *block, uint32 row, StringRef expected, PyroError *error)
{
	UnitMemory	memory;
	Profile		profile;
	TextBuffer	flat;
	const char *flaw = NULL;

	unit_memory_init(&memory);
	if (!stack_block_read(block, row, &memory.allocator, &profile, error))
		flaw = "it cannot be read";
	else if (!write_flat(&profile, false, &memory, &flat, error))
		flaw = "it cannot be stored";
	else if (flat.length != expected.length ||
			 memcmp(flat.data, expected.data, expected.length) != 0)
		flaw = "it is not the same";
	unit_memory_free(&memory);
	return flaw;
}

static uint32
check_rows(StackBlock *block, const Expected *list, uint32 first, uint32 n,
		   const uint32 *order)
{
	uint32		nwrong = 0;

	for (uint32 row = 0; row < n; row++)
	{
		PyroError	error = {0};
		uint32		i = first + (order == NULL ? row : order[row]);
		const char *flaw = check_row(block, row, list->flat[i], &error);

		if (flaw != NULL && nwrong++ < 5)
			unit_note("%s: %s: %s", list->label[i], flaw, error.message);
	}
	return nwrong;
}

/* ---- views ---- */

/* NULL, or in what the header of a row is not that of its profile. */
static const char *
check_header(StackBlock *block, uint32 row, const Profile *profile, UnitMemory *memory,
			 PyroError *error)
{
	const ProfileHeader *expected = &profile->header;
	ProfileHeader header;

	if (!stack_block_header(block, row, true, &memory->allocator, &header, error))
		return "its header cannot be read";
	if (header.nsample_types != expected->nsample_types || header.nsamples != expected->nsamples ||
		header.time_nanos != expected->time_nanos || header.period != expected->period ||
		header.duration_nanos != expected->duration_nanos)
		return "its header differs";
	for (uint32 t = 0; t < header.nsample_types; t++)
		if (header.totals[t] != expected->totals[t] ||
			header.total_overflows[t] != expected->total_overflows[t] ||
			!string_ref_equal(header.sample_types[t].type, expected->sample_types[t].type))
			return "its totals differ";
	return NULL;
}

/* Add a row to two trees, as a profile of its own and as a view of the block. */
static const char *
add_row_twice(StackBlock *block, uint32 row, bool by_name, CallTree *trees, uint64 serial,
			  PyroError *error)
{
	UnitMemory	memory;
	Profile		profile;
	ProfileView view = {0};
	const char *flaw = NULL;

	unit_memory_init(&memory);
	if (!stack_block_read(block, row, &memory.allocator, &profile, error))
		flaw = "it cannot be read";
	else
		flaw = check_header(block, row, &profile, &memory, error);
	for (uint32 t = 0; flaw == NULL && t < profile.header.nsample_types; t++)
	{
		ProfileView own = {.stacks = profile.stacks,.nsamples = profile.header.nsamples,
			.sample_node = profile.sample_node,.values = profile.values[t]
		};

		/* halves, so that sums of many rows stay within int64 */
		for (uint32 i = 0; i < own.nsamples; i++)
			profile.values[t][i] /= (int64) 1 << 20;
		if (!call_tree_add_view(&trees[0], serial, &own, &memory.allocator, error) ||
			!stack_block_view(block, row, t, by_name, &view, error))
			flaw = "it cannot be added";
		else
		{
			for (uint32 i = 0; i < view.nsamples; i++)
				block->view_values[i] /= (int64) 1 << 20;
			if (!call_tree_add_view(&trees[1], serial, &view, &memory.allocator, error))
				flaw = "its view cannot be added";
		}
	}
	unit_memory_free(&memory);
	return flaw;
}

/* The nodes of a tree that are not in the other with the same value. */
static uint32
count_differences(const CallTree *tree, CallTree *other)
{
	PyroError	error = {0};
	uint32	   *same = calloc(tree->nnodes, sizeof(uint32));
	uint32		nwrong = tree->nnodes != other->nnodes;

	for (uint32 node = 1; node < tree->nnodes; node++)
	{
		uint32		name = 0;

		if (!call_tree_intern(other, tree->names[tree->name[node]], &name, &error) ||
			!call_tree_child(other, same[tree->parent[node]], name, &same[node], &error) ||
			other->self[same[node]] != tree->self[node])
			nwrong++;
	}
	free(same);
	return nwrong;
}

/* Has a name so many bytes? */
static bool
has_length(void *arg, StringRef name)
{
	return name.length == *(const size_t *) arg;
}

/* Is the answer about names of a length that of the profile by itself? */
static bool
check_search(StackBlock *block, uint32 row, size_t length, uint32 *nfound)
{
	UnitMemory	memory;
	PyroError	error = {0};
	Profile		profile;
	bool		expected = false;
	bool		found = false;
	bool		done;

	unit_memory_init(&memory);
	done = stack_block_read(block, row, &memory.allocator, &profile, &error) &&
		stack_block_has_function(block, row, string_ref((char *) &length, sizeof(length)),
								 has_length, &length, &found, &error);
	for (uint32 i = 0; done && i < profile.stacks->nfunctions; i++)
		expected |= profile.stacks->strings[profile.stacks->functions[i].name].length == length;
	unit_memory_free(&memory);
	*nfound += found;
	return done && found == expected;
}

static void
check_searches(StackBlock *block, const char *what)
{
	uint32		nwrong = 0;
	uint32		nfound = 0;

	for (uint32 row = 0; row < block->nrows; row++)
		nwrong += !check_search(block, row, 13 + row / 4 % 3, &nfound);
	unit_ok(nwrong == 0 && (block->nrows == 0 || (nfound > 0 && nfound < block->nrows)),
			"%u of %u rows of %s have functions that are searched for", nfound, block->nrows, what);
}

/* Two pairs of trees take turns, so that the block's scratch changes hands. */
static void
check_views(StackBlock *block, bool by_name, const char *what)
{
	UnitMemory	memory;
	PyroError	error = {0};
	CallTree	trees[4];
	uint32		nwrong = 0;
	bool		done = true;

	unit_memory_init(&memory);
	for (int i = 0; i < 4; i++)
	{
		done = done && call_tree_init(&trees[i], &memory.allocator, 7, &error);
		trees[i].granularity = i < 2 || by_name ? FRAME_FUNCTION : FRAME_LINE;
	}
	for (uint32 row = 0; row < block->nrows && done; row++)
	{
		int			pair = row / 5 % 2;
		const char *flaw = add_row_twice(block, row, by_name, &trees[pair * 2], 1 + pair, &error);

		if (flaw != NULL)
			unit_note("row %u of %s: %s: %s", row, what, flaw, error.message);
		done = flaw == NULL;
	}
	for (int i = 0; i < 4 && done; i++)
		nwrong += count_differences(&trees[i], &trees[i ^ 1]);
	unit_ok(done && nwrong == 0, "views%s of %s are their profiles", by_name ? " by name" : "",
			what);
	unit_memory_free(&memory);
}

/* Name tree and sums fit their block, and no other one. */
static void
check_check(StackBlock *block, const TextBuffer *parts, const Expected *list, const char *what)
{
	bool		has_equals = list->n > 10 && strcmp(list->label[0], list->label[10]) == 0;
	UnitMemory	memory;
	PyroError	error = {0};
	TextBuffer	others[STACK_PART_END];
	ByteRange	tree = byte_range(parts[STACK_TREE].data, parts[STACK_TREE].length);
	ByteRange	sums = byte_range(parts[STACK_SUMS].data, parts[STACK_SUMS].length);
	bool		sound;

	unit_memory_init(&memory);
	sound = stack_block_check(block, tree, sums, MAX_MEMORY, &memory.allocator, &error);
	unit_ok(sound, "tree and sums of %s fit", what);
	if (!sound)
		unit_note("%s", error.message);

	/* all rows in their order, which is another one */
	if (sound && has_equals)
	{
		StackRuns	runs = {.nruns = 2,.run_end = (uint32[]) {1, list->n},.ends_leading = (bool[]) {false, true}};

		unit_ok(build(list, 0, list->n, NULL, &runs, &memory, others, &error) &&
				!stack_block_check(block, tree,
								   byte_range(others[STACK_SUMS].data, others[STACK_SUMS].length),
								   MAX_MEMORY, &memory.allocator, &error) &&
				error.kind == PYRO_CORRUPT, "sums of another order of %s do not", what);
		unit_ok(build(list, 0, 5, NULL, NULL, &memory, others, &error) &&
				!stack_block_check(block,
								   byte_range(others[STACK_TREE].data, others[STACK_TREE].length),
								   sums, MAX_MEMORY, &memory.allocator, &error) &&
				error.kind == PYRO_CORRUPT, "nor does the tree of a few of %s", what);
	}
	unit_memory_free(&memory);
}

/* ---- sums ---- */

/* What the rows of a group among these add up to. */
static bool
sum_rows(StackBlock *block, const NameTree *tree, const StackSumsSet *set, uint32 group,
		 uint32 type, int128 *sums, UnitMemory *memory, PyroError *error)
{
	memset(sums, 0, tree->nnodes * sizeof(int128));
	for (uint32 row = set->first_row; row < set->first_row + set->row_count; row++)
	{
		const StackHead *head = &block->heads[row];
		uint32	   *keys;
		int64	  **values;

		if (block->shapes.shapes[head->shape].group != group)
			continue;
		if (!stack_block_samples(block, row, &memory->allocator, &keys, &values, error))
			return false;
		for (uint32 i = 0; i < head->nsamples; i++)
			sums[tree->stack_node[block->dictionary.key_node[keys[i]]]] += values[type][i];
	}
	return true;
}

/* The sums of a list that are not those of its rows. */
static uint32
check_list(StackBlock *block, const NameTree *tree, const StackSumsSet *set,
		   const StackSumsList *list, uint32 *nknown)
{
	UnitMemory	memory;
	PyroError	error = {0};
	uint32		nwrong = 0;
	int128	   *sums;

	unit_memory_init(&memory);
	sums = allocate_array(&memory.allocator, tree->nnodes, sizeof(int128));
	for (uint32 t = 0; t < block->shapes.groups[list->group].ntypes; t++)
	{
		if (list->values[t] == NULL)
			continue;
		if (!sum_rows(block, tree, set, list->group, t, sums, &memory, &error))
			nwrong++;
		for (uint32 i = 0; i < list->nnodes; i++)
		{
			nwrong += sums[list->nodes[i]] != list->values[t][i];
			sums[list->nodes[i]] = 0;
		}
		for (uint32 node = 0; node < tree->nnodes; node++)
			nwrong += sums[node] != 0;
		++*nknown;
	}
	unit_memory_free(&memory);
	return nwrong;
}

static void
check_sums(StackBlock *block, const TextBuffer *parts, const StackRuns *runs, const char *what)
{
	UnitMemory	memory;
	PyroError	error = {0};
	NameTree	tree;
	StackSums	sums = {0};
	uint32		nknown = 0;
	uint32		nwrong = 0;

	unit_memory_init(&memory);
	if (!name_tree_read(byte_range(parts[STACK_TREE].data, parts[STACK_TREE].length), MAX_MEMORY,
						&memory.allocator, &tree, &error) ||
		!name_tree_find_stacks(&tree, &block->dictionary.stacks, &memory.allocator, &error) ||
		!stack_sums_open(byte_range(parts[STACK_SUMS].data, parts[STACK_SUMS].length),
						 block->nrows, tree.nnodes, block->shapes.ngroups, block->shapes.groups,
						 MAX_MEMORY, &memory.allocator, &sums, &error))
	{
		unit_note("%s", error.message);
		nwrong++;
	}
	for (uint32 i = 0; i < sums.nruns + sums.nleading; i++)
	{
		const StackSumsSet *set = i < sums.nruns ? &sums.runs[i] :
		&sums.leading[i - sums.nruns];

		for (uint32 k = 0; k < set->nlists; k++)
			nwrong += check_list(block, &tree, set, &set->lists[k], &nknown);
	}
	for (uint32 i = 0; i < sums.nruns; i++)
		nwrong += sums.runs[i].first_row + sums.runs[i].row_count != runs->run_end[i];
	unit_ok(nwrong == 0 && sums.nruns == runs->nruns, "%u lists of sums of %s are right",
			nknown, what);
	unit_memory_free(&memory);
}

/* Runs of one row, two rows and so on; every third one ends a leading key. */
static StackRuns
make_runs(uint32 nrows, uint32 *run_end, bool *ends_leading)
{
	StackRuns	runs = {.run_end = run_end,.ends_leading = ends_leading};

	for (uint32 row = 0; row < nrows; runs.nruns++)
	{
		row = Min(row + runs.nruns + 1, nrows);
		run_end[runs.nruns] = row;
		ends_leading[runs.nruns] = runs.nruns % 3 == 2;
	}
	return runs;
}

/* All in one block, in an order and with runs of its own. */
static void
check_block(const Expected *list, const char *what)
{
	UnitMemory	memory;
	PyroError	error = {0};
	TextBuffer	parts[STACK_PART_END];
	StackBlock *block;
	uint32		order[MAX_PROFILES];
	uint32		run_end[MAX_PROFILES];
	bool		ends_leading[MAX_PROFILES];
	StackRuns	runs = make_runs(list->n, run_end, ends_leading);

	unit_memory_init(&memory);
	for (uint32 i = 0; i < list->n; i++)
		order[i] = (i * 7 + 3) % list->n;
	for (uint32 i = 0; list->n % 7 == 0 && i < list->n; i++)
		order[i] = list->n - 1 - i;
	if (!build(list, 0, list->n, order, &runs, &memory, parts, &error) ||
		(block = open_parts(list->n, parts, &memory, &error)) == NULL)
	{
		unit_ok(false, "a block of %s", what);
		unit_note("%s", error.message);
	}
	else
	{
		unit_ok(check_rows(block, list, 0, list->n, order) == 0,
				"%u profiles of %s come back from a block", list->n, what);
		check_sums(block, parts, &runs, what);
		check_views(block, false, what);
		unit_ok(stack_block_open_names(block, byte_range(parts[STACK_TREE].data, parts[STACK_TREE].length),
									   MAX_MEMORY, &error), "the name tree of %s is opened", what);
		check_views(block, true, what);
		check_check(block, parts, list, what);
		check_searches(block, what);
	}
	unit_memory_free(&memory);
}

/* Three blocks merged, every tenth row left out. */
/* Rows of a block that the merged one takes, as far as the pattern has them. */
static uint32
rows_to_merge(uint32 first, uint32 n, uint32 left_out, uint32 *rows)
{
	uint32		nrows = 0;

	for (uint32 row = 0; row < n; row++)
		if ((first + row) % 10 < 10 - left_out)
			rows[nrows++] = row;
	return nrows;
}

/* Of ten rows so many are left out, which the builder is told before or not. */
static void
check_merge(const Expected *list, uint32 left_out, bool expects, const char *what)
{
	static uint32 rows[lengthof(all.flat)];
	UnitMemory	memory;
	PyroError	error = {0};
	TextBuffer	parts[STACK_PART_END];
	TextBuffer	direct[STACK_PART_END];
	StackBuilder *builder;
	StackBlock *merged = NULL;
	static Expected kept;
	bool		done = true;
	bool		same = true;

	unit_memory_init(&memory);
	kept.n = 0;
	builder = stack_builder_create(&memory.allocator, &error);
	for (uint32 part = 0; part < 3 && done; part++)
	{
		uint32		first = list->n * part / 3;
		uint32		last = list->n * (part + 1) / 3;
		uint32		nrows;
		StackBlock *block = NULL;

		done = build(list, first, last, NULL, NULL, &memory, parts, &error) &&
			(block = open_parts(last - first, parts, &memory, &error)) != NULL;
		nrows = rows_to_merge(first, last - first, left_out, rows);
		if (done && expects)
			done = stack_builder_expect_rows(builder, block, rows, nrows, &memory.allocator,
											 &error);
		for (uint32 i = 0; i < nrows && done; i++)
		{
			done = stack_builder_add_row(builder, block, rows[i], &memory.allocator, &error);
			kept.flat[kept.n] = list->flat[first + rows[i]];
			kept.label[kept.n++] = list->label[first + rows[i]];
		}
	}
	done = done && stack_builder_finish(builder, NULL, NULL, parts, &error) &&
		(merged = open_parts(kept.n, parts, &memory, &error)) != NULL;
	if (!unit_ok(done, "blocks of %s are merged", what))
		unit_note("%s", error.message);
	else
	{
		unit_ok(check_rows(merged, &kept, 0, kept.n, NULL) == 0,
				"%u profiles of %s come back from merged blocks", kept.n, what);
		/* nothing of the rows that were left out stays behind */
		done = build(&kept, 0, kept.n, NULL, NULL, &memory, direct, &error);
		for (int i = STACK_HEADS; i < STACK_PART_END && done; i++)
			if (parts[i].length != direct[i].length ||
				(parts[i].length > 0 &&
				 memcmp(parts[i].data, direct[i].data, direct[i].length) != 0))
			{
				same = false;
				unit_note("part %d differs: %zu and %zu bytes", i, parts[i].length,
						  direct[i].length);
			}
		unit_ok(done && same, "merged blocks of %s are what their rows make", what);
	}
	unit_memory_free(&memory);
}

/* ---- damage ---- */

static void
read_damaged(const TextBuffer *parts, uint32 nrows, uint32 *nrefused)
{
	UnitMemory	memory;
	PyroError	error = {0};
	StackBlock *block;

	unit_memory_init(&memory);
	memory.max_bytes = (size_t) 64 << 20;
	block = open_parts(nrows, parts, &memory, &error);
	if (block == NULL)
		++* nrefused;
	for (uint32 row = 0; block != NULL && row < nrows; row++)
	{
		UnitMemory	scratch;
		Profile		profile;

		unit_memory_init(&scratch);
		scratch.max_bytes = (size_t) 64 << 20;
		if (!stack_block_read(block, row, &scratch.allocator, &profile, &error))
			++* nrefused;
		unit_memory_free(&scratch);
	}
	unit_memory_free(&memory);
}

/* Every byte of a small block, changed in some ways; every part, cut off. */
static void
check_damage(void)
{
	static Expected few;
	UnitMemory	memory;
	PyroError	error = {0};
	TextBuffer	parts[STACK_PART_END];
	uint32		nrefused = 0;
	uint32		ntried = 0;

	unit_memory_init(&memory);
	for (uint32 i = 0; i < all.n && few.n < 3; i++)
		if (all.flat[i].length < 2000)
		{
			few.flat[few.n] = all.flat[i];
			few.label[few.n++] = all.label[i];
		}
	if (!build(&few, 0, few.n, NULL, NULL, &memory, parts, &error))
		unit_ok(false, "a small block");
	else
	{
		static const uint8 changes[] = {1, 0x80, 0xFF};

		for (int part = STACK_HEADS; part < STACK_PART_END; part++)
			for (size_t i = 0; i < parts[part].length; i++)
			{
				char		byte = parts[part].data[i];
				size_t		length = parts[part].length;

				for (int k = 0; k < lengthof(changes); k++, ntried++)
				{
					parts[part].data[i] = byte ^ changes[k];
					read_damaged(parts, few.n, &nrefused);
				}
				parts[part].data[i] = byte;
				parts[part].length = i;
				read_damaged(parts, few.n, &nrefused);
				parts[part].length = length;
				ntried++;
			}
		unit_ok(nrefused > 0 && ntried > 0,
				"%u damaged blocks do no harm", ntried);
	}
	unit_memory_free(&memory);
}

/* Every allocation fails once. */
static void
check_no_memory(void)
{
	static Expected few;
	uint32		nfailed = 0;
	bool		sound = true;

	for (uint32 i = 0; i < all.n && few.n < 2; i++)
		if (all.flat[i].length < 4000)
		{
			few.flat[few.n] = all.flat[i];
			few.label[few.n++] = all.label[i];
		}
	for (uint64 fail_at = 1;; fail_at++)
	{
		UnitMemory	memory;
		PyroError	error = {0};
		TextBuffer	parts[STACK_PART_END];
		StackBlock *block;
		Profile		profile;
		bool		done;

		unit_memory_init(&memory);
		memory.fail_at = fail_at;
		done = build(&few, 0, few.n, NULL, NULL, &memory, parts, &error) &&
			(block = open_parts(few.n, parts, &memory, &error)) != NULL &&
			stack_block_read(block, 0, &memory.allocator, &profile, &error);
		if (!done && error.kind != PYRO_NO_MEMORY && error.kind != PYRO_LIMIT)
			sound = false;
		unit_memory_free(&memory);
		if (done)
			break;
		nfailed++;
	}
	unit_ok(sound && nfailed > 10, "%u failed allocations are reported", nfailed);
}

/* ---- long jumps ---- */

static jmp_buf jump;
static uint64 jump_at = 0;		/* this allocation from now; 0: none */

static void *
allocate_or_jump(void *owner, size_t size)
{
	if (jump_at > 0 && --jump_at == 0)
		longjmp(jump, 1);
	return unit_allocate(owner, size);
}

/* Read a row; false if that was left by a jump. */
static bool
read_or_jump(StackBlock *block, uint32 row, const Allocator *allocator)
{
	Profile		profile;
	PyroError	error = {0};

	if (setjmp(jump) != 0)
		return false;
	stack_block_read(block, row, allocator, &profile, &error);
	jump_at = 0;
	return true;
}

/* As a query is cancelled: at each allocation while a row is read. */
static void
check_jumps(void)
{
	static Expected few;
	UnitMemory	memory;
	Allocator	jumping;
	PyroError	error = {0};
	TextBuffer	parts[STACK_PART_END];
	ByteRange	ranges[STACK_PART_END] = {{0}};
	StackBlock *block = NULL;
	uint32		njumps = 0;
	uint32		nwrong = 0;

	unit_memory_init(&memory);
	jumping = memory.allocator;
	jumping.allocate = allocate_or_jump;
	for (uint32 i = 0; i < all.n && few.n < 4; i++)
		if (all.flat[i].length > 1000 && all.flat[i].length < 4000)
		{
			few.flat[few.n] = all.flat[i];
			few.label[few.n++] = all.label[i];
		}
	if (build(&few, 0, few.n, NULL, NULL, &memory, parts, &error))
	{
		for (int i = STACK_HEADS; i < STACK_PART_END; i++)
			ranges[i] = byte_range(parts[i].data, parts[i].length);
		block = stack_block_open(few.n, ranges, MAX_MEMORY, &jumping, &error);
	}
	for (uint32 row = 0; block != NULL && row < few.n; row++)
		for (uint64 at = 1;; at++)
		{
			jump_at = at;
			if (read_or_jump(block, row, &jumping))
				break;
			njumps++;
			nwrong += check_rows(block, &few, 0, few.n, NULL);
		}
	unit_ok(block != NULL && njumps > 20 && nwrong == 0,
			"after %u jumps out of reading a row all rows are right", njumps);
	unit_memory_free(&memory);
}

/* ---- where profiles come from ---- */

static void
take_file(const char *path, const char *format, const uint8 *bytes, size_t size)
{
	UnitMemory	memory;
	Profile		profile;
	PyroError	error = {0};

	unit_memory_init(&memory);
	if (pprof_read(bytes, size, &wide_limits, &memory.allocator, &profile, &error))
		expect(&all, &profile, strrchr(path, '/') + 1, &memory);
	unit_memory_free(&memory);
}

static void
take_random(uint32 n)
{
	for (uint32 seed = 1; seed <= n; seed++)
	{
		UnitRandom	random = unit_random_seed(seed);
		UnitMemory	memory;
		Profile		profile;
		PyroError	error = {0};
		Bytes		bytes = {0};
		char		label[32];

		random_profile(&random, &bytes);
		unit_memory_init(&memory);
		snprintf(label, sizeof(label), "random %u", seed);
		if (pprof_read(bytes.data, bytes.size, &wide_limits, &memory.allocator,
					   &profile, &error))
			expect(&all, &profile, label, &memory);
		unit_memory_free(&memory);
		bytes_free(&bytes);
	}
}

int
main(void)
{
	Expected   *none = calloc(1, sizeof(Expected));

	check_block(none, "nothing");
	free(none);
	for_all_files(take_file);
	check_block(&all, "files");
	check_merge(&all, 1, false, "files");
	check_merge(&all, 1, true, "files");
	check_merge(&all, 8, true, "files");
	repeat(&all, 10, 60);
	check_block(&all, "equal files");
	forget(&all);
	take_random(MAX_PROFILES);
	check_block(&all, "random making");
	check_merge(&all, 1, false, "random making");
	check_merge(&all, 1, true, "random making");
	check_merge(&all, 8, true, "random making");
	check_damage();
	check_no_memory();
	check_jumps();
	forget(&all);
	return unit_finish();
}
