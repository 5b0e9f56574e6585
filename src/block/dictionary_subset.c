/*
 * dictionary_subset.c
 *	  The part of a block's dictionary that one row uses.
 *
 * A row uses little of a large dictionary, and what it costs to find that
 * part must depend on the row alone.  What is used is marked in bitmaps that
 * have a summary, one bit for each of their words, so that reading the marks
 * in order, which is the canonical one, steps over what is empty.  Reading
 * clears the marks: the bitmaps are ready for the next row.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "port/pg_bitutils.h"

#include "block/block_dictionary.h"
#include "block/counting_sort.h"

/* Elements of one kind. */
typedef struct MarkedSet
{
	uint32		n;				/* of the sealed dictionary */
	uint64	   *bits;
	uint64	   *summary;		/* which words of bits are not zero */
	uint32	   *place;			/* in the row, of what it uses */
	uint32		nmarked;
	uint32	   *marked;			/* by place in the row */
} MarkedSet;

struct DictionarySubset
{
	const SealedDictionary *sealed;
	bool		has_marks;		/* of a row that was not finished */
	MarkedSet	strings;
	MarkedSet	mappings;
	MarkedSet	functions;
	MarkedSet	locations;
	MarkedSet	nodes;
	MarkedSet	label_sets;
};

/* One call of dictionary_subset_row(). */
typedef struct RowSubset
{
	DictionarySubset *subset;
	const SealedDictionary *sealed;
	const SubsetRequest *request;
	const Allocator *allocator;
	RowDictionary *row;
	PyroError  *error;
} RowSubset;

/* ---- marks ---- */

static bool
init_marks(MarkedSet *set, uint32 n, const Allocator *allocator)
{
	size_t		nwords = (size_t) n / 64 + 1;
	size_t		nsummaries = nwords / 64 + 1;

	set->n = n;
	set->nmarked = 0;
	set->bits = allocate_array(allocator, nwords, sizeof(uint64));
	set->summary = allocate_array(allocator, nsummaries, sizeof(uint64));
	set->place = allocate_array(allocator, n, sizeof(uint32));
	if (set->bits == NULL || set->summary == NULL || set->place == NULL)
		return false;
	memset(set->bits, 0, nwords * sizeof(uint64));
	memset(set->summary, 0, nsummaries * sizeof(uint64));
	return true;
}

static inline bool
is_marked(const MarkedSet *set, uint32 i)
{
	return (set->bits[i / 64] >> (i % 64)) & 1;
}

static inline void
mark(MarkedSet *set, uint32 i)
{
	uint64	   *word = &set->bits[i / 64];
	uint64		bit = UINT64CONST(1) << (i % 64);

	if (*word == 0)
		set->summary[i / 64 / 64] |= UINT64CONST(1) << (i / 64 % 64);
	set->nmarked += (*word & bit) == 0;
	*word |= bit;
}

static void
clear_marks(MarkedSet *set)
{
	memset(set->bits, 0, ((size_t) set->n / 64 + 1) * sizeof(uint64));
	memset(set->summary, 0,
		   ((size_t) set->n / 64 / 64 + 1) * sizeof(uint64));
	set->nmarked = 0;
}

/*
 * Take the marks off a set: what was marked, in ascending order, and the
 * place of each there.
 */
static bool
take_marks(RowSubset *r, MarkedSet *set, uint32 *nmarked)
{
	size_t		nsummaries = (size_t) set->n / 64 / 64 + 1;
	uint32	   *marked = allocate_or_fail(r->allocator, set->nmarked,
										  sizeof(uint32), r->error);
	uint32	   *place = set->place;
	uint32		n = 0;

	set->marked = marked;
	if (marked == NULL)
		return false;
	for (size_t s = 0; s < nsummaries && n < set->nmarked; s++)
	{
		for (; set->summary[s] != 0; set->summary[s] &= set->summary[s] - 1)
		{
			uint32		word = s * 64 + pg_rightmost_one_pos64(set->summary[s]);
			uint64		bits = set->bits[word];

			set->bits[word] = 0;
			for (; bits != 0; bits &= bits - 1)
			{
				uint32		i = word * 64 + pg_rightmost_one_pos64(bits);

				place[i] = n;
				marked[n++] = i;
			}
		}
	}
	set->nmarked = 0;
	*nmarked = n;
	return true;
}

