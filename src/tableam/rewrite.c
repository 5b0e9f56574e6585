/*
 * rewrite.c
 *	  Blocks when the table gets other files.
 *
 * The storage hangs on the file's name.  Where a table gets another file, the
 * old one's storage is deleted in the same transaction, so that a rollback
 * brings it back with the file; where its data goes along, so does the
 * storage.  Only permanent tables have any: a temporary table's file can have
 * the name of a permanent one's.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "catalog/toasting.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "tableam/analyze.h"
#include "tableam/callbacks.h"
#include "tableam/heap_forward.h"
#include "tableam/rewrite.h"
#include "tableam/storage.h"

/* Forget the blocks of the relation's present file. */
static void
forget_file(Relation rel)
{
	if (rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
		return;
	storage_delete_file(rel->rd_rel->reltablespace, rel->rd_rel->relfilenode);
	if (rel->rd_amcache)
	{
		pfree(rel->rd_amcache);
		rel->rd_amcache = NULL;
	}
}

void
pyro_relation_set_new_filelocator(Relation rel, const RelFileLocator * locator, char persistence,
								  TransactionId *freeze_xid, MultiXactId *min_multi)
{
	heap_routine()->relation_set_new_filelocator(rel, locator, persistence, freeze_xid, min_multi);

	/* a table that nobody saw being dropped may have had a file of this name */
	if (persistence != RELPERSISTENCE_TEMP)
		storage_delete_file(rel->rd_rel->reltablespace, LOCATOR_NUMBER(locator));

	/* a relation that is being created has no other file */
	if (rel->rd_rel->relfilenode != LOCATOR_NUMBER(locator))
		forget_file(rel);
}

void
pyro_relation_nontransactional_truncate(Relation rel)
{
	heap_routine()->relation_nontransactional_truncate(rel);
	forget_file(rel);
}

void
pyro_relation_copy_data(Relation rel, const RelFileLocator * locator)
{
	Oid			tablespace = LOCATOR_TABLESPACE(locator);
	Storage		storage;

	heap_routine()->relation_copy_data(rel, locator);
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		return;

	/* as pg_class says it */
	if (tablespace == MyDatabaseTableSpace)
		tablespace = InvalidOid;
	storage_delete_file(tablespace, LOCATOR_NUMBER(locator));
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT && storage_read(rel, &storage))
		storage_replace(&storage, tablespace, LOCATOR_NUMBER(locator));
}

void
pyro_relation_copy_for_cluster(Relation old_rel, Relation new_rel, Relation index, bool use_sort,
							   TransactionId oldest_xmin, TransactionId *xid_cutoff,
							   MultiXactId *multi_cutoff, double *tuples, double *tuples_vacuumed,
							   double *tuples_recently_dead)
{
	double		block_rows = 0;
	HeapGuise	old_guise,
				new_guise;

	/*
	 * Heap's scan of an index would meet rows of blocks.  A btree's order
	 * comes from a sort as well; another index has no order to speak of.
	 */
	use_sort = index != NULL && index->rd_rel->relam == BTREE_AM_OID;
	heap_guise_begin(&old_guise, old_rel, old_rel->rd_rel->reltuples);
	heap_guise_begin(&new_guise, new_rel, new_rel->rd_rel->reltuples);
	PG_TRY();
	{
		heap_routine()->relation_copy_for_cluster(old_rel, new_rel, use_sort ? index : NULL,
												  use_sort, oldest_xmin, xid_cutoff,
												  multi_cutoff, tuples, tuples_vacuumed,
												  tuples_recently_dead);
	}
	PG_FINALLY();
	{
		heap_guise_end(&new_guise);
		heap_guise_end(&old_guise);
	}
	PG_END_TRY();
	if (old_rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
		return;
	blocks_copy(old_rel, new_rel, &block_rows, tuples_vacuumed);
	*tuples += block_rows;
	if (block_rows > 0)
		head_keep_page(new_rel);
}

/* A table that may be compacted keeps its blocks there. */
bool
pyro_relation_needs_toast_table(Relation rel)
{
	return rel->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT ||
		heap_routine()->relation_needs_toast_table(rel);
}

bool
ensure_toast_relation(Oid relid, bool nowait)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	bool		lacks_it;

	if (!HeapTupleIsValid(tuple))
		return true;
	form = (Form_pg_class) GETSTRUCT(tuple);
	lacks_it = !OidIsValid(form->reltoastrelid) && OidIsValid(form->relam) &&
		form->relam == get_am_oid("pyro", true) &&
		form->relpersistence == RELPERSISTENCE_PERMANENT && RELKIND_HAS_STORAGE(form->relkind);
	ReleaseSysCache(tuple);
	if (!lacks_it)
		return true;
	if (nowait && !ConditionalLockRelationOid(relid, AccessExclusiveLock))
		return false;
	AlterTableCreateToastTable(relid, (Datum) 0, AccessExclusiveLock);
	return true;
}
