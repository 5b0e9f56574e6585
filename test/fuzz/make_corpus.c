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

#include "block/name_tree.h"
#include "flame/flame_text.h"
#include "stack/dictionary_codec.h"

#include "profile_check.h"
#include "sample_rows_input.h"
#include "stack_block_input.h"
#include "stack_sums_input.h"
#include "stacks_random.h"

#define SEEDS	20
#define BLOCKS	12

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

/* The columns of a dictionary, as fuzz_dictionary.c reads them. */
static void
write_dictionary(const char *folder, int number, const StackDictionary *stacks,
				 const Allocator *allocator)
{
	DictionaryCounts counts;
	ColumnScratch scratch;
	TextBuffer	out;
	PyroError	error = {0};
	bool		by_context = number % 2 == 1;

	text_buffer_init(&out, allocator, 1 << 24);
	if (!dictionary_count(stacks, 1 << 24, &counts, &error) ||
		!column_scratch_init(&scratch, dictionary_longest_column(&counts),
							 allocator, &error))
		return;
	text_append(&out, (char *) &counts, sizeof(counts));
	text_append_char(&out, by_context);
	dictionary_write_names(stacks, &scratch, &out);
	if (!by_context)
		dictionary_write_trie(stacks, &scratch, &out);
	else if (!dictionary_write_trie_by_context(stacks, allocator, &out, &error))
		return;
	dictionary_write_details(stacks, &scratch, &out);
	write_file(folder, "dictionary", number, out.data, out.length);
}

/* Dictionaries and name trees of random stacks. */
static void
write_stacks(const char *folder)
{
	int			number = 0;

	for (uint64 seed = 1; number < SEEDS; seed++)
	{
		UnitMemory	memory;
		const StackDictionary *stacks;
		NameTree	tree;
		TextBuffer	bytes;
		PyroError	error = {0};

		unit_memory_init(&memory);
		stacks = random_stacks(seed, &memory);
		text_buffer_init(&bytes, &memory.allocator, 1 << 24);
		if (stacks->nnodes < 200 &&
			name_tree_build(stacks, &memory.allocator, &tree, &error) &&
			name_tree_write(&tree, &memory.allocator, &bytes, &error))
		{
			write_file(folder, "name_tree", number, bytes.data, bytes.length);
			write_dictionary(folder, number++, stacks, &memory.allocator);
		}
		unit_memory_free(&memory);
	}
}

/* A value of a kind that some encoding is for. */
static int64
sample_value(UnitRandom *random, uint32 kind, const ModelRow *row, uint32 type,
			 uint32 i)
{
	int64		count = unit_below(random, 4);

	switch (kind)
	{
		case 0:
			return type == 0 ? count : row->values[0][i] * row->period;
		case 1:
			return type == 0 ? count : row->values[0][i] * row->keys[i] * 48;
		case 2:
			return row->keys[i] * INT64CONST(-1234567890123);
		case 3:
			return (int64) unit_random(random);
		default:
			return 1 - count;
	}
}

/* Samples of a few rows, each file of values of another kind. */
static void
write_sample_rows(const char *folder)
{
	for (uint32 kind = 0; kind < 5; kind++)
	{
		UnitRandom	random = unit_random_seed(kind + 1);
		UnitMemory	memory;
		SampleRowsInput input;
		StoredRows	stored;
		uint8		head[INPUT_HEAD];
		TextBuffer	bytes;
		PyroError	error = {0};

		unit_memory_init(&memory);
		for (uint32 r = 0; r < INPUT_ROWS; r++)
			head[r] = unit_below(&random, 256) & 0xCF;
		sample_rows_input_init(&input, head);
		for (uint32 r = 0; r < INPUT_ROWS; r++)
		{
			ModelRow   *row = &input.rows[r];

			row->keys = allocate_array(&memory.allocator, row->nsamples, 4);
			for (uint32 i = 0; i < row->nsamples; i++)
				row->keys[i] = i * INPUT_KEYS / row->nsamples;
			for (uint32 t = 0; t < input.groups[row->group].ntypes; t++)
			{
				row->values[t] = allocate_array(&memory.allocator,
												row->nsamples, 8);
				for (uint32 i = 0; i < row->nsamples; i++)
					row->values[t][i] = sample_value(&random, kind, row, t, i);
			}
		}
		text_buffer_init(&bytes, &memory.allocator, 1 << 20);
		if (model_write(&input.model, &memory.allocator, &stored, &error))
		{
			head[INPUT_ROWS] = stored.keys.size & 255;
			head[INPUT_ROWS + 1] = stored.keys.size >> 8;
			text_append(&bytes, (char *) head, sizeof(head));
			text_append(&bytes, (const char *) stored.keys.bytes,
						stored.keys.size);
			text_append(&bytes, (const char *) stored.values.bytes,
						stored.values.size);
			write_file(folder, "sample_rows", kind, bytes.data, bytes.length);
		}
		unit_memory_free(&memory);
	}
}

