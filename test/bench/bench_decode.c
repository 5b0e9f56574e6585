/*
 * bench_decode.c
 *	  Times the way from pprof bytes to an opened stored profile, and
 *	  protobuf-c on the same bytes.
 *
 *	bench_decode check FILE...	prints the files that can be compared
 *	bench_decode measure LIST	times all files of a list, after a pass to
 *								warm up
 *
 * The last prints one line: files, their uncompressed bytes, bytes and flat
 * bytes, samples; MB/s of uncompressed bytes of pprof_decode and of
 * protobuf-c, then of both with the release of what they made, and of
 * decompress_any alone and with pprof_decode; microseconds a profile to
 * canonicalise, to write and to open; MB/s of pprof_decode with
 * pprof_canonicalise.
 *
 * Both decoders get memory by malloc, a call for each thing they ask for.
 */
#include "postgres_fe.h"

#include "profile/compression.h"
#include "profile/pprof.h"

#include "bench.h"
#include "profile.pb-c.h"

/* Bytes of a pass, and of the files whose results live at the same time. */
#define PASS_BYTES	((size_t) 32 << 20)
#define BATCH_BYTES	((size_t) 1 << 20)

typedef struct InputFile
{
	ByteRange	file;
	ByteRange	plain;
} InputFile;

typedef struct Inputs
{
	uint32		n;
	size_t		capacity;
	InputFile  *files;
	size_t		file_bytes;
	size_t		plain_bytes;
} Inputs;

/* One way to read a file; false where it fails.  *result is to be freed. */
typedef bool (*Reader) (const InputFile *input, UnitMemory *memory,
						void **result);

static bool
read_ours(const InputFile *input, UnitMemory *memory, void **result)
{
	PprofMessage message;
	PyroError	error = {0};

	return pprof_decode(input->plain.bytes, input->plain.size, &wide_limits,
						&memory->allocator, &message, &error);
}

static bool
read_compressed(const InputFile *input, UnitMemory *memory, void **result)
{
	InputFile	inner = {0};
	PyroError	error = {0};

	return decompress_any(input->file, wide_limits.max_size,
						  &memory->allocator, &inner.plain, &error) &&
		read_ours(&inner, memory, result);
}

static bool
only_decompress(const InputFile *input, UnitMemory *memory, void **result)
{
	ByteRange	plain;
	PyroError	error = {0};

	return decompress_any(input->file, wide_limits.max_size,
						  &memory->allocator, &plain, &error);
}

static bool
read_protobuf(const InputFile *input, UnitMemory *memory, void **result)
{
	*result = pyro__oracle__profile__unpack(NULL, input->plain.size,
											input->plain.bytes);
	return *result != NULL;
}

typedef struct ReaderTime
{
	double		read;
	double		release;
} ReaderTime;

/* Add the time that a reader takes for all files. */
static void
time_reader(Reader reader, const Inputs *inputs, ReaderTime *time)
{
	void	  **results = bench_allocate(inputs->n, sizeof(void *));

	for (uint32 start = 0; start < inputs->n;)
	{
		UnitMemory	memory;
		uint32		end = start;
		size_t		bytes = 0;
		double		from;
		double		between;

		unit_memory_init(&memory);
		from = bench_seconds();
		for (; end < inputs->n && bytes < BATCH_BYTES; end++)
		{
			if (!reader(&inputs->files[end], &memory, &results[end]))
				bench_fail("file %u is refused", end);
			bytes += inputs->files[end].plain.size;
		}
		between = bench_seconds();
		unit_memory_free(&memory);
		for (; start < end; start++)
			if (results[start] != NULL)
				pyro__oracle__profile__free_unpacked(results[start], NULL);
		time->read += between - from;
		time->release += bench_seconds() - between;
	}
	free(results);
}

typedef struct StepTimes
{
	double		decode;
	double		canonicalise;
	double		write;
	double		open;
	size_t		flat_bytes;
	size_t		nsamples;
} StepTimes;

/* Add the time of each step from bytes to an opened profile. */
static void
time_steps(const Inputs *inputs, StepTimes *times)
{
	for (uint32 i = 0; i < inputs->n; i++)
	{
		ByteRange	plain = inputs->files[i].plain;
		UnitMemory	memory;
		PyroError	error = {0};
		PprofMessage message;
		Profile		profile;
		Profile		opened;
		TextBuffer	flat;
		double		at[5];

		unit_memory_init(&memory);
		at[0] = bench_seconds();
		if (!pprof_decode(plain.bytes, plain.size, &wide_limits,
						  &memory.allocator, &message, &error))
			bench_fail("file %u: %s", i, error.message);
		at[1] = bench_seconds();
		if (!pprof_canonicalise(&message, &wide_limits, &memory.allocator,
								&profile, &error))
			bench_fail("file %u: %s", i, error.message);
		at[2] = bench_seconds();
		if (!write_flat(&profile, true, &memory, &flat, &error))
			bench_fail("file %u: %s", i, error.message);
		at[3] = bench_seconds();
		if (!profile_flat_open((uint8 *) flat.data, flat.length, CHECK_MEMORY,
							   &memory.allocator, &opened, &error))
			bench_fail("file %u: %s", i, error.message);
		at[4] = bench_seconds();
		times->decode += at[1] - at[0];
		times->canonicalise += at[2] - at[1];
		times->write += at[3] - at[2];
		times->open += at[4] - at[3];
		times->flat_bytes += flat.length;
		times->nsamples += profile.header.nsamples;
		unit_memory_free(&memory);
	}
}

