/*
 * test_flat.c
 *	  The stored form of a profile: what it keeps, and that damage is noticed.
 */
#include "postgres_fe.h"

#include "profile_check.h"

static UnitMemory memory;

/* The stored form of the random profile of a seed, malloc'd. */
static uint8 *
make_flat(uint64 seed, bool compress, size_t *size)
{
	UnitRandom	random = unit_random_seed(seed);
	Bytes		bytes = {0};
	Profile		profile;
	PyroError	error = {0};
	TextBuffer	flat;
	uint8	   *copy;

	random_profile(&random, &bytes);
	if (!pprof_read(bytes.data, bytes.size, &wide_limits, &memory.allocator,
					&profile, &error) ||
		!write_flat(&profile, compress, &memory, &flat, &error))
	{
		printf("Bail out! %s\n", error.message);
		exit(1);
	}
	copy = malloc(flat.length);
	memcpy(copy, flat.data, flat.length);
	*size = flat.length;
	bytes_free(&bytes);
	unit_memory_free(&memory);
	return copy;
}

/* Open bytes; 0 or the kind of error.  What opens must be sound to read. */
static PyroErrorKind
open_kind(const uint8 *bytes, size_t size, size_t max_memory,
		  const char **wrong)
{
	Profile		profile;
	PyroError	error = {0};
	bool		opened = profile_flat_open(bytes, size, max_memory,
										   &memory.allocator, &profile,
										   &error);

	*wrong = NULL;
	if (opened)
	{
		TextBuffer	again;

		*wrong = find_wrong_index(&profile);
		/* nor may writing it again go wrong */
		if (*wrong == NULL && write_flat(&profile, false, &memory, &again,
										 &error))
			(void) again;
	}
	unit_memory_free(&memory);
	return opened ? PYRO_OK : error.kind;
}

static void
test_forms_agree(void)
{
	uint32		nwrong = 0;

	for (uint64 seed = 1; seed <= 200; seed++)
	{
		size_t		plain_size;
		size_t		packed_size;
		uint8	   *plain = make_flat(seed, false, &plain_size);
		uint8	   *packed = make_flat(seed, true, &packed_size);
		uint64		hash[2];
		StringRef	head[2];
		StringRef	payload[2];
		PyroError	error = {0};
		ProfileHeader header;
		Profile		profile;
		size_t		head_size;

		if (!profile_flat_content(plain, plain_size, &memory.allocator,
								  &hash[0], &head[0], &payload[0], &error) ||
			!profile_flat_content(packed, packed_size, &memory.allocator,
								  &hash[1], &head[1], &payload[1], &error) ||
			hash[0] != hash[1] || !string_ref_equal(head[0], head[1]) ||
			!string_ref_equal(payload[0], payload[1]) ||
			packed_size > plain_size)
			nwrong++;
		/* the head is enough for the header */
		if (!profile_flat_head_size(packed, sizeof(ProfileFlatHead),
									&head_size, &error) ||
			!profile_flat_open_header(packed, head_size, &memory.allocator,
									  &header, &error) ||
			!profile_flat_open(plain, plain_size, CHECK_MEMORY,
							   &memory.allocator, &profile, &error) ||
			header.nsamples != profile.header.nsamples ||
			header.time_nanos != profile.header.time_nanos ||
			header.nsample_types != profile.header.nsample_types)
			nwrong++;
		else
		{
			bool	   *overflows = header.total_overflows;

			for (uint32 t = 0; t < header.nsample_types; t++)
			{
				if (!profile_sum_values(&profile, &memory.allocator, &error) ||
					header.totals[t] != profile.header.totals[t] ||
					overflows[t] != profile.header.total_overflows[t])
					nwrong++;
			}
		}
		unit_memory_free(&memory);
		free(plain);
		free(packed);
	}
	unit_ok(nwrong == 0, "compressed or not, whole or head, content is the same");
}

/* Do bytes open to the same content as an undamaged plain form? */
static bool
content_is(const uint8 *bytes, size_t size, const uint8 *plain,
		   size_t plain_size)
{
	Profile		profile;
	PyroError	error = {0};
	TextBuffer	again;
	bool		same = profile_flat_open(bytes, size, CHECK_MEMORY,
										 &memory.allocator, &profile,
										 &error) &&
	write_flat(&profile, false, &memory, &again, &error) &&
	again.length == plain_size &&
	memcmp(again.data, plain, plain_size) == 0;

	unit_memory_free(&memory);
	return same;
}

