/*
 * hash.h
 *	  64-bit hashes of bytes and of numbers.
 *
 * Multiply-and-fold mixing, after the idea of wyhash (Wang Yi, public
 * domain): two 64-bit words become the halves of their 128-bit product,
 * xored.  Not for secrets; tables whose keys come from outside pass a seed
 * that the outside does not know.
 */
#ifndef PYRO_HASH_H
#define PYRO_HASH_H

#define HASH_CONSTANT_1 UINT64CONST(0x9E3779B97F4A7C15)
#define HASH_CONSTANT_2 UINT64CONST(0xD1B54A32D192ED03)

static inline uint64
hash_fold(uint64 a, uint64 b)
{
	unsigned __int128 product = (unsigned __int128) a * b;

	return (uint64) product ^ (uint64) (product >> 64);
}

static inline uint64
hash_numbers(uint32 a, uint32 b, uint64 seed)
{
	return hash_fold(((uint64) a << 32 | b) ^ seed, HASH_CONSTANT_1);
}

/* Up to 8 bytes as a number; n is at least 1. */
static inline uint64
hash_load_tail(const unsigned char *p, size_t n)
{
	uint64		word = 0;

	memcpy(&word, p, n);
	return word;
}

/*
 * Hash `size` bytes.  The same bytes and seed give the same hash on every
 * little-endian machine, so that it may be stored.
 */
static inline uint64
hash_bytes64(const void *bytes, size_t size, uint64 seed)
{
	const unsigned char *p = bytes;
	uint64		hash = seed ^ hash_fold(size ^ HASH_CONSTANT_1,
										HASH_CONSTANT_2);
	uint64		words[2];

	for (; size >= 16; size -= 16, p += 16)
	{
		memcpy(words, p, 16);
		hash = hash_fold(words[0] ^ HASH_CONSTANT_2, words[1] ^ hash);
	}
	words[0] = words[1] = 0;
	if (size > 8)
	{
		memcpy(&words[0], p, 8);
		words[1] = hash_load_tail(p + 8, size - 8);
	}
	else if (size > 0)
		words[0] = hash_load_tail(p, size);
	hash = hash_fold(words[0] ^ HASH_CONSTANT_2, words[1] ^ hash);
	return hash_fold(hash ^ HASH_CONSTANT_1, HASH_CONSTANT_2);
}

#endif							/* PYRO_HASH_H */
