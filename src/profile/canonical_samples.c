/*
 * canonical_samples.c
 *	  Sort and number label sets and samples, and build the stack trie.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "profile/canonical_internal.h"

/* ---- label sets ---- */

/* Three positions a label, then one that says: no more. */
static inline uint64
label_set_symbol(Canonicaliser *c, uint32 item, uint32 position)
{
	PprofSample *sample = &c->in->samples.items[item];
	PprofLabel *label;

	if (position == 3 * sample->nlabels)
		return 0;
	label = &c->in->labels.items[sample->label_start + position / 3];
	switch (position % 3)
	{
		case 0:
			return ((uint64) c->string_rank[label->key] + 1) << 1 |
				label_is_number(label);
		case 1:
			return c->string_rank[label_is_number(label) ? label->unit : label->string];
		default:
			return label_is_number(label) ? signed_symbol(label->number) : 0;
	}
}

#define SEQUENCE_SORT sort_label_sets
#define SEQUENCE_CONTEXT Canonicaliser *
#define SEQUENCE_SYMBOL(context, item, position) \
	label_set_symbol(context, item, position)
#define SEQUENCE_LAST(context, item, position) \
	((position) == 3 * (context)->in->samples.items[item].nlabels)
#include "stack/sequence_sort.h"

/*
 * Order a sample's labels by key, texts before numbers; those of one key keep
 * their order, which is part of what pprof says.
 *
 * scratch: for nlabels labels.
 */
static void
order_labels(Canonicaliser *c, PprofSample *sample, PprofLabel *scratch)
{
	PprofLabel *labels = &c->in->labels.items[sample->label_start];
	uint32		n = sample->nlabels;
	bool		ordered = true;

	for (uint32 i = 0; i < n; i++)
	{
		uint64		key = (uint64) c->string_rank[labels[i].key] << 1 |
		label_is_number(&labels[i]);

		/* the place makes symbols different, and any sort a stable one */
		c->entries[i].symbol = key << 24 | i;
		c->entries[i].item = i;
		ordered &= i == 0 ||
			c->entries[i - 1].symbol >> 24 <= key;
	}
	if (ordered)
		return;
	sequence_heap_sort(c->entries, n);
	memcpy(scratch, labels, n * sizeof(PprofLabel));
	for (uint32 i = 0; i < n; i++)
		labels[i] = scratch[c->entries[i].item];
}

/* A sample cannot have more labels than this. */
#define MAX_LABELS		1000

bool
canonicalise_label_sets(Canonicaliser *c)
{
	PprofMessage *in = c->in;
	Profile    *out = c->out;
	PprofLabel *scratch = canonical_array(c, MAX_LABELS, sizeof(PprofLabel));
	size_t		nitems = 0;
	uint32		nlabels = 0;

	if (scratch == NULL || !canonical_reserve(c, MAX_LABELS))
		return false;
	c->sample_label_set = canonical_array(c, in->samples.n, sizeof(uint32));
	if (c->sample_label_set == NULL || !canonical_reserve(c, in->samples.n))
		return false;
	for (size_t i = 0; i < in->samples.n; i++)
	{
		c->sample_label_set[i] = 0;
		if (in->samples.items[i].nlabels == 0)
			continue;
		if (in->samples.items[i].nlabels > MAX_LABELS)
			return pyro_fail(c->error, PYRO_LIMIT,
							 "sample %zu has %u labels, more than %d",
							 i + 1, in->samples.items[i].nlabels, MAX_LABELS);
		order_labels(c, &in->samples.items[i], scratch);
		c->items[nitems++] = i;
	}
	sort_label_sets(c, c->entries, c->items, c->same, nitems);
	out->label_set_end = canonical_array(c, nitems + 1, sizeof(uint32));
	out->labels = canonical_array(c, in->labels.n, sizeof(ProfileLabel));
	if (out->label_set_end == NULL || out->labels == NULL)
		return false;
	out->label_set_end[0] = 0;
	out->nlabel_sets = 1;
	for (size_t i = 0; i < nitems; i++)
	{
		PprofSample *sample = &in->samples.items[c->items[i]];

		for (uint32 k = 0; !c->same[i] && k < sample->nlabels; k++)
		{
			PprofLabel *label = &in->labels.items[sample->label_start + k];
			bool		is_number = label_is_number(label);

			out->labels[nlabels++] = (ProfileLabel)
			{
				.key = c->string_rank[label->key],
					.is_number = is_number,
					.string = is_number ? 0 : c->string_rank[label->string],
					.unit = is_number ? c->string_rank[label->unit] : 0,
					.number = is_number ? label->number : 0
			};
		}
		if (!c->same[i])
			out->label_set_end[out->nlabel_sets++] = nlabels;
		c->sample_label_set[c->items[i]] = out->nlabel_sets - 1;
	}
	return true;
}

