/*
 * tableam.c
 *	  The table access method `pyro`.
 *
 * A table's main fork, the head, is plain heap; settled rows move into
 * compressed blocks (README.md).  What concerns the head alone is heap's own
 * code.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/tableam.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_am_d.h"
#include "miscadmin.h"
#include "utils/acl.h"

#include "compat.h"
#include "pyro_ext.h"
#include "tableam/callbacks.h"
#include "tableam/heap_forward.h"
#include "tableam/scan.h"
#include "tableam/tableam.h"

static const TupleTableSlotOps *
pyro_slot_callbacks(Relation rel)
{
	return &TTSOpsBufferHeapTuple;
}

static Oid
pyro_relation_toast_am(Relation rel)
{
	return HEAP_TABLE_AM_OID;
}

static TableAmRoutine routine;

/* Take heap's routine and put our callbacks in the place of its own. */
static void
fill_routine(void)
{
	routine = *heap_routine();

	routine.slot_callbacks = pyro_slot_callbacks;

	routine.scan_begin = pyro_scan_begin;
	routine.scan_end = pyro_scan_end;
	routine.scan_rescan = pyro_scan_rescan;
	routine.scan_getnextslot = pyro_scan_getnextslot;
	routine.scan_set_tidrange = pyro_scan_set_tidrange;
	routine.scan_getnextslot_tidrange = pyro_scan_getnextslot_tidrange;
	routine.parallelscan_estimate = pyro_parallelscan_estimate;
	routine.parallelscan_initialize = pyro_parallelscan_initialize;
	routine.parallelscan_reinitialize = pyro_parallelscan_reinitialize;

	routine.index_fetch_begin = pyro_index_fetch_begin;
	routine.index_fetch_reset = pyro_index_fetch_reset;
	routine.index_fetch_end = pyro_index_fetch_end;
	routine.index_fetch_tuple = pyro_index_fetch_tuple;

	routine.tuple_insert = pyro_tuple_insert;
	routine.tuple_delete = pyro_tuple_delete;
	routine.tuple_update = pyro_tuple_update;
	routine.tuple_lock = pyro_tuple_lock;
	routine.tuple_fetch_row_version = pyro_tuple_fetch_row_version;
	routine.tuple_get_latest_tid = pyro_tuple_get_latest_tid;
	routine.tuple_tid_valid = pyro_tuple_tid_valid;
	routine.tuple_satisfies_snapshot = pyro_tuple_satisfies_snapshot;
	routine.index_delete_tuples = pyro_index_delete_tuples;

	routine.relation_set_new_filelocator = pyro_relation_set_new_filelocator;
	routine.relation_nontransactional_truncate = pyro_relation_nontransactional_truncate;
	routine.relation_copy_data = pyro_relation_copy_data;
	routine.relation_copy_for_cluster = pyro_relation_copy_for_cluster;
	routine.relation_vacuum = pyro_relation_vacuum;
	routine.scan_analyze_next_block = pyro_scan_analyze_next_block;
	routine.scan_analyze_next_tuple = pyro_scan_analyze_next_tuple;
	routine.index_build_range_scan = pyro_index_build_range_scan;
	routine.index_validate_scan = pyro_index_validate_scan;

	routine.relation_needs_toast_table = pyro_relation_needs_toast_table;
	routine.relation_toast_am = pyro_relation_toast_am;
	routine.relation_estimate_size = pyro_relation_estimate_size;

#if !BITMAP_SCAN_ITERATES
	routine.scan_bitmap_next_block = pyro_scan_bitmap_next_block;
#endif
	routine.scan_bitmap_next_tuple = pyro_scan_bitmap_next_tuple;
	routine.scan_sample_next_block = pyro_scan_sample_next_block;
	routine.scan_sample_next_tuple = pyro_scan_sample_next_tuple;
}

PYRO_FUNCTION(pyro_tableam_handler);
Datum
pyro_tableam_handler(PG_FUNCTION_ARGS)
{
	if (routine.type == 0)
		fill_routine();
	PG_RETURN_POINTER(&routine);
}

bool
is_pyro_relation(Relation rel)
{
	return rel->rd_tableam == &routine;
}

static void
raise_not_owner(Relation rel)
{
	aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(rel->rd_rel->relkind),
				   RelationGetRelationName(rel));
}

void
check_may_maintain(Relation rel)
{
	if (!may_maintain(RelationGetRelid(rel), GetUserId()))
		raise_not_owner(rel);
}

void
check_is_owner(Relation rel)
{
	if (!compat_owns_class(RelationGetRelid(rel), GetUserId()))
		raise_not_owner(rel);
}
