/*
 * test_flame_svg.c
 *	  The SVG renderer: well-formed and harmless whatever the rows hold.
 */
#include "postgres_fe.h"

#include <math.h>

#include "flame/flame_svg.h"

#define MAX_LEVELS	4096
#define HUGE_NAME	10000

typedef struct TestMemory
{
	long		live;			/* allocations not given back */
	long		left;			/* allocations until one fails; -1: never */
} TestMemory;

static int	ntests;
static int	nfailed;
static TestMemory memory = {0, -1};

static void *
test_allocate(void *owner, size_t size)
{
	TestMemory *test = owner;
	void	   *pointer;

	if (test->left == 0)
		return NULL;
	if (test->left > 0)
		test->left--;
	pointer = malloc(size);
	if (pointer != NULL)
		test->live++;
	return pointer;
}

static void
test_release(void *owner, void *pointer)
{
	((TestMemory *) owner)->live--;
	free(pointer);
}

static const Allocator allocator = {test_allocate, test_release, &memory, NULL};

static void
ok(bool passed, const char *name)
{
	ntests++;
	if (!passed)
		nfailed++;
	printf("%s %d - %s\n", passed ? "ok" : "not ok", ntests, name);
}

/* One row; in a single graph the right side stays zero. */
static FlameRow
row(uint32 level, const char *label, int64 value, int64 self)
{
	return (FlameRow) {level, string_ref_literal(label), value, self, 0, 0};
}

static FlameRow
diff_row(uint32 level, const char *label, int64 left, int64 self_left,
		 int64 right, int64 self_right)
{
	return (FlameRow)
	{
		level, string_ref_literal(label), left, self_left,
			right, self_right
	};
}

/* The document of some rows, zero-terminated; NULL when that failed. */
static char *
render_titled(bool diff, const FlameRow *rows, uint32 nrows, StringRef type,
			  StringRef unit, StringRef title)
{
	TextBuffer	out;

	text_buffer_init(&out, &allocator, (size_t) 1 << 30);
	(diff ? flame_diff_svg_append : flame_svg_append) (&out, rows, nrows,
													   type, unit, title);
	text_append_char(&out, '\0');
	if (!out.failed)
		return out.data;
	if (out.data != NULL)
		test_release(&memory, out.data);
	return NULL;
}

static char *
render(bool diff, const FlameRow *rows, uint32 nrows, const char *unit)
{
	return render_titled(diff, rows, nrows, string_ref_literal("cpu"),
						 string_ref_literal(unit), string_ref_literal(""));
}

static void
discard(char *svg)
{
	if (svg != NULL)
		test_release(&memory, svg);
}

static int
count_of(const char *svg, const char *text)
{
	int			count = 0;

	for (const char *at = svg; (at = strstr(at, text)) != NULL; at++)
		count++;
	return count;
}

/* A reference that XML knows without a document type. */
static bool
is_reference(const char *text)
{
	static const char *const named[] = {
		"&lt;", "&gt;", "&amp;", "&quot;"
	};
	char	   *end;
	long		code;

	for (size_t i = 0; i < lengthof(named); i++)
		if (strncmp(text, named[i], strlen(named[i])) == 0)
			return true;
	if (text[1] != '#')
		return false;
	code = text[2] == 'x' ? strtol(text + 3, &end, 16) :
		strtol(text + 2, &end, 10);
	return *end == ';' && code >= 0x20 && code <= 0x10FFFF &&
		!(code >= 0xD800 && code <= 0xDFFF) && code != 0xFFFE &&
		code != 0xFFFF;
}

/* Skip the attributes of a start tag; NULL when they are not well-formed. */
static const char *
skip_attributes(const char *at)
{
	while (*at == ' ')
	{
		at += strspn(at, " ");
		at += strspn(at, "abcdefghijklmnopqrstuvwxyz-");
		if (strncmp(at, "=\"", 2) != 0)
			return NULL;
		for (at += 2; *at != '"'; at++)
			if (*at == '\0' || *at == '<' || (*at == '&' && !is_reference(at)))
				return NULL;
		at++;
	}
	return at;
}

/*
 * True when the text is one well-formed XML element of the kind that we
 * write: no declarations, no comments, nothing but ASCII.
 */
