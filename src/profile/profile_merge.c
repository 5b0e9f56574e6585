/*
 * profile_merge.c
 *	  The sum of two profiles.
 *
 * Profiles are sorted (stack_dictionary.h), so adding two is merging sorted
 * lists, level by level: strings, then mappings and functions, whose order
 * the merged string numbers keep, then locations, the stack tries, label sets
 * and samples.  Nothing is hashed or sorted again.
 *
 * The sum does not depend on the order of its operands, nor on how three are
 * bracketed: parallel and serial aggregates agree byte for byte.  Where two
 * headers differ in something that has only one place, the smaller value
 * stays.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "common/int.h"

#include "profile/profile_merge.h"
#include "stack/preorder.h"
#include "stack/sequence_entry.h"

/* One operand, and where its parts are in the sum. */
typedef struct MergeSide
{
	const Profile *profile;
	const StackDictionary *stacks;
	uint32	   *string;
	uint32	   *mapping;
	uint32	   *function;
	uint32	   *location;
	uint32	   *node;
	uint32	   *label_set;
	uint32		type[PROFILE_MAX_SAMPLE_TYPES];
	bool		is_negative;	/* its values are subtracted */
} MergeSide;

typedef struct Merger
{
	MergeSide	a;
	MergeSide	b;
	const Allocator *allocator;
	Profile    *sum;
	StackDictionary *stacks;	/* of the sum */
	PyroError  *error;
} Merger;

static void *
new_array(Merger *m, size_t n, size_t element_size)
{
	return allocate_or_fail(m->allocator, n, element_size, m->error);
}

/*
 * Merge two sorted lists of n_a and n_b different elements.
 *
 * compare tells the order of element i of a and j of b.  map_x[i] becomes the
 * place in the result.  Returns its length.
 */
static uint32
merge_sorted(Merger *m, uint32 n_a, uint32 n_b,
			 int (*compare) (const Merger *m, uint32 i, uint32 j),
			 uint32 *map_a, uint32 *map_b)
{
	uint32		i = 0;
	uint32		j = 0;
	uint32		n = 0;

	while (i < n_a || j < n_b)
	{
		int			order = i == n_a ? 1 : j == n_b ? -1 : compare(m, i, j);

		if (order <= 0)
			map_a[i++] = n;
		if (order >= 0)
			map_b[j++] = n;
		n++;
	}
	return n;
}

/* A reference as index + 1, or 0 for none, in the sum. */
static inline uint32
map_reference(const uint32 *map, uint32 reference)
{
	return reference == 0 ? 0 : map[reference - 1] + 1;
}

#define COMPARE(a, b) \
	do { if ((a) != (b)) return (a) < (b) ? -1 : 1; } while (0)

/* ---- strings ---- */

static int
compare_strings(const Merger *m, uint32 i, uint32 j)
{
	return string_ref_compare(m->a.stacks->strings[i],
							  m->b.stacks->strings[j]);
}

static bool
merge_strings(Merger *m)
{
	uint32		n_a = m->a.stacks->nstrings;
	uint32		n_b = m->b.stacks->nstrings;

	m->a.string = new_array(m, n_a, sizeof(uint32));
	m->b.string = new_array(m, n_b, sizeof(uint32));
	m->stacks->strings = new_array(m, (size_t) n_a + n_b, sizeof(StringRef));
	if (m->a.string == NULL || m->b.string == NULL ||
		m->stacks->strings == NULL)
		return false;
	m->stacks->nstrings = merge_sorted(m, n_a, n_b, compare_strings,
									   m->a.string, m->b.string);
	for (uint32 i = 0; i < n_a; i++)
		m->stacks->strings[m->a.string[i]] = m->a.stacks->strings[i];
	for (uint32 j = 0; j < n_b; j++)
		m->stacks->strings[m->b.string[j]] = m->b.stacks->strings[j];
	return true;
}

/* ---- mappings ---- */

