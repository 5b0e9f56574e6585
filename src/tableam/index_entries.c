/*
 * index_entries.c
 *	  Index entries for the rows of a new block.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/sysattr.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "optimizer/optimizer.h"
#include "storage/lmgr.h"

#include "compat.h"
#include "tableam/block_row.h"
#include "tableam/block_tid.h"
#include "tableam/index_entries.h"

typedef struct Indexes
{
	int			count;
	Relation   *indexes;
	IndexInfo **infos;
} Indexes;

static Indexes
open_indexes(Relation rel)
{
	List	   *oids = RelationGetIndexList(rel);
	Indexes		result = {0};
	ListCell   *cell;

	result.indexes = palloc(Max(list_length(oids), 1) * sizeof(Relation));
	result.infos = palloc(Max(list_length(oids), 1) * sizeof(IndexInfo *));
	foreach(cell, oids)
	{
		Relation	index = index_open(lfirst_oid(cell), RowExclusiveLock);

		if (!index->rd_index->indisready)
		{
			index_close(index, RowExclusiveLock);
			continue;
		}
		result.indexes[result.count] = index;
		result.infos[result.count++] = BuildIndexInfo(index);
	}
	list_free(oids);
	return result;
}

Bitmapset *
index_columns(IndexInfo **infos, int count)
{
	Bitmapset  *read = NULL;	/* shifted, as pull_varattnos does */
	Bitmapset  *columns = NULL;
	int			member = -1;

	for (int i = 0; i < count; i++)
	{
		for (int j = 0; j < infos[i]->ii_NumIndexAttrs; j++)
			if (infos[i]->ii_IndexAttrNumbers[j] > 0)
				columns = bms_add_member(columns, infos[i]->ii_IndexAttrNumbers[j]);
		pull_varattnos((Node *) infos[i]->ii_Expressions, 1, &read);
		pull_varattnos((Node *) infos[i]->ii_Predicate, 1, &read);
	}
	while ((member = bms_next_member(read, member)) >= 0)
	{
		AttrNumber	attnum = member + FirstLowInvalidHeapAttributeNumber;

		if (attnum == 0)
			return NULL;		/* the whole row */
		if (attnum > 0)
			columns = bms_add_member(columns, attnum);
	}
	/* an empty set would mean all columns */
	return columns ? columns : bms_make_singleton(0);
}

/* Insert the entries of the row in the slot. */
static void
insert_entries(Relation rel, Indexes *indexes, EState *estate, TupleTableSlot *slot)
{
	ExprContext *econtext = GetPerTupleExprContext(estate);

	econtext->ecxt_scantuple = slot;
	for (int i = 0; i < indexes->count; i++)
	{
		IndexInfo  *info = indexes->infos[i];
		Datum		values[INDEX_MAX_KEYS];
		bool		nulls[INDEX_MAX_KEYS];

		if (info->ii_Predicate != NIL)
		{
			if (info->ii_PredicateState == NULL)
				info->ii_PredicateState = ExecPrepareQual(info->ii_Predicate, estate);
			if (!ExecQual(info->ii_PredicateState, econtext))
				continue;
		}
		FormIndexDatum(info, slot, estate, values, nulls);
		index_insert(indexes->indexes[i], values, nulls, &slot->tts_tid, rel, UNIQUE_CHECK_NO,
					 false, info);
	}
}

void
index_entries_insert(Relation rel, const BlockEntry *entry)
{
	Indexes		indexes = open_indexes(rel);

	if (indexes.count > 0)
	{
		EState	   *estate = CreateExecutorState();
		TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsVirtual);
		BlockPin   *pin = block_pin_create();
		Bitmapset  *columns = index_columns(indexes.infos, indexes.count);

		block_pin_set(pin, entry);
		for (int row = 0; row < entry->rows; row++)
		{
			MemoryContext before;

			CHECK_FOR_INTERRUPTS();
			ResetPerTupleExprContext(estate);
			block_row_store_columns(pin, rel, entry, row, columns, slot);
			before = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));
			block_row_detach(slot);
			insert_entries(rel, &indexes, estate, slot);
			MemoryContextSwitchTo(before);
		}
		block_pin_release(pin);
		ExecDropSingleTupleTableSlot(slot);
		FreeExecutorState(estate);
	}
	for (int i = 0; i < indexes.count; i++)
	{
		COMPAT_INDEX_INSERT_CLEANUP(indexes.indexes[i], indexes.infos[i]);
		index_close(indexes.indexes[i], RowExclusiveLock);
	}
}
