/*
 * flame_scale.h
 *	  The values of a call tree times a number.
 */
#ifndef PYRO_FLAME_SCALE_H
#define PYRO_FLAME_SCALE_H

#include "flame/flame_tree.h"
#include "stack/pyro_error.h"

extern bool flame_scale(const FlameTree *tree, long double numerator,
						long double denominator, int64 *scaled,
						PyroError *error);

#endif							/* PYRO_FLAME_SCALE_H */
