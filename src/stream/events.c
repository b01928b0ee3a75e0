/* stream/events.c - GET /events. */
#include "base/fd.h"
#include "base/http_out.h"
#include "base/timefmt.h"
#include "stream/event_filter.h"
#include "stream/journal.h"
#include "stream/stream.h"
#include "stream/waiter.h"

struct span {
	bool past;     /* what happened before is asked for: one of the bounds was given */
	int64_t since; /* ≥ 0 */
	int64_t until; /* 0: for ever */
};

static int parse_span(char *const *words, struct span *ret, struct err *err)
{
	int since_given = word_time(words, "since", &ret->since, err), until_given;

	if (since_given < 0)
		return since_given;
	until_given = word_time(words, "until", &ret->until, err);
	if (until_given < 0)
		return until_given;
	if (until_given && ret->since > ret->until)
		return err_set(err, ERR_INVALID, EINVAL,
			"`since` time (%s) cannot be after `until` time (%s)",
			word_get(words, "since"), word_get(words, "until"));
	ret->past = since_given || until_given;
	if (ret->since < 0)
		ret->since = 0;
	if (until_given && ret->until <= 0)
		ret->until = 1; /* 1970 is past, and 0 would mean for ever */
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
	auto_event_filter struct event_filter f = { 0 };
	auto_journal struct journal j = { .dir = FD_NONE, .fd = FD_NONE };
	auto_waiter struct waiter w = { 0 };
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
	f.no_image_create = word_get(words, "image-create") != NULL;
	r = journal_open(d, span.past ? span.since : -1, &j, err);
	if (r == 0)
		r = waiter_add_folder(&w, j.dir, &bit, err);
	if (r < 0)
		return r;
	r = client_head(c, TYPE_JSON);
	return r < 0 ? r : run(&j, &span, &f, &w, c, err);
}
