/*
 * clean_path.c
 *	  The shortest way to write a path.
 *
 * Compilers write the paths of included files as they were given, such as
 * core/src/../../stdarch/crates/core_arch/src/x86/sse2.rs.  google/pprof shows
 * them cleaned (graph.nodeInfo), so that one file has one name.  The rules are
 * those of "Lexical File Names in Plan 9, or, Getting Dot-Dot Right" by Rob
 * Pike, as in Go's filepath.Clean.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "stack/clean_path.h"

/* Where the component that begins at `at` ends. */
static uint32
component_end(const char *path, uint32 length, uint32 at)
{
	const char *slash = memchr(path + at, '/', length - at);

	return slash == NULL ? length : (uint32) (slash - path);
}

static bool
is_dots(const char *path, uint32 start, uint32 end, uint32 ndots)
{
	return end - start == ndots && memcmp(path + start, "..", ndots) == 0;
}

/*
 * Has the path no component that clean_path() would look at twice?  False for
 * some clean ones, too: those that begin with "..".
 */
bool
path_is_clean(StringRef path)
{
	uint32		at = path.length > 0 && path.data[0] == '/' ? 1 : 0;

	if (path.length == at)
		return true;
	for (;;)
	{
		uint32		end = component_end(path.data, path.length, at);

		if (end == at || is_dots(path.data, at, end, 1) ||
			is_dots(path.data, at, end, 2))
			return false;
		if (end == path.length)
			return true;
		at = end + 1;
	}
}

/*
 * Clean a path in place: without empty components, "." and what ".." goes
 * back over; "." where nothing is left.  An empty one stays empty.  Returns the
 * new length, which is not larger.
 */
uint32
clean_path(char *path, uint32 length)
{
	bool		is_rooted = length > 0 && path[0] == '/';
	uint32		floor = is_rooted ? 1 : 0;	/* ".." goes back no further */
	uint32		n = floor;

	if (length == 0)
		return 0;
	for (uint32 at = floor, end; at < length; at = end + 1)
	{
		end = component_end(path, length, at);
		if (end == at || is_dots(path, at, end, 1))
			continue;
		if (is_dots(path, at, end, 2))
		{
			if (n > floor)
			{
				n--;
				while (n > floor && path[n] != '/')
					n--;
				continue;
			}
			if (is_rooted)
				continue;
		}
		if (n > (is_rooted ? 1 : 0))
			path[n++] = '/';
		memmove(path + n, path + at, end - at);
		n += end - at;
		if (is_dots(path, n - (end - at), n, 2))
			floor = n;
	}
	if (n == 0)
		path[n++] = '.';
	return n;
}
