/* Ways out of a container that are shut: what a hostile image, or what runs in a container, might try. */
#include "bench.h"

#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_is_not_looked_for_on_the_host),
		cmocka_unit_test(nor_is_that_of_an_exec_session),
		cmocka_unit_test(keys_of_the_users_session_stay_outside),
	};

	bench_arguments(argc, argv);
	return cmocka_run_group_tests(tests, bench_setup, bench_teardown);
}
