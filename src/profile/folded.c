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
#include "profile/profile_builder.h"

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

static bool
append_sample(ProfileBuilder *builder, const FoldedLine *line, uint32 type)
{
	StringRef	stack = line->stack;
	StringRef	name;
	uint32		frame;

	while (folded_next_frame(&stack, &name))
		if (!profile_builder_named_frame(builder, name, &frame) ||
			!profile_builder_push(builder, frame))
			return false;
	return profile_builder_end_sample(builder, type, line->value);
}

/*
 * Read folded stacks as a profile with one sample type; a line is a sample.
 *
 * The profile's memory comes from the allocator.  Returns false with
 * PYRO_MALFORMED, PYRO_LIMIT or PYRO_NO_MEMORY.
 */
bool
folded_read(StringRef text, SampleType type, const ProfileLimits *limits,
			const Allocator *allocator, Profile *profile, PyroError *error)
{
	ProfileBuilder builder;
	FoldedReader reader = {text.data, text.data + text.length, 0};
	FoldedLine	line;
	uint32		type_index;

	if (limits->max_size > 0 && text.length > limits->max_size)
		return pyro_fail(error, PYRO_LIMIT,
						 "folded stacks of %u bytes are larger than pyro.max_profile_size (%zu bytes)",
						 text.length, limits->max_size);
	if (!profile_builder_init(&builder, limits, allocator, error))
		return false;
	builder.holder = "folded stacks have";
	builder.samples = "lines";
	builder.place = "line";
	if (!profile_builder_type(&builder, type, &type_index))
		return false;
	while (folded_next_line(&reader, &line, error))
	{
		builder.place_number = reader.line;
		if (!append_sample(&builder, &line, type_index))
			return false;
	}
	return error->kind == PYRO_OK &&
		profile_builder_finish(&builder, profile);
}
