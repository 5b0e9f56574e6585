/*
 * pprof_build.h
 *	  Makes pprof bytes by hand, right ones and wrong ones.
 *
 * A message is written inside out: build the inner one in a buffer of its
 * own, then put it as a field.  Numbers and field numbers follow
 * google/pprof, proto/profile.proto.
 */
#ifndef PYRO_PPROF_BUILD_H
#define PYRO_PPROF_BUILD_H

#include "unit.h"

/* Bytes that grow; abort() when there is no memory. */
typedef struct Bytes
{
	uint8	   *data;
	size_t		size;
	size_t		capacity;
} Bytes;

static inline void
bytes_free(Bytes *to)
{
	free(to->data);
	*to = (Bytes)
	{
		0
	};
}

static inline void
put_raw(Bytes *to, const void *data, size_t size)
{
	if (to->size + size > to->capacity)
	{
		to->capacity = (to->size + size) * 2 + 64;
		to->data = realloc(to->data, to->capacity);
		if (to->data == NULL)
			abort();
	}
	if (size > 0)
		memcpy(to->data + to->size, data, size);
	to->size += size;
}

static inline void
put_byte(Bytes *to, uint8 value)
{
	put_raw(to, &value, 1);
}

static inline void
put_varint(Bytes *to, uint64 value)
{
	for (; value >= 0x80; value >>= 7)
		put_byte(to, (uint8) (value | 0x80));
	put_byte(to, (uint8) value);
}

static inline void
put_tag(Bytes *to, uint32 field, uint32 wire_type)
{
	put_varint(to, (uint64) field << 3 | wire_type);
}

/* A number field, also where it is zero. */
static inline void
put_number(Bytes *to, uint32 field, uint64 value)
{
	put_tag(to, field, 0);
	put_varint(to, value);
}

static inline void
put_field(Bytes *to, uint32 field, const void *data, size_t size)
{
	put_tag(to, field, 2);
	put_varint(to, size);
	put_raw(to, data, size);
}

/* Put a message as a field, and free it. */
static inline void
put_message(Bytes *to, uint32 field, Bytes *message)
{
	put_field(to, field, message->data, message->size);
	bytes_free(message);
}

static inline void
put_text(Bytes *to, const char *string)
{
	put_field(to, 6, string, strlen(string));
}

static inline void
put_value_type(Bytes *to, uint32 field, uint64 type, uint64 unit)
{
	Bytes		message = {0};

	put_number(&message, 1, type);
	put_number(&message, 2, unit);
	put_message(to, field, &message);
}

static inline void
put_function(Bytes *to, uint64 id, uint64 name, uint64 system_name,
			 uint64 filename, int64 start_line)
{
	Bytes		message = {0};

	put_number(&message, 1, id);
	put_number(&message, 2, name);
	put_number(&message, 3, system_name);
	put_number(&message, 4, filename);
	put_number(&message, 5, (uint64) start_line);
	put_message(to, 5, &message);
}

/* A line into a location that is being built. */
static inline void
put_line(Bytes *location, uint64 function_id, int64 line, int64 column)
{
	Bytes		message = {0};

	put_number(&message, 1, function_id);
	put_number(&message, 2, (uint64) line);
	put_number(&message, 3, (uint64) column);
	put_message(location, 4, &message);
}

/* A location with at most one line; function_id 0 for none. */
static inline void
put_location(Bytes *to, uint64 id, uint64 mapping_id, uint64 address,
			 uint64 function_id, int64 line)
{
	Bytes		message = {0};

	put_number(&message, 1, id);
	put_number(&message, 2, mapping_id);
	put_number(&message, 3, address);
	if (function_id != 0)
		put_line(&message, function_id, line, 0);
	put_message(to, 4, &message);
}

static inline void
put_mapping(Bytes *to, uint64 id, uint64 start, uint64 limit, uint64 filename,
			uint64 build_id)
{
	Bytes		message = {0};

	put_number(&message, 1, id);
	put_number(&message, 2, start);
	put_number(&message, 3, limit);
	put_number(&message, 5, filename);
	put_number(&message, 6, build_id);
	put_message(to, 3, &message);
}

static inline void
put_packed(Bytes *to, uint32 field, const uint64 *numbers, size_t n)
{
	Bytes		packed = {0};

	for (size_t i = 0; i < n; i++)
		put_varint(&packed, numbers[i]);
	put_message(to, field, &packed);
}

