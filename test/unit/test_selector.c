/*
 * test_selector.c
 *	  Selectors: what Prometheus reads and refuses, where errors are, and
 *	  that what is written is read back.
 */
#include "postgres_fe.h"

#include "query/selector.h"

#include "unit.h"

/* Texts, and what they are read as: "label|operator|value;..." */
static const char *const accepted[][2] = {
	{"", ""},
	{" \t\r\n", ""},
	{"# nothing but a comment", ""},
	{"{}", ""},
	{" { } ", ""},
	{"{a=\"b\"}", "a|=|b;"},
	{"{a=\"b\",}", "a|=|b;"},
	{"{ a = \"b\" , c != 'd' }", "a|=|b;c|!=|d;"},
	{"{a=~\"b\",c!~`d`}", "a|=~|b;c|!~|d;"},
	{"{a=\"\"}", "a|=|;"},
	{"{a=\"b\",a=\"c\"}", "a|=|b;a|=|c;"},
	{"{_A9=\"x\"}", "_A9|=|x;"},
	{"{by=\"x\",on=\"y\"}", "by|=|x;on|=|y;"},
	{"{__profile_type__=\"p:c:n:c:n\"}", "__profile_type__|=|p:c:n:c:n;"},
	{"{a=\"x\" # why\n,b=\"y\"}", "a|=|x;b|=|y;"},
	{"{a=\"#\"}", "a|=|#;"},
	/* strings */
	{"{a=\"it's\",b='say \"x\"'}", "a|=|it's;b|=|say \"x\";"},
	{"{a=\"\\\"\",b='\\''}", "a|=|\";b|=|';"},
	{"{a=\"x\\\\y\\ty\\n\"}", "a|=|x\\y\ty\n;"},
	{"{a=\"\\x41\\101\\u00e9\\U0001F525\"}", "a|=|AA\xC3\xA9\xF0\x9F\x94\xA5;"},
	{"{a=\"\\xc3\\xa9\"}", "a|=|\xC3\xA9;"},
	{"{a=`\\d+\n\"`}", "a|=|\\d+\n\";"},
	{"{a=\"}\"}", "a|=|};"},
	{"{a=\"\xC3\xA9\"}", "a|=|\xC3\xA9;"},
	/* names before the braces, and in quotes */
	{"up", "__name__|=|up;"},
	{"up{}", "__name__|=|up;"},
	{"a:b{c=\"d\"}", "__name__|=|a:b;c|=|d;"},
	{"process_cpu:cpu:nanoseconds:cpu:nanoseconds{}",
	"__profile_type__|=|process_cpu:cpu:nanoseconds:cpu:nanoseconds;"},
	{"m:a:b::{c=\"d\"}", "__profile_type__|=|m:a:b::;c|=|d;"},
	{"{\"http.route\"=\"/x\"}", "http.route|=|/x;"},
	{"{\"a name\", b=\"c\"}", "__name__|=|a name;b|=|c;"},
	{"{'\xC3\xA9'=~\".\"}", "\xC3\xA9|=~|.;"},
};

/* Texts, and what is wrong with them. */
static const char *const refused[][2] = {
	{"{", "expected a label name or \"}\" at its end"},
	{"}", "expected \"{\" at position 1"},
	{"{a}", "expected =, !=, =~ or !~ at position 3"},
	{"{a", "expected =, !=, =~ or !~ at its end"},
	{"{a=}", "expected a string in quotes at position 4"},
	{"{a=b}", "expected a string in quotes at position 4"},
	{"{a=5}", "expected a string in quotes at position 4"},
	{"{a==\"b\"}", "expected a string in quotes at position 4"},
	{"{a!\"b\"}", "expected = or ~ after ! at position 4"},
	{"{a>\"b\"}", "expected =, !=, =~ or !~ at position 3"},
	{"{,}", "expected a label name or \"}\" at position 2"},
	{"{a=\"b\",,}", "expected a label name or \"}\" at position 8"},
	{"{a=\"b\" c=\"d\"}", "expected \",\" or \"}\" at position 8"},
	{"{a=\"b\"", "expected \",\" or \"}\" at its end"},
	{"{a=\"b\"}x", "unexpected text at position 8"},
	{"{a=\"b\"}[5m]", "unexpected text at position 8"},
	{"{}{}", "unexpected text at position 3"},
	{"{9a=\"b\"}", "expected a label name or \"}\" at position 2"},
	{"{a.b=\"c\"}", "expected =, !=, =~ or !~ at position 3"},
	{"{a:b=\"c\"}", "expected =, !=, =~ or !~ at position 3"},
	{"{\xC3\xA9=\"c\"}", "expected a label name or \"}\" at position 2"},
	{"{a=\"\xC3\xA9\",9}", "expected a label name or \"}\" at position 8"},
	{"a=\"b\"", "expected \"{\" at position 2"},
	{"a b", "expected \"{\" at position 3"},
	{"{\"\"=\"b\"}", "empty label name at position 2"},
	/* strings */
	{"{a=\"b}", "unterminated string at position 4"},
	{"{a=\"b\\\"}", "unterminated string at position 4"},
	{"{a=`b}", "unterminated string at position 4"},
	{"{a=\"b\nc\"}", "line break in a string at position 6"},
	{"{a=\"\\d\"}", "invalid escape sequence at position 5"},
	{"{a=\"\\'\"}", "invalid escape sequence at position 5"},
	{"{a=\"x\\x4\"}", "invalid escape sequence at position 6"},
	{"{a=\"\\x00\"}", "invalid escape sequence at position 5"},
	{"{a=\"\\400\"}", "invalid escape sequence at position 5"},
	{"{a=\"\\08\"}", "invalid escape sequence at position 5"},
	{"{a=\"\\ud800\"}", "invalid escape sequence at position 5"},
	{"{a=\"\\U00110000\"}", "invalid escape sequence at position 5"},
	{"{a=\"\\xff\"}", "string that is not valid UTF-8 at position 4"},
	{"{a=\"\xFF\"}", "string that is not valid UTF-8 at position 4"},
};

