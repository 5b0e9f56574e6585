/*
 * test_merge.c
 *	  Sums of profiles: every value is in them, in whatever order they are added.
 */
#include "postgres_fe.h"

#include "profile/profile_merge.h"

#include "profile_check.h"

static UnitMemory memory;

/*
 * The random profile of a seed, its values and times small enough to be
 * added.  Several seeds share their first strings, so that stacks meet.
 */
static Profile *
make_profile(uint64 seed)
{
	UnitRandom	random = unit_random_seed(seed);
	Bytes		bytes = {0};
	PyroError	error = {0};
	Profile    *profile = unit_allocate(&memory, sizeof(Profile));
	uint8	   *kept;

	random_profile(&random, &bytes);
	kept = unit_allocate(&memory, bytes.size + 1);
	memcpy(kept, bytes.data, bytes.size);
	if (!pprof_read(kept, bytes.size, &wide_limits, &memory.allocator,
					profile, &error))
	{
		printf("Bail out! %s\n", error.message);
		exit(1);
	}
	for (uint32 t = 0; t < profile->header.nsample_types; t++)
		for (uint32 i = 0; i < profile->header.nsamples; i++)
			profile->values[t][i] %= 1000;
	/* the name of a default type that is empty means that there is none */
	for (uint32 t = 0; t < profile->header.nsample_types; t++)
		if (profile->header.sample_types[t].type.length == 0)
			profile->header.sample_types[t].type = string_ref_literal("unnamed");
	profile->header.duration_nanos %= 1000;
	if (!profile_sum_values(profile, &memory.allocator, &error))
		exit(1);
	bytes_free(&bytes);
	return profile;
}

/* NULL, with `error` set, where they cannot be added. */
static Profile *
merge(const Profile *a, const Profile *b, PyroError *error)
{
	Profile    *sum = unit_allocate(&memory, sizeof(Profile));

	memset(error, 0, sizeof(*error));
	return profile_merge(a, b, &memory.allocator, sum, error) ? sum : NULL;
}

static bool
same_content(const Profile *a, const Profile *b)
{
	TextBuffer	flat_a;
	TextBuffer	flat_b;
	PyroError	error = {0};

	return a != NULL && b != NULL &&
		write_flat(a, false, &memory, &flat_a, &error) &&
		write_flat(b, false, &memory, &flat_b, &error) &&
		same_bytes(&flat_a, &flat_b);
}

/* ---- the samples spelt out ---- */

typedef struct SpeltSample
{
	StringRef	text;			/* sample type, stack and labels */
	int64		value;
} SpeltSample;

typedef struct SpeltProfile
{
	SpeltSample *samples;
	size_t		n;
} SpeltProfile;

static void
spell_string(TextBuffer *text, StringRef string)
{
	text_append_int(text, string.length);
	text_append_char(text, ':');
	text_append_ref(text, string);
}

static void
spell_number(TextBuffer *text, int64 number)
{
	text_append_int(text, number);
	text_append_char(text, ' ');
}

static void
spell_location(TextBuffer *text, const StackDictionary *stacks, uint32 index)
{
	const StackLocation *location = &stacks->locations[index];

	spell_number(text, (int64) location->address);
	spell_number(text, location->is_folded);
	if (location->mapping != 0)
	{
		const StackMapping *mapping = &stacks->mappings[location->mapping - 1];

		spell_number(text, (int64) mapping->memory_start);
		spell_number(text, (int64) mapping->memory_limit);
		spell_number(text, (int64) mapping->file_offset);
		spell_number(text, mapping->flags);
		spell_string(text, stacks->strings[mapping->filename]);
		spell_string(text, stacks->strings[mapping->build_id]);
	}
	for (uint32 i = 0; i < location->nlines; i++)
	{
		const StackLine *line = &stacks->lines[location->line_start + i];

		text_append_char(text, '/');
		spell_number(text, line->line);
		spell_number(text, line->column);
		if (line->function != 0)
		{
			const StackFunction *function = &stacks->functions[line->function - 1];

			spell_string(text, stacks->strings[function->name]);
			spell_string(text, stacks->strings[function->system_name]);
			spell_string(text, stacks->strings[function->filename]);
			spell_number(text, function->start_line);
		}
	}
	text_append_char(text, ';');
}

