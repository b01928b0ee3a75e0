#include "worker/processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"

#define PROC_TEXT_MAX 65536

struct process {
	pid_t pid, parent;
	bool ours;
};

struct list {
	struct process *items;
	size_t n;
};

static char *read_proc(pid_t pid, const char *name)
{
	char path[64];
	char *text;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return file_read_at(AT_FDCWD, path, PROC_TEXT_MAX, &text, NULL) < 0 ? NULL : text;
}

/* The fourth field; the second may hold anything, so it is counted from its last ')'. */
static pid_t parent_of(pid_t pid)
{
	auto_free char *text = read_proc(pid, "stat");
	const char *end = text ? strrchr(text, ')') : NULL;
	int parent;
	char state;

	return end && sscanf(end + 1, " %c %d", &state, &parent) == 2 ? parent : 0;
}

static ino_t pid_namespace(pid_t pid)
{
	struct stat st;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* Number 1 of its namespace: then that is the container's own, not one that it shares. */
static bool is_first(pid_t pid)
{
	auto_free char *text = read_proc(pid, "status");
	const char *line = text ? strstr(text, "\nNSpid:") : NULL;
	size_t len = line ? strcspn(line + 1, "\n") : 0;

	return len > 2 && line[len] == '1' && line[len - 1] == '\t';
}

/* Its line of cgroup v2, without the newline; owned, may be NULL. */
static char *cgroup_of(pid_t pid)
{
	auto_free char *text = read_proc(pid, "cgroup");
	const char *line = text && !str_starts(text, "0::") ? strstr(text, "\n0::") : text;

	if (!line)
		return NULL;
	line += *line == '\n';
	return xstrndup(line, strcspn(line, "\n"));
}

static bool in_cgroup(pid_t pid, const char *group)
{
	auto_free char *own = cgroup_of(pid);
	size_t len = strlen(group);

	return own && strncmp(own, group, len) == 0 && (own[len] == '\0' || own[len] == '/');
}

/* In which the monitor is not; else it tells nothing. NULL: no such. */
static char *own_cgroup(const struct status *st)
{
	auto_free char *group = cgroup_of(st->pid);

	return group && !in_cgroup(st->monitor, group) ? take_ptr(&group) : NULL;
}

/* ---- */

static void list_read(struct list *l)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	int64_t pid;

	while (dir && (e = readdir(dir))) {
		if (str_to_i64(e->d_name, &pid) < 0)
			continue;
		if ((l->n & (l->n - 1)) == 0)
			l->items = xreallocarray(l->items, l->n ? 2 * l->n : 1, sizeof(*l->items));
		l->items[l->n++] = (struct process){ (pid_t)pid, parent_of((pid_t)pid), false };
	}
	if (dir)
		(void)closedir(dir);
}

static int compare(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static struct process *list_find(struct list *l, pid_t pid)
{
	const struct process key = { .pid = pid };

	return l->n ? bsearch(&key, l->items, l->n, sizeof(key), compare) : NULL;
}

static void claim(struct list *l, pid_t pid)
{
	struct process *p = pid > 0 ? list_find(l, pid) : NULL;

	if (p)
		p->ours = true;
}

static void claim_execs(struct list *l, int execs)
{
	int copy = execs < 0 ? FD_NONE : openat(execs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		auto_fd int exec = FD_NONE;
		struct status st;

		if (!id_valid(e->d_name))
			continue;
		exec = openat(execs, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (exec >= 0 && status_read(exec, FD_NONE, &st) == 0 && st.state == RUN_RUNNING)
			claim(l, st.pid);
	}
	if (dir)
		(void)closedir(dir);
	else
		(void)fd_close(copy);
}

static void claim_groups(struct list *l, const struct status *st)
{
	ino_t namespace = is_first(st->pid) ? pid_namespace(st->pid) : 0;
	auto_free char *group = own_cgroup(st);

	for (size_t i = 0; i < l->n; i++) {
		struct process *p = &l->items[i];

		p->ours = (namespace && pid_namespace(p->pid) == namespace) ||
			(group && in_cgroup(p->pid, group));
	}
}

static void claim_children(struct list *l)
{
	bool more;

	do {
		more = false;
		for (size_t i = 0; i < l->n; i++) {
			struct process *p = &l->items[i], *up;

			up = p->ours ? NULL : list_find(l, p->parent);
			if (up && up->ours)
				more = p->ours = true;
		}
	} while (more);
}

pid_t *processes_of(const struct status *st, int execs, size_t *ret_n)
{
	struct list l = { 0 };
	pid_t *pids;
	size_t n = 0;

	list_read(&l);
	if (l.n)
		qsort(l.items, l.n, sizeof(*l.items), compare);
	claim_groups(&l, st);
	claim(&l, st->pid);
	claim_execs(&l, execs);
	claim_children(&l);
	pids = xcalloc(l.n + 1, sizeof(*pids));
	for (size_t i = 0; i < l.n; i++)
		if (l.items[i].ours)
			pids[n++] = l.items[i].pid;
	free(l.items);
	*ret_n = n;
	return pids;
}
