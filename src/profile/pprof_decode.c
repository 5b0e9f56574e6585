/*
 * pprof_decode.c
 *	  From the bytes of an uncompressed pprof profile to its messages.
 *
 * Written by hand because this is where ingest spends its time: generated
 * protobuf-c code allocates every message by itself and is several times
 * slower (scripts/bench prints by how much).  One function per message; each
 * case carries its line of profile.proto.
 *
 * Fields may come in any order and repeated numbers packed or not.  Unknown
 * fields are passed over; a known field of another wire type is an error.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "profile/pprof.h"
#include "profile/pprof_wire.h"

typedef struct PprofDecoder
{
	const uint8 *start;
	const ProfileLimits *limits;
	const Allocator *allocator;
	PprofMessage *message;
	PyroError  *error;
} PprofDecoder;

#define LARGE_FILE_SIZE		((size_t) 2 * 1024 * 1024)

/* Make room for `more` elements; 32-bit indexes address them all. */
#define ARRAY_RESERVE(decoder, array, more) \
	(likely((array).n + (more) <= (array).capacity) || \
	 array_grow(decoder, (void **) &(array).items, (array).n, \
				&(array).capacity, more, sizeof(*(array).items)))

static pg_noinline bool
array_grow(PprofDecoder *decoder, void **items, size_t n, size_t *capacity,
		   size_t more, size_t element_size)
{
	if (n + more >= PG_UINT32_MAX)
		return pyro_fail(decoder->error, PYRO_LIMIT,
						 "profile has more elements than 32 bits can count");
	if (!grow_array(decoder->allocator, items, n, capacity, n + more,
					element_size))
		return pyro_fail_memory(decoder->error);
	return true;
}

static pg_noinline bool
malformed(PprofDecoder *decoder, const WireReader *at, const char *message)
{
	if (decoder->error->kind != PYRO_OK)
		return false;			/* the inner message knows better */
	return pyro_fail(decoder->error, PYRO_MALFORMED,
					 "%s is malformed or cut off at byte %zu", message,
					 (size_t) (at->position - decoder->start));
}

/* A string number; what does not fit 32 bits cannot exist. */
static inline uint32
string_number(uint64 value)
{
	return value > PG_UINT32_MAX ? PG_UINT32_MAX : (uint32) value;
}

static bool
decode_value_type(PprofDecoder *decoder, WireReader in, PprofValueType *out)
{
	while (in.position < in.end)
	{
		uint32		field;
		WireType	type;
		uint64		value;

		if (!wire_read_tag(&in, &field, &type))
			return malformed(decoder, &in, "value type");
		if (field > 2)
		{
			if (!wire_skip(&in, type))
				return malformed(decoder, &in, "value type");
			continue;
		}
		if (type != WIRE_VARINT || !wire_read_varint(&in, &value))
			return malformed(decoder, &in, "value type");
		if (field == 1)			/* int64 type = 1 */
			out->type = string_number(value);
		else					/* int64 unit = 2 */
			out->unit = string_number(value);
	}
	return true;
}

/*
 * Numbers of a repeated field, packed or a single one, appended to an array
 * of 64-bit integers.
 */
static inline bool
decode_numbers(PprofDecoder *decoder, WireReader *in, WireType type,
			   uint64 **items, size_t *n, size_t *capacity)
{
	WireReader	packed;
	uint64		value;

	if (type == WIRE_VARINT)
	{
		if (!wire_read_varint(in, &value))
			return false;
		if (*n == *capacity &&
			!array_grow(decoder, (void **) items, *n, capacity, 1,
						sizeof(uint64)))
			return false;
		(*items)[(*n)++] = value;
		return true;
	}
	if (type != WIRE_BYTES || !wire_read_bytes(in, &packed))
		return false;
	/* a number takes a byte at least */
	if (packed.end - packed.position > *capacity - *n &&
		!array_grow(decoder, (void **) items, *n, capacity,
					packed.end - packed.position, sizeof(uint64)))
		return false;
	while (packed.position < packed.end)
	{
		if (!wire_read_varint(&packed, &value))
			return false;
		(*items)[(*n)++] = value;
	}
	return true;
}

static bool
decode_label(PprofDecoder *decoder, WireReader in)
{
	PprofMessage *message = decoder->message;
	PprofLabel	label = {0};

	while (in.position < in.end)
	{
		uint32		field;
		WireType	type;
		uint64		value;

		if (!wire_read_tag(&in, &field, &type))
			return malformed(decoder, &in, "label");
		if (field > 4)
		{
			if (!wire_skip(&in, type))
				return malformed(decoder, &in, "label");
			continue;
		}
		if (type != WIRE_VARINT || !wire_read_varint(&in, &value))
			return malformed(decoder, &in, "label");
		switch (field)
		{
			case 1:				/* int64 key = 1 */
				label.key = string_number(value);
				break;
			case 2:				/* int64 str = 2 */
				label.string = string_number(value);
				break;
			case 3:				/* int64 num = 3 */
				label.number = (int64) value;
				break;
			case 4:				/* int64 num_unit = 4 */
				label.unit = string_number(value);
				break;
		}
	}
	if (!ARRAY_RESERVE(decoder, message->labels, 1))
		return false;
	message->labels.items[message->labels.n++] = label;
	return true;
}

