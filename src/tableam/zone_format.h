/*
 * zone_format.h
 *	  The bytes of zones, which their writer and their reader agree on.
 *
 * In the directory the zones are a bytea: ZonesHeader, and for each column in
 * ascending order of attnum
 *
 *	ZoneHeader
 *	if it has a range:
 *		sizes of min and max	uint16 each
 *		min, max				by value: the Datum
 *								varlena: what follows its header
 *								name: up to its end
 *								other types of fixed length: as they are
 *	if it has a filter:
 *		all up to the zone's end	bloom.h
 */
#ifndef PYRO_ZONE_FORMAT_H
#define PYRO_ZONE_FORMAT_H

#include "port/pg_crc32c.h"

#include "tableam/block_zones.h"

#define ZONES_VERSION	2

typedef struct ZonesHeader
{
	uint16		version;
	uint16		nzones;
} ZonesHeader;

typedef struct ZoneHeader
{
	int16		attnum;
	uint8		flags;
	uint8		unused;			/* 0 */
	uint32		size;			/* of what follows the header */
	Oid			type;			/* of the values, without domains */
	Oid			collation;		/* of the range, or 0 */
	pg_crc32c	crc;			/* of all before it and all that follows */
} ZoneHeader;

StaticAssertDecl(sizeof(ZonesHeader) == 4 && sizeof(ZoneHeader) == 20,
				 "a header of zones has padding");

/* Longer bounds of a range are cut, or left out where they cannot be. */
#define ZONE_MAX_BOUND	64

/* What is kept of a type. */
typedef enum ZoneKind
{
	ZONE_NONE,
	ZONE_BY_VALUE,				/* range in the order of the type */
	ZONE_FIXED,					/* the same, of fixed length */
	ZONE_WHOLE,					/* the same, of varlenas that cannot be cut */
	ZONE_BYTES,					/* range in bytewise order, cut */
	ZONE_TEXT,					/* the same, and a filter of values */
	ZONE_PADDED,				/* the same, without spaces at the end */
	ZONE_NAME,					/* as ZONE_TEXT, of a fixed length */
	ZONE_LABELS,				/* filter of labels */
	ZONE_FUNCTIONS				/* filter of names of functions */
} ZoneKind;

static inline bool
zone_kind_is_text(ZoneKind kind)
{
	return kind == ZONE_TEXT || kind == ZONE_PADDED || kind == ZONE_NAME;
}

extern pg_crc32c zone_checksum(const ZoneHeader *header, const char *content);
extern ZoneKind zone_kind(Oid base_type);
extern StringRef zone_strip_padding(StringRef text);

/* Hashes of what filters hold. */
extern uint64 zone_text_hash(StringRef text);
extern uint64 zone_label_hash(StringRef key);
extern uint64 zone_label_value_hash(StringRef key, const JsonbValue *scalar);

#endif							/* PYRO_ZONE_FORMAT_H */
