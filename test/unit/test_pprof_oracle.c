/*
 * test_pprof_oracle.c
 *	  Our decoder says what protobuf-c's generated one says.
 *
 * Both read the same bytes: those of test/data, of the corpora where these
 * are, and random profiles.  Every field of every message is compared.
 */
#include "postgres_fe.h"

#include "profile.pb-c.h"

#include "profile/compression.h"

#include "profile_check.h"

static uint32 ncompared = 0;
static uint32 nrefused_by_both = 0;

/* A string number as our decoder gives it. */
static uint32
as_string(int64 value)
{
	return (uint64) value > PG_UINT32_MAX ? PG_UINT32_MAX : (uint32) value;
}

static bool
compare_labels(const PprofMessage *ours, const PprofSample *sample,
			   const Pyro__Oracle__Sample * other)
{
	if (sample->nlabels != other->n_label)
		return false;
	for (uint32 i = 0; i < sample->nlabels; i++)
	{
		PprofLabel *label = &ours->labels.items[sample->label_start + i];

		if (label->key != as_string(other->label[i]->key_string) ||
			label->string != as_string(other->label[i]->text_string) ||
			label->number != other->label[i]->number ||
			label->unit != as_string(other->label[i]->number_unit_string))
			return false;
	}
	return true;
}

static bool
compare_samples(const PprofMessage *ours, const Pyro__Oracle__Profile * other)
{
	if (ours->samples.n != other->n_sample)
		return false;
	for (size_t i = 0; i < ours->samples.n; i++)
	{
		PprofSample *sample = &ours->samples.items[i];

		if (sample->nlocations != other->sample[i]->n_location_id ||
			sample->nvalues != other->sample[i]->n_value ||
			!compare_labels(ours, sample, other->sample[i]))
			return false;
		for (uint32 k = 0; k < sample->nlocations; k++)
			if (ours->location_ids.items[sample->location_start + k] !=
				other->sample[i]->location_id[k])
				return false;
		for (uint32 k = 0; k < sample->nvalues; k++)
			if (ours->values.items[sample->value_start + k] !=
				other->sample[i]->value[k])
				return false;
	}
	return true;
}

static bool
compare_mappings(const PprofMessage *ours, const Pyro__Oracle__Profile * other)
{
	if (ours->mappings.n != other->n_mapping)
		return false;
	for (size_t i = 0; i < ours->mappings.n; i++)
	{
		StackMapping *mapping = &ours->mappings.items[i].mapping;
		Pyro__Oracle__Mapping *expected = other->mapping[i];
		uint32		flags =
		(expected->has_functions ? STACK_HAS_FUNCTIONS : 0) |
		(expected->has_filenames ? STACK_HAS_FILENAMES : 0) |
		(expected->has_line_numbers ? STACK_HAS_LINE_NUMBERS : 0) |
		(expected->has_inline_frames ? STACK_HAS_INLINE_FRAMES : 0);

		if (ours->mappings.items[i].id != expected->id ||
			mapping->memory_start != expected->memory_start ||
			mapping->memory_limit != expected->memory_limit ||
			mapping->file_offset != expected->file_offset ||
			mapping->filename != as_string(expected->filename_string) ||
			mapping->build_id != as_string(expected->build_id_string) ||
			mapping->flags != flags)
			return false;
	}
	return true;
}

static bool
compare_locations(const PprofMessage *ours, const Pyro__Oracle__Profile * other)
{
	if (ours->locations.n != other->n_location)
		return false;
	for (size_t i = 0; i < ours->locations.n; i++)
	{
		PprofLocation *location = &ours->locations.items[i];
		Pyro__Oracle__Location *expected = other->location[i];

		if (location->id != expected->id ||
			location->mapping_id != expected->mapping_id ||
			location->address != expected->address ||
			location->is_folded != (expected->is_folded != 0) ||
			location->nlines != expected->n_line)
			return false;
		for (uint32 k = 0; k < location->nlines; k++)
		{
			PprofLine  *line = &ours->lines.items[location->line_start + k];

			if (line->function_id != expected->line[k]->function_id ||
				line->line != expected->line[k]->line ||
				line->column != expected->line[k]->column)
				return false;
		}
	}
	return true;
}

static bool
compare_functions(const PprofMessage *ours, const Pyro__Oracle__Profile * other)
{
	if (ours->functions.n != other->n_function)
		return false;
	for (size_t i = 0; i < ours->functions.n; i++)
	{
		StackFunction *function = &ours->functions.items[i].function;
		Pyro__Oracle__Function *expected = other->function[i];

		if (ours->functions.items[i].id != expected->id ||
			function->name != as_string(expected->name_string) ||
			function->system_name != as_string(expected->system_name_string) ||
			function->filename != as_string(expected->filename_string) ||
			function->start_line != expected->start_line)
			return false;
	}
	return true;
}

