#include "monitor/client.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/timefmt.h"
#include "monitor/monitor.h"

#define READ_SIZE      32768
#define READ_SIZE_KEYS 4096
#define LAST_INPUT     (1 << 20) /* what a client that hung up may have left on its socket */
#define REPLAY_PIECE   65536
#define GATE_TIME      NSEC_PER_SEC

static void on_client(struct watch *w, uint32_t events);

/* ---- life */

struct client *client_new(struct monitor *m, struct stdio *io, struct wire_msg *msg)
{
	struct client *c = xcalloc(1, sizeof(*c));
	const char *hold = wire_get(msg, "hold");

	c->m = m;
	c->io = io;
	c->gate = time_monotonic() + GATE_TIME;
	c->fd = take_fd(&msg->fd);
	c->out = (struct outq){ .fd = FD_NONE, .spool = FD_NONE };
	if (c->fd < 0 || fd_nonblock(c->fd, true) < 0 || outq_open(&c->out, c->fd) < 0 ||
		watch_fd(m->loop, &c->watch, c->fd, 0, on_client) < 0) {
		(void)fd_close(c->fd);
		outq_close(&c->out);
		free(c);
		return NULL;
	}
	if (hold) {
		(void)snprintf(c->hold, sizeof(c->hold), "%s", hold);
	} else {
		auto_buf struct buf head = { 0 };

		http_head(&head, 200, wire_get(msg, "type"), HTTP_UNTIL_EOF, 0);
		(void)outq_add(&c->out, head.data, head.len, NULL, 0, false, FD_NONE);
	}
	c->next = m->clients;
	m->clients = c;
	return c;
}

static void client_end(struct client *c)
{
	struct stdio *io = c->io;

	if (c->dead)
		return;
	watch_stop(&c->watch);
	outq_close(&c->out);
	connection_end(&c->fd);
	logreader_free(c->replay);
	c->replay = NULL;
	c->io = NULL;
	c->dead = true;
	if (io && io->paced)
		stdio_go_on(io);
}

void clients_reap(struct monitor *m)
{
	struct client **at = &m->clients;

	while (*at) {
		struct client *c = *at;

		if (!c->dead) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		buf_free(&c->pending);
		free(c);
	}
}

void clients_drop(struct monitor *m)
{
	for (struct client *c = m->clients; c; c = c->next)
		client_end(c);
	clients_reap(m);
}

/* ---- the gate */

/* Whether everything written so far has been taken by the peer. While the last buffer is being freed
 * the kernel still counts one byte for it (sock_wfree). */
static bool peer_has_read(const struct client *c)
{
	int unread = 0;

	return ioctl(c->fd, SIOCOUTQ, &unread) < 0 || unread <= 1;
}

static bool held(const struct client *c)
{
	return c->hold[0] != '\0';
}

static bool gated(struct client *c)
{
	if (c->gate && !held(c) && peer_has_read(c))
		c->gate = 0;
	return c->gate != 0;
}

/* ---- output */

static bool all_said(const struct client *c)
{
	return !held(c) && !c->io && !c->replay && !c->cut && outq_empty(&c->out);
}

/* Writing failed: the peer takes nothing more. The hang-up that this causes does the rest, in its own
 * turn, because input that came before may have to be read still. */
static void stop_output(struct client *c)
{
	outq_close(&c->out);
	logreader_free(c->replay);
	c->replay = NULL;
	c->wants_out = c->wants_err = c->cut = false;
	(void)shutdown(c->fd, SHUT_RDWR);
}

static void add(struct client *c, enum stream_id stream, const void *data, size_t len, bool hold)
{
	unsigned char head[FRAME_HEAD];
	int dir = c->io && !c->io->paced ? c->m->data_dir : FD_NONE;
	int r;

	if (!c->out.memory)
		return;
	frame_head(head, stream, (uint32_t)len);
	r = outq_add(&c->out, head, c->framed ? sizeof(head) : 0, data, len, hold || gated(c), dir);
	if (r == -ENOSPC)
		c->cut = true;
	else if (r < 0)
		stop_output(c);
}

void client_tell(struct monitor *m, struct wire_msg *msg, bool framed, const char *text)
{
	struct client *c = client_new(m, NULL, msg);
	auto_free char *line = NULL;

	if (!c)
		return;
	line = xasprintf("%s\r\n", text);
	c->framed = framed;
	add(c, STREAM_STDOUT, line, strlen(line), false);
	client_update(c);
}

static bool wants(const struct client *c, enum stream_id stream)
{
	return stream == STREAM_STDERR ? c->wants_err : c->wants_out;
}

/* The next record, from the log. At its end the lines that wait in memory for their newline are written
 * out: from there on the client hears the process itself, so they have to be in the file now. */
