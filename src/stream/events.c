/* stream/events.c - GET /events. */
#include "base/fd.h"
#include "base/http_out.h"
#include "base/timefmt.h"
#include "stream/event_filter.h"
#include "stream/journal.h"
#include "stream/stream.h"
#include "stream/waiter.h"

struct span {
	int64_t since, until; /* 0: not given */
};

static int parse_span(char *const *words, struct span *ret, struct err *err)
{
	int r = word_time(words, "since", &ret->since, err);

	if (r == 0)
		r = word_time(words, "until", &ret->until, err);
	if (r < 0)
		return r;
	if (ret->until && ret->since > ret->until)
		return err_set(err, ERR_INVALID, EINVAL,
			"`since` time (%s) cannot be after `until` time (%s)",
			word_get(words, "since"), word_get(words, "until"));
	return 0;
}

/* Each event is a chunk of its own: there are clients that take chunks for records. */
static int send_available(struct journal *j, const struct span *span, const struct event_filter *f,
	struct client *c, struct err *err)
{
	struct journal_line line;
	int r;

	while ((r = journal_next(j, &line)) > 0) {
		if (line.time < span->since || (span->until && line.time > span->until))
			continue;
		if (!event_filter_match(f, line.text, line.len))
			continue;
		client_add(c, line.text, line.len);
		client_add(c, "\n", 1);
		r = client_flush(c);
		if (r < 0)
			return err_sys(err, r, "send to the client");
	}
	return r < 0 ? err_sys(err, r, "read the journal of events") : 0;
}

static int run(struct journal *j, const struct span *span, const struct event_filter *f,
	struct waiter *w, struct client *c, struct err *err)
{
	for (;;) {
		bool last =
			w->time_up; /* asked before reading: what happened until then is shown */
		int r = send_available(j, span, f, c, err);

		if (r < 0)
			return r;
		if (last)
			return client_end(c);
		r = waiter_wait(w, err);
		if (r < 0)
			return r;
		if (w->client_gone)
			return -EPIPE;
	}
}

int stream_events(const struct dirs *d, char *const *words, struct client *c, struct err *err)
{
	auto_event_filter struct event_filter f = {0};
	auto_journal struct journal j = {.dir = FD_NONE, .fd = FD_NONE};
	auto_waiter struct waiter w = {0};
	struct span span;
	unsigned bit;
	int r;

	r = parse_span(words, &span, err);
	if (r == 0)
		r = event_filter_parse(word_get(words, "filters"), &f, err);
	if (r == 0)
		r = waiter_open(&w, c->fd, span.until, err);
	if (r < 0)
		return r;
	/* with neither bound given, what happened before is not asked for */
	r = journal_open(d, span.since || span.until ? span.since : -1, &j, err);
	if (r == 0)
		r = waiter_add_folder(&w, j.dir, &bit, err);
	if (r < 0)
		return r;
	r = client_head(c, TYPE_JSON);
	return r < 0 ? r : run(&j, &span, &f, &w, c, err);
}
