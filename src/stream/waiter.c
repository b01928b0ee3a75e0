#include "stream/waiter.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/timefmt.h"

#define POLL_MS 200

static void on_notify(struct watch *watch, uint32_t events)
{
	struct waiter *w = container_of(watch, struct waiter, notify);
	_Alignas(struct inotify_event) char buf[4096];
	ssize_t n = read(watch->fd, buf, sizeof(buf));

	(void)events;
	for (char *p = buf; n > 0 && p < buf + n;) {
		const struct inotify_event *e = (const struct inotify_event *)(void *)p;

		for (unsigned i = 0; i < w->folder_count; i++)
			if (w->folders[i] == e->wd || e->mask & IN_Q_OVERFLOW)
				w->changed |= 1U << i;
		p += sizeof(*e) + e->len;
	}
}

static void on_client(struct watch *watch, uint32_t events)
{
	(void)events; /* HUP or ERR: both directions are closed. A half-closed client still listens */
	container_of(watch, struct waiter, client)->client_gone = true;
}

static void on_process(struct watch *watch, uint32_t events)
{
	struct waiter *w = container_of(watch, struct waiter, process);
	int pidfd = watch->fd;

	(void)events;
	watch_stop(watch);
	(void)fd_close(pidfd);
	w->process_ended = true;
}

static void on_timer(struct watch *watch, uint32_t events)
{
	struct waiter *w = container_of(watch, struct waiter, timer);

	(void)events;
	watch_stop(watch);
	w->time_up = true;
}

static int add_timer(struct waiter *w, int64_t until)
{
	int64_t now = time_now();
	int r;

	if (until <= now) {
		w->time_up = true;
		return 0;
	}
	r = watch_timer(w->loop, &w->timer, on_timer);
	return r < 0 ? r : watch_timer_set(&w->timer, time_monotonic() + (until - now));
}

static int add_notify(struct waiter *w)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), r;

	if (fd < 0) {
		w->polling = true;
		return 0;
	}
	r = watch_fd(w->loop, &w->notify, fd, EPOLLIN, on_notify);
	if (r < 0)
		(void)fd_close(fd);
	return r;
}

int waiter_open(struct waiter *w, int client_fd, int64_t until, struct err *err)
{
	int r;

	*w = (struct waiter){ .loop = loop_new() };
	if (!w->loop)
		return err_sys(err, errno, "make an event loop");
	r = watch_fd(w->loop, &w->client, client_fd, 0, on_client);
	if (r == 0)
		r = add_notify(w);
	if (r == 0 && until)
		r = add_timer(w, until);
	if (r < 0) {
		waiter_close(w);
		return err_sys(err, r, "watch the client");
	}
	return 0;
}

void waiter_close(struct waiter *w)
{
	int notify = w->notify.loop ? w->notify.fd : FD_NONE;
	int process = w->process.loop ? w->process.fd : FD_NONE;

	watch_stop(&w->notify);
	watch_stop(&w->client);
	watch_stop(&w->process);
	watch_stop(&w->timer);
	watch_stop(&w->more);
	(void)fd_close(notify);
	(void)fd_close(process);
	loop_free(w->loop);
	w->loop = NULL;
}

int waiter_add_folder(struct waiter *w, int dir, unsigned *ret_bit, struct err *err)
{
	char path[32];
	int wd = -1;

	if (w->folder_count == WAITER_FOLDERS)
		return err_set(err, ERR_SYSTEM, ENOSPC, "too many folders to watch");
	if (!w->polling) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
		wd = inotify_add_watch(w->notify.fd, path,
			IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVE | IN_DELETE_SELF |
				IN_MOVE_SELF | IN_ONLYDIR);
		if (wd < 0)
			w->polling = true;
	}
	*ret_bit = 1U << w->folder_count;
	w->folders[w->folder_count++] = wd;
	return 0;
}

static void on_more(struct watch *watch, uint32_t events)
{
	(void)watch;
	(void)events; /* being awake is all */
}

int waiter_add_fd(struct waiter *w, int fd, struct err *err)
{
	int r = watch_fd(w->loop, &w->more, fd, EPOLLIN, on_more);

	return r < 0 ? err_sys(err, r, "watch for more") : 0;
}

void waiter_add_process(struct waiter *w, pid_t pid, uint64_t start)
{
	int pidfd = proc_pidfd(pid);

	/* asked after the pidfd was opened: it can't be some later process with the same pid */
	if (pidfd < 0 || !proc_alive(pid, start) ||
		watch_fd(w->loop, &w->process, pidfd, EPOLLIN, on_process) < 0) {
		(void)fd_close(pidfd);
		w->process_ended = true;
	}
}

int waiter_wait(struct waiter *w, struct err *err)
{
	int r = loop_run_once(w->loop, w->polling ? POLL_MS : -1);

	if (r < 0)
		return err_sys(err, r, "wait");
	if (w->polling)
		w->changed = (1U << w->folder_count) - 1;
	return 0;
}
