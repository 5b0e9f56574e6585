/*
 * codec_test.c
 *	  The block codec, called from SQL: round trips of tables, zones, times,
 *	  and damage of every kind.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "pyro_ext.h"
#include "tableam/block_codec.h"
#include "tableam/block_stream.h"
#include "tableam/profile_column.h"

#include "guarded_memory.h"
#include "profile/profile_type.h"
#include "profile/sql_text.h"

PG_MODULE_MAGIC;

/*
 * What a builder does to profiles beforehand is tested where there are
 * profiles: here they are values as any.
 */
bool
profile_is_type(Oid type)
{
	return false;
}

#define NOT_CALLED(type, name, ...) \
	type \
	name(__VA_ARGS__) \
	{ \
		elog(ERROR, "%s called without profiles", __func__); \
	}

NOT_CALLED(ProfileColumnBuilder *, profile_column_builder_create, void)
NOT_CALLED(Size, profile_column_add, ProfileColumnBuilder *builder, Datum profile)
NOT_CALLED(void, profile_column_expect, ProfileColumnBuilder *builder, ProfileColumn *source,
		   const uint32 *indexes, uint32 count)
NOT_CALLED(uint64, profile_column_builder_samples, const ProfileColumnBuilder *builder)
NOT_CALLED(Size, profile_column_builder_size, const ProfileColumnBuilder *builder)
NOT_CALLED(void, profile_column_finish, ProfileColumnBuilder *builder, const uint32 *order,
		   const StackRuns *runs, TextBuffer *parts)
NOT_CALLED(const StackDictionary *, profile_column_dictionary,
		   const ProfileColumnBuilder *builder)

/* Rows of a table, as they were put into a block, and that block. */
typedef struct TestBlock
{
	Relation	relation;
	int			rows;
	HeapTuple  *tuples;
	BuiltBlock	built;
	double		add_seconds;
	double		finish_seconds;
	uint64		raw_size;
} TestBlock;

static double
seconds_since(instr_time start)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return INSTR_TIME_GET_DOUBLE(now);
}

static HeapTuple *
read_rows(Relation relation, int limit, int *rows)
{
	HeapTuple  *tuples = MemoryContextAllocHuge(CurrentMemoryContext,
												sizeof(HeapTuple) * limit);
	TableScanDesc scan = table_beginscan(relation, GetActiveSnapshot(), 0,
										 NULL);
	HeapTuple	tuple;

	*rows = 0;
	while (*rows < limit &&
		   (tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
		tuples[(*rows)++] = heap_copytuple(tuple);
	table_endscan(scan);
	return tuples;
}

/* In every third row arrays come expanded. */
static void
expand_some(TupleDesc desc, int row, Datum *values, const bool *isnull)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (row % 3 == 0 && !attribute->attisdropped && !isnull[i] &&
			attribute->attlen == -1 &&
			OidIsValid(get_element_type(attribute->atttypid)))
			values[i] = expand_array(values[i], CurrentMemoryContext, NULL);
	}
}

static TestBlock
build(Oid relid, int limit, int level)
{
	TestBlock	test = {.relation = table_open(relid, AccessShareLock)};
	TupleDesc	desc = RelationGetDescr(test.relation);
	BlockBuilder *builder = block_builder_create(desc, CurrentMemoryContext,
												 level);
	Datum	   *values = palloc(sizeof(Datum) * desc->natts);
	bool	   *isnull = palloc(sizeof(bool) * desc->natts);
	instr_time	start;
	uint64		last_size = 0;

	test.tuples = read_rows(test.relation, limit, &test.rows);
	for (int row = 0; row < test.rows; row++)
	{
		HeapTuple	tuple = test.tuples[row];

		heap_deform_tuple(tuple, desc, values, isnull);
		expand_some(desc, row, values, isnull);
		INSTR_TIME_SET_CURRENT(start);
		block_builder_add(builder, values, isnull,
						  row % 1000 == 7 ? NULL : &tuple->t_self,
						  HeapTupleHeaderGetRawXmin(tuple->t_data));
		test.add_seconds += seconds_since(start);
		if (block_builder_raw_size(builder) <= last_size)
			elog(ERROR, "the raw size does not grow");
		last_size = block_builder_raw_size(builder);
	}
	if (block_builder_rows(builder) != test.rows)
		elog(ERROR, "the builder has %d rows", block_builder_rows(builder));
	test.raw_size = block_builder_raw_size(builder);
	INSTR_TIME_SET_CURRENT(start);
	test.built = block_builder_finish(builder);
	test.finish_seconds = seconds_since(start);
	block_builder_free(builder);
	return test;
}

