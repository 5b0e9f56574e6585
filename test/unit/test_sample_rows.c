/*
 * test_sample_rows.c
 *	  Samples of many rows come back as they were, in whatever encoding, and
 *	  damaged ones are refused or are other samples.
 */
#include "postgres_fe.h"

#include <math.h>

#include "block/go_heap.h"
#include "block/sample_rows_chunks.h"

#include "sample_rows_model.h"

static UnitMemory memory;

/* What values of a type look like. */
typedef enum Style
{
	ONES,
	COUNTS,
	NEGATIVE,
	SCALED,
	TIMES_PERIOD,				/* of type 0 */
	TIMES_OTHER,				/* of type 0, another number in each row */
	SOMETIMES_PERIOD,
	HEAP_OBJECTS,				/* of Go, from count and size */
	HEAP_BYTES,
	HEAP_WRONG,					/* now and then not what Go makes of it */
	SAME_AS_BEFORE,
	EXTREME,
	ZERO,
	STYLES
} Style;

#define PERIOD	524288

/* Go's own formula, with the C library's exp(). */
static double
library_scale(int64 size, int64 rate)
{
	return 1 / (1 - exp(-(double) size / (double) rate));
}

static int64
make_value(UnitRandom *random, const Model *model, const ModelRow *row,
		   Style style, uint32 i, int64 count)
{
	uint32		key = row->keys[i];
	int64		size = model->key_size == NULL ? 64 : Max(model->key_size[key], 1);
	double		scale = library_scale(size, PERIOD);
	int64		first = row->values[0] == NULL ? 0 : row->values[0][i];

	switch (style)
	{
		case ONES:
			return 1;
		case COUNTS:
			return 1 + (unit_chance(random, 10) ? unit_below(random, 40) : 0);
		case NEGATIVE:
			return (int64) unit_below(random, 20) - 10;
		case SCALED:
			return 7 + INT64CONST(10000000000) * unit_below(random, 50);
		case TIMES_PERIOD:
			return (int64) ((uint64) first * (uint64) row->period);
		case TIMES_OTHER:
			return (int64) ((uint64) first * (row->nsamples + 3));
		case SOMETIMES_PERIOD:
			return (int64) ((uint64) first * (uint64) row->period) +
				(row->nsamples % 5 == 0 ? unit_below(random, 1000) : 0);
		case HEAP_OBJECTS:
			return (int64) (count * scale);
		case HEAP_BYTES:
			return (int64) (count * size * scale);
		case HEAP_WRONG:
			return (int64) (count * size * scale) +
				(unit_chance(random, 3) ? unit_below(random, 100) : 0);
		case SAME_AS_BEFORE:
			return (int64) (key * UINT64CONST(0x9E3779B97F4A7C15)) +
				unit_chance(random, 3);
		case EXTREME:
			switch (unit_below(random, 5))
			{
				case 0:
					return PG_INT64_MIN;
				case 1:
					return PG_INT64_MAX;
				case 2:
					return -1;
				case 3:
					return (int64) unit_random(random);
				default:
					return 0;
			}
		default:
			return 0;
	}
}

static void
make_row(UnitRandom *random, const Model *model, ModelRow *row,
		 const Style *styles, uint32 max_samples)
{
	uint32		ntypes = model->groups[row->group].ntypes;
	uint32		n = model->nkeys == 0 ? 0 : unit_below(random, max_samples + 1);
	uint32		key = 0;

	row->nsamples = n;
	row->keys = allocate_array(&memory.allocator, n, sizeof(uint32));
	memset(row->values, 0, sizeof(row->values));
	for (uint32 i = 0; i < n; i++)
	{
		uint32		most = (model->nkeys - 1 - key) / (n - i);

		key += unit_below(random, 2 * most + 1);
		key = Min(key, model->nkeys - 1);
		row->keys[i] = key;
	}
	for (uint32 t = 0; t < ntypes; t++)
	{
		UnitRandom	counts = unit_random_seed(n + 17);
		int64	   *values = allocate_array(&memory.allocator, n, sizeof(int64));

		for (uint32 i = 0; i < n; i++)
		{
			int64		count = unit_chance(&counts, 60) ? unit_below(&counts, 9) : 0;

			/* in every other model a key keeps its count, mostly */
			if (model->nkeys % 2 == 0 && unit_chance(&counts, 95))
				count = row->keys[i] * 7919 % 9;
			values[i] = make_value(random, model, row, styles[t], i, count);
		}
		row->values[t] = values;
	}
}

