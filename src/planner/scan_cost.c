/*
 * scan_cost.c
 *	  What reading blocks costs.
 *
 * The units are those of the server: a page read in sequence is 1.  On the
 * machines on which this was measured a row of a heap table in memory takes
 * 0.1 us and its cost is 0.02, so that 1 stands for 5 us.
 */
#include "postgres.h"

#include <math.h>

#include "access/amapi.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/pg_statistic.h"
#include "nodes/pathnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "planner/scan_cost.h"
#include "profile/profile_type.h"
#include "tableam/block_cache.h"
#include "tableam/policy.h"

/* An entry of the directory and its zones, in values compared. */
#define ENTRY_OPERATORS		100

/* What columns take in blocks, of their width; of profiles the other way. */
#define STORED_SHARE		0.15
#define PROFILE_RATIO		5

/* Decoding a page of stored profiles, in rows. */
#define PAGE_TUPLES			1000

/* Bytes of a value that are decoded as fast as a value is compared. */
#define OPERATOR_BYTES		32

/* What a table's blocks are made of, on average. */
typedef struct BlockShape
{
	double		blocks;
	double		rows;			/* of all blocks */
	double		rows_per_block;
	double		width;			/* of a row's columns that are no profiles */
	double		profile_width;	/* of a row's profiles, when rebuilt */
	int			columns;
	double		profile_bytes;	/* stored, of all blocks */
	double		other_bytes;
	bool		reads_profiles;

	/* of the columns that are read */
	double		read_width;
	int			read_columns;
} BlockShape;

static bool
is_read(const ScanCostInfo *info, AttrNumber attnum)
{
	return info->whole_row || bms_is_member(attnum, info->columns);
}

static double
column_width(const ScanCostInfo *info, Form_pg_attribute attribute)
{
	int32		width = get_attavgwidth(RelationGetRelid(info->relation), attribute->attnum);

	return width > 0 ? width : get_typavgwidth(attribute->atttypid, attribute->atttypmod);
}

static BlockShape
block_shape(const ScanCostInfo *info)
{
	TupleDesc	desc = RelationGetDescr(info->relation);
	BlockShape	shape = {.blocks = info->storage->blocks,.rows = Max(info->storage->rows, 1)};
	bool		has_profiles = false;

	shape.rows_per_block = shape.rows / shape.blocks;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		bool		read = is_read(info, i + 1);
		double		width;

		if (attribute->attisdropped)
			continue;
		width = column_width(info, attribute);
		if (attribute->attlen == -1 && profile_is_type(attribute->atttypid))
		{
			has_profiles = true;
			shape.reads_profiles |= read;
			shape.profile_width += width;
			continue;
		}
		shape.columns++;
		shape.width += width;
		if (read)
		{
			shape.read_columns++;
			shape.read_width += width;
		}
	}
	shape.other_bytes = info->storage->bytes;
	if (has_profiles)
	{
		shape.other_bytes = Min(shape.other_bytes / 2, shape.rows * shape.width * STORED_SHARE);
		shape.profile_bytes = info->storage->bytes - shape.other_bytes;
		shape.profile_width = Max(shape.profile_width,
								  PROFILE_RATIO * shape.profile_bytes / shape.rows);
	}
	return shape;
}

/* ---- what is done to blocks ---- */

/* Decoding values of this width in all. */
static Cost
decode_cost(double rows, double columns, double width)
{
	return cpu_operator_cost * rows * (columns + width / OPERATOR_BYTES);
}

/* Reading and decoding the columns of a scan, of all blocks. */
static void
read_cost(const BlockShape *shape, Cost *disk, Cost *cpu)
{
	double		pages = shape->other_bytes / BLCKSZ * shape->read_width / Max(shape->width, 1);

	*cpu = decode_cost(shape->rows, shape->read_columns, shape->read_width);
	if (shape->reads_profiles)
	{
		pages += shape->profile_bytes / BLCKSZ;
		*cpu += cpu_tuple_cost * PAGE_TUPLES * shape->profile_bytes / BLCKSZ;
	}
	*disk = seq_page_cost * pages;
}

