/*
 * json_text.c
 *	  Pieces of JSON written into a TextBuffer.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "stack/json_text.h"

/*
 * What stands in JSON for the character at the start of bytes that must not
 * stand there itself.
 */
static void
append_escaped(TextBuffer *buffer, unsigned char byte)
{
	if (byte == '"' || byte == '\\')
	{
		text_append_char(buffer, '\\');
		text_append_char(buffer, byte);
	}
	else if (byte > 0 && byte < 0x20)
		text_append_format(buffer, "\\u%04x", byte);
	else
		text_append_format(buffer, "\\\\x%02x", byte);
}

/*
 * Append a profile's string as a JSON string in quotes.
 *
 * Whatever is not valid UTF-8, and a zero byte, which jsonb cannot hold, is
 * written as the readable text \xNN, as in SQL text; with ascii_only so is
 * every byte above 127.
 */
void
json_append_string(TextBuffer *buffer, StringRef string, bool ascii_only)
{
	const unsigned char *bytes = (const unsigned char *) string.data;
	uint32		clean = 0;		/* start of the bytes not yet written */
	uint32		i = 0;

	text_append_char(buffer, '"');
	while (i < string.length)
	{
		uint32		n = utf8_sequence_length(bytes + i, string.length - i);

		if (n > 1 && ascii_only)
			n = 0;
		if (n == 1 && (bytes[i] < 0x20 || bytes[i] == '"' || bytes[i] == '\\'))
			n = 0;
		if (n > 0)
		{
			i += n;
			continue;
		}
		text_append(buffer, string.data + clean, i - clean);
		append_escaped(buffer, bytes[i]);
		clean = ++i;
	}
	text_append(buffer, string.data + clean, string.length - clean);
	text_append_char(buffer, '"');
}
