/*
 * policy_funcs.c
 *	  pyro.set_policy() and pyro.clear_policy().
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "partitioning/partdesc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "profile/profile_type.h"
#include "pyro_ext.h"
#include "tableam/block_order.h"
#include "tableam/block_tid.h"
#include "tableam/partitions.h"
#include "tableam/policy.h"
#include "tableam/relation_rows.h"
#include "tableam/tableam.h"

/* How settings are named. */
static const char *const setting_names[] = {
	[POLICY_COMPACT_AFTER] = "compact_after",
	[POLICY_RETENTION] = "retention",
	[POLICY_ARCHIVE_AFTER] = "archive_after",
	[POLICY_ORDER_BY] = "order_by",
	[POLICY_BLOCK_ROWS] = "block_rows",
	[POLICY_BLOCK_SAMPLES] = "block_samples",
	[POLICY_BLOCK_SIZE] = "block_size",
	[POLICY_MERGE_WINDOWS] = "merge_windows",
	[POLICY_PARTITION_BY] = "partition_by",
};

/* ---- tables ---- */

Relation
policy_open_table(Oid relid, bool only_to_maintain)
{
	Relation	rel = try_table_open(relid, AccessShareLock);

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table with OID %u does not exist", relid)));
	if (only_to_maintain)
		check_may_maintain(rel);
	else
		check_is_owner(rel);
	if (rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE && !is_pyro_relation(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" does not have access method pyro",
						RelationGetRelationName(rel))));
	if (rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("table \"%s\" cannot have a policy, since it is unlogged or temporary",
						RelationGetRelationName(rel))));
	return rel;
}

/* ---- checks ---- */

static void
check_column(Relation rel, const char *name)
{
	AttrNumber	attnum = get_attnum(RelationGetRelid(rel), name);
	Oid			type;

	if (attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", name,
						RelationGetRelationName(rel))));
	if (attnum < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows cannot be sorted by system column \"%s\"", name)));
	type = TupleDescAttr(RelationGetDescr(rel), attnum - 1)->atttypid;
	if (profile_is_type(type) || !order_type_is_orderable(type))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows cannot be sorted by column \"%s\"", name),
				 errdetail("Type %s has no order.", format_type_be(type))));
}

static void
check_order_by(Relation rel, ArrayType *names)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	List	   *seen = NIL;

	if (ARR_NDIM(names) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("order_by must have one dimension")));
	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *name;

		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("order_by must not contain NULL")));
		name = TextDatumGetCString(elements[i]);
		check_column(rel, name);
		if (list_member(seen, makeString(name)))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("column \"%s\" appears twice in order_by", name)));
		seen = lappend(seen, makeString(name));
	}
}

/* The elements of an array of one dimension without NULLs. */
static Datum *
array_elements(ArrayType *array, const char *name, Oid type, int *count)
{
	Datum	   *elements;
	bool	   *nulls;
	int16		length;
	bool		byval;
	char		align;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must have one dimension", name)));
	get_typlenbyvalalign(type, &length, &byval, &align);
	deconstruct_array(array, type, length, byval, align, &elements, &nulls, count);
	for (int i = 0; i < *count; i++)
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain NULL", name)));
	return elements;
}

static char *
interval_text(const Interval *interval)
{
	return DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(interval)));
}

void
policy_check_age(const Interval *age, const char *name, bool may_be_zero)
{
	bool		is_negative = age->month < 0 || age->day < 0 || age->time < 0;
	bool		is_zero = age->month == 0 && age->day == 0 && age->time == 0;

	if (INTERVAL_NOT_FINITE(age))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be finite", name),
				 errhint("pyro.clear_policy removes a setting.")));
	if (is_negative || (is_zero && !may_be_zero))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg(may_be_zero ? "%s must not be negative: %s" : "%s must be positive: %s",
						name, interval_text(age))));
}

static void
check_range(const char *name, int64 value, int64 min, int64 max)
{
	if (value < min || value > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between " INT64_FORMAT " and " INT64_FORMAT ": " INT64_FORMAT,
						name, min, max, value)));
}

static void
check_windows(ArrayType *array)
{
	int64		windows[MAX_MERGE_WINDOWS];
	int			count;
	Datum	   *elements = array_elements(array, "merge_windows", INTERVALOID, &count);

	if (count > MAX_MERGE_WINDOWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("merge_windows has %d elements, of at most %d", count,
						MAX_MERGE_WINDOWS)));
	for (int i = 0; i < count; i++)
	{
		const Interval *window = DatumGetIntervalP(elements[i]);

		if (INTERVAL_NOT_FINITE(window) || !interval_is_fixed(window, &windows[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("merge_windows must be of fixed length, in weeks or shorter units: %s",
							interval_text(window))));
	}
	if (!merge_windows_are_nested(windows, count))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("merge_windows must be positive, and each a multiple of the one before it")));
}

static void
check_partition_by(Relation rel, const Interval *width)
{
	int64		usecs;

	if (!partitions_are_by_time(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" is not partitioned by range of a time",
						RelationGetRelationName(rel)),
				 errdetail("partition_by needs PARTITION BY RANGE of one column of type timestamp with time zone.")));
	if (INTERVAL_NOT_FINITE(width) || !interval_is_fixed(width, &usecs) || usecs < USECS_PER_HOUR)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("partition_by must be an hour or longer, in hours, days or weeks: %s",
						interval_text(width))));
}

