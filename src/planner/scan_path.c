/*
 * scan_path.c
 *	  When a PyroScan is considered, and the plan that is made of it.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "nodes/makefuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/guc.h"

#include "compat.h"
#include "planner/block_filter.h"
#include "planner/pyro_scan.h"
#include "planner/scan_cost.h"
#include "tableam/storage.h"
#include "tableam/tableam.h"

static bool enable_blockscan = true;

static set_rel_pathlist_hook_type previous_hook = NULL;

/* A relation for which paths are made. */
typedef struct PathMaker
{
	PlannerInfo *root;
	RelOptInfo *rel;
	ScanCostInfo cost;
} PathMaker;

static Plan *make_plan(PlannerInfo *root, RelOptInfo *rel, struct CustomPath *best_path,
					   List *tlist, List *clauses, List *custom_plans);

static const CustomPathMethods path_methods = {
	.CustomName = "PyroScan",
	.PlanCustomPath = make_plan,
};

/* ---- what a scan has to read ---- */

bool
pyro_scan_columns(List *expressions, Index varno, Bitmapset **columns)
{
	Bitmapset  *numbers = NULL;
	int			number = -1;
	bool		whole_row = false;

	pull_varattnos((Node *) expressions, varno, &numbers);
	*columns = bms_make_singleton(0);
	while ((number = bms_next_member(numbers, number)) >= 0)
	{
		AttrNumber	attnum = number + FirstLowInvalidHeapAttributeNumber;

		if (attnum > 0)
			*columns = bms_add_member(*columns, attnum);
		else if (attnum == 0)
			whole_row = true;
		else if (attnum != SelfItemPointerAttributeNumber &&
				 attnum != TableOidAttributeNumber)
			return false;
	}
	if (whole_row)
	{
		bms_free(*columns);
		*columns = NULL;
	}
	bms_free(numbers);
	return true;
}

/* The same of a relation while it is planned. */
static bool
columns_of_rel(RelOptInfo *rel, Bitmapset **columns)
{
	List	   *expressions = list_concat(extract_actual_clauses(rel->baserestrictinfo, false),
										  rel->reltarget->exprs);

	return pyro_scan_columns(expressions, rel->relid, columns);
}

/* ---- paths ---- */

static void
add_scan_path(PathMaker *maker, Relids required_outer, int parallel_workers)
{
	RelOptInfo *rel = maker->rel;
	CustomPath *path = makeNode(CustomPath);
	List	   *clauses = rel->baserestrictinfo;

	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rel->reltarget;
	path->path.param_info = get_baserel_parampathinfo(maker->root, rel, required_outer);
	path->path.parallel_aware = parallel_workers > 0;
	path->path.parallel_safe = rel->consider_parallel;
	path->path.parallel_workers = parallel_workers;
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION | CUSTOMPATH_SUPPORT_BACKWARD_SCAN;
	path->methods = &path_methods;
	if (path->path.param_info)
		clauses = list_concat_copy(clauses, path->path.param_info->ppi_clauses);
	cost_pyro_scan(&path->path, maker->root, &maker->cost,
				   block_filter_select(maker->cost.relation, rel->relid,
									   block_filter_usable_clauses(rel, clauses)));
	if (parallel_workers > 0)
		add_partial_path(rel, &path->path);
	else
		add_path(rel, &path->path);
}

/* Can blocks be left out by a join clause, given the other relations' rows? */
static bool
is_of_use(PathMaker *maker, RestrictInfo *clause)
{
	return join_clause_is_movable_to(clause, maker->rel) &&
		block_filter_select(maker->cost.relation, maker->rel->relid,
							block_filter_usable_clauses(maker->rel, list_make1(clause))) != NIL;
}

/* Add the other relations of a join clause to a list of such sets. */
static List *
add_outer(PathMaker *maker, List *outers, RestrictInfo *clause)
{
	RelOptInfo *rel = maker->rel;
	Relids		outer = bms_union(clause->clause_relids, rel->lateral_relids);
	ListCell   *cell;

	outer = bms_del_members(outer, rel->relids);
	outer = bms_del_members(outer, outer_join_relids(maker->root));
	if (bms_is_empty(outer))
		return outers;
	foreach(cell, outers)
		if (bms_equal(lfirst(cell), outer))
		return outers;
	return lappend(outers, outer);
}

/* Which members of equivalence classes were looked at, as callbacks must know. */
typedef struct MemberSearch
{
	Expr	   *current;
	List	   *done;
} MemberSearch;

static bool
is_next_member(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *ec, EquivalenceMember *em,
			   void *arg)
{
	MemberSearch *search = arg;

	if (search->current != NULL)
		return equal(em->em_expr, search->current);
	if (list_member(search->done, em->em_expr))
		return false;
	search->current = em->em_expr;
	return true;
}

/*
 * The sets of other relations whose rows say which blocks are of use: as for an
 * index on the inner side of a nested loop.
 */
