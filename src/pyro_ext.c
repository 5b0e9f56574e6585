/*
 * pyro_ext.c
 *	  The module's entry: what each part sets up when the library is loaded.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "planner/pyro_scan.h"
#include "profile/profile_type.h"
#include "pyro_ext.h"
#include "tableam/bitmap_prefetch.h"
#include "tableam/block_cache.h"
#include "tableam/compaction.h"
#include "tableam/drop.h"
#include "tableam/heap_forward.h"
#include "tableam/policy.h"
#include "tableam/progress.h"
#include "worker/worker.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	profile_type_init();
	block_cache_init();
	bitmap_prefetch_init();
	compaction_init();
	policy_init();
	heap_forward_init();
	drop_init();
	pyro_scan_init();
	progress_init();
	worker_init();
	MarkGUCPrefixReserved("pyro");
}