static Size
payload_size(const TestBlock *test)
{
	return VARSIZE(test->built.payload) - VARHDRSZ;
}

static const char *
stored_bytes(const TestBlock *test, const BlockStream *stream)
{
	return VARDATA(test->built.payload) + stream->offset;
}

/*
 * ---- Round trips ----
 */

static bool
same_varlena(Datum original, Datum decoded)
{
	struct varlena *plain = detoast_attr((struct varlena *) DatumGetPointer(original));
	struct varlena *other = (struct varlena *) DatumGetPointer(decoded);

	if (VARATT_IS_EXTERNAL(other) || VARATT_IS_COMPRESSED(other))
		return false;
	return VARSIZE_ANY_EXHDR(plain) == VARSIZE_ANY_EXHDR(other) &&
		memcmp(VARDATA_ANY(plain), VARDATA_ANY(other),
			   VARSIZE_ANY_EXHDR(plain)) == 0;
}

static bool
same_value(Form_pg_attribute attribute, Datum original, Datum decoded)
{
	const char *a = DatumGetPointer(original);
	const char *b = DatumGetPointer(decoded);

	if (attribute->attbyval)
		return original == decoded;
	if (attribute->attlen == -1 && VARATT_IS_SHORT(b))
		return attribute->attstorage != TYPSTORAGE_PLAIN &&
			same_varlena(original, decoded);
	if (att_align_nominal((uintptr_t) b, attribute->attalign) != (uintptr_t) b)
		return false;
	if (attribute->attlen == -1)
		return same_varlena(original, decoded);
	if (attribute->attlen > 0)
		return memcmp(a, b, attribute->attlen) == 0;
	return strcmp(a, b) == 0;
}

static void
compare_column(const TestBlock *test, const BlockLayout *layout,
			   Form_pg_attribute attribute)
{
	TupleDesc	desc = RelationGetDescr(test->relation);
	const BlockStream *stream = block_layout_find(layout, attribute->attnum);
	BlockColumn *column;
	const char *stored;
	bool		any_null = false;

	if (attribute->attisdropped)
	{
		if (stream != NULL)
			elog(ERROR, "a dropped column has a stream");
		return;
	}
	stored = guarded_copy(stored_bytes(test, stream), stream->stored);
	column = block_column_decode(stream, stored, attribute, layout->rows,
								 CurrentMemoryContext);
	for (int row = 0; row < test->rows; row++)
	{
		bool		isnull;
		Datum		value = heap_getattr(test->tuples[row], attribute->attnum,
										 desc, &isnull);

		any_null |= isnull;
		if (isnull != (column->isnull != NULL && column->isnull[row]) ||
			(isnull && column->values[row] != 0) ||
			(!isnull && !same_value(attribute, value, column->values[row])))
			elog(ERROR, "column \"%s\" differs in row %d",
				 NameStr(attribute->attname), row);
	}
	if (any_null != (column->isnull != NULL))
		elog(ERROR, "column \"%s\": NULLs", NameStr(attribute->attname));
}

static void
compare_system_columns(const TestBlock *test, const BlockLayout *layout)
{
	const BlockStream *stream = block_layout_find(layout, BLOCK_PRIOR_TIDS);
	const char *stored = guarded_copy(stored_bytes(test, stream),
									  stream->stored);
	ItemPointerData *tids = block_prior_tids_decode(stream, stored,
													layout->rows,
													CurrentMemoryContext);
	TransactionId *xmins;

	stream = block_layout_find(layout, BLOCK_XMINS);
	stored = guarded_copy(stored_bytes(test, stream), stream->stored);
	xmins = block_xmins_decode(stream, stored, layout->rows,
							   CurrentMemoryContext);
	for (int row = 0; row < test->rows; row++)
	{
		HeapTuple	tuple = test->tuples[row];

		if (row % 1000 == 7
			? ItemPointerIsValid(&tids[row])
			: !ItemPointerEquals(&tids[row], &tuple->t_self))
			elog(ERROR, "prior TID of row %d differs", row);
		if (xmins[row] != HeapTupleHeaderGetRawXmin(tuple->t_data))
			elog(ERROR, "xmin of row %d differs", row);
	}
}

