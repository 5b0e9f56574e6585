/*
 * sample_rows_read.c
 *	  Read the samples of many profiles, row by row or summed up.
 *
 * All ways go through a scan, which decodes a window of samples at a time, so
 * that what is decoded is still in the first cache when it is used.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/go_heap.h"
#include "block/sample_rows_chunks.h"

/* Where a scan is in a chunk. */
typedef struct ScanPlace
{
	uint32		slot;
	uint32		in_row;			/* samples of that row before here */
	size_t		sample;			/* of the chunk */
} ScanPlace;

typedef struct RowScan
{
	SampleRows *rows;
	GroupRows  *group;
	RowChunk   *chunk;
	uint32		type;			/* NO_COLUMN: keys only */
	bool		with_keys;
	size_t		end;			/* sample of the chunk */
	ScanPlace	next;
	uint64		key;			/* the last one before `next` in its row */
	ScanPlace	window;			/* where the present window begins */
	uint32		count;			/* its samples */
} RowScan;

static inline uint32
slot_nsamples(const RowScan *scan, uint32 slot)
{
	return scan->rows->row_nsamples[scan->group->rows[slot]];
}

/* Pass over some samples of the row at hand, which has them. */
static inline void
advance(const RowScan *scan, ScanPlace *place, uint32 n)
{
	place->in_row += n;
	place->sample += n;
	if (place->in_row == slot_nsamples(scan, place->slot))
	{
		place->in_row = 0;
		place->slot++;
	}
}

/* Samples up to the row's end, or the window's. */
static inline uint32
segment_length(const RowScan *scan, const ScanPlace *place)
{
	size_t		left = scan->window.sample + scan->count - place->sample;

	return Min(left, slot_nsamples(scan, place->slot) - place->in_row);
}

/* From differences within rows to keys. */
static bool
sum_keys(RowScan *scan, PyroError *error)
{
	uint32	   *keys = scan->rows->window_keys;
	uint64		key = scan->key;
	ScanPlace	place = scan->window;

	while (place.sample < scan->window.sample + scan->count)
	{
		uint32		n = segment_length(scan, &place);

		if (place.in_row == 0)
			key = 0;
		for (uint32 i = 0; i < n; i++)
		{
			key += keys[i];
			keys[i] = (uint32) key;
		}
		/* they ascend, so the last is the largest */
		if (n > 0 && key >= scan->rows->nkeys)
			return sample_rows_corrupt(error, "key of a sample");
		keys += n;
		advance(scan, &place, n);
	}
	scan->key = key;
	return true;
}

/* The scale of a key for the period at hand. */
static inline double
key_scale(SampleRows *rows, uint32 key, int64 size)
{
	KeyScale   *scale = &rows->key_scale[key];

	if (unlikely(scale->period_number != rows->scale_period_number))
	{
		scale->period_number = rows->scale_period_number;
		scale->scale = go_heap_scale(size, rows->scale_period);
	}
	return scale->scale;
}

/* Add what comes out of the counts to the residuals of objects or bytes. */
static void
add_go_heap(RowScan *scan)
{
	SampleRows *rows = scan->rows;
	const uint32 *keys = rows->window_keys;
	const uint64 *counts = rows->window_source;
	uint64	   *values = rows->window_values;
	bool		is_bytes = scan->group->columns.objects_type[scan->type] != NO_COLUMN;

	for (uint32 i = 0; i < scan->count; i++)
	{
		int64		size = rows->key_size[keys[i]];
		double		scale;

		/* no branch on counts, of which any may be 0 */
		if (size <= 0)
			continue;
		scale = key_scale(rows, keys[i], size);
		values[i] += is_bytes ?
			(uint64) go_heap_bytes(scale, size, (int64) counts[i]) :
			(uint64) go_heap_objects(scale, (int64) counts[i]);
	}
}

/* What a row's values are a multiple by. */
static inline uint64
row_multiple(const RowScan *scan, const uint64 *multiples, uint32 slot)
{
	return (uint64) scan->rows->row_period[scan->group->rows[slot]] +
		(uint64) zigzag_decode(multiples[slot - scan->chunk->first_slot]);
}

/* Add each row's multiple of another column. */
static void
add_multiples(RowScan *scan, const uint64 *multiples)
{
	const uint64 *from = scan->rows->window_source;
	uint64	   *values = scan->rows->window_values;
	ScanPlace	place = scan->window;

	while (place.sample < scan->window.sample + scan->count)
	{
		uint32		n = segment_length(scan, &place);
		uint64		multiple = row_multiple(scan, multiples, place.slot);

		for (uint32 i = 0; i < n; i++)
			values[i] += from[i] * multiple;
		from += n;
		values += n;
		advance(scan, &place, n);
	}
}

