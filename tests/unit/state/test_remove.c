#include <sys/file.h>
#include <sys/stat.h>

#include "state/remove.h"
#include "tree.h"

static struct tree tree;

static int setup(void **unused)
{
	(void)unused;
	tree_make(&tree);
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	tree_drop(&tree);
	return 0;
}

static bool exists(int dir, const char *path)
{
	return faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void make_container(const char *id, const char *name)
{
	char path[128];
	int data = tree_container(&tree, id);

	put_file(data, "config.json", "{}");
	assert_int_equal(dir_make_at(data, "upper/a/b", 0700), 0);
	(void)fd_close(data);
	(void)snprintf(path, sizeof(path), "names/%s", name);
	assert_int_equal(symlinkat(id, tree.dirs.data, path), 0);
	(void)fd_close(dirs_container_run(&tree.dirs, id, true));
}

static void make_exec(const char *id, const char *exec_id)
{
	char path[128];

	(void)fd_close(dirs_exec(&tree.dirs, id, exec_id, true));
	(void)snprintf(path, sizeof(path), "execs/%s", exec_id);
	assert_int_equal(symlinkat(id, tree.dirs.run, path), 0);
}

/* ---- where things live */

static void both_trees_are_made_private(void **unused)
{
	static const char *const data[] = { "oci", "layers", "containers", "names", "events",
		"trash" };
	static const char *const run[] = { "containers", "execs" };
	struct stat st;

	(void)unused;
	for (size_t i = 0; i < sizeof(data) / sizeof(*data); i++) {
		assert_int_equal(fstatat(tree.dirs.data, data[i], &st, 0), 0);
		assert_int_equal(st.st_mode, S_IFDIR | 0700);
	}
	for (size_t i = 0; i < sizeof(run) / sizeof(*run); i++) {
		assert_int_equal(fstatat(tree.dirs.run, run[i], &st, 0), 0);
		assert_int_equal(st.st_mode, S_IFDIR | 0700);
	}
	assert_int_equal(fstat(tree.dirs.data, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
}

static void a_folder_is_made_only_when_asked(void **unused)
{
	int fd;

	(void)unused;
	assert_int_equal(dirs_container_data(&tree.dirs, ID_A), -ENOENT);
	assert_int_equal(dirs_container_run(&tree.dirs, ID_A, false), -ENOENT);
	fd = dirs_container_run(&tree.dirs, ID_A, true);
	assert_true(fd >= 0);
	(void)fd_close(fd);
	fd = dirs_container_run(&tree.dirs, ID_A, false);
	assert_true(fd >= 0);
	(void)fd_close(fd);
	assert_int_equal(dirs_exec(&tree.dirs, ID_A, ID_B, false), -ENOENT);
	fd = dirs_exec(&tree.dirs, ID_A, ID_B, true);
	assert_true(fd >= 0);
	(void)fd_close(fd);
}

static void the_lock_keeps_others_out_until_it_is_closed(void **unused)
{
	int mine = dirs_lock(&tree.dirs);
	int other = openat(tree.dirs.data, "lock", O_RDWR | O_CLOEXEC);

	(void)unused;
	assert_true(mine >= 0 && other >= 0);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	(void)fd_close(mine);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	(void)fd_close(other);
}

/* ---- removing */

static void a_container_is_gone_everywhere_at_once(void **unused)
{
	struct err err = { 0 };

	(void)unused;
	make_container(ID_A, "web");
	make_exec(ID_A, ID_B);
	assert_int_equal(container_take_away(&tree.dirs, ID_A, "web", false, &err), 0);
	assert_false(exists(tree.dirs.data, "containers/" ID_A));
	assert_false(exists(tree.dirs.data, "names/web"));
	assert_false(exists(tree.dirs.run, "containers/" ID_A));
	assert_false(exists(tree.dirs.run, "execs/" ID_B));
	assert_int_equal(container_take_away(&tree.dirs, ID_A, "web", false, &err), -ENOENT);
}

static void a_missing_trash_does_not_pass_for_a_missing_container(void **unused)
{
	struct err err = { 0 };

	(void)unused;
	make_container(ID_A, "web");
	assert_int_equal(unlinkat(tree.dirs.data, "trash", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(tree.dirs.run, "trash", AT_REMOVEDIR), 0);
	assert_int_equal(container_take_away(&tree.dirs, ID_A, "web", false, &err), 0);
	assert_false(exists(tree.dirs.data, "containers/" ID_A));
	assert_false(exists(tree.dirs.run, "containers/" ID_A));
}

static void a_name_that_changed_hands_is_not_released(void **unused)
{
	struct err err = { 0 };

	(void)unused;
	make_container(ID_A, "old");
	make_container(ID_B, "web");
	assert_int_equal(container_take_away(&tree.dirs, ID_A, "web", true, &err), 0);
	assert_true(exists(tree.dirs.data, "names/web"));
	assert_true(exists(tree.dirs.data, "containers/" ID_B));
}

static void leftovers_in_the_run_tree_go_even_without_data(void **unused)
{
	struct err err = { 0 };

	(void)unused;
	make_container(ID_A, "web");
	assert_int_equal(tree_remove_at(tree.dirs.data, "containers/" ID_A, NULL), 0);
	assert_int_equal(container_take_away(&tree.dirs, ID_A, "web", true, &err), -ENOENT);
	assert_false(exists(tree.dirs.data, "names/web"));
	assert_false(exists(tree.dirs.run, "containers/" ID_A));
}

static void the_trash_of_both_trees_is_swept(void **unused)
{
	struct err err = { 0 };

	(void)unused;
	make_container(ID_A, "a");
	make_container(ID_B, "b");
	assert_int_equal(container_take_away(&tree.dirs, ID_A, "a", true, &err), 0);
	assert_int_equal(container_take_away(&tree.dirs, ID_B, "b", true, &err), 0);
	assert_int_equal(trash_sweep(&tree.dirs), 0);
	assert_int_equal(trash_sweep(&tree.dirs), 0);
	assert_int_equal(unlinkat(tree.dirs.data, "trash", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(tree.dirs.run, "trash", AT_REMOVEDIR), 0);
}

static void what_is_missing_cannot_be_put_into_the_trash(void **unused)
{
	(void)unused;
	assert_int_equal(trash_put(&tree.dirs, tree.dirs.data, "none"), -ENOENT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_trees_are_made_private),
		TEST(a_folder_is_made_only_when_asked),
		TEST(the_lock_keeps_others_out_until_it_is_closed),
		TEST(a_container_is_gone_everywhere_at_once),
		TEST(a_missing_trash_does_not_pass_for_a_missing_container),
		TEST(a_name_that_changed_hands_is_not_released),
		TEST(leftovers_in_the_run_tree_go_even_without_data),
		TEST(the_trash_of_both_trees_is_swept),
		TEST(what_is_missing_cannot_be_put_into_the_trash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
