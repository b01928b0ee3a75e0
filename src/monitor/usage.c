#include "monitor/usage.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "monitor/monitor.h"

#define MACHINE_FIELDS 7 /* of proc/stat's first line: what Docker's clients divide by */

/* Of the payload; proc/stat and net/dev lie elsewhere. */
static const char *const gauge_files[GAUGE_COUNT] = {
	[GAUGE_CPU] = "cpu.stat",
	[GAUGE_MEMORY] = "memory.current",
	[GAUGE_MEMORY_MAX] = "memory.max",
	[GAUGE_MEMORY_STAT] = "memory.stat",
	[GAUGE_PIDS] = "pids.current",
	[GAUGE_PIDS_MAX] = "pids.max",
	[GAUGE_IO] = "io.stat",
};

/* ---- the files */

/* Traffic is counted per network namespace; of the host's this container is no part. */
static int open_net(pid_t pid)
{
	char theirs[48];
	struct stat a, b;

	(void)snprintf(theirs, sizeof(theirs), "/proc/%d/ns/net", (int)pid);
	if (stat(theirs, &a) < 0 || stat("/proc/self/ns/net", &b) < 0 || a.st_ino == b.st_ino)
		return FD_NONE;
	(void)snprintf(theirs, sizeof(theirs), "/proc/%d/net/dev", (int)pid);
	return open(theirs, O_RDONLY | O_CLOEXEC);
}

static void gauges_open(struct monitor *m)
{
	struct gauges *g = &m->gauges;

	if (g->open)
		return;
	for (int i = 0; i < GAUGE_COUNT; i++)
		g->fd[i] = m->cgroup.payload < 0 || !gauge_files[i]
			? FD_NONE
			: openat(m->cgroup.payload, gauge_files[i], O_RDONLY | O_CLOEXEC);
	g->fd[GAUGE_MACHINE] = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	g->fd[GAUGE_NET] = open_net(m->process.pid);
	g->open = true;
}

void gauges_close(struct monitor *m)
{
	for (int i = 0; m->gauges.open && i < GAUGE_COUNT; i++)
		(void)fd_close(m->gauges.fd[i]);
	m->gauges.open = false;
}

/* ---- reading them into m->buffer, one behind the other */

struct room {
	const struct gauges *g;
	char *at;
	size_t left;
};

/* What does not fit is cut; "" if there is nothing. */
static const char *read_gauge(struct room *r, enum gauge which)
{
	int fd = r->g->fd[which];
	char *text = r->at;
	ssize_t n = fd < 0 || r->left < 2 ? 0 : pread(fd, text, r->left - 1, 0);

	if (n <= 0)
		return "";
	text[n] = '\0';
	r->at += n + 1;
	r->left -= (size_t)n + 1;
	return text;
}

/* "max" and nothing at all are no limit. */
static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	return end == text ? USAGE_UNLIMITED : n;
}

static uint64_t number_after(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void take_machine(struct room *r, struct usage *u)
{
	const char *text = read_gauge(r, GAUGE_MACHINE);
	uint64_t tick = (uint64_t)(NSEC_PER_SEC / sysconf(_SC_CLK_TCK));
	char *at = (char *)(uintptr_t)text;

	if (!str_starts(text, "cpu "))
		return;
	at += 4;
	for (int i = 0; i < MACHINE_FIELDS; i++)
		u->machine += strtoull(at, &at, 10) * tick;
	for (text = strchr(text, '\n'); text && str_starts(text, "\ncpu");
		text = strchr(text + 1, '\n'))
		u->cpus++;
}

static void take_cpu(struct room *r, struct usage *u)
{
	const char *text = read_gauge(r, GAUGE_CPU);

	u->cpu = number_after(text, "usage_usec ") * 1000;
	u->cpu_user = number_after(text, "user_usec ") * 1000;
	u->cpu_kernel = number_after(text, "system_usec ") * 1000;
	u->periods = number_after(text, "nr_periods ");
	u->throttled = number_after(text, "nr_throttled ");
	u->throttled_ns = number_after(text, "throttled_usec ") * 1000;
}

static uint64_t machine_memory(void)
{
	struct sysinfo si = { 0 };

	(void)sysinfo(&si);
	return (uint64_t)si.totalram * si.mem_unit;
}

static void take_processes(struct monitor *m, struct usage *u)
{
	usage_add_processes(m->process.pid, u);
	for (const struct exec *e = m->execs; e; e = e->next)
		if (!e->io.ended) /* else its pid may be somebody else's */
			usage_add_processes(e->process.pid, u);
}

/* Each controller may be missing by itself. */
static void take_rest(struct monitor *m, struct room *r, struct usage *u)
{
	const struct gauges *g = r->g;
	struct usage counted = { 0 };

	if (g->fd[GAUGE_CPU] < 0 || g->fd[GAUGE_MEMORY] < 0 || g->fd[GAUGE_PIDS] < 0)
		take_processes(m, &counted);
	if (g->fd[GAUGE_CPU] >= 0) {
		take_cpu(r, u);
	} else {
		u->cpu_user = counted.cpu_user;
		u->cpu_kernel = counted.cpu_kernel;
		u->cpu = counted.cpu_user + counted.cpu_kernel;
	}
	u->memory = g->fd[GAUGE_MEMORY] >= 0 ? number(read_gauge(r, GAUGE_MEMORY)) : counted.memory;
	u->memory_limit = number(read_gauge(r, GAUGE_MEMORY_MAX));
	if (u->memory_limit > machine_memory())
		u->memory_limit = machine_memory();
	u->memory_stat = read_gauge(r, GAUGE_MEMORY_STAT);
	u->pids = g->fd[GAUGE_PIDS] >= 0 ? number(read_gauge(r, GAUGE_PIDS)) : counted.pids;
	u->pids_limit = number(read_gauge(r, GAUGE_PIDS_MAX));
	u->io_stat = read_gauge(r, GAUGE_IO);
	u->net_dev = read_gauge(r, GAUGE_NET);
}

void usage_take(struct monitor *m, struct usage *ret)
{
	struct room room = { .g = &m->gauges, .at = (char *)m->buffer, .left = PUMP_SIZE };
	struct usage u = { 0 };

	*ret = u;
	if (!monitor_running(m) || m->state == ST_DRAINING) /* the process is reaped */
		return;
	gauges_open(m);
	u.time = time_now();
	take_rest(m, &room, &u);
	take_machine(&room, &u); /* last: it may fill the room */
	*ret = u;
}
