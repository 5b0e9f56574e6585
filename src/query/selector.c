/*
 * selector.c
 *	  Selectors: lists of label matchers as PromQL writes them.
 *
 * The grammar is that of Prometheus (promql/parser: lexer and "label
 * matchers"), with its string literals: Go's escapes in double and single
 * quotes, none in backticks.  A name before the braces is a matcher of
 * __name__; one of five parts, as Grafana sends profile types, is a matcher of
 * __profile_type__.  No text at all is the empty selector.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "query/selector.h"

typedef struct SelectorReader
{
	const char *start;
	const char *position;
	const char *end;
	const char *counted;		/* up to here, there are so many characters */
	uint32		characters;
	const Allocator *allocator;
	PyroError  *error;
	Selector   *selector;
	size_t		capacity;		/* of its matchers */
} SelectorReader;

/*
 * Where something is, as a person counts: characters from 1.  Counts on from
 * the last place, since places mostly follow each other.
 */
static uint32
position_of(SelectorReader *reader, const char *place)
{
	if (place < reader->counted)
	{
		reader->counted = reader->start;
		reader->characters = 0;
	}
	while (reader->counted < place)
		reader->characters += ((unsigned char) *reader->counted++ & 0xC0) != 0x80;
	return reader->characters + 1;
}

static bool
fail_at(SelectorReader *reader, const char *place, const char *what)
{
	if (place >= reader->end)
		return pyro_fail(reader->error, PYRO_MALFORMED, "%s at its end", what);
	return pyro_fail(reader->error, PYRO_MALFORMED, "%s at position %u", what,
					 position_of(reader, place));
}

static bool
is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_name_part(char c)
{
	return is_name_start(c) || is_digit(c);
}

