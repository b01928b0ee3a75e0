/* monitor/health.h - the health check of the running container: one probe at a time, at the pace that
 * state/health.h gives.
 *
 * A probe is the program of health-plan, run as an exec session is, with both its output streams in one
 * pipe. It ends when its program ends; what that leaves running is no concern of ours, unless it takes too
 * long: then everything that came of it is killed. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/str.h"
#include "runtime/runtime.h"
#include "state/health.h"

struct monitor;

struct health {
	bool on; /* the container has a check */
	bool silent;
	struct health_check check;
	int64_t up_since;   /* CLOCK_MONOTONIC */
	struct watch timer; /* the next probe; while one runs, its end */
	int64_t due;        /* of the timer; 0: not set */
	bool suspended;
	int64_t left;        /* while suspended: until due */
	bool probing;        /* what follows describes the running probe */
	char probe[ID_SIZE]; /* as its events call it */
	struct rt_process process;
	struct watch child, output;
	int pipe;
	int64_t began_up, began; /* since the run's start; ns since 1970 */
	struct buf text;         /* what it wrote */
	bool cut;                /* it wrote more */
	bool late;               /* it was we who ended it */
};

/* Whether the container is checked, from its folder: before a start. */
int health_load(struct monitor *m, struct err *err);
/* The program runs. */
void health_begin(struct monitor *m);
/* It has ended, or is about to be: no probe runs any more, and none will. */
void health_end(struct monitor *m);
/* The container is paused, and goes on: time stands still for the check. */
void health_suspend(struct monitor *m);
void health_resume(struct monitor *m);