static bool replay_next(struct client *c, struct log_record *ret)
{
	if (logreader_next(c->replay, ret) > 0)
		return true;
	return c->m->io.log && log_flush(c->m->io.log) == 0 && logreader_next(c->replay, ret) > 0;
}

/* Fills the queue as far as is sensible; more when that has been sent. */
static void replay_more(struct client *c)
{
	while (c->replay && c->out.memory && c->out.len < REPLAY_PIECE) {
		struct log_record rec;

		if (replay_next(c, &rec)) {
			if (wants(c, rec.stream))
				add(c, rec.stream, rec.text, rec.len, true);
			continue;
		}
		logreader_free(c->replay);
		c->replay = NULL;
		if (c->replay_only)
			c->io = NULL;
	}
}

void client_replay(struct client *c, struct logreader *take_reader, bool only)
{
	c->replay = take_reader;
	c->replay_only = only;
	replay_more(c);
}

void clients_send(struct monitor *m, const struct stdio *io, enum stream_id stream,
	const void *data, size_t len)
{
	for (struct client *c = m->clients; c; c = c->next) {
		/* a client being replayed to reads this from the log, in its turn */
		if (c->dead || c->io != io || c->replay || c->cut || !wants(c, stream))
			continue;
		add(c, stream, data, len, false);
		client_update(c);
	}
}

static void say_cut(struct client *c)
{
	static const char text[] =
		"\r\ndayfly: this client reads too slowly for what is kept for it; "
		"see the container's log for the rest\r\n";

	c->cut = false;
	c->io = NULL;
	add(c, STREAM_STDERR, text, sizeof(text) - 1, false);
}

static void flush(struct client *c)
{
	if (gated(c))
		return;
	if (outq_flush(&c->out) < 0) {
		stop_output(c);
		return;
	}
	replay_more(c);
	if (c->cut && outq_empty(&c->out))
		say_cut(c);
}

void client_release(struct client *c)
{
	c->io = NULL;
	client_update(c);
}

void clients_release(struct monitor *m, const struct stdio *io)
{
	for (struct client *c = m->clients; c; c = c->next)
		if (!c->dead && c->io == io)
			client_release(c);
}

size_t client_room(const struct monitor *m, const struct stdio *io)
{
	for (const struct client *c = m->clients; c; c = c->next) {
		size_t room;

		if (c->dead || c->io != io)
			continue;
		room = outq_room(&c->out);
		return room > PUMP_SIZE / 4 + FRAME_HEAD ? room - FRAME_HEAD : 0;
	}
	return PUMP_SIZE;
}

/* ---- input */

/* No more input comes from this client and all of it was passed on. */
static void input_end(struct client *c)
{
	c->input_told = true;
	if (c->io && c->wants_in && c->io->in_once && !c->io->tty)
		stdio_in_close(c->io);
}

/* Passes on what the process takes; the rest waits. */
static void feed(struct client *c)
{
	ssize_t n;

	if (!c->io || !c->io->up || held(c))
		return;
	if (c->pending.len) {
		n = c->wants_in ? stdio_put(c->io, c->pending.data, c->pending.len) : -EPIPE;
		if (n < 0)
			buf_free(&c->pending);
		else
			buf_consume(&c->pending, (size_t)n);
		if (c->pending.len) {
			stdio_in_wait(c->io);
			return;
		}
		buf_free(&c->pending);
	}
	if (c->input_over && !c->input_told)
		input_end(c);
}

static void detach(struct client *c)
{
	if (c->session[0])
		report_event_with(c->m, c->left, "execID", c->session, NULL, NULL);
	else
		report_event(c->m, c->left);
	/* the user leaves now, whatever he has not read yet */
	client_end(c);
}

/* Input as the process shall see it goes to pending; true when the keys to leave were pressed. */
static bool take_input(struct client *c, const unsigned char *data, size_t len)
{
	unsigned char out[READ_SIZE_KEYS + KEYS_MAX];
	bool left;
	size_t n;

	if (!c->io->tty || !c->keys.len) {
		buf_add(&c->pending, data, len);
		return false;
	}
	left = keys_scan(&c->keys, data, len, out, &n);
	buf_add(&c->pending, out, n);
	return left;
}

static bool takes_input(const struct client *c)
{
	return c->wants_in && c->io && c->io->up && c->io->in >= 0;
}

static void read_input(struct client *c)
{
	size_t want = c->io && c->io->tty ? READ_SIZE_KEYS : READ_SIZE;
	unsigned char *buffer = c->m->buffer;
	ssize_t n = recv(c->fd, buffer, want, MSG_DONTWAIT);

	if (n < 0)
		return; /* EAGAIN; a broken connection also hangs up */
	if (n == 0) {
		c->input_over = true;
	} else if (takes_input(c)) {
		bool left;

		c->m->untidy = true;
		left = take_input(c, buffer, (size_t)n);
		feed(c);
		if (left)
			detach(c);
		return;
	}
	feed(c);
}

