/*
 * test_hash.c
 *	  Hashes spread, and nobody can choose keys that collide under any seed.
 */
#include "postgres_fe.h"

#include "stack/call_tree.h"
#include "stack/hash.h"

#include "unit.h"

static int
compare_hashes(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return x < y ? -1 : x > y;
}

static size_t
count_different(uint64 *hashes, size_t n)
{
	size_t		different = n > 0;

	qsort(hashes, n, sizeof(uint64), compare_hashes);
	for (size_t i = 1; i < n; i++)
		different += hashes[i] != hashes[i - 1];
	return different;
}

/* A key whose word at `place` is `word` and another one a counter. */
static void
make_key(unsigned char *key, size_t size, size_t place, uint64 word,
		 uint32 counter)
{
	memset(key, 'k', size);
	memcpy(key + (place + 8) % size, &counter, sizeof(counter));
	memcpy(key + place, &word, sizeof(word));
}

/*
 * Multiplying by zero forgets all that was hashed before, so keys that make a
 * factor zero whatever the seed would collide at will.
 */
static void
test_chosen_keys(void)
{
	static const uint64 words[] = {0, HASH_CONSTANT_1, HASH_CONSTANT_2,
		~HASH_CONSTANT_1, ~HASH_CONSTANT_2, HASH_CONSTANT_1 ^ HASH_CONSTANT_2,
	PG_UINT64_MAX};
	const size_t n = 1000;
	uint32		nbad = 0;

	for (size_t size = 16; size <= 48; size += 8)
		for (size_t place = 0; place + 8 <= size; place += 8)
			for (size_t i = 0; i < lengthof(words); i++)
			{
				uint64		hashes[1000];

				for (size_t k = 0; k < n; k++)
				{
					unsigned char key[48];

					make_key(key, size, place, words[i], k);
					hashes[k] = hash_bytes64(key, size, 0x123456789ABCDEF);
				}
				if (count_different(hashes, n) < n - 1)
				{
					if (nbad++ == 0)
						unit_note("keys of %zu bytes with " UINT64_FORMAT " at byte %zu collide",
								  size, words[i], place);
				}
			}
	unit_ok(nbad == 0, "no word in a key makes keys collide under any seed");
}

/* The same as an attack: names of functions that a profile brings. */
static void
test_chosen_names(void)
{
	UnitMemory	memory;
	CallTree	tree;
	PyroError	error;
	const uint32 n = 20000;
	double		started = unit_seconds();
	uint32		id;

	unit_memory_init(&memory);
	if (call_tree_init(&tree, &memory.allocator, UINT64CONST(0xFEDCBA987654321),
					   &error))
		for (uint32 k = 0; k < n; k++)
		{
			unsigned char key[16];

			make_key(key, sizeof(key), 0, HASH_CONSTANT_2, k);
			if (!call_tree_intern(&tree, string_ref((char *) key, sizeof(key)),
								  &id, &error))
				break;
		}
	unit_ok(tree.nnames == n && unit_seconds() - started < 0.5,
			"%u names chosen against the hash are interned in time", n);
	unit_note("%.2f s", unit_seconds() - started);
	unit_memory_free(&memory);
}

/* Keys that differ little, of every length. */
static void
test_spread(void)
{
	static uint64 hashes[50 * 256];
	size_t		n = 0;
	unsigned char key[64];

	for (size_t size = 1; size <= 50; size++)
		for (uint32 byte = 0; byte < 256; byte++)
		{
			memset(key, 0, sizeof(key));
			key[size / 2] = byte;
			hashes[n++] = hash_bytes64(key, size, 5);
		}
	unit_ok(count_different(hashes, n) == n,
			"keys that differ in a byte or their length do not collide");
	n = 0;
	for (uint32 a = 0; a < 110; a++)
		for (uint32 b = 0; b < 110; b++)
			hashes[n++] = hash_numbers(a, b, 77);
	unit_ok(count_different(hashes, n) == n,
			"pairs of small numbers do not collide");
	/* and fill the low bits that tables use */
	n = 0;
	for (uint32 a = 0; a < 110; a++)
		for (uint32 b = 0; b < 110; b++)
			hashes[n++] = hash_numbers(a, b, 77) & 0xFFFF;
	unit_ok(count_different(hashes, n) > n * 7 / 10,
			"nor do their low bits more than at random");
}

int
main(void)
{
	test_chosen_keys();
	test_chosen_names();
	test_spread();
	return unit_finish();
}
