/*
 * profile_transform.c
 *	  Profiles made from one profile: scaled, subtracted, filtered, normalised.
 *
 * What loses stacks, or makes different ones equal, goes once through pprof:
 * reading brings any profile into canonical form and leaves out what nothing
 * refers to.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "common/int.h"

#include "profile/pprof.h"
#include "profile/profile_transform.h"
#include "stack/running_scale.h"

/* Canonical form of a profile whose dictionary may be out of order. */
static bool
rewrite(const Profile *profile, const Allocator *allocator, Profile *result,
		PyroError *error)
{
	const ProfileLimits no_limits = {0};
	TextBuffer	plain;

	text_buffer_init(&plain, allocator, PYRO_MAX_ALLOCATION);
	return pprof_encode(profile, &plain, error) &&
		pprof_read((uint8 *) plain.data, plain.length, &no_limits, allocator,
				   result, error);
}

/*
 * Make samples of the same stack and labels one, as a sum has them; the
 * arrays are changed in place.  Returns false with PYRO_OVERFLOW.
 */
bool
profile_combine_samples(Profile *profile, PyroError *error)
{
	uint32		ntypes = profile->header.nsample_types;
	uint32		n = 0;

	for (uint32 i = 0; i < profile->header.nsamples; i++)
	{
		bool		same = n > 0 &&
		profile->sample_node[i] == profile->sample_node[n - 1] &&
		profile->sample_label_set[i] == profile->sample_label_set[n - 1];

		n += !same;
		profile->sample_node[n - 1] = profile->sample_node[i];
		profile->sample_label_set[n - 1] = profile->sample_label_set[i];
		for (uint32 t = 0; t < ntypes; t++)
		{
			int64	   *value = &profile->values[t][n - 1];

			if (!same)
				*value = profile->values[t][i];
			else if (pg_add_s64_overflow(*value, profile->values[t][i], value))
				return pyro_fail(error, PYRO_OVERFLOW,
								 "sum of %.*s values is out of range",
								 (int) Min(profile->header.sample_types[t].type.length, 60),
								 profile->header.sample_types[t].type.data);
		}
	}
	profile->header.nsamples = n;
	return true;
}

/* Do samples share stack and labels?  Their order depends on their values. */
static bool
repeats_samples(const Profile *profile)
{
	for (uint32 i = 1; i < profile->header.nsamples; i++)
		if (profile->sample_node[i] == profile->sample_node[i - 1] &&
			profile->sample_label_set[i] == profile->sample_label_set[i - 1])
			return true;
	return false;
}

/*
 * All values of a profile times a finite factor.
 *
 * No sample goes, not even one whose values become 0.  The result shares with
 * the profile what it can.  Returns false with PYRO_OVERFLOW or
 * PYRO_NO_MEMORY.
 */
bool
profile_scale(const Profile *profile, double factor,
			  const Allocator *allocator, Profile *result, PyroError *error)
{
	uint32		nsamples = profile->header.nsamples;
	uint32		ntypes = profile->header.nsample_types;
	Profile		scaled = *profile;

	scaled.values = allocate_or_fail(allocator, ntypes, sizeof(int64 *),
									 error);
	if (scaled.values == NULL)
		return false;
	for (uint32 t = 0; t < ntypes; t++)
	{
		scaled.values[t] = allocate_or_fail(allocator, nsamples,
											sizeof(int64), error);
		if (scaled.values[t] == NULL ||
			!scale_running_sums(profile->values[t], nsamples, factor, 1,
								scaled.values[t], error))
			return false;
	}
	if (repeats_samples(profile))
		return rewrite(&scaled, allocator, result, error);
	*result = scaled;
	return profile_sum_values(result, allocator, error);
}

/*
 * The samples with certain label sets; everything that no sample needs any
 * more goes, too.
 *
 * kept: for each of the profile's label sets.  Memory comes from the
 * allocator.  Returns false with PYRO_NO_MEMORY.
 */
bool
profile_keep_label_sets(const Profile *profile, const bool *kept,
						const Allocator *allocator, Profile *result,
						PyroError *error)
{
	const ProfileHeader *header = &profile->header;
	Profile		fewer = *profile;
	uint32		n = 0;

	fewer.sample_node = allocate_or_fail(allocator, header->nsamples,
										 sizeof(uint32), error);
	fewer.sample_label_set = allocate_or_fail(allocator, header->nsamples,
											  sizeof(uint32), error);
	fewer.values = allocate_or_fail(allocator, header->nsample_types,
									sizeof(int64 *), error);
	if (fewer.sample_node == NULL || fewer.sample_label_set == NULL ||
		fewer.values == NULL)
		return false;
	for (uint32 t = 0; t < header->nsample_types; t++)
	{
		fewer.values[t] = allocate_or_fail(allocator, header->nsamples,
										   sizeof(int64), error);
		if (fewer.values[t] == NULL)
			return false;
	}
	for (uint32 i = 0; i < header->nsamples; i++)
	{
		if (!kept[profile->sample_label_set[i]])
			continue;
		fewer.sample_node[n] = profile->sample_node[i];
		fewer.sample_label_set[n] = profile->sample_label_set[i];
		for (uint32 t = 0; t < header->nsample_types; t++)
			fewer.values[t][n] = profile->values[t][i];
		n++;
	}
	fewer.header.nsamples = n;
	return rewrite(&fewer, allocator, result, error);
}

