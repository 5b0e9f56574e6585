/*
 * profile_flat_open.c
 *	  Read the stored form of a profile.
 *
 * Nothing in the bytes is believed: every count is bounded before memory is
 * asked for it, and every index is checked once, here, so that readers of a
 * Profile need no checks of their own.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "profile/profile_flat.h"
#include "profile/profile_flat_sections.h"
#include "stack/packed_array.h"

typedef struct FlatReader
{
	PackedReader in;
	ProfileFlatCounts counts;
	const Allocator *allocator;
	Profile    *profile;
	StackDictionary *stacks;
	uint32	   *numbers32;		/* one column at a time */
	uint64	   *numbers64;
	bool		names_only;		/* and of values only one type's: */
	uint32		only_type;
	size_t		memory_left;
	PyroError  *error;
} FlatReader;

/* Memory for n elements, counted against the cap; NULL with the error set. */
static void *
reader_array(FlatReader *r, size_t n, size_t element_size)
{
	void	   *array;

	if (n > r->memory_left / element_size)
	{
		profile_flat_corrupt(r->error, "it claims more elements than it can have");
		return NULL;
	}
	r->memory_left -= n * element_size;
	array = allocate_array(r->allocator, n, element_size);
	if (array == NULL)
		pyro_fail_memory(r->error);
	return array;
}

/* The next column into numbers32 or numbers64, or the error set. */
static inline bool
column32(FlatReader *r, size_t n, const char *what)
{
	return unpack_numbers32(&r->in, r->numbers32, n) ||
		profile_flat_corrupt(r->error, what);
}

static inline bool
column64(FlatReader *r, size_t n, const char *what)
{
	return unpack_numbers64(&r->in, r->numbers64, n) ||
		profile_flat_corrupt(r->error, what);
}

/* Pass over some columns of n numbers. */
static inline bool
skip_columns(FlatReader *r, uint32 ncolumns, size_t n, const char *what)
{
	while (ncolumns-- > 0)
		if (!skip_numbers(&r->in, n))
			return profile_flat_corrupt(r->error, what);
	return true;
}

/* The next column into elements' fields: 32-bit numbers below a bound. */
#define READ_INDEXES(r, n, bound, target, what) \
	do { \
		uint32		largest = 0; \
		if (!column32(r, n, what)) \
			return false; \
		for (uint32 i = 0; i < (n); i++) \
		{ \
			largest = Max(largest, (r)->numbers32[i]); \
			target = (r)->numbers32[i]; \
		} \
		if ((n) > 0 && largest >= (bound)) \
			return profile_flat_corrupt((r)->error, what); \
	} while (0)

#define READ_NUMBERS64(r, n, target, decode, what) \
	do { \
		if (!column64(r, n, what)) \
			return false; \
		for (uint32 i = 0; i < (n); i++) \
			target = decode((r)->numbers64[i]); \
	} while (0)

#define AS_IT_IS(number) (number)

/* The index that index_difference() coded. */
static inline uint32
apply_difference(uint32 coded, uint32 base)
{
	return base + ((coded >> 1) ^ (0 - (coded & 1)));
}

static bool
read_strings(FlatReader *r)
{
	StackDictionary *stacks = r->stacks;
	uint32		n = r->counts.nstrings;
	uint32		string_bytes = r->counts.string_bytes;
	char	   *bytes = reader_array(r, string_bytes, 1);
	uint32		used = 0;
	StringRef	before = {"", 0};

	stacks->nstrings = n;
	stacks->strings = reader_array(r, n, sizeof(StringRef));
	if (bytes == NULL || stacks->strings == NULL ||
		!column32(r, n, "shared string lengths") ||
		!column64(r, n, "string lengths"))
		return false;
	for (uint32 i = 0; i < n; i++)
	{
		uint32		shared = r->numbers32[i];
		uint64		rest = r->numbers64[i];

		if (shared > before.length || rest > string_bytes ||
			shared + rest > string_bytes - used ||
			rest > (uint64) (r->in.end - r->in.position))
			return profile_flat_corrupt(r->error, "string lengths");
		if (shared > 0)
			memcpy(bytes + used, before.data, shared);
		memcpy(bytes + used + shared, r->in.position, rest);
		r->in.position += rest;
		before = string_ref(bytes + used, shared + rest);
		stacks->strings[i] = before;
		used += before.length;
	}
	if (used != string_bytes || n == 0 || stacks->strings[0].length != 0)
		return profile_flat_corrupt(r->error, "string table");
	return true;
}

