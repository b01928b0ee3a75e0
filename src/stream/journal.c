#include "stream/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "state/events.h"

#define BLOCK    ((size_t)64 << 10)
#define LINE_MAX ((size_t)8 << 20)

void journal_close(struct journal *j)
{
	j->fd = fd_close(j->fd);
	j->dir = fd_close(j->dir);
	buf_free(&j->in);
}

/* ---- from file to file */

/* The oldest file younger than the given one, 0 if there is none. */
static int file_after(struct journal *j, int64_t file, int64_t *ret)
{
	auto_free int64_t *files = NULL;
	size_t n, i = 0;
	int r = events_files(j->dir, &files, &n);

	if (r < 0)
		return r;
	while (i < n && files[i] <= file)
		i++;
	*ret = i < n ? files[i] : 0;
	return 0;
}

static int open_file(struct journal *j, int64_t file)
{
	char name[EVENTS_NAME_SIZE];
	int fd = openat(j->dir, file ? events_file_name(name, file) : EVENTS_CURRENT,
		O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

static void switch_to(struct journal *j, int fd, int64_t file)
{
	(void)fd_close(j->fd);
	j->fd = fd;
	j->file = file;
	j->in.len = 0; /* a line without its end in the last file: nobody will write it any more */
	j->start = 0;
	j->skipping = false;
}

/* Opens what comes after the file j->after. 1: done; 0: there is nothing yet. */
static int open_next(struct journal *j)
{
	for (;;) {
		int64_t next, late;
		int fd, r = file_after(j, j->after, &next);

		if (r < 0)
			return r;
		fd = open_file(j, next);
		if (fd == -ENOENT && !next)
			return 0;
		if (fd == -ENOENT)
			continue; /* dropped this moment */
		if (fd < 0)
			return fd;
		/* opened as the current one: if it was put aside meanwhile, it may not be the next */
		r = next ? 0 : file_after(j, j->after, &late);
		if (r == 0 && (next || !late)) {
			switch_to(j, fd, next);
			return 1;
		}
		(void)fd_close(fd);
		if (r < 0)
			return r;
	}
}

/* At the end of the file that was the current one: 1 if it was put aside; then it is known by its name
 * from now on, and complete once it is read to its end again. */
static int find_put_aside(struct journal *j)
{
	auto_free int64_t *files = NULL;
	struct stat mine, there;
	char name[EVENTS_NAME_SIZE];
	size_t n;
	int r;

	if (fstat(j->fd, &mine) < 0)
		return -errno;
	if (fstatat(j->dir, EVENTS_CURRENT, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
		there.st_ino == mine.st_ino)
		return 0;
	r = events_files(j->dir, &files, &n);
	if (r < 0)
		return r;
	j->file = j->after; /* unless it is found: then it was dropped already, and all before it */
	for (size_t i = 0; i < n; i++)
		if (fstatat(j->dir, events_file_name(name, files[i]), &there,
			    AT_SYMLINK_NOFOLLOW) == 0 &&
			there.st_ino == mine.st_ino)
			j->file = files[i];
	if (j->file == 0)
		j->file = 1; /* dropped, and none before it was known */
	return 1;
}

/* Reads on. 1: there is more in the buffer; 0: nothing yet. */
static int fill(struct journal *j)
{
	buf_consume(&j->in, j->start);
	j->start = 0;
	if (j->in.len > LINE_MAX) {
		j->skipping = true;
		j->in.len = 0;
	}
	for (;;) {
		ssize_t n = 0;
		int r;

		if (j->fd >= 0) {
			buf_reserve(&j->in, BLOCK);
			n = fd_read_upto(j->fd, j->in.data + j->in.len, BLOCK);
		}
		if (n < 0)
			return (int)n;
		if (n > 0) {
			j->in.len += (size_t)n;
			return 1;
		}
		if (j->fd >= 0 && j->file == 0) {
			r = find_put_aside(j);
		} else {
			if (j->fd >= 0)
				j->after = j->file;
			r = open_next(j);
		}
		if (r <= 0)
			return r;
	}
}

/* ---- where to begin */

/* Behind the last complete line of the current file. */
static int seek_to_end(struct journal *j)
{
	off_t end = lseek(j->fd, 0, SEEK_END);
	char block[4096];

	while (end > 0) {
		off_t from = end > (off_t)sizeof(block) ? end - (off_t)sizeof(block) : 0;
		ssize_t n = pread(j->fd, block, (size_t)(end - from), from);
		const char *newline = n > 0 ? memrchr(block, '\n', (size_t)n) : NULL;

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		end = newline ? from + (newline - block) + 1 : from;
		if (newline)
			break;
	}
	return lseek(j->fd, end, SEEK_SET) < 0 ? -errno : 0;
}

static int open_at_end(struct journal *j)
{
	auto_free int64_t *files = NULL;
	size_t n;
	int r;

	r = events_files(j->dir, &files, &n);
	if (r < 0)
		return r;
	j->after = n ? files[n - 1] : 0;
	r = open_next(j);
	if (r <= 0) /* no current file: all that will be in it is new */
		return r;
	return seek_to_end(j);
}

/* Files are named after their end: the first one that ended later is where to begin. */
static int open_from(struct journal *j, int64_t from)
{
	j->after = from > 0 ? from - 1 : 0;
	return open_next(j);
}

int journal_open(const struct dirs *d, int64_t from, struct journal *ret, struct err *err)
{
	auto_journal struct journal j = { .fd = FD_NONE };
	int r;

	j.dir = openat(d->data, "events", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j.dir < 0)
		return err_sys(err, errno, "open the journal of events");
	r = from < 0 ? open_at_end(&j) : open_from(&j, from);
	if (r < 0)
		return err_sys(err, r, "open the journal of events");
	*ret = j;
	j = (struct journal){ .dir = FD_NONE, .fd = FD_NONE };
	return 0;
}

/* ---- line after line */

bool journal_line_parse(const char *text, size_t len, struct journal_line *ret)
{
	static const char key[] = "\"timeNano\":";
	const char *end = text + len - 1, *digits = end;
	char number[24];
	int64_t time;

	if (len < 2 || *text != '{' || *end != '}')
		return false;
	/* ours end with the time, and inside a string the quotes of the key could not be */
	while (digits > text && digits[-1] >= '0' && digits[-1] <= '9')
		digits--;
	if ((size_t)(end - digits) >= sizeof(number) || (size_t)(digits - text) < strlen(key) ||
		memcmp(digits - strlen(key), key, strlen(key)) != 0)
		return false;
	(void)snprintf(number, sizeof(number), "%.*s", (int)(end - digits), digits);
	if (str_to_i64(number, &time) < 0)
		return false;
	*ret = (struct journal_line){ .text = text, .len = len, .time = time };
	return true;
}

int journal_next(struct journal *j, struct journal_line *ret)
{
	for (;;) {
		char *line = j->in.data ? j->in.data + j->start : NULL;
		char *end = line ? memchr(line, '\n', j->in.len - j->start) : NULL;
		int r;

		if (end) {
			j->start = (size_t)(end - j->in.data) + 1;
			if (!j->skipping && journal_line_parse(line, (size_t)(end - line), ret))
				return 1;
			j->skipping = false;
			continue;
		}
		r = fill(j);
		if (r <= 0)
			return r;
	}
}
