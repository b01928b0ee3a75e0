/* File name patterns and lists of them. What they mean was taken from Docker's reference and from the tests of
 * moby/patternmatcher. */
#include "../unit.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/timefmt.h"
#include "dockerfile/ignore.h"
#include "dockerfile/pattern.h"

static void names_match_as_in_go(void **unused)
{
	/* clang-format off */
	static const struct {
		const char *pattern, *path;
		bool match;
	} rows[] = {
		{ "abc", "abc", true }, { "abc", "abcd", false }, { "*", "abc", true }, { "*c", "abc", true },
		{ "a*", "a", true }, { "a*", "abc", true }, { "a*", "ab/c", false }, { "a*/b", "abc/b", true },
		{ "a*/b", "a/c/b", false }, { "a*b*c*d*e*/f", "axbxcxdxe/f", true },
		{ "a*b*c*d*e*/f", "axbxcxdxexxx/f", true }, { "a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false },
		{ "a*b?c*x", "abxbbxdbxebxczzx", true }, { "a*b?c*x", "abxbbxdbxebxczzy", false },
		{ "ab[c]", "abc", true }, { "ab[b-d]", "abc", true }, { "ab[e-g]", "abc", false },
		{ "ab[^c]", "abc", false }, { "ab[^b-d]", "abc", false }, { "ab[^e-g]", "abc", true },
		{ "a\\*b", "a*b", true }, { "a\\*b", "ab", false }, { "a?b", "a\303\251b", true },
		{ "a[^a]b", "a\303\251b", true }, { "a???b", "a\303\251b", false }, { "[a-\303\266]*", "\303\241", true },
		{ "*[a-z]", "a", true }, { "[\\]a]", "]", true }, { "[\\-]", "-", true }, { "[x\\-]", "x", true },
		{ "[x\\-]", "z", false }, { "[\\-x]", "a", false }, { "a?b", "a/b", false }, { "a*b", "a/b", false },
		{ "*x", "xxx", true }, { "", "", true }, { "", "a", false }, { "**", "ab", true }, { "**", "a/b", false },
		{ "?", "\377", true }, { "\303\251", "\303\251", true },
	};
	/* clang-format on */

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_pattern struct pattern *p = NULL;

		assert_int_equal(pattern_compile(rows[i].pattern, false, &p, NULL), 0);
		if (pattern_match(p, rows[i].path) != rows[i].match)
			fail_msg("%s against %s", rows[i].pattern, rows[i].path);
	}
}

static void two_stars_are_any_number_of_folders(void **unused)
{
	/* clang-format off */
	static const struct {
		const char *pattern, *path;
		bool match;
	} rows[] = {
		{ "**", "file", true }, { "**", "dir/file", true }, { "**/file", "file", true },
		{ "**/file", "a/b/file", true }, { "**/file", "a/bfile", false }, { "**/*.txt", "a.txt", true },
		{ "**/*.txt", "a/b.txt", true }, { "**/**/*.txt", "a/b/c.txt", true }, { "**/**/*.txt", "a.txt", true },
		{ "dir/**", "dir/file", true }, { "dir/**", "dir/a/b", true }, { "dir/**", "dir", false },
		{ "dir/**", "dirx/a", false }, { "dir**", "dirx/a", true }, { "a**", "b", false },
		{ "a/**/b", "a/b", true }, { "a/**/b", "a/x/y/b", true }, { "a/**/b", "a/xb", false },
		{ "a**b", "ab", true }, { "a**/*/b", "a/x/b", true }, { "**foo", "a/barfoo", true }, { "**foo", "foo", true },
		{ "**/foo/**", "foo/bar", true }, { "**/foo/**", "a/foo/bar/baz", true }, { "**/foo/**", "foobar", false },
		{ "a/**/*.o", "a/x.o", true }, { "a/**/*.o", "a/b/c/x.o", true }, { "a/**/*.o", "x.o", false },
		{ "**/[^.]*/c", "x/.b/c", false }, { "a[b-d]e", "ace", true }, { "abc.def", "abcZdef", false },
		{ "a(b)c", "a(b)c", true }, { "a.|)$(}+{bc", "a.|)$(}+{bc", true },
	};
	/* clang-format on */

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_pattern struct pattern *p = NULL;

		assert_int_equal(pattern_compile(rows[i].pattern, true, &p, NULL), 0);
		if (pattern_match(p, rows[i].path) != rows[i].match)
			fail_msg("%s against %s", rows[i].pattern, rows[i].path);
	}
}

