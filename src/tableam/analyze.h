/*
 * analyze.h
 *	  What ANALYZE needs of the head.
 */
#ifndef PYRO_ANALYZE_H
#define PYRO_ANALYZE_H

#include "utils/rel.h"

/*
 * Give a table that has blocks a page of the head, if it has none.
 *
 * ANALYZE counts rows by the pages of the head, so without any it would find
 * the table empty.  To be called wherever the head may have lost its last page,
 * under ShareUpdateExclusiveLock or stronger.
 */
void		head_keep_page(Relation rel);

#endif							/* PYRO_ANALYZE_H */
