/*
 * test_flame_formats.c
 *	  Flame graphs in other formats, profiles from speedscope: sums over
 *	  random input, hostile input, and no memory at any point.
 */
#include "postgres_fe.h"

#include "flame/flame_bearer.h"
#include "flame/flame_flat.h"
#include "flame/flame_pprof.h"
#include "flame/flame_speedscope.h"
#include "flame/flame_text.h"
#include "profile/folded.h"
#include "profile/speedscope.h"
#include "stack/json_text.h"

#include "profile_check.h"

static const ProfileLimits limits = {
	.max_size = (size_t) 64 << 20,
	.max_samples = 1000000,
	.max_stack_depth = 100000
};

static UnitMemory memory;
static PyroError error;

/* ---- strings ---- */

static void
json_is(const char *bytes, size_t length, bool ascii_only, const char *json)
{
	TextBuffer	buffer;
	bool		right;

	unit_memory_init(&memory);
	text_buffer_init(&buffer, &memory.allocator, 1000);
	json_append_string(&buffer, string_ref(bytes, length), ascii_only);
	right = !buffer.failed && buffer.length == strlen(json) &&
		memcmp(buffer.data, json, buffer.length) == 0;
	if (!unit_ok(right, "string %s", json))
		unit_note("%.*s", (int) buffer.length, buffer.data);
	unit_memory_free(&memory);
}

static void
test_strings(void)
{
	json_is("", 0, false, "\"\"");
	json_is("plain", 5, false, "\"plain\"");
	json_is("a\"b\\c/d", 7, false, "\"a\\\"b\\\\c/d\"");
	json_is("\n\t\x01\x1f\x7f", 5, false, "\"\\u000a\\u0009\\u0001\\u001f\x7f\"");
	json_is("\0", 1, false, "\"\\\\x00\"");
	json_is("\xc3\xa4\xff\xc3", 4, false, "\"\xc3\xa4\\\\xff\\\\xc3\"");
	json_is("\xc3\xa4", 2, true, "\"\\\\xc3\\\\xa4\"");
	json_is("\xed\xa0\x80", 3, false, "\"\\\\xed\\\\xa0\\\\x80\"");
}

/* ---- trees ---- */

/* A tree from its text. */
static bool
read_tree(const char *text, FlameTree *tree)
{
	CallTree	nodes;
	FlameHeader header;
	TextBuffer	flat;

	text_buffer_init(&flat, &memory.allocator, FLAME_FLAT_MAX_SIZE);
	text_append(&flat, "\0\0\0", 4);
	return call_tree_init(&nodes, &memory.allocator, 3, &error) &&
		flame_text_read(string_ref_literal(text), &nodes, &header,
						&memory.allocator, &error) &&
		flame_flat_write(&nodes, &header, &flat, &error) &&
		flame_flat_open((uint8 *) flat.data + 4, flat.length - 4, tree, &error);
}

static char *
random_folded(UnitRandom *random, uint32 nlines)
{
	char	   *text = malloc((size_t) nlines * 300 + 1);
	char	   *at = text;

	*at = '\0';
	for (uint32 i = 0; i < nlines; i++)
	{
		uint32		depth = 1 + unit_below(random, 12);

		for (uint32 k = 0; k < depth; k++)
			at += sprintf(at, "%sfn%u", k > 0 ? ";" : "", unit_below(random, 9));
		at += sprintf(at, " %u\n", unit_below(random, 4));
	}
	return text;
}

/* A profile of a tree has its nodes, and is in canonical order. */
static const char *
flaw_of_profile(const FlameTree *tree)
{
	Profile		profile;
	Profile		read;
	TextBuffer	bytes;
	TextBuffer	again;
	int64		sum = 0;

	if (!flame_to_profile(tree, &memory.allocator, &profile, &error))
		return error.message;
	text_buffer_init(&bytes, &memory.allocator, 64 << 20);
	text_buffer_init(&again, &memory.allocator, 64 << 20);
	if (!pprof_encode(&profile, &bytes, &error) ||
		!pprof_read((uint8 *) bytes.data, bytes.length, &limits,
					&memory.allocator, &read, &error) ||
		!pprof_encode(&read, &again, &error))
		return error.message;
	if (bytes.length != again.length ||
		memcmp(bytes.data, again.data, bytes.length) != 0)
		return "is not canonical";
	if (read.stacks->nnodes != tree->nnodes)
		return "has other nodes";
	for (uint32 i = 0; i < read.header.nsamples; i++)
	{
		if (tree->self[read.sample_node[i]] != read.values[0][i])
			return "has another value";
		sum += read.values[0][i];
	}
	return sum == tree->total[0] ? NULL : "has another total";
}

