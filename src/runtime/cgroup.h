/* runtime/cgroup.h - the container's part of the cgroup v2 tree. With a systemd user manager that is in
 * the scope which was delegated to the monitor:
 *
 *   …/dayfly.slice/dayfly-ID12-PID.scope/    delegated; controllers are handed down here
 *       supervisor/                          the monitor, and the keeper if there is one (bundle.h)
 *       payload/                             the container: limits, OOM counter, freezer
 *
 * Without one, where this process's own group is writable, it is a group below that, which has no
 * controllers of its own but the freezer, cgroup.kill and CPU time:
 *
 *   …/dayfly-ID12-PID                        the container
 *
 * Else there is no group of ours: nothing is limited or frozen, and an OOM kill is not told from another
 * SIGKILL. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fd.h"
#include "state/plan.h"
#include "state/scope.h"
#include "state/totals.h"

struct cgroup {
	int parent;                 /* folder in which the payload is; FD_NONE without a cgroup */
	int payload;                /* the container's; FD_NONE */
	bool plain;                 /* made without systemd: ours to remove */
	char name[SCOPE_NAME_SIZE]; /* of the payload in parent */
	struct totals
		before; /* counted there when the run began: of a group that could not be removed */
};

#define CGROUP_NONE ((struct cgroup){ .parent = FD_NONE, .payload = FD_NONE })

/* Splits the scope named (state/scope.h) that this process has been moved to. 0 with *ret filled; 1 when
 * that has not happened yet. Else *ret is CGROUP_NONE. */
int cgroup_enter(const char *scope, struct cgroup *ret, struct err *err);
/* Without a manager: where the group of monitor's container would be. 0, or 1: nowhere. */
int cgroup_enter_plain(const char *container_id, pid_t monitor, struct cgroup *ret);
void cgroup_close(struct cgroup *g);
/* The group itself goes too: a scope is systemd's to remove, what was made without one is ours. */
void cgroup_leave(struct cgroup *g);
/* The same for a monitor that died. */
void cgroup_leave_plain(const char *container_id, pid_t monitor);

/* An empty payload for the next run, counters at zero, with the limits of plan. What the kernel does not
 * offer here is left out (core said so in Warnings); a limit that it refuses is an error. */
int cgroup_prepare(struct cgroup *g, const struct plan *plan, struct err *err);
/* The limits of plan for what runs now; those it does not name go back to none. */
int cgroup_update(const struct cgroup *g, const struct plan *plan, struct err *err);

/* Moves a process of the payload to where the caller is: it is the container's no longer. 0, or -errno. */
int cgroup_take_out(const struct cgroup *g, pid_t pid);
/* And into it, whatever its limit of processes is. 0, or -errno. */
int cgroup_take_in(const struct cgroup *g, pid_t pid);
/* Returns when every process stands still (or goes on); -ETIMEDOUT: not within patience_ms; -ENOENT: there
 * is no freezer. */
int cgroup_freeze(const struct cgroup *g, bool freeze, int patience_ms);
/* Kills whatever is left in the payload (cgroup.kill, or one by one before Linux 5.14). 0, or -errno. */
int cgroup_kill(const struct cgroup *g);
/* memory.events of the payload, to be waited on with EPOLLPRI; -errno without the controller. */
int cgroup_memory_events(const struct cgroup *g);
/* oom_kill of that file: processes killed so far. */
uint64_t cgroup_oom_kills(int memory_events);
/* What the run has used, as far as the payload's files say; the rest of *ret stays as it is. */
void cgroup_totals(const struct cgroup *g, struct totals *ret);
