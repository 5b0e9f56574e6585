/*
 * verify.c
 *	  pyro.verify: is everything that belongs to a table sound?
 *
 * Whatever raises an error is looked at in a subtransaction of its own, so
 * that one damaged stream does not hide the others.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "pyro_ext.h"
#include "tableam/block_codec.h"
#include "tableam/block_stream.h"
#include "tableam/block_tid.h"
#include "tableam/payload.h"
#include "tableam/tableam.h"
#include "tableam/profile_column.h"
#include "tableam/verify.h"

/* A block being checked. */
typedef struct BlockCheck
{
	Verification *verification;
	int64		first_vpage;
	BlockEntry *entry;
	BlockLayout *layout;
	const BlockStream *stream;
} BlockCheck;

typedef void (*CheckFunction) (BlockCheck *check);

/* ---- reports ---- */

void
verify_report(Verification *verification, const char *format,...)
{
	StringInfoData message;
	Datum		value;
	bool		null = false;

	initStringInfo(&message);
	for (;;)
	{
		va_list		arguments;
		int			missing;

		va_start(arguments, format);
		missing = appendStringInfoVA(&message, format, arguments);
		va_end(arguments);
		if (missing == 0)
			break;
		enlargeStringInfo(&message, missing);
	}
	value = CStringGetTextDatum(message.data);
	tuplestore_putvalues(verification->result->setResult, verification->result->setDesc,
						 &value, &null);
	pfree(DatumGetPointer(value));
	pfree(message.data);
}

/* Does the error say something about the table, rather than about us? */
static bool
is_damage(const ErrorData *error)
{
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_TRANSACTION_ROLLBACK:
			return false;
		default:
			return true;
	}
}

/* What a check is about, for its reports. */
static const char *
check_subject(const BlockCheck *check)
{
	Relation	rel = check->verification->rel;
	char	   *block = psprintf("block " INT64_FORMAT " of table \"%s\"", check->first_vpage,
								 RelationGetRelationName(rel));
	AttrNumber	attnum;

	if (check->stream == NULL)
		return block;
	attnum = check->stream->attnum;
	if (attnum == BLOCK_XMINS)
		return psprintf("%s, stream of xmins", block);
	if (attnum == BLOCK_PRIOR_TIDS)
		return psprintf("%s, stream of prior TIDs", block);
	if (attnum > RelationGetNumberOfAttributes(rel))
		return psprintf("%s, stream of column %d", block, attnum);
	return psprintf("%s, stream of column \"%s\"", block,
					NameStr(TupleDescAttr(RelationGetDescr(rel), attnum - 1)->attname));
}

/* Run a check; what it raises becomes a report. */
static bool
run_check(CheckFunction function, BlockCheck *check)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool passed = true;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		function(check);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (!is_damage(error))
			ReThrowError(error);
		verify_report(check->verification, error->detail ? "%s: %s: %s" : "%s: %s",
					  check_subject(check), error->message, error->detail);
		FreeErrorData(error);
		passed = false;
	}
	PG_END_TRY();
	return passed;
}

/* ---- a block ---- */

static void
check_directory_row(BlockCheck *check)
{
	Verification *verification = check->verification;
	BlockEntry *entry = directory_find(verification->storage.id, check->first_vpage,
									   verification->snapshot);

	if (entry == NULL || entry->first_vpage != check->first_vpage)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("the directory's index does not lead to its row")));
	check->entry = entry;
	check->layout = block_layout_from_bytea(entry->streams, entry->payload_size);
	if (check->layout->rows != entry->rows)
		verify_report(verification, "%s: has %d rows, but streams of %d",
					  check_subject(check), entry->rows, check->layout->rows);
	if (block_layout_find(check->layout, BLOCK_XMINS) == NULL ||
		block_layout_find(check->layout, BLOCK_PRIOR_TIDS) == NULL)
		verify_report(verification, "%s: lacks its stream of xmins or of prior TIDs",
					  check_subject(check));
	if (entry->first_vpage + block_vpages(entry->rows) > verification->storage.next_vpage)
		verify_report(verification,
					  "%s: reaches beyond the table's next virtual page, which is " INT64_FORMAT,
					  check_subject(check), verification->storage.next_vpage);
}

/* Are the values of a column what its zone says? */
static void
check_zone(BlockCheck *check, Form_pg_attribute attribute, const BlockColumn *column)
{
	ZoneFindings findings = verify_zone(directory_zones(check->entry), attribute, column,
										check->entry->rows);

	if (!findings.has_zone)
		verify_report(check->verification, "%s: has no zone", check_subject(check));
	if (findings.outside > 0)
		verify_report(check->verification, "%s: %d values lie outside the column's zone",
					  check_subject(check), findings.outside);
	if (findings.denied > 0)
		verify_report(check->verification, "%s: %d values are not in the filter of the column's zone",
					  check_subject(check), findings.denied);
	if (!findings.nulls_fit)
		verify_report(check->verification, "%s: %d NULLs do not fit the column's zone",
					  check_subject(check), findings.nulls);
}

