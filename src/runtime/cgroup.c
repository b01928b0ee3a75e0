#include "runtime/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "state/cgroup.h"
#include "state/usage.h"

#define SUPERVISOR      "supervisor"
#define CGROUP_TEXT_MAX 4096
#define PROCS_MAX       (1 << 20)
#define KILL_ROUNDS     32
#define TOTALS_TEXT_MAX (1 << 16)
#define GROUPS_DEPTH    32 /* of those a container made below its own */

static int write_text(int dir, const char *name, const char *text)
{
	auto_fd int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	return fd_write_all(fd, text, strlen(text));
}

/* ---- a place for the container's group */

/* "cpu memory pids" -> one "+name" write each: a controller that cannot be enabled must not keep the
 * others away. */
static void hand_down_controllers(int scope)
{
	auto_free char *text = NULL;
	char *save = NULL;

	if (file_read_at(scope, "cgroup.controllers", CGROUP_TEXT_MAX, &text, NULL) < 0)
		return;
	for (char *name = strtok_r(text, " \n", &save); name; name = strtok_r(NULL, " \n", &save)) {
		auto_free char *enable = xasprintf("+%s", name);

		(void)write_text(scope, "cgroup.subtree_control", enable);
	}
}

static int make_below(int parent, const char *name)
{
	int fd;

	if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int cgroup_enter(const char *scope, struct cgroup *ret, struct err *err)
{
	struct cgroup g = CGROUP_NONE;
	auto_free char *path = NULL, *full = NULL;
	auto_fd int supervisor = FD_NONE;
	const char *mount = cgroup_mount();
	char *at;
	int r;

	*ret = CGROUP_NONE;
	if (!mount)
		return err_set(err, ERR_SYSTEM, ENOENT, "there is no cgroup v2");
	r = cgroup_of(0, &path);
	if (r < 0)
		return err_sys(err, r, "read the own cgroup");
	at = strstr(path, scope);
	if (!at)
		return 1;
	/* a monitor that took over may sit in supervisor/ already */
	at[strlen(scope)] = '\0';
	full = xasprintf("%s%s", mount, path);
	g.parent = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g.parent < 0)
		return err_sys(err, errno, "open the scope's cgroup");
	supervisor = make_below(g.parent, SUPERVISOR);
	r = supervisor < 0 ? supervisor : write_text(supervisor, "cgroup.procs", "0");
	if (r < 0) {
		cgroup_close(&g);
		return err_sys(err, r, "split the container's cgroup");
	}
	/* only now: a group with processes of its own may not hand controllers down */
	hand_down_controllers(g.parent);
	(void)snprintf(g.name, sizeof(g.name), "payload");
	*ret = g;
	return 0;
}

static void plain_name(const char *container_id, pid_t monitor, char ret[SCOPE_NAME_SIZE])
{
	(void)snprintf(ret, SCOPE_NAME_SIZE, "dayfly-%.12s-%d", container_id, (int)monitor);
}

int cgroup_enter_plain(const char *container_id, pid_t monitor, struct cgroup *ret)
{
	auto_free char *own = cgroup_writable();
	struct cgroup g = CGROUP_NONE;

	*ret = CGROUP_NONE;
	if (!own)
		return 1;
	g.plain = true;
	plain_name(container_id, monitor, g.name);
	g.parent = open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g.parent < 0)
		return 1;
	*ret = g;
	return 0;
}

static int move_process(int group, pid_t pid)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", (int)pid);
	return write_text(group, "cgroup.procs", number);
}

