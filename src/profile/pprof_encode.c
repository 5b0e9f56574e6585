/*
 * pprof_encode.c
 *	  From a Profile to uncompressed pprof bytes.
 *
 * The bytes are canonical: everything in the order of the profile, ids from 1
 * up, numbers packed, the main binary's mapping first.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "profile/pprof.h"
#include "profile/pprof_wire.h"

typedef struct PprofEncoder
{
	const Profile *profile;
	const StackDictionary *stacks;
	TextBuffer *out;
	TextBuffer	message;		/* the message being written */
	TextBuffer	inner;			/* a message or packed numbers inside it */
	TextBuffer	extra_strings;	/* StringRef: behind the dictionary's */
	uint32		nextra_strings;
} PprofEncoder;

/* Append a varint field; zero is pprof's default and is left out. */
static void
put_varint(TextBuffer *to, uint32 field, uint64 value)
{
	uint8		bytes[20];
	uint8	   *end;

	if (value == 0)
		return;
	end = wire_write_varint(bytes, (uint64) field << 3 | WIRE_VARINT);
	end = wire_write_varint(end, value);
	text_append(to, (char *) bytes, end - bytes);
}

/* Append one number of a packed field. */
static void
put_number(TextBuffer *to, uint64 value)
{
	uint8		bytes[10];
	uint8	   *end = wire_write_varint(bytes, value);

	text_append(to, (char *) bytes, end - bytes);
}

/* Append a length-delimited field. */
static void
put_bytes(TextBuffer *to, uint32 field, const char *data, size_t length)
{
	uint8		bytes[20];
	uint8	   *end;

	end = wire_write_varint(bytes, (uint64) field << 3 | WIRE_BYTES);
	end = wire_write_varint(end, length);
	text_append(to, (char *) bytes, end - bytes);
	text_append(to, data, length);
}

/* Put what the buffer holds as a field, and empty it. */
static void
put_buffer(TextBuffer *to, uint32 field, TextBuffer *from)
{
	if (from->failed)
		to->failed = true;
	put_bytes(to, field, from->data, from->length);
	from->length = 0;
}

/* Put a string behind the dictionary's; its number. */
static uint32
add_extra_string(PprofEncoder *e, StringRef string)
{
	text_append(&e->extra_strings, (char *) &string, sizeof(string));
	if (e->extra_strings.failed)
		return 0;
	return e->stacks->nstrings + e->nextra_strings++;
}

/* The number of a string of the header, which the dictionary may not have. */
static uint32
header_string(PprofEncoder *e, StringRef string)
{
	StringRef  *extra = (StringRef *) e->extra_strings.data;
	uint32		found;

	if (stack_find_string(e->stacks, string, &found))
		return found;
	for (uint32 i = 0; i < e->nextra_strings; i++)
		if (string_ref_equal(extra[i], string))
			return e->stacks->nstrings + i;
	return add_extra_string(e, string);
}

/*
 * The number of an empty string that is not string 0, which in a label would
 * mean: not a text.
 */
static uint32
second_empty_string(PprofEncoder *e)
{
	StringRef	empty = {"", 0};
	StringRef  *extra = (StringRef *) e->extra_strings.data;

	for (uint32 i = 0; i < e->nextra_strings; i++)
		if (extra[i].length == 0)
			return e->stacks->nstrings + i;
	return add_extra_string(e, empty);
}

static void
put_value_type(PprofEncoder *e, uint32 field, SampleType type)
{
	put_varint(&e->message, 1, header_string(e, type.type));
	put_varint(&e->message, 2, header_string(e, type.unit));
	put_buffer(e->out, field, &e->message);
}

/* The id of a mapping given as index + 1: the main one is the first. */
static uint32
mapping_id(const Profile *profile, uint32 mapping)
{
	if (mapping == 0)
		return 0;
	if (mapping == profile->main_mapping)
		return 1;
	return mapping < profile->main_mapping ? mapping + 1 : mapping;
}

static void
put_mapping(PprofEncoder *e, uint32 index)
{
	const StackMapping *mapping = &e->stacks->mappings[index];

	put_varint(&e->message, 1, mapping_id(e->profile, index + 1));
	put_varint(&e->message, 2, mapping->memory_start);
	put_varint(&e->message, 3, mapping->memory_limit);
	put_varint(&e->message, 4, mapping->file_offset);
	put_varint(&e->message, 5, mapping->filename);
	put_varint(&e->message, 6, mapping->build_id);
	for (uint32 bit = 0; bit < 4; bit++)
		put_varint(&e->message, 7 + bit, (mapping->flags >> bit) & 1);
	put_buffer(e->out, 3, &e->message);
}

