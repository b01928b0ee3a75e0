/* runtime/start.c - the parent's side of starting a container or a process in one. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "runtime/cgroup.h"
#include "runtime/enter.h"
#include "runtime/fuse.h"
#include "runtime/join.h"
#include "runtime/keepid.h"
#include "runtime/report.h"

#define EXIT_FAILED 128 /* Docker's code for a start that failed on the engine's side */
#define EXIT_EXEC   126 /* and for an exec session */

void rt_process_clear(struct rt_process *p)
{
	p->pidfd = fd_close(p->pidfd);
	p->keeper = fd_close(p->keeper);
	p->console = fd_close(p->console);
}

void rt_files_release(struct rt_process *p)
{
	p->root = fd_close(p->root);
	p->work = fd_close(p->work); /* after it: now another may mount them */
}

pid_t process_clone(const struct rt_io *io, uint64_t flags, uint64_t exit_signal, int *pidfd)
{
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.exit_signal = exit_signal,
	};
	long pid;

	if (io->cgroup && io->cgroup->payload >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)io->cgroup->payload;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	return pid < 0 ? -errno : (pid_t)pid;
}

static int caps_parse(const struct plan *plan, uint64_t *ret, struct err *err)
{
	const char *text = plan_get(plan, "caps", "0");
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 16);
	if (errno || *end || end == text)
		return err_set(err, ERR_SYSTEM, EBADMSG, "the plan's caps are no number");
	return 0;
}

static void streams_default(struct rt_io *io, int null)
{
	io->in = io->in >= 0 ? io->in : null;
	io->out = io->out >= 0 ? io->out : null;
	io->err = io->err >= 0 ? io->err : null;
}

/* ---- what becomes of the child */

static void child_failed(struct enter *e, const struct err *err)
{
	struct report r = {
		.kind = REPORT_FAILED,
		.blame = e->blame,
		.exit_code = e->exit_code,
		.err = *err,
	};

	(void)report_send(e->report, &r, FD_NONE);
	_exit(1);
}

/* One that cannot die yet, in a system call that a file server has to answer, is not waited for. */
#define KILL_PATIENCE_MS 2000

static void child_reap(struct rt_process *p)
{
	int pidfd = rt_process_child(p);
	siginfo_t si;

	(void)proc_pidfd_kill(pidfd, SIGKILL);
	(void)proc_pidfd_wait(pidfd, KILL_PATIENCE_MS);
	(void)waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED | WNOHANG);
	rt_process_clear(p);
	rt_files_release(p);
}

/* How failures are told, by what was asked for. */
struct voice {
	const char *runtime, *engine;
	int exit_code;
	int64_t patience; /* ns until the program has to run; 0: any time */
};

static const struct voice voice_start = {
	.runtime =
		"failed to create task for container: failed to create shim task: OCI runtime create "
		"failed: runc create failed: unable to start container process: ",
	.engine = "failed to create task for container: ",
	.exit_code = EXIT_FAILED,
};

static const struct voice voice_exec = {
	.runtime = "OCI runtime exec failed: exec failed: unable to start container process: ",
	.engine = "OCI runtime exec failed: ",
	.exit_code = EXIT_EXEC,
	.patience = 30 * NSEC_PER_SEC,
};

/* What the child said, as the client should hear it. */
static int failure_text(
	const struct report *r, const struct voice *voice, int *exit_code, struct err *err)
{
	const int sys = r->err.sys ? r->err.sys : EIO;

	*exit_code = r->exit_code ? r->exit_code : voice->exit_code;
	switch (r->blame) {
	case BLAME_RUNTIME:
		return err_set(err, r->err.kind, sys, "%s%s: unknown", voice->runtime, r->err.msg);
	case BLAME_REQUEST: return err_set(err, r->err.kind, sys, "%s", r->err.msg);
	case BLAME_ENGINE: break;
	}
	return err_set(err, ERR_SYSTEM, sys, "%s%s", voice->engine, r->err.msg);
}

static void take_report_fd(int *slot, int fd)
{
	(void)fd_close(*slot);
	*slot = fd;
}

static int created(const struct rt_hooks *hooks, const struct rt_process *p, struct err *err)
{
	return hooks && hooks->on_created ? hooks->on_created(hooks->arg, p, err) : 0;
}

/* The keeper of a bundle has what it needs of the container's cgroup, and the runtime needs more memory and
 * threads than the container may be allowed. */