/* Opening a block to fetch rows: all columns of theirs are decoded. */
static Cost
open_cost(const BlockShape *shape)
{
	Cost		cost = cpu_operator_cost * ENTRY_OPERATORS + random_page_cost;

	cost += seq_page_cost * (shape->other_bytes + shape->profile_bytes) / shape->blocks / BLCKSZ;
	cost += decode_cost(shape->rows_per_block, shape->columns, shape->width);
	cost += cpu_tuple_cost * PAGE_TUPLES * shape->profile_bytes / shape->blocks / BLCKSZ;
	return cost;
}

/* Making a tuple of a row: the profile is rebuilt. */
static Cost
row_cost(const BlockShape *shape)
{
	return cpu_operator_cost * (shape->columns + shape->profile_width);
}

/* How many opened blocks a session keeps. */
static double
blocks_kept(const BlockShape *shape)
{
	double		size = shape->rows_per_block * (shape->width + shape->columns * sizeof(Datum)) +
	PROFILE_RATIO * shape->profile_bytes / shape->blocks;

	return Max(1, floor(block_cache_size() / Max(size, 1)));
}

/* ---- how many blocks ---- */

/*
 * How the values of a column follow the order of rows, from 0 to 1: times do,
 * since blocks are merged by windows of time.  Where these windows lie does not
 * follow their order, so that statistics would not tell.
 */
static double
column_order(Relation rel, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(RelationGetRelid(rel)),
										Int16GetDatum(attnum), BoolGetDatum(false));
	AttStatsSlot slot;
	double		result = 0;

	if (!HeapTupleIsValid(tuple))
		return 0;
	if (attnum == time_column(rel))
	{
		ReleaseSysCache(tuple);
		return 1;
	}
	if (get_attstatsslot(&slot, tuple, STATISTIC_KIND_CORRELATION, InvalidOid,
						 ATTSTATSSLOT_NUMBERS))
	{
		result = fabs(slot.numbers[0]);
		free_attstatsslot(&slot);
	}
	ReleaseSysCache(tuple);
	return result;
}

/*
 * The share of blocks that have some of the rows that conditions on one column
 * leave, or 0 for the column if they are on several.
 *
 * Where values follow the order of rows these are next to each other.
 * Otherwise each block may have some; but blocks are sorted by columns of few
 * values, and cut where these change, so that many have none: somewhere between
 * one run and as many as there are rows.
 */
static double
share_of_blocks(const ScanCostInfo *info, const BlockShape *shape, AttrNumber attnum,
				Selectivity selectivity)
{
	double		ordered = Min(1, selectivity + 1 / shape->blocks);
	double		scattered = 1 - pow(1 - selectivity, sqrt(shape->rows_per_block));
	double		order = attnum == 0 ? 0 : column_order(info->relation, attnum);

	order *= order;
	return order * ordered + (1 - order) * Max(scattered, Min(1, selectivity));
}

/* The only column of a relation in a clause, or 0. */
static AttrNumber
only_column(Node *clause, Index varno)
{
	Bitmapset  *numbers = NULL;
	int			number;

	pull_varattnos(clause, varno, &numbers);
	if (!bms_get_singleton_member(numbers, &number))
		return 0;
	return Max(number + FirstLowInvalidHeapAttributeNumber, 0);
}

/* The share of blocks that a filter leaves. */
static double
filtered_share(PlannerInfo *root, Index varno, const ScanCostInfo *info, const BlockShape *shape,
			   List *clauses)
{
	Bitmapset  *done = NULL;
	double		share = 1;
	ListCell   *cell;

	foreach(cell, clauses)
	{
		AttrNumber	column = only_column(lfirst(cell), varno);
		List	   *group = NIL;
		ListCell   *other;

		if (column > 0 && bms_is_member(column, done))
			continue;
		done = bms_add_member(done, column);

		/* ranges are estimated by both ends */
		for_each_cell(other, clauses, cell)
			if (other == cell || (column > 0 && only_column(lfirst(other), varno) == column))
			group = lappend(group, lfirst(other));
		share *= share_of_blocks(info, shape, column,
								 clauselist_selectivity(root, group, varno, JOIN_INNER, NULL));
		list_free(group);
	}
	return Min(1, Max(share, 1 / shape->blocks));
}

