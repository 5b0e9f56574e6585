/*
 * block_zones.c
 *	  What a block knows of its columns without being opened.
 *
 * Zones are searched as they are stored (zone_format.h), since a scan asks each
 * block for few columns.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/varbit.h"

#include "block/function_filter.h"
#include "compat.h"
#include "profile/sql_text.h"
#include "stack/bloom.h"
#include "tableam/zone_format.h"

#define ZONE_FLAGS \
	(BLOCK_ZONE_HAS_NULLS | BLOCK_ZONE_ALL_NULL | BLOCK_ZONE_HAS_RANGE | BLOCK_ZONE_FILTERS)

/* More digits than this in a text are not read as a number. */
#define MAX_DIGITS	1000

/* ---- finding a zone ---- */

static void
zones_damaged(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("zones of a block are damaged"),
			 errdetail_internal("%s", detail)));
}

/* The next `size` bytes, if there are as many. */
static const char *
take_bytes(StringRef *rest, Size size)
{
	const char *bytes = rest->data;

	if (rest->length < size)
		zones_damaged("They are cut off.");
	rest->data += size;
	rest->length -= size;
	return bytes;
}

static void
read_bytes(StringRef *rest, void *to, Size size)
{
	memcpy(to, take_bytes(rest, size), size);
}

/* May the bytes be a bound of this type? */
static bool
is_bound(ZoneKind kind, Oid type, StringRef bytes)
{
	int32		bits;

	switch (kind)
	{
		case ZONE_BY_VALUE:
			return bytes.length == sizeof(Datum);
		case ZONE_FIXED:
			return bytes.length == get_typlen(type);
		case ZONE_NAME:
			return bytes.length < NAMEDATALEN;
		case ZONE_BYTES:
		case ZONE_TEXT:
		case ZONE_PADDED:
			return bytes.length <= ZONE_MAX_BOUND;
		case ZONE_WHOLE:
			if (bytes.length > ZONE_MAX_BOUND)
				return false;
			if (type == NUMERICOID || type == INETOID || type == CIDROID)
				return bytes.length >= 2;
			if (bytes.length < sizeof(bits))
				return false;
			memcpy(&bits, bytes.data, sizeof(bits));
			return bits >= 0 && VARBITTOTALLEN((int64) bits) == VARHDRSZ + bytes.length;
		case ZONE_NONE:
		case ZONE_LABELS:
		case ZONE_FUNCTIONS:
			break;
	}
	return false;
}

/* A bound as a value of its type. */
static Datum
make_bound(ZoneKind kind, StringRef bytes)
{
	Datum		value;
	char	   *copy;

	if (kind == ZONE_BY_VALUE)
	{
		memcpy(&value, bytes.data, sizeof(value));
		return value;
	}

	/* zeros behind a value that claims to be longer than it is */
	copy = palloc0(VARHDRSZ + bytes.length + NAMEDATALEN);
	if (kind == ZONE_FIXED || kind == ZONE_NAME)
		memcpy(copy, bytes.data, bytes.length);
	else
	{
		SET_VARSIZE(copy, VARHDRSZ + bytes.length);
		memcpy(VARDATA(copy), bytes.data, bytes.length);
	}
	return PointerGetDatum(copy);
}

static void
read_range(BlockZone *zone, ZoneKind kind, StringRef *content)
{
	uint16		sizes[2];

	read_bytes(content, sizes, sizeof(sizes));
	zone->min_bytes = string_ref(take_bytes(content, sizes[0]), sizes[0]);
	zone->max_bytes = string_ref(take_bytes(content, sizes[1]), sizes[1]);
	if (!is_bound(kind, zone->type, zone->min_bytes) ||
		!is_bound(kind, zone->type, zone->max_bytes))
		zones_damaged("A bound is no value of its type.");
	zone->min = make_bound(kind, zone->min_bytes);
	zone->max = make_bound(kind, zone->max_bytes);
}

/* What the values of a type may have a filter of. */
static uint8
filter_of_kind(ZoneKind kind)
{
	if (kind == ZONE_LABELS)
		return BLOCK_ZONE_HAS_LABELS;
	if (kind == ZONE_FUNCTIONS)
		return BLOCK_ZONE_HAS_FUNCTIONS;
	return zone_kind_is_text(kind) ? BLOCK_ZONE_HAS_VALUES : 0;
}

