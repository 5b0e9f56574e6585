/*
 * fuzz_flame_text.c
 *	  Text as a flame graph: what is read is written and read as the same.
 */
#include "postgres_fe.h"

#include "flame/flame_text.h"

#include "unit.h"

#define FLAT_OFFSET		4

int			LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size);

/* Read a text and write the stored form of its tree. */
static bool
read_text(StringRef text, UnitMemory *memory, TextBuffer *flat,
		  FlameTree *flame, PyroError *error)
{
	CallTree	tree;
	FlameHeader header;

	text_buffer_init(flat, &memory->allocator, FLAME_FLAT_MAX_SIZE);
	text_append(flat, "head", FLAT_OFFSET);
	return call_tree_init(&tree, &memory->allocator, 5, error) &&
		flame_text_read(text, &tree, &header, &memory->allocator, error) &&
		flame_flat_write(&tree, &header, flat, error) &&
		flame_flat_open((uint8 *) flat->data + FLAT_OFFSET,
						flat->length - FLAT_OFFSET, flame, error);
}

int
LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size)
{
	UnitMemory	memory;
	FlameTree	flame;
	FlameTree	unused;
	PyroError	error = {0};
	TextBuffer	flat;

	unit_memory_init(&memory);
	if (!read_text(string_ref((const char *) bytes, size), &memory, &flat,
				   &flame, &error))
	{
		if (error.kind == PYRO_OK || error.kind == PYRO_CORRUPT ||
			error.message[0] == '\0')
			abort();
	}
	else
		for (int ascii_only = 0; ascii_only < 2; ascii_only++)
		{
			TextBuffer	text;
			TextBuffer	again;

			text_buffer_init(&text, &memory.allocator, 64 << 20);
			if (!flame_text_append(&text, &flame, ascii_only != 0, &error) ||
				!read_text(string_ref(text.data, text.length), &memory, &again,
						   &unused, &error) ||
				again.length != flat.length ||
				memcmp(again.data, flat.data, flat.length) != 0)
			{
				fprintf(stderr, "%s\n", error.message);
				abort();
			}
			for (size_t i = 0; i < text.length; i++)
				if (ascii_only != 0 && (unsigned char) text.data[i] > 127)
					abort();
		}
	unit_memory_free(&memory);
	return 0;
}
