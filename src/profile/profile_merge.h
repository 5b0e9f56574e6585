/*
 * profile_merge.h
 *	  The sum of two profiles.
 */
#ifndef PYRO_PROFILE_MERGE_H
#define PYRO_PROFILE_MERGE_H

#include "profile/profile.h"

extern bool profile_merge(const Profile *a, const Profile *b,
						  const Allocator *allocator, Profile *sum,
						  PyroError *error);
extern bool profile_subtract(const Profile *a, const Profile *b,
							 const Allocator *allocator, Profile *difference,
							 PyroError *error);

#endif							/* PYRO_PROFILE_MERGE_H */
