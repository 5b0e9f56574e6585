/*
 * text_buffer.h
 *	  A growing string for pure code that writes text or bytes.
 */
#ifndef PYRO_TEXT_BUFFER_H
#define PYRO_TEXT_BUFFER_H

#include "stack/allocator.h"
#include "stack/string_ref.h"

/*
 * A failure sticks: after it every append does nothing and `failed` says so,
 * so that a writer checks once, at its end.
 */
typedef struct TextBuffer
{
	const Allocator *allocator;
	char	   *data;			/* not terminated; NULL while empty */
	size_t		length;
	size_t		capacity;
	size_t		limit;			/* more bytes than this are a failure */
	bool		failed;			/* out of memory, or over the limit */
} TextBuffer;

extern void text_buffer_init(TextBuffer *buffer, const Allocator *allocator,
							 size_t limit);
extern bool text_buffer_reserve(TextBuffer *buffer, size_t more);
extern void text_append(TextBuffer *buffer, const char *data, size_t length);
extern void text_append_string(TextBuffer *buffer, const char *text);
extern void text_append_ref(TextBuffer *buffer, StringRef string);
extern void text_append_char(TextBuffer *buffer, char character);
extern void text_append_int(TextBuffer *buffer, int64 number);
extern void text_append_format(TextBuffer *buffer, const char *format,...)
			pg_attribute_printf(2, 3);
extern uint32 utf8_sequence_length(const unsigned char *bytes, size_t length);
extern void text_append_readable(TextBuffer *buffer, StringRef string);

#endif							/* PYRO_TEXT_BUFFER_H */
