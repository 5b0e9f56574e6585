/*
 * flame_bearer.h
 *	  The flamebearer format: how Pyroscope hands out flame graphs.
 */
#ifndef PYRO_FLAME_BEARER_H
#define PYRO_FLAME_BEARER_H

#include "flame/flame_rows.h"
#include "stack/text_buffer.h"

/* What a flame graph knows besides its rows. */
typedef struct FlameBearerInput
{
	const FlameRow *rows;
	uint32		nrows;
	bool		is_double;		/* the rows compare two trees */
	StringRef	type;			/* sample type */
	StringRef	unit;
	bool		ascii_only;		/* as json_append_string() */
} FlameBearerInput;

extern bool flame_bearer_append(TextBuffer *out,
								const FlameBearerInput *input,
								const Allocator *allocator,
								PyroError *error);

#endif							/* PYRO_FLAME_BEARER_H */
