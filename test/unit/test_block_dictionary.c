/*
 * test_block_dictionary.c
 *	  Profiles come out of a block's dictionary as they went in.
 *
 * Blocks are made of random profiles and of real ones.  What sealing makes is
 * compared with the sum that profile_merge() makes of the same profiles, which
 * goes another way to the same canonical order.
 */
#include "postgres_fe.h"

#include "block/block_dictionary.h"
#include "block/open_dictionary.h"
#include "profile/profile_merge.h"

#include "profile_check.h"

/* A profile in a block, its parts by number in the open dictionary. */
typedef struct Row
{
	const Profile *profile;
	uint32	   *keys;
	uint32	   *mappings;
	uint32	   *comments;
} Row;

#define MAX_ROWS	64

typedef struct Block
{
	UnitMemory *memory;			/* of all but the open dictionary */
	OpenDictionary *open;
	Row			rows[MAX_ROWS];
	uint32		nrows;
	uint32	   *key_count;
	SealedDictionary sealed;
	DictionaryMap map;
	uint32	   *key_map;
} Block;

/* ---- into a block and out of it ---- */

static bool
begin_block(Block *block, UnitMemory *memory, const Allocator *allocator,
			PyroError *error)
{
	memset(block, 0, sizeof(*block));
	block->memory = memory;
	block->open = open_dictionary_create(allocator, error);
	return block->open != NULL;
}

static bool
new_numbers(Block *block, uint32 n, uint32 **numbers, PyroError *error)
{
	*numbers = allocate_or_fail(&block->memory->allocator, n, sizeof(uint32),
								error);
	return *numbers != NULL;
}

static bool
new_row(Block *block, const Profile *profile, Row **row, PyroError *error)
{
	*row = &block->rows[block->nrows];
	(*row)->profile = profile;
	return new_numbers(block, profile->header.nsamples, &(*row)->keys, error) &&
		new_numbers(block, profile->stacks->nmappings, &(*row)->mappings, error) &&
		new_numbers(block, profile->ncomments, &(*row)->comments, error);
}

static bool
add_profile(Block *block, const Profile *profile, PyroError *error)
{
	LabelSets	sets = {
		profile->nlabel_sets, profile->label_set_end, profile->labels
	};
	DictionaryMap map;
	Row		   *row;

	if (!new_row(block, profile, &row, error) ||
		!open_dictionary_add(block->open, profile->stacks, &sets,
							 &block->memory->allocator, &map, error))
		return false;
	for (uint32 i = 0; i < profile->header.nsamples; i++)
		if (!open_dictionary_key(block->open, map.node[profile->sample_node[i]],
								 map.label_set[profile->sample_label_set[i]],
								 &row->keys[i], error))
			return false;
	for (uint32 i = 0; i < profile->stacks->nmappings; i++)
		row->mappings[i] = map.mapping[i];
	for (uint32 i = 0; i < profile->ncomments; i++)
	{
		row->comments[i] = map.string[profile->comments[i]];
		open_dictionary_keep_string(block->open, row->comments[i]);
	}
	block->nrows++;
	return true;
}

static bool
seal_block(Block *block, PyroError *error)
{
	uint32		nkeys = open_dictionary_nkeys(block->open);

	if (!new_numbers(block, nkeys, &block->key_count, error))
		return false;
	memset(block->key_count, 0, nkeys * sizeof(uint32));
	for (uint32 r = 0; r < block->nrows; r++)
		for (uint32 i = 0; i < block->rows[r].profile->header.nsamples; i++)
			block->key_count[block->rows[r].keys[i]]++;
	return open_dictionary_seal(block->open, block->key_count,
								&block->memory->allocator, &block->sealed,
								&block->map, &block->key_map, error);
}