static void a_pattern_that_is_none_is_refused(void **unused)
{
	static const char *const bad[] = { "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^",
		"[^bc", "a[", "a[b", "\\", "a\\", "[\\" };
	struct pattern *p = NULL;
	struct err err = { 0 };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_true(pattern_compile(bad[i], false, &p, &err) < 0);
		assert_true(str_starts(err.msg, "syntax error in pattern: "));
		assert_null(p);
	}
}

/* With going back, this would take longer than the universe has existed. */
static void no_pattern_takes_long(void **unused)
{
	auto_buf struct buf pattern = { 0 }, path = { 0 };
	auto_pattern struct pattern *p = NULL;
	int64_t begin = time_monotonic();

	(void)unused;
	for (int i = 0; i < 500; i++) {
		buf_adds(&pattern, "**/*a");
		buf_adds(&path, "aaaaaaa/");
	}
	buf_adds(&pattern, "b");
	assert_int_equal(pattern_compile(pattern.data, true, &p, NULL), 0);
	assert_false(pattern_match(p, path.data));
	assert_true(time_monotonic() - begin < 30 * NSEC_PER_SEC);
}

static void wildcards_are_told_from_names(void **unused)
{
	static const char *const wild[] = { "*", "a?", "[a]b", "a\\\\*" };
	static const char *const plain[] = { "", "a", "a\\*", "\\[a]", "a]", "a\\" };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(wild); i++)
		assert_true(pattern_is_wild(wild[i]));
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		assert_false(pattern_is_wild(plain[i]));
}

static void the_last_line_that_fits_decides(void **unused)
{
	/* clang-format off */
	static const struct {
		const char *text;
		const char *out[5], *in[5];
	} rows[] = {
		{ "", { NULL }, { "a" } },
		{ "# a\n\na\n", { "a", "a/b", "a/b/c" }, { "b", "b/a", "# a" } },
		{ "a/", { "a", "a/b" }, { "b" } },
		{ "/a", { "a" }, { "b/a" } },
		{ "./a/../b", { "b" }, { "a" } },
		{ "  a  \r\n\tb\n", { "a", "b" }, { " a" } },
		{ " # a", { "# a" }, { "a" } },
		{ "*", { "a", "a/b" }, { NULL } },
		{ "*/a", { "x/a" }, { "a", "x/y/a" } },
		{ "*/*/a", { "x/y/a" }, { "x/a" } },
		{ "a?", { "ab" }, { "a", "abc" } },
		{ "**/*.go", { "a.go", "x/y/b.go" }, { "a.c" } },
		{ "*.md\n!README.md", { "a.md" }, { "README.md" } },
		{ "*.md\n!README*.md\nREADME-secret.md", { "a.md", "README-secret.md" }, { "README.md" } },
		{ "*.md\nREADME-secret.md\n!README*.md", { "a.md" }, { "README-secret.md" } },
		{ "a\n!a/b", { "a", "a/c" }, { "a/b", "a/b/c" } },
		{ "*\n!a\na/b", { "x", "a/b" }, { "a", "a/c" } },
		{ "! a\n", { NULL }, { "a" } },
		{ "a\n!/a/b/", { "a/c" }, { "a/b" } },
		{ "\357\273\277a", { "a" }, { "b" } },
		{ ".git\n**/.git", { ".git", "x/.git/y" }, { ".gitignore" } },
		{ "!a", { NULL }, { "a" } },
		{ ".", { NULL }, { "a" } },
		{ "a\\*", { "a*" }, { "ab" } },
	};
	/* clang-format on */

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_ignore struct ignore *ig = NULL;
		struct err err = { 0 };

		if (ignore_parse(rows[i].text, strlen(rows[i].text), ".dockerignore", &ig, &err) <
			0)
			fail_msg("%s: %s", rows[i].text, err.msg);
		for (size_t k = 0; rows[i].out[k]; k++)
			if (!ignore_match(ig, rows[i].out[k]))
				fail_msg("%s keeps %s", rows[i].text, rows[i].out[k]);
		for (size_t k = 0; rows[i].in[k]; k++)
			if (ignore_match(ig, rows[i].in[k]))
				fail_msg("%s leaves out %s", rows[i].text, rows[i].in[k]);
	}
}

