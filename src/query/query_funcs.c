/*
 * query_funcs.c
 *	  SQL functions about selectors, and about the types of a row's profile.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "compat.h"
#include "profile/context_allocator.h"
#include "profile/profile_type.h"
#include "profile/sql_text.h"
#include "pyro_ext.h"
#include "query/label_matcher.h"

static StringRef
text_bytes(text *string)
{
	return string_ref(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
}

static bool
ref_is(StringRef string, const char *literal)
{
	return string_ref_equal(string, string_ref_literal(literal));
}

/* ---- matching rows ---- */

/* A label of a row, as labels ->> label gives it; missing or null: empty. */
static StringRef
row_label(Jsonb *labels, StringRef label)
{
	StringRef	nothing = string_ref("", 0);
	JsonbValue	found;
	char	   *shown;

	if (labels == NULL || !JB_ROOT_IS_OBJECT(labels) ||
		getKeyJsonValueFromContainer(&labels->root, label.data, label.length,
									 &found) == NULL)
		return nothing;
	switch (found.type)
	{
		case jbvString:
			return string_ref(found.val.string.val, found.val.string.len);
		case jbvNumeric:
			shown = DatumGetCString(DirectFunctionCall1(numeric_out,
														NumericGetDatum(found.val.numeric)));
			return string_ref(shown, strlen(shown));
		case jbvBool:
			return string_ref_literal(found.val.boolean ? "true" : "false");
		case jbvBinary:
			shown = JsonbToCString(NULL, found.val.binary.data,
								   found.val.binary.len);
			return string_ref(shown, strlen(shown));
		default:
			return nothing;
	}
}

PYRO_FUNCTION(pyro_matches);
/*
 * Does a row (service, name, labels) meet a selector?  Of a NULL selector
 * nobody knows; anything else that is NULL is as if missing.
 */
Datum
pyro_matches(PG_FUNCTION_ARGS)
{
	StringRef	service = string_ref("", 0);
	StringRef	name = string_ref("", 0);
	Jsonb	   *labels = NULL;
	LabelMatchers *matchers;

	if (PG_ARGISNULL(3))
		PG_RETURN_NULL();
	matchers = label_matchers_cached(fcinfo, PG_GETARG_TEXT_PP(3));
	if (!PG_ARGISNULL(0))
		service = text_bytes(PG_GETARG_TEXT_PP(0));
	if (!PG_ARGISNULL(1))
		name = text_bytes(PG_GETARG_TEXT_PP(1));
	for (uint32 i = 0; i < matchers->n; i++)
	{
		LabelMatcher *matcher = &matchers->matchers[i];
		StringRef	value;

		if (ref_is(matcher->label, "service_name"))
			value = service;
		else if (ref_is(matcher->label, "__name__"))
			value = name;
		else
		{
			if (labels == NULL && !PG_ARGISNULL(2))
				labels = PG_GETARG_JSONB_P(2);
			value = row_label(labels, matcher->label);
		}
		if (!label_matcher_accepts(matcher, value))
			PG_RETURN_BOOL(false);
	}
	PG_RETURN_BOOL(true);
}

/* ---- taking selectors apart and putting them together ---- */

static Datum
text_array(const StringRef *strings, uint32 n)
{
	Datum	   *elements = palloc(Max(n, 1) * sizeof(Datum));

	for (uint32 i = 0; i < n; i++)
		elements[i] = PointerGetDatum(cstring_to_text_with_len(strings[i].data,
															   strings[i].length));
	return PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/* The elements of a text[]; one that is NULL is an error. */
static StringRef *
array_strings(ArrayType *array, const char *what, uint32 *n)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	StringRef  *strings;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements,
					  &nulls, &count);
	strings = palloc(Max(count, 1) * sizeof(StringRef));
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain nulls", what)));
		strings[i] = text_bytes(DatumGetTextPP(elements[i]));
	}
	*n = count;
	return strings;
}

static bool
is_among(StringRef string, const StringRef *strings, uint32 n)
{
	for (uint32 i = 0; i < n; i++)
		if (string_ref_equal(string, strings[i]))
			return true;
	return false;
}

PYRO_FUNCTION(pyro_selector_values);
/*
 * The values that a label may have under a selector, each once, in order; NULL
 * where it may be missing or have any of endlessly many.
 */
