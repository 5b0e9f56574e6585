/*
 * stack_heads.c
 *	  The heads of a block's profiles: everything but stacks and samples.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "block/stack_heads.h"
#include "stack/columns.h"
#include "stack/hash.h"

/* One shape as it is stored, before its strings. */
typedef struct ShapeHead
{
	uint32		nsample_types;
	uint32		nmappings;
	uint32		main_mapping;
	uint32		ncomments;
} ShapeHead;

typedef struct StackHeadCounts
{
	uint32		version;
	uint32		nshapes;
} StackHeadCounts;

#define STACK_HEADS_VERSION	1

/* Texts of a shape that come before those of its sample types. */
#define SHAPE_TEXTS		6

/* ---- groups ---- */

static bool
same_types(const ProfileHeader *a, const ProfileHeader *b)
{
	if (a->nsample_types != b->nsample_types)
		return false;
	for (uint32 t = 0; t < a->nsample_types; t++)
		if (!string_ref_equal(a->sample_types[t].type, b->sample_types[t].type) ||
			!string_ref_equal(a->sample_types[t].unit, b->sample_types[t].unit))
			return false;
	return true;
}

static uint32
hash_types(const ProfileHeader *header, uint64 hash)
{
	for (uint32 t = 0; t < header->nsample_types; t++)
	{
		StringRef	type = header->sample_types[t].type;
		StringRef	unit = header->sample_types[t].unit;

		hash = hash_bytes64(type.data, type.length, hash);
		hash = hash_bytes64(unit.data, unit.length, hash);
	}
	return (uint32) hash;
}

/* The type that counts the objects whose bytes a Go heap profile's type is. */
static int
find_objects(const ProfileHeader *header, uint32 space)
{
	static const char *const pairs[][2] = {
		{"alloc_space", "alloc_objects"}, {"inuse_space", "inuse_objects"}
	};

	for (int i = 0; i < lengthof(pairs); i++)
	{
		if (!string_ref_equal(header->sample_types[space].type,
							  string_ref_literal(pairs[i][0])))
			continue;
		for (uint32 t = 0; t < header->nsample_types; t++)
			if (string_ref_equal(header->sample_types[t].type,
								 string_ref_literal(pairs[i][1])))
				return t;
	}
	return -1;
}

/* The group of a shape, which its sample types decide. */
static bool
find_group(ShapeList *list, StackShape *shape, uint32 shape_index,
		   PyroError *error)
{
	const ProfileHeader *header = &shape->header;
	uint32		hash = hash_types(header, hash_seed_of(list));
	uint32		found;
	int		   *space_of;

	if (list->group_index.slots == NULL &&
		!hash_index_init(&list->group_index, list->allocator))
		return pyro_fail_memory(error);
	HASH_INDEX_FIND(&list->group_index, hash, found,
					same_types(header, &list->shapes[list->group_shape[found]].header));
	shape->group = found;
	if (found != PG_UINT32_MAX)
		return true;
	space_of = allocate_array(list->allocator, header->nsample_types,
							  sizeof(int));
	if (space_of == NULL || !hash_index_reserve(&list->group_index, list->allocator) ||
		!grow_array(list->allocator, (void **) &list->groups, list->ngroups,
					&list->group_capacity, list->ngroups + 1, sizeof(SampleGroup)) ||
		!grow_array(list->allocator, (void **) &list->group_shape, list->ngroups,
					&list->group_shape_capacity, list->ngroups + 1, sizeof(uint32)))
		return pyro_fail_memory(error);
	for (uint32 t = 0; t < header->nsample_types; t++)
		space_of[t] = find_objects(header, t);
	list->groups[list->ngroups].ntypes = header->nsample_types;
	list->groups[list->ngroups].space_of = space_of;
	list->group_shape[list->ngroups] = shape_index;
	hash_index_put(&list->group_index, hash, list->ngroups);
	shape->group = list->ngroups++;
	return true;
}

/* ---- shapes ---- */

