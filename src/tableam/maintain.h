/*
 * maintain.h
 *	  The duties of a table, in portions: by CALL pyro.maintain, and by a
 *	  background worker.
 *
 * Duties need a SPI connection that may commit.  A procedure that is called
 * outside a transaction block makes one with SPI_connect_ext(SPI_OPT_NONATOMIC);
 * a worker, which has no portal, calls maintain_connect(), and in the end
 * maintain_disconnect(), or after an error AbortCurrentTransaction().
 *
 * No snapshot is active and no lock is held that a commit may not let go of.
 * A portion begins by committing what was before, and leaves its last
 * transaction open: the next portion, or whatever else commits, commits it.
 */
#ifndef PYRO_MAINTAIN_H
#define PYRO_MAINTAIN_H

#include "nodes/pg_list.h"

#include "tableam/compaction.h"
#include "tableam/retention.h"

/* In the order in which they are done. */
typedef enum Duty
{
	DUTY_PARTITIONS,			/* of a partitioned table: make and drop them */
	DUTY_RETENTION,				/* drop what is older than the policy's
								 * retention */
	DUTY_RULES,					/* drop what the rules of retention say */
	DUTY_COMPACT,				/* move rows from the head into blocks */
	DUTY_MERGE,					/* make larger blocks of small ones */
	DUTY_CLEAN,					/* remove index entries of blocks that are
								 * gone */
	DUTY_SETTLE,				/* let the files shrink */
	DUTY_END
} Duty;

typedef enum DutyResult
{
	DUTY_DONE,					/* there is nothing more to do */
	DUTY_MORE,					/* call again, if only to find that it is done */
	DUTY_LOCKED					/* somebody else has the table: try later */
} DutyResult;

/* A table on which duties are being done; it is to be kept from portion to portion. */
typedef struct Maintenance
{
	bool		by_worker;		/* never waits for locks, and does nothing
								 * that is not yet worth it */
	bool		has_begun;		/* the duty that is being done */
	MemoryContext memory;		/* what the duty keeps */
	TimestampTz retention_at;	/* when old rows were looked for */
	Retention	retention;
	Compaction	compaction;		/* compaction.done: in all duties */
} Maintenance;

/* "compact", "merge", ... */
extern const char *duty_name(Duty duty);

/*
 * Get ready for the duties of a table; it needs no transaction.  Before the first
 * time all of the struct is 0.  After an error has_begun is to be set to false, or
 * the duties to be begun anew, since nobody knows how far the portion came.
 */
extern void maintain_begin(Maintenance *maintenance, Oid relid, bool by_worker);

/*
 * Do a portion of a duty: some transactions of bounded size.
 *
 * Nothing is done for a table that is gone, or that the duty does not concern:
 * whether it does is looked up at every portion.
 */
extern DutyResult maintain_portion(Maintenance *maintenance, Duty duty);

/* All duties came to their end, or were found locked: write it into pyro.run. */
extern void maintain_end(Maintenance *maintenance);

/*
 * The tables of the database that have duties, partitioned ones first, in the
 * order of their OIDs; palloc'd.
 */
extern List *maintain_tables(void);

/*
 * Begin and end a transaction with a SPI connection that may commit.  Memory
 * that lives across commits is of this context, which the caller resets or
 * deletes after the end, or after an error.
 */
extern void maintain_connect(MemoryContext context);
extern void maintain_disconnect(void);

#endif							/* PYRO_MAINTAIN_H */
