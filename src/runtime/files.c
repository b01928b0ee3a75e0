#include "runtime/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/proc.h"
#include "runtime/enter.h"
#include "runtime/fuse.h"
#include "runtime/report.h"

#define LOCK_STEP_MS 10

int files_lock(const char *upper, int ms)
{
	auto_fd int fd = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (flock(fd, ms < 0 ? LOCK_EX : LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (errno == EWOULDBLOCK && ms <= 0)
			return -EWOULDBLOCK;
		if (ms > 0) {
			(void)usleep(LOCK_STEP_MS * 1000);
			ms = ms > LOCK_STEP_MS ? ms - LOCK_STEP_MS : 0;
		}
	}
	return take_fd(&fd);
}

void overlay_renew(int work)
{
	/* "work" once more is the kernel's */
	(void)unlinkat(work, "work/incompat/volatile/dirty", 0);
	(void)unlinkat(work, "work/incompat/volatile", AT_REMOVEDIR);
	(void)unlinkat(work, "work/incompat", AT_REMOVEDIR);
}

/* ---- of a process */

/* Until it pivots, a new container's root is a copy of ours: under the name "/" one of the host's. */
static int open_foreign_root(const struct stat *own)
{
	auto_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (root < 0 || fstat(root, &st) < 0)
		return -errno;
	return st.st_dev == own->st_dev && st.st_ino == own->st_ino ? -EAGAIN : take_fd(&root);
}

/* Makes nothing but system calls: from setns() on every name would be the container's. */
static _Noreturn void send_root(int mounts, const struct stat *own, int sock)
{
	auto_fd int root = FD_NONE;

	if (setns(mounts, CLONE_NEWNS) < 0)
		_exit(errno);
	root = open_foreign_root(own);
	if (root < 0)
		_exit(-root);
	_exit(fd_send(sock, "root", 4, &root, 1, 0) < 0 ? EPIPE : 0);
}

/* By a child, which goes there so that we need not. */
static int root_of_mounts(int mounts, int *ret)
{
	struct stat own;
	size_t count = 0;
	int pair[2], status = 0, r;
	char word[8];
	pid_t pid;

	if (stat("/", &own) < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		send_root(mounts, &own, pair[1]);
	r = pid < 0 ? -errno : 0;
	(void)fd_close(pair[1]);
	if (r == 0 && fd_recv(pair[0], word, sizeof(word), ret, 1, &count, 0) <= 0)
		count = 0;
	(void)fd_close(pair[0]);
	if (r < 0)
		return r;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (count == 1)
		return 0;
	return WIFEXITED(status) && WEXITSTATUS(status) ? -WEXITSTATUS(status) : -ECHILD;
}

int files_of_process(pid_t pid, uint64_t start, int *ret_mounts, int *ret_root)
{
	auto_fd int mounts = FD_NONE;
	char name[40];
	int r;

	(void)snprintf(name, sizeof(name), "/proc/%d/ns/mnt", (int)pid);
	mounts = open(name, O_RDONLY | O_CLOEXEC);
	/* compared after the descriptor was opened: then it is the right process's */
	if (mounts < 0 || !proc_alive(pid, start))
		return -ESRCH;
	r = root_of_mounts(mounts, ret_root);
	if (r == 0)
		*ret_mounts = take_fd(&mounts);
	return r;
}

/* ---- assembled */

/* The parent's part of a start, as far as it concerns the root: fuse-overlayfs, if that is needed. */
static _Noreturn void serve_root(const struct plan *plan, int sock)
{
	struct report report;
	struct err err = { 0 };
	int fuse, r;

	r = report_recv(sock, &report, &fuse);
	if (r > 0 && report.kind == REPORT_FUSE)
		r = fuse_root_serve(plan, fuse, &err);
	_exit(r < 0);
}

/* A process for that, outside of the mount namespace to come: a server inside would keep its own mount. */
static pid_t start_server(struct enter *e)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		(void)close(pair[0]);
		serve_root(e->plan, pair[1]);
	}
	(void)fd_close(pair[1]);
	e->report = pair[0];
	return pid < 0 ? -errno : pid;
}

static int assemble(struct enter *e, struct err *err)
{
	int r = root_assemble(e, err);

	e->work = fd_close(e->work); /* the caller has the upper folder's lock */
	return r == 0 ? mounts_make_shared(e, err) : r;
}

/* The own layer, too, lies below now, and on top a folder in memory. */
static int plan_in_memory(
	const struct plan *plan, const char *memory, struct plan *ret, struct err *err)
{
	auto_free char *upper = xasprintf("%s/upper", memory), *work = xasprintf("%s/work", memory);
	struct buf out = { 0 };
	char *text;
	size_t len;

	if (mount("tmpfs", memory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=700") < 0)
		return rt_sys(err, errno, "mount tmpfs");
	if (mkdir(upper, 0755) < 0 || mkdir(work, 0700) < 0)
		return rt_sys(err, errno, "make folders in memory");
	plan_add(&out, "plan", "1");
	plan_add(&out, "storage", "overlayfs");
	plan_add(&out, "lower", plan_get(plan, "upper", ""));
	plan_foreach (it, plan, "lower")
		plan_add(&out, "lower", it->words[0]);
	plan_foreach (it, plan, "mount")
		plan_add(&out, "mount", it->words[0], it->words[1], it->words[2], it->words[3]);
	plan_add(&out, "upper", upper);
	plan_add(&out, "work", work);
	len = out.len;
	text = buf_steal(&out);
	return plan_parse(text, len, ret, err);
}

static int assemble_shared(const struct enter *e, int *ret_root, struct err *err)
{
	const char *memory = plan_get(e->plan, "work", "");
	auto_plan struct plan plan = { 0 };
	struct enter look = *e;
	int r = plan_in_memory(e->plan, memory, &plan, err);

	look.plan = &plan;
	if (r == 0)
		r = assemble(&look, err);
	if (r == 0) {
		*ret_root = look.root;
		return 0;
	}
	(void)fd_close(look.root);
	(void)umount2(memory, MNT_DETACH);
	return r;
}

static int assemble_own(struct enter *e, int *ret_root, struct err *err)
{
	int r = assemble(e, err);

	if (r == 0)
		*ret_root = e->root;
	else
		(void)fd_close(e->root);
	return r;
}

static int detach(struct enter *e, struct err *err)
{
	return unshare(CLONE_NEWNS) < 0 ? rt_sys(err, errno, "a mount namespace")
					: mounts_private(e, err);
}

/* Where the kernel's overlayfs does not look at them, the files are assembled as for a run. */
int files_assemble(const struct plan *plan, bool *shared, int *ret_root, struct err *err)
{
	bool fuse = str_eq(plan_get(plan, "storage", ""), "fuse-overlayfs");
	struct enter e = { .plan = plan, .report = FD_NONE, .work = FD_NONE, .root = FD_NONE };
	pid_t server = start_server(&e);
	int r;

	if (server < 0)
		return rt_sys(err, server, "fork");
	r = detach(&e, err);
	*shared = *shared && !fuse && r == 0 && assemble_shared(&e, ret_root, err) == 0;
	if (r == 0 && !*shared)
		r = assemble_own(&e, ret_root, err);
	e.report = fd_close(e.report);
	while (waitpid(server, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}

void files_take_apart(const char *upper)
{
	(void)umount2(upper, MNT_DETACH);
}
