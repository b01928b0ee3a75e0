#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "runtime/target.h"

static char folder[] = "/tmp/dayfly-target.XXXXXX";
static int root = FD_NONE;

static int setup(void **state)
{
	const struct {
		const char *to, *name;
	} links[] = {
		{ "../../../../outside", "up" },
		{ folder, "away" },
		{ "../run/made/later", "dangling" },
		{ "circle", "circle" },
		{ "one", "two" },
		{ "two", "one" },
	};

	(void)state;
	if (!mkdtemp(folder) || chdir(folder) < 0 || mkdir("root", 0755) < 0 ||
		mkdir("outside", 0755) < 0)
		return -1;
	root = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlinkat(links[i].to, root, links[i].name) < 0)
			return -1;
	return root < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	root = fd_close(root);
	return tree_remove_at(AT_FDCWD, folder, NULL);
}

static void opens_as(const char *path, enum target_kind kind, const char *real)
{
	auto_fd int fd = target_open(root, path, kind);
	struct stat a, b;

	if (fd < 0)
		fail_msg("%s: error %d", path, -fd);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(fstatat(root, real, &b, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(S_ISDIR(a.st_mode), kind == TARGET_FOLDER);
}

static void missing_ones_are_made(void **state)
{
	(void)state;
	opens_as("/a/b/c", TARGET_FOLDER, "a/b/c");
	opens_as("/a/b/file", TARGET_FILE, "a/b/file");
	opens_as("//a/./x//y/", TARGET_FOLDER, "a/x/y");
	opens_as("/a/b/../z", TARGET_FOLDER, "a/z");
	assert_int_equal(target_open(root, "/nothing", TARGET_EXISTING), -ENOENT);
}

static void links_stay_inside(void **state)
{
	auto_free char *inside = xasprintf("%s/three", folder + 1);

	(void)state;
	opens_as("/up/one", TARGET_FOLDER, "outside/one");
	opens_as("/../../up/two", TARGET_FILE, "outside/two");
	assert_int_equal(access("outside/one", F_OK), -1);
	opens_as("/away/three", TARGET_FOLDER, inside);
	assert_int_equal(access("three", F_OK), -1);
}

static void what_a_dangling_link_means_is_made(void **state)
{
	(void)state;
	opens_as("/dangling", TARGET_FILE, "run/made/later");
}

static void circles_end(void **state)
{
	(void)state;
	assert_int_equal(target_open(root, "/circle/x", TARGET_FOLDER), -ELOOP);
	assert_int_equal(target_open(root, "/one", TARGET_FILE), -ELOOP);
}

static void the_parent_and_the_name_are_told_apart(void **state)
{
	auto_free char *name = NULL;
	char *no = NULL;
	auto_fd int dir = target_parent(root, "/dev/pts/ptmx", &name);

	(void)state;
	assert_true(dir >= 0);
	assert_string_equal(name, "ptmx");
	assert_int_equal(target_parent(root, "/dev/..", &no), -EINVAL);
	assert_int_equal(target_parent(root, "/", &no), -EINVAL);
	assert_null(no);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_ones_are_made),
		cmocka_unit_test(links_stay_inside),
		cmocka_unit_test(what_a_dangling_link_means_is_made),
		cmocka_unit_test(circles_end),
		cmocka_unit_test(the_parent_and_the_name_are_told_apart),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
