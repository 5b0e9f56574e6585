/*
 * make_series.c
 *	  Makes a series of profiles of one program out of one real profile.
 *
 *	make_series [-n PROFILES] [-h HITS] [-d PERCENT] [-s SEED] [-k KIND] BASE FOLDER
 *
 * KIND is one of
 *
 *	cpu			CPU profiles, as the base is one
 *	deploy		the same, of another build from the middle of the series on:
 *				all addresses and build ids differ, and lines in a third of the
 *				files
 *	spans		the same, each sample with a label span_id; a span has three
 *				hits on average
 *	heap		heap profiles of Go with four sample types and the label bytes,
 *				as the base is one; of PODS processes in turns
 *
 * The stacks of a real service are never all seen: their number grows with
 * the hits to about the power 0.6 (a Pitman-Yor process).  So each hit of a
 * profile draws one of all past hits, those of the base included, and repeats
 * its stack; with a chance of d divided by the hits of that stack it becomes
 * a stack that was never seen.  That one has the root part of one stack and
 * the leaf part of another, joined at a location that both have; where no such
 * pair is soon found, it is a past stack at another line of its leaf function.
 *
 * Profiles have HITS/2 to HITS*3/2 hits, and are 15 s apart and long.  They
 * are written as Go writes them: locations and functions where they are first
 * used, strings last, gzip level 1.  Labels of the base are dropped, but for
 * the size in a heap profile, which belongs to the stack.  The bytes depend on
 * the base, the options and the version of libdeflate.
 *
 * In a heap profile a hit is an allocation that Go's runtime has sampled.
 * alloc_* are of those since the process' last profile; 12 % of them stay
 * in use, of which 2 % are freed by the next profile.  Values are scaled as
 * the runtime does (runtime/pprof, scaleHeapSample).
 */
#include "postgres_fe.h"

#include <libdeflate.h>
#include <math.h>
#include <unistd.h>

#include "profile/pprof.h"

#include "bench.h"

#define MAX_DEPTH			256
#define MAX_HITS_OF_STACK	20000	/* of one stack of the base */
#define INTERVAL_NANOS		INT64CONST(15000000000)
#define FIRST_TIME_NANOS	INT64CONST(1700000000000000000)
#define PODS				10
#define HEAP_TYPES			4

typedef enum SeriesKind
{
	SERIES_CPU,
	SERIES_DEPLOY,
	SERIES_SPANS,
	SERIES_HEAP,
	SERIES_KINDS
} SeriesKind;

static const char *const kind_names[SERIES_KINDS] = {
	"cpu", "deploy", "spans", "heap"
};

typedef struct Stack
{
	uint32		start;			/* in locations, leaf first */
	uint32		depth;
	uint32		source;			/* sample of the base that its values follow */
	int64		size;			/* of its allocations; 0 but in a heap */
	uint32		hits;			/* so far, those of the base included */
	uint32		drawn;			/* in the profile being made */
	uint32		live;			/* in use in the profile being made */
} Stack;

/* The stacks of the allocations that a process has in use, one each. */
typedef struct LiveHeap
{
	uint32	   *stacks;
	size_t		n;
	size_t		capacity;
} LiveHeap;

typedef struct Series
{
	Profile		base;			/* its dictionary gets more locations */
	size_t		place_capacity; /* of those */
	size_t		line_capacity;
	uint32	   *base_hits;		/* per sample of the base */
	double		discount;
	UnitRandom	random;
	SeriesKind	kind;
	bool		is_deployed;	/* the other build */
	uint64		last_span;
	LiveHeap	live[PODS];

	Stack	   *stacks;
	size_t		nstacks;
	size_t		stack_capacity;
	uint32	   *locations;
	size_t		nlocations;
	size_t		location_capacity;
	uint32	   *slots;			/* stack + 1 by its locations; 0: free */
	uint32		slot_mask;
	uint32	   *urn;			/* the stack of each hit */
	size_t		nhits;
	size_t		hit_capacity;
} Series;

