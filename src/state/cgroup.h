/* state/cgroup.h - where this process lies in the cgroup v2 tree, for everybody who makes groups there
 * (runtime/cgroup.c) or says what they can do (core/delegation.c).
 *
 * A hybrid host has its v2 tree beside the old hierarchies: without their controllers, but with all that
 * v2 has by itself: freezer, kill, CPU time. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Where cgroup v2 is mounted; NULL if it is not. */
const char *cgroup_mount(void);
/* Whether that is the only hierarchy (/sys/fs/cgroup itself). */
bool cgroup_is_unified(void);
/* The "0::/path" of a process (0: this one) without the mount point; *ret is owned. 0 or -errno. */
int cgroup_of(pid_t pid, char **ret);
/* The folder of this process's own group, where groups may be made without asking anybody: it is
 * writable, and processes may be moved from it to below. Owned; NULL if there is none. */
char *cgroup_writable(void);
