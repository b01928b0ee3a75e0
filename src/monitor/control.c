#include "monitor/control.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/log.h"
#include "monitor/attach.h"
#include "monitor/monitor.h"
#include "monitor/restart.h"
#include "monitor/update.h"

#define ROUND 16 /* messages in a row before the container's streams have their turn */

/* run/containers/ID/plan was written anew because name, labels or restart policy changed. */
static void reload(struct monitor *m, struct wire_msg *msg)
{
	auto_plan struct plan plan = { 0 };
	struct err err = { 0 };

	(void)msg;
	if (plan_read(m->run_dir, "plan", &plan, &err) < 0) {
		log_warning("%s: %s", m->id, err.msg);
		return;
	}
	traits_reload(&m->traits, &plan);
	restart_reconsider(m);
}

struct operation {
	const char *name;
	enum mon_event event; /* EV_COUNT: not a matter of state, call fn */
	mon_action *fn;
};

static const struct operation operations[] = {
	{ "start", EV_START, NULL },
	{ "stop", EV_STOP, NULL },
	{ "restart", EV_RESTART, NULL },
	{ "kill", EV_KILL, NULL },
	{ "remove", EV_REMOVE, NULL },
	{ "pause", EV_PAUSE, NULL },
	{ "unpause", EV_UNPAUSE, NULL },
	{ "attach", EV_COUNT, attach_request },
	{ "early", EV_COUNT, client_early },
	{ "resize", EV_COUNT, attach_resize },
	{ "exec-start", EV_COUNT, exec_start },
	{ "exec-resize", EV_COUNT, exec_resize },
	{ "wait", EV_COUNT, wait_request },
	{ "stats", EV_COUNT, stats_request },
	{ "update", EV_COUNT, update_request },
	{ "reload", EV_COUNT, reload },
	{ "again", EV_COUNT, restart_again },
};

static void handle(struct monitor *m, struct wire_msg *msg)
{
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
		const struct operation *op = &operations[i];

		if (!str_eq(op->name, msg->op))
			continue;
		m->expecting = false;
		if (op->fn)
			op->fn(m, msg);
		else
			mon_event(m, op->event, msg);
		break;
	}
	/* what nobody took ends here; for a client that means: connection closed without an answer */
	connection_end(&msg->fd);
	wire_msg_clear(msg);
}

/* Returns what ended the reading: -EAGAIN, -EPIPE, or 0 after a full round. */
static int handle_queued(struct monitor *m, int sock, int limit)
{
	for (int i = 0; i < limit; i++) {
		struct wire_msg msg = { .fd = FD_NONE };
		int r = wire_recv(sock, &msg);

		if (r == -EBADMSG || r == -EMSGSIZE) {
			log_warning("%s: a message without sense was thrown away", m->id);
			continue;
		}
		if (r < 0)
			return r;
		handle(m, &msg);
	}
	return 0;
}

static void on_control(struct watch *w, uint32_t events)
{
	struct monitor *m = container_of(w, struct monitor, control);

	(void)events;
	(void)handle_queued(m, w->fd, ROUND);
}

int control_open(struct monitor *m, int take_sock)
{
	int r = watch_fd(m->loop, &m->control, take_sock, EPOLLIN, on_control);

	if (r < 0)
		(void)fd_close(take_sock);
	return r;
}

void control_close(struct monitor *m)
{
	int sock = m->control.fd;

	if (!m->control.loop)
		return;
	watch_stop(&m->control);
	(void)fd_close(sock);
}

bool control_finish(struct monitor *m)
{
	int sock = m->control.fd, r;

	(void)shutdown(sock, SHUT_RD);
	do
		r = handle_queued(m, sock, ROUND);
	while (r == 0);
	control_close(m);
	if (!monitor_needed(m))
		return true;
	sock = wire_listen(m->run_dir);
	if (sock < 0 || control_open(m, sock) < 0)
		log_error("%s: no new control socket: %s", m->id, strerror(sock < 0 ? -sock : EIO));
	return false;
}

void control_hold(struct monitor *m, struct wire_msg *msg)
{
	struct held *h = xmalloc(sizeof(*h)), **at = &m->held;

	*h = (struct held){ .msg = *msg };
	*msg = (struct wire_msg){ .fd = FD_NONE };
	while (*at)
		at = &(*at)->next;
	*at = h;
}

void control_refuse(struct monitor *m, const struct err *err)
{
	struct held *h = take_ptr(&m->held);

	while (h) {
		struct held *next = h->next;

		answer_error(&h->msg, err);
		wire_msg_clear(&h->msg);
		free(h);
		h = next;
	}
}

void control_release(struct monitor *m)
{
	struct held *h = take_ptr(&m->held);

	while (h) {
		struct held *next = h->next;

		handle(m, &h->msg);
		free(h);
		h = next;
	}
}
