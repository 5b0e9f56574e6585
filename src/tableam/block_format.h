/*
 * block_format.h
 *	  The plain bytes of a stream, which its writer and its reader agree on.
 *
 * A column:
 *	  ColumnHeader
 *	  the values that are not NULL, each at the alignment of its type:
 *		by value		as many bytes as it has
 *		fixed length	the same, then zeros up to the next one's alignment
 *		varlena			as in a heap tuple: with a short header, unaligned, or
 *						a 4-byte one behind zeros for its alignment; neither
 *						compressed nor external
 *		cstring			with its end
 *	  where some rows are NULL and some are not: a bit for each row from the
 *	  lowest bit of the first byte on, 1 for a value, the last byte filled up
 *	  with zeros
 *
 * Prior TIDs: for each row, less that of the row before (or 0), modulo the
 * width: all block numbers (uint32), then all offset numbers (uint16).
 * Neighbours in the head mostly differ by 0 and 1.
 *
 * xmins: the same, of one uint32 each.
 */
#ifndef PYRO_BLOCK_FORMAT_H
#define PYRO_BLOCK_FORMAT_H

#include "access/tupmacs.h"

typedef struct ColumnHeader
{
	uint32		nvalues;		/* rows that are not NULL */
	uint32		unused;			/* 0; so that values are aligned */
} ColumnHeader;

StaticAssertDecl(sizeof(ColumnHeader) == MAXALIGN(sizeof(ColumnHeader)),
				 "values behind a ColumnHeader are not aligned");

#define PRIOR_TID_SIZE	(sizeof(BlockNumber) + sizeof(OffsetNumber))

/* From one value of fixed length to the next. */
static inline Size
fixed_stride(int16 attlen, bool attbyval, char attalign)
{
	return attbyval ? (Size) attlen
		: att_align_nominal((Size) attlen, attalign);
}

static inline Size
presence_size(int rows)
{
	return ((Size) rows + 7) / 8;
}

#endif							/* PYRO_BLOCK_FORMAT_H */
