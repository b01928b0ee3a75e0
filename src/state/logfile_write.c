/* The writing side of state/logfile.h.
 *
 * Output becomes records in one buffer, l->out, which is written whenever it holds FLUSH_AT bytes and
 * at the end of each call. A record ends with the only newline in it (others are escaped), so the
 * place to cut between two files is found again in the buffer and need not be remembered. While
 * writing fails, the buffer simply grows by what the caller still brings. */
#include "state/logfile.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/timefmt.h"
#include "state/logcut.h"

/* Enough for one write for what a pipe holds (64 KiB) of common lines. */
#define FLUSH_AT     ((size_t)128 << 10)
#define RECORD_START "{\"log\":\""
#define RECORD_TAIL  "\",\"stream\":\"%s\",%s\"time\":\"%.30s\"}\n"
#define TAIL_LEN                                                                                   \
	(sizeof("\",\"stream\":\"stdout\",\"time\":\"2006-01-02T15:04:05.999999999Z\"}\n") - 1)
/* Every byte as \u00xx and what stands around the text, attributes apart. Pages that are not touched cost
 * nothing. */
#define RECORD_MAX ((size_t)6 * LOG_LINE_MAX + 128)

struct logfile {
	int dir; /* borrowed */
	int fd;  /* FD_NONE between two files when the second could not be made */
	char id[ID_SIZE];
	int64_t max_size, size;
	unsigned max_files;
	int64_t most_kept;
	char *attrs;        /* the member of each record, with its comma; "" for none */
	struct buf out;     /* records to be written */
	bool inside_record; /* after a short write: out begins with the rest of a record */
	struct log_cutter cutter;
	char *tail[3]; /* how the records of the current call end, by stream: tail_len bytes */
	size_t tail_len;
	int failed; /* -errno of the current call's writing */
};

char *logfile_name(char ret[LOG_NAME_SIZE], const char *id, unsigned part)
{
	int n = snprintf(ret, LOG_NAME_SIZE, "%.*s-json.log", ID_LEN, id);

	if (part)
		(void)snprintf(ret + n, (size_t)(LOG_NAME_SIZE - n), ".%u", part);
	return ret;
}

/* ---- the files */

