/*
 * profile_builder.c
 *	  A profile put together from frames and stacks: what the formats that
 *	  are not pprof are read into.
 *
 * The builder fills a message as if it had been decoded from pprof bytes, and
 * leaves to pprof_canonicalise() what all profiles have in common.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "profile/profile_builder.h"
#include "stack/hash.h"

/* Make room for one more item of an array of the message. */
#define GROW(b, array) \
	(grow_array((b)->allocator, (void **) &(array).items, (array).n, \
				&(array).capacity, (array).n + 1, sizeof(*(array).items)) || \
	 pyro_fail_memory((b)->error))

/*
 * Start an empty profile; its memory comes from the allocator.
 *
 * The caller sets the words for limits.  Returns false with PYRO_NO_MEMORY,
 * as all functions of the builder may.
 */
bool
profile_builder_init(ProfileBuilder *builder, const ProfileLimits *limits,
					 const Allocator *allocator, PyroError *error)
{
	memset(builder, 0, sizeof(*builder));
	builder->limits = limits;
	builder->allocator = allocator;
	builder->error = error;
	return call_tree_init(&builder->strings, allocator,
						  hash_seed_of(builder), error);
}

/* The number of a string, which is copied when it is new; 0 is "". */
static bool
intern_string(ProfileBuilder *b, StringRef string, uint32 *number)
{
	*number = 0;
	if (string.length == 0)
		return true;
	if (!call_tree_intern(&b->strings, string, number, b->error))
		return false;
	(*number)++;
	return true;
}

/*
 * The index of a sample type, which is added when it is new.
 */
bool
profile_builder_type(ProfileBuilder *builder, SampleType type, uint32 *index)
{
	PprofMessage *message = &builder->message;
	PprofValueType wanted;

	if (!intern_string(builder, type.type, &wanted.type) ||
		!intern_string(builder, type.unit, &wanted.unit))
		return false;
	for (*index = 0; *index < message->sample_types.n; (*index)++)
		if (message->sample_types.items[*index].type == wanted.type &&
			message->sample_types.items[*index].unit == wanted.unit)
			return true;
	if (message->sample_types.n == PROFILE_MAX_SAMPLE_TYPES)
		return pyro_fail(builder->error, PYRO_LIMIT,
						 "%s more than %d sample types", builder->holder,
						 PROFILE_MAX_SAMPLE_TYPES);
	if (!GROW(builder, message->sample_types))
		return false;
	message->sample_types.items[message->sample_types.n++] = wanted;
	return true;
}

/*
 * Add a frame: a function of this name in this file, both of which may be
 * empty, at a line and column, 0 where not known.
 *
 * Equal frames may be added more than once.
 */
bool
profile_builder_frame(ProfileBuilder *builder, StringRef name, StringRef file,
					  int64 line, int64 column, uint32 *frame)
{
	PprofMessage *message = &builder->message;
	PprofFunction function = {.id = message->functions.n + 1};

	if (!intern_string(builder, name, &function.function.name) ||
		!intern_string(builder, file, &function.function.filename) ||
		!GROW(builder, message->functions) ||
		!GROW(builder, message->lines) ||
		!GROW(builder, message->locations))
		return false;
	*frame = message->locations.n;
	message->functions.items[message->functions.n++] = function;
	message->lines.items[message->lines.n++] = (PprofLine)
	{
		.function_id = function.id,.line = line,.column = column
	};
	message->locations.items[message->locations.n++] = (PprofLocation)
	{
		.id = *frame + 1,.line_start = *frame,.nlines = 1
	};
	return true;
}

/*
 * The frame of which nothing but the name is known, added when it is new.
 */
bool
profile_builder_named_frame(ProfileBuilder *builder, StringRef name,
							uint32 *frame)
{
	uint32		string;

	if (!intern_string(builder, name, &string))
		return false;
	while (builder->named_frames.n <= string)
	{
		if (!GROW(builder, builder->named_frames))
			return false;
		builder->named_frames.items[builder->named_frames.n++] = 0;
	}
	if (builder->named_frames.items[string] == 0)
	{
		if (!profile_builder_frame(builder, name, string_ref("", 0), 0, 0,
								   frame))
			return false;
		builder->named_frames.items[string] = *frame + 1;
	}
	*frame = builder->named_frames.items[string] - 1;
	return true;
}

/*
 * Put a frame on the stack of the next sample, the root first.
 *
 * Returns false with PYRO_LIMIT where the stack is too deep, or where all
 * stacks together make more than a profile of the largest size could name.
 */
