/*
 * compat.h
 *	  Differences between PostgreSQL versions; the only file that knows them.
 *
 * Each shim has the name that the newest version gives the thing.
 */
#ifndef PYRO_COMPAT_H
#define PYRO_COMPAT_H

#include "fmgr.h"

/* 16: input functions may report bad input without throwing */
#if PG_VERSION_NUM < 160000
#define ereturn(context, dummy_value, ...) \
	do { \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
		return dummy_value; \
	} while (0)
#endif

/* 16: varatt.h came out of postgres.h */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 18: before a declaration, instead of pg_attribute_noreturn() in it */
#if PG_VERSION_NUM < 180000
#define pg_noreturn _Noreturn
#endif

/* 16: names of files were nodes before */
#if PG_VERSION_NUM < 160000
#define RelFileLocator RelFileNode
#define relation_set_new_filelocator relation_set_new_filenode
#define LOCATOR_TABLESPACE(locator) ((locator)->spcNode)
#define LOCATOR_NUMBER(locator) ((locator)->relNode)
#else
#define LOCATOR_TABLESPACE(locator) ((locator)->spcOid)
#define LOCATOR_NUMBER(locator) ((locator)->relNumber)
#endif

/* 16: which indexes an update needs, more finely than yes or no */
#if PG_VERSION_NUM < 160000
#define TU_UpdateIndexes bool
#define TU_None false
#define TU_All true
#endif

/* 17: ANALYZE reads ahead by itself, and the callback asks for pages */
#if PG_VERSION_NUM >= 170000
#define ANALYZE_READS_AHEAD 1
#define ANALYZE_BLOCK_ARGS struct ReadStream *stream
#else
#define ANALYZE_READS_AHEAD 0
#define ANALYZE_BLOCK_ARGS BlockNumber page, BufferAccessStrategy strategy
#endif

/* 16: sorted values may be left where they are, to be used at once */
#if PG_VERSION_NUM >= 160000
#define COMPAT_TUPLESORT_GETDATUM(sort, value, isnull) \
	tuplesort_getdatum(sort, true, false, value, isnull, NULL)
#else
#define COMPAT_TUPLESORT_GETDATUM(sort, value, isnull) \
	tuplesort_getdatum(sort, true, value, isnull, NULL)
#endif

/* 18: pages that are all frozen are counted, and ANALYZE sleeps by its own count */
#if PG_VERSION_NUM >= 180000
#define COMPAT_VAC_UPDATE_RELSTATS(rel, class, tuples) \
	vac_update_relstats(rel, (class)->relpages, tuples, (class)->relallvisible, \
						(class)->relallfrozen, (class)->relhasindex, InvalidTransactionId, 0, \
						NULL, NULL, false)
#define COMPAT_VACUUM_DELAY_POINT(is_analyze) vacuum_delay_point(is_analyze)
#else
#define COMPAT_VAC_UPDATE_RELSTATS(rel, class, tuples) \
	vac_update_relstats(rel, (class)->relpages, tuples, (class)->relallvisible, \
						(class)->relhasindex, InvalidTransactionId, 0, NULL, NULL, false)
#define COMPAT_VACUUM_DELAY_POINT(is_analyze) vacuum_delay_point()
#endif

/* 17: index access methods may finish up after a series of inserts */
#if PG_VERSION_NUM >= 170000
#define COMPAT_INDEX_INSERT_CLEANUP(index, info) index_insert_cleanup(index, info)
#else
#define COMPAT_INDEX_INSERT_CLEANUP(index, info) ((void) 0)
#endif

/* 16: the vacuum of an index is told of the table */
#if PG_VERSION_NUM >= 160000
#define COMPAT_SET_HEAPREL(info, rel) ((info).heaprel = (rel))
#else
#define COMPAT_SET_HEAPREL(info, rel) ((void) 0)
#endif

/* 17: maintenance runs with a safe search_path, and is a privilege */
#if PG_VERSION_NUM < 170000
#define RestrictSearchPath() ((void) 0)
#define may_maintain(relid, user) compat_owns_class(relid, user)
#else
#define may_maintain(relid, user) (pg_class_aclcheck(relid, user, ACL_MAINTAIN) == ACLCHECK_OK)
#endif

