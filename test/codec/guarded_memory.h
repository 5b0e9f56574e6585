/*
 * guarded_memory.h
 *	  Memory that ends right before a page which nobody may touch.
 */
#ifndef PYRO_GUARDED_MEMORY_H
#define PYRO_GUARDED_MEMORY_H

#include "utils/palloc.h"

extern void *guarded_alloc(MemoryContext context, Size size);
extern void *guarded_copy(const void *bytes, Size size);
extern void guarded_free(void *pointer);
extern void guarded_free_all(void);
extern Size guarded_bytes_at(const void *pointer);

#endif							/* PYRO_GUARDED_MEMORY_H */