static void take_keeper(int sock, const struct enter *e, const struct rt_process *p)
{
	const struct cgroup *group = e->io->cgroup;

	if (group && group->payload >= 0)
		(void)cgroup_take_out(group, p->pid); /* else it counts: no reason to fail */
	(void)report_send(sock, &(struct report){ .kind = REPORT_GO }, FD_NONE);
}

/* What it has had made is the container's first process from here on, and belongs into its cgroup. */
static int take_created(int sock, const struct enter *e, const struct rt_hooks *hooks,
	int take_pidfd, struct rt_process *p, struct err *err)
{
	const struct cgroup *group = e->io->cgroup;
	int r;

	p->keeper = p->pidfd;
	p->pidfd = take_pidfd;
	p->pid = proc_pidfd_pid(p->pidfd);
	if (p->pid < 0)
		return err_set(err, ERR_SYSTEM, ESRCH, "%sit has ended before it was started",
			voice_start.engine);
	r = group && group->payload >= 0 ? cgroup_take_in(group, p->pid) : 0;
	if (r < 0)
		return rt_sys(err, r, "%sput it into its cgroup", voice_start.engine);
	r = created(hooks, p, err);
	if (r < 0)
		return r;
	(void)report_send(sock, &(struct report){ .kind = REPORT_GO }, FD_NONE);
	return 0;
}

/* What is made in a running container is at its mercy before it says a word, and nothing else is done here
 * meanwhile: whoever may signal all in a pid namespace may stop it as soon as it is there (nobody with good
 * intentions does, for so many looks in a row), and a FUSE server may never answer what it asks on its way. */
#define LOOK_MS       100
#define STOPPED_LOOKS 3

/* 0: there is something to hear; 1: there will be nothing. */
static int wait_for_word(int sock, const struct rt_process *p, int64_t give_up)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	int n, stopped = 0;

	while ((n = poll(&pfd, 1, LOOK_MS)) <= 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		stopped = p->pid > 0 && proc_stopped(p->pid) ? stopped + 1 : 0;
		if (stopped == STOPPED_LOOKS || (give_up && time_monotonic() >= give_up))
			return 1;
	}
	return 0;
}

/* Listens until the program runs or has failed. The end of file is waited for in any case: with exec
 * the process may fail before its helper has told us its number. */
static int follow(int sock, const struct enter *e, const struct voice *voice,
	const struct rt_hooks *hooks, struct rt_process *p, int *exit_code, struct err *err)
{
	const int64_t give_up = voice->patience ? time_monotonic() + voice->patience : 0;
	bool executing = false;
	int result = 0;

	for (;;) {
		struct report r;
		int fd, n = wait_for_word(sock, p, give_up);

		if (n > 0)
			return err_set(err, ERR_SYSTEM, EINTR,
				"%sit was held up while it was being set up", voice->engine);
		if (n == 0)
			n = report_recv(sock, &r, &fd);
		if (n < 0)
			return rt_sys(err, n, "%slisten to the new process", voice->engine);
		if (n == 0)
			break;
		switch (r.kind) {
		case REPORT_PROCESS:
			p->pid = r.pid;
			take_report_fd(&p->pidfd, fd);
			n = created(hooks, p, err);
			if (n < 0)
				return n;
			break;
		case REPORT_KEEPER: take_keeper(sock, e, p); break;
		case REPORT_CREATED:
			n = take_created(sock, e, hooks, fd, p, err);
			if (n < 0)
				return n;
			break;
		case REPORT_GO: break; /* ours to say */
		case REPORT_CONSOLE: take_report_fd(&p->console, fd); break;
		case REPORT_WORK: take_report_fd(&p->work, fd); break;
		case REPORT_ROOT: take_report_fd(&p->root, fd); break;
		case REPORT_FUSE:
			n = fuse_root_serve(e->plan, fd, err);
			(void)fd_close(fd);
			if (n < 0)
				return err_prefix(err, "%s", voice->engine);
			break;
		case REPORT_EXEC: executing = true; break;
		case REPORT_FAILED: result = failure_text(&r, voice, exit_code, err); break;
		}
	}
	if (result < 0 || executing)
		return result;
	return err_set(err, ERR_SYSTEM, ECHILD, "%sit was killed while it was being set up",
		voice->engine);
}

/* ---- a container */

