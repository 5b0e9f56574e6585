/*
 * profile_flat.h
 *	  The stored form of a `profile`: a head that is read as it is, and
 *	  two sections of packed arrays, each compressed where that pays.
 *
 * All of it is little-endian.  Behind the varlena header:
 *
 *	ProfileFlatHead
 *	ProfileFlatType		one a sample type
 *	strings				of the head, one behind the other, not terminated:
 *						default sample type, drop_frames, keep_frames, doc_url,
 *						period type and unit, then type and unit of each
 *						sample type
 *	names				names_size bytes, or a zstd frame of them
 *	details				details_size bytes, or a zstd frame of them
 *
 * Columns of the dictionary are those of stack/dictionary_codec.h, label sets
 * those of label_codec.h.  The names are what a call tree by function needs:
 *
 *	ProfileFlatCounts
 *	strings		length shared with the string before, length of the rest, then
 *				the rests; shared lengths are capped at 255
 *	mappings	file
 *	functions	name minus that of the function before
 *	locations	number of lines, mapping
 *	lines		function minus that of the line before
 *	trie		per node but the root: levels up from the node before (0: its
 *				first child), location
 *	samples		node minus that of the sample before
 *	values		per sample type: their greatest common divisor (8 bytes), then
 *				the quotients
 *
 * The details are the rest:
 *
 *	mappings	start, limit, offset, build id, flags
 *	functions	system name minus name, file, start line
 *	locations	folded, address minus that of the location before
 *	lines		line minus its function's start line, column
 *	label sets	number of labels; per label: key, kind, text or unit, number
 *	samples		label set
 *	comments	strings
 *
 * Each column is a packed array (packed_array.h), differences and signed
 * numbers zigzag coded.  Canonical order (stack_dictionary.h) makes the form
 * of a content unique, so that equal content_hash and equal bytes decide
 * equality.
 */
#ifndef PYRO_PROFILE_FLAT_H
#define PYRO_PROFILE_FLAT_H

#include "profile/profile.h"
#include "stack/text_buffer.h"

#define PROFILE_FLAT_VERSION	2

/* Which sections are zstd frames. */
#define PROFILE_FLAT_ZSTD_NAMES		(1 << 0)
#define PROFILE_FLAT_ZSTD_DETAILS	(1 << 1)

typedef struct ProfileFlatHead
{
	uint8		version;
	uint8		compression;	/* PROFILE_FLAT_ZSTD_... */
	uint16		unused;
	uint32		head_size;		/* bytes before the names */
	uint32		names_size;		/* uncompressed */
	uint32		names_stored;	/* as they are stored */
	uint32		details_size;	/* uncompressed */
	uint32		nsamples;
	uint64		names_hash;		/* of the head, then the names */
	uint64		content_hash;	/* that continued over the details */
	uint64		total_overflows;	/* bit t: the total of type t left int64 */
	int64		time_nanos;
	int64		duration_nanos;
	int64		period;
	uint32		nsample_types;
	uint32		unused2;
	uint32		default_length; /* lengths of the head's strings */
	uint32		drop_frames_length;
	uint32		keep_frames_length;
	uint32		doc_url_length;
	uint32		period_type_length;
	uint32		period_unit_length;
} ProfileFlatHead;

StaticAssertDecl(sizeof(ProfileFlatHead) == 104, "no padding in the head");

typedef struct ProfileFlatType
{
	int64		total;
	uint32		type_length;
	uint32		unit_length;
} ProfileFlatType;

typedef struct ProfileFlatCounts
{
	uint32		nstrings;
	uint32		string_bytes;	/* of all strings, written out */
	uint32		nmappings;
	uint32		main_mapping;
	uint32		nfunctions;
	uint32		nlocations;
	uint32		nlines;
	uint32		nnodes;
	uint32		nlabel_sets;
	uint32		nlabels;
	uint32		ncomments;
} ProfileFlatCounts;

StaticAssertDecl(sizeof(ProfileFlatCounts) == 44, "no padding in the counts");

/* The largest names and details together; a datum cannot be larger. */
#define PROFILE_FLAT_MAX_SIZE	((size_t) 0x3FFFFF00)

/*
 * More frames than this in the stack trie, inlined ones counted, are not
 * stored: whoever opens the profile or draws it needs memory for all of them.
 */
#define PROFILE_FLAT_MAX_FRAMES	((uint64) 8 * 1024 * 1024)

extern bool profile_flat_write(const Profile *profile, bool compress,
							   TextBuffer *out, PyroError *error);
extern bool profile_flat_is_plain(const uint8 *bytes, size_t size);
extern bool profile_flat_pack(const uint8 *bytes, size_t size,
							  TextBuffer *out, PyroError *error);
extern uint64 profile_flat_hash_head(const uint8 *bytes);
extern bool profile_flat_head_size(const uint8 *bytes, size_t size,
								   size_t *head_size, PyroError *error);
extern bool profile_flat_open_header(const uint8 *bytes, size_t size,
									 const Allocator *allocator,
									 ProfileHeader *header,
									 PyroError *error);
extern bool profile_flat_open(const uint8 *bytes, size_t size,
							  size_t max_memory, const Allocator *allocator,
							  Profile *profile, PyroError *error);
extern bool profile_flat_open_names(const uint8 *bytes, size_t size,
									const ProfileHeader *header,
									uint32 type, size_t max_memory,
									const Allocator *allocator,
									Profile *profile, PyroError *error);
extern bool profile_flat_content(const uint8 *bytes, size_t size,
								 const Allocator *allocator, uint64 *hash,
								 StringRef *head, StringRef *payload,
								 PyroError *error);

#endif							/* PYRO_PROFILE_FLAT_H */