static void
measure(const Inputs *inputs)
{
	uint32		npasses = PASS_BYTES / (inputs->plain_bytes + 1) + 1;
	double		megabytes = inputs->plain_bytes / 1e6 * npasses;
	ReaderTime	ours = {0};
	ReaderTime	protobuf = {0};
	ReaderTime	decompression = {0};
	ReaderTime	compressed = {0};
	StepTimes	steps = {0};

	for (uint32 pass = 0; pass <= npasses; pass++)
	{
		if (pass == 1)			/* the first one only warms up */
			ours = protobuf = decompression = compressed = (ReaderTime) {0};
		time_reader(read_ours, inputs, &ours);
		time_reader(read_protobuf, inputs, &protobuf);
		time_reader(only_decompress, inputs, &decompression);
		time_reader(read_compressed, inputs, &compressed);
	}
	time_steps(inputs, &steps);
	printf("%u %zu %zu %zu %zu", inputs->n, inputs->plain_bytes,
		   inputs->file_bytes, steps.flat_bytes, steps.nsamples);
	printf(" %.1f %.1f %.1f %.1f %.1f %.1f", megabytes / ours.read,
		   megabytes / protobuf.read,
		   megabytes / (ours.read + ours.release),
		   megabytes / (protobuf.read + protobuf.release),
		   megabytes / decompression.read, megabytes / compressed.read);
	printf(" %.1f %.1f %.1f %.1f\n", steps.canonicalise / inputs->n * 1e6,
		   steps.write / inputs->n * 1e6, steps.open / inputs->n * 1e6,
		   inputs->plain_bytes / 1e6 / (steps.decode + steps.canonicalise));
}

/* ---- files ---- */

/* The bytes of the input and of its uncompressed form are malloc'd. */
static bool
read_input(const char *path, InputFile *input)
{
	UnitMemory	memory;
	PyroError	error = {0};
	uint8	   *copy;

	input->file.bytes = read_whole_file(path, &input->file.size);
	if (input->file.bytes == NULL)
		return false;
	unit_memory_init(&memory);
	if (!decompress_any(input->file, wide_limits.max_size, &memory.allocator,
						&input->plain, &error))
	{
		unit_memory_free(&memory);
		return false;
	}
	copy = bench_allocate(input->plain.size, 1);
	memcpy(copy, input->plain.bytes, input->plain.size);
	input->plain.bytes = copy;
	unit_memory_free(&memory);
	return true;
}

/* Can a file go through every way that is measured? */
static bool
can_compare(const char *path)
{
	InputFile	input;
	UnitMemory	memory;
	PyroError	error = {0};
	Profile		profile;
	void	   *unpacked;
	bool		can;

	if (!read_input(path, &input))
		return false;
	unit_memory_init(&memory);
	can = pprof_read(input.file.bytes, input.file.size, &wide_limits,
					 &memory.allocator, &profile, &error) &&
		read_protobuf(&input, &memory, &unpacked);
	if (can)
		pyro__oracle__profile__free_unpacked(unpacked, NULL);
	unit_memory_free(&memory);
	free((void *) input.file.bytes);
	free((void *) input.plain.bytes);
	return can;
}

static void
read_inputs(const char *list, Inputs *inputs)
{
	FILE	   *file = fopen(list, "r");
	char		path[MAXPGPATH];

	if (file == NULL)
		bench_fail("could not read %s", list);
	while (fgets(path, sizeof(path), file) != NULL)
	{
		InputFile	input;

		path[strcspn(path, "\n")] = '\0';
		if (!read_input(path, &input))
			bench_fail("could not read %s", path);
		if (inputs->n == inputs->capacity)
		{
			inputs->capacity = inputs->capacity * 2 + 64;
			inputs->files = realloc(inputs->files,
									inputs->capacity * sizeof(InputFile));
			if (inputs->files == NULL)
				bench_fail("out of memory");
		}
		inputs->files[inputs->n++] = input;
		inputs->file_bytes += input.file.size;
		inputs->plain_bytes += input.plain.size;
	}
	fclose(file);
	if (inputs->n == 0)
		bench_fail("%s is empty", list);
}

int
main(int argc, char **argv)
{
	Inputs		inputs = {0};

	if (argc > 2 && strcmp(argv[1], "check") == 0)
	{
		for (int i = 2; i < argc; i++)
			if (can_compare(argv[i]))
				printf("%s\n", argv[i]);
		return 0;
	}
	if (argc != 3 || strcmp(argv[1], "measure") != 0)
		bench_fail("usage: bench_decode check FILE... | measure LIST");
	read_inputs(argv[2], &inputs);
	measure(&inputs);
	return 0;
}
