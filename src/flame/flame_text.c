/*
 * flame_text.c
 *	  Call trees as text.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "common/int.h"

#include "flame/flame_text.h"
#include "profile/folded.h"

#define MAGIC		"flamegraph 1 "

/* "/" alone is no sample type; this says that it is one without names */
#define TYPED		"typed"

/* ---- writing ---- */

/* Append a name, with \xNN for what is special or not readable. */
static void
append_escaped(TextBuffer *out, StringRef name, const char *special,
			   bool ascii_only)
{
	const unsigned char *bytes = (const unsigned char *) name.data;

	for (uint32 i = 0; i < name.length;)
	{
		uint32		n = utf8_sequence_length(bytes + i, name.length - i);

		if (n == 0 || bytes[i] < 0x20 || bytes[i] == 0x7F ||
			(ascii_only && n > 1) ||
			(n == 1 && strchr(special, bytes[i]) != NULL))
		{
			text_append_format(out, "\\x%02x", bytes[i]);
			i++;
		}
		else
		{
			text_append(out, name.data + i, n);
			i += n;
		}
	}
}

static bool
fail_too_long(const TextBuffer *out, PyroError *error)
{
	return pyro_fail(error, PYRO_LIMIT,
					 "text of the flame graph is longer than %zu bytes, or out of memory",
					 out->limit);
}

static void
append_name(TextBuffer *out, StringRef name, bool ascii_only)
{
	if (name.length > 0 && name.data[0] == '@')
	{
		text_append_string(out, "\\x40");
		name = string_ref(name.data + 1, name.length - 1);
	}
	append_escaped(out, name, "\\", ascii_only);
}

/*
 * Append the lossless text of a tree.
 *
 * ascii_only: write every byte above 127 as \xNN, for a database encoding
 * that is not UTF-8.  Returns false with PYRO_LIMIT or PYRO_NO_MEMORY.
 */
bool
flame_text_append(TextBuffer *out, const FlameTree *tree, bool ascii_only,
				  PyroError *error)
{
	uint32	   *seen = allocate_array(out->allocator, tree->nnames,
									  sizeof(uint32));
	uint32		nseen = 0;

	if (seen == NULL)
		return pyro_fail_memory(error);
	memset(seen, 0, tree->nnames * sizeof(uint32));
	text_append_string(out, MAGIC);
	append_escaped(out, tree->type, "\\/ ", ascii_only);
	text_append_char(out, '/');
	append_escaped(out, tree->unit, "\\/ ", ascii_only);
	text_append_string(out, " profiles=");
	text_append_int(out, tree->nprofiles);
	text_append_string(out, " duration=");
	text_append_int(out, tree->duration_nanos);
	if (tree->is_typed && tree->type.length == 0 && tree->unit.length == 0)
		text_append_string(out, " " TYPED);
	for (uint32 i = 0; i < tree->nnodes && !out->failed; i++)
	{
		uint32		name = tree->name[i];

		allocator_poll(out->allocator, i);
		text_append_char(out, '\n');
		text_append_int(out, tree->level[i]);
		text_append_char(out, '\t');
		text_append_int(out, tree->self[i]);
		if (i == 0)
			continue;
		text_append_char(out, '\t');
		if (seen[name] != 0)
		{
			text_append_char(out, '@');
			text_append_int(out, seen[name] - 1);
			continue;
		}
		seen[name] = ++nseen;
		append_name(out, flame_name(tree, name), ascii_only);
	}
	return !out->failed || fail_too_long(out, error);
}

/* A name that reads back as one: none is empty or begins or ends blank. */
static void
append_folded_name(TextBuffer *out, StringRef name, bool ascii_only)
{
	bool		blank_end = name.length > 1 &&
	name.data[name.length - 1] == ' ';

	if (name.length == 0)
		name = string_ref_literal("<unknown>");
	if (name.data[0] == ' ')
	{
		text_append_string(out, "\\x20");
		name = string_ref(name.data + 1, name.length - 1);
	}
	if (blank_end)
		name.length--;
	append_escaped(out, name, ";", ascii_only);
	if (blank_end)
		text_append_string(out, "\\x20");
}

/*
 * Append folded stacks: a line "root;caller;leaf value" for every node with a
 * self value.  Semicolons and control characters in names are \xNN; what has
 * no stack stands under (no stack).  Returns false as flame_text_append().
 */
bool
flame_folded_append(TextBuffer *out, const FlameTree *tree, bool ascii_only,
					PyroError *error)
{
	uint32	   *path;
	uint32		deepest;
	bool		first = true;

	deepest = flame_deepest_level(tree);
	path = allocate_array(out->allocator, (size_t) deepest + 1,
						  sizeof(uint32));
	if (path == NULL)
		return pyro_fail_memory(error);
	for (uint32 i = 0; i < tree->nnodes && !out->failed; i++)
	{
		allocator_poll(out->allocator, i);
		path[tree->level[i]] = tree->name[i];
		if (tree->self[i] == 0)
			continue;
		if (!first)
			text_append_char(out, '\n');
		first = false;
		if (i == 0)
			text_append_string(out, "(no stack)");
		for (uint32 level = 1; level <= tree->level[i] && !out->failed; level++)
		{
			allocator_poll(out->allocator, level);
			if (level > 1)
				text_append_char(out, ';');
			append_folded_name(out, flame_name(tree, path[level]),
							   ascii_only);
		}
		text_append_char(out, ' ');
		text_append_int(out, tree->self[i]);
	}
	return !out->failed || fail_too_long(out, error);
}