static void
test_profiles(void)
{
	UnitRandom	random = unit_random_seed(11);
	const char *flaw = NULL;
	const char *special[] = {
		"a 1", "a;b;c 1\na;b 2\na 3",
		"flamegraph 1 cpu/nanoseconds\n0\t7\n1\t-3\tb",
		"flamegraph 1 samples/count\n1\t2\t\n2\t3\ta\n2\t4\tsamples\n2\t5\tcount"
	};

	for (int i = 0; i < 60 && flaw == NULL; i++)
	{
		char	   *text = random_folded(&random, 1 + unit_below(&random, 100));
		FlameTree	tree;

		unit_memory_init(&memory);
		flaw = read_tree(text, &tree) ? flaw_of_profile(&tree) : error.message;
		unit_memory_free(&memory);
		free(text);
	}
	unit_ok(flaw == NULL, "profiles of random trees: %s", flaw ? flaw : "sound");
	for (int i = 0; i < lengthof(special); i++)
	{
		FlameTree	tree;

		unit_memory_init(&memory);
		flaw = read_tree(special[i], &tree) ? flaw_of_profile(&tree) : error.message;
		unit_ok(flaw == NULL, "profile of a special tree: %s", flaw ? flaw : "sound");
		unit_memory_free(&memory);
	}
}

/* ---- speedscope in ---- */

static SpeedscopeReader reader;

static bool
begin(const ProfileLimits *with, const char *unit)
{
	unit_memory_init(&memory);
	memset(&error, 0, sizeof(error));
	if (!speedscope_begin(&reader, string_ref("", 0), with, &memory.allocator,
						  &error))
		return false;
	for (char name = 'a'; name < 'd'; name++)
		if (!speedscope_add_frame(&reader, string_ref(&name, 1),
								  string_ref("", 0), string_ref("", 0),
								  string_ref("", 0)))
			return false;
	return speedscope_begin_profile(&reader, string_ref("", 0),
									string_ref_literal(unit));
}

/* Events such as "O0@1 C0@2"; what a number looks like is up to the reader. */
static bool
add_events(const char *events)
{
	while (*events != '\0')
	{
		size_t		length = strcspn(events, " ");
		StringRef	event = string_ref(events, length);
		const char *at = memchr(events, '@', length);

		if (!speedscope_add_event(&reader, string_ref(event.data, 1),
								  string_ref(event.data + 1, at - events - 1),
								  string_ref(at + 1, events + length - at - 1)))
			return false;
		events += length + strspn(events + length, " ");
	}
	return true;
}

static void
weight_gives(const char *unit, const char *weight, int64 value)
{
	Profile		profile;
	bool		right = begin(&limits, unit) &&
	speedscope_add_stack_frame(&reader, string_ref_literal("0")) &&
	speedscope_end_stack(&reader, string_ref_literal(weight)) &&
	speedscope_end_profile(&reader) &&
	speedscope_finish(&reader, &profile) &&
	(value == 0 ? profile.header.nsamples == 0 :
	 profile.header.nsamples == 1 && profile.values[0][0] == value);

	if (!unit_ok(right, "%s %s are " INT64_FORMAT, weight, unit, value))
		unit_note("%s", error.message);
	unit_memory_free(&memory);
}

static void
weight_fails(const char *unit, const char *weight, PyroErrorKind kind)
{
	bool		right = begin(&limits, unit) &&
	!speedscope_end_stack(&reader, string_ref_literal(weight)) &&
	error.kind == kind;

	if (!unit_ok(right, "%s %s fail", weight, unit))
		unit_note("%s", error.message);
	unit_memory_free(&memory);
}

