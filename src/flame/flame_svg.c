/*
 * flame_svg.c
 *	  Write a flame graph as one self-contained, interactive SVG file.
 *
 * The root is at the top.  What is written is complete without its script:
 * laid out for a drawing 1200 pixels wide, names cut to fit, the figures of a
 * frame in its <title>.  The script (svg/flame.js) reads everything it needs
 * back from these elements: the level from y, the weight from width, the
 * name and the figures from <title>.  So the markup of a frame and the script
 * change together.
 *
 * The weight of a frame decides its width: the magnitude of its value, or of
 * self and its children if that is more, as it can be where a tree was
 * subtracted and values are negative.  So children never leave their parent.
 *
 * The output is plain ASCII whatever the names hold: it survives every
 * server encoding, and a page that declares none.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include <math.h>

#include "flame/flame_svg.h"
#include "flame/flame_svg_assets.h"
#include "stack/frame_name.h"

/* Sizes in pixels; flame.js knows ROW_HEIGHT and FRAME_HEIGHT, too. */
#define DRAWING_WIDTH	1200
#define MARGIN			10
#define FRAMES_WIDTH	(DRAWING_WIDTH - 2 * MARGIN)
#define ROW_HEIGHT		18
#define FRAME_HEIGHT	17
#define MIN_LEVELS		8		/* room for the tooltip of a shallow graph */
#define HEADER_HEIGHT	60
#define LEGEND_HEIGHT	32
#define TEXT_PADDING	4
#define CELL_WIDTH		7.25	/* of one character, 12 pixels high */

/* Texts longer than this many characters are cut, with an ellipsis. */
#define MAX_NAME_CELLS	2000

/* A name's colour and label depend on no more bytes of it than these. */
#define MAX_LABEL_BYTES	4096
#define MAX_TITLE_CELLS 120
#define MAX_UNIT_CELLS	40
#define MIN_LABEL_CELLS 3

/* Classes of change in a diff: d-9 (all gone) to d9 (twice as much). */
#define CHANGE_STEPS	9

typedef struct SvgGraph
{
	TextBuffer *out;
	const FlameRow *rows;
	uint32		nrows;
	StringRef	type;
	StringRef	unit;
	StringRef	title;
	bool		diff;
	uint32		nlevels;
	double	   *weight;			/* of each row */
	double	   *level_end;		/* of each level: sum of weights so far */
} SvgGraph;

/* One character of a string, ready to be shown. */
typedef struct Glyph
{
	char		text[16];		/* escaped for XML, zero-terminated */
	uint32		nbytes;			/* taken from the string */
	uint32		ncells;			/* of the screen */
} Glyph;

typedef struct UnitStep
{
	double		size;
	const char *name;			/* as XML */
} UnitStep;

typedef struct UnitScale
{
	const char *unit;			/* as pprof spells it */
	double		factor;			/* from this unit to that of the first step */
	const UnitStep *steps;		/* growing, to one without a name */
} UnitScale;

static const UnitStep time_steps[] = {
	{1, "ns"}, {1e3, "&#181;s"}, {1e6, "ms"}, {1e9, "s"}, {60e9, "min"},
	{3600e9, "h"}, {0, NULL}
};

static const UnitStep size_steps[] = {
	{1, "B"}, {1024, "KiB"}, {1048576, "MiB"}, {1073741824, "GiB"},
	{1099511627776.0, "TiB"}, {0, NULL}
};

static const UnitScale unit_scales[] = {
	{"nanoseconds", 1, time_steps},
	{"microseconds", 1e3, time_steps},
	{"milliseconds", 1e6, time_steps},
	{"seconds", 1e9, time_steps},
	{"bytes", 1, size_steps},
};

static uint32
code_point(const unsigned char *bytes, uint32 nbytes)
{
	uint32		code = nbytes == 1 ? bytes[0] : bytes[0] & (0x7F >> nbytes);

	for (uint32 i = 1; i < nbytes; i++)
		code = code << 6 | (bytes[i] & 0x3F);
	return code;
}

/*
 * True of characters that XML forbids, that cannot be seen, or that change
 * the order in which their neighbours are shown.
 */