/* ---- scans ---- */

/* How many processes' work a parallel path's CPU cost is divided by. */
static double
parallel_divisor(const Path *path)
{
	double		divisor = path->parallel_workers;

	if (divisor == 0)
		return 1;
	if (parallel_leader_participation)
		divisor += Max(0, 1.0 - 0.3 * path->parallel_workers);
	return divisor;
}

/* The rows that a path has, in one process. */
static double
path_rows(const Path *path)
{
	double		rows = path->param_info ? path->param_info->ppi_rows : path->parent->rows;

	return path->parallel_workers == 0 ? rows : clamp_row_est(rows / parallel_divisor(path));
}

/* What the quals of a path cost. */
static QualCost
qual_cost(PlannerInfo *root, const Path *path)
{
	QualCost	cost = path->parent->baserestrictcost;
	QualCost	more;

	if (path->param_info != NULL)
	{
		cost_qual_eval(&more, path->param_info->ppi_clauses, root);
		cost.startup += more.startup;
		cost.per_tuple += more.per_tuple;
	}
	return cost;
}

void
cost_pyro_scan(Path *path, PlannerInfo *root, const ScanCostInfo *info, List *filter_clauses)
{
	BlockShape	shape = block_shape(info);
	QualCost	quals = qual_cost(root, path);
	double		share = filtered_share(root, path->parent->relid, info, &shape, filter_clauses);
	double		head_rows = Max(path->parent->tuples - shape.rows, 0);
	Cost		startup = quals.startup + path->pathtarget->cost.startup;
	Cost		disk,
				cpu;

	read_cost(&shape, &disk, &cpu);
	disk = disk * share + seq_page_cost * RelationGetNumberOfBlocks(info->relation);
	cpu = cpu * share + (head_rows + shape.rows * share) * (cpu_tuple_cost + quals.per_tuple);
	path->rows = path_rows(path);

	/* it is a sequential scan; each process reads the directory */
	set_path_disabled(path, !enable_seqscan);
	startup += DISABLED_COST(!enable_seqscan) + cpu_operator_cost * ENTRY_OPERATORS * shape.blocks;
	path->startup_cost = startup;
	path->total_cost = startup + disk + cpu / parallel_divisor(path) +
		path->rows * path->pathtarget->cost.per_tuple;
}

/* ---- indexes ---- */

/* How often a path with parameters is run: about once a row of another one. */
static double
loops_of(PlannerInfo *root, const Path *path)
{
	double		loops = 0;
	int			relid = -1;

	if (path->param_info == NULL)
		return 1;
	while ((relid = bms_next_member(path->param_info->ppi_req_outer, relid)) >= 0)
	{
		RelOptInfo *outer = relid < root->simple_rel_array_size ? root->simple_rel_array[relid] : NULL;

		if (outer != NULL && outer->rows > 0 && (loops == 0 || outer->rows < loops))
			loops = outer->rows;
	}
	return Max(loops, 1);
}

/* Does an index have the rows in their order in blocks?  From 0 to 1. */
static double
index_order(PlannerInfo *root, IndexPath *path)
{
	amcostestimate_function estimate = (amcostestimate_function) path->indexinfo->amcostestimate;
	Cost		startup,
				total;
	Selectivity selectivity;
	double		correlation,
				pages;

	estimate(root, path, 1, &startup, &total, &selectivity, &correlation, &pages);
	return correlation * correlation;
}

/* Of n blocks so many are met by rows that lie anywhere. */
static double
blocks_met(double n, double rows)
{
	return n <= 1 ? Min(n, rows) : n * (1 - pow(1 - 1 / n, rows));
}

/* The conditions of an index scan that all rows meet that it finds. */
static List *
index_conditions(Path *path)
{
	List	   *result = NIL;
	ListCell   *cell;

	if (IsA(path, IndexPath))
		foreach(cell, ((IndexPath *) path)->indexclauses)
			result = lappend(result, lfirst_node(IndexClause, cell)->rinfo->clause);
	else if (IsA(path, BitmapAndPath))
		foreach(cell, ((BitmapAndPath *) path)->bitmapquals)
			result = list_concat(result, index_conditions(lfirst(cell)));
	return result;
}

