/*
 * fuzz_pprof.c
 *	  Bytes as a pprof file: what is read must lose nothing on any way.
 */
#include "postgres_fe.h"

#include "profile_check.h"

static const ProfileLimits small_limits = {
	.max_size = 1 << 20,
	.max_samples = 5000,
	.max_stack_depth = 500
};

int			LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size)
{
	UnitMemory	memory;
	Profile		profile;
	PyroError	error = {0};

	unit_memory_init(&memory);
	if (pprof_read(bytes, size, &small_limits, &memory.allocator, &profile,
				   &error))
	{
		const char *flaw = check_round_trip(&profile, &memory, &error);

		if (flaw != NULL)
		{
			fprintf(stderr, "%s: %s\n", flaw, error.message);
			abort();
		}
	}
	else if (error.kind == PYRO_OK || error.message[0] == '\0')
		abort();
	unit_memory_free(&memory);
	return 0;
}
