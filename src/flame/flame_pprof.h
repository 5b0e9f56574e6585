/*
 * flame_pprof.h
 *	  A call tree as a profile of functions.
 */
#ifndef PYRO_FLAME_PPROF_H
#define PYRO_FLAME_PPROF_H

#include "flame/flame_tree.h"
#include "profile/profile.h"

extern bool flame_to_profile(const FlameTree *tree,
							 const Allocator *allocator, Profile *profile,
							 PyroError *error);

#endif							/* PYRO_FLAME_PPROF_H */
