/*
 * drop_rows.c
 *	  Dropping old rows: whole blocks at once where it can be, else by DELETE.
 *
 * A block all of whose rows are to go is dropped by its zones and without being
 * read.
 */
#include "postgres.h"

#include <limits.h>

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_type_d.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "tableam/block_tid.h"
#include "tableam/block_zones.h"
#include "tableam/drop_rows.h"
#include "tableam/marks.h"
#include "tableam/payload.h"
#include "tableam/storage.h"
#include "tableam/tableam.h"

/* Each dropped block is locked to the end of the transaction. */
#define MAX_BLOCK_LOCKS	256

/* Rows of blocks, and pages of the head, in which one transaction deletes. */
#define MAX_SEARCHED_ROWS	65536
#define MAX_SEARCHED_PAGES	8192

/* The columns by which a selector may rule blocks in or out. */
#define LISTED_COLUMNS	3

/*
 * The parameters of a DELETE: first those of pyro.selection's condition, then
 * the range of TIDs.
 */
enum
{
	PARAMETER_FROM,
	PARAMETER_UNTIL,
	PARAMETER_REST,
	PARAMETER_SERVICES,
	PARAMETER_NAMES,
	PARAMETER_TENANTS,
	PARAMETER_TYPE,
	PARAMETER_TYPES,
	PARAMETER_FIRST,
	PARAMETER_LAST,
	PARAMETER_COUNT
};

/* A column of texts and the values that it has in all rows to be dropped. */
typedef struct ListedColumn
{
	AttrNumber	attnum;
	Oid			type;
	Oid			collation;
	int			count;
	StringRef  *values;
} ListedColumn;

/* A transaction at work on one table. */
typedef struct DropStep
{
	RowDrop    *drop;
	Relation	rel;
	Storage		storage;
	bool		must_delete;
	Oid			save_user;
	int			save_context;
	int			guc_level;

	/* which rows */
	AttrNumber	age_column;		/* of type timestamptz, or invalid */
	const char *condition;
	Datum		values[PARAMETER_COUNT];
	bool		is_null[PARAMETER_COUNT];
	int			nlisted;
	ListedColumn listed[LISTED_COLUMNS];
	bool		listed_is_all;	/* there is nothing else in the selector */
} DropStep;

/* ---- becoming the owner ---- */