static void
put_mappings(PprofEncoder *e)
{
	uint32		main_mapping = e->profile->main_mapping;

	if (main_mapping != 0)
		put_mapping(e, main_mapping - 1);
	for (uint32 i = 0; i < e->stacks->nmappings; i++)
		if (i + 1 != main_mapping)
			put_mapping(e, i);
}

static void
put_sample(PprofEncoder *e, uint32 sample)
{
	const Profile *profile = e->profile;
	uint32		set = profile->sample_label_set[sample];
	uint32		node = profile->sample_node[sample];

	if (node != 0)
	{
		for (; node != 0; node = e->stacks->node_parent[node])
			put_number(&e->inner, e->stacks->node_location[node] + 1);
		put_buffer(&e->message, 1, &e->inner);
	}
	for (uint32 t = 0; t < profile->header.nsample_types; t++)
		put_number(&e->inner, (uint64) profile->values[t][sample]);
	put_buffer(&e->message, 2, &e->inner);
	for (uint32 i = profile_label_set_start(profile, set);
		 i < profile->label_set_end[set]; i++)
	{
		const ProfileLabel *label = &profile->labels[i];

		put_varint(&e->inner, 1, label->key);
		if (!label->is_number)
			put_varint(&e->inner, 2, label->string != 0 ?
					   label->string : second_empty_string(e));
		put_varint(&e->inner, 3, (uint64) label->number);
		put_varint(&e->inner, 4, label->unit);
		put_buffer(&e->message, 3, &e->inner);
	}
	put_buffer(e->out, 2, &e->message);
}

static void
put_location(PprofEncoder *e, uint32 index)
{
	const StackLocation *location = &e->stacks->locations[index];

	put_varint(&e->message, 1, index + 1);
	put_varint(&e->message, 2, mapping_id(e->profile, location->mapping));
	put_varint(&e->message, 3, location->address);
	for (uint32 i = location->nlines; i-- > 0;)
	{
		const StackLine *line = &e->stacks->lines[location->line_start + i];

		put_varint(&e->inner, 1, line->function);
		put_varint(&e->inner, 2, (uint64) line->line);
		put_varint(&e->inner, 3, (uint64) line->column);
		put_buffer(&e->message, 4, &e->inner);
	}
	put_varint(&e->message, 5, location->is_folded);
	put_buffer(e->out, 4, &e->message);
}

static void
put_function(PprofEncoder *e, uint32 index)
{
	const StackFunction *function = &e->stacks->functions[index];

	put_varint(&e->message, 1, index + 1);
	put_varint(&e->message, 2, function->name);
	put_varint(&e->message, 3, function->system_name);
	put_varint(&e->message, 4, function->filename);
	put_varint(&e->message, 5, (uint64) function->start_line);
	put_buffer(e->out, 5, &e->message);
}

static void
put_strings(PprofEncoder *e)
{
	StringRef  *extra = (StringRef *) e->extra_strings.data;

	for (uint32 i = 0; i < e->stacks->nstrings; i++)
		put_bytes(e->out, 6, e->stacks->strings[i].data,
				  e->stacks->strings[i].length);
	for (uint32 i = 0; i < e->nextra_strings; i++)
		put_bytes(e->out, 6, extra[i].data, extra[i].length);
}

/*
 * Append a profile as uncompressed canonical pprof to out.
 *
 * Scratch comes from out's allocator.  Returns false with PYRO_LIMIT where
 * the bytes pass out's limit, or there is no memory.
 */