Datum
pyro_selector_values(PG_FUNCTION_ARGS)
{
	Selector   *selector = selector_from_text(PG_GETARG_TEXT_PP(0));
	StringRef	label = text_bytes(PG_GETARG_TEXT_PP(1));
	LabelMatchers *matchers = label_matchers_make(selector, &label);
	LabelMatcher *listing = NULL;
	uint32		n = 0;

	for (uint32 i = 0; i < matchers->n && listing == NULL; i++)
	{
		LabelMatcher *matcher = &matchers->matchers[i];

		if (matcher->literals != NULL && !matcher->is_negative)
			listing = matcher;
	}
	if (listing == NULL)
		PG_RETURN_NULL();

	/* of its literals those that all matchers of the label accept */
	for (uint32 k = 0; k < listing->nliterals; k++)
	{
		StringRef	literal = listing->literals[k];
		bool		accepted;

		CHECK_FOR_INTERRUPTS();
		/* they are in order, so that equal ones are neighbours */
		accepted = n == 0 ||
			!string_ref_equal(literal, listing->literals[n - 1]);
		for (uint32 i = 0; i < matchers->n && accepted; i++)
			if (&matchers->matchers[i] != listing)
				accepted = label_matcher_accepts(&matchers->matchers[i],
												 literal);
		if (accepted && literal.length == 0)
			PG_RETURN_NULL();
		if (accepted)
			listing->literals[n++] = literal;
	}
	PG_RETURN_DATUM(text_array(listing->literals, n));
}

/* A selector being written, which ends as SQL text. */
static void
start_selector(TextBuffer *out, const Allocator *allocator)
{
	text_buffer_init(out, allocator, SELECTOR_MAX_SIZE);
	text_append_char(out, '{');
}

static void
append_matcher(TextBuffer *out, StringRef label, SelectorOperator op,
			   StringRef value)
{
	if (out->length > 1)
		text_append_char(out, ',');
	selector_append_matcher(out, label, op, value);
}

static Datum
finish_selector(TextBuffer *out)
{
	char	   *converted;

	text_append_char(out, '}');
	if (out->failed)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("selector is longer than %zu bytes",
						SELECTOR_MAX_SIZE)));
	if (GetDatabaseEncoding() == PG_SQL_ASCII)
		return PointerGetDatum(cstring_to_text_with_len(out->data,
														out->length));
	converted = pg_any_to_server(out->data, out->length, PG_UTF8);
	if (converted == out->data)
		return PointerGetDatum(cstring_to_text_with_len(out->data,
														out->length));
	return PointerGetDatum(cstring_to_text(converted));
}

PYRO_FUNCTION(pyro_selector_part);
/*
 * The matchers of a selector whose label is among some, or is not.
 */
Datum
pyro_selector_part(PG_FUNCTION_ARGS)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	Selector   *selector = selector_from_text(PG_GETARG_TEXT_PP(0));
	bool		among = PG_GETARG_BOOL(2);
	uint32		nlabels;
	StringRef  *labels = array_strings(PG_GETARG_ARRAYTYPE_P(1), "labels",
									   &nlabels);
	TextBuffer	out;

	start_selector(&out, &allocator);
	for (uint32 i = 0; i < selector->nmatchers; i++)
		if (is_among(selector_to_server(selector->matchers[i].label), labels,
					 nlabels) == among)
			append_matcher(&out, selector->matchers[i].label,
						   selector->matchers[i].op,
						   selector->matchers[i].value);
	PG_RETURN_DATUM(finish_selector(&out));
}

PYRO_FUNCTION(pyro_selector_add);
/*
 * A selector with one matcher more: the label is one of these values.
 */
Datum
pyro_selector_add(PG_FUNCTION_ARGS)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	Selector   *selector = selector_from_text(PG_GETARG_TEXT_PP(0));
	StringRef	label = sql_text_to_ref(PG_GETARG_TEXT_PP(1));
	uint32		nvalues;
	StringRef  *values = array_strings(PG_GETARG_ARRAYTYPE_P(2), "values",
									   &nvalues);
	TextBuffer	out;
	TextBuffer	regex;

	if (label.length == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a label must have a name")));
	start_selector(&out, &allocator);
	for (uint32 i = 0; i < selector->nmatchers; i++)
		append_matcher(&out, selector->matchers[i].label,
					   selector->matchers[i].op, selector->matchers[i].value);
	text_buffer_init(&regex, &allocator, SELECTOR_MAX_SIZE);
	for (uint32 i = 0; i < nvalues; i++)
	{
		StringRef	value = sql_text_to_ref(cstring_to_text_with_len(values[i].data,
																	 values[i].length));

		if (i > 0)
			text_append_char(&regex, '|');
		if (nvalues == 1)
			append_matcher(&out, label, SELECTOR_EQUAL, value);
		else
			selector_append_literal(&regex, value);
	}
	if (regex.failed)
		out.failed = true;
	else if (nvalues > 1)
		append_matcher(&out, label, SELECTOR_MATCH,
					   string_ref(regex.data, regex.length));
	else if (nvalues == 0)
	{
		/* no value is one of none */
		append_matcher(&out, label, SELECTOR_EQUAL, string_ref("", 0));
		append_matcher(&out, label, SELECTOR_NOT_EQUAL, string_ref("", 0));
	}
	PG_RETURN_DATUM(finish_selector(&out));
}

