#include "monitor/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/http_out.h"
#include "monitor/monitor.h"

void connection_end(int *fd)
{
	char rest[4096];

	if (*fd < 0)
		return;
	/* Closing a unix socket with unread bytes in it makes the peer's next read fail with ECONNRESET;
	 * after the shutdown no more can arrive, so emptying it once is enough. */
	(void)shutdown(*fd, SHUT_RDWR);
	while (recv(*fd, rest, sizeof(rest), MSG_DONTWAIT) > 0)
		;
	*fd = fd_close(*fd);
}

/* An answer is far smaller than a socket's buffer and the first thing on its connection: what does
 * not go out at once belongs to a peer that has gone. */
static void write_and_end(int *fd, const struct buf *text)
{
	if (*fd < 0)
		return;
	(void)fd_send(*fd, text->data, text->len, NULL, 0, MSG_DONTWAIT);
	connection_end(fd);
}

static void answer_fd(int *fd, int status, const struct err *err)
{
	auto_buf struct buf text = { 0 };

	if (err)
		http_answer_error(&text, err);
	else
		http_answer(&text, status, NULL);
	write_and_end(fd, &text);
}

void answer_status(struct wire_msg *msg, int status)
{
	if (msg)
		answer_fd(&msg->fd, status, NULL);
}

void answer_json(struct wire_msg *msg, const char *json)
{
	auto_buf struct buf text = { 0 };

	http_answer(&text, 200, json);
	write_and_end(&msg->fd, &text);
}

void answer_error(struct wire_msg *msg, const struct err *err)
{
	if (msg)
		answer_fd(&msg->fd, 0, err);
}

void answer_refuse(struct wire_msg *msg, enum err_kind kind, const char *fmt, ...)
{
	struct err err = { .sys = EINVAL, .kind = kind };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(err.msg, sizeof(err.msg), fmt, ap);
	va_end(ap);
	answer_error(msg, &err);
}

void answer_gone(struct monitor *m, struct wire_msg *msg)
{
	answer_refuse(msg, ERR_NOT_FOUND, "No such container: %s", m->id);
}

void askers_add(struct monitor *m, enum ask what, struct wire_msg *msg)
{
	struct asker *a = xmalloc(sizeof(*a));

	*a = (struct asker){
		.next = m->askers, .what = what, .fd = msg ? take_fd(&msg->fd) : FD_NONE
	};
	m->askers = a;
}

bool askers_have(const struct monitor *m, enum ask what)
{
	for (const struct asker *a = m->askers; a; a = a->next)
		if (a->what == what)
			return true;
	return false;
}

void askers_answer(struct monitor *m, enum ask what, const struct err *err)
{
	struct asker **at = &m->askers;

	while (*at) {
		struct asker *a = *at;

		if (a->what != what) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		answer_fd(&a->fd, 204, err);
		free(a);
	}
}