static void
test_numbers(void)
{
	weight_gives("none", "0", 0);
	weight_gives("none", "-0", 0);
	weight_gives("none", "7", 7);
	weight_gives("none", "007.000", 7);
	weight_gives("none", "0.4999999999", 0);
	weight_gives("none", "0.5", 1);
	weight_gives("none", ".5", 1);
	weight_gives("none", "5.", 5);
	weight_gives("seconds", "1.000000001", 1000000001);
	weight_gives("seconds", "0.0000000005", 1);
	weight_gives("seconds", "0.00000000049", 0);
	weight_gives("seconds", "9223372036.854775807", PG_INT64_MAX);
	weight_gives("milliseconds", "9223372036854.775807", PG_INT64_MAX);
	weight_gives("microseconds", "1.5", 1500);
	weight_gives("bytes", "9223372036854775807", PG_INT64_MAX);
	weight_gives("bytes", "9223372036854775807.4", PG_INT64_MAX);
	weight_fails("bytes", "9223372036854775807.5", PYRO_OVERFLOW);
	weight_fails("bytes", "9223372036854775808", PYRO_OVERFLOW);
	weight_fails("seconds", "9223372036.854775808", PYRO_OVERFLOW);
	weight_fails("none", "99999999999999999999999999999999999999999999", PYRO_OVERFLOW);
	weight_fails("none", "-1", PYRO_MALFORMED);
	weight_fails("none", "-0.000000001", PYRO_MALFORMED);
	weight_fails("none", "", PYRO_MALFORMED);
	weight_fails("none", "-", PYRO_MALFORMED);
	weight_fails("none", ".", PYRO_MALFORMED);
	weight_fails("none", "1.2.3", PYRO_MALFORMED);
	weight_fails("none", "1e3", PYRO_MALFORMED);
	weight_fails("none", "NaN", PYRO_MALFORMED);
	weight_fails("none", "Infinity", PYRO_MALFORMED);
	weight_fails("none", " 1", PYRO_MALFORMED);
}

/*
 * Random traces with times in fractions: the total is the time in which a
 * call was open, rounded once, and each function's self time is near its own.
 */
static void
test_random_traces(void)
{
	UnitRandom	random = unit_random_seed(5);
	const char *flaw = NULL;

	for (int round = 0; round < 200 && flaw == NULL; round++)
	{
		uint32		open[64];
		uint32		depth = 0;
		uint64		milli = 0;	/* thousandths of the unit */
		uint64		covered = 0;
		Profile		profile;
		int64		sum = 0;

		if (!begin(&limits, "none"))
			flaw = error.message;
		for (int i = 0; i < 300 || depth > 0; i++)
		{
			bool		opens = depth == 0 ||
			(depth < 60 && i < 300 && unit_chance(&random, 50));
			uint32		step = unit_below(&random, 3) * unit_below(&random, 700);
			char		frame[16];
			char		at[40];

			milli += step;
			covered += depth > 0 ? step : 0;
			if (opens)
				open[depth++] = unit_below(&random, 3);
			snprintf(frame, sizeof(frame), "%u", open[depth - 1]);
			snprintf(at, sizeof(at), "%llu.%03llu",
					 (unsigned long long) milli / 1000,
					 (unsigned long long) milli % 1000);
			if (!speedscope_add_event(&reader, string_ref_literal(opens ? "O" : "C"),
									  string_ref_literal(frame),
									  string_ref_literal(at)))
				flaw = error.message;
			depth -= !opens;
		}
		if (flaw == NULL && (!speedscope_end_profile(&reader) ||
							 !speedscope_finish(&reader, &profile)))
			flaw = error.message;
		else if (flaw == NULL)
		{
			for (uint32 i = 0; i < profile.header.nsamples; i++)
				sum += profile.values[0][i];
			if (sum != (covered + 500) / 1000)
				flaw = "other total";
			else
				flaw = check_round_trip(&profile, &memory, &error);
		}
		unit_memory_free(&memory);
	}
	unit_ok(flaw == NULL, "random traces: %s", flaw ? flaw : "sound");
}

