/*
 * flame_speedscope.h
 *	  A call tree as a speedscope file.
 */
#ifndef PYRO_FLAME_SPEEDSCOPE_H
#define PYRO_FLAME_SPEEDSCOPE_H

#include "flame/flame_tree.h"
#include "stack/pyro_error.h"
#include "stack/text_buffer.h"

extern bool flame_speedscope_append(TextBuffer *out, const FlameTree *tree,
									bool ascii_only,
									const Allocator *allocator,
									PyroError *error);

#endif							/* PYRO_FLAME_SPEEDSCOPE_H */
