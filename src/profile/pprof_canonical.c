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

#include "profile/canonical_internal.h"
#include "profile/id_map.h"

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
	return pyro_fail_memory(c->error);
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

	c->line_function = canonical_array(c, in->lines.n, sizeof(uint32));
	c->location_mapping = canonical_array(c, in->locations.n, sizeof(uint32));
	c->sample_locations = canonical_array(c, in->location_ids.n, sizeof(uint32));
	c->location_rank = canonical_ranks(c, in->locations.n);
	c->function_rank = canonical_ranks(c, in->functions.n);
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
	header->sample_types = canonical_array(c, ntypes, sizeof(SampleType));
	out->comments = canonical_array(c, in->comments.n, sizeof(uint32));
	if (header->sample_types == NULL || out->comments == NULL)
		return false;
	for (size_t i = 0; i < ntypes; i++)
		header->sample_types[i] =
			sample_type(strings[in->sample_types.items[i].type],
						strings[in->sample_types.items[i].unit]);
	header->period_type.type = strings[in->period_type.type];
	header->period_type.unit = strings[in->period_type.unit];
	header->default_sample_type = strings[in->default_sample_type];
	header->drop_frames = strings[in->drop_frames];
	header->keep_frames = strings[in->keep_frames];
	header->doc_url = strings[in->doc_url];
	header->period = in->period;
	header->time_nanos = in->time_nanos;
	header->duration_nanos = in->duration_nanos;
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
	c.stacks = canonical_array(&c, 1, sizeof(StackDictionary));
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
