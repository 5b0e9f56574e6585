/*
 * profile_ops.c
 *	  Operators of `profile`: equality and order of content, membership.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "comparison.h"
#include "compat.h"
#include "profile/context_allocator.h"
#include "profile/expanded_profile.h"
#include "profile/profile_flat.h"
#include "profile/profile_type.h"
#include "profile/sql_text.h"
#include "pyro_ext.h"

/* ---- equality ---- */

/* The content hash of a datum, from its first bytes. */
static uint64
content_hash(Datum datum)
{
	struct varlena *slice = PG_DETOAST_DATUM_SLICE(datum, 0,
												   sizeof(ProfileFlatHead));
	ProfileFlatHead head;
	size_t		head_size;
	PyroError	error;

	pyro_check(profile_flat_head_size((uint8 *) VARDATA_ANY(slice),
									  VARSIZE_ANY_EXHDR(slice), &head_size,
									  &error), &error);
	memcpy(&head, VARDATA_ANY(slice), sizeof(head));
	/* building a hash index calls this for every row in one context */
	if ((Pointer) slice != DatumGetPointer(datum))
		pfree(slice);
	return head.content_hash;
}

static void
open_content(Datum datum, StringRef *head, StringRef *payload)
{
	struct varlena *flat = PG_DETOAST_DATUM_PACKED(datum);
	Allocator	allocator = context_allocator(CurrentMemoryContext);
	uint64		hash;
	PyroError	error;

	pyro_check(profile_flat_content((uint8 *) VARDATA_ANY(flat),
									VARSIZE_ANY_EXHDR(flat), &allocator,
									&hash, head, payload, &error), &error);
}

/*
 * Compare contents: by hash, and where the hashes are equal by bytes.  The
 * order means nothing, but it is total and the same everywhere.
 *
 * Sorting calls this many times in one memory context, so it leaves nothing
 * there.
 */
static int
compare_content(Datum a, Datum b)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pyro profile comparison",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	uint64		hash_a = content_hash(a);
	uint64		hash_b = content_hash(b);
	int			order;

	if (hash_a != hash_b)
		order = hash_a < hash_b ? -1 : 1;
	else
	{
		StringRef	head_a;
		StringRef	head_b;
		StringRef	payload_a;
		StringRef	payload_b;

		open_content(a, &head_a, &payload_a);
		open_content(b, &head_b, &payload_b);
		order = string_ref_compare(head_a, head_b);
		if (order == 0)
			order = string_ref_compare(payload_a, payload_b);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return order;
}

PYRO_COMPARISONS(profile, compare_content)

PYRO_FUNCTION(profile_hash);
Datum
profile_hash(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) content_hash(PG_GETARG_DATUM(0)));
}

PYRO_FUNCTION(profile_hash_extended);
/*
 * With seed 0 its low half is profile_hash(), as PostgreSQL requires.
 */
Datum
profile_hash_extended(PG_FUNCTION_ARGS)
{
	uint64		seed = (uint64) PG_GETARG_INT64(1);
	uint64		hash = content_hash(PG_GETARG_DATUM(0));

	PG_RETURN_INT64((int64) (hash ^ seed * UINT64CONST(0x9E3779B97F4A7C15)));
}

/* ---- membership ---- */

/* Is a string the name of some function?  Both are in order. */
static bool
names_function(const StackDictionary *stacks, uint32 string)
{
	uint32		low = 0;
	uint32		high = stacks->nfunctions;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (stacks->functions[middle].name < string)
			low = middle + 1;
		else
			high = middle;
	}
	return low < stacks->nfunctions && stacks->functions[low].name == string;
}

/* A question about names: what is asked, and with what. */
typedef struct NameQuestion
{
	StringRef	wanted;			/* a name */
	text	   *regex;			/* or what it is to match */
} NameQuestion;

static bool
is_wanted(void *arg, StringRef name)
{
	return sql_text_is(name, ((NameQuestion *) arg)->wanted);
}

static bool
is_matched(void *arg, StringRef name)
{
	return name.length > 0 && sql_text_matches(((NameQuestion *) arg)->regex, name);
}

/* The same for a row of a block, whose dictionary is asked once for all rows. */
static bool
expanded_has_function(ExpandedProfile *profile, char kind, StringRef text, StackNameTest test,
					  NameQuestion *question)
{
	char	   *bytes = palloc(text.length + 1);
	bool		found;

	bytes[0] = kind;
	memcpy(bytes + 1, text.data, text.length);
	found = profile->routine->has_function(profile, string_ref(bytes, text.length + 1), test,
										   question);
	pfree(bytes);
	return found;
}

PYRO_FUNCTION(profile_contains);
/*
 * Does the profile have a function of exactly this name?
 */
Datum
profile_contains(PG_FUNCTION_ARGS)
{
	ExpandedProfile *expanded = expanded_profile_of_datum(PG_GETARG_DATUM(0));
	NameQuestion question = {.wanted = sql_text_to_ref(PG_GETARG_TEXT_PP(1))};
	StringRef	wanted = question.wanted;
	const StackDictionary *stacks;
	uint32		string;

	if (wanted.length == 0)
		PG_RETURN_BOOL(false);
	if (expanded != NULL)
		PG_RETURN_BOOL(expanded_has_function(expanded, '=', wanted, is_wanted, &question));
	stacks = profile_open(PG_GETARG_DATUM(0))->stacks;
	if (stack_find_string(stacks, wanted, &string) && names_function(stacks, string))
		PG_RETURN_BOOL(true);

	/* a name that is not valid UTF-8 is known by its readable form */
	if (memmem(wanted.data, wanted.length, "\\x", 2) != NULL)
		for (uint32 i = 0; i < stacks->nfunctions; i++)
		{
			CHECK_FOR_INTERRUPTS();
			if (sql_text_is(stacks->strings[stacks->functions[i].name],
							wanted))
				PG_RETURN_BOOL(true);
		}
	PG_RETURN_BOOL(false);
}

PYRO_FUNCTION(profile_matches);
/*
 * Does the name of some function match this regular expression?
 */
Datum
profile_matches(PG_FUNCTION_ARGS)
{
	ExpandedProfile *expanded = expanded_profile_of_datum(PG_GETARG_DATUM(0));
	NameQuestion question = {.regex = PG_GETARG_TEXT_PP(1)};
	const StackDictionary *stacks;
	uint32		last = 0;

	/* even where there is nothing to match, a malformed one is an error */
	sql_text_matches(question.regex, string_ref("", 0));
	if (expanded != NULL)
		PG_RETURN_BOOL(expanded_has_function(expanded, '~',
											 string_ref(VARDATA_ANY(question.regex),
														VARSIZE_ANY_EXHDR(question.regex)),
											 is_matched, &question));
	stacks = profile_open(PG_GETARG_DATUM(0))->stacks;
	for (uint32 i = 0; i < stacks->nfunctions; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (stacks->functions[i].name == last)
			continue;
		last = stacks->functions[i].name;
		if (is_matched(&question, stacks->strings[last]))
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}
