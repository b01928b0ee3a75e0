#include <sys/stat.h>

#include "base/timefmt.h"
#include "state/remove.h"
#include "state/removed.h"
#include "tree.h"

#define HOUR (3600 * NSEC_PER_SEC)

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

static bool exists(const char *path)
{
	return faccessat(tree.dirs.data, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void make_and_remove(const char *id, const struct removed_limits *limits)
{
	struct status st = { .state = RUN_REMOVING, .run = 1, .exit_code = 7, .exit_known = true };
	int data = tree_container(&tree, id);

	put_file(data, "config.json", "{}\n");
	put_file(data, "log", "text");
	assert_int_equal(dir_make_at(data, "upper/etc", 0700), 0);
	assert_int_equal(dir_make_at(data, "work/work", 0700), 0);
	if (limits)
		assert_int_equal(removed_mark(data, &st, limits), 0);
	(void)fd_close(data);
	assert_int_equal(container_take_away(&tree.dirs, id, "", true, NULL), 0);
	assert_int_equal(dirs_container_data(&tree.dirs, id), -ENOENT);
}

static void of_a_marked_container_all_but_its_own_files_is_kept(void **unused)
{
	struct status st;
	int dir;

	(void)unused;
	make_and_remove(ID_A, &(struct removed_limits){ .time = HOUR });
	make_and_remove(ID_B, NULL);
	assert_int_equal(removed_open(&tree.dirs, ID_B), -ENOENT);
	dir = removed_open(&tree.dirs, ID_A);
	assert_true(dir >= 0);
	assert_int_equal(status_read(dir, FD_NONE, &st), 0);
	assert_int_equal(st.exit_code, 7);
	assert_file(dir, "log", "text");
	assert_false(exists("removed/" ID_A "/upper") || exists("removed/" ID_A "/work"));
	(void)fd_close(dir);
}

static void its_own_files_are_kept_if_they_are_wanted(void **unused)
{
	(void)unused;
	make_and_remove(ID_A, &(struct removed_limits){ .time = HOUR, .diff = true });
	assert_true(exists("removed/" ID_A "/upper/etc"));
	assert_false(exists("removed/" ID_A "/work"));
}

static void what_is_too_old_is_gone_even_before_it_is_swept(void **unused)
{
	(void)unused;
	make_and_remove(ID_A, &(struct removed_limits){ .time = 1 });
	assert_true(exists("removed/" ID_A));
	assert_int_equal(removed_open(&tree.dirs, ID_A), -ENOENT);
	removed_sweep(&tree.dirs, NULL);
	assert_false(exists("removed/" ID_A));
}

static void the_newest_stay(void **unused)
{
	static const struct removed_limits all = { .time = HOUR, .count = 100, .bytes = 1 << 30 };
	struct removed_limits few = all;

	(void)unused;
	make_and_remove(ID_A, &all);
	make_and_remove(ID_B, &all);
	removed_sweep(&tree.dirs, &all);
	assert_true(exists("removed/" ID_A) && exists("removed/" ID_B));
	few.count = 1;
	removed_sweep(&tree.dirs, &few);
	assert_true(!exists("removed/" ID_A) && exists("removed/" ID_B));
	few.bytes = 1;
	removed_sweep(&tree.dirs, &few);
	assert_false(exists("removed/" ID_B));
}

static void what_was_cut_short_is_finished_or_thrown_away(void **unused)
{
	static const struct removed_limits all = { .time = HOUR, .count = 100, .bytes = 1 << 30 };

	(void)unused;
	make_and_remove(ID_A, &all);
	assert_int_equal(dir_make_at(tree.dirs.data, "removed/" ID_A "/upper", 0700), 0);
	assert_int_equal(dir_make_at(tree.dirs.data, "removed/" ID_B, 0700), 0);
	assert_int_equal(dir_make_at(tree.dirs.data, "removed/other", 0700), 0);
	removed_sweep(&tree.dirs, &all);
	assert_true(exists("removed/" ID_A));
	assert_false(exists("removed/" ID_A "/upper"));
	assert_false(exists("removed/" ID_B) || exists("removed/other"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(of_a_marked_container_all_but_its_own_files_is_kept),
		TEST(its_own_files_are_kept_if_they_are_wanted),
		TEST(what_is_too_old_is_gone_even_before_it_is_swept),
		TEST(the_newest_stay),
		TEST(what_was_cut_short_is_finished_or_thrown_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
