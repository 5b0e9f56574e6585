/*
 * speedscope.h
 *	  Speedscope files as profiles.
 *
 * The format: https://www.speedscope.app/file-format-schema.json, as its
 * importer reads it.  Whoever has parsed the JSON calls the functions below in
 * their order, numbers as the text of decimal numbers.
 */
#ifndef PYRO_SPEEDSCOPE_H
#define PYRO_SPEEDSCOPE_H

#include "profile/profile_builder.h"

#define SPEEDSCOPE_SCHEMA	"https://www.speedscope.app/file-format-schema.json"

/* How the exporter of our own files begins. */
#define SPEEDSCOPE_OWN_EXPORTER		"pyro_ext"

/* A decimal number in units of 1e-9. */
typedef int128 SpeedscopeNumber;

typedef struct SpeedscopeReader
{
	ProfileBuilder builder;
	bool		is_own;			/* profiles are named by their sample type */
	uint32		nprofiles;
	CallTree	tree;			/* all stacks; its names are frames */

	/* the present profile */
	StringRef	profile_name;
	uint32		type;			/* sample type, in the builder */
	uint32		shift;			/* its unit is 10^-shift of the file's */
				PPROF_ARRAY(uint32) valued; /* nodes that have a value */
	SpeedscopeNumber exact;		/* sum of the values so far */
	int64		rounded;		/* and what of it is in the tree */
	bool		has_event;
	SpeedscopeNumber last;		/* time of the last event */
				PPROF_ARRAY(uint32) path;	/* nodes that are open, below the
											 * root */
} SpeedscopeReader;

extern bool speedscope_begin(SpeedscopeReader *reader, StringRef exporter,
							 const ProfileLimits *limits,
							 const Allocator *allocator, PyroError *error);
extern bool speedscope_add_frame(SpeedscopeReader *reader, StringRef name,
								 StringRef file, StringRef line,
								 StringRef column);
extern bool speedscope_begin_profile(SpeedscopeReader *reader, StringRef name,
									 StringRef unit);
extern bool speedscope_add_stack_frame(SpeedscopeReader *reader,
									   StringRef frame);
extern bool speedscope_end_stack(SpeedscopeReader *reader, StringRef weight);
extern bool speedscope_add_event(SpeedscopeReader *reader, StringRef type,
								 StringRef frame, StringRef at);
extern bool speedscope_end_profile(SpeedscopeReader *reader);
extern bool speedscope_finish(SpeedscopeReader *reader, Profile *profile);

#endif							/* PYRO_SPEEDSCOPE_H */