static bool
well_formed(const char *at)
{
	char		open[16][16];
	int			depth = 0;
	bool		begun = false;

	for (const char *byte = at; *byte != '\0'; byte++)
		if ((*byte < 0x20 || *byte > 0x7E) && *byte != '\n' && *byte != '\t')
			return false;
	while (*at != '\0')
	{
		size_t		length;

		if (strncmp(at, "<![CDATA[", 9) == 0)
		{
			if ((at = strstr(at, "]]>")) == NULL)
				return false;
			at += 3;
		}
		else if (strncmp(at, "</", 2) == 0)
		{
			length = depth > 0 ? strlen(open[--depth]) : 0;
			if (length == 0 || strncmp(at + 2, open[depth], length) != 0 ||
				at[2 + length] != '>')
				return false;
			at += length + 3;
		}
		else if (*at == '<')
		{
			length = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz");
			if (length == 0 || length > 15 || depth == 16 ||
				(depth == 0 && begun))
				return false;
			begun = true;
			memcpy(open[depth], at + 1, length);
			open[depth++][length] = '\0';
			if ((at = skip_attributes(at + 1 + length)) == NULL)
				return false;
			if (*at == '/')
			{
				at++;
				depth--;
			}
			if (*at++ != '>')
				return false;
		}
		else
		{
			if ((depth == 0 && *at != '\n') ||
				(*at == '&' && !is_reference(at)) ||
				strncmp(at, "]]>", 3) == 0)
				return false;
			at++;
		}
	}
	return begun && depth == 0;
}

/*
 * True when every frame lies within its parent and right of the sibling in
 * front of it, but for rounding.
 */
static bool
frames_fit(const char *svg)
{
	static double start[MAX_LEVELS];
	static double end[MAX_LEVELS];
	static double next[MAX_LEVELS + 1];
	const char *at = strstr(svg, "<svg class=\"frames\"");
	bool		fit = at != NULL;

	while (fit && (at = strstr(at, "<rect x=")) != NULL)
	{
		double		x;
		double		width;
		unsigned	y;
		unsigned	level;

		if (sscanf(at, "<rect x=\"%lf%%\" y=\"%u\" width=\"%lf%%\"", &x, &y,
				   &width) != 3 || !isfinite(x) || !isfinite(width))
			return false;
		level = y / 18;
		start[level] = x;
		end[level] = x + width;
		fit = x >= 0 && width > 0 && x + width < 100.001 &&
			(level == 0 || (x > start[level - 1] - 0.001 &&
							x + width < end[level - 1] + 0.001 &&
							x > next[level] - 0.001));
		next[level] = x + width;
		next[level + 1] = x;
		at++;
	}
	return fit;
}

/* True when no number in front of the script is infinite or not a number. */
static bool
numbers_are_finite(const char *svg)
{
	static const char *const wrong[] = {"nan%", "nan ", "nan\"", "inf"};
	const char *script = strstr(svg, "<script>");

	for (size_t i = 0; i < lengthof(wrong); i++)
	{
		const char *at = strstr(strstr(svg, "</style>"), wrong[i]);

		if (at != NULL && at < script)
			return false;
	}
	return true;
}

static void
test_plain(void)
{
	FlameRow	rows[] = {
		row(0, "total", 1500000000, 0),
		row(1, "main.main", 1500000000, 500000000),
		row(2, "github.com/acme/shop/cart.(*Cart).Total", 60000000, 60000000),
		row(2, "runtime.mallocgc", 900000000, 900000000),
		row(2, "other", 40000000, 40000000),
	};
	char	   *svg = render(false, rows, lengthof(rows), "nanoseconds");

	ok(svg != NULL && well_formed(svg), "a plain graph is well-formed");
	ok(frames_fit(svg), "frames lie within their parents");
	ok(count_of(svg, "<g ") == lengthof(rows), "one element for each row");
	ok(strstr(svg, "<title>main.main\ntotal 1.50 s (100.00 %)\n"
			  "self 500 ms (33.33 %)</title>") != NULL,
	   "a frame tells total, self and their shares");
	ok(strstr(svg, ">cart&#8230;</text>") != NULL,
	   "a cut label leaves out directories and ends in an ellipsis");
	ok(strstr(svg, "<g class=\"o\"><title>other\n") != NULL,
	   "the row of cut children is neutral");
	ok(strstr(svg, ">cpu in nanoseconds &#183; total 1.50 s<") != NULL,
	   "the header tells type, unit and total");
	ok(strstr(svg, "http") == strstr(svg, "http://www.w3.org/2000/svg") &&
	   strstr(svg, "href") == NULL && strstr(svg, "url(") == NULL &&
	   strstr(svg, "@import") == NULL && strstr(svg, " id=") == NULL,
	   "no external parts and no ids");
	discard(svg);
}