/*
 * The name without the type parameters of a Go generic's shape, such as
 * [go.shape.int]: they stand in balanced brackets.  Where there are none, or
 * nothing else, the name itself, else a copy from the allocator; data is NULL
 * where there is no memory.
 */
static StringRef
without_type_parameters(StringRef name, const Allocator *allocator)
{
	static const char opening[] = "[go.shape.";
	const size_t opening_length = sizeof(opening) - 1;
	char	   *copy;
	uint32		n = 0;

	if (name.length < opening_length ||
		memmem(name.data, name.length, opening, opening_length) == NULL)
		return name;
	copy = allocate_array(allocator, name.length, 1);
	if (copy == NULL)
		return string_ref(NULL, 0);
	for (uint32 i = 0; i < name.length;)
	{
		uint32		end = i;

		if (name.length - i >= opening_length &&
			memcmp(name.data + i, opening, opening_length) == 0)
		{
			uint32		open = 0;

			do
			{
				open += name.data[end] == '[';
				open -= name.data[end] == ']';
				end++;
			} while (open > 0 && end < name.length);
			if (open == 0)
			{
				i = end;
				continue;
			}
			/* no closing bracket: nothing more to drop behind here */
			memcpy(copy + n, name.data + i, name.length - i);
			n += name.length - i;
			break;
		}
		copy[n++] = name.data[i++];
	}
	return n > 0 ? string_ref(copy, n) : name;
}

/* Functions without type parameters; shortened names are new strings. */
static bool
shorten_names(StackDictionary *stacks, const Allocator *allocator,
			  PyroError *error)
{
	size_t		nstrings = (size_t) stacks->nstrings + 2 * (size_t) stacks->nfunctions;
	StringRef  *strings = allocate_or_fail(allocator, nstrings,
										   sizeof(StringRef), error);
	StackFunction *functions = allocate_or_fail(allocator,
												stacks->nfunctions,
												sizeof(StackFunction), error);

	if (strings == NULL || functions == NULL)
		return false;
	if (nstrings > PG_UINT32_MAX)
		return pyro_fail(error, PYRO_LIMIT, "profile has too many functions");
	memcpy(strings, stacks->strings, stacks->nstrings * sizeof(StringRef));
	for (uint32 i = 0; i < stacks->nfunctions; i++)
	{
		uint32	   *names[2] = {&functions[i].name, &functions[i].system_name};

		functions[i] = stacks->functions[i];
		for (int k = 0; k < 2; k++)
		{
			StringRef	name = strings[*names[k]];
			StringRef	shorter = without_type_parameters(name, allocator);

			if (shorter.data == NULL)
				return pyro_fail_memory(error);
			if (shorter.length == name.length)
				continue;
			strings[stacks->nstrings] = shorter;
			*names[k] = stacks->nstrings++;
		}
	}
	stacks->strings = strings;
	stacks->functions = functions;
	return true;
}

/* Locations with lines lose their addresses, and mappings of only such theirs. */
static bool
clear_addresses(StackDictionary *stacks, const Allocator *allocator,
				PyroError *error)
{
	StackLocation *locations = allocate_or_fail(allocator,
												stacks->nlocations,
												sizeof(StackLocation), error);
	StackMapping *mappings = allocate_or_fail(allocator, stacks->nmappings,
											  sizeof(StackMapping), error);
	bool	   *needed = allocate_or_fail(allocator, stacks->nmappings,
										  sizeof(bool), error);

	if (locations == NULL || mappings == NULL || needed == NULL)
		return false;
	memset(needed, false, stacks->nmappings * sizeof(bool));
	for (uint32 i = 0; i < stacks->nlocations; i++)
	{
		locations[i] = stacks->locations[i];
		if (locations[i].nlines > 0)
			locations[i].address = 0;
		else if (locations[i].mapping != 0)
			needed[locations[i].mapping - 1] = true;
	}
	for (uint32 i = 0; i < stacks->nmappings; i++)
	{
		mappings[i] = stacks->mappings[i];
		if (!needed[i])
			mappings[i].memory_start = mappings[i].memory_limit =
				mappings[i].file_offset = 0;
	}
	stacks->locations = locations;
	stacks->mappings = mappings;
	return true;
}

/*
 * A profile whose frames are the same in every process of a program:
 * addresses are cleared where there are symbols, type parameters of Go
 * generics dropped, and samples that become equal are summed.
 *
 * Memory comes from the allocator; strings point into the profile's.  Returns
 * false with PYRO_OVERFLOW, PYRO_LIMIT or PYRO_NO_MEMORY.
 */
bool
profile_normalise_symbols(const Profile *profile, const Allocator *allocator,
						  Profile *result, PyroError *error)
{
	Profile		changed = *profile;
	StackDictionary stacks = *profile->stacks;

	changed.stacks = &stacks;
	return shorten_names(&stacks, allocator, error) &&
		clear_addresses(&stacks, allocator, error) &&
		rewrite(&changed, allocator, result, error) &&
		profile_combine_samples(result, error) &&
		profile_sum_values(result, allocator, error);
}
