/*
 * canonical_stacks.c
 *	  Sort and number what stacks are made of: strings, mappings, functions,
 *	  locations.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "profile/canonical_internal.h"
#include "stack/string_symbol.h"

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
	if (string == PG_UINT32_MAX)
		return pyro_fail(c->error, PYRO_MALFORMED,
						 "%s is a negative or huge string number, but there are only %zu strings",
						 what, c->in->strings.n);
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
	{
		PprofLabel *label = &in->labels.items[i];
		bool		is_number = label_is_number(label);

		if (!check_string(c, label->key, true, "a label's key") ||
			!check_string(c, label->string, !is_number, "a label's value") ||
			!check_string(c, label->unit, is_number, "a label's unit"))
			return false;
	}
	return check_string(c, in->drop_frames, false, "drop_frames") &&
		check_string(c, in->keep_frames, false, "keep_frames") &&
		check_string(c, in->doc_url, false, "doc_url") &&
		check_string(c, in->default_sample_type, false, "default_sample_type") &&
		check_string(c, in->period_type.type, false, "the period type") &&
		check_string(c, in->period_type.unit, false, "the period unit");
}

bool
canonicalise_strings(Canonicaliser *c)
{
	PprofMessage *in = c->in;
	StackDictionary *stacks = c->stacks;
	size_t		nitems;

	c->string_rank = canonical_ranks(c, in->strings.n);
	if (c->string_rank == NULL || !check_strings(c) ||
		!canonical_reserve(c, in->strings.n))
		return false;
	nitems = canonical_collect(c, c->string_rank, in->strings.n);
	sort_strings(c, c->entries, c->items, c->same, nitems);
	stacks->nstrings = canonical_rank(c, c->string_rank, nitems);
	stacks->strings = canonical_array(c, stacks->nstrings, sizeof(StringRef));
	if (stacks->strings == NULL)
		return false;
	for (size_t i = 0; i < nitems; i++)
		stacks->strings[c->string_rank[c->items[i]]] =
			in->strings.items[c->items[i]];
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
bool
canonicalise_mappings(Canonicaliser *c)
{
	PprofMessage *in = c->in;
	size_t		n = in->mappings.n;

	c->mapping_rank = canonical_array(c, n, sizeof(uint32));
	if (c->mapping_rank == NULL || !canonical_reserve(c, n))
		return false;
	for (size_t i = 0; i < n; i++)
		c->items[i] = i;
	sort_mappings(c, c->entries, c->items, c->same, n);
	c->stacks->nmappings = canonical_rank(c, c->mapping_rank, n);
	c->stacks->mappings = canonical_array(c, c->stacks->nmappings,
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

bool
canonicalise_functions(Canonicaliser *c)
{
	PprofMessage *in = c->in;
	StackDictionary *stacks = c->stacks;
	size_t		nitems;

	if (!canonical_reserve(c, in->functions.n))
		return false;
	nitems = canonical_collect(c, c->function_rank, in->functions.n);
	sort_functions(c, c->entries, c->items, c->same, nitems);
	stacks->nfunctions = canonical_rank(c, c->function_rank, nitems);
	stacks->functions = canonical_array(c, stacks->nfunctions,
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

bool
canonicalise_locations(Canonicaliser *c)
{
	PprofMessage *in = c->in;
	StackDictionary *stacks = c->stacks;
	size_t		nitems;
	size_t		nlines = 0;

	if (!canonical_reserve(c, in->locations.n))
		return false;
	nitems = canonical_collect(c, c->location_rank, in->locations.n);
	sort_locations(c, c->entries, c->items, c->same, nitems);
	stacks->nlocations = canonical_rank(c, c->location_rank, nitems);
	for (size_t i = 0; i < nitems; i++)
		nlines += in->locations.items[c->items[i]].nlines;
	stacks->locations = canonical_array(c, stacks->nlocations,
										sizeof(StackLocation));
	stacks->lines = canonical_array(c, nlines, sizeof(StackLine));
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