/* What a loop over n will read so much later is asked for ahead of time. */
#define PREFETCH	16
#define AHEAD(i, n)	Min((i) + PREFETCH, (n) - 1)

/* ---- from the samples down to the strings: what is used ---- */

static bool
check_request(RowSubset *r)
{
	const SubsetRequest *request = r->request;

	for (uint32 i = 0; i < request->nkeys; i++)
		if (request->keys[i] >= r->sealed->nkeys)
			return pyro_fail(r->error, PYRO_CORRUPT,
							 "sample %u of a row has key %u, but there are only %u",
							 i, request->keys[i], r->sealed->nkeys);
	for (uint32 i = 0; i < request->nmappings; i++)
		if (request->mappings[i] >= r->sealed->stacks.nmappings)
			return pyro_fail(r->error, PYRO_CORRUPT,
							 "a row has mapping %u, but there are only %u",
							 request->mappings[i],
							 r->sealed->stacks.nmappings);
	for (uint32 i = 0; i < request->nstrings; i++)
		if (request->strings[i] >= r->sealed->stacks.nstrings)
			return pyro_fail(r->error, PYRO_CORRUPT,
							 "a row has string %u, but there are only %u",
							 request->strings[i], r->sealed->stacks.nstrings);
	return true;
}

static void
mark_request(RowSubset *r)
{
	DictionarySubset *subset = r->subset;
	const SealedDictionary *sealed = r->sealed;
	const uint32 *parent = sealed->stacks.node_parent;
	const uint32 *keys = r->request->keys;
	uint32		nkeys = r->request->nkeys;

	mark(&subset->nodes, 0);
	mark(&subset->label_sets, 0);
	mark(&subset->strings, 0);
	for (uint32 i = 0; i < nkeys; i++)
	{
		uint32		key = keys[i];
		uint32		ahead = keys[AHEAD(i, nkeys)];
		uint32		far_ahead = keys[AHEAD(i + PREFETCH, nkeys)];

		__builtin_prefetch(&sealed->key_node[far_ahead]);
		__builtin_prefetch(&sealed->key_label_set[far_ahead]);
		__builtin_prefetch(&parent[sealed->key_node[ahead]]);
		mark(&subset->label_sets, sealed->key_label_set[key]);
		for (uint32 node = sealed->key_node[key];
			 !is_marked(&subset->nodes, node); node = parent[node])
			mark(&subset->nodes, node);
	}
	for (uint32 i = 0; i < r->request->nmappings; i++)
		mark(&subset->mappings, r->request->mappings[i]);
	for (uint32 i = 0; i < r->request->nstrings; i++)
		mark(&subset->strings, r->request->strings[i]);
}

/* Nodes need locations, these functions and mappings. */
static bool
take_frames(RowSubset *r)
{
	DictionarySubset *subset = r->subset;
	const StackDictionary *all = &r->sealed->stacks;
	StackDictionary *stacks = &r->row->stacks;
	const uint32 *nodes;
	const uint32 *locations;

	if (!take_marks(r, &subset->nodes, &stacks->nnodes))
		return false;
	nodes = subset->nodes.marked;
	for (uint32 i = 1; i < stacks->nnodes; i++)
	{
		__builtin_prefetch(&all->node_location[nodes[AHEAD(i, stacks->nnodes)]]);
		mark(&subset->locations, all->node_location[nodes[i]]);
	}
	if (!take_marks(r, &subset->locations, &stacks->nlocations))
		return false;
	locations = subset->locations.marked;
	for (uint32 i = 0; i < stacks->nlocations; i++)
	{
		const StackLocation *location = &all->locations[locations[i]];
		uint32		ahead = locations[AHEAD(i, stacks->nlocations)];
		uint32		far_ahead = locations[AHEAD(i + PREFETCH, stacks->nlocations)];

		__builtin_prefetch(&all->locations[far_ahead]);
		__builtin_prefetch(&all->lines[all->locations[ahead].line_start]);
		if (location->mapping != 0)
			mark(&subset->mappings, location->mapping - 1);
		for (uint32 k = 0; k < location->nlines; k++)
		{
			uint32		function = all->lines[location->line_start + k].function;

			if (function != 0)
				mark(&subset->functions, function - 1);
		}
		stacks->nlines += location->nlines;
	}
	return take_marks(r, &subset->functions, &stacks->nfunctions) &&
		take_marks(r, &subset->mappings, &stacks->nmappings);
}

