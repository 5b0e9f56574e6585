/*
 * profile_transform.h
 *	  Profiles made from one profile.
 */
#ifndef PYRO_PROFILE_TRANSFORM_H
#define PYRO_PROFILE_TRANSFORM_H

#include "profile/profile.h"

extern bool profile_combine_samples(Profile *profile, PyroError *error);
extern bool profile_scale(const Profile *profile, double factor,
						  const Allocator *allocator, Profile *result,
						  PyroError *error);
extern bool profile_keep_label_sets(const Profile *profile, const bool *kept,
									const Allocator *allocator,
									Profile *result, PyroError *error);
extern bool profile_normalise_symbols(const Profile *profile,
									  const Allocator *allocator,
									  Profile *result, PyroError *error);

#endif							/* PYRO_PROFILE_TRANSFORM_H */
