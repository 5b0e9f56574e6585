/*
 * folded.c
 *	  Folded stacks: lines of "root;caller;leaf count".
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "common/int.h"

#include "profile/folded.h"
#include "profile/pprof.h"
#include "stack/call_tree.h"
#include "stack/hash.h"

static bool
is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* The number at the end of a line; *stack is what stands before it. */
static bool
parse_value(const char *start, const char *end, StringRef *stack,
			int64 *value)
{
	const char *digits = end;
	bool		negative;
	int64		result = 0;

	while (digits > start && digits[-1] >= '0' && digits[-1] <= '9')
		digits--;
	negative = digits > start && digits[-1] == '-';
	if (digits == end)
		return false;
	for (const char *p = digits; p < end; p++)
		if (pg_mul_s64_overflow(result, 10, &result) ||
			pg_sub_s64_overflow(result, *p - '0', &result))
			return false;
	if (!negative && result == PG_INT64_MIN)
		return false;
	*value = negative ? result : -result;
	end = digits - negative;
	if (end == start || !is_space(end[-1]))
		return false;
	while (end > start && is_space(end[-1]))
		end--;
	*stack = string_ref(start, end - start);
	return end > start;
}

/*
 * Read the next line that is not blank.
 *
 * Returns false at the end of the text, with error->kind PYRO_OK, or with
 * PYRO_MALFORMED where a line has no stack or no whole number behind it.  The
 * stack points into the text.
 */
bool
folded_next_line(FoldedReader *reader, FoldedLine *line, PyroError *error)
{
	error->kind = PYRO_OK;
	while (reader->position < reader->end)
	{
		const char *start = reader->position;
		const char *end = memchr(start, '\n', reader->end - start);

		if (end == NULL)
			end = reader->end;
		reader->position = end < reader->end ? end + 1 : end;
		reader->line++;
		while (end > start && (is_space(end[-1]) || end[-1] == '\r'))
			end--;
		while (start < end && is_space(*start))
			start++;
		if (start == end)
			continue;
		if (end - start > PG_INT32_MAX ||
			!parse_value(start, end, &line->stack, &line->value))
			return pyro_fail(error, PYRO_MALFORMED,
							 "line %u of the folded stacks is not \"frame;frame count\"",
							 reader->line);
		return true;
	}
	return false;
}

/*
 * Take the first frame off a stack; false when there is none left.
 */
bool
folded_next_frame(StringRef *stack, StringRef *frame)
{
	const char *semicolon;

	if (stack->data == NULL)
		return false;
	semicolon = memchr(stack->data, ';', stack->length);
	if (semicolon == NULL)
	{
		*frame = *stack;
		stack->data = NULL;
		return true;
	}
	*frame = string_ref(stack->data, semicolon - stack->data);
	stack->length -= frame->length + 1;
	stack->data = semicolon + 1;
	return true;
}

/* A message being filled from lines; names are interned by a call tree. */
typedef struct FoldedBuilder
{
	PprofMessage message;
	CallTree	names;
	const Allocator *allocator;
	const ProfileLimits *limits;
	PyroError  *error;
} FoldedBuilder;

