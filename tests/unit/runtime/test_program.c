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
#include "base/path.h"
#include "runtime/program.h"

static char folder[] = "/tmp/dayfly-program.XXXXXX";

static void make(const char *name, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder) || chdir(folder) < 0)
		return -1;
	(void)mkdir("a", 0755);
	(void)mkdir("b", 0755);
	(void)mkdir("a/tool", 0755); /* a folder in the way */
	make("b/tool", 0755);
	make("a/text", 0644);
	make("here", 0755);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove_at(AT_FDCWD, folder, NULL);
}

static void the_first_that_can_be_executed_is_taken(void **state)
{
	auto_free char *path = NULL;

	(void)state;
	assert_int_equal(program_search("tool", "a:b", &path), 0);
	assert_string_equal(path, "b/tool");
}

static void what_is_not_there_is_not_found(void **state)
{
	char *path = NULL;

	(void)state;
	assert_int_equal(program_search("tool", "a", &path), -ENOENT);
	assert_int_equal(program_search("text", "a:b", &path), -ENOENT);
	assert_int_equal(program_search("", "a:b", &path), -ENOENT);
	assert_int_equal(program_search("tool", "", &path), -ENOENT);
	assert_int_equal(program_search("b/nothing", "a:b", &path), -ENOENT);
	assert_null(path);
}

static void a_path_is_taken_as_it_is_and_told_why_not(void **state)
{
	auto_free char *path = NULL;
	char *no = NULL;

	(void)state;
	assert_int_equal(program_search("b/tool", "a", &path), 0);
	assert_string_equal(path, "b/tool");
	assert_int_equal(program_search("a/text", "", &no), -EACCES);
	assert_int_equal(program_search("a/tool", "", &no), -EISDIR);
	assert_int_equal(program_search("b/tool/x", "", &no), -ENOTDIR);
}

static void an_empty_folder_means_the_current_one(void **state)
{
	auto_free char *path = NULL;

	(void)state;
	assert_int_equal(program_search("here", "a::b", &path), 0);
	assert_string_equal(path, "./here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_can_be_executed_is_taken),
		cmocka_unit_test(what_is_not_there_is_not_found),
		cmocka_unit_test(a_path_is_taken_as_it_is_and_told_why_not),
		cmocka_unit_test(an_empty_folder_means_the_current_one),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
