/*
 * flame_text.h
 *	  Call trees as text: lossless for storing, folded for other tools.
 *
 * The lossless form:
 *
 *	flamegraph 1 <type>/<unit> profiles=<n> duration=<nanoseconds>
 *	<level>	<self>	<name>
 *	...
 *
 * One line a node in pre-order, divided by tabs, the root's first and without
 * a name.  A name that has come before is @k, the k-th different one from 0.
 * Backslash, control characters, bytes that are not valid UTF-8 and a leading
 * @ are \xNN, as are space and slash in type and unit.
 */
#ifndef PYRO_FLAME_TEXT_H
#define PYRO_FLAME_TEXT_H

#include "flame/flame_flat.h"
#include "stack/text_buffer.h"

extern bool flame_text_append(TextBuffer *out, const FlameTree *tree,
							  bool ascii_only, PyroError *error);
extern bool flame_text_read(StringRef text, CallTree *tree,
							FlameHeader *header, const Allocator *allocator,
							PyroError *error);
extern bool flame_folded_append(TextBuffer *out, const FlameTree *tree,
								bool ascii_only, PyroError *error);

#endif							/* PYRO_FLAME_TEXT_H */
