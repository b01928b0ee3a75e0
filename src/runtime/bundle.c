/* runtime/bundle.c - the keeper: makes a bundle of what stands, has a runtime run it, and waits. */
#include "runtime/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/proc.h"
#include "runtime/init_image.h"
#include "runtime/mountfd.h"
#include "runtime/report.h"
#include "runtime/target.h"

#define PATIENCE_MS   60000 /* for one command of the runtime; crun takes 20 ms, runc 50 */
#define LOG_MAX       (1u << 20)
#define COMPLAINT_MAX 360 /* with the words around it below an err's room */
#define EXIT_UNKNOWN  255
#define RUNTIME_PATH  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What the runtime is called with; names in the bundle's folder. */
#define STATE   "state"
#define LOG     "log"
#define PIDFILE "pid"
#define CONSOLE "console"

/* Says so and waits for its REPORT_GO. 0 or -errno. */
static int ask_monitor(struct enter *e, enum report_kind kind, int fd)
{
	struct report answer;
	int none, r = report_send(e->report, &(struct report){ .kind = kind }, fd);

	if (r == 0)
		r = report_recv(e->report, &answer, &none);
	return r == 0 ? -EPIPE : r < 0 ? r : 0;
}

int bundle_leave_cgroup(struct enter *e, struct err *err)
{
	int r = ask_monitor(e, REPORT_KEEPER, FD_NONE);

	return r < 0 ? rt_sys(err, r, "wait for the monitor") : 0;
}

/* ---- the folder */

/* The container has a group already, and its limits. A runtime that finds one it can write to would make another
 * below; and crun goes on strike at the sight of both versions of cgroups at once. */
static int cgroups_close(struct enter *e, int host, struct err *err)
{
	int r;

	if (!host_has_cgroup2() && access("/sys/fs/cgroup/unified", F_OK) == 0 &&
		mount("tmpfs", "/sys/fs/cgroup/unified", "tmpfs", 0, "size=0,nr_inodes=1") < 0)
		return rt_sys(err, errno, "hide cgroups");
	r = mount_readonly(e, host, "/sys/fs/cgroup");
	return r < 0 ? rt_sys(err, r, "make cgroups read-only") : 0;
}

static int make_folders(struct err *err)
{
	if (mkdir(BUNDLE_ROOT, 0755) < 0 || mkdir(STATE, 0700) < 0)
		return rt_sys(err, errno, "make the bundle's folders");
	return 0;
}