bool
profile_builder_push(ProfileBuilder *builder, uint32 frame)
{
	PprofMessage *message = &builder->message;
	const ProfileLimits *limits = builder->limits;

	if (!GROW(builder, message->location_ids))
		return false;
	message->location_ids.items[message->location_ids.n++] = (uint64) frame + 1;
	if (limits->max_stack_depth > 0 &&
		message->location_ids.n - builder->stack_start > limits->max_stack_depth)
		return pyro_fail(builder->error, PYRO_LIMIT,
						 "%s %u has a stack of more than pyro.max_stack_depth (%u) frames",
						 builder->place, builder->place_number,
						 limits->max_stack_depth);
	/* a small trace of deep calls must not grow without bound */
	if ((limits->max_size > 0 &&
		 message->location_ids.n > limits->max_size / 4) ||
		message->location_ids.n > PG_INT32_MAX)
		return pyro_fail(builder->error, PYRO_LIMIT,
						 "%s stacks of more frames than a quarter of pyro.max_profile_size (%zu)",
						 builder->holder, limits->max_size);
	return true;
}

/*
 * Add a text label to the next sample.
 */
bool
profile_builder_label(ProfileBuilder *builder, StringRef key, StringRef value)
{
	PprofMessage *message = &builder->message;
	PprofLabel	label = {0};

	if (!intern_string(builder, key, &label.key) ||
		!intern_string(builder, value, &label.string) ||
		!GROW(builder, message->labels))
		return false;
	message->labels.items[message->labels.n++] = label;
	return true;
}

/*
 * End a sample: the frames pushed and labels added since the last one, and a
 * value of a sample type.
 *
 * Returns false with PYRO_LIMIT where there are too many.
 */
bool
profile_builder_end_sample(ProfileBuilder *builder, uint32 type, int64 value)
{
	PprofMessage *message = &builder->message;
	uint32		start = builder->stack_start;
	uint32		max_samples = builder->limits->max_samples;

	if (max_samples > 0 && message->samples.n >= max_samples)
		return pyro_fail(builder->error, PYRO_LIMIT,
						 "%s more than pyro.max_samples (%u) %s",
						 builder->holder, max_samples, builder->samples);
	if (!GROW(builder, message->samples) || !GROW(builder, message->values) ||
		!GROW(builder, builder->types))
		return false;
	/* pprof has the leaf first */
	for (size_t i = start, j = message->location_ids.n; i + 1 < j; i++)
	{
		uint64		held = message->location_ids.items[i];

		message->location_ids.items[i] = message->location_ids.items[--j];
		message->location_ids.items[j] = held;
	}
	message->samples.items[message->samples.n++] = (PprofSample)
	{
		.location_start = start,
			.nlocations = message->location_ids.n - start,
			.value_start = message->values.n,.nvalues = 1,
			.label_start = builder->label_start,
			.nlabels = message->labels.n - builder->label_start
	};
	message->values.items[message->values.n++] = value;
	builder->types.items[builder->types.n++] = type;
	builder->stack_start = message->location_ids.n;
	builder->label_start = message->labels.n;
	return true;
}

/* Give each sample a value of every sample type. */
static bool
spread_values(ProfileBuilder *b)
{
	PprofMessage *message = &b->message;
	size_t		ntypes = message->sample_types.n;
	size_t		n = message->samples.n;
	int64	   *values;

	if (ntypes <= 1)
		return true;
	if (n * ntypes > PG_INT32_MAX)
		return pyro_fail(b->error, PYRO_LIMIT,
						 "%s %zu %s of %zu sample types, too many", b->holder,
						 n, b->samples, ntypes);
	values = allocate_array(b->allocator, n * ntypes, sizeof(int64));
	if (values == NULL)
		return pyro_fail_memory(b->error);
	memset(values, 0, n * ntypes * sizeof(int64));
	for (size_t i = 0; i < n; i++)
	{
		values[i * ntypes + b->types.items[i]] = message->values.items[i];
		message->samples.items[i].value_start = i * ntypes;
		message->samples.items[i].nvalues = ntypes;
	}
	message->values.items = values;
	message->values.n = n * ntypes;
	return true;
}

/*
 * The profile of all that was added; its memory is the builder's.
 *
 * Returns false with PYRO_LIMIT or PYRO_NO_MEMORY.
 */
bool
profile_builder_finish(ProfileBuilder *builder, Profile *profile)
{
	PprofMessage *message = &builder->message;
	size_t		n = builder->strings.nnames;

	message->strings.items = allocate_array(builder->allocator, n + 1,
											sizeof(StringRef));
	if (message->strings.items == NULL)
		return pyro_fail_memory(builder->error);
	message->strings.items[0] = string_ref("", 0);
	for (size_t i = 0; i < n; i++)
		message->strings.items[i + 1] = builder->strings.names[i];
	message->strings.n = n + 1;
	return spread_values(builder) &&
		pprof_canonicalise(message, builder->limits, builder->allocator,
						   profile, builder->error);
}
