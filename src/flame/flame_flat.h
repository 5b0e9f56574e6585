/*
 * flame_flat.h
 *	  The stored form of a `flamegraph`: arrays that are read where they lie.
 *
 * All of it is little-endian.  Behind the varlena header, which the head
 * leaves 8-byte aligned:
 *
 *	FlameFlatHead
 *	int64 self[nnodes]
 *	int64 total[nnodes]
 *	uint32 level[nnodes]
 *	uint32 name[nnodes]
 *	uint32 name_end[nnames]
 *	type, unit, then the names, one behind the other, not terminated
 *
 * The form of a tree is unique: nodes in pre-order, children and names in
 * bytewise order, no leaf with a self value of 0 but the root, no unused
 * name.  So equal bytes are equal trees.  A tree without a sample type has no
 * values.
 */
#ifndef PYRO_FLAME_FLAT_H
#define PYRO_FLAME_FLAT_H

#include "flame/flame_tree.h"
#include "stack/call_tree.h"
#include "stack/text_buffer.h"

#define FLAME_FLAT_VERSION	1

typedef struct FlameFlatHead
{
	uint8		version;
	uint8		is_typed;		/* 0 or 1 */
	uint8		unused[2];
	uint32		nnodes;
	uint32		nnames;
	uint32		name_bytes;
	uint32		type_length;
	uint32		unit_length;
	uint32		unused2;
	uint32		nprofiles[2];	/* int64s, which are not aligned here */
	uint32		duration_nanos[2];
} FlameFlatHead;

/* what a varlena header and the head take together is a multiple of 8 */
StaticAssertDecl(sizeof(FlameFlatHead) == 44, "head leaves arrays aligned");

/* The largest tree; a datum cannot be larger. */
#define FLAME_FLAT_MAX_SIZE	((size_t) 0x3FFFFF00)

/* What a tree knows besides its nodes. */
typedef struct FlameHeader
{
	bool		is_typed;
	StringRef	type;
	StringRef	unit;
	int64		nprofiles;
	int64		duration_nanos;
} FlameHeader;

static inline FlameHeader
flame_tree_header(const FlameTree *tree)
{
	return (FlameHeader)
	{
		tree->is_typed, tree->type, tree->unit, tree->nprofiles,
			tree->duration_nanos
	};
}

extern bool flame_flat_write(const CallTree *tree, const FlameHeader *header,
							 TextBuffer *out, PyroError *error);
extern bool flame_flat_open(const uint8 *bytes, size_t size, FlameTree *tree,
							PyroError *error);

#endif							/* PYRO_FLAME_FLAT_H */
