/*
 * merge_plan.c
 *	  Which blocks of a table are to be merged.
 *
 * In a table that tells the age of its rows, time is divided into windows, of
 * which one level's contain those of the level before.  Once the writer has
 * left a window all its blocks become one sorted series of blocks.  Before that,
 * and in tables without windows, neighbours of about one size are merged, so
 * that each merge makes a row's block several times larger and a row is written
 * a few times only.
 */
#include "postgres.h"

#include "block/stack_block.h"
#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "profile/profile_type.h"
#include "stack/hash.h"
#include "tableam/block_layout.h"
#include "tableam/block_order.h"
#include "tableam/block_tid.h"
#include "tableam/block_zones.h"
#include "tableam/marks.h"
#include "tableam/merge_cuts.h"
#include "tableam/merge_plan.h"
#include "tableam/policy.h"
#include "utils/timestamp.h"

/*
 * So many neighbours of about one size are merged, or fewer when they fill a
 * block.  In a window whose end will merge them anyway only where they are many.
 */
#define MERGE_COUNT			4
#define MERGE_COUNT_WINDOW	16
#define MERGE_FULL			0.75
#define MERGE_LARGEST		(1.0 / 3)	/* what one may be of the new block */

/* A block that takes so much of the limits is large enough for its neighbours. */
#define MERGE_SMALL			0.125

/*
 * So is one that takes so much of the memory, where the dictionary counts, too.
 * Since memory grows by doubling, and fewer rows are taken in steps where there
 * is no room, only the last block that a merge makes can take less than this.
 * With a larger part a merge might make as many blocks as it has read, which
 * would be merged again without end.
 */
#define MERGE_MEMORY		0.25

/* A block is rewritten when so many of its rows are marked. */
#define REWRITE_MARKED		0.25

/* Blocks are merged again only if the new ones are such a part of them. */
#define REWRITE_WINDOW		0.25

/* Nobody is known to have left a window, but it is over and has so many blocks. */
#define OVER_COUNT			4

/*
 * What one merge takes: each input may be opened for each output.  Those that
 * were cut where stacks change are small, and are opened for a few only.
 */
#define MERGE_MAX_BLOCKS	64
#define MERGE_MAX_CUTS		256
#define MERGE_MAX_ROWS		((int64) 1 << 20)

/* Bytes of samples in a builder, by those in a block; about so. */
#define SAMPLES_UNPACKED	2.5

/* A block that may be merged. */
typedef struct Candidate
{
	const BlockEntry *entry;
	int			marked;			/* rows */
	double		fullness;		/* how much of the limits it takes */
	bool		has_time;
	TimestampTz time;			/* of its first row in time */
	bool		is_left_after;	/* has the writer gone on, and to when? */
	TimestampTz after;
	int64		window;			/* of the level at work */
	bool		is_enough;		/* might it have been cut off where stacks
								 * change? */
	bool		has_kinds;		/* has it several values in a column of texts? */
	uint64		kind;			/* by those of which it has one, or by labels
								 * where there are no texts */
	uint64		merged_kind;	/* that of blocks with which it may be merged */
	bool		is_taken;
} Candidate;

typedef struct Planner
{
	Relation	rel;
	int64		storage_id;
	const TablePolicy *policy;
	HTAB	   *tried;
	int64		fresh_from;
	TimestampTz now;
	bool		regroups;		/* does the order put rows of one kind
								 * together? */
	bool		cuts;			/* does the last level cut where stacks
								 * change? */
	int			count;
	Candidate  *candidates;		/* by first page */
	Candidate **sorted;			/* those of a level by window and first page */
	List	   *groups;
} Planner;

