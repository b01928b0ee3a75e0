/* worker/processes.h - which processes are a container's, by the numbers that the host knows them by. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "state/status.h"

/* Those in its pid namespace or its cgroup, where it has one of its own; its first process, its exec
 * sessions' (execs: their folder, FD_NONE if there is none), and the children of all of them.
 * Sorted, owned. The caller has entered the user namespace. */
pid_t *processes_of(const struct status *st, int execs, size_t *ret_n);
