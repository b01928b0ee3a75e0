/* monitor/start.c - from the plan on disk to a running program, and what follows a start that failed. */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "monitor/child.h"
#include "monitor/finish.h"
#include "monitor/monitor.h"
#include "monitor/oom.h"
#include "monitor/removal.h"
#include "monitor/report.h"
#include "monitor/restart.h"
#include "monitor/scope.h"
#include "monitor/start.h"

#define EXIT_NOT_STARTED 128

static void on_child(struct watch *w, uint32_t events)
{
	(void)events;
	mon_event(container_of(w, struct monitor, child), EV_EXITED, NULL);
}

static void on_drained(struct stdio *io)
{
	mon_event(io->m, EV_DRAINED, NULL);
}

/* Runs while the child builds the container: the record costs no time of its own. */
static int on_created(void *arg, const struct rt_process *p, struct err *err)
{
	return report_running(arg, p, err);
}

static int launch(struct monitor *m, const struct plan *plan, int *exit_code, struct err *err)
{
	struct rt_hooks hooks = { .on_created = on_created, .arg = m };
	unsigned streams = STDIO_OUT | STDIO_ERR | (m->traits.open_stdin ? STDIO_IN : 0);
	const bool limits = plan_has(plan, "limit");
	struct rt_io child;
	int r;

	rt_files_release(&m->process);
	m->io.tty = m->traits.tty;
	m->io.in_once = m->traits.stdin_once;
	m->io.drained = on_drained;
	r = stdio_prepare(&m->io, m, streams, &child, err);
	scope_enter(m);
	if (r == 0)
		r = cgroup_prepare(&m->cgroup, plan, err);
	if (m->cgroup.payload < 0 && limits)
		log_warning("%s: its limits are not applied: it has no cgroup", m->id);
	oom_watch(m);
	child.cgroup = &m->cgroup;
	child.height = m->traits.height;
	child.width = m->traits.width;
	if (r == 0)
		r = log_open(plan, m->data_dir, m->id, &m->io.log, err);
	if (r == 0)
		r = rt_start(plan, &child, &hooks, &m->process, exit_code, err);
	stdio_child_ends_close(&child);
	return r;
}

/* The configuration could not be compiled; whoever found out left the telling to us. */
static int plan_fault(const struct plan_item *fault, struct err *err)
{
	int64_t kind = ERR_SYSTEM, sys = EINVAL;

	(void)str_to_i64(fault->words[0], &kind);
	(void)str_to_i64(fault->words[1], &sys);
	return err_set(err, (enum err_kind)kind, (int)sys, "%s", fault->words[2]);
}

static int begin(struct monitor *m, int *exit_code, struct err *err)
{
	auto_plan struct plan plan = { 0 };
	const struct plan_item *fault;
	int r;

	if (m->fault.sys) {
		*err = m->fault;
		return -err->sys;
	}
	r = plan_read(m->run_dir, "plan", &plan, err);
	if (r < 0)
		return r;
	traits_set(&m->traits, &plan);
	fault = plan_next(&plan, "fault", NULL);
	if (fault)
		return plan_fault(fault, err);
	r = health_load(m, err);
	if (r < 0)
		return r;
	report_starting(m);
	return launch(m, &plan, exit_code, err);
}

static void watch_run(struct monitor *m)
{
	m->state = ST_RUNNING;
	m->stopped = m->unwell = false;
	m->untidy = true;
	stdio_connect(&m->io, m->process.console);
	m->process.console = FD_NONE; /* the streams own it */
	if (watch_fd(m->loop, &m->child, rt_process_child(&m->process), CHILD_EVENTS, on_child) < 0)
		log_error("%s: the container's process cannot be watched", m->id);
	clients_feed(m, &m->io);
	health_begin(m);
}

/* Docker answers 400 where the program itself is to blame, and clients go by it. */
static void fail(struct monitor *m, const struct status *before, int exit_code, struct err *err)
{
	if (exit_code == 126 || exit_code == 127)
		err->kind = ERR_INVALID;
	stdio_close(&m->io);
	oom_settle(m);
	report_failed_start(m, before, exit_code, err);
	clients_release(m, &m->io);
	waiters_run_over(m);
	if (m->traits.auto_remove)
		(void)removal(m, NULL);
}

void start_refused(struct monitor *m, struct err *err)
{
	struct status before = m->status;

	fail(m, &before, EXIT_NOT_STARTED, err);
}

int start_run(struct monitor *m, struct err *err)
{
	struct status before = m->status;
	int exit_code = EXIT_NOT_STARTED, r;

	if (m->lingering) {
		m->lingering = false;
		monitor_state_timer(m, 0);
	}
	r = begin(m, &exit_code, err);
	if (r < 0) {
		fail(m, &before, exit_code, err);
		return r;
	}
	watch_run(m);
	report_volumes_mounted(m);
	report_event(m, "start");
	return 0;
}

void start_now(struct monitor *m, struct wire_msg *msg)
{
	struct err err = { 0 };

	if (scope_awaited(m, msg))
		return;
	restart_forget(m);
	if (start_run(m, &err) < 0)
		answer_error(msg, &err);
	else
		answer_status(msg, 204);
}

void start_running(struct monitor *m, struct wire_msg *msg)
{
	(void)m;
	answer_status(msg, 304);
}

/* A restart of what does not run. */
void start_again(struct monitor *m, struct wire_msg *msg)
{
	if (scope_awaited(m, msg))
		return;
	askers_add(m, ASK_RESTART, msg);
	start_restarted(m);
}

void start_restarted(struct monitor *m)
{
	struct err err = { 0 };
	int r;

	restart_forget(m);
	r = start_run(m, &err);
	if (r == 0)
		report_event(m, "restart");
	askers_answer(m, ASK_RESTART, r < 0 ? &err : NULL);
}