static Model *
make_model(UnitRandom *random, uint32 nkeys, uint32 nrows, uint32 max_samples,
		   uint32 ngroups, uint32 ntypes, const Style *styles, bool with_sizes)
{
	Allocator  *allocator = &memory.allocator;
	Model	   *model = allocate_array(allocator, 1, sizeof(Model));

	model->nkeys = nkeys;
	model->key_size = NULL;
	if (with_sizes)
	{
		model->key_size = allocate_array(allocator, nkeys, sizeof(int64));
		for (uint32 k = 0; k < nkeys; k++)
			model->key_size[k] = k % 11 == 0 ? 0 : 16 * (1 + k % 500);
	}
	model->ngroups = ngroups;
	model->groups = allocate_array(allocator, ngroups, sizeof(SampleGroup));
	for (uint32 g = 0; g < ngroups; g++)
	{
		int		   *space_of = allocate_array(allocator, ntypes, sizeof(int));

		for (uint32 t = 0; t < ntypes; t++)
			space_of[t] = t > 0 && styles[t - 1] == HEAP_OBJECTS ? (int) t - 1 : -1;
		model->groups[g] = (SampleGroup)
		{
			ntypes, space_of
		};
	}
	model->nrows = nrows;
	model->rows = allocate_array(allocator, nrows, sizeof(ModelRow));
	for (uint32 r = 0; r < nrows; r++)
	{
		model->rows[r].group = ngroups == 0 ? 0 : unit_below(random, ngroups);
		model->rows[r].period = PERIOD;
		make_row(random, model, &model->rows[r], styles, max_samples);
	}
	return model;
}

/* How often each way to store a column was chosen. */
typedef struct Choices
{
	uint32		source[VALUE_SOURCES];
	uint32		form[VALUE_FORMS];
	uint32		repeated;
	uint32		repeated_counts;
} Choices;

static void
count_choices(const SampleRows *rows, Choices *choices)
{
	for (uint32 g = 0; g < rows->ngroups; g++)
		for (uint32 c = 0; c < rows->groups[g].nchunks; c++)
			for (uint32 i = 0; i < rows->groups[g].columns.ncolumns; i++)
			{
				const ColumnHead *head = &rows->groups[g].chunks[c].columns[i].head;

				choices->source[head->source]++;
				choices->form[head->values.form]++;
				choices->repeated += head->values.is_repeated;
				choices->repeated_counts += head->values.is_repeated &&
					i >= rows->groups[g].columns.ntypes;
			}
}

/* Write, open, and read in any order. */
static bool
comes_back(UnitRandom *random, const Model *model, Choices *choices)
{
	PyroError	error = {0};
	StoredRows	stored;
	SampleRows *rows;
	bool		is_same = true;

	if (!model_write(model, &memory.allocator, &stored, &error) ||
		(rows = model_open(model, &stored, &memory.allocator, &error)) == NULL ||
		!model_read_all(model, rows, &is_same, &error))
	{
		unit_note("%s", error.message);
		return false;
	}
	count_choices(rows, choices);
	for (uint32 i = 0; i < 30 && model->nrows > 0; i++)
	{
		uint32		first = unit_below(random, model->nrows);
		uint32		count = unit_below(random, model->nrows - first + 1);
		uint32		group = unit_below(random, model->ngroups);
		uint32		ntypes = model->groups[group].ntypes;

		if (!model_read_row(model, rows, first, &is_same, &error) ||
			(ntypes > 0 &&
			 !model_accumulate(model, rows, first, count, group,
							   unit_below(random, ntypes), &is_same, &error)))
			return false;
	}
	return is_same;
}