static void
spell_sample(TextBuffer *text, const Profile *profile, uint32 type, uint32 i)
{
	const StackDictionary *stacks = profile->stacks;
	uint32		set = profile->sample_label_set[i];

	spell_string(text, profile->header.sample_types[type].type);
	spell_string(text, profile->header.sample_types[type].unit);
	for (uint32 node = profile->sample_node[i]; node != 0;
		 node = stacks->node_parent[node])
		spell_location(text, stacks, stacks->node_location[node]);
	for (uint32 k = profile_label_set_start(profile, set);
		 k < profile->label_set_end[set]; k++)
	{
		const ProfileLabel *label = &profile->labels[k];

		spell_string(text, stacks->strings[label->key]);
		spell_string(text, stacks->strings[label->is_number ? label->unit :
										   label->string]);
		spell_number(text, label->is_number);
		spell_number(text, label->number);
	}
}

static int
compare_spelt(const void *a, const void *b)
{
	return string_ref_compare(((const SpeltSample *) a)->text,
							  ((const SpeltSample *) b)->text);
}

/* Append the samples of a profile that have a value. */
static void
spell_profile(SpeltProfile *spelt, const Profile *profile)
{
	const ProfileHeader *header = &profile->header;
	size_t		most = spelt->n +
	(size_t) header->nsamples * header->nsample_types;
	SpeltSample *samples = allocate_array(&memory.allocator, most,
										  sizeof(SpeltSample));

	if (spelt->n > 0)
		memcpy(samples, spelt->samples, spelt->n * sizeof(SpeltSample));
	spelt->samples = samples;
	for (uint32 t = 0; t < header->nsample_types; t++)
		for (uint32 i = 0; i < header->nsamples; i++)
		{
			TextBuffer	text;

			text_buffer_init(&text, &memory.allocator, 1 << 20);
			spell_sample(&text, profile, t, i);
			samples[spelt->n++] = (SpeltSample)
			{
				string_ref(text.data, text.length), profile->values[t][i]
			};
		}
}

/* Sort, and add up what is equal. */
static void
sum_spelt(SpeltProfile *spelt)
{
	size_t		n = 0;

	qsort(spelt->samples, spelt->n, sizeof(SpeltSample), compare_spelt);
	for (size_t i = 0; i < spelt->n; i++)
	{
		if (n > 0 && string_ref_equal(spelt->samples[n - 1].text,
									  spelt->samples[i].text))
			spelt->samples[n - 1].value += spelt->samples[i].value;
		else
			spelt->samples[n++] = spelt->samples[i];
		if (i + 1 < spelt->n && spelt->samples[n - 1].value == 0 &&
			!string_ref_equal(spelt->samples[n - 1].text,
							  spelt->samples[i + 1].text))
			n--;
	}
	if (n > 0 && spelt->samples[n - 1].value == 0)
		n--;
	spelt->n = n;
}

/* Are the values of two profiles those of a third? */
static bool
values_add_up(const Profile *a, const Profile *b, const Profile *sum)
{
	SpeltProfile expected = {0};
	SpeltProfile found = {0};

	spell_profile(&expected, a);
	spell_profile(&expected, b);
	spell_profile(&found, sum);
	sum_spelt(&expected);
	sum_spelt(&found);
	if (expected.n != found.n)
		return false;
	for (size_t i = 0; i < found.n; i++)
		if (!string_ref_equal(expected.samples[i].text, found.samples[i].text) ||
			expected.samples[i].value != found.samples[i].value)
			return false;
	return true;
}

