/*
 * drop.c
 *	  Dropped tables: what the directory says of their blocks, and their
 *	  policies, go in the same transaction as the table.
 *
 * A hook sees every file that a table loses by DROP, also the old one of a
 * rewrite, which its transient table has in the end.  A session that has not
 * loaded the library has no hook, and the table's own DROP loads the library
 * too late for it; for that there is an event trigger.  Where event triggers
 * are off, rows stay behind until the next compaction of any table sweeps
 * them up.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "commands/event_trigger.h"
#include "utils/syscache.h"

#include "compat.h"
#include "pyro_ext.h"
#include "tableam/drop.h"
#include "tableam/policy.h"
#include "tableam/relation_rows.h"
#include "tableam/run_state.h"
#include "tableam/storage.h"

static object_access_hook_type previous_hook = NULL;

/* May tables have been dropped in this session before there was the hook? */
static bool missed_drops = true;

/* Does the relation have a file that may have blocks?  Then which one. */
static bool
find_file(Oid relid, Oid *reltablespace, Oid *relfilenumber)
{
	Oid			access_method = get_am_oid("pyro", true);
	HeapTuple	tuple;
	bool		found = false;

	if (!OidIsValid(access_method))
		return false;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		*reltablespace = form->reltablespace;
		*relfilenumber = form->relfilenode;
		found = form->relam == access_method &&
			form->relpersistence == RELPERSISTENCE_PERMANENT &&
			RELKIND_HAS_STORAGE(form->relkind);
		ReleaseSysCache(tuple);
	}
	return found;
}

static void
on_object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	Oid			reltablespace,
				relfilenumber;

	if (previous_hook)
		previous_hook(access, class_id, object_id, sub_id, arg);
	if (access != OAT_DROP || class_id != RelationRelationId || sub_id != 0)
		return;
	if (find_file(object_id, &reltablespace, &relfilenumber) && own_tables_complete())
		storage_delete_file(reltablespace, relfilenumber);
	if (policy_is_possible(object_id) && own_tables_complete())
	{
		policy_delete(object_id);
		run_state_delete(object_id);
	}
}

void
drop_init(void)
{
	previous_hook = object_access_hook;
	object_access_hook = on_object_access;
}

/* The event trigger on sql_drop. */
PYRO_FUNCTION(pyro_forget_dropped);
Datum
pyro_forget_dropped(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("pyro.forget_dropped must be called by an event trigger")));
	if (missed_drops && own_tables_complete())
	{
		storage_sweep();
		policy_sweep();
		run_state_sweep();
	}
	missed_drops = false;
	PG_RETURN_NULL();
}
