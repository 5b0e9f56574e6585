/*
 * partitions.h
 *	  Partitions by time: made before they are needed, dropped when they are old.
 */
#ifndef PYRO_PARTITIONS_H
#define PYRO_PARTITIONS_H

#include "utils/rel.h"

/* Is the table partitioned by range of one column of type timestamptz? */
extern bool partitions_are_by_time(Relation rel);

#endif							/* PYRO_PARTITIONS_H */