/* Add a sealed block to another one, but for rows whose bit is in dropped. */
static bool
add_block(Block *block, const Block *from, uint64 dropped, PyroError *error)
{
	DictionaryMap map;

	if (!open_dictionary_add(block->open, &from->sealed.stacks,
							 &from->sealed.label_sets,
							 &block->memory->allocator, &map, error))
		return false;
	for (uint32 r = 0; r < from->nrows; r++)
	{
		const Row  *old = &from->rows[r];
		Row		   *row;

		if ((dropped >> r) & 1)
			continue;
		if (!new_row(block, old->profile, &row, error))
			return false;
		for (uint32 i = 0; i < old->profile->header.nsamples; i++)
		{
			uint32		key = from->key_map[old->keys[i]];

			if (!open_dictionary_key(block->open,
									 map.node[from->sealed.key_node[key]],
									 map.label_set[from->sealed.key_label_set[key]],
									 &row->keys[i], error))
				return false;
		}
		for (uint32 i = 0; i < old->profile->stacks->nmappings; i++)
			row->mappings[i] = map.mapping[from->map.mapping[old->mappings[i]]];
		for (uint32 i = 0; i < old->profile->ncomments; i++)
		{
			row->comments[i] = map.string[from->map.string[old->comments[i]]];
			open_dictionary_keep_string(block->open, row->comments[i]);
		}
		block->nrows++;
	}
	return true;
}

/*
 * What a row asks for, its samples by key where `ascending`, else as they are
 * in the profile; sample[i] is the profile's one of key i.
 */
static bool
make_request(Block *block, const Row *row, bool ascending,
			 SubsetRequest *request, uint32 **sample, PyroError *error)
{
	uint32		n = row->profile->header.nsamples;
	uint32	   *keys;
	uint32	   *mappings;
	uint32	   *strings;

	if (!new_numbers(block, n, &keys, error) ||
		!new_numbers(block, n, sample, error) ||
		!new_numbers(block, row->profile->stacks->nmappings, &mappings, error) ||
		!new_numbers(block, row->profile->ncomments, &strings, error))
		return false;
	for (uint32 i = 0; i < n; i++)
	{
		uint32		key = block->key_map[row->keys[i]];
		uint32		k = i;

		for (; ascending && k > 0 && keys[k - 1] > key; k--)
		{
			keys[k] = keys[k - 1];
			(*sample)[k] = (*sample)[k - 1];
		}
		keys[k] = key;
		(*sample)[k] = i;
	}
	for (uint32 i = 0; i < row->profile->stacks->nmappings; i++)
		mappings[i] = block->map.mapping[row->mappings[i]];
	for (uint32 i = 0; i < row->profile->ncomments; i++)
		strings[i] = block->map.string[row->comments[i]];
	*request = (SubsetRequest)
	{
		n, keys, row->profile->stacks->nmappings, mappings,
			row->profile->ncomments, strings
	};
	return true;
}

/* A row's profile, from the part of the dictionary that it uses. */
static bool
rebuild(Block *block, const Row *row, DictionarySubset *subset,
		bool ascending, RowDictionary *part, Profile *profile,
		PyroError *error)
{
	const Allocator *allocator = &block->memory->allocator;
	const Profile *old = row->profile;
	SubsetRequest request;
	uint32	   *sample;

	if (!make_request(block, row, ascending, &request, &sample, error) ||
		!dictionary_subset_row(subset, &request, allocator, part, error))
		return false;
	*profile = *old;
	profile->stacks = &part->stacks;
	profile->main_mapping = old->main_mapping == 0 ? 0 :
		part->mapping[old->main_mapping - 1] + 1;
	profile->comments = part->string;
	profile->nlabel_sets = part->label_sets.nsets;
	profile->label_set_end = part->label_sets.set_end;
	profile->labels = part->label_sets.labels;
	profile->sample_node = part->sample_node;
	profile->sample_label_set = part->sample_label_set;
	profile->values = allocate_or_fail(allocator, old->header.nsample_types,
									   sizeof(int64 *), error);
	if (profile->values == NULL)
		return false;
	for (uint32 t = 0; t < old->header.nsample_types; t++)
	{
		profile->values[t] = allocate_or_fail(allocator, old->header.nsamples,
											  sizeof(int64), error);
		if (profile->values[t] == NULL)
			return false;
		for (uint32 i = 0; i < old->header.nsamples; i++)
			profile->values[t][i] = old->values[t][sample[part->sample_index[i]]];
	}
	return true;
}

