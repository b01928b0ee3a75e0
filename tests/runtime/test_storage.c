/* Where a container's files come from: layers, by the kernel or by fuse-overlayfs, and binds. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "runtime/files.h"

/* Below the source: a mount, one in that one, a name with a blank, and one that hides another. */
static void a_read_only_bind_covers_what_is_mounted_below(void **state)
{
	auto_free char *host = xasprintf("%s/tree", bench.dirs.data_path);
	static const char *const below[] = { "a", "a/b c", "hidden", "hidden" };
	auto_buf struct buf b = { 0 };
	char out[1024], path[4096];

	(void)state;
	assert_true(dir_make_at(AT_FDCWD, host, 0755) >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(below); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", host, below[i]);
		assert_true(dir_make_at(AT_FDCWD, path, 0755) >= 0);
		assert_int_equal(mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NOATIME, NULL), 0);
	}
	plan_default(&b);
	plan_add(&b, "mount", "bind", host, "/open", "rbind");
	plan_add(&b, "mount", "bind", host, "/closed", "rbind,ro,noexec");
	plan_shell(&b,
		"touch /open/x '/open/a/b c/x' && echo writable; cd /closed; for d in . a 'a/b c' hidden;"
		"do touch \"$d/y\"; done 2>&1 | grep -c 'Read-only file system'; grep -c"
		" '/closed/a.*ro,nosuid.*noexec,noatime' /proc/self/mountinfo");
	assert_int_equal(output_of(&b, out, sizeof(out)), 0);
	assert_string_equal(out, "writable\n4\n2\n");
	for (size_t i = ARRAY_SIZE(below); i-- > 0;) {
		(void)snprintf(path, sizeof(path), "%s/%s", host, below[i]);
		assert_int_equal(umount2(path, MNT_DETACH), 0);
	}
}

static void a_hundred_and_twenty_seven_layers_fit(void **state)
{
	auto_free char *upper = NULL, *work = NULL;
	auto_buf struct buf b = { 0 };
	char out[512];

	(void)state;
	bench.next++;
	upper = container_folder("upper");
	work = container_folder("work");
	plan_add(&b, "plan", "1");
	for (int i = 0; i < 126; i++) {
		auto_free char *name = xasprintf("%s/layers/%064d/diff", bench.dirs.data_path, i);

		assert_true(dir_make_at(AT_FDCWD, name, 0755) >= 0);
		plan_add(&b, "lower", name);
	}
	plan_add(&b, "lower", bench.image);
	plan_add(&b, "upper", upper);
	plan_add(&b, "work", work);
	plan_mounts(&b);
	plan_namespaces(&b, "private", "private");
	plan_process(&b);
	plan_shell(&b, "echo deep");
	assert_int_equal(output_of(&b, out, sizeof(out)), 0);
	assert_string_equal(out, "deep\n");
}

/* Whoever lets go of them last has to wait for the disk: not the program. */
static void a_runs_files_stay_mounted_until_its_starter_lets_go(void **state)
{
	auto_free char *work = NULL;
	auto_buf struct buf b = { 0 };
	struct stat st;
	struct run run;
	bool kernels;
	int lock;

	(void)state;
	plan_default(&b);
	work = container_folder("work");
	plan_shell(&b, "echo x > /left");
	start(&b, &run);
	assert_int_equal(waitpid(run.process.pid, NULL, 0), run.process.pid);
	run.out = fd_close(run.out);
	run.in = fd_close(run.in);
	rt_process_clear(&run.process);
	kernels = run.process.root >= 0;
	assert_int_equal(run.process.work >= 0, kernels);
	if (kernels) {
		assert_int_equal(fstatat(run.process.root, "left", &st, 0), 0);
		assert_int_equal(files_lock(work, 0), -EWOULDBLOCK);
	}
	rt_files_release(&run.process);
	lock = files_lock(work, 0);
	assert_true(lock >= 0);
	(void)close(lock);
}

