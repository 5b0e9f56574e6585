/*
 * profile_type.c
 *	  The SQL type `profile`: limits, input and output, casts.
 *
 * All functions work in the current memory context, which the executor resets
 * for each row; datums may be flat, short, toasted or expanded.
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/vacuum.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "compat.h"
#include "profile/compression.h"
#include "profile/context_allocator.h"
#include "profile/expanded_profile.h"
#include "profile/folded.h"
#include "profile/pprof.h"
#include "profile/profile_flat_sections.h"
#include "profile/profile_type.h"
#include "profile/sql_text.h"
#include "pyro_ext.h"

/* Of more bytes the text, two digits a byte, might not fit into a value. */
#define MAX_PROFILE_SIZE_KB		(500 * 1024)

/* A sample to tell NULLs and sizes by. */
#define STATISTICS_ROWS			3000

static int	max_profile_size_kb = 64 * 1024;
static int	max_samples = 1000000;
static int	max_stack_depth = 16384;

/* ---- limits ---- */

/*
 * Define the limits on what comes in.
 */
void
profile_type_init(void)
{
	DefineCustomIntVariable("pyro.max_profile_size",
							"Sets the largest profile that is accepted.",
							"It bounds the bytes of its uncompressed pprof form.",
							&max_profile_size_kb,
							64 * 1024, 1, MAX_PROFILE_SIZE_KB,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("pyro.max_samples",
							"Sets the largest number of samples in a profile that is accepted.",
							"It bounds sums, too, so that what is dumped can be restored.",
							&max_samples,
							1000000, 1, 100000000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("pyro.max_stack_depth",
							"Sets the largest number of frames in a stack of a profile that is accepted.",
							"Inlined frames are counted.",
							&max_stack_depth,
							16384, 1, 10000000,
							PGC_SUSET, 0, NULL, NULL, NULL);
}

ProfileLimits
profile_limits(void)
{
	return (ProfileLimits)
	{
		(size_t) max_profile_size_kb * 1024, max_samples, max_stack_depth
	};
}

/* ---- datums ---- */

/*
 * Open a profile datum.
 *
 * The result is palloc'd in the current context and may point into the datum.
 */
Profile *
profile_open(Datum datum)
{
	ExpandedProfile *expanded = expanded_profile_of_datum(datum);
	struct varlena *flat;
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	Profile    *profile;
	PyroError	error;

	if (expanded != NULL)
		return expanded->routine->open(expanded);
	flat = PG_DETOAST_DATUM_PACKED(datum);
	profile = palloc(sizeof(Profile));
	pyro_check(profile_flat_open((uint8 *) VARDATA_ANY(flat),
								 VARSIZE_ANY_EXHDR(flat), MaxAllocSize,
								 &allocator, profile, &error), &error);
	return profile;
}

/* The view of a profile that is open; empty where it has no such type. */
static ProfileView
view_of_profile(const Profile *profile, int type)
{
	return (ProfileView)
	{
		.stacks = profile->stacks,
			.nsamples = type < 0 ? 0 : profile->header.nsamples,
			.sample_node = profile->sample_node,
			.values = type < 0 ? NULL : profile->values[type]
	};
}

/* The same of a flat datum, of which only what names functions is read. */
static ProfileView
view_by_names(Datum datum, text *type_name, ProfileHeader *header, int *type)
{
	struct varlena *flat = PG_DETOAST_DATUM_PACKED(datum);
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	Profile		profile;
	PyroError	error;

	pyro_check(profile_flat_open_header((uint8 *) VARDATA_ANY(flat),
										VARSIZE_ANY_EXHDR(flat), &allocator,
										header, &error), &error);
	*type = profile_choose_type_if_any(header, type_name);
	pyro_check(profile_flat_open_names((uint8 *) VARDATA_ANY(flat),
									   VARSIZE_ANY_EXHDR(flat), header, *type,
									   MaxAllocSize, &allocator, &profile,
									   &error), &error);
	return view_of_profile(&profile, *type);
}

/*
 * The samples of a profile datum by their stacks, with the values of one sample
 * type; *type is its index, from profile_choose_type_if_any().
 *
 * granularity: what is asked for of frames.  All is palloc'd in the current context, or the datum's, and stays until the datum
 * or another row of the same scan is opened.
 */
ProfileView
profile_open_view(Datum datum, text *type_name, FrameGranularity granularity,
				  ProfileHeader *header, int *type)
{
	ExpandedProfile *expanded = expanded_profile_of_datum(datum);
	Profile    *profile;

	if (expanded != NULL)
	{
		*header = *expanded->routine->open_header(expanded, false);
		*type = profile_choose_type_if_any(header, type_name);
		if (*type < 0)
			return (ProfileView) {0};
		return expanded->routine->view(expanded, *type, granularity == FRAME_FUNCTION);
	}
	if (granularity == FRAME_FUNCTION || granularity == FRAME_PACKAGE)
		return view_by_names(datum, type_name, header, type);
	profile = profile_open(datum);
	*header = profile->header;
	*type = profile_choose_type_if_any(header, type_name);
	return view_of_profile(profile, *type);
}

/* Open the head of a profile datum, without reading the rest of it. */
static ProfileHeader *
open_header(Datum datum, bool totals)
{
	ExpandedProfile *expanded = expanded_profile_of_datum(datum);
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	ProfileHeader *header;
	struct varlena *slice;
	size_t		head_size;
	PyroError	error;

	if (expanded != NULL)
		return expanded->routine->open_header(expanded, totals);
	header = palloc(sizeof(ProfileHeader));
	slice = PG_DETOAST_DATUM_SLICE(datum, 0, 1024);
	pyro_check(profile_flat_head_size((uint8 *) VARDATA_ANY(slice),
									  VARSIZE_ANY_EXHDR(slice), &head_size,
									  &error), &error);
	if (head_size > VARSIZE_ANY_EXHDR(slice))
		slice = PG_DETOAST_DATUM_SLICE(datum, 0, head_size);
	pyro_check(profile_flat_open_header((uint8 *) VARDATA_ANY(slice),
										VARSIZE_ANY_EXHDR(slice), &allocator,
										header, &error), &error);
	return header;
}

/*
 * Open the head of a profile datum; its totals may be NULL.
 */
ProfileHeader *
profile_open_header(Datum datum)
{
	return open_header(datum, false);
}

/*
 * The same with the totals, for which a row of a block has to be read.
 */
ProfileHeader *
profile_open_totals(Datum datum)
{
	return open_header(datum, true);
}

/*
 * Is this the extension's type `profile`, or a domain over it?
 */
bool
profile_is_type(Oid type)
{
	HeapTuple	tuple;
	bool		named;

	type = getBaseType(type);
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		return false;
	named = strcmp(NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname), "profile") == 0;
	ReleaseSysCache(tuple);
	return named &&
		getExtensionOfObject(TypeRelationId, type) == get_extension_oid("pyro_ext", true);
}

/*
 * Hold a profile that was read or computed to the limits on what comes in, so
 * that whatever is stored can be dumped and restored.
 */
static void
check_limits(const Profile *profile)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pyro profile size",
												  ALLOCSET_DEFAULT_SIZES);
	Allocator	scratch = context_allocator(context);
	PyroError	error;

	if (profile->header.nsamples > max_samples)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("profile of %u samples has more than pyro.max_samples (%d)",
						profile->header.nsamples, max_samples)));
	pyro_check(pprof_check_size(profile, profile_limits().max_size, &scratch,
								&error), &error);
	MemoryContextDelete(context);
}

