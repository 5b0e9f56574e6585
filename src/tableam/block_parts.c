/*
 * block_parts.c
 *	  What a block is made of, for whoever wonders where its bytes are.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "compat.h"
#include "pyro_ext.h"
#include "block/stack_block.h"
#include "tableam/block_layout.h"

/* Is it one of a column that has more parts? */
static bool
has_parts(const BlockLayout *layout, const BlockStream *stream)
{
	return block_layout_find_part(layout, stream->attnum, STACK_HEADS) != NULL;
}

static const char *
part_name(const BlockLayout *layout, const BlockStream *stream)
{
	static const char *const names[STACK_PART_END] = {
		[0] = "presence",
		[STACK_HEADS] = "heads",
		[STACK_NAMES] = "names",
		[STACK_TRIE] = "trie",
		[STACK_DETAILS] = "details",
		[STACK_KEYS] = "keys",
		[STACK_VALUES] = "values",
		[STACK_TREE] = "tree",
		[STACK_SUMS] = "sums",
	};

	if (stream->attnum == BLOCK_XMINS)
		return "xmins";
	if (stream->attnum == BLOCK_PRIOR_TIDS)
		return "prior_tids";
	if (!has_parts(layout, stream))
		return "values";
	return stream->part < lengthof(names) ? names[stream->part] : "unknown";
}

PYRO_FUNCTION(pyro_block_streams);
/*
 * The streams of a directory row, whose layout is checked as for reading.
 */
Datum
pyro_block_streams(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	BlockLayout *layout;

	InitMaterializedSRF(fcinfo, 0);
	layout = block_layout_from_bytea(PG_GETARG_BYTEA_PP(0), PG_GETARG_INT64(1));
	for (int i = 0; i < layout->nstreams; i++)
	{
		const BlockStream *stream = &layout->streams[i];
		Datum		values[5];
		bool		nulls[5] = {0};

		values[0] = Int16GetDatum(stream->attnum);
		values[1] = CStringGetTextDatum(part_name(layout, stream));
		values[2] = CStringGetTextDatum(stream->encoding == BLOCK_ZSTD ? "zstd" : "raw");
		values[3] = Int64GetDatum(stream->raw);
		values[4] = Int64GetDatum(stream->stored);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
