/* stream/logs.c - GET /containers/{id}/logs. */
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/timefmt.h"
#include "state/logfile.h"
#include "state/removed.h"
#include "state/status.h"
#include "stream/details.h"
#include "stream/source.h"
#include "stream/stream.h"
#include "stream/waiter.h"

#define BATCH ((size_t)128 << 10) /* a chunk of backlog */

struct logs {
	/* what was asked for */
	const char *id;
	bool follow, timestamps, details, tty;
	bool wanted[3]; /* by enum stream_id */
	int64_t since, until;
	bool tail_given;
	uint64_t tail;
	/* how far we are */
	int run_dir, data_dir;
	struct client *client;
	const struct log_source *from;
	void *source;        /* from's */
	bool inside_line[3]; /* the stream's last record was cut at LOG_LINE_MAX */
	bool past_until;
	int64_t stamp_time; /* what stamp says */
	char stamp[TIME_TEXT];
	struct details attrs;
	/* following */
	struct waiter waiter;
	unsigned log_changed, run_changed; /* bits of waiter.changed */
	unsigned run;                      /* the run that ends it */
};

static void logs_clear(struct logs *l)
{
	l->from->close(l->source);
	details_clear(&l->attrs);
	waiter_close(&l->waiter);
	l->run_dir = fd_close(l->run_dir);
	l->data_dir = fd_close(l->data_dir);
}

#define auto_logs __attribute__((cleanup(logs_clear)))

/* tail: a number; "all", nothing, negative ones and nonsense mean all, as in Docker. */
static int parse(struct logs *l, char *const *words, struct err *err)
{
	const char *tail = word_get(words, "tail");
	int r;

	l->id = word_get(words, "id");
	if (!l->id || !id_valid(l->id))
		return err_set(err, ERR_INVALID, EINVAL, "logs of no container");
	l->follow = word_flag(words, "follow");
	l->timestamps = word_flag(words, "timestamps");
	l->details = word_flag(words, "details");
	l->tty = word_flag(words, "tty");
	l->wanted[STREAM_STDOUT] = word_flag(words, "stdout");
	l->wanted[STREAM_STDERR] = word_flag(words, "stderr");
	if (!l->wanted[STREAM_STDOUT] && !l->wanted[STREAM_STDERR])
		return err_set(err, ERR_INVALID, EINVAL, "You must choose at least one stream");
	l->tail_given = tail && str_to_u64(tail, &l->tail) == 0;
	r = word_time(words, "since", &l->since, err);
	if (r >= 0)
		r = word_time(words, "until", &l->until, err);
	return r < 0 ? r : 0;
}

/* ---- records to the client */

static const char *stamp(struct logs *l, int64_t time)
{
	if (l->stamp_time != time || !l->stamp[0]) {
		(void)time_rfc3339_fixed(time, l->stamp);
		l->stamp_time = time;
	}
	return l->stamp;
}

/* One record, as one frame unless the container has a terminal. Time and details stand before a line,
 * not before each of the pieces a long one was cut into. */
static void add_record(struct logs *l, const struct log_record *rec)
{
	bool line_start = !l->inside_line[rec->stream];
	const char *details = l->details ? details_text(&l->attrs, rec->attrs, rec->attrs_len) : "";
	char *start =
		client_room(l->client, FRAME_HEAD + TIME_TEXT + 2 + strlen(details) + rec->len);
	char *text = start + (l->tty ? 0 : FRAME_HEAD), *to = text;

	if (line_start && l->timestamps) {
		to = stpcpy(to, stamp(l, rec->time));
		*to++ = ' ';
	}
	if (line_start && l->details) {
		to = stpcpy(to, details);
		*to++ = ' ';
	}
	to = mempcpy(to, rec->text, rec->len);
	if (!l->tty)
		frame_head((unsigned char *)start, rec->stream, (uint32_t)(to - text));
	client_used(l->client, (size_t)(to - start));
	l->inside_line[rec->stream] = rec->len == LOG_LINE_MAX && rec->text[rec->len - 1] != '\n';
}

