/*
 * speedscope.c
 *	  Speedscope files as profiles.
 *
 * A file has frames and profiles of two kinds: "sampled", stacks with weights,
 * and "evented", calls that open and close at a time.  Both are summed up by
 * stack first, so that a trace of a million calls of the same function is one
 * sample.  Weights are decimal numbers, samples have whole values: what is
 * rounded off from one weight is carried to the next, so that the total of a
 * profile is its exact total, rounded once.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "profile/speedscope.h"
#include "stack/hash.h"

#define NUMBER_DIGITS	9		/* decimal places of a SpeedscopeNumber */
#define NUMBER_ONE		((SpeedscopeNumber) 1000000000)

/* No value of ours is larger, and sums of 2^32 of them do not wrap. */
#define NUMBER_MAX		(((SpeedscopeNumber) PG_INT64_MAX + 1) * NUMBER_ONE)

/* What stands in messages of a string from outside. */
#define SHOWN_LENGTH(string)	((int) Min((string).length, 60))

static bool
malformed_number(PyroError *error, const char *what, StringRef text)
{
	return pyro_fail(error, PYRO_MALFORMED, "%s is not a number: \"%.*s\"",
					 what, SHOWN_LENGTH(text), text.data);
}

/*
 * A decimal number times 10^shift; more than nine places behind the point are
 * cut off.
 */
static bool
parse_number(StringRef text, uint32 shift, const char *what,
			 SpeedscopeNumber *number, PyroError *error)
{
	bool		negative = text.length > 0 && text.data[0] == '-';
	bool		has_digit = false;
	bool		has_point = false;
	uint32		wanted = shift + NUMBER_DIGITS; /* places still to come */
	SpeedscopeNumber result = 0;

	for (uint32 i = negative; i < text.length; i++)
	{
		char		c = text.data[i];

		if (c == '.' && !has_point)
		{
			has_point = true;
			continue;
		}
		if (c < '0' || c > '9')
			return malformed_number(error, what, text);
		has_digit = true;
		if (has_point && wanted == 0)
			continue;
		wanted -= has_point;
		result = result * 10 + (c - '0');
		if (result > NUMBER_MAX)
			break;
	}
	if (!has_digit)
		return malformed_number(error, what, text);
	for (; wanted > 0 && result <= NUMBER_MAX; wanted--)
		result *= 10;
	if (result > NUMBER_MAX)
		return pyro_fail(error, PYRO_OVERFLOW, "%s is out of range: %.*s",
						 what, SHOWN_LENGTH(text), text.data);
	*number = negative ? -result : result;
	return true;
}

/* The number of a shared frame, of which there are `nframes`. */
static bool
parse_frame(StringRef text, uint32 nframes, uint32 *frame, PyroError *error)
{
	SpeedscopeNumber number;

	*frame = 0;
	if (!parse_number(text, 0, "number of a frame", &number, error))
		return false;
	if (number < 0 || number % NUMBER_ONE != 0 ||
		number / NUMBER_ONE >= nframes)
		return pyro_fail(error, PYRO_MALFORMED,
						 "frame %.*s is not one of the %u shared frames",
						 SHOWN_LENGTH(text), text.data, nframes);
	*frame = (uint32) (number / NUMBER_ONE);
	return true;
}

/* ---- the file ---- */

/*
 * Start a file.
 *
 * exporter: who wrote the file, "" if not said.  The profile's memory comes
 * from the allocator.  Returns false with PYRO_NO_MEMORY, as the functions
 * below may.
 */
bool
speedscope_begin(SpeedscopeReader *reader, StringRef exporter,
				 const ProfileLimits *limits, const Allocator *allocator,
				 PyroError *error)
{
	StringRef	own = string_ref_literal(SPEEDSCOPE_OWN_EXPORTER);

	memset(reader, 0, sizeof(*reader));
	reader->is_own = exporter.length >= own.length &&
		memcmp(exporter.data, own.data, own.length) == 0;
	if (!profile_builder_init(&reader->builder, limits, allocator, error) ||
		!call_tree_init(&reader->tree, allocator, hash_seed_of(reader), error))
		return false;
	reader->builder.holder = "speedscope file has";
	reader->builder.samples = "different stacks";
	reader->builder.place = "profile";
	return true;
}