/*
 * codec_round_trip(regclass, max_rows int, level int) returns int: up to
 * max_rows rows through a block; how many they were.
 */
PYRO_FUNCTION(codec_round_trip);
Datum
codec_round_trip(PG_FUNCTION_ARGS)
{
	TestBlock	test = build(PG_GETARG_OID(0), PG_GETARG_INT32(1),
							 PG_GETARG_INT32(2));
	bytea	   *bytes = block_layout_to_bytea(test.built.layout);
	BlockLayout *layout;
	TupleDesc	desc = RelationGetDescr(test.relation);

	layout = block_layout_from_bytea(guarded_copy(bytes, VARSIZE(bytes)),
									 payload_size(&test));
	if (layout->rows != test.rows)
		elog(ERROR, "the layout has %d rows", layout->rows);
	for (int i = 0; i < desc->natts; i++)
	{
		compare_column(&test, layout, TupleDescAttr(desc, i));
		guarded_free_all();
	}
	compare_system_columns(&test, layout);
	guarded_free_all();
	if (block_layout_find(layout, desc->natts + 1) != NULL ||
		block_layout_find(layout, 0) != NULL)
		elog(ERROR, "found a stream that is not there");
	table_close(test.relation, AccessShareLock);
	PG_RETURN_INT32(test.rows);
}

/*
 * codec_zones(regclass, level int) returns setof (name, nulls, all_null,
 * min, max): the zones of all of a table's rows.
 */
PYRO_FUNCTION(codec_zones);
Datum
codec_zones(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	TestBlock	test = build(PG_GETARG_OID(0), BLOCK_MAX_ROWS, 1);
	TupleDesc	desc = RelationGetDescr(test.relation);
	bytea	   *zones = guarded_copy(test.built.zones,
									 VARSIZE(test.built.zones));

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		Datum		values[5];
		bool		isnull[5] = {false};
		BlockZone	zone;
		Oid			output;
		bool		is_varlena;

		if (!block_zones_find(zones, attribute->attnum, attribute->atttypid,
							  &zone))
		{
			if (!attribute->attisdropped)
				elog(ERROR, "column \"%s\" has no zone",
					 NameStr(attribute->attname));
			continue;
		}
		getTypeOutputInfo(attribute->atttypid, &output, &is_varlena);
		values[0] = NameGetDatum(&attribute->attname);
		values[1] = BoolGetDatum(zone.flags & BLOCK_ZONE_HAS_NULLS);
		values[2] = BoolGetDatum(zone.flags & BLOCK_ZONE_ALL_NULL);
		isnull[3] = isnull[4] = !(zone.flags & BLOCK_ZONE_HAS_RANGE);
		if (!isnull[3])
		{
			values[3] = CStringGetTextDatum(OidOutputFunctionCall(output, zone.min));
			values[4] = CStringGetTextDatum(OidOutputFunctionCall(output, zone.max));
		}
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 isnull);
	}
	guarded_free_all();
	table_close(test.relation, AccessShareLock);
	return (Datum) 0;
}

/*
 * codec_maybe(regclass, column name, question text, keys text[], values text[])
 * returns int: to how many of the questions the zone of all of a table's rows
 * says maybe.
 */