bool
pprof_encode(const Profile *profile, TextBuffer *out, PyroError *error)
{
	const ProfileHeader *header = &profile->header;
	PprofEncoder e = {.profile = profile,.stacks = profile->stacks,
		.out = out
	};

	text_buffer_init(&e.message, out->allocator, out->limit);
	text_buffer_init(&e.inner, out->allocator, out->limit);
	text_buffer_init(&e.extra_strings, out->allocator, PYRO_MAX_ALLOCATION);
	for (uint32 t = 0; t < header->nsample_types; t++)
		put_value_type(&e, 1, header->sample_types[t]);
	for (uint32 i = 0; i < header->nsamples && !out->failed; i++)
	{
		allocator_poll(out->allocator, i);
		put_sample(&e, i);
	}
	put_mappings(&e);
	for (uint32 i = 0; i < e.stacks->nlocations; i++)
		put_location(&e, i);
	for (uint32 i = 0; i < e.stacks->nfunctions; i++)
		put_function(&e, i);
	put_varint(out, 7, header_string(&e, header->drop_frames));
	put_varint(out, 8, header_string(&e, header->keep_frames));
	put_varint(out, 9, (uint64) header->time_nanos);
	put_varint(out, 10, (uint64) header->duration_nanos);
	if (header->period_type.type.length > 0 ||
		header->period_type.unit.length > 0)
		put_value_type(&e, 11, header->period_type);
	put_varint(out, 12, (uint64) header->period);
	for (uint32 i = 0; i < profile->ncomments; i++)
		put_number(&e.message, profile->comments[i]);
	if (profile->ncomments > 0)
		put_buffer(out, 13, &e.message);
	put_varint(out, 14, header_string(&e, header->default_sample_type));
	put_varint(out, 15, header_string(&e, header->doc_url));
	put_strings(&e);
	if (out->failed || e.extra_strings.failed)
		return pyro_fail(error, PYRO_LIMIT,
						 "pprof form of the profile is larger than %zu bytes, or out of memory",
						 out->limit);
	return true;
}

/* ---- size ---- */

/* What messages take at most besides what is counted: tags, ids, numbers. */
#define MAX_VARINT			10
#define MAX_ID				5
#define MAX_STRING_OVERHEAD	6
#define MAX_SAMPLE			(4 * (1 + MAX_ID))
#define MAX_LABEL			(5 * (1 + MAX_ID) + 2 * MAX_VARINT)
#define MAX_MAPPING			(10 * (1 + MAX_VARINT))
#define MAX_LOCATION		(6 * (1 + MAX_VARINT))
#define MAX_LINE			(4 * (1 + MAX_VARINT))
#define MAX_FUNCTION		(6 * (1 + MAX_VARINT))
#define MAX_HEADER			(20 * (1 + MAX_VARINT))

/* At least what pprof_encode() will append, from counts alone. */
static double
size_at_most(const Profile *profile)
{
	const ProfileHeader *header = &profile->header;
	const StackDictionary *stacks = profile->stacks;
	double		size = MAX_HEADER;

	for (uint32 i = 0; i < stacks->nstrings; i++)
		size += stacks->strings[i].length + MAX_STRING_OVERHEAD;
	for (uint32 t = 0; t < header->nsample_types; t++)
		size += MAX_HEADER + header->sample_types[t].type.length +
			header->sample_types[t].unit.length;
	size += header->period_type.type.length + header->period_type.unit.length +
		header->default_sample_type.length + header->drop_frames.length +
		header->keep_frames.length + header->doc_url.length;
	size += (double) stacks->nmappings * MAX_MAPPING;
	size += (double) stacks->nlocations * MAX_LOCATION;
	size += (double) stacks->nlines * MAX_LINE;
	size += (double) stacks->nfunctions * MAX_FUNCTION;
	size += (double) profile->ncomments * MAX_ID;
	for (uint32 i = 0; i < header->nsamples; i++)
	{
		uint32		set = profile->sample_label_set[i];

		size += MAX_SAMPLE + header->nsample_types * MAX_VARINT +
			(double) stacks->node_depth[profile->sample_node[i]] * MAX_ID +
			(double) (profile->label_set_end[set] -
					  profile_label_set_start(profile, set)) * MAX_LABEL;
	}
	return size;
}

/*
 * Check that the uncompressed pprof of a profile has at most max_size bytes.
 *
 * Only near the limit are they written, into scratch, to be counted.  Returns
 * false with PYRO_LIMIT.
 */
bool
pprof_check_size(const Profile *profile, size_t max_size,
				 const Allocator *scratch, PyroError *error)
{
	TextBuffer	plain;

	if (size_at_most(profile) <= max_size)
		return true;
	text_buffer_init(&plain, scratch, max_size);
	return pprof_encode(profile, &plain, error) ||
		pyro_fail(error, PYRO_LIMIT,
				  "pprof form of the profile is larger than pyro.max_profile_size (%zu bytes)",
				  max_size);
}