static void a_folder_is_walked_if_it_may_hold_something(void **unused)
{
	static const struct {
		const char *text, *folder;
		bool may;
	} rows[] = {
		{ "a", "a", false },
		{ "a\n!a/b", "a", true },
		{ "a\n!a/b/c", "a/b", true },
		{ "a\n!a/b", "a/c", false },
		{ "a\n!a/b", "x", false },
		{ "a\n!ab", "a", false },
		{ "*\n!**/x", "a/b", true },
		{ "*\n!a/*/x", "a/b", true },
		{ "*\n!a/*/x", "b", false },
		{ "*\n!a/b*", "a", true },
		{ "*\n!a/b*", "a/c", true },
		{ "*\n!a", "a/b", true },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_ignore struct ignore *ig = NULL;

		assert_int_equal(
			ignore_parse(rows[i].text, strlen(rows[i].text), "x", &ig, NULL), 0);
		if (ignore_may_keep_below(ig, rows[i].folder) != rows[i].may)
			fail_msg("%s: %s", rows[i].text, rows[i].folder);
	}
}

static void a_bad_line_is_named(void **unused)
{
	struct ignore *ig = NULL;
	struct err err = { 0 };

	(void)unused;
	assert_true(ignore_parse("a\n[\n", 4, ".dockerignore", &ig, &err) < 0);
	assert_string_equal(err.msg, ".dockerignore: line 2: syntax error in pattern: [");
	assert_true(ignore_parse("!", 1, ".dockerignore", &ig, &err) < 0);
	assert_string_equal(err.msg, ".dockerignore: line 1: illegal exclusion pattern: \"!\"");
	assert_true(ignore_parse("a\0b", 3, ".dockerignore", &ig, &err) < 0);
	assert_string_equal(err.msg, ".dockerignore is not text");
}

static void exclude_flags_are_such_a_list(void **unused)
{
	char *patterns[] = { (char[]){ "*.o" }, (char[]){ "!a.o" }, NULL };
	auto_ignore struct ignore *ig = NULL, *none = NULL;

	(void)unused;
	assert_int_equal(ignore_of(patterns, &ig, NULL), 0);
	assert_true(ignore_match(ig, "b.o"));
	assert_false(ignore_match(ig, "a.o"));
	assert_int_equal(ignore_of(NULL, &none, NULL), 0);
	assert_false(ignore_match(none, "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_match_as_in_go),
		cmocka_unit_test(two_stars_are_any_number_of_folders),
		cmocka_unit_test(a_pattern_that_is_none_is_refused),
		cmocka_unit_test(no_pattern_takes_long),
		cmocka_unit_test(wildcards_are_told_from_names),
		cmocka_unit_test(the_last_line_that_fits_decides),
		cmocka_unit_test(a_folder_is_walked_if_it_may_hold_something),
		cmocka_unit_test(a_bad_line_is_named),
		cmocka_unit_test(exclude_flags_are_such_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