/* The connection is shut both ways. What it still holds was sent before that, so it is input. */
static void client_lost(struct client *c)
{
	ssize_t n;

	while (takes_input(c) && c->pending.len < LAST_INPUT &&
		(n = recv(c->fd, c->m->buffer, READ_SIZE, MSG_DONTWAIT)) > 0) {
		c->m->untidy = true;
		buf_add(&c->pending, c->m->buffer, (size_t)n);
	}
	watch_stop(&c->watch);
	outq_close(&c->out);
	c->fd = fd_close(c->fd);
	logreader_free(c->replay);
	c->replay = NULL;
	c->wants_out = c->wants_err = c->cut = false;
	c->input_over = true;
	feed(c);
}

void clients_feed(struct monitor *m, struct stdio *io)
{
	for (struct client *c = m->clients; c; c = c->next) {
		if (c->dead || c->io != io)
			continue;
		feed(c);
		client_update(c);
	}
}

/* ---- the gate opens */

static void unhold(struct client *c)
{
	c->hold[0] = '\0';
	feed(c);
}

/* A peer that leaves its head unread for so long reads it some other way. A switchboard that says
 * nothing for so long was killed; if the head was not out then, no client is there to miss it. */
static void on_gate_timer(struct watch *w, uint32_t events)
{
	struct monitor *m = container_of(w, struct monitor, gate);
	int64_t now = time_monotonic();

	(void)events;
	watch_stop(w);
	for (struct client *c = m->clients; c; c = c->next) {
		if (c->dead || !c->gate)
			continue;
		if (c->gate <= now) {
			c->gate = 0;
			unhold(c);
		}
		client_update(c); /* a younger one sets the timer again */
	}
}

/* Before what a client that has gone meanwhile left on its socket. */
static void early_input(struct client *c, const void *data, size_t len)
{
	struct buf rest = c->pending;

	c->pending = (struct buf){ 0 };
	buf_add(&c->pending, data, len);
	buf_add(&c->pending, rest.data, rest.len);
	buf_free(&rest);
}

void client_early(struct monitor *m, struct wire_msg *msg)
{
	const char *token = wire_get(msg, "hold");

	for (struct client *c = m->clients; c; c = c->next) {
		if (c->dead || !held(c) || !token || !str_eq(c->hold, token))
			continue;
		if (c->wants_in)
			early_input(c, msg->blob, msg->blob_len);
		unhold(c);
		client_update(c);
	}
}

/* ---- what is waited for */

/* Input is read while the process takes it, and read to be thrown away where none is wanted; before
 * the start it stays on the socket. */
static bool reads_now(const struct client *c)
{
	if (c->input_over || c->pending.len || held(c))
		return false;
	if (!c->io || !c->wants_in)
		return true;
	return c->io->up;
}

static void watch_gate(struct client *c)
{
	if (!c->m->gate.loop)
		monitor_timer(c->m, &c->m->gate, c->gate, on_gate_timer);
}

static uint32_t events_for(struct client *c)
{
	uint32_t events = reads_now(c) ? EPOLLIN : 0;

	if (outq_empty(&c->out) && !c->replay)
		return events;
	if (!gated(c))
		return events | EPOLLOUT;
	/* Edge-triggered, room is told again each time the peer takes something: that is what opens the
	 * gate. The timer is for a kernel that would not. */
	watch_gate(c);
	return EPOLLOUT | EPOLLET;
}

void client_update(struct client *c)
{
	uint32_t events;

	if (c->dead)
		return;
	if (held(c))
		watch_gate(c);
	if (c->fd < 0 && held(c))
		return;
	if (c->fd < 0) { /* lost: it stays only until its last input was taken */
		if (!c->io || !c->io->up || c->input_told)
			client_end(c);
		return;
	}
	if (all_said(c)) {
		client_end(c);
		return;
	}
	events = events_for(c);
	if (events != c->events) /* asking again would make an edge out of nothing */
		(void)watch_set(&c->watch, events);
	c->events = events;
	if (c->io && c->io->paced)
		stdio_go_on(c->io);
}

static void on_client(struct watch *w, uint32_t events)
{
	struct client *c = container_of(w, struct client, watch);

	if (events & (EPOLLHUP | EPOLLERR))
		client_lost(c);
	if (c->fd >= 0 && events & EPOLLOUT)
		flush(c);
	if (c->fd >= 0 && events & EPOLLIN)
		read_input(c);
	client_update(c);
}
