/* Ways out of a container that are shut: what a hostile image, or what runs in a container, might try. */
#include "bench.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/proc.h"

#define UP "/../../../../../../../../../../../../../../../.."

/* The image's programs, by their names on the host, on the way from each descriptor we might have. */
static char *path_over_descriptors(void)
{
	auto_buf struct buf out = { 0 };

	for (int fd = 3; fd < 64; fd++)
		buf_printf(&out, "%s/proc/self/fd/%d" UP "%s/bin", fd == 3 ? "PATH=" : ":", fd,
			bench.image);
	return buf_steal(&out);
}

static void plan_proc_only(struct buf *b, const char *seccomp)
{
	plan_root(b, bench.image);
	plan_add(b, "mount", "proc", "proc", "/proc", "nosuid,noexec,nodev");
	plan_namespaces(b, "private", "private");
	plan_add(b, "caps", CAPS_DOCKER);
	plan_add(b, "seccomp", seccomp);
}

static void a_program_is_not_looked_for_on_the_host(void **state)
{
	auto_free char *path = path_over_descriptors();
	auto_buf struct buf b = { 0 };

	(void)state;
	plan_proc_only(&b, "default");
	plan_add(&b, "env", path);
	plan_add(&b, "arg", "true");
	expect_failure(&b, 127, "executable file not found in $PATH");
}

static void nor_is_that_of_an_exec_session(void **state)
{
	auto_free char *path = path_over_descriptors();
	auto_buf struct buf b = { 0 }, x = { 0 };
	struct run run, session;

	(void)state;
	plan_default(&b);
	plan_shell(&b, "sleep 100");
	start(&b, &run);
	plan_add(&x, "plan", "1");
	plan_add(&x, "caps", CAPS_DOCKER);
	plan_add(&x, "env", path);
	plan_add(&x, "arg", "true");
	assert_true(start_with(&x, false, run.process.pidfd, &session) < 0);
	assert_has(session.err.msg, "executable file not found in $PATH");
	assert_int_equal(proc_pidfd_kill(run.process.pidfd, SIGKILL), 0);
	assert_int_equal(finish(&run), 137);
}

/* A key that only who possesses it can see, which is who has the keyring. */
static bool give_us_a_key(const char *name)
{
	long key;

	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0)
		return false;
	key = syscall(SYS_add_key, "user", name, "x", (size_t)1, KEY_SPEC_SESSION_KEYRING);
	return key >= 0 && syscall(SYS_keyctl, KEYCTL_SETPERM, key, 0x3f000000u) == 0;
}

static void keys_of_the_users_session_stay_outside(void **state)
{
	auto_buf struct buf b = { 0 }, x = { 0 };
	struct run run, session;
	char out[16384];

	(void)state;
	if (!give_us_a_key("a-ticket-of-the-user"))
		skip(); /* a filter around us forbids keys */
	assert_int_equal(access("/proc/keys", R_OK), 0);
	plan_proc_only(&b, "unconfined");
	plan_add(&b, "env", PATH_DOCKER);
	plan_shell(&b, "cat /proc/keys; echo end; sleep 100");
	start(&b, &run);
	for (size_t n = 0; n < 4 || strcmp(out + n - 4, "end\n") != 0;) {
		ssize_t got = read(run.out, out + n, sizeof(out) - 1 - n);

		assert_true(got > 0);
		n += (size_t)got;
		out[n] = '\0';
	}
	assert_lacks(out, "a-ticket-of-the-user");
	plan_add(&x, "plan", "1");
	plan_add(&x, "caps", CAPS_DOCKER);
	plan_add(&x, "seccomp", "unconfined");
	plan_add(&x, "env", PATH_DOCKER);
	plan_shell(&x, "cat /proc/keys");
	assert_int_equal(start_with(&x, false, run.process.pidfd, &session), 0);
	collect(&session, out, sizeof(out));
	assert_int_equal(finish(&session), 0);
	assert_lacks(out, "a-ticket-of-the-user");
	assert_int_equal(proc_pidfd_kill(run.process.pidfd, SIGKILL), 0);
	assert_int_equal(finish(&run), 137);
}

static int terminal_open(char *name, size_t room)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	assert_int_equal(ptsname_r(master, name, room), 0);
	return master;
}

