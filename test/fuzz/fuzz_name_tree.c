/*
 * fuzz_name_tree.c
 *	  Bytes as a name tree: what is read is sound, and is written as a tree
 *	  that is read as the same.
 */
#include "postgres_fe.h"

#include "name_tree_check.h"
#include "unit.h"

/* more would only make the runs slow */
#define MAX_MEMORY	((size_t) 4 << 20)

int			LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size)
{
	UnitMemory	memory;
	NameTree	tree;
	NameTree	again;
	TextBuffer	written;
	PyroError	error = {0};

	unit_memory_init(&memory);
	if (name_tree_read(byte_range(bytes, size), MAX_MEMORY, &memory.allocator,
					   &tree, &error))
	{
		text_buffer_init(&written, &memory.allocator, 16 << 20);
		if (find_wrong_name_tree(&tree) != NULL ||
			!name_tree_write(&tree, &memory.allocator, &written, &error) ||
			written.failed ||
			!name_tree_read(byte_range(written.data, written.length),
							4 * MAX_MEMORY, &memory.allocator, &again,
							&error) ||
			again.nnodes != tree.nnodes || again.nnames != tree.nnames ||
			memcmp(again.node_parent, tree.node_parent,
				   tree.nnodes * sizeof(uint32)) != 0 ||
			memcmp(again.node_name, tree.node_name,
				   tree.nnodes * sizeof(uint32)) != 0)
			abort();
	}
	else if (error.kind != PYRO_CORRUPT)
		abort();
	unit_memory_free(&memory);
	return 0;
}
