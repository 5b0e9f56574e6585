/*
 * partitions.c
 *	  Partitions by time: made before they are needed, dropped when they are old.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type_d.h"
#include "utils/partcache.h"

#include "tableam/partitions.h"

bool
partitions_are_by_time(Relation rel)
{
	PartitionKey key;

	if (rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return false;
	key = RelationGetPartitionKey(rel);
	return key->strategy == PARTITION_STRATEGY_RANGE && key->partnatts == 1 &&
		key->partattrs[0] > 0 && key->parttypid[0] == TIMESTAMPTZOID;
}