static void
grow(void **array, size_t *capacity, size_t needed, size_t element_size)
{
	if (needed <= *capacity)
		return;
	*capacity = needed * 2;
	*array = realloc(*array, *capacity * element_size);
	if (*array == NULL)
		bench_fail("out of memory");
}

/* ---- stacks ---- */

static uint64
hash_stack(const uint32 *locations, uint32 depth, int64 size)
{
	return hash_bytes64(locations, depth * sizeof(uint32), size);
}

static void
grow_slots(Series *series)
{
	series->slot_mask = series->slot_mask * 2 + 1;
	free(series->slots);
	series->slots = bench_allocate((size_t) series->slot_mask + 1,
								   sizeof(uint32));
	for (uint32 i = 0; i < series->nstacks; i++)
	{
		const Stack *stack = &series->stacks[i];
		uint32		slot = (uint32) hash_stack(series->locations + stack->start,
											   stack->depth, stack->size);

		while (series->slots[slot & series->slot_mask] != 0)
			slot++;
		series->slots[slot & series->slot_mask] = i + 1;
	}
}

/* The stack of these locations, which must not be in the series' memory. */
static uint32
find_or_add_stack(Series *series, const uint32 *locations, uint32 depth,
				  uint32 source, int64 size, bool *is_new)
{
	uint32		slot = (uint32) hash_stack(locations, depth, size);
	uint32		found;

	for (; (found = series->slots[slot & series->slot_mask]) != 0; slot++)
	{
		const Stack *stack = &series->stacks[found - 1];

		if (stack->depth == depth && stack->size == size &&
			memcmp(series->locations + stack->start, locations,
				   depth * sizeof(uint32)) == 0)
		{
			*is_new = false;
			return found - 1;
		}
	}
	*is_new = true;
	grow((void **) &series->stacks, &series->stack_capacity,
		 series->nstacks + 1, sizeof(Stack));
	grow((void **) &series->locations, &series->location_capacity,
		 series->nlocations + depth, sizeof(uint32));
	memcpy(series->locations + series->nlocations, locations,
		   depth * sizeof(uint32));
	series->stacks[series->nstacks] = (Stack)
	{
		.start = series->nlocations,.depth = depth,.source = source,.size = size
	};
	series->nlocations += depth;
	series->slots[slot & series->slot_mask] = ++series->nstacks;
	if (series->nstacks * 2 > series->slot_mask)
		grow_slots(series);
	return series->nstacks - 1;
}

static void
add_hit(Series *series, uint32 stack)
{
	grow((void **) &series->urn, &series->hit_capacity, series->nhits + 1,
		 sizeof(uint32));
	series->urn[series->nhits++] = stack;
	series->stacks[stack].hits++;
}

static uint32
past_hit(Series *series)
{
	return series->urn[unit_below(&series->random, series->nhits)];
}

/* Join parts of two stacks; false where that is nothing new. */
static bool
splice(Series *series, uint32 *stack)
{
	uint32		locations[MAX_DEPTH];
	Stack		root = series->stacks[past_hit(series)];
	Stack		leaf = series->stacks[past_hit(series)];
	const uint32 *root_part;
	uint32		shared = 1;
	uint32		left;
	bool		is_new;

	if (root.depth < 2 || leaf.depth < 2)
		return false;
	left = 1 + unit_below(&series->random, root.depth - 1);
	root_part = series->locations + root.start + root.depth - left;
	while (shared < leaf.depth &&
		   series->locations[leaf.start + shared] != root_part[0])
		shared++;
	if (shared == leaf.depth || shared + left > MAX_DEPTH)
		return false;
	memcpy(locations, series->locations + leaf.start,
		   shared * sizeof(uint32));
	memcpy(locations + shared, root_part, left * sizeof(uint32));
	*stack = find_or_add_stack(series, locations, shared + left, leaf.source,
							   leaf.size, &is_new);
	return is_new;
}

