/*
 * compression.h
 *	  gzip and zstd, in one piece and with a cap on what comes out.
 */
#ifndef PYRO_COMPRESSION_H
#define PYRO_COMPRESSION_H

#include "stack/allocator.h"
#include "stack/pyro_error.h"

typedef struct ByteRange
{
	const uint8 *bytes;
	size_t		size;
} ByteRange;

static inline ByteRange
byte_range(const void *bytes, size_t size)
{
	return (ByteRange) {bytes, size};
}

extern bool decompress_any(ByteRange in, size_t max_size,
						   const Allocator *allocator, ByteRange *out,
						   PyroError *error);
extern bool compress_gzip(ByteRange in, const Allocator *allocator,
						  ByteRange *out, PyroError *error);
extern size_t compress_zstd(ByteRange in, uint8 *out, size_t capacity);
extern size_t compress_zstd_level(ByteRange in, uint8 *out, size_t capacity,
								  int level);
extern size_t zstd_bound(size_t size);
extern size_t zstd_frame_size(ByteRange in);
extern bool decompress_zstd(ByteRange in, uint8 *out, size_t size,
							PyroError *error);

#endif							/* PYRO_COMPRESSION_H */
