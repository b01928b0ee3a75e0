#include "monitor/health.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "monitor/child.h"
#include "monitor/monitor.h"
#include "monitor/restart.h"

#define PLAN_NAME     "health-plan"
#define OUTPUT_ROUNDS 16 /* of PUMP_SIZE bytes, from a pipe that others may go on filling */

static void on_timer(struct watch *w, uint32_t events);

static struct monitor *monitor_of(struct health *h)
{
	return container_of(h, struct monitor, health);
}

static void set_timer(struct health *h, int64_t due)
{
	h->due = due;
	h->left = due - time_monotonic();
	monitor_timer(monitor_of(h), &h->timer, h->suspended ? 0 : due, on_timer);
}

static void wait_for_next(struct health *h)
{
	struct monitor *m = monitor_of(h);
	int64_t now = time_monotonic();

	set_timer(h, now + health_pause(&h->check, m->status.health, now - h->up_since));
}

/* ---- events: those of an exec session, as in Docker */

static void tell(struct health *h, const char *action, const char *code)
{
	if (!h->silent)
		report_event_with(
			monitor_of(h), action, "execID", h->probe, code ? "exitCode" : NULL, code);
}

static void tell_command(struct health *h, const char *action, const struct plan *plan)
{
	auto_buf struct buf text = { 0 };

	buf_adds(&text, action);
	plan_foreach (it, plan, "arg") {
		buf_addc(&text, ' ');
		buf_adds(&text, it->words[0]);
	}
	tell(h, text.data, NULL);
}

/* ---- a probe's end */

/* The log first: a status is never newer than its reasons. */
static void record(struct health *h, int exit_code, const char *text, size_t len)
{
	struct monitor *m = monitor_of(h);
	const struct health_result result = {
		.start = h->began,
		.end = time_now(),
		.exit_code = exit_code,
		.output = text,
		.len = len < HEALTH_OUTPUT_MAX ? len : HEALTH_OUTPUT_MAX,
	};
	enum health_state before = m->status.health;
	char action[32];
	int r;

	r = health_log_add(m->run_dir, &result);
	if (r < 0)
		log_warning("%s: record of a health check: %s", m->id, strerror(-r));
	health_judge(&h->check, &m->status, exit_code, h->began_up);
	report_progress(m);
	if (m->status.health == before)
		return;
	(void)snprintf(
		action, sizeof(action), "health_status: %s", health_state_name(m->status.health));
	report_event(m, action);
	if (m->status.health == HEALTH_UNHEALTHY && m->traits.restart.unwell)
		stop_unwell(m);
}

static void read_output(struct health *h)
{
	unsigned char *room = monitor_of(h)->buffer;
	ssize_t n;

	for (int i = 0; i < OUTPUT_ROUNDS && (n = read(h->pipe, room, PUMP_SIZE)) > 0; i++) {
		size_t left = HEALTH_OUTPUT - h->text.len;

		buf_add(&h->text, room, (size_t)n < left ? (size_t)n : left);
		h->cut |= (size_t)n > left;
	}
	if (n == 0) /* nobody writes any more */
		watch_stop(&h->output);
	monitor_of(h)->untidy = true;
}

static void on_output(struct watch *w, uint32_t events)
{
	(void)events;
	read_output(container_of(w, struct health, output));
}

static void probe_clear(struct health *h)
{
	watch_stop(&h->child);
	watch_stop(&h->output);
	rt_process_clear(&h->process);
	h->pipe = fd_close(h->pipe);
	buf_free(&h->text);
	h->cut = h->probing = h->late = false;
}

/* The program is gone. */
static void probe_over(struct health *h, const struct status *end)
{
	auto_buf struct buf text = { 0 };
	int code = h->late || !end->exit_known ? HEALTH_PROBE_FAILED : end->exit_code;
	char number[16], limit[DURATION_TEXT];

	read_output(h);
	if (h->late)
		buf_printf(&text, "Health check exceeded timeout (%s)%s",
			duration_print(h->check.timeout, limit), h->text.len ? ": " : "");
	buf_add(&text, h->text.data ? h->text.data : "", h->text.len);
	if (h->cut)
		buf_adds(&text, "...");
	(void)snprintf(number, sizeof(number), "%d", end->exit_code);
	tell(h, "exec_die", number);
	probe_clear(h);
	/* what was killed because the container ends says nothing about it */
	if (end->exit_code == 128 + SIGKILL && proc_exiting(monitor_of(h)->process.pid))
		return;
	record(h, code, text.data, text.len);
	wait_for_next(h);
}