/* Regular expressions, and the literals they list, or NULL. */
static const char *const literals[][2] = {
	{"", ";"},
	{"a", "a;"},
	{"a|b", "a;b;"},
	{"a|", "a;;"},
	{"(a|b)", "a;b;"},
	{"(?:a|b)", "a;b;"},
	{"()", ";"},
	{"my\\.service|x-y_z/1 2", "my.service;x-y_z/1 2;"},
	{"\\(a\\|b\\)", "(a|b);"},
	{"\xC3\xA9|\xE2\x82\xAC", "\xC3\xA9;\xE2\x82\xAC;"},
	{"a.c", NULL},
	{"a+", NULL},
	{"^a", NULL},
	{"a$", NULL},
	{"[ab]", NULL},
	{"a{2}", NULL},
	{"(a)|(b)", NULL},
	{"(a|(b))", NULL},
	{"(?i)a", NULL},
	{"(?:a", NULL},
	{"a)", NULL},
	{"(a\\)", NULL},
	{"a\\", NULL},
	{"\\d", NULL},
	{"\\\xC3\xA9", NULL},
};

/* A selector as text that is easy to compare, in its memory. */
static const char *
shown(UnitMemory *memory, const Selector *selector)
{
	TextBuffer	out;

	text_buffer_init(&out, &memory->allocator, 1 << 20);
	for (uint32 i = 0; i < selector->nmatchers; i++)
	{
		text_append_ref(&out, selector->matchers[i].label);
		text_append_char(&out, '|');
		text_append_string(&out, selector_operator_text(selector->matchers[i].op));
		text_append_char(&out, '|');
		text_append_ref(&out, selector->matchers[i].value);
		text_append_char(&out, ';');
	}
	text_append_char(&out, '\0');
	return out.data;
}

static void
test_accepted(void)
{
	for (size_t i = 0; i < lengthof(accepted); i++)
	{
		UnitMemory	memory;
		Selector	selector;
		PyroError	error = {0};
		bool		read;

		unit_memory_init(&memory);
		read = selector_parse(string_ref_literal(accepted[i][0]),
							  &memory.allocator, &selector, &error);
		if (!unit_ok(read && strcmp(shown(&memory, &selector), accepted[i][1]) == 0,
					 "reads selector %zu", i))
			unit_note("%s: %s", accepted[i][0],
					  read ? shown(&memory, &selector) : error.message);
		unit_memory_free(&memory);
	}
}

static void
test_refused(void)
{
	for (size_t i = 0; i < lengthof(refused); i++)
	{
		UnitMemory	memory;
		Selector	selector;
		PyroError	error = {0};
		bool		read;

		unit_memory_init(&memory);
		read = selector_parse(string_ref_literal(refused[i][0]),
							  &memory.allocator, &selector, &error);
		if (!unit_ok(!read && error.kind == PYRO_MALFORMED &&
					 strcmp(error.message, refused[i][1]) == 0,
					 "refuses selector %zu", i))
			unit_note("%s: %s", refused[i][0], read ? "read" : error.message);
		unit_memory_free(&memory);
	}
}

static void
test_literals(void)
{
	for (size_t i = 0; i < lengthof(literals); i++)
	{
		UnitMemory	memory;
		Selector	selector;
		SelectorMatcher *matcher;
		TextBuffer	text;
		TextBuffer	found;
		PyroError	error = {0};

		unit_memory_init(&memory);
		text_buffer_init(&text, &memory.allocator, 1000);
		text_append_char(&text, '{');
		selector_append_matcher(&text, string_ref_literal("a"),
								SELECTOR_NOT_MATCH,
								string_ref_literal(literals[i][0]));
		text_append_char(&text, '}');
		text_buffer_init(&found, &memory.allocator, 1000);
		if (selector_parse(string_ref(text.data, text.length),
						   &memory.allocator, &selector, &error))
		{
			matcher = &selector.matchers[0];
			for (uint32 k = 0; matcher->literals && k < matcher->nliterals; k++)
			{
				text_append_ref(&found, matcher->literals[k]);
				text_append_char(&found, ';');
			}
			text_append_char(&found, '\0');
			unit_ok(matcher->literals == NULL ? literals[i][1] == NULL :
					literals[i][1] != NULL &&
					strcmp(found.data, literals[i][1]) == 0,
					"literals of %s", literals[i][0]);
		}
		else
			unit_ok(false, "literals of %s: %s", literals[i][0], error.message);
		unit_memory_free(&memory);
	}
}

