/*
 * running_scale.h
 *	  Many values times one number.
 */
#ifndef PYRO_RUNNING_SCALE_H
#define PYRO_RUNNING_SCALE_H

#include "stack/pyro_error.h"

extern bool scale_running_sums(const int64 *values, uint32 n,
							   long double numerator, long double denominator,
							   int64 *scaled, PyroError *error);

#endif							/* PYRO_RUNNING_SCALE_H */
