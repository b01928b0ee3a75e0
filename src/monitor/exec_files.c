#include "monitor/exec_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "monitor/attach.h"
#include "monitor/monitor.h"

/* A record is kept for the client to ask for the exit code. Each takes some KiB of memory, so after
 * every so many only those that somebody may still ask for are kept. */
#define KEEP_TIME      (300 * NSEC_PER_SEC)
#define KEEP_MANY      1000
#define KEEP_TIME_MANY (10 * NSEC_PER_SEC)

void exec_size_keep(struct monitor *m, const char *id, unsigned short height, unsigned short width)
{
	auto_fd int dir = dirs_exec(&m->dirs, m->id, id, false);
	auto_buf struct buf text = { 0 };
	char h[8], w[8];

	(void)snprintf(h, sizeof(h), "%hu", height);
	(void)snprintf(w, sizeof(w), "%hu", width);
	plan_add(&text, "plan", "1");
	plan_add(&text, "console-size", h, w);
	if (dir >= 0)
		(void)file_replace_at(dir, "size", text.data, text.len, 0600, 0);
}

void exec_size(int dir, const struct wire_msg *msg, const struct plan *plan, unsigned short *height,
	unsigned short *width)
{
	auto_plan struct plan early = { 0 };

	*height = *width = 0;
	if (wire_size(msg, height, width))
		return;
	if (plan_read(dir, "size", &early, NULL) == 0 && plan_console_size(&early, height, width))
		return;
	(void)plan_console_size(plan, height, width);
}

/* ---- walking over the sessions */

typedef void session_fn(struct monitor *m, const char *id, int dir, void *arg);

static void sessions_each(struct monitor *m, session_fn *fn, void *arg)
{
	int fd = openat(m->run_dir, "exec", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *sessions = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!sessions) {
		(void)fd_close(fd);
		return;
	}
	while ((e = readdir(sessions))) {
		auto_fd int dir = FD_NONE;

		if (!id_valid(e->d_name))
			continue;
		dir = openat(dirfd(sessions), e->d_name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (dir >= 0)
			fn(m, e->d_name, dir, arg);
	}
	(void)closedir(sessions);
}

struct expiry {
	int64_t keep; /* how long */
	int64_t next; /* until one expires, 0: none is left */
};

static void expire_one(struct monitor *m, const char *id, int dir, void *arg)
{
	struct expiry *x = arg;
	struct status st;
	int64_t left;

	if (status_read(dir, FD_NONE, &st) < 0 || st.state != RUN_EXITED)
		return;
	left = st.finished + x->keep - time_now();
	if (left <= 0)
		dirs_exec_remove(&m->dirs, m->id, id);
	else if (x->next == 0 || left < x->next)
		x->next = left;
}

static void on_expiry(struct watch *w, uint32_t events)
{
	struct monitor *m = container_of(w, struct monitor, expiry);

	(void)events;
	watch_stop(w);
	execs_expire(m);
}

void execs_expire(struct monitor *m)
{
	bool many = ++m->ended_execs % KEEP_MANY == 0;
	struct expiry x = { .keep = many ? KEEP_TIME_MANY : KEEP_TIME };

	if (m->expiry.loop && !many) /* the timer is set already, and for an earlier one */
		return;
	sessions_each(m, expire_one, &x);
	if (x.next > x.keep) /* the clock was set back */
		x.next = x.keep;
	if (x.next)
		monitor_timer(m, &m->expiry, time_monotonic() + x.next, on_expiry);
}

static void settle_one(struct monitor *m, const char *id, int dir, void *arg)
{
	struct status st;

	(void)arg;
	if (status_read(dir, FD_NONE, &st) < 0)
		return;
	if (st.state == RUN_CREATED) {
		dirs_exec_remove(&m->dirs, m->id, id);
	} else if (status_settle(&st, true)) {
		st.finished = time_now();
		(void)status_write(dir, &st);
	}
}

void execs_settle(struct monitor *m)
{
	sessions_each(m, settle_one, NULL);
}