PYRO_FUNCTION(codec_maybe);
Datum
codec_maybe(PG_FUNCTION_ARGS)
{
	TestBlock	test = build(PG_GETARG_OID(0), BLOCK_MAX_ROWS, 1);
	AttrNumber	attnum = get_attnum(PG_GETARG_OID(0), NameStr(*PG_GETARG_NAME(1)));
	char	   *question = text_to_cstring(PG_GETARG_TEXT_PP(2));
	bytea	   *zones = guarded_copy(test.built.zones,
									 VARSIZE(test.built.zones));
	BlockZone	zone;
	Datum	   *keys,
			   *values;
	int			nkeys,
				nvalues,
				maybe = 0;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), TEXTOID, -1, false, TYPALIGN_INT,
					  &keys, NULL, &nkeys);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(4), TEXTOID, -1, false, TYPALIGN_INT,
					  &values, NULL, &nvalues);
	if (!block_zones_find(zones, attnum, get_atttype(PG_GETARG_OID(0), attnum), &zone))
		elog(ERROR, "no zone");
	for (int i = 0; i < nkeys; i++)
	{
		StringRef	key = sql_text_to_ref(DatumGetTextPP(keys[i]));
		char	   *value = i < nvalues ? TextDatumGetCString(values[i]) : NULL;

		if (strcmp(question, "text") == 0)
			maybe += block_zone_may_have_text(&zone, key, DEFAULT_COLLATION_OID);
		else if (strcmp(question, "key") == 0)
			maybe += block_zone_may_have_label(&zone, key);
		else if (strcmp(question, "shown") == 0)
			maybe += block_zone_may_have_label_text(&zone, key, string_ref(value, strlen(value)),
													DEFAULT_COLLATION_OID);
		else
		{
			Jsonb	   *json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
																  CStringGetDatum(value)));
			JsonbValue	scalar = {.type = jbvBinary};

			if (!JB_ROOT_IS_SCALAR(json) || !JsonbExtractScalar(&json->root, &scalar))
				scalar.type = jbvBinary;
			maybe += block_zone_may_have_label_value(&zone, key, &scalar);
		}
	}
	guarded_free_all();
	table_close(test.relation, AccessShareLock);
	PG_RETURN_INT32(maybe);
}

/*
 * codec_times(regclass, level int) returns text: what one block of the
 * table's rows takes.
 */
PYRO_FUNCTION(codec_times);
Datum
codec_times(PG_FUNCTION_ARGS)
{
	TestBlock	test = build(PG_GETARG_OID(0), BLOCK_MAX_ROWS,
							 PG_GETARG_INT32(1));
	TupleDesc	desc = RelationGetDescr(test.relation);
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "%d rows, %.1f MB raw, %.2f MB stored: add %.0f MB/s, finish %.0f MB/s",
					 test.rows, test.raw_size / 1e6,
					 payload_size(&test) / 1e6,
					 test.raw_size / 1e6 / test.add_seconds,
					 test.raw_size / 1e6 / test.finish_seconds);
	for (int i = -2; i < desc->natts; i++)
	{
		const BlockStream *stream = block_layout_find(test.built.layout,
													  i < 0 ? i : i + 1);
		double		best = 1e9;

		if (stream == NULL)
			continue;
		for (int repeat = 0; repeat < 10; repeat++)
		{
			MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
														  "times",
														  ALLOCSET_DEFAULT_SIZES);
			const char *stored = stored_bytes(&test, stream);
			instr_time	start;

			INSTR_TIME_SET_CURRENT(start);
			if (i == BLOCK_PRIOR_TIDS)
				block_prior_tids_decode(stream, stored, test.rows, context);
			else if (i == BLOCK_XMINS)
				block_xmins_decode(stream, stored, test.rows, context);
			else
				block_column_decode(stream, stored, TupleDescAttr(desc, i),
									test.rows, context);
			best = Min(best, seconds_since(start));
			MemoryContextDelete(context);
			guarded_free_all();
		}
		appendStringInfo(&out, "; %s %u of " UINT64_FORMAT " bytes, decode %.1f ns a value",
						 i < 0 ? (i == BLOCK_XMINS ? "xmins" : "prior TIDs")
						 : NameStr(TupleDescAttr(desc, i)->attname),
						 stream->stored, stream->raw,
						 best * 1e9 / Max(test.rows, 1));
	}
	table_close(test.relation, AccessShareLock);
	PG_RETURN_TEXT_P(cstring_to_text(out.data));
}

