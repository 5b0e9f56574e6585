/*
 * policy.c
 *	  pyro.policy: what users say of single tables, and what holds where they
 *	  say nothing.
 *
 * Columns are named, not numbered, since dumps keep the rows; those that are
 * gone, or have another name by now, are passed over.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "tableam/block_order.h"
#include "tableam/block_tid.h"
#include "tableam/compaction.h"
#include "tableam/policy.h"
#include "tableam/relation_rows.h"

/* ---- settings ---- */

/* What pyro.merge_windows means. */
typedef struct MergeWindows
{
	int			count;
	int64		windows[MAX_MERGE_WINDOWS];
} MergeWindows;

static int	block_samples = 4 * 1024 * 1024;
static int	compact_after_s = 300;
static int	disk_limit_mb = 0;
static char *merge_windows_text = NULL;
static const MergeWindows *merge_windows = NULL;

bool
interval_is_fixed(const Interval *interval, int64 *usecs)
{
	return interval->month == 0 &&
		!pg_mul_s64_overflow(interval->day, USECS_PER_DAY, usecs) &&
		!pg_add_s64_overflow(*usecs, interval->time, usecs);
}

/* Read an interval without raising errors, as a setting must; false if it is none. */
static bool
parse_interval(const char *text, int64 *usecs)
{
	char		buffer[256];
	char	   *fields[MAXDATEFIELDS];
	int			types[MAXDATEFIELDS];
	int			count,
				kind;
	struct pg_itm_in parts = {0};
	Interval	interval;

	if (ParseDateTime(text, buffer, sizeof(buffer), fields, types, MAXDATEFIELDS, &count) != 0 ||
		DecodeInterval(fields, types, count, INTERVAL_FULL_RANGE, &kind, &parts) != 0 ||
		kind != DTK_DELTA || itmin2interval(&parts, &interval) != 0)
		return false;
	return interval_is_fixed(&interval, usecs);
}

bool
merge_windows_are_nested(const int64 *windows, int count)
{
	for (int i = 0; i < count; i++)
		if (windows[i] <= 0 ||
			(i > 0 && (windows[i] <= windows[i - 1] || windows[i] % windows[i - 1] != 0)))
			return false;
	return true;
}

/* Is there anything in this part of a text but white space? */
static bool
is_blank(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isspace((unsigned char) text[i]))
			return false;
	return true;
}

static bool
check_merge_windows(char **newval, void **extra, GucSource source)
{
	MergeWindows parsed = {0};
	const char *text = *newval;

	while (!(parsed.count == 0 && is_blank(text, strlen(text))))
	{
		char		part[128];
		size_t		length = strcspn(text, ",");

		if (length >= sizeof(part) || parsed.count == MAX_MERGE_WINDOWS)
		{
			GUC_check_errdetail("There may be at most %d windows.", MAX_MERGE_WINDOWS);
			return false;
		}
		memcpy(part, text, length);
		part[length] = '\0';
		if (!parse_interval(part, &parsed.windows[parsed.count++]))
		{
			GUC_check_errdetail("\"%s\" is not an interval of fixed length.", part);
			return false;
		}
		if (text[length] == '\0')
			break;
		text += length + 1;
	}
	if (!merge_windows_are_nested(parsed.windows, parsed.count))
	{
		GUC_check_errdetail("Windows must be positive, and each a multiple of the one before it.");
		return false;
	}
	*extra = guc_malloc(LOG, sizeof(MergeWindows));
	if (*extra == NULL)
		return false;
	memcpy(*extra, &parsed, sizeof(MergeWindows));
	return true;
}

static void
assign_merge_windows(const char *newval, void *extra)
{
	merge_windows = extra;
}