static Datum
write_datum(const Profile *profile, bool compress)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	TextBuffer	buffer;
	PyroError	error;

	text_buffer_init(&buffer, &allocator, MaxAllocSize);
	text_append(&buffer, "\0\0\0", VARHDRSZ);
	pyro_check(profile_flat_write(profile, compress, &buffer, &error), &error);
	SET_VARSIZE(buffer.data, buffer.length);
	return PointerGetDatum(buffer.data);
}

/*
 * The flat datum of a profile, palloc'd in the current context.
 */
Datum
profile_to_datum(const Profile *profile)
{
	check_limits(profile);
	return write_datum(profile, true);
}

/*
 * The same, neither compressed nor held to limits: not to be stored.
 */
Datum
profile_to_transient_datum(const Profile *profile)
{
	return write_datum(profile, false);
}

/*
 * Does a varlena datum look like a profile that is not compressed, as
 * profile_to_transient_datum makes them?  It may be of another type.
 */
bool
profile_is_plain(Datum datum)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(datum);

	return !VARATT_IS_EXTERNAL(value) && !VARATT_IS_COMPRESSED(value) &&
		profile_flat_is_plain((uint8 *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

/*
 * The datum of a profile as it is to be stored, from one that is plain; palloc'd.
 */
Datum
profile_pack(Datum datum)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(datum);
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	TextBuffer	buffer;
	PyroError	error;

	text_buffer_init(&buffer, &allocator, MaxAllocSize);
	text_append(&buffer, "\0\0\0", VARHDRSZ);
	pyro_check(profile_flat_pack((uint8 *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value),
								 &buffer, &error), &error);
	SET_VARSIZE(buffer.data, buffer.length);
	return PointerGetDatum(buffer.data);
}

/*
 * A profile as canonical gzip'd pprof, palloc'd in the current context.
 */
bytea *
profile_to_gzip(const Profile *profile)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	TextBuffer	plain;
	ByteRange	compressed;
	bytea	   *result;
	PyroError	error;

	text_buffer_init(&plain, &allocator, MaxAllocSize);
	pyro_check(pprof_encode(profile, &plain, &error), &error);
	pyro_check(compress_gzip(byte_range(plain.data, plain.length),
							 &allocator, &compressed, &error), &error);
	if (compressed.size > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("pprof form of the profile has %zu bytes, too many for a value",
						compressed.size)));
	result = palloc(VARHDRSZ + compressed.size);
	SET_VARSIZE(result, VARHDRSZ + compressed.size);
	memcpy(VARDATA(result), compressed.bytes, compressed.size);
	return result;
}