static bool
append_sample(FoldedBuilder *b, FoldedLine *line, uint32 number)
{
	PprofMessage *message = &b->message;
	uint32		start = message->location_ids.n;
	uint32		max_depth = b->limits->max_stack_depth;
	StringRef	stack = line->stack;
	StringRef	frame;
	uint32		name;

	while (folded_next_frame(&stack, &frame))
	{
		if (!call_tree_intern(&b->names, frame, &name, b->error))
			return false;
		if (!grow_array(b->allocator, (void **) &message->location_ids.items,
						message->location_ids.n,
						&message->location_ids.capacity,
						message->location_ids.n + 1, sizeof(uint64)))
			return pyro_fail_memory(b->error);
		message->location_ids.items[message->location_ids.n++] = name + 1;
		if (max_depth > 0 && message->location_ids.n - start > max_depth)
			return pyro_fail(b->error, PYRO_LIMIT,
							 "line %u has a stack of more than pyro.max_stack_depth (%u) frames",
							 number, max_depth);
	}
	/* pprof has the leaf first */
	for (size_t i = start, j = message->location_ids.n - 1; i < j; i++, j--)
	{
		uint64		held = message->location_ids.items[i];

		message->location_ids.items[i] = message->location_ids.items[j];
		message->location_ids.items[j] = held;
	}
	if (b->limits->max_samples > 0 &&
		message->samples.n >= b->limits->max_samples)
		return pyro_fail(b->error, PYRO_LIMIT,
						 "folded stacks have more than pyro.max_samples (%u) lines",
						 b->limits->max_samples);
	if (!grow_array(b->allocator, (void **) &message->samples.items,
					message->samples.n, &message->samples.capacity,
					message->samples.n + 1, sizeof(PprofSample)) ||
		!grow_array(b->allocator, (void **) &message->values.items,
					message->values.n, &message->values.capacity,
					message->values.n + 1, sizeof(int64)))
		return pyro_fail_memory(b->error);
	message->samples.items[message->samples.n++] = (PprofSample)
	{
		.location_start = start,
			.nlocations = message->location_ids.n - start,
			.value_start = message->values.n,.nvalues = 1
	};
	message->values.items[message->values.n++] = line->value;
	return true;
}

/* One function and one location for each name; strings, "" first. */
static bool
append_names(FoldedBuilder *b, SampleType type)
{
	PprofMessage *message = &b->message;
	size_t		n = b->names.nnames;

	message->strings.items = allocate_array(b->allocator, n + 3,
											sizeof(StringRef));
	message->functions.items = allocate_array(b->allocator, n,
											  sizeof(PprofFunction));
	message->locations.items = allocate_array(b->allocator, n,
											  sizeof(PprofLocation));
	message->lines.items = allocate_array(b->allocator, n, sizeof(PprofLine));
	message->sample_types.items = allocate_array(b->allocator, 1,
												 sizeof(PprofValueType));
	if (message->strings.items == NULL || message->functions.items == NULL ||
		message->locations.items == NULL || message->lines.items == NULL ||
		message->sample_types.items == NULL)
		return pyro_fail_memory(b->error);
	message->strings.items[0] = string_ref("", 0);
	message->strings.items[1] = type.type;
	message->strings.items[2] = type.unit;
	message->sample_types.items[0] = (PprofValueType)
	{
		1, 2
	};
	for (uint32 i = 0; i < n; i++)
	{
		message->strings.items[i + 3] = b->names.names[i];
		message->functions.items[i] = (PprofFunction)
		{
			.id = i + 1,.function =
			{
				.name = i + 3
			}
		};
		message->lines.items[i] = (PprofLine)
		{
			.function_id = i + 1
		};
		message->locations.items[i] = (PprofLocation)
		{
			.id = i + 1,.line_start = i,.nlines = 1
		};
	}
	message->strings.n = n + 3;
	message->sample_types.n = 1;
	message->functions.n = message->lines.n = message->locations.n = n;
	return true;
}

/*
 * Read folded stacks as a profile with one sample type; a line is a sample.
 *
 * The profile's memory comes from the allocator; the type's strings must
 * outlive it.  Returns false with PYRO_MALFORMED, PYRO_LIMIT or
 * PYRO_NO_MEMORY.
 */
bool
folded_read(StringRef text, SampleType type, const ProfileLimits *limits,
			const Allocator *allocator, Profile *profile, PyroError *error)
{
	FoldedBuilder builder = {.allocator = allocator,.limits = limits,
		.error = error
	};
	FoldedReader reader = {text.data, text.data + text.length, 0};
	FoldedLine	line;

	if (limits->max_size > 0 && text.length > limits->max_size)
		return pyro_fail(error, PYRO_LIMIT,
						 "folded stacks of %u bytes are larger than pyro.max_profile_size (%zu bytes)",
						 text.length, limits->max_size);
	if (!call_tree_init(&builder.names, allocator, hash_seed_of(&builder),
						error))
		return false;
	while (folded_next_line(&reader, &line, error))
		if (!append_sample(&builder, &line, reader.line))
			return false;
	return error->kind == PYRO_OK &&
		append_names(&builder, type) &&
		pprof_canonicalise(&builder.message, limits, allocator, profile,
						   error);
}