void
policy_init(void)
{
	DefineCustomIntVariable("pyro.block_samples",
							"Sets how many samples of profiles a block takes.",
							"A row that has more gets a block of its own.",
							&block_samples,
							4 * 1024 * 1024, 1, INT_MAX,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("pyro.merge_windows",
							   "Sets the times whose blocks are merged, level by level.",
							   "A list of intervals, each a multiple of the one before it.",
							   &merge_windows_text,
							   "1 hour, 1 day",
							   PGC_USERSET, GUC_LIST_INPUT,
							   check_merge_windows, assign_merge_windows, NULL);
	DefineCustomIntVariable("pyro.compact_after",
							"Sets at which age rows are compacted where a table's policy does not say.",
							"It is for the background worker; compaction by hand waits for nothing.",
							&compact_after_s,
							300, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("pyro.disk_limit",
							"Sets how large the database's tables with access method pyro may become together.",
							"Beyond it the oldest blocks and partitions are dropped; 0 means no limit.",
							&disk_limit_mb,
							0, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_MB, NULL, NULL, NULL);
}

int64
policy_default_compact_after(void)
{
	return compact_after_s * USECS_PER_SEC;
}

int64
policy_disk_limit(void)
{
	return (int64) disk_limit_mb * 1024 * 1024;
}

/* ---- times ---- */

TimestampTz
time_before(TimestampTz time, const Interval *interval)
{
	Interval	negative = {0};
	struct pg_tm tm;
	fsec_t		fsec;
	TimestampTz result = time;

	/* as of a timestamp without time zone, which is the same number in UTC */
	if (TIMESTAMP_NOT_FINITE(time))
		return time;
	if (interval->month != 0)
	{
		int64		months;

		if (timestamp2tm(result, NULL, &tm, &fsec, NULL, NULL) != 0)
			return DT_NOBEGIN;
		months = (int64) tm.tm_year * MONTHS_PER_YEAR + tm.tm_mon - 1 - interval->month;
		if (months < 0 || months > PG_INT32_MAX)
			return months < 0 ? DT_NOBEGIN : DT_NOEND;
		tm.tm_year = months / MONTHS_PER_YEAR;
		tm.tm_mon = months % MONTHS_PER_YEAR + 1;
		tm.tm_mday = Min(tm.tm_mday, day_tab[isleap(tm.tm_year)][tm.tm_mon - 1]);
		if (tm2timestamp(&tm, fsec, NULL, &result) != 0)
			return DT_NOBEGIN;
	}
	if (!interval_is_fixed(&(Interval)
						   {
							.time = interval->time,.day = interval->day
							}, &negative.time) ||
		pg_sub_s64_overflow(result, negative.time, &result) ||
		!IS_VALID_TIMESTAMP(result))
		return DT_NOBEGIN;
	return result;
}

/* The name of the first column of a table that always says when; or NULL. */
static char *
find_time_column(Oid relid)
{
	for (AttrNumber attnum = 1;; attnum++)
	{
		HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid),
											Int16GetDatum(attnum));
		Form_pg_attribute attribute;
		char	   *name = NULL;

		if (!HeapTupleIsValid(tuple))
			return NULL;
		attribute = (Form_pg_attribute) GETSTRUCT(tuple);
		if (!attribute->attisdropped && attribute->attnotnull &&
			attribute->atttypid == TIMESTAMPTZOID)
			name = pstrdup(NameStr(attribute->attname));
		ReleaseSysCache(tuple);
		if (name != NULL)
			return name;
	}
}

AttrNumber
time_column(Relation rel)
{
	char	   *name = NULL;

	if (rel->rd_rel->relispartition)
	{
		List	   *ancestors = get_partition_ancestors(RelationGetRelid(rel));

		if (ancestors != NIL)
			name = find_time_column(llast_oid(ancestors));
	}
	if (name == NULL)
		name = find_time_column(RelationGetRelid(rel));
	return name == NULL ? InvalidAttrNumber : get_attnum(RelationGetRelid(rel), name);
}

AttrNumber
require_time_column(Relation rel)
{
	AttrNumber	attnum = time_column(rel);

	if (attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" has no column that tells the age of a row",
						RelationGetRelationName(rel)),
				 errdetail("The first column of type timestamp with time zone that is NOT NULL does.")));
	return attnum;
}

/* ---- reading ---- */

