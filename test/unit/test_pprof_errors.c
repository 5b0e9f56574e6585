/*
 * test_pprof_errors.c
 *	  Bytes that are no sound pprof profile are refused, and say why.
 */
#include "postgres_fe.h"

#include "profile_check.h"

static const ProfileLimits default_limits = {
	.max_size = 64 << 20,
	.max_samples = 1000000,
	.max_stack_depth = 4096
};

/* Read bytes as given; the memory is freed again. */
static PyroErrorKind
read_kind(const Bytes *bytes, const ProfileLimits *limits, PyroError *error)
{
	UnitMemory	memory;
	Profile		profile;
	bool		read;

	unit_memory_init(&memory);
	memset(error, 0, sizeof(*error));
	read = pprof_read(bytes->data, bytes->size, limits, &memory.allocator,
					  &profile, error);
	if (read && find_flaw(&profile) != NULL)
		unit_note("accepted with a flaw: %s", find_flaw(&profile));
	unit_memory_free(&memory);
	return read ? PYRO_OK : error->kind;
}

/* Test that bytes are refused with a kind and a part of a message. */
static void
refused(const char *name, Bytes *bytes, const ProfileLimits *limits,
		PyroErrorKind kind, const char *message)
{
	PyroError	error;
	PyroErrorKind found = read_kind(bytes, limits, &error);

	if (!unit_ok(found == kind && strstr(error.message, message) != NULL,
				 "refused: %s", name))
		unit_note("kind %d, message: %s", found, error.message);
	bytes_free(bytes);
}

static void
malformed(const char *name, Bytes *bytes, const char *message)
{
	refused(name, bytes, &default_limits, PYRO_MALFORMED, message);
}

static void
accepted(const char *name, Bytes *bytes, const ProfileLimits *limits)
{
	PyroError	error;
	PyroErrorKind found = read_kind(bytes, limits, &error);

	if (!unit_ok(found == PYRO_OK, "accepted: %s", name))
		unit_note("%s", error.message);
	bytes_free(bytes);
}

static Bytes
small_base(void)
{
	Bytes		bytes = {0};

	put_small_base(&bytes);
	return bytes;
}

/* ---- the wire format ---- */

static void
test_wire(void)
{
	static const uint8 eleven[] = {9 << 3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
	0x80, 0x80, 0x80, 0x80, 0x00};
	static const uint8 ten[] = {9 << 3, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80,
	0x80, 0x80, 0x80, 0x7E};
	static const uint8 no_field[] = {0x00, 0x00};
	Bytes		bytes = {0};

	malformed("no bytes", &bytes, "no bytes");
	bytes = small_base();
	put_raw(&bytes, eleven, sizeof(eleven));
	malformed("a varint of 11 bytes", &bytes, "malformed or cut off");
	bytes = small_base();
	put_raw(&bytes, ten, sizeof(ten));
	accepted("a varint of 10 bytes with bits above 64", &bytes, &default_limits);
	bytes = small_base();
	put_raw(&bytes, eleven, 5);
	malformed("a varint that does not end", &bytes, "malformed or cut off");
	bytes = small_base();
	put_raw(&bytes, no_field, sizeof(no_field));
	malformed("field number 0", &bytes, "malformed");
	bytes = small_base();
	put_tag(&bytes, 6, 2);
	put_varint(&bytes, 1000);
	malformed("a length past the end", &bytes, "malformed");
	bytes = small_base();
	put_tag(&bytes, 6, 2);
	put_varint(&bytes, PG_UINT64_MAX);
	malformed("a length of 2^64 - 1", &bytes, "malformed");
	bytes = small_base();
	put_tag(&bytes, 100, 2);
	put_varint(&bytes, PG_UINT64_MAX - 20);
	malformed("an unknown field as long", &bytes, "malformed");
	bytes = small_base();
	put_tag(&bytes, 100, 1);
	put_raw(&bytes, "1234567", 7);
	malformed("a 64-bit number of 7 bytes", &bytes, "malformed");
	bytes = small_base();
	put_tag(&bytes, 100, 5);
	put_raw(&bytes, "123", 3);
	malformed("a 32-bit number of 3 bytes", &bytes, "malformed");
	for (uint32 type = 3; type < 8; type++)
		if (type != 5)
		{
			char		name[40];

			bytes = small_base();
			put_tag(&bytes, 100, type);
			snprintf(name, sizeof(name), "wire type %u", type);
			malformed(name, &bytes, "malformed");
		}
	put_raw(&bytes, "<!DOCTYPE html><html><body>404", 30);
	malformed("a web page", &bytes, "malformed");
	put_raw(&bytes, "goroutine profile: total 5\n1 @ 0x43", 35);
	malformed("a profile as text", &bytes, "malformed");
}

