/*
 * guarded_memory.c
 *	  Memory that ends right before a page which nobody may touch.
 *
 * A read or write beyond its end, but for bytes up to the next alignment,
 * ends the backend.
 */
#include "postgres.h"

#include <sys/mman.h>
#include <unistd.h>

#include "guarded_memory.h"

#define MAX_AREAS	4096

typedef struct Area
{
	char	   *mapped;			/* NULL: free */
	Size		mapped_size;	/* with the guard */
	char	   *bytes;
	Size		size;
} Area;

static Area areas[MAX_AREAS];
static int	nareas;

/*
 * Memory aligned for any type; `context` has no say in it.
 */
void *
guarded_alloc(MemoryContext context, Size size)
{
	Size		page = sysconf(_SC_PAGESIZE);
	Size		usable = TYPEALIGN(page, Max(size, 1));
	Area	   *area = &areas[nareas];

	if (nareas == MAX_AREAS)
		elog(ERROR, "too many guarded areas");
	area->mapped_size = usable + page;
	area->mapped = mmap(NULL, area->mapped_size, PROT_READ | PROT_WRITE,
						MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area->mapped == MAP_FAILED ||
		mprotect(area->mapped + usable, page, PROT_NONE) != 0)
		elog(ERROR, "no guarded memory: %m");
	area->bytes = area->mapped + TYPEALIGN_DOWN(MAXIMUM_ALIGNOF,
												usable - size);
	area->size = size;
	nareas++;
	/* what is not written must not look like zeros */
	memset(area->bytes, 0x7F, size);
	return area->bytes;
}

/*
 * A copy that ends exactly at the guard, aligned for nothing.
 */
void *
guarded_copy(const void *bytes, Size size)
{
	char	   *aligned = guarded_alloc(NULL, size);
	char	   *copy = aligned + TYPEALIGN(MAXIMUM_ALIGNOF, size) - size;

	memcpy(copy, bytes, size);
	return copy;
}

/*
 * Freed with all others, and not usable any more.
 */
void
guarded_free(void *pointer)
{
	for (int i = 0; i < nareas; i++)
		if (areas[i].bytes == pointer)
		{
			mprotect(areas[i].mapped, areas[i].mapped_size, PROT_NONE);
			return;
		}
	elog(ERROR, "freed memory was not guarded");
}

/*
 * Give all areas back.
 */
void
guarded_free_all(void)
{
	while (nareas > 0)
	{
		nareas--;
		munmap(areas[nareas].mapped, areas[nareas].mapped_size);
	}
}

/*
 * How many bytes of an area there are from here on; 0 outside of all.
 */
Size
guarded_bytes_at(const void *pointer)
{
	const char *at = pointer;

	for (int i = nareas - 1; i >= 0; i--)
		if (at >= areas[i].bytes && at < areas[i].bytes + areas[i].size)
			return areas[i].bytes + areas[i].size - at;
	return 0;
}
