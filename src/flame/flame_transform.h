/*
 * flame_transform.h
 *	  From a call tree that is read to one that grows: what transforms share.
 *
 * A transform walks the nodes of a FlameTree once, in pre-order, and adds
 * their values to a CallTree, which was empty before unless it says otherwise.
 */
#ifndef PYRO_FLAME_TRANSFORM_H
#define PYRO_FLAME_TRANSFORM_H

#include "flame/flame_tree.h"
#include "stack/call_tree.h"

typedef struct FlameTransform
{
	const FlameTree *from;
	CallTree   *to;
	const Allocator *scratch;
	PyroError  *error;
	uint32	   *name;			/* number in `to` of each name of `from` */
	uint32	   *at;				/* by level: a node of `to` */
	uint64		steps;			/* children asked for */
} FlameTransform;

extern bool flame_transform_init(FlameTransform *t, const FlameTree *from,
								 CallTree *to, const Allocator *scratch,
								 PyroError *error);

extern bool call_tree_add_flame(CallTree *tree, const FlameTree *flame,
								const Allocator *scratch, PyroError *error);
extern bool flame_prefix(const FlameTree *tree, StringRef root,
						 CallTree *result, const Allocator *scratch,
						 PyroError *error);
extern bool flame_subtract(const FlameTree *tree, CallTree *result,
						   const Allocator *scratch, PyroError *error);

/* The child of a node of `to` with a name of `from`. */
static inline bool
flame_transform_child(FlameTransform *t, uint32 parent, uint32 name,
					  uint32 *child)
{
	allocator_poll(t->scratch, t->steps++);
	return call_tree_child(t->to, parent, t->name[name], child, t->error);
}

#endif							/* PYRO_FLAME_TRANSFORM_H */
