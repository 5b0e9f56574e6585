/*
 * folded.h
 *	  Folded stacks: lines of "root;caller;leaf count", as Brendan Gregg's
 *	  FlameGraph tools write and read them.
 */
#ifndef PYRO_FOLDED_H
#define PYRO_FOLDED_H

#include "profile/profile.h"

/* The lines that are not read yet. */
typedef struct FoldedReader
{
	const char *position;
	const char *end;
	uint32		line;			/* number of the last line read, from 1 */
} FoldedReader;

/* One line: frames divided by semicolons, root first; no line without one. */
typedef struct FoldedLine
{
	StringRef	stack;
	int64		value;
} FoldedLine;

extern bool folded_next_line(FoldedReader *reader, FoldedLine *line,
							 PyroError *error);
extern bool folded_next_frame(StringRef *stack, StringRef *frame);
extern bool folded_read(StringRef text, SampleType type,
						const ProfileLimits *limits,
						const Allocator *allocator, Profile *profile,
						PyroError *error);

#endif							/* PYRO_FOLDED_H */
