/* Finding, hashing and copying a build's files. Everything is squashed to one id, so that no privileges are
 * needed. */
#include "../unit.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "build/cache.h"
#include "build/files.h"

static void make_dir(int dir, const char *path)
{
	assert_true(dir_make_at(dir, path, 0755) >= 0);
}

static void hash_of(int dir, const char *path, char ret[DIGEST_SIZE])
{
	auto_hash struct hash *h = hash_new();
	struct err err;

	assert_int_equal(files_hash(dir, path, NULL, h, &err), 0);
	hash_end(h, ret);
}

static void assert_hash(int dir, const char before[DIGEST_SIZE], bool equal)
{
	char now[DIGEST_SIZE];

	hash_of(dir, "d", now);
	assert_int_equal(strcmp(before, now) == 0, equal);
}

static void a_hash_tells_contents_modes_and_names_but_no_times(void **unused)
{
	const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	struct folder f = make_folder();
	char first[DIGEST_SIZE];

	(void)unused;
	make_dir(f.fd, "d/sub");
	put_file(f.fd, "d/a", "1");
	put_file(f.fd, "d/sub/b", "2");
	assert_int_equal(symlinkat("/etc", f.fd, "d/link"), 0);
	hash_of(f.fd, "d", first);
	assert_int_equal(utimensat(f.fd, "d/a", old, 0), 0);
	assert_hash(f.fd, first, true);
	put_file(f.fd, "d/a", "2");
	assert_hash(f.fd, first, false);
	put_file(f.fd, "d/a", "1");
	assert_hash(f.fd, first, true);
	assert_int_equal(fchmodat(f.fd, "d/sub", 0700, 0), 0);
	assert_hash(f.fd, first, false);
	assert_int_equal(fchmodat(f.fd, "d/sub", 0755, 0), 0);
	assert_int_equal(renameat(f.fd, "d/a", f.fd, "d/z"), 0);
	assert_hash(f.fd, first, false);
	drop_folder(&f);
}

static void words_find_what_they_stand_for_and_nothing_outside(void **unused)
{
	struct folder f = make_folder();
	auto_fd int root = dir_open_make_at(f.fd, "root", 0755);
	char *words[] = { (char[]){ "*.c" }, (char[]){ "d/./?/" }, (char[]){ "up/b.c" }, NULL };
	char *out[] = { (char[]){ "../secret" }, NULL }, *none[] = { (char[]){ "x*" }, NULL };
	char *linked[] = { (char[]){ "leave" }, NULL };
	char **found;
	struct err err;

	(void)unused;
	put_file(f.fd, "secret", "");
	put_file(root, "b.c", "");
	put_file(root, "a.c", "");
	put_file(root, "a.h", "");
	make_dir(root, "d/1");
	make_dir(root, "d/22");
	assert_int_equal(symlinkat("../..", root, "up"), 0);
	assert_int_equal(symlinkat("../secret", root, "leave"), 0);
	assert_int_equal(files_match(root, words, "COPY", &found, &err), 0);
	assert_string_equal(found[0], "a.c");
	assert_string_equal(found[1], "b.c");
	assert_string_equal(found[2], "d/1");
	assert_string_equal(found[3], "up/b.c"); /* links end at the root */
	assert_null(found[4]);
	strv_free(found);
	assert_true(files_match(root, out, "COPY", &found, &err) < 0);
	assert_non_null(strstr(err.msg, "outside the build context"));
	assert_true(files_match(root, none, "COPY", &found, &err) < 0);
	assert_true(files_match(root, linked, "COPY", &found, &err) < 0);
	drop_folder(&f);
}

static void a_copy_keeps_modes_times_links_and_replaces_what_is_in_the_way(void **unused)
{
	const struct timespec then[2] = { { .tv_sec = 9 }, { .tv_sec = 9 } };
	const struct files_how how = { .own = true, .chmod = NULL };
	struct folder f = make_folder();
	auto_fd int to = dir_open_make_at(f.fd, "to", 0755);
	struct tree *tree = tree_new(to, true);
	struct stat a, b;
	struct err err;

	(void)unused;
	make_dir(f.fd, "from/sub");
	put_file(f.fd, "from/a", "text");
	assert_int_equal(fchmodat(f.fd, "from/a", 0751, 0), 0);
	assert_int_equal(linkat(f.fd, "from/a", f.fd, "from/sub/b", 0), 0);
	assert_int_equal(symlinkat("/nowhere", f.fd, "from/link"), 0);
	assert_int_equal(mkfifoat(f.fd, "from/fifo", 0600), 0);
	assert_int_equal(utimensat(f.fd, "from/a", then, 0), 0);
	make_dir(to, "x/a/was/a/folder");
	put_file(to, "x/kept", "");
	assert_int_equal(files_copy(f.fd, "from", tree, "x", &how, &err), 0);
	assert_int_equal(tree_finish(tree, &err), 0);
	tree_free(tree);
	assert_file(to, "x/a", "text");
	assert_file(to, "x/kept", "");
	assert_int_equal(fstatat(to, "x/a", &a, 0), 0);
	assert_int_equal(fstatat(to, "x/sub/b", &b, 0), 0);
	assert_true(a.st_ino == b.st_ino && a.st_nlink == 2);
	assert_int_equal(a.st_mode & 07777, 0751);
	assert_int_equal(a.st_mtim.tv_sec, 9);
	assert_int_equal(fstatat(to, "x/link", &a, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(a.st_mode));
	assert_int_equal(fstatat(to, "x/fifo", &a, 0), 0);
	assert_true(S_ISFIFO(a.st_mode));
	drop_folder(&f);
}

/* As deep as paths can be, with half of the usual stack. */
static void a_deep_tree_costs_neither_the_stack_nor_more_than_an_error(void **unused)
{
	const struct rlimit small = { 4 << 20, RLIM_INFINITY };
	struct folder f = make_folder();
	int dir = fcntl(f.fd, F_DUPFD_CLOEXEC, 3), status;
	pid_t pid;

	(void)unused;
	for (int i = 0; i < 2000; i++) {
		int next;

		assert_int_equal(mkdirat(dir, "d", 0755), 0);
		next = openat(dir, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		(void)fd_close(dir);
		dir = next;
	}
	(void)fd_close(dir);
	pid = fork();
	if (pid == 0) {
		struct rlimit files;
		auto_hash struct hash *h = hash_new();
		struct err err = { 0 };
		int r;

		(void)setrlimit(RLIMIT_STACK, &small);
		if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
			files.rlim_cur = files.rlim_max;
			(void)setrlimit(RLIMIT_NOFILE, &files);
		}
		r = files_hash(f.fd, "d", NULL, h, &err);
		_exit(r == 0 || (r < 0 && *err.msg) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	drop_folder(&f);
}

static void a_key_stands_for_all_that_led_to_it(void **unused)
{
	char one[DIGEST_SIZE] = "", two[DIGEST_SIZE] = "";

	(void)unused;
	key_add(one, "FROM");
	key_add(one, "RUN");
	key_add(two, "FROMRUN");
	assert_string_not_equal(one, two);
	*two = '\0';
	key_add(two, "FROM");
	key_add(two, "RUN");
	assert_string_equal(one, two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_tells_contents_modes_and_names_but_no_times),
		cmocka_unit_test(words_find_what_they_stand_for_and_nothing_outside),
		cmocka_unit_test(a_copy_keeps_modes_times_links_and_replaces_what_is_in_the_way),
		cmocka_unit_test(a_deep_tree_costs_neither_the_stack_nor_more_than_an_error),
		cmocka_unit_test(a_key_stands_for_all_that_led_to_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