static void
test_styles(void)
{
	UnitRandom	random = unit_random_seed(1);
	Choices		choices = {0};
	uint32		nwrong = 0;

	for (uint32 round = 0; round < 400; round++)
	{
		Style		styles[MODEL_TYPES];
		uint32		ntypes = unit_below(&random, MODEL_TYPES + 1);
		Model	   *model;

		for (uint32 t = 0; t < MODEL_TYPES; t++)
			styles[t] = t > 0 && styles[t - 1] == HEAP_OBJECTS ?
				(unit_chance(&random, 70) ? HEAP_BYTES : HEAP_WRONG) :
				unit_below(&random, STYLES);
		model = make_model(&random, 1 + unit_below(&random, 3000),
						   unit_below(&random, 40),
						   unit_below(&random, round % 10 == 0 ? 3000 : 100),
						   1 + unit_below(&random, 3), ntypes, styles,
						   round % 4 != 0);
		if (!comes_back(&random, model, &choices))
		{
			nwrong++;
			unit_note("round %u", round);
		}
		unit_memory_free(&memory);
	}
	unit_ok(nwrong == 0, "rows of all styles come back, in any order and summed up");
	unit_ok(choices.source[SOURCE_PLAIN] > 0 &&
			choices.source[SOURCE_MULTIPLE] > 0 &&
			choices.source[SOURCE_GO_HEAP] > 0 && choices.repeated > 0 &&
			choices.repeated_counts > 0,
			"plain, multiple, Go heap and repeated values were all chosen");
	for (int form = 0; form < VALUE_FORMS; form++)
		unit_ok(choices.form[form] > 0, "form %d was chosen", form);
}

/* Of one style for all rows, how many bytes the values take. */
static double
bytes_per_sample(uint32 ntypes, const Style *styles, uint32 nkeys,
				 bool with_sizes)
{
	UnitRandom	random = unit_random_seed(3);
	Model	   *model = make_model(&random, nkeys, 200, 500, 1, ntypes, styles,
								   with_sizes);
	PyroError	error = {0};
	StoredRows	stored;
	uint64		nsamples = 0;
	Choices		choices = {0};
	double		bytes = -1;

	for (uint32 r = 0; r < model->nrows; r++)
		nsamples += model->rows[r].nsamples;
	if (model_write(model, &memory.allocator, &stored, &error) &&
		comes_back(&random, model, &choices))
		bytes = (double) stored.values.size / nsamples;
	unit_memory_free(&memory);
	return bytes;
}

static void
test_sizes(void)
{
	Style		cpu[] = {ONES, TIMES_PERIOD};
	Style		counts[] = {COUNTS, TIMES_OTHER};
	Style		heap[] = {HEAP_OBJECTS, HEAP_BYTES};
	Style		same[] = {SAME_AS_BEFORE};

	unit_ok(bytes_per_sample(2, cpu, 2000, false) < 0.005,
			"CPU time of single samples takes no bytes");
	unit_ok(bytes_per_sample(2, counts, 2000, false) < 0.45,
			"nor does any multiple of counts beside them");
	/* one key in eleven has no size here */
	unit_ok(bytes_per_sample(2, heap, 2001, true) <
			0.4 * bytes_per_sample(2, heap, 2001, false),
			"objects and bytes of a Go heap take little more than the count");
	unit_ok(bytes_per_sample(1, same, 300, false) < 2.5,
			"values that keys keep are stored once a chunk");
}

