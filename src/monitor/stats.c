#include "monitor/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/http_out.h"
#include "base/timefmt.h"
#include "monitor/monitor.h"

#define PERIOD   NSEC_PER_SEC
#define TOGETHER (100 * NSEC_PER_MSEC) /* whose turn is so near gets the same sample */

static void viewer_free(struct viewer *v)
{
	struct viewer **at = &v->m->viewers;

	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	watch_stop(&v->watch);
	connection_end(&v->fd);
	buf_free(&v->rest);
	if (!v->m->viewers) {
		watch_stop(&v->m->stats_timer);
		gauges_close(v->m);
		v->m->untidy = true;
	}
	free(v);
}

/* Sends what it can; false: the client is gone. */
static bool flush(struct viewer *v)
{
	ssize_t n = send(v->fd, v->rest.data, v->rest.len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	if (n > 0)
		buf_consume(&v->rest, (size_t)n);
	(void)watch_set(&v->watch, v->rest.len ? EPOLLOUT : 0);
	if (v->rest.len == 0)
		buf_free(&v->rest);
	return true;
}

static void on_viewer(struct watch *w, uint32_t events)
{
	struct viewer *v = container_of(w, struct viewer, watch);

	if (events & (EPOLLHUP | EPOLLERR) || !flush(v))
		viewer_free(v);
}

/* One record, and the end of the answer if it is the last; false: v is no more. */
static bool tell(struct viewer *v, const struct usage *now, bool last)
{
	auto_free char *name = xasprintf("/%s", v->m->traits.name ? v->m->traits.name : "");
	auto_buf struct buf record = { 0 };

	if (now->time == 0)
		v->before = *now; /* nothing has no difference to anything */
	if (v->rest.len == 0) {
		usage_print(&record, v->m->id, name, now, &v->before);
		buf_addc(&record, '\n');
		http_chunk(&v->rest, record.data, record.len);
		v->before = *now;
		v->before.memory_stat = v->before.io_stat = v->before.net_dev = NULL;
	}
	if (last)
		http_chunk_end(&v->rest);
	if (flush(v) && !last)
		return true;
	viewer_free(v);
	return false;
}

static void set_timer(struct monitor *m);

static void on_tick(struct watch *w, uint32_t events)
{
	struct monitor *m = container_of(w, struct monitor, stats_timer);
	int64_t now = time_monotonic();
	struct usage u;

	(void)events;
	watch_stop(w);
	usage_take(m, &u);
	for (struct viewer *v = m->viewers, *next; v; v = next) {
		next = v->next;
		if (v->due > now + TOGETHER)
			continue;
		v->due = now + PERIOD;
		(void)tell(v, &u, !v->stream);
	}
	set_timer(m);
}

static void set_timer(struct monitor *m)
{
	int64_t due = 0;

	for (const struct viewer *v = m->viewers; v; v = v->next)
		if (due == 0 || v->due < due)
			due = v->due;
	monitor_timer(m, &m->stats_timer, due, on_tick);
}

static struct viewer *viewer_new(struct monitor *m, struct wire_msg *msg)
{
	struct viewer *v = xcalloc(1, sizeof(*v));

	v->m = m;
	v->fd = take_fd(&msg->fd);
	v->stream = wire_flag(msg, "stream");
	v->due = time_monotonic() + PERIOD;
	v->next = m->viewers;
	m->viewers = v;
	if (watch_fd(m->loop, &v->watch, v->fd, 0, on_viewer) < 0) {
		viewer_free(v);
		return NULL;
	}
	http_head(&v->rest, 200, TYPE_JSON, HTTP_CHUNKED, 0);
	return flush(v) ? v : (viewer_free(v), NULL);
}

/* A single record with what it is to be compared with takes a second; without, or of what does not run,
 * it is there at once. */
void stats_request(struct monitor *m, struct wire_msg *msg)
{
	bool one_shot = wire_flag(msg, "one-shot");
	struct viewer *v;
	struct usage u;

	if (msg->fd < 0)
		return;
	if (m->state == ST_REMOVED) {
		answer_gone(m, msg);
		return;
	}
	v = viewer_new(m, msg);
	if (!v)
		return;
	usage_take(m, &u);
	if (v->stream || one_shot || u.time == 0) {
		if (!tell(v, &u, !v->stream))
			return;
	} else {
		v->before = u;
	}
	set_timer(m);
}

void stats_run_over(struct monitor *m)
{
	gauges_close(m);
}

void viewers_end(struct monitor *m)
{
	for (struct viewer *v = m->viewers, *next; v; v = next) {
		next = v->next;
		http_chunk_end(&v->rest);
		(void)flush(v);
		viewer_free(v);
	}
}