/* Everything that is there yet. */
static int send_available(struct logs *l, struct err *err)
{
	struct log_record rec;
	int r;

	while ((r = l->from->next(l->source, &rec)) > 0) {
		if (l->until && rec.time > l->until) {
			l->past_until = true;
			break;
		}
		if (!l->wanted[rec.stream] || rec.time < l->since)
			continue;
		add_record(l, &rec);
		if (client_pending(l->client) >= BATCH) {
			r = client_flush(l->client);
			if (r < 0)
				return err_sys(err, r, "send to the client");
		}
	}
	if (r < 0)
		return err_sys(err, r, "read the log of %s", l->id);
	r = client_flush(l->client);
	return r < 0 ? err_sys(err, r, "send to the client") : 0;
}

/* ---- following */

/* The run that is on now, 0 for none. The monitor writes the exit record after the last byte of the
 * log, so what is read after a 0 is all. */
static unsigned live_run(struct logs *l, struct status *ret)
{
	if (status_read(l->run_dir, l->data_dir, ret) < 0)
		return 0;
	(void)status_settle(ret, true);
	switch (ret->state) {
	case RUN_RUNNING:
	case RUN_PAUSED: return ret->run;
	case RUN_CREATED:
	case RUN_RESTARTING:
	case RUN_REMOVING:
	case RUN_EXITED:
	case RUN_DEAD:
	case RUN_STATE_COUNT: break;
	}
	return 0;
}

/* Watches first and looks second, so that no change falls between. */
static int start_following(struct logs *l, struct err *err)
{
	struct status st;
	int r;

	r = waiter_open(&l->waiter, l->client->fd, l->until, err);
	if (r < 0)
		return r;
	r = waiter_add_folder(&l->waiter, l->data_dir, &l->log_changed, err);
	if (r == 0 && l->run_dir >= 0)
		r = waiter_add_folder(&l->waiter, l->run_dir, &l->run_changed, err);
	if (r < 0)
		return r;
	l->run = live_run(l, &st);
	if (l->run)
		waiter_add_process(&l->waiter, st.monitor, st.monitor_start);
	return 0;
}

/* Whether there is more to come after what lies in the log now. */
static bool goes_on(struct logs *l)
{
	struct waiter *w = &l->waiter;
	struct status st;

	if (!l->follow || !l->run || w->time_up)
		return false;
	if (w->process_ended)
		return false;
	if (w->changed & l->run_changed && live_run(l, &st) != l->run)
		return false;
	w->changed = 0;
	return true;
}

static int run(struct logs *l, struct err *err)
{
	for (;;) {
		bool more = goes_on(l); /* asked before reading: see live_run() */
		int r;

		if (!more && l->from->complete)
			l->from->complete(l->source);
		r = send_available(l, err);
		if (r < 0)
			return r;
		if (!more || l->past_until)
			break;
		r = waiter_wait(&l->waiter, err);
		if (r < 0)
			return r;
		if (l->waiter.client_gone)
			return -EPIPE;
	}
	return 0;
}

int logs_from(const struct log_source *from, const struct dirs *d, char *const *words,
	struct client *c, struct err *err)
{
	auto_logs struct logs l = {
		.run_dir = FD_NONE, .data_dir = FD_NONE, .client = c, .from = from
	};
	const char *type;
	int r;

	r = parse(&l, words, err);
	if (r < 0)
		return r;
	l.data_dir =
		word_flag(words, "removed") ? removed_open(d, l.id) : dirs_container_data(d, l.id);
	if (l.data_dir < 0)
		return err_set(err, ERR_NOT_FOUND, ENOENT, "No such container: %s", l.id);
	l.run_dir = dirs_container_run(d, l.id, false);
	if (l.follow) {
		r = start_following(&l, err);
		if (r < 0)
			return r;
	}
	r = from->open(l.data_dir, l.id, &l.source, err);
	if (r == 0 && l.follow && from->fd)
		r = waiter_add_fd(&l.waiter, from->fd(l.source), err);
	if (r < 0)
		return r;
	type = word_get(words, "type");
	r = client_head(c, type ? type : l.tty ? TYPE_RAW_STREAM : TYPE_MUX_STREAM);
	if (r < 0)
		return r;
	from->since(l.source, l.since);
	r = l.tail_given ? from->tail(l.source, l.tail) : 0;
	if (r < 0)
		return err_sys(err, r, "read the log of %s", l.id);
	r = run(&l, err);
	return r < 0 ? r : client_end(c);
}

int stream_logs(const struct dirs *d, char *const *words, struct client *c, struct err *err)
{
	return logs_from(&log_source_files, d, words, c, err);
}