/* ---- reading ---- */

typedef struct TextReader
{
	const char *position;
	const char *end;
	uint32		line;
	CallTree   *tree;
	const Allocator *allocator;
	PyroError  *error;
	TextBuffer	unescaped;
	uint32	   *names;			/* names of the tree in order of appearance */
	size_t		nnames;
	size_t		names_capacity;
	uint32	   *path;			/* node at each level */
	size_t		path_capacity;
	uint32		depth;			/* of the last node */
} TextReader;

static bool
malformed(TextReader *r, const char *what)
{
	return pyro_fail(r->error, PYRO_MALFORMED, "line %u: %s", r->line, what);
}

/* Take what stands before the divider, or all; moves behind the divider. */
static StringRef
take_until(StringRef *rest, char divider)
{
	const char *found = rest->length == 0 ? NULL :
	memchr(rest->data, divider, rest->length);
	StringRef	taken = *rest;

	if (found != NULL)
		taken.length = found - rest->data;
	rest->data += taken.length + (found != NULL);
	rest->length -= taken.length + (found != NULL);
	return taken;
}

static bool
parse_int(StringRef text, int64 *number)
{
	bool		negative = text.length > 0 && text.data[0] == '-';
	int64		result = 0;

	if (text.length == negative)
		return false;
	for (uint32 i = negative; i < text.length; i++)
	{
		if (text.data[i] < '0' || text.data[i] > '9' ||
			pg_mul_s64_overflow(result, 10, &result) ||
			pg_sub_s64_overflow(result, text.data[i] - '0', &result))
			return false;
	}
	if (!negative && result == PG_INT64_MIN)
		return false;
	*number = negative ? result : -result;
	return true;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Undo append_escaped(); *name points into memory that the next call reuses */
static bool
unescape(TextReader *r, StringRef text, StringRef *name)
{
	if (text.length == 0 || memchr(text.data, '\\', text.length) == NULL)
	{
		*name = text;
		return true;
	}
	r->unescaped.length = 0;
	for (uint32 i = 0; i < text.length; i++)
	{
		int			high;
		int			low;

		if (text.data[i] != '\\')
		{
			text_append_char(&r->unescaped, text.data[i]);
			continue;
		}
		if (i + 3 >= text.length || text.data[i + 1] != 'x')
			return malformed(r, "a backslash must begin \\xNN");
		high = hex_digit(text.data[i + 2]);
		low = hex_digit(text.data[i + 3]);
		if (high < 0 || low < 0)
			return malformed(r, "a backslash must begin \\xNN");
		text_append_char(&r->unescaped, (char) (high << 4 | low));
		i += 3;
	}
	if (r->unescaped.failed)
		return pyro_fail_memory(r->error);
	*name = string_ref(r->unescaped.data, r->unescaped.length);
	return true;
}

/* A copy of an unescaped header string. */
static bool
keep_unescaped(TextReader *r, StringRef text, StringRef *kept)
{
	StringRef	name;
	char	   *copy;

	if (!unescape(r, text, &name))
		return false;
	copy = allocate_array(r->allocator, name.length, 1);
	if (copy == NULL)
		return pyro_fail_memory(r->error);
	if (name.length > 0)
		memcpy(copy, name.data, name.length);
	*kept = string_ref(copy, name.length);
	return true;
}

static StringRef
behind_magic(StringRef text)
{
	return string_ref(text.data + strlen(MAGIC), text.length - strlen(MAGIC));
}

/*
 * Does the text begin as the lossless form does, with a slash in the third
 * word?  "flamegraph 1 2" is a folded stack.
 */
static bool
is_lossless(StringRef text)
{
	StringRef	line = take_until(&text, '\n');
	StringRef	sample_type;

	if (line.length <= strlen(MAGIC) ||
		memcmp(line.data, MAGIC, strlen(MAGIC)) != 0)
		return false;
	line = behind_magic(line);
	sample_type = take_until(&line, ' ');
	return sample_type.length > 0 &&
		memchr(sample_type.data, '/', sample_type.length) != NULL;
}

/* Take "word=number" from a header. */
static bool
take_setting(StringRef *rest, const char *word, int64 *number)
{
	StringRef	setting = take_until(rest, ' ');
	StringRef	name = take_until(&setting, '=');

	return string_ref_equal(name, string_ref_literal(word)) &&
		parse_int(setting, number) && *number >= 0;
}

static bool
read_header(TextReader *r, StringRef line, FlameHeader *header)
{
	StringRef	type;
	StringRef	unit;

	line = behind_magic(line);
	unit = take_until(&line, ' ');
	type = take_until(&unit, '/');
	if (!keep_unescaped(r, type, &header->type) ||
		!keep_unescaped(r, unit, &header->unit))
		return false;
	header->is_typed = header->type.length > 0 || header->unit.length > 0;
	/* both may be left out by whoever writes it by hand */
	if (line.length > 0 &&
		(!take_setting(&line, "profiles", &header->nprofiles) ||
		 (line.length > 0 &&
		  !take_setting(&line, "duration", &header->duration_nanos))))
		return malformed(r, "the header does not end with profiles=N duration=N");
	if (string_ref_equal(line, string_ref_literal(TYPED)))
		header->is_typed = true;
	else if (line.length > 0)
		return malformed(r, "the header goes on behind duration=N");
	return true;
}

/* The tree's number for a name or a back reference. */
static bool
read_name(TextReader *r, StringRef text, uint32 *id)
{
	StringRef	name;
	int64		reference;

	if (text.length > 0 && text.data[0] == '@')
	{
		text.data++;
		text.length--;
		if (!parse_int(text, &reference) || reference < 0 ||
			reference >= r->nnames)
			return malformed(r, "a back reference leads nowhere");
		*id = r->names[reference];
		return true;
	}
	if (!unescape(r, text, &name) ||
		!call_tree_intern(r->tree, name, id, r->error))
		return false;
	if (!grow_array(r->allocator, (void **) &r->names, r->nnames,
					&r->names_capacity, r->nnames + 1, sizeof(uint32)))
		return pyro_fail_memory(r->error);
	r->names[r->nnames++] = *id;
	return true;
}

static bool
read_node(TextReader *r, StringRef line)
{
	StringRef	level_text = take_until(&line, '\t');
	const char *end = line.data + line.length;
	StringRef	self_text = take_until(&line, '\t');
	bool		has_name = self_text.data + self_text.length < end;
	int64		level;
	int64		self;
	uint32		name;

	if (!parse_int(level_text, &level) || level < 0 ||
		!parse_int(self_text, &self) || has_name != (level > 0))
		return malformed(r, "a node is not <level><tab><self><tab><name>");
	if (level == 0)
	{
		r->depth = 0;
		return call_tree_add_self(r->tree, 0, self, r->error);
	}
	if (level > (int64) r->depth + 1)
		return malformed(r, "a level is skipped");
	if (!grow_array(r->allocator, (void **) &r->path, r->path_capacity,
					&r->path_capacity, level + 1, sizeof(uint32)))
		return pyro_fail_memory(r->error);
	r->path[0] = 0;
	r->depth = level;
	return read_name(r, line, &name) &&
		call_tree_child(r->tree, r->path[level - 1], name, &r->path[level],
						r->error) &&
		call_tree_add_self(r->tree, r->path[level], self, r->error);
}

static bool
read_folded(StringRef text, CallTree *tree, PyroError *error)
{
	FoldedReader reader = {text.data, text.data + text.length, 0};
	FoldedLine	line;

	while (folded_next_line(&reader, &line, error))
	{
		StringRef	frame;
		uint32		node = 0;
		uint32		name;

		while (folded_next_frame(&line.stack, &frame))
		{
			/* as a profile without a name for it would have it */
			if (frame.length == 0)
				frame = string_ref_literal("<unknown>");
			if (!call_tree_intern(tree, frame, &name, error) ||
				!call_tree_child(tree, node, name, &node, error))
				return false;
		}
		if (!call_tree_add_self(tree, node, line.value, error))
			return false;
	}
	return error->kind == PYRO_OK;
}

/*
 * Read the text of a tree, in its lossless form or folded, into an empty
 * tree.  Folded stacks have the sample type samples/count.
 *
 * The header's strings and scratch come from the allocator.  Returns false
 * with PYRO_MALFORMED (and the line), PYRO_OVERFLOW, PYRO_LIMIT or
 * PYRO_NO_MEMORY.
 */
bool
flame_text_read(StringRef text, CallTree *tree, FlameHeader *header,
				const Allocator *allocator, PyroError *error)
{
	TextReader	r = {.tree = tree,.allocator = allocator,.error = error};
	StringRef	rest = text;

	memset(header, 0, sizeof(*header));
	header->type = header->unit = string_ref("", 0);
	if (!is_lossless(text))
	{
		header->is_typed = true;
		header->type = string_ref_literal("samples");
		header->unit = string_ref_literal("count");
		return read_folded(text, tree, error);
	}
	text_buffer_init(&r.unescaped, allocator, FLAME_FLAT_MAX_SIZE);
	while (rest.length > 0)
	{
		StringRef	line = take_until(&rest, '\n');

		allocator_poll(allocator, r.line);
		r.line++;
		if (line.length > 0 && line.data[line.length - 1] == '\r')
			line.length--;
		if (r.line == 1 ? !read_header(&r, line, header) :
			line.length > 0 && !read_node(&r, line))
			return false;
	}
	if (!header->is_typed && (tree->nnodes > 1 || tree->self[0] != 0))
		return pyro_fail(error, PYRO_MALFORMED,
						 "it has values, but no sample type");
	return true;
}