/* A label into a sample that is being built; fields that are 0 are left out. */
static inline void
put_label(Bytes *sample, uint64 key, uint64 string, int64 number, uint64 unit)
{
	Bytes		message = {0};

	put_number(&message, 1, key);
	if (string != 0)
		put_number(&message, 2, string);
	if (number != 0)
		put_number(&message, 3, (uint64) number);
	if (unit != 0)
		put_number(&message, 4, unit);
	put_message(sample, 3, &message);
}

/* A sample without labels: locations leaf first, one value. */
static inline void
put_sample(Bytes *to, const uint64 *location_ids, size_t n, int64 value)
{
	Bytes		message = {0};
	uint64		number = (uint64) value;

	put_packed(&message, 1, location_ids, n);
	put_packed(&message, 2, &number, 1);
	put_message(to, 2, &message);
}

/*
 * The strings, sample type, functions and locations that most small tests
 * start from: functions 1 (main) and 2 (work), locations 1 and 2 of them.
 *
 * Strings: 0 "", 1 "samples", 2 "count", 3 "main", 4 "work", 5 "main.c",
 * 6 "thread", 7 "bytes", 8 "" (again).
 */
static inline void
put_small_base(Bytes *to)
{
	static const char *const strings[] = {"", "samples", "count", "main",
	"work", "main.c", "thread", "bytes", ""};

	for (size_t i = 0; i < lengthof(strings); i++)
		put_text(to, strings[i]);
	put_value_type(to, 1, 1, 2);
	put_function(to, 1, 3, 3, 5, 10);
	put_function(to, 2, 4, 4, 5, 20);
	put_location(to, 1, 0, 0x1000, 1, 11);
	put_location(to, 2, 0, 0x2000, 2, 21);
}

/* ---- random profiles ---- */

/* Ids of one kind: dense, sparse or huge, in any order, none twice. */
static inline void
random_ids(UnitRandom *random, uint64 *ids, uint32 n)
{
	uint32		kind = unit_below(random, 4);
	uint64		step = kind == 0 ? 1 : kind == 1 ? 3 :
	kind == 2 ? (uint64) 1 << 32 : UINT64CONST(0x9E3779B97F4A7C15);

	for (uint32 i = 0; i < n; i++)
		ids[i] = (i + 1) * step;
	for (uint32 i = n; kind != 0 && i > 1; i--)
	{
		uint32		j = unit_below(random, i);
		uint64		held = ids[i - 1];

		ids[i - 1] = ids[j];
		ids[j] = held;
	}
}

static inline int64
random_value(UnitRandom *random)
{
	static const int64 odd[] = {0, 1, -1, PG_INT64_MAX, PG_INT64_MIN,
	PG_INT64_MIN + 1, 10000000, 4096};

	switch (unit_below(random, 4))
	{
		case 0:
			return odd[unit_below(random, lengthof(odd))];
		case 1:
			return (int64) unit_random(random);
		default:
			return unit_below(random, 100) * 10000000;
	}
}

static inline void
random_string(UnitRandom *random, Bytes *to)
{
	static const char *const known[] = {"", "main", "main.go", "runtime.mallocgc",
		"runtime.mallocgcTiny", "a", "\xC3\xA4", "\xFF\xFE", "<script>",
	"cpu", "nanoseconds", "aaaaaaa", "aaaaaaaa"};
	Bytes		string = {0};

	if (unit_chance(random, 70))
	{
		const char *start = known[unit_below(random, lengthof(known))];

		put_raw(&string, start, strlen(start));
	}
	for (uint32 n = unit_chance(random, 50) ? unit_below(random, 20) : 0;
		 n > 0; n--)
		put_byte(&string, unit_chance(random, 90) ? 'a' + unit_below(random, 3) :
				 (uint8) unit_random(random));
	put_message(to, 6, &string);
}

/* Numbers of a repeated field: packed, one by one, or both. */
static inline void
random_repeated(UnitRandom *random, Bytes *to, uint32 field,
				const uint64 *numbers, size_t n)
{
	size_t		done = 0;

	while (done < n)
	{
		size_t		part = unit_chance(random, 70) ? n - done :
		1 + unit_below(random, n - done);

		if (unit_chance(random, 75))
			put_packed(to, field, numbers + done, part);
		else
			for (size_t i = 0; i < part; i++)
				put_number(to, field, numbers[done + i]);
		done += part;
	}
	if (unit_chance(random, 5))
		put_packed(to, field, NULL, 0);
}

