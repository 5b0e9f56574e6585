/*
 * pprof_canonical.c
 *	  From pprof's messages to a Profile in canonical order.
 *
 * A file numbers its strings, functions and locations as it likes, repeats
 * some and refers to a part of them.  Here everything that samples refer to
 * is sorted into the order of stack_dictionary.h and numbered anew, from the
 * bottom up: strings, mappings, functions, locations, label sets, and last
 * the samples, whose order gives the stack trie.  What is equal becomes one;
 * equal samples stay apart, since pprof allows them.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "profile/id_map.h"
#include "profile/pprof.h"
#include "stack/sequence_entry.h"
#include "stack/string_symbol.h"

#define UNUSED		PG_UINT32_MAX

typedef struct Canonicaliser
{
	PprofMessage *in;
	const ProfileLimits *limits;
	const Allocator *allocator;
	Profile    *out;
	StackDictionary *stacks;
	PyroError  *error;

	/* from the file's index to the canonical one; UNUSED where not needed */
	uint32	   *string_rank;
	uint32	   *mapping_rank;
	uint32	   *function_rank;
	uint32	   *location_rank;
	uint32	   *sample_label_set;	/* of the file's samples */

	/* the file's references as indexes + 1, 0 for none */
	uint32	   *line_function;	/* of in->lines */
	uint32	   *location_mapping;	/* of in->locations */
	uint32	   *sample_locations;	/* of in->location_ids: index, no + 1 */

	/* scratch for sorting */
	SequenceEntry *entries;
	uint32	   *items;
	bool	   *same;
	size_t		capacity;
} Canonicaliser;

static bool
fail_memory(Canonicaliser *c)
{
	return pyro_fail_memory(c->error);
}

/* Array of n elements from the allocator, or NULL with the error set. */
static void *
new_array(Canonicaliser *c, size_t n, size_t element_size)
{
	void	   *array = allocate_array(c->allocator, n, element_size);

	if (array == NULL)
		fail_memory(c);
	return array;
}

/* An array of n numbers that all say UNUSED. */
static uint32 *
new_ranks(Canonicaliser *c, size_t n)
{
	uint32	   *ranks = new_array(c, n, sizeof(uint32));

	if (ranks != NULL)
		memset(ranks, 0xFF, n * sizeof(uint32));
	return ranks;
}

/* Scratch for sorting n items; what is in it is lost. */
static bool
reserve_scratch(Canonicaliser *c, size_t n)
{
	if (n <= c->capacity)
		return true;
	if (c->capacity > 0)
	{
		c->allocator->release(c->allocator->owner, c->entries);
		c->allocator->release(c->allocator->owner, c->items);
		c->allocator->release(c->allocator->owner, c->same);
		c->capacity = 0;
	}
	c->entries = new_array(c, 2 * n, sizeof(SequenceEntry));
	c->items = new_array(c, n, sizeof(uint32));
	c->same = new_array(c, n, sizeof(bool));
	if (c->entries == NULL || c->items == NULL || c->same == NULL)
		return false;
	c->capacity = n;
	return true;
}

/* Items whose rank is not UNUSED into the scratch; returns how many. */
static size_t
collect_used(Canonicaliser *c, const uint32 *rank, size_t n)
{
	size_t		nitems = 0;

	for (size_t i = 0; i < n; i++)
		if (rank[i] != UNUSED)
			c->items[nitems++] = i;
	return nitems;
}

/* Number sorted items, equal ones alike; returns the count of numbers. */
static uint32
assign_ranks(Canonicaliser *c, uint32 *rank, size_t nitems)
{
	uint32		n = 0;

	for (size_t i = 0; i < nitems; i++)
		rank[c->items[i]] = c->same[i] ? n - 1 : n++;
	return n;
}

/* A signed number as a symbol of the same order. */
static inline uint64
signed_symbol(int64 value)
{
	return (uint64) value ^ ((uint64) 1 << 63);
}

/* ---- what refers to what ---- */

