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

typedef struct ImageTable
{
	const OrderValues *column;
	uint32		nimages;
	Image	   *images;
	uint32		mask;
	uint32	   *slots;			/* image + 1; 0: free */
	SortSupportData sort;
} ImageTable;

/* The bytes of a value, without the header that it may have. */
static const void *
value_bytes(const OrderValues *column, const Datum *value, Size *size)
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

/* The number of a value's image. */
static uint32
find_or_add_image(ImageTable *table, Datum value)
{
	Size		size;
	const void *bytes = value_bytes(table->column, &value, &size);
	uint32		hash = hash_bytes(bytes, size);

	for (uint32 slot = hash & table->mask;; slot = (slot + 1) & table->mask)
	{
		Image	   *image;
		Size		other_size;
		const void *other;

		if (table->slots[slot] == 0)
		{
			table->images[table->nimages] = (Image)
			{
				.value = value,.hash = hash
			};
			table->slots[slot] = ++table->nimages;
			return table->nimages - 1;
		}
		image = &table->images[table->slots[slot] - 1];
		if (image->hash != hash)
			continue;
		other = value_bytes(table->column, &image->value, &other_size);
		if (other_size == size && memcmp(other, bytes, size) == 0)
			return table->slots[slot] - 1;
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
	ImageTable *table = arg;
	uint32		first = *(const uint32 *) a;
	uint32		second = *(const uint32 *) b;
	int			order;

	CHECK_FOR_INTERRUPTS();
	order = ApplySortComparator(table->images[first].value, false, table->images[second].value,
								false, &table->sort);
	return order != 0 ? order : first < second ? -1 : 1;
}

/* Rank the images; how many different values they are. */
static uint32
rank_images(ImageTable *table)
{
	uint32		n = table->nimages;
	uint32	   *sorted = palloc_extended(Max(n, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	uint32		rank = 0;

	for (uint32 i = 0; i < n; i++)
		sorted[i] = i;
	prepare_sort(&table->sort, table->column->type);
	qsort_arg(sorted, n, sizeof(uint32), compare_images, table);
	for (uint32 i = 0; i < n; i++)
	{
		if (i > 0 && ApplySortComparator(table->images[sorted[i - 1]].value, false,
										 table->images[sorted[i]].value, false,
										 &table->sort) != 0)
			rank++;
		table->images[sorted[i]].rank = rank;
	}
	return n == 0 ? 0 : rank + 1;
}

/* The image of each row's value; false where they are too many. */
static bool
find_images(ImageTable *table, int rows, uint32 max_distinct, uint32 *row_image)
{
	uint32		nslots = pg_nextpower2_32(Max(rows, 1) * 2);

	table->images = palloc_extended(Max(rows, 1) * sizeof(Image), MCXT_ALLOC_HUGE);
	table->slots = palloc_extended(nslots * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	table->mask = nslots - 1;
	for (int row = 0; row < rows; row++)
	{
		if (table->column->isnull[row])
			continue;
		row_image[row] = find_or_add_image(table, table->column->values[row]);
		if (table->nimages > max_distinct)
			return false;
	}
	return true;
}

bool
order_rank_values(const OrderValues *column, int rows, uint32 max_distinct, OrderKey *key)
{
	uint32	   *rank = palloc_extended(Max(rows, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "values to sort by",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(scratch);
	ImageTable	table = {.column = column};
	bool		found = find_images(&table, rows, max_distinct, rank);
	bool		has_null = false;

	if (found)
	{
		uint32		ndistinct = rank_images(&table);

		for (int row = 0; row < rows; row++)
		{
			has_null |= column->isnull[row];
			rank[row] = column->isnull[row] ? ndistinct : table.images[rank[row]].rank;
		}
		key->is_time = is_time(column->type);
		key->ndistinct = ndistinct + (has_null ? 1 : 0);
		key->rank = rank;
	}
	else
		pfree(rank);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(scratch);
	return found;
}

/* ---- rows ---- */

typedef struct RowComparison
{
	const OrderKey *keys;
	int			nkeys;
} RowComparison;

/* The first key in which rows differ, or the number of keys. */
static inline int
first_difference(const RowComparison *comparison, uint32 a, uint32 b)
{
	int			k = 0;

	while (k < comparison->nkeys && comparison->keys[k].rank[a] == comparison->keys[k].rank[b])
		k++;
	return k;
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
