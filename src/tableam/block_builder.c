/*
 * block_builder.c
 *	  Rows to the streams of a block.
 *
 * A builder holds a growing buffer for each column, in which values lie as
 * block_format.h says, and profiles share a dictionary (profile_column.h).
 * Finishing a block sorts the rows, and then puts one column after another into
 * their order, compresses it and frees it.
 * Everything is in a context of the builder's own, which grows to about twice
 * block_builder_memory.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/expandeddatum.h"
#include "utils/memutils.h"

#include "compat.h"
#include "profile/profile_type.h"
#include "tableam/block_codec.h"
#include "tableam/block_format.h"
#include "tableam/block_stream.h"
#include "tableam/profile_column.h"
#include "tableam/zone_build.h"

typedef struct GrowingBytes
{
	char	   *bytes;
	Size		size;
	Size		capacity;
} GrowingBytes;

typedef struct BuilderColumn
{
	AttrNumber	attnum;
	Oid			type;
	int16		attlen;
	bool		attbyval;
	char		attalign;
	bool		short_headers;	/* does the type know them? */
	ProfileColumnBuilder *profiles; /* instead of values; or NULL */
	int			nvalues;		/* rows that are not NULL */
	Size		stride;			/* of values of fixed length */
	GrowingBytes values;		/* begins with the ColumnHeader */
	GrowingBytes presence;		/* empty while no row is NULL */
} BuilderColumn;

struct BlockBuilder
{
	MemoryContext context;
	int			level;			/* of zstd */
	int			rows;
	uint64		raw_size;
	const BlockOrder *order;	/* what to sort by; NULL: nothing */
	bool		without_sums;
	GrowingBytes prior_tids;	/* ItemPointerData of each row */
	GrowingBytes xmins;
	int			ncolumns;		/* without dropped ones */
	BuilderColumn columns[FLEXIBLE_ARRAY_MEMBER];
};

static void
bytes_start(GrowingBytes *bytes, Size capacity)
{
	bytes->capacity = capacity;
	bytes->bytes = palloc(capacity);
	bytes->size = 0;
}

static pg_noinline void
bytes_grow(GrowingBytes *bytes, Size size)
{
	Size		needed = bytes->size + size;

	if (needed > BLOCK_MAX_RAW_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a column of a block exceeds the maximum of " UINT64_FORMAT " bytes",
						BLOCK_MAX_RAW_SIZE)));
	bytes->capacity = Min(Max(needed, bytes->capacity * 2),
						  BLOCK_MAX_RAW_SIZE);
	bytes->bytes = repalloc_huge(bytes->bytes, bytes->capacity);
}

/* Room for size more bytes; where they begin. */
static inline char *
bytes_reserve(GrowingBytes *bytes, Size size)
{
	if (unlikely(bytes->capacity - bytes->size < size))
		bytes_grow(bytes, size);
	return bytes->bytes + bytes->size;
}

static inline void
bytes_append(GrowingBytes *bytes, const void *from, Size size)
{
	memcpy(bytes_reserve(bytes, size), from, size);
	bytes->size += size;
}

static void
bytes_free(GrowingBytes *bytes)
{
	pfree(bytes->bytes);
	bytes->bytes = NULL;
}

static void
start_column(BuilderColumn *column, Form_pg_attribute attribute)
{
	ColumnHeader header = {0};

	column->attnum = attribute->attnum;
	column->type = attribute->atttypid;
	column->attlen = attribute->attlen;
	column->attbyval = attribute->attbyval;
	column->attalign = attribute->attalign;
	column->short_headers = attribute->attstorage != TYPSTORAGE_PLAIN;
	if (attribute->attlen == -1 && profile_is_type(attribute->atttypid))
		column->profiles = profile_column_builder_create();
	column->nvalues = 0;
	column->stride = attribute->attlen > 0
		? fixed_stride(attribute->attlen, attribute->attbyval,
					   attribute->attalign)
		: 0;
	bytes_start(&column->values, 1024);
	bytes_append(&column->values, &header, sizeof(header));
	bytes_start(&column->presence, 64);
}

/*
 * Begin a block of rows of a table.
 *
 * desc need not outlive the call; its dropped columns get no stream.  level:
 * of zstd.  The builder is in a child of `parent`.
 */
