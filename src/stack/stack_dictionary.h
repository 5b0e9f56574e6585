/*
 * stack_dictionary.h
 *	  What the stacks of one or many profiles are made of.
 *
 * Everything stands in one canonical order, so that equal content means equal
 * arrays, and merging two dictionaries is merging sorted lists:
 *
 *	strings		bytewise, each once; string 0 is the empty one
 *	mappings	by start, limit, offset, file, build id, flags
 *	functions	by name, system name, file name, start line
 *	locations	by the functions of their lines, outermost first, then lines,
 *				columns, address, mapping, folded
 *	nodes		the stack trie in pre-order, children by location
 *
 * Because strings are in bytewise order, comparing string numbers compares
 * names; functions, locations and stacks inherit that.
 *
 * References to something that may be absent (a location's mapping, a line's
 * function) are the index plus one, 0 meaning none, as pprof's ids are.
 */
#ifndef PYRO_STACK_DICTIONARY_H
#define PYRO_STACK_DICTIONARY_H

#include "stack/allocator.h"
#include "stack/string_ref.h"

typedef struct StackMapping
{
	uint64		memory_start;
	uint64		memory_limit;
	uint64		file_offset;
	uint32		filename;		/* string */
	uint32		build_id;		/* string */
	uint32		flags;			/* STACK_HAS_... */
} StackMapping;

#define STACK_HAS_FUNCTIONS		(1 << 0)
#define STACK_HAS_FILENAMES		(1 << 1)
#define STACK_HAS_LINE_NUMBERS	(1 << 2)
#define STACK_HAS_INLINE_FRAMES	(1 << 3)

typedef struct StackFunction
{
	uint32		name;			/* string */
	uint32		system_name;	/* string */
	uint32		filename;		/* string */
	int64		start_line;
} StackFunction;

/* One frame of a location: more than one where calls were inlined. */
typedef struct StackLine
{
	uint32		function;		/* index + 1, or 0 */
	int64		line;
	int64		column;
} StackLine;

typedef struct StackLocation
{
	uint64		address;
	uint32		line_start;		/* first of its lines, outermost first */
	uint32		nlines;			/* 0: not symbolised */
	uint32		mapping;		/* index + 1, or 0 */
	bool		is_folded;
} StackLocation;

typedef struct StackDictionary
{
	uint32		nstrings;
	StringRef  *strings;
	uint32		nmappings;
	StackMapping *mappings;
	uint32		nfunctions;
	StackFunction *functions;
	uint32		nlines;
	StackLine  *lines;
	uint32		nlocations;
	StackLocation *locations;

	/* node 0 is the root: the empty stack; a node's parent stands before it */
	uint32		nnodes;
	uint32	   *node_parent;
	uint32	   *node_depth;		/* locations from the root; root 0 */
	uint32	   *node_location;	/* index; unused for the root */
} StackDictionary;

/* Numbers of the names of a dictionary's frames, somewhere else. */
typedef struct FrameNames
{
	uint32	   *of_location;	/* per location: its outermost frame's */
	uint32	   *of_line;		/* per line of a location, but the outermost */
	uint32	   *of_function;	/* those known so far, or UNKNOWN_NAME; may be
								 * NULL */
} FrameNames;

#define UNKNOWN_NAME	PG_UINT32_MAX

/* Frames that a location stands for: its lines, or one without any. */
static inline uint32
stack_location_frames(const StackLocation *location)
{
	return location->nlines > 0 ? location->nlines : 1;
}

extern bool stack_find_string(const StackDictionary *stacks, StringRef wanted,
							  uint32 *string);
extern StringRef stack_unsymbolised_name(const StackDictionary *stacks,
										 const StackLocation *location);
extern StringRef stack_frame_name(const StackDictionary *stacks,
								  const StackLocation *location,
								  uint32 frame);
extern bool stack_nodes_by_depth(const StackDictionary *stacks,
								 const bool *needed,
								 const Allocator *allocator, uint32 **nodes,
								 uint32 *nnodes, PyroError *error);

#endif							/* PYRO_STACK_DICTIONARY_H */
