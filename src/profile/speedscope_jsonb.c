/*
 * speedscope_jsonb.c
 *	  The SQL function that reads a speedscope file from jsonb.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "profile/context_allocator.h"
#include "profile/profile_type.h"
#include "profile/speedscope.h"
#include "profile/sql_text.h"
#include "pyro_ext.h"

#define WHAT	"invalid speedscope file"

pg_noreturn static void
pg_attribute_printf(1, 2)
malformed(const char *format,...)
{
	PyroError	error;
	va_list		arguments;

	error.kind = PYRO_MALFORMED;
	va_start(arguments, format);
	vsnprintf(error.message, sizeof(error.message), format, arguments);
	va_end(arguments);
	pyro_raise(&error, ERRCODE_INVALID_TEXT_REPRESENTATION, WHAT, NULL);
	pg_unreachable();
}

static void
check(bool succeeded, const PyroError *error)
{
	if (unlikely(!succeeded))
		pyro_raise(error, ERRCODE_INVALID_TEXT_REPRESENTATION, WHAT, NULL);
}

/* ---- values ---- */

/* The value of a key; returns false where there is none, or it is null. */
static bool
get_value(JsonbContainer *object, const char *key, JsonbValue *value)
{
	return getKeyJsonValueFromContainer(object, key, strlen(key), value) != NULL &&
		value->type != jbvNull;
}

static JsonbContainer *
as_object(const JsonbValue *value, const char *what)
{
	if (value->type != jbvBinary ||
		!JsonContainerIsObject(value->val.binary.data))
		malformed("%s is not an object", what);
	return value->val.binary.data;
}

static JsonbContainer *
get_object(JsonbContainer *object, const char *key)
{
	JsonbValue	value;

	if (!get_value(object, key, &value))
		malformed("\"%s\" is missing", key);
	return as_object(&value, psprintf("\"%s\"", key));
}

/* A string of a key; "" where there is none. */
static StringRef
get_string(JsonbContainer *object, const char *key)
{
	JsonbValue	value;

	if (!get_value(object, key, &value))
		return string_ref("", 0);
	if (value.type != jbvString)
		malformed("\"%s\" is not a string", key);
	return sql_text_to_ref(cstring_to_text_with_len(value.val.string.val,
													value.val.string.len));
}

/* Decimal places that speedscope.c looks at, however a unit shifts them. */
#define MAX_SCALE	18

/* The digits of a number, palloc'd. */
static char *
as_number(const JsonbValue *value, const char *what)
{
	Datum		number;

	if (value->type != jbvNumeric)
		malformed("%s is not a number", what);
	number = NumericGetDatum(value->val.numeric);
	/* more places than are looked at may take long to print */
	if (DatumGetInt32(DirectFunctionCall1(numeric_scale, number)) > MAX_SCALE)
		number = DirectFunctionCall2(numeric_trunc, number,
									 Int32GetDatum(MAX_SCALE));
	return DatumGetCString(DirectFunctionCall1(numeric_out, number));
}

/* The digits of a number of a key; "" where there is none. */
static char *
get_number(JsonbContainer *object, const char *key)
{
	JsonbValue	value;

	if (!get_value(object, key, &value))
		return pstrdup("");
	return as_number(&value, key);
}

/* Start reading an array. */
static JsonbIterator *
as_array(const JsonbValue *value, const char *what)
{
	JsonbIterator *elements;
	JsonbValue	start;

	if (value->type != jbvBinary ||
		!JsonContainerIsArray(value->val.binary.data))
		malformed("%s is not an array", what);
	elements = JsonbIteratorInit(value->val.binary.data);
	JsonbIteratorNext(&elements, &start, true);
	return elements;
}

static JsonbIterator *
get_array(JsonbContainer *object, const char *key)
{
	JsonbValue	value;

	if (!get_value(object, key, &value))
		malformed("\"%s\" is missing", key);
	return as_array(&value, psprintf("\"%s\"", key));
}

/* The next element; the iterator is freed at the end. */
static bool
next_element(JsonbIterator **elements, JsonbValue *element)
{
	CHECK_FOR_INTERRUPTS();
	return JsonbIteratorNext(elements, element, true) == WJB_ELEM;
}

/* ---- the file ---- */

static void
read_frames(SpeedscopeReader *reader, JsonbContainer *file)
{
	JsonbIterator *frames = get_array(get_object(file, "shared"), "frames");
	JsonbValue	element;

	while (next_element(&frames, &element))
	{
		JsonbContainer *frame = as_object(&element, "a frame");
		JsonbValue	name;

		if (!get_value(frame, "name", &name))
			malformed("a frame has no name");
		check(speedscope_add_frame(reader, get_string(frame, "name"),
								   get_string(frame, "file"),
								   string_ref_literal(get_number(frame, "line")),
								   string_ref_literal(get_number(frame, "col"))),
			  reader->builder.error);
	}
}

