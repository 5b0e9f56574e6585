/*
 * flame_speedscope.c
 *	  A call tree as a speedscope file: one sampled profile, a stack for each
 *	  node that has a self value.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "flame/flame_speedscope.h"
#include "profile/speedscope.h"
#include "stack/json_text.h"

/* Frames in all stacks: making a jsonb of them takes 100 bytes for each. */
#define MAX_FRAMES		2000000

static bool
check_tree(const FlameTree *tree, PyroError *error)
{
	uint64		nframes = 0;

	for (uint32 i = 0; i < tree->nnodes; i++)
	{
		if (Min(tree->self[i], tree->total[i]) < 0)
			return pyro_fail(error, PYRO_INVALID,
							 "speedscope cannot show the negative value " INT64_FORMAT,
							 Min(tree->self[i], tree->total[i]));
		if (tree->self[i] != 0)
			nframes += tree->level[i];
	}
	if (nframes > MAX_FRAMES)
		return pyro_fail(error, PYRO_LIMIT,
						 "stacks of the call tree have " UINT64_FORMAT " frames, more than %d, the most in a speedscope file",
						 nframes, MAX_FRAMES);
	return true;
}

/* What the format calls a unit; what it does not know is "none". */
static const char *
speedscope_unit(StringRef unit)
{
	static const char *const units[] = {
		"nanoseconds", "microseconds", "milliseconds", "seconds", "bytes"
	};

	for (int i = 0; i < lengthof(units); i++)
		if (string_ref_equal(unit, string_ref_literal(units[i])))
			return units[i];
	return "none";
}

static void
append_frames(TextBuffer *out, const FlameTree *tree, bool ascii_only)
{
	text_append_string(out, "\"shared\":{\"frames\":[");
	for (uint32 i = 0; i < tree->nnames; i++)
	{
		text_append_string(out, i > 0 ? ",{\"name\":" : "{\"name\":");
		json_append_string(out, flame_name(tree, i), ascii_only);
		text_append_char(out, '}');
	}
	text_append_string(out, "]}");
}

static bool
append_samples(TextBuffer *out, const FlameTree *tree,
			   const Allocator *allocator, PyroError *error)
{
	uint32		deepest = flame_deepest_level(tree);
	uint32	   *path = allocate_array(allocator, (size_t) deepest + 1,
									  sizeof(uint32));
	bool		first = true;

	if (path == NULL)
		return pyro_fail_memory(error);
	text_append_string(out, "\"samples\":[");
	for (uint32 i = 0; i < tree->nnodes; i++)
	{
		path[tree->level[i]] = tree->name[i];
		if (tree->self[i] == 0)
			continue;
		text_append_string(out, first ? "[" : ",[");
		first = false;
		for (uint32 level = 1; level <= tree->level[i]; level++)
		{
			if (level > 1)
				text_append_char(out, ',');
			text_append_int(out, path[level]);
		}
		text_append_char(out, ']');
	}
	text_append_char(out, ']');
	return true;
}

static void
append_weights(TextBuffer *out, const FlameTree *tree)
{
	bool		first = true;

	text_append_string(out, "\"weights\":[");
	for (uint32 i = 0; i < tree->nnodes; i++)
	{
		if (tree->self[i] == 0)
			continue;
		if (!first)
			text_append_char(out, ',');
		first = false;
		text_append_int(out, tree->self[i]);
	}
	text_append_char(out, ']');
}

/* "type/unit", the name of the file and of its profile, which readers need. */
static bool
append_name(TextBuffer *out, const FlameTree *tree, bool ascii_only,
			const Allocator *allocator, PyroError *error)
{
	TextBuffer	name;

	text_buffer_init(&name, allocator, PG_INT32_MAX);
	text_append_ref(&name, tree->type);
	text_append_char(&name, '/');
	text_append_ref(&name, tree->unit);
	if (name.failed)
		return pyro_fail_memory(error);
	text_append_string(out, "\"name\":");
	json_append_string(out, string_ref(name.data, name.length), ascii_only);
	return true;
}

/*
 * Append a call tree as a speedscope file.  The name of its profile is the
 * sample type, by which profile_from_speedscope() knows it again.
 *
 * out->failed says whether it was too long.  Returns false with PYRO_INVALID
 * where a value is negative, PYRO_LIMIT or PYRO_NO_MEMORY.
 */
bool
flame_speedscope_append(TextBuffer *out, const FlameTree *tree,
						bool ascii_only, const Allocator *allocator,
						PyroError *error)
{
	if (!check_tree(tree, error))
		return false;
	text_append_string(out, "{\"$schema\":\"" SPEEDSCOPE_SCHEMA "\",");
	text_append_string(out, "\"exporter\":\"" SPEEDSCOPE_OWN_EXPORTER " " PYRO_VERSION "\",");
	if (!append_name(out, tree, ascii_only, allocator, error))
		return false;
	text_append_string(out, ",\"activeProfileIndex\":0,");
	append_frames(out, tree, ascii_only);
	text_append_string(out, ",\"profiles\":[{\"type\":\"sampled\",");
	if (!append_name(out, tree, ascii_only, allocator, error))
		return false;
	text_append_string(out, ",\"unit\":\"");
	text_append_string(out, speedscope_unit(tree->unit));
	text_append_string(out, "\",\"startValue\":0,\"endValue\":");
	text_append_int(out, tree->total[0]);
	text_append_char(out, ',');
	if (!append_samples(out, tree, allocator, error))
		return false;
	text_append_char(out, ',');
	append_weights(out, tree);
	text_append_string(out, "}]}");
	return true;
}