static bool
code_point_is_hidden(uint32 code)
{
	return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0xAD ||
		code == 0x61C || (code >= 0x200B && code <= 0x200F) ||
		(code >= 0x2028 && code <= 0x202E) ||
		(code >= 0x2060 && code <= 0x206F) || code == 0xFEFF ||
		(code & 0xFFFE) == 0xFFFE;
}

/* Roughly: East Asian scripts and emoji are two cells wide. */
static uint32
code_point_cells(uint32 code)
{
	return (code >= 0x1100 && code < 0x1160) ||
		(code >= 0x2E80 && code < 0xFB00) || code >= 0x1F000 ? 2 : 1;
}

/*
 * The first character of a string that is not empty.  Bytes that are not
 * UTF-8, and characters that would not be seen, become visible escapes.
 */
static Glyph
glyph_read(const char *data, uint32 length)
{
	static const struct
	{
		char		character;
		const char *text;
		uint32		ncells;
	}			special[] = {
		{'<', "&lt;", 1}, {'>', "&gt;", 1}, {'&', "&amp;", 1},
		{'"', "&quot;", 1}, {'\'', "&#39;", 1}, {'\t', "\\t", 2},
		{'\n', "\\n", 2}, {'\r', "\\r", 2},
	};
	const unsigned char *bytes = (const unsigned char *) data;
	uint32		nbytes = utf8_sequence_length(bytes, length);
	uint32		code = nbytes > 0 ? code_point(bytes, nbytes) : bytes[0];
	Glyph		glyph = {.nbytes = Max(nbytes, 1)};

	for (size_t i = 0; i < lengthof(special); i++)
		if (data[0] == special[i].character)
		{
			strlcpy(glyph.text, special[i].text, sizeof(glyph.text));
			glyph.ncells = special[i].ncells;
			return glyph;
		}
	if (nbytes == 0 || code < 0x20 || code == 0x7F)
		glyph.ncells = snprintf(glyph.text, sizeof(glyph.text), "\\x%02x",
								bytes[0]);
	else if (code_point_is_hidden(code))
		glyph.ncells = snprintf(glyph.text, sizeof(glyph.text), "\\u%04x",
								code);
	else
	{
		glyph.ncells = code_point_cells(code);
		if (code < 0x80)
			glyph.text[0] = (char) code;
		else
			snprintf(glyph.text, sizeof(glyph.text), "&#x%x;", code);
	}
	return glyph;
}

/*
 * Bytes at the start of a string that take no more than max_cells cells; the
 * whole string does when all of them are returned.
 */
static uint32
prefix_length(StringRef string, uint32 max_cells)
{
	uint32		used = 0;		/* cells */
	uint32		i = 0;

	while (i < string.length)
	{
		Glyph		glyph = glyph_read(string.data + i, string.length - i);

		used += glyph.ncells;
		if (used > max_cells)
			break;
		i += glyph.nbytes;
	}
	return i;
}

/*
 * Append a string as XML text or attribute value that takes no more than
 * max_cells cells: what does not fit is cut, and an ellipsis says so.
 */
static void
append_text(TextBuffer *out, StringRef string, uint32 max_cells)
{
	uint32		keep = prefix_length(string, max_cells);

	if (keep < string.length)
		keep = prefix_length(string, max_cells - 1);
	for (uint32 i = 0; i < keep;)
	{
		Glyph		glyph = glyph_read(string.data + i, string.length - i);

		text_append_string(out, glyph.text);
		i += glyph.nbytes;
	}
	if (keep < string.length)
		text_append_string(out, "&#8230;");
}

/* Append a number with commas between its thousands. */
static void
append_grouped(TextBuffer *out, int64 number)
{
	char		digits[24];
	uint64		magnitude = number < 0 ? 0 - (uint64) number : (uint64) number;
	int			ndigits = snprintf(digits, sizeof(digits), UINT64_FORMAT,
								   magnitude);

	if (number < 0)
		text_append_char(out, '-');
	for (int i = 0; i < ndigits; i++)
	{
		if (i > 0 && (ndigits - i) % 3 == 0)
			text_append_char(out, ',');
		text_append_char(out, digits[i]);
	}
}

static bool
unit_says_something(StringRef unit)
{
	return unit.length > 0 &&
		!string_ref_equal(unit, string_ref_literal("count"));
}