/* ---- tests ---- */

typedef struct Tally
{
	uint32		n;
	uint32		refused;
	uint32		flawed;
	uint32		wrong_values;
	uint32		not_commutative;
	uint32		not_associative;
	uint32		lossy;
} Tally;

static void
check_triple(uint64 seed, Tally *tally)
{
	Profile    *a = make_profile(seed);
	Profile    *b = make_profile(seed + 1);
	Profile    *c = seed % 3 == 0 ? make_profile(seed) : make_profile(seed + 2);
	PyroError	error;
	Profile    *ab = merge(a, b, &error);
	Profile    *ba = merge(b, a, &error);
	Profile    *bc = merge(b, c, &error);

	tally->n++;
	if (ab == NULL || ba == NULL || bc == NULL)
	{
		tally->refused++;
		unit_note("seed " UINT64_FORMAT ": %s", seed, error.message);
		unit_memory_free(&memory);
		return;
	}
	tally->flawed += find_flaw(ab) != NULL;
	tally->wrong_values += !values_add_up(a, b, ab);
	tally->not_commutative += !same_content(ab, ba);
	tally->not_associative += !same_content(merge(ab, c, &error),
											merge(a, bc, &error));
	if (check_round_trip(ab, &memory, &error) != NULL)
		tally->lossy++;
	unit_memory_free(&memory);
}

static void
test_random_sums(void)
{
	Tally		tally = {0};

	for (uint64 seed = 1; seed <= 1500; seed++)
		check_triple(seed, &tally);
	unit_ok(tally.refused == 0, "%u random profiles can be added", tally.n);
	unit_ok(tally.flawed == 0, "all in order: %u are not", tally.flawed);
	unit_ok(tally.wrong_values == 0, "every value is in the sum: %u are wrong",
			tally.wrong_values);
	unit_ok(tally.not_commutative == 0, "a + b = b + a: %u are not",
			tally.not_commutative);
	unit_ok(tally.not_associative == 0, "(a + b) + c = a + (b + c): %u are not",
			tally.not_associative);
	unit_ok(tally.lossy == 0, "sums lose nothing as pprof: %u do", tally.lossy);
}

static Profile *
read_bytes(const Bytes *bytes)
{
	Profile    *profile = unit_allocate(&memory, sizeof(Profile));
	PyroError	error = {0};

	if (pprof_read(bytes->data, bytes->size, &wide_limits, &memory.allocator,
				   profile, &error))
		return profile;
	printf("Bail out! %s\n", error.message);
	exit(1);
}

static void
test_small_sum(void)
{
	Bytes		bytes = {0};
	uint64		ids[] = {2, 1};
	PyroError	error;
	Profile    *profile;
	Profile    *sum;

	put_small_base(&bytes);
	put_sample(&bytes, ids, 2, 5);
	put_sample(&bytes, ids, 2, 5);
	put_sample(&bytes, ids + 1, 1, 7);
	put_number(&bytes, 9, 1000);
	put_number(&bytes, 10, 30);
	profile = read_bytes(&bytes);
	sum = merge(profile, profile, &error);
	unit_ok(sum != NULL && sum->header.nsamples == 2 &&
			sum->values[0][0] == 14 && sum->values[0][1] == 20 &&
			sum->header.totals[0] == 34 && sum->header.time_nanos == 1000 &&
			sum->header.duration_nanos == 60,
			"a profile and itself: equal samples become one, values double");
	bytes_free(&bytes);
	unit_memory_free(&memory);
}