/* A deep trace that would name billions of frames is refused in time. */
static void
test_amplification(void)
{
	ProfileLimits small = {.max_size = 1 << 20,.max_stack_depth = 16384};
	double		started = unit_seconds();
	char		at[16];
	bool		sound = begin(&small, "none");

	for (int i = 0; i < 16000 && sound; i++)
	{
		snprintf(at, sizeof(at), "%d", i);
		sound = speedscope_add_event(&reader, string_ref_literal("O"),
									 string_ref_literal("0"),
									 string_ref_literal(at));
	}
	for (int i = 16000; i < 32000 && sound; i++)
	{
		snprintf(at, sizeof(at), "%d", i);
		sound = speedscope_add_event(&reader, string_ref_literal("C"),
									 string_ref_literal("0"),
									 string_ref_literal(at));
	}
	unit_ok(sound && !speedscope_end_profile(&reader) &&
			error.kind == PYRO_LIMIT &&
			strstr(error.message, "pyro.max_profile_size") != NULL &&
			unit_seconds() - started < 20 && memory.peak_bytes < 64 << 20,
			"a trace whose stacks have more frames than a profile may");
	unit_memory_free(&memory);

	/* many profiles cost what is in them, not what is in all */
	started = unit_seconds();
	sound = begin(&limits, "none");
	for (int i = 0; i < 50000 && sound; i++)
		sound = add_events("O0@0 O1@1 C1@2 C0@3") &&
			speedscope_end_profile(&reader) &&
			speedscope_begin_profile(&reader, string_ref("", 0),
									 string_ref_literal("none"));
	unit_ok(sound && unit_seconds() - started < 20 &&
			memory.peak_bytes < 64 << 20, "a file of many profiles");
	if (!sound)
		unit_note("%s", error.message);
	unit_memory_free(&memory);
}

/* ---- no memory ---- */

static bool
run_all(void)
{
	FlameTree	tree;
	FlameRow   *rows;
	TextBuffer	out;
	Profile		profile;
	FlameBearerInput input = {.is_double = true};

	text_buffer_init(&out, &memory.allocator, 1 << 20);
	if (!read_tree("main;work;deep 30\nmain;work 10\nidle 54", &tree) ||
		!flame_rows(&tree, tree.total, tree.self, 10, &memory.allocator, &rows,
					&input.nrows, &error))
		return false;
	input.rows = rows;
	input.type = tree.type;
	input.unit = tree.unit;
	if (!flame_bearer_append(&out, &input, &memory.allocator, &error) ||
		!flame_speedscope_append(&out, &tree, false, &memory.allocator,
								 &error) ||
		!flame_to_profile(&tree, &memory.allocator, &profile, &error))
		return false;
	if (out.failed)
		return pyro_fail_memory(&error);
	if (!speedscope_begin(&reader, string_ref("", 0), &limits,
						  &memory.allocator, &error) ||
		!speedscope_add_frame(&reader, string_ref_literal("f"),
							  string_ref_literal("f.c"),
							  string_ref_literal("3"), string_ref("", 0)))
		return false;
	for (int i = 0; i < 3; i++)
		if (!speedscope_begin_profile(&reader, string_ref_literal("thread"),
									  string_ref_literal(i == 1 ? "bytes" : "none")) ||
			!add_events("O0@0 C0@1") || !speedscope_end_profile(&reader))
			return false;
	return speedscope_finish(&reader, &profile);
}

static void
test_no_memory(void)
{
	uint64		nallocations;
	uint64		nodd = 0;

	unit_memory_init(&memory);
	unit_ok(run_all(), "all ways with memory");
	nallocations = memory.nallocations;
	unit_memory_free(&memory);
	for (uint64 k = 1; k <= nallocations; k++)
	{
		memset(&error, 0, sizeof(error));
		memory.fail_at = k;
		if (run_all() || (error.kind != PYRO_NO_MEMORY && error.kind != PYRO_LIMIT))
		{
			nodd++;
			unit_note("failing at allocation " UINT64_FORMAT " gives kind %d, %s",
					  k, error.kind, error.message);
		}
		unit_memory_free(&memory);
	}
	unit_ok(nodd == 0, "fails cleanly at each of " UINT64_FORMAT " allocations",
			nallocations);
}

int
main(void)
{
	test_strings();
	test_profiles();
	test_numbers();
	test_random_traces();
	test_amplification();
	test_no_memory();
	return unit_finish();
}
