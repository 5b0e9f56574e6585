/*
 * expanded_profile.c
 *	  A `profile` that is no flat datum: a row of a block, over the dictionary
 *	  of all of them.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "compat.h"
#include "profile/expanded_profile.h"
#include "profile/profile_type.h"

static Size
get_flat_size(ExpandedObjectHeader *object)
{
	ExpandedProfile *profile = (ExpandedProfile *) object;

	if (profile->flat == NULL)
	{
		MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "profile to rebuild",
													  ALLOCSET_DEFAULT_SIZES);
		MemoryContext before = MemoryContextSwitchTo(scratch);
		struct varlena *flat = (struct varlena *)
		DatumGetPointer(profile_to_transient_datum(profile->routine->open(profile)));
		struct varlena *copy = MemoryContextAllocHuge(profile->flat_context, VARSIZE(flat));

		memcpy(copy, flat, VARSIZE(flat));
		profile->flat = copy;
		MemoryContextSwitchTo(before);
		MemoryContextDelete(scratch);
	}
	return VARSIZE(profile->flat);
}

static void
flatten_into(ExpandedObjectHeader *object, void *result, Size size)
{
	ExpandedProfile *profile = (ExpandedProfile *) object;

	Assert(profile->flat != NULL && size == VARSIZE(profile->flat));
	memcpy(result, profile->flat, size);
}

static const ExpandedObjectMethods methods = {get_flat_size, flatten_into};

/*
 * Make the header of one in a context, whose it then is.
 */
void
expanded_profile_init(ExpandedProfile *profile, const ExpandedProfileRoutine *routine,
					  MemoryContext context)
{
	EOH_init_header(&profile->header, &methods, context);
	profile->routine = routine;
	profile->flat = NULL;
	profile->flat_context = AllocSetContextCreate(context, "profile of a block",
												  ALLOCSET_DEFAULT_SIZES);
}

/*
 * It is to stand for another profile from now on.
 */
void
expanded_profile_forget(ExpandedProfile *profile)
{
	if (profile->flat == NULL)
		return;
	profile->flat = NULL;
	MemoryContextReset(profile->flat_context);
}

/*
 * The expanded profile that a datum of type `profile` is, or NULL: it may also
 * be flat, or the state of an aggregate.
 */
ExpandedProfile *
expanded_profile_of_datum(Datum datum)
{
	ExpandedObjectHeader *object;

	if (!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(datum)))
		return NULL;
	object = DatumGetEOHP(datum);
	return object->eoh_methods == &methods ? (ExpandedProfile *) object : NULL;
}