/* More rows and samples than a chunk, of which rows can be read alone. */
static void
test_chunks(void)
{
	UnitRandom	random = unit_random_seed(5);
	Style		styles[] = {SAME_AS_BEFORE, COUNTS, TIMES_PERIOD};
	Choices		choices = {0};
	Model	   *model = make_model(&random, 500, 3000, 3, 2, 3, styles, false);

	unit_ok(comes_back(&random, model, &choices), "many small rows");
	unit_memory_free(&memory);
	model = make_model(&random, 300000, 6, 150000, 1, 3, styles, false);
	unit_ok(comes_back(&random, model, &choices), "a few large rows");
	unit_memory_free(&memory);
	model = make_model(&random, 100, 500, 400, 1, 1, styles, false);
	unit_ok(comes_back(&random, model, &choices),
			"keys that stand more than once in a row");
	unit_memory_free(&memory);
}

static void
test_empty(void)
{
	UnitRandom	random = unit_random_seed(6);
	Style		styles[] = {COUNTS, COUNTS};
	Choices		choices = {0};

	unit_ok(comes_back(&random, make_model(&random, 0, 0, 0, 0, 0, styles, false), &choices),
			"nothing at all");
	unit_ok(comes_back(&random, make_model(&random, 0, 100, 0, 2, 2, styles, true), &choices),
			"rows without samples");
	unit_ok(comes_back(&random, make_model(&random, 5, 100, 9, 2, 0, styles, false), &choices),
			"samples without types");
	unit_ok(comes_back(&random, make_model(&random, 5, 2, 9, 9, 2, styles, false), &choices),
			"groups without rows");
	unit_memory_free(&memory);
}

static void
test_scale(void)
{
	double		worst = 0;
	uint32		nwrong = 0;
	uint32		npairs = 0;

	for (int64 size = 1; size < INT64CONST(1) << 40; size += 1 + size / 50)
		for (int64 rate = 2; rate < INT64CONST(1) << 34; rate = rate * 3 + 1)
		{
			double		x = (double) size / (double) rate;

			/* rates beyond reason amplify the last bit of exp() */
			if (x > 1e-7)
				worst = Max(worst, fabs(go_heap_scale(size, rate) /
										library_scale(size, rate) - 1) * x);
		}
	unit_ok(worst < 1e-15, "the scale is that of the library to its last bits (%g)",
			worst);
	for (int64 size = 8; size < 1 << 24; size += 8 + size / 30)
		for (int64 count = 0; count < 300; count++)
		{
			double		scale = library_scale(size, PERIOD);
			int64		objects = (int64) (count * scale);
			int64		bytes = (int64) ((double) (count * size) * scale);
			double		ours = go_heap_scale(size, PERIOD);
			int64		back = go_heap_count(ours, size, objects, bytes);

			npairs++;
			nwrong += back != count || go_heap_objects(ours, back) != objects ||
				go_heap_bytes(ours, size, back) != bytes;
		}
	unit_ok(nwrong * 1000 < npairs, "counts come out of objects and bytes (%u of %u do not)",
			nwrong, npairs);
	unit_ok(go_heap_scale(100, 1) == 1 && go_heap_scale(100, 0) == 1 &&
			go_heap_scale(100, -5) == 1 &&
			go_heap_scale(PG_INT64_MAX, 2) == 1 &&
			go_heap_count(1, 1, PG_INT64_MAX, PG_INT64_MIN) == 0 &&
			go_heap_bytes(1e300, PG_INT64_MAX, PG_INT64_MAX) == 0,
			"rates and numbers beyond reason do no harm");
}

/* Samples in a few bytes, with all encodings. */
static Model *
small_model(void)
{
	UnitRandom	random = unit_random_seed(8);
	Style		styles[] = {COUNTS, TIMES_OTHER, HEAP_OBJECTS, HEAP_WRONG,
	SAME_AS_BEFORE, EXTREME};

	return make_model(&random, 40, 12, 60, 2, 6, styles, true);
}

