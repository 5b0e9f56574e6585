/*
 * test_pprof.c
 *	  What a profile means survives reading, storing and writing pprof.
 */
#include "postgres_fe.h"

#include "profile_check.h"

static const ProfileLimits default_limits = {
	.max_size = 64 << 20,
	.max_samples = 1000000,
	.max_stack_depth = 4096
};

static UnitMemory memory;
static Profile profile;

/* Read bytes into `profile`, and check its round trip. */
static bool
read_profile(const char *name, const Bytes *bytes)
{
	PyroError	error = {0};
	const char *flaw;

	if (!pprof_read(bytes->data, bytes->size, &default_limits,
					&memory.allocator, &profile, &error))
	{
		unit_ok(false, "%s is read", name);
		unit_note("%s", error.message);
		return false;
	}
	flaw = check_round_trip(&profile, &memory, &error);
	if (!unit_ok(flaw == NULL, "%s is read and loses nothing", name))
		unit_note("%s: %s", flaw, error.message);
	return true;
}

static void
finish_case(Bytes *bytes)
{
	bytes_free(bytes);
	unit_memory_free(&memory);
}

static bool
string_is(uint32 string, const char *text)
{
	return string_ref_equal(profile.stacks->strings[string],
							string_ref_literal(text));
}

/* Do two files mean the same? */
static bool
equal_content(const Bytes *a, const Bytes *b)
{
	TextBuffer	flat_a;
	TextBuffer	flat_b;
	PyroError	error = {0};

	if (!pprof_read(a->data, a->size, &default_limits, &memory.allocator,
					&profile, &error) ||
		!write_flat(&profile, true, &memory, &flat_a, &error) ||
		!pprof_read(b->data, b->size, &default_limits, &memory.allocator,
					&profile, &error) ||
		!write_flat(&profile, true, &memory, &flat_b, &error))
	{
		unit_note("%s", error.message);
		return false;
	}
	return same_bytes(&flat_a, &flat_b);
}

/* ---- what is equal becomes one, what is not stays ---- */

static void
test_equal_parts(void)
{
	Bytes		bytes = {0};
	uint64		ids[2][2] = {{2, 1}, {4, 3}};

	put_small_base(&bytes);
	put_function(&bytes, 3, 3, 3, 5, 10);	/* as 1 */
	put_location(&bytes, 3, 0, 0x1000, 3, 11);	/* as 1 */
	put_location(&bytes, 4, 0, 0x2000, 2, 21);	/* as 2 */
	put_function(&bytes, 9, 6, 6, 6, 1);	/* nobody refers to it */
	put_location(&bytes, 9, 0, 0x9000, 9, 1);	/* nor to this */
	put_sample(&bytes, ids[0], 2, 5);
	put_sample(&bytes, ids[1], 2, 7);
	put_sample(&bytes, ids[0], 2, 5);
	if (read_profile("a profile with equal parts", &bytes))
	{
		StackDictionary *stacks = profile.stacks;

		unit_ok(stacks->nfunctions == 2 && stacks->nlocations == 2,
				"equal functions and locations become one, unreferenced ones go");
		unit_ok(profile.header.nsamples == 3 && stacks->nnodes == 3 &&
				profile.values[0][0] == 5 && profile.values[0][1] == 5 &&
				profile.values[0][2] == 7, "equal samples stay apart");
		unit_ok(profile.header.totals[0] == 17 &&
				!profile.header.total_overflows[0], "the total is 17");
		for (uint32 i = 0; i < stacks->nstrings; i++)
			unit_ok(!string_is(i, "thread") && !string_is(i, "samples"),
					"string %u is referred to by the stacks", i);
		unit_ok(string_is(stacks->functions[0].name, "main") &&
				string_is(stacks->functions[1].name, "work") &&
				stacks->node_location[1] == 0 &&
				stacks->node_location[2] == 1, "stacks stand root first");
	}
	finish_case(&bytes);
}

