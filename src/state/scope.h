/* state/scope.h - the name of the systemd scope a monitor runs in, agreed on by who asks for it
 * (core/unit.c) and who waits to be moved there (runtime/cgroup.c).
 *
 * dayfly-ID12-PID.scope: the container's first twelve digits, so that it stays right when the
 * container is renamed (the scope's description carries the name), and the monitor's pid, so that a
 * container started again at once does not collide with the scope systemd is still collecting. */
#pragma once

#include <stdio.h>
#include <sys/types.h>

#define SCOPE_NAME_SIZE 40

static inline const char *scope_name(
	const char *container_id, pid_t monitor, char ret[SCOPE_NAME_SIZE])
{
	(void)snprintf(ret, SCOPE_NAME_SIZE, "dayfly-%.12s-%d.scope", container_id, (int)monitor);
	return ret;
}
