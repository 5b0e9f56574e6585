/*
 * partitions.c
 *	  Partitions by time: made before they are needed, dropped when they are old.
 *
 * Bounds are multiples of the width in UTC, weeks from Monday, as
 * pyro.create_profiles_table makes them.  A new partition is made beside the
 * table and then attached, which readers and writers of the table do not feel;
 * only the default partition is locked for a moment.  To drop one the whole
 * table has to be locked.  Where we do not wait, neither does anybody wait for
 * us: locks are tried for a while.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type_d.h"
#include "commands/defrem.h"
#include "commands/tablespace.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/partcache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "tableam/drop_rows.h"
#include "tableam/partitions.h"
#include "tableam/policy.h"
#include "tableam/subtransaction.h"

/* Besides the present one. */
#define PARTITIONS_AHEAD	2

/* 2024-01-01 UTC, a Monday. */
#define BOUNDS_ORIGIN		(INT64CONST(757382400) * USECS_PER_SEC)

/* How long a lock is tried where we do not wait. */
#define LOCK_TRIES			40
#define LOCK_TRY_INTERVAL	50000	/* us */

/* ---- what there is ---- */

bool
partitions_are_by_time(Relation rel)
{
	PartitionKey key;

	if (rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return false;
	key = RelationGetPartitionKey(rel);
	return key->strategy == PARTITION_STRATEGY_RANGE && key->partnatts == 1 &&
		key->partattrs[0] > 0 && key->parttypid[0] == TIMESTAMPTZOID;
}

static TimestampTz
bound_at(PartitionBoundInfo bounds, int i)
{
	switch (bounds->kind[i][0])
	{
		case PARTITION_RANGE_DATUM_MINVALUE:
			return DT_NOBEGIN;
		case PARTITION_RANGE_DATUM_MAXVALUE:
			return DT_NOEND;
		default:
			return DatumGetTimestampTz(bounds->datums[i][0]);
	}
}

TimePartition *
partitions_of_table(Relation rel, int *count)
{
	PartitionDesc desc = RelationGetPartitionDesc(rel, true);
	PartitionBoundInfo bounds = desc->boundinfo;
	TimePartition *partitions = palloc(Max(desc->nparts, 1) * sizeof(TimePartition));

	*count = 0;
	for (int i = 1; desc->nparts > 0 && i < bounds->ndatums; i++)
		if (bounds->indexes[i] >= 0)
		{
			TimePartition *partition = &partitions[(*count)++];

			partition->relid = desc->oids[bounds->indexes[i]];
			partition->lower = bound_at(bounds, i - 1);
			partition->upper = bound_at(bounds, i);
		}
	return partitions;
}

static Oid
default_partition(Relation rel)
{
	PartitionDesc desc = RelationGetPartitionDesc(rel, true);

	return desc->nparts > 0 && partition_bound_has_default(desc->boundinfo) ?
		desc->oids[desc->boundinfo->default_index] : InvalidOid;
}

/* ---- steps ---- */

/* Lock a relation; false if it cannot be had while we do not wait. */
static bool
lock_relation(const Compaction *compaction, Oid relid, LOCKMODE mode)
{
	if (!compaction->nowait)
	{
		LockRelationOid(relid, mode);
		return true;
	}
	for (int i = 0; i < LOCK_TRIES; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (ConditionalLockRelationOid(relid, mode))
			return true;
		pg_usleep(LOCK_TRY_INTERVAL);
	}
	return false;
}

static void
set_local(const char *name, const char *value)
{
	set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Begin a transaction, lock the partitioned table, and become its owner.  False
 * if it is no table for us, or locked by somebody else.
 */
static bool
begin_step(Compaction *compaction, LOCKMODE mode)
{
	compaction_begin_transaction();
	if (!lock_relation(compaction, compaction->relid, mode))
	{
		compaction->lock_failed = true;
		return false;
	}
	compaction->rel = try_relation_open(compaction->relid, NoLock);
	if (compaction->rel == NULL)
		return false;
	if (!partitions_are_by_time(compaction->rel) ||
		compaction->rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
	{
		relation_close(compaction->rel, NoLock);
		return false;
	}
	compaction_become_owner(compaction);
	set_local("search_path", "pg_catalog, pg_temp");
	set_local("row_security", "off");
	set_local("datestyle", "ISO, YMD");
	set_local("timezone", "UTC");
	set_local("default_tablespace", "");
	if (compaction->nowait)
		set_local("lock_timeout", "1s");
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	return true;
}

static void
end_step(Compaction *compaction)
{
	SPI_finish();
	PopActiveSnapshot();
	compaction_leave_owner(compaction);
	relation_close(compaction->rel, NoLock);
	compaction->rel = NULL;
}

static const char *
qualified_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

static void
execute(const char *statement, int expected)
{
	if (SPI_execute(statement, false, 0) != expected)
		elog(ERROR, "could not execute \"%s\"", statement);
}

/* A command that changes the table may not find it open in its own session. */
static void
execute_on_table(Compaction *compaction, const char *statement)
{
	relation_close(compaction->rel, NoLock);
	execute(statement, SPI_OK_UTILITY);
	compaction->rel = table_open(compaction->relid, NoLock);
}

/* Has a table, with its partitions, rows that meet a condition? */
static bool
has_rows(Oid relid, const char *condition)
{
	execute(psprintf("SELECT FROM %s WHERE %s LIMIT 1", qualified_name(relid), condition),
			SPI_OK_SELECT);
	return SPI_processed > 0;
}

/* A time as a literal; the session's settings are ISO and UTC. */
static const char *
time_literal(TimestampTz time)
{
	return quote_literal_cstr(DatumGetCString(DirectFunctionCall1(timestamptz_out,
																  TimestampTzGetDatum(time))));
}

/* ---- making ---- */

/* The first time, from lower on, that has no partition; and where the next one begins. */
static bool
find_gap(const TimePartition *partitions, int count, TimestampTz lower, TimestampTz upper,
		 TimePartition *gap)
{
	for (int i = 0; i < count && lower < upper; i++)
	{
		if (partitions[i].upper <= lower)
			continue;
		if (partitions[i].lower > lower)
		{
			upper = Min(upper, partitions[i].lower);
			break;
		}
		lower = partitions[i].upper;
	}
	gap->lower = lower;
	gap->upper = upper;
	return lower < upper;
}

/* Is a partition missing that will be needed soon?  Then of which times. */
static bool
find_missing(Relation rel, TimePartition *missing)
{
	TablePolicy *policy = table_policy(rel);
	TimestampTz now = GetCurrentTimestamp();
	int64		width;
	TimestampTz start;
	TimePartition *partitions;
	int			count;

	if (policy->partition_by == NULL || !interval_is_fixed(policy->partition_by, &width) ||
		width < USECS_PER_HOUR)
		return false;
	partitions = partitions_of_table(rel, &count);
	start = now - (now - BOUNDS_ORIGIN) % width;
	if (start > now)
		start -= width;
	for (int i = 0; i <= PARTITIONS_AHEAD; i++)
		if (find_gap(partitions, count, start + i * width, start + (i + 1) * width, missing))
			return true;
	return false;
}

/* The columns of a table that can be inserted, as a list. */
static const char *
column_list(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped && attribute->attgenerated == '\0')
			appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "",
							 quote_identifier(NameStr(attribute->attname)));
	}
	return list.data;
}

