/*
 * vacuum.c
 *	  VACUUM by the worker, where compaction has left dead rows.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "commands/vacuum.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "tableam/progress.h"
#include "tableam/storage.h"
#include "worker/vacuum.h"

/* VACUUM when dead rows take this part of a file, and so many pages. */
#define VACUUM_PART		0.1
#define VACUUM_PAGES	32

/* Chunks of TOAST on a page. */
#define CHUNKS_PER_PAGE	4

static int64
dead_rows(Oid relid)
{
	return DatumGetInt64(DirectFunctionCall1(pg_stat_get_dead_tuples, ObjectIdGetDatum(relid)));
}

/* Are so many dead rows of a file, so many to a page, worth a VACUUM? */
static bool
pays(double dead, double per_page, BlockNumber pages)
{
	double		dead_pages = dead / Max(per_page, 1);

	return dead_pages >= VACUUM_PAGES && dead_pages >= VACUUM_PART * pages;
}

/* Of the head: live rows are those that are not in blocks. */
static bool
head_is_due(Relation rel)
{
	double		dead = dead_rows(RelationGetRelid(rel));
	double		live = DatumGetInt64(DirectFunctionCall1(pg_stat_get_live_tuples,
														 ObjectIdGetDatum(RelationGetRelid(rel))));
	BlockNumber pages = RelationGetNumberOfBlocks(rel);
	Storage		storage;

	if (storage_read(rel, &storage))
		live -= storage.rows;
	return pages > 0 && pays(dead, (dead + Max(live, 0)) / pages, pages);
}

static bool
toast_is_due(Relation rel)
{
	Relation	toast;
	bool		result;

	if (!OidIsValid(rel->rd_rel->reltoastrelid))
		return false;
	toast = table_open(rel->rd_rel->reltoastrelid, AccessShareLock);
	result = pays(dead_rows(RelationGetRelid(toast)), CHUNKS_PER_PAGE,
				  RelationGetNumberOfBlocks(toast));
	table_close(toast, AccessShareLock);
	return result;
}

bool
vacuum_is_due(Oid relid)
{
	Relation	rel = NULL;
	bool		result;

	if (ConditionalLockRelationOid(relid, AccessShareLock))
		rel = try_relation_open(relid, NoLock);
	if (rel == NULL)
		return false;
	result = RELKIND_HAS_TABLE_AM(rel->rd_rel->relkind) && (head_is_due(rel) || toast_is_due(rel));
	relation_close(rel, NoLock);
	return result;
}

void
vacuum_table(Oid relid, bool tail)
{
	MemoryContext before = MemoryContextSwitchTo(PortalContext);
	VacuumStmt *statement = makeNode(VacuumStmt);

	statement->is_vacuumcmd = true;
	statement->rels = list_make1(makeVacuumRelation(NULL, relid, NIL));
	statement->options =
		list_make1(makeDefElem("skip_locked", (Node *) makeInteger(1), -1));
	if (tail)
		statement->options = lappend(statement->options,
									 makeDefElem("index_cleanup", (Node *) makeString("on"), -1));
	progress_begin(relid, "vacuum");
	ExecVacuum(make_parsestate(NULL), statement, true);
	progress_end();
	MemoryContextSwitchTo(before);
}
