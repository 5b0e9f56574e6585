/*
 * pprof_reencode.c
 *	  Reads pprof files and writes them as the `profile` type sends them.
 *
 *	pprof_reencode INPUT OUTPUT [INPUT OUTPUT ...]
 *
 * Each goes through its stored form.  Refused files are reported, and the
 * exit status is 1 when there are any.
 */
#include "postgres_fe.h"

#include "profile/compression.h"

#include "profile_check.h"

static bool
write_whole_file(const char *path, ByteRange bytes)
{
	FILE	   *file = fopen(path, "wb");

	if (file == NULL)
		return false;
	if (fwrite(bytes.bytes, 1, bytes.size, file) != bytes.size)
	{
		fclose(file);
		return false;
	}
	return fclose(file) == 0;
}

/* NULL, or why it failed. */
static const char *
reencode(const char *input, const char *output, UnitMemory *memory,
		 PyroError *error)
{
	size_t		size;
	uint8	   *bytes = read_whole_file(input, &size);
	Profile		profile;
	Profile		opened;
	TextBuffer	flat;
	TextBuffer	pprof;
	ByteRange	gzip;
	const char *failure = NULL;

	if (bytes == NULL)
		return "could not be read";
	text_buffer_init(&pprof, &memory->allocator, (size_t) 1 << 30);
	if (!pprof_read(bytes, size, &wide_limits, &memory->allocator, &profile,
					error))
		failure = "is refused";
	else if (!write_flat(&profile, true, memory, &flat, error) ||
			 !profile_flat_open((uint8 *) flat.data, flat.length, CHECK_MEMORY,
								&memory->allocator, &opened, error) ||
			 !pprof_encode(&opened, &pprof, error) ||
			 !compress_gzip((ByteRange)
							{
							 (uint8 *) pprof.data, pprof.length
							 }, &memory->allocator, &gzip, error))
		failure = "could not be encoded";
	else if (!write_whole_file(output, gzip))
		failure = "could not be written";
	free(bytes);
	return failure;
}

int
main(int argc, char **argv)
{
	int			status = 0;

	if (argc < 3 || argc % 2 == 0)
	{
		fprintf(stderr, "usage: pprof_reencode INPUT OUTPUT [INPUT OUTPUT ...]\n");
		return 2;
	}
	for (int i = 1; i < argc; i += 2)
	{
		UnitMemory	memory;
		PyroError	error = {0};
		const char *failure;

		unit_memory_init(&memory);
		failure = reencode(argv[i], argv[i + 1], &memory, &error);
		if (failure != NULL)
		{
			printf("%s\t%s: %s\n", argv[i], failure, error.message);
			status = 1;
		}
		unit_memory_free(&memory);
	}
	return status;
}