/* A list of any strings is read back as these strings. */
static void
test_literals_round_trip(void)
{
	static const char alphabet[] = "ab.\\+*?()[]{}^$|\"' \n\t-_,:=~!#`";
	UnitRandom	random;
	bool		same = true;

	memset(&random, 0, sizeof(random));
	for (int round = 0; round < 2000; round++)
	{
		UnitMemory	memory;
		TextBuffer	regex;
		TextBuffer	text;
		Selector	selector;
		char		strings[5][12];
		uint32		n = 1 + unit_below(&random, 5);
		PyroError	error = {0};

		unit_memory_init(&memory);
		text_buffer_init(&regex, &memory.allocator, 1000);
		text_buffer_init(&text, &memory.allocator, 1000);
		for (uint32 i = 0; i < n; i++)
		{
			uint32		length = unit_below(&random, 10);

			for (uint32 k = 0; k < length; k++)
				strings[i][k] = alphabet[unit_below(&random, sizeof(alphabet) - 1)];
			strings[i][length] = '\0';
			if (i > 0)
				text_append_char(&regex, '|');
			selector_append_literal(&regex, string_ref_literal(strings[i]));
		}
		text_append_char(&text, '{');
		selector_append_matcher(&text, string_ref_literal("a b"),
								SELECTOR_MATCH,
								string_ref(regex.data, regex.length));
		text_append_char(&text, '}');
		same = same && selector_parse(string_ref(text.data, text.length),
									  &memory.allocator, &selector, &error) &&
			selector.nmatchers == 1 && selector.matchers[0].nliterals == n;
		for (uint32 i = 0; i < n && same; i++)
			same = string_ref_equal(selector.matchers[0].literals[i],
									string_ref_literal(strings[i]));
		unit_memory_free(&memory);
	}
	unit_ok(same, "lists of any strings are read back");
}

/* As many matchers as are allowed, with values as long as fit. */
static void
test_large(void)
{
	UnitMemory	memory;
	Selector	selector;
	PyroError	error = {0};
	size_t		size = SELECTOR_MAX_SIZE;
	char	   *text = malloc(size + 1);
	double		started = unit_seconds();
	size_t		at = 0;

	text[at++] = '{';
	for (uint32 i = 0; i < SELECTOR_MAX_MATCHERS; i++)
	{
		size_t		length = size / SELECTOR_MAX_MATCHERS - 10;

		memcpy(text + at, "a=\"", 3);
		memset(text + at + 3, 'b', length);
		memcpy(text + at + 3 + length, "\",", 2);
		at += length + 5;
	}
	text[at++] = '}';
	unit_memory_init(&memory);
	unit_ok(selector_parse(string_ref(text, at), &memory.allocator, &selector,
						   &error) &&
			selector.nmatchers == SELECTOR_MAX_MATCHERS,
			"reads as many matchers as are allowed");
	at--;
	memcpy(text + at, "a=\"b\"}", 6);
	unit_ok(!selector_parse(string_ref(text, at + 6), &memory.allocator,
							&selector, &error) && error.kind == PYRO_LIMIT,
			"refuses one more");
	unit_ok(unit_seconds() - started < 5, "in reasonable time");
	unit_ok(!selector_parse(string_ref(text, size + 1), &memory.allocator,
							&selector, &error) && error.kind == PYRO_LIMIT,
			"refuses longer text");
	unit_memory_free(&memory);
	free(text);
}

/* Whatever allocation fails, the failure is reported as such. */
static void
test_no_memory(void)
{
	const char *text = "name{a=\"b\",c=~'d|e',f!~`g.`,h=\"\\n\",i=\"\",j='k',l='m',n='o',p='q',r='s'}";
	bool		reported = true;
	bool		succeeded = false;

	for (uint64 fail_at = 1; fail_at < 100 && !succeeded; fail_at++)
	{
		UnitMemory	memory;
		Selector	selector;
		PyroError	error = {0};

		unit_memory_init(&memory);
		memory.fail_at = fail_at;
		succeeded = selector_parse(string_ref_literal(text), &memory.allocator,
								   &selector, &error);
		reported = reported && (succeeded ? memory.nfailures == 0 :
								error.kind == PYRO_NO_MEMORY);
		unit_memory_free(&memory);
	}
	unit_ok(reported && succeeded, "every lack of memory is reported");
}

int
main(void)
{
	test_accepted();
	test_refused();
	test_literals();
	test_literals_round_trip();
	test_large();
	test_no_memory();
	return unit_finish();
}
