/*
 * profile_flat_write.c
 *	  Write the stored form of a profile.
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

/* A section smaller than this stays as it is. */
#define MIN_COMPRESS_SIZE	128

typedef struct FlatWriter
{
	const Profile *profile;
	const StackDictionary *stacks;
	TextBuffer	payload;		/* names, then details */
	uint32		names_size;		/* where the details begin */
	uint32	   *numbers32;		/* one column at a time */
	uint64	   *numbers64;
} FlatWriter;

/* Pack a column of n numbers that an expression gives for index i. */
#define COLUMN32(writer, n, expression) \
	do { \
		for (uint32 i = 0; i < (n); i++) \
			(writer)->numbers32[i] = (expression); \
		pack_numbers32(&(writer)->payload, (writer)->numbers32, n); \
	} while (0)

#define COLUMN64(writer, n, expression) \
	do { \
		for (uint32 i = 0; i < (n); i++) \
			(writer)->numbers64[i] = (expression); \
		pack_numbers64(&(writer)->payload, (writer)->numbers64, n); \
	} while (0)

/* Difference of two indexes, zigzag coded into 32 bits (mod 2^32). */
static inline uint32
index_difference(uint32 value, uint32 base)
{
	int32		difference = (int32) (value - base);

	return ((uint32) difference << 1) ^ (uint32) (difference >> 31);
}

static uint32
shared_length(StringRef a, StringRef b)
{
	uint32		longest = Min(Min(a.length, b.length), 255);
	uint32		n = 0;

	while (n < longest && a.data[n] == b.data[n])
		n++;
	return n;
}

static void
write_strings(FlatWriter *w)
{
	const StringRef *strings = w->stacks->strings;
	uint32		n = w->stacks->nstrings;
	uint32	   *shared = w->numbers32;

	for (uint32 i = 0; i < n; i++)
		shared[i] = i == 0 ? 0 : shared_length(strings[i - 1], strings[i]);
	pack_numbers32(&w->payload, shared, n);
	for (uint32 i = 0; i < n; i++)
		w->numbers64[i] = strings[i].length - shared[i];
	pack_numbers64(&w->payload, w->numbers64, n);
	for (uint32 i = 0; i < n; i++)
		text_append(&w->payload, strings[i].data + shared[i],
					strings[i].length - shared[i]);
}

/* Columns of the dictionary that name frames. */
static void
write_frame_names(FlatWriter *w)
{
	const StackDictionary *stacks = w->stacks;
	const StackFunction *functions = stacks->functions;
	const StackLocation *locations = stacks->locations;
	const StackLine *lines = stacks->lines;

	COLUMN32(w, stacks->nmappings, stacks->mappings[i].filename);
	COLUMN32(w, stacks->nfunctions,
			 functions[i].name - (i > 0 ? functions[i - 1].name : 0));
	COLUMN32(w, stacks->nlocations, locations[i].nlines);
	COLUMN32(w, stacks->nlocations, locations[i].mapping);
	COLUMN32(w, stacks->nlines,
			 index_difference(lines[i].function,
							  i > 0 ? lines[i - 1].function : 0));
}

/* The other columns of the dictionary. */
static void
write_frame_details(FlatWriter *w)
{
	const StackDictionary *stacks = w->stacks;
	const StackMapping *mappings = stacks->mappings;
	const StackFunction *functions = stacks->functions;
	const StackLocation *locations = stacks->locations;
	const StackLine *lines = stacks->lines;
	uint32		n = stacks->nmappings;

	COLUMN64(w, n, mappings[i].memory_start);
	COLUMN64(w, n, mappings[i].memory_limit);
	COLUMN64(w, n, mappings[i].file_offset);
	COLUMN32(w, n, mappings[i].build_id);
	COLUMN32(w, n, mappings[i].flags);
	n = stacks->nfunctions;
	COLUMN32(w, n, index_difference(functions[i].system_name,
									functions[i].name));
	COLUMN32(w, n, functions[i].filename);
	COLUMN64(w, n, zigzag_encode(functions[i].start_line));
	n = stacks->nlocations;
	COLUMN32(w, n, locations[i].is_folded);
	COLUMN64(w, n, zigzag_encode((int64) (locations[i].address -
										  (i > 0 ? locations[i - 1].address : 0))));
	n = stacks->nlines;
	COLUMN64(w, n, zigzag_encode((int64) ((uint64) lines[i].line -
										  (lines[i].function == 0 ? 0 :
										   (uint64) functions[lines[i].function - 1].start_line))));
	COLUMN64(w, n, zigzag_encode(lines[i].column));
}

static void
write_trie(FlatWriter *w)
{
	const uint32 *depth = w->stacks->node_depth;
	const uint32 *location = w->stacks->node_location;
	uint32		n = w->stacks->nnodes - 1;

	COLUMN32(w, n, depth[i] + 1 - depth[i + 1]);
	COLUMN32(w, n, location[i + 1]);
}

