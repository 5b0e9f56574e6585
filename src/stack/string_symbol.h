/*
 * string_symbol.h
 *	  Strings as sequences of symbols, for sequence_sort.h.
 */
#ifndef PYRO_STRING_SYMBOL_H
#define PYRO_STRING_SYMBOL_H

#include "port/pg_bswap.h"

#include "stack/string_ref.h"

/*
 * Seven bytes and how many of eight are left: a string that ends sorts before
 * one that goes on, zero bytes included.
 */
static inline uint64
string_symbol(StringRef string, uint32 position)
{
	uint32		start = position * 7;
	uint32		left = string.length - start;
	uint64		symbol = 0;

	if (left >= 8)
	{
		memcpy(&symbol, string.data + start, 8);
		return (pg_bswap64(symbol) & ~(uint64) 0xFF) | 8;
	}
	for (uint32 i = 0; i < left; i++)
		symbol |= (uint64) (uint8) string.data[start + i] << (56 - 8 * i);
	return symbol | left;
}

static inline bool
string_symbol_is_last(StringRef string, uint32 position)
{
	return string.length - position * 7 < 8;
}

#endif							/* PYRO_STRING_SYMBOL_H */
