/*
 * block_dictionary_check.h
 *	  Puts profiles into dictionaries of blocks and takes them out again, and
 *	  checks that a sealed dictionary is in order.
 */
#ifndef PYRO_BLOCK_DICTIONARY_CHECK_H
#define PYRO_BLOCK_DICTIONARY_CHECK_H

#include "block/block_dictionary.h"
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

static inline bool
begin_block(Block *block, UnitMemory *memory, const Allocator *allocator,
			PyroError *error)
{
	memset(block, 0, sizeof(*block));
	block->memory = memory;
	block->open = open_dictionary_create(allocator, error);
	return block->open != NULL;
}

static inline bool
new_numbers(Block *block, uint32 n, uint32 **numbers, PyroError *error)
{
	*numbers = allocate_or_fail(&block->memory->allocator, n, sizeof(uint32),
								error);
	return *numbers != NULL;
}

static inline bool
new_row(Block *block, const Profile *profile, Row **row, PyroError *error)
{
	*row = &block->rows[block->nrows];
	(*row)->profile = profile;
	return new_numbers(block, profile->header.nsamples, &(*row)->keys, error) &&
		new_numbers(block, profile->stacks->nmappings, &(*row)->mappings, error) &&
		new_numbers(block, profile->ncomments, &(*row)->comments, error);
}

static inline bool
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
	{
		row->mappings[i] = map.mapping[i];
		open_dictionary_keep_mapping(block->open, row->mappings[i]);
	}
	for (uint32 i = 0; i < profile->ncomments; i++)
	{
		row->comments[i] = map.string[profile->comments[i]];
		open_dictionary_keep_string(block->open, row->comments[i]);
	}
	block->nrows++;
	return true;
}

static inline bool
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
static inline bool
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
		{
			row->mappings[i] = map.mapping[from->map.mapping[old->mappings[i]]];
			open_dictionary_keep_mapping(block->open, row->mappings[i]);
		}
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
static inline bool
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
static inline bool
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

static inline bool
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
static inline uint32
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
static inline int
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

static inline bool
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

static inline bool
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
static inline int
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

static inline bool
locations_in_order(const StackDictionary *stacks)
{
	for (uint32 i = 1; i < stacks->nlocations; i++)
		if (compare_locations(stacks, &stacks->locations[i - 1],
							  &stacks->locations[i]) >= 0)
			return false;
	return true;
}

static inline int
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

static inline bool
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
static inline bool
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
static inline void
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

static inline int
compare_uint32(const void *x, const void *y)
{
	uint32		a = *(const uint32 *) x;
	uint32		b = *(const uint32 *) y;

	return a < b ? -1 : a > b;
}

/* The sum of all profiles of a block without their values. */
static inline bool
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
static inline const char *
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

#endif							/* PYRO_BLOCK_DICTIONARY_CHECK_H */
