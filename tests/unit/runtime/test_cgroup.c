#include "../unit.h"

#include <signal.h>
#include <sys/wait.h>

#include "runtime/cgroup.h"

/* A plain folder has no cgroup.kill either. */
static void before_linux_5_14_each_process_is_killed(void **state)
{
	struct folder folder = make_folder();
	struct cgroup g = { .parent = FD_NONE, .payload = folder.fd };
	pid_t child = fork();
	int fd, status = 0;

	(void)state;
	if (child == 0) {
		(void)pause();
		_exit(0);
	}
	fd = openat(folder.fd, "cgroup.procs", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_true(dprintf(fd, "0\n%d\n", (int)child) > 0);
	(void)close(fd);
	assert_int_equal(cgroup_kill(&g), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	drop_folder(&folder);
}

static void without_a_cgroup_nothing_is_killed(void **state)
{
	(void)state;
	assert_int_equal(cgroup_kill(&CGROUP_NONE), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_linux_5_14_each_process_is_killed),
		cmocka_unit_test(without_a_cgroup_nothing_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