/* Skip white space and comments, which end with their line. */
static void
skip_space(SelectorReader *reader)
{
	const char *p = reader->position;

	while (p < reader->end)
	{
		if (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
			p++;
		else if (*p == '#')
			while (p < reader->end && *p != '\n')
				p++;
		else
			break;
	}
	reader->position = p;
}

/* Take a character if it comes next. */
static bool
accept_char(SelectorReader *reader, char c)
{
	skip_space(reader);
	if (reader->position >= reader->end || *reader->position != c)
		return false;
	reader->position++;
	return true;
}

/* ---- strings ---- */

static int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Write a code point as UTF-8; the number of bytes, 0 if it is none. */
static int
put_code_point(char *out, uint32 code)
{
	if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
		return 0;
	if (code < 0x80)
	{
		out[0] = code;
		return 1;
	}
	if (code < 0x800)
	{
		out[0] = 0xC0 | code >> 6;
		out[1] = 0x80 | (code & 0x3F);
		return 2;
	}
	if (code < 0x10000)
	{
		out[0] = 0xE0 | code >> 12;
		out[1] = 0x80 | (code >> 6 & 0x3F);
		out[2] = 0x80 | (code & 0x3F);
		return 3;
	}
	out[0] = 0xF0 | code >> 18;
	out[1] = 0x80 | (code >> 12 & 0x3F);
	out[2] = 0x80 | (code >> 6 & 0x3F);
	out[3] = 0x80 | (code & 0x3F);
	return 4;
}

/* The digits of a numeric escape; false if there are not that many. */
static bool
read_digits(SelectorReader *reader, int ndigits, int base, uint32 *number)
{
	*number = 0;
	for (int i = 0; i < ndigits; i++)
	{
		int			digit = -1;

		if (reader->position < reader->end)
			digit = hex_value(*reader->position);
		if (digit < 0 || digit >= base)
			return false;
		*number = *number * base + digit;
		reader->position++;
	}
	return true;
}

/* The escape behind a backslash, as Go's strconv.UnquoteChar reads it. */
static bool
read_escape(SelectorReader *reader, char quote, char **out)
{
	static const char letters[] = "abfnrtv\\";
	static const char meanings[] = "\a\b\f\n\r\t\v\\";
	const char *backslash = reader->position - 1;
	const char *letter;
	uint32		number;
	int			written;
	char		c;

	if (reader->position >= reader->end)
		return fail_at(reader, reader->end, "unterminated string");
	c = *reader->position++;
	if (c == quote)
	{
		*(*out)++ = c;
		return true;
	}
	letter = c == '\0' ? NULL : strchr(letters, c);
	if (letter != NULL)
	{
		*(*out)++ = meanings[letter - letters];
		return true;
	}
	switch (c)
	{
		case 'x':
			if (!read_digits(reader, 2, 16, &number) || number == 0)
				break;
			*(*out)++ = number;
			return true;
		case 'u':
		case 'U':
			if (!read_digits(reader, c == 'u' ? 4 : 8, 16, &number) ||
				(written = put_code_point(*out, number)) == 0)
				break;
			*out += written;
			return true;
		default:
			reader->position--;
			if (!read_digits(reader, 3, 8, &number) || number == 0 ||
				number > 255)
				break;
			*(*out)++ = number;
			return true;
	}
	return fail_at(reader, backslash, "invalid escape sequence");
}

static bool
is_valid_utf8(StringRef string)
{
	uint32		n;

	for (uint32 i = 0; i < string.length; i += n)
	{
		n = utf8_sequence_length((const unsigned char *) string.data + i,
								 string.length - i);
		if (n == 0)
			return false;
	}
	return true;
}

/* A string in quotes of one of the three kinds. */
static bool
read_string(SelectorReader *reader, StringRef *string)
{
	const char *start = reader->position;
	char		quote = *reader->position++;
	const char *p = reader->position;
	char	   *bytes;
	char	   *out;

	/* no escape makes more bytes than it has */
	while (p < reader->end && *p != quote)
		p += *p == '\\' && quote != '`' && p + 1 < reader->end ? 2 : 1;
	if (p >= reader->end)
		return fail_at(reader, start, "unterminated string");
	bytes = out = allocate_array(reader->allocator, p - reader->position, 1);
	if (bytes == NULL)
		return pyro_fail_memory(reader->error);
	while (*reader->position != quote)
	{
		char		c = *reader->position++;

		if (c == '\\' && quote != '`')
		{
			if (!read_escape(reader, quote, &out))
				return false;
		}
		else if (c == '\n' && quote != '`')
			return fail_at(reader, reader->position - 1,
						   "line break in a string");
		else
			*out++ = c;
	}
	reader->position++;
	*string = string_ref(bytes, out - bytes);
	if (!is_valid_utf8(*string))
		return fail_at(reader, start, "string that is not valid UTF-8");
	return true;
}

static bool
is_quote(char c)
{
	return c == '"' || c == '\'' || c == '`';
}

/* ---- regular expressions that list literals ---- */

static bool
is_alphanumeric(char c)
{
	return is_name_part(c) && c != '_';
}

/*
 * Read a regular expression of literals between bars, in parentheses or not.
 *
 * false where it is more than that; else *literals are these, in *bytes,
 * which has room for as many as the expression has.
 */
static bool
split_literals(StringRef regex, char *bytes, StringRef *literals,
			   uint32 *nliterals)
{
	const char *p = regex.data;
	const char *end = p + regex.length;
	char	   *start = bytes;

	*nliterals = 0;
	if (p < end && *p == '(' && end[-1] == ')')
	{
		p++;
		end--;
		if (end - p >= 2 && p[0] == '?' && p[1] == ':')
			p += 2;
		if (p > end)
			return false;
	}
	for (;; p++)
	{
		if (p >= end || *p == '|')
		{
			literals[(*nliterals)++] = string_ref(start, bytes - start);
			start = bytes;
			if (p >= end)
				return true;
		}
		else if (*p == '\\')
		{
			/* before a letter or digit it is a class, before the end wrong */
			if (++p >= end || is_alphanumeric(*p) || (signed char) *p < 0)
				return false;
			*bytes++ = *p;
		}
		else if (strchr(".+*?()[]{}^$", *p) != NULL)
			return false;
		else
			*bytes++ = *p;
	}
}

/* Find the literals of a matcher. */
static bool
find_literals(SelectorReader *reader, SelectorMatcher *matcher)
{
	uint32		nbars = 0;
	char	   *bytes;
	StringRef  *literals;

	if (selector_is_regex(matcher->op))
		for (uint32 i = 0; i < matcher->value.length; i++)
			nbars += matcher->value.data[i] == '|';
	bytes = allocate_array(reader->allocator, matcher->value.length, 1);
	literals = allocate_array(reader->allocator, nbars + 1, sizeof(StringRef));
	if (bytes == NULL || literals == NULL)
		return pyro_fail_memory(reader->error);
	if (!selector_is_regex(matcher->op))
	{
		literals[0] = matcher->value;
		matcher->nliterals = 1;
	}
	else if (!split_literals(matcher->value, bytes, literals,
							 &matcher->nliterals))
	{
		matcher->nliterals = 0;
		literals = NULL;
	}
	matcher->literals = literals;
	return true;
}

/* ---- matchers ---- */

static bool
add_matcher(SelectorReader *reader, SelectorMatcher matcher)
{
	Selector   *selector = reader->selector;

	if (!find_literals(reader, &matcher))
		return false;
	selector->nregexes += matcher.literals == NULL;
	if (selector->nmatchers >= SELECTOR_MAX_MATCHERS ||
		selector->nregexes > SELECTOR_MAX_REGEXES)
		return pyro_fail(reader->error, PYRO_LIMIT,
						 "selector has more than %d matchers, or more than %d regular expressions",
						 SELECTOR_MAX_MATCHERS, SELECTOR_MAX_REGEXES);
	if (!grow_array(reader->allocator, (void **) &selector->matchers,
					selector->nmatchers, &reader->capacity,
					selector->nmatchers + 1, sizeof(SelectorMatcher)))
		return pyro_fail_memory(reader->error);
	selector->matchers[selector->nmatchers++] = matcher;
	return true;
}

/* The matcher that a metric name stands for. */
static bool
add_name(SelectorReader *reader, StringRef name, uint32 position)
{
	uint32		ncolons = 0;

	for (uint32 i = 0; i < name.length; i++)
		ncolons += name.data[i] == ':';
	return add_matcher(reader, (SelectorMatcher)
					   {
						.label = string_ref_literal(ncolons == 4 ? "__profile_type__" : "__name__"),
						.op = SELECTOR_EQUAL,.value = name,
						.position = position
						});
}

static bool
read_operator(SelectorReader *reader, SelectorOperator *op)
{
	bool		negative;

	skip_space(reader);
	if (reader->position >= reader->end ||
		(*reader->position != '=' && *reader->position != '!'))
		return fail_at(reader, reader->position,
					   "expected =, !=, =~ or !~");
	negative = *reader->position++ == '!';
	if (reader->position < reader->end && *reader->position == '~')
	{
		reader->position++;
		*op = negative ? SELECTOR_NOT_MATCH : SELECTOR_MATCH;
	}
	else if (!negative)
		*op = SELECTOR_EQUAL;
	else if (reader->position < reader->end && *reader->position == '=')
	{
		reader->position++;
		*op = SELECTOR_NOT_EQUAL;
	}
	else
		return fail_at(reader, reader->position, "expected = or ~ after !");
	return true;
}

/* One matcher, or a metric name in quotes, which stands alone. */
static bool
read_matcher(SelectorReader *reader)
{
	SelectorMatcher matcher = {.position = 0};
	const char *start;

	skip_space(reader);
	start = reader->position;
	matcher.position = position_of(reader, start);
	if (start < reader->end && is_quote(*start))
	{
		if (!read_string(reader, &matcher.label))
			return false;
		skip_space(reader);
		if (reader->position < reader->end &&
			(*reader->position == ',' || *reader->position == '}'))
			return add_name(reader, matcher.label, matcher.position);
		if (matcher.label.length == 0)
			return fail_at(reader, start, "empty label name");
	}
	else if (start < reader->end && is_name_start(*start))
	{
		while (reader->position < reader->end &&
			   is_name_part(*reader->position))
			reader->position++;
		matcher.label = string_ref(start, reader->position - start);
	}
	else
		return fail_at(reader, start, "expected a label name or \"}\"");

	if (!read_operator(reader, &matcher.op))
		return false;
	skip_space(reader);
	if (reader->position >= reader->end || !is_quote(*reader->position))
		return fail_at(reader, reader->position, "expected a string in quotes");
	return read_string(reader, &matcher.value) && add_matcher(reader, matcher);
}

static bool
read_matchers(SelectorReader *reader)
{
	while (!accept_char(reader, '}'))
	{
		if (!read_matcher(reader))
			return false;
		if (accept_char(reader, ','))
			continue;
		if (reader->position >= reader->end || *reader->position != '}')
			return fail_at(reader, reader->position, "expected \",\" or \"}\"");
	}
	return true;
}

/*
 * Read a selector.
 *
 * Its memory comes from the allocator; names may point into the text.
 * Returns false with PYRO_MALFORMED and a message that says where, with
 * PYRO_LIMIT for a text above SELECTOR_MAX_SIZE, or with PYRO_NO_MEMORY.
 */
bool
selector_parse(StringRef text, const Allocator *allocator, Selector *selector,
			   PyroError *error)
{
	SelectorReader reader = {
		.start = text.data,.position = text.data,
		.end = text.data + text.length,.counted = text.data,
		.allocator = allocator,.error = error,.selector = selector
	};
	const char *start;

	memset(selector, 0, sizeof(*selector));
	if (text.length > SELECTOR_MAX_SIZE)
		return pyro_fail(error, PYRO_LIMIT,
						 "selector of %u bytes is longer than %zu bytes",
						 text.length, SELECTOR_MAX_SIZE);
	skip_space(&reader);
	start = reader.position;
	if (start == reader.end)
		return true;
	if (is_name_start(*start) || *start == ':')
	{
		while (reader.position < reader.end &&
			   (is_name_part(*reader.position) || *reader.position == ':'))
			reader.position++;
		if (!add_name(&reader, string_ref(start, reader.position - start),
					  position_of(&reader, start)))
			return false;
		skip_space(&reader);
		if (reader.position == reader.end)
			return true;
	}
	if (!accept_char(&reader, '{'))
		return fail_at(&reader, reader.position, "expected \"{\"");
	if (!read_matchers(&reader))
		return false;
	skip_space(&reader);
	if (reader.position < reader.end)
		return fail_at(&reader, reader.position, "unexpected text");
	return true;
}

/* ---- selectors as text ---- */

const char *
selector_operator_text(SelectorOperator op)
{
	static const char *const texts[] = {"=", "!=", "=~", "!~"};

	return texts[op];
}

/* Append a string in double quotes. */
static void
append_quoted(TextBuffer *out, StringRef string)
{
	text_append_char(out, '"');
	for (uint32 i = 0; i < string.length; i++)
	{
		char		c = string.data[i];

		if (c == '"' || c == '\\')
		{
			text_append_char(out, '\\');
			text_append_char(out, c);
		}
		else if (c == '\n')
			text_append_string(out, "\\n");
		else if ((unsigned char) c < ' ' || c == 0x7F)
			text_append_format(out, "\\x%02x", c);
		else
			text_append_char(out, c);
	}
	text_append_char(out, '"');
}

/*
 * Append one matcher, in the form that selector_parse() reads back.
 */
void
selector_append_matcher(TextBuffer *out, StringRef label, SelectorOperator op,
						StringRef value)
{
	bool		is_plain = label.length > 0 && is_name_start(label.data[0]);

	for (uint32 i = 0; i < label.length; i++)
		is_plain = is_plain && is_name_part(label.data[i]);
	if (is_plain)
		text_append_ref(out, label);
	else
		append_quoted(out, label);
	text_append_string(out, selector_operator_text(op));
	append_quoted(out, value);
}

/*
 * Append a regular expression that matches this string alone; with bars
 * between them, such are one that lists literals.
 */
void
selector_append_literal(TextBuffer *regex, StringRef literal)
{
	for (uint32 i = 0; i < literal.length; i++)
	{
		if (strchr("\\.+*?()[]{}^$|", literal.data[i]) != NULL)
			text_append_char(regex, '\\');
		text_append_char(regex, literal.data[i]);
	}
}
