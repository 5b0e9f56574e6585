/*
 * drop_before.c
 *	  CALL pyro.drop_before: forget what is older than a time.
 *
 * A block all of whose rows are older is dropped as a whole, by its zone and
 * without being read; other rows go by DELETE.  Where a deleted row concerns
 * anybody else (triggers, foreign keys, rules, subscribers, serializable
 * transactions), all of them go by DELETE.
 *
 * It is the owner's business and runs as the owner: row security of others
 * does not apply, and where it is forced on the owner the DELETE fails rather
 * than leave rows out silently.
 */
#include "postgres.h"

#include <limits.h>

#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_type_d.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "pyro_ext.h"
#include "tableam/block_tid.h"
#include "tableam/block_zones.h"
#include "tableam/marks.h"
#include "tableam/payload.h"
#include "tableam/policy.h"
#include "tableam/storage.h"
#include "tableam/tableam.h"

/* Each dropped block is locked to the end of the transaction. */
#define MAX_BLOCK_LOCKS	256

/* One table at work. */
typedef struct Retention
{
	Relation	rel;
	const char *column;
	TimestampTz before;
	Storage		storage;
} Retention;

/* ---- by DELETE ---- */

/* Delete older rows whose TIDs lie in a range. */
static void
delete_range(const Retention *retention, const ItemPointerData *first,
			 const ItemPointerData *last)
{
	Relation	rel = retention->rel;
	Oid			types[] = {TIMESTAMPTZOID, TIDOID, TIDOID};
	Datum		values[] = {
		TimestampTzGetDatum(retention->before),
		PointerGetDatum(first), PointerGetDatum(last)
	};
	const char *table = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
												   RelationGetRelationName(rel));
	char	   *statement = psprintf("DELETE FROM ONLY %s WHERE %s OPERATOR(pg_catalog.<) $1"
									 " AND ctid OPERATOR(pg_catalog.>=) $2"
									 " AND ctid OPERATOR(pg_catalog.<=) $3",
									 table, quote_identifier(retention->column));

	if (SPI_execute_with_args(statement, lengthof(types), types, values, NULL, false, 0) !=
		SPI_OK_DELETE && rel->rd_rules == NULL)
		elog(ERROR, "could not execute \"%s\"", statement);
}

static void
delete_all(const Retention *retention)
{
	ItemPointerData first,
				last;

	ItemPointerSet(&first, 0, 1);
	ItemPointerSet(&last, MaxBlockNumber, MaxOffsetNumber);
	delete_range(retention, &first, &last);
}

static void
delete_in_head(const Retention *retention)
{
	ItemPointerData first,
				last;

	ItemPointerSet(&first, 0, 1);
	ItemPointerSet(&last, FIRST_VIRTUAL_PAGE - 1, MaxOffsetNumber);
	delete_range(retention, &first, &last);
}

static void
delete_in_block(const Retention *retention, const BlockEntry *entry)
{
	ItemPointerData first,
				last;

	set_block_row_tid(&first, entry->first_vpage, 0);
	set_block_row_tid(&last, entry->first_vpage, entry->rows - 1);
	delete_range(retention, &first, &last);
}

/* ---- whole blocks ---- */

/* Would somebody miss a DELETE of each row? */
static bool
must_delete_rows(Relation rel)
{
	const TriggerDesc *triggers = rel->trigdesc;

	if (IsolationIsSerializable() || rel->rd_rules != NULL)
		return true;
	if (triggers != NULL &&
		(triggers->trig_delete_before_row || triggers->trig_delete_after_row ||
		 triggers->trig_delete_before_statement || triggers->trig_delete_after_statement))
		return true;
	if (RelationIsLogicallyLogged(rel))
	{
		PublicationDesc publications = {0};

		RelationBuildPublicationDesc(rel, &publications);
		return publications.pubactions.pubdelete;
	}
	return false;
}

/*
 * Drop a block, unless somebody has locked or marked rows of it; such a
 * transaction holds a lock on the block to its end.
 */
static bool
try_drop_block(Retention *retention, const BlockEntry *entry)
{
	ItemPointerData first,
				last;

	if (!ConditionalLockPage(retention->rel,
							 FIRST_VIRTUAL_PAGE + (BlockNumber) entry->first_vpage,
							 AccessExclusiveLock))
		return false;
	set_block_row_tid(&first, entry->first_vpage, 0);
	set_block_row_tid(&last, entry->first_vpage, entry->rows - 1);
	marks_delete(marks_read(entry->storage_id, &first, &last, NULL));
	directory_delete(entry);
	payload_delete(retention->rel, entry);
	retention->storage.blocks--;
	retention->storage.rows -= entry->rows;
	retention->storage.dropped_rows += entry->rows;
	retention->storage.bytes -= entry->payload_size;
	return true;
}

/*
 * Drop the blocks that are old, at most so many, and delete in those that may
 * have older rows; false, before that, if the limit was reached.
 */
