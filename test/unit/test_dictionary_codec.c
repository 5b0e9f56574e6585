/*
 * test_dictionary_codec.c
 *	  The columns of a dictionary: what is read is what was written, each part
 *	  from bytes of its own; damage is noticed or harmless.
 */
#include "postgres_fe.h"

#include "stack/dictionary_codec.h"
#include "stack/symbol_tree.h"

#include "stacks_random.h"

static UnitMemory memory;

/* Names, trie, trie by context, details. */
#define NPARTS	4

typedef struct Parts
{
	DictionaryCounts counts;
	uint8	   *bytes[NPARTS];
	size_t		size[NPARTS];
} Parts;

/* The parts of a dictionary, malloc'd each by itself. */
static Parts
write_parts(const StackDictionary *stacks)
{
	Parts		parts;
	ColumnScratch scratch;
	TextBuffer	out[NPARTS];
	PyroError	error = {0};

	for (int i = 0; i < NPARTS; i++)
		text_buffer_init(&out[i], &memory.allocator, 1 << 24);
	if (!dictionary_count(stacks, 1 << 24, &parts.counts, &error) ||
		!column_scratch_init(&scratch, dictionary_longest_column(&parts.counts),
							 &memory.allocator, &error) ||
		!dictionary_write_trie_by_context(stacks, &memory.allocator, &out[2],
										  &error))
	{
		printf("Bail out! %s\n", error.message);
		exit(1);
	}
	dictionary_write_names(stacks, &scratch, &out[0]);
	dictionary_write_trie(stacks, &scratch, &out[1]);
	dictionary_write_details(stacks, &scratch, &out[3]);
	for (int i = 0; i < NPARTS; i++)
	{
		parts.size[i] = out[i].length;
		parts.bytes[i] = malloc(out[i].length + 1);
		if (out[i].length > 0)
			memcpy(parts.bytes[i], out[i].data, out[i].length);
	}
	return parts;
}

static void
free_parts(Parts *parts)
{
	for (int i = 0; i < NPARTS; i++)
		free(parts->bytes[i]);
}

/* Read names, one of the tries, and details. */
static bool
read_parts(const Parts *parts, bool by_context, size_t max_memory,
		   StackDictionary *stacks, PyroError *error)
{
	DictionaryReader reader = {.counts = parts->counts,.stacks = stacks};
	ColumnReader *columns = &reader.columns;
	int			trie = by_context ? 2 : 1;

	memset(stacks, 0, sizeof(*stacks));
	columns->allocator = &memory.allocator;
	columns->memory_left = max_memory;
	columns->subject = "dictionary";
	columns->error = error;
	if (!columns_reserve(columns, dictionary_longest_column(&parts->counts)))
		return false;
	columns_start(columns, parts->bytes[0], parts->size[0]);
	if (!dictionary_read_names(&reader) || !columns_finish(columns))
		return false;
	columns_start(columns, parts->bytes[trie], parts->size[trie]);
	if (!(by_context ? dictionary_read_trie_by_context(&reader) :
		  dictionary_read_trie(&reader)) || !columns_finish(columns))
		return false;
	columns_start(columns, parts->bytes[3], parts->size[3]);
	return dictionary_read_details(&reader) && columns_finish(columns);
}

/* ---- comparison, field by field ---- */

static const char *
find_difference(const StackDictionary *a, const StackDictionary *b)
{
	if (a->nstrings != b->nstrings || a->nmappings != b->nmappings ||
		a->nfunctions != b->nfunctions || a->nlocations != b->nlocations ||
		a->nlines != b->nlines || a->nnodes != b->nnodes)
		return "a count";
	for (uint32 i = 0; i < a->nstrings; i++)
		if (!string_ref_equal(a->strings[i], b->strings[i]))
			return "a string";
	for (uint32 i = 0; i < a->nmappings; i++)
	{
		StackMapping x = a->mappings[i];
		StackMapping y = b->mappings[i];

		if (x.memory_start != y.memory_start || x.memory_limit != y.memory_limit ||
			x.file_offset != y.file_offset || x.filename != y.filename ||
			x.build_id != y.build_id || x.flags != y.flags)
			return "a mapping";
	}
	for (uint32 i = 0; i < a->nfunctions; i++)
	{
		StackFunction x = a->functions[i];
		StackFunction y = b->functions[i];

		if (x.name != y.name || x.system_name != y.system_name ||
			x.filename != y.filename || x.start_line != y.start_line)
			return "a function";
	}
	for (uint32 i = 0; i < a->nlocations; i++)
	{
		StackLocation x = a->locations[i];
		StackLocation y = b->locations[i];

		if (x.address != y.address || x.line_start != y.line_start ||
			x.nlines != y.nlines || x.mapping != y.mapping ||
			x.is_folded != y.is_folded)
			return "a location";
	}
	for (uint32 i = 0; i < a->nlines; i++)
		if (a->lines[i].function != b->lines[i].function ||
			a->lines[i].line != b->lines[i].line ||
			a->lines[i].column != b->lines[i].column)
			return "a line";
	for (uint32 i = 0; i < a->nnodes; i++)
		if (a->node_parent[i] != b->node_parent[i] ||
			a->node_depth[i] != b->node_depth[i] ||
			(i > 0 && a->node_location[i] != b->node_location[i]))
			return "a node";
	return NULL;
}

