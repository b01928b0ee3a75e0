#include "monitor/removal.h"

#include <stdio.h>

#include "base/fd.h"
#include "base/log.h"
#include "monitor/crash.h"
#include "monitor/monitor.h"
#include "monitor/report.h"
#include "state/remove.h"
#include "state/volumes.h"

static int take_away(struct monitor *m, struct err *err)
{
	auto_fd int lock = dirs_lock(&m->dirs);
	auto_strv char **volumes = NULL;
	int r;

	if (lock < 0)
		return err_sys(err, lock, "lock the containers");
	report_removing(m);
	if (m->traits.keep.time > 0 && removed_mark(m->data_dir, &m->status, &m->traits.keep) < 0)
		log_warning("%s: nothing of it can be kept", m->id);
	crash_point("before-remove");
	if (m->volumes_too || m->traits.auto_remove)
		volumes = volume_links(&m->dirs, m->id, true);
	r = container_take_away(
		&m->dirs, m->id, m->traits.name ? m->traits.name : "", m->traits.auto_remove, err);
	if (r == 0)
		volumes_take_away(&m->dirs, volumes, !m->traits.auto_remove);
	return r == -ENOENT ? 0 : r; /* somebody was faster: just as well */
}

static void removal_failed(struct monitor *m, const struct err *err)
{
	log_error("%s", err->msg);
	m->status.state = RUN_DEAD;
	(void)snprintf(m->status.error, sizeof(m->status.error), "%.*s",
		(int)sizeof(m->status.error) - 1, err->msg);
	(void)status_write(m->run_dir, &m->status);
	waiters_removal_failed(m);
	askers_answer(m, ASK_REMOVE, err);
}

int removal(struct monitor *m, struct err *err)
{
	struct err own = { 0 };
	int r;

	if (!err)
		err = &own;
	m->lingering = false;
	r = take_away(m, err);
	if (r < 0) {
		removal_failed(m, err);
		return r;
	}
	crash_point("after-remove");
	report_event(m, "destroy");
	m->state = ST_REMOVED;
	m->expecting = false;
	clients_release(m, &m->io);
	waiters_removed(m);
	viewers_end(m);
	askers_answer(m, ASK_REMOVE, NULL);
	if (m->traits.keep.time > 0)
		removed_sweep(&m->dirs, &m->traits.keep);
	(void)trash_sweep(&m->dirs);
	return 0;
}

void remove_now(struct monitor *m, struct wire_msg *msg)
{
	m->volumes_too |= wire_flag(msg, "volumes");
	askers_add(m, ASK_REMOVE, msg);
	(void)removal(m, NULL);
}

bool removal_refused(const struct monitor *m, struct wire_msg *msg, const char *state)
{
	if (wire_flag(msg, "force"))
		return false;
	answer_refuse(msg, ERR_CONFLICT,
		"cannot remove container \"/%s\": container is %s: stop the container before removing or "
		"force remove",
		m->traits.name ? m->traits.name : m->id, state);
	return true;
}

void remove_running(struct monitor *m, struct wire_msg *msg)
{
	if (removal_refused(m, msg, "running"))
		return;
	m->volumes_too |= wire_flag(msg, "volumes");
	askers_add(m, ASK_REMOVE, msg);
	if (m->state != ST_KILLED)
		stop_hard(m, NULL);
}
