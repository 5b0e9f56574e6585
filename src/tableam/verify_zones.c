/*
 * verify_zones.c
 *	  pyro.verify: may every row be what the zones of its block allow?
 *
 * The zones are asked what a query would ask to find the row.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "compat.h"
#include "profile/profile_type.h"
#include "profile/sql_text.h"
#include "tableam/profile_column.h"
#include "tableam/verify.h"
#include "tableam/zone_format.h"

/* A zone, and how its rows are looked at. */
typedef struct ZoneCheck
{
	BlockZone	zone;
	ZoneKind	kind;
	Oid			collation;
	TypeCacheEntry *type;
} ZoneCheck;

static bool
is_in_range(ZoneCheck *check, Datum value)
{
	static const StrategyNumber strategies[] = {
		BTLessEqualStrategyNumber, BTEqualStrategyNumber, BTGreaterEqualStrategyNumber
	};

	if (!OidIsValid(check->type->cmp_proc))
		return true;
	for (int i = 0; i < lengthof(strategies); i++)
		if (!block_zone_may_compare(&check->zone, strategies[i], &check->type->cmp_proc_finfo, value,
									check->collation))
			return false;
	return true;
}

static StringRef
text_bytes(const ZoneCheck *check, Datum value)
{
	struct varlena *text = (struct varlena *) DatumGetPointer(value);

	if (check->kind == ZONE_NAME)
		return string_ref_literal(NameStr(*DatumGetName(value)));
	return string_ref(VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
}

static bool
has_labels(ZoneCheck *check, Jsonb *labels)
{
	Datum		datum = JsonbPGetDatum(labels);
	JsonbIterator *iterator = JsonbIteratorInit(&labels->root);
	JsonbValue	element;
	StringRef	key = {"", 0};
	JsonbIteratorToken token;

	JsonbIteratorNext(&iterator, &element, false);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token == WJB_KEY ||
			(token == WJB_ELEM && element.type == jbvString))
		{
			key = string_ref(element.val.string.val, element.val.string.len);
			if (!block_zone_may_have_label(&check->zone, key))
				return false;
		}
		else if (token == WJB_VALUE)
		{
			text	   *name = cstring_to_text_with_len(key.data, key.length);

			if (!block_zone_may_have_label_value(&check->zone, key, &element))
				return false;
			if (element.type != jbvNull)
			{
				text	   *shown = DatumGetTextPP(DirectFunctionCall2(jsonb_object_field_text, datum,
																	   PointerGetDatum(name)));

				if (!block_zone_may_have_label_text(&check->zone, key,
													string_ref(VARDATA_ANY(shown),
															   VARSIZE_ANY_EXHDR(shown)),
													C_COLLATION_OID))
					return false;
			}
		}
	}
	return true;
}

static bool
has_functions(ZoneCheck *check, Datum profile)
{
	const StackDictionary *stacks = profile_open(profile)->stacks;

	for (uint32 i = 0; i < stacks->nfunctions; i++)
	{
		StringRef	name = stacks->strings[stacks->functions[i].name];

		CHECK_FOR_INTERRUPTS();
		if (name.length > 0 &&
			!block_zone_may_have_function(&check->zone, sql_text_readable(name)))
			return false;
	}
	return true;
}

static bool
is_in_filter(ZoneCheck *check, Datum value)
{
	switch (check->kind)
	{
		case ZONE_TEXT:
		case ZONE_PADDED:
		case ZONE_NAME:
			return block_zone_may_have_text(&check->zone, text_bytes(check, value), check->collation);
		case ZONE_LABELS:
			return has_labels(check, DatumGetJsonbP(value));
		case ZONE_FUNCTIONS:
			return has_functions(check, value);
		default:
			return true;
	}
}

/* A row's value; profile: that of the column, if it is one of profiles. */
static Datum
value_of_row(const BlockColumn *column, int row, ProfileValue *profile)
{
	if (column->profiles == NULL)
		return column->values[row];
	return profile_value_set(profile, column->profiles, block_column_profile(column, row), NULL,
							 NULL, NULL);
}

ZoneFindings
verify_zone(const bytea *zones, Form_pg_attribute attribute, const BlockColumn *column, int rows)
{
	ZoneFindings findings = {0};
	ZoneCheck	check;
	MemoryContext row_context;
	ProfileValue *profile = column->profiles ? profile_value_create() : NULL;

	if (!block_zones_find(zones, attribute->attnum, attribute->atttypid, &check.zone))
	{
		findings.nulls_fit = true;
		return findings;
	}
	findings.has_zone = true;
	check.kind = zone_kind(getBaseType(attribute->atttypid));

	/* texts are asked for bytewise, where a range answers */
	check.collation = zone_kind_is_text(check.kind) ? C_COLLATION_OID : attribute->attcollation;
	check.type = lookup_type_cache(attribute->atttypid, TYPECACHE_CMP_PROC_FINFO);
	row_context = AllocSetContextCreate(CurrentMemoryContext, "pyro verify row",
										ALLOCSET_DEFAULT_SIZES);
	for (int row = 0; row < rows; row++)
	{
		MemoryContext before;
		Datum		value;

		CHECK_FOR_INTERRUPTS();
		if (column->isnull && column->isnull[row])
		{
			findings.nulls++;
			continue;
		}
		before = MemoryContextSwitchTo(row_context);
		value = value_of_row(column, row, profile);
		if (!is_in_range(&check, value))
			findings.outside++;
		else if (!is_in_filter(&check, value))
			findings.denied++;
		MemoryContextSwitchTo(before);
		MemoryContextReset(row_context);
	}
	MemoryContextDelete(row_context);
	findings.nulls_fit =
		(findings.nulls > 0) == ((check.zone.flags & BLOCK_ZONE_HAS_NULLS) != 0) &&
		(findings.nulls == rows) == ((check.zone.flags & BLOCK_ZONE_ALL_NULL) != 0);
	return findings;
}
