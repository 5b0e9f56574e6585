/*
 * block_builder.c
 *	  Rows to the streams of a block.
 *
 * A builder holds a growing buffer for each column, in which values lie as
 * block_format.h says, and profiles share a dictionary (profile_column.h);
 * finishing a block compresses one column after another and frees it.
 * Everything is in a context of the builder's own, which grows to about twice
 * block_builder_memory.
 */
#include "postgres.h"

#include "access/detoast.h"
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
	BlockNumber last_block;
	OffsetNumber last_offset;
	TransactionId last_xmin;
	GrowingBytes tid_blocks;
	GrowingBytes tid_offsets;
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
	bytes_start(&builder->tid_blocks, 1024);
	bytes_start(&builder->tid_offsets, 512);
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
	BlockNumber block;
	OffsetNumber offset;
	uint32		block_delta;
	uint16		offset_delta;
	uint32		xmin_delta = xmin - builder->last_xmin;

	if (prior_tid == NULL)
	{
		ItemPointerSetInvalid(&invalid);
		prior_tid = &invalid;
	}
	block = ItemPointerGetBlockNumberNoCheck(prior_tid);
	offset = ItemPointerGetOffsetNumberNoCheck(prior_tid);
	block_delta = block - builder->last_block;
	offset_delta = offset - builder->last_offset;
	bytes_append(&builder->tid_blocks, &block_delta, sizeof(block_delta));
	bytes_append(&builder->tid_offsets, &offset_delta, sizeof(offset_delta));
	bytes_append(&builder->xmins, &xmin_delta, sizeof(xmin_delta));
	builder->last_block = block;
	builder->last_offset = offset;
	builder->last_xmin = xmin;
	builder->raw_size += PRIOR_TID_SIZE + sizeof(xmin_delta);
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
 * The rows added so far.
 */
int
block_builder_rows(const BlockBuilder *builder)
{
	return builder->rows;
}

/*
 * The bytes that the builder holds, about half of what it will need.
 */
uint64
block_builder_memory(const BlockBuilder *builder)
{
	uint64		size = builder->tid_blocks.size + builder->tid_offsets.size +
		builder->xmins.size;

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

/* The parts of a column of profiles; where the next stream goes. */
static BlockStream *
finish_profiles(const BlockBuilder *builder, BuilderColumn *column,
				PayloadBuffer *payload, BlockStream *stream)
{
	TextBuffer	parts[STACK_PART_END];

	profile_column_finish(column->profiles, parts);
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

static void
finish_system_columns(BlockBuilder *builder, PayloadBuffer *payload,
					  BlockStream *streams)
{
	streams[0].attnum = BLOCK_XMINS;
	payload_append(payload,
				   byte_range(builder->xmins.bytes, builder->xmins.size),
				   builder->level, &streams[0]);
	bytes_append(&builder->tid_blocks, builder->tid_offsets.bytes,
				 builder->tid_offsets.size);
	streams[1].attnum = BLOCK_PRIOR_TIDS;
	payload_append(payload,
				   byte_range(builder->tid_blocks.bytes,
							  builder->tid_blocks.size),
				   builder->level, &streams[1]);
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
 * Compress what was added into a block.
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

	built.layout = block_layout_create(builder->rows, count_streams(builder));
	stream = &built.layout->streams[2];
	payload_start(&payload);
	finish_system_columns(builder, &payload, built.layout->streams);
	for (int i = 0; i < builder->ncolumns; i++)
	{
		zones[i] = column_zone(builder, &builder->columns[i]);
		finish_column(builder, &builder->columns[i], &payload, stream++);
		if (builder->columns[i].profiles != NULL)
		{
			stream = finish_profiles(builder, &builder->columns[i], &payload, stream);
			if (builder->columns[i].nvalues > 0)
				zone_add_functions(&zones[i],
								   profile_column_dictionary(builder->columns[i].profiles));
		}
	}
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