static bool
decode_sample(PprofDecoder *decoder, WireReader in)
{
	PprofMessage *message = decoder->message;
	uint32		max_samples = decoder->limits->max_samples;
	uint32		max_depth = decoder->limits->max_stack_depth;
	PprofSample sample;

	sample.location_start = message->location_ids.n;
	sample.value_start = message->values.n;
	sample.label_start = message->labels.n;
	while (in.position < in.end)
	{
		uint32		field;
		WireType	type;
		WireReader	label;

		if (!wire_read_tag(&in, &field, &type))
			return malformed(decoder, &in, "sample");
		switch (field)
		{
			case 1:				/* repeated uint64 location_id = 1 */
				if (!decode_numbers(decoder, &in, type,
									&message->location_ids.items,
									&message->location_ids.n,
									&message->location_ids.capacity))
					return malformed(decoder, &in, "sample");
				break;
			case 2:				/* repeated int64 value = 2 */
				if (!decode_numbers(decoder, &in, type,
									(uint64 **) &message->values.items,
									&message->values.n,
									&message->values.capacity))
					return malformed(decoder, &in, "sample");
				break;
			case 3:				/* repeated Label label = 3 */
				if (type != WIRE_BYTES || !wire_read_bytes(&in, &label))
					return malformed(decoder, &in, "sample");
				if (!decode_label(decoder, label))
					return false;
				break;
			default:
				if (!wire_skip(&in, type))
					return malformed(decoder, &in, "sample");
		}
	}
	sample.nlocations = message->location_ids.n - sample.location_start;
	sample.nvalues = message->values.n - sample.value_start;
	sample.nlabels = message->labels.n - sample.label_start;
	if (max_depth > 0 && sample.nlocations > max_depth)
		return pyro_fail(decoder->error, PYRO_LIMIT,
						 "sample %zu has a stack of %u locations, more than pyro.max_stack_depth (%u)",
						 message->samples.n + 1, sample.nlocations, max_depth);
	if (max_samples > 0 && message->samples.n >= max_samples)
		return pyro_fail(decoder->error, PYRO_LIMIT,
						 "profile has more than pyro.max_samples (%u) samples",
						 max_samples);
	if (!ARRAY_RESERVE(decoder, message->samples, 1))
		return false;
	message->samples.items[message->samples.n++] = sample;
	return true;
}

static bool
decode_mapping(PprofDecoder *decoder, WireReader in)
{
	PprofMessage *message = decoder->message;
	PprofMapping mapping = {0};

	while (in.position < in.end)
	{
		uint32		field;
		WireType	type;
		uint64		value;

		if (!wire_read_tag(&in, &field, &type))
			return malformed(decoder, &in, "mapping");
		if (field > 10)
		{
			if (!wire_skip(&in, type))
				return malformed(decoder, &in, "mapping");
			continue;
		}
		if (type != WIRE_VARINT || !wire_read_varint(&in, &value))
			return malformed(decoder, &in, "mapping");
		switch (field)
		{
			case 1:				/* uint64 id = 1 */
				mapping.id = value;
				break;
			case 2:				/* uint64 memory_start = 2 */
				mapping.mapping.memory_start = value;
				break;
			case 3:				/* uint64 memory_limit = 3 */
				mapping.mapping.memory_limit = value;
				break;
			case 4:				/* uint64 file_offset = 4 */
				mapping.mapping.file_offset = value;
				break;
			case 5:				/* int64 filename = 5 */
				mapping.mapping.filename = string_number(value);
				break;
			case 6:				/* int64 build_id = 6 */
				mapping.mapping.build_id = string_number(value);
				break;
			default:			/* bool has_functions = 7, has_filenames = 8,
								 * has_line_numbers = 9, has_inline_frames =
								 * 10 */
				mapping.mapping.flags &= ~(1U << (field - 7));
				mapping.mapping.flags |= (uint32) (value != 0) << (field - 7);
		}
	}
	if (mapping.id == 0)
		return pyro_fail(decoder->error, PYRO_MALFORMED,
						 "a mapping has the id 0");
	if (!ARRAY_RESERVE(decoder, message->mappings, 1))
		return false;
	message->mappings.items[message->mappings.n++] = mapping;
	return true;
}