/* Can every profile be rebuilt, and do tree, sums and zone say what is in them? */
static void
check_profiles(BlockCheck *check, Form_pg_attribute attribute, const char *stored)
{
	BlockColumn *column = block_presence_decode(check->stream, stored, check->entry->rows,
												CurrentMemoryContext);

	column->profiles = profile_column_create(check->layout, attribute->attnum, column->nprofiles,
											 CurrentMemoryContext);
	profile_column_check(column->profiles, check->verification->rel, check->entry);
	check_zone(check, attribute, column);
}

static void
check_column(BlockCheck *check, const char *stored)
{
	TupleDesc	desc = RelationGetDescr(check->verification->rel);
	AttrNumber	attnum = check->stream->attnum;

	if (attnum > desc->natts)
		verify_report(check->verification, "%s: the table has no such column",
					  check_subject(check));
	else if (TupleDescAttr(desc, attnum - 1)->attisdropped)
		block_stream_open(check->stream, stored, CurrentMemoryContext);
	else if (check->stream->part > 0)
		block_stream_open(check->stream, stored, CurrentMemoryContext);
	else if (profile_column_is_stored(check->layout, attnum))
		check_profiles(check, TupleDescAttr(desc, attnum - 1), stored);
	else
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, attnum - 1);

		check_zone(check, attribute,
				   block_column_decode(check->stream, stored, attribute, check->entry->rows,
									   CurrentMemoryContext));
	}
}

static void
check_stream(BlockCheck *check)
{
	const BlockStream *stream = check->stream;
	const char *stored = VARDATA(payload_read(check->verification->rel, check->entry,
											  stream->offset, stream->stored));

	if (stream->attnum == BLOCK_XMINS)
		block_xmins_decode(stream, stored, check->entry->rows, CurrentMemoryContext);
	else if (stream->attnum == BLOCK_PRIOR_TIDS)
		block_prior_tids_decode(stream, stored, check->entry->rows, CurrentMemoryContext);
	else
		check_column(check, stored);
}

/* Check a block; false if its directory row cannot be read. */
static bool
check_block(BlockCheck *check)
{
	if (!run_check(check_directory_row, check))
		return check->entry != NULL;
	for (int i = 0; i < check->layout->nstreams; i++)
	{
		check->stream = &check->layout->streams[i];
		run_check(check_stream, check);
	}
	return true;
}

/* ---- all blocks ---- */

static void
check_totals(Verification *verification, int64 blocks, int64 rows, int64 bytes)
{
	const Storage *storage = &verification->storage;
	const char *name = RelationGetRelationName(verification->rel);

	if (storage->relid != RelationGetRelid(verification->rel))
		verify_report(verification, "table \"%s\": its storage says that it is table %u",
					  name, storage->relid);
	if (storage->blocks != blocks || storage->rows != rows || storage->bytes != bytes)
		verify_report(verification, "table \"%s\": has " INT64_FORMAT " blocks with " INT64_FORMAT
					  " rows and " INT64_FORMAT " bytes, but its storage says " INT64_FORMAT
					  ", " INT64_FORMAT " and " INT64_FORMAT,
					  name, blocks, rows, bytes, storage->blocks, storage->rows, storage->bytes);
}

static void
check_blocks(Verification *verification)
{
	int			count;
	int64	   *vpages = directory_first_vpages(verification->storage.id, verification->snapshot,
												&count);
	MemoryContext block_context = AllocSetContextCreate(CurrentMemoryContext, "pyro verify",
														ALLOCSET_DEFAULT_SIZES);
	int64		end = 0,
				rows = 0,
				bytes = 0;

	verification->blocks = palloc(Max(count, 1) * sizeof(KnownBlock));
	for (int i = 0; i < count; i++)
	{
		BlockCheck	check = {.verification = verification,.first_vpage = vpages[i]};
		MemoryContext before = MemoryContextSwitchTo(block_context);

		CHECK_FOR_INTERRUPTS();
		if (vpages[i] < end)
			verify_report(verification, "%s: overlaps the block before it", check_subject(&check));
		if (check_block(&check))
		{
			KnownBlock *block = &verification->blocks[verification->block_count++];

			block->first_vpage = vpages[i];
			block->rows = check.entry->rows;
			end = vpages[i] + block_vpages(block->rows);
			rows += block->rows;
			bytes += check.entry->payload_size;
		}
		MemoryContextSwitchTo(before);
		MemoryContextReset(block_context);
	}
	MemoryContextDelete(block_context);
	verification->knows_all_blocks = verification->block_count == count;
	if (verification->knows_all_blocks)
		check_totals(verification, count, rows, bytes);
}