static StackMapping
map_mapping(const MergeSide *side, uint32 i)
{
	StackMapping mapping = side->stacks->mappings[i];

	mapping.filename = side->string[mapping.filename];
	mapping.build_id = side->string[mapping.build_id];
	return mapping;
}

static int
compare_mappings(const Merger *m, uint32 i, uint32 j)
{
	StackMapping a = map_mapping(&m->a, i);
	StackMapping b = map_mapping(&m->b, j);

	COMPARE(a.memory_start, b.memory_start);
	COMPARE(a.memory_limit, b.memory_limit);
	COMPARE(a.file_offset, b.file_offset);
	COMPARE(a.filename, b.filename);
	COMPARE(a.build_id, b.build_id);
	COMPARE(a.flags, b.flags);
	return 0;
}

static bool
merge_mappings(Merger *m)
{
	uint32		n_a = m->a.stacks->nmappings;
	uint32		n_b = m->b.stacks->nmappings;
	uint32		main_a;
	uint32		main_b;

	m->a.mapping = new_array(m, n_a, sizeof(uint32));
	m->b.mapping = new_array(m, n_b, sizeof(uint32));
	m->stacks->mappings = new_array(m, (size_t) n_a + n_b,
									sizeof(StackMapping));
	if (m->a.mapping == NULL || m->b.mapping == NULL ||
		m->stacks->mappings == NULL)
		return false;
	m->stacks->nmappings = merge_sorted(m, n_a, n_b, compare_mappings,
										m->a.mapping, m->b.mapping);
	for (uint32 i = 0; i < n_a; i++)
		m->stacks->mappings[m->a.mapping[i]] = map_mapping(&m->a, i);
	for (uint32 j = 0; j < n_b; j++)
		m->stacks->mappings[m->b.mapping[j]] = map_mapping(&m->b, j);
	main_a = map_reference(m->a.mapping, m->a.profile->main_mapping);
	main_b = map_reference(m->b.mapping, m->b.profile->main_mapping);
	m->sum->main_mapping = main_a == 0 || main_b == 0 ?
		Max(main_a, main_b) : Min(main_a, main_b);
	return true;
}

/* ---- functions ---- */

static StackFunction
map_function(const MergeSide *side, uint32 i)
{
	StackFunction function = side->stacks->functions[i];

	function.name = side->string[function.name];
	function.system_name = side->string[function.system_name];
	function.filename = side->string[function.filename];
	return function;
}

static int
compare_functions(const Merger *m, uint32 i, uint32 j)
{
	StackFunction a = map_function(&m->a, i);
	StackFunction b = map_function(&m->b, j);

	COMPARE(a.name, b.name);
	COMPARE(a.system_name, b.system_name);
	COMPARE(a.filename, b.filename);
	COMPARE(a.start_line, b.start_line);
	return 0;
}

static bool
merge_functions(Merger *m)
{
	uint32		n_a = m->a.stacks->nfunctions;
	uint32		n_b = m->b.stacks->nfunctions;

	m->a.function = new_array(m, n_a, sizeof(uint32));
	m->b.function = new_array(m, n_b, sizeof(uint32));
	m->stacks->functions = new_array(m, (size_t) n_a + n_b,
									 sizeof(StackFunction));
	if (m->a.function == NULL || m->b.function == NULL ||
		m->stacks->functions == NULL)
		return false;
	m->stacks->nfunctions = merge_sorted(m, n_a, n_b, compare_functions,
										 m->a.function, m->b.function);
	for (uint32 i = 0; i < n_a; i++)
		m->stacks->functions[m->a.function[i]] = map_function(&m->a, i);
	for (uint32 j = 0; j < n_b; j++)
		m->stacks->functions[m->b.function[j]] = map_function(&m->b, j);
	return true;
}

/* ---- locations ---- */

