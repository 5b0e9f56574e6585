/*
 * stack_signature.c
 *	  A few numbers that tell how much the stacks of rows have in common.
 *
 * What a key adds to is computed once for a block, so a sample costs a look-up.
 * It depends on names alone, or on the place in a mapped file where there are
 * none: signatures of different blocks can be compared.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include <math.h>

#include "block/stack_block_internal.h"
#include "block/stack_signature.h"
#include "stack/hash.h"

/* Signatures are not kept on disk. */
#define SIGNATURE_SEED	UINT64CONST(0x7369676E61747572)

/* In the byte of a key, besides the number of the count: subtract. */
#define KEY_IS_NEGATIVE	STACK_SIGNATURE_COUNTS

StaticAssertDecl(STACK_SIGNATURE_COUNTS == 64, "count and sign make seven bits");

/* A location by the names of its functions, or by its place in a file. */
static uint64
hash_location(const StackDictionary *stacks, const uint64 *function_hash,
			  const StackLocation *location)
{
	const StackLine *lines = &stacks->lines[location->line_start];
	uint64		hash = SIGNATURE_SEED;
	uint64		address = location->address;
	StringRef	file;

	for (uint32 i = 0; i < location->nlines; i++)
		hash = hash_fold(hash ^ HASH_CONSTANT_1,
						 lines[i].function == 0 ? HASH_CONSTANT_2 : function_hash[lines[i].function - 1]);
	if (location->nlines > 0)
		return hash;
	if (location->mapping != 0)
	{
		const StackMapping *mapping = &stacks->mappings[location->mapping - 1];

		address += mapping->file_offset - mapping->memory_start;
	}
	file = stack_unsymbolised_name(stacks, location);
	return hash_fold(address ^ HASH_CONSTANT_1,
					 hash_bytes64(file.data, file.length, SIGNATURE_SEED));
}

/* [location]: its hash; NULL without memory. */
static uint64 *
hash_locations(const StackDictionary *stacks, const Allocator *allocator, PyroError *error)
{
	uint64	   *function_hash = allocate_or_fail(allocator, stacks->nfunctions, sizeof(uint64),
												 error);
	uint64	   *hashes = allocate_or_fail(allocator, stacks->nlocations, sizeof(uint64), error);

	if (function_hash == NULL || hashes == NULL)
		return NULL;
	for (uint32 i = 0; i < stacks->nfunctions; i++)
	{
		StringRef	name = stacks->strings[stacks->functions[i].name];

		allocator_poll(allocator, i);
		function_hash[i] = hash_bytes64(name.data, name.length, SIGNATURE_SEED);
	}
	for (uint32 i = 0; i < stacks->nlocations; i++)
	{
		allocator_poll(allocator, i);
		hashes[i] = hash_location(stacks, function_hash, &stacks->locations[i]);
	}
	allocator->release(allocator->owner, function_hash);
	return hashes;
}

/* Find out what each key adds. */
static bool
prepare_keys(StackBlock *block, PyroError *error)
{
	const Allocator *allocator = block->allocator;
	const SealedDictionary *dictionary = &block->dictionary;
	const StackDictionary *stacks = &dictionary->stacks;
	uint64	   *hashes = hash_locations(stacks, allocator, error);
	uint8	   *key_counts = allocate_or_fail(allocator, dictionary->nkeys, 1, error);

	if (hashes == NULL || key_counts == NULL)
		return false;
	for (uint32 i = 0; i < dictionary->nkeys; i++)
	{
		uint32		node = dictionary->key_node[i];
		uint32		parent = node == 0 ? 0 : stacks->node_parent[node];
		uint64		callee = node == 0 ? 0 : hashes[stacks->node_location[node]];
		uint64		caller = parent == 0 ? 0 : hashes[stacks->node_location[parent]];

		allocator_poll(allocator, i);
		key_counts[i] = hash_fold(callee ^ HASH_CONSTANT_1, caller ^ HASH_CONSTANT_2) >> 57;
	}
	allocator->release(allocator->owner, hashes);
	block->key_counts = key_counts;
	return true;
}

bool
stack_block_sign(StackBlock *block, uint32 row, StackSignature *signature, PyroError *error)
{
	uint32		n = block->heads[row].nsamples;
	int64		sums[2 * STACK_SIGNATURE_COUNTS] = {0}; /* negative ones behind */

	if ((block->key_counts == NULL && !prepare_keys(block, error)) ||
		!stack_block_reserve_samples(block, n, error) ||
		!sample_rows_read_keys(block->samples, row, block->view_nodes, error))
		return false;
	for (uint32 i = 0; i < n; i++)
		sums[block->key_counts[block->view_nodes[i]]]++;
	for (uint32 i = 0; i < STACK_SIGNATURE_COUNTS; i++)
	{
		int64		count = signature->counts[i] + sums[i] - sums[i | KEY_IS_NEGATIVE];

		signature->counts[i] = Max(Min(count, PG_INT16_MAX), PG_INT16_MIN);
	}
	return true;
}

/*
 * Add the signature of a row to that of others.
 */
void
stack_signature_add(StackSignatureSum *sum, const StackSignature *signature)
{
	for (uint32 i = 0; i < STACK_SIGNATURE_COUNTS; i++)
		sum->counts[i] += signature->counts[i];
}

/*
 * The cosine of two signatures.
 */
double
stack_signature_likeness(const StackSignatureSum *a, const StackSignatureSum *b)
{
	double		product = 0,
				of_a = 0,
				of_b = 0;

	for (uint32 i = 0; i < STACK_SIGNATURE_COUNTS; i++)
	{
		product += (double) a->counts[i] * b->counts[i];
		of_a += (double) a->counts[i] * a->counts[i];
		of_b += (double) b->counts[i] * b->counts[i];
	}
	return of_a == 0 || of_b == 0 ? 1 : product / sqrt(of_a * of_b);
}