bool
policy_is_possible(Oid relid)
{
	char		kind = get_rel_relkind(relid);

	return kind == RELKIND_RELATION || kind == RELKIND_MATVIEW ||
		kind == RELKIND_PARTITIONED_TABLE;
}

/* The rows of a table; false, and nothing to end, if there can be none. */
static bool
begin_scan(OwnScan *scan, OwnTable table, Oid relid)
{
	ScanKeyData key;

	ScanKeyInit(&key, POLICY_RELATION, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	return own_scan_begin(scan, table, false, NULL, 1, &key);
}

bool
policy_read(Oid relid, PolicyRow *row)
{
	OwnScan		scan;
	HeapTuple	tuple;

	if (!begin_scan(&scan, OWN_POLICY, relid))
		return false;
	tuple = own_scan_next(&scan, ForwardScanDirection);
	if (tuple != NULL)
	{
		TupleDesc	desc = RelationGetDescr(scan.table);

		heap_deform_tuple(tuple, desc, row->values, row->nulls);
		for (int i = 0; i < POLICY_COLUMNS; i++)
			if (!row->nulls[i] && TupleDescAttr(desc, i)->attlen == -1)
				row->values[i] = PointerGetDatum(PG_DETOAST_DATUM_COPY(row->values[i]));
			else if (!row->nulls[i])
				row->values[i] = datumCopy(row->values[i], TupleDescAttr(desc, i)->attbyval,
										   TupleDescAttr(desc, i)->attlen);
	}
	own_scan_end(&scan);
	return tuple != NULL;
}

/* The table and those whose partition it is, the nearest first. */
static List *
table_and_ancestors(Relation rel)
{
	List	   *tables = list_make1_oid(RelationGetRelid(rel));

	return rel->rd_rel->relispartition ?
		list_concat(tables, get_partition_ancestors(RelationGetRelid(rel))) : tables;
}

/* What was said setting by setting, by the nearest that says anything. */
static void
resolve(Relation rel, PolicyRow *row)
{
	List	   *tables = table_and_ancestors(rel);
	ListCell   *cell;

	memset(row->nulls, true, sizeof(row->nulls));
	foreach(cell, tables)
	{
		bool		is_own = lfirst_oid(cell) == RelationGetRelid(rel);
		PolicyRow	said;

		if (!policy_read(lfirst_oid(cell), &said))
			continue;
		for (int i = 0; i < POLICY_COLUMNS; i++)
			if (row->nulls[i] && !said.nulls[i] && (is_own || i != POLICY_PARTITION_BY - 1))
			{
				row->values[i] = said.values[i];
				row->nulls[i] = false;
			}
	}
	list_free(tables);
}

static Interval *
interval_or_null(const PolicyRow *row, int column)
{
	return row->nulls[column - 1] ? NULL : DatumGetIntervalP(row->values[column - 1]);
}

/* The windows of a policy; those that make no sense, since somebody wrote them past us, are none. */
static void
set_windows(TablePolicy *policy, ArrayType *array)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, INTERVALOID, sizeof(Interval), false, TYPALIGN_DOUBLE,
					  &elements, &nulls, &count);
	policy->windows = palloc(Max(count, 1) * sizeof(int64));
	for (int i = 0; i < count; i++)
		if (nulls[i] || !interval_is_fixed(DatumGetIntervalP(elements[i]), &policy->windows[i]))
			return;
	if (count <= MAX_MERGE_WINDOWS && merge_windows_are_nested(policy->windows, count))
		policy->nwindows = count;
}

