/*
 * profile_source.c
 *	  What source lines cost: the figures of pprof's "list".
 *
 * One walk over the stack trie.  The total of a trie node is that of its whole
 * subtree; it counts for a source line where the line is not open already
 * further up, so that recursion counts once.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "common/int.h"

#include "profile/profile_source.h"
#include "stack/clean_path.h"
#include "stack/sequence_entry.h"
#include "stack/subtree_sums.h"

/* Stands for a line of the dictionary that nobody asked for. */
#define NOT_WANTED		PG_UINT32_MAX

typedef struct SourceCounter
{
	const Profile *profile;
	const StackDictionary *stacks;
	const Allocator *allocator;
	PyroError  *error;
	uint32	   *file;			/* by string: which of the clean paths */
	StringRef  *paths;			/* clean, in order */
	uint32	   *source;			/* of a line of the dictionary */
	SourceLine *lines;
	uint32		nlines;
	uint32	   *open;			/* per source line: frames on the way here */
} SourceCounter;

/* ---- files ---- */

/* A file's path as it is in the dictionary, and cleaned. */
typedef struct CleanedPath
{
	StringRef	path;
	uint32		string;
} CleanedPath;

static int
compare_paths(const void *a, const void *b)
{
	return string_ref_compare(((const CleanedPath *) a)->path,
							  ((const CleanedPath *) b)->path);
}

static bool
clean(SourceCounter *c, StringRef *path)
{
	char	   *copy;

	if (path_is_clean(*path))
		return true;
	copy = allocate_or_fail(c->allocator, path->length, 1, c->error);
	if (copy == NULL)
		return false;
	memcpy(copy, path->data, path->length);
	*path = string_ref(copy, clean_path(copy, path->length));
	return true;
}

/* Number the clean paths of the files of wanted functions, in order. */
static bool
number_files(SourceCounter *c, const bool *wanted)
{
	const StackDictionary *stacks = c->stacks;
	CleanedPath *cleaned;
	uint32		n = 0;
	uint32		nwanted = 0;

	c->file = allocate_or_fail(c->allocator, stacks->nstrings, sizeof(uint32),
							   c->error);
	if (c->file == NULL)
		return false;
	memset(c->file, 0, stacks->nstrings * sizeof(uint32));
	for (uint32 i = 0; i < stacks->nfunctions; i++)
		if (wanted[i] && c->file[stacks->functions[i].filename]++ == 0)
			nwanted++;
	cleaned = allocate_or_fail(c->allocator, nwanted, sizeof(CleanedPath),
							   c->error);
	c->paths = allocate_or_fail(c->allocator, nwanted, sizeof(StringRef),
								c->error);
	if (cleaned == NULL || c->paths == NULL)
		return false;
	for (uint32 i = 0; n < nwanted; i++)
		if (c->file[i] > 0)
		{
			cleaned[n] = (CleanedPath)
			{
				stacks->strings[i], i
			};
			if (!clean(c, &cleaned[n++].path))
				return false;
		}
	if (nwanted > 0)
		qsort(cleaned, nwanted, sizeof(CleanedPath), compare_paths);
	n = 0;
	for (uint32 i = 0; i < nwanted; i++)
	{
		if (i == 0 || compare_paths(&cleaned[i - 1], &cleaned[i]) != 0)
			c->paths[n++] = cleaned[i].path;
		c->file[cleaned[i].string] = n - 1;
	}
	return true;
}

/* ---- lines ---- */

static uint64
line_symbol(const SourceCounter *c, uint32 item, uint32 position)
{
	const StackLine *line = &c->stacks->lines[item];
	const StackFunction *function =
	&c->stacks->functions[line->function - 1];

	return position == 0 ? function->name :
		position == 1 ? c->file[function->filename] : (uint64) line->line;
}

#define SEQUENCE_SORT sort_lines
#define SEQUENCE_CONTEXT const SourceCounter *
#define SEQUENCE_SYMBOL(context, item, position) \
	line_symbol(context, item, position)
#define SEQUENCE_LAST(context, item, position) ((position) == 2)
#include "stack/sequence_sort.h"

