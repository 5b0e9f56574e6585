/*
 * json_text.h
 *	  Pieces of JSON written into a TextBuffer.
 */
#ifndef PYRO_JSON_TEXT_H
#define PYRO_JSON_TEXT_H

#include "stack/text_buffer.h"

extern void json_append_string(TextBuffer *buffer, StringRef string,
							   bool ascii_only);

#endif							/* PYRO_JSON_TEXT_H */
