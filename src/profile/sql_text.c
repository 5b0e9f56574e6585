/*
 * sql_text.c
 *	  Strings of profiles as SQL text, and SQL text as such strings.
 *
 * A profile's strings are bytes, meant as UTF-8.  They become text only here:
 * whatever is not valid UTF-8 is written as \xNN; in a database of another
 * encoding so is every byte above 127, since not every character has a
 * counterpart there and reading a profile must not fail for a name.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "regex/regex.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "profile/context_allocator.h"
#include "profile/sql_text.h"
#include "stack/text_buffer.h"

/*
 * Must text that we make be plain ASCII?
 */
bool
sql_text_is_ascii_only(void)
{
	return GetDatabaseEncoding() != PG_UTF8;
}

/* Is the string text as it is? */
static bool
is_readable(StringRef string, bool ascii_only)
{
	const unsigned char *bytes = (const unsigned char *) string.data;

	for (uint32 i = 0; i < string.length;)
	{
		uint32		n = utf8_sequence_length(bytes + i, string.length - i);

		if (n == 0 || (n > 1 && ascii_only))
			return false;
		i += n;
	}
	return true;
}

/* The readable form of a string that is not text as it is. */
static StringRef
make_readable(StringRef string, bool ascii_only)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	TextBuffer	buffer;

	text_buffer_init(&buffer, &allocator, MaxAllocSize - VARHDRSZ - 1);
	if (!ascii_only)
		text_append_readable(&buffer, string);
	else
		for (uint32 i = 0; i < string.length; i++)
		{
			unsigned char byte = string.data[i];

			if (byte == 0 || byte >= 0x80)
				text_append_format(&buffer, "\\x%02x", byte);
			else
				text_append_char(&buffer, byte);
		}
	if (buffer.failed)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a name of %u bytes is too long to be shown",
						string.length)));
	return string_ref(buffer.data, buffer.length);
}

/*
 * A string as text, palloc'd in the current context.
 */
text *
sql_text_readable(StringRef string)
{
	bool		ascii_only = sql_text_is_ascii_only();
	StringRef	made;
	text	   *result;

	if (is_readable(string, ascii_only))
		return cstring_to_text_with_len(string.data, string.length);
	made = make_readable(string, ascii_only);
	result = cstring_to_text_with_len(made.data, made.length);
	pfree(unconstify(char *, made.data));
	return result;
}

/*
 * The same, terminated by a zero byte.
 */
char *
sql_cstring_readable(StringRef string)
{
	return text_to_cstring(sql_text_readable(string));
}

/*
 * The same of a string that may be long, for a message: its beginning.
 */
char *
sql_cstring_clipped(StringRef string)
{
	const uint32 most = 200;
	bool		is_long = string.length > most;
	char	   *shown;

	/* not in the middle of a character */
	if (is_long)
		for (string.length = most; string.length > most - 3 &&
			 ((unsigned char) string.data[string.length] & 0xC0) == 0x80;)
			string.length--;
	shown = sql_cstring_readable(string);
	return is_long ? psprintf("%s...", shown) : shown;
}

/*
 * Text as a profile's string; points into the text, or is palloc'd.
 */
StringRef
sql_text_to_ref(text *string)
{
	char	   *data = VARDATA_ANY(string);
	int			length = VARSIZE_ANY_EXHDR(string);
	char	   *utf8;

	/* a database that does not care about encodings has just bytes */
	if (GetDatabaseEncoding() == PG_SQL_ASCII)
		return string_ref(data, length);
	utf8 = pg_server_to_any(data, length, PG_UTF8);
	return string_ref(utf8, utf8 == data ? length : strlen(utf8));
}

/*
 * Is a profile's string this one (sql_text_to_ref()), as it is or as it is
 * shown?  What is not valid UTF-8 is known by its readable form, which is
 * longer and has escapes.
 */
bool
sql_text_is(StringRef string, StringRef wanted)
{
	text	   *shown;
	bool		same;

	if (string_ref_equal(string, wanted))
		return true;
	if (string.length >= wanted.length ||
		memmem(wanted.data, wanted.length, "\\x", 2) == NULL)
		return false;
	shown = sql_text_readable(string);
	same = string_ref_equal(sql_text_to_ref(shown), wanted);
	pfree(shown);
	return same;
}

/*
 * Does the readable form of a string match a regular expression (ARE, C
 * collation)?  A malformed one is an error.  PostgreSQL keeps the compiled
 * form of the last ones.
 */
bool
sql_text_matches(text *regex, StringRef string)
{
	bool		ascii_only = sql_text_is_ascii_only();

	if (!is_readable(string, ascii_only))
		string = make_readable(string, ascii_only);
	return RE_compile_and_execute(regex, unconstify(char *, string.data),
								  string.length, REG_ADVANCED | REG_NOSUB,
								  C_COLLATION_OID, 0, NULL);
}
