/*
 * compression.c
 *	  gzip and zstd, in one piece and with a cap on what comes out.
 *
 * libdeflate takes and gives whole buffers, which is what we have, and is
 * two to three times as fast as zlib.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include <libdeflate.h>
#include <zstd.h>

#include "profile/compression.h"

#define GZIP_LEVEL			6
#define ZSTD_LEVEL			1
#define ZSTD_MAX_WINDOW_LOG	26	/* 64 MB */

/* A compressor that has grown beyond this is not kept for the next call. */
#define ZSTD_MAX_KEPT		((size_t) 16 << 20)

/* deflate cannot make more than 1032 bytes out of one */
#define DEFLATE_MAX_RATIO	1032

static bool
fail_too_large(PyroError *error, size_t max_size)
{
	return pyro_fail(error, PYRO_LIMIT,
					 "uncompressed profile is larger than pyro.max_profile_size (%zu bytes)",
					 max_size);
}

/* The compressors, made once a process; NULL when there is no memory. */
static struct libdeflate_decompressor *
gzip_decompressor(void)
{
	static struct libdeflate_decompressor *decompressor = NULL;

	if (decompressor == NULL)
		decompressor = libdeflate_alloc_decompressor();
	return decompressor;
}

static struct libdeflate_compressor *
gzip_compressor(void)
{
	static struct libdeflate_compressor *compressor = NULL;

	if (compressor == NULL)
		compressor = libdeflate_alloc_compressor(GZIP_LEVEL);
	return compressor;
}

static ZSTD_DCtx *
zstd_decompressor(void)
{
	static ZSTD_DCtx *decompressor = NULL;

	if (decompressor == NULL)
		decompressor = ZSTD_createDCtx();
	return decompressor;
}

static bool
starts_gzip(ByteRange in)
{
	return in.size >= 2 && in.bytes[0] == 0x1F && in.bytes[1] == 0x8B;
}

/* How large a gzip file says that it is, within reason. */
static size_t
gzip_expected_size(ByteRange in, size_t max_size)
{
	uint32		stated;

	memcpy(&stated, in.bytes + in.size - sizeof(stated), sizeof(stated));
	return Min(Min((size_t) stated, in.size * DEFLATE_MAX_RATIO), max_size);
}

/* All members of a gzip file, one behind the other. */
static bool
decompress_gzip(ByteRange in, size_t max_size, const Allocator *allocator,
				ByteRange *out, PyroError *error)
{
	struct libdeflate_decompressor *decompressor = gzip_decompressor();
	uint8	   *bytes = NULL;
	size_t		size = 0;
	size_t		capacity = 0;
	size_t		wanted;

	if (decompressor == NULL)
		return pyro_fail_memory(error);
	if (in.size < 18)
		return pyro_fail(error, PYRO_MALFORMED, "gzip data is cut off");
	wanted = Max(gzip_expected_size(in, max_size), 64);
	while (in.size > 0)
	{
		size_t		taken;
		size_t		made;

		if (!grow_array(allocator, (void **) &bytes, size, &capacity, wanted, 1))
			return pyro_fail_memory(error);
		switch (libdeflate_gzip_decompress_ex(decompressor, in.bytes, in.size,
											  bytes + size, capacity - size,
											  &taken, &made))
		{
			case LIBDEFLATE_SUCCESS:
				size += made;
				if (size > max_size)
					return fail_too_large(error, max_size);
				in.bytes += taken;
				in.size -= taken;
				if (in.size > 0 && !starts_gzip(in))
					return pyro_fail(error, PYRO_MALFORMED,
									 "%zu bytes follow the gzip data", in.size);
				wanted = size + 1;
				break;
			case LIBDEFLATE_INSUFFICIENT_SPACE:
				if (capacity > max_size)
					return fail_too_large(error, max_size);
				wanted = capacity + 1;	/* grow_array at least doubles */
				break;
			default:
				return pyro_fail(error, PYRO_MALFORMED,
								 "gzip data is damaged or cut off");
		}
	}
	out->bytes = bytes;
	out->size = size;
	return true;
}

/* All frames of a zstd file; sizes need not be stated in them. */
static bool
decompress_zstd_frames(ZSTD_DCtx *decompressor, ByteRange in,
					   size_t max_size, const Allocator *allocator,
					   ByteRange *out, PyroError *error)
{
	ZSTD_inBuffer input = {in.bytes, in.size, 0};
	uint8	   *bytes = NULL;
	size_t		capacity = 0;
	size_t		size = 0;

	for (;;)
	{
		ZSTD_outBuffer output;
		size_t		rest;

		if (!grow_array(allocator, (void **) &bytes, size, &capacity,
						size + Min(ZSTD_DStreamOutSize(), max_size + 1), 1))
			return pyro_fail_memory(error);
		output = (ZSTD_outBuffer)
		{
			bytes + size, capacity - size, 0
		};
		rest = ZSTD_decompressStream(decompressor, &output, &input);
		if (ZSTD_isError(rest))
			return pyro_fail(error, PYRO_MALFORMED, "zstd data is damaged: %s",
							 ZSTD_getErrorName(rest));
		size += output.pos;
		if (size > max_size)
			return fail_too_large(error, max_size);
		/* 0: a frame has ended, and all of it is written */
		if (input.pos == input.size && rest == 0)
			break;
		if (input.pos == input.size && output.pos < output.size)
			return pyro_fail(error, PYRO_MALFORMED, "zstd data is cut off");
	}
	out->bytes = bytes;
	out->size = size;
	return true;
}