/* The order of location_symbol() in pprof_canonical.c. */
static int
compare_locations(const Merger *m, uint32 i, uint32 j)
{
	const StackLocation *a = &m->a.stacks->locations[i];
	const StackLocation *b = &m->b.stacks->locations[j];
	const StackLine *lines_a = m->a.stacks->lines + a->line_start;
	const StackLine *lines_b = m->b.stacks->lines + b->line_start;
	uint32		mapping_a;
	uint32		mapping_b;

	if (a->nlines == 0 || b->nlines == 0)
		COMPARE(a->nlines > 0, b->nlines > 0);
	for (uint32 k = 0; k < a->nlines && k < b->nlines; k++)
	{
		uint32		function_a = map_reference(m->a.function, lines_a[k].function);
		uint32		function_b = map_reference(m->b.function, lines_b[k].function);

		COMPARE(function_a, function_b);
		COMPARE(k + 1 < a->nlines, k + 1 < b->nlines);
	}
	for (uint32 k = 0; k < a->nlines; k++)
	{
		COMPARE(lines_a[k].line, lines_b[k].line);
		COMPARE(lines_a[k].column, lines_b[k].column);
	}
	COMPARE(a->address, b->address);
	mapping_a = map_reference(m->a.mapping, a->mapping);
	mapping_b = map_reference(m->b.mapping, b->mapping);
	COMPARE(mapping_a, mapping_b);
	COMPARE(a->is_folded, b->is_folded);
	return 0;
}

/* Copy a location of one side, its lines behind those of the sum. */
static void
copy_location(Merger *m, const MergeSide *side, uint32 i, StackLocation *to)
{
	const StackLocation *from = &side->stacks->locations[i];

	*to = *from;
	to->mapping = map_reference(side->mapping, from->mapping);
	to->line_start = m->stacks->nlines;
	for (uint32 k = 0; k < from->nlines; k++)
	{
		StackLine	line = side->stacks->lines[from->line_start + k];

		line.function = map_reference(side->function, line.function);
		m->stacks->lines[m->stacks->nlines++] = line;
	}
}

static bool
merge_locations(Merger *m)
{
	uint32		n_a = m->a.stacks->nlocations;
	uint32		n_b = m->b.stacks->nlocations;
	StackLocation *locations;
	uint32		i = 0;
	uint32		j = 0;

	m->a.location = new_array(m, n_a, sizeof(uint32));
	m->b.location = new_array(m, n_b, sizeof(uint32));
	locations = new_array(m, (size_t) n_a + n_b, sizeof(StackLocation));
	m->stacks->lines = new_array(m, (size_t) m->a.stacks->nlines +
								 m->b.stacks->nlines, sizeof(StackLine));
	if (m->a.location == NULL || m->b.location == NULL ||
		locations == NULL || m->stacks->lines == NULL)
		return false;
	m->stacks->locations = locations;
	m->stacks->nlocations = merge_sorted(m, n_a, n_b, compare_locations,
										 m->a.location, m->b.location);
	/* in the order of the sum, so that the lines are, too */
	for (uint32 n = 0; n < m->stacks->nlocations; n++)
	{
		bool		from_a = i < n_a && m->a.location[i] == n;
		bool		from_b = j < n_b && m->b.location[j] == n;

		copy_location(m, from_a ? &m->a : &m->b, from_a ? i : j,
					  &locations[n]);
		i += from_a;
		j += from_b;
	}
	return true;
}

/* ---- stacks ---- */

static bool
merge_tries(Merger *m)
{
	PreorderTree a = {m->a.stacks->nnodes, m->a.stacks->node_depth, m->a.stacks->node_location};
	PreorderTree b = {m->b.stacks->nnodes, m->b.stacks->node_depth, m->b.stacks->node_location};
	uint32		n_a = m->a.stacks->nnodes;
	uint32		n_b = m->b.stacks->nnodes;
	size_t		most = (size_t) n_a + n_b;
	StackDictionary *stacks = m->stacks;

	m->a.node = new_array(m, n_a, sizeof(uint32));
	m->b.node = new_array(m, n_b, sizeof(uint32));
	stacks->node_parent = new_array(m, most, sizeof(uint32));
	stacks->node_depth = new_array(m, most, sizeof(uint32));
	stacks->node_location = new_array(m, most, sizeof(uint32));
	if (m->a.node == NULL || m->b.node == NULL ||
		stacks->node_parent == NULL || stacks->node_depth == NULL ||
		stacks->node_location == NULL)
		return false;
	stacks->nnodes = preorder_merge(a, m->a.location, b, m->b.location,
									m->a.node, m->b.node,
									stacks->node_depth,
									stacks->node_location);
	stacks->node_parent[0] = 0;
	for (uint32 i = 1; i < n_a; i++)
		stacks->node_parent[m->a.node[i]] =
			m->a.node[m->a.stacks->node_parent[i]];
	for (uint32 j = 1; j < n_b; j++)
		stacks->node_parent[m->b.node[j]] =
			m->b.node[m->b.stacks->node_parent[j]];
	return true;
}

