#include "monitor/wait.h"

#include <sys/socket.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/http_out.h"
#include "base/jsonw.h"
#include "monitor/monitor.h"

/* {"StatusCode":n}, with an Error when there is more to say than a number. Who waited for the removal
 * or the end of a run has asked for the start as well and was told there why it failed: the CLI would
 * print it again. Why a removal failed nobody else is told. */
static void result_print(struct buf *out, const struct status *st, enum wait_condition condition)
{
	auto_buf struct buf body = { 0 };
	struct jsonw w = JSONW(&body);

	jw_object(&w, NULL);
	if (*st->error &&
		(!st->exit_known || condition == WAIT_NOT_RUNNING || st->state == RUN_DEAD)) {
		jw_object(&w, "Error");
		jw_str(&w, "Message", st->error);
		jw_object_end(&w);
	}
	jw_int(&w, "StatusCode", st->exit_code);
	jw_object_end(&w);
	buf_addc(&body, '\n');
	http_chunk(out, body.data, body.len);
	http_chunk_end(out);
}

static void unlink_waiter(struct waiter *gone)
{
	struct waiter **at = &gone->m->waiters;

	while (*at != gone)
		at = &(*at)->next;
	*at = gone->next;
	watch_stop(&gone->watch);
}

static void waiter_free(struct waiter *w)
{
	unlink_waiter(w);
	connection_end(&w->fd);
	free(w);
}

static void waiter_tell(struct waiter *w)
{
	auto_buf struct buf text = { 0 };

	result_print(&text, &w->m->status, w->condition);
	(void)fd_send(w->fd, text.data, text.len, NULL, 0, MSG_DONTWAIT);
	waiter_free(w);
}

static void on_hangup(struct watch *watch, uint32_t events)
{
	(void)events;
	waiter_free(container_of(watch, struct waiter, watch));
}

static int parse_condition(const char *word, enum wait_condition *ret)
{
	if (str_empty(word) || str_eq(word, "not-running"))
		*ret = WAIT_NOT_RUNNING;
	else if (str_eq(word, "next-exit"))
		*ret = WAIT_NEXT_EXIT;
	else if (str_eq(word, "removed"))
		*ret = WAIT_REMOVED;
	else
		return -EINVAL;
	return 0;
}

void wait_request(struct monitor *m, struct wire_msg *msg)
{
	const char *word = wire_get(msg, "condition");
	auto_buf struct buf head = { 0 };
	enum wait_condition condition;
	struct waiter *w;

	if (msg->fd < 0)
		return;
	if (m->state == ST_REMOVED) {
		answer_gone(m, msg);
		return;
	}
	if (parse_condition(word, &condition) < 0) {
		answer_refuse(msg, ERR_INVALID, "invalid condition: \"%s\"", word);
		return;
	}
	http_head(&head, 200, TYPE_JSON, HTTP_CHUNKED, 0);
	if (fd_send(msg->fd, head.data, head.len, NULL, 0, MSG_DONTWAIT) < 0)
		return;
	w = xmalloc(sizeof(*w));
	*w = (struct waiter){
		.next = m->waiters, .m = m, .fd = take_fd(&msg->fd), .condition = condition
	};
	m->waiters = w;
	if (watch_fd(m->loop, &w->watch, w->fd, 0, on_hangup) < 0) {
		waiter_free(w);
		return;
	}
	if (condition == WAIT_NOT_RUNNING && !monitor_running(m) && m->state != ST_BACKOFF)
		waiter_tell(w);
}

/* Those who wait for the removal, and the others. */
static void tell(struct monitor *m, bool removal, bool others)
{
	for (struct waiter *w = m->waiters, *next; w; w = next) {
		next = w->next;
		if (w->condition == WAIT_REMOVED ? removal : others)
			waiter_tell(w);
	}
}

void waiters_run_over(struct monitor *m)
{
	tell(m, false, true);
}

void waiters_removal_failed(struct monitor *m)
{
	tell(m, true, false);
}

void waiters_removed(struct monitor *m)
{
	tell(m, true, true);
}

void waiters_drop(struct monitor *m)
{
	for (struct waiter *w = m->waiters, *next; w; w = next) {
		next = w->next;
		waiter_free(w);
	}
}
