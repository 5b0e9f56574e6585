/*
 * view_funcs.c
 *	  What the views pyro.tables and pyro.blocks ask beside the directory.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type_d.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "pyro_ext.h"
#include "tableam/block_zones.h"
#include "tableam/heap_forward.h"
#include "tableam/policy.h"
#include "tableam/tableam.h"

/*
 * Open a table of which the caller may read every row; NULL, rather than an
 * error, if he may not, or if it is gone, since a view asks about all tables.
 */
static Relation
open_readable(Oid relid)
{
	Relation	rel;

	if (get_rel_relkind(relid) != RELKIND_RELATION && get_rel_relkind(relid) != RELKIND_MATVIEW)
		return NULL;
	if (pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK ||
		check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED)
		return NULL;
	rel = try_relation_open(relid, AccessShareLock);
	if (rel != NULL && !is_pyro_relation(rel))
	{
		relation_close(rel, AccessShareLock);
		return NULL;
	}
	return rel;
}

/* The least time in the head that the snapshot sees; DT_NOEND if there are no rows. */
static TimestampTz
oldest_in_head(Relation rel, AttrNumber attnum)
{
	TableScanDesc scan = heap_routine()->scan_begin(rel, GetActiveSnapshot(), 0, NULL, NULL,
													SO_TYPE_SEQSCAN | SO_ALLOW_STRAT | SO_ALLOW_PAGEMODE);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsBufferHeapTuple);
	TimestampTz oldest = DT_NOEND;

	while (heap_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;
		Datum		time;

		CHECK_FOR_INTERRUPTS();
		time = slot_getattr(slot, attnum, &isnull);
		if (!isnull)
			oldest = Min(oldest, DatumGetTimestampTz(time));
	}
	ExecDropSingleTupleTableSlot(slot);
	heap_endscan(scan);
	return oldest;
}

PYRO_FUNCTION(pyro_head_oldest);
Datum
pyro_head_oldest(PG_FUNCTION_ARGS)
{
	Relation	rel = open_readable(PG_GETARG_OID(0));
	TimestampTz oldest = DT_NOEND;

	if (rel != NULL)
	{
		AttrNumber	attnum = time_column(rel);

		if (attnum != InvalidAttrNumber)
			oldest = oldest_in_head(rel, attnum);
		relation_close(rel, AccessShareLock);
	}
	if (oldest == DT_NOEND)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(oldest);
}

PYRO_FUNCTION(pyro_block_times);
Datum
pyro_block_times(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[2] = {0};
	bool		nulls[2] = {true, true};
	BlockZone	zone;
	Relation	rel;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rel = open_readable(PG_GETARG_OID(0));
	if (rel != NULL)
	{
		AttrNumber	attnum = time_column(rel);

		if (attnum != InvalidAttrNumber &&
			block_zones_find(PG_GETARG_BYTEA_P(1), attnum, TIMESTAMPTZOID, &zone) &&
			(zone.flags & BLOCK_ZONE_HAS_RANGE) != 0)
		{
			values[0] = zone.min;
			values[1] = zone.max;
			nulls[0] = nulls[1] = false;
		}
		relation_close(rel, AccessShareLock);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
