#include "monitor/scope.h"

#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/timefmt.h"
#include "monitor/control.h"
#include "monitor/monitor.h"
#include "monitor/removal.h"
#include "monitor/start.h"
#include "state/scope.h"

/* A busy manager may take seconds. A container with limits is not run without them before systemd has had
 * the time that it gives its own callers (sd-bus). */
#define PATIENCE        (2 * NSEC_PER_SEC)
#define PATIENCE_LIMITS (25 * NSEC_PER_SEC)
/* It moves us between two of its messages to others, and nothing tells the moved process: so look, often
 * while that takes as long as it should. */
#define SOON       (100 * NSEC_PER_MSEC)
#define LOOK_OFTEN (NSEC_PER_MSEC / 5)
#define LOOK       (20 * NSEC_PER_MSEC)

/* As cgroup_enter(). */
static int enter(struct monitor *m, struct err *err)
{
	char name[SCOPE_NAME_SIZE];
	int r = cgroup_enter(scope_name(m->id, getpid(), name), &m->cgroup, err);

	if (r == 0)
		m->scope_due = false;
	return r;
}

void scope_enter(struct monitor *m)
{
	struct err err = { 0 };
	int r;

	if (!m->scope_due) {
		if (m->cgroup.parent < 0)
			(void)cgroup_enter_plain(m->id, getpid(), &m->cgroup);
		return;
	}
	r = enter(m, &err);
	if (r != 0)
		log_warning("%s: runs outside a scope of its own: %s", m->id,
			r < 0 ? err.msg : "systemd has not moved it there");
}

static bool has_limits(const struct monitor *m)
{
	auto_plan struct plan plan = { 0 };

	return plan_read(m->run_dir, "plan", &plan, NULL) == 0 && plan_has(&plan, "limit");
}

static bool patience_is_over(const struct monitor *m)
{
	int64_t waited = time_monotonic() - m->scope_since;

	return m->scope_since && waited >= PATIENCE &&
		(waited >= PATIENCE_LIMITS || !has_limits(m));
}

static void look_later(struct monitor *m)
{
	int64_t now = time_monotonic();

	monitor_state_timer(m, now + (now - m->scope_since < SOON ? LOOK_OFTEN : LOOK));
}

/* An error is told when the run begins. */
static bool arrived(struct monitor *m)
{
	struct err err = { 0 };

	return !m->scope_due || m->fault.sys || patience_is_over(m) || enter(m, &err) <= 0;
}

bool scope_awaited(struct monitor *m, struct wire_msg *msg)
{
	if (arrived(m))
		return false;
	if (!m->scope_since)
		m->scope_since = time_monotonic();
	m->state = ST_AWAITING;
	control_hold(m, msg);
	look_later(m);
	return true;
}

/* ---- actions */

void await_look(struct monitor *m, struct wire_msg *msg)
{
	(void)msg;
	if (!arrived(m)) {
		look_later(m);
		return;
	}
	m->state = ST_CREATED;
	control_release(m);
}

static void give_up(struct monitor *m)
{
	struct err err = { 0 };

	monitor_state_timer(m, 0);
	m->state = ST_CREATED;
	(void)err_set(&err, ERR_CONFLICT, ECANCELED,
		"container %s was stopped while it waited for systemd to make its cgroup", m->id);
	control_refuse(m, &err);
	start_refused(m, &err);
}

void await_stop(struct monitor *m, struct wire_msg *msg)
{
	give_up(m);
	answer_status(msg, 304);
}

/* There is nobody to get the signal; one that would end the program ends the waiting. */
void await_kill(struct monitor *m, struct wire_msg *msg)
{
	int sig = wire_int(msg, "signal", SIGKILL);

	if (sig != SIGKILL && sig != m->traits.stop_signal) {
		kill_not_running(m, msg);
		return;
	}
	give_up(m);
	answer_status(msg, 204);
}

void await_remove(struct monitor *m, struct wire_msg *msg)
{
	if (removal_refused(m, msg, "starting"))
		return;
	give_up(m);
	if (m->state == ST_REMOVED) /* one with --rm went with its start */
		answer_status(msg, 204);
	else
		remove_now(m, msg);
}

void await_term(struct monitor *m, struct wire_msg *msg)
{
	give_up(m);
	term_idle(m, msg);
}