/* Arrays of the dictionary, all zero. */
static bool
make_frames(FlatReader *r)
{
	StackDictionary *stacks = r->stacks;
	const ProfileFlatCounts *counts = &r->counts;

	stacks->nmappings = counts->nmappings;
	stacks->nfunctions = counts->nfunctions;
	stacks->nlocations = counts->nlocations;
	stacks->nlines = counts->nlines;
	stacks->mappings = reader_array(r, counts->nmappings,
									sizeof(StackMapping));
	stacks->functions = reader_array(r, counts->nfunctions,
									 sizeof(StackFunction));
	stacks->locations = reader_array(r, counts->nlocations,
									 sizeof(StackLocation));
	stacks->lines = reader_array(r, counts->nlines, sizeof(StackLine));
	if (stacks->mappings == NULL || stacks->functions == NULL ||
		stacks->locations == NULL || stacks->lines == NULL)
		return false;
	memset(stacks->mappings, 0, counts->nmappings * sizeof(StackMapping));
	memset(stacks->functions, 0, counts->nfunctions * sizeof(StackFunction));
	memset(stacks->locations, 0, counts->nlocations * sizeof(StackLocation));
	memset(stacks->lines, 0, counts->nlines * sizeof(StackLine));
	if (counts->main_mapping > counts->nmappings)
		return profile_flat_corrupt(r->error, "main mapping");
	r->profile->main_mapping = counts->main_mapping;
	return true;
}

static bool
read_function_names(FlatReader *r)
{
	uint64		name = 0;

	if (!column32(r, r->counts.nfunctions, "function names"))
		return false;
	for (uint32 i = 0; i < r->counts.nfunctions; i++)
	{
		name += r->numbers32[i];
		if (name >= r->counts.nstrings)
			return profile_flat_corrupt(r->error, "function names");
		r->stacks->functions[i].name = name;
	}
	return true;
}

static bool
read_line_counts(FlatReader *r)
{
	StackLocation *locations = r->stacks->locations;
	uint64		nlines = 0;

	if (!column32(r, r->counts.nlocations, "line counts"))
		return false;
	for (uint32 i = 0; i < r->counts.nlocations; i++)
	{
		locations[i].line_start = nlines;
		locations[i].nlines = r->numbers32[i];
		nlines += r->numbers32[i];
		if (nlines > r->counts.nlines)
			return profile_flat_corrupt(r->error, "line counts");
	}
	return nlines == r->counts.nlines ||
		profile_flat_corrupt(r->error, "line counts");
}

/* Columns of the dictionary that name frames. */
static bool
read_frame_names(FlatReader *r)
{
	StackDictionary *stacks = r->stacks;
	uint32		function = 0;

	READ_INDEXES(r, r->counts.nmappings, r->counts.nstrings,
				 stacks->mappings[i].filename, "mapping file");
	if (!read_function_names(r) || !read_line_counts(r))
		return false;
	READ_INDEXES(r, r->counts.nlocations, r->counts.nmappings + 1,
				 stacks->locations[i].mapping, "location mappings");
	if (!column32(r, r->counts.nlines, "line functions"))
		return false;
	for (uint32 i = 0; i < r->counts.nlines; i++)
	{
		function = apply_difference(r->numbers32[i], function);
		if (function > r->counts.nfunctions)
			return profile_flat_corrupt(r->error, "line functions");
		stacks->lines[i].function = function;
	}
	return true;
}