static int open_current(struct logfile *l)
{
	char name[LOG_NAME_SIZE];
	struct stat st;
	char last;

	l->fd = openat(l->dir, logfile_name(name, l->id, 0),
		O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (l->fd < 0)
		return -errno;
	if (fstat(l->fd, &st) < 0)
		return -errno;
	l->size = st.st_size;
	/* the monitor before us was killed inside a record: end it, so that ours are whole */
	if (st.st_size > 0 && pread(l->fd, &last, 1, st.st_size - 1) == 1 && last != '\n' &&
		l->out.len == 0)
		buf_addc(&l->out, '\n');
	return 0;
}

/* Moves part n to n + 1, from the first free number down; the oldest is written over. Starting at a
 * gap makes a repetition harmless after a failure half-way. */
static int shift_parts(struct logfile *l)
{
	char from[LOG_NAME_SIZE], to[LOG_NAME_SIZE];
	unsigned n = 1;

	while (n < l->max_files - 1 &&
		faccessat(l->dir, logfile_name(to, l->id, n), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		n++;
	for (; n > 0; n--)
		if (renameat(l->dir, logfile_name(from, l->id, n - 1), l->dir,
			    logfile_name(to, l->id, n)) < 0)
			return -errno;
	return 0;
}

static int rotate(struct logfile *l)
{
	char name[LOG_NAME_SIZE];
	int r;

	if (l->max_files > 1)
		r = shift_parts(l);
	else
		r = unlinkat(l->dir, logfile_name(name, l->id, 0), 0) < 0 ? -errno : 0;
	if (r < 0 && r != -ENOENT)
		return r;
	l->fd = fd_close(l->fd);
	return 0;
}

/* How much of p may go to the file: everything, or the records that still fit, but at least one when
 * the file is empty. 0: rotate first. */
static size_t fitting(const struct logfile *l, const char *p, size_t len)
{
	const char *end;

	if (l->max_size <= 0 || l->size + (int64_t)len <= l->max_size)
		return len;
	end = l->inside_record ? memchr(p, '\n', len) : NULL;
	if (!end && l->size < l->max_size)
		end = memrchr(p, '\n', (size_t)(l->max_size - l->size));
	if (!end && l->size == 0)
		end = memchr(p, '\n', len);
	return end ? (size_t)(end - p) + 1 : 0;
}

static int write_out(struct logfile *l)
{
	size_t done = 0;
	int r = 0;

	while (done < l->out.len) {
		size_t n;
		ssize_t written;

		if (l->fd < 0) {
			r = open_current(l);
			if (r < 0)
				break;
		}
		n = fitting(l, l->out.data + done, l->out.len - done);
		if (n == 0) {
			r = rotate(l);
			if (r < 0)
				break;
			continue;
		}
		written = write(l->fd, l->out.data + done, n);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			r = -errno;
			break;
		}
		done += (size_t)written;
		l->size += written;
		l->inside_record = l->out.data[done - 1] != '\n';
	}
	buf_consume(&l->out, done);
	return r;
}

/* ---- the records */

/* Copies up to the first byte that JSON wants escaped, which *p then points to, or to the end; returns
 * the end of the copy. Eight bytes at a time, writing up to eight more than asked: a byte is found where
 * one of the three terms has its top bit set, and below the lowest such place no carry can have come. */
static char *copy_plain(char *to, const unsigned char **p, const unsigned char *end)
{
	const uint64_t ones = 0x0101010101010101, tops = ones << 7;
	const unsigned char *at = *p;

	while (end - at >= 8) {
		uint64_t v, quote, slash, found;

		memcpy(&v, at, sizeof(v));
		memcpy(to, &v, sizeof(v));
		v = le64toh(v);
		quote = v ^ (ones * '"');
		slash = v ^ (ones * '\\');
		found = (((v - ones * 0x20) & ~v) | ((quote - ones) & ~quote) |
				((slash - ones) & ~slash)) &
			tops;
		if (found) {
			int plain = __builtin_ctzll(found) / 8;

			*p = at + plain;
			return to + plain;
		}
		at += 8;
		to += 8;
	}
	while (at < end && *at >= 0x20 && *at != '"' && *at != '\\')
		*to++ = (char)*at++;
	*p = at;
	return to;
}

static char *put_escaped(char *to, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";

	switch (c) {
	case '"': return stpcpy(to, "\\\"");
	case '\\': return stpcpy(to, "\\\\");
	case '\n': return stpcpy(to, "\\n");
	case '\r': return stpcpy(to, "\\r");
	case '\t': return stpcpy(to, "\\t");
	}
	to = stpcpy(to, "\\u00");
	*to++ = digits[c >> 4];
	*to++ = digits[c & 15];
	return to;
}

/* Appends one record to out, and writes that when it is much. */
static void add_record(void *arg, enum stream_id stream, const char *text, size_t len)
{
	struct logfile *l = arg;
	const unsigned char *p = (const unsigned char *)text, *end = p + len;
	char *to;

	if (l->out.room - l->out.len < RECORD_MAX + l->tail_len)
		buf_reserve(&l->out, FLUSH_AT + RECORD_MAX + l->tail_len);
	to = mempcpy(l->out.data + l->out.len, RECORD_START, strlen(RECORD_START));
	while (to = copy_plain(to, &p, end), p < end)
		to = put_escaped(to, *p++);
	to = mempcpy(to, l->tail[stream], l->tail_len);
	l->out.len = (size_t)(to - l->out.data);
	if (l->failed == 0 && l->out.len >= FLUSH_AT)
		l->failed = write_out(l);
}

/* Prepares what follows the text of each stream's records. */
static void set_time(struct logfile *l)
{
	char stamp[TIME_TEXT];

	(void)time_rfc3339_fixed(time_now(), stamp);
	for (int i = STREAM_STDOUT; i <= STREAM_STDERR; i++)
		(void)snprintf(l->tail[i], l->tail_len + 1, RECORD_TAIL,
			i == STREAM_STDERR ? "stderr" : "stdout", l->attrs, stamp);
}

/* Of what cannot be written the oldest is kept, in whole records, as Docker's buffer does it. */
static void drop_excess(struct logfile *l)
{
	char *end;

	if (l->most_kept <= 0 || (int64_t)l->out.len <= l->most_kept)
		return;
	end = memrchr(l->out.data, '\n', (size_t)l->most_kept);
	if (!end)
		end = memchr(l->out.data, '\n', l->out.len);
	l->out.len = end ? (size_t)(end - l->out.data) + 1 : l->out.len;
}

int logfile_write(struct logfile *l, enum stream_id stream, const void *data, size_t len)
{
	l->failed = l->out.len ? write_out(l) : 0;
	if (len)
		set_time(l);
	log_cut(&l->cutter, stream, data, len, add_record, l);
	if (l->failed == 0)
		l->failed = write_out(l);
	if (l->failed < 0)
		drop_excess(l);
	return l->failed;
}

int logfile_flush(struct logfile *l)
{
	l->failed = 0;
	log_cut_rest(&l->cutter, add_record, l);
	if (l->failed == 0)
		l->failed = write_out(l);
	if (l->failed == 0)
		buf_free(&l->out);
	return l->failed;
}

void logfile_tidy(struct logfile *l)
{
	log_cutter_tidy(&l->cutter);
	if (l->out.len == 0)
		buf_free(&l->out);
}

int logfile_open(int dir, const char *id, const struct logfile_options *o, struct logfile **ret,
	struct err *err)
{
	struct logfile *l = xcalloc(1, sizeof(*l));
	int r;

	l->dir = dir;
	l->max_size = o->max_size;
	l->max_files = o->max_files ? o->max_files : 1;
	l->most_kept = o->most_kept;
	l->attrs = str_empty(o->attrs) ? xstrdup("") : xasprintf("\"attrs\":%s,", o->attrs);
	l->tail_len = TAIL_LEN + strlen(l->attrs);
	for (int i = STREAM_STDOUT; i <= STREAM_STDERR; i++)
		l->tail[i] = xmalloc(l->tail_len + 1);
	(void)snprintf(l->id, sizeof(l->id), "%s", id);
	set_time(l);
	r = open_current(l);
	if (r < 0) {
		logfile_free(l);
		return err_sys(err, r, "open the container's log");
	}
	*ret = l;
	return 0;
}

void logfile_free(struct logfile *l)
{
	if (!l)
		return;
	(void)fd_close(l->fd);
	log_cutter_clear(&l->cutter);
	for (size_t i = 0; i < ARRAY_SIZE(l->tail); i++)
		free(l->tail[i]);
	free(l->attrs);
	buf_free(&l->out);
	free(l);
}
