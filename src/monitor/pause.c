#include "monitor/pause.h"

#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/http_out.h"
#include "base/log.h"
#include "monitor/monitor.h"
#include "monitor/report.h"

/* The freezer waits for those in a system call that cannot be interrupted: a file server that is away,
 * for example. Nothing else is done here meanwhile. */
#define FREEZE_PATIENCE_MS 1000

static void pauser_drop(struct monitor *m)
{
	int fd = m->pauser.fd;

	if (!m->pauser.loop)
		return;
	watch_stop(&m->pauser);
	connection_end(&fd);
}

/* Who held the pause so far has no say in what follows. */
static void told(struct monitor *m, enum mon_state state)
{
	m->state = state;
	pauser_drop(m);
	if (state == ST_PAUSED)
		health_suspend(m);
	else
		health_resume(m);
	report_paused(m, state == ST_PAUSED);
}

static void on_pauser_gone(struct watch *w, uint32_t events)
{
	struct monitor *m = container_of(w, struct monitor, pauser);

	(void)events;
	pauser_drop(m);
	pause_lift(m);
}

/* For a program that needs the container to stand still while it does something, and may be killed over
 * it: who thinks of the unpause then is this process, without which there is no container. */
static void hold(struct monitor *m, struct wire_msg *msg)
{
	auto_buf struct buf text = { 0 };

	if (watch_fd(m->loop, &m->pauser, msg->fd, 0, on_pauser_gone) < 0) {
		pause_lift(m);
		return;
	}
	http_answer(&text, 204, NULL);
	(void)fd_send(take_fd(&msg->fd), text.data, text.len, NULL, 0, MSG_DONTWAIT);
}

void pause_now(struct monitor *m, struct wire_msg *msg)
{
	int r;

	if (m->cgroup.payload < 0) {
		answer_refuse(msg, ERR_UNSUPPORTED,
			"cannot pause container %s: it has no cgroup to be frozen in; that takes cgroup v2 "
			"and a systemd user manager, or a cgroup that is writable for the engine",
			m->id);
		return;
	}
	r = cgroup_freeze(&m->cgroup, true, FREEZE_PATIENCE_MS);
	if (r < 0) {
		(void)cgroup_freeze(&m->cgroup, false, 0);
		answer_refuse(msg, ERR_SYSTEM, "cannot pause container %s: the freezer says: %s",
			m->id, strerror(-r));
		return;
	}
	told(m, ST_PAUSED);
	if (wire_flag(msg, "hold"))
		hold(m, msg);
	else
		answer_status(msg, 204);
}

static int thaw(struct monitor *m)
{
	int r = cgroup_freeze(&m->cgroup, false, FREEZE_PATIENCE_MS);

	if (r < 0)
		log_error("%s: unpause: %s", m->id, strerror(-r));
	return r;
}

void unpause_now(struct monitor *m, struct wire_msg *msg)
{
	int r = thaw(m);

	if (r < 0) {
		answer_refuse(msg, ERR_SYSTEM, "cannot unpause container %s: the freezer says: %s",
			m->id, strerror(-r));
		return;
	}
	told(m, ST_RUNNING);
	answer_status(msg, 204);
}

void pause_lift(struct monitor *m)
{
	if (m->state != ST_PAUSED)
		return;
	(void)thaw(m);
	told(m, ST_RUNNING);
}

void pause_paused(struct monitor *m, struct wire_msg *msg)
{
	answer_refuse(msg, ERR_CONFLICT, "Container %s is already paused", m->id);
}

void pause_not_running(struct monitor *m, struct wire_msg *msg)
{
	answer_refuse(msg, ERR_CONFLICT, "Container %s is not running", m->id);
}

void unpause_not_paused(struct monitor *m, struct wire_msg *msg)
{
	answer_refuse(msg, ERR_SYSTEM, "Container %s is not paused", m->id);
}

void start_paused(struct monitor *m, struct wire_msg *msg)
{
	(void)m;
	answer_refuse(msg, ERR_CONFLICT, "cannot start a paused container, try unpause instead");
}