/* The same folders again: the kernel has marked them. */
static void a_volatile_root_can_be_mounted_again(void **state)
{
	auto_buf struct buf first = { 0 }, second = { 0 };
	char out[512];

	(void)state;
	plan_default(&first);
	plan_add(&first, "volatile");
	buf_add(&second, first.data, first.len);
	plan_shell(&first, "grep -c 'overlay.*volatile' /proc/mounts; touch /mine");
	plan_shell(&second, "ls /mine");
	(void)output_of(&first, out, sizeof(out));
	if (!bench.storage || str_eq(bench.storage, "overlayfs"))
		assert_string_equal(out, "1\n");
	assert_int_equal(output_of(&second, out, sizeof(out)), 0);
	assert_string_equal(out, "/mine\n");
}

/* A file and a folder that are hidden, a folder that is made anew. */
static void layers_make(char *low, char *high)
{
	static const char *const folders[] = { "one", "one/gone", "two", "three" };
	static const char *const files[] = { "one/kept", "one/hidden", "one/gone/x", "two/old",
		"three/a" };
	char path[4096];

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", low, folders[i]);
		assert_true(dir_make_at(AT_FDCWD, path, 0755) >= 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", low, files[i]);
		put(path, files[i], 0644);
	}
	for (size_t i = 0; i < ARRAY_SIZE(folders) - 1; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", high, folders[i]);
		if (!str_eq(folders[i], "one/gone"))
			assert_true(dir_make_at(AT_FDCWD, path, 0755) >= 0);
		else
			assert_int_equal(mknod(path, S_IFCHR | 0600, makedev(0, 0)), 0);
	}
	(void)snprintf(path, sizeof(path), "%s/one/hidden", high);
	assert_int_equal(mknod(path, S_IFCHR | 0600, makedev(0, 0)), 0);
	(void)snprintf(path, sizeof(path), "%s/two/new", high);
	put(path, "new", 0644);
	(void)snprintf(path, sizeof(path), "%s/two", high);
	if (setxattr(path, "user.overlay.opaque", "y", 1, 0) < 0)
		skip(); /* no user attributes on this file system */
}

static const char layers_script[] =
	"cd /; show() { ls -R one two three; cat three/* two/*; }; show;"
	"rm three/a; rm -r two; mkdir two; touch two/mine; mkdir one/gone; touch one/gone/y;"
	"echo more >>one/kept; mv one/kept three/moved; show";

static void layers_add(struct buf *b, const char *low, const char *high)
{
	plan_root(b, high);
	plan_add(b, "lower", low);
	plan_add(b, "lower", bench.image);
	plan_mounts(b);
	plan_namespaces(b, "private", "private");
	plan_process(b);
}

static void what_a_layer_hides_is_hidden_and_what_it_replaces_is_new(void **state)
{
	auto_free char *low = xasprintf("%s/layers/low/diff", bench.dirs.data_path);
	auto_free char *high = xasprintf("%s/layers/high/diff", bench.dirs.data_path);
	auto_buf struct buf b = { 0 };
	char out[2048];
	int code;

	(void)state;
	layers_make(low, high);
	layers_add(&b, low, high);
	plan_shell(&b, layers_script);
	code = output_of(&b, out, sizeof(out));
	assert_string_equal(out,
		"one:\nkept\n\nthree:\na\n\ntwo:\nnew\nthree/anew"
		"one:\ngone\n\none/gone:\ny\n\nthree:\nmoved\n\ntwo:\nmine\none/keptmore\n");
	assert_int_equal(code, 0);
}

/* The monitor sees the end of the container only after the file system has everything. */
static void what_was_written_has_arrived_when_the_container_has_ended(void **state)
{
	auto_free char *upper = NULL, *file = NULL;
	auto_buf struct buf b = { 0 };
	struct stat st;
	char out[256];

	(void)state;
	plan_default(&b);
	upper = container_folder("upper");
	file = xasprintf("%s/big", upper);
	plan_shell(&b, "head -c 8000000 /dev/zero >/big");
	assert_int_equal(output_of(&b, out, sizeof(out)), 0);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_size, 8000000);
}

