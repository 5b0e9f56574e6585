/*
 * fuzz_flat.c
 *	  Bytes as a stored profile: what opens is sound to read and to write.
 *
 * A checksum guards the stored form.  It is made right first, and the payload
 * taken as it is, so that the checks behind it are reached.
 */
#include "postgres_fe.h"

#include "profile_check.h"

/* more would only make the runs slow */
#define MAX_MEMORY	((size_t) 4 << 20)

int			LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size);

/* Read all that there is, for the sanitizers to see. */
static uint64
walk(const Profile *profile)
{
	const ProfileHeader *header = &profile->header;
	const StackDictionary *stacks = profile->stacks;
	uint64		sum = profile_find_type(header, string_ref_literal("cpu"));

	if (header->nsample_types > 0)
		sum += profile_default_type(header);
	for (uint32 i = 0; i < stacks->nstrings; i++)
		sum += hash_bytes64(stacks->strings[i].data,
							stacks->strings[i].length, 0);
	for (uint32 i = 0; i < stacks->nlocations; i++)
		for (uint32 k = 0; k < stack_location_frames(&stacks->locations[i]); k++)
			sum += stack_frame_name(stacks, &stacks->locations[i], k).length +
				stack_unsymbolised_name(stacks, &stacks->locations[i]).length;
	for (uint32 t = 0; t < header->nsample_types; t++)
		for (uint32 i = 0; i < header->nsamples; i++)
			sum += profile->values[t][i];
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size)
{
	UnitMemory	memory;
	Profile		profile;
	PyroError	error = {0};
	TextBuffer	flat;
	TextBuffer	again;
	TextBuffer	pprof;
	uint8	   *copy = malloc(size + 1);

	memcpy(copy, bytes, size);
	fix_content_hash(copy, size);
	unit_memory_init(&memory);
	for (uint32 type = 0; type < 2; type++)
	{
		Profile		names;
		ProfileHeader header;

		if (profile_flat_open_header(copy, size, &memory.allocator, &header,
									 &error) &&
			profile_flat_open_names(copy, size, &header, type, MAX_MEMORY,
									&memory.allocator, &names, &error) &&
			find_wrong_index(&names) != NULL)
			abort();
	}
	unit_memory_free(&memory);
	if (profile_flat_open(copy, size, MAX_MEMORY, &memory.allocator, &profile,
						  &error))
	{
		Profile		reopened;

		if (find_wrong_index(&profile) != NULL)
		{
			fprintf(stderr, "%s\n", find_wrong_index(&profile));
			abort();
		}
		if (walk(&profile) == 0)
			error.kind = PYRO_OK;	/* so that the walk is not left out */
		/* what was damaged need not be canonical, but can be written */
		if (write_flat(&profile, true, &memory, &flat, &error) &&
			profile_flat_open((uint8 *) flat.data, flat.length, CHECK_MEMORY,
							  &memory.allocator, &reopened, &error) &&
			write_flat(&reopened, true, &memory, &again, &error) &&
			!same_bytes(&flat, &again))
			abort();
		text_buffer_init(&pprof, &memory.allocator, 16 << 20);
		(void) pprof_encode(&profile, &pprof, &error);
	}
	else if (error.kind != PYRO_CORRUPT && error.kind != PYRO_NO_MEMORY)
		abort();
	unit_memory_free(&memory);
	free(copy);
	return 0;
}
