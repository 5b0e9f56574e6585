/*
 * profile_funcs.c
 *	  SQL functions that read a `profile`.
 *
 * What stands in the head of the stored form (types, totals, times, counts)
 * is answered from its first bytes, without fetching the rest.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "profile/context_allocator.h"
#include "profile/profile_type.h"
#include "profile/sql_text.h"
#include "pyro_ext.h"

#define NANOS_PER_MICRO		1000

/* "type/unit" as text. */
static text *
type_and_unit(SampleType type)
{
	return cstring_to_text(psprintf("%s/%s", sql_cstring_readable(type.type),
									sql_cstring_readable(type.unit)));
}

/* A text argument that may be NULL. */
static text *
optional_text(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : PG_GETARG_TEXT_PP(argument);
}

PYRO_FUNCTION(profile_sample_types);
Datum
profile_sample_types(PG_FUNCTION_ARGS)
{
	ProfileHeader *header = profile_open_header(PG_GETARG_DATUM(0));
	Datum	   *types = palloc(sizeof(Datum) * Max(header->nsample_types, 1));

	for (uint32 t = 0; t < header->nsample_types; t++)
		types[t] = PointerGetDatum(type_and_unit(header->sample_types[t]));
	PG_RETURN_ARRAYTYPE_P(construct_array(types, header->nsample_types,
										  TEXTOID, -1, false, TYPALIGN_INT));
}

PYRO_FUNCTION(profile_default_sample_type);
Datum
profile_default_sample_type(PG_FUNCTION_ARGS)
{
	ProfileHeader *header = profile_open_header(PG_GETARG_DATUM(0));

	if (header->nsample_types == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(type_and_unit(header->sample_types[profile_default_type(header)]));
}

PYRO_FUNCTION(profile_total);
/*
 * The sum of the values of one sample type; an error where it left bigint.
 */
Datum
profile_total(PG_FUNCTION_ARGS)
{
	ProfileHeader *header;
	int			type;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	header = profile_open_totals(PG_GETARG_DATUM(0));
	type = profile_choose_type(header, optional_text(fcinfo, 1));
	if (header->total_overflows[type])
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("total of sample type \"%s\" is out of range",
						text_to_cstring(type_and_unit(header->sample_types[type])))));
	PG_RETURN_INT64(header->totals[type]);
}

PYRO_FUNCTION(profile_sample_count);
Datum
profile_sample_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(profile_open_header(PG_GETARG_DATUM(0))->nsamples);
}

PYRO_FUNCTION(profile_time);
/*
 * When the profile was taken, to the microsecond below; NULL if not known.
 */
