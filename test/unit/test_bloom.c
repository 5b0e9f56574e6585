/*
 * test_bloom.c
 *	  A filter never denies what is in it, and seldom affirms what is not.
 */
#include "postgres_fe.h"

#include "block/function_filter.h"
#include "stack/bloom.h"

#include "unit.h"

static uint64
hash_of_number(uint32 number, uint64 seed)
{
	char		name[32];
	int			length = snprintf(name, sizeof(name), "function_%u", number);

	return bloom_hash(string_ref(name, length), seed);
}

/* Filters of all sizes, of names that differ little. */
static void
test_rates(void)
{
	static const uint32 counts[] = {0, 1, 2, 3, 7, 10, 31, 100, 1000, 5000, BLOOM_MAX_HASHES};

	for (size_t i = 0; i < lengthof(counts); i++)
	{
		UnitMemory	memory;
		BloomSet	set;
		PyroError	error;
		uint32		n = counts[i];
		uint32		missing = 0;
		uint32		wrong = 0;
		const uint32 tries = 200000;
		uint8	   *filter;

		unit_memory_init(&memory);
		if (!bloom_set_init(&set, BLOOM_MAX_HASHES, &memory.allocator, &error))
			abort();
		for (uint32 round = 0; round < 2; round++)
			for (uint32 k = 0; k < n; k++)
				if (!bloom_set_add(&set, hash_of_number(k, 1), &error))
					abort();
		/* exactly as large, so that a bit beyond it would be seen */
		filter = malloc(Max(bloom_size(&set), 1));
		bloom_write(&set, filter);
		for (uint32 k = 0; k < n; k++)
			missing += !bloom_may_have(filter, bloom_size(&set), hash_of_number(k, 1));
		for (uint32 k = 0; k < tries; k++)
			wrong += bloom_may_have(filter, bloom_size(&set), hash_of_number(n + k, 1));
		unit_ok(set.n == n && !bloom_set_is_full(&set) && missing == 0,
				"all of %u names are in a filter of %zu bytes", n, bloom_size(&set));
		unit_ok(wrong <= tries * 2 / 100 && (n > 0 || wrong == 0),
				"and %.2f %% of others", 100.0 * wrong / tries);
		unit_ok(bloom_size(&set) <= BLOOM_MAX_SIZE && memory.peak_bytes <= 64 * 1024 + n * 48,
				"in %zu bytes of memory", memory.peak_bytes);
		free(filter);
		unit_memory_free(&memory);
	}
}

/* Those of another kind are others, and hashes are what they have been. */
static void
test_hashes(void)
{
	unit_ok(hash_of_number(1, 1) != hash_of_number(1, 2), "the kind goes into a hash");
	unit_ok(bloom_hash(string_ref_literal(""), 1) == UINT64CONST(0x4506F7D8F615331D) &&
			bloom_hash(string_ref_literal("k"), 1) == UINT64CONST(0x97B2148BA1A91431) &&
			bloom_hash(string_ref_literal("main.main"), 1) == UINT64CONST(0xA7CCB8251903A8D0) &&
			bloom_hash(string_ref_literal("runtime.mallocgc"), 1) == UINT64CONST(0xD2781BA5C81B5D85) &&
			bloom_hash(string_ref_literal("net/http.(*conn).serve"), 1) == UINT64CONST(0x7301F16321342CB7),
			"hashes are what stored filters have");
}

/* The bits of a filter on disk are where they have been. */
static void
test_stored(void)
{
	static const uint8 stored[] = {0x98, 0xFE, 0x48, 0x8F, 0xA9, 0x31, 0x98, 0x78, 0xD7, 0x53, 0xD5, 0xA6, 0x63};
	uint32		found = 0;
	UnitMemory	memory;
	BloomSet	set;
	PyroError	error;
	uint8		filter[sizeof(stored)];

	unit_memory_init(&memory);
	if (!bloom_set_init(&set, 10, &memory.allocator, &error))
		abort();
	for (uint32 k = 0; k < 10; k++)
	{
		found += bloom_may_have(stored, sizeof(stored), hash_of_number(k, 1));
		if (!bloom_set_add(&set, hash_of_number(k, 1), &error))
			abort();
	}
	unit_ok(found == 10, "a stored filter has what it had");
	if (unit_ok(bloom_size(&set) == sizeof(stored), "and is as large as a new one"))
	{
		bloom_write(&set, filter);
		unit_ok(memcmp(filter, stored, sizeof(stored)) == 0, "and the same");
		for (size_t i = 0; i < sizeof(stored); i++)
			if (memcmp(filter, stored, sizeof(stored)) != 0)
				unit_note("0x%02X", filter[i]);
	}
	unit_memory_free(&memory);
}

