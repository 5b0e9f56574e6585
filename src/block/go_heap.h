/*
 * go_heap.h
 *	  Values of Go's heap profiles from what its runtime had counted.
 *
 * The runtime samples one allocation in about `rate` bytes and scales what it
 * counted up by the chance that an allocation of that size is sampled:
 * objects = count * s and bytes = count * size * s, both cut to integers, with
 * s = 1 / (1 - exp(-size / rate)) (Go, runtime/pprof, scaleHeapSample).  So two
 * large numbers that look random are one small one.
 *
 * What is computed here is part of the stored form: it must come out the same
 * on every machine.  Only additions, multiplications, divisions and
 * conversions of IEEE doubles are used, none of them fused; exp() of the C
 * library may differ in the last bit from one version to the next.
 */
#ifndef PYRO_GO_HEAP_H
#define PYRO_GO_HEAP_H

extern double go_heap_scale(int64 size, int64 rate);
extern int64 go_heap_count(double scale, int64 size, int64 objects,
						   int64 bytes);

/* A double cut to an integer; 0 where it does not fit into one. */
static inline int64
go_heap_cut(double number)
{
	return number > -9e18 && number < 9e18 ? (int64) number : 0;
}

static inline int64
go_heap_objects(double scale, int64 count)
{
	return go_heap_cut((double) count * scale);
}

static inline int64
go_heap_bytes(double scale, int64 size, int64 count)
{
	int64		counted = (int64) ((uint64) count * (uint64) size);

	return go_heap_cut((double) counted * scale);
}

#endif							/* PYRO_GO_HEAP_H */
