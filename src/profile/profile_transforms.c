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
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "compat.h"
#include "profile/context_allocator.h"
#include "profile/profile_merge.h"
#include "profile/profile_source.h"
#include "profile/profile_transform.h"
#include "profile/profile_type.h"
#include "profile/sql_text.h"
#include "pyro_ext.h"

/* ---- arithmetic ---- */

PYRO_FUNCTION(profile_multiply);
/*
 * All values times a finite number.
 */
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
/*
 * The signed difference.
 */
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

/* Strings of a profile that one text stands for. */
typedef struct WantedString
{
	uint32	   *strings;
	uint32		n;
} WantedString;

/* A label that samples must have; of a number there are no strings. */
typedef struct WantedLabel
{
	WantedString key;
	WantedString value;
	bool		is_number;
	int64		number;
} WantedLabel;

/*
 * The strings that are this text, or are shown as it: what is not valid UTF-8
 * is known by its readable form, so there may be several.
 */
static WantedString
find_strings(const StackDictionary *stacks, StringRef wanted)
{
	WantedString found = {palloc(sizeof(uint32)), 0};
	uint32		capacity = 1;

	if (stack_find_string(stacks, wanted, &found.strings[0]))
		found.n = 1;
	if (memmem(wanted.data, wanted.length, "\\x", 2) == NULL)
		return found;
	for (uint32 i = 0; i < stacks->nstrings; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!sql_text_is(stacks->strings[i], wanted) ||
			(found.n > 0 && found.strings[0] == i))
			continue;
		if (found.n == capacity)
			found.strings = repalloc_huge(found.strings,
										  (capacity *= 2) * sizeof(uint32));
		found.strings[found.n++] = i;
	}
	return found;
}

static bool
is_wanted(const WantedString *wanted, uint32 string)
{
	for (uint32 i = 0; i < wanted->n; i++)
		if (wanted->strings[i] == string)
			return true;
	return false;
}

static bool
label_set_has(const Profile *profile, uint32 set, const WantedLabel *wanted)
{
	for (uint32 i = profile_label_set_start(profile, set);
		 i < profile->label_set_end[set]; i++)
	{
		const ProfileLabel *label = &profile->labels[i];

		if (label->is_number == wanted->is_number &&
			is_wanted(&wanted->key, label->key) &&
			(label->is_number ? label->number == wanted->number :
			 is_wanted(&wanted->value, label->string)))
			return true;
	}
	return false;
}

/* The profile with the samples of those label sets. */
static Datum
keep_label_sets(const Profile *profile, const bool *kept)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	Profile		result;
	PyroError	error;

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

/* A whole number of 64 bits, or an error that names the label. */
static int64
whole_number(const char *label, Numeric numeric)
{
	Datum		whole = DirectFunctionCall2(numeric_trunc,
											NumericGetDatum(numeric),
											Int32GetDatum(0));
	char	   *digits = DatumGetCString(DirectFunctionCall1(numeric_out, whole));
	char	   *end;
	int64		number;

	errno = 0;
	number = strtoll(digits, &end, 10);
	if (errno != 0 || *end != '\0' ||
		!DatumGetBool(DirectFunctionCall2(numeric_eq, whole,
										  NumericGetDatum(numeric))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("label \"%s\" to filter by is not a whole number of 64 bits",
						label)));
	return number;
}

/* A member of the labels argument: text, or a whole number. */
static WantedLabel
wanted_label(const StackDictionary *stacks, const JsonbValue *key,
			 const JsonbValue *value)
{
	WantedLabel wanted = {.key = find_strings(stacks, jsonb_string(key))};
	char	   *label = pnstrdup(key->val.string.val, key->val.string.len);

	if (value->type == jbvString)
		wanted.value = find_strings(stacks, jsonb_string(value));
	else if (value->type == jbvNumeric)
	{
		wanted.is_number = true;
		wanted.number = whole_number(label, value->val.numeric);
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("label \"%s\" to filter by is neither text nor a number",
						label)));
	return wanted;
}

PYRO_FUNCTION(profile_filter_labels);
/*
 * The samples that have all these labels.
 */
Datum
profile_filter_labels(PG_FUNCTION_ARGS)
{
	Profile    *profile = profile_open(PG_GETARG_DATUM(0));
	Jsonb	   *labels = PG_GETARG_JSONB_P(1);
	bool	   *kept = palloc(profile->nlabel_sets * sizeof(bool));
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(labels))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("labels to filter by are not a JSON object")));
	memset(kept, true, profile->nlabel_sets * sizeof(bool));
	iterator = JsonbIteratorInit(&labels->root);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		WantedLabel wanted;

		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&iterator, &value, true);
		wanted = wanted_label(profile->stacks, &key, &value);
		CHECK_FOR_INTERRUPTS();
		for (uint32 set = 0; set < profile->nlabel_sets; set++)
			kept[set] = kept[set] && label_set_has(profile, set, &wanted);
	}
	PG_RETURN_DATUM(keep_label_sets(profile, kept));
}

PYRO_FUNCTION(profile_filter_label_values);
/*
 * The samples whose label `key` has one of these values, such as span ids.
 */
Datum
profile_filter_label_values(PG_FUNCTION_ARGS)
{
	Profile    *profile = profile_open(PG_GETARG_DATUM(0));
	const StackDictionary *stacks = profile->stacks;
	WantedString key = find_strings(stacks,
									sql_text_to_ref(PG_GETARG_TEXT_PP(1)));
	bool	   *kept = palloc0(profile->nlabel_sets * sizeof(bool));
	bool	   *is_value = MemoryContextAllocExtended(CurrentMemoryContext,
													  stacks->nstrings + (Size) 1,
													  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	Datum	   *values;
	bool	   *nulls;
	int			nvalues;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, -1, false,
					  TYPALIGN_INT, &values, &nulls, &nvalues);
	for (int i = 0; i < nvalues; i++)
	{
		WantedString value;

		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			continue;
		value = find_strings(stacks,
							 sql_text_to_ref(DatumGetTextPP(values[i])));
		for (uint32 k = 0; k < value.n; k++)
			is_value[value.strings[k]] = true;
		pfree(value.strings);
	}
	for (uint32 set = 0; set < profile->nlabel_sets; set++)
		for (uint32 i = profile_label_set_start(profile, set);
			 i < profile->label_set_end[set]; i++)
			kept[set] |= !profile->labels[i].is_number &&
				is_wanted(&key, profile->labels[i].key) &&
				is_value[profile->labels[i].string];
	PG_RETURN_DATUM(keep_label_sets(profile, kept));
}

/* ---- symbols ---- */

PYRO_FUNCTION(profile_normalize_symbols);
/*
 * The profile with frames as they are in every process of the program.
 */
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
