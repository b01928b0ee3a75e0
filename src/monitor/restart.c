#include "monitor/restart.h"

#include <signal.h>

#include "base/log.h"
#include "base/timefmt.h"
#include "monitor/control.h"
#include "monitor/monitor.h"
#include "monitor/removal.h"
#include "monitor/report.h"
#include "monitor/scope.h"
#include "monitor/start.h"
#include "state/restart.h"

/* How long the program ran the last time. */
static int64_t last_run(const struct monitor *m)
{
	return m->status.finished - m->status.started;
}

static bool comes_again(struct monitor *m, bool failed, int64_t ran)
{
	if (!restart_after_end(&m->traits.restart, &m->status, failed))
		return false;
	m->status.restart_count++;
	m->pause = restart_pause(m->pause, ran);
	return true;
}

bool restart_due(struct monitor *m)
{
	if (m->leaving || askers_have(m, ASK_RESTART))
		return false;
	return comes_again(m, m->unwell, last_run(m));
}

void restart_wait(struct monitor *m)
{
	m->state = ST_BACKOFF;
	m->untidy = true;
	monitor_state_timer(m, time_monotonic() + m->pause);
}

void restart_forget(struct monitor *m)
{
	m->status.restart_count = 0;
	m->status.stopped = false;
	m->pause = 0;
}

/* There will be no next run. */
static void give_up(struct monitor *m, bool stopped)
{
	monitor_state_timer(m, 0);
	m->status.stopped = stopped;
	m->status.state = RUN_EXITED;
	report_change(m);
	m->state = ST_CREATED;
	waiters_run_over(m);
}

static void put_off(struct monitor *m)
{
	m->status.state = RUN_RESTARTING;
	report_change(m);
	restart_wait(m);
}

/* A start that fails counts as a run that failed: what is missing may be there the next time. */
static void start_or_wait(struct monitor *m)
{
	struct err err = { 0 };

	if (start_run(m, &err) == 0)
		return;
	log_warning("%s: restart: %s", m->id, err.msg);
	if (comes_again(m, true, 0))
		put_off(m);
	else
		give_up(m, false);
}

void restart_reconsider(struct monitor *m)
{
	struct status st = m->status;

	if (m->state != ST_BACKOFF)
		return;
	st.restart_count--; /* the one that is due is counted already */
	if (!restart_after_end(&m->traits.restart, &st, true))
		give_up(m, false);
}

/* ---- actions */

void backoff_over(struct monitor *m, struct wire_msg *msg)
{
	(void)msg;
	start_or_wait(m);
}

void backoff_stop(struct monitor *m, struct wire_msg *msg)
{
	give_up(m, true);
	report_event(m, "stop");
	answer_status(msg, 204);
}

void backoff_restart(struct monitor *m, struct wire_msg *msg)
{
	give_up(m, false);
	report_event(m, "stop");
	start_again(m, msg);
}

/* There is nobody to get the signal; one that would end the program ends the waiting. */
void backoff_kill(struct monitor *m, struct wire_msg *msg)
{
	int sig = wire_int(msg, "signal", SIGKILL);

	if (sig != SIGKILL && sig != m->traits.stop_signal) {
		kill_not_running(m, msg);
		return;
	}
	give_up(m, true);
	report_event_number(m, "kill", "signal", sig);
	answer_status(msg, 204);
}

void backoff_remove(struct monitor *m, struct wire_msg *msg)
{
	if (removal_refused(m, msg, "restarting"))
		return;
	give_up(m, true);
	remove_now(m, msg);
}

void backoff_pause(struct monitor *m, struct wire_msg *msg)
{
	answer_refuse(msg, ERR_CONFLICT,
		"Container %s is restarting, wait until the container is running", m->id);
}

void backoff_term(struct monitor *m, struct wire_msg *msg)
{
	give_up(m, false);
	term_idle(m, msg);
}

/* The switchboard found that the last run ended under another monitor, or on an earlier boot, and that it
 * should come again. The record is settled by now. */
void restart_again(struct monitor *m, struct wire_msg *msg)
{
	if (m->state == ST_AWAITING) {
		control_hold(m, msg);
		return;
	}
	if (m->state != ST_CREATED || scope_awaited(m, msg))
		return;
	if (wire_flag(msg, "boot")) {
		if (!restart_after_boot(&m->traits.restart, &m->status))
			return;
		restart_forget(m);
		start_or_wait(m);
	} else if (comes_again(m, false, last_run(m))) {
		put_off(m);
	}
}