/*
 * ---- Damage ----
 */

/* What came of damaging something. */
typedef struct Outcome
{
	int64		tries;
	int64		errors;			/* data_corrupted; others are thrown on */
} Outcome;

static uint64 seen;				/* so that reading is not optimised away */

static void
touch(const char *value, Size size)
{
	if (guarded_bytes_at(value) < size + BLOCK_STREAM_PADDING)
		elog(ERROR, "a value of %zu bytes lies outside of its stream", size);
	for (Size i = 0; i < size; i++)
		seen += value[i];
}

static void
touch_column(Form_pg_attribute attribute, const BlockColumn *column, int rows)
{
	for (int row = 0; row < rows; row++)
	{
		Datum		value = column->values[row];

		if (column->isnull != NULL && column->isnull[row])
			continue;
		if (attribute->attbyval)
			seen += value;
		else if (attribute->attlen > 0)
			touch(DatumGetPointer(value), attribute->attlen);
		else if (attribute->attlen == -1)
		{
			struct varlena *plain = (struct varlena *) DatumGetPointer(value);

			if (VARATT_IS_EXTERNAL(plain) || VARATT_IS_COMPRESSED(plain))
				elog(ERROR, "a decoded value is toasted");
			if (!VARATT_IS_SHORT(plain) &&
				att_align_nominal((uintptr_t) plain, attribute->attalign) != (uintptr_t) plain)
				elog(ERROR, "a decoded value is not aligned");
			touch((char *) plain, VARSIZE_ANY(plain));
		}
		else
			touch(DatumGetCString(value), strlen(DatumGetCString(value)) + 1);
	}
}

/* Decode a stream from `stored` and read all that it gives. */
static void
read_stream(Relation relation, const BlockStream *stream, const char *stored,
			int rows)
{
	TupleDesc	desc = RelationGetDescr(relation);

	if (stream->attnum == BLOCK_PRIOR_TIDS)
	{
		ItemPointerData *tids = block_prior_tids_decode(stream, stored, rows,
														CurrentMemoryContext);

		for (int row = 0; row < rows; row++)
			seen += tids[row].ip_posid + tids[row].ip_blkid.bi_lo;
	}
	else if (stream->attnum == BLOCK_XMINS)
	{
		TransactionId *xmins = block_xmins_decode(stream, stored, rows,
												  CurrentMemoryContext);

		for (int row = 0; row < rows; row++)
			seen += xmins[row];
	}
	else if (stream->attnum > 0 && stream->attnum <= desc->natts)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, stream->attnum - 1);

		if (!attribute->attisdropped)
			touch_column(attribute,
						 block_column_decode(stream, stored, attribute, rows,
											 CurrentMemoryContext),
						 rows);
	}
}

static pg_crc32c
checksum(const char *bytes, Size size)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, bytes, size);
	FIN_CRC32C(crc);
	return crc;
}

/*
 * One try: `what` of these reads damaged things.  Only data_corrupted may be
 * raised.
 */
typedef struct Damaged
{
	const TestBlock *test;
	const bytea *layout;		/* to parse and to read by, or NULL: */
	const bytea *zones;			/* to search, or NULL: */
	BlockStream stream;			/* to decode from */
	const char *stored;
	int			rows;
} Damaged;

static void
read_by_layout(const Damaged *damaged)
{
	BlockLayout *layout = block_layout_from_bytea(damaged->layout,
												  payload_size(damaged->test));

	for (int i = 0; i < layout->nstreams; i++)
	{
		const BlockStream *stream = &layout->streams[i];

		read_stream(damaged->test->relation, stream,
					guarded_copy(stored_bytes(damaged->test, stream),
								 stream->stored),
					layout->rows);
	}
}

/* Of a column that is not there, some type. */
static Oid
type_of_column(Relation relation, int attnum)
{
	TupleDesc	desc = RelationGetDescr(relation);

	if (attnum > desc->natts || TupleDescAttr(desc, attnum - 1)->attisdropped)
		return TEXTOID;
	return TupleDescAttr(desc, attnum - 1)->atttypid;
}

