/*
 * selector.h
 *	  Selectors: lists of label matchers as PromQL writes them,
 *	  {service_name="checkout", env=~"prod|stage", __name__!=""}.
 *
 * Text is UTF-8.  What a selector is asked about (labels of a row, of a
 * profile type) is for the caller to know; here are only its parts.
 */
#ifndef PYRO_SELECTOR_H
#define PYRO_SELECTOR_H

#include "stack/allocator.h"
#include "stack/pyro_error.h"
#include "stack/string_ref.h"
#include "stack/text_buffer.h"

/* No text longer than this is read as a selector. */
#define SELECTOR_MAX_SIZE	((size_t) 1 << 20)

/* What a row is asked costs time for each; the server keeps 32 expressions. */
#define SELECTOR_MAX_MATCHERS	100
#define SELECTOR_MAX_REGEXES	30

typedef enum SelectorOperator
{
	SELECTOR_EQUAL,				/* = */
	SELECTOR_NOT_EQUAL,			/* != */
	SELECTOR_MATCH,				/* =~ */
	SELECTOR_NOT_MATCH			/* !~ */
} SelectorOperator;

/* The positive form of an operator says yes where the negative says no. */
static inline bool
selector_is_negative(SelectorOperator op)
{
	return op == SELECTOR_NOT_EQUAL || op == SELECTOR_NOT_MATCH;
}

static inline bool
selector_is_regex(SelectorOperator op)
{
	return op == SELECTOR_MATCH || op == SELECTOR_NOT_MATCH;
}

typedef struct SelectorMatcher
{
	StringRef	label;
	SelectorOperator op;
	StringRef	value;			/* without quotes and escapes; valid UTF-8 */
	uint32		position;		/* where it begins: in characters, from 1 */

	/*
	 * The values that the positive form accepts, where these are few: of an
	 * equality its value, of a regular expression the literals that it lists.
	 * NULL for any other expression.
	 */
	StringRef  *literals;
	uint32		nliterals;
} SelectorMatcher;

typedef struct Selector
{
	SelectorMatcher *matchers;	/* all of them must hold; in their order */
	uint32		nmatchers;
	uint32		nregexes;		/* those without literals */
} Selector;

extern bool selector_parse(StringRef text, const Allocator *allocator,
						   Selector *selector, PyroError *error);
extern const char *selector_operator_text(SelectorOperator op);
extern void selector_append_matcher(TextBuffer *out, StringRef label,
									SelectorOperator op, StringRef value);
extern void selector_append_literal(TextBuffer *regex, StringRef literal);

#endif							/* PYRO_SELECTOR_H */
