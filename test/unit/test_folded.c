/*
 * test_folded.c
 *	  Folded stacks: lines that are read, lines that are refused.
 */
#include "postgres_fe.h"

#include "profile/folded.h"

#include "profile_check.h"

static UnitMemory memory;
static Profile profile;
static PyroError error;

static const ProfileLimits default_limits = {
	.max_size = 64 << 20,
	.max_samples = 1000000,
	.max_stack_depth = 4096
};

static bool
read_folded(StringRef text, const ProfileLimits *limits)
{
	SampleType	type = {string_ref_literal("samples"), string_ref_literal("count")};

	memset(&error, 0, sizeof(error));
	return folded_read(text, type, limits, &memory.allocator, &profile,
					   &error);
}

/* A text with this many samples, nodes besides the root, and total. */
static void
accepted(const char *name, const char *text, uint32 nsamples, uint32 nnodes,
		 int64 total)
{
	bool		right = read_folded(string_ref_literal(text), &default_limits);

	if (!right)
		unit_note("%s", error.message);
	else
	{
		const char *flaw = check_round_trip(&profile, &memory, &error);

		right = flaw == NULL && profile.header.nsamples == nsamples &&
			profile.stacks->nnodes == nnodes + 1 &&
			profile.header.totals[0] == total;
		if (!right)
			unit_note("%s; %u samples, %u nodes, total " INT64_FORMAT,
					  flaw == NULL ? "sound" : flaw, profile.header.nsamples,
					  profile.stacks->nnodes - 1, profile.header.totals[0]);
	}
	unit_ok(right, "accepted: %s", name);
	unit_memory_free(&memory);
}

static void
refused(const char *name, const char *text, size_t length,
		const ProfileLimits *limits, PyroErrorKind kind, const char *message)
{
	bool		right = !read_folded(string_ref(text, length), limits) &&
	error.kind == kind && strstr(error.message, message) != NULL;

	if (!unit_ok(right, "refused: %s", name))
		unit_note("kind %d: %s", error.kind, error.message);
	unit_memory_free(&memory);
}

static void
malformed(const char *name, const char *text, const char *message)
{
	refused(name, text, strlen(text), &default_limits, PYRO_MALFORMED,
			message);
}

static void
test_lines(void)
{
	accepted("nothing", "", 0, 0, 0);
	accepted("blank lines", "\n \n\t\r\n\n", 0, 0, 0);
	accepted("one frame", "main 1", 1, 1, 1);
	accepted("lines with and without end", "main;work 5\nmain 3\n", 2, 2, 8);
	accepted("ends as on Windows", "main;work 5\r\nmain 3\r\n", 2, 2, 8);
	accepted("a space in a name", "operator new;a b c 7", 1, 2, 7);
	accepted("a number in a name", "main 1 2", 1, 1, 2);
	accepted("the same stack twice", "a;b 1\na;b 2", 2, 2, 3);
	accepted("recursion", "a;a;a 1\na;a 2", 2, 3, 3);
	accepted("empty names", ";;a; 1", 1, 4, 1);
	accepted("negative values", "a -5\nb 3", 2, 2, -2);
	accepted("the ends of int64",
			 "a 9223372036854775807\nb -9223372036854775808", 2, 2, -1);
	accepted("a value of 0", "a 0", 1, 1, 0);
	accepted("bytes that are not UTF-8", "\xFF;\xC3 1", 1, 2, 1);
	malformed("a line without value", "a 1\nmain", "line 2");
	malformed("a value alone", "a 1\n\n5", "line 3");
	malformed("a value with nothing before it", " 5", "line 1");
	malformed("a fraction", "a 1.5", "line 1");
	malformed("a value above int64", "a 9223372036854775808", "line 1");
	malformed("a value below int64", "a -9223372036854775809", "line 1");
	malformed("a very long value", "a 11111111111111111111111111111111111",
			  "line 1");
	malformed("a value next to the name", "main5", "line 1");
	malformed("two signs", "a --5", "line 1");
}

static void
test_zero_bytes(void)
{
	bool		read = read_folded(string_ref("a\0b;c 5\n", 8), &default_limits);

	unit_ok(read &&
			check_round_trip(&profile, &memory, &error) == NULL,
			"a zero byte in a name is kept");
	unit_memory_free(&memory);
}

static void
test_limits(void)
{
	ProfileLimits limits = default_limits;
	const size_t n = 200000;
	char	   *text = malloc(n + 10);

	limits.max_samples = 2;
	refused("a line too many", "a 1\nb 1\nc 1", 11, &limits, PYRO_LIMIT,
			"pyro.max_samples (2)");
	limits.max_stack_depth = 2;
	refused("a frame too many", "a;b;c 1", 7, &limits, PYRO_LIMIT,
			"pyro.max_stack_depth (2)");
	limits.max_size = 6;
	refused("a byte too many", "a;b;c 1", 7, &limits, PYRO_LIMIT,
			"pyro.max_profile_size");
	memset(text, ';', n);
	memcpy(text + n, " 1", 2);
	refused("a stack of semicolons", text, n + 2, &default_limits, PYRO_LIMIT,
			"pyro.max_stack_depth");
	limits = (ProfileLimits)
	{
		0
	};
	unit_ok(read_folded(string_ref(text, n + 2), &limits) &&
			profile.stacks->nnodes == n + 2, "which no limit allows");
	free(text);
	unit_memory_free(&memory);
}

/* What pprof says of the same stacks. */
static void
test_as_pprof(void)
{
	Bytes		bytes = {0};
	TextBuffer	folded_flat;
	TextBuffer	pprof_flat;
	uint64		ids[] = {2, 1};

	put_text(&bytes, "");
	put_text(&bytes, "samples");
	put_text(&bytes, "count");
	put_text(&bytes, "main");
	put_text(&bytes, "work");
	put_value_type(&bytes, 1, 1, 2);
	put_function(&bytes, 1, 3, 0, 0, 0);
	put_function(&bytes, 2, 4, 0, 0, 0);
	put_location(&bytes, 1, 0, 0, 1, 0);
	put_location(&bytes, 2, 0, 0, 2, 0);
	put_sample(&bytes, ids, 2, 5);
	put_sample(&bytes, ids + 1, 1, 3);
	unit_ok(read_folded(string_ref_literal("main;work 5\nmain 3"), &default_limits) &&
			write_flat(&profile, true, &memory, &folded_flat, &error) &&
			pprof_read(bytes.data, bytes.size, &default_limits,
					   &memory.allocator, &profile, &error) &&
			write_flat(&profile, true, &memory, &pprof_flat, &error) &&
			same_bytes(&folded_flat, &pprof_flat),
			"folded stacks and the pprof of them mean the same");
	bytes_free(&bytes);
	unit_memory_free(&memory);
}

int
main(void)
{
	unit_memory_init(&memory);
	test_lines();
	test_zero_bytes();
	test_limits();
	test_as_pprof();
	return unit_finish();
}
