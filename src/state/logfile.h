/* state/logfile.h - a container's log in Docker's json-file format: containers/ID/ID-json.log, older
 * parts with .1 (youngest) … appended. One line a record: {"log":"…\n","stream":"stdout","time":"…"},
 * with "attrs":{…} before the time if the container's options ask for labels, variables or a tag.
 * A message longer than 16 KiB is split; only its last part ends with a newline, as in Docker.
 * Bytes that are not UTF-8 are written as they are, so that reading gives back exactly what the
 * container wrote (Docker replaces them).
 *
 * The monitor is the only writer. Rotation renames and never cuts: a reader that holds the old file
 * open goes on to its end and then opens the new one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/http_out.h"
#include "base/str.h"

#define LOG_LINE_MAX 16384 /* bytes of message in one record */
#define LOG_SIZE_DEFAULT                                                                           \
	(INT64_C(100) << 20) /* bounded unless the user says otherwise: 5 x 100 MiB */
#define LOG_FILES_DEFAULT 5

#define LOG_NAME_SIZE (ID_SIZE + 24)
/* part 0: ID-json.log, being written; part N: ID-json.log.N. */
char *logfile_name(char ret[LOG_NAME_SIZE], const char *id, unsigned part);

/* ---- writing (monitor) */
struct logfile;
struct logfile_options {
	int64_t max_size; /* bytes; -1: never rotate */
	unsigned max_files;
	const char *attrs; /* a JSON object that stands in every record, or NULL; copied */
	/* mode=non-blocking: as many bytes of what cannot be written are kept, the rest is dropped. 0:
	 * all is kept */
	int64_t most_kept;
};
/* dir: the container's data folder, borrowed for the life of the logfile. Appends; a last line without
 * its end (crash) is ended first. */
int logfile_open(int dir, const char *id, const struct logfile_options *o, struct logfile **ret,
	struct err *err);
void logfile_free(struct logfile *l);
/* Adds output of one stream as it was read from the pipe, in any cut. Complete lines are written
 * before it returns; an unfinished line waits (per stream) for its end, for 16 KiB or for
 * logfile_flush(). One time stamp per call. A short or failed write (disk full) is told by the return
 * value (-errno); data counts as taken all the same and what could not be written is kept in memory,
 * so nothing is dropped: the caller stops reading the container's output and calls again with len 0
 * from time to time until that succeeds (back-pressure). */
int logfile_write(struct logfile *l, enum stream_id stream, const void *data, size_t len);
/* Writes unfinished lines of all streams as they are (end of a run) and frees the buffers; the next
 * write makes new ones. Fails and is repeated like logfile_write(). */
int logfile_flush(struct logfile *l);
/* In a pause: frees what holds nothing; the next write makes it anew. */
void logfile_tidy(struct logfile *l);

/* ---- reading (stream, monitor's replay) */
struct log_record {
	enum stream_id stream;
	int64_t time;
	const char *text; /* decoded, may hold any byte; valid until the next call */
	size_t len;
	const char *attrs; /* the JSON object as it stands there; NULL: none. As valid as text */
	size_t attrs_len;
};

struct logreader;
/* dir borrowed. Starts with the oldest file. */
int logreader_open(int dir, const char *id, struct logreader **ret, struct err *err);
void logreader_free(struct logreader *r);
/* Positions so that the last n records are next (records, as in Docker's --tail). */
int logreader_tail(struct logreader *r, uint64_t n);
/* Leaves out older files that end before since (ns since 1970). Records before it may still come. */
void logreader_since(struct logreader *r, int64_t since);
/* 1: a record; 0: at the end (call again later: growth and rotation are found); -errno.
 * Torn lines are skipped. */
int logreader_next(struct logreader *r, struct log_record *ret);
/* The open file's descriptor changes with rotation; followers watch the folder with inotify. */
