/* monitor/usage.h - takes samples of what the container uses.
 *
 * With a cgroup from its files, which stay open while anybody looks. Without one its processes are added
 * up from /proc: CPU time and tasks are right then (but for exec sessions that have ended), memory is what
 * they do not share with any file, and IO is not known. */
#pragma once

#include <sys/types.h>

#include "state/usage.h"

struct monitor;

enum gauge {
	GAUGE_CPU,
	GAUGE_MEMORY,
	GAUGE_MEMORY_MAX,
	GAUGE_MEMORY_STAT,
	GAUGE_PIDS,
	GAUGE_PIDS_MAX,
	GAUGE_IO,
	GAUGE_MACHINE, /* proc/stat */
	GAUGE_NET,
	GAUGE_COUNT
};

struct gauges {
	bool open;
	int fd[GAUGE_COUNT]; /* FD_NONE: not there */
};

/* Zeroes *ret if nothing runs. Its texts lie in m->buffer. */
void usage_take(struct monitor *m, struct usage *ret);
/* Nobody looks any more, or the run is over. */
void gauges_close(struct monitor *m);

/* processes.c: adds up the processes that descend from pid, itself included, into cpu_user, cpu_kernel,
 * memory and pids. */
void usage_add_processes(pid_t pid, struct usage *u);
