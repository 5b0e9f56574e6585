/*
 * partitions.h
 *	  Partitions by time: made before they are needed, dropped when they are old.
 *
 * This is for tables that are partitioned by range of one column of type
 * timestamptz and whose policy says how wide a partition is (partition_by).
 */
#ifndef PYRO_PARTITIONS_H
#define PYRO_PARTITIONS_H

#include "datatype/timestamp.h"
#include "tableam/compaction.h"

/* A partition and the times of its rows: from lower up to, but without, upper. */
typedef struct TimePartition
{
	Oid			relid;
	TimestampTz lower;
	TimestampTz upper;
} TimePartition;

/* Is the table partitioned by range of one column of type timestamptz? */
extern bool partitions_are_by_time(Relation rel);

/*
 * The partitions of such a table in the order of their times, but for the
 * default one; palloc'd.
 */
extern TimePartition *partitions_of_table(Relation rel, int *count);

/*
 * Make a partition that will be needed soon, or drop one that is older than its
 * retention, in transactions of its own; true if there may be more to do.
 *
 * Rows of the default partition that belong into a new one are moved there.
 * may_drop: do not only make partitions.
 */
extern bool partitions_portion(Compaction *compaction, bool may_drop);

/*
 * Drop a partition, in a transaction of its own; false if it is none any more,
 * cannot be locked, or if its rows have to be deleted one by one and it has
 * some; or with an error, in the current context.
 *
 * for_age: only if it is older than its retention.  reason: for the log.
 */
extern bool partition_drop(Compaction *compaction, Oid partition, bool for_age,
						   const char *reason, ErrorData **error);

#endif							/* PYRO_PARTITIONS_H */
