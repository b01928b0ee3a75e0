/* monitor/wait.h - clients of POST /containers/ID/wait.
 *
 * The head of the answer goes out when the request comes, the exit code when the condition holds. A
 * waiter that was there before the start sees even the shortest run, since the monitor answers from
 * the record it has just written. */
#pragma once

#include "base/loop.h"
#include "state/wire.h"

struct monitor;

enum wait_condition { WAIT_NOT_RUNNING, WAIT_NEXT_EXIT, WAIT_REMOVED };

struct waiter {
	struct waiter *next;
	struct monitor *m;
	struct watch watch; /* for the hang-up alone: half-closing is no goodbye */
	int fd;
	enum wait_condition condition;
};

void wait_request(struct monitor *m, struct wire_msg *msg);
/* A run has ended, or could not begin. */
void waiters_run_over(struct monitor *m);
/* The container is gone: everybody left hears of it. */
void waiters_removed(struct monitor *m);
/* It should be, and is not: who waits for that is told why. */
void waiters_removal_failed(struct monitor *m);
/* The monitor ends without either. */
void waiters_drop(struct monitor *m);