/* Each prefix, and each bit changed, of both forms. */
static void
test_damage(void)
{
	uint32		nunnoticed = 0;
	uint32		nodd = 0;
	const char *wrong;

	for (int compress = 0; compress < 2; compress++)
		for (uint64 seed = 1; seed <= 4; seed++)
		{
			size_t		size;
			size_t		plain_size;
			uint8	   *bytes = make_flat(seed, compress, &size);
			uint8	   *plain = make_flat(seed, false, &plain_size);

			for (size_t cut = 0; cut < size; cut++)
			{
				uint8	   *part = malloc(cut + 1);
				PyroErrorKind kind;

				memcpy(part, bytes, cut);
				kind = open_kind(part, cut, CHECK_MEMORY, &wrong);
				nunnoticed += kind == PYRO_OK;
				nodd += kind != PYRO_CORRUPT;
				free(part);
			}
			for (size_t bit = 0; bit < size * 8; bit++)
			{
				PyroErrorKind kind;

				bytes[bit / 8] ^= 1 << bit % 8;
				kind = open_kind(bytes, size, CHECK_MEMORY, &wrong);
				/* a zstd frame has bits that change nothing */
				if (kind == PYRO_OK)
					nunnoticed += compress == 0 ||
						!content_is(bytes, size, plain, plain_size);
				else
					nodd += kind != PYRO_CORRUPT && kind != PYRO_NO_MEMORY;
				bytes[bit / 8] ^= 1 << bit % 8;
			}
			free(bytes);
			free(plain);
		}
	unit_ok(nunnoticed == 0, "no cut and no changed bit goes unnoticed");
	unit_ok(nodd == 0, "all are damage");
}

/* Damage behind a checksum that fits: what opens is sound to read. */
static void
test_damage_with_checksum(void)
{
	uint32		nwrong = 0;
	uint32		nopened = 0;
	uint32		n = 0;

	for (uint64 seed = 1; seed <= 40; seed++)
	{
		size_t		size;
		uint8	   *bytes = make_flat(seed, false, &size);
		uint8	   *copy = malloc(size);
		UnitRandom	random = unit_random_seed(seed);

		for (int turn = 0; turn < 2000; turn++)
		{
			const char *wrong;
			size_t		cut = size;

			memcpy(copy, bytes, size);
			for (uint32 k = 1 + unit_below(&random, 3); k > 0; k--)
			{
				size_t		at = unit_below(&random, size);

				copy[at] = unit_chance(&random, 50) ? unit_random(&random) :
					copy[at] ^ (1 << unit_below(&random, 8));
			}
			if (unit_chance(&random, 10))
				cut = unit_below(&random, size);
			fix_content_hash(copy, cut);
			if (open_kind(copy, cut, 4 << 20, &wrong) == PYRO_OK)
				nopened++;
			if (wrong != NULL && nwrong++ < 5)
				unit_note("seed " UINT64_FORMAT ": %s", seed, wrong);
			n++;
		}
		free(bytes);
		free(copy);
	}
	unit_ok(nwrong == 0, "what opens with a right checksum is sound to read");
	unit_note("%u of %u changed forms open", nopened, n);
}

/* What is opened for a call tree agrees with what is opened whole. */
static void
test_open_names(void)
{
	uint32		nwrong = 0;

	for (uint64 seed = 1; seed <= 300; seed++)
	{
		size_t		size;
		uint8	   *bytes = make_flat(seed, seed % 2 == 0, &size);
		Profile		whole;
		PyroError	error = {0};
		uint32		type = 0;

		if (!profile_flat_open(bytes, size, CHECK_MEMORY, &memory.allocator,
							   &whole, &error))
			nwrong++;
		for (; type < whole.header.nsample_types; type++)
		{
			Profile		names;
			uint32		n = whole.header.nsamples;

			if (!profile_flat_open_names(bytes, size, &whole.header, type,
										 CHECK_MEMORY, &memory.allocator,
										 &names, &error) ||
				names.stacks->nnodes != whole.stacks->nnodes ||
				memcmp(names.sample_node, whole.sample_node,
					   n * sizeof(uint32)) != 0 ||
				memcmp(names.values[type], whole.values[type],
					   n * sizeof(int64)) != 0 ||
				memcmp(names.stacks->node_parent, whole.stacks->node_parent,
					   whole.stacks->nnodes * sizeof(uint32)) != 0)
			{
				nwrong++;
				break;
			}
			for (uint32 i = 1; i < whole.stacks->nnodes; i++)
			{
				uint32		index = whole.stacks->node_location[i];
				StackLocation *location = &whole.stacks->locations[index];

				if (names.stacks->node_location[i] != index ||
					names.stacks->locations[index].nlines != location->nlines ||
					!string_ref_equal(stack_unsymbolised_name(whole.stacks, location),
									  stack_unsymbolised_name(names.stacks,
															  &names.stacks->locations[index])))
					nwrong++;
				for (uint32 k = 0; k < location->nlines; k++)
					nwrong += !string_ref_equal(stack_frame_name(whole.stacks, location, k),
												stack_frame_name(names.stacks,
																 &names.stacks->locations[index], k));
			}
		}
		free(bytes);
		unit_memory_free(&memory);
	}
	unit_ok(nwrong == 0, "what a call tree needs can be opened alone");
}

