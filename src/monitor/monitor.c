#include "monitor/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/timefmt.h"
#include "monitor/control.h"
#include "monitor/oom.h"
#include "monitor/recover.h"

#define FIRST_MESSAGE (5 * NSEC_PER_SEC) /* the switchboard sends it as soon as it has spawned us */
#define TIDY_MS       50
#define PAGE          ((uintptr_t)4096)
#define STACK_USED    ((uintptr_t)64 << 10)
#define CALL_ROOM     ((uintptr_t)512) /* what tidy() and a system call need of the stack */

/* ---- timers and signals */

void monitor_timer(struct monitor *m, struct watch *w, int64_t due, watch_fn *fn)
{
	int r = 0;

	if (due == 0) {
		watch_stop(w);
		return;
	}
	if (!w->loop)
		r = watch_timer(m->loop, w, fn);
	if (r == 0)
		r = watch_timer_set(w, due);
	if (r < 0)
		log_error("%s: timer: %s", m->id, strerror(-r));
}

static void on_state_timer(struct watch *w, uint32_t events)
{
	(void)events;
	watch_stop(w);
	mon_event(container_of(w, struct monitor, timer), EV_TIMEOUT, NULL);
}

void monitor_state_timer(struct monitor *m, int64_t due)
{
	monitor_timer(m, &m->timer, due, on_state_timer);
}

static void on_signal(struct watch *w, uint32_t events)
{
	struct monitor *m = container_of(w, struct monitor, signals);
	struct signalfd_siginfo si;

	(void)events;
	while (read(w->fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		m->leaving = true;
		mon_event(m, EV_TERM, NULL);
	}
}

/* Whatever else is sent to us stays blocked for ever; faults cannot be. The runtime gives the
 * container's processes a clean mask. */
static int take_signals(struct monitor *m)
{
	sigset_t all, ends;

	(void)sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
		return -errno;
	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGINT);
	(void)sigaddset(&ends, SIGHUP);
	return watch_signals(m->loop, &m->signals, &ends, on_signal);
}

/* ---- beginning */

static int open_state(struct monitor *m, struct err *err)
{
	auto_plan struct plan plan = { 0 };
	int r;

	m->data_dir = dirs_container_data(&m->dirs, m->id);
	m->run_dir = dirs_container_run(&m->dirs, m->id, false);
	if (m->run_dir >= 0 && plan_read(m->run_dir, "plan", &plan, NULL) == 0)
		traits_set(&m->traits, &plan);
	if (m->data_dir < 0 || m->run_dir < 0) { /* removed since we were asked for */
		m->state = ST_REMOVED;
		return 0;
	}
	r = status_read(m->run_dir, m->data_dir, &m->status);
	return r < 0 ? err_sys(err, r, "read the status of %s", m->id) : 0;
}

/* Without the namespace nothing can start; those who ask are told why. */
static void enter_userns(struct monitor *m, int take_userns)
{
	auto_fd int userns = take_userns;

	if (userns >= 0 && userns_join(userns) == 0)
		return;
	if (userns_enter(&m->dirs, NULL, &m->fault) == 0 && userns >= 0)
		(void)userns_offer(userns);
}

int monitor_open(struct monitor *m, const char *id, int control, int take_userns, struct err *err)
{
	int r;

	(void)snprintf(m->id, sizeof(m->id), "%s", id);
	m->data_dir = m->run_dir = FD_NONE;
	m->dirs = (struct dirs){ .data = FD_NONE, .run = FD_NONE };
	m->io.m = m;
	m->io.in = m->io.out[0].fd = m->io.out[1].fd = FD_NONE;
	m->cgroup = CGROUP_NONE;
	m->process = RT_PROCESS_NONE;
	m->health.process = m->process;
	m->health.pipe = FD_NONE;
	r = dirs_open(&m->dirs, err);
	if (r < 0)
		return r;
	m->buffer =
		mmap(NULL, PUMP_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->buffer == MAP_FAILED)
		return err_sys(err, errno, "map a buffer");
	m->loop = loop_new();
	if (!m->loop)
		return err_sys(err, errno, "make an epoll");
	r = take_signals(m);
	if (r < 0)
		return err_sys(err, r, "take signals");
	enter_userns(m, take_userns);
	r = open_state(m, err);
	if (r < 0)
		return r;
	recover(m);
	if (control < 0)
		return 0;
	r = control_open(m, control);
	if (r < 0)
		return err_sys(err, r, "watch the control socket");
	if (m->state == ST_CREATED)
		execs_expire(m);
	m->expecting = true;
	monitor_state_timer(m, time_monotonic() + FIRST_MESSAGE);
	return 0;
}

void monitor_close(struct monitor *m)
{
	clients_drop(m);
	waiters_drop(m);
	viewers_end(m);
	oom_settle(m);
	control_close(m);
	health_end(m);
	stdio_close(&m->io);
	rt_process_clear(&m->process);
	watch_stop(&m->child);
	watch_stop(&m->signals);
	watch_stop(&m->timer);
	watch_stop(&m->patience);
	watch_stop(&m->expiry);
	traits_clear(&m->traits);
	cgroup_leave(&m->cgroup);
	m->data_dir = fd_close(m->data_dir);
	m->run_dir = fd_close(m->run_dir);
	dirs_close(&m->dirs);
	loop_free(take_ptr(&m->loop));
}

/* ---- running */

bool monitor_running(const struct monitor *m)
{
	switch (m->state) {
	case ST_RUNNING:
	case ST_PAUSED:
	case ST_STOPPING:
	case ST_KILLED:
	case ST_DRAINING: return true;
	case ST_CREATED:
	case ST_AWAITING:
	case ST_BACKOFF:
	case ST_REMOVED:
	case ST_COUNT: break;
	}
	return false;
}

bool monitor_needed(const struct monitor *m)
{
	return monitor_running(m) || m->state == ST_BACKOFF || m->expecting || m->lingering ||
		m->clients || m->execs || m->waiters || m->askers || m->viewers || m->held;
}

/* Quiet after a start or a burst: an idle monitor gives back what it took. That is the files of a run that
 * is over, the buffers, the pages of the stack that deeper calls have left behind, the heap, and the program's
 * own text, most of which builds containers. */
static __attribute__((noinline)) void tidy(struct monitor *m)
{
	uintptr_t here = ((uintptr_t)__builtin_frame_address(0) - CALL_ROOM) & ~(PAGE - 1);

	m->untidy = false;
	if (!monitor_running(m))
		rt_files_release(&m->process);
	(void)madvise(m->buffer, PUMP_SIZE, MADV_DONTNEED);
	log_tidy(m->io.log);
	/* Page by page, because the stack's mapping may begin anywhere. */
	for (uintptr_t page = here - PAGE; page > here - STACK_USED; page -= PAGE)
		if (madvise((void *)page, PAGE, MADV_DONTNEED) < 0)
			break;
	memory_trim(); /* last: the loop above is text, too */
}

int monitor_run(struct monitor *m, struct err *err)
{
	for (;;) {
		int r = loop_run_once(m->loop, m->untidy ? TIDY_MS : -1);

		if (r < 0)
			return err_sys(err, r, "wait for events");
		if (r == 0 && m->untidy)
			tidy(m);
		clients_reap(m);
		execs_reap(m);
		if (!monitor_needed(m) && control_finish(m))
			return 0;
	}
}