static bool
read_mapping_details(FlatReader *r)
{
	uint32		n = r->counts.nmappings;
	StackMapping *mappings = r->stacks->mappings;

	READ_NUMBERS64(r, n, mappings[i].memory_start, AS_IT_IS, "mapping start");
	READ_NUMBERS64(r, n, mappings[i].memory_limit, AS_IT_IS, "mapping limit");
	READ_NUMBERS64(r, n, mappings[i].file_offset, AS_IT_IS, "mapping offset");
	READ_INDEXES(r, n, r->counts.nstrings, mappings[i].build_id,
				 "mapping build id");
	READ_INDEXES(r, n, 16, mappings[i].flags, "mapping flags");
	return true;
}

static bool
read_function_details(FlatReader *r)
{
	uint32		n = r->counts.nfunctions;
	uint32		nstrings = r->counts.nstrings;
	StackFunction *functions = r->stacks->functions;

	if (!column32(r, n, "system names"))
		return false;
	for (uint32 i = 0; i < n; i++)
	{
		functions[i].system_name = apply_difference(r->numbers32[i],
													functions[i].name);
		if (functions[i].system_name >= nstrings)
			return profile_flat_corrupt(r->error, "system names");
	}
	READ_INDEXES(r, n, nstrings, functions[i].filename, "function files");
	READ_NUMBERS64(r, n, functions[i].start_line, zigzag_decode, "start lines");
	return true;
}

static bool
read_location_details(FlatReader *r)
{
	uint32		n = r->counts.nlocations;
	StackLocation *locations = r->stacks->locations;
	uint64		address = 0;

	READ_INDEXES(r, n, 2, locations[i].is_folded, "location flags");
	if (!column64(r, n, "addresses"))
		return false;
	for (uint32 i = 0; i < n; i++)
	{
		address += (uint64) zigzag_decode(r->numbers64[i]);
		locations[i].address = address;
	}
	return true;
}

static bool
read_line_details(FlatReader *r)
{
	uint32		n = r->counts.nlines;
	StackLine  *lines = r->stacks->lines;

	if (!column64(r, n, "lines"))
		return false;
	for (uint32 i = 0; i < n; i++)
	{
		uint64		start = 0;

		if (lines[i].function != 0)
			start = r->stacks->functions[lines[i].function - 1].start_line;
		lines[i].line = (int64) (start +
								 (uint64) zigzag_decode(r->numbers64[i]));
	}
	READ_NUMBERS64(r, n, lines[i].column, zigzag_decode, "columns");
	return true;
}

static bool
read_trie(FlatReader *r)
{
	StackDictionary *stacks = r->stacks;
	uint32		n = r->counts.nnodes;
	uint32	   *parent;
	uint32	   *depth;
	uint32	   *path;			/* the last node at each depth */

	if (n == 0)
		return profile_flat_corrupt(r->error, "stack trie");
	parent = reader_array(r, n, sizeof(uint32));
	depth = reader_array(r, n, sizeof(uint32));
	path = reader_array(r, n, sizeof(uint32));
	stacks->node_location = reader_array(r, n, sizeof(uint32));
	if (parent == NULL || depth == NULL || path == NULL ||
		stacks->node_location == NULL || !column32(r, n - 1, "stack trie"))
		return false;
	stacks->nnodes = n;
	stacks->node_parent = parent;
	stacks->node_depth = depth;
	parent[0] = depth[0] = path[0] = stacks->node_location[0] = 0;
	for (uint32 i = 1; i < n; i++)
	{
		uint32		up = r->numbers32[i - 1];

		if (up > depth[i - 1])
			return profile_flat_corrupt(r->error, "stack trie");
		depth[i] = depth[i - 1] + 1 - up;
		parent[i] = path[depth[i] - 1];
		path[depth[i]] = i;
	}
	READ_INDEXES(r, n - 1, r->counts.nlocations, stacks->node_location[i + 1],
				 "stack locations");
	return true;
}

