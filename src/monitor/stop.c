/* monitor/stop.c - signals: stop, restart's first half, kill, and the monitor's own SIGTERM. */
#include <errno.h>
#include <signal.h>

#include "base/proc.h"
#include "base/timefmt.h"
#include "monitor/monitor.h"
#include "monitor/pause.h"
#include "monitor/removal.h"
#include "monitor/report.h"
#include "monitor/restart.h"

static int number(const struct wire_msg *msg, const char *key, int missing)
{
	return msg ? wire_int(msg, key, missing) : missing;
}

static int send_signal(struct monitor *m, int sig)
{
	int r = proc_pidfd_kill(m->process.pidfd, sig);

	if (r == 0)
		report_event_number(m, "kill", "signal", sig);
	return r;
}

/* Lets the state's timer kill after the message's patience, unless it will earlier anyway. */
static void set_patience(struct monitor *m, const struct wire_msg *msg)
{
	int seconds = number(msg, "timeout", m->traits.stop_timeout);
	int64_t due;

	if (seconds < 0)
		return;
	due = time_monotonic() + seconds * NSEC_PER_SEC;
	if (m->stop_due && m->stop_due <= due)
		return;
	m->stop_due = due;
	monitor_state_timer(m, due);
}

static void ask_to_end(struct monitor *m, const struct wire_msg *msg)
{
	int sig = number(msg, "signal", m->traits.stop_signal);

	m->stopped = true;
	m->stop_due = 0;
	(void)send_signal(m, sig); /* gone already: its end is about to be noticed */
	pause_lift(m);
	m->state = sig == SIGKILL ? ST_KILLED : ST_STOPPING;
	if (m->state == ST_STOPPING)
		set_patience(m, msg);
}

/* By the user, and not to be undone by a restart policy: on record before the program can know. */
static void remember_stop(struct monitor *m)
{
	if (m->status.stopped)
		return;
	m->status.stopped = true;
	report_progress(m);
}

void stop_soft(struct monitor *m, struct wire_msg *msg)
{
	remember_stop(m);
	askers_add(m, ASK_END, msg);
	ask_to_end(m, msg);
}

void stop_join(struct monitor *m, struct wire_msg *msg)
{
	if (msg) /* else it is the monitor that ends */
		remember_stop(m);
	askers_add(m, ASK_END, msg);
	m->stopped = true;
	if (m->state == ST_STOPPING)
		set_patience(m, msg);
}

void stop_unwell(struct monitor *m)
{
	if (m->state != ST_RUNNING)
		return;
	m->unwell = true;
	ask_to_end(m, NULL);
	m->stopped = false;
}

void stop_not_running(struct monitor *m, struct wire_msg *msg)
{
	(void)m;
	answer_status(msg, 304);
}

void stop_hard(struct monitor *m, struct wire_msg *msg)
{
	(void)msg;
	(void)send_signal(m, SIGKILL);
	pause_lift(m);
	m->state = ST_KILLED;
}

void restart_soft(struct monitor *m, struct wire_msg *msg)
{
	askers_add(m, ASK_RESTART, msg);
	ask_to_end(m, msg);
}

void restart_join(struct monitor *m, struct wire_msg *msg)
{
	askers_add(m, ASK_RESTART, msg);
	m->stopped = true;
	if (m->state == ST_STOPPING)
		set_patience(m, msg);
}

/* SIGKILL is answered when the process is gone, any other signal when it is sent. Only what would stop the
 * container keeps it from being started again: Docker takes any signal for that, a SIGHUP too that should
 * make it read its configuration. */
void kill_send(struct monitor *m, struct wire_msg *msg)
{
	int sig = number(msg, "signal", SIGKILL), r;
	bool stops = sig == SIGKILL || sig == m->traits.stop_signal;

	if (stops)
		remember_stop(m);
	r = send_signal(m, sig);
	if (r == 0 && stops) /* any other signal waits for the unpause */
		pause_lift(m);
	if (r == -EINVAL) {
		answer_refuse(msg, ERR_INVALID, "Invalid signal: %d", sig);
	} else if (sig == SIGKILL) {
		m->state = ST_KILLED;
		askers_add(m, ASK_END, msg);
	} else {
		answer_status(msg, 204);
	}
}

void kill_join(struct monitor *m, struct wire_msg *msg)
{
	askers_add(m, ASK_END, msg);
}

void kill_not_running(struct monitor *m, struct wire_msg *msg)
{
	answer_refuse(msg, ERR_CONFLICT, "cannot kill container: %s: container %s is not running",
		m->traits.name ? m->traits.name : m->id, m->id);
}

void term_soft(struct monitor *m, struct wire_msg *msg)
{
	(void)msg;
	ask_to_end(m, NULL);
}

/* Nothing runs: those who wait here for a start or an end wait in vain. What was written for others
 * still reaches them. */
void term_idle(struct monitor *m, struct wire_msg *msg)
{
	(void)msg;
	m->expecting = false;
	if (m->lingering)
		(void)removal(m, NULL);
	waiters_drop(m);
	viewers_end(m);
	clients_release(m, &m->io);
}
