/*
 * block_zones.c
 *	  What a block knows of its columns without being opened.
 *
 * In the directory the zones are a bytea: version (uint16), number of zones
 * (uint16), and for each in ascending order of attnum a ZoneHeader, followed
 * by min and max (uint64 each) if it has a range.  They are searched as they
 * are, since a scan asks each block for few columns.
 */
#include "postgres.h"

#include "access/tupmacs.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/sortsupport.h"
#include "utils/typcache.h"

#include "compat.h"
#include "tableam/block_zones.h"

#define ZONES_VERSION	1

#define ZONE_FLAGS \
	(BLOCK_ZONE_HAS_NULLS | BLOCK_ZONE_ALL_NULL | BLOCK_ZONE_HAS_RANGE)

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
} ZoneHeader;

StaticAssertDecl(sizeof(ZonesHeader) == 4 && sizeof(ZoneHeader) == 4,
				 "a header of zones has padding");

/*
 * Find least and greatest of the values of a column, in the order of its
 * type's default btree operator class; nothing where it has none.
 *
 * values: nvalues (>= 0) passed-by-value ones of attlen bytes each, none NULL.
 */
void
block_zone_find_range(BlockZone *zone, Oid type, int16 attlen,
					  const char *values, int nvalues)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_LT_OPR);
	SortSupportData sort = {0};

	if (nvalues == 0 || !OidIsValid(entry->lt_opr))
		return;
	sort.ssup_cxt = CurrentMemoryContext;
	PrepareSortSupportFromOrderingOp(entry->lt_opr, &sort);
	zone->min = zone->max = fetch_att(values, true, attlen);
	for (int i = 1; i < nvalues; i++)
	{
		Datum		value = fetch_att(values + (Size) i * attlen, true, attlen);

		/* the type's comparison may be anybody's slow function */
		CHECK_FOR_INTERRUPTS();
		if (sort.comparator(value, zone->max, &sort) > 0)
			zone->max = value;
		else if (sort.comparator(value, zone->min, &sort) < 0)
			zone->min = value;
	}
	zone->flags |= BLOCK_ZONE_HAS_RANGE;
}

/*
 * The zones as the directory keeps them, palloc'd in the current context.
 *
 * zones: in ascending order of attnum.
 */
bytea *
block_zones_to_bytea(const BlockZone *zones, int nzones)
{
	ZonesHeader header = {ZONES_VERSION, nzones};
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoSpaces(&out, VARHDRSZ);
	appendBinaryStringInfo(&out, (char *) &header, sizeof(header));
	for (int i = 0; i < nzones; i++)
	{
		ZoneHeader	zone = {zones[i].attnum, zones[i].flags, 0};
		uint64		range[2] = {zones[i].min, zones[i].max};

		appendBinaryStringInfo(&out, (char *) &zone, sizeof(zone));
		if (zone.flags & BLOCK_ZONE_HAS_RANGE)
			appendBinaryStringInfo(&out, (char *) range, sizeof(range));
	}
	SET_VARSIZE(out.data, out.len);
	return (bytea *) out.data;
}

static void
zones_damaged(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("zones of a block are damaged"),
			 errdetail_internal("%s", detail)));
}

/* The next `size` bytes, if there are as many. */
static void
read_bytes(const char **position, const char *end, void *to, Size size)
{
	if ((Size) (end - *position) < size)
		zones_damaged("They are cut off.");
	memcpy(to, *position, size);
	*position += size;
}

/*
 * Find the zone of a column; false where the block has none, since the
 * column is younger.
 *
 * zones: plain or with a short header, not compressed.  Allocates nothing.
 * Raises ERRCODE_DATA_CORRUPTED for what it sees on the way to the column.
 */
bool
block_zones_find(const bytea *zones, AttrNumber attnum, BlockZone *zone)
{
	const char *position = VARDATA_ANY(zones);
	const char *end = position + VARSIZE_ANY_EXHDR(zones);
	ZonesHeader header;

	read_bytes(&position, end, &header, sizeof(header));
	if (header.version != ZONES_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("zones of a block have the unknown version %u",
						header.version),
				 errhint("They may have been written by a newer version of pyro_ext.")));
	for (int i = 0; i < header.nzones; i++)
	{
		ZoneHeader	next;
		uint64		range[2] = {0, 0};

		read_bytes(&position, end, &next, sizeof(next));
		if (next.unused != 0 || (next.flags & ~ZONE_FLAGS) != 0)
			zones_damaged("A flag is unknown.");
		if (next.flags & BLOCK_ZONE_HAS_RANGE)
			read_bytes(&position, end, range, sizeof(range));
		if (next.attnum < attnum)
			continue;
		if (next.attnum > attnum)
			return false;
		*zone = (BlockZone)
		{
			next.attnum, next.flags, (Datum) range[0], (Datum) range[1]
		};
		return true;
	}
	return false;
}
