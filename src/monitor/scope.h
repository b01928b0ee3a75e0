/* monitor/scope.h - the wait for systemd, which is to move this process to a scope of its own before the
 * first run: limits and the OOM counter need it. Meanwhile the messages that want a start are held
 * (state AWAITING); all others are answered as ever, and what would end a run gives the start up. */
#pragma once

#include "state/wire.h"

struct monitor;

/* Whether msg has to wait: then it is held, and comes again when the scope is there or is waited for no
 * longer. */
bool scope_awaited(struct monitor *m, struct wire_msg *msg);
/* Before a run: takes the scope's cgroup, or a group where we are. Without either a container runs all the
 * same, in the cgroup this process was born in. */
void scope_enter(struct monitor *m);
