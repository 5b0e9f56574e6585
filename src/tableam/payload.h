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
 * Read a slice, palloc'd: the bytes without a header are VARDATA of the result.
 *
 * An error (data_corrupted) if the value is not there or too short; it has the
 * table and block as its context.
 */
struct varlena *payload_read(Relation rel, const BlockEntry *entry, uint32 offset, uint32 size);

/* Delete a payload, which stays readable for older snapshots. */
void		payload_delete(Relation rel, const BlockEntry *entry);

#endif							/* PYRO_PAYLOAD_H */
