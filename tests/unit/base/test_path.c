#include <sys/resource.h>
#include <sys/stat.h>

#include "../unit.h"
#include "base/alloc.h"
#include "base/path.h"

static struct folder dir;

static int setup(void **unused)
{
	(void)unused;
	dir = make_folder();
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	drop_folder(&dir);
	return 0;
}

static bool exists(const char *name)
{
	return faccessat(dir.fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static unsigned count_entries(void)
{
	char command[128];
	FILE *f;
	unsigned n = 0;

	(void)snprintf(command, sizeof(command), "ls -A %s | wc -l", dir.path);
	f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &n), 1);
	(void)pclose(f);
	return n;
}

/* ---- reading */

static void a_file_is_read_whole_with_its_nuls(void **unused)
{
	char *text;
	size_t len;

	(void)unused;
	assert_int_equal(file_replace_at(dir.fd, "f", "a\0b", 3, 0600, 0), 0);
	assert_int_equal(file_read_at(dir.fd, "f", 3, &text, &len), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(text, "a\0b", 4);
	free(text);
}

static void a_file_above_the_limit_is_refused(void **unused)
{
	char *text, big[10000];

	(void)unused;
	memset(big, 'x', sizeof(big));
	assert_int_equal(file_replace_at(dir.fd, "f", big, sizeof(big), 0600, 0), 0);
	assert_int_equal(file_read_at(dir.fd, "f", sizeof(big) - 1, &text, NULL), -EFBIG);
	assert_int_equal(file_read_at(dir.fd, "f", sizeof(big), &text, NULL), 0);
	assert_int_equal(strlen(text), sizeof(big));
	free(text);
	assert_int_equal(file_read_at(dir.fd, "none", 10, &text, NULL), -ENOENT);
}

static void a_symbolic_link_is_no_record(void **unused)
{
	char *text;

	(void)unused;
	assert_int_equal(symlinkat("/etc/passwd", dir.fd, "l"), 0);
	assert_int_equal(file_read_at(dir.fd, "l", 1 << 20, &text, NULL), -ELOOP);
}

/* ---- replacing */

static void a_record_is_replaced_whole_and_leaves_nothing_else(void **unused)
{
	struct stat st;

	(void)unused;
	assert_int_equal(file_replace_at(dir.fd, "f", "old", 3, 0600, 0), 0);
	assert_int_equal(file_replace_at(dir.fd, "f", "new!", 4, 0640, FILE_DURABLE), 0);
	assert_file(dir.fd, "f", "new!");
	assert_int_equal(fstatat(dir.fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(count_entries(), 1);
}

static void replacing_a_link_does_not_follow_it(void **unused)
{
	struct stat st;

	(void)unused;
	put_file(dir.fd, "target", "kept");
	assert_int_equal(symlinkat("target", dir.fd, "f"), 0);
	assert_int_equal(file_replace_at(dir.fd, "f", "x", 1, 0600, 0), 0);
	assert_file(dir.fd, "target", "kept");
	assert_int_equal(fstatat(dir.fd, "f", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void a_failed_replacement_keeps_the_old_and_cleans_up(void **unused)
{
	(void)unused;
	assert_int_equal(mkdirat(dir.fd, "d", 0700), 0);
	assert_true(file_replace_at(dir.fd, "d", "x", 1, 0600, 0) < 0);
	assert_int_equal(count_entries(), 1);
}

/* ---- folders */

static void folders_are_made_with_their_parents(void **unused)
{
	int fd;

	(void)unused;
	assert_int_equal(dir_make_at(dir.fd, "a/b/c", 0700), 0);
	assert_int_equal(dir_make_at(dir.fd, "a/b/c", 0700), 1);
	assert_int_equal(dir_make_at(dir.fd, "a/b/d", 0700), 0);
	fd = dir_open_make_at(dir.fd, "x/y", 0700);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	(void)fd_close(fd);
	put_file(dir.fd, "file", "");
	assert_true(dir_make_at(dir.fd, "file/x", 0700) < 0);
}

/* ---- removing */

static void a_tree_is_removed_and_links_are_not_followed(void **unused)
{
	(void)unused;
	assert_int_equal(dir_make_at(dir.fd, "keep", 0700), 0);
	put_file(dir.fd, "keep/f", "x");
	assert_int_equal(dir_make_at(dir.fd, "t/a/b", 0700), 0);
	put_file(dir.fd, "t/a/f", "x");
	assert_int_equal(symlinkat("../../keep", dir.fd, "t/a/link"), 0);
	assert_int_equal(tree_remove_at(dir.fd, "t", NULL), 0);
	assert_false(exists("t"));
	assert_true(exists("keep/f"));
	assert_int_equal(symlinkat("keep", dir.fd, "link"), 0);
	assert_int_equal(tree_remove_at(dir.fd, "link", NULL), 0);
	assert_false(exists("link"));
	assert_true(exists("keep/f"));
}

static void what_is_missing_is_removed_already(void **unused)
{
	(void)unused;
	assert_int_equal(tree_remove_at(dir.fd, "none", NULL), 0);
}

static void unreadable_folders_are_removed_all_the_same(void **unused)
{
	(void)unused;
	assert_int_equal(dir_make_at(dir.fd, "t/a/b", 0700), 0);
	put_file(dir.fd, "t/a/f", "x");
	assert_int_equal(fchmodat(dir.fd, "t/a", 0, 0), 0);
	assert_int_equal(tree_remove_at(dir.fd, "t", NULL), 0);
	assert_int_equal(dir_make_at(dir.fd, "t/a/b", 0700), 0);
	assert_int_equal(fchmodat(dir.fd, "t/a", 0500, 0), 0);
	assert_int_equal(tree_remove_at(dir.fd, "t", NULL), 0);
	assert_false(exists("t"));
}

/* name/x/x/…, readable but not writable; fd: where it begins. */
static void make_deep(int fd, const char *name, unsigned levels)
{
	auto_fd int at = dir_open_make_at(fd, name, 0700);

	for (unsigned i = 0; i < levels; i++) {
		int deeper = dir_open_make_at(at, "x", 0700);

		assert_true(deeper >= 0);
		assert_int_equal(fchmod(at, 0500), 0);
		(void)close(at);
		at = deeper;
	}
}

static void folders_nested_deeper_than_descriptors_go_are_removed(void **unused)
{
	struct rlimit few = { .rlim_cur = 512 }, before;

	(void)unused;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	make_deep(dir.fd, "t", 1500);
	put_file(dir.fd, ".deep-0", "not part of it");
	assert_int_equal(tree_remove_at(dir.fd, "t", NULL), 0);
	assert_int_equal(faccessat(dir.fd, "t", F_OK, 0), -1);
	assert_file(dir.fd, ".deep-0", "not part of it");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void a_removal_stops_when_its_budget_is_spent(void **unused)
{
	unsigned budget = 5;
	char name[16];

	(void)unused;
	assert_int_equal(dir_make_at(dir.fd, "t", 0700), 0);
	for (int i = 0; i < 8; i++) {
		(void)snprintf(name, sizeof(name), "t/%d", i);
		put_file(dir.fd, name, "");
	}
	assert_int_equal(tree_remove_at(dir.fd, "t", &budget), -E2BIG);
	assert_int_equal(budget, 0);
	assert_true(exists("t"));
	budget = 100;
	assert_int_equal(tree_remove_at(dir.fd, "t", &budget), 0);
	assert_false(exists("t"));
	assert_int_equal(budget, 100 - 5);
}

/* ---- resolving */

static int open_in_root(const char *path)
{
	int root = openat(dir.fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = path_open_in_root(root, path, O_RDONLY, 0);

	(void)fd_close(root);
	return fd;
}

static void nothing_leads_out_of_a_root(void **unused)
{
	static const char *const escapes[] = { "../secret", "/../secret", "a/../../secret", "up",
		"upup/secret", "abs", "a/abs" };

	(void)unused;
	assert_int_equal(dir_make_at(dir.fd, "root/a", 0700), 0);
	put_file(dir.fd, "secret", "x");
	assert_int_equal(symlinkat("../secret", dir.fd, "root/up"), 0);
	assert_int_equal(symlinkat("../../..", dir.fd, "root/upup"), 0);
	assert_int_equal(symlinkat("/etc/passwd", dir.fd, "root/abs"), 0);
	assert_int_equal(symlinkat("/proc/self/exe", dir.fd, "root/a/abs"), 0);
	for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++)
		assert_int_equal(open_in_root(escapes[i]), -ENOENT);
}

static void links_resolve_as_the_root_would(void **unused)
{
	int fd;

	(void)unused;
	assert_int_equal(dir_make_at(dir.fd, "root/etc", 0700), 0);
	put_file(dir.fd, "root/etc/f", "x");
	assert_int_equal(symlinkat("/etc/../../etc/f", dir.fd, "root/l"), 0);
	fd = open_in_root("/l");
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	(void)fd_close(fd);
	assert_int_equal(symlinkat("loop", dir.fd, "root/loop"), 0);
	assert_int_equal(open_in_root("loop"), -ELOOP);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void paths_are_cleaned_as_go_does(void **unused)
{
	static const char *const table[][2] = {
		{ "/a//b/./c/", "/a/b/c" },
		{ "/", "/" },
		{ "", "/" },
		{ "a", "/a" },
		{ "/a/../b", "/b" },
		{ "/..", "/" },
		{ "/../../a", "/a" },
		{ "/a/..", "/" },
		{ "/a/b/../..", "/" },
		{ "/a/...", "/a/..." },
		{ "/.a/b.", "/.a/b." },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		auto_free char *clean = path_clean(table[i][0]);

		assert_string_equal(clean, table[i][1]);
	}
}

static void of_a_foreign_root_only_regular_files_are_read(void **unused)
{
	static const struct {
		const char *path;
		size_t max;
		const char *text;
	} table[] = {
		{ "/plain", 4, "text" },
		{ "plain", 4, "text" },
		{ "/plain", 3, "" },
		{ "/missing", 9, "" },
		{ "/fifo", 9, "" },
		{ "/out", 9, "text" },
		{ "/", 9, "" },
	};

	(void)unused;
	assert_int_equal(file_replace_at(dir.fd, "plain", "text", 4, 0600, 0), 0);
	assert_int_equal(mkfifoat(dir.fd, "fifo", 0600), 0);
	assert_int_equal(symlinkat("../../../plain", dir.fd, "out"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		auto_free char *text = path_read_in_root(dir.fd, table[i].path, table[i].max);

		assert_string_equal(text, table[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_read_whole_with_its_nuls),
		TEST(a_file_above_the_limit_is_refused),
		TEST(a_symbolic_link_is_no_record),
		TEST(a_record_is_replaced_whole_and_leaves_nothing_else),
		TEST(replacing_a_link_does_not_follow_it),
		TEST(a_failed_replacement_keeps_the_old_and_cleans_up),
		TEST(folders_are_made_with_their_parents),
		TEST(a_tree_is_removed_and_links_are_not_followed),
		TEST(what_is_missing_is_removed_already),
		TEST(unreadable_folders_are_removed_all_the_same),
		TEST(folders_nested_deeper_than_descriptors_go_are_removed),
		TEST(a_removal_stops_when_its_budget_is_spent),
		TEST(nothing_leads_out_of_a_root),
		TEST(links_resolve_as_the_root_would),
		TEST(paths_are_cleaned_as_go_does),
		TEST(of_a_foreign_root_only_regular_files_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
