/* Ways out of a container that are shut: what a hostile image, or what runs in a container, might try. */
#include "bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_is_not_looked_for_on_the_host),
		cmocka_unit_test(nor_is_that_of_an_exec_session),
	};

	bench_arguments(argc, argv);
	return cmocka_run_group_tests(tests, bench_setup, bench_teardown);
}
