/* monitor/processes.c - what a container uses when no cgroup counts it: a walk down from its first
 * process. Whoever loses his parent becomes a child of that one, so nobody is missed; and a process that
 * ends hands its CPU time on to whoever waits for it, so none is lost. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "monitor/usage.h"

#define PROCESSES_MAX 4096 /* that are looked at, in one sample */
#define TEXT_MAX      4096
#define CHILDREN_MAX  (1 << 16)

struct walk {
	pid_t *pids;
	size_t count;
	uint64_t tick; /* ns */
	uint64_t page; /* bytes */
	struct usage *u;
};

static void add_pid(struct walk *w, pid_t pid)
{
	if (pid <= 0 || w->count == PROCESSES_MAX)
		return;
	if ((w->count & (w->count - 1)) == 0)
		w->pids = xreallocarray(w->pids, w->count ? 2 * w->count : 1, sizeof(*w->pids));
	w->pids[w->count++] = pid;
}

/* proc/PID/FILE; false if the process is gone. */
static bool read_of(pid_t pid, const char *file, char ret[TEXT_MAX])
{
	char path[48];
	auto_fd int fd = FD_NONE;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : fd_read_upto(fd, ret, TEXT_MAX - 1);
	ret[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static void add_memory(struct walk *w, pid_t pid)
{
	unsigned long resident, shared;
	char text[TEXT_MAX];

	if (read_of(pid, "statm", text) && sscanf(text, "%*u %lu %lu", &resident, &shared) == 2 &&
		resident > shared)
		w->u->memory += (resident - shared) * w->page;
}

/* Fields 14 to 17, user and system time of itself and of the children it waited for, and 20, its tasks. */
static unsigned long add_times(struct walk *w, pid_t pid)
{
	unsigned long user, kernel, tasks;
	long child_user, child_kernel;
	char text[TEXT_MAX];
	const char *p;

	if (!read_of(pid, "stat", text))
		return 0;
	p = strrchr(text, ')');
	if (!p ||
		sscanf(p,
			") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld %*d %*d %lu",
			&user, &kernel, &child_user, &child_kernel, &tasks) != 5)
		return 0;
	w->u->cpu_user += (user + (unsigned long)child_user) * w->tick;
	w->u->cpu_kernel += (kernel + (unsigned long)child_kernel) * w->tick;
	w->u->pids += tasks;
	return tasks;
}

static void add_children_of_task(struct walk *w, pid_t pid, const char *task)
{
	auto_free char *text = NULL;
	char path[64];
	int child, len;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%.16s/children", (int)pid, task);
	if (file_read_at(AT_FDCWD, path, CHILDREN_MAX, &text, NULL) < 0)
		return;
	for (const char *at = text; sscanf(at, "%d%n", &child, &len) == 1; at += len)
		add_pid(w, child);
}

/* Each thread has the children it made itself. */
static void add_children(struct walk *w, pid_t pid, unsigned long tasks)
{
	char path[32];
	struct dirent *e;
	DIR *dir;

	if (tasks == 1) {
		(void)snprintf(path, sizeof(path), "%d", (int)pid);
		add_children_of_task(w, pid, path);
		return;
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (e = readdir(dir)))
		if (*e->d_name != '.')
			add_children_of_task(w, pid, e->d_name);
	if (dir)
		(void)closedir(dir);
}

void usage_add_processes(pid_t pid, struct usage *u)
{
	struct walk w = { .tick = (uint64_t)(NSEC_PER_SEC / sysconf(_SC_CLK_TCK)),
		.page = (uint64_t)sysconf(_SC_PAGESIZE),
		.u = u };

	add_pid(&w, pid);
	for (size_t i = 0; i < w.count; i++) {
		unsigned long tasks = add_times(&w, w.pids[i]);

		if (tasks == 0)
			continue;
		add_memory(&w, w.pids[i]);
		add_children(&w, w.pids[i], tasks);
	}
	free(w.pids);
}