static void on_child(struct watch *w, uint32_t events)
{
	struct health *h = container_of(w, struct health, child);
	struct status end = { 0 };

	(void)events;
	if (!child_collect(h->process.pidfd, &end, &monitor_of(h)->used))
		return;
	probe_over(h, &end);
}

/* ---- a probe's start */

static int probe_streams(struct health *h, struct rt_io *io)
{
	int ends[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC), r;

	if (null < 0)
		return -errno;
	io->in = null;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	h->pipe = ends[0];
	io->out = io->err = ends[1];
	r = fd_nonblock(h->pipe, true);
	return r < 0 ? r : watch_fd(monitor_of(h)->loop, &h->output, h->pipe, EPOLLIN, on_output);
}

static int probe_run(struct health *h, const struct plan *plan, struct err *err)
{
	struct monitor *m = monitor_of(h);
	struct rt_io io = { .in = FD_NONE, .out = FD_NONE, .err = FD_NONE, .cgroup = &m->cgroup };
	int exit_code, r;

	r = probe_streams(h, &io);
	if (r < 0)
		(void)err_sys(err, r, "streams of a health check");
	else
		r = rt_exec(m->process.pidfd, plan, &io, &h->process, &exit_code, err);
	(void)fd_close(io.in);
	(void)fd_close(io.out);
	return r;
}

static void probe_start(struct health *h)
{
	struct monitor *m = monitor_of(h);
	auto_plan struct plan plan = { 0 };
	struct err err = { 0 };
	int r;

	id_new(h->probe);
	h->began = time_now();
	h->began_up = time_monotonic() - h->up_since;
	m->untidy = true;
	r = plan_read(m->run_dir, PLAN_NAME, &plan, &err);
	if (r == 0) {
		tell_command(h, "exec_create:", &plan);
		r = probe_run(h, &plan, &err);
	}
	if (r < 0) {
		probe_clear(h);
		record(h, HEALTH_PROBE_FAILED, err.msg, strlen(err.msg));
		wait_for_next(h);
		return;
	}
	tell_command(h, "exec_start:", &plan);
	h->probing = true;
	set_timer(h, time_monotonic() + h->check.timeout);
	if (watch_fd(m->loop, &h->child, h->process.pidfd, CHILD_EVENTS, on_child) < 0)
		log_error("%s: a health check cannot be watched", m->id);
}

static void on_timer(struct watch *w, uint32_t events)
{
	struct health *h = container_of(w, struct health, timer);

	(void)events;
	watch_stop(w);
	h->due = 0;
	if (!h->probing) {
		probe_start(h);
		return;
	}
	/* Its end is told like any other's: a file server that is away may keep it from dying, and a dying one is
	 * not joined by the next. */
	h->late = true;
	proc_tree_kill(h->process.pid, h->process.pidfd);
}

/* ---- with the container */

int health_load(struct monitor *m, struct err *err)
{
	struct health *h = &m->health;
	auto_plan struct plan plan = { 0 };
	int r;

	h->on = false;
	if (faccessat(m->run_dir, PLAN_NAME, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	r = plan_read(m->run_dir, PLAN_NAME, &plan, err);
	if (r < 0)
		return err_prefix(err, "health check");
	if (health_check_read(&plan, &h->check) < 0)
		return err_set(err, ERR_SYSTEM, EBADMSG, "health check: its plan lacks numbers");
	h->silent = plan_has(&plan, "health-silent");
	h->on = true;
	return 0;
}

void health_begin(struct monitor *m)
{
	struct health *h = &m->health;

	if (!h->on)
		return;
	h->up_since = time_monotonic();
	wait_for_next(h);
}

void health_end(struct monitor *m)
{
	struct health *h = &m->health;
	struct status end = { 0 };

	if (!h->on)
		return;
	h->suspended = false;
	set_timer(h, 0);
	m->status.health = HEALTH_UNHEALTHY; /* as in Docker */
	if (!h->probing)
		return;
	proc_tree_kill(h->process.pid, h->process.pidfd);
	child_collect_killed(h->process.pidfd, &end, &m->used);
	probe_clear(h);
}

void health_suspend(struct monitor *m)
{
	struct health *h = &m->health;

	if (!h->on || h->suspended)
		return;
	h->suspended = true;
	set_timer(h, h->due);
}

void health_resume(struct monitor *m)
{
	struct health *h = &m->health;

	if (!h->suspended)
		return;
	h->suspended = false;
	if (h->due)
		set_timer(h, time_monotonic() + h->left);
}