static void
test_round_trip(void)
{
	uint32		nwrong = 0;
	uint64		nnodes = 0;
	uint64		trie_bytes[2] = {0};

	for (uint64 seed = 1; seed <= 400; seed++)
	{
		const StackDictionary *stacks = random_stacks(seed, &memory);
		Parts		parts = write_parts(stacks);

		for (int by_context = 0; by_context < 2; by_context++)
		{
			StackDictionary opened;
			PyroError	error = {0};
			const char *wrong = "an error";

			if (read_parts(&parts, by_context, 1 << 24, &opened, &error))
				wrong = find_difference(stacks, &opened);
			if (wrong != NULL)
			{
				nwrong++;
				unit_note("seed " UINT64_FORMAT ": %s %s", seed, wrong,
						  error.message);
			}
			trie_bytes[by_context] += parts.size[1 + by_context];
		}
		nnodes += stacks->nnodes;
		free_parts(&parts);
		unit_memory_free(&memory);
	}
	unit_ok(nwrong == 0 && nnodes > 100000,
			"random dictionaries are read as they were written");
}

/*
 * Levels up, ranks and differences around the numbers from which on they do
 * not fit a half of a byte or a varint of one byte.
 */
static void
test_bounds(void)
{
	uint32		nwrong = 0;

	for (uint32 width = 1; width < 300; width += width < 20 ? 1 : 37)
		for (uint32 depth = 1; depth < 300; depth += depth < 20 ? 1 : 37)
		{
			uint32		nnodes = 1 + width * 2 + depth + 1;
			uint32		symbols[1000] = {0};
			uint32		depths[1000] = {0};
			uint32		parents[1000];
			uint32		opened[2][1000];
			TextBuffer	out;
			PyroError	error = {0};
			ColumnReader reader = {
				.allocator = &memory.allocator,.memory_left = 1 << 24,
				.subject = "tree",.error = &error
			};

			/* leaves of all symbols, a chain, and one more leaf behind it */
			for (uint32 i = 1; i < nnodes; i++)
			{
				depths[i] = i <= width * 2 || i == nnodes - 1 ? 1 : i - width * 2;
				symbols[i] = (i * 7) % width;
			}
			text_buffer_init(&out, &memory.allocator, 1 << 20);
			if (!symbol_tree_write(depths, symbols, nnodes, width,
								   &memory.allocator, &out, &error))
				nwrong++;
			columns_start(&reader, out.data, out.length);
			if (!symbol_tree_read(&reader, nnodes, width, parents, opened[0],
								  opened[1]) || !columns_finish(&reader) ||
				memcmp(opened[0], depths, nnodes * sizeof(uint32)) != 0 ||
				memcmp(opened[1], symbols, nnodes * sizeof(uint32)) != 0)
				nwrong++;
			unit_memory_free(&memory);
		}
	unit_ok(nwrong == 0, "trees of any width and depth are read again");
}

/* ---- damage ---- */

/* Follow all that refers to something else, for the sanitizers to see. */
static uint64
walk(const StackDictionary *stacks)
{
	uint64		sum = 0;

	for (uint32 i = 0; i < stacks->nlocations; i++)
		for (uint32 k = 0; k < stack_location_frames(&stacks->locations[i]); k++)
			sum += stack_frame_name(stacks, &stacks->locations[i], k).length +
				stack_unsymbolised_name(stacks, &stacks->locations[i]).length;
	for (uint32 i = 0; i < stacks->nfunctions; i++)
		sum += stacks->strings[stacks->functions[i].system_name].length +
			stacks->strings[stacks->functions[i].filename].length;
	for (uint32 i = 1; i < stacks->nnodes; i++)
	{
		if (stacks->node_parent[i] >= i ||
			stacks->node_depth[i] != stacks->node_depth[stacks->node_parent[i]] + 1)
			return 0;
		sum += stacks->locations[stacks->node_location[i]].nlines;
	}
	return sum + 1;
}

static void
test_damage(void)
{
	uint32		nwrong = 0;
	uint32		nopened = 0;
	uint32		nrefused = 0;

	for (uint64 seed = 1; seed <= 60; seed++)
	{
		UnitRandom	random = unit_random_seed(seed);
		Parts		parts = write_parts(random_stacks(seed, &memory));

		unit_memory_free(&memory);
		for (uint32 i = 0; i < 200; i++)
		{
			Parts		damaged = parts;
			int			part = unit_below(&random, NPARTS);
			bool		by_context = part == 2 || (part != 1 && i % 2 == 0);
			size_t		size = parts.size[part];
			uint8	   *copy = malloc(size + 1);
			StackDictionary stacks;
			PyroError	error = {0};

			memcpy(copy, parts.bytes[part], size);
			for (uint32 k = 1 + unit_below(&random, 3); size > 0 && k > 0; k--)
				copy[unit_below(&random, size)] ^= 1 << unit_below(&random, 8);
			if (i % 4 == 0)
				size = unit_below(&random, size + 1);
			if (i % 16 == 1)
				damaged.counts.nnodes = unit_random(&random) >> unit_below(&random, 64);
			if (i % 16 == 3)
				damaged.counts.nlocations = unit_random(&random) >> unit_below(&random, 64);
			damaged.bytes[part] = realloc(copy, size + 1);
			damaged.size[part] = size;
			if (read_parts(&damaged, by_context, 4 << 20, &stacks, &error))
			{
				nopened++;
				nwrong += walk(&stacks) == 0;
			}
			else
			{
				nrefused++;
				nwrong += error.kind != PYRO_CORRUPT;
			}
			nwrong += memory.peak_bytes > 5 << 20;
			free(damaged.bytes[part]);
			unit_memory_free(&memory);
		}
		free_parts(&parts);
	}
	unit_ok(nwrong == 0 && nopened > 500 && nrefused > 500,
			"damaged columns are refused, or sound to read");
}

int
main(void)
{
	unit_memory_init(&memory);
	test_round_trip();
	test_bounds();
	test_damage();
	return unit_finish();
}