static bool
compare_strings(const PprofMessage *ours, const Pyro__Oracle__Profile * other)
{
	if (ours->strings.n != other->n_string_table)
		return false;
	for (size_t i = 0; i < ours->strings.n; i++)
		if (!string_ref_equal(ours->strings.items[i],
							  string_ref((char *) other->string_table[i].data,
										 other->string_table[i].len)))
			return false;
	return true;
}

static bool
compare_header(const PprofMessage *ours, const Pyro__Oracle__Profile * other)
{
	uint32		period_type = 0;
	uint32		period_unit = 0;

	if (ours->sample_types.n != other->n_sample_type ||
		ours->comments.n != other->n_comment_string)
		return false;
	for (size_t i = 0; i < ours->sample_types.n; i++)
		if (ours->sample_types.items[i].type !=
			as_string(other->sample_type[i]->type_string) ||
			ours->sample_types.items[i].unit !=
			as_string(other->sample_type[i]->unit_string))
			return false;
	for (size_t i = 0; i < ours->comments.n; i++)
		if (ours->comments.items[i] != as_string(other->comment_string[i]))
			return false;
	if (other->period_type != NULL)
	{
		period_type = as_string(other->period_type->type_string);
		period_unit = as_string(other->period_type->unit_string);
	}
	return ours->period_type.type == period_type &&
		ours->period_type.unit == period_unit &&
		ours->drop_frames == as_string(other->drop_frames_string) &&
		ours->keep_frames == as_string(other->keep_frames_string) &&
		ours->doc_url == as_string(other->doc_url_string) &&
		ours->default_sample_type == as_string(other->default_sample_type_string) &&
		ours->period == other->period &&
		ours->time_nanos == other->time_nanos &&
		ours->duration_nanos == other->duration_nanos;
}

/* The part in which two decoded profiles differ, or NULL. */
static const char *
find_difference(const PprofMessage *ours, const Pyro__Oracle__Profile * other)
{
	if (!compare_samples(ours, other))
		return "samples";
	if (!compare_mappings(ours, other))
		return "mappings";
	if (!compare_locations(ours, other))
		return "locations";
	if (!compare_functions(ours, other))
		return "functions";
	if (!compare_strings(ours, other))
		return "strings";
	if (!compare_header(ours, other))
		return "header";
	return NULL;
}

/* Decode uncompressed bytes both ways; NULL when both agree. */
static const char *
compare_decoders(const uint8 *bytes, size_t size)
{
	UnitMemory	memory;
	PprofMessage ours;
	PyroError	error = {0};
	Pyro__Oracle__Profile *other;
	const char *difference = NULL;
	bool		decoded;

	unit_memory_init(&memory);
	decoded = pprof_decode(bytes, size, &wide_limits, &memory.allocator,
						   &ours, &error);
	other = pyro__oracle__profile__unpack(NULL, size, bytes);
	if (decoded && other != NULL)
	{
		difference = find_difference(&ours, other);
		ncompared++;
	}
	else if (!decoded && other == NULL)
		nrefused_by_both++;
	else if (decoded)
		difference = "only we decode it";
	/* that an id of 0 means none is not protobuf-c's business */
	else if (error.kind == PYRO_MALFORMED &&
			 strstr(error.message, "has the id 0") == NULL)
		difference = "only protobuf-c decodes it";
	if (other != NULL)
		pyro__oracle__profile__free_unpacked(other, NULL);
	unit_memory_free(&memory);
	return difference;
}

static void
compare_file(const char *path, const char *format, const uint8 *bytes,
			 size_t size)
{
	UnitMemory	memory;
	ByteRange	plain;
	PyroError	error = {0};
	const char *difference;

	unit_memory_init(&memory);
	if (decompress_any((ByteRange)
					   {
						bytes, size
						}, wide_limits.max_size, &memory.allocator, &plain,
					   &error))
	{
		difference = compare_decoders(plain.bytes, plain.size);
		if (strstr(format, "hostile") != NULL || difference != NULL)
			unit_ok(difference == NULL ||
			/* protobuf-c takes these: a wrong type is unknown to it */
					strstr(path, "not-a-profile") != NULL,
					"protobuf-c agrees on %s", path);
		if (difference != NULL)
			unit_note("%s", difference);
	}
	unit_memory_free(&memory);
}

static void
compare_random_profiles(void)
{
	UnitRandom	random = unit_random_seed(1);
	uint32		ndifferent = 0;
	const uint32 n = 3000;

	for (uint32 i = 0; i < n; i++)
	{
		Bytes		bytes = {0};

		random_profile(&random, &bytes);
		if (compare_decoders(bytes.data, bytes.size) != NULL)
			ndifferent++;
		bytes_free(&bytes);
	}
	unit_ok(ndifferent == 0, "protobuf-c agrees on %u random profiles", n);
}

int
main(void)
{
	uint32		nfiles = for_all_files(compare_file);

	unit_ok(ncompared > 0, "protobuf-c agrees on %u of %u files, and refuses %u that we refuse",
			ncompared, nfiles, nrefused_by_both);
	compare_random_profiles();
	return unit_finish();
}
