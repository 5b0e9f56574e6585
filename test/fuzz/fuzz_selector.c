/*
 * fuzz_selector.c
 *	  Text as a selector: what is read is written and read back the same.
 */
#include "postgres_fe.h"

#include "query/selector.h"

#include "unit.h"

int			LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size);

static void
append_selector(TextBuffer *out, const Selector *selector)
{
	text_append_char(out, '{');
	for (uint32 i = 0; i < selector->nmatchers; i++)
	{
		if (i > 0)
			text_append_char(out, ',');
		selector_append_matcher(out, selector->matchers[i].label,
								selector->matchers[i].op,
								selector->matchers[i].value);
	}
	text_append_char(out, '}');
}

static bool
same_matcher(const SelectorMatcher *a, const SelectorMatcher *b)
{
	if (a->op != b->op || !string_ref_equal(a->label, b->label) ||
		!string_ref_equal(a->value, b->value) ||
		a->nliterals != b->nliterals ||
		(a->literals == NULL) != (b->literals == NULL))
		return false;
	for (uint32 i = 0; i < a->nliterals; i++)
		if (!string_ref_equal(a->literals[i], b->literals[i]))
			return false;
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8 *bytes, size_t size)
{
	UnitMemory	memory;
	Selector	selector;
	Selector	again;
	TextBuffer	text;
	PyroError	error = {0};

	unit_memory_init(&memory);
	if (selector_parse(string_ref((const char *) bytes, size),
					   &memory.allocator, &selector, &error))
	{
		text_buffer_init(&text, &memory.allocator, SELECTOR_MAX_SIZE);
		append_selector(&text, &selector);
		if (text.failed ||
			!selector_parse(string_ref(text.data, text.length),
							&memory.allocator, &again, &error) ||
			again.nmatchers != selector.nmatchers)
			abort();
		for (uint32 i = 0; i < selector.nmatchers; i++)
			if (!same_matcher(&selector.matchers[i], &again.matchers[i]) ||
				selector.matchers[i].position == 0 ||
				selector.matchers[i].position > size)
				abort();
	}
	else if (error.kind == PYRO_OK || error.message[0] == '\0')
		abort();
	unit_memory_free(&memory);
	return 0;
}
