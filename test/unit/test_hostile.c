/*
 * test_hostile.c
 *	  Large and hostile profiles cost time and memory in proportion.
 */
#include "postgres_fe.h"

#include "profile_check.h"

static const ProfileLimits limits = {
	.max_size = 64 << 20,
	.max_samples = 2000000,
	.max_stack_depth = 2000000
};

static UnitMemory memory;

/*
 * Read, and if that succeeds write, open and encode.  The bounds are those of
 * a build with sanitizers: time in seconds, memory in bytes for each byte of
 * the file.
 */
static bool
run_case(const char *name, Bytes *bytes, double max_seconds,
		 double max_expansion)
{
	Profile		profile;
	Profile		opened;
	PyroError	error = {0};
	TextBuffer	flat;
	TextBuffer	pprof;
	double		started = unit_seconds();
	double		seconds;
	size_t		peak;
	bool		read = pprof_read(bytes->data, bytes->size, &limits,
								  &memory.allocator, &profile, &error);

	seconds = unit_seconds() - started;
	peak = memory.peak_bytes;
	unit_ok(seconds <= max_seconds, "%s: %s in time", name,
			read ? "read" : "refused");
	unit_ok(peak <= max_expansion * bytes->size + 1000000,
			"%s: in proportionate memory", name);
	unit_note("%zu bytes: %.2f s, %zu MB, %.1f times the bytes%s%s",
			  bytes->size, seconds, peak >> 20, (double) peak / bytes->size,
			  read ? "" : ": ", error.message);
	if (read)
	{
		started = unit_seconds();
		unit_ok(write_flat(&profile, true, &memory, &flat, &error) &&
				profile_flat_open((uint8 *) flat.data, flat.length,
								  CHECK_MEMORY, &memory.allocator, &opened,
								  &error), "%s: stored and opened", name);
		unit_note("stored in %zu bytes; %.2f s for both", flat.length,
				  unit_seconds() - started);
		text_buffer_init(&pprof, &memory.allocator, (size_t) 128 << 20);
		/* expanded again it may be too large, which is a failure, not a crash */
		unit_note("encoded as pprof: %s", pprof_encode(&opened, &pprof, &error) ?
				  "yes" : error.message);
	}
	unit_memory_free(&memory);
	bytes_free(bytes);
	return read;
}

/* ---- many and deep ---- */

static void
test_million_samples(void)
{
	Bytes		bytes = {0};

	put_small_base(&bytes);
	for (uint32 i = 0; i < 1000000; i++)
	{
		uint64		ids[] = {1 + i % 2, 1 + i / 2 % 2, 1 + i / 4 % 2};

		put_sample(&bytes, ids, 3, i);
	}
	unit_ok(run_case("1,000,000 samples", &bytes, 10, 30), "which is sound");
}

static void
test_deep_stack(void)
{
	const uint32 depth = 1000000;
	uint64	   *ids = malloc(depth * sizeof(uint64));
	Bytes		bytes = {0};

	for (uint32 i = 0; i < depth; i++)
		ids[i] = 1;
	put_small_base(&bytes);
	for (uint32 i = 0; i < 10; i++)
		put_sample(&bytes, ids, depth - i % 2, i);
	unit_ok(run_case("stacks of 1,000,000 locations", &bytes, 10, 60),
			"which is sound");
	free(ids);
}

static void
test_many_inlined_lines(void)
{
	Bytes		bytes = {0};
	Bytes		location = {0};
	uint64		ids[500];

	put_small_base(&bytes);
	put_number(&location, 1, 3);
	for (int i = 0; i < 100000; i++)
		put_line(&location, 1, i, 0);
	put_message(&bytes, 4, &location);
	for (size_t i = 0; i < lengthof(ids); i++)
		ids[i] = 3;
	put_sample(&bytes, ids, lengthof(ids), 1);
	unit_ok(!run_case("50,000,000 inlined frames of one stack", &bytes, 5, 60),
			"which is too deep");
}

/* ---- messages of two bytes, each of which becomes a struct ---- */

