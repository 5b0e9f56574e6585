/*
 * test_text_buffer.c
 *	  The growing string: what it holds, where it stops, what it makes readable.
 */
#include "postgres_fe.h"

#include "stack/text_buffer.h"

#include "unit.h"

static UnitMemory memory;

static bool
holds(const TextBuffer *buffer, const char *text)
{
	return !buffer->failed &&
		string_ref_equal(string_ref(buffer->data, buffer->length),
						 string_ref_literal(text));
}

static void
test_append(void)
{
	TextBuffer	buffer;
	char		long_text[400];

	text_buffer_init(&buffer, &memory.allocator, 1000);
	unit_ok(buffer.length == 0 && !buffer.failed, "a new buffer is empty");
	text_append(&buffer, NULL, 0);
	text_append_string(&buffer, "");
	text_append_ref(&buffer, string_ref(NULL, 0));
	unit_ok(buffer.length == 0 && !buffer.failed, "nothing appended is nothing");
	text_append_string(&buffer, "a");
	text_append_char(&buffer, '/');
	text_append_ref(&buffer, string_ref_literal("bc"));
	text_append_format(&buffer, " %d %s", 5, "x");
	unit_ok(holds(&buffer, "a/bc 5 x"), "pieces follow each other");
	memset(long_text, 'y', sizeof(long_text));
	long_text[399] = '\0';
	buffer.length = 0;
	text_append_format(&buffer, "%s", long_text);
	unit_ok(buffer.length == 255, "a formatted piece ends at 255 bytes");
	unit_memory_free(&memory);
}

static void
test_int(void)
{
	static const int64 numbers[] = {0, 1, -1, 9, 10, -10, 123456789,
	PG_INT64_MAX, PG_INT64_MIN, PG_INT64_MIN + 1};
	uint32		nwrong = 0;

	for (size_t i = 0; i < lengthof(numbers); i++)
	{
		TextBuffer	buffer;
		char		expected[32];

		text_buffer_init(&buffer, &memory.allocator, 100);
		text_append_int(&buffer, numbers[i]);
		snprintf(expected, sizeof(expected), INT64_FORMAT, numbers[i]);
		nwrong += !holds(&buffer, expected);
	}
	unit_ok(nwrong == 0, "numbers are written as printf does");
	unit_memory_free(&memory);
}

/* Appends of every size up to a limit: never more than that is held. */
static void
test_limit(void)
{
	char		zeros[100] = {0};
	uint32		nover = 0;
	uint32		nearly = 0;

	for (size_t limit = 0; limit <= 70; limit++)
		for (size_t first = 0; first <= 40; first++)
			for (size_t step = 1; step <= 40; step += 3)
			{
				TextBuffer	buffer;
				size_t		wanted = first;

				text_buffer_init(&buffer, &memory.allocator, limit);
				text_append(&buffer, zeros, first);
				while (!buffer.failed && wanted <= 200)
				{
					text_append(&buffer, zeros, step);
					wanted += step;
					nover += buffer.length > limit;
				}
				nearly += buffer.failed && wanted <= limit;
				unit_memory_free(&memory);
			}
	unit_ok(nover == 0, "a buffer never holds more than its limit");
	unit_ok(nearly == 0, "and may hold as much");
}

static void
test_failure_sticks(void)
{
	TextBuffer	buffer;

	memory.fail_at = 2;
	text_buffer_init(&buffer, &memory.allocator, 10000);
	text_append_string(&buffer, "first");
	while (!buffer.failed && buffer.length < 9000)
		text_append_string(&buffer, "more");
	memory.fail_at = 0;
	unit_ok(buffer.failed, "no memory is a failure");
	text_append_char(&buffer, 'x');
	text_append_readable(&buffer, string_ref_literal("x"));
	unit_ok(buffer.failed && !text_buffer_reserve(&buffer, 0),
			"which stays");
	unit_memory_free(&memory);
}

/* What PostgreSQL's own check takes, but for the zero byte. */
static uint32
expected_length(const unsigned char *bytes, size_t length)
{
	uint32		code = bytes[0];
	uint32		n = code < 0x80 ? 1 : code >> 5 == 6 ? 2 :
	code >> 4 == 14 ? 3 : code >> 3 == 30 ? 4 : 0;
	static const uint32 smallest[] = {0, 1, 0x80, 0x800, 0x10000};

	if (n == 0 || n > length)
		return 0;
	code = n == 1 ? code : code & (0x7F >> n);
	for (uint32 i = 1; i < n; i++)
	{
		if (bytes[i] >> 6 != 2)
			return 0;
		code = code << 6 | (bytes[i] & 0x3F);
	}
	if (code < smallest[n] || code > 0x10FFFF ||
		(code >= 0xD800 && code <= 0xDFFF))
		return 0;
	return n;
}

