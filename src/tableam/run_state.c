/*
 * run_state.c
 *	  pyro.run: when duties of a table last ran, and how they ended.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "tableam/relation_rows.h"
#include "tableam/run_state.h"

/* the columns of pyro.run */
enum
{
	COLUMN_RELID = 1,
	COLUMN_LAST_COMPACTION,
	COLUMN_LAST_RETENTION,
	COLUMN_LAST_SUCCESS,
	COLUMN_LAST_ERROR_AT,
	COLUMN_LAST_ERROR,
	COLUMN_FAILURES,
	COLUMN_ROWS_COMPACTED,
	COLUMN_BLOCKS_MERGED,
	COLUMN_ROWS_DROPPED,
	COLUMN_BLOCKS_DROPPED,
	COLUMN_PARTITIONS_MADE,
	COLUMN_PARTITIONS_DROPPED,
	COLUMN_COUNT = COLUMN_PARTITIONS_DROPPED
};

/* A success with nothing done is worth a new row after this time. */
#define SUCCESS_INTERVAL	(5 * USECS_PER_MINUTE)

/* Bytes of an error's message that are kept. */
#define MAX_ERROR_LENGTH	1000

/* ---- rows ---- */

static TimestampTz
time_or_never(const Datum *values, const bool *nulls, int column)
{
	return nulls[column - 1] ? DT_NOBEGIN : DatumGetTimestampTz(values[column - 1]);
}

static void
state_from_tuple(HeapTuple tuple, TupleDesc desc, RunState *state)
{
	Datum		values[COLUMN_COUNT];
	bool		nulls[COLUMN_COUNT];

	heap_deform_tuple(tuple, desc, values, nulls);
	state->last_compaction = time_or_never(values, nulls, COLUMN_LAST_COMPACTION);
	state->last_retention = time_or_never(values, nulls, COLUMN_LAST_RETENTION);
	state->last_success = time_or_never(values, nulls, COLUMN_LAST_SUCCESS);
	state->last_error_at = time_or_never(values, nulls, COLUMN_LAST_ERROR_AT);
	state->last_error = nulls[COLUMN_LAST_ERROR - 1] ? NULL :
		TextDatumGetCString(values[COLUMN_LAST_ERROR - 1]);
	state->failures = DatumGetInt32(values[COLUMN_FAILURES - 1]);
	state->done.rows_compacted = DatumGetInt64(values[COLUMN_ROWS_COMPACTED - 1]);
	state->done.blocks_merged = DatumGetInt64(values[COLUMN_BLOCKS_MERGED - 1]);
	state->done.rows_dropped = DatumGetInt64(values[COLUMN_ROWS_DROPPED - 1]);
	state->done.blocks_dropped = DatumGetInt64(values[COLUMN_BLOCKS_DROPPED - 1]);
	state->done.partitions_made = DatumGetInt64(values[COLUMN_PARTITIONS_MADE - 1]);
	state->done.partitions_dropped = DatumGetInt64(values[COLUMN_PARTITIONS_DROPPED - 1]);
}

