/*
 * flamegraph_type.h
 *	  The SQL type `flamegraph`: from a datum to a FlameTree and back.
 */
#ifndef PYRO_FLAMEGRAPH_TYPE_H
#define PYRO_FLAMEGRAPH_TYPE_H

#include "flame/flame_flat.h"

extern FlameTree *flamegraph_open(Datum datum);
extern struct varlena *flamegraph_make(const CallTree *tree,
									   const FlameHeader *header);
extern struct varlena *flamegraph_make_copy(const FlameTree *tree);
extern struct varlena *flamegraph_make_empty(void);

#endif							/* PYRO_FLAMEGRAPH_TYPE_H */
