/*
 * test_clean_path.c
 *	  Paths are cleaned as Go's filepath.Clean cleans them.
 */
#include "postgres_fe.h"

#include "stack/clean_path.h"

#include "unit.h"

/* What Go's filepath.Clean makes of these, but for the empty one. */
static const char *const paths[][2] = {
	{"", ""},
	{"a", "a"},
	{"/", "/"},
	{"//", "/"},
	{"/a/b.c", "/a/b.c"},
	{"a//b", "a/b"},
	{"a/", "a"},
	{"dir//", "dir"},
	{".", "."},
	{"./", "."},
	{"./main.go", "main.go"},
	{"/./a", "/a"},
	{"a/./b", "a/b"},
	{"..", ".."},
	{"../..", "../.."},
	{"../../a/../b", "../../b"},
	{"a/..", "."},
	{"a/../..", ".."},
	{"a/../../b", "../b"},
	{"a/b/../c", "a/c"},
	{"a/b/../../c", "c"},
	{"/..", "/"},
	{"/../a", "/a"},
	{"/a/../../b", "/b"},
	{"/rustc/1/core/src/../../stdarch/x86/sse2.rs",
	"/rustc/1/stdarch/x86/sse2.rs"},
	{"...", "..."},
	{"a/.../b", "a/.../b"},
	{"..a/b", "..a/b"},
	{"a../b..", "a../b.."},
	{".a", ".a"},
	{"..//..//x/./", "../../x"}
};

static void
test_known(void)
{
	for (size_t i = 0; i < lengthof(paths); i++)
	{
		uint32		length = strlen(paths[i][0]);
		char	   *copy = malloc(length + 1);
		uint32		n;

		memcpy(copy, paths[i][0], length);
		n = clean_path(copy, length);
		unit_ok(string_ref_equal(string_ref(copy, n),
								 string_ref_literal(paths[i][1])),
				"\"%s\" becomes \"%s\"", paths[i][0], paths[i][1]);
		free(copy);
	}
	unit_ok(path_is_clean(string_ref_literal("/a/.b/c..")) &&
			path_is_clean(string_ref_literal("...")) &&
			path_is_clean(string_ref_literal("")),
			"a path can be clean already");
}

/* All paths of up to nine of these characters: clean is clean, and stays so. */
static void
test_all_short(void)
{
	static const char characters[] = "./a";
	uint32		nwrong = 0;
	uint32		npaths = 0;

	for (uint32 length = 1, count = 3; length <= 9; length++, count *= 3)
		for (uint32 number = 0; number < count; number++)
		{
			char		path[9];
			char		again[9];
			uint32		n;

			for (uint32 i = 0, rest = number; i < length; i++, rest /= 3)
				path[i] = characters[rest % 3];
			memcpy(again, path, length);
			n = clean_path(path, length);
			npaths++;
			if (path_is_clean(string_ref(again, length)))
				nwrong += n != length || memcmp(path, again, n) != 0;
			memcpy(again, path, n);
			nwrong += n == 0 || clean_path(again, n) != n ||
				memcmp(path, again, n) != 0;
			if (n != 1 && path[0] != '.')
				nwrong += !path_is_clean(string_ref(path, n));
		}
	unit_ok(nwrong == 0, "%u short paths: cleaning twice changes nothing",
			npaths);
}

int
main(void)
{
	test_known();
	test_all_short();
	return unit_finish();
}
