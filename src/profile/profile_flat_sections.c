/*
 * profile_flat_sections.c
 *	  The sections of a stored profile as bytes: where they are, uncompressed,
 *	  and whether they are what was written.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "profile/compression.h"
#include "profile/profile_flat_sections.h"
#include "stack/hash.h"

/*
 * Record what is wrong with a stored profile.  Returns false always.
 */
bool
profile_flat_corrupt(PyroError *error, const char *what)
{
	return pyro_fail(error, PYRO_CORRUPT,
					 PROFILE_FLAT_SUBJECT " is damaged: %s", what);
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
		return profile_flat_corrupt(error, "it is cut off");
	memcpy(&head, bytes, sizeof(head));
	if (head.version != PROFILE_FLAT_VERSION)
		return pyro_fail(error, PYRO_CORRUPT,
						 "stored profile has format version %u, this program knows %u",
						 head.version, PROFILE_FLAT_VERSION);
	if (head.nsample_types > PROFILE_MAX_SAMPLE_TYPES)
		return profile_flat_corrupt(error, "sample types");
	*head_size = head.head_size;
	return true;
}

/* The fixed part of a head, with what is not content at 0. */
static ProfileFlatHead
content_of_head(const uint8 *bytes)
{
	ProfileFlatHead head;

	memcpy(&head, bytes, sizeof(head));
	head.compression = 0;
	head.names_stored = 0;
	head.names_hash = head.content_hash = 0;
	return head;
}

/*
 * The hash of the content of a whole head, with which that of the names
 * begins.
 */
uint64
profile_flat_hash_head(const uint8 *bytes)
{
	ProfileFlatHead head = content_of_head(bytes);
	uint64		hash = hash_bytes64(&head, sizeof(head), 0);

	return hash_bytes64(bytes + sizeof(head), head.head_size - sizeof(head),
						hash);
}

/*
 * Put a section where it is uncompressed: at `plain`, or where it lies if
 * plain is NULL.
 */
static bool
place_section(ByteRange stored, uint32 size, bool is_zstd, uint8 *plain,
			  PyroError *error)
{
	if (is_zstd)
		return decompress_zstd(stored, plain, size, error);
	if (stored.size != size)
		return profile_flat_corrupt(error, "size");
	if (plain != NULL)
		memcpy(plain, stored.bytes, size);
	return true;
}

/*
 * The sections of a stored profile, uncompressed; with details NULL only the
 * names.  The details lie behind the names.
 *
 * bytes: all of the profile, without varlena header.  The sections are there,
 * or in memory from the allocator.  Their hash is checked.  Returns false with
 * PYRO_CORRUPT or PYRO_NO_MEMORY.
 */
bool
profile_flat_load(const uint8 *bytes, size_t size, const Allocator *allocator,
				  StringRef *names, StringRef *details, PyroError *error)
{
	ProfileFlatHead head;
	size_t		head_size = 0;
	size_t		plain_size;
	const uint8 *stored;
	uint8	   *plain = NULL;
	uint64		hash;

	if (!profile_flat_head_size(bytes, size, &head_size, error))
		return false;
	memcpy(&head, bytes, sizeof(head));
	if (head_size > size || head_size < sizeof(head))
		return profile_flat_corrupt(error, "head");
	stored = bytes + head_size;
	plain_size = (size_t) head.names_size +
		(details != NULL ? head.details_size : 0);
	if (head.names_stored > size - head_size ||
		plain_size > PROFILE_FLAT_MAX_SIZE ||
		head.compression > (PROFILE_FLAT_ZSTD_NAMES | PROFILE_FLAT_ZSTD_DETAILS))
		return profile_flat_corrupt(error, "size");
	if (head.compression != 0)
	{
		plain = allocate_or_fail(allocator, plain_size, 1, error);
		if (plain == NULL)
			return false;
	}
	if (!place_section(byte_range(stored, head.names_stored), head.names_size,
					   head.compression & PROFILE_FLAT_ZSTD_NAMES, plain,
					   error))
		return false;
	*names = string_ref(plain != NULL ? (char *) plain : (char *) stored,
						head.names_size);
	hash = hash_bytes64(names->data, names->length,
						profile_flat_hash_head(bytes));
	if (hash != head.names_hash)
		return profile_flat_corrupt(error, "its checksum does not fit");
	if (details == NULL)
		return true;
	*details = string_ref(names->data + names->length, head.details_size);
	if (!place_section(byte_range(stored + head.names_stored,
								  size - head_size - head.names_stored),
					   head.details_size,
					   head.compression & PROFILE_FLAT_ZSTD_DETAILS,
					   plain != NULL ? plain + head.names_size : NULL, error))
		return false;
	hash = hash_bytes64(details->data, details->length, hash);
	return hash == head.content_hash ||
		profile_flat_corrupt(error, "its checksum does not fit");
}

/*
 * The content of a stored profile: hash, head and uncompressed sections.
 *
 * Two profiles are equal when their hashes, heads and payloads are; *head is
 * the head with everything that is not content set to zero.  Memory comes
 * from the allocator.  Returns false as profile_flat_load().
 */
bool
profile_flat_content(const uint8 *bytes, size_t size,
					 const Allocator *allocator, uint64 *hash,
					 StringRef *head, StringRef *payload, PyroError *error)
{
	ProfileFlatHead stored;
	ProfileFlatHead fixed;
	uint8	   *plain_head;
	StringRef	names;
	StringRef	details;

	if (!profile_flat_load(bytes, size, allocator, &names, &details, error))
		return false;
	memcpy(&stored, bytes, sizeof(stored));
	fixed = content_of_head(bytes);
	plain_head = allocate_or_fail(allocator, stored.head_size, 1, error);
	if (plain_head == NULL)
		return false;
	memcpy(plain_head, bytes, stored.head_size);
	memcpy(plain_head, &fixed, sizeof(fixed));
	*hash = stored.content_hash;
	*head = string_ref((char *) plain_head, stored.head_size);
	*payload = string_ref(names.data, names.length + details.length);
	return true;
}
