/*
 * fuzz_flame_flat.c
 *	  Bytes as a stored flame graph: what opens is sound to read and to add.
 */
#include "postgres_fe.h"

#include "flame/flame_transform.h"
#include "flame/flame_flat.h"
#include "flame/flame_rows.h"
#include "flame/flame_text.h"
#include "flame/flame_top.h"

#include "unit.h"

/* What a varlena header and the stored form's alignment ask for. */
#define FLAT_OFFSET		4

int			LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size);

/* Add a tree to an empty one and write that. */
static bool
write_again(const FlameTree *flame, UnitMemory *memory, TextBuffer *flat)
{
	CallTree	tree;
	PyroError	error = {0};
	FlameHeader header = flame_tree_header(flame);

	text_buffer_init(flat, &memory->allocator, FLAME_FLAT_MAX_SIZE);
	text_append(flat, "head", FLAT_OFFSET);
	return call_tree_init(&tree, &memory->allocator, 5, &error) &&
		call_tree_add_flame(&tree, flame, &memory->allocator, &error) &&
		flame_flat_write(&tree, &header, flat, &error);
}

static void
read_all(const FlameTree *flame, UnitMemory *memory)
{
	TextBuffer	text;
	PyroError	error = {0};
	FlameFunction *functions;
	FlameRow   *rows;
	uint32		nrows;

	text_buffer_init(&text, &memory->allocator, 16 << 20);
	(void) flame_text_append(&text, flame, false, &error);
	(void) flame_folded_append(&text, flame, true, &error);
	(void) flame_top(flame, &memory->allocator, &functions, &error);
	(void) flame_rows(flame, NULL, NULL, 10, &memory->allocator, &rows,
					  &nrows, &error);
}

int
LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size)
{
	UnitMemory	memory;
	FlameTree	flame;
	PyroError	error = {0};
	TextBuffer	flat;
	TextBuffer	again;
	char	   *copy = malloc(size + FLAT_OFFSET);

	memcpy(copy + FLAT_OFFSET, bytes, size);
	unit_memory_init(&memory);
	if (!flame_flat_open((uint8 *) copy + FLAT_OFFSET, size, &flame, &error))
	{
		if (error.kind != PYRO_MALFORMED)
			abort();
	}
	else
	{
		read_all(&flame, &memory);
		/* what was added to an empty tree is canonical from then on */
		if (write_again(&flame, &memory, &flat))
		{
			if (!flame_flat_open((uint8 *) flat.data + FLAT_OFFSET,
								 flat.length - FLAT_OFFSET, &flame, &error) ||
				!write_again(&flame, &memory, &again) ||
				again.length != flat.length ||
				memcmp(again.data, flat.data, flat.length) != 0)
				abort();
			read_all(&flame, &memory);
		}
	}
	unit_memory_free(&memory);
	free(copy);
	return 0;
}
