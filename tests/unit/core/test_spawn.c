/* Programs are started with what they are promised and nothing else. This test plays them too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "core/spawn.h"
#include "state/wire.h"

#define CONTAINER "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"

struct world {
	char dir[64];
	int dir_fd;
	struct core *core;
};

/* ---- the program that was started: this file again, under its name */

static void tell_descriptors(struct buf *out)
{
	for (int fd = 3; fd < 64; fd++) {
		char link[32], target[256];
		ssize_t n;

		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target));
		if (n > 0)
			buf_printf(out, "fd%d:%.*s\n", fd, (int)n, target);
	}
}

/* Writes what it finds beside the program's name, in one step, and stays for a while. */
static int play_program(char **argv)
{
	auto_free char *status = NULL;
	auto_buf struct buf out = { 0 };
	auto_fd int dir = FD_NONE;

	buf_adds(&out, "args:");
	for (char **a = argv + 1; *a; a++)
		buf_printf(&out, "%s%s", *a, a[1] ? " " : "\n");
	tell_descriptors(&out);
	dir = open(getenv("XDG_RUNTIME_DIR"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file_read_at(AT_FDCWD, "/proc/self/status", 65536, &status, NULL) == 0)
		buf_adds(&out, status);
	if (getsid(0) == getpid())
		buf_adds(&out, "own-session\n");
	(void)file_replace_at(dir, "report", out.data, out.len, 0600, 0);
	(void)sleep(1);
	return 0;
}

/* ---- the one that starts it */

static int setup(void **state)
{
	static const char *const programs[] = { "dayfly-monitor", "dayfly-stream",
		"dayfly-worker" };
	struct world *w = xcalloc(1, sizeof(*w));
	char self[4096] = { 0 };
	struct err err;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return -1;
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/dayfly-test-XXXXXX");
	if (!mkdtemp(w->dir))
		return -1;
	w->dir_fd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)setenv("XDG_RUNTIME_DIR", w->dir, 1);
	(void)setenv("XDG_DATA_HOME", w->dir, 1);
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		if (symlinkat(self, w->dir_fd, programs[i]) < 0)
			return -1;
	if (core_open(&w->core, &err) < 0)
		return -1;
	free(w->core->programs);
	w->core->programs = xstrdup(w->dir);
	(void)dir_make_at(w->dir_fd, "dayfly/containers/" CONTAINER, 0700);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_IGN);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	auto_fd int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	core_free(w->core);
	(void)fd_close(w->dir_fd);
	(void)tree_remove_at(tmp, w->dir + strlen("/tmp/"), NULL);
	free(w);
	return 0;
}

/* What the program found, once it has told. Owned. */
static char *report(const struct world *w)
{
	char *text = NULL;

	for (int i = 0; i < 400; i++) {
		if (file_read_at(w->dir_fd, "report", 65536, &text, NULL) == 0)
			return text;
		(void)usleep(5000);
	}
	fail_msg("the program told nothing");
	return NULL;
}

static void says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is missing in:\n%s", part, text);
}

/* Without those above 31, which the C library keeps to itself. */
static unsigned signals(const char *text, const char *key)
{
	const char *line = strstr(text, key);

	assert_non_null(line);
	return (unsigned)strtoull(line + strlen(key), NULL, 16) & 0x7fffffff;
}

/* first: the lowest descriptor that is not meant for the program */
static void starts_clean(const char *text, int first)
{
	assert_int_equal(signals(text, "SigIgn:"), 0);
	assert_int_equal(signals(text, "SigBlk:"), 0);
	says(text, "own-session");
	for (int fd = first; fd < 64; fd++) {
		char leak[16];

		(void)snprintf(leak, sizeof(leak), "\nfd%d:", fd);
		assert_null(strstr(text, leak));
	}
}

static void the_first_message_starts_a_monitor_and_waits_for_it(void **state)
{
	struct world *w = *state;
	auto_free char *text = NULL;
	auto_fd int run = dirs_container_run(&w->core->dirs, CONTAINER, false);
	auto_fd int lock = FD_NONE;
	struct err err = { 0 };

	assert_int_equal(
		monitor_send(w->core, CONTAINER, "wait",
			(const char *const[]){ "condition=next-exit", NULL }, FD_NONE, &err),
		0);
	text = report(w);
	says(text, "fd5:socket:"); /* for the user namespace */
	starts_clean(text, 6);
	says(text, "args:" CONTAINER "\n");
	says(text, "fd3:socket:");
	says(text, "/containers/" CONTAINER "/lock");
	lock = openat(run, "lock", O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), -1); /* it holds the lock we took for it */
}