/*
 * A decompressor for one file, since a file says how large a window it wants
 * and the decompressor keeps it.  Asking for memory may end the call by force
 * (context_allocator.c); the next one then frees what was left.
 */
static bool
decompress_zstd_file(ByteRange in, size_t max_size,
					 const Allocator *allocator, ByteRange *out,
					 PyroError *error)
{
	static ZSTD_DCtx *decompressor = NULL;
	bool		done;

	ZSTD_freeDCtx(decompressor);
	decompressor = ZSTD_createDCtx();
	if (decompressor == NULL)
		return pyro_fail_memory(error);
	ZSTD_DCtx_setParameter(decompressor, ZSTD_d_windowLogMax,
						   ZSTD_MAX_WINDOW_LOG);
	done = decompress_zstd_frames(decompressor, in, max_size, allocator, out,
								  error);
	ZSTD_freeDCtx(decompressor);
	decompressor = NULL;
	return done;
}

/*
 * Uncompress what may be gzip (several members, too), zstd or plain bytes.
 *
 * max_size: cap on the bytes of *out, which comes from the allocator, or is the
 * input itself where that is not compressed.  Returns false with
 * PYRO_MALFORMED, PYRO_LIMIT or PYRO_NO_MEMORY.
 */
bool
decompress_any(ByteRange in, size_t max_size, const Allocator *allocator,
			   ByteRange *out, PyroError *error)
{
	static const uint8 zstd_magic[4] = {0x28, 0xB5, 0x2F, 0xFD};

	if (starts_gzip(in))
		return decompress_gzip(in, max_size, allocator, out, error);
	if (in.size >= 4 && memcmp(in.bytes, zstd_magic, 4) == 0)
		return decompress_zstd_file(in, max_size, allocator, out, error);
	if (in.size > max_size)
		return pyro_fail(error, PYRO_LIMIT,
						 "profile of %zu bytes is larger than pyro.max_profile_size (%zu bytes)",
						 in.size, max_size);
	*out = in;
	return true;
}

/*
 * Compress with gzip; *out comes from the allocator.
 */
bool
compress_gzip(ByteRange in, const Allocator *allocator, ByteRange *out,
			  PyroError *error)
{
	struct libdeflate_compressor *compressor = gzip_compressor();
	size_t		capacity;
	uint8	   *bytes;

	if (compressor == NULL)
		return pyro_fail_memory(error);
	capacity = libdeflate_gzip_compress_bound(compressor, in.size);
	bytes = allocate_array(allocator, capacity, 1);
	if (bytes == NULL)
		return pyro_fail_memory(error);
	out->bytes = bytes;
	out->size = libdeflate_gzip_compress(compressor, in.bytes, in.size,
										 bytes, capacity);
	if (out->size == 0)
		return pyro_fail(error, PYRO_LIMIT, "could not compress %zu bytes",
						 in.size);
	return true;
}

/*
 * Compress into out as one zstd frame, if that fits into `capacity` bytes.
 *
 * level: as zstd counts them, negative ones too; what is beyond its range is
 * taken as the nearest.  Returns the size, or 0 where it does not fit.
 */
size_t
compress_zstd_level(ByteRange in, uint8 *out, size_t capacity, int level)
{
	static ZSTD_CCtx *compressor = NULL;
	size_t		size;

	if (compressor == NULL)
		compressor = ZSTD_createCCtx();
	if (compressor == NULL)
		return 0;
	size = ZSTD_compressCCtx(compressor, out, capacity, in.bytes, in.size,
							 level);
	if (ZSTD_sizeof_CCtx(compressor) > ZSTD_MAX_KEPT)
	{
		ZSTD_freeCCtx(compressor);
		compressor = NULL;
	}
	return ZSTD_isError(size) ? 0 : size;
}

/*
 * The same at the level that suits profiles.
 */
size_t
compress_zstd(ByteRange in, uint8 *out, size_t capacity)
{
	return compress_zstd_level(in, out, capacity, ZSTD_LEVEL);
}

/*
 * The room that a zstd frame of `size` plain bytes may need.
 */
size_t
zstd_bound(size_t size)
{
	return ZSTD_compressBound(size);
}

/*
 * How many bytes the first of several zstd frames takes; 0 where there is no
 * whole frame.
 */
size_t
zstd_frame_size(ByteRange in)
{
	size_t		size = ZSTD_findFrameCompressedSize(in.bytes, in.size);

	return ZSTD_isError(size) ? 0 : size;
}

/*
 * Uncompress one zstd frame of exactly `size` bytes into out.  Returns false
 * with PYRO_CORRUPT or PYRO_NO_MEMORY.
 */
bool
decompress_zstd(ByteRange in, uint8 *out, size_t size, PyroError *error)
{
	ZSTD_DCtx  *decompressor = zstd_decompressor();

	if (decompressor == NULL)
		return pyro_fail_memory(error);
	if (ZSTD_decompressDCtx(decompressor, out, size, in.bytes, in.size) != size)
		return pyro_fail(error, PYRO_CORRUPT,
						 "compressed data is damaged");
	return true;
}