/* Another overlay is nothing the kernel takes for the writable layer; NFS is the same case. */
static char *overlay_as_data(void)
{
	static const char *const folders[] = { "lower", "upper", "work", "on" };
	char *base = xasprintf("%s/unfit", bench.dirs.data_path);
	auto_free char *options = xasprintf(
		"userxattr,lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", base, base, base);
	auto_free char *on = xasprintf("%s/on", base);
	char path[4096];

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", base, folders[i]);
		assert_true(dir_make_at(AT_FDCWD, path, 0755) >= 0);
	}
	if (mount("overlay", on, "overlay", 0, options) < 0)
		skip();
	free(base);
	return take_ptr(&on);
}

static void plan_on(struct buf *b, const char *data)
{
	auto_free char *upper = xasprintf("%s/u", data), *work = xasprintf("%s/w", data);

	assert_true(dir_make_at(AT_FDCWD, upper, 0755) >= 0);
	assert_true(dir_make_at(AT_FDCWD, work, 0755) >= 0);
	plan_add(b, "plan", "1");
	plan_add(b, "lower", bench.image);
	plan_add(b, "upper", upper);
	plan_add(b, "work", work);
	plan_mounts(b);
	plan_namespaces(b, "private", "private");
	plan_process(b);
	plan_shell(b, "mount | head -1; touch /new && echo written");
}

static void where_the_kernel_refuses_fuse_overlayfs_is_used(void **state)
{
	auto_free char *data = overlay_as_data(), *path = xstrdup(getenv("PATH"));
	auto_free char *script = xasprintf("%s/fuse-overlayfs", bench.dirs.data_path);
	auto_buf struct buf b = { 0 };
	char out[512];

	(void)state;
	assert_int_equal(setenv("PATH", "/nonexistent", 1), 0);
	plan_on(&b, data);
	expect_failure(&b, 128,
		"mount overlay: Invalid argument; instead of it: "
		"fuse-overlayfs is not installed (package fuse-overlayfs)");
	plan_on(&b, data);
	plan_add(&b, "storage", "overlayfs");
	expect_failure(&b, 128, "assemble root: mount overlay: Invalid argument");
	if (fuse_works()) {
		put(script, "#!/bin/sh\nexit 1\n", 0755);
		assert_int_equal(setenv("PATH", bench.dirs.data_path, 1), 0);
		plan_on(&b, data);
		expect_failure(&b, 128, "fuse-overlayfs did not start");
		assert_int_equal(setenv("PATH", path, 1), 0);
		plan_on(&b, data);
		assert_int_equal(output_of(&b, out, sizeof(out)), 0);
		assert_has(out, "fuse-overlayfs on / type fuse.fuse-overlayfs");
		assert_has(out, "written");
	}
	assert_int_equal(setenv("PATH", path, 1), 0);
	assert_int_equal(umount2(data, MNT_DETACH), 0);
}

/* The server leads a session of its own and is nobody's child: its name is all there is to find it by. */
static bool server_lives(void)
{
	return system("pgrep -U \"$(id -u)\" -x fuse-overlayfs >/dev/null") == 0;
}

static void nothing_is_left_of_fuse_overlayfs(void **state)
{
	(void)state;
	for (int i = 0; i < 500 && server_lives(); i++)
		(void)usleep(10000);
	assert_false(server_lives());
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_only_bind_covers_what_is_mounted_below),
		cmocka_unit_test(a_hundred_and_twenty_seven_layers_fit),
		cmocka_unit_test(a_runs_files_stay_mounted_until_its_starter_lets_go),
		cmocka_unit_test(a_volatile_root_can_be_mounted_again),
		cmocka_unit_test(what_a_layer_hides_is_hidden_and_what_it_replaces_is_new),
		cmocka_unit_test(what_was_written_has_arrived_when_the_container_has_ended),
		cmocka_unit_test(where_the_kernel_refuses_fuse_overlayfs_is_used),
		cmocka_unit_test(nothing_is_left_of_fuse_overlayfs),
	};

	bench_arguments(argc, argv);
	return cmocka_run_group_tests(tests, bench_setup, bench_teardown);
}
