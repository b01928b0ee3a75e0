/* The user namespace that all processes of one user share. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/runtime.h"
#include "state/status.h"

static struct dirs dirs;
static char *base;

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct err err = { 0 };

	(void)state;
	base = xasprintf("%s/dayfly-ns.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(base))
		return -1;
	(void)setenv("XDG_DATA_HOME", base, 1);
	(void)setenv("XDG_RUNTIME_DIR", base, 1);
	return dirs_open(&dirs, &err);
}

static int teardown(void **state)
{
	(void)state;
	dirs_close(&dirs);
	return tree_remove_at(AT_FDCWD, base, NULL);
}

struct inside {
	pid_t pid;
	int report, hold;
	ino_t ns;
	uid_t uid;
};

static _Noreturn void be_inside(int report, int hold)
{
	struct err err = { 0 };
	struct inside me = { 0 };
	struct stat st;
	char byte;

	if (userns_enter(&dirs, NULL, &err) < 0) {
		print_error("%s\n", err.msg);
		_exit(1);
	}
	(void)stat("/proc/self/ns/user", &st);
	me.ns = st.st_ino;
	me.uid = geteuid();
	(void)!write(report, &me, sizeof(me));
	(void)!read(hold, &byte, 1); /* until the test lets go */
	_exit(0);
}

/* A process that enters and stays until inside_end(). */
static void inside_begin(struct inside *in)
{
	int report[2], hold[2];

	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	in->pid = fork();
	if (in->pid == 0) {
		(void)close(hold[1]);
		be_inside(report[1], hold[0]);
	}
	(void)close(report[1]);
	(void)close(hold[0]);
	in->report = report[0];
	in->hold = hold[1];
}

static void inside_wait(struct inside *in)
{
	struct inside told;

	if (read(in->report, &told, sizeof(told)) != sizeof(told)) {
		print_message("no user namespace here\n");
		exit(77);
	}
	in->ns = told.ns;
	in->uid = told.uid;
	(void)close(in->report);
}

static void inside_end(struct inside *in)
{
	assert_int_equal(
		write(in->hold, "", 1), 1); /* closing would not do: the others hold it, too */
	(void)close(in->hold);
	assert_int_equal(waitpid(in->pid, NULL, 0), in->pid);
}

static void everybody_shares_one_namespace(void **state)
{
	enum { MANY = 8 };
	struct inside in[MANY];
	struct stat own;

	(void)state;
	for (int i = 0; i < MANY; i++)
		inside_begin(&in[i]); /* at once: one makes it, the others find it */
	for (int i = 0; i < MANY; i++)
		inside_wait(&in[i]);
	assert_int_equal(stat("/proc/self/ns/user", &own), 0);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(in[i].ns, in[0].ns);
		assert_int_not_equal(in[i].ns, own.st_ino);
		assert_int_equal(in[i].uid, 0);
	}
	for (int i = 0; i < MANY; i++)
		inside_end(&in[i]);
}

/* The process that made it is gone; a monitor that joined it is still there and has said so. */
static void a_live_monitor_is_enough_to_find_it(void **state)
{
	struct status st = { .state = RUN_RUNNING };
	struct inside maker, monitor, late;
	char id[ID_SIZE];
	auto_fd int dir = FD_NONE;

	(void)state;
	inside_begin(&maker);
	inside_wait(&maker);
	inside_begin(&monitor);
	inside_wait(&monitor);
	id_new(id);
	dir = dirs_container_run(&dirs, id, true);
	st.monitor = monitor.pid;
	st.monitor_start = proc_start_time(monitor.pid);
	assert_int_equal(status_write(dir, &st), 0);
	inside_end(&maker);
	inside_begin(&late);
	inside_wait(&late);
	assert_int_equal(late.ns, monitor.ns);
	inside_end(&late);
	inside_end(&monitor);
}

static void who_is_inside_already_stays(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		struct stat before, after;
		struct err err;

		if (userns_enter(&dirs, NULL, &err) < 0 ||
			stat("/proc/self/ns/user", &before) < 0 ||
			userns_enter(&dirs, NULL, &err) < 0 ||
			stat("/proc/self/ns/user", &after) < 0)
			_exit(1);
		_exit(before.st_ino == after.st_ino ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Nonsense in the lock file, or the number of a process that is somebody else's by now. */
static void a_stale_hint_is_passed_over(void **state)
{
	static const char *const hints[] = { "", "nonsense\n", "1 1\n", "999999999 5\n", "12",
		"-5 3\n" };
	auto_free char *path = xasprintf("%s/userns.lock", dirs.run_path);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		struct inside in;
		auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		assert_int_equal(fd_write_all(fd, hints[i], strlen(hints[i])), 0);
		inside_begin(&in);
		inside_wait(&in);
		assert_int_equal(in.uid, 0);
		inside_end(&in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_shares_one_namespace),
		cmocka_unit_test(a_live_monitor_is_enough_to_find_it),
		cmocka_unit_test(who_is_inside_already_stays),
		cmocka_unit_test(a_stale_hint_is_passed_over),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