static bool
build_id_map(Canonicaliser *c, IdMap *map, const char *what,
			 const void *items, size_t n, size_t item_size)
{
	uint64		offending = 0;

	switch (id_map_build(map, c->allocator, items, n, item_size, &offending))
	{
		case ID_MAP_OK:
			return true;
		case ID_MAP_ZERO:
			return pyro_fail(c->error, PYRO_MALFORMED, "a %s has the id 0",
							 what);
		case ID_MAP_REPEATED:
			return pyro_fail(c->error, PYRO_MALFORMED,
							 "two %ss have the id " UINT64_FORMAT,
							 what, offending);
		case ID_MAP_NO_MEMORY:
			break;
	}
	return fail_memory(c);
}

static bool
resolve_locations(Canonicaliser *c, const IdMap *mappings,
				  const IdMap *functions)
{
	PprofMessage *in = c->in;

	for (size_t i = 0; i < in->locations.n; i++)
	{
		uint64		id = in->locations.items[i].mapping_id;

		c->location_mapping[i] = id == 0 ? 0 : id_map_find(mappings, id);
		if (id != 0 && c->location_mapping[i] == 0)
			return pyro_fail(c->error, PYRO_MALFORMED,
							 "location " UINT64_FORMAT " refers to mapping " UINT64_FORMAT ", which does not exist",
							 in->locations.items[i].id, id);
	}
	for (size_t i = 0; i < in->lines.n; i++)
	{
		uint64		id = in->lines.items[i].function_id;

		c->line_function[i] = id == 0 ? 0 : id_map_find(functions, id);
		if (id != 0 && c->line_function[i] == 0)
			return pyro_fail(c->error, PYRO_MALFORMED,
							 "a line refers to function " UINT64_FORMAT ", which does not exist",
							 id);
	}
	return true;
}

static bool
resolve_samples(Canonicaliser *c, const IdMap *locations)
{
	PprofMessage *in = c->in;
	uint32		max_depth = c->limits->max_stack_depth;

	for (size_t i = 0; i < in->samples.n; i++)
	{
		PprofSample *sample = &in->samples.items[i];
		uint64		frames = 0;

		if (sample->nvalues != in->sample_types.n)
			return pyro_fail(c->error, PYRO_MALFORMED,
							 "sample %zu has %u values, but there are %zu sample types",
							 i + 1, sample->nvalues, in->sample_types.n);
		for (uint32 k = 0; k < sample->nlocations; k++)
		{
			uint64		id = in->location_ids.items[sample->location_start + k];
			uint32		found = id_map_find(locations, id);
			PprofLocation *location;

			if (found == 0)
				return pyro_fail(c->error, PYRO_MALFORMED,
								 "sample %zu refers to location " UINT64_FORMAT ", which does not exist",
								 i + 1, id);
			c->sample_locations[sample->location_start + k] = found - 1;
			c->location_rank[found - 1] = 0;
			location = &in->locations.items[found - 1];
			frames += location->nlines > 0 ? location->nlines : 1;
		}
		if (max_depth > 0 && frames > max_depth)
			return pyro_fail(c->error, PYRO_LIMIT,
							 "sample %zu has a stack of " UINT64_FORMAT " frames, more than pyro.max_stack_depth (%u)",
							 i + 1, frames, max_depth);
	}
	return true;
}

/*
 * Turn ids into indexes and mark what samples need: locations, and through
 * them functions.  Every reference must lead somewhere.
 */
static bool
resolve_ids(Canonicaliser *c)
{
	PprofMessage *in = c->in;
	IdMap		mappings;
	IdMap		functions;
	IdMap		locations;

	c->line_function = new_array(c, in->lines.n, sizeof(uint32));
	c->location_mapping = new_array(c, in->locations.n, sizeof(uint32));
	c->sample_locations = new_array(c, in->location_ids.n, sizeof(uint32));
	c->location_rank = new_ranks(c, in->locations.n);
	c->function_rank = new_ranks(c, in->functions.n);
	if (c->line_function == NULL || c->location_mapping == NULL ||
		c->sample_locations == NULL || c->location_rank == NULL ||
		c->function_rank == NULL)
		return false;
	if (!build_id_map(c, &mappings, "mapping", in->mappings.items,
					  in->mappings.n, sizeof(PprofMapping)) ||
		!build_id_map(c, &functions, "function", in->functions.items,
					  in->functions.n, sizeof(PprofFunction)) ||
		!build_id_map(c, &locations, "location", in->locations.items,
					  in->locations.n, sizeof(PprofLocation)) ||
		!resolve_locations(c, &mappings, &functions) ||
		!resolve_samples(c, &locations))
		return false;
	for (size_t i = 0; i < in->locations.n; i++)
		if (c->location_rank[i] != UNUSED)
			for (uint32 k = 0; k < in->locations.items[i].nlines; k++)
			{
				uint32		function = c->line_function[in->locations.items[i].line_start + k];

				if (function != 0)
					c->function_rank[function - 1] = 0;
			}
	return true;
}