/*
 * An error if moving rows out of a table would look like deleting them: to its
 * triggers, which foreign keys have, too, and its rules.
 */
static void
check_may_move(Oid relid, const TimePartition *partition)
{
	List	   *tables = find_all_inheritors(relid, AccessShareLock, NULL);
	ListCell   *cell;

	foreach(cell, tables)
	{
		Relation	rel = relation_open(lfirst_oid(cell), NoLock);
		const TriggerDesc *triggers = rel->trigdesc;

		if (rel->rd_rules != NULL ||
			(triggers != NULL &&
			 (triggers->trig_delete_before_row || triggers->trig_delete_after_row ||
			  triggers->trig_delete_before_statement || triggers->trig_delete_after_statement)))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("cannot make a partition from %s to %s, since default partition \"%s\" has rows of that time",
							time_literal(partition->lower), time_literal(partition->upper),
							get_rel_name(relid)),
					 errdetail("They are not moved, as triggers, rules or foreign keys would take them for deleted."),
					 errhint("Move them by hand.")));
		relation_close(rel, NoLock);
	}
}

/* Move rows from the default partition into a new one. */
static void
move_rows(Relation rel, Oid from, const char *to, const TimePartition *partition)
{
	const char *column = quote_identifier(get_attname(RelationGetRelid(rel),
													  RelationGetPartitionKey(rel)->partattrs[0],
													  false));
	const char *columns = column_list(rel);
	const char *condition = psprintf("%s >= %s AND %s < %s", column,
									 time_literal(partition->lower), column,
									 time_literal(partition->upper));

	if (!has_rows(from, condition))
		return;
	check_may_move(from, partition);
	execute(psprintf("WITH moved AS (DELETE FROM %s WHERE %s RETURNING %s)"
					 " INSERT INTO %s (%s) SELECT %s FROM moved",
					 qualified_name(from), condition, columns, to, columns, columns),
			SPI_OK_INSERT);
}

