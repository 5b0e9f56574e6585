/*
 * block_cache.h
 *	  Opened blocks of this backend, least recently used ones dropped first.
 *
 * What a block holds never changes, so an opened block is never invalidated;
 * whether it exists for a snapshot is the directory's to say.
 */
#ifndef PYRO_BLOCK_CACHE_H
#define PYRO_BLOCK_CACHE_H

#include "tableam/block_codec.h"
#include "tableam/directory.h"

typedef struct OpenBlock OpenBlock;

/*
 * A holder's pin on one opened block at a time.
 *
 * It lives in the memory context in which it was made and is released with
 * that, so that an error leaves no pin behind.
 */
typedef struct BlockPin
{
	OpenBlock  *block;			/* or NULL */
	DecodeCounters *counters;	/* of what is decoded by this pin; or NULL */
	MemoryContext context;		/* in which it lives */
	struct ProfileValue **profiles; /* by attribute number - 1, made when
									 * needed */
	int			profile_count;	/* of the array */
	MemoryContextCallback callback;
} BlockPin;

/* Define the settings. */
void		block_cache_init(void);

/* How many bytes of opened blocks a session keeps. */
Size		block_cache_size(void);

/* Drop all blocks that nobody has pinned. */
void		block_cache_clear(void);

/* A pin on nothing, in the current memory context; it is not to be freed. */
BlockPin   *block_pin_create(void);

/* Pin this block, open it if need be, and let go of the one before. */
void		block_pin_set(BlockPin *pin, const BlockEntry *entry);
void		block_pin_release(BlockPin *pin);

/*
 * A column of the pinned block, decoded at its first use; NULL if the block was
 * written before the table had it.
 *
 * The entry must be the one under which the block was found: it says where the
 * payload is now.
 */
const BlockColumn *block_column(BlockPin *pin, Relation rel, const BlockEntry *entry,
								Form_pg_attribute attribute);

/*
 * The value of a row in a column of the pinned block, which is not NULL.
 *
 * It points into the block.  One of a profile is that of this pin (ProfileValue),
 * and good until another one of the column is asked for.
 */
Datum		block_value(BlockPin *pin, Relation rel, const BlockEntry *entry, AttrNumber attnum,
						const BlockColumn *column, int row);

/*
 * Rows of the pinned block that follow each other and have the same value, to the
 * byte, in a column.
 */
typedef struct ValueRuns
{
	int			count;			/* 0 if there are too many to be of use */
	int		   *starts;			/* the first row of each */
} ValueRuns;

/*
 * The runs of a column that is not of profiles; looked for at the first use.
 *
 * NULL if the block was written before the table had the column, and it has one
 * value in all rows.
 */
const ValueRuns *block_runs(BlockPin *pin, Relation rel, const BlockEntry *entry,
							Form_pg_attribute attribute);

/* Where the rows came from, and their xmins there, by row number. */
const ItemPointerData *block_prior_tids(BlockPin *pin, Relation rel, const BlockEntry *entry);
const TransactionId *block_xmins(BlockPin *pin, Relation rel, const BlockEntry *entry);

#endif							/* PYRO_BLOCK_CACHE_H */
