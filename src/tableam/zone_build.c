/*
 * zone_build.c
 *	  Making the zones of a block.
 */
#include "postgres.h"

#include "access/tupmacs.h"
#include "catalog/pg_collation.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/sortsupport.h"
#include "utils/typcache.h"

#include "block/function_filter.h"
#include "compat.h"
#include "profile/context_allocator.h"
#include "stack/bloom.h"
#include "tableam/block_format.h"
#include "tableam/zone_build.h"
#include "tableam/zone_format.h"

/* A zone being made. */
typedef struct Builder
{
	ZoneKind	kind;
	Oid			type;
	const ZoneColumn *column;
	MemoryContext context;		/* of all that the zone does not keep */
	MemoryContext value_context;	/* emptied now and then */
	Allocator	allocator;
	BloomSet	set;
} Builder;

/* ---- the values ---- */

typedef struct ValueWalk
{
	const ZoneColumn *column;
	MemoryContext value_context;
	const char *position;
	int			next;
} ValueWalk;

static ValueWalk
walk_values(const Builder *builder)
{
	return (ValueWalk) {builder->column, builder->value_context, builder->column->values, 0};
}

/* The next value, as it lies there; false behind the last one. */
static bool
next_value(ValueWalk *walk, Datum *value)
{
	const ZoneColumn *column = walk->column;

	if (walk->next == column->nvalues)
		return false;
	CHECK_FOR_INTERRUPTS();

	/* what comparisons leave behind */
	if (walk->next++ % 1024 == 0)
		MemoryContextReset(walk->value_context);
	if (column->attlen > 0)
	{
		*value = fetch_att(walk->position, column->attbyval, column->attlen);
		walk->position += fixed_stride(column->attlen, column->attbyval, column->attalign);
	}
	else
	{
		if (!VARATT_IS_1B(walk->position))
			walk->position = (const char *) att_align_nominal((uintptr_t) walk->position,
															  column->attalign);
		*value = PointerGetDatum(walk->position);
		walk->position += VARSIZE_ANY(walk->position);
	}
	Assert(walk->position <= column->values + column->size);
	return true;
}

