/*
 * seal_elements.c
 *	  Sort what stacks and label sets are made of into canonical order.
 *
 * The orders are those of canonical_stacks.c and canonical_samples.c: what a
 * row uses stands in the sealed dictionary as it stood in its profile.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/seal_dictionary.h"
#include "stack/string_symbol.h"

/* A signed number as a symbol of the same order. */
static inline uint64
signed_symbol(int64 value)
{
	return (uint64) value ^ ((uint64) 1 << 63);
}

/* A reference as index + 1, or 0 for none, by rank. */
static inline uint32
rank_reference(const uint32 *rank, uint32 reference)
{
	return reference == 0 ? 0 : rank[reference - 1] + 1;
}

/* ---- strings ---- */

#define SEQUENCE_SORT sort_strings
#define SEQUENCE_CONTEXT Sealer *
#define SEQUENCE_SYMBOL(context, item, position) \
	string_symbol((context)->open->strings.items[item].text, position)
#define SEQUENCE_LAST(context, item, position) \
	string_symbol_is_last((context)->open->strings.items[item].text, position)
#include "stack/sequence_sort.h"

bool
seal_strings(Sealer *s)
{
	StackDictionary *stacks = &s->sealed->stacks;
	const OpenString *strings = s->open->strings.items;
	SequenceScratch scratch;

	if (!seal_collect(s, &scratch, s->map->string, s->open->strings.n,
					  &stacks->nstrings))
		return false;
	stacks->strings = seal_array(s, stacks->nstrings, sizeof(StringRef));
	if (stacks->strings == NULL)
		return false;
	sort_strings(s, scratch.entries, scratch.items, scratch.same,
				 stacks->nstrings);
	for (uint32 i = 0; i < stacks->nstrings; i++)
		stacks->strings[i] = strings[scratch.items[i]].text;
	seal_rank(s, &scratch, s->map->string, stacks->nstrings);
	return true;
}

/* ---- mappings ---- */

static inline uint64
mapping_symbol(Sealer *s, uint32 item, uint32 position)
{
	const StackMapping *mapping = &s->open->mappings.items[item].mapping;

	switch (position)
	{
		case 0:
			return mapping->memory_start;
		case 1:
			return mapping->memory_limit;
		case 2:
			return mapping->file_offset;
		case 3:
			return (uint64) s->map->string[mapping->filename] << 32 |
				s->map->string[mapping->build_id];
		default:
			return mapping->flags;
	}
}

#define SEQUENCE_SORT sort_mappings
#define SEQUENCE_CONTEXT Sealer *
#define SEQUENCE_SYMBOL(context, item, position) \
	mapping_symbol(context, item, position)
#define SEQUENCE_LAST(context, item, position) ((position) == 4)
#include "stack/sequence_sort.h"

bool
seal_mappings(Sealer *s)
{
	StackDictionary *stacks = &s->sealed->stacks;
	SequenceScratch scratch;

	if (!seal_collect(s, &scratch, s->map->mapping, s->open->mappings.n,
					  &stacks->nmappings))
		return false;
	stacks->mappings = seal_array(s, stacks->nmappings, sizeof(StackMapping));
	if (stacks->mappings == NULL)
		return false;
	sort_mappings(s, scratch.entries, scratch.items, scratch.same,
				  stacks->nmappings);
	for (uint32 i = 0; i < stacks->nmappings; i++)
	{
		StackMapping *mapping = &stacks->mappings[i];

		*mapping = s->open->mappings.items[scratch.items[i]].mapping;
		mapping->filename = s->map->string[mapping->filename];
		mapping->build_id = s->map->string[mapping->build_id];
	}
	seal_rank(s, &scratch, s->map->mapping, stacks->nmappings);
	return true;
}

/* ---- functions ---- */

static inline uint64
function_symbol(Sealer *s, uint32 item, uint32 position)
{
	const StackFunction *function = &s->open->functions.items[item];

	switch (position)
	{
		case 0:
			return (uint64) s->map->string[function->name] << 32 |
				s->map->string[function->system_name];
		case 1:
			return s->map->string[function->filename];
		default:
			return signed_symbol(function->start_line);
	}
}

#define SEQUENCE_SORT sort_functions
#define SEQUENCE_CONTEXT Sealer *
#define SEQUENCE_SYMBOL(context, item, position) \
	function_symbol(context, item, position)
#define SEQUENCE_LAST(context, item, position) ((position) == 2)
#include "stack/sequence_sort.h"

bool
seal_functions(Sealer *s)
{
	StackDictionary *stacks = &s->sealed->stacks;
	SequenceScratch scratch;

	if (!seal_collect(s, &scratch, s->map->function, s->open->functions.n,
					  &stacks->nfunctions))
		return false;
	stacks->functions = seal_array(s, stacks->nfunctions,
								   sizeof(StackFunction));
	if (stacks->functions == NULL)
		return false;
	sort_functions(s, scratch.entries, scratch.items, scratch.same,
				   stacks->nfunctions);
	for (uint32 i = 0; i < stacks->nfunctions; i++)
	{
		StackFunction *function = &stacks->functions[i];

		*function = s->open->functions.items[scratch.items[i]];
		function->name = s->map->string[function->name];
		function->system_name = s->map->string[function->system_name];
		function->filename = s->map->string[function->filename];
	}
	seal_rank(s, &scratch, s->map->function, stacks->nfunctions);
	return true;
}

/* ---- locations ---- */

