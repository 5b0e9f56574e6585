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

#include "profile/compression.h"
#include "profile/profile_flat.h"
#include "stack/hash.h"
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
	bool		names_only;		/* pass over what call trees do not need */
	uint32		only_type;		/* the sample type to read, if names_only */
	size_t		memory_left;
	PyroError  *error;
} FlatReader;

static pg_noinline bool
corrupt(PyroError *error, const char *what)
{
	return pyro_fail(error, PYRO_CORRUPT, "stored profile is damaged: %s",
					 what);
}

/* Memory for n elements, counted against the cap; NULL with the error set. */
static void *
reader_array(FlatReader *r, size_t n, size_t element_size)
{
	void	   *array;

	if (n > r->memory_left / element_size)
	{
		corrupt(r->error, "it claims more elements than it can have");
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
		corrupt(r->error, what);
}

static inline bool
column64(FlatReader *r, size_t n, const char *what)
{
	return unpack_numbers64(&r->in, r->numbers64, n) ||
		corrupt(r->error, what);
}

/* Pass over some columns of n numbers. */
static inline bool
skip_columns(FlatReader *r, uint32 ncolumns, size_t n, const char *what)
{
	while (ncolumns-- > 0)
		if (!skip_numbers(&r->in, n))
			return corrupt(r->error, what);
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
			return corrupt((r)->error, what); \
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
			return corrupt(r->error, "string lengths");
		if (shared > 0)
			memcpy(bytes + used, before.data, shared);
		memcpy(bytes + used + shared, r->in.position, rest);
		r->in.position += rest;
		before = string_ref(bytes + used, shared + rest);
		stacks->strings[i] = before;
		used += before.length;
	}
	if (used != string_bytes || n == 0 || stacks->strings[0].length != 0)
		return corrupt(r->error, "string table");
	return true;
}

static bool
read_mappings(FlatReader *r)
{
	uint32		n = r->counts.nmappings;
	uint32		nstrings = r->counts.nstrings;
	StackMapping *mappings = reader_array(r, n, sizeof(StackMapping));

	if (mappings == NULL)
		return false;
	r->stacks->nmappings = n;
	r->stacks->mappings = mappings;
	READ_NUMBERS64(r, n, mappings[i].memory_start, AS_IT_IS, "mapping start");
	READ_NUMBERS64(r, n, mappings[i].memory_limit, AS_IT_IS, "mapping limit");
	READ_NUMBERS64(r, n, mappings[i].file_offset, AS_IT_IS, "mapping offset");
	READ_INDEXES(r, n, nstrings, mappings[i].filename, "mapping file");
	READ_INDEXES(r, n, nstrings, mappings[i].build_id, "mapping build id");
	READ_INDEXES(r, n, 16, mappings[i].flags, "mapping flags");
	if (r->counts.main_mapping > n)
		return corrupt(r->error, "main mapping");
	r->profile->main_mapping = r->counts.main_mapping;
	return true;
}

static bool
read_functions(FlatReader *r)
{
	uint32		n = r->counts.nfunctions;
	uint32		nstrings = r->counts.nstrings;
	StackFunction *functions = reader_array(r, n, sizeof(StackFunction));
	uint64		name = 0;

	if (functions == NULL || !column32(r, n, "function names"))
		return false;
	r->stacks->nfunctions = n;
	r->stacks->functions = functions;
	for (uint32 i = 0; i < n; i++)
	{
		name += r->numbers32[i];
		if (name >= nstrings)
			return corrupt(r->error, "function names");
		functions[i] = (StackFunction)
		{
			.name = name
		};
	}
	if (r->names_only)
		return skip_columns(r, 3, n, "functions");
	if (!column32(r, n, "system names"))
		return false;
	for (uint32 i = 0; i < n; i++)
	{
		functions[i].system_name = apply_difference(r->numbers32[i],
													functions[i].name);
		if (functions[i].system_name >= nstrings)
			return corrupt(r->error, "system names");
	}
	READ_INDEXES(r, n, nstrings, functions[i].filename, "function files");
	READ_NUMBERS64(r, n, functions[i].start_line, zigzag_decode, "start lines");
	return true;
}