static inline uint32
label_set_start(const LabelSets *sets, uint32 set)
{
	return set == 0 ? 0 : sets->set_end[set - 1];
}

/* Functions, mappings and labels need strings. */
static bool
take_strings(RowSubset *r, uint32 *nlabels)
{
	DictionarySubset *subset = r->subset;
	MarkedSet  *strings = &subset->strings;
	const StackDictionary *all = &r->sealed->stacks;
	const LabelSets *sets = &r->sealed->label_sets;

	for (uint32 i = 0; i < r->row->stacks.nfunctions; i++)
	{
		const StackFunction *function = &all->functions[subset->functions.marked[i]];

		mark(strings, function->name);
		mark(strings, function->system_name);
		mark(strings, function->filename);
	}
	for (uint32 i = 0; i < r->row->stacks.nmappings; i++)
	{
		const StackMapping *mapping = &all->mappings[subset->mappings.marked[i]];

		mark(strings, mapping->filename);
		mark(strings, mapping->build_id);
	}
	if (!take_marks(r, &subset->label_sets, &r->row->label_sets.nsets))
		return false;
	*nlabels = 0;
	for (uint32 i = 0; i < r->row->label_sets.nsets; i++)
	{
		uint32		set = subset->label_sets.marked[i];

		for (uint32 k = label_set_start(sets, set); k < sets->set_end[set]; k++)
		{
			mark(strings, sets->labels[k].key);
			mark(strings, sets->labels[k].string);
			mark(strings, sets->labels[k].unit);
			++*nlabels;
		}
	}
	return take_marks(r, strings, &r->row->stacks.nstrings);
}

/* ---- the dictionary of the row ---- */

static void *
new_array(RowSubset *r, size_t n, size_t element_size)
{
	return allocate_or_fail(r->allocator, n, element_size, r->error);
}

static bool
allocate_row(RowSubset *r, uint32 nlabels)
{
	RowDictionary *row = r->row;
	StackDictionary *stacks = &row->stacks;
	uint32		nsamples = r->request->nkeys;

	return (stacks->strings = new_array(r, stacks->nstrings, sizeof(StringRef))) != NULL &&
		(stacks->mappings = new_array(r, stacks->nmappings, sizeof(StackMapping))) != NULL &&
		(stacks->functions = new_array(r, stacks->nfunctions, sizeof(StackFunction))) != NULL &&
		(stacks->lines = new_array(r, stacks->nlines, sizeof(StackLine))) != NULL &&
		(stacks->locations = new_array(r, stacks->nlocations, sizeof(StackLocation))) != NULL &&
		(stacks->node_parent = new_array(r, stacks->nnodes, sizeof(uint32))) != NULL &&
		(stacks->node_depth = new_array(r, stacks->nnodes, sizeof(uint32))) != NULL &&
		(stacks->node_location = new_array(r, stacks->nnodes, sizeof(uint32))) != NULL &&
		(row->label_sets.set_end = new_array(r, row->label_sets.nsets, sizeof(uint32))) != NULL &&
		(row->label_sets.labels = new_array(r, nlabels, sizeof(ProfileLabel))) != NULL &&
		(row->sample_node = new_array(r, nsamples, sizeof(uint32))) != NULL &&
		(row->sample_label_set = new_array(r, nsamples, sizeof(uint32))) != NULL &&
		(row->sample_index = new_array(r, nsamples, sizeof(uint32))) != NULL &&
		(row->mapping = new_array(r, r->request->nmappings, sizeof(uint32))) != NULL &&
		(row->string = new_array(r, r->request->nstrings, sizeof(uint32))) != NULL;
}

/* A reference as index + 1, or 0 for none, in the row. */
static inline uint32
place_reference(const MarkedSet *set, uint32 reference)
{
	return reference == 0 ? 0 : set->place[reference - 1] + 1;
}

