/*
 * heap_forward.c
 *	  Relations that look like heap while heap's code works on them.
 *
 * An invalidation of the relation cache, which can come with any catalog
 * access, gives a relation its own routine back in the middle of heap's code.
 * So the relations that are in guise are listed, and get heap's routine again
 * right after that.
 */
#include "postgres.h"

#include "utils/inval.h"

#include "tableam/heap_forward.h"

static HeapGuise *guises = NULL;

static void
renew_guises(Datum arg, Oid relid)
{
	for (HeapGuise *guise = guises; guise != NULL; guise = guise->outer)
		guise->rel->rd_tableam = heap_routine();
}

void
heap_forward_init(void)
{
	CacheRegisterRelcacheCallback(renew_guises, (Datum) 0);
}

void
heap_guise_begin(HeapGuise *guise, Relation rel)
{
	guise->rel = rel;
	guise->own_routine = rel->rd_tableam;
	guise->outer = guises;
	guises = guise;
	rel->rd_tableam = heap_routine();
}

void
heap_guise_end(HeapGuise *guise)
{
	guises = guise->outer;
	guise->rel->rd_tableam = guise->own_routine;
}
