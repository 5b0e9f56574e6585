/*
 * frame_name.h
 *	  What a frame is called in a call tree.
 */
#ifndef PYRO_FRAME_NAME_H
#define PYRO_FRAME_NAME_H

#include "stack/stack_dictionary.h"
#include "stack/text_buffer.h"

/* What frames must have in common to be one: google/pprof's granularities. */
typedef enum FrameGranularity
{
	FRAME_FUNCTION = 0,
	FRAME_LINE,					/* function, file and line */
	FRAME_FILE,
	FRAME_PACKAGE,
	FRAME_ADDRESS				/* address, function, file and line */
} FrameGranularity;

extern bool frame_granularity_find(StringRef name,
								   FrameGranularity *granularity);
extern void frame_name_append(TextBuffer *out, FrameGranularity granularity,
							  const StackDictionary *stacks,
							  const StackLocation *location, uint32 frame);
extern StringRef frame_package(StringRef name);

#endif							/* PYRO_FRAME_NAME_H */