static void
test_almost_equal_locations(void)
{
	Bytes		bytes = {0};
	uint64		ids[8] = {3, 4, 5, 6, 7, 8, 9, 10};
	Bytes		folded = {0};

	put_small_base(&bytes);
	put_mapping(&bytes, 1, 0, 1, 0, 0);
	put_location(&bytes, 3, 0, 5, 1, 11);
	put_location(&bytes, 4, 0, 6, 1, 11);	/* address */
	put_location(&bytes, 5, 0, 5, 1, 12);	/* line */
	put_location(&bytes, 6, 0, 5, 2, 11);	/* function */
	put_location(&bytes, 7, 1, 5, 1, 11);	/* mapping */
	put_location(&bytes, 8, 0, 5, 0, 0);	/* no line */
	put_number(&folded, 1, 9);
	put_number(&folded, 3, 5);
	put_line(&folded, 1, 11, 0);
	put_number(&folded, 5, 1);
	put_message(&bytes, 4, &folded);
	put_number(&folded, 1, 10);
	put_number(&folded, 3, 5);
	put_line(&folded, 1, 11, 3);	/* column */
	put_message(&bytes, 4, &folded);
	put_sample(&bytes, ids, 8, 1);
	if (read_profile("locations that differ in one thing each", &bytes))
	{
		StackDictionary *stacks = profile.stacks;
		uint32		nfolded = 0;
		uint32		ncolumns = 0;

		unit_ok(stacks->nlocations == 8, "they stay apart");
		for (uint32 i = 0; i < stacks->nlocations; i++)
			nfolded += stacks->locations[i].is_folded;
		for (uint32 i = 0; i < stacks->nlines; i++)
			ncolumns += stacks->lines[i].column == 3;
		unit_ok(nfolded == 1 && ncolumns == 1,
				"is_folded and the column are kept");
	}
	finish_case(&bytes);
}

static void
test_inlined_lines(void)
{
	Bytes		bytes = {0};
	Bytes		location = {0};
	uint64		id = 5;

	put_small_base(&bytes);
	put_number(&location, 1, 5);
	put_line(&location, 2, 21, 7);	/* innermost */
	put_line(&location, 0, -3, 0);
	put_line(&location, 1, PG_INT64_MIN, PG_INT64_MAX);
	put_message(&bytes, 4, &location);
	put_sample(&bytes, &id, 1, 1);
	if (read_profile("inlined lines", &bytes))
	{
		StackLine  *lines = profile.stacks->lines;

		unit_ok(profile.stacks->locations[0].nlines == 3 &&
				lines[0].function == 1 && lines[0].line == PG_INT64_MIN &&
				lines[0].column == PG_INT64_MAX && lines[1].function == 0 &&
				lines[1].line == -3 && lines[2].function == 2 &&
				lines[2].column == 7, "lines stand outermost first");
	}
	finish_case(&bytes);
}

/* ---- labels ---- */

static const ProfileLabel *
sample_labels(uint32 sample, uint32 *n)
{
	uint32		set = profile.sample_label_set[sample];
	uint32		start = profile_label_set_start(&profile, set);

	*n = profile.label_set_end[set] - start;
	return &profile.labels[start];
}

static void
test_labels(void)
{
	Bytes		bytes = {0};
	Bytes		sample = {0};
	uint64		value = 1;

	put_small_base(&bytes);
	put_packed(&sample, 2, &value, 1);
	put_label(&sample, 6, 0, 9, 7);
	put_label(&sample, 6, 4, 0, 0); /* thread=work */
	put_label(&sample, 7, 3, 0, 0);
	put_label(&sample, 6, 3, 0, 0); /* thread=main, behind work */
	put_label(&sample, 6, 0, 8, 7); /* 8 bytes behind 9 */
	put_label(&sample, 6, 0, 9, 0); /* 9 without unit */
	put_message(&bytes, 2, &sample);
	if (read_profile("labels", &bytes))
	{
		uint32		n;
		const ProfileLabel *labels = sample_labels(0, &n);

		unit_ok(n == 6 && string_is(labels[0].key, "bytes") &&
				string_is(labels[1].string, "work") &&
				string_is(labels[2].string, "main") &&
				labels[3].number == 9 && string_is(labels[3].unit, "bytes") &&
				labels[4].number == 8 && labels[5].number == 9 &&
				labels[5].unit == 0,
				"labels stand by key, texts before numbers, as given");
	}
	finish_case(&bytes);
}

