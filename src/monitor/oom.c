#include "monitor/oom.h"

#include <string.h>
#include <sys/epoll.h>

#include "base/fd.h"
#include "base/log.h"
#include "monitor/monitor.h"
#include "monitor/report.h"
#include "state/events.h"

/* The record first: an event that is missing then is written by recovery. */
static void look(struct monitor *m)
{
	uint64_t kills = cgroup_oom_kills(m->oom.fd);

	if (kills <= m->oom_kills)
		return;
	m->oom_kills = kills;
	report_oom(m);
}

static void on_memory_event(struct watch *w, uint32_t events)
{
	(void)events;
	look(container_of(w, struct monitor, oom));
}

void oom_watch(struct monitor *m)
{
	int fd = cgroup_memory_events(&m->cgroup);

	if (fd < 0)
		return;
	/* 0, unless the last run's group could not be removed */
	m->oom_kills = cgroup_oom_kills(fd);
	if (watch_fd(m->loop, &m->oom, fd, EPOLLPRI, on_memory_event) < 0) {
		log_error("%s: the OOM killer cannot be watched", m->id);
		(void)fd_close(fd);
	}
}

void oom_settle(struct monitor *m)
{
	int fd = m->oom.fd;

	if (!m->oom.loop)
		return;
	look(m);
	watch_stop(&m->oom);
	(void)fd_close(fd);
}

void oom_tell_rest(struct monitor *m)
{
	const struct status *st = &m->status;

	if (st->oom_killed && !event_is_written(&m->dirs, m->id, "oom", st->started))
		report_event(m, "oom");
}