/* A known field with a value of the given wire type. */
static void
put_any(Bytes *to, uint32 field, uint32 wire_type)
{
	put_tag(to, field, wire_type);
	switch (wire_type)
	{
		case 0:
			put_varint(to, 1);
			break;
		case 1:
			put_raw(to, "\1\0\0\0\0\0\0\0", 8);
			break;
		case 2:
			put_varint(to, 0);
			break;
		default:
			put_raw(to, "\1\0\0\0", 4);
	}
}

/*
 * Each known field with each wire type.  path: field numbers from the profile
 * down to the message; allowed: a bit for each wire type that is right.
 */
static void
check_wire_types(const char *message, const uint32 *path, uint32 depth,
				 uint32 field, uint32 allowed)
{
	static const uint32 types[] = {0, 1, 2, 5};
	uint32		wrong = 0;

	for (size_t i = 0; i < lengthof(types); i++)
	{
		Bytes		inner = {0};
		PyroError	error;
		PyroErrorKind kind;

		put_any(&inner, field, types[i]);
		for (uint32 level = depth; level-- > 0;)
		{
			Bytes		outer = {0};

			put_message(&outer, path[level], &inner);
			inner = outer;
		}
		kind = read_kind(&inner, &default_limits, &error);
		/* a field of the right type only leads to another complaint */
		if ((allowed >> types[i] & 1) ==
			(kind == PYRO_MALFORMED &&
			 strstr(error.message, "malformed or cut off") != NULL))
			wrong++;
		bytes_free(&inner);
	}
	unit_ok(wrong == 0, "wire types of field %u of %s", field, message);
}

static void
test_wire_types(void)
{
	static const uint32 profile[] = {4, 4, 4, 4, 4, 4, 1, 1, 1, 1, 4, 1, 5, 1, 1};

	for (uint32 field = 1; field <= 15; field++)
		check_wire_types("profile", NULL, 0, field, profile[field - 1]);
	for (uint32 field = 1; field <= 2; field++)
	{
		check_wire_types("sample type", (uint32[]) {1}, 1, field, 1);
		check_wire_types("period type", (uint32[]) {11}, 1, field, 1);
	}
	check_wire_types("sample", (uint32[]) {2}, 1, 1, 5);
	check_wire_types("sample", (uint32[]) {2}, 1, 2, 5);
	check_wire_types("sample", (uint32[]) {2}, 1, 3, 4);
	for (uint32 field = 1; field <= 4; field++)
		check_wire_types("label", (uint32[]) {2, 3}, 2, field, 1);
	for (uint32 field = 1; field <= 10; field++)
		check_wire_types("mapping", (uint32[]) {3}, 1, field, 1);
	for (uint32 field = 1; field <= 5; field++)
		check_wire_types("location", (uint32[]) {4}, 1, field,
						 field == 4 ? 4 : 1);
	for (uint32 field = 1; field <= 3; field++)
		check_wire_types("line", (uint32[]) {4, 4}, 2, field, 1);
	for (uint32 field = 1; field <= 5; field++)
		check_wire_types("function", (uint32[]) {5}, 1, field, 1);
}