static void
try_to_read(const Damaged *damaged, Outcome *outcome)
{
	static MemoryContext context = NULL;
	MemoryContext old;

	CHECK_FOR_INTERRUPTS();
	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "damaged",
										ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	outcome->tries++;
	PG_TRY();
	{
		BlockZone	zone;

		if (damaged->layout != NULL)
			read_by_layout(damaged);
		else if (damaged->zones != NULL)
			for (int attnum = 1; attnum <= 100; attnum++)
				seen += block_zones_find(damaged->zones, attnum,
										 type_of_column(damaged->test->relation, attnum),
										 &zone);
		else
			read_stream(damaged->test->relation, &damaged->stream,
						damaged->stored, damaged->rows);
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_DATA_CORRUPTED)
			PG_RE_THROW();
		FlushErrorState();
		outcome->errors++;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextReset(context);
	guarded_free_all();
}

/* Every bit turned, and the byte at its ends; ways 0..9. */
#define DAMAGE_WAYS	10

static uint8
damaged_byte(uint8 byte, int way)
{
	return way < 8 ? byte ^ (1 << way) : way == 8 ? 0x00 : 0xFF;
}

/* Each byte of a bytea in each way, and each length cut off. */
static void
damage_bytea(const bytea *bytes, Damaged damaged, const bytea **place,
			 Outcome *outcome)
{
	Size		size = VARSIZE(bytes);

	for (Size at = VARHDRSZ; at < size; at++)
		for (int way = 0; way < DAMAGE_WAYS; way++)
		{
			bytea	   *copy = guarded_copy(bytes, size);

			((char *) copy)[at] = damaged_byte(((char *) copy)[at], way);
			*place = copy;
			try_to_read(&damaged, outcome);
		}
	for (Size cut = VARHDRSZ; cut < size; cut++)
	{
		Size		short_size = cut - VARHDRSZ + VARHDRSZ_SHORT;
		char	   *copy;

		if (short_size <= VARATT_SHORT_MAX)
		{
			copy = guarded_copy((char *) bytes + VARHDRSZ - VARHDRSZ_SHORT,
								short_size);
			SET_VARSIZE_SHORT(copy, short_size);
		}
		else if (cut % sizeof(int32) == 0)
		{
			copy = guarded_copy(bytes, cut);
			SET_VARSIZE(copy, cut);
		}
		else
			continue;
		*place = (bytea *) copy;
		try_to_read(&damaged, outcome);
	}
	*place = NULL;
}

/* Each byte of a stream in each way, cut and grown; the checksum fits. */
static void
damage_bytes(const BlockStream *stream, const char *bytes, Size size,
			 Damaged damaged, Outcome *outcome)
{
	char	   *copy = palloc(size + 1);

	memcpy(copy, bytes, size);
	copy[size] = 0;
	damaged.stream = *stream;
	for (Size at = 0; at < size; at++)
		for (int way = 0; way < DAMAGE_WAYS; way++)
		{
			copy[at] = damaged_byte(bytes[at], way);
			damaged.stream.crc = checksum(copy, size);
			damaged.stored = guarded_copy(copy, size);
			try_to_read(&damaged, outcome);
			copy[at] = bytes[at];
		}
	for (Size cut = 0; cut <= size + 1; cut++)
	{
		damaged.stream.stored = cut;
		if (stream->encoding == BLOCK_RAW)
			damaged.stream.raw = cut;
		damaged.stream.crc = checksum(copy, cut);
		damaged.stored = guarded_copy(copy, cut);
		try_to_read(&damaged, outcome);
	}
	pfree(copy);
}

