/*
 * block_zones.h
 *	  What a block knows of its columns without being opened.
 *
 * Of each column it knows whether some or all rows are NULL, and, where that is
 * worth it, the least and the greatest value, and a Bloom filter: of the values
 * of a column of texts, of the labels of one of jsonb, and of the functions of
 * one of profiles.
 *
 * A question has two answers: false, no row can be it, and true, some may.
 */
#ifndef PYRO_BLOCK_ZONES_H
#define PYRO_BLOCK_ZONES_H

#include "access/attnum.h"
#include "access/stratnum.h"
#include "c.h"
#include "fmgr.h"
#include "utils/jsonb.h"

#include "stack/string_ref.h"

/* Flags of a zone; on disk. */
#define BLOCK_ZONE_HAS_NULLS		0x01	/* some row is NULL */
#define BLOCK_ZONE_ALL_NULL			0x02	/* every row is */
#define BLOCK_ZONE_HAS_RANGE		0x04	/* min and max are known */
#define BLOCK_ZONE_HAS_VALUES		0x08	/* the filter is of values */
#define BLOCK_ZONE_HAS_LABELS		0x10	/* of labels */
#define BLOCK_ZONE_HAS_FUNCTIONS	0x20	/* of names of functions */

#define BLOCK_ZONE_FILTERS \
	(BLOCK_ZONE_HAS_VALUES | BLOCK_ZONE_HAS_LABELS | BLOCK_ZONE_HAS_FUNCTIONS)

typedef struct BlockZone
{
	AttrNumber	attnum;
	uint8		flags;
	Oid			type;			/* of the values, without domains */

	/*
	 * The collation of the range, or none: texts are always in bytewise
	 * order, whatever the column's collation is.  That serves equality in
	 * every deterministic one, and no other library brings another order.
	 */
	Oid			collation;

	/*
	 * With BLOCK_ZONE_HAS_RANGE.  All values are from min to max, but where
	 * they are long texts these need not be values, nor be well encoded.
	 */
	Datum		min;
	Datum		max;
	StringRef	min_bytes;		/* of texts: the same */
	StringRef	max_bytes;

	StringRef	filter;			/* with one of BLOCK_ZONE_FILTERS */
} BlockZone;

/*
 * Find the zone of a column; false where the block has none, since the column
 * is younger.
 *
 * zones: not compressed, and not changed or freed while the zone is used.
 * type: what the column has now; of one whose values are ordered or equal in
 * other ways than that at the time of writing only the NULLs are told.  min and
 * max are in the current context if they are not by value.  Raises
 * ERRCODE_DATA_CORRUPTED where the zone, or what stands before it, is damaged.
 */
extern bool block_zones_find(const bytea *zones, AttrNumber attnum, Oid type,
							 BlockZone *zone);

/*
 * May a value that is not NULL be less than, equal to, ... a constant?
 *
 * strategy: a btree one.  compare: the support function 1 of the column's type
 * (left) and the constant's, which may be another one of the operator family
 * of the type's default operator class.  collation: of the operator.
 */
extern bool block_zone_may_compare(const BlockZone *zone, StrategyNumber strategy,
								   FmgrInfo *compare, Datum constant, Oid collation);

/*
 * May a text (of any of the types for texts) be equal to this one, in the
 * server's encoding?
 */
extern bool block_zone_may_have_text(const BlockZone *zone, StringRef wanted, Oid collation);

/* May `labels ? key` be, and with it `labels -> key IS NOT NULL`? */
extern bool block_zone_may_have_label(const BlockZone *zone, StringRef key);

/*
 * May `labels @> {key: value}` be, or `labels -> key = value`?  Of an array or
 * object only the key is looked for.
 */
extern bool block_zone_may_have_label_value(const BlockZone *zone, StringRef key,
											const JsonbValue *value);

/* May `labels ->> key = value` be? */
extern bool block_zone_may_have_label_text(const BlockZone *zone, StringRef key, StringRef value,
										   Oid collation);

/* May `profile @> name` be? */
extern bool block_zone_may_have_function(const BlockZone *zone, text *name);

#endif							/* PYRO_BLOCK_ZONES_H */
