/*
 * profile_type.h
 *	  The SQL type `profile`: from a datum to a Profile and back.
 */
#ifndef PYRO_PROFILE_TYPE_H
#define PYRO_PROFILE_TYPE_H

#include "profile/profile.h"
#include "profile/profile_view.h"
#include "stack/frame_name.h"

extern void profile_type_init(void);
extern ProfileLimits profile_limits(void);
extern Profile *profile_open(Datum datum);
extern ProfileView profile_open_view(Datum datum, text *type_name, FrameGranularity granularity,
									 ProfileHeader *header, int *type);
extern ProfileHeader *profile_open_header(Datum datum);
extern ProfileHeader *profile_open_totals(Datum datum);
extern Datum profile_to_datum(const Profile *profile);
extern Datum profile_to_transient_datum(const Profile *profile);
extern bool profile_is_plain(Datum datum);
extern Datum profile_pack(Datum datum);
extern bool profile_is_type(Oid type);
extern bytea *profile_to_gzip(const Profile *profile);
extern int	profile_choose_type_if_any(const ProfileHeader *header,
									   text *name);
extern int	profile_choose_type(const ProfileHeader *header, text *name);

#endif							/* PYRO_PROFILE_TYPE_H */
