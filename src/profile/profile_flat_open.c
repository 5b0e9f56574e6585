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

#include "profile/label_codec.h"
#include "profile/profile_flat.h"
#include "profile/profile_flat_sections.h"
#include "stack/dictionary_codec.h"

typedef struct FlatReader
{
	DictionaryReader dictionary;
	ProfileFlatCounts counts;
	Profile    *profile;
	bool		names_only;		/* and of values only one type's: */
	uint32		only_type;
} FlatReader;

/* Read the values of one sample type, or pass over them (NULL). */
static bool
read_values(FlatReader *r, int64 *values, uint32 n)
{
	ColumnReader *columns = &r->dictionary.columns;
	PackedReader *in = &columns->in;
	int64		divisor;

	if (in->end - in->position < sizeof(divisor))
		return columns_corrupt(columns, "values");
	memcpy(&divisor, in->position, sizeof(divisor));
	in->position += sizeof(divisor);
	if (values == NULL)
		return skip_numbers(in, n) || columns_corrupt(columns, "values");
	if (divisor < 1 || !unpack_numbers64(in, (uint64 *) values, n))
		return columns_corrupt(columns, "values");
	/* a damaged quotient may wrap around, which harms nobody */
	for (uint32 i = 0; i < n; i++)
		values[i] = (int64) ((uint64) zigzag_decode((uint64) values[i]) *
							 (uint64) divisor);
	return true;
}

static bool
read_samples(FlatReader *r)
{
	ColumnReader *columns = &r->dictionary.columns;
	Profile    *profile = r->profile;
	uint32		n = profile->header.nsamples;
	uint32		ntypes = profile->header.nsample_types;
	uint64		node = 0;

	profile->sample_node = columns_array(columns, n, sizeof(uint32));
	profile->values = columns_array(columns, ntypes, sizeof(int64 *));
	if (profile->sample_node == NULL || profile->values == NULL ||
		!read_column32(columns, n, "sample stacks"))
		return false;
	for (uint32 i = 0; i < n; i++)
	{
		node += columns->scratch.numbers32[i];
		profile->sample_node[i] = node;
	}
	if (node >= r->counts.nnodes)
		return columns_corrupt(columns, "sample stacks");
	for (uint32 t = 0; t < ntypes; t++)
	{
		profile->values[t] = NULL;
		if (!r->names_only || t == r->only_type)
		{
			profile->values[t] = columns_array(columns, n, sizeof(int64));
			if (profile->values[t] == NULL)
				return false;
		}
		if (!read_values(r, profile->values[t], n))
			return false;
	}
	return true;
}

static bool
read_label_sets(FlatReader *r)
{
	r->profile->nlabel_sets = r->counts.nlabel_sets;
	return label_sets_read(&r->dictionary.columns, r->counts.nstrings,
						   r->counts.nlabel_sets, r->counts.nlabels,
						   &r->profile->label_set_end, &r->profile->labels);
}

static bool
read_sample_labels(FlatReader *r)
{
	ColumnReader *columns = &r->dictionary.columns;
	Profile    *profile = r->profile;
	uint32		n = profile->header.nsamples;

	profile->sample_label_set = columns_array(columns, n, sizeof(uint32));
	if (profile->sample_label_set == NULL)
		return false;
	READ_INDEXES(columns, n, r->counts.nlabel_sets,
				 profile->sample_label_set[i], "sample labels");
	return true;
}

static bool
read_comments(FlatReader *r)
{
	ColumnReader *columns = &r->dictionary.columns;
	Profile    *profile = r->profile;
	uint32		n = r->counts.ncomments;
	uint32		nstrings = r->counts.nstrings;

	profile->comments = columns_array(columns, n, sizeof(uint32));
	if (profile->comments == NULL)
		return false;
	/* not through the scratch, which may be shorter */
	if (!unpack_numbers32(&columns->in, profile->comments, n))
		return columns_corrupt(columns, "comments");
	for (uint32 i = 0; i < n; i++)
		if (profile->comments[i] >= nstrings)
			return columns_corrupt(columns, "comments");
	profile->ncomments = n;
	return true;
}

/* Counts, and memory for what they count. */
static bool
read_counts(FlatReader *r)
{
	ColumnReader *columns = &r->dictionary.columns;
	ProfileFlatCounts *counts = &r->counts;
	size_t		longest;

	if (columns->in.end - columns->in.position < sizeof(*counts))
		return columns_corrupt(columns, "it is cut off");
	memcpy(counts, columns->in.position, sizeof(*counts));
	columns->in.position += sizeof(*counts);
	r->dictionary.counts = (DictionaryCounts)
	{
		.nstrings = counts->nstrings,
			.string_bytes = counts->string_bytes,
			.nmappings = counts->nmappings,
			.nfunctions = counts->nfunctions,
			.nlocations = counts->nlocations,
			.nlines = counts->nlines,
			.nnodes = counts->nnodes
	};
	longest = Max(dictionary_longest_column(&r->dictionary.counts),
				  Max(counts->nlabels, counts->nlabel_sets));
	if (!columns_reserve(columns, Max(longest, r->profile->header.nsamples)))
		return false;
	r->profile->stacks = columns_array(columns, 1, sizeof(StackDictionary));
	if (r->profile->stacks == NULL)
		return false;
	memset(r->profile->stacks, 0, sizeof(StackDictionary));
	r->dictionary.stacks = r->profile->stacks;
	if (counts->main_mapping > counts->nmappings)
		return columns_corrupt(columns, "main mapping");
	r->profile->main_mapping = counts->main_mapping;
	return true;
}

static bool
read_names(FlatReader *r)
{
	return read_counts(r) && dictionary_read_names(&r->dictionary) &&
		dictionary_read_trie(&r->dictionary) && read_samples(r);
}

static bool
read_details(FlatReader *r)
{
	return dictionary_read_details(&r->dictionary) && read_label_sets(r) &&
		read_sample_labels(r) && read_comments(r);
}

/* Read a section to its end. */
static bool
read_section(FlatReader *r, StringRef section, bool (*read) (FlatReader *r))
{
	ColumnReader *columns = &r->dictionary.columns;

	columns_start(columns, section.data, section.length);
	return read(r) && columns_finish(columns);
}

static void
init_reader(FlatReader *r, Profile *profile, size_t max_memory,
			const Allocator *allocator, PyroError *error)
{
	memset(r, 0, sizeof(*r));
	r->profile = profile;
	r->dictionary.columns.subject = PROFILE_FLAT_SUBJECT;
	r->dictionary.columns.allocator = allocator;
	r->dictionary.columns.memory_left = max_memory;
	r->dictionary.columns.error = error;
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
	FlatReader	r;
	StringRef	names;
	StringRef	details;

	memset(profile, 0, sizeof(*profile));
	init_reader(&r, profile, max_memory, allocator, error);
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
	FlatReader	r;
	StringRef	names;

	memset(profile, 0, sizeof(*profile));
	init_reader(&r, profile, max_memory, allocator, error);
	r.names_only = true;
	r.only_type = type;
	profile->header = *header;
	return profile_flat_load(bytes, size, allocator, &names, NULL, error) &&
		read_section(&r, names, read_names);
}
