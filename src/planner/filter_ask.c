/*
 * filter_ask.c
 *	  Asking the zones of a block.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "planner/block_filter.h"
#include "planner/filter_node.h"
#include "tableam/zone_format.h"

/* Of an array of more values than this not each is asked for in each block. */
#define MAX_ASKED_VALUES	1000

StringRef
filter_text_bytes(int16 typlen, Datum value)
{
	struct varlena *text = (struct varlena *) DatumGetPointer(value);

	if (typlen == NAMEDATALEN)
		return string_ref_literal(NameStr(*DatumGetName(value)));
	return string_ref(VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
}

/* ---- arrays ---- */

static int
order_texts(const void *a, const void *b)
{
	return string_ref_compare(*(const StringRef *) a, *(const StringRef *) b);
}

static int
order_values(const void *a, const void *b, void *compare)
{
	return DatumGetInt32(FunctionCall2((FmgrInfo *) compare, *(const Datum *) a,
									   *(const Datum *) b));
}

ArrayValues *
filter_array(BlockFilter *filter, const FilterNode *node, Comparand *comparand)
{
	MemoryContext before;
	ArrayValues *result;
	ArrayType  *array = DatumGetArrayTypeP(comparand->value);
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	bool		typbyval;
	char		typalign;

	if (comparand->prepared != NULL)
		return comparand->prepared;
	before = MemoryContextSwitchTo(filter->value_context);
	result = palloc0(sizeof(ArrayValues));
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &result->typlen, &typbyval, &typalign);
	deconstruct_array(array, ARR_ELEMTYPE(array), result->typlen, typbyval, typalign, &elements,
					  &nulls, &count);
	result->values = palloc(Max(count, 1) * sizeof(Datum));
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			result->has_nulls = true;
		else
			result->values[result->count++] = elements[i];
	}
	if (node->of_texts)
	{
		result->texts = palloc(Max(result->count, 1) * sizeof(StringRef));
		for (int i = 0; i < result->count; i++)
		{
			result->texts[i] = filter_text_bytes(result->typlen, result->values[i]);
			if (node->is_padded)
				result->texts[i] = zone_strip_padding(result->texts[i]);
		}
		qsort(result->texts, result->count, sizeof(StringRef), order_texts);
	}
	else if (node->compare_values != NULL)
		qsort_arg(result->values, result->count, sizeof(Datum), order_values,
				  node->compare_values);
	comparand->prepared = result;
	MemoryContextSwitchTo(before);
	return result;
}

/* ---- comparisons ---- */

static bool
may_differ(const FilterNode *node, const BlockZone *zone, int16 typlen, Datum value)
{
	Oid			collation = node->collation;
	StringRef text;

	if (zone->flags & BLOCK_ZONE_ALL_NULL)
		return false;
	if (!node->of_texts)
		return block_zone_may_compare(zone, BTLessStrategyNumber, node->compare, value, collation) ||
			block_zone_may_compare(zone, BTGreaterStrategyNumber, node->compare, value, collation);

	/* bounds that are equal are the only value, and not cut */
	if ((zone->flags & BLOCK_ZONE_HAS_RANGE) == 0 || !OidIsValid(collation) ||
		!get_collation_isdeterministic(collation))
		return true;
	text = filter_text_bytes(typlen, value);

	if (node->is_padded)
		text = zone_strip_padding(text);

	return !string_ref_equal(zone->min_bytes, text) || !string_ref_equal(zone->max_bytes, text);
}

/* May a value of the column stand so to this one? */
static bool
may_compare(const FilterNode *node, const BlockZone *zone, int16 typlen, Datum value)
{
	if (node->strategy == NOT_EQUAL_STRATEGY)
		return may_differ(node, zone, typlen, value);
	if (node->of_texts)
		return block_zone_may_have_text(zone, filter_text_bytes(typlen, value), node->collation);
	return block_zone_may_compare(zone, node->strategy, node->compare, value, node->collation);
}