/* Append a value as a person reads it: 1.25 s, 12.0 MiB, 1,234. */
static void
append_value(TextBuffer *out, int64 value, StringRef unit)
{
	for (size_t i = 0; i < lengthof(unit_scales); i++)
	{
		const UnitScale *scale = &unit_scales[i];
		const UnitStep *step = scale->steps;
		double		amount = (double) value * scale->factor;

		if (!string_ref_equal(unit, string_ref_literal(scale->unit)))
			continue;
		while (step[1].name != NULL && fabs(amount) >= step[1].size)
			step++;
		amount /= step->size;
		text_append_format(out, "%.*f %s",
						   step == scale->steps || fabs(amount) >= 100 ? 0 :
						   fabs(amount) >= 10 ? 1 : 2, amount, step->name);
		return;
	}
	append_grouped(out, value);
	if (unit_says_something(unit))
	{
		text_append_char(out, ' ');
		append_text(out, unit, MAX_UNIT_CELLS);
	}
}

/* Append a value and, where there is a total, its share of that. */
static void
append_share(TextBuffer *out, int64 value, int64 total, StringRef unit)
{
	append_value(out, value, unit);
	if (total != 0)
		text_append_format(out, " (%.2f %%)",
						   100.0 * (double) value / (double) total);
}

/* FNV-1a, 32 bits: the colour of a name must not change between versions. */
static uint32
hash_bytes_fnv(StringRef string)
{
	uint32		hash = 2166136261u;

	for (uint32 i = 0; i < string.length; i++)
		hash = (hash ^ (unsigned char) string.data[i]) * 16777619u;
	return hash ^ hash >> 15;
}

/* One channel of a colour given in hue (degrees), saturation, lightness. */
static int
hsl_channel(double hue, double saturation, double lightness, int channel)
{
	double		k = fmod(channel + hue / 30.0, 12.0);
	double		ramp = Max(-1.0, Min(Min(k - 3.0, 9.0 - k), 1.0));
	double		reach = saturation * Min(lightness, 1.0 - lightness);

	return (int) lround(255.0 * (lightness - reach * ramp));
}

/*
 * Append the fill of a frame: from rose over orange to yellow by its package,
 * a little lighter or darker by its name.
 */
static void
append_fill(TextBuffer *out, StringRef name)
{
	uint32		package_hash = hash_bytes_fnv(frame_package(name));
	double		hue = 345 + package_hash % 21 * 4;
	double		saturation = 0.66 + 0.08 * (package_hash / 21 % 3);
	double		lightness = 0.69 + 0.02 * (hash_bytes_fnv(name) % 5);

	text_append_format(out, " fill=\"#%02x%02x%02x\"",
					   hsl_channel(hue, saturation, lightness, 0),
					   hsl_channel(hue, saturation, lightness, 8),
					   hsl_channel(hue, saturation, lightness, 4));
}

/* A row's value on one side, as percent of that side's total. */
static double
side_percent(int64 value, int64 total)
{
	return total == 0 ? 0.0 : 100.0 * (double) value / (double) total;
}

/*
 * The change of a row's share of its total, relative to its share in the
 * base, in percent: -100 is gone; a row that is new has no limit, and a side
 * without samples says nothing.
 */
static double
share_change(const SvgGraph *graph, const FlameRow *row)
{
	const FlameRow *root = &graph->rows[0];
	double		left = side_percent(row->value, root->value);
	double		right = side_percent(row->value_right, root->value_right);

	if (root->value == 0 || root->value_right == 0 || left == right)
		return 0.0;
	if (left == 0.0)
		return right > 0.0 ? HUGE_VAL : -HUGE_VAL;
	return 100.0 * (right - left) / fabs(left);
}

static int
change_class(double change)
{
	double		clamped = Max(-100.0, Min(change, 100.0));

	return (int) lround(clamped * CHANGE_STEPS / 100.0);
}

/* The row of cut children: always the last one of its parent, and a leaf. */
static bool
row_is_other(const SvgGraph *graph, uint32 i)
{
	const FlameRow *row = &graph->rows[i];

	return row->value == row->self && row->value_right == row->self_right &&
		(i + 1 == graph->nrows || row[1].level < row->level) &&
		string_ref_equal(row->label, string_ref_literal("other"));
}

