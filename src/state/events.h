/* state/events.h - the journal of events, data/events/: append-only files of one JSON object a line,
 * exactly as `docker events` shows it. Any process appends (one O_APPEND write each), none holds it
 * open; dayfly-stream reads it. Files are put
 * aside by size and age, and dropped by count and age.
 *
 *   events/current              being written
 *   events/NANOSECONDS          earlier ones, named after the time they were put aside
 *
 * A line torn by a crash is skipped by readers; the next writer starts on a fresh line. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "state/dirs.h"

struct event {
	const char *type;   /* "container", "image", "volume", "network", "daemon" */
	const char *action; /* "start", "exec_create: sh -c true", … */
	const char *id;
	const char *from;  /* containers: the image as typed; else NULL */
	const char *attrs; /* JSON members of Actor.Attributes, "" for none */
	const char *more;  /* further members, e.g. "\"exitCode\":\"0\"", or NULL */
	int64_t time;      /* 0: now */
};

/* The JSON text, without newline. Legacy members status, id and from are included where Docker's API
 * before 1.52 has them: containers all three, images status and id. */
void event_print(struct buf *out, const struct event *e);
/* Appends and rotates. A failure is for the caller to log: an event never fails what it tells of. */
int event_append(const struct dirs *d, const struct event *e);
/* type's "prune", which freed that many bytes. */
int event_prune(const struct dirs *d, const char *type, int64_t freed);
/* Whether the journal has this event of the container from the time since on. For recovery, which
 * comes soon after: only the newest two files are searched, as a rotation may lie between. */
bool event_is_written(const struct dirs *d, const char *id, const char *action, int64_t since);

/* ---- the files, for the journal's reader */
#define EVENTS_CURRENT   "current"
#define EVENTS_FILE_SIZE ((off_t)4 << 20)
#define EVENTS_FILES_MAX 16 /* the current one included */
/* Nanoseconds from its first event on, after which a file is put aside; and after which it is dropped, from
 * then on. What is asked for is mostly days old, and nobody means to keep years. */
#define EVENTS_FILE_AGE  (INT64_C(7) * 24 * 3600 * 1000000000)
#define EVENTS_AGE       (INT64_C(90) * 24 * 3600 * 1000000000)
#define EVENTS_NAME_SIZE 24
/* The earlier files, oldest first: their names as numbers, to be freed. */
int events_files(int dir, int64_t **ret, size_t *ret_count);
char *events_file_name(char ret[EVENTS_NAME_SIZE], int64_t file);