BlockBuilder *
block_builder_create(TupleDesc desc, MemoryContext parent, int level)
{
	MemoryContext context = AllocSetContextCreate(parent, "BlockBuilder",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	BlockBuilder *builder = palloc0(offsetof(BlockBuilder, columns) +
									desc->natts * sizeof(BuilderColumn));

	builder->context = context;
	builder->level = level;
	bytes_start(&builder->prior_tids, 1024);
	bytes_start(&builder->xmins, 1024);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped)
			start_column(&builder->columns[builder->ncolumns++], attribute);
	}
	MemoryContextSwitchTo(old);
	return builder;
}

/* Zeros up to the alignment of the column's type, and room for size bytes. */
static char *
reserve_aligned(BuilderColumn *column, Size size)
{
	GrowingBytes *values = &column->values;
	Size		aligned = att_align_nominal(values->size, column->attalign);
	Size		padding = aligned - values->size;
	char	   *end = bytes_reserve(values, padding + size);

	memset(end, 0, padding);
	values->size = aligned;
	return end + padding;
}

/* A value that is neither compressed nor external. */
static void
add_plain_varlena(BuilderColumn *column, const struct varlena *value)
{
	GrowingBytes *values = &column->values;
	Size		size;

	if (VARATT_IS_SHORT(value))
		bytes_append(values, value, VARSIZE_SHORT(value));
	else if (column->short_headers && VARATT_CAN_MAKE_SHORT(value))
	{
		char	   *to;

		size = VARATT_CONVERTED_SHORT_SIZE(value);
		to = bytes_reserve(values, size);
		SET_VARSIZE_SHORT(to, size);
		memcpy(to + VARHDRSZ_SHORT, VARDATA(value), size - VARHDRSZ_SHORT);
		values->size += size;
	}
	else
	{
		size = VARSIZE(value);
		memcpy(reserve_aligned(column, size), value, size);
		values->size += size;
	}
}

static void
add_expanded(BuilderColumn *column, Datum value)
{
	ExpandedObjectHeader *object = DatumGetEOHP(value);
	Size		size = EOH_get_flat_size(object);

	EOH_flatten_into(object, reserve_aligned(column, size), size);
	column->values.size += size;
}

static void
add_varlena(BuilderColumn *column, Datum datum)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(datum);

	if (VARATT_IS_EXTERNAL_EXPANDED(value))
		add_expanded(column, datum);
	else if (VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value) ||
			 (VARATT_IS_SHORT(value) && !column->short_headers))
	{
		value = detoast_attr(value);
		add_plain_varlena(column, value);
		pfree(value);
	}
	else
		add_plain_varlena(column, value);
}

static void
add_fixed(BuilderColumn *column, Datum value)
{
	char	   *to = bytes_reserve(&column->values, column->stride);

	if (column->attbyval)
		store_att_byval(to, value, column->attlen);
	else
	{
		memcpy(to, DatumGetPointer(value), column->attlen);
		memset(to + column->attlen, 0, column->stride - column->attlen);
	}
	column->values.size += column->stride;
}

/* Note for the row (rows: those before it) whether it has a value. */
static void
add_presence(BuilderColumn *column, int rows, bool present)
{
	GrowingBytes *presence = &column->presence;
	Size		size = presence_size(rows + 1);

	if (presence->size < size)
	{
		Size		more = size - presence->size;

		memset(bytes_reserve(presence, more), 0, more);

		/* the first NULL: all rows before it have values */
		if (presence->size == 0)
		{
			memset(presence->bytes, 0xFF, rows / 8);
			presence->bytes[rows / 8] = (1 << rows % 8) - 1;
		}
		presence->size = size;
	}
	if (present)
		presence->bytes[rows / 8] |= 1 << rows % 8;
}

/* Add a value; its bytes, uncompressed if it was. */
static Size
add_value(BuilderColumn *column, Datum value)
{
	Size		before = column->values.size;

	column->nvalues++;
	if (column->profiles != NULL)
		return profile_column_add(column->profiles, value);
	if (column->attlen > 0)
		add_fixed(column, value);
	else if (column->attlen == -1)
		add_varlena(column, value);
	else
		bytes_append(&column->values, DatumGetCString(value),
					 strlen(DatumGetCString(value)) + 1);
	return column->values.size - before;
}

