/*
 * filter_labels.c
 *	  Asking the zones of a block for labels, and what selectors accept.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "planner/block_filter.h"
#include "planner/filter_node.h"
#include "query/label_matcher.h"

/* ---- labels ---- */

/*
 * labels @> value, and labels = value: of an object all members must be, of an
 * array, or a scalar, which is stored as one, all strings.
 */
static bool
may_contain(const BlockZone *zone, Jsonb *value)
{
	JsonbIterator *iterator = JsonbIteratorInit(&value->root);
	JsonbValue	element;
	StringRef	key = {"", 0};
	JsonbIteratorToken token;

	JsonbIteratorNext(&iterator, &element, false);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = string_ref(element.val.string.val, element.val.string.len);
		else if (token == WJB_VALUE)
		{
			if (!block_zone_may_have_label_value(zone, key, &element))
				return false;
		}
		else if (token == WJB_ELEM && element.type == jbvString)
		{
			if (!block_zone_may_have_label(zone, string_ref(element.val.string.val,
															element.val.string.len)))
				return false;
		}
	}
	return (zone->flags & BLOCK_ZONE_ALL_NULL) == 0;
}

/* labels -> key = value */
static bool
may_have_value(const BlockZone *zone, StringRef key, Jsonb *value)
{
	JsonbValue	scalar;

	if (JB_ROOT_IS_SCALAR(value) && JsonbExtractScalar(&value->root, &scalar))
		return block_zone_may_have_label_value(zone, key, &scalar);
	return block_zone_may_have_label(zone, key);
}

static bool
may_have_labels(const BlockZone *zone, const ArrayValues *keys, bool all)
{
	for (int i = 0; i < keys->count; i++)
		if (block_zone_may_have_label(zone, keys->texts[i]) != all)
			return !all;
	return all && (zone->flags & BLOCK_ZONE_ALL_NULL) == 0;
}

/* labels ->> key = value, or = any of an array */
static bool
may_have_text(BlockFilter *filter, const FilterNode *node, const BlockZone *zone, StringRef key,
			  Datum value)
{
	const ArrayValues *array;

	if (node->use == USE_SCALAR)
		return block_zone_may_have_label_text(zone, key,
											  filter_text_bytes(node->comparand->typlen, value),
											  node->collation);
	if (!block_zone_may_have_label(zone, key))
		return false;
	array = filter_array(filter, node, node->comparand);
	for (int i = 0; i < array->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (block_zone_may_have_label_text(zone, key, array->texts[i], node->collation))
			return true;
	}
	return false;
}

bool
filter_ask_labels(BlockFilter *filter, FilterNode *node)
{
	StringRef	key = {"", 0};
	Datum		value = (Datum) 0;
	const BlockZone *zone;

	if (node->key != NULL)
	{
		if (!filter_value(filter, node->key, &value))
			return false;
		key = filter_text_bytes(-1, value);
	}
	if (node->comparand != NULL && !filter_value(filter, node->comparand, &value))
		return false;
	zone = filter_zone(filter, node->column);
	if (zone == NULL)
		return true;
	switch (node->kind)
	{
		case FILTER_HAS_LABEL:
			return block_zone_may_have_label(zone, key);
		case FILTER_HAS_ANY_LABEL:
		case FILTER_HAS_ALL_LABELS:
			return may_have_labels(zone, filter_array(filter, node, node->comparand),
								   node->kind == FILTER_HAS_ALL_LABELS);
		case FILTER_CONTAINS_LABELS:
			return may_contain(zone, DatumGetJsonbP(value));
		case FILTER_LABEL_TEXT:
			return may_have_text(filter, node, zone, key, value);
		case FILTER_LABEL_VALUE:
			return may_have_value(zone, key, DatumGetJsonbP(value));
		default:
			return true;
	}
}

/* ---- selectors ---- */

/* A selector's matchers, kept with it. */
static LabelMatchers *
selector_matchers(BlockFilter *filter, Comparand *selector)
{
	MemoryContext before;

	if (selector->prepared != NULL)
		return selector->prepared;
	before = MemoryContextSwitchTo(filter->value_context);
	selector->prepared =
		label_matchers_make(selector_from_text((text *) DatumGetPointer(selector->value)), NULL);
	MemoryContextSwitchTo(before);
	return selector->prepared;
}

/* Does a matcher accept a label that is missing? */
static bool
accepts_missing(LabelMatcher *matcher)
{
	return label_matcher_accepts(matcher, string_ref("", 0));
}

/*
 * May a matcher accept a text of a column?  NULL is as if missing.
 */
static bool
may_accept_text(LabelMatcher *matcher, const BlockZone *zone)
{
	if ((zone->flags & (BLOCK_ZONE_HAS_NULLS | BLOCK_ZONE_ALL_NULL)) && accepts_missing(matcher))
		return true;
	if (zone->flags & BLOCK_ZONE_ALL_NULL)
		return false;

	/* bounds that are equal are the only value, and not cut */
	if ((zone->flags & BLOCK_ZONE_HAS_RANGE) &&
		string_ref_equal(zone->min_bytes, zone->max_bytes))
		return label_matcher_accepts(matcher, zone->min_bytes);
	if (matcher->is_negative || matcher->literals == NULL)
		return true;
	for (uint32 i = 0; i < matcher->nliterals; i++)
		if (block_zone_may_have_text(zone, matcher->literals[i], C_COLLATION_OID))
			return true;
	return false;
}

/* May a matcher accept what a row has of its label in a column of labels? */
static bool
may_accept_label(LabelMatcher *matcher, const BlockZone *zone)
{
	if (accepts_missing(matcher))
		return true;
	if (!block_zone_may_have_label(zone, matcher->label))
		return false;
	if (matcher->is_negative || matcher->literals == NULL)
		return true;
	for (uint32 i = 0; i < matcher->nliterals; i++)
		if (block_zone_may_have_label_text(zone, matcher->label, matcher->literals[i],
										   C_COLLATION_OID))
			return true;
	return false;
}

bool
filter_ask_selector(BlockFilter *filter, FilterNode *node)
{
	LabelMatchers *matchers;
	Datum		value;

	if (!filter_value(filter, node->comparand, &value))
		return false;
	matchers = selector_matchers(filter, node->comparand);
	for (uint32 i = 0; i < matchers->n; i++)
	{
		LabelMatcher *matcher = &matchers->matchers[i];
		bool		is_text = true;
		int			column;
		const BlockZone *zone;

		if (string_ref_equal(matcher->label, string_ref_literal("service_name")))
			column = node->service;
		else if (string_ref_equal(matcher->label, string_ref_literal("__name__")))
			column = node->name;
		else
		{
			column = node->column;
			is_text = false;
		}
		zone = column == NO_COLUMN ? NULL : filter_zone(filter, column);
		if (zone != NULL &&
			!(is_text ? may_accept_text(matcher, zone) : may_accept_label(matcher, zone)))
			return false;
	}
	return true;
}
