#include "monitor/exec.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "monitor/attach.h"
#include "monitor/child.h"
#include "monitor/exec_files.h"
#include "monitor/monitor.h"

static void exec_free(struct exec *e)
{
	watch_stop(&e->child);
	stdio_close(&e->io);
	rt_process_clear(&e->process);
	(void)fd_close(e->dir);
	free(e);
}

void execs_reap(struct monitor *m)
{
	struct exec **at = &m->execs;

	while (*at) {
		struct exec *e = *at;

		if (!e->over) {
			at = &e->next;
			continue;
		}
		*at = e->next;
		exec_free(e);
	}
}

/* ---- the end of a session */

static void exec_record(struct exec *e)
{
	int r = status_write(e->dir, &e->status);

	if (r < 0 && e->m->state != ST_REMOVED)
		log_error("%s: record of exec %s: %s", e->m->id, e->id, strerror(-r));
}

static void exec_event(struct exec *e, const char *action)
{
	report_event_with(e->m, action, "execID", e->id, NULL, NULL);
}

/* The record is final before the stream ends: that is when clients ask for the exit code. */
static void exec_over(struct exec *e)
{
	char code[16];

	e->status.state = RUN_EXITED;
	e->status.pid = 0;
	e->status.finished = time_now();
	exec_record(e);
	(void)snprintf(code, sizeof(code), "%d", e->status.exit_code);
	report_event_with(e->m, "exec_die", "execID", e->id, "exitCode", code);
	clients_release(e->m, &e->io);
	e->over = true;
	execs_expire(e->m);
}

static void on_drained(struct stdio *io)
{
	exec_over(container_of(io, struct exec, io));
}

static void on_exec_child(struct watch *w, uint32_t events)
{
	struct exec *e = container_of(w, struct exec, child);

	(void)events;
	if (!child_collect(e->process.pidfd, &e->status, &e->m->used))
		return;
	watch_stop(w);
	stdio_process_ended(&e->io);
}

/* With a pid namespace of its own it is gone already; with the host's it is not. What it had written gets to
 * its client, however long that takes. */
static void exec_kill(struct exec *e)
{
	(void)proc_pidfd_kill(e->process.pidfd, SIGKILL);
	child_collect_killed(e->process.pidfd, &e->status, &e->m->used);
	watch_stop(&e->child);
	stdio_process_ended(&e->io);
}

void execs_end(struct monitor *m)
{
	for (struct exec *e = m->execs; e; e = e->next)
		if (!e->io.ended)
			exec_kill(e);
	execs_settle(m);
}

/* ---- the start of a session */

struct exec_request {
	struct wire_msg *msg;
	const char *id;
	bool detach, tty;
};

/* A refusal goes where the client looks: into the answer, or, when the 101 is on its way, into the
 * stream. */
static void exec_refuse(
	struct monitor *m, struct exec_request *req, enum err_kind kind, const char *text)
{
	if (req->detach || (kind != ERR_SYSTEM && !wire_get(req->msg, "hold")))
		answer_refuse(req->msg, kind == ERR_SYSTEM ? ERR_INVALID : kind, "%s", text);
	else
		client_tell(m, req->msg, !req->tty, text);
}

static void fill_status(struct exec *e)
{
	e->status = (struct status){
		.state = RUN_RUNNING,
		.run = 1,
		.pid = e->process.pid,
		.pid_start = e->process.pid > 0 ? proc_start_time(e->process.pid) : 0,
		.monitor = getpid(),
		.monitor_start = e->m->status.monitor_start,
		.started = time_now(),
		.exit_known = true,
	};
	(void)boot_id_read(e->status.boot_id);
}

static void exec_failed(
	struct exec *e, struct exec_request *req, int exit_code, const struct err *err)
{
	fill_status(e);
	e->status.state = RUN_EXITED;
	e->status.exit_code = exit_code;
	e->status.finished = e->status.started;
	(void)snprintf(e->status.error, sizeof(e->status.error), "%.*s",
		(int)sizeof(e->status.error) - 1, err->msg);
	exec_record(e);
	exec_refuse(e->m, req, ERR_SYSTEM, err->msg);
	execs_expire(e->m);
}

/* "exec_start: cmd args" */
static void tell_start(struct exec *e, const struct plan *plan)
{
	auto_buf struct buf action = { 0 };

	buf_adds(&action, "exec_start:");
	plan_foreach (it, plan, "arg") {
		buf_addc(&action, ' ');
		buf_adds(&action, it->words[0]);
	}
	exec_event(e, action.data);
}

static unsigned wanted_pipes(const struct exec_request *req, const struct plan *plan)
{
	if (req->detach)
		return 0;
	return (plan_has(plan, "attach-stdin") ? STDIO_IN : 0) |
		(plan_has(plan, "attach-stdout") ? STDIO_OUT : 0) |
		(plan_has(plan, "attach-stderr") ? STDIO_ERR : 0);
}

