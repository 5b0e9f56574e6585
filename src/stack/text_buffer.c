/*
 * text_buffer.c
 *	  A growing string for pure code that writes text or bytes.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "stack/text_buffer.h"

/*
 * Start an empty buffer whose memory comes from the allocator and which
 * never holds more than `limit` bytes.
 */
void
text_buffer_init(TextBuffer *buffer, const Allocator *allocator, size_t limit)
{
	memset(buffer, 0, sizeof(*buffer));
	buffer->allocator = allocator;
	buffer->limit = limit;
}

/*
 * Make room for `more` bytes behind the present ones; false once failed.
 */
bool
text_buffer_reserve(TextBuffer *buffer, size_t more)
{
	if (buffer->failed)
		return false;
	/* the limit first: growing by doubles may have made more room than that */
	if (more > buffer->limit - buffer->length)
		buffer->failed = true;
	else if (more > buffer->capacity - buffer->length &&
			 !grow_array(buffer->allocator, (void **) &buffer->data,
						 buffer->length, &buffer->capacity,
						 buffer->length + more, 1))
		buffer->failed = true;
	return !buffer->failed;
}

void
text_append(TextBuffer *buffer, const char *data, size_t length)
{
	if (length > 0 && text_buffer_reserve(buffer, length))
	{
		memcpy(buffer->data + buffer->length, data, length);
		buffer->length += length;
	}
}

void
text_append_string(TextBuffer *buffer, const char *text)
{
	text_append(buffer, text, strlen(text));
}

void
text_append_ref(TextBuffer *buffer, StringRef string)
{
	text_append(buffer, string.data, string.length);
}

void
text_append_char(TextBuffer *buffer, char character)
{
	text_append(buffer, &character, 1);
}

void
text_append_int(TextBuffer *buffer, int64 number)
{
	char		digits[24];
	char	   *start = digits + sizeof(digits);
	uint64		rest = number < 0 ? 0 - (uint64) number : (uint64) number;

	do
		*--start = '0' + rest % 10;
	while ((rest /= 10) != 0);
	if (number < 0)
		*--start = '-';
	text_append(buffer, start, digits + sizeof(digits) - start);
}

/*
 * Append a short formatted piece: at most 255 bytes, more are cut, so it is
 * for numbers and fixed words, never for names.
 */
void
text_append_format(TextBuffer *buffer, const char *format,...)
{
	char		piece[256];
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(piece, sizeof(piece), format, arguments);
	va_end(arguments);
	text_append_string(buffer, piece);
}

/*
 * The length of the valid UTF-8 sequence at the start of bytes, or 0 when
 * there is none: overlong forms, surrogates and code points above U+10FFFF
 * are not valid (RFC 3629), and neither is a zero byte, which SQL text
 * cannot hold.
 */
uint32
utf8_sequence_length(const unsigned char *bytes, size_t length)
{
	unsigned char lead = bytes[0];
	unsigned char low = 0x80;
	unsigned char high = 0xBF;
	uint32		n;

	if (lead < 0x80)
		return lead != 0;
	if (lead >= 0xC2 && lead <= 0xDF)
		n = 2;
	else if (lead >= 0xE0 && lead <= 0xEF)
		n = 3;
	else if (lead >= 0xF0 && lead <= 0xF4)
		n = 4;
	else
		return 0;
	if (n > length)
		return 0;
	if (lead == 0xE0)
		low = 0xA0;
	else if (lead == 0xED)
		high = 0x9F;
	else if (lead == 0xF0)
		low = 0x90;
	else if (lead == 0xF4)
		high = 0x8F;
	if (bytes[1] < low || bytes[1] > high)
		return 0;
	for (uint32 i = 2; i < n; i++)
		if ((bytes[i] & 0xC0) != 0x80)
			return 0;
	return n;
}

/*
 * Append a profile's string as valid UTF-8: every byte that is not part of a
 * valid sequence, and every zero byte, is written as \xNN.
 */
void
text_append_readable(TextBuffer *buffer, StringRef string)
{
	const unsigned char *bytes = (const unsigned char *) string.data;
	uint32		clean = 0;		/* start of the bytes not yet written */
	uint32		i = 0;

	while (i < string.length)
	{
		uint32		n = utf8_sequence_length(bytes + i, string.length - i);

		if (n > 0)
		{
			i += n;
			continue;
		}
		text_append(buffer, string.data + clean, i - clean);
		text_append_format(buffer, "\\x%02x", bytes[i]);
		clean = ++i;
	}
	text_append(buffer, string.data + clean, string.length - clean);
}