/* ---- label sets ---- */

static ProfileLabel
map_label(const MergeSide *side, uint32 i)
{
	ProfileLabel label = side->profile->labels[i];

	label.key = side->string[label.key];
	label.string = side->string[label.string];
	label.unit = side->string[label.unit];
	return label;
}

/* The order of label_set_symbol() in pprof_canonical.c. */
static int
compare_label_sets(const Merger *m, uint32 i, uint32 j)
{
	uint32		at_a = profile_label_set_start(m->a.profile, i);
	uint32		at_b = profile_label_set_start(m->b.profile, j);
	uint32		end_a = m->a.profile->label_set_end[i];
	uint32		end_b = m->b.profile->label_set_end[j];

	for (; at_a < end_a && at_b < end_b; at_a++, at_b++)
	{
		ProfileLabel a = map_label(&m->a, at_a);
		ProfileLabel b = map_label(&m->b, at_b);

		COMPARE(a.key, b.key);
		COMPARE(a.is_number, b.is_number);
		COMPARE(a.unit, b.unit);
		COMPARE(a.string, b.string);
		COMPARE(a.number, b.number);
	}
	COMPARE(end_a - at_a, end_b - at_b);
	return 0;
}

static bool
merge_label_sets(Merger *m)
{
	Profile    *sum = m->sum;
	uint32		n_a = m->a.profile->nlabel_sets;
	uint32		n_b = m->b.profile->nlabel_sets;
	uint32		nlabels = 0;
	uint32		i = 0;
	uint32		j = 0;

	m->a.label_set = new_array(m, n_a, sizeof(uint32));
	m->b.label_set = new_array(m, n_b, sizeof(uint32));
	sum->label_set_end = new_array(m, (size_t) n_a + n_b, sizeof(uint32));
	sum->labels = new_array(m, (size_t) m->a.profile->label_set_end[n_a - 1] +
							m->b.profile->label_set_end[n_b - 1],
							sizeof(ProfileLabel));
	if (m->a.label_set == NULL || m->b.label_set == NULL ||
		sum->label_set_end == NULL || sum->labels == NULL)
		return false;
	sum->nlabel_sets = merge_sorted(m, n_a, n_b, compare_label_sets,
									m->a.label_set, m->b.label_set);
	for (uint32 n = 0; n < sum->nlabel_sets; n++)
	{
		bool		from_a = i < n_a && m->a.label_set[i] == n;
		bool		from_b = j < n_b && m->b.label_set[j] == n;
		const MergeSide *side = from_a ? &m->a : &m->b;
		uint32		set = from_a ? i : j;

		for (uint32 k = profile_label_set_start(side->profile, set);
			 k < side->profile->label_set_end[set]; k++)
			sum->labels[nlabels++] = map_label(side, k);
		sum->label_set_end[n] = nlabels;
		i += from_a;
		j += from_b;
	}
	return true;
}

/* ---- sample types ---- */

static int
compare_types(const void *x, const void *y)
{
	const SampleType *a = x;
	const SampleType *b = y;
	int			order = string_ref_compare(a->type, b->type);

	return order != 0 ? order : string_ref_compare(a->unit, b->unit);
}