/* Number the source lines that are wanted, in order. */
static bool
number_lines(SourceCounter *c, const bool *wanted)
{
	const StackDictionary *stacks = c->stacks;
	const Allocator *allocator = c->allocator;
	SequenceScratch scratch;
	uint32	   *order;
	uint32		n = 0;

	c->source = allocate_or_fail(allocator, stacks->nlines, sizeof(uint32),
								 c->error);
	c->lines = allocate_or_fail(allocator, stacks->nlines, sizeof(SourceLine),
								c->error);
	if (c->source == NULL || c->lines == NULL ||
		!sequence_scratch_init(&scratch, stacks->nlines, allocator, c->error))
		return false;
	order = scratch.items;
	for (uint32 i = 0; i < stacks->nlines; i++)
	{
		uint32		function = stacks->lines[i].function;

		c->source[i] = NOT_WANTED;
		if (function != 0 && wanted[function - 1])
			order[n++] = i;
	}
	sort_lines(c, scratch.entries, order, scratch.same, n);
	for (uint32 i = 0; i < n; i++)
	{
		const StackLine *line = &stacks->lines[order[i]];
		const StackFunction *function = &stacks->functions[line->function - 1];

		if (i == 0 || !scratch.same[i])
			c->lines[c->nlines++] = (SourceLine)
		{
			stacks->strings[function->name],
				c->paths[c->file[function->filename]], line->line, 0, 0
		};
		c->source[order[i]] = c->nlines - 1;
	}
	return true;
}

/* ---- figures ---- */

static bool
add(SourceCounter *c, int64 *sum, int64 value)
{
	return !pg_add_s64_overflow(*sum, value, sum) ||
		pyro_fail(c->error, PYRO_OVERFLOW,
				  "sum of the values of a source line is out of range");
}

/* Values by trie node: its own samples', and all below it. */
static bool
sum_nodes(SourceCounter *c, const int64 *values, int64 **self, int64 **total)
{
	const StackDictionary *stacks = c->stacks;

	*self = allocate_or_fail(c->allocator, stacks->nnodes, sizeof(int64),
							 c->error);
	*total = allocate_or_fail(c->allocator, stacks->nnodes, sizeof(int64),
							  c->error);
	if (*self == NULL || *total == NULL)
		return false;
	memset(*self, 0, stacks->nnodes * sizeof(int64));
	for (uint32 i = 0; i < c->profile->header.nsamples; i++)
		if (!add(c, &(*self)[c->profile->sample_node[i]], values[i]))
			return false;
	return sum_subtrees(stacks->node_parent, *self, stacks->nnodes, *total,
						c->allocator, c->error);
}

/* Enter a node (step 1) or leave it (-1): all frames of its location. */
static bool
step(SourceCounter *c, uint32 node, int step, int64 total)
{
	const StackLocation *location =
	&c->stacks->locations[c->stacks->node_location[node]];

	for (uint32 k = 0; k < location->nlines; k++)
	{
		uint32		source = c->source[location->line_start + k];

		if (source == NOT_WANTED)
			continue;
		if (step > 0 && c->open[source] == 0 &&
			!add(c, &c->lines[source].total, total))
			return false;
		c->open[source] += step;
	}
	return true;
}

/* Count the self value of a node for its innermost frame. */
static bool
count_self(SourceCounter *c, uint32 node, int64 self)
{
	const StackLocation *location =
	&c->stacks->locations[c->stacks->node_location[node]];
	uint32		source = location->nlines == 0 ? NOT_WANTED :
	c->source[location->line_start + location->nlines - 1];

	return source == NOT_WANTED || add(c, &c->lines[source].self, self);
}

/* Nodes stand in pre-order: whoever is not the next one's parent is left. */
static bool
walk(SourceCounter *c, const int64 *self, const int64 *total)
{
	const uint32 *parent = c->stacks->node_parent;
	uint32		at = 0;

	for (uint32 node = 1; node < c->stacks->nnodes; node++)
	{
		allocator_poll(c->allocator, node);
		for (; at != parent[node]; at = parent[at])
			step(c, at, -1, 0);
		at = node;
		if (!step(c, node, 1, total[node]) || !count_self(c, node, self[node]))
			return false;
	}
	return true;
}

/*
 * What the source lines of some functions cost in one sample type.
 *
 * wanted: for each of the dictionary's functions.  *lines come from the
 * allocator, by function name, file name and line, their strings from there or
 * from the dictionary; functions that differ in nothing else are one.  Returns false with PYRO_OVERFLOW or PYRO_NO_MEMORY.
 */
bool
profile_source_lines(const Profile *profile, uint32 type, const bool *wanted,
					 const Allocator *allocator, SourceLine **lines,
					 uint32 *nlines, PyroError *error)
{
	SourceCounter c = {.profile = profile,.stacks = profile->stacks,
		.allocator = allocator,.error = error
	};
	int64	   *self;
	int64	   *total;

	if (!number_files(&c, wanted) || !number_lines(&c, wanted) ||
		!sum_nodes(&c, profile->values[type], &self, &total))
		return false;
	c.open = allocate_or_fail(allocator, c.nlines, sizeof(uint32), error);
	if (c.open == NULL)
		return false;
	memset(c.open, 0, c.nlines * sizeof(uint32));
	*lines = c.lines;
	*nlines = c.nlines;
	return walk(&c, self, total);
}