static void
copy_names(RowSubset *r)
{
	DictionarySubset *subset = r->subset;
	const StackDictionary *all = &r->sealed->stacks;
	StackDictionary *stacks = &r->row->stacks;
	const uint32 *string = subset->strings.place;

	for (uint32 i = 0; i < stacks->nstrings; i++)
		stacks->strings[i] = all->strings[subset->strings.marked[i]];
	for (uint32 i = 0; i < stacks->nmappings; i++)
	{
		StackMapping mapping = all->mappings[subset->mappings.marked[i]];

		mapping.filename = string[mapping.filename];
		mapping.build_id = string[mapping.build_id];
		stacks->mappings[i] = mapping;
	}
	for (uint32 i = 0; i < stacks->nfunctions; i++)
	{
		StackFunction function = all->functions[subset->functions.marked[i]];

		function.name = string[function.name];
		function.system_name = string[function.system_name];
		function.filename = string[function.filename];
		stacks->functions[i] = function;
	}
	for (uint32 i = 0; i < r->request->nmappings; i++)
		r->row->mapping[i] = subset->mappings.place[r->request->mappings[i]];
	for (uint32 i = 0; i < r->request->nstrings; i++)
		r->row->string[i] = string[r->request->strings[i]];
}

static void
copy_locations(RowSubset *r)
{
	DictionarySubset *subset = r->subset;
	const StackDictionary *all = &r->sealed->stacks;
	StackDictionary *stacks = &r->row->stacks;
	StackLine  *line = stacks->lines;

	for (uint32 i = 0; i < stacks->nlocations; i++)
	{
		const StackLocation *from = &all->locations[subset->locations.marked[i]];
		StackLocation *to = &stacks->locations[i];

		*to = *from;
		to->mapping = place_reference(&subset->mappings, from->mapping);
		to->line_start = line - stacks->lines;
		for (uint32 k = 0; k < from->nlines; k++, line++)
		{
			*line = all->lines[from->line_start + k];
			line->function = place_reference(&subset->functions,
											 line->function);
		}
	}
}

static void
copy_nodes(RowSubset *r)
{
	const StackDictionary *all = &r->sealed->stacks;
	const StackDictionary *stacks = &r->row->stacks;
	const uint32 *marked = r->subset->nodes.marked;
	const uint32 *node_place = r->subset->nodes.place;
	const uint32 *location_place = r->subset->locations.place;
	uint32		n = stacks->nnodes;

	stacks->node_parent[0] = stacks->node_depth[0] = 0;
	stacks->node_location[0] = 0;
	for (uint32 i = 1; i < n; i++)
	{
		uint32		node = marked[i];
		uint32		ahead = marked[AHEAD(i, n)];

		__builtin_prefetch(&all->node_parent[ahead]);
		__builtin_prefetch(&all->node_depth[ahead]);
		__builtin_prefetch(&location_place[all->node_location[ahead]]);
		stacks->node_parent[i] = node_place[all->node_parent[node]];
		stacks->node_depth[i] = all->node_depth[node];
		stacks->node_location[i] = location_place[all->node_location[node]];
	}
}

static void
copy_label_sets(RowSubset *r)
{
	DictionarySubset *subset = r->subset;
	const LabelSets *all = &r->sealed->label_sets;
	LabelSets  *sets = &r->row->label_sets;
	const uint32 *string = subset->strings.place;
	uint32		nlabels = 0;

	for (uint32 i = 0; i < sets->nsets; i++)
	{
		uint32		set = subset->label_sets.marked[i];

		for (uint32 k = label_set_start(all, set); k < all->set_end[set]; k++)
		{
			ProfileLabel label = all->labels[k];

			label.key = string[label.key];
			label.string = string[label.string];
			label.unit = string[label.unit];
			sets->labels[nlabels++] = label;
		}
		sets->set_end[i] = nlabels;
	}
}

/* ---- samples ---- */

/* Put samples in order by node and label set; equal ones stay as they came. */
static bool
order_samples(RowSubset *r)
{
	RowDictionary *row = r->row;
	uint32		n = r->request->nkeys;
	uint32		nbuckets = Max(row->stacks.nnodes, row->label_sets.nsets);
	uint32	   *node = new_array(r, n, sizeof(uint32));
	uint32	   *set = new_array(r, n, sizeof(uint32));
	uint32	   *by_set = new_array(r, n, sizeof(uint32));
	uint32	   *start = new_array(r, nbuckets, sizeof(uint32));

	if (node == NULL || set == NULL || by_set == NULL || start == NULL)
		return false;
	memcpy(node, row->sample_node, n * sizeof(uint32));
	memcpy(set, row->sample_label_set, n * sizeof(uint32));
	counting_sort(row->sample_index, n, set, start, row->label_sets.nsets,
				  by_set);
	counting_sort(by_set, n, node, start, row->stacks.nnodes,
				  row->sample_index);
	for (uint32 i = 0; i < n; i++)
	{
		row->sample_node[i] = node[row->sample_index[i]];
		row->sample_label_set[i] = set[row->sample_index[i]];
	}
	r->allocator->release(r->allocator->owner, node);
	r->allocator->release(r->allocator->owner, set);
	r->allocator->release(r->allocator->owner, by_set);
	r->allocator->release(r->allocator->owner, start);
	return true;
}