/* A name for a partition that begins at a time. */
static const char *
new_name(Relation rel, TimestampTz lower)
{
	struct pg_tm tm;
	fsec_t		fsec;
	const char *label;

	if (timestamp2tm(lower, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	label = psprintf("%04d%02d%02d_%02d%02d", tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour,
					 tm.tm_min);
	return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
									  ChooseRelationName(RelationGetRelationName(rel), NULL, label,
														 RelationGetNamespace(rel), false));
}

/* Make a partition; false if the default one is locked by somebody else. */
static bool
make_partition(Compaction *compaction, const TimePartition *partition)
{
	Relation	rel = compaction->rel;
	const char *parent = qualified_name(RelationGetRelid(rel));
	const char *name = new_name(rel, partition->lower);
	const char *place = OidIsValid(rel->rd_rel->reltablespace) ?
	psprintf(" TABLESPACE %s",
			 quote_identifier(get_tablespace_name(rel->rd_rel->reltablespace))) : "";
	Oid			rest = default_partition(rel);

	if (OidIsValid(rest) && !lock_relation(compaction, rest, AccessExclusiveLock))
		return false;

	/* without the parameter VACUUM leaves the tail of the payload standing */
	execute(psprintf("CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS"
					 " INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMPRESSION)"
					 " USING pyro WITH (toast.vacuum_index_cleanup = on)%s", name, parent, place),
			SPI_OK_UTILITY);
	if (OidIsValid(rest))
		move_rows(rel, rest, name, partition);
	execute_on_table(compaction,
					 psprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)",
							  parent, name, time_literal(partition->lower),
							  time_literal(partition->upper)));
	return true;
}

/* ---- dropping ---- */

/* What a partition, or one of a partition's own, must lose by DELETE, if it has any. */
static bool
must_be_emptied(Oid relid)
{
	List	   *tables = find_all_inheritors(relid, AccessShareLock, NULL);
	ListCell   *cell;
	bool		must = false;

	foreach(cell, tables)
	{
		Relation	rel = relation_open(lfirst_oid(cell), NoLock);

		must |= must_delete_rows(rel);
		relation_close(rel, lfirst_oid(cell) == relid ? NoLock : AccessShareLock);
	}
	return must;
}

/*
 * Is the retention over of all that a partition may have: of each of its own
 * partitions, too?
 */
static bool
retention_is_over(const TimePartition *partition)
{
	List	   *tables = find_all_inheritors(partition->relid, AccessShareLock, NULL);
	TimestampTz now = GetCurrentTimestamp();
	ListCell   *cell;
	bool		is_over = true;

	foreach(cell, tables)
	{
		Relation	rel = relation_open(lfirst_oid(cell), NoLock);
		TablePolicy *policy = table_policy(rel);

		is_over &= policy->retention != NULL &&
			partition->upper <= time_before(now, policy->retention);
		relation_close(rel, lfirst_oid(cell) == partition->relid ? NoLock : AccessShareLock);
	}
	return is_over;
}

/*
 * Is it a table, and its retention over?  Where another column than that of the
 * partitions tells the age of a row, and where rows must be deleted one by one,
 * it has to be empty.
 */
static bool
is_old(Relation rel, const TimePartition *partition)
{
	char		kind = get_rel_relkind(partition->relid);
	bool		tells_age = RelationGetPartitionKey(rel)->partattrs[0] == time_column(rel);
	bool		result;

	if ((kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE) ||
		TIMESTAMP_NOT_FINITE(partition->upper))
		return false;

	/* wait for nobody: who has it locked has something in mind with it */
	if (!ConditionalLockRelationOid(partition->relid, AccessShareLock))
		return false;
	result = SearchSysCacheExists1(RELOID, ObjectIdGetDatum(partition->relid)) &&
		retention_is_over(partition) &&
		((tells_age && !must_be_emptied(partition->relid)) ||
		 !has_rows(partition->relid, "true"));

	/* there may be more partitions than locks */
	UnlockRelationOid(partition->relid, AccessShareLock);
	return result;
}

