/*
 * flame_pprof.c
 *	  A call tree as a profile of functions.
 *
 * A call tree is a stack trie already, in the order that profiles want:
 * names are sorted, so functions and locations are, and children by name are
 * children by location.  So nothing is sorted or looked up here.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "flame/flame_pprof.h"

typedef struct PprofWriter
{
	const FlameTree *tree;
	const Allocator *allocator;
	PyroError  *error;
	Profile    *profile;
} PprofWriter;

static void *
new_array(PprofWriter *w, size_t n, size_t element_size)
{
	void	   *array = allocate_or_fail(w->allocator, n, element_size, w->error);

	if (array != NULL)
		memset(array, 0, n * element_size);
	return array;
}

/* A string, a function, a line and a location for each name. */
static bool
write_names(PprofWriter *w)
{
	const FlameTree *tree = w->tree;
	StackDictionary *stacks = w->profile->stacks;
	uint32		n = tree->nnames;

	stacks->strings = new_array(w, (size_t) n + 1, sizeof(StringRef));
	stacks->functions = new_array(w, n, sizeof(StackFunction));
	stacks->lines = new_array(w, n, sizeof(StackLine));
	stacks->locations = new_array(w, n, sizeof(StackLocation));
	if (stacks->strings == NULL || stacks->functions == NULL ||
		stacks->lines == NULL || stacks->locations == NULL)
		return false;
	stacks->strings[stacks->nstrings++] = string_ref("", 0);
	for (uint32 i = 0; i < n; i++)
	{
		StringRef	name = flame_name(tree, i);

		/* the empty name comes first, as the empty string does */
		if (name.length > 0)
		{
			stacks->strings[stacks->nstrings] = name;
			stacks->functions[i].name = stacks->nstrings++;
		}
		stacks->lines[i].function = i + 1;
		stacks->locations[i].line_start = i;
		stacks->locations[i].nlines = 1;
	}
	stacks->nfunctions = stacks->nlines = stacks->nlocations = n;
	return true;
}

static bool
write_nodes(PprofWriter *w)
{
	const FlameTree *tree = w->tree;
	StackDictionary *stacks = w->profile->stacks;
	uint32	   *path = new_array(w, (size_t) flame_deepest_level(tree) + 1,
								 sizeof(uint32));

	stacks->nnodes = tree->nnodes;
	stacks->node_parent = new_array(w, tree->nnodes, sizeof(uint32));
	stacks->node_depth = new_array(w, tree->nnodes, sizeof(uint32));
	stacks->node_location = new_array(w, tree->nnodes, sizeof(uint32));
	if (path == NULL || stacks->node_parent == NULL ||
		stacks->node_depth == NULL || stacks->node_location == NULL)
		return false;
	for (uint32 i = 1; i < tree->nnodes; i++)
	{
		uint32		level = tree->level[i];

		stacks->node_parent[i] = path[level - 1];
		stacks->node_depth[i] = level;
		stacks->node_location[i] = tree->name[i];
		path[level] = i;
	}
	return true;
}

/* A sample for each node that has a self value. */
static bool
write_samples(PprofWriter *w)
{
	const FlameTree *tree = w->tree;
	Profile    *profile = w->profile;
	uint32		n = 0;

	profile->nlabel_sets = 1;
	profile->label_set_end = new_array(w, 1, sizeof(uint32));
	profile->labels = new_array(w, 1, sizeof(ProfileLabel));
	profile->sample_node = new_array(w, tree->nnodes, sizeof(uint32));
	profile->sample_label_set = new_array(w, tree->nnodes, sizeof(uint32));
	profile->values = new_array(w, 1, sizeof(int64 *));
	if (profile->label_set_end == NULL || profile->labels == NULL ||
		profile->sample_node == NULL || profile->sample_label_set == NULL ||
		profile->values == NULL)
		return false;
	profile->values[0] = new_array(w, tree->nnodes, sizeof(int64));
	if (profile->values[0] == NULL)
		return false;
	for (uint32 i = 0; i < tree->nnodes; i++)
	{
		if (tree->self[i] == 0)
			continue;
		profile->sample_node[n] = i;
		profile->values[0][n++] = tree->self[i];
	}
	profile->header.nsamples = n;
	return true;
}

/* A tree that nothing went into has no sample type. */
static bool
write_header(PprofWriter *w)
{
	const FlameTree *tree = w->tree;
	ProfileHeader *header = &w->profile->header;

	header->sample_types = new_array(w, 1, sizeof(SampleType));
	if (header->sample_types == NULL)
		return false;
	header->sample_types[0] = sample_type(tree->type, tree->unit);
	header->nsample_types = tree->is_typed;
	header->duration_nanos = tree->duration_nanos;
	header->period_type = sample_type(string_ref("", 0), string_ref("", 0));
	header->default_sample_type = header->drop_frames = header->keep_frames =
		header->doc_url = string_ref("", 0);
	return profile_sum_values(w->profile, w->allocator, w->error);
}

/*
 * A profile with one sample type that has the tree's stacks: one location for
 * each function name, without files, lines and addresses.
 *
 * Its arrays come from the allocator, its strings point into the tree.
 * Returns false with PYRO_NO_MEMORY.
 */
bool
flame_to_profile(const FlameTree *tree, const Allocator *allocator,
				 Profile *profile, PyroError *error)
{
	PprofWriter w = {.tree = tree,.allocator = allocator,.error = error,
		.profile = profile
	};

	memset(profile, 0, sizeof(*profile));
	profile->stacks = new_array(&w, 1, sizeof(StackDictionary));
	return profile->stacks != NULL && write_names(&w) && write_nodes(&w) &&
		write_samples(&w) && write_header(&w);
}