static void
test_utf8(void)
{
	uint32		nwrong = 0;
	static const unsigned char tails[] = {0, 0x41, 0x7F, 0x80, 0x8F, 0x90,
	0x9F, 0xA0, 0xBF, 0xC0, 0xFF};

	/* each lead byte, each second byte, chosen third and fourth ones */
	for (uint32 lead = 0; lead < 256; lead++)
		for (uint32 second = 0; second < 256; second++)
			for (size_t i = 0; i < lengthof(tails) * lengthof(tails); i++)
				for (size_t length = 1; length <= 4; length++)
				{
					unsigned char bytes[] = {lead, second,
						tails[i / lengthof(tails)],
					tails[i % lengthof(tails)]};
					unsigned char *exact = bytes + 4 - length;

					/* at the end of the array, for the sanitizer */
					memmove(exact, bytes, length);
					nwrong += utf8_sequence_length(exact, length) !=
						expected_length(exact, length);
				}
	unit_ok(nwrong == 0, "valid UTF-8 is told from invalid");
}

static void
test_readable(void)
{
	static const struct
	{
		const char *bytes;
		size_t		length;
		const char *readable;
	}			cases[] = {
		{"", 0, ""}, {"plain", 5, "plain"}, {"a\0b", 3, "a\\x00b"},
		{"\xFF", 1, "\\xff"}, {"\xC3\xA4", 2, "\xC3\xA4"},
		{"\xC3", 1, "\\xc3"}, {"a\xC3" "b", 3, "a\\xc3b"},
		{"\xED\xA0\x80", 3, "\\xed\\xa0\\x80"}, {"\xC0\x80", 2, "\\xc0\\x80"},
		{"\xF4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80"},
		{"\xF0\x9F\x94\xA5", 4, "\xF0\x9F\x94\xA5"},
		{"\xF0\x9F\x94", 3, "\\xf0\\x9f\\x94"}, {"\n\t\x1B", 3, "\n\t\x1B"}
	};
	uint32		nwrong = 0;
	UnitRandom	random = unit_random_seed(9);

	for (size_t i = 0; i < lengthof(cases); i++)
	{
		TextBuffer	buffer;

		text_buffer_init(&buffer, &memory.allocator, 1000);
		text_append_readable(&buffer, string_ref(cases[i].bytes,
												 cases[i].length));
		nwrong += !holds(&buffer, cases[i].readable);
	}
	unit_ok(nwrong == 0, "what is not UTF-8 is written as hexadecimal");
	unit_memory_free(&memory);

	nwrong = 0;
	for (int i = 0; i < 20000; i++)
	{
		TextBuffer	buffer;
		char		bytes[30];
		size_t		length = unit_below(&random, sizeof(bytes));

		for (size_t k = 0; k < length; k++)
			bytes[k] = unit_chance(&random, 50) ? unit_random(&random) :
				0x80 + unit_below(&random, 0x40);
		text_buffer_init(&buffer, &memory.allocator, 1000);
		text_append_readable(&buffer, string_ref(bytes, length));
		for (size_t k = 0; k < buffer.length;)
		{
			uint32		n = expected_length((unsigned char *) buffer.data + k,
											buffer.length - k);

			if (n == 0 || buffer.data[k] == '\0')
			{
				nwrong++;
				break;
			}
			k += n;
		}
		unit_memory_free(&memory);
	}
	unit_ok(nwrong == 0, "any bytes become valid UTF-8 without zero bytes");
}

static void
test_string_ref(void)
{
	StringRef	a = string_ref("a", 1);
	StringRef	zero = string_ref("a\0", 2);
	StringRef	high = string_ref("\xFF", 1);
	StringRef	none = string_ref(NULL, 0);

	unit_ok(string_ref_compare(a, zero) < 0 && string_ref_compare(zero, a) > 0 &&
			string_ref_compare(a, high) < 0 && string_ref_compare(none, a) < 0 &&
			string_ref_compare(none, none) == 0 && !string_ref_equal(a, zero) &&
			string_ref_equal(none, string_ref("", 0)),
			"strings are ordered bytewise, the shorter first");
}

int
main(void)
{
	unit_memory_init(&memory);
	test_append();
	test_int();
	test_limit();
	test_failure_sticks();
	test_utf8();
	test_readable();
	test_string_ref();
	return unit_finish();
}
