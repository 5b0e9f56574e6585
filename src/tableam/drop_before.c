/*
 * drop_before.c
 *	  CALL pyro.drop_before: forget what is older than a time.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pyro_ext.h"
#include "tableam/drop_rows.h"
#include "tableam/policy.h"
#include "tableam/tableam.h"

/* The table itself, or the partitions of a partitioned one, and what tells their rows' age. */
static List *
tables_and_column(Oid relid, const char **column)
{
	Relation	rel = table_open(relid, AccessShareLock);
	bool		partitioned = rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;

	check_is_owner(rel);
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
		RowDrop		drop = {
			.relid = lfirst_oid(cell),.column = column,.before = PG_GETARG_TIMESTAMPTZ(1),
			.bounded = may_commit
		};
		bool		more = true;

		while (more)
		{
			/* wait for a lock without a snapshot, for which others may wait */
			if (may_commit)
				SPI_commit();
			more = drop_rows_portion(&drop);
		}
	}
	SPI_finish();
	PG_RETURN_VOID();
}
