/*
 * pyro_ext.c
 *	  The module's entry: what each part sets up when the library is loaded.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "profile/profile_type.h"
#include "pyro_ext.h"
#include "tableam/block_cache.h"
#include "tableam/compaction.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	profile_type_init();
	block_cache_init();
	compaction_init();
	MarkGUCPrefixReserved("pyro");
}
