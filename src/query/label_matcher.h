/*
 * label_matcher.h
 *	  A selector made ready for a database: its encoding, its regular
 *	  expressions.
 */
#ifndef PYRO_LABEL_MATCHER_H
#define PYRO_LABEL_MATCHER_H

#include "query/selector.h"

typedef struct LabelMatcher
{
	StringRef	label;			/* in the server's encoding, as all below */
	bool		is_negative;
	StringRef  *literals;		/* in order: what the positive form accepts;
								 * or NULL */
	uint32		nliterals;
	text	   *regex;			/* anchored; where there are no literals */

	/* rows often repeat the label of the row before */
	char	   *last_value;
	uint32		last_length;
	bool		last_result;
} LabelMatcher;

typedef struct LabelMatchers
{
	uint32		n;
	LabelMatcher *matchers;
} LabelMatchers;

extern Selector *selector_from_text(text *selector);
extern StringRef selector_to_server(StringRef string);
extern LabelMatchers *label_matchers_make(const Selector *selector,
										  const StringRef *only);
extern LabelMatchers *label_matchers_cached(FunctionCallInfo fcinfo,
											text *selector);
extern bool label_matcher_accepts(LabelMatcher *matcher, StringRef value);

#endif							/* PYRO_LABEL_MATCHER_H */
