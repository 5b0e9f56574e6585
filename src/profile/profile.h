/*
 * profile.h
 *	  One profile, decoded: what every reader of profiles works on.
 *
 * A Profile is samples over a dictionary of stacks.  The dictionary may serve
 * many profiles; a `profile` datum brings its own.  All of it is read-only
 * and belongs to whoever made it.
 */
#ifndef PYRO_PROFILE_H
#define PYRO_PROFILE_H

#include "stack/allocator.h"
#include "stack/pyro_error.h"
#include "stack/stack_dictionary.h"

typedef struct SampleType
{
	StringRef	type;			/* e.g. cpu */
	StringRef	unit;			/* e.g. nanoseconds */
} SampleType;

static inline SampleType
sample_type(StringRef type, StringRef unit)
{
	return (SampleType) {type, unit};
}

typedef struct ProfileLabel
{
	uint32		key;			/* string */
	bool		is_number;
	uint32		string;			/* string; of a label that is text */
	uint32		unit;			/* string; of a label that is a number */
	int64		number;
} ProfileLabel;

typedef struct ProfileHeader
{
	uint32		nsample_types;
	SampleType *sample_types;
	int64	   *totals;			/* sum of the values of each sample type */
	bool	   *total_overflows;	/* that sum has left int64 */
	SampleType	period_type;
	StringRef	default_sample_type;	/* as given; may be empty, as the next */
	StringRef	drop_frames;
	StringRef	keep_frames;
	StringRef	doc_url;
	int64		period;
	int64		time_nanos;		/* since 1970; 0: not given */
	int64		duration_nanos;
	uint32		nsamples;
} ProfileHeader;

typedef struct Profile
{
	ProfileHeader header;
	StackDictionary *stacks;

	uint32		main_mapping;	/* index + 1 of the main binary's, or 0 */
	uint32		ncomments;
	uint32	   *comments;		/* strings, in the profile's order */

	/* label sets in canonical order, each once; set 0 is the empty one */
	uint32		nlabel_sets;
	uint32	   *label_set_end;	/* of set i: labels up to label_set_end[i] */
	ProfileLabel *labels;		/* by key, text before numbers, as given */

	/* samples ordered by node, label set and values */
	uint32	   *sample_node;
	uint32	   *sample_label_set;
	int64	  **values;			/* [sample type][sample] */
} Profile;

static inline uint32
profile_label_set_start(const Profile *profile, uint32 set)
{
	return set == 0 ? 0 : profile->label_set_end[set - 1];
}

/* Limits on what comes from outside; 0 is no limit. */
typedef struct ProfileLimits
{
	size_t		max_size;		/* bytes, compressed or not */
	uint32		max_samples;
	uint32		max_stack_depth;	/* frames, inlined ones counted */
} ProfileLimits;

/* More sample types than this are refused. */
#define PROFILE_MAX_SAMPLE_TYPES	64

extern int64 profile_add_durations(int64 a, int64 b);
extern uint32 profile_default_type(const ProfileHeader *header);
extern int	profile_find_type(const ProfileHeader *header, StringRef name);
extern bool profile_sum_values(Profile *profile, const Allocator *allocator,
							   PyroError *error);

#endif							/* PYRO_PROFILE_H */