static uint64_t clone_flags(const struct enter *e)
{
	uint64_t flags = CLONE_NEWNS;

	for (int k = 0; k < NS_KIND_COUNT; k++)
		flags |= e->private_ns[k] && e->joined[k] < 0 ? ns_words[k].flag : 0;
	/* made by the child (cgroup_hide): its root is where the maker is, and that would be us */
	return flags & ~(uint64_t)CLONE_NEWCGROUP;
}

static int container_run(struct enter *e, int sock, const struct rt_hooks *hooks,
	struct rt_process *p, int *exit_code, struct err *err)
{
	const bool bundle = plan_has(e->plan, "runtime");
	struct err child_err = { 0 };
	int r;

	p->pid = process_clone(e->io, clone_flags(e), SIGCHLD, &p->pidfd);
	if (p->pid < 0) {
		p->pidfd = FD_NONE;
		return rt_sys(err, p->pid, "%snew namespaces", voice_start.engine);
	}
	if (p->pid == 0) {
		(void)close(sock);
		(void)enter_container(e, &child_err);
		child_failed(e, &child_err);
	}
	e->report = fd_close(e->report);
	r = bundle ? 0 : created(hooks, p, err);
	if (r == 0)
		r = follow(sock, e, &voice_start, hooks, p, exit_code, err);
	if (r < 0)
		child_reap(p);
	return r;
}

/* ---- a process in the pid namespace of another
 *
 * A process cannot change its own pid namespace, only its children's, and the way back would need
 * rights on the host. So a helper goes in and makes the process a child of the monitor, not its own
 * (CLONE_PARENT). */

typedef int helper_fn(struct enter *e, uint64_t flags, int container, struct err *err);

static int helper_run(struct enter *e, int sock, helper_fn *fn, uint64_t flags, int container,
	const struct voice *voice, const struct rt_hooks *hooks, struct rt_process *p,
	int *exit_code, struct err *err)
{
	struct err child_err = { 0 };
	pid_t helper = fork();
	int r;

	if (helper < 0)
		return rt_sys(err, errno, "%sfork", voice->engine);
	if (helper == 0) {
		(void)close(sock);
		if (fn(e, flags, container, &child_err) < 0)
			child_failed(e, &child_err);
		_exit(0);
	}
	e->report = fd_close(e->report);
	r = follow(sock, e, voice, hooks, p, exit_code, err);
	if (r < 0)
		(void)kill(helper, SIGKILL);
	while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
		;
	if (r < 0 && p->pid > 0)
		child_reap(p);
	return r;
}

/* What the helper has made itself known by. */
static int helper_report(struct enter *e, pid_t pid, int pidfd, struct err *err)
{
	int r = report_send(
		e->report, &(struct report){ .kind = REPORT_PROCESS, .pid = pid }, pidfd);

	return r < 0 ? rt_sys(err, r, "tell the monitor") : 0;
}

static int helper_container(struct enter *e, uint64_t flags, int container, struct err *err)
{
	int pidfd = FD_NONE;
	pid_t pid;

	if (setns(container, CLONE_NEWPID) < 0)
		return rt_sys(err, errno, "join the other container's processes");
	pid = process_clone(e->io, flags | CLONE_PARENT, 0, &pidfd);
	if (pid < 0)
		return rt_sys(err, pid, "new namespaces");
	if (pid == 0) {
		(void)enter_container(e, err);
		child_failed(e, err);
	}
	return helper_report(e, pid, pidfd, err);
}

/* ---- a process in a container: the helper is hidden before it enters, and what it makes is born
 * hidden. */

/* Only namespaces that are the container's own can be joined: the others belong to the host. */
static int join_flags(int container, uint64_t *ret)
{
	uint64_t flags = CLONE_NEWNS;
	int pid = proc_pidfd_pid(container);

	if (pid < 0)
		return pid;
	for (int k = 0; k < NS_KIND_COUNT; k++) {
		int r = namespace_differs(pid, ns_words[k].file);

		if (r < 0)
			return r;
		flags |= r ? ns_words[k].flag : 0;
	}
	if (namespace_differs(pid, "user") > 0)
		flags |= CLONE_NEWUSER;
	*ret = flags;
	return 0;
}

/* What the new process joins itself. From within the container's cgroup namespace nobody from without
 * can be put into the container's cgroup (a cgroup2 mounted with nsdelegate, as systemd does, says
 * ENOENT), so the process is born in the one before it joins the other; and a user namespace of the
 * container's own takes away the right to do so, so they are joined at once. */
