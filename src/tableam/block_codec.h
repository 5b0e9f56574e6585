/*
 * block_codec.h
 *	  Rows to the streams of a block, and streams to columns.
 */
#ifndef PYRO_BLOCK_CODEC_H
#define PYRO_BLOCK_CODEC_H

#include "access/tupdesc.h"
#include "storage/itemptr.h"

#include "tableam/block_layout.h"
#include "tableam/block_order.h"
#include "tableam/block_zones.h"

typedef struct BlockBuilder BlockBuilder;

/* What a builder made; palloc'd in the context in which it was finished. */
typedef struct BuiltBlock
{
	BlockLayout *layout;
	bytea	   *payload;		/* 4-byte header, all streams */
	bytea	   *zones;			/* for block_zones_find */
} BuiltBlock;

/* A decoded column: its values, one for each row. */
typedef struct BlockColumn
{
	Datum	   *values;			/* 0 where NULL */
	bool	   *isnull;			/* NULL where no row is */

	/*
	 * A column of profiles has no values, but these, not NULL ones, which are
	 * not read until somebody asks for one (profile_column.h).
	 */
	struct ProfileColumn *profiles;
	int			nprofiles;
	int		   *profile_index;	/* by row; NULL where no row is NULL */
} BlockColumn;

extern BlockBuilder *block_builder_create(TupleDesc desc,
										  MemoryContext parent, int level);
extern void block_builder_set_order(BlockBuilder *builder,
									const BlockOrder *order);
extern void block_builder_leave_out_sums(BlockBuilder *builder);
extern void block_builder_add(BlockBuilder *builder, const Datum *values,
							  const bool *isnull, ItemPointer prior_tid,
							  TransactionId xmin);
extern void block_builder_expect_rows(BlockBuilder *builder, AttrNumber attnum,
									  const BlockColumn *column, const uint32 *rows,
									  int count);
extern int	block_builder_rows(const BlockBuilder *builder);
extern uint64 block_builder_samples(const BlockBuilder *builder);
extern uint64 block_builder_memory(const BlockBuilder *builder);
extern uint64 block_builder_raw_size(const BlockBuilder *builder);
extern BuiltBlock block_builder_finish(BlockBuilder *builder);
extern void block_builder_free(BlockBuilder *builder);

extern BlockColumn *block_column_decode(const BlockStream *stream,
										const char *stored,
										Form_pg_attribute attribute, int rows,
										MemoryContext context);
extern BlockColumn *block_presence_decode(const BlockStream *stream,
										  const char *stored, int rows,
										  MemoryContext context);
extern int	block_column_profile(const BlockColumn *column, int row);
extern ItemPointerData *block_prior_tids_decode(const BlockStream *stream,
												const char *stored, int rows,
												MemoryContext context);
extern TransactionId *block_xmins_decode(const BlockStream *stream,
										 const char *stored, int rows,
										 MemoryContext context);

#endif							/* PYRO_BLOCK_CODEC_H */
