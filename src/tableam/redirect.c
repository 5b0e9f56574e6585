/*
 * redirect.c
 *	  Statements that meet a row which compaction has moved meanwhile.
 */
#include "postgres.h"

#include "tableam/redirect.h"

bool
redirect_find(Relation rel, const ItemPointerData *tid, TM_Result result,
			  const TM_FailureData *tmfd, ItemPointer moved_to)
{
	return false;
}

void
redirect_hide(Relation rel, const ItemPointerData *tid, CommandId cid)
{
}

bool
redirect_hides(Relation rel, const ItemPointerData *tid, Snapshot snapshot)
{
	return false;
}
