/*
 * profile_transforms.c
 *	  SQL functions that make a `profile` from a profile, and its source lines.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "compat.h"
#include "profile/context_allocator.h"
#include "profile/profile_source.h"
#include "profile/profile_transform.h"
#include "profile/profile_type.h"
#include "profile/sql_text.h"
#include "pyro_ext.h"

/* ---- arithmetic ---- */

PYRO_FUNCTION(profile_multiply);
Datum
profile_multiply(PG_FUNCTION_ARGS)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	Profile    *profile = profile_open(PG_GETARG_DATUM(0));
	float8		factor = PG_GETARG_FLOAT8(1);
	Profile		scaled;
	PyroError	error;

	if (!isfinite(factor))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot multiply a profile by %g", factor)));
	pyro_check(profile_scale(profile, factor, &allocator, &scaled, &error),
			   &error);
	PG_RETURN_DATUM(profile_to_datum(&scaled));
}

PYRO_FUNCTION(profile_subtract_operator);
Datum
profile_subtract_operator(PG_FUNCTION_ARGS)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	Profile    *a = profile_open(PG_GETARG_DATUM(0));
	Profile    *b = profile_open(PG_GETARG_DATUM(1));
	Profile		difference;
	PyroError	error;

	pyro_check(profile_subtract(a, b, &allocator, &difference, &error),
			   &error);
	PG_RETURN_DATUM(profile_to_datum(&difference));
}

/* ---- labels ---- */

/* A label that samples must have. */
typedef struct WantedLabel
{
	StringRef	key;
	bool		is_number;
	StringRef	string;
	int64		number;
} WantedLabel;

/* Is a profile's string this one, as it is or as it is shown? */
static bool
string_is(StringRef string, StringRef wanted)
{
	if (string_ref_equal(string, wanted))
		return true;

	/* what is not valid UTF-8 is known by its readable form */
	return memmem(wanted.data, wanted.length, "\\x", 2) != NULL &&
		string_ref_equal(sql_text_to_ref(sql_text_readable(string)), wanted);
}

static bool
label_set_has(const Profile *profile, uint32 set, const WantedLabel *wanted)
{
	const StringRef *strings = profile->stacks->strings;

	for (uint32 i = profile_label_set_start(profile, set);
		 i < profile->label_set_end[set]; i++)
	{
		const ProfileLabel *label = &profile->labels[i];

		if (label->is_number == wanted->is_number &&
			string_is(strings[label->key], wanted->key) &&
			(label->is_number ? label->number == wanted->number :
			 string_is(strings[label->string], wanted->string)))
			return true;
	}
	return false;
}

/* The profile with those samples whose label sets have all, or any, labels. */
static Datum
filter_labels(Datum datum, const WantedLabel *wanted, uint32 nwanted,
			  bool need_all)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	Profile    *profile = profile_open(datum);
	bool	   *kept = palloc(profile->nlabel_sets * sizeof(bool));
	Profile		result;
	PyroError	error;

	for (uint32 set = 0; set < profile->nlabel_sets; set++)
	{
		CHECK_FOR_INTERRUPTS();
		kept[set] = need_all;
		for (uint32 i = 0; i < nwanted && kept[set] == need_all; i++)
			kept[set] = label_set_has(profile, set, &wanted[i]);
	}
	pyro_check(profile_keep_label_sets(profile, kept, &allocator, &result,
									   &error), &error);
	return profile_to_datum(&result);
}

static StringRef
jsonb_string(const JsonbValue *value)
{
	return sql_text_to_ref(cstring_to_text_with_len(value->val.string.val,
													value->val.string.len));
}

/* A member of the labels argument: text, or a whole number. */
static WantedLabel
wanted_label(const JsonbValue *key, const JsonbValue *value)
{
	WantedLabel wanted = {.key = jsonb_string(key)};

	if (value->type == jbvString)
		wanted.string = jsonb_string(value);
	else if (value->type == jbvNumeric)
	{
		wanted.is_number = true;
		wanted.number = DatumGetInt64(DirectFunctionCall1(numeric_int8,
														  NumericGetDatum(value->val.numeric)));
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("label \"%s\" to filter by is neither text nor a number",
						pnstrdup(key->val.string.val, key->val.string.len))));
	return wanted;
}

PYRO_FUNCTION(profile_filter_labels);
/*
 * The samples that have all these labels.
 */