/* A line or column, "" where there is none. */
static bool
parse_place(StringRef text, const char *what, int64 *place, PyroError *error)
{
	SpeedscopeNumber number;

	*place = 0;
	if (text.length == 0)
		return true;
	if (!parse_number(text, 0, what, &number, error))
		return false;
	if (number < 0 || number >= NUMBER_MAX)
		return pyro_fail(error, PYRO_MALFORMED, "%s is out of range: %.*s",
						 what, SHOWN_LENGTH(text), text.data);
	*place = (int64) (number / NUMBER_ONE);
	return true;
}

/*
 * Add the next of the shared frames; all but the name may be empty.
 *
 * Returns false with PYRO_MALFORMED or PYRO_OVERFLOW.
 */
bool
speedscope_add_frame(SpeedscopeReader *reader, StringRef name, StringRef file,
					 StringRef line, StringRef column)
{
	PyroError  *error = reader->builder.error;
	int64		line_number;
	int64		column_number;
	uint32		frame;

	return parse_place(line, "line of a frame", &line_number, error) &&
		parse_place(column, "column of a frame", &column_number, error) &&
		profile_builder_frame(&reader->builder, name, file, line_number,
							  column_number, &frame);
}

/* ---- profiles ---- */

typedef struct SpeedscopeUnit
{
	const char *unit;
	const char *type;			/* what it is in a profile */
	const char *type_unit;
	uint32		shift;
} SpeedscopeUnit;

static const SpeedscopeUnit units[] = {
	{"none", "samples", "count", 0},
	{"nanoseconds", "wall", "nanoseconds", 0},
	{"microseconds", "wall", "nanoseconds", 3},
	{"milliseconds", "wall", "nanoseconds", 6},
	{"seconds", "wall", "nanoseconds", 9},
	{"bytes", "samples", "bytes", 0}
};

/* The sample type that one of our own files gives by a profile's name. */
static bool
own_type(StringRef name, SampleType *type)
{
	uint32		slash = name.length;

	while (slash > 0 && name.data[slash - 1] != '/')
		slash--;
	if (slash == 0)
		return false;
	*type = sample_type(string_ref(name.data, slash - 1),
						string_ref(name.data + slash, name.length - slash));
	return true;
}

/* Choose the sample type of a profile. */
static bool
choose_type(SpeedscopeReader *r, StringRef name, StringRef unit)
{
	const SpeedscopeUnit *known = NULL;
	SampleType	type;

	for (int i = 0; i < lengthof(units); i++)
		if (string_ref_equal(unit, string_ref_literal(units[i].unit)))
			known = &units[i];
	if (known == NULL)
		return pyro_fail(r->builder.error, PYRO_MALFORMED,
						 "unit of profile %u is unknown: \"%.*s\"",
						 r->nprofiles, SHOWN_LENGTH(unit), unit.data);
	if (r->is_own && own_type(name, &type))
	{
		r->shift = 0;
		r->profile_name = string_ref("", 0);
	}
	else
	{
		type = sample_type(string_ref_literal(known->type),
						   string_ref_literal(known->type_unit));
		r->shift = known->shift;
		r->profile_name = name;
	}
	return profile_builder_type(&r->builder, type, &r->type);
}

/*
 * Start the next profile.
 *
 * The name must live until its end; it becomes a label of the samples, or in
 * our own files their sample type.  Returns false with PYRO_MALFORMED or
 * PYRO_LIMIT.
 */