/* Two samples whose labels are the same but for their order within a key. */
static void
test_label_order(void)
{
	Bytes		bytes = {0};
	Bytes		sample = {0};
	uint64		value = 1;
	static const uint64 orders[3][3][2] = {
		{{6, 3}, {6, 4}, {7, 3}},
		{{7, 3}, {6, 3}, {6, 4}},
		{{6, 4}, {6, 3}, {7, 3}}
	};

	put_small_base(&bytes);
	for (int i = 0; i < 3; i++)
	{
		put_packed(&sample, 2, &value, 1);
		for (int k = 0; k < 3; k++)
			put_label(&sample, orders[i][k][0], orders[i][k][1], 0, 0);
		put_message(&bytes, 2, &sample);
	}
	if (read_profile("label sets in several orders", &bytes))
		unit_ok(profile.nlabel_sets == 3,
				"the order of keys says nothing, that within a key does");
	finish_case(&bytes);
}

static void
test_empty_text_label(void)
{
	Bytes		bytes = {0};
	Bytes		sample = {0};
	uint64		value = 1;
	uint32		n;

	put_small_base(&bytes);
	put_packed(&sample, 2, &value, 1);
	put_label(&sample, 6, 8, 0, 0); /* string 8 is empty, too */
	put_message(&bytes, 2, &sample);
	if (read_profile("a text label that is empty", &bytes))
		unit_ok(!sample_labels(0, &n)->is_number && n == 1,
				"it is a text, not the number 0");
	finish_case(&bytes);

	put_small_base(&bytes);
	put_packed(&sample, 2, &value, 1);
	put_label(&sample, 6, 0, 0, 8); /* google/pprof drops 0 without unit */
	put_label(&sample, 7, 0, 0, 0);
	put_label(&sample, 7, 0, 0, 2);
	put_message(&bytes, 2, &sample);
	read_profile("number labels that are 0", &bytes);
	finish_case(&bytes);
}

static void
test_label_of_both_kinds(void)
{
	Bytes		bytes = {0};
	Bytes		plain = {0};
	Bytes		sample = {0};
	uint64		value = 1;

	/* what google/pprof makes of it: a text, number and unit are not read */
	put_small_base(&bytes);
	put_packed(&sample, 2, &value, 1);
	put_label(&sample, 6, 3, 42, 7);
	put_message(&bytes, 2, &sample);
	put_small_base(&plain);
	put_packed(&sample, 2, &value, 1);
	put_label(&sample, 6, 3, 0, 0);
	put_message(&plain, 2, &sample);
	read_profile("a label with a text, a number and a unit", &bytes);
	unit_ok(equal_content(&bytes, &plain), "it equals the text alone");
	bytes_free(&plain);
	finish_case(&bytes);
}

/* ---- mappings ---- */