static bool
read_label_sets(FlatReader *r)
{
	Profile    *profile = r->profile;
	uint32		n = r->counts.nlabel_sets;
	uint32		nlabels = r->counts.nlabels;
	uint32		nstrings = r->counts.nstrings;
	ProfileLabel *labels = reader_array(r, nlabels, sizeof(ProfileLabel));
	uint64		end = 0;

	profile->label_set_end = reader_array(r, n, sizeof(uint32));
	if (labels == NULL || profile->label_set_end == NULL ||
		!column32(r, n, "label sets"))
		return false;
	profile->nlabel_sets = n;
	profile->labels = labels;
	for (uint32 i = 0; i < n; i++)
	{
		end += r->numbers32[i];
		if (end > nlabels || (i == 0 && end > 0))
			return profile_flat_corrupt(r->error, "label sets");
		profile->label_set_end[i] = end;
	}
	if (n == 0 || end != nlabels)
		return profile_flat_corrupt(r->error, "label sets");
	READ_INDEXES(r, nlabels, nstrings, labels[i].key, "label keys");
	READ_INDEXES(r, nlabels, 2, labels[i].is_number, "label kinds");
	READ_INDEXES(r, nlabels, nstrings, labels[i].string, "label values");
	for (uint32 i = 0; i < nlabels; i++)
	{
		labels[i].unit = labels[i].is_number ? labels[i].string : 0;
		if (labels[i].is_number)
			labels[i].string = 0;
	}
	READ_NUMBERS64(r, nlabels, labels[i].number, zigzag_decode,
				   "label numbers");
	return true;
}

/* Read the values of one sample type, or pass over them (NULL). */
static bool
read_values(FlatReader *r, int64 *values, uint32 n)
{
	int64		divisor;

	if (r->in.end - r->in.position < sizeof(divisor))
		return profile_flat_corrupt(r->error, "values");
	if (values == NULL)
	{
		r->in.position += sizeof(divisor);
		return skip_columns(r, 1, n, "values");
	}
	memcpy(&divisor, r->in.position, sizeof(divisor));
	r->in.position += sizeof(divisor);
	if (divisor < 1)
		return profile_flat_corrupt(r->error, "values");
	if (!unpack_numbers64(&r->in, (uint64 *) values, n))
		return profile_flat_corrupt(r->error, "values");
	/* a damaged quotient may wrap around, which harms nobody */
	for (uint32 i = 0; i < n; i++)
		values[i] = (int64) ((uint64) zigzag_decode((uint64) values[i]) *
							 (uint64) divisor);
	return true;
}

static bool
read_samples(FlatReader *r)
{
	Profile    *profile = r->profile;
	uint32		n = profile->header.nsamples;
	uint32		ntypes = profile->header.nsample_types;
	uint64		node = 0;

	profile->sample_node = reader_array(r, n, sizeof(uint32));
	profile->values = reader_array(r, ntypes, sizeof(int64 *));
	if (profile->sample_node == NULL || profile->values == NULL ||
		!column32(r, n, "sample stacks"))
		return false;
	for (uint32 i = 0; i < n; i++)
	{
		node += r->numbers32[i];
		profile->sample_node[i] = node;
	}
	if (node >= r->counts.nnodes)
		return profile_flat_corrupt(r->error, "sample stacks");
	for (uint32 t = 0; t < ntypes; t++)
	{
		profile->values[t] = NULL;
		if (!r->names_only || t == r->only_type)
		{
			profile->values[t] = reader_array(r, n, sizeof(int64));
			if (profile->values[t] == NULL)
				return false;
		}
		if (!read_values(r, profile->values[t], n))
			return false;
	}
	return true;
}

