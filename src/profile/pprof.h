/*
 * pprof.h
 *	  The pprof format: messages as they stand in the bytes, and the ways
 *	  from bytes to a Profile and back.
 *
 * Source of the format: google/pprof, proto/profile.proto.
 */
#ifndef PYRO_PPROF_H
#define PYRO_PPROF_H

#include "profile/profile.h"
#include "stack/text_buffer.h"

/*
 * A decoded message: arrays in the order of the bytes, strings pointing into
 * them.  Ids are still the file's; string numbers are not checked yet and
 * stand at UINT32_MAX where they did not fit.
 */
typedef struct PprofValueType
{
	uint32		type;
	uint32		unit;
} PprofValueType;

typedef struct PprofSample
{
	uint32		location_start; /* in location_ids, leaf first */
	uint32		nlocations;
	uint32		value_start;
	uint32		nvalues;
	uint32		label_start;
	uint32		nlabels;
} PprofSample;

typedef struct PprofLabel
{
	uint32		key;
	uint32		string;
	uint32		unit;
	int64		number;
} PprofLabel;

typedef struct PprofMapping
{
	uint64		id;
	StackMapping mapping;
} PprofMapping;

typedef struct PprofLine
{
	uint64		function_id;
	int64		line;
	int64		column;
} PprofLine;

typedef struct PprofLocation
{
	uint64		id;
	uint64		mapping_id;
	uint64		address;
	uint32		line_start;		/* innermost first */
	uint32		nlines;
	bool		is_folded;
} PprofLocation;

typedef struct PprofFunction
{
	uint64		id;
	StackFunction function;
} PprofFunction;

/* A growing array: items belong to the decoder's allocator. */
#define PPROF_ARRAY(type) \
	struct { type *items; size_t n; size_t capacity; }

typedef struct PprofMessage
{
	PPROF_ARRAY(PprofValueType) sample_types;
	PPROF_ARRAY(PprofSample) samples;
	PPROF_ARRAY(uint64) location_ids;
	PPROF_ARRAY(int64) values;
	PPROF_ARRAY(PprofLabel) labels;
	PPROF_ARRAY(PprofMapping) mappings;
	PPROF_ARRAY(PprofLocation) locations;
	PPROF_ARRAY(PprofLine) lines;
	PPROF_ARRAY(PprofFunction) functions;
	PPROF_ARRAY(StringRef) strings;
	PPROF_ARRAY(uint32) comments;
	uint32		drop_frames;
	uint32		keep_frames;
	uint32		doc_url;
	uint32		default_sample_type;
	PprofValueType period_type;
	int64		period;
	int64		time_nanos;
	int64		duration_nanos;
} PprofMessage;

extern bool pprof_decode(const uint8 *bytes, size_t size,
						 const ProfileLimits *limits,
						 const Allocator *allocator, PprofMessage *message,
						 PyroError *error);
extern bool pprof_canonicalise(PprofMessage *message,
							   const ProfileLimits *limits,
							   const Allocator *allocator, Profile *profile,
							   PyroError *error);
extern bool pprof_check_size(const Profile *profile, size_t max_size,
							 const Allocator *scratch, PyroError *error);
extern bool pprof_encode(const Profile *profile, TextBuffer *out,
						 PyroError *error);
extern bool pprof_read(const uint8 *bytes, size_t size,
					   const ProfileLimits *limits,
					   const Allocator *allocator, Profile *profile,
					   PyroError *error);

#endif							/* PYRO_PPROF_H */