/* A past stack at another address and line of its leaf function. */
static uint32
move_leaf(Series *series)
{
	StackDictionary *stacks = series->base.stacks;
	uint32		locations[MAX_DEPTH];
	Stack		past = series->stacks[past_hit(series)];
	StackLocation leaf;
	bool		is_new;

	memcpy(locations, series->locations + past.start,
		   past.depth * sizeof(uint32));
	leaf = stacks->locations[locations[0]];
	grow((void **) &stacks->lines, &series->line_capacity,
		 stacks->nlines + leaf.nlines, sizeof(StackLine));
	memcpy(stacks->lines + stacks->nlines, stacks->lines + leaf.line_start,
		   leaf.nlines * sizeof(StackLine));
	leaf.line_start = stacks->nlines;
	stacks->nlines += leaf.nlines;
	if (leaf.nlines > 0)
		stacks->lines[stacks->nlines - 1].line += unit_below(&series->random, 9);
	leaf.address += 1 + unit_below(&series->random, 160);

	grow((void **) &stacks->locations, &series->place_capacity,
		 stacks->nlocations + 1, sizeof(StackLocation));
	locations[0] = stacks->nlocations;
	stacks->locations[stacks->nlocations++] = leaf;
	return find_or_add_stack(series, locations, past.depth, past.source,
							 past.size, &is_new);
}

static uint32
new_stack(Series *series)
{
	uint32		stack;

	for (int attempt = 0; attempt < 50; attempt++)
		if (splice(series, &stack))
			return stack;
	return move_leaf(series);
}

static uint32
draw(Series *series)
{
	uint32		stack = past_hit(series);
	double		chance = series->discount / series->stacks[stack].hits;

	if (unit_below(&series->random, 1 << 30) < chance * (1 << 30))
		stack = new_stack(series);
	add_hit(series, stack);
	return stack;
}

/* ---- the base ---- */

static int64
greatest_common_divisor(int64 a, int64 b)
{
	while (b != 0)
	{
		int64		rest = a % b;

		a = b;
		b = rest;
	}
	return a < 0 ? -a : a;
}

/* What Go scales counts of allocations of a size with. */
static double
heap_scale(const Series *series, int64 size)
{
	return 1 / (1 - exp(-(double) size / series->base.header.period));
}

/* The number that a sample of the base has as its label bytes, or 0. */
static int64
allocation_size(const Profile *base, uint32 sample)
{
	uint32		set = base->sample_label_set[sample];

	for (uint32 k = set == 0 ? 0 : base->label_set_end[set - 1];
		 k < base->label_set_end[set]; k++)
		if (base->labels[k].is_number &&
			string_ref_equal(base->stacks->strings[base->labels[k].key],
							 string_ref_literal("bytes")))
			return base->labels[k].number;
	return 0;
}

static void
add_base_sample(Series *series, uint32 sample, uint32 hits, int64 size)
{
	const StackDictionary *stacks = series->base.stacks;
	uint32		locations[MAX_DEPTH];
	uint32		depth = 0;
	uint32		stack;
	bool		is_new;

	for (uint32 node = series->base.sample_node[sample]; node != 0;
		 node = stacks->node_parent[node])
	{
		if (depth == MAX_DEPTH)
			return;
		locations[depth++] = stacks->node_location[node];
	}
	if (depth == 0)
		return;
	stack = find_or_add_stack(series, locations, depth, sample, size, &is_new);
	for (uint32 i = 0; i < hits; i++)
		add_hit(series, stack);
}

/* Move an array into memory of its own, so that it can grow. */
static void
make_growing(void **array, size_t n, size_t *capacity, size_t element_size)
{
	void	   *old = *array;

	*array = NULL;
	grow(array, capacity, n + 1, element_size);
	memcpy(*array, old, n * element_size);
}

