/* monitor/exec.h - exec sessions. The switchboard wrote the plan to exec/EXECID/plan; the session's record
 * is exec/EXECID/status. A session runs once; its folder goes away five minutes after its end. */
#pragma once

#include "base/loop.h"
#include "base/str.h"
#include "monitor/stdio.h"
#include "runtime/runtime.h"
#include "state/status.h"
#include "state/wire.h"

struct monitor;

struct exec {
	struct exec *next;
	struct monitor *m;
	char id[ID_SIZE];
	int dir;
	struct rt_process process;
	struct stdio io;
	struct watch child;
	struct status status;
	bool over; /* to be freed by execs_reap() */
};

void exec_start(struct monitor *m, struct wire_msg *msg);
void exec_resize(struct monitor *m, struct wire_msg *msg);

/* The container has ended, and with its pid namespace every session; those whose client has yet to read what they
 * wrote stay until it has. Removes those that nobody can start any more. */
void execs_end(struct monitor *m);
void execs_reap(struct monitor *m);
/* One has ended: removes the folders of those that did five minutes ago, and sets the timer for the next. */
void execs_expire(struct monitor *m);
/* No session of this container runs: those a crash left are ended, those never started go. */
void execs_settle(struct monitor *m);