/* The first partition that ends after a time and whose own time is over; or NULL. */
static const TimePartition *
find_old(Relation rel, TimestampTz after)
{
	TablePolicy *policy = table_policy(rel);
	int			count;
	TimePartition *partitions;

	if (policy->partition_by == NULL)
		return NULL;
	partitions = partitions_of_table(rel, &count);
	for (int i = 0; i < count; i++)
		if (partitions[i].upper > after && is_old(rel, &partitions[i]))
			return &partitions[i];
	return NULL;
}

static const TimePartition *
find_partition(Relation rel, Oid relid)
{
	int			count;
	TimePartition *partitions = partitions_of_table(rel, &count);

	for (int i = 0; i < count; i++)
		if (partitions[i].relid == relid)
			return &partitions[i];
	return NULL;
}

/* A partition that is to be dropped, in a step of the table. */
typedef struct PartitionDrop
{
	Compaction *compaction;
	Oid			partition;
	bool		for_age;
	const char *reason;
	bool		dropped;
} PartitionDrop;

/* May it be dropped, now that the table is locked? */
static bool
may_drop_partition(const PartitionDrop *drop, Relation rel)
{
	const TimePartition *partition = find_partition(rel, drop->partition);

	if (partition == NULL ||
		!lock_relation(drop->compaction, drop->partition, AccessExclusiveLock))
		return false;
	return drop->for_age ? is_old(rel, partition) :
		!must_be_emptied(drop->partition) || !has_rows(drop->partition, "true");
}

static void
drop_partition(void *arg)
{
	PartitionDrop *drop = arg;
	Compaction *compaction = drop->compaction;

	compaction->rel = table_open(compaction->relid, NoLock);
	if (may_drop_partition(drop, compaction->rel))
	{
		const char *name = qualified_name(drop->partition);

		/* foreign keys to the table do not let go of a partition otherwise */
		execute_on_table(compaction,
						 psprintf("ALTER TABLE %s DETACH PARTITION %s",
								  qualified_name(compaction->relid), name));
		execute(psprintf("DROP TABLE %s", name), SPI_OK_UTILITY);
		ereport(LOG,
				(errmsg("dropped partition %s of table \"%s\": %s", name,
						RelationGetRelationName(compaction->rel), drop->reason)));
		drop->dropped = true;
	}
	relation_close(compaction->rel, NoLock);
}

bool
partition_drop(Compaction *compaction, Oid partition, bool for_age, const char *reason,
			   ErrorData **error)
{
	MemoryContext context = CurrentMemoryContext;
	PartitionDrop drop = {
		.compaction = compaction,.partition = partition,.for_age = for_age,.reason = reason
	};

	*error = NULL;
	if (!begin_step(compaction, AccessExclusiveLock))
		return false;

	/* others are to be dropped even if this one cannot be */
	relation_close(compaction->rel, NoLock);
	MemoryContextSwitchTo(context);
	*error = subtransaction_try(drop_partition, &drop);
	compaction->rel = table_open(compaction->relid, NoLock);
	end_step(compaction);
	if (*error == NULL)
		compaction->done.partitions_dropped += drop.dropped;
	return *error == NULL && drop.dropped;
}

bool
partitions_portion(Compaction *compaction, bool may_drop)
{
	TimePartition missing;
	bool		made = false;
	Oid			old = InvalidOid;

	/* other tables have no partitions to be locked for */
	compaction_begin_transaction();
	if (get_rel_relkind(compaction->relid) != RELKIND_PARTITIONED_TABLE ||
		!begin_step(compaction, ShareUpdateExclusiveLock))
		return false;
	if (find_missing(compaction->rel, &missing))
	{
		made = make_partition(compaction, &missing);
		compaction->done.partitions_made += made;
		compaction->lock_failed = !made;
	}
	else if (may_drop)
	{
		const TimePartition *partition = find_old(compaction->rel, compaction->partitions_until);

		if (partition != NULL)
		{
			old = partition->relid;
			compaction->partitions_until = partition->upper;
		}
	}
	end_step(compaction);
	if (OidIsValid(old))
	{
		MemoryContext before = MemoryContextSwitchTo(compaction->memory);
		ErrorData  *error;

		partition_drop(compaction, old, true, "all its rows are older than the retention", &error);
		MemoryContextSwitchTo(before);
		if (compaction->partition_error == NULL)
			compaction->partition_error = error;
		return true;
	}
	if (!made && !compaction->lock_failed && compaction->partition_error != NULL)
		ReThrowError(compaction->partition_error);
	return made;
}
