/*
 * frame_name.c
 *	  What a frame is called in a call tree.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "stack/clean_path.h"
#include "stack/frame_name.h"

/*
 * The granularity of a name; false where there is none.
 */
bool
frame_granularity_find(StringRef name, FrameGranularity *granularity)
{
	static const char *const names[] = {
		[FRAME_FUNCTION] = "function",[FRAME_LINE] = "line",
		[FRAME_FILE] = "file",[FRAME_PACKAGE] = "package",
		[FRAME_ADDRESS] = "address"
	};

	for (size_t i = 0; i < lengthof(names); i++)
		if (string_ref_equal(name, string_ref_literal(names[i])))
		{
			*granularity = (FrameGranularity) i;
			return true;
		}
	return false;
}

/* ---- packages ---- */

static bool
find_text(StringRef string, const char *text, uint32 *position)
{
	size_t		length = strlen(text);

	for (size_t i = 0; i + length <= string.length; i++)
		if (memcmp(string.data + i, text, length) == 0)
		{
			*position = (uint32) i;
			return true;
		}
	return false;
}

static bool
find_last(StringRef string, char character, uint32 *position)
{
	for (uint32 i = string.length; i-- > 0;)
		if (string.data[i] == character)
		{
			*position = i;
			return true;
		}
	return false;
}

/* The guess of frame_package(), which may be empty. */
static StringRef
guess_package(StringRef name)
{
	static const char anonymous[] = "(anonymous namespace)";
	StringRef	head = name;
	uint32		at;
	uint32		dot;

	if (name.length > 4 &&
		memcmp(name.data + name.length - 4, "_[k]", 4) == 0)
		return string_ref_literal("[kernel]");
	if (name.length >= strlen(anonymous) &&
		memcmp(name.data, anonymous, strlen(anonymous)) == 0)
		return string_ref(name.data, strlen(anonymous));
	while (head.length > 1 && (head.data[0] == '<' || head.data[0] == '(' ||
							   head.data[0] == '*' || head.data[0] == '&'))
		head = string_ref(head.data + 1, head.length - 1);
	if (find_text(head, "(", &at) && at > 0)
		head.length = at;
	if (find_text(head, "::", &at))
	{
		head.length = at;
		if (find_last(head, ' ', &at))
			head = string_ref(head.data + at + 1, head.length - at - 1);
		return head;
	}
	if (find_last(head, '/', &at))
	{
		/* java/math/BigDecimal.valueOf: a capital begins a class */
		if (at + 1 < head.length && head.data[at + 1] >= 'A' &&
			head.data[at + 1] <= 'Z')
			return string_ref(head.data, at);
		if (find_text(string_ref(head.data + at, head.length - at), ".", &dot))
			at += dot;
		return string_ref(head.data, at);
	}
	if (find_last(head, '\\', &at))
		return string_ref(head.data, at);
	if (find_text(head, ".func", &at))
		head.length = at;
	if (find_text(head, ".", &at) && at > 0)
	{
		StringRef	rest = string_ref(head.data + at + 1,
									  head.length - at - 1);
		uint32		last;

		/* org.postgresql.Driver.connect: org alone says too little */
		if (find_text(rest, ".", &dot) && find_last(rest, '.', &last) &&
			last > dot)
			at += 1 + dot;
		return string_ref(head.data, at);
	}
	return name;
}

/*
 * The package, module or namespace that a function's name begins with, as Go,
 * Java, Rust, C++, PHP and Python write it; the whole name when there is
 * none.  A guess from the look of the name.
 */
StringRef
frame_package(StringRef name)
{
	StringRef	package = guess_package(name);

	return package.length > 0 ? package : name;
}

/* ---- names ---- */

/* Append a part of a name, a space before it unless it is the first. */
static void
append_part(TextBuffer *out, size_t start, StringRef part)
{
	if (out->length > start)
		text_append_char(out, ' ');
	text_append_ref(out, part);
}

/* Append the path of a source file, as short as it can be written. */
static void
append_path(TextBuffer *out, size_t start, StringRef path)
{
	append_part(out, start, path);
	if (!path_is_clean(path) && !out->failed)
	{
		size_t		before = out->length - path.length;

		out->length = before + clean_path(out->data + before, path.length);
	}
}

/*
 * Append what google/pprof calls a frame of which these things are known
 * (graph.NodeInfo.NameComponents): a file only counts with a line or where
 * there is no function name, the mapped file only where there is neither.
 */
static void
append_components(TextBuffer *out, uint64 address, StringRef function,
				  StringRef file, int64 line, StringRef mapped_file)
{
	size_t		start = out->length;

	if (address != 0)
		text_append_format(out, "%016llx", (unsigned long long) address);
	if (function.length > 0)
		append_part(out, start, function);
	if (line != 0)
	{
		append_path(out, start, file);
		text_append_char(out, ':');
		text_append_int(out, line);
	}
	else if (file.length > 0)
		append_path(out, start, file);
	else if (function.length > 0)
		return;
	else if (mapped_file.length > 0)
	{
		append_part(out, start, string_ref_literal("["));
		text_append_ref(out, mapped_file);
		text_append_char(out, ']');
	}
	else
		append_part(out, start, string_ref_literal("<unknown>"));
}

/*
 * Append the name of one frame of a location, the outermost being frame 0.
 */
void
frame_name_append(TextBuffer *out, FrameGranularity granularity,
				  const StackDictionary *stacks,
				  const StackLocation *location, uint32 frame)
{
	const StackLine *line = location->nlines == 0 ? NULL :
	&stacks->lines[location->line_start + frame];
	const StackFunction *function = line == NULL || line->function == 0 ? NULL :
	&stacks->functions[line->function - 1];
	StringRef	none = string_ref("", 0);
	StringRef	name = function == NULL ? none : stacks->strings[function->name];
	StringRef	file = function == NULL ? none :
	stacks->strings[function->filename];
	StringRef	mapped_file = stack_unsymbolised_name(stacks, location);

	/* a line of what, where there is no function? */
	int64		number = function == NULL ? 0 : line->line;

	switch (granularity)
	{
		case FRAME_FUNCTION:
			append_components(out, 0, name, none, 0, mapped_file);
			break;
		case FRAME_LINE:
			append_components(out, 0, name, file, number, mapped_file);
			break;
		case FRAME_FILE:
			append_components(out, 0, none, file, 0, mapped_file);
			break;
		case FRAME_PACKAGE:
			append_components(out, 0, frame_package(name), none, 0,
							  mapped_file);
			break;
		case FRAME_ADDRESS:
			append_components(out, location->address, name, file, number,
							  mapped_file);
			break;
	}
}