static bool
read_lines(FlatReader *r)
{
	uint32		n = r->counts.nlines;
	StackLine  *lines = reader_array(r, n, sizeof(StackLine));
	uint32		function = 0;

	if (lines == NULL || !column32(r, n, "line functions"))
		return false;
	r->stacks->nlines = n;
	r->stacks->lines = lines;
	for (uint32 i = 0; i < n; i++)
	{
		function = apply_difference(r->numbers32[i], function);
		if (function > r->counts.nfunctions)
			return corrupt(r->error, "line functions");
		lines[i] = (StackLine)
		{
			.function = function
		};
	}
	if (r->names_only)
		return skip_columns(r, 2, n, "lines");
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
read_locations(FlatReader *r)
{
	uint32		n = r->counts.nlocations;
	StackLocation *locations = reader_array(r, n, sizeof(StackLocation));
	uint64		nlines = 0;
	uint64		address = 0;

	if (locations == NULL || !column32(r, n, "line counts"))
		return false;
	r->stacks->nlocations = n;
	r->stacks->locations = locations;
	for (uint32 i = 0; i < n; i++)
	{
		locations[i] = (StackLocation)
		{
			.line_start = nlines,.nlines = r->numbers32[i]
		};
		nlines += r->numbers32[i];
		if (nlines > r->counts.nlines)
			return corrupt(r->error, "line counts");
	}
	if (nlines != r->counts.nlines)
		return corrupt(r->error, "line counts");
	READ_INDEXES(r, n, r->counts.nmappings + 1, locations[i].mapping,
				 "location mappings");
	if (r->names_only)
		return skip_columns(r, 2, n, "locations") && read_lines(r);
	READ_INDEXES(r, n, 2, locations[i].is_folded, "location flags");
	if (!column64(r, n, "addresses"))
		return false;
	for (uint32 i = 0; i < n; i++)
	{
		address += (uint64) zigzag_decode(r->numbers64[i]);
		locations[i].address = address;
	}
	return read_lines(r);
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
		return corrupt(r->error, "stack trie");
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
			return corrupt(r->error, "stack trie");
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
			return corrupt(r->error, "label sets");
		profile->label_set_end[i] = end;
	}
	if (n == 0 || end != nlabels)
		return corrupt(r->error, "label sets");
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
		return corrupt(r->error, "values");
	if (values == NULL)
	{
		r->in.position += sizeof(divisor);
		return skip_columns(r, 1, n, "values");
	}
	memcpy(&divisor, r->in.position, sizeof(divisor));
	r->in.position += sizeof(divisor);
	if (divisor < 1)
		return corrupt(r->error, "values");
	if (!unpack_numbers64(&r->in, (uint64 *) values, n))
		return corrupt(r->error, "values");
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
	profile->sample_label_set = reader_array(r, n, sizeof(uint32));
	profile->values = reader_array(r, ntypes, sizeof(int64 *));
	if (profile->sample_node == NULL || profile->sample_label_set == NULL ||
		profile->values == NULL || !column32(r, n, "sample stacks"))
		return false;
	for (uint32 i = 0; i < n; i++)
	{
		node += r->numbers32[i];
		profile->sample_node[i] = node;
	}
	if (node >= r->counts.nnodes)
		return corrupt(r->error, "sample stacks");
	READ_INDEXES(r, n, r->counts.nlabel_sets, profile->sample_label_set[i],
				 "sample labels");
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
read_comments(FlatReader *r)
{
	Profile    *profile = r->profile;
	uint32		n = r->counts.ncomments;
	uint32		nstrings = r->counts.nstrings;

	profile->comments = reader_array(r, n, sizeof(uint32));
	if (profile->comments == NULL)
		return false;
	if (!unpack_numbers32(&r->in, profile->comments, n))
		return corrupt(r->error, "comments");
	for (uint32 i = 0; i < n; i++)
		if (profile->comments[i] >= nstrings)
			return corrupt(r->error, "comments");
	profile->ncomments = n;
	return true;
}

static bool
read_payload(FlatReader *r)
{
	ProfileFlatCounts *counts = &r->counts;
	uint32		longest;

	if (r->in.end - r->in.position < sizeof(*counts))
		return corrupt(r->error, "it is cut off");
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
	if (!read_strings(r) || !read_mappings(r) || !read_functions(r) ||
		!read_locations(r) || !read_trie(r) || !read_label_sets(r) ||
		!read_samples(r) || !read_comments(r))
		return false;
	if (r->in.position != r->in.end)
		return corrupt(r->error, "it is longer than its content");
	return true;
}

/*
 * How many bytes the head of a stored profile takes, from its first ones.
 *
 * bytes: at least sizeof(ProfileFlatHead) of them, without varlena header.
 * Returns false with PYRO_CORRUPT.
 */
bool
profile_flat_head_size(const uint8 *bytes, size_t size, size_t *head_size,
					   PyroError *error)
{
	ProfileFlatHead head;

	if (size < sizeof(head))
		return corrupt(error, "it is cut off");
	memcpy(&head, bytes, sizeof(head));
	if (head.version != PROFILE_FLAT_VERSION)
		return pyro_fail(error, PYRO_CORRUPT,
						 "stored profile has format version %u, this program knows %u",
						 head.version, PROFILE_FLAT_VERSION);
	if (head.nsample_types > PROFILE_MAX_SAMPLE_TYPES)
		return corrupt(error, "sample types");
	*head_size = head.head_size;
	return true;
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
		return corrupt(error, "head");
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
		return corrupt(error, "head");
	for (uint32 t = 0; t < n; t++)
	{
		ProfileFlatType type;

		memcpy(&type, types + t * sizeof(type), sizeof(type));
		header->totals[t] = type.total;
		header->total_overflows[t] = (head.total_overflows >> t) & 1;
		if (!next_head_string(&in, type.type_length, &header->sample_types[t].type) ||
			!next_head_string(&in, type.unit_length, &header->sample_types[t].unit))
			return corrupt(error, "head");
	}
	if (in.position != in.end)
		return corrupt(error, "head");
	header->period = head.period;
	header->time_nanos = head.time_nanos;
	header->duration_nanos = head.duration_nanos;
	header->nsamples = head.nsamples;
	return true;
}

/*
 * The content of a stored profile: hash, head and uncompressed payload.
 *
 * Two profiles are equal when their hashes, heads and payloads are; *head is
 * the head with everything that is not content set to zero.  Memory comes
 * from the allocator.  The hash is checked: PYRO_CORRUPT where it does not
 * fit.
 */
bool
profile_flat_content(const uint8 *bytes, size_t size,
					 const Allocator *allocator, uint64 *hash,
					 StringRef *head, StringRef *payload, PyroError *error)
{
	ProfileFlatHead fixed;
	size_t		head_size = 0;
	uint8	   *plain_head;
	ByteRange	stored;
	uint64		computed;

	if (!profile_flat_head_size(bytes, size, &head_size, error))
		return false;
	memcpy(&fixed, bytes, sizeof(fixed));
	if (head_size > size || head_size < sizeof(fixed))
		return corrupt(error, "head");
	stored.bytes = bytes + head_size;
	stored.size = size - head_size;
	if (fixed.compression == PROFILE_FLAT_ZSTD)
	{
		uint8	   *plain;

		if (fixed.payload_size > PROFILE_FLAT_MAX_SIZE)
			return corrupt(error, "size");
		plain = allocate_array(allocator, fixed.payload_size, 1);
		if (plain == NULL)
			return pyro_fail_memory(error);
		if (!decompress_zstd(stored, plain, fixed.payload_size, error))
			return false;
		stored.bytes = plain;
		stored.size = fixed.payload_size;
	}
	else if (fixed.compression != PROFILE_FLAT_PLAIN ||
			 stored.size != fixed.payload_size)
		return corrupt(error, "size");
	plain_head = allocate_array(allocator, head_size, 1);
	if (plain_head == NULL)
		return pyro_fail_memory(error);
	*hash = fixed.content_hash;
	fixed.content_hash = 0;
	fixed.compression = 0;
	memcpy(plain_head, bytes, head_size);
	memcpy(plain_head, &fixed, sizeof(fixed));
	computed = hash_bytes64(plain_head, head_size, 0);
	computed = hash_bytes64(stored.bytes, stored.size, computed);
	if (computed != *hash)
		return corrupt(error, "its checksum does not fit");
	*head = string_ref((char *) plain_head, head_size);
	*payload = string_ref((const char *) stored.bytes, stored.size);
	return true;
}

static bool
open_profile(FlatReader *reader, const uint8 *bytes, size_t size)
{
	StringRef	head;
	StringRef	payload;
	uint64		hash;

	memset(reader->profile, 0, sizeof(*reader->profile));
	if (!profile_flat_open_header(bytes, size, reader->allocator,
								  &reader->profile->header, reader->error) ||
		!profile_flat_content(bytes, size, reader->allocator, &hash, &head,
							  &payload, reader->error))
		return false;
	reader->in.position = (const uint8 *) payload.data;
	reader->in.end = reader->in.position + payload.length;
	return read_payload(reader);
}

/*
 * Open a stored profile.
 *
 * bytes: all of it, without varlena header; the profile's header strings
 * point into them, everything else into memory from the allocator, at most
 * max_memory bytes of it besides the payload.  Returns false with
 * PYRO_CORRUPT or PYRO_NO_MEMORY.
 */
bool
profile_flat_open(const uint8 *bytes, size_t size, size_t max_memory,
				  const Allocator *allocator, Profile *profile,
				  PyroError *error)
{
	FlatReader	reader = {.allocator = allocator,.profile = profile,
		.memory_left = max_memory,.error = error
	};

	return open_profile(&reader, bytes, size);
}

/*
 * Open of a stored profile what names its frames, and the values of the
 * sample type with index `type`.
 *
 * As profile_flat_open(), but start lines, lines, columns, addresses, system
 * names and files of functions are 0, and the values of other types NULL.
 */
bool
profile_flat_open_names(const uint8 *bytes, size_t size, uint32 type,
						size_t max_memory, const Allocator *allocator,
						Profile *profile, PyroError *error)
{
	FlatReader	reader = {.allocator = allocator,.profile = profile,
		.names_only = true,.only_type = type,
		.memory_left = max_memory,.error = error
	};

	return open_profile(&reader, bytes, size);
}
