/*
 * stack_block_internal.h
 *	  What the writer and the reader of stack_block.h share; nobody else
 *	  includes it.
 */
#ifndef PYRO_STACK_BLOCK_INTERNAL_H
#define PYRO_STACK_BLOCK_INTERNAL_H

#include "block/block_dictionary.h"
#include "block/name_tree.h"
#include "block/stack_block.h"
#include "block/stack_heads.h"
#include "stack/sequence_entry.h"

typedef struct LabelCounts
{
	uint32		nsets;
	uint32		nlabels;
	uint32		nkeys;
} LabelCounts;

/* The stacks by the names of functions alone. */
typedef struct NamedStacks
{
	NameTree	tree;
	StackDictionary stacks;		/* over the tree's arrays */
	StackScratch scratch;
} NamedStacks;

struct StackBlock
{
	const Allocator *allocator;
	uint64		serial;			/* no other block of the process has it */
	uint32		nrows;
	ShapeList	shapes;
	StackHead  *heads;
	SealedDictionary dictionary;
	SampleRows *samples;
	DictionarySubset *subset;

	/* the row that is looked at, without being rebuilt */
	uint32	   *view_nodes;
	int64	   *view_values;
	size_t		nodes_capacity;
	size_t		values_capacity;
	StackScratch scratch;		/* made at its first use */
	NamedStacks *named;			/* NULL until it is opened */

	/* the last question about functions; NULL: there was none */
	bool	   *node_hit;
	StringRef	question;

	uint8	   *key_counts;		/* [key]: stack_signature.c; NULL until used */
};

extern void stack_sort_samples(SequenceEntry *entries, uint32 n);
extern int64 *stack_key_sizes(const SealedDictionary *dictionary,
							  const Allocator *allocator, PyroError *error);
extern bool stack_block_samples(StackBlock *block, uint32 row,
								const Allocator *allocator, uint32 **keys,
								int64 ***values, PyroError *error);
extern bool stack_block_reserve_samples(StackBlock *block, uint32 n, PyroError *error);

#endif							/* PYRO_STACK_BLOCK_INTERNAL_H */