/* The first of texts in order that is not less, or else greater, than another. */
static int
find_text(const ArrayValues *array, StringRef bound, bool greater)
{
	int			low = 0,
				high = array->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		int			order = string_ref_compare(array->texts[middle], bound);

		if (order < 0 || (order == 0 && greater))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
may_have_any_text(const FilterNode *node, const BlockZone *zone, const ArrayValues *array)
{
	int			first = 0,
				end = array->count;

	if (OidIsValid(node->collation) && get_collation_isdeterministic(node->collation) &&
		(zone->flags & BLOCK_ZONE_HAS_RANGE) && zone_kind_is_text(zone_kind(zone->type)))
	{
		first = find_text(array, zone->min_bytes, false);
		end = find_text(array, zone->max_bytes, true);
	}
	if (end - first > MAX_ASKED_VALUES)
		return (zone->flags & BLOCK_ZONE_ALL_NULL) == 0;
	for (int i = first; i < end; i++)
		if (block_zone_may_have_text(zone, array->texts[i], node->collation))
			return true;
	return false;
}

/* Equality with one of many values that are in order. */
static bool
may_have_any_value(const FilterNode *node, const BlockZone *zone, const ArrayValues *array)
{
	int			low = 0,
				high = array->count;

	/* the first one that the column's least value does not exceed */
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (DatumGetInt32(FunctionCall2Coll(node->compare, node->collation, zone->min,
											array->values[middle])) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < array->count &&
		block_zone_may_compare(zone, BTEqualStrategyNumber, node->compare, array->values[low],
							   node->collation);
}

static bool
ask_any(const FilterNode *node, const BlockZone *zone, const ArrayValues *array)
{
	if (array->count == 0 || (zone->flags & BLOCK_ZONE_ALL_NULL))
		return false;
	if (node->strategy == BTEqualStrategyNumber && node->of_texts)
		return may_have_any_text(node, zone, array);
	if (node->strategy == BTEqualStrategyNumber && node->compare_values != NULL &&
		(zone->flags & BLOCK_ZONE_HAS_RANGE) && !OidIsValid(zone->collation))
		return may_have_any_value(node, zone, array);
	if (array->count > MAX_ASKED_VALUES)
		return true;
	for (int i = 0; i < array->count; i++)
		if (may_compare(node, zone, array->typlen, array->values[i]))
			return true;
	return false;
}

/* All of none is true, even of NULL. */
static bool
ask_all(const FilterNode *node, const BlockZone *zone, const ArrayValues *array)
{
	if (array->has_nulls)
		return false;
	for (int i = 0; i < Min(array->count, MAX_ASKED_VALUES); i++)
		if (!may_compare(node, zone, array->typlen, array->values[i]))
			return false;
	return true;
}

static bool
ask_compare(BlockFilter *filter, const FilterNode *node)
{
	const BlockZone *zone;
	Datum		value;

	if (!filter_value(filter, node->comparand, &value))
		return false;
	zone = filter_zone(filter, node->column);
	switch (node->use)
	{
		case USE_SCALAR:
			return zone == NULL ||
				may_compare(node, zone, node->comparand->typlen, value);
		case USE_ANY:
			return zone == NULL || ask_any(node, zone, filter_array(filter, node, node->comparand));
		case USE_ALL:
			return zone == NULL || ask_all(node, zone, filter_array(filter, node, node->comparand));
	}
	return true;
}

static bool
ask_distinct(BlockFilter *filter, FilterNode *node)
{
	const BlockZone *zone = filter_zone(filter, node->column);
	bool		is_not = node->kind == FILTER_NOT_DISTINCT;
	int16		typlen = node->comparand->typlen;
	Datum		value;

	if (zone == NULL)
		return true;
	if (!filter_value(filter, node->comparand, &value))
		return is_not ? (zone->flags & BLOCK_ZONE_HAS_NULLS) != 0 :
			(zone->flags & BLOCK_ZONE_ALL_NULL) == 0;
	if (is_not)
		return may_compare(node, zone, typlen, value);
	return (zone->flags & BLOCK_ZONE_HAS_NULLS) != 0 || may_differ(node, zone, typlen, value);
}

/* ---- others ---- */

static bool
ask_is_bool(BlockFilter *filter, const FilterNode *node)
{
	const BlockZone *zone = filter_zone(filter, node->column);

	if (zone == NULL)
		return true;
	if (zone->flags & BLOCK_ZONE_ALL_NULL)
		return false;
	return (zone->flags & BLOCK_ZONE_HAS_RANGE) == 0 ||
		DatumGetBool(zone->min) == node->wanted || DatumGetBool(zone->max) == node->wanted;
}

static bool
ask_flag(BlockFilter *filter, const FilterNode *node)
{
	const BlockZone *zone = filter_zone(filter, node->column);

	if (zone == NULL)
		return true;
	return node->kind == FILTER_IS_NULL ? (zone->flags & BLOCK_ZONE_HAS_NULLS) != 0 :
		(zone->flags & BLOCK_ZONE_ALL_NULL) == 0;
}

static bool
ask_function(BlockFilter *filter, const FilterNode *node)
{
	const BlockZone *zone;
	Datum		value;

	if (!filter_value(filter, node->comparand, &value))
		return false;
	zone = filter_zone(filter, node->column);
	return zone == NULL || block_zone_may_have_function(zone, (text *) DatumGetPointer(value));
}

/* In the order in which they stand, and no further than need be. */
static bool
ask_children(BlockFilter *filter, const FilterNode *node)
{
	bool		is_or = node->kind == FILTER_OR;
	ListCell   *cell;

	foreach(cell, node->children)
		if (filter_ask(filter, lfirst(cell)) == is_or)
		return is_or;
	return !is_or;
}

bool
filter_ask(BlockFilter *filter, FilterNode *node)
{
	Datum		value;

	check_stack_depth();
	switch (node->kind)
	{
		case FILTER_AND:
		case FILTER_OR:
			return ask_children(filter, node);
		case FILTER_CONDITION:
			return filter_value(filter, node->comparand, &value) && DatumGetBool(value);
		case FILTER_IS_NULL:
		case FILTER_IS_NOT_NULL:
			return ask_flag(filter, node);
		case FILTER_IS_BOOL:
			return ask_is_bool(filter, node);
		case FILTER_COMPARE:
			return ask_compare(filter, node);
		case FILTER_DISTINCT:
		case FILTER_NOT_DISTINCT:
			return ask_distinct(filter, node);
		case FILTER_HAS_LABEL:
		case FILTER_HAS_ANY_LABEL:
		case FILTER_HAS_ALL_LABELS:
		case FILTER_CONTAINS_LABELS:
		case FILTER_LABEL_TEXT:
		case FILTER_LABEL_VALUE:
			return filter_ask_labels(filter, node);
		case FILTER_HAS_FUNCTION:
			return ask_function(filter, node);
		case FILTER_SELECTOR:
			return filter_ask_selector(filter, node);
	}
	return true;
}