/* Fill the urn with the base's hits, as its first sample type counts them. */
static void
add_base(Series *series)
{
	StackDictionary *stacks = series->base.stacks;
	const int64 *values = series->base.values[0];
	uint32		nsamples = series->base.header.nsamples;
	int64		hit = 0;

	make_growing((void **) &stacks->locations, stacks->nlocations,
				 &series->place_capacity, sizeof(StackLocation));
	make_growing((void **) &stacks->lines, stacks->nlines,
				 &series->line_capacity, sizeof(StackLine));
	series->slot_mask = (1 << 10) - 1;
	series->slots = bench_allocate(1 << 10, sizeof(uint32));
	series->base_hits = bench_allocate(nsamples, sizeof(uint32));
	for (uint32 i = 0; i < nsamples; i++)
		hit = greatest_common_divisor(hit, values[i]);
	for (uint32 i = 0; i < nsamples; i++)
	{
		int64		size = 0;
		int64		hits = values[i] / Max(hit, 1);

		if (series->kind == SERIES_HEAP)
		{
			size = allocation_size(&series->base, i);
			if (size <= 0)
				continue;
			hits = llround(values[i] / heap_scale(series, size));
		}
		if (hits <= 0)
			continue;
		series->base_hits[i] = Min(hits, MAX_HITS_OF_STACK);
		add_base_sample(series, i, series->base_hits[i], size);
	}
	if (series->nhits == 0)
		bench_fail("the base has no hits");
}

/* ---- writing a profile ---- */

/* Numbers of the base's things in the profile being written; 0: none yet. */
typedef struct Writer
{
	const StackDictionary *stacks;
	bool		is_deployed;
	uint32		label_key;		/* of the label that samples have */
	Bytes		out;
	Bytes		strings;		/* fields of the string table */
	uint32		nstrings;
	uint32	   *string;
	uint32	   *function;
	uint32		nfunctions;
	uint32	   *location;
	uint32		nlocations;
} Writer;

/* Zero is pprof's default and is left out. */
static void
put_nonzero(Bytes *to, uint32 field, uint64 value)
{
	if (value != 0)
		put_number(to, field, value);
}

static uint32
put_string(Writer *writer, StringRef string)
{
	put_field(&writer->strings, 6, string.data, string.length);
	return writer->nstrings++;
}

static uint32
string_number(Writer *writer, uint32 string)
{
	if (string == 0)
		return 0;
	if (writer->string[string] == 0)
		writer->string[string] = put_string(writer,
											writer->stacks->strings[string]);
	return writer->string[string];
}

static uint32
function_number(Writer *writer, uint32 index)
{
	const StackFunction *function = &writer->stacks->functions[index];
	Bytes		message = {0};

	if (writer->function[index] != 0)
		return writer->function[index];
	writer->function[index] = ++writer->nfunctions;
	put_nonzero(&message, 1, writer->nfunctions);
	put_nonzero(&message, 2, string_number(writer, function->name));
	put_nonzero(&message, 3, string_number(writer, function->system_name));
	put_nonzero(&message, 4, string_number(writer, function->filename));
	put_nonzero(&message, 5, (uint64) function->start_line);
	put_message(&writer->out, 5, &message);
	return writer->nfunctions;
}

/* By how much the other build has moved an address, or lines of a file. */
static uint64
moved(const Writer *writer, uint64 thing, uint32 most, uint32 one_in)
{
	uint64		hash = hash_numbers(thing, 0, most);

	return writer->is_deployed && hash % one_in == 0 ? 1 + hash / one_in % most : 0;
}

static uint64
line_number(const Writer *writer, const StackLine *line)
{
	if (line->function == 0)
		return line->line;
	return line->line +
		moved(writer, writer->stacks->functions[line->function - 1].filename, 30, 3);
}

static uint32
location_number(Writer *writer, uint32 index)
{
	const StackLocation *location = &writer->stacks->locations[index];
	Bytes		message = {0};

	if (writer->location[index] != 0)
		return writer->location[index];
	writer->location[index] = ++writer->nlocations;
	put_nonzero(&message, 1, writer->nlocations);
	put_nonzero(&message, 2, location->mapping);
	put_nonzero(&message, 3, location->address == 0 ? 0 :
				location->address + moved(writer, location->address, 1 << 20, 1));
	for (uint32 i = location->nlines; i-- > 0;)
	{
		const StackLine *line = &writer->stacks->lines[location->line_start + i];
		Bytes		inner = {0};

		if (line->function != 0)
			put_number(&inner, 1, function_number(writer, line->function - 1));
		put_nonzero(&inner, 2, line_number(writer, line));
		put_nonzero(&inner, 3, (uint64) line->column);
		put_message(&message, 4, &inner);
	}
	put_nonzero(&message, 5, location->is_folded);
	put_message(&writer->out, 4, &message);
	return writer->nlocations;
}

