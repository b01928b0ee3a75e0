/* monitor/finish.c - the end of a run, in an order that loses nothing: output read and logged, exit
 * recorded, event written, and only then anybody told. A crash between any two steps leaves what
 * recover.c can complete. */
#include "monitor/finish.h"

#include <stdio.h>

#include "base/jsonw.h"
#include "base/timefmt.h"
#include "monitor/child.h"
#include "monitor/control.h"
#include "monitor/crash.h"
#include "monitor/monitor.h"
#include "monitor/oom.h"
#include "monitor/removal.h"
#include "monitor/report.h"
#include "monitor/restart.h"
#include "monitor/start.h"
#include "state/events.h"

/* An auto-removed container that nobody waits for is still there for so long. Many clients ask how a run
 * ended only after they have started it, and a short one is over before they do. Docker takes some tens of
 * milliseconds to remove a container; here it is one. */
#define LINGER (300 * NSEC_PER_MSEC)

/* The program has ended; what it wrote may still be in its pipes. */
void finish_collect(struct monitor *m, struct wire_msg *msg)
{
	(void)msg;
	if (!child_collect(rt_process_child(&m->process), &m->status, &m->used))
		return;
	oom_settle(m);
	stats_run_over(m);
	/* Without a pid namespace of its own somebody may have stayed behind. */
	(void)cgroup_kill(&m->cgroup);
	health_end(m);
	watch_stop(&m->child);
	monitor_state_timer(m, 0);
	crash_point("after-exit");
	m->state = ST_DRAINING;
	stdio_process_ended(&m->io);
}

static void tell_die(struct monitor *m)
{
	const struct status *st = &m->status;
	auto_buf struct buf attrs = { 0 };
	struct jsonw w = JSONW(&attrs);
	char code[16], seconds[24];

	(void)snprintf(code, sizeof(code), "%d", st->exit_code);
	(void)snprintf(seconds, sizeof(seconds), "%lld",
		(long long)((st->finished - st->started) / NSEC_PER_SEC));
	jw_str(&w, "exitCode", code);
	jw_str(&w, "execDuration", seconds);
	totals_write_attrs(&w, &st->totals);
	report_event_members(m, "die", attrs.data);
}

void finish_tell(struct monitor *m)
{
	report_exit(m);
	tell_die(m);
	crash_point("after-die-event");
	report_volumes_unmounted(m);
	report_told(m);
}

void finish_tell_rest(struct monitor *m)
{
	const struct status *st = &m->status;

	if (!event_is_written(&m->dirs, m->id, "die", st->finished))
		tell_die(m);
	report_told(m);
}

static bool goes_away(const struct monitor *m)
{
	if (askers_have(m, ASK_REMOVE))
		return true;
	return m->traits.auto_remove && !askers_have(m, ASK_RESTART);
}

static void refuse_restart(struct monitor *m)
{
	struct err err = { 0 };

	if (m->leaving)
		(void)err_set(&err, ERR_UNAVAILABLE, EAGAIN,
			"container %s was stopped by the system", m->id);
	else
		(void)err_set(&err, ERR_CONFLICT, EBUSY,
			"container %s is marked for removal and cannot be started", m->id);
	askers_answer(m, ASK_RESTART, &err);
}

/* Whoever has stopped or killed it wants its name back. */
static bool awaited(const struct monitor *m)
{
	return m->waiters || m->askers || m->stopped || m->status.stopped || m->leaving;
}

static void go_away(struct monitor *m, bool now)
{
	refuse_restart(m);
	if (now) {
		(void)removal(m, NULL);
		return;
	}
	m->lingering = true;
	monitor_state_timer(m, time_monotonic() + LINGER);
}

static void next_step(struct monitor *m, bool now)
{
	if (goes_away(m)) {
		go_away(m, now);
	} else if (m->leaving) {
		refuse_restart(m);
		term_idle(m, NULL);
	} else if (askers_have(m, ASK_RESTART)) {
		start_restarted(m);
	} else if (m->status.state == RUN_RESTARTING) {
		restart_wait(m);
	}
	control_release(m);
}

void finish_run(struct monitor *m, struct wire_msg *msg)
{
	bool now = awaited(m);

	(void)msg;
	execs_end(m);
	m->status.totals = m->used;
	cgroup_totals(&m->cgroup, &m->status.totals);
	stdio_close(&m->io);
	rt_process_clear(&m->process);
	m->untidy = true;
	m->status.pid = 0;
	m->status.finished = time_now();
	m->status.state = goes_away(m) ? RUN_REMOVING
		: restart_due(m)       ? RUN_RESTARTING
				       : RUN_EXITED;
	finish_tell(m);
	if (m->stopped)
		report_event(m, "stop");
	m->state = ST_CREATED;
	clients_release(m, &m->io);
	waiters_run_over(m);
	askers_answer(m, ASK_END, NULL);
	next_step(m, now);
}

/* Nothing came for a process that was started for something; or for a container that lingers. */
void finish_idle(struct monitor *m, struct wire_msg *msg)
{
	(void)msg;
	m->expecting = false;
	if (m->lingering)
		(void)removal(m, NULL);
}