/* The stream with sizes, rows and an encoding that are not its own. */
static void
damage_claims(const BlockStream *stream, const char *stored, int rows,
			  Damaged damaged, Outcome *outcome)
{
	const uint64 sizes[] = {0, 1, 7, 8, 9, stream->raw - 1, stream->raw + 1,
		stream->raw * 2, BLOCK_MAX_RAW_SIZE - 1, BLOCK_MAX_RAW_SIZE,
		BLOCK_MAX_RAW_SIZE + 1, PG_UINT32_MAX, (uint64) PG_UINT32_MAX + 1,
		PG_INT64_MAX, PG_UINT64_MAX, (uint64) stream->stored * 32768,
	(uint64) stream->stored * 32768 + 32768};
	const int	row_counts[] = {0, 1, rows - 1, rows + 1, rows + 8, rows * 2,
	BLOCK_MAX_ROWS, BLOCK_MAX_ROWS + 1, -1, PG_INT32_MIN, PG_INT32_MAX};

	damaged.stream = *stream;
	for (int i = 0; i < lengthof(sizes); i++)
	{
		damaged.stream.raw = sizes[i];
		damaged.stored = guarded_copy(stored, stream->stored);
		try_to_read(&damaged, outcome);
	}
	damaged.stream = *stream;
	for (int i = 0; i < lengthof(row_counts); i++)
	{
		damaged.rows = row_counts[i];
		damaged.stored = guarded_copy(stored, stream->stored);
		try_to_read(&damaged, outcome);
	}
	damaged.rows = rows;
	for (int encoding = 0; encoding < 256; encoding++)
	{
		damaged.stream.encoding = encoding;
		damaged.stored = guarded_copy(stored, stream->stored);
		try_to_read(&damaged, outcome);
	}
}

/* Bytes of the plain stream replaced at random, some at a time. */
static void
damage_randomly(const BlockStream *stream, const char *raw, Damaged damaged,
				int times, pg_prng_state *random, Outcome *outcome)
{
	char	   *copy = palloc(stream->raw);

	damaged.stream = *stream;
	for (int i = 0; i < times && stream->raw > 0; i++)
	{
		int			changes = pg_prng_uint64_range(random, 1, 8);

		memcpy(copy, raw, stream->raw);
		for (int j = 0; j < changes; j++)
			copy[pg_prng_uint64_range(random, 0, stream->raw - 1)] =
				pg_prng_uint64(random) % 3 == 0 ? 0 : pg_prng_uint64(random);
		damaged.stream.crc = checksum(copy, stream->raw);
		damaged.stored = guarded_copy(copy, stream->raw);
		try_to_read(&damaged, outcome);
	}
	pfree(copy);
}

/*
 * codec_damage(regclass, level int, random_times int) returns text: damage
 * the block of a table's rows in all ways; how many tries there were and how
 * many raised an error.
 *
 * A stream is damaged both as it is stored and in its plain bytes, since
 * behind damaged zstd frames those are seldom reached.
 */
PYRO_FUNCTION(codec_damage);
Datum
codec_damage(PG_FUNCTION_ARGS)
{
	TestBlock	test = build(PG_GETARG_OID(0), BLOCK_MAX_ROWS,
							 PG_GETARG_INT32(1));
	BlockLayout *layout = test.built.layout;
	Damaged		damaged = {.test = &test,.rows = test.rows};
	Outcome		outcome = {0};
	pg_prng_state random;

	pg_prng_seed(&random, 4711);
	damage_bytea(block_layout_to_bytea(layout), damaged, &damaged.layout,
				 &outcome);
	damage_bytea(test.built.zones, damaged, &damaged.zones, &outcome);
	for (int i = 0; i < layout->nstreams; i++)
	{
		BlockStream stream = layout->streams[i];
		const char *stored = stored_bytes(&test, &stream);
		char	   *opened = block_stream_open(&stream, stored,
											   CurrentMemoryContext);
		char	   *raw = palloc(stream.raw);

		memcpy(raw, opened, stream.raw);
		guarded_free_all();
		damage_claims(&stream, stored, test.rows, damaged, &outcome);
		damage_bytes(&stream, stored, stream.stored, damaged, &outcome);
		stream.encoding = BLOCK_RAW;
		stream.stored = stream.raw;
		damage_bytes(&stream, raw, stream.raw, damaged, &outcome);
		damage_randomly(&stream, raw, damaged, PG_GETARG_INT32(2), &random,
						&outcome);
		pfree(raw);
	}
	table_close(test.relation, AccessShareLock);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf(INT64_FORMAT " " INT64_FORMAT,
											  outcome.tries, outcome.errors)));
}