/* The root with all its mounts moves. */
static int take_root(struct enter *e, struct err *err)
{
	auto_fd int place = open(BUNDLE_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = place < 0 ? -errno : mount_attach(e->root, place);

	return r < 0 ? rt_sys(err, r, "move the root into the bundle") : 0;
}

/* On the overlay's work folder, which is the container's own and has nothing to show. */
int bundle_make(struct enter *e, struct err *err)
{
	const char *folder = plan_get(e->plan, "work", "");
	auto_fd int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (host < 0)
		return rt_sys(err, errno, "open the host's root");
	/* the runtime's numbers are those of this pid namespace */
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return rt_sys(err, errno, "mount /proc");
	r = cgroups_close(e, host, err);
	if (r < 0)
		return r;
	if (mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=700") < 0 ||
		chdir(folder) < 0)
		return rt_sys(err, errno, "mount a folder for the bundle");
	r = make_folders(err);
	return r < 0 ? r : take_root(e, err);
}

/* The network and the like are ours, so our /proc has their parameters; the container's is yet to come. */
int bundle_sysctls(struct enter *e, struct err *err)
{
	auto_fd int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const int root = e->root;
	int r;

	e->root = host;
	r = sysctls_write(e, err);
	e->root = root;
	return r;
}

/* ---- dayfly-init, which looks for nothing */

struct found {
	struct report report; /* REPORT_FAILED if it was not */
	char path[PATH_MAX];
};

static int look_inside(struct enter *e, struct err *err)
{
	int r;

	if (fchdir(e->root) < 0 || chroot(".") < 0)
		return rt_sys(err, errno, "enter the root");
	r = keepid_enter(e, err);
	if (r == 0)
		r = directory_enter(e, err);
	if (r == 0)
		r = user_switch(e, err);
	return r < 0 ? r : program_find(e, err);
}

/* By a child that becomes the container's user in its root. */
static _Noreturn void seek_program(struct enter *e, int out)
{
	struct found f = { .report = { .kind = REPORT_EXEC } };

	if (look_inside(e, &f.report.err) < 0) {
		f.report.kind = REPORT_FAILED;
		f.report.blame = e->blame;
		f.report.exit_code = e->exit_code;
	} else {
		(void)snprintf(f.path, sizeof(f.path), "%s", e->program);
	}
	_exit(fd_write_all(out, &f, sizeof(f)) < 0);
}

static int find_program(struct enter *e, struct err *err)
{
	struct found f;
	int ends[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return rt_sys(err, errno, "make a pipe");
	pid = fork();
	if (pid == 0)
		seek_program(e, ends[1]);
	(void)fd_close(ends[1]);
	n = fd_read_upto(ends[0], &f, sizeof(f));
	(void)fd_close(ends[0]);
	if (pid < 0 || waitpid(pid, NULL, 0) < 0 || n != (ssize_t)sizeof(f))
		return rt_sys(err, ECHILD, "look for the program");
	if (f.report.kind == REPORT_FAILED) {
		*err = f.report.err;
		e->blame = f.report.blame;
		e->exit_code = f.report.exit_code;
		return -err->sys;
	}
	e->program = xstrdup(f.path);
	return 0;
}

static int bind_init(struct enter *e, struct err *err)
{
	auto_fd int target = target_open(e->root, BUNDLE_INIT, TARGET_FILE);
	auto_fd int tree = mount_clone(AT_FDCWD, "init", false);
	int r = target < 0 ? target : tree;

	if (r >= 0)
		r = mount_attach(tree, target);
	if (r == 0)
		r = mount_change(tree, false, MOUNT_RDONLY | MOUNT_NOSUID | MOUNT_NODEV, 0);
	return r < 0 ? rt_sys(err, r, "show it") : 0;
}

int bundle_init(struct enter *e, struct err *err)
{
	int r;

	if (!plan_has(e->plan, "init"))
		return 0;
	r = find_program(e, err);
	if (r < 0)
		return r;
	r = file_replace_at(
		AT_FDCWD, "init", init_image, (size_t)(init_image_end - init_image), 0555, 0);
	return r < 0 ? rt_sys(err, r, "write it") : bind_init(e, err);
}

int bundle_configure(struct enter *e, struct err *err)
{
	auto_buf struct buf text = { 0 };
	int r = bundle_config(e, &text, err);

	if (r == 0)
		r = file_replace_at(AT_FDCWD, "config.json", text.data, text.len, 0600, 0);
	return r < 0 && !err->sys ? rt_sys(err, r, "write config.json") : r;
}

/* ---- the runtime's commands */

/* NAME, PATH */
static const struct plan_item *runtime_of(const struct enter *e)
{
	return plan_next(e->plan, "runtime", NULL);
}

/* Neither is to touch cgroups: crun has a word for it, runc leaves alone what it is refused if told that nobody is
 * root here. */
static const char *cgroup_option(const struct enter *e)
{
	return str_eq(runtime_of(e)->words[0], "crun") ? "--cgroup-manager=disabled"
						       : "--rootless=true";
}

struct command {
	const char *verb;
	const char *const *words; /* after the verb */
	bool streams;             /* with those of the container */
};

/* In a user namespace of the container's own the runtime is root from the beginning, of what it makes as well. */
static int become_inner_root(struct enter *e, struct err *err)
{
	int r = keepid_enter(e, err);

	if (r < 0 || e->keepid < 0)
		return r;
	return setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0 ? -errno : 0;
}

static _Noreturn void command_execute(
	struct enter *e, const struct command *c, const char *const *argv)
{
	static const char *const env[] = { RUNTIME_PATH, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct rt_io nothing = { .in = null, .out = null, .err = null };
	struct enter it = *e;
	struct err err;

	if (!c->streams)
		it.io = &nothing;
	if (become_inner_root(&it, &err) == 0 && streams_take(&it, &err) == 0)
		(void)execve(
			argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
	_exit(EXIT_UNKNOWN);
}

/* What it was called with and what became of it. 0: it went well. */
static int command_wait(int pidfd)
{
	bool ended = proc_pidfd_wait(pidfd, PATIENCE_MS);
	siginfo_t si = { 0 };

	if (!ended)
		(void)proc_pidfd_kill(pidfd, SIGKILL);
	while (waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED) < 0 && errno == EINTR)
		;
	if (!ended)
		return -ETIMEDOUT;
	return si.si_code == CLD_EXITED && si.si_status == 0 ? 0 : -EIO;
}

static int command_failed(struct enter *e, const struct command *c, int r, struct err *err)
{
	const char *name = runtime_of(e)->words[0], *program = plan_get(e->plan, "arg", "");
	auto_free char *log = NULL;
	char said[COMPLAINT_MAX] = "";
	int code;

	if (file_read_at(AT_FDCWD, LOG, LOG_MAX, &log, NULL) == 0)
		bundle_complaint(log, said, sizeof(said));
	if (!*said)
		(void)snprintf(said, sizeof(said), "%s %s %s", name, c->verb,
			r == -ETIMEDOUT ? "does not come to an end"
					: "has failed without saying why");
	code = bundle_exit_code(said, program);
	(void)enter_fail(e, err, BLAME_REQUEST, code, EINVAL,
		"failed to create task for container: failed to create shim task: OCI runtime %s "
		"failed: %s: unknown",
		c->verb, said);
	if (code != 126 && code != 127)
		err->kind = ERR_SYSTEM;
	return -err->sys;
}

static int command_run(struct enter *e, const struct command *c, struct err *err)
{
	const char *argv[24] = { runtime_of(e)->words[1], "--root", STATE, "--log", LOG,
		"--log-format", "json", cgroup_option(e), c->verb };
	size_t n = 9;
	auto_fd int pidfd = FD_NONE;
	pid_t pid;
	int r;

	for (const char *const *w = c->words; *w; w++)
		argv[n++] = *w;
	argv[n] = plan_get(e->plan, "id", "container");
	(void)unlink(LOG);
	pid = process_clone(&(struct rt_io){ 0 }, 0, SIGCHLD, &pidfd);
	if (pid < 0)
		return rt_sys(err, pid, "start %s", argv[0]);
	if (pid == 0)
		command_execute(e, c, argv);
	r = command_wait(pidfd);
	return r < 0 ? command_failed(e, c, r, err) : 0;
}

/* ---- create */

static int listen_for_console(struct err *err)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = CONSOLE };
	auto_fd int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (sock < 0 || bind(sock, (struct sockaddr *)&name, sizeof(name)) < 0 ||
		listen(sock, 1) < 0)
		return rt_sys(err, errno, "listen for the terminal");
	return take_fd(&sock);
}

/* It has been sent by the time that create has ended. */
static int pass_console(struct enter *e, int listener, struct err *err)
{
	auto_fd int conn = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	auto_fd int master = FD_NONE;
	char name[256];
	size_t count = 0;
	ssize_t n;
	int r;

	if (conn < 0)
		return rt_sys(err, errno, "the runtime has sent no terminal");
	n = fd_recv(conn, name, sizeof(name), &master, 1, &count, 0);
	if (n < 0 || count != 1)
		return rt_sys(err, n < 0 ? (int)n : EBADMSG, "take the terminal");
	r = fd_nonblock(master, true);
	if (r == 0)
		r = report_send(e->report, &(struct report){ .kind = REPORT_CONSOLE }, master);
	return r < 0 ? rt_sys(err, r, "pass the terminal on") : 0;
}

static int read_first(struct enter *e, struct err *err)
{
	auto_free char *text = NULL;
	uint64_t pid = 0;
	int r = file_read_at(AT_FDCWD, PIDFILE, 32, &text, NULL);

	if (r == 0) {
		text[strcspn(text, "\n")] = '\0';
		r = str_to_u64(text, &pid);
	}
	if (r < 0 || pid > INT_MAX)
		return rt_sys(err, r < 0 ? r : ERANGE, "read who the first process is");
	e->first = (pid_t)pid;
	return 0;
}

int bundle_create(struct enter *e, struct err *err)
{
	static const char *const plain[] = { "--bundle", ".", "--pid-file", PIDFILE, NULL };
	static const char *const tty[] = { "--bundle", ".", "--pid-file", PIDFILE,
		"--console-socket", CONSOLE, NULL };
	const struct command c = { "create", e->io->tty ? tty : plain, true };
	auto_fd int listener = FD_NONE;
	int r;

	if (e->io->tty) {
		listener = listen_for_console(err);
		if (listener < 0)
			return listener;
	}
	r = command_run(e, &c, err);
	if (r == 0 && e->io->tty)
		r = pass_console(e, listener, err);
	return r < 0 ? r : read_first(e, err);
}

/* ---- start, and to the end */

/* It has become our child, as the runtime that made it has ended. */
int bundle_hold(struct enter *e, struct err *err)
{
	auto_fd int pidfd = proc_pidfd(e->first);
	int r;

	if (pidfd < 0)
		return rt_sys(err, pidfd, "find the first process");
	r = ask_monitor(e, REPORT_CREATED, pidfd);
	return r < 0 ? rt_sys(err, r, "wait for the record") : 0;
}

int bundle_start(struct enter *e, struct err *err)
{
	static const char *const none[] = { NULL };
	const struct command c = { "start", none, false };
	int r = command_run(e, &c, err);

	if (r == 0)
		r = report_send(e->report, &(struct report){ .kind = REPORT_EXEC }, FD_NONE);
	return r < 0 && !err->sys ? rt_sys(err, r, "tell the monitor") : r;
}

/* Lets the host's files, the bundle and the runtime's state go, and with them what the host could otherwise not
 * unmount. The container has its own copy of all it sees. */
static void let_go(void)
{
	/* or what is taken away here would go from under it, too, where mounts are shared */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return;
	if (mkdir("empty", 0700) == 0 &&
		mount("tmpfs", "empty", "tmpfs", MS_RDONLY, "size=0,nr_inodes=1") == 0 &&
		chdir("empty") == 0 && syscall(SYS_pivot_root, ".", ".") == 0)
		(void)umount2(".", MNT_DETACH);
}

/* pid 1 cannot end by a signal of its own. */
static int ended(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int bundle_keep(struct enter *e, struct err *err)
{
	const pid_t first = e->first;
	int status;

	(void)err;
	(void)prctl(PR_SET_NAME, "dayfly-keeper");
	fd_close_all_but(NULL, 0);
	let_go();
	memory_trim();
	for (;;) {
		pid_t pid = waitpid(-1, &status, 0);

		if (pid == first)
			_exit(ended(status));
		if (pid < 0 && errno != EINTR)
			_exit(EXIT_UNKNOWN);
	}
}