/* As profile_find_type(), by the names as they are shown. */
static int
find_shown_type(const ProfileHeader *header, StringRef name)
{
	ProfileHeader shown = *header;

	shown.sample_types = palloc(sizeof(SampleType) *
								Max(header->nsample_types, 1));
	for (uint32 t = 0; t < header->nsample_types; t++)
		shown.sample_types[t] =
			sample_type(string_ref_literal(sql_cstring_readable(header->sample_types[t].type)),
						string_ref_literal(sql_cstring_readable(header->sample_types[t].unit)));
	return profile_find_type(&shown, name);
}

/* An error that lists the sample types there are. */
static void
unknown_sample_type(const ProfileHeader *header, text *name)
{
	StringInfoData types;

	initStringInfo(&types);
	for (uint32 t = 0; t < header->nsample_types; t++)
		appendStringInfo(&types, "%s%s/%s", t > 0 ? ", " : "",
						 sql_cstring_readable(header->sample_types[t].type),
						 sql_cstring_readable(header->sample_types[t].unit));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("profile has no sample type \"%s\"", text_to_cstring(name)),
			 header->nsample_types > 0 ?
			 errhint("Its sample types are: %s.", types.data) :
			 errhint("It has no sample types at all.")));
}

/*
 * The index of a sample type by its name, NULL meaning the default one; an
 * error where there is none.
 */
int
profile_choose_type(const ProfileHeader *header, text *name)
{
	int			found;

	if (name == NULL)
	{
		if (header->nsample_types == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("profile has no sample types")));
		return profile_default_type(header);
	}
	found = profile_find_type(header, sql_text_to_ref(name));
	if (found < 0)
		found = find_shown_type(header, sql_text_to_ref(name));
	if (found < 0)
		unknown_sample_type(header, name);
	return found;
}

/*
 * The same, but -1 where none is asked for and the profile has none.
 */
int
profile_choose_type_if_any(const ProfileHeader *header, text *name)
{
	return name == NULL && header->nsample_types == 0 ? -1 :
		profile_choose_type(header, name);
}

/* ---- input ---- */

/* The datum of pprof bytes; 0 after a soft error. */
static Datum
datum_from_pprof(const uint8 *bytes, size_t size, int malformed_code,
				 Node *escontext)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	ProfileLimits limits = profile_limits();
	Profile		profile;
	PyroError	error;

	if (pprof_read(bytes, size, &limits, &allocator, &profile, &error))
		return profile_to_datum(&profile);
	pyro_raise(&error, malformed_code, "invalid pprof profile", escontext);
	return (Datum) 0;
}

/* The datum of folded stacks; 0 after a soft error. */
static Datum
datum_from_folded(StringRef stacks, SampleType type, Node *escontext)
{
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	ProfileLimits limits = profile_limits();
	Profile		profile;
	PyroError	error;

	if (folded_read(stacks, type, &limits, &allocator, &profile, &error))
		return profile_to_datum(&profile);
	pyro_raise(&error, ERRCODE_INVALID_TEXT_REPRESENTATION,
			   "invalid folded stacks", escontext);
	return (Datum) 0;
}

/* Hexadecimal digits to bytes; returns false where they are not. */
static bool
decode_hex(const char *digits, size_t ndigits, uint8 *bytes)
{
	if (ndigits % 2 != 0)
		return false;
	for (size_t i = 0; i < ndigits; i++)
	{
		unsigned char c = digits[i];
		uint8		value;

		if (c >= '0' && c <= '9')
			value = c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = (c | 0x20) - 'a' + 10;
		else
			return false;
		if (i % 2 == 0)
			bytes[i / 2] = value << 4;
		else
			bytes[i / 2] |= value;
	}
	return true;
}

