/*
 * dictionary_codec.h
 *	  A StackDictionary as packed columns, and back.
 *
 * Three parts, which profile_flat.h and the stack block put where they need
 * them.  Each column is a packed array (packed_array.h), differences and
 * signed numbers zigzag coded.
 *
 *	names		strings: length shared with the string before (at most 255),
 *				length of the rest, then the rests
 *				mappings: file
 *				functions: name minus that of the function before
 *				locations: number of lines, mapping
 *				lines: function minus that of the line before
 *	trie		per node but the root: levels up from the node before (0: its
 *				first child), location
 *				or as a symbol tree of the locations (symbol_tree.h), which
 *				takes a third less
 *	details		mappings: start, limit, offset, build id, flags
 *				functions: system name minus name, file, start line
 *				locations: folded, address minus that of the location before
 *				lines: line minus its function's start line, column
 *
 * Nothing in the bytes is believed: every count is bounded before memory is
 * asked for it, and every index is checked once, while it is read.
 */
#ifndef PYRO_DICTIONARY_CODEC_H
#define PYRO_DICTIONARY_CODEC_H

#include "stack/columns.h"
#include "stack/stack_dictionary.h"

/* Fixed counts that stand before the columns of whoever stores them. */
typedef struct DictionaryCounts
{
	uint32		nstrings;
	uint32		string_bytes;	/* of all strings, written out */
	uint32		nmappings;
	uint32		nfunctions;
	uint32		nlocations;
	uint32		nlines;
	uint32		nnodes;
} DictionaryCounts;

/*
 * A part is read from where the columns stand, with a scratch that is as long
 * as dictionary_longest_column() says at least.
 */
typedef struct DictionaryReader
{
	ColumnReader columns;
	DictionaryCounts counts;
	StackDictionary *stacks;	/* all zero before the names are read */
} DictionaryReader;

extern bool dictionary_count(const StackDictionary *stacks, uint64 max_string_bytes,
							 DictionaryCounts *counts, PyroError *error);
extern size_t dictionary_longest_column(const DictionaryCounts *counts);
extern void strings_write(const StringRef *strings, uint32 nstrings,
						  ColumnScratch *scratch, TextBuffer *out);
extern void dictionary_write_names(const StackDictionary *stacks,
								   ColumnScratch *scratch, TextBuffer *out);
extern void dictionary_write_trie(const StackDictionary *stacks,
								  ColumnScratch *scratch, TextBuffer *out);
extern bool dictionary_write_trie_by_context(const StackDictionary *stacks,
											 const Allocator *scratch,
											 TextBuffer *out,
											 PyroError *error);
extern void dictionary_write_details(const StackDictionary *stacks,
									 ColumnScratch *scratch, TextBuffer *out);

extern bool strings_read(ColumnReader *reader, uint32 nstrings,
						 uint32 string_bytes, StringRef **strings);
extern bool dictionary_read_names(DictionaryReader *reader);
extern bool dictionary_read_trie(DictionaryReader *reader);
extern bool dictionary_read_trie_by_context(DictionaryReader *reader);
extern bool dictionary_read_details(DictionaryReader *reader);

#endif							/* PYRO_DICTIONARY_CODEC_H */
