/*
 * columns.c
 *	  Memory and failures of those who read and write columns of numbers.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "stack/columns.h"

/*
 * Scratch for columns of at most `capacity` numbers, from the allocator.
 * Returns false with PYRO_NO_MEMORY.
 */
bool
column_scratch_init(ColumnScratch *scratch, size_t capacity,
					const Allocator *allocator, PyroError *error)
{
	scratch->capacity = capacity;
	scratch->numbers32 = allocate_array(allocator, capacity, sizeof(uint32));
	scratch->numbers64 = allocate_array(allocator, capacity, sizeof(uint64));
	if (scratch->numbers32 == NULL || scratch->numbers64 == NULL)
		return pyro_fail_memory(error);
	return true;
}

/*
 * Record PYRO_CORRUPT and what is wrong.  Returns false always.
 */
bool
columns_corrupt(ColumnReader *reader, const char *what)
{
	return pyro_fail(reader->error, PYRO_CORRUPT, "%s is damaged: %s",
					 reader->subject, what);
}

/*
 * Memory for n elements, not initialised and counted against the reader's
 * cap; NULL with PYRO_CORRUPT or PYRO_NO_MEMORY.
 */
void *
columns_array(ColumnReader *reader, size_t n, size_t element_size)
{
	if (n > reader->memory_left / element_size)
	{
		columns_corrupt(reader, "it claims more elements than it can have");
		return NULL;
	}
	reader->memory_left -= n * element_size;
	return allocate_or_fail(reader->allocator, n, element_size,
							reader->error);
}

/*
 * Give back what columns_array() gave; NULL is nothing.
 */
void
columns_release(ColumnReader *reader, void *array)
{
	if (array != NULL)
		reader->allocator->release(reader->allocator->owner, array);
}

/*
 * Make the reader's scratch, which counts against its cap, too.
 */
bool
columns_reserve(ColumnReader *reader, size_t capacity)
{
	ColumnScratch *scratch = &reader->scratch;

	scratch->capacity = capacity;
	scratch->numbers32 = columns_array(reader, capacity, sizeof(uint32));
	if (scratch->numbers32 == NULL)
		return false;
	scratch->numbers64 = columns_array(reader, capacity, sizeof(uint64));
	return scratch->numbers64 != NULL;
}

/*
 * Read from these bytes on.
 */
void
columns_start(ColumnReader *reader, const void *bytes, size_t size)
{
	reader->in.position = bytes;
	reader->in.end = reader->in.position + size;
}

/*
 * Check that all of them have been read.
 */
bool
columns_finish(ColumnReader *reader)
{
	return reader->in.position == reader->in.end ||
		columns_corrupt(reader, "it is longer than its content");
}
