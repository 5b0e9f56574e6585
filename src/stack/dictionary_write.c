/*
 * dictionary_write.c
 *	  Write the columns of a StackDictionary.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "stack/dictionary_codec.h"
#include "stack/symbol_tree.h"

/*
 * Count what a dictionary has.
 *
 * Returns false with PYRO_LIMIT where its strings take more than
 * max_string_bytes, at most 4 GB.
 */
bool
dictionary_count(const StackDictionary *stacks, uint64 max_string_bytes,
				 DictionaryCounts *counts, PyroError *error)
{
	uint64		string_bytes = 0;

	for (uint32 i = 0; i < stacks->nstrings; i++)
		string_bytes += stacks->strings[i].length;
	if (string_bytes > Min(max_string_bytes, PG_UINT32_MAX))
		return pyro_fail(error, PYRO_LIMIT,
						 "strings take " UINT64_FORMAT " bytes, more than " UINT64_FORMAT,
						 string_bytes, Min(max_string_bytes, PG_UINT32_MAX));
	*counts = (DictionaryCounts)
	{
		.nstrings = stacks->nstrings,
			.string_bytes = (uint32) string_bytes,
			.nmappings = stacks->nmappings,
			.nfunctions = stacks->nfunctions,
			.nlocations = stacks->nlocations,
			.nlines = stacks->nlines,
			.nnodes = stacks->nnodes
	};
	return true;
}

/*
 * How many numbers the longest of the columns has.
 */
size_t
dictionary_longest_column(const DictionaryCounts *counts)
{
	size_t		longest = Max(counts->nstrings, counts->nmappings);

	longest = Max(longest, Max(counts->nfunctions, counts->nlocations));
	return Max(longest, Max(counts->nlines, counts->nnodes));
}

static uint32
shared_length(StringRef a, StringRef b)
{
	uint32		longest = Min(Min(a.length, b.length), 255);
	uint32		n = 0;

	while (n < longest && a.data[n] == b.data[n])
		n++;
	return n;
}

/*
 * Append strings, which are best in bytewise order, front-coded.
 */
void
strings_write(const StringRef *strings, uint32 nstrings,
			  ColumnScratch *scratch, TextBuffer *out)
{
	uint32	   *shared = scratch->numbers32;

	WRITE_COLUMN32(scratch, out, nstrings,
				   i == 0 ? 0 : shared_length(strings[i - 1], strings[i]));
	WRITE_COLUMN64(scratch, out, nstrings, strings[i].length - shared[i]);
	for (uint32 i = 0; i < nstrings; i++)
		text_append(out, strings[i].data + shared[i],
					strings[i].length - shared[i]);
}

/*
 * Append strings and the columns that name frames.
 */
void
dictionary_write_names(const StackDictionary *stacks, ColumnScratch *scratch,
					   TextBuffer *out)
{
	const StackFunction *functions = stacks->functions;
	const StackLocation *locations = stacks->locations;
	const StackLine *lines = stacks->lines;

	strings_write(stacks->strings, stacks->nstrings, scratch, out);
	WRITE_COLUMN32(scratch, out, stacks->nmappings,
				   stacks->mappings[i].filename);
	WRITE_COLUMN32(scratch, out, stacks->nfunctions,
				   functions[i].name - (i > 0 ? functions[i - 1].name : 0));
	WRITE_COLUMN32(scratch, out, stacks->nlocations, locations[i].nlines);
	WRITE_COLUMN32(scratch, out, stacks->nlocations, locations[i].mapping);
	WRITE_COLUMN32(scratch, out, stacks->nlines,
				   index_difference(lines[i].function,
									i > 0 ? lines[i - 1].function : 0));
}

/*
 * Append the trie.
 */
void
dictionary_write_trie(const StackDictionary *stacks, ColumnScratch *scratch,
					  TextBuffer *out)
{
	const uint32 *depth = stacks->node_depth;
	const uint32 *location = stacks->node_location;
	uint32		n = stacks->nnodes - 1;

	WRITE_COLUMN32(scratch, out, n, depth[i] + 1 - depth[i + 1]);
	WRITE_COLUMN32(scratch, out, n, location[i + 1]);
}

/*
 * Append the trie as a symbol tree, for a dictionary that is large.  Returns
 * false with PYRO_NO_MEMORY.
 */
bool
dictionary_write_trie_by_context(const StackDictionary *stacks,
								 const Allocator *scratch, TextBuffer *out,
								 PyroError *error)
{
	return symbol_tree_write(stacks->node_depth, stacks->node_location,
							 stacks->nnodes, stacks->nlocations, scratch, out,
							 error);
}

/*
 * Append the other columns.
 */
void
dictionary_write_details(const StackDictionary *stacks,
						 ColumnScratch *scratch, TextBuffer *out)
{
	const StackMapping *mappings = stacks->mappings;
	const StackFunction *functions = stacks->functions;
	const StackLocation *locations = stacks->locations;
	const StackLine *lines = stacks->lines;
	uint32		n = stacks->nmappings;

	WRITE_COLUMN64(scratch, out, n, mappings[i].memory_start);
	WRITE_COLUMN64(scratch, out, n, mappings[i].memory_limit);
	WRITE_COLUMN64(scratch, out, n, mappings[i].file_offset);
	WRITE_COLUMN32(scratch, out, n, mappings[i].build_id);
	WRITE_COLUMN32(scratch, out, n, mappings[i].flags);
	n = stacks->nfunctions;
	WRITE_COLUMN32(scratch, out, n, index_difference(functions[i].system_name,
													 functions[i].name));
	WRITE_COLUMN32(scratch, out, n, functions[i].filename);
	WRITE_COLUMN64(scratch, out, n, zigzag_encode(functions[i].start_line));
	n = stacks->nlocations;
	WRITE_COLUMN32(scratch, out, n, locations[i].is_folded);
	WRITE_COLUMN64(scratch, out, n,
				   zigzag_encode((int64) (locations[i].address -
										  (i > 0 ? locations[i - 1].address : 0))));
	n = stacks->nlines;
	WRITE_COLUMN64(scratch, out, n,
				   zigzag_encode((int64) ((uint64) lines[i].line -
										  (lines[i].function == 0 ? 0 :
										   (uint64) functions[lines[i].function - 1].start_line))));
	WRITE_COLUMN64(scratch, out, n, zigzag_encode(lines[i].column));
}