static bool
read_sample_labels(FlatReader *r)
{
	Profile    *profile = r->profile;
	uint32		n = profile->header.nsamples;

	profile->sample_label_set = reader_array(r, n, sizeof(uint32));
	if (profile->sample_label_set == NULL)
		return false;
	READ_INDEXES(r, n, r->counts.nlabel_sets, profile->sample_label_set[i],
				 "sample labels");
	return true;
}

static bool
read_comments(FlatReader *r)
{
	Profile    *profile = r->profile;
	uint32		n = r->counts.ncomments;
	uint32		nstrings = r->counts.nstrings;

	profile->comments = reader_array(r, n, sizeof(uint32));
	if (profile->comments == NULL)
		return false;
	if (!unpack_numbers32(&r->in, profile->comments, n))
		return profile_flat_corrupt(r->error, "comments");
	for (uint32 i = 0; i < n; i++)
		if (profile->comments[i] >= nstrings)
			return profile_flat_corrupt(r->error, "comments");
	profile->ncomments = n;
	return true;
}

static bool
read_names(FlatReader *r)
{
	ProfileFlatCounts *counts = &r->counts;
	uint32		longest;

	if (r->in.end - r->in.position < sizeof(*counts))
		return profile_flat_corrupt(r->error, "it is cut off");
	memcpy(counts, r->in.position, sizeof(*counts));
	r->in.position += sizeof(*counts);
	longest = Max(Max(counts->nstrings, counts->nnodes),
				  Max(Max(counts->nfunctions, counts->nlines),
					  Max(counts->nlocations, counts->nlabels)));
	longest = Max(Max(longest, counts->nlabel_sets),
				  Max(counts->nmappings, r->profile->header.nsamples));
	r->numbers32 = reader_array(r, longest, sizeof(uint32));
	r->numbers64 = reader_array(r, longest, sizeof(uint64));
	r->stacks = reader_array(r, 1, sizeof(StackDictionary));
	if (r->numbers32 == NULL || r->numbers64 == NULL || r->stacks == NULL)
		return false;
	memset(r->stacks, 0, sizeof(StackDictionary));
	r->profile->stacks = r->stacks;
	return read_strings(r) && make_frames(r) && read_frame_names(r) &&
		read_trie(r) && read_samples(r);
}

static bool
read_details(FlatReader *r)
{
	return read_mapping_details(r) && read_function_details(r) &&
		read_location_details(r) && read_line_details(r) &&
		read_label_sets(r) && read_sample_labels(r) && read_comments(r);
}

/* Read a section to its end. */
static bool
read_section(FlatReader *r, StringRef section, bool (*read) (FlatReader *r))
{
	r->in.position = (const uint8 *) section.data;
	r->in.end = r->in.position + section.length;
	if (!read(r))
		return false;
	return r->in.position == r->in.end ||
		profile_flat_corrupt(r->error, "it is longer than its content");
}

/* Take the next string of the head. */
static bool
next_head_string(PackedReader *in, uint32 length, StringRef *string)
{
	if (length > in->end - in->position)
		return false;
	*string = string_ref((const char *) in->position, length);
	in->position += length;
	return true;
}

/*
 * Read the head of a stored profile: everything but stacks and samples.
 *
 * bytes: the head at least (profile_flat_head_size()), without varlena
 * header; strings of the result point into them.  The small arrays come from
 * the allocator.  Returns false with PYRO_CORRUPT or PYRO_NO_MEMORY.
 */
