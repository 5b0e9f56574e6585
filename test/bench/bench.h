/*
 * bench.h
 *	  What the programs of scripts/bench share.
 */
#ifndef PYRO_BENCH_H
#define PYRO_BENCH_H

#include <time.h>

#include "profile_check.h"

/*
 * Processor time of this process in seconds.  Other processes take turns with
 * this one, which a clock on the wall would count.
 */
static inline double
bench_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

static inline void bench_fail(const char *format,...) pg_attribute_printf(1, 2);

/* Say what failed, and exit. */
static inline void
bench_fail(const char *format,...)
{
	va_list		arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\n");
	exit(1);
}

static inline void *
bench_allocate(size_t count, size_t element_size)
{
	void	   *memory = calloc(count > 0 ? count : 1, element_size);

	if (memory == NULL)
		bench_fail("out of memory");
	return memory;
}

#endif							/* PYRO_BENCH_H */
