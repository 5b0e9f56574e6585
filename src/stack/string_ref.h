/*
 * string_ref.h
 *	  Bytes of known length that somebody else owns, and their order.
 *
 * Strings of a profile are bytes, usually UTF-8, and may hold anything, a
 * zero byte included; they become text only where they leave for SQL.
 */
#ifndef PYRO_STRING_REF_H
#define PYRO_STRING_REF_H

typedef struct StringRef
{
	const char *data;
	uint32		length;			/* in bytes */
} StringRef;

static inline StringRef
string_ref(const char *data, size_t length)
{
	return (StringRef) {data, (uint32) length};
}

static inline StringRef
string_ref_literal(const char *text)
{
	return (StringRef) {text, (uint32) strlen(text)};
}

static inline bool
string_ref_equal(StringRef a, StringRef b)
{
	return a.length == b.length &&
		(a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* Bytewise order, the shorter first: <0, 0 or >0 as memcmp. */
static inline int
string_ref_compare(StringRef a, StringRef b)
{
	uint32		shorter = Min(a.length, b.length);
	int			order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);

	if (order != 0)
		return order;
	return a.length < b.length ? -1 : a.length > b.length;
}

#endif							/* PYRO_STRING_REF_H */