/* Are values of one type ordered and equal as those of the other? */
static bool
is_same_order(Oid stored, Oid current)
{
	return stored == current ||
		((stored == TEXTOID || stored == VARCHAROID) &&
		 (current == TEXTOID || current == VARCHAROID));
}

/* Read a zone, whose header and content these are. */
static void
read_zone(const ZoneHeader *header, StringRef content, Oid type, BlockZone *zone)
{
	Oid			base_type = getBaseType(type);
	ZoneKind	kind = zone_kind(base_type);

	memset(zone, 0, sizeof(*zone));
	if (zone_checksum(header, content.data) != header->crc)
		zones_damaged("The checksum of one is wrong.");
	zone->attnum = header->attnum;
	zone->flags = header->flags;
	zone->type = header->type;
	zone->collation = header->collation;
	if (!is_same_order(header->type, base_type))
	{
		zone->flags &= BLOCK_ZONE_HAS_NULLS | BLOCK_ZONE_ALL_NULL;
		return;
	}
	if (zone->flags & BLOCK_ZONE_HAS_RANGE)
		read_range(zone, kind, &content);
	if (content.length > ((zone->flags & BLOCK_ZONE_FILTERS) ? BLOOM_MAX_SIZE : 0) ||
		(zone->flags & BLOCK_ZONE_FILTERS & ~filter_of_kind(kind)) != 0)
		zones_damaged("One has a filter that it cannot have.");
	zone->filter = content;
}

bool
block_zones_find(const bytea *zones, AttrNumber attnum, Oid type, BlockZone *zone)
{
	StringRef	rest = string_ref(VARDATA_ANY(zones), VARSIZE_ANY_EXHDR(zones));
	ZonesHeader header;

	read_bytes(&rest, &header, sizeof(header));
	if (header.version != ZONES_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("zones of a block have the unknown version %u",
						header.version),
				 errhint("They may have been written by a newer version of pyro_ext.")));
	for (int i = 0; i < header.nzones; i++)
	{
		ZoneHeader	next;
		const char *content;

		read_bytes(&rest, &next, sizeof(next));
		if (next.unused != 0 || (next.flags & ~ZONE_FLAGS) != 0)
			zones_damaged("A flag is unknown.");
		content = take_bytes(&rest, next.size);
		if (next.attnum < attnum)
			continue;
		if (next.attnum > attnum)
			return false;
		read_zone(&next, string_ref(content, next.size), type, zone);
		return true;
	}
	return false;
}

/* ---- asking it ---- */

bool
block_zone_may_compare(const BlockZone *zone, StrategyNumber strategy, FmgrInfo *compare,
					   Datum constant, Oid collation)
{
	Oid			used = collation;

	if (zone->flags & BLOCK_ZONE_ALL_NULL)
		return false;
	if ((zone->flags & BLOCK_ZONE_HAS_RANGE) == 0)
		return true;
	if (OidIsValid(zone->collation))
	{
		/* equality is bytewise in all of these, order in few */
		if (!OidIsValid(collation) ||
			(strategy == BTEqualStrategyNumber ? !get_collation_isdeterministic(collation) :
			 !collation_is_bytewise(collation)))
			return true;
		used = zone->collation;
	}

#define COMPARE_TO(bound) DatumGetInt32(FunctionCall2Coll(compare, used, bound, constant))
	switch (strategy)
	{
		case BTLessStrategyNumber:
			return COMPARE_TO(zone->min) < 0;
		case BTLessEqualStrategyNumber:
			return COMPARE_TO(zone->min) <= 0;
		case BTEqualStrategyNumber:
			return COMPARE_TO(zone->min) <= 0 && COMPARE_TO(zone->max) >= 0;
		case BTGreaterEqualStrategyNumber:
			return COMPARE_TO(zone->max) >= 0;
		case BTGreaterStrategyNumber:
			return COMPARE_TO(zone->max) > 0;
		default:
			return true;
	}
#undef COMPARE_TO
}

static bool
filter_may_have(const BlockZone *zone, uint64 hash)
{
	return bloom_may_have((const uint8 *) zone->filter.data, zone->filter.length, hash);
}

