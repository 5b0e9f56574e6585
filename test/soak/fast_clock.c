/*
 * fast_clock.c
 *	  A clock that runs faster than the real one, for programs that load this
 *	  library before others (LD_PRELOAD).
 *
 * It shows FAST_CLOCK_START (seconds since 1970) at that time, and from then on
 * FAST_CLOCK_SPEED seconds for each.  Only what asks for the time of day gets it:
 * clocks that are not real time, sleeps and waits are as they are.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NANOS_PER_SECOND	1000000000LL

static long long start = 0;
static long long speed = 0;

__attribute__ ((constructor))
static void
read_settings(void)
{
	const char *start_text = getenv("FAST_CLOCK_START");
	const char *speed_text = getenv("FAST_CLOCK_SPEED");

	start = start_text ? atoll(start_text) * NANOS_PER_SECOND : 0;
	speed = speed_text ? atoll(speed_text) : 1;
}

static long long
fast_nanos(void)
{
	struct timespec real;
	long long	nanos;

	syscall(SYS_clock_gettime, CLOCK_REALTIME, &real);
	nanos = real.tv_sec * NANOS_PER_SECOND + real.tv_nsec;
	return nanos <= start ? nanos : start + (nanos - start) * speed;
}

int
clock_gettime(clockid_t clock, struct timespec *result)
{
	long long	nanos;

	if (clock != CLOCK_REALTIME)
		return syscall(SYS_clock_gettime, clock, result);
	nanos = fast_nanos();
	result->tv_sec = nanos / NANOS_PER_SECOND;
	result->tv_nsec = nanos % NANOS_PER_SECOND;
	return 0;
}

int
gettimeofday(struct timeval *restrict result, void *restrict zone)
{
	long long	nanos = fast_nanos();

	result->tv_sec = nanos / NANOS_PER_SECOND;
	result->tv_usec = nanos % NANOS_PER_SECOND / 1000;
	return 0;
}

time_t
time(time_t *result)
{
	time_t		now = fast_nanos() / NANOS_PER_SECOND;

	if (result != NULL)
		*result = now;
	return now;
}