/* 16: ownership is asked of any class of objects */
#if PG_VERSION_NUM < 160000
#define compat_owns_class(relid, user) pg_class_ownercheck(relid, user)
#else
#define compat_owns_class(relid, user) object_ownercheck(RelationRelationId, relid, user)
#endif

/* 18: failed attempts to lock may be logged */
#if PG_VERSION_NUM >= 180000
#define conditional_wait_for(xid) ConditionalXactLockTableWait(xid, false)
#else
#define conditional_wait_for(xid) ConditionalXactLockTableWait(xid)
#endif

/* 16: updates that leave the page are counted apart */
#if PG_VERSION_NUM >= 160000
#define count_heap_update(rel) pgstat_count_heap_update(rel, false, true)
#else
#define count_heap_update(rel) pgstat_count_heap_update(rel, false)
#endif

/*
 * 18: the executor knows by itself whether a query runs only once; so do late
 * minor versions before it, which ignore the argument
 */
#if PG_VERSION_NUM >= 180000
#define EXECUTOR_RUN_ARGS QueryDesc *query, ScanDirection direction, uint64 count
#define EXECUTOR_RUN_PASS query, direction, count
#define executor_run_serially(query, once) ((query)->already_executed = true)
#else
#define EXECUTOR_RUN_ARGS QueryDesc *query, ScanDirection direction, uint64 count, bool once
#define EXECUTOR_RUN_PASS query, direction, count, once
#define executor_run_serially(query, once) ((once) = false, (query)->already_executed = true)
#endif

/*
 * 18: what a collation is like is asked of its locale, whose header needs that
 * of ICU; so only those that are so by name
 */
#if PG_VERSION_NUM >= 180000
#define collation_is_bytewise(collation) \
	((collation) == C_COLLATION_OID)
#else
extern bool lc_collate_is_c(Oid collation);
#define collation_is_bytewise(collation) lc_collate_is_c(collation)
#endif

/* 18: bitmap scans iterate and read ahead by themselves */
#if PG_VERSION_NUM >= 180000
#define BITMAP_SCAN_ITERATES 1
#else
#define BITMAP_SCAN_ITERATES 0
#endif

/* 18: paths that are turned off are counted; before, they cost very much */
#if PG_VERSION_NUM >= 180000
#define set_path_disabled(path, off) ((path)->disabled_nodes = (off) ? 1 : 0)
#define DISABLED_COST(off) 0
#else
#define set_path_disabled(path, off) ((void) 0)
#define DISABLED_COST(off) ((off) ? disable_cost : 0)
#endif

/* 16: the relids of clauses name outer joins, too */
#if PG_VERSION_NUM >= 160000
#define outer_join_relids(root) ((root)->outer_join_rels)
#else
#define outer_join_relids(root) ((Relids) NULL)
#endif

/* 18: EXPLAIN has its headers apart */
#if PG_VERSION_NUM >= 180000
#define EXPLAIN_STATE_HEADER "commands/explain_state.h"
#define EXPLAIN_FORMAT_HEADER "commands/explain_format.h"
#else
#define EXPLAIN_STATE_HEADER "commands/explain.h"
#define EXPLAIN_FORMAT_HEADER "commands/explain.h"
#endif

/* 17: a place of its own in an array of all backends, from 0 on */
#if PG_VERSION_NUM >= 170000
#define MY_BACKEND_INDEX MyProcNumber
#else
#define MY_BACKEND_INDEX (MyBackendId - 1)
#endif

/* 17: extensions name what they wait for */
#if PG_VERSION_NUM >= 170000
#define COMPAT_WAIT_EVENT(name) WaitEventExtensionNew(name)
#else
#define COMPAT_WAIT_EVENT(name) ((void) (name), PG_WAIT_EXTENSION)
#endif

/* 17: transactions have a timeout, which maintenance is to be free of */
#if PG_VERSION_NUM >= 170000
#define HAS_TRANSACTION_TIMEOUT true
#else
#define HAS_TRANSACTION_TIMEOUT false
#endif

/* 17: intervals may be infinite */
#if PG_VERSION_NUM < 170000
#define INTERVAL_NOT_FINITE(interval) ((void) (interval), false)
#endif

/* 16: what settings keep is in a memory context */
#if PG_VERSION_NUM < 160000
#define guc_malloc(elevel, size) malloc(size)
#endif

#endif							/* PYRO_COMPAT_H */
