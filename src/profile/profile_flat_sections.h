/*
 * profile_flat_sections.h
 *	  The sections of a stored profile as bytes.
 */
#ifndef PYRO_PROFILE_FLAT_SECTIONS_H
#define PYRO_PROFILE_FLAT_SECTIONS_H

#include "profile/compression.h"
#include "profile/profile_flat.h"

/* What messages call it. */
#define PROFILE_FLAT_SUBJECT	"stored profile"

extern bool profile_flat_corrupt(PyroError *error, const char *what);
extern bool profile_flat_load(const uint8 *bytes, size_t size,
							  const Allocator *allocator, StringRef *names,
							  StringRef *details, PyroError *error);

#endif							/* PYRO_PROFILE_FLAT_SECTIONS_H */