static void
test_colours(void)
{
	FlameRow	rows[] = {
		row(0, "total", 3, 0), row(1, "runtime.gcDrain", 1, 1),
		row(1, "runtime.gcDrain", 1, 1), row(1, "net/http.Serve", 1, 1),
	};
	char	   *svg = render(false, rows, lengthof(rows), "count");
	char		fill[2][8] = {"", ""};
	const char *at = svg;

	for (int i = 0; i < 2 && (at = strstr(at, " fill=\"#")) != NULL; i++)
		strlcpy(fill[i], at += 7, sizeof(fill[i]));
	ok(strlen(fill[0]) == 7 && strcmp(fill[0], fill[1]) == 0 &&
	   count_of(svg, fill[0]) == 2, "a colour belongs to a name");
	discard(svg);
}

static void
test_names(void)
{
	static const struct
	{
		const char *name;
		size_t		length;		/* 0: to the zero byte */
		const char *shown;
	}			names[] = {
		{"<script>alert(1)</script>", 0,
		"&lt;script&gt;alert(1)&lt;/script&gt;"},
		{"]]>", 0, "]]&gt;"},
		{"\"onload='x'", 0, "&quot;onload=&#39;x&#39;"},
		{"&amp;", 0, "&amp;amp;"},
		{"a\x01\x1b\n\t\r\x7fz", 0, "a\\x01\\x1b\\n\\t\\r\\x7fz"},
		{"a\0b", 3, "a\\x00b"},
		{"\xff\xc3(\xe2\x82", 0, "\\xff\\xc3(\\xe2\\x82"},
		{"\xed\xa0\x80\xc0\xaf", 0, "\\xed\\xa0\\x80\\xc0\\xaf"},
		{"\xef\xbf\xbe\xef\xbf\xbf", 0, "\\ufffe\\uffff"},
		{"\xe2\x80\xae" "abc", 0, "\\u202eabc"},
		{"\xc2\x85", 0, "\\u0085"},
		{"\xd7\xa9\xd7\x9c", 0, "&#x5e9;&#x5dc;"},
		{"\xf0\x9f\x94\xa5\xe4\xb8\xad", 0, "&#x1f525;&#x4e2d;"},
		{"%s%n%d", 0, "%s%n%d"},
		{"", 0, ""},
		{"-->", 0, "--&gt;"},
		{"\\", 0, "\\"}, {"(", 0, "("}, {"<", 0, "&lt;"}, {"/", 0, "/"},
		{"::", 0, "::"}, {".func1", 0, ".func1"}, {"a.", 0, "a."},
	};

	for (size_t i = 0; i < lengthof(names); i++)
	{
		size_t		length = Max(names[i].length, strlen(names[i].name));
		char	   *copy = malloc(length + 1);
		FlameRow	rows[] = {row(0, "total", 9, 0), row(1, "", 9, 9)};
		char		wanted[256];
		char	   *svg;

		/* without a zero byte behind it, for the address sanitizer */
		memcpy(copy, names[i].name, length);
		copy = realloc(copy, Max(length, 1));
		rows[1].label = string_ref(copy, length);
		snprintf(wanted, sizeof(wanted), "<title>%s\n", names[i].shown);
		for (int diff = 0; diff < 2; diff++)
		{
			svg = render(diff, rows, 2, "count");
			ok(svg != NULL && well_formed(svg) && strstr(svg, wanted) &&
			   count_of(svg, "<script>") == 1 && count_of(svg, "]]>") == 2,
			   diff ? "a hostile name in a diff" : "a hostile name");
			discard(svg);
		}
		svg = render_titled(true, rows, 2, rows[1].label, rows[1].label,
							rows[1].label);
		ok(svg != NULL && well_formed(svg), "as title, type and unit");
		discard(svg);
		free(copy);
	}
}

static void
test_long_names(void)
{
	static const char *const patterns[] = {
		"x", "\xff", "<", "\xe4\xb8\xad", "/", "::", "a.", "("
	};

	for (size_t i = 0; i < lengthof(patterns); i++)
	{
		size_t		step = strlen(patterns[i]);
		char	   *name = malloc(HUGE_NAME * step);
		FlameRow	rows[] = {row(0, "total", 9, 0), row(1, "", 9, 9)};
		char	   *svg;

		for (size_t k = 0; k < HUGE_NAME; k++)
			memcpy(name + k * step, patterns[i], step);
		rows[1].label = string_ref(name, HUGE_NAME * step);
		svg = render_titled(false, rows, 2, rows[1].label, rows[1].label,
							rows[1].label);
		ok(svg != NULL && well_formed(svg) && strlen(svg) < 64 * 1024 &&
		   strstr(svg, "&#8230;\ntotal"), "a very long name is cut, visibly");
		discard(svg);
		free(name);
	}
}