static void
test_empty_messages(void)
{
	static const struct
	{
		const char *name;
		uint32		field;
	}			kinds[] = {{"sample types", 1}, {"samples", 2},
	{"mappings", 3}, {"locations", 4}, {"functions", 5}, {"strings", 6}};
	Bytes		bytes = {0};
	Bytes		inner = {0};
	char		name[60];

	for (size_t i = 0; i < lengthof(kinds); i++)
	{
		for (int k = 0; k < 1000000; k++)
			put_field(&bytes, kinds[i].field, NULL, 0);
		snprintf(name, sizeof(name), "1,000,000 empty %s", kinds[i].name);
		run_case(name, &bytes, 5, kinds[i].field == 6 ? 32 : 24);
	}
	put_small_base(&bytes);
	put_number(&inner, 1, 3);
	for (int k = 0; k < 1000000; k++)
		put_field(&inner, 4, NULL, 0);
	put_message(&bytes, 4, &inner);
	run_case("1,000,000 empty lines", &bytes, 5, 24);
	put_small_base(&bytes);
	for (int k = 0; k < 1000000; k++)
		put_field(&inner, 3, NULL, 0);
	put_message(&bytes, 2, &inner);
	run_case("1,000,000 empty labels", &bytes, 5, 24);
	put_small_base(&bytes);
	for (int k = 0; k < 1000000; k++)
		put_number(&inner, 2, 1);
	put_message(&bytes, 2, &inner);
	run_case("1,000,000 values of one sample", &bytes, 5, 24);
	put_text(&bytes, "");
	for (int k = 0; k < 1000000; k++)
		put_number(&bytes, 13, 0);
	run_case("1,000,000 comments", &bytes, 5, 24);
}

/* The ids of 300,000 functions and locations, as far apart as they go. */
static void
test_sparse_ids(void)
{
	const uint64 step = (uint64) 1 << 32;
	Bytes		bytes = {0};

	put_small_base(&bytes);
	for (uint64 i = 1; i <= 300000; i++)
	{
		put_function(&bytes, 5 + i * step, 3, 4, 5, i);
		put_location(&bytes, 5 + i * step, 0, i, 5 + i * step, i);
		put_sample(&bytes, &(uint64) {5 + i * step}, 1, i);
	}
	unit_ok(run_case("300,000 ids 2^32 apart", &bytes, 10, 30),
			"which is sound");
}

/* ---- orders against the sorts ---- */

/* Labels in descending order: the worst for sorting by insertion. */
static void
test_descending_labels(void)
{
	const uint32 nlabels = 1000;
	Bytes		bytes = {0};

	put_text(&bytes, "");
	for (uint32 i = 1; i <= nlabels; i++)
	{
		char		key[16];

		snprintf(key, sizeof(key), "%08u", i);
		put_text(&bytes, key);
	}
	put_value_type(&bytes, 1, 1, 1);
	for (uint32 i = 0; i < 1000; i++)
	{
		Bytes		sample = {0};

		put_number(&sample, 2, i);
		for (uint32 k = nlabels; k > 0; k--)
			put_label(&sample, k, 1, 0, 0);
		put_message(&bytes, 2, &sample);
	}
	unit_ok(run_case("1,000 samples with 1,000 labels each, descending",
					 &bytes, 2, 30), "which is sound");
}

/* Strings that agree for long, and strings that are one letter. */
static void
test_long_strings(void)
{
	Bytes		bytes = {0};
	char	   *string = malloc(100001);

	memset(string, 'a', 100000);
	put_text(&bytes, "");
	for (uint32 i = 1; i <= 300; i++)
	{
		string[100000] = (char) i;
		put_field(&bytes, 6, string, 100001);
		put_number(&bytes, 13, i);
	}
	unit_ok(run_case("300 strings that agree in 100,000 bytes", &bytes, 5, 6),
			"which is sound");
	free(string);
}

/* Each of many samples has a stack that is a prefix of the next. */
static void
test_stair_of_stacks(void)
{
	Bytes		bytes = {0};
	uint64		ids[3000];

	for (size_t i = 0; i < lengthof(ids); i++)
		ids[i] = 1 + i % 2;
	put_small_base(&bytes);
	for (uint32 i = 0; i < lengthof(ids); i++)
		put_sample(&bytes, ids, i * 7919 % lengthof(ids), i);
	unit_ok(run_case("3,000 stacks that are parts of each other", &bytes, 10, 60),
			"which is sound");
}

int
main(void)
{
	unit_memory_init(&memory);
	test_million_samples();
	test_deep_stack();
	test_many_inlined_lines();
	test_empty_messages();
	test_sparse_ids();
	test_descending_labels();
	test_long_strings();
	test_stair_of_stacks();
	return unit_finish();
}