/* The bytes of a value that is kept as such. */
static StringRef
value_bytes(const Builder *builder, Datum value)
{
	const char *bytes = DatumGetPointer(value);
	StringRef	result;

	if (builder->kind == ZONE_NAME)
		return string_ref(bytes, strnlen(bytes, NAMEDATALEN));
	if (builder->column->attlen > 0)
		return string_ref(bytes, builder->column->attlen);
	result = string_ref(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	return builder->kind == ZONE_PADDED ? zone_strip_padding(result) : result;
}

static StringRef
copy_bytes(StringRef bytes)
{
	char	   *copy = palloc(Max(bytes.length, 1));

	memcpy(copy, bytes.data, bytes.length);
	return string_ref(copy, bytes.length);
}

/* ---- ranges ---- */

/* The range in the order of the type's default btree operator class. */
static void
find_range(Builder *builder, BuiltZone *zone)
{
	TypeCacheEntry *entry = lookup_type_cache(builder->type, TYPECACHE_LT_OPR);
	ValueWalk	walk = walk_values(builder);
	SortSupportData sort = {0};
	MemoryContext before;
	Datum		value,
				min,
				max;

	if (!OidIsValid(entry->lt_opr) || !next_value(&walk, &value))
		return;
	min = max = value;
	before = MemoryContextSwitchTo(builder->value_context);
	sort.ssup_cxt = builder->context;
	PrepareSortSupportFromOrderingOp(entry->lt_opr, &sort);
	while (next_value(&walk, &value))
	{
		if (sort.comparator(value, max, &sort) > 0)
			max = value;
		else if (sort.comparator(value, min, &sort) < 0)
			min = value;
	}
	MemoryContextSwitchTo(before);
	if (builder->kind == ZONE_BY_VALUE)
	{
		zone->min = copy_bytes(string_ref((char *) &min, sizeof(min)));
		zone->max = copy_bytes(string_ref((char *) &max, sizeof(max)));
	}
	else
	{
		StringRef	min_bytes = value_bytes(builder, min);
		StringRef	max_bytes = value_bytes(builder, max);

		if (Max(min_bytes.length, max_bytes.length) > ZONE_MAX_BOUND)
			return;
		zone->min = copy_bytes(min_bytes);
		zone->max = copy_bytes(max_bytes);
	}
	zone->flags |= BLOCK_ZONE_HAS_RANGE;
}

/*
 * Shorten an upper bound to a greater one, if there is such.
 */
static bool
cut_max(StringRef *max)
{
	char	   *bytes = unconstify(char *, max->data);

	if (max->length <= ZONE_MAX_BOUND)
		return true;
	max->length = ZONE_MAX_BOUND;
	while (max->length > 0 && (unsigned char) bytes[max->length - 1] == 0xFF)
		max->length--;
	if (max->length == 0)
		return false;
	bytes[max->length - 1]++;

	/* char(n) would not see a space at the end */
	if (bytes[max->length - 1] == ' ')
		bytes[max->length - 1]++;
	return true;
}

/* The range in bytewise order. */
static void
find_bytes_range(Builder *builder, BuiltZone *zone)
{
	ValueWalk	walk = walk_values(builder);
	StringRef	min = {"", 0};
	StringRef	max = {"", 0};
	Datum		value;

	if (next_value(&walk, &value))
		min = max = value_bytes(builder, value);
	while (next_value(&walk, &value))
	{
		StringRef	bytes = value_bytes(builder, value);

		if (string_ref_compare(bytes, max) > 0)
			max = bytes;
		else if (string_ref_compare(bytes, min) < 0)
			min = bytes;
	}

	/* one byte more tells that it is to be cut */
	min.length = Min(min.length, ZONE_MAX_BOUND);
	max.length = Min(max.length, ZONE_MAX_BOUND + 1);
	zone->min = copy_bytes(min);
	zone->max = copy_bytes(max);
	if (cut_max(&zone->max))
		zone->flags |= BLOCK_ZONE_HAS_RANGE;
	else
		zone->min.length = zone->max.length = 0;
	if (zone_kind_is_text(builder->kind))
		zone->collation = C_COLLATION_OID;
}

/* ---- filters ---- */

static void
add_hash(Builder *builder, uint64 hash)
{
	PyroError	error;

	pyro_check(bloom_set_add(&builder->set, hash, &error), &error);
}

static void
start_filter(Builder *builder, uint32 most)
{
	PyroError	error;

	builder->allocator = context_allocator(builder->context);
	pyro_check(bloom_set_init(&builder->set, most, &builder->allocator, &error), &error);
}

static void
finish_filter(Builder *builder, uint8 flag, BuiltZone *zone)
{
	size_t		size;
	uint8	   *filter;

	if (bloom_set_is_full(&builder->set))
		return;
	size = bloom_size(&builder->set);
	filter = palloc(Max(size, 1));
	bloom_write(&builder->set, filter);
	zone->filter = string_ref((char *) filter, size);
	zone->flags |= flag;
}

/*
 * Texts are worth a filter where most of them come more than once, and there
 * is more than the range can say.
 */
static void
filter_texts(Builder *builder, BuiltZone *zone)
{
	ValueWalk	walk = walk_values(builder);
	Datum		value;

	if (builder->column->nvalues < 2)
		return;
	start_filter(builder, builder->column->nvalues / 2);
	while (!bloom_set_is_full(&builder->set) && next_value(&walk, &value))
		add_hash(builder, zone_text_hash(value_bytes(builder, value)));
	if (builder->set.n > 1 || (zone->flags & BLOCK_ZONE_HAS_RANGE) == 0 ||
		!string_ref_equal(zone->min, zone->max))
		finish_filter(builder, BLOCK_ZONE_HAS_VALUES, zone);
}

/*
 * The members of an object.  Of an array, or a scalar, which is stored as one,
 * only strings that are elements, since `?` finds those, too.
 */
static void
add_labels(Builder *builder, Jsonb *labels)
{
	JsonbIterator *iterator = JsonbIteratorInit(&labels->root);
	JsonbValue	element;
	StringRef	key = {"", 0};
	JsonbIteratorToken token;

	token = JsonbIteratorNext(&iterator, &element, false);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			key = string_ref(element.val.string.val, element.val.string.len);
			add_hash(builder, zone_label_hash(key));
		}
		else if (token == WJB_VALUE && IsAJsonbScalar(&element))
			add_hash(builder, zone_label_value_hash(key, &element));
		else if (token == WJB_ELEM && element.type == jbvString)
			add_hash(builder, zone_label_hash(string_ref(element.val.string.val,
														 element.val.string.len)));
	}
}

