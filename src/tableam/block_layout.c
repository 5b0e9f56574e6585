/*
 * block_layout.c
 *	  Where the streams of a block lie in its payload.
 *
 * In the directory a layout is a bytea: version (uint16), number of streams
 * (uint16), rows (uint32), memory (uint64), and then the streams as BlockStream
 * defines them.
 * Nothing in it is believed before it is checked: what comes out of
 * block_layout_from_bytea names only bytes that the payload has.
 */
#include "postgres.h"

#include "access/htup_details.h"

#include "tableam/block_layout.h"
#include "tableam/block_stream.h"

#define LAYOUT_VERSION	2

/* more parts than this no column has */
#define MAX_PARTS		16

/* every column, xmins and prior TIDs */
#define MAX_STREAMS		(MaxHeapAttributeNumber * MAX_PARTS + 2)

typedef struct LayoutHeader
{
	uint16		version;
	uint16		nstreams;
	uint32		rows;
	uint64		memory;
} LayoutHeader;

StaticAssertDecl(sizeof(LayoutHeader) == 16, "LayoutHeader has padding");

static Size
layout_size(int nstreams)
{
	return offsetof(BlockLayout, streams) + nstreams * sizeof(BlockStream);
}

/*
 * A layout for so many streams, all zero, in the current context.
 */
BlockLayout *
block_layout_create(int rows, int nstreams)
{
	BlockLayout *layout = palloc0(layout_size(nstreams));

	layout->rows = rows;
	layout->nstreams = nstreams;
	return layout;
}

/*
 * The layout as the directory keeps it, palloc'd in the current context.
 */
bytea *
block_layout_to_bytea(const BlockLayout *layout)
{
	LayoutHeader header = {LAYOUT_VERSION, layout->nstreams, layout->rows, layout->memory};
	Size		streams_size = layout->nstreams * sizeof(BlockStream);
	Size		size = VARHDRSZ + sizeof(header) + streams_size;
	bytea	   *bytes = palloc(size);

	SET_VARSIZE(bytes, size);
	memcpy(VARDATA(bytes), &header, sizeof(header));
	memcpy(VARDATA(bytes) + sizeof(header), layout->streams, streams_size);
	return bytes;
}

static void
layout_damaged(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("layout of a block is damaged"),
			 errdetail_internal("%s", detail)));
}

static LayoutHeader
read_header(const bytea *bytes)
{
	LayoutHeader header;
	Size		size = VARSIZE_ANY_EXHDR(bytes);

	if (size < sizeof(header))
		layout_damaged("It is cut off.");
	memcpy(&header, VARDATA_ANY(bytes), sizeof(header));
	if (header.version != LAYOUT_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("layout of a block has the unknown version %u",
						header.version),
				 errhint("It may have been written by a newer version of pyro_ext.")));
	if (header.rows > BLOCK_MAX_ROWS)
		layout_damaged("It has more rows than a block can have.");
	if (header.nstreams > MAX_STREAMS)
		layout_damaged("It has more streams than a table can have.");
	if (size != sizeof(header) + header.nstreams * sizeof(BlockStream))
		layout_damaged("Its size does not fit its number of streams.");
	return header;
}

/* Does the layout describe payload_size bytes, all of them, and no other? */
static void
check_streams(const BlockLayout *layout, Size payload_size)
{
	Size		end = 0;
	const BlockStream *before = NULL;

	for (int i = 0; i < layout->nstreams; i++)
	{
		const BlockStream *stream = &layout->streams[i];

		if (stream->attnum < BLOCK_XMINS || stream->attnum == 0 ||
			stream->attnum > MaxHeapAttributeNumber ||
			stream->part >= (stream->attnum > 0 ? MAX_PARTS : 1))
			layout_damaged("It has a stream that cannot be.");
		if (before != NULL &&
			(stream->attnum < before->attnum ||
			 (stream->attnum == before->attnum && stream->part <= before->part)))
			layout_damaged("Its streams are not in order.");
		before = stream;
		if (stream->offset != end || stream->stored > payload_size - end)
			layout_damaged("A stream does not lie within the payload.");
		end += stream->stored;
		block_stream_check(stream);
	}
	if (end != payload_size)
		layout_damaged("The payload has another size.");
}

/*
 * Read a layout from the directory.
 *
 * bytes: plain or with a short header, not compressed.  payload_size: bytes
 * of the payload without its header.  The result is palloc'd in the current
 * context.  Anything that does not fit is an ERRCODE_DATA_CORRUPTED.
 */
BlockLayout *
block_layout_from_bytea(const bytea *bytes, Size payload_size)
{
	LayoutHeader header = read_header(bytes);
	BlockLayout *layout = block_layout_create(header.rows, header.nstreams);

	layout->memory = header.memory;
	memcpy(layout->streams, VARDATA_ANY(bytes) + sizeof(header),
		   header.nstreams * sizeof(BlockStream));
	check_streams(layout, payload_size);
	return layout;
}

/*
 * A part of a column; NULL where the block has no such stream.
 */
const BlockStream *
block_layout_find_part(const BlockLayout *layout, AttrNumber attnum, int part)
{
	int			low = 0;
	int			high = layout->nstreams;

	while (low < high)
	{
		int			middle = (low + high) / 2;
		const BlockStream *stream = &layout->streams[middle];

		if (stream->attnum < attnum ||
			(stream->attnum == attnum && stream->part < part))
			low = middle + 1;
		else
			high = middle;
	}
	if (low < layout->nstreams && layout->streams[low].attnum == attnum &&
		layout->streams[low].part == part)
		return &layout->streams[low];
	return NULL;
}

/*
 * The stream of a column (its first part), of BLOCK_PRIOR_TIDS or of
 * BLOCK_XMINS; NULL where the block has none, since the column is younger.
 */
const BlockStream *
block_layout_find(const BlockLayout *layout, AttrNumber attnum)
{
	return block_layout_find_part(layout, attnum, 0);
}