static void
put_mappings(Writer *writer)
{
	for (uint32 i = 0; i < writer->stacks->nmappings; i++)
	{
		const StackMapping *mapping = &writer->stacks->mappings[i];
		Bytes		message = {0};

		put_number(&message, 1, i + 1);
		put_nonzero(&message, 2, mapping->memory_start);
		put_nonzero(&message, 3, mapping->memory_limit);
		put_nonzero(&message, 4, mapping->file_offset);
		put_nonzero(&message, 5, string_number(writer, mapping->filename));
		if (writer->is_deployed && mapping->build_id != 0)
			put_number(&message, 6, put_string(writer, string_ref_literal("the other build")));
		else
			put_nonzero(&message, 6, string_number(writer, mapping->build_id));
		for (uint32 bit = 0; bit < 4; bit++)
			put_nonzero(&message, 7 + bit, (mapping->flags >> bit) & 1);
		put_message(&writer->out, 3, &message);
	}
}

static void
put_type(Writer *writer, uint32 field, SampleType type)
{
	uint32		name = put_string(writer, type.type);

	put_value_type(&writer->out, field, name, put_string(writer, type.unit));
}

/* Values of a stack that was hit count times. */
static void
cpu_values(const Series *series, const Stack *stack, uint32 count, uint64 *values)
{
	for (uint32 t = 0; t < series->base.header.nsample_types; t++)
		values[t] = (uint64) (int64)
			((double) series->base.values[t][stack->source] /
			 series->base_hits[stack->source] * count);
}

/* alloc_objects, alloc_space, inuse_objects, inuse_space */
static void
heap_values(const Series *series, const Stack *stack, uint64 *values)
{
	double		scale = heap_scale(series, stack->size);
	uint32		counts[] = {stack->drawn, stack->live};

	for (uint32 i = 0; i < lengthof(counts); i++)
	{
		values[2 * i] = (uint64) (int64) (counts[i] * scale);
		values[2 * i + 1] = (uint64) (int64) ((double) (counts[i] * stack->size) * scale);
	}
}

/* The label of a sample: a number, or if span is not 0 that as a text. */
static void
put_own_label(Writer *writer, Bytes *sample, int64 number, uint64 span)
{
	char		text[17];

	if (span != 0)
	{
		snprintf(text, sizeof(text), "%016llx", (unsigned long long) span);
		put_label(sample, writer->label_key, put_string(writer, string_ref(text, 16)), 0, 0);
	}
	else
		put_label(sample, writer->label_key, 0, number, 0);
}

/* Write a stack as a sample. */
static void
put_stack(Writer *writer, const Series *series, const Stack *stack, uint32 count,
		  uint64 span)
{
	uint64		numbers[MAX_DEPTH];
	Bytes		message = {0};

	for (uint32 i = 0; i < stack->depth; i++)
		numbers[i] = location_number(writer,
									 series->locations[stack->start + i]);
	put_packed(&message, 1, numbers, stack->depth);
	if (series->kind == SERIES_HEAP)
		heap_values(series, stack, numbers);
	else
		cpu_values(series, stack, count, numbers);
	put_packed(&message, 2, numbers, series->base.header.nsample_types);
	if (writer->label_key != 0)
		put_own_label(writer, &message, stack->size, span);
	put_message(&writer->out, 2, &message);
}

/* Draw hits; stacks that have some are counted, and listed in drawn. */
static uint32
draw_stacks(Series *series, uint32 nhits, uint32 *drawn)
{
	uint32		ndrawn = 0;

	for (uint32 i = 0; i < nhits; i++)
	{
		uint32		stack = draw(series);

		if (series->stacks[stack].drawn++ == 0)
			drawn[ndrawn++] = stack;
	}
	return ndrawn;
}

