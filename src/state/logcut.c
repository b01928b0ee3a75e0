#include "state/logcut.h"

#include <string.h>

#include "base/alloc.h"
#include "state/logfile.h"

/* The length of the first record's text in p: up to a newline or room; 0 if neither is reached. */
static size_t record_text(const char *p, size_t len, size_t room)
{
	size_t most = len < room ? len : room;
	const char *newline = memchr(p, '\n', most);

	if (newline)
		return (size_t)(newline - p) + 1;
	return most == room ? room : 0;
}

/* Completes the stream's unfinished line; returns how much of p that took. */
static size_t continue_line(struct log_cutter *c, enum stream_id stream, const char *p, size_t len,
	log_record_fn *fn, void *arg)
{
	struct buf *part = &c->part[stream];
	size_t n = record_text(p, len, LOG_LINE_MAX - part->len);

	buf_add(part, p, n ? n : len);
	if (n == 0)
		return len;
	fn(arg, stream, part->data, part->len);
	part->len = 0;
	return n;
}

void log_cut(struct log_cutter *c, enum stream_id stream, const void *data, size_t len,
	log_record_fn *fn, void *arg)
{
	const char *p = data;

	while (len) {
		size_t n;

		if (c->part[stream].len) {
			n = continue_line(c, stream, p, len, fn, arg);
		} else {
			n = record_text(p, len, LOG_LINE_MAX);
			if (n)
				fn(arg, stream, p, n);
			else
				buf_add(&c->part[stream], p, n = len);
		}
		p += n;
		len -= n;
	}
}

void log_cut_rest(struct log_cutter *c, log_record_fn *fn, void *arg)
{
	for (int s = STREAM_STDOUT; s <= STREAM_STDERR; s++)
		if (c->part[s].len)
			fn(arg, (enum stream_id)s, c->part[s].data, c->part[s].len);
	log_cutter_clear(c);
}

void log_cutter_tidy(struct log_cutter *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(c->part); i++)
		if (c->part[i].len == 0)
			buf_free(&c->part[i]);
}

void log_cutter_clear(struct log_cutter *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(c->part); i++)
		buf_free(&c->part[i]);
}
