/*
 * block_filter.c
 *	  Which blocks a scan may leave out, by what their zones say.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/restrictinfo.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "compat.h"
#include "planner/block_filter.h"
#include "planner/filter_node.h"

/* ---- while planning ---- */

List *
block_filter_usable_clauses(RelOptInfo *rel, List *restrictinfos)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, restrictinfos)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, cell);

		if (!info->pseudoconstant && restriction_is_securely_promotable(info, rel) &&
			!contain_volatile_functions((Node *) info->clause))
			result = lappend(result, info->clause);
	}
	return result;
}

/* ---- making a filter ---- */

static BlockFilter *
make_filter(Relation relation, Index varno, List *clauses, PlanState *parent)
{
	BlockFilter *filter = palloc0(sizeof(BlockFilter));
	ListCell   *cell;

	filter->relation = relation;
	filter->context = CurrentMemoryContext;
	filter->max_columns = 4;
	filter->columns = palloc0(filter->max_columns * sizeof(FilterColumn));
	foreach(cell, clauses)
	{
		FilterNode *node = filter_build(filter, varno, lfirst(cell), parent);

		if (node == NULL)
			continue;
		filter->nodes = lappend(filter->nodes, node);
		filter->clauses = lappend(filter->clauses, lfirst(cell));
	}
	return filter;
}

List *
block_filter_select(Relation relation, Index varno, List *clauses)
{
	return make_filter(relation, varno, clauses, NULL)->clauses;
}

BlockFilter *
block_filter_create(Relation relation, Index varno, List *clauses, PlanState *parent)
{
	BlockFilter *filter = make_filter(relation, varno, clauses, parent);

	if (filter->clauses == NIL)
		return NULL;
	filter->value_context = AllocSetContextCreate(filter->context, "pyro filter values",
												  ALLOCSET_SMALL_SIZES);
	filter->block_context = AllocSetContextCreate(filter->context, "pyro filter block",
												  ALLOCSET_DEFAULT_SIZES);
	return filter;
}

List *
block_filter_clauses(const BlockFilter *filter)
{
	return filter->clauses;
}

/* ---- values ---- */

static void
forget_value(Comparand *comparand)
{
	if (comparand != NULL)
	{
		comparand->is_known = false;
		comparand->prepared = NULL;
	}
}

static void
forget_values(List *nodes)
{
	ListCell   *cell;

	foreach(cell, nodes)
	{
		FilterNode *node = lfirst(cell);

		forget_value(node->comparand);
		forget_value(node->key);
		forget_values(node->children);
	}
}

void
block_filter_prepare(BlockFilter *filter, ExprContext *econtext)
{
	filter->econtext = econtext;
	forget_values(filter->nodes);
	MemoryContextReset(filter->value_context);
}

bool
filter_value(BlockFilter *filter, Comparand *comparand, Datum *value)
{
	if (!comparand->is_known)
	{
		MemoryContext before = MemoryContextSwitchTo(filter->value_context);

		comparand->value = ExecEvalExpr(comparand->state, filter->econtext, &comparand->isnull);
		if (comparand->isnull)
			comparand->value = (Datum) 0;
		else if (comparand->typlen == -1)
			comparand->value = PointerGetDatum(PG_DETOAST_DATUM_COPY(comparand->value));
		else
			comparand->value = datumCopy(comparand->value, comparand->typbyval, comparand->typlen);
		comparand->is_known = true;
		MemoryContextSwitchTo(before);
	}
	*value = comparand->value;
	return !comparand->isnull;
}

/* ---- zones ---- */

typedef struct BlockKey
{
	int64		storage_id;
	int64		first_vpage;
} BlockKey;

/* The zones of a block that the filter asks, kept while there is memory. */
typedef struct RememberedZones
{
	BlockKey	key;
	FilterColumn *columns;		/* as BlockFilter.columns */
} RememberedZones;

static void
load_zone(BlockFilter *filter, FilterColumn *column)
{
	if (filter->zones == NULL)
		filter->zones = directory_zones(filter->entry);
	column->has_zone = block_zones_find(filter->zones, column->attnum, column->type, &column->zone);
	column->range = column->zone;
	column->range.flags &= ~BLOCK_ZONE_FILTERS;
	column->range.filter = string_ref("", 0);
	column->is_loaded = true;
}

static StringRef
keep_bytes(StringRef bytes)
{
	char	   *copy = palloc(Max(bytes.length, 1));

	memcpy(copy, bytes.data, bytes.length);
	return string_ref(copy, bytes.length);
}

