/*
 * dictionary_read.c
 *	  Read the columns of a StackDictionary.
 *
 * Readers of a dictionary need no checks of their own: its numbers are in
 * range.  That its parts are in canonical order is not checked.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "stack/dictionary_codec.h"
#include "stack/symbol_tree.h"

/*
 * Read strings that strings_write() wrote; string_bytes is what all of them
 * take, written out.  Returns false with PYRO_CORRUPT or PYRO_NO_MEMORY.
 */
bool
strings_read(ColumnReader *reader, uint32 nstrings, uint32 string_bytes,
			 StringRef **strings)
{
	PackedReader *in = &reader->in;
	char	   *bytes = columns_array(reader, string_bytes, 1);
	uint32		used = 0;
	StringRef	before = {"", 0};

	if (bytes == NULL)
		return false;
	*strings = columns_array(reader, nstrings, sizeof(StringRef));
	if (*strings == NULL ||
		!read_column32(reader, nstrings, "shared string lengths") ||
		!read_column64(reader, nstrings, "string lengths"))
		return false;
	for (uint32 i = 0; i < nstrings; i++)
	{
		uint32		shared = reader->scratch.numbers32[i];
		uint64		rest = reader->scratch.numbers64[i];

		if (shared > before.length || rest > string_bytes ||
			shared + rest > string_bytes - used ||
			rest > (uint64) (in->end - in->position))
			return columns_corrupt(reader, "string lengths");
		if (shared > 0)
			memcpy(bytes + used, before.data, shared);
		memcpy(bytes + used + shared, in->position, rest);
		in->position += rest;
		before = string_ref(bytes + used, shared + rest);
		(*strings)[i] = before;
		used += before.length;
	}
	return used == string_bytes || columns_corrupt(reader, "string table");
}

/* ---- names ---- */

/* Arrays of the dictionary, all zero. */
static bool
make_frames(DictionaryReader *r)
{
	StackDictionary *stacks = r->stacks;
	const DictionaryCounts *counts = &r->counts;

	stacks->nmappings = counts->nmappings;
	stacks->nfunctions = counts->nfunctions;
	stacks->nlocations = counts->nlocations;
	stacks->nlines = counts->nlines;
	stacks->mappings = columns_array(&r->columns, counts->nmappings,
									 sizeof(StackMapping));
	stacks->functions = columns_array(&r->columns, counts->nfunctions,
									  sizeof(StackFunction));
	stacks->locations = columns_array(&r->columns, counts->nlocations,
									  sizeof(StackLocation));
	stacks->lines = columns_array(&r->columns, counts->nlines,
								  sizeof(StackLine));
	if (stacks->mappings == NULL || stacks->functions == NULL ||
		stacks->locations == NULL || stacks->lines == NULL)
		return false;
	memset(stacks->mappings, 0, counts->nmappings * sizeof(StackMapping));
	memset(stacks->functions, 0, counts->nfunctions * sizeof(StackFunction));
	memset(stacks->locations, 0, counts->nlocations * sizeof(StackLocation));
	memset(stacks->lines, 0, counts->nlines * sizeof(StackLine));
	return true;
}

static bool
read_function_names(DictionaryReader *r)
{
	uint64		name = 0;

	if (!read_column32(&r->columns, r->counts.nfunctions, "function names"))
		return false;
	for (uint32 i = 0; i < r->counts.nfunctions; i++)
	{
		name += r->columns.scratch.numbers32[i];
		if (name >= r->counts.nstrings)
			return columns_corrupt(&r->columns, "function names");
		r->stacks->functions[i].name = name;
	}
	return true;
}

static bool
read_line_counts(DictionaryReader *r)
{
	StackLocation *locations = r->stacks->locations;
	const uint32 *counts = r->columns.scratch.numbers32;
	uint64		nlines = 0;

	if (!read_column32(&r->columns, r->counts.nlocations, "line counts"))
		return false;
	for (uint32 i = 0; i < r->counts.nlocations; i++)
	{
		locations[i].line_start = nlines;
		locations[i].nlines = counts[i];
		nlines += counts[i];
		if (nlines > r->counts.nlines)
			return columns_corrupt(&r->columns, "line counts");
	}
	return nlines == r->counts.nlines ||
		columns_corrupt(&r->columns, "line counts");
}

static bool
read_line_functions(DictionaryReader *r)
{
	uint32		function = 0;

	if (!read_column32(&r->columns, r->counts.nlines, "line functions"))
		return false;
	for (uint32 i = 0; i < r->counts.nlines; i++)
	{
		function = apply_difference(r->columns.scratch.numbers32[i], function);
		if (function > r->counts.nfunctions)
			return columns_corrupt(&r->columns, "line functions");
		r->stacks->lines[i].function = function;
	}
	return true;
}

/*
 * Read strings and what names frames; the fields that the details have are 0.
 *
 * Memory comes from the reader's allocator.  Returns false with PYRO_CORRUPT
 * or PYRO_NO_MEMORY.
 */
bool
dictionary_read_names(DictionaryReader *reader)
{
	ColumnReader *columns = &reader->columns;
	StackDictionary *stacks = reader->stacks;
	const DictionaryCounts *counts = &reader->counts;

	stacks->nstrings = counts->nstrings;
	if (!strings_read(columns, counts->nstrings, counts->string_bytes,
					  &stacks->strings))
		return false;
	if (counts->nstrings == 0 || stacks->strings[0].length != 0)
		return columns_corrupt(columns, "string table");
	if (!make_frames(reader))
		return false;
	READ_INDEXES(columns, counts->nmappings, counts->nstrings,
				 stacks->mappings[i].filename, "mapping file");
	if (!read_function_names(reader) || !read_line_counts(reader))
		return false;
	READ_INDEXES(columns, counts->nlocations, counts->nmappings + 1,
				 stacks->locations[i].mapping, "location mappings");
	return read_line_functions(reader);
}