Datum
profile_filter_labels(PG_FUNCTION_ARGS)
{
	Jsonb	   *labels = PG_GETARG_JSONB_P(1);
	WantedLabel *wanted;
	uint32		nwanted = 0;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(labels))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("labels to filter by are not a JSON object")));
	wanted = palloc(sizeof(WantedLabel) * Max(JB_ROOT_COUNT(labels), 1));
	iterator = JsonbIteratorInit(&labels->root);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&iterator, &value, true);
		wanted[nwanted++] = wanted_label(&key, &value);
	}
	PG_RETURN_DATUM(filter_labels(PG_GETARG_DATUM(0), wanted, nwanted, true));
}

PYRO_FUNCTION(profile_filter_label_values);
/*
 * The samples whose label `key` has one of these values, such as span ids.
 */
Datum
profile_filter_label_values(PG_FUNCTION_ARGS)
{
	StringRef	key = sql_text_to_ref(PG_GETARG_TEXT_PP(1));
	Datum	   *values;
	bool	   *nulls;
	int			nvalues;
	WantedLabel *wanted;
	uint32		nwanted = 0;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, -1, false,
					  TYPALIGN_INT, &values, &nulls, &nvalues);
	wanted = palloc(sizeof(WantedLabel) * Max(nvalues, 1));
	for (int i = 0; i < nvalues; i++)
		if (!nulls[i])
			wanted[nwanted++] = (WantedLabel)
		{
			.key = key,.string = sql_text_to_ref(DatumGetTextPP(values[i]))
		};
	PG_RETURN_DATUM(filter_labels(PG_GETARG_DATUM(0), wanted, nwanted, false));
}

/* ---- symbols ---- */

PYRO_FUNCTION(profile_normalize_symbols);
Datum
profile_normalize_symbols(PG_FUNCTION_ARGS)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	Profile    *profile = profile_open(PG_GETARG_DATUM(0));
	Profile		result;
	PyroError	error;

	pyro_check(profile_normalise_symbols(profile, &allocator, &result,
										 &error), &error);
	PG_RETURN_DATUM(profile_to_datum(&result));
}

/* ---- source lines ---- */

/* Which functions have a name that matches. */
static bool *
match_functions(const StackDictionary *stacks, text *regex)
{
	bool	   *matches = MemoryContextAllocHuge(CurrentMemoryContext,
												 stacks->nfunctions + (Size) 1);

	/* even where there is nothing to match, a malformed one is an error */
	sql_text_matches(regex, string_ref("", 0));
	for (uint32 i = 0; i < stacks->nfunctions; i++)
	{
		uint32		name = stacks->functions[i].name;

		CHECK_FOR_INTERRUPTS();
		/* functions are ordered by name */
		if (i > 0 && name == stacks->functions[i - 1].name)
			matches[i] = matches[i - 1];
		else
			matches[i] = sql_text_matches(regex, stacks->strings[name]);
	}
	return matches;
}

PYRO_FUNCTION(profile_source);
/*
 * Lines of the functions that match, as (function, file, line, self, total).
 */
Datum
profile_source(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	Profile    *profile;
	int			type;
	SourceLine *lines;
	uint32		nlines;
	PyroError	error;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	profile = profile_open(PG_GETARG_DATUM(0));
	type = profile_choose_type(&profile->header, PG_ARGISNULL(2) ? NULL :
							   PG_GETARG_TEXT_PP(2));
	pyro_check(profile_source_lines(profile, type,
									match_functions(profile->stacks,
													PG_GETARG_TEXT_PP(1)),
									&allocator, &lines, &nlines, &error),
			   &error);
	for (uint32 i = 0; i < nlines; i++)
	{
		Datum		values[5];
		bool		nulls[5] = {false};

		CHECK_FOR_INTERRUPTS();
		values[0] = PointerGetDatum(sql_text_readable(lines[i].function));
		values[1] = PointerGetDatum(sql_text_readable(lines[i].filename));
		values[2] = Int64GetDatum(lines[i].line);
		values[3] = Int64GetDatum(lines[i].self);
		values[4] = Int64GetDatum(lines[i].total);
		nulls[1] = lines[i].filename.length == 0;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		pfree(DatumGetPointer(values[0]));
		pfree(DatumGetPointer(values[1]));
	}
	return (Datum) 0;
}
