/*
 * test_no_memory.c
 *	  An allocator that fails at any point makes a failure, never a crash.
 */
#include "postgres_fe.h"

#include "profile/compression.h"
#include "profile/profile_merge.h"
#include "profile/profile_source.h"
#include "profile/profile_transform.h"

#include "profile_check.h"

static const ProfileLimits default_limits = {
	.max_size = 64 << 20,
	.max_samples = 1000000,
	.max_stack_depth = 4096
};

typedef struct Input
{
	const uint8 *bytes;
	size_t		size;
} Input;

/* What is made of a profile: others, and the figures of all source lines. */
static bool
derive(const Profile *profile, UnitMemory *memory, PyroError *error)
{
	Allocator  *allocator = &memory->allocator;
	bool	   *all = allocate_or_fail(allocator,
									   Max(profile->stacks->nfunctions,
										   profile->nlabel_sets),
									   sizeof(bool), error);
	SourceLine *lines;
	uint32		nlines;
	Profile		made;

	if (all == NULL)
		return false;
	memset(all, true, Max(profile->stacks->nfunctions, profile->nlabel_sets));
	return profile_keep_label_sets(profile, all, allocator, &made, error) &&
		profile_normalise_symbols(profile, allocator, &made, error) &&
		(profile->header.nsample_types == 0 ||
		 profile_source_lines(profile, 0, all, allocator, &lines, &nlines,
							  error)) &&
		profile_scale(profile, 0.5, allocator, &made, error) &&
		profile_subtract(profile, profile, allocator, &made, error);
}

/* Read, write, open, encode, read again, merge: all ways in one. */
static bool
run_all(const Input *input, UnitMemory *memory, PyroError *error)
{
	Profile		profile;
	Profile		opened;
	Profile		sum;
	ProfileHeader header;
	TextBuffer	flat;
	TextBuffer	pprof;
	ByteRange	compressed;

	if (!pprof_read(input->bytes, input->size, &default_limits,
					&memory->allocator, &profile, error) ||
		!write_flat(&profile, true, memory, &flat, error) ||
		!profile_flat_open_header((uint8 *) flat.data, flat.length,
								  &memory->allocator, &header, error) ||
		!profile_flat_open((uint8 *) flat.data, flat.length, CHECK_MEMORY,
						   &memory->allocator, &opened, error))
		return false;
	text_buffer_init(&pprof, &memory->allocator, 64 << 20);
	return pprof_encode(&opened, &pprof, error) &&
		compress_gzip((ByteRange)
					  {
					   (uint8 *) pprof.data, pprof.length
					   }, &memory->allocator, &compressed, error) &&
		profile_merge(&profile, &opened, &memory->allocator, &sum, error) &&
		derive(&profile, memory, error);
}

/* Fail at each allocation, from the first to the last. */
static void
check_input(const char *name, const Input *input)
{
	UnitMemory	memory;
	PyroError	error = {0};
	uint64		nallocations;
	uint64		nodd = 0;

	unit_memory_init(&memory);
	/* a random profile's values may be too large for their sum */
	if (!unit_ok(run_all(input, &memory, &error) ||
				 error.kind == PYRO_OVERFLOW, "%s goes all ways", name))
		unit_note("%s", error.message);
	nallocations = memory.nallocations;
	unit_memory_free(&memory);
	for (uint64 k = 1; k <= nallocations; k++)
	{
		memset(&error, 0, sizeof(error));
		memory.fail_at = k;
		if (run_all(input, &memory, &error))
		{
			/* scratch that one may do without */
			nodd++;
			unit_note("%s: failing at allocation " UINT64_FORMAT " goes unnoticed",
					  name, k);
		}
		else if (error.kind != PYRO_NO_MEMORY &&
				 !(error.kind == PYRO_LIMIT &&
				   strstr(error.message, "out of memory") != NULL))
		{
			nodd++;
			unit_note("%s: failing at allocation " UINT64_FORMAT " gives kind %d, %s",
					  name, k, error.kind, error.message);
		}
		unit_memory_free(&memory);
	}
	unit_ok(nodd == 0, "%s fails cleanly at each of " UINT64_FORMAT " allocations",
			name, nallocations);
}

static void
check_file(const char *path, const char *format, const uint8 *bytes,
		   size_t size)
{
	Input		input = {bytes, size};

	check_input(strrchr(path, '/') + 1, &input);
}

/* The same content as a zstd file, and as uncompressed bytes. */
static void
check_other_forms(void)
{
	Bytes		bytes = {0};
	UnitRandom	random = unit_random_seed(3);
	uint8		zstd[100000];
	Input		input;

	for (int i = 0; i < 20; i++)
	{
		bytes_free(&bytes);
		random_profile(&random, &bytes);
		input = (Input)
		{
			bytes.data, bytes.size
		};
		check_input("a random profile", &input);
	}
	input.bytes = zstd;
	input.size = compress_zstd((ByteRange)
							   {
								bytes.data, bytes.size
								}, zstd, sizeof(zstd));
	check_input("a zstd file", &input);
	bytes_free(&bytes);
}

int
main(void)
{
	for_listed_files("test/data", "COUNTS.tsv", 1, check_file);
	check_other_forms();
	return unit_finish();
}