/*
 * Keep the columns' zones, in the current context, without what was read to
 * find them; returns their size.
 */
static void
keep_zone(FilterColumn *column)
{
	BlockZone  *zone = &column->zone;

	if (!column->has_zone)
		return;
	if (zone->flags & BLOCK_ZONE_HAS_RANGE)
	{
		zone->min_bytes = keep_bytes(zone->min_bytes);
		zone->max_bytes = keep_bytes(zone->max_bytes);
	}
	zone->filter = keep_bytes(zone->filter);
	column->range = *zone;
	column->range.flags &= ~BLOCK_ZONE_FILTERS;
	column->range.filter = string_ref("", 0);
}

/*
 * A filter with parameters is asked the same blocks again and again.  What a
 * block holds never changes, so its zones are read once, as long as there is
 * memory for them.
 */
static RememberedZones *
remember_zones(BlockFilter *filter, const BlockKey *key)
{
	MemoryContext before;
	RememberedZones *found;

	if (filter->remembered == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(BlockKey),.entrysize = sizeof(RememberedZones)};

		filter->zone_context = AllocSetContextCreate(filter->context, "pyro filter zones",
													 ALLOCSET_DEFAULT_SIZES);
		control.hcxt = filter->zone_context;
		filter->remembered = hash_create("pyro filter zones", 256, &control,
										 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	found = hash_search(filter->remembered, key, HASH_FIND, NULL);
	if (found != NULL)
		return found;
	if (MemoryContextMemAllocated(filter->zone_context, true) > work_mem * (Size) 1024)
		return NULL;

	/* all of them first, since reading may fail */
	before = MemoryContextSwitchTo(filter->block_context);
	filter->zones = directory_zones(filter->entry);
	MemoryContextSwitchTo(filter->zone_context);
	for (int i = 0; i < filter->ncolumns; i++)
	{
		load_zone(filter, &filter->columns[i]);
		keep_zone(&filter->columns[i]);
	}
	found = hash_search(filter->remembered, key, HASH_ENTER, NULL);
	found->columns = NULL;
	found->columns = palloc(filter->ncolumns * sizeof(FilterColumn));
	memcpy(found->columns, filter->columns, filter->ncolumns * sizeof(FilterColumn));
	MemoryContextSwitchTo(before);
	return found;
}

const BlockZone *
filter_zone(BlockFilter *filter, int index)
{
	FilterColumn *column = &filter->columns[index];

	if (!column->is_loaded)
		load_zone(filter, column);
	if (!column->has_zone)
		return NULL;
	if (column->zone.flags & BLOCK_ZONE_FILTERS)
		filter->has_filters = true;
	return filter->with_filters ? &column->zone : &column->range;
}

/* ---- blocks ---- */

static void
start_block(BlockFilter *filter, const BlockEntry *entry)
{
	filter->entry = entry;
	filter->zones = NULL;
	filter->has_filters = false;
	for (int i = 0; i < filter->ncolumns; i++)
		filter->columns[i].is_loaded = false;
	if (filter->is_rescanned)
	{
		BlockKey	key = {entry->storage_id, entry->first_vpage};
		RememberedZones *zones = remember_zones(filter, &key);

		if (zones != NULL)
			memcpy(filter->columns, zones->columns, filter->ncolumns * sizeof(FilterColumn));
	}
}

static bool
ask_all_clauses(BlockFilter *filter)
{
	ListCell   *cell;

	foreach(cell, filter->nodes)
		if (!filter_ask(filter, lfirst(cell)))
		return false;
	return true;
}

bool
block_filter_may_have(BlockFilter *filter, const BlockEntry *entry, SkipReason *reason)
{
	MemoryContext before = MemoryContextSwitchTo(filter->block_context);
	SkipReason	found = SKIP_NOT;

	CHECK_FOR_INTERRUPTS();
	start_block(filter, entry);
	filter->with_filters = false;
	if (!ask_all_clauses(filter))
		found = SKIP_BY_RANGE;
	else if (filter->has_filters)
	{
		filter->with_filters = true;
		if (!ask_all_clauses(filter))
			found = SKIP_BY_FILTER;
	}
	MemoryContextSwitchTo(before);
	MemoryContextReset(filter->block_context);
	if (reason != NULL)
		*reason = found;
	return found == SKIP_NOT;
}
