/* state/usage.h - what a container uses at one moment, and how `docker stats` is told of it. Taken by its
 * monitor (monitor/usage.c); core prints the empty one of a container without a monitor. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define USAGE_UNLIMITED UINT64_MAX

struct usage {
	int64_t time; /* ns since 1970; 0: nothing runs, and nothing below counts */
	uint64_t cpu, cpu_user, cpu_kernel; /* ns since the run began */
	uint64_t machine; /* ns of all CPUs since boot, idle ones included; 0 unknown */
	unsigned cpus;    /* online */
	uint64_t periods, throttled, throttled_ns; /* of the CPU quota */
	uint64_t memory,
		memory_limit; /* bytes; the limit is the machine's memory if there is no other */
	uint64_t pids, pids_limit; /* tasks; USAGE_UNLIMITED */
	/* Files of the kernel as they are, borrowed; NULL or "" if there is none. */
	const char *memory_stat; /* memory.stat */
	const char *io_stat;     /* io.stat */
	const char *net_dev;     /* proc/PID/net/dev of a network of its own */
};

/* A line of io.stat: a device's numbers, and the bytes read and written. */
bool usage_io_line(const char *line, unsigned dev[2], uint64_t bytes[2]);

/* Docker's JSON of a sample; before: the one whose difference the client shows, zeroed for none. */
void usage_print(struct buf *out, const char *id, const char *slash_name, const struct usage *now,
	const struct usage *before);
