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

#define KEEP_TIME (300 * NSEC_PER_SEC)

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

static void session_remove(struct monitor *m, const char *id)
{
	char path[8 + ID_SIZE];

	(void)snprintf(path, sizeof(path), "execs/%s", id);
	(void)unlinkat(m->dirs.run, path, 0);
	(void)snprintf(path, sizeof(path), "exec/%s", id);
	(void)tree_remove_at(m->run_dir, path, NULL);
}

static void expire_one(struct monitor *m, const char *id, int dir, void *arg)
{
	int64_t *left_min = arg, left;
	struct status st;

	if (status_read(dir, FD_NONE, &st) < 0 || st.state != RUN_EXITED)
		return;
	left = st.finished + KEEP_TIME - time_now();
	if (left <= 0)
		session_remove(m, id);
	else if (*left_min == 0 || left < *left_min)
		*left_min = left;
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
	int64_t left = 0;

	if (m->expiry.loop) /* the timer is set already, and for an earlier one */
		return;
	sessions_each(m, expire_one, &left);
	if (left > KEEP_TIME) /* the clock was set back */
		left = KEEP_TIME;
	if (left)
		monitor_timer(m, &m->expiry, time_monotonic() + left, on_expiry);
}

static void settle_one(struct monitor *m, const char *id, int dir, void *arg)
{
	struct status st;

	(void)m;
	(void)id;
	(void)arg;
	if (status_read(dir, FD_NONE, &st) < 0 || st.state != RUN_RUNNING)
		return;
	if (status_settle(&st, true)) {
		st.finished = time_now();
		(void)status_write(dir, &st);
	}
}

void execs_settle(struct monitor *m)
{
	sessions_each(m, settle_one, NULL);
}
