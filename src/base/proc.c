#include "base/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"

struct proc_stat {
	char state;     /* field 3 */
	pid_t parent;   /* field 4 */
	unsigned flags; /* field 9: PF_… of the kernel's include/linux/sched.h */
	uint64_t start; /* field 22 */
};

/* The command (field 2) may hold anything, blanks and parentheses too, so fields are counted from its last
 * ')'. */
static int read_stat(pid_t pid, struct proc_stat *ret)
{
	char name[32], text[1024], *p;
	auto_fd int fd = FD_NONE;
	ssize_t n;

	(void)snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = fd_read_upto(fd, text, sizeof(text) - 1);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	p = strrchr(text, ')');
	if (!p || p[1] != ' ')
		return -EBADMSG;
	p += 2;
	ret->state = *p;
	for (int field = 3; field < 22; field++) {
		p = strchr(p, ' ');
		if (!p)
			return -EBADMSG;
		p++;
		if (field == 3)
			ret->parent = (pid_t)strtol(p, NULL, 10);
		if (field == 8)
			ret->flags = (unsigned)strtoul(p, NULL, 10);
	}
	ret->start = strtoull(p, NULL, 10);
	return 0;
}

uint64_t proc_start_time(pid_t pid)
{
	struct proc_stat st;

	return pid > 0 && read_stat(pid, &st) == 0 ? st.start : 0;
}

bool proc_alive(pid_t pid, uint64_t start)
{
	struct proc_stat st;

	return pid > 0 && read_stat(pid, &st) == 0 && st.start == start && st.state != 'Z' &&
		st.state != 'X';
}

#define PF_EXITING 4u

bool proc_exiting(pid_t pid)
{
	struct proc_stat st;

	return read_stat(pid, &st) < 0 || st.flags & PF_EXITING;
}

bool proc_stopped(pid_t pid)
{
	struct proc_stat st;

	return read_stat(pid, &st) == 0 && (st.state == 'T' || st.state == 't');
}

int proc_pidfd(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : (int)fd;
}

pid_t proc_pidfd_pid(int pidfd)
{
	static const char key[] = "\nPid:";
	char name[48], text[1024], *at;
	auto_fd int fd = FD_NONE;
	ssize_t n;
	long pid;

	(void)snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", pidfd);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : fd_read_upto(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	at = strstr(text, key);
	pid = at ? strtol(at + sizeof(key) - 1, NULL, 10) : 0;
	return pid > 0 ? (pid_t)pid : -ESRCH;
}

int proc_pidfd_kill(int pidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

bool proc_pidfd_wait(int pidfd, int timeout_ms)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };
	int n;

	do
		n = poll(&pfd, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	return n != 0;
}

/* ---- a tree of processes */

#define TREE_ROUNDS 32 /* some may be born while we look, so look again */

struct process {
	pid_t pid;
	struct proc_stat stat;
	bool below; /* descends from the root */
};

static struct process *list_processes(size_t *ret_count)
{
	DIR *proc = opendir("/proc");
	struct process *list = NULL, p = { 0 };
	struct dirent *e;
	size_t n = 0;

	while (proc && (e = readdir(proc))) {
		p.pid = (pid_t)strtol(e->d_name, NULL, 10);
		if (p.pid <= 0 || read_stat(p.pid, &p.stat) < 0)
			continue;
		if ((n & (n - 1)) == 0)
			list = xreallocarray(list, n ? 2 * n : 1, sizeof(*list));
		list[n++] = p;
	}
	if (proc)
		(void)closedir(proc);
	*ret_count = n;
	return list;
}

static bool is_below(const struct process *list, size_t n, const struct process *p, pid_t root)
{
	if (p->stat.parent == root)
		return true;
	for (size_t i = 0; i < n; i++)
		if (list[i].below && list[i].pid == p->stat.parent)
			return true;
	return false;
}

/* Parents may stand behind their children in the list: again until nothing is found any more. */
static void mark_tree(struct process *list, size_t n, pid_t root)
{
	bool found = true;

	while (found) {
		found = false;
		for (size_t i = 0; i < n; i++)
			if (!list[i].below && is_below(list, n, &list[i], root))
				found = list[i].below = true;
	}
}

/* The start time is compared with the pidfd in hand: from then on it means this process for good. */
static bool kill_process(const struct process *p)
{
	auto_fd int pidfd = FD_NONE;

	if (p->stat.state == 'Z' || p->stat.state == 'X')
		return false;
	pidfd = proc_pidfd(p->pid);
	return pidfd >= 0 && proc_alive(p->pid, p->stat.start) &&
		proc_pidfd_kill(pidfd, SIGKILL) == 0;
}

void proc_tree_kill(pid_t root, int pidfd)
{
	bool again = true;

	(void)proc_pidfd_kill(pidfd, SIGSTOP);
	for (int round = 0; again && round < TREE_ROUNDS; round++) {
		size_t n;
		struct process *list = list_processes(&n);

		again = false;
		mark_tree(list, n, root);
		for (size_t i = 0; i < n; i++)
			again |= list[i].below && kill_process(&list[i]);
		free(list);
	}
	(void)proc_pidfd_kill(pidfd, SIGKILL);
}

char *proc_own_path(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	return n > 0 ? xstrndup(path, (size_t)n) : NULL;
}

unsigned proc_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

int proc_oom_score_adj(void)
{
	auto_free char *text = NULL;

	if (file_read_at(AT_FDCWD, "/proc/self/oom_score_adj", 64, &text, NULL) < 0)
		return 0;
	return (int)strtol(text, NULL, 10);
}