static bool
is_survived(const Model *model, const StoredRows *stored)
{
	UnitMemory	own;
	PyroError	error = {0};
	SampleRows *rows;
	bool		is_same = true;
	bool		right = true;

	unit_memory_init(&own);
	rows = model_open(model, stored, &own.allocator, &error);
	if (rows != NULL)
		right = model_read_all(model, rows, &is_same, &error) ||
			error.kind == PYRO_CORRUPT;
	else
		right = error.kind == PYRO_CORRUPT;
	unit_memory_free(&own);
	return right;
}

static uint32
count_flips(const Model *model, const StoredRows *stored, ByteRange bytes)
{
	static const uint8 changes[] = {0xFF, 1, 0x24};
	uint8	   *damaged = (uint8 *) bytes.bytes;
	uint32		nwrong = 0;

	for (size_t i = 0; i < bytes.size; i++)
		for (size_t k = 0; k < lengthof(changes); k++)
		{
			damaged[i] ^= changes[k];
			nwrong += !is_survived(model, stored);
			damaged[i] ^= changes[k];
		}
	return nwrong;
}

/* Cut off one of both streams at each place; none may open. */
static uint32
count_cuts(const Model *model, StoredRows *stored, ByteRange *stream)
{
	ByteRange	whole = *stream;
	uint32		nwrong = 0;

	for (size_t size = 0; size < whole.size; size++)
	{
		uint8	   *copy = malloc(Max(size, 1));
		PyroError	error = {0};
		UnitMemory	own;

		unit_memory_init(&own);
		memcpy(copy, whole.bytes, size);
		*stream = byte_range(copy, size);
		nwrong += model_open(model, stored, &own.allocator, &error) != NULL ||
			error.kind != PYRO_CORRUPT;
		unit_memory_free(&own);
		free(copy);
	}
	*stream = whole;
	return nwrong;
}

/* Rows of other lengths than those that were written. */
static bool
are_counts_survived(const Model *model, const StoredRows *stored)
{
	bool		right = true;

	for (int change = -3; change <= 200; change++)
	{
		int64	   *sums = calloc(model->nkeys, sizeof(int64));
		PyroError	error = {0};
		SampleRows *rows;
		UnitMemory	own;

		unit_memory_init(&own);
		stored->row_nsamples[3] += change;
		rows = model_open(model, stored, &own.allocator, &error);
		for (uint32 g = 0; g < model->ngroups; g++)
			for (uint32 t = 0; t < model->groups[g].ntypes && rows != NULL; t++)
				right = right &&
					(sample_rows_accumulate(rows, 0, model->nrows, g, t, sums, &error) ||
					 error.kind == PYRO_CORRUPT);
		right = right && (rows != NULL || error.kind == PYRO_CORRUPT);
		stored->row_nsamples[3] -= change;
		unit_memory_free(&own);
		free(sums);
	}
	return right;
}

static void
test_damage(void)
{
	Model	   *model = small_model();
	PyroError	error = {0};
	StoredRows	stored;
	SampleRows *rows;
	Choices		choices = {0};

	if (!model_write(model, &memory.allocator, &stored, &error) ||
		(rows = model_open(model, &stored, &memory.allocator, &error)) == NULL)
	{
		unit_ok(false, "samples to be damaged: %s", error.message);
		return;
	}
	unit_note("%zu bytes of keys, %zu of values", stored.keys.size,
			  stored.values.size);
	count_choices(rows, &choices);
	unit_ok(choices.source[SOURCE_MULTIPLE] > 0 &&
			choices.source[SOURCE_GO_HEAP] > 0 && choices.repeated > 0,
			"of all encodings");
	unit_ok(count_flips(model, &stored, stored.keys) == 0,
			"changed keys are an error or other keys");
	unit_ok(count_flips(model, &stored, stored.values) == 0,
			"changed values are an error or other values");
	unit_ok(count_cuts(model, &stored, &stored.keys) == 0 &&
			count_cuts(model, &stored, &stored.values) == 0,
			"what is cut off is refused");
	unit_ok(are_counts_survived(model, &stored),
			"other numbers of samples are an error or other samples");
	stored.row_group[2] = 77;
	unit_ok(is_survived(model, &stored), "a group that is not there");
	unit_memory_free(&memory);
}