bool
profile_flat_open_header(const uint8 *bytes, size_t size,
						 const Allocator *allocator, ProfileHeader *header,
						 PyroError *error)
{
	ProfileFlatHead head;
	PackedReader in;
	size_t		head_size = 0;
	uint32		n;
	const uint8 *types;

	memset(header, 0, sizeof(*header));
	if (!profile_flat_head_size(bytes, size, &head_size, error))
		return false;
	memcpy(&head, bytes, sizeof(head));
	n = head.nsample_types;
	if (head_size > size ||
		head_size < sizeof(head) + n * sizeof(ProfileFlatType))
		return profile_flat_corrupt(error, "head");
	header->nsample_types = n;
	header->sample_types = allocate_array(allocator, n, sizeof(SampleType));
	header->totals = allocate_array(allocator, n, sizeof(int64));
	header->total_overflows = allocate_array(allocator, n, sizeof(bool));
	if (header->sample_types == NULL || header->totals == NULL ||
		header->total_overflows == NULL)
		return pyro_fail_memory(error);
	types = bytes + sizeof(head);
	in.position = types + n * sizeof(ProfileFlatType);
	in.end = bytes + head_size;
	if (!next_head_string(&in, head.default_length, &header->default_sample_type) ||
		!next_head_string(&in, head.drop_frames_length, &header->drop_frames) ||
		!next_head_string(&in, head.keep_frames_length, &header->keep_frames) ||
		!next_head_string(&in, head.doc_url_length, &header->doc_url) ||
		!next_head_string(&in, head.period_type_length, &header->period_type.type) ||
		!next_head_string(&in, head.period_unit_length, &header->period_type.unit))
		return profile_flat_corrupt(error, "head");
	for (uint32 t = 0; t < n; t++)
	{
		ProfileFlatType type;

		memcpy(&type, types + t * sizeof(type), sizeof(type));
		header->totals[t] = type.total;
		header->total_overflows[t] = (head.total_overflows >> t) & 1;
		if (!next_head_string(&in, type.type_length, &header->sample_types[t].type) ||
			!next_head_string(&in, type.unit_length, &header->sample_types[t].unit))
			return profile_flat_corrupt(error, "head");
	}
	if (in.position != in.end)
		return profile_flat_corrupt(error, "head");
	header->period = head.period;
	header->time_nanos = head.time_nanos;
	header->duration_nanos = head.duration_nanos;
	header->nsamples = head.nsamples;
	return true;
}

/*
 * Open a stored profile.
 *
 * bytes: all of it, without varlena header; the profile's header strings
 * point into them, everything else into memory from the allocator, at most
 * max_memory bytes of it besides the sections.  Returns false with
 * PYRO_CORRUPT or PYRO_NO_MEMORY.
 */
bool
profile_flat_open(const uint8 *bytes, size_t size, size_t max_memory,
				  const Allocator *allocator, Profile *profile,
				  PyroError *error)
{
	FlatReader	r = {.allocator = allocator,.profile = profile,
		.memory_left = max_memory,.error = error
	};
	StringRef	names;
	StringRef	details;

	memset(profile, 0, sizeof(*profile));
	return profile_flat_open_header(bytes, size, allocator, &profile->header,
									error) &&
		profile_flat_load(bytes, size, allocator, &names, &details, error) &&
		read_section(&r, names, read_names) &&
		read_section(&r, details, read_details);
}

/*
 * Open of a stored profile what names its frames by function, and the values
 * of the sample type with index `type`.
 *
 * header: from profile_flat_open_header() of the same bytes.  As
 * profile_flat_open(), but what the details hold is 0 or NULL, and so are the
 * values of other types.
 */
bool
profile_flat_open_names(const uint8 *bytes, size_t size,
						const ProfileHeader *header, uint32 type,
						size_t max_memory, const Allocator *allocator,
						Profile *profile, PyroError *error)
{
	FlatReader	r = {.allocator = allocator,.profile = profile,
		.names_only = true,.only_type = type,
		.memory_left = max_memory,.error = error
	};
	StringRef	names;

	memset(profile, 0, sizeof(*profile));
	profile->header = *header;
	return profile_flat_load(bytes, size, allocator, &names, NULL, error) &&
		read_section(&r, names, read_names);
}