/* Rows that are fetched by an index from the blocks. */
typedef struct Fetch
{
	double		rows;			/* each time */
	double		blocks;			/* among which they are */
	double		order;			/* index_order() */
	double		loops;
} Fetch;

static Fetch
make_fetch(PlannerInfo *root, const Path *path, Path *index, Selectivity selectivity,
		   const ScanCostInfo *info, const BlockShape *shape)
{
	RelOptInfo *rel = path->parent;
	Fetch		fetch = {.loops = loops_of(root, path)};

	fetch.rows = clamp_row_est(selectivity * rel->tuples) *
		Min(shape->rows / Max(rel->tuples, 1), 1);
	fetch.blocks = shape->blocks *
		filtered_share(root, rel->relid, info, shape, index_conditions(index));
	if (IsA(index, IndexPath))
		fetch.order = index_order(root, (IndexPath *) index);
	return fetch;
}

/*
 * How many blocks are opened each time: in their order, or for rows anywhere
 * once more for each row whose block is not kept.
 */
static double
blocks_opened(const BlockShape *shape, const Fetch *fetch)
{
	double		kept = blocks_kept(shape);
	double		rows = fetch->rows * fetch->loops;
	double		n = fetch->loops > 1 ? shape->blocks : fetch->blocks;
	double		met = blocks_met(n, rows);
	double		scattered = met <= kept ? met : met + (rows - met) * (1 - kept / met);
	double		ordered = ceil(fetch->rows / shape->rows_per_block) * fetch->loops;

	if (n <= kept)
		ordered = Min(ordered, n);
	return (fetch->order * Min(ordered, scattered) + (1 - fetch->order) * scattered) /
		fetch->loops;
}

/* Raise the costs of a path that fetches rows by their TIDs. */
static void
raise_cost(Path *path, const BlockShape *shape, double rows, double opened)
{
	path->total_cost += (opened * open_cost(shape) + rows * row_cost(shape)) /
		parallel_divisor(path);
}

static void
raise_index_path(PlannerInfo *root, IndexPath *path, const ScanCostInfo *info,
				 const BlockShape *shape)
{
	Fetch		fetch = make_fetch(root, &path->path, &path->path, path->indexselectivity, info,
								   shape);

	raise_cost(&path->path, shape, fetch.rows, blocks_opened(shape, &fetch));
}

/* Bitmaps have the rows in order, so that each block is opened once. */
static void
raise_bitmap_path(PlannerInfo *root, BitmapHeapPath *path, const ScanCostInfo *info,
				  const BlockShape *shape)
{
	Cost		cost;
	Selectivity selectivity;
	Fetch		fetch;
	double		opened;

	cost_bitmap_tree_node(path->bitmapqual, &cost, &selectivity);
	fetch = make_fetch(root, &path->path, path->bitmapqual, selectivity, info, shape);
	opened = fetch.order * ceil(fetch.rows / shape->rows_per_block) +
		(1 - fetch.order) * blocks_met(fetch.blocks, fetch.rows);
	raise_cost(&path->path, shape, fetch.rows, opened);
}

static int
order_by_cost(const ListCell *a, const ListCell *b)
{
	return compare_path_costs(lfirst(a), lfirst(b), TOTAL_COST);
}

/* The planner keeps paths in the order of their costs. */
static void
raise_paths(PlannerInfo *root, List *paths, const ScanCostInfo *info, const BlockShape *shape)
{
	ListCell   *cell;

	foreach(cell, paths)
	{
		Path	   *path = lfirst(cell);

		if (IsA(path, IndexPath))
			raise_index_path(root, (IndexPath *) path, info, shape);
		else if (IsA(path, BitmapHeapPath))
			raise_bitmap_path(root, (BitmapHeapPath *) path, info, shape);
	}
	list_sort(paths, order_by_cost);
}

void
cost_index_paths_over_blocks(PlannerInfo *root, RelOptInfo *rel, const ScanCostInfo *info)
{
	BlockShape	shape = block_shape(info);

	raise_paths(root, rel->pathlist, info, &shape);
	raise_paths(root, rel->partial_pathlist, info, &shape);
}