static void
read_window_values(RowScan *scan)
{
	SampleRows *rows = scan->rows;
	TypeState  *state = &scan->group->types[scan->type];
	const ColumnChunk *columns = scan->chunk->columns;
	const ColumnChunk *own = &columns[scan->type];
	uint32		count_column = scan->group->columns.count_column[scan->type];

	value_column_read(&own->values, scan->window.sample, scan->count,
					  rows->window_keys, &state->own, rows->window_values);
	if (own->head.source == SOURCE_PLAIN)
		return;
	value_column_read(own->head.source == SOURCE_MULTIPLE ?
					  &columns[own->head.multiple_of].values :
					  &columns[count_column].values,
					  scan->window.sample, scan->count, rows->window_keys,
					  &state->source, rows->window_source);
	if (own->head.source == SOURCE_MULTIPLE)
		add_multiples(scan, own->multiples);
	else
		add_go_heap(scan);
}

static inline bool
scan_is_done(const RowScan *scan)
{
	return scan->next.sample == scan->end;
}

/*
 * The next window: as many samples as fit, so that the window after it begins
 * with a block.
 */
static inline void
next_window(RowScan *scan)
{
	scan->window = scan->next;
	scan->count = Min(scan->end - scan->next.sample,
					  VALUE_WINDOW - scan->next.sample % BIT_BLOCK_SIZE);
}

/* Decode the next window. */
static bool
scan_window(RowScan *scan, PyroError *error)
{
	SampleRows *rows = scan->rows;
	ScanPlace	place;

	next_window(scan);
	if (scan->with_keys)
	{
		bit_blocks_read(&scan->chunk->keys, scan->window.sample, scan->count,
						rows->window_keys);
		if (!sum_keys(scan, error))
			return false;
	}
	if (scan->type != NO_COLUMN)
		read_window_values(scan);
	place = scan->window;
	while (place.sample < scan->window.sample + scan->count)
		advance(scan, &place, segment_length(scan, &place));
	scan->next = place;
	return true;
}

/* Forget what repeated values were in another chunk. */
static void
restart_type(TypeState *state, const RowChunk *chunk)
{
	state->chunk = chunk;
	state->next_slot = chunk->first_slot;
	state->source.chunk++;
	state->own.chunk++;
}

/* Open the column that a scan needs beside its type's, NULL if none. */
static bool
open_source(RowScan *scan, ColumnChunk **source, PyroError *error)
{
	const ColumnHead *head = &scan->chunk->columns[scan->type].head;
	uint32		column = head->source == SOURCE_MULTIPLE ?
	head->multiple_of : scan->group->columns.count_column[scan->type];

	*source = NULL;
	if (head->source == SOURCE_PLAIN)
		return true;
	*source = &scan->chunk->columns[column];
	return open_chunk_column(scan->rows, scan->chunk, column, error);
}

static bool
prepare_last_values(SampleRows *rows, LastValues *last, PyroError *error)
{
	return last->of != NULL ||
		last_values_init(last, rows->nkeys, rows->allocator, error);
}

/* Scales belong to one period: that of the chunk's first row. */
static bool
prepare_scales(RowScan *scan, PyroError *error)
{
	SampleRows *rows = scan->rows;
	uint32		first_row = scan->group->rows[scan->chunk->first_slot];
	int64		period = rows->row_period[first_row];

	if (rows->key_scale == NULL)
	{
		rows->key_scale = allocate_or_fail(rows->allocator, rows->nkeys,
										   sizeof(KeyScale), error);
		if (rows->key_scale == NULL)
			return false;
		memset(rows->key_scale, 0, rows->nkeys * sizeof(KeyScale));
	}
	if (rows->scale_period_number == 0 || rows->scale_period != period)
	{
		rows->scale_period = period;
		rows->scale_period_number++;
	}
	return true;
}

/*
 * Open what a scan of a type needs.  Where values are repeated, the rows
 * before the first one are read, unless they were the last to be read.
 */
static bool
prepare_type(RowScan *scan, uint32 slot, PyroError *error)
{
	SampleRows *rows = scan->rows;
	TypeState  *state = &scan->group->types[scan->type];
	ColumnChunk *own = &scan->chunk->columns[scan->type];
	ColumnChunk *source;
	bool		is_repeated = own->head.values.is_repeated;

	if (!open_chunk_column(rows, scan->chunk, scan->type, error) ||
		!open_source(scan, &source, error))
		return false;
	if (own->head.values.is_repeated &&
		!prepare_last_values(rows, &state->own, error))
		return false;
	if (source != NULL && source->head.values.is_repeated)
	{
		is_repeated = true;
		if (!prepare_last_values(rows, &state->source, error))
			return false;
	}
	if (own->head.source == SOURCE_GO_HEAP)
	{
		scan->with_keys = true;
		if (!prepare_scales(scan, error))
			return false;
	}
	if (!is_repeated)
		return true;
	scan->with_keys = true;
	if (state->chunk != scan->chunk || state->next_slot > slot)
		restart_type(state, scan->chunk);
	scan->next.slot = state->next_slot;
	/* known again only when this scan has gone well */
	state->chunk = NULL;
	return true;
}