static void
test_overflow(void)
{
	Bytes		bytes = {0};
	uint64		id = 1;
	PyroError	error;
	Profile    *profile;

	put_small_base(&bytes);
	put_sample(&bytes, &id, 1, PG_INT64_MAX);
	profile = read_bytes(&bytes);
	unit_ok(merge(profile, profile, &error) == NULL &&
			error.kind == PYRO_OVERFLOW, "a value that leaves int64 is refused");
	bytes_free(&bytes);
	put_small_base(&bytes);
	put_number(&bytes, 10, PG_INT64_MAX);
	profile = read_bytes(&bytes);
	profile = merge(profile, profile, &error);
	unit_ok(profile != NULL && profile->header.duration_nanos == PG_INT64_MAX,
			"a duration stays at the end of int64");
	bytes_free(&bytes);
	unit_memory_free(&memory);
}

/* A profile whose sample types are strings first to first + n - 1. */
static void
put_types(Bytes *to, uint32 first, uint32 n)
{
	uint64		values[PROFILE_MAX_SAMPLE_TYPES];
	Bytes		sample = {0};

	put_text(to, "");
	for (uint32 i = 1; i < 200; i++)
	{
		char		name[8];

		snprintf(name, sizeof(name), "%03u", i);
		put_text(to, name);
	}
	for (uint32 i = 0; i < n; i++)
	{
		put_value_type(to, 1, first + i, 0);
		values[i] = first + i;
	}
	put_packed(&sample, 2, values, n);
	put_message(to, 2, &sample);
}

static void
test_types(void)
{
	Bytes		a = {0};
	Bytes		b = {0};
	PyroError	error;
	Profile    *sum;

	put_types(&a, 1, 64);
	put_types(&b, 65, 1);
	unit_ok(merge(read_bytes(&a), read_bytes(&b), &error) == NULL &&
			error.kind == PYRO_LIMIT, "a 65th sample type is refused");
	bytes_free(&b);
	put_types(&b, 33, 32);
	sum = merge(read_bytes(&a), read_bytes(&b), &error);
	unit_ok(sum != NULL && sum->header.nsample_types == 64 &&
			sum->values[0][0] == 1 && sum->values[63][0] == 128 &&
			sum->values[32][0] == 66, "types are matched by name");
	bytes_free(&a);
	bytes_free(&b);
	unit_memory_free(&memory);
}

/* Profiles without sample types, which may still name a default one. */
static void
test_no_types(void)
{
	Bytes		bytes[2] = {{0}, {0}};
	PyroError	error;

	for (int i = 0; i < 2; i++)
	{
		put_text(&bytes[i], "");
		put_text(&bytes[i], i == 0 ? "one" : "two");
		put_number(&bytes[i], 14, 1);
	}
	unit_ok(same_content(merge(read_bytes(&bytes[0]), read_bytes(&bytes[1]), &error),
						 merge(read_bytes(&bytes[1]), read_bytes(&bytes[0]), &error)),
			"without sample types a + b = b + a, too");
	bytes_free(&bytes[0]);
	bytes_free(&bytes[1]);
	unit_memory_free(&memory);
}

/* Of two texts with one place one goes, and its string with it. */
static void
test_dropped_strings(void)
{
	Bytes		bytes[2] = {{0}, {0}};
	PyroError	error;
	Profile    *sum;
	const char *flaw;

	for (int i = 0; i < 2; i++)
	{
		put_text(&bytes[i], "");
		put_text(&bytes[i], i == 0 ? "one" : "two");
		put_number(&bytes[i], 7, 1);
	}
	sum = merge(read_bytes(&bytes[0]), read_bytes(&bytes[1]), &error);
	flaw = sum == NULL ? "it is refused" :
		check_round_trip(sum, &memory, &error);
	if (!unit_ok(flaw == NULL, "a sum that drops a text loses nothing more"))
		unit_note("%s", flaw);
	bytes_free(&bytes[0]);
	bytes_free(&bytes[1]);
	unit_memory_free(&memory);
}

int
main(void)
{
	unit_memory_init(&memory);
	test_random_sums();
	test_small_sum();
	test_overflow();
	test_types();
	test_no_types();
	test_dropped_strings();
	return unit_finish();
}