static void
put_stacks(Writer *writer, Series *series, uint32 nhits)
{
	uint32	   *drawn = bench_allocate(nhits, sizeof(uint32));
	uint32		ndrawn = draw_stacks(series, nhits, drawn);

	for (uint32 i = 0; i < ndrawn; i++)
	{
		Stack	   *stack = &series->stacks[drawn[i]];

		put_stack(writer, series, stack, stack->drawn, 0);
		stack->drawn = 0;
	}
	free(drawn);
}

/* As samples of a span are kept together, each has its stacks once. */
static void
put_spans(Writer *writer, Series *series, uint32 nhits)
{
	while (nhits > 0)
	{
		uint32		drawn[5];
		uint64		span = hash_numbers(++series->last_span, 0, 0) | 1;
		uint32		length = 1 + unit_below(&series->random, lengthof(drawn));
		uint32		ndrawn;

		length = Min(length, nhits);
		ndrawn = draw_stacks(series, length, drawn);
		for (uint32 i = 0; i < ndrawn; i++)
		{
			Stack	   *stack = &series->stacks[drawn[i]];

			put_stack(writer, series, stack, stack->drawn, span);
			stack->drawn = 0;
		}
		nhits -= length;
	}
}

/* Free some of what a process has in use, and keep some of what it drew. */
static void
let_live(Series *series, LiveHeap *live, const uint32 *drawn, uint32 ndrawn)
{
	for (size_t i = 0; i < live->n;)
		if (unit_chance(&series->random, 2))
			live->stacks[i] = live->stacks[--live->n];
		else
			i++;
	for (uint32 i = 0; i < ndrawn; i++)
		for (uint32 k = 0; k < series->stacks[drawn[i]].drawn; k++)
			if (unit_chance(&series->random, 12))
			{
				grow((void **) &live->stacks, &live->capacity, live->n + 1, sizeof(uint32));
				live->stacks[live->n++] = drawn[i];
			}
}

static void
put_heap(Writer *writer, Series *series, LiveHeap *live, uint32 nhits)
{
	uint32	   *drawn = bench_allocate(nhits, sizeof(uint32));
	uint32		ndrawn = draw_stacks(series, nhits, drawn);

	let_live(series, live, drawn, ndrawn);
	for (size_t i = 0; i < live->n; i++)
		series->stacks[live->stacks[i]].live++;
	for (size_t i = 0; i < ndrawn + live->n; i++)
	{
		Stack	   *stack = &series->stacks[i < ndrawn ? drawn[i] : live->stacks[i - ndrawn]];

		if (stack->drawn == 0 && stack->live == 0)
			continue;			/* it was written already */
		put_stack(writer, series, stack, 0, 0);
		stack->drawn = 0;
		stack->live = 0;
	}
	free(drawn);
}

/* Draw one profile; its bytes are the caller's. */
static Bytes
make_profile(Series *series, uint32 number, uint32 mean_hits)
{
	const ProfileHeader *header = &series->base.header;
	const StackDictionary *stacks = series->base.stacks;
	uint32		nhits = mean_hits / 2 + unit_below(&series->random, mean_hits + 1);
	Writer		writer = {.stacks = stacks,.is_deployed = series->is_deployed};

	put_string(&writer, string_ref("", 0));
	for (uint32 t = 0; t < header->nsample_types; t++)
		put_type(&writer, 1, header->sample_types[t]);
	if (series->kind == SERIES_SPANS)
		writer.label_key = put_string(&writer, string_ref_literal("span_id"));
	else if (series->kind == SERIES_HEAP)
		writer.label_key = put_string(&writer, string_ref_literal("bytes"));

	/* drawing may add locations, of which numbers are needed then */
	writer.string = bench_allocate(stacks->nstrings, sizeof(uint32));
	writer.function = bench_allocate(stacks->nfunctions, sizeof(uint32));
	writer.location = bench_allocate(stacks->nlocations + nhits, sizeof(uint32));
	if (series->kind == SERIES_SPANS)
		put_spans(&writer, series, nhits);
	else if (series->kind == SERIES_HEAP)
		put_heap(&writer, series, &series->live[number % PODS], nhits);
	else
		put_stacks(&writer, series, nhits);
	put_mappings(&writer);
	put_number(&writer.out, 9, FIRST_TIME_NANOS + number * INTERVAL_NANOS);
	if (series->kind != SERIES_HEAP)
		put_number(&writer.out, 10, INTERVAL_NANOS);
	put_type(&writer, 11, header->period_type);
	put_nonzero(&writer.out, 12, (uint64) header->period);
	put_raw(&writer.out, writer.strings.data, writer.strings.size);

	bytes_free(&writer.strings);
	free(writer.string);
	free(writer.function);
	free(writer.location);
	return writer.out;
}