static bool
place_samples(RowSubset *r)
{
	RowDictionary *row = r->row;
	uint64		previous = 0;
	bool		in_order = true;

	for (uint32 i = 0; i < r->request->nkeys; i++)
	{
		uint32		key = r->request->keys[i];
		uint64		place;

		row->sample_index[i] = i;
		row->sample_node[i] =
			r->subset->nodes.place[r->sealed->key_node[key]];
		row->sample_label_set[i] =
			r->subset->label_sets.place[r->sealed->key_label_set[key]];
		place = (uint64) row->sample_node[i] << 32 | row->sample_label_set[i];
		in_order &= place >= previous;
		previous = place;
	}
	return in_order || order_samples(r);
}

/* ---- the whole ---- */

/*
 * What taking rows out of a sealed dictionary needs; it serves one row after
 * the other.  Memory comes from the allocator, 4 bytes and a bit for each
 * element.  Returns NULL with PYRO_NO_MEMORY.
 */
DictionarySubset *
dictionary_subset_create(const SealedDictionary *sealed,
						 const Allocator *allocator, PyroError *error)
{
	DictionarySubset *subset = allocate_or_fail(allocator, 1,
												sizeof(DictionarySubset),
												error);

	if (subset == NULL)
		return NULL;
	subset->sealed = sealed;
	subset->has_marks = false;
	if (!init_marks(&subset->strings, sealed->stacks.nstrings, allocator) ||
		!init_marks(&subset->mappings, sealed->stacks.nmappings, allocator) ||
		!init_marks(&subset->functions, sealed->stacks.nfunctions, allocator) ||
		!init_marks(&subset->locations, sealed->stacks.nlocations, allocator) ||
		!init_marks(&subset->nodes, sealed->stacks.nnodes, allocator) ||
		!init_marks(&subset->label_sets, sealed->label_sets.nsets, allocator))
	{
		pyro_fail_memory(error);
		return NULL;
	}
	return subset;
}

/*
 * Forget what a row has marked that was not finished: it failed, or somebody
 * left it by a long jump, as an allocator may.
 */
static void
clear_all_marks(DictionarySubset *subset)
{
	clear_marks(&subset->strings);
	clear_marks(&subset->mappings);
	clear_marks(&subset->functions);
	clear_marks(&subset->locations);
	clear_marks(&subset->nodes);
	clear_marks(&subset->label_sets);
}

static bool
take_row(RowSubset *r)
{
	uint32		nlabels;

	if (!check_request(r))
		return false;
	mark_request(r);
	if (!take_frames(r) || !take_strings(r, &nlabels) ||
		!allocate_row(r, nlabels))
		return false;
	copy_names(r);
	copy_locations(r);
	copy_nodes(r);
	copy_label_sets(r);
	return place_samples(r);
}

/*
 * The part of the dictionary that a row uses, in canonical order and with
 * nothing else in it, as if its profile had never been in a block.
 *
 * Samples come in the order of a Profile, those of the same key as they are
 * in the request; row->sample_index tells which of its keys each is.
 * All arrays of the row come from the allocator; strings stay where they are.
 * Returns false with PYRO_CORRUPT where the request asks for what is not
 * there, or PYRO_NO_MEMORY; the subset can serve other rows then, also after
 * a long jump out of the allocator.  The sealed dictionary's own references are
 * believed.
 */
bool
dictionary_subset_row(DictionarySubset *subset, const SubsetRequest *request,
					  const Allocator *allocator, RowDictionary *row,
					  PyroError *error)
{
	RowSubset	r = {
		.subset = subset,.sealed = subset->sealed,.request = request,
		.allocator = allocator,.row = row,.error = error
	};

	memset(row, 0, sizeof(*row));
	if (subset->has_marks)
		clear_all_marks(subset);
	subset->has_marks = true;
	if (!take_row(&r))
		return false;
	subset->has_marks = false;
	return true;
}
