/*
 * policy.h
 *	  pyro.policy: what users say of single tables, and what holds where they
 *	  say nothing.
 */
#ifndef PYRO_POLICY_H
#define PYRO_POLICY_H

#include "access/attnum.h"
#include "datatype/timestamp.h"
#include "utils/rel.h"

#include "tableam/relation_rows.h"

/* The columns of pyro.policy, and the arguments of pyro.set_policy. */
enum
{
	POLICY_RELATION = 1,
	POLICY_COMPACT_AFTER,
	POLICY_RETENTION,
	POLICY_ARCHIVE_AFTER,
	POLICY_ORDER_BY,
	POLICY_BLOCK_ROWS,
	POLICY_BLOCK_SAMPLES,
	POLICY_BLOCK_SIZE,
	POLICY_MERGE_WINDOWS,
	POLICY_PARTITION_BY,
	POLICY_COLUMNS = POLICY_PARTITION_BY
};

/* Bounds of the settings, for tables and for the server alike. */
#define MIN_BLOCK_SIZE		((int64) 64 * 1024)
#define MAX_BLOCK_SIZE		((int64) 256 * 1024 * 1024)
#define MAX_MERGE_WINDOWS	8

/* What was said of one table; the values are in the current context. */
typedef struct PolicyRow
{
	Datum		values[POLICY_COLUMNS];
	bool		nulls[POLICY_COLUMNS];
} PolicyRow;

/*
 * What holds for a table: setting by setting its own policy, else that of the
 * nearest table of which it is a partition, else the server's setting.
 */
typedef struct TablePolicy
{
	Interval   *compact_after;	/* NULL: nothing was said of the table */
	Interval   *retention;		/* the same */
	Interval   *archive_after;	/* the same */
	Interval   *partition_by;	/* the same; only what was said of itself */
	int			block_rows;
	int64		block_samples;
	Size		block_size;		/* bytes before compression */
	int			nwindows;
	int64	   *windows;		/* microseconds, each a multiple of the one
								 * before */
} TablePolicy;

/* Define the settings that hold where a table has none. */
extern void policy_init(void);

/* Is it a relation of a kind that may have a policy? */
extern bool policy_is_possible(Oid relid);

/* The policy of a table, in the current context. */
extern TablePolicy *table_policy(Relation rel);

/* pyro.compact_after, in microseconds: of tables of which nothing was said. */
extern int64 policy_default_compact_after(void);

/* pyro.disk_limit in bytes; 0: none. */
extern int64 policy_disk_limit(void);

/* Read what was said of this very relation; false if nothing was. */
extern bool policy_read(Oid relid, PolicyRow *row);

/*
 * Delete what was said of a table: its policy and its rules of retention.
 * policy_delete_row leaves the rules.
 */
extern void policy_delete(Oid relid);
extern void policy_delete_row(Oid relid);

/* Delete the policies of tables that are gone. */
extern void policy_sweep(void);

/*
 * The table of which a user says something, locked to the transaction's end; an
 * error if it can have no policy, or the user may not say it, or, if that is all,
 * not maintain the table.
 */
extern Relation policy_open_table(Oid relid, bool only_to_maintain);

/*
 * An error unless an age is finite and not negative, or positive, by any way to
 * reckon it: months and days are not netted.
 */
extern void policy_check_age(const Interval *age, const char *name, bool may_be_zero);

/* One of our tables, locked against others who want to say something. */
extern Relation policy_lock(OwnTable own_table);

/*
 * The column that tells the age of a table's rows: the first one of type
 * timestamptz that is NOT NULL; of a partition the column that tells it for the
 * whole.  InvalidAttrNumber if there is none.
 */
extern AttrNumber time_column(Relation rel);

/* The same; an error if there is none. */
extern AttrNumber require_time_column(Relation rel);

/*
 * The time that lies an interval before another, reckoned in UTC, so that days
 * have 24 hours.  -infinity if there is none.
 */
extern TimestampTz time_before(TimestampTz time, const Interval *interval);

/* An interval as a fixed length in microseconds; false if it has none. */
extern bool interval_is_fixed(const Interval *interval, int64 *usecs);

/* Are these windows ascending, each a multiple of the one before? */
extern bool merge_windows_are_nested(const int64 *windows, int count);

#endif							/* PYRO_POLICY_H */
