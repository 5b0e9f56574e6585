/*
 * block_decode.c
 *	  Streams of a block to columns.
 *
 * A stream may be damaged in any way, even with a checksum that fits: every
 * count and length is held against the bytes that there are.  What a value
 * says inside, behind its own length, is its type's affair as it is for a heap
 * tuple.  The loops over rows are short, since rows are at most
 * BLOCK_MAX_ROWS.
 */
#include "postgres.h"

#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "compat.h"
#include "tableam/block_codec.h"
#include "tableam/block_format.h"
#include "tableam/block_stream.h"

/* The parts of a column's plain bytes. */
typedef struct ColumnBytes
{
	const BlockStream *stream;	/* for errors */
	int			nvalues;
	char	   *values;
	char	   *end;			/* of the values */
	const uint8 *presence;		/* NULL where all rows or none have values */
} ColumnBytes;

static void
check_rows(int rows)
{
	if (rows < 0 || rows > BLOCK_MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a block claims to have %d rows", rows)));
}

static ColumnBytes
split_column(const BlockStream *stream, char *raw, int rows)
{
	ColumnBytes column = {.stream = stream};
	ColumnHeader header;

	if (stream->raw < sizeof(header))
		block_stream_damaged(stream, "It is cut off.");
	memcpy(&header, raw, sizeof(header));
	if (header.nvalues > rows || header.unused != 0)
		block_stream_damaged(stream, "It has more values than the block has rows.");
	column.nvalues = header.nvalues;
	column.values = raw + sizeof(header);
	column.end = raw + stream->raw;
	if (column.nvalues > 0 && column.nvalues < rows)
	{
		Size		size = presence_size(rows);

		if (column.end - column.values < size)
			block_stream_damaged(stream, "It is cut off.");
		column.end -= size;
		column.presence = (const uint8 *) column.end;
		if (pg_popcount((const char *) column.presence, size) != column.nvalues ||
			(rows % 8 != 0 && column.presence[size - 1] >> rows % 8 != 0))
			block_stream_damaged(stream, "Its NULLs do not fit its values.");
	}
	return column;
}

#define WIDEN(type, to_datum) \
	do { \
		const type *from = (const type *) column->values; \
		for (int i = 0; i < column->nvalues; i++) \
			values[i] = to_datum(from[i]); \
	} while (0)

static void
decode_byval(const ColumnBytes *column, int16 attlen, Datum *values)
{
	switch (attlen)
	{
		case sizeof(char):
			WIDEN(char, CharGetDatum);
			break;
		case sizeof(int16):
			WIDEN(int16, Int16GetDatum);
			break;
		case sizeof(int32):
			WIDEN(int32, Int32GetDatum);
			break;
		case sizeof(Datum):
			memcpy(values, column->values, column->nvalues * sizeof(Datum));
			break;
		default:
			elog(ERROR, "unsupported length of a by-value type: %d", attlen);
	}
}

static void
decode_fixed(const ColumnBytes *column, Form_pg_attribute attribute,
			 Datum *values)
{
	Size		stride = fixed_stride(attribute->attlen, attribute->attbyval,
									  attribute->attalign);

	if (column->end - column->values != column->nvalues * stride)
		block_stream_damaged(column->stream,
							 "Its size does not fit its number of values.");
	if (attribute->attbyval)
		decode_byval(column, attribute->attlen, values);
	else
		for (int i = 0; i < column->nvalues; i++)
			values[i] = PointerGetDatum(column->values + i * stride);
}

/* The size of the plain varlena that begins here; 0 where none does. */
static inline Size
plain_varlena_size(const char *value, Size available)
{
	Size		size;

	if (available == 0)
		return 0;
	if (VARATT_IS_1B(value))
		size = VARATT_IS_1B_E(value) ? 0 : VARSIZE_1B(value);
	else if (available < VARHDRSZ || !VARATT_IS_4B_U(value))
		size = 0;
	else
	{
		size = VARSIZE_4B(value);
		if (size < VARHDRSZ)
			size = 0;
	}
	return size <= available ? size : 0;
}

static void
decode_varlena(const ColumnBytes *column, char attalign, Datum *values)
{
	char	   *position = column->values;
	char	   *end = column->end;

	for (int i = 0; i < column->nvalues; i++)
	{
		Size		size;

		if (position < end && !VARATT_IS_1B(position))
			position = (char *) att_align_nominal((uintptr_t) position,
												  attalign);
		size = plain_varlena_size(position,
								  position < end ? end - position : 0);
		if (size == 0)
			block_stream_damaged(column->stream,
								 "The length of a value is not right.");
		values[i] = PointerGetDatum(position);
		position += size;
	}
	if (position != end)
		block_stream_damaged(column->stream, "Bytes follow its values.");
}

static void
decode_cstrings(const ColumnBytes *column, Datum *values)
{
	char	   *position = column->values;

	for (int i = 0; i < column->nvalues; i++)
	{
		char	   *end = memchr(position, '\0', column->end - position);

		if (end == NULL)
			block_stream_damaged(column->stream, "A value has no end.");
		values[i] = CStringGetDatum(position);
		position = end + 1;
	}
	if (position != column->end)
		block_stream_damaged(column->stream, "Bytes follow its values.");
}

/* Move the values, which are at the front, to their rows. */
static void
spread_over_rows(const ColumnBytes *column, int rows, BlockColumn *result)
{
	int			from = column->nvalues;

	for (int row = rows - 1; row >= 0; row--)
	{
		bool		present = from > 0 &&
		(column->presence[row / 8] >> row % 8 & 1) != 0;

		result->isnull[row] = !present;
		result->values[row] = present ? result->values[--from] : (Datum) 0;
	}
}

/*
 * The values of a column.
 *
 * stored: stream->stored bytes of the payload, which are not needed
 * afterwards.  attribute: only attlen, attbyval and attalign are used.  rows:
 * of the block.  Everything in the result is in the given context; values of
 * types passed by reference point into the uncompressed stream there, aligned
 * as their type asks, and may not be changed.
 *
 * Raises ERRCODE_DATA_CORRUPTED where the stream is damaged.
 */
BlockColumn *
block_column_decode(const BlockStream *stream, const char *stored,
					Form_pg_attribute attribute, int rows,
					MemoryContext context)
{
	BlockColumn *result = MemoryContextAllocZero(context, sizeof(BlockColumn));
	ColumnBytes column;

	check_rows(rows);
	column = split_column(stream, block_stream_open(stream, stored, context),
						  rows);

	/* Datums stored as such, for all rows, need no copy */
	if (attribute->attbyval && attribute->attlen == sizeof(Datum) &&
		column.nvalues == rows &&
		column.end - column.values == rows * sizeof(Datum))
	{
		result->values = (Datum *) column.values;
		return result;
	}
	result->values = MemoryContextAlloc(context,
										Max(rows, 1) * sizeof(Datum));
	if (attribute->attlen > 0)
		decode_fixed(&column, attribute, result->values);
	else if (attribute->attlen == -1)
		decode_varlena(&column, attribute->attalign, result->values);
	else
		decode_cstrings(&column, result->values);
	if (column.nvalues < rows)
	{
		result->isnull = MemoryContextAlloc(context, rows * sizeof(bool));
		spread_over_rows(&column, rows, result);
	}
	return result;
}

/*
 * Which rows of a column of profiles have one; the column is complete when its
 * `profiles` are there.  As block_column_decode() otherwise.
 */
BlockColumn *
block_presence_decode(const BlockStream *stream, const char *stored, int rows,
					  MemoryContext context)
{
	BlockColumn *result = MemoryContextAllocZero(context, sizeof(BlockColumn));
	ColumnBytes column;
	int			index = 0;

	check_rows(rows);
	column = split_column(stream, block_stream_open(stream, stored, context),
						  rows);
	if (column.values != column.end)
		block_stream_damaged(stream, "It has values.");
	result->nprofiles = column.nvalues;
	if (column.nvalues == rows)
		return result;
	result->isnull = MemoryContextAlloc(context, rows * sizeof(bool));
	result->profile_index = MemoryContextAlloc(context, rows * sizeof(int));
	for (int row = 0; row < rows; row++)
	{
		bool		present = index < column.nvalues &&
		(column.presence[row / 8] >> row % 8 & 1) != 0;

		result->isnull[row] = !present;
		result->profile_index[row] = present ? index++ : -1;
	}
	return result;
}

/*
 * The place of a row's profile, which is not NULL, among those of the column.
 */
int
block_column_profile(const BlockColumn *column, int row)
{
	return column->profile_index ? column->profile_index[row] : row;
}

/* A stream of so many bytes for each row and no others. */
static char *
open_array(const BlockStream *stream, const char *stored, int rows,
		   Size element_size, MemoryContext context)
{
	check_rows(rows);
	if (stream->raw != rows * element_size)
		block_stream_damaged(stream,
							 "Its size does not fit the number of rows.");
	return block_stream_open(stream, stored, context);
}

/*
 * Where each row was before it came into the block: TIDs of the head or of
 * another block, or invalid ones, in the given context.  They are not checked
 * beyond what block_column_decode does for values.
 */
ItemPointerData *
block_prior_tids_decode(const BlockStream *stream, const char *stored,
						int rows, MemoryContext context)
{
	char	   *raw = open_array(stream, stored, rows, PRIOR_TID_SIZE, context);
	const uint32 *block_deltas = (const uint32 *) raw;
	const uint16 *offset_deltas = (const uint16 *) (block_deltas + rows);
	ItemPointerData *tids = MemoryContextAlloc(context, Max(rows, 1) *
											   sizeof(ItemPointerData));
	BlockNumber block = 0;
	OffsetNumber offset = 0;

	for (int i = 0; i < rows; i++)
	{
		block += block_deltas[i];
		offset += offset_deltas[i];
		ItemPointerSet(&tids[i], block, offset);
	}
	pfree(raw);
	return tids;
}

/*
 * The xmin of each row, in the given context.
 */
TransactionId *
block_xmins_decode(const BlockStream *stream, const char *stored, int rows,
				   MemoryContext context)
{
	TransactionId *xmins = (TransactionId *) open_array(stream, stored, rows,
														sizeof(TransactionId),
														context);
	TransactionId xmin = 0;

	for (int i = 0; i < rows; i++)
	{
		xmin += xmins[i];
		xmins[i] = xmin;
	}
	return xmins;
}