static bool
same_shape(const StackShape *a, const StackShape *b)
{
	const ProfileHeader *x = &a->header;
	const ProfileHeader *y = &b->header;

	return a->hash == b->hash &&
		a->nmappings == b->nmappings &&
		a->main_mapping == b->main_mapping &&
		a->ncomments == b->ncomments &&
		memcmp(a->mappings, b->mappings, a->nmappings * sizeof(uint32)) == 0 &&
		memcmp(a->comments, b->comments, a->ncomments * sizeof(uint32)) == 0 &&
		string_ref_equal(x->period_type.type, y->period_type.type) &&
		string_ref_equal(x->period_type.unit, y->period_type.unit) &&
		string_ref_equal(x->default_sample_type, y->default_sample_type) &&
		string_ref_equal(x->drop_frames, y->drop_frames) &&
		string_ref_equal(x->keep_frames, y->keep_frames) &&
		string_ref_equal(x->doc_url, y->doc_url) &&
		same_types(x, y);
}

static bool
copy_text(const Allocator *allocator, StringRef *text)
{
	char	   *copy = allocate_array(allocator, text->length, 1);

	if (copy == NULL)
		return false;
	if (text->length > 0)
		memcpy(copy, text->data, text->length);
	text->data = copy;
	return true;
}

static bool
copy_numbers(const Allocator *allocator, uint32 **numbers, uint32 n)
{
	uint32	   *copy = allocate_array(allocator, n, sizeof(uint32));

	if (copy == NULL)
		return false;
	if (n > 0)
		memcpy(copy, *numbers, n * sizeof(uint32));
	*numbers = copy;
	return true;
}

/* The i-th text of a shape: the fixed ones, then type and unit of each type. */
static StringRef *
shape_text(ProfileHeader *header, uint32 i)
{
	SampleType *type;

	switch (i)
	{
		case 0:
			return &header->default_sample_type;
		case 1:
			return &header->drop_frames;
		case 2:
			return &header->keep_frames;
		case 3:
			return &header->doc_url;
		case 4:
			return &header->period_type.type;
		case 5:
			return &header->period_type.unit;
		default:
			type = &header->sample_types[(i - SHAPE_TEXTS) / 2];
			return i % 2 == 0 ? &type->type : &type->unit;
	}
}

static bool
copy_shape(const Allocator *allocator, StackShape *shape)
{
	ProfileHeader *header = &shape->header;
	SampleType *types = allocate_array(allocator, header->nsample_types,
									   sizeof(SampleType));

	if (types == NULL)
		return false;
	for (uint32 t = 0; t < header->nsample_types; t++)
		types[t] = header->sample_types[t];
	header->sample_types = types;
	header->totals = NULL;
	header->total_overflows = NULL;
	header->period = 0;
	header->time_nanos = 0;
	header->duration_nanos = 0;
	header->nsamples = 0;
	for (uint32 i = 0; i < SHAPE_TEXTS + 2 * header->nsample_types; i++)
		if (!copy_text(allocator, shape_text(header, i)))
			return false;
	return copy_numbers(allocator, &shape->mappings, shape->nmappings) &&
		copy_numbers(allocator, &shape->comments, shape->ncomments);
}

static bool
add_shape(ShapeList *list, const StackShape *wanted, PyroError *error)
{
	if (!grow_array(list->allocator, (void **) &list->shapes, list->nshapes,
					&list->capacity, list->nshapes + 1, sizeof(StackShape)))
		return pyro_fail_memory(error);
	list->shapes[list->nshapes] = *wanted;
	if (!copy_shape(list->allocator, &list->shapes[list->nshapes]))
		return pyro_fail_memory(error);
	if (!find_group(list, &list->shapes[list->nshapes], list->nshapes, error))
		return false;
	list->nshapes++;
	return true;
}

static uint64
hash_shape(const StackShape *shape, uint64 seed)
{
	ProfileHeader header = shape->header;
	uint64		hash = hash_numbers(shape->main_mapping, header.nsample_types, seed);

	for (uint32 i = 0; i < SHAPE_TEXTS + 2 * header.nsample_types; i++)
		hash = hash_bytes64(shape_text(&header, i)->data,
							shape_text(&header, i)->length, hash);
	hash = hash_bytes64(shape->mappings, shape->nmappings * sizeof(uint32), hash);
	return hash_bytes64(shape->comments, shape->ncomments * sizeof(uint32), hash);
}