/* ---- strings ---- */

#define SEQUENCE_SORT sort_strings
#define SEQUENCE_CONTEXT Canonicaliser *
#define SEQUENCE_SYMBOL(context, item, position) \
	string_symbol((context)->in->strings.items[item], position)
#define SEQUENCE_LAST(context, item, position) \
	string_symbol_is_last((context)->in->strings.items[item], position)
#include "stack/sequence_sort.h"

/* Check a string number and, where `used`, mark the string as needed. */
static inline bool
check_string(Canonicaliser *c, uint32 string, bool used, const char *what)
{
	if (string >= c->in->strings.n)
		return pyro_fail(c->error, PYRO_MALFORMED,
						 "%s is string %u, but there are only %zu strings",
						 what, string, c->in->strings.n);
	if (used)
		c->string_rank[string] = 0;
	return true;
}

static bool
check_strings(Canonicaliser *c)
{
	PprofMessage *in = c->in;

	if (in->strings.n == 0 || in->strings.items[0].length != 0)
		return pyro_fail(c->error, PYRO_MALFORMED,
						 "the first string of the string table is not empty");
	c->string_rank[0] = 0;
	for (size_t i = 0; i < in->sample_types.n; i++)
		if (!check_string(c, in->sample_types.items[i].type, false, "a sample type") ||
			!check_string(c, in->sample_types.items[i].unit, false, "a sample unit"))
			return false;
	for (size_t i = 0; i < in->comments.n; i++)
		if (!check_string(c, in->comments.items[i], true, "a comment"))
			return false;
	for (size_t i = 0; i < in->mappings.n; i++)
		if (!check_string(c, in->mappings.items[i].mapping.filename, true, "a mapping's file") ||
			!check_string(c, in->mappings.items[i].mapping.build_id, true, "a mapping's build id"))
			return false;
	for (size_t i = 0; i < in->functions.n; i++)
	{
		StackFunction *function = &in->functions.items[i].function;
		bool		used = c->function_rank[i] != UNUSED;

		if (!check_string(c, function->name, used, "a function's name") ||
			!check_string(c, function->system_name, used, "a function's system name") ||
			!check_string(c, function->filename, used, "a function's file"))
			return false;
	}
	for (size_t i = 0; i < in->labels.n; i++)
		if (!check_string(c, in->labels.items[i].key, true, "a label's key") ||
			!check_string(c, in->labels.items[i].string, true, "a label's value") ||
			!check_string(c, in->labels.items[i].unit, true, "a label's unit"))
			return false;
	return check_string(c, in->drop_frames, true, "drop_frames") &&
		check_string(c, in->keep_frames, true, "keep_frames") &&
		check_string(c, in->doc_url, true, "doc_url") &&
		check_string(c, in->default_sample_type, false, "default_sample_type") &&
		check_string(c, in->period_type.type, false, "the period type") &&
		check_string(c, in->period_type.unit, false, "the period unit");
}