static void
add_system_columns(BlockBuilder *builder, ItemPointer prior_tid,
				   TransactionId xmin)
{
	ItemPointerData invalid;

	if (prior_tid == NULL)
	{
		ItemPointerSetInvalid(&invalid);
		prior_tid = &invalid;
	}
	bytes_append(&builder->prior_tids, prior_tid, sizeof(ItemPointerData));
	bytes_append(&builder->xmins, &xmin, sizeof(xmin));
	builder->raw_size += PRIOR_TID_SIZE + sizeof(xmin);
}

/*
 * Sort the rows when the block is finished; order must live until then.
 */
void
block_builder_set_order(BlockBuilder *builder, const BlockOrder *order)
{
	builder->order = order;
}

/*
 * Make no sums of profiles: of a block that will soon be merged they cost more
 * than they save.
 */
void
block_builder_leave_out_sums(BlockBuilder *builder)
{
	builder->without_sums = true;
}

/*
 * Add a row.
 *
 * values, isnull: one for each column of the descriptor, dropped ones too.
 * They may be toasted, short or expanded, and are copied whole; toasted ones
 * need an active snapshot.  prior_tid: where the row was before; NULL becomes
 * an invalid TID.  xmin: as it was there.
 *
 * Raises ERRCODE_PROGRAM_LIMIT_EXCEEDED beyond BLOCK_MAX_ROWS rows or
 * BLOCK_MAX_RAW_SIZE bytes of a column.  After any error the builder can only
 * be freed.
 */
void
block_builder_add(BlockBuilder *builder, const Datum *values,
				  const bool *isnull, ItemPointer prior_tid,
				  TransactionId xmin)
{
	CHECK_FOR_INTERRUPTS();
	if (builder->rows == BLOCK_MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a block cannot have more than %d rows",
						BLOCK_MAX_ROWS)));
	for (int i = 0; i < builder->ncolumns; i++)
	{
		BuilderColumn *column = &builder->columns[i];
		bool		null = isnull[column->attnum - 1];

		if (null || column->presence.size > 0)
			add_presence(column, builder->rows, !null);
		if (!null)
			builder->raw_size += add_value(column, values[column->attnum - 1]);
	}
	add_system_columns(builder, prior_tid, xmin);
	builder->rows++;
}

/*
 * Say which rows of an opened block are going to be added next, ascending, and
 * no others of it until they are there.
 *
 * column: one of profiles of that block.  Of its dictionary only what the rows
 * use is then taken over.
 */
