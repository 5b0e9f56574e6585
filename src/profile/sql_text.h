/*
 * sql_text.h
 *	  Strings of profiles as SQL text, and SQL text as such strings.
 */
#ifndef PYRO_SQL_TEXT_H
#define PYRO_SQL_TEXT_H

#include "stack/string_ref.h"

extern bool sql_text_is_ascii_only(void);
extern text *sql_text_readable(StringRef string);
extern char *sql_cstring_readable(StringRef string);
extern char *sql_cstring_clipped(StringRef string);
extern StringRef sql_text_to_ref(text *string);
extern bool sql_text_is(StringRef string, StringRef wanted);
extern bool sql_text_matches(text *regex, StringRef string);

#endif							/* PYRO_SQL_TEXT_H */
