/*
 * verify.h
 *	  pyro.verify: is everything that belongs to a table sound?
 */
#ifndef PYRO_VERIFY_H
#define PYRO_VERIFY_H

#include "nodes/execnodes.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "tableam/block_codec.h"
#include "tableam/marks.h"
#include "tableam/storage.h"

/* A block whose directory row could be read. */
typedef struct KnownBlock
{
	int64		first_vpage;
	int			rows;
} KnownBlock;

typedef struct Verification
{
	Relation	rel;
	Snapshot	snapshot;		/* of all that is looked at */
	ReturnSetInfo *result;
	Storage		storage;		/* id NO_STORAGE if there is none */
	int			block_count;
	KnownBlock *blocks;			/* by first_vpage */
	bool		knows_all_blocks;
	MarkSet    *marks;
} Verification;

/* Add a problem to the result. */
void		verify_report(Verification *verification, const char *format,...) pg_attribute_printf(2, 3);

/* The block that has a virtual page, or NULL. */
const KnownBlock *verify_find_block(const Verification *verification, int64 vpage);

/* Why a column's values do not fit what its zone says. */
typedef struct ZoneFindings
{
	bool		has_zone;
	int			nulls;			/* rows that are NULL */
	bool		nulls_fit;
	int			outside;		/* rows that its range excludes */
	int			denied;			/* rows that its filter excludes */
} ZoneFindings;

/*
 * Ask a column's zone for every row (verify_zones.c); every answer has to be
 * that there may be such a row.
 */
ZoneFindings verify_zone(const bytea *zones, Form_pg_attribute attribute,
						 const BlockColumn *column, int rows);

/* Check all valid indexes against head and blocks (verify_indexes.c). */
void		verify_indexes(Verification *verification);

#endif							/* PYRO_VERIFY_H */