static void
test_mappings(void)
{
	Bytes		bytes = {0};
	Bytes		mapping = {0};
	uint64		ids[] = {3, 4, 5};

	put_small_base(&bytes);
	put_number(&mapping, 1, 7);
	put_number(&mapping, 2, 0x900000);	/* the main one, though highest */
	put_number(&mapping, 3, 0x910000);
	put_number(&mapping, 4, 0x1000);
	put_number(&mapping, 5, 3);
	put_number(&mapping, 6, 4);
	put_number(&mapping, 7, 1);
	put_number(&mapping, 8, 0);
	put_number(&mapping, 9, 5);
	put_message(&bytes, 3, &mapping);
	put_mapping(&bytes, 2, 0x400000, 0x500000, 5, 0);
	put_mapping(&bytes, 9, 0x400000, 0x500000, 5, 0);	/* as 2 */
	put_mapping(&bytes, 4, 0x100000, 0x200000, 6, 0);	/* unused */
	put_location(&bytes, 3, 7, 1, 0, 0);
	put_location(&bytes, 4, 2, 2, 0, 0);
	put_location(&bytes, 5, 9, 2, 0, 0);
	put_sample(&bytes, ids, 3, 1);
	if (read_profile("mappings", &bytes))
	{
		StackDictionary *stacks = profile.stacks;
		StackMapping *main_mapping = &stacks->mappings[profile.main_mapping - 1];
		TextBuffer	pprof;
		PprofMessage message;
		PyroError	error = {0};

		unit_ok(stacks->nmappings == 3 && stacks->nlocations == 2,
				"equal mappings become one, an unused one stays");
		unit_ok(main_mapping->memory_start == 0x900000 &&
				main_mapping->file_offset == 0x1000 &&
				string_is(main_mapping->filename, "main") &&
				string_is(main_mapping->build_id, "work") &&
				main_mapping->flags ==
				(STACK_HAS_FUNCTIONS | STACK_HAS_LINE_NUMBERS),
				"the main mapping is the first of the file");
		text_buffer_init(&pprof, &memory.allocator, 1 << 20);
		unit_ok(pprof_encode(&profile, &pprof, &error) &&
				pprof_decode((uint8 *) pprof.data, pprof.length,
							 &default_limits, &memory.allocator, &message,
							 &error) &&
				message.mappings.n == 3 &&
				message.mappings.items[0].id == 1 &&
				message.mappings.items[0].mapping.memory_start == 0x900000,
				"and of what we write");
	}
	finish_case(&bytes);
}

/* ---- numbers ---- */

static void
test_extreme_values(void)
{
	static const int64 values[] = {PG_INT64_MIN, PG_INT64_MAX, -1, 0, 1,
	PG_INT64_MIN + 1, 6, -9};
	Bytes		bytes = {0};
	uint64		id = 1;

	put_small_base(&bytes);
	for (size_t i = 0; i < lengthof(values); i++)
		put_sample(&bytes, &id, 1, values[i]);
	if (read_profile("values at the ends of int64", &bytes))
		unit_ok(profile.values[0][0] == PG_INT64_MIN &&
				profile.values[0][lengthof(values) - 1] == PG_INT64_MAX,
				"they are kept, and ordered as signed");
	finish_case(&bytes);

	put_small_base(&bytes);
	put_sample(&bytes, &id, 1, PG_INT64_MIN);
	put_sample(&bytes, &id, 1, PG_INT64_MIN);
	if (read_profile("values that are all the smallest", &bytes))
		unit_ok(profile.header.total_overflows[0] &&
				profile.header.totals[0] == 0, "their total has no value");
	finish_case(&bytes);

	put_small_base(&bytes);
	for (int i = 0; i < 3; i++)
		put_sample(&bytes, &id, 1, PG_INT64_MAX - i);
	if (read_profile("values whose sum leaves int64", &bytes))
		unit_ok(profile.header.total_overflows[0], "their total has no value");
	finish_case(&bytes);

	/* the canonical order adds the two large ones first */
	put_small_base(&bytes);
	put_sample(&bytes, &id, 0, PG_INT64_MAX);
	put_sample(&bytes, &id, 0, PG_INT64_MAX);
	put_sample(&bytes, &id, 1, PG_INT64_MIN + 1);
	if (read_profile("values whose partial sum leaves int64", &bytes))
		unit_ok(!profile.header.total_overflows[0] &&
				profile.header.totals[0] == PG_INT64_MAX,
				"their total fits, whatever the order");
	finish_case(&bytes);

	put_small_base(&bytes);
	for (int i = 0; i < 5; i++)
		put_sample(&bytes, &id, 1, 0);
	if (read_profile("values that are all 0", &bytes))
		unit_ok(profile.header.nsamples == 5, "their samples stay");
	finish_case(&bytes);
}