/* Something that a newer writer might add. */
static inline void
random_unknown_field(UnitRandom *random, Bytes *to)
{
	uint32		field = 16 + unit_below(random, 2000);
	uint64		word = unit_random(random);

	switch (unit_below(random, 4))
	{
		case 0:
			put_number(to, field, word);
			break;
		case 1:
			put_tag(to, field, 1);
			put_raw(to, &word, 8);
			break;
		case 2:
			put_field(to, field, &word, unit_below(random, 9));
			break;
		default:
			put_tag(to, field, 5);
			put_raw(to, &word, 4);
	}
}

#define RANDOM_MAX	40

/* What a random profile's messages may refer to. */
typedef struct RandomPool
{
	uint32		nstrings;
	uint32		nmappings;
	uint32		nfunctions;
	uint32		nlocations;
	uint32		ntypes;
	uint64		mapping_ids[RANDOM_MAX];
	uint64		function_ids[RANDOM_MAX];
	uint64		location_ids[RANDOM_MAX];
} RandomPool;

static inline void
random_mapping(UnitRandom *random, const RandomPool *pool, uint32 i, Bytes *to)
{
	Bytes		message = {0};

	put_number(&message, 1, pool->mapping_ids[i]);
	put_number(&message, 2, unit_chance(random, 50) ? 0x400000 :
			   unit_random(random));
	put_number(&message, 3, unit_below(random, 3));
	put_number(&message, 4, unit_below(random, 2));
	put_number(&message, 5, unit_below(random, pool->nstrings));
	put_number(&message, 6, unit_below(random, pool->nstrings));
	for (uint32 field = 7; field <= 10; field++)
		if (unit_chance(random, 50))
			put_number(&message, field, unit_below(random, 3));
	put_message(to, 3, &message);
}

static inline void
random_function(UnitRandom *random, const RandomPool *pool, uint32 i,
				Bytes *to)
{
	put_function(to, pool->function_ids[i],
				 unit_below(random, pool->nstrings),
				 unit_below(random, pool->nstrings),
				 unit_below(random, Min(pool->nstrings, 3)),
				 unit_chance(random, 80) ? unit_below(random, 5) :
				 random_value(random));
}

static inline void
random_location(UnitRandom *random, const RandomPool *pool, uint32 i,
				Bytes *to)
{
	Bytes		message = {0};

	put_number(&message, 1, pool->location_ids[i]);
	if (pool->nmappings > 0 && unit_chance(random, 70))
		put_number(&message, 2,
				   pool->mapping_ids[unit_below(random, pool->nmappings)]);
	if (unit_chance(random, 60))
		put_number(&message, 3, unit_chance(random, 80) ?
				   unit_below(random, 4) : unit_random(random));
	for (uint32 n = unit_chance(random, 90) ? unit_below(random, 3) :
		 unit_below(random, 20); n > 0; n--)
		put_line(&message, pool->nfunctions == 0 || unit_chance(random, 5) ? 0 :
				 pool->function_ids[unit_below(random, pool->nfunctions)],
				 unit_chance(random, 80) ? unit_below(random, 3) :
				 random_value(random),
				 unit_chance(random, 80) ? 0 : random_value(random));
	if (unit_chance(random, 20))
		put_number(&message, 5, unit_below(random, 3));
	if (unit_chance(random, 5))
		random_unknown_field(random, &message);
	put_message(to, 4, &message);
}