bool
speedscope_begin_profile(SpeedscopeReader *reader, StringRef name,
						 StringRef unit)
{
	reader->builder.place_number = ++reader->nprofiles;
	reader->exact = 0;
	reader->rounded = 0;
	reader->has_event = false;
	return choose_type(reader, name, unit);
}

/* The node that the open frames lead to. */
static uint32
open_node(const SpeedscopeReader *r)
{
	return r->path.n == 0 ? 0 : r->path.items[r->path.n - 1];
}

/* Add a value that is not negative to the open stack. */
static bool
add_value(SpeedscopeReader *r, SpeedscopeNumber value)
{
	SpeedscopeNumber whole;
	uint32		node = open_node(r);
	PyroError  *error = r->builder.error;

	r->exact += value;
	whole = (r->exact + NUMBER_ONE / 2) / NUMBER_ONE;
	if (whole > PG_INT64_MAX)
		return pyro_fail(error, PYRO_OVERFLOW,
						 "sum of the values of profile %u is out of range",
						 r->nprofiles);
	value = whole - r->rounded;
	r->rounded = (int64) whole;
	if (value == 0)
		return true;
	if (r->tree.self[node] == 0)
	{
		if (!grow_array(r->builder.allocator, (void **) &r->valued.items,
						r->valued.n, &r->valued.capacity, r->valued.n + 1,
						sizeof(uint32)))
			return pyro_fail_memory(error);
		r->valued.items[r->valued.n++] = node;
	}
	return call_tree_add_self(&r->tree, node, (int64) value, error);
}

static bool
open_frame(SpeedscopeReader *r, uint32 frame)
{
	PyroError  *error = r->builder.error;
	uint32		max_depth = r->builder.limits->max_stack_depth;
	uint32		child;

	if (max_depth > 0 && r->path.n >= max_depth)
		return pyro_fail(error, PYRO_LIMIT,
						 "profile %u has a stack of more than pyro.max_stack_depth (%u) frames",
						 r->nprofiles, max_depth);
	if (!call_tree_child(&r->tree, open_node(r), frame, &child, error))
		return false;
	if (!grow_array(r->builder.allocator, (void **) &r->path.items, r->path.n,
					&r->path.capacity, r->path.n + 1, sizeof(uint32)))
		return pyro_fail_memory(error);
	r->path.items[r->path.n++] = child;
	return true;
}

static bool
frame_index(SpeedscopeReader *r, StringRef text, uint32 *frame)
{
	return parse_frame(text, r->builder.message.locations.n, frame,
					   r->builder.error);
}

/*
 * Of a sampled profile: add a frame of the shared ones to the next stack, the
 * root first.
 *
 * Returns false with PYRO_MALFORMED, PYRO_OVERFLOW or PYRO_LIMIT.
 */
bool
speedscope_add_stack_frame(SpeedscopeReader *reader, StringRef frame)
{
	uint32		index;

	return frame_index(reader, frame, &index) && open_frame(reader, index);
}

/*
 * Of a sampled profile: end a stack, which may be empty, with its weight.
 *
 * Returns false with PYRO_MALFORMED or PYRO_OVERFLOW.
 */
bool
speedscope_end_stack(SpeedscopeReader *reader, StringRef weight)
{
	SpeedscopeNumber number;
	PyroError  *error = reader->builder.error;

	if (!parse_number(weight, reader->shift, "weight", &number, error))
		return false;
	if (number < 0)
		return pyro_fail(error, PYRO_MALFORMED,
						 "profile %u has a negative weight: %.*s",
						 reader->nprofiles, SHOWN_LENGTH(weight), weight.data);
	if (!add_value(reader, number))
		return false;
	reader->path.n = 0;
	return true;
}

