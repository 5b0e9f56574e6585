/*
 * flame_svg.h
 *	  Write a flame graph as one self-contained, interactive SVG file.
 */
#ifndef PYRO_FLAME_SVG_H
#define PYRO_FLAME_SVG_H

#include "flame/flame_rows.h"
#include "stack/text_buffer.h"

extern void flame_svg_append(TextBuffer *out, const FlameRow *rows,
							 uint32 nrows, StringRef type, StringRef unit,
							 StringRef title);
extern void flame_diff_svg_append(TextBuffer *out, const FlameRow *rows,
								  uint32 nrows, StringRef type,
								  StringRef unit, StringRef title);

#endif							/* PYRO_FLAME_SVG_H */
