/*
 * heap_forward.c
 *	  Relations that look like heap while heap's code works on them.
 *
 * An invalidation of the relation cache, which can come with any catalog
 * access, gives a relation its own routine and number of rows back in the middle
 * of heap's code.  So the relations that are in guise are listed, and put it on
 * again right after that.
 */
#include "postgres.h"

#include "utils/inval.h"

#include "tableam/heap_forward.h"

static HeapGuise *guises = NULL;

static void
put_on(HeapGuise *guise)
{
	guise->rel->rd_tableam = heap_routine();
	guise->rel->rd_rel->reltuples = guise->rows;
}

static void
renew_guises(Datum arg, Oid relid)
{
	for (HeapGuise *guise = guises; guise != NULL; guise = guise->outer)
		put_on(guise);
}

void
heap_forward_init(void)
{
	CacheRegisterRelcacheCallback(renew_guises, (Datum) 0);
}

void
heap_guise_begin(HeapGuise *guise, Relation rel, double rows)
{
	guise->rel = rel;
	guise->own_routine = rel->rd_tableam;
	guise->own_rows = rel->rd_rel->reltuples;
	guise->rows = (float4) rows;
	guise->outer = guises;
	guises = guise;
	put_on(guise);
}

void
heap_guise_end(HeapGuise *guise)
{
	guises = guise->outer;
	guise->rel->rd_tableam = guise->own_routine;
	guise->rel->rd_rel->reltuples = guise->own_rows;
}
