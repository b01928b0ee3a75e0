#include "monitor/recover.h"

#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "monitor/finish.h"
#include "monitor/monitor.h"
#include "monitor/oom.h"
#include "monitor/removal.h"
#include "state/remove.h"

#define KILL_PATIENCE_MS 10000

/* pid and start time are checked with the pidfd in hand: from then on it means this process for good. */
static void kill_left_over(const struct status *st)
{
	auto_fd int pidfd = FD_NONE;
	char boot[40];

	if (st->pid <= 0 || !str_eq(st->boot_id, boot_id_read(boot)))
		return;
	pidfd = proc_pidfd(st->pid);
	if (pidfd < 0 || !proc_alive(st->pid, st->pid_start))
		return;
	(void)proc_pidfd_kill(pidfd, SIGKILL);
	(void)proc_pidfd_wait(pidfd, KILL_PATIENCE_MS);
}

/* The data is gone; what may be left is the run folder and the name. */
static void remove_rest(struct monitor *m)
{
	auto_fd int lock = dirs_lock(&m->dirs);
	struct err err = { 0 };

	if (lock >= 0 && m->run_dir >= 0)
		(void)container_take_away(
			&m->dirs, m->id, m->traits.name ? m->traits.name : "", true, &err);
}

/* The monitor may have died between the two copies of the exit record: then the code is known after
 * all, to the durable one. */
static void take_durable_end(struct monitor *m)
{
	struct status st;

	if (status_read(FD_NONE, m->data_dir, &st) < 0 || st.run != m->status.run)
		return;
	if (st.state == RUN_RESTARTING) /* as in tell_end() */
		st.state = RUN_EXITED;
	if (st.state == RUN_EXITED || st.state == RUN_REMOVING)
		m->status = st;
}

/* settled: m->status as readers see it. */
static void tell_end(struct monitor *m, const struct status *settled)
{
	switch (m->status.state) {
	case RUN_RUNNING:
	case RUN_PAUSED:
		oom_tell_rest(m);
		m->status = *settled;
		take_durable_end(m);
		if (m->traits.auto_remove)
			m->status.state = RUN_REMOVING;
		finish_tell(m);
		break;
	case RUN_RESTARTING: /* it had ended; the switchboard sees to the next run (EV "again") */
		m->status = *settled;
		report_change(m);
		__attribute__((fallthrough));
	case RUN_EXITED:
	case RUN_REMOVING:
		if (m->status.unfinished)
			finish_tell_rest(m);
		break;
	case RUN_CREATED: /* its program never began */
	case RUN_DEAD:
	case RUN_STATE_COUNT: break;
	}
}

void recover(struct monitor *m)
{
	struct status settled = m->status;

	if (m->state == ST_REMOVED) {
		remove_rest(m);
		return;
	}
	if (status_lost(&m->status, m->traits.auto_remove)) {
		(void)removal(m, NULL);
		return;
	}
	kill_left_over(&settled);
	if (!status_settle(&settled, true))
		return;
	cgroup_leave_plain(m->id, m->status.monitor);
	execs_settle(m);
	tell_end(m, &settled);
	if (m->traits.auto_remove || m->status.state == RUN_REMOVING)
		(void)removal(m, NULL);
}