#define JOINED_LATE ((uint64_t)(CLONE_NEWCGROUP | CLONE_NEWUSER))

static int helper_exec(struct enter *e, uint64_t flags, int container, struct err *err)
{
	int pidfd = FD_NONE;
	pid_t pid;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return rt_sys(err, errno, "hide the process");
	if (setns(container, (int)(flags & ~JOINED_LATE)) < 0)
		return rt_sys(err, errno, "join the container");
	e->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (e->root < 0)
		return rt_sys(err, errno, "open the container's root");
	pid = process_clone(e->io, CLONE_PARENT, 0, &pidfd);
	if (pid < 0)
		return rt_sys(err, pid, "make a process in the container");
	if (pid == 0) {
		if (flags & JOINED_LATE && setns(container, (int)(flags & JOINED_LATE)) < 0)
			(void)rt_sys(err, errno, "join the container's cgroup namespace");
		else
			(void)enter_exec(e, err);
		child_failed(e, err);
	}
	return helper_report(e, pid, pidfd, err);
}

static int exec_run(struct enter *e, int sock, int container, struct rt_process *p, int *exit_code,
	struct err *err)
{
	uint64_t flags;
	int r;

	r = join_flags(container, &flags);
	if (r < 0)
		return rt_sys(err, r, "%slook at the container's namespaces", voice_exec.engine);
	return helper_run(
		e, sock, helper_exec, flags, container, &voice_exec, NULL, p, exit_code, err);
}

/* ---- */

static void enter_clear(struct enter *e)
{
	seccomp_filter_clear(&e->filter);
	joins_close(e);
	e->keepid = fd_close(e->keepid);
	e->report = fd_close(e->report);
}

static int enter_prepare(struct enter *e, int *sock, struct err *err)
{
	int pair[2], r;

	r = caps_parse(e->plan, &e->caps, err);
	if (r == 0)
		r = seccomp_filter_prepare(e->plan, e->caps, &e->filter, err);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return rt_sys(err, errno, "socketpair");
	*sock = pair[0];
	e->report = pair[1];
	return 0;
}

static const struct enter enter_none = {
	.report = FD_NONE,
	.work = FD_NONE,
	.root = FD_NONE,
	.console = FD_NONE,
	.init = FD_NONE,
	.joined = { FD_NONE, FD_NONE, FD_NONE, FD_NONE, FD_NONE },
	.keepid = FD_NONE,
	.shm = FD_NONE,
};

/* container: FD_NONE to make one, or the pidfd of the one to make a process in. */
static int launch(const struct plan *plan, const struct rt_io *io, int container,
	const struct rt_hooks *hooks, struct rt_process *ret, int *exit_code, struct err *err)
{
	struct rt_process p = RT_PROCESS_NONE;
	auto_fd int sock = FD_NONE, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct rt_io streams = *io;
	struct enter e = enter_none;
	int r;

	e.plan = plan;
	e.io = &streams;
	streams_default(&streams, null);
	r = enter_prepare(&e, &sock, err);
	if (r == 0)
		r = joins_open(&e, err);
	if (r == 0)
		r = keepid_make(plan, &e.keepid, err);
	if (r == 0 && container >= 0)
		r = exec_run(&e, sock, container, &p, exit_code, err);
	else if (r == 0 && e.joined[NS_PID] >= 0)
		r = helper_run(&e, sock, helper_container, clone_flags(&e), e.joined[NS_PID],
			&voice_start, hooks, &p, exit_code, err);
	else if (r == 0)
		r = container_run(&e, sock, hooks, &p, exit_code, err);
	enter_clear(&e);
	if (r == 0)
		*ret = p;
	return r;
}

int rt_start(const struct plan *plan, const struct rt_io *io, const struct rt_hooks *hooks,
	struct rt_process *ret, int *exit_code, struct err *err)
{
	*exit_code = voice_start.exit_code;
	return launch(plan, io, FD_NONE, hooks, ret, exit_code, err);
}

int rt_exec(int container_pidfd, const struct plan *exec, const struct rt_io *io,
	struct rt_process *ret, int *exit_code, struct err *err)
{
	*exit_code = voice_exec.exit_code;
	return launch(exec, io, container_pidfd, NULL, ret, exit_code, err);
}
