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
#define LINGER_TIME    (10 * NSEC_PER_SEC) /* for a client's close, after ours */
#define PONGS_MAX      256 /* a client that leaves so many unread is not read either */

static void on_client(struct watch *w, uint32_t events);

/* ---- life */

struct client *client_new(struct monitor *m, struct stdio *io, struct wire_msg *msg)
{
	struct client *c = xcalloc(1, sizeof(*c));
	const char *hold = wire_get(msg, "hold"), *websocket = wire_get(msg, "websocket");

	c->m = m;
	c->io = io;
	if (websocket)
		c->message = str_eq(websocket, "text") ? WS_TEXT : WS_BINARY;
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

/* Nothing that is to come is for this client. */
static void stop_listening(struct client *c)
{
	logreader_free(c->replay);
	c->replay = NULL;
	c->wants_out = c->wants_err = c->cut = false;
}

/* Writing failed: the peer takes nothing more. The hang-up that this causes does the rest, in its own
 * turn, because input that came before may have to be read still. */
static void stop_output(struct client *c)
{
	outq_close(&c->out);
	stop_listening(c);
	(void)shutdown(c->fd, SHUT_RDWR);
}

static void put(struct client *c, const void *head, size_t head_len, const void *data, size_t len,
	bool hold)
{
	int dir = c->io && c->io->paced ? FD_NONE : c->m->data_dir;
	int r;

	if (!c->out.memory)
		return;
	r = outq_add(&c->out, head, head_len, data, len, hold || gated(c), dir);
	if (r == -ENOSPC)
		c->cut = true;
	else if (r < 0)
		stop_output(c);
}

static void add(struct client *c, enum stream_id stream, const void *data, size_t len, bool hold)
{
	unsigned char head[WS_HEAD > FRAME_HEAD ? WS_HEAD : FRAME_HEAD];
	size_t head_len = 0;

	if (c->message) {
		head_len = ws_head(head, c->message, len);
	} else if (c->framed) {
		frame_head(head, stream, (uint32_t)len);
		head_len = FRAME_HEAD;
	}
	put(c, head, head_len, data, len, hold);
}

/* A websocket's control frame; nothing follows a close. */
static void add_control(struct client *c, enum ws_opcode what, const void *data, size_t len)
{
	unsigned char head[WS_HEAD];

	if (c->closed)
		return;
	c->closed = what == WS_CLOSE;
	put(c, head, ws_head(head, what, len), data, len, false);
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
	if (outq_empty(&c->out))
		c->pongs = 0;
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
	/* the user leaves now, whatever he has not read yet; but a websocket's frames are not cut in two */
	if (!c->message) {
		client_end(c);
		return;
	}
	stop_listening(c);
	c->io = NULL;
}

/* Input as the process shall see it goes to pending; true when the keys to leave were pressed. */
static bool take_input(struct client *c, const unsigned char *data, size_t len)
{
	unsigned char out[READ_SIZE_KEYS + KEYS_MAX];
	bool left = false;

	if (!c->io->tty || !c->keys.len) {
		buf_add(&c->pending, data, len);
		return false;
	}
	while (len && !left) {
		size_t n = len < READ_SIZE_KEYS ? len : READ_SIZE_KEYS, kept;

		left = keys_scan(&c->keys, data, n, out, &kept);
		buf_add(&c->pending, out, kept);
		data += n;
		len -= n;
	}
	return left;
}

static bool takes_input(const struct client *c)
{
	return c->wants_in && c->io && c->io->up && c->io->in >= 0;
}

/* Input off the socket, or out of frames, is fed when all of what came is here. A websocket's may come before the
 * start, and waits: behind it may stand what does not. */
static void take_bytes(struct client *c, const unsigned char *data, size_t len)
{
	bool left = false;

	if (takes_input(c)) {
		c->m->untidy = true;
		left = take_input(c, data, len);
	} else if (c->message && c->wants_in && c->io && !c->io->up) {
		buf_add(&c->pending, data, len);
	}
	if (left) {
		feed(c);
		detach(c);
	}
}

/* ---- a websocket's input */

static void pong(struct client *c, const void *data, size_t len)
{
	add_control(c, WS_PONG, data, len);
	c->pongs = outq_empty(&c->out) ? 0 : c->pongs + 1;
}

/* No frame of the client's is read any more, nor does it listen; what it sent before is still input. */
static void close_back(struct client *c, const void *data, size_t len)
{
	add_control(c, WS_CLOSE, data, len);
	stop_listening(c);
	c->input_over = true;
}

static void take_frames(struct client *c, unsigned char *data, size_t len)
{
	struct ws_piece piece;

	while (ws_next(&c->ws, &data, &len, &piece)) {
		if (piece.what == WS_CLOSE)
			close_back(c, piece.data, piece.len);
		else if (piece.what == WS_PING)
			pong(c, piece.data, piece.len);
		else
			take_bytes(c, piece.data, piece.len);
	}
}

/* ---- reading */

static void read_input(struct client *c)
{
	size_t want = c->io && c->io->tty ? READ_SIZE_KEYS : READ_SIZE;
	unsigned char *buffer = c->m->buffer;
	ssize_t n = recv(c->fd, buffer, want, MSG_DONTWAIT);

	if (n < 0)
		return; /* EAGAIN; a broken connection also hangs up */
	if (n == 0)
		c->input_over = true;
	else if (c->message)
		take_frames(c, buffer, (size_t)n);
	else
		take_bytes(c, buffer, (size_t)n);
	feed(c);
}

/* The connection is shut both ways. What it still holds was sent before that, so it is input. */
static void client_lost(struct client *c)
{
	ssize_t n;

	outq_close(&c->out);
	stop_listening(c);
	while (takes_input(c) && c->pending.len < LAST_INPUT &&
		(n = recv(c->fd, c->m->buffer, READ_SIZE, MSG_DONTWAIT)) > 0) {
		c->m->untidy = true;
		if (c->message && !held(c))
			take_frames(c, c->m->buffer, (size_t)n);
		else
			buf_add(&c->pending, c->m->buffer, (size_t)n);
	}
	watch_stop(&c->watch);
	c->fd = fd_close(c->fd);
	c->input_over = true;
	if (c->io && c->io->paced) /* a process that waits to write takes no input */
		stdio_go_on(c->io);
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
	auto_buf struct buf frames = { 0 };

	c->hold[0] = '\0';
	if (c->message) {
		frames = c->pending;
		c->pending = (struct buf){ 0 };
		take_frames(c, (unsigned char *)frames.data, frames.len);
	}
	feed(c);
}

/* A peer that leaves its head unread for so long reads it some other way. A switchboard that says
 * nothing for so long was killed; if the head was not out then, no client is there to miss it. */
static void open_gate(struct client *c)
{
	c->gate = 0;
	if (held(c))
		unhold(c);
}

static void on_patience_timer(struct watch *w, uint32_t events)
{
	struct monitor *m = container_of(w, struct monitor, patience);
	int64_t now = time_monotonic();

	(void)events;
	watch_stop(w);
	for (struct client *c = m->clients; c; c = c->next) {
		if (c->dead || (!c->gate && !c->linger))
			continue;
		if (c->gate && c->gate <= now)
			open_gate(c);
		if (c->linger && c->linger <= now)
			client_end(c);
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
		if (c->wants_in || c->message)
			early_input(c, msg->blob, msg->blob_len);
		unhold(c);
		client_update(c);
	}
}

/* ---- what is waited for */

/* Input is read while the process takes it, and read to be thrown away where none is wanted; before
 * the start it stays on the socket, but for a websocket's, among which there may be pings. */
static bool reads_now(const struct client *c)
{
	if (c->input_over || held(c) || c->pongs >= PONGS_MAX)
		return false;
	if (!c->io || !c->wants_in)
		return true;
	return !c->pending.len && (c->io->up || c->message);
}

/* One timer for all clients; it is set to the earliest time at which one is to be looked at. */
static void watch_patience(struct client *c, int64_t due)
{
	struct monitor *m = c->m;

	if (m->patience.loop && m->patience_due <= due)
		return;
	m->patience_due = due;
	monitor_timer(m, &m->patience, due, on_patience_timer);
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
	watch_patience(c, c->gate);
	return EPOLLOUT | EPOLLET;
}

/* No more comes from this client, and the process has had what it takes of what came. */
static bool input_settled(const struct client *c)
{
	return !c->io || !c->io->up || c->input_told;
}

/* All is said but the close of a websocket: true while that is on its way, or the client's. */
static bool says_goodbye(struct client *c)
{
	unsigned char status[2];

	if (!c->message)
		return false;
	ws_status(status, WS_STATUS_NORMAL);
	add_control(c, WS_CLOSE, status, sizeof(status));
	if (!outq_empty(&c->out))
		return true;
	if (c->input_over)
		return false;
	if (!c->linger) {
		(void)shutdown(c->fd, SHUT_WR);
		c->linger = time_monotonic() + LINGER_TIME;
	}
	watch_patience(c, c->linger);
	return true;
}

void client_update(struct client *c)
{
	uint32_t events;

	if (c->dead)
		return;
	if (held(c))
		watch_patience(c, c->gate);
	if (c->fd < 0 && held(c))
		return;
	if (c->fd < 0) { /* lost: it stays only until its last input was taken */
		if (input_settled(c))
			client_end(c);
		return;
	}
	if ((c->closed && input_settled(c)) || (c->input_told && !c->wants_out && !c->wants_err))
		c->io = NULL;
	if (all_said(c) && !says_goodbye(c)) {
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
