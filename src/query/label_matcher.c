/*
 * label_matcher.c
 *	  A selector made ready for a database: its encoding, its regular
 *	  expressions.
 *
 * Regular expressions are PostgreSQL's advanced ones in the C collation and
 * match the whole value.  Flags at the start, (?i) and (?s), work as in RE2.
 * What only RE2 knows is an error, also \b and \B, which PostgreSQL would
 * take for something else.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "regex/regex.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "profile/context_allocator.h"
#include "profile/sql_text.h"
#include "query/label_matcher.h"

/* Longer values are not worth remembering. */
#define LAST_VALUE_SIZE	256

/*
 * Parse a selector, in the current context.  Strings are UTF-8.
 */
Selector *
selector_from_text(text *selector)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	Selector   *result = palloc(sizeof(Selector));
	PyroError	error;

	if (!selector_parse(sql_text_to_ref(selector), &allocator, result, &error))
		pyro_raise(&error, ERRCODE_INVALID_TEXT_REPRESENTATION,
				   "invalid selector", NULL);
	return result;
}

/*
 * A string of a selector in the server's encoding.
 */
StringRef
selector_to_server(StringRef string)
{
	char	   *converted;

	if (string.length == 0 || GetDatabaseEncoding() == PG_SQL_ASCII)
		return string;
	converted = pg_any_to_server(string.data, string.length, PG_UTF8);
	if (converted == string.data)
		return string;
	return string_ref(converted, strlen(converted));
}

pg_noreturn static void
regex_error(const SelectorMatcher *matcher, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_REGULAR_EXPRESSION),
			 errmsg("invalid regular expression \"%s\" at position %u of the selector: %s",
					sql_cstring_clipped(matcher->value), matcher->position,
					what)));
}

static bool
is_hex_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
		(c >= 'A' && c <= 'F');
}

/*
 * Refuse escapes that mean one thing in RE2 and another in PostgreSQL: \b and
 * \B are word boundaries, \x takes two digits and not all that follow.
 */
static void
check_escapes(const SelectorMatcher *matcher)
{
	StringRef	regex = matcher->value;

	for (uint32 i = 0; i + 1 < regex.length; i++)
	{
		if (regex.data[i] != '\\')
			continue;
		i++;
		if (regex.data[i] == 'b' || regex.data[i] == 'B')
			regex_error(matcher, "write \\y or \\Y for a word boundary");
		if (regex.data[i] == 'x' && i + 3 < regex.length &&
			is_hex_digit(regex.data[i + 1]) &&
			is_hex_digit(regex.data[i + 2]) &&
			is_hex_digit(regex.data[i + 3]))
			regex_error(matcher, "\\x takes two digits: put what follows into brackets");
	}
}

/* Does it compile by itself, so that anchors can be put around it? */
static void
check_compiles(const SelectorMatcher *matcher, StringRef regex)
{
	pg_wchar   *wide;
	regex_t		compiled;
	int			length;
	int			status;

	wide = palloc((regex.length + 1) * sizeof(pg_wchar));
	length = pg_mb2wchar_with_len(regex.data, wide, regex.length);
	status = pg_regcomp(&compiled, wide, length, REG_ADVANCED | REG_NOSUB,
						C_COLLATION_OID);
	if (status != REG_OKAY)
	{
		char		what[100];

		/* a query that is cancelled has no bad expression */
		CHECK_FOR_INTERRUPTS();
		pg_regerror(status, &compiled, what, sizeof(what));
		regex_error(matcher, what);
	}
	pg_regfree(&compiled);
	pfree(wide);
}

/* The expression that matches whole values, as RE_compile takes it. */
static text *
anchored(const SelectorMatcher *matcher)
{
	StringRef	regex = selector_to_server(matcher->value);
	StringInfoData result;
	bool		ignores_case = false;

	check_escapes(matcher);
	while (regex.length > 2 && memcmp(regex.data, "(?", 2) == 0 &&
		   regex.data[2] >= 'a' && regex.data[2] <= 'z')
	{
		uint32		i = 2;

		while (i < regex.length &&
			   (regex.data[i] == 'i' || regex.data[i] == 's'))
			ignores_case |= regex.data[i++] == 'i';
		if (i == 2 || i >= regex.length || regex.data[i] != ')')
			regex_error(matcher, "of the flags only (?i) and (?s) are known");
		regex = string_ref(regex.data + i + 1, regex.length - i - 1);
	}
	if (regex.length >= 3 && memcmp(regex.data, "***", 3) == 0)
		regex_error(matcher, "quantifier operand invalid");
	check_compiles(matcher, regex);

	initStringInfo(&result);
	appendStringInfoString(&result, ignores_case ? "(?i)^(?:" : "^(?:");
	appendBinaryStringInfo(&result, regex.data, regex.length);
	appendStringInfoString(&result, ")$");
	return cstring_to_text_with_len(result.data, result.len);
}