static void
test_empty(void)
{
	FlameRow	rows[] = {row(0, "total", 0, 0), row(1, "f", 0, 0)};

	for (int diff = 0; diff < 2; diff++)
		for (uint32 nrows = 0; nrows <= 2; nrows++)
		{
			char	   *svg = render(diff, rows, nrows, "count");

			ok(svg != NULL && well_formed(svg) &&
			   strstr(svg, ">no samples<") != NULL && numbers_are_finite(svg),
			   diff ? "an empty diff" : "an empty graph");
			discard(svg);
		}
}

static void
test_diff(void)
{
	FlameRow	rows[] = {
		diff_row(0, "total", 1000, 0, 2000, 0),
		diff_row(1, "doubled", 200, 200, 800, 800),
		diff_row(1, "gone", 400, 400, 0, 0),
		diff_row(1, "new", 0, 0, 400, 400),
		diff_row(1, "same", 300, 300, 600, 600),
		diff_row(1, "other", 100, 100, 200, 200),
	};
	FlameRow	one_side[] = {
		diff_row(0, "total", 0, 0, 5, 0), diff_row(1, "f", 0, 0, 5, 5),
	};
	char	   *svg = render(true, rows, lengthof(rows), "bytes");

	ok(svg != NULL && well_formed(svg) && frames_fit(svg) &&
	   numbers_are_finite(svg), "a diff is well-formed");
	ok(strstr(svg, "<g class=\"d9\" data-v=\"20 40\"><title>doubled\n"
			  "base 200 B (20.00 %), self 200 B\n"
			  "comparison 800 B (40.00 %), self 800 B\n"
			  "share +20.00 points (+100.0 %)</title>") != NULL,
	   "a frame of a diff tells both sides and the change");
	ok(strstr(svg, "<g class=\"d-9\" data-v=\"40 0\"><title>gone\n") != NULL,
	   "gone is least");
	ok(strstr(svg, "<g class=\"d9\" data-v=\"0 20\"><title>new\n") != NULL &&
	   strstr(svg, "share +20.00 points (new)") != NULL, "new is most");
	ok(strstr(svg, "<g class=\"d0\" data-v=\"30 30\"><title>same\n") != NULL,
	   "twice as much of twice as much is no change");
	ok(strstr(svg, "<g class=\"o\" data-v=\"10 10\"><title>other\n") != NULL,
	   "cut children are neutral in a diff, too");
	ok(strstr(svg, "class=\"legend\"") != NULL &&
	   strstr(svg, "base 1000 B &#183; comparison 1.95 KiB (+100.0 %)"),
	   "legend and totals");
	discard(svg);
	svg = render(true, one_side, 2, "bytes");
	ok(svg != NULL && well_formed(svg) && numbers_are_finite(svg) &&
	   count_of(svg, "<g class=\"d0\"") == 2,
	   "nothing to compare with is no change");
	discard(svg);
}

static void
test_negative(void)
{
	FlameRow	rows[] = {
		row(0, "total", -10, 0), row(1, "f", 90, 0), row(2, "g", 100, 100),
		row(2, "h", -10, -10), row(1, "i", -100, -100),
	};
	FlameRow	none[] = {
		row(0, "total", 0, 0), row(1, "f", 5, 5), row(1, "g", -5, -5),
	};
	char	   *svg = render(false, rows, lengthof(rows), "count");

	ok(svg != NULL && well_formed(svg) && frames_fit(svg) &&
	   count_of(svg, "<title>") == 6, "negative values have a width");
	discard(svg);
	svg = render(true, rows, lengthof(rows), "count");
	ok(svg != NULL && well_formed(svg) && frames_fit(svg) &&
	   numbers_are_finite(svg), "negative values in a diff");
	discard(svg);
	svg = render(false, none, lengthof(none), "count");
	ok(svg != NULL && well_formed(svg) && frames_fit(svg) &&
	   numbers_are_finite(svg) && strstr(svg, "\ntotal 5\nself 5<"),
	   "no shares of a total of zero");
	discard(svg);
}