/* ---- samples and the stack trie ---- */

/* A sample's location by its place from the root: canonical index. */
static inline uint32
sample_location(Canonicaliser *c, const PprofSample *sample, uint32 depth)
{
	return c->location_rank[c->sample_locations[sample->location_start +
												sample->nlocations - 1 - depth]];
}

/*
 * Locations from the root, then the label set, then the values.  The label
 * set sorts below any location: a stack comes before those that go on.
 */
static inline uint64
sample_symbol(Canonicaliser *c, uint32 item, uint32 position)
{
	PprofSample *sample = &c->in->samples.items[item];

	if (position < sample->nlocations)
		return ((uint64) sample_location(c, sample, position) + 1) << 32;
	position -= sample->nlocations;
	if (position == 0)
		return c->sample_label_set[item];
	return signed_symbol(c->in->values.items[sample->value_start +
											 position - 1]);
}

#define SEQUENCE_SORT sort_samples
#define SEQUENCE_CONTEXT Canonicaliser *
#define SEQUENCE_SYMBOL(context, item, position) \
	sample_symbol(context, item, position)
#define SEQUENCE_LAST(context, item, position) \
	((position) == (context)->in->samples.items[item].nlocations + \
	 (context)->in->samples.items[item].nvalues)
#include "stack/sequence_sort.h"

/*
 * The trie of sorted stacks: each adds nodes below the part that it shares
 * with the one before, which gives pre-order.
 */
static bool
build_trie(Canonicaliser *c, size_t nsamples)
{
	PprofMessage *in = c->in;
	StackDictionary *stacks = c->stacks;
	const PprofSample *previous = NULL;
	uint32		max_depth = 0;
	size_t		max_nodes = 1;
	uint32	   *path;			/* node at each depth of the last stack */

	for (size_t i = 0; i < nsamples; i++)
	{
		max_depth = Max(max_depth, in->samples.items[i].nlocations);
		max_nodes += in->samples.items[i].nlocations;
	}
	path = canonical_array(c, (size_t) max_depth + 1, sizeof(uint32));
	stacks->node_parent = canonical_array(c, max_nodes, sizeof(uint32));
	stacks->node_depth = canonical_array(c, max_nodes, sizeof(uint32));
	stacks->node_location = canonical_array(c, max_nodes, sizeof(uint32));
	if (path == NULL || stacks->node_parent == NULL ||
		stacks->node_depth == NULL || stacks->node_location == NULL)
		return false;
	path[0] = 0;
	stacks->node_parent[0] = stacks->node_depth[0] = 0;
	stacks->node_location[0] = 0;
	stacks->nnodes = 1;
	for (size_t i = 0; i < nsamples; i++)
	{
		const PprofSample *sample = &in->samples.items[c->items[i]];
		uint32		depth = 0;

		while (previous != NULL && depth < sample->nlocations &&
			   depth < previous->nlocations &&
			   sample_location(c, sample, depth) ==
			   sample_location(c, previous, depth))
			depth++;
		for (; depth < sample->nlocations; depth++)
		{
			uint32		node = stacks->nnodes++;

			stacks->node_parent[node] = path[depth];
			stacks->node_depth[node] = depth + 1;
			stacks->node_location[node] = sample_location(c, sample, depth);
			path[depth + 1] = node;
		}
		c->out->sample_node[i] = path[depth];
		previous = sample;
	}
	return true;
}

bool
canonicalise_samples(Canonicaliser *c)
{
	PprofMessage *in = c->in;
	Profile    *out = c->out;
	size_t		n = in->samples.n;

	out->header.nsamples = n;
	out->sample_node = canonical_array(c, n, sizeof(uint32));
	out->sample_label_set = canonical_array(c, n, sizeof(uint32));
	out->values = canonical_array(c, in->sample_types.n, sizeof(int64 *));
	if (out->sample_node == NULL || out->sample_label_set == NULL ||
		out->values == NULL || !canonical_reserve(c, n))
		return false;
	for (size_t i = 0; i < n; i++)
		c->items[i] = i;
	sort_samples(c, c->entries, c->items, c->same, n);
	if (!build_trie(c, n))
		return false;
	for (size_t i = 0; i < n; i++)
		out->sample_label_set[i] = c->sample_label_set[c->items[i]];
	for (size_t t = 0; t < in->sample_types.n; t++)
	{
		out->values[t] = canonical_array(c, n, sizeof(int64));
		if (out->values[t] == NULL)
			return false;
		for (size_t i = 0; i < n; i++)
			out->values[t][i] =
				in->values.items[in->samples.items[c->items[i]].value_start + t];
	}
	return true;
}