HTAB *
merge_plan_start(void)
{
	HASHCTL		control = {.keysize = sizeof(int64),.entrysize = sizeof(int64),
	.hcxt = CurrentMemoryContext};

	return hash_create("pyro blocks tried", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* ---- blocks ---- */

void
merge_memory(const BlockEntry *entry, double *columns, double *samples,
			 uint64 *with_dictionary)
{
	BlockLayout *layout = block_layout_from_bytea(entry->streams, entry->payload_size);

	*with_dictionary = layout->memory;
	*columns = *samples = 0;
	for (int i = 0; i < layout->nstreams; i++)
	{
		const BlockStream *stream = &layout->streams[i];

		if (stream->part == 0)
			*columns += stream->raw;
		else if (stream->part == STACK_KEYS || stream->part == STACK_VALUES)
			*samples += (double) stream->raw * SAMPLES_UNPACKED;
	}
	pfree(layout);
}

/*
 * How much of a block's limits a block takes, its marked rows left out.  One
 * that had a good part of the memory is large enough, whatever its dictionary might
 * have in common with others.
 */
static double
fullness(const Planner *planner, const BlockEntry *entry, int marked)
{
	const TablePolicy *policy = planner->policy;
	uint64		with_dictionary;
	double		columns,
				samples,
				result;

	merge_memory(entry, &columns, &samples, &with_dictionary);
	result = Max((double) entry->rows / policy->block_rows,
				 (double) entry->samples / policy->block_samples);
	result = Max(result, (columns + samples) / policy->block_size);
	result *= 1.0 - (double) marked / entry->rows;
	if (with_dictionary >= policy->block_size * MERGE_MEMORY)
		result = Max(result, MERGE_SMALL);
	return result;
}

/* Is the block to be rewritten even alone? */
static bool
has_lost_many(const Candidate *candidate)
{
	return candidate->marked >= REWRITE_MARKED * candidate->entry->rows;
}

/* Find out when a block begins. */
static void
find_time(const bytea *zones, AttrNumber attnum, Candidate *candidate)
{
	BlockZone	zone;

	if (attnum != InvalidAttrNumber &&
		block_zones_find(zones, attnum, TIMESTAMPTZOID, &zone) &&
		(zone.flags & BLOCK_ZONE_HAS_RANGE) != 0)
	{
		candidate->time = DatumGetTimestampTz(zone.min);
		candidate->has_time = !TIMESTAMP_NOT_FINITE(candidate->time);
	}
}

/*
 * Find out of what kind a block's rows are: the texts of which it has one for
 * all rows, or, in a table without texts, the labels.
 */
static void
find_kind(const Planner *planner, const bytea *zones, Candidate *candidate)
{
	TupleDesc	desc = RelationGetDescr(planner->rel);
	uint64		of_texts = 0,
				of_labels = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		bool		is_text = attribute->atttypid == TEXTOID || attribute->atttypid == VARCHAROID;
		BlockZone	zone;

		if (attribute->attisdropped || (!is_text && attribute->atttypid != JSONBOID) ||
			!block_zones_find(zones, attribute->attnum, attribute->atttypid, &zone))
			continue;
		if (!is_text)
			of_labels = hash_bytes64(zone.filter.data, zone.filter.length, of_labels);
		else if ((zone.flags & BLOCK_ZONE_HAS_RANGE) == 0)
			of_texts = hash_numbers(attribute->attnum, zone.flags, of_texts);
		else if (string_ref_equal(zone.min_bytes, zone.max_bytes))
			of_texts = hash_bytes64(zone.min_bytes.data, zone.min_bytes.length,
									of_texts ^ attribute->attnum);
		else
			candidate->has_kinds = true;
	}
	candidate->kind = of_texts != 0 ? of_texts : of_labels;
}

/* Find out what a block's zones tell. */
static void
find_in_zones(const Planner *planner, AttrNumber attnum, Candidate *candidate)
{
	bytea	   *zones = directory_zones(candidate->entry);

	find_time(zones, attnum, candidate);
	if (planner->cuts)
		find_kind(planner, zones, candidate);
	if ((void *) zones != (void *) candidate->entry->zones)
		pfree(zones);
}

/* Note for each block the latest time at which one behind it begins. */
static void
find_after(Planner *planner)
{
	bool		is_known = false;
	TimestampTz latest = 0;

	for (int i = planner->count; i-- > 0;)
	{
		Candidate  *candidate = &planner->candidates[i];

		candidate->is_left_after = is_known;
		candidate->after = latest;
		if (!candidate->has_time || (is_known && candidate->time <= latest))
			continue;
		latest = candidate->time;
		is_known = true;
	}
}

static void
read_candidates(Planner *planner)
{
	BlockList  *list = directory_read(planner->storage_id, NULL);
	MarkSet    *marks = marks_read_all(planner->storage_id, NULL);
	AttrNumber	attnum = planner->policy->nwindows > 0 ? time_column(planner->rel) :
	InvalidAttrNumber;
	int			mark = 0;

	planner->count = list->count;
	planner->candidates = palloc_extended(Max(list->count, 1) * sizeof(Candidate),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	planner->sorted = palloc_extended(Max(list->count, 1) * sizeof(Candidate *),
									  MCXT_ALLOC_HUGE);
	for (int i = 0; i < list->count; i++)
	{
		Candidate  *candidate = &planner->candidates[i];
		const BlockEntry *entry = list->entries[i];
		int64		end = entry->first_vpage + block_vpages(entry->rows);
		double		rows;

		CHECK_FOR_INTERRUPTS();
		candidate->entry = entry;
		for (; mark < marks->count && tid_vpage(&marks->marks[mark].row_tid) < end; mark++)
			if (tid_vpage(&marks->marks[mark].row_tid) >= entry->first_vpage)
				candidate->marked++;
		candidate->fullness = fullness(planner, entry, candidate->marked);
		candidate->is_taken = hash_search(planner->tried, &entry->first_vpage, HASH_FIND,
										  NULL) != NULL;
		if (attnum == InvalidAttrNumber)
			continue;
		rows = entry->rows - candidate->marked;
		candidate->is_enough = planner->cuts &&
			merge_cuts_are_enough(planner->policy, rows, entry->samples * rows / entry->rows);
		find_in_zones(planner, attnum, candidate);
	}
	find_after(planner);
}

/* ---- groups ---- */

static int
compare_vpages(const void *a, const void *b)
{
	int64		first = *(const int64 *) a;
	int64		second = *(const int64 *) b;

	return first < second ? -1 : first > second;
}

/* Plan for blocks, which nothing else may then be planned for. */
static MergeGroup *
add_group(Planner *planner, Candidate **blocks, int count, int level, bool only_level)
{
	MergeGroup *group = palloc0(sizeof(MergeGroup));

	group->storage_id = planner->storage_id;
	group->level = level;
	group->only_level = only_level;
	group->count = count;
	group->first_vpages = palloc(count * sizeof(int64));
	for (int i = 0; i < count; i++)
	{
		const BlockEntry *entry = blocks[i]->entry;

		blocks[i]->is_taken = true;
		group->first_vpages[i] = entry->first_vpage;
		group->rows += entry->rows;
		group->vpages += block_vpages(entry->rows);
		hash_search(planner->tried, &entry->first_vpage, HASH_ENTER, NULL);
	}
	qsort(group->first_vpages, count, sizeof(int64), compare_vpages);
	planner->groups = lappend(planner->groups, group);
	return group;
}

/*
 * Merge neighbours in a list of blocks where that pays: so many, or fewer that
 * fill a block.
 */
static void
plan_neighbours(Planner *planner, Candidate **blocks, int count, int wanted)
{
	int			i = 0;

	while (i < count)
	{
		double		sum = 0,
					largest = 0;
		int			end = i;
		int			level = 0;

		CHECK_FOR_INTERRUPTS();
		for (; end < count && end - i < MERGE_MAX_BLOCKS; end++)
		{
			const Candidate *candidate = blocks[end];

			if (candidate->is_taken || candidate->fullness >= MERGE_SMALL ||
				sum + candidate->fullness > 1 || candidate->merged_kind != blocks[i]->merged_kind)
				break;
			sum += candidate->fullness;
			largest = Max(largest, candidate->fullness);
			level = Max(level, candidate->entry->level);
		}
		if (end - i >= 2 && largest <= sum * MERGE_LARGEST &&
			(end - i >= wanted || sum >= MERGE_FULL))
		{
			(void) add_group(planner, blocks + i, end - i, level, false);
			i = end;
		}
		else
			i++;
	}
}

/* Rewrite blocks that have lost many rows. */
static void
plan_marked(Planner *planner)
{
	for (int i = 0; i < planner->count; i++)
	{
		Candidate  *candidate = &planner->candidates[i];

		if (!candidate->is_taken && has_lost_many(candidate))
			(void) add_group(planner, &candidate, 1, candidate->entry->level, false);
	}
}

/* ---- windows ---- */

/* The number of the window of a width in which a time is, from 2000-01-01 UTC. */
static int64
window_of(TimestampTz time, int64 width)
{
	return time / width - (time % width < 0);
}

static int
compare_windows(const void *a, const void *b)
{
	const Candidate *first = *(Candidate *const *) a;
	const Candidate *second = *(Candidate *const *) b;

	if (first->window != second->window)
		return first->window < second->window ? -1 : 1;
	return first->entry->first_vpage < second->entry->first_vpage ? -1 : 1;
}

static int
compare_fullness(const void *a, const void *b)
{
	const Candidate *first = *(Candidate *const *) a;
	const Candidate *second = *(Candidate *const *) b;

	if (first->fullness != second->fullness)
		return first->fullness < second->fullness ? -1 : 1;
	return first->entry->first_vpage < second->entry->first_vpage ? -1 : 1;
}

/* Blocks with times up to a level, sorted by window; their number. */
static int
sort_by_window(Planner *planner, int level, int64 width)
{
	int			count = 0;

	for (int i = 0; i < planner->count; i++)
	{
		Candidate  *candidate = &planner->candidates[i];

		if (candidate->is_taken || !candidate->has_time || candidate->entry->level > level)
			continue;
		candidate->window = window_of(candidate->time, width);
		planner->sorted[count++] = candidate;
	}
	qsort(planner->sorted, count, sizeof(Candidate *), compare_windows);
	return count;
}

/*
 * Is the block to be cut, though nothing is merged with it?  It is if it may be
 * of several services, and large enough for two blocks.
 */
static bool
may_be_cut(const Planner *planner, const Candidate *candidate, int level)
{
	const BlockEntry *entry = candidate->entry;

	return planner->cuts && level == planner->policy->nwindows && candidate->has_kinds &&
		merge_cuts_are_enough(planner->policy, entry->rows / 2.0, entry->samples / 2.0);
}

/*
 * Has the writer left a window?  He has if he has begun a block behind it; or
 * it is in the past, there are several blocks, or one that is to be cut, and he
 * did not add to them just now.
 */
static bool
is_left(const Planner *planner, Candidate *const *newer, int count, int level, int64 width)
{
	const Candidate *last = newer[count - 1];
	bool		is_worth = count >= OVER_COUNT;

	if (last->is_left_after && window_of(last->after, width) > last->window)
		return true;
	for (int i = 0; i < count && !is_worth; i++)
		is_worth = may_be_cut(planner, newer[i], level);
	if (!is_worth || window_of(planner->now, width) <= last->window)
		return false;
	for (int i = 0; i < count && planner->fresh_from > 0; i++)
		if (newer[i]->entry->first_vpage >= planner->fresh_from - 1)
			return false;
	return true;
}

/*
 * How many blocks of a window one merge takes: if they are too many, parts of
 * about one size, which rather end where a window of the level below does.
 */
static int
end_of_merge(Candidate *const *blocks, int start, int count, int max_blocks)
{
	int			parts = (count - start + max_blocks - 1) / max_blocks;
	int			wanted = (count - start + parts - 1) / parts;
	int			end = start;
	int64		rows = 0;

	while (end < count && end - start < wanted &&
		   (end == start || rows + blocks[end]->entry->rows <= MERGE_MAX_ROWS))
		rows += blocks[end++]->entry->rows;
	if (end < count)
		for (int i = end; i - start > wanted / 2; i--)
			if (blocks[i]->window != blocks[i - 1]->window)
				return i;
	return end;
}

/*
 * Add to newer blocks of a window as many of those that were merged before as
 * the newer ones make worth it, the smallest first; how many they are then.
 *
 * Of those that were cut where stacks change all come or none: a few of them
 * have nothing that belongs to most of the new rows.
 */
static int
add_older(const Planner *planner, Candidate **older, int nolder, Candidate **merged, int nmerged,
		  int level)
{
	bool		by_cuts = planner->cuts && level == planner->policy->nwindows;
	double		sum = 0,
				of_older = 0,
				rewritten = 0;
	bool		all;

	for (int i = 0; i < nmerged; i++)
		sum += merged[i]->fullness;
	for (int i = 0; i < nolder; i++)
		of_older += older[i]->fullness;
	all = nmerged + nolder <= MERGE_MAX_CUTS && sum >= of_older * REWRITE_WINDOW;
	qsort(older, nolder, sizeof(Candidate *), compare_fullness);
	for (int i = 0; i < nolder && nmerged > 0; i++)
	{
		if (by_cuts && !all && older[i]->is_enough)
			continue;
		rewritten += older[i]->fullness;
		if (sum < rewritten * REWRITE_WINDOW)
			break;
		merged[nmerged++] = older[i];
	}
	return nmerged;
}

/* Merge the blocks of a window. */
static void
merge_window(Planner *planner, Candidate **blocks, int count, int level)
{
	Candidate **merged = palloc(count * sizeof(Candidate *));
	Candidate **as_they_are = palloc(count * sizeof(Candidate *));
	Candidate **older = palloc(count * sizeof(Candidate *));
	bool		cuts = planner->cuts && level == planner->policy->nwindows;
	int			nmerged = 0,
				nas_they_are = 0,
				nolder = 0;

	for (int i = 0; i < count; i++)
	{
		Candidate  *candidate = blocks[i];

		if (candidate->entry->level >= level)
		{
			if (candidate->fullness < MERGE_FULL)
				older[nolder++] = candidate;
		}
		else if (!planner->regroups && candidate->fullness >= MERGE_FULL)
			as_they_are[nas_they_are++] = candidate;
		else
			merged[nmerged++] = candidate;
	}
	nmerged = add_older(planner, older, nolder, merged, nmerged, level);
	if (nmerged == 1 && !has_lost_many(merged[0]) && !may_be_cut(planner, merged[0], level))
	{
		as_they_are[nas_they_are++] = merged[0];
		nmerged = 0;
	}
	if (nas_they_are > 0)
		(void) add_group(planner, as_they_are, nas_they_are, level, true);
	if (level > 1)
		for (int i = 0; i < nmerged; i++)
			merged[i]->window = window_of(merged[i]->time, planner->policy->windows[level - 2]);
	qsort(merged, nmerged, sizeof(Candidate *), compare_windows);
	for (int start = 0; start < nmerged;)
	{
		int			end = end_of_merge(merged, start, nmerged,
									   cuts ? MERGE_MAX_CUTS : MERGE_MAX_BLOCKS);
		bool		stays = end - start == 1 && !has_lost_many(merged[start]) &&
		!may_be_cut(planner, merged[start], level);

		add_group(planner, merged + start, end - start, level, stays)->cuts = cuts;
		start = end;
	}
}

/* Plan for the windows of a level. */
static void
plan_windows(Planner *planner, int level, int64 width)
{
	int			count = sort_by_window(planner, level, width);
	Candidate **newer = palloc(Max(count, 1) * sizeof(Candidate *));

	for (int start = 0, end; start < count; start = end)
	{
		int			nnewer = 0;

		CHECK_FOR_INTERRUPTS();
		for (end = start; end < count &&
			 planner->sorted[end]->window == planner->sorted[start]->window; end++)
			if (planner->sorted[end]->entry->level < level)
				newer[nnewer++] = planner->sorted[end];
		if (nnewer > 0 && is_left(planner, newer, nnewer, level, width))
			merge_window(planner, planner->sorted + start, end - start, level);
	}
	pfree(newer);
}

/* Plan for windows that are still being written. */
static void
plan_open_windows(Planner *planner, int64 width)
{
	int			count = sort_by_window(planner, 0, width);

	for (int start = 0, end; start < count; start = end)
	{
		for (end = start; end < count &&
			 planner->sorted[end]->window == planner->sorted[start]->window;)
			end++;
		plan_neighbours(planner, planner->sorted + start, end - start, MERGE_COUNT_WINDOW);
	}
}

static int
compare_kinds(const void *a, const void *b)
{
	const Candidate *first = *(Candidate *const *) a;
	const Candidate *second = *(Candidate *const *) b;

	if (first->merged_kind != second->merged_kind)
		return first->merged_kind < second->merged_kind ? -1 : 1;
	return compare_windows(a, b);
}

/*
 * Plan for neighbours in time whose windows are all over, or, in a table
 * without windows, in order of pages.
 *
 * They are not cut, so a block that might have been is merged only with those
 * of the same kind, and not at all if it is of several.  Otherwise this would
 * never come to an end.
 */
static void
plan_rest(Planner *planner)
{
	int			nwindows = planner->policy->nwindows;
	int			count = 0;

	for (int i = 0; i < planner->count; i++)
	{
		Candidate  *candidate = &planner->candidates[i];

		candidate->window = candidate->has_time ? candidate->time : DT_NOBEGIN;
		if (candidate->is_enough && candidate->has_kinds)
			continue;
		candidate->merged_kind = candidate->is_enough ? candidate->kind : 0;
		if (!candidate->has_time || candidate->entry->level >= nwindows)
			planner->sorted[count++] = candidate;
	}
	qsort(planner->sorted, count, sizeof(Candidate *), compare_kinds);
	plan_neighbours(planner, planner->sorted, count, MERGE_COUNT);
}

static bool
has_profiles(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	bool		found = false;

	for (int i = 0; i < desc->natts; i++)
		found |= !TupleDescAttr(desc, i)->attisdropped &&
			profile_is_type(TupleDescAttr(desc, i)->atttypid);
	return found;
}

/* Does the table's order put rows together that were not written together? */
static bool
order_regroups(Relation rel)
{
	BlockOrder *order = block_order_of_table(rel);
	TupleDesc	desc = RelationGetDescr(rel);
	bool		has_few_values = false;

	if (!order->by_default)
		return order->count > 0 && order->columns[0] != time_column(rel);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attisdropped)
			continue;
		has_few_values |= order_is_by_few_values(attribute->atttypid);
	}
	return has_few_values && has_profiles(rel);
}

List *
merge_plan(Compaction *compaction, HTAB *tried)
{
	Planner		planner = {
		.rel = compaction->rel,.storage_id = compaction->storage.id,.tried = tried
	};

	planner.policy = table_policy(compaction->rel);
	planner.fresh_from = compaction->fresh_from;
	planner.now = GetCurrentTimestamp();
	planner.regroups = order_regroups(compaction->rel);
	planner.cuts = planner.regroups && planner.policy->nwindows > 0 && has_profiles(compaction->rel);
	read_candidates(&planner);

	/* the widest windows first: their blocks need not be merged before */
	for (int level = planner.policy->nwindows; level > 0; level--)
		plan_windows(&planner, level, planner.policy->windows[level - 1]);
	if (planner.policy->nwindows > 0)
		plan_open_windows(&planner, planner.policy->windows[0]);
	plan_rest(&planner);
	plan_marked(&planner);
	return planner.groups;
}
