/*
 * pprof_read.c
 *	  From a pprof file to a Profile.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "profile/compression.h"
#include "profile/pprof.h"

/*
 * Read a pprof file: gzip, zstd or plain bytes.
 *
 * The profile's arrays come from the allocator; its strings point into memory
 * from there or into the bytes themselves, which must outlive it.  Returns
 * false with PYRO_MALFORMED, PYRO_LIMIT or PYRO_NO_MEMORY.
 */
bool
pprof_read(const uint8 *bytes, size_t size, const ProfileLimits *limits,
		   const Allocator *allocator, Profile *profile, PyroError *error)
{
	size_t		max_size = limits->max_size;
	ByteRange	plain;
	PprofMessage message;

	if (max_size == 0)
		max_size = PYRO_MAX_ALLOCATION;

	if (size == 0)
		return pyro_fail(error, PYRO_MALFORMED, "it has no bytes");
	return decompress_any(byte_range(bytes, size), max_size, allocator, &plain, error) &&
		pprof_decode(plain.bytes, plain.size, limits, allocator, &message,
					 error) &&
		pprof_canonicalise(&message, limits, allocator, profile, error);
}