static void
test_no_memory(void)
{
	Model	   *model = small_model();
	UnitMemory	own;
	uint32		nwrong = 0;
	uint64		n = 0;
	bool		done;

	do
	{
		PyroError	error = {0};
		StoredRows	stored;
		SampleRows *rows = NULL;
		bool		is_same = true;

		unit_memory_init(&own);
		own.fail_at = ++n;
		done = model_write(model, &own.allocator, &stored, &error) &&
			(rows = model_open(model, &stored, &own.allocator, &error)) != NULL &&
			model_read_all(model, rows, &is_same, &error);
		nwrong += !done && error.kind != PYRO_NO_MEMORY &&
			error.kind != PYRO_LIMIT;
		unit_memory_free(&own);
	} while (!done && n < 10000);
	unit_ok(done && nwrong == 0, "any of " UINT64_FORMAT " allocations may fail",
			n - 1);
	unit_memory_free(&memory);
}

static void
test_arguments(void)
{
	Allocator  *allocator = &memory.allocator;
	PyroError	error = {0};
	uint32		keys[] = {3, 2};
	int			itself[] = {0};
	SampleGroup wrong = {1, itself};
	SampleGroup none = {0, NULL};
	uint32		nsamples = 0;
	uint32		group = 0;
	int64		period = 0;
	SampleRowsWriter *writer;
	TextBuffer	key_bytes;
	TextBuffer	values;
	SampleRows *rows;

	unit_ok(sample_rows_begin(4, NULL, 1, &wrong, allocator, &error) == NULL &&
			error.kind == PYRO_INVALID, "a type is not its own objects");
	writer = sample_rows_begin(4, NULL, 1, &none, allocator, &error);
	unit_ok(!sample_rows_add(writer, 1, 0, 0, keys, NULL, &error) &&
			error.kind == PYRO_INVALID, "a row's group must be there");
	unit_ok(!sample_rows_add(writer, 0, 0, 2, keys, NULL, &error) &&
			error.kind == PYRO_INVALID, "keys must ascend");
	keys[0] = 4;
	unit_ok(!sample_rows_add(writer, 0, 0, 1, keys, NULL, &error) &&
			error.kind == PYRO_INVALID, "and be below their number");
	text_buffer_init(&key_bytes, allocator, 1000);
	text_buffer_init(&values, allocator, 1000);
	sample_rows_add(writer, 0, 0, 0, keys, NULL, &error);
	sample_rows_finish(writer, &key_bytes, &values, &error);
	rows = sample_rows_open(1, &nsamples, &group, &period, 4, NULL, 1, &none,
							byte_range(key_bytes.data, key_bytes.length),
							byte_range(values.data, values.length), allocator,
							&error);
	unit_ok(rows != NULL && sample_rows_read_keys(rows, 0, keys, &error) &&
			!sample_rows_read_keys(rows, 1, keys, &error) &&
			!sample_rows_read_values(rows, 0, 0, NULL, &error) &&
			!sample_rows_accumulate(rows, 0, 2, 0, 0, NULL, &error) &&
			!sample_rows_accumulate(rows, 2, 0, 0, 0, NULL, &error) &&
			!sample_rows_accumulate(rows, 0, 1, 1, 0, NULL, &error) &&
			!sample_rows_accumulate(rows, 0, 1, 0, 0, NULL, &error) &&
			error.kind == PYRO_INVALID, "rows and types must be there to be read");
	unit_memory_free(&memory);
}

int
main(void)
{
	unit_memory_init(&memory);
	test_styles();
	test_sizes();
	test_chunks();
	test_empty();
	test_scale();
	test_damage();
	test_no_memory();
	test_arguments();
	return unit_finish();
}