static bool
decode_line(PprofDecoder *decoder, WireReader in)
{
	PprofMessage *message = decoder->message;
	PprofLine	line = {0};

	while (in.position < in.end)
	{
		uint32		field;
		WireType	type;
		uint64		value;

		if (!wire_read_tag(&in, &field, &type))
			return malformed(decoder, &in, "line");
		if (field > 3)
		{
			if (!wire_skip(&in, type))
				return malformed(decoder, &in, "line");
			continue;
		}
		if (type != WIRE_VARINT || !wire_read_varint(&in, &value))
			return malformed(decoder, &in, "line");
		if (field == 1)			/* uint64 function_id = 1 */
			line.function_id = value;
		else if (field == 2)	/* int64 line = 2 */
			line.line = (int64) value;
		else					/* int64 column = 3 */
			line.column = (int64) value;
	}
	if (!ARRAY_RESERVE(decoder, message->lines, 1))
		return false;
	message->lines.items[message->lines.n++] = line;
	return true;
}

static bool
decode_location(PprofDecoder *decoder, WireReader in)
{
	PprofMessage *message = decoder->message;
	PprofLocation location = {0};

	location.line_start = message->lines.n;
	while (in.position < in.end)
	{
		uint32		field;
		WireType	type;
		uint64		value;
		WireReader	line;

		if (!wire_read_tag(&in, &field, &type))
			return malformed(decoder, &in, "location");
		if (field == 4)			/* repeated Line line = 4 */
		{
			if (type != WIRE_BYTES || !wire_read_bytes(&in, &line))
				return malformed(decoder, &in, "location");
			if (!decode_line(decoder, line))
				return false;
			continue;
		}
		if (field > 5)
		{
			if (!wire_skip(&in, type))
				return malformed(decoder, &in, "location");
			continue;
		}
		if (type != WIRE_VARINT || !wire_read_varint(&in, &value))
			return malformed(decoder, &in, "location");
		switch (field)
		{
			case 1:				/* uint64 id = 1 */
				location.id = value;
				break;
			case 2:				/* uint64 mapping_id = 2 */
				location.mapping_id = value;
				break;
			case 3:				/* uint64 address = 3 */
				location.address = value;
				break;
			case 5:				/* bool is_folded = 5 */
				location.is_folded = value != 0;
				break;
		}
	}
	location.nlines = message->lines.n - location.line_start;
	if (location.id == 0)
		return pyro_fail(decoder->error, PYRO_MALFORMED,
						 "a location has the id 0");
	if (!ARRAY_RESERVE(decoder, message->locations, 1))
		return false;
	message->locations.items[message->locations.n++] = location;
	return true;
}

static bool
decode_function(PprofDecoder *decoder, WireReader in)
{
	PprofMessage *message = decoder->message;
	PprofFunction function = {0};

	while (in.position < in.end)
	{
		uint32		field;
		WireType	type;
		uint64		value;

		if (!wire_read_tag(&in, &field, &type))
			return malformed(decoder, &in, "function");
		if (field > 5)
		{
			if (!wire_skip(&in, type))
				return malformed(decoder, &in, "function");
			continue;
		}
		if (type != WIRE_VARINT || !wire_read_varint(&in, &value))
			return malformed(decoder, &in, "function");
		switch (field)
		{
			case 1:				/* uint64 id = 1 */
				function.id = value;
				break;
			case 2:				/* int64 name = 2 */
				function.function.name = string_number(value);
				break;
			case 3:				/* int64 system_name = 3 */
				function.function.system_name = string_number(value);
				break;
			case 4:				/* int64 filename = 4 */
				function.function.filename = string_number(value);
				break;
			case 5:				/* int64 start_line = 5 */
				function.function.start_line = (int64) value;
				break;
		}
	}
	if (function.id == 0)
		return pyro_fail(decoder->error, PYRO_MALFORMED,
						 "a function has the id 0");
	if (!ARRAY_RESERVE(decoder, message->functions, 1))
		return false;
	message->functions.items[message->functions.n++] = function;
	return true;
}

static bool
decode_string(PprofDecoder *decoder, WireReader in)
{
	PprofMessage *message = decoder->message;

	if (!ARRAY_RESERVE(decoder, message->strings, 1))
		return false;
	message->strings.items[message->strings.n++] =
		string_ref((const char *) in.position, in.end - in.position);
	return true;
}

static bool
decode_sample_type(PprofDecoder *decoder, WireReader in)
{
	PprofMessage *message = decoder->message;
	PprofValueType type = {0};

	if (!decode_value_type(decoder, in, &type) ||
		!ARRAY_RESERVE(decoder, message->sample_types, 1))
		return false;
	message->sample_types.items[message->sample_types.n++] = type;
	return true;
}

