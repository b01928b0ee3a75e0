/* base/loop.h - one epoll with descriptors, timers, children and signals as watches.
 *
 * A watch is embedded in its owner (container_of leads back) and stays valid until watch_stop().
 * Callbacks run one at a time; stopping any watch, its own included, is allowed inside one. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct loop;
struct watch;
typedef void watch_fn(struct watch *w, uint32_t events);

struct watch {
	struct loop *loop; /* NULL while stopped */
	watch_fn *fn;
	int fd;
	bool owns_fd; /* timers and signals: closed by watch_stop() */
};

#define container_of(ptr, type, member)                                                            \
	((type *)(void *)((char *)(ptr) - __builtin_offsetof(type, member)))

struct loop *loop_new(void); /* NULL with errno */
void loop_free(struct loop *l);
/* The epoll descriptor itself, for nesting. */
int loop_fd(const struct loop *l);

/* events as in epoll_ctl(2); 0 watches for HUP and ERR alone. The fd stays the caller's. */
int watch_fd(struct loop *l, struct watch *w, int fd, uint32_t events, watch_fn *fn);
int watch_set(struct watch *w, uint32_t events);
/* A one-shot timer, first armed by watch_timer_set(); due at an absolute CLOCK_MONOTONIC time. */
int watch_timer(struct loop *l, struct watch *w, watch_fn *fn);
int watch_timer_set(struct watch *w, int64_t due_ns); /* 0 disarms */
/* Delivers the signals of set (blocked here); the callback reads w->fd (signalfd). */
int watch_signals(struct loop *l, struct watch *w, const sigset_t *set, watch_fn *fn);
void watch_stop(struct watch *w); /* stopped twice or never started is fine */

/* Waits up to timeout_ms (-1: for ever) and runs what is due. Returns the number of callbacks run,
 * 0 on time-out, -errno. */
int loop_run_once(struct loop *l, int timeout_ms);
