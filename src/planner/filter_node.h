/*
 * filter_node.h
 *	  A block filter from within: quals as questions to zones.
 *
 * filter_build.c makes the questions, filter_ask.c and filter_labels.c answer
 * them.  An answer is either "no row of the block makes this true" (false) or
 * "some may" (true); of what makes it false or NULL nothing is known.
 */
#ifndef PYRO_FILTER_NODE_H
#define PYRO_FILTER_NODE_H

#include "access/stratnum.h"
#include "nodes/execnodes.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/rel.h"

#include "stack/string_ref.h"
#include "tableam/block_zones.h"

typedef enum FilterKind
{
	FILTER_AND,
	FILTER_OR,
	FILTER_CONDITION,			/* an expression without columns */
	FILTER_IS_NULL,
	FILTER_IS_NOT_NULL,
	FILTER_IS_BOOL,				/* a column is true, or is false */
	FILTER_COMPARE,				/* column op value */
	FILTER_DISTINCT,			/* column IS DISTINCT FROM value */
	FILTER_NOT_DISTINCT,
	FILTER_HAS_LABEL,			/* labels ? key, or what implies it */
	FILTER_HAS_ANY_LABEL,		/* labels ?| keys */
	FILTER_HAS_ALL_LABELS,		/* labels ?& keys */
	FILTER_CONTAINS_LABELS,		/* labels @> value, or labels = value */
	FILTER_LABEL_TEXT,			/* labels ->> key = value */
	FILTER_LABEL_VALUE,			/* labels -> key = value */
	FILTER_HAS_FUNCTION,		/* profile @> name */
	FILTER_SELECTOR				/* pyro.matches(service, name, labels,
								 * selector) */
} FilterKind;

/* How a comparand is an array. */
typedef enum ArrayUse
{
	USE_SCALAR,					/* it is none */
	USE_ANY,
	USE_ALL
} ArrayUse;

/* <> is no strategy of a btree, but the negation of one. */
#define NOT_EQUAL_STRATEGY	((StrategyNumber) 6)

/* An expression without columns, and its value once that is known. */
typedef struct Comparand
{
	Expr	   *expr;
	int16		typlen;
	bool		typbyval;
	ExprState  *state;			/* NULL in a filter that is not executed */
	bool		is_known;
	bool		isnull;
	Datum		value;			/* not TOASTed */
	void	   *prepared;		/* made of the value when first needed */
} Comparand;

/* A column that is asked for, with its zone in the present block. */
typedef struct FilterColumn
{
	AttrNumber	attnum;
	Oid			type;
	bool		is_loaded;
	bool		has_zone;
	BlockZone	zone;
	BlockZone	range;			/* the same without its filter */
} FilterColumn;

#define NO_COLUMN	(-1)

typedef struct FilterNode
{
	FilterKind	kind;
	List	   *children;		/* of FILTER_AND and FILTER_OR */
	int			column;			/* index in the filter's columns */
	Comparand  *comparand;
	Comparand  *key;			/* of a label */
	bool		wanted;			/* FILTER_IS_BOOL */

	/* comparisons; NOT_EQUAL is of the strategy's operator */
	StrategyNumber strategy;
	ArrayUse	use;
	bool		of_texts;		/* bytewise equality */
	bool		is_padded;		/* of char(n) */
	Oid			collation;
	FmgrInfo   *compare;		/* column's type, comparand's type */
	FmgrInfo   *compare_values; /* comparand's type twice, or NULL where its
								 * order is not the column's */

	/* FILTER_SELECTOR; the labels are in `column` */
	int			service;
	int			name;
} FilterNode;

struct BlockFilter
{
	Relation	relation;
	MemoryContext context;		/* of the filter itself */
	MemoryContext value_context;	/* of values of comparands */
	MemoryContext block_context;	/* of the present block */
	MemoryContext zone_context; /* of remembered zones, or NULL */
	ExprContext *econtext;

	List	   *clauses;
	List	   *nodes;			/* of each clause one */
	int			ncolumns;
	int			max_columns;
	FilterColumn *columns;

	const struct BlockEntry *entry; /* the present block */
	bytea	   *zones;			/* its zones, when somebody asked */
	struct HTAB *remembered;	/* zones by block, for many rescans */
	Size		remembered_size;
	bool		is_rescanned;	/* by parameters of other nodes */

	bool		with_filters;	/* are Bloom filters asked, too? */
	bool		has_filters;	/* was there one to be asked? */
};

/* ---- block_filter.c ---- */

/*
 * The zone of a column in the present block, or NULL: all may be.
 */
extern const BlockZone *filter_zone(struct BlockFilter *filter, int column);

/*
 * The value of a comparand; false if it is NULL.  It lives until the next
 * block_filter_prepare().
 */
extern bool filter_value(struct BlockFilter *filter, Comparand *comparand, Datum *value);

/* ---- filter_build.c ---- */

/*
 * The question of a clause, or NULL if zones can say nothing about it.
 *
 * Columns that it needs are added to the filter.  parent is NULL where the
 * filter is not executed.
 */
extern FilterNode *filter_build(struct BlockFilter *filter, Index varno, Node *clause,
								PlanState *parent);

/* ---- filter_ask.c ---- */

/* May a row of the present block make this true? */
extern bool filter_ask(struct BlockFilter *filter, FilterNode *node);

/* The bytes of a text, varchar or char(n), and those of a name. */
extern StringRef filter_text_bytes(int16 typlen, Datum value);

/* The elements of an array that are not NULL. */
typedef struct ArrayValues
{
	int16		typlen;
	int			count;
	bool		has_nulls;
	Datum	   *values;			/* in order where there is one */
	StringRef  *texts;			/* FilterNode.of_texts: in bytewise order */
} ArrayValues;

/* The elements of a comparand that is not NULL; kept with it. */
extern ArrayValues *filter_array(struct BlockFilter *filter, const FilterNode *node,
								 Comparand *comparand);

/* ---- filter_labels.c ---- */

/* The same as filter_ask of the kinds of labels and selectors. */
extern bool filter_ask_labels(struct BlockFilter *filter, FilterNode *node);
extern bool filter_ask_selector(struct BlockFilter *filter, FilterNode *node);

#endif							/* PYRO_FILTER_NODE_H */
