/*
 * fuzz_speedscope.c
 *	  Text as the calls that a parsed speedscope file makes: what is accepted
 *	  is a sound profile, what is not has an error.
 *
 * A text that begins with p is one of our own files.  Each line is a call: its letter,
 * and what it is given, divided by tabs.
 */
#include "postgres_fe.h"

#include "profile/speedscope.h"

#include "profile_check.h"

static const ProfileLimits small_limits = {
	.max_size = 1 << 20,
	.max_samples = 5000,
	.max_stack_depth = 500
};

int			LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size);

/* Take what stands before the divider, or all. */
static StringRef
take_until(StringRef *rest, char divider)
{
	const char *found = rest->length == 0 ? NULL :
	memchr(rest->data, divider, rest->length);
	StringRef	taken = *rest;

	if (found != NULL)
		taken.length = found - rest->data;
	rest->data += taken.length + (found != NULL);
	rest->length -= taken.length + (found != NULL);
	return taken;
}

/* A backend makes no call of a profile before one has begun. */
static bool
make_call(SpeedscopeReader *reader, StringRef line, bool *has_profile)
{
	char		letter = line.length > 0 ? line.data[0] : '\0';
	StringRef	fields[4];

	if (line.length > 0)
		line = string_ref(line.data + 1, line.length - 1);
	for (int i = 0; i < lengthof(fields); i++)
		fields[i] = take_until(&line, '\t');
	if (letter == 'p')
	{
		if (*has_profile && !speedscope_end_profile(reader))
			return false;
		*has_profile = true;
		return speedscope_begin_profile(reader, fields[0], fields[1]);
	}
	if (!*has_profile)
		return speedscope_add_frame(reader, fields[0], fields[1], fields[2],
									fields[3]);
	if (letter == 's')
		return speedscope_add_stack_frame(reader, fields[0]);
	if (letter == 'w')
		return speedscope_end_stack(reader, fields[0]);
	return speedscope_add_event(reader, fields[0], fields[1], fields[2]);
}

static bool
read_calls(SpeedscopeReader *reader, StringRef rest, UnitMemory *memory,
		   Profile *profile, PyroError *error)
{
	bool		has_profile = false;
	bool		is_own = rest.length > 0 && rest.data[0] == 'p';

	if (!speedscope_begin(reader, string_ref_literal(is_own ? "pyro_ext 1" : ""),
						  &small_limits, &memory->allocator, error))
		return false;
	while (rest.length > 0)
		if (!make_call(reader, take_until(&rest, '\n'), &has_profile))
			return false;
	return (!has_profile || speedscope_end_profile(reader)) &&
		speedscope_finish(reader, profile);
}

int
LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size)
{
	UnitMemory	memory;
	SpeedscopeReader reader;
	Profile		profile;
	PyroError	error = {0};

	unit_memory_init(&memory);
	if (read_calls(&reader, string_ref((const char *) bytes, size), &memory,
				   &profile, &error))
	{
		const char *flaw = check_round_trip(&profile, &memory, &error);

		if (flaw != NULL)
		{
			fprintf(stderr, "%s: %s\n", flaw, error.message);
			abort();
		}
		for (uint32 t = 0; t < profile.header.nsample_types; t++)
			for (uint32 i = 0; i < profile.header.nsamples; i++)
				if (profile.values[t][i] < 0)
					abort();
	}
	else if (error.kind == PYRO_OK || error.message[0] == '\0')
		abort();
	unit_memory_free(&memory);
	return 0;
}