PYRO_FUNCTION(profile_in);
/*
 * Text is \x and the hexadecimal digits of pprof bytes, or folded stacks.
 */
Datum
profile_in(PG_FUNCTION_ARGS)
{
	char	   *input = PG_GETARG_CSTRING(0);
	size_t		length = strlen(input);

	if (input[0] == '\\' && input[1] == 'x')
	{
		uint8	   *bytes = palloc(length / 2 + 1);

		if (!decode_hex(input + 2, length - 2, bytes))
			ereturn(fcinfo->context, (Datum) 0,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("invalid input syntax for type profile"),
					 errdetail("What follows \\x must be pairs of hexadecimal digits.")));
		return datum_from_pprof(bytes, (length - 2) / 2,
								ERRCODE_INVALID_TEXT_REPRESENTATION,
								fcinfo->context);
	}
	return datum_from_folded(sql_text_to_ref(cstring_to_text_with_len(input, length)),
							 sample_type(string_ref_literal("samples"),
										 string_ref_literal("count")),
							 fcinfo->context);
}

PYRO_FUNCTION(profile_recv);
/*
 * Binary is pprof as it is: gzip, zstd or plain.
 */
Datum
profile_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			size = message->len - message->cursor;

	return datum_from_pprof((uint8 *) pq_getmsgbytes(message, size), size,
							ERRCODE_INVALID_BINARY_REPRESENTATION, NULL);
}

PYRO_FUNCTION(profile_from_pprof);
Datum
profile_from_pprof(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);

	return datum_from_pprof((uint8 *) VARDATA_ANY(bytes),
							VARSIZE_ANY_EXHDR(bytes),
							ERRCODE_INVALID_BINARY_REPRESENTATION, NULL);
}

PYRO_FUNCTION(profile_from_folded);
Datum
profile_from_folded(PG_FUNCTION_ARGS)
{
	return datum_from_folded(sql_text_to_ref(PG_GETARG_TEXT_PP(0)),
							 sample_type(sql_text_to_ref(PG_GETARG_TEXT_PP(1)),
										 sql_text_to_ref(PG_GETARG_TEXT_PP(2))),
							 NULL);
}

/* ---- output ---- */

PYRO_FUNCTION(profile_to_pprof);
/*
 * Canonical gzip'd pprof; also the cast to bytea and the type's send.
 */
Datum
profile_to_pprof(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(profile_to_gzip(profile_open(PG_GETARG_DATUM(0))));
}

PYRO_FUNCTION(profile_out);
Datum
profile_out(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = profile_to_gzip(profile_open(PG_GETARG_DATUM(0)));
	size_t		size = VARSIZE(bytes) - VARHDRSZ;
	char	   *output;

	if (size > (MaxAllocSize - 3) / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("text of a profile of %zu bytes is too long for a value",
						size),
				 errhint("Use binary output.")));
	output = palloc(size * 2 + 3);
	output[0] = '\\';
	output[1] = 'x';
	hex_encode(VARDATA(bytes), size, output + 2);
	output[size * 2 + 2] = '\0';
	PG_RETURN_CSTRING(output);
}

/* ---- statistics ---- */

/* The share of NULLs, and the size of the others as they are stored. */
static void
compute_statistics(VacAttrStats *stats, AnalyzeAttrFetchFunc fetch, int rows, double all_rows)
{
	double		size = 0;
	int			nulls = 0;

	for (int i = 0; i < rows; i++)
	{
		bool		isnull;
		Datum		value;

		COMPAT_VACUUM_DELAY_POINT(true);
		value = fetch(stats, i, &isnull);
		if (isnull)
			nulls++;
		else
			size += VARSIZE_ANY(DatumGetPointer(value));
	}
	if (rows == 0)
		return;
	stats->stats_valid = true;
	stats->stanullfrac = (double) nulls / rows;
	stats->stawidth = nulls < rows ? size / (rows - nulls) : 0;
	stats->stadistinct = -(1 - stats->stanullfrac);
}

PYRO_FUNCTION(profile_typanalyze);
/*
 * Profiles differ, and no query asks which of two is greater.
 */
Datum
profile_typanalyze(PG_FUNCTION_ARGS)
{
	VacAttrStats *stats = (VacAttrStats *) PG_GETARG_POINTER(0);

	stats->compute_stats = compute_statistics;
	stats->minrows = STATISTICS_ROWS;
	PG_RETURN_BOOL(true);
}
