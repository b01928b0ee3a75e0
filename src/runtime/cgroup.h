/* runtime/cgroup.h - the container's part of the cgroup v2 tree that systemd delegated to its scope:
 *
 *   …/dayfly.slice/dayfly-ID12-PID.scope/    delegated; controllers are handed down here
 *       supervisor/                          the monitor
 *       payload/                             the container: limits, OOM counter, freezer
 *
 * Without such a scope there is no cgroup of ours and every function says so by FD_NONE: nothing is
 * limited and an OOM kill is not told from another SIGKILL. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fd.h"

struct cgroup {
	int scope; /* directories; FD_NONE without a scope */
	int payload;
};

#define CGROUP_NONE ((struct cgroup){ .scope = FD_NONE, .payload = FD_NONE })

/* Waits until this process has been moved to the scope named (state/scope.h), at most patience_ms,
 * then splits it. 0 with *ret filled; 1 when it did not happen: *ret is CGROUP_NONE. */
int cgroup_enter(const char *scope, int patience_ms, struct cgroup *ret, struct err *err);
void cgroup_close(struct cgroup *g);

/* oom_kill of the payload's memory.events: processes killed so far; 0 without the controller. */
uint64_t cgroup_oom_kills(const struct cgroup *g);
/* Kills whatever is left in the payload (cgroup.kill, or one by one before Linux 5.14). 0, or -errno. */
int cgroup_kill(const struct cgroup *g);