/* Append what a frame's <title> says below the name; no line is empty. */
static void
append_figures(const SvgGraph *graph, const FlameRow *row)
{
	TextBuffer *out = graph->out;
	const FlameRow *root = &graph->rows[0];
	double		change = share_change(graph, row);

	text_append_string(out, graph->diff ? "\nbase " : "\ntotal ");
	append_share(out, row->value, root->value, graph->unit);
	text_append_string(out, graph->diff ? ", self " : "\nself ");
	append_share(out, row->self, graph->diff ? 0 : root->value, graph->unit);
	if (!graph->diff)
		return;
	text_append_string(out, "\ncomparison ");
	append_share(out, row->value_right, root->value_right, graph->unit);
	text_append_string(out, ", self ");
	append_share(out, row->self_right, 0, graph->unit);
	if (root->value == 0 || root->value_right == 0)
		return;
	text_append_format(out, "\nshare %+.2f points",
					   side_percent(row->value_right, root->value_right) -
					   side_percent(row->value, root->value));
	if (isinf(change))
		text_append_string(out, " (new)");
	else
		text_append_format(out, " (%+.1f %%)", change);
}

/*
 * Append a name in the room of a frame: where it is too long, directories in
 * front of a package or file are left out before the end is cut.
 */
static void
append_label(TextBuffer *out, StringRef name, uint32 max_cells)
{
	uint32		start = 0;

	if (prefix_length(name, max_cells) < name.length)
		for (uint32 i = 0; i < name.length; i++)
		{
			if (name.data[i] == '/')
				start = i + 1;
			else if (name.data[i] == ' ' || name.data[i] == '(' ||
					 name.data[i] == '<')
				break;
		}
	append_text(out, string_ref(name.data + start, name.length - start),
				max_cells);
}

/*
 * Append the element of one row that begins where `before` weights lie to its
 * left.
 */
static void
append_frame(const SvgGraph *graph, uint32 i, double before)
{
	TextBuffer *out = graph->out;
	const FlameRow *row = &graph->rows[i];
	const FlameRow *root = &graph->rows[0];
	double		left = 100.0 * before / graph->weight[0];
	double		width = 100.0 * graph->weight[i] / graph->weight[0];
	double		pixels = width / 100.0 * FRAMES_WIDTH - 2 * TEXT_PADDING;
	double		cells = pixels / CELL_WIDTH;
	StringRef	name = string_ref(row->label.data,
								  Min(row->label.length, MAX_LABEL_BYTES));

	text_append_string(out, "<g");
	if (row_is_other(graph, i) || (i == 0 && !graph->diff))
		text_append_string(out, " class=\"o\"");
	else if (graph->diff)
		text_append_format(out, " class=\"d%d\"",
						   change_class(share_change(graph, row)));
	else
		append_fill(out, name);
	if (graph->diff)
		text_append_format(out, " data-v=\"%.4g %.4g\"",
						   side_percent(row->value, root->value),
						   side_percent(row->value_right, root->value_right));
	text_append_string(out, "><title>");
	append_text(out, row->label, MAX_NAME_CELLS);
	append_figures(graph, row);
	text_append_format(out, "</title><rect x=\"%.6g%%\" y=\"%u\" "
					   "width=\"%.6g%%\" height=\"%d\"/>", left,
					   row->level * ROW_HEIGHT, width, FRAME_HEIGHT);
	if (cells >= MIN_LABEL_CELLS)
	{
		text_append_format(out, "<text x=\"%.6g%%\" dx=\"%d\" y=\"%u\">",
						   left, TEXT_PADDING, row->level * ROW_HEIGHT + 12);
		append_label(out, name, (uint32) cells);
		text_append_string(out, "</text>");
	}
	text_append_string(out, "</g>\n");
}

/*
 * Append all rows.  One without weight has no width, and no descendant with
 * one, so it is left out.
 */
static void
append_frames(SvgGraph *graph)
{
	for (uint32 i = 0; i <= graph->nlevels; i++)
		graph->level_end[i] = 0.0;
	for (uint32 i = 0; i < graph->nrows && !graph->out->failed; i++)
	{
		double	   *level_end = &graph->level_end[graph->rows[i].level];

		allocator_poll(graph->out->allocator, i);
		if (graph->weight[i] <= 0.0)
			continue;
		append_frame(graph, i, level_end[0]);
		level_end[1] = level_end[0];
		level_end[0] += graph->weight[i];
	}
}