/* Read a row and where it is; false if there is none. */
static bool
read_row(Oid relid, RunState *state, ItemPointer tid)
{
	ScanKeyData key;
	OwnScan		scan;
	HeapTuple	tuple;

	memset(state, 0, sizeof(*state));
	state->last_compaction = state->last_retention = state->last_success =
		state->last_error_at = DT_NOBEGIN;
	ScanKeyInit(&key, COLUMN_RELID, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	if (!own_scan_begin(&scan, OWN_RUN, false, NULL, 1, &key))
		return false;
	tuple = own_scan_next(&scan, ForwardScanDirection);
	if (tuple != NULL)
	{
		state_from_tuple(tuple, RelationGetDescr(scan.table), state);
		*tid = tuple->t_self;
	}
	own_scan_end(&scan);
	return tuple != NULL;
}

bool
run_state_read(Oid relid, RunState *state)
{
	ItemPointerData tid;

	return read_row(relid, state, &tid);
}

static void
set_time(Datum *values, bool *nulls, int column, TimestampTz time)
{
	values[column - 1] = TimestampTzGetDatum(time);
	nulls[column - 1] = time == DT_NOBEGIN;
}

static void
insert_row(Relation table, Oid relid, const RunState *state)
{
	Datum		values[COLUMN_COUNT] = {0};
	bool		nulls[COLUMN_COUNT] = {0};

	values[COLUMN_RELID - 1] = ObjectIdGetDatum(relid);
	set_time(values, nulls, COLUMN_LAST_COMPACTION, state->last_compaction);
	set_time(values, nulls, COLUMN_LAST_RETENTION, state->last_retention);
	set_time(values, nulls, COLUMN_LAST_SUCCESS, state->last_success);
	set_time(values, nulls, COLUMN_LAST_ERROR_AT, state->last_error_at);
	nulls[COLUMN_LAST_ERROR - 1] = state->last_error == NULL;
	if (state->last_error != NULL)
		values[COLUMN_LAST_ERROR - 1] = CStringGetTextDatum(state->last_error);
	values[COLUMN_FAILURES - 1] = Int32GetDatum(state->failures);
	values[COLUMN_ROWS_COMPACTED - 1] = Int64GetDatum(state->done.rows_compacted);
	values[COLUMN_BLOCKS_MERGED - 1] = Int64GetDatum(state->done.blocks_merged);
	values[COLUMN_ROWS_DROPPED - 1] = Int64GetDatum(state->done.rows_dropped);
	values[COLUMN_BLOCKS_DROPPED - 1] = Int64GetDatum(state->done.blocks_dropped);
	values[COLUMN_PARTITIONS_MADE - 1] = Int64GetDatum(state->done.partitions_made);
	values[COLUMN_PARTITIONS_DROPPED - 1] = Int64GetDatum(state->done.partitions_dropped);
	own_row_insert(table, values, nulls, GetCurrentCommandId(true));
	CommandCounterIncrement();
}

/*
 * Open pyro.run to replace a table's row: one writer after another.  NULL if
 * there is nothing to write to, or the table itself is gone.
 */
static Relation
begin_write(Oid relid, RunState *state, ItemPointer tid, bool *found)
{
	Relation	table = own_table_open(OWN_RUN, RowExclusiveLock);

	if (table == NULL)
		return NULL;
	LockDatabaseObject(RelationGetRelid(table), relid, 0, ExclusiveLock);
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
	{
		table_close(table, RowExclusiveLock);
		return NULL;
	}
	*found = read_row(relid, state, tid);

	/* there is none between portions, and a row may need TOAST */
	PushActiveSnapshot(GetTransactionSnapshot());
	return table;
}

static void
end_write(Relation table)
{
	PopActiveSnapshot();
	table_close(table, RowExclusiveLock);
}

static void
replace_row(Relation table, Oid relid, const RunState *state, ItemPointer tid, bool found)
{
	/* it goes only with the table, whose DROP does not wait for us */
	if (!found || own_row_try_delete(table, tid))
	{
		if (found)
			CommandCounterIncrement();
		insert_row(table, relid, state);
	}
	end_write(table);
}

/* ---- what happened ---- */

static bool
did_anything(const WorkDone *done)
{
	return done->rows_compacted != 0 || done->blocks_merged != 0 || done->rows_dropped != 0 ||
		done->blocks_dropped != 0 || done->partitions_made != 0 || done->partitions_dropped != 0;
}

static bool
has_access_method(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			access_method = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		access_method = ((Form_pg_class) GETSTRUCT(tuple))->relam;
		ReleaseSysCache(tuple);
	}
	return OidIsValid(access_method) && access_method == get_am_oid("pyro", true);
}

void
run_state_success(Oid relid, const WorkDone *done, TimestampTz retention_at)
{
	TimestampTz now = GetCurrentTimestamp();
	RunState	state;
	ItemPointerData tid;
	bool		found;
	Relation	table = begin_write(relid, &state, &tid, &found);

	if (table == NULL)
		return;

	/* tables that are only on the way have no duties */
	if (!found && !did_anything(done) && !has_access_method(relid))
	{
		end_write(table);
		return;
	}

	/* a time in the future is of a clock that was wrong */
	if (found && state.failures == 0 && !did_anything(done) && retention_at == DT_NOBEGIN &&
		state.last_success <= now && now - state.last_success < SUCCESS_INTERVAL)
	{
		end_write(table);
		return;
	}
	if (done->rows_compacted > 0)
		state.last_compaction = now;
	if (retention_at != DT_NOBEGIN)
		state.last_retention = retention_at;
	state.last_success = now;
	state.failures = 0;
	state.done.rows_compacted += done->rows_compacted;
	state.done.blocks_merged += done->blocks_merged;
	state.done.rows_dropped += done->rows_dropped;
	state.done.blocks_dropped += done->blocks_dropped;
	state.done.partitions_made += done->partitions_made;
	state.done.partitions_dropped += done->partitions_dropped;
	replace_row(table, relid, &state, &tid, found);
}

void
run_state_error(Oid relid, const char *message)
{
	RunState	state;
	ItemPointerData tid;
	bool		found;
	Relation	table = begin_write(relid, &state, &tid, &found);

	if (table == NULL)
		return;
	state.last_error_at = GetCurrentTimestamp();
	state.last_error = pnstrdup(message, pg_mbcliplen(message, strlen(message), MAX_ERROR_LENGTH));
	if (state.failures < PG_INT32_MAX)
		state.failures++;
	replace_row(table, relid, &state, &tid, found);
}

/* ---- deleting ---- */

void
run_state_delete(Oid relid)
{
	RunState	state;
	ItemPointerData tid;

	if (read_row(relid, &state, &tid))
	{
		Relation	table = own_table_open(OWN_RUN, RowExclusiveLock);

		own_row_try_delete(table, &tid);
		table_close(table, RowExclusiveLock);
		CommandCounterIncrement();
	}
}

void
run_state_sweep(void)
{
	List	   *gone = own_rows_of_gone_tables(OWN_RUN);
	ListCell   *cell;

	foreach(cell, gone)
		run_state_delete(lfirst_oid(cell));
	list_free(gone);
}