int cgroup_take_out(const struct cgroup *g, pid_t pid)
{
	auto_fd int own =
		openat(g->parent, g->plain ? "." : SUPERVISOR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return own < 0 ? -errno : move_process(own, pid);
}

int cgroup_take_in(const struct cgroup *g, pid_t pid)
{
	return move_process(g->payload, pid);
}

void cgroup_close(struct cgroup *g)
{
	g->payload = fd_close(g->payload);
	g->parent = fd_close(g->parent);
}

/* A group and those below it that the container may have made. Nothing runs in them any more. */
static int remove_group(int parent, const char *name, int depth)
{
	auto_fd int fd = FD_NONE;
	struct dirent *e;
	DIR *dir;

	if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (depth == 0)
		return -EBUSY;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return -errno;
	while ((e = readdir(dir)))
		if (e->d_type == DT_DIR && !str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			(void)remove_group(dirfd(dir), e->d_name, depth - 1);
	fd = FD_NONE; /* dir's */
	(void)closedir(dir);
	return unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

void cgroup_leave(struct cgroup *g)
{
	g->payload = fd_close(g->payload);
	if (g->parent >= 0 && g->plain)
		(void)remove_group(g->parent, g->name, GROUPS_DEPTH);
	cgroup_close(g);
}

void cgroup_leave_plain(const char *container_id, pid_t monitor)
{
	struct cgroup g;

	if (cgroup_enter_plain(container_id, monitor, &g) != 0)
		return;
	g.payload = openat(g.parent, g.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g.payload >= 0)
		(void)cgroup_kill(&g);
	cgroup_leave(&g);
}

/* ---- what a run used */

/* The number behind a word of a file in the form "word number", a line each; the words are told with
 * their blank. */
static int64_t number_of(const char *text, const char *word)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (str_starts(line, word))
			return strtoll(line + strlen(word), NULL, 10);
	}
	return -1;
}

static bool read_payload(const struct cgroup *g, const char *file, char **ret)
{
	return g->payload >= 0 && file_read_at(g->payload, file, TOTALS_TEXT_MAX, ret, NULL) == 0;
}

static void take_cpu(const char *text, struct totals *ret)
{
	int64_t user = number_of(text, "user_usec "), kernel = number_of(text, "system_usec ");

	if (user < 0 || kernel < 0)
		return;
	total_set(ret, TOTAL_CPU_USER, (uint64_t)user * 1000);
	total_set(ret, TOTAL_CPU_KERNEL, (uint64_t)kernel * 1000);
}

/* No line is no IO. */
static void take_io(const char *text, struct totals *ret)
{
	uint64_t sum[2] = { 0 }, bytes[2];
	unsigned dev[2];

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!usage_io_line(line, dev, bytes))
			continue;
		sum[0] += bytes[0];
		sum[1] += bytes[1];
	}
	total_set(ret, TOTAL_IO_READ, sum[0]);
	total_set(ret, TOTAL_IO_WRITTEN, sum[1]);
}

static void read_totals(const struct cgroup *g, struct totals *ret)
{
	auto_free char *peak = NULL, *events = NULL, *cpu = NULL, *io = NULL;

	if (read_payload(g, "memory.peak", &peak))
		total_set(ret, TOTAL_MEMORY_PEAK, strtoull(peak, NULL, 10));
	if (read_payload(g, "memory.events", &events) && number_of(events, "oom_kill ") >= 0)
		total_set(ret, TOTAL_OOM_KILLS, (uint64_t)number_of(events, "oom_kill "));
	if (read_payload(g, "cpu.stat", &cpu))
		take_cpu(cpu, ret);
	if (read_payload(g, "io.stat", &io))
		take_io(io, ret);
}

void cgroup_totals(const struct cgroup *g, struct totals *ret)
{
	struct totals now = { 0 };

	read_totals(g, &now);
	totals_set(ret, &now, &g->before);
}

/* ---- limits */

/* What a file says when nothing was asked for. */
static const char *const no_limits[][2] = {
	{ "memory.max", "max" },
	{ "memory.swap.max", "max" },
	{ "memory.low", "0" },
	{ "cpu.max", "max 100000" },
	{ "cpu.weight", "100" },
	{ "cpuset.cpus", "\n" },
	{ "cpuset.mems", "\n" },
	{ "io.weight", "default 100" },
	{ "io.bfq.weight", "default 100" },
	{ "pids.max", "max" },
};

static int set(int payload, const char *file, const char *value, struct err *err)
{
	int r = strchr(file, '/') ? -EINVAL : write_text(payload, file, value);

	if (r == 0 || r == -ENOENT) /* no such controller here */
		return 0;
	return err_set(err, ERR_SYSTEM, -r, "the kernel refuses the limit %s = %s (error %d)", file,
		value, -r);
}

