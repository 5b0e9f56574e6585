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
#include "profile/label_codec.h"
#include "profile/profile_flat.h"
#include "stack/dictionary_codec.h"
#include "stack/hash.h"

/* A section smaller than this stays as it is. */
#define MIN_COMPRESS_SIZE	128

typedef struct FlatWriter
{
	const Profile *profile;
	const StackDictionary *stacks;
	TextBuffer	payload;		/* names, then details */
	uint32		names_size;		/* where the details begin */
	ColumnScratch scratch;
} FlatWriter;

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

	WRITE_COLUMN32(&w->scratch, &w->payload, n,
				   profile->sample_node[i] -
				   (i > 0 ? profile->sample_node[i - 1] : 0));
	for (uint32 t = 0; t < profile->header.nsample_types; t++)
	{
		const int64 *values = profile->values[t];
		int64		divisor = (int64) common_divisor(values, n);

		text_append(&w->payload, (char *) &divisor, sizeof(divisor));
		if (divisor == 1)
			WRITE_COLUMN64(&w->scratch, &w->payload, n,
						   zigzag_encode(values[i]));
		else
			WRITE_COLUMN64(&w->scratch, &w->payload, n,
						   zigzag_encode(values[i] / divisor));
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
	DictionaryCounts dictionary;
	ProfileFlatCounts counts;
	size_t		longest;

	if (!dictionary_count(stacks, PROFILE_FLAT_MAX_SIZE, &dictionary, error))
		return false;
	counts = (ProfileFlatCounts)
	{
		.nstrings = dictionary.nstrings,
			.string_bytes = dictionary.string_bytes,
			.nmappings = dictionary.nmappings,
			.main_mapping = profile->main_mapping,
			.nfunctions = dictionary.nfunctions,
			.nlocations = dictionary.nlocations,
			.nlines = dictionary.nlines,
			.nnodes = dictionary.nnodes,
			.nlabel_sets = profile->nlabel_sets,
			.nlabels = profile->label_set_end[profile->nlabel_sets - 1],
			.ncomments = profile->ncomments
	};
	longest = Max(dictionary_longest_column(&dictionary),
				  Max(counts.nlabels, counts.nlabel_sets));
	if (!column_scratch_init(&w->scratch,
							 Max(longest, profile->header.nsamples),
							 allocator, error))
		return false;
	text_append(&w->payload, (char *) &counts, sizeof(counts));
	dictionary_write_names(stacks, &w->scratch, &w->payload);
	dictionary_write_trie(stacks, &w->scratch, &w->payload);
	write_samples(w);
	w->names_size = w->payload.length;
	dictionary_write_details(stacks, &w->scratch, &w->payload);
	label_sets_write(profile->label_set_end, profile->nlabel_sets,
					 profile->labels, &w->scratch, &w->payload);
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

/*
 * Are these bytes the stored form of a profile that has not been compressed?
 *
 * Bytes that are something else are hardly ever taken for one, and whoever asks
 * must know that they are a profile before he relies on the answer.
 */
bool
profile_flat_is_plain(const uint8 *bytes, size_t size)
{
	ProfileFlatHead head;

	if (size < sizeof(head))
		return false;
	memcpy(&head, bytes, sizeof(head));
	return head.version == PROFILE_FLAT_VERSION && head.compression == 0 &&
		head.names_stored == head.names_size &&
		(size_t) head.head_size + head.names_size + head.details_size == size;
}

/*
 * Append the stored form of a profile as profile_flat_write() makes it with
 * `compress` to out, from one that is plain.  Returns false with PYRO_NO_MEMORY.
 */
bool
profile_flat_pack(const uint8 *bytes, size_t size, TextBuffer *out, PyroError *error)
{
	size_t		start = out->length;
	ProfileFlatHead head;
	ByteRange	names;
	ByteRange	details;

	memcpy(&head, bytes, sizeof(head));
	names = byte_range(bytes + head.head_size, head.names_size);
	details = byte_range(bytes + head.head_size + head.names_size, head.details_size);
	if (!text_buffer_reserve(out, size))
		return pyro_fail_memory(error);
	text_append(out, (const char *) bytes, head.head_size);
	if (put_section(out, names, true))
		head.compression |= PROFILE_FLAT_ZSTD_NAMES;
	head.names_stored = out->length - start - head.head_size;
	if (put_section(out, details, true))
		head.compression |= PROFILE_FLAT_ZSTD_DETAILS;
	memcpy(out->data + start, &head, sizeof(head));
	return true;
}