/*
 * The number of a shape, which is copied if it is a new one.
 *
 * What wanted->header says of a single profile does not count.  All shapes of
 * the list must have come by this function.  Returns false with PYRO_NO_MEMORY.
 */
bool
shapes_find_or_add(ShapeList *list, const StackShape *wanted, uint32 *shape,
				   PyroError *error)
{
	StackShape	hashed = *wanted;
	uint32		found;

	hashed.hash = hash_shape(wanted, hash_seed_of(list));
	if (list->index.slots == NULL && !hash_index_init(&list->index, list->allocator))
		return pyro_fail_memory(error);
	HASH_INDEX_FIND(&list->index, (uint32) hashed.hash, found,
					same_shape(&list->shapes[found], &hashed));
	*shape = found;
	if (found != PG_UINT32_MAX)
		return true;
	*shape = list->nshapes;
	if (!hash_index_reserve(&list->index, list->allocator))
		return pyro_fail_memory(error);
	if (!add_shape(list, &hashed, error))
		return false;
	hash_index_put(&list->index, (uint32) hashed.hash, *shape);
	return true;
}

/* ---- writing ---- */

static void
write_shape(StackShape *shape, TextBuffer *out)
{
	ProfileHeader *header = &shape->header;
	uint32		ntexts = SHAPE_TEXTS + 2 * header->nsample_types;
	ShapeHead	head = {
		.nsample_types = header->nsample_types,
		.nmappings = shape->nmappings,
		.main_mapping = shape->main_mapping,
		.ncomments = shape->ncomments
	};

	text_append(out, (char *) &head, sizeof(head));
	for (uint32 i = 0; i < ntexts; i++)
		text_append(out, (char *) &shape_text(header, i)->length, sizeof(uint32));
	for (uint32 i = 0; i < ntexts; i++)
		text_append_ref(out, *shape_text(header, i));
	text_append(out, (char *) shape->mappings, shape->nmappings * sizeof(uint32));
	text_append(out, (char *) shape->comments, shape->ncomments * sizeof(uint32));
}

/* A column of a field less that of the row before. */
#define WRITE_DIFFERENCES(field) \
	WRITE_COLUMN64(&columns, out, nrows, \
				   zigzag_encode((int64) ((uint64) heads[i].field - \
										  (i > 0 ? (uint64) heads[i - 1].field : 0))))

/*
 * Append the heads of rows, and the shapes that they have, to out.
 *
 * Returns false with PYRO_NO_MEMORY; out may have failed.
 */
bool
heads_write(const ShapeList *list, const StackHead *heads, uint32 nrows,
			const Allocator *scratch, TextBuffer *out, PyroError *error)
{
	StackHeadCounts counts = {STACK_HEADS_VERSION, list->nshapes};
	ColumnScratch columns;

	if (!column_scratch_init(&columns, nrows, scratch, error))
		return false;
	text_append(out, (char *) &counts, sizeof(counts));
	for (uint32 i = 0; i < list->nshapes; i++)
		write_shape(&list->shapes[i], out);
	WRITE_COLUMN32(&columns, out, nrows, heads[i].shape);
	WRITE_COLUMN32(&columns, out, nrows, heads[i].nsamples);
	WRITE_COLUMN32(&columns, out, nrows, heads[i].size);
	WRITE_DIFFERENCES(time_nanos);
	WRITE_DIFFERENCES(duration_nanos);
	WRITE_DIFFERENCES(period);
	return true;
}

/* ---- reading ---- */

/* Take size bytes; NULL with the error set where they are not there. */
static const uint8 *
take(ColumnReader *r, size_t size)
{
	const uint8 *bytes = r->in.position;

	if (size > (size_t) (r->in.end - r->in.position))
	{
		columns_corrupt(r, "it is cut off");
		return NULL;
	}
	r->in.position += size;
	return bytes;
}

static bool
read_texts(ColumnReader *r, ProfileHeader *header)
{
	uint32		ntexts = SHAPE_TEXTS + 2 * header->nsample_types;
	const uint8 *lengths = take(r, ntexts * sizeof(uint32));

	if (lengths == NULL)
		return false;
	for (uint32 i = 0; i < ntexts; i++)
	{
		uint32		length;
		const uint8 *bytes;

		memcpy(&length, lengths + i * sizeof(length), sizeof(length));
		bytes = take(r, length);
		if (bytes == NULL)
			return false;
		*shape_text(header, i) = string_ref((const char *) bytes, length);
	}
	return true;
}