/* Parts of a block behind one another, as fuzz_stack_block.c splits them. */
static void
write_stack_block(const char *folder, int number, uint32 nrows,
				  const TextBuffer *parts, const Allocator *allocator)
{
	uint8		head[STACK_BLOCK_HEAD] = {nrows};
	TextBuffer	out;

	text_buffer_init(&out, allocator, 1 << 24);
	for (int i = STACK_HEADS; i < STACK_PART_END; i++)
	{
		uint8	   *length = head + 1 + 2 * (i - STACK_HEADS);

		length[0] = parts[i].length & 255;
		length[1] = parts[i].length >> 8;
	}
	text_append(&out, (char *) head, sizeof(head));
	for (int i = STACK_HEADS; i < STACK_PART_END; i++)
		text_append(&out, parts[i].data, parts[i].length);
	write_file(folder, "stack_block", number, out.data, out.length);
}

/*
 * Blocks of some random profiles each, as far as they are small; in every
 * other block each of them twice.
 */
static void
write_stack_blocks(const char *folder)
{
	uint64		seed = 1000;

	for (int number = 0; number < BLOCKS; number++)
	{
		UnitMemory	memory;
		PyroError	error = {0};
		TextBuffer	parts[STACK_PART_END];
		StackBuilder *builder;
		uint32		nrows = 0;
		uint32		run_end;
		bool		ends_leading = true;
		StackRuns	runs = {.nruns = 1,.run_end = &run_end,.ends_leading = &ends_leading};

		unit_memory_init(&memory);
		builder = stack_builder_create(&memory.allocator, &error);
		while (nrows < number % 5)
		{
			UnitRandom	random = unit_random_seed(seed++);
			Profile		profile;
			Bytes		bytes = {0};
			uint32		copies = number % 2 + 1;

			random_profile(&random, &bytes);
			if (bytes.size < 1200 &&
				pprof_read(bytes.data, bytes.size, &wide_limits,
						   &memory.allocator, &profile, &error))
				for (uint32 i = 0; i < copies; i++, nrows++)
					if (!stack_builder_add(builder, &profile, bytes.size,
										   &memory.allocator, &error))
						exit(1);
			bytes_free(&bytes);
		}
		run_end = nrows;
		if (!stack_builder_finish(builder, NULL, &runs, parts, &error))
			exit(1);
		write_stack_block(folder, number, nrows, parts, &memory.allocator);
		unit_memory_free(&memory);
	}
}

/* Sums of random rows, in runs of random lengths. */
static bool
write_sums(UnitRandom *random, uint8 *head, const Allocator *allocator, TextBuffer *out)
{
	SampleGroup groups[SUMS_MAX_GROUPS];
	uint32		key_node[40];
	PyroError	error;
	StackSumsWriter *writer;

	stack_sums_groups(groups);
	for (int k = 0; k < lengthof(key_node); k++)
		key_node[k] = unit_below(random, head[SUMS_NODES]);
	writer = stack_sums_begin(head[SUMS_NODES], lengthof(key_node), key_node, head[SUMS_GROUPS],
							  groups, allocator, &error);
	for (uint32 row = 0; row < head[SUMS_ROWS]; row++)
	{
		uint32		keys[10];
		int64		numbers[SUMS_MAX_TYPES][lengthof(keys)];
		int64	   *values[SUMS_MAX_TYPES];
		uint32		n = unit_below(random, lengthof(keys) + 1);

		for (uint32 i = 0; i < n; i++)
		{
			keys[i] = i * lengthof(key_node) / lengthof(keys);
			for (uint32 t = 0; t < SUMS_MAX_TYPES; t++)
			{
				values[t] = numbers[t];
				numbers[t][i] = t == 1 ? numbers[0][i] * 100 :
					(int64) unit_below(random, t == 3 ? PG_UINT32_MAX : 20) - (t == 2 ? 5 : 0);
			}
		}
		if (!stack_sums_add(writer, unit_below(random, head[SUMS_GROUPS]), n, keys, values,
							&error) ||
			((row + 1 == head[SUMS_ROWS] || unit_below(random, 3) == 0) &&
			 !stack_sums_end_run(writer, row + 1 == head[SUMS_ROWS] ||
								 unit_below(random, 3) == 0, &error)))
			return false;
	}
	return stack_sums_finish(writer, out, &error);
}

static void
write_stack_sums(const char *folder)
{
	for (int number = 0; number < BLOCKS; number++)
	{
		UnitRandom	random = unit_random_seed(number + 1);
		uint8		head[SUMS_HEAD] = {1 + number * 5, 1 + number * 20, 1 + number % SUMS_MAX_GROUPS};
		UnitMemory	memory;
		TextBuffer	sums,
					out;

		unit_memory_init(&memory);
		text_buffer_init(&sums, &memory.allocator, 1 << 20);
		text_buffer_init(&out, &memory.allocator, 1 << 20);
		if (!write_sums(&random, head, &memory.allocator, &sums))
			exit(1);
		text_append(&out, (char *) head, sizeof(head));
		text_append(&out, sums.data, sums.length);
		write_file(folder, "stack_sums", number, out.data, out.length);
		unit_memory_free(&memory);
	}
}

int
main(int argc, char **argv)
{
	int			number = 0;

	if (argc != 2)
		return 2;
	write_stack_blocks(argv[1]);
	write_stack_sums(argv[1]);
	write_flames(argv[1]);
	write_stacks(argv[1]);
	write_sample_rows(argv[1]);
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
