#include "runtime/cgroup.h"

#include <errno.h>
#include <fcntl.h>
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

#define CGROUP_ROOT     "/sys/fs/cgroup"
#define POLL_EVERY_NS   (200 * 1000)
#define CGROUP_TEXT_MAX 4096
#define PROCS_MAX       (1 << 20)
#define KILL_ROUNDS     32

/* The "0::/path" line of /proc/self/cgroup; *ret is owned. */
static int own_cgroup(char **ret)
{
	auto_free char *text = NULL;
	char *line, *end;
	int r = file_read_at(AT_FDCWD, "/proc/self/cgroup", CGROUP_TEXT_MAX, &text, NULL);

	if (r < 0)
		return r;
	line = str_starts(text, "0::") ? text : strstr(text, "\n0::");
	if (!line)
		return -ENOENT;
	line += *line == '\n' ? 4 : 3;
	end = strchrnul(line, '\n');
	*ret = xstrndup(line, (size_t)(end - line));
	return 0;
}

/* systemd moves us between two of its messages to others; nothing tells the moved process, so look. */
static int wait_for_scope(const char *scope, int patience_ms, char **ret)
{
	int64_t give_up = time_monotonic() + patience_ms * NSEC_PER_MSEC;
	const struct timespec pause = { .tv_nsec = POLL_EVERY_NS };

	for (;;) {
		auto_free char *path = NULL;
		int r = own_cgroup(&path);

		if (r < 0)
			return r;
		if (str_ends(path, scope) || strstr(path, scope)) {
			*ret = take_ptr(&path);
			return 0;
		}
		if (time_monotonic() >= give_up)
			return -ETIMEDOUT;
		(void)nanosleep(&pause, NULL);
	}
}

static int write_text(int dir, const char *name, const char *text)
{
	auto_fd int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fd_write_all(fd, text, strlen(text));
}

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

static int make_below(int scope, const char *name)
{
	int fd;

	if (mkdirat(scope, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(scope, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int cgroup_enter(const char *scope, int patience_ms, struct cgroup *ret, struct err *err)
{
	struct cgroup g = CGROUP_NONE;
	auto_free char *path = NULL, *full = NULL;
	auto_fd int supervisor = FD_NONE;
	char *name_end;
	int r;

	*ret = CGROUP_NONE;
	if (wait_for_scope(scope, patience_ms, &path) < 0)
		return 1;
	name_end = strstr(path, scope) + strlen(scope);
	*name_end = '\0'; /* a monitor that took over may sit in supervisor/ already */
	full = xasprintf("%s%s", CGROUP_ROOT, path);
	g.scope = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g.scope < 0)
		return 1; /* a hybrid host shows the unified tree elsewhere */
	supervisor = make_below(g.scope, "supervisor");
	r = supervisor < 0 ? supervisor : write_text(supervisor, "cgroup.procs", "0");
	if (r == 0) {
		/* only now: a group with processes of its own may not hand controllers down */
		hand_down_controllers(g.scope);
		g.payload = make_below(g.scope, "payload");
		r = g.payload < 0 ? g.payload : 0;
	}
	if (r < 0) {
		cgroup_close(&g);
		return err_sys(err, r, "split the container's cgroup");
	}
	*ret = g;
	return 0;
}

void cgroup_close(struct cgroup *g)
{
	g->payload = fd_close(g->payload);
	g->scope = fd_close(g->scope);
}

uint64_t cgroup_oom_kills(const struct cgroup *g)
{
	auto_free char *text = NULL;
	const char *line;

	if (g->payload < 0 ||
		file_read_at(g->payload, "memory.events", CGROUP_TEXT_MAX, &text, NULL) < 0)
		return 0;
	line = strstr(text, "oom_kill ");
	return line ? strtoull(line + strlen("oom_kill "), NULL, 10) : 0;
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
