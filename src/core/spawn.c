#include "core/spawn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/timefmt.h"
#include "core/records.h"
#include "core/unit.h"
#include "state/remove.h"
#include "state/wire.h"

#define PASSED_MAX        3 /* descriptors a program gets, from 3 on */
#define SAFE_FD           (3 + PASSED_MAX)
#define MONITOR_PATIENCE  NSEC_PER_SEC /* for one that is just ending or beginning */
#define SEND_PATIENCE_MS  100
#define COPY_PATIENCE_MS  10000
#define MONITOR_RETRY_US  2000
#define UPLOAD_PIPE_BYTES (1 << 20) /* fewer switches between the two processes than with 64 KiB */

/* For the C library in a monitor, which can be told this in no other way: not to put freed pieces by for the
 * next request of their size. Each size has some, and every page that holds one stays in memory: nine pages of
 * heap instead of two, in a monitor that has run a few health checks. */
#define MONITOR_SETTING "GLIBC_TUNABLES=glibc.malloc.tcache_count=0"

/* What a program is started with: its input and further descriptors, all borrowed. */
struct launch {
	const char *program;
	const char *const *argv; /* behind the program's name; NULL-ended */
	const char *setting;     /* NAME=VALUE, added to our environment; NULL: none */
	int input;               /* FD_NONE: /dev/null */
	int passed[PASSED_MAX];  /* become 3, 4, 5; FD_NONE: closed there */
};

/* Numbers from 3 are the targets: a source that already sits there would be overwritten before its
 * turn. Returns a number above them. */
static int move_up(int fd)
{
	int r = fcntl(fd, F_DUPFD_CLOEXEC, SAFE_FD);

	return r < 0 ? -errno : r;
}

static int actions_fill(
	posix_spawn_file_actions_t *fa, const struct launch *l, int moved[PASSED_MAX])
{
	int r = l->input >= 0 ? posix_spawn_file_actions_adddup2(fa, l->input, 0)
			      : posix_spawn_file_actions_addopen(fa, 0, "/dev/null", O_RDONLY, 0);

	if (r == 0) /* what a program says by mistake goes where messages go */
		r = posix_spawn_file_actions_adddup2(fa, 2, 1);
	for (int i = 0; r == 0 && i < PASSED_MAX; i++) {
		if (l->passed[i] < 0)
			continue;
		moved[i] = move_up(l->passed[i]);
		if (moved[i] < 0)
			return moved[i];
		r = posix_spawn_file_actions_adddup2(fa, moved[i], 3 + i);
	}
	return -r;
}

/* A session of its own, and none of our signal settings: SIGCHLD and SIGPIPE are ignored here. */
static int attributes_fill(posix_spawnattr_t *attr)
{
	sigset_t all, none;
	int r;

	sigfillset(&all);
	sigemptyset(&none);
	r = posix_spawnattr_setsigdefault(attr, &all);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attr, &none);
	if (r == 0)
		r = posix_spawnattr_setflags(
			attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	return -r;
}

/* Borrowed strings in an owned list. */
static char **environment(const char *setting)
{
	size_t count = strv_len(environ), first = setting ? 1 : 0;
	char **env = xreallocarray(NULL, first + count + 1, sizeof(*env));

	if (setting)
		env[0] = (char *)(uintptr_t)setting;
	memcpy(&env[first], environ, (count + 1) * sizeof(*env));
	return env;
}

static int launch_with(const struct launch *l, const char *path, char *const *argv,
	posix_spawn_file_actions_t *fa, posix_spawnattr_t *attr, pid_t *ret)
{
	auto_free char **env = environment(l->setting);
	int moved[PASSED_MAX] = { FD_NONE, FD_NONE, FD_NONE };
	int r = actions_fill(fa, l, moved);

	if (r == 0)
		r = attributes_fill(attr);
	if (r == 0)
		r = -posix_spawn(ret, path, fa, attr, argv, env);
	for (int i = 0; i < PASSED_MAX; i++)
		(void)fd_close(moved[i]);
	return r;
}