/* ---- strings ---- */

/* A sound profile in which one string number, counted from 0, is another. */
static Bytes
with_string(uint32 place, uint64 string, uint32 *nplaces)
{
	Bytes		bytes = {0};
	Bytes		sample = {0};
	Bytes		period = {0};
	uint32		n = 0;
	uint64		location = 1;
	uint64		value = 1;

#define STRING(right) (n++ == place ? string : (right))
	put_text(&bytes, "");
	put_text(&bytes, "a");
	put_value_type(&bytes, 1, STRING(1), 1);
	put_value_type(&bytes, 1, 1, STRING(1));
	put_mapping(&bytes, 1, 0, 0, STRING(1), 1);
	put_mapping(&bytes, 2, 0, 0, 1, STRING(1));
	put_function(&bytes, 1, STRING(1), 1, 1, 0);
	put_function(&bytes, 2, 1, STRING(1), 1, 0);
	put_function(&bytes, 3, 1, 1, STRING(1), 0);
	put_location(&bytes, 1, 1, 0, 1, 0);
	put_packed(&sample, 1, &location, 1);
	put_packed(&sample, 2, &value, 1);
	put_packed(&sample, 2, &value, 1);
	put_label(&sample, STRING(1), 1, 0, 0);
	put_label(&sample, 1, STRING(1), 0, 0);
	put_label(&sample, 1, 0, 5, STRING(1));
	put_message(&bytes, 2, &sample);
	put_number(&bytes, 7, STRING(1));
	put_number(&bytes, 8, STRING(1));
	put_number(&period, 1, STRING(1));
	put_number(&period, 2, STRING(1));
	put_message(&bytes, 11, &period);
	put_number(&bytes, 13, STRING(1));
	put_number(&bytes, 14, STRING(1));
	put_number(&bytes, 15, STRING(1));
#undef STRING
	*nplaces = n;
	return bytes;
}

static void
test_string_numbers(void)
{
	static const uint64 wrong[] = {2, PG_UINT32_MAX, (uint64) 1 << 32,
	((uint64) 1 << 32) + 1, (uint64) -1, (uint64) PG_INT64_MIN};
	uint32		nplaces;
	Bytes		bytes = with_string(PG_UINT32_MAX, 0, &nplaces);

	accepted("a profile with all kinds of strings", &bytes, &default_limits);
	for (uint32 place = 0; place < nplaces; place++)
	{
		uint32		nrefused = 0;

		for (size_t i = 0; i < lengthof(wrong); i++)
		{
			PyroError	error;

			bytes = with_string(place, wrong[i], &nplaces);
			if (read_kind(&bytes, &default_limits, &error) == PYRO_MALFORMED &&
				strstr(error.message, "there are only 2 strings") != NULL)
				nrefused++;
			bytes_free(&bytes);
		}
		unit_ok(nrefused == lengthof(wrong),
				"string numbers out of range at place %u are refused", place);
	}
	put_value_type(&bytes, 1, 0, 0);
	malformed("no string table", &bytes, "first string");
	put_text(&bytes, "samples");
	put_value_type(&bytes, 1, 0, 0);
	malformed("a first string that is not empty", &bytes, "first string");
}

/* ---- ids ---- */