/* One number of the profile message itself. */
static void
decode_scalar(PprofMessage *message, uint32 field, uint64 value)
{
	switch (field)
	{
		case 7:					/* int64 drop_frames = 7 */
			message->drop_frames = string_number(value);
			break;
		case 8:					/* int64 keep_frames = 8 */
			message->keep_frames = string_number(value);
			break;
		case 9:					/* int64 time_nanos = 9 */
			message->time_nanos = (int64) value;
			break;
		case 10:				/* int64 duration_nanos = 10 */
			message->duration_nanos = (int64) value;
			break;
		case 12:				/* int64 period = 12 */
			message->period = (int64) value;
			break;
		case 14:				/* int64 default_sample_type = 14 */
			message->default_sample_type = string_number(value);
			break;
		case 15:				/* int64 doc_url = 15 */
			message->doc_url = string_number(value);
			break;
	}
}

static bool
decode_comments(PprofDecoder *decoder, WireReader *in, WireType type)
{
	PprofMessage *message = decoder->message;
	WireReader	packed = *in;
	uint64		value;

	if (type == WIRE_VARINT)
	{
		if (!wire_read_varint(in, &value))
			return false;
		packed.end = in->position;
	}
	else if (type != WIRE_BYTES || !wire_read_bytes(in, &packed))
		return false;
	while (packed.position < packed.end)
	{
		if (!wire_read_varint(&packed, &value) ||
			!ARRAY_RESERVE(decoder, message->comments, 1))
			return false;
		message->comments.items[message->comments.n++] = string_number(value);
	}
	return true;
}

/*
 * Room for what a large file is likely to hold, so that its arrays do not
 * move while they grow; what stays untouched costs nothing.  A stack location
 * takes two bytes or three in merged profiles, which are the large ones.
 */
static bool
reserve_for_size(PprofDecoder *decoder, size_t size)
{
	PprofMessage *message = decoder->message;

	if (size < LARGE_FILE_SIZE)
		return true;
	return ARRAY_RESERVE(decoder, message->location_ids, size / 5 * 2) &&
		ARRAY_RESERVE(decoder, message->values, size / 32) &&
		ARRAY_RESERVE(decoder, message->samples, size / 64);
}

/*
 * Decode an uncompressed pprof profile.
 *
 * bytes: `size` bytes, which must outlive the message: its strings point into
 * them.  limits: samples and locations per stack are counted as they come, so
 * that a hostile profile is refused early.  The message's arrays come from
 * the allocator.
 *
 * Returns false with PYRO_MALFORMED (and the offset), PYRO_LIMIT or
 * PYRO_NO_MEMORY.  Ids and string numbers are checked by
 * pprof_canonicalise().
 */
bool
pprof_decode(const uint8 *bytes, size_t size, const ProfileLimits *limits,
			 const Allocator *allocator, PprofMessage *message,
			 PyroError *error)
{
	PprofDecoder decoder = {bytes, limits, allocator, message, error};
	WireReader	in = {bytes, bytes + size};

	memset(message, 0, sizeof(*message));
	error->kind = PYRO_OK;
	if (!reserve_for_size(&decoder, size))
		return false;
	while (in.position < in.end)
	{
		uint32		field;
		WireType	type;
		WireReader	part;
		uint64		value;
		bool		done = true;

		if (!wire_read_tag(&in, &field, &type))
			return malformed(&decoder, &in, "profile");
		if (field == 13)		/* repeated int64 comment = 13 */
		{
			if (!decode_comments(&decoder, &in, type))
				return malformed(&decoder, &in, "profile");
			continue;
		}
		if (field > 15)
		{
			if (!wire_skip(&in, type))
				return malformed(&decoder, &in, "profile");
			continue;
		}
		if ((field >= 7 && field <= 10) || field == 12 || field >= 14)
		{
			if (type != WIRE_VARINT || !wire_read_varint(&in, &value))
				return malformed(&decoder, &in, "profile");
			decode_scalar(message, field, value);
			continue;
		}
		if (type != WIRE_BYTES || !wire_read_bytes(&in, &part))
			return malformed(&decoder, &in, "profile");
		switch (field)
		{
			case 1:				/* repeated ValueType sample_type = 1 */
				done = decode_sample_type(&decoder, part);
				break;
			case 2:				/* repeated Sample sample = 2 */
				done = decode_sample(&decoder, part);
				break;
			case 3:				/* repeated Mapping mapping = 3 */
				done = decode_mapping(&decoder, part);
				break;
			case 4:				/* repeated Location location = 4 */
				done = decode_location(&decoder, part);
				break;
			case 5:				/* repeated Function function = 5 */
				done = decode_function(&decoder, part);
				break;
			case 6:				/* repeated string string_table = 6 */
				done = decode_string(&decoder, part);
				break;
			case 11:			/* ValueType period_type = 11 */
				done = decode_value_type(&decoder, part,
										 &message->period_type);
				break;
		}
		if (!done)
			return malformed(&decoder, &part, "profile");
	}
	return true;
}
