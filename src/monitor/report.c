#include "monitor/report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/jsonw.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "monitor/crash.h"
#include "monitor/monitor.h"
#include "state/events.h"
#include "state/volumes.h"

/* Durable first: a reader prefers the other file, and must never learn more than a power cut leaves.
 * An auto-remove container does not outlive one, so nothing of it needs to. */
static int record(struct monitor *m)
{
	struct status durable = m->status;
	int r = 0;

	durable.unfinished = false;
	if (!m->traits.auto_remove)
		r = status_write_durable(m->data_dir, &durable);
	if (r == 0)
		r = status_write(m->run_dir, &m->status);
	return r;
}

void report_starting(struct monitor *m)
{
	if (!m->traits.auto_remove)
		return;
	m->status.monitor = getpid();
	m->status.monitor_start = proc_start_time(getpid());
	(void)boot_id_read(m->status.boot_id);
	m->status.unfinished = true;
	(void)status_write(m->run_dir, &m->status);
	crash_point("before-clone");
}

int report_running(struct monitor *m, const struct rt_process *p, struct err *err)
{
	struct status st = {
		.state = RUN_RUNNING,
		.run = m->status.run + 1,
		.pid = p->pid,
		.pid_start = proc_start_time(p->pid),
		.monitor = getpid(),
		.monitor_start = proc_start_time(getpid()),
		.started = time_now(),
		.exit_known = true,
		.restart_count = m->status.restart_count,
		.health = m->health.on ? HEALTH_STARTING : HEALTH_NONE,
	};
	int r;

	(void)boot_id_read(st.boot_id);
	m->status = st;
	m->used = (struct totals){ 0 };
	crash_point("after-clone");
	r = record(m);
	crash_point("after-running-record");
	return r < 0 ? err_sys(err, r, "record the start of %s", m->id) : 0;
}

void report_failed_start(
	struct monitor *m, const struct status *previous, int exit_code, const struct err *err)
{
	int r;

	m->status = *previous;
	m->status.unfinished = m->traits.auto_remove; /* it is about to be removed */
	m->status.exit_code = exit_code;
	m->status.exit_known = true;
	(void)snprintf(m->status.error, sizeof(m->status.error), "%.*s",
		(int)sizeof(m->status.error) - 1, err->msg);
	r = record(m);
	if (r < 0)
		log_error("%s: record a failed start: %s", m->id, strerror(-r));
}

void report_exit(struct monitor *m)
{
	int r;

	crash_point("before-exit-record");
	m->status.unfinished = true;
	r = record(m);
	if (r < 0)
		log_error("%s: record the exit: %s", m->id, strerror(-r));
	crash_point("after-exit-record");
}

void report_told(struct monitor *m)
{
	if (m->traits.auto_remove)
		return; /* its removal is due as well */
	m->status.unfinished = false;
	(void)status_write(m->run_dir, &m->status);
}

void report_progress(struct monitor *m)
{
	int r = status_write(m->run_dir, &m->status);

	if (r < 0)
		log_error("%s: record of its status: %s", m->id, strerror(-r));
}

void report_change(struct monitor *m)
{
	int r = record(m);

	if (r < 0)
		log_error("%s: record of its status: %s", m->id, strerror(-r));
}

void report_removing(struct monitor *m)
{
	m->status.state = RUN_REMOVING;
	(void)status_write(m->run_dir, &m->status);
}

/* What a run is like is not durable: the run itself does not survive the machine. */
static void report_now(struct monitor *m, const char *event)
{
	int r = status_write(m->run_dir, &m->status);

	if (r < 0)
		log_error("%s: record %s: %s", m->id, event, strerror(-r));
	report_event(m, event);
}

void report_paused(struct monitor *m, bool paused)
{
	m->status.state = paused ? RUN_PAUSED : RUN_RUNNING;
	report_now(m, paused ? "pause" : "unpause");
}

void report_oom(struct monitor *m)
{
	m->status.oom_killed = true;
	report_now(m, "oom");
}

void report_event_members(struct monitor *m, const char *action, const char *members)
{
	struct event e = {
		.type = "container",
		.action = action,
		.id = m->id,
		.from = m->traits.image,
		.attrs = m->traits.attrs ? m->traits.attrs : "",
		.more = members,
	};
	int r = event_append(&m->dirs, &e);

	if (r < 0)
		log_warning("%s: event %s is lost: %s", m->id, action, strerror(-r));
}

void report_event(struct monitor *m, const char *action)
{
	report_event_members(m, action, NULL);
}

void report_event_with(struct monitor *m, const char *action, const char *key, const char *value,
	const char *key2, const char *value2)
{
	auto_buf struct buf more = { 0 };
	struct jsonw w = JSONW(&more);

	jw_str(&w, key, value);
	if (key2)
		jw_str(&w, key2, value2);
	report_event_members(m, action, more.data);
}

void report_event_number(struct monitor *m, const char *action, const char *key, long value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%ld", value);
	report_event_with(m, action, key, text, NULL, NULL);
}

void report_volumes_mounted(struct monitor *m)
{
	for (char **v = m->traits.volumes; v && *v; v += VOLUME_WORDS) {
		auto_buf struct buf attrs = { 0 };
		struct jsonw w = JSONW(&attrs);

		jw_str(&w, "container", m->id);
		jw_str(&w, "destination", v[1]);
		jw_str(&w, "propagation", ""); /* of a volume, none is said */
		jw_str(&w, "read/write", v[2]);
		volume_event(&m->dirs, v[0], "mount", attrs.data);
	}
}

void report_volumes_unmounted(struct monitor *m)
{
	for (char **v = m->traits.volumes; v && *v; v += VOLUME_WORDS) {
		auto_buf struct buf attrs = { 0 };
		struct jsonw w = JSONW(&attrs);

		jw_str(&w, "container", m->id);
		volume_event(&m->dirs, v[0], "unmount", attrs.data);
	}
}