static bool
same_content(const Profile *a, const Profile *b, UnitMemory *memory,
			 PyroError *error)
{
	TextBuffer	flat_a;
	TextBuffer	flat_b;

	return write_flat(a, false, memory, &flat_a, error) &&
		write_flat(b, false, memory, &flat_b, error) &&
		same_bytes(&flat_a, &flat_b);
}

/* How many rows of a sealed block do not come back. */
static uint32
count_damaged_rows(Block *block, PyroError *error)
{
	DictionarySubset *subset = dictionary_subset_create(&block->sealed,
														&block->memory->allocator,
														error);
	uint32		ndamaged = 0;

	if (subset == NULL)
		return block->nrows;
	for (uint32 r = 0; r < block->nrows; r++)
	{
		/* insertion sort is for small rows */
		bool		ascending = r % 2 == 0 &&
		block->rows[r].profile->header.nsamples < 5000;
		RowDictionary part;
		Profile		profile;
		UnitMemory *rows = block->memory;
		UnitMemory	memory;

		unit_memory_init(&memory);
		block->memory = &memory;
		ndamaged += !rebuild(block, &block->rows[r], subset, ascending, &part,
							 &profile, error) ||
			find_flaw(&profile) != NULL ||
			!same_content(block->rows[r].profile, &profile, &memory, error);
		block->memory = rows;
		unit_memory_free(&memory);
	}
	return ndamaged;
}

/* ---- the order of a sealed dictionary ---- */

