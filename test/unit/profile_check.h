/*
 * profile_check.h
 *	  Reads profiles in tests, and checks that nothing is lost on any way.
 */
#ifndef PYRO_PROFILE_CHECK_H
#define PYRO_PROFILE_CHECK_H

#include "profile/pprof.h"
#include "profile/profile_flat.h"
#include "stack/hash.h"

#include "pprof_build.h"

#define CHECK_MEMORY	((size_t) 4 << 30)

static const ProfileLimits wide_limits = {
	.max_size = (size_t) 256 << 20,
	.max_samples = 10000000,
	.max_stack_depth = 10000000
};

/* Append the stored form of a profile to an empty buffer of this memory. */
static inline bool
write_flat(const Profile *profile, bool compress, UnitMemory *memory,
		   TextBuffer *flat, PyroError *error)
{
	text_buffer_init(flat, &memory->allocator, PROFILE_FLAT_MAX_SIZE);
	return profile_flat_write(profile, compress, flat, error);
}

static inline bool
same_bytes(const TextBuffer *a, const TextBuffer *b)
{
	return a->length == b->length &&
		(a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

/* What readers of a Profile rely on: every index leads somewhere. */
static inline const char *
find_wrong_index(const Profile *profile)
{
	const StackDictionary *stacks = profile->stacks;
	uint32		nstrings = stacks->nstrings;

	if (nstrings == 0 || stacks->strings[0].length != 0)
		return "string 0 is not empty";
	for (uint32 i = 0; i < stacks->nmappings; i++)
		if (stacks->mappings[i].filename >= nstrings ||
			stacks->mappings[i].build_id >= nstrings)
			return "a mapping's string does not exist";
	if (profile->main_mapping > stacks->nmappings)
		return "the main mapping does not exist";
	for (uint32 i = 0; i < stacks->nfunctions; i++)
		if (stacks->functions[i].name >= nstrings ||
			stacks->functions[i].system_name >= nstrings ||
			stacks->functions[i].filename >= nstrings)
			return "a function's string does not exist";
	for (uint32 i = 0; i < stacks->nlocations; i++)
		if (stacks->locations[i].mapping > stacks->nmappings ||
			(uint64) stacks->locations[i].line_start +
			stacks->locations[i].nlines > stacks->nlines)
			return "a location is wrong";
	for (uint32 i = 0; i < stacks->nlines; i++)
		if (stacks->lines[i].function > stacks->nfunctions)
			return "a line's function does not exist";
	if (stacks->nnodes == 0)
		return "there is no root";
	for (uint32 i = 1; i < stacks->nnodes; i++)
		if (stacks->node_parent[i] >= i ||
			stacks->node_location[i] >= stacks->nlocations ||
			stacks->node_depth[i] !=
			stacks->node_depth[stacks->node_parent[i]] + 1)
			return "a node is wrong";
	for (uint32 i = 0; i < profile->header.nsamples; i++)
		if (profile->sample_node[i] >= stacks->nnodes)
			return "a sample is wrong";
	if (profile->label_set_end == NULL)
		return NULL;			/* opened for its names only */
	if (profile->nlabel_sets == 0 || profile->label_set_end[0] != 0)
		return "label set 0 is not empty";
	for (uint32 i = 1; i < profile->nlabel_sets; i++)
		if (profile->label_set_end[i] < profile->label_set_end[i - 1])
			return "a label set ends before it starts";
	for (uint32 i = 0; i < profile->label_set_end[profile->nlabel_sets - 1]; i++)
		if (profile->labels[i].key >= nstrings ||
			profile->labels[i].string >= nstrings ||
			profile->labels[i].unit >= nstrings)
			return "a label's string does not exist";
	for (uint32 i = 0; i < profile->header.nsamples; i++)
		if (profile->sample_label_set[i] >= profile->nlabel_sets)
			return "a sample's labels do not exist";
	for (uint32 i = 0; i < profile->ncomments; i++)
		if (profile->comments[i] >= nstrings)
			return "a comment does not exist";
	return NULL;
}

/* Does a sibling stand before a node that should stand behind it? */
static inline bool
node_is_misplaced(const StackDictionary *stacks, uint32 node)
{
	uint32		before = node - 1;

	while (stacks->node_depth[before] > stacks->node_depth[node])
		before = stacks->node_parent[before];
	return before != stacks->node_parent[node] &&
		(stacks->node_parent[before] != stacks->node_parent[node] ||
		 stacks->node_location[before] >= stacks->node_location[node]);
}

/* All that stack_dictionary.h and profile.h promise? */
static inline const char *
find_flaw(const Profile *profile)
{
	const StackDictionary *stacks = profile->stacks;
	const char *wrong = find_wrong_index(profile);

	if (wrong != NULL)
		return wrong;
	for (uint32 i = 1; i < stacks->nstrings; i++)
		if (string_ref_compare(stacks->strings[i - 1], stacks->strings[i]) >= 0)
			return "strings are out of order";
	if ((profile->main_mapping == 0) != (stacks->nmappings == 0))
		return "the main mapping is missing";
	for (uint32 i = 1; i < stacks->nfunctions; i++)
		if (stacks->functions[i].name < stacks->functions[i - 1].name)
			return "functions are out of order";
	for (uint32 i = 1; i < stacks->nlocations; i++)
		if (stacks->locations[i].line_start !=
			stacks->locations[i - 1].line_start + stacks->locations[i - 1].nlines)
			return "lines are out of order";
	for (uint32 i = 1; i < stacks->nnodes; i++)
		if (node_is_misplaced(stacks, i))
			return "nodes are out of order";
	for (uint32 i = 1; i < profile->nlabel_sets; i++)
		if (profile->label_set_end[i] == profile->label_set_end[i - 1])
			return "a label set but the first is empty";
	for (uint32 i = 1; i < profile->header.nsamples; i++)
		if (profile->sample_node[i] < profile->sample_node[i - 1] ||
			(profile->sample_node[i] == profile->sample_node[i - 1] &&
			 profile->sample_label_set[i] < profile->sample_label_set[i - 1]))
			return "samples are out of order";
	return NULL;
}

/*
 * Make the checksums of a stored profile right after its bytes were changed,
 * so that what stands behind that check is reached.  The sections must not be
 * compressed.
 */
static inline void
fix_content_hash(uint8 *bytes, size_t size)
{
	ProfileFlatHead head;

	if (size < sizeof(head))
		return;
	memcpy(&head, bytes, sizeof(head));
	if (head.compression != 0 || head.head_size < sizeof(head) ||
		head.head_size > size || head.names_size > size - head.head_size)
		return;
	head.names_hash = hash_bytes64(bytes + head.head_size, head.names_size,
								   profile_flat_hash_head(bytes));
	head.content_hash = hash_bytes64(bytes + head.head_size + head.names_size,
									 size - head.head_size - head.names_size,
									 head.names_hash);
	memcpy(bytes, &head, sizeof(head));
}

/*
 * Write a profile, open that, encode that as pprof, read that and write it
 * again: the first and the last stored form must be equal, and so must one
 * written from the opened profile.
 *
 * Returns NULL, or what went wrong; *error holds the message if there is one.
 */
static inline const char *
check_round_trip(const Profile *profile, UnitMemory *memory, PyroError *error)
{
	TextBuffer	first;
	TextBuffer	again;
	TextBuffer	last;
	TextBuffer	pprof;
	Profile		opened;
	Profile		reread;
	const char *flaw = find_flaw(profile);
	static const ProfileLimits no_limits = {.max_size = (size_t) 4 << 30};

	error->message[0] = '\0';
	if (flaw != NULL)
		return flaw;
	if (!write_flat(profile, true, memory, &first, error))
		return "writing failed";
	if (!profile_flat_open((uint8 *) first.data, first.length, CHECK_MEMORY,
						   &memory->allocator, &opened, error))
		return "opening failed";
	if ((flaw = find_flaw(&opened)) != NULL)
		return flaw;
	if (!write_flat(&opened, true, memory, &again, error) ||
		!same_bytes(&first, &again))
		return "the stored form of the opened profile differs";
	text_buffer_init(&pprof, &memory->allocator, (size_t) 1 << 30);
	if (!pprof_encode(&opened, &pprof, error))
		return "encoding failed";
	if (pprof.length == 0)
		return NULL;
	if (!pprof_check_size(&opened, pprof.length, &memory->allocator, error))
		return "its pprof form is said to be larger than it is";
	if (pprof_check_size(&opened, pprof.length - 1, &memory->allocator, error))
		return "its pprof form is said to be smaller than it is";
	if (!pprof_read((uint8 *) pprof.data, pprof.length, &no_limits,
					&memory->allocator, &reread, error))
		return "reading our own encoding failed";
	if (!write_flat(&reread, true, memory, &last, error) ||
		!same_bytes(&first, &last))
		return "the stored form differs after encoding and reading";
	return NULL;
}

/* ---- files ---- */

/* A file's bytes, malloc'd; NULL when it cannot be read. */
static inline uint8 *
read_whole_file(const char *path, size_t *size)
{
	FILE	   *file = fopen(path, "rb");
	uint8	   *bytes;
	long		length;

	if (file == NULL)
		return NULL;
	if (fseek(file, 0, SEEK_END) != 0 || (length = ftell(file)) < 0)
	{
		fclose(file);
		return NULL;
	}
	rewind(file);
	bytes = malloc(length + 1);
	*size = fread(bytes, 1, length, file);
	fclose(file);
	return bytes;
}

typedef void (*ProfileFileTest) (const char *path, const char *format,
								 const uint8 *bytes, size_t size);

/*
 * Call a test for each pprof file of a tab-separated list whose first column
 * is the path below a folder, and whose format_column says what it is.
 */
static inline uint32
for_listed_files(const char *folder, const char *list, int format_column,
				 ProfileFileTest test)
{
	char		path[2048];
	char		line[8192];
	FILE	   *file;
	uint32		n = 0;

	snprintf(path, sizeof(path), "%s/%s", folder, list);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char	   *rest = line;
		char	   *name = strsep(&rest, "\t\n");
		char	   *format = NULL;
		uint8	   *bytes;
		size_t		size;

		for (int i = 0; i < format_column && rest != NULL; i++)
			format = strsep(&rest, "\t\n");
		if (format == NULL || strncmp(format, "pprof", 5) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, name);
		bytes = read_whole_file(path, &size);
		if (bytes == NULL)
			continue;
		test(path, format, bytes, size);
		free(bytes);
		n++;
	}
	fclose(file);
	return n;
}

/* All pprof files of test/data, and of the corpora where those are. */
static inline uint32
for_all_files(ProfileFileTest test)
{
	const char *corpora = getenv("PYRO_CORPORA");

	if (corpora == NULL)
		corpora = "../shared/corpora";
	return for_listed_files("test/data", "COUNTS.tsv", 1, test) +
		for_listed_files(corpora, "MANIFEST.tsv", 6, test);
}

#endif							/* PYRO_PROFILE_CHECK_H */
