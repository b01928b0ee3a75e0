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

static void put(const struct folder *f, const char *name, const char *text)
{
	assert_int_equal(file_replace_at(f->fd, name, text, strlen(text), 0600, 0), 0);
}

static void the_files_of_a_group_say_what_it_used(void **state)
{
	struct folder folder = make_folder();
	struct cgroup g = { .parent = FD_NONE, .payload = folder.fd };
	struct totals t = { 0 };

	(void)state;
	put(&folder, "memory.peak", "5242880\n");
	put(&folder, "memory.events",
		"low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 1\n");
	put(&folder, "cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 0\n");
	put(&folder, "io.stat",
		"8:0 rbytes=100 wbytes=20 rios=1 wios=1 dbytes=0 dios=0\n7:0 \n"
		"253:1 rbytes=3 wbytes=4 rios=1 wios=1 dbytes=0 dios=0\n");
	cgroup_totals(&g, &t);
	assert_true(t.n[TOTAL_MEMORY_PEAK] == 5242880);
	assert_true(t.n[TOTAL_OOM_KILLS] == 2);
	assert_true(t.n[TOTAL_CPU_USER] == 20000 && t.n[TOTAL_CPU_KERNEL] == 10000);
	assert_true(t.n[TOTAL_IO_READ] == 103 && t.n[TOTAL_IO_WRITTEN] == 24);
	drop_folder(&folder);
}

static void what_a_group_does_not_count_stays_as_it_was(void **state)
{
	struct folder folder = make_folder();
	struct cgroup g = { .parent = FD_NONE, .payload = folder.fd };
	struct totals t = { 0 };

	(void)state;
	total_set(&t, TOTAL_IO_READ, 7);
	cgroup_totals(&CGROUP_NONE, &t);
	cgroup_totals(&g, &t);
	assert_int_equal(t.known, 1U << TOTAL_IO_READ);
	put(&folder, "io.stat", "");
	put(&folder, "cpu.stat", "nr_periods 1\n");
	cgroup_totals(&g, &t);
	assert_int_equal(t.known, 1U << TOTAL_IO_READ | 1U << TOTAL_IO_WRITTEN);
	assert_true(t.n[TOTAL_IO_READ] == 0);
	drop_folder(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_linux_5_14_each_process_is_killed),
		cmocka_unit_test(without_a_cgroup_nothing_is_killed),
		cmocka_unit_test(the_files_of_a_group_say_what_it_used),
		cmocka_unit_test(what_a_group_does_not_count_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