static int exec_run(struct exec *e, struct exec_request *req, const struct plan *plan,
	int *exit_code, struct err *err)
{
	struct rt_io child;
	int r;

	e->io.tty = plan_has(plan, "tty");
	e->io.paced = e->io.in_once = true;
	e->io.drained = on_drained;
	r = stdio_prepare(&e->io, e->m, wanted_pipes(req, plan), &child, err);
	if (r == 0) {
		child.cgroup = &e->m->cgroup;
		exec_size(e->dir, req->msg, plan, &child.height, &child.width);
		r = rt_exec(e->m->process.pidfd, plan, &child, &e->process, exit_code, err);
	}
	stdio_child_ends_close(&child);
	return r;
}

static void exec_attach_client(struct exec *e, struct exec_request *req, const struct plan *plan)
{
	struct client *c;

	if (req->detach) {
		answer_status(req->msg, 200);
		return;
	}
	c = client_new(e->m, &e->io, req->msg);
	if (!c) { /* it went away meanwhile; the process goes on without input */
		stdio_in_close(&e->io);
		return;
	}
	c->framed = !req->tty;
	c->left = "exec_detach";
	(void)snprintf(c->session, sizeof(c->session), "%s", e->id);
	c->wants_in = plan_has(plan, "attach-stdin");
	c->wants_out = c->wants_err = true;
	(void)keys_parse(plan_get(plan, "detach-keys", NULL), &c->keys);
	clients_feed(e->m, &e->io);
}

static struct exec *exec_new(struct monitor *m, const char *id, int take_dir)
{
	struct exec *e = xcalloc(1, sizeof(*e));

	e->m = m;
	e->dir = take_dir;
	e->process = RT_PROCESS_NONE;
	e->io.m = m;
	e->io.in = e->io.out[0].fd = e->io.out[1].fd = FD_NONE;
	(void)snprintf(e->id, sizeof(e->id), "%s", id);
	return e;
}

static void exec_begin(struct monitor *m, struct exec_request *req, int take_dir)
{
	struct exec *e = exec_new(m, req->id, take_dir);
	auto_plan struct plan plan = { 0 };
	struct err err = { 0 };
	int exit_code = 128, r;

	r = plan_read(e->dir, "plan", &plan, &err);
	if (r == 0) /* as in Docker, also of one that comes to nothing */
		tell_start(e, &plan);
	if (r == 0)
		r = exec_run(e, req, &plan, &exit_code, &err);
	if (r < 0) {
		exec_failed(e, req, exit_code, &err);
		exec_free(e);
		return;
	}
	fill_status(e);
	exec_record(e);
	e->next = m->execs;
	m->execs = e;
	m->untidy = true;
	stdio_connect(&e->io, e->process.console);
	if (e->io.tty) /* the streams own it now; resizing goes through them */
		e->process.console = FD_NONE;
	exec_attach_client(e, req, &plan);
	if (watch_fd(m->loop, &e->child, e->process.pidfd, CHILD_EVENTS, on_exec_child) < 0)
		log_error("%s: exec %s cannot be watched", m->id, e->id);
}

static struct exec *exec_find(const struct monitor *m, const char *id)
{
	struct exec *e = m->execs;

	while (e && (e->over || !str_eq(e->id, id)))
		e = e->next;
	return e;
}

void exec_start(struct monitor *m, struct wire_msg *msg)
{
	struct exec_request req = {
		.msg = msg,
		.id = wire_get(msg, "id"),
		.detach = wire_flag(msg, "detach"),
		.tty = wire_flag(msg, "tty"),
	};
	char text[160];
	int dir;

	if (!req.id || !id_valid(req.id)) {
		exec_refuse(m, &req, ERR_NOT_FOUND, "No such exec instance");
		return;
	}
	dir = dirs_exec(&m->dirs, m->id, req.id, false);
	if (dir < 0) {
		(void)snprintf(text, sizeof(text), "No such exec instance: %s", req.id);
		exec_refuse(m, &req, ERR_NOT_FOUND, text);
	} else if (faccessat(dir, "status", F_OK, 0) == 0) {
		(void)snprintf(text, sizeof(text), "exec command %s %s", req.id,
			exec_find(m, req.id) ? "is already running" : "has already run");
		exec_refuse(m, &req, req.detach ? ERR_CONFLICT : ERR_SYSTEM, text);
	} else if (!monitor_running(m) || m->state == ST_DRAINING) {
		(void)snprintf(text, sizeof(text), "container %s is not running", m->id);
		exec_refuse(m, &req, ERR_CONFLICT, text);
	} else if (m->state == ST_PAUSED) {
		(void)snprintf(text, sizeof(text),
			"Container %s is paused, unpause the container before exec", m->id);
		exec_refuse(m, &req, ERR_CONFLICT, text);
	} else {
		exec_begin(m, &req, take_fd(&dir));
	}
	(void)fd_close(dir);
}

/* A size for a session that has not started waits beside its plan. */
void exec_resize(struct monitor *m, struct wire_msg *msg)
{
	const char *id = wire_get(msg, "id");
	unsigned short height, width;
	struct exec *e;

	if (!monitor_running(m)) {
		answer_refuse(msg, ERR_CONFLICT, "container %s is not running", m->id);
		return;
	}
	if (!id || !id_valid(id) || !wire_size(msg, &height, &width)) {
		answer_refuse(msg, ERR_INVALID, "invalid terminal size");
		return;
	}
	e = exec_find(m, id);
	if (e)
		stdio_resize(&e->io, height, width);
	exec_size_keep(m, id, height, width);
	answer_status(msg, 200);
}