static void
write_label_sets(FlatWriter *w)
{
	const Profile *profile = w->profile;
	const ProfileLabel *labels = profile->labels;
	uint32		n = profile->nlabel_sets;
	uint32		nlabels = profile->label_set_end[n - 1];

	COLUMN32(w, n, profile->label_set_end[i] -
			 profile_label_set_start(profile, i));
	COLUMN32(w, nlabels, labels[i].key);
	COLUMN32(w, nlabels, labels[i].is_number);
	COLUMN32(w, nlabels, labels[i].is_number ? labels[i].unit : labels[i].string);
	COLUMN64(w, nlabels, zigzag_encode(labels[i].number));
}

/* The greatest common divisor of all values, or 1. */
static uint64
common_divisor(const int64 *values, uint32 n)
{
	uint64		divisor = 0;

	for (uint32 i = 0; i < n && divisor != 1; i++)
	{
		uint64		rest = values[i] < 0 ? 0 - (uint64) values[i] : (uint64) values[i];

		if (divisor != 0 && rest % divisor == 0)
			continue;
		while (rest != 0)
		{
			uint64		next = divisor % rest;

			divisor = rest;
			rest = next;
		}
	}
	/* what an int64 can hold, so that quotients are exact */
	return divisor == 0 || divisor > PG_INT64_MAX ? 1 : divisor;
}

static void
write_samples(FlatWriter *w)
{
	const Profile *profile = w->profile;
	uint32		n = profile->header.nsamples;

	COLUMN32(w, n, profile->sample_node[i] -
			 (i > 0 ? profile->sample_node[i - 1] : 0));
	for (uint32 t = 0; t < profile->header.nsample_types; t++)
	{
		const int64 *values = profile->values[t];
		int64		divisor = (int64) common_divisor(values, n);

		text_append(&w->payload, (char *) &divisor, sizeof(divisor));
		if (divisor == 1)
			COLUMN64(w, n, zigzag_encode(values[i]));
		else
			COLUMN64(w, n, zigzag_encode(values[i] / divisor));
	}
}

/* Refuse what could be written but not be read again. */
static bool
check_frames(const StackDictionary *stacks, PyroError *error)
{
	uint64		nframes = 0;

	for (uint32 i = 1; i < stacks->nnodes; i++)
		nframes += stack_location_frames(&stacks->locations[stacks->node_location[i]]);
	if (nframes > PROFILE_FLAT_MAX_FRAMES)
		return pyro_fail(error, PYRO_LIMIT,
						 "stacks of the profile have " UINT64_FORMAT " different frames, more than " UINT64_FORMAT,
						 nframes, PROFILE_FLAT_MAX_FRAMES);
	return true;
}

static bool
write_payload(FlatWriter *w, const Allocator *allocator, PyroError *error)
{
	const Profile *profile = w->profile;
	const StackDictionary *stacks = w->stacks;
	ProfileFlatCounts counts = {
		.nstrings = stacks->nstrings,
		.nmappings = stacks->nmappings,
		.main_mapping = profile->main_mapping,
		.nfunctions = stacks->nfunctions,
		.nlocations = stacks->nlocations,
		.nlines = stacks->nlines,
		.nnodes = stacks->nnodes,
		.nlabel_sets = profile->nlabel_sets,
		.nlabels = profile->label_set_end[profile->nlabel_sets - 1],
		.ncomments = profile->ncomments
	};
	uint32		longest = Max(Max(counts.nstrings, counts.nnodes),
							  Max(Max(counts.nfunctions, counts.nlines),
								  Max(counts.nlocations, counts.nlabels)));
	uint64		string_bytes = 0;

	longest = Max(Max(longest, counts.nlabel_sets),
				  Max(counts.nmappings, profile->header.nsamples));
	for (uint32 i = 0; i < stacks->nstrings; i++)
		string_bytes += stacks->strings[i].length;
	if (string_bytes > PROFILE_FLAT_MAX_SIZE)
		return pyro_fail(error, PYRO_LIMIT,
						 "strings of the profile take " UINT64_FORMAT " bytes, more than %zu",
						 string_bytes, PROFILE_FLAT_MAX_SIZE);
	counts.string_bytes = string_bytes;
	w->numbers32 = allocate_array(allocator, longest, sizeof(uint32));
	w->numbers64 = allocate_array(allocator, longest, sizeof(uint64));
	if (w->numbers32 == NULL || w->numbers64 == NULL)
		return pyro_fail_memory(error);
	text_append(&w->payload, (char *) &counts, sizeof(counts));
	write_strings(w);
	write_frame_names(w);
	write_trie(w);
	write_samples(w);
	w->names_size = w->payload.length;
	write_frame_details(w);
	write_label_sets(w);
	pack_numbers32(&w->payload, profile->sample_label_set,
				   profile->header.nsamples);
	pack_numbers32(&w->payload, profile->comments, profile->ncomments);
	if (w->payload.failed)
		return pyro_fail(error, PYRO_LIMIT,
						 "profile is too large to be stored, or out of memory");
	return true;
}

