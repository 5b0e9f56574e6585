/*
 * fuzz_stack_block.c
 *	  Bytes as a block of profiles: rows are rebuilt or refused, what could be
 *	  read is sound to follow, and can be merged into another block.
 */
#include "postgres_fe.h"

#include "block/name_tree.h"
#include "block/stack_block_internal.h"

#include "name_tree_check.h"
#include "profile_check.h"
#include "stack_block_input.h"

/* more would only make the runs slow */
#define MAX_MEMORY		((size_t) 4 << 20)
#define MAX_ROW_MEMORY	((size_t) 64 << 20)

int			LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size);

/* Parts that end where their memory ends, for the sanitizers to see. */
static void
split(const uint8 *bytes, size_t size, UnitMemory *memory, ByteRange *parts)
{
	const uint8 *lengths = bytes + 1;

	bytes += STACK_BLOCK_HEAD;
	size -= STACK_BLOCK_HEAD;
	for (int i = STACK_HEADS; i < STACK_PART_END; i++, lengths += 2)
	{
		size_t		length = Min(lengths[0] | lengths[1] << 8, size);
		uint8	   *copy = unit_allocate(memory, length);

		if (length > 0)
			memcpy(copy, bytes, length);
		parts[i] = byte_range(copy, length);
		bytes += length;
		size -= length;
	}
}

/* Damage is told as such; the only other reason is our bound on memory. */
static void
expect_refusal(const PyroError *error, const UnitMemory *memory)
{
	if (error->kind != PYRO_CORRUPT && memory->nfailures == 0)
		abort();
}

/* Rebuild a row and store it; false where it cannot be read. */
static bool
read_row(StackBlock *block, uint32 row)
{
	UnitMemory	memory;
	Profile		profile;
	TextBuffer	flat;
	PyroError	error = {0};
	bool		done;

	unit_memory_init(&memory);
	memory.max_bytes = MAX_ROW_MEMORY;
	done = stack_block_read(block, row, &memory.allocator, &profile, &error);
	if (!done)
		expect_refusal(&error, &memory);
	else
	{
		if (find_wrong_index(&profile) != NULL)
			abort();
		(void) write_flat(&profile, false, &memory, &flat, &error);
	}
	unit_memory_free(&memory);
	return done;
}

static bool
read_rows(StackBlock *block)
{
	bool		done = true;

	for (uint32 row = 0; row < block->nrows; row++)
		done &= read_row(block, row);
	return done;
}

/* Say that rows are coming, for the builder to take what they use. */
static bool
expect_rows(StackBuilder *builder, StackBlock *block, uint32 step, PyroError *error)
{
	UnitMemory	scratch;
	uint32		rows[PG_UINT8_MAX];
	uint32		n = 0;
	bool		done;

	unit_memory_init(&scratch);
	scratch.max_bytes = MAX_ROW_MEMORY;
	for (uint32 row = 0; row < block->nrows; row += step)
		rows[n++] = row;
	done = stack_builder_expect_rows(builder, block, rows, n, &scratch.allocator, error);
	unit_memory_free(&scratch);
	return done;
}

static bool
has_letters(void *arg, StringRef name)
{
	return name.length > 0;
}

/* A row without rebuilding it. */
static void
view_row(StackBlock *block, uint32 row, const UnitMemory *memory)
{
	UnitMemory	scratch;
	ProfileHeader header;
	PyroError	error = {0};
	bool		found;

	unit_memory_init(&scratch);
	scratch.max_bytes = MAX_ROW_MEMORY;
	if (!stack_block_header(block, row, true, &scratch.allocator, &header, &error))
		expect_refusal(&error, memory);
	else
		for (uint32 t = 0; t < header.nsample_types; t++)
		{
			ProfileView view;

			for (int by_name = 0; by_name <= stack_block_has_names(block); by_name++)
				if (!stack_block_view(block, row, t, by_name, &view, &error))
					expect_refusal(&error, memory);
				else
					for (uint32 i = 0; i < view.nsamples; i++)
						if (view.sample_node[i] >= view.stacks->nnodes)
							abort();
		}
	if (!stack_block_has_function(block, row, string_ref("?", 1), has_letters, NULL, &found,
								  &error))
		expect_refusal(&error, memory);
	unit_memory_free(&scratch);
}

