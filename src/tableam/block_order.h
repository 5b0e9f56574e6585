/*
 * block_order.h
 *	  In which order the rows of a block are, and which of them are a run.
 */
#ifndef PYRO_BLOCK_ORDER_H
#define PYRO_BLOCK_ORDER_H

#include "access/attnum.h"
#include "utils/rel.h"

/* What the rows of a table's blocks are sorted by. */
typedef struct BlockOrder
{
	bool		by_default;		/* a builder decides by its rows */
	int			count;			/* otherwise these columns; none: as they come */
	AttrNumber *columns;
} BlockOrder;

/* A column's values, by row. */
typedef struct OrderValues
{
	Oid			type;
	int16		attlen;
	bool		attbyval;
	const Datum *values;
	const bool *isnull;
} OrderValues;

/* The place of each row's value among the different ones. */
typedef struct OrderKey
{
	AttrNumber	attnum;
	bool		is_time;
	uint32		ndistinct;		/* NULL counts as one */
	uint32	   *rank;			/* [row]; NULLs come last */
} OrderKey;

/* The rows of a block, sorted. */
typedef struct RowOrder
{
	uint32	   *row;			/* [place], or NULL: as they came */
	uint32		nruns;
	uint32	   *run_end;		/* [run]: places */
	bool	   *ends_leading;	/* [run]: is it the last with its first value? */
} RowOrder;

/* By default, is a column of this type sorted by if it has few values? */
extern bool order_is_by_few_values(Oid type);

/* Can values of the type be sorted at all? */
extern bool order_type_is_orderable(Oid type);

/*
 * Find out the ranks of values, unless there are more different ones than
 * max_distinct.  Memory is the current context's.
 */
extern bool order_rank_values(const OrderValues *column, int rows, uint32 max_distinct,
							  OrderKey *key);

/*
 * Sort rows by keys, rows that are equal as they came.
 *
 * Runs are of rows that are equal in all keys but a time that is the last one.
 */
extern RowOrder order_rows(const OrderKey *keys, int nkeys, int rows);

/* What is said of a table (policy.c); in the current context. */
extern BlockOrder *block_order_of_table(Relation rel);

#endif							/* PYRO_BLOCK_ORDER_H */
