/*
 * policy.c
 *	  pyro.policy: what users say of single tables.
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
#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "profile/profile_type.h"
#include "pyro_ext.h"
#include "tableam/block_order.h"
#include "tableam/policy.h"
#include "tableam/relation_rows.h"
#include "tableam/tableam.h"

/* the columns of pyro.policy */
enum
{
	COLUMN_RELATION = 1,
	COLUMN_COMPACT_AFTER,
	COLUMN_RETENTION,
	COLUMN_ARCHIVE_AFTER,
	COLUMN_ORDER_BY,
	COLUMN_COUNT = COLUMN_ORDER_BY
};

bool
policy_is_possible(Oid relid)
{
	char		kind = get_rel_relkind(relid);

	return kind == RELKIND_RELATION || kind == RELKIND_MATVIEW ||
		kind == RELKIND_PARTITIONED_TABLE;
}

/* ---- reading ---- */

/* The row of a table; false, and nothing to end, if there can be none. */
static bool
begin_scan(OwnScan *scan, Oid relid)
{
	ScanKeyData key;

	ScanKeyInit(&key, COLUMN_RELATION, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	return own_scan_begin(scan, OWN_POLICY, false, NULL, 1, &key);
}

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

/* What was said of this very relation; false if nothing was. */
static bool
read_order(Relation rel, Oid relid, BlockOrder *order)
{
	OwnScan		scan;
	HeapTuple	tuple;
	bool		isnull = true;

	if (!begin_scan(&scan, relid))
		return false;
	tuple = own_scan_next(&scan, ForwardScanDirection);
	if (tuple != NULL)
	{
		Datum		names = heap_getattr(tuple, COLUMN_ORDER_BY, RelationGetDescr(scan.table),
										 &isnull);

		if (!isnull)
			find_columns(rel, DatumGetArrayTypeP(names), order);
	}
	own_scan_end(&scan);
	return !isnull;
}

BlockOrder *
block_order_of_table(Relation rel)
{
	BlockOrder *order = palloc0(sizeof(BlockOrder));
	List	   *ancestors;
	ListCell   *cell;

	order->by_default = true;
	if (read_order(rel, RelationGetRelid(rel), order) || !rel->rd_rel->relispartition)
		return order;
	ancestors = get_partition_ancestors(RelationGetRelid(rel));
	foreach(cell, ancestors)
		if (read_order(rel, lfirst_oid(cell), order))
		break;
	return order;
}

/* ---- writing ---- */

void
policy_delete(Oid relid)
{
	OwnScan		scan;
	HeapTuple	tuple;
	ItemPointerData tid;

	if (!begin_scan(&scan, relid))
		return;
	tuple = own_scan_next(&scan, ForwardScanDirection);
	if (tuple != NULL)
		tid = tuple->t_self;
	own_scan_end(&scan);
	if (tuple != NULL)
	{
		Relation	table = own_table_open(OWN_POLICY, RowExclusiveLock);

		own_row_try_delete(table, &tid);
		table_close(table, RowExclusiveLock);
		CommandCounterIncrement();
	}
}

void
policy_sweep(void)
{
	OwnScan		scan;
	HeapTuple	tuple;
	List	   *gone = NIL;
	ListCell   *cell;

	if (!own_scan_begin(&scan, OWN_POLICY, false, NULL, 0, NULL))
		return;
	while ((tuple = own_scan_next(&scan, ForwardScanDirection)) != NULL)
	{
		bool		isnull;
		Oid			relid = DatumGetObjectId(heap_getattr(tuple, COLUMN_RELATION,
														  RelationGetDescr(scan.table), &isnull));

		CHECK_FOR_INTERRUPTS();
		if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
			gone = lappend_oid(gone, relid);
	}
	own_scan_end(&scan);
	foreach(cell, gone)
		policy_delete(lfirst_oid(cell));
	list_free(gone);
}

/* ---- the function ---- */

/* The table of whose rows something is said, locked to the transaction's end. */
static Relation
open_table(Oid relid)
{
	Relation	rel = try_table_open(relid, AccessShareLock);

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table with OID %u does not exist", relid)));
	check_may_maintain(rel);
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

/* Say that an argument is known, but means nothing yet. */
static void
refuse_argument(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (!PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("policy \"%s\" is not supported yet", name)));
}

/* pyro.set_policy(t, compact_after, retention, archive_after, order_by) */
PYRO_FUNCTION(pyro_set_policy);
Datum
pyro_set_policy(PG_FUNCTION_ARGS)
{
	Datum		values[COLUMN_COUNT];
	bool		nulls[COLUMN_COUNT] = {0};
	Relation	rel;
	Relation	table;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("pyro.set_policy needs a table")));
	PreventCommandIfReadOnly("pyro.set_policy()");
	rel = open_table(PG_GETARG_OID(0));
	refuse_argument(fcinfo, COLUMN_COMPACT_AFTER - 1, "compact_after");
	refuse_argument(fcinfo, COLUMN_RETENTION - 1, "retention");
	refuse_argument(fcinfo, COLUMN_ARCHIVE_AFTER - 1, "archive_after");
	for (int i = 0; i < COLUMN_COUNT; i++)
	{
		values[i] = PG_GETARG_DATUM(i);
		nulls[i] = PG_ARGISNULL(i);
	}
	if (!nulls[COLUMN_ORDER_BY - 1])
	{
		ArrayType  *names = PG_GETARG_ARRAYTYPE_P(COLUMN_ORDER_BY - 1);

		check_order_by(rel, names);
		values[COLUMN_ORDER_BY - 1] = PointerGetDatum(names);
	}

	/* one after another, so that each sees what the other one said */
	table = own_table_open(OWN_POLICY, ShareRowExclusiveLock);
	if (table == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"pyro.policy\" does not exist")));
	policy_delete(RelationGetRelid(rel));
	if (!nulls[COLUMN_ORDER_BY - 1])
	{
		own_row_insert(table, values, nulls, GetCurrentCommandId(true));
		CommandCounterIncrement();
	}
	table_close(table, NoLock);
	table_close(rel, NoLock);
	PG_RETURN_VOID();
}
