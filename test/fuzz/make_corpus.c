/*
 * make_corpus.c
 *	  Writes the small inputs that fuzzing starts from.
 *
 *	test/build_pure.sh test/fuzz/make_corpus.c build/make_corpus
 *	build/make_corpus test/fuzz/corpus
 *
 * Everything comes from the generator of random profiles, so that the files
 * below test/fuzz/corpus can be made anew.
 */
#include "postgres_fe.h"

#include "flame/flame_text.h"

#include "profile_check.h"

#define SEEDS	20

static void
write_file(const char *folder, const char *kind, int number,
		   const void *bytes, size_t size)
{
	char		path[1024];
	FILE	   *file;

	snprintf(path, sizeof(path), "%s/%s/random-%02d", folder, kind, number);
	file = fopen(path, "wb");
	if (file == NULL || fwrite(bytes, 1, size, file) != size ||
		fclose(file) != 0)
	{
		perror(path);
		exit(1);
	}
}

/* The stored forms of some call trees, without varlena header. */
static void
write_flames(const char *folder)
{
	static const char *const texts[] = {
		"", "main 1", "main;work 5\nmain;idle 7\nmain 3",
		"a;a;b;a 1\na;b 2\nb;a 3\nc;;d -4",
		"flamegraph 1 cpu/nanoseconds profiles=2 duration=5\n0\t1\n1\t2\tx\n2\t3\t@0"
	};

	for (size_t i = 0; i < lengthof(texts); i++)
	{
		UnitMemory	memory;
		CallTree	tree;
		FlameHeader header;
		TextBuffer	flat;
		PyroError	error = {0};

		unit_memory_init(&memory);
		text_buffer_init(&flat, &memory.allocator, FLAME_FLAT_MAX_SIZE);
		text_append(&flat, "head", 4);
		if (call_tree_init(&tree, &memory.allocator, 5, &error) &&
			flame_text_read(string_ref_literal(texts[i]), &tree, &header,
							&memory.allocator, &error) &&
			flame_flat_write(&tree, &header, &flat, &error))
			write_file(folder, "flame_flat", i, flat.data + 4,
					   flat.length - 4);
		unit_memory_free(&memory);
	}
}

int
main(int argc, char **argv)
{
	int			number = 0;

	if (argc != 2)
		return 2;
	write_flames(argv[1]);
	for (uint64 seed = 1; number < SEEDS; seed++)
	{
		UnitRandom	random = unit_random_seed(seed);
		UnitMemory	memory;
		Profile		profile;
		PyroError	error = {0};
		TextBuffer	flat;
		Bytes		bytes = {0};

		random_profile(&random, &bytes);
		unit_memory_init(&memory);
		if (bytes.size < 1500 &&
			pprof_read(bytes.data, bytes.size, &wide_limits,
					   &memory.allocator, &profile, &error) &&
			write_flat(&profile, false, &memory, &flat, &error))
		{
			write_file(argv[1], "pprof", number, bytes.data, bytes.size);
			write_file(argv[1], "flat", number, flat.data, flat.length);
			number++;
		}
		unit_memory_free(&memory);
		bytes_free(&bytes);
	}
	return 0;
}
