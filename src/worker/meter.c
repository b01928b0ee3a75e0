#include "worker/meter.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "worker/progress.h"

#define PAUSE_MS 100

struct meter_item {
	struct meter *meter;
	char *id;
	const char *status; /* of the amount; NULL: there is none */
	int64_t total, told;
	int64_t (*current)(void *arg);
	void *arg;
	struct meter_item *next;
};

struct meter {
	struct answer *answer;
	int end;      /* eventfd: the thread is to end */
	bool running; /* it does */
	pthread_t thread;
	pthread_mutex_t lock; /* of the answer and the items */
	struct meter_item *items;
	atomic_bool cancel;
};

static void tell_amount(struct meter_item *i)
{
	int64_t now;

	if (!i->status)
		return;
	now = i->current(i->arg);
	if (now == i->told)
		return;
	i->told = now;
	progress_bytes(i->meter->answer, i->id, i->status, now, i->total);
}

/* ---- the thread */

static void lock(struct meter *m)
{
	(void)pthread_mutex_lock(&m->lock);
}

static void unlock(struct meter *m)
{
	(void)pthread_mutex_unlock(&m->lock);
}

static void *watch(void *arg)
{
	struct meter *m = arg;
	/* no events: a client that only has shut down its sending side is still there */
	struct pollfd fds[] = { { .fd = m->end, .events = POLLIN }, { .fd = FD_NONE } };

	for (;;) {
		lock(m);
		fds[1].fd = m->answer->client;
		for (struct meter_item *i = m->items; i; i = i->next)
			tell_amount(i);
		unlock(m);
		if (fds[1].fd < 0 || atomic_load(&m->cancel))
			fds[1].fd = FD_NONE;
		if (poll(fds, 2, PAUSE_MS) < 0 && errno != EINTR)
			return NULL;
		if (fds[0].revents)
			return NULL;
		if (fds[1].revents)
			meter_stop(m);
	}
}

struct meter *meter_new(struct answer *a)
{
	struct meter *m = xcalloc(1, sizeof(*m));

	m->answer = a;
	(void)pthread_mutex_init(&m->lock, NULL);
	m->end = eventfd(0, EFD_CLOEXEC);
	m->running = m->end >= 0 && pthread_create(&m->thread, NULL, watch, m) == 0;
	return m;
}

void meter_free(struct meter *m)
{
	struct meter_item *next;

	if (!m)
		return;
	if (m->running) {
		(void)eventfd_write(m->end, 1);
		(void)pthread_join(m->thread, NULL);
	}
	(void)fd_close(m->end);
	for (struct meter_item *i = m->items; i; i = next) {
		next = i->next;
		free(i->id);
		free(i);
	}
	(void)pthread_mutex_destroy(&m->lock);
	free(m);
}

const atomic_bool *meter_cancel(const struct meter *m)
{
	return &m->cancel;
}

void meter_stop(struct meter *m)
{
	atomic_store(&m->cancel, true);
}

/* ---- telling */

void meter_record(struct meter *m, const char *json)
{
	lock(m);
	answer_record(m->answer, json);
	if (m->answer->client < 0)
		meter_stop(m);
	unlock(m);
}

void meter_line(struct meter *m, const char *id, const char *fmt, ...)
{
	auto_buf struct buf json = { 0 };
	struct jsonw w = JSONW(&json);
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	jw_object(&w, NULL);
	jw_str(&w, "status", text);
	if (id)
		jw_str(&w, "id", id);
	jw_object_end(&w);
	meter_record(m, json.data);
}

struct meter_item *meter_item_new(struct meter *m, const char *id)
{
	struct meter_item *i = xcalloc(1, sizeof(*i));

	i->meter = m;
	i->id = xstrdup(id);
	lock(m);
	i->next = m->items;
	m->items = i;
	unlock(m);
	return i;
}

void meter_state(struct meter_item *i, const char *status)
{
	lock(i->meter);
	tell_amount(i);
	i->status = NULL;
	progress_status(i->meter->answer, i->id, status);
	unlock(i->meter);
}

void meter_unwatch(struct meter_item *i)
{
	lock(i->meter);
	i->status = NULL;
	unlock(i->meter);
}

void meter_watch(struct meter_item *i, const char *status, int64_t total,
	int64_t (*current)(void *arg), void *arg)
{
	lock(i->meter);
	tell_amount(i);
	i->status = status;
	i->total = total;
	i->told = -1;
	i->current = current;
	i->arg = arg;
	unlock(i->meter);
}