static List *
find_outers(PathMaker *maker)
{
	RelOptInfo *rel = maker->rel;
	List	   *outers = NIL;
	MemberSearch search = {0};
	ListCell   *cell;

	foreach(cell, rel->joininfo)
	{
		if (is_of_use(maker, lfirst(cell)))
			outers = add_outer(maker, outers, lfirst(cell));
	}
	while (rel->has_eclass_joins)
	{
		List	   *clauses;

		search.current = NULL;
		clauses = generate_implied_equalities_for_column(maker->root, rel, is_next_member, &search,
														 rel->lateral_referencers);
		if (search.current == NULL)
			break;
		foreach(cell, clauses)
		{
			if (is_of_use(maker, lfirst(cell)))
				outers = add_outer(maker, outers, lfirst(cell));
		}
		search.done = lappend(search.done, search.current);
	}
	return outers;
}

/* The paths of a list, but for those of sequential scans. */
static List *
without_seqscans(List *paths)
{
	List	   *others = NIL;
	ListCell   *cell;

	foreach(cell, paths)
		if (((Path *) lfirst(cell))->pathtype != T_SeqScan)
		others = lappend(others, lfirst(cell));
	return others;
}

/* Put our scans in the place of sequential ones. */
static void
replace_seqscans(PathMaker *maker)
{
	RelOptInfo *rel = maker->rel;
	List	   *outers = find_outers(maker);
	ListCell   *cell;

	rel->pathlist = without_seqscans(rel->pathlist);
	rel->partial_pathlist = without_seqscans(rel->partial_pathlist);
	add_scan_path(maker, rel->lateral_relids, 0);
	foreach(cell, outers)
		add_scan_path(maker, lfirst(cell), 0);
	if (rel->consider_parallel && rel->lateral_relids == NULL)
	{
		int			workers = compute_parallel_worker(rel, rel->pages, -1,
													  max_parallel_workers_per_gather);

		if (workers > 0)
			add_scan_path(maker, NULL, workers);
	}
}

/* Does the planner force a TID scan?  There is no other way to the current row. */
static bool
is_current_of(RelOptInfo *rel)
{
	ListCell   *cell;

	foreach(cell, rel->baserestrictinfo)
		if (IsA(lfirst_node(RestrictInfo, cell)->clause, CurrentOfExpr))
		return true;
	return false;
}

static bool
is_plain_table(RelOptInfo *rel, RangeTblEntry *rte)
{
	return rel->rtekind == RTE_RELATION && !rte->inh && rte->tablesample == NULL &&
		(rte->relkind == RELKIND_RELATION || rte->relkind == RELKIND_MATVIEW) &&
		(rel->reloptkind == RELOPT_BASEREL || rel->reloptkind == RELOPT_OTHER_MEMBER_REL) &&
		!IS_DUMMY_REL(rel) && !is_current_of(rel);
}

/* Read the storage of a table that has blocks; false if it has none. */
static bool
has_blocks(Relation relation, Storage *storage)
{
	return is_pyro_relation(relation) &&
		relation->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT &&
		storage_read(relation, storage) && storage->blocks > 0;
}

static void
consider_rel(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	PathMaker	maker = {.root = root,.rel = rel};
	Storage		storage;
	Relation	relation;
	bool		readable;

	if (previous_hook)
		previous_hook(root, rel, rti, rte);
	if (!is_plain_table(rel, rte))
		return;
	relation = table_open(rte->relid, NoLock);
	if (has_blocks(relation, &storage))
	{
		readable = columns_of_rel(rel, &maker.cost.columns);
		maker.cost.relation = relation;
		maker.cost.storage = &storage;
		maker.cost.whole_row = readable && maker.cost.columns == NULL;
		cost_index_paths_over_blocks(root, rel, &maker.cost);
		if (enable_blockscan && readable)
			replace_seqscans(&maker);
	}
	table_close(relation, NoLock);
}

/* ---- the plan ---- */

/*
 * The quals are the truth; which of them may be tried early is noted by their
 * places.
 */
static Plan *
make_plan(PlannerInfo *root, RelOptInfo *rel, struct CustomPath *best_path, List *tlist,
		  List *clauses, List *custom_plans)
{
	CustomScan *plan = makeNode(CustomScan);
	List	   *early = block_filter_usable_clauses(rel, clauses);
	ListCell   *cell;

	plan->scan.plan.targetlist = tlist;
	plan->scan.plan.qual = extract_actual_clauses(clauses, false);
	plan->scan.scanrelid = rel->relid;
	plan->flags = best_path->flags;
	plan->methods = &pyro_scan_methods;
	foreach(cell, plan->scan.plan.qual)
		if (list_member_ptr(early, lfirst(cell)))
		plan->custom_private = lappend_int(plan->custom_private,
										   foreach_current_index(cell));
	return &plan->scan.plan;
}

List *
pyro_scan_early_quals(CustomScan *plan)
{
	List	   *quals = NIL;
	ListCell   *cell;

	foreach(cell, plan->custom_private)
		quals = lappend(quals, list_nth(plan->scan.plan.qual, lfirst_int(cell)));
	return quals;
}

void
pyro_scan_init(void)
{
	DefineCustomBoolVariable("pyro.enable_blockscan",
							 "Enables the planner's use of scans that read only what they need of blocks.",
							 "Without them sequential scans rebuild whole rows.",
							 &enable_blockscan,
							 true,
							 PGC_USERSET, GUC_EXPLAIN, NULL, NULL, NULL);
	RegisterCustomScanMethods(&pyro_scan_methods);
	previous_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = consider_rel;
}
