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

/* Sorted by default are columns with one value in so many rows, or less. */
#define FEW_VALUES_ROWS		4

/* A column to sort by. */
typedef struct OrderColumn
{
	Oid			type;
	int16		attlen;
	bool		attbyval;
} OrderColumn;

typedef struct OrderRanker OrderRanker;

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
 * Find out the ranks of a column's values: create, add one for each row, and
 * finish, which frees the ranker and is false if there are more different ones
 * than max_distinct.
 *
 * copies: values do not outlive order_ranker_add.  Memory is that of the
 * context that was current at creation.
 */
extern OrderRanker *order_ranker_create(const OrderColumn *column, bool copies,
										uint32 max_distinct);
extern void order_ranker_add(OrderRanker *ranker, Datum value, bool isnull);
extern bool order_ranker_finish(OrderRanker *ranker, OrderKey *key);

/* Put keys into the default order: fewest values first. */
extern void order_sort_keys(OrderKey *keys, int count);

/* The first key in which two rows differ, or the number of keys. */
static inline int
order_first_difference(const OrderKey *keys, int nkeys, uint32 a, uint32 b)
{
	int			k = 0;

	while (k < nkeys && keys[k].rank[a] == keys[k].rank[b])
		k++;
	return k;
}

/*
 * Sort rows by keys, rows that are equal as they came.
 *
 * Runs are of rows that are equal in all keys but a time that is the last one.
 */
extern RowOrder order_rows(const OrderKey *keys, int nkeys, int rows);

/* What is said of a table (policy.c); in the current context. */
extern BlockOrder *block_order_of_table(Relation rel);

#endif							/* PYRO_BLOCK_ORDER_H */