static void
write_head_strings(const ProfileHeader *header, TextBuffer *out)
{
	text_append_ref(out, header->default_sample_type);
	text_append_ref(out, header->drop_frames);
	text_append_ref(out, header->keep_frames);
	text_append_ref(out, header->doc_url);
	text_append_ref(out, header->period_type.type);
	text_append_ref(out, header->period_type.unit);
	for (uint32 t = 0; t < header->nsample_types; t++)
	{
		text_append_ref(out, header->sample_types[t].type);
		text_append_ref(out, header->sample_types[t].unit);
	}
}

static void
write_head(const ProfileHeader *header, ProfileFlatHead *head,
		   TextBuffer *out)
{
	size_t		start = out->length;

	memset(head, 0, sizeof(*head));
	head->version = PROFILE_FLAT_VERSION;
	head->nsamples = header->nsamples;
	head->time_nanos = header->time_nanos;
	head->duration_nanos = header->duration_nanos;
	head->period = header->period;
	head->nsample_types = header->nsample_types;
	head->default_length = header->default_sample_type.length;
	head->drop_frames_length = header->drop_frames.length;
	head->keep_frames_length = header->keep_frames.length;
	head->doc_url_length = header->doc_url.length;
	head->period_type_length = header->period_type.type.length;
	head->period_unit_length = header->period_type.unit.length;
	text_append(out, (char *) head, sizeof(*head));
	for (uint32 t = 0; t < header->nsample_types; t++)
	{
		ProfileFlatType type = {
			header->totals[t], header->sample_types[t].type.length,
			header->sample_types[t].unit.length
		};

		if (header->total_overflows[t])
			head->total_overflows |= UINT64CONST(1) << t;
		text_append(out, (char *) &type, sizeof(type));
	}
	write_head_strings(header, out);
	head->head_size = out->length - start;
}

/*
 * Append a section to out, as a zstd frame if it shall be compressed and that
 * saves a tenth at least.  Returns whether it is one; out has room for it as
 * it is.
 */
static bool
put_section(TextBuffer *out, ByteRange section, bool compress)
{
	size_t		room = section.size - section.size / 10;
	size_t		compressed = 0;

	if (compress && section.size >= MIN_COMPRESS_SIZE)
		compressed = compress_zstd(section, (uint8 *) out->data + out->length,
								   room);
	out->length += compressed;
	if (compressed == 0)
		text_append(out, (const char *) section.bytes, section.size);
	return compressed > 0;
}

/*
 * Append the stored form of a profile, without varlena header, to out.
 *
 * compress: try zstd; false for what is read again soon.
 * Scratch comes from out's allocator.  Returns false with PYRO_LIMIT where it
 * would not fit into a datum, or PYRO_NO_MEMORY.
 */
bool
profile_flat_write(const Profile *profile, bool compress, TextBuffer *out,
				   PyroError *error)
{
	FlatWriter	w = {.profile = profile,.stacks = profile->stacks};
	ProfileFlatHead head;
	size_t		start = out->length;
	ByteRange	names;
	ByteRange	details;

	text_buffer_init(&w.payload, out->allocator, PROFILE_FLAT_MAX_SIZE);
	if (!check_frames(profile->stacks, error))
		return false;
	if (!write_payload(&w, out->allocator, error))
		return false;
	names = byte_range(w.payload.data, w.names_size);
	details = byte_range(w.payload.data + w.names_size,
						 w.payload.length - w.names_size);
	write_head(&profile->header, &head, out);
	if (!text_buffer_reserve(out, w.payload.length))
		return pyro_fail(error, PYRO_LIMIT,
						 "profile is too large to be stored, or out of memory");
	head.names_size = names.size;
	head.details_size = details.size;
	memcpy(out->data + start, &head, sizeof(head));
	head.names_hash = hash_bytes64(names.bytes, names.size,
								   profile_flat_hash_head((uint8 *) out->data + start));
	head.content_hash = hash_bytes64(details.bytes, details.size,
									 head.names_hash);
	if (put_section(out, names, compress))
		head.compression |= PROFILE_FLAT_ZSTD_NAMES;
	head.names_stored = out->length - start - head.head_size;
	if (put_section(out, details, compress))
		head.compression |= PROFILE_FLAT_ZSTD_DETAILS;
	memcpy(out->data + start, &head, sizeof(head));
	return true;
}
