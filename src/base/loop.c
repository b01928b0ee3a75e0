#include "base/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/timefmt.h"

#define BATCH 32

struct loop {
	int epfd;
	/* the batch being delivered: watch_stop() clears entries that must not run any more */
	struct epoll_event pending[BATCH];
	int count;
};

struct loop *loop_new(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	struct loop *l;

	if (fd < 0)
		return NULL;
	l = xcalloc(1, sizeof(*l));
	l->epfd = fd;
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	(void)fd_close(l->epfd);
	free(l);
}

int loop_fd(const struct loop *l)
{
	return l->epfd;
}

int watch_fd(struct loop *l, struct watch *w, int fd, uint32_t events, watch_fn *fn)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	*w = (struct watch){ .loop = l, .fn = fn, .fd = fd };
	return 0;
}

int watch_set(struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	return epoll_ctl(w->loop->epfd, EPOLL_CTL_MOD, w->fd, &ev) < 0 ? -errno : 0;
}

static int watch_owned(struct loop *l, struct watch *w, int fd, watch_fn *fn)
{
	int r;

	if (fd < 0)
		return -errno;
	r = watch_fd(l, w, fd, EPOLLIN, fn);
	if (r < 0)
		(void)fd_close(fd);
	else
		w->owns_fd = true;
	return r;
}

int watch_timer(struct loop *l, struct watch *w, watch_fn *fn)
{
	return watch_owned(l, w, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), fn);
}

int watch_timer_set(struct watch *w, int64_t due_ns)
{
	struct itimerspec its = { .it_value = {
					  .tv_sec = due_ns / NSEC_PER_SEC,
					  .tv_nsec = due_ns % NSEC_PER_SEC,
				  } };

	return timerfd_settime(w->fd, TFD_TIMER_ABSTIME, &its, NULL) < 0 ? -errno : 0;
}

int watch_signals(struct loop *l, struct watch *w, const sigset_t *set, watch_fn *fn)
{
	if (sigprocmask(SIG_BLOCK, set, NULL) < 0)
		return -errno;
	return watch_owned(l, w, signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK), fn);
}

void watch_stop(struct watch *w)
{
	struct loop *l = w->loop;

	if (!l)
		return;
	(void)epoll_ctl(l->epfd, EPOLL_CTL_DEL, w->fd, NULL);
	for (int i = 0; i < l->count; i++)
		if (l->pending[i].data.ptr == w)
			l->pending[i].data.ptr = NULL;
	if (w->owns_fd)
		(void)fd_close(w->fd);
	*w = (struct watch){ .fd = FD_NONE };
}

int loop_run_once(struct loop *l, int timeout_ms)
{
	int ran = 0;
	int n = epoll_wait(l->epfd, l->pending, BATCH, timeout_ms);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	l->count = n;
	for (int i = 0; i < l->count; i++) {
		struct watch *w = l->pending[i].data.ptr;

		if (!w)
			continue;
		l->pending[i].data.ptr = NULL;
		ran++;
		w->fn(w, l->pending[i].events);
	}
	l->count = 0;
	return ran;
}