static int
compare_literals(const void *a, const void *b)
{
	return string_ref_compare(*(const StringRef *) a, *(const StringRef *) b);
}

/*
 * Make a selector's matchers ready, in the current context; those of one label
 * if it is not NULL (in the server's encoding).
 *
 * An invalid regular expression is an error that says where it stands.
 */
LabelMatchers *
label_matchers_make(const Selector *selector, const StringRef *only)
{
	LabelMatchers *result = palloc0(sizeof(LabelMatchers));

	result->matchers = palloc0(Max(selector->nmatchers, 1) *
							   sizeof(LabelMatcher));
	for (uint32 i = 0; i < selector->nmatchers; i++)
	{
		const SelectorMatcher *from = &selector->matchers[i];
		LabelMatcher *matcher = &result->matchers[result->n];

		matcher->label = selector_to_server(from->label);
		if (only != NULL && !string_ref_equal(matcher->label, *only))
			continue;
		result->n++;
		matcher->is_negative = selector_is_negative(from->op);
		matcher->nliterals = from->nliterals;
		matcher->literals = from->literals;
		if (from->literals == NULL)
			matcher->regex = anchored(from);
		else
		{
			for (uint32 k = 0; k < from->nliterals; k++)
				matcher->literals[k] = selector_to_server(from->literals[k]);
			qsort(matcher->literals, matcher->nliterals, sizeof(StringRef),
				  compare_literals);
		}
	}
	return result;
}

/* What a call site keeps between calls. */
typedef struct CachedMatchers
{
	MemoryContext context;
	text	   *selector;
	LabelMatchers *matchers;
} CachedMatchers;

/*
 * The matchers of a selector, made anew only when it is another one than in
 * the last call from the same place.  They live as long as that place.
 */
LabelMatchers *
label_matchers_cached(FunctionCallInfo fcinfo, text *selector)
{
	CachedMatchers *cache = fcinfo->flinfo->fn_extra;
	MemoryContext caller;

	if (cache != NULL && cache->matchers != NULL &&
		VARSIZE_ANY_EXHDR(cache->selector) == VARSIZE_ANY_EXHDR(selector) &&
		memcmp(VARDATA_ANY(cache->selector), VARDATA_ANY(selector),
			   VARSIZE_ANY_EXHDR(selector)) == 0)
		return cache->matchers;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
									   sizeof(CachedMatchers));
		cache->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt,
											   "selector",
											   ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = cache;
	}
	cache->matchers = NULL;
	MemoryContextReset(cache->context);
	caller = MemoryContextSwitchTo(cache->context);
	cache->selector = cstring_to_text_with_len(VARDATA_ANY(selector),
											   VARSIZE_ANY_EXHDR(selector));
	cache->matchers = label_matchers_make(selector_from_text(cache->selector),
										  NULL);
	MemoryContextSwitchTo(caller);
	return cache->matchers;
}

/* Does the regular expression of a matcher match? */
static bool
regex_matches(LabelMatcher *matcher, StringRef value)
{
	bool		result;

	if (matcher->last_value != NULL && matcher->last_length == value.length &&
		memcmp(matcher->last_value, value.data, value.length) == 0)
		return matcher->last_result;
	result = RE_compile_and_execute(matcher->regex,
									unconstify(char *, value.data),
									value.length, REG_ADVANCED | REG_NOSUB,
									C_COLLATION_OID, 0, NULL);
	if (value.length <= LAST_VALUE_SIZE)
	{
		if (matcher->last_value == NULL)
			matcher->last_value =
				MemoryContextAlloc(GetMemoryChunkContext(matcher->regex),
								   LAST_VALUE_SIZE);
		memcpy(matcher->last_value, value.data, value.length);
		matcher->last_length = value.length;
		matcher->last_result = result;
	}
	return result;
}

/*
 * Does a matcher accept a label with this value?  A label that is missing has
 * the empty value.
 */
bool
label_matcher_accepts(LabelMatcher *matcher, StringRef value)
{
	bool		positive;

	if (matcher->literals == NULL)
		positive = regex_matches(matcher, value);
	else if (matcher->nliterals == 1)
		positive = string_ref_equal(matcher->literals[0], value);
	else
		positive = bsearch(&value, matcher->literals, matcher->nliterals,
						   sizeof(StringRef), compare_literals) != NULL;
	return positive != matcher->is_negative;
}