/* Change a setting up to the end of the guc level. */
static void
set_local(const char *name, const char *value)
{
	set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Open and lock a table and become its owner.  What the owner's functions find
 * may not depend on the caller's search path.  False if there is nothing to do.
 */
static bool
begin_step(DropStep *step, Oid relid, bool nowait, bool *lock_failed)
{
	*lock_failed = nowait && !ConditionalLockRelationOid(relid, ShareUpdateExclusiveLock);
	if (*lock_failed)
		return false;
	step->rel = try_relation_open(relid, nowait ? NoLock : ShareUpdateExclusiveLock);
	if (step->rel == NULL)
		return false;
	if (step->rel->rd_rel->relkind != RELKIND_RELATION)
	{
		relation_close(step->rel, NoLock);
		return false;
	}
	GetUserIdAndSecContext(&step->save_user, &step->save_context);
	SetUserIdAndSecContext(step->rel->rd_rel->relowner,
						   step->save_context | SECURITY_RESTRICTED_OPERATION);
	step->guc_level = NewGUCNestLevel();
	set_local("search_path", "pg_catalog, pg_temp");
	set_local("row_security", "off");

	/*
	 * By range of TIDs, so that other blocks are not read, or by an index.
	 * Foreign keys' queries may have to read tables in sequence all the same;
	 * they then look too expensive not to be compiled.
	 */
	set_local("enable_seqscan", "off");
	set_local("jit", "off");
	if (nowait)
		set_local("lock_timeout", "1s");	/* for rows, and other tables */
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	step->must_delete = must_delete_rows(step->rel);
	return true;
}

/* The lock stays, for what was done must not be undone by others. */
static void
end_step(DropStep *step)
{
	SPI_finish();
	PopActiveSnapshot();
	AtEOXact_GUC(false, step->guc_level);
	SetUserIdAndSecContext(step->save_user, step->save_context);
	relation_close(step->rel, NoLock);
}

bool
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

/* ---- which rows ---- */

/* Keep what a selector leaves to a column, if that can be listed. */
static void
list_values(DropStep *step, const char *column, int parameter)
{
	AttrNumber	attnum = get_attnum(RelationGetRelid(step->rel), column);
	ListedColumn *listed = &step->listed[step->nlisted];
	Datum	   *elements;

	if (step->is_null[parameter] || attnum <= 0)
		return;
	step->nlisted++;
	listed->attnum = attnum;
	listed->type = TupleDescAttr(RelationGetDescr(step->rel), attnum - 1)->atttypid;
	listed->collation = TupleDescAttr(RelationGetDescr(step->rel), attnum - 1)->attcollation;
	deconstruct_array(DatumGetArrayTypeP(step->values[parameter]), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, NULL, &listed->count);
	listed->values = palloc(Max(listed->count, 1) * sizeof(StringRef));
	for (int i = 0; i < listed->count; i++)
	{
		text	   *value = DatumGetTextPP(elements[i]);

		listed->values[i] = string_ref(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	}
}

static bool
is_empty_selector(Datum selector, bool isnull)
{
	return !isnull && strcmp(TextDatumGetCString(selector), "{}") == 0;
}

/* Take a selector apart, as the questions do. */
static void
read_selector(DropStep *step)
{
	Oid			types[] = {REGCLASSOID, TEXTOID};
	Datum		values[] = {
		ObjectIdGetDatum(RelationGetRelid(step->rel)),
		CStringGetTextDatum(step->drop->selector)
	};
	HeapTuple	tuple;
	TupleDesc	desc;
	bool		isnull;

	if (SPI_execute_with_args("SELECT condition, rest, services, names, tenants, types"
							  " FROM pyro.selection($1, NULL, $2)",
							  lengthof(types), types, values, NULL, true, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read selector \"%s\"", step->drop->selector);
	tuple = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	step->condition = SPI_getvalue(tuple, desc, 1);
	for (int i = 0; i < 4; i++)
		step->values[PARAMETER_REST + i] = SPI_getbinval(tuple, desc, 2 + i,
														 &step->is_null[PARAMETER_REST + i]);
	step->values[PARAMETER_TYPES] = SPI_getbinval(tuple, desc, 6, &isnull);
	step->is_null[PARAMETER_TYPES] = isnull;
	list_values(step, "service", PARAMETER_SERVICES);
	list_values(step, "name", PARAMETER_NAMES);
	list_values(step, "tenant", PARAMETER_TENANTS);
	step->listed_is_all =
		is_empty_selector(step->values[PARAMETER_REST], step->is_null[PARAMETER_REST]) &&
		is_empty_selector(step->values[PARAMETER_TYPES], step->is_null[PARAMETER_TYPES]);
}

static void
find_rows(DropStep *step)
{
	const char *column = step->drop->selector != NULL ? "ts" : step->drop->column;
	AttrNumber	attnum = get_attnum(RelationGetRelid(step->rel), column);

	memset(step->is_null, true, sizeof(step->is_null));
	step->values[PARAMETER_FROM] = TimestampTzGetDatum(DT_NOBEGIN);
	step->values[PARAMETER_UNTIL] = TimestampTzGetDatum(step->drop->before);
	step->is_null[PARAMETER_FROM] = step->is_null[PARAMETER_UNTIL] = false;
	step->listed_is_all = true;
	if (attnum > 0 &&
		TupleDescAttr(RelationGetDescr(step->rel), attnum - 1)->atttypid == TIMESTAMPTZOID)
		step->age_column = attnum;
	if (step->drop->selector != NULL)
		read_selector(step);
	else
		step->condition = psprintf("p.%s < $2", quote_identifier(column));
}

/* ---- by DELETE ---- */

/* Delete those of the rows whose TIDs lie in a range. */
static void
delete_range(DropStep *step, const ItemPointerData *first, const ItemPointerData *last)
{
	static const Oid types[PARAMETER_COUNT] = {
		TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
		TEXTOID, TEXTOID, TIDOID, TIDOID
	};
	Relation	rel = step->rel;
	const char *table = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
												   RelationGetRelationName(rel));
	char	   *statement = psprintf("DELETE FROM ONLY %s AS p WHERE %s"
									 " AND p.ctid >= $9 AND p.ctid <= $10",
									 table, step->condition);
	char		nulls[PARAMETER_COUNT];

	step->values[PARAMETER_FIRST] = PointerGetDatum(first);
	step->values[PARAMETER_LAST] = PointerGetDatum(last);
	step->is_null[PARAMETER_FIRST] = step->is_null[PARAMETER_LAST] = false;
	for (int i = 0; i < PARAMETER_COUNT; i++)
		nulls[i] = step->is_null[i] ? 'n' : ' ';
	if (SPI_execute_with_args(statement, PARAMETER_COUNT, (Oid *) types, step->values, nulls,
							  false, 0) == SPI_OK_DELETE)
		step->drop->rows += SPI_processed;
	else if (rel->rd_rules == NULL)
		elog(ERROR, "could not execute \"%s\"", statement);
}

static void
delete_pages(DropStep *step, BlockNumber first_page, BlockNumber last_page)
{
	ItemPointerData first,
				last;

	ItemPointerSet(&first, first_page, 1);
	ItemPointerSet(&last, last_page, MaxOffsetNumber);
	delete_range(step, &first, &last);
}

/* Delete in the head; true if there are more pages of it. */
static bool
delete_in_head(DropStep *step)
{
	RowDrop    *drop = step->drop;
	BlockNumber end = RelationGetNumberOfBlocks(step->rel);

	if (!drop->bounded)
	{
		delete_pages(step, 0, FIRST_VIRTUAL_PAGE - 1);
		return false;
	}
	if (drop->next_page >= end)
		return false;
	delete_pages(step, drop->next_page, drop->next_page + MAX_SEARCHED_PAGES - 1);
	drop->next_page += MAX_SEARCHED_PAGES;
	return drop->next_page < end;
}

static void
delete_in_block(DropStep *step, const BlockEntry *entry)
{
	ItemPointerData first,
				last;

	set_block_row_tid(&first, entry->first_vpage, 0);
	set_block_row_tid(&last, entry->first_vpage, entry->rows - 1);
	delete_range(step, &first, &last);
}

/* ---- whole blocks ---- */

/*
 * Drop a block, unless somebody has locked or marked rows of it; such a
 * transaction holds a lock on the block to its end.  Adds up the rows.
 */
static bool
try_drop_block(DropStep *step, const BlockEntry *entry, int64 *rows)
{
	ItemPointerData first,
				last;
	MarkSet    *marks;

	if (!ConditionalLockPage(step->rel,
							 FIRST_VIRTUAL_PAGE + (BlockNumber) entry->first_vpage,
							 AccessExclusiveLock))
		return false;
	set_block_row_tid(&first, entry->first_vpage, 0);
	set_block_row_tid(&last, entry->first_vpage, entry->rows - 1);
	marks = marks_read(entry->storage_id, &first, &last, NULL);
	marks_delete(marks);
	directory_delete(entry);
	payload_delete(step->rel, entry);
	*rows += entry->rows - marks->count;
	step->storage.blocks--;
	step->storage.rows -= entry->rows;
	step->storage.dropped_rows += entry->rows;
	step->storage.bytes -= entry->payload_size;
	return true;
}

static bool
find_range(const bytea *zones, AttrNumber attnum, Oid type, BlockZone *zone)
{
	return attnum != InvalidAttrNumber && block_zones_find(zones, attnum, type, zone) &&
		(zone->flags & BLOCK_ZONE_HAS_RANGE) != 0;
}

/* May some row have one of the listed values?  And must every one? */
static bool
may_have_listed(const bytea *zones, const ListedColumn *listed, bool *all_have)
{
	BlockZone	zone;
	bool		may_have = false;
	Oid			type = getBaseType(listed->type);
	bool		is_one_value;

	*all_have = false;
	if ((type != TEXTOID && type != VARCHAROID) ||
		!block_zones_find(zones, listed->attnum, listed->type, &zone))
		return true;
	is_one_value = (zone.flags & (BLOCK_ZONE_HAS_RANGE | BLOCK_ZONE_HAS_NULLS)) ==
		BLOCK_ZONE_HAS_RANGE && string_ref_equal(zone.min_bytes, zone.max_bytes);
	for (int i = 0; i < listed->count; i++)
	{
		*all_have |= is_one_value && string_ref_equal(zone.min_bytes, listed->values[i]);
		may_have |= block_zone_may_have_text(&zone, listed->values[i], listed->collation);
	}
	return may_have;
}

typedef enum BlockVerdict
{
	BLOCK_STAYS,
	BLOCK_GOES,
	BLOCK_IS_MIXED				/* some rows may have to go */
} BlockVerdict;

static BlockVerdict
judge_block(const DropStep *step, const BlockEntry *entry)
{
	const RowDrop *drop = step->drop;
	bytea	   *zones = directory_zones(entry);
	bool		all_go = step->listed_is_all;
	bool		has_range;
	BlockZone	age;

	has_range = find_range(zones, step->age_column, TIMESTAMPTZOID, &age);
	if (has_range && DatumGetTimestampTz(age.min) >= drop->before)
		return BLOCK_STAYS;
	for (int i = 0; i < step->nlisted; i++)
	{
		bool		all_have;

		if (!may_have_listed(zones, &step->listed[i], &all_have))
			return BLOCK_STAYS;
		all_go &= all_have;
	}

	/* the ts of a selector may be NULL, and such rows have no age */
	all_go &= has_range && (age.flags & BLOCK_ZONE_HAS_NULLS) == 0 &&
		DatumGetTimestampTz(age.max) < drop->before;
	if ((!all_go || step->must_delete) && has_range && entry->first_vpage < drop->done_vpage &&
		DatumGetTimestampTz(age.max) < drop->done_before)
		return BLOCK_STAYS;
	return all_go ? BLOCK_GOES : BLOCK_IS_MIXED;
}

/* Drop blocks as a whole, and find those that are mixed; true if there are more. */
static bool
drop_whole_blocks(DropStep *step, List **mixed)
{
	RowDrop    *drop = step->drop;
	BlockList  *list = directory_read(step->storage.id, NULL);
	int			limit = drop->bounded ? MAX_BLOCK_LOCKS : INT_MAX;
	int			dropped = 0;

	for (int i = 0; i < list->count && dropped < limit; i++)
	{
		BlockEntry *entry = list->entries[i];
		BlockVerdict verdict;

		CHECK_FOR_INTERRUPTS();
		if (entry->first_vpage < drop->next_vpage)
			continue;
		verdict = judge_block(step, entry);
		if (verdict == BLOCK_GOES && !step->must_delete)
		{
			if (try_drop_block(step, entry, &drop->rows))
				dropped++;
			else if (!drop->nowait)
				*mixed = lappend(*mixed, entry);
		}
		else if (verdict == BLOCK_GOES ||
				 (verdict == BLOCK_IS_MIXED && !drop->whole_blocks_only))
			*mixed = lappend(*mixed, entry);
	}
	if (dropped > 0)
	{
		CommandCounterIncrement();
		storage_update(step->rel, &step->storage);
		drop->blocks += dropped;
	}
	return dropped == limit;
}

/* Do a portion in the blocks; true if there is more to do in them. */
static bool
drop_in_blocks(DropStep *step)
{
	RowDrop    *drop = step->drop;
	List	   *mixed = NIL;
	ListCell   *cell;
	int64		searched = 0;

	if (drop->first_end_vpage == 0)
		drop->first_end_vpage = step->storage.next_vpage;
	if (drop->storage_id != step->storage.id)
	{
		/* rows have other TIDs now */
		drop->storage_id = step->storage.id;
		drop->done_vpage = 0;
		drop->next_vpage = 0;
		drop->first_end_vpage = step->storage.next_vpage;
	}
	if (drop_whole_blocks(step, &mixed))
		return true;
	foreach(cell, mixed)
	{
		BlockEntry *entry = lfirst(cell);

		if (drop->bounded && searched > 0 && searched + entry->rows > MAX_SEARCHED_ROWS)
			return true;
		delete_in_block(step, entry);
		searched += entry->rows;
		drop->next_vpage = entry->first_vpage + 1;
	}
	drop->next_vpage = step->storage.next_vpage;
	return false;
}

/* ---- portions ---- */

static bool
has_blocks(DropStep *step)
{
	return is_pyro_relation(step->rel) &&
		step->rel->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT &&
		storage_read(step->rel, &step->storage);
}

bool
drop_rows_portion(RowDrop *drop)
{
	DropStep	step = {.drop = drop};
	bool		more;

	if (!begin_step(&step, drop->relid, drop->nowait, &drop->lock_failed))
		return false;
	find_rows(&step);
	if (!is_pyro_relation(step.rel))
	{
		delete_pages(&step, 0, MaxBlockNumber);
		more = false;
	}
	else
		more = (has_blocks(&step) && drop_in_blocks(&step)) || delete_in_head(&step);
	end_step(&step);
	return more;
}

bool
drop_blocks(Oid relid, bool nowait, const int64 *first_vpages, int count, DroppedBlocks *dropped,
			bool *is_gone)
{
	RowDrop		drop = {0};
	DropStep	step = {.drop = &drop,.condition = "true"};
	bool		lock_failed;

	memset(dropped, 0, sizeof(*dropped));
	memset(is_gone, true, count * sizeof(bool));
	if (!begin_step(&step, relid, nowait, &lock_failed))
		return !lock_failed;
	memset(step.is_null, true, sizeof(step.is_null));
	for (int i = 0; has_blocks(&step) && i < Min(count, MAX_BLOCK_LOCKS); i++)
	{
		BlockEntry *entry = directory_find(step.storage.id, first_vpages[i], NULL);

		CHECK_FOR_INTERRUPTS();
		is_gone[i] = entry == NULL || entry->first_vpage != first_vpages[i];
		if (is_gone[i])
			continue;
		if (step.must_delete)
			delete_in_block(&step, entry);
		else if (!try_drop_block(&step, entry, &drop.rows))
			continue;
		else
		{
			CommandCounterIncrement();
			storage_update(step.rel, &step.storage);
		}
		dropped->blocks++;
		dropped->bytes += entry->payload_size;
	}
	dropped->rows = drop.rows;
	end_step(&step);
	return true;
}
