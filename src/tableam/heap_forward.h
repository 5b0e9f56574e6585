/*
 * heap_forward.h
 *	  The head is heap: how callbacks hand on to heap's own.
 */
#ifndef PYRO_HEAP_FORWARD_H
#define PYRO_HEAP_FORWARD_H

#include "access/heapam.h"
#include "access/tableam.h"
#include "utils/rel.h"

#define heap_routine()	GetHeapamTableAmRoutine()

/* A relation that looks like heap for a while; lives on the C stack. */
typedef struct HeapGuise
{
	Relation	rel;
	const TableAmRoutine *own_routine;
	float4		own_rows;
	float4		rows;			/* what heap's code finds as reltuples */
	struct HeapGuise *outer;
} HeapGuise;

/* Have guises last through invalidations of the relation cache. */
void		heap_forward_init(void);

/* Begin and end in the order of a stack, whatever is raised between. */
void		heap_guise_begin(HeapGuise *guise, Relation rel, double rows);
void		heap_guise_end(HeapGuise *guise);

/*
 * Some of heap's callbacks call others through the relation, or take its number
 * of rows for that of the head, so for these it must look like heap.  The
 * statement must not leave the block by return or goto.
 */
#define AS_HEAP(rel, rows, statement) \
	do { \
		HeapGuise	guise_; \
		heap_guise_begin(&guise_, (rel), (rows)); \
		PG_TRY(); \
		{ \
			statement; \
		} \
		PG_FINALLY(); \
		{ \
			heap_guise_end(&guise_); \
		} \
		PG_END_TRY(); \
	} while (0)

#endif							/* PYRO_HEAP_FORWARD_H */
