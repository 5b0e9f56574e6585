/*
 * block_order.c
 *	  In which order the rows of a block are, and which of them are a run.
 *
 * Columns to sort by mostly have few different values, so equal bytes are
 * found by hashing first, and only different ones are compared.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/sortsupport.h"
#include "utils/typcache.h"

#include "compat.h"
#include "tableam/block_order.h"

bool
order_is_by_few_values(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case TEXTOID:
		case VARCHAROID:
		case JSONBOID:
		case UUIDOID:
			return true;
		default:
			return type_is_enum(type);
	}
}

bool
order_type_is_orderable(Oid type)
{
	return OidIsValid(lookup_type_cache(type, TYPECACHE_LT_OPR)->lt_opr);
}

static bool
is_time(Oid type)
{
	return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID;
}

/* ---- ranks ---- */

/* A value that differs from the others in its bytes. */
typedef struct Image
{
	Datum		value;
	uint32		hash;
	uint32		rank;
} Image;

struct OrderRanker
{
	OrderColumn column;
	MemoryContext scratch;		/* for all but the ranks */
	bool		copies;			/* are values to be copied? */
	uint32		max_distinct;
	bool		has_too_many;
	bool		has_null;
	uint32		nrows;
	Size		rows_capacity;
	uint32	   *image;			/* [row]: its value's, or NO_IMAGE */
	uint32		nimages;
	Size		images_capacity;
	Image	   *images;
	uint32		mask;
	uint32	   *slots;			/* image + 1; 0: free */
	SortSupportData sort;
};

#define NO_IMAGE		PG_UINT32_MAX	/* of NULL */
#define FIRST_IMAGES	64

/* The bytes of a value, without the header that it may have. */
static const void *
value_bytes(const OrderColumn *column, const Datum *value, Size *size)
{
	char	   *pointer = DatumGetPointer(*value);

	if (column->attbyval)
	{
		*size = sizeof(Datum);
		return value;
	}
	if (column->attlen > 0)
		*size = column->attlen;
	else if (column->attlen == -1)
	{
		*size = VARSIZE_ANY_EXHDR(pointer);
		pointer = VARDATA_ANY(pointer);
	}
	else
		*size = strlen(pointer);
	return pointer;
}

/* Twice as much room for images, and four slots for each at most. */
static void
grow_images(OrderRanker *ranker)
{
	ranker->images_capacity *= 2;
	ranker->images = repalloc_huge(ranker->images, ranker->images_capacity * sizeof(Image));
	pfree(ranker->slots);
	ranker->mask = (uint32) ranker->images_capacity * 2 - 1;
	ranker->slots = MemoryContextAllocExtended(ranker->scratch,
											   ((Size) ranker->mask + 1) * sizeof(uint32),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint32 i = 0; i < ranker->nimages; i++)
	{
		uint32		slot = ranker->images[i].hash & ranker->mask;

		while (ranker->slots[slot] != 0)
			slot = (slot + 1) & ranker->mask;
		ranker->slots[slot] = i + 1;
	}
}

static uint32
add_image(OrderRanker *ranker, Datum value, uint32 hash, uint32 slot)
{
	if (ranker->copies)
	{
		MemoryContext before = MemoryContextSwitchTo(ranker->scratch);

		value = datumCopy(value, ranker->column.attbyval, ranker->column.attlen);
		MemoryContextSwitchTo(before);
	}
	ranker->images[ranker->nimages] = (Image)
	{
		.value = value,.hash = hash
	};
	ranker->slots[slot] = ++ranker->nimages;
	if (ranker->nimages == ranker->images_capacity)
		grow_images(ranker);
	return ranker->nimages - 1;
}

/* The number of a value's image. */
static uint32
find_or_add_image(OrderRanker *ranker, Datum value)
{
	Size		size;
	const void *bytes = value_bytes(&ranker->column, &value, &size);
	uint32		hash = hash_bytes(bytes, size);

	for (uint32 slot = hash & ranker->mask;; slot = (slot + 1) & ranker->mask)
	{
		Image	   *image;
		Size		other_size;
		const void *other;

		if (ranker->slots[slot] == 0)
			return add_image(ranker, value, hash, slot);
		image = &ranker->images[ranker->slots[slot] - 1];
		if (image->hash != hash)
			continue;
		other = value_bytes(&ranker->column, &image->value, &other_size);
		if (other_size == size && memcmp(other, bytes, size) == 0)
			return ranker->slots[slot] - 1;
	}
}

/*
 * The comparison of the type's default btree operator class.  Texts are
 * compared by their bytes: any fixed order does, and that is the fastest.
 */
static void
prepare_sort(SortSupport sort, Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_LT_OPR);

	memset(sort, 0, sizeof(*sort));
	sort->ssup_cxt = CurrentMemoryContext;
	sort->ssup_collation = OidIsValid(entry->typcollation) ? C_COLLATION_OID : InvalidOid;
	PrepareSortSupportFromOrderingOp(entry->lt_opr, sort);
}

static int
compare_images(const void *a, const void *b, void *arg)
{
	OrderRanker *ranker = arg;
	uint32		first = *(const uint32 *) a;
	uint32		second = *(const uint32 *) b;
	int			order;

	CHECK_FOR_INTERRUPTS();
	order = ApplySortComparator(ranker->images[first].value, false,
								ranker->images[second].value, false, &ranker->sort);
	return order != 0 ? order : first < second ? -1 : 1;
}

