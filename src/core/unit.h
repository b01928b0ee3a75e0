/* core/unit.h - gives a monitor its own transient scope in the user's systemd, so that
 * `systemctl --user status`, `systemd-cgls` and `journalctl --user -u` show the container, and its
 * cgroup is delegated to us and outlives the service that serves the API.
 *
 * libsystemd is loaded on first use only: most API processes start no container, and the library
 * would cost every cold start 0.7 ms. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "core/core.h"

struct unit_manager; /* a connection to the user manager */

/* Connects to the manager's private socket, else to the user bus. NULL when there is none: then
 * monitors stay in the cgroup they were born in. */
struct unit_manager *unit_manager_open(void);
void unit_manager_close(struct unit_manager *m);

/* Asks for the scope with pid in it and does not wait for it: the monitor sees itself moved
 * (runtime/cgroup.h) and holds the container's start until then. */
int unit_start_scope(struct unit_manager *m, const char *container_id, const char *container_name,
	pid_t pid, struct err *err);
/* Reads what the manager has answered so far; a refused scope is logged. Call now and then, e.g.
 * before the next request: without it the connection's buffer would fill. */
void unit_manager_drain(struct unit_manager *m);
