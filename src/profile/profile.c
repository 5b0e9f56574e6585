/*
 * profile.c
 *	  What can be asked of a profile's header.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "common/int.h"

#include "profile/profile.h"

/*
 * The sum of two durations in nanoseconds, neither of them negative.
 *
 * One that leaves int64 stays at its end: some profilers give the time since
 * 1970 for a duration, and a query over many profiles shall not fail for it.
 */
int64
profile_add_durations(int64 a, int64 b)
{
	int64		sum;

	if (pg_add_s64_overflow(a, b, &sum))
		return PG_INT64_MAX;
	return sum;
}

/*
 * The index of the default sample type: the profile's own, else the last one,
 * as google/pprof chooses (driver/options.go).  There must be at least one.
 */
uint32
profile_default_type(const ProfileHeader *header)
{
	if (header->default_sample_type.length > 0)
		for (uint32 i = 0; i < header->nsample_types; i++)
			if (string_ref_equal(header->sample_types[i].type,
								 header->default_sample_type))
				return i;
	return header->nsample_types - 1;
}

/*
 * The index of a sample type named as "cpu" or "cpu/nanoseconds", or -1.
 */
int
profile_find_type(const ProfileHeader *header, StringRef name)
{
	for (uint32 i = 0; i < header->nsample_types; i++)
		if (string_ref_equal(header->sample_types[i].type, name))
			return i;
	for (uint32 i = 0; i < header->nsample_types; i++)
	{
		StringRef	type = header->sample_types[i].type;
		StringRef	unit = header->sample_types[i].unit;

		if (name.length == (uint64) type.length + 1 + unit.length &&
			name.data[type.length] == '/' &&
			memcmp(name.data, type.data, type.length) == 0 &&
			memcmp(name.data + type.length + 1, unit.data, unit.length) == 0)
			return i;
	}
	return -1;
}

/*
 * Compute the header's totals from the values.  A total that leaves int64 is
 * marked, not refused: the profile is sound, only that sum has no value.
 */
bool
profile_sum_values(Profile *profile, const Allocator *allocator,
				   PyroError *error)
{
	ProfileHeader *header = &profile->header;

	header->totals = allocate_array(allocator, header->nsample_types,
									sizeof(int64));
	header->total_overflows = allocate_array(allocator, header->nsample_types,
											 sizeof(bool));
	if (header->totals == NULL || header->total_overflows == NULL)
		return pyro_fail_memory(error);
	for (uint32 t = 0; t < header->nsample_types; t++)
	{
		__int128	total = 0;

		/* wider than any sum of 2^32 values, so that no order overflows */
		for (uint32 i = 0; i < header->nsamples; i++)
			total += profile->values[t][i];
		header->total_overflows[t] = total != (int64) total;
		header->totals[t] = header->total_overflows[t] ? 0 : (int64) total;
	}
	return true;
}
