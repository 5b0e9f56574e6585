/*
 * block_stream.c
 *	  The bytes of one stream: compressed, checked, and back again.
 *
 * A compressed stream is a row of zstd frames, each of FRAME_SIZE plain bytes
 * but the last, so that neither direction goes on for long without a look at
 * interrupts.  The compressor and the decompressor belong to the process and
 * work on whole frames: an error finds them at rest.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "utils/memutils.h"

#include "profile/context_allocator.h"
#include "tableam/block_stream.h"

/* plain bytes of a frame; on disk */
#define FRAME_SIZE			((Size) 16 << 20)

/* below this zstd's own header eats what it wins */
#define MIN_COMPRESSED_SIZE	100

/* zstd makes at most a block of 128 kB out of 4 bytes */
#define ZSTD_MAX_RATIO		32768

/*
 * Begin an empty payload, in the current context.
 */
void
payload_start(PayloadBuffer *payload)
{
	payload->capacity = 8192;
	payload->bytes = palloc(payload->capacity);
	payload->size = VARHDRSZ;
}

static void
fail_payload_too_large(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("a block's payload exceeds the maximum of %zu bytes",
					(Size) MaxAllocSize)));
}

/* Room for more bytes: somewhat beyond the limit while trying, too. */
static char *
payload_reserve(PayloadBuffer *payload, Size size)
{
	Size		needed = payload->size + size;

	if (needed > payload->capacity)
	{
		payload->capacity = Max(needed, payload->capacity * 2);
		payload->bytes = repalloc_huge(payload->bytes, payload->capacity);
	}
	return payload->bytes + payload->size;
}

static void
append_raw(PayloadBuffer *payload, ByteRange raw)
{
	if (raw.size > MaxAllocSize - payload->size)
		fail_payload_too_large();
	if (raw.size > 0)
		memcpy(payload_reserve(payload, raw.size), raw.bytes, raw.size);
	payload->size += raw.size;
}

/*
 * Append the frames; false, with the payload as it was, where they are hardly
 * smaller than the plain bytes.
 */
static bool
append_compressed(PayloadBuffer *payload, ByteRange raw, int level)
{
	Size		start = payload->size;
	Size		worthwhile = raw.size - raw.size / 16;

	for (Size done = 0; done < raw.size;)
	{
		ByteRange	part = byte_range(raw.bytes + done,
									  Min(raw.size - done, FRAME_SIZE));
		Size		capacity = zstd_bound(part.size);
		char	   *to = payload_reserve(payload, capacity);
		Size		size = compress_zstd_level(part, (uint8 *) to, capacity,
											   level);

		CHECK_FOR_INTERRUPTS();
		payload->size += size;
		if (size == 0 || payload->size - start > worthwhile)
		{
			payload->size = start;
			return false;
		}
		if (payload->size > MaxAllocSize)
			fail_payload_too_large();
		done += part.size;
	}
	return true;
}

/*
 * Append the bytes of a stream, compressed where that pays, and note in
 * *stream where and how; its attnum and part are the caller's.  level: of zstd,
 * or PAYLOAD_AS_IT_IS.
 *
 * Raises ERRCODE_PROGRAM_LIMIT_EXCEEDED where the payload becomes larger than
 * a value can be.
 */
void
payload_append(PayloadBuffer *payload, ByteRange raw, int level,
			   BlockStream *stream)
{
	Size		start = payload->size;
	pg_crc32c	crc;

	if (level != PAYLOAD_AS_IT_IS && raw.size >= MIN_COMPRESSED_SIZE &&
		append_compressed(payload, raw, level))
		stream->encoding = BLOCK_ZSTD;
	else
	{
		append_raw(payload, raw);
		stream->encoding = BLOCK_RAW;
	}
	stream->offset = start - VARHDRSZ;
	stream->stored = payload->size - start;
	stream->raw = raw.size;
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, payload->bytes + start, stream->stored);
	FIN_CRC32C(crc);
	stream->crc = crc;
}

/*
 * The payload as a value with a 4-byte header.
 */
bytea *
payload_finish(PayloadBuffer *payload)
{
	SET_VARSIZE(payload->bytes, payload->size);
	return (bytea *) payload->bytes;
}

/*
 * Raise that a stream is damaged.
 *
 * detail: a whole sentence.
 */
void
block_stream_damaged(const BlockStream *stream, const char *detail)
{
	char		what[32];

	if (stream->attnum == BLOCK_XMINS)
		snprintf(what, sizeof(what), "xmins");
	else if (stream->attnum == BLOCK_PRIOR_TIDS)
		snprintf(what, sizeof(what), "prior TIDs");
	else if (stream->part == 0)
		snprintf(what, sizeof(what), "column %d", stream->attnum);
	else
		snprintf(what, sizeof(what), "column %d, part %d", stream->attnum, stream->part);
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("a block's stream of %s is damaged", what),
			 errdetail_internal("%s", detail)));
}

/*
 * Raise ERRCODE_DATA_CORRUPTED where the sizes of a stream cannot be: before
 * memory is asked for.
 */
void
block_stream_check(const BlockStream *stream)
{
	if (stream->encoding > BLOCK_ZSTD)
		block_stream_damaged(stream, "Its encoding is unknown.");
	if (stream->raw > BLOCK_MAX_RAW_SIZE)
		block_stream_damaged(stream, "It claims to be larger than a stream can be.");
	if (stream->encoding == BLOCK_RAW
		? stream->raw != stream->stored
		: stream->raw / ZSTD_MAX_RATIO > stream->stored)
		block_stream_damaged(stream, "Its two sizes do not fit each other.");
}

static void
uncompress(const BlockStream *stream, ByteRange in, char *raw)
{
	PyroError	error;

	for (Size done = 0; done < stream->raw;)
	{
		Size		size = Min(stream->raw - done, FRAME_SIZE);
		Size		frame = zstd_frame_size(in);

		if (frame == 0)
			block_stream_damaged(stream, "Its compressed data is cut off.");
		if (!decompress_zstd(byte_range(in.bytes, frame),
							 (uint8 *) raw + done, size, &error))
		{
			if (error.kind == PYRO_CORRUPT)
				block_stream_damaged(stream, "Its compressed data is damaged.");
			pyro_check(false, &error);
		}
		in.bytes += frame;
		in.size -= frame;
		done += size;
		CHECK_FOR_INTERRUPTS();
	}
	if (in.size > 0)
		block_stream_damaged(stream, "Bytes follow its compressed data.");
}

/*
 * The plain bytes of a stream.
 *
 * stored: stream->stored bytes of the payload.  The result is in the given
 * context, aligned for any type, and BLOCK_STREAM_PADDING zeros follow it, so
 * that text without its end does not run on into foreign memory.  Raises
 * ERRCODE_DATA_CORRUPTED where the checksum or a size is not right.
 */
char *
block_stream_open(const BlockStream *stream, const char *stored,
				  MemoryContext context)
{
	pg_crc32c	crc;
	char	   *raw;

	block_stream_check(stream);
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, stored, stream->stored);
	FIN_CRC32C(crc);
	if (!EQ_CRC32C(crc, stream->crc))
		block_stream_damaged(stream, "Its checksum is wrong.");
	raw = MemoryContextAllocHuge(context,
								 stream->raw + BLOCK_STREAM_PADDING);
	if (stream->encoding == BLOCK_RAW)
		memcpy(raw, stored, stream->raw);
	else
		uncompress(stream, byte_range(stored, stream->stored), raw);
	memset(raw + stream->raw, 0, BLOCK_STREAM_PADDING);
	return raw;
}
