/*
 * clean_path.h
 *	  The shortest way to write a path.
 */
#ifndef PYRO_CLEAN_PATH_H
#define PYRO_CLEAN_PATH_H

#include "stack/string_ref.h"

extern bool path_is_clean(StringRef path);
extern uint32 clean_path(char *path, uint32 length);

#endif							/* PYRO_CLEAN_PATH_H */
