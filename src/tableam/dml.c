/*
 * dml.c
 *	  Changes and locks of rows.
 */
#include "postgres.h"

#include "tableam/callbacks.h"
#include "tableam/heap_forward.h"

void
pyro_tuple_insert(Relation rel, TupleTableSlot *slot, CommandId cid, int options,
				  struct BulkInsertStateData *bistate)
{
	heap_routine()->tuple_insert(rel, slot, cid, options, bistate);
}

TM_Result
pyro_tuple_delete(Relation rel, ItemPointer tid, CommandId cid, Snapshot snapshot,
				  Snapshot crosscheck, bool wait, TM_FailureData *tmfd, bool changing_part)
{
	return heap_routine()->tuple_delete(rel, tid, cid, snapshot, crosscheck, wait, tmfd,
										changing_part);
}

TM_Result
pyro_tuple_update(Relation rel, ItemPointer tid, TupleTableSlot *slot, CommandId cid,
				  Snapshot snapshot, Snapshot crosscheck, bool wait, TM_FailureData *tmfd,
				  LockTupleMode *lockmode, TU_UpdateIndexes * update_indexes)
{
	return heap_routine()->tuple_update(rel, tid, slot, cid, snapshot, crosscheck, wait, tmfd,
										lockmode, update_indexes);
}

TM_Result
pyro_tuple_lock(Relation rel, ItemPointer tid, Snapshot snapshot, TupleTableSlot *slot,
				CommandId cid, LockTupleMode mode, LockWaitPolicy wait_policy, uint8 flags,
				TM_FailureData *tmfd)
{
	return heap_routine()->tuple_lock(rel, tid, snapshot, slot, cid, mode, wait_policy, flags,
									  tmfd);
}
