/* stream/journal.h - reads the journal of events (state/events.h), across its files and as it grows.
 * Every complete line comes once and in order, whatever is rotated meanwhile. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "state/dirs.h"

struct journal {
	int dir; /* events/ */
	int fd;
	/* The file being read: 0 while it is the current one. */
	int64_t file;
	int64_t after; /* the file before it, or one still older */
	struct buf in;
	size_t start;
	bool skipping; /* inside a line that was too long */
};

struct journal_line {
	const char *text; /* the JSON object; valid until the next call */
	size_t len;
	int64_t time;
};

/* from: events from this time on, files that ended before are left out; 0: all; -1: only what is
 * written from now on. */
int journal_open(const struct dirs *d, int64_t from, struct journal *ret, struct err *err);
void journal_close(struct journal *j);
#define auto_journal __attribute__((cleanup(journal_close)))
/* 1: a line; 0: none yet; -errno. Torn lines are left out, and those of more than 8 MiB: one container with
 * such labels does not keep everybody else from hearing of the others. */
int journal_next(struct journal *j, struct journal_line *ret);

/* Whether a line is a whole event, and when that happened. */
bool journal_line_parse(const char *text, size_t len, struct journal_line *ret);
