/*
 * flame_accumulate.h
 *	  Add the samples of profiles to call trees.
 */
#ifndef PYRO_FLAME_ACCUMULATE_H
#define PYRO_FLAME_ACCUMULATE_H

#include "profile/profile_view.h"
#include "stack/call_tree.h"

extern bool call_tree_add_view(CallTree *tree, uint64 serial,
							   const ProfileView *view,
							   const Allocator *allocator, PyroError *error);

#endif							/* PYRO_FLAME_ACCUMULATE_H */