/* Whether tree and sums fit is told, or that they are damaged. */
static void
check_derived(StackBlock *block, const ByteRange *parts)
{
	UnitMemory	memory;
	PyroError	error = {0};

	unit_memory_init(&memory);
	memory.max_bytes = MAX_ROW_MEMORY;
	if (!stack_block_check(block, parts[STACK_TREE], parts[STACK_SUMS], MAX_MEMORY,
						   &memory.allocator, &error))
		expect_refusal(&error, &memory);
	unit_memory_free(&memory);
}

/*
 * The rows again, or every other one, in a block of their own, which is not a
 * damaged one.  What
 * the rows say need not be the same: the damaged block may have told one thing
 * twice or in a wrong order.
 */
static void
merge_rows(StackBlock *block, uint32 step, bool expects)
{
	UnitMemory	memory;
	PyroError	error = {0};
	TextBuffer	parts[STACK_PART_END];
	ByteRange	ranges[STACK_PART_END] = {{0}};
	StackBuilder *builder;
	StackBlock *merged;
	bool		added;

	unit_memory_init(&memory);
	memory.max_bytes = MAX_ROW_MEMORY;
	builder = stack_builder_create(&memory.allocator, &error);
	added = !expects || expect_rows(builder, block, step, &error);
	for (uint32 row = 0; added && row < block->nrows; row += step)
	{
		UnitMemory	scratch;

		unit_memory_init(&scratch);
		scratch.max_bytes = MAX_ROW_MEMORY;
		added = stack_builder_add_row(builder, block, row, &scratch.allocator, &error);
		unit_memory_free(&scratch);
	}
	if (added && stack_builder_finish(builder, NULL, NULL, parts, &error))
	{
		for (int i = STACK_HEADS; i < STACK_PART_END; i++)
			ranges[i] = byte_range(parts[i].data, parts[i].length);
		merged = stack_block_open((block->nrows + step - 1) / step, ranges, MAX_ROW_MEMORY, &memory.allocator, &error);
		if ((merged == NULL || !read_rows(merged)) && memory.nfailures == 0)
			abort();
	}
	unit_memory_free(&memory);
}

/* The name tree, and the block's stacks in it. */
static void
check_tree(const StackBlock *block, ByteRange bytes, UnitMemory *memory)
{
	NameTree	tree;
	PyroError	error = {0};

	if (name_tree_read(bytes, MAX_MEMORY, &memory->allocator, &tree, &error))
	{
		if (find_wrong_name_tree(&tree) != NULL)
			abort();
		if (name_tree_find_stacks(&tree, &block->dictionary.stacks,
								  &memory->allocator, &error))
			for (uint32 i = 0; i < tree.nstacks; i++)
				if (tree.stack_node[i] >= tree.nnodes)
					abort();
	}
	if (error.kind != PYRO_OK)
		expect_refusal(&error, memory);
}

int
LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size)
{
	UnitMemory	memory;
	ByteRange	parts[STACK_PART_END] = {{0}};
	PyroError	error = {0};
	StackBlock *block;

	if (size < STACK_BLOCK_HEAD)
		return 0;
	unit_memory_init(&memory);
	split(bytes, size, &memory, parts);
	memory.max_bytes = MAX_ROW_MEMORY;
	block = stack_block_open(bytes[0], parts, MAX_MEMORY, &memory.allocator, &error);
	if (block == NULL)
		expect_refusal(&error, &memory);
	else
	{
		if (read_rows(block))
		{
			merge_rows(block, 1, false);
			merge_rows(block, 2, true);
		}
		if (!stack_block_open_names(block, parts[STACK_TREE], MAX_MEMORY, &error))
			expect_refusal(&error, &memory);
		for (uint32 row = 0; row < block->nrows; row++)
			view_row(block, row, &memory);
		check_derived(block, parts);
		check_tree(block, parts[STACK_TREE], &memory);
	}
	unit_memory_free(&memory);
	return 0;
}
