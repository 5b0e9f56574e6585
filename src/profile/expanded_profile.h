/*
 * expanded_profile.h
 *	  A `profile` that is no flat datum: a row of a block, over the dictionary
 *	  of all of them.
 *
 * It is a read-only expanded datum.  Whoever knows of it asks it for what is
 * needed; for all others PostgreSQL flattens it, for which the profile is
 * rebuilt.
 */
#ifndef PYRO_EXPANDED_PROFILE_H
#define PYRO_EXPANDED_PROFILE_H

#include "utils/expandeddatum.h"

#include "profile/profile.h"
#include "profile/profile_view.h"

typedef struct ExpandedProfile ExpandedProfile;

/* What it is asked.  Results are palloc'd in the current context. */
typedef struct ExpandedProfileRoutine
{
	/* all of it */
	Profile    *(*open) (ExpandedProfile *profile);

	/* its header; NULL for totals that are not asked for */
	ProfileHeader *(*open_header) (ExpandedProfile *profile, bool totals);

	/* the samples of one type; they stay until it is asked again */
	ProfileView (*view) (ExpandedProfile *profile, int type);

	/*
	 * Has it a function whose name passes a test?  Tests of the same
	 * question, which is any bytes, are the same.
	 */
	bool		(*has_function) (ExpandedProfile *profile, StringRef question, StackNameTest test,
								 void *arg);
} ExpandedProfileRoutine;

struct ExpandedProfile
{
	ExpandedObjectHeader header;
	const ExpandedProfileRoutine *routine;
	MemoryContext flat_context;
	struct varlena *flat;		/* once it was asked for, else NULL */
};

extern void expanded_profile_init(ExpandedProfile *profile,
								  const ExpandedProfileRoutine *routine,
								  MemoryContext context);
extern void expanded_profile_forget(ExpandedProfile *profile);
extern ExpandedProfile *expanded_profile_of_datum(Datum datum);

#endif							/* PYRO_EXPANDED_PROFILE_H */