static void a_live_monitor_is_not_started_again(void **state)
{
	struct world *w = *state;
	auto_wire struct wire_msg m = { .fd = FD_NONE };
	auto_fd int run = dirs_container_run(&w->core->dirs, CONTAINER, false);
	auto_fd int ctl = wire_listen(run);
	struct err err = { 0 };

	assert_int_equal(monitor_send(w->core, CONTAINER, "stop", NULL, FD_NONE, &err), 0);
	assert_int_equal(wire_recv(ctl, &m), 0);
	assert_string_equal(m.op, "stop");
	assert_int_equal(
		monitor_send_if_live(w->core, CONTAINER, "reload", NULL, FD_NONE, &err), 1);
	ctl = fd_close(ctl);
	assert_int_equal(
		monitor_send_if_live(w->core, CONTAINER, "reload", NULL, FD_NONE, &err), 0);
	assert_int_equal(faccessat(w->dir_fd, "report", F_OK, 0), -1);
}

static void a_monitor_that_is_ending_is_waited_for_but_not_for_ever(void **state)
{
	struct world *w = *state;
	auto_fd int run = dirs_container_run(&w->core->dirs, CONTAINER, false);
	auto_fd int lock = openat(run, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int64_t begin = time_monotonic();
	struct err err = { 0 };

	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_true(monitor_send(w->core, CONTAINER, "stop", NULL, FD_NONE, &err) < 0);
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
	assert_true(time_monotonic() - begin < 20 * NSEC_PER_SEC);
}

static void no_monitor_is_started_for_a_container_that_is_gone(void **state)
{
	struct world *w = *state;
	struct err err = { 0 };

	(void)tree_remove_at(w->dir_fd, "dayfly/containers/" CONTAINER, NULL);
	assert_true(monitor_send(w->core, CONTAINER, "stop", NULL, FD_NONE, &err) < 0);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
}

static void recovery_gets_the_lock_and_no_socket(void **state)
{
	struct world *w = *state;
	auto_free char *text = NULL;
	struct err err = { 0 };

	assert_int_equal(monitor_recover(w->core, CONTAINER, &err), 0);
	text = report(w);
	starts_clean(text, 5);
	says(text, "args:--recover " CONTAINER "\n");
	says(text, "fd4:");
	assert_null(strstr(text, "fd3:"));
}

static void a_stream_gets_the_client(void **state)
{
	struct world *w = *state;
	auto_free char *text = NULL;
	struct err err = { 0 };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(stream_spawn(w->core, (const char *const[]){ "events", "since=1", NULL },
				 pair[0], &err),
		0);
	text = report(w);
	starts_clean(text, 4);
	says(text, "args:events since=1\n");
	says(text, "fd3:socket:");
	(void)fd_close(pair[0]);
	(void)fd_close(pair[1]);
}

static void a_worker_gets_input_and_control(void **state)
{
	struct world *w = *state;
	auto_free char *text = NULL;
	struct worker worker;
	struct err err = { 0 };

	assert_int_equal(worker_spawn(w->core, (const char *const[]){ "load", "quiet=1", NULL },
				 true, &worker, &err),
		0);
	assert_int_equal(fcntl(worker.input, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	text = report(w);
	starts_clean(text, 4);
	says(text, "args:load quiet=1\n");
	says(text, "fd3:socket:");
	worker_clear(&worker);
}

/* Clients take "no such file or directory" for the container's own command. */
static void a_missing_program_is_told_without_misleading_words(void **state)
{
	struct world *w = *state;
	struct worker worker;
	struct err err = { 0 };

	(void)unlinkat(w->dir_fd, "dayfly-worker", 0);
	assert_true(worker_spawn(w->core, (const char *const[]){ "load", NULL }, true, &worker,
			    &err) < 0);
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_null(strcasestr(err.msg, "no such file"));
	assert_non_null(strstr(err.msg, "dayfly-worker"));
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_first_message_starts_a_monitor_and_waits_for_it),
		T(a_live_monitor_is_not_started_again),
		T(a_monitor_that_is_ending_is_waited_for_but_not_for_ever),
		T(no_monitor_is_started_for_a_container_that_is_gone),
		T(recovery_gets_the_lock_and_no_socket),
		T(a_stream_gets_the_client),
		T(a_worker_gets_input_and_control),
		T(a_missing_program_is_told_without_misleading_words),
	};

	(void)argc;
	if (str_starts(argv[0], "dayfly-"))
		return play_program(argv);
	/* Whoever runs this test may have left descriptors open: those are not ours to find. */
	(void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