static void
test_ids(void)
{
	uint64		ids[] = {1, 2};
	Bytes		bytes = small_base();
	static const uint64 steps[] = {1, (uint64) 1 << 32, (uint64) 1 << 63};

	ids[1] = 3;
	put_sample(&bytes, ids, 2, 1);
	malformed("a location that does not exist", &bytes, "location 3");
	bytes = small_base();
	ids[1] = 0;
	put_sample(&bytes, ids, 2, 1);
	malformed("location 0 in a sample", &bytes, "location 0");
	bytes = small_base();
	ids[1] = PG_UINT64_MAX;
	put_sample(&bytes, ids, 2, 1);
	malformed("location 2^64 - 1 in a sample", &bytes, "location 18446744073709551615");
	bytes = small_base();
	put_location(&bytes, 3, 7, 0, 0, 0);
	malformed("a mapping that does not exist", &bytes, "mapping 7");
	bytes = small_base();
	put_location(&bytes, 3, 0, 0, 9, 0);
	malformed("a function that does not exist", &bytes, "function 9");

	for (size_t i = 0; i < lengthof(steps); i++)
	{
		bytes = small_base();
		put_location(&bytes, 2 * steps[i], 0, 0, 0, 0);
		put_location(&bytes, steps[i], 0, 0, 0, 0);
		put_location(&bytes, 2 * steps[i], 0, 0, 0, 0);
		malformed("a location id twice", &bytes,
				  steps[i] >> 63 != 0 ? "id 0" : "two locations have the id");
		bytes = small_base();
		put_function(&bytes, 3 + steps[i], 0, 0, 0, 0);
		put_function(&bytes, 3 + steps[i], 1, 0, 0, 0);
		malformed("a function id twice", &bytes, "two functions have the id");
		bytes = small_base();
		put_mapping(&bytes, steps[i], 0, 0, 0, 0);
		put_mapping(&bytes, steps[i], 0, 0, 0, 0);
		malformed("a mapping id twice", &bytes, "two mappings have the id");
	}
	bytes = small_base();
	put_location(&bytes, 0, 0, 0, 0, 0);
	malformed("location id 0", &bytes, "id 0");
	bytes = small_base();
	put_function(&bytes, 0, 0, 0, 0, 0);
	malformed("function id 0", &bytes, "id 0");
	bytes = small_base();
	put_mapping(&bytes, 0, 0, 0, 0, 0);
	malformed("mapping id 0", &bytes, "id 0");
}

/* ---- values and times ---- */

static void
test_values(void)
{
	Bytes		bytes = small_base();
	Bytes		sample = {0};
	uint64		values[] = {1, 2};

	put_message(&bytes, 2, &sample);
	malformed("a sample without values", &bytes, "0 values");
	bytes = small_base();
	put_packed(&sample, 2, values, 2);
	put_message(&bytes, 2, &sample);
	malformed("two values for one type", &bytes, "2 values");
	bytes = small_base();
	put_value_type(&bytes, 1, 1, 2);
	put_packed(&sample, 2, values, 1);
	put_message(&bytes, 2, &sample);
	malformed("one value for two types", &bytes, "1 values");
	put_text(&bytes, "");
	put_message(&bytes, 2, &sample);
	malformed("samples but no type", &bytes, "no sample type");
	bytes = small_base();
	put_number(&bytes, 9, (uint64) -1);
	malformed("a time before 1970", &bytes, "time_nanos");
	bytes = small_base();
	for (int i = 1; i < PROFILE_MAX_SAMPLE_TYPES; i++)
		put_value_type(&bytes, 1, 1, 2);
	accepted("64 sample types", &bytes, &default_limits);
	bytes = small_base();
	for (int i = 0; i < PROFILE_MAX_SAMPLE_TYPES; i++)
		put_value_type(&bytes, 1, 1, 2);
	refused("65 sample types", &bytes, &default_limits, PYRO_LIMIT, "64");
}

/* ---- limits ---- */

static void
put_deep_sample(Bytes *to, uint32 depth)
{
	uint64	   *ids = malloc(depth * sizeof(uint64));

	for (uint32 i = 0; i < depth; i++)
		ids[i] = 1 + i % 2;
	put_sample(to, ids, depth, 1);
	free(ids);
}

static void
put_labelled_sample(Bytes *to, uint32 nlabels)
{
	Bytes		sample = {0};
	uint64		value = 1;

	put_packed(&sample, 2, &value, 1);
	for (uint32 i = 0; i < nlabels; i++)
		put_label(&sample, 6, 1 + i % 7, 0, 0);
	put_message(to, 2, &sample);
}

