/*
 * pprof_wire.h
 *	  The protobuf wire format, as far as pprof uses it.
 *
 * Source: Protocol Buffers, "Encoding".  A message is a list of fields; each
 * begins with a tag, a varint of (field number << 3 | wire type).
 */
#ifndef PYRO_PPROF_WIRE_H
#define PYRO_PPROF_WIRE_H

typedef enum WireType
{
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2,
	WIRE_FIXED32 = 5
} WireType;

/* The bytes of one message that are not read yet. */
typedef struct WireReader
{
	const uint8 *position;
	const uint8 *end;
} WireReader;

/*
 * Read a base-128 varint: at most 10 bytes, bits above 64 are dropped.
 * Returns false where it is cut off or longer.
 */
static inline bool
wire_read_varint(WireReader *reader, uint64 *value)
{
	const uint8 *p = reader->position;
	size_t		left = reader->end - p;
	size_t		longest = left < 10 ? left : 10;
	uint64		result;

	if (likely(left > 0 && p[0] < 0x80))
	{
		*value = p[0];
		reader->position = p + 1;
		return true;
	}
	if (likely(left > 1 && p[1] < 0x80))
	{
		*value = (p[0] & 0x7F) | (uint64) p[1] << 7;
		reader->position = p + 2;
		return true;
	}
	result = 0;
	for (size_t i = 0; i < longest; i++)
	{
		result |= (uint64) (p[i] & 0x7F) << (7 * i);
		if (p[i] < 0x80)
		{
			*value = result;
			reader->position = p + i + 1;
			return true;
		}
	}
	return false;
}

/* Read a length and give the bytes behind it as a reader of their own. */
static inline bool
wire_read_bytes(WireReader *reader, WireReader *bytes)
{
	uint64		length;

	if (!wire_read_varint(reader, &length) ||
		length > (uint64) (reader->end - reader->position))
		return false;
	bytes->position = reader->position;
	bytes->end = reader->position + length;
	reader->position = bytes->end;
	return true;
}

/* Read a field's tag; field number 0 and numbers above 2^29 are refused. */
static inline bool
wire_read_tag(WireReader *reader, uint32 *field, WireType *type)
{
	uint64		tag;

	if (!wire_read_varint(reader, &tag) || tag < 8 || tag > PG_UINT32_MAX)
		return false;
	*field = (uint32) (tag >> 3);
	*type = (WireType) (tag & 7);
	return true;
}

/* Pass over the value of a field that we do not know. */
static inline bool
wire_skip(WireReader *reader, WireType type)
{
	size_t		left = reader->end - reader->position;
	WireReader	bytes;
	uint64		value;

	switch (type)
	{
		case WIRE_VARINT:
			return wire_read_varint(reader, &value);
		case WIRE_BYTES:
			return wire_read_bytes(reader, &bytes);
		case WIRE_FIXED64:
			if (left < 8)
				return false;
			reader->position += 8;
			return true;
		case WIRE_FIXED32:
			if (left < 4)
				return false;
			reader->position += 4;
			return true;
	}
	return false;				/* groups, and what does not exist */
}

/* Write a varint to p, which has room for 10 bytes; returns its end. */
static inline uint8 *
wire_write_varint(uint8 *p, uint64 value)
{
	while (value >= 0x80)
	{
		*p++ = (uint8) (value | 0x80);
		value >>= 7;
	}
	*p++ = (uint8) value;
	return p;
}

#endif							/* PYRO_PPROF_WIRE_H */
