/*
 * test_round_trip.c
 *	  Profiles come back from their stored form and from pprof as they were.
 *
 * Over test/data, the corpora where these are, and random profiles with odd
 * features.
 */
#include "postgres_fe.h"

#include "profile_check.h"

static uint32 nread = 0;
static uint32 nrefused = 0;
static uint32 ndamaged = 0;

static void
check_file(const char *path, const char *format, const uint8 *bytes,
		   size_t size)
{
	UnitMemory	memory;
	Profile		profile;
	PyroError	error = {0};
	const char *name = strrchr(path, '/') + 1;
	bool		may_refuse = strstr(format, "malformed") != NULL ||
	strncmp(name, "bad-", 4) == 0 || strncmp(name, "hostile-", 8) == 0 ||
	strncmp(name, "not-a-profile-", 14) == 0 ||
	strcmp(name, "empty.pb") == 0 ||
	/* a function with id 0, which google/pprof refuses as well */
	strcmp(name, "dotnet-pprof-3.pb.gz") == 0;

	unit_memory_init(&memory);
	if (!pprof_read(bytes, size, &wide_limits, &memory.allocator, &profile,
					&error))
	{
		nrefused++;
		unit_ok(may_refuse && error.kind != PYRO_NO_MEMORY, "%s is refused",
				path);
		unit_note("%s", error.message);
	}
	else
	{
		const char *flaw = check_round_trip(&profile, &memory, &error);

		nread++;
		if (flaw != NULL)
		{
			ndamaged++;
			unit_ok(false, "%s loses nothing", path);
			unit_note("%s: %s", flaw, error.message);
		}
		if (strncmp(name, "bad-", 4) == 0)
			unit_ok(false, "%s is refused", path);
	}
	unit_memory_free(&memory);
}

static void
check_random_profiles(void)
{
	uint32		nodd = 0;
	const uint32 n = 3000;

	for (uint32 seed = 1; seed <= n; seed++)
	{
		UnitRandom	random = unit_random_seed(seed);
		UnitMemory	memory;
		Profile		profile;
		PyroError	error = {0};
		Bytes		bytes = {0};
		const char *flaw;

		random_profile(&random, &bytes);
		unit_memory_init(&memory);
		if (!pprof_read(bytes.data, bytes.size, &wide_limits,
						&memory.allocator, &profile, &error))
			flaw = "it is refused";
		else
			flaw = check_round_trip(&profile, &memory, &error);
		if (flaw != NULL && nodd++ < 5)
			unit_note("seed %u: %s: %s", seed, flaw, error.message);
		unit_memory_free(&memory);
		bytes_free(&bytes);
	}
	unit_ok(nodd == 0, "%u random profiles lose nothing, %u do", n, nodd);
}

int
main(void)
{
	uint32		nfiles = for_all_files(check_file);

	unit_ok(nread > 0 && ndamaged == 0,
			"%u of %u files lose nothing, %u are refused", nread, nfiles,
			nrefused);
	check_random_profiles();
	return unit_finish();
}