static bool
same_type_lists(const ProfileHeader *a, const ProfileHeader *b)
{
	if (a->nsample_types != b->nsample_types)
		return false;
	for (uint32 t = 0; t < a->nsample_types; t++)
		if (compare_types(&a->sample_types[t], &b->sample_types[t]) != 0)
			return false;
	return true;
}

/*
 * Where each type of one side is in a list that has them all: the first place
 * of that type and unit that is still free.  A type that is not in the list
 * is appended to it.
 */
static bool
place_types(Merger *m, const ProfileHeader *header, uint32 *place)
{
	ProfileHeader *sum = &m->sum->header;
	bool		taken[PROFILE_MAX_SAMPLE_TYPES] = {false};

	for (uint32 t = 0; t < header->nsample_types; t++)
	{
		uint32		at = 0;

		while (at < sum->nsample_types &&
			   (taken[at] || compare_types(&sum->sample_types[at],
										   &header->sample_types[t]) != 0))
			at++;
		if (at == PROFILE_MAX_SAMPLE_TYPES)
			return pyro_fail(m->error, PYRO_LIMIT,
							 "sum would have more than %d sample types",
							 PROFILE_MAX_SAMPLE_TYPES);
		if (at == sum->nsample_types)
			sum->sample_types[sum->nsample_types++] = header->sample_types[t];
		taken[at] = true;
		place[t] = at;
	}
	return true;
}

/* Equal lists stay as they are; others become one in bytewise order. */
static bool
merge_sample_types(Merger *m)
{
	const ProfileHeader *a = &m->a.profile->header;
	const ProfileHeader *b = &m->b.profile->header;
	ProfileHeader *sum = &m->sum->header;

	sum->sample_types = new_array(m, PROFILE_MAX_SAMPLE_TYPES,
								  sizeof(SampleType));
	if (sum->sample_types == NULL)
		return false;
	if (!place_types(m, a, m->a.type) || !place_types(m, b, m->b.type))
		return false;
	if (same_type_lists(a, b))
		return true;
	qsort(sum->sample_types, sum->nsample_types, sizeof(SampleType),
		  compare_types);
	return place_types(m, a, m->a.type) && place_types(m, b, m->b.type);
}

/* Of two texts the smaller one that is not empty. */
static StringRef
merge_texts(StringRef a, StringRef b)
{
	if (a.length == 0 || b.length == 0)
		return a.length == 0 ? b : a;
	return string_ref_compare(a, b) <= 0 ? a : b;
}

/* The default type that a reader of one side would use. */
static StringRef
effective_default(const ProfileHeader *header)
{
	if (header->nsample_types == 0)
		return header->default_sample_type;
	return header->sample_types[profile_default_type(header)].type;
}

static StringRef
merge_default_type(const ProfileHeader *a, const ProfileHeader *b)
{
	StringRef	default_a = effective_default(a);
	StringRef	default_b = effective_default(b);

	/* the last of a common list needs no name */
	if (same_type_lists(a, b) && a->default_sample_type.length == 0 &&
		b->default_sample_type.length == 0)
		return a->default_sample_type;
	if ((a->nsample_types == 0) != (b->nsample_types == 0))
		return a->nsample_types == 0 ? default_b : default_a;
	return merge_texts(default_a, default_b);
}

/* ---- the rest of the header ---- */

static void
merge_period(const ProfileHeader *a, const ProfileHeader *b,
			 ProfileHeader *sum)
{
	int			order = compare_types(&a->period_type, &b->period_type);
	bool		empty_a = a->period_type.type.length == 0 &&
	a->period_type.unit.length == 0;
	bool		empty_b = b->period_type.type.length == 0 &&
	b->period_type.unit.length == 0;
	const ProfileHeader *chosen;

	if (order == 0)
	{
		sum->period_type = a->period_type;
		sum->period = Max(a->period, b->period);
		return;
	}
	if (empty_a || empty_b)
		chosen = empty_a ? b : a;
	else
		chosen = order < 0 ? a : b;
	sum->period_type = chosen->period_type;
	sum->period = chosen->period;
}