TablePolicy *
table_policy(Relation rel)
{
	TablePolicy *policy = palloc0(sizeof(TablePolicy));
	PolicyRow	row;

	resolve(rel, &row);
	policy->compact_after = interval_or_null(&row, POLICY_COMPACT_AFTER);
	policy->retention = interval_or_null(&row, POLICY_RETENTION);
	policy->archive_after = interval_or_null(&row, POLICY_ARCHIVE_AFTER);
	policy->partition_by = interval_or_null(&row, POLICY_PARTITION_BY);
	policy->block_rows = row.nulls[POLICY_BLOCK_ROWS - 1] ? compaction_block_rows() :
		Min(Max(DatumGetInt32(row.values[POLICY_BLOCK_ROWS - 1]), 1), MAX_BLOCK_ROWS);
	policy->block_samples = row.nulls[POLICY_BLOCK_SAMPLES - 1] ? block_samples :
		Max(DatumGetInt64(row.values[POLICY_BLOCK_SAMPLES - 1]), 1);
	policy->block_size = row.nulls[POLICY_BLOCK_SIZE - 1] ? compaction_block_size() :
		Min(Max(DatumGetInt64(row.values[POLICY_BLOCK_SIZE - 1]), MIN_BLOCK_SIZE), MAX_BLOCK_SIZE);
	if (!row.nulls[POLICY_MERGE_WINDOWS - 1])
		set_windows(policy, DatumGetArrayTypeP(row.values[POLICY_MERGE_WINDOWS - 1]));
	else if (merge_windows != NULL)
	{
		policy->nwindows = merge_windows->count;
		policy->windows = palloc(MAX_MERGE_WINDOWS * sizeof(int64));
		memcpy(policy->windows, merge_windows->windows, MAX_MERGE_WINDOWS * sizeof(int64));
	}
	return policy;
}

/* ---- order ---- */

/* The columns of a table with these names. */
static void
find_columns(Relation rel, ArrayType *names, BlockOrder *order)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	order->by_default = false;
	order->columns = palloc(Max(count, 1) * sizeof(AttrNumber));
	for (int i = 0; i < count; i++)
	{
		AttrNumber	attnum = nulls[i] ? InvalidAttrNumber :
		get_attnum(RelationGetRelid(rel), TextDatumGetCString(elements[i]));

		if (attnum > 0 &&
			order_type_is_orderable(TupleDescAttr(RelationGetDescr(rel), attnum - 1)->atttypid))
			order->columns[order->count++] = attnum;
	}
}

BlockOrder *
block_order_of_table(Relation rel)
{
	BlockOrder *order = palloc0(sizeof(BlockOrder));
	PolicyRow	row;

	order->by_default = true;
	resolve(rel, &row);
	if (!row.nulls[POLICY_ORDER_BY - 1])
		find_columns(rel, DatumGetArrayTypeP(row.values[POLICY_ORDER_BY - 1]), order);
	return order;
}

/* ---- deleting ---- */

/* Delete the rows of a table, as far as nobody else does. */
static void
delete_rows(OwnTable own_table, Oid relid)
{
	OwnScan		scan;
	HeapTuple	tuple;
	List	   *tids = NIL;
	ListCell   *cell;

	if (!begin_scan(&scan, own_table, relid))
		return;
	while ((tuple = own_scan_next(&scan, ForwardScanDirection)) != NULL)
	{
		ItemPointer tid = palloc(sizeof(ItemPointerData));

		*tid = tuple->t_self;
		tids = lappend(tids, tid);
	}
	own_scan_end(&scan);
	if (tids != NIL)
	{
		Relation	table = own_table_open(own_table, RowExclusiveLock);

		foreach(cell, tids)
			own_row_try_delete(table, lfirst(cell));
		table_close(table, RowExclusiveLock);
		CommandCounterIncrement();
	}
	list_free_deep(tids);
}

void
policy_delete_row(Oid relid)
{
	delete_rows(OWN_POLICY, relid);
}

void
policy_delete(Oid relid)
{
	delete_rows(OWN_POLICY, relid);
	delete_rows(OWN_RETENTION_RULE, relid);
}

void
policy_sweep(void)
{
	List	   *gone = list_concat_unique_oid(own_rows_of_gone_tables(OWN_POLICY),
											  own_rows_of_gone_tables(OWN_RETENTION_RULE));
	ListCell   *cell;

	foreach(cell, gone)
		policy_delete(lfirst_oid(cell));
	list_free(gone);
}
