/*
 * payload.h
 *	  A block's bytes: one value in the table's own TOAST relation, of which
 *	  readers take slices.
 *
 * So whatever happens to the table's files happens to the payload.
 */
#ifndef PYRO_PAYLOAD_H
#define PYRO_PAYLOAD_H

#include "utils/rel.h"

#include "tableam/directory.h"

/*
 * Save a payload; returns the id of the TOAST value.
 *
 * The bytea has a 4-byte header and is not compressed.  Nothing of it is
 * decoded logically.
 */
Oid			payload_save(Relation rel, struct varlena *bytes);

/*
 * The same, on pages below a limit as far as their recorded free space reaches;
 * the rest goes where PostgreSQL puts it.
 */
Oid			payload_save_low(Relation rel, struct varlena *bytes, BlockNumber page_limit);

/* The last page of the TOAST relation that has a part of a payload. */
BlockNumber payload_last_page(Relation rel, const BlockEntry *entry);

/* How many pages of the TOAST relation so many bytes of payload fill. */
BlockNumber payload_pages(int64 bytes);

/*
 * Read a slice, palloc'd: the bytes without a header are VARDATA of the result.
 *
 * An error (data_corrupted) if the value is not there or too short; it has the
 * table and block as its context.
 */
struct varlena *payload_read(Relation rel, const BlockEntry *entry, uint32 offset, uint32 size);

/* Delete a payload, which stays readable for older snapshots. */
void		payload_delete(Relation rel, const BlockEntry *entry);

#endif							/* PYRO_PAYLOAD_H */