static void
test_header(void)
{
	Bytes		bytes = {0};
	uint64		comments[] = {4, 3, 4, 8};

	put_small_base(&bytes);
	put_number(&bytes, 7, 3);
	put_number(&bytes, 8, 4);
	put_number(&bytes, 9, 12345);
	put_number(&bytes, 10, (uint64) -5);
	put_value_type(&bytes, 11, 1, 2);
	put_number(&bytes, 12, (uint64) PG_INT64_MIN);
	put_packed(&bytes, 13, comments, 4);
	put_number(&bytes, 14, 7);	/* no such sample type */
	put_number(&bytes, 15, 5);
	put_number(&bytes, 9, 777); /* the last one holds */
	if (read_profile("a full header", &bytes))
	{
		ProfileHeader *header = &profile.header;

		unit_ok(header->time_nanos == 777 && header->duration_nanos == -5 &&
				header->period == PG_INT64_MIN, "its numbers are kept");
		unit_ok(string_ref_equal(header->drop_frames, string_ref_literal("main")) &&
				string_ref_equal(header->keep_frames, string_ref_literal("work")) &&
				string_ref_equal(header->doc_url, string_ref_literal("main.c")) &&
				string_ref_equal(header->default_sample_type,
								 string_ref_literal("bytes")) &&
				string_ref_equal(header->period_type.unit,
								 string_ref_literal("count")),
				"its strings are kept");
		unit_ok(profile.ncomments == 4 && string_is(profile.comments[0], "work") &&
				string_is(profile.comments[1], "main") &&
				string_is(profile.comments[2], "work") &&
				profile.comments[3] == 0, "comments stay as given");
		unit_ok(profile_default_type(header) == 0,
				"a default type that does not exist gives way to the last");
	}
	finish_case(&bytes);
	put_text(&bytes, "");
	if (read_profile("a profile with nothing in it", &bytes))
		unit_ok(profile.header.nsample_types == 0 &&
				profile.header.nsamples == 0, "it is empty");
	finish_case(&bytes);
}

static void
test_find_type(void)
{
	SampleType	types[] = {
		{string_ref_literal("alloc"), string_ref_literal("count")},
		{string_ref_literal("a/b"), string_ref_literal("c")},
		{string_ref_literal("a"), string_ref_literal("b/c")},
		{string_ref_literal("cpu"), string_ref_literal("nanoseconds")}
	};
	ProfileHeader header = {.nsample_types = 4,.sample_types = types};

	unit_ok(profile_find_type(&header, string_ref_literal("cpu")) == 3 &&
			profile_find_type(&header, string_ref_literal("cpu/nanoseconds")) == 3 &&
			profile_find_type(&header, string_ref_literal("alloc/count")) == 0 &&
			profile_find_type(&header, string_ref_literal("a/b")) == 1 &&
			profile_find_type(&header, string_ref_literal("a/b/c")) == 1 &&
			profile_find_type(&header, string_ref_literal("cpu/")) == -1 &&
			profile_find_type(&header, string_ref_literal("")) == -1,
			"sample types are found by type, or type and unit");
}

/* ---- strings ---- */

static void
test_strings(void)
{
	Bytes		bytes = {0};
	static const char zero[] = {'a', 0, 'b'};
	static const struct
	{
		const char *data;
		size_t		size;
	}			odd[] = {{zero, 3}, {zero, 2}, {zero, 1}, {"\xFF\xFE\x80", 3},
	{"\xED\xA0\x80", 3}, {"aaaaaaa", 7}, {"aaaaaaaa", 8}, {"aaaaaaa\0", 8},
	{"aaaaaa\0\0", 8}, {"aaaaaaa\0\0", 9}, {"aaaaaa", 6}, {"aaaaaa\0", 7}};

	put_small_base(&bytes);
	for (size_t i = 0; i < lengthof(odd); i++)
	{
		uint64		number = 9 + i;

		put_field(&bytes, 6, odd[i].data, odd[i].size);
		put_packed(&bytes, 13, &number, 1);
	}
	if (read_profile("strings with zero bytes and wrong UTF-8", &bytes))
	{
		uint32		kept = 0;

		for (size_t i = 0; i < lengthof(odd); i++)
			kept += string_ref_equal(profile.stacks->strings[profile.comments[i]],
									 string_ref(odd[i].data, odd[i].size));
		unit_ok(kept == lengthof(odd),
				"they are kept");
	}
	finish_case(&bytes);

	put_text(&bytes, "");
	put_text(&bytes, "\xFF");
	put_value_type(&bytes, 1, 1, 0);
	if (read_profile("a sample type that is not UTF-8", &bytes))
		unit_ok(profile.header.nsample_types == 1, "it is kept");
	finish_case(&bytes);
}