static inline void
random_sample(UnitRandom *random, const RandomPool *pool, Bytes *to)
{
	Bytes		message = {0};
	uint64		numbers[3 * RANDOM_MAX];
	uint32		depth = unit_chance(random, 80) ? unit_below(random, 6) :
	unit_below(random, RANDOM_MAX);
	bool		labels_first = unit_chance(random, 20);
	uint32		nlabels = unit_chance(random, 60) ? 0 : unit_below(random, 5);

	if (pool->nlocations == 0)
		depth = 0;
	for (int turn = 0; turn < 2; turn++)
	{
		for (; labels_first == (turn == 0) && nlabels > 0; nlabels--)
		{
			bool		number = unit_chance(random, 40);

			put_label(&message, unit_below(random, pool->nstrings),
					  number ? 0 : unit_below(random, pool->nstrings),
					  number ? random_value(random) : unit_below(random, 20) / 19,
					  number || unit_chance(random, 10) ?
					  unit_below(random, pool->nstrings) : 0);
		}
		if (turn > 0)
			break;
		for (uint32 i = 0; i < depth; i++)
			numbers[i] = pool->location_ids[unit_below(random, pool->nlocations)];
		random_repeated(random, &message, 1, numbers, depth);
		for (uint32 i = 0; i < pool->ntypes; i++)
			numbers[i] = (uint64) random_value(random);
		random_repeated(random, &message, 2, numbers, pool->ntypes);
	}
	if (unit_chance(random, 5))
		random_unknown_field(random, &message);
	put_message(to, 2, &message);
}

static inline void
random_scalars(UnitRandom *random, const RandomPool *pool, Bytes *to)
{
	uint64		comments[4];

	if (unit_chance(random, 50))
		put_number(to, 7, unit_below(random, pool->nstrings));
	if (unit_chance(random, 50))
		put_number(to, 8, unit_below(random, pool->nstrings));
	if (unit_chance(random, 80))
		put_number(to, 9, unit_random(random) >> 1);
	if (unit_chance(random, 80))
		put_number(to, 10, (uint64) random_value(random));
	if (unit_chance(random, 50))
		put_value_type(to, 11, unit_below(random, pool->nstrings),
					   unit_below(random, pool->nstrings));
	if (unit_chance(random, 50))
		put_number(to, 12, (uint64) random_value(random));
	for (uint32 i = 0; i < lengthof(comments); i++)
		comments[i] = unit_below(random, pool->nstrings);
	random_repeated(random, to, 13, comments, unit_below(random, 5));
	if (unit_chance(random, 50))
		put_number(to, 14, unit_below(random, pool->nstrings));
	if (unit_chance(random, 50))
		put_number(to, 15, unit_below(random, pool->nstrings));
	if (unit_chance(random, 20))
		random_unknown_field(random, to);
}

/*
 * Append a valid profile with odd features: ids of any kind, equal things
 * under several ids, messages in any order, packed and single numbers, labels
 * of all kinds, unknown fields, strings that are not UTF-8.
 */
static inline void
random_profile(UnitRandom *random, Bytes *to)
{
	RandomPool	pool = {
		.nstrings = 1 + unit_below(random, RANDOM_MAX),
		.nmappings = unit_below(random, 5),
		.nfunctions = unit_below(random, RANDOM_MAX),
		.nlocations = unit_below(random, RANDOM_MAX),
		.ntypes = unit_below(random, 5)
	};
	uint32		nsamples = pool.ntypes == 0 ? 0 : unit_below(random, 60);
	uint32		order[] = {1, 2, 3, 4, 5, 6, 7};

	random_ids(random, pool.mapping_ids, pool.nmappings);
	random_ids(random, pool.function_ids, pool.nfunctions);
	random_ids(random, pool.location_ids, pool.nlocations);
	for (uint32 i = lengthof(order); i > 1 && unit_chance(random, 90); i--)
	{
		uint32		j = unit_below(random, i);
		uint32		held = order[i - 1];

		order[i - 1] = order[j];
		order[j] = held;
	}
	for (uint32 i = 0; i < lengthof(order); i++)
		switch (order[i])
		{
			case 1:
				for (uint32 k = 0; k < pool.ntypes; k++)
					put_value_type(to, 1, unit_below(random, pool.nstrings),
								   unit_below(random, pool.nstrings));
				break;
			case 2:
				for (uint32 k = 0; k < nsamples; k++)
					random_sample(random, &pool, to);
				break;
			case 3:
				for (uint32 k = 0; k < pool.nmappings; k++)
					random_mapping(random, &pool, k, to);
				break;
			case 4:
				for (uint32 k = 0; k < pool.nlocations; k++)
					random_location(random, &pool, k, to);
				break;
			case 5:
				for (uint32 k = 0; k < pool.nfunctions; k++)
					random_function(random, &pool, k, to);
				break;
			case 6:
				put_text(to, "");
				for (uint32 k = 1; k < pool.nstrings; k++)
					random_string(random, to);
				break;
			default:
				random_scalars(random, &pool, to);
		}
}

#endif							/* PYRO_PPROF_BUILD_H */
