/*
 * profile_builder.h
 *	  A profile put together from frames and stacks: what the formats that
 *	  are not pprof are read into.
 *
 * Frames are made first; then each sample is a stack of them, pushed root
 * first, its labels, and a value of one sample type.
 */
#ifndef PYRO_PROFILE_BUILDER_H
#define PYRO_PROFILE_BUILDER_H

#include "profile/pprof.h"
#include "stack/call_tree.h"

typedef struct ProfileBuilder
{
	PprofMessage message;		/* until the end a sample has one value */
	CallTree	strings;		/* interns; its name i is string i + 1 */
				PPROF_ARRAY(uint32) named_frames;	/* by string: frame + 1,
													 * or 0 */
				PPROF_ARRAY(uint32) types;	/* of each sample, its sample type */
	uint32		stack_start;	/* of the sample that is being built */
	uint32		label_start;

	/* words for what is over a limit: "folded stacks have", "lines" */
	const char *holder;
	const char *samples;
	/* and where that is: "line 7" */
	const char *place;
	uint32		place_number;

	const Allocator *allocator;
	const ProfileLimits *limits;
	PyroError  *error;
} ProfileBuilder;

extern bool profile_builder_init(ProfileBuilder *builder,
								 const ProfileLimits *limits,
								 const Allocator *allocator,
								 PyroError *error);
extern bool profile_builder_type(ProfileBuilder *builder, SampleType type,
								 uint32 *index);
extern bool profile_builder_frame(ProfileBuilder *builder, StringRef name,
								  StringRef file, int64 line, int64 column,
								  uint32 *frame);
extern bool profile_builder_named_frame(ProfileBuilder *builder,
										StringRef name, uint32 *frame);
extern bool profile_builder_push(ProfileBuilder *builder, uint32 frame);
extern bool profile_builder_label(ProfileBuilder *builder, StringRef key,
								  StringRef value);
extern bool profile_builder_end_sample(ProfileBuilder *builder, uint32 type,
									   int64 value);
extern bool profile_builder_finish(ProfileBuilder *builder, Profile *profile);

#endif							/* PYRO_PROFILE_BUILDER_H */
