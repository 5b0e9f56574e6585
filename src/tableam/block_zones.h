/*
 * block_zones.h
 *	  What a block knows of its columns without being opened.
 */
#ifndef PYRO_BLOCK_ZONES_H
#define PYRO_BLOCK_ZONES_H

#include "access/attnum.h"
#include "c.h"

/* Flags of a zone; on disk. */
#define BLOCK_ZONE_HAS_NULLS	0x01	/* some row is NULL */
#define BLOCK_ZONE_ALL_NULL		0x02	/* every row is */
#define BLOCK_ZONE_HAS_RANGE	0x04	/* min and max are known */

typedef struct BlockZone
{
	AttrNumber	attnum;
	uint8		flags;
	Datum		min;			/* 0 without BLOCK_ZONE_HAS_RANGE */
	Datum		max;
} BlockZone;

extern void block_zone_find_range(BlockZone *zone, Oid type, int16 attlen,
								  const char *values, int nvalues);
extern bytea *block_zones_to_bytea(const BlockZone *zones, int nzones);
extern bool block_zones_find(const bytea *zones, AttrNumber attnum,
							 BlockZone *zone);

#endif							/* PYRO_BLOCK_ZONES_H */