/* Rank the images; how many different values they are. */
static uint32
rank_images(OrderRanker *ranker)
{
	uint32		n = ranker->nimages;
	uint32	   *sorted = palloc_extended(Max(n, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	uint32		rank = 0;

	for (uint32 i = 0; i < n; i++)
		sorted[i] = i;
	prepare_sort(&ranker->sort, ranker->column.type);
	qsort_arg(sorted, n, sizeof(uint32), compare_images, ranker);
	for (uint32 i = 0; i < n; i++)
	{
		if (i > 0 && ApplySortComparator(ranker->images[sorted[i - 1]].value, false,
										 ranker->images[sorted[i]].value, false,
										 &ranker->sort) != 0)
			rank++;
		ranker->images[sorted[i]].rank = rank;
	}
	return n == 0 ? 0 : rank + 1;
}

OrderRanker *
order_ranker_create(const OrderColumn *column, bool copies, uint32 max_distinct)
{
	OrderRanker *ranker = palloc0(sizeof(OrderRanker));

	ranker->column = *column;
	ranker->scratch = AllocSetContextCreate(CurrentMemoryContext, "values to sort by",
											ALLOCSET_DEFAULT_SIZES);
	ranker->copies = copies && !column->attbyval;
	ranker->max_distinct = max_distinct;
	ranker->rows_capacity = FIRST_IMAGES;
	ranker->image = palloc(FIRST_IMAGES * sizeof(uint32));
	ranker->images_capacity = FIRST_IMAGES;
	ranker->images = MemoryContextAlloc(ranker->scratch, FIRST_IMAGES * sizeof(Image));
	ranker->mask = FIRST_IMAGES * 2 - 1;
	ranker->slots = MemoryContextAllocZero(ranker->scratch, FIRST_IMAGES * 2 * sizeof(uint32));
	return ranker;
}

void
order_ranker_add(OrderRanker *ranker, Datum value, bool isnull)
{
	if (ranker->has_too_many)
		return;
	if (ranker->nrows == ranker->rows_capacity)
	{
		ranker->rows_capacity *= 2;
		ranker->image = repalloc_huge(ranker->image, ranker->rows_capacity * sizeof(uint32));
	}
	ranker->has_null |= isnull;
	ranker->image[ranker->nrows++] = isnull ? NO_IMAGE : find_or_add_image(ranker, value);
	if (ranker->nimages <= ranker->max_distinct)
		return;
	ranker->has_too_many = true;
	MemoryContextReset(ranker->scratch);
}

bool
order_ranker_finish(OrderRanker *ranker, OrderKey *key)
{
	bool		ranked = !ranker->has_too_many;

	if (ranked)
	{
		MemoryContext before = MemoryContextSwitchTo(ranker->scratch);
		uint32		ndistinct = rank_images(ranker);

		MemoryContextSwitchTo(before);
		for (uint32 row = 0; row < ranker->nrows; row++)
			ranker->image[row] = ranker->image[row] == NO_IMAGE ? ndistinct :
				ranker->images[ranker->image[row]].rank;
		key->is_time = is_time(ranker->column.type);
		key->ndistinct = ndistinct + (ranker->has_null ? 1 : 0);
		key->rank = ranker->image;
	}
	else
		pfree(ranker->image);
	MemoryContextDelete(ranker->scratch);
	pfree(ranker);
	return ranked;
}

static int
compare_distinct(const void *a, const void *b)
{
	const OrderKey *first = a;
	const OrderKey *second = b;

	if (first->ndistinct != second->ndistinct)
		return first->ndistinct < second->ndistinct ? -1 : 1;
	return first->attnum < second->attnum ? -1 : 1;
}

void
order_sort_keys(OrderKey *keys, int count)
{
	qsort(keys, count, sizeof(OrderKey), compare_distinct);
}

/* ---- rows ---- */

typedef struct RowComparison
{
	const OrderKey *keys;
	int			nkeys;
} RowComparison;

static inline int
first_difference(const RowComparison *comparison, uint32 a, uint32 b)
{
	return order_first_difference(comparison->keys, comparison->nkeys, a, b);
}

static int
compare_rows(const void *a, const void *b, void *arg)
{
	RowComparison *comparison = arg;
	uint32		first = *(const uint32 *) a;
	uint32		second = *(const uint32 *) b;
	int			k = first_difference(comparison, first, second);

	if (k == comparison->nkeys)
		return first < second ? -1 : 1;
	return comparison->keys[k].rank[first] < comparison->keys[k].rank[second] ? -1 : 1;
}

/* Find the runs of rows that are sorted already. */
static void
find_runs(const RowComparison *comparison, int rows, RowOrder *order)
{
	RowComparison of_runs = *comparison;

	if (of_runs.nkeys > 0 && of_runs.keys[of_runs.nkeys - 1].is_time)
		of_runs.nkeys--;
	order->run_end = palloc_extended(Max(rows, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	order->ends_leading = palloc_extended(Max(rows, 1) * sizeof(bool), MCXT_ALLOC_HUGE);
	order->nruns = 0;
	for (int i = 1; i <= rows; i++)
	{
		int			k = i == rows ? 0 :
		first_difference(&of_runs, order->row[i - 1], order->row[i]);

		if (i < rows && k == of_runs.nkeys)
			continue;
		order->run_end[order->nruns] = i;
		order->ends_leading[order->nruns++] = k == 0;
	}
}

RowOrder
order_rows(const OrderKey *keys, int nkeys, int rows)
{
	RowComparison comparison = {.keys = keys,.nkeys = nkeys};
	RowOrder	order;
	bool		as_they_came = true;

	order.row = palloc_extended(Max(rows, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	for (int i = 0; i < rows; i++)
		order.row[i] = i;
	if (nkeys > 0)
		qsort_arg(order.row, rows, sizeof(uint32), compare_rows, &comparison);
	find_runs(&comparison, rows, &order);
	for (int i = 0; i < rows && as_they_came; i++)
		as_they_came = order.row[i] == i;
	if (as_they_came)
	{
		pfree(order.row);
		order.row = NULL;
	}
	return order;
}