bool
block_zone_may_have_text(const BlockZone *zone, StringRef wanted, Oid collation)
{
	if (zone->flags & BLOCK_ZONE_ALL_NULL)
		return false;
	if (!zone_kind_is_text(zone_kind(zone->type)) || !OidIsValid(collation) ||
		!get_collation_isdeterministic(collation))
		return true;
	if (zone->type == BPCHAROID)
		wanted = zone_strip_padding(wanted);
	if ((zone->flags & BLOCK_ZONE_HAS_RANGE) &&
		(string_ref_compare(wanted, zone->min_bytes) < 0 ||
		 string_ref_compare(wanted, zone->max_bytes) > 0))
		return false;
	return (zone->flags & BLOCK_ZONE_HAS_VALUES) == 0 ||
		filter_may_have(zone, zone_text_hash(wanted));
}

/* Is there no filter of labels that could say no?  *answer then is the answer. */
static bool
knows_no_labels(const BlockZone *zone, bool *answer)
{
	*answer = (zone->flags & BLOCK_ZONE_ALL_NULL) == 0;
	return (zone->flags & BLOCK_ZONE_HAS_LABELS) == 0;
}

bool
block_zone_may_have_label(const BlockZone *zone, StringRef key)
{
	bool		answer;

	if (knows_no_labels(zone, &answer))
		return answer;
	return filter_may_have(zone, zone_label_hash(key));
}

bool
block_zone_may_have_label_value(const BlockZone *zone, StringRef key, const JsonbValue *value)
{
	bool		answer;

	if (knows_no_labels(zone, &answer))
		return answer;
	return filter_may_have(zone, zone_label_hash(key)) &&
		(!IsAJsonbScalar(value) || filter_may_have(zone, zone_label_value_hash(key, value)));
}

/* May a text be how a number of jsonb is shown? */
static bool
is_number(StringRef text)
{
	bool		has_digit = false;

	for (uint32 i = 0; i < text.length; i++)
	{
		char		c = text.data[i];

		if (c >= '0' && c <= '9')
			has_digit = true;
		else if (c == '.' ? !has_digit || memchr(text.data, '.', i) != NULL : c != '-' || i > 0)
			return false;
	}
	return has_digit;
}

bool
block_zone_may_have_label_text(const BlockZone *zone, StringRef key, StringRef value, Oid collation)
{
	JsonbValue	scalar = {.type = jbvString};
	bool		answer;

	if (knows_no_labels(zone, &answer))
		return answer;
	if (!filter_may_have(zone, zone_label_hash(key)))
		return false;
	if (!OidIsValid(collation) || !get_collation_isdeterministic(collation))
		return true;

	/* objects and arrays are shown, too */
	if (value.length > 0 && (value.data[0] == '{' || value.data[0] == '['))
		return true;
	scalar.val.string.val = unconstify(char *, value.data);
	scalar.val.string.len = value.length;
	if (filter_may_have(zone, zone_label_value_hash(key, &scalar)))
		return true;
	if (string_ref_equal(value, string_ref_literal("true")) ||
		string_ref_equal(value, string_ref_literal("false")))
	{
		scalar.type = jbvBool;
		scalar.val.boolean = value.data[0] == 't';
	}
	else if (!is_number(value))
		return false;
	else if (value.length > MAX_DIGITS)
		return true;
	else
	{
		scalar.type = jbvNumeric;
		scalar.val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in,
																 CStringGetDatum(pnstrdup(value.data, value.length)),
																 ObjectIdGetDatum(InvalidOid),
																 Int32GetDatum(-1)));
	}
	return filter_may_have(zone, zone_label_value_hash(key, &scalar));
}

bool
block_zone_may_have_function(const BlockZone *zone, text *name)
{
	StringRef	wanted;

	if (zone->flags & BLOCK_ZONE_ALL_NULL)
		return false;
	if ((zone->flags & BLOCK_ZONE_HAS_FUNCTIONS) == 0)
		return true;
	wanted = sql_text_to_ref(name);

	/* a name that is not valid UTF-8 may also be known by its readable form */
	return memmem(wanted.data, wanted.length, "\\x", 2) != NULL ||
		filter_may_have(zone, function_filter_hash(wanted));
}