/* The order of two lists of numbers of the same length. */
static int
compare_numbers(const uint64 *a, const uint64 *b, uint32 n)
{
	for (uint32 i = 0; i < n; i++)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

static inline uint64
sortable(int64 number)
{
	return (uint64) number ^ ((uint64) 1 << 63);
}

static bool
mappings_in_order(const StackDictionary *stacks)
{
	for (uint32 i = 1; i < stacks->nmappings; i++)
	{
		const StackMapping *a = &stacks->mappings[i - 1];
		const StackMapping *b = &stacks->mappings[i];
		uint64		numbers_a[] = {a->memory_start, a->memory_limit, a->file_offset, a->filename, a->build_id, a->flags};
		uint64		numbers_b[] = {b->memory_start, b->memory_limit, b->file_offset, b->filename, b->build_id, b->flags};

		if (compare_numbers(numbers_a, numbers_b, 6) >= 0)
			return false;
	}
	return true;
}

static bool
functions_in_order(const StackDictionary *stacks)
{
	for (uint32 i = 1; i < stacks->nfunctions; i++)
	{
		const StackFunction *a = &stacks->functions[i - 1];
		const StackFunction *b = &stacks->functions[i];
		uint64		numbers_a[] = {a->name, a->system_name, a->filename, sortable(a->start_line)};
		uint64		numbers_b[] = {b->name, b->system_name, b->filename, sortable(b->start_line)};

		if (compare_numbers(numbers_a, numbers_b, 4) >= 0)
			return false;
	}
	return true;
}

/* By functions, outermost first, then lines and columns, then the rest. */
static int
compare_locations(const StackDictionary *stacks, const StackLocation *a,
				  const StackLocation *b)
{
	const StackLine *lines_a = stacks->lines + a->line_start;
	const StackLine *lines_b = stacks->lines + b->line_start;
	uint64		rest_a[] = {a->address, a->mapping, a->is_folded};
	uint64		rest_b[] = {b->address, b->mapping, b->is_folded};

	for (uint32 k = 0; k < a->nlines || k < b->nlines; k++)
	{
		if (k >= a->nlines || k >= b->nlines)
			return k >= a->nlines ? -1 : 1;
		if (lines_a[k].function != lines_b[k].function)
			return lines_a[k].function < lines_b[k].function ? -1 : 1;
		/* of those with as many functions in common the shorter is first */
		if ((k + 1 < a->nlines) != (k + 1 < b->nlines))
			return k + 1 < a->nlines ? 1 : -1;
	}
	for (uint32 k = 0; k < a->nlines; k++)
	{
		uint64		line_a[] = {sortable(lines_a[k].line), sortable(lines_a[k].column)};
		uint64		line_b[] = {sortable(lines_b[k].line), sortable(lines_b[k].column)};
		int			order = compare_numbers(line_a, line_b, 2);

		if (order != 0)
			return order;
	}
	return compare_numbers(rest_a, rest_b, 3);
}

static bool
locations_in_order(const StackDictionary *stacks)
{
	for (uint32 i = 1; i < stacks->nlocations; i++)
		if (compare_locations(stacks, &stacks->locations[i - 1],
							  &stacks->locations[i]) >= 0)
			return false;
	return true;
}

static int
compare_sets(const LabelSets *sets, uint32 a, uint32 b)
{
	uint32		at_a = a == 0 ? 0 : sets->set_end[a - 1];
	uint32		at_b = b == 0 ? 0 : sets->set_end[b - 1];

	for (;; at_a++, at_b++)
	{
		const ProfileLabel *x = &sets->labels[at_a];
		const ProfileLabel *y = &sets->labels[at_b];

		if (at_a == sets->set_end[a] || at_b == sets->set_end[b])
			return (at_b == sets->set_end[b]) - (at_a == sets->set_end[a]);
		{
			uint64		numbers_x[] = {x->key, x->is_number, x->unit, x->string, sortable(x->number)};
			uint64		numbers_y[] = {y->key, y->is_number, y->unit, y->string, sortable(y->number)};
			int			order = compare_numbers(numbers_x, numbers_y, 5);

			if (order != 0)
				return order;
		}
	}
}

static bool
sets_in_order(const LabelSets *sets)
{
	if (sets->nsets == 0 || sets->set_end[0] != 0)
		return false;
	for (uint32 i = 1; i < sets->nsets; i++)
		if (compare_sets(sets, i - 1, i) >= 0)
			return false;
	return true;
}

/* Frequent keys first by powers of two, then by node and label set. */
static bool
keys_in_order(const Block *block)
{
	const SealedDictionary *sealed = &block->sealed;
	uint64	   *place = malloc((sealed->nkeys + 1) * sizeof(uint64) * 3);
	uint32		nfound = 0;
	bool		in_order = true;

	for (uint32 i = 0; i < open_dictionary_nkeys(block->open); i++)
	{
		uint32		key = block->key_map[i];
		uint32		count = block->key_count[i];
		uint64		class = 32;

		if ((key == PG_UINT32_MAX) != (count == 0))
			in_order = false;
		if (key == PG_UINT32_MAX)
			continue;
		for (; count > 0; count >>= 1)
			class--;
		place[3 * key] = class;
		place[3 * key + 1] = sealed->key_node[key];
		place[3 * key + 2] = sealed->key_label_set[key];
		nfound++;
	}
	for (uint32 i = 1; i < sealed->nkeys; i++)
		in_order &= compare_numbers(place + 3 * (i - 1), place + 3 * i, 3) < 0;
	free(place);
	return in_order && nfound == sealed->nkeys;
}

/* The sealed dictionary as a profile that has each key once. */
static void
profile_of_block(Block *block, Profile *profile)
{
	const SealedDictionary *sealed = &block->sealed;
	uint32		n = sealed->nkeys;
	bool	   *is_comment = calloc(sealed->stacks.nstrings, 1);
	uint32		nkept = 0;
	SubsetRequest request = {.nkeys = n};
	RowDictionary part;
	uint32	   *keys;
	PyroError	error;
	DictionarySubset *subset = dictionary_subset_create(sealed,
														&block->memory->allocator,
														&error);

	memset(profile, 0, sizeof(*profile));
	for (uint32 r = 0; r < block->nrows; r++)
		for (uint32 i = 0; i < block->rows[r].profile->ncomments; i++)
			is_comment[block->map.string[block->rows[r].comments[i]]] = true;
	if (!new_numbers(block, n, &keys, &error) ||
		!new_numbers(block, sealed->stacks.nstrings, &profile->comments, &error))
		abort();
	for (uint32 i = 0; i < n; i++)
		keys[i] = n - 1 - i;
	request.keys = keys;
	if (!dictionary_subset_row(subset, &request, &block->memory->allocator,
							   &part, &error))
		abort();
	for (uint32 i = 0; i < sealed->stacks.nstrings; i++)
		if (is_comment[i])
			profile->comments[nkept++] = i;
	free(is_comment);
	profile->ncomments = nkept;
	/* not those of the part, but of the whole, which shall be no more */
	profile->stacks = &block->sealed.stacks;
	profile->main_mapping = sealed->stacks.nmappings > 0;
	profile->nlabel_sets = sealed->label_sets.nsets;
	profile->label_set_end = sealed->label_sets.set_end;
	profile->labels = sealed->label_sets.labels;
	profile->header.nsamples = n;
	profile->sample_node = part.sample_node;
	profile->sample_label_set = part.sample_label_set;
}

static int
compare_uint32(const void *x, const void *y)
{
	uint32		a = *(const uint32 *) x;
	uint32		b = *(const uint32 *) y;

	return a < b ? -1 : a > b;
}

/* The sum of all profiles of a block without their values. */
static bool
sum_of_rows(Block *block, Profile *sum, PyroError *error)
{
	const Allocator *allocator = &block->memory->allocator;
	Profile    *previous = NULL;
	uint32		ncomments = 0;

	for (uint32 r = 0; r < block->nrows; r++)
	{
		Profile    *bare = allocate_array(allocator, 1, sizeof(Profile));
		Profile    *next = allocate_array(allocator, 1, sizeof(Profile));

		*bare = *block->rows[r].profile;
		memset(&bare->header, 0, sizeof(bare->header));
		bare->header.nsamples = block->rows[r].profile->header.nsamples;
		/* with itself, so that even one becomes a sum */
		if (!profile_merge(previous == NULL ? bare : previous, bare, allocator,
						   next, error))
			return false;
		previous = next;
	}
	*sum = *previous;
	/* equal lists of comments have stayed as they were */
	qsort(sum->comments, sum->ncomments, sizeof(uint32), compare_uint32);
	for (uint32 i = 0; i < sum->ncomments; i++)
		if (i == 0 || sum->comments[i] != sum->comments[i - 1])
			sum->comments[ncomments++] = sum->comments[i];
	sum->ncomments = ncomments;
	sum->main_mapping = sum->stacks->nmappings > 0;
	return true;
}

/* NULL, or what is wrong with the sealed dictionary of a block. */
static const char *
find_block_flaw(Block *block, PyroError *error)
{
	const StackDictionary *stacks = &block->sealed.stacks;
	Profile		whole;
	Profile		sum;
	const char *flaw;

	profile_of_block(block, &whole);
	flaw = find_flaw(&whole);
	if (flaw != NULL)
		return flaw;
	if (!mappings_in_order(stacks))
		return "mappings are out of order";
	if (!functions_in_order(stacks))
		return "functions are out of order";
	if (!locations_in_order(stacks))
		return "locations are out of order";
	if (!sets_in_order(&block->sealed.label_sets))
		return "label sets are out of order";
	if (!keys_in_order(block))
		return "keys are out of order";
	if (!sum_of_rows(block, &sum, error))
		return "the profiles have no sum";
	if (!same_content(&whole, &sum, block->memory, error))
		return "it is not that of the sum of its profiles";
	return NULL;
}

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

/* Without some rows nothing of them is left but mappings. */
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
		left->nmappings != a->sealed.stacks.nmappings ||
		left->nstrings > wanted->nstrings + 2 * left->nmappings ||
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
