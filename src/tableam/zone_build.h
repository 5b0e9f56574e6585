/*
 * zone_build.h
 *	  Making the zones of a block.
 */
#ifndef PYRO_ZONE_BUILD_H
#define PYRO_ZONE_BUILD_H

#include "stack/stack_dictionary.h"
#include "tableam/block_zones.h"

/* The values of a column that are not NULL, as block_format.h lays them out. */
typedef struct ZoneColumn
{
	AttrNumber	attnum;
	Oid			type;
	int16		attlen;
	bool		attbyval;
	char		attalign;
	int			rows;			/* NULL ones too */
	int			nvalues;
	const char *values;
	Size		size;
} ZoneColumn;

/* A zone as it will be stored. */
typedef struct BuiltZone
{
	AttrNumber	attnum;
	uint8		flags;
	Oid			type;
	Oid			collation;
	StringRef	min;
	StringRef	max;
	StringRef	filter;
} BuiltZone;

/*
 * The zone of a column, palloc'd in the current context; of one of profiles
 * without functions.  The type's comparison and nothing else of it is called.
 */
extern BuiltZone zone_build(const ZoneColumn *column);

/* Add the functions of a column of profiles. */
extern void zone_add_functions(BuiltZone *zone, const StackDictionary *stacks);

/*
 * The zones as the directory keeps them, palloc'd in the current context.
 *
 * zones: in ascending order of attnum.
 */
extern bytea *zones_to_bytea(const BuiltZone *zones, int nzones);

#endif							/* PYRO_ZONE_BUILD_H */