/*
 * Set the weight of every row, from the last to the first, so that children
 * come before their parent.
 */
static void
weigh_rows(SvgGraph *graph)
{
	for (uint32 i = 0; i <= graph->nlevels; i++)
		graph->level_end[i] = 0.0;
	for (uint32 i = graph->nrows; i-- > 0;)
	{
		const FlameRow *row = &graph->rows[i];
		double	   *siblings = &graph->level_end[row->level];
		double		value = fabs((double) row->value);
		double		self = fabs((double) row->self);

		if (graph->diff)
		{
			value += fabs((double) row->value_right);
			self += fabs((double) row->self_right);
		}
		graph->weight[i] = Max(value, self + siblings[1]);
		siblings[1] = 0.0;
		siblings[0] += graph->weight[i];
	}
}

/* Append a line of the header. */
static void
append_heading(const SvgGraph *graph)
{
	TextBuffer *out = graph->out;
	int64		left = graph->nrows > 0 ? graph->rows[0].value : 0;
	int64		right = graph->nrows > 0 ? graph->rows[0].value_right : 0;

	text_append_format(out, "<text class=\"head\" x=\"%d\" y=\"26\" "
					   "font-size=\"17\" font-weight=\"600\">", MARGIN);
	append_text(out, graph->title, MAX_TITLE_CELLS);
	text_append_format(out, "</text>\n<text class=\"sub\" x=\"%d\" y=\"47\" "
					   "font-size=\"13\">", MARGIN);
	if (graph->type.length > 0)
	{
		append_text(out, graph->type, MAX_UNIT_CELLS);
		if (unit_says_something(graph->unit))
		{
			text_append_string(out, " in ");
			append_text(out, graph->unit, MAX_UNIT_CELLS);
		}
		text_append_string(out, " &#183; ");
	}
	text_append_string(out, graph->diff ? "base " : "total ");
	append_value(out, left, graph->unit);
	if (graph->diff)
	{
		text_append_string(out, " &#183; comparison ");
		append_value(out, right, graph->unit);
		if (left > 0)
			text_append_format(out, " (%+.1f %%)", 100.0 *
							   ((double) right - (double) left) /
							   (double) left);
	}
	text_append_string(out, "</text>\n");
}

/* Append the scale of the colours of a diff. */
static void
append_legend(TextBuffer *out)
{
	const int	step = 12;
	const int	top = HEADER_HEIGHT - 2;
	const int	start = MARGIN + 48;
	const int	end = start + (2 * CHANGE_STEPS + 1) * step;

	text_append_format(out, "<g class=\"legend\" font-size=\"12\">"
					   "<text x=\"%d\" y=\"%d\">-100 %%</text>\n", MARGIN,
					   top + 13);
	for (int i = -CHANGE_STEPS; i <= CHANGE_STEPS; i++)
		text_append_format(out, "<rect class=\"d%d\" x=\"%d\" y=\"%d\" "
						   "width=\"%d\" height=\"16\"/>", i,
						   start + (i + CHANGE_STEPS) * step, top, step);
	text_append_format(out, "\n<text x=\"%d\" y=\"%d\">+100 %% &#183; "
					   "relative change of share</text></g>\n", end + 6,
					   top + 13);
}

/* Append the graph's title, type, totals and, of a diff, its legend. */
static void
append_header(const SvgGraph *graph, uint32 height)
{
	TextBuffer *out = graph->out;

	text_append_format(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" "
					   "class=\"pyro-flame%s\" width=\"%d\" height=\"%u\" ",
					   graph->diff ? " diff" : "", DRAWING_WIDTH, height);
	text_append_string(out, "font-family=\"system-ui,-apple-system,"
					   "Segoe UI,Helvetica,Arial,sans-serif\" "
					   "role=\"img\" aria-label=\"");
	append_text(out, graph->title, MAX_TITLE_CELLS);
	text_append_string(out, "\">\n<title>");
	append_text(out, graph->title, MAX_TITLE_CELLS);
	text_append_string(out, "</title>\n<style><![CDATA[\n");
	text_append(out, flame_svg_css, sizeof(flame_svg_css) - 1);
	text_append_string(out, "]]></style>\n"
					   "<rect class=\"back\" width=\"100%\" "
					   "height=\"100%\"/>\n");
	append_heading(graph);
	if (graph->diff)
		append_legend(out);
}