/* Is every byte of it part of valid UTF-8, and none of them zero? */
static bool
string_is_readable(StringRef string)
{
	const uint8 *bytes = (const uint8 *) string.data;
	uint32		i = 0;

	while (i < string.length)
	{
		uint64		chunk;
		uint32		n;

		if (string.length - i >= 8)
		{
			memcpy(&chunk, bytes + i, 8);
			/* eight ASCII bytes, none of them zero */
			if (((chunk | (chunk - UINT64CONST(0x0101010101010101))) &
				 UINT64CONST(0x8080808080808080)) == 0)
			{
				i += 8;
				continue;
			}
		}
		if (bytes[i] >= 1 && bytes[i] < 0x80)
			n = 1;
		else
			n = utf8_sequence_length(bytes + i, string.length - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

static bool
canonicalise_strings(Canonicaliser *c)
{
	PprofMessage *in = c->in;
	StackDictionary *stacks = c->stacks;
	size_t		nitems;

	c->string_rank = new_ranks(c, in->strings.n);
	if (c->string_rank == NULL || !check_strings(c) ||
		!reserve_scratch(c, in->strings.n))
		return false;
	nitems = collect_used(c, c->string_rank, in->strings.n);
	sort_strings(c, c->entries, c->items, c->same, nitems);
	stacks->nstrings = assign_ranks(c, c->string_rank, nitems);
	stacks->strings = new_array(c, stacks->nstrings, sizeof(StringRef));
	if (stacks->strings == NULL)
		return false;
	for (size_t i = 0; i < nitems; i++)
	{
		StringRef	string = in->strings.items[c->items[i]];

		stacks->strings[c->string_rank[c->items[i]]] = string;
		if (!c->same[i] && !string_is_readable(string))
			c->out->header.has_unreadable = true;
	}
	return true;
}

/* ---- mappings ---- */

static inline uint64
mapping_symbol(Canonicaliser *c, uint32 item, uint32 position)
{
	StackMapping *mapping = &c->in->mappings.items[item].mapping;

	switch (position)
	{
		case 0:
			return mapping->memory_start;
		case 1:
			return mapping->memory_limit;
		case 2:
			return mapping->file_offset;
		case 3:
			return (uint64) c->string_rank[mapping->filename] << 32 |
				c->string_rank[mapping->build_id];
		default:
			return mapping->flags;
	}
}

#define SEQUENCE_SORT sort_mappings
#define SEQUENCE_CONTEXT Canonicaliser *
#define SEQUENCE_SYMBOL(context, item, position) \
	mapping_symbol(context, item, position)
#define SEQUENCE_LAST(context, item, position) ((position) == 4)
#include "stack/sequence_sort.h"

/* All mappings stay, used or not: they tell what the process had loaded. */
static bool
canonicalise_mappings(Canonicaliser *c)
{
	PprofMessage *in = c->in;
	size_t		n = in->mappings.n;

	c->mapping_rank = new_array(c, n, sizeof(uint32));
	if (c->mapping_rank == NULL || !reserve_scratch(c, n))
		return false;
	for (size_t i = 0; i < n; i++)
		c->items[i] = i;
	sort_mappings(c, c->entries, c->items, c->same, n);
	c->stacks->nmappings = assign_ranks(c, c->mapping_rank, n);
	c->stacks->mappings = new_array(c, c->stacks->nmappings,
									sizeof(StackMapping));
	if (c->stacks->mappings == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		StackMapping mapping = in->mappings.items[i].mapping;

		mapping.filename = c->string_rank[mapping.filename];
		mapping.build_id = c->string_rank[mapping.build_id];
		c->stacks->mappings[c->mapping_rank[i]] = mapping;
	}
	/* pprof's convention: the first one is the main binary's */
	c->out->main_mapping = n > 0 ? c->mapping_rank[0] + 1 : 0;
	return true;
}

/* ---- functions ---- */

static inline uint64
function_symbol(Canonicaliser *c, uint32 item, uint32 position)
{
	StackFunction *function = &c->in->functions.items[item].function;

	switch (position)
	{
		case 0:
			return (uint64) c->string_rank[function->name] << 32 |
				c->string_rank[function->system_name];
		case 1:
			return c->string_rank[function->filename];
		default:
			return signed_symbol(function->start_line);
	}
}

#define SEQUENCE_SORT sort_functions
#define SEQUENCE_CONTEXT Canonicaliser *
#define SEQUENCE_SYMBOL(context, item, position) \
	function_symbol(context, item, position)
#define SEQUENCE_LAST(context, item, position) ((position) == 2)
#include "stack/sequence_sort.h"

static bool
canonicalise_functions(Canonicaliser *c)
{
	PprofMessage *in = c->in;
	StackDictionary *stacks = c->stacks;
	size_t		nitems;

	if (!reserve_scratch(c, in->functions.n))
		return false;
	nitems = collect_used(c, c->function_rank, in->functions.n);
	sort_functions(c, c->entries, c->items, c->same, nitems);
	stacks->nfunctions = assign_ranks(c, c->function_rank, nitems);
	stacks->functions = new_array(c, stacks->nfunctions,
								  sizeof(StackFunction));
	if (stacks->functions == NULL)
		return false;
	for (size_t i = 0; i < nitems; i++)
	{
		StackFunction function = in->functions.items[c->items[i]].function;

		function.name = c->string_rank[function.name];
		function.system_name = c->string_rank[function.system_name];
		function.filename = c->string_rank[function.filename];
		stacks->functions[c->function_rank[c->items[i]]] = function;
	}
	return true;
}

/* ---- locations ---- */

/* The function of a line by its place from the outermost: rank + 1, or 0. */
static inline uint32
line_function(Canonicaliser *c, const PprofLocation *location, uint32 frame)
{
	uint32		function = c->line_function[location->line_start +
											location->nlines - 1 - frame];

	return function == 0 ? 0 : c->function_rank[function - 1] + 1;
}

/* A location's mapping: rank + 1, or 0. */
static inline uint32
location_mapping(Canonicaliser *c, uint32 item)
{
	uint32		mapping = c->location_mapping[item];

	return mapping == 0 ? 0 : c->mapping_rank[mapping - 1] + 1;
}

/*
 * Functions from the outermost with a bit for "and more lines", then line and
 * column of each, then address, and last mapping and folding.
 */
static inline uint64
location_symbol(Canonicaliser *c, uint32 item, uint32 position)
{
	PprofLocation *location = &c->in->locations.items[item];
	uint32		nlines = location->nlines;

	if (nlines == 0)
		nlines = 1;				/* one position says: no lines */
	if (position < nlines)
	{
		if (location->nlines == 0)
			return 0;
		return (uint64) line_function(c, location, position) << 2 |
			(position + 1 < nlines ? 2 : 1);
	}
	position -= nlines;
	if (position < 2 * location->nlines)
	{
		PprofLine  *line = &c->in->lines.items[location->line_start +
											   location->nlines - 1 - position / 2];

		return signed_symbol(position % 2 == 0 ? line->line : line->column);
	}
	if (position == 2 * location->nlines)
		return location->address;
	return (uint64) location_mapping(c, item) << 1 | location->is_folded;
}

static inline bool
location_is_last(Canonicaliser *c, uint32 item, uint32 position)
{
	uint32		nlines = c->in->locations.items[item].nlines;

	return position == (nlines == 0 ? 2 : 3 * nlines + 1);
}

#define SEQUENCE_SORT sort_locations
#define SEQUENCE_CONTEXT Canonicaliser *
#define SEQUENCE_SYMBOL(context, item, position) \
	location_symbol(context, item, position)
#define SEQUENCE_LAST(context, item, position) \
	location_is_last(context, item, position)
#include "stack/sequence_sort.h"

static bool
canonicalise_locations(Canonicaliser *c)
{
	PprofMessage *in = c->in;
	StackDictionary *stacks = c->stacks;
	size_t		nitems;
	size_t		nlines = 0;

	if (!reserve_scratch(c, in->locations.n))
		return false;
	nitems = collect_used(c, c->location_rank, in->locations.n);
	sort_locations(c, c->entries, c->items, c->same, nitems);
	stacks->nlocations = assign_ranks(c, c->location_rank, nitems);
	for (size_t i = 0; i < nitems; i++)
		nlines += in->locations.items[c->items[i]].nlines;
	stacks->locations = new_array(c, stacks->nlocations,
								  sizeof(StackLocation));
	stacks->lines = new_array(c, nlines, sizeof(StackLine));
	if (stacks->locations == NULL || stacks->lines == NULL)
		return false;
	for (size_t i = 0; i < nitems; i++)
	{
		PprofLocation *from = &in->locations.items[c->items[i]];
		StackLocation *to = &stacks->locations[c->location_rank[c->items[i]]];

		if (c->same[i])
			continue;
		to->address = from->address;
		to->is_folded = from->is_folded;
		to->mapping = location_mapping(c, c->items[i]);
		to->line_start = stacks->nlines;
		to->nlines = from->nlines;
		for (uint32 k = 0; k < from->nlines; k++)
		{
			PprofLine  *line = &in->lines.items[from->line_start +
												from->nlines - 1 - k];

			stacks->lines[stacks->nlines++] = (StackLine)
			{
				line_function(c, from, k), line->line, line->column
			};
		}
	}
	return true;
}

/* ---- label sets ---- */

/* Numbers have neither a text nor zero for the rest; see the Go decoder. */
static inline bool
label_is_number(const PprofLabel *label)
{
	return label->string == 0;
}

/* Three positions a label, then one that says: no more. */
static inline uint64
label_set_symbol(Canonicaliser *c, uint32 item, uint32 position)
{
	PprofSample *sample = &c->in->samples.items[item];
	PprofLabel *label;

	if (position == 3 * sample->nlabels)
		return 0;
	label = &c->in->labels.items[sample->label_start + position / 3];
	switch (position % 3)
	{
		case 0:
			return ((uint64) c->string_rank[label->key] + 1) << 1 |
				label_is_number(label);
		case 1:
			return c->string_rank[label_is_number(label) ? label->unit : label->string];
		default:
			return label_is_number(label) ? signed_symbol(label->number) : 0;
	}
}

#define SEQUENCE_SORT sort_label_sets
#define SEQUENCE_CONTEXT Canonicaliser *
#define SEQUENCE_SYMBOL(context, item, position) \
	label_set_symbol(context, item, position)
#define SEQUENCE_LAST(context, item, position) \
	((position) == 3 * (context)->in->samples.items[item].nlabels)
#include "stack/sequence_sort.h"

/*
 * Order a sample's labels by key, texts before numbers; those of one key keep
 * their order, which is part of what pprof says.
 */
static void
order_labels(Canonicaliser *c, PprofSample *sample)
{
	PprofLabel *labels = &c->in->labels.items[sample->label_start];

	for (uint32 i = 1; i < sample->nlabels; i++)
	{
		PprofLabel	moved = labels[i];
		uint64		symbol = (uint64) c->string_rank[moved.key] << 1 |
			label_is_number(&moved);
		uint32		j = i;

		for (; j > 0; j--)
		{
			PprofLabel *before = &labels[j - 1];

			if (((uint64) c->string_rank[before->key] << 1 |
				 label_is_number(before)) <= symbol)
				break;
			labels[j] = *before;
		}
		labels[j] = moved;
	}
}

static bool
canonicalise_label_sets(Canonicaliser *c)
{
	PprofMessage *in = c->in;
	Profile    *out = c->out;
	size_t		nitems = 0;
	uint32		nlabels = 0;

	c->sample_label_set = new_array(c, in->samples.n, sizeof(uint32));
	if (c->sample_label_set == NULL || !reserve_scratch(c, in->samples.n))
		return false;
	for (size_t i = 0; i < in->samples.n; i++)
	{
		c->sample_label_set[i] = 0;
		if (in->samples.items[i].nlabels == 0)
			continue;
		if (in->samples.items[i].nlabels > 1000)
			return pyro_fail(c->error, PYRO_LIMIT,
							 "sample %zu has %u labels, more than 1000",
							 i + 1, in->samples.items[i].nlabels);
		order_labels(c, &in->samples.items[i]);
		c->items[nitems++] = i;
	}
	sort_label_sets(c, c->entries, c->items, c->same, nitems);
	out->label_set_end = new_array(c, nitems + 1, sizeof(uint32));
	out->labels = new_array(c, in->labels.n, sizeof(ProfileLabel));
	if (out->label_set_end == NULL || out->labels == NULL)
		return false;
	out->label_set_end[0] = 0;
	out->nlabel_sets = 1;
	for (size_t i = 0; i < nitems; i++)
	{
		PprofSample *sample = &in->samples.items[c->items[i]];

		for (uint32 k = 0; !c->same[i] && k < sample->nlabels; k++)
		{
			PprofLabel *label = &in->labels.items[sample->label_start + k];
			bool		is_number = label_is_number(label);

			out->labels[nlabels++] = (ProfileLabel)
			{
				.key = c->string_rank[label->key],
				.is_number = is_number,
				.string = is_number ? 0 : c->string_rank[label->string],
				.unit = is_number ? c->string_rank[label->unit] : 0,
				.number = is_number ? label->number : 0
			};
		}
		if (!c->same[i])
			out->label_set_end[out->nlabel_sets++] = nlabels;
		c->sample_label_set[c->items[i]] = out->nlabel_sets - 1;
	}
	return true;
}

/* ---- samples and the stack trie ---- */

/* A sample's location by its place from the root: canonical index. */
static inline uint32
sample_location(Canonicaliser *c, const PprofSample *sample, uint32 depth)
{
	return c->location_rank[c->sample_locations[sample->location_start +
												sample->nlocations - 1 - depth]];
}

/*
 * Locations from the root, then the label set, then the values.  The label
 * set sorts below any location: a stack comes before those that go on.
 */
static inline uint64
sample_symbol(Canonicaliser *c, uint32 item, uint32 position)
{
	PprofSample *sample = &c->in->samples.items[item];

	if (position < sample->nlocations)
		return ((uint64) sample_location(c, sample, position) + 1) << 32;
	position -= sample->nlocations;
	if (position == 0)
		return c->sample_label_set[item];
	return signed_symbol(c->in->values.items[sample->value_start +
											 position - 1]);
}

#define SEQUENCE_SORT sort_samples
#define SEQUENCE_CONTEXT Canonicaliser *
#define SEQUENCE_SYMBOL(context, item, position) \
	sample_symbol(context, item, position)
#define SEQUENCE_LAST(context, item, position) \
	((position) == (context)->in->samples.items[item].nlocations + \
	 (context)->in->samples.items[item].nvalues)
#include "stack/sequence_sort.h"

/*
 * The trie of sorted stacks: each adds nodes below the part that it shares
 * with the one before, which gives pre-order.
 */
static bool
build_trie(Canonicaliser *c, size_t nsamples)
{
	PprofMessage *in = c->in;
	StackDictionary *stacks = c->stacks;
	const PprofSample *previous = NULL;
	uint32		max_depth = 0;
	size_t		max_nodes = 1;
	uint32	   *path;			/* node at each depth of the last stack */

	for (size_t i = 0; i < nsamples; i++)
	{
		max_depth = Max(max_depth, in->samples.items[i].nlocations);
		max_nodes += in->samples.items[i].nlocations;
	}
	path = new_array(c, (size_t) max_depth + 1, sizeof(uint32));
	stacks->node_parent = new_array(c, max_nodes, sizeof(uint32));
	stacks->node_depth = new_array(c, max_nodes, sizeof(uint32));
	stacks->node_location = new_array(c, max_nodes, sizeof(uint32));
	if (path == NULL || stacks->node_parent == NULL ||
		stacks->node_depth == NULL || stacks->node_location == NULL)
		return false;
	path[0] = 0;
	stacks->node_parent[0] = stacks->node_depth[0] = 0;
	stacks->node_location[0] = 0;
	stacks->nnodes = 1;
	for (size_t i = 0; i < nsamples; i++)
	{
		const PprofSample *sample = &in->samples.items[c->items[i]];
		uint32		depth = 0;

		while (previous != NULL && depth < sample->nlocations &&
			   depth < previous->nlocations &&
			   sample_location(c, sample, depth) ==
			   sample_location(c, previous, depth))
			depth++;
		for (; depth < sample->nlocations; depth++)
		{
			uint32		node = stacks->nnodes++;

			stacks->node_parent[node] = path[depth];
			stacks->node_depth[node] = depth + 1;
			stacks->node_location[node] = sample_location(c, sample, depth);
			path[depth + 1] = node;
		}
		c->out->sample_node[i] = path[depth];
		previous = sample;
	}
	return true;
}

static bool
canonicalise_samples(Canonicaliser *c)
{
	PprofMessage *in = c->in;
	Profile    *out = c->out;
	size_t		n = in->samples.n;

	out->header.nsamples = n;
	out->sample_node = new_array(c, n, sizeof(uint32));
	out->sample_label_set = new_array(c, n, sizeof(uint32));
	out->values = new_array(c, in->sample_types.n, sizeof(int64 *));
	if (out->sample_node == NULL || out->sample_label_set == NULL ||
		out->values == NULL || !reserve_scratch(c, n))
		return false;
	for (size_t i = 0; i < n; i++)
		c->items[i] = i;
	sort_samples(c, c->entries, c->items, c->same, n);
	if (!build_trie(c, n))
		return false;
	for (size_t i = 0; i < n; i++)
		out->sample_label_set[i] = c->sample_label_set[c->items[i]];
	for (size_t t = 0; t < in->sample_types.n; t++)
	{
		out->values[t] = new_array(c, n, sizeof(int64));
		if (out->values[t] == NULL)
			return false;
		for (size_t i = 0; i < n; i++)
			out->values[t][i] =
				in->values.items[in->samples.items[c->items[i]].value_start + t];
	}
	return true;
}

/* ---- the rest ---- */

static bool
canonicalise_header(Canonicaliser *c)
{
	PprofMessage *in = c->in;
	Profile    *out = c->out;
	ProfileHeader *header = &out->header;
	size_t		ntypes = in->sample_types.n;
	StringRef  *strings = in->strings.items;

	header->nsample_types = ntypes;
	header->sample_types = new_array(c, ntypes, sizeof(SampleType));
	out->comments = new_array(c, in->comments.n, sizeof(uint32));
	if (header->sample_types == NULL || out->comments == NULL)
		return false;
	for (size_t i = 0; i < ntypes; i++)
		header->sample_types[i] = (SampleType)
	{
		strings[in->sample_types.items[i].type],
			strings[in->sample_types.items[i].unit]
	};
	header->period_type.type = strings[in->period_type.type];
	header->period_type.unit = strings[in->period_type.unit];
	header->default_sample_type = strings[in->default_sample_type];
	header->period = in->period;
	header->time_nanos = in->time_nanos;
	header->duration_nanos = in->duration_nanos;
	out->drop_frames = c->string_rank[in->drop_frames];
	out->keep_frames = c->string_rank[in->keep_frames];
	out->doc_url = c->string_rank[in->doc_url];
	out->ncomments = in->comments.n;
	for (size_t i = 0; i < in->comments.n; i++)
		out->comments[i] = c->string_rank[in->comments.items[i]];
	return profile_sum_values(out, c->allocator, c->error);
}

/*
 * Bring a decoded message into canonical form.
 *
 * message: as pprof_decode() gave it; its labels are put in order in place.
 * limits: frames per stack.  The profile's arrays come from the allocator;
 * its strings point into the message's bytes, which must outlive it.
 *
 * Returns false with PYRO_MALFORMED where an id or string number leads
 * nowhere or stands twice, values do not match the sample types or the time
 * is before 1970; PYRO_LIMIT; PYRO_NO_MEMORY.
 */
bool
pprof_canonicalise(PprofMessage *message, const ProfileLimits *limits,
				   const Allocator *allocator, Profile *profile,
				   PyroError *error)
{
	Canonicaliser c = {.in = message,.limits = limits,.allocator = allocator,
		.out = profile,.error = error
	};

	memset(profile, 0, sizeof(*profile));
	if (message->sample_types.n > PROFILE_MAX_SAMPLE_TYPES)
		return pyro_fail(error, PYRO_LIMIT,
						 "profile has %zu sample types, more than %d",
						 message->sample_types.n, PROFILE_MAX_SAMPLE_TYPES);
	if (message->sample_types.n == 0 && message->samples.n > 0)
		return pyro_fail(error, PYRO_MALFORMED,
						 "profile has samples but no sample type");
	if (message->time_nanos < 0)
		return pyro_fail(error, PYRO_MALFORMED,
						 "time_nanos is negative: " INT64_FORMAT,
						 message->time_nanos);
	c.stacks = new_array(&c, 1, sizeof(StackDictionary));
	if (c.stacks == NULL)
		return false;
	memset(c.stacks, 0, sizeof(StackDictionary));
	profile->stacks = c.stacks;
	return resolve_ids(&c) &&
		canonicalise_strings(&c) &&
		canonicalise_mappings(&c) &&
		canonicalise_functions(&c) &&
		canonicalise_locations(&c) &&
		canonicalise_label_sets(&c) &&
		canonicalise_samples(&c) &&
		canonicalise_header(&c);
}
