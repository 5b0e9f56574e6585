/*
 * callbacks.h
 *	  The callbacks of the access method, by the file that has them; what each
 *	  has to do is said in access/tableam.h.
 */
#ifndef PYRO_CALLBACKS_H
#define PYRO_CALLBACKS_H

#include "access/tableam.h"

#include "compat.h"

/* dml.c */
void		pyro_tuple_insert(Relation rel, TupleTableSlot *slot, CommandId cid, int options,
							  struct BulkInsertStateData *bistate);
TM_Result	pyro_tuple_delete(Relation rel, ItemPointer tid, CommandId cid, Snapshot snapshot,
							  Snapshot crosscheck, bool wait, TM_FailureData *tmfd,
							  bool changing_part);
TM_Result	pyro_tuple_update(Relation rel, ItemPointer tid, TupleTableSlot *slot, CommandId cid,
							  Snapshot snapshot, Snapshot crosscheck, bool wait,
							  TM_FailureData *tmfd, LockTupleMode *lockmode,
							  TU_UpdateIndexes * update_indexes);
TM_Result	pyro_tuple_lock(Relation rel, ItemPointer tid, Snapshot snapshot, TupleTableSlot *slot,
							CommandId cid, LockTupleMode mode, LockWaitPolicy wait_policy,
							uint8 flags, TM_FailureData *tmfd);

/* fetch.c */
IndexFetchTableData *pyro_index_fetch_begin(Relation rel);
void		pyro_index_fetch_reset(IndexFetchTableData *base);
void		pyro_index_fetch_end(IndexFetchTableData *base);
bool		pyro_index_fetch_tuple(IndexFetchTableData *base, ItemPointer tid, Snapshot snapshot,
								   TupleTableSlot *slot, bool *call_again, bool *all_dead);
bool		pyro_tuple_fetch_row_version(Relation rel, ItemPointer tid, Snapshot snapshot,
										 TupleTableSlot *slot);
void		pyro_tuple_get_latest_tid(TableScanDesc base, ItemPointer tid);
bool		pyro_tuple_tid_valid(TableScanDesc base, ItemPointer tid);
bool		pyro_tuple_satisfies_snapshot(Relation rel, TupleTableSlot *slot, Snapshot snapshot);
TransactionId pyro_index_delete_tuples(Relation rel, TM_IndexDeleteOp *delstate);

/* scan_pages.c */
#if BITMAP_SCAN_ITERATES
bool		pyro_scan_bitmap_next_tuple(TableScanDesc base, TupleTableSlot *slot, bool *recheck,
										uint64 *lossy_pages, uint64 *exact_pages);
#else
bool		pyro_scan_bitmap_next_block(TableScanDesc base, struct TBMIterateResult *tbmres);
bool		pyro_scan_bitmap_next_tuple(TableScanDesc base, struct TBMIterateResult *tbmres,
										TupleTableSlot *slot);
#endif
bool		pyro_scan_sample_next_block(TableScanDesc base, struct SampleScanState *state);
bool		pyro_scan_sample_next_tuple(TableScanDesc base, struct SampleScanState *state,
										TupleTableSlot *slot);

/* analyze.c */
bool		pyro_scan_analyze_next_block(TableScanDesc base, ANALYZE_BLOCK_ARGS);
bool		pyro_scan_analyze_next_tuple(TableScanDesc base, TransactionId oldest_xmin,
										 double *live_rows, double *dead_rows,
										 TupleTableSlot *slot);
void		pyro_relation_estimate_size(Relation rel, int32 *attr_widths, BlockNumber *pages,
										double *tuples, double *allvisfrac);
void		pyro_relation_vacuum(Relation rel, struct VacuumParams *params,
								 BufferAccessStrategy strategy);

/* index_build.c */
double		pyro_index_build_range_scan(Relation rel, Relation index, struct IndexInfo *info,
										bool allow_sync, bool any_visible, bool progress,
										BlockNumber start_page, BlockNumber page_count,
										IndexBuildCallback callback, void *callback_state,
										TableScanDesc scan);
void		pyro_index_validate_scan(Relation rel, Relation index, struct IndexInfo *info,
									 Snapshot snapshot, struct ValidateIndexState *state);

/* rewrite.c */
void		pyro_relation_set_new_filelocator(Relation rel, const RelFileLocator * locator,
											  char persistence, TransactionId *freeze_xid,
											  MultiXactId *min_multi);
void		pyro_relation_nontransactional_truncate(Relation rel);
void		pyro_relation_copy_data(Relation rel, const RelFileLocator * locator);
void		pyro_relation_copy_for_cluster(Relation old_rel, Relation new_rel, Relation index,
										   bool use_sort, TransactionId oldest_xmin,
										   TransactionId *xid_cutoff, MultiXactId *multi_cutoff,
										   double *tuples, double *tuples_vacuumed,
										   double *tuples_recently_dead);
bool		pyro_relation_needs_toast_table(Relation rel);

#endif							/* PYRO_CALLBACKS_H */