static void
test_caps(void)
{
	size_t		size;
	uint8	   *bytes = make_flat(3, false, &size);
	const char *wrong;
	size_t		enough = 0;
	uint32		version = PROFILE_FLAT_VERSION + 1;

	while (open_kind(bytes, size, enough, &wrong) != PYRO_OK)
	{
		if (enough > 1 << 24)
			break;
		enough += 100;
	}
	unit_ok(enough > 0 && enough <= 1 << 20,
			"memory of %zu bytes is enough for one of %zu", enough, size);
	unit_ok(open_kind(bytes, size, 0, &wrong) == PYRO_CORRUPT,
			"without memory to take it is refused");
	memcpy(bytes, &version, 1);
	unit_ok(open_kind(bytes, size, CHECK_MEMORY, &wrong) == PYRO_CORRUPT,
			"another version is refused");
	free(bytes);
}

/* When the form changes, fuzzing must start from new files (make_corpus). */
static void
test_fuzz_corpus(void)
{
	size_t		size;
	uint8	   *bytes = read_whole_file("test/fuzz/corpus/flat/random-00", &size);
	const char *wrong;

	unit_ok(bytes != NULL &&
			open_kind(bytes, size, CHECK_MEMORY, &wrong) == PYRO_OK,
			"the files that fuzzing starts from are of this form");
	free(bytes);
}

/* Behind something else in the buffer, as behind a varlena header. */
static void
test_behind_a_header(void)
{
	UnitRandom	random = unit_random_seed(4);
	Bytes		bytes = {0};
	Profile		profile;
	PyroError	error = {0};
	TextBuffer	alone;
	TextBuffer	behind;

	random_profile(&random, &bytes);
	text_buffer_init(&behind, &memory.allocator, 1 << 20);
	text_append_string(&behind, "1234");
	unit_ok(pprof_read(bytes.data, bytes.size, &wide_limits,
					   &memory.allocator, &profile, &error) &&
			write_flat(&profile, true, &memory, &alone, &error) &&
			profile_flat_write(&profile, true, &behind, &error) &&
			behind.length == alone.length + 4 &&
			memcmp(behind.data + 4, alone.data, alone.length) == 0 &&
			profile_flat_open((uint8 *) behind.data + 4, alone.length,
							  CHECK_MEMORY, &memory.allocator, &profile,
							  &error),
			"the form does not depend on where it stands");
	bytes_free(&bytes);
	unit_memory_free(&memory);
}

/* A form that does not fit into its buffer. */
static void
test_small_buffers(void)
{
	UnitRandom	random = unit_random_seed(4);
	Bytes		bytes = {0};
	Profile		profile;
	PyroError	error = {0};
	TextBuffer	flat;
	uint32		nodd = 0;

	random_profile(&random, &bytes);
	if (!pprof_read(bytes.data, bytes.size, &wide_limits, &memory.allocator,
					&profile, &error))
		unit_note("%s", error.message);
	for (size_t limit = 0; limit < 2000; limit += 7)
	{
		bool		written;

		text_buffer_init(&flat, &memory.allocator, limit);
		error.kind = PYRO_OK;
		written = profile_flat_write(&profile, true, &flat, &error);
		nodd += written ? flat.length > limit : error.kind != PYRO_LIMIT;
		text_buffer_init(&flat, &memory.allocator, limit);
		error.kind = PYRO_OK;
		written = pprof_encode(&profile, &flat, &error);
		nodd += written ? flat.length > limit : error.kind != PYRO_LIMIT;
	}
	unit_ok(nodd == 0, "what does not fit into its buffer is over a limit");
	bytes_free(&bytes);
	unit_memory_free(&memory);
}

int
main(void)
{
	unit_memory_init(&memory);
	test_forms_agree();
	test_damage();
	test_damage_with_checksum();
	test_open_names();
	test_caps();
	test_behind_a_header();
	test_small_buffers();
	test_fuzz_corpus();
	return unit_finish();
}