static void
test_limits(void)
{
	ProfileLimits limits = default_limits;
	Bytes		bytes = small_base();
	Bytes		location = {0};
	uint64		id = 3;

	limits.max_samples = 3;
	for (int i = 0; i < 3; i++)
		put_sample(&bytes, &id, 0, 1);
	accepted("as many samples as allowed", &bytes, &limits);
	bytes = small_base();
	for (int i = 0; i < 4; i++)
		put_sample(&bytes, &id, 0, 1);
	refused("one sample too many", &bytes, &limits, PYRO_LIMIT,
			"pyro.max_samples (3)");
	limits = default_limits;
	limits.max_stack_depth = 10;
	bytes = small_base();
	put_deep_sample(&bytes, 10);
	accepted("a stack as deep as allowed", &bytes, &limits);
	bytes = small_base();
	put_deep_sample(&bytes, 11);
	refused("a stack one deeper", &bytes, &limits, PYRO_LIMIT,
			"pyro.max_stack_depth (10)");
	bytes = small_base();
	put_number(&location, 1, 3);
	for (int i = 0; i < 11; i++)
		put_line(&location, 1, i, 0);
	put_message(&bytes, 4, &location);
	put_sample(&bytes, &id, 1, 1);
	refused("a stack too deep by inlined frames", &bytes, &limits, PYRO_LIMIT,
			"11 frames");
	limits.max_size = 100;
	bytes = small_base();
	refused("more bytes than allowed", &bytes, &limits, PYRO_LIMIT,
			"pyro.max_profile_size");
	bytes = small_base();
	limits.max_size = bytes.size;
	accepted("as many bytes as allowed", &bytes, &limits);
	bytes = small_base();
	limits = (ProfileLimits)
	{
		0
	};
	accepted("limits of 0, which are none", &bytes, &limits);

	bytes = small_base();
	put_labelled_sample(&bytes, 1000);
	accepted("1000 labels on a sample", &bytes, &default_limits);
	bytes = small_base();
	put_labelled_sample(&bytes, 1001);
	refused("1001 labels on a sample", &bytes, &default_limits, PYRO_LIMIT,
			"1001 labels");
}

/* ---- every cut ---- */

static void
check_prefixes(const char *path, const char *format, const uint8 *bytes,
			   size_t size)
{
	size_t		nodd = 0;
	UnitMemory	memory;

	/* the whole file is read many times: small files only */
	if (size > 6000)
		return;
	unit_memory_init(&memory);
	for (size_t cut = 0; cut < size; cut++)
	{
		Profile		profile;
		PyroError	error = {0};
		uint8	   *prefix = malloc(cut > 0 ? cut : 1);

		memcpy(prefix, bytes, cut);
		if (pprof_read(prefix, cut, &default_limits, &memory.allocator,
					   &profile, &error))
		{
			if (find_flaw(&profile) != NULL)
				nodd++;
		}
		else if (error.kind != PYRO_MALFORMED || error.message[0] == '\0')
			nodd++;
		free(prefix);
		unit_memory_free(&memory);
	}
	unit_ok(nodd == 0, "every prefix of %s (%zu bytes) is read or refused",
			strrchr(path, '/') + 1, size);
}

/* The same for uncompressed bytes, which is where the decoder works. */
static void
test_plain_prefixes(void)
{
	Bytes		bytes = {0};
	UnitRandom	random = unit_random_seed(5);

	for (int i = 0; i < 10; i++)
	{
		random_profile(&random, &bytes);
		check_prefixes("a/random profile", "pprof", bytes.data,
					   Min(bytes.size, 6000));
		bytes_free(&bytes);
	}
	for_listed_files("test/data", "COUNTS.tsv", 1, check_prefixes);
}

int
main(void)
{
	test_wire();
	test_wire_types();
	test_string_numbers();
	test_ids();
	test_values();
	test_limits();
	test_plain_prefixes();
	return unit_finish();
}