static void
test_huge(void)
{
	const int64 half = PG_INT64_MAX / 2;
	FlameRow	rows[] = {
		diff_row(0, "total", PG_INT64_MAX, 1, PG_INT64_MAX, 1),
		diff_row(1, "f", half, half, half, half),
		diff_row(1, "g", half, half, half, half),
	};
	FlameRow	lowest[] = {
		diff_row(0, "total", PG_INT64_MIN, 0, PG_INT64_MIN, 0),
		diff_row(1, "f", PG_INT64_MIN, PG_INT64_MIN, PG_INT64_MAX, 0),
		diff_row(2, "g", PG_INT64_MAX, 0, PG_INT64_MIN, PG_INT64_MIN),
	};
	static const char *const units[] = {"count", "nanoseconds", "seconds",
	"bytes"};

	for (size_t i = 0; i < lengthof(units); i++)
		for (int diff = 0; diff < 2; diff++)
		{
			char	   *svg = render(diff, rows, lengthof(rows), units[i]);

			ok(svg != NULL && well_formed(svg) && frames_fit(svg) &&
			   numbers_are_finite(svg), "the largest values");
			discard(svg);
			svg = render(diff, lowest, lengthof(lowest), units[i]);
			ok(svg != NULL && well_formed(svg) && frames_fit(svg) &&
			   numbers_are_finite(svg), "the smallest values");
			discard(svg);
		}
}

static void
test_deep(void)
{
	const uint32 depth = 3000;
	FlameRow   *rows = malloc(depth * sizeof(FlameRow));
	char	   *svg;

	for (uint32 i = 0; i < depth; i++)
		rows[i] = row(i, "recurse", depth - i, 1);
	svg = render(false, rows, depth, "count");
	ok(svg != NULL && well_formed(svg) && frames_fit(svg) &&
	   count_of(svg, "<g ") == depth, "a stack of 3000 frames");
	discard(svg);
	free(rows);
}

static void
test_values(void)
{
	static const struct
	{
		int64		value;
		const char *unit;
		const char *shown;
	}			values[] = {
		{999, "nanoseconds", "999 ns"},
		{1500, "nanoseconds", "1.50 &#181;s"},
		{12345678, "nanoseconds", "12.3 ms"},
		{90000000000, "nanoseconds", "1.50 min"},
		{INT64CONST(7200000000000), "nanoseconds", "2.00 h"},
		{-1500000000, "nanoseconds", "-1.50 s"},
		{250, "milliseconds", "250 ms"},
		{1023, "bytes", "1023 B"},
		{1536, "bytes", "1.50 KiB"},
		{PG_INT64_MAX, "bytes", "8388608 TiB"},
		{999, "count", "999"},
		{1234567, "count", "1,234,567"},
		{PG_INT64_MIN, "count", "-9,223,372,036,854,775,808"},
		{1000, "widgets", "1,000 widgets"},
		{1000, "", "1,000"},
	};

	for (size_t i = 0; i < lengthof(values); i++)
	{
		FlameRow	rows[] = {row(0, "total", values[i].value, 0)};
		char		wanted[128];
		char	   *svg = render(false, rows, 1, values[i].unit);

		snprintf(wanted, sizeof(wanted), "&#183; total %s</text>",
				 values[i].shown);
		ok(svg != NULL && strstr(svg, wanted) != NULL, values[i].shown);
		discard(svg);
	}
}

static void
test_failures(void)
{
	FlameRow	rows[] = {row(0, "total", 2, 1), row(1, "f", 1, 1)};
	TextBuffer	out;
	bool		clean = true;
	long		attempts = 0;
	char	   *svg = NULL;

	while (svg == NULL && attempts < 100)
	{
		memory.left = attempts++;
		svg = render(false, rows, 2, "count");
		clean = clean && memory.live == (svg != NULL ? 1 : 0);
	}
	memory.left = -1;
	ok(clean && attempts > 3 && svg != NULL && well_formed(svg),
	   "every failed allocation fails the output and leaves nothing behind");
	discard(svg);
	text_buffer_init(&out, &allocator, 6000);
	flame_svg_append(&out, rows, 2, string_ref_literal("cpu"),
					 string_ref_literal("count"), string_ref_literal(""));
	ok(out.failed && out.length <= 6000, "a limit fails the output");
	if (out.data != NULL)
		test_release(&memory, out.data);
	ok(memory.live == 0, "all working memory was given back");
}

int
main(void)
{
	test_plain();
	test_colours();
	test_names();
	test_long_names();
	test_empty();
	test_diff();
	test_negative();
	test_huge();
	test_deep();
	test_values();
	test_failures();
	printf("1..%d\n", ntests);
	return nfailed > 0;
}