Datum
profile_time(PG_FUNCTION_ARGS)
{
	ProfileHeader *header = profile_open_header(PG_GETARG_DATUM(0));
	TimestampTz epoch = (TimestampTz) (UNIX_EPOCH_JDATE - POSTGRES_EPOCH_JDATE) *
	USECS_PER_DAY;

	if (header->time_nanos == 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(epoch + header->time_nanos / NANOS_PER_MICRO);
}

PYRO_FUNCTION(profile_duration);
Datum
profile_duration(PG_FUNCTION_ARGS)
{
	ProfileHeader *header = profile_open_header(PG_GETARG_DATUM(0));
	Interval   *interval = palloc0(sizeof(Interval));

	if (header->duration_nanos == 0)
		PG_RETURN_NULL();
	interval->time = header->duration_nanos / NANOS_PER_MICRO;
	PG_RETURN_INTERVAL_P(interval);
}

PYRO_FUNCTION(profile_period);
Datum
profile_period(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(profile_open_header(PG_GETARG_DATUM(0))->period);
}

PYRO_FUNCTION(profile_period_type);
Datum
profile_period_type(PG_FUNCTION_ARGS)
{
	ProfileHeader *header = profile_open_header(PG_GETARG_DATUM(0));

	if (header->period_type.type.length == 0 &&
		header->period_type.unit.length == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(type_and_unit(header->period_type));
}

/* ---- samples ---- */

/* Readable names of a dictionary's frames, each made once. */
typedef struct FrameTexts
{
	const StackDictionary *stacks;
	Datum	   *of_line;		/* 0: not made yet */
	Datum	   *of_location;	/* of locations without lines */
} FrameTexts;

static void
init_frame_texts(FrameTexts *texts, const StackDictionary *stacks)
{
	texts->stacks = stacks;
	texts->of_line = palloc0(sizeof(Datum) * Max(stacks->nlines, 1));
	texts->of_location = palloc0(sizeof(Datum) * Max(stacks->nlocations, 1));
}

/* What a frame is called in stacks: as in a flame graph. */
static Datum
frame_text(FrameTexts *texts, uint32 location_index, uint32 frame)
{
	const StackLocation *location = &texts->stacks->locations[location_index];
	Datum	   *known = location->nlines > 0 ?
	&texts->of_line[location->line_start + frame] :
	&texts->of_location[location_index];

	if (*known == 0)
	{
		StringRef	name = stack_frame_name(texts->stacks, location, frame);
		StringRef	file = stack_unsymbolised_name(texts->stacks, location);

		if (name.length > 0)
			*known = PointerGetDatum(sql_text_readable(name));
		else if (file.length > 0)
			*known = PointerGetDatum(cstring_to_text(psprintf("[%s]", sql_cstring_readable(file))));
		else
			*known = PointerGetDatum(cstring_to_text("<unknown>"));
	}
	return *known;
}

/* A sample's frames, root first, as text[]. */
static Datum
stack_array(FrameTexts *texts, uint32 node, Datum **frames, size_t *capacity)
{
	const StackDictionary *stacks = texts->stacks;
	size_t		n = 0;
	size_t		at;

	for (uint32 i = node; i != 0; i = stacks->node_parent[i])
		n += stack_location_frames(&stacks->locations[stacks->node_location[i]]);
	if (n > *capacity)
	{
		*capacity = n * 2;
		*frames = palloc(sizeof(Datum) * *capacity);
	}
	at = n;
	for (uint32 i = node; i != 0; i = stacks->node_parent[i])
	{
		uint32		location = stacks->node_location[i];

		for (uint32 k = stack_location_frames(&stacks->locations[location]); k-- > 0;)
			(*frames)[--at] = frame_text(texts, location, k);
	}
	return PointerGetDatum(construct_array(*frames, n, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/* Append the value of a label as JSON. */
static void
append_label_value(StringInfo json, const Profile *profile,
				   const ProfileLabel *label)
{
	if (label->is_number)
		appendStringInfo(json, INT64_FORMAT, label->number);
	else
		escape_json(json, sql_cstring_readable(profile->stacks->strings[label->string]));
}

/*
 * A label set as jsonb: {"key": "text", "bytes": 512}; several values of one
 * key become an array.
 */
static Datum
label_set_jsonb(const Profile *profile, uint32 set)
{
	StringInfoData json;
	uint32		i = profile_label_set_start(profile, set);
	uint32		end = profile->label_set_end[set];

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	while (i < end)
	{
		uint32		key = profile->labels[i].key;
		bool		several = i + 1 < end && profile->labels[i + 1].key == key;

		if (json.len > 1)
			appendStringInfoChar(&json, ',');
		escape_json(&json, sql_cstring_readable(profile->stacks->strings[key]));
		appendStringInfoChar(&json, ':');
		if (several)
			appendStringInfoChar(&json, '[');
		append_label_value(&json, profile, &profile->labels[i]);
		while (++i < end && profile->labels[i].key == key)
		{
			appendStringInfoChar(&json, ',');
			append_label_value(&json, profile, &profile->labels[i]);
		}
		if (several)
			appendStringInfoChar(&json, ']');
	}
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

PYRO_FUNCTION(profile_samples);
/*
 * All samples as (stack root first, value, labels), in the profile's order.
 */
Datum
profile_samples(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Profile    *profile;
	FrameTexts	texts;
	Datum	   *label_sets;
	Datum	   *frames = NULL;
	size_t		capacity = 0;
	int			type;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	profile = profile_open(PG_GETARG_DATUM(0));
	type = profile_choose_type(&profile->header, optional_text(fcinfo, 1));
	init_frame_texts(&texts, profile->stacks);
	label_sets = palloc0(sizeof(Datum) * profile->nlabel_sets);
	for (uint32 i = 0; i < profile->header.nsamples; i++)
	{
		uint32		set = profile->sample_label_set[i];
		Datum		values[3];
		bool		nulls[3] = {false};

		CHECK_FOR_INTERRUPTS();
		if (label_sets[set] == 0)
			label_sets[set] = label_set_jsonb(profile, set);
		values[0] = stack_array(&texts, profile->sample_node[i], &frames,
								&capacity);
		values[1] = Int64GetDatum(profile->values[type][i]);
		values[2] = label_sets[set];
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		pfree(DatumGetPointer(values[0]));
	}
	return (Datum) 0;
}

/* ---- locations and functions ---- */

/* Put a string into a row; an empty one is NULL. */
static void
set_optional(Datum *value, bool *null, StringRef string)
{
	*null = string.length == 0;
	if (!*null)
		*value = PointerGetDatum(sql_text_readable(string));
}

/* One row for a frame of a location, frame counted from the outermost. */
static void
put_location(ReturnSetInfo *rsinfo, const StackDictionary *stacks,
			 uint32 index, uint32 frame)
{
	const StackLocation *location = &stacks->locations[index];
	Datum		values[9] = {0};
	bool		nulls[9] = {false};

	values[0] = Int32GetDatum(index + 1);
	values[1] = PointerGetDatum(cstring_to_text(psprintf("0x%llx", (unsigned long long) location->address)));
	memset(&nulls[2], true, 7);
	if (location->nlines > 0)
	{
		const StackLine *line = &stacks->lines[location->line_start + frame];

		if (line->function != 0)
		{
			const StackFunction *function = &stacks->functions[line->function - 1];

			set_optional(&values[2], &nulls[2], stacks->strings[function->name]);
			set_optional(&values[3], &nulls[3], stacks->strings[function->system_name]);
			set_optional(&values[4], &nulls[4], stacks->strings[function->filename]);
		}
		values[5] = Int64GetDatum(line->line);
		nulls[5] = line->line == 0;
	}
	values[6] = BoolGetDatum(frame > 0);
	nulls[6] = false;
	if (location->mapping != 0)
	{
		const StackMapping *mapping = &stacks->mappings[location->mapping - 1];

		set_optional(&values[7], &nulls[7], stacks->strings[mapping->filename]);
		set_optional(&values[8], &nulls[8], stacks->strings[mapping->build_id]);
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

PYRO_FUNCTION(profile_locations);
/*
 * All locations, a row for each frame: the outermost first, then what was
 * inlined into it.
 */
Datum
profile_locations(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const StackDictionary *stacks = profile_open(PG_GETARG_DATUM(0))->stacks;
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext,
													  "pyro location row",
													  ALLOCSET_SMALL_SIZES);

	InitMaterializedSRF(fcinfo, 0);
	for (uint32 i = 0; i < stacks->nlocations; i++)
	{
		uint32		nframes = stack_location_frames(&stacks->locations[i]);
		MemoryContext old = MemoryContextSwitchTo(row_context);

		CHECK_FOR_INTERRUPTS();
		for (uint32 frame = 0; frame < nframes; frame++)
			put_location(rsinfo, stacks, i, frame);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
	}
	MemoryContextDelete(row_context);
	return (Datum) 0;
}

PYRO_FUNCTION(profile_functions);
/*
 * The names of all functions in bytewise order, each once.
 */
Datum
profile_functions(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const StackDictionary *stacks = profile_open(PG_GETARG_DATUM(0))->stacks;
	uint32		last = 0;		/* string 0 is the empty one */

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	for (uint32 i = 0; i < stacks->nfunctions; i++)
	{
		Datum		value;
		bool		null = false;

		CHECK_FOR_INTERRUPTS();
		if (stacks->functions[i].name == last)
			continue;
		last = stacks->functions[i].name;
		value = PointerGetDatum(sql_text_readable(stacks->strings[last]));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value, &null);
		pfree(DatumGetPointer(value));
	}
	return (Datum) 0;
}