static void
check_setting(Relation rel, int column, Datum value)
{
	const char *name = setting_names[column];

	switch (column)
	{
		case POLICY_RETENTION:
			policy_check_age(DatumGetIntervalP(value), name, false);
			require_time_column(rel);
			break;
		case POLICY_COMPACT_AFTER:
		case POLICY_ARCHIVE_AFTER:
			policy_check_age(DatumGetIntervalP(value), name, true);
			break;
		case POLICY_ORDER_BY:
			check_order_by(rel, DatumGetArrayTypeP(value));
			break;
		case POLICY_BLOCK_ROWS:
			check_range(name, DatumGetInt32(value), 1, MAX_BLOCK_ROWS);
			break;
		case POLICY_BLOCK_SAMPLES:
			check_range(name, DatumGetInt64(value), 1, PG_INT64_MAX);
			break;
		case POLICY_BLOCK_SIZE:
			check_range(name, DatumGetInt64(value), MIN_BLOCK_SIZE, MAX_BLOCK_SIZE);
			break;
		case POLICY_MERGE_WINDOWS:
			check_windows(DatumGetArrayTypeP(value));
			break;
		case POLICY_PARTITION_BY:
			check_partition_by(rel, DatumGetIntervalP(value));
			break;
	}
}

/* ---- the functions ---- */

Relation
policy_lock(OwnTable own_table)
{
	Relation	table = own_table_open(own_table, ShareRowExclusiveLock);

	if (table == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the tables of extension pyro_ext are not complete")));
	return table;
}

/* Write a row instead of the one that there was; a row that says nothing is none. */
static void
replace_row(Relation table, Oid relid, PolicyRow *row)
{
	bool		says_nothing = true;

	for (int i = POLICY_RELATION; i < POLICY_COLUMNS; i++)
		says_nothing &= row->nulls[i];
	policy_delete_row(relid);
	if (says_nothing)
		return;
	row->values[POLICY_RELATION - 1] = ObjectIdGetDatum(relid);
	row->nulls[POLICY_RELATION - 1] = false;
	own_row_insert(table, row->values, row->nulls, GetCurrentCommandId(true));
	CommandCounterIncrement();
}

/* pyro.set_policy(t, ...): the arguments are in the order of the columns. */
PYRO_FUNCTION(pyro_set_policy);
Datum
pyro_set_policy(PG_FUNCTION_ARGS)
{
	PolicyRow	row;
	Relation	rel;
	Relation	table;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("pyro.set_policy needs a table")));
	PreventCommandIfReadOnly("pyro.set_policy()");
	rel = policy_open_table(PG_GETARG_OID(0), false);
	for (int i = POLICY_RELATION; i < POLICY_COLUMNS; i++)
		if (!PG_ARGISNULL(i))
			check_setting(rel, i + 1, PG_GETARG_DATUM(i));

	/* one after another, so that each sees what the other one said */
	table = policy_lock(OWN_POLICY);
	if (!policy_read(RelationGetRelid(rel), &row))
		memset(row.nulls, true, sizeof(row.nulls));
	for (int i = POLICY_RELATION; i < POLICY_COLUMNS; i++)
		if (!PG_ARGISNULL(i))
		{
			row.values[i] = TupleDescAttr(RelationGetDescr(table), i)->attlen == -1 ?
				PointerGetDatum(PG_DETOAST_DATUM(PG_GETARG_DATUM(i))) : PG_GETARG_DATUM(i);
			row.nulls[i] = false;
		}
	replace_row(table, RelationGetRelid(rel), &row);
	table_close(table, NoLock);
	table_close(rel, NoLock);
	PG_RETURN_VOID();
}

static int
find_setting(const char *name)
{
	for (int i = POLICY_RELATION + 1; i <= POLICY_COLUMNS; i++)
		if (strcmp(setting_names[i], name) == 0)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no policy setting \"%s\"", name),
			 errhint("Settings are compact_after, retention, archive_after, order_by, block_rows, "
					 "block_samples, block_size, merge_windows and partition_by.")));
}

/* pyro.clear_policy(t, VARIADIC settings) */
PYRO_FUNCTION(pyro_clear_policy);
Datum
pyro_clear_policy(PG_FUNCTION_ARGS)
{
	PolicyRow	row;
	Relation	rel;
	Relation	table;
	Datum	   *names;
	int			count;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("pyro.clear_policy needs a table and names of settings")));
	PreventCommandIfReadOnly("pyro.clear_policy()");
	rel = policy_open_table(PG_GETARG_OID(0), false);
	names = array_elements(PG_GETARG_ARRAYTYPE_P(1), "settings", TEXTOID, &count);
	table = policy_lock(OWN_POLICY);
	if (policy_read(RelationGetRelid(rel), &row))
	{
		for (int i = 0; i < count; i++)
			row.nulls[find_setting(TextDatumGetCString(names[i])) - 1] = true;
		if (count == 0)
			memset(row.nulls, true, sizeof(row.nulls));
		replace_row(table, RelationGetRelid(rel), &row);
	}
	else
		for (int i = 0; i < count; i++)
			(void) find_setting(TextDatumGetCString(names[i]));
	table_close(table, NoLock);
	table_close(rel, NoLock);
	PG_RETURN_VOID();
}
