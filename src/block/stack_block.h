/*
 * stack_block.h
 *	  The column of profiles of a block: one dictionary for all of them.
 *
 * It is stored in parts, each a stream of its own, so that a reader takes only
 * what it needs:
 *
 *	heads		StackHeadCounts, then the shapes: what profiles of one kind have in
 *				common, each different one once:
 *					ShapeHead, the lengths of its strings, the strings: default
 *					sample type, drop_frames, keep_frames, doc_url, period type
 *					and unit, type and unit of each sample type; the profile's
 *					mappings; its comments
 *				then columns of the rows: shape, number of samples, size, and
 *				time, duration and period, each less that of the row before
 *	names		DictionaryCounts, then the names (dictionary_codec.h)
 *	trie		the exact stack trie (dictionary_codec.h)
 *	details		the rest of the dictionary (dictionary_codec.h); LabelCounts;
 *				label sets: number of labels; labels: key, kind, text or unit,
 *				number; keys: node and label set, each less that of the key before
 *	keys		the samples' keys, and
 *	values		their values (sample_rows.h)
 *	tree		the stacks by name (name_tree.h)
 *	sums		of runs and leading keys (stack_sums.h)
 *
 * Structs are as they are in memory, little-endian; columns are packed arrays
 * (packed_array.h), differences and signed numbers zigzag coded.
 */
#ifndef PYRO_STACK_BLOCK_H
#define PYRO_STACK_BLOCK_H

#include "block/stack_sums.h"
#include "profile/compression.h"
#include "profile/profile.h"
#include "stack/text_buffer.h"

/* The number of a stream within its column; on disk. */
typedef enum StackPart
{
	STACK_HEADS = 1,
	STACK_NAMES,
	STACK_TRIE,
	STACK_DETAILS,
	STACK_KEYS,
	STACK_VALUES,
	STACK_TREE,
	STACK_SUMS,
	STACK_PART_END
} StackPart;

/* Those that a profile is made of. */
#define STACK_EXACT_PARTS_END	STACK_TREE

/* More plain bytes than this are not written into one part. */
#define STACK_PART_MAX_SIZE		((size_t) 1 << 30)

typedef struct StackBuilder StackBuilder;
typedef struct StackBlock StackBlock;

extern StackBuilder *stack_builder_create(const Allocator *allocator,
										  PyroError *error);
extern bool stack_builder_add(StackBuilder *builder, const Profile *profile,
							  uint32 size, const Allocator *scratch,
							  PyroError *error);
extern bool stack_builder_expect_rows(StackBuilder *builder,
									  StackBlock *source, const uint32 *rows,
									  uint32 nrows, const Allocator *scratch,
									  PyroError *error);
extern bool stack_builder_add_row(StackBuilder *builder, StackBlock *source,
								  uint32 row, const Allocator *scratch,
								  PyroError *error);
extern uint64 stack_builder_samples(const StackBuilder *builder);
extern size_t stack_builder_size(const StackBuilder *builder);
extern bool stack_builder_finish(StackBuilder *builder, const uint32 *order,
								 const StackRuns *runs,
								 TextBuffer parts[STACK_PART_END],
								 PyroError *error);
extern const StackDictionary *stack_builder_dictionary(const StackBuilder *builder);

extern StackBlock *stack_block_open(uint32 nrows,
									const ByteRange parts[STACK_PART_END],
									size_t max_memory,
									const Allocator *allocator,
									PyroError *error);
extern uint32 stack_block_profile_size(const StackBlock *block, uint32 row);
extern uint32 stack_block_profile_samples(const StackBlock *block, uint32 row);
extern bool stack_block_read(StackBlock *block, uint32 row,
							 const Allocator *allocator, Profile *profile,
							 PyroError *error);

#endif							/* PYRO_STACK_BLOCK_H */
