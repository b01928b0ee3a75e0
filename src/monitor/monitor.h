/* monitor/monitor.h - one container's monitor: everything it knows, in one value.
 *
 * The process is single-threaded: watches (base/loop.h) turn what happens into events, states.c says
 * what to do about them. Lists are reaped by the loop after each round, so that a callback may end any
 * client or exec without another one losing the ground under its feet. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "monitor/answer.h"
#include "monitor/client.h"
#include "monitor/exec.h"
#include "monitor/health.h"
#include "monitor/report.h"
#include "monitor/states.h"
#include "monitor/stats.h"
#include "monitor/stdio.h"
#include "monitor/traits.h"
#include "monitor/usage.h"
#include "monitor/wait.h"
#include "runtime/cgroup.h"
#include "runtime/runtime.h"
#include "state/dirs.h"
#include "state/status.h"

#define PUMP_SIZE 65536

struct held {
	struct held *next;
	struct wire_msg msg;
};

struct monitor {
	struct loop *loop;
	struct dirs dirs;
	char id[ID_SIZE];
	int run_dir, data_dir; /* the container's folders */

	enum mon_state state;
	struct traits traits; /* what outlives the start of the latest plan */
	struct status status; /* as last written */
	struct rt_process process;
	struct cgroup cgroup;
	uint64_t oom_kills; /* of this run, so far */
	struct totals used; /* in this run, by those who have ended */
	struct gauges gauges;
	struct stdio io;
	struct health health;

	struct watch control, signals, child;
	struct watch timer;    /* of the state: stop timeout, first message */
	struct watch patience; /* clients that leave their head unread, or a close unanswered */
	struct watch expiry;   /* exec records */
	struct watch oom;
	struct watch stats_timer; /* the next sample */
	struct watch pauser;      /* the connection whose end is the unpause */
	int64_t patience_due;     /* when that timer is due */
	int64_t stop_due;         /* when the timer kills, 0: never */
	int64_t pause;            /* before the latest restart, ns; 0: none yet */

	struct client *clients;
	struct exec *execs; /* running ones */
	unsigned ended_execs;
	struct waiter *waiters;
	struct viewer *viewers;
	struct asker *askers;
	struct held *held; /* messages to be handled after the end of the run */

	struct err fault;    /* sys != 0: why no container can be started by this process */
	int64_t scope_since; /* a start waits for our scope, CLOCK_MONOTONIC; 0: none has yet */
	bool scope_due;      /* systemd is about to move us to our scope */
	bool expecting;      /* the message this process was started for has not come yet */
	bool stopped;        /* this run was ended by a stop: event "stop" */
	bool unwell;         /* … or because it was unhealthy */
	bool leaving;        /* the monitor was told to end */
	bool lingering;      /* the container is to be removed when the timer says so (finish.c) */
	bool volumes_too; /* who asked for the removal wants its anonymous volumes gone with it */
	bool untidy;      /* memory was used that an idle monitor should not hold */

	/* PUMP_SIZE bytes, shared by everything that reads and passes on at once. A mapping of its own,
	 * given back to the kernel when idle. */
	unsigned char *buffer;
};

/* Fills m for container id: opens folders, joins the user namespace, reads what is on disk. control
 * may be FD_NONE (recovery). userns is taken over; see userns_join(). */
int monitor_open(struct monitor *m, const char *id, int control, int take_userns, struct err *err);
/* Runs until nobody needs this monitor any more. */
int monitor_run(struct monitor *m, struct err *err);
void monitor_close(struct monitor *m); /* accepts one that was not opened to the end */
/* One-shot timers, made when first needed. due: CLOCK_MONOTONIC, 0 disarms. */
void monitor_timer(struct monitor *m, struct watch *w, int64_t due, watch_fn *fn);
/* The state's own timer: EV_TIMEOUT. */
void monitor_state_timer(struct monitor *m, int64_t due);
/* Whether anything is left that only this process can do. */
bool monitor_needed(const struct monitor *m);
/* Whether a program runs or is about to be recorded as ended. */
bool monitor_running(const struct monitor *m);