const KnownBlock *
verify_find_block(const Verification *verification, int64 vpage)
{
	int			low = 0,
				high = verification->block_count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		const KnownBlock *block = &verification->blocks[middle];

		if (vpage < block->first_vpage)
			high = middle;
		else if (vpage >= block->first_vpage + block_vpages(block->rows))
			low = middle + 1;
		else
			return block;
	}
	return NULL;
}

static void
check_marks(Verification *verification)
{
	const char *name = RelationGetRelationName(verification->rel);

	for (int i = 0; i < verification->marks->count; i++)
	{
		const Mark *mark = &verification->marks->marks[i];
		const KnownBlock *block = tid_is_block_row(&mark->row_tid) ?
		verify_find_block(verification, tid_vpage(&mark->row_tid)) : NULL;
		BlockNumber page = ItemPointerGetBlockNumberNoCheck(&mark->row_tid);
		OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(&mark->row_tid);

		CHECK_FOR_INTERRUPTS();
		if (block == NULL ? verification->knows_all_blocks : offset < 1 || offset > BLOCK_PAGE_ROWS ||
			tid_block_row(&mark->row_tid, block->first_vpage) >= block->rows)
			verify_report(verification, "table \"%s\": the mark on (%u,%u) has no row", name, page,
						  offset);

		/*
		 * a version in the head may be gone by now, but a block TID is never
		 * one
		 */
		if (ItemPointerIsValid(&mark->new_tid) && tid_is_block_row(&mark->new_tid) &&
			!ItemPointerIndicatesMovedPartitions(&mark->new_tid))
			verify_report(verification,
						  "table \"%s\": the mark on (%u,%u) names (%u,%u) as the new version",
						  name, page, offset,
						  ItemPointerGetBlockNumberNoCheck(&mark->new_tid),
						  ItemPointerGetOffsetNumberNoCheck(&mark->new_tid));
	}
}

/* ---- the function ---- */

/* Open the table, if the caller may read it. */
static Relation
open_table(Oid relid, LOCKMODE lockmode)
{
	AclResult	allowed = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);
	Relation	rel;

	if (allowed == ACLCHECK_OK)
		rel = table_open(relid, lockmode);
	else
		rel = table_open(relid, AccessShareLock);

	/* asked again under the lock */
	allowed = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);
	if (allowed != ACLCHECK_OK)
		aclcheck_error(allowed, get_relkind_objtype(rel->rd_rel->relkind),
					   RelationGetRelationName(rel));
	if (!is_pyro_relation(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" does not have access method pyro",
						RelationGetRelationName(rel))));
	if (RELATION_IS_OTHER_TEMP(rel))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot verify temporary tables of other sessions")));
	return rel;
}

static void
verify_table(Verification *verification)
{
	Relation	rel = verification->rel;

	if (rel->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT &&
		storage_read(rel, &verification->storage))
	{
		check_blocks(verification);
		verification->marks = marks_read_all(verification->storage.id, verification->snapshot);
		check_marks(verification);
	}
	if (RecoveryInProgress())
		ereport(NOTICE,
				(errmsg("indexes are not verified during recovery")));
	else
		verify_indexes(verification);
}

/*
 * The table is locked against VACUUM and compaction until the function ends.
 * Functions of indexes may run: as the table's owner, as in VACUUM.
 */
PYRO_FUNCTION(pyro_verify);
Datum
pyro_verify(PG_FUNCTION_ARGS)
{
	LOCKMODE	lockmode = RecoveryInProgress() ? AccessShareLock : ShareUpdateExclusiveLock;
	Verification verification = {0};
	Oid			save_user;
	int			save_context,
				guc_level;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	verification.result = (ReturnSetInfo *) fcinfo->resultinfo;
	verification.rel = open_table(PG_GETARG_OID(0), lockmode);

	GetUserIdAndSecContext(&save_user, &save_context);
	SetUserIdAndSecContext(verification.rel->rd_rel->relowner,
						   save_context | SECURITY_RESTRICTED_OPERATION);
	guc_level = NewGUCNestLevel();
	RestrictSearchPath();

	verification.snapshot = RegisterSnapshot(GetLatestSnapshot());
	PushActiveSnapshot(verification.snapshot);
	verify_table(&verification);
	PopActiveSnapshot();
	UnregisterSnapshot(verification.snapshot);

	AtEOXact_GUC(false, guc_level);
	SetUserIdAndSecContext(save_user, save_context);
	table_close(verification.rel, lockmode);
	return (Datum) 0;
}