static void
write_gzip(const char *folder, uint32 number, Bytes plain)
{
	static struct libdeflate_compressor *compressor = NULL;
	char		path[MAXPGPATH];
	size_t		capacity;
	size_t		size;
	uint8	   *gzip;
	FILE	   *file;

	if (compressor == NULL)
		compressor = libdeflate_alloc_compressor(1);
	capacity = libdeflate_gzip_compress_bound(compressor, plain.size);
	gzip = bench_allocate(capacity, 1);
	size = libdeflate_gzip_compress(compressor, plain.data, plain.size, gzip,
									capacity);
	snprintf(path, sizeof(path), "%s/%06u.pb.gz", folder, number);
	file = fopen(path, "wb");
	if (file == NULL || fwrite(gzip, 1, size, file) != size ||
		fclose(file) != 0)
		bench_fail("could not write %s", path);
	free(gzip);
}

int
main(int argc, char **argv)
{
	uint32		nprofiles = 400;
	uint32		mean_hits = 1000;
	uint32		percent = 60;
	uint32		seed = 1;
	UnitMemory	memory;
	PyroError	error = {0};
	Series		series = {0};
	uint8	   *bytes;
	size_t		size;
	int			option;

	while ((option = getopt(argc, argv, "n:h:d:s:k:")) != -1)
	{
		uint32		number = optarg == NULL ? 0 : strtoul(optarg, NULL, 10);

		if (option == 'n')
			nprofiles = number;
		else if (option == 'h')
			mean_hits = number;
		else if (option == 'd')
			percent = number;
		else if (option == 's')
			seed = number;
		else if (option == 'k')
		{
			while (series.kind < SERIES_KINDS && strcmp(optarg, kind_names[series.kind]) != 0)
				series.kind++;
			if (series.kind == SERIES_KINDS)
				optind = argc;
		}
		else
			optind = argc;
	}
	if (argc - optind != 2)
		bench_fail("usage: make_series [-n PROFILES] [-h HITS] [-d PERCENT] [-s SEED] [-k KIND] BASE FOLDER");

	unit_memory_init(&memory);
	bytes = read_whole_file(argv[optind], &size);
	if (bytes == NULL)
		bench_fail("could not read %s", argv[optind]);
	if (!pprof_read(bytes, size, &wide_limits, &memory.allocator,
					&series.base, &error))
		bench_fail("%s: %s", argv[optind], error.message);
	if (series.kind == SERIES_HEAP &&
		(series.base.header.nsample_types != HEAP_TYPES || series.base.header.period <= 0))
		bench_fail("%s is not a heap profile of Go", argv[optind]);
	series.discount = percent / 100.0;
	series.random = unit_random_seed(seed);
	add_base(&series);
	for (uint32 i = 0; i < nprofiles; i++)
	{
		Bytes		plain;

		series.is_deployed = series.kind == SERIES_DEPLOY && i >= nprofiles / 2;
		plain = make_profile(&series, i, mean_hits);
		write_gzip(argv[optind + 1], i, plain);
		bytes_free(&plain);
	}
	return 0;
}