/* A set with too many says so, whatever comes then; hash 0 is one as any. */
static void
test_limits(void)
{
	UnitMemory	memory;
	BloomSet	set;
	PyroError	error;
	uint8		filter[16];
	bool		passed = true;

	unit_memory_init(&memory);
	passed = bloom_set_init(&set, 5, &memory.allocator, &error);
	for (uint32 k = 0; k < 5 && passed; k++)
		passed = bloom_set_add(&set, k, &error) && bloom_set_add(&set, k, &error);
	unit_ok(passed && set.n == 5 && !bloom_set_is_full(&set), "five of five hashes");
	bloom_write(&set, filter);
	for (uint32 k = 0; k < 5; k++)
		passed = passed && bloom_may_have(filter, bloom_size(&set), k);
	unit_ok(passed, "all are there, and so is 0");
	passed = bloom_set_add(&set, 77, &error) && bloom_set_is_full(&set);
	for (uint64 k = 100; k < 100000 && passed; k++)
		passed = bloom_set_add(&set, k, &error);
	unit_ok(passed && bloom_set_is_full(&set) && set.n == 6, "a sixth is too many");
	unit_memory_free(&memory);

	passed = bloom_set_init(&set, PG_UINT32_MAX, &memory.allocator, &error);
	for (uint64 k = 0; k < 1000000 && passed; k++)
		passed = bloom_set_add(&set, k << 40 | k, &error);
	unit_ok(passed && bloom_set_is_full(&set) && memory.peak_bytes < (size_t) 4 * 1024 * 1024,
			"no limit is above the largest filter's: %zu bytes of memory", memory.peak_bytes);
	unit_memory_free(&memory);
}

/* Any bytes are a filter; more bits only make more answers a maybe. */
static void
test_any_bytes(void)
{
	UnitRandom	random = unit_random_seed(5);
	bool		grows = true;
	uint32		yes = 0;

	for (size_t size = 0; size < 300; size++)
	{
		uint8	   *filter = malloc(Max(size, 1));

		for (uint32 k = 0; k < 50; k++)
		{
			uint64		hash = k < 4 ? (uint64[]) {0, PG_UINT64_MAX, PG_UINT32_MAX, (uint64) PG_UINT32_MAX << 32}[k] : unit_random(&random);
			bool		before;

			for (size_t i = 0; i < size; i++)
				filter[i] = (uint8) unit_random(&random) | (uint8) unit_random(&random);
			before = bloom_may_have(filter, size, hash);
			yes += before;
			for (size_t i = 0; i < size; i++)
				filter[i] |= (uint8) unit_random(&random);
			grows = grows && (!before || bloom_may_have(filter, size, hash));
			memset(filter, 0xFF, size);
			grows = grows && bloom_may_have(filter, size, hash) == (size > 0);
		}
		free(filter);
	}
	unit_ok(grows && yes > 0, "any bytes can be asked, and more bits deny no more");
}

static void
test_no_memory(void)
{
	UnitMemory	memory;
	uint64		failures = 0;

	for (uint64 fail_at = 1;; fail_at++)
	{
		BloomSet	set;
		PyroError	error = {0};
		bool		passed;

		unit_memory_init(&memory);
		memory.fail_at = fail_at;
		passed = bloom_set_init(&set, BLOOM_MAX_HASHES, &memory.allocator, &error);
		for (uint32 k = 0; k < 1000 && passed; k++)
			passed = bloom_set_add(&set, hash_of_number(k, 1), &error);
		unit_memory_free(&memory);
		if (passed)
			break;
		failures += error.kind == PYRO_NO_MEMORY;
		if (failures != fail_at)
			break;
	}
	unit_ok(failures >= 4, "each allocation may fail");
}

/* Functions of a dictionary by name: several of one name, and nameless ones. */
static void
test_functions(void)
{
	StringRef	strings[] = {
		string_ref("", 0), string_ref("\xff\0bytes", 7), string_ref_literal("file.go"),
		string_ref_literal("main"), string_ref_literal("main.run"), string_ref_literal("\xc3\xa9")
	};
	StackFunction functions[] = {
		{0, 0, 2, 0}, {0, 3, 2, 1}, {1, 0, 0, 0}, {3, 3, 0, 0}, {3, 4, 2, 0}, {5, 0, 0, 0}
	};
	StackDictionary stacks = {
		.nstrings = lengthof(strings),.strings = strings,
		.nfunctions = lengthof(functions),.functions = functions
	};
	UnitMemory	memory;
	BloomSet	set;
	PyroError	error;
	uint8		filter[16];
	bool		found[lengthof(strings)];

	unit_memory_init(&memory);
	if (!bloom_set_init(&set, BLOOM_MAX_HASHES, &memory.allocator, &error) ||
		!function_filter_add(&set, &stacks, &error))
		abort();
	bloom_write(&set, filter);
	for (size_t i = 0; i < lengthof(strings); i++)
		found[i] = bloom_may_have(filter, bloom_size(&set), function_filter_hash(strings[i]));
	unit_ok(set.n == 3, "each name of functions once, without the empty one");
	unit_ok(found[1] && found[3] && found[5], "names of any bytes are found");
	unit_ok(!found[0] && !found[2] && !found[4],
			"the empty one, files and system names are not");

	memset(filter, 0, sizeof(filter));
	stacks.nfunctions = 2;
	bloom_set_init(&set, BLOOM_MAX_HASHES, &memory.allocator, &error);
	unit_ok(function_filter_add(&set, &stacks, &error) && bloom_size(&set) == 0 &&
			!bloom_may_have(filter, 0, function_filter_hash(strings[3])),
			"without names there is nothing");
	unit_memory_free(&memory);
}

int
main(void)
{
	test_rates();
	test_hashes();
	test_stored();
	test_limits();
	test_any_bytes();
	test_no_memory();
	test_functions();
	return unit_finish();
}
