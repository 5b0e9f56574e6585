/*
 * hash.h
 *	  64-bit hashes of bytes and of numbers.
 *
 * Multiply-and-fold mixing, after the idea of wyhash (Wang Yi, public
 * domain): two 64-bit words become the halves of their 128-bit product,
 * xored.  Not for secrets; tables whose keys come from outside pass a seed
 * that the outside does not know.  The seed goes into every factor, since one
 * that the outside can make zero would forget all that came before.
 */
#ifndef PYRO_HASH_H
#define PYRO_HASH_H

#define HASH_CONSTANT_1 UINT64CONST(0x9E3779B97F4A7C15)
#define HASH_CONSTANT_2 UINT64CONST(0xD1B54A32D192ED03)

static inline uint64
hash_fold(uint64 a, uint64 b)
{
	unsigned	__int128 product = (unsigned __int128) a * b;

	return (uint64) product ^ (uint64) (product >> 64);
}

static inline uint64
hash_numbers(uint32 a, uint32 b, uint64 seed)
{
	return hash_fold(((uint64) a << 32 | b) ^ seed, HASH_CONSTANT_1);
}

/*
 * A seed for a table that lives for one call: where something of it lies in
 * memory, which address space randomisation hides from the outside.
 */
static inline uint64
hash_seed_of(const void *address)
{
	return hash_fold((uint64) (uintptr_t) address ^ HASH_CONSTANT_2,
					 HASH_CONSTANT_1);
}

static inline uint64
hash_load64(const unsigned char *p)
{
	uint64		word;

	memcpy(&word, p, sizeof(word));
	return word;
}

static inline uint32
hash_load32(const unsigned char *p)
{
	uint32		word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/*
 * Hash `size` bytes.  The same bytes and seed give the same hash on every
 * little-endian machine, so that it may be stored.  The last piece is loaded
 * overlapping the one before, which needs no loop over single bytes.
 */
static inline uint64
hash_bytes64(const void *bytes, size_t size, uint64 seed)
{
	const unsigned char *p = bytes;
	const unsigned char *end = p + size;
	uint64		secret = seed ^ HASH_CONSTANT_2;
	uint64		hash = seed ^ (size * HASH_CONSTANT_1);
	uint64		a = 0;
	uint64		b = 0;

	if (size >= 16)
	{
		for (; end - p > 16; p += 16)
			hash = hash_fold(hash_load64(p) ^ secret,
							 hash_load64(p + 8) ^ hash);
		a = hash_load64(end - 16);
		b = hash_load64(end - 8);
	}
	else if (size >= 8)
	{
		a = hash_load64(p);
		b = hash_load64(end - 8);
	}
	else if (size >= 4)
	{
		a = hash_load32(p);
		b = hash_load32(end - 4);
	}
	else if (size > 0)
		a = (uint64) p[0] << 16 | (uint64) p[size / 2] << 8 | end[-1];
	hash = hash_fold(a ^ secret, b ^ hash);
	return hash_fold(hash ^ HASH_CONSTANT_1, HASH_CONSTANT_2);
}

#endif							/* PYRO_HASH_H */