static int set_limits(int payload, const struct plan *plan, struct err *err)
{
	plan_foreach (it, plan, "limit") {
		int r = set(payload, it->words[0], it->words[1], err);

		if (r < 0)
			return r;
	}
	return 0;
}

int cgroup_prepare(struct cgroup *g, const struct plan *plan, struct err *err)
{
	int r;

	if (g->parent < 0)
		return 0;
	g->payload = fd_close(g->payload);
	r = remove_group(g->parent, g->name, GROUPS_DEPTH);
	g->payload = make_below(g->parent, g->name);
	if (g->payload < 0)
		return err_sys(err, g->payload, "make the container's cgroup");
	g->before = (struct totals){ 0 };
	if (r < 0) { /* it is the old one: processes are still going away */
		(void)write_text(g->payload, "cgroup.freeze", "0");
		read_totals(g, &g->before);
	}
	return set_limits(g->payload, plan, err);
}

static bool named(const struct plan *plan, const char *file)
{
	plan_foreach (it, plan, "limit")
		if (str_eq(it->words[0], file))
			return true;
	return false;
}

int cgroup_update(const struct cgroup *g, const struct plan *plan, struct err *err)
{
	int r = 0;

	if (g->payload < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(no_limits); i++)
		if (!named(plan, no_limits[i][0]))
			r = set(g->payload, no_limits[i][0], no_limits[i][1], err);
	return r < 0 ? r : set_limits(g->payload, plan, err);
}

/* ---- freezing and killing */

/* The kernel tells by POLLPRI that the file says something new. */
static int wait_frozen(int events, bool freeze, int patience_ms)
{
	int64_t give_up = time_monotonic() + patience_ms * NSEC_PER_MSEC, left;
	struct pollfd pfd = { .fd = events, .events = POLLPRI };
	char text[256];

	for (;;) {
		ssize_t n = pread(events, text, sizeof(text) - 1, 0);

		if (n < 0)
			return -errno;
		text[n] = '\0';
		if (number_of(text, "frozen ") == freeze)
			return 0;
		left = give_up - time_monotonic();
		if (left <= 0)
			return -ETIMEDOUT;
		(void)poll(&pfd, 1, (int)(left / NSEC_PER_MSEC) + 1);
	}
}

int cgroup_freeze(const struct cgroup *g, bool freeze, int patience_ms)
{
	auto_fd int events = FD_NONE;
	int r;

	if (g->payload < 0)
		return -ENOENT;
	events = openat(g->payload, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (events < 0)
		return -errno;
	r = write_text(g->payload, "cgroup.freeze", freeze ? "1" : "0");
	return r < 0 ? r : wait_frozen(events, freeze, patience_ms);
}

/* Before Linux 5.14. Some may be born while we look, so look again. */
static int kill_each(int payload)
{
	for (int round = 0; round < KILL_ROUNDS; round++) {
		auto_free char *text = NULL;
		int pid, len, r;

		r = file_read_at(payload, "cgroup.procs", PROCS_MAX, &text, NULL);
		if (r < 0 || !*text)
			return r;
		for (const char *at = text; sscanf(at, "%d%n", &pid, &len) == 1; at += len)
			if (pid > 0) /* 0: in a namespace we cannot see */
				(void)kill(pid, SIGKILL);
	}
	return 0;
}

int cgroup_kill(const struct cgroup *g)
{
	int r;

	if (g->payload < 0)
		return -ENOENT;
	r = write_text(g->payload, "cgroup.kill", "1");
	return r == -ENOENT ? kill_each(g->payload) : r;
}

/* ---- the OOM killer */

int cgroup_memory_events(const struct cgroup *g)
{
	int fd;

	if (g->payload < 0)
		return -ENOENT;
	fd = openat(g->payload, "memory.events", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

uint64_t cgroup_oom_kills(int memory_events)
{
	char text[512];
	ssize_t n = pread(memory_events, text, sizeof(text) - 1, 0);
	int64_t kills;

	text[n > 0 ? n : 0] = '\0';
	kills = number_of(text, "oom_kill ");
	return kills > 0 ? (uint64_t)kills : 0;
}