/* ---- ids and the order of fields ---- */

static void
test_ids(void)
{
	static const uint64 steps[] = {3, (uint64) 1 << 32,
	UINT64CONST(0x9E3779B97F4A7C15), PG_UINT64_MAX / 7};
	Bytes		dense = {0};

	put_small_base(&dense);
	for (uint64 i = 1; i <= 6; i++)
		put_location(&dense, 2 + i, 0, i, 1 + i % 2, i);
	for (uint64 i = 1; i <= 6; i++)
	{
		uint64		ids[] = {2 + i, 9 - i};

		put_sample(&dense, ids, 2, i);
	}
	for (size_t k = 0; k < lengthof(steps); k++)
	{
		Bytes		sparse = {0};

		put_small_base(&sparse);
		for (uint64 i = 6; i >= 1; i--)
			put_location(&sparse, 2 + i * steps[k], 0, i, 1 + i % 2, i);
		for (uint64 i = 6; i >= 1; i--)
		{
			uint64		ids[] = {2 + i * steps[k], 2 + (7 - i) * steps[k]};

			put_sample(&sparse, ids, 2, i);
		}
		unit_ok(equal_content(&dense, &sparse),
				"ids " UINT64_FORMAT " apart mean the same", steps[k]);
		bytes_free(&sparse);
	}
	finish_case(&dense);
}

static void
test_field_order(void)
{
	Bytes		forward = {0};
	Bytes		backward = {0};
	Bytes		sample = {0};
	uint64		ids[] = {2, 1, 2, 1, 1};
	uint64		value = (uint64) -7;

	put_small_base(&forward);
	put_packed(&sample, 1, ids, 5);
	put_packed(&sample, 2, &value, 1);
	put_label(&sample, 6, 3, 0, 0);
	put_message(&forward, 2, &sample);

	put_tag(&sample, 77, 1);
	put_raw(&sample, "12345678", 8);
	put_label(&sample, 6, 3, 0, 0);
	put_number(&sample, 1, 2);
	put_number(&sample, 2, value);
	put_packed(&sample, 1, ids + 1, 3);
	put_number(&sample, 1, 1);
	put_message(&backward, 2, &sample);
	put_number(&backward, 33, 5);
	put_location(&backward, 2, 0, 0x2000, 2, 21);
	put_location(&backward, 1, 0, 0x1000, 1, 11);
	put_function(&backward, 2, 2, 2, 1, 20);
	put_function(&backward, 1, 3, 3, 1, 10);
	put_value_type(&backward, 1, 5, 4);
	put_text(&backward, "");
	put_text(&backward, "main.c");
	put_text(&backward, "work");
	put_text(&backward, "main");
	put_text(&backward, "count");
	put_text(&backward, "samples");
	put_text(&backward, "thread");
	unit_ok(equal_content(&forward, &backward),
			"messages in any order, numbers packed or not, mean the same");
	bytes_free(&backward);
	finish_case(&forward);
}

int
main(void)
{
	unit_memory_init(&memory);
	test_equal_parts();
	test_almost_equal_locations();
	test_inlined_lines();
	test_labels();
	test_label_order();
	test_empty_text_label();
	test_label_of_both_kinds();
	test_mappings();
	test_extreme_values();
	test_header();
	test_find_type();
	test_strings();
	test_ids();
	test_field_order();
	return unit_finish();
}