/*
 * Start to read some rows of a chunk, of which there must be one at least.
 */
static bool
scan_begin(RowScan *scan, SampleRows *rows, GroupRows *group, uint32 type,
		   bool with_keys, uint32 slot, uint32 end_slot, PyroError *error)
{
	RowChunk   *chunk = &group->chunks[group->row_chunk[slot]];
	size_t		start = group->row_start[slot];

	memset(scan, 0, sizeof(*scan));
	scan->rows = rows;
	scan->group = group;
	scan->chunk = chunk;
	scan->type = type;
	scan->with_keys = with_keys;
	scan->next.slot = slot;
	if (type != NO_COLUMN && !prepare_type(scan, slot, error))
		return false;
	if (scan->with_keys && !open_chunk_keys(rows, chunk, error))
		return false;
	scan->next.sample = group->row_start[scan->next.slot];
	scan->end = start;
	while (!scan_is_done(scan))
		if (!scan_window(scan, error))
			return false;
	scan->next = (ScanPlace)
	{
		.slot = slot,.sample = start
	};
	scan->end = end_slot == chunk->first_slot + chunk->nrows ?
		chunk->nsamples : group->row_start[end_slot];
	return true;
}

/* What was read may be where the next scan goes on. */
static void
scan_end(const RowScan *scan, uint32 end_slot)
{
	TypeState  *state = &scan->group->types[scan->type];

	state->chunk = scan->chunk;
	state->next_slot = end_slot;
}

static bool
check_row(const SampleRows *rows, uint32 row, PyroError *error)
{
	return row < rows->nrows ||
		pyro_fail(error, PYRO_INVALID, "there is no row %u of samples", row);
}

static bool
check_type(const GroupRows *group, uint32 type, PyroError *error)
{
	return type < group->columns.ntypes ||
		pyro_fail(error, PYRO_INVALID, "there is no sample type %u", type);
}

/*
 * Read the keys of a row's samples, ascending, below nkeys.  There must be
 * room for all of them.  Returns false with PYRO_CORRUPT, PYRO_INVALID for a
 * row that does not exist, or PYRO_NO_MEMORY.
 */
bool
sample_rows_read_keys(SampleRows *rows, uint32 row, uint32 *keys,
					  PyroError *error)
{
	RowScan		scan;

	if (!check_row(rows, row, error) ||
		!scan_begin(&scan, rows, &rows->groups[rows->row_group[row]],
					NO_COLUMN, true, rows->row_slot[row],
					rows->row_slot[row] + 1, error))
		return false;
	while (!scan_is_done(&scan))
	{
		if (!scan_window(&scan, error))
			return false;
		memcpy(keys, rows->window_keys, scan.count * sizeof(uint32));
		keys += scan.count;
	}
	return true;
}

/*
 * Read the values of a row's samples of one type.
 *
 * As above.  Quickest for rows in ascending order: where values are repeated,
 * any other order reads the rows before it again, up to the chunk's first.
 */
bool
sample_rows_read_values(SampleRows *rows, uint32 row, uint32 type,
						int64 *values, PyroError *error)
{
	GroupRows  *group;
	RowScan		scan;

	if (!check_row(rows, row, error))
		return false;
	group = &rows->groups[rows->row_group[row]];
	if (!check_type(group, type, error) ||
		!scan_begin(&scan, rows, group, type, false, rows->row_slot[row],
					rows->row_slot[row] + 1, error))
		return false;
	while (!scan_is_done(&scan))
	{
		if (!scan_window(&scan, error))
			return false;
		memcpy(values, rows->window_values, scan.count * sizeof(int64));
		values += scan.count;
	}
	scan_end(&scan, rows->row_slot[row] + 1);
	return true;
}

/*
 * The column whose numbers a type's values are multiples of, but for what is
 * the same for all samples of a row; NULL where there is none such.
 */
static const ColumnChunk *
linear_column(const RowScan *scan)
{
	const ColumnChunk *own = &scan->chunk->columns[scan->type];
	const ColumnChunk *numbers = own;

	if (own->head.source == SOURCE_MULTIPLE &&
		own->head.values.form == VALUES_CONSTANT &&
		!own->head.values.is_repeated)
		numbers = &scan->chunk->columns[own->head.multiple_of];
	if (numbers->head.source == SOURCE_PLAIN &&
		numbers->head.values.form <= VALUES_SCALED &&
		!numbers->head.values.is_repeated)
		return numbers;
	return NULL;
}