void
block_builder_expect_rows(BlockBuilder *builder, AttrNumber attnum, const BlockColumn *column,
						  const uint32 *rows, int count)
{
	uint32	   *indexes = palloc_extended(Max(count, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	int			n = 0;

	for (int i = 0; i < count; i++)
		if (column->isnull == NULL || !column->isnull[rows[i]])
			indexes[n++] = column->profile_index == NULL ? rows[i] :
				column->profile_index[rows[i]];
	for (int i = 0; i < builder->ncolumns && n > 0; i++)
		if (builder->columns[i].attnum == attnum && builder->columns[i].profiles != NULL)
			profile_column_expect(builder->columns[i].profiles, column->profiles, indexes, n);
	pfree(indexes);
}

/*
 * The rows added so far.
 */
int
block_builder_rows(const BlockBuilder *builder)
{
	return builder->rows;
}

/*
 * The samples of all profiles added so far.
 */
uint64
block_builder_samples(const BlockBuilder *builder)
{
	uint64		samples = 0;

	for (int i = 0; i < builder->ncolumns; i++)
		if (builder->columns[i].profiles != NULL)
			samples += profile_column_builder_samples(builder->columns[i].profiles);
	return samples;
}

/*
 * The bytes that the builder holds, about half of what it will need.
 */
uint64
block_builder_memory(const BlockBuilder *builder)
{
	uint64		size = builder->prior_tids.size + builder->xmins.size;

	for (int i = 0; i < builder->ncolumns; i++)
	{
		const BuilderColumn *column = &builder->columns[i];

		size += column->values.size + column->presence.size;
		if (column->profiles != NULL)
			size += profile_column_builder_size(column->profiles);
	}
	return size;
}

/*
 * The bytes of the rows added so far as they were, but not compressed by the
 * server: what compression is measured by.
 */
uint64
block_builder_raw_size(const BlockBuilder *builder)
{
	return builder->raw_size;
}

/* ---- the order of rows ---- */

/* A column's values by row; they point into its buffer. */
typedef struct ColumnValues
{
	Datum	   *values;			/* NULL for profiles */
	bool	   *isnull;
} ColumnValues;

/* The value at a place in the buffer, behind which the place then is. */
static Datum
take_value(const BuilderColumn *column, char **position)
{
	Datum		value;

	if (column->attlen == -1 && !VARATT_IS_1B(*position))
		*position = (char *) att_align_nominal((uintptr_t) *position, column->attalign);
	value = fetch_att(*position, column->attbyval, column->attlen);
	if (column->attlen > 0)
		*position += column->stride;
	else if (column->attlen == -1)
		*position += VARSIZE_ANY(*position);
	else
		*position += strlen(*position) + 1;
	return value;
}

static ColumnValues
column_values(const BuilderColumn *column, int rows)
{
	ColumnValues result = {0};
	char	   *position = column->values.bytes + sizeof(ColumnHeader);

	result.isnull = palloc_extended(Max(rows, 1), MCXT_ALLOC_HUGE);
	for (int row = 0; row < rows; row++)
		result.isnull[row] = column->presence.size > 0 &&
			(column->presence.bytes[row / 8] >> row % 8 & 1) == 0;
	if (column->profiles != NULL)
		return result;
	result.values = palloc_extended(Max(rows, 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
	for (int row = 0; row < rows; row++)
		result.values[row] = result.isnull[row] ? (Datum) 0 : take_value(column, &position);
	Assert(position == column->values.bytes + column->values.size);
	return result;
}

static void
column_values_free(ColumnValues *values)
{
	if (values->values != NULL)
		pfree(values->values);
	if (values->isnull != NULL)
		pfree(values->isnull);
}

/* Write a column anew, with its rows in another order. */
static void
reorder_column(BlockBuilder *builder, BuilderColumn *column, const uint32 *order,
			   const ColumnValues *from)
{
	BuilderColumn old = *column;
	MemoryContext before = MemoryContextSwitchTo(builder->context);

	bytes_start(&column->values, old.values.size + MAXIMUM_ALIGNOF);
	bytes_append(&column->values, old.values.bytes, sizeof(ColumnHeader));
	bytes_start(&column->presence, 64);
	column->nvalues = 0;
	for (int i = 0; i < builder->rows; i++)
	{
		bool		null = from->isnull[order[i]];

		if (null || column->presence.size > 0)
			add_presence(column, i, !null);
		if (null)
			continue;
		if (column->profiles == NULL)
			add_value(column, from->values[order[i]]);
		else
			column->nvalues++;
	}
	Assert(column->nvalues == old.nvalues);
	bytes_free(&old.values);
	bytes_free(&old.presence);
	MemoryContextSwitchTo(before);
}

static bool
rank_column(const BlockBuilder *builder, const BuilderColumn *column, uint32 max_distinct,
			OrderKey *key)
{
	ColumnValues values = column_values(column, builder->rows);
	OrderColumn order_column = {
		.type = column->type,.attlen = column->attlen,.attbyval = column->attbyval
	};
	OrderRanker *ranker = order_ranker_create(&order_column, false, max_distinct);

	for (int row = 0; row < builder->rows; row++)
		order_ranker_add(ranker, values.values[row], values.isnull[row]);
	key->attnum = column->attnum;
	column_values_free(&values);
	return order_ranker_finish(ranker, key);
}

/*
 * The columns of few values, fewest first, and then the first time; none if
 * there are no profiles.
 */
static int
default_keys(const BlockBuilder *builder, OrderKey *keys)
{
	const BuilderColumn *time = NULL;
	bool		has_profiles = false;
	int			count = 0;

	for (int i = 0; i < builder->ncolumns; i++)
		has_profiles |= builder->columns[i].profiles != NULL;
	for (int i = 0; has_profiles && i < builder->ncolumns; i++)
	{
		const BuilderColumn *column = &builder->columns[i];

		if (time == NULL && column->type == TIMESTAMPTZOID)
			time = column;
		if (order_is_by_few_values(column->type) &&
			rank_column(builder, column, builder->rows / FEW_VALUES_ROWS, &keys[count]))
			count++;
	}
	order_sort_keys(keys, count);
	if (time != NULL && rank_column(builder, time, PG_UINT32_MAX, &keys[count]))
		count++;
	return count;
}

/* The columns that were asked for, those that still are there. */
static int
wanted_keys(const BlockBuilder *builder, OrderKey *keys)
{
	int			count = 0;

	for (int k = 0; k < builder->order->count; k++)
		for (int i = 0; i < builder->ncolumns; i++)
		{
			const BuilderColumn *column = &builder->columns[i];

			if (column->attnum == builder->order->columns[k] && column->profiles == NULL &&
				count < builder->ncolumns &&
				rank_column(builder, column, PG_UINT32_MAX, &keys[count]))
				count++;
		}
	return count;
}

static RowOrder
sort_rows(const BlockBuilder *builder)
{
	OrderKey   *keys = palloc(Max(builder->ncolumns, 1) * sizeof(OrderKey));
	int			count = 0;
	RowOrder	order;

	if (builder->order != NULL)
		count = builder->order->by_default ? default_keys(builder, keys) :
			wanted_keys(builder, keys);
	order = order_rows(keys, count, builder->rows);
	for (int k = 0; k < count; k++)
		pfree(keys[k].rank);
	pfree(keys);
	return order;
}

/* ---- finishing ---- */

static BuiltZone
column_zone(const BlockBuilder *builder, const BuilderColumn *column)
{
	ZoneColumn	values = {
		.attnum = column->attnum,.type = column->type,.attlen = column->attlen,
		.attbyval = column->attbyval,.attalign = column->attalign,
		.rows = builder->rows,.nvalues = column->nvalues,
		.values = column->values.bytes + sizeof(ColumnHeader),
		.size = column->values.size - sizeof(ColumnHeader)
	};

	return zone_build(&values);
}

static void
finish_column(const BlockBuilder *builder, BuilderColumn *column,
			  PayloadBuffer *payload, BlockStream *stream)
{
	ColumnHeader header = {.nvalues = column->nvalues};

	memcpy(column->values.bytes, &header, sizeof(header));
	if (column->nvalues > 0 && column->nvalues < builder->rows)
		bytes_append(&column->values, column->presence.bytes,
					 presence_size(builder->rows));
	stream->attnum = column->attnum;
	payload_append(payload,
				   byte_range(column->values.bytes, column->values.size),
				   builder->level, stream);
	bytes_free(&column->values);
	bytes_free(&column->presence);
}

/*
 * The runs of a column of profiles, and the order of these: rows that are NULL
 * have none.  profile_order is NULL where the profiles stay as they came.
 */
static StackRuns
runs_of_profiles(const BuilderColumn *column, const bool *isnull, int rows,
				 const RowOrder *order, uint32 **profile_order)
{
	uint32	   *number = palloc_extended(Max(rows, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	uint32	   *end = palloc_extended(Max(order->nruns, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	StackRuns	runs = {.nruns = order->nruns,.run_end = end,.ends_leading = order->ends_leading};
	uint32		count = 0;
	uint32		run = 0;

	for (int row = 0; row < rows; row++)
		if (!isnull[row])
			number[row] = count++;
	Assert(count == column->nvalues);
	*profile_order = order->row == NULL ? NULL :
		palloc_extended(Max(count, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	count = 0;
	for (int i = 0; i < rows; i++)
	{
		uint32		row = order->row == NULL ? i : order->row[i];

		if (!isnull[row] && order->row != NULL)
			(*profile_order)[count] = number[row];
		count += !isnull[row];
		if (i + 1 == order->run_end[run])
			end[run++] = count;
	}
	pfree(number);
	return runs;
}

/* The parts of a column of profiles; where the next stream goes. */
static BlockStream *
finish_profiles(const BlockBuilder *builder, BuilderColumn *column, const uint32 *order,
				const StackRuns *runs, PayloadBuffer *payload, BlockStream *stream)
{
	TextBuffer	parts[STACK_PART_END];

	profile_column_finish(column->profiles, order, builder->without_sums ? NULL : runs, parts);
	for (int part = STACK_HEADS; part < STACK_PART_END; part++)
	{
		stream->attnum = column->attnum;
		stream->part = part;
		payload_append(payload, byte_range(parts[part].data, parts[part].length),
					   part == STACK_KEYS ? PAYLOAD_AS_IT_IS : builder->level,
					   stream++);
	}
	return stream;
}

/*
 * Put a column into the order of rows, compress it and free it; where the next
 * stream goes.
 */
static BlockStream *
write_column(BlockBuilder *builder, BuilderColumn *column, const RowOrder *order,
			 BuiltZone *zone, PayloadBuffer *payload, BlockStream *stream)
{
	ColumnValues values = {0};
	uint32	   *profile_order = NULL;
	StackRuns	runs;

	if (order->row != NULL || column->profiles != NULL)
		values = column_values(column, builder->rows);
	if (column->profiles != NULL)
		runs = runs_of_profiles(column, values.isnull, builder->rows, order, &profile_order);
	if (order->row != NULL)
		reorder_column(builder, column, order->row, &values);
	column_values_free(&values);
	*zone = column_zone(builder, column);
	finish_column(builder, column, payload, stream++);
	if (column->profiles != NULL)
	{
		stream = finish_profiles(builder, column, profile_order, &runs, payload, stream);
		if (column->nvalues > 0)
			zone_add_functions(zone, profile_column_dictionary(column->profiles));
	}
	return stream;
}

/* Both are delta coded in the order of rows. */
static void
finish_system_columns(BlockBuilder *builder, const uint32 *order,
					  PayloadBuffer *payload, BlockStream *streams)
{
	int			rows = builder->rows;
	const ItemPointerData *tids = (ItemPointerData *) builder->prior_tids.bytes;
	const TransactionId *xmins = (TransactionId *) builder->xmins.bytes;
	uint32	   *differences = palloc_extended(Max(rows, 1) * (sizeof(uint32) + sizeof(uint16)),
											  MCXT_ALLOC_HUGE);
	uint16	   *offset_differences = (uint16 *) (differences + rows);
	TransactionId last_xmin = 0;
	BlockNumber last_block = 0;
	OffsetNumber last_offset = 0;

	for (int i = 0; i < rows; i++)
	{
		TransactionId xmin = xmins[order == NULL ? i : order[i]];

		differences[i] = xmin - last_xmin;
		last_xmin = xmin;
	}
	streams[0].attnum = BLOCK_XMINS;
	payload_append(payload, byte_range(differences, rows * sizeof(uint32)),
				   builder->level, &streams[0]);
	for (int i = 0; i < rows; i++)
	{
		const ItemPointerData *tid = &tids[order == NULL ? i : order[i]];
		BlockNumber block = ItemPointerGetBlockNumberNoCheck(tid);
		OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(tid);

		differences[i] = block - last_block;
		offset_differences[i] = offset - last_offset;
		last_block = block;
		last_offset = offset;
	}
	streams[1].attnum = BLOCK_PRIOR_TIDS;
	payload_append(payload, byte_range(differences, rows * PRIOR_TID_SIZE),
				   builder->level, &streams[1]);
	pfree(differences);
}

static int
count_streams(const BlockBuilder *builder)
{
	int			count = builder->ncolumns + 2;

	for (int i = 0; i < builder->ncolumns; i++)
		if (builder->columns[i].profiles != NULL)
			count += STACK_PART_END - STACK_HEADS;
	return count;
}

/*
 * Sort what was added and compress it into a block.
 *
 * Everything in the result is palloc'd in the current context.  The builder
 * can only be freed afterwards.  Raises ERRCODE_PROGRAM_LIMIT_EXCEEDED where
 * the payload is larger than a value can be.
 */
BuiltBlock
block_builder_finish(BlockBuilder *builder)
{
	BuiltBlock	built;
	BuiltZone  *zones = palloc(Max(builder->ncolumns, 1) * sizeof(BuiltZone));
	PayloadBuffer payload;
	BlockStream *stream;
	RowOrder	order = sort_rows(builder);

	built.layout = block_layout_create(builder->rows, count_streams(builder));
	built.layout->memory = block_builder_memory(builder);
	stream = &built.layout->streams[2];
	payload_start(&payload);
	finish_system_columns(builder, order.row, &payload, built.layout->streams);
	for (int i = 0; i < builder->ncolumns; i++)
		stream = write_column(builder, &builder->columns[i], &order, &zones[i], &payload,
							  stream);
	built.payload = payload_finish(&payload);
	built.zones = zones_to_bytea(zones, builder->ncolumns);
	pfree(zones);
	return built;
}

/*
 * Give back all that a builder holds.
 */
void
block_builder_free(BlockBuilder *builder)
{
	MemoryContextDelete(builder->context);
}