static bool
drop_blocks(Retention *retention, int limit)
{
	AttrNumber	attnum = get_attnum(RelationGetRelid(retention->rel), retention->column);
	Oid			type = get_atttype(RelationGetRelid(retention->rel), attnum);
	BlockList  *list = directory_read(retention->storage.id, NULL);
	List	   *mixed = NIL;
	int			dropped = 0;
	ListCell   *cell;

	for (int i = 0; i < list->count && dropped < limit; i++)
	{
		BlockEntry *entry = list->entries[i];
		BlockZone	zone;
		bool		has_range = block_zones_find(directory_zones(entry), attnum, type, &zone) &&
		(zone.flags & BLOCK_ZONE_HAS_RANGE) != 0;

		CHECK_FOR_INTERRUPTS();
		if (has_range && DatumGetTimestampTz(zone.min) >= retention->before)
			continue;
		if (has_range && DatumGetTimestampTz(zone.max) < retention->before &&
			try_drop_block(retention, entry))
			dropped++;
		else
			mixed = lappend(mixed, entry);
	}
	if (dropped > 0)
	{
		CommandCounterIncrement();
		storage_update(retention->rel, &retention->storage);
	}
	if (dropped == limit)
		return false;
	foreach(cell, mixed)
		delete_in_block(retention, lfirst(cell));
	return true;
}

/* ---- the procedure ---- */

/* Drop from a table; false if there is more to be done in another transaction. */
static bool
drop_from_table(Retention *retention, int limit)
{
	if (!is_pyro_relation(retention->rel) || must_delete_rows(retention->rel))
	{
		delete_all(retention);
		return true;
	}
	if (retention->rel->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT &&
		storage_read(retention->rel, &retention->storage) && !drop_blocks(retention, limit))
		return false;
	delete_in_head(retention);
	return true;
}

/* Change a setting up to the end of the guc level. */
static void
set_local(const char *name, const char *value)
{
	set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Become the owner of a table and do its part.  What the owner's functions
 * find may not depend on the caller's search path.
 */
static bool
drop_as_owner(Oid relid, const char *column, TimestampTz before, int limit)
{
	Retention	retention = {.column = column,.before = before};
	Oid			save_user;
	int			save_context,
				guc_level;
	bool		done = true;

	retention.rel = try_relation_open(relid, ShareUpdateExclusiveLock);
	if (retention.rel == NULL)
		return true;
	if (retention.rel->rd_rel->relkind == RELKIND_RELATION)
	{
		GetUserIdAndSecContext(&save_user, &save_context);
		SetUserIdAndSecContext(retention.rel->rd_rel->relowner,
							   save_context | SECURITY_RESTRICTED_OPERATION);
		guc_level = NewGUCNestLevel();
		set_local("search_path", "pg_catalog, pg_temp");
		set_local("row_security", "off");

		/*
		 * By range of TIDs, so that other blocks are not read, or by an
		 * index. Foreign keys' queries may have to read tables in sequence
		 * all the same; they then look too expensive not to be compiled.
		 */
		set_local("enable_seqscan", "off");
		set_local("jit", "off");
		PushActiveSnapshot(GetTransactionSnapshot());
		done = drop_from_table(&retention, limit);
		PopActiveSnapshot();
		AtEOXact_GUC(false, guc_level);
		SetUserIdAndSecContext(save_user, save_context);
	}
	/* the lock stays, for what was done must not be undone by others */
	relation_close(retention.rel, NoLock);
	return done;
}

/* The table itself, or the partitions of a partitioned one, and what tells their rows' age. */
static List *
tables_and_column(Oid relid, const char **column)
{
	Relation	rel = table_open(relid, AccessShareLock);
	bool		partitioned = rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;

	check_may_maintain(rel);
	if (!partitioned && !is_pyro_relation(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" does not have access method pyro",
						RelationGetRelationName(rel))));
	*column = get_attname(relid, require_time_column(rel), false);
	table_close(rel, AccessShareLock);
	return partitioned ? find_all_inheritors(relid, NoLock, NULL) : list_make1_oid(relid);
}

PYRO_FUNCTION(pyro_drop_before);
Datum
pyro_drop_before(PG_FUNCTION_ARGS)
{
	bool		may_commit = fcinfo->context != NULL && IsA(fcinfo->context, CallContext) &&
	!castNode(CallContext, fcinfo->context)->atomic;
	const char *column;
	List	   *tables;
	ListCell   *cell;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("pyro.drop_before needs a table and a time")));
	PreventCommandIfReadOnly("CALL pyro.drop_before");
	PreventCommandDuringRecovery("CALL pyro.drop_before");

	/* its memory outlives the transactions */
	SPI_connect_ext(may_commit ? SPI_OPT_NONATOMIC : 0);

	tables = tables_and_column(PG_GETARG_OID(0), &column);
	foreach(cell, tables)
	{
		bool		done = false;

		while (!done)
		{
			/* wait for a lock without a snapshot, for which others may wait */
			if (may_commit)
				SPI_commit();
			done = drop_as_owner(lfirst_oid(cell), column, PG_GETARG_TIMESTAMPTZ(1),
								 may_commit ? MAX_BLOCK_LOCKS : INT_MAX);
		}
	}
	SPI_finish();
	PG_RETURN_VOID();
}