/* What makes values of the numbers, for the row at hand. */
static void
row_line(const RowScan *scan, uint32 slot, const ValueHead *numbers,
		 uint64 *base, uint64 *unit)
{
	const ColumnChunk *own = &scan->chunk->columns[scan->type];
	uint64		multiple = 1;

	*base = 0;
	if (own->head.source == SOURCE_MULTIPLE)
	{
		multiple = row_multiple(scan, own->multiples, slot);
		*base = own->head.values.base;
	}
	*base += numbers->base * multiple;
	*unit = numbers->unit * multiple;
}

/*
 * Add a piece of a row; false where a key is too large.  Differences become
 * keys here, and values are not stored in between: this is where a query over
 * many profiles spends its time.
 */
static inline bool
add_line(const uint32 *differences, const uint32 *numbers, uint32 n,
		 uint64 base, uint64 unit, uint64 nkeys, uint64 *key_before,
		 uint64 *sums)
{
	uint64		key = *key_before;

	for (uint32 i = 0; i < n; i++)
	{
		key += differences[i];
		if (unlikely(key >= nkeys))
			return false;
		sums[key] += base + unit * numbers[i];
	}
	*key_before = key;
	return true;
}

static bool
accumulate_lines(RowScan *scan, const ColumnChunk *column, uint64 *sums,
				 PyroError *error)
{
	SampleRows *rows = scan->rows;
	uint32	   *numbers = rows->window_numbers;
	bool		is_constant = column->head.values.form == VALUES_CONSTANT;

	if (is_constant)
		memset(numbers, 0, sizeof(rows->window_numbers));
	while (!scan_is_done(scan))
	{
		uint32		done = 0;

		next_window(scan);
		bit_blocks_read(&scan->chunk->keys, scan->window.sample, scan->count,
						rows->window_keys);
		if (!is_constant)
			bit_blocks_read(&column->values.low, scan->window.sample,
							scan->count, numbers);
		while (done < scan->count)
		{
			uint32		n = segment_length(scan, &scan->next);
			uint64		base;
			uint64		unit;

			if (scan->next.in_row == 0)
				scan->key = 0;
			row_line(scan, scan->next.slot, &column->head.values, &base, &unit);
			if (!add_line(rows->window_keys + done, numbers + done, n, base,
						  unit, rows->nkeys, &scan->key, sums))
				return sample_rows_corrupt(error, "key of a sample");
			done += n;
			advance(scan, &scan->next, n);
		}
	}
	return true;
}

/* Add the values of some rows of one chunk. */
static bool
accumulate_chunk(SampleRows *rows, GroupRows *group, uint32 type, uint32 slot,
				 uint32 end_slot, uint64 *sums, PyroError *error)
{
	const uint32 *keys = rows->window_keys;
	const uint64 *values = rows->window_values;
	const ColumnChunk *column;
	RowScan		scan;

	if (!scan_begin(&scan, rows, group, type, true, slot, end_slot, error))
		return false;
	column = linear_column(&scan);
	if (column != NULL)
		return accumulate_lines(&scan, column, sums, error);
	while (!scan_is_done(&scan))
	{
		if (!scan_window(&scan, error))
			return false;
		for (uint32 i = 0; i < scan.count; i++)
			sums[keys[i]] += values[i];
	}
	scan_end(&scan, end_slot);
	return true;
}

/* The first of a group's rows that is not before a row. */
static uint32
slot_from(const GroupRows *group, uint32 row)
{
	uint32		low = 0;
	uint32		high = group->nrows;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (group->rows[middle] < row)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * Add the values of one type to sums[key], for those of row_count rows from
 * first_row on that are of that group.
 *
 * Sums are modulo 2^64.  Returns false as above; some values have been added
 * then.
 */
bool
sample_rows_accumulate(SampleRows *rows, uint32 first_row, uint32 row_count,
					   uint32 group_number, uint32 type, int64 *sums,
					   PyroError *error)
{
	GroupRows  *group;
	uint32		slot;
	uint32		end_slot;

	if (group_number >= rows->ngroups || first_row > rows->nrows ||
		row_count > rows->nrows - first_row)
		return pyro_fail(error, PYRO_INVALID,
						 "there are no rows %u and %u behind it in a group %u of samples",
						 first_row, row_count, group_number);
	group = &rows->groups[group_number];
	if (!check_type(group, type, error))
		return false;
	slot = slot_from(group, first_row);
	end_slot = slot_from(group, first_row + row_count);
	while (slot < end_slot)
	{
		const RowChunk *chunk = &group->chunks[group->row_chunk[slot]];
		uint32		end = Min(end_slot, chunk->first_slot + chunk->nrows);

		allocator_poll(rows->allocator, 0);
		if (!accumulate_chunk(rows, group, type, slot, end, (uint64 *) sums,
							  error))
			return false;
		slot = end;
	}
	return true;
}