/* ---- trie ---- */

/*
 * Read the trie, behind the names.  Memory and errors as there.
 */
bool
dictionary_read_trie(DictionaryReader *reader)
{
	ColumnReader *columns = &reader->columns;
	StackDictionary *stacks = reader->stacks;
	uint32		n = reader->counts.nnodes;
	uint32	   *parent;
	uint32	   *depth;
	uint32	   *path;			/* the last node at each depth */

	if (n == 0)
		return columns_corrupt(columns, "stack trie");
	parent = columns_array(columns, n, sizeof(uint32));
	depth = columns_array(columns, n, sizeof(uint32));
	path = columns_array(columns, n, sizeof(uint32));
	stacks->node_location = columns_array(columns, n, sizeof(uint32));
	if (parent == NULL || depth == NULL || path == NULL ||
		stacks->node_location == NULL ||
		!read_column32(columns, n - 1, "stack trie"))
		return false;
	stacks->nnodes = n;
	stacks->node_parent = parent;
	stacks->node_depth = depth;
	parent[0] = depth[0] = path[0] = stacks->node_location[0] = 0;
	for (uint32 i = 1; i < n; i++)
	{
		uint32		up = columns->scratch.numbers32[i - 1];

		if (up > depth[i - 1])
			return columns_corrupt(columns, "stack trie");
		depth[i] = depth[i - 1] + 1 - up;
		parent[i] = path[depth[i] - 1];
		path[depth[i]] = i;
	}
	READ_INDEXES(columns, n - 1, reader->counts.nlocations,
				 stacks->node_location[i + 1], "stack locations");
	return true;
}

/*
 * Read a trie that dictionary_write_trie_by_context() wrote.
 */
bool
dictionary_read_trie_by_context(DictionaryReader *reader)
{
	ColumnReader *columns = &reader->columns;
	StackDictionary *stacks = reader->stacks;
	uint32		n = reader->counts.nnodes;

	stacks->node_parent = columns_array(columns, n, sizeof(uint32));
	stacks->node_depth = columns_array(columns, n, sizeof(uint32));
	stacks->node_location = columns_array(columns, n, sizeof(uint32));
	if (stacks->node_parent == NULL || stacks->node_depth == NULL ||
		stacks->node_location == NULL)
		return false;
	stacks->nnodes = n;
	return symbol_tree_read(columns, n, reader->counts.nlocations,
							stacks->node_parent, stacks->node_depth,
							stacks->node_location);
}

/* ---- details ---- */

static bool
read_mapping_details(DictionaryReader *r)
{
	ColumnReader *columns = &r->columns;
	uint32		n = r->counts.nmappings;
	StackMapping *mappings = r->stacks->mappings;

	READ_NUMBERS64(columns, n, mappings[i].memory_start, AS_IT_IS,
				   "mapping start");
	READ_NUMBERS64(columns, n, mappings[i].memory_limit, AS_IT_IS,
				   "mapping limit");
	READ_NUMBERS64(columns, n, mappings[i].file_offset, AS_IT_IS,
				   "mapping offset");
	READ_INDEXES(columns, n, r->counts.nstrings, mappings[i].build_id,
				 "mapping build id");
	READ_INDEXES(columns, n, 16, mappings[i].flags, "mapping flags");
	return true;
}

static bool
read_function_details(DictionaryReader *r)
{
	ColumnReader *columns = &r->columns;
	uint32		n = r->counts.nfunctions;
	uint32		nstrings = r->counts.nstrings;
	StackFunction *functions = r->stacks->functions;

	if (!read_column32(columns, n, "system names"))
		return false;
	for (uint32 i = 0; i < n; i++)
	{
		functions[i].system_name = apply_difference(columns->scratch.numbers32[i],
													functions[i].name);
		if (functions[i].system_name >= nstrings)
			return columns_corrupt(columns, "system names");
	}
	READ_INDEXES(columns, n, nstrings, functions[i].filename,
				 "function files");
	READ_NUMBERS64(columns, n, functions[i].start_line, zigzag_decode,
				   "start lines");
	return true;
}

static bool
read_location_details(DictionaryReader *r)
{
	ColumnReader *columns = &r->columns;
	uint32		n = r->counts.nlocations;
	StackLocation *locations = r->stacks->locations;
	uint64		address = 0;

	READ_INDEXES(columns, n, 2, locations[i].is_folded, "location flags");
	if (!read_column64(columns, n, "addresses"))
		return false;
	for (uint32 i = 0; i < n; i++)
	{
		address += (uint64) zigzag_decode(columns->scratch.numbers64[i]);
		locations[i].address = address;
	}
	return true;
}

static bool
read_line_details(DictionaryReader *r)
{
	ColumnReader *columns = &r->columns;
	uint32		n = r->counts.nlines;
	StackLine  *lines = r->stacks->lines;

	if (!read_column64(columns, n, "lines"))
		return false;
	for (uint32 i = 0; i < n; i++)
	{
		uint64		start = 0;

		if (lines[i].function != 0)
			start = r->stacks->functions[lines[i].function - 1].start_line;
		lines[i].line = (int64) (start +
								 (uint64) zigzag_decode(columns->scratch.numbers64[i]));
	}
	READ_NUMBERS64(columns, n, lines[i].column, zigzag_decode, "columns");
	return true;
}

/*
 * Read what is left of the dictionary, behind the names.  Errors as there.
 */
bool
dictionary_read_details(DictionaryReader *reader)
{
	return read_mapping_details(reader) && read_function_details(reader) &&
		read_location_details(reader) && read_line_details(reader);
}