static int launch(struct core *c, const struct launch *l, pid_t *ret, struct err *err)
{
	auto_free char *path = xasprintf("%s/%s", c->programs, l->program);
	auto_strv char **argv = NULL;
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	int r;

	strv_add(&argv, l->program);
	for (const char *const *a = l->argv; *a; a++)
		strv_add(&argv, *a);
	(void)posix_spawn_file_actions_init(&fa);
	(void)posix_spawnattr_init(&attr);
	r = launch_with(l, path, argv, &fa, &attr, ret);
	(void)posix_spawn_file_actions_destroy(&fa);
	(void)posix_spawnattr_destroy(&attr);
	/* No strerror: clients read "no such file or directory" as the container's own failure. */
	if (r < 0)
		return err_set(err, ERR_SYSTEM, -r,
			"cannot run %s (error %d): is dayfly installed completely?", path, -r);
	return 0;
}

/* ---- monitors */

static bool nobody_listens(int r)
{
	return r == -ENOENT || r == -ECONNREFUSED || r == -EPIPE || r == -ECONNRESET ||
		r == -ENOTCONN;
}

/* The monitor's lock: held means alive. 0 with *ret; 1: taken, one is ending or beginning. */
static int monitor_lock(const char *id, int run_dir, int *ret, struct err *err)
{
	auto_fd int lock = openat(run_dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (lock < 0 && errno == ENOENT) /* removed since its folder was opened */
		return err_set(err, ERR_NOT_FOUND, ENOENT, "No such container: %s", id);
	if (lock < 0)
		return err_sys(err, errno, "lock of container %s", id);
	if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 1 : err_sys(err, errno, "lock container %s", id);
	*ret = take_fd(&lock);
	return 0;
}

/* A user manager is looked for once in this process's short life. */
static void units_seek(struct core *c)
{
	if (!c->units_sought)
		c->units = unit_manager_open();
	c->units_sought = true;
}

/* A container without its scope runs all the same; the monitor says so in the log. */
static void give_scope(struct core *c, const char *id, pid_t monitor)
{
	auto_summary struct summary s = { 0 };
	struct err err;

	unit_manager_drain(c->units);
	if (unit_start_scope(
		    c->units, id, summary_read(c, id, &s) < 0 ? id : s.name, monitor, &err) < 0)
		log_warning("%.12s: %s", id, err.msg);
}

/* The user namespace a monitor has sent since it was started, if any. Else a socket over which the
 * next one sends its own; FD_NONE when there is no need, or no socket. */
static int userns_seek(struct core *c)
{
	char word[8];
	size_t count;
	int ends[2];

	if (c->userns < 0 && c->userns_socket >= 0 &&
		fd_recv(c->userns_socket, word, sizeof(word), &c->userns, 1, &count, MSG_DONTWAIT) <
			0)
		c->userns = FD_NONE;
	c->userns_socket = fd_close(c->userns_socket);
	if (c->userns >= 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return FD_NONE;
	c->userns_socket = ends[0];
	return ends[1];
}

/* 0: started. 1: one is ending or beginning. The control socket is bound here, so that messages may
 * be sent before the monitor's first instruction. */
static int monitor_start(struct core *c, const char *id, int run_dir, struct err *err)
{
	auto_fd int lock = FD_NONE, ctl = FD_NONE, offer = FD_NONE;
	pid_t pid;
	int r = monitor_lock(id, run_dir, &lock, err);

	if (r != 0)
		return r;
	offer = userns_seek(c);
	ctl = wire_listen(run_dir);
	if (ctl < 0)
		return err_sys(err, ctl, "control socket of container %s", id);
	units_seek(c);
	r = launch(c,
		&(struct launch){
			.program = "dayfly-monitor",
			.argv = c->units ? (const char *const[]){ "--scope", id, NULL }
					 : (const char *const[]){ id, NULL },
			.setting = MONITOR_SETTING,
			.input = FD_NONE,
			.passed = { ctl, lock, c->userns >= 0 ? c->userns : offer },
		},
		&pid, err);
	if (r == 0 && c->units)
		give_scope(c, id, pid);
	return r;
}

/* A monitor that is not itself (stopped, or starved) may be waited for by a copy of this process, which
 * has no other clients. */
static int patience(const struct core *c)
{
	return c->copy ? COPY_PATIENCE_MS : SEND_PATIENCE_MS;
}

static int send_failed(const char *id, int r, struct err *err)
{
	if (r == -ETIMEDOUT || r == -EAGAIN)
		return err_set(err, ERR_UNAVAILABLE, ETIMEDOUT,
			"the monitor of container %s does not take messages", id);
	return err_sys(err, r, "message to the monitor of container %s", id);
}

/* The run folder is made anew after a reboot, but only for a container that exists. */
int run_folder_check(struct core *c, const char *id, struct err *err)
{
	auto_fd int data = dirs_container_data(&c->dirs, id);

	if (data >= 0)
		return 0;
	(void)container_take_away(&c->dirs, id, "", true, NULL);
	return err_set(err, ERR_NOT_FOUND, ENOENT, "No such container: %s", id);
}

static int run_dir_open(struct core *c, const char *id, int *ret, struct err *err)
{
	auto_fd int fd = FD_NONE;
	int r = run_folder_check(c, id, err);

	if (r < 0)
		return r;
	fd = dirs_container_run(&c->dirs, id, true);
	if (fd < 0)
		return err_sys(err, fd, "run directory of container %s", id);
	r = run_folder_check(c, id, err);
	if (r == 0)
		*ret = take_fd(&fd);
	return r;
}

int monitor_send(struct core *c, const char *id, const char *op, const char *const *words, int fd,
	struct err *err)
{
	int64_t give_up = time_monotonic() + MONITOR_PATIENCE;
	auto_fd int run_dir = FD_NONE;
	int r = run_dir_open(c, id, &run_dir, err);

	if (r < 0)
		return r;
	for (;;) {
		r = wire_send(run_dir, op, words, fd, NULL, 0, patience(c));
		if (!nobody_listens(r))
			return r < 0 ? send_failed(id, r, err) : 0;
		r = monitor_start(c, id, run_dir, err);
		if (r < 0)
			return r;
		if (r > 0 && time_monotonic() > give_up)
			return send_failed(id, -ETIMEDOUT, err);
		if (r > 0)
			(void)usleep(MONITOR_RETRY_US);
	}
}

static int send_if_live(struct core *c, const char *id, const char *op, const char *const *words,
	int fd, const void *blob, size_t blob_len, struct err *err)
{
	auto_fd int run_dir = dirs_container_run(&c->dirs, id, false);
	int r;

	if (run_dir == -ENOENT)
		return 0;
	if (run_dir < 0)
		return err_sys(err, run_dir, "run directory of container %s", id);
	r = wire_send(run_dir, op, words, fd, blob, blob_len, patience(c));
	if (nobody_listens(r))
		return 0;
	return r < 0 ? send_failed(id, r, err) : 1;
}

int monitor_send_if_live(struct core *c, const char *id, const char *op, const char *const *words,
	int fd, struct err *err)
{
	return send_if_live(c, id, op, words, fd, NULL, 0, err);
}

int monitor_send_early(struct core *c, const char *id, const char *hold, const void *data,
	size_t len, struct err *err)
{
	return send_if_live(
		c, id, "early", (const char *const[]){ hold, NULL }, FD_NONE, data, len, err);
}

int monitor_recover(struct core *c, const char *id, struct err *err)
{
	auto_fd int run_dir = FD_NONE, lock = FD_NONE;
	pid_t pid;
	int r = run_dir_open(c, id, &run_dir, err);

	if (r == 0)
		r = monitor_lock(id, run_dir, &lock, err);
	if (r != 0)
		return r < 0 ? r : 0; /* somebody is at it already */
	return launch(c,
		&(struct launch){
			.program = "dayfly-monitor",
			.argv = (const char *const[]){ "--recover", id, NULL },
			.input = FD_NONE,
			.passed = { FD_NONE, lock, FD_NONE },
		},
		&pid, err);
}

/* ---- streams and workers */

static int spawn_for(
	struct core *c, const char *program, const char *const *argv, int fd, struct err *err)
{
	pid_t pid;

	return launch(c,
		&(struct launch){
			.program = program,
			.argv = argv,
			.input = FD_NONE,
			.passed = { fd, FD_NONE, FD_NONE },
		},
		&pid, err);
}

int stream_spawn(struct core *c, const char *const *argv, int fd, struct err *err)
{
	return spawn_for(c, "dayfly-stream", argv, fd, err);
}

int journald_spawn(struct core *c, const char *const *argv, int fd, struct err *err)
{
	return spawn_for(c, "dayfly-journald", argv, fd, err);
}

static int input_pipe(int *ret_read, int *ret_write)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	(void)fcntl(p[1], F_SETPIPE_SZ, UPLOAD_PIPE_BYTES);
	*ret_read = p[0];
	*ret_write = p[1];
	return fd_nonblock(p[1], true);
}

int worker_spawn(struct core *c, const char *const *argv, bool want_input, struct worker *ret,
	struct err *err)
{
	auto_fd int input = FD_NONE, input_end = FD_NONE;
	int control[2];
	int r;

	r = want_input ? input_pipe(&input_end, &input) : 0;
	if (r < 0)
		return err_sys(err, r, "pipe to dayfly-worker");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
		return err_sys(err, errno, "control socket of dayfly-worker");
	r = launch(c,
		&(struct launch){
			.program = "dayfly-worker",
			.argv = argv,
			.input = input_end,
			.passed = { control[1], FD_NONE, FD_NONE },
		},
		&ret->pid, err);
	(void)fd_close(control[1]);
	if (r < 0) {
		(void)fd_close(control[0]);
		return r;
	}
	ret->input = take_fd(&input);
	ret->control = control[0];
	return 0;
}

int worker_hand_over(const struct worker *w, int client_fd)
{
	return fd_send(w->control, "client", 6, &client_fd, 1, 0);
}

void worker_clear(struct worker *w)
{
	w->input = fd_close(w->input);
	w->control = fd_close(w->control);
}

void core_join_userns(struct core *c)
{
	char word[8];
	struct worker w;
	size_t count;

	assert(c->copy);
	if (c->joined)
		return;
	c->joined = true;
	if (worker_spawn(c, (const char *const[]){ "userns", NULL }, false, &w, NULL) < 0)
		return;
	if (fd_recv(w.control, word, sizeof(word), &c->userns, 1, &count, 0) < 0 || count == 0)
		c->userns = FD_NONE;
	worker_clear(&w);
	if (c->userns >= 0 && setns(c->userns, CLONE_NEWUSER) < 0)
		log_warning("join the user namespace: %s", strerror(errno));
}

static void worker_detached(struct core *c, const char *const *argv)
{
	struct err err;
	pid_t pid;

	(void)launch(c,
		&(struct launch){
			.program = "dayfly-worker",
			.argv = argv,
			.input = FD_NONE,
			.passed = { FD_NONE, FD_NONE, FD_NONE },
		},
		&pid, &err);
}

void worker_fill(struct core *c, const char *id)
{
	char word[ID_SIZE + 4];

	(void)snprintf(word, sizeof(word), "id=%.64s", id);
	worker_detached(c, (const char *const[]){ "fill", word, NULL });
}

void worker_sweep(struct core *c)
{
	c->trashed = 0; /* what it does not get to free, the next sweep does */
	worker_detached(c, (const char *const[]){ "sweep", NULL });
}