static bool
read_numbers(ColumnReader *r, uint32 n, uint32 **numbers)
{
	const uint8 *bytes = take(r, (size_t) n * sizeof(uint32));

	if (bytes == NULL)
		return false;
	*numbers = columns_array(r, n, sizeof(uint32));
	if (*numbers == NULL)
		return false;
	memcpy(*numbers, bytes, (size_t) n * sizeof(uint32));
	return true;
}

static bool
read_shape(ColumnReader *r, ShapeList *list)
{
	StackShape	shape = {0};
	ShapeHead	head;
	const uint8 *bytes = take(r, sizeof(head));

	if (bytes == NULL)
		return false;
	memcpy(&head, bytes, sizeof(head));
	if (head.nsample_types > PROFILE_MAX_SAMPLE_TYPES ||
		head.main_mapping > head.nmappings)
		return columns_corrupt(r, "shape");
	shape.header.nsample_types = head.nsample_types;
	shape.nmappings = head.nmappings;
	shape.main_mapping = head.main_mapping;
	shape.ncomments = head.ncomments;
	shape.header.sample_types = columns_array(r, head.nsample_types,
											  sizeof(SampleType));
	return shape.header.sample_types != NULL &&
		read_texts(r, &shape.header) &&
		read_numbers(r, shape.nmappings, &shape.mappings) &&
		read_numbers(r, shape.ncomments, &shape.comments) &&
		add_shape(list, &shape, r->error);
}

static bool
read_shapes(ColumnReader *r, ShapeList *list)
{
	StackHeadCounts counts;
	const uint8 *bytes = take(r, sizeof(counts));

	if (bytes == NULL)
		return false;
	memcpy(&counts, bytes, sizeof(counts));
	if (counts.version != STACK_HEADS_VERSION)
		return pyro_fail(r->error, PYRO_CORRUPT,
						 "a block of profiles has the unknown version %u",
						 counts.version);
	/* each takes some bytes, so that their number is bounded by the size */
	for (uint32 i = 0; i < counts.nshapes; i++)
		if (!read_shape(r, list))
			return false;
	return true;
}

static bool
read_rows(ColumnReader *r, uint32 nrows, const ShapeList *list,
		  StackHead *heads)
{
	READ_INDEXES(r, nrows, list->nshapes, heads[i].shape, "shapes");
	READ_INDEXES(r, nrows, PG_UINT32_MAX, heads[i].nsamples, "sample counts");
	READ_INDEXES(r, nrows, PG_UINT32_MAX, heads[i].size, "sizes");
	READ_NUMBERS64(r, nrows, heads[i].time_nanos, zigzag_decode, "times");
	READ_NUMBERS64(r, nrows, heads[i].duration_nanos, zigzag_decode, "durations");
	READ_NUMBERS64(r, nrows, heads[i].period, zigzag_decode, "periods");
	for (uint32 i = 1; i < nrows; i++)
	{
		StackHead  *head = &heads[i];

		head->time_nanos = (int64) ((uint64) head->time_nanos + (uint64) head[-1].time_nanos);
		head->duration_nanos = (int64) ((uint64) head->duration_nanos +
										(uint64) head[-1].duration_nanos);
		head->period = (int64) ((uint64) head->period + (uint64) head[-1].period);
	}
	return true;
}

/*
 * Read the heads of rows, and the shapes that they have.
 *
 * reader: at the beginning of the part, with a scratch for nrows numbers.
 * list: empty, with an allocator; it gets the shapes, whose mappings and
 * comments are still to be held against the dictionary.  *heads: an array from
 * the reader's allocator.  Returns false with PYRO_CORRUPT or PYRO_NO_MEMORY.
 */
bool
heads_read(ColumnReader *reader, uint32 nrows, ShapeList *list,
		   StackHead **heads)
{
	*heads = columns_array(reader, nrows, sizeof(StackHead));
	return *heads != NULL && read_shapes(reader, list) &&
		read_rows(reader, nrows, list, *heads);
}