/*
 * Functions from the outermost with a bit for "and more lines", then line and
 * column of each, then address, and last mapping and folding.
 */
static inline uint64
location_symbol(Sealer *s, uint32 item, uint32 position)
{
	const StackLocation *location = &s->open->locations.items[item];
	const StackLine *lines = s->open->lines.items + location->line_start;
	uint32		nlines = location->nlines;

	if (nlines == 0 && position == 0)
		return 0;
	if (position < nlines)
		return (uint64) rank_reference(s->map->function,
									   lines[position].function) << 2 |
			(position + 1 < nlines ? 2 : 1);
	position -= Max(nlines, 1);
	if (position < 2 * nlines)
		return signed_symbol(position % 2 == 0 ? lines[position / 2].line :
							 lines[position / 2].column);
	if (position == 2 * nlines)
		return location->address;
	return (uint64) rank_reference(s->map->mapping, location->mapping) << 1 |
		location->is_folded;
}

static inline bool
location_is_last(Sealer *s, uint32 item, uint32 position)
{
	uint32		nlines = s->open->locations.items[item].nlines;

	return position == (nlines == 0 ? 2 : 3 * nlines + 1);
}

#define SEQUENCE_SORT sort_locations
#define SEQUENCE_CONTEXT Sealer *
#define SEQUENCE_SYMBOL(context, item, position) \
	location_symbol(context, item, position)
#define SEQUENCE_LAST(context, item, position) \
	location_is_last(context, item, position)
#include "stack/sequence_sort.h"

static void
seal_location(Sealer *s, const StackLocation *from, StackLocation *to)
{
	StackDictionary *stacks = &s->sealed->stacks;

	*to = *from;
	to->mapping = rank_reference(s->map->mapping, from->mapping);
	to->line_start = stacks->nlines;
	for (uint32 k = 0; k < from->nlines; k++)
	{
		StackLine	line = s->open->lines.items[from->line_start + k];

		line.function = rank_reference(s->map->function, line.function);
		stacks->lines[stacks->nlines++] = line;
	}
}

bool
seal_locations(Sealer *s)
{
	StackDictionary *stacks = &s->sealed->stacks;
	const StackLocation *locations = s->open->locations.items;
	SequenceScratch scratch;

	if (!seal_collect(s, &scratch, s->map->location, s->open->locations.n,
					  &stacks->nlocations))
		return false;
	stacks->locations = seal_array(s, stacks->nlocations,
								   sizeof(StackLocation));
	stacks->lines = seal_array(s, s->open->lines.n, sizeof(StackLine));
	if (stacks->locations == NULL || stacks->lines == NULL)
		return false;
	sort_locations(s, scratch.entries, scratch.items, scratch.same,
				   stacks->nlocations);
	for (uint32 i = 0; i < stacks->nlocations; i++)
		seal_location(s, &locations[scratch.items[i]], &stacks->locations[i]);
	seal_rank(s, &scratch, s->map->location, stacks->nlocations);
	return true;
}

/* ---- label sets ---- */

static inline uint32
label_set_length(Sealer *s, uint32 item)
{
	return s->open->set_ends.items[item] - open_label_set_start(s->open, item);
}

/* Three positions a label, then one that says: no more. */
static inline uint64
label_set_symbol(Sealer *s, uint32 item, uint32 position)
{
	const uint32 *string = s->map->string;
	const ProfileLabel *label;

	if (position == 3 * label_set_length(s, item))
		return 0;
	label = &s->open->labels.items[open_label_set_start(s->open, item) +
								   position / 3];
	switch (position % 3)
	{
		case 0:
			return ((uint64) string[label->key] + 1) << 1 | label->is_number;
		case 1:
			return string[label->is_number ? label->unit : label->string];
		default:
			return label->is_number ? signed_symbol(label->number) : 0;
	}
}

#define SEQUENCE_SORT sort_label_sets
#define SEQUENCE_CONTEXT Sealer *
#define SEQUENCE_SYMBOL(context, item, position) \
	label_set_symbol(context, item, position)
#define SEQUENCE_LAST(context, item, position) \
	((position) == 3 * label_set_length(context, item))
#include "stack/sequence_sort.h"

/* The empty set's only symbol is less than any other: it comes out first. */
bool
seal_label_sets(Sealer *s)
{
	const OpenDictionary *open = s->open;
	LabelSets  *sets = &s->sealed->label_sets;
	SequenceScratch scratch;
	uint32		nlabels = 0;

	if (!seal_collect(s, &scratch, s->map->label_set, open->set_ends.n,
					  &sets->nsets))
		return false;
	sets->set_end = seal_array(s, sets->nsets, sizeof(uint32));
	sets->labels = seal_array(s, open->labels.n, sizeof(ProfileLabel));
	if (sets->set_end == NULL || sets->labels == NULL)
		return false;
	sort_label_sets(s, scratch.entries, scratch.items, scratch.same,
					sets->nsets);
	for (uint32 i = 0; i < sets->nsets; i++)
	{
		uint32		item = scratch.items[i];

		for (uint32 k = open_label_set_start(open, item);
			 k < open->set_ends.items[item]; k++)
		{
			ProfileLabel label = open->labels.items[k];

			label.key = s->map->string[label.key];
			label.string = s->map->string[label.string];
			label.unit = s->map->string[label.unit];
			sets->labels[nlabels++] = label;
		}
		sets->set_end[i] = nlabels;
	}
	seal_rank(s, &scratch, s->map->label_set, sets->nsets);
	return true;
}