static void
filter_labels(Builder *builder, BuiltZone *zone)
{
	ValueWalk	walk = walk_values(builder);
	const struct varlena *last = NULL;
	Datum		value;

	start_filter(builder, BLOOM_MAX_HASHES);
	while (!bloom_set_is_full(&builder->set) && next_value(&walk, &value))
	{
		struct varlena *labels = (struct varlena *) DatumGetPointer(value);
		MemoryContext before;

		/* rows of one series have the same labels */
		if (last != NULL && VARSIZE_ANY(last) == VARSIZE_ANY(labels) &&
			memcmp(last, labels, VARSIZE_ANY(labels)) == 0)
			continue;
		last = labels;
		before = MemoryContextSwitchTo(builder->value_context);
		add_labels(builder, DatumGetJsonbP(value));
		MemoryContextSwitchTo(before);
	}
	finish_filter(builder, BLOCK_ZONE_HAS_LABELS, zone);
}

/* ---- zones ---- */

static void
start_builder(Builder *builder, const ZoneColumn *column)
{
	memset(builder, 0, sizeof(*builder));
	builder->column = column;
	builder->context = AllocSetContextCreate(CurrentMemoryContext, "pyro zone",
											 ALLOCSET_DEFAULT_SIZES);
	builder->value_context = AllocSetContextCreate(builder->context, "pyro zone value",
												   ALLOCSET_DEFAULT_SIZES);
}

BuiltZone
zone_build(const ZoneColumn *column)
{
	Builder		builder;
	BuiltZone	zone = {.attnum = column->attnum,.type = getBaseType(column->type)};

	if (column->nvalues < column->rows)
		zone.flags |= BLOCK_ZONE_HAS_NULLS;
	if (column->nvalues == 0)
	{
		zone.flags |= BLOCK_ZONE_ALL_NULL;
		return zone;
	}
	start_builder(&builder, column);
	builder.type = zone.type;
	builder.kind = zone_kind(zone.type);
	switch (builder.kind)
	{
		case ZONE_BY_VALUE:
		case ZONE_FIXED:
		case ZONE_WHOLE:
			find_range(&builder, &zone);
			break;
		case ZONE_BYTES:
			find_bytes_range(&builder, &zone);
			break;
		case ZONE_TEXT:
		case ZONE_PADDED:
		case ZONE_NAME:
			find_bytes_range(&builder, &zone);
			filter_texts(&builder, &zone);
			break;
		case ZONE_LABELS:
			filter_labels(&builder, &zone);
			break;
		case ZONE_NONE:
		case ZONE_FUNCTIONS:
			break;
	}
	MemoryContextDelete(builder.context);
	return zone;
}

void
zone_add_functions(BuiltZone *zone, const StackDictionary *stacks)
{
	Builder		builder;
	PyroError	error;

	start_builder(&builder, NULL);
	start_filter(&builder, BLOOM_MAX_HASHES);
	pyro_check(function_filter_add(&builder.set, stacks, &error), &error);
	finish_filter(&builder, BLOCK_ZONE_HAS_FUNCTIONS, zone);
	MemoryContextDelete(builder.context);
}

static void
append_zone(StringInfo out, const BuiltZone *zone)
{
	ZoneHeader	header = {
		.attnum = zone->attnum,.flags = zone->flags,.type = zone->type,
		.collation = zone->collation
	};
	uint16		sizes[2] = {zone->min.length, zone->max.length};
	bool		has_range = (zone->flags & BLOCK_ZONE_HAS_RANGE) != 0;
	int			start = out->len + sizeof(header);

	header.size = zone->filter.length;
	if (has_range)
		header.size += sizeof(sizes) + sizes[0] + sizes[1];
	appendBinaryStringInfo(out, (char *) &header, sizeof(header));
	if (has_range)
	{
		appendBinaryStringInfo(out, (char *) sizes, sizeof(sizes));
		appendBinaryStringInfo(out, zone->min.data, sizes[0]);
		appendBinaryStringInfo(out, zone->max.data, sizes[1]);
	}
	if (zone->filter.length > 0)
		appendBinaryStringInfo(out, zone->filter.data, zone->filter.length);
	Assert(out->len - start == header.size);
	header.crc = zone_checksum(&header, out->data + start);
	memcpy(out->data + start - sizeof(header), &header, sizeof(header));
}

bytea *
zones_to_bytea(const BuiltZone *zones, int nzones)
{
	ZonesHeader header = {ZONES_VERSION, nzones};
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoSpaces(&out, VARHDRSZ);
	appendBinaryStringInfo(&out, (char *) &header, sizeof(header));
	for (int i = 0; i < nzones; i++)
		append_zone(&out, &zones[i]);
	SET_VARSIZE(out.data, out.len);
	return (bytea *) out.data;
}
