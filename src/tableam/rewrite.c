/*
 * rewrite.c
 *	  Blocks when the table gets other files.
 */
#include "postgres.h"

#include "tableam/callbacks.h"
#include "tableam/heap_forward.h"

void
pyro_relation_set_new_filelocator(Relation rel, const RelFileLocator * locator, char persistence,
								  TransactionId *freeze_xid, MultiXactId *min_multi)
{
	heap_routine()->relation_set_new_filelocator(rel, locator, persistence, freeze_xid, min_multi);
}

void
pyro_relation_nontransactional_truncate(Relation rel)
{
	heap_routine()->relation_nontransactional_truncate(rel);
}

void
pyro_relation_copy_data(Relation rel, const RelFileLocator * locator)
{
	heap_routine()->relation_copy_data(rel, locator);
}

void
pyro_relation_copy_for_cluster(Relation old_rel, Relation new_rel, Relation index, bool use_sort,
							   TransactionId oldest_xmin, TransactionId *xid_cutoff,
							   MultiXactId *multi_cutoff, double *tuples, double *tuples_vacuumed,
							   double *tuples_recently_dead)
{
	AS_HEAP(old_rel,
			AS_HEAP(new_rel,
					heap_routine()->relation_copy_for_cluster(old_rel, new_rel, index, use_sort,
															  oldest_xmin, xid_cutoff,
															  multi_cutoff, tuples,
															  tuples_vacuumed,
															  tuples_recently_dead)));
}

/* A table that may be compacted keeps its blocks there. */
bool
pyro_relation_needs_toast_table(Relation rel)
{
	return rel->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT ||
		heap_routine()->relation_needs_toast_table(rel);
}