/* Close the innermost frame, which must be this one. */
static bool
close_frame(SpeedscopeReader *r, uint32 frame)
{
	PyroError  *error = r->builder.error;

	if (r->path.n == 0)
		return pyro_fail(error, PYRO_MALFORMED,
						 "profile %u closes frame %u while none is open",
						 r->nprofiles, frame);
	if (r->tree.name[open_node(r)] != frame)
		return pyro_fail(error, PYRO_MALFORMED,
						 "profile %u closes frame %u while frame %u is the innermost open one",
						 r->nprofiles, frame, r->tree.name[open_node(r)]);
	r->path.n--;
	return true;
}

/*
 * Of an evented profile: a call opens ("O") or closes ("C") at a time.
 *
 * Times must not fall and calls must nest; while no call is open, nothing is
 * counted.  Returns false with PYRO_MALFORMED, PYRO_OVERFLOW or PYRO_LIMIT.
 */
bool
speedscope_add_event(SpeedscopeReader *reader, StringRef type, StringRef frame,
					 StringRef at)
{
	PyroError  *error = reader->builder.error;
	bool		opens = string_ref_equal(type, string_ref_literal("O"));
	SpeedscopeNumber time;
	uint32		index;

	if (!opens && !string_ref_equal(type, string_ref_literal("C")))
		return pyro_fail(error, PYRO_MALFORMED,
						 "profile %u has an event that is neither \"O\" nor \"C\": \"%.*s\"",
						 reader->nprofiles, SHOWN_LENGTH(type), type.data);
	if (!frame_index(reader, frame, &index) ||
		!parse_number(at, reader->shift, "time of an event", &time, error))
		return false;
	if (reader->has_event && time < reader->last)
		return pyro_fail(error, PYRO_MALFORMED,
						 "profile %u has an event at %.*s behind a later one",
						 reader->nprofiles, SHOWN_LENGTH(at), at.data);
	if (reader->path.n > 0 && !add_value(reader, time - reader->last))
		return false;
	reader->has_event = true;
	reader->last = time;
	return opens ? open_frame(reader, index) : close_frame(reader, index);
}

/* Make the stack of a node the next sample's. */
static bool
push_stack(SpeedscopeReader *r, uint32 node)
{
	uint32		depth = 0;

	r->path.n = 0;
	for (uint32 i = node; i != 0; i = r->tree.parent[i])
		depth++;
	if (!grow_array(r->builder.allocator, (void **) &r->path.items, 0,
					&r->path.capacity, depth, sizeof(uint32)))
		return pyro_fail_memory(r->builder.error);
	for (uint32 i = node, at = depth; i != 0; i = r->tree.parent[i])
		r->path.items[--at] = r->tree.name[i];
	for (uint32 i = 0; i < depth; i++)
		if (!profile_builder_push(&r->builder, r->path.items[i]))
			return false;
	return true;
}

/*
 * End a profile: each of its stacks that has a value becomes a sample.
 *
 * Returns false with PYRO_MALFORMED where a call is still open, or PYRO_LIMIT.
 */
bool
speedscope_end_profile(SpeedscopeReader *reader)
{
	ProfileBuilder *builder = &reader->builder;

	if (reader->path.n > 0)
		return pyro_fail(builder->error, PYRO_MALFORMED,
						 "profile %u ends while frame %u is open",
						 reader->nprofiles, reader->tree.name[open_node(reader)]);
	for (size_t i = 0; i < reader->valued.n; i++)
	{
		uint32		node = reader->valued.items[i];

		if (!push_stack(reader, node) ||
			(reader->profile_name.length > 0 &&
			 !profile_builder_label(builder,
									string_ref_literal("profile_name"),
									reader->profile_name)) ||
			!profile_builder_end_sample(builder, reader->type,
										reader->tree.self[node]))
			return false;
		reader->tree.self[node] = 0;
	}
	reader->path.n = reader->valued.n = 0;
	return true;
}

/*
 * The profile of the whole file.
 *
 * Returns false with PYRO_LIMIT.
 */
bool
speedscope_finish(SpeedscopeReader *reader, Profile *profile)
{
	return profile_builder_finish(&reader->builder, profile);
}
