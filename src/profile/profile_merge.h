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
extern bool profile_combine_samples(Profile *profile, PyroError *error);

#endif							/* PYRO_PROFILE_MERGE_H */