/* Equal lists stay as they are; others become one, each comment once. */
static bool
merge_comments(Merger *m)
{
	const Profile *a = m->a.profile;
	const Profile *b = m->b.profile;
	size_t		most = (size_t) a->ncomments + b->ncomments;
	uint32	   *comments = new_array(m, most, sizeof(uint32));
	bool		same = a->ncomments == b->ncomments;
	SequenceEntry *entries;
	uint32		n = 0;

	if (comments == NULL)
		return false;
	for (uint32 i = 0; i < a->ncomments; i++)
		comments[i] = m->a.string[a->comments[i]];
	for (uint32 j = 0; j < b->ncomments; j++)
	{
		comments[a->ncomments + j] = m->b.string[b->comments[j]];
		same = same && comments[j] == comments[a->ncomments + j];
	}
	m->sum->comments = comments;
	m->sum->ncomments = a->ncomments;
	if (same)
		return true;
	entries = new_array(m, most, sizeof(SequenceEntry));
	if (entries == NULL)
		return false;
	for (uint32 i = 0; i < most; i++)
		entries[i].symbol = comments[i];
	sequence_heap_sort(entries, most);
	for (uint32 i = 0; i < most; i++)
		if (i == 0 || entries[i].symbol != entries[i - 1].symbol)
			comments[n++] = entries[i].symbol;
	m->sum->ncomments = n;
	return true;
}

static bool
merge_header(Merger *m)
{
	const ProfileHeader *header_a = &m->a.profile->header;
	const ProfileHeader *header_b = &m->b.profile->header;
	ProfileHeader *sum = &m->sum->header;

	if (!merge_sample_types(m) || !merge_comments(m))
		return false;
	sum->default_sample_type = merge_default_type(header_a, header_b);
	merge_period(header_a, header_b, sum);
	if (header_a->time_nanos == 0 || header_b->time_nanos == 0)
		sum->time_nanos = Max(header_a->time_nanos, header_b->time_nanos);
	else
		sum->time_nanos = Min(header_a->time_nanos, header_b->time_nanos);
	/* a negative one says nothing, and would make sums depend on their order */
	sum->duration_nanos =
		profile_add_durations(Max(header_a->duration_nanos, 0),
							  Max(header_b->duration_nanos, 0));
	sum->drop_frames = merge_texts(header_a->drop_frames,
								   header_b->drop_frames);
	sum->keep_frames = merge_texts(header_a->keep_frames,
								   header_b->keep_frames);
	sum->doc_url = merge_texts(header_a->doc_url, header_b->doc_url);
	return true;
}

/* ---- samples ---- */

/* The place of a sample of one side among those of the sum. */
static inline uint64
sample_key(const MergeSide *side, uint32 i)
{
	if (i == side->profile->header.nsamples)
		return PG_UINT64_MAX;
	return (uint64) side->node[side->profile->sample_node[i]] << 32 |
		side->label_set[side->profile->sample_label_set[i]];
}

static pg_noinline bool
fail_overflow(PyroError *error, SampleType type)
{
	return pyro_fail(error, PYRO_OVERFLOW, "sum of %.*s values is out of range",
					 (int) Min(type.type.length, 60), type.type.data);
}

/* Add one sample of a side to sample n of the sum. */
static bool
add_sample(Merger *m, const MergeSide *side, uint32 i, uint32 n)
{
	for (uint32 t = 0; t < side->profile->header.nsample_types; t++)
	{
		int64	   *sum = &m->sum->values[side->type[t]][n];
		int64		value = side->profile->values[t][i];

		if (side->is_negative ? pg_sub_s64_overflow(*sum, value, sum) :
			pg_add_s64_overflow(*sum, value, sum))
			return fail_overflow(m->error,
								 side->profile->header.sample_types[t]);
	}
	return true;
}

