#include "monitor/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/timefmt.h"
#include "monitor/monitor.h"

/* After the process's end somebody it left behind may hold a pipe open: as much quiet as this, or as
 * much time in all, ends the reading, but not before all that the process itself wrote was read. */
#define QUIET     (150 * NSEC_PER_MSEC)
#define PATIENCE  (3 * NSEC_PER_SEC)
#define LOG_RETRY (500 * NSEC_PER_MSEC)

static void on_output(struct watch *w, uint32_t events);
static void on_input_room(struct watch *w, uint32_t events);
static void on_timer(struct watch *w, uint32_t events);
static void on_log_room(struct watch *w, uint32_t events);

/* ---- setting up */

static int make_pipe(int *ours, int *theirs, bool we_write, struct err *err)
{
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	*ours = ends[we_write];
	*theirs = ends[!we_write];
	r = fd_nonblock(*ours, true);
	return r < 0 ? err_sys(err, r, "make a pipe non-blocking") : 0;
}

static int make_end(bool wanted, int *ours, int *theirs, bool we_write, struct err *err)
{
	if (wanted)
		return make_pipe(ours, theirs, we_write, err);
	*theirs = open("/dev/null", (we_write ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
	return *theirs < 0 ? err_sys(err, errno, "open /dev/null") : 0;
}

int stdio_prepare(
	struct stdio *io, struct monitor *m, unsigned what, struct rt_io *child, struct err *err)
{
	int r;

	io->m = m;
	io->in = FD_NONE;
	io->ended = 0;
	io->log_stuck = io->held_up = false;
	for (int i = 0; i < 2; i++)
		io->out[i] = (struct source){
			.io = io, .fd = FD_NONE, .stream = i ? STREAM_STDERR : STREAM_STDOUT
		};
	*child = (struct rt_io){ .in = FD_NONE, .out = FD_NONE, .err = FD_NONE, .tty = io->tty };
	if (io->tty)
		return 0;
	r = make_end(what & STDIO_IN, &io->in, &child->in, true, err);
	if (r == 0)
		r = make_end(what & STDIO_OUT, &io->out[0].fd, &child->out, false, err);
	if (r == 0)
		r = make_end(what & STDIO_ERR, &io->out[1].fd, &child->err, false, err);
	return r;
}

void stdio_child_ends_close(struct rt_io *child)
{
	child->in = fd_close(child->in);
	child->out = fd_close(child->out);
	child->err = fd_close(child->err);
}

static void source_watch(struct source *s)
{
	if (s->fd >= 0 && !s->watch.loop)
		(void)watch_fd(s->io->m->loop, &s->watch, s->fd, EPOLLIN, on_output);
}

static void source_close(struct source *s)
{
	watch_stop(&s->watch);
	s->fd = fd_close(s->fd);
	s->owed = 0;
}

void stdio_connect(struct stdio *io, int console)
{
	if (io->tty) {
		io->out[0].fd = console;
		/* one descriptor can be in an epoll but once: input has its own */
		io->in = fcntl(console, F_DUPFD_CLOEXEC, 3);
	}
	io->up = true;
	for (int i = 0; i < 2; i++)
		source_watch(&io->out[i]);
}

void stdio_resize(struct stdio *io, unsigned short height, unsigned short width)
{
	int console = io->out[0].fd >= 0 ? io->out[0].fd : io->in;

	if (io->up && io->tty && console >= 0)
		(void)rt_console_resize(console, height, width);
}

void stdio_close(struct stdio *io)
{
	io->up = false;
	for (int i = 0; i < 2; i++)
		source_close(&io->out[i]);
	stdio_in_close(io);
	watch_stop(&io->timer);
	watch_stop(&io->log_watch);
	if (io->log && log_flush(io->log) < 0)
		log_error("%s: the end of the log could not be written", io->m->id);
	log_close(io->log);
	io->log = NULL;
}

/* ---- output */

/* How much may be read now: for a paced stream, what its client's queue has room for. */
static size_t read_room(const struct stdio *io)
{
	if (io->log_stuck && !io->log->drops)
		return 0;
	return io->paced ? client_room(io->m, io) : PUMP_SIZE;
}

static void hold_up(struct stdio *io)
{
	io->held_up = true;
	/* a hang-up is reported whatever is asked for, so a pause has to leave the loop altogether */
	for (int i = 0; i < 2; i++)
		watch_stop(&io->out[i].watch);
}

/* What could not be written is tried again: soon after the log says that it has room, or by the timer. */
static void try_log(struct stdio *io)
{
	watch_stop(&io->log_watch);
	if (log_write(io->log, STREAM_STDOUT, NULL, 0) == 0) {
		io->log_stuck = false;
		stdio_go_on(io);
	} else if (io->log->writeable >= 0) {
		(void)watch_fd(
			io->m->loop, &io->log_watch, io->log->writeable, EPOLLOUT, on_log_room);
	}
}

static void on_log_room(struct watch *w, uint32_t events)
{
	(void)events;
	try_log(container_of(w, struct stdio, log_watch));
}

/* A full queue is no error, only a wait. */
static void log_is_stuck(struct stdio *io, int r)
{
	io->log_stuck = true;
	if (r == -EAGAIN && io->log->writeable >= 0)
		(void)watch_fd(
			io->m->loop, &io->log_watch, io->log->writeable, EPOLLOUT, on_log_room);
	else
		log_error("%s: the log cannot be written; its output %s", io->m->id,
			io->log->drops ? "is lost" : "waits");
	monitor_timer(io->m, &io->timer, time_monotonic() + LOG_RETRY, on_timer);
}

static void pass_on(struct stdio *io, enum stream_id stream, const void *data, size_t len)
{
	int r;

	watch_stop(&io->log_watch); /* the driver may connect anew */
	r = io->log ? log_write(io->log, stream, data, len) : 0;
	if (r < 0 && !io->log_stuck)
		log_is_stuck(io, r);
	clients_send(io->m, io, stream, data, len);
	io->last_data = time_monotonic();
	io->m->untidy = true;
}

/* Reads once. 1: there may be more; 0: not now; the source is closed at its end. */
static int source_read(struct source *s)
{
	struct stdio *io = s->io;
	size_t room = read_room(io);
	ssize_t n;

	if (s->fd < 0)
		return 0;
	if (room == 0) {
		hold_up(io);
		return 0;
	}
	n = read(s->fd, io->m->buffer, room < PUMP_SIZE ? room : PUMP_SIZE);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) { /* a terminal nobody holds any more says EIO */
		source_close(s);
		return 0;
	}
	s->owed -= n < s->owed ? (int)n : s->owed;
	pass_on(io, s->stream, io->m->buffer, (size_t)n);
	return 1;
}

static bool at_end(const struct stdio *io)
{
	return io->out[0].fd < 0 && io->out[1].fd < 0;
}

static void check_drained(struct stdio *io)
{
	if (!io->ended || !io->up || !at_end(io))
		return;
	io->up = false;
	watch_stop(&io->timer);
	io->drained(io);
}

static void on_output(struct watch *w, uint32_t events)
{
	struct source *s = container_of(w, struct source, watch);

	(void)events;
	(void)source_read(s);
	check_drained(s->io);
}

void stdio_go_on(struct stdio *io)
{
	if (!io->held_up || read_room(io) == 0)
		return;
	io->held_up = false;
	for (int i = 0; i < 2; i++)
		source_watch(&io->out[i]);
}

/* ---- the end */

/* What is not there any more somebody else has taken: a pipe has more than one reader if others open it. */
static void note_owed(struct source *s, int most)
{
	int there = 0;

	if (s->fd >= 0 && ioctl(s->fd, FIONREAD, &there) < 0)
		there = 0;
	s->owed = there < most ? there : most;
}

void stdio_process_ended(struct stdio *io)
{
	/* A bound on the rounds: somebody left behind may write faster than we read. */
	int rounds = 64;

	io->ended = io->last_data = time_monotonic();
	for (int i = 0; i < 2; i++)
		note_owed(&io->out[i], INT_MAX);
	for (int i = 0; i < 2; i++)
		while (rounds-- > 0 && source_read(&io->out[i]) > 0)
			;
	if (!at_end(io))
		monitor_timer(io->m, &io->timer, io->ended + QUIET, on_timer);
	check_drained(io);
}

/* A client that has yet to make room is waited for: its output lies safe in the pipe. And once it has made
 * room, or the log has, what the process left there is read first. */
static bool has_time(const struct stdio *io)
{
	return (io->held_up || io->out[0].owed > 0 || io->out[1].owed > 0) && !io->log_stuck;
}

static void check_patience(struct stdio *io)
{
	int64_t now = time_monotonic();

	for (int i = 0; i < 2; i++)
		note_owed(&io->out[i], io->out[i].owed);
	if (has_time(io))
		io->last_data = now;
	else if ((!io->log_stuck && now - io->last_data >= QUIET) || now - io->ended >= PATIENCE) {
		source_close(&io->out[0]);
		source_close(&io->out[1]);
		check_drained(io);
		return;
	}
	monitor_timer(io->m, &io->timer, now + QUIET, on_timer);
}

static void on_timer(struct watch *w, uint32_t events)
{
	struct stdio *io = container_of(w, struct stdio, timer);

	(void)events;
	if (io->log_stuck)
		try_log(io);
	if (io->ended)
		check_patience(io);
	else
		monitor_timer(io->m, &io->timer, io->log_stuck ? time_monotonic() + LOG_RETRY : 0,
			on_timer);
}

/* ---- input */

ssize_t stdio_put(struct stdio *io, const void *data, size_t len)
{
	ssize_t n;

	if (io->in < 0)
		return -EPIPE;
	do
		n = write(io->in, data, len);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	if (errno == EAGAIN)
		return 0;
	stdio_in_close(io);
	return -EPIPE;
}

void stdio_in_close(struct stdio *io)
{
	watch_stop(&io->in_watch);
	io->in = fd_close(io->in);
}

void stdio_in_wait(struct stdio *io)
{
	if (io->in >= 0 && !io->in_watch.loop)
		(void)watch_fd(io->m->loop, &io->in_watch, io->in, EPOLLOUT, on_input_room);
}

static void on_input_room(struct watch *w, uint32_t events)
{
	struct stdio *io = container_of(w, struct stdio, in_watch);

	(void)events;
	watch_stop(w);
	clients_feed(io->m, io);
}
