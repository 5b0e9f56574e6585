/*
 * block_layout.h
 *	  Where the streams of a block lie in its payload.
 */
#ifndef PYRO_BLOCK_LAYOUT_H
#define PYRO_BLOCK_LAYOUT_H

#include "access/attnum.h"
#include "c.h"

/* No block has more rows, so that arrays of them are bounded. */
#define BLOCK_MAX_ROWS		(1 << 20)

/* No stream has more plain bytes. */
#define BLOCK_MAX_RAW_SIZE	((uint64) 1 << 31)

/* What a stream holds, where that is not the column of its number. */
#define BLOCK_PRIOR_TIDS	(-1)
#define BLOCK_XMINS			(-2)

/* How the bytes of a stream are stored; on disk. */
typedef enum BlockEncoding
{
	BLOCK_RAW = 0,
	BLOCK_ZSTD = 1				/* frames, see block_stream.c */
} BlockEncoding;

/* One stream; on disk as it is, in the server's byte order. */
typedef struct BlockStream
{
	int16		attnum;			/* a column, or BLOCK_PRIOR_TIDS, BLOCK_XMINS */
	uint8		encoding;		/* BlockEncoding */
	uint8		part;			/* of the column; 0 if it has but one */
	uint32		offset;			/* of its bytes behind the payload's header */
	uint32		stored;			/* bytes in the payload */
	uint32		crc;			/* CRC-32C of these */
	uint64		raw;			/* bytes once uncompressed */
} BlockStream;

StaticAssertDecl(sizeof(BlockStream) == 24, "BlockStream has padding");

/* The streams of a block, ascending by attnum and part, without gaps. */
typedef struct BlockLayout
{
	int			rows;
	int			nstreams;
	uint64		memory;			/* that the builder of the block had */
	BlockStream streams[FLEXIBLE_ARRAY_MEMBER];
} BlockLayout;

/* What was decoded, for whom it may concern. */
typedef struct DecodeCounters
{
	uint64		streams;
	uint64		stored;			/* their bytes in payloads */
	uint64		raw;			/* and uncompressed */
} DecodeCounters;

static inline void
count_decoded(DecodeCounters *counters, const BlockStream *stream)
{
	if (counters == NULL)
		return;
	counters->streams++;
	counters->stored += stream->stored;
	counters->raw += stream->raw;
}

extern BlockLayout *block_layout_create(int rows, int nstreams);
extern bytea *block_layout_to_bytea(const BlockLayout *layout);
extern BlockLayout *block_layout_from_bytea(const bytea *bytes,
											Size payload_size);
extern const BlockStream *block_layout_find(const BlockLayout *layout,
											AttrNumber attnum);
extern const BlockStream *block_layout_find_part(const BlockLayout *layout,
												 AttrNumber attnum, int part);

#endif							/* PYRO_BLOCK_LAYOUT_H */