static bool
merge_samples(Merger *m)
{
	Profile    *sum = m->sum;
	size_t		most = (size_t) m->a.profile->header.nsamples +
	m->b.profile->header.nsamples;
	uint32		i = 0;
	uint32		j = 0;
	uint32		n = 0;

	sum->sample_node = new_array(m, most, sizeof(uint32));
	sum->sample_label_set = new_array(m, most, sizeof(uint32));
	sum->values = new_array(m, sum->header.nsample_types, sizeof(int64 *));
	if (sum->sample_node == NULL || sum->sample_label_set == NULL ||
		sum->values == NULL)
		return false;
	for (uint32 t = 0; t < sum->header.nsample_types; t++)
	{
		sum->values[t] = new_array(m, most, sizeof(int64));
		if (sum->values[t] == NULL)
			return false;
		memset(sum->values[t], 0, most * sizeof(int64));
	}
	for (;;)
	{
		uint64		key_a = sample_key(&m->a, i);
		uint64		key_b = sample_key(&m->b, j);
		uint64		key = Min(key_a, key_b);

		if (key == PG_UINT64_MAX)
			break;
		if (n == 0 || key != ((uint64) sum->sample_node[n - 1] << 32 |
							  sum->sample_label_set[n - 1]))
		{
			sum->sample_node[n] = key >> 32;
			sum->sample_label_set[n] = (uint32) key;
			n++;
		}
		if (key_a == key)
		{
			if (!add_sample(m, &m->a, i++, n - 1))
				return false;
		}
		else if (!add_sample(m, &m->b, j++, n - 1))
			return false;
	}
	sum->header.nsamples = n;
	return profile_sum_values(sum, m->allocator, m->error);
}

static bool
merge(Merger *m)
{
	memset(m->sum, 0, sizeof(*m->sum));
	m->a.stacks = m->a.profile->stacks;
	m->b.stacks = m->b.profile->stacks;
	m->stacks = new_array(m, 1, sizeof(StackDictionary));
	if (m->stacks == NULL)
		return false;
	memset(m->stacks, 0, sizeof(StackDictionary));
	m->sum->stacks = m->stacks;
	return merge_strings(m) &&
		merge_mappings(m) &&
		merge_functions(m) &&
		merge_locations(m) &&
		merge_tries(m) &&
		merge_label_sets(m) &&
		merge_header(m) &&
		merge_samples(m);
}

/*
 * Add two profiles: values of samples with the same stack and labels are
 * summed, nothing is dropped.
 *
 * Sample types are matched by type and unit; a type that one side lacks is 0
 * there.  The time of the sum is the earliest, its duration the sum, its
 * period the larger one; comments, mappings and the like are united.  Within
 * either side samples of the same stack and labels become one as well.
 *
 * Memory comes from the allocator; strings of the sum point into those of the
 * operands, which must outlive it.  Returns false with PYRO_OVERFLOW,
 * PYRO_LIMIT (too many sample types) or PYRO_NO_MEMORY.
 */
bool
profile_merge(const Profile *a, const Profile *b, const Allocator *allocator,
			  Profile *sum, PyroError *error)
{
	Merger		m = {
		.a = {.profile = a},.b = {.profile = b},
		.allocator = allocator,.sum = sum,.error = error
	};

	return merge(&m);
}

/*
 * The signed difference a - b: samples matched as profile_merge() matches
 * them, none dropped.  Time, duration, period and the default sample type are
 * a's.  Memory and errors as there.
 */
bool
profile_subtract(const Profile *a, const Profile *b,
				 const Allocator *allocator, Profile *difference,
				 PyroError *error)
{
	Merger		m = {
		.a = {.profile = a},.b = {.profile = b,.is_negative = true},
		.allocator = allocator,.sum = difference,.error = error
	};
	ProfileHeader *header = &difference->header;

	if (!merge(&m))
		return false;
	header->time_nanos = a->header.time_nanos;
	header->duration_nanos = a->header.duration_nanos;
	header->period = a->header.period;
	header->period_type = a->header.period_type;
	if (a->header.nsample_types > 0)
		header->default_sample_type =
			a->header.sample_types[profile_default_type(&a->header)].type;
	return true;
}
