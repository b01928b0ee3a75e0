/* Paths as `docker cp` means them. */
#include "../unit.h"

#include <sys/stat.h>

#include "base/alloc.h"
#include "worker/place.h"

static void the_end_of_a_path_says_what_is_meant(void **state)
{
	static const struct {
		const char *typed, *path, *base;
		bool folder;
	} rows[] = {
		{ "/", "/", "/", true },
		{ ".", "/", ".", true },
		{ "./", "/", ".", true },
		{ "/.", "/", ".", true },
		{ "/./", "/", ".", true },
		{ "..", "/", "/", false },
		{ "a", "/a", "a", false },
		{ "/a//b/../c", "/a/c", "c", false },
		{ "/a/b/", "/a/b", "b", true },
		{ "/a/b/.", "/a/b", ".", true },
		{ "/a/b/.//", "/a/b", ".", true },
		{ "/a/b.", "/a/b.", "b.", false },
		{ "/a/..", "/", "/", false },
		{ "../../a", "/a", "a", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_place struct place p;

		place_parse(rows[i].typed, &p);
		assert_string_equal(p.path, rows[i].path);
		assert_string_equal(p.base, rows[i].base);
		assert_int_equal(p.folder, rows[i].folder);
	}
}

static void modes_are_counted_as_in_go(void **state)
{
	(void)state;
	assert_int_equal(place_go_mode(S_IFREG | 0644), 0644);
	assert_int_equal(place_go_mode(S_IFDIR | 01777), 1u << 31 | 1u << 20 | 0777);
	assert_int_equal(place_go_mode(S_IFLNK | 0777), 1u << 27 | 0777);
	assert_int_equal(place_go_mode(S_IFCHR | 0600), 1u << 26 | 1u << 21 | 0600);
	assert_int_equal(place_go_mode(S_IFBLK | 0600), 1u << 26 | 0600);
	assert_int_equal(place_go_mode(S_IFIFO | 0600), 1u << 25 | 0600);
	assert_int_equal(place_go_mode(S_IFSOCK | 0600), 1u << 24 | 0600);
	assert_int_equal(place_go_mode(S_IFREG | 06755), 1u << 23 | 1u << 22 | 0755);
}

static void links_are_followed_to_their_end_and_not_out(void **state)
{
	static const struct {
		const char *path, *end;
	} rows[] = {
		{ "/", "/" },
		{ "/d/f", "/d/f" },
		{ "/to-d/f", "/d/f" },
		{ "/abs", "/d/f" },
		{ "/up", "/d" },
		{ "/none", "/d/missing/x" },
		{ "/none/more", "/d/missing/x/more" },
		{ "/missing/../d", "/d" },
		{ "/chain", "/d/f" },
		{ "/circle", NULL },
	};
	struct folder f = make_folder();

	(void)state;
	assert_int_equal(mkdirat(f.fd, "d", 0755), 0);
	assert_int_equal(mknodat(f.fd, "d/f", S_IFREG | 0644, 0), 0);
	assert_int_equal(symlinkat("d", f.fd, "to-d"), 0);
	assert_int_equal(symlinkat("/d/f", f.fd, "abs"), 0);
	assert_int_equal(symlinkat("../../../../d/.", f.fd, "up"), 0);
	assert_int_equal(symlinkat("d/missing/x", f.fd, "none"), 0);
	assert_int_equal(symlinkat("/up/../to-d//f", f.fd, "chain"), 0);
	assert_int_equal(symlinkat("circle", f.fd, "circle"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_free char *end = place_follow(f.fd, rows[i].path);

		if (rows[i].end)
			assert_string_equal(end, rows[i].end);
		else
			assert_null(end);
	}
	drop_folder(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_end_of_a_path_says_what_is_meant),
		cmocka_unit_test(modes_are_counted_as_in_go),
		cmocka_unit_test(links_are_followed_to_their_end_and_not_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
