/*
 * profile_source.h
 *	  What source lines cost.
 */
#ifndef PYRO_PROFILE_SOURCE_H
#define PYRO_PROFILE_SOURCE_H

#include "profile/profile.h"

/* A line of a function. */
typedef struct SourceLine
{
	StringRef	function;		/* its name */
	StringRef	filename;		/* cleaned: clean_path.h */
	int64		line;
	int64		self;			/* of samples whose innermost frame is here */
	int64		total;			/* of samples with a frame here, each once */
} SourceLine;

extern bool profile_source_lines(const Profile *profile, uint32 type,
								 const bool *wanted,
								 const Allocator *allocator,
								 SourceLine **lines, uint32 *nlines,
								 PyroError *error);

#endif							/* PYRO_PROFILE_SOURCE_H */
