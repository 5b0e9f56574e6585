/*
 * zone_format.c
 *	  What writers and readers of zones must do alike.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "profile/profile_type.h"
#include "stack/bloom.h"
#include "tableam/zone_format.h"

/* On disk. */
#define TEXT_SEED		UINT64CONST(0x7465787476616C75)
#define KEY_SEED		UINT64CONST(0x6C6162656C6B6579)
#define NULL_SEED		UINT64CONST(0x4E756C6C4E756C6C)
#define STRING_SEED		UINT64CONST(0x537472696E677374)
#define NUMBER_SEED		UINT64CONST(0x4E756D6265726E75)
#define BOOL_SEED		UINT64CONST(0x426F6F6C65616E62)

/*
 * The checksum of a zone.  Zones do not vouch for each other, so that a reader
 * looks only at those that it needs.
 */
pg_crc32c
zone_checksum(const ZoneHeader *header, const char *content)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, header, offsetof(ZoneHeader, crc));
	COMP_CRC32C(crc, content, header->size);
	FIN_CRC32C(crc);
	return crc;
}

/*
 * What is kept of a type that is no domain.
 *
 * Of types passed by reference only those whose order and equality depend on
 * nothing else: not on collations, nor on other types.
 */
ZoneKind
zone_kind(Oid base_type)
{
	int16		length;
	bool		by_value;

	switch (base_type)
	{
		case TEXTOID:
		case VARCHAROID:
			return ZONE_TEXT;
		case BPCHAROID:
			return ZONE_PADDED;
		case NAMEOID:
			return ZONE_NAME;
		case BYTEAOID:
			return ZONE_BYTES;
		case JSONBOID:
			return ZONE_LABELS;
		case NUMERICOID:
		case INETOID:
		case CIDROID:
		case BITOID:
		case VARBITOID:
			return ZONE_WHOLE;
		case UUIDOID:
		case INTERVALOID:
		case TIMETZOID:
		case MACADDROID:
		case MACADDR8OID:
		case TIDOID:
			return ZONE_FIXED;
	}
	if (profile_is_type(base_type))
		return ZONE_FUNCTIONS;
	get_typlenbyval(base_type, &length, &by_value);
	return by_value && !type_is_collatable(base_type) ? ZONE_BY_VALUE : ZONE_NONE;
}

/*
 * A text as char(n) compares it.
 */
StringRef
zone_strip_padding(StringRef text)
{
	while (text.length > 0 && text.data[text.length - 1] == ' ')
		text.length--;
	return text;
}

uint64
zone_text_hash(StringRef text)
{
	return bloom_hash(text, TEXT_SEED);
}

uint64
zone_label_hash(StringRef key)
{
	return bloom_hash(key, KEY_SEED);
}

/*
 * The hash of a member of an object whose value is a scalar.  Values that are
 * equal have one hash, though numbers may be written with more zeros.
 */
uint64
zone_label_value_hash(StringRef key, const JsonbValue *scalar)
{
	uint64		seed = zone_label_hash(key);
	char	   *number;
	uint64		hash;

	switch (scalar->type)
	{
		case jbvNull:
			return bloom_hash(string_ref("", 0), seed ^ NULL_SEED);
		case jbvBool:
			return bloom_hash(string_ref(scalar->val.boolean ? "t" : "f", 1), seed ^ BOOL_SEED);
		case jbvString:
			return bloom_hash(string_ref(scalar->val.string.val, scalar->val.string.len),
							  seed ^ STRING_SEED);
		case jbvNumeric:
			number = numeric_normalize(scalar->val.numeric);
			hash = bloom_hash(string_ref(number, strlen(number)), seed ^ NUMBER_SEED);
			pfree(number);
			return hash;
		default:
			elog(ERROR, "not a scalar of jsonb: type %d", (int) scalar->type);
			return 0;
	}
}
