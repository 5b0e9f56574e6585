/*
 * block_stream.h
 *	  The bytes of one stream: compressed, checked, and back again.
 */
#ifndef PYRO_BLOCK_STREAM_H
#define PYRO_BLOCK_STREAM_H

#include "compat.h"
#include "profile/compression.h"
#include "tableam/block_layout.h"

/* zeros behind the plain bytes of an opened stream */
#define BLOCK_STREAM_PADDING	8

/* As a level of compression: none, for what would be slower to read by it. */
#define PAYLOAD_AS_IT_IS		0

/* Streams one after another, behind a varlena header. */
typedef struct PayloadBuffer
{
	char	   *bytes;
	Size		size;			/* with the header */
	Size		capacity;
} PayloadBuffer;

extern void payload_start(PayloadBuffer *payload);
extern void payload_append(PayloadBuffer *payload, ByteRange raw, int level,
						   BlockStream *stream);
extern bytea *payload_finish(PayloadBuffer *payload);

extern void block_stream_check(const BlockStream *stream);
extern char *block_stream_open(const BlockStream *stream, const char *stored,
							   MemoryContext context);
pg_noreturn extern void block_stream_damaged(const BlockStream *stream,
											 const char *detail);

#endif							/* PYRO_BLOCK_STREAM_H */
