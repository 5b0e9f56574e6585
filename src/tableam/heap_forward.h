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

/*
 * Some of heap's callbacks call others through the relation, so for these it
 * must look like heap.  The statement must not leave the block by return or
 * goto.
 */
#define AS_HEAP(rel, statement) \
	do { \
		const TableAmRoutine *own_routine_ = (rel)->rd_tableam; \
		(rel)->rd_tableam = heap_routine(); \
		PG_TRY(); \
		{ \
			statement; \
		} \
		PG_FINALLY(); \
		{ \
			(rel)->rd_tableam = own_routine_; \
		} \
		PG_END_TRY(); \
	} while (0)

#endif							/* PYRO_HEAP_FORWARD_H */