/* A terminal is a device of the user's own. */
static void a_device_of_the_hosts_is_used_but_not_changed(void **state)
{
	char name[64], out[512];
	auto_fd int master = terminal_open(name, sizeof(name));
	auto_buf struct buf b = { 0 };
	struct stat before, after;

	(void)state;
	(void)master; /* open, so that there is a slave */
	assert_int_equal(stat(name, &before), 0);
	plan_default(&b);
	plan_add(&b, "mount", "bind", name, "/tmp/terminal", "bind,rprivate");
	plan_shell(&b,
		"touch -d 2000-01-01 /tmp/terminal; echo hi >/tmp/terminal && stty -F /tmp/terminal rows 5 && echo used");
	assert_int_equal(output_of(&b, out, sizeof(out)), 0);
	assert_has(out, "Read-only file system");
	assert_has(out, "used\n");
	assert_int_equal(stat(name, &after), 0);
	assert_true(after.st_atim.tv_sec >= before.st_atim.tv_sec);
}

static void nor_given_away_as_a_stream(void **state)
{
	char name[64];
	auto_fd int master = terminal_open(name, sizeof(name));
	auto_fd int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	const struct rt_io io = { .in = slave, .out = slave, .err = slave };
	struct run run = {
		.process = RT_PROCESS_NONE, .in = FD_NONE, .out = FD_NONE, .exit_code = -1
	};
	auto_buf struct buf b = { 0 };
	auto_plan struct plan plan = { 0 };
	struct stat before, after;
	size_t len;

	(void)state;
	(void)master;
	if (bench.single_id)
		skip();
	assert_int_equal(fstat(slave, &before), 0);
	plan_default(&b);
	plan_add(&b, "user", "alice");
	plan_add(&b, "arg", "true");
	len = b.len;
	assert_int_equal(plan_parse(buf_steal(&b), len, &plan, &run.err), 0);
	assert_int_equal(rt_start(&plan, &io, NULL, &run.process, &run.exit_code, &run.err), 0);
	assert_int_equal(finish(&run), 0);
	assert_int_equal(fstat(slave, &after), 0);
	assert_int_equal(after.st_uid, before.st_uid);
}

/* Where nobody has attached there is /dev/null, and that has a name: /proc/self/fd/0. */
static void a_stream_that_leads_nowhere_is_the_containers_own(void **state)
{
	auto_buf struct buf b = { 0 };
	auto_plan struct plan plan = { 0 };
	struct run run = { .process = RT_PROCESS_NONE, .in = FD_NONE };
	struct rt_io io = { .in = FD_NONE };
	char out[256];
	size_t len;
	int ends[2];

	(void)state;
	plan_default(&b);
	plan_shell(&b,
		"grep -c \"^$(awk '/mnt_id/ { print $2 }' /proc/self/fdinfo/0) \" /proc/self/mountinfo");
	len = b.len;
	assert_int_equal(plan_parse(buf_steal(&b), len, &plan, &run.err), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	run.out = ends[0];
	io.out = io.err = ends[1];
	assert_int_equal(rt_start(&plan, &io, NULL, &run.process, &run.exit_code, &run.err), 0);
	(void)close(ends[1]);
	collect(&run, out, sizeof(out));
	assert_int_equal(finish(&run), 0);
	assert_string_equal(out, "1\n");
}

static void a_fifo_in_the_place_of_a_parameter_holds_nobody_up(void **state)
{
	auto_free char *volume = xasprintf("%s/volume", bench.dirs.data_path);
	auto_free char *fifo = xasprintf("%s/kernel/domainname", volume);
	auto_free char *folder = xasprintf("%s/kernel", volume);
	auto_buf struct buf b = { 0 };

	(void)state;
	assert_true(dir_make_at(AT_FDCWD, folder, 0755) >= 0);
	assert_int_equal(mkfifo(fifo, 0666), 0);
	plan_default(&b);
	plan_add(&b, "mount", "bind", volume, "/proc/sys", "bind,rprivate");
	plan_add(&b, "sysctl", "kernel.domainname", "x");
	plan_shell(&b, "true");
	(void)alarm(20);
	expect_failure(&b, 128, "set kernel.domainname to x");
	(void)alarm(0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_is_not_looked_for_on_the_host),
		cmocka_unit_test(nor_is_that_of_an_exec_session),
		cmocka_unit_test(keys_of_the_users_session_stay_outside),
		cmocka_unit_test(a_device_of_the_hosts_is_used_but_not_changed),
		cmocka_unit_test(nor_given_away_as_a_stream),
		cmocka_unit_test(a_stream_that_leads_nowhere_is_the_containers_own),
		cmocka_unit_test(a_fifo_in_the_place_of_a_parameter_holds_nobody_up),
	};

	bench_arguments(argc, argv);
	return cmocka_run_group_tests(tests, bench_setup, bench_teardown);
}