/* ---- profile types ---- */

/* Append one part of an id. */
static StringRef
append_part(StringInfo id, StringRef part)
{
	text	   *shown = sql_text_readable(part);

	appendStringInfoChar(id, ':');
	appendBinaryStringInfo(id, VARDATA_ANY(shown), VARSIZE_ANY_EXHDR(shown));
	return text_bytes(shown);
}

/* What a sample type of a row is called: the id, and its parts as labels. */
typedef struct TypeLabels
{
	StringRef	id;
	StringRef	type;
	StringRef	unit;
	StringRef	period_type;
	StringRef	period_unit;
} TypeLabels;

static TypeLabels
type_labels(StringRef name, const ProfileHeader *header, uint32 type)
{
	TypeLabels	labels;
	StringInfoData id;

	initStringInfo(&id);
	appendBinaryStringInfo(&id, name.data, name.length);
	labels.type = append_part(&id, header->sample_types[type].type);
	labels.unit = append_part(&id, header->sample_types[type].unit);
	labels.period_type = append_part(&id, header->period_type.type);
	labels.period_unit = append_part(&id, header->period_type.unit);
	labels.id = string_ref(id.data, id.len);
	return labels;
}

/* Do the matchers of a type's labels accept it?  Others do not count. */
static bool
type_is_accepted(const TypeLabels *labels, LabelMatchers *matchers)
{
	for (uint32 i = 0; i < matchers->n; i++)
	{
		LabelMatcher *matcher = &matchers->matchers[i];
		StringRef	value;

		if (ref_is(matcher->label, "__profile_type__"))
			value = labels->id;
		else if (ref_is(matcher->label, "__type__"))
			value = labels->type;
		else if (ref_is(matcher->label, "__unit__"))
			value = labels->unit;
		else if (ref_is(matcher->label, "__period_type__"))
			value = labels->period_type;
		else if (ref_is(matcher->label, "__period_unit__"))
			value = labels->period_unit;
		else
			continue;
		if (!label_matcher_accepts(matcher, value))
			return false;
	}
	return true;
}

PYRO_FUNCTION(pyro_type_ids);
/*
 * The ids of a row's profile types that a selector accepts, in the order of
 * the sample types.
 */
Datum
pyro_type_ids(PG_FUNCTION_ARGS)
{
	StringRef	name = text_bytes(PG_GETARG_TEXT_PP(0));
	ProfileHeader *header = profile_open_header(PG_GETARG_DATUM(1));
	LabelMatchers *matchers = label_matchers_cached(fcinfo,
													PG_GETARG_TEXT_PP(2));
	StringRef  *ids = palloc(Max(header->nsample_types, 1) *
							 sizeof(StringRef));
	uint32		n = 0;

	for (uint32 i = 0; i < header->nsample_types; i++)
	{
		TypeLabels	labels = type_labels(name, header, i);

		if (type_is_accepted(&labels, matchers))
			ids[n++] = labels.id;
	}
	PG_RETURN_DATUM(text_array(ids, n));
}

PYRO_FUNCTION(pyro_has_type);
/*
 * Has a row this profile type?  An id of three parts leaves the period open.
 */
Datum
pyro_has_type(PG_FUNCTION_ARGS)
{
	StringRef	name = text_bytes(PG_GETARG_TEXT_PP(0));
	StringRef	id = text_bytes(PG_GETARG_TEXT_PP(2));
	ProfileHeader *header;
	uint32		ncolons = 0;

	for (uint32 i = 0; i < id.length; i++)
		ncolons += id.data[i] == ':';
	if (ncolons != 4 && ncolons != 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("profile type \"%s\" is not name:type:unit:period_type:period_unit",
						text_to_cstring(cstring_to_text_with_len(id.data, pg_mbcliplen(id.data, id.length, 200))))));
	if (name.length >= id.length ||
		memcmp(name.data, id.data, name.length) != 0 ||
		id.data[name.length] != ':')
		PG_RETURN_BOOL(false);

	header = profile_open_header(PG_GETARG_DATUM(1));
	for (uint32 i = 0; i < header->nsample_types; i++)
	{
		TypeLabels	labels = type_labels(name, header, i);

		if (ncolons == 4 ? string_ref_equal(labels.id, id) :
			(id.length < labels.id.length &&
			 memcmp(labels.id.data, id.data, id.length) == 0 &&
			 labels.id.data[id.length] == ':'))
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}