static void
read_stack(SpeedscopeReader *reader, const JsonbValue *stack,
		   const JsonbValue *weight)
{
	JsonbIterator *frames = as_array(stack, "a sample");
	JsonbValue	frame;
	char	   *number;

	while (next_element(&frames, &frame))
	{
		number = as_number(&frame, "a frame of a sample");
		check(speedscope_add_stack_frame(reader, string_ref_literal(number)),
			  reader->builder.error);
		pfree(number);
	}
	number = as_number(weight, "a weight");
	check(speedscope_end_stack(reader, string_ref_literal(number)),
		  reader->builder.error);
	pfree(number);
}

static void
read_sampled(SpeedscopeReader *reader, JsonbContainer *profile)
{
	JsonbIterator *samples = get_array(profile, "samples");
	JsonbIterator *weights = get_array(profile, "weights");
	JsonbValue	sample;
	JsonbValue	weight;

	for (;;)
	{
		bool		has_sample = next_element(&samples, &sample);

		if (next_element(&weights, &weight) != has_sample)
			malformed("profile %u does not have as many weights as samples",
					  reader->nprofiles);
		if (!has_sample)
			break;
		read_stack(reader, &sample, &weight);
	}
}

static void
read_evented(SpeedscopeReader *reader, JsonbContainer *profile)
{
	JsonbIterator *events = get_array(profile, "events");
	JsonbValue	element;

	while (next_element(&events, &element))
	{
		JsonbContainer *event = as_object(&element, "an event");
		JsonbValue	type;
		JsonbValue	frame;
		JsonbValue	at;
		char	   *frame_digits;
		char	   *at_digits;

		if (!get_value(event, "type", &type) || type.type != jbvString)
			malformed("an event has no type");
		if (!get_value(event, "frame", &frame) || !get_value(event, "at", &at))
			malformed("an event has no frame or no time");
		frame_digits = as_number(&frame, "frame of an event");
		at_digits = as_number(&at, "time of an event");
		check(speedscope_add_event(reader,
								   string_ref(type.val.string.val,
											  type.val.string.len),
								   string_ref_literal(frame_digits),
								   string_ref_literal(at_digits)),
			  reader->builder.error);
		pfree(frame_digits);
		pfree(at_digits);
	}
}

static void
read_profile(SpeedscopeReader *reader, JsonbContainer *profile)
{
	StringRef	type = get_string(profile, "type");

	check(speedscope_begin_profile(reader, get_string(profile, "name"),
								   get_string(profile, "unit")),
		  reader->builder.error);
	if (string_ref_equal(type, string_ref_literal("sampled")))
		read_sampled(reader, profile);
	else if (string_ref_equal(type, string_ref_literal("evented")))
		read_evented(reader, profile);
	else
		malformed("type of profile %u is neither \"sampled\" nor \"evented\": \"%.*s\"",
				  reader->nprofiles, (int) Min(type.length, 60), type.data);
	check(speedscope_end_profile(reader), reader->builder.error);
}

PYRO_FUNCTION(profile_from_speedscope);
/*
 * All profiles of a speedscope file as one.
 */
Datum
profile_from_speedscope(PG_FUNCTION_ARGS)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	ProfileLimits limits = profile_limits();
	Size		size = toast_raw_datum_size(PG_GETARG_DATUM(0)) - VARHDRSZ;
	SpeedscopeReader reader;
	JsonbContainer *file;
	JsonbIterator *profiles;
	JsonbValue	element;
	Profile		profile;
	PyroError	error;

	if (size > limits.max_size)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("speedscope file of %zu bytes is larger than pyro.max_profile_size (%zu bytes)",
						size, limits.max_size)));
	file = &PG_GETARG_JSONB_P(0)->root;
	if (!JsonContainerIsObject(file))
		malformed("it is not an object");
	if (!string_ref_equal(get_string(file, "$schema"),
						  string_ref_literal(SPEEDSCOPE_SCHEMA)))
		malformed("\"$schema\" is not \"%s\"", SPEEDSCOPE_SCHEMA);
	check(speedscope_begin(&reader, get_string(file, "exporter"), &limits,
						   &allocator, &error), &error);
	read_frames(&reader, file);
	profiles = get_array(file, "profiles");
	while (next_element(&profiles, &element))
		read_profile(&reader, as_object(&element, "a profile"));
	check(speedscope_finish(&reader, &profile), &error);
	PG_RETURN_DATUM(profile_to_datum(&profile));
}
