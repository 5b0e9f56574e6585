/*
 * row_lock.h
 *	  Locks on block rows.
 *
 * A block row has no header to write a lock into.  It is locked in the lock
 * table, to the end of the transaction: its TID with the modes that heap uses
 * for its tuples, and before it the block, by its first virtual page:
 *
 *	row lock				on the row			on the block		block as a whole
 *	FOR KEY SHARE			AccessShareLock		AccessShareLock		ShareLock
 *	FOR SHARE				RowShareLock		AccessShareLock		ShareLock
 *	FOR NO KEY UPDATE		ExclusiveLock		RowExclusiveLock	AccessExclusiveLock
 *	FOR UPDATE, and changes	AccessExclusiveLock	RowExclusiveLock	AccessExclusiveLock
 *
 * Merging or dropping a block takes AccessExclusiveLock on it.  A transaction
 * that locks many rows goes on to lock blocks as a whole, and then the table by
 * ExclusiveLock, to spare the lock table.
 *
 * Whoever marks a row holds its lock to the end.  So a mark seen under the lock
 * is committed or the transaction's own: nobody waits for transaction ids.
 */
#ifndef PYRO_ROW_LOCK_H
#define PYRO_ROW_LOCK_H

#include "access/tableam.h"
#include "utils/rel.h"

#include "tableam/directory.h"

/*
 * Lock a block row and look what has become of it.
 *
 * TM_Ok: it is locked, and *entry is its block, palloc'd.
 * TM_Invisible: an earlier command of this transaction marked it.
 * TM_SelfModified: this command or a later one did.
 * TM_Updated, TM_Deleted: somebody else did.  If the row is in another block by
 * now, that is TM_Updated with the ctid of a moved row and the mover in xmax.
 * TM_WouldBlock: if asked not to wait.
 *
 * No lock is kept unless it is TM_Ok; *tmfd is filled as heap fills it.
 */
TM_Result	block_row_lock(Relation rel, const ItemPointerData *tid, CommandId cid,
						   LockTupleMode mode, LockWaitPolicy wait_policy,
						   BlockEntry **entry, TM_FailureData *tmfd);

#endif							/* PYRO_ROW_LOCK_H */