/* Append the whole document of rows whose weights are known. */
static void
append_document(SvgGraph *graph)
{
	TextBuffer *out = graph->out;
	uint32		top = HEADER_HEIGHT + (graph->diff ? LEGEND_HEIGHT : 0);
	uint32		height = Max(graph->nlevels, MIN_LEVELS) * ROW_HEIGHT;

	append_header(graph, top + height + MARGIN);
	if (graph->nrows == 0 || graph->weight[0] <= 0.0)
		text_append_format(out, "<text class=\"none\" x=\"50%%\" y=\"%u\" "
						   "font-size=\"16\" text-anchor=\"middle\">"
						   "no samples</text>\n", top + height / 2);
	else
	{
		text_append_format(out, "<svg class=\"frames\" x=\"%d\" y=\"%u\" "
						   "width=\"%d\" height=\"%u\" ", MARGIN, top,
						   FRAMES_WIDTH, height);
		text_append_string(out, "font-family=\"ui-monospace,SFMono-Regular,"
						   "Menlo,Consolas,DejaVu Sans Mono,monospace\" "
						   "font-size=\"12\">\n");
		append_frames(graph);
		text_append_string(out, "</svg>\n");
	}
	text_append_string(out, "<script><![CDATA[\n");
	text_append(out, flame_svg_js, sizeof(flame_svg_js) - 1);
	text_append_string(out, "]]></script>\n</svg>\n");
}

/* Append the document, with working memory of the output's allocator. */
static void
append_graph(SvgGraph *graph)
{
	const Allocator *allocator = graph->out->allocator;

	if (graph->out->failed)
		return;
	for (uint32 i = 0; i < graph->nrows; i++)
		graph->nlevels = Max(graph->nlevels, graph->rows[i].level + 1);
	graph->weight = allocate_array(allocator, graph->nrows, sizeof(double));
	graph->level_end = allocate_array(allocator, (size_t) graph->nlevels + 1,
									  sizeof(double));
	if (graph->weight == NULL || graph->level_end == NULL)
		graph->out->failed = true;
	else
	{
		weigh_rows(graph);
		append_document(graph);
	}
	if (graph->weight != NULL)
		allocator->release(allocator->owner, graph->weight);
	if (graph->level_end != NULL)
		allocator->release(allocator->owner, graph->level_end);
}

/*
 * Append a flame graph as one SVG document.
 *
 * rows: nrows rows in pre-order, the first the root at level 0; none, or only
 * values of zero, make a document that says that there are no samples.
 * Negative values, of a subtracted tree, are drawn by their magnitude.
 * type and unit: of the values, as in pprof, "" when not known; title: the
 * heading, "" for a general one.  All strings may hold any bytes; very long
 * ones are cut, visibly.
 *
 * The document can stand in a file of its own or inside HTML, and is ASCII.
 * Working memory comes from the allocator of `out` and is given back.  A
 * failure is that of `out`.
 */
void
flame_svg_append(TextBuffer *out, const FlameRow *rows, uint32 nrows,
				 StringRef type, StringRef unit, StringRef title)
{
	SvgGraph	graph = {
		.out = out,
		.rows = rows,
		.nrows = nrows,
		.type = type,
		.unit = unit,
		.title = title,
	};

	if (title.length == 0)
		graph.title = string_ref_literal("Flame graph");
	append_graph(&graph);
}

/*
 * Append the difference of two flame graphs as one SVG document.
 *
 * As flame_svg_append, but value and self of a row are those of the base,
 * value_right and self_right those of the comparison.  A frame is as wide as
 * both together; its colour tells how its share of the total has changed,
 * relative to its share in the base.
 */
void
flame_diff_svg_append(TextBuffer *out, const FlameRow *rows, uint32 nrows,
					  StringRef type, StringRef unit, StringRef title)
{
	SvgGraph	graph = {
		.out = out,
		.rows = rows,
		.nrows = nrows,
		.type = type,
		.unit = unit,
		.title = title,
		.diff = true,
	};

	if (title.length == 0)
		graph.title = string_ref_literal("Flame graph difference");
	append_graph(&graph);
}
