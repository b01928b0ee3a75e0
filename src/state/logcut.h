/* state/logcut.h - output as it comes from a pipe, in any cut, made into records: a record ends with its
 * newline, after LOG_LINE_MAX bytes, or where it is told to. */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/http_out.h"

/* Zeroed is ready. */
struct log_cutter {
	struct buf part[3]; /* the unfinished line of each enum stream_id */
};

typedef void log_record_fn(void *arg, enum stream_id stream, const char *text, size_t len);

/* Calls fn for each record that is complete; an unfinished line is copied and waits, per stream. */
void log_cut(struct log_cutter *c, enum stream_id stream, const void *data, size_t len,
	log_record_fn *fn, void *arg);
/* Unfinished lines of all streams become records as they are; nothing waits afterwards, and no memory is
 * held. */
void log_cut_rest(struct log_cutter *c, log_record_fn *fn, void *arg);
/* Frees the room of lines that have ended. */
void log_cutter_tidy(struct log_cutter *c);
void log_cutter_clear(struct log_cutter *c);
