/* runtime/join.c - finding and joining another container's namespaces.
 *
 * The other one's monitor writes who its first process is; a pidfd, checked against the start time
 * after it was opened, keeps that from ever meaning a later process with the same number. Its user
 * namespace is ours, so that we may join whatever it has. A pid namespace is joined by whoever makes
 * the process (start.c), the others by the process itself. */
#include "runtime/join.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "runtime/mountfd.h"
#include "state/status.h"

const struct ns_word ns_words[NS_KIND_COUNT] = {
	[NS_NET] = { "net", "net", CLONE_NEWNET },
	[NS_PID] = { "pid", "pid", CLONE_NEWPID },
	[NS_IPC] = { "ipc", "ipc", CLONE_NEWIPC },
	[NS_UTS] = { "uts", "uts", CLONE_NEWUTS },
	[NS_CGROUP] = { "cgroup", "cgroup", CLONE_NEWCGROUP },
};

int namespace_differs(pid_t pid, const char *file)
{
	char theirs[48], ours[48];
	struct stat a, b;

	(void)snprintf(theirs, sizeof(theirs), "/proc/%d/ns/%s", (int)pid, file);
	(void)snprintf(ours, sizeof(ours), "/proc/self/ns/%s", file);
	if (stat(theirs, &a) < 0 || stat(ours, &b) < 0)
		return -errno;
	return a.st_ino != b.st_ino;
}

/* ---- the parent */

/* In Docker's words, which are not the same for all. */
static int not_running(struct err *err, enum ns_kind kind, const char *folder)
{
	const char *slash = strrchr(folder, '/'), *id = slash ? slash + 1 : folder;

	if (kind == NS_NET)
		return err_set(err, ERR_CONFLICT, ESRCH,
			"cannot join network of a non running container: %s", id);
	return err_set(err, ERR_CONFLICT, ESRCH, "container %s is not running", id);
}

static bool is_up(const struct status *st)
{
	return st->pid > 0 && (st->state == RUN_RUNNING || st->state == RUN_PAUSED);
}

static int join_open(struct enter *e, enum ns_kind kind, const char *folder, struct err *err)
{
	auto_fd int dir = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	auto_fd int pidfd = FD_NONE;
	struct status st;
	int r;

	if (dir < 0 || status_read(dir, FD_NONE, &st) < 0 || !is_up(&st))
		return not_running(err, kind, folder);
	pidfd = proc_pidfd(st.pid);
	if (pidfd < 0 || !proc_alive(st.pid, st.pid_start))
		return not_running(err, kind, folder);
	r = namespace_differs(st.pid, ns_words[kind].file);
	if (r < 0)
		return not_running(err, kind, folder);
	e->private_ns[kind] = r > 0;
	if (r > 0)
		e->joined[kind] = take_fd(&pidfd);
	return 0;
}

int joins_open(struct enter *e, struct err *err)
{
	plan_foreach (it, e->plan, "ns")
		for (int k = 0; k < NS_KIND_COUNT; k++) {
			int r = 0;

			if (!str_eq(ns_words[k].kind, it->words[0]))
				continue;
			if (*it->words[1] == '/')
				r = join_open(e, (enum ns_kind)k, it->words[1], err);
			else
				e->private_ns[k] = str_eq(it->words[1], "private");
			if (r < 0)
				return r;
		}
	return 0;
}

void joins_close(struct enter *e)
{
	for (int k = 0; k < NS_KIND_COUNT; k++)
		e->joined[k] = fd_close(e->joined[k]);
	e->shm = fd_close(e->shm);
}

/* ---- the child */

/* A detached copy of the other's /dev/shm, to be attached later. Mounts can be copied only from inside
 * their namespace, so this goes there and comes back; nobody there can look into this process, which
 * is not in the other's pid namespace or is hidden. */
static int shm_take(struct enter *e, int pidfd, struct err *err)
{
	auto_fd int home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), root = FD_NONE,
		    shm = FD_NONE;
	int copy = -ENOENT;

	if (home < 0)
		return rt_sys(err, errno, "open the own mounts");
	if (setns(pidfd, CLONE_NEWNS) < 0)
		return rt_sys(err, errno, "enter the other container's mounts");
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root >= 0)
		shm = path_open_in_root(root, "/dev/shm", O_PATH | O_DIRECTORY, 0);
	if (shm >= 0)
		copy = mount_clone(shm, "", false);
	if (setns(home, CLONE_NEWNS) < 0)
		return rt_sys(err, errno, "come back to the own mounts");
	if (copy < 0)
		return rt_sys(err, copy, "copy the other container's /dev/shm");
	e->shm = copy;
	return 0;
}

static bool wants_shm(const struct enter *e)
{
	plan_foreach (m, e->plan, "mount")
		if (str_eq(m->words[0], "joined-shm"))
			return true;
	return false;
}

int namespaces_join(struct enter *e, struct err *err)
{
	for (int k = 0; k < NS_KIND_COUNT; k++) {
		if (e->joined[k] < 0 || k == NS_PID)
			continue;
		if (k == NS_IPC && wants_shm(e)) {
			int r = shm_take(e, e->joined[k], err);

			if (r < 0)
				return r;
		}
		if (setns(e->joined[k], (int)ns_words[k].flag) < 0)
			return rt_sys(err, errno, "%s", ns_words[k].kind);
	}
	return 0;
}
